"""The machine and the course's place on it: folders, processors, garbage collection."""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from traitlets.config import Config

ROOT = Path(__file__).resolve().parent.parent  # the course folder
CONFIG = "nbgrader_config.py"


def load_config(course: Path) -> Config:
    """Return what a course's `nbgrader_config.py` says, for nbgrader's own classes."""
    from traitlets.config import PyFileConfigLoader  # not needed by a notebook

    return PyFileConfigLoader(CONFIG, path=str(course)).load_config()


def processors() -> int:
    """Return how many processors this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextlib.contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Pause garbage collection during imports, and exempt from it what they made.

    Collecting took as long as a third of the imports.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
