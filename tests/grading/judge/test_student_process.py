"""What a student process does before it answers the judge."""

import signal
import socket
import sys
from types import SimpleNamespace

import pytest

import utils
from utils.grading.judge import student_process
from utils.grading.notebook.outputs import Outputs
from utils.grading.sandbox.blocked_imports import BlockedImports


@pytest.fixture
def interpreter(monkeypatch):
    """The interpreter, which is as it was after the test."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    modules, names, alarm = dict(sys.modules), dict(vars(utils)), signal.getsignal(signal.SIGALRM)
    yield
    sys.modules.update(modules)
    vars(utils).update(names)
    signal.signal(signal.SIGALRM, alarm)


@pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="this system has no such signal")
@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize(("modules", "of_course"), [((), False), (("utils",), True)])
def test_staff_modules_are_gone_before_a_cell_runs(modules, of_course):
    shell = SimpleNamespace(user_ns={}, outputs=Outputs(10), define=None)
    ours, theirs = socket.socketpair()
    theirs.close()  # the judge hangs up
    with ours:
        student_process.main(ours, shell, 123, modules)
    assert shell.outputs.limit == 123
    assert signal.getsignal(signal.SIGALRM).__name__ == "overdue"
    assert sys.path[0] == ""
    assert "utils.grading" not in sys.modules
    assert ("utils" in sys.modules) != of_course  # the course may have a package of this name
    assert any(type(one) is BlockedImports for one in sys.meta_path) != of_course
