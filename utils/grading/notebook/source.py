"""Analyse a cell before it runs: the names it uses and binds, and its compiled code.

Test cells are the same in every submission, so the grader analyses them once and sends the judge
the result. A cell without magics is compiled here and run without IPython, which would take longer
than the cell.
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

MAX_PARSED = 100_000  # characters; longer cells are not parsed for names


def compile_plain(label: str, source: str) -> tuple[CodeType, CodeType | None] | None:
    """Compile a cell of plain Python; return None if IPython has to run it.

    Args:
        label: names the cell in tracebacks.
        source: its text.
    Returns:
        The code of all statements but a final expression, and of that expression, or None.
    """
    name = f"cell {label}"
    try:
        tree = ast.parse(source, name)
        if _is_special(tree, source):
            return None
        last = None
        if tree.body and isinstance(tree.body[-1], ast.Expr):
            final = tree.body[-1]
            if not _after(final, source).startswith(";"):  # a `;` hides its value
                tree.body.pop()
                last = compile(ast.Expression(final.value), name, "eval", dont_inherit=True)
        return compile(tree, name, "exec", dont_inherit=True), last
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None  # a magic, top-level `await` or a syntax error: for IPython


def _is_special(tree: ast.Module, source: str) -> bool:
    """Return whether IPython treats valid Python specially: a lone name, or `__future__`."""
    match tree.body:
        case [ast.Expr(value=ast.Name())]:
            return True
    return "__future__" in source


def _after(node: ast.stmt, source: str) -> str:
    """Return the rest of the line after a statement, without leading spaces."""
    assert node.end_lineno is not None
    line = source.split("\n")[node.end_lineno - 1].encode()
    return line[node.end_col_offset :].decode(errors="replace").lstrip()


def pack_code(code: tuple[CodeType, CodeType | None] | None) -> str:
    """Encode code as text for JSON, for another process of the same Python version."""
    return base64.b64encode(marshal.dumps(code)).decode() if code else ""


def unpack_code(text: str) -> tuple[CodeType, CodeType | None] | None:
    """Decode the text from `pack_code`; only use it on text from the grader's own processes."""
    return marshal.loads(base64.b64decode(text)) if text else None


@functools.lru_cache(4096)
def about(label: str, source: str) -> dict[str, Any]:
    """Return what the judge needs to know about a test cell or a locked cell.

    Returns:
        `uses`: global names that it or its functions read before it binds them (including those in
        magics' arguments); `reads`: those of them that the cell itself reads or deletes before it
        binds them; `binds`: global names that it binds; `words`: names that may occur in its
        strings, for `eval` and the like; `patches`: whether it sets or deletes attributes, and so
        may change a module; `modules`: the modules that it names; `seeds`: whether it may seed a
        global random generator; `code`: see `pack_code`.
    """
    code = compile_plain(label, source)
    text = source if code else TransformerManager().transform_cell(source)
    try:
        tree = ast.parse(text)
        names = GlobalNames(tree, text)
    except (SyntaxError, ValueError, RecursionError):
        names = GlobalNames(tree := ast.Module([], []), "")  # it will fail when it runs
    mentioned: set[str] = set()
    others = set(names.free)  # names mentioned that the cell does not define
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


# Functions that read names in strings, change attributes, and seed the global random generators.
_READ_TEXTS = {
    "eval", "exec", "compile", "globals", "locals", "vars", "dir", "getattr", "setattr", "delattr",
    "patch", "timeit", "Timer", "get_ipython", "run_line_magic", "__dict__",
}  # fmt: skip
_PATCH = {"setattr", "delattr", "patch", "__dict__", "__setattr__", "__delattr__", "MonkeyPatch"}
_SEED = {"seed", "set_state", "setstate"}


def _modules(tree: ast.Module, texts: list[str]) -> set[str]:
    """Return the modules that a cell imports, and the dotted names in its strings."""
    found = {text for text in texts if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", text)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


def makes_task(source: str) -> bool:
    """Return whether a test cell creates a `checks.Task`, and so has to end in its points."""
    return _calls(parsed(source), "Task")


def forgotten_points(source: str) -> str:
    """Return why a test cell cannot give points, or "".

    nbgrader gives full marks for a test cell without a result. Only certain errors are reported: a
    cell may compute its points in any way, or may be plain asserts.
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
    """Return a cell's syntax tree, with `pass` for each magic; None if it cannot be parsed.

    Args:
        source: the cell's text.
        most: characters; a longer text is not parsed. Give a limit for a student's text.
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
    """Return whether the code calls a function of this name."""
    return tree is not None and any(_called(node) == name for node in ast.walk(tree))


def _called(node: ast.AST) -> str:
    """Return the last part of the name of the function that a call calls, "" for other nodes."""
    match node:
        case ast.Call(ast.Name(name)) | ast.Call(ast.Attribute(attr=name)):
            return name
    return ""


def _returned(statements: Iterable[ast.AST]) -> Iterator[ast.expr]:
    """Yield the expressions that statements return, except in nested functions."""
    for node in statements:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Lambda():
                continue
            case ast.Return(value=ast.expr() as value):
                yield value
        yield from _returned(ast.iter_child_nodes(node))


@functools.lru_cache(256)  # called again for each task
def bound_names(source: str) -> frozenset[str] | None:
    """Return the names that a cell binds at its top level, None if it cannot be parsed."""
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
                continue  # names bound inside are local
            case ast.Lambda():
                continue
            case ast.Import() | ast.ImportFrom():
                names |= imported_names(node)
            case ast.Name(name, ast.Store()):
                names.add(name)
        queue += ast.iter_child_nodes(node)
    return frozenset(names)


@functools.lru_cache(256)  # called once for every hidden test that fails
def defined(source: str) -> frozenset[str] | None:
    """Return the names that a cell defines, or None if it may do more than that."""
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
