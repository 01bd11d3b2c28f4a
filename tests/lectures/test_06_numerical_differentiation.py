"""What lecture 06 says in words and no cell of it asserts."""

from math import cos, log10, sin

import numpy as np
import pytest

from utils.functions import relu
from utils.gradients import numerical_diff


def test_float64_has_53_binary_digits_and_16_decimal_ones_and_float32_7():
    assert np.finfo(np.float64).nmant + 1 == 53
    assert round(53 * log10(2)) == 16
    assert round(24 * log10(2)) == 7
    ratio = np.finfo(np.float32).eps / np.finfo(np.float64).eps
    assert ratio == pytest.approx(5e8, rel=0.1)


def test_two_looks_at_the_sine_agree_in_11_digits():
    ahead, here = f"{sin(1 + 1e-12):.16f}", f"{sin(1):.16f}"
    assert ahead[:13] == here[:13]  # "0." and 11 digits
    assert ahead[13] != here[13]
    slope = (sin(1 + 1e-12) - sin(1)) / 1e-12
    assert f"{slope:.4f}" == f"{cos(1):.4f}" == "0.5403"
    assert f"{slope:.5f}" != f"{cos(1):.5f}"


@pytest.mark.parametrize(("behind", "shrinks"), [(0, 2), (1, 4)])
def test_half_the_step_leaves_half_the_error_or_a_quarter(behind, shrinks):
    def error(h):
        return abs((sin(1 + h) - sin(1 - behind * h)) / (h + behind * h) - cos(1))

    assert error(1e-3) / error(5e-4) == pytest.approx(shrinks, rel=1e-3)


def test_a_slope_of_the_parabola_has_five_digits_or_eleven():
    def f(x):
        return 0.01 * x**2 + 0.1 * x

    forward, central = (f(5 + 1e-4) - f(5)) / 1e-4, numerical_diff(f, 5)
    assert int(-log10(abs(forward / 0.2 - 1))) == 5
    assert int(-log10(abs(central / 0.2 - 1))) == 11


def test_the_missing_brackets_make_a_slope_1e_8_times_too_small():
    h = 1e-4
    assert ((1 + h) - (1 - h)) / 2 * h == pytest.approx(1e-8)


def test_relu_has_half_a_slope_at_its_corner_and_a_second_step_tells():
    assert numerical_diff(relu, 0) == 0.5
    near = 0.5e-4
    assert numerical_diff(relu, near) == pytest.approx(0.75)
    assert numerical_diff(relu, near, h=1e-5) == pytest.approx(1)
