"""What lecture 06 says in words and no cell of it asserts."""

import math

import numpy as np
import pytest

from tests.lectures.notebooks import ROOT, answers, committed, numbers, said
from utils.functions import binary_cross_entropy

LECTURE = committed(ROOT / "lectures" / "06_likelihood.ipynb")


def test_seven_heads_of_ten_are_one_series_of_1024_and_not_likely():
    (series,) = numbers("06", r"It is small because there are ([\d,]+) series")
    assert series == 2**10
    p, likelihood = numbers("06", r"The coin has (0\.\d+) with probability (0\.\d+)")
    assert p**7 * (1 - p) ** 3 == pytest.approx(likelihood, abs=5e-5)
    (orders,) = numbers("06", r"heads can come in ([\d,]+) orders")
    assert orders == math.comb(10, 7)
    fair, best = numbers("06", r"less probable, (0\.\d+) instead of (0\.\d+)")
    assert fair == pytest.approx(0.5**10, abs=5e-6)
    assert best == likelihood


def test_the_area_below_the_likelihood_is_one_in_1320():
    p = (np.arange(10_000) + 0.5) / 10_000
    for pattern in (r"its area is 1/([\d,]+), not 1", r"area under the curve is 1/([\d,]+)"):
        (one_in,) = numbers("06", pattern)
        assert np.mean(p**7 * (1 - p) ** 3) == pytest.approx(1 / one_in)


def test_a_perfect_answer_makes_the_plain_two_class_form_nan():
    y, t = np.array([1.0, 0.2]), np.array([1, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = t * np.log(y) + (1 - t) * np.log(1 - y)
    assert np.isnan(terms).tolist() == [True, False]
    assert binary_cross_entropy(y[:1], t[:1]) == 0


def test_the_product_is_0_after_324_images():
    (images,) = numbers("06", r"exactly 0 after ([\d,]+) images")
    product = np.cumprod(np.full(1000, 0.1))
    assert np.argmin(product) + 1 == images


def test_the_checks_have_the_answers_that_numpy_gives():
    found = answers(LECTURE)
    likelihood, loss = 0.5 * 0.8 * 0.25, float(found["check-number"])
    assert likelihood == pytest.approx(0.1)
    assert loss == pytest.approx(-np.log(likelihood) / 3, abs=5e-4)
    assert "rounded to 0" in found["check-diagnosis"]


def test_five_standard_deviations_practically_never_happen():
    said("06", r"an error of (five) standard deviations practically never happens")
    assert math.erfc(5 / math.sqrt(2)) < 1e-6


def test_a_wrong_measurement_moves_the_mean_and_not_the_median():
    before, after, median = numbers("06", r"the mean from ([\d.]+) to ([\d.]+) .*?median at (\d+)")
    for largest, mean in ((11, before), (110, after)):
        values = [4, 5, largest, 10, 10]
        assert np.mean(values) == pytest.approx(mean)
        assert np.median(values) == median


def test_bits_and_nats_differ_by_a_factor_of_0_693():
    (factor,) = numbers("06", r"differ by a factor of ([\d.]+)")
    assert np.log(2) == pytest.approx(factor, abs=5e-4)


def test_the_recipe_names_losses_that_are_minus_log_likelihoods():
    """Each differs from minus the logarithm of the density by the same for every output."""
    losses = {
        "Laplace": (lambda y, t: abs(t - y), lambda y, t: -abs(t - y) - np.log(2)),
        "Poisson": (
            lambda y, t: y - t * np.log(y),
            lambda y, t: t * np.log(y) - y - math.lgamma(t + 1),
        ),
    }
    for name, (loss, log_density) in losses.items():
        said("06", rf"\| ({name}) \|")
        differences = [loss(y, 3) + log_density(y, 3) for y in (0.5, 2.0, 3.0, 7.0)]
        assert differences == pytest.approx([differences[0]] * 4), name
