"""What a local worker needs before its first submission, so that it starts in no time.

The process from which workers are forked imports this module, and with it all that they import.
Dask calls `dask_setup` in a worker when it starts.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any

from utils.commands import no_rubbish
from utils.grading import spare_imports

if hasattr(signal, "pthread_sigmask") and signal.SIGINT in signal.pthread_sigmask(
    signal.SIG_BLOCK, set()
):  # started by `grade`, which blocks Ctrl-C meanwhile: it is for `grade` alone
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})

spare_imports()
with no_rubbish():
    import distributed.nanny
    import distributed.worker  # noqa: F401 - for those who are forked

    from utils.grading import cluster, execute, workers  # noqa: F401

cluster.keep_quiet()


def dask_setup(worker: Any) -> None:
    """Start the process from which submissions are forked, while the worker finds its scheduler."""
    threading.Thread(target=_start, daemon=True).start()


def _start() -> None:
    with contextlib.suppress(Exception):  # the first task meets the same and can say so
        execute.fence()
