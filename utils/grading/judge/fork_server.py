"""The client of the fork server: start it, ask it for judges, end it.

The server itself is `fork_server_process`. A run with several workers starts one fork server, from
which each worker forks its own: see `ForkServer.open`.
"""

from __future__ import annotations

import atexit
import contextlib
import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from utils.grading.judge import results
from utils.grading.judge.student_client import StudentClient
from utils.grading.remote.student_errors import StudentError
from utils.grading.sandbox import supervisor, system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.grading.sandbox.messages import (
    JUDGE,
    READY,
    STUDENT,
    SupervisorClient,
    receive_message,
    send_message,
)
from utils.mnist import given_folder
from utils.system import ONE_THREAD, ROOT

SHARED = "GRADING_FORK_SERVER"  # environment variable: the socket of the shared one


class ForkServerError(RuntimeError):
    """The fork server cannot start processes."""


@contextlib.contextmanager
def student_alone(control: socket.socket, config: SandboxConfig) -> Iterator[StudentClient]:
    """Yield a client with which this process asks a student process directly, without a judge.

    Args:
        control: a socket connected to the fork server.
        config: the configuration of the student process.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        with theirs:
            socket.send_fds(control, [STUDENT], [theirs.fileno()])
        ours.send(json.dumps(dataclasses.asdict(config)).encode())
        student = StudentClient(SupervisorClient(ours), config.limits)
        try:
            yield student
        finally:
            student.end("it is no longer needed")


class ForkServer:
    """A fork server, started on first use and restarted after it has died.

    Threads may share one. A forked process starts its own.

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
        self._sandboxes: dict[str, str] = {}  # sandbox -> why it is unavailable, or ""

    def connect(self) -> socket.socket:
        """Return the socket for requests, starting the fork server if necessary."""
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
        """Start it, without waiting, so that other processes can fork their fork servers from it.

        Args:
            address: the path of a new socket, in a folder that only this user can enter.
        Returns:
            The environment variables that the other processes need.
        """
        with self._lock, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(address)
            listener.listen()
            self._start(listener)
        return {SHARED: address}

    def fork(self) -> None:
        """Start it as a fork of this process, for one submission.

        This process must have a clean environment and contain nothing secret from submissions: see
        `_clean_environment`.
        """
        from utils.grading.judge.fork_server_process import main

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
        """Fork this fork server from another process's open one; return whether that worked."""
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
        if not said.startswith(READY):
            control.close()
            self._control = None
            raise ForkServerError("the process that starts submissions did not start; see above")
        control.settimeout(None)
        self._folder, self._ready = said.removeprefix(READY).decode(), True

    def _start(self, listener: socket.socket | None = None) -> None:
        if not system_calls.LINUX:
            raise ForkServerError(supervisor.ELSEWHERE)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        course = str(ROOT)
        code = (
            "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv[1])\n"
            "from utils.grading.sandbox import namespaces\n"
            "namespaces.leave_machine()\n"
            "from utils.grading.judge import fork_server_process\n"
            "fork_server_process.main(int(sys.argv[2]), bool(int(sys.argv[3])), int(sys.argv[4]))"
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
        """End the fork server, with all judges and submissions that are running."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._control is not None and self._owner == os.getpid():
            self._control.close()
            if self._process:
                self._process.wait()
                if self._folder:
                    with contextlib.suppress(OSError):
                        os.rmdir(self._folder)  # if the fork server has not
        self._control = self._process = None

    def sandbox(self) -> str:
        """Return the kind of sandbox available here, or ""; start a process to find out."""
        for sandbox in ("namespaces", "landlock"):
            if not self.why_not(sandbox):
                return sandbox
        return ""

    def why_not(self, sandbox: str) -> str:
        """Return why a kind of sandbox is not available, or "" if it is."""
        if sandbox not in self._sandboxes:
            self._sandboxes[sandbox] = self._try(sandbox)
        return self._sandboxes[sandbox]

    def _try(self, sandbox: str) -> str:
        config = SandboxConfig(Limits(), sandbox)
        with student_alone(self.connect(), config) as student:
            try:
                student.names()
            except StudentError as error:
                return student.why_ended or str(error)
        return self.judge([], config).get("error", "")

    def judge(
        self, cells: list[dict], config: SandboxConfig, course_names: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Run a submission's judge and return its result.

        Args:
            cells, course_names: as for `Judge`.
            config: the configuration of the student process.
        Returns:
            `cells` (the outcome of each, by its index as text), `notes`, `seconds`, `cpu_seconds`,
            `memory_bytes`, `stopped`; or `error` if the judge itself failed.
        """
        control = self.connect()
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(control, [JUDGE], [theirs.fileno()])
            seconds = supervisor.OVERTIME * supervisor.judge_seconds(config.limits) + 60
            deadline = time.monotonic() + seconds
            try:
                send_message(ours, dataclasses.asdict(config))
                send_message(ours, {"cells": cells, "course_names": course_names or {}})
                answer = receive_message(ours, results.MAX_BYTES, deadline)
                if answer is not None:
                    return results.read(answer, cells, config.limits)
            except ConnectionError:
                pass
            except (TimeoutError, ValueError, KeyError) as error:
                return {"error": f"the judge's answer cannot be used: {error}"}
        return {"error": "the judge's process ended: the tests took too long or too much memory"}


def _clean_environment() -> dict[str, str]:
    """Return the fork server's environment variables, all of which submissions can read."""
    keep = ("HOME", "PATH", "TZ", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "XDG_CACHE_HOME", "MNIST_DIR")
    found = {name: os.environ[name] for name in keep if name in os.environ}
    given = found.get("MNIST_DIR", "").strip()
    if given and (folder := given_folder(given)):
        found["MNIST_DIR"] = str(folder)  # absolute: the fork server runs in another folder
    return found | ONE_THREAD | {"LANG": "C.UTF-8"}


FORK_SERVER = ForkServer(plots=False)
PLOTS_FORK_SERVER = ForkServer(plots=True)
atexit.register(FORK_SERVER.close)
atexit.register(PLOTS_FORK_SERVER.close)

_PLOTS = re.compile(r"matplotlib|pyplot|pylab|\bplots\b|\bplt\b")


def fork_server_for(cells: list[dict]) -> ForkServer:
    """Return the faster fork server for a submission's cells; either would work."""
    return PLOTS_FORK_SERVER if any(map(draws, cells)) else FORK_SERVER


def draws(cell: dict) -> bool:
    """Return whether a cell seems to use Matplotlib."""
    return bool(_PLOTS.search(cell["source"]))
