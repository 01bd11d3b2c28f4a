"""What lecture 11 says in words and no cell of it asserts."""

import numpy as np
import pytest

from utils.functions import sigmoid
from utils.gradients import numerical_diff, numerical_gradient, relative_error
from utils.layers import Affine, SoftmaxWithLoss


def test_dx_in_place_of_x_leaves_the_input_out():
    rng = np.random.default_rng(0)
    layer = Affine(rng.standard_normal((3, 5)), np.zeros(5))
    dout = rng.standard_normal((4, 5))
    wrong = []
    for _ in range(2):  # two batches that have nothing in common
        layer.forward(rng.standard_normal((4, 3)))
        wrong.append(layer.backward(dout).T @ dout)
    assert wrong[0].shape == layer.dW.shape
    np.testing.assert_allclose(wrong[0], wrong[1])
    assert relative_error(wrong[0], layer.dW) > 0.1


def test_the_gradient_of_a_wrong_loss_passes_for_the_right_one():
    rng = np.random.default_rng(0)
    a, t = rng.standard_normal((4, 3)), np.array([0, 1, 2, 0])
    layer = SoftmaxWithLoss()
    slow = numerical_gradient(lambda a: layer.forward(a, t) / 3, a)
    layer.forward(a, t)
    assert relative_error(layer.backward() / 3, slow) < 1e-7
    assert layer.forward(np.zeros((4, 3)), t) == pytest.approx(np.log(3))


def test_ten_sigmoids_leave_a_millionth_of_a_gradient():
    def ten(x):
        for _ in range(10):
            x = sigmoid(x)
        return x

    assert 0 < np.max(numerical_diff(ten, np.linspace(-5, 5, 101))) < 1e-6
