"""Feeds the codec messages that no encoder writes; run as a program, so that a crash is seen.

    python codec_fuzz.py PART EXAMPLES [random]

PART is "bytes" (messages built field by field, in sequences that share a side), "mutated" (honest
messages with changed bytes) or "judge" (a fake submission answers a real judge with changed
messages while checks run). The examples are the same each time unless "random" is given. It prints
how many messages were read, refused and answered. A message that takes very long, a crash, any
exception but `CodecError` and any byte that was never written end it with an exit status other than
0.
"""

from __future__ import annotations

import contextlib
import faulthandler
import socket
import struct
import sys
import threading
from collections import Counter
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from numpy.lib.array_utils import byte_bounds

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from tests.grading.remote.codec.messages import SharedObjects, spoil, two_sides
from utils import checks
from utils.grading.judge.student_client import StudentClient
from utils.grading.remote import codec
from utils.grading.remote.codec import CannotCross, CodecError, encoder
from utils.grading.remote.codec import format as fmt
from utils.grading.remote.judge_limits import short
from utils.grading.remote.student_errors import StudentError
from utils.grading.sandbox.config import Limits
from utils.grading.sandbox.messages import ProcessSupervisor

HANGS = 120  # seconds after which a message counts as one that never ends: far beyond any that does
STALE = b"\xa5"  # what freed memory is filled with
SEEN: Counter[str] = Counter()
# What reading a message must never do, by the names of audit events.
NEVER = ["import", "exec", "compile", "open", "subprocess", "os", "socket", "pickle", "ctypes"]

# Messages, field by field -----------------------------------------------------------------------

# What stands in a field is usually possible: what a rare lie would hide behind it is read, too.

EDGES = [0, 1, 2, 3, 7, 8, 255, 256, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**60, 2**61]
EDGES += [2**62 - 1, 2**62, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 8, 2**64 - 1]
DTYPES = [
    "|b1", "|i1", "<i8", ">i4", "<f8", ">f2", "<f4", "<f16", ">f16", "<c32", ">c32", "<c16", "|S1",
    "|S5", "|S99999", "<U1", ">U2", "<U99999", "<M8", "<M8[s]", ">m8[ns]", "<M8[999999Y]",
    "<m8[as]",
]  # fmt: skip
BAD_DTYPES = [
    "|S0", "<U0", "|O", "|V8", "<M8[0s]", "<M8[1s]", "=f8", "f8", "i4,f8", "<i3", "<f12", "|S00001",
    "(2,)<f8", "<q8", "|V0", "?", "<M8[99999999s]", "<M8[s/3]", "<M8[xs]", "|S9999999999",
]  # fmt: skip
RAW = [b"", bytes(8), b"\xff" * 16, b"\x02", b"\x80" + bytes(15), b"\x00\xd8\x00\x00", b"\x7f" * 4]
RAW += [bytes(7) + b"\x80\xff\x7f" + b"\x11" * 6, struct.pack("<d", np.nan), b"\x01" * 16]


class Writer:
    """Writes messages for the side `first`; every choice is drawn by hypothesis."""

    def __init__(self, draw, first):
        self.draw = draw
        side, _, _ = two_sides(first)
        self.known = {number: thing.kind for number, thing in side.objects.items()}
        self.next = side.highest + 2
        self.used: set[int] = set()  # numbers of records in this message

    def one_of(self, choices):
        return self.draw(st.sampled_from(choices))

    def rarely(self):
        return self.draw(st.integers(0, 24)) == 7

    def u64(self):
        return (
            self.one_of(EDGES) if self.draw(st.booleans()) else self.draw(st.integers(0, 2**64 - 1))
        )

    def size(self, honest):
        """A length or count as u32, which rarely is a lie."""
        return struct.pack("<I", self.u64() % 2**32 if self.rarely() else honest)

    def raw(self):
        return self.one_of(RAW) if self.draw(st.booleans()) else self.draw(st.binary(max_size=20))

    def number(self):
        """The number of a record: known, new or, rarely, anything."""
        if self.rarely():
            return self.u64() if self.draw(st.booleans()) else self.draw(st.integers(0, 30))
        return self.one_of([*self.known, self.next, self.next + 2])

    def dtype(self):
        return self.one_of(BAD_DTYPES if self.rarely() else DTYPES)

    def name(self, text):
        return bytes([len(text)]) + text.encode()

    def counted(self, write, most=3):
        parts = [write() for _ in range(most - self.draw(st.integers(0, most)))]
        return self.size(len(parts)) + b"".join(parts)

    def numbers(self, text, count):
        """Bytes for so many numbers of a dtype."""
        try:
            size = np.dtype(text).itemsize * count
        except (TypeError, ValueError):
            size = 8
        if self.rarely() or size > 1 << 20:
            return self.raw()
        return bytes(size) if self.draw(st.booleans()) else ((self.raw() or b"1") * size)[:size]

    def value(self, depth=0):
        tags = [*fmt.CONSTANTS, fmt.INT, fmt.FLOAT, fmt.COMPLEX, fmt.BIG_INT, fmt.TEXT]
        tags += [fmt.BYTES, fmt.DTYPE, fmt.SCALAR, fmt.SCALAR, fmt.NAMED]
        tags += [fmt.SHARED, fmt.SHARED, fmt.SHARED]
        if depth < 3:
            tags += [fmt.TUPLE, fmt.TUPLE, fmt.FROZENSET, fmt.SLICE, fmt.RANGE]
        tag = self.draw(st.integers(0, 255)) if self.rarely() else self.one_of(tags)
        out = bytes([tag])
        if tag in (fmt.INT, fmt.FLOAT):
            out += struct.pack("<Q", self.u64())
        elif tag == fmt.COMPLEX:
            out += struct.pack("<QQ", self.u64(), self.u64())
        elif tag == fmt.BIG_INT:
            data = b"\x7f" * self.one_of([0, 1, 9, fmt.MAX_INT, fmt.MAX_INT + self.rarely()])
            out += self.size(len(data)) + data
        elif tag == fmt.TEXT:
            data = self.raw() if self.rarely() else b"W1\xed\xa0\x80"
            out += self.size(len(data)) + data
        elif tag == fmt.BYTES:
            data = self.raw()
            out += self.size(len(data)) + data
        elif tag == fmt.DTYPE:
            out += self.name(self.dtype())
        elif tag == fmt.SCALAR:
            text = self.dtype()
            data = self.numbers(text, 1)
            out += self.name(text) + data
        elif tag == fmt.NAMED:
            bad = ["evil", "os:system", ":", "numpy:sum", "\xe9", ""] * self.rarely()
            data = self.one_of(["int", "numpy.ndarray", *bad]).encode()
            out += self.size(len(data)) + data
        elif tag == fmt.SHARED:
            out += struct.pack("<Q", self.number())
        elif tag in (fmt.TUPLE, fmt.FROZENSET):
            if self.rarely():
                return (out + struct.pack("<I", 1)) * self.one_of([60, 64, 65, 66, 500]) + b"N"
            out += self.counted(lambda: self.value(depth + 1))
        elif tag == fmt.RANGE and not self.rarely():
            for _ in range(3):
                out += bytes([fmt.INT]) + struct.pack("<q", self.one_of([-(2**63), 0, 1, 5, 2**40]))
        elif tag in (fmt.SLICE, fmt.RANGE):
            out += self.value(depth + 1) + self.value(depth + 1) + self.value(depth + 1)
        return out

    def array(self, same=False):
        text = "<f8" if same else self.dtype()
        shape = [self.one_of([3, 2, 5, 1, 0]) for _ in range(self.one_of([1, 2, 4, 0]))]
        if same:
            shape = [2, 3]
        data = self.numbers(text, int(np.prod(shape)))
        if self.rarely():
            shape.append(self.u64())
        if self.rarely():
            shape[:0] = [self.one_of([0, 1])] * self.one_of([30, 33, 200])
        head = self.name(text) + bytes([0 if self.rarely() else len(shape)])
        return head + b"".join(struct.pack("<Q", length) for length in shape) + data

    def state(self):
        """A random generator's state, or what claims to be one."""
        if self.rarely():
            return self.value()
        numbers = [self.u64() if self.rarely() else n for n in (1, 2, 0, 3)]
        name = self.one_of(["PCG64", "SFC64", "os"]) if self.rarely() else "PCG64"
        return encoder.Encoder(SharedObjects(True)).values([name, *numbers], 1)

    def pairs(self):
        """Keys and what they stand for; rarely one key too many."""
        parts = [self.value() for _ in range(2 * self.draw(st.integers(0, 3)) + self.rarely())]
        return self.size(len(parts)) + b"".join(parts)

    def content(self, kind, known):
        if kind in (fmt.LIST, fmt.SET):
            return self.counted(self.value)
        if kind in (fmt.DICT, fmt.ORDERED):
            return self.pairs()
        if kind == fmt.ARRAY:
            return self.array(known)
        if kind == fmt.GENERATOR:
            return self.state()
        if kind == fmt.OBJECT:
            return (
                bytes([fmt.TUPLE]) + self.counted(self.value) if not self.rarely() else self.value()
            )
        if kind == VIEW:
            return struct.pack("<QQQQ", self.number(), self.u64(), self.u64(), self.u64())
        return self.raw()

    def record(self):
        """A record of something new, or of what is known and has none in this message yet."""
        kinds = {fmt.OBJECT, *([] if self.rarely() else self.used)}
        old = [n for n, kind in self.known.items() if not {n, kind} & kinds]
        is_new = not old or self.draw(st.booleans())
        number = self.next if is_new else self.one_of(old)
        if self.rarely():
            number = self.number()
        self.next += 2 * (number == self.next)
        self.used.add(number)
        kind = self.known.get(number)
        if kind in (None, fmt.OBJECT) or self.rarely():
            kinds = [*[fmt.ARRAY] * 5, *fmt.EMPTY, fmt.OBJECT]
            kind = self.one_of([fmt.GENERATOR, VIEW, 0, 255] if self.rarely() else kinds)
        content = self.content(kind, number in self.known)
        if self.known.setdefault(number, kind) == fmt.ARRAY and number > self.last:
            self.known[number] = fmt.OBJECT  # its shape is not kept: only rarely an update
        size = self.u64() if self.rarely() else len(content)
        flags = self.draw(st.integers(0, 7)) if not self.rarely() else 255
        return struct.pack("<QBBQ", number, kind, flags, size) + content

    def message(self):
        self.used, self.last = set(), self.next - 2
        forgotten = self.counted(
            lambda: struct.pack("<Q", self.number()), 1 if self.rarely() else 0
        )
        return forgotten + self.counted(self.record) + self.value()


VIEW = ord("v")  # a kind that there once was: an array in the memory of another one


@st.composite
def messages(draw):
    """Who reads, and what is sent to it."""
    first = draw(st.sampled_from([0, 1]))
    writer = Writer(draw, first)
    return first, [writer.message() for _ in range(draw(st.integers(1, 3)))]


u64 = st.one_of(st.integers(0, 4), st.sampled_from(EDGES), st.integers(0, 2**64 - 1))

# Reading them -----------------------------------------------------------------------------------


def fill_free_memory():
    """Fill what NumPy will be given next, so that memory that nobody wrote is known."""
    for size in range(1, 600):  # NumPy keeps blocks of each size for the next array
        blocks = [np.full(size, STALE[0], np.uint8) for _ in range(2)]
        del blocks


# What NumPy 2.5 says of a date that no calendar has, or of one whose unit nobody gave.
NO_DATE = OverflowError, ValueError, DeprecationWarning


def look_at(value):
    """Do what a test does with a value."""
    short(value)
    for part in value if type(value) in (tuple, list) else [value]:
        short(part)
        if type(part) is np.ndarray and part.size < 1000:
            part.copy(), part == part
            with contextlib.suppress(*NO_DATE):
                str(part), part.tolist()
            with contextlib.suppress(checks.PropertyError), np.errstate(all="ignore"):
                checks.equal(part, np.zeros(2))
        elif isinstance(part, np.generic | str | bytes | complex | range | slice | np.dtype):
            with contextlib.suppress(*NO_DATE):
                repr(part)
        elif type(part) is int:
            str(part)


def is_consistent(side):
    """Return whether a side's books are right, and every array in it lies in memory of its own."""
    things = side.objects
    for number, thing in things.items():
        if thing.kind == fmt.ARRAY and (number % 2 == 0) != side.is_judge:
            array, owner = (
                thing.value,
                thing.value if thing.value.base is None else thing.value.base,
            )
            low, high = byte_bounds(owner)
            start, end = byte_bounds(array)
            if not owner.flags.owndata or (array.size and not low <= start <= end <= high):
                return False
    numbered = {number: id(thing.value) for number, thing in things.items()}
    return (
        side.cost == sum(thing.cost for thing in things.values()) <= fmt.MAX_SHARED_BYTES
        and {id: number for number, id in numbered.items()} == side._numbers
    )


EVENTS: set[str] = set()  # what has happened in this process


def read(data, side):
    """Read a message of any origin, and send back what came of it."""
    faulthandler.dump_traceback_later(HANGS, exit=True)
    EVENTS.clear()
    try:
        value = codec.unpack(data, side)
    except CodecError:
        SEEN["refused"] += 1
        return False
    finally:
        faulthandler.cancel_dump_traceback_later()
        assert not EVENTS.intersection(NEVER), f"a message did more than it may: {EVENTS}"
    SEEN["read"] += 1
    with contextlib.suppress(RecursionError):
        look_at(value)
    assert is_consistent(side), "the side's books are wrong"
    with contextlib.suppress(CannotCross):
        sent = b"".join(codec.pack(value, side, side.unused()))
        assert STALE * 2 not in sent, "memory that was never written was sent"
        SEEN["answered"] += 1
    return True


def explore(examples):
    """Return settings under which hypothesis makes the same examples each time."""
    return settings(
        max_examples=examples, derandomize="random" not in sys.argv, database=None, deadline=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip


def fuzz_bytes(examples):
    @explore(examples)
    @given(messages())
    def run(sent):
        first, datas = sent
        side, _, _ = two_sides(first)
        fill_free_memory()
        for data in datas:
            if not read(data.replace(STALE * 2, b""), side):
                break  # as a connection does

    run()


steps = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 600), u64), min_size=1, max_size=5)


def fuzz_mutated(examples):
    rng = np.random.default_rng(3)
    ring: list = [1]
    ring.append(ring)
    pool = [
        rng.normal(size=(3, 4)), np.ones((2, 3), np.float32, order="F"), ring, {"W": [ring]},
        np.array(["a", "bc"]), np.array([b"x", b"yz"]), np.array(["2024-01-01", "NaT"], "M8[D]"),
        np.longdouble(1) / 3, np.ones(3, np.longdouble), np.ones(2, bool), (1, -(2**70), 2.5, "é"),
        {1, "a", (2, 3)}, frozenset({1}), bytearray(b"abc"), range(5), slice(1, None), np.float32,
        np.dtype(">i2"), 3 + 4j, b"bytes", print, np.ones((4, 6))[::2, ::2], np.str_(""),
    ]  # fmt: skip

    @explore(examples)
    @given(
        st.lists(st.sampled_from(range(len(pool))), max_size=4), st.lists(steps, max_size=2),
        st.sampled_from([0, 1]),
    )  # fmt: skip
    def run(chosen, spoilings, first):
        side, peer, _ = two_sides(first)
        for thing in peer.objects.values():
            thing.digest = None  # so that there are updates in the message
        data = b"".join(codec.pack([pool[i] for i in chosen], peer))
        fill_free_memory()
        if read(data, side):
            for change in spoilings:
                data = spoil(data, change).replace(STALE * 2, b"")
                if not read(data, side):
                    break

    run()


# A judge with a hostile submission --------------------------------------------------------------


class FakeObjects(SharedObjects):
    def describe(self, value):
        return ("function", "function", "softmax", ("__call__",), ("builtins:function",))


class FakeSubmission(ProcessSupervisor):
    """Starts threads that answer with some bytes spoiled."""

    def __init__(self, spoilings):
        self.spoilings, self.threads = spoilings, []

    def start(self):
        ours, theirs = socket.socketpair()
        args = theirs, self.spoilings
        self.threads.append(threading.Thread(target=answer_all, args=args, daemon=True))
        self.threads[-1].start()
        return ours


def answer_all(sock, spoilings):
    """Answer a judge's questions: honestly but wrongly, with changed bytes in some answers."""
    side, question = FakeObjects(False), 0

    def softmax():
        """What the submission defines."""

    with contextlib.suppress(OSError, CodecError, struct.error, IndexError), sock:
        while True:
            head = sock.recv(8, socket.MSG_WAITALL)
            size = struct.unpack("<Q", head)[0]
            message = codec.unpack(sock.recv(size, socket.MSG_WAITALL), side)
            verb, token, args = message
            value = {"names": ("softmax",), "get": (("softmax", softmax),)}.get(verb)
            if verb == "call":
                args[1][0][...] = 0
                value = np.zeros(2)
            data = b"".join(codec.pack(("done", token, (value, "", ())), side))
            change = spoilings.get(question, [])
            data = spoil(data, [(how, where, what) for how, where, what in change])
            sock.sendall(struct.pack("<Q", len(data)) + data)
            question += 1


def fuzz_judge(examples):
    @explore(examples)
    @given(st.dictionaries(st.integers(0, 9), steps, min_size=1, max_size=4))
    def run(spoilings):
        supervisor = FakeSubmission(spoilings)
        submission = StudentClient(supervisor, Limits(call_seconds=0.2, submission_seconds=2.0))
        task = checks.Task("softmax")
        expected = np.array([0.25, 0.75])
        faulthandler.dump_traceback_later(HANGS, exit=True)
        try:
            found = submission.get({"softmax"} & submission.names())
        except StudentError:
            found = {}
        x = np.array([1.5, 2.5])
        for _ in range(3):
            with task.check(1, "values", ""):
                checks.gives(found["softmax"], x, expected)
            with task.check(1, "the same again", ""):
                checks.equal(found["softmax"](x.copy()), expected)
        submission.end("the test is over")
        faulthandler.cancel_dump_traceback_later()
        for thread in supervisor.threads:
            thread.join(10)
        assert task.earned == 0, "a wrong answer got points"
        assert x.tolist() == [1.5, 2.5]
        assert expected.tolist() == [0.25, 0.75]
        assert all(isinstance(check.what, str) and check.what for check in task.checks)
        assert bool(submission.notes) == submission.stopped
        SEEN["refused" if submission.stopped else "read"] += 1

    run()


if __name__ == "__main__":
    faulthandler.enable()
    sys.addaudithook(lambda event, _: EVENTS.add(event.partition(".")[0]))
    part, count = sys.argv[1:3]
    {"bytes": fuzz_bytes, "mutated": fuzz_mutated, "judge": fuzz_judge}[part](int(count))
    print(SEEN["read"], SEEN["refused"], SEEN["answered"])
