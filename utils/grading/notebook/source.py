"""What a cell's text tells before it is run: the names it uses and binds, and its code.

Test cells are the same in every submission, so the grader reads them once and hands the judge what
it found. A cell without magics is compiled here and run without IPython's help, which would take
longer than the cell.
"""

from __future__ import annotations

import ast
import base64
import contextlib
import functools
import marshal
import math
import re
from collections.abc import Iterable, Iterator
from types import CodeType
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from utils.grading.notebook.global_names import GlobalNames, imported_names

MAX_PARSED = 100_000  # characters of a cell whose names are looked for; parsing takes far longer


def compile_plain(label: str, source: str) -> tuple[CodeType, CodeType | None] | None:
    """Return a cell's code if it is plain Python, None if IPython has to deal with it.

    Args:
        label: names the cell in tracebacks.
        source: its text.
    Returns:
        The code of all statements but the last expression, and of this expression.
    """
    name = f"cell {label}"
    try:
        tree = ast.parse(source, name)
        if _is_special(tree, source):
            return None
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            final = tree.body[-1]
            if not _after(final, source).startswith(";"):  # which says: do not show it
                tree.body.pop()
                last = compile(ast.Expression(final.value), name, "eval", dont_inherit=True)
        return compile(tree, name, "exec", dont_inherit=True), last
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # a magic, `await` at the top level, or a fault: IPython knows


def _is_special(tree: ast.Module, source: str) -> bool:
    """Return whether IPython takes a cell for more than the Python that it is."""
    match tree.body:
        case [ast.Expr(value=ast.Name())]:
            return True
    return "__future__" in source


def _after(node: ast.stmt, source: str) -> str:
    """Return what follows a statement, from the first character that is not a space."""
    assert node.end_lineno is not None
    line = source.split("\n")[node.end_lineno - 1].encode()
    return line[node.end_col_offset :].decode(errors="replace").lstrip()


def pack_code(code: tuple[CodeType, CodeType | None] | None) -> str:
    """Return code as text that JSON can hold, for another process of the same Python."""
    return base64.b64encode(marshal.dumps(code)).decode() if code else ""


def unpack_code(text: str) -> tuple[CodeType, CodeType | None] | None:
    """Return what `pack_code` packed; only ever from a process of the grader's own."""
    return marshal.loads(base64.b64decode(text)) if text else None


@functools.lru_cache(4096)
def about(label: str, source: str) -> dict[str, Any]:
    """Return what the judge needs to know of a test cell or a locked cell.

    Returns:
        `uses`: global names that it reads before it binds them, in its functions, too (magics'
        arguments included); `reads`: those of them that it reads or deletes while it runs, before
        it gives them a meaning of its own; `binds`: global names that it binds; `words`: names
        that may stand in its texts, for `eval` and the like; `patches`: it sets or deletes
        attributes, so it may change a module; `modules`: those that it names; `seeds`: it may seed
        a random generator that all code shares; `code`: see `pack_code`.
    """
    code = compile_plain(label, source)
    text = source if code else TransformerManager().transform_cell(source)
    try:
        tree = ast.parse(text)
        names = GlobalNames(tree, text)
    except (SyntaxError, ValueError, RecursionError):
        names = GlobalNames(tree := ast.Module([], []), "")  # running it will tell
    mentioned: set[str] = set()
    others = set(names.free)  # what is mentioned and is not a name of the cell's own
    changed, texts = False, []
    for node in ast.walk(tree):
        match node:
            case ast.Name(name):
                mentioned.add(name)
            case ast.Call(ast.Name(name)):
                others.add(name)
            case ast.Attribute(attr=name, ctx=context):
                others.add(name)
                changed |= not isinstance(context, ast.Load)
            case ast.Import() | ast.ImportFrom():
                others |= imported_names(node)
            case ast.Constant(str(value)) if len(value) <= MAX_PARSED:
                texts.append(value)
    mentioned |= others
    words: set[str] = set()
    if mentioned & _READ_TEXTS:
        words = {word for text in texts for word in re.findall(r"[^\W\d]\w*", text)}
    patches = changed or bool(mentioned & _PATCH)
    return {
        "uses": sorted(names.free | (words if "get_ipython()" in text else set())),
        "reads": sorted(names.read_first),
        "binds": sorted(names.bound),
        "words": sorted(words),
        "patches": patches,
        "modules": sorted(_modules(tree, texts)) if patches else [],
        "seeds": bool((others | words) & _SEED),
        "code": pack_code(code),
    }


# What reads names in texts, changes attributes, seeds the random generators that all code shares.
_READ_TEXTS = {
    "eval", "exec", "compile", "globals", "locals", "vars", "dir", "getattr", "setattr", "delattr",
    "patch", "timeit", "Timer", "get_ipython", "run_line_magic", "__dict__",
}  # fmt: skip
_PATCH = {"setattr", "delattr", "patch", "__dict__", "__setattr__", "__delattr__", "MonkeyPatch"}
_SEED = {"seed", "set_state", "setstate"}


def _modules(tree: ast.Module, texts: list[str]) -> set[str]:
    """Return the modules that a cell imports, and the dotted names in its texts."""
    found = {text for text in texts if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", text)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def makes_task(source: str) -> bool:
    """Return whether a test cell's text makes a `checks.Task`, whose points it has to end in."""
    return _calls(parsed(source), "Task")


def forgotten_points(source: str) -> str:
    """Return what is wrong with a test cell that cannot give points, "" if nothing is.

    nbgrader takes a test cell without a result for full marks. Only what is certain is told: a cell
    may find its points in any way, and may also be plain asserts.
    """
    tree = parsed(source)
    if not tree or not tree.body:
        return ""
    functions = {n.name: n for n in tree.body if isinstance(n, ast.FunctionDef)}
    last = tree.body[-1]
    if not _calls(tree, "Task"):
        if functions and all(map(is_definition, tree.body)):
            return f"it never calls `{[*functions][-1]}`: call it in the last line"
        return ""
    if not _calls(tree, "points"):
        return "it has checks, but never asks for their points: end in `return task.points()`"
    if not isinstance(last, ast.Expr):
        call = f"`{[*functions][-1]}()`" if functions else "`task.points()`"
        return f"its points are lost: the last line has to be {call}"
    function = functions.get(_called(last.value))
    if function and not any(_returned(function.body)):
        return f"`{function.name}` returns nothing: end it with `return task.points()`"
    return ""


def parsed(source: str, most: float = math.inf) -> ast.Module | None:
    """Return a cell's syntax tree, with `pass` for each magic; None where only running it tells.

    Args:
        source: the cell's text.
        most: characters; a longer text is not parsed. Give a limit for what a student may write.
    """
    if len(source) > most:
        return None
    with contextlib.suppress(*_UNPARSED):
        return ast.parse(source)
    with contextlib.suppress(*_UNPARSED):
        return ast.parse(re.sub(r"(?m)^([^\S\n]*)[%!].*$", r"\1pass", source))
    return None


_UNPARSED = (SyntaxError, ValueError, RecursionError, MemoryError)


def _calls(tree: ast.Module | None, name: str) -> bool:
    """Return whether anything of this name is called."""
    return tree is not None and any(_called(node) == name for node in ast.walk(tree))


def _called(node: ast.AST) -> str:
    """Return the last part of the name of what a call calls, "" of anything else."""
    match node:
        case ast.Call(ast.Name(name)) | ast.Call(ast.Attribute(attr=name)):
            return name
    return ""


def _returned(statements: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield the values that statements return, but for those of functions within."""
    for node in statements:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                continue
            case ast.Return(value=ast.expr() as value):
                yield value
        yield from _returned(ast.iter_child_nodes(node))


@functools.lru_cache(256)  # asked again for each task
def bound_names(source: str) -> frozenset[str] | None:
    """Return the names that a cell binds at its top level, None if only running it could tell."""
    tree = parsed(source, MAX_PARSED)
    if tree is None:
        return None
    names: set[str] = set()
    queue: list[ast.AST] = list(tree.body)
    while queue:
        node = queue.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue  # what is bound within stays there
            case ast.Lambda():
                continue
            case ast.Import() | ast.ImportFrom():
                names |= imported_names(node)
            case ast.Name(name, ast.Store()):
                names.add(name)
        queue += ast.iter_child_nodes(node)
    return frozenset(names)


@functools.lru_cache(256)  # asked once for every hidden test that fails
def defined(source: str) -> frozenset[str] | None:
    """Return the names that a cell defines, or None if it may do more than define."""
    tree = parsed(source, MAX_PARSED)
    if tree is None:
        return None
    names: set[str] = set()
    for statement in tree.body:
        match statement:
            case ast.Expr(ast.Constant()):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(statement.name)
            case ast.Import() | ast.ImportFrom():
                names |= imported_names(statement)
            case ast.Assign() if is_definition(statement):
                names.update(t.id for t in statement.targets if isinstance(t, ast.Name))
            case _:
                return None
    return frozenset(names)


def is_definition(statement: ast.stmt) -> bool:
    """Return whether a statement only imports, or defines a function, a class or a constant."""
    definitions = (
        ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom
    )
    if isinstance(statement, definitions):
        return True
    if isinstance(statement, ast.Assign) and all(
        isinstance(target, ast.Name) for target in statement.targets
    ):
        return isinstance(statement.value, ast.Lambda | ast.Name | ast.Attribute) or _constant(
            statement.value
        )
    return False


def _constant(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True
