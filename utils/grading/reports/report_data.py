"""The data of a report: a row for each student, and the data on the whole class."""

from __future__ import annotations

import datetime
import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from utils.grading.course.collect import Arrival


@dataclass
class Row:
    """One student's row.

    Attributes:
        student: the student's id.
        status: "graded", "unreadable" or "missing".
        score: points minus the penalty; None unless graded.
        needs_person: whether a person has to look at it.
        notes: sentences, most important first.
        points: points of each graded cell by grade id; None where none are given.
        checks: checks of each test cell by grade id, as displayed by `utils.checks`.
        why: why it needs a person: "written answer", "test cell" (a person gave its points, but the
            work has changed), "unreadable", "stopped", "repaired", "several notebooks",
            "no notebook", "not graded yet", and those that `outcomes` adds.
        seconds, memory_bytes: wall time and peak memory; None unless measured.
        penalty, seconds_late: points lost for lateness, and seconds after the deadline.
        name: the student's name, "" if unknown.
        handed_in: the submission time in UTC; None if unknown.
        possible: maximum points of what is graded so far.
        unread: maximum points of the answers that a person still has to read.
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
    name: str = ""
    handed_in: datetime.datetime | None = None
    possible: float = 0.0
    unread: float = 0.0

    @property
    def percent(self) -> float | None:
        """The score in percent of the points possible so far; None if nothing is graded."""
        return None if self.score is None or not self.possible else 100 * self.score / self.possible

    @property
    def points_text(self) -> str:
        """The score as text, such as "14 of 14; 4 unread"."""
        if self.score is None:
            return ""
        unread = f"; {number(self.unread)} unread" if self.unread else ""
        return f"{number(self.score)} of {number(self.possible)}{unread}"


@dataclass
class Report:
    """A problem set's report.

    Attributes:
        problem_set: its name.
        max_points: maximum points of each graded cell by grade id, in the notebook's order.
        tests: grade ids of the test cells, in the notebook's order.
        rows: one for each student, sorted by id.
        people: data about each student from the gradebook and the class list, by id.
        arrivals: submissions that `zip_collect` found, by student.
        earlier: the reports on the problem sets before this one, in order.
    """

    problem_set: str
    max_points: dict[str, float]
    tests: list[str]
    rows: list[Row]
    people: dict[str, dict[str, str]]
    arrivals: dict[str, Arrival] = field(default_factory=dict)
    earlier: list[Report] = field(default_factory=list)

    @property
    def max_score(self) -> float:
        """The maximum points of the problem set."""
        return sum(self.max_points.values())

    def graded(self) -> list[Row]:
        """Return the rows that have a score."""
        return [row for row in self.rows if row.status == "graded"]

    def missing(self) -> list[Row]:
        """Return the rows of students without a notebook to grade."""
        return [row for row in self.rows if row.status == "missing"]

    def percents(self) -> list[float]:
        """Return the percentages of all students who have one."""
        return [row.percent for row in self.rows if row.percent is not None]

    def before(self) -> dict[str, float]:
        """Return each student's mean percentage in the earlier problem sets they handed in."""
        found: dict[str, list[float]] = {}
        for report in self.earlier:
            for row in report.rows:
                if row.percent is not None:
                    found.setdefault(row.student, []).append(row.percent)
        return {student: statistics.fmean(percents) for student, percents in found.items()}


@dataclass
class Figures:
    """Statistics of percentages, without any ranking of students."""

    count: int
    mean: float
    deviation: float
    least: float
    quartiles: tuple[float, float, float]
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Figures | None:
        """Return the statistics, or None if there are no values.

        The standard deviation is that of the population, not of a sample; quartiles are
        interpolated between values, as in spreadsheets.
        """
        if not values:
            return None
        first = middle = third = values[0]
        if len(values) > 1:
            first, middle, third = statistics.quantiles(values, n=4, method="inclusive")
        mean, deviation = statistics.fmean(values), statistics.pstdev(values)
        return cls(len(values), mean, deviation, min(values), (first, middle, third), max(values))


def duration(seconds: float) -> str:
    """Format a time given in seconds, rounded up, since penalties count days begun."""
    seconds = round(seconds)
    if seconds < 5400:
        return f"{max(1, math.ceil(seconds / 60))} min"
    if seconds < 172_800:
        return f"{math.ceil(seconds / 360) / 10:.1f} h"
    return f"{math.ceil(seconds / 8640) / 10:.1f} days"


def name_of_person(about: Mapping[str, str]) -> str:
    """Return a person's name from the gradebook or the class list, "" for none."""
    return about.get("name") or " ".join(
        filter(None, (about.get("first_name"), about.get("last_name")))
    )


def in_order(name: str) -> list[str | int]:
    """Return a key that sorts `ps10` after `ps9`."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"([0-9]+)", name)]


def number(value: float) -> str:
    """Return a number with at most six decimals, without trailing zeros."""
    return in_full(round(value, 6))


def in_full(value: float) -> str:
    """Return a number with all decimals that `float` needs to restore the same value."""
    text = f"{Decimal(repr(float(value))):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
