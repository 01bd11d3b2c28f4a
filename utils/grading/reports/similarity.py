"""Pairs of submissions that are alike: a reason to look, not a verdict.

Code is compared by what it does, not by how it looks. Every statement and every larger expression
of a student's cells becomes a feature: its syntax tree, with the names that the student chose
numbered in the order in which they occur, operands of sums and products sorted, comments,
docstrings and annotations gone. So renaming, reformatting, and moving lines, functions or cells
around change little. Written answers are compared by their runs of four words. What the released
notebook holds already does not count, and what half the class has written counts little: a feature
that n of N students have weighs log((N + 1) / n), and a pair is ranked by the weight of what it
shares times the square of the share of the smaller submission that this is. One is added to N
because the next student may do without what all so far have written; in a class of two, where
nothing tells the usual from the rare, all that they share would weigh nothing without it.

Two who solve a small task in the only usual way cannot be told from two who copied, here or by eye.
"""

from __future__ import annotations

import ast
import html
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from utils.grading.course.settings import Course, CourseError
from utils.grading.notebook import restore
from utils.grading.reports import report
from utils.grading.reports.feedback import COLOURS
from utils.grading.terminal import clean

DEEPEST = 100  # levels of a statement's syntax tree; what is deeper is left out
SMALLEST = 5  # nodes of a syntax tree that is a feature
WORDS = 4  # of a run of words that is a feature
MANY = 50  # pairs on the page
LITTLE = 0.25  # share of the smaller submission that two have to have in common to be listed

VERDICT = (
    "This is a reason to look, not a verdict. Likeness has innocent causes: a small task with one "
    "usual solution, the same lecture, the same book, work in a group where that is allowed. Read "
    "both submissions, and talk to both students, before you think of anything else."
)


@dataclass
class Work:
    """What one student wrote: cells of code and of text, in the notebook's order."""

    code: list[str] = field(default_factory=list)
    text: list[str] = field(default_factory=list)


@dataclass
class Pair:
    """Two submissions that are alike.

    Attributes:
        first, second: the students.
        evidence: weight of what they share, times the square of `share`.
        share: of the smaller submission's weight, 0 to 1.
        lines: shared lines side by side: (first student's, second student's).
    """

    first: str
    second: str
    evidence: float
    share: float
    lines: list[tuple[str, str]] = field(default_factory=list)


# Features ---------------------------------------------------------------------------------------

Tree = Any  # a string, or a tuple of a kind and trees; ("$", name) is a name that the student chose
USUAL = {"np": "numpy", "plt": "matplotlib.pyplot"}  # the released notebook imports them
_SORTED = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr, ast.BitXor)
_TURNED = {ast.Gt: ast.Lt, ast.GtE: ast.LtE}
_IGNORED = ("ctx", "type_comment", "annotation", "returns", "type_params", "kind", "simple")


class _Shapes:
    """Turns the syntax trees of one submission into trees without looks.

    Args:
        module: all of its code.
        given: functions and classes that the released notebook names; they keep their names.
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
        """Return the shape of a syntax tree."""
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
            case ast.FunctionDef() | ast.ClassDef():
                name = ("$", node.name) if node.name in self.own else node.name
                return (type(node).__name__, name, *self._fields(node, "name"))
            case ast.BinOp(op=op) if isinstance(op, _SORTED):
                return (type(op).__name__, *sorted(self._operands(node, type(op)), key=_blind))
            case ast.BoolOp(op=op, values=values):
                return (type(op).__name__, *sorted(map(self.of, values), key=_blind))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sides = [self.of(left), self.of(right)]
                if type(op) in _TURNED:
                    return (_TURNED[type(op)].__name__, *reversed(sides))
                if isinstance(op, ast.Eq | ast.NotEq):
                    sides.sort(key=_blind)
                return (type(op).__name__, *sides)
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return ("Assign", self.of(target), self.of(value))
            case ast.Call(keywords=keywords):
                named = sorted((self.of(keyword) for keyword in keywords), key=_blind)
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
    """Return whether a statement is a docstring, another text alone, or `pass`."""
    return isinstance(statement, ast.Pass) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _blind(tree: Tree) -> str:
    """Return a tree as text in which all chosen names are the same."""
    if isinstance(tree, str):
        return tree
    if tree[0] == "$":
        return "$"
    return f"({' '.join(map(_blind, tree))})"


def _numbered(tree: Tree, numbers: dict[str, int]) -> str:
    """Return a tree as text in which chosen names are numbered as they come."""
    if isinstance(tree, str):
        return tree
    if tree[0] == "$":
        return f"${numbers.setdefault(tree[1], len(numbers))}"
    return f"({' '.join(_numbered(part, numbers) for part in tree)})"


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
    """Return the syntax tree of cells of code, as far as they can be read; magics are left out."""
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
    """Return whether a statement is nested as nobody nests who does not want to be in the way."""
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
    """Return the parts of a cell that start at the left margin, to save what can be read."""
    return re.split(r"\n(?=\S)", source)


@dataclass
class Features:
    """What is compared of one submission.

    Attributes:
        counts: how often each feature occurs.
        lines: features of single lines, with the lines' text.
    """

    counts: Counter[str] = field(default_factory=Counter)
    lines: dict[str, str] = field(default_factory=dict)


def features(work: Work, given: frozenset[str] = frozenset()) -> Features:
    """Return the features of a student's work.

    Args:
        work: the student's cells.
        given: functions and classes that the released notebook names.
    """
    found = Features()
    module = _parse(work.code)
    source = "\n".join(work.code).splitlines()
    shapes = _Shapes(module, given)
    for node in ast.walk(module):
        if not isinstance(node, ast.stmt) or _says_nothing(node):
            continue
        head = _head(node)
        tree = shapes.of(head)
        for part in _trees(tree):
            found.counts[_numbered(part, {})] += 1
        if _size(tree) >= SMALLEST:
            last = head.end_lineno if head is node else node.body[0].lineno - 1
            text = source[node.lineno - 1 : max(last or 0, node.lineno)]
            found.lines.setdefault(_numbered(tree, {}), "\n".join(text).strip())
        for block in ("body", "orelse", "finalbody"):
            statements = getattr(node, block, [])
            if isinstance(statements, list):
                kept = [s for s in statements if isinstance(s, ast.stmt) and not _says_nothing(s)]
                for pair in zip(kept, kept[1:], strict=False):  # what is done with what
                    together = ("then", *(shapes.of(_head(statement)) for statement in pair))
                    found.counts[_numbered(together, {})] += 1
    for text in work.text:
        for sentence in re.split(r"(?<=[.!?])\s+|\n{2,}", text):
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
    emptied = {
        name: [] for name in ("body", "orelse", "finalbody", "handlers") if hasattr(node, name)
    }
    head = type(node)(**{**dict(ast.iter_fields(node)), **emptied})
    return ast.copy_location(head, node)


# Ranking ----------------------------------------------------------------------------------------


def rank(work: Mapping[str, Work], released: Work) -> list[Pair]:
    """Return the pairs that have much in common, the most striking first.

    Args:
        work: what the students wrote, by their ids.
        released: what the released notebook holds already.
    """
    given = _names(released)
    known = features(released, given)
    names = sorted(work)
    found = [features(work[name], given) for name in names]
    spread = Counter(
        feature for one in found for feature in one.counts if feature not in known.counts
    )
    spread = {feature: n for feature, n in spread.items() if n > 1}  # shared by two at least
    alone = [
        math.log(len(names) + 1)
        * sum(feature not in spread and feature not in known.counts for feature in one.counts)
        for one in found
    ]
    place = {feature: number for number, feature in enumerate(spread)}
    weights = np.log((len(names) + 1) / np.array(list(spread.values()), dtype=float))
    rows = [(i, place[f]) for i, one in enumerate(found) for f in one.counts if f in place]
    if not rows:
        return []
    at = np.array(rows).T  # (2, number of entries)
    shape = len(names), len(place)
    has = csr_array((np.ones(at.shape[1]), tuple(at)), shape=shape)  # (students, features)
    shared = (has * weights[None, :]) @ has.T  # (students, students)
    shared = shared.toarray()
    whole = np.diag(shared) + np.array(alone)
    smaller = np.minimum(whole[:, None], whole[None, :])
    share = np.divide(shared, smaller, out=np.zeros_like(shared), where=smaller > 0)
    evidence = shared * share**2
    pairs = []
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if evidence[i, j] > 0 and share[i, j] >= LITTLE:
            pairs.append((float(evidence[i, j]), float(share[i, j]), int(i), int(j)))
    pairs.sort(key=lambda pair: (-pair[0], pair[2], pair[3]))
    return [
        Pair(names[i], names[j], value, part, _shared_lines(found[i], found[j], known))
        for value, part, i, j in pairs[:MANY]
    ]


def _names(work: Work) -> frozenset[str]:
    """Return the functions, classes and methods that the released notebook names."""
    definitions = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return frozenset(
        node.name for node in ast.walk(_parse(work.code)) if isinstance(node, definitions)
    )


def _shared_lines(first: Features, second: Features, known: Features) -> list[tuple[str, str]]:
    return [
        (line, second.lines[feature])
        for feature, line in first.lines.items()
        if feature in second.lines and feature not in known.counts and feature not in known.lines
    ]


# A course's submissions -------------------------------------------------------------------------


def compare(course: Course, problem_set: str) -> list[Pair]:
    """Return the pairs of a problem set's submissions that have much in common.

    Raises:
        CourseError: there is nothing to compare.
    """
    path = course.released(problem_set)
    try:
        released = restore.read_notebook(restore.read_file(path))
    except restore.Unreadable as error:
        raise CourseError(
            f"what students got is needed, to leave it out, but {path} cannot be read: {error}; "
            f"run `nbgrader generate_assignment {problem_set}`"
        ) from None
    work = {}
    for student in course.students():
        try:
            data = restore.read_file(course.notebook("submitted", student, problem_set))
            work[student] = students_work(restore.read_notebook(data), released)
        except restore.Unreadable:
            continue
    if len(work) < 2:
        raise CourseError(
            f"there are no two submissions of {problem_set} in {course.submitted} that can be read "
            "and compared"
        )
    return rank(work, students_work(released, None))


def students_work(notebook: Any, released: Any | None) -> Work:
    """Return what a student wrote in a notebook: every cell that the released one does not hold.

    Args:
        notebook: as `restore.read_notebook` gives it.
        released: the released notebook; None to get all cells.
    """
    held = {cell.source.strip() for cell in released.cells} if released else set()
    work = Work()
    for cell in notebook.cells:
        if cell.source.strip() in held:
            continue
        (work.code if cell.cell_type == "code" else work.text).append(cell.source)
    return work


# The page ---------------------------------------------------------------------------------------


def print_pairs(pairs: Sequence[Pair]) -> None:
    """Print the most striking pairs."""
    print(VERDICT + "\n")
    if not pairs:
        print("No two submissions have much in common.")
    for place, pair in enumerate(pairs, 1):
        print(
            f"{place:3}. {clean(pair.first)} and {clean(pair.second)}: {pair.share:.0%} in common, "
            f"weight {pair.evidence:.0f}"
        )


def write(course: Course, problem_set: str, pairs: Sequence[Pair]) -> Path:
    """Write the page with pairs and return where it is."""
    path = course.reports / f"{problem_set}_similarity.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(path, page(problem_set, pairs))
    return path


def page(problem_set: str, pairs: Sequence[Pair]) -> str:
    """Return the pairs as a self-contained HTML page."""
    title = f"{html.escape(problem_set)}: submissions that are alike"
    parts = []
    for place, pair in enumerate(pairs, 1):
        rows = "".join(
            f"<tr><td><pre>{html.escape(a)}</pre></td><td><pre>{html.escape(b)}</pre></td></tr>"
            for a, b in pair.lines
        )
        both = [f"<bdi>{html.escape(name)}</bdi>" for name in (pair.first, pair.second)]
        names = " and ".join(both)
        heads = "".join(f'<th scope="col">{name}</th>' for name in both)
        parts.append(
            f"<details{' open' if place <= 3 else ''}><summary>{place}. {names}: "
            f"{pair.share:.0%} in common, weight {pair.evidence:.0f}</summary>"
            f"<table><caption>lines that are the same but for names, order and layout</caption>"
            f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></details>"
        )
    if not pairs:
        parts.append("<p>No two submissions have much in common.</p>")
    explained = (
        "<p>Renamed, reformatted, reordered code counts as the same; comments do not count, nor "
        "does what the released notebook holds. The percentage is of the smaller of the two. The "
        "weight is high where two share much that few others have; pairs are ranked by it.</p>"
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{COLOURS}{STYLE}</style></head><body><main><h1>{title}</h1>"
        f"<p><strong>{VERDICT}</strong></p>{explained}{''.join(parts)}</main></body></html>\n"
    )


STYLE = """
main{max-width:72rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
summary{cursor:pointer;font-weight:600;padding:.3rem 0}
table{border-collapse:collapse;width:100%;table-layout:fixed}
caption{text-align:left;color:var(--soft)}
th,td{text-align:left;vertical-align:top;padding:.1rem .5rem;border:1px solid var(--line)}
pre{margin:0;white-space:pre-wrap;font-size:.85rem}
"""
