"""The connection: a fault ends it for good."""

import socket
import struct
import time

import pytest

from utils.grading.remote import codec
from utils.grading.remote.codec import CannotCross, CodecError, SharedObjects
from utils.grading.remote.connection import Connection


class Side(Connection):
    """One end; what goes wrong is told by its type's name."""

    def failure(self, error):
        return (type(error).__name__,)

    def answer(self, good, body):
        return body[0]


@pytest.fixture
def ends():
    sockets = socket.socketpair()
    links = [Side(sock, SharedObjects(i == 0)) for i, sock in enumerate(sockets)]
    yield links
    for link in links:
        link.close()


def send_raw(link, data):
    link.sock.sendall(struct.pack("<Q", len(data)) + data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 30,
        bytes(8) + b"?",
        bytes(8) + b"N",
        b"".join(codec.pack((), SharedObjects(False))),
    ],
)
def test_after_a_fault_the_connection_is_of_no_more_use(ends, data):
    link, peer = ends
    link.deadline = time.monotonic() + 50
    send_raw(peer, data)
    with pytest.raises(CodecError) as first:
        link.receive()
    send_raw(peer, b"".join(codec.pack(("done", bytes(8), ()), peer.shared)))
    for use in (link.receive, lambda: link.send("x", bytes(8), ()), lambda: link.ask("x")):
        with pytest.raises(CodecError) as again:
            use()
        assert again.value is first.value


def test_a_question_that_cannot_be_answered_at_all_ends_the_connection(ends):
    link, _ = ends
    link.failure = lambda error: (object(),)
    link.verbs["ask"] = object  # which cannot be handed over
    with pytest.raises(CodecError, match="could not be answered"):
        link.reply("ask", bytes(8), ())
    with pytest.raises(CodecError, match="could not be answered"):
        link.ask("anything")


class Proxies(SharedObjects):
    """Objects that may be handed over by a description."""

    def make(self, number, description):
        return type("Proxy", (), {})()

    def describe(self, value):
        return (type(value).__name__,)


def test_what_a_message_that_cannot_be_sent_should_have_told_is_told_by_the_next_one(ends):
    """Else the peer mentions an object as known, although its description has gone here."""
    for link in ends:
        link.shared = Proxies(link.shared.is_judge)
    link, peer = ends
    thing = object()
    peer.send("done", bytes(8), (thing,))
    link.receive()  # its proxy is gone at once
    with pytest.raises(CannotCross):
        link.send("ask", bytes(8), (10**9999,))
    link.send("ask", bytes(8), ())
    peer.receive()
    assert peer.shared.number(thing) is None
    peer.send("done", bytes(8), (thing,))
    assert type(link.receive()[2][0]).__name__ == "Proxy"
