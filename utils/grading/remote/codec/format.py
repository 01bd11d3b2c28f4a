"""The format of a message: its limits, the tags of values, the kinds of records."""

from __future__ import annotations

import builtins
import io
import struct
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

MAX_BYTES = 1 << 28  # of one message, and so of one array
MAX_SHARED_BYTES = 1 << 30  # of all copies on one side
MAX_RECORDS = 100_000  # known at once
NUMBERS_AHEAD = 2 * MAX_RECORDS  # that a message may skip; free choice would allow hash collisions
MAX_ITEMS = 1_000_000  # elements of all containers and ranges in one message
MAX_HASHED = 1 << 14  # elements of one dict or set
MAX_SAME_HASH = 50  # keys of a dict or set whose hash equals another key's
MAX_DEPTH = 64  # of nested tuples; lists and dicts are records and may nest to any depth
MAX_INT = 1780  # bytes, so that Python writes every int that crosses in decimal (4,300 digits)
MAX_DIGITS = 4300  # of a Decimal, before its point or after it
MAX_WRITTEN_OUT = 20_000_000  # elements of a container, repeated ones counted each time
MAX_STEPS = 3_000_000  # of counting these, in one message
MAX_DIMENSIONS = 32

Buffer = bytes | bytearray | memoryview

U8, U32, U64 = struct.Struct("<B"), struct.Struct("<I"), struct.Struct("<Q")
I64, F64 = struct.Struct("<q"), struct.Struct("<d")
HEAD = struct.Struct("<QBBQ")  # of a record: number, kind, flags, size

# Tags of values
CONSTANTS = dict(zip(b"NTF.!", (None, True, False, Ellipsis, NotImplemented), strict=True))
INT, BIG_INT, FLOAT, COMPLEX, TEXT, BYTES = b"iIfcub"
TUPLE, FROZENSET, SLICE, RANGE = b"tz:r"
COMPOUND = {TUPLE: tuple, FROZENSET: frozenset, SLICE: slice, RANGE: range}
SCALAR, DTYPE, NAMED, REBUILT, SHARED = b"nDGRx"

# Kinds of records, and the containers among them
LIST, DICT, ORDERED, SET, BYTEARRAY, ARRAY, GENERATOR, OBJECT = b"ldOsBago"
DEQUE, COUNTER, DEFAULT, STRINGS, BINARY = b"qCefF"
EMPTY: dict[int, Callable[[], Any]] = {
    LIST: list, DICT: dict, ORDERED: OrderedDict, SET: set, BYTEARRAY: bytearray, DEQUE: deque,
    COUNTER: Counter, DEFAULT: defaultdict, STRINGS: io.StringIO, BINARY: io.BytesIO,
}  # fmt: skip

# Types that cross by name; `SharedObjects.name_of` says what else does.
SCALARS = {t for t in np.sctypeDict.values() if t not in (np.object_, np.void)}
TYPES: dict[str, type] = {
    t.__name__: t
    for t in (
        bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, object
    )
} | {f"numpy.{t.__name__}": t for t in (*SCALARS, np.ndarray)}  # fmt: skip


def _decimal(text: str) -> Decimal:
    number = Decimal(text)
    if len(text) > MAX_DIGITS or number.is_finite() and abs(number.adjusted()) > MAX_DIGITS:
        raise ValueError("a Decimal has too many digits")
    return number


# Values rebuilt from numbers and text: their type, the function that makes one, the types of its
# arguments ("i" for an int, "s" for text), and how to get these. The types check their arguments.
REBUILD: dict[str, tuple[type, Callable[..., Any], str, Callable[[Any], tuple]]] = {
    "Fraction": (Fraction, Fraction, "ii", lambda v: (v.numerator, v.denominator)),
    "Decimal": (Decimal, _decimal, "s", lambda v: (str(v),)),
    "date": (date, date, "iii", lambda v: (v.year, v.month, v.day)),
    "time": (time, time, "iiii", lambda v: (v.hour, v.minute, v.second, v.microsecond)),
    "datetime": (
        datetime,
        datetime,
        "iiiiiii",
        lambda v: (v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond),
    ),
    "timedelta": (timedelta, timedelta, "iii", lambda v: (v.days, v.seconds, v.microseconds)),
    "Path": (type(Path()), Path, "s", lambda v: (str(v),)),
}


class CodecError(ValueError):
    """A message breaks the format; no honest sender writes one like it."""


class CannotCross(TypeError):
    """A value cannot be sent to the other side; the message names it."""
