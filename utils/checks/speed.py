"""Whether a function works on whole arrays, by the time that it takes."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, process_time
from typing import Any

from utils.checks.calls import as_tuple, call
from utils.checks.context import looks_at, subject_of
from utils.checks.failures import PropertyError

ROUNDS = 5  # of timing each


def fast(
    f: Callable,
    args: Any,
    loop: Callable[[], object],
    share: float = 0.2,
    than: str = "a loop over single numbers",
) -> None:
    """Check that f takes much less time than a loop over single numbers for the same work.

    The best call of each counts, by the clock: a busy machine lets both wait. One quick call is
    enough to pass. So is a list, which costs a check of its own: it takes long to arrive, however
    fast f is.

    Through the judge, f runs in another process, and its arrays have to travel: extended floats
    take a third of the loop's time for that. Both ends do the same work to send and receive them,
    so twice the processor time of this end does not count, up to three quarters of a call's time.
    A loop that was
    interrupted looks slow: it is timed again before a call passes that is not much quicker. What is
    slow by less than a factor of 3 is tried four times as often: matrix products take that much
    longer where other programs use all processors.

    Args:
        f, args: what to call.
        loop: does the same with Python's own loops; a hundredth to a tenth of a second is right:
            calls whose arrays are small are seldom interrupted, and so have a quick one among them.
        share: of the loop's time that f may take; whole arrays need a hundredth of it, or less.
            What is to be told as slow has to take more than twice the share.
        than: what `loop` does, if it is anything else, such as many calls of another function.
    """
    looks_at("side")
    best_f = best_loop = float("inf")
    for number in range(4 * ROUNDS):
        if number < ROUNDS:
            best_loop = min(best_loop, _seconds(loop))
        elif best_f > 3 * share * best_loop:
            break
        start, own = perf_counter(), process_time()
        got = call(f, *as_tuple(args))
        seconds, own = perf_counter() - start, process_time() - own
        if hasattr(type(f), "_thing_bind"):  # a proxy in the judge
            seconds = max(seconds - 2 * own, seconds / 4)
        best_f = min(best_f, seconds)
        if type(got) in (list, tuple) or best_f <= share / 4 * best_loop:
            return
        if best_f <= share * best_loop:
            best_loop = min(best_loop, _seconds(loop), _seconds(loop))
            if best_f <= share * best_loop:
                return
    what = f"{subject_of()} is about as slow as {than}"
    raise PropertyError(what, f"{best_f / best_loop:.1f} times its time", "slow")


def _seconds(loop: Callable[[], object]) -> float:
    start = perf_counter()
    loop()
    return perf_counter() - start
