"""Processes that a test starts: nbgrader's; which are left, and the wait until none is."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path


def nbgrader(folder: Path, *arguments: str, seconds: float = 300) -> tuple[int, str]:
    """Run one of nbgrader's commands in a folder; return its exit status and what it said."""
    result = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=seconds,
    )
    return result.returncode, result.stdout + result.stderr


def survivors(mark: str) -> list[int]:
    """Return processes that were started with a variable in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if mark.encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def comes_true(holds: Callable[[], object], seconds: float = 120, every: float = 0.005) -> bool:
    """Wait until something holds; return whether it does."""
    deadline = time.monotonic() + seconds
    while not (found := holds()) and time.monotonic() < deadline:
        time.sleep(every)
    return bool(found)


def gone(mark: str, seconds: float = 20) -> bool:
    """Wait until no such process is left."""
    return comes_true(lambda: not survivors(mark), seconds, every=0.2)
