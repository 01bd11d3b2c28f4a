"""A run's temporary files: all in one folder, so that even a run that is killed leaves nothing.

Processes that are killed cannot tidy up, but the next run does it for them.
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
YOUNG = 60  # seconds in which a folder may not be locked yet
LONG = 50  # characters: Python's own sockets lie two folders deeper, and may have 107 in all


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Let temporary files of this process, and of those that it starts, go into a new folder.

    It is locked as long as this process lives, and removed at its end.
    """
    remove_left()
    folder = tempfile.mkdtemp(prefix=PREFIX, dir=_where())
    _lock(folder)  # until this process ends
    # after multiprocessing's own, which insist on finding their folder within
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
    """Remove the folders of this user's runs that were killed."""
    if sys.platform == "win32":  # where no submission is run
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
    """Lock a folder and return what to close to unlock it; None if it is somebody else's."""
    if sys.platform == "win32":
        return None
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    if try_lock(fd):
        return fd
    os.close(fd)
    return None
