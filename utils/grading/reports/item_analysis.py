"""Item analysis: how hard each check was, and whether it tells strong from weak work."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from utils.grading.reports.report_data import Report, Row


@dataclass(frozen=True)
class CheckFigures:
    """Statistics of one check over the class.

    Attributes:
        test: grade id of its test cell.
        name: the check's name.
        points: its points.
        hidden: whether it is hidden: students see only its name and hint.
        tried: number of students whose work it was run on.
        share: the fraction of these who passed, 0 to 1.
        separation: correlation of passing it with the points of all other checks, -1 to 1; None
            if all or none passed, or if `tried` is below three.
    """

    test: str
    name: str
    points: float
    hidden: bool
    tried: int
    share: float
    separation: float | None


def check_figures(report: Report) -> list[CheckFigures]:
    """Return the statistics of every check, in the notebook's order.

    A test cell without named checks counts as one check, passed with all its points.
    """
    results: dict[tuple[str, str], dict[str, tuple[bool, float, bool]]] = {}
    totals = {}
    for row in report.graded():
        totals[row.student] = sum(row.points.get(test) or 0.0 for test in report.tests)
        for test in report.tests:
            for name, passed, points, hidden in _results(row, test, report.max_points[test]):
                results.setdefault((test, name), {})[row.student] = passed, points, hidden
    place = {test: number for number, test in enumerate(report.tests)}
    figures = []
    for (test, name), by_student in sorted(results.items(), key=lambda item: place[item[0][0]]):
        _, points, hidden = next(iter(by_student.values()))
        has_passed = np.array([p for p, _, _ in by_student.values()], dtype=float)
        worth = np.array([points for _, points, _ in by_student.values()])
        total = np.array([totals[student] for student in by_student])
        share, separation = (
            float(has_passed.mean()),
            _correlation(has_passed, total - has_passed * worth),
        )
        figures.append(CheckFigures(test, name, points, hidden, len(by_student), share, separation))
    return figures


def _results(row: Row, test: str, max_points: float) -> list[tuple[str, bool, float, bool]]:
    checks = row.checks.get(test)
    if checks:
        return [(c["name"], c["state"] == "passed", c["points"], c["hidden"]) for c in checks]
    return [(test, (row.points.get(test) or 0.0) >= max_points, max_points, False)]


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def common_hints(report: Report) -> list[tuple[int, str, str, str]]:
    """Return (number of students, hint, test, check) for failed checks, the most common first.

    Checks that failed for a common cause count as one.
    """
    students: dict[tuple[str, str, str], set[str]] = {}
    for row in report.graded():
        for test, checks in row.checks.items():
            for check in checks:
                if check["state"] == "failed" and check["hint"]:
                    name = "several checks" if check.get("same_cause") else check["name"]
                    key = check["hint"], test, name
                    students.setdefault(key, set()).add(row.student)
    counted = [(len(found), *key) for key, found in students.items()]
    return sorted(counted, key=lambda item: (-item[0], item[2], item[3]))
