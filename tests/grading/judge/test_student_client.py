"""The judge's way to a student process: started, asked, ended and started again."""

import socket
import threading
from types import SimpleNamespace

import pytest

from utils.grading.judge.student_client import JUDGE_MAX_STARTS, StudentClient
from utils.grading.notebook.outputs import Outputs
from utils.grading.remote.student_connection import StudentConnection
from utils.grading.remote.student_errors import Lost, ProcessEnded
from utils.grading.sandbox.config import Limits
from utils.grading.sandbox.messages import ProcessSupervisor


class Thread(ProcessSupervisor):
    """Starts the student's side in a thread, in which cells are plain Python."""

    def start(self):
        ours, theirs = socket.socketpair()
        names = {}
        shell = SimpleNamespace(user_ns=names, outputs=Outputs(1000))
        shell.run = lambda label, source: exec(source, names) or (None, None)
        shell.define = lambda label, source: exec(source, names)
        threading.Thread(target=self.serve, args=(theirs, shell)).start()
        return ours

    def serve(self, sock, shell):
        with sock:
            StudentConnection(sock, shell).serve()

    def end(self, why):
        return {"cpu": 0.5, "memory": 7}


@pytest.fixture
def student():
    made = StudentClient(Thread(), Limits())
    yield made
    made.end()


def test_names_come_without_modules_and_only_those_that_are_asked_for(student):
    student.run_cell("work", "import math\nn = 2\ndef f(x): return x + n")
    assert student.names() >= {"math", "n", "f"}
    found = student.get({"math", "n", "f", "missing"})
    assert sorted(found) == ["f", "n"]
    assert (found["n"], found["f"](3)) == (2, 5)
    assert student.get(set()) == {}


def test_after_its_end_the_cells_run_again_and_what_had_a_name_lives_on(student):
    student.run_cell("work", "def f(x): return x + 1\nmake = lambda: object()")
    found = student.get({"f", "make"})
    made = found["make"]()
    student.end("it was ended")
    assert (student.cpu_seconds, student.memory_bytes) == (0.5, 7)
    assert found["f"](1) == 2
    assert student.starts == 2
    with pytest.raises(Lost, match="was lost when the student process ended: it was ended"):
        repr(made.x)
    student.rewind(0)
    assert student.cells == []
    with pytest.raises(Lost):
        found["f"](1)


def test_a_process_that_cannot_be_started_is_not_started_for_ever(student):
    student.supervisor.start = lambda: (_ for _ in ()).throw(OSError("full"))
    for _ in range(JUDGE_MAX_STARTS):
        with pytest.raises(ProcessEnded, match="could not be started: full"):
            student.ready()
    with pytest.raises(ProcessEnded, match=f"has ended {JUDGE_MAX_STARTS} times"):
        student.ready()


def test_only_a_class_of_a_locked_cell_is_the_judges_own(student):
    own = type("Own", (), {"__module__": "__main__", "Inner": type("Inner", (), {})})
    own.Inner.__module__ = "__main__"
    student.locked = ("Own", "number", "Fraction")
    student.effects.namespace |= {"Own": own, "number": 3, "Other": own, "Fraction": int}
    assert student.own_class("Own") is own
    assert student.own_class("Own.Inner") is own.Inner
    for name in ("Own.missing", "number", "Other", "Fraction", "number.real", ""):
        assert student.own_class(name) is None
