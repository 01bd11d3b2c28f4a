"""Training: `TwoLayerNet` 784-50-10 in mini-batches of 100, through `training.train`.

Ours is the course's network in float32. The others have the same layers, images, batch size and
learning rate, and, as ours does, keep the loss of every step:

- the manner of the book: float64, rows drawn with replacement, one-hot labels, layer objects, the
  loss from a second forward pass after the step (written for this benchmark);
- PyTorch eager, data in memory as tensors, shuffled indices;
- scikit-learn: `MLPClassifier.partial_fit` on each mini-batch;
- a step written out: the same arithmetic as ours in one function, without layers and checks;
- the limit: the five matrix products of a step alone, in float32.

Everybody's clock starts at the end of a turn's first step: neither setting up, nor shuffling, nor
measuring accuracy counts for anybody.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import numpy as np
from sklearn.neural_network import MLPClassifier

from tests.benchmarks.measuring import (
    ASLEEP,
    Size,
    Stage,
    Table,
    at_least,
    at_most,
    compare,
    figures,
    in_turn,
    profiled,
    say,
    threads,
)
from tests.benchmarks.peers import torch
from utils.commands import processors
from utils.functions import accuracy, sigmoid
from utils.mnist import data_source, load_mnist
from utils.networks import TwoLayerNet
from utils.training import SGD, History, train

SIZES, BATCH, RATE = (784, 50, 10), 100, 0.5
OURS, BOOK, TORCH, SKLEARN = "ours", "the book's manner", "PyTorch", "scikit-learn"
WRITTEN_OUT, PRODUCTS = "a step written out", "five products alone"
GOALS = {BOOK: 1.7, TORCH: 1.0, SKLEARN: 1.0}  # times as long as ours
STEPS, GOAL = 10_000, 0.97

Done = Callable[[], None]  # what everybody calls at the end of each step


class Ours:
    """The course's network, and its training."""

    def __init__(self, x: np.ndarray, t: np.ndarray) -> None:
        self.x, self.t = x, t
        self.net = TwoLayerNet(*SIZES, weight_init_std="xavier", seed=0, dtype=np.float32)
        self.seeds = itertools.count()

    def steps(self, count: int, done: Done) -> None:
        """Train, with another shuffling each time."""

        def on_step(history: History) -> bool:
            done()
            return len(history.loss) == count

        train(
            self.net,
            self.x,
            self.t,
            epochs=count // (len(self.x) // BATCH) + 1,
            batch_size=BATCH,
            optimizer=SGD(RATE),
            seed=next(self.seeds),
            progress=False,
            on_step=on_step,
        )

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.net.predict(x)


class BookAffine:
    """x W + b, whose backward pass always computes the gradient of x, too."""

    def __init__(self, W: np.ndarray, b: np.ndarray) -> None:
        self.W, self.b = W, b

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout: np.ndarray) -> np.ndarray:
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx


class BookSigmoid:
    """The plain formula."""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, dout: np.ndarray) -> np.ndarray:
        return dout * (1.0 - self.out) * self.out


class BookSoftmaxWithLoss:
    """Softmax, then the cross-entropy with one-hot labels."""

    def forward(self, x: np.ndarray, t: np.ndarray) -> float:
        self.t = t
        e = np.exp(x - np.max(x, axis=1, keepdims=True))
        self.y = e / np.sum(e, axis=1, keepdims=True)
        return -np.sum(t * np.log(self.y + 1e-7)) / len(t)

    def backward(self) -> np.ndarray:
        return (self.y - self.t) / len(self.t)


class Book:
    """Training as books write it: float64, one-hot labels, rows at random."""

    def __init__(self, x: np.ndarray, t: np.ndarray) -> None:
        self.x, self.t = x.astype(np.float64), np.eye(SIZES[-1])[t]
        rng = np.random.default_rng(0)
        self.rng, self.losses, self.params = rng, [], {}
        for i, (n_in, n_out) in enumerate(zip(SIZES, SIZES[1:], strict=False), start=1):
            self.params[f"W{i}"] = rng.standard_normal((n_in, n_out)) / np.sqrt(n_in)
            self.params[f"b{i}"] = np.zeros(n_out)
        first, second = (BookAffine(self.params[f"W{i}"], self.params[f"b{i}"]) for i in (1, 2))
        self.layers, self.last = [first, BookSigmoid(), second], BookSoftmaxWithLoss()

    def predict(self, x: np.ndarray) -> np.ndarray:
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x: np.ndarray, t: np.ndarray) -> float:
        return self.last.forward(self.predict(x), t)

    def gradient(self, x: np.ndarray, t: np.ndarray) -> dict[str, np.ndarray]:
        self.loss(x, t)
        dout = self.last.backward()
        for layer in reversed(self.layers):
            dout = layer.backward(dout)
        first, _, second = self.layers
        return {"W1": first.dW, "b1": first.db, "W2": second.dW, "b2": second.db}

    def steps(self, count: int, done: Done) -> None:
        """Train."""
        for _ in range(count):
            rows = self.rng.choice(len(self.x), BATCH)
            x, t = self.x[rows], self.t[rows]
            grads = self.gradient(x, t)
            for key, gradient in grads.items():
                self.params[key] -= RATE * gradient
            self.losses.append(self.loss(x, t))
            done()


class Torch:
    """PyTorch eager: the same layers, the data in memory as tensors."""

    def __init__(self, x: np.ndarray, t: np.ndarray) -> None:
        nn, optim = torch.module.nn, torch.module.optim
        self.x, self.t = torch.module.from_numpy(x), torch.module.from_numpy(t)
        torch.module.manual_seed(0)
        first, second = nn.Linear(*SIZES[:2]), nn.Linear(*SIZES[1:])
        self.net = nn.Sequential(first, nn.Sigmoid(), second)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optim.SGD(self.net.parameters(), lr=RATE)
        self.losses: list[float] = []

    def steps(self, count: int, done: Done) -> None:
        """Train."""
        for batch in _batches(len(self.x), count, torch.module.randperm):
            self.optimizer.zero_grad()
            loss = self.criterion(self.net(self.x[batch]), self.t[batch])
            loss.backward()
            self.optimizer.step()
            self.losses.append(loss.item())
            done()

    def predict(self, x: np.ndarray) -> np.ndarray:
        with torch.module.inference_mode():
            return self.net(torch.module.from_numpy(x)).numpy()


class Sklearn:
    """scikit-learn's network with plain SGD, one `partial_fit` for each mini-batch."""

    def __init__(self, x: np.ndarray, t: np.ndarray) -> None:
        self.x, self.t = x, t
        self.net = MLPClassifier(
            SIZES[1:-1],
            activation="logistic",
            solver="sgd",
            alpha=0,
            batch_size=BATCH,
            learning_rate_init=RATE,
            momentum=0,
            nesterovs_momentum=False,
            shuffle=False,  # the mini-batches are shuffled
            random_state=0,
        )
        self.rng = np.random.default_rng(0)

    def steps(self, count: int, done: Done) -> None:
        """Train."""
        classes = np.arange(SIZES[-1])
        for batch in _batches(len(self.x), count, self.rng.permutation):
            self.net.partial_fit(self.x[batch], self.t[batch], classes=classes)
            classes = None  # only the very first step asks for them
            done()

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.net.predict_proba(x)


class WrittenOut:
    """What a step costs where nothing is a layer and nothing is checked."""

    def __init__(self, x: np.ndarray, t: np.ndarray) -> None:
        self.x, self.t = x, t
        self.params = TwoLayerNet(*SIZES, "xavier", seed=0, dtype=np.float32).params
        self.rng, self.losses = np.random.default_rng(0), []

    def steps(self, count: int, done: Done) -> None:
        """Train."""
        (W1, b1, W2, b2), rows = self.params.values(), np.arange(BATCH)
        for batch in _batches(len(self.x), count, self.rng.permutation):
            x, t = self.x.take(batch, axis=0), self.t[batch]
            z = sigmoid(x @ W1 + b1)
            scores = z @ W2 + b2
            scores -= scores.max(axis=1, keepdims=True)
            y = np.exp(scores)
            sums = y.sum(axis=1, keepdims=True)
            self.losses.append(float(np.mean(np.log(sums[:, 0]) - scores[rows, t])))
            y /= sums
            y[rows, t] -= 1
            y /= BATCH  # the gradient of the scores
            da = y @ W2.T * (z * (1 - z))
            W2 -= RATE * (z.T @ y)
            b2 -= RATE * y.sum(axis=0)
            W1 -= RATE * (x.T @ da)
            b1 -= RATE * da.sum(axis=0)
            done()

    def predict(self, x: np.ndarray) -> np.ndarray:
        W1, b1, W2, b2 = self.params.values()
        return sigmoid(x @ W1 + b1) @ W2 + b2


class Products:
    """The five matrix products of a step in float32, and nothing else."""

    def __init__(self, x: np.ndarray, t: np.ndarray) -> None:
        rng = np.random.default_rng(0)
        D, H, K = SIZES

        def random(*shape: int) -> np.ndarray:
            return rng.random(shape, dtype=np.float32)

        self.x, self.W1, self.W2 = x[:BATCH].copy(), random(D, H), random(H, K)
        self.hidden, self.da, self.dy = random(BATCH, H), random(BATCH, H), random(BATCH, K)

    def steps(self, count: int, done: Done) -> None:
        """Multiply."""
        x, hidden, da, dy, W1, W2 = self.x, self.hidden, self.da, self.dy, self.W1, self.W2
        for _ in range(count):
            x @ W1  # (N, D) @ (D, H), forward
            hidden @ W2  # (N, H) @ (H, K)
            hidden.T @ dy  # (H, N) @ (N, K), backward
            dy @ W2.T  # (N, K) @ (K, H)
            x.T @ da  # (D, N) @ (N, H)
            done()


# In the order of their turns: ours comes right after the limit, or before it.
CONTENDERS = {
    BOOK: Book,
    WRITTEN_OUT: WrittenOut,
    PRODUCTS: Products,
    OURS: Ours,
    TORCH: Torch,
    SKLEARN: Sklearn,
}


def _batches(n: int, count: int, permutation: Callable) -> Iterator:
    """Yield `count` mini-batches of indices, shuffled anew in every epoch."""
    while True:
        order = permutation(n)
        for start in range(0, n - BATCH + 1, BATCH):
            if count == 0:
                return
            count -= 1
            yield order[start : start + BATCH]


def steps(size: Size) -> Iterator[Table]:
    """Yield the time of a step, with one thread and with as many as there are processors."""
    (x, t), _ = load_mnist()
    counts = dict.fromkeys((1, processors()))
    for i, count in enumerate(counts):
        stage = Stage(f"{count} thread{'s' * (count > 1)}", i / len(counts), (i + 1) / len(counts))
        with threads(count):
            yield _speed(x, t, count, size, stage)


def reached(size: Size) -> Iterator[Table]:
    """Yield everybody's accuracy after 10,000 steps."""
    (x, t), (x_test, t_test) = load_mnist()
    rows = []
    learners = {name: kind for name, kind in there().items() if name != PRODUCTS}
    for i, (name, kind) in enumerate(learners.items()):
        say(f"{size.of(STEPS):,} steps: {name}", i / len(learners))
        with threads(1):
            contender = kind(x, t)
            contender.steps(size.of(STEPS), lambda: None)
            rate = accuracy(contender.predict(x_test), t_test)
        goal = size.goal(at_least(GOAL)) if name == OURS and data_source() == "MNIST" else None
        rows.append([name, f"{rate:.4f}", goal.verdict(rate) if goal else ""])
    title = f"Accuracy on 10,000 test images after {size.of(STEPS):,} steps of learning rate {RATE}"
    yield Table(title, rows, ("who", "accuracy", "goal"), torch.notes())


def there() -> dict[str, type]:
    """Return the contenders that are installed."""
    return {name: kind for name, kind in CONTENDERS.items() if name != TORCH or torch.module}


def _speed(x: np.ndarray, t: np.ndarray, count: int, size: Size, stage: Stage) -> Table:
    """Return the table of the time of a step with so many threads."""
    steps = size.of(200, least=10)  # short turns, so that a busy moment spoils a few of many
    rounds = 25
    if count > 1:  # on a busy machine threads wait for each other, fifty times as long
        steps, rounds = size.of(100, least=10), 9

    def step(contender) -> Callable[[], float]:
        def measure() -> float:
            ends: list[float] = []
            contender.steps(steps, lambda: ends.append(time.perf_counter()))
            return (ends[-1] - ends[0]) / (steps - 1)

        return measure

    took = in_turn(
        {name: step(kind(x, t)) for name, kind in there().items()},
        size.rounds_or(rounds),
        rest=ASLEEP if count > 1 else 0,
        stage=stage,
    )
    rows = [
        compare(took, name, OURS, "µs", size.goal(at_least(GOALS[name])))
        for name in GOALS
        if name in took
    ]
    rows.append(compare(took, OURS, PRODUCTS, "µs", size.goal(at_most(2.0))))
    rows.append(compare(took, WRITTEN_OUT, PRODUCTS, "µs"))
    rows.append(compare(took, OURS, WRITTEN_OUT, "µs"))
    notes = torch.notes()
    if count > 1:
        notes.append("`training.train` itself keeps NumPy to one thread, whoever else has more.")
    return figures(f"A step, {stage.name}", rows, notes)


PARTS = {"steps": steps, "accuracy": reached}


def profile() -> Iterator[Table]:
    """Yield where the time of our training goes."""
    (x, t), _ = load_mnist()
    with threads(1):
        ours = Ours(x, t)
        ours.steps(100, lambda: None)
        yield profiled(
            "2,000 steps of training, one thread", lambda: ours.steps(2000, lambda: None), rows=16
        )
