"""The report as a self-contained HTML file: no external script, font or picture.

Charts are inline SVG, and a table has the numbers of every chart.
"""

from __future__ import annotations

import datetime
import os
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from utils.grading.course.settings import Course
from utils.grading.reports import charts
from utils.grading.reports.item_analysis import check_figures, common_hints
from utils.grading.reports.report_data import Figures, Report, Row, duration, number
from utils.grading.reports.templates import render

MANY = 15  # maximum number of hints listed
FALL = 20  # a result this many percentage points below a student's earlier mean is marked
WEAK = 0.2  # checks with a lower separation are marked


def page(report: Report, course: Course) -> str:
    """Return the report as a self-contained HTML page.

    Args:
        report: the report.
        course: the course, for links relative to its folder of reports.
    """
    scores = [row.score for row in report.graded() if row.score is not None]
    hints = common_hints(report)
    return render(
        "report.html.j2",
        title=f"{report.problem_set}: report",
        report=report,
        now=now(),
        tiles=_tiles(report, scores),
        histogram=charts.histogram(scores, report.max_score) if scores else "",
        unread=sum("written answer" in row.why for row in report.graded()),
        figures=check_figures(report),
        weak=WEAK,
        hints=hints[:MANY],
        more_hints=len(hints) - MANY,
        why_no_hints=_why_no_hints(report),
        people=sorted(
            filter(lambda row: row.why, report.rows),
            key=lambda row: (row.why == ["written answer"], row.student),
        ),
        missing=report.missing(),
        compared=[(one, Figures.of(one.percents())) for one in (*report.earlier, report)],
        before=defaultdict(lambda: None, report.before()),
        fall=FALL,
        duration=duration,
        bar=charts.bar,
        links_of=lambda row: _links(row, report, course),
        number=number,
        seconds=charts.seconds,
        memory=charts.memory,
    )


def _tiles(report: Report, scores: Sequence[float]) -> Iterator[tuple[str, object]]:
    """Yield names and values of the numbers at the top of the page."""
    states = Counter(row.status for row in report.rows)
    yield "students", len(report.rows)
    for status in ("graded", "unreadable", "missing"):
        yield status, states[status]
    yield "need a person", sum(bool(row.why) for row in report.rows)
    if scores:
        yield "mean score", f"{statistics.mean(scores):.1f} of {number(report.max_score)}"
        yield "median score", f"{statistics.median(scores):.1f}"


def _why_no_hints(report: Report) -> str:
    """Explain why the list of hints is empty."""
    if not report.graded():
        return "Nothing is graded yet."
    short = sum(
        any((row.points.get(test) or 0.0) < report.max_points[test] for test in report.tests)
        for row in report.graded()
    )
    if not short:
        return "Every check has passed in every submission."
    return (
        f"No check has run and failed, but {short} of {len(report.graded())} submissions lack "
        "points: what is checked was not written, or its tests did not run."
    )


def _links(row: Row, report: Report, course: Course) -> Iterator[tuple[str, str]]:
    """Yield names and links of the autograded notebook, the page and the submission."""
    name = report.problem_set
    targets = {
        "notebook": course.notebook("autograded", row.student, name),
        "feedback": course.feedback(row.student, name),
    }
    if row.status == "unreadable":
        targets["handed in"] = course.notebook("submitted", row.student, name)
    for what, path in targets.items():
        if os.path.lexists(path):
            yield what, quote(os.path.relpath(path, course.reports).replace(os.sep, "/"))


def now() -> str:
    """Return the current local date and time as text, with the time zone."""
    return datetime.datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z")
