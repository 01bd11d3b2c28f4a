"""The decoder: whatever the bytes are, they are read or refused, and nothing else comes of them."""

import itertools
import struct

import numpy as np
import pytest

from tests.grading.remote.codec.messages import (
    INT,
    SharedObjects,
    array,
    cross,
    message,
    record,
    two_sides,
)
from utils.grading.remote.codec import CodecError, pack
from utils.grading.remote.codec import format as fmt
from utils.grading.remote.codec.decoder import unpack

# What is wrong, and the bytes of a value, the dtype, shape and bytes of a new array, or the
# number, kind and content of a record.
VALUES = {
    "an unknown tag": b"?",
    "bytes left over": b"NN",
    "cut short": b"i\x00",
    "a text of 4 GB": b"u\xff\xff\xff\xff",
    "a tuple of 4 G elements": b"t\xff\xff\xff\xff",
    "a text that is not UTF-8": b"u\x01\x00\x00\x00\xff",
    "tuples 200 deep": b"t\x01\x00\x00\x00" * 200 + b"N",
    "frozensets 200 deep": b"z\x01\x00\x00\x00" * 200 + b"N",
    "slices 5,000 deep": b":" * 5000,
    "an int of 1 MB": b"I" + struct.pack("<I", 1 << 20) + bytes(1 << 20),
    "a mention of nothing": b"x" + struct.pack("<Q", 77),
    "a mention of number 0": b"x" + struct.pack("<Q", 0),
    "a name": b"G\x09\x00\x00\x00os:system",
    "a name of no module": b"G\x04\x00\x00\x00evil",
    "a name that is not text": b"G\x01\x00\x00\x00\xff",
    "an object dtype": b"D\x02|O",
    "a void dtype": b"D\x03|V8",
    "a structured dtype": b"D\x07i4,(2)f",
    "a truth value of 255 as a scalar": b"n\x03|b1\xff",
    "a dtype that NumPy writes otherwise": b"D\x03=f8",
    "a time in an unknown unit": b"D\x07<M8[xs]",
    "a time without a unit": b"n\x03<M8" + bytes(8),
    "a scalar without its bytes": b"n\x03<f8",
    "a scalar text without a size": b"n\x03|S0",
    "a scalar text without a size but with bytes": b"n\x03|S0x",
    "an int that has too many digits": b"I" + struct.pack("<I", 1781) + bytes(1781),
    "a range of 2^62 numbers": b"r" + INT(0) + INT(1 << 62) + INT(1),
    "a range of one step too many": b"r" + INT(0) + INT(-2_000_001) + INT(-1),
    "a range without a step": b"r" + INT(0) + INT(1) + INT(0),
    "ranges that are long together": b"t\2\0\0\0" + 2 * (b"r" + INT(0) + INT(1_100_000) + INT(1)),
    "elements with the same hash": b"z"
    + struct.pack("<I", 100)
    + b"".join(INT(i * (2**61 - 1)) for i in range(100)),
}
ARRAYS = {
    "an array of objects": ("|O", (1,), bytes(8)),
    "an array longer than its bytes": ("<f8", (2,), bytes(8)),
    "an array shorter than its bytes": ("<f8", (1,), bytes(16)),
    "an array of 2^63 bytes": ("<f8", (1 << 60,), b""),
    "an array whose size overflows to 0": ("<f8", (1 << 32, 1 << 32, 1 << 32), b""),
    "an empty array of impossible shape": ("<f8", (0, 1 << 63), b""),
    "an array of 200 dimensions": ("<f8", (1,) * 200, bytes(8)),
    "a truth value of 2": ("|b1", (1,), b"\x02"),
    "a letter beyond Unicode": ("<U1", (1,), b"\xff" * 4),
    "a letter beyond Unicode, swapped": (">U1", (1,), b"\x7f" * 4),
    "an array of elements without a size": ("|S0", (64,), b""),
    "an array of text without a size": ("<U0", (3,), b""),
    "an empty array with a huge length": ("<f8", (0, 1 << 30), b""),
    "an empty array whose lengths overflow": ("<f8", (1 << 32, 0, 1 << 32), b""),
}
RECORDS = {
    "a number that is the reader's": (100, "l", bytes(4)),
    "an unknown kind": (101, "?", bytes(4)),
    "a list that becomes a dict": (6, "d", bytes(4)),
    "an array that becomes a list": (4, "l", bytes(4)),
    "a list with bytes left over": (101, "l", bytes(5)),
    "a list of 4 G elements": (101, "l", b"\xff\xff\xff\xff"),
    "a dict with a key too many": (101, "d", b"\x03\0\0\0NNT"),
    "a description that is not a tuple": (101, "o", b"N"),
    "a random generator": (101, "g", b"t\x02\0\0\0u\x05\0\0\0PCG64N"),
    "a record numbered 0": (0, "l", bytes(4)),
    "a record numbered 1": (1, "l", bytes(4)),
    "a record numbered 2^63 + 1": ((1 << 63) + 1, "l", bytes(4)),
    "an array in the memory of another": (101, "v", struct.pack("<QQqQ", 4, 0, 8, 1)),
    "an array that grows": (4, "a", array("<f8", (2, 3, 1), bytes(48))),
    "an object that is replaced": (14, "o", b"t\0\0\0\0"),
    "keys with the same hash": (
        101,
        "d",
        struct.pack("<I", 100) + b"".join(INT(i * (2**61 - 1)) + b"N" for i in range(100)),
    ),
    "a known array of another shape": (4, "a", array("<f8", (3, 2), bytes(48))),
    "a known array of another type": (4, "a", array("<i8", (2, 3), bytes(48))),
}
BAD = {
    "nothing": b"",
    "a number twice": message(b"N", record(101, "l", bytes(4)), record(101, "l", bytes(4))),
    "a dict with a list as key": message(
        b"N",
        record(101, "l", bytes(4)),
        record(103, "d", b"\x01\0\0\0x" + struct.pack("<Q", 101) + b"N"),
    ),
    "a record longer than the message": message(
        b"N", struct.pack("<QBBQ", 101, ord("l"), 0, 1 << 40)
    ),
}
BAD |= {what: message(value) for what, value in VALUES.items()}
BAD |= {what: message(b"N", record(101, "a", array(*given))) for what, given in ARRAYS.items()}
BAD |= {what: message(b"N", record(*given)) for what, given in RECORDS.items()}


@pytest.mark.parametrize("what", BAD)
def test_what_no_honest_sender_writes_is_refused(what):
    side, _, shared = two_sides(0)
    before = [np.copy(x) if isinstance(x, np.ndarray) else repr(x) for x in shared]
    with pytest.raises(CodecError):
        unpack(BAD[what], side)
    for old, new in zip(before, shared, strict=True):
        assert np.array_equal(old, new) if isinstance(new, np.ndarray) else old == repr(new)


def test_dicts_that_could_collide_are_limited_together():
    few, many = ([dict.fromkeys(range(9000)) for _ in range(n)] for n in (3, 4))
    assert len(cross(few, SharedObjects(False), SharedObjects(True))) == 3
    with pytest.raises(CodecError, match="too large"):
        cross(many, SharedObjects(False), SharedObjects(True))


def several(tag, items):
    return tag + struct.pack("<I", len(items)) + b"".join(items)


def colliding(inner, count):
    """Return a frozenset of tuples that all have the same hash: those of -1 and -2 are equal."""
    signs = itertools.islice(itertools.product((-1, -2), repeat=6), count)
    return several(b"z", [several(b"t", [*inner, *map(INT, row)]) for row in signs])


def nested(count, levels):
    found = colliding([], count)
    for _ in range(levels - 1):
        found = colliding([found], count)
    return found


@pytest.mark.parametrize(("count", "levels"), [(51, 2), (30, 4), (8, 6)])
def test_comparisons_within_comparisons_do_not_multiply(count, levels):
    if count**levels > 100_000:  # the inner ones alone are as bad, and shorter
        levels = 3
    data = struct.pack("<II", 0, 0) + nested(count, levels)
    with pytest.raises(CodecError, match="the same hash"):
        unpack(data, SharedObjects(True))


@pytest.mark.parametrize(
    "value",
    [
        frozenset({-1, -2}),
        frozenset(itertools.product(range(-3, 4), repeat=2)),
        {frozenset({-1, -2}), frozenset({-1, 3}), frozenset({-2, 3})},
        {(frozenset({-1, -2}), -1): 1, (frozenset({-1, -2}), -2): 2},
    ],
)
def test_sets_whose_elements_happen_to_collide_cross(value):
    data = b"".join(pack(value, SharedObjects(False)))
    assert unpack(data, SharedObjects(True)) == value


@pytest.mark.slow
def test_lists_in_lists_in_many_ways_are_refused_before_they_take_long():
    """The search for endless containers takes a step for each part of each, in every sweep."""
    count = fmt.MAX_RECORDS - 10
    records = [record(3, "l", bytes(4))]
    records += [
        record(2 * n + 3, "l", struct.pack("<IBQ", 1, ord("x"), 2 * n + 1)) for n in range(1, count)
    ]
    data = struct.pack("<II", 0, count) + b"".join(records) + b"N"
    with pytest.raises(CodecError, match="nested in too many ways"):
        unpack(data, SharedObjects(True))


def endless(what):
    """Lists that would be endless when written out."""
    one, ring = [0], []
    for _ in range(60):
        one = [one, one]
    ring += [ring, ring]
    hold = [0]
    hold = {"a": (hold,) * 3000}
    wide = [[hold["a"][0]] * 3000] * 3000
    return {"twice": one, "ring": ring, "value": (wide,) * 900, "dict": {1: {2: one}}}[what]


@pytest.mark.parametrize("what", ["twice", "ring", "value", "dict"])
def test_what_would_be_endless_when_written_out_is_refused(what):
    with pytest.raises(CodecError, match="endless|too many ways"):
        cross(endless(what), SharedObjects(False), SharedObjects(True))


def test_what_becomes_endless_bit_by_bit_is_refused():
    near, far = SharedObjects(False), SharedObjects(True)
    lists = [[i] for i in range(60)]
    cross(lists, near, far)
    for i in range(1, 20):
        lists[i] += [lists[i - 1], lists[i - 1]]
        cross(None, near, far)
    for i in range(20, 60):
        lists[i] += [lists[i - 1], lists[i - 1]]
    with pytest.raises(CodecError, match="endless"):
        cross(None, near, far)


def lists(*numbers):
    """The content of a list of mentions."""
    mentions = b"".join(b"x" + struct.pack("<Q", number) for number in numbers)
    return struct.pack("<I", len(numbers)) + mentions


def doubling(first, last, start):
    """Records of lists with odd numbers, each of which holds the one before it twice."""
    numbers = [start, *range(first, last, 2)]
    return [
        record(n, "l", lists(before, before))
        for before, n in zip(numbers, numbers[1:], strict=False)
    ]


def test_a_list_that_grows_counts_in_all_that_hold_it():
    """Only the innermost of many lists changes: it holds none itself."""
    side = SharedObjects(True)
    unpack(message(b"N", record(101, "l", lists()), *doubling(103, 141, 101)), side)
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N", record(101, "l", struct.pack("<I", 9999) + b"N" * 9999)), side)


def test_the_judges_own_lists_count_in_those_that_hold_them():
    side = SharedObjects(True)
    mine = [0.5] * 9999
    pack(mine, side)
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N", *doubling(101, 139, side.number(mine))), side)
    mine, side = [], SharedObjects(True)
    pack(mine, side)
    unpack(message(b"N", *doubling(101, 139, side.number(mine))), side)
    mine += range(9999)
    pack(None, side)
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N"), side)


def test_nothing_changes_before_the_whole_message_has_been_read():
    for bad in (b"?", b"NN", b"", b"x" + struct.pack("<Q", 77)):
        side, _, shared = two_sides(0)
        changes = [
            record(side.number(shared[0]), "a", array("<f8", (2, 3), b"\x01" * 48)),
            record(side.number(shared[1]), "l", lists()),
            record(side.number(shared[4]), "B", b"xyz"),
        ]
        with pytest.raises(CodecError):
            unpack(message(bad, *changes), side)
        assert shared[0].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert (shared[1], shared[4]) == ([1, 2], bytearray(b"ab"))
    side, _, shared = two_sides(0)
    own = side.number(shared[1])
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N", record(own, "l", lists(own, own))), side)
    assert shared[1] == [1, 2]
