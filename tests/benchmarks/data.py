"""Data: the time and the memory of `load_mnist` against two other formats.

All loaders return the same arrays. torchvision's format means the IDX files read into tensors.
Cold: the files have just been removed from the system's cache.
"""

from __future__ import annotations

import functools
import json
import os
import pickle
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import peers
from tests.benchmarks.measuring import (
    ROOT,
    CommandFailed,
    Figure,
    Goal,
    Size,
    figures,
    in_turn,
    run,
    seconds,
    threads,
)
from utils.mnist import SHAPES, data_source, load_mnist

try:
    import torch
except ImportError:
    torch: Any = None

OURS, PICKLE, TORCHVISION = "ours", "a pickle", "torchvision's format"
GOAL = Goal(1.3, at_least=False)  # times the arrays that are returned

Arrays = tuple[Any, ...]  # x_train, t_train, x_test, t_test


def load_ours(folder: Path) -> Arrays:
    """Load by the course's `load_mnist`."""
    os.environ["MNIST_DIR"] = str(folder / "idx")
    train, test = load_mnist()
    return *train, *test


def load_pickle(folder: Path) -> Arrays:
    """Load a pickle of uint8 arrays."""
    with open(folder / "mnist.pkl", "rb") as file:
        arrays = pickle.load(file)
    for i in (0, 2):
        arrays[i] = arrays[i].astype(np.float32)
        arrays[i] /= 255.0
        arrays[i + 1] = arrays[i + 1].astype(np.int64)
    return tuple(arrays)


def load_torchvision(folder: Path) -> Arrays:
    """Load the IDX files as torchvision does."""
    found = []
    for name, shape in SHAPES.items():
        data = (folder / "idx" / name).read_bytes()
        header = 4 + 4 * len(shape)
        array = torch.frombuffer(data, dtype=torch.uint8, offset=header).view(*shape)
        images = len(shape) > 1
        found.append(array.view(len(array), -1).float().div_(255) if images else array.long())
    return tuple(found)


LOADERS: dict[str, Callable[[Path], Arrays]] = {
    OURS: load_ours,
    PICKLE: load_pickle,
    **({TORCHVISION: load_torchvision} if torch else {}),
}


def write_files(folder: Path) -> None:
    """Write MNIST into a folder in every format."""
    train, test = load_mnist(normalize=False)
    arrays = [array.astype(np.uint8) for array in (*train, *test)]
    (folder / "idx").mkdir()
    for (name, shape), array in zip(SHAPES.items(), arrays, strict=True):
        data = bytes((0, 0, 8, len(shape))) + np.array(shape, ">u4").tobytes() + array.tobytes()
        (folder / "idx" / name).write_bytes(data)
    (folder / "mnist.pkl").write_bytes(pickle.dumps(arrays, protocol=-1))
    os.sync()  # only what is on the disk can be removed from the cache


def remove_from_cache(folder: Path) -> None:
    for path in (folder / "mnist.pkl", *(folder / "idx").iterdir()):
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def loading(folder: Path, size: Size) -> Iterator[str]:
    """Yield times warm and cold, and the peak of memory."""
    if data_source() != "MNIST":
        raise CommandFailed("it needs the real MNIST: set MNIST_DIR to a folder with its files")
    write_files(folder)
    expected = load_ours(folder)
    for name, load in LOADERS.items():
        for one, other in zip(load(folder), expected, strict=True):
            np.testing.assert_allclose(np.asarray(one), other, rtol=1e-6, err_msg=name)
    del expected, one, other
    with threads(1):
        yield from _times(folder, size.rounds or 7)
    if Path("/proc/self/status").exists():
        yield _memory(folder, min(size.rounds or 3, 3))


def _times(folder: Path, rounds: int) -> Iterator[str]:
    def measured(load: Callable[[Path], Arrays], cold: bool) -> float:
        if cold:
            remove_from_cache(folder)
        return seconds(lambda: load(folder))

    for cold in (False, True) if hasattr(os, "posix_fadvise") else (False,):
        calls = {n: functools.partial(measured, load, cold) for n, load in LOADERS.items()}
        took = in_turn(calls, rounds)
        rows = [Figure(name, OURS, took[name], took[OURS]) for name in took if name != OURS]
        yield figures("Cold" if cold else "Warm", rows, peers.TORCH.notes + took.notes)


def _memory(folder: Path, rounds: int) -> str:
    """Return the table of each loader's peak of memory, over the size of what it returns."""

    def measured(name: str) -> tuple[float, float]:
        command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.data", folder, name]
        peak, returned = json.loads(run(name, command, ROOT, 120).splitlines()[-1])
        return peak, returned

    calls = {name: functools.partial(measured, name) for name in LOADERS}
    took = in_turn(calls, rounds, warm_up=False)
    rows = [
        Figure(name, "the arrays", *zip(*pairs, strict=True), "MB", GOAL if name == OURS else None)
        for name, pairs in took.items()
        if pairs
    ]
    how = "Each in a process of its own, whose memory before loading is subtracted."
    return figures("Peak of memory while loading", rows, [*took.notes, how])


def peak_of(folder: Path, name: str) -> tuple[int, int]:
    """Return by how many bytes loading raised this process's peak, and how many came back."""
    if torch and name == TORCHVISION:  # the first use of the library does not count
        torch.zeros(10, dtype=torch.uint8).float().div_(255)
    before = _memory_now("VmRSS")
    arrays = LOADERS[name](folder)
    return _memory_now("VmHWM") - before, sum(array.nbytes for array in arrays)


def _memory_now(field: str) -> int:
    """Return this process's memory in bytes: VmRSS, what it has now, or VmHWM, its peak."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


PARTS = {"loading": loading}

if __name__ == "__main__":
    print(json.dumps(peak_of(Path(sys.argv[1]), sys.argv[2])))
