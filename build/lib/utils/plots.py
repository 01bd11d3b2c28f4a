"""What the figures of the course have in common: one style, one way to show them, shared drawings.

A lecture draws with Matplotlib and ends with `show(fig, "A full sentence.")`. The
sentence states the finding. It is the caption below the figure, its alternative text, and what a
page without pictures shows.
"""

import base64
import html
import io
import math
from collections.abc import Sequence
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
from PIL import Image

from utils.system import figures_wanted, left_out

# Okabe and Ito's colours by name, for what has a meaning of its own.
BLUE, VERMILLION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
SKY, ORANGE, YELLOW, GREY = "#56B4E9", "#E69F00", "#F0E442", "#6E6E6E"

STYLE = Path(__file__).resolve().parent / "data" / "course.mplstyle"

_CSS_DPI = 96  # an inch of a web page
# The picture brings its own white card, so it looks the same on a dark page; it shrinks to fit.
_CARD = (
    "box-sizing: border-box; max-width: 100%; height: auto; padding: 10px; "
    "background: white; border-radius: 6px"
)
_COLOURS, _GREYS = 64, 64  # in a saved picture: smooth edges at a third of the bytes
_SHORTEST_SENTENCE = 5  # words


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
        _check(sentence)
        plt.close(fig)
        print(left_out(sentence))
        return
    width, height = _size(fig)
    data = _committed(fig)
    display(
        {
            "image/png": data,
            "text/html": _captioned(_img(data, sentence, width, height), sentence),
            "text/plain": sentence,
        },
        metadata={"image/png": {"alt": sentence, "width": width, "height": height}},
        raw=True,
    )
    plt.close(fig)


def captioned(fig: Figure, sentence: str) -> str:
    """Return the figure with its caption as HTML, as `show` displays it, and close it.

    Raises:
        ValueError: `sentence` is not a sentence.
    """
    page = _captioned(_img(_committed(fig), sentence, *_size(fig)), sentence)
    plt.close(fig)
    return page


def img(fig: Figure, alt: str) -> str:
    """Return the figure as HTML with alternative text, for the inside of a widget, and close it.

    Raises:
        ValueError: `alt` is not a sentence.
    """
    quickly = png(fig, compress_level=1)  # it only goes to the browser on the same machine
    page = _img(base64.b64encode(quickly).decode(), alt, *_size(fig))
    plt.close(fig)
    return page


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


def _check(sentence: str) -> None:
    words = len(sentence.split())
    if not (sentence[:1].isupper() and sentence.endswith(".") and words >= _SHORTEST_SENTENCE):
        raise ValueError(
            "the caption of a figure must be a full sentence that begins with a capital letter, "
            f"ends in '.' and has {_SHORTEST_SENTENCE} words or more, not {sentence!r}"
        )


def _img(data: str, alt: str, width: int, height: int) -> str:
    _check(alt)
    return (
        f'<img alt="{html.escape(alt)}" width="{width}" height="{height}" style="{_CARD}" '
        f'src="data:image/png;base64,{data}">'
    )


def _captioned(picture: str, sentence: str) -> str:
    caption = html.escape(sentence, quote=False)
    return (
        f'<figure style="margin: 0.5em 0">{picture}'
        f'<figcaption style="margin-top: 0.3em">{caption}</figcaption></figure>'
    )


def _committed(fig: Figure) -> str:
    """Return a figure as PNG in base64, of few colours: for outputs, where bytes count."""
    quickly = png(fig, compress_level=0)  # it is compressed once it has fewer colours
    return base64.b64encode(_fewer_colours(quickly)).decode()


def _fewer_colours(data: bytes) -> bytes:
    """Return a PNG with a palette of greys that stay grey and the best of the other colours."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))  # (height, width, 3)
    levels = np.rint(np.arange(256) * (_GREYS - 1) / 255).astype(np.uint8)  # (256,)
    indices = levels[pixels[..., 0]]  # (height, width)
    ramp = np.rint(np.arange(_GREYS) * 255 / (_GREYS - 1)).astype(np.uint8)
    palette = np.repeat(ramp, 3).tolist()
    coloured = (pixels != pixels[..., :1]).any(axis=-1)  # (height, width)
    if coloured.any():
        row = Image.fromarray(pixels[coloured][np.newaxis])
        few = row.quantize(_COLOURS, dither=Image.Dither.NONE)
        indices[coloured] = np.asarray(few).ravel() + _GREYS
        palette += few.getpalette() or []
    image = Image.fromarray(indices)
    image.putpalette(palette)
    small = io.BytesIO()
    image.save(small, format="PNG", optimize=True)
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
