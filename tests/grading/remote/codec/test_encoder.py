"""What the encoder writes: what goes in comes out, once, and no more than may cross."""

import struct
from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.grading.remote.codec.messages import U32, SharedObjects, cross, message, record
from utils.grading.remote.codec import CannotCross, CodecError, encoder, pack, unpack
from utils.grading.remote.codec import format as fmt


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
arrays |= arrays.map(np.asfortranarray) | arrays.map(lambda a: a[..., ::-2] if a.ndim else a)
arrays |= arrays.map(np.transpose) | arrays.map(lambda a: np.broadcast_to(a, (2, *a.shape)))
keys = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.binary(),
    st.tuples(st.integers(), st.text()), st.frozensets(st.integers()),
)  # fmt: skip
leaves = st.one_of(
    keys, st.floats(), st.complex_numbers(), arrays, st.builds(range, st.integers(-9, 9)),
    st.builds(slice, st.integers(), st.none() | st.integers()), st.just(...),
    st.binary().map(bytearray), st.sets(keys, max_size=4), st.sampled_from([np.float32, int,
    np.dtype(">i4"), np.float64(2.5), np.int8(-1), np.bool_(True), np.complex64(1 + 2j), np.ndarray,
    np.str_("x"), np.bytes_(b"x"), np.datetime64("2024-01-02"), np.timedelta64(5, "s"), 2**63,
    -(2**63), NotImplemented, OrderedDict(a=1, b=[2])]),
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
    for is_judge in (True, False):
        near, far = SharedObjects(is_judge), SharedObjects(not is_judge)
        there = cross(value, near, far)
        assert same(there, value)
        assert cross(there, far, near) is value or same(value, cross(there, far, near))


@given(values, values)
def test_nothing_is_sent_again_unless_it_changed(one, two):
    near, far = SharedObjects(True), SharedObjects(False)
    cross([one, two], near, far)
    again = b"".join(pack(None, near))
    assert struct.unpack_from("<II", again) == (0, 0)
    assert b"".join(pack(None, far))[:8] == again[:8]


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 99)), max_size=8))
def test_copies_on_both_sides_stay_equal_whatever_is_done_to_them(steps):
    near, far = SharedObjects(True), SharedObjects(False)
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


def test_long_messages_and_large_dicts_are_refused(monkeypatch):
    monkeypatch.setattr(fmt, "MAX_BYTES", 1000)
    with pytest.raises(CodecError, match="too long"):
        unpack(bytes(1001), SharedObjects(True))
    with pytest.raises(CannotCross, match="at once"):
        pack(bytes(1001), SharedObjects(True))
    monkeypatch.undo()
    for value in (set(range(20_000)), dict.fromkeys(range(20_000))):
        with pytest.raises(CannotCross, match="of more than 16,384 elements"):
            pack(value, SharedObjects(False))
        monkeypatch.setattr(encoder, "limited", lambda values: values)
        data = b"".join(pack(value, SharedObjects(False)))
        monkeypatch.undo()
        with pytest.raises(CodecError, match="too large"):
            unpack(data, SharedObjects(True))


def test_an_int_that_crosses_can_be_written():
    most = 1 << (8 * 1780 - 1)
    for value in (most - 1, 1 - most):
        assert str(cross(value, SharedObjects(True), SharedObjects(False))) == str(value)
    for value in (most, -most - 1):
        with pytest.raises(CannotCross, match="an int of 1781 bytes"):
            pack(value, SharedObjects(True))


def test_what_is_met_often_may_cross():
    row, ring, deep = [0.0] * 100, [1], []
    ring.append(ring)
    for _ in range(5000):
        deep = [deep, ring]
    values = [[row] * 1000, ring, deep, [[i] for i in range(9000)], dict.fromkeys(range(999), row)]
    there = cross(values, SharedObjects(False), SharedObjects(True))
    assert there[0] == values[0]
    assert there[1][1] is there[1]
    assert there[3] == values[3]


def test_too_many_elements_are_refused_on_both_sides():
    many = [None] * 600_000
    with pytest.raises(CannotCross, match="more than 1,000,000 elements"):
        pack((many, many.copy()), SharedObjects(False))
    with pytest.raises(CannotCross, match="more than 1,000,000 elements"):
        pack(tuple(many), side := SharedObjects(False)), pack(tuple(many + many), side)
    data = message(b"N", *(record(n, "l", U32(600_000) + b"N" * 600_000) for n in (101, 103)))
    with pytest.raises(CodecError, match="too many elements"):
        unpack(data, SharedObjects(True))
    assert len(cross(many, SharedObjects(False), SharedObjects(True))) == 600_000


def test_a_failed_message_leaves_nothing_behind():
    side, peer = SharedObjects(True), SharedObjects(False)
    tuples = ()
    for _ in range(100):
        tuples = (tuples,)
    with pytest.raises(CannotCross, match="nested more than"):
        pack([[1], np.ones(2), tuples], side)
    assert side.objects == {}
    assert cross([[1]], side, peer) == [[1]]
