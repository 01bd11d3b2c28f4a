"""The process from which judges and submissions' processes are forked.

It imports NumPy, Matplotlib and IPython once, a second's work that nbgrader does for every
submission, and then only forks. It starts with a clean environment and never reads a job, so
nothing secret is in the memory that a submission's process inherits: the judge's job goes past it,
through a socket of its own.

A run with several workers starts one nursery, from which each worker has its own forked: see
`Nursery.open`.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from utils.grading import fences, sandbox, student
from utils.grading.cells import CellShell, make_shell
from utils.grading.judge import Judge
from utils.grading.sandbox import Limits, Order, Process
from utils.grading.stand_ins import StudentError
from utils.grading.submission import Start, Submission
from utils.mnist import given_folder

with contextlib.suppress(ImportError):  # elsewhere than on Linux and macOS
    import resource

_length = struct.Struct("<Q")
_JUDGE, _STUDENT = b"J", b"S"
_READY = b"R"
SHARED = "GRADING_NURSERY"  # names in the environment the socket of a nursery to be forked from

# What most submissions import, apart from NumPy, Matplotlib and IPython.
PRELOAD = ("numpy.testing", "utils.checks", "utils.mnist", "utils.colours", "utils.weights")


class NurseryError(RuntimeError):
    """No processes can be started."""


def _send(sock: socket.socket, message: dict) -> None:
    data = json.dumps(message).encode()
    sock.sendall(_length.pack(len(data)) + data)


def _receive(sock: socket.socket) -> dict | None:
    """Return a message from a process of ours; None if the process is gone."""

    def read(size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            block = sock.recv(min(size - len(data), 1 << 20))
            if not block:
                raise EOFError
            data += block
        return data

    try:
        return json.loads(read(_length.unpack(read(8))[0]))
    except (EOFError, ConnectionError):
        return None


def start_process(requests: socket.socket, order: Order) -> Start:
    """Have a submission's process started.

    Args:
        requests: leads to the nursery.
        order: what the process is to be like.
    """
    ours, theirs = socket.socketpair()
    leash, keeper = socket.socketpair()
    with theirs, keeper:
        socket.send_fds(requests, [_STUDENT], [theirs.fileno(), keeper.fileno()])
    _send(leash, dataclasses.asdict(order))
    return Start(ours, _Leash(leash))


class _Leash:
    """Speaks for the keeper of a process: closing the leash ends the process; a report comes back.

    Args:
        sock: leads to the keeper.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock

    def too_much(self) -> str:
        """The keeper itself watches the process."""
        return ""

    def end(self, why: str) -> dict:
        """Let the keeper end the process, unless it reports that it has ended by itself."""
        data = bytearray()
        with self.sock:
            for patience in (30,) if why else (2, 30):
                with contextlib.suppress(OSError, ValueError):
                    if patience == 30:
                        self.sock.shutdown(socket.SHUT_WR)
                    self.sock.settimeout(patience)
                    while block := self.sock.recv(4096):
                        data += block
                    return json.loads(data)
        return {}


def _read_order(message: dict) -> Order:
    return Order(**message | {"limits": Limits(**message["limits"])})


# In the nursery ---------------------------------------------------------------------------------


def main(control: int, plots: bool, door: int, warm: bool = True) -> NoReturn:
    """Make ready to fork, then `_serve`.

    Args:
        control: number of a socket.
        plots: whether submissions will want Matplotlib. Processes without it are forked in half
            the time.
        door: number of a listening socket, on which other nurseries are asked for; -1 for none.
        warm: do first what would else take each submission's time; for one alone it does not pay.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell = make_shell(plots)
    if warm:
        _warm_up(shell, plots)
    fences.note_address_space()
    folder = tempfile.mkdtemp(prefix="nursery-")
    fences.make_root(folder)
    fences.call_filter("namespaces", 0)
    if warm:
        gc.collect()
        gc.freeze()
        fences.use_large_pages()
    gc.enable()
    doors = [socket.socket(fileno=door)] if door >= 0 else []
    _serve(socket.socket(fileno=control), doors, folder, shell)


def _serve(
    commands: socket.socket, doors: list[socket.socket], folder: str, shell: CellShell
) -> NoReturn:
    """Fork judges and submissions' processes until the other end of `commands` closes.

    Args:
        commands: where judges are asked for.
        doors: whoever connects to one of these gets a nursery of their own, forked from this one.
        folder: where `fences.make_root` has made the submissions' file system; "" if that is not
            this nursery's to remove.
        shell: for all that are forked.
    """
    requests, asked = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with contextlib.suppress(ConnectionError):  # whoever asked may have gone; the loop finds out
        commands.send(_READY + folder.encode())
    while True:
        ready, _, _ = select.select([commands, asked, *doors], [], [], 10)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        for sock in ready:
            if sock in doors:
                visitor, _ = sock.accept()
                with visitor:
                    if os.fork() == 0:
                        fences.die_with_parent()
                        for mine in (commands, requests, asked, *doors):
                            mine.close()
                        _serve(visitor, [], "", shell)
                continue
            try:
                what, fds, _, _ = socket.recv_fds(sock, 16, 2)
            except ConnectionError:
                what, fds = b"", []
            if sock is commands and not what:
                _end_all(folder)
            if what in (_JUDGE, _STUDENT) and os.fork() == 0:
                try:
                    commands.close()
                    asked.close()
                    if what == _JUDGE:
                        _judge(socket.socket(fileno=fds[0]), requests, shell)
                    else:
                        requests.close()
                        _keeper(*(socket.socket(fileno=fd) for fd in fds), shell)
                finally:
                    os._exit(1)
            for fd in fds:
                os.close(fd)


def _end_all(folder: str) -> NoReturn:
    """End with all that was started here, and wait for it: the grader's accounts are then whole."""
    with contextlib.suppress(ChildProcessError):
        for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    if folder:
        fences.leave_root()
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    os._exit(0)


def _warm_up(shell: CellShell, plots: bool) -> None:
    """Do once what costs time when it is done first: imports, a figure, a traceback."""
    for name in PRELOAD:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    if plots:
        shell.run("warm-up", "import matplotlib.pyplot as plt\nplt.plot([0, 1]); plt.title('x')")
    shell.run("warm-up", "print(1); 1 / 0")
    _practise(shell)
    shell.reset(new_session=True)
    shell.execution_count = 1
    shell.outputs.start()


_ANSWER = """
import numpy as np
def double(x):
    return 2.0 * x
def fail(x):
    raise ValueError(x)
"""
_TEST = """
task = checks.Task("double")
with task.check(1, "values", "Twice as much."):
    checks.gives(double, np.array([1.0, 2.0]), [2.0, 4.0])
with task.check(1, "rows", "The last axis."):
    checks.row_by_row(double, np.array([[1.0, 2.0], [3.0, 4.0]]))
with task.check(1, "floats", "Twice as much."):
    checks.gives_floats(double, 3, ())
    checks.finite(double, np.ones((2, 2), dtype=np.float32))
with task.check(1, "an argument", "Leave it alone."):
    checks.leaves_alone(double, np.ones(3))
with task.check(1, "a failure", "It raises."):
    checks.gives(fail, 1.0, 2.0)
task.points()
"""


def _practise(shell: CellShell, times: int = 12) -> None:
    """Let both sides talk in this process, about what most tests ask.

    Python quickens code that has run some times, and keeps that within the code. What is quick here
    is quick in all that are forked, and need not be written, and so copied, by any of them.
    """
    ours, theirs = socket.socketpair()
    submission = Submission(lambda: Start(ours, _NoKeeper()), Limits())
    there = threading.Thread(target=student.StudentLink(theirs, shell).serve)
    there.start()
    submission.run("warm-up", _ANSWER)
    names = {"np": np, "checks": importlib.import_module("utils.checks")}
    names |= submission.get({"double", "fail"})
    code = compile(_TEST, "warm-up", "exec")
    for _ in range(times):
        exec(code, names)
    submission.end("all is warm")
    there.join()
    theirs.close()


class _NoKeeper:
    """For a submission's side that is no process of its own."""

    def too_much(self) -> str:
        return ""

    def end(self, why: str) -> dict:
        return {}


def _student(sock: socket.socket, order: Order, shell: CellShell) -> None:
    student.main(sock, shell, order.limits.output_bytes)


def _keeper(sock: socket.socket, leash: socket.socket, shell: CellShell) -> NoReturn:
    """Run as the keeper of a submission's process that is not its first."""
    message = _receive(leash)
    if message is None:
        os._exit(1)
    order = _read_order(message)
    sandbox.keep(sock, leash, order, lambda sock: _student(sock, order, shell))


def _judge(job: socket.socket, requests: socket.socket, shell: CellShell) -> NoReturn:
    """Run as the judge of one submission: read the job, answer with the result.

    The submission's first process is forked before the cells are read, so that the hidden tests
    are not in its memory. Any other is forked by the nursery, which never reads a job.
    """
    fences.die_with_parent()
    try:
        order = _read_order(_receive(job))
        first = _first_process(order, shell) if order.fence == "namespaces" else None
        result = _run_job(_receive(job)["cells"], order, first, requests, shell)
    except BaseException:
        result = {"error": traceback.format_exc()}
    with contextlib.suppress(OSError):
        _send(job, result)
    os._exit(0)


def _first_process(order: Order, shell: CellShell) -> Start:
    ours, theirs = socket.socketpair()
    return Start(ours, Process(theirs, order, lambda sock: _student(sock, order, shell)))


def _run_job(
    cells: list[dict], order: Order, first: Start | None, requests: socket.socket, shell: CellShell
) -> dict[str, Any]:
    begun = time.monotonic()
    limits = order.limits
    # A test that never ends, or that is made to work for ever, ends here.
    signal.setitimer(signal.ITIMER_REAL, limits.submission_seconds * 1.25 + 20)
    most = resource.getrlimit(resource.RLIMIT_AS)[1]
    if most == resource.RLIM_INFINITY:
        size = fences.address_space() + 4 * limits.memory
        resource.setrlimit(resource.RLIMIT_AS, (size, size))
    if order.folder:
        with contextlib.suppress(OSError):
            os.chdir(order.folder)
    shell.outputs.limit = limits.output_bytes
    starts = [first] if first else []
    submission = Submission(
        lambda: starts.pop() if starts else start_process(requests, order), limits
    )
    results = Judge(shell, submission, cells).run()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "cells": {index: vars(result) for index, result in results.items()},
        "notes": submission.notes,
        "stopped": submission.stopped,
        "seconds": time.monotonic() - begun,
        "cpu_seconds": submission.cpu_seconds + usage.ru_utime + usage.ru_stime,
        "memory_bytes": submission.memory_bytes,
    }


# In the grader's own process --------------------------------------------------------------------


class Nursery:
    """A nursery, started on first use and again when it has died.

    Threads may share one. A process that was forked from another starts its own.

    Args:
        plots: as for `main`.
    """

    def __init__(self, plots: bool) -> None:
        self._plots = plots
        self._lock = threading.Lock()
        self._process: subprocess.Popen | None = None
        self._control: socket.socket | None = None
        self._owner = 0
        self._ready = False
        self._folder = ""
        self._fences: dict[str, str] = {}  # fence -> why it does not stand; empty if it does

    def connect(self) -> socket.socket:
        """Return the socket on which processes are asked for."""
        with self._lock:
            if not self._lives():
                self._end()
                if not self._fork_shared():
                    self._start()
            if not self._ready:
                self._wait()
            return self._control

    def open(self, address: str) -> dict[str, str]:
        """Start it, without waiting, for the nurseries of other processes to be forked from it.

        Args:
            address: of a new socket, in a folder that is this user's alone.
        Returns:
            What the other processes need in their environment.
        """
        with self._lock, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as door:
            door.bind(address)
            door.listen()
            self._start(door)
        return {SHARED: address}

    def fork(self) -> None:
        """Start it as a fork of this process, for one submission.

        This process must have a clean environment and know nothing that a submission may not: see
        `clean_environment`.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            try:
                ours.close()
                os.setsid()
                os.chdir("/")
                null = os.open(os.devnull, os.O_RDWR)
                for fd in (0, 1):
                    os.dup2(null, fd)
                main(theirs.detach(), self._plots, -1, warm=False)
            finally:
                os._exit(1)
        theirs.close()
        self._take(ours)

    def _lives(self) -> bool:
        if self._control is None or self._owner != os.getpid():
            return False
        try:
            return bool(self._control.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _fork_shared(self) -> bool:
        """Have this nursery forked from one that another process has opened, if it lives."""
        address = os.environ.get(SHARED, "")
        if not address or self._plots:
            return False
        ours = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            ours.connect(address)
        except OSError:
            ours.close()
            return False
        self._take(ours)
        return True

    def _take(self, control: socket.socket) -> None:
        self._control, self._owner, self._ready = control, os.getpid(), False

    def _wait(self) -> None:
        self._control.settimeout(120)
        try:
            said = self._control.recv(4096)
        except OSError:
            said = b""
        if not said.startswith(_READY):
            self._control.close()
            self._control = None
            raise NurseryError("the process that starts submissions did not start; see above")
        self._control.settimeout(None)
        self._folder, self._ready = said.removeprefix(_READY).decode(), True

    def _start(self, door: socket.socket | None = None) -> None:
        if not sandbox.LINUX:
            raise NurseryError(sandbox.ELSEWHERE)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        course = str(Path(sandbox.__file__).resolve().parents[2])
        code = (
            "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv[1])\n"
            "from utils.grading import nursery\n"
            "nursery.main(int(sys.argv[2]), bool(int(sys.argv[3])), int(sys.argv[4]))"
        )
        files = [theirs.fileno(), *([door.fileno()] if door else [])]
        numbers = [str(theirs.fileno()), str(+self._plots), str(door.fileno() if door else -1)]
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", code, course, *numbers],
                env=_clean_environment(),
                pass_fds=files,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd="/",
                start_new_session=True,
            )
        self._take(ours)

    def close(self) -> None:
        """End the nursery, and with it all judges and submissions that are running."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._control is not None and self._owner == os.getpid():
            self._control.close()
            if self._process:
                self._process.wait()
                if self._folder:
                    with contextlib.suppress(OSError):
                        os.rmdir(self._folder)  # if the nursery could not
        self._control = self._process = None

    def fence(self) -> str:
        """Return the fence that stands here, or "" for none; a process is started to see."""
        for fence in ("namespaces", "landlock"):
            if not self.why_not(fence):
                return fence
        return ""

    def why_not(self, fence: str) -> str:
        """Return why a fence does not stand here, or "" if it does."""
        if fence not in self._fences:
            self._fences[fence] = self._try(fence)
        return self._fences[fence]

    def _try(self, fence: str) -> str:
        submission = Submission(
            lambda: start_process(self.connect(), Order(Limits(), fence)), Limits()
        )
        try:
            submission.names()
        except StudentError:
            return submission.why_ended
        submission.end("it was a try")
        return ""

    def judge(self, cells: list[dict], order: Order) -> dict[str, Any]:
        """Have a submission judged.

        Args:
            cells: as `Judge` takes them.
            order: what its process is to be like.
        Returns:
            `cells` (by place, as text: what became of each), `notes`, `seconds`, `cpu_seconds`,
            `memory_bytes`, `stopped`; or `error` if the judge itself failed.
        """
        control = self.connect()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(control, [_JUDGE], [theirs.fileno()])
            try:
                _send(ours, dataclasses.asdict(order))
                _send(ours, {"cells": cells})
                result = _receive(ours)
            except ConnectionError:
                result = None
        if result is None:
            return {
                "error": "the judge's process ended: the tests took too long or too much memory"
            }
        return result


def _clean_environment() -> dict[str, str]:
    """Return what the nursery may know of the environment; submissions can read all of it."""
    keep = ("HOME", "PATH", "TZ", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "XDG_CACHE_HOME", "MNIST_DIR")
    found = {name: os.environ[name] for name in keep if name in os.environ}
    given = found.get("MNIST_DIR", "").strip()
    if given and (folder := given_folder(given)):
        found["MNIST_DIR"] = str(folder)  # not relative: the nursery runs in another folder
    return found | {
        "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }  # fmt: skip


NURSERY = Nursery(plots=False)
PLOTS_NURSERY = Nursery(plots=True)
atexit.register(NURSERY.close)
atexit.register(PLOTS_NURSERY.close)

_PLOTS = re.compile(r"matplotlib|pyplot|pylab|\bplots\b|\bplt\b")


def nursery_for(cells: list[dict]) -> Nursery:
    """Return the nursery that suits a submission's cells; the other one would do, too."""
    plots = any(_PLOTS.search(cell["source"]) for cell in cells)
    return PLOTS_NURSERY if plots else NURSERY
