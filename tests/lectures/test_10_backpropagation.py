"""What lecture 10 says in words and no cell of it asserts."""

import re
from itertools import pairwise

import pytest

from tests.lectures.notebooks import ROOT, about, answers, committed, numbers

PATH = ROOT / "lectures" / "10_backpropagation.ipynb"
LECTURE = committed(PATH)
CELLS = {cell.id: cell for cell in LECTURE.cells}


def test_the_cost_of_all_gradients():
    sizes = [784, 50, 100, 10]
    forward = sum(d * h for d, h in pairwise(sizes))
    parameters = forward + sum(sizes[1:])
    (said,) = numbers("10", r"has ([\d,]+) parameters\. How much work")
    assert said == parameters
    (passes,) = numbers("10", r"That makes ([\d,]+) forward passes for a single step")
    assert passes == 2 * parameters
    both = 2 * forward + 50 * 100 + 100 * 10  # dW of three layers, dx of two
    ratio, again = numbers("10", r"the work of ([\d.]+) forward passes for ([\d,]+) parameters")
    assert ratio == round(both / forward, 2)
    assert again == parameters


def test_the_checks_have_the_answers_that_the_engine_gives():
    """The claims of this lecture try the symptoms out in its own kernel."""
    right = answers(LECTURE)
    assert float(right["quiz-swap"]) == 3 * -2
    assert right["quiz-fork"] == "hand_back has = in place of +="
    assert right["quiz-order"] == "after both of its uses in y have handed to it"


def test_an_operation_of_the_engine_is_one_line():
    source = CELLS["engine"].source
    operations = re.findall(r"def __\w+__\(self, other\):\n +return Value\(.*\)\n", source)
    assert len(operations) == 3
    assert len(source.splitlines()) <= 30


@pytest.mark.browser
@pytest.mark.slow
@about(PATH)
def test_the_reader_types_an_expression(lecture):
    """The figure follows what is typed, and bad input gets a sentence; then it goes on."""
    figure = lecture.live_figures()["live-figure-expression"]
    expression, given = figure.locator("input[type=text]").all()
    status = figure.get_by_role("status")

    def type_into(field, text, expected):
        field.fill(text)
        field.press("Enter")
        lecture.wait_until(lambda: expected in status.text_content())

    type_into(expression, "x * x * x", "hands 2 × 2 = 4 to x and 2 × 2 = 4 to x")
    type_into(expression, "x * (", "is not a complete expression")
    type_into(expression, "__import__('os')", "is not known here")
    type_into(expression, "x * v", "The name v has no number. Add v = 1 to the numbers.")
    type_into(given, "x = 2, v = 7", "hands")
    lecture.screenshot("typed", of=figure)
    figure.get_by_role("button", name="Reset").click()
    lecture.wait_until(lambda: "exp" in expression.input_value())
