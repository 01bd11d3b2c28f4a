"""The report as one HTML file: no script, font or picture from elsewhere; charts are inline SVG.

Every chart has a title and a sentence that says what it shows, and its numbers stand in a table,
too. Whatever a student chose, a name or a message, is escaped.
"""

from __future__ import annotations

import html
import math
import os
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np

from utils.grading.course.settings import Course
from utils.grading.reports.feedback import COLOURS, prose
from utils.grading.reports.report import Report, Row, now, number

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#767676"  # told apart by the colour-blind, too
MANY = 15  # hints that are listed
WEAK = 0.2  # a check that separates less is worth a look

PASSED, FAILED = "passed", "failed"


# Numbers ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CheckFigures:
    """How a check did over the class.

    Attributes:
        test: grade id of its test cell.
        name: the check's name.
        points: what it is worth.
        hidden: students see only its name and hint.
        tried: students whose work it was run on.
        share: of these, how many passed, 0 to 1.
        separation: correlation of passing it with the points of all other checks, -1 to 1; None
            where all or none passed, or fewer than three tried.
    """

    test: str
    name: str
    points: float
    hidden: bool
    tried: int
    share: float
    separation: float | None


def check_figures(report: Report) -> list[CheckFigures]:
    """Return the figures of every check, in the notebook's order.

    A test cell without named checks counts as one check, passed with all its points.
    """
    results: dict[tuple[str, str], dict[str, tuple[bool, float, bool]]] = {}
    totals = {}
    for row in report.graded():
        totals[row.student] = sum(row.points.get(test) or 0.0 for test in report.tests)
        for test in report.tests:
            for name, passed, points, hidden in _results(row, test, report.most[test]):
                results.setdefault((test, name), {})[row.student] = passed, points, hidden
    place = {test: number for number, test in enumerate(report.tests)}
    figures = []
    for (test, name), by_student in sorted(results.items(), key=lambda item: place[item[0][0]]):
        passed = np.array([p for p, _, _ in by_student.values()], dtype=float)
        worth = np.array([points for _, points, _ in by_student.values()])
        total = np.array([totals[student] for student in by_student])
        _, points, hidden = next(iter(by_student.values()))
        figures.append(
            CheckFigures(
                test,
                name,
                points,
                hidden,
                len(passed),
                float(passed.mean()),
                _correlation(passed, total - passed * worth),
            )
        )
    return figures


def _results(row: Row, test: str, most: float) -> list[tuple[str, bool, float, bool]]:
    checks = row.checks.get(test)
    if checks:
        return [(c["name"], c["state"] == PASSED, c["points"], c["hidden"]) for c in checks]
    return [(test, (row.points.get(test) or 0.0) >= most, most, False)]


def _correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return None
    return float(np.corrcoef(a, b)[0, 1])


def common_hints(report: Report) -> list[tuple[int, str, str, str]]:
    """Return (students, hint, test, check) of checks that failed, the most common first.

    Checks that failed for one cause count as one.
    """
    students: dict[tuple[str, str, str], set[str]] = {}
    for row in report.graded():
        for test, checks in row.checks.items():
            for check in checks:
                if check["state"] == FAILED and check["hint"]:
                    name = "several checks" if check.get("same_cause") else check["name"]
                    key = check["hint"], test, name
                    students.setdefault(key, set()).add(row.student)
    counted = [(len(found), *key) for key, found in students.items()]
    return sorted(counted, key=lambda item: (-item[0], item[2], item[3]))


# The page ---------------------------------------------------------------------------------------


def page(report: Report, course: Course) -> str:
    """Return the report as a self-contained HTML page.

    Args:
        report: what it shows.
        course: where the notebooks are, for links relative to the course's folder of reports.
    """
    title = f"{_text(report.problem_set)}: report"
    sections = [
        _overview(report),
        _scores(report),
        _checks(report),
        _hints(report),
        _people(report, course),
        _costs(report),
        _everyone(report, course),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{COLOURS}{STYLE}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{title}</h1>\n{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def _overview(report: Report) -> str:
    states = Counter(row.status for row in report.rows)
    waiting = sum(bool(row.why) for row in report.rows)
    scores = [row.score for row in report.graded()]
    items = [
        ("students", len(report.rows)),
        ("graded", states["graded"]),
        ("unreadable", states["unreadable"]),
        ("missing", states["missing"]),
        ("need a person", waiting),
    ]
    if scores:
        items += [
            ("mean score", f"{statistics.mean(scores):.1f} of {number(report.max_score)}"),
            ("median score", f"{statistics.median(scores):.1f}"),
        ]
    tiles = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in items)
    return f"<p>Written {_text(now())}.</p><dl class='tiles'>{tiles}</dl>"


def _scores(report: Report) -> str:
    scores = [row.score for row in report.graded()]
    if not scores:
        return _section("Scores", "<p>Nothing is graded yet.</p>")
    unread = sum("written answer" in row.why for row in report.graded())
    note = (
        f"<p>{unread} {'submission holds' if unread == 1 else 'submissions hold'} answers that a "
        "person has still to read; these can only add points.</p>"
        if unread
        else ""
    )
    return _section("Scores", histogram(scores, report.max_score) + note)


def _checks(report: Report) -> str:
    figures = check_figures(report)
    if not figures:
        return _section("Checks", "<p>No check has run yet.</p>")
    rows, test = [], ""
    for figure in figures:
        if figure.test != test:
            test = figure.test
            rows.append(f'<tr><th scope="rowgroup" colspan="5">{_text(test)}</th></tr>')
        separates = "–" if figure.separation is None else f"{figure.separation:.2f}"
        weak = figure.separation is not None and figure.separation < WEAK
        rows.append(
            f"<tr><td>{_text(figure.name)}{' (hidden)' if figure.hidden else ''}</td>"
            f'<td class="n">{number(figure.points)}</td>'
            f'<td class="n">{figure.share:.0%}</td><td>{_bar(figure)}</td>'
            f'<td class="n">{separates}{" ⚠" if weak else ""}</td></tr>'
        )
    hardest = min(figures, key=lambda figure: figure.share)
    text = (
        f"<p>The hardest check is “{_text(hardest.name)}” ({_text(hardest.test)}): "
        f"{hardest.share:.0%} pass it. <em>Separation</em> is the correlation between passing a "
        "check and the points of all other checks: near 1, those who pass it do well elsewhere; "
        f"below {WEAK} (⚠) it does not tell strong from weak work, so have a look at the check. "
        "There is none (–) where all or nobody passed.</p>"
    )
    heads = ("check", "points", "passed", "", "separation")
    return _section("Checks", text + _table(heads, rows))


def _bar(figure: CheckFigures) -> str:
    width = 120
    alt = f"{figure.share:.0%} of {figure.tried} students passed “{figure.name}”."
    return (
        f'<svg class="bar" role="img" aria-label="{_text(alt)}" width="{width}" height="12">'
        f"<title>{_text(alt)}</title>"
        f'<rect width="{width}" height="12" style="fill:var(--line)"/>'
        f'<rect width="{width * figure.share:.1f}" height="12" fill="{BLUE}"/></svg>'
    )


def _hints(report: Report) -> str:
    hints = common_hints(report)
    if not hints:
        return _section("Most common hints", f"<p>{_without_hints(report)}</p>")
    rows = [
        f'<tr><td class="n">{count}</td><td class="long">{prose(hint)}</td>'
        f"<td>{_text(name)}</td><td><code>{_text(test)}</code></td></tr>"
        for count, hint, test, name in hints[:MANY]
    ]
    rest = len(hints) - MANY
    more = f"<p>{rest} more, each seen by fewer students.</p>" if rest > 0 else ""
    return _section(
        "Most common hints", _table(("students", "hint", "check", "test cell"), rows) + more
    )


def _without_hints(report: Report) -> str:
    """Return why no check of any submission gives a hint."""
    if not report.graded():
        return "Nothing is graded yet."
    short = sum(
        any((row.points.get(test) or 0.0) < report.most[test] for test in report.tests)
        for row in report.graded()
    )
    if not short:
        return "Every check has passed in every submission."
    return (
        f"No check has run and failed, but {short} of {len(report.graded())} submissions lack "
        "points: what is checked was not written, or its tests did not run."
    )


def _people(report: Report, course: Course) -> str:
    rows = [
        f'<tr><td class="id">{_name(row.student)}</td><td>{_why(row)}</td>'
        f'<td class="long">{prose("; ".join(row.notes))}</td>'
        f'<td class="links">{_links(row, report, course)}</td></tr>'
        for row in sorted(report.rows, key=lambda row: (row.why == ["written answer"], row.student))
        if row.why
    ]
    if not rows:
        return _section("For a person to look at", "<p>Nothing.</p>")
    text = (
        "<p><em>Written answer</em>: it is graded in the formgrader. <em>Test cell</em>: a person "
        "gave its points, and the work has changed since; look at them again in the formgrader. "
        "<em>Stopped</em>: the submission took "
        "too long or too much, and lost the checks that it did not come to. <em>Repaired</em>: "
        "cells of the course had been changed and were put back.</p>"
    )
    return _section(
        f"For a person to look at ({len(rows)})",
        text + _table(("student", "why", "notes", "files"), rows),
    )


def _why(row: Row) -> str:
    return ", ".join(
        f'<span class="tag{" answer" if why == "written answer" else ""}">{_text(why)}</span>'
        for why in row.why
    )


def _costs(report: Report) -> str:
    measured = [row for row in report.graded() if row.seconds is not None]
    if not measured:
        return ""
    slowest = max(measured, key=lambda row: row.seconds)
    largest = max(measured, key=lambda row: row.memory_bytes)
    text = (
        f"<p>The slowest submission took {_seconds(slowest.seconds)} ({_name(slowest.student)}); "
        f"the largest used {_memory(largest.memory_bytes)} ({_name(largest.student)}).</p>"
    )
    return _section("Time and memory", text + scatter(measured))


def _everyone(report: Report, course: Course) -> str:
    rows = []
    for row in report.rows:
        score = "" if row.score is None else f"{number(row.score)} / {number(report.max_score)}"
        measured = row.status == "graded" and row.seconds is not None
        seconds = _seconds(row.seconds) if measured else ""
        memory = _memory(row.memory_bytes) if measured else ""
        rows.append(
            f'<tr><td class="id">{_name(row.student)}</td><td>{row.status}</td>'
            f'<td class="n">{score}</td><td class="n">{seconds}</td><td class="n">{memory}</td>'
            f'<td class="links">{_links(row, report, course)}</td></tr>'
        )
    heads = ("student", "status", "score", "time", "memory", "files")
    return _section("All submissions", _table(heads, rows))


def _links(row: Row, report: Report, course: Course) -> str:
    """Return links to the autograded notebook, the student's page and what was handed in."""
    name = report.problem_set
    targets: list[tuple[str, Path]] = [
        ("notebook", course.notebook("autograded", row.student, name)),
        ("feedback", course.feedback(row.student, name)),
    ]
    if row.status == "unreadable":
        targets.append(("handed in", course.notebook("submitted", row.student, name)))
    return " · ".join(
        f'<a href="{_text(quote(os.path.relpath(path, course.reports).replace(os.sep, "/")))}">'
        f"{what}</a>"
        for what, path in targets
        if os.path.lexists(path)
    )


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n{content}\n</section>\n"


NUMBERS = ("points", "passed", "separation", "students", "score", "time", "memory")


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    """Return a table; numbers and what stands above them are set to the right."""
    head = "".join(
        f'<th scope="col"{" class=n" if name in NUMBERS else ""}>{name}</th>' for name in heads
    )
    return (
        f'<div class="wide"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _text(text: str) -> str:
    return html.escape(text)


def _name(text: str) -> str:
    """Return what a person chose, set apart: it may be written from right to left."""
    return f"<bdi>{html.escape(text)}</bdi>"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _memory(size: float) -> str:
    return f"{size / 2**20:.0f} MB"


# Charts -----------------------------------------------------------------------------------------


def histogram(scores: Sequence[float], most: float) -> str:
    """Return the distribution of scores as SVG.

    Args:
        scores: of all who have one.
        most: points that can be earned.
    """
    width = next(w for w in (1, 2, 5, 10, 20, 50, 100, math.inf) if most / w <= 20)
    bins = max(1, math.ceil(most / width))
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, max(0, int(score // width)))] += 1
    highest = max(counts)
    fullest = counts.index(highest)
    low, high = fullest * width, min(most, (fullest + 1) * width)
    median = statistics.median(scores)
    alt = (
        f"Scores of {len(scores)} students: the median is {median:.1f} of {number(most)} points, "
        f"and the highest bar, {number(low)} to {number(high)} points, stands for {highest}."
    )
    left, top, tall, wide = 40, 20, 180, 640
    step = wide / bins
    middle = left + wide * min(median, most) / (bins * width)
    parts, ends = [], [float(top)]  # of the median's line, which no number stands in
    for index, count in enumerate(counts):
        height = tall * count / highest
        x, y = left + index * step, top + tall - height
        parts.append(
            f'<rect x="{x + 1:.1f}" y="{y:.1f}" width="{step - 2:.1f}" height="{height:.1f}" '
            f'fill="{BLUE}"/>'
        )
        if count:
            parts.append(_label(x + step / 2, y - 2, str(count)))
            if abs(x + step / 2 - middle) < 4 * len(str(count)) + 2:
                ends += [max(top, y - 14), y]
        parts.append(_label(x, top + tall + 14, number(index * width)))
    parts.append(_label(left + wide, top + tall + 14, number(most)))
    ends.append(float(top + tall))
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        if end > start:
            parts.append(
                f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{start:.1f}" y2="{end:.1f}" '
                f'stroke="{ORANGE}" stroke-width="2" stroke-dasharray="5 3"/>'
            )
    parts.append(_label(left + wide / 2, top + tall + 32, "points (dashed: the median)"))
    return _svg(left + wide + 20, top + tall + 40, "Distribution of scores", alt, parts)


def scatter(rows: Sequence[Row]) -> str:
    """Return time against memory of each submission as SVG, both on logarithmic axes."""
    times = [max(row.seconds, 1e-3) for row in rows]
    sizes = [max(row.memory_bytes, 2**20) / 2**20 for row in rows]
    stopped = ["stopped" in row.why for row in rows]
    left, tall, wide = 60, 220, 600
    across, down = _logarithmic(times, left, left + wide), _logarithmic(sizes, tall + 10, 10)
    parts = [
        f'<rect x="{left}" y="10" width="{wide}" height="{tall}" fill="none" stroke="{GREY}"/>'
    ]
    for value, at in across[1]:
        parts.append(_label(at, tall + 26, _seconds(value)))
    for value, at in down[1]:
        parts.append(_label(left - 6, at + 4, f"{number(value)} MB", "end"))
    for row, time, size, ended in zip(rows, times, sizes, stopped, strict=True):
        x, y = across[0](time), down[0](size)
        name = _text(f"{row.student}: {_seconds(row.seconds)}, {_memory(row.memory_bytes)}")
        mark = (
            f'<path d="M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8" stroke="{ORANGE}" stroke-width="2">'
            f"<title>{name}, stopped</title></path>"
            if ended
            else f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{BLUE}" fill-opacity="0.5">'
            f"<title>{name}</title></circle>"
        )
        parts.append(mark)
    parts.append(_label(left + wide / 2, tall + 44, "time (● ran to its end, × stopped)"))
    alt = (
        f"Time and memory of {len(rows)} submissions: half of them took less than "
        f"{_seconds(statistics.median(times))} and {number(round(statistics.median(sizes)))} MB; "
        f"{sum(stopped)} {'was' if sum(stopped) == 1 else 'were'} stopped."
    )
    return _svg(left + wide + 20, tall + 54, "Time and memory of each submission", alt, parts)


def _logarithmic(
    values: Sequence[float], start: float, end: float
) -> tuple[Callable[[float], float], list[tuple[float, float]]]:
    """Return a logarithmic axis: where a value lies, and its ticks with their places."""
    low, high = math.log10(min(values)), math.log10(max(values))
    margin = max(0.1, 0.4 - (high - low) / 2)  # wide enough for two ticks
    low, high = low - margin, high + margin

    def place(value: float) -> float:
        return start + (end - start) * (math.log10(value) - low) / (high - low)

    steps = (1, 2, 5) if high - low < 3 else (1,)
    ticks = [s * 10.0**e for e in range(math.floor(low), math.ceil(high) + 1) for s in steps]
    return place, [(tick, place(tick)) for tick in ticks if low <= math.log10(tick) <= high]


def _label(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{_text(text)}</text>'


def _svg(width: float, height: float, title: str, alt: str, parts: Sequence[str]) -> str:
    return (
        f'<figure><div class="wide"><svg role="img" aria-label="{_text(alt)}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{_text(title)}</title><desc>{_text(alt)}</desc>{''.join(parts)}</svg></div>"
        f"<figcaption>{_text(alt)}</figcaption></figure>"
    )


STYLE = """
main{max-width:64rem;margin:0 auto;padding:1rem}
h2{margin-top:2rem;border-bottom:2px solid #0072b2}
.tiles{display:flex;flex-wrap:wrap;gap:.6rem;margin:0}
.tiles div{border:1px solid var(--line);padding:.4rem .8rem}
.tiles dt{font-size:.85rem;color:var(--soft)}
.tiles dd{margin:0;font-size:1.3rem;font-weight:600}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0}
th,td{border-bottom:1px solid var(--line)}
th[scope=rowgroup]{padding-top:.8rem}
.n{text-align:right;white-space:nowrap}
h1,p,figcaption,.id,.long{overflow-wrap:anywhere}
.id{min-width:6rem;max-width:20rem}
.long{min-width:12rem}
.links{white-space:nowrap}
.wide{overflow-x:auto}
.tag{white-space:nowrap;border:1px solid #d55e00;padding:0 .3rem}
.tag.answer{border:0;padding:0}
figure{margin:0}
figcaption{color:var(--soft)}
figure svg{max-width:100%;min-width:34rem;height:auto}
svg.bar{min-width:120px}
svg text{font:12px system-ui,sans-serif;fill:var(--ink)}
@media print{.wide{overflow:visible}figure svg{min-width:0}section{break-inside:avoid-page}}
"""
