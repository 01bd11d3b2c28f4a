"""Every backward is the gradient of its forward, and layers keep their contracts."""

import copy
import inspect

import numpy as np
import pytest
import scipy.special
import sklearn.metrics

from utils.functions import cross_entropy_error, softmax, to_one_hot
from utils.gradients import numerical_gradient, relative_error
from utils.layers import Affine, ReLU, Sigmoid, SoftmaxWithLoss
from utils.networks import MultiLayerNet, TwoLayerNet


def normal(seed, *shape, dtype=np.float64):
    """Normal numbers that stay 0.01 away from 0, where ReLU has no slope."""
    x = np.random.default_rng(seed).normal(size=shape)
    return (x + np.copysign(0.01, x)).astype(dtype)


def read_only(*arrays):
    for a in arrays:
        a.setflags(write=False)
    return arrays if len(arrays) > 1 else arrays[0]


# Every backward against central differences -------------------------------------------------------
#
# A case has values by name, the loss as a function of all of them, and their gradients.


def elementwise(layer, *shape):
    x, dout = normal(1, *shape), normal(2, *shape)

    def loss(x):
        return np.sum(dout * layer().forward(x))

    def backward(x):
        latest = layer()
        latest.forward(x)
        return {"x": latest.backward(dout)}

    return {"x": x}, loss, backward


def affine(n, d, h):
    values = {"x": normal(1, n, d), "W": normal(2, d, h), "b": normal(3, h)}
    dout = normal(4, n, h)

    def loss(x, W, b):
        return np.sum(dout * Affine(W, b).forward(x))

    def backward(x, W, b):
        layer = Affine(W, b)
        layer.forward(x)
        return {"x": layer.backward(dout), "W": layer.dW, "b": layer.db}

    return values, loss, backward


def softmax_with_loss(n, k, labels, dout):
    t = {
        "integers": np.arange(n) * 2 % k,
        "one-hot": to_one_hot(np.arange(n) * 2 % k, k),
        "shares": softmax(normal(5, n, k)),
    }[labels]

    def loss(x):
        return dout * SoftmaxWithLoss().forward(x, t)

    def backward(x):
        layer = SoftmaxWithLoss()
        layer.forward(x, t)
        return {"x": layer.backward(dout)}

    return {"x": normal(1, n, k)}, loss, backward


def network(make, n, one_hot=False):
    net = make()
    d, k = net.params["W1"].shape[0], list(net.params.values())[-1].size
    x, t = normal(6, n, d), np.arange(n) % k
    t = to_one_hot(t, k) if one_hot else t

    def with_params(params):
        other = make()
        other.params.update(params)
        return other

    def loss(**params):
        return with_params(params).loss(x, t)

    def backward(**params):
        return with_params(params).gradient(x, t)

    values = {key: value + normal(7, *value.shape) / 10 for key, value in net.params.items()}
    return values, loss, backward


CASES = {
    **{
        f"{layer.__name__} {shape}": (elementwise, layer, *shape)
        for layer in (ReLU, Sigmoid)
        for shape in ((4, 4), (1, 3), (5, 2), (3,), (2, 3, 4))
    },
    **{
        f"Affine {n}-{d}-{h}": (affine, n, d, h)
        for n, d, h in ((4, 4, 4), (1, 3, 2), (1, 1, 1), (5, 2, 3), (2, 5, 5))
    },
    **{
        f"SoftmaxWithLoss {n}-{k} {labels} dout {dout}": (softmax_with_loss, n, k, labels, dout)
        for n, k in ((4, 4), (1, 3), (5, 2))
        for labels in ("integers", "one-hot", "shares")
        for dout in (1, -2.5)
    },
    **{
        f"MultiLayerNet {sizes} batch {n}": (network, lambda s=sizes: MultiLayerNet(s, 1.0, 0), n)
        for sizes in ([2, 3], [4, 4, 4], [3, 5, 4, 3])
        for n in (1, 4)
    },
    **{
        f"TwoLayerNet {sizes} batch {n}": (network, lambda s=sizes: TwoLayerNet(*s, 1.0, 0), n)
        for sizes in ((4, 4, 4), (3, 5, 2))
        for n in (1, 4)
    },
    "MultiLayerNet one-hot": (network, lambda: MultiLayerNet([3, 4, 4, 3], 1.0, 1), 6, True),
    "MultiLayerNet with Sigmoid": (
        network,
        lambda: MultiLayerNet([3, 4, 4, 3], 1.0, 1, activation=Sigmoid),
        6,
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_backward_agrees_with_central_differences(case):
    make, *arguments = case
    values, loss, backward = make(*arguments)
    computed = backward(**values)
    assert computed.keys() == values.keys()
    for name, value in values.items():
        expected = numerical_gradient(lambda v, name=name: loss(**{**values, name: v}), value)
        assert computed[name].shape == value.shape
        assert relative_error(computed[name], expected) < 1e-7, name


# What holds for all layers ------------------------------------------------------------------------


def relu(dtype=np.float64, seed=0):
    return ReLU(), (normal(seed, 4, 3, dtype=dtype),), normal(seed + 1, 4, 3, dtype=dtype)


def sigmoid(dtype=np.float64, seed=0):
    return Sigmoid(), (normal(seed, 4, 3, dtype=dtype),), normal(seed + 1, 4, 3, dtype=dtype)


def affine_3_5(dtype=np.float64, seed=0):
    W, b = normal(2, 3, 5, dtype=dtype), normal(3, 5, dtype=dtype)
    return Affine(W, b), (normal(seed, 4, 3, dtype=dtype),), normal(seed + 1, 4, 5, dtype=dtype)


def last(dtype=np.float64, seed=0):
    x, t = normal(seed, 4, 3, dtype=dtype), np.random.default_rng(seed).integers(0, 3, 4)
    return SoftmaxWithLoss(), (x, t), np.array(0.5)


def last_one_hot(dtype=np.float64, seed=0):
    layer, (x, t), dout = last(dtype, seed)
    return layer, (x, to_one_hot(t, 3)), dout


each_layer = pytest.mark.parametrize("make", [relu, sigmoid, affine_3_5, last, last_one_hot])


@each_layer
def test_arguments_and_parameters_stay_as_they_are(make):
    layer, inputs, dout = make()
    arrays = read_only(*inputs, dout, *vars(layer).values())  # writing into one would raise
    before = copy.deepcopy(arrays)
    result = layer.forward(*inputs)
    dx = layer.backward(dout)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)
        assert not np.shares_memory(result, array)
        assert not np.shares_memory(dx, array)


@each_layer
def test_what_comes_out_belongs_to_the_caller(make):
    layer, inputs, dout = make()
    result = np.asarray(layer.forward(*inputs))
    expected = layer.backward(dout)
    if result.ndim:
        result[:] = 99
    first = layer.backward(dout)
    first_is = first.copy()
    first[:] = 99
    np.testing.assert_array_equal(first_is, expected)
    np.testing.assert_array_equal(layer.backward(dout), expected)


@each_layer
def test_the_latest_forward_counts(make):
    layer, inputs, dout = make()
    _, others, _ = make(seed=10)
    layer.forward(*(a[:2] for a in others))  # a batch of another size
    layer.forward(*inputs)
    fresh, _, _ = make()
    fresh.forward(*inputs)
    np.testing.assert_array_equal(layer.backward(dout), fresh.backward(dout))
    for name in ("dW", "db"):
        if hasattr(layer, name):
            np.testing.assert_array_equal(getattr(layer, name), getattr(fresh, name))


@each_layer
def test_a_second_instance_is_independent(make):
    layer, inputs, dout = make()
    other, other_inputs, _ = make(seed=10)
    layer.forward(*inputs)
    expected = layer.backward(dout)
    other.forward(*other_inputs)
    other.backward(dout)
    np.testing.assert_array_equal(layer.backward(dout), expected)


@each_layer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_dtype(make, dtype):
    layer, inputs, dout = make(dtype)
    result = layer.forward(*inputs)
    assert type(result) is float or result.dtype == dtype
    assert layer.backward(dout).dtype == dtype
    assert {a.dtype for name, a in vars(layer).items() if name in ("dW", "db")} <= {np.dtype(dtype)}


@each_layer
def test_backward_before_forward_says_so(make):
    layer, _, dout = make()
    with pytest.raises(RuntimeError, match="call forward before backward"):
        layer.backward(dout)


WRONG = {
    "weights and biases": (lambda: Affine(np.ones((3, 2)), np.ones(3)), "(3, 2) (3,)"),
    "biases as a row": (lambda: Affine(np.ones((3, 2)), np.ones((1, 2))), "(3, 2) (1, 2)"),
    "weights as a list": (lambda: Affine(np.ones(3), np.ones(())), "(3,) ()"),
    "inputs": (lambda: affine_3_5()[0].forward(np.ones((4, 5))), "(3, 5) (4, 5)"),
    "one input": (lambda: affine_3_5()[0].forward(np.ones(3)), "(3, 5) (3,)"),
    "labels": (lambda: SoftmaxWithLoss().forward(np.ones((4, 3)), [0, 1]), "(4, 3) (2,)"),
    "one-hot labels": (
        lambda: SoftmaxWithLoss().forward(np.ones((4, 3)), np.ones((4, 4))),
        "(4, 3) (4, 4)",
    ),
    "a label": (lambda: SoftmaxWithLoss().forward(np.ones((2, 3)), [0, 3]), "0..2 3"),
    "logits of one image": (lambda: SoftmaxWithLoss().forward(np.ones(3), 0), "(N, K) (3,)"),
    "no logits": (lambda: SoftmaxWithLoss().forward(np.ones((0, 3)), []), "(N, K) (0, 3)"),
}


@pytest.mark.parametrize(("call", "named"), WRONG.values(), ids=WRONG.keys())
def test_shapes_that_do_not_fit_are_named(call, named):
    with pytest.raises(ValueError, match="shape|labels") as caught:
        call()
    for part in named.replace(", ", ",").split():
        assert part in str(caught.value).replace(", ", ",")


@each_layer
def test_a_dout_that_would_only_broadcast_is_refused(make):
    layer, inputs, dout = make()
    layer.forward(*inputs)
    for shape in {(), (1,), (3,), (1, 3), (1, 5), (4, 1), (5, 3), (2, 4, 3)} - {dout.shape}:
        with pytest.raises(ValueError, match="dout has shape") as caught:
            layer.backward(np.ones(shape))
        assert str(shape) in str(caught.value)
        assert str(dout.shape) in str(caught.value)


def test_names_and_arguments_are_those_of_the_problem_sets():
    def parameters(function):
        return [p.name for p in inspect.signature(function).parameters.values()]

    assert parameters(Affine) == ["W", "b"]
    assert parameters(ReLU) == parameters(SoftmaxWithLoss) == []
    for layer in (ReLU, Sigmoid, Affine):
        assert parameters(layer.forward) == ["self", "x"]
        assert parameters(layer.backward) == ["self", "dout"]
    assert parameters(SoftmaxWithLoss.forward) == ["self", "x", "t"]
    assert inspect.signature(SoftmaxWithLoss.backward).parameters["dout"].default == 1


# ReLU and Sigmoid ---------------------------------------------------------------------------------


def test_relu_masks_and_does_not_flip():
    layer = ReLU()
    y = layer.forward([[-2.0, 3.0, -1e-9, 0.0]])
    np.testing.assert_array_equal(y, [[0, 3, 0, 0]])
    np.testing.assert_array_equal(layer.backward([[5.0, -7.0, 5.0, 5.0]]), [[0, -7, 0, 0]])


def test_sigmoid_far_out_has_no_slope_and_no_warning():
    layer = Sigmoid()
    np.testing.assert_array_equal(layer.forward([-1000.0, 0.0, 1000.0]), [0, 0.5, 1])
    np.testing.assert_array_equal(layer.backward([1.0, 1.0, 1.0]), [0, 0.25, 0])


# Affine -------------------------------------------------------------------------------------------


def test_affine_of_the_hands_on_example():
    layer = Affine([[0.1], [0.2], [0.3]], [0.5])
    assert layer.forward([[122, 66, 94]])[0, 0] == pytest.approx(54.1, abs=1e-12)
    np.testing.assert_allclose(layer.backward([[2.0]]), [[0.2, 0.4, 0.6]])
    np.testing.assert_array_equal(layer.dW, [[244], [132], [188]])
    np.testing.assert_array_equal(layer.db, [2])


@pytest.mark.parametrize("how", ["in place", "replaced"])
def test_affine_sees_later_changes_of_its_parameters(how):
    layer, (x,), dout = affine_3_5()
    layer.forward(x)
    if how == "in place":
        layer.W[...] *= 2
        layer.b += 1
    else:
        layer.W, layer.b = layer.W * 2, layer.b + 1
    W, b = normal(2, 3, 5) * 2, normal(3, 5) + 1
    np.testing.assert_allclose(layer.forward(x), x @ W + b)
    np.testing.assert_allclose(layer.backward(dout), dout @ W.T)


def test_affine_holds_the_arrays_it_was_given():
    W, b = np.zeros((2, 3)), np.zeros(3)
    layer = Affine(W, b)
    W += 1
    b += 1
    np.testing.assert_array_equal(layer.forward(np.ones((1, 2))), [[3, 3, 3]])


def test_keep_gradients_is_backward_without_its_result():
    layer, inputs, dout = affine_3_5()
    layer.forward(*inputs)
    layer.backward(dout)
    dW, db = layer.dW, layer.db
    assert layer.keep_gradients(dout) is None
    np.testing.assert_array_equal(layer.dW, dW)
    np.testing.assert_array_equal(layer.db, db)
    assert layer.dW is not dW  # gradients that were handed out are not written over
    assert layer.db is not db


# SoftmaxWithLoss ----------------------------------------------------------------------------------


def test_the_loss_is_that_of_scikit_learn_and_of_cross_entropy_error():
    x, t = normal(0, 50, 7), np.arange(50) % 7
    loss = SoftmaxWithLoss().forward(x, t)
    expected = sklearn.metrics.log_loss(t, scipy.special.softmax(x, axis=1))
    assert loss == pytest.approx(expected, rel=1e-12)
    assert loss == pytest.approx(cross_entropy_error(softmax(x), t), rel=1e-12)
    assert SoftmaxWithLoss().forward(np.zeros((6, 10)), np.arange(6)) == pytest.approx(np.log(10))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("logits", [np.float32, np.float64])
def test_labels_and_one_hot_of_any_dtype_give_the_same(dtype, logits):
    x, t = normal(0, 6, 4, dtype=logits), np.array([0, 1, 1, 0, 1, 0])
    reference, layer = SoftmaxWithLoss(), SoftmaxWithLoss()
    loss = reference.forward(x, t)
    one_hot, whole = to_one_hot(t, 4).astype(dtype), np.dtype(dtype).kind in "biu"
    for labels in (one_hot, t.astype(dtype)) if whole else (one_hot,):
        assert layer.forward(x, labels) == pytest.approx(loss, rel=1e-6)
        assert layer.backward().dtype == logits
        np.testing.assert_allclose(layer.backward(), reference.backward(), atol=1e-7)


def test_the_gradient_is_y_minus_t_over_n():
    x, t = normal(0, 5, 3), np.array([0, 1, 2, 1, 1])
    layer = SoftmaxWithLoss()
    layer.forward(x, t)
    np.testing.assert_allclose(layer.backward(), (softmax(x) - to_one_hot(t, 3)) / 5)
    np.testing.assert_allclose(layer.backward().sum(axis=1), 0, atol=1e-16)
    twice = SoftmaxWithLoss()
    twice.forward(np.concatenate([x, x]), np.concatenate([t, t]))
    np.testing.assert_allclose(twice.backward()[:5], layer.backward() / 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logits_of_any_size_have_a_finite_loss_and_gradient(dtype):
    x = np.array([[1000, -1000, 0], [-1000, -1000, -1000], [1e-3, 0, 1000]], dtype)
    layer = SoftmaxWithLoss()
    assert layer.forward(x, [1, 0, 2]) == pytest.approx((2000 + np.log(3) + 0) / 3)
    np.testing.assert_allclose(
        layer.backward(3), [[1, -1, 0], [-2 / 3, 1 / 3, 1 / 3], [0, 0, 0]], atol=1e-7
    )


def test_labels_changed_after_forward_do_not_count():
    layer, (x, t), _ = last()
    layer.forward(x, t)
    expected = layer.backward()
    t[:] = (t + 1) % 3
    np.testing.assert_array_equal(layer.backward(), expected)


@pytest.mark.parametrize("dout", [2, 2.0, np.float32(2), np.float64(2), np.array(2)])
def test_dout_may_be_any_kind_of_number(dout):
    layer, inputs, _ = last(np.float32)
    layer.forward(*inputs)
    assert layer.backward(dout).dtype == np.float32
    np.testing.assert_allclose(layer.backward(dout), 2 * layer.backward(), rtol=1e-6)
