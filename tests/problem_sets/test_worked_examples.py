"""The numbers in the texts of `ps5_two_layer_net` and `ps6_backpropagation` are computed here."""

import numpy as np

from tests.problem_sets.grading import read
from utils.functions import sigmoid, softmax
from utils.gradients import relative_error
from utils.layers import Affine, ReLU, SoftmaxWithLoss
from utils.networks import MultiLayerNet, TwoLayerNet

PARAMS = {
    "W1": np.array([[1.0, -1.0], [0.5, 1.0], [0.0, 0.5]]),
    "b1": np.array([0.0, 0.5]),
    "W2": np.array([[1.0, -1.0, 0.0], [0.0, 2.0, 1.0]]),
    "b2": np.array([0.5, 0.0, 0.0]),
}


def _text(name: str, cell_id: str) -> str:
    return next(cell.source for cell in read("solutions", name).cells if cell.id == cell_id)


def _row(*columns) -> str:
    """Return a line of a table: numbers with six digits at most, and commas between them."""
    return "".join(f" {', '.join(map(_number, np.ravel(c)))} |" for c in columns)


def _number(value: float) -> str:
    return f"{value:.6f}".rstrip("0").rstrip(".") if value == round(value, 4) else f"{value:.6f}"


def _matrix(array) -> str:
    rows = r" \\ ".join(" & ".join(map(_number, row)) for row in np.asarray(array))
    return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"


def test_relative_errors():
    text = _text("ps5_two_layer_net", "task-relative-error")
    assert f"| 5 | 10 + 5 | {relative_error(np.array([6, 8]), np.array([3, 4])):.6f} |" in text
    a, b = np.array([[1, 2], [2, 4]]), np.array([[1, 2], [2, 0]])
    assert f"| 4 | 5 + 3 | {relative_error(a, b)} |" in text
    assert relative_error(np.zeros(2), np.zeros(2)) == 0


def test_the_two_layer_net():
    text = _text("ps5_two_layer_net", "task-two-layer-net-example")
    x, t = np.array([[1.0, 0.0, 2.0], [2.0, -2.0, 1.0]]), np.array([0, 2])
    for array in (x, PARAMS["W1"], PARAMS["W2"]):
        assert _matrix(array) in text
    a1 = x @ PARAMS["W1"] + PARAMS["b1"]
    z1 = sigmoid(a1)
    a2 = z1 @ PARAMS["W2"] + PARAMS["b2"]
    y = softmax(a2)
    rows = {"$a_1$": a1, "$z_1$": z1, "$a_2$": a2, "$y$": y, "$t$": np.eye(3)[t]}
    rows[r"$-\log y$ of the right class"] = -np.log(y[[0, 1], t])
    rows[r"$\delta_2$"] = (y - np.eye(3)[t]) / 2
    for name, (first, second) in rows.items():
        assert f"| {name} |{_row(first, second)}" in text
    net = TwoLayerNet(3, 2, 3)
    net.params.update(PARAMS)
    assert f"**{net.loss(x, t):.6f}**" in text
    assert f"accuracy **{net.accuracy(x, t)}**" in text
    assert ", ".join(f"{slope:.6f}" for slope in net.gradient(x, t)["b2"]) in text


def test_sizes_of_the_two_layer_net():
    numbers = sum(value.size for value in TwoLayerNet(784, 50, 10).params.values())
    assert f"{numbers:,} numbers" in _text("ps5_two_layer_net", "title")
    assert f"{2 * numbers:,} losses" in _text("ps5_two_layer_net", "task-two-layer-net")
    assert f"{np.log(10):.6f}" in _text("ps5_two_layer_net", "train")


def test_relu():
    text, relu = _text("ps6_backpropagation", "task-relu"), ReLU()
    x, dout = np.array([[1, -2], [0, 3]]), np.array([[5, 6], [7, -8]])
    for array in (x, relu.forward(x), dout, relu.backward(dout)):
        assert _matrix(array) in text


def test_affine():
    text = _text("ps6_backpropagation", "task-affine")
    colour = Affine(np.array([[0.1], [0.2], [0.3]]), np.array([0.5]))
    assert f"**{colour.forward(np.array([[122, 66, 94]]))[0, 0]:.1f}**" in text
    W, b = np.array([[1.0, 2.0, 0.0], [0.0, -1.0, 3.0]]), np.array([0.5, 0.0, -1.0])
    x, dout = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([[1.0, 0.0, 2.0], [-1.0, 1.0, 0.0]])
    affine = Affine(W, b)
    for array in (x, W, affine.forward(x), dout, affine.backward(dout), affine.dW):
        assert _matrix(array) in text
    assert r",\; ".join(map(_number, affine.db)) in text


def test_softmax_with_loss():
    text, last = _text("ps6_backpropagation", "task-softmax-with-loss"), SoftmaxWithLoss()
    x, t = np.array([[0.0, 0.1, 5.3], [2.0, 1.0, 0.0]]), np.array([2, 1])
    assert f"**{last.forward(x, t):.6f}**" in text
    y = softmax(x)
    for name, (first, second) in {
        "$x$": x,
        "$y$": y,
        r"$-\log y$ of the right class": -np.log(y[[0, 1], t]),
        "$(y - t) / 2$": last.backward(),
    }.items():
        assert f"| {name} |{_row(first, second)}" in text


def test_the_multi_layer_net():
    text = _text("ps6_backpropagation", "task-multi-layer-net")
    x, t = np.array([[1.0, 1.0, 2.0], [2.0, -1.0, -2.0]]), np.array([0, 2])
    net = MultiLayerNet([3, 2, 3])
    net.params.update(PARAMS)
    a1 = x @ PARAMS["W1"] + PARAMS["b1"]
    scores = net.predict(x)
    for name, (first, second) in {
        "$x$": x,
        "Affine 1": a1,
        "ReLU": np.maximum(a1, 0),
        "Affine 2: the scores": scores,
        r"$-\log y$ of the right class": -np.log(softmax(scores)[[0, 1], t]),
    }.items():
        assert f"| {name} |{_row(first, second)}" in text
    assert f"**{net.loss(x, t):.6f}**" in text
    assert f"{np.log(3):.6f}" in text
    colour = MultiLayerNet([3, 50, 100, 50, 3]).params
    assert f"{colour['W1'].size} weights and {colour['b1'].size} biases" in text
