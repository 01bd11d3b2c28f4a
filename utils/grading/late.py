"""Late submissions: later deadlines for single students, and what a late hour costs.

`grading/extensions.csv` has a line per student and problem set:

    student,problem_set,new_deadline
    akiko,ps1_output_layer,2026-11-30 23:59 Europe/Berlin
    ben,ps1_output_layer,2026-12-02T12:00:00+01:00

The deadline of the class is the problem set's due date in the gradebook, and when a notebook was
handed in is said by `timestamp.txt` beside it; nbgrader's exchange and its `zip_collect` write that
file. `LatePolicy` is a plugin of nbgrader's own `AssignLatePenalties`, so `nbgrader autograde` and
`grade` take away the same points.
"""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nbgrader.api import SubmittedAssignment
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float, Unicode

COLUMNS = ("student", "problem_set", "new_deadline")
Extensions = Mapping[tuple[str, str], datetime.datetime]  # (student, problem set) -> UTC, no zone


class ExtensionsError(ValueError):
    """The file of extensions cannot be understood; the message names the line."""


def read_extensions(path: Path) -> dict[tuple[str, str], datetime.datetime]:
    """Return the new deadlines in a file, none if there is no such file.

    Args:
        path: a CSV file with the columns of `COLUMNS`, UTF-8. A deadline is an ISO date and time,
            with an offset or followed by the name of a time zone; without either it is UTC.

    Returns:
        New deadlines in UTC, without a time zone as nbgrader has them, by student and problem set.

    Raises:
        ExtensionsError: a column is missing, a line is incomplete, or a date is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ExtensionsError(f"{path} cannot be read: {error}") from None
    lines = csv.DictReader(text.splitlines(), skipinitialspace=True)
    missing = [name for name in COLUMNS if name not in (lines.fieldnames or [])]
    if missing:
        raise ExtensionsError(
            f"{path}: the first line must name the columns {', '.join(COLUMNS)}; "
            f"there is no {', '.join(missing)}"
        )
    found = {}
    for line in lines:
        student, problem_set, deadline = ((line[name] or "").strip() for name in COLUMNS)
        if not (student and problem_set and deadline):
            raise ExtensionsError(f"{path}, line {lines.line_num}: a field is empty")
        try:
            found[student, problem_set] = parse_time(deadline)
        except ValueError as error:
            raise ExtensionsError(f"{path}, line {lines.line_num}: {error}") from None
    return found


def parse_time(text: str) -> datetime.datetime:
    """Return a date and time in UTC, without a time zone as nbgrader has it.

    Raises:
        ValueError: it is none; the message shows how to write one.
    """
    words = text.split()
    zone: datetime.tzinfo = datetime.UTC
    try:
        if len(words) == 3:
            zone = ZoneInfo(words.pop())
        time = datetime.datetime.fromisoformat(" ".join(words))
    except (ValueError, ZoneInfoNotFoundError, OSError):
        raise ValueError(
            f"{text!r} is no date and time; write 2026-11-30 23:59 Europe/Berlin"
        ) from None
    if time.tzinfo is None:
        time = time.replace(tzinfo=zone)
    return time.astimezone(datetime.UTC).replace(tzinfo=None)


def extend(submission: SubmittedAssignment, extensions: Extensions) -> None:
    """Write a student's new deadline into the gradebook, as nbgrader's extension.

    Args:
        submission: of a student; it is left alone if the student has no new deadline, or if the
            problem set has no due date to begin with.
        extensions: as `read_extensions` gives them.
    """
    deadline = extensions.get((submission.student_id, submission.assignment.name))
    if deadline is not None and submission.assignment.duedate is not None:
        submission.extension = deadline - submission.assignment.duedate


class LatePolicy(LateSubmissionPlugin):
    """Takes a share of the score for every day or part of a day that a submission is late."""

    percent_per_day = Float(0, min=0, max=100, help="Of the score, for every day begun.").tag(
        config=True
    )
    grace_minutes = Float(0, min=0, help="Lateness that costs nothing.").tag(config=True)
    days_accepted = Float(math.inf, min=0, help="Days after which all points are lost.").tag(
        config=True
    )
    extensions = Unicode("", help="A CSV file: student, problem_set, new_deadline.").tag(
        config=True
    )

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Return the points to take away, None for none.

        Args:
            student_id: whose submission.
            score: points before the penalty.
            total_seconds_late: after the deadline; nbgrader knows the extensions in the gradebook,
                and those in the file are written there first.
        """
        seconds = self._seconds_late(student_id, total_seconds_late) - 60 * self.grace_minutes
        if seconds <= 0:
            return None
        days = math.ceil(seconds / 86_400)
        if days > self.days_accepted:
            return score
        return min(score, score * days * self.percent_per_day / 100) or None

    def _seconds_late(self, student: str, seconds: float) -> float:
        """Take the file of extensions into account when nbgrader's own step asks."""
        step = self.parent
        if not self.extensions or not hasattr(step, "gradebook"):
            return seconds
        submission = step.gradebook.find_submission(step.assignment_id, student)
        extend(submission, read_extensions(Path(self.extensions)))
        return submission.total_seconds_late
