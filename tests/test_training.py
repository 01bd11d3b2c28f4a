"""Training follows its formulas, tells what happened, stops when told, and learns."""

import inspect

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from utils.colours import load_colours
from utils.functions import to_one_hot
from utils.gradients import numerical_gradient
from utils.networks import MultiLayerNet, TwoLayerNet
from utils.training import SGD, History, Momentum, train

RNG = np.random.default_rng(0)
X, X_TEST = RNG.normal(size=(23, 4)), RNG.normal(size=(7, 4))
T, T_TEST = X[:, :3].argmax(axis=1), X_TEST[:, :3].argmax(axis=1)


def small_net(**options):
    return TwoLayerNet(4, 6, 3, 0.5, seed=0, **options)


def quiet(net, *data, **options):
    return train(net, *(data or (X, T)), progress=False, **{"batch_size": 5, **options})


def bytes_of(params):
    return {key: value.tobytes() for key, value in params.items()}


# Optimisers ---------------------------------------------------------------------------------------


def test_sgd_steps_against_the_gradient_in_place():
    W = np.array([1.0, 2.0])
    params, grads = {"W": W}, {"W": np.array([10.0, -10.0])}
    SGD(lr=0.1).update(params, grads)
    assert params["W"] is W
    np.testing.assert_allclose(W, [0, 3])
    np.testing.assert_array_equal(grads["W"], [10, -10])


def test_weight_decay_shrinks_weights_and_leaves_biases():
    W, b = np.array([[1.0, -2.0]]), np.array([3.0, 4.0])
    grads = {"W": np.array([[10.0, 0.0]]), "b": np.array([0.0, 10.0])}
    SGD(lr=0.1, weight_decay=0.5).update({"W": W, "b": b}, grads)
    np.testing.assert_allclose(W, [[1 - 0.1 * (10 + 0.5 * 1), -2 - 0.1 * 0.5 * -2]])
    np.testing.assert_allclose(b, [3, 3])


def test_weight_decay_is_the_gradient_of_half_the_squares():
    net, decayed = small_net(), small_net()
    quiet(decayed, epochs=1, batch_size=23, optimizer=SGD(0.3, weight_decay=0.2))

    def penalised(W1):
        net.params["W1"] = W1
        return net.loss(X, T) + 0.1 * np.sum(W1**2)

    start = small_net().params["W1"]
    np.testing.assert_allclose(
        decayed.params["W1"], start - 0.3 * numerical_gradient(penalised, start.copy()), atol=1e-7
    )


def test_momentum_does_not_share_its_velocity():
    first, second = Momentum(), Momentum()
    first.update({"W": np.zeros(1)}, {"W": np.ones(1)})
    assert second.velocity == {}


@pytest.mark.parametrize(
    ("optimizer", "momentum"), [(SGD(0.2), 0), (Momentum(0.2, 0), 0), (Momentum(0.2, 0.7), 0.7)]
)
def test_the_path_is_that_of_scikit_learn(optimizer, momentum):
    def peer(lr):
        return MLPClassifier(
            (6,),
            activation="logistic",
            solver="sgd",
            alpha=0,
            batch_size=len(X),
            learning_rate_init=lr,
            momentum=momentum,
            nesterovs_momentum=False,
            shuffle=False,
            random_state=0,
        ).partial_fit(X, T, classes=[0, 1, 2])

    start, end = peer(1e-300), peer(0.2)  # so small a step is none
    for _ in range(5):
        end.partial_fit(X, T)
    net = small_net()
    for i, (W, b) in enumerate(zip(start.coefs_, start.intercepts_, strict=True), start=1):
        net.params[f"W{i}"], net.params[f"b{i}"] = W, b
    history = quiet(net, epochs=6, batch_size=len(X), optimizer=optimizer)
    for i, (W, b) in enumerate(zip(end.coefs_, end.intercepts_, strict=True), start=1):
        np.testing.assert_allclose(net.params[f"W{i}"], W, rtol=1e-9)
        np.testing.assert_allclose(net.params[f"b{i}"], b, rtol=1e-9)
    np.testing.assert_allclose(history.loss, end.loss_curve_, rtol=1e-9)


# The loop and its history -------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 5, 22, 23, 100])
@pytest.mark.parametrize("epochs", [0, 1, 3])
def test_the_history_has_a_loss_per_step_and_accuracies_per_epoch(batch_size, epochs):
    net = small_net()
    history = quiet(net, X, T, X_TEST, T_TEST, epochs=epochs, batch_size=batch_size)
    assert history.steps_per_epoch == int(np.ceil(23 / batch_size))
    assert history.epochs == epochs
    assert len(history.loss) == epochs * history.steps_per_epoch
    assert history.epoch == list(range(epochs + 1))
    assert len(history.train_accuracy) == len(history.test_accuracy) == epochs + 1
    assert history.train_accuracy[0] == pytest.approx(small_net().accuracy(X, T))
    assert history.train_accuracy[-1] == pytest.approx(net.accuracy(X, T))
    assert history.test_accuracy[-1] == pytest.approx(net.accuracy(X_TEST, T_TEST))
    assert not history.stopped


def test_validation_images_are_rated_after_each_epoch_and_change_nothing():
    net, without = small_net(), small_net()
    history = quiet(net, X, T, X[:5], T[:5], validation=(X_TEST, T_TEST), epochs=3)
    alone = quiet(without, X, T, epochs=3)
    assert len(history.validation_accuracy) == len(history.test_accuracy) == 4
    assert history.validation_accuracy[0] == pytest.approx(small_net().accuracy(X_TEST, T_TEST))
    assert history.validation_accuracy[-1] == pytest.approx(net.accuracy(X_TEST, T_TEST))
    assert history.test_accuracy[-1] == pytest.approx(net.accuracy(X[:5], T[:5]))
    assert bytes_of(net.params) == bytes_of(without.params)
    assert history.loss == alone.loss
    assert alone.validation_accuracy == []


def test_each_epoch_shows_every_image_once_in_an_order_of_its_own():
    seen = []

    class Watched(TwoLayerNet):
        def loss_and_gradient(self, x, t):
            np.testing.assert_array_equal(t, T[x[:, 0].astype(int)])
            seen.append(x[:, 0].astype(int))
            return super().loss_and_gradient(x, t)

    x = np.repeat(np.arange(23.0)[:, np.newaxis], 4, axis=1)  # each image is its own number
    quiet(Watched(4, 6, 3, seed=0), x, T, epochs=2)
    assert [len(batch) for batch in seen] == [5, 5, 5, 5, 3] * 2
    first, second = np.concatenate(seen[:5]), np.concatenate(seen[5:])
    assert sorted(first) == sorted(second) == list(range(23))
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(23))


def test_the_seed_fixes_the_run():
    def run(seed):
        net = small_net()
        history = quiet(net, epochs=2, seed=seed)
        return history, bytes_of(net.params)

    assert run(1) == run(1)
    assert run(1) != run(2)
    assert run(None) != run(None)


def test_labels_and_one_hot_train_the_same():
    nets, histories = (small_net(), small_net()), []
    for net, t, t_test in zip(
        nets, (T, to_one_hot(T, 3)), (T_TEST, to_one_hot(T_TEST, 3)), strict=True
    ):
        histories.append(quiet(net, X, t, X_TEST, t_test, epochs=3))
    np.testing.assert_allclose(histories[0].loss, histories[1].loss)
    assert histories[0].test_accuracy == histories[1].test_accuracy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("optimizer", [SGD, Momentum])
def test_the_network_keeps_its_dtype_and_the_data_are_not_touched(dtype, optimizer):
    x, t = X.astype(np.float64), T.copy()
    x.setflags(write=False)
    t.setflags(write=False)
    net = small_net(dtype=dtype)
    quiet(net, x, t, x, t, epochs=2, optimizer=optimizer(0.1))
    assert {value.dtype for value in net.params.values()} == {np.dtype(dtype)}
    exact = small_net()
    quiet(exact, x, t, epochs=2, optimizer=optimizer(0.1))
    for key, value in exact.params.items():
        np.testing.assert_allclose(net.params[key], value, atol=1e-4)


def test_lists_are_data_too():
    assert quiet(small_net(), X.tolist(), T.tolist(), epochs=1).loss == (
        quiet(small_net(), epochs=1).loss
    )


def test_training_can_go_on():
    net, optimizer = small_net(), Momentum(0.1)
    first = quiet(net, epochs=4, optimizer=optimizer)
    second = quiet(net, epochs=4, optimizer=optimizer)
    assert second.train_accuracy[0] == first.train_accuracy[-1]
    assert np.mean(second.loss) < np.mean(first.loss)


def test_an_optimizer_may_be_anything_that_updates():
    class Signs:
        def update(self, params, grads):
            for key in params:
                params[key] -= 0.01 * np.sign(grads[key])

    history = quiet(small_net(), epochs=20, optimizer=Signs())
    assert history.loss[-1] < history.loss[0]


def test_only_the_first_10_000_training_images_are_rated():
    x, t = np.zeros((10_001, 4)), np.zeros(10_001, int)
    t[-1] = 1  # all other images look the same and are of class 0
    history = quiet(small_net(), x, t, epochs=1, batch_size=5000)
    assert history.train_accuracy[-1] == 1


# Stopping -----------------------------------------------------------------------------------------


def test_on_step_sees_the_history_after_each_step_and_may_stop():
    lengths = []

    def on_step(history):
        assert isinstance(history, History)
        lengths.append(len(history.loss))
        return len(lengths) == 7

    net = small_net()
    history = quiet(net, epochs=3, on_step=on_step)
    assert lengths == list(range(1, 8))
    assert len(history.loss) == 7
    assert history.epoch == [0, 1]
    assert (history.epochs, history.steps_per_epoch) == (3, 5), "what was asked for, not done"
    assert history.stopped
    seven = small_net()
    steps = iter(range(7))
    quiet(seven, epochs=3, on_step=lambda history: next(steps) == 6)
    assert bytes_of(net.params) == bytes_of(seven.params)


def test_an_on_step_that_returns_nothing_stops_nothing():
    history = quiet(small_net(), epochs=2, on_step=lambda history: None)
    assert len(history.loss) == 10
    assert not history.stopped


def interrupt(*_):
    raise KeyboardInterrupt


def test_an_interrupt_in_a_step_keeps_network_and_history():
    net = small_net()
    history = quiet(net, epochs=3, on_step=lambda h: len(h.loss) == 8 and interrupt())
    assert history.stopped
    assert len(history.loss) == 8
    assert history.epoch == [0, 1]
    assert bytes_of(net.params) != bytes_of(small_net().params)


@pytest.mark.parametrize("call", range(1, 7))
def test_an_interrupt_while_accuracies_are_measured_keeps_the_history_in_step(call):
    net = small_net()
    calls = iter(range(1, 100))
    predict = net.predict
    net.predict = lambda x: interrupt() if next(calls) == call else predict(x)
    history = quiet(net, X, T, X_TEST, T_TEST, validation=(X_TEST, T_TEST), epochs=1)
    assert history.stopped
    assert len(history.epoch) == len(history.train_accuracy) == len(history.test_accuracy)
    assert len(history.epoch) == len(history.validation_accuracy) == (call > 3)


def test_an_error_in_on_step_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        quiet(small_net(), epochs=1, on_step=lambda history: 1 / 0)


@pytest.mark.parametrize("progress", [True, False])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_loss_of_nan_stops_with_a_sentence_and_without_warnings(progress, dtype, capsys):
    net = MultiLayerNet([4, 6, 3], seed=0, dtype=dtype)
    rate = SGD(lr=float(np.finfo(dtype).max))
    history = train(net, X, T, epochs=5, batch_size=5, optimizer=rate, progress=progress)
    assert history.stopped
    assert not np.isfinite(history.loss[-1])
    assert np.all(np.isfinite(history.loss[:-1]))
    assert len(history.loss) < 25
    printed = capsys.readouterr()
    assert "try a smaller learning rate" in printed.out
    assert printed.err == ""


# What it says -------------------------------------------------------------------------------------


def test_the_progress_bar_goes_to_stdout_with_loss_and_accuracies(capsys):
    pair = X_TEST, T_TEST
    train(small_net(), X, T, *pair, validation=pair, epochs=2, batch_size=5)
    printed = capsys.readouterr()
    assert "10/10" in printed.out
    for name in ("loss=", "train=", "validation=", "test="):
        assert name in printed.out
    assert printed.err == ""


def test_no_progress_bar_says_nothing(capsys):
    quiet(small_net(), epochs=2)
    assert capsys.readouterr() == ("", "")


WRONG = {
    "a label for each image": (lambda: quiet(small_net(), X, T[:5]), "(23,4) (5,)"),
    "a test label for each image": (
        lambda: quiet(small_net(), X, T, X_TEST, T),
        "test (7,4) (23,)",
    ),
    "a validation label for each image": (
        lambda: quiet(small_net(), X, T, validation=(X_TEST, T)),
        "validation (7,4) (23,)",
    ),
    "no training images": (lambda: quiet(small_net(), X[:0], T[:0]), "training (0,4)"),
    "images not flattened": (
        lambda: quiet(small_net(), np.ones((2, 1, 2, 2)), [0, 1]),
        "(N,D) (2,1,2,2)",
    ),
    "images of another size": (lambda: quiet(small_net(), X[:, :3], T), "(4,6) (23,3)"),
    "test images without labels": (lambda: quiet(small_net(), X, T, X_TEST), "test labels"),
    "test labels without images": (lambda: quiet(small_net(), X, T, None, T), "test images"),
    "less than no epochs": (lambda: quiet(small_net(), epochs=-1), "epochs=-1"),
    "batches of nothing": (lambda: quiet(small_net(), batch_size=0), "batch_size=0"),
    "a label of another class": (lambda: quiet(small_net(), X, T + 1), "0..2 3"),
}


@pytest.mark.parametrize(("call", "named"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_is_a_value_error_that_names_it(call, named):
    with pytest.raises(ValueError, match=" ") as caught:
        call()
    for part in named.split():
        assert part in str(caught.value).replace(", ", ",")


def test_names_and_defaults():
    options = {name: p.default for name, p in inspect.signature(train).parameters.items()}
    assert [*options][:5] == ["net", "x_train", "t_train", "x_test", "t_test"]
    assert options["epochs"] == 10
    assert options["batch_size"] == 100
    assert options["progress"] is True
    assert SGD().lr == Momentum().lr == 0.1


# Learning -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "optimizer"),
    [(np.float32, SGD(0.5)), (np.float64, SGD(0.5)), (np.float32, Momentum(0.05))],
)
def test_small_digits_are_learned(dtype, optimizer):
    x, t = load_digits(return_X_y=True)
    x, test = x / 16, np.arange(len(x)) % 6 == 0
    net = TwoLayerNet(64, 30, 10, 0.1, seed=0, dtype=dtype)
    history = quiet(
        net, x[~test], t[~test], x[test], t[test], epochs=25, batch_size=50, optimizer=optimizer
    )
    assert history.loss[0] == pytest.approx(np.log(10), abs=0.3)
    assert np.mean(history.loss[-30:]) < 0.2
    assert history.train_accuracy[-1] > 0.96
    assert history.test_accuracy[-1] > 0.96


def test_colours_are_learned_by_the_network_of_the_hands_on():
    (x, t), (x_test, t_test) = load_colours()
    net = MultiLayerNet([3, 50, 100, 50, 3], "he", seed=0)
    history = quiet(
        net, x / 255, t, x_test / 255, t_test, epochs=60, batch_size=10, optimizer=SGD(0.01)
    )
    assert history.train_accuracy[-1] >= 0.98
    assert history.test_accuracy[-1] >= 0.95
