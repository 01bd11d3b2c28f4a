"""Whether a function works on whole arrays, by the time that it takes."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, perf_counter, thread_time
from typing import Any

from utils.checks.calls import as_tuple, call
from utils.checks.context import looks_at, subject_of
from utils.checks.failures import PropertyError

ROUNDS = 5  # of timing each

# In the judge: gives the processor time of the student process since a `time.monotonic`, in
# seconds; 0.0 where nothing tells it.
student_seconds: Callable[[float], float] | None = None


def measure_student(clock: Callable[[float], float] | None) -> None:
    """Let `fast` count the processor time of another process, in which the student's code runs.

    Args:
        clock: see `student_seconds`; None if there is no such process any more.
    """
    global student_seconds
    student_seconds = clock


def fast(
    f: Callable,
    args: Any,
    loop: Callable[[], object],
    share: float = 0.2,
    than: str = "a loop over single numbers",
) -> None:
    """Check that f takes much less time than a loop over single numbers for the same work.

    What counts is processor time, so that it costs nobody points if other programs keep a machine
    busy. The best call of each counts, and one quick call is enough to pass. So is a list, which
    costs a check of its own: it takes long to arrive, however fast f is.

    Through the judge, f runs in another process, and its arrays have to travel: extended floats
    take a third of the loop's time for that. Both ends do the same work to send and receive them,
    so as much as this end takes does not count, up to three quarters of the other's time. Before a
    call passes that is not much quicker than the loop, the loop is timed again. What is slow by
    less than a factor of 3 is tried four times as often: matrix products take that much longer
    where other programs use all processors.

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
            best_loop = min(best_loop, _total_seconds(loop))
        elif best_f > 3 * share * best_loop:
            break
        got, here, there = _seconds(lambda: call(f, *as_tuple(args)))
        best_f = min(best_f, max(there - here, there / 4) or here)
        if type(got) in (list, tuple) or best_f <= share / 4 * best_loop:
            return
        if best_f <= share * best_loop:
            best_loop = min(best_loop, _total_seconds(loop), _total_seconds(loop))
            if best_f <= share * best_loop:
                return
    what = f"{subject_of()} is about as slow as {than}"
    raise PropertyError(what, f"{best_f / best_loop:.1f} times its time", "slow")


def _total_seconds(run: Callable[[], Any]) -> float:
    _, here, there = _seconds(run)
    return here + there


def _seconds(run: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what a run gives, and how long it takes here and in the student process.

    That is processor time: of this thread, since a limit makes the clock of a process coarse.
    """
    begun = monotonic()
    if student_seconds is not None:
        student_seconds(begun)  # looks at what the process has used before
    start, used = perf_counter(), thread_time()
    got = run()
    seconds, used = perf_counter() - start, thread_time() - used
    if student_seconds is None:
        return got, used, 0.0
    return got, used, min(seconds, student_seconds(begun)) or seconds - used
