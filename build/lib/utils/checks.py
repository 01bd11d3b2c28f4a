"""What a test cell calls: named checks, each with a share of the points and hints.

A test cell is a list of checks and ends in the points:

    from utils import checks

    task = checks.Task("softmax", hidden_points=7)
    check = task.check
    with check(1, "the worked example", "Exponentials first, then divide each by their sum."):
        checks.gives(softmax, np.array([0.0, 0.0]), [0.5, 0.5])
    with check(1, "the argument is not changed"):
        checks.leaves_alone(softmax, np.array([0.0, 0.0]))
    return task.points()

- A check passes unless its body raises, and whatever the student's code raises costs that check
  alone. What makes several checks fail is told once, in a row of its own, with its line and the
  next step; the rows of those checks say "same cause".
- A hint is chosen by how a check failed: by the part that is wrong (`dW="..."`), else by the kind
  of failure (`nan="..."`, see `HINTS`), else the check's general hint.
- A check that uses only helpers for side properties (`leaves_alone`, `finite`, ...) counts only if
  a check of the same task that compares values passed. Knowing nothing earns nothing.
- A list in place of an array costs one check; the numbers in it are judged as they are.
- The helpers take the student's function first, then its arguments: a tuple for several, anything
  else for one. They hand over copies, so a function that overwrites its argument spoils nothing,
  and they trust only plain arrays and numbers: an object that claims to equal everything is no
  result. What is expected is worked out before the student's code is called.
- Hidden checks name the property and a hint, and show no numbers.

Three things run test cells: the student's own kernel, `check`, and the judge, where the student's
objects are proxies. The latter two say in `student_cells` what the student's cells contain.
"""

from __future__ import annotations

import ast
import contextlib
import difflib
import functools
import html
import importlib.util
import io
import itertools
import json
import linecache
import os
import re
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from time import perf_counter, process_time
from types import TracebackType
from typing import Any

import numpy as np
from IPython import get_ipython
from IPython.display import display

MIME = "application/vnd.course-checks+json"  # the same table for programs: reports read this

MARKS = {
    "passed": "✓ passed",
    "failed": "✗ not yet",
    "unwritten": "○ not written",
    "undefined": "○ not defined",
}
SAME_CAUSE = "same cause"
WAITS = "this holds, but it counts only if a check of the values passes"

# Next steps by the kind of a failure, where a check has none of its own.
HINTS = {
    "none": "End the function with `return ...`. `print` shows a value, but does not return it.",
    "container": "Convert it to an array before you return it: `np.array(...)`.",
    "type": "Return what the task asks for.",
    "pair": "Return all of them, separated by commas.",
    "missing": "Compare the names with those in the text of the task.",
    "dtype": "Compute with floats, for example with `np.array(..., dtype=float)`.",
    "nan": "`nan` comes from 0 / 0, inf / inf or inf - inf: print each step for this input.",
    "inf": "`inf` comes from an overflow or a division by 0: print each step for this input.",
    "changed": "Work on a copy: `a = a - ...` makes a new array, `a -= ...` changes the old one.",
    "shared": "Make a new array in each call, and keep nothing from one call to the next.",
    "swapped": "Compare the order and the names with those in the text of the task.",
    "slow": "Let NumPy work on whole arrays instead of looping over single numbers.",
}

# The student's code cells by grade id, in their order. A program that runs test cells outside
# of the student's own kernel puts them here, so that a missing name can be explained.
student_cells: dict[str, str] = {}


# What could solve a task in place of the student: other libraries, and the course's own solutions.
# A module of the student's own is neither.
_LIBRARY = re.compile(
    r"(utils\.(functions|gradients|layers|networks|training)|autograd|cupy|cv2|jax|keras|mxnet|numba"
    r"|numexpr|pandas|polars|scipy|skimage|sklearn|statsmodels|sympy|tensorflow|theano|torch)\b"
)
_OTHER_IMPORT = re.compile(r"(?m)^\s*(?:import|from)\s+(?!numpy\b|utils\s+import\s+checks\b)")

# What a student's process hands over, and what the cells hold, may be made to keep the judge busy.
MAX_PARSED = 100_000  # characters of the student's cells that are parsed to explain a failure
MAX_LISTED = 1_000_000  # numbers and lists in a list that is read as an array


class PropertyError(Exception):
    """A property does not hold.

    Args:
        what: what happened, without numbers.
        detail: more, which may show numbers; hidden checks leave it out.
        kind: key of the hint: "values", "shape" or a key of `HINTS`.
        part: name of the part that is wrong, such as "dW"; it is a key of a hint, too.
        blocks: whether nothing can be said about values, so that other checks fail alike.
    """

    def __init__(
        self,
        what: str,
        detail: str = "",
        kind: str = "values",
        part: str = "",
        blocks: bool = False,
    ) -> None:
        super().__init__(f"{what}: {detail}" if detail else what)
        self.what, self.detail, self.kind, self.part, self.blocks = what, detail, kind, part, blocks


@dataclass
class Failure:
    """Why a check failed.

    Attributes:
        what: what happened.
        kind, part: keys of the hint.
        hint: the next step, if the failure itself tells it.
        next_step: the next step if several checks failed alike and no hint of theirs fits.
        cause: equal for failures that have one cause; None if others cannot have it.
        line, code: place in the student's cell, 0 and "" if unknown.
        state: key of `MARKS`.
    """

    what: str
    kind: str = "values"
    part: str = ""
    hint: str = ""
    next_step: str = ""
    cause: Any = None
    line: int = 0
    code: str = ""
    state: str = "failed"

    def __str__(self) -> str:
        if not self.line or f"line {self.line}" in self.what:
            return self.what
        code = f": `{_short(self.code.replace('`', ' '))}`" if self.code else ""
        return f"{self.what} (line {self.line}{code})"


class Task:
    """The checks of one test cell and the table of what became of them.

    Notebooks show the table as HTML, a terminal as text; programs find it under the type `MIME`.

    Args:
        name: name of the task: the function or class that the student writes.
        hidden: show names and hints only, no numbers and nothing that the student's code prints.
        hidden_points: points of the hidden checks, for the headline of the visible ones.

    Attributes:
        cause: what made several checks fail: a dict with `what`, `hint`, `line`, `code`; or None.
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
            name: the property, as a student reads it.
            hint: what to look at first if it fails; code stands between backticks.
            needs_values: whether it counts only if a check of values passed; by default what only
                uses helpers for side properties does.
            about_arrays: whether a list in place of an array costs this check rather than the first
                one that reads it; so does `gives_floats`.
            hints: better hints by part ("dW", "W1_b1") or by kind ("nan", "shape", "error").
        """
        check = Check(self, points, name, hint, hints, needs_values)
        check.is_about_arrays = about_arrays
        self.checks.append(check)
        return check

    def points(self) -> float:
        """Return the points of the checks that count, and show the table.

        In a notebook the result shows itself as the table, and its text is the number. Elsewhere
        the table is displayed and the result is a plain float.
        """
        self.settle()
        if _kernel():
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
        unused = [] if knows or not self.rows else _unused_parameters(self.name)
        if unused:
            what = f"`{self.name}` never uses its argument `{unused[0]}`"
            cause = self.cause or {"what": what, "hint": "", "line": 0, "code": ""}
            if what not in cause["what"] + cause["hint"]:
                cause["hint"] = f"{cause['hint']} {what}.".strip()
            self.cause = cause

    def _charge_container(self) -> None:
        """Let a list in place of an array cost one check: one about the array, or the first."""
        read = [check for check in self.checks if check.containers and not check.failure]
        about = [check for check in read if check.is_about_arrays]
        for check in about[-1:] or read[:1]:
            check.failure = Failure(check.containers[0], "container")

    def _charge_library(self) -> None:
        """Let no check pass whose work another library than NumPy does."""
        names = {self.name, *(getattr(check.called, "__name__", "") for check in self.checks)}
        if all(check.failure for check in self.checks) or not (found := _library(names)):
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
        """Tell what made several checks fail, or all of them, in a row of its own."""
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
        """One line that says it all."""
        hidden = ", hidden checks" if self.hidden else ""
        unit = "visible points" if self.hidden_points is not None else "points"
        text = f"{self.name}{hidden}: {_number(self.earned)} of {_number(self.total)} {unit}"
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
    def rows(self) -> list[Check]:
        """The lines below the headline: none while the whole task is still to be written."""
        return [] if {check.state for check in self.checks} == {"unwritten"} else self.checks

    def __repr__(self) -> str:
        self.settle()
        return self._as_text(self.headline)

    def _as_text(self, headline: str) -> str:
        lines, margin = [headline], " " * 27
        if self.cause:
            lines.append(f"  {'✗ cause':<25}{self.cause['what']}")
            if self.cause["hint"]:
                lines.append(f"{margin}Next step: {self.cause['hint']}")
        for check in self.rows:
            points = f"{_number(check.earned)}/{_number(check.share)}"
            same = f" ({SAME_CAUSE})" if check.what == SAME_CAUSE else ""
            lines.append(f"  {MARKS[check.state]:<13}  {points:>8}  {check.name}{same}")
            if check.what and not same:
                lines.append(f"{margin}What happened: {check.what}")
            if check.hint and check.what:
                lines.append(f"{margin}Hint: {check.hint}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        self.settle()
        return self._as_html(self.headline)

    def _as_html(self, headline: str) -> str:
        left = 'style="text-align: left; vertical-align: top"'
        parts = [f"<p><strong>{_html(headline)}</strong></p>"]
        if self.rows:
            titles = ("result", "points", "check")
            head = "".join(f'<th scope="col" {left}>{text}</th>' for text in titles)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
            if self.cause:
                text = _html(self.cause["what"])
                if self.cause["hint"]:
                    text += f"<br>Next step: {_html(self.cause['hint'])}"
                parts.append(
                    f"<tr><td {left}>✗&nbsp;cause</td><td></td><td {left}>{text}</td></tr>"
                )
            for check in self.rows:
                points = f"{_number(check.earned)} / {_number(check.share)}"
                mark, points = (t.replace(" ", "&nbsp;") for t in (MARKS[check.state], points))
                text = _html(check.name)
                if check.what == SAME_CAUSE:
                    text += f" ({SAME_CAUSE})"
                elif check.what:
                    text += f"<br>What happened: {_html(check.what)}"
                if check.hint and check.what:
                    hint = _html(check.hint)
                    text += f"<details><summary>Hint:</summary>{hint}</details>"
                row = "".join(f"<td {left}>{cell}</td>" for cell in (mark, points, text))
                parts.append(f"<tr>{row}</tr>")
            parts.append("</tbody></table>")
        return "".join(parts)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        self.settle()
        return self._as_data(self.headline)

    def _as_data(self, headline: str) -> dict[str, Any]:
        keys = ("name", "points", "state", "what", "hint", "same_cause")
        checks = [{key: getattr(check, key) for key in keys} for check in self.checks]
        about = {"task": self.name, "hidden": self.hidden, "headline": headline}
        about |= {"hidden_points": self.hidden_points, "cause": self.cause}
        return {MIME: about | {"checks": checks}}

    def _ipython_display_(self) -> None:
        """Show all three forms at once; IPython would ask for a dozen, one after another."""
        self.settle()
        headline = self.headline  # worked out once for all three
        words = {"text/plain": self._as_text(headline), "text/html": self._as_html(headline)}
        display(self._as_data(headline) | words, raw=True)


class Points(float):
    """The points of a test cell as a notebook's result: shown as the table, read as the number."""

    task: Task

    def __new__(cls, task: Task) -> Points:
        points = super().__new__(cls, float(task.earned))
        points.task = task
        return points

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        table = {"text/plain": repr(float(self)), "text/html": self.task._repr_html_()}
        return table | self.task._repr_mimebundle_()


class Check:
    """One check: its body passes unless it raises; warnings and stderr are silenced meanwhile.

    Attributes:
        state: key of `MARKS`.
        what: what happened, "" if it passed.
        hint: what to do, "" if it passed or if the table tells a common cause.
        same_cause: whether that is so.
    """

    running: Check | None = None

    def __init__(
        self,
        task: Task,
        points: float,
        name: str,
        hint: str,
        hints: dict[str, str],
        needs_values: bool | None,
    ) -> None:
        self.task, self.points, self.name, self.hint, self.hints = task, points, name, hint, hints
        self.needs_values, self.hidden, self.share = (
            needs_values,
            task.hidden,
            Fraction(str(points)),
        )
        self.general_hint = hint
        self.failure: Failure | None = Failure("the check did not run", "error")
        self.same_cause = False
        self.compared: set[str] = set()  # "values", "side": what its helpers looked at
        self.containers: list[str] = []  # lists that were read as arrays
        self.is_about_arrays = False  # whether a list should cost this check
        self.called: Callable | None = None  # the function that was called last
        self.file = ""  # the test cell's
        self.names: dict[str, Any] = {}  # the test cell's global names

    @property
    def state(self) -> str:
        """Return the key of `MARKS`."""
        return self.failure.state if self.failure else "passed"

    @property
    def what(self) -> str:
        """Say what happened."""
        if not self.failure:
            return ""
        if self.same_cause and not self.failure.what.startswith(SAME_CAUSE):
            return SAME_CAUSE
        return str(self.failure)

    @property
    def earned(self) -> Fraction:
        """The share if the check passed, else 0."""
        return Fraction() if self.failure else self.share

    @property
    def is_evidence(self) -> bool:
        """Say whether it passed and shows that the student's code knows the task."""
        if self.failure or self.needs_values:
            return False
        return self.needs_values is False or self.compared != {"side"}

    def choose_hint(self, failure: Failure) -> str:
        """Return the hint that fits how the check failed."""
        if failure.kind in ("waits", "unwritten"):
            return ""
        if failure.hint:
            return failure.hint
        keys = [failure.part, failure.part.partition("_")[0], failure.kind]
        found = next((self.hints[key] for key in keys if key in self.hints), "")
        return found or HINTS.get(failure.kind, "") or self.general_hint or failure.next_step

    def __enter__(self) -> None:
        frame = sys._getframe(1)
        self.file, self.names = frame.f_code.co_filename, frame.f_globals
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")
        self._streams = sys.stdout, sys.stderr
        sys.stderr = io.StringIO()
        if self.hidden:
            sys.stdout = io.StringIO()
        Check.running = self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> bool:
        sys.stdout, sys.stderr = self._streams
        self._warnings.__exit__(kind, error, trace)
        try:
            return self._judge(error, trace)
        finally:
            Check.running = None

    def _judge(self, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, KeyboardInterrupt):  # the stop button, or nbgrader's time limit
            return False
        if error is None:
            self.failure, self.hint = None, ""
        elif isinstance(error, PropertyError):
            what = error.what if self.hidden else str(error)
            cause = (error.kind, error.part, error.what) if error.blocks else None
            self.failure = Failure(what, error.kind, error.part, cause=cause)
        else:  # SystemExit and the like, too: they cost this check alone
            self.failure = _diagnose(error, trace, self)
        return True


def _looks_at(what: str) -> None:
    """Note for the running check whether a helper compares values or a side property."""
    if Check.running:
        Check.running.compared.add(what)


# Diagnosis --------------------------------------------------------------------------------------


def _diagnose(error: BaseException, trace: TracebackType, check: Check) -> Failure:
    """Return why an exception came out of a check's body, in words for the student."""
    names = {base.__name__ for base in type(error).__mro__}
    line, code, source = _place(error, trace)
    if "NotImplementedError" in names:
        failure = _unwritten(check.task.name, line, source)
    elif "NameError" in names and not line and _is_own(trace):
        failure = _undefined(getattr(error, "name", None) or check.task.name, check)
    else:
        failure = _stopped(error, names, trace, bool(line), check)
    failure.line, failure.code = failure.line or line, failure.code or code
    if not check.hidden:
        if failure.cause is None and failure.state == "failed":
            failure.cause = (type(error).__name__, failure.line, failure.what if not line else "")
        return failure
    # Neither a number nor a name of the student's own choice may tell what a hidden check asked.
    if failure.state == "failed" and failure.kind != "left over":
        failure = Failure("stopped with an error", "error", next_step=HIDDEN_ERROR, cause="error")
    failure.line, failure.code = 0, ""
    return failure


HIDDEN_ERROR = (
    "Make the visible checks pass first. If they do, call your code with other shapes, dtypes and "
    "sizes that the text of the task allows."
)


def _is_own(trace: TracebackType) -> bool:
    """Say whether an exception was raised by the test cell's own line."""
    last = trace
    while last.tb_next:
        last = last.tb_next
    return _cell(last) == _cell(trace)


def _is_called_back(trace: TracebackType, check: Check) -> bool:
    """Say whether the student's code called a function of the test cell, which raised."""
    files: list[str] = []
    step: TracebackType | None = trace
    while step and (step := step.tb_next):
        files.append(_cell(step))
    between = [i for i, file in enumerate(files) if file not in (check.file, __file__)]
    return bool(between) and check.file in files[between[0] :]


def _stopped(
    error: BaseException, names: set[str], trace: TracebackType, placed: bool, check: Check
) -> Failure:
    """Return what to say of an exception that the student's code raised."""
    try:
        message = _short(" ".join(str(error).split()))
    except Exception:
        message = "(its message cannot be shown)"
    is_called_back = "test_" in message and "<locals>" in message or _is_called_back(trace, check)
    message = _without_internals(message)
    name, subject = type(error).__name__, _subject(check)
    what = f"stopped with {name}" + (f": {message}" if message else "")
    hint = ""
    if is_called_back:
        what = (
            f"{subject} called a function that the checks passed to it, which stopped with {name}"
        )
        what += f": {message}" if message else ""
        hint = "Call it as the text of the task does, with arguments of the same kind and shape."
    elif "UnboundLocalError" in names:
        hint = "Assign the variable on every path that leads to that line."
    elif "NameError" in names:
        missing = getattr(error, "name", None) or _first(r"name '(\w+)'", message) or "a name"
        what = f"`{missing}` is not defined in this notebook"
        hint = "Was its cell deleted, or not run? Restart the kernel and run all cells."
        if hasattr(np, missing):
            hint = f"Write `np.{missing}`."
    elif "ImportError" in names and "utils." not in message:
        module = _first(r"[Nn]o module named '([\w.]+)'", message)
        what = "This course uses NumPy only" + (f": there is no `{module}`" if module else "")
        hint = f"Delete the line that imports `{module}`, and use `np`." if module else ""
    elif "RecursionError" in names:
        what = f"{subject} calls itself endlessly"
        hint = "A function that calls itself needs a case in which it does not."
    elif "MemoryError" in names:
        hint = "Which array is that large? Print the shapes in that line."
    elif "TimeoutError" in names:
        what = f"{subject} ran for too long and was stopped"  # how long differs from call to call
        hint = "Is there a loop that never ends? Does its condition ever become false?"
        return Failure(what, "slow", hint=hint, cause="time")
    elif "TypeError" in names and (found := _arguments(message, subject, placed)):
        what, hint = found
        return Failure(what, "error", hint=hint, cause="arguments")
    elif "AttributeError" in names and not placed:
        owner = _first(r"'(\w+)' object", message) or check.task.name
        missing = getattr(error, "name", None) or _first(r"attribute '(\w+)'", message)
        what, hint = f"`{owner}` has no attribute `{missing}`", HINTS["missing"]
    elif "KeyError" in names and not placed:
        what, hint = f"there is no {message} in the dict", HINTS["missing"]
    elif not placed and not _from_student(error):
        what = f"the check cannot use what {subject} returned: {name}: {message}"
        hint = HINTS["type"]
    cause = None if placed else (name, what)
    sure, next_step = _by_message(message)
    hint = hint or sure
    failure = Failure(what, "error", hint=hint, next_step=next_step, cause=cause)
    unused = _unused_parameters(check.task.name)
    if unused and not hint:
        failure.hint = f"`{check.task.name}` never uses its argument `{unused[0]}`: use it."
    return failure


# Next steps by what the message of an exception holds: they fit whatever a check is about.
_BY_MESSAGE = {
    "is not callable": "What stands before the brackets is not a function. Does a variable have "
    "the name of a function, or is an operator missing?",
    "'NoneType'": "Something in that line is None: a function without `return` gives nothing back, "
    "nor do `print` and `shuffle`.",
    "object has no attribute": "What stands before the dot is not what you expect: print its type. "
    "Is `self.` missing where the attribute should be made?",
    "[Cc]annot cast": "An operation such as `/=` keeps the dtype of its array, and an array of "
    "integers cannot hold the result. Make a new array.",
    "<U|'str'": "Text, such as a key of a dict, stands where an array is expected.",
}
_SHAPES = "shape|broadcast|dimension|axis|axes|size|index"


def _by_message(message: str) -> tuple[str, str]:
    """Return what to do about an exception: for sure, or "", and if no hint of a check fits."""
    for pattern, step in _BY_MESSAGE.items():
        if re.search(pattern, message):
            return step, step
    if re.search(_SHAPES, message):
        return "", "Print the shapes of the arrays in that line."
    return "", "Read the message, and run that line alone in a new cell."


def _arguments(message: str, subject: str, placed: bool) -> tuple[str, str] | None:
    """Return what to say of a call with the wrong arguments, None if it was none."""
    if "takes no arguments" in message:
        what = "`{}` has no `__init__`".format(_first(r"(\w+)\(\)", message))
        return (
            what,
            "The name has two underscores on each side: `__init__`. Did you write `_init_`?",
        )
    if placed or not re.search(r"\(\) (takes|missing|got)", message):
        return None
    keep = "Keep the first line, `def ...`, as it was given."
    if found := re.search(r"(\S+)\(\) takes (\d+) positional arguments? but (\d+)", message):
        name, takes, given = found.group(1), int(found.group(2)), int(found.group(3))
        besides = ""
        if "." in name:  # a method: Python counts the object, too
            takes, given, besides = takes - 1, given - 1, " besides `self`"
            keep += " Is `self` its first parameter?"
        plural = "argument" if takes == 1 else "arguments"
        return (
            f"{subject} takes {takes} {plural}{besides}, and the checks call it with {given}",
            keep,
        )
    if missing := _first(r"argument: '(\w+)'", message):
        return f"{subject} asks for `{missing}`, which the checks do not pass", keep
    if unknown := _first(r"keyword argument '(\w+)'", message):
        return f"{subject} has no parameter `{unknown}`", keep
    return f"{subject} cannot be called as the text of the task says: {message}", keep


def _without_internals(message: str) -> str:
    """Return a message without the names of a test's own functions."""
    message = re.sub(r"[\w.]*<(lambda|locals)>[\w.<>]*(\(\))?", "the function", message)
    return re.sub(r"\btest_\w+\b(\(\))?", "the function", message)


def _unwritten(task: str, line: int, source: str) -> Failure:
    """Return what to say of `raise NotImplementedError()`: nothing written, or left over."""
    if source and line and _has_code_beside(source, line):
        where = "its cell" if _hides() else f"line {line}"
        what = f"Your code is there, but `raise NotImplementedError()` still stands in {where}"
        return Failure(f"{what}: delete it.", "left over", cause="left over")
    elsewhere = [text for text in _sources() if text != source and _is_written(text, task)]
    if elsewhere:
        what = (
            f"You have written `{task}` in another cell, but the cell of the task still holds "
            f"`raise NotImplementedError()` and defines `{task}` again"
        )
        hint = "Move your code into the cell of the task, and delete that line."
        return Failure(what, "left over", hint=hint, cause="left over")
    return Failure("not written yet", "unwritten", state="unwritten")


def _parse(source: str) -> ast.Module | None:
    if len(source) > MAX_PARSED:
        return None
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _has_code_beside(source: str, line: int) -> bool:
    """Say whether the function around a line of a cell holds more than that line."""
    tree = _parse(source)
    around = [
        node
        for node in ast.walk(tree or ast.Module([], []))
        if isinstance(node, ast.FunctionDef) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    if not around:
        return False
    inner = max(around, key=lambda node: node.lineno)
    return any(statement.lineno != line and not _is_empty(statement) for statement in inner.body)


def _is_empty(statement: ast.stmt) -> bool:
    """Say whether a statement does nothing: text, `pass`, `raise NotImplementedError()`."""
    if isinstance(statement, ast.Raise):
        return "NotImplementedError" in ast.dump(statement)
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    return isinstance(statement, ast.Pass)


def _is_written(source: str, name: str) -> bool:
    """Say whether a cell defines a function of this name with code in it."""
    if f"def {name}" not in source:
        return False
    tree = _parse(source)
    return any(
        isinstance(node, ast.FunctionDef)
        and node.name == name
        and not all(map(_is_empty, node.body))
        and not any(_is_empty(node) and isinstance(node, ast.Raise) for node in node.body)
        for node in (tree.body if tree else ())
    )


def _undefined(name: str, check: Check) -> Failure:
    """Return why a name that the checks call is not there."""
    say = functools.partial(Failure, kind="error", cause=("undefined", name), state="undefined")
    plainly = say(f"`{name}` is not defined", hint="Run its cell first, and fix any error there.")
    if check.hidden:
        return plainly
    defines = rf"(?m)^[^\S\n]*(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*="
    cells = [text for text in _sources() if re.search(defines, text)]
    for source in cells[-1:]:
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            if re.search(r"(?m)^[^\S\n]*[%!?]", source):
                break
            what = f"The cell of `{name}` is not valid Python: {error.msg}"
            hint = "Fix that line, then run the cell again."
            if "U+FF" in error.msg or "U+3000" in error.msg:
                hint = "It is a full-width character: type it again in half-width mode (半角)."
            code = (error.text or "").strip()
            return say(what, hint=hint, line=error.lineno or 0, code=code)
        except (ValueError, MemoryError, RecursionError):
            break
        for node in ast.walk(tree):
            module = _missing_module(node)
            if isinstance(node, ast.stmt) and module and "utils" not in module:
                what = f"This course uses NumPy only: there is no `{module}`"
                hint = f"Delete the line that imports `{module}`, and use `np`."
                code = source.splitlines()[node.lineno - 1].strip()
                return say(what, hint=hint, line=node.lineno, code=code)
        what = f"`{name}` is not defined: its cell stopped with an error, or was not run"
        hint = "Run its cell and read the message below it; the last line names the error."
        return say(what, hint=hint)
    own = student_cells.get(name, "")
    others = _defined_in(own) or difflib.get_close_matches(name, _defined(check), 3, 0.5)
    others += [other for other in _defined(check) if name in other and other not in others]
    if others:
        where = "This cell" if own else "This notebook"
        listed = ", ".join(f"`{other}`" for other in others[:3])
        what = f"{where} defines {listed}; the checks call `{name}`."
        hint = f"Keep the given name: `{name}`."
        return say(what, hint=hint)
    return plainly


def _missing_module(node: ast.AST) -> str:
    """Return the module that an import statement asks for and that is not installed."""
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


def _defined_in(source: str) -> list[str]:
    """Return the functions and classes that a cell defines at its top level."""
    tree = _parse(source)
    kinds = ast.FunctionDef | ast.ClassDef
    return [node.name for node in (tree.body if tree else ()) if isinstance(node, kinds)]


def _defined(check: Check) -> list[str]:
    """Return the functions and classes that the student's cells define."""
    names = [name for source in _sources() for name in _defined_in(source)]
    if not names:
        kinds = types.FunctionType | type
        own = [(key, value) for key, value in check.names.items() if isinstance(value, kinds)]
        names = [key for key, value in own if value.__module__ == "__main__"]
    return [name for name in dict.fromkeys(reversed(names)) if not name.startswith("test_")]


def _library(names: set[str]) -> tuple[str, int, str] | None:
    """Return the library that does the work of the student's functions of these names.

    What they call counts, too; an import that none of them uses does not. Of a name that is both
    defined and imported, the definition counts.

    Returns:
        The library, the line that imports it and the text of that line; None if NumPy does it all.
    """
    sources = _sources()
    if not any(map(_OTHER_IMPORT.search, sources)):
        return None
    imported: dict[str, tuple[str, int, str]] = {}  # by the name that the import binds
    defined: dict[str, tuple[ast.stmt, list[str]]] = {}
    for source in sources:
        lines = source.splitlines()
        for node in (_parse(source) or ast.Module([], [])).body:
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


def _unused_parameters(task: str) -> list[str]:
    """Return the parameters that the student's function never uses, [] if that is not known."""
    for source in reversed(_sources()):
        if f"def {task}" not in source:
            continue
        for node in (_parse(source) or ast.Module([], [])).body:
            if isinstance(node, ast.FunctionDef) and node.name == task:
                used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                args = node.args
                given = [*args.posonlyargs, *args.args, *args.kwonlyargs]
                return [arg.arg for arg in given if arg.arg not in used]
    return []


def _sources() -> list[str]:
    """Return the student's cells: as they were handed over, or as this kernel has run them."""
    if student_cells:
        found, left = [], MAX_PARSED
        for source in student_cells.values():
            if type(source) is str and len(source) <= left:
                left -= len(source)
                found.append(source)
        return found
    shell = _kernel()
    history = getattr(getattr(shell, "history_manager", None), "input_hist_raw", [])
    return [text for text in list(history)[-200:] if type(text) is str]


def in_kernel() -> bool:
    """Say whether this is a student's own kernel: not `check`, not where work is graded."""
    return _kernel() is not None and "NBGRADER_EXECUTION" not in os.environ


def _kernel() -> Any:
    """Return the shell of the notebook's own kernel, None in any other process."""
    shell = get_ipython()
    kinds = {base.__name__ for base in type(shell).__mro__}  # Colab's is one of these, too
    return shell if "ZMQInteractiveShell" in kinds else None


def _place(error: BaseException, trace: TracebackType) -> tuple[int, str, str]:
    """Return line, text of the line and source of the student's cell; 0 and "" if not known."""
    found = (0, "", "")
    if _from_student(error):
        label = getattr(error, "cell", "")
        source = student_cells.get(label, "") if type(label) is str else ""
        number, code = getattr(error, "line", 0), getattr(error, "code", "")
        if type(number) is int and type(code) is str and 0 < number < 100_000:
            found = number, _short(code), source
    step: TracebackType | None = trace
    while step and (step := step.tb_next):
        file = _cell(step)
        if file != _cell(trace) and not os.path.exists(file) and not file.startswith("<frozen"):
            lines = linecache.getlines(file)  # cells have names, but no files
            number = step.tb_lineno
            code = lines[number - 1].strip() if 0 < number <= len(lines) else ""
            found = number, code, "".join(lines)
    return found


def _from_student(error: BaseException) -> bool:
    """Say whether the judge has brought this exception from the student's process."""
    return any(base.__name__ == "StudentError" for base in type(error).__mro__)


def _cell(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename


def _subject(check: Check | None = None, part: str = "") -> str:
    """Return the name of what is looked at, between backticks: a part, or what was called."""
    check = check or Check.running
    if part:  # hidden checks show no digits
        return "a parameter" if _hides() and re.search(r"\d", part) else f"`{part}`"
    if check is None:
        return "the function"
    code = getattr(check.called, "__code__", None)
    code = code or getattr(getattr(check.called, "__func__", None), "__code__", None)
    name = getattr(check.called, "__name__", "")
    own = type(name) is str and name.isidentifier()
    if check.hidden or not own or (code and code.co_filename == check.file):
        return f"`{check.task.name}`"
    return f"`{name[:60]}`"


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _number(points: Fraction) -> str:
    return f"{float(points):g}"


def _html(text: str) -> str:
    """Escape text for HTML and set what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


# A test cell without points ---------------------------------------------------------------------

_made: list[Task] = []  # in the running cell of a notebook's kernel


def _watch(task: Task) -> None:
    """Let a test cell fail that forgets its points: nbgrader takes no result for full marks."""
    if not (shell := _kernel()):
        return
    _made.append(task)
    if _after_cell not in shell.events.callbacks["post_run_cell"]:
        shell.events.register("post_run_cell", _after_cell)


def _after_cell(result: Any) -> None:
    made = list(_made)
    _made.clear()
    tree = _parse(getattr(result.info, "raw_cell", ""))
    if not (made and result.success and tree and tree.body):
        return
    if isinstance(tree.body[-1], ast.Expr) and not isinstance(result.result, Points):
        error = RuntimeError(
            f"The test of {made[-1].name} gives no points: end its function with "
            "`return task.points()`, and call it in the last line of the cell."
        )
        result.error_in_exec = error
        get_ipython().showtraceback((RuntimeError, error, None))


# Calling the student's code ---------------------------------------------------------------------


def call(f: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call f on copies of its arguments, so that the caller's arrays stay as they are."""
    if Check.running:
        Check.running.called = f
    return f(*copied(args), **copied(kwargs))


@contextlib.contextmanager
def replaced(f: Callable, name: str, known: dict[Callable, Callable]) -> Iterator[None]:
    """While it lasts, let the student's f call a right function in place of one of its own.

    So a mistake in an earlier task costs nothing in a later one. The student's own function comes
    back afterwards, and the right one answers no longer.

    Args:
        f: the student's function under test.
        name: of the function that f calls, such as "numerical_gradient".
        known: what it should give: maps the first argument, one of the test's own functions, to a
            function of the second. For any other first argument the student's own is called.
    """
    lasts = True

    def right(*args: Any, **named: Any) -> Any:
        if not lasts:
            raise RuntimeError(f"this `{name}` was handed over for one check, which has ended")
        first, second = [*args, *named.values(), None, None][:2]
        if callable(first) and first in known:
            return known[first](np.array(second, dtype=float))
        return before[0](*args, **named)

    bind = getattr(type(f), "_thing_bind", None)  # of a proxy in the judge
    if bind is None:
        names = getattr(f, "__globals__", None) or (Check.running.names if Check.running else {})

        def bind(f: Callable, name: str, *value: Any) -> tuple:
            had = (names.pop(name),) if name in names else ()
            names.update(zip([name], value, strict=False))
            return had

    before = bind(f, name, right)
    try:
        yield
    finally:
        lasts = False
        with contextlib.suppress(Exception):  # where the student's process has ended
            bind(f, name, *before)


def copied(value: Any) -> Any:
    """Copy arrays, and the tuples, lists and dicts that hold them; hand on anything else.

    A copy has the memory layout of its original: transposed, or every second element of a longer
    array.
    """
    if type(value) is np.ndarray:
        return _copied_array(value)
    if type(value) in (tuple, list):
        return type(value)(copied(item) for item in value)
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value


def _copied_array(array: np.ndarray) -> np.ndarray:
    if array.flags.forc or array.ndim == 0:
        return array.copy(order="K")
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[...] = 0
    view = wide[..., ::2]
    view[...] = array
    return view


def _tuple(args: Any) -> tuple:
    return args if type(args) is tuple else (args,)


# Properties of a value --------------------------------------------------------------------------


def expect(
    condition: object,
    what: str,
    detail: str | Callable[[], str] = "",
    kind: str = "values",
    part: str = "",
    blocks: bool = False,
) -> None:
    """Raise `PropertyError` unless the condition holds; see there for the other arguments.

    A detail that takes time to write, such as an array's numbers, may be a function that writes it.
    """
    if not condition:
        raise PropertyError(what, detail() if callable(detail) else detail, kind, part, blocks)


_NUMBERS = {bool, int, float, *np.sctypeDict.values()}


def plain(value: Any, part: str = "") -> np.ndarray:
    """Return a result as an array if it is a plain array of numbers or a plain number.

    A list or tuple of numbers is read as an array, too: that costs one check of the task.

    Args:
        value: the student's result.
        part: its name, such as "dW".

    Raises:
        PropertyError: it is anything else: None, text, a subclass of ndarray, objects.
    """
    kind = type(value)
    is_array = kind is np.ndarray or kind in _NUMBERS
    if is_array and (array := np.asarray(value)).dtype.kind in "biuf":
        return array
    subject, verb = _subject(part=part), "is" if part else "returned"
    if value is None:
        raise PropertyError(f"{subject} {verb} nothing (None)", "", "none", part, blocks=True)
    if kind in (list, tuple):
        return _from_container(value, f"{subject} {verb} a {kind.__name__}, not an array", part)
    if not is_array:
        verb = "is not" if part else "did not return"
        what = f"{subject} {verb} a plain array or number"
        raise PropertyError(what, f"it is a {kind.__name__}", "type", part, blocks=True)
    what = f"{subject} {verb} an array that does not hold plain numbers"
    raise PropertyError(what, f"its dtype is {array.dtype.name}", "type", part, blocks=True)


def _from_container(value: list | tuple, what: str, part: str) -> np.ndarray:
    """Return a list of numbers as an array, and note that it was one."""
    if _holds_numbers(value, [MAX_LISTED]):
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            array = None
        if array is not None and array.dtype.kind in "biuf":
            if Check.running:
                Check.running.containers.append(what)
            return array
    detail = f"it has {len(value)} elements" if value else "it is empty"
    raise PropertyError(what, detail, "type", part, blocks=True)


def _holds_numbers(value: Any, left: list[int]) -> bool:
    """Say whether a list holds numbers alone; stop when there are more than are left.

    It may hold one list or array many times over, so these count, too, even if they are empty.
    """
    left[0] -= 1
    if type(value) in (list, tuple):
        return bool(value) and left[0] >= 0 and all(_holds_numbers(item, left) for item in value)
    if type(value) is np.ndarray:
        left[0] -= value.size
        return left[0] >= 0 and value.dtype.kind in "biuf"
    return left[0] >= 0 and type(value) in _NUMBERS and not isinstance(value, np.flexible)


def _in_shape(got: Any, shape: tuple[int, ...], part: str = "") -> np.ndarray:
    """Return a result as an array of this shape."""
    array = plain(got, part)
    if (array.ndim == 0) != (shape == ()):
        things = "an array", "one number"
        thing, asked = things if array.ndim else reversed(things)
        if type(got) in (list, tuple):
            thing = f"a {type(got).__name__}"
        what = f"{_subject(part=part)} {'is' if part else 'returned'} {thing}, not {asked}"
        raise PropertyError(what, f"its shape is {array.shape}", "type", part, blocks=True)
    if array.shape != shape:
        detail = f"got {array.shape}, expected {shape}"
        if type(got) in (list, tuple):
            detail = f"got a {type(got).__name__}, as an array {array.shape}; expected {shape}"
        raise PropertyError(_of_part("wrong shape", part), detail, "shape", part)
    return array


def _of_part(what: str, part: str) -> str:
    return f"{_subject(part=part)}: {what}" if part else what


def equal(got: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-8, part: str = "") -> None:
    """Check that a result is plain, and has the expected shape and values; nan equals nothing.

    Work out what is expected before the student's code is called, from arrays of your own.

    Args:
        got: the student's result.
        expected: a number, or array-like.
        rtol, atol: |got - expected| may be atol + rtol |expected|. The default lets float32 pass
            and rounding to five digits fail.
        part: name of what is compared, such as "dW": it stands in the message and chooses the hint.
    """
    _looks_at("values")
    expected = np.asarray(expected)
    got = _in_shape(got, expected.shape, part)
    near = np.isclose(got, expected, rtol=rtol, atol=atol)
    if near.all():
        return
    for kind, found in (("nan", np.isnan(got)), ("inf", np.isinf(got) & ~np.isinf(expected))):
        if found.any():
            what = f"the result contains {kind}"
            raise PropertyError(_of_part(what, part), f"got {_show(got)}", kind, part)
    what = _of_part("wrong values", part)
    raise PropertyError(what, _difference(got, expected, near), "values", part)


def equal_by_name(
    got: Any, expected: dict[str, Any], rtol: float = 1e-5, atol: float = 1e-8
) -> None:
    """Check the arrays in a dict by name, such as gradients; more names than expected are fine.

    The failure's part is the names that are wrong, such as "W1" or "W1_b1".
    """
    _looks_at("values")
    subject, kind = _subject(), type(got)
    if got is None:
        raise PropertyError(f"{subject} returned nothing (None)", "", "none", blocks=True)
    if kind in (list, tuple, str) or kind is np.ndarray or kind in _NUMBERS:
        what = f"{subject} returned {_a(kind)}, not a dict"
        raise PropertyError(what, "", "type", blocks=True)
    missing = [name for name in expected if name not in got]
    if missing:
        listed = ", ".join(f'"{name}"' for name in missing)
        raise PropertyError(
            "a name is missing in the dict", f"there is no {listed}", "missing", missing[0]
        )
    failures: dict[str, PropertyError] = {}
    for name, value in expected.items():
        try:
            equal(got[name], value, rtol, atol, part=name)
        except PropertyError as error:
            failures[name] = error
    if not failures:
        return
    not_swapped({name: got[name] for name in failures}, expected, rtol)
    first = next(iter(failures.values()))
    right = [f"`{name}`" for name in expected if name not in failures]
    part = "_".join(failures)
    if not right:
        raise PropertyError("all arrays are wrong", str(first), first.kind, part)
    wrong = [f"`{name}`" for name in failures]
    are = "is" if len(right) == 1 else "are"
    detail = f"{_listed(right)} {are} right, {_listed(wrong)} not; {first}"
    raise PropertyError("some arrays are wrong", detail, first.kind, part)


def not_swapped(got: dict[str, Any], expected: dict[str, Any], rtol: float = 1e-5) -> None:
    """Check that no two arrays have each other's names, before the values are looked at."""
    for name, other in itertools.combinations(got, 2):
        if _agree(got[name], expected[other], rtol) and _agree(got[other], expected[name], rtol):
            detail = f"`{name}` holds what belongs in `{other}`, and the reverse"
            raise PropertyError("two arrays are swapped", detail, "swapped")


def _agree(value: Any, wanted: Any, rtol: float) -> bool:
    """Say whether a value is an array of numbers that agrees with another, in shape, too."""
    is_array = type(value) is np.ndarray and value.dtype.kind in "iuf"
    return is_array and value.shape == np.shape(wanted) and np.allclose(value, wanted, rtol=rtol)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def pair(got: Any, *names: str) -> tuple:
    """Return the values that a function returns together, such as `x, history`.

    Raises:
        PropertyError: it is not a tuple or list of so many values.
    """
    subject, kind = _subject(), type(got)
    asked = f"`({', '.join(names)})`"
    if got is None:
        raise PropertyError(f"{subject} returned nothing (None)", "", "none", blocks=True)
    if kind not in (tuple, list):
        known = kind.__module__ in ("builtins", "numpy") and not _hides()
        thing = "one array" if kind is np.ndarray else f"one {kind.__name__}"
        thing = thing if known else "one value"
        raise PropertyError(f"{subject} returned {thing}, not {asked}", "", "pair", blocks=True)
    if len(got) != len(names):
        what = f"{subject} returned the wrong number of values for {asked}"
        raise PropertyError(what, f"{len(got)}, not {len(names)}", "pair", blocks=True)
    return tuple(got)


def arrays(got: Any, name: str) -> list[np.ndarray]:
    """Return the arrays in a list, or the rows of an array, each of which must be plain.

    Args:
        got: the student's list.
        name: what it is called in the text of the task.
    """
    kind = type(got)
    if got is None or kind is str or kind is dict or kind in _NUMBERS:
        thing = "nothing (None)" if got is None else _a(kind)
        raise PropertyError(f"`{name}` is {thing}, not a list of arrays", "", "type", blocks=True)
    try:
        items = iter(got)
    except TypeError:
        thing = f"`{name}` cannot be iterated over by a `for` loop"
        raise PropertyError(thing, "", "type", blocks=True) from None
    found = []
    for item in items:
        if type(item) in (list, tuple):
            what = f"an element of `{name}` is a {type(item).__name__}, not an array"
            found.append(_from_container(item, what, name))
        else:
            found.append(plain(item, part=name))
    return found


def _difference(got: np.ndarray, expected: np.ndarray, near: np.ndarray) -> str:
    if got.size <= 12:
        return f"got {_show(got)}, expected {_show(expected)}"
    at = tuple(int(i) for i in np.argwhere(~near)[0])
    values = f"got {got[at]}, expected {expected[at]}"
    return f"{(~near).sum()} of {near.size} numbers, the first at index {list(at)}: {values}"


def _show(array: np.ndarray) -> str:
    if array.ndim == 0:
        return f"{array[()]:.6g}"
    if array.ndim > 2 and array.size > 12:  # the ends of every axis would be shown: 2 ** ndim, say
        return f"{_show(array.ravel())} in shape {array.shape}"
    text = np.array2string(array, precision=6, threshold=12, edgeitems=2, separator=", ")
    return " ".join(text.split())


# Properties of a function: f first, then its arguments (a tuple for several) ------------------
# `gives` and `gradient` compare values; all others look at side properties.


def gives(
    f: Callable, args: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-8, part: str = ""
) -> None:
    """Check f(args) against expected values: a number for a scalar, array-like for an array.

    `expected` may be a function of the same arguments: it is called first, on copies of its own.
    """
    _looks_at("values")
    if callable(expected):
        expected = expected(*copied(_tuple(args)))
    equal(call(f, *_tuple(args)), np.array(expected), rtol, atol, part)


def gives_floats(f: Callable, args: Any, shape: tuple[int, ...]) -> None:
    """Check that f returns a plain array of floats of this shape."""
    _looks_at("side")
    if Check.running:
        Check.running.is_about_arrays = True
    array = _in_shape(call(f, *_tuple(args)), shape)
    what = "the result does not hold floats"
    expect(array.dtype.kind == "f", what, f"got {array.dtype.name}", "dtype")


def finite(f: Callable, args: Any) -> None:
    """Check that the result holds neither nan nor inf."""
    _looks_at("side")
    array = plain(call(f, *_tuple(args)))
    for kind, found in (("nan", np.isnan(array)), ("inf", np.isinf(array))):
        what = f"the result contains {kind}"
        expect(not found.any(), what, lambda: f"got {_show(array)}", kind)


def sums_to_one(f: Callable, args: Any, axis: int = -1) -> None:
    """Check that the result sums to 1 along an axis, within 1e-5."""
    _looks_at("side")
    got = call(f, *_tuple(args))
    array = plain(got)
    if array.ndim == 0:
        _in_shape(got, (2,))
    sums = array.sum(axis=axis, dtype=np.float64)
    near = np.isclose(sums, 1, rtol=0, atol=1e-5)
    expect(near.all(), "a sum is not 1", lambda: f"the sums are {_show(sums)}")


def keeps_order(f: Callable, a: np.ndarray) -> None:
    """Check that f(a) has a's shape and ranks the numbers along the last axis as a does."""
    _looks_at("side")
    array = _in_shape(call(f, a), a.shape)
    same = np.array_equal(np.argsort(array, axis=-1), np.argsort(a, axis=-1))
    expect(same, "the order has changed", lambda: f"{_show(a)} became {_show(array)}")


def agrees(f: Callable, args: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Check that f gives the same for two sets of arguments: a shift, labels and one-hot labels."""
    _looks_at("side")
    expected = plain(call(f, *_tuple(other))).copy()
    with _only_side():
        equal(call(f, *_tuple(args)), expected, rtol, atol)


def row_by_row(f: Callable, batch: np.ndarray, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Check that every row of f(batch) is what f gives for that row alone."""
    _looks_at("side")
    whole = plain(call(f, batch)).copy()
    same = whole.shape[:1] == batch.shape[:1]
    expect(same, "wrong shape", f"got {whole.shape}", "shape")
    with _only_side():
        for got, row in zip(whole, batch, strict=True):
            equal(got, plain(call(f, row)), rtol, atol)


def repeats(f: Callable, args: Any, between: Any) -> None:
    """Check that a call on other data in between changes neither the next result nor the first."""
    _looks_at("side")
    first = plain(call(f, *_tuple(args)))
    kept = copied(first)
    call(f, *_tuple(between))
    what = "an earlier result has changed"
    expect(same_bits(first, kept), what, kind="shared")
    again = plain(call(f, *_tuple(args)))
    same = again.shape == kept.shape and np.isclose(again, kept).all()
    expect(same, "a second call with the same arguments gave a different result", kind="shared")


@contextlib.contextmanager
def _only_side() -> Iterator[None]:
    """Do not count a comparison of two results of the student's as one of values."""
    check = Check.running
    before = set(check.compared) if check else set()
    try:
        yield
    finally:
        if check:
            check.compared = before


def leaves_alone(f: Callable, args: Any) -> None:
    """Check that f changes none of its arguments by a single bit."""
    _looks_at("side")
    kept, given = copied(_tuple(args)), copied(_tuple(args))
    if Check.running:
        Check.running.called = f
    f(*given)
    changed = [i for i, (new, old) in enumerate(zip(given, kept, strict=True), 1)
               if not same_bits(new, old)]  # fmt: skip
    which = f"argument {changed[0]}" if changed and len(kept) > 1 else ""
    expect(not changed, "an argument was changed", which, "changed")


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two values are equal in types, shapes and every bit of their arrays."""
    if type(a) is not type(b):
        return False
    if type(a) is np.ndarray:
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) in (tuple, list):
        return len(a) == len(b) and all(map(same_bits, a, b))
    if type(a) is dict:
        return list(a) == list(b) and all(same_bits(a[key], b[key]) for key in a)
    return a is b or type(a) in (bool, int, float, str) and a == b


def gradient(f: Callable, x: np.ndarray, slope: Any, threshold: float = 1e-5) -> None:
    """Check a gradient against central differences in float64.

    Args:
        f: takes an array of x's shape and dtype float64, gives one number.
        x: where to look; it is not changed.
        slope: the gradient under test, of x's shape.
        threshold: largest |slope - numerical| / (|slope| + |numerical|) in norms; 1e-7 is typical
            of a right gradient, 1e-2 of a wrong one.
    """
    _looks_at("values")
    got = _in_shape(slope, x.shape).copy()  # a later call may change what an earlier one returned
    expect(np.isfinite(got).all(), "the gradient contains nan or inf", kind="nan")
    flat, step, off, size = x.astype(np.float64).ravel(), 1e-5, 0.0, 0.0
    for i in range(flat.size):
        ends = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[i] += sign * step
            value = plain(f(moved.reshape(x.shape)))
            what = "the loss is not one number"
            expect(value.ndim == 0, what, f"its shape is {value.shape}", "shape")
            ends.append(float(value))
        numerical = (ends[0] - ends[1]) / (2 * step)
        off += (float(got.flat[i]) - numerical) ** 2
        size += numerical**2
    error = off**0.5 / max(size**0.5 + float(np.linalg.norm(got.astype(np.float64))), 1e-12)
    expect(
        error < threshold,
        "the gradient differs from central differences",
        f"relative error {error:.1e}",
    )


def fast(
    f: Callable,
    args: Any,
    loop: Callable[[], object],
    share: float = 0.2,
    rounds: int = 5,
    than: str = "a loop over single numbers",
) -> None:
    """Check that f takes much less time than a loop over single numbers for the same work.

    The best call of each counts, by the clock: a busy machine lets both wait. One quick call is
    enough to pass. So is a list, which costs a check of its own: it takes long to arrive, however
    fast f is.

    Through the judge, f runs in another process, and its arrays have to travel: extended floats
    take a third of the loop's time for that. Both ends do the same work to send and receive them,
    so twice the processor time of this end does not count, up to three quarters of a call's time.

    Args:
        f, args: what to call.
        loop: does the same with Python's own loops; a hundredth to a tenth of a second is right:
            calls whose arrays are small are seldom interrupted, and so have a quick one among them.
        share: of the loop's time that f may take; whole arrays need a hundredth of it, or less.
            What is to be told as slow has to take more than twice the share.
        rounds: how often to try; four times as often what is slow by less than a factor of 3, since
            matrix products take that much longer where other programs use all processors.
        than: what `loop` does, if it is anything else, such as many calls of another function.
    """
    _looks_at("side")
    best_f = best_loop = float("inf")
    for number in range(4 * rounds):
        if number < rounds:
            start = perf_counter()
            loop()
            best_loop = min(best_loop, perf_counter() - start)
        elif best_f > 3 * share * best_loop:
            break
        start, own = perf_counter(), process_time()
        got = call(f, *_tuple(args))
        seconds, own = perf_counter() - start, process_time() - own
        if hasattr(type(f), "_thing_bind"):  # a proxy in the judge
            seconds = max(seconds - 2 * own, seconds / 4)
        best_f = min(best_f, seconds)
        if best_f <= share * best_loop or type(got) in (list, tuple):
            return
    what = f"{_subject()} is about as slow as {than}"
    raise PropertyError(what, f"{best_f / best_loop:.1f} times its time", "slow")


# Properties of a network: its weights and biases are arrays in the dict `params` ----------------


def with_params(net: Any, params: dict[str, np.ndarray]) -> Any:
    """Give a network these parameters, by changes in place as training makes them; return it."""
    own = net.params
    if type(own) in (list, tuple, str) or own is None:
        what = f"`params` is a {type(own).__name__}, not a dict"
        raise PropertyError(what, "", "type", "params", blocks=True)
    for name, value in params.items():
        if name not in own:
            what, detail = "a name is missing in `params`", f'there is no "{name}"'
            raise PropertyError(what, detail, "missing", name, blocks=True)
        try:
            got = _in_shape(own[name], value.shape, name)
        except PropertyError as error:
            error.blocks = True  # no method can be judged
            raise
        what = (
            f"`{name}` does not hold floats"
            if not _hides()
            else "an array in `params` does not hold floats"
        )
        expect(got.dtype.kind == "f", what, f"its dtype is {got.dtype}", "dtype", name, True)
        own[name] += value - own[name]
    return net


def _a(kind: type) -> str:
    """Return a type in words; hidden checks do not tell which of many a student has chosen."""
    return "something else" if _hides() else f"a {kind.__name__}"


def _hides() -> bool:
    return bool(Check.running and Check.running.hidden)


def label_kinds(t: np.ndarray, num_classes: int) -> tuple[np.ndarray, ...]:
    """Return integer labels (N,) in all ways a loss takes them: integers, one-hot rows (N, K)."""
    rows = np.eye(num_classes)[t]
    return t, t.astype(np.uint8), rows, rows.astype(int)


def normal(weights: Any, std: float) -> None:
    """Check that weights (D, H) are normal random numbers about 0, a few thousand at least.

    Args:
        weights: of a new layer with D inputs and H units.
        std: the standard deviation they should have; theirs may be 20 % off.
    """
    _looks_at("side")
    w = plain(weights).astype(np.float64)
    expect(w.std() > 0, "all weights are equal, so all units of a layer stay equal", kind="equal")
    expect(0.8 * std < w.std() < 1.2 * std, "the standard deviation is wrong", kind="std")
    expect(abs(w.mean()) < 0.1 * std, "the mean is not near zero", kind="mean")
    least = min(w.std(axis=0).min(), w.std(axis=1).min())
    expect(least > 0.4 * std, "several units have the same weights", kind="equal")
    fourth = np.mean((w / w.std()) ** 4)  # 3 if normal, 1.8 if uniform
    what = "the numbers are not from a normal distribution"
    expect(2.5 < fourth < 3.5, what, kind="distribution")


def seeded(make: Callable[[int | None], Any], names: tuple[str, ...]) -> None:
    """Check that `make(seed)` makes a network whose parameters of these names follow the seed."""
    _looks_at("side")
    nets = [make(seed).params for seed in (0, 0, 1, 1, None, None)]
    for name in names:
        zero, zero_again, one, one_again, none, none_again = (
            plain(params[name]) for params in nets
        )
        same = np.array_equal(zero, zero_again) and np.array_equal(one, one_again)
        expect(same, "the same seed gave different weights", kind="seed")
        differ = not np.array_equal(zero, one)
        expect(differ, "different seeds gave the same weights", kind="seed")
        differ = not np.array_equal(none, none_again)
        expect(differ, "two networks without a seed have the same weights", kind="seed")


# The student's own functions from earlier problem sets ------------------------------------------


def earlier(problem_set: str, course: Callable, *trials: Any, **helpers: Callable) -> Callable:
    """Return the student's own function from an earlier problem set if it is right.

    In the student's own kernel the notebook beside this one is read, the cell of the function is
    run alone, and its results are compared with the course's. Wherever work is graded the course's
    function is returned, and nothing is read.

    Args:
        problem_set: where the student wrote it, such as "ps1_output_layer".
        course: the course's function of the same name, which stands in if needed.
        trials: arguments to compare the two on: a tuple for several, anything else for one.
        helpers: what the student's function calls besides NumPy, by name.
    """
    name = course.__name__
    if not in_kernel():
        return course
    path = Path("..", problem_set, f"{problem_set}.ipynb")
    try:
        source = _solution_cell(path, name)
        namespace: dict[str, Any] = {"__name__": "__main__", "np": np, **helpers}
        quiet = io.StringIO()
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(quiet),
            contextlib.redirect_stderr(quiet),
        ):
            warnings.simplefilter("ignore")
            exec(compile(source, f"<{name} of {problem_set}>", "exec"), namespace)
            own = namespace[name]
            for args in trials:
                gives(own, args, course)
                leaves_alone(own, args)
    except FileNotFoundError:
        why = f"there is no {path.as_posix()}"
    except NotImplementedError:
        why = f"yours in {problem_set} is not written yet"
    except (Exception, SystemExit):
        why = f"yours in {problem_set} does not pass a short test"
    else:
        print(f"`{name}` is your own, from {problem_set}.")
        return own
    print(f"`{name}` is the course's: {why}.")
    return course


def _solution_cell(path: Path, name: str) -> str:
    """Return the source of the cell in which a notebook has the student write a function."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell.get("metadata", {}).get("nbgrader", {}).get("grade_id") == name:
            return "".join(cell["source"])
    raise NotImplementedError
