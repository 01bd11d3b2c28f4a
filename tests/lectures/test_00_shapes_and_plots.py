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


def test_each_wrong_way_to_take_the_mean_colour_fails_as_it_says():
    x = np.random.default_rng(0).random((100, 3))
    assert ANSWERS["check-mean-colour"] == "x - x.mean(axis=0)"
    assert np.allclose((x - x.mean(axis=0)).mean(axis=0), 0)
    with pytest.raises(ValueError, match="broadcast"):
        x - x.mean(axis=1)
    brightness = x - x.mean(axis=1, keepdims=True)
    assert np.allclose(brightness.mean(axis=1), 0)
    assert not np.allclose(brightness.mean(axis=0), 0)
    assert not np.allclose((x - x.mean()).mean(axis=0), 0)


def test_the_other_checks_have_the_answers_that_numpy_gives():
    assert ANSWERS["check-column-row"] == str((np.ones((100, 1)) - np.ones(10)).shape)
    x = np.arange(-2.0, 3.0, 0.1)
    first_above_zero = np.flatnonzero(np.maximum(0, x) > 1e-9)[0]
    assert ANSWERS["check-kink"] == str(first_above_zero - 1)


def test_comparing_everything_with_everything_measures_what_guessing_gives():
    rng = np.random.default_rng(1)
    t = rng.permutation(np.arange(100) % 10)
    guessed = [np.mean(rng.integers(0, 10, 100) == t) for _ in range(1000)]
    (said_to_be,) = numbers("00", r"And (0\.\d+) is what pure guessing gives")
    assert np.isclose(np.mean(t[:, np.newaxis] == t), said_to_be)
    assert np.isclose(np.mean(guessed), said_to_be, atol=0.005)
    n, gigabytes = numbers("00", r"the ([\d,]+) training labels .{,150} takes ([\d.]+) gigabytes")
    assert np.dtype(bool).itemsize * n**2 == gigabytes * 1e9


def test_with_relu_two_layers_are_no_longer_one():
    rng = np.random.default_rng(1)
    inputs, first, second = (rng.normal(size=s) for s in ((1000, 3), (3, 50), (50, 2)))
    (tried,) = said("00", r"\*\*Try:\*\* write `(.*?)`. What does the assertion say now")
    names = {"relu": relu, "inputs": inputs, "first": first, "second": second}
    assert not np.allclose(eval(tried, names), inputs @ first @ second)


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
            verdict = "is a ValueError"
        assert f"{first} {sign} {second} {verdict}" in sentence
        seen.add((sign, verdict == "is a ValueError"))
    assert len(seen) == 4, "both operations work for some shapes and fail for others"
