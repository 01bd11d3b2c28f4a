"""What lecture 00 claims and no cell of it asserts."""

import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle

from tests.lectures.notebooks import ROOT, answers, committed, numbers, said
from utils import plots
from utils.functions import relu

LECTURE = committed(ROOT / "lectures" / "00_shapes_and_plots.ipynb")
CELLS = {cell.id: cell for cell in LECTURE.cells}
ANSWERS = answers(LECTURE)


def test_the_diagnosis_is_right_and_the_other_answers_are_wrong():
    colours = np.array([[122, 66, 94], [255, 0, 0], [0, 255, 0]])
    parts = colours / colours.sum(axis=1)
    assert ANSWERS["check-mean-colour"] == "Each column was divided by the sum of one row."
    for column in range(3):
        assert np.allclose(parts[:, column], colours[:, column] / colours[column].sum())
    shown = str(parts.sum(axis=1).round(2).tolist())
    (check,) = [cell for cell in LECTURE.cells if cell.id == "check-mean-colour"]
    assert f"they sum to {shown}" in check.outputs[0].data["text/plain"]
    assert np.abs(parts.sum(axis=1) - 1).max() > 0.05, "more than rounding does"
    right = colours / colours.sum(axis=1, keepdims=True)
    assert np.allclose(right.sum(axis=1), 1), "axis 1 and the integers were not the fault"


def test_the_other_checks_have_the_answers_that_numpy_gives():
    assert ANSWERS["check-column-row"] == str((np.ones((100, 1)) - np.ones(10)).shape)
    x = np.arange(-2.0, 3.0, 0.1)
    first_above_zero = np.flatnonzero(np.maximum(0, x) > 1e-9)[0]
    assert ANSWERS["check-kink"] == str(first_above_zero - 1)


def test_comparing_everything_with_everything_measures_what_guessing_gives():
    rng = np.random.default_rng(1)
    t = rng.permutation(np.arange(100) % 10)
    guessed = [np.mean(rng.integers(0, 10, 100) == t) for _ in range(1000)]
    (said_to_be,) = numbers("00", r"Worse, (0\.\d+) is what random guessing gives")
    assert np.isclose(np.mean(t[:, np.newaxis] == t), said_to_be)
    assert np.isclose(np.mean(guessed), said_to_be, atol=0.005)
    n, gigabytes = numbers("00", r"the ([\d,]+) training images .{,250} takes ([\d.]+) gigabytes")
    assert np.dtype(bool).itemsize * n**2 == gigabytes * 1e9


def test_with_relu_two_layers_are_no_longer_one():
    rng = np.random.default_rng(1)
    inputs, first, second = (rng.normal(size=s) for s in ((1000, 3), (3, 50), (50, 2)))
    (tried,) = said("00", r"\*\*Try:\*\* write `(.*?)`. What does the assertion say now")
    names = {"relu": relu, "inputs": inputs, "first": first, "second": second}
    assert not np.allclose(eval(tried, names), inputs @ first @ second)


def test_no_line_gets_all_four_points_of_xor():
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    grid = np.linspace(-2, 2, 41)
    w1, w2, b = (axis.ravel() for axis in np.meshgrid(grid, grid, grid))
    answers = corners @ np.stack([w1, w2]) + b > 0  # (N, D) @ (D, H) + (H,) -> (N, H)
    assert (answers == [[False], [True], [True], [False]]).sum(axis=0).max() == 3


def test_a_nudge_moves_every_sigmoid_and_no_step():
    (check,) = [cell for cell in LECTURE.cells if cell.id == "predict-nudge"]
    answer = check.outputs[0].data["text/html"]
    assert re.search(r"step +0 of 10,000\nsigmoid +10,000 of 10,000", answer)


def test_a_loop_takes_thousands_of_times_as_long():
    (timed,) = [cell for cell in LECTURE.cells if cell.id == "product-time"]
    slow, fast = (float(ms) for ms in re.findall(r"([\d.]+) ms", timed.outputs[0].text))
    assert "thousands of times as long" in CELLS["product-time-talk"].source
    assert slow / fast >= 2000


@pytest.fixture(scope="module")
def combine():
    """The function that draws the widget of two shapes."""
    names = {name: getattr(plots, name) for name in ("GREY", "ORANGE", "SKY", "VERMILLION")}
    names |= {"np": np, "plt": plt, "Rectangle": Rectangle}
    for cell in ("stretch-helpers", "shapes-figure"):
        exec(CELLS[cell].source.split("\nshow(")[0], names)
    return names["combine"]


def test_two_shapes_are_judged_as_numpy_judges_them(combine):
    plt.switch_backend("agg")
    shapes = eval(re.search(r"shapes = (\[.*\])", CELLS["shapes-widget"].source)[1])
    seen = set()
    for first, second, sign in itertools.product(shapes, shapes, "+@"):
        fig, sentence = combine(first, second, sign)
        plt.close(fig)
        a, b = np.ones(first), np.ones(second)
        try:
            verdict = f"gives the shape {(a + b if sign == '+' else a @ b).shape}."
        except ValueError:
            verdict = "raises a ValueError"
        assert f"{first} {sign} {second} {verdict}" in sentence
        seen.add((sign, verdict == "raises a ValueError"))
    assert len(seen) == 4, "both operations work for some shapes and fail for others"
