"""Networks keep their contracts: shapes, labels, parameters, and gradients that update nothing."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import sklearn.metrics
from sklearn.neural_network import MLPClassifier

from utils import networks
from utils.functions import cross_entropy_error, softmax, to_one_hot
from utils.gradients import relative_error
from utils.layers import Affine, Sigmoid
from utils.networks import (
    MultiLayerNet,
    ThreeLayerNet,
    TwoLayerNet,
    accuracy_in_batches,
    initial_weights,
    predict,
)


def three_layers(d=6, h1=5, h2=4, k=3):
    rng = np.random.default_rng(0)
    network = {}
    for i, (n_in, n_out) in enumerate([(d, h1), (h1, h2), (h2, k)], start=1):
        network[f"W{i}"] = rng.normal(size=(n_in, n_out))
        network[f"b{i}"] = rng.normal(size=n_out)
    return network


def read_only(*arrays):
    for a in arrays:
        a.setflags(write=False)


def bytes_of(params):
    return {key: value.tobytes() for key, value in params.items()}


X = np.random.default_rng(1).normal(size=(8, 6))
T = np.arange(8) % 3


def parameters(function):
    return [
        p.name if p.default is p.empty else f"{p.name}={p.default!r}"
        for p in inspect.signature(function).parameters.values()
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "self"
    ]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("predict", ["network", "x"]),
        ("accuracy_in_batches", ["predict", "x", "t", "batch_size"]),
        (
            "TwoLayerNet",
            ["input_size", "hidden_size", "output_size", "weight_init_std=0.01", "seed=None"],
        ),
        ("MultiLayerNet", ["layer_sizes", "weight_init_std='he'", "seed=None"]),
    ],
)
def test_names_and_arguments_are_those_of_the_problem_sets(name, expected):
    assert parameters(getattr(networks, name)) == expected


@pytest.mark.parametrize("network", [TwoLayerNet, MultiLayerNet])
def test_methods_are_those_of_the_problem_sets(network):
    assert parameters(network.predict) == ["x"]
    for method in ("loss", "accuracy", "numerical_gradient", "gradient"):
        assert parameters(getattr(network, method)) == ["x", "t"]


# Inference ----------------------------------------------------------------------------------------


def test_predict_agrees_with_scikit_learns_network():
    peer = MLPClassifier((5, 4), activation="logistic", random_state=0).partial_fit(
        X, T, classes=[0, 1, 2]
    )
    network = {f"W{i}": W for i, W in enumerate(peer.coefs_, start=1)}
    network |= {f"b{i}": b for i, b in enumerate(peer.intercepts_, start=1)}
    np.testing.assert_allclose(predict(network, X), peer.predict_proba(X), rtol=1e-12)
    loss = sklearn.metrics.log_loss(T, peer.predict_proba(X))
    assert cross_entropy_error(predict(network, X), T) == pytest.approx(loss)


def test_a_batch_is_predicted_as_its_images_one_by_one():
    network = three_layers()
    y = predict(network, X)
    assert y.shape == (8, 3)
    assert predict(network, X[0]).shape == (3,)
    assert predict(network, X[:1]).shape == (1, 3)
    assert predict(network, X[:0]).shape == (0, 3)
    np.testing.assert_allclose(y, [predict(network, x) for x in X], rtol=1e-12)
    np.testing.assert_allclose(y.sum(axis=1), 1)  # also for a square batch: the axis is the last
    square = three_layers(k=8)
    np.testing.assert_allclose(predict(square, X).sum(axis=1), 1)


def test_predict_changes_nothing_and_takes_any_dtype():
    network = three_layers()
    read_only(*network.values())
    images = np.arange(12, dtype=np.uint8).reshape(2, 6)
    read_only(images)
    expected = predict(network, images.astype(float))
    np.testing.assert_array_equal(predict(network, images), expected)
    np.testing.assert_array_equal(predict(network, images.tolist()), expected)
    in_float32 = {key: value.astype(np.float32) for key, value in network.items()}
    assert predict(in_float32, images.astype(np.float32)).dtype == np.float32
    np.testing.assert_allclose(predict(in_float32, np.float32(images)), expected, rtol=1e-4)


def test_three_layer_net_is_predict_with_its_parameters():
    network = three_layers()
    net = ThreeLayerNet(network)
    np.testing.assert_array_equal(net.predict(X), predict(network, X))
    t = net.predict(X).argmax(axis=1)
    assert net.accuracy(X, t) == net.accuracy(X, to_one_hot(t, 3), batch_size=3) == 1
    assert net.accuracy(X, (t + np.eye(8, dtype=int)[0]) % 3, batch_size=3) == 7 / 8


def broken(**changes):
    network = three_layers() | changes
    return {key: value for key, value in network.items() if value is not None}


WRONG = {
    "images not flattened": (lambda: predict(three_layers(), np.ones((2, 1, 6))), "(6,5) (2,1,6)"),
    "images of another size": (lambda: predict(three_layers(), np.ones((2, 7))), "(6,5) (2,7)"),
    "a number": (lambda: predict(three_layers(), 3.0), "(6,5) ()"),
    "no W3": (lambda: predict(broken(W3=None), X), "W3"),
    "neither b": (lambda: ThreeLayerNet(broken(b1=None, b2=None)), "b1,b2"),
    "W2 after W1": (lambda: predict(broken(W2=np.ones((6, 4))), X), "W1 (6,5) W2 (6,4)"),
    "W3 after W2": (lambda: ThreeLayerNet(broken(W3=np.ones((3, 3)))), "W2 (5,4) W3 (3,3)"),
    "b2 beside W2": (lambda: ThreeLayerNet(broken(b2=np.ones(5))), "W2 (5,4) b2 (5,)"),
    "b3 that would broadcast": (lambda: predict(broken(b3=np.ones(1)), X), "W3 (4,3) b3 (1,)"),
    "inputs": (lambda: TwoLayerNet(4, 3, 2).predict(X), "(4,3) (8,6)"),
    "inputs of a loss": (lambda: MultiLayerNet([4, 3, 2]).loss(X, T), "(4,3) (8,6)"),
    "labels": (lambda: TwoLayerNet(6, 3, 3).loss(X, T[:5]), "(8,3) (5,)"),
    "labels of a gradient": (lambda: MultiLayerNet([6, 3]).gradient(X, T[:5]), "(8,3) (5,)"),
    "labels to compare": (lambda: MultiLayerNet([6, 3]).accuracy(X, T[:5]), "(8,3) (5,)"),
    "one layer size": (lambda: MultiLayerNet([3]), "[3]"),
    "an empty layer": (lambda: MultiLayerNet([3, 0, 2]), "[3,0,2]"),
    "deviation": (lambda: TwoLayerNet(2, 2, 2, weight_init_std=-1), "-1"),
    "name of a scheme": (lambda: MultiLayerNet([2, 2], "kaiming"), "kaiming"),
    "no deviation": (lambda: MultiLayerNet([2, 2], None), "None"),
    "a label for each image": (
        lambda: accuracy_in_batches(softmax, X, T[:5], 2),
        "(8,6) (5,)",
    ),
    "batches of nothing": (lambda: accuracy_in_batches(softmax, X, T, 0), "batch_size=0"),
    "no images": (lambda: accuracy_in_batches(softmax, X[:0], T[:0], 2), "(0,6)"),
}


@pytest.mark.parametrize(("call", "named"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_is_a_value_error_that_names_it(call, named):
    with pytest.raises(ValueError, match=" ") as caught:
        call()
    for part in named.split():
        assert part in str(caught.value).replace(", ", ",")


# accuracy_in_batches ------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 8, 100])
def test_predict_is_called_once_per_slice_and_every_image_counts_the_same(batch_size):
    x, t = np.eye(8)[[0, 1, 2, 3, 4, 5, 6, 0]], np.array([0, 1, 2, 3, 4, 5, 7, 1])
    calls = []

    def identity(batch):
        calls.append(batch.copy())
        return batch

    read_only(x, t)
    rate = accuracy_in_batches(identity, x, t, batch_size)
    assert type(rate) is float
    assert rate == 6 / 8 == sklearn.metrics.accuracy_score(t, x.argmax(axis=1))
    full, rest = divmod(8, batch_size)
    assert [len(batch) for batch in calls] == [batch_size] * full + [rest] * (rest > 0)
    np.testing.assert_array_equal(np.concatenate(calls), x)
    assert accuracy_in_batches(identity, x, to_one_hot(t, 8), batch_size) == rate


def test_accuracy_needs_the_scores_of_each_image_and_only_their_order():
    t = np.arange(8) % 3
    net = MultiLayerNet([6, 4, 3], seed=0)
    logits = accuracy_in_batches(net.predict, X, t, 3)
    assert logits == accuracy_in_batches(lambda x: softmax(net.predict(x)), X, t, 3)
    with pytest.raises(ValueError, match="shape"):
        accuracy_in_batches(lambda x: net.predict(x)[:2], X, t, 3)


# Initial weights ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scheme", "std"), [(0.01, 0.01), (0, 0), ("xavier", 0.05), ("he", np.sqrt(2) * 0.05)]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_weights_have_the_spread_that_was_asked_for(scheme, std, dtype):
    W = initial_weights(400, 500, scheme, np.random.default_rng(0), dtype)
    assert W.shape == (400, 500)
    assert W.dtype == dtype
    assert W.std() == pytest.approx(std, rel=0.02)
    assert abs(W.mean()) <= 0.02 * std


def test_he_carries_a_signal_through_many_layers_of_relu_and_0_01_does_not():
    x = np.random.default_rng(0).normal(size=(50, 200))
    he, small = (MultiLayerNet([200] * 12, scheme, seed=0).predict(x) for scheme in ("he", 0.01))
    assert 0.3 < he.std() < 3
    assert small.std() < 1e-9


# Networks that are trained ------------------------------------------------------------------------

NETS = {
    "TwoLayerNet": lambda **k: TwoLayerNet(6, 5, 3, 0.5, **{"seed": 0, **k}),
    "MultiLayerNet": lambda **k: MultiLayerNet([6, 5, 4, 3], 0.5, **{"seed": 0, **k}),
}
each_net = pytest.mark.parametrize("make", NETS.values(), ids=NETS.keys())


def test_parameters_have_their_names_shapes_and_start():
    params = TwoLayerNet(784, 50, 10, seed=0).params
    shapes = {key: value.shape for key, value in params.items()}
    assert shapes == {"W1": (784, 50), "b1": (50,), "W2": (50, 10), "b2": (10,)}
    assert params["W1"].std() == pytest.approx(0.01, rel=0.02)
    assert not params["b1"].any()
    assert not params["b2"].any()
    assert all(value.dtype == np.float64 for value in params.values())

    params = MultiLayerNet([3, 50, 100, 50, 3], seed=0).params
    assert [*params] == ["W1", "b1", "W2", "b2", "W3", "b3", "W4", "b4"]
    assert [params[f"W{i}"].shape for i in (1, 2, 3, 4)] == [(3, 50), (50, 100), (100, 50), (50, 3)]
    assert [params[f"b{i}"].shape for i in (1, 2, 3, 4)] == [(50,), (100,), (50,), (3,)]


@each_net
def test_a_seed_fixes_the_start_and_no_seed_does_not(make):
    assert bytes_of(make(seed=3).params) == bytes_of(make(seed=3).params)
    assert bytes_of(make(seed=3).params) != bytes_of(make(seed=4).params)
    assert bytes_of(make(seed=None).params) != bytes_of(make(seed=None).params)


def test_two_layer_net_predicts_probabilities_and_multi_layer_net_logits():
    two, multi = NETS["TwoLayerNet"](), NETS["MultiLayerNet"]()
    np.testing.assert_allclose(two.predict(X).sum(axis=1), 1)
    assert np.any(multi.predict(X) < 0)
    assert two.loss(X, T) == pytest.approx(sklearn.metrics.log_loss(T, two.predict(X)))
    assert multi.loss(X, T) == pytest.approx(cross_entropy_error(softmax(multi.predict(X)), T))


def test_networks_agree_with_scikit_learns():
    for make, hidden, name in (
        (lambda: TwoLayerNet(6, 5, 3), (5,), "logistic"),
        (lambda: MultiLayerNet([6, 5, 4, 3], activation=Sigmoid), (5, 4), "logistic"),
        (lambda: MultiLayerNet([6, 5, 4, 3]), (5, 4), "relu"),
    ):
        peer = MLPClassifier(hidden, activation=name, random_state=0).partial_fit(
            X, T, classes=[0, 1, 2]
        )
        net = make()
        for i, (W, b) in enumerate(zip(peer.coefs_, peer.intercepts_, strict=True), start=1):
            net.params[f"W{i}"], net.params[f"b{i}"] = W, b
        y = net.predict(X) if len(hidden) == 1 else softmax(net.predict(X))
        np.testing.assert_allclose(y, peer.predict_proba(X), rtol=1e-12)
        assert net.accuracy(X, T) == peer.score(X, T)
        assert type(net.accuracy(X, T)) is type(net.loss(X, T)) is float


@pytest.mark.parametrize("hidden", [1, 50])
def test_a_fresh_network_knows_nothing_and_costs_ln_10(hidden):
    x, t = np.random.default_rng(0).random((200, 784)), np.arange(200) % 10
    assert TwoLayerNet(784, hidden, 10, seed=0).loss(x, t) == pytest.approx(np.log(10), abs=0.02)


@each_net
def test_one_image_is_a_batch_of_one_without_its_axis(make):
    net = make()
    assert net.predict(X).shape == (8, 3)
    assert net.predict(X[:1]).shape == (1, 3)
    assert net.predict(X[0]).shape == (3,)
    np.testing.assert_allclose(net.predict(X), [net.predict(x) for x in X], rtol=1e-12)
    assert net.accuracy(X[0], net.predict(X[0]).argmax()) == 1


@each_net
def test_labels_and_one_hot_give_the_same(make):
    net, one_hot = make(), to_one_hot(T, 3)
    assert net.loss(X, T) == pytest.approx(net.loss(X, one_hot))
    assert net.accuracy(X, T) == net.accuracy(X, one_hot)
    for key, gradient in net.gradient(X, T).items():
        np.testing.assert_allclose(gradient, net.gradient(X, one_hot)[key], atol=1e-15)


@each_net
@pytest.mark.parametrize("method", ["gradient", "numerical_gradient"])
def test_a_gradient_updates_nothing(make, method):
    net, x, t = make(), X.copy(), T.copy()
    read_only(x, t)
    before, arrays = bytes_of(net.params), dict(net.params)
    grads = getattr(net, method)(x, t)
    assert bytes_of(net.params) == before
    assert all(net.params[key] is array for key, array in arrays.items())
    assert [*grads] == [*net.params]
    for key, gradient in grads.items():
        assert gradient.shape == net.params[key].shape
        assert gradient is not net.params[key]
    net.predict(x)
    net.accuracy(x, t)
    assert bytes_of(net.params) == before


@each_net
def test_both_gradients_are_the_same_by_different_algorithms(make):
    net = make()
    slow, fast = net.numerical_gradient(X, T), net.gradient(X, T)
    for key in net.params:
        assert relative_error(slow[key], fast[key]) < 1e-7


@each_net
def test_a_failed_numerical_gradient_leaves_the_parameters_in_place(make):
    net = make()
    arrays = dict(net.params)
    with pytest.raises(ValueError, match="labels"):
        net.numerical_gradient(X, T[:2])
    assert all(net.params[key] is array for key, array in arrays.items())


@each_net
def test_gradients_belong_to_the_caller(make):
    net = make()
    first = net.gradient(X, T)
    kept = bytes_of(first)
    net.gradient(X[:4] * 2, T[:4])
    assert bytes_of(first) == kept
    for gradient in first.values():
        gradient[:] = 99
    assert bytes_of(net.gradient(X, T)) == kept


@each_net
def test_changed_and_replaced_parameters_both_count(make):
    expected = make(seed=5)
    changed, replaced = make(), make()
    for key, value in expected.params.items():
        changed.params[key][...] = value
        replaced.params[key] = value.copy()
    for net in (changed, replaced):
        np.testing.assert_array_equal(net.predict(X), expected.predict(X))
        assert bytes_of(net.gradient(X, T)) == bytes_of(expected.gradient(X, T))


@each_net
def test_parameters_live_in_the_layers_alone(make):
    net, other = make(), make(seed=5)
    affines = [layer for layer in net.layers if isinstance(layer, Affine)]
    assert [*map(id, affines)] == [*map(id, net.affines)]
    for i, affine in enumerate(affines, start=1):
        assert net.params[f"W{i}"] is affine.W
        assert net.params[f"b{i}"] is affine.b
    net.params["W1"] = new = np.ones_like(affines[0].W)
    assert affines[0].W is new
    affines[0].W = newer = np.zeros_like(new)
    assert net.params["W1"] is newer
    net.params = other.params  # all at once
    np.testing.assert_array_equal(net.predict(X), other.predict(X))
    assert net.params == dict(other.params)
    assert repr(net.params) == repr(dict(net.params))


@each_net
def test_parameters_cannot_be_added_or_removed(make):
    net = make()
    before = bytes_of(net.params)
    with pytest.raises(KeyError, match="has the parameters W1, b1, .*, not 'W9'"):
        net.params["W9"] = np.ones(3)
    with pytest.raises(TypeError, match="W1 cannot be removed"):
        del net.params["W1"]
    with pytest.raises(ValueError, match="needs the keys W1, b1, .*, but has W1"):
        net.params = {"W1": np.ones(3)}
    with pytest.raises(KeyError):
        net.params["W9"]
    assert bytes_of(net.params) == before


@each_net
def test_copies_of_a_network_have_parameters_of_their_own(make):
    net = make()
    for copied in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert bytes_of(copied.params) == bytes_of(net.params)
        copied.params["W1"] += 1
        assert copied.affines[0].W is copied.params["W1"]
        assert not np.array_equal(copied.predict(X), net.predict(X))


@each_net
def test_a_second_network_is_independent(make):
    first, second = make(), make(seed=1)
    expected = bytes_of(first.gradient(X, T))
    second.gradient(X[::-1], T)
    for value in second.params.values():
        value += 1
    assert bytes_of(first.gradient(X, T)) == expected


@each_net
def test_loss_and_gradient_are_those_of_one_pass(make):
    net = make()
    loss, grads = net.loss_and_gradient(X, T)
    assert loss == net.loss(X, T)
    assert bytes_of(grads) == bytes_of(net.gradient(X, T))


@each_net
@pytest.mark.parametrize("labels", [T, to_one_hot(T, 3), to_one_hot(T, 3).astype(np.uint8)])
def test_a_float32_network_stays_float32(make, labels):
    net = make(dtype=np.float32)
    assert {value.dtype for value in net.params.values()} == {np.dtype(np.float32)}
    for x in (X, X.astype(np.float32), np.ones(X.shape, np.uint8)):
        assert net.predict(x).dtype == np.float32
        assert {g.dtype for g in net.gradient(x, labels).values()} == {np.dtype(np.float32)}
    np.testing.assert_allclose(net.predict(X), make().predict(X), rtol=1e-4, atol=1e-6)


@each_net
def test_raw_colours_and_lists_are_inputs_too(make):
    net, colours = make(), np.array([[255, 0, 3, 0, 66, 94]], np.uint8)
    expected = net.predict(colours.astype(float))
    np.testing.assert_array_equal(net.predict(colours), expected)
    np.testing.assert_array_equal(net.predict(colours.tolist()), expected)
