"""The report's charts as inline SVG, each with a title and a sentence that says what it shows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from markupsafe import Markup

from utils.grading.reports.item_analysis import CheckFigures
from utils.grading.reports.report_data import Row, number

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#767676"  # told apart by the colour-blind, too


def histogram(scores: Sequence[float], max_points: float, unit: str = "points") -> Markup:
    """Return the distribution of scores as SVG.

    Args:
        scores: of all who have one.
        max_points: points that can be earned.
        unit: what is counted.
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
    students = "1 student" if len(scores) == 1 else f"{len(scores)} students"
    alt = (
        f"Scores of {students}: the median is {median:.1f}{of} {unit}, "
        f"and the highest bar, {number(low)} to {number(high)} {unit}, has {highest}."
    )
    left, top, tall, wide = 40, 20, 180, 640
    step = wide / bins
    middle = left + wide * min(median, max_points) / (bins * width)
    parts: list[Markup] = []
    ends = [float(top)]  # of the median's dashes, which leave room for numbers
    for index, count in enumerate(counts):
        height = tall * count / highest
        x, y = left + index * step, top + tall - height
        parts.append(_svg("rect", x=x + 1, y=y, width=step - 2, height=height, fill=BLUE))
        if count:
            parts.append(_label(x + step / 2, y - 2, str(count)))
            if abs(x + step / 2 - middle) < 4 * len(str(count)) + 2:
                ends += [max(top, y - 14), y]
        parts.append(_label(x, top + tall + 14, number(index * width)))
    parts.append(_label(left + wide, top + tall + 14, number(max_points)))
    ends.append(float(top + tall))
    for start, end in zip(ends[::2], ends[1::2], strict=True):
        if end > start:
            parts.append(
                _svg(
                    "line", x1=middle, x2=middle, y1=start, y2=end, stroke=ORANGE,
                    stroke_width=2, stroke_dasharray="5 3",
                )
            )  # fmt: skip
    parts.append(_label(left + wide / 2, top + tall + 32, f"{unit} (dashed: the median)"))
    return _figure(left + wide + 20, top + tall + 40, "Distribution of scores", alt, parts)


def scatter(measured: Sequence[tuple[Row, float, int]]) -> Markup:
    """Return time against memory of each submission as SVG, both on logarithmic axes.

    Args:
        measured: rows with seconds and bytes.
    """
    times = [max(time, 1e-3) for _, time, _ in measured]
    sizes = [max(size, 2**20) / 2**20 for _, _, size in measured]
    left, tall, wide = 60, 220, 600
    across, down = _logarithmic(times, left, left + wide), _logarithmic(sizes, tall + 10, 10)
    parts = [_svg("rect", x=left, y=10, width=wide, height=tall, fill="none", stroke=GREY)]
    for value, at in across[1]:
        parts.append(_label(at, tall + 26, seconds(value)))
    for value, at in down[1]:
        parts.append(_label(left - 6, at + 4, f"{number(value)} MB", "end"))
    stopped = 0
    for (row, time, memory_bytes), *place in zip(measured, times, sizes, strict=True):
        x, y = (axis[0](value) for axis, value in zip((across, down), place, strict=True))
        name = f"{row.student}: {seconds(time)}, {memory(memory_bytes)}"
        if "stopped" in row.why:
            stopped += 1
            cross = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
            title = _svg("title", f"{name}, stopped")
            parts.append(_svg("path", title, d=cross, stroke=ORANGE, stroke_width=2))
        else:
            title = _svg("title", name)
            parts.append(_svg("circle", title, cx=x, cy=y, r=4, fill=BLUE, fill_opacity="0.5"))
    parts.append(_label(left + wide / 2, tall + 44, "time (● ran to its end, × stopped)"))
    alt = (
        f"Time and memory of {len(measured)} submissions: half of them took less than "
        f"{seconds(statistics.median(times))} and {number(round(statistics.median(sizes)))} MB; "
        f"{stopped} {'was' if stopped == 1 else 'were'} stopped."
    )
    return _figure(left + wide + 20, tall + 54, "Time and memory of each submission", alt, parts)


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


def _label(x: float, y: float, text: str, anchor: str = "middle") -> Markup:
    return _svg("text", text, x=x, y=y, text_anchor=anchor)


def _figure(width: float, height: float, title: str, alt: str, parts: Sequence[Markup]) -> Markup:
    """Return a chart with a sentence below it.

    Args:
        width, height: in pixels.
        title: of the chart.
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
    """Return an element; its text and its attributes are escaped."""
    shown = Markup("").join(
        Markup(' {}="{}"').format(
            name.replace("_", "-"),
            f"{value:.1f}" if isinstance(value, float) else value,
        )
        for name, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, shown, Markup("").join(content))


def bar(figure: CheckFigures) -> Markup:
    """Return a bar as long as the share of students who passed a check."""
    width, alt = 120, f"{figure.share:.0%} of {figure.tried} students passed “{figure.name}”."
    return _svg(
        "svg",
        _svg("title", alt),
        _svg("rect", width=width, height=12, style="fill:var(--line)"),
        _svg("rect", width=width * figure.share, height=12, fill=BLUE),
        **{"class": "bar", "role": "img", "aria-label": alt, "width": width, "height": 12},
    )


def seconds(value: float) -> str:
    """Return a time as a person reads it."""
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def memory(size: float) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{size / 2**20:.0f} MB"
