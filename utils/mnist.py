"""MNIST, or a stand-in of the same shapes where MNIST is not available.

`load_mnist` takes the first of these that has the data:

1. `$MNIST_DIR`, a folder with MNIST's four files, gzipped or not. A relative path is relative to
   the current folder, or else to the course's. `MNIST_DIR=digits` selects the stand-in.
2. The cache, `cache_folder()`.
3. The mirrors in `MIRRORS`. Downloads are stored in the cache.
4. The stand-in, see `utils.mnist_stand_in`.

No file is trusted: its SHA-256 is checked whenever it is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import platformdirs

from utils.mnist_download import Received, fetch, in_short
from utils.mnist_files import MnistError, idx_header, parse_idx, read_idx
from utils.mnist_stand_in import make_stand_in

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

SHAPES = {
    "train-images-idx3-ubyte": (60_000, 28, 28),
    "train-labels-idx1-ubyte": (60_000,),
    "t10k-images-idx3-ubyte": (10_000, 28, 28),
    "t10k-labels-idx1-ubyte": (10_000,),
}

# SHA-256 of the unpacked files, so that any gzip of them is accepted.
CHECKSUMS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

# Seconds, except SLOWEST; short, because a lecture must not wait for a network that is down.
KNOCK = 4  # a mirror that has not sent the smallest file by then counts as unreachable
STALL = 10  # a mirror that is silent for this long, or still slow after it, is abandoned
SLOWEST = 50_000  # bytes per second: MNIST in four minutes
OFFLINE = 600  # after a failed attempt, no process of this user tries again for this long

_Arrays = dict[str, np.ndarray]  # name in SHAPES -> uint8 array of that shape
_SMALLEST = "t10k-labels-idx1-ubyte"

_said: set[str] = set()  # lines that this process has printed
_kept: _Arrays = {}  # MNIST's files that could not be written to the cache
_kept_standin: _Arrays = {}  # the same for the stand-in
_no_mnist: list[str] = []  # why this process uses the stand-in, if it does


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False
) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Return 60,000 images to train on and 10,000 to test with, and their labels.

    Args:
        normalize: True gives float32 in 0..1 (the pixel divided by 255), False uint8 in 0..255.
        flatten: True gives images of shape (N, 784), False (N, 1, 28, 28).
        one_hot_label: False gives labels 0..9, int64, (N,); True gives float32, (N, 10).

    Returns:
        `(x_train, t_train), (x_test, t_test)`, new arrays on every call.

    Raises:
        MnistError: A file in `$MNIST_DIR` is missing, damaged or in another's place; or one in the
            cache is damaged and cannot be downloaded again.

    Where MNIST is not available, one printed line says so and the arrays hold the stand-in.
    `data_source` tells which of the two it is.

    Source: LeCun, Cortes and Burges, The MNIST database of handwritten digits.
    """
    _, read = _choose()
    arrays = read()
    parts = []
    for part in ("train", "t10k"):
        x = arrays.pop(f"{part}-images-idx3-ubyte")  # (N, 28, 28)
        t = arrays.pop(f"{part}-labels-idx1-ubyte")  # (N,)
        x = x.reshape(len(x), 784) if flatten else x[:, np.newaxis]  # (N, 784) or (N, 1, 28, 28)
        if normalize:
            x = np.divide(x, 255, dtype=np.float32)
        t = np.eye(10, dtype=np.float32)[t] if one_hot_label else t.astype(np.int64)
        parts.append((x, t))
    return parts[0], parts[1]


def data_source() -> str:
    """Return "MNIST", or "digits" for the stand-in: what `load_mnist` gives in this process.

    The files are looked for, not read. MNIST is downloaded now if `load_mnist` would do so.

    Raises:
        MnistError: `$MNIST_DIR` is not a folder with the four files.
    """
    source, _ = _choose()
    return source


def cache_folder() -> Path:
    """Return the folder, below the user's home, for downloads and the stand-in."""
    return Path(platformdirs.user_cache_dir("neural-networks-in-numpy", appauthor=False))


def download_mnist(patience: float = 30) -> Path:
    """Download those of MNIST's files that the cache lacks or has damaged; return the cache.

    `load_mnist` does this by itself, with less patience. Call it to prepare a machine, or to try
    again at once.

    Args:
        patience: Seconds to wait for a mirror's first answer.

    Raises:
        MnistError: No mirror gave a file; the message has each mirror's answer.
    """
    lacking = []
    for name in CHECKSUMS:
        try:
            _read_cached(name)
        except MnistError:
            lacking.append(name)
    for name, array in _download(lacking, patience):
        if not _store(cache_folder() / name, idx_header(SHAPES[name]), array):
            _kept[name] = array
    _no_mnist.clear()
    return cache_folder()


# --- where the data come from ---------------------------------------------------------------------


def _choose() -> tuple[str, Callable[[], _Arrays]]:
    """Return the name of the source, and the function that reads its four arrays."""
    given = os.environ.get("MNIST_DIR", "").strip()
    if given == "digits":
        return _choose_standin("MNIST_DIR=digits asks for it")
    if given:
        paths = _find_files(given)
        return "MNIST", lambda: {name: _read(path, name) for name, path in paths.items()}
    if not _no_mnist and not all(_is_cached(name) for name in CHECKSUMS):
        try:
            _download_unless_offline()
        except MnistError as error:
            _no_mnist.append(str(error))
    if _no_mnist:
        return _choose_standin(_no_mnist[0])
    return "MNIST", _read_cache


def _choose_standin(why: str) -> tuple[str, Callable[[], _Arrays]]:
    _say_once(
        "Not MNIST but its stand-in: as many images of the same shape, made from scikit-learn's "
        f"digits. Why: {why}"
    )
    return "digits", _read_standin


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        print(line, flush=True)


def given_folder(given: str) -> Path | None:
    """Return the folder that a value of `$MNIST_DIR` names, None if there is none."""
    return next((folder for folder in _candidates(given) if os.path.isdir(folder)), None)


def _candidates(given: str) -> list[Path]:
    course = Path(__file__).resolve().parent.parent
    return [base / os.path.expanduser(given) for base in (Path.cwd(), course)]


def _find_files(given: str) -> dict[str, Path]:
    """Return the paths of the four files in `$MNIST_DIR`, under whichever of their usual names."""
    todo = (
        "Set it to a folder with MNIST's four files, gzipped or not; to digits for the stand-in; "
        "or unset it."
    )
    folder = given_folder(given)
    if folder is None:
        tried = " or ".join(dict.fromkeys(map(str, _candidates(given))))
        raise MnistError(f"MNIST_DIR is {given}, but {tried} is not a folder to read from. {todo}")
    paths = {}
    for name in CHECKSUMS:
        dotted = name.replace("-idx", ".idx")
        for candidate in (name, f"{name}.gz", dotted, f"{dotted}.gz"):
            if os.path.isfile(folder / candidate):
                paths[name] = folder / candidate
                break
    missing = [f"{name}.gz" for name in CHECKSUMS if name not in paths]
    if missing:
        raise MnistError(f"MNIST_DIR is {folder}, which lacks {', '.join(missing)}. {todo}")
    return paths


# --- files ----------------------------------------------------------------------------------------


def _read(path: Path, name: str) -> np.ndarray:
    return read_idx(path, name, SHAPES, CHECKSUMS)


def _is_cached(name: str) -> bool:
    return name in _kept or os.path.isfile(cache_folder() / name)


def _read_cached(name: str) -> np.ndarray:
    return _kept[name].copy() if name in _kept else _read(cache_folder() / name, name)


def _read_cache() -> _Arrays:
    """Return MNIST from the cache; a damaged file is downloaded again."""
    try:
        return {name: _read_cached(name) for name in CHECKSUMS}
    except MnistError as damage:
        try:
            download_mnist(KNOCK)
        except MnistError as error:
            raise MnistError(f"{damage} {error}") from error
    return {name: _read_cached(name) for name in CHECKSUMS}


def _store(path: Path, header: bytes, *arrays: np.ndarray) -> bool:
    """Write a file of the cache atomically; return whether it is written.

    If it is not, one line says so once.
    """
    from utils.system import atomic_file  # a notebook that only reads needs none of it

    try:
        if not path.is_absolute():
            raise OSError("there is no home folder")
        # Submissions read it as another user.
        with atomic_file(path, mode=0o644) as file:
            file.write(header)
            for array in arrays:
                file.write(memoryview(array).cast("B"))
    except OSError as error:
        _say_once(
            f"{path.parent} cannot be written ({error.strerror or error}), so each process makes "
            "or downloads its data anew."
        )
        return False
    return True


# --- mirrors --------------------------------------------------------------------------------------


def _download_unless_offline() -> None:
    """Call `download_mnist`, unless an attempt has failed in the last `OFFLINE` seconds."""
    mark = cache_folder() / "offline"
    try:
        age = abs(time.time() - mark.stat().st_mtime)
    except OSError:
        age = math.inf
    if age < OFFLINE:
        raise MnistError(
            f"no mirror of MNIST answered {age / 60:.0f} minutes ago; "
            "to try again: utils.mnist.download_mnist()"
        )
    start = time.monotonic()
    try:
        download_mnist(KNOCK)
    except MnistError:
        if time.monotonic() - start > 1:  # a quick failure costs nothing
            with contextlib.suppress(OSError):
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()
        raise


def _download(names: list[str], patience: float) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each name with its array, from the first mirror that gives the right file."""
    if not names:
        return
    answers = _knock(patience)
    troubles = {m: answer for m, answer in answers.items() if isinstance(answer, str)}
    if len(troubles) < len(MIRRORS):
        print("Downloading MNIST (11 MB, once). To do without: MNIST_DIR=digits", flush=True)
    for name in names:
        for mirror in MIRRORS:
            if mirror in troubles:
                continue
            try:
                array = None if name != _SMALLEST else answers[mirror]
                if not isinstance(array, np.ndarray):
                    array = _fetch(mirror, name)
            except (OSError, ValueError) as error:
                troubles[mirror] = f"{name}: {in_short(error)}"
            else:
                yield name, array
                break
        else:
            each = "; ".join(f"{urlsplit(m).hostname}: {what}" for m, what in troubles.items())
            raise MnistError(
                f"MNIST could not be downloaded ({each}). "
                "To try again: utils.mnist.download_mnist()"
            )


def _knock(patience: float) -> dict[str, np.ndarray | str]:
    """Ask every mirror for the smallest file at once; return its array or what went wrong.

    In threads, because looking up a host's name may hang for half a minute and has no time limit.
    """
    answers: dict[str, np.ndarray | str] = dict.fromkeys(MIRRORS, "no answer in time")

    def ask(mirror: str) -> None:
        try:
            answers[mirror] = _fetch(mirror, _SMALLEST, progress=False)
        except (OSError, ValueError) as error:
            answers[mirror] = in_short(error)

    threads = [threading.Thread(target=ask, args=(mirror,), daemon=True) for mirror in MIRRORS]
    end = time.monotonic() + patience
    try:
        for thread in threads:
            thread.start()
    except RuntimeError:  # a sandbox that allows no threads will allow no network
        return dict.fromkeys(MIRRORS, "no connection")
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return dict(answers)


def _fetch(mirror: str, name: str, progress: bool = True) -> np.ndarray:
    """Return one file's array from one mirror, every byte checked.

    Raises:
        OSError, ValueError: It is not available, or is not MNIST's.
    """
    size = math.prod(SHAPES[name])
    received = Received(size + 1024, STALL, SLOWEST)
    address = f"{mirror.rstrip('/')}/{name}.gz"
    fetch(address, received, STALL, (name, size) if progress else None)
    return parse_idx(received, name, SHAPES, CHECKSUMS)


# --- the stand-in ---------------------------------------------------------------------------------

_STANDIN = "digits-2.bin"  # its SHA-256, then its four arrays; the number is the recipe's version


def _read_standin() -> _Arrays:
    """Return the stand-in from the cache; make it if it is missing or damaged."""
    if _kept_standin:
        return {name: array.copy() for name, array in _kept_standin.items()}
    path = cache_folder() / _STANDIN
    with contextlib.suppress(OSError), open(path, "rb") as file:
        expected = file.read(32)
        arrays = {name: np.empty(shape, dtype=np.uint8) for name, shape in SHAPES.items()}
        complete = all(file.readinto(array) == array.nbytes for array in arrays.values())
        if complete and not file.read(1) and _digest(arrays) == expected:
            return arrays
    arrays = make_stand_in(SHAPES)
    if not _store(path, _digest(arrays), *arrays.values()):
        _kept_standin.update((name, array.copy()) for name, array in arrays.items())
    return arrays


def _digest(arrays: _Arrays) -> bytes:
    digest = hashlib.sha256()
    for array in arrays.values():
        digest.update(array)
    return digest.digest()
