"""Messages built field by field, and shared objects of a side that hands over anything."""

import struct

import numpy as np

from utils.grading.remote import codec
from utils.grading.remote.codec import encoder


class Thing:
    """Stands for something that stays on the other side."""

    def __init__(self, number, description):
        self.number, self.description = number, description


class SharedObjects(codec.SharedObjects):
    """Those of a side that hands over any object by a description."""

    def make(self, number, description):
        return Thing(number, description)

    def describe(self, value):
        return (type(value).__name__, ("__call__",))

    def proxy_number(self, value):
        return value.number if isinstance(value, Thing) else None


def cross(value, sender, reader):
    """Send a value; return what arrives."""
    return codec.unpack(b"".join(codec.pack(value, sender)), reader)


def two_sides(first):
    """A side that has something in common with its peer, so that updates find a goal."""
    side, peer = SharedObjects(first == 0), SharedObjects(first == 1)
    shared = [np.arange(6.0).reshape(2, 3), [1, 2], {"a": 1}, {1}, bytearray(b"ab"), print]
    cross(shared, side, peer)
    if first == 0:
        cross([np.random.default_rng(1)], side, peer)
    cross([np.ones(4, bool), {"b": [2]}, len], peer, side)
    return side, peer, shared


def message(value=b"N", *parts, forget=()):
    data = struct.pack("<I", len(forget)) + b"".join(struct.pack("<Q", n) for n in forget)
    return data + struct.pack("<I", len(parts)) + b"".join(parts) + value


def record(number, kind, content, flags=0):
    return struct.pack("<QBBQ", number, ord(kind), flags, len(content)) + content


def array(dtype, shape, data):
    return (
        bytes([len(dtype)]) + dtype.encode() + bytes([len(shape)])
        + b"".join(struct.pack("<Q", n) for n in shape) + data
    )  # fmt: skip


def INT(n):  # noqa: N802
    """An int as a value."""
    return encoder.Encoder(SharedObjects(False)).value(n, 1)


def U32(n):  # noqa: N802
    return struct.pack("<I", n)


MENTION = b"x" + struct.pack("<Q", 101)


def spoil(data, steps):
    """Change, cut, repeat or insert some bytes."""
    data = bytearray(data)
    for how, where, what in steps:
        at = where % (len(data) + 1)
        match how:
            case 0:
                data[at : at + 1] = bytes([what % 256])
            case 1:
                del data[at : at + what % 16]
            case 2:
                data[at:at] = data[at : at + what % 64]
            case 3:
                data[at : at + 8] = struct.pack("<Q", what)
            case 4:
                data[at : at + 4] = struct.pack("<I", what % 2**32)
    return bytes(data)
