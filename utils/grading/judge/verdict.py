"""The outcome of a test cell: its points, and the outputs that are shown.

The points are the cell's last expression. `results` writes them so that nbgrader reads the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from utils.checks_format import MIME, SAME_CAUSE
from utils.grading.judge import hidden_test_policy
from utils.grading.judge.student_client import StudentClient
from utils.grading.notebook.outputs import Output
from utils.grading.notebook.shell import error_output
from utils.grading.notebook.source import makes_task

NO_POINTS = (
    "it has checks but gives no points, which is a fault of the test and not of the submission; "
    "end it with `return task.points()` and call it in the last line"
)


class NoPoints(Exception):
    """A test cell made checks but did not end in their points."""


@dataclass
class Verdict:
    """The outcome of a test cell."""

    points: float
    outputs: list[Output]
    checks: list[dict] = field(default_factory=list)
    error: str = ""
    missed_names: bool = False
    left_to_person: str = ""  # why, if the judge rather than the student may have lost points


def verdict_of(
    cell: dict,
    value: Any,
    error: BaseException | None,
    outputs: list[Output],
    student: StudentClient,
) -> Verdict:
    """Return the outcome of a test cell; `results` turns it into what nbgrader reads.

    Args:
        cell: the test cell.
        value, error, outputs: its last value, its exception or None, its outputs.
        student: collects notes.
    """
    checks = [check for output in outputs for check in _checks(output.get("data", {}).get(MIME))]
    if cell["hidden"]:
        outputs = hidden_test_policy.shown_outputs(outputs, error is not None)
    if error is None and not _is_number(value) and makes_task(cell["source"]):
        error = NoPoints(NO_POINTS)
        student.note(f"test cell {cell['label']}: {NO_POINTS}")
    if error is None:
        return Verdict(points_of(cell, value, student), outputs, checks)
    errors = [output for output in outputs if output["output_type"] == "error"]
    if not errors:
        errors = [error_output(error, None)]
        outputs = [*outputs, *errors]
    return Verdict(0.0, outputs, checks, f"{errors[-1]['ename']}: {errors[-1]['evalue']}")


def points_of(cell: dict, value: Any, student: StudentClient) -> float:
    """Return a test cell's points, given its last value."""
    max_points = float(cell["points"])
    if type(value) in (bool, np.bool_) and not value:
        student.note(f"test cell {cell['label']} gave False, which counts as 0 points")
        return 0.0
    if not _is_number(value) and student.broken_off:
        student.note(f"test cell {cell['label']}: a call gave no answer, and passes for none")
        return 0.0
    if not _is_number(value):
        return max_points  # a test cell of plain asserts, none of which failed
    try:
        points = float(value)
    except OverflowError:  # an int too large for a float
        points = math.inf if value > 0 else -math.inf
    if math.isfinite(points) and -1e-9 <= points <= max_points + 1e-9:
        return min(max(points, 0.0), max_points)
    student.note(
        f"test cell {cell['label']} gave {points:g} of {max_points:g} points; "
        "please look at the test"
    )
    return min(points, max_points) if points > 0 else 0.0


def _is_number(value: Any) -> bool:
    """Return whether nbgrader would read a test cell's result as points."""
    return type(value) in (int, float) or isinstance(value, np.integer | np.floating)


def _checks(table: Any) -> list[dict]:
    """Return the checks of a table, each with the name of the table."""
    if not isinstance(table, dict):
        return []
    return [
        dict(check, task=table.get("task"), hidden=bool(table.get("hidden")))
        for check in explained(table)
        if isinstance(check, dict)
    ]


def explained(table: dict[str, Any]) -> list[dict]:
    """Return a table's checks, with the common cause of failures and the next step filled in."""
    checks, cause = table.get("checks", []), table.get("cause")
    if not isinstance(cause, dict):
        return checks
    told = {key: cause.get(key, "") for key in ("what", "hint")}
    # Of other checks with a common cause, the first one tells it already.
    return [
        check | told if check.get("same_cause") and check["what"] == SAME_CAUSE else check
        for check in checks
    ]
