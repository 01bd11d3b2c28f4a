"""The supervisor: starts a submission's processes in their sandboxes, watches them and ends them.

Supervisors live in the fork server, one for each submission. A supervisor starts the student's
first process, then the judge, and further processes of the student's when the judge asks for one;
the fork server never meets a test, so no process that it forks has one in its memory. The judge is
in a sandbox as well: it can only ask, and what it is given is as the grader's configuration says.
The sandboxes themselves are in `isolation`.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import select
import shutil
import signal
import socket
import struct
import tempfile
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from utils.grading.sandbox import cgroups, isolation, seccomp
from utils.grading.sandbox.config import Limits, SandboxConfig

LINUX = isolation.LINUX
ELSEWHERE = (
    "Submissions are graded on Linux, whose kernel can sandbox them. Elsewhere, use a Linux "
    "machine, the Windows Subsystem for Linux (`wsl --install`), or a Linux container "
    "(`docker run -it -v .:/course -w /course python:3.12 python -m utils grade ...`)."
)
NO_SANDBOX = (
    "Submissions cannot be sandboxed on this machine, so they are not run: {reasons}. "
    "`python3 -m utils doctor` shows what is missing. `--unsafe`, or `c.JudgedExecute.unsafe = "
    "True`, runs them all the same, as you: they can then read and change all that you can."
)


class Process:
    """A sandboxed process, as its supervisor sees it.

    Args:
        config: what the process is to be like.
        keep: the sockets that it keeps.
        run: called in the process once the sandbox stands.
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
        self.why = ""  # it was ended
        self.waits: deque[tuple[float, float, float]] = deque(maxlen=MAX_SAMPLES)
        self._faults, fault = os.pipe()
        self._proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        own = config.sandbox == "namespaces"
        owner = isolation.stranger() if own or self._may_become_another() else None
        if own:
            tree = isolation.new_process_tree()
        else:
            self._make_home(owner)
        child = os.fork()
        if not child:
            self._be(config, keep, run, kind, group, owner, fault)
        if own:
            isolation.old_process_tree(tree)
        os.close(fault)
        known.add(child)
        self.number, self.ended = child, os.pidfd_open(child)
        self._name = isolation.number_in_proc(self.ended)
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
        """Build the sandbox around this process, which has just been forked, and run."""
        try:
            if group:
                group.join()
            own = config.sandbox == "namespaces"
            if own:
                isolation.enter_namespaces(config, owner, kind)
            isolation.set_environment(isolation.HOME if own else self.home, config.figures)
            files = [*(sock.fileno() for sock in keep), fault]
            isolation.confine(files, config, owner, self.home, kind)
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(fault, f"{type(error).__name__}: {error}".encode()[:4000])
            os._exit(1)
        try:
            os.close(fault)  # the sandbox stands: from now on nothing here is to be trusted
            run()
        finally:
            os._exit(0)

    def _may_become_another(self) -> bool:
        return self.config.sandbox == "landlock" and isolation.readable_by_all()

    def _make_home(self, owner: int | None) -> None:
        """Make a folder for a process that has no file system of its own."""
        self.home = tempfile.mkdtemp(prefix="submission-")
        work = os.path.join(self.home, "work")
        os.mkdir(work)
        os.mkdir(os.path.join(self.home, "tmp"))
        for entry in os.scandir(self.config.folder) if self.config.folder else ():
            if isolation.is_data(entry):
                copy = shutil.copytree if entry.is_dir(follow_symlinks=False) else shutil.copyfile
                with contextlib.suppress(OSError):
                    copy(entry.path, os.path.join(work, entry.name))
        if owner:
            for path, folders, files in os.walk(self.home):
                for name in ("", *folders, *files):
                    os.lchown(os.path.join(path, name), owner, owner)

    def has_ended(self, seconds: float = 0) -> bool:
        """Return whether the process has ended; wait a little for it."""
        return bool(select.select([self.ended], [], [], seconds)[0])

    def kill(self, why: str) -> None:
        """End the process, and with it all that it started."""
        self.why = self.why or why
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.number, signal.SIGKILL)

    def alarm(self) -> None:
        """Tell the process that its time is up."""
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(self.ended, signal.SIGALRM)

    def watch(self) -> None:
        """Look at the process, and end it if it uses too much."""
        tree = _tree(self._proc, self._name)
        self.sample(tree)
        if not self.why and (why := self._too_much(tree)):
            self.kill(why)

    def _too_much(self, tree: dict[str, int]) -> str:
        """Return what it uses too much of, all its processes together."""
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
        """Note how long the process has run, and how long it has waited for a processor."""
        if tree is None:
            tree = _tree(self._proc, self._name)
        with contextlib.suppress(OSError, ValueError, IndexError):
            # in nanoseconds, of its first thread, which answers the judge
            ran, waited, _ = _read_at(self._proc, f"{self._name}/schedstat").split()
            used = max(int(ran) / 1e9, _processor_time(self._proc, tree))
            self.waits.append((time.monotonic(), int(waited) / 1e9, used))

    def waiting_seconds(self, since: float) -> float:
        """Return for how many of the last seconds it wanted a processor and had none.

        A process that keeps its processor busy with threads or children of its own has not waited
        for others: what all of them used counts.

        Args:
            since: on the clock of `time.monotonic`, which all processes share.
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

    def end(self, why: str = "") -> dict[str, Any]:
        """End the process and all that it started, if they have not ended; return a report.

        Args:
            why: put into the report; "" to find out, from a process that has ended by itself.
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


# What the judge, or the grader itself, may ask of a supervisor, and the answers. A judge that was
# taken over can send anything, so none of them says how a process is to be: the order does, which
# comes from the grader.
START, END, WAITED, ALARM = b"S", b"E", b"W", b"A"
_STARTED, _FAILED = b"S", b"F"
_MAX_COMMAND = 1000
MAX_STARTS = 80  # of one submission; the judge asks for fewer
MAX_SAMPLES = 4000
# Where RLIMIT_NPROC would count the grader's own processes, too, threads have room in the address
# space for their stacks, which is a limit; smaller stacks meet this one.
MAX_THREADS = 512
LOOK = 0.05  # seconds between two looks at what a process uses
OVERTIME = 4  # a submission that waits for a processor is given so many times its time


class Supervisor:
    """Starts the processes of one submission, watches them and ends them.

    It reads nothing that a student wrote.

    Args:
        config: what the processes are to be like.
        commands: where it is told what to do.
        run: called in a student's process, with its socket.
        job: where the grader waits for the judge, if there is to be one.
    """

    def __init__(
        self,
        config: SandboxConfig,
        commands: socket.socket,
        run: Callable[[socket.socket], None],
        job: socket.socket | None = None,
    ) -> None:
        self.config, self.commands, self.run, self.job = config, commands, run, job
        self.process: Process | None = None
        self.judge: Process | None = None
        self.begun = self._looked = time.monotonic()
        self.starts = 0
        self.ended_waiting = 0.0  # of processes that have ended, as `_waiting` counts
        commands.setblocking(False)  # whoever does not read the answers is not waited for
        self.network = isolation.new_network() if config.sandbox == "namespaces" else -1
        self.group: cgroups.Group | None = None
        if config.sandbox == "none":
            isolation.adopt_orphans()
        else:
            limits = config.limits
            # The interpreter's own memory is shared with other submissions' until it is changed.
            memory = limits.memory + limits.file_bytes + INTERPRETER_BYTES
            with contextlib.suppress(OSError):
                self.group = cgroups.get(memory, limits.processes)

    def start(self) -> socket.socket:
        """Start a student's process, after the end of the one before; return the judge's end."""
        if self.process:
            self.end("it was ended")
        self.starts += 1
        if self.starts > MAX_STARTS:
            raise OSError(f"{MAX_STARTS} processes are enough for a submission")
        ours, theirs = socket.socketpair()
        with theirs:
            self._enter_network()
            run = functools.partial(self.run, theirs)
            self.process = Process(self.config, [theirs], run, group=self.group)
        return ours

    def start_judge(self, keep: Sequence[socket.socket], run: Callable[[], None]) -> None:
        """Start the judge.

        Args:
            keep: the sockets that it keeps.
            run: called in its process.
        """
        self._enter_network()
        self.judge = Process(self.config, keep, run, seccomp.JUDGE)

    def _enter_network(self) -> None:
        if self.network >= 0:
            isolation.enter_network(self.network)

    def end(self, why: str) -> dict[str, Any]:
        """End the student's process; return a report."""
        process, self.process = self.process, None
        if not process:
            return {}
        self.ended_waiting += process.waiting_seconds(self.begun)
        return process.end(why)

    def files(self) -> dict[int, int]:
        """Return the file descriptors that `step` waits for, and for what."""
        found = {self.commands.fileno(): select.POLLIN}
        if self.job:
            found[self.job.fileno()] = 0  # which tells when the grader hangs up
        if self.judge:
            found[self.judge.ended] = select.POLLIN
        return found

    def step(self, found: dict[int, int]) -> bool:
        """Do what there is to do.

        Args:
            found: what has happened to which of `files`.
        Returns:
            Whether there is more to come: the judge runs, and the other sides have not hung up.
        """
        if self.job and found.get(self.job.fileno(), 0) & (select.POLLHUP | select.POLLERR):
            return False
        if self.commands.fileno() in found and not self._obey():
            return False
        if self.judge and self.judge.ended in found:
            return False
        if time.monotonic() - self._looked >= LOOK:
            self._look()
            self._looked = time.monotonic()
        return True

    def close(self) -> None:
        """End all processes of the submission."""
        with contextlib.suppress(OSError):
            self.end("it was ended")
        if self.judge:
            report = self.judge.end("it was ended")
            if self.job and report["why"].startswith("it could not be started"):
                with contextlib.suppress(OSError):
                    send_message(self.job, {"error": f"the judge: {report['why']}"})
        if self.group:
            cgroups.give_back(self.group)
        if self.network >= 0:
            os.close(self.network)
        for sock in filter(None, (self.commands, self.job)):
            sock.close()

    def _look(self) -> None:
        if self.process:
            self.process.watch()
        if self.judge:
            self.judge.watch()
            seconds = time.monotonic() - self.begun
            most = judge_seconds(self.config.limits)
            if most < seconds <= OVERTIME * most:
                seconds -= self._waiting(self.begun)
            if seconds > most:
                self.judge.kill("it took too long")

    def _waiting(self, since: float) -> float:
        """Return for how long the submission wanted a processor and had none.

        Its processes take turns: the judge waits for the student's, or the other way round. Those
        that have ended count only for the whole of the time.
        """
        waited = self.ended_waiting if since <= self.begun else 0.0
        return waited + sum(
            process.waiting_seconds(since) for process in (self.process, self.judge) if process
        )

    def _obey(self) -> bool:
        """Do as one command says; return whether there may be others."""
        try:
            command = self.commands.recv(_MAX_COMMAND)
            if command == START:
                self._start()
            elif command[:1] == END:
                report = self.end(command[1:].decode(errors="replace"))
                self.commands.send(json.dumps(report).encode())
            elif command[:1] == WAITED and len(command) == 1 + _time.size:
                (since,) = _time.unpack(command[1:])
                self.commands.send(_time.pack(self._waiting(since)))
            elif command == ALARM:
                if self.process:
                    self.process.alarm()
                self.commands.send(ALARM)
            else:
                return False
        except OSError:
            return False
        return True

    def _start(self) -> None:
        try:
            sock = self.start()
        except OSError as error:
            self.commands.send(_FAILED + str(error).encode()[:_MAX_COMMAND])
            return
        with sock:
            socket.send_fds(self.commands, [_STARTED], [sock.fileno()])


_time = struct.Struct("<d")
INTERPRETER_BYTES = 192 << 20


def judge_seconds(limits: Limits) -> float:
    """Return how long a judge may take that does not wait for a processor."""
    return limits.submission_seconds * 1.25 + 20


class Supervised:
    """Speaks to a supervisor: as the judge, or as the grader itself.

    Args:
        commands: leads to the supervisor.
        only_one: close this when the process that was started has ended.
    """

    def __init__(self, commands: socket.socket, only_one: bool = False) -> None:
        self.commands, self.only_one = commands, only_one
        commands.settimeout(60)

    def start(self) -> socket.socket:
        """Have a student's process started; return a socket that leads to it.

        Raises:
            OSError: it cannot be started.
        """
        self.commands.send(START)
        said, fds, _, _ = socket.recv_fds(self.commands, _MAX_COMMAND + 1, 1)
        if said != _STARTED or not fds:
            raise OSError(said[1:].decode(errors="replace") or "the supervisor has ended")
        return socket.socket(fileno=fds[0])

    def too_much(self) -> str:
        """The supervisor itself watches the process."""
        return ""

    def waiting_seconds(self, since: float) -> float:
        """Return for how many seconds the process wanted a processor and had none.

        Args:
            since: on the clock of `time.monotonic`.
        """
        try:
            self.commands.send(WAITED + _time.pack(since))
            return _time.unpack(self.commands.recv(_MAX_COMMAND))[0]
        except (OSError, struct.error):
            return 0.0

    def alarm(self) -> None:
        """Tell the process that its time is up; what it is asked after this, it is asked later."""
        with contextlib.suppress(OSError):
            self.commands.send(ALARM)
            self.commands.recv(_MAX_COMMAND)

    def end(self, why: str) -> dict[str, Any]:
        """End the process, unless it has ended by itself; return the supervisor's report."""
        try:
            self.commands.send(END + why.encode(errors="replace")[: _MAX_COMMAND - 1])
            return json.loads(self.commands.recv(1 << 16))
        except (OSError, ValueError):
            return {}
        finally:
            if self.only_one:
                self.commands.close()


_length = struct.Struct("<Q")


def send_message(sock: socket.socket, message: dict[str, Any]) -> None:
    """Send a message between the grader and a process of its own."""
    data = json.dumps(message).encode()
    sock.sendall(_length.pack(len(data)) + data)


def receive_message(
    sock: socket.socket, most: int | None = None, deadline: float | None = None
) -> Any:
    """Return a message, None if the other side is gone.

    Args:
        sock: a stream socket.
        most: bytes that it may have.
        deadline: when to give up, on the clock of `time.monotonic`.

    Raises:
        ValueError: it is too long, or it is not JSON.
        TimeoutError: it has not come in time.
    """

    def read(size: int) -> bytearray:
        data = bytearray()
        while len(data) < size:
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError("no message came in time")
                sock.settimeout(left)
            block = sock.recv(min(size - len(data), 1 << 20))
            if not block:
                raise EOFError
            data += block
        return data

    try:
        (size,) = _length.unpack(read(_length.size))
        if most is not None and size > most:
            raise ValueError(f"a message of {size} bytes; at most {most} are read")
        return json.loads(read(size))
    except (EOFError, ConnectionError):
        return None
    except RecursionError:
        raise ValueError("a message is nested too deeply") from None


known: set[int] = set()  # children of this process that its submissions have not left behind


def end_children(keep: Collection[int] = ()) -> None:
    """End the children of this process, and wait for them.

    Args:
        keep: those that go on.
    """
    while found := [child for child in _children() if child not in keep]:
        for child in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        for child in found:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)


def _children() -> list[int]:
    """Return the numbers of this process's children, as this process sees them."""
    found = []
    for name in Path("/proc/thread-self/children").read_text().split():
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{name}/status").read_text().splitlines():
                if line.startswith("NSpid:"):
                    found.append(_own_number(line.split()[1:]))
    return found


def _own_number(numbers: list[str]) -> int:
    """Return the number by which this process knows one that has these, from the outermost in."""
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
    return f"it left by itself, with exit status {code}"


def _read_at(folder: int, path: str) -> str:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder)
    with open(fd) as file:
        return file.read()


def _tree(proc: int, process: str) -> dict[str, int]:
    """Return the number of threads of a process and of all that it has started, by their numbers.

    A child belongs to the thread that started it, so all threads are asked.
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
    """Return the seconds of processor time of some processes, with all their threads."""
    total = 0
    for one in processes:
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = _read_at(proc, f"{one}/stat").rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))  # its own, and of its children that have ended
    return total / _TICKS


def _memory(proc: int, process: str) -> int:
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
