"""The stand-in for MNIST: 70,000 variations of scikit-learn's 1,797 handwritten digits.

`utils.mnist` keeps the arrays in its cache and returns them where MNIST is not available.
"""

from collections.abc import Mapping

import numpy as np

_TOGETHER = 250  # images made at a time, so that they fit into the processor's cache
_MARGIN = 2  # empty pixels around a source digit
_FINE = 4  # samples per source pixel of the enlarged digit
_PIXELS = np.arange(28, dtype=np.float32) - 14  # MNIST's centre of mass is at pixel 14, 14


def make_stand_in(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, np.ndarray]:
    """Return arrays like MNIST's, made from scikit-learn's 1,797 digits of 8 x 8 pixels.

    In each class, every seventh digit is a source of test images and the others are sources of
    training images, so that no digit is the source of both.

    Args:
        shapes: by the names of MNIST's four files, the shapes of the arrays.

    Returns:
        Four uint8 arrays by the same names, the same on every call.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    labels = digits.target.astype(np.uint8)
    in_test = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        in_test[np.flatnonzero(labels == label)[6::7]] = True
    arrays = {}
    for part, seed, sources in (("train", 0, ~in_test), ("t10k", 1, in_test)):
        shape = shapes[f"{part}-images-idx3-ubyte"]
        rng = np.random.default_rng([1797, seed])
        chosen = np.flatnonzero(sources)[rng.integers(sources.sum(), size=shape[0])]  # (N,)
        images = np.empty(shape, dtype=np.uint8)
        for i in range(0, len(images), _TOGETHER):
            images[i : i + _TOGETHER] = _handwrite(digits.images[chosen[i : i + _TOGETHER]], rng)
        arrays[f"{part}-images-idx3-ubyte"] = images
        arrays[f"{part}-labels-idx1-ubyte"] = labels[chosen]
    return {name: arrays[name] for name in shapes}


def _handwrite(sources: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a varied copy (N, 28, 28), uint8, of digits (N, 8, 8) with pixels in 0..16.

    A digit is enlarged smoothly; turned, sheared, stretched and bent a little; and inked with a pen
    of random width. It is drawn twice: first to find its size and centre, then so that it fills a
    box of 20 x 20 pixels with its centre of mass in the middle of the image, as in MNIST.

    Every machine draws the same bytes, because all is done by +, -, * and / on single numbers and
    by sums that are exact in any order.
    """
    n = len(sources)
    noise = iter((2 * rng.random((10, n, 1, 1)) - 1).astype(np.float32))  # (N, 1, 1) in -1..1
    tangent = 0.1 * next(noise)  # of half the angle: up to 11 degrees either way
    square = tangent * tangent
    cos, sin = (1 - square) / (1 + square), 2 * tangent / (1 + square)
    shear, stretch = 0.25 * next(noise), 1 + 0.15 * next(noise)
    bend_y, bend_x = ([0.1 * next(noise) for _ in range(3)] for _ in range(2))
    threshold = 0.6 + 0.1 * next(noise)  # a low threshold makes a broad pen
    enlarged = _enlarge(sources)

    def draw(size: np.ndarray | float, y0: np.ndarray | float, x0: np.ndarray | float):
        """Draw digits of `size` pixels (half a digit) whose point y0, x0 is in the middle."""
        y = _PIXELS[:, np.newaxis] / size + y0  # (N, 28, 1)
        x = _PIXELS / size + x0  # (N, 1, 28)
        y, x = cos * y - sin * x, stretch * (sin * y + cos * x)  # (N, 28, 28)
        x += shear * y
        # Outside the digit a bend must not grow, or it would fold a second digit into the image.
        by, bx = np.clip(y, -1.25, 1.25), np.clip(x, -1.25, 1.25)
        yy, yx, xx = by * by, by * bx, bx * bx
        y += bend_y[0] * yy + bend_y[1] * yx + bend_y[2] * xx
        x += bend_x[0] * yy + bend_x[1] * yx + bend_x[2] * xx
        ink = np.clip(1.5 * (_sample(enlarged, y, x) - threshold) + 0.5, 0, 1)
        return (255 * ink + 0.5).astype(np.uint8)

    size = 8.5
    sketch = draw(size, 0, 0)
    y0, x0 = _mean(sketch, axis=1) / size, _mean(sketch, axis=2) / size
    return draw(size * 19.5 / np.maximum(_length(sketch, axis=1), _length(sketch, axis=2)), y0, x0)


def _mean(images: np.ndarray, axis: int) -> np.ndarray:
    """Return the centre of mass along an axis, in pixels from the middle, float32 (N, 1, 1)."""
    mass = images.sum(axis=3 - axis, dtype=np.int64)  # (N, 28)
    mean = (mass * _PIXELS).sum(axis=1) / mass.sum(axis=1)
    return mean.astype(np.float32)[:, np.newaxis, np.newaxis]


def _length(images: np.ndarray, axis: int) -> np.ndarray:
    """Return the length of the ink along an axis, pale ends in part, float32 (N, 1, 1)."""
    darkest = images.max(axis=3 - axis).astype(np.int64)  # (N, 28)
    length = np.minimum(4 * darkest, 255).sum(axis=1) / 255
    return length.astype(np.float32)[:, np.newaxis, np.newaxis]


def _enlarge(sources: np.ndarray) -> np.ndarray:
    """Return digits (N, 8, 8) with a margin, sharpened and enlarged `_FINE` times, about 0..1.

    By cubic interpolation (Keys 1981). Numbers are multiples of 1/2**24, so float64 is exact.
    """
    side = 8 + 2 * _MARGIN
    weights = np.zeros((side * _FINE, side))
    for i in range(side * _FINE):
        left, remainder = divmod(2 * i + 1 - _FINE, 2 * _FINE)  # the sample is at left + t
        t = remainder / (2 * _FINE)
        cubic = (
            -t + 2 * t**2 - t**3,
            2 - 5 * t**2 + 3 * t**3,
            t + 4 * t**2 - 3 * t**3,
            t**3 - t**2,
        )
        for j, weight in enumerate(cubic, start=left - 1):
            if 0 <= j < side:
                weights[i, j] = weight / 2
    s = np.pad(sources, ((0, 0), (_MARGIN, _MARGIN), (_MARGIN, _MARGIN)))  # (N, side, side)
    around = sum(np.roll(s, shift, axis) for shift in (-1, 1) for axis in (1, 2))
    s = s + 0.75 * (s - around / 4)
    return (weights @ s @ weights.T / 16).astype(np.float32)


def _sample(fields: np.ndarray, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the enlarged digits at points where the digit is -1..1, by bilinear interpolation."""
    n, side, _ = fields.shape
    y = np.clip(4 * _FINE * y + (side - 1) / 2, 0, side - 1.01)
    x = np.clip(4 * _FINE * x + (side - 1) / 2, 0, side - 1.01)
    row, column = y.astype(np.int32), x.astype(np.int32)
    y -= row.astype(np.float32)
    x -= column.astype(np.float32)
    at = (np.arange(n, dtype=np.int32)[:, np.newaxis, np.newaxis] * side + row) * side + column
    flat = fields.reshape(-1)
    above = (1 - x) * flat[at] + x * flat[at + 1]
    at += side
    below = (1 - x) * flat[at] + x * flat[at + 1]
    return (1 - y) * above + y * below
