"""Work that the fork server does once, so that no submission has to repeat it."""

from __future__ import annotations

import contextlib
import importlib
import json
import socket
import sys
import threading
from typing import Any

from utils.grading.judge import results
from utils.grading.judge.judge import Judge
from utils.grading.judge.student_client import StudentClient
from utils.grading.notebook.shell import CellShell, make_shell
from utils.grading.notebook.source import about
from utils.grading.remote.student_connection import StudentConnection
from utils.grading.sandbox.config import Limits
from utils.grading.sandbox.messages import ProcessSupervisor

# Modules that most submissions import, besides NumPy, Matplotlib and IPython.
PRELOAD = (
    "numpy.testing",
    "utils.checks",
    "utils.mnist",
    "utils.colours",
    "utils.payoffs",
    "utils.weights",
)


def warm_up(shell: CellShell, plots: bool) -> None:
    """Do what is slow only the first time: imports, a figure, a traceback."""
    for name in PRELOAD:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if plots:
        shell.run("warm-up", _FIGURE)
    shell.run("warm-up", "print(1); 1 / 0")
    _warm_up_judge(shell)
    shell.reset(new_session=True)
    shell.execution_count = 1
    shell.outputs.start()


# A typical figure: the first one loads fonts, parsers and image writers.
_FIGURE = """
import matplotlib.pyplot as plt
from utils import plots
with plt.rc_context():
    plots.use_style()
    fig, ax = plt.subplots()
    ax.plot([1, 10], [0, 1], label="x")
    ax.set_xscale("log")
    ax.set(xlabel="temperature $T$", ylabel="y", title="x")
    ax.legend()
    plots.show(fig, "This figure is drawn before any submission.")
plt.plot([0, 1]); plt.title('x')
"""
# A small problem set that runs the code paths of most submissions.
_ANSWER = """
import numpy as np
def double(x):
    return 2.0 * x
def fail(x):
    raise ValueError(x)
"""
_TEST = """
def test_double():
    import numpy as np

    from utils import checks

    task = checks.Task("double")
    check = task.check
    with check(1, "values", "Twice as much."):
        checks.gives(double, np.array([1.0, 2.0]), [2.0, 4.0])
    with check(1, "rows", "The last axis."):
        checks.row_by_row(double, np.array([[1.0, 2.0], [3.0, 4.0]]))
    with check(1, "of a function", "Twice as much."):
        checks.gives(double, np.arange(12).reshape(3, 4) / 8, lambda x: x + x)
        checks.gives(double, np.arange(3, dtype=np.uint8), [0, 2, 4])
    with check(1, "side by side", "The same each time."):
        checks.sums_to_one(double, np.array([[0.25, 0.25], [0.5, 0.0]]))
        checks.agrees(double, np.array([2.0]), np.array([2.0]))
        checks.repeats(double, np.ones(2), np.zeros(2))
    with check(1, "floats", "Twice as much."):
        checks.gives_floats(double, 3, ())
        checks.finite(double, np.ones((2, 2), dtype=np.float32))
    with check(1, "an argument", "Leave it alone."):
        checks.leaves_alone(double, np.ones(3))
    with check(1, "a failure", "It raises."):
        checks.gives(fail, 1.0, 2.0)
    return task.points()


test_double()
"""


def _warm_up_judge(shell: CellShell) -> None:
    """Judge a small problem set, both sides in this process.

    Python specialises bytecode that has run several times, in place. Code specialised here is fast
    in all forked processes, which need not write to its pages and so do not copy them.
    """
    cell = {"kind": "student", "label": "warm-up", "source": _ANSWER}
    test = {"kind": "test", "label": "test", "source": _TEST, "points": 7.0, "hidden": False}
    test |= about("test", _TEST)
    cells: list[dict[str, Any]] = [cell, test, test | {"hidden": True}]
    main = sys.modules["__main__"]
    other = make_shell(False, shared=False)  # the names of both sides must not be the same
    sys.modules["__main__"] = main  # the new shell has replaced it
    for _ in range(6):
        ours, theirs = socket.socketpair()
        there = threading.Thread(target=StudentConnection(theirs, other).serve)
        there.start()
        student = StudentClient(_Started(ours), Limits())
        found = Judge(shell, student, cells).run_cells()
        json.dumps(results.truncate({"cells": {i: vars(one) for i, one in found.items()}}))
        there.join()
        theirs.close()
        shell.reset(new_session=True)
        other.reset(new_session=True)


class _Started(ProcessSupervisor):
    """A supervisor for the warm-up, whose student side runs in this process already."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def start(self) -> socket.socket:
        return self.sock
