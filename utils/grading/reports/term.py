"""The result of a term: each student's weighted percentage over all problem sets, and a grade.

A problem set counts by its percentage: the points after penalties, divided by the points possible
so far. A missing or unreadable submission counts as 0. Answers that a person still has to read,
submissions that are not graded yet and future deadlines do not count; the result is then
provisional.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from utils.grading.course import lateness, roster
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.settings import Course, CourseError
from utils.grading.reports import problem_set_report, term_file
from utils.grading.reports.report_data import Figures, Report, Row, in_order, number
from utils.grading.reports.term_file import TermRules
from utils.grading.text_files import plain

ZERO = ("unreadable", "missing")  # states that count as 0
TO_COME = ("not graded yet", "open", "not begun")  # states that do not count yet


@dataclass
class TermCell:
    """One student's result in one problem set.

    Attributes:
        state: "graded", "unreadable", "missing", "not graded yet", "open" (before the student's
            deadline) or "not begun" (nothing of the set is graded).
        row: the student's row in the problem set's report, None if the set has not begun.
        dropped: whether it is one of the student's lowest results, which do not count.
    """

    state: str
    row: Row | None = None
    dropped: bool = False

    @property
    def percent(self) -> float | None:
        """The percentage; None if there is none yet."""
        if self.state in ZERO:
            return 0.0
        return self.row.percent if self.state == "graded" and self.row else None

    @property
    def is_late(self) -> bool:
        """Whether it was handed in after the student's deadline."""
        return self.row is not None and self.row.seconds_late > 0

    def to_come(self) -> str:
        """Return why its percentage can still change, "" if nothing is left to do."""
        if self.state in TO_COME:
            return {"open": "its deadline is to come"}.get(self.state, self.state)
        if self.state == "unreadable":
            return "the file cannot be read"
        if self.row and self.row.unread:
            return f"{number(self.row.unread)} points unread"
        if self.row and self.row.needs_person:
            return f"a person has to look ({', '.join(self.row.why)})"
        return ""


@dataclass
class TermStudent:
    """One student's term.

    Attributes:
        student, name, email: the student's id, name and address.
        cells: the results by problem set.
        percent: the weighted result in percent, rounded to two places; None if nothing counts yet.
        grade: the grade for `percent`, "" for none.
        to_come: why the result can still change.
        notes: further sentences.
    """

    student: str
    name: str = ""
    email: str = ""
    cells: dict[str, TermCell] = field(default_factory=dict)
    percent: float | None = None
    grade: str = ""
    to_come: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def handed_in(self) -> bool:
        """Whether the student handed in anything."""
        return any(cell.state in ("graded", "unreadable", "not graded yet")
                   for cell in self.cells.values())  # fmt: skip


@dataclass
class Term:
    """A term.

    Attributes:
        rules: the content of `term.toml`.
        weights: the weight of each problem set; 0 for one that cannot count.
        reports: the report on each problem set, in order; None for one that has not begun.
        students: sorted by id.
        notes: sentences for staff.
    """

    rules: TermRules
    weights: dict[str, float]
    reports: dict[str, Report | None]
    students: list[TermStudent]
    notes: list[str] = field(default_factory=list)

    def figures(self, problem_set: str) -> Figures | None:
        """Return the statistics of a problem set over all graded submissions."""
        found = self.reports[problem_set]
        return Figures.of(found.percents()) if found else None

    def count(self, problem_set: str) -> Counter[str]:
        """Return the number of students in each state, and of those who are `late`."""
        cells = [student.cells[problem_set] for student in self.students]
        return Counter(cell.state for cell in cells) + Counter(
            "late" for cell in cells if cell.is_late
        )

    def counted(self) -> list[TermStudent]:
        """Return the students in the statistics: those who handed in anything and have a result."""
        return [one for one in self.students if one.handed_in and one.percent is not None]

    def results(self) -> list[float]:
        """Return the results of the students in the statistics, in percent."""
        return [one.percent for one in self.counted() if one.percent is not None]


def read(course: Course, book: CourseGradebook, now: datetime.datetime | None = None) -> Term:
    """Return the term's result from the gradebook.

    Args:
        course: the course.
        book: its gradebook.
        now: the time to compare deadlines with, in UTC without `tzinfo`; by default the current.

    Raises:
        CourseError: no problem set is in the gradebook, or `term.toml` is invalid.
        lateness.ExtensionsError: the file of extensions is invalid.
    """
    now = now or datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    known = [name for name in book.problem_sets() if book.has(name)]
    rules = term_file.read(course.term_file, {*known, *course.problem_sets()})
    deadlines = _Deadlines(course, book)
    reports: dict[str, Report | None] = {}
    everything: list[Report] = []
    waiting = [
        name for name in course.problem_sets() if name not in known and _arrived(course, name)
    ]
    for name in sorted({*known, *waiting, *(rules.weights or ())}, key=in_order):
        found = problem_set_report.read_one(course, book, name) if name in known else None
        everything += [found] if found else []
        has_begun = found and any(_state(row, False) != "missing" for row in found.rows)
        reports[name] = found if has_begun else None
    if not any(reports.values()):
        raise CourseError(
            "nothing is graded yet; run "
            + ", ".join(f"`python3 -m utils grade {name}`" for name in waiting)
            + " first"
            if waiting
            else f"nothing has been handed in: no student has a submission in {course.submitted}"
        )
    weights = {
        name: rules.weight(name) if found is None or found.max_score else 0.0
        for name, found in reports.items()
    }
    students = _students(course, everything)
    for name, found in reports.items():
        rows = {plain(row.student): row for row in found.rows} if found else {}
        for identity, student in students.items():
            row = rows.get(identity)
            is_open = deadlines.of(identity, name) > now
            state = "not begun" if not found else _state(row, is_open) if row else "missing"
            student.cells[name] = TermCell(state, row)
    for student in students.values():
        settle(student, rules, weights)
    return Term(rules, weights, reports, [*students.values()], _notes(rules, reports))


def _arrived(course: Course, problem_set: str) -> bool:
    """Return whether anybody has handed in something to a problem set."""
    return any(
        course.folder("submitted", student, problem_set).is_dir() for student in course.students()
    )


class _Deadlines:
    """The deadlines of each student."""

    def __init__(self, course: Course, book: CourseGradebook) -> None:
        policy = lateness.LatePolicy(config=course.config)
        self.own = lateness.deadlines(policy.read_lines(course.extensions))
        self.of_class = book.due_dates()

    def of(self, student: str, problem_set: str) -> datetime.datetime:
        """Return a student's deadline, or `datetime.min` if there is none."""
        due = self.of_class.get(problem_set)
        own = self.own.get((plain(student), problem_set)) if due else None
        return own or due or datetime.datetime.min


def _state(row: Row, is_open: bool) -> str:
    """Return a student's state in a problem set that has begun."""
    if row.status != "missing":
        return row.status
    if "not graded yet" in row.why:
        return "not graded yet"
    return "open" if is_open else "missing"


def _students(course: Course, reports: Sequence[Report]) -> dict[str, TermStudent]:
    """Return all students in the reports by normalised id, without results."""
    listed = {plain(person.id) for person in roster.read(course.class_list)}
    found: dict[str, TermStudent] = {}
    for one in reports:
        for row in one.rows:
            email = one.people.get(row.student, {}).get("email", "")
            student = found.setdefault(
                plain(row.student), TermStudent(row.student, row.name, email)
            )
            if listed and plain(row.student) not in listed and not student.notes:
                student.notes.append(f"not in {course.class_list.name}")
    return dict(sorted(found.items()))


def settle(student: TermStudent, rules: TermRules, weights: Mapping[str, float]) -> None:
    """Compute a student's result from the cells.

    Args:
        student: the student; it is changed.
        rules: how many results are dropped, and the grade for each result.
        weights: the weight of each problem set.
    """
    counted = {
        name: cell
        for name, cell in student.cells.items()
        if cell.percent is not None and weights[name] > 0
    }

    def worst_first(name: str) -> tuple[float, float]:
        return counted[name].percent or 0.0, -weights[name]

    for name in sorted(counted, key=worst_first)[: min(rules.drop_lowest, len(counted) - 1)]:
        student.cells[name].dropped = True
        del counted[name]
    student.to_come = [
        f"{name}: {cell.to_come()}"
        for name, cell in student.cells.items()
        if weights[name] > 0 and cell.to_come()
    ]
    if counted:
        total = sum(weights[name] for name in counted)
        points = sum(weights[name] * (cell.percent or 0.0) for name, cell in counted.items())
        student.percent = round(points / total + 1e-9, 2)
        student.grade = rules.grade(student.percent)


def _notes(rules: TermRules, reports: dict[str, Report | None]) -> list[str]:
    """Return sentences on settings that a lecturer may not have intended."""
    notes = []
    for name, found in reports.items():
        if found is None:
            notes.append(
                f"{name} does not count yet, because nothing of it is graded; once it is handed "
                f"in, run `python3 -m utils grade {name}`"
            )
        elif rules.weights is not None and name not in rules.weights:
            notes.append(
                f"{name} does not count, because term.toml does not name it; write {name} = 1 "
                f"below [weights], or {name} = 0 to leave it out"
            )
        elif not found.max_score:
            notes.append(f"{name} does not count, because no points can be earned in it")
    return notes
