"""Download a file from a mirror, with time limits, a progress bar and short error messages."""

from __future__ import annotations

import contextlib
import io
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


def fetch(address: str, received: Received, seconds: float, bar: tuple[str, int] | None) -> None:
    """Download a file into `received`, and rewind it.

    Args:
        address: the URL of the file.
        received: receives the bytes.
        seconds: how long the mirror may be silent.
        bar: name and unpacked size of the file, for a progress bar; None for no bar.

    Raises:
        OSError, ValueError: The file is not available.
    """
    from pooch import HTTPDownloader

    with _progress_bar(*bar) if bar else contextlib.nullcontext(False) as shown:
        HTTPDownloader(progressbar=shown, timeout=seconds)(address, received, None)
    received.seek(0)


def _progress_bar(name: str, size: int):
    """Return a bar for the main thread only: an interrupted bar may block other threads."""
    from tqdm import tqdm

    bar = tqdm(desc=name, total=size, file=sys.stdout, unit="B", unit_scale=True)
    # pooch resets the bar at the end. The clock has to keep running, or the speed is absurd.
    bar.reset = lambda: bar.update(-bar.n)
    return bar


class Received(io.BytesIO):
    """A download in memory that raises ValueError if it is too large or too slow.

    Args:
        limit: maximum number of bytes.
        stall: seconds after which the speed is checked.
        slowest: minimum bytes per second.
    """

    def __init__(self, limit: int, stall: float, slowest: float) -> None:
        super().__init__()
        self.limit, self.stall, self.slowest = limit, stall, slowest
        self.start = time.monotonic()

    def write(self, data: Buffer, /) -> int:
        seconds = time.monotonic() - self.start
        if seconds > self.stall and self.tell() < self.slowest * seconds:
            raise ValueError(f"only {self.tell() / seconds / 1000:.0f} kB per second")
        if self.tell() + memoryview(data).nbytes > self.limit:
            raise ValueError("it is too large")
        return super().write(data)


def in_short(error: Exception) -> str:
    """Describe the error of a download in a few words."""
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"{error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    return str(error)
