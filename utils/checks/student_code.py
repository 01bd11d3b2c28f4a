"""Analyse the source of the student's cells: names that are defined, unused or imported."""

from __future__ import annotations

import ast
import importlib.util
import os
import re
import sys
from typing import Any

from IPython import get_ipython

# The student's code cells by grade id, in order. Programs that run test cells outside the student's
# own kernel put them here, so that missing names can be explained.
student_cells: dict[str, str] = {}

# A student may write cells to keep the judge busy.
MAX_PARSED = 100_000  # characters of the student's cells that are parsed to explain a failure

# Modules that could solve a task in place of the student: other libraries, and the course's own
# solutions. A student's own module is neither.
_LIBRARY = re.compile(
    r"(utils\.(functions|gradients|layers|networks|training)|autograd|cupy|cv2|jax|keras|mxnet|numba"
    r"|numexpr|pandas|polars|scipy|skimage|sklearn|statsmodels|sympy|tensorflow|theano|torch)\b"
)
_OTHER_IMPORT = re.compile(r"(?m)^\s*(?:import|from)\s+(?!numpy\b|utils\s+import\s+checks\b)")


def in_kernel() -> bool:
    """Return whether this is a student's own kernel, rather than `check` or grading."""
    return kernel() is not None and "NBGRADER_EXECUTION" not in os.environ


def kernel() -> Any:
    """Return the shell of the notebook's own kernel, None in any other process."""
    shell = get_ipython()
    kinds = {base.__name__ for base in type(shell).__mro__}  # Colab's is one of these, too
    return shell if "ZMQInteractiveShell" in kinds else None


def student_sources() -> list[str]:
    """Return the student's cells: from `student_cells`, or those that this kernel has run."""
    if student_cells:
        found, left = [], MAX_PARSED
        for source in student_cells.values():
            if type(source) is str and len(source) <= left:
                left -= len(source)
                found.append(source)
        return found
    shell = kernel()
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", [])
    return [text for text in list(history)[-200:] if type(text) is str]


def parse(source: str) -> ast.Module | None:
    if len(source) > MAX_PARSED:
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def has_code_beside(source: str, line: int) -> bool:
    """Return whether the function around a line of a cell contains more than that line."""
    tree = parse(source)
    around = [
        node
        for node in ast.walk(tree or ast.Module([], []))
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    if not around:
        return False
    inner = max(around, key=lambda node: node.lineno)
    return any(statement.lineno != line and not is_empty(statement) for statement in inner.body)


def is_written(source: str, name: str) -> bool:
    """Return whether a cell defines a function of this name with code in it."""
    if f"def {name}" not in source:
        return False
    tree = parse(source)
    return any(
        isinstance(node, ast.FunctionDef)
        and node.name == name
        and not all(map(is_empty, node.body))
        and not any(is_empty(node) and isinstance(node, ast.Raise) for node in node.body)
        for node in (tree.body if tree else ())
    )


def is_empty(statement: ast.stmt) -> bool:
    """Return whether a statement does nothing: text, `pass`, `raise NotImplementedError()`."""
    if isinstance(statement, ast.Raise):
        return "NotImplementedError" in ast.dump(statement)
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)


def defined_in(source: str) -> list[str]:
    """Return the functions and classes that a cell defines at its top level."""
    tree = parse(source)
    kinds = ast.FunctionDef | ast.ClassDef
    return [node.name for node in (tree.body if tree else ()) if isinstance(node, kinds)]


def unused_parameters(task: str) -> list[str]:
    """Return the parameters that the student's function never uses, [] if unknown."""
    for source in reversed(student_sources()):
        if f"def {task}" not in source:
            continue
        for node in (parse(source) or ast.Module([], [])).body:
            if isinstance(node, ast.FunctionDef) and node.name == task:
                used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                args = node.args
                given = [*args.posonlyargs, *args.args, *args.kwonlyargs]
                return [arg.arg for arg in given if arg.arg not in used]
    return []


def missing_module(node: ast.AST) -> str:
    """Return the module in an import statement that is not installed, or ""."""
    modules = []
    if isinstance(node, ast.Import):
        modules = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and not node.level:
        modules = [node.module or ""]
    for module in modules:
        root = module.partition(".")[0]
        try:
            if root not in sys.modules and importlib.util.find_spec(root) is None:
                return root
        except (ImportError, ValueError):
            return root
    return ""


def library(names: set[str]) -> tuple[str, int, str] | None:
    """Return the library that does the work of the student's functions of these names.

    Functions that they call count, too; unused imports do not. If a name is both defined and
    imported, the definition counts.

    Returns:
        The library, the line number of its import and the text of that line; None if only NumPy is
        used.
    """
    sources = student_sources()
    if not any(map(_OTHER_IMPORT.search, sources)):
        return None
    imported: dict[str, tuple[str, int, str]] = {}  # by the name that the import binds
    defined: dict[str, tuple[ast.stmt, list[str]]] = {}
    for source in sources:
        lines = source.splitlines()
        for node in (parse(source) or ast.Module([], [])).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                bound = [node.name]
            elif isinstance(node, ast.Assign):
                bound = [target.id for target in node.targets if isinstance(target, ast.Name)]
            else:
                bound = []
                imported |= _imports(node, lines)
            defined |= dict.fromkeys(bound, (node, lines))
    left, seen = set(names), set()
    while left:
        seen.add(name := left.pop())
        if name in defined:
            node, lines = defined[name]
            if inside := _imports(node, lines):
                return next(iter(inside.values()))
            inner = list(ast.walk(node))
            own = {n.arg for n in inner if isinstance(n, ast.arg)}
            own |= {n.id for n in inner if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
            left |= {n.id for n in inner if isinstance(n, ast.Name)} - own - seen
        elif name in imported:
            return imported[name]
    return None


def _imports(node: ast.stmt, lines: list[str]) -> dict[str, tuple[str, int, str]]:
    """Return the imports of other libraries in a statement, by the names that they bind."""
    found = {}
    for inner in ast.walk(node):
        if isinstance(inner, ast.Import):
            pairs = [(alias.asname or alias.name, alias.name) for alias in inner.names]
        elif isinstance(inner, ast.ImportFrom) and not inner.level:
            module = inner.module or ""
            pairs = [
                (alias.asname or alias.name, f"{module}.{alias.name}") for alias in inner.names
            ]
        else:
            continue
        for name, module in pairs:
            if library := _LIBRARY.match(module):
                place = library[0], inner.lineno, lines[inner.lineno - 1].strip()
                found[name.partition(".")[0]] = place
    return found
