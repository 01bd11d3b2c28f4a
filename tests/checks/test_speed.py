"""What counts as slow, on a busy machine, too."""

import numpy as np
import pytest

from tests.checks.outcomes import A, outcome
from utils import checks


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
def test_one_quick_call_is_fast_enough(seconds, state, monkeypatch):
    clock, left = [0.0], list(seconds)
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0])

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


def test_a_machine_that_lets_both_wait_costs_no_fast_function_its_points(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0])

    def wait(seconds):
        clock[0] += 10 * seconds  # ten programs share the processor

    for seconds, is_slow in ((1.5, False), (9.0, True)):
        check = outcome(
            lambda seconds=seconds: checks.fast(lambda a: wait(seconds), A, lambda: wait(10))
        )
        assert bool(check.failure and check.failure.kind == "slow") == is_slow


@pytest.mark.parametrize(
    ("seconds", "own", "is_slow"),
    [
        (3.0, 0.6, False),  # this end sends and receives for 0.6 seconds, and so does the other
        (3.0, 0.4, True),
        (9.0, 9.0, True),  # at most three quarters of the time are for that
    ],
)
def test_the_time_for_sending_and_receiving_does_not_count(seconds, own, is_slow, monkeypatch):
    clock = {"perf_counter": 0.0, "process_time": 0.0}
    for name in clock:
        monkeypatch.setattr(checks.speed, name, lambda name=name: clock[name])

    class Proxy:
        def _thing_bind(self, name, *value):
            return ()

        def __call__(self, a):
            clock["perf_counter"] += seconds
            clock["process_time"] += own

    def loop():
        clock["perf_counter"] += 10.0

    def here(a):
        Proxy()(a)

    check = outcome(lambda: checks.fast(Proxy(), A, loop))
    assert bool(check.failure and check.failure.kind == "slow") == is_slow
    check = outcome(lambda: checks.fast(here, A, loop))  # then the time is the function's own
    assert check.failure.kind == "slow"


def test_a_loop_that_was_interrupted_lets_no_slow_function_pass(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0])
    loops = iter([60.0] + [10.0] * 50)  # once, another program had the processor

    def wait(seconds):
        clock[0] += seconds

    check = outcome(lambda: checks.fast(lambda a: wait(6.0), A, lambda: wait(next(loops))))
    assert check.failure.kind == "slow"
