"""What lecture 01 claims and no cell of it asserts."""

import itertools
import re

import matplotlib.pyplot as plt
import numpy as np
import pytest

from tests.lectures.notebooks import ROOT, answers, committed, numbers, said
from utils import plots
from utils.functions import identity_function, sigmoid, softmax

LECTURE = committed(ROOT / "lectures" / "01_output_layer.ipynb")
CELLS = {cell.id: cell for cell in LECTURE.cells}
ANSWERS = answers(LECTURE)
DAYS = np.array([[5, 2.0, 4], [7, 1.2, 5], [10, 1.6, 11], [10, 1.8, 10], [9, 2.6, 10]])


def test_the_table_of_five_days_is_what_the_cells_use():
    rows = re.findall(r"^\| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", CELLS["regression"].source, re.M)
    assert np.array_equal(np.array(rows, dtype=float), DAYS)
    names = {"np": np}
    for line in CELLS["get-ready"].source.splitlines():
        if line.startswith(("x = ", "t = ")):
            exec(line, names)
    assert np.array_equal(np.column_stack([names["x"], names["t"]]), DAYS)


def test_the_forecast_is_that_of_the_normal_equations():
    ones = np.column_stack([DAYS[:, :2], np.ones(5)])  # (N, D + 1)
    weights = np.linalg.solve(ones.T @ ones, ones.T @ DAYS[:, 2])
    (forecast,) = numbers("01", r"only the first digit of ([\d.]+) can be trusted")
    day = numbers("01", r"on which \*now\* is ([\d.]+) and the wind is (\d\.\d)")
    assert round(np.array([*day, 1]) @ weights, 2) == forecast
    without, largest = numbers("01", r"largest error ([\d.]+), not ([\d.]+)")
    assert round(np.abs(ones @ weights - DAYS[:, 2]).max(), 2) == largest
    no_bias = np.linalg.lstsq(DAYS[:, :2], DAYS[:, 2])[0]
    assert round(np.abs(DAYS[:, :2] @ no_bias - DAYS[:, 2]).max(), 2) == without
    tried, wind = numbers("01", r"let the wind be ([\d.]+) instead of ([\d.]+) in `day`")
    moved = (np.array([day[0], tried, 1]) - np.array([day[0], wind, 1])) @ weights
    assert np.isclose(moved, (tried - wind) * weights[1])  # "which weight tells you in advance"


def test_the_checks_have_the_answers_that_numpy_gives():
    assert float(ANSWERS["check-odds"]) == 9
    assert ANSWERS["check-letters"] == "(100, 26)"
    assert (np.ones((5, 100)) @ np.ones((100, 26))).shape == (5, 26)
    assert ANSWERS["check-dog-and-cat"] == "its output function is one softmax over both outputs"


def test_one_output_function_alone_has_the_symptoms_of_the_diagnosis():
    scores = np.array([[2.2, 2.2], [-2.2, -2.2]])
    text = CELLS["check-dog-and-cat"].source
    assert "scores of 2.2 and 2.2" in text
    assert "scores of -2.2 and -2.2" in text
    fits = [f for f in (identity_function, sigmoid, softmax) if np.allclose(f(scores), 0.5)]
    assert fits == [softmax]


def test_only_exp_gives_a_lead_the_same_ratio_everywhere():
    names = {"np": np}
    exec(CELLS["why-exp-code"].source.split("\n\n\nfor")[0], names)
    places = np.linspace(-5, 5, 11)
    for d in (1.0, 2.5):
        assert np.allclose(np.exp(places + d) / np.exp(places), np.exp(d))
        for f in (np.square, names["softplus"]):
            ratios = f(places + d) / f(places + 1e-9)
            assert ratios.max() > 2 * ratios.min()
    assert np.square(-7) == np.square(7)  # "a score of -7 would get as much as 7"


def test_a_linear_classifier_gives_each_class_one_connected_piece():
    rng = np.random.default_rng(0)
    grid = np.linspace(-10, 10, 2001)[:, np.newaxis]  # (N, 1)
    for _ in range(200):
        winners = (grid @ rng.normal(size=(1, 4)) + rng.normal(size=4)).argmax(axis=1)
        pieces = 1 + np.count_nonzero(np.diff(winners))
        assert pieces == len(set(winners))


def test_odds_of_a_bookmaker_and_the_share_of_an_opponent_at_zero():
    assert np.isclose(0.8 / (1 - 0.8), 4)
    assert np.allclose(softmax([[7.0, 5.0], [2.0, 0.0]])[:, 0], sigmoid(2.0))


def test_another_numbering_gives_another_name_to_half_red_half_blue():
    (name,) = said("01", r'half red, half blue: "(\w+)"')
    red_blue, names = np.array([0.5, 0, 0.5]), ["red", "green", "blue"]
    assert names[int(red_blue @ [0, 1, 2])] == name
    assert red_blue @ [0, 2, 1] == 0.5  # with red 0, blue 1, green 2 it is no class at all


@pytest.fixture(scope="module")
def compete():
    """The function that draws the widget of three scores."""
    names = {name: getattr(plots, name) for name in ("BLUE", "GREY", "SKY")} | {
        "np": np,
        "plt": plt,
    }
    exec(CELLS["softmax-figure"].source.split("\nfig, sentence")[0], names)
    return names["compete"]


def test_the_widget_says_what_softmax_says(compete):
    plt.switch_backend("agg")
    steps = eval(re.search(r"steps = (\[.*\])", CELLS["softmax-widget"].source)[1])
    for number, scores in enumerate(itertools.product((steps[0], steps[-1]), repeat=3)):
        k = number % 3
        fig, sentence = compete(*scores, ("red", "green", "blue")[k])
        plt.close(fig)
        share = softmax(scores)[k]
        assert sentence.endswith(f"a share of {share:.3f}.")
