"""What the figures of the course have in common: one style, one way to show them, shared drawings.

A lecture draws with Matplotlib and ends with `show(fig, "A full sentence on what is seen.")`. The
sentence is what a screen reader reads and what a page without pictures shows.
"""

import base64
import html
import io
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import display
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from utils.system import figures_wanted, left_out

# Okabe and Ito's colours by name, for what has a meaning of its own.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW, GREY = "#56B4E9", "#E69F00", "#F0E442", "#6E6E6E"

STYLE = Path(__file__).resolve().parent / "data" / "course.mplstyle"

_CSS_DPI = 96  # an inch of a web page
_PALETTE = 64  # colours in a saved picture: smooth edges at a quarter of the bytes
_SHORTEST_SENTENCE = 5  # words


def use_style() -> None:
    """Draw all later figures in the style of the course."""
    plt.style.use(STYLE)


def show(fig: Figure, alt: str) -> None:
    """Display a figure with its alternative text, then close it.

    The output holds the picture twice: as HTML, since JupyterLab gives no alternative text to a
    plain PNG, and as PNG for PDF and other exports. Its plain text is `alt` itself.

    Args:
        fig: the figure.
        alt: full sentences that say what the figure shows.

    Raises:
        ValueError: `alt` is not a sentence.
    """
    if figures_wanted() == "none":
        _check(alt)
        plt.close(fig)
        print(left_out(alt))
        return
    quickly = png(fig, compress_level=0)  # it is compressed once it has fewer colours
    data = base64.b64encode(_fewer_colours(quickly)).decode()
    width, height = _size(fig)
    display(
        {"image/png": data, "text/html": _img(data, alt, width, height), "text/plain": alt},
        metadata={"image/png": {"alt": alt, "width": width, "height": height}},
        raw=True,
    )
    plt.close(fig)


def img(fig: Figure, alt: str) -> str:
    """Return the figure as HTML with alternative text, for the inside of a widget, and close it.

    Raises:
        ValueError: `alt` is not a sentence.
    """
    quickly = png(fig, compress_level=1)  # it only goes to the browser on the same machine
    page = _img(base64.b64encode(quickly).decode(), alt, *_size(fig))
    plt.close(fig)
    return page


def png(fig: Figure, compress_level: int = 6) -> bytes:
    """Return the figure as PNG; the same figure gives the same bytes.

    Args:
        fig: the figure.
        compress_level: from 0, quick and large, to 9.
    """
    drawn = io.BytesIO()
    options = {"compress_level": compress_level}
    fig.savefig(drawn, format="png", metadata={"Software": None}, pil_kwargs=options)
    return drawn.getvalue()


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


def _check(alt: str) -> None:
    if not (alt[:1].isupper() and alt.endswith(".") and len(alt.split()) >= _SHORTEST_SENTENCE):
        raise ValueError(f"alternative text must be a full sentence that ends in '.', not {alt!r}")


def _img(data: str, alt: str, width: int, height: int) -> str:
    _check(alt)
    return (
        f'<img alt="{html.escape(alt)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}">'
    )


def _fewer_colours(data: bytes) -> bytes:
    """Return a PNG of at most `_PALETTE` colours: for what is committed, where bytes count."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    small = io.BytesIO()
    image.quantize(_PALETTE, dither=Image.Dither.NONE).save(small, format="PNG", optimize=True)
    return small.getvalue()


def _size(fig: Figure) -> tuple[int, int]:
    """Return width and height in the pixels of a web page."""
    width, height = fig.get_size_inches()
    return round(width * _CSS_DPI), round(height * _CSS_DPI)


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
