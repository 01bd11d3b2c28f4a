"""What lecture 09 says in words and no cell of it asserts."""

import numpy as np
import pytest

from utils.functions import cross_entropy_error
from utils.mnist import load_mnist
from utils.networks import TwoLayerNet
from utils.training import SGD, train


def test_an_untrained_network_pays_log_10_and_so_does_an_equal_output():
    rng = np.random.default_rng(0)
    x, t = rng.random((50, 784)), rng.integers(10, size=50)
    for seed in range(5):
        assert TwoLayerNet(784, 50, 10, seed=seed).loss(x, t) == pytest.approx(np.log(10), abs=0.05)
    assert cross_entropy_error(np.full((50, 10), 0.1), t) == pytest.approx(2.3026, abs=1e-4)
    assert 100 * np.log(10) == pytest.approx(230.26, abs=0.005)


def test_units_that_start_equal_stay_equal():
    rng = np.random.default_rng(0)
    x, t = rng.random((50, 20)), rng.integers(10, size=50)
    net = TwoLayerNet(20, 5, 10, weight_init_std=0)
    train(net, x, t, epochs=20, batch_size=10, optimizer=SGD(0.5), progress=False)
    W1 = net.params["W1"]
    np.testing.assert_allclose(W1, W1[:, :1] * np.ones(5))
    assert np.any(W1 != 0)


def test_a_sum_with_its_rate_divided_by_the_batch_size_is_the_mean():
    rng = np.random.default_rng(0)
    x, t = rng.random((60, 20)), rng.integers(10, size=60)

    class Sum(TwoLayerNet):
        def loss_and_gradient(self, x, t):
            loss, grads = super().loss_and_gradient(x, t)
            return len(x) * loss, {key: len(x) * g for key, g in grads.items()}

    mean, total = TwoLayerNet(20, 5, 10, seed=0), Sum(20, 5, 10, seed=0)
    train(mean, x, t, epochs=2, batch_size=20, optimizer=SGD(0.3), progress=False)
    train(total, x, t, epochs=2, batch_size=20, optimizer=SGD(0.3 / 20), progress=False)
    np.testing.assert_allclose(total.params["W1"], mean.params["W1"])


def test_the_stand_in_has_pixels_without_ink_too(monkeypatch):
    monkeypatch.setenv("MNIST_DIR", "digits")
    (x, _), _ = load_mnist()
    assert 0 < np.sum(x.max(axis=0) == 0) < 784
