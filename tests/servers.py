"""Jupyter servers that tests start: a port for one, and the wait until it answers."""

import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest


def free_port() -> int:
    """Return a port of this machine that nobody listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(
    server: subprocess.Popen, address: str, seconds: float, log: Path | None = None
) -> None:
    """Wait until a server answers at an address; the test fails, with the log, if it does not."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    what = "does not answer" if server.poll() is None else "has ended"
    said = f":\n{log.read_text(errors='replace')[-3000:]}" if log else ""
    pytest.fail(f"the Jupyter server {what}{said}")
