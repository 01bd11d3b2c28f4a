"""Layers with a forward and a backward pass, all in the same form.

`forward` stores what `backward` needs; the latest `forward` counts. `backward(dout)` takes the
gradient of the loss with respect to the layer's output and returns that with respect to its input:
the upstream gradient times the local derivative (the chain rule). Layers do not update parameters,
and no argument is ever modified.

Raises, in every layer: ValueError where shapes do not fit, RuntimeError for a `backward` before any
`forward`.

Source: Deep Learning from Scratch, chapter 5.
Symbols: N images, D inputs, H hidden units, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from utils.functions import log_softmax, mean_negative_log, relu, sigmoid


class ReLU:
    """max(0, x): passes positive values and replaces the others by 0.

    Source: Deep Learning from Scratch, section 5.5.1.
    """

    def forward(self, x: ArrayLike) -> NDArray:
        """Return max(0, x), same shape as `x`."""
        y = relu(x)
        self.shape = y.shape
        self.mask = y > 0
        return y

    def backward(self, dout: ArrayLike) -> NDArray:
        """Return `dout` where x was positive and 0 elsewhere, same shape."""
        return _fitting(dout, self) * self.mask


class Sigmoid:
    """1 / (1 + exp(-x)), whose derivative y (1 - y) follows from its output alone.

    Source: Deep Learning from Scratch, section 5.5.2.
    """

    def forward(self, x: ArrayLike) -> NDArray[np.floating]:
        """Return the sigmoid of `x`, same shape."""
        y = sigmoid(x)
        self.shape = y.shape
        self.slope = y * (1 - y)
        return y

    def backward(self, dout: ArrayLike) -> NDArray[np.floating]:
        """Return dout * y * (1 - y), same shape."""
        return _fitting(dout, self) * self.slope


class Affine:
    """A fully connected layer, x @ W + b, with one column of W for each of its H units.

    Args:
        W: weights, shape (D, H).
        b: biases, shape (H,).

    The layer keeps these arrays without copying them, so later changes in place count. After
    `backward` their gradients are in `dW` (D, H) and `db` (H,).

    Source: Deep Learning from Scratch, section 5.6.
    """

    def __init__(self, W: NDArray, b: NDArray):
        self.W, self.b = np.asarray(W), np.asarray(b)
        if self.W.ndim != 2 or self.b.shape != self.W.shape[1:]:
            raise ValueError(
                f"W of shape (D, H) goes with b of shape (H,), but W has shape {self.W.shape} and "
                f"b has shape {self.b.shape}"
            )

    def forward(self, x: ArrayLike) -> NDArray[np.floating]:
        """Return x @ W + b for a batch x of shape (N, D); the result has shape (N, H)."""
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != len(self.W):
            raise ValueError(
                f"W of shape {self.W.shape} takes a batch of shape (N, {len(self.W)}), "
                f"but x has shape {x.shape}"
            )
        y = x @ self.W + self.b  # (N, D) @ (D, H) + (H,) -> (N, H)
        self.shape = y.shape
        self.x = x
        return y

    def backward(self, dout: ArrayLike) -> NDArray[np.floating]:
        """Store dW and db; return the gradient with respect to x, shape (N, D)."""
        self.keep_gradients(dout)
        return np.asarray(dout) @ self.W.T  # (N, H) @ (H, D) -> (N, D)

    def keep_gradients(self, dout: ArrayLike) -> None:
        """Store dW and db only: a first layer needs no gradient with respect to the images."""
        dout = _fitting(dout, self)
        self.dW = self.x.T @ dout  # (D, N) @ (N, H) -> (D, H)
        self.db = dout.sum(axis=0)  # (N, H) -> (H,)


class SoftmaxWithLoss:
    """Softmax and mean cross-entropy in one layer, because their joint gradient is y - t.

    Source: Deep Learning from Scratch, section 5.6.3.
    """

    def forward(self, x: ArrayLike, t: ArrayLike) -> float:
        """Return the mean cross-entropy of softmax(x) against the labels.

        Args:
            x: logits (scores before softmax), shape (N, K).
            t: labels: integers of shape (N,), or one-hot (or any distribution) of shape (N, K).
        """
        if np.ndim(x) != 2 or np.size(x) == 0:
            raise ValueError(f"logits must have shape (N, K), but x has shape {np.shape(x)}")
        log_y = log_softmax(x)  # (N, K)
        loss = mean_negative_log(log_y, t)  # (N, K), (N,) -> ()
        self.shape = ()  # of the loss
        self.y, self.t = np.exp(log_y), np.array(t)
        return loss

    def backward(self, dout: float = 1) -> NDArray[np.floating]:
        """Return dout * (y - t) / N, shape (N, K)."""
        dout, n = float(_fitting(dout, self)), len(self.y)
        dx = self.y.copy()
        if self.t.shape == self.y.shape:
            dx -= self.t
        else:
            dx[np.arange(n), self.t.astype(int)] -= 1  # a one-hot row has a single 1
        return dx * (dout / n)


def _fitting(dout: ArrayLike, layer: ReLU | Sigmoid | Affine | SoftmaxWithLoss) -> NDArray:
    """Return `dout` as an array after checking that it has the shape of the latest output."""
    if not hasattr(layer, "shape"):
        raise RuntimeError("call forward before backward")
    dout = np.asarray(dout)
    if dout.shape != layer.shape:
        raise ValueError(
            f"the output had shape {layer.shape}, so its gradient must too, but dout has shape "
            f"{dout.shape}"
        )
    return dout
