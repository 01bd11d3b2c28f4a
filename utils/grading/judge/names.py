"""What a name means in a test cell.

It is looked up in this order: the definitions in test cells and locked cells; the imports in other
cells of the course's own notebook; `USUAL_NAMES` (`np`, `checks`); the student's definitions, as
proxies. So the student can never replace a test's tools. Only a name that the course's solution
changes, such as a locked class that it completes, is the student's version.
"""

from __future__ import annotations

import builtins
import importlib
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from utils.grading.judge import patched_library
from utils.grading.judge.student_client import StudentClient
from utils.grading.notebook.shell import CellShell, text_of
from utils.grading.notebook.source import unpack_code
from utils.grading.remote.proxy import StudentProxy
from utils.grading.remote.student_errors import StudentError, error_class

# The modules that names in a test cell stand for if no test cell or locked cell defines them.
USUAL_NAMES = {"np": "numpy", "plt": "matplotlib.pyplot", "math": "math", "checks": "utils.checks"}


# A test's tools are never the student's, whatever the course's solution binds.
TOOL_MODULES = ("numpy.testing", "unittest", "pytest", "nose", "hypothesis", "pandas.testing")
TOOL_NAMES = re.compile(r"_*(assert|check|test|verify|expect|grade)", re.IGNORECASE)


@dataclass
class Place:
    """Where a test cell stands among the cells.

    Attributes:
        cells: how many of the student's cells have run.
        namespace: the test cells' globals there.
        borrowed: the student's objects among them, by name.
        missed: whether the test uses a name that is undefined there.
        error: the exception if the names could not be looked up.
    """

    cells: int
    namespace: dict[str, Any] = field(default_factory=dict)
    borrowed: dict[str, Any] = field(default_factory=dict)
    missed: bool = False
    error: StudentError | None = None


class Names:
    """The names of a submission's test cells.

    Args:
        shell: runs the test cells.
        student: runs the student's cells.
        cells, course_names: as for `Judge`.

    Attributes:
        borrowed: the student's objects by name, as the latest test cell saw them.
        broken: names that locked cells failed to bind here, and why.
    """

    def __init__(
        self,
        shell: CellShell,
        student: StudentClient,
        cells: list[dict],
        course_names: Mapping[str, Any],
    ) -> None:
        self.shell, self.student, self.cells = shell, student, cells
        self.imports = {
            name: parts for name, *parts in map(str.split, course_names.get("imports", ()))
        }
        tools = {name for name, parts in self.imports.items() if self._is_tool(parts[0])}
        self.completed = {
            name
            for name in course_names.get("completes", ())
            if name not in tools and not TOOL_NAMES.match(name)
        }
        self.broken: dict[str, str] = {}
        self.own: set[str] = set(shell.user_ns)  # names that are not the student's
        self.borrowed: dict[str, Any] = {}
        self.needed = self._needed()
        self._add_indirect_uses()

    def _is_tool(self, module: str) -> bool:
        return module.startswith(TOOL_MODULES) or (module.partition(".")[0] in self.student.modules)

    def _needed(self) -> set[int]:
        """Return the indexes of locked cells that bind a name used by a test, also indirectly."""
        wanted = {name for c in self.cells if c["kind"] == "test" for name in c["uses"]}
        wanted.update(word for c in self.cells if c["kind"] == "test" for word in c["words"])
        needed: set[int] = set()
        while True:
            more = {
                index
                for index, cell in enumerate(self.cells)
                if cell["kind"] == "locked" and wanted & (set(cell["binds"]) - self.completed)
            }
            if more == needed:
                return needed
            needed = more
            for index in needed:
                wanted.update(self.cells[index]["uses"])
                self.own.update(set(self.cells[index]["binds"]) - self.completed)

    def _add_indirect_uses(self) -> None:
        """Add to the names that test and locked cells use those that their helpers use.

        A locked function, or the helper of an earlier test, may call the student's function.
        """
        here = [
            cell
            for index, cell in enumerate(self.cells)
            if cell["kind"] == "test" or index in self.needed
        ]
        for place, cell in enumerate(here):
            uses = {*cell["uses"], *cell["words"]}
            while True:
                more = {
                    name
                    for other in here[:place]
                    if uses.intersection(other["binds"])
                    for name in {*other["uses"], *self.completed.intersection(other["binds"])}
                }
                if more <= uses:
                    break
                uses |= more
            cell["needs"] = sorted(uses)

    def let_course_import(self) -> None:
        """Let tests import the course's own modules, which are in this process's folder."""
        modules = self.student.modules
        if not modules:
            return
        if "" not in sys.path:
            sys.path.insert(0, "")
        if "utils" in modules:  # a module of that name: this package is not needed any longer
            for name in [name for name in sys.modules if name.partition(".")[0] == "utils"]:
                del sys.modules[name]

    def run_locked(self, index: int, ended: str) -> None:
        """Run a locked cell here, too, so that tests use the course's definitions.

        Args:
            index: the cell's index.
            ended: the type of the exception that it raised in the student process, "" for none.
        """
        error: BaseException | None
        cell = self.cells[index]
        self.student.judge_limits_met.clear()
        try:
            self.bind_borrowed(cell)
            self.student.effects.begin(cell, self.borrowed)
            code = unpack_code(cell["code"])
            _, error = self.shell.run(cell["label"], cell["source"], code=code)
        except StudentError as failure:
            error = failure
        self.student.undo_changes()
        self.shell.outputs.take()
        for name in self.completed & set(cell["binds"]):
            self.shell.user_ns.pop(name, None)
        if not error:
            return
        self.student.note(f"the locked cell {cell['label']} ended in an error: {text_of(error)}")
        if ended and not isinstance(error, ImportError):
            return  # as it did for the student
        why = (
            "; ".join(self.student.judge_limits_met) or f"{type(error).__name__}: {text_of(error)}"
        )
        for name in cell["binds"]:
            if name not in self.shell.user_ns:
                self.broken[name] = (
                    f"`{name}` is bound by the locked cell `{cell['label']}`, which ends in an "
                    f"error in the judge: {why}"
                )

    def bind_borrowed(self, cell: dict) -> None:
        """Put the student's objects that a cell uses into its namespace."""
        namespace = self.shell.user_ns
        for name, value in self.borrowed.items():
            if namespace.get(name, self) is value:
                del namespace[name]
            else:
                self.own.add(name)  # a test cell has rebound the name
        self.borrowed = {}
        known = vars(builtins).keys() - self.completed
        needs = cell.get("needs", cell["uses"])
        used = {n for n in needs if not (n in self.own or n in namespace or n in known)}
        if "type" in needs and "type" not in self.own:
            namespace.setdefault("type", patched_library.TYPE)
        used -= self._import(used)
        # Get all of them first: only then is it known which of them this cell uses.
        self.borrowed = self.student.get(used & self.student.names()) if used else {}
        raised = {
            name: value._proxy_about.lineage
            for name, value in self.borrowed.items()
            if issubclass(type(value), StudentProxy)
            and value._proxy_about.what == "class"
            and "builtins:BaseException" in value._proxy_about.lineage
        }
        self.student.exceptions = {}
        for name in sorted(raised, key=lambda name: len(raised[name])):  # bases come first
            self.borrowed[name] = error_class(raised[name], self.student)  # for `except`
            self.student.exceptions = exceptions_in(self.borrowed)
        if not used & set(cell["uses"]) <= {*self.borrowed, *cell["binds"]}:
            self.student.missed_names = True
        namespace.update(self.borrowed)

    def _import(self, names: set[str]) -> set[str]:
        """Import names as the course's own notebook does, or as usual; return those names.

        A name whose import fails is returned, too: it must not become the student's.
        """
        namespace, found = self.shell.user_ns, set()
        for name in names - self.completed:
            module, *attribute = self.imports.get(name) or [USUAL_NAMES.get(name, "")]
            if not module:
                continue
            try:
                value: Any = importlib.import_module(module)
                for part in attribute:
                    if not hasattr(value, part):
                        importlib.import_module(f"{module}.{part}")
                    value = getattr(value, part)
                namespace[name] = value
            except Exception as error:  # the module may raise anything
                self.broken[name] = (
                    f"`{name}` is imported by the course's notebook, and cannot be imported in the "
                    f"judge: {type(error).__name__}: {text_of(error)}"
                )
            found.add(name)
        return found

    def place(self, cell: dict) -> Place:
        """Return the place of a test cell, given that exactly the cells above it have run."""
        self.student.missed_names = False
        place = Place(len(self.student.cells))
        try:
            self.bind_borrowed(cell)
        except StudentError as error:
            place.error = error
        place.namespace = dict(self.shell.user_ns)
        place.borrowed = self.borrowed
        place.missed = self.student.missed_names
        return place


def exceptions_in(borrowed: dict[str, Any]) -> dict[str, type[StudentError]]:
    """Return the student's exception types among these objects, by type name."""
    kinds = (value for value in borrowed.values() if issubclass(type(value), type))
    return {kind.__name__: kind for kind in kinds if issubclass(kind, StudentError)}
