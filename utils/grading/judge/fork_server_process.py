"""The fork server's own process, and the judges that it forks.

It starts with a clean environment, imports NumPy and IPython once, and Matplotlib if submissions
will use it: a second's work that nbgrader repeats for every submission. Then it only forks. Each
submission has its own socket, from which this process reads the first message, the `SandboxConfig`.
The cells follow, and only the judge reads them: the memory that a student process inherits contains
nothing secret.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import json
import os
import select
import signal
import socket
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any, NoReturn

from utils.grading.judge import results, student_process
from utils.grading.judge.judge import Judge
from utils.grading.judge.student_client import StudentClient
from utils.grading.judge.warm_up import warm_up
from utils.grading.notebook.shell import CellShell, make_shell
from utils.grading.sandbox import cgroups, isolation, namespaces, process, seccomp, system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.grading.sandbox.messages import (
    JUDGE,
    READY,
    SupervisorClient,
    receive_message,
    send_message,
)
from utils.grading.sandbox.supervisor import Supervisor

with contextlib.suppress(ImportError):  # not on Windows
    import resource


def main(control: int, plots: bool, listener: int, warm: bool = True) -> NoReturn:
    """Prepare to fork, then `_serve`.

    Args:
        control: file descriptor of the socket for requests.
        plots: whether submissions will use Matplotlib. Processes without it are forked in half
            the time.
        listener: file descriptor of a socket for requests for other fork servers; -1 for none.
        warm: call `warm_up` first; for a single submission it does not pay.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    shell = make_shell(plots)
    if warm:
        warm_up(shell, plots)
    isolation.note_address_space()
    folder = tempfile.mkdtemp(prefix="fork-server-")
    namespaces.make_roots(folder)
    for kind in (seccomp.STUDENT, seccomp.STUDENT_ALONE, seccomp.JUDGE):
        seccomp.call_filter(kind)
    cgroups.why_not()
    with contextlib.suppress(OSError):  # no core dumps of a submission's memory
        Path("/proc/self/coredump_filter").write_text("0")
    if warm:
        gc.collect()
        gc.freeze()
        system_calls.use_large_pages()
    gc.enable()
    listeners = [socket.socket(fileno=listener)] if listener >= 0 else []
    _serve(socket.socket(fileno=control), listeners, folder, shell)


def _serve(
    commands: socket.socket, listeners: list[socket.socket], folder: str, shell: CellShell
) -> NoReturn:
    """Supervise submissions until the other end of `commands` closes.

    Args:
        commands: the socket for requests for judges and student processes.
        listeners: a process that connects to one of these gets a fork server forked from this one.
        folder: where `namespaces.make_roots` has made the submissions' file systems; "" if
            another process removes them.
        shell: the shell that all forked processes use.
    """
    supervisors: list[Supervisor] = []
    forked: set[int] = set()  # fork servers
    with contextlib.suppress(ConnectionError):  # the client may have gone; the loop will notice
        commands.send(READY + folder.encode())
    while True:
        poll = select.poll()
        for sock in (commands, *listeners):
            poll.register(sock, select.POLLIN)
        for supervisor in supervisors:
            for fd, events in supervisor.files().items():
                poll.register(fd, events)
        found = dict(poll.poll(process.LOOK * 1000 if supervisors else 10_000))
        for supervisor in list(supervisors):
            if not supervisor.step(found):
                supervisors.remove(supervisor)
                supervisor.close()
        for child in list(forked):
            if os.waitpid(child, os.WNOHANG)[0]:
                forked.discard(child)
                process.known.discard(child)
        for listener in listeners:
            if listener.fileno() in found:
                visitor, _ = listener.accept()
                with visitor:
                    child = os.fork()
                    if child == 0:
                        system_calls.die_with_parent()
                        for mine in (commands, *listeners):
                            mine.close()
                        process.known.clear()
                        cgroups.forget()
                        _serve(visitor, [], "", shell)
                    forked.add(child)
                    process.known.add(child)
        if commands.fileno() not in found:
            continue
        try:
            what, fds, _, _ = socket.recv_fds(commands, 16, 1)
        except ConnectionError:
            what, fds = b"", []
        if not what:
            for supervisor in supervisors:
                supervisor.close()
            _end_all(folder)
        for fd in fds:
            sock = socket.socket(fileno=fd)
            try:
                make = _judged if what == JUDGE else _alone
                supervisors.append(make(sock, shell))
            except Exception as error:
                with contextlib.suppress(OSError):
                    if what == JUDGE:
                        told = f"the sandbox could not be made: {error}"
                        send_message(sock, {"error": told})
                sock.close()


def _end_all(folder: str) -> NoReturn:
    """End this process and its children, and wait for them, so that their usage is counted."""
    process.end_children()
    cgroups.remove_all()
    if folder:
        namespaces.leave_roots()
        with contextlib.suppress(OSError):
            os.rmdir(folder)
    os._exit(0)


def _read_config(message: dict) -> SandboxConfig:
    return SandboxConfig(
        **message | {"limits": Limits(**message["limits"]), "modules": tuple(message["modules"])}
    )


def _student(sock: socket.socket, config: SandboxConfig, shell: CellShell) -> None:
    student_process.main(sock, shell, config.limits.output_bytes, config.modules)


def _alone(commands: socket.socket, shell: CellShell) -> Supervisor:
    """Return the supervisor of student processes that the grader asks directly."""
    config = _read_config(json.loads(commands.recv(1 << 16)))
    return Supervisor(config, commands, lambda sock: _student(sock, config, shell))


def _judged(grader: socket.socket, shell: CellShell) -> Supervisor:
    """Start a submission's first student process and its judge; return their supervisor.

    Only the configuration is read here. The judge reads the cells that follow, in its sandbox, so
    that no process forked here has them in its memory.
    """
    config = _read_config(receive_message(grader))
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    started = Supervisor(config, ours, lambda sock: _student(sock, config, shell), grader)
    with theirs:
        try:
            with started.start() as first:
                run = functools.partial(_judge, grader, theirs, first, config, shell)
                started.start_judge([grader, theirs, first], run)
        except BaseException:
            started.grader = None  # kept open to report the failure
            started.close()
            raise
    return started


def _judge(
    grader: socket.socket,
    commands: socket.socket,
    first: socket.socket,
    config: SandboxConfig,
    shell: CellShell,
) -> None:
    """Run as a submission's judge, in its sandbox: read the cells, send the result."""
    try:
        message = receive_message(grader)
        result = _run_judge(message, config, SupervisorClient(commands, first), shell)
    except BaseException:
        result = {"error": traceback.format_exc()}
    with contextlib.suppress(OSError):
        send_message(grader, result)


def _run_judge(
    message: dict[str, Any],
    config: SandboxConfig,
    supervisor: SupervisorClient,
    shell: CellShell,
) -> dict[str, Any]:
    begun = time.monotonic()
    shell.outputs.limit = config.limits.output_bytes
    student = StudentClient(supervisor, config.limits)
    found = Judge(shell, student, message["cells"], message["course_names"]).run_cells()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    seconds = {
        "seconds": time.monotonic() - begun,
        "cpu_seconds": student.cpu_seconds + usage.ru_utime + usage.ru_stime,
    }
    return results.truncate(results.answer_of(found, student) | seconds)
