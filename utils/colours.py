"""The colour task: which of red, green and blue is the largest part of a colour."""

from numbers import Integral

import numpy as np

COLOUR_NAMES = ("red", "green", "blue")
N_TRAIN = 240
MARGIN = 32  # the largest channel is at least so far above the second: no ties, no near-ties

# Colours by their largest channel m: the other two are free in 0..m - MARGIN.
_COUNTS = np.arange(1, 257 - MARGIN) ** 2
COLOURS_PER_CLASS = int(_COUNTS.sum())


def load_colours(
    n_test: int = 20, seed: int = 0
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return random colours, each labelled by its largest channel.

    Args:
        n_test: Number of test colours, besides the 240 training colours and different from them.
        seed: A whole number; the same one gives the same colours.

    Returns:
        `(x_train, t_train), (x_test, t_test)`. Colours are (N, 3), int64, red, green and blue in
        0..255; labels are (N,), int64, an index of `COLOUR_NAMES`. Every clear colour is equally
        likely; the classes are as equal in number as N allows; the order is random.

    Raises:
        ValueError: A number is not whole, below 1 (`seed`: below 0) or beyond the colours there
            are.

    Source: the task with (255, 0, 0), (0, 255, 0), (0, 0, 255) and (233, 63, 127) as red, green,
    blue and red.
    """
    n_test = _whole("n_test", n_test, least=1)
    rng = np.random.default_rng(_whole("seed", seed, least=0))
    if N_TRAIN // 3 - (-n_test // 3) > COLOURS_PER_CLASS:  # rounded up
        raise ValueError(
            f"n_test is {n_test:,}, but besides the {N_TRAIN} training colours there are only "
            f"{3 * COLOURS_PER_CLASS - N_TRAIN:,} clear colours. Ask for fewer."
        )
    t = np.concatenate([np.arange(N_TRAIN) % 3, np.arange(n_test) % 3])  # (N_TRAIN + n_test,)
    x = np.empty((N_TRAIN + n_test, 3), dtype=np.int64)
    for label in range(3):
        rows = np.flatnonzero(t == label)
        # Without replacement over both sets: no test colour is a training colour.
        x[rows] = _colour(rng.choice(COLOURS_PER_CLASS, size=len(rows), replace=False), label)
    train = rng.permutation(N_TRAIN)
    test = N_TRAIN + rng.permutation(n_test)
    return (x[train], t[train]), (x[test], t[test])


def _whole(name: str, value: int, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number of at least {least}.")
    return int(value)


def _colour(number: np.ndarray, label: int) -> np.ndarray:
    """Return the colours of a class by their numbers 0..COLOURS_PER_CLASS - 1.

    Numbers count through the colours whose largest channel is MARGIN, then MARGIN + 1, and so on.
    """
    ends = np.cumsum(_COUNTS)
    k = np.searchsorted(ends, number, side="right")  # (n,) largest channel less MARGIN
    rest = number - (ends[k] - _COUNTS[k])
    second, third = np.divmod(rest, k + 1)
    colours = np.stack([k + MARGIN, second, third], axis=1)  # (n, 3)
    return np.roll(colours, label, axis=1)
