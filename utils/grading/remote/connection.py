"""Questions and answers between the judge and a student process, over one socket.

Both sides use it. A question is answered before the next one is asked, but answering may need
questions the other way, nested to any depth (the judge calls `numerical_gradient`, which calls the
judge's `f`). Each question carries eight random bytes that its answer must repeat, so an answer
sent early, late or twice matches no question. A message that breaks the rules ends the connection:
after the first `CodecError` every further use raises the same error, even if the first was caught.
"""

from __future__ import annotations

import builtins
import os
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from utils.grading.remote import codec
from utils.grading.remote.codec import CannotCross, CodecError, SharedObjects

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))
_length = struct.Struct("<Q")
_AT_ONCE = 1 << 16
_LOOK = 0.05  # seconds between two readings of the clock


class Ended(ConnectionError):
    """The other process is gone."""


class Late(TimeoutError):
    """No answer came in time."""


class Connection:
    """One end of the connection.

    Args:
        sock: a connected stream socket, which the connection owns from now on.
        shared: the shared objects of this side.
    """

    def __init__(self, sock: socket.socket, shared: SharedObjects) -> None:
        self.sock, self.shared = sock, shared
        self.deadline: float | None = None  # on the clock of time.monotonic
        self.overtime: Callable[[], float] = lambda: 0.0  # seconds by which to extend a deadline
        self.verbs: dict[str, Callable] = {}  # what the peer may ask
        self._read = bytearray()  # bytes of the next message so far
        self._space = memoryview(bytearray(_AT_ONCE))
        self.forget: list[int] = []  # numbers of deleted proxies, to be told to the peer
        self.tidy = False  # whether this side forgets shared objects that it does not use
        self.busy = False  # reading or writing a message: proxies must not ask
        self._fault: CodecError | None = None  # why the connection is unusable

    # What differs between the two sides. ----------------------------------------------------------

    def success(self, value: Any) -> tuple:
        """Return the body of an answer."""
        return (value,)

    def failure(self, error: BaseException) -> tuple:
        """Return the body of an answer that reports an exception."""
        raise NotImplementedError

    def answer(self, good: bool, body: tuple) -> Any:
        """Return the value in the peer's answer, or raise the exception that it reports."""
        raise NotImplementedError

    # Both sides ---------------------------------------------------------------------------------

    def ask(self, verb: str, *args: Any) -> Any:
        """Ask the peer a question and return its answer.

        Raises:
            Ended, Late, CodecError: there is no answer, and the connection is unusable.
            CannotCross: an argument cannot be sent; the connection is unchanged.
        """
        token = os.urandom(8)
        self.send(verb, token, args)
        while True:
            back, got, body = self.receive()
            if back in ("done", "failed"):
                if got != token:
                    raise CodecError(f"what came in answer to {verb!r} fits no question")
                return self.answer(back == "done", body)
            self.reply(back, got, body)

    def reply(self, verb: str, token: bytes, args: tuple) -> None:
        """Answer one of the peer's questions."""
        body: tuple
        try:
            if verb not in self.verbs:
                raise CodecError("an unknown question")
            body, answer = self.success(self.verbs[verb](*args)), "done"
        except (Ended, Late, CodecError):
            raise
        except BaseException as error:
            body, answer = self.failure(error), "failed"
        try:
            self.send(answer, token, body)
        except (CannotCross, MemoryError) as error:
            try:
                self.send("failed", token, self.failure(error))
            except CannotCross as error:  # the peer would wait for an answer forever
                self._fault = CodecError("a question could not be answered")
                raise self._fault from error

    def send(self, verb: str, token: bytes, body: tuple) -> None:
        if self._fault:
            raise self._fault
        message = (verb, token, body)
        self.forget += self.shared.unused()
        self.busy = True
        try:
            parts = codec.pack(message, self.shared, self.forget, self.tidy)
        finally:
            self.busy = False
        self.forget = []  # only now: if sending had failed, the next message would tell
        size = sum(map(len, parts))
        head = _length.pack(size)
        parts = [b"".join((head, *parts))] if size <= _AT_ONCE else [head, *parts]
        for part in parts:
            view = memoryview(part)
            while view:
                view = view[self._step(self.sock.send, view) :]

    def receive(self) -> tuple[str, bytes, tuple]:
        """Return the next message's verb, token and body."""
        if self._fault:
            raise self._fault
        try:
            return self._receive()
        except CodecError as error:
            self._fault = error  # the shared objects may be partly updated
            raise

    def _receive(self) -> tuple[str, bytes, tuple]:
        while len(self._read) < 8:
            self._read += self._some()
        (size,) = _length.unpack_from(self._read)
        if size > codec.MAX_BYTES:
            raise CodecError("a message is too long")
        data, rest = self._read[8 : 8 + size], self._read[8 + size :]
        if len(data) < size:
            got, data = len(data), data + bytes(size - len(data))
            view = memoryview(data)
            while got < size:
                got += self._step(self.sock.recv_into, view[got:])
        self._read = rest
        self.busy = True
        try:
            message = codec.unpack(data, self.shared)
        finally:
            self.busy = False
        if (
            type(message) is not tuple
            or list(map(type, message)) != [str, bytes, tuple]
            or len(message[1]) != 8
        ):
            raise CodecError("a message has the wrong form")
        return message

    def _step(self, act: Callable, view: memoryview) -> int:
        """Send or receive some bytes; return how many."""
        while True:
            if self.deadline is not None:
                now = time.monotonic()
                if now >= self.deadline:
                    if (more := self.overtime()) <= 0:
                        raise Late
                    self.deadline += more
                    continue
                self.sock.settimeout(min(self.deadline - now, _LOOK))
            try:
                if count := act(view):
                    return count
                raise Ended
            except TimeoutError:
                continue
            except OSError as error:
                raise Ended from error

    def _some(self) -> memoryview:
        """Return the bytes that are there to read, usually one whole message."""
        return self._space[: self._step(self.sock.recv_into, self._space)]

    def close(self) -> None:
        """Close the socket."""
        self.sock.close()
