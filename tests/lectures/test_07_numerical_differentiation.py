"""What lecture 07 says in words and no cell of it asserts."""

import inspect
from fractions import Fraction
from math import cos, log10, sin

import numpy as np
import pytest

from tests.lectures.notebooks import LECTURES, committed, digits, numbers, said
from utils.functions import relu
from utils.gradients import numerical_diff


def lines_of(cell_id: str) -> list[str]:
    """The lines of a cell of this lecture."""
    (path,) = (path for path in LECTURES if path.stem.startswith("07_"))
    (cell,) = (cell for cell in committed(path).cells if cell.id == cell_id)
    return cell.source.splitlines()


def test_float64_has_so_many_binary_and_decimal_digits():
    binary, decimal = numbers("07", r"A float64 has (\d+) binary digits, about (\d+) decimal ones")
    assert np.finfo(np.float64).nmant + 1 == binary
    assert round(binary * log10(2)) == decimal
    x, further = numbers("07", r"After (\d+) the next number .{,40} is ([\d.e-]+) further on")
    assert np.spacing(x) == pytest.approx(further, rel=0.01)
    (more,) = numbers("07", r"The rounding error grows by a factor of (\d+) million")
    assert np.finfo(np.float32).eps / np.finfo(np.float64).eps == pytest.approx(more * 1e6, rel=0.1)


@pytest.mark.parametrize("x", [1, 2, Fraction(-1, 3)])
@pytest.mark.parametrize("h", [1, Fraction(1, 10), Fraction(1, 7)])
def test_on_the_cube_both_errors_are_what_the_lecture_derives(x, h):
    (forward,) = said("07", r"The rest, \$(.{,20})\$, is the error of the forward difference")
    (central,) = said("07", r"= 3x\^2 \+ (h\^2) \$\$ The term")
    values = {"x": x, "h": h}
    errors = [
        eval(formula.replace("3xh", "3*x*h").replace("^", "**"), dict(values))
        for formula in (forward, central)
    ]
    assert ((x + h) ** 3 - x**3) / h - 3 * x**2 == errors[0]
    assert ((x + h) ** 3 - (x - h) ** 3) / (2 * h) - 3 * x**2 == errors[1]
    assert x**3 + 3 * x**2 * h + Fraction(6 * x, 2) * h**2 + Fraction(6, 6) * h**3 == (x + h) ** 3


def test_two_values_of_the_sine_agree_in_11_digits():
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
    pattern = r"halve \$h\$\. The error of the (\w+) difference halves, and that of the (\w+) "
    kinds = said("07", pattern + "difference falls to a quarter")
    slopes = {"forward": lambda h: (sin(1 + h) - sin(1)) / h}
    slopes["central"] = lambda h: numerical_diff(sin, 1, h)
    for kind, shrinks in zip(kinds, (2, 4), strict=True):
        one, half = (abs(slopes[kind](h) - cos(1)) for h in (1e-3, 5e-4))
        assert one / half == pytest.approx(shrinks, rel=1e-3)


def test_a_slope_of_the_parabola_has_five_digits_or_eleven():
    def f(x):
        return 0.01 * x**2 + 0.1 * x

    forward, central = (f(5 + 1e-4) - f(5)) / 1e-4, numerical_diff(f, 5)
    few, many = said("07", r"`parabola` at 5 has (\w+) correct digits instead of (\w+)")
    assert int(-log10(abs(forward / 0.2 - 1))) == digits(few)
    assert int(-log10(abs(central / 0.2 - 1))) == digits(many)


def test_the_missing_brackets_make_a_slope_1e8_times_too_small():
    formula, power = said("07", r"\| `(/ 2 \* h)` \| slope \$10\^(\d+)\$ times too small")
    h = inspect.signature(numerical_diff).parameters["h"].default
    wrong = eval(f"((1 + h) - (1 - h)) {formula}", {"h": h})
    assert 1 / wrong == pytest.approx(10 ** int(power))


def test_relu_has_half_a_slope_at_its_corner_and_a_second_step_tells():
    assert numerical_diff(relu, 0) == 0.5
    near = 0.5e-4
    assert numerical_diff(relu, near) == pytest.approx(0.75)
    assert numerical_diff(relu, near, h=1e-5) == pytest.approx(1)


def test_every_rule_of_the_table_is_confirmed_by_a_curve_of_its_own():
    table = {row.split("|")[1].strip() for row in lines_of("rules") if row.startswith("| ")}
    names = " ".join(line.split('"')[1] for line in lines_of("rules-code") if '": (' in line)
    rules = {name for row in table - {"rule"} for name in row.split(", ")}
    assert len(rules) >= 9
    assert {rule for rule in rules if rule not in names} == {"multiple"}  # 5x, in the sum
