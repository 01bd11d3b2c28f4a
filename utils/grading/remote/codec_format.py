"""The format of what crosses between the judge and a submission's process: plain values, no code.

This file has the layout, all limits and the shared objects; `codec_encode` writes messages,
`codec_decode` reads them, and both use `codec_arrays` for what NumPy is given.

A message is one value. Numbers, text, tuples and the like travel inside it. What can be changed in
place (lists, dicts, sets, bytearrays, arrays, random generators) travels as a *record* with a
number and keeps its identity: both sides hold their own copy under that number, and every message
brings the records of all copies that its sender has changed since the last one. So a change that a
submission makes to an argument reaches the test's own object, and the other way round. Arrays cross
whole: two that overlap in memory are two copies on the other side. Whatever is not plain (a
function, a class, an instance) stays where it is; the other side gets its number and a description
and makes a proxy.

Layout (`u8` to `u64` unsigned, `i64` signed, `f64` IEEE 754; all little-endian):

    message    u32 n, n numbers (u64) that the sender has forgotten
               u32 n, n records
               one value
    record     u64 number, u8 kind, u8 flags, u64 size, content of that many bytes

    kind             content
    LIST, SET        u32 n, n values
    DICT, ORDERED    u32 n, n times a key (a value) and a value
    BYTEARRAY        the bytes
    ARRAY            dtype, u8 d, d times u64 (the shape), the numbers in C order
    GENERATOR        value: (name, state as nested tuples)
    OBJECT           value: a description, always a tuple; the object itself stays where it is

    value            a u8 tag, then
    NONE, TRUE, FALSE, ELLIPSIS, NOT_IMPLEMENTED    nothing
    INT, FLOAT, COMPLEX                             i64; f64; two f64
    BIG_INT                                         u32 n, n bytes, two's complement
    TEXT, BYTES                                     u32 n, n bytes; text as UTF-8
    TUPLE, FROZENSET                                u32 n, n values
    SLICE, RANGE                                    three values
    SCALAR                                          dtype, u32 n, n bytes
    DTYPE                                           dtype: u8 n, n bytes of text
    TYPE                                            u8 n, n bytes of text: a key of `TYPES`
    NAMED                                           two values: module and name
    SHARED                                          u64 number

What the decoder relies on. The bytes may come from a hostile process, so:

- A length or count is compared, as a Python integer, with the bytes that are left, before it is
  used. A shape is multiplied out in Python integers and has to fit its bytes exactly. NumPy never
  sees a pointer, an offset or a stride from a message.
- A dtype's text has to match `DTYPE_TEXT`: numbers, text and times; no objects, no structures.
- New memory is filled before anything else sees it, and the encoder clears the padding of extended
  floats. So nothing is sent that was not written.
- A record never changes its kind, an array neither its shape nor its dtype, and a new record has a
  number of its sender's. `by_name` finds only what this side has sent by that name.
- A list may hold itself, or one list twice that holds another one twice, and so on. What would be
  endless when written out, as by `==` or `np.array`, is refused.
- Every limit stands below; together they bound the time and memory that one message can take.
- Any exception while decoding becomes a `CodecError`. The shared objects may then have been partly
  updated, so whoever receives one has to close the connection.
"""

from __future__ import annotations

import hashlib
import reprlib
import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

# Limits -----------------------------------------------------------------------------------------

MAX_BYTES = 1 << 28  # of one message, and so of one array
MAX_SHARED_BYTES = 1 << 30  # of all copies that one side holds
MAX_RECORDS = 100_000  # known at once
MAX_ITEMS = 1_000_000  # elements of all containers and ranges in one message
MAX_HASHED = 1 << 14  # elements of one dict or set; its keys may be chosen to collide
MAX_SAME_HASH = 50  # surplus keys with a hash that another key of the same dict or set has; of all
# frozensets in one message together
MAX_DEPTH = 64  # of tuples in tuples; lists and dicts are records and nest as deep as they like
MAX_INT = 1780  # bytes, so that Python writes every int that crosses in decimal (4,300 digits)
MAX_WRITTEN_OUT = 20_000_000  # elements of a container, each counted as often as it is met
MAX_STEPS = 3_000_000  # of the search for such containers, in one message
MAX_DIMENSIONS = 32
MAX_EMPTY = 1 << 20  # product of the other lengths in the shape of an empty array
SMALL = 1 << 16  # bytes of a content that may be copied
COST_OF_ITEM = 64  # bytes that an element of a container takes, roughly

# Tags and kinds ---------------------------------------------------------------------------------

NONE, TRUE, FALSE, ELLIPSIS, NOT_IMPLEMENTED = b"NTF.!"
INT, BIG_INT, FLOAT, COMPLEX, TEXT, BYTES = b"iIfcub"
TUPLE, FROZENSET, SLICE, RANGE = b"tz:r"
SCALAR, DTYPE, TYPE, NAMED, SHARED = b"nDyGx"

LIST, DICT, ORDERED, SET, BYTEARRAY, ARRAY, GENERATOR, OBJECT = b"ldOsBago"
MUTABLE: dict[type, int] = {
    list: LIST,
    dict: DICT,
    OrderedDict: ORDERED,
    set: SET,
    bytearray: BYTEARRAY,
}
EMPTY = {kind: make for make, kind in MUTABLE.items()}

# An array's flags: how it lies in memory, and whether it can be written to.
C_ORDER, F_ORDER, STRIDED, READ_ONLY = 0, 1, 2, 4

Buffer = bytes | bytearray | memoryview

# Types that cross by name, in both directions.
_BUILTIN = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
SCALARS = {t for t in np.sctypeDict.values() if t not in (np.object_, np.void)}
TYPES: dict[str, type] = {t.__name__: t for t in (*_BUILTIN, object)}
TYPES |= {f"numpy.{t.__name__}": t for t in (*SCALARS, np.ndarray)}
TYPE_NAMES = {t: name for name, t in TYPES.items()}

HEAD = struct.Struct("<QBBQ")  # of a record


class CodecError(ValueError):
    """A message that no honest sender writes."""


class CannotCross(TypeError):
    """A value that cannot be handed to the other side; the message names it."""


def short(value: Any) -> str:
    """Return a few words that name a value: its type, and its start if it is plain."""
    kind = type(value)
    name = kind.__name__ if isinstance(kind.__name__, str) else "object"
    if kind in (int, float, complex, bool, str, bytes, tuple, list, dict):
        try:
            text = _SHORT.repr(value)
        except (ValueError, RecursionError):
            text = "..."
        return f"{text[:60]}{'...' if len(text) > 60 else ''} ({name})"
    named = getattr(value, "__name__", None) if not isinstance(value, np.ndarray) else None
    return f"`{named[:60]}` ({name[:60]})" if isinstance(named, str) else f"a {name[:60]}"


# A list may hold itself, or one list twice that holds another one twice, and so on: `repr` would
# take forever.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 70, 70


# Shared objects ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Thing:
    """Something that both sides know by its number.

    `kind` is a record's kind; `digest` (see `digest_of`) tells whether the copies differ; `cost` is
    the memory that the copy takes, roughly. The last three are the decoder's: `parts` has the
    numbers of the containers in this one, `length` its own elements, `written_out` all of them.
    """

    value: Any
    kind: int
    digest: bytes = b""
    cost: int = 0
    parts: Sequence[int] = ()
    length: int = 0
    written_out: int = 0


class SharedObjects:
    """What one side has in common with the other: numbers and the values they stand for.

    Args:
        first: 0 for the judge, who gives even numbers; 1 for the submission, which gives odd ones.
    """

    def __init__(self, first: int) -> None:
        self.parity = first
        self.things: dict[int, Thing] = {}
        self.cost = 0  # of all things
        self._numbers: dict[int, int] = {}  # id() of a value -> its number
        self._next = first + 2

    def number(self, value: Any) -> int | None:
        """Return the number of a value that both sides know."""
        return self._numbers.get(id(value))

    def add(self, value: Any, kind: int, number: int | None = None) -> int:
        """Take in a value, under a number of this side's unless one is given."""
        if number is None:
            number, self._next = self._next, self._next + 2
        self.things[number] = Thing(value, kind)
        self._numbers[id(value)] = number
        return number

    def drop(self, number: int) -> None:
        """Forget a value."""
        if thing := self.things.pop(number, None):
            self._numbers.pop(id(thing.value), None)
            self.cost -= thing.cost

    def charge(self, thing: Thing, cost: int) -> None:
        """Note what a copy takes now."""
        self.cost += cost - thing.cost
        thing.cost = cost

    # Five questions whose answer depends on the side. -------------------------------------------

    def proxy_number(self, value: Any) -> int | None:
        """Return the number of the peer's object if `value` is the proxy of one."""
        return None

    def name_of(self, value: Any) -> tuple[str, str] | None:
        """Return module and name if `value` crosses by name."""
        return None

    def describe(self, value: Any) -> tuple:
        """Return what the peer may know of an object that stays here.

        Raises:
            CannotCross: the peer may not even know of it.
        """
        raise CannotCross(f"{short(value)} cannot be handed over")

    def proxy(self, number: int, description: tuple | None) -> Any:
        """Return a proxy of the peer's object; the description comes with the first mention."""
        raise CodecError("proxies are not expected here")

    def by_name(self, module: str, name: str) -> Any:
        """Return what crosses by name."""
        raise CodecError("names are not expected here")


def digest_of(parts: list[Buffer]) -> bytes:
    """Return what tells two contents apart: of a small one itself, which takes less time."""
    if len(parts) == 1 and len(parts[0]) <= SMALL:
        return bytes(parts[0])
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()


def fits(numbers: range) -> bool:
    """Return whether a range is short enough to be written out."""
    return not numbers[MAX_ITEMS : MAX_ITEMS + 1]
