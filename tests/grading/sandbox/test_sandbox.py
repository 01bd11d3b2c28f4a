"""The supervisor: what it counts, what it gives, and whom it lets wait."""

import contextlib
import dataclasses
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import deque

import pytest

from utils.grading.judge.fork_server import FORK_SERVER, ForkServer
from utils.grading.notebook.source import about
from utils.grading.sandbox import cgroups, seccomp, supervisor, system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.grading.sandbox.messages import WAITED, SupervisorClient
from utils.grading.sandbox.process import Process

pytestmark = pytest.mark.skipif(not system_calls.LINUX, reason="submissions are graded on Linux")

BURN = """
import time
def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass
    return seconds
"""


def waits(*samples):
    """A process of which only some samples are known: time, seconds waited, processor time."""
    process = Process.__new__(Process)
    process.waits, process._proc, process._name = deque(samples), -1, "0"
    process.sample = lambda tree=None: None
    return process


@pytest.mark.parametrize(
    ("samples", "since", "seconds"),
    [
        ([(0, 0, 0), (10, 8, 2)], 0, 8),
        ([(0, 0, 0), (10, 0, 1)], 0, 0),  # it slept
        ([(0, 0, 0), (10, 9, 10)], 0, 0),  # its own threads kept it busy
        ([(0, 0, 0), (10, 5, 5), (20, 6, 14)], 10, 1),  # only the time asked for
    ],
)
def test_a_process_has_waited_while_it_had_no_processor(samples, since, seconds):
    assert waits(*samples).waiting_seconds(since) == seconds


IMPORT_ALL = """
import importlib, sys
from utils.grading.sandbox import blocked_imports, visible_files
importable = visible_files.IMPORTABLE_MODULES
blocked_imports.forget_staff_modules()
for name in importable: importlib.import_module(f"utils.{name}")
print({name.split(".")[1] for name in sys.modules if name.startswith("utils.")} - {*importable})
"""


def test_what_a_student_may_import_needs_nothing_that_is_blocked_or_out_of_sight():
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], capture_output=True, text=True)
    assert done.stdout == "set()\n", done.stderr


@pytest.fixture
def one_processor():
    """Lets this process, and all that it starts, have one processor."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    yield
    os.sched_setaffinity(0, before)


@pytest.mark.slow
def test_busy_neighbours_cost_a_slow_function_no_points(sandbox, one_processor, monkeypatch):
    monkeypatch.delenv("GRADING_FORK_SERVER", raising=False)
    neighbours = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
        for _ in range(5)
    ]
    fork_server = ForkServer(plots=False)
    test = "assert burn(0.25) == 0.25\nassert burn(0.25) == 0.25\n2.0"
    try:
        assert _judge(fork_server, sandbox, BURN, test, call_seconds=1.0) == (2.0, False)
    finally:
        fork_server.close()
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


@pytest.mark.parametrize("call", ["time.sleep(9)", "busy()"])
def test_a_process_with_a_processor_gets_no_more_time(sandbox, call):
    source = (
        "import time, threading\ndef busy():\n    for _ in range(8):\n"
        "        threading.Thread(target=spin, daemon=True).start()\n    spin()\n"
        f"def spin():\n    while True: pass\ndef late():\n    {call}"
    )
    _, stopped = _judge(FORK_SERVER, sandbox, source, "late()", call_seconds=0.5)
    assert stopped


def _judge(fork_server, sandbox, source, test, **limits):
    """Judge one cell of a student's by one test; return its points, and whether it was stopped."""
    cells = [
        {"kind": "student", "label": "1", "source": source},
        {"kind": "test", "label": "t", "source": test, "points": 2.0, "hidden": False}
        | about("t", test),
    ]
    result = fork_server.judge(cells, SandboxConfig(Limits(**limits), sandbox))
    return result["cells"]["1"]["points"], result["stopped"]


# What a judge may ask ---------------------------------------------------------------------------


@pytest.fixture
def supervised(sandbox):
    """A supervisor, as the one who gives it commands sees it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(FORK_SERVER.connect(), [b"S"], [theirs.fileno()])
    ours.send(json.dumps(dataclasses.asdict(SandboxConfig(Limits(), sandbox))).encode())
    with ours:
        yield SupervisorClient(ours)


@pytest.mark.parametrize(
    "command", [b"J", b"X" * 999, b"SS", b"W", b"W" + bytes(9), b'{"sandbox": "none"}', b"R"]
)
def test_a_command_of_no_form_ends_everything(supervised, command):
    with supervised.start() as process:
        supervised.commands.send(command)
        assert supervised.commands.recv(100) == b""
        process.settimeout(60)
        with contextlib.suppress(ConnectionError):
            assert process.recv(100) == b""


def test_a_supervisor_starts_only_so_many_processes(supervised, monkeypatch):
    for _ in range(supervisor.SUPERVISOR_MAX_STARTS):
        supervised.start().close()
    with pytest.raises(OSError, match="80 processes are enough"):
        supervised.start()


def test_a_client_that_reads_no_answers_is_not_waited_for(supervised):
    supervised.commands.setblocking(False)
    with contextlib.suppress(OSError):
        while True:
            supervised.commands.send(WAITED + bytes(8))
            time.sleep(0.0002)
    assert _answers(FORK_SERVER)


def _answers(fork_server):
    return fork_server.judge([], SandboxConfig(Limits(), "none"))["notes"] == []


# Filters ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [seccomp.STUDENT, seccomp.STUDENT_ALONE, seccomp.JUDGE])
@pytest.mark.parametrize("machine", list(seccomp.ARCHITECTURES))
def test_each_number_is_decided_once(kind, machine, monkeypatch):
    """The search finds for every number what the tables say."""
    monkeypatch.setattr(seccomp.platform, "machine", lambda: machine)
    code = seccomp.call_filter.__wrapped__(kind)
    column, architecture = seccomp.ARCHITECTURES[machine]
    tables = seccomp.ALLOWED_CALLS | seccomp._PROCESSES | seccomp._OF_A_PROCESS | seccomp._DEPENDS
    known = {tables[name][column] for name in seccomp._decisions(kind)} - {None}
    for number in [*range(600), 1 << 30, (1 << 30) + 57, (1 << 32) - 1]:
        result = _run(code, number, architecture)
        if number in known:
            assert result != seccomp._MISSING or number == tables["futex"][column]
        else:
            newer = seccomp._NEWER <= number < 1 << 30
            assert result == (seccomp._MISSING if newer else seccomp._REFUSE)
    assert _run(code, 0, architecture + 1) == seccomp._KILL


def _run(code, number, architecture, arguments=(0,) * 6):
    """Run a filter as the kernel does."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments)
    lines = list(struct.iter_unpack("<HBBI", code))
    at = value = 0
    while True:
        operation, yes, no, operand = lines[at]
        at += 1
        match operation:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, operand)
            case 0x54:
                value &= operand
            case 0x05:
                at += operand
            case 0x06:
                return operand
            case 0x15:
                at += yes if value == operand else no
            case 0x35:
                at += yes if value >= operand else no
            case 0x45:
                at += yes if value & operand else no


# Control groups ---------------------------------------------------------------------------------


@pytest.fixture
def control_groups():
    if why := cgroups.why_not():
        pytest.skip(f"no control groups here: {why}")


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_group_counts_what_the_kernel_holds(control_groups):
    group = cgroups.get(64 << 20, 100)
    child = os.fork()
    if child == 0:
        group.join()
        keep = []
        while len(keep) < 2000:  # half a gigabyte of unread bytes, in no process's memory
            a, b = socket.socketpair()
            a.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    a.send(bytes(4096))
            keep.append((a, b))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    group.remove()
    assert os.waitstatus_to_exitcode(status) != 0
    assert not os.path.exists(group._folder)


def test_what_a_killed_run_leaves_is_removed_and_nothing_else(control_groups, monkeypatch):
    folder = cgroups._found()[0]
    monkeypatch.setattr(cgroups, "YOUNG", -1)
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    left = f"{folder}/{cgroups.PREFIX}{child.pid}-0"
    os.mkdir(left)
    group = cgroups.get(64 << 20, 100)
    cgroups.give_back(group)  # empty, and used again
    cgroups._remove_left(folder)
    assert not os.path.exists(left)
    assert group.exists()
    cgroups.remove_all()
    assert not group.exists()


def test_a_group_that_somebody_has_removed_costs_nothing(control_groups):
    gone = cgroups.get(64 << 20, 100)
    os.rmdir(gone._folder)
    cgroups.give_back(gone)
    group = cgroups.get(64 << 20, 100)
    assert group.exists()
    group.remove()


def test_a_fork_server_that_is_killed_leaves_no_process(sandbox, monkeypatch):
    monkeypatch.delenv("GRADING_FORK_SERVER", raising=False)
    fork_server = ForkServer(plots=False)
    assert _answers(fork_server)
    os.kill(fork_server._process.pid, signal.SIGKILL)
    fork_server._process.wait()
    assert fork_server._control.recv(1) == b""  # nobody holds the other end
    fork_server.close()
