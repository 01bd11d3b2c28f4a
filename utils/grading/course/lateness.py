"""Late submissions: later deadlines for single students, and penalties.

`grading/extensions.csv` has a line per student and problem set:

    student,problem_set,new_deadline
    akiko,ps1_output_layer,2026-11-30 18:00 Europe/Berlin
    ben,ps1_output_layer,2026-12-02T12:00:00+01:00
    chloe,ps1_output_layer,2026-12-03

A date without a time means the end of that day. Without a time zone, `LatePolicy.time_zone`
applies. `grade` writes these deadlines into the gradebook as nbgrader's extensions, and withdraws
those whose line has been removed; extensions from elsewhere, such as nbgrader's
`Gradebook.grant_extension`, stay unless a line overrides them.

The deadline of the class is the problem set's due date in the gradebook. The submission time comes
only from `timestamp.txt` beside the notebook. nbgrader's exchange writes this file, and so does
`zip_collect` if a CSV file from Moodle or Canvas has the time. Without it a submission is never
late; a file that cannot be parsed is reported, and a person has to look.

`LatePolicy` is a plugin of nbgrader's own `AssignLatePenalties`, so `nbgrader autograde` and
`grade` deduct the same points, with one exception: nbgrader does not call the plugin for
submissions that are on time by the gradebook, so it still applies an extension whose line has been
removed until `grade` withdraws it.
"""

from __future__ import annotations

import datetime
import math
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nbgrader.api import SubmittedAssignment
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float, Unicode

from utils.grading.course.dates import parse_time
from utils.grading.text_files import decode, nearest, plain, read_table

COLUMNS = ("student", "problem_set", "new_deadline")
TIMESTAMP = "timestamp.txt"  # beside a submission: the submission time
MAX_TIMESTAMP = 1000  # bytes
OURS = 1  # microseconds of a deadline in the gradebook, which mark it as one from the file
Extensions = Mapping[tuple[str, str], datetime.datetime]  # (student, problem set) -> UTC, no zone


class ExtensionsError(ValueError):
    """The file of extensions cannot be understood; the message names the line."""


@dataclass(frozen=True)
class Line:
    """One line of the file of extensions.

    Attributes:
        number: its line number in the file.
        student, problem_set: the student's id and the problem set's name.
        deadline: in UTC, without `tzinfo`, as nbgrader stores it.
    """

    number: int
    student: str
    problem_set: str
    deadline: datetime.datetime


def read_lines(path: Path, zone: datetime.tzinfo = datetime.UTC) -> list[Line]:
    """Return the lines of a file of extensions, none if there is no such file.

    Args:
        path: a CSV file with the columns of `COLUMNS`, see `text_files.read_table`; deadlines are
            parsed by `dates.parse_time`.
        zone: the time zone of deadlines that name none.

    Raises:
        ExtensionsError: a column is missing, a line is incomplete, or a date is invalid.
    """
    try:
        header, lines = read_table(path)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise ExtensionsError(f"{path} cannot be read: {error}") from None
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise ExtensionsError(
            f"{path}: the first line must name the columns {', '.join(COLUMNS)}; "
            f"there is no {', '.join(missing)}"
        )
    found = []
    for number, line in lines:
        student, problem_set, deadline = (line.get(name, "") for name in COLUMNS)
        if not (student and problem_set and deadline):
            raise ExtensionsError(f"{path}, line {number}: a field is empty")
        try:
            time = parse_time(deadline, zone)
        except ValueError as error:
            raise ExtensionsError(f"{path}, line {number}: {error}") from None
        found.append(Line(number, student, problem_set, time))
    return found


def deadlines(lines: Sequence[Line]) -> dict[tuple[str, str], datetime.datetime]:
    """Return the new deadlines by (student, problem set); of several lines the last counts."""
    return {(line.student, line.problem_set): line.deadline for line in lines}


def strays(
    path: Path, lines: Sequence[Line], students: Collection[str], problem_sets: Collection[str]
) -> list[str]:
    """Return a sentence for each line of a file of extensions that has no effect.

    Args:
        path: the file, for the sentences.
        lines: its lines.
        students: the ids of all known students.
        problem_sets: the names of all known problem sets.
    """
    notes = []
    students = {plain(name) for name in students}
    for line in lines:
        where = f"{path}, line {line.number}:"
        if line.problem_set not in problem_sets:
            notes.append(f"{where} there is no problem set {line.problem_set!r}; correct the name")
        if line.student not in students:
            like = nearest(line.student, students)
            notes.append(
                f"{where} {line.student!r} is not in the gradebook and has handed in nothing; "
                + (f"did you mean {like!r}? Correct" if like else "correct")
                + " the id, or leave the line for later"
            )
    return notes


def read_timestamp(folder: Path) -> tuple[datetime.datetime | None, str]:
    """Read the time of a submission from its `timestamp.txt`.

    Args:
        folder: the submission's folder.

    Returns:
        The time in UTC (None if unknown), and a sentence if the file exists but has no valid time.
    """
    path = folder / TIMESTAMP
    if not os.path.lexists(path):
        return None, ""
    what = "the time of submission is unknown"
    if path.is_symlink() or not path.is_file():
        return None, f"{what}: {TIMESTAMP} is not an ordinary file"
    try:
        with path.open("rb") as file:
            text = decode(file.read(MAX_TIMESTAMP)).strip()
    except OSError as error:
        return None, f"{what}: {TIMESTAMP} cannot be read ({error.strerror})"
    if not text:
        return None, f"{what}: {TIMESTAMP} is empty; write a time such as 2026-11-30 18:00 UTC"
    try:
        return parse_time(text, alone=datetime.time()), ""  # in the student's favour
    except ValueError as error:
        return None, f"{what}: in {TIMESTAMP}, {error}"


def extend(submission: SubmittedAssignment, extensions: Extensions) -> None:
    """Write a student's new deadline into the gradebook, as nbgrader's extension.

    An extension that came from the file and is no longer in it is withdrawn.

    Args:
        submission: the student's; it is not changed if the problem set has no due date.
        extensions: from `deadlines`.
    """
    due = submission.assignment.duedate
    if due is None:
        return
    deadline = extensions.get((plain(submission.student_id), submission.assignment.name))
    if deadline is not None:
        extension = deadline.replace(microsecond=OURS) - due
        if submission.extension != extension:
            submission.extension = extension
    elif submission.extension is not None and submission.duedate.microsecond == OURS:
        submission.extension = None


class LatePolicy(LateSubmissionPlugin):
    """Deducts a percentage of the score for every day, even one begun, of lateness."""

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
    time_zone = Unicode("UTC", help="Of deadlines in that file that name none.").tag(config=True)

    def read_lines(self, path: Path) -> list[Line]:
        """Return the lines of a file of extensions, read in this policy's time zone.

        Raises:
            ExtensionsError: the file cannot be understood, or there is no such time zone.
        """
        return read_lines(path, self.zone())

    def zone(self) -> datetime.tzinfo:
        """Return this policy's time zone.

        Raises:
            ExtensionsError: there is no such time zone.
        """
        try:
            return ZoneInfo(self.time_zone)
        except (ValueError, ZoneInfoNotFoundError, OSError):
            raise ExtensionsError(
                f"c.LatePolicy.time_zone is {self.time_zone!r}, which is not a time zone; "
                "write one such as Europe/Berlin"
            ) from None

    def late_submission_penalty(
        self, student_id: str, score: float, total_seconds_late: float
    ) -> float | None:
        """Return the points to deduct, None for none.

        Args:
            student_id: the student's id.
            score: points before the penalty.
            total_seconds_late: seconds after the deadline, including extensions in the gradebook;
                `grade` writes those in the file there first.
        """
        seconds = self._seconds_late(student_id, total_seconds_late) - 60 * self.grace_minutes
        if seconds <= 0:
            return None
        days = math.ceil(seconds / 86_400)
        if days > self.days_accepted:
            return score
        return min(score, score * days * self.percent_per_day / 100) or None

    def _seconds_late(self, student: str, seconds: float) -> float:
        """Apply the file of extensions when nbgrader's own step calls this plugin."""
        step = self.parent
        if not self.extensions or not hasattr(step, "gradebook"):
            return seconds
        submission = step.gradebook.find_submission(step.assignment_id, student)
        extend(submission, deadlines(self.read_lines(Path(self.extensions))))
        return submission.total_seconds_late
