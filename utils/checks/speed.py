"""Check by its running time whether a function works on whole arrays."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic, perf_counter, thread_time
from typing import Any

from utils.checks.calls import as_tuple, call
from utils.checks.context import looks_at, subject_of
from utils.checks.failures import PropertyError

ROUNDS = 5  # timings of each function

# In the judge: returns the processor time of the student process since a `time.monotonic`, in
# seconds; 0.0 if unknown.
student_seconds: Callable[[float], float] | None = None


def measure_student(clock: Callable[[float], float] | None) -> None:
    """Let `fast` count the processor time of another process, in which the student's code runs.

    Args:
        clock: see `student_seconds`; None if there is no longer such a process.
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

    Processor time is measured, so that other programs on a busy machine cost nobody points. The
    fastest call of each counts, and one fast call is enough to pass. A list as a result also
    passes: it costs another check, and takes long to transfer, however fast f is.

    In the judge, f runs in another process, and its arrays have to be transferred: for extended
    floats that takes a third of the loop's time. Both ends do the same work to send and receive
    them, so the time of this end is subtracted from the other's, up to three quarters of it. The
    loop is timed again before a call passes that is not much faster. If f is too slow by less than
    a factor of 3, it is timed four times as often: matrix products take that much longer while
    other programs use all processors.

    Args:
        f, args: the function and its arguments.
        loop: does the same with Python's own loops, in 0.01 to 0.1 s: calls on small arrays are
            rarely interrupted, so that some of them are fast.
        share: the share of the loop's time that f may take; whole arrays need 0.01 or less, and
            code that should fail has to take more than twice the share.
        than: what `loop` does, if it is something else, such as many calls of another function.
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
    """Return the result of a run, and its processor time here and in the student process.

    Here it is that of this thread: resource limits make the clock of a process coarse.
    """
    begun = monotonic()
    if student_seconds is not None:
        student_seconds(begun)  # records what the process has used before
    start, used = perf_counter(), thread_time()
    got = run()
    seconds, used = perf_counter() - start, thread_time() - used
    if student_seconds is None:
        return got, used, 0.0
    return got, used, min(seconds, student_seconds(begun)) or seconds - used
