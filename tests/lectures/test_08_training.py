"""What lecture 08 says in words and no cell of it asserts."""

import numpy as np
import pytest

from tests.lectures.appended import run_with
from utils.functions import cross_entropy_error
from utils.mnist import load_mnist
from utils.networks import TwoLayerNet
from utils.training import SGD, train

# Appended to the lecture: every position of its figure with controls.
EVERY_START = """
off = {}
for hidden in (10, 50, 200):
    for std in (0.001, 0.01, 0.03, 0.1, 0.3, 1, 3):
        fig, sentence = draw_start(std, hidden)
        fresh = TwoLayerNet(784, hidden, 10, weight_init_std=std, seed=0)
        loss = fresh.loss(x_test[:200], t_test[:200])
        assert f"with {hidden} hidden units" in sentence
        assert f"standard deviation {std:g}: the loss on 200 images is {loss:.4f}" in sentence
        assert "log 10 is 2.3026" in sentence
        bars = [bar.get_height() for bar in fig.axes[0].patches]
        y = fresh.predict(x_test[:2])
        np.testing.assert_allclose(np.reshape(bars, (2, 10)), y)
        off[hidden, std] = np.abs(y - 0.1).max()
assert all(off[h, 0.01] < 0.02 for h in (10, 50, 200))
assert off[10, 0.1] < off[50, 0.1] < off[200, 0.1]  # "sooner or later"
"""

# The dashboard's own run and picture: before a run, within it, after it, and with a loss of nan.
EVERY_RUN = """
from utils.training import History

fig, sentence = draw_run(History())
assert sentence.startswith("Two empty panels")
seen = []
h = run(watch=lambda h: seen.append(draw_run(h)[1]) or len(seen) == 3)
assert h.stopped
assert len(h.loss) == 3
assert "After 1 of 6,000 steps the loss is 2.3" in seen[0]
assert "After 3 of 6,000 steps" in seen[-1]
for losses in ([2.3, float("inf")], [2.3, float("nan")], [1e30, 2.3]):
    fig, sentence = draw_run(History(losses, [0], [0.1], [0.1], True, 10, 600))
    bottom, top = fig.axes[0].get_ylim()
    assert bottom == 0
    assert 2.6 <= top <= 12
    show(fig, sentence)
"""

# Slopes in the place of weights: the loss climbs, and the accuracy does not move.
SLOPES_FOR_WEIGHTS = """
lost, pays, answers = TwoLayerNet(784, 50, 10, seed=0), [], set()
for start in (0, 100, 200, 300):
    batch = slice(start, start + 100)
    lost.params.update(lost.gradient(x_train[batch], t_train[batch]))
    pays.append(lost.loss(x_test, t_test))
    answers |= set(lost.predict(x_test).argmax(axis=1))
assert np.log(10) < pays[0]
assert pays == sorted(pays)
assert len(answers) == 1
"""

# "Try" of the dashboard: what each of its questions expects.
EVERY_TRY = """
def early(epochs, **options):
    return run(watch=lambda h: len(h.epoch) > epochs, **options)

slow = early(3, lr=0.01)
assert slow.loss[-1] > 2.1, "0.01 hardly leaves log 10"
assert np.mean(early(1, lr=50).loss[-100:]) > 2
two = early(4, hidden=2, lr=0.5)
assert 0.15 < two.test_accuracy[-1] < 0.75
large = early(3, batch_size=1000)
assert large.test_accuracy[3] < history.test_accuracy[3] - 0.03
small = early(2, batch_size=10)
assert np.std(small.loss[11_000:11_900]) > 1.5 * np.std(history.loss[1100:1190])
plus = TwoLayerNet(2, 2, 2, weight_init_std=1, seed=1)
x, t = np.eye(2), np.array([0, 1])
before = plus.loss(x, t)
for _ in range(10):
    for key, g in plus.gradient(x, t).items():
        plus.params[key] += 0.5 * g
assert plus.loss(x, t) > before
"""


@pytest.mark.slow
def test_figures_and_runs_say_what_is_true(tmp_path):
    run_with("08_training", EVERY_START, EVERY_RUN, SLOPES_FOR_WEIGHTS, folder=tmp_path)


@pytest.mark.slow
def test_each_run_to_try_shows_what_is_asked(tmp_path):
    run_with("08_training", EVERY_TRY, folder=tmp_path)


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
