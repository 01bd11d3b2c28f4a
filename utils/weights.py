"""The trained weights of the 784-50-100-10 sigmoid network, one set for each source of data.

They are ours: `python3 -m utils weights` trains them and writes `utils/data/weights_*.npz`. Loading
needs no pickle, so a weights file cannot run code.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from utils.mnist import data_source, load_mnist

LAYER_SIZES = (784, 50, 100, 10)
GOAL = {"MNIST": 0.97, "digits": 0.98}  # test accuracy, a rate, below which nothing is written
_DATA = Path(__file__).resolve().parent / "data"


def weights_file(source: str) -> Path:
    """Return the path of the weights for "MNIST" or "digits".

    Raises:
        ValueError: `source` is neither.
    """
    if source not in GOAL:
        raise ValueError(f"weights exist for {' and '.join(GOAL)}, not for {source!r}")
    return _DATA / f"weights_{source.lower()}.npz"


def load_weights(source: str | None = None) -> dict[str, NDArray[np.float32]]:
    """Return the trained parameters W1, b1, W2, b2, W3, b3.

    Args:
        source: "MNIST" or "digits" (the offline stand-in); if left out, whichever `load_mnist`
            gives on this machine.

    Returns:
        float32 arrays: W1 (784, 50), b1 (50,), W2 (50, 100), b2 (100,), W3 (100, 10), b3 (10,).
        The inputs they were trained on are scaled to 0..1.

    Raises:
        ValueError: an unknown source, or a file that does not hold these arrays.
        FileNotFoundError: the file is missing; the message says how to get it back.
    """
    path = weights_file(data_source() if source is None else source)
    restore = "restore it with git, or train it again: python3 -m utils weights"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing; {restore}")
    try:
        with path.open("rb") as file:
            archive = np.load(file, allow_pickle=False)
            params = {key: archive[key] for key in getattr(archive, "files", ())}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read ({error}); {restore}") from error
    found = {key: (value.shape, value.dtype) for key, value in params.items()}
    if found != {key: (shape, np.float32) for key, shape in _shapes().items()}:
        raise ValueError(f"{path} does not hold the weights of a 784-50-100-10 network; {restore}")
    return params


def _shapes() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (n_in, n_out) in enumerate(pairwise(LAYER_SIZES), start=1):
        shapes |= {f"W{i}": (n_in, n_out), f"b{i}": (n_out,)}
    return shapes


def train_weights(
    progress: bool = True, agrees: Callable[[float], bool] = lambda reached: True
) -> float:
    """Train the network on the data that `load_mnist` gives here and write its weights.

    A high learning rate first, then two lower ones to settle: less than a minute in all.

    Args:
        progress: show a bar.
        agrees: is asked before anything is written, with the accuracy that was reached.

    Returns:
        The accuracy on the test images, a rate in 0..1.

    Raises:
        RuntimeError: training was stopped, the accuracy is below the goal, or the weights are not
            wanted; the old ones are kept.
    """
    from utils.layers import Sigmoid
    from utils.networks import MultiLayerNet
    from utils.system import atomic_write
    from utils.training import SGD, train

    source = data_source()
    (x_train, t_train), (x_test, t_test) = load_mnist()
    net = MultiLayerNet(LAYER_SIZES, "xavier", seed=0, activation=Sigmoid, dtype=np.float32)
    for lr, epochs in ((1.0, 15), (0.3, 8), (0.1, 6)):
        history = train(
            net,
            x_train,
            t_train,
            x_test,
            t_test,
            epochs=epochs,
            optimizer=SGD(lr),
            seed=0,
            progress=progress,
        )
        if history.stopped:
            raise RuntimeError(f"training was stopped; {weights_file(source)} is left as it was")
    reached = history.test_accuracy[-1]
    if reached < GOAL[source]:
        raise RuntimeError(
            f"test accuracy {reached:.4f} on {source}; the goal is {GOAL[source]}, so "
            f"{weights_file(source)} is left as it was"
        )
    if not agrees(reached):
        raise RuntimeError(f"{weights_file(source)} is left as it was")
    buffer = io.BytesIO()
    arrays: dict[str, Any] = dict(net.params)
    np.savez_compressed(buffer, **arrays)
    atomic_write(weights_file(source), buffer.getvalue())
    return reached
