"""Endless loops end by processor time; what waits for a processor, or sleeps, does not."""

import json
import time
from types import SimpleNamespace

import nbformat
import pytest

from utils.commands.new import SCAFFOLD
from utils.grading.judge.time_limits import MAX_TRIES, TimeLimits
from utils.grading.remote.student_errors import CallTimeout
from utils.grading.run.self_test import SelfTest
from utils.grading.sandbox.config import Limits

LOOP = "def f(x=0):\n    while x > 0:\n        pass\n    return x"
QUICK = {"call_cpu_seconds": 0.2, "cell_cpu_seconds": 0.4, "call_seconds": 30.0}


def test_a_loop_ends_by_processor_time_and_says_where(work):
    student = work(LOOP, **QUICK)
    with pytest.raises(CallTimeout, match="0.2 seconds of processor time: .*line [23]"):
        student.f(1)
    assert student.f(0) == 0
    assert student.submission.stopped
    assert "(limit: JudgedExecute.call_cpu_seconds)" in student.submission.notes[0]


def test_so_does_one_that_python_cannot_interrupt(work):
    student = work(
        "import itertools\nfrom collections import deque\n"
        "def f():\n    deque(itertools.count(), maxlen=0)",
        **QUICK,
    )
    with pytest.raises(CallTimeout, match="0.2 seconds of processor time: it was stopped$"):
        student.f()


def test_so_does_a_cell(start):
    submission = start("x = 1\nwhile True:\n    pass\ndef g():\n    return x", **QUICK)
    assert "no answer within 0.4 seconds of processor time" in submission.notes[0]
    assert "(limit: JudgedExecute.cell_cpu_seconds)" in submission.notes[0]
    assert "only the definitions count" in submission.notes[0]
    names = submission.get({"x", "g"})
    assert (names["x"], names["g"]()) == (1, 1)


def test_sleep_uses_no_processor_time(work):
    student = work("import time\ndef f():\n    time.sleep(0.6)\n    return 1", **QUICK)
    assert student.f() == 1
    assert not student.submission.stopped


def test_time_before_a_question_does_not_count(work):
    student = work(
        "def f():\n    return sum(range(1_000_000))", **QUICK | {"call_cpu_seconds": 0.3}
    )
    assert {student.f() for _ in range(30)} == {499999500000}


@pytest.mark.parametrize(("used", "ends"), [(0.1, False), (0.6, True)])
def test_on_a_busy_machine_processor_time_decides(used, ends):
    """After eight seconds by the clock, of which the process ran for a part only."""
    alarms: list[str] = []
    link = SimpleNamespace(deadline=time.monotonic())
    supervisor = SimpleNamespace(
        waiting_seconds=lambda since: 7.0,
        cpu_seconds=lambda since: used,
        alarm=lambda: alarms.append("alarm"),
    )
    limits = TimeLimits(Limits())
    until = limits.ends
    more = limits.overtime(link, supervisor, time.monotonic() - 8, 10.0, 0.5)
    assert bool(alarms) == ends
    assert more > 0
    assert limits.ends == until  # these ten seconds were its own anyway


def test_what_never_returns_is_called_a_few_times_only(work):
    student = work(LOOP, **QUICK)
    for _ in range(MAX_TRIES):
        with pytest.raises(CallTimeout, match="processor time"):
            student.f(1)
    for _ in range(20):
        with pytest.raises(CallTimeout, match=f"none of its first {MAX_TRIES} calls ended"):
            student.f(1)
    assert student.submission.starts <= MAX_TRIES + 1


def test_what_has_returned_once_is_always_called(work):
    student = work(LOOP, **QUICK)
    assert student.f(0) == 0
    for _ in range(MAX_TRIES + 2):
        with pytest.raises(CallTimeout, match="processor time"):
            student.f(1)
    assert student.f(-1) == -1


def test_a_cell_that_calls_what_never_returns_gets_less_time(work):
    student = work(LOOP, **QUICK | {"cell_cpu_seconds": 1.6})
    for _ in range(MAX_TRIES):
        with pytest.raises(CallTimeout):
            student.f(1)
    student.submission.run_cell("uses", "f(1)")
    assert any("cell uses: no answer within 0.2 seconds" in n for n in student.submission.notes)
    student.submission.run_cell("other", "y = sum(range(10_000_000))")  # takes longer, and may
    assert student.submission.get({"y"}) == {"y": 49999995000000}


@pytest.mark.parametrize("seconds", [10.0, 0.02])
def test_build_says_when_the_solution_needs_more_than_half(seconds, sandbox):
    notebook = nbformat.read(SCAFFOLD / "psN_name.ipynb", as_version=4)
    notebook = json.loads(json.dumps(notebook))
    notebook["cells"][2]["source"] += "\nx = sum(range(3_000_000))"
    faults = SelfTest(notebook, Limits(cell_cpu_seconds=seconds)).time_faults()
    assert ["needs more than half of the processor time" in fault for fault in faults] == (
        [True] if seconds < 1 else []
    )
