"""The report on a term: `reports/term.csv` for a spreadsheet, and the page `term.html`."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import quote

from utils.grading.course.settings import Course
from utils.grading.reports import charts
from utils.grading.reports.csv_files import csv_text, hours_late
from utils.grading.reports.report_data import Figures, number
from utils.grading.reports.report_page import now
from utils.grading.reports.templates import render
from utils.grading.reports.term import Term, TermCell
from utils.system import atomic_write

FIRST = ("student", "name", "email")
OF_EACH = ("status", "score", "possible", "percent", "hours_late")  # after a set's name
LAST = ("dropped", "missing", "late", "term_percent", "grade", "provisional", "notes")


def write(course: Course, term: Term) -> tuple[Path, Path]:
    """Write a term's CSV file and page, and return their paths."""
    files = course.reports / "term.csv", course.reports / "term.html"
    atomic_write(files[0], to_csv(term))
    atomic_write(files[1], page(term, course))
    return files


def to_csv(term: Term) -> str:
    """Return the term as CSV, a line for each student."""
    of_each = [f"{name}_{what}" for name in term.reports for what in OF_EACH]
    lines: list[list[Any]] = [[*FIRST, *of_each, *LAST]]
    for student in term.students:
        line: list[Any] = [student.student, student.name, student.email]
        for cell in student.cells.values():
            line += [cell.state, *_points(cell), cell.percent, cell.row and hours_late(cell.row)]
        line += [
            "; ".join(name for name, cell in student.cells.items() if cell.dropped),
            "; ".join(name for name, cell in student.cells.items() if cell.state == "missing"),
            "; ".join(name for name, cell in student.cells.items() if cell.is_late),
            student.percent,
            student.grade,
            bool(student.to_come),
            "; ".join([*student.to_come, *student.notes]),
        ]
        lines.append(line)
    return csv_text(lines)


def _points(cell: TermCell) -> tuple[float | None, float | None]:
    """Return the points and the points possible so far, (None, None) if nothing is graded."""
    if cell.row is None or cell.row.score is None:
        return None, None
    return cell.row.score, cell.row.possible


def page(term: Term, course: Course) -> str:
    """Return the term as a self-contained HTML page.

    Args:
        term: the term.
        course: the course, for links relative to its folder of reports.
    """
    results = term.results()
    return render(
        "term.html.j2",
        title="The term: report",
        now=now(),
        term=term,
        begun=[name for name, report in term.reports.items() if report],
        results=charts.histogram(results, max(100.0, *results), "percent") if results else "",
        figures=[
            (name, term.weights[name], term.count(name), term.figures(name))
            for name in term.reports
        ],
        result=Figures.of(results),
        counted=len(term.counted()),
        idle=sum(not student.handed_in for student in term.students),
        grades=Counter(student.grade or "none" for student in term.counted()),
        link=lambda student, name: _link(course.feedback(student, name), course),
        report_link=lambda name: _link(course.reports / f"{name}.html", course),
        number=number,
        percent=_percent,
    )


def _percent(value: float | None) -> str:
    return "" if value is None else f"{number(round(value, 2))} %"


def _link(path: Path, course: Course) -> str:
    """Return a relative link to a file, "" if it does not exist."""
    if not os.path.lexists(path):
        return ""
    return quote(os.path.relpath(path, course.reports).replace(os.sep, "/"))
