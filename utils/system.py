"""The machine and the course's place on it: folders, processors, files, garbage collection."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent  # the course folder
CONFIG = "nbgrader_config.py"
DAY = 86_400  # seconds
# Which figures are drawn, in the environment: "all" (also if it is not set), "graded" (those that
# belong on a graded page: all but those of `payoffs`), or "none" (where nobody looks at any).
FIGURES = "COURSE_FIGURES"
# Environment of a process whose matrix products use one processor, whatever library does them.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def load_config(course: Path) -> Config:
    """Return the settings in a course's `nbgrader_config.py`, for nbgrader's own classes."""
    from traitlets.config import PyFileConfigLoader  # not needed by a notebook

    return PyFileConfigLoader(CONFIG, path=str(course)).load_config()


def problem_sets_in(sources: Path) -> list[str]:
    """Return the names of the problem sets in a folder: each NAME with a `NAME/NAME.ipynb`."""
    folders = sources.glob("*/")
    return sorted(folder.name for folder in folders if (folder / f"{folder.name}.ipynb").is_file())


def processors() -> int:
    """Return the number of processors that this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause garbage collection during imports, and exempt the imported objects from it.

    Collection took a third as long as the imports.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


# Files ------------------------------------------------------------------------------------------


def atomic_write(path: Path, data: bytes | str, durable: bool = False) -> None:
    """Write a file atomically: readers and interrupted runs find the complete old or new file.

    Args:
        path: the file; its folder is created, its mode is kept.
        data: the new content; text is encoded as UTF-8, its line endings unchanged.
        durable: return only when the content and the name are on the disk.
    """
    with atomic_file(path, durable=durable) as file:
        file.write(data.encode() if isinstance(data, str) else data)


@contextlib.contextmanager
def atomic_file(path: Path, mode: int | None = None, durable: bool = False) -> Iterator[BinaryIO]:
    """Open a new file that replaces `path` when the context ends without an error.

    Several processes may write the same file at once: the last one wins. An error leaves nothing
    behind. The file of a killed process is deleted by the first call in that folder a day later.

    Args:
        path: the file; its folder is created.
        mode: permissions; by default those of the old file, or a new file's default.
        durable: see `atomic_write`.
    """
    folders = [path.parent]
    while not folders[-1].exists():
        folders.append(folders[-1].parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    _delete_old_parts(path.parent)
    if mode is None:
        with contextlib.suppress(OSError):
            mode = stat.S_IMODE(path.stat().st_mode)
    part = path.with_name(f".{os.urandom(8).hex()}.part")  # short: `path` may have 255 bytes
    try:
        with part.open("xb") as file:
            if mode is not None:
                part.chmod(mode)  # before anything is written that others could read
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    for folder in folders if durable and os.name != "nt" else ():  # Windows cannot open folders
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def _delete_old_parts(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            if re.fullmatch(r"\.[0-9a-f]{16}\.part", name):
                part = folder / name
                if time.time() - part.lstat().st_mtime > DAY:
                    part.unlink()


def try_lock(file: IO | int) -> bool:
    """Lock an open file, or a folder's descriptor; return whether nobody else holds the lock.

    The operating system unlocks it when the file is closed, or when the process ends.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file if isinstance(file, int) else file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # this Python has no file locks
        return True
    except OSError:
        return False
    return True


def figures_wanted() -> str:
    """Return which figures are drawn."""
    return os.environ.get(FIGURES, "all")


def left_out(alt: str) -> str:
    """Return the text that replaces a figure that is not drawn."""
    return f"[A figure, drawn when you run this cell in your notebook: {alt}]"
