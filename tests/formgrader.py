"""nbgrader's formgrader in a real browser, as staff see it."""

import contextlib
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PATIENCE = 120  # seconds; other programs may keep the machine busy


@contextlib.contextmanager
def formgrader(browser: Any, course: Path, address: str) -> Iterator[Any]:
    """Start a Jupyter server in a course folder and open one of formgrader's pages.

    Args:
        browser: the fixture of this name.
        course: the course folder.
        address: what follows `/formgrader/`.
    Yields:
        playwright's page.
    """
    token = secrets.token_hex()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root"]
        + [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
        + [f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={course}"],
        cwd=course,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    home = f"http://127.0.0.1:{port}"
    try:
        _wait_for(server, f"{home}/api/status?token={token}")
        context = browser.new_context()
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        page.goto(f"{home}/login?token={token}")
        page.goto(f"{home}/formgrader/{address}")
        yield page
        context.close()
    finally:
        server.terminate()
        server.wait(timeout=PATIENCE)


def _wait_for(server: subprocess.Popen, address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        assert server.poll() is None, "the Jupyter server has ended"
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except (urllib.error.URLError, TimeoutError):
            assert time.monotonic() < deadline, "the Jupyter server does not answer"
            time.sleep(0.2)
