"""Find the global names that a cell binds, and those that it reads before it binds them."""

from __future__ import annotations

import ast
import symtable
from typing import Any


def imported_names(statement: ast.Import | ast.ImportFrom) -> set[str]:
    """Return the names that an import binds."""
    return {(name.asname or name.name).partition(".")[0] for name in statement.names}


class GlobalNames(ast.NodeVisitor):
    """The global names of a cell.

    Attributes:
        free: names read, by the cell or its functions, before the cell certainly binds them.
        read_first: names read or deleted by the cell itself before it certainly binds them.
        bound: names bound anywhere in the cell.
    """

    def __init__(self, tree: ast.Module, text: str) -> None:
        self.free: set[str] = set()
        self.read_first: set[str] = set()
        self.bound: set[str] = set()
        self._certain: set[str] = set()  # bound so far on every path
        self._maybe = 0  # nesting depth of statements that may be skipped
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

    def visit_Assign(self, node: ast.Assign) -> None:
        for part in (node.value, *node.targets):
            self.visit(part)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self.visit(node.annotation)
        if node.value is not None:  # else the name is not bound
            self.visit(node.value)
            self.visit(node.target)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.visit(node.value)
        if isinstance(node.target, ast.Name):
            self._reads(node.target.id)
        self.visit(node.target)

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        for name in imported_names(node):
            self._binds(name)

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        for part in (*node.decorator_list, node.args, node.returns):
            if part is not None:
                self.visit(part)
        self._binds(node.name)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_arguments(self, node: ast.arguments) -> None:
        given = (*node.posonlyargs, *node.args, node.vararg, *node.kwonlyargs, node.kwarg)
        annotations = (one.annotation for one in given if one is not None)
        for part in (*node.defaults, *node.kw_defaults, *annotations):
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
    """Return the global names that a cell's functions and classes read, and those they bind."""
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
