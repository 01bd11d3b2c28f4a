"""What lecture 06 says in words and no cell of it asserts."""

from math import cos, log10, sin

import numpy as np
import pytest

from tests.lectures.appended import run_with
from utils.functions import relu
from utils.gradients import numerical_diff

# Appended to the lecture: the widget at every step h, and at every x.
EVERY_POSITION = """
places = [(x, p) for x in (0, 1, 10) for p in POWERS] + [(x, 4) for x in (2, 3, 5, 8)]
for curve, (f, slope_of) in CURVES.items():
    for x, power in places:
        h, true = 10.0**-power, slope_of(x)
        for way, behind in (("forward", 0), ("central", h)):
            fig, sentence = draw_difference(x, power, curve, way)
            slope = (f(x + h) - f(x - behind)) / (h + behind)
            assert f"at x = {x} with h = 1e-{power:02}, the {way} difference" in sentence
            said = sentence.rstrip(".").replace(";", "").split()
            assert abs(float(said[said.index("true") - 2]) - slope) <= 5e-7, sentence
            assert abs(float(said[-5]) - true) <= 5e-7, sentence
            np.testing.assert_allclose(float(said[-1]), abs(slope - true), rtol=0.5)
            left, right = fig.axes
            (circle,) = (line for line in right.lines if line.get_markersize() == 18)
            assert circle.get_xdata() == [-power]
            assert circle.get_ydata()[0] <= 1, "the mark is outside the picture"
            plt.close(fig)
"""

# ... the answers to what the text beside it asks, and what the figures show of both dtypes.
ANSWERS = """
wrong = {p: abs(central(parabola, 5, 10.0**-p) - 0.2) for p in POWERS}
assert max(wrong[p] for p in range(5)) < 1e-11, "the parabola has no right arm"
for h in (0.1, 0.01, 1e-3):  # the sine does not bend at 0
    assert np.isclose(forward(sin, 0, h), central(sin, 0, h), rtol=1e-15, atol=0)
zero = [p for p in POWERS if forward(parabola, 5, 10.0**-p) == 0]
assert zero == [16], "too small to move x"
behind = [(square(1 + h) - square(1)) / h for h in (-0.1, -0.01)]
np.testing.assert_allclose(behind, [1.9, 1.99])
try:
    numerical_diff(sin(1), 1)
except TypeError as error:
    assert "not callable" in str(error)
for f, one in ((loss_in(np.float32), np.float32(0)), (sin32, np.float32(1))):
    tiny = np.float32(1e-9)
    assert central(f, one, tiny) == 0
deep, flat = (errors_of(difference)[1].min() for difference in (central, forward))
assert 100 < flat / deep < 10_000
"""


@pytest.mark.slow
def test_the_widget_says_what_is_true_at_every_position(tmp_path):
    run_with("06_numerical_differentiation", EVERY_POSITION, ANSWERS, folder=tmp_path)


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
