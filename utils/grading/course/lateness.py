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
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from nbgrader.api import SubmittedAssignment
from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float, Unicode

from utils.grading.text_files import decode, nearest, plain, read_table

COLUMNS = ("student", "problem_set", "new_deadline")
END_OF_DAY = datetime.time(23, 59, 59)
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
            as `parse_time` takes it.
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


_MONTHS = {
    name: number
    for names in (
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "january february march april may june july august september october november december",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "jan. feb. mär. apr. mai. jun. jul. aug. sept. okt. nov. dez.",
    )
    for number, name in enumerate(names.replace(".", "").split(), 1)
}
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "JST": 9, "KST": 9, "CET": 1, "CEST": 2, "EST": -5, "EDT": -4,
          "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}  # fmt: skip
_TIME = re.compile(
    r"(?P<before>[AP]M|午前|午後)?[ ]*(?<![\d:.])(?P<hour>\d{1,2})(?::|時)[ ]*"
    r"(?:(?P<minute>\d{1,2})(?:分|(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?))?(?![\d:])"
    r"[ ]*(?P<after>[AP]\.?M\b\.?)?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})[ ]?([-/.年])[ ]?(\d{1,2})[ ]?(?:\2|月)[ ]?(\d{1,2})(?!\d)日?")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_OFFSET = re.compile(r"(?:UTC|GMT)?[ ]?(?<=[\d\sCT])([+-])(\d{2}):?(\d{2})?$")


def parse_time(
    text: str,
    zone: datetime.tzinfo = datetime.UTC,
    alone: datetime.time = END_OF_DAY,
) -> datetime.datetime:
    """Return a date and time in UTC, without a time zone as nbgrader has it.

    Args:
        text: a date in which nothing has to be guessed: with the year first, or with the month's
            name in English or German; with or without a time, an offset, or the name of a time
            zone. Seconds since 1970 are taken, too.
        zone: where the text says none.
        alone: the time of a date without one.

    Raises:
        ValueError: it is none, or could be two; the message shows how to write one.
    """
    words = plain(text).replace("\u202f", " ").replace("\u3000", " ").replace("\u200e", "")
    words = " ".join(words.split())
    try:
        time = _epoch(words) or _written_out(words, zone, alone)
        return time.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, ZoneInfoNotFoundError, OSError, OverflowError) as error:
        why = "could be two dates" if str(error) == "ambiguous" else "is not a date and time"
        shown = words if len(words) <= 60 else words[:60] + "..."
        raise ValueError(f"{shown!r} {why}; write 2026-11-30 23:59 Europe/Berlin") from None


def _epoch(words: str) -> datetime.datetime | None:
    """Return the time of seconds or milliseconds since 1970, from 2001 on."""
    if not re.fullmatch(r"\d{10}(\d{3})?(\.\d+)?", words, re.ASCII):
        return None
    whole = words.partition(".")[0]
    return datetime.datetime.fromtimestamp(int(whole[:10]), datetime.UTC)


def _written_out(words: str, zone: datetime.tzinfo, alone: datetime.time) -> datetime.datetime:
    """Return a date and time with its zone; every part of the text must have a meaning."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)(?:-(\d\d)(?:-(\d+))?)?", words)
    if match:
        words = f"{match[1]} {match[2]}:{match[3]}:{match[4] or '00'}"
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?", words)
    if match:
        words = "-".join(match.group(1, 2, 3))
        if match[4]:
            words += f" {match[4]}:{match[5]}:{match[6] or '00'} {match[7] or ''}".rstrip()
    words = re.sub(r"(\d{4}-\d\d-\d\d)[Tt_](?=\d)", r"\1 ", words)
    words = re.sub(r"(?<=\d)[Zz]$", " UTC", words)
    match = _OFFSET.search(words)
    if match and ":" in words[: match.start()]:
        offset = datetime.timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        zone = datetime.timezone(offset if match[1] == "+" else -offset)
        words = words[: match.start()].rstrip()
        words = re.sub(r"[ ](UTC|GMT)$", "", words)
    time, words = _take_time(words, alone)
    date, words = _take_date(words)
    rest = [word for word in re.split(r"[\s,()（）]+", words) if word]
    rest = [word for word in rest if not _WEEKDAY.fullmatch(word) and word.casefold() not in _FILL]
    if len(rest) > 1:
        raise ValueError(words)
    if rest:
        hours = _ZONES.get(rest[0].upper())
        fixed = None if hours is None else datetime.timezone(datetime.timedelta(hours=hours))
        zone = fixed or ZoneInfo(rest[0])
    return datetime.datetime.combine(date, time, zone)


_WEEKDAY = re.compile(
    r"(mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(day)?\.?"
    r"|(montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)"
    r"|(mo|di|mi|do|fr|sa|so)\.?|[月火水木金土日](曜日?)?",
    re.IGNORECASE,
)
_FILL = {"at", "um", "uhr", "den"}


def _take_time(words: str, alone: datetime.time) -> tuple[datetime.time, str]:
    """Return the time of day in a text, and the text without it."""
    found = list(_TIME.finditer(words))
    if not found:
        return alone, words
    if len(found) > 1:
        raise ValueError(words)
    (match,) = found
    hour, half = int(match["hour"]), (match["before"] or match["after"] or "").upper()
    if half:
        if not 1 <= hour <= 12 and half not in ("午前", "午後"):
            raise ValueError(words)
        hour = hour % 12 + (12 if half[:1] in "P" or half == "午後" else 0)
    part = (match["part"] or "").ljust(6, "0")[:6]
    time = datetime.time(hour, int(match["minute"] or 0), int(match["second"] or 0), int(part))
    return time, f"{words[: match.start()]} {words[match.end() :]}"


def _take_date(words: str) -> tuple[datetime.date, str]:
    """Return the date in a text, and the text without it."""
    match = _YEAR_FIRST.search(words)
    if match:
        date = datetime.date(int(match[1]), int(match[3]), int(match[4]))
        return date, f"{words[: match.start()]} {words[match.end() :]}"
    match = _YEAR_LAST.search(words)
    if match:
        first, second = int(match[1]), int(match[3])
        if len(match[4]) < 4 or (first <= 12 and second <= 12 and first != second):
            raise ValueError("ambiguous")
        day, month = (first, second) if second <= 12 else (second, first)
        return datetime.date(int(match[4]), month, day), (
            f"{words[: match.start()]} {words[match.end() :]}"
        )
    parts = re.split(r"[\s,]+", words)
    months = [place for place, word in enumerate(parts) if word.rstrip(".").casefold() in _MONTHS]
    years = [place for place, word in enumerate(parts) if re.fullmatch(r"\d{4}", word)]
    days = [
        place for place, word in enumerate(parts)
        if re.fullmatch(r"\d{1,2}(\.|st|nd|rd|th)?", word, re.IGNORECASE)
    ]  # fmt: skip
    if not (len(months) == len(years) == len(days) == 1):
        raise ValueError(words)
    day = int(re.sub(r"\D+$", "", parts[days[0]]))
    month = _MONTHS[parts[months[0]].rstrip(".").casefold()]
    date = datetime.date(int(parts[years[0]]), month, day)
    used = {months[0], years[0], days[0]}
    return date, " ".join(word for place, word in enumerate(parts) if place not in used)


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
