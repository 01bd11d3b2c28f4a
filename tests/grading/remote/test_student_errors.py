"""Exceptions and warnings of a student's code, and processes that end."""

import numpy as np
import pytest

from utils.grading.remote.student_errors import (
    CallTimeout,
    Lost,
    OutOfTime,
    ProcessEnded,
    StudentError,
)


def test_exceptions_carry_type_message_and_line(work):
    student = work("def f(x):\n    y = 1\n    return y / x\nclass Odd(ValueError): pass\n"
                   "def g():\n    raise Odd('strange', 3)")  # fmt: skip
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        student.f(0)
    error = caught.value
    assert isinstance(error, StudentError)
    assert (error.type_name, error.raised_line, error.raised_cell, error.raised_code) == (
        "ZeroDivisionError", 3, "work", "return y / x",
    )  # fmt: skip
    assert error.__notes__ == ["line 3: `return y / x`"]
    with pytest.raises(ValueError, match="strange") as caught:
        student.g()
    assert type(caught.value).__name__ == "Odd"


def test_names_of_exceptions_may_be_anything(work):
    student = work("def f():\n    raise type('\\x00\\ud800' * 500, (Exception,), {})('\\ud800')")
    with pytest.raises(StudentError) as caught:
        student.f()
    assert len(type(caught.value).__name__) <= 100


def test_a_tests_own_exception_comes_back_as_itself(work):
    student = work("def apply(f):\n    return f()\ndef tame(f):\n    try:\n        f()\n"
                   "    except ValueError as e:\n"
                   "        return str(e)")  # fmt: skip
    mine = ValueError("from the test")

    def fail():
        raise mine

    with pytest.raises(ValueError, match="from the test") as caught:
        student.apply(fail)
    assert caught.value is mine
    assert student.tame(fail) == "from the test"


def test_warnings_appear_where_the_call_is(work):
    student = work("import numpy as np, warnings\ndef f(x):\n    return np.exp(x)\n"
                   "def g():\n    warnings.warn('hm', DeprecationWarning)")  # fmt: skip
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert student.f(np.array([1000.0]))[0] == np.inf
    with pytest.warns(DeprecationWarning, match="hm"):
        student.g()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        student.f(np.array([1000.0]))
    with np.errstate(over="ignore"):
        student.f(np.array([1000.0]))


def test_prints_appear_where_the_call_is(work, capsys):
    student = work(
        "import sys\ndef f():\n    print('out'); print('err', file=sys.stderr); return input()"
    )
    with pytest.raises(EOFError):
        student.f()
    assert capsys.readouterr() == ("out\n", "err\n")


# Processes that end -------------------------------------------------------------------------------


def test_a_call_that_never_returns_costs_itself_only(work):
    student = work(
        "import os\ncount = 0\ndef loop():\n    while True:\n        try:\n            pass\n"
        "        except BaseException:\n            pass\n"
        "def leave():\n    os._exit(3)\ndef f(x):\n    global count\n    count += 1\n"
        "    return x, count\n"
        "class C:\n    def m(self):\n        return 1\n",
        call_seconds=0.5,
    )
    thing = student.C()
    assert student.f(1) == (1, 1)
    with pytest.raises(CallTimeout, match=r"no answer within 0\.5 seconds"):
        student.loop()
    assert student.f(2) == (2, 1)  # a fresh process
    with pytest.raises(Lost, match="was lost"):
        thing.m()
    with pytest.raises(ProcessEnded, match="exit status 3"):
        student.leave()
    assert student.f(3) == (3, 1)
    assert student.C().m() == 1
    assert [note.partition(":")[0] for note in student.submission.notes] == ["`loop`", "`leave`"]
    assert student.submission.stopped


def test_one_second_is_one_second(work):
    student = work("def loop():\n    while True: pass\n", call_seconds=1, submission_seconds=1)
    with pytest.raises(OutOfTime, match="the submission's 1 second is used up"):
        student.loop()
    student = work("def loop():\n    while True: pass\n", call_seconds=1, submission_seconds=30)
    with pytest.raises(CallTimeout, match="no answer within 1 second: it was stopped"):
        student.loop()


def test_an_answer_to_nothing_is_named_with_what_to_do(work):
    student = work("def f():\n    return 1\n")
    link = student.submission.link
    send = link.send
    link.send = lambda verb, token, args: send(verb, bytes(8), args)  # the answer repeats this
    with pytest.raises(ProcessEnded, match="in answer to 'call' fits no question; .* look at"):
        student.f()


def test_a_callback_that_catches_everything_does_not_hide_the_end(work):
    student = work(
        "import time\ndef f(g):\n    return g()\ndef slow():\n    time.sleep(60)", call_seconds=0.5
    )

    def g():
        try:
            student.slow()
        except Exception:
            return 5
        return 6

    with pytest.raises(StudentError):
        student.f(g)
    assert student.f(lambda: 7) == 7


def test_threads_of_the_student_may_call_back(work):
    student = work(
        "import threading\ndef f(g):\n    found = []\n"
        "    ts = [threading.Thread(target=lambda i=i: found.append(g(i))) for i in range(4)]\n"
        "    [t.start() for t in ts]; [t.join() for t in ts]\n    return sorted(found)\n"
        "def later(g):\n"
        "    threading.Thread(target=lambda: [g(i) for i in range(50)]).start()\n"
        "    return 'started'\n"
    )
    assert student.f(lambda i: i * i) == [0, 1, 4, 9]
    seen = []
    assert student.later(seen.append) == "started"
    assert student.f(lambda i: i) == [0, 1, 2, 3]
