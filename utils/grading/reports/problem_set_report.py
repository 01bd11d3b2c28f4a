"""The report on a problem set: a CSV file for a spreadsheet, and a page that opens offline.

Points, comments and penalties come from the gradebook, so a report written after grading by hand
includes them. Everything else comes from the autograded notebooks: which checks passed, problems
with files, running times.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from utils.checks import MIME
from utils.grading.course import roster
from utils.grading.course.collect import read_arrivals
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.notebook_choice import Chooser
from utils.grading.course.scores import Scores
from utils.grading.course.settings import Course
from utils.grading.judge.verdict import explained
from utils.grading.notebook.reading import read_json
from utils.grading.notebook.result import NOTES_ID, result_of
from utils.grading.reports.csv_files import to_csv
from utils.grading.reports.outcomes import Unsettled, add_people, still_there
from utils.grading.reports.report_data import Report, Row, duration, in_order, name_of_person
from utils.grading.reports.report_page import page
from utils.grading.text_files import plain
from utils.system import atomic_write


def write(course: Course, report: Report) -> tuple[Path, Path]:
    """Write a report's CSV file and page, and return their paths."""
    files = tuple(course.reports / f"{report.problem_set}.{kind}" for kind in ("csv", "html"))
    atomic_write(files[0], to_csv(report))
    atomic_write(files[1], page(report, course))
    return files[0], files[1]


def read(course: Course, book: CourseGradebook, problem_set: str) -> Report:
    """Return a problem set's report, including reports on earlier sets that have submissions.

    Args:
        course: the course.
        book: its gradebook.
        problem_set: its name, which must be in the gradebook.
    """
    report = read_one(course, book, problem_set)
    for name in sorted(book.problem_sets(), key=in_order):
        if in_order(name) < in_order(problem_set) and book.has(name):
            earlier = read_one(course, book, name)
            report.earlier += [earlier] if earlier.graded() else []
    return report


def read_one(course: Course, book: CourseGradebook, problem_set: str) -> Report:
    """Return a problem set's report without the earlier sets; see `read`."""
    cells = book.cells(problem_set)
    people, scores = book.students(), book.scores(problem_set)
    tests = [cell.grade_id for cell in cells if cell.is_test]
    max_points = {cell.grade_id: cell.points for cell in cells if cell.grade or cell.task}
    arrivals = read_arrivals(course.arrivals(problem_set))
    listed = roster.read(course.class_list)
    add_people(people, listed)
    settle = Unsettled(course, problem_set, max_points, Chooser.of(course, problem_set, cells))
    rows = []
    for name in sorted(_everyone([*course.students(), *scores, *people, *arrivals])):
        row = _row(course, problem_set, name, scores.get(name), max_points, tests)
        row.name = name_of_person(people.get(name, {}))
        settle.look(row, scores.get(name), arrivals.get(name))
        rows.append(row)
    return Report(problem_set, max_points, tests, rows, people, arrivals)


def _everyone(names: Iterable[str]) -> list[str]:
    """Return the names without duplicates that differ only in Unicode normalisation."""
    return list({plain(name): name for name in reversed([*names])}.values())


def _row(
    course: Course,
    problem_set: str,
    student: str,
    scores: Scores | None,
    max_points: Mapping[str, float],
    tests: Sequence[str],
) -> Row:
    row = Row(student)
    submitted = course.notebook("submitted", student, problem_set)
    autograded = read_json(course.notebook("autograded", student, problem_set))
    if scores is None or not autograded:
        return row
    result = result_of(autograded)
    row.status = result.status if result else "graded"
    row.notes = result.notes if result else _notes(autograded)
    row.points = {
        name: None if cell.auto is None and cell.manual is None else cell.points
        for name, cell in scores.cells.items()
    }
    row.needs_person = scores.needs_person
    row.penalty, row.seconds_late = scores.penalty, scores.seconds_late
    row.handed_in = scores.handed_in
    if row.seconds_late > 0:
        cost = f", {row.penalty:g} points less" if row.penalty else ""
        row.notes.append(f"{duration(row.seconds_late)} late{cost}")
    if result:
        row.seconds, row.memory_bytes = result.seconds, result.memory_bytes
    if not still_there(submitted.parent, (result and result.file) or submitted.name):
        row.notes.append("the submitted file is no longer there")
    if row.status != "graded":
        row.why.append("unreadable")
        row.points = {}
        return row
    row.score = scores.score
    unread = {name for name, cell in scores.cells.items() if cell.unread}
    row.unread = sum(points for name, points in max_points.items() if name in unread)
    row.possible = sum(max_points.values()) - row.unread
    row.checks = _checks(autograded)
    asked = {name for name, cell in scores.cells.items() if cell.needs_person}
    if asked.difference(tests):
        row.why.append("written answer")
    if asked.intersection(tests):
        row.why.append("test cell")
    if result and result.stopped:
        row.why.append("stopped")
    if result and result.repaired:
        row.why.append("repaired")
    if result and result.ask:
        row.needs_person = True
        row.why.append("several notebooks")
    return row


def _notes(notebook: dict[str, Any]) -> list[str]:
    """Return the notes in a notebook that was graded by `nbgrader autograde`."""
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
