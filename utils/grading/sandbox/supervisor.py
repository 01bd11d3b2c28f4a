"""The supervisor: starts a submission's processes in their sandboxes, watches them and ends them.

Supervisors live in the fork server, one for each submission. A supervisor starts the first student
process, then the judge, and further student processes when the judge asks for one. The fork server
never reads a test, so no process that it forks has one in its memory. The judge is in a sandbox as
well: it can only ask for processes, which the grader's configuration determines.
`process` handles a single process, `messages` has the client, `isolation` the sandboxes.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import select
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from utils.grading.sandbox import cgroups, namespaces, seccomp, system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.grading.sandbox.messages import (
    ALARM,
    END,
    FAILED,
    MAX_COMMAND,
    START,
    STARTED,
    TIME,
    TIMES,
    WAITED,
    send_message,
)
from utils.grading.sandbox.process import LOOK, Process

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
SUPERVISOR_MAX_STARTS = 80  # processes of one submission, whoever asks for them
OVERTIME = 4  # a submission that waits for processors gets at most this multiple of its time
INTERPRETER_BYTES = 192 << 20


class Supervisor:
    """Starts the processes of one submission, watches them and ends them.

    It reads nothing that a student wrote.

    Args:
        config: the configuration of the processes.
        commands: the socket for requests from the judge or the grader.
        run: called in a student process, with its socket.
        grader: the socket on which the grader waits for the judge, if there is to be one.
    """

    def __init__(
        self,
        config: SandboxConfig,
        commands: socket.socket,
        run: Callable[[socket.socket], None],
        grader: socket.socket | None = None,
    ) -> None:
        self.config, self.commands, self.run_student, self.grader = config, commands, run, grader
        self.process: Process | None = None
        self.judge: Process | None = None
        self.begun = self._looked = time.monotonic()
        self.starts = 0
        self.ended_waiting = 0.0  # seconds that ended processes waited, see `_waiting`
        commands.setblocking(False)  # do not wait for a client that reads no answers
        self.network = namespaces.new_network() if config.sandbox == "namespaces" else -1
        self.group: cgroups.Group | None = None
        if config.sandbox == "none":
            system_calls.adopt_orphans()
        else:
            limits = config.limits
            # Forked processes share the interpreter's memory until they change it.
            memory = limits.memory + limits.file_bytes + INTERPRETER_BYTES
            with contextlib.suppress(OSError):
                self.group = cgroups.get(memory, limits.processes)

    def start(self) -> socket.socket:
        """End the student process, if any, and start another; return the judge's socket.

        Raises:
            OSError: the submission has started too many processes.
        """
        if self.process:
            self.end("it was ended")
        self.starts += 1
        if self.starts > SUPERVISOR_MAX_STARTS:
            raise OSError(f"{SUPERVISOR_MAX_STARTS} processes are enough for a submission")
        ours, theirs = socket.socketpair()
        with theirs:
            self._enter_network()
            run = functools.partial(self.run_student, theirs)
            self.process = Process(self.config, [theirs], run, group=self.group)
        return ours

    def start_judge(self, keep: Sequence[socket.socket], run: Callable[[], None]) -> None:
        """Start the judge.

        Args:
            keep: the sockets that it keeps.
            run: called in its process.
        """
        self._enter_network()
        config = dataclasses.replace(self.config, folder=self.config.course_folder)
        self.judge = Process(config, keep, run, seccomp.JUDGE)

    def _enter_network(self) -> None:
        if self.network >= 0:
            namespaces.enter_network(self.network)

    def end(self, why: str) -> dict[str, Any]:
        """End the student process; return its report, see `Process.end`."""
        process, self.process = self.process, None
        if not process:
            return {}
        self.ended_waiting += process.waiting_seconds(self.begun)
        return process.end(why)

    def files(self) -> dict[int, int]:
        """Return the file descriptors to poll for `step`, with their event masks."""
        found = {self.commands.fileno(): select.POLLIN}
        if self.grader:
            found[self.grader.fileno()] = 0  # reports only that the grader has hung up
        if self.judge:
            found[self.judge.ended] = select.POLLIN
        return found

    def step(self, found: dict[int, int]) -> bool:
        """Handle requests and watch the processes.

        Args:
            found: the events of `files`, from `poll`.
        Returns:
            Whether to continue: the judge is running, and the other sides have not hung up.
        """
        if self.grader and found.get(self.grader.fileno(), 0) & (select.POLLHUP | select.POLLERR):
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
            if self.grader and report["why"].startswith("it could not be started"):
                with contextlib.suppress(OSError):
                    send_message(self.grader, {"error": f"the judge: {report['why']}"})
        if self.group:
            cgroups.give_back(self.group)
        if self.network >= 0:
            os.close(self.network)
        for sock in filter(None, (self.commands, self.grader)):
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
        """Return the seconds that the submission has waited for a processor.

        Its processes take turns: the judge waits for the student process, or vice versa. Processes
        that have ended count only if `since` is before the start.
        """
        waited = self.ended_waiting if since <= self.begun else 0.0
        return waited + sum(
            process.waiting_seconds(since) for process in (self.process, self.judge) if process
        )

    def _obey(self) -> bool:
        """Execute one request; return whether the other side may send more."""
        try:
            command = self.commands.recv(MAX_COMMAND)
            if command == START:
                self._obey_start()
            elif command[:1] == END:
                report = self.end(command[1:].decode(errors="replace"))
                self.commands.send(json.dumps(report).encode())
            elif command[:1] == WAITED and len(command) == 1 + TIME.size:
                (since,) = TIME.unpack(command[1:])
                used = self.process.cpu_seconds(since) if self.process else 0.0
                self.commands.send(TIMES.pack(self._waiting(since), used))
            elif command == ALARM:
                if self.process:
                    self.process.alarm()
                self.commands.send(ALARM)
            else:
                return False
        except OSError:
            return False
        return True

    def _obey_start(self) -> None:
        try:
            sock = self.start()
        except OSError as error:
            self.commands.send(FAILED + str(error).encode()[:MAX_COMMAND])
            return
        with sock:
            socket.send_fds(self.commands, [STARTED], [sock.fileno()])


def judge_seconds(limits: Limits) -> float:
    """Return the seconds that a judge may take, apart from waiting for a processor."""
    return limits.submission_seconds * 1.25 + 20
