"""The report's charts as inline SVG, each with a title and a sentence that says what it shows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from markupsafe import Markup

from utils.grading.reports.item_analysis import CheckFigures
from utils.grading.reports.report_data import number
from utils.grading.text_files import counted

BLUE, ORANGE = "#0072b2", "#d55e00"  # distinguishable with colour blindness


def histogram(scores: Sequence[float], max_points: float, unit: str = "points") -> Markup:
    """Return the distribution of scores as SVG.

    Args:
        scores: the scores of all students who have one.
        max_points: the maximum score.
        unit: the unit of the scores.
    """
    width = next(w for w in (1, 2, 5, 10, 20, 50, 100, math.inf) if max_points / w <= 20)
    bins = max(1, math.ceil(max_points / width))
    counts = [0] * bins
    for score in scores:
        counts[min(bins - 1, max(0, int(score // width)))] += 1
    highest = max(counts)
    fullest = counts.index(highest)
    low, high = fullest * width, min(max_points, (fullest + 1) * width)
    median = statistics.median(scores)
    of = f" of {number(max_points)}" if unit == "points" else ""
    students = counted(len(scores), "student")
    alt = (
        f"Scores of {students}: the median is {median:.1f}{of} {unit}, "
        f"and the highest bar, {number(low)} to {number(high)} {unit}, has {highest}."
    )
    left, top, tall, wide = 40, 20, 180, 640
    step = wide / bins
    middle = left + wide * min(median, max_points) / (bins * width)
    bars, labels = [], []
    for index, count in enumerate(counts):
        height = tall * count / highest
        x, y = left + index * step, top + tall - height
        bars.append(_svg("rect", x=x + 1, y=y, width=step - 2, height=height, fill=BLUE))
        if count:
            labels.append(_label(x + step / 2, y - 2, str(count)))
        labels.append(_label(x, top + tall + 14, number(index * width)))
    labels.append(_label(left + wide, top + tall + 14, number(max_points)))
    labels.append(_label(left + wide / 2, top + tall + 32, f"{unit} (dashed: the median)"))
    dashes = {"stroke": ORANGE, "stroke_width": 2, "stroke_dasharray": "5 3"}
    bars.append(_svg("line", x1=middle, x2=middle, y1=top, y2=top + tall, **dashes))
    parts = [*bars, *labels]
    return _figure(left + wide + 20, top + tall + 40, "Distribution of scores", alt, parts)


def _label(x: float, y: float, text: str, anchor: str = "middle") -> Markup:
    return _svg("text", text, x=x, y=y, text_anchor=anchor)


def _figure(width: float, height: float, title: str, alt: str, parts: Sequence[Markup]) -> Markup:
    """Return a chart with a sentence below it.

    Args:
        width, height: in pixels.
        title: its title.
        alt: a sentence that says what it shows.
        parts: its elements.
    """
    chart = _svg(
        "svg", _svg("title", title), _svg("desc", alt), *parts, role="img", aria_label=alt,
        viewBox=f"0 0 {width:.0f} {height:.0f}", width=f"{width:.0f}",
        xmlns="http://www.w3.org/2000/svg",
    )  # fmt: skip
    wide = Markup('<div class="wide">{}</div>').format(chart)
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(wide, alt)


def _svg(tag: str, *content: str, **attributes: object) -> Markup:
    """Return an SVG element with escaped text and attributes."""
    shown = Markup("").join(
        Markup(' {}="{}"').format(
            name.replace("_", "-"),
            f"{value:.1f}" if isinstance(value, float) else value,
        )
        for name, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, shown, Markup("").join(content))


def bar(figure: CheckFigures) -> Markup:
    """Return a bar whose length is the share of students who passed a check."""
    width, alt = 120, f"{figure.share:.0%} of {figure.tried} students passed “{figure.name}”."
    return _svg(
        "svg",
        _svg("title", alt),
        _svg("rect", width=width, height=12, style="fill:var(--line)"),
        _svg("rect", width=width * figure.share, height=12, fill=BLUE),
        **{"class": "bar", "role": "img", "aria-label": alt, "width": width, "height": 12},
    )


def seconds(value: float) -> str:
    """Format a time given in seconds, such as "12 ms" or "3.4 s"."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def memory(size: float) -> str:
    """Format a number of bytes, such as "120 MB"."""
    return f"{size / 2**20:.0f} MB"
