"""Starts a submission's process behind its fences, watches it, and ends it with all it started.

The fences themselves are in `fences`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from utils.grading import fences

LINUX = fences.LINUX
ELSEWHERE = (
    "Submissions are graded on Linux, whose kernel can fence them in. Elsewhere, use a Linux "
    "machine, the Windows Subsystem for Linux (`wsl --install`), or a Linux container "
    "(`docker run -it -v .:/course -w /course python:3.12 python -m utils grade ...`)."
)
NO_FENCES = (
    "Submissions cannot be fenced in on this machine, so they are not run: {reasons}. "
    "`python3 -m utils doctor` shows what is missing. `--unsafe`, or `c.JudgedExecute.unsafe = "
    "True`, runs them all the same, as you: they can then read and change all that you can."
)


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        call_seconds: wall time of one call from a test; what has not answered once is given half
            of it the next time, and so on, but at least a second.
        cell_seconds: wall time of one of the student's cells.
        submission_seconds: wall time of the whole submission.
        memory: bytes of one process, and of all together.
        processes: processes and threads at once.
        files: how many files it may make.
        file_bytes: what they may hold, each and together.
        output_bytes: kept of a cell's output, half of it from the start and half from the end.
    """

    call_seconds: float = 10
    cell_seconds: float = 30
    submission_seconds: float = 120
    memory: int = 1 << 30
    processes: int = 16
    files: int = 1000
    file_bytes: int = 64 << 20
    output_bytes: int = 1 << 20

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if type(value) not in (int, float) or not value > 0:
                raise ValueError(f"limit {name} is {value!r}; it must be a number above 0")


@dataclass(frozen=True)
class Order:
    """What a submission's process is to be like.

    Attributes:
        limits: what it may use.
        fence: "namespaces", "landlock" or "none".
        folder: whose files it finds in its working folder, read-only; notebooks and links excepted.
    """

    limits: Limits
    fence: str
    folder: str = ""


class Process:
    """A submission's process, as its parent sees it.

    Args:
        sock: the process's; this side's copy is closed.
        order: what the process is to be like.
        run: called in the process, with its socket, once the fences stand.
    """

    def __init__(self, sock: socket.socket, order: Order, run: Callable) -> None:
        self.order = order
        self.home = ""
        self._faults, fault = os.pipe()
        self._proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        own = order.fence == "namespaces"
        owner = fences.stranger() if own or self._may_become_another() else None
        if own:
            tree = fences.new_process_tree()
        else:
            self._make_home(owner)
        self.number = os.fork()
        if self.number:
            if own:
                fences.old_process_tree(tree)
            os.close(fault)
            sock.close()
            return
        try:
            if own:
                fences.enter_namespaces(order, owner)
            fences.set_environment(fences.HOME if own else self.home)
            fences.confine(sock, fault, order, owner, self.home)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(fault, f"{type(error).__name__}: {error}".encode()[:4000])
            os._exit(1)
        try:
            os.close(fault)  # all fences stand: from now on it is the submission's code
            run(sock)
        finally:
            os._exit(0)

    def _may_become_another(self) -> bool:
        return self.order.fence == "landlock" and fences.readable_by_all()

    def _make_home(self, owner: int | None) -> None:
        """Make a folder for a process that has no file system of its own."""
        self.home = tempfile.mkdtemp(prefix="submission-")
        work = os.path.join(self.home, "work")
        os.mkdir(work)
        os.mkdir(os.path.join(self.home, "tmp"))
        for entry in os.scandir(self.order.folder) if self.order.folder else ():
            if fences.is_data(entry):
                copy = shutil.copytree if entry.is_dir(follow_symlinks=False) else shutil.copyfile
                with contextlib.suppress(OSError):
                    copy(entry.path, os.path.join(work, entry.name))
        if owner:
            for path, folders, files in os.walk(self.home):
                for name in ("", *folders, *files):
                    os.lchown(os.path.join(path, name), owner, owner)

    def too_much(self) -> str:
        """Return what the submission uses too much of, all its processes together."""
        limits, found, queue = self.order.limits, [], [self.number]
        while queue and len(found) < 1000:
            process = queue.pop()
            found.append(process)
            with contextlib.suppress(OSError):
                children = _read_at(self._proc, f"{process}/task/{process}/children")
                queue += map(int, children.split())
        if len(found) > 1:  # else RLIMIT_AS is enough
            total = sum(_memory(self._proc, process) for process in found)
            if total > limits.memory:
                return f"its processes together used more than {limits.memory >> 20} MiB"
        if self.home:
            size, count = _usage(self.home)
            if size > limits.file_bytes or count > limits.files:
                return f"it wrote more than {limits.files} files or {limits.file_bytes >> 20} MiB"
        return ""

    def end(self, why: str = "") -> dict[str, Any]:
        """End the process and all that it started, if they have not ended; return a report.

        Args:
            why: put into the report; "" to find out, from a process that has ended by itself.
        Returns:
            `why`, `cpu` (seconds), `memory` (bytes).
        """
        if not why and not self._has_ended():
            why = "it hung up"
        if why:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.number, signal.SIGKILL)
        _, status, usage = os.wait4(self.number, 0)
        if self.home:
            if self.order.fence == "none":
                _end_orphans()
            _remove(self.home)
        if told := os.read(self._faults, 4000).decode(errors="replace"):
            why = f"it could not be started: {told}"
        os.close(self._faults)
        os.close(self._proc)
        return {
            "cpu": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss * 1024,
            "why": why or _meaning(os.waitstatus_to_exitcode(status)),
        }

    def _has_ended(self) -> bool:
        """Wait a little; return whether the process has ended."""
        ended = os.pidfd_open(self.number)
        try:
            return bool(select.select([ended], [], [], 2)[0])
        finally:
            os.close(ended)


def keep(sock: socket.socket, leash: socket.socket, order: Order, run: Callable) -> NoReturn:
    """Run as the keeper of a submission's process: start it, and end it with all that it started.

    The process ends when it wants to, when the other end of the leash closes, when the keeper's
    parent ends, or when it uses too much. The keeper then reports on the leash.

    Args:
        sock: the process's.
        leash: the keeper's.
        order: what the process is to be like.
        run: called in the process, with its socket.
    """
    try:
        fences.die_with_parent()
        if order.fence == "none":
            fences.adopt_orphans()
        process = Process(sock, order, run)
        poll = select.poll()
        ended = os.pidfd_open(process.number)
        poll.register(leash, select.POLLIN | select.POLLHUP)
        poll.register(ended, select.POLLIN)
        why = ""
        while not why:
            ready = {fd for fd, _ in poll.poll(50)}
            if ended in ready:
                break
            why = "it was ended" if leash.fileno() in ready else process.too_much()
        report = process.end(why)
    except BaseException as error:
        report = {"why": f"it could not be started: {error}"}
    with contextlib.suppress(OSError):
        leash.sendall(json.dumps(report).encode())
    os._exit(0)


def _end_orphans() -> None:
    """End what a process without its own tree has left: it has become this one's."""
    while True:
        with contextlib.suppress(OSError):
            for child in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split():
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(int(child), signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _meaning(code: int) -> str:
    match -code:
        case signal.SIGKILL:
            return "it was killed"
        case signal.SIGSEGV:
            return "it crashed (for instance by endless recursion)"
        case signal.SIGBUS:
            return "it crashed (for instance for lack of room for its files)"
        case signal.SIGXCPU:
            return "it used too much processor time"
        case signal.SIGABRT:
            return "it gave up (for instance for lack of memory)"
        case number if number > 0:
            return f"it was ended by signal {number}"
    return f"it left by itself, with exit status {code}"


def _read_at(folder: int, path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    with open(fd) as file:
        return file.read()


def _memory(proc: int, process: int) -> int:
    """Return the bytes that a process adds to what its siblings use."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _read_at(proc, f"{process}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in _read_at(proc, f"{process}/status").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
    return 0


def _usage(folder: str) -> tuple[int, int]:
    """Return bytes and number of what is in a folder."""
    size, count, queue = 0, 0, [folder]
    while queue:
        try:
            with os.scandir(queue.pop()) as entries:
                for entry in entries:
                    count += 1
                    with contextlib.suppress(FileNotFoundError):
                        size += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
        except FileNotFoundError:
            continue
        except OSError:  # a path has become too long
            return size, 1 << 60
    return size, count


def _remove(folder: str) -> None:
    """Remove a folder, however deep the folders in it are nested."""
    number = 0
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False):
                os.unlink(entry.path)
                continue
            for inner in list(os.scandir(entry.path)):
                number += 1
                os.rename(inner.path, os.path.join(folder, f".{number}"))
            os.rmdir(entry.path)
    os.rmdir(folder)
