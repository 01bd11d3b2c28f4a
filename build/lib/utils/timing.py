"""Measure how long a short call takes, for lecture 04 and the benchmarks."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable

from numpy.typing import NDArray


def typical_time(call: Callable[[], object], seconds: float = 0.05) -> float:
    """Return the median time of many calls, in microseconds.

    The median ignores the few calls that another program interrupts.

    Args:
        call: the call to measure; called at least once.
        seconds: repeat the call until it has taken this much time in total.
    """
    times: list[float] = []
    gone = 0.0
    while gone < seconds or not times:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
        gone += times[-1]
    return 1e6 * statistics.median(times)


def time_per_image(
    predict: Callable[[NDArray], object], x: NDArray, n: int, seconds: float = 0.05
) -> float:
    """Return microseconds per image in calls of n images, taken in turn from x.

    Args:
        predict: takes a batch of shape (n, D).
        x: images, shape (N, D), or any other sequence that supports slices.
        n: images per call, 1 to N.
        seconds: repeat the calls until they have taken this much time in total.

    Raises:
        ValueError: n is below 1 or above N.
    """
    if not 1 <= n <= len(x):
        raise ValueError(f"needs 1 to {len(x)} images per call, not {n}")
    starts = itertools.cycle(range(0, len(x) - n + 1, n))

    def call() -> None:
        first = next(starts)
        predict(x[first : first + n])

    return typical_time(call, seconds) / n
