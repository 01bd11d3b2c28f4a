"""Inference: the 784-50-100-10 network reads 10,000 images, one by one and in batches.

Ours is `networks.predict` with the course's trained weights; PyTorch has the same weights.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import peers
from tests.benchmarks.measuring import Figure, Size, figures, in_turn, threads
from utils import networks
from utils.mnist import load_mnist
from utils.system import processors
from utils.timing import time_per_image
from utils.weights import load_weights

try:
    import torch
except ImportError:
    torch: Any = None

BATCHES = (1, 10, 100, 1000, 10_000)
OURS, TORCH, PRODUCTS = "ours", "PyTorch", "three products alone"


def batches(folder: Path, size: Size) -> Iterator[str]:
    """Yield the time per image, with one thread and with as many as there are processors."""
    x = load_mnist()[1][0]  # the test images, (N, 784) float32
    params = load_weights()
    for count in dict.fromkeys((1, processors())):
        rows, notes = [], [*peers.TORCH.notes]
        with threads(count):
            for n in BATCHES:
                calls = contenders(params, x, n, size)
                took = in_turn(calls, size.rounds or 7, rest=0.2 if count > 1 else 0)
                batch = "one by one" if n == 1 else f"in batches of {n:,}"
                for first, second in ((TORCH, OURS), (OURS, PRODUCTS)):
                    if first in took:
                        both = took[first], took[second]
                        rows.append(Figure(f"{first}, {batch}", second, *both, "µs"))
                notes += took.notes
        title = f"Microseconds per image, {count} thread{'s' * (count > 1)}"
        yield figures(title, rows, notes)


def contenders(
    params: networks.Params, x: np.ndarray, n: int, size: Size
) -> dict[str, Callable[[], float]]:
    """Return calls that measure each contender in batches of n, in seconds per image."""
    W1, W2, W3 = (params[key] for key in ("W1", "W2", "W3"))
    z1 = np.random.default_rng(0).random((n, len(W2)), dtype=np.float32)  # (n, H1)
    z2 = np.random.default_rng(1).random((n, len(W3)), dtype=np.float32)  # (n, H2)

    def products(batch: np.ndarray) -> None:
        batch @ W1, z1 @ W2, z2 @ W3

    def measured(predict: Callable, images: Any) -> float:
        return time_per_image(predict, images, n, 0.5 * size.share) / 1e6

    ours = functools.partial(networks.predict, params)
    found = {OURS: functools.partial(measured, ours, x)}
    if torch:
        model, images = torch_model(params), torch.from_numpy(x)
        with torch.inference_mode():
            np.testing.assert_allclose(model(images[:n]), ours(x[:n]), rtol=1e-3, atol=1e-5)
        found[TORCH] = torch.inference_mode()(functools.partial(measured, model, images))
    return found | {PRODUCTS: functools.partial(measured, products, x)}


def torch_model(params: networks.Params) -> Any:
    """Return PyTorch's network with the same weights: images (n, 784) -> probabilities (n, 10)."""
    layers = []
    for i in (1, 2, 3):
        W, b = torch.from_numpy(params[f"W{i}"]), torch.from_numpy(params[f"b{i}"])
        linear = torch.nn.Linear(*W.shape)
        linear.load_state_dict({"weight": W.T, "bias": b})
        layers += [linear, torch.nn.Sigmoid()]
    return torch.nn.Sequential(*layers[:-1], torch.nn.Softmax(dim=-1)).eval()


PARTS = {"batches": batches}
