"""The process that all others are forked from: shared by workers, replaced when it has gone."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import comes_true
from utils.grading.judge.fork_server import SHARED, ForkServer
from utils.grading.sandbox import system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig

ROOT = Path(__file__).resolve().parents[3]
CELLS = [{"kind": "student", "label": "1", "source": "print(1 + 1)"}]

pytestmark = pytest.mark.skipif(not system_calls.LINUX, reason="submissions are graded on Linux")


@pytest.fixture
def new(monkeypatch):
    """Makes fork servers, as other processes have them, and ends them with the test."""
    monkeypatch.delenv(SHARED, raising=False)
    made = []

    def make():
        made.append(ForkServer(plots=False))
        return made[-1]

    yield make
    for one in made:
        one.close()


def prints(one, sandbox):
    """What the notebook shows that this fork server's judge has run."""
    return one.judge(CELLS, SandboxConfig(Limits(), sandbox))["cells"]["0"]["outputs"][0]["text"]


def runs(process):
    """Whether a process runs; one that has ended may wait for its parent to notice."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def ended(process):
    """Whether a process that is nobody's child here ends within some seconds."""
    return comes_true(lambda: not runs(process), seconds=20, every=0.05)


def children(process):
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def server(one, sandbox):
    """The process that forks: one that has left the machine is a child of the one outside."""
    return children(one._process.pid)[0] if sandbox == "namespaces" else one._process.pid


def test_workers_have_theirs_forked_from_one(new, sandbox, tmp_path, monkeypatch):
    first = new()
    environment = first.open(str(tmp_path / "fork-server"))
    monkeypatch.setenv(SHARED, environment[SHARED])
    second, third = new(), new()
    assert prints(second, sandbox) == prints(third, sandbox) == "2\n"
    forked = children(server(first, sandbox))
    assert len(forked) == 2
    assert second._process is third._process is None
    second.close()
    assert comes_true(lambda: not all(map(runs, forked)), seconds=20, every=0.05)
    time.sleep(0.2)
    assert sum(map(runs, forked)) == 1  # the other one goes on
    assert prints(third, sandbox) == "2\n"


def test_all_that_is_forked_ends_with_the_first_and_workers_start_their_own(
    new, sandbox, tmp_path, monkeypatch
):
    first = new()
    monkeypatch.setenv(SHARED, first.open(str(tmp_path / "fork-server"))[SHARED])
    second = new()
    assert prints(second, sandbox) == "2\n"
    (forked,) = children(server(first, sandbox))
    os.kill(first._process.pid, signal.SIGKILL)
    assert ended(forked)
    assert prints(second, sandbox) == "2\n"
    assert second._process is not None


def test_one_that_is_not_needed_any_more_before_it_is_ready_leaves_nothing(
    new, tmp_path, monkeypatch
):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    one = new()
    one._start()
    process = one._process
    one.close()
    assert process.returncode == 0
    assert not list(tmp_path.iterdir())


def test_memory_goes_into_large_pages_and_holds_what_it_held():
    # The kernel may have no large page left: then it says so, and nothing changes.
    code = (
        "import ctypes, mmap\n"
        "from pathlib import Path\n"
        "from utils.grading.sandbox import system_calls\n"
        "own = mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n"
        "own.madvise(mmap.MADV_NOHUGEPAGE)\n"
        "own.write(bytes([7]) * (8 << 20))\n"
        "own.madvise(mmap.MADV_HUGEPAGE)\n"
        "start = ctypes.addressof(ctypes.c_char.from_buffer(own))\n"
        "size = 2 << 20\n"
        "part = -(-start // size) * size, (start + len(own)) // size * size\n"
        "madvise, answers = system_calls.libc.madvise, {}\n"
        "def asked(address, length, advice):\n"
        "    key = address.value, address.value + length.value, advice\n"
        "    answers[key] = madvise(address, length, advice)\n"
        "system_calls.libc.madvise = asked\n"
        "system_calls.use_large_pages()\n"
        "assert own[:] == bytes([7]) * (8 << 20)\n"
        "assert all(a % size == b % size == 0 and what == 25 for a, b, what in answers)\n"
        "(whole,) = (key for key in answers if key[0] <= part[0] < part[1] <= key[1])\n"
        "_, _, text = Path('/proc/self/smaps').read_text().partition(f'{start:x}-')\n"
        "large = int(text.partition('AnonHugePages:')[2].split()[0])\n"
        "print(answers[whole], large * 1024 - (part[1] - part[0]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert result.stderr == ""
    answer, difference = result.stdout.split()
    if answer != "0":
        pytest.skip("this kernel has no large pages for it")
    assert difference == "0"


def test_the_connection_is_warmed_up_and_leaves_no_trace():
    # In a process of its own: making a shell changes `__main__` and what `display` does.
    code = (
        "from utils.grading.judge import warm_up\n"
        "from utils.grading.remote.student_connection import StudentConnection\n"
        "calls, call = [], StudentConnection.call\n"
        "def counted(link, thing, *rest):\n"
        "    calls.append(getattr(thing, '__name__', ''))\n"
        "    return call(link, thing, *rest)\n"
        "StudentConnection.call = counted\n"
        "shell = warm_up.make_shell(plots=False)\n"
        "names = set(shell.user_ns)\n"
        "warm_up.warm_up(shell, plots=False)\n"
        "print(set(shell.user_ns) - names, shell.outputs.take())\n"
        "print(calls.count('double') >= 60, calls.count('fail') == 12)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (result.stdout, result.stderr) == ("set() []\nTrue True\n", "")
