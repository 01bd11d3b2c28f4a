"""Write a report as CSV for a spreadsheet, and for import into Canvas and Moodle."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Any

from utils.grading.course.zip_names import name_of, number_of
from utils.grading.reports.report_data import Report, Row, number

COLUMNS = ("student", "assignment", "status", "score", "max_score", "needs_manual_grade", "notes")
MORE_COLUMNS = (  # after the test cells
    "name", "submitted_at", "hours_late", "late_penalty", "possible_so_far", "unread_points",
)  # fmt: skip


def to_csv(report: Report) -> str:
    """Return the report as CSV: RFC 4180, with a byte order mark so that Excel reads UTF-8."""
    return csv_text(
        [
            [*COLUMNS, *report.tests, *MORE_COLUMNS],
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
                    row.name,
                    time_text(row),
                    hours_late(row),
                    row.penalty if row.score is not None else None,
                    row.possible if row.score is not None else None,
                    row.unread if row.score is not None else None,
                ]
                for row in report.rows
            ),
        ]
    )


def time_text(row: Row) -> str:
    """Return the submission time as ISO 8601 in UTC, "" if unknown."""
    return f"{row.handed_in:%Y-%m-%dT%H:%M:%SZ}" if row.handed_in else ""


def hours_late(row: Row) -> float | None:
    """Return the lateness in hours, None if the submission time is unknown."""
    return row.seconds_late / 3600 if row.handed_in else None


def to_canvas(report: Report) -> str:
    """Return scores in the format of Canvas's gradebook import; Canvas asks for the assignment.

    Canvas identifies a student by the ID, else by the login. The ID is the gradebook's
    `lms_user_id`, or the number in the id of a student whose notebook came in Canvas's zip file.
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
    return csv_text(lines)


def to_moodle(report: Report) -> str:
    """Return scores in a format that Moodle imports.

    If notebooks came in Moodle's zip file, the format is that of the assignment's *Upload grading
    worksheet*, which identifies a student by the number in that file's names. Otherwise it is that
    of *Import > CSV file*: map `username` to the user.
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
    return csv_text(lines)


def _moodle_worksheet(report: Report, numbers: dict[str, str]) -> str:
    """Return Moodle's grading worksheet, with the columns that Moodle requires.

    It contains only this assignment's participants, because Moodle rejects a file with others.
    There is no column for feedback: an empty field would erase the feedback in Moodle.
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
    return csv_text(lines)


def _number_of(report: Report, student: str, system: str) -> str:
    """Return a student's number in a system for this problem set, "" for none."""
    arrival = report.arrivals.get(student)
    if arrival is not None and arrival.system == system:
        return arrival.number
    if system == "moodle" and any(one.system == system for one in report.arrivals.values()):
        return ""  # the number in the id may be from another assignment
    return number_of(student, system)


def _why_no_score(row: Row) -> str:
    return "" if row.status == "graded" else f"{row.status}: {'; '.join(row.notes)}"


FORMATS = {"canvas": to_canvas, "moodle": to_moodle}


def csv_text(lines: Iterable[Sequence[Any]]) -> str:
    """Return lines as CSV: RFC 4180, with a byte order mark, and formulas defused."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerows([_field(value) for value in line] for line in lines)
    return "\ufeff" + text.getvalue()


def _field(value: Any) -> str:
    """Return a field's text, defused if a spreadsheet would take it for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, int | float):
        return number(value)
    text = str(value).replace("\r\n", "\n").replace("\0", "")
    return _FORMULA.sub(r"\1'", text) if text.strip() else text


# Characters that begin a formula in a spreadsheet (in a Japanese one, full-width ones too), after
# any invisible characters and quotation marks.
_BLANK = r"[\s\"\x00-\x1f\x7f-\x9f\xad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
_BEGINS = r"[-=+@|%\u2212\uff1d\uff0b\uff0d\uff20\uff5c\uff05\ufe62\ufe63\ufe66\ufe6b]"
# They count at the start of a field, also after semicolons and tabs, which separate fields in the
# spreadsheets of many countries, whatever the quotes.
_FORMULA = re.compile(
    rf"(\A *(?=[\t\r\n])|(?:\A|[;\t\r\n\v\f\x85\u2028\u2029]){_BLANK}*(?={_BEGINS}))"
)
