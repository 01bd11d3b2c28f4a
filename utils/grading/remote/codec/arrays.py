"""Read arrays and dtypes from untrusted bytes, and write them."""

from __future__ import annotations

import builtins
import functools
import math
import re
import struct
import sys

import numpy as np

from utils.grading.remote.codec.format import (
    MAX_BYTES,
    MAX_DIMENSIONS,
    MAX_ITEMS,
    U8,
    Buffer,
    CannotCross,
    CodecError,
)

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

# An array's flags: its memory order, and whether it is writeable.
C_ORDER, F_ORDER, STRIDED, READ_ONLY = 0, 1, 2, 4

DTYPE_TEXT = re.compile(
    r"\|b1|\|[iu]1|[<>](?:[iu][248]|f(?:2|4|8|12|16)|c(?:8|16|24|32))|\|S\d{1,5}|[<>]U\d{1,5}"
    r"|[<>][Mm]8(?:\[\d{0,6}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)

# Extended floats (x87) have ten bytes of number and six of padding.
EXTENDED = "gG" if np.finfo(np.longdouble).nmant == 63 else ""


@functools.lru_cache(64)
def dtype_of(text: str) -> np.dtype:
    """Return the dtype that a text names; NumPy sees only text that matches `DTYPE_TEXT`."""
    if not DTYPE_TEXT.fullmatch(text):
        raise CodecError("an unknown dtype")
    dtype = np.dtype(text)
    if dtype.str != text:
        raise CodecError("a dtype is not written as NumPy writes it")
    return dtype


def array_size(dtype: np.dtype, shape: tuple[int, ...]) -> int:
    """Return an array's size in bytes, computed in Python integers; -1 if it may not cross."""
    size = math.prod(shape) * dtype.itemsize
    if not dtype.itemsize or len(shape) > MAX_DIMENSIONS or size > MAX_BYTES:
        return -1
    if not size and math.prod(length or 1 for length in shape) > MAX_ITEMS:
        return -1
    return size


def extended_floats(data: Buffer, dtype: np.dtype) -> np.ndarray:
    """Return extended floats as rows of two u64: the significand; sign, exponent and padding."""
    raw = np.frombuffer(data, np.uint8).reshape(-1, 16)
    return np.ascontiguousarray(raw if dtype.isnative else raw[:, ::-1]).view("<u8")


def check_numbers(data: memoryview, dtype: np.dtype) -> None:
    """Refuse bytes that are invalid for the dtype (for ints, doubles and byte strings none are)."""
    kind = dtype.kind
    if kind == "b" and np.frombuffer(data, np.uint8).max() > 1:
        raise CodecError("a truth value is neither 0 nor 1")  # NumPy counts on it
    if kind == "U" and np.frombuffer(data, dtype.str[0] + "u4").max() > sys.maxunicode:
        raise CodecError("a character is out of range")
    if kind == "M" and dtype.str[1:] == "M8" and not np.isnat(np.frombuffer(data, dtype)).all():
        raise CodecError("a time has no unit")  # NumPy cannot write it
    if dtype.char in EXTENDED:
        significand, exponent = extended_floats(data, dtype).T
        if ((exponent & 0x7FFF != 0) != (significand >> 63 != 0)).any():
            raise CodecError("an extended float is not a number that a processor makes")


def new_array(numbers: np.ndarray, flags: int) -> np.ndarray:
    """Copy numbers into a new array, with the memory order and writeability that the flags say."""
    if flags & 3 == STRIDED:
        array = np.repeat(numbers[..., np.newaxis], 2, axis=-1)[..., 0]
    else:
        array = numbers.copy("F" if flags & 3 == F_ORDER else "C")
    array.flags.writeable = not flags & READ_ONLY
    return array


# Writing this side's own arrays -------------------------------------------------------------------


def array_content(array: np.ndarray) -> tuple[int, bytes]:
    """Return the flags and the content of an array's record."""
    how = array.flags
    if array.nbytes > MAX_BYTES:
        raise CannotCross(f"an array of {array.nbytes / 1e6:,.0f} MB cannot be handed over")
    flags = C_ORDER if how.c_contiguous else F_ORDER if how.f_contiguous else STRIDED
    flags |= 0 if how.writeable else READ_ONLY
    return flags, _array_head(array.dtype, array.shape) + numbers_of(array)


@functools.lru_cache(64)
def _array_head(dtype: np.dtype, shape: tuple[int, ...]) -> bytes:
    if array_size(dtype, shape) < 0:
        raise CannotCross(f"an array of shape {shape} cannot be handed over")
    return dtype_text(dtype) + struct.pack(f"<B{len(shape)}Q", len(shape), *shape)


def dtype_text(dtype: np.dtype) -> bytes:
    return U8.pack(len(dtype.str)) + dtype.str.encode()


def numbers_of(array: np.ndarray) -> bytes:
    """Return an array's numbers in C order, with the padding of extended floats cleared."""
    if array.dtype.char not in EXTENDED:
        return array.tobytes()
    words = extended_floats(bytearray(array.tobytes()), array.dtype)
    words[:, 1] &= 0xFFFF
    return (words if array.dtype.isnative else words.view(np.uint8)[:, ::-1]).tobytes()
