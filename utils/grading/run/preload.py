"""Import everything that a local worker needs, so that it starts fast.

The process from which workers are forked imports this module. Dask calls `dask_setup` when a worker
starts.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any

from utils.grading import spare_imports
from utils.system import garbage_collection_paused

if hasattr(signal, "pthread_sigmask") and signal.SIGINT in signal.pthread_sigmask(
    signal.SIG_BLOCK, set()
):  # `grade` started this process with Ctrl-C blocked: only `grade` itself handles it
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

spare_imports()
with garbage_collection_paused():
    import distributed.nanny
    import distributed.worker  # noqa: F401 - for those who are forked

    from utils.grading.judge import grade_notebook
    from utils.grading.run import cluster, worker  # noqa: F401

cluster.keep_quiet()


def dask_setup(worker: Any) -> None:
    """Start the process from which submissions are forked, while the worker finds its scheduler."""
    threading.Thread(target=_start, daemon=True).start()


def _start() -> None:
    with contextlib.suppress(Exception):  # the first task will fail the same way and report it
        grade_notebook.available_sandbox()
