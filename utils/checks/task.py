"""The checks of one test cell: their points, common causes of failures, and their table."""

from __future__ import annotations

import ast
from fractions import Fraction
from typing import Any

from IPython import get_ipython
from IPython.display import display

from utils.checks.check import Check
from utils.checks.failures import HINTS, WAITS, Failure
from utils.checks.student_code import kernel, library, parse, unused_parameters
from utils.checks.table import as_html, as_text
from utils.checks_format import MIME, SAME_CAUSE


class Task:
    """The checks of one test cell and the table of their results.

    Notebooks show the table as HTML, a terminal as text; programs read it from the type `MIME`.

    Args:
        name: name of the task: the function or class that the student writes.
        hidden: show names and hints only, no numbers and nothing that the student's code prints.
        hidden_points: points of the hidden checks, for the headline of the visible ones.

    Attributes:
        cause: the common cause of failures: a dict with `what`, `hint`, `line`, `code`; or None.
    """

    def __init__(self, name: str, hidden: bool = False, hidden_points: float | None = None) -> None:
        self.name, self.hidden, self.hidden_points = name, hidden, hidden_points
        self.checks: list[Check] = []
        self.cause: dict[str, Any] | None = None
        self.is_settled = False
        _watch(self)

    def check(
        self,
        points: float,
        name: str,
        hint: str = "",
        *,
        needs_values: bool | None = None,
        about_arrays: bool = False,
        **hints: str,
    ) -> Check:
        """Return a check for a `with` statement.

        Args:
            points: its share of the points; shares are added without rounding errors.
            name: the property, in words for the student.
            hint: what to look at first if it fails; code is in backticks.
            needs_values: whether it counts only if a check of values has passed; by default True if
                it only uses helpers for side properties.
            about_arrays: whether a list in place of an array costs this check rather than the first
                one that reads it; `gives_floats` also sets this.
            hints: better hints by part ("dW", "W1_b1") or by kind ("nan", "shape", "error").
        """
        check = Check(self.name, self.hidden, points, name, hint, hints, needs_values)
        check.is_about_arrays = about_arrays
        self.checks.append(check)
        return check

    def points(self) -> float:
        """Return the points of the checks that count, and show the table.

        In a notebook the result is displayed as the table, and its text is the number. Elsewhere
        the table is displayed and the result is a plain float.
        """
        self.settle()
        if kernel():
            return Points(self)
        display(self)
        return float(self.earned)

    def settle(self) -> None:
        """Find common causes and choose the hints, once all checks have run."""
        if self.is_settled:
            return
        self.is_settled = True
        if not self.hidden:
            self._charge_container()
        self._charge_library()
        knows = any(check.is_evidence for check in self.checks)
        for check in self.checks:
            if not knows and not check.failure:
                check.failure = Failure(WAITS, "waits")
        self._find_cause()
        is_written = any(check.state != "unwritten" for check in self.checks)
        unused = [] if knows or not is_written else unused_parameters(self.name)
        if unused:
            what = f"`{self.name}` never uses its argument `{unused[0]}`"
            cause = self.cause or {"what": what, "hint": "", "line": 0, "code": ""}
            if what not in cause["what"] + cause["hint"]:
                cause["hint"] = f"{cause['hint']} {what}.".strip()
            self.cause = cause

    def _charge_container(self) -> None:
        """Fail one check for a list in place of an array: one about arrays, or else the first."""
        read = [check for check in self.checks if check.containers and not check.failure]
        about = [check for check in read if check.is_about_arrays]
        for check in about[-1:] or read[:1]:
            check.failure = Failure(check.containers[0], "container")

    def _charge_library(self) -> None:
        """Fail all checks if a library other than NumPy does the work."""
        names = {self.name, *(getattr(check.called, "__name__", "") for check in self.checks)}
        if all(check.failure for check in self.checks) or not (found := library(names)):
            return
        module, line, code = found
        if self.hidden:
            what = "This course uses NumPy only: the task is solved with another library"
            hint = "Write every step with `np`, and delete the line that imports the library."
            line, code = 0, ""
        else:
            what = f"This course uses NumPy only: `{self.name}` uses `{module}`"
            hint = f"Delete the line that imports `{module}`, and write the step with `np`."
        for check in self.checks:
            check.failure = Failure(
                what, "library", hint=hint, cause="library", line=line, code=code
            )

    def _find_cause(self) -> None:
        """Find the common cause of several failed checks, or of all, for its own row."""
        failed = [(check, check.failure) for check in self.checks if check.failure]
        groups: dict[Any, list[tuple[Check, Failure]]] = {}
        for check, failure in failed:
            check.hint = check.choose_hint(failure)
            if failure.cause is not None:
                groups.setdefault(failure.cause, []).append((check, failure))
        if not groups:
            return
        largest = max(groups.values(), key=len)
        rest = [failure for check, failure in failed if failure.cause != largest[0][1].cause]
        is_all = len(failed) == len(self.checks) and all(one.kind == "waits" for one in rest)
        if len(largest) > 1 or is_all:
            check, first = largest[0]
            hint = first.hint or check.hints.get(first.kind) or first.next_step
            hint = hint or HINTS.get(first.kind, "")
            self.cause = {"what": str(first), "hint": hint, "line": first.line, "code": first.code}
            if self.hidden:
                self.cause |= {"line": 0, "code": ""}
            for check, _ in largest:
                check.same_cause, check.hint = True, ""
        for group in groups.values():
            if group is not largest and len(group) > 1:
                for check, failure in group[1:]:
                    failure.what = f"{SAME_CAUSE} as in “{group[0][0].name}”"
                    failure.line, check.hint, check.same_cause = 0, "", True

    @property
    def total(self) -> Fraction:
        """The sum of all shares."""
        return sum((check.share for check in self.checks), Fraction())

    @property
    def earned(self) -> Fraction:
        """The sum of the shares of the checks that passed."""
        return sum((check.earned for check in self.checks), Fraction())

    @property
    def headline(self) -> str:
        """The title of the table: the task, the points, and whether all checks passed."""
        hidden = ", hidden checks" if self.hidden else ""
        unit = "visible points" if self.hidden_points is not None else "points"
        text = f"{self.name}{hidden}: {float(self.earned):g} of {float(self.total):g} {unit}"
        states = {check.state for check in self.checks}
        if self.hidden_points is not None and states != {"unwritten"}:
            depend = "hidden point depends" if self.hidden_points == 1 else "hidden points depend"
            text += f"; {self.hidden_points:g} {depend} on the contract"
        if states == {"passed"}:
            return f"✓ {text}. All checks passed." if self.hidden_points is None else f"✓ {text}."
        if states == {"unwritten"}:
            return f"○ {text}. Task {self.name} is not written yet."
        return f"{text}."

    @property
    def table(self) -> dict[str, Any]:
        """The table as plain data."""
        self.settle()
        keys = ("name", "points", "state", "what", "hint", "same_cause")
        checks = [{key: getattr(check, key) for key in keys} for check in self.checks]
        about = {"task": self.name, "hidden": self.hidden, "headline": self.headline}
        about |= {"hidden_points": self.hidden_points, "cause": self.cause}
        return about | {"checks": checks}

    def __repr__(self) -> str:
        return as_text(self.table)

    def _repr_html_(self) -> str:
        return as_html(self.table)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {MIME: self.table}

    def _ipython_display_(self) -> None:
        """Display all three formats at once; IPython would try a dozen, one after another."""
        table = self.table
        forms = {MIME: table, "text/plain": as_text(table), "text/html": as_html(table)}
        display(forms, raw=True)


class Points(float):
    """The points of a test cell: a number that a notebook displays as the table."""

    task: Task

    def __new__(cls, task: Task) -> Points:
        points = super().__new__(cls, float(task.earned))
        points.task = task
        return points

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        table = {"text/plain": repr(float(self)), "text/html": self.task._repr_html_()}
        return table | self.task._repr_mimebundle_()


# A test cell without points ---------------------------------------------------------------------

_made: list[Task] = []  # in the running cell of a notebook's kernel


def _watch(task: Task) -> None:
    """Make a test cell without points fail: nbgrader gives full marks for no result."""
    if not (shell := kernel()):
        return
    _made.append(task)
    if _after_cell not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _after_cell)


def _after_cell(result: Any) -> None:
    made = list(_made)
    _made.clear()
    tree = parse(getattr(result.info, "raw_cell", ""))
    if not (made and result.success and tree and tree.body):
        return
    if isinstance(tree.body[-1], ast.Expr) and not isinstance(result.result, Points):
        error = RuntimeError(
            f"The test of {made[-1].name} gives no points: end its function with "
            "`return task.points()`, and call it in the last line of the cell."
        )
        result.error_in_exec = error
        get_ipython().showtraceback((RuntimeError, error, None))
