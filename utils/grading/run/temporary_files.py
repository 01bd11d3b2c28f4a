"""Keep all temporary files of a run in one folder.

A killed process cannot remove its files, but the next run removes its folder.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from multiprocessing.util import Finalize
from pathlib import Path

from utils.system import try_lock

PREFIX = "grading-"
YOUNG = 60  # seconds; a younger folder may not be locked yet
LONG = 50  # characters: a socket's path may have 107, and Python's are two folders deeper


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Put temporary files of this process and its children into a new folder.

    The folder is locked while this process lives, and removed at its end.
    """
    remove_left()
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=_where())
    _lock(folder)  # until this process ends
    # runs after multiprocessing's finalizers, which need their folder inside this one
    Finalize(None, shutil.rmtree, (folder, True), exitpriority=-1000)
    before, default = os.environ.get("TMPDIR"), tempfile.tempdir
    os.environ["TMPDIR"] = tempfile.tempdir = folder
    try:
        yield Path(folder)
    finally:
        tempfile.tempdir = default
        os.environ.pop("TMPDIR")
        if before is not None:
            os.environ["TMPDIR"] = before


def remove_left() -> None:
    """Remove the folders of this user's killed runs."""
    if sys.platform == "win32":  # submissions are not run there
        return
    for folder in Path(_where()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            about = folder.lstat()
            if about.st_uid != os.getuid() or time.time() - about.st_mtime < YOUNG:
                continue
            lock = _lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)


def _where() -> str:
    default = tempfile.gettempdir()
    return "/tmp" if len(default) > LONG and os.path.isdir("/tmp") else default


def _lock(folder: str | Path) -> int | None:
    """Lock a folder; return the descriptor that holds the lock, None if another process has it."""
    if sys.platform == "win32":
        return None
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    if try_lock(fd):
        return fd
    os.close(fd)
    return None
