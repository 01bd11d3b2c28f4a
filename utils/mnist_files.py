"""Files in the IDX format of MNIST, gzipped or not: every byte of them is checked."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from pathlib import Path

import numpy as np

Shapes = dict[str, tuple[int, ...]]  # of the arrays, by the name of the file

_CHUNK = 1 << 20  # bytes that are read, unpacked and hashed at a time


class MnistError(OSError, ValueError):
    """A file of MNIST is missing or damaged; the message names it and says what to do."""


def idx_header(shape: tuple[int, ...]) -> bytes:
    """Return the header of an IDX file: 0, 0, 8 for uint8, the number of axes, their lengths."""
    return bytes((0, 0, 8, len(shape))) + b"".join(n.to_bytes(4, "big") for n in shape)


def read_idx(path: Path, name: str, shapes: Shapes, checksums: dict[str, str]) -> np.ndarray:
    """Return the array in a file, every byte of it checked.

    Args:
        path: the file, gzipped or not.
        name: which of MNIST's files it has to be.
        shapes, checksums: of all four files, by name.

    Raises:
        MnistError: The file cannot be read or is not `name` of MNIST.
    """
    try:
        with open(path, "rb") as file:
            return parse_idx(file, name, shapes, checksums)
    except (OSError, ValueError) as error:
        what = getattr(error, "strerror", None) or error
        raise MnistError(
            f"{path} cannot be used: {what}. Put a fresh copy of {name} in its place."
        ) from error


def parse_idx(
    file: io.BufferedIOBase, name: str, shapes: Shapes, checksums: dict[str, str]
) -> np.ndarray:
    """Return the array in an open IDX file, gzipped or not; a ValueError says what is wrong."""
    # The first bytes decide, not the name: some browsers unpack a download but keep the .gz.
    gzipped = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    try:
        unpacked = gzip.GzipFile(fileobj=file) if gzipped else file
        return _parse_unpacked(unpacked, name, shapes, checksums[name])
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise ValueError(f"it cannot be unpacked ({error})") from error


def _parse_unpacked(
    file: io.BufferedIOBase, name: str, shapes: Shapes, checksum: str
) -> np.ndarray:
    expected = idx_header(shapes[name])
    header = file.read(len(expected))
    if header != expected:
        raise ValueError(_wrong_header(header, name, shapes))
    array = np.empty(shapes[name], dtype=np.uint8)
    digest = hashlib.sha256(header)
    rest = memoryview(array).cast("B")
    while rest:
        n = file.readinto(rest[:_CHUNK])
        if not n:
            raise ValueError(f"it ends {len(rest):,} bytes early")
        digest.update(rest[:n])
        rest = rest[n:]
    if file.read(1):
        raise ValueError("it does not end where it should")
    if digest.hexdigest() != checksum:
        raise ValueError("its SHA-256 is not MNIST's, so it is damaged or from another data set")
    return array


def _wrong_header(header: bytes, name: str, shapes: Shapes) -> str:
    """Return what is wrong with a file that has this header."""
    if idx_header(shapes[name]).startswith(header):
        return f"it ends after {len(header)} bytes"
    for other, shape in shapes.items():
        if other != name and header[:8] == idx_header(shape)[:8]:
            return f"it holds {other}; two files may be swapped"
    if header.lstrip().startswith(b"<"):
        return "it is a web page"
    return f"it begins with {header.hex(' ')}, not with {idx_header(shapes[name]).hex(' ')}"
