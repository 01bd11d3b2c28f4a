"""Expressions as graphs: what is read, what is refused, and what each step shows."""

import math
import operator
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import to_hex

from utils.expressions import (
    MOST_CHARACTERS,
    MOST_OPERATIONS,
    ExpressionError,
    read_expression,
    read_numbers,
)
from utils.gradients import numerical_gradient
from utils.graphs import draw_graph, draw_step, draw_unreadable, last_step, read_graph
from utils.pictures import img
from utils.plots import BLUE, VERMILLION, YELLOW


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close the figures that other tests left open: Matplotlib warns of more than 20."""
    plt.close("all")
    yield
    plt.close("all")


class Value:
    """A scalar engine of the form that the module describes."""

    def __init__(self, value, inputs=(), local=(), sign=""):
        self.value, self.inputs, self.local, self.sign, self.grad = value, inputs, local, sign, 0.0

    def __add__(self, other):
        return Value(self.value + other.value, (self, other), (1.0, 1.0), "+")

    def __sub__(self, other):
        return Value(self.value - other.value, (self, other), (1.0, -1.0), "−")

    def __mul__(self, other):
        return Value(self.value * other.value, (self, other), (other.value, self.value), "×")

    def hand_back(self):
        for number, slope in zip(self.inputs, self.local, strict=True):
            number.grad += self.grad * slope


def exp(a):
    y = math.exp(a.value)
    return Value(y, (a,), (y,), "exp")


def log(a):
    return Value(math.log(a.value), (a,), (1 / a.value,), "log")


def in_order(last):
    order = []

    def visit(number):
        if number not in order:
            for i in number.inputs:
                visit(i)
            order.append(number)

    visit(last)
    return order


FUNCTIONS = {"exp": exp, "log": log}
PLAIN = {"exp": np.exp, "log": np.log}


def graph(text, numbers):
    return read_graph(text, numbers, FUNCTIONS, Value, in_order)


def plain(text, **names):
    return read_expression(text, names, PLAIN, float)


# Reading --------------------------------------------------------------------------------------


COMPUTED = {
    "names": {"x": 3, "-x": -3, "--x": 3, "+x": 3},
    "sums": {"x * w + 1": -5, "x - w - 1": 4, "x × x − 1": 8, "1e3 + .5": 1000.5},
    "products": {"x*(w+1)": -3, "-2 * x": -6, "x / 2": 1.5, "x ** 2": 9},
    "functions": {" exp(0) + log(1)": 1},
}


@pytest.mark.parametrize(
    ("text", "expected"), [case for cases in COMPUTED.values() for case in cases.items()]
)
def test_an_expression_is_computed_with_the_operators_of_its_objects(text, expected):
    assert plain(text, x=3.0, w=-2.0) == pytest.approx(expected)


REFUSED = {
    "empty": ["", "  "],
    "unfinished": ["x +", "(x", "((((((((((((((((((((((((((((((", "exp"],
    "two values": ["2x", "x y", "1if 2else 3", "x² + 1"],
    "statements": ["x = 3", "x; x", "x\nx", "(y := x)", "(yield x)"],
    "characters": ["x\0", "\ud800"],
    "calls": ["exp()", "exp(x, x)", "exp(a=x)", "exp(*x)", "sin(x)"],
    "names": ["v", "x.real", "x[0]", "().__class__", "__import__('os').system('true')"],
    "decisions": ["x if x else x", "x < 3", "x and x", "not x"],
    "operators": ["~x", "x @ x", "x // 2", "x % 2"],
    "functions": ["lambda: x", "[x for x in x]"],
    "other literals": ["f'{x}'", "'a' * 9", "b'a'", "1j", "True", "None", "...", r"'\d'"],
    "large numbers": ["9**9**9**9", "1e400", "-1e400", "10000000", "exp(1000)"],
    "no logarithm": ["log(0)", "log(-x)"],
    "characters in all": ["x" * (MOST_CHARACTERS + 1)],
    "operations in all": [
        "+".join(["x"] * (MOST_OPERATIONS + 2)),
        "-" * (MOST_OPERATIONS + 1) + "x",
    ],
}


@pytest.mark.parametrize("text", [text for texts in REFUSED.values() for text in texts])
def test_what_cannot_be_computed_is_refused_with_a_sentence(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ExpressionError) as refused:
            graph(text, "x = 3")
    message = str(refused.value)
    assert message[0].isupper()
    assert message.endswith(".")
    assert len(message) < 400


def test_a_missing_operation_is_named_with_those_that_there_are():
    with pytest.raises(ExpressionError, match=r"operation /\. Use \+, -, \*, exp and log\.$"):
        graph("x / x", "x = 3")
    with pytest.raises(ExpressionError, match=r"For x \*\* 2 write x \* x\.$"):
        graph("x ** 2", "x = 3")


def test_an_engine_that_learns_an_operation_can_use_it(monkeypatch):
    def divide(a, b):
        return Value(a.value / b.value, (a, b), (1 / b.value, -a.value / b.value**2), "/")

    monkeypatch.setattr(Value, "__truediv__", divide, raising=False)
    order, _ = graph("x / 2", "x = 3")
    assert order[-1].value == 1.5
    with pytest.raises(ExpressionError, match="cannot be computed with these numbers"):
        graph("x / 0", "x = 3")


def test_numbers_are_read_by_name():
    assert read_numbers("x = 3, w1=-0.5;b = 1e2,") == {"x": 3, "w1": -0.5, "b": 100}
    assert read_numbers("") == {}


@pytest.mark.parametrize(
    "text",
    ["x", "x =", "= 3", "3 = x", "x = y", "x = 1 = 2", "x = 1, x = 2", "x = nan", "x = inf",
     "x = 1e7", "a_long_name = 1", "x.y = 1", "x = 1" + " " * MOST_CHARACTERS],
)  # fmt: skip
def test_other_texts_are_not_numbers(text):
    with pytest.raises(ExpressionError, match=r"^[A-Z].*\.$"):
        read_numbers(text)


def test_a_name_of_a_function_and_numbers_that_grow_too_large_are_refused():
    with pytest.raises(ExpressionError, match="The name exp is that of a function"):
        graph("x", "x = 1, exp = 2")
    with pytest.raises(ExpressionError, match="too large"):
        graph("exp(x) * exp(x)", "x = 700")
    with pytest.raises(ExpressionError, match="too large"):  # the gradient, not the number
        graph("exp(x) * exp(x) * 0", "x = 500")


@given(st.text(max_size=30))
@settings(max_examples=200, deadline=None)
def test_any_text_is_computed_or_refused(text):
    try:
        order, _ = graph(text, "x = 3")
    except ExpressionError:
        return
    assert math.isfinite(order[-1].value)


# Stepping and drawing -------------------------------------------------------------------------

EXAMPLES = [
    ("x", "x = 2"),
    ("x * x", "x = 3"),
    ("x*x + exp(x*w)", "x = 2, w = -0.5"),
    ("(x + w) * (x - w) * 2", "x = 2, w = -0.5"),
    ("log(exp(a) + exp(b) + exp(c)) - a", "a = 0, b = 0.1, c = 5.3"),
]


def boxes(fig):
    """The texts of a graph with their colour, and the number of marked boxes."""
    texts = [(t.get_text(), to_hex(t.get_color()).upper()) for t in fig.axes[0].texts]
    numbers = [text for text, color in texts if color == BLUE.upper() and text.strip()]
    gradients = [text for text, color in texts if color == VERMILLION.upper() and text.strip()]
    marked = sum(to_hex(p.get_facecolor()).upper() == YELLOW.upper() for p in fig.axes[0].patches)
    return numbers, gradients, marked


@pytest.mark.parametrize(("text", "numbers"), EXAMPLES)
def test_each_step_shows_one_operation_more(text, numbers):
    order, names = graph(text, numbers)
    n, given_numbers = sum(bool(v.inputs) for v in order), sum(not v.inputs for v in order)
    assert last_step(order) == 2 * n + 1
    sentences = set()
    for step in range(2 * n + 2):
        fig, sentence = draw_step(order, names, step)
        values, gradients, marked = boxes(fig)
        plt.close(fig)
        sentences.add(sentence)
        assert sentence.startswith(f"Step {step}")
        assert sentence.endswith(".")
        assert len(values) == given_numbers + min(step, n)
        assert marked == (step > 0)
        assert (len(gradients) > 0) == (step > n)
    assert len(sentences) == 2 * n + 2
    assert len(gradients) == len(order)
    assert not any("…" in gradient for gradient in gradients)


@pytest.mark.parametrize(("text", "numbers"), EXAMPLES)
def test_after_the_last_step_the_gradients_are_the_derivatives(text, numbers):
    order, names = graph(text, numbers)
    fig, _ = draw_step(order, names, last_step(order) + 5)
    shown = boxes(fig)
    plt.close(fig)
    whole = draw_graph(order, names)
    assert boxes(whole)[:2] == shown[:2]
    plt.close(whole)
    keys = list(names)
    slow = numerical_gradient(
        lambda v: plain(text, **dict(zip(keys, v, strict=True))),
        np.array([names[key].value for key in keys]),
    )
    np.testing.assert_allclose([names[key].grad for key in keys], slow, rtol=1e-6)
    for key in keys:
        assert f"← {names[key].grad:.4g}" in shown[1]


def test_a_fork_says_that_more_is_to_come():
    order, names = graph("x * x + x * w", "x = 3, w = 2")
    _, *after = (boxes(draw_step(order, names, step)[0])[1] for step in (5, 6, 7))
    plt.close("all")
    assert "← 2 …" in after[0] or "← 6 …" in after[0]
    assert "← 8" in after[1]


def test_the_sentence_of_a_step_back_shows_the_products():
    order, names = graph("x * w", "x = 3, w = 2")
    _, sentence = draw_step(order, names, 3)
    plt.close("all")
    assert sentence == (
        "Step 3, backward: × has the upstream gradient 1 and hands 1 × 2 = 2 to x and "
        "1 × 3 = 3 to w."
    )


@pytest.mark.parametrize(("text", "numbers"), [*EXAMPLES, ("*".join("x" * 11), "x = 1.5")])
def test_boxes_do_not_overlap_and_lie_in_the_figure(text, numbers):
    fig = draw_graph(*graph(text, numbers))
    ax = fig.axes[0]
    rectangles = [patch for patch in ax.patches if hasattr(patch, "get_xy")]
    corners = [(r.get_x(), r.get_y(), r.get_width(), r.get_height()) for r in rectangles]
    plt.close(fig)
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    for k, (x, y, width, height) in enumerate(corners):
        assert left <= x <= x + width <= right
        assert low <= y <= y + height <= high
        for x2, y2, width2, height2 in corners[:k]:
            apart = x + width < x2 or x2 + width2 < x or y + height < y2 or y2 + height2 < y
            assert apart


@pytest.mark.parametrize(
    "text", ["", "$x$ $", r"$\frac$", "漢字 x", "\ud800", "x\n\t\0", "x" * 999]
)
def test_a_text_without_a_graph_can_be_drawn(text):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # such as a letter that the font does not have
        page = img(draw_unreadable(text), "A text without a graph.")
    assert page.startswith("<img ")


def test_plain_operators_are_enough_for_an_engine():
    assert plain("x * w", x=operator.add(1.0, 1.0), w=4.0) == 8
