"""What the figures of the course have in common: one style, one way to show them, shared drawings.

A lecture draws with Matplotlib and ends with `show(fig, "A full sentence.")`. The
sentence states the finding. It is the caption below the figure, its alternative text, and what a
page without pictures shows.
"""

import math
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray

from utils import pictures
from utils.system import figures_wanted, left_out

# Okabe and Ito's colours by name, for what has a meaning of its own.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW, GREY = "#56B4E9", "#E69F00", "#F0E442", "#6E6E6E"

STYLE = Path(__file__).resolve().parent / "data" / "course.mplstyle"


def use_style() -> None:
    """Draw all later figures in the style of the course."""
    plt.style.use(STYLE)


def show(fig: Figure, sentence: str) -> None:
    """Display a figure with a sentence below it, then close it.

    The output holds the picture twice: as HTML with its caption, and as PNG for PDF and other
    exports. Its plain text is the sentence itself.

    Args:
        fig: the figure.
        sentence: one or more full sentences that state what the figure shows: the finding, not the
            kind of plot. They are the visible caption and the alternative text.

    Raises:
        ValueError: `sentence` is not a sentence.
    """
    if figures_wanted() == "none":
        pictures.check_sentence(sentence)
        plt.close(fig)
        print(left_out(sentence))
        return
    width, height = pictures.page_size(fig)
    data = pictures.committed_png(fig)
    display(
        {
            "image/png": data,
            "text/html": pictures.with_caption(
                pictures.img_tag(data, sentence, width, height), sentence
            ),
            "text/plain": sentence,
        },
        metadata={"image/png": {"alt": sentence, "width": width, "height": height}},
        raw=True,
    )
    plt.close(fig)


def mark_guess(ax: Axes, guess: float | None, axis: str = "x") -> None:
    """Mark in a figure what the reader predicted, see `utils.quiz.Quiz.predict`.

    Args:
        ax: where to draw.
        guess: the predicted number; None, as on a page without a kernel, draws nothing.
        axis: the axis on which the number lies, "x" or "y".
    """
    if guess is None:
        return
    look: dict[str, Any] = {
        "color": PURPLE,
        "linestyle": (0, (2, 2)),
        "linewidth": 2.5,
        "zorder": 5,
    }
    text: dict[str, Any] = {"color": "black", "size": 13, "backgroundcolor": "white", "zorder": 6}
    if axis == "x":
        ax.axvline(guess, **look)
        where, place = (guess, 0.97), ax.get_xaxis_transform()
        ax.text(*where, "your guess", transform=place, ha="center", va="top", **text)
    else:
        ax.axhline(guess, **look)
        where, place = (0.97, guess), ax.get_yaxis_transform()
        ax.text(*where, "your guess", transform=place, ha="right", va="center", **text)


def draw_matrix(
    ax: Axes,
    values: ArrayLike,
    texts: ArrayLike | None = None,
    *,
    largest: float | None = None,
    row_labels: Sequence[str] | None = None,
    column_labels: Sequence[str] | None = None,
) -> None:
    """Draw a matrix as a grid of cells, darker for larger values, each with its text.

    A value that is not finite has no shade: its cell is hatched.

    Args:
        ax: where to draw.
        values: what the shades show, shape (R, C), 0 or more.
        texts: what the cells say, shape (R, C); the values with two decimals if left out.
        largest: the value of the darkest shade; the largest finite value if left out.
        row_labels: R texts at the left; the row numbers if left out.
        column_labels: C texts above; the column numbers if left out.
    """
    values = np.asarray(values, dtype=np.float64)
    if texts is None:
        texts = [[f"{value:.2f}" for value in row] for row in values]
    words = np.asarray(texts, dtype=object)
    finite = np.isfinite(values)
    if largest is None:
        largest = values[finite].max() if finite.any() else 1.0
    rows, columns = values.shape
    ax.imshow(values, cmap="Blues", vmin=0, vmax=largest, aspect="auto")
    for (i, j), value in np.ndenumerate(values):
        dark = finite[i, j] and value > 0.6 * largest
        label = ax.text(
            j, i, str(words[i, j]), ha="center", va="center", color="w" if dark else "k"
        )
        if not finite[i, j]:
            cell = Rectangle((j - 0.5, i - 0.5), 1, 1, zorder=0.2, hatch="//", linewidth=0)
            cell.set(facecolor="white", edgecolor=ORANGE)
            ax.add_patch(cell)
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 2})
    ax.set_xticks(range(columns), column_labels or [str(j) for j in range(columns)])
    ax.set_yticks(range(rows), row_labels or [str(i) for i in range(rows)])
    ax.set_xticks(np.arange(1, columns) - 0.5, minor=True)
    ax.set_yticks(np.arange(1, rows) - 0.5, minor=True)
    ax.grid(False)
    ax.grid(True, which="minor", color="white", linewidth=3)
    ax.tick_params(
        which="both", length=0, top=False, labeltop=True, bottom=False, labelbottom=False
    )
    ax.spines[:].set_visible(False)


# Inference and batches --------------------------------------------------------------------------


def shape_flow(batch_sizes: Sequence[int], layer_sizes: Sequence[int]) -> Figure:
    """Draw how the shapes run through a network, one row for each batch size.

    Args:
        batch_sizes: N of each row; 1 stands for a single image without a batch axis.
        layer_sizes: inputs, units of each hidden layer, classes, such as (784, 50, 100, 10).
    """

    def side(length: int) -> float:
        return 0.25 + 0.35 * math.log10(length)

    fig, axes = plt.subplots(len(batch_sizes), 1, figsize=(9.5, 2.3 * len(batch_sizes)))
    depth = len(layer_sizes) - 1
    for ax, n in zip(np.atleast_1d(axes), batch_sizes, strict=True):
        names = ["x", *(f"z{i}" for i in range(1, depth)), "y"]
        left = 0.0
        for i, (name, width) in enumerate(zip(names, layer_sizes, strict=True)):
            blocks = [(name, n, width, SKY)]
            if i < depth:
                blocks.append((f"W{i + 1}", width, layer_sizes[i + 1], ORANGE))
            for block, rows, columns, colour in blocks:
                corner = (left, -side(rows) / 2)
                ax.add_patch(Rectangle(corner, side(columns), side(rows), color=colour))
                centre = left + side(columns) / 2
                ax.text(centre, 0.78, block, ha="center", weight="bold")
                one = block == name and n == 1
                shape = f"({columns},)" if one else f"({rows}, {columns})"
                ax.text(centre, -0.98, shape, ha="center")
                left += side(columns) + 0.6
                sign = "@" if block == name else "→"
                if block != "y":
                    ax.text(left - 0.3, -0.06, sign, ha="center", size=18)
        ax.set_title("one image" if n == 1 else f"a batch of {n} images", loc="left")
        ax.set(xlim=(-0.25, left - 0.3), ylim=(-1.05, 1.0))
        ax.axis("off")
    return fig


def confusion_figure(counts: NDArray[np.integer]) -> Figure:
    """Draw a confusion matrix: mistakes shaded by their number, right answers left white.

    Args:
        counts: how many images of class i were taken for class j, shape (K, K).
    """
    fig, ax = plt.subplots(figsize=(6.8, 5.8))
    mistakes = counts - np.diag(np.diag(counts))
    ax.imshow(mistakes, cmap="Blues")
    for i, j in np.ndindex(*counts.shape):
        pale = mistakes[i, j] < 0.6 * max(1, mistakes.max())
        ax.text(
            j,
            i,
            str(counts[i, j] or "·"),
            ha="center",
            va="center",
            size=12,
            color="black" if pale else "white",
            weight="bold" if i == j else "normal",
        )
    ticks = range(len(counts))
    ax.set(xlabel="taken for", ylabel="is really", xticks=ticks, yticks=ticks)
    ax.grid(False)
    return fig


def plain_log_ticks(ax: Axes) -> None:
    """Label both logarithmic axes with plain numbers: 1, 2, 5 on y and powers of ten on x."""
    for axis, steps in ((ax.xaxis, (1,)), (ax.yaxis, (1, 2, 5))):
        axis.set_major_locator(LogLocator(subs=steps))
        axis.set_major_formatter("{x:,g}")
        axis.set_minor_formatter(NullFormatter())


def digits_figure(images: ArrayLike, titles: Sequence[str], columns: int = 6) -> Figure:
    """Draw images of 28 x 28 in rows, each under its title.

    Args:
        images: shape (N, 784) or (N, 28, 28).
        titles: N texts.
        columns: images in a row.
    """
    images = np.asarray(images).reshape(-1, 28, 28)
    rows = math.ceil(len(images) / columns)
    fig, axes = plt.subplots(rows, columns, figsize=(1.35 * columns, 1.75 * rows), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, image, title in zip(axes.flat, images, titles, strict=False):
        ax.imshow(image)
        ax.set_title(title, size=13)
    return fig


# Training -----------------------------------------------------------------------------------------


def weight_image(weights: ArrayLike) -> NDArray[np.uint8]:
    """Return 784 weights as a picture: blue where positive, vermillion where negative.

    Args:
        weights: shape (784,). The 0.98 quantile of their sizes gets the full colour.

    Returns:
        RGB, shape (28, 28, 3).
    """
    weights = np.asarray(weights, dtype=np.float64).reshape(28, 28, 1)
    largest = max(np.quantile(np.abs(weights), 0.98), 1e-12)
    share = np.rint(6 * np.clip(weights / largest, -1, 1)) / 6  # (28, 28, 1), few shades
    ends = np.where(share > 0, _rgb(BLUE), _rgb(VERMILLION))  # (28, 28, 3)
    return np.rint(255 + (ends - 255) * np.abs(share)).astype(np.uint8)


def grey_image(pixels: ArrayLike) -> NDArray[np.uint8]:
    """Return 784 grey values in 0..1 as a picture of shape (28, 28, 3)."""
    grey = np.rint(255 * np.asarray(pixels, dtype=np.float64)).astype(np.uint8)
    return np.repeat(grey.reshape(28, 28, 1), 3, axis=2)


def _rgb(colour: str) -> NDArray[np.float64]:
    """Return a colour such as "#0072B2" as three numbers in 0..255."""
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=np.float64)


def network_figure(layer_sizes: Sequence[int], drawn: Sequence[int]) -> Figure:
    """Draw a network as circles and lines: a circle for a number, a line for a weight.

    Args:
        layer_sizes: numbers of inputs, of units of each hidden layer, and of outputs.
        drawn: how many circles to draw of each; dots stand for the others.
    """
    fig, ax = plt.subplots(figsize=(7.5, 3.6))
    last = len(layer_sizes) - 1
    colours = [GREY, *[BLUE] * (last - 1), VERMILLION]
    heights = []
    for i, (size, n) in enumerate(zip(layer_sizes, drawn, strict=True)):
        y = np.linspace(1, -1, n + (n < size))  # one place is left for the dots
        if n < size:
            ax.text(i, y[-2], "⋮", ha="center", va="center", size=22)
            y = np.delete(y, -2)
        heights.append(y)
        name = "pixels" if i == 0 else "outputs" if i == last else "hidden units"
        ax.text(i, 1.14, f"{size} {name}", ha="center", va="bottom")
    for i, (above, below) in enumerate(pairwise(heights)):
        for start, end in product(above, below):
            ax.plot(
                [i, i + 1],
                [start, end],
                "-",
                color="#B8B8B8",
                linewidth=0.6,
                antialiased=False,
                zorder=1,
            )
        weights, biases = layer_sizes[i] * layer_sizes[i + 1], layer_sizes[i + 1]
        text = f"W{i + 1}: {weights:,} lines\nb{i + 1}: {biases} biases"
        ax.text(i + 0.5, -1.14, text, ha="center", va="top")
    for i, y in enumerate(heights):
        ax.plot(np.full(len(y), i), y, "o", color=colours[i], markersize=13, zorder=2)
    ax.set(xlim=(-0.3, last + 0.3), ylim=(-1.6, 1.35))
    ax.axis("off")
    return fig
