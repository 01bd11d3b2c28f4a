"""Messages between the grader's own processes: grader, fork server, supervisor and judge."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import time
from typing import Any

READY = b"R"  # sent by the fork server when it accepts requests
JUDGE, STUDENT = b"J", b"S"  # requests: a judge, or a student process without a judge

# Requests from the judge or the grader to a supervisor, and the answers. A compromised judge can
# send anything, so no request configures a process: only the grader's `SandboxConfig` does.
START, END, WAITED, ALARM = b"S", b"E", b"W", b"A"
STARTED, FAILED = b"S", b"F"
MAX_COMMAND = 1000
TIME, TIMES = struct.Struct("<d"), struct.Struct("<dd")


class ProcessSupervisor:
    """Starts a student process, watches it and ends it.

    Measurements that a subclass does not have are 0.
    """

    def start(self) -> socket.socket:
        """End the student process, if there is one, and start another; return a socket to it.

        Raises:
            OSError: it cannot be started.
        """
        raise NotImplementedError

    def waiting_seconds(self, since: float) -> float:
        """Return the seconds that it has waited for a processor since a `time.monotonic`."""
        return 0.0

    def cpu_seconds(self, since: float) -> float:
        """Return a lower bound of its processor time, in seconds, since a `time.monotonic`."""
        return 0.0

    def alarm(self) -> None:
        """Tell the process that its time is up, so that it reports its line."""

    def end(self, why: str) -> dict[str, Any]:
        """End the process, if it has not ended; return a report: `why`, `cpu`, `memory`."""
        return {}


class SupervisorClient(ProcessSupervisor):
    """Sends requests to a supervisor in another process, from the judge or the grader.

    Args:
        commands: a socket connected to the supervisor.
        first: a socket connected to a student process that has been started already.
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
    """Send a JSON message with a length prefix."""
    data = json.dumps(message).encode()
    sock.sendall(_length.pack(len(data)) + data)


def receive_message(
    sock: socket.socket, most: int | None = None, deadline: float | None = None
) -> Any:
    """Receive a message; return None if the other side has closed the connection.

    Args:
        sock: a stream socket.
        most: maximum number of bytes.
        deadline: when to give up, on the clock of `time.monotonic`.

    Raises:
        ValueError: the message is too long, or not JSON.
        TimeoutError: the message has not arrived in time.
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
