"""What a local worker has before its first submission."""

import importlib
import logging
import signal
import sys
import threading

import pytest

from utils.grading.run import preload


def test_what_a_worker_needs_is_imported_and_dask_is_quiet():
    assert {"distributed.worker", "utils.grading.run.worker"} <= sys.modules.keys()
    assert logging.getLogger("distributed").level == logging.CRITICAL


def test_the_fork_server_starts_in_the_background_and_may_fail(monkeypatch):
    asked = threading.Event()

    def fail():
        asked.set()
        raise OSError("no sandbox")

    monkeypatch.setattr(preload.grade_notebook, "available_sandbox", fail)
    preload.dask_setup(None)
    assert asked.wait(60)


@pytest.mark.skipif(
    not hasattr(signal, "pthread_sigmask"), reason="this system has no signal masks"
)
@pytest.mark.parametrize("blocked", [True, False])
def test_ctrl_c_is_for_grade_alone(blocked):
    before = signal.getsignal(signal.SIGINT)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT} if blocked else set())
    try:
        importlib.reload(preload)
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        still = signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, set())
    finally:
        signal.signal(signal.SIGINT, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    assert (ignored, still) == (blocked, False)
