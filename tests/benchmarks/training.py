"""Training: `TwoLayerNet` 784-50-10 in mini-batches of 100, learning rate 0.5.

All learners start from the same parameters, take the same mini-batches and keep the losses. The
clock starts at the end of a turn's first step, so that setting up does not count.
"""

from __future__ import annotations

import functools
import itertools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from tests.benchmarks import peers
from tests.benchmarks.measuring import Figure, Size, figures, in_turn, say, table, threads
from utils.functions import accuracy, sigmoid
from utils.mnist import data_source, load_mnist
from utils.networks import TwoLayerNet
from utils.system import processors
from utils.training import SGD, History, train

try:
    import torch
except ImportError:
    torch: Any = None

SIZES, BATCH, RATE = (784, 50, 10), 100, 0.5
OURS, FLOAT64, TORCH, SKLEARN = "ours", "plain float64", "PyTorch", "scikit-learn"
PRODUCTS = "five products alone"
GOALS = {FLOAT64: 1.7, TORCH: 1.0, SKLEARN: 1.0}  # how many times as long as ours
STEPS, GOAL = 10_000, 0.97  # accuracy

Params = dict[str, np.ndarray]  # W1, b1, W2, b2


def new_net() -> TwoLayerNet:
    """Return the network with its initial parameters, the same on every call."""
    return TwoLayerNet(*SIZES, weight_init_std="xavier", seed=0, dtype=np.float32)


def batches(n: int) -> Iterator[np.ndarray]:
    """Yield the indices of mini-batches, shuffled in every epoch as `train` does."""
    rng = np.random.default_rng(0)
    while True:
        order = rng.permutation(n)
        for start in range(0, n - BATCH + 1, BATCH):
            yield order[start : start + BATCH]


def train_ours(net: TwoLayerNet, x: np.ndarray, t: np.ndarray, count: int) -> float:
    """Train by `training.train`; return the seconds that a step takes, without the first."""
    ends: list[float] = []

    def on_step(history: History) -> bool:
        ends.append(time.perf_counter())
        return len(ends) == count

    how: dict[str, Any] = {"batch_size": BATCH, "optimizer": SGD(RATE), "progress": False}
    train(net, x, t, epochs=count // (len(x) // BATCH) + 1, seed=0, on_step=on_step, **how)
    return (ends[-1] - ends[0]) / (count - 1)


def plain_float64(x: np.ndarray, t: np.ndarray) -> Iterator[Params]:
    """Train and yield the parameters after each step, as all others below do."""
    x, t, losses = x.astype(np.float64), np.eye(SIZES[-1])[t], []
    params = {key: value.astype(np.float64) for key, value in new_net().params.items()}

    def forward(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        z = 1 / (1 + np.exp(-(np.dot(x, params["W1"]) + params["b1"])))
        a = np.dot(z, params["W2"]) + params["b2"]
        e = np.exp(a - np.max(a, axis=1, keepdims=True))
        return z, e / np.sum(e, axis=1, keepdims=True)

    for batch in batches(len(x)):
        xb, tb = x[batch], t[batch]
        z, y = forward(xb)
        dout = (y - tb) / BATCH
        grads = {"W2": np.dot(z.T, dout), "b2": np.sum(dout, axis=0)}
        dout = np.dot(dout, params["W2"].T) * (1.0 - z) * z
        grads |= {"W1": np.dot(xb.T, dout), "b1": np.sum(dout, axis=0)}
        np.dot(dout, params["W1"].T)  # a plain Affine.backward always returns dx
        for key, gradient in grads.items():
            params[key] -= RATE * gradient
        losses.append(-np.sum(tb * np.log(forward(xb)[1] + 1e-7)) / BATCH)
        yield params


def pytorch(x: np.ndarray, t: np.ndarray) -> Iterator[Params]:
    """Train by PyTorch eager, the data in memory as tensors."""
    images, labels, losses = torch.from_numpy(x), torch.from_numpy(t), []
    W1, b1, W2, b2 = (torch.from_numpy(value) for value in new_net().params.values())
    first, second = torch.nn.Linear(*SIZES[:2]), torch.nn.Linear(*SIZES[1:])
    first.load_state_dict({"weight": W1.T, "bias": b1})
    second.load_state_dict({"weight": W2.T, "bias": b2})
    net = torch.nn.Sequential(first, torch.nn.Sigmoid(), second)
    criterion = torch.nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=RATE)
    w1, v1, w2, v2 = (one.detach().numpy() for one in net.parameters())  # they share memory
    for indices in batches(len(x)):
        batch = torch.from_numpy(indices)
        optimizer.zero_grad()
        loss = criterion(net(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        yield {"W1": w1.T, "b1": v1, "W2": w2.T, "b2": v2}


def sklearn(x: np.ndarray, t: np.ndarray) -> Iterator[Params]:
    """Train by `MLPClassifier` with plain SGD, one `partial_fit` for each mini-batch."""
    sgd = {"solver": "sgd", "alpha": 0, "momentum": 0, "nesterovs_momentum": False}
    how: dict[str, Any] = {"learning_rate_init": RATE, "batch_size": BATCH, "shuffle": False}
    net = MLPClassifier(SIZES[1:-1], activation="logistic", **sgd, **how)
    net.partial_fit(x[:BATCH], t[:BATCH], classes=np.arange(SIZES[-1]))  # makes the parameters
    (W1, W2), (b1, b2) = net.coefs_, net.intercepts_
    params = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
    for key, value in new_net().params.items():
        params[key][...] = value
    for batch in batches(len(x)):
        net.partial_fit(x[batch], t[batch])
        yield params


def five_products(x: np.ndarray, t: np.ndarray) -> Iterator[None]:
    """Compute the five matrix products of a step in float32, and nothing else."""
    rng = np.random.default_rng(0)
    D, H, K = SIZES
    shapes = ((D, H), (H, K), (BATCH, H), (BATCH, H), (BATCH, K))
    x, (W1, W2, hidden, da, dy) = x[:BATCH].copy(), (rng.random(s, np.float32) for s in shapes)
    while True:
        x @ W1  # (N, D) @ (D, H), forward
        hidden @ W2  # (N, H) @ (H, K)
        hidden.T @ dy  # (H, N) @ (N, K), backward
        dy @ W2.T  # (N, K) @ (K, H)
        x.T @ da  # (D, N) @ (N, H)
        yield


LEARNERS: dict[str, Callable] = {FLOAT64: plain_float64, SKLEARN: sklearn}
if torch:
    LEARNERS[TORCH] = pytorch


def steps(folder: Path, size: Size) -> Iterator[str]:
    """Yield the time of a step, with one thread and with as many as there are processors."""
    (x, t), _ = load_mnist()
    for count in dict.fromkeys((1, processors())):
        # Short turns, so that a busy moment spoils a few of many.
        full, rounds = (200, 25) if count == 1 else (100, 9)
        turn = size.of(full, least=10)
        with threads(count):
            others = {PRODUCTS: five_products} | LEARNERS
            calls = {n: functools.partial(_step, kind(x, t), turn) for n, kind in others.items()}
            calls[OURS] = functools.partial(train_ours, new_net(), x, t, turn)
            # The idle threads of NumPy and PyTorch spin for 0.1 s after their work.
            took = in_turn(calls, size.rounds or rounds, rest=0.2 if count > 1 else 0)
        rows = [
            Figure(name, OURS, took[name], took[OURS], "µs", size.at_least(GOALS[name]))
            for name in LEARNERS
        ]
        goal = size.at_most(2)
        rows.append(Figure(OURS, PRODUCTS, took[OURS], took[PRODUCTS], "µs", goal))
        alone = ["`training.train` itself keeps NumPy to one thread."] if count > 1 else []
        title = f"A step, {count} thread{'s' * (count > 1)}"
        yield figures(title, rows, [*peers.TORCH.notes, *took.notes, *alone])


def _step(learner: Iterator, count: int) -> float:
    """Return the seconds that a step takes, without the first of a turn."""
    next(learner)
    start = time.perf_counter()
    for _ in itertools.islice(learner, count - 1):
        pass
    return (time.perf_counter() - start) / (count - 1)


def trained(x: np.ndarray, t: np.ndarray, count: int) -> Iterator[tuple[str, Params]]:
    """Yield each learner's name and its parameters after so many steps."""
    net = new_net()
    train_ours(net, x, t, count)
    yield OURS, net.params
    for name, kind in LEARNERS.items():
        yield name, next(itertools.islice(kind(x, t), count - 1, None))


def accuracies(folder: Path, size: Size) -> Iterator[str]:
    """Yield the accuracy of all learners after the full number of steps."""
    (x, t), (x_test, t_test) = load_mnist()
    count, rows = size.of(STEPS), []
    say(f"{count:,} steps of each learner")
    with threads(1):
        for name, params in trained(x, t, count):
            W1, b1, W2, b2 = params.values()
            rate = accuracy(sigmoid(x_test @ W1 + b1) @ W2 + b2, t_test)
            goal = size.at_least(GOAL) if name == OURS and data_source() == "MNIST" else None
            rows.append([name, f"{rate:.4f}", goal.verdict(rate) if goal else ""])
    title = f"Accuracy on 10,000 test images after {count:,} steps of learning rate {RATE}"
    yield table(title, ("learner", "accuracy", "goal"), rows, peers.TORCH.notes)


PARTS = {"steps": steps, "accuracy": accuracies}
