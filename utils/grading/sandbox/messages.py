"""What the grader's own processes say to each other: grader, fork server, supervisor and judge."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from typing import Any

READY = b"R"  # what the fork server says once it can be asked
JUDGE, STUDENT = b"J", b"S"  # what it is asked for: a judge, or a student process alone

# What the judge, or the grader itself, may ask of a supervisor, and the answers. A judge that was
# taken over can send anything, so none of them says how a process is to be: the `SandboxConfig`
# does, which comes from the grader.
START, END, WAITED, ALARM = b"S", b"E", b"W", b"A"
STARTED, FAILED = b"S", b"F"
MAX_COMMAND = 1000
TIME, TIMES = struct.Struct("<d"), struct.Struct("<dd")


class ProcessSupervisor:
    """Starts a student process, watches it and ends it.

    What a kind of supervisor cannot tell is 0 here.
    """

    def start(self) -> socket.socket:
        """Have a student process started, after the end of the one before; return a way to it.

        Raises:
            OSError: it cannot be started.
        """
        raise NotImplementedError

    def waiting_seconds(self, since: float) -> float:
        """Return for how long it wanted a processor and had none, from a `time.monotonic` on."""
        return 0.0

    def cpu_seconds(self, since: float) -> float:
        """Return how much processor time it used at least, from a `time.monotonic` on."""
        return 0.0

    def alarm(self) -> None:
        """Tell the process that its time is up, so that it says at which line it is."""

    def end(self, why: str) -> dict[str, Any]:
        """End the process, if it has not ended; return a report: `why`, `cpu`, `memory`."""
        return {}


class SupervisorClient(ProcessSupervisor):
    """Speaks to a supervisor in another process: as the judge, or as the grader itself.

    Args:
        commands: leads to the supervisor.
        first: leads to a process that has been started already.
    """

    def __init__(self, commands: socket.socket, first: socket.socket | None = None) -> None:
        self.commands, self.first = commands, first
        commands.settimeout(60)

    def start(self) -> socket.socket:
        if self.first:
            first, self.first = self.first, None
            return first
        self.commands.send(START)
        said, fds, _, _ = socket.recv_fds(self.commands, MAX_COMMAND + 1, 1)
        if said != STARTED or not fds:
            raise OSError(said[1:].decode(errors="replace") or "the supervisor has ended")
        return socket.socket(fileno=fds[0])

    def waiting_seconds(self, since: float) -> float:
        return self._times(since)[0]

    def cpu_seconds(self, since: float) -> float:
        return self._times(since)[1]

    def _times(self, since: float) -> tuple[float, float]:
        try:
            self.commands.send(WAITED + TIME.pack(since))
            waited, used = TIMES.unpack(self.commands.recv(MAX_COMMAND))
        except (OSError, struct.error):
            return 0.0, 0.0
        return waited, used

    def alarm(self) -> None:
        with contextlib.suppress(OSError):
            self.commands.send(ALARM)
            self.commands.recv(MAX_COMMAND)

    def end(self, why: str) -> dict[str, Any]:
        try:
            self.commands.send(END + why.encode(errors="replace")[: MAX_COMMAND - 1])
            return json.loads(self.commands.recv(1 << 16))
        except (OSError, ValueError):
            return {}


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
