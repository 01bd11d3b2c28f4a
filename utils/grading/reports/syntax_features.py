"""Features of code and text by which submissions are compared.

Code is compared by its statements, not by its layout: each is written anew from its syntax tree, in
which all names that the student chose are the same one, operands of sums and products are sorted,
and comments, docstrings and annotations are left out. Its features are the runs of its tokens, as
those of a written answer are the runs of its words. So renaming, reformatting, and moving lines,
functions or cells change little.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from utils.grading.notebook.source import parsed

DEEPEST = 100  # levels of a statement's syntax tree; what is deeper is left out
TOKENS = 3  # of a run in code
WORDS = 4  # of a run in text
CHOSEN = "_"  # stands for each name that the student chose


@dataclass
class Work:
    """What one student wrote: cells of code and of text, in the notebook's order."""

    code: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


@dataclass
class Features:
    """What is compared of one submission.

    Attributes:
        counts: how often each feature occurs.
        lines: statements and sentences without layout, with their text as it was written.
    """

    counts: Counter[str] = field(default_factory=Counter)
    lines: dict[str, str] = field(default_factory=dict)

    def add(self, tokens: Sequence[str], length: int, text: str) -> None:
        """Add a statement or a sentence, unless it is too short."""
        runs = range(len(tokens) - length + 1)
        self.counts.update(" ".join(tokens[i : i + length]) for i in runs)
        if runs:
            self.lines.setdefault(" ".join(tokens), text.strip())


class _Normaliser(ast.NodeTransformer):
    """Normalises the syntax trees of one submission.

    Args:
        module: all of its code.
        given: functions and classes that the released notebook names; they keep their names.
    """

    def __init__(self, module: ast.Module, given: frozenset[str]) -> None:
        self.own: set[str] = set()
        for node in ast.walk(module):
            match node:
                case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name):
                    self.own.add(name)
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    self.own.add(name)
        self.own -= given

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for part in ("id", "arg", "name"):
            if getattr(node, part, None) in self.own:
                setattr(node, part, CHOSEN)
        for part in ("annotation", "returns", "type_comment"):
            if isinstance(node, ast.arg | ast.FunctionDef) and hasattr(node, part):
                setattr(node, part, None)
        return super().generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if node.value is None:
            return self.generic_visit(node)
        return self.visit(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        node.keywords.sort(key=lambda keyword: keyword.arg or "")
        return self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.Mult):
            node.left, node.right = sorted((node.left, node.right), key=ast.unparse)
        return node


def features(work: Work, given: frozenset[str] = frozenset()) -> Features:
    """Return the features of a student's work.

    Args:
        work: the student's cells.
        given: functions and classes that the released notebook names.
    """
    found = Features()
    source = "\n".join(work.code).splitlines()
    module = _parse(work.code)
    normaliser = _Normaliser(module, given)
    for node in ast.walk(module):
        if not isinstance(node, ast.stmt) or _says_nothing(node):
            continue
        head = _head(node)
        body: Any = getattr(node, "body", None)
        last = node.end_lineno if head is node else body[0].lineno - 1
        text = "\n".join(source[node.lineno - 1 : max(last or 0, node.lineno)])
        plain = ast.unparse(ast.fix_missing_locations(normaliser.visit(head)))
        found.add(re.findall(r"[\w.]+|\S", plain), TOKENS, text)
    for answer in work.text:
        for sentence in re.split(r"(?<=[.!?])\s+|\n{2,}", answer):
            found.add(re.findall(r"\w+", sentence.casefold()), WORDS, sentence)
    return found


def _head(node: ast.stmt) -> ast.stmt:
    """Return a compound statement without the statements in it, any other one as it is."""
    if not isinstance(getattr(node, "body", None), list):
        return node
    emptied: dict[str, Any] = {
        name: [] for name in ("orelse", "finalbody", "handlers") if hasattr(node, name)
    }
    fields: dict[str, Any] = dict(ast.iter_fields(node)) | emptied | {"body": [ast.Pass()]}
    return ast.copy_location(type(node)(**fields), node)


def _says_nothing(statement: ast.stmt) -> bool:
    """Return whether a statement is a docstring, another text alone, or `pass`."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _parse(code: Sequence[str]) -> ast.Module:
    """Return the syntax tree of cells, as far as they are valid Python."""
    module = ast.Module(body=[], type_ignores=[])
    first = 0
    for cell in code:
        # of one with a fault the parts that start at the left margin, so that some can be read
        for part in [cell] if parsed(cell) else re.split(r"\n(?=\S)", cell):
            offset = first + cell[: cell.find(part)].count("\n")
            for statement in getattr(parsed(part), "body", ()):
                if not _is_too_deep(statement):
                    module.body.append(ast.increment_lineno(statement, offset))
        first += cell.count("\n") + 1
    return module


def _is_too_deep(statement: ast.stmt) -> bool:
    """Return whether a statement is nested deeper than any code that people write."""
    level: list[ast.AST] = [statement]
    for _ in range(DEEPEST):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return bool(level)


def defined_names(work: Work) -> frozenset[str]:
    """Return the functions, classes and methods that the released notebook names."""
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return frozenset(
        node.name for node in ast.walk(_parse(work.code)) if isinstance(node, definitions)
    )
