"""What lecture 08 says in words and no cell of it asserts."""

import numpy as np
import pytest

from tests.lectures.notebooks import numbers
from utils.functions import softmax
from utils.gradients import gradient_descent
from utils.networks import TwoLayerNet


def test_along_the_contour_the_height_stays_and_along_the_gradient_it_rises_most():
    gradient = np.array(numbers("08", r"\\cdot d = (\d+) d_0 \+ (\d+) d_1"))
    flat = numbers("08", r"That is 0 for \$d = \((-?\d+), (-?\d+)\)\$")
    steep = np.array(numbers("08", r"for a given length, along \$\((-?\d+), (-?\d+)\)\$"))
    assert gradient @ flat == 0
    around = np.linspace(0, 2 * np.pi, 1000)
    steps = np.hypot(*steep) * np.array([np.cos(around), np.sin(around)])  # of the same length
    assert np.all(gradient @ steps <= gradient @ steep)


def test_a_step_on_the_bowl_multiplies_by_one_minus_twice_the_rate():
    for lr in (0.03, 0.1, 0.45, 0.5, 0.9, 1.0, 1.1):
        x, history = gradient_descent(lambda x: np.sum(x**2), [-3, 4], lr, 3)
        assert x == pytest.approx((1 - 2 * lr) ** 3 * np.array([-3, 4]), abs=1e-9)
        assert len(history) == 4


def test_an_oscillating_walk_has_two_places():
    _, history = gradient_descent(lambda x: np.sum(x**2), [-3, 4], 1.0, 20)
    assert history[::2] == pytest.approx(np.tile([-3, 4], (11, 1)), abs=1e-6)
    assert history[1::2] == pytest.approx(np.tile([3, -4], (10, 1)), abs=1e-6)


@pytest.mark.parametrize("lr", [0.1, 1e-2, 1e-4, 1e-7])
def test_a_step_along_plus_the_gradient_raises_the_loss_at_any_rate(lr):
    """As the quick check says: no rate is small enough when the sign is wrong."""
    _, history = gradient_descent(lambda x: np.sum(x**2), [-3, 4], -lr, 5)
    assert np.all(np.diff(np.sum(history**2, axis=1)) > 0)
    _, history = gradient_descent(lambda x: np.sum(x**2), [-3, 4], lr, 5)
    assert np.all(np.diff(np.sum(history**2, axis=1)) < 0)


def test_momentum_needs_16_steps_in_the_valley_and_the_best_plain_rate_62():
    def steps(lr: float, momentum: float) -> int:
        """Steps until x stays within 0.01, by the exact slopes of x0^2 / 20 + x1^2."""
        x, v, last = np.array([-5.0, 2.0]), np.zeros(2), 0
        for step in range(1, 2000):
            v = momentum * v - lr * x * [0.1, 2]
            x = x + v
            if np.abs(x).max() > 0.01:
                last = step
        return last + 1

    rates = np.arange(0.9, 0.97, 0.001)
    assert min(steps(lr, 0) for lr in rates) == 62
    (rate,) = numbers("08", r"with the rate ([\d.]+) and half of the last step added")
    assert steps(rate, 0.5) == 16
    (above,) = numbers("08", r"alone would diverge, since it is above (\d)\.")
    assert abs(1 - 2 * above) == 1 < abs(1 - 2 * rate)


def test_a_matrix_of_784_by_50_has_39200_slopes():
    (slopes,) = numbers("08", r"it has a slope for each of the ([\d,]+) weights")
    other = tuple(map(int, numbers("08", r"\((\d+), (\d+)\): .It is not transposed")))
    assert TwoLayerNet(*other[::-1], 10).params["W1"].size == slopes


def test_the_loss_of_one_layer_is_convex_and_its_slopes_are_at_most_1():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(30, 5)), rng.integers(0, 3, 30)

    def loss(weights):
        return -np.mean(np.log(softmax(z @ weights)[np.arange(30), t]))

    for _ in range(100):
        one, other = rng.normal(size=(2, 5, 3))
        assert loss((one + other) / 2) <= (loss(one) + loss(other)) / 2
    scores = 10 * rng.normal(size=(1000, 3))
    assert np.abs(softmax(scores) - np.eye(3)[0]).max() <= 1
