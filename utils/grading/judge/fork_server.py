"""The process from which judges and submissions' processes are forked.

It imports NumPy, Matplotlib and IPython once, a second's work that nbgrader does for every
submission, and then only forks. It starts with a clean environment and never reads a job, so
nothing secret is in the memory that a submission's process inherits: the judge's job goes past it,
through a socket of its own.

A run with several workers starts one fork server, from which each worker has its own forked: see
`ForkServer.open`.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import functools
import gc
import importlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from utils.grading.judge import results, student_process
from utils.grading.judge.judge import Judge
from utils.grading.judge.student_client import Start, Submission
from utils.grading.notebook.shell import CellShell, make_shell
from utils.grading.notebook.source import about
from utils.grading.remote.proxies import ProcessEnded, StudentError
from utils.grading.sandbox import cgroups, isolation, seccomp, supervisor
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.grading.sandbox.supervisor import Supervised, Supervisor
from utils.mnist import given_folder
from utils.system import ROOT

with contextlib.suppress(ImportError):  # elsewhere than on Linux and macOS
    import resource

_JUDGE, _STUDENT = b"J", b"S"
_READY = b"R"
SHARED = "GRADING_FORK_SERVER"  # in the environment: the socket of the one to be forked from

# What most submissions import, apart from NumPy, Matplotlib and IPython.
PRELOAD = (
    "numpy.testing",
    "utils.checks",
    "utils.mnist",
    "utils.colours",
    "utils.payoffs",
    "utils.weights",
)


class ForkServerError(RuntimeError):
    """No processes can be started."""


def start_process(control: socket.socket, config: SandboxConfig) -> Start:
    """Have a student's process started, with a supervisor of its own and no judge.

    Args:
        control: leads to the fork server.
        config: what the process is to be like.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        socket.send_fds(control, [_STUDENT], [theirs.fileno()])
    ours.send(json.dumps(dataclasses.asdict(config)).encode())
    try:
        return _start(Supervised(ours, only_one=True))
    except BaseException:
        ours.close()
        raise


def _start(supervised: Supervised) -> Start:
    try:
        return Start(supervised.start(), supervised)
    except OSError as error:
        raise ProcessEnded(f"its process could not be started: {error}") from None


def _read_config(message: dict) -> SandboxConfig:
    return SandboxConfig(**message | {"limits": Limits(**message["limits"])})


# In the fork server -----------------------------------------------------------------------------


def main(control: int, plots: bool, listener: int, warm: bool = True) -> NoReturn:
    """Make ready to fork, then `_serve`.

    Args:
        control: number of a socket.
        plots: whether submissions will want Matplotlib. Processes without it are forked in half
            the time.
        listener: number of a socket on which other fork servers are asked for; -1 for none.
        warm: do first what would else take each submission's time; for one alone it does not pay.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell = make_shell(plots)
    if warm:
        _warm_up(shell, plots)
    isolation.note_address_space()
    folder = tempfile.mkdtemp(prefix="fork-server-")
    isolation.make_roots(folder)
    for kind in (seccomp.STUDENT, seccomp.STUDENT_ALONE, seccomp.JUDGE):
        seccomp.call_filter(kind)
    cgroups.why_not()
    with contextlib.suppress(OSError):  # a crash leaves nothing of a submission's memory behind
        Path("/proc/self/coredump_filter").write_text("0")
    if warm:
        gc.collect()
        gc.freeze()
        isolation.use_large_pages()
    gc.enable()
    listeners = [socket.socket(fileno=listener)] if listener >= 0 else []
    _serve(socket.socket(fileno=control), listeners, folder, shell)


def _serve(
    commands: socket.socket, listeners: list[socket.socket], folder: str, shell: CellShell
) -> NoReturn:
    """Supervise submissions until the other end of `commands` closes.

    Args:
        commands: where judges and students' processes are asked for.
        listeners: whoever connects to one of these gets a fork server forked from this one.
        folder: where `isolation.make_roots` has made the submissions' file systems; "" if
            another process removes them.
        shell: for all that are forked.
    """
    supervisors: list[Supervisor] = []
    forked: set[int] = set()  # fork servers
    with contextlib.suppress(ConnectionError):  # whoever asked may have gone; the loop finds out
        commands.send(_READY + folder.encode())
    while True:
        poll = select.poll()
        for sock in (commands, *listeners):
            poll.register(sock, select.POLLIN)
        for submission in supervisors:
            for fd, events in submission.files().items():
                poll.register(fd, events)
        found = dict(poll.poll(supervisor.LOOK * 1000 if supervisors else 10_000))
        for submission in list(supervisors):
            if not submission.step(found):
                supervisors.remove(submission)
                submission.close()
        for child in list(forked):
            if os.waitpid(child, os.WNOHANG)[0]:
                forked.discard(child)
                supervisor.known.discard(child)
        for listener in listeners:
            if listener.fileno() in found:
                visitor, _ = listener.accept()
                with visitor:
                    child = os.fork()
                    if child == 0:
                        isolation.die_with_parent()
                        for mine in (commands, *listeners):
                            mine.close()
                        supervisor.known.clear()
                        cgroups.forget()
                        _serve(visitor, [], "", shell)
                    forked.add(child)
                    supervisor.known.add(child)
        if commands.fileno() not in found:
            continue
        try:
            what, fds, _, _ = socket.recv_fds(commands, 16, 1)
        except ConnectionError:
            what, fds = b"", []
        if not what:
            for submission in supervisors:
                submission.close()
            _end_all(folder)
        for fd in fds:
            sock = socket.socket(fileno=fd)
            try:
                make = _judged if what == _JUDGE else _alone
                supervisors.append(make(sock, shell))
            except Exception as error:
                with contextlib.suppress(OSError):
                    if what == _JUDGE:
                        told = f"the sandbox could not be made: {error}"
                        supervisor.send_message(sock, {"error": told})
                sock.close()


def _end_all(folder: str) -> NoReturn:
    """End with all that was started here, and wait for it: the grader's accounts are then whole."""
    supervisor.end_children()
    cgroups.remove_all()
    if folder:
        isolation.leave_roots()
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    os._exit(0)


def _warm_up(shell: CellShell, plots: bool) -> None:
    """Do once what costs time when it is done first: imports, a figure, a traceback."""
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


# A figure as most cells draw one: what is drawn first loads fonts, parsers and writers of pictures.
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
# A problem set in small: all that most submissions meet is met here.
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


def _warm_up_judge(shell: CellShell, times: int = 6) -> None:
    """Judge a small problem set, both sides in this process.

    Python quickens code that has run some times, and keeps that within the code. What is quick here
    is quick in all that are forked, and need not be written, and so copied, by any of them.
    """
    cell = {"kind": "student", "label": "warm-up", "source": _ANSWER}
    test = {"kind": "test", "label": "test", "source": _TEST, "points": 7.0, "hidden": False}
    test |= about("test", _TEST)
    cells: list[dict[str, Any]] = [cell, test, test | {"hidden": True}]
    main = sys.modules["__main__"]
    other = make_shell(False, shared=False)  # the names of both sides must not be the same
    sys.modules["__main__"] = main  # which the new shell has replaced
    for _ in range(times):
        ours, theirs = socket.socketpair()
        there = threading.Thread(target=student_process.StudentConnection(theirs, other).serve)
        there.start()
        submission = Submission(functools.partial(Start, ours, _NoSupervisor()), Limits())
        found = Judge(shell, submission, cells).run()
        json.dumps(results.fit({"cells": {i: vars(one) for i, one in found.items()}}))
        there.join()
        theirs.close()
        shell.reset(new_session=True)
        other.reset(new_session=True)


class _NoSupervisor:
    """For a submission's side that is no process of its own."""

    def too_much(self) -> str:
        return ""

    def waiting_seconds(self, since: float) -> float:
        return 0.0

    def alarm(self) -> None:
        pass

    def end(self, why: str) -> dict:
        return {}


def _student(sock: socket.socket, config: SandboxConfig, shell: CellShell) -> None:
    student_process.main(sock, shell, config.limits.output_bytes)


def _alone(commands: socket.socket, shell: CellShell) -> Supervisor:
    """Return the supervisor of students' processes that the grader itself talks to."""
    config = _read_config(json.loads(commands.recv(1 << 16)))
    return Supervisor(config, commands, lambda sock: _student(sock, config, shell))


def _judged(job: socket.socket, shell: CellShell) -> Supervisor:
    """Start the judge of a submission, and its first process; return their supervisor.

    The configuration is read here. The cells, which come after it, are read by the judge alone, in
    its sandbox: no process that is forked here has them in its memory.
    """
    config = _read_config(supervisor.receive_message(job))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    started = Supervisor(config, ours, lambda sock: _student(sock, config, shell), job)
    with theirs:
        try:
            with started.start() as first:
                run = functools.partial(_judge, job, theirs, first, config, shell)
                started.start_judge([job, theirs, first], run)
        except BaseException:
            started.job = None  # it is needed to say so
            started.close()
            raise
    return started


def _judge(
    job: socket.socket,
    commands: socket.socket,
    first: socket.socket,
    config: SandboxConfig,
    shell: CellShell,
) -> None:
    """Run as a submission's judge, in its sandbox: read the cells, send the result."""
    try:
        cells = supervisor.receive_message(job)["cells"]
        result = _run_job(cells, config, Supervised(commands), first, shell)
    except BaseException:
        result = {"error": traceback.format_exc()}
    with contextlib.suppress(OSError):
        supervisor.send_message(job, result)


def _run_job(
    cells: list[dict],
    config: SandboxConfig,
    supervised: Supervised,
    first: socket.socket,
    shell: CellShell,
) -> dict[str, Any]:
    begun = time.monotonic()
    shell.outputs.limit = config.limits.output_bytes
    starts = [Start(first, supervised)]
    submission = Submission(lambda: starts.pop() if starts else _start(supervised), config.limits)
    found = Judge(shell, submission, cells).run()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return results.fit(
        {
            "cells": {index: vars(result) for index, result in found.items()},
            "notes": submission.notes,
            "stopped": submission.stopped,
            "seconds": time.monotonic() - begun,
            "cpu_seconds": submission.cpu_seconds + usage.ru_utime + usage.ru_stime,
            "memory_bytes": submission.memory_bytes,
        }
    )


# In the grader's own process --------------------------------------------------------------------


class ForkServer:
    """A fork server, started on first use and again when it has died.

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
        self._sandboxes: dict[str, str] = {}  # sandbox -> why it does not stand; empty if it does

    def connect(self) -> socket.socket:
        """Return the socket on which processes are asked for."""
        with self._lock:
            if not self._lives():
                self._end()
                if not self._fork_shared():
                    self._start()
            assert self._control is not None
            if not self._ready:
                self._wait(self._control)
            return self._control

    def open(self, address: str) -> dict[str, str]:
        """Start it, without waiting, for the fork servers of other processes to be forked from it.

        Args:
            address: of a new socket, in a folder that is this user's alone.
        Returns:
            What the other processes need in their environment.
        """
        with self._lock, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen()
            self._start(listener)
        return {SHARED: address}

    def fork(self) -> None:
        """Start it as a fork of this process, for one submission.

        This process must have a clean environment and know nothing that a submission may not: see
        `_clean_environment`.
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
        """Have this fork server forked from one that another process has opened, if it lives."""
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

    def _wait(self, control: socket.socket) -> None:
        control.settimeout(120)
        try:
            said = control.recv(4096)
        except OSError:
            said = b""
        if not said.startswith(_READY):
            control.close()
            self._control = None
            raise ForkServerError("the process that starts submissions did not start; see above")
        control.settimeout(None)
        self._folder, self._ready = said.removeprefix(_READY).decode(), True

    def _start(self, listener: socket.socket | None = None) -> None:
        if not supervisor.LINUX:
            raise ForkServerError(supervisor.ELSEWHERE)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        course = str(ROOT)
        code = (
            "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv[1])\n"
            "from utils.grading.sandbox import isolation\n"
            "isolation.leave_machine()\n"
            "from utils.grading.judge import fork_server\n"
            "fork_server.main(int(sys.argv[2]), bool(int(sys.argv[3])), int(sys.argv[4]))"
        )
        files = [theirs.fileno(), *([listener.fileno()] if listener else [])]
        numbers = [
            str(theirs.fileno()),
            str(+self._plots),
            str(listener.fileno() if listener else -1),
        ]
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
        """End the fork server, and with it all judges and submissions that are running."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._control is not None and self._owner == os.getpid():
            self._control.close()
            if self._process:
                self._process.wait()
                if self._folder:
                    with contextlib.suppress(OSError):
                        os.rmdir(self._folder)  # if the fork server could not
        self._control = self._process = None

    def sandbox(self) -> str:
        """Return the kind of sandbox here, or "" for none; a process is started to see."""
        for sandbox in ("namespaces", "landlock"):
            if not self.why_not(sandbox):
                return sandbox
        return ""

    def why_not(self, sandbox: str) -> str:
        """Return why a kind of sandbox is not available, or "" if it does."""
        if sandbox not in self._sandboxes:
            self._sandboxes[sandbox] = self._try(sandbox)
        return self._sandboxes[sandbox]

    def _try(self, sandbox: str) -> str:
        submission = Submission(
            lambda: start_process(self.connect(), SandboxConfig(Limits(), sandbox)), Limits()
        )
        try:
            submission.names()
        except StudentError as error:
            return submission.why_ended or str(error)
        submission.end("it was a try")
        return self.judge([], SandboxConfig(Limits(), sandbox)).get("error", "")

    def judge(self, cells: list[dict], config: SandboxConfig) -> dict[str, Any]:
        """Have a submission judged.

        Args:
            cells: as `Judge` takes them.
            config: what its process is to be like.
        Returns:
            `cells` (by place, as text: what became of each), `notes`, `seconds`, `cpu_seconds`,
            `memory_bytes`, `stopped`; or `error` if the judge itself failed.
        """
        control = self.connect()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(control, [_JUDGE], [theirs.fileno()])
            seconds = supervisor.OVERTIME * supervisor.judge_seconds(config.limits) + 60
            deadline = time.monotonic() + seconds
            try:
                supervisor.send_message(ours, dataclasses.asdict(config))
                supervisor.send_message(ours, {"cells": cells})
                answer = supervisor.receive_message(ours, results.MAX_BYTES, deadline)
                if answer is not None:
                    return results.read(answer, cells, config.limits)
            except ConnectionError:
                pass
            except (TimeoutError, ValueError, KeyError) as error:
                return {"error": f"the judge's answer cannot be used: {error}"}
        return {"error": "the judge's process ended: the tests took too long or too much memory"}


def _clean_environment() -> dict[str, str]:
    """Return what the fork server may know of the environment; submissions can read all of it."""
    keep = ("HOME", "PATH", "TZ", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "XDG_CACHE_HOME", "MNIST_DIR")
    found = {name: os.environ[name] for name in keep if name in os.environ}
    given = found.get("MNIST_DIR", "").strip()
    if given and (folder := given_folder(given)):
        found["MNIST_DIR"] = str(folder)  # not relative: the fork server runs in another folder
    return found | {
        "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }  # fmt: skip


FORK_SERVER = ForkServer(plots=False)
PLOTS_FORK_SERVER = ForkServer(plots=True)
atexit.register(FORK_SERVER.close)
atexit.register(PLOTS_FORK_SERVER.close)

_PLOTS = re.compile(r"matplotlib|pyplot|pylab|\bplots\b|\bplt\b")


def fork_server_for(cells: list[dict]) -> ForkServer:
    """Return the fork server that suits a submission's cells; the other one would do, too."""
    return PLOTS_FORK_SERVER if any(map(draws, cells)) else FORK_SERVER


def draws(cell: dict) -> bool:
    """Return whether a cell looks as if it wants Matplotlib."""
    return bool(_PLOTS.search(cell["source"]))
