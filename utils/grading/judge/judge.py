"""The judge: runs a notebook's cells, the student's in their process and the test cells here.

`names` resolves the names in a test cell, `hidden_test_policy` decides when hidden tests run and
what they show, `verdict` reads a test cell's points.
"""

from __future__ import annotations

import errno
import importlib
import re
from collections.abc import Mapping
from typing import Any

from utils.grading.judge import hidden_test_policy, patched_library
from utils.grading.judge.effects import Effects, name_in
from utils.grading.judge.names import USUAL_NAMES, Names, Place, exceptions_in
from utils.grading.judge.student_client import StudentClient
from utils.grading.judge.verdict import Verdict, verdict_of
from utils.grading.notebook.outputs import Output, Ran
from utils.grading.notebook.shell import CellShell, error_output, text_of
from utils.grading.notebook.source import unpack_code
from utils.grading.remote.judge_limits import ASK_FOR_PLAIN, NOT_THEIR_FAULT
from utils.grading.remote.proxy import judge_limit_behind
from utils.grading.remote.student_errors import StudentError

# Code by which a test inspects the attributes of an exception that it has caught.
_LOOKS_AT_CAUGHT = r"\b(hasattr|getattr|vars|dir)\(\s*{0}\b|\b{0}\.__"
_LOOKS_FOR_VIEWS = re.compile(r"\b(may_share|shares)_memory\b|\.base\b|\b(OWNDATA|owndata)\b")
_CHANGES_ITEMS = re.compile(r"(?m)\]\s*([-+*/@%&|^]|//|\*\*|<<|>>)?=(?!=)|^\s*\w+\s*[-+*/@%]=")


class Judge:
    """Runs a submission's cells in their order: the student's in their process, tests here.

    Args:
        shell: runs the test cells.
        student: runs the student's cells.
        cells: dicts with `kind` ("student", "locked" or "test"), `label`, `source`; tests and
            locked cells also have the keys from `source.about`, tests `points` and `hidden`.
        course_names: names in the course's own notebook: `imports`, `classes`, `completes`, see
            `SourceCell`; and `modules`, the names of the modules beside it.
    """

    def __init__(
        self,
        shell: CellShell,
        student: StudentClient,
        cells: list[dict],
        course_names: Mapping[str, Any] | None = None,
    ) -> None:
        self.shell, self.student, self.cells = shell, student, cells
        course_names = course_names or {}
        student.classes = frozenset(course_names.get("classes", ()))
        student.modules = frozenset(course_names.get("modules", ()))
        locked = (cell["binds"] for cell in cells if cell["kind"] == "locked")
        student.locked = frozenset(name for names in locked for name in names)
        student.effects = self.effects = Effects(shell.user_ns, cells)
        shell.code_ended = self._code_ended
        shell.user_ns["open"] = patched_library.open_by_name
        self.names = Names(shell, student, cells, course_names)
        self.ran: dict[int, Ran] = {}
        self.verdicts: dict[int, Verdict] = {}
        student.publish = self._publish
        student.muted = True  # except in test cells

    def _publish(self, output: Output) -> None:
        self.shell.outputs.add(
            {"output_type": "display_data", "data": output["data"], "metadata": {}}
        )

    def _code_ended(self) -> None:
        """Return to the judge's own code after a cell's, while its figures are still open."""
        self.effects.end()
        patched_library.notice_figures(self.student)

    def run_cells(self) -> dict[int, Ran | Verdict]:
        """Run all cells; return the outcome of each, by its index in `cells`."""
        sources = {c["label"]: c["source"] for c in self.cells if c["kind"] == "student"}
        checks: Any = importlib.import_module("utils.checks")
        checks.student_cells.clear()
        checks.student_cells.update(sources)
        checks.measure_student(self.student.processor_seconds)
        patched_library.let_library_ask()
        patched_library.let_pyplot_ask(self.student)
        if any("doctest" in cell["source"] for cell in self.cells if cell["kind"] == "test"):
            patched_library.let_doctest_refuse(self.student)
        self.names.let_course_import()
        waiting: dict[int, Place] = {}
        for index, cell in enumerate(self.cells):
            if cell["kind"] == "test":
                place = self.names.place(cell)
                if cell["hidden"] and not hidden_test_policy.is_used_below(
                    self.cells, index, USUAL_NAMES
                ):
                    waiting[index] = place
                else:
                    self.verdicts[index] = self._test(cell, place)
                    if cell["hidden"]:  # outputs must now come from another process
                        self.student.end(hidden_test_policy.ENDED)
                continue
            self.ran[index] = self._student(cell)
            if index in self.names.needed:
                self.names.run_locked(index, self.ran[index].error)
        self._once_more(waiting)
        self._hidden(waiting)
        self.student.end("the grading is over")
        checks.measure_student(None)
        checks.student_cells.clear()
        return {**self.ran, **self.verdicts}

    def _student(self, cell: dict) -> Ran:
        """Run a student's cell; after two thirds of the time, only its definitions."""
        late = self.student.time.seconds_for_cells < 0
        if late:
            self.student.stop(
                f"cell {cell['label']}: only its definitions are used, the cells took too long"
            )
        return self.student.run_cell(cell["label"], cell["source"], only_define=late)

    def _test(self, cell: dict, place: Place) -> Verdict:
        """Run a test cell with the names of its place in the notebook."""
        student, namespace = self.student, self.shell.user_ns
        student.missed_names = place.missed
        student.judge_limits_met.clear()
        student.broken_off = student.drew_apart = False
        if not cell["hidden"]:
            names = set(cell["binds"]) - place.borrowed.keys()
            student.bound_by_tests |= dict.fromkeys(names, cell["label"])
        student.muted, student.hidden = False, cell["hidden"]
        value: Any = None
        error: BaseException | None = None
        try:
            if place.error:
                raise place.error
            namespace.clear()
            namespace.update(place.namespace)
            self.names.borrowed = borrowed = dict(place.borrowed)  # which calls may change
            student.exceptions = exceptions_in(borrowed)
            patched_library.let_pyplot_ask(student)
            self.effects.begin(cell, borrowed)
            code = unpack_code(cell["code"])
            value, error = self.shell.run(
                cell["label"], cell["source"], cell["hidden"], code, show=False
            )
        except StudentError as ended:
            error = ended
            self.shell.outputs.add(error_output(ended, None, cell["hidden"]))
        finally:
            if error is not None:
                self._look_for_judge_limits(error, cell["source"])
            if student.drew_apart:
                student.note_judge_limit(patched_library.DREW_APART)
            student.undo_changes()
            student.muted, student.hidden = True, False
        verdict = verdict_of(cell, value, error, self.shell.outputs.take(), student)
        verdict.missed_names = student.missed_names
        if student.judge_limits_met and verdict.points < float(cell["points"]):
            verdict.left_to_person = "; ".join(student.judge_limits_met)
        return verdict

    def _look_for_judge_limits(self, error: BaseException, source: str) -> None:
        """Note it if the judge, not the student, may have caused a test's error."""
        student = self.student
        if isinstance(error, AssertionError) and (
            _LOOKS_FOR_VIEWS.search(source)
            or _CHANGES_ITEMS.search(source)
            and patched_library.gave_view(student)
        ):
            student.note_judge_limit(
                "the test needs an array that is a view of another one, and each array that a call "
                f"gives is a copy in the judge: {NOT_THEIR_FAULT}. Let the test compare values"
            )
        if isinstance(error, StudentError):
            return
        self._look_for_exceptions(source)
        if isinstance(error, NameError) and (why := self.names.broken.get(name_in(text_of(error)))):
            student.note_judge_limit(f"{why}; {NOT_THEIR_FAULT}")
        elif isinstance(error, ModuleNotFoundError):
            student.note_judge_limit(
                f"`{error.name}` is not installed where tests run, nor handed out by the course: "
                f"{NOT_THEIR_FAULT}. A test imports no module of a student's"
            )
        elif isinstance(error, OSError) and error.errno in (
            errno.ENOENT, errno.EACCES, errno.EPERM, errno.EROFS,
        ):  # fmt: skip
            student.note_judge_limit(
                f"the file {error.filename!r} is not in the judge, or cannot be written there: "
                f"{NOT_THEIR_FAULT}. What a submission writes stays with it: let its function "
                "return the content, or take it as an argument"
            )
        elif why := judge_limit_behind(error):
            told = NOT_THEIR_FAULT in why
            student.note_judge_limit(why if told else f"{why}: {NOT_THEIR_FAULT}. {ASK_FOR_PLAIN}")

    def _look_for_exceptions(self, source: str) -> None:
        """Note it if a test looks at attributes that exceptions do not have in the judge."""
        for name in self.student.exceptions:
            text = re.escape(name)  # which the student has chosen
            if re.search(rf"\b{text}\s*[.(]|\b(hasattr|getattr|vars|dir)\({text}\b", source):
                self.student.note_judge_limit(
                    f"the test makes a {name} or looks at the class, which has no methods of the "
                    f"student's in the judge: {NOT_THEIR_FAULT}. Let it catch what is raised"
                )
        for name in re.findall(r"\bexcept\b[^:\n]*\bas (\w+)", source):
            if re.search(_LOOKS_AT_CAUGHT.format(name), source):
                self.student.note_judge_limit(
                    f"the test asks which attributes `{name}` has, and only those that are "
                    f"numbers, text or None are in the judge: {NOT_THEIR_FAULT}"
                )

    def _once_more(self, waiting: dict[int, Place]) -> None:
        """Run again the cells that missed a name, now that all cells have run.

        Students run their cells in any order: a helper may stand below the cell that uses it.

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
        while missing and self.student.time.seconds_left > 0:
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
                    waiting[index] = self.names.place(cell)
                continue
            first = self.verdicts[index]
            if first.missed_names and first.points < float(cell["points"]):
                second = self._test(cell, self.names.place(cell))
                if second.points > first.points:
                    self.verdicts[index] = second
                    self.student.note(
                        f"test cell {cell['label']} was run after all cells: "
                        "it needs names from cells below it"
                    )

    def _hidden(self, waiting: dict[int, Place]) -> None:
        """Run the hidden tests that have waited.

        If one loses points, and the student's cells below it may have redefined what it tests, it
        runs again in a process that has run only the cells above it.
        """
        bound: dict[str, Any] = {}  # bound by hidden tests, for those after them
        again = []
        for index, place in waiting.items():
            cell = self.cells[index]
            place.namespace = bound | place.namespace
            self.verdicts[index] = self._test(cell, place)
            bound |= {n: v for n, v in self.shell.user_ns.items() if n in cell["binds"]}
            lost = self.verdicts[index].points < float(cell["points"])
            if lost and hidden_test_policy.is_changed_below(self.cells, index):
                again.append(index)
        for index in reversed(again):  # each time fewer cells
            self.student.rewind(waiting[index].cells)
            verdict = self._test(self.cells[index], waiting[index])
            if verdict.points > self.verdicts[index].points:
                self.verdicts[index] = verdict
