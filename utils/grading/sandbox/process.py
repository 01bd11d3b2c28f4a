"""Start, watch and end one sandboxed process, in its supervisor."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import socket
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from utils.grading.sandbox import (
    cgroups,
    isolation,
    landlock,
    namespaces,
    seccomp,
    visible_files,
)
from utils.grading.sandbox.config import SandboxConfig

MAX_SAMPLES = 4000
# Where RLIMIT_NPROC would also count the grader's own processes, the address space limits the
# number of threads by their stacks; this limit is for threads with small stacks.
MAX_THREADS = 512
SCHEDULED = 2  # number of a process's clock for processor time in nanoseconds
LOOK = 0.05  # seconds between two measurements of what a process uses


class Process:
    """A sandboxed process, as its supervisor sees it.

    Args:
        config: its configuration.
        keep: the sockets that it keeps.
        run: called in the process once the sandbox is in force.
        kind: `seccomp.STUDENT` or `seccomp.JUDGE`.
        group: the control group that it joins, if there is one.
    """

    def __init__(
        self,
        config: SandboxConfig,
        keep: Sequence[socket.socket],
        run: Callable[[], None],
        kind: str = seccomp.STUDENT,
        group: cgroups.Group | None = None,
    ) -> None:
        self.config = config
        self.home = ""
        self.why = ""  # the reason why it was ended
        self.waits: deque[tuple[float, float, float]] = deque(maxlen=MAX_SAMPLES)
        self._faults, fault = os.pipe()
        self._proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        own = config.sandbox == "namespaces"
        may_be_another = own or config.sandbox == "landlock" and landlock.readable_by_all()
        owner = namespaces.stranger() if may_be_another else None
        if own:
            tree = namespaces.new_process_tree()
        else:
            self._make_home(owner)
        child = os.fork()
        if not child:
            self._be(config, keep, run, kind, group, owner, fault)
        if own:
            namespaces.old_process_tree(tree)
        os.close(fault)
        known.add(child)
        self.number, self.ended = child, os.pidfd_open(child)
        self._name = namespaces.number_in_proc(self.ended)
        self.waits.append((time.monotonic(), 0.0, 0.0))

    def _be(
        self,
        config: SandboxConfig,
        keep: Sequence[socket.socket],
        run: Callable[[], None],
        kind: str,
        group: cgroups.Group | None,
        owner: int | None,
        fault: int,
    ) -> NoReturn:
        """Build the sandbox around this process, which has just been forked, and call `run`."""
        try:
            if group:
                group.join()
            own = config.sandbox == "namespaces"
            if own:
                namespaces.enter_namespaces(config, owner, kind)
            visible_files.set_environment(visible_files.HOME if own else self.home, config.figures)
            files = [*(sock.fileno() for sock in keep), fault]
            isolation.confine(files, config, owner, self.home, kind)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(fault, f"{type(error).__name__}: {error}".encode()[:4000])
            os._exit(1)
        try:
            os.close(fault)  # the sandbox is in force: from now on, do not trust this process
            run()
        finally:
            os._exit(0)

    def _make_home(self, owner: int | None) -> None:
        """Make a folder for a process that has no file system of its own."""
        self.home = tempfile.mkdtemp(prefix="submission-")
        work = os.path.join(self.home, "work")
        os.mkdir(work)
        os.mkdir(os.path.join(self.home, "tmp"))
        for entry in os.scandir(self.config.folder) if self.config.folder else ():
            if visible_files.is_data(entry):
                copy = shutil.copytree if entry.is_dir(follow_symlinks=False) else shutil.copyfile
                with contextlib.suppress(OSError):
                    copy(entry.path, os.path.join(work, entry.name))
        if owner:
            for path, folders, files in os.walk(self.home):
                for name in ("", *folders, *files):
                    os.lchown(os.path.join(path, name), owner, owner)

    def has_ended(self, seconds: float = 0) -> bool:
        """Wait up to `seconds`; return whether the process has ended."""
        return bool(select.select([self.ended], [], [], seconds)[0])

    def kill(self, why: str) -> None:
        """Kill the process, and with it everything that it started."""
        self.why = self.why or why
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)

    def alarm(self) -> None:
        """Tell the process that its time is up."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.ended, signal.SIGALRM)

    def watch(self) -> None:
        """Measure the process, and kill it if it exceeds a limit."""
        tree = _tree(self._proc, self._name)
        self.sample(tree)
        if not self.why and (why := self._too_much(tree)):
            self.kill(why)

    def _too_much(self, tree: dict[str, int]) -> str:
        """Return which limit all its processes together exceed, or ""."""
        limits = self.config.limits
        if sum(tree.values()) > max(limits.processes, MAX_THREADS):
            return f"it used more than {MAX_THREADS} threads"
        if len(tree) > 1:  # else RLIMIT_AS is enough
            total = sum(_memory(self._proc, process) for process in tree)
            if total > limits.memory:
                return f"its processes together used more than {limits.memory >> 20} MiB"
        if self.home:
            size, count = _usage(self.home)
            if size > limits.file_bytes or count > limits.files:
                return f"it wrote more than {limits.files} files or {limits.file_bytes >> 20} MiB"
        return ""

    def sample(self, tree: Iterable[str] | None = None) -> None:
        """Record how long the process has run, and how long it has waited for a processor."""
        if tree is None:
            tree = _tree(self._proc, self._name)
        with contextlib.suppress(OSError, ValueError, IndexError):
            # nanoseconds, of its first thread, which answers the judge
            _, waited, _ = _read_at(self._proc, f"{self._name}/schedstat").split()
            clock = time.clock_gettime(~self.number << 3 | SCHEDULED)  # see clock_getcpuclockid(3)
            used = max(clock, _processor_time(self._proc, tree))  # the latter in ticks
            self.waits.append((time.monotonic(), int(waited) / 1e9, used))

    def waiting_seconds(self, since: float) -> float:
        """Return how many seconds it has waited for a processor.

        Time in which its own threads or children kept the processor busy does not count.

        Args:
            since: start of the interval, on the clock of `time.monotonic`, which all processes
                share.
        """
        self.sample()
        before = [sample for sample in self.waits if sample[0] <= since + LOOK]
        if not before:
            before = list(self.waits)[:1]
        if not before:
            return 0.0
        (begun, waited, used), (now, waited_now, used_now) = before[-1], self.waits[-1]
        idle = (now - begun) - (used_now - used)
        return max(0.0, min(waited_now - waited, idle))

    def cpu_seconds(self, since: float) -> float:
        """Return a lower bound of the processor time of it and all that it started, in seconds.

        Args:
            since: see `waiting_seconds`.
        """
        self.sample()
        later = [used for when, _, used in self.waits if when >= since]
        return later[-1] - later[0] if later else 0.0

    def end(self, why: str = "") -> dict[str, Any]:
        """End the process and all that it started, if necessary; return a report.

        Args:
            why: the reason for the report; "" if it ended by itself: then its status tells.
        Returns:
            `why`, `cpu` (seconds), `memory` (bytes).
        """
        if not self.has_ended(0 if why else 2):
            self.kill(why or "it hung up")
        elif why:
            self.why = self.why or why
        _, status, usage = os.wait4(self.number, 0)
        known.discard(self.number)
        if self.home:
            if self.config.sandbox == "none":
                end_children(known)
            _remove(self.home)
        if told := os.read(self._faults, 4000).decode(errors="replace"):
            self.why = f"it could not be started: {told}"
        for fd in (self._faults, self._proc, self.ended):
            os.close(fd)
        return {
            "cpu": usage.ru_utime + usage.ru_stime,
            "memory": usage.ru_maxrss * 1024,
            "why": self.why or _meaning(os.waitstatus_to_exitcode(status)),
        }


known: set[int] = set()  # children of this process that are not leftovers of submissions


def end_children(keep: Collection[int] = ()) -> None:
    """End the children of this process, and wait for them.

    Args:
        keep: PIDs of the children that continue.
    """
    while found := [child for child in _children() if child not in keep]:
        for child in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        for child in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    """Return the PIDs of this process's children, in its own PID namespace."""
    found = []
    for name in Path("/proc/thread-self/children").read_text().split():
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{name}/status").read_text().splitlines():
                if line.startswith("NSpid:"):
                    found.append(_own_number(line.split()[1:]))
    return found


def _own_number(numbers: list[str]) -> int:
    """Return a process's PID in this process's namespace.

    Args:
        numbers: its PIDs in all of its namespaces, the outermost first.
    """
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("NSpid:"):
            return int(numbers[len(line.split()) - 2])
    raise OSError("/proc does not tell the numbers of processes")


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
    return f"it ended by itself, with exit status {code}"


def _read_at(folder: int, path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    with open(fd) as file:
        return file.read()


def _tree(proc: int, process: str) -> dict[str, int]:
    """Return the number of threads of a process and all its descendants, by PID.

    A child belongs to the thread that started it, so the children of all threads are read.
    """
    found: dict[str, int] = {}
    queue = [process]
    while queue and len(found) < 1000:
        process = queue.pop()
        with contextlib.suppress(OSError):
            folder = os.open(f"{process}/task", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
            try:
                threads = os.listdir(folder)
                found[process] = len(threads)
                for thread in threads:
                    with contextlib.suppress(OSError):
                        queue += _read_at(folder, f"{thread}/children").split()
            finally:
                os.close(folder)
    return found


_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def _processor_time(proc: int, processes: Iterable[str]) -> float:
    """Return the total processor time of some processes, in seconds."""
    total = 0
    for one in processes:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = _read_at(proc, f"{one}/stat").rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))  # with its ended children's
    return total / _TICKS


def _memory(proc: int, process: str) -> int:
    """Return a process's proportional set size in bytes, or else its anonymous memory."""
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
    """Return the total size in bytes and the number of entries in a folder."""
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
        except OSError:  # the path has become too long
            return size, 1 << 60
    return size, count


def _remove(folder: str) -> None:
    """Remove a folder, however deeply its folders are nested."""
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
