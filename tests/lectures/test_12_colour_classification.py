"""What lecture 12 says in words and no cell of it asserts."""

import numpy as np
import pytest

from utils.colours import MARGIN, load_colours
from utils.functions import softmax
from utils.layers import SoftmaxWithLoss
from utils.networks import MultiLayerNet, TwoLayerNet
from utils.training import SGD, Momentum, train


def test_the_largest_part_leads_by_32():
    assert MARGIN == 32
    for x, t in load_colours():
        assert np.array_equal(x.argmax(axis=1), t)
        assert np.diff(np.sort(x, axis=1))[:, 1].min() >= 32


def test_no_new_colour_was_trained_on():
    (known, _), _ = load_colours()
    _, (new, _) = load_colours(n_test=6000, seed=1)
    assert not {tuple(x) for x in known.tolist()} & {tuple(x) for x in new.tolist()}


def test_two_softmaxes_have_a_floor_and_their_outputs_a_ceiling():
    shares = softmax(np.random.default_rng(0).normal(0, 100, (1000, 3)))
    assert softmax(shares).max() <= np.e / (np.e + 2) + 1e-12
    assert -np.log(softmax([1, 0, 0]).max()) == pytest.approx(0.5514, abs=5e-5)
    assert np.e / (np.e + 2) == pytest.approx(0.576, abs=5e-4)


def test_one_class_predicts_probabilities_and_the_other_scores():
    x = np.random.default_rng(0).standard_normal((5, 3))
    assert TwoLayerNet(3, 50, 3, 1, seed=0).predict(x).sum(axis=1) == pytest.approx(np.ones(5))
    assert not np.allclose(MultiLayerNet([3, 50, 3], seed=0).predict(x).sum(axis=1), 1)


def test_without_the_division_small_batches_learn_even_faster():
    class Undivided(SoftmaxWithLoss):
        def backward(self, dout=1):
            return super().backward(dout) * len(self.y)

    (x, t), _ = load_colours()
    ends = []
    for last_layer in (SoftmaxWithLoss, Undivided):
        net = MultiLayerNet([3, 50, 100, 50, 3], "he", seed=0)
        net.last_layer = last_layer()
        how = {"epochs": 20, "batch_size": 20, "optimizer": SGD(0.01), "progress": False}
        ends.append(np.mean(train(net, x / 255, t, **how).loss[-12:]))
    divided, undivided = ends
    assert undivided < divided / 10


def test_momentum_is_there_already():
    (x, t), _ = load_colours()
    net = MultiLayerNet([3, 10, 3], "he", seed=0)
    before = net.loss(x / 255, t)
    train(net, x / 255, t, epochs=2, optimizer=Momentum(0.01), progress=False)
    assert net.loss(x / 255, t) < before
