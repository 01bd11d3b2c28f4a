"""What lecture 05 says in words and no cell of it asserts."""

import numpy as np
import pytest

from tests.lectures.notebooks import numbers, said
from utils.functions import (
    binary_cross_entropy,
    cross_entropy_error,
    softmax,
    sum_squared_error,
)


@pytest.mark.parametrize("classes", [2, 3, 10, 100])
def test_squared_error_is_steepest_at_a_third_and_flat_at_both_ends(classes):
    def slope(p, h=1e-5):
        a = np.log(np.append(p, np.full(classes - 1, (1 - p) / (classes - 1))))
        t = np.eye(classes)[0]
        up, down = (sum_squared_error(softmax(a + d * t), t) for d in (h, -h))
        return (up - down) / (2 * h)

    ps = np.arange(1, 300) / 300
    slopes = np.array([slope(p) for p in ps])
    assert ps[slopes.argmin()] == pytest.approx(1 / 3)
    assert slopes == pytest.approx(-classes / (classes - 1) * ps * (1 - ps) ** 2, abs=1e-8)
    more = -0.01 * 0.99**2 * classes / (classes - 1)  # "do more classes help it?"
    assert abs(more) < 0.02


def test_at_one_in_a_hundred_squared_error_is_fifty_times_flatter():
    (times,) = said("05", r"squared error is (\w+) times flatter")
    (p,) = numbers("05", r"the slope at \$p = ([\d.]+)\$")
    assert times == "fifty"
    assert (1 - p) / (2 * p * (1 - p) ** 2) == pytest.approx(50, rel=0.02)


def test_softmax_gives_0_only_for_a_score_some_745_below():
    assert softmax([0.0, -744.0])[1] > 0
    assert softmax([0.0, -747.0])[1] == 0


def test_seven_heads_of_ten_are_one_series_of_1024_and_not_likely():
    (series,) = numbers("05", r"It is small because there are ([\d,]+) series")
    assert series == 2**10
    p, likelihood = numbers("05", r"The coin has (0\.\d+) with probability (0\.\d+)")
    assert p**7 * (1 - p) ** 3 == pytest.approx(likelihood, abs=5e-5)


def test_the_area_below_the_likelihood_is_one_in_1320():
    (one_in,) = numbers("05", r"its area is 1/([\d,]+), not 1")
    p = (np.arange(10_000) + 0.5) / 10_000
    assert np.mean(p**7 * (1 - p) ** 3) == pytest.approx(1 / one_in)


def test_a_loss_of_0_69_is_guessing_between_two_and_better_than_that_among_ten():
    assert cross_entropy_error(np.full(2, 1 / 2), 0) == pytest.approx(0.69, abs=0.005)
    assert np.log(10) > 3 * 0.69


def test_the_three_wrong_means_are_wrong_by_what_the_text_says():
    y = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.0, 0.1, 0.9]])
    log_y, one_hot = np.log(y + 1e-7), np.eye(3)
    loss = cross_entropy_error(y, one_hot)
    assert -np.sum(one_hot * log_y) == pytest.approx(3 * loss, rel=1e-5)
    assert -np.mean(one_hot * log_y) == pytest.approx(loss / 3, rel=1e-5)
    assert log_y[:, [0, 1, 2]].shape == (3, 3)
    guess, sure = np.log(np.full((3, 3), 1 / 3)), np.log(one_hot + 1e-7)
    assert -np.sum(one_hot * guess) != pytest.approx(np.log(3))
    assert -np.mean(one_hot * guess) != pytest.approx(np.log(3))
    assert -np.mean(guess[:, [0, 1, 2]]) == pytest.approx(np.log(3)), "the one that it misses"
    assert -np.mean(sure[:, [0, 1, 2]]) > 1


def test_a_squared_error_is_at_most_1_for_one_image():
    assert sum_squared_error(np.eye(10)[7], np.eye(10)[2]) == 1
    shares = np.random.default_rng(0).dirichlet(np.full(10, 0.1), 1000)
    assert all(sum_squared_error(y, np.eye(10)[2]) <= 1 for y in shares)


def test_a_perfect_answer_makes_the_plain_two_class_form_nan():
    y, t = np.array([1.0, 0.2]), np.array([1, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = t * np.log(y) + (1 - t) * np.log(1 - y)
    assert np.isnan(terms).tolist() == [True, False]
    assert binary_cross_entropy(y[:1], t[:1]) == 0


def test_drawing_afresh_leaves_out_37_percent():
    (percent,) = numbers("05", r"([\d.]+) % of the images never seen")
    drawn = np.random.default_rng(0).integers(60_000, size=60_000)  # an epoch of `rng.choice`
    assert round(100 * (1 - len(np.unique(drawn)) / 60_000)) == percent
