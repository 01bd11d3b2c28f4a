"""Features of code and text for the comparison of submissions.

Code is compared by its structure, not by its layout. Every statement and every larger expression
in a student's cells becomes a feature: its normalised abstract syntax tree. The student's own names
are numbered in order of occurrence, operands of sums and products are sorted, and comments,
docstrings and annotations are removed. So renaming, reformatting, and moving lines, functions or
cells change little. Written answers are compared by their 4-grams of words.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

DEEPEST = 100  # maximum depth of a statement's syntax tree; deeper statements are left out
SMALLEST = 5  # minimum nodes of a syntax tree to be a feature
WORDS = 4  # length of an n-gram of words


@dataclass
class Work:
    """One student's work: the code cells and the text cells, in the notebook's order."""

    code: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


Tree = Any  # a string, or a tuple of a kind and trees; ("$", name) is a name of the student's
USUAL = {"np": "numpy", "plt": "matplotlib.pyplot"}  # the released notebook imports them
_SORTED = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_TURNED = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_IGNORED = ("ctx", "type_comment", "annotation", "returns", "type_params", "kind", "simple")


class _Normaliser:
    """Normalises the syntax trees of one submission.

    Args:
        module: all of its code.
        given: functions and classes that the released notebook defines; they keep their names.
    """

    def __init__(self, module: ast.Module, given: frozenset[str]) -> None:
        self.own: set[str] = set()
        self.imported = dict(USUAL)
        for node in ast.walk(module):
            match node:
                case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
                    self.own.add(name)
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    self.own.add(name)
                case ast.Attribute(attr=name, ctx=ast.Store()):
                    self.own.add(f".{name}")
                case ast.Import(names=names):
                    for alias in names:
                        if alias.asname:
                            self.imported[alias.asname] = alias.name
                case ast.ImportFrom(module=source, names=names):
                    for alias in names:
                        self.imported[alias.asname or alias.name] = f"{source}.{alias.name}"
        self.own -= given

    def of(self, node: ast.AST) -> Tree:
        """Return the normalised tree of a syntax tree."""
        match node:
            case ast.Name(id=name):
                return ("$", name) if name in self.own else self.imported.get(name, name)
            case ast.arg(arg=name):
                return ("$", name) if name in self.own else name
            case ast.Attribute(value=value, attr=name):
                inner = self.of(value)
                if isinstance(inner, str) and inner in self.imported.values():
                    return f"{inner}.{name}"
                return (".", inner, ("$", f".{name}") if f".{name}" in self.own else name)
            case ast.Constant(value=str() | bytes()):
                return "text"
            case ast.Constant(value=value):
                return repr(value)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                chosen = ("$", name) if name in self.own else name
                return (type(node).__name__, chosen, *self._fields(node, "name"))
            case ast.BinOp(op=op) if isinstance(op, _SORTED):
                return (type(op).__name__, *sorted(self._operands(node, type(op)), key=_text))
            case ast.BoolOp(op=op, values=values):
                return (type(op).__name__, *sorted(map(self.of, values), key=_text))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sides = [self.of(left), self.of(right)]
                if type(op) in _TURNED:
                    return (_TURNED[type(op)].__name__, *reversed(sides))
                if isinstance(op, ast.Eq | ast.NotEq):
                    sides.sort(key=_text)
                return (type(op).__name__, *sides)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return ("Assign", self.of(target), self.of(value))
            case ast.Call(keywords=keywords):
                named = sorted((self.of(keyword) for keyword in keywords), key=_text)
                return ("Call", self.of(node.func), *map(self.of, node.args), *named)
        return (type(node).__name__, *self._fields(node))

    def _fields(self, node: ast.AST, *but: str) -> Iterator[Tree]:
        for name, value in ast.iter_fields(node):
            if name in _IGNORED or name in but:
                continue
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, ast.stmt):
                    if not _says_nothing(item):
                        yield self.of(item)
                elif isinstance(item, ast.AST):
                    yield self.of(item)
                elif item is not None:
                    yield str(item)

    def _operands(self, node: ast.AST, kind: type) -> Iterator[Tree]:
        if isinstance(node, ast.BinOp) and isinstance(node.op, kind):
            yield from self._operands(node.left, kind)
            yield from self._operands(node.right, kind)
        else:
            yield self.of(node)


def _says_nothing(statement: ast.stmt) -> bool:
    """Return whether a statement is a docstring, a lone constant, or `pass`."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _text(tree: Tree, numbers: dict[str, int] | None = None) -> str:
    """Return a tree as text; the student's names become `$`, or `$0`, `$1`, ... with `numbers`."""
    if isinstance(tree, str):
        return tree
    if tree[0] == "$":
        return "$" if numbers is None else f"${numbers.setdefault(tree[1], len(numbers))}"
    return f"({' '.join(_text(part, numbers) for part in tree)})"


def _size(tree: Tree) -> int:
    if isinstance(tree, str) or tree[0] == "$":
        return 1
    return sum(map(_size, tree))


def _trees(tree: Tree) -> Iterator[Tree]:
    """Yield a tree and all trees in it that are large enough to be features."""
    if not isinstance(tree, str) and _size(tree) >= SMALLEST:
        yield tree
        for part in tree:
            yield from _trees(part)


def _parse(code: Sequence[str]) -> ast.Module:
    """Return the syntax tree of the valid Python in cells, without magics."""
    module = ast.Module(body=[], type_ignores=[])
    first = 0
    for cell in code:
        plain = re.sub(r"(?m)^([^\S\n]*)[%!].*$", r"\1pass", cell)
        for part in (plain, *([] if _readable(plain) else _paragraphs(plain))):
            try:
                body = [one for one in ast.parse(part).body if not _is_too_deep(one)]
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            offset = first + plain[: plain.find(part)].count("\n")
            for statement in body:
                ast.increment_lineno(statement, offset)
            module.body += body
        first += cell.count("\n") + 1
    return module


def _is_too_deep(statement: ast.stmt) -> bool:
    """Return whether a statement is nested deeper than any code that people write."""
    level: list[ast.AST] = [statement]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return bool(level)


def _readable(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _paragraphs(source: str) -> list[str]:
    """Split a cell at lines without indentation, so that valid parts can still be parsed."""
    return re.split(r"\n(?=\S)", source)


@dataclass
class Features:
    """The features of one submission.

    Attributes:
        counts: number of occurrences of each feature.
        lines: features of single lines -> the lines' text.
    """

    counts: Counter[str] = field(default_factory=Counter)
    lines: dict[str, str] = field(default_factory=dict)


def features(work: Work, given: frozenset[str] = frozenset()) -> Features:
    """Return the features of a student's work.

    Args:
        work: the student's cells.
        given: functions and classes that the released notebook defines.
    """
    found = Features()
    module = _parse(work.code)
    source = "\n".join(work.code).splitlines()
    normal = _Normaliser(module, given)
    for node in ast.walk(module):
        if not isinstance(node, ast.stmt) or _says_nothing(node):
            continue
        head = _head(node)
        tree = normal.of(head)
        for part in _trees(tree):
            found.counts[_text(part, {})] += 1
        if _size(tree) >= SMALLEST:
            body: Any = getattr(node, "body", None)
            last = head.end_lineno if head is node else body[0].lineno - 1
            text = source[node.lineno - 1 : max(last or 0, node.lineno)]
            found.lines.setdefault(_text(tree, {}), "\n".join(text).strip())
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, [])
            if isinstance(statements, list):
                kept = [s for s in statements if isinstance(s, ast.stmt) and not _says_nothing(s)]
                for pair in zip(kept, kept[1:], strict=False):  # neighbouring statements
                    together = ("then", *(normal.of(_head(statement)) for statement in pair))
                    found.counts[_text(together, {})] += 1
    for answer in work.text:
        for sentence in re.split(r"(?<=[.!?])\s+|\n{2,}", answer):
            words = re.findall(r"\w+", sentence.casefold())
            runs = [" ".join(words[i : i + WORDS]) for i in range(len(words) - WORDS + 1)]
            found.counts.update(f"words: {run}" for run in runs)
            if len(words) >= WORDS:
                found.lines.setdefault(f"sentence: {' '.join(words)}", sentence.strip())
    return found


def _head(node: ast.stmt) -> ast.stmt:
    """Return a compound statement without the statements in it."""
    if not isinstance(getattr(node, "body", None), list):
        return node
    emptied: dict[str, Any] = {
        name: [] for name in ("body", "orelse", "finalbody", "handlers") if hasattr(node, name)
    }
    head = type(node)(**{**dict(ast.iter_fields(node)), **emptied})
    return ast.copy_location(head, node)


def defined_names(work: Work) -> frozenset[str]:
    """Return the names of all functions, classes and methods defined in the code."""
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return frozenset(
        node.name for node in ast.walk(_parse(work.code)) if isinstance(node, definitions)
    )
