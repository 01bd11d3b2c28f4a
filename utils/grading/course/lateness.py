"""Late submissions: later deadlines for single students, and what being late costs.

`grading/extensions.csv` has a line per student and problem set:

    student,problem_set,new_deadline
    akiko,ps1_output_layer,2026-11-30 18:00 Europe/Berlin
    ben,ps1_output_layer,2026-12-02T12:00:00+01:00
    chloe,ps1_output_layer,2026-12-03

A date alone means until the end of that day. Where no time zone is named, `LatePolicy.time_zone` is
meant. `grade` writes these deadlines into the gradebook as nbgrader's extensions, and takes back
those whose line is no longer there; extensions that were not from this file, such as those by
nbgrader's `Gradebook.grant_extension`, stay unless a line says otherwise.

The deadline of the class is the problem set's due date in the gradebook. The submission time comes
only from `timestamp.txt` beside the notebook. nbgrader's exchange writes it, and `zip_collect`
where a CSV file of Moodle's or Canvas's says when somebody handed in. Without that file a
submission is never late; a file that cannot be understood is told, and a person has to look.

`LatePolicy` is a plugin of nbgrader's own `AssignLatePenalties`, so `nbgrader autograde` and
`grade` take away the same points. One thing only `grade` does: nbgrader does not ask the plugin
about those who are in time by the gradebook, so it still goes by an extension whose line is gone.
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
TIMESTAMP = "timestamp.txt"  # beside a submission: when it was handed in
MAX_TIMESTAMP = 1000  # bytes of it
OURS = 1  # microseconds of a deadline in the gradebook, by which we know that the file said so
Extensions = Mapping[tuple[str, str], datetime.datetime]  # (student, problem set) -> UTC, no zone


class ExtensionsError(ValueError):
    """The file of extensions cannot be understood; the message names the line."""


@dataclass(frozen=True)
class Line:
    """One line of the file of extensions.

    Attributes:
        number: of the line in the file.
        student, problem_set: whose deadline for what.
        deadline: in UTC, without a time zone as nbgrader has it.
    """

    number: int
    student: str
    problem_set: str
    deadline: datetime.datetime


def read_lines(path: Path, zone: datetime.tzinfo = datetime.UTC) -> list[Line]:
    """Return the lines of a file of extensions, none if there is no such file.

    Args:
        path: a CSV file with the columns of `COLUMNS`, see `text_files.read_table`. A deadline is
            as `dates.parse_time` takes it.
        zone: of deadlines that name none.

    Raises:
        ExtensionsError: a column is missing, a line is incomplete, or a date is none.
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
    """Return the new deadlines by student and problem set; the last line counts."""
    return {(line.student, line.problem_set): line.deadline for line in lines}


def strays(
    path: Path, lines: Sequence[Line], students: Collection[str], problem_sets: Collection[str]
) -> list[str]:
    """Return a sentence for each line of a file of extensions that nothing follows from.

    Args:
        path: the file, for the sentences.
        lines: what it says.
        students: everyone who is known.
        problem_sets: all that are known.
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
                + (f"is {like!r} meant? " if like else "")
                + "Correct the id, or leave the line for later"
            )
    return notes


def read_timestamp(folder: Path) -> tuple[datetime.datetime | None, str]:
    """Return when a submission was handed in, and what is wrong with the file that says so.

    Args:
        folder: the submission's.

    Returns:
        The time in UTC, None if nothing says it; a sentence if a file is there and says no time.
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

    A new deadline that came from the file and is no longer there is taken out again.

    Args:
        submission: of a student; it is left alone if the problem set has no due date to begin with.
        extensions: as `deadlines` gives them.
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
        extend(submission, deadlines(self.read_lines(Path(self.extensions))))
        return submission.total_seconds_late
