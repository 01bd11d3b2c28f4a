"""A pad to draw a digit on, and how a drawing becomes an image like those of MNIST."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from utils.plots import BLUE, VERMILLION

_DATA = Path(__file__).resolve().parent / "data"


def as_mnist(ink: ArrayLike) -> NDArray[np.uint8]:
    """Scale and centre a drawing the way the images of MNIST were made.

    The drawing is cut out, shrunk to fit a box of 20 x 20 with its proportions kept, and put into
    28 x 28 so that its centre of mass is at the centre.

    Args:
        ink: grey values, 0 for paper to 255 for ink, shape (height, width).

    Returns:
        uint8 of shape (28, 28); all 0 for an empty drawing.

    Source: LeCun, Cortes, Burges: the MNIST database, section "file formats".
    """
    ink = np.asarray(ink, dtype=np.float64)
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    picture = np.zeros((28, 28))
    if rows.size == 0:
        return picture.astype(np.uint8)
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = (max(1, round(20 * side / max(cut.shape))) for side in cut.shape)
    small = _averaging(cut.shape[0], height) @ cut @ _averaging(cut.shape[1], width).T
    # (height, h) @ (h, w) @ (w, width) -> (height, width)
    top = _start(small.sum(axis=1))
    left = _start(small.sum(axis=0))
    picture[top : top + height, left : left + width] = small
    return np.rint(picture).astype(np.uint8)


def stroke(points: ArrayLike, size: int = 280, width: int = 22) -> NDArray[np.uint8]:
    """Return the drawing of a round pen that goes in straight lines from point to point.

    Args:
        points: (x, y) in pixels, x to the right and y downwards, shape (P, 2), two points or more.
        size: width and height of the canvas in pixels.
        width: of the pen, in pixels.

    Returns:
        uint8 of shape (size, size): 0 for paper, 255 for ink.
    """
    points = np.asarray(points, dtype=np.float64)
    y, x = np.mgrid[:size, :size]  # (size, size) each
    ink = np.zeros((size, size), dtype=bool)
    for start, end in zip(points[:-1], points[1:], strict=True):
        along = end - start
        length = max(along @ along, 1e-12)
        share = ((x - start[0]) * along[0] + (y - start[1]) * along[1]) / length
        share = np.clip(share, 0, 1)  # of the way, at the nearest point of the line
        away = np.hypot(x - start[0] - share * along[0], y - start[1] - share * along[1])
        ink |= away <= width / 2
    return 255 * ink.astype(np.uint8)


def filmstrip(
    strokes: Sequence[ArrayLike], predict: Callable[[NDArray], NDArray]
) -> tuple[Figure, NDArray[np.floating]]:
    """Draw what the pad shows after each stroke: the drawing and the ten probabilities as bars.

    For a page without a kernel, where nobody can draw.

    Args:
        strokes: the points of each stroke, see `stroke`.
        predict: turns an image of shape (784,), float32 in 0..1, into ten probabilities (10,).

    Returns:
        The figure, one column for each stroke, and the probabilities, shape (S, 10).
    """
    ink = np.maximum.accumulate([stroke(points) for points in strokes])  # (S, size, size)
    y = np.array([predict(_as_input(as_mnist(drawing))) for drawing in ink])  # (S, 784) -> (S, 10)
    size = (1.9 * len(ink), 4.2)
    fig, axes = plt.subplots(2, len(ink), figsize=size, sharey="row", squeeze=False)
    for i, (top, bottom) in enumerate(axes.T):
        top.imshow(ink[i], cmap="gray")
        top.set_title(f"after {i + 1}" if i else "after 1 stroke")
        top.axis("off")
        best = y[i].argmax()
        bottom.bar(range(10), y[i], color=[VERMILLION if k == best else BLUE for k in range(10)])
        bottom.set_xticks(range(10), [str(k) for k in range(10)], size=10)
        bottom.set(ylim=(0, 1), title=f"{best}: {y[i, best]:.1%}")
    axes[1, 0].set_ylabel("probability")
    return fig, y


def _as_input(image: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Return an image of shape (28, 28) as the network takes it: shape (784,), in 0..1."""
    return image.reshape(-1).astype(np.float32) / 255


def _averaging(old: int, new: int) -> NDArray[np.float64]:
    """Return the matrix (new, old) whose rows average `old` pixels into `new`; rows sum to 1."""
    edges = np.linspace(0, old, new + 1)
    left = np.maximum(edges[:-1, np.newaxis], np.arange(old))  # (new, 1), (old,) -> (new, old)
    right = np.minimum(edges[1:, np.newaxis], np.arange(1, old + 1))
    overlap = np.maximum(0, right - left)
    return overlap / overlap.sum(axis=1, keepdims=True)


def _start(mass: NDArray[np.float64]) -> int:
    """Return where to put a strip of grey so that its centre of mass is at pixel 14 of 28."""
    centre = float(mass @ np.arange(len(mass)) / mass.sum())
    return int(np.clip(round(14 - centre), 0, 28 - len(mass)))


class DrawingPad(anywidget.AnyWidget):
    """A pad to draw a digit on, with what the network sees of it and its ten probabilities as bars.

    Mouse, pen, finger, or keyboard: with the pad in focus the arrow keys move, Space puts the pen
    down or lifts it. The front end is `data/drawing_pad.js`.

    Args:
        predict: turns an image of shape (784,), float32 in 0..1, into ten probabilities (10,).

    Attributes:
        size: width and height of the canvas in pixels.
        ink: its grey values, uint8, row by row; sent by the browser.
        seen: what the network sees, uint8, 28 x 28, row by row.
        probabilities: ten numbers, or none for an empty pad.
        sentence: the result in words.
    """

    _esm = (_DATA / "drawing_pad.js").read_text(encoding="utf-8")
    _css = (_DATA / "drawing_pad.css").read_text(encoding="utf-8")
    size = traitlets.Int(280).tag(sync=True)
    ink = traitlets.Bytes().tag(sync=True, echo_update=False, from_json=lambda x, _: bytes(x))
    seen = traitlets.Bytes().tag(sync=True)
    probabilities = traitlets.List(traitlets.Float()).tag(sync=True)
    sentence = traitlets.Unicode("Draw a digit.").tag(sync=True)

    def __init__(self, predict: Callable[[NDArray], NDArray]):
        super().__init__()
        self._predict = predict
        self.observe(self._recognise, names="ink")

    def _recognise(self, _change: object = None) -> None:
        ink = np.frombuffer(self.ink, np.uint8)
        if not ink.any():
            self.seen, self.probabilities, self.sentence = b"", [], "Draw a digit."
            return
        image = as_mnist(ink.reshape(self.size, self.size))
        y = self._predict(_as_input(image))  # (784,) -> (10,)
        first, second = np.argsort(y)[::-1][:2]
        with self.hold_sync():
            self.seen = image.tobytes()
            self.probabilities = [float(p) for p in y]
            self.sentence = (
                f"The network says {first} ({y[first]:.1%}), then {second} ({y[second]:.1%})."
            )
