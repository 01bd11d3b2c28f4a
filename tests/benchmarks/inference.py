"""Inference: the 784-50-100-10 network reads 10,000 images, one by one and in batches.

Ours is `networks.predict` with the course's trained weights. It is measured as in lecture 04, by
`utils.timing`. PyTorch has the same layers and weights, in `inference_mode`, entered once for many
calls. The limit is what the three matrix products take alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from tests.benchmarks.measuring import (
    ASLEEP,
    Figure,
    Size,
    Stage,
    Table,
    Took,
    compare,
    figures,
    in_turn,
    profiled,
    threads,
)
from tests.benchmarks.peers import torch
from utils import networks
from utils.commands import processors
from utils.mnist import load_mnist
from utils.timing import time_per_image
from utils.weights import load_weights

BATCHES = (1, 10, 100, 1000, 10_000)
OURS, TORCH, PRODUCTS = "ours", "PyTorch", "three products alone"


def batches(size: Size) -> Iterator[Table]:
    """Yield a table for one thread, and one for as many as there are processors."""
    x = load_mnist()[1][0]  # the test images, (N, 784) float32
    params = load_weights()
    counts = dict.fromkeys((1, processors()))
    steps = len(counts) * len(BATCHES)
    for i, count in enumerate(counts):
        rows = []
        with threads(count):
            for step, n in enumerate(BATCHES, start=i * len(BATCHES)):
                stage = Stage(f"batches of {n:,}", step / steps, (step + 1) / steps)
                took = in_turn(
                    contenders(params, x, n, size),
                    size.rounds_or(7),
                    rest=ASLEEP if count > 1 else 0,
                    stage=stage,
                )
                rows += _rows(took, n)
        yield figures(
            f"Microseconds per image, {count} thread{'s' * (count > 1)}", rows, torch.notes()
        )


def contenders(
    params: networks.Params, x: np.ndarray, n: int, size: Size
) -> dict[str, Callable[[], float]]:
    """Return what measures each contender in batches of n: seconds per image."""
    budget = 0.5 * size.share  # seconds of calls
    W1, W2, W3 = (params[key] for key in ("W1", "W2", "W3"))
    z1 = np.random.default_rng(0).random((n, len(W2)), dtype=np.float32)  # (n, H1)
    z2 = np.random.default_rng(1).random((n, len(W3)), dtype=np.float32)  # (n, H2)

    def products(batch: np.ndarray) -> None:
        batch @ W1, z1 @ W2, z2 @ W3

    def in_seconds(predict: Callable, images: np.ndarray) -> float:
        return time_per_image(predict, images, n, budget) / 1e6

    found = {OURS: functools.partial(in_seconds, functools.partial(networks.predict, params), x)}
    if torch.module:
        model, images = torch_model(params), torch.module.from_numpy(x)
        no_gradients = torch.module.inference_mode
        with no_gradients():
            expected = networks.predict(params, x[:n])
            np.testing.assert_allclose(model(images[:n]), expected, rtol=1e-3, atol=1e-5)
        found[TORCH] = no_gradients()(functools.partial(in_seconds, model, images))
    return found | {PRODUCTS: functools.partial(in_seconds, products, x)}


def torch_model(params: networks.Params) -> Callable:
    """Return PyTorch's network with the same weights: images (n, 784) -> probabilities (n, 10)."""
    nn, linears = torch.module.nn, []
    for i in (1, 2, 3):
        W, b = params[f"W{i}"], params[f"b{i}"]
        linear = nn.Linear(*W.shape)
        linear.load_state_dict(
            {"weight": torch.module.from_numpy(W.T.copy()), "bias": torch.module.from_numpy(b)}
        )
        linears += [linear, nn.Sigmoid()]
    return nn.Sequential(*linears[:-1], nn.Softmax(dim=-1)).eval()


def _rows(took: Took[float], n: int) -> list[Figure]:
    rows = []
    for first, second in ((TORCH, OURS), (OURS, PRODUCTS)):
        if first in took:
            row = compare(took, first, second, "µs")
            batch = "one by one" if n == 1 else f"in batches of {n:,}"
            rows.append(Figure(f"{first}, {batch}", second, row.pairs, "µs"))
    return rows


PARTS = {"batches": batches}


def profile() -> Iterator[Table]:
    """Yield where the time goes, one by one and in batches of 100."""
    x, params = load_mnist()[1][0], load_weights()
    with threads(1):
        for n in (1, 100):
            call = functools.partial(time_per_image, functools.partial(networks.predict, params))
            yield profiled(
                f"10,000 images in batches of {n}" if n > 1 else "images one by one",
                functools.partial(call, x, n, 1.0),
            )
