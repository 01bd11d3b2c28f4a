"""nbgrader's formgrader in a real browser, as staff see it."""

import contextlib
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.servers import free_port, wait_for

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
    port = free_port()
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
        wait_for(server, f"{home}/api/status?token={token}", PATIENCE)
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
