"""Expressions as computational graphs: draw one, step forward and back.

The numbers of a graph are objects of a scalar engine, such as the `Value` of lecture 10. Each has

    value   its number
    inputs  the objects from which it was computed, () for a given number
    local   its derivative with respect to each input
    sign    the operation, such as "+"
    grad    the gradient of the last number with respect to it
    hand_back()  adds grad * local to the grad of each input
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from utils.expressions import ExpressionError, listed, read_expression, read_numbers
from utils.plots import BLUE, GREY, VERMILLION, YELLOW


def read_graph(
    expression: str,
    numbers: str,
    functions: Mapping[str, Callable],
    new: Callable[[float], Any],
    in_order: Callable[[Any], list],
) -> tuple[list, dict[str, Any]]:
    """Return the graph of a typed expression: its objects in order, and those with a name.

    Args:
        expression: see `read_expression`.
        numbers: see `read_numbers`.
        functions: what may be called, by name.
        new: makes an object of the engine from a number.
        in_order: returns all objects that lead to the last one, inputs first.

    Raises:
        ExpressionError: a text cannot be read, or a number or gradient became too large.
    """
    names = {name: new(number) for name, number in read_numbers(numbers).items()}
    taken = names.keys() & functions.keys()
    if taken:
        raise ExpressionError(f"The name {min(taken)} is that of a function. Choose another name.")
    order = in_order(read_expression(expression, names, functions, new))
    _walk_back(order, len(order))
    if not all(math.isfinite(v.value) and math.isfinite(v.grad) for v in order):
        raise ExpressionError("A number of this graph is too large. Choose smaller numbers.")
    return order, names


# Stepping -------------------------------------------------------------------------------------


def last_step(order: Sequence[Any]) -> int:
    """Return the number of the last step: n operations forward, the start, n operations back."""
    return 2 * len(_gates(order)) + 1


def draw_step(order: Sequence[Any], names: Mapping[str, Any], step: int) -> tuple[Figure, str]:
    """Draw a graph after a step, and say what happened in this step.

    Steps 1..n compute the n operations. Step n + 1 sets the gradient of the result to 1. Then each
    operation, from the last to the first, hands gradients back to its inputs.

    Args:
        order: the objects of the graph, inputs first.
        names: the objects that have a name.
        step: from 0, where only given numbers are known; larger than `last_step` counts as that.

    Returns:
        The figure and a sentence.
    """
    gates = _gates(order)
    n, step = len(gates), min(step, last_step(order))
    back = gates[::-1][: max(0, step - n - 1)]
    handing = back[-1] if back else None
    _walk_back(order, len(back))
    known = {id(v) for v in order if not v.inputs} | {id(v) for v in gates[:step]}
    reached = {id(i) for v in back for i in v.inputs} | ({id(order[-1])} if step > n else set())
    waiting = {id(i) for v in gates if v not in back for i in v.inputs}
    current = gates[step - 1] if 1 <= step <= n else order[-1] if step == n + 1 else handing
    fig = _draw(order, names, known, reached, waiting, current)
    return fig, _sentence(order, names, step, current)


def draw_graph(order: Sequence[Any], names: Mapping[str, Any]) -> Figure:
    """Draw a graph with all its numbers and gradients; see `draw_step` for the arguments."""
    _walk_back(order, len(order))
    everything = {id(v) for v in order}
    return _draw(order, names, everything, everything, set(), None)


def draw_unreadable(text: str) -> Figure:
    """Return a figure for a text that has no graph: its beginning and a question mark."""
    beginning = "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:40])
    fig, ax = plt.subplots(figsize=(9, 1.8))
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 16, "parse_math": False}
    ax.text(0.5, 0.5, f"{beginning}   ?", **style)
    ax.axis("off")
    return fig


def _gates(order: Sequence[Any]) -> list:
    """Return the objects that were computed."""
    return [v for v in order if v.inputs]


def _walk_back(order: Sequence[Any], operations: int) -> None:
    """Set all gradients as they are when this many operations have handed theirs back."""
    for v in order:
        v.grad = 0.0
    order[-1].grad = 1.0
    for v in _gates(order)[::-1][:operations]:
        v.hand_back()


def _sentence(order: Sequence[Any], names: Mapping[str, Any], step: int, v: Any) -> str:
    """Return what a step did, in words."""
    n = len(_gates(order))
    labels = _labels(order, names)
    if step == 0:
        given = [f"{labels[id(v)]} = {v.value:.4g}" for v in order if id(v) in _named(names)]
        return f"Step 0: only the given numbers are known{': ' if given else ''}{', '.join(given)}."
    if step == n + 1:
        return f"Step {step}: the gradient of the result {v.value:.4g} with respect to itself is 1."
    if step <= n:
        taken = listed([f"{i.value:.4g}" for i in v.inputs])
        return f"Step {step}, forward: {v.sign} takes {taken} and gives {v.value:.4g}."
    handed = [
        f"{v.grad:.4g} × {slope:.4g} = {v.grad * slope:.4g} to {labels[id(i)]}"
        for i, slope in zip(v.inputs, v.local, strict=True)
    ]
    return (
        f"Step {step}, backward: {v.sign} has the upstream gradient {v.grad:.4g} and hands "
        f"{listed(handed)}."
    )


def _named(names: Mapping[str, Any]) -> dict[int, str]:
    return {id(v): name for name, v in names.items()}


def _labels(order: Sequence[Any], names: Mapping[str, Any]) -> dict[int, str]:
    """Return what each object is called in a sentence."""
    named = _named(names)
    return {id(v): named.get(id(v), v.sign if v.inputs else f"the {v.value:.4g}") for v in order}


# Drawing --------------------------------------------------------------------------------------


def _draw(
    order: Sequence[Any],
    names: Mapping[str, Any],
    known: set[int],
    reached: set[int],
    waiting: set[int],
    current: Any,
) -> Figure:
    """Draw each object as a box: its name or operation, its number, its gradient so far."""
    columns, edges = _columns(order)
    heights = _heights(columns, edges)
    tallest = max(len(column) for column in columns)
    size = (9.0, max(1.8, 0.86 * tallest + 0.25))
    fig = plt.figure(figsize=size, layout="none")
    half = (len(columns) - 1) / 2
    spread = max(max(abs(height) for height in heights.values()), (tallest - 1) / 2)
    limits: dict[str, Any] = {
        "xlim": (-half - 0.55, half + 0.55),
        "ylim": (-spread - 0.6, spread + 0.6),
    }
    ax = fig.add_axes((0, 0, 1, 1), **limits)
    ax.axis("off")
    place = {node: (k - half, heights[node]) for k, column in enumerate(columns) for node in column}
    named, half_boxes = _named(names), {}
    font = 13 if len(columns) <= 6 else 11
    line = 1.22 * font / 72 * (2 * spread + 1.2) / size[1]  # the height of a line of text
    for v in order:
        x, y = place[id(v)]
        face = YELLOW if v is current else "white"
        number = f"{v.value:.4g}" if id(v) in known else " "
        more = " …" if id(v) in waiting else ""
        slope = f"← {v.grad:.4g}{more}" if id(v) in reached else " "
        title = named.get(id(v), v.sign if v.inputs else " ")
        width = (0.62 * max(len(number), len(slope), 4) + 0.6) * font / 72 / 9 * (2 * half + 1.1)
        half_boxes[id(v)] = width / 2, 1.75 * line
        corner = x - width / 2, y - 1.75 * line
        box = Rectangle(corner, width, 3.5 * line, facecolor=face, edgecolor="black", zorder=3)
        ax.add_patch(box)
        look: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": font, "zorder": 4}
        ax.text(x, y + line, title, weight="bold", **look)
        ax.text(x, y, number, color=BLUE, **look)
        ax.text(x, y - line, slope, color=VERMILLION, **look)
    for path in edges:
        apart = 0.18 * (edges.count(path) > 1)  # x * x: two lines side by side
        for shift in (apart, -apart) if apart else (0.0,):
            points = [(x, y + shift) for x, y in (place[node] for node in path)]
            _draw_edge(ax, points, half_boxes[path[-1]])
    return fig


def _draw_edge(ax: Axes, points: list[tuple[float, float]], half_box: tuple[float, float]) -> None:
    """Draw a line through points that ends in an arrow at the border of the last box."""
    (x0, y0), (x1, y1) = points[-2:]
    dx, dy = x1 - x0, y1 - y0
    inside = min(half_box[0] / dx, half_box[1] / abs(dy) if dy else 1.0)
    points = [*points[:-1], (x1 - inside * dx, y1 - inside * dy)]
    for start, end in zip(points[:-2], points[1:-1], strict=True):
        ax.plot(*zip(start, end, strict=True), "-", color=GREY, linewidth=1.6, zorder=1)
    arrow = {"arrowstyle": "-|>", "color": GREY, "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", points[-1], points[-2], arrowprops=arrow, zorder=1)


def _columns(order: Sequence[Any]) -> tuple[list[list], list[list]]:
    """Return the nodes of each column, from left to right, and the nodes along each edge.

    An operation stands one column to the right of its last input, a given number one column to
    the left of its first use. An edge that skips columns gets a node of its own in each of them,
    so that it has room there.
    """
    column: dict[int, int] = {}
    for v in order:
        column[id(v)] = 1 + max((column[id(i)] for i in v.inputs), default=-1)
    for v in order:
        if not v.inputs:
            users = [column[id(u)] for u in order if v in u.inputs]
            column[id(v)] = min(users, default=1) - 1
    columns: list[list] = [[] for _ in range(1 + max(column.values()))]
    edges = []
    for v in order:
        columns[column[id(v)]].append(id(v))
        for i in v.inputs:
            between = [(id(i), id(v), c) for c in range(column[id(i)] + 1, column[id(v)])]
            for node in between:
                columns[node[2]].append(node)
            edges.append([id(i), *between, id(v)])
    return columns, edges


def _heights(columns: list[list], edges: list[list]) -> dict[Any, float]:
    """Return the height of each node, at least 1 from its neighbours in the column.

    Again and again each node moves to the mean of the nodes it is connected with.
    """
    neighbours: dict[Any, list] = {node: [] for column in columns for node in column}
    for path in edges:
        for a, b in zip(path[:-1], path[1:], strict=True):
            neighbours[a].append(b)
            neighbours[b].append(a)
    height = {
        node: (len(column) - 1) / 2 - k for column in columns for k, node in enumerate(column)
    }
    for _ in range(24):
        for column in columns:
            wanted = {
                node: sum(height[n] for n in neighbours[node]) / len(neighbours[node])
                if neighbours[node]
                else 0.0
                for node in column
            }
            column.sort(key=lambda node: -wanted[node])
            placed: list[float] = []
            for node in column:
                placed.append(min(wanted[node], placed[-1] - 1) if placed else wanted[node])
            shift = sum(wanted[node] for node in column) / len(column) - sum(placed) / len(column)
            for node, at in zip(column, placed, strict=True):
                height[node] = at + shift
    middle = (max(height.values()) + min(height.values())) / 2
    return {node: at - middle for node, at in height.items()}
