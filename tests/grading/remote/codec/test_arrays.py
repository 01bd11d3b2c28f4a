"""Arrays: what no processor makes is refused, and what nobody wrote is never sent."""

import struct

import numpy as np
import pytest

from tests.grading.remote.codec.messages import (
    MENTION,
    SharedObjects,
    array,
    cross,
    message,
    record,
)
from utils.grading.remote.codec import CodecError, pack, unpack
from utils.grading.remote.codec.arrays import EXTENDED


@pytest.mark.skipif(np.finfo(np.longdouble).nmant != 63, reason="no extended floats here")
@pytest.mark.parametrize(("dtype", "count"), [("<f16", 1), (">f16", 1), ("<c32", 2), (">c32", 2)])
def test_extended_floats_that_no_processor_makes_are_refused(dtype, count):
    for first, second in ((0x3FFF, 0), (0, 0x80), (0x7FFF, 0), (0x7FFF, 0x7F)):
        one = bytes(7) + bytes([second]) + struct.pack("<H", first) + bytes(6)
        data = count * (one[::-1] if dtype[0] == ">" else one)
        with pytest.raises(CodecError, match="extended float"):
            unpack(message(b"N", record(101, "a", array(dtype, (1,), data))), SharedObjects(True))
    good = bytes(7) + b"\x80" + struct.pack("<H", 0x3FFF) + b"\xa5" * 6  # 1, and some padding
    data = count * (good[::-1] if dtype[0] == ">" else good)
    value = unpack(
        message(MENTION, record(101, "a", array(dtype, (1,), data))), SharedObjects(True)
    )
    assert value.real.tolist() == [1]


@pytest.mark.parametrize("dtype", ["<f16", ">f16", "<c32", ">c32"])
def test_the_padding_of_extended_floats_is_never_sent(dtype):
    if np.dtype(dtype).itemsize * 8 == np.finfo(np.longdouble).bits and not EXTENDED:
        pytest.skip("they have no padding here")
    stale = np.arange(1, 4).astype(dtype)
    raw = stale.view(np.uint8)
    raw.reshape(-1, 16)[:, slice(10, None) if stale.dtype.isnative else slice(6)] = 0xA5
    assert b"\xa5" in stale.tobytes()
    for value in (stale, stale[0], [stale[::2]], stale * 2):
        assert b"\xa5" not in b"".join(pack(value, SharedObjects(True)))
    there = cross(stale, SharedObjects(True), SharedObjects(False))
    np.testing.assert_array_equal(there, stale)


def test_what_an_array_is_not_told_is_zero():
    side = SharedObjects(True)
    for size in range(1, 200):
        del (stale := [np.full(size, 0xA5, np.uint8) for _ in range(8)])[:]
    for flags in range(8):
        data = message(MENTION, record(101 + 2 * flags, "a", array("|i1", (50,), bytes(50)), flags))
        value = unpack(data.replace(MENTION, b"x" + struct.pack("<Q", 101 + 2 * flags)), side)
        owner = value if value.base is None else value.base
        assert owner.tobytes().strip(b"\0") == b""
    assert stale == []
