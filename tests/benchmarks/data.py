"""Data: how long `load_mnist` takes and how much memory, against two other formats.

Everybody returns the same arrays, float32 images in 0..1 and int64 labels, from files on this disk:

- ours: MNIST's four IDX files as the cache keeps them, every byte checked by SHA-256; and the same
  gzipped, as `MNIST_DIR` may hold them;
- the manner of the book: one pickle of a dictionary of uint8 arrays, then scaled;
- torchvision's format: the four IDX files, unpacked, read whole into tensors, then scaled.
  torchvision itself is not needed: its reader is rewritten here in a few lines on PyTorch.

Warm: the files are in the system's cache. Cold: they have just been thrown out of it, though not
out of that of the machine on which a virtual one runs. Where the stand-in takes MNIST's place, ours
is its one file in the cache folder, which nobody throws out, and cold is not measured.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import hashlib
import json
import os
import pickle
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tests.benchmarks.measuring import (
    ROOT,
    Figure,
    Size,
    Stage,
    Table,
    Took,
    at_most,
    compare,
    figures,
    in_turn,
    profiled,
    run,
    say,
    seconds,
    threads,
)
from tests.benchmarks.peers import torch
from utils.mnist import SHAPES, data_source, load_mnist

OURS, GZIPPED = "ours", "ours, gzipped"
PICKLE, IDX = "the book's pickle", "torchvision's format"
HASH = "SHA-256 alone"
BOUND = 1.3  # times the arrays that are returned

Arrays = tuple[np.ndarray, ...]


def load_ours(folder: Path, where: str = "idx") -> Arrays:
    """Return x_train, t_train, x_test, t_test as the course loads them."""
    if data_source() == "MNIST":
        os.environ["MNIST_DIR"] = str(folder / where)
    (x_train, t_train), (x_test, t_test) = load_mnist()
    return x_train, t_train, x_test, t_test


def load_pickle(folder: Path) -> Arrays:
    """Return the same from a pickle of uint8 arrays."""
    with open(folder / "mnist.pkl", "rb") as file:
        dataset = pickle.load(file)
    for key in ("train_img", "test_img"):
        dataset[key] = dataset[key].astype(np.float32)
        dataset[key] /= 255.0
    for key in ("train_label", "test_label"):
        dataset[key] = dataset[key].astype(np.int64)
    return tuple(dataset.values())


def load_idx(folder: Path) -> tuple:
    """Return the same as tensors, from IDX files that are read whole."""
    found = []
    for name, shape in SHAPES.items():
        data = (folder / "idx" / name).read_bytes()
        header = 4 + 4 * len(shape)
        tensor = torch.module.frombuffer(data, dtype=torch.module.uint8, offset=header).view(*shape)
        found.append(
            tensor.view(len(tensor), -1).float().div_(255) if len(shape) > 1 else tensor.long()
        )
    return tuple(found)


def hash_files(folder: Path) -> Arrays:
    """Compute what `load_mnist` checks, of bytes that are in memory."""
    for data in _bytes(folder):
        hashlib.sha256(data).digest()
    return ()


@functools.cache
def _bytes(folder: Path) -> list[bytes]:
    return [(folder / "idx" / name).read_bytes() for name in SHAPES]


LOADERS: dict[str, Callable[[Path], tuple]] = {
    OURS: load_ours,
    GZIPPED: functools.partial(load_ours, where="gz"),
    PICKLE: load_pickle,
    IDX: load_idx,
}


def prepare(folder: Path) -> None:
    """Write the data of this machine into a folder, in every format."""
    (x_train, t_train), (x_test, t_test) = load_mnist(normalize=False)
    arrays = x_train, t_train, x_test, t_test
    keys = "train_img", "train_label", "test_img", "test_label"
    (folder / "idx").mkdir()
    (folder / "gz").mkdir()
    for (name, shape), array in zip(SHAPES.items(), arrays, strict=True):
        header = bytes((0, 0, 8, len(shape))) + np.array(shape, ">u4").tobytes()
        data = header + array.astype(np.uint8).tobytes()
        (folder / "idx" / name).write_bytes(data)
        (folder / "gz" / f"{name}.gz").write_bytes(gzip.compress(data, 6))
    dataset = {k: a.astype(np.uint8) for k, a in zip(keys, arrays, strict=True)}
    with open(folder / "mnist.pkl", "wb") as file:
        pickle.dump(dataset, file, protocol=-1)
    if hasattr(os, "sync"):
        os.sync()  # what is not yet on the disk cannot be thrown out of memory


def throw_out(folder: Path) -> None:
    """Throw a folder's files out of the system's cache."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def loading(size: Size) -> Iterator[Table]:
    """Yield times warm and cold, and the peak of memory."""
    with _prepared() as folder, threads(1):
        yield from _measure(folder, size)


@contextlib.contextmanager
def _prepared() -> Iterator[Path]:
    """Yield a folder with the files, on the disk where the data lie: `bench` sees to it."""
    before = os.environ.get("MNIST_DIR")
    with tempfile.TemporaryDirectory() as name:
        say("writing the files", 0)
        prepare(Path(name))
        try:
            yield Path(name)
        finally:
            if before is None:
                os.environ.pop("MNIST_DIR", None)
            else:
                os.environ["MNIST_DIR"] = before


def _measure(folder: Path, size: Size) -> Iterator[Table]:
    there = {name: load for name, load in LOADERS.items() if name != IDX or torch.module}
    notes, mnist = torch.notes(), data_source() == "MNIST"
    if not mnist:  # its stand-in has one format of its own
        del there[GZIPPED]
        notes.append("Without MNIST cold is not measured: nobody throws out the stand-in's file.")
    expected = load_ours(folder)
    for name, load in there.items():
        for one, other in zip(load(folder), expected, strict=True):
            np.testing.assert_allclose(np.asarray(one), other, rtol=1e-6, err_msg=name)
    del expected, one, other
    rounds = size.rounds_or(7)

    def timed(load: Callable[[Path], tuple]) -> Callable[[], float]:
        return lambda: seconds(lambda: load(folder))

    def timed_cold(load: Callable[[Path], tuple]) -> Callable[[], float]:
        def measure() -> float:
            throw_out(folder)
            return seconds(lambda: load(folder))

        return measure

    warm = {name: timed(load) for name, load in (there | {HASH: hash_files}).items()}
    took = in_turn(warm, rounds, stage=Stage("warm", 0.2, 0.4))
    yield figures("Warm", [*_rows(took), compare(took, HASH, OURS, "ms")], notes)
    if mnist and hasattr(os, "posix_fadvise"):
        cold = {name: timed_cold(load) for name, load in there.items()}
        yield figures("Cold", _rows(in_turn(cold, rounds, stage=Stage("cold", 0.4, 0.6))))
    if Path("/proc/self/status").exists():
        peaks = _memory(folder, list(there), min(rounds, 3))
        goals = dict.fromkeys((OURS, GZIPPED), at_most(BOUND))
        yield figures(
            "Peak of memory while loading, over what is returned",
            [Figure(name, "the arrays", peaks[name], "MB", goals.get(name)) for name in peaks],
            [
                *peaks.notes,
                "Each in a process of its own, whose memory before loading is subtracted.",
            ],
        )


def _rows(took: Took[float]) -> list[Figure]:
    return [compare(took, name, OURS, "ms") for name in took if name not in (OURS, HASH)]


def _memory(folder: Path, names: list[str], rounds: int) -> Took[tuple[int, int]]:
    """Return each loader's peak of memory and the size of what it returns, both in bytes."""

    def measured(name: str) -> Callable[[], tuple[int, int]]:
        command = [sys.executable, "-W", "ignore", "-m", "tests.benchmarks.data", folder, name]
        return lambda: tuple(json.loads(run(name, command, ROOT, 5).stdout.splitlines()[-1]))

    calls = {name: measured(name) for name in names}
    return in_turn(calls, rounds, warm_up=False, stage=Stage("memory", 0.6, 1.0))


def peak_of(name: str, folder: Path) -> tuple[int, int]:
    """Return by how many bytes loading raised this process's peak, and how many came back."""
    load = LOADERS[name]
    if name == IDX:  # what the first use of a library costs is not the format's
        torch.module.zeros(10, dtype=torch.module.uint8).float().div_(255)
    before = _memory_now("VmRSS")
    arrays = load(folder)
    return _memory_now("VmHWM") - before, sum(array.nbytes for array in arrays)


def _memory_now(field: str) -> int:
    """Return this process's memory in bytes: VmRSS, what it has now, or VmHWM, the most so far."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    (line,) = (line for line in lines if line.startswith(f"{field}:"))
    return int(line.split()[1]) * 1024


PARTS = {"loading": loading}


def profile() -> Iterator[Table]:
    """Yield where the time of loading goes."""
    with _prepared() as folder:
        load_ours(folder)
        yield profiled("load_mnist, files unpacked and warm", lambda: load_ours(folder))


if __name__ == "__main__":
    print(json.dumps(peak_of(sys.argv[2], Path(sys.argv[1]))))
