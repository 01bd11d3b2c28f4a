"""Mini-batch training: optimisers, the loop with its progress bar, and the history it returns."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from utils.functions import minibatch_indices
from utils.networks import MultiLayerNet, Params, accuracy_in_batches


class Optimizer(Protocol):
    """An object whose `update` changes parameters in place."""

    def update(self, params: Params, grads: Params) -> None: ...


@dataclass
class SGD:
    """Stochastic gradient descent: W <- W - lr * dW.

    Source: Deep Learning from Scratch, sections 4.5.2 and 6.1.2.
    """

    lr: float = 0.1

    def update(self, params: Params, grads: Params) -> None:
        """Take one step against the gradient, in place."""
        for key, gradient in grads.items():
            params[key] -= self.lr * gradient


@dataclass
class Momentum:
    """SGD with momentum: v <- momentum * v - lr * dW, then W <- W + v.

    Source: Polyak (1964); Deep Learning from Scratch, section 6.1.4.
    """

    lr: float = 0.1
    momentum: float = 0.9
    velocity: Params = field(default_factory=dict, repr=False)

    def update(self, params: Params, grads: Params) -> None:
        """Take one step, in place."""
        for key, gradient in grads.items():
            v = self.momentum * self.velocity.get(key, 0.0) - self.lr * gradient
            self.velocity[key] = v
            params[key] += v


@dataclass
class History:
    """The record of a training run.

    Attributes:
        loss: loss of each mini-batch before its step, one number per step.
        epoch: after how many epochs the accuracies below were measured; the first is 0.
        train_accuracy: rate in 0..1 on the training images (the first 10,000 if there are more),
            one for each entry of `epoch`.
        test_accuracy: on the test images, likewise; empty without test images.
        stopped: True if training ended before its last epoch.
        epochs: how many epochs were asked for.
        steps_per_epoch: mini-batches in an epoch; `epoch[i]` was measured after
            `epoch[i] * steps_per_epoch` steps.
    """

    loss: list[float] = field(default_factory=list)
    epoch: list[int] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    stopped: bool = False
    epochs: int = 0
    steps_per_epoch: int = 0


def train(
    net: MultiLayerNet,
    x_train: ArrayLike,
    t_train: ArrayLike,
    x_test: ArrayLike | None = None,
    t_test: ArrayLike | None = None,
    *,
    epochs: int = 10,
    batch_size: int = 100,
    optimizer: Optimizer | None = None,
    seed: int | None = 0,
    progress: bool = True,
    on_step: Callable[[History], bool | None] | None = None,
) -> History:
    """Train a network in place by mini-batches and return the history.

    Each epoch shuffles the images and takes one step per mini-batch. Interrupting (Ctrl-C, the
    notebook's stop button) ends training early and keeps both the network and the history.

    Args:
        net: the network; its `params` change, and its dtype is that of the arithmetic.
        x_train: images, shape (N, D).
        t_train: labels: integers of shape (N,), or one-hot of shape (N, K).
        x_test: images to measure accuracy on after each epoch; never trained on.
        t_test: their labels.
        epochs: passes over all training images, 0 or more.
        batch_size: images per step; the last step of an epoch may have fewer.
        optimizer: `SGD(lr=0.1)` if left out.
        seed: of the shuffling.
        progress: show a bar with loss and accuracy.
        on_step: called with the history after each step; training stops when it returns True.

    Returns:
        The history. Where the loss becomes nan or inf, training stops there.

    Raises:
        ValueError: not one label per image, test images without labels, or a number out of range.

    Source: Deep Learning from Scratch, sections 4.5.2 and 4.5.3.
    """
    x_train, t_train = _pair(x_train, t_train, "training")
    test = None if x_test is None and t_test is None else _pair(x_test, t_test, "test")
    if epochs < 0 or batch_size < 1:
        raise ValueError(f"needs epochs >= 0 and batch_size >= 1, not {epochs=}, {batch_size=}")
    optimizer = SGD() if optimizer is None else optimizer
    rng = np.random.default_rng(seed)
    history = History(epochs=epochs, steps_per_epoch=math.ceil(len(x_train) / batch_size))
    bar = tqdm(
        total=epochs * history.steps_per_epoch,
        disable=not progress,
        unit="step",
        file=sys.stdout,
        dynamic_ncols=True,
    )

    def measure(epoch: int) -> None:
        on_train = accuracy_in_batches(net.predict, x_train[:10_000], t_train[:10_000], 1000)
        on_test = [] if test is None else [accuracy_in_batches(net.predict, *test, 1000)]
        history.epoch.append(epoch)
        history.train_accuracy.append(on_train)
        history.test_accuracy.extend(on_test)

    def stop() -> History:
        history.stopped = True
        return history

    try:
        # One thread for NumPy's products: those of a mini-batch are too small to share, and on a
        # busy machine threads that wait for each other make training ten times slower.
        one_thread = threadpool_limits(1, user_api="blas")
        # An overflow needs no warning: a loss of nan is reported below.
        with bar, one_thread, np.errstate(over="ignore", invalid="ignore"):
            measure(0)
            for epoch in range(1, epochs + 1):
                for batch in minibatch_indices(len(x_train), batch_size, rng):
                    x = x_train.take(batch, axis=0)  # x_train[batch], a quarter faster
                    loss, grads = net.loss_and_gradient(x, t_train[batch])
                    history.loss.append(loss)
                    if not math.isfinite(loss):
                        bar.write(f"stopped: the loss became {loss}; try a smaller learning rate")
                        return stop()
                    optimizer.update(net.params, grads)
                    bar.update()
                    if on_step is not None and on_step(history):
                        return stop()
                measure(epoch)
                bar.set_postfix(_summary(history))
    except KeyboardInterrupt:
        return stop()
    return history


def _pair(x: ArrayLike | None, t: ArrayLike | None, what: str) -> tuple[NDArray, NDArray]:
    """Return images and labels as arrays after checking that their numbers agree."""
    if x is None or t is None:
        raise ValueError(f"{what} images and {what} labels are needed together")
    x, t = np.asarray(x), np.asarray(t)
    if x.ndim != 2 or len(x) == 0 or t.shape[:1] != x.shape[:1]:
        raise ValueError(
            f"{what} images of shape (N, D) need as many labels, but images have shape {x.shape} "
            f"and labels {t.shape}"
        )
    return x, t


def _summary(history: History) -> dict[str, str]:
    """Return the figures that the progress bar shows after an epoch."""
    shown = {"loss": f"{np.mean(history.loss[-100:]):.4f}"}
    shown["train"] = f"{history.train_accuracy[-1]:.4f}"
    if history.test_accuracy:
        shown["test"] = f"{history.test_accuracy[-1]:.4f}"
    return shown
