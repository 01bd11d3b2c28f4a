"""A task: its points, what costs them, and when a side property counts."""

import sys
import warnings
from unittest import mock

import numpy as np
import pytest

from tests.checks.outcomes import A, outcome, student
from utils import checks


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.7, 2.5])
def test_points_are_a_plain_float_and_add_exactly(share, capsys):
    task = checks.Task("f")
    for _ in range(3):
        with task.check(share, "a property", "a hint"):
            pass
    points = task.points()
    assert type(points) is float
    assert points == round(3 * share, 9)
    assert task.earned == task.total


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(0), RecursionError(), GeneratorExit(), MemoryError()]
)
def test_whatever_is_raised_costs_that_check_alone(error, capsys):
    f = student("def f(a):\n    raise f.error\n")
    f.error = error
    task = checks.Task("f")
    with task.check(1, "one", "a hint"):
        checks.gives(f, A, A)
    with task.check(1, "two", "a hint"):
        checks.gives(np.positive, A, A)
    assert task.points() == 1.0
    assert task.checks[0].what.endswith("(line 2: `raise f.error`)")


def test_the_stop_button_stops():
    def f(a):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(lambda: checks.gives(f, A, A))


def test_an_unwritten_task_is_one_calm_line(capsys):
    def f(a):
        raise NotImplementedError

    task = checks.Task("f")
    for _ in range(5):
        with task.check(1, "a property", "a hint"):
            checks.gives(f, A, A)
    assert task.points() == 0.0
    assert capsys.readouterr().out == "○ f: 0 of 5 points. Task f is not written yet.\n"


def test_an_undefined_task_is_told_once(capsys):
    task = checks.Task("f")
    for _ in range(5):
        with task.check(1, "a property", "a hint"):
            checks.gives(not_there, A, A)  # noqa: F821
    assert task.points() == 0.0
    said = capsys.readouterr().out
    assert said.count("`not_there` is not defined") == 1
    assert said.count("Run its cell first") == 1
    assert said.count("same cause") == 5


def test_a_half_written_task_shows_all_lines():
    task = checks.Task("Layer")
    with task.check(1, "forward", "a hint"):
        pass
    with task.check(1, "backward", "a hint"):
        raise NotImplementedError
    assert "○ not written" in repr(task)
    assert "✓ passed" in repr(task)


def test_warnings_and_stderr_do_not_leak(capfd):
    def f(a):
        warnings.warn("careless", stacklevel=1)
        print("complaint", file=sys.stderr)
        return np.exp(a * 1000)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome(lambda: f(A)).state == "passed"
    assert capfd.readouterr() == ("", "")


def test_prints_show_in_visible_checks_only(capfd):
    def f():
        print("here")

    outcome(f)
    assert capfd.readouterr().out == "here\n"
    outcome(f, hidden=True)
    assert capfd.readouterr().out == ""


def test_the_visible_headline_tells_the_hidden_points():
    for points, said in ((7, "7 hidden points depend"), (1, "1 hidden point depends")):
        task = checks.Task("softmax", hidden_points=points)
        with task.check(5, "a property"):
            checks.gives(np.positive, A, A)
        assert task.headline == f"✓ softmax: 5 of 5 visible points; {said} on the contract."


def side_and_values(f, expected, **about) -> list[str]:
    """Return the states of a check of a side property and a check of values."""
    task = checks.Task("f")
    with task.check(1, "side", **about):
        checks.leaves_alone(f, A)
    with task.check(1, "values"):
        checks.gives(f, A, expected)
    task.settle()
    return [check.state for check in task.checks]


def test_a_side_property_counts_only_with_right_values():
    assert side_and_values(np.exp, np.exp(A)) == ["passed", "passed"]
    assert side_and_values(np.exp, A) == ["failed", "failed"]
    assert side_and_values(np.exp, A, needs_values=False) == ["passed", "failed"]


def as_fast_as_can_be(f):
    """Check the speed of f by a clock that only the loop moves."""
    now = [0.0]

    def clock():
        return now[0]

    def loop():
        now[0] += 10

    with mock.patch.object(checks.speed, "thread_time", clock):
        checks.fast(f, A, loop)


@pytest.mark.parametrize(
    "body",
    [
        lambda f: checks.leaves_alone(f, A),
        lambda f: checks.finite(f, A),
        lambda f: checks.sums_to_one(lambda a: np.ones((2, 2)) / 2, A),
        lambda f: checks.keeps_order(f, A),
        lambda f: checks.agrees(f, A, A),
        lambda f: checks.row_by_row(f, A),
        lambda f: checks.repeats(f, A, A + 1),
        lambda f: checks.gives_floats(f, A, (2, 3)),
        as_fast_as_can_be,
    ],
)
def test_side_properties_alone_earn_nothing(body):
    task = checks.Task("f")
    with task.check(1, "side"):
        body(np.positive)
    task.settle()
    assert task.checks[0].what == checks.WAITS
    assert task.earned == 0


def test_a_list_costs_one_check_and_its_values_are_judged():
    def as_list(a):
        return (a + 1).tolist()

    for about_arrays in (False, True):
        task = checks.Task("f")
        with task.check(1, "one"):
            checks.gives(as_list, A, A + 1)
        with task.check(1, "two", about_arrays=about_arrays):
            checks.gives(as_list, A[0], A[0] + 1)
        with task.check(1, "three"):
            checks.gives(as_list, A, A)
        task.settle()
        states = ["passed", "failed"] if about_arrays else ["failed", "passed"]
        assert [check.state for check in task.checks] == [*states, "failed"]
        said = [check.what for check in task.checks[:2]]
        assert "`as_list` returned a list, not an array" in said or (
            "`f` returned a list, not an array" in said
        )
