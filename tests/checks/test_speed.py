"""What counts as slow, on a busy machine, too."""

import numpy as np
import pytest

from tests.checks.outcomes import A, outcome
from utils import checks

CLOCKS = ("monotonic", "perf_counter", "thread_time")


@pytest.fixture
def clock(monkeypatch):
    """What the clocks of this process show, all the same."""
    now = [0.0]
    for name in CLOCKS:
        monkeypatch.setattr(checks.speed, name, lambda: now[0])
    return now


def test_a_list_that_takes_long_to_arrive_is_not_slow():
    def f(a):
        return [sum(range(200_000))]

    assert not outcome(lambda: checks.fast(f, A, lambda: None)).failure
    slow = outcome(lambda: checks.fast(lambda a: np.array(f(a)), A, lambda: None))
    assert slow.failure.kind == "slow"


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        ([0.1], "passed"),
        ([9.0, 9.0, 9.0, 9.0, 0.1], "passed"),  # a busy machine, and one quick call
        ([5.0] * 19 + [0.1], "passed"),  # not far from quick: more tries
        ([2.1] * 20, "failed"),
        ([9.0] * 5, "failed"),
    ],
)
def test_one_quick_call_is_fast_enough(seconds, state, clock):
    left = list(seconds)

    def f(a):
        clock[0] += left.pop(0)

    def loop():
        clock[0] += 10.0

    check = outcome(lambda: checks.fast(f, A, loop))
    assert (check.state == "passed" or check.what == checks.WAITS) == (state == "passed")
    if state == "failed":
        assert "about as slow as a loop over single numbers: " in check.what
        left[:] = [9.0] * 5
        check = outcome(lambda: checks.fast(f, A, loop, than="20 calls of `g`"))
        assert "about as slow as 20 calls of `g`" in check.what


@pytest.mark.parametrize("waits", ["f", "loop", "both"])
def test_a_busy_machine_costs_no_fast_function_its_points(waits, clock, monkeypatch):
    waited = [0.0]
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0] + waited[0])

    def work(seconds, what):
        clock[0] += seconds
        if waits in (what, "both"):
            waited[0] += 1000.0  # other programs have the processor

    for seconds, is_slow in ((1.5, False), (9.0, True)):
        check = outcome(
            lambda seconds=seconds: checks.fast(
                lambda a: work(seconds, "f"), A, lambda: work(10.0, "loop")
            )
        )
        assert bool(check.failure and check.failure.kind == "slow") == is_slow


@pytest.mark.parametrize(
    ("there", "here", "is_slow"),
    [
        (2.4, 0.6, False),  # this end sends and receives for 0.6 seconds, and so does the other
        (2.6, 0.4, True),
        (9.0, 9.0, True),  # at most three quarters of the time are for that
        (0.1, 0.1, False),
    ],
)
@pytest.mark.parametrize("tells", [True, False])
def test_the_time_for_sending_and_receiving_does_not_count(
    tells, there, here, is_slow, clock, monkeypatch
):
    theirs, waited = [0.0], [0.0]
    asked: dict[float, float] = {}
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0] + theirs[0] + waited[0])
    monkeypatch.setattr(checks.speed, "student_seconds", None)

    def since(begun):
        return (theirs[0] - asked.setdefault(begun, theirs[0])) * tells

    checks.measure_student(since)

    def student(a):
        clock[0] += here
        theirs[0] += there
        waited[0] += 1000.0 * tells

    def loop():
        clock[0] += 10.0

    check = outcome(lambda: checks.fast(student, A, loop))
    assert bool(check.failure and check.failure.kind == "slow") == is_slow


def test_a_loop_that_was_interrupted_lets_no_slow_function_pass(clock):
    loops = iter([60.0] + [10.0] * 50)  # once, another program had the processor

    def wait(seconds):
        clock[0] += seconds

    check = outcome(lambda: checks.fast(lambda a: wait(6.0), A, lambda: wait(next(loops))))
    assert check.failure.kind == "slow"
