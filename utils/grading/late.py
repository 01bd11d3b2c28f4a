"""Late submissions: later deadlines for single students, and what a late hour costs.

`grading/extensions.csv` has a line per student and problem set:

    student,problem_set,new_deadline
    akiko,ps1_output_layer,2026-11-30 18:00 Europe/Berlin
    ben,ps1_output_layer,2026-12-02T12:00:00+01:00
    chloe,ps1_output_layer,2026-12-03

A date alone means until the end of that day. Where no time zone is named, `LatePolicy.time_zone` is
meant. `grade` writes these deadlines into the gradebook as nbgrader's extensions, and takes back
those whose line is no longer there; extensions that were not from this file, such as those by
nbgrader's `Gradebook.grant_extension`, stay unless a line says otherwise.

The deadline of the class is the problem set's due date in the gradebook. When a notebook was handed
in is said by `timestamp.txt` beside it and by nothing else; without that file it is never late.
nbgrader's exchange writes it. `nbgrader zip_collect` does not: neither Canvas nor Moodle says in a
zip file when something was handed in.

`LatePolicy` is a plugin of nbgrader's own `AssignLatePenalties`, so `nbgrader autograde` and
`grade` take away the same points. One thing only `grade` does: nbgrader does not ask the plugin
about those who are in time by the gradebook, so it still goes by an extension whose line is gone.
"""

from __future__ import annotations

import csv
import datetime
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nbgrader.api import SubmittedAssignment
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float, Unicode

COLUMNS = ("student", "problem_set", "new_deadline")
END_OF_DAY = datetime.time(23, 59, 59)
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
        path: a CSV file with the columns of `COLUMNS`, UTF-8. A deadline is as `parse_time` takes
            it.
        zone: of deadlines that name none.

    Raises:
        ExtensionsError: a column is missing, a line is incomplete, or a date is none.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise ExtensionsError(f"{path} cannot be read: {error}") from None
    lines = csv.DictReader(text.splitlines(), skipinitialspace=True)
    missing = [name for name in COLUMNS if name not in (lines.fieldnames or [])]
    if missing:
        raise ExtensionsError(
            f"{path}: the first line must name the columns {', '.join(COLUMNS)}; "
            f"there is no {', '.join(missing)}"
        )
    found = []
    for line in lines:
        student, problem_set, deadline = ((line[name] or "").strip() for name in COLUMNS)
        if not (student and problem_set and deadline):
            raise ExtensionsError(f"{path}, line {lines.line_num}: a field is empty")
        try:
            time = parse_time(deadline, zone)
        except ValueError as error:
            raise ExtensionsError(f"{path}, line {lines.line_num}: {error}") from None
        found.append(Line(lines.line_num, student, problem_set, time))
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
    for line in lines:
        where = f"{path}, line {line.number}:"
        if line.problem_set not in problem_sets:
            notes.append(f"{where} there is no problem set {line.problem_set!r}; correct the name")
        if line.student not in students:
            notes.append(
                f"{where} {line.student!r} is not in the gradebook and has handed in nothing; "
                "correct the id, or leave the line for later"
            )
    return notes


def parse_time(text: str, zone: datetime.tzinfo = datetime.UTC) -> datetime.datetime:
    """Return a date and time in UTC, without a time zone as nbgrader has it.

    Args:
        text: an ISO date and time, with an offset or followed by the name of a time zone. A date
            alone is until the end of that day, 23:59:59.
        zone: where the text says none.

    Raises:
        ValueError: it is none; the message shows how to write one.
    """
    words = text.split()
    try:
        if len(words) > 1 and not words[-1][0].isdigit():
            zone = ZoneInfo(words.pop())
        written = " ".join(words)
        try:
            time = datetime.datetime.combine(datetime.date.fromisoformat(written), END_OF_DAY)
        except ValueError:
            time = datetime.datetime.fromisoformat(written)
        if time.tzinfo is None:
            time = time.replace(tzinfo=zone)
        return time.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, ZoneInfoNotFoundError, OSError, OverflowError):
        raise ValueError(
            f"{text!r} is no date and time; write 2026-11-30 23:59 Europe/Berlin"
        ) from None


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
    deadline = extensions.get((submission.student_id, submission.assignment.name))
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
        try:
            zone = ZoneInfo(self.time_zone)
        except (ValueError, ZoneInfoNotFoundError, OSError):
            raise ExtensionsError(
                f"c.LatePolicy.time_zone is {self.time_zone!r}, which is no time zone; "
                "write one such as Europe/Berlin"
            ) from None
        return read_lines(path, zone)

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
