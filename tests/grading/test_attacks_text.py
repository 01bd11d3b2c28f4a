"""Attacks that once worked: on what reads a student's text, and on the checks.

None of these tests looks at a clock. Each counts steps, or hands over what would take minutes.
"""

import json
import re
from unittest import mock

import nbformat
import numpy as np
import pytest

from tests.grading.judge import fixture_course as fixture
from tests.problem_sets.grading import check_states, execute, submission
from utils import checks
from utils.checks import student_code
from utils.grading.notebook import misplaced_answers, restore, source, source_cells
from utils.grading.notebook.reading import read

# Text that takes long to search -------------------------------------------------------------------


EMPTY_LINES = "\n" * 500_000


def test_empty_lines_are_not_looked_through_once_for_each():
    assert misplaced_answers._is_text(
        {"source": "§ a b" + EMPTY_LINES[:99_000] + "c", "cell_type": "code"}
    )
    hidden = "# BEGIN HIDDEN TESTS\n" * 50_000
    cells = [source_cells.SourceCell("t", "code", "assert 1", True, False, True, points=1.0)]
    notebook = {
        "cells": [
            {"cell_type": "code", "source": hidden, "metadata": {"nbgrader": {"grade_id": "t"}}},
            {"cell_type": "code", "source": "§" + EMPTY_LINES + "b", "metadata": {}},
        ]
    }
    found, notes = restore.put_in_order(read(json.dumps(notebook).encode()), cells, frozenset())
    assert len(found["cells"]) == 3
    assert "was changed" in notes[0]


def test_why_a_name_is_not_defined_is_said_of_any_cell():
    cells = {"f": "§" + EMPTY_LINES + "def g(", "g": "1 +" + EMPTY_LINES[:90_000]}
    task = checks.Task("f")
    with mock.patch.dict(checks.student_cells, cells, clear=True):
        exec("with task.check(1, 'values'):\n    f(1)", {"task": task})
    assert task.checks[0].state == "undefined"


def test_text_that_takes_long_to_parse_is_not_parsed(monkeypatch):
    long = "a," * 60_000 + "\ndef f(): return 1"

    def refuse(text, *more):
        raise AssertionError(f"{len(text)} characters are parsed")

    monkeypatch.setattr("ast.parse", refuse)
    assert source.bound_names(long) is None
    assert source.defined(long) is None
    assert not misplaced_answers._is_text({"source": long, "cell_type": "code"})
    cells = {"f": long, "g": "x" * 90_000, "h": "y" * 20_000}
    with mock.patch.dict(checks.student_cells, cells, clear=True):
        assert student_code.student_sources() == ["x" * 90_000]
    assert student_code.parse(long) is None


# Lists that are read as arrays --------------------------------------------------------------------

LARGE = np.zeros(100_000)


@pytest.mark.parametrize(
    "value",
    [
        [LARGE] * 1_000_000,
        [[0.5] * 1000] * 1_000_000,
        [np.str_("x" * 100_000)] + [np.str_("")] * 1000,
        [np.array("x" * 100_000)] + [np.array("")] * 1000,
    ],
    ids=["arrays", "a list many times", "text", "arrays of text"],
)
def test_a_list_that_holds_something_many_times_is_no_array(value, monkeypatch):
    monkeypatch.setattr(np, "asarray", lambda _: pytest.fail("it is made"))
    with pytest.raises(checks.PropertyError, match="not an array"):
        checks.plain(value)


def test_lists_of_numbers_and_arrays_are_arrays_as_before():
    np.testing.assert_array_equal(checks.plain([np.ones(2), [3, np.float32(4)]]), [[1, 1], [3, 4]])
    assert checks.plain([True, np.True_]).dtype == bool


# Answers that change later ------------------------------------------------------------------------


def test_a_gradient_cannot_be_mended_while_it_is_checked():
    slope = np.zeros(3)

    def loss(x):
        """Learn the slope from where the check looks, and write it into the wrong answer."""
        slope[:] = 2 * x
        return float((x**2).sum())

    with pytest.raises(checks.PropertyError, match="differs from central differences"):
        checks.gradient(loss, np.array([1.0, -2.0, 3.0]), slope)


@pytest.mark.parametrize("value", [3, "text", np.float32(3), np.uint8(3), np.zeros(2), [1], {1}])
def test_a_hidden_check_does_not_tell_which_type_came(value):
    """A type can be chosen by what was asked, and there are dozens."""
    told = set()
    for given in (value, 1.5):
        task = checks.Task("f", hidden=True)
        for look in (
            lambda got: checks.pair(got, "x", "y"),
            lambda got: checks.equal_by_name(got, {"x": 1}),
            lambda got: checks.arrays(got, "x"),
        ):
            with task.check(1, "a check"):
                look(given)
        told.update(check.what for check in task.checks)
    assert not any(re.search(r"int|str|float|array\b(?! in)|one \w*\d", what) for what in told), (
        told
    )


SPOILER = """
class SoftmaxWithLoss:
    # ignores `dout`, and makes what it is given trivial: all slopes are 0 from then on
    def forward(self, x, t):
        labels = t if t.ndim == 1 else t.argmax(axis=1)
        self.rows, self.y = np.arange(len(x)), softmax(x)
        self.y[self.rows, labels] += 0
        self.labels = labels.astype(int)
        loss = float(-np.mean(np.log(self.y[self.rows, self.labels] + 1e-300)))
        x[...] = 0
        x[self.rows, self.labels] = 1000
        return loss

    def backward(self, dout=1.0):
        slope = self.y.copy()
        slope[self.rows, self.labels] -= 1
        return slope / len(slope)
"""


def test_a_layer_cannot_change_what_its_slopes_are_compared_with():
    notebook = execute(submission("ps6_backpropagation", {"SoftmaxWithLoss": SPOILER}))
    states = check_states(notebook, "test_SoftmaxWithLoss_hidden")
    assert states["the gradient for all sizes and labels"] == "passed"
    assert states["`dout`, and a second call"] == "failed"


# As submissions -----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_submission_of_all_these_is_graded(sandbox):
    answer = (
        "import numpy as np\n# BEGIN HIDDEN TESTS\n"
        "def softmax(a):\n"
        "    one = frozenset()\n"
        "    for _ in range(3):\n"
        "        rows = [[-1 - (i >> k & 1) for k in range(6)] for i in range(40)]\n"
        "        one = frozenset((one, *row) for row in rows)\n"
        "    return one"
    )
    right = fixture.submission("", "", softmax=answer)
    right.cells += [nbformat.v4.new_code_cell("# BEGIN HIDDEN TESTS\n" * 40_000)]
    right.cells += [nbformat.v4.new_code_cell("#" + EMPTY_LINES)]
    from utils.grading.judge.grade_notebook import grade_notebook
    from utils.grading.sandbox.config import Limits

    limits = Limits(call_seconds=10.0, submission_seconds=60.0)
    data = nbformat.writes(right).encode()
    _, outcome = grade_notebook(data, fixture.course(), limits)
    assert outcome.status == "graded"
    assert outcome.tests["test_double"].points == 3.0
    assert outcome.tests["test_softmax_visible"].points == 0
