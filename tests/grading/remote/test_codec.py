"""The data format: what goes in comes out, and no bytes do anything else."""

import struct
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from utils.grading.remote import codec
from utils.grading.remote.codec import CannotCross, CodecError, pack, unpack
from utils.grading.remote.connection import PeerObjects
from utils.grading.remote.proxies import short


class Thing:
    """Stands for something that stays on the other side."""

    def __init__(self, number, description):
        self.number, self.description = number, description


class SharedObjects(PeerObjects):
    """A heap whose side hands over any object by a description."""

    def make(self, number, description):
        return Thing(number, description)

    def describe(self, value):
        return (type(value).__name__, ("__call__",))

    def proxy_number(self, value):
        return value.number if isinstance(value, Thing) else None


def cross(value, sender, reader):
    """Send a value; return what arrives."""
    return unpack(b"".join(pack(value, sender)), reader)[0]


def same(a, b, seen=None):
    """Equal in types, bits and structure, rings included."""
    seen = seen if seen is not None else set()
    if (id(a), id(b)) in seen:
        return True
    seen.add((id(a), id(b)))
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y, seen) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return len(a) == len(b) and all(
            same(x, y, seen) and same(a[x], b[y], seen) for x, y in zip(a, b, strict=True)
        )
    if isinstance(a, float):
        return struct.pack("d", a) == struct.pack("d", b)
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    return a == b


dtypes = st.one_of(
    hnp.boolean_dtypes(),
    hnp.integer_dtypes(endianness="?"),
    hnp.unsigned_integer_dtypes(endianness="?"),
    hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)),
    hnp.datetime64_dtypes(endianness="?"),
    hnp.timedelta64_dtypes(endianness="?"),
    hnp.unicode_string_dtypes(endianness="?", max_len=4),
    hnp.byte_string_dtypes(endianness="?", max_len=4),
)
arrays = hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
keys = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(),
    st.tuples(st.integers(), st.text()), st.frozensets(st.integers()),
)  # fmt: skip
leaves = st.one_of(
    keys, st.floats(), st.complex_numbers(), arrays, st.builds(range, st.integers(-9, 9)),
    st.builds(slice, st.integers(), st.none() | st.integers()), st.just(...),
    st.binary().map(bytearray), st.sets(keys, max_size=4), st.sampled_from([np.float32, int,
    np.dtype(">i4"), np.float64(2.5), np.int8(-1), np.bool_(True)]),
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
    ),
    max_leaves=20,
)


@given(values)
def test_what_goes_in_comes_out_in_both_directions(value):
    for first in (0, 1):
        near, far = SharedObjects(first), SharedObjects(1 - first)
        there = cross(value, near, far)
        assert same(there, value)
        assert cross(there, far, near) is value or same(value, cross(there, far, near))


@given(values, values)
def test_nothing_is_sent_again_unless_it_changed(one, two):
    near, far = SharedObjects(0), SharedObjects(1)
    cross([one, two], near, far)
    again = b"".join(pack(None, near))
    assert struct.unpack_from("<II", again) == (0, 0)
    assert b"".join(pack(None, far))[:8] == again[:8]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=8))
def test_copies_on_both_sides_stay_equal_whatever_is_done_to_them(steps):
    near, far = SharedObjects(0), SharedObjects(1)
    mine = {"list": [1], "array": np.zeros(3), "set": set(), "bytes": bytearray(3)}
    theirs = cross(mine, near, far)
    for number, (what, how) in enumerate(steps):
        here, there, copy = (near, far, mine) if number % 2 else (far, near, theirs)
        match what:
            case 0:
                copy["list"].append(how)
            case 1:
                copy["array"][how % 3] = how
            case 2:
                copy["set"] ^= {how}
            case 3:
                copy[how] = copy["list"]
        cross(None, here, there)
        assert same(mine, theirs)


# Bytes of any origin
# --------------------------------------------------------------------------------


class Watch:
    """Counts what reading a message must never do: import, compile, run, open, start."""

    on, seen = False, []

    @classmethod
    def hook(cls, event, _):
        if cls.on and event.partition(".")[0] in (
            "import", "exec", "compile", "open", "subprocess", "os", "socket", "pickle", "ctypes",
        ):  # fmt: skip
            cls.seen.append(event)


@pytest.fixture(scope="module", autouse=True)
def watch():
    """An audit hook cannot be removed; it is only switched off."""
    sys.addaudithook(Watch.hook)


def read(data, heap):
    """Read any bytes; return the value, or None for a `CodecError`; nothing else may come of it."""
    Watch.seen, Watch.on = [], True
    try:
        return unpack(data, heap)[0]
    except CodecError:
        return None
    finally:
        Watch.on = False
        assert Watch.seen == []


def some_heap(first):
    """A heap that has something in common with its peer, so that updates find a goal."""
    heap, peer = SharedObjects(first), SharedObjects(1 - first)
    shared = [np.arange(6.0).reshape(2, 3), [1, 2], {"a": 1}, {1}, bytearray(b"ab"), print]
    cross(shared, heap, peer)
    if first == 0:
        cross([np.random.default_rng(1)], heap, peer)
    cross([np.ones(4, bool), {"b": [2]}, len], peer, heap)
    return heap, peer, shared


@settings(max_examples=400)
@given(st.binary(max_size=300), st.sampled_from([0, 1]))
@example(b"", 0)
@example(b"\xff" * 300, 0)
def test_any_bytes_are_read_or_refused(data, first):
    read(data, some_heap(first)[0])


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


spoilings = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.integers(0, 5000),
        st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1)),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=600)
@given(values, spoilings, st.sampled_from([0, 1]))
def test_spoilt_messages_are_read_or_refused_in_both_directions(value, steps, first):
    heap, peer, _ = some_heap(first)
    peer.things[next(iter(peer.things))].digest = None  # so that there is an update in it
    data = b"".join(pack(value, peer))
    got = read(spoil(data, steps), heap)
    try:
        message = b"".join(pack(got, heap))  # whatever came of it can be worked with
    except CannotCross:
        return
    assert len(message) < 1 << 20


tags = st.sampled_from([bytes([t]) for t in b"NTFiIfcubtznrDyGx:.!ldsBagovO"])
soup = st.lists(
    st.one_of(
        tags,
        st.integers(0, 40).map(lambda n: struct.pack("<I", n)),
        st.integers(0, 40).map(lambda n: struct.pack("<Q", n)),
        st.integers(0, 255).map(lambda n: bytes([n])),
        st.sampled_from([b"\x03<f8", b"\x03|b1", b"\x03<U1", b"\x02|O", b"\x03|V8", b"\x06<M8[s]"]),
        st.binary(max_size=8),
    ),
    max_size=40,
).map(b"".join)
records = st.builds(
    lambda number, kind, flags, content: (
        struct.pack("<Q", number)
        + kind
        + bytes([flags])
        + struct.pack("<Q", len(content))
        + content
    ),
    st.integers(0, 30),
    tags,
    st.integers(0, 255),
    soup,
)


@settings(max_examples=800)
@given(
    st.lists(st.integers(0, 30), max_size=3),
    st.lists(records, max_size=5),
    soup,
    st.sampled_from([0, 1]),
)
def test_well_formed_nonsense_is_read_or_refused(forget, parts, value, first):
    data = struct.pack("<I", len(forget)) + b"".join(struct.pack("<Q", n) for n in forget)
    data += struct.pack("<I", len(parts)) + b"".join(parts) + value
    read(data, some_heap(first)[0])


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
    return codec.Encoder(SharedObjects(1)).value(n, 1)


MENTION = b"x" + struct.pack("<Q", 101)

BAD = {
    "nothing": b"",
    "an unknown tag": message(b"?"),
    "bytes left over": message(b"NN"),
    "cut short": message(b"i\x00"),
    "a text of 4 GB": message(b"u\xff\xff\xff\xff"),
    "a tuple of 4 G elements": message(b"t\xff\xff\xff\xff"),
    "a text that is not UTF-8": message(b"u\x01\x00\x00\x00\xff"),
    "tuples 200 deep": message(b"t\x01\x00\x00\x00" * 200 + b"N"),
    "frozensets 200 deep": message(b"z\x01\x00\x00\x00" * 200 + b"N"),
    "slices 5,000 deep": message(b":" * 5000),
    "an int of 1 MB": message(b"I" + struct.pack("<I", 1 << 20) + bytes(1 << 20)),
    "a mention of nothing": message(b"x" + struct.pack("<Q", 77)),
    "a mention of number 0": message(b"x" + struct.pack("<Q", 0)),
    "a name": message(b"G\x09\x00\x00\x00os:system"),
    "a name of no module": message(b"G\x04\x00\x00\x00evil"),
    "a name that is not text": message(b"G\x01\x00\x00\x00\xff"),
    "an object dtype": message(b"D\x02|O"),
    "a void dtype": message(b"D\x03|V8"),
    "a structured dtype": message(b"D\x07i4,(2)f"),
    "a number that is the reader's": message(b"N", record(100, "l", bytes(4))),
    "a number twice": message(b"N", record(101, "l", bytes(4)), record(101, "l", bytes(4))),
    "an unknown kind": message(b"N", record(101, "?", bytes(4))),
    "a list that becomes a dict": message(b"N", record(6, "d", bytes(4))),
    "an array that becomes a list": message(b"N", record(4, "l", bytes(4))),
    "a list with bytes left over": message(b"N", record(101, "l", bytes(5))),
    "a list of 4 G elements": message(b"N", record(101, "l", b"\xff\xff\xff\xff")),
    "a dict with a key too many": message(b"N", record(101, "d", b"\x03\0\0\0NNT")),
    "a dict with a list as key": message(
        b"N", record(101, "l", bytes(4)),
        record(103, "d", b"\x01\0\0\0x" + struct.pack("<Q", 101) + b"N"),
    ),
    "a record longer than the message": message(
        b"N", struct.pack("<QBBQ", 101, ord("l"), 0, 1 << 40)
    ),
    "a description that is no tuple": message(b"N", record(101, "o", b"N")),
    "a random generator": message(b"N", record(101, "g", b"t\x02\0\0\0u\x05\0\0\0PCG64N")),
    "an array of objects": message(b"N", record(101, "a", array("|O", (1,), bytes(8)))),
    "an array longer than its bytes": message(b"N", record(101, "a", array("<f8", (2,), bytes(8)))),
    "an array shorter than its bytes": message(
        b"N", record(101, "a", array("<f8", (1,), bytes(16)))
    ),
    "an array of 2^63 bytes": message(b"N", record(101, "a", array("<f8", (1 << 60,), b""))),
    "an array whose size overflows to 0": message(
        b"N", record(101, "a", array("<f8", (1 << 32, 1 << 32, 1 << 32), b""))
    ),
    "an empty array of impossible shape": message(
        b"N", record(101, "a", array("<f8", (0, 1 << 63), b""))
    ),
    "an array of 200 dimensions": message(
        b"N", record(101, "a", array("<f8", (1,) * 200, bytes(8)))
    ),
    "a truth value of 2": message(b"N", record(101, "a", array("|b1", (1,), b"\x02"))),
    "a truth value of 255 as a scalar": message(b"n\x03|b1\xff"),
    "a letter beyond Unicode": message(b"N", record(101, "a", array("<U1", (1,), b"\xff" * 4))),
    "a letter beyond Unicode, swapped": message(
        b"N", record(101, "a", array(">U1", (1,), b"\x7f" * 4))
    ),
    "an array of elements without a size": message(
        b"N", record(101, "a", array("|S0", (64,), b""))
    ),
    "an array of text without a size": message(b"N", record(101, "a", array("<U0", (3,), b""))),
    "an empty array with a huge length": message(
        b"N", record(101, "a", array("<f8", (0, 1 << 30), b""))
    ),
    "an empty array whose lengths overflow": message(
        b"N", record(101, "a", array("<f8", (1 << 32, 0, 1 << 32), b""))
    ),
    "a dtype that NumPy writes otherwise": message(b"D\x03=f8"),
    "a time in an unknown unit": message(b"D\x07<M8[xs]"),
    "a time without a unit": message(b"n\x03<M8" + bytes(8)),
    "a scalar without its bytes": message(b"n\x03<f8"),
    "a scalar text without a size": message(b"n\x03|S0"),
    "a scalar text without a size but with bytes": message(b"n\x03|S0x"),
    "a record numbered 0": message(b"N", record(0, "l", bytes(4))),
    "a record numbered 1": message(b"N", record(1, "l", bytes(4))),
    "a record numbered 2^63 + 1": message(b"N", record((1 << 63) + 1, "l", bytes(4))),
    "an array in the memory of another": message(
        b"N", record(101, "v", struct.pack("<QQqQ", 4, 0, 8, 1))
    ),
    "an array that grows": message(b"N", record(4, "a", array("<f8", (2, 3, 1), bytes(48)))),
    "an object that is replaced": message(b"N", record(14, "o", b"t\0\0\0\0")),
    "an int that has too many digits": message(b"I" + struct.pack("<I", 1781) + bytes(1781)),
    "a range of 2^62 numbers": message(b"r" + INT(0) + INT(1 << 62) + INT(1)),
    "a range of one step too many": message(b"r" + INT(0) + INT(-2_000_001) + INT(-1)),
    "a range without a step": message(b"r" + INT(0) + INT(1) + INT(0)),
    "ranges that are long together": message(
        b"t\2\0\0\0" + 2 * (b"r" + INT(0) + INT(1_100_000) + INT(1))
    ),
    "keys with the same hash": message(
        b"N", record(101, "d", struct.pack("<I", 100) + b"".join(
            INT(i * (2**61 - 1)) + b"N" for i in range(100)))
    ),
    "elements with the same hash": message(
        b"z" + struct.pack("<I", 100) + b"".join(INT(i * (2**61 - 1)) for i in range(100))
    ),
    "a known array of another shape": message(
        b"N", record(4, "a", array("<f8", (3, 2), bytes(48)))
    ),
    "a known array of another type": message(b"N", record(4, "a", array("<i8", (2, 3), bytes(48)))),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_what_no_honest_sender_writes_is_refused(what):
    heap, _, shared = some_heap(0)
    before = [np.copy(x) if isinstance(x, np.ndarray) else repr(x) for x in shared]
    with pytest.raises(CodecError):
        unpack(BAD[what], heap)
    for old, new in zip(before, shared, strict=True):
        assert np.array_equal(old, new) if isinstance(new, np.ndarray) else old == repr(new)


def test_long_messages_and_large_dicts_are_refused(monkeypatch):
    monkeypatch.setattr(codec, "MAX_BYTES", 1000)
    with pytest.raises(CodecError, match="too long"):
        unpack(bytes(1001), SharedObjects(0))
    with pytest.raises(CannotCross, match="at once"):
        pack(bytes(1001), SharedObjects(0))
    monkeypatch.undo()
    for value in (set(range(20_000)), dict.fromkeys(range(20_000))):
        with pytest.raises(CannotCross, match="of more than 16,384 elements"):
            pack(value, SharedObjects(1))
        monkeypatch.setattr(codec, "limited", lambda values: values)
        data = b"".join(pack(value, SharedObjects(1)))
        monkeypatch.undo()
        with pytest.raises(CodecError, match="too large"):
            unpack(data, SharedObjects(0))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 63, reason="no extended floats here")
@pytest.mark.parametrize(("dtype", "count"), [("<f16", 1), (">f16", 1), ("<c32", 2), (">c32", 2)])
def test_extended_floats_that_no_processor_makes_are_refused(dtype, count):
    for first, second in ((0x3FFF, 0), (0, 0x80), (0x7FFF, 0), (0x7FFF, 0x7F)):
        one = bytes(7) + bytes([second]) + struct.pack("<H", first) + bytes(6)
        data = count * (one[::-1] if dtype[0] == ">" else one)
        with pytest.raises(CodecError, match="extended float"):
            unpack(message(b"N", record(101, "a", array(dtype, (1,), data))), SharedObjects(0))
    good = bytes(7) + b"\x80" + struct.pack("<H", 0x3FFF) + b"\xa5" * 6  # 1, and some padding
    data = count * (good[::-1] if dtype[0] == ">" else good)
    value, _ = unpack(
        message(MENTION, record(101, "a", array(dtype, (1,), data))), SharedObjects(0)
    )
    assert value.real.tolist() == [1]


@pytest.mark.parametrize("dtype", ["<f16", ">f16", "<c32", ">c32"])
def test_the_padding_of_extended_floats_is_never_sent(dtype):
    if np.dtype(dtype).itemsize * 8 == np.finfo(np.longdouble).bits and not codec.EXTENDED:
        pytest.skip("they have no padding here")
    stale = np.arange(1, 4).astype(dtype)
    raw = stale.view(np.uint8)
    codec.extended_floats(raw, stale.dtype)[:, 10:] = 0xA5
    assert b"\xa5" in stale.tobytes()
    for value in (stale, stale[0], [stale[::2]], stale * 2):
        assert b"\xa5" not in b"".join(pack(value, SharedObjects(0)))
    there = cross(stale, SharedObjects(0), SharedObjects(1))
    np.testing.assert_array_equal(there, stale)


def test_what_an_array_is_not_told_is_zero():
    heap = SharedObjects(0)
    for size in range(1, 200):
        del (stale := [np.full(size, 0xA5, np.uint8) for _ in range(8)])[:]
    for flags in range(8):
        data = message(MENTION, record(101 + 2 * flags, "a", array("|i1", (50,), bytes(50)), flags))
        value, _ = unpack(data.replace(MENTION, b"x" + struct.pack("<Q", 101 + 2 * flags)), heap)
        owner = value if value.base is None else value.base
        assert owner.tobytes().strip(b"\0") == b""
    assert stale == []


def test_dicts_that_could_collide_are_limited_together():
    few, many = ([dict.fromkeys(range(9000)) for _ in range(n)] for n in (3, 4))
    assert len(cross(few, SharedObjects(1), SharedObjects(0))) == 3
    with pytest.raises(CodecError, match="too large"):
        cross(many, SharedObjects(1), SharedObjects(0))


def test_what_is_shared_is_limited(monkeypatch):
    monkeypatch.setattr(codec, "MAX_SHARED_BYTES", 10_000)
    heap, peer = SharedObjects(0), SharedObjects(1)
    kept = [np.ones(500), [0]]
    there = cross(kept, heap, peer)
    with pytest.raises(CannotCross, match="shared"):
        pack(np.ones(1000), heap)
    there[1] += range(1000)  # what is shared already grows
    monkeypatch.setattr(codec, "MAX_SHARED_BYTES", 1 << 30)
    data = b"".join(pack(None, peer))
    monkeypatch.setattr(codec, "MAX_SHARED_BYTES", 10_000)
    with pytest.raises(CodecError, match="shared"):
        unpack(data, heap)
    there[1][:] = []
    heap, peer = SharedObjects(0), SharedObjects(1)
    for _ in range(20):  # what is dropped counts no more
        cross(np.ones(1000), heap, peer)
        for number in list(heap.things):
            heap.drop(number), peer.drop(number)
    assert heap.cost == peer.cost == 0


def test_an_int_that_crosses_can_be_written():
    most = 1 << (8 * 1780 - 1)
    for value in (most - 1, 1 - most):
        assert str(cross(value, SharedObjects(0), SharedObjects(1))) == str(value)
    for value in (most, -most - 1):
        with pytest.raises(CannotCross, match="an int of 1781 bytes"):
            pack(value, SharedObjects(0))


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
        cross(endless(what), SharedObjects(1), SharedObjects(0))


def test_what_becomes_endless_bit_by_bit_is_refused():
    near, far = SharedObjects(1), SharedObjects(0)
    lists = [[i] for i in range(60)]
    cross(lists, near, far)
    for i in range(1, 20):
        lists[i] += [lists[i - 1], lists[i - 1]]
        cross(None, near, far)
    for i in range(20, 60):
        lists[i] += [lists[i - 1], lists[i - 1]]
    with pytest.raises(CodecError, match="endless"):
        cross(None, near, far)


def test_what_is_met_often_may_cross():
    row, ring, deep = [0.0] * 100, [1], []
    ring.append(ring)
    for _ in range(5000):
        deep = [deep, ring]
    values = [[row] * 1000, ring, deep, [[i] for i in range(9000)], dict.fromkeys(range(999), row)]
    there = cross(values, SharedObjects(1), SharedObjects(0))
    assert there[0] == values[0]
    assert there[1][1] is there[1]
    assert there[3] == values[3]


def test_a_value_is_named_in_no_time_whatever_it_holds():
    ring = []
    ring += [ring, {"ring": ring}]
    twice = [0]
    for _ in range(200):
        twice = [twice, twice]
    for value in (
        ring,
        twice,
        (twice,),
        {1: twice},
        10**4000,
        [10**5000],
        "x" * 10**7,
        [[[[[1]]]]],
    ):
        assert len(short(value)) < 90


@pytest.mark.parametrize("size", [10, 100_000])
def test_a_tidy_side_forgets_arrays_of_any_size(size):
    judge, student = SharedObjects(0), SharedObjects(1)
    unpack(b"".join(pack(np.ones(size), judge)), student)
    assert len(judge.things) == len(student.things) == 1
    unpack(b"".join(pack(None, judge, tidy=True)), student)
    assert len(judge.things) == len(student.things) == 0


def test_numbers_are_given_one_after_another():
    """Numbers that a sender could choose freely would collide in dicts."""
    heap, peer = SharedObjects(0), SharedObjects(1)
    far = codec.NUMBERS_AHEAD + 3
    with pytest.raises(CodecError, match="number"):
        unpack(message(b"N", record(far, "l", bytes(4))), heap)
    with pytest.raises(CodecError, match="number"):
        unpack(message(b"N", *(record(n, "l", bytes(4)) for n in (far - 2, 2 * far - 5))), heap)
    assert not heap.things
    for _ in range(3):  # what does not cross uses no numbers up
        with pytest.raises(CannotCross):
            pack([[[]] * 9, {1}, object(), 10**9999], peer)
    cross([[], print], peer, heap)
    assert list(heap.things) == [3, 5]
    assert peer.next == 9
    with pytest.raises(CodecError, match="number"):  # 7 is that of an object
        unpack(message(b"N", record(7, "l", bytes(4))), heap)
    unpack(message(b"N", record(7 + codec.NUMBERS_AHEAD, "l", bytes(4))), heap)


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
    heap = SharedObjects(0)
    unpack(message(b"N", record(101, "l", lists()), *doubling(103, 141, 101)), heap)
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N", record(101, "l", struct.pack("<I", 9999) + b"N" * 9999)), heap)


def test_the_judges_own_lists_count_in_those_that_hold_them():
    heap = SharedObjects(0)
    mine = [0.5] * 9999
    pack(mine, heap)
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N", *doubling(101, 139, heap.number(mine))), heap)
    mine, heap = [], SharedObjects(0)
    pack(mine, heap)
    unpack(message(b"N", *doubling(101, 139, heap.number(mine))), heap)
    mine += range(9999)
    pack(None, heap)
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N"), heap)


def test_a_submission_drops_no_copy_of_the_judges():
    """What is dropped would count no more in what holds it, and could be built upon."""
    heap, peer, _ = some_heap(0)
    for number, thing in list(heap.things.items()):
        if thing.kind == codec.OBJECT:
            unpack(message(forget=[number]), heap)
            assert number not in heap.things
        else:
            with pytest.raises(CodecError, match="drops"):
                unpack(message(forget=[number]), heap)
            assert number in heap.things
    unpack(message(forget=[77, 0, 2**64 - 1]), heap)  # nothing has these numbers
    number = peer.number(peer.things[4].value)
    unpack(message(forget=[number]), peer)
    assert number not in peer.things


def test_nothing_changes_before_the_whole_message_has_been_read():
    for bad in (b"?", b"NN", b"", b"x" + struct.pack("<Q", 77)):
        heap, _, shared = some_heap(0)
        changes = [
            record(heap.number(shared[0]), "a", array("<f8", (2, 3), b"\x01" * 48)),
            record(heap.number(shared[1]), "l", lists()),
            record(heap.number(shared[4]), "B", b"xyz"),
        ]
        with pytest.raises(CodecError):
            unpack(message(bad, *changes), heap)
        assert shared[0].tolist() == [[0, 1, 2], [3, 4, 5]]
        assert (shared[1], shared[4]) == ([1, 2], bytearray(b"ab"))
    heap, _, shared = some_heap(0)
    own = heap.number(shared[1])
    with pytest.raises(CodecError, match="endless"):
        unpack(message(b"N", record(own, "l", lists(own, own))), heap)
    assert shared[1] == [1, 2]


def test_too_many_elements_are_refused_on_both_sides():
    many = [None] * 600_000
    with pytest.raises(CannotCross, match="more than 1,000,000 elements"):
        pack((many, many.copy()), SharedObjects(1))
    with pytest.raises(CannotCross, match="more than 1,000,000 elements"):
        pack(tuple(many), heap := SharedObjects(1)), pack(tuple(many + many), heap)
    data = message(b"N", *(record(n, "l", U32(600_000) + b"N" * 600_000) for n in (101, 103)))
    with pytest.raises(CodecError, match="too many elements"):
        unpack(data, SharedObjects(0))
    assert len(cross(many, SharedObjects(1), SharedObjects(0))) == 600_000


def U32(n):  # noqa: N802
    return struct.pack("<I", n)


def test_a_failed_message_leaves_nothing_behind():
    heap, peer = SharedObjects(0), SharedObjects(1)
    tuples = ()
    for _ in range(100):
        tuples = (tuples,)
    with pytest.raises(CannotCross):
        pack([[1], np.ones(2), tuples], heap)
    assert heap.things == {}
    assert cross([[1]], heap, peer) == [[1]]


BITS = ["PCG64", "PCG64DXSM", "SFC64", "Philox", "MT19937"]


def generator_message(bits, changes):
    """Return shared objects with a generator in them, and a message that changes its state.

    Args:
        bits: the kind of generator.
        changes: new values of the numbers of its state, by their place.
    """
    heap, peer = SharedObjects(0), SharedObjects(1)
    rng = np.random.Generator(getattr(np.random, bits)(1))
    cross(rng, heap, peer)
    numbers = codec.state_numbers(rng.bit_generator.state)
    for place, number in changes.items():
        numbers[place:place] = [None]
        numbers[place : place + 2] = number if type(number) is list else [number]
    content = codec.Encoder(SharedObjects(1)).values([bits, *numbers], 1)
    return heap, rng, message(b"N", record(2, "g", content))


@pytest.mark.parametrize(
    ("bits", "changes"),
    [
        *((bits, {place: number}) for bits in BITS for place in (0, -1) for number in (
            -1, 2**128, 1.5, None, True, [], [0, 0])),
        ("PCG64", {2: 2}), ("PCG64", {3: 2**32}), ("SFC64", {0: 2**64}), ("SFC64", {4: 2}),
        ("MT19937", {0: 2**32}), ("MT19937", {624: 625}),
        ("Philox", {10: 5}), ("Philox", {9: 2**64}),
    ],
    ids=str,
)  # fmt: skip
def test_impossible_states_of_random_generators_are_refused(bits, changes):
    if -1 in changes:
        last = len(codec.GENERATORS[getattr(np.random, bits)]) - 1
        changes = {last: changes[-1]}
    heap, rng, data = generator_message(bits, changes)
    before = codec.state_numbers(rng.bit_generator.state)
    with pytest.raises(CodecError):
        unpack(data, heap)
    assert codec.state_numbers(rng.bit_generator.state) == before


@pytest.mark.parametrize("bits", BITS)
def test_the_largest_numbers_of_a_state_are_possible(bits):
    highest = codec.GENERATORS[getattr(np.random, bits)]
    heap, rng, data = generator_message(bits, dict(enumerate(highest)))
    unpack(data, heap)
    assert codec.state_numbers(rng.bit_generator.state) == highest
    rng.standard_normal(1000), rng.integers(9, size=1000, dtype=np.int32), rng.permutation(99)


@pytest.mark.parametrize("bits", BITS)
def test_a_generator_that_was_handed_over_draws_on_both_sides(bits):
    heap, peer, make = SharedObjects(0), SharedObjects(1), getattr(np.random, bits)
    rng, same_seed = (np.random.Generator(make(1)) for _ in range(2))
    there = cross(rng, heap, peer)
    assert there.integers(9, dtype=np.int32) == same_seed.integers(9, dtype=np.int32)
    cross(None, peer, heap)
    assert rng.integers(9, dtype=np.int32) == same_seed.integers(9, dtype=np.int32)
    assert rng.random() == same_seed.random()
