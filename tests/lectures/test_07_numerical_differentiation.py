"""What lecture 07 says in words and no cell of it asserts."""

import inspect
from math import cos, log10, sin

import numpy as np
import pytest

from tests.lectures.notebooks import digits, numbers, said
from utils.functions import relu
from utils.gradients import numerical_diff


def test_float64_has_so_many_binary_and_decimal_digits():
    binary, decimal = numbers("07", r"A float64 has (\d+) binary digits, about (\d+) decimal ones")
    assert np.finfo(np.float64).nmant + 1 == binary
    assert round(binary * log10(2)) == decimal
    x, further = numbers("07", r"After (\d+) the next number .{,40} lies ([\d.e-]+) further on")
    assert np.spacing(x) == pytest.approx(further, rel=0.01)


def test_two_looks_at_the_sine_agree_in_11_digits():
    right, agree = map(int, numbers("07", r"right to (\d+) digits. But the first (\d+) of them"))
    ahead, here = f"{sin(1 + 1e-12):.{right}f}", f"{sin(1):.{right}f}"
    equal = 2 + agree  # with "0."
    assert ahead[:equal] == here[:equal]
    assert ahead[equal] != here[equal]
    left, just, value = said("07", r"The (\w+) that are left .{,60} to just (\w+): ([\d.]+)\.")
    assert digits(left) == right - agree
    slope, right = (sin(1 + 1e-12) - sin(1)) / 1e-12, digits(just)
    assert f"{slope:.{right}f}" == f"{cos(1):.{right}f}" == value
    assert f"{slope:.{right + 1}f}" != f"{cos(1):.{right + 1}f}"


def test_half_the_step_leaves_half_the_error_or_a_quarter():
    pattern = r"halve \$h\$, and the error of a (\w+) difference halves, that of a (\w+) one falls "
    kinds = said("07", pattern + "to a quarter")
    slopes = {"forward": lambda h: (sin(1 + h) - sin(1)) / h}
    slopes["central"] = lambda h: numerical_diff(sin, 1, h)
    for kind, shrinks in zip(kinds, (2, 4), strict=True):
        one, half = (abs(slopes[kind](h) - cos(1)) for h in (1e-3, 5e-4))
        assert one / half == pytest.approx(shrinks, rel=1e-3)


def test_a_slope_of_the_parabola_has_five_digits_or_eleven():
    def f(x):
        return 0.01 * x**2 + 0.1 * x

    forward, central = (f(5 + 1e-4) - f(5)) / 1e-4, numerical_diff(f, 5)
    few, many = said("07", r"`parabola` at 5: (\w+) correct digits instead of (\w+)")
    assert int(-log10(abs(forward / 0.2 - 1))) == digits(few)
    assert int(-log10(abs(central / 0.2 - 1))) == digits(many)


def test_the_missing_brackets_make_a_slope_1e_8_times_too_small():
    formula, power = said("07", r"\| `(/ 2 \* h)` \| slope \$10\^\{(-\d+)\}\$ times too small")
    h = inspect.signature(numerical_diff).parameters["h"].default
    wrong = eval(f"((1 + h) - (1 - h)) {formula}", {"h": h})
    assert wrong == pytest.approx(10 ** int(power))


def test_relu_has_half_a_slope_at_its_corner_and_a_second_step_tells():
    assert numerical_diff(relu, 0) == 0.5
    near = 0.5e-4
    assert numerical_diff(relu, near) == pytest.approx(0.75)
    assert numerical_diff(relu, near, h=1e-5) == pytest.approx(1)
