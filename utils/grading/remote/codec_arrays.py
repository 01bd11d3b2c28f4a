"""The codec's arrays, scalars and random generators: what NumPy may be given of a message."""

from __future__ import annotations

import functools
import math
import re
import struct
import sys
from typing import Any

import numpy as np

from utils.grading.remote.codec_format import (
    C_ORDER,
    F_ORDER,
    MAX_BYTES,
    MAX_DIMENSIONS,
    MAX_EMPTY,
    READ_ONLY,
    SMALL,
    STRIDED,
    Buffer,
    CannotCross,
    CodecError,
)

# Dtypes and arrays ------------------------------------------------------------------------------

DTYPE_TEXT = re.compile(
    r"\|b1|\|[iu]1|[<>](?:[iu][248]|f(?:2|4|8|12|16)|c(?:8|16|24|32))|\|S\d{1,5}|[<>]U\d{1,5}"
    r"|[<>][Mm]8(?:\[\d{0,6}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)
_EXTENDED = np.finfo(np.longdouble).nmant == 63  # x87: ten bytes of number, six of padding


@functools.lru_cache(256)
def plain_dtype(dtype: np.dtype) -> bool:
    """Return whether an array of this dtype crosses: numbers, text or times, of some size."""
    return dtype.itemsize > 0 and bool(DTYPE_TEXT.fullmatch(dtype.str))


@functools.lru_cache(64)
def read_dtype(text: str) -> np.dtype:
    if not DTYPE_TEXT.fullmatch(text):
        raise CodecError("an unknown dtype")
    dtype = np.dtype(text)
    if dtype.str != text:
        raise CodecError("a dtype is not written as NumPy writes it")
    return dtype


@functools.lru_cache(256)
def _bytes_needed(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return how many bytes an array has; all of it is worked out in Python integers."""
    if not dtype.itemsize:
        raise CodecError("an array's elements have no size")
    if len(shape) > MAX_DIMENSIONS:
        raise CodecError("an array has too many dimensions")
    if 0 in shape and math.prod(length for length in shape if length) > MAX_EMPTY:
        raise CodecError("an empty array has an impossible shape")
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise CodecError("an array is too long")
    return size


def read_numbers(data: memoryview, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return a read-only array in a message's bytes, which have been looked at."""
    if _bytes_needed(shape, dtype) != len(data):
        raise CodecError("an array's shape does not fit its bytes")
    if not len(data):
        return np.zeros(shape, dtype)
    if dtype.kind not in "iuS" and dtype.char not in "dfFD":
        _look_at(data, dtype)
    return np.frombuffer(data, dtype).reshape(shape)


def _look_at(data: memoryview, dtype: np.dtype) -> None:
    """Refuse bytes that no array of this dtype has; any are an int's, a byte's or a double's."""
    if dtype.kind == "b" and np.frombuffer(data, np.uint8).max() > 1:
        raise CodecError("a truth value is neither 0 nor 1")  # NumPy counts on it
    if dtype.str[1:] == "M8" and not np.isnat(np.frombuffer(data, dtype)).all():
        raise CodecError("a time has no unit")  # NumPy cannot write it
    if dtype.kind == "U":
        letters = np.frombuffer(data, np.dtype(dtype.str[0] + "u4"))
        if letters.max() > sys.maxunicode:
            raise CodecError("a character is out of range")
    if _EXTENDED and dtype.char in "gG":
        parts = _extended_bytes(np.frombuffer(data, np.uint8), dtype)
        has_exponent = (parts[:, 8] != 0) | (parts[:, 9] & 0x7F != 0)
        if (has_exponent != (parts[:, 7] >= 0x80)).any():
            raise CodecError("an extended float is not a number that a processor makes")


def without_padding(data: bytes, dtype: np.dtype) -> bytes:
    """Return bytes of numbers in which what the processor does not use is 0."""
    if not _EXTENDED or dtype.char not in "gG":
        return data
    raw = np.frombuffer(bytearray(data), np.uint8)
    _extended_bytes(raw, dtype)[:, 10:] = 0  # this was whatever had been in memory before
    return raw.tobytes()


def _extended_bytes(raw: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return the bytes of extended floats, a row for each, the least significant one first."""
    rows = raw.reshape(-1, 16)
    return rows if dtype.isnative else rows[:, ::-1]


def new_array(numbers: np.ndarray, flags: int) -> np.ndarray:
    """Return an array of its own with these numbers, which lies in memory as the flags say."""
    order = flags & 3
    if order == STRIDED and numbers.ndim:
        array = np.zeros((*numbers.shape, 2), numbers.dtype)[..., 0]
    else:
        array = np.zeros(numbers.shape, numbers.dtype, order="F" if order == F_ORDER else "C")
    array[...] = numbers
    if flags & READ_ONLY:
        array.flags.writeable = False
    return array


def array_content(array: np.ndarray) -> tuple[int, list[Buffer]]:
    """Return flags and content of an array's record."""
    if array.nbytes > MAX_BYTES:
        raise CannotCross(f"an array of {array.nbytes / 1e6:,.0f} MB cannot be handed over")
    how, dtype = array.flags, array.dtype
    flags = C_ORDER if how.c_contiguous else F_ORDER if how.f_contiguous else STRIDED
    if not how.writeable:
        flags |= READ_ONLY
    head = _type_and_shape(dtype.str, array.shape)
    if dtype.char in "gG":
        return flags, [head + without_padding(array.tobytes(), dtype)]
    if array.nbytes < SMALL or not how.c_contiguous:
        return flags, [head + array.tobytes()]
    return flags, [head, memoryview(array.reshape(-1).view(np.uint8)).cast("B")]


@functools.lru_cache(256)
def _type_and_shape(dtype: str, shape: tuple[int, ...]) -> bytes:
    if len(shape) > MAX_DIMENSIONS or (
        0 in shape and math.prod(length for length in shape if length) > MAX_EMPTY
    ):
        raise CannotCross(f"an array of shape {shape} cannot be handed over")
    text = dtype.encode()
    return struct.pack(f"<B{len(text)}sB{len(shape)}Q", len(text), text, len(shape), *shape)


# Random generators ------------------------------------------------------------------------------

# The parts of a bit generator's state: the largest value of a number; of an array its length and
# the largest value of an element.
_WORD, _QUAD = (1 << 32) - 1, (1 << 64) - 1
_PCG = {"state": {"state": (1 << 128) - 1, "inc": (1 << 128) - 1}}
_HALF = {"has_uint32": 1, "uinteger": _WORD}
BIT_GENERATORS: dict[str, tuple[type, dict[str, Any]]] = {
    "PCG64": (np.random.PCG64, _PCG | _HALF),
    "PCG64DXSM": (np.random.PCG64DXSM, _PCG | _HALF),
    "SFC64": (np.random.SFC64, {"state": {"state": (4, _QUAD)}} | _HALF),
    "MT19937": (np.random.MT19937, {"state": {"key": (624, _WORD), "pos": 624}}),
    "Philox": (
        np.random.Philox,
        {
            "state": {"counter": (4, _QUAD), "key": (2, _QUAD)},
            "buffer": (4, _QUAD),
            "buffer_pos": 4,
        }
        | _HALF,
    ),
}


def generator_state(generator: np.random.Generator) -> tuple:
    """Return the name of a bit generator and its state as nested tuples."""

    def freeze(part: Any) -> Any:
        if isinstance(part, dict):
            return tuple((k, freeze(item)) for k, item in part.items() if k != "bit_generator")
        return tuple(map(int, part)) if isinstance(part, np.ndarray) else int(part)

    bits = generator.bit_generator
    return type(bits).__name__, freeze(bits.state)


def checked_state(given: Any, name: str) -> dict[str, Any]:
    """Return a bit generator's state as NumPy takes it: NumPy itself does not check it."""

    def thaw(part: Any, limits: Any) -> Any:
        if isinstance(limits, dict):
            pairs = part if type(part) is tuple else ()
            names = [pair[0] for pair in pairs if type(pair) is tuple and len(pair) == 2]
            if len(names) != len(pairs) or sorted(names) != sorted(limits):
                raise CodecError("a random generator's state has the wrong parts")
            return {name: thaw(item, limits[name]) for name, item in pairs}
        if isinstance(limits, tuple):
            length, highest = limits
            if type(part) is not tuple or len(part) != length:
                raise CodecError("a random generator's state has the wrong length")
            kind = np.uint32 if highest == _WORD else np.uint64
            return np.array([thaw(item, highest) for item in part], dtype=kind)
        if type(part) is not int or not 0 <= part <= limits:
            raise CodecError("a random generator's state is out of range")
        return part

    if type(given) is not tuple or len(given) != 2 or given[0] != name:
        raise CodecError("a random generator became one of another kind")
    return {"bit_generator": name, **thaw(given[1], BIT_GENERATORS[name][1])}
