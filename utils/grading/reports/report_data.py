"""The data of a report: a row for each student, and what they have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from utils.grading.course.collect import Arrival


@dataclass
class Row:
    """One student's row.

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
        max_points: points that each graded cell can earn by grade id, in the notebook's order.
        tests: grade ids of the test cells, in the notebook's order.
        rows: of all students, by their id.
        people: what the gradebook and the class list say about each student.
        arrivals: what `zip_collect` found, by student.
    """

    problem_set: str
    max_points: dict[str, float]
    tests: list[str]
    rows: list[Row]
    people: dict[str, dict[str, str]]
    arrivals: dict[str, Arrival] = field(default_factory=dict)

    @property
    def max_score(self) -> float:
        """The points that can be earned in all."""
        return sum(self.max_points.values())

    def graded(self) -> list[Row]:
        """Return the rows that have a score."""
        return [row for row in self.rows if row.status == "graded"]

    def measured(self) -> list[tuple[Row, float, int]]:
        """Return the graded rows whose work was measured, with seconds and bytes of memory."""
        return [
            (row, row.seconds, row.memory_bytes)
            for row in self.graded()
            if row.seconds is not None and row.memory_bytes is not None
        ]


def number(value: float) -> str:
    """Return a number in full, without trailing zeros."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
