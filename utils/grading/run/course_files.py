"""How a run writes a course's files: whole or not at all, and no two runs at once."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from utils.grading.course.settings import Course, CourseError


def write(path: Path, content: bytes, durable: bool = False) -> None:
    """Write a file whole or not at all; the folder is made.

    Args:
        path: the file.
        content: what it is to hold.
        durable: return only when all of it, and its name, is on the disk.
    """
    folders = [path.parent]
    while not folders[-1].exists():
        folders.append(folders[-1].parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:100]}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    if durable and os.name != "nt":  # Windows has no such thing for folders
        for folder in folders:
            fd = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


@contextlib.contextmanager
def only_one(course: Course) -> Iterator[None]:
    """Hold a course's lock, so that two runs do not write at the same time.

    Raises:
        CourseError: another run holds it.
    """
    try:
        import fcntl
    except ImportError:  # not on Windows, where nothing is graded
        yield
        return
    course.run_time.mkdir(parents=True, exist_ok=True)
    with open(course.run_time / ".grading.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise CourseError(
                f"another run is grading in {course.run_time}; wait until it has ended"
            ) from None
        yield
