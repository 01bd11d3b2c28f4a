"""What lecture 07 says in words and no cell of it asserts."""

import numpy as np
import pytest

from tests.lectures.appended import run_with
from utils.functions import softmax
from utils.gradients import gradient_descent, numerical_gradient

# Appended to the lecture: the widget at every rate, start and landscape, for some numbers of steps.
EVERY_POSITION = """
import re

curvatures = {"bowl": np.array([2, 2]), "valley": np.array([0.1, 2])}
rates = [float(text) for text in widget.controls["lr"].options]
numbers = [int(text) for text in widget.controls["steps"].options]
assert (min(numbers), max(numbers)) == (0, 100)
for land, curvature in curvatures.items():
    for begin in widget.controls["begin"].meaning.values():
        for lr in rates:
            for steps in (0, 1, 10, 100):
                fig, sentence = draw_walk(begin, lr, steps, land)
                x = begin * (1 - lr * curvature) ** steps
                height = np.sum(curvature / 2 * x**2)
                place, end, first = re.search(
                    r"at \\((.*)\\), at height (.*); the start had (.*)\\.", sentence
                ).groups()
                said = [float(number.replace(",", "")) for number in place.split(", ")]
                np.testing.assert_allclose(said, x, rtol=1e-6, atol=0.0051)
                np.testing.assert_allclose(float(end), height, rtol=0.06, atol=1e-15)
                np.testing.assert_allclose(float(first), LANDSCAPES[land][0](begin), rtol=0.06)
                left, right = fig.axes
                low, high = right.get_ylim()
                (curve, _) = right.lines
                assert np.all((low <= curve.get_ydata()) & (curve.get_ydata() <= high))
                assert len(curve.get_ydata()) == steps + 1
                plt.close(fig)
"""

# ... and the answers to what its text asks.
ANSWERS = """
here = np.array([3.0, 4.0])
assert np.allclose(keeping_gradient(forgetful, here), [6, 8]), "it moves `here` itself"
assert np.allclose(numerical_gradient(bowl, np.array([0.0, 4.0])), [0, 8])
far = bowl(here[:, np.newaxis] + 5 * ways) - bowl(here)
assert 238 <= np.sum(far > 0) <= 242, "two thirds of all directions rise, not half"
on_the_ridge, _ = gradient_descent(two_lows, np.array([0.0, 4.0]), 0.1, 100)
assert np.allclose(on_the_ridge, 0, atol=1e-6)
assert np.allclose(numerical_gradient(two_lows, on_the_ridge), 0, atol=1e-6)
fewest = {lr: np.sum(bowl(gradient_descent(bowl, start, lr, 99)[1].T) > 0.01) for lr in rates}
assert min(fewest, key=fewest.get) == 0.5 and fewest[0.5] == 1
blown, _ = gradient_descent(valley, np.array([-5.0, 2.0]), 1.05, 100)
assert abs(blown[1]) > 1000 > 1 > abs(blown[0]), "across, not along"
"""


@pytest.mark.slow
def test_the_widget_says_what_is_true_at_every_position(tmp_path):
    run_with("07_gradient_descent", EVERY_POSITION, ANSWERS, folder=tmp_path)


def test_along_the_contour_the_height_stays_and_along_the_gradient_it_rises_most():
    gradient = np.array([6.0, 8.0])
    assert gradient @ [-8, 6] == 0
    assert gradient @ [6, 8] == pytest.approx(10 * np.hypot(6, 8))


def test_a_step_on_the_bowl_multiplies_by_one_minus_twice_the_rate():
    for lr in (0.03, 0.1, 0.45, 0.5, 0.9, 1.0, 1.1):
        x, history = gradient_descent(lambda x: np.sum(x**2), [-3, 4], lr, 3)
        assert x == pytest.approx((1 - 2 * lr) ** 3 * np.array([-3, 4]), abs=1e-9)
        assert len(history) == 4


def test_an_oscillating_walk_has_two_places():
    _, history = gradient_descent(lambda x: np.sum(x**2), [-3, 4], 1.0, 20)
    assert history[::2] == pytest.approx(np.tile([-3, 4], (11, 1)), abs=1e-6)
    assert history[1::2] == pytest.approx(np.tile([3, -4], (10, 1)), abs=1e-6)


def test_minus_the_gradient_of_the_quick_check_lowers_a_loss():
    def loss(x):
        return -2 * x[0] + x[1] + np.sum(x**2)

    gradient = numerical_gradient(loss, np.zeros(2))
    assert gradient == pytest.approx([-2, 1])
    assert loss(np.array([0.1, -0.1])) < loss(np.zeros(2))
    assert loss(np.array([-0.1, -0.1])) > loss(np.zeros(2))


def test_a_matrix_of_784_by_50_has_39200_slopes():
    assert 784 * 50 == 39_200


def test_the_loss_of_one_layer_has_one_low_and_slopes_of_at_most_1():
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(30, 5)), rng.integers(0, 3, 30)

    def loss(weights):
        return -np.mean(np.log(softmax(z @ weights)[np.arange(30), t]))

    for _ in range(100):
        one, other = rng.normal(size=(2, 5, 3))
        assert loss((one + other) / 2) <= (loss(one) + loss(other)) / 2
    scores = 10 * rng.normal(size=(1000, 3))
    assert np.abs(softmax(scores) - np.eye(3)[0]).max() <= 1
