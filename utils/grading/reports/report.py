"""The report on a problem set: a CSV file for a spreadsheet, and a page that opens offline.

Points, comments and penalties come from the gradebook, so a report written after grading by hand
has them. Everything else comes from the autograded notebooks: which checks passed, what was wrong
with a file, how long it took.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.checks import MIME
from utils.grading.course import roster
from utils.grading.course.collect import Arrival, read_arrivals
from utils.grading.course.gradebook import Book
from utils.grading.course.scores import Marks
from utils.grading.course.settings import Course
from utils.grading.course.submissions import Chooser
from utils.grading.course.zip_names import name_of, number_of
from utils.grading.judge.judge import explained
from utils.grading.notebook.record import NOTES_ID, read_json, record_of
from utils.grading.reports.outcomes import Unsettled, add_people, still_there
from utils.grading.text_files import plain

COLUMNS = ("student", "assignment", "status", "score", "max_score", "needs_manual_grade", "notes")


@dataclass
class Row:
    """One student's line.

    Attributes:
        student: the student's id.
        status: "graded", "unreadable" or "missing".
        score: points less the penalty; None unless graded.
        needs_person: a person has to look at it.
        notes: sentences, most important first.
        points: of each graded cell by grade id; None where none are given.
        checks: of each test cell by grade id: its checks, as `utils.checks` shows them.
        why: why it needs a person: "written answer", "test cell" (a person gave its points, but the
            work has changed), "unreadable", "stopped", "repaired", "several notebooks",
            "no notebook", "not graded yet", and what `outcomes` adds.
        seconds, memory_bytes: wall time and largest memory; None unless they were measured.
        penalty, seconds_late: points lost by being late, and how late.
    """

    student: str
    status: str = "missing"
    score: float | None = None
    needs_person: bool = False
    notes: list[str] = field(default_factory=list)
    points: dict[str, float | None] = field(default_factory=dict)
    checks: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    why: list[str] = field(default_factory=list)
    seconds: float | None = None
    memory_bytes: int | None = None
    penalty: float = 0.0
    seconds_late: float = 0.0


@dataclass
class Report:
    """A problem set's report.

    Attributes:
        problem_set: its name.
        most: points that each graded cell can earn by grade id, in the notebook's order.
        tests: grade ids of the test cells, in the notebook's order.
        rows: of all students, by their id.
        people: what the gradebook and the class list say about each student.
        arrivals: what `zip_collect` found, by student.
    """

    problem_set: str
    most: dict[str, float]
    tests: list[str]
    rows: list[Row]
    people: dict[str, dict[str, str]]
    arrivals: dict[str, Arrival] = field(default_factory=dict)

    @property
    def max_score(self) -> float:
        """The points that can be earned in all."""
        return sum(self.most.values())

    def graded(self) -> list[Row]:
        """Return the rows that have a score."""
        return [row for row in self.rows if row.status == "graded"]


# Reading ----------------------------------------------------------------------------------------


def read(course: Course, book: Book, problem_set: str) -> Report:
    """Return a problem set's report.

    Args:
        course: the course.
        book: its gradebook.
        problem_set: its name; the gradebook has to know it.
    """
    cells = book.cells(problem_set)
    people, marks = book.students(), book.marks(problem_set)
    tests = [cell.grade_id for cell in cells if cell.is_test]
    most = {cell.grade_id: cell.points for cell in cells if cell.grade or cell.task}
    arrivals = read_arrivals(course.arrivals(problem_set))
    listed = roster.read(course.class_list)
    add_people(people, listed)
    settle = Unsettled(course, problem_set, most, Chooser.of(course, problem_set, cells))
    rows = []
    for name in sorted(_everyone([*course.students(), *marks, *people, *arrivals])):
        row = _row(course, problem_set, name, marks.get(name), tests)
        settle.look(row, marks.get(name), arrivals.get(name))
        rows.append(row)
    return Report(problem_set, most, tests, rows, people, arrivals)


def _everyone(names: Iterable[str]) -> list[str]:
    """Return names without those that differ from an earlier one by its letters' encoding only."""
    return list({plain(name): name for name in reversed([*names])}.values())


def _row(
    course: Course,
    problem_set: str,
    student: str,
    marks: Marks | None,
    tests: Sequence[str],
) -> Row:
    row = Row(student)
    submitted = course.notebook("submitted", student, problem_set)
    autograded = read_json(course.notebook("autograded", student, problem_set))
    if marks is None or not autograded:
        return row
    record = record_of(autograded)
    row.status = record.get("status", "graded")
    row.notes = list(record["notes"]) if record else _notes(autograded)
    row.points = {
        name: None if mark.auto is None and mark.manual is None else mark.points
        for name, mark in marks.cells.items()
    }
    row.needs_person = marks.needs_person
    row.penalty, row.seconds_late = marks.penalty, marks.seconds_late
    if row.seconds_late > 0:
        cost = f", {row.penalty:g} points less" if row.penalty else ""
        row.notes.append(f"{_duration(row.seconds_late)} late{cost}")
    if record:
        row.seconds, row.memory_bytes = record["seconds"], record["memory_bytes"]
    if not still_there(submitted.parent, record.get("file") or submitted.name):
        row.notes.append("the submitted file is no longer there")
    if row.status != "graded":
        row.why.append("unreadable")
        row.points = {}
        return row
    row.score = marks.score
    row.checks = _checks(autograded)
    asked = {name for name, mark in marks.cells.items() if mark.needs_person}
    if asked.difference(tests):
        row.why.append("written answer")
    if asked.intersection(tests):
        row.why.append("test cell")
    if record.get("stopped"):
        row.why.append("stopped")
    if record.get("repaired"):
        row.why.append("repaired")
    if record.get("ask"):
        row.needs_person = True
        row.why.append("several notebooks")
    return row


def _notes(notebook: dict[str, Any]) -> list[str]:
    """Return the notes of a notebook that nbgrader graded by itself."""
    for cell in notebook.get("cells", []):
        if cell.get("id") == NOTES_ID:
            lines = "".join(cell["source"]).splitlines()
            return [re.sub(r"\\(.)", r"\1", line[2:]) for line in lines if line[:2] == "- "]
    return []


def _checks(notebook: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the checks of each test cell, by its grade id."""

    def shared(value: Any) -> Any:  # names and hints are the same for all students
        return sys.intern(value) if type(value) is str else value

    found = {}
    for cell in notebook.get("cells", []):
        about = cell.get("metadata", {}).get("nbgrader", {})
        if not about.get("grade") or about.get("solution"):
            continue
        found[about["grade_id"]] = [
            {shared(key): shared(value) for key, value in check.items()}
            | {"hidden": table.get("hidden", False)}
            for output in cell.get("outputs", [])
            if (table := output.get("data", {}).get(MIME))
            for check in explained(table)
        ]
    return found


def _duration(seconds: float) -> str:
    if seconds < 5400:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


# CSV --------------------------------------------------------------------------------------------


def write(course: Course, report: Report) -> tuple[Path, Path]:
    """Write a report's CSV file and page, and return where they are."""
    from utils.grading.reports.report_page import page  # it imports this module

    folder = course.reports
    folder.mkdir(parents=True, exist_ok=True)
    files = folder / f"{report.problem_set}.csv", folder / f"{report.problem_set}.html"
    write_text(files[0], to_csv(report))
    write_text(files[1], page(report, course))
    return files


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="")
    part.replace(path)


def to_csv(report: Report) -> str:
    """Return the report as CSV: RFC 4180, with a byte order mark so that Excel reads UTF-8."""
    return _csv(
        [
            [*COLUMNS, *report.tests],
            *(
                [
                    row.student,
                    report.problem_set,
                    row.status,
                    row.score,
                    report.max_score,
                    row.needs_person,
                    "; ".join(row.notes),
                    *(row.points.get(name) for name in report.tests),
                ]
                for row in report.rows
            ),
        ]
    )


def to_canvas(report: Report) -> str:
    """Return scores as Canvas's gradebook imports them; Canvas asks which assignment is meant.

    Canvas finds a student by the ID, else by the login. The ID is the gradebook's `lms_user_id`, or
    the number in the id of a student whose notebook came in Canvas's zip file.
    """
    lines: list[Sequence[Any]] = [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", report.problem_set],
        ["    Points Possible", "", "", "", "", report.max_score],
    ]
    for row in report.rows:
        person = report.people.get(row.student, {})
        name = ", ".join(filter(None, (person.get("last_name"), person.get("first_name"))))
        by_zip_file = _number_of(report, row.student, "canvas")
        number = person.get("lms_user_id") or by_zip_file
        login = "" if number_of(row.student, "canvas") else row.student
        lines.append([name or name_of(row.student), number, "", login, "", row.score])
    return _csv(lines)


def to_moodle(report: Report) -> str:
    """Return scores as Moodle takes them.

    If notebooks came in Moodle's zip file, as the assignment's *Upload grading worksheet* takes
    them, which finds a student by the number in that file's names. Otherwise as *Import > CSV file*
    takes them: map `username` to the user.
    """
    numbers = {row.student: _number_of(report, row.student, "moodle") for row in report.rows}
    if any(numbers.values()):
        return _moodle_worksheet(report, numbers)
    lines: list[Sequence[Any]] = [
        [
            "username",
            "firstname",
            "lastname",
            "email",
            report.problem_set,
            f"{report.problem_set} feedback",
        ]
    ]
    for row in report.rows:
        person = report.people.get(row.student, {})
        names = [person.get(key, "") for key in ("first_name", "last_name", "email")]
        lines.append([row.student, *names, row.score, _why_no_score(row)])
    return _csv(lines)


def _moodle_worksheet(report: Report, numbers: dict[str, str]) -> str:
    """Return Moodle's grading worksheet: without these three columns it takes none.

    Only this assignment's participants are in it, for Moodle refuses a file with others. There is
    no column for feedback: an empty field would erase what is in Moodle.
    """
    lines: list[Sequence[Any]] = [
        ["Identifier", "Full name", "Grade", "Last modified (grade)", f"{report.problem_set} notes"]
    ]
    for row in report.rows:
        if numbers[row.student]:
            identifier = f"Participant {numbers[row.student]}"
            arrival = report.arrivals.get(row.student)
            name = arrival.name if arrival else name_of(row.student)
            lines.append([identifier, name, row.score, "", _why_no_score(row)])
    return _csv(lines)


def _number_of(report: Report, student: str, system: str) -> str:
    """Return the number that a system has given a student for this problem set, "" for none."""
    arrival = report.arrivals.get(student)
    if arrival is not None and arrival.system == system:
        return arrival.number
    if system == "moodle" and any(one.system == system for one in report.arrivals.values()):
        return ""  # the number in an id may be one of another assignment
    return number_of(student, system)


def _why_no_score(row: Row) -> str:
    return "" if row.status == "graded" else f"{row.status}: {'; '.join(row.notes)}"


FORMATS = {"canvas": to_canvas, "moodle": to_moodle}


def _csv(lines: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_field(value) for value in line] for line in lines)
    return "\ufeff" + text.getvalue()


def _field(value: Any) -> str:
    """Return a field's text: a spreadsheet must not take it for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return number(value)
    text = str(value).replace("\r\n", "\n").replace("\0", "")
    return _FORMULA.sub(r"\1'", text) if text.strip() else text


def number(value: float) -> str:
    """Return a number in full, without trailing zeros."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


# What a spreadsheet may take for the beginning of a formula, in a Japanese one also in full width.
# Quotation marks before it may be those of a field.
_BLANK = r"[\s\"\x00-\x1f\x7f-\x9f\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
_BEGINS = r"[-=+@|%\u2212\uff1d\uff0b\uff0d\uff20\uff5c\uff05\ufe62\ufe63\ufe66\ufe6b]"
# It stands where a field begins: also where one would if the file were divided at semicolons or
# tabs, as spreadsheets of many countries do, which see no quotes within a field.
_FORMULA = re.compile(
    rf"(\A *(?=[\t\r\n])|(?:\A|[;\t\r\n\v\f\x85\u2028\u2029]){_BLANK}*(?={_BEGINS}))"
)


def now() -> str:
    """Return the date and time as a report shows it."""
    return datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
