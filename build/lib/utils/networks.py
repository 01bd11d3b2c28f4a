"""Networks made of layers: inference with ThreeLayerNet, training with TwoLayerNet, MultiLayerNet.

Parameters live in a dictionary `params` with keys W1, b1, W2, b2, ...: W of shape (inputs, units),
b of shape (units,). Gradients come in a dictionary with the same keys.

Symbols: N images, D inputs, H hidden units, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from utils.functions import accuracy, sigmoid, softmax
from utils.gradients import numerical_gradient
from utils.layers import Affine, ReLU, Sigmoid, SoftmaxWithLoss

Params = MutableMapping[str, NDArray[np.floating]]


# Inference ------------------------------------------------------------------------------------


def predict(network: Mapping[str, NDArray], x: ArrayLike) -> NDArray[np.floating]:
    """Return the class probabilities of a three-layer network: sigmoid, sigmoid, softmax.

    Args:
        network: W1, b1, W2, b2, W3, b3.
        x: one image of shape (D,) or a batch of shape (N, D), scaled as in training.

    Returns:
        Probabilities, shape (K,) or (N, K).

    Raises:
        ValueError: a parameter is missing, or two shapes do not fit.

    Source: Deep Learning from Scratch, section 3.6.2.
    """
    x = np.asarray(x)
    _check_three_layers(network)
    _check_input(x, network["W1"])
    z1 = sigmoid(x @ network["W1"] + network["b1"])  # (N, D) @ (D, H1) -> (N, H1)
    z2 = sigmoid(z1 @ network["W2"] + network["b2"])  # (N, H1) @ (H1, H2) -> (N, H2)
    return softmax(z2 @ network["W3"] + network["b3"])  # (N, H2) @ (H2, K) -> (N, K)


def accuracy_in_batches(
    predict: Callable[[NDArray], NDArray], x: NDArray, t: ArrayLike, batch_size: int
) -> float:
    """Return the accuracy of predictions that are made batch by batch.

    Args:
        predict: turns a batch (n, D) into outputs (n, K); called once per batch, in order.
        x: images, shape (N, D).
        t: labels: integers of shape (N,), or one-hot of shape (N, K).
        batch_size: images per call, 1 or more; the last batch may be short.

    Returns:
        A rate in 0..1. Every image has the same weight, also in a short last batch.

    Raises:
        ValueError: no images, `batch_size` below 1, or not one label per image.

    Source: Deep Learning from Scratch, section 3.6.3.
    """
    x, t = np.asarray(x), np.asarray(t)
    if len(x) == 0 or batch_size < 1:
        raise ValueError(f"needs images and batch_size >= 1, but {x.shape=} and {batch_size=}")
    if len(t) != len(x):
        raise ValueError(
            f"needs a label per image, but images have shape {x.shape}, labels {t.shape}"
        )
    correct = 0
    for start in range(0, len(x), batch_size):
        batch = slice(start, start + batch_size)
        correct += round(accuracy(predict(x[batch]), t[batch]) * len(t[batch]))
    return correct / len(x)


class ThreeLayerNet:
    """The 784-50-100-10 network of the inference lectures, for prediction only.

    Args:
        params: W1, b1, W2, b2, W3, b3, for example from `utils.weights.load_weights()`.

    Raises:
        ValueError: a parameter is missing, or two shapes do not fit.
    """

    def __init__(self, params: Mapping[str, NDArray]):
        _check_three_layers(params)
        self.params = dict(params)

    def predict(self, x: ArrayLike) -> NDArray[np.floating]:
        """Return probabilities, shape (K,) for one image (D,) and (N, K) for a batch (N, D)."""
        return predict(self.params, x)

    def accuracy(self, x: NDArray, t: ArrayLike, batch_size: int = 100) -> float:
        """Return the accuracy, a rate in 0..1."""
        return accuracy_in_batches(self.predict, x, t, batch_size)


# Training -------------------------------------------------------------------------------------


def initial_weights(
    n_in: int,
    n_out: int,
    scheme: float | str,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> NDArray[np.floating]:
    """Draw a weight matrix from a normal distribution of mean 0.

    Args:
        n_in: rows D, the number of inputs.
        n_out: columns H, the number of units.
        scheme: the standard deviation as a number; "xavier" for sqrt(1 / n_in), which suits
            sigmoid; "he" for sqrt(2 / n_in), which suits ReLU.
        rng: the random generator.
        dtype: of the result.

    Returns:
        Weights, shape (n_in, n_out).

    Raises:
        ValueError: `scheme` is neither a number >= 0 nor one of the two names.

    Source: Glorot and Bengio (2010); He, Zhang, Ren, Sun (2015), arXiv:1502.01852.
    """
    named = {"xavier": np.sqrt(1 / n_in), "he": np.sqrt(2 / n_in)}
    std = named.get(scheme) if isinstance(scheme, str) else scheme
    if std is None or not std >= 0:
        raise ValueError(f'weight_init_std is a number >= 0, "xavier" or "he", not {scheme!r}')
    return (std * rng.standard_normal((n_in, n_out))).astype(dtype)


class _LayerParams(Params):
    """The weights and biases of affine layers as a dictionary with keys W1, b1, W2, b2, ...

    The arrays live in the layers and nowhere else. A key cannot be added or removed.
    """

    def __init__(self, affines: Sequence[Affine]):
        self._owners = {f"{name}{i}": a for i, a in enumerate(affines, start=1) for name in "Wb"}

    def __getitem__(self, key: str) -> NDArray[np.floating]:
        return getattr(self._owners[key], key[0])

    def __setitem__(self, key: str, value: NDArray[np.floating]) -> None:
        if key not in self._owners:
            raise KeyError(f"the network has the parameters {', '.join(self)}, not {key!r}")
        setattr(self._owners[key], key[0], np.asarray(value))

    def __delitem__(self, key: str) -> None:
        raise TypeError(f"{key} cannot be removed: the network needs all of {', '.join(self)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._owners)

    def __len__(self) -> int:
        return len(self._owners)

    def __repr__(self) -> str:
        return repr(dict(self))


class MultiLayerNet:
    """Affine layers with an activation after each but the last, then softmax with loss.

    Args:
        layer_sizes: numbers of inputs, of units of each hidden layer, and of classes, such as
            [3, 50, 100, 50, 3].
        weight_init_std: a standard deviation, "xavier" or "he"; see `initial_weights`.
        seed: of the initial weights; None for different ones each time.
        activation: the layer class after each hidden Affine.
        dtype: of parameters, and of the arithmetic: float64 to check gradients, float32 for speed.

    `params` is a dictionary with keys W1, b1, ... It reads and writes the arrays of `affines`, the
    affine layers: both a change in place and a new array count from the next forward pass on.

    Raises:
        ValueError: fewer than two sizes, or a size below 1; or `params` is replaced by a dictionary
            with other keys.
    """

    def __init__(
        self,
        layer_sizes: Sequence[int],
        weight_init_std: float | str = "he",
        seed: int | None = None,
        *,
        activation: type[ReLU] | type[Sigmoid] = ReLU,
        dtype: DTypeLike = np.float64,
    ):
        if len(layer_sizes) < 2 or min(layer_sizes) < 1:
            raise ValueError(
                f"layer_sizes needs inputs and classes, each at least 1, but is {layer_sizes}"
            )
        rng = np.random.default_rng(seed)
        self.dtype = np.dtype(dtype)
        self.affines = [
            Affine(
                initial_weights(n_in, n_out, weight_init_std, rng, dtype), np.zeros(n_out, dtype)
            )
            for n_in, n_out in pairwise(layer_sizes)
        ]
        self.layers: list[Affine | ReLU | Sigmoid] = [self.affines[0]]
        for affine in self.affines[1:]:
            self.layers += [activation(), affine]
        self.last_layer = SoftmaxWithLoss()
        self._params = _LayerParams(self.affines)

    @property
    def params(self) -> Params:
        """Return the parameters of the affine layers as a dictionary."""
        return self._params

    @params.setter
    def params(self, values: Mapping[str, NDArray[np.floating]]) -> None:
        if set(values) != set(self._params):
            raise ValueError(
                f"params needs the keys {', '.join(self._params)}, but has {', '.join(values)}"
            )
        self._params.update(values)

    def _logits(self, x: ArrayLike) -> NDArray[np.floating]:
        """Run the layers on one input (D,) or a batch (N, D); return logits of shape (N, K)."""
        x = np.atleast_2d(np.asarray(x, self.dtype))
        _check_input(x, self.affines[0].W)
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def predict(self, x: ArrayLike) -> NDArray[np.floating]:
        """Return logits, shape (K,) for one input (D,) and (N, K) for a batch (N, D)."""
        logits = self._logits(x)
        return logits[0] if np.ndim(x) == 1 else logits

    def loss(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return the mean cross-entropy over a batch (N, D) with labels (N,) or one-hot (N, K)."""
        return self.last_layer.forward(self._logits(x), t)

    def accuracy(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return the accuracy, a rate in 0..1."""
        return accuracy(self.predict(x), t)

    def gradient(self, x: ArrayLike, t: ArrayLike) -> Params:
        """Return the gradient of the loss by backpropagation; nothing is updated.

        Args:
            x: a batch, shape (N, D).
            t: labels: integers of shape (N,), or one-hot of shape (N, K).

        Returns:
            A gradient for each parameter, same key and shape.
        """
        return self.loss_and_gradient(x, t)[1]

    def loss_and_gradient(self, x: ArrayLike, t: ArrayLike) -> tuple[float, Params]:
        """Return the loss and its gradient, both from a single forward pass."""
        loss = self.loss(x, t)
        dout = self.last_layer.backward()
        for layer in reversed(self.layers[1:]):
            dout = layer.backward(dout)
        self.affines[0].keep_gradients(dout)  # the images need no gradient: one product less
        grads: Params = {}
        for i, affine in enumerate(self.affines, start=1):
            grads[f"W{i}"], grads[f"b{i}"] = affine.dW, affine.db
        return loss, grads

    def numerical_gradient(self, x: ArrayLike, t: ArrayLike) -> Params:
        """Return the gradient of the loss by central differences: two losses per parameter.

        Args and result as for `gradient`. Slow: for checking `gradient` on a small network.
        """
        return {
            key: numerical_gradient(self._loss_of(key, x, t), self.params[key])
            for key in self.params
        }

    def _loss_of(self, key: str, x: ArrayLike, t: ArrayLike) -> Callable[[NDArray], float]:
        """Return the loss as a function of a single parameter, the others held fixed."""

        def loss(value: NDArray) -> float:
            kept = self.params[key]
            try:
                self.params[key] = value
                return self.loss(x, t)
            finally:
                self.params[key] = kept

        return loss


class TwoLayerNet(MultiLayerNet):
    """A network with one hidden layer of sigmoid units, whose `predict` gives probabilities.

    Args:
        input_size: D.
        hidden_size: H.
        output_size: K.
        weight_init_std: a standard deviation, "xavier" or "he"; see `initial_weights`.
        seed: of the initial weights; None for different ones each time.
        dtype: of parameters, and of the arithmetic.

    Source: Deep Learning from Scratch, section 4.5.1.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        output_size: int,
        weight_init_std: float | str = 0.01,
        seed: int | None = None,
        *,
        dtype: DTypeLike = np.float64,
    ):
        sizes = [input_size, hidden_size, output_size]
        super().__init__(sizes, weight_init_std, seed, activation=Sigmoid, dtype=dtype)

    def predict(self, x: ArrayLike) -> NDArray[np.floating]:
        """Return probabilities, shape (K,) for one image (D,) and (N, K) for a batch (N, D)."""
        return softmax(super().predict(x))


def _check_input(x: NDArray, W1: NDArray) -> None:
    """Raise a ValueError that names both shapes if inputs and first weights do not fit."""
    if x.ndim not in (1, 2) or x.shape[-1] != len(W1):
        raise ValueError(
            f"W1 of shape {W1.shape} takes inputs of shape ({len(W1)},) or (N, {len(W1)}), "
            f"but x has shape {x.shape}"
        )


def _check_three_layers(network: Mapping[str, NDArray]) -> None:
    """Raise a ValueError that names the parameters that do not fit together."""
    missing = [key for key in ("W1", "b1", "W2", "b2", "W3", "b3") if key not in network]
    if missing:
        raise ValueError(f"a three-layer network also needs {', '.join(missing)}")
    for i in (1, 2, 3):
        W, b = network[f"W{i}"].shape, network[f"b{i}"].shape
        if len(W) != 2 or b != W[1:]:
            raise ValueError(
                f"W{i} of shape (D, H) goes with b{i} of shape (H,), but W{i} has shape {W} and "
                f"b{i} has shape {b}"
            )
        if i > 1 and network[f"W{i - 1}"].shape[1] != W[0]:
            raise ValueError(
                f"W{i - 1} of shape {network[f'W{i - 1}'].shape} cannot be followed by W{i} of "
                f"shape {W}"
            )
