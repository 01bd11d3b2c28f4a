"""The judge: runs a notebook's cells, the student's in their process and the test cells here.

A name that a test cell uses means, in this order: what the test cells and the locked cells define;
what the course's own notebook imports in its other cells; what it usually means (`np`, `checks`);
what the student's cells define, by a proxy. So a test's own tools are never the student's. Only a
name that the course's solution changes, such as a locked class that it completes, means what the
student has made of it.

Hidden tests run when all cells have: what is shown of a notebook comes from processes that have not
met their inputs. Each finds the names as they were where it stands.

The points of a test cell are its last expression, read and written here, so that nbgrader reads the
same: nothing on stderr, a plain float, no result next to an error.
"""

from __future__ import annotations

import builtins
import errno
import importlib
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from utils.grading.judge import told
from utils.grading.judge.effects import Effects, name_in
from utils.grading.judge.student_client import AFTER_HIDDEN, Ran, Submission
from utils.grading.notebook.outputs import Output
from utils.grading.notebook.shell import CellShell, error_output, text_of
from utils.grading.notebook.source import defined, makes_task, unpack_code
from utils.grading.remote.judge_limits import NOT_THEIR_FAULT
from utils.grading.remote.proxy import StudentThing
from utils.grading.remote.student_errors import StudentError, error_class

# as utils.checks has them, which takes longer to import
CHECKS_MIME = "application/vnd.course-checks+json"
SAME_CAUSE = "same cause"

# What a name in a test cell means if neither the test cells nor the locked cells define it.
USUAL_NAMES = {"np": "numpy", "plt": "matplotlib.pyplot", "math": "math", "checks": "utils.checks"}


# What a test judges with is never the student's, whatever the course's solution binds.
TOOL_MODULES = ("numpy.testing", "unittest", "pytest", "nose", "hypothesis", "pandas.testing")
TOOL_NAMES = re.compile(r"_*(assert|check|test|verify|expect|grade)", re.IGNORECASE)

NO_POINTS = (
    "it has checks but gives no points, which is a fault of the test and not of the submission; "
    "end it with `return task.points()` and call it in the last line"
)


class NoPoints(Exception):
    """A test cell made checks and did not end in their points."""


@dataclass
class Place:
    """Where a test cell stands among the cells.

    Attributes:
        cells: how many of the student's cells have run.
        namespace: what the names mean there.
        borrowed: those names that stand for the student's things.
        missed: some name that the test uses means nothing there.
        error: why that could not be found out.
    """

    cells: int
    namespace: dict[str, Any] = field(default_factory=dict)
    borrowed: dict[str, Any] = field(default_factory=dict)
    missed: bool = False
    error: StudentError | None = None


@dataclass
class Verdict:
    """What became of a test cell."""

    points: float
    outputs: list[Output]
    checks: list[dict] = field(default_factory=list)
    error: str = ""
    missed_names: bool = False
    ask: str = ""  # why a person has to look: the judge, and not the student, may be the reason


class Judge:
    """Runs a submission's cells in their order: the student's in their process, tests here.

    Args:
        shell: runs the test cells.
        submission: runs the student's.
        cells: dicts with `kind` ("student", "locked" or "test"), `label`, `source`; for tests and
            locked cells what `source.about` says, for tests `points` and `hidden`.
        release: what the course's own notebook says of names: `imports`, `classes`, `completes`,
            see `SourceCell`; and `modules`, those that lie beside it.
    """

    def __init__(
        self,
        shell: CellShell,
        submission: Submission,
        cells: list[dict],
        release: Mapping[str, Any] | None = None,
    ) -> None:
        self.shell, self.submission, self.cells = shell, submission, cells
        release = release or {}
        submission.classes = frozenset(release.get("classes", ()))
        submission.modules = frozenset(release.get("modules", ()))
        locked = (cell["binds"] for cell in cells if cell["kind"] == "locked")
        submission.locked = frozenset(name for names in locked for name in names)
        submission.effects = self.effects = Effects(shell.user_ns, cells)
        shell.code_ended = self.effects.end
        self.imports = {name: parts for name, *parts in map(str.split, release.get("imports", ()))}
        tools = {name for name, parts in self.imports.items() if self._is_tool(parts[0])}
        self.completed = {
            name
            for name in release.get("completes", ())
            if name not in tools and not TOOL_NAMES.match(name)
        }
        self.broken: dict[str, str] = {}  # names of locked cells, and why they mean nothing here
        self.own: set[str] = set(shell.user_ns)  # names that are not the student's
        self.borrowed: dict[str, Any] = {}  # the student's, as the latest test cell saw them
        self.ran: dict[int, Ran] = {}
        self.verdicts: dict[int, Verdict] = {}
        submission.publish = self._publish
        submission.muted = True  # but for test cells

    def _is_tool(self, module: str) -> bool:
        return module.startswith(TOOL_MODULES) or (
            module.partition(".")[0] in self.submission.modules
        )

    def _publish(self, output: Output) -> None:
        self.shell.outputs.add(
            {"output_type": "display_data", "data": output["data"], "metadata": {}}
        )

    def run(self) -> dict[int, Ran | Verdict]:
        """Return what became of each cell, by its place in `cells`."""
        sources = {c["label"]: c["source"] for c in self.cells if c["kind"] == "student"}
        student_cells = importlib.import_module("utils.checks").student_cells
        student_cells.clear()
        student_cells.update(sources)
        told.let_inspect_ask()
        told.let_pyplot_ask(self.submission)
        if any("doctest" in cell["source"] for cell in self.cells if cell["kind"] == "test"):
            told.let_doctest_refuse(self.submission)
        self._let_course_import()
        needed = self._needed()
        self._close(needed)
        waiting: dict[int, Place] = {}
        for index, cell in enumerate(self.cells):
            if cell["kind"] == "test":
                place = self._place(cell)
                if cell["hidden"] and not self._is_used_below(index):
                    waiting[index] = place
                else:
                    self.verdicts[index] = self._test(cell, place)
                    if cell["hidden"]:  # what is shown from now on comes from another process
                        self.submission.end(AFTER_HIDDEN)
                continue
            self.ran[index] = self._student(cell)
            if index in needed:
                self._trusted(index)
        self._once_more(waiting)
        self._hidden(waiting)
        self.submission.end("the grading is over")
        return {**self.ran, **self.verdicts}

    def _is_used_below(self, index: int) -> bool:
        """Return whether a test that students have needs a name that this hidden one binds."""
        binds = set(self.cells[index]["binds"]) - set(USUAL_NAMES)
        return any(
            binds & (set(cell["uses"]) - set(cell["binds"]))
            for cell in self.cells[index + 1 :]
            if cell["kind"] == "test" and not cell["hidden"]
        )

    def _student(self, cell: dict) -> Ran:
        """Run a student's cell; once two thirds of the time are gone, only its definitions."""
        late = self.submission.seconds_for_cells < 0
        if late:
            self.submission.stop(
                f"cell {cell['label']}: only its definitions are used, the cells took too long"
            )
        return self.submission.run(cell["label"], cell["source"], only_define=late)

    def _needed(self) -> set[int]:
        """Return which locked cells bind a name that a test cell uses, directly or not."""
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

    def _close(self, needed: set[int]) -> None:
        """Let every test and locked cell use what the cells use whose names it uses.

        A locked function, or the helper of an earlier test, may call the student's function.
        """
        here = [
            cell
            for index, cell in enumerate(self.cells)
            if cell["kind"] == "test" or index in needed
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

    def _let_course_import(self) -> None:
        """Let tests import the course's own modules, which lie in this process's folder."""
        modules = self.submission.modules
        if not modules:
            return
        if "" not in sys.path:
            sys.path.insert(0, "")
        if "utils" in modules:  # of the course's own: nothing here needs this package from now on
            for name in [name for name in sys.modules if name.partition(".")[0] == "utils"]:
                del sys.modules[name]

    def _trusted(self, index: int) -> None:
        """Run a locked cell here, too, so that tests use the course's definitions."""
        error: BaseException | None
        cell = self.cells[index]
        self.submission.limits_met.clear()
        try:
            self._lend(cell)
            self.effects.begin(cell, self.borrowed)
            code = unpack_code(cell["code"])
            _, error = self.shell.run(cell["label"], cell["source"], code=code)
        except StudentError as ended:
            error = ended
        self.submission.undo_changes()
        self.shell.outputs.take()
        for name in self.completed & set(cell["binds"]):
            self.shell.user_ns.pop(name, None)
        if not error:
            return
        self.submission.note(f"the locked cell {cell['label']} ended in an error: {text_of(error)}")
        if self.ran[index].error and not isinstance(error, ImportError):
            return  # as it did for the student
        why = "; ".join(self.submission.limits_met) or f"{type(error).__name__}: {text_of(error)}"
        for name in cell["binds"]:
            if name not in self.shell.user_ns:
                self.broken[name] = (
                    f"`{name}` is bound by the locked cell `{cell['label']}`, which ends in an "
                    f"error in the judge: {why}"
                )

    def _lend(self, cell: dict) -> None:
        """Put the student's names that a cell uses into its namespace."""
        namespace = self.shell.user_ns
        for name, value in self.borrowed.items():
            if namespace.get(name, self) is value:
                del namespace[name]
            else:
                self.own.add(name)  # a test cell has given the name a meaning of its own
        self.borrowed = {}
        known = vars(builtins).keys() - self.completed
        needs = cell.get("needs", cell["uses"])
        used = {n for n in needs if not (n in self.own or n in namespace or n in known)}
        if "type" in needs and "type" not in self.own:
            namespace.setdefault("type", told.TYPE)
        used -= self._import(used)
        # All names are asked for before it can be told which of them this cell uses.
        self.borrowed = self.submission.get(used & self.submission.names()) if used else {}
        raised = {
            name: value._thing_about[4]
            for name, value in self.borrowed.items()
            if issubclass(type(value), StudentThing)
            and value._thing_about[0] == "class"
            and "builtins:BaseException" in value._thing_about[4]
        }
        self.submission.exceptions = {}
        for name in sorted(raised, key=lambda name: len(raised[name])):  # bases come first
            self.borrowed[name] = error_class(raised[name], self.submission)  # for `except`
            self.submission.exceptions = _exceptions(self.borrowed)
        if not used & set(cell["uses"]) <= {*self.borrowed, *cell["binds"]}:
            self.submission.missed_names = True
        namespace.update(self.borrowed)

    def _import(self, names: set[str]) -> set[str]:
        """Import what the course's own notebook imports, or usual names; return which of them.

        What cannot be imported here is none of the student's names either.
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
            except Exception as error:  # whatever the module does
                self.broken[name] = (
                    f"`{name}` is imported by the course's notebook, and cannot be imported in the "
                    f"judge: {type(error).__name__}: {text_of(error)}"
                )
            found.add(name)
        return found

    def _place(self, cell: dict) -> Place:
        """Return where a test cell stands if all cells so far are those above it."""
        self.submission.missed_names = False
        place = Place(len(self.submission.cells))
        try:
            self._lend(cell)
        except StudentError as error:
            place.error = error
        place.namespace = dict(self.shell.user_ns)
        place.borrowed = self.borrowed
        place.missed = self.submission.missed_names
        return place

    def _test(self, cell: dict, place: Place) -> Verdict:
        """Run a test cell where it stands."""
        submission, namespace = self.submission, self.shell.user_ns
        submission.missed_names = place.missed
        submission.limits_met.clear()
        submission.broken_off = False
        if not cell["hidden"]:
            names = set(cell["binds"]) - place.borrowed.keys()
            submission.bound_by_tests |= dict.fromkeys(names, cell["label"])
        submission.muted, submission.hidden = False, cell["hidden"]
        value: Any = None
        error: BaseException | None = None
        try:
            if place.error:
                raise place.error
            namespace.clear()
            namespace.update(place.namespace)
            self.borrowed = place.borrowed
            submission.exceptions = _exceptions(place.borrowed)
            told.let_pyplot_ask(submission)
            self.effects.begin(cell, place.borrowed)
            code = unpack_code(cell["code"])
            value, error = self.shell.run(
                cell["label"], cell["source"], cell["hidden"], code, show=False
            )
        except StudentError as ended:
            error = ended
            self.shell.outputs.add(error_output(ended, None, cell["hidden"]))
        finally:
            if error is not None:
                self._look_for_limits(error)
            submission.undo_changes()
            submission.muted, submission.hidden = True, False
        verdict = self._verdict(cell, value, error, self.shell.outputs.take())
        verdict.missed_names = submission.missed_names
        if submission.limits_met and verdict.points < float(cell["points"]):
            verdict.ask = "; ".join(submission.limits_met)
        return verdict

    def _look_for_limits(self, error: BaseException) -> None:
        """Note if it is the judge, and not the student, that made a test end in an error."""
        submission = self.submission
        if isinstance(error, StudentError):
            return
        if isinstance(error, NameError) and (why := self.broken.get(name_in(text_of(error)))):
            submission.limit(f"{why}; {NOT_THEIR_FAULT}")
        elif isinstance(error, ModuleNotFoundError):
            submission.limit(
                f"`{error.name}` is not installed where tests run, nor handed out by the course: "
                f"{NOT_THEIR_FAULT}. A test imports no module of a student's"
            )
        elif isinstance(error, OSError) and error.errno in (
            errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS,
        ):  # fmt: skip
            submission.limit(
                f"the file {error.filename!r} is not in the judge, or cannot be written there: "
                f"{NOT_THEIR_FAULT}. What a submission writes stays with it: let its function "
                "return the content, or take it as an argument"
            )

    def _verdict(
        self, cell: dict, value: Any, error: BaseException | None, outputs: list[Output]
    ) -> Verdict:
        """Read the points and write them so that nbgrader reads the same."""
        max_points = float(cell["points"])
        checks = [
            check
            for output in outputs
            for check in _checks(output.get("data", {}).get(CHECKS_MIME))
        ]
        kept: list[Output] = []
        for output in outputs:
            if output["output_type"] == "stream":
                if cell["hidden"] and output["name"] == "stderr":  # a student's warning, say
                    continue
                output["name"] = "stdout"
            if output["output_type"] not in ("execute_result", "error"):
                kept.append(output)
        if error is not None:
            errors = [output for output in outputs if output["output_type"] == "error"]
            if cell["hidden"]:  # a student chooses the type, depending on what a test asks
                kept.append(error_output(Exception(), None, hidden=True))
            else:
                kept.append(errors[-1] if errors else error_output(error, None))
            return Verdict(0.0, kept, checks, f"{kept[-1]['ename']}: {kept[-1]['evalue']}")
        if not _is_number(value) and makes_task(cell["source"]):
            kept.append(error_output(NoPoints(NO_POINTS), None))
            self.submission.note(f"test cell {cell['label']}: {NO_POINTS}")
            return Verdict(0.0, kept, checks, f"{kept[-1]['ename']}: {NO_POINTS}")
        points = self._points(cell, value, max_points)
        kept.append(
            {
                "output_type": "execute_result",
                "data": {"text/plain": repr(points)},
                "metadata": {},
                "execution_count": self.shell.execution_count - 1,
            }
        )
        return Verdict(points, kept, checks)

    def _points(self, cell: dict, value: Any, max_points: float) -> float:
        if type(value) in (bool, np.bool_) and not value:
            self.submission.note(f"test cell {cell['label']} gave False, which counts as 0 points")
            return 0.0
        if not _is_number(value) and self.submission.broken_off:
            self.submission.note(
                f"test cell {cell['label']}: a call gave no answer, and passes for none"
            )
            return 0.0
        if not _is_number(value):
            return max_points  # a test cell of plain asserts, none of which failed
        try:
            points = float(value)
        except OverflowError:  # an int beyond all floats
            points = math.inf if value > 0 else -math.inf
        if math.isfinite(points) and -1e-9 <= points <= max_points + 1e-9:
            return min(max(points, 0.0), max_points)
        self.submission.note(
            f"test cell {cell['label']} gave {points:g} of {max_points:g} points; "
            "please look at the test"
        )
        return min(points, max_points) if points > 0 else 0.0

    def _once_more(self, waiting: dict[int, Place]) -> None:
        """Run again what missed a name, now that all cells have run.

        Students run their cells in any order: a helper may stand below what uses it.

        Args:
            waiting: hidden tests that have not run; those that miss names get a new place.
        """
        students = [i for i, cell in enumerate(self.cells) if cell["kind"] != "test"]
        missing = [i for i in students if self.ran[i].error == "NameError"]
        tests = [
            i
            for i, cell in enumerate(self.cells)
            if cell["kind"] == "test" and (missing or any(s > i for s in students))
        ]
        while missing and self.submission.seconds_left > 0:
            before = list(missing)
            for index in before:
                again = self._student(self.cells[index])
                if again.error != "NameError":
                    self.ran[index] = again
                    missing.remove(index)
            if missing == before:
                break
        for index in tests:
            cell = self.cells[index]
            if index in waiting:
                if waiting[index].missed:
                    waiting[index] = self._place(cell)
                continue
            first = self.verdicts[index]
            if first.missed_names and first.points < float(cell["points"]):
                second = self._test(cell, self._place(cell))
                if second.points > first.points:
                    self.verdicts[index] = second
                    self.submission.note(
                        f"test cell {cell['label']} was run after all cells: "
                        "it needs names from cells below it"
                    )

    def _hidden(self, waiting: dict[int, Place]) -> None:
        """Run the hidden tests that have waited.

        Where one does not get all of its points, and the student's cells below it may have changed
        what it tests, it runs again in a process in which only the cells above it have.
        """
        bound: dict[str, Any] = {}  # by hidden tests, for those after them
        again = []
        for index, place in waiting.items():
            cell = self.cells[index]
            place.namespace = bound | place.namespace
            self.verdicts[index] = self._test(cell, place)
            bound |= {n: v for n, v in self.shell.user_ns.items() if n in cell["binds"]}
            if self.verdicts[index].points < float(cell["points"]) and self._is_changed_below(
                index
            ):
                again.append(index)
        for index in reversed(again):  # each time fewer cells
            self.submission.rewind(waiting[index].cells)
            verdict = self._test(self.cells[index], waiting[index])
            if verdict.points > self.verdicts[index].points:
                self.verdicts[index] = verdict

    def _is_changed_below(self, index: int) -> bool:
        """Return whether the student's cells below may change what those above have defined."""
        students = [
            (place, defined(cell["source"]))
            for place, cell in enumerate(self.cells)
            if cell["kind"] == "student"
        ]
        above = {name for place, names in students if place < index for name in names or ()}
        return any(names is None or names & above for place, names in students if place > index)


def _exceptions(borrowed: dict[str, Any]) -> dict[str, type[StudentError]]:
    """Return the student's exceptions among some names, by the names of their types."""
    kinds = (value for value in borrowed.values() if issubclass(type(value), type))
    return {kind.__name__: kind for kind in kinds if issubclass(kind, StudentError)}


def _is_number(value: Any) -> bool:
    """Return whether a test cell's result is points, as nbgrader reads it."""
    return type(value) in (int, float) or isinstance(value, np.integer | np.floating)


def _checks(table: Any) -> list[dict]:
    """Return a table's checks, each with the table's name."""
    if not isinstance(table, dict):
        return []
    return [
        dict(check, task=table.get("task"), hidden=bool(table.get("hidden")))
        for check in explained(table)
        if isinstance(check, dict)
    ]


def explained(table: dict[str, Any]) -> list[dict]:
    """Return a table's checks; those that failed for one cause say what and the next step."""
    checks, cause = table.get("checks", []), table.get("cause")
    if not isinstance(cause, dict):
        return checks
    told = {key: cause.get(key, "") for key in ("what", "hint")}
    # Of other checks with a common cause the first one of them tells it.
    return [
        check | told if check.get("same_cause") and check["what"] == SAME_CAUSE else check
        for check in checks
    ]
