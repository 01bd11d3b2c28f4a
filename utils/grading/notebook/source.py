"""What a cell's text tells before it is run: the names it uses and binds, and its code.

Test cells are the same in every submission, so the grader reads them once and hands the judge what
it found. A cell without magics is compiled here and run without IPython's help, which would take
longer than the cell.
"""

from __future__ import annotations

import ast
import base64
import functools
import marshal
import re
import symtable
from types import CodeType
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

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
    """Return what follows a statement, from the first character that is no space."""
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
        attributes, so it may change a module; `modules`: those that it names; `seeds`: it seeds a
        random generator; `files`: it opens files by name; `code`: see `pack_code`.
    """
    code = compile_plain(label, source)
    text = source if code else TransformerManager().transform_cell(source)
    try:
        tree = ast.parse(text)
        names = _GlobalNames(tree, text)
    except (SyntaxError, ValueError, RecursionError):
        names = _GlobalNames(tree := ast.Module([], []), "")  # running it will tell
    attributes = {n.attr: n.ctx for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
    changed = any(
        isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load) for n in ast.walk(tree)
    )
    mentioned = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} | attributes.keys()
    mentioned |= {n for s in ast.walk(tree) if isinstance(s, _IMPORTS) for n in _imported(s)}
    texts = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and _is_text(n.value)]
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
        "seeds": bool(mentioned & _SEED),
        "code": pack_code(code),
    }


_IMPORTS = (ast.Import, ast.ImportFrom)
# What reads names in texts, changes attributes, seeds the random generators that all code shares.
_READ_TEXTS = {
    "eval", "exec", "compile", "globals", "locals", "vars", "getattr", "setattr", "delattr",
    "patch", "timeit", "Timer", "get_ipython", "run_line_magic", "__dict__",
}  # fmt: skip
_PATCH = {"setattr", "delattr", "patch", "__dict__", "__setattr__", "__delattr__", "MonkeyPatch"}
_SEED = {"seed", "set_state", "setstate"}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_PARSED


def _modules(tree: ast.Module, texts: list[str]) -> set[str]:
    """Return the modules that a cell imports, and the dotted names in its texts."""
    found = {text for text in texts if re.fullmatch(r"[A-Za-z_]\w*(\.\w+)+", text)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


class _GlobalNames(ast.NodeVisitor):
    """The global names of a cell.

    Attributes:
        free: read before the cell certainly binds them, while it runs or in its functions.
        read_first: read or deleted while it runs, before it certainly binds them.
        bound: bound somewhere.
    """

    def __init__(self, tree: ast.Module, text: str) -> None:
        self.free: set[str] = set()
        self.read_first: set[str] = set()
        self.bound: set[str] = set()
        self._certain: set[str] = set()  # bound so far, whatever happens
        self._maybe = 0  # depth of statements that may not run
        self._local: list[set[str]] = []  # names of comprehensions
        self.visit(tree)
        later, binds = _of_functions(text)
        self.bound |= binds
        self.free = self.read_first | (later - self._certain)

    def _reads(self, name: str) -> None:
        if name not in self._certain and not any(name in names for names in self._local):
            self.read_first.add(name)

    def _binds(self, name: str) -> None:
        if any(name in names for names in self._local):
            return
        self.bound.add(name)
        if not self._maybe:
            self._certain.add(name)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._binds(node.id)
            return
        self._reads(node.id)
        if isinstance(node.ctx, ast.Del):
            self.bound.add(node.id)
            self._certain.discard(node.id)

    def visit_Assign(self, node: ast.Assign | ast.AnnAssign) -> None:
        for part in (node.value, *(getattr(node, "targets", None) or [node.target])):  # type: ignore[union-attr]
            if part is not None:
                self.visit(part)

    visit_AnnAssign = visit_Assign  # noqa: N815

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._reads(node.target.id)
        self.visit(node.target)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in _imported(node):
            self._binds(name)

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args, node.returns):
            if part is not None:
                self.visit(part)
        self._binds(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_arguments(self, node: ast.arguments) -> None:
        for part in (*node.defaults, *node.kw_defaults):
            if part is not None:
                self.visit(part)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self.visit(node.args)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)
        self._binds(node.name)

    def visit_For(self, node: ast.For | ast.AsyncFor) -> None:
        self.visit(node.iter)
        self.visit(node.target)
        self._perhaps([*node.body, *node.orelse])

    visit_AsyncFor = visit_For  # noqa: N815

    def visit_If(self, node: ast.If | ast.While) -> None:
        self.visit(node.test)
        self._perhaps([*node.body, *node.orelse])

    visit_While = visit_If  # noqa: N815

    def visit_Try(self, node: Any) -> None:
        self._perhaps([*node.body, *node.handlers, *node.orelse])
        for part in node.finalbody:
            self.visit(part)

    visit_TryStar = visit_Try  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.type:
            self.visit(node.type)
        if node.name:
            self.bound.add(node.name)
            self._local.append({node.name})
        for part in node.body:
            self.visit(part)
        if node.name:
            self._local.pop()

    def visit_Match(self, node: ast.Match) -> None:
        self.visit(node.subject)
        self._perhaps(node.cases)

    def visit_MatchAs(self, node: Any) -> None:
        if node.name:
            self._binds(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs  # noqa: N815

    def _perhaps(self, parts: Any) -> None:
        self._maybe += 1
        for part in parts:
            self.visit(part)
        self._maybe -= 1

    def visit_ListComp(self, node: Any) -> None:
        names = {
            part.id
            for one in node.generators
            for part in ast.walk(one.target)
            if isinstance(part, ast.Name)
        }
        self._local.append(names)
        self.generic_visit(node)
        self._local.pop()

    visit_SetComp = visit_DictComp = visit_GeneratorExp = visit_ListComp  # noqa: N815


def _of_functions(text: str) -> tuple[set[str], set[str]]:
    """Return the global names that functions and classes of a cell read, and that they bind."""
    reads: set[str] = set()
    binds: set[str] = set()
    queue = symtable.symtable(text, "cell", "exec").get_children()
    while queue:
        table = queue.pop()
        queue += table.get_children()
        for symbol in table.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                reads.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                binds.add(symbol.get_name())
    return reads, binds


def _imported(statement: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the names that an import binds."""
    return {(name.asname or name.name).partition(".")[0] for name in statement.names}


@functools.lru_cache(256)  # asked again for each task
def bound_names(source: str) -> frozenset[str] | None:
    """Return the names that a cell binds at its top level, None if only running it could tell."""
    if len(source) > MAX_PARSED:
        return None
    lines = source.splitlines()
    plain = "\n".join("pass" if re.match(r"[%!]", line) else line for line in lines)
    try:
        body = ast.parse(plain).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    queue: list[ast.AST] = list(body)
    while queue:
        node = queue.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue  # what is bound within stays there
            case ast.Lambda():
                continue
            case ast.Import() | ast.ImportFrom():
                names |= {(a.asname or a.name).partition(".")[0] for a in node.names}
            case ast.Name(name, ast.Store()):
                names.add(name)
        queue += ast.iter_child_nodes(node)
    return frozenset(names)


@functools.lru_cache(256)  # asked once for every hidden test that fails
def defined(source: str) -> frozenset[str] | None:
    """Return the names that a cell defines, or None if it may do more than define."""
    if len(source) > MAX_PARSED:
        return None
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    for statement in body:
        match statement:
            case ast.Expr(ast.Constant()):
                continue
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(statement.name)
            case ast.Import() | ast.ImportFrom():
                names |= _imported(statement)
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
