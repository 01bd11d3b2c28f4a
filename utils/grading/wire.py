"""The codec of the connection between the judge and a submission's process: plain values, no code.

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
    TYPE                                            u8 n, n bytes of text: a key of `_TYPES`
    NAMED                                           two values: module and name
    SHARED                                          u64 number

What the decoder relies on. The bytes may come from a hostile process, so:

- A length or count is compared, as a Python integer, with the bytes that are left, before it is
  used. A shape is multiplied out in Python integers and has to fit its bytes exactly. NumPy never
  sees a pointer, an offset or a stride from a message.
- A dtype's text has to match `_DTYPE`: numbers, text and times; no objects, no structures.
- New memory is filled before anything else sees it, and the encoder clears the padding of extended
  floats. So nothing is sent that was not written.
- A record never changes its kind, an array neither its shape nor its dtype, and a new record has a
  number of its sender's. `by_name` finds only what this side has sent by that name.
- Every limit stands below; together they bound the time and memory that one message can take.
- Any exception while decoding becomes a `WireError`. The heap may then have been partly updated,
  so whoever receives one has to close the connection.
"""

from __future__ import annotations

import functools
import hashlib
import math
import re
import reprlib
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Limits -----------------------------------------------------------------------------------------

MAX_BYTES = 1 << 28  # of one message, and so of one array
MAX_SHARED_BYTES = 1 << 30  # of all copies that one side holds
MAX_RECORDS = 200_000  # known at once
MAX_ITEMS = 2_000_000  # elements of all containers and ranges in one message
MAX_HASHED = 1 << 14  # elements of one dict or set; its keys may be chosen to collide
MAX_SAME_HASH = 50  # surplus keys with a hash that another key of the same dict or set has
MAX_DEPTH = 64  # of tuples in tuples; lists and dicts are records and nest as deep as they like
MAX_INT = 1780  # bytes, so that Python writes every int that crosses in decimal (4,300 digits)
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
_EMPTY = {kind: make for make, kind in MUTABLE.items()}

# An array's flags: how it lies in memory, and whether it can be written to.
C_ORDER, F_ORDER, STRIDED, READ_ONLY = 0, 1, 2, 4

Buffer = bytes | bytearray | memoryview

_u8, _u32, _u64 = struct.Struct("<B"), struct.Struct("<I"), struct.Struct("<Q")
_i64, _f64, _two_f64 = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<dd")
_head = struct.Struct("<QBBQ")
_tag_u32, _tag_u64, _tag_i64, _tag_f64 = map(struct.Struct, ("<BI", "<BQ", "<Bq", "<Bd"))

# Types that cross by name, in both directions.
_BUILTIN = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
_SCALARS = {t for t in np.sctypeDict.values() if t not in (np.object_, np.void)}
_TYPES: dict[str, type] = {t.__name__: t for t in (*_BUILTIN, object)}
_TYPES |= {f"numpy.{t.__name__}": t for t in (*_SCALARS, np.ndarray)}
_TYPE_NAMES = {t: name for name, t in _TYPES.items()}


class WireError(ValueError):
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


# Dtypes and arrays ------------------------------------------------------------------------------

_DTYPE = re.compile(
    r"\|b1|\|[iu]1|[<>](?:[iu][248]|f(?:2|4|8|12|16)|c(?:8|16|24|32))|\|S\d{1,5}|[<>]U\d{1,5}"
    r"|[<>][Mm]8(?:\[\d{0,6}(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?"
)
_EXTENDED = np.finfo(np.longdouble).nmant == 63  # x87: ten bytes of number, six of padding


@functools.lru_cache(256)
def plain_dtype(dtype: np.dtype) -> bool:
    """Return whether an array of this dtype crosses: numbers, text or times, of some size."""
    return dtype.itemsize > 0 and bool(_DTYPE.fullmatch(dtype.str))


@functools.lru_cache(64)
def _read_dtype(text: str) -> np.dtype:
    if not _DTYPE.fullmatch(text):
        raise WireError("an unknown dtype")
    dtype = np.dtype(text)
    if dtype.str != text:
        raise WireError("a dtype is not written as NumPy writes it")
    return dtype


def _bytes_needed(shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return how many bytes an array has; all of it is worked out in Python integers."""
    if not dtype.itemsize:
        raise WireError("an array's elements have no size")
    if len(shape) > MAX_DIMENSIONS:
        raise WireError("an array has too many dimensions")
    if 0 in shape and math.prod(length for length in shape if length) > MAX_EMPTY:
        raise WireError("an empty array has an impossible shape")
    size = math.prod(shape) * dtype.itemsize
    if size > MAX_BYTES:
        raise WireError("an array is too long")
    return size


def _read_numbers(data: memoryview, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
    """Return a read-only array in a message's bytes, which have been looked at."""
    if _bytes_needed(shape, dtype) != len(data):
        raise WireError("an array's shape does not fit its bytes")
    if not len(data):
        return np.zeros(shape, dtype)
    if dtype.kind == "b" and np.frombuffer(data, np.uint8).max() > 1:
        raise WireError("a truth value is neither 0 nor 1")  # NumPy counts on it
    if dtype.kind == "U":
        letters = np.frombuffer(data, np.dtype(np.uint32).newbyteorder(dtype.str[0]))
        if letters.max() > sys.maxunicode:
            raise WireError("a character is out of range")
    if _EXTENDED and dtype.char in "gG":
        parts = _extended_bytes(np.frombuffer(data, np.uint8), dtype)
        has_exponent = (parts[:, 8] != 0) | (parts[:, 9] & 0x7F != 0)
        if (has_exponent != (parts[:, 7] >= 0x80)).any():
            raise WireError("an extended float is not a number that a processor makes")
    return np.frombuffer(data, dtype).reshape(shape)


def _without_padding(data: bytes, dtype: np.dtype) -> bytes:
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


def _new_array(numbers: np.ndarray, flags: int) -> np.ndarray:
    """Return an array of its own with these numbers, which lies in memory as the flags say."""
    order = flags & 3
    if order == STRIDED and numbers.ndim:
        array = np.zeros((*numbers.shape, 2), numbers.dtype)[..., 0]
    else:
        array = np.zeros(numbers.shape, numbers.dtype, order="F" if order == F_ORDER else "C")
    array[...] = numbers
    array.flags.writeable = not flags & READ_ONLY
    return array


def _array_content(array: np.ndarray) -> tuple[int, list[Buffer]]:
    """Return flags and content of an array's record."""
    if array.nbytes > MAX_BYTES:
        raise CannotCross(f"an array of {array.nbytes / 1e6:,.0f} MB cannot be handed over")
    if array.ndim > MAX_DIMENSIONS or (not array.size and _is_vast(array.shape)):
        raise CannotCross(f"an array of shape {array.shape} cannot be handed over")
    how, dtype = array.flags, array.dtype
    flags = C_ORDER if how.c_contiguous else F_ORDER if how.f_contiguous else STRIDED
    if not how.writeable:
        flags |= READ_ONLY
    head = _type_and_shape(dtype.str, array.shape)
    if array.nbytes < SMALL or not how.c_contiguous or dtype.char in "gG":
        return flags, [head + _without_padding(array.tobytes(), dtype)]
    return flags, [head, memoryview(array.reshape(-1).view(np.uint8)).cast("B")]


def _is_vast(shape: tuple[int, ...]) -> bool:
    return math.prod(length for length in shape if length) > MAX_EMPTY


@functools.lru_cache(256)
def _type_and_shape(dtype: str, shape: tuple[int, ...]) -> bytes:
    text = dtype.encode()
    return struct.pack(f"<B{len(text)}sB{len(shape)}Q", len(text), text, len(shape), *shape)


# Random generators ------------------------------------------------------------------------------

# The parts of a bit generator's state: the largest value of a number; of an array its length and
# the largest value of an element.
_WORD, _QUAD = (1 << 32) - 1, (1 << 64) - 1
_PCG = {"state": {"state": (1 << 128) - 1, "inc": (1 << 128) - 1}}
_HALF = {"has_uint32": 1, "uinteger": _WORD}
_BIT_GENERATORS: dict[str, tuple[type, dict[str, Any]]] = {
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


def _generator_state(generator: np.random.Generator) -> tuple:
    """Return the name of a bit generator and its state as nested tuples."""

    def freeze(part: Any) -> Any:
        if isinstance(part, dict):
            return tuple((k, freeze(item)) for k, item in part.items() if k != "bit_generator")
        return tuple(map(int, part)) if isinstance(part, np.ndarray) else int(part)

    bits = generator.bit_generator
    return type(bits).__name__, freeze(bits.state)


def _checked_state(given: Any, name: str) -> dict[str, Any]:
    """Return a bit generator's state as NumPy takes it: NumPy itself does not check it."""

    def thaw(part: Any, limits: Any) -> Any:
        if isinstance(limits, dict):
            pairs = part if type(part) is tuple else ()
            names = [pair[0] for pair in pairs if type(pair) is tuple and len(pair) == 2]
            if len(names) != len(pairs) or sorted(names) != sorted(limits):
                raise WireError("a random generator's state has the wrong parts")
            return {name: thaw(item, limits[name]) for name, item in pairs}
        if isinstance(limits, tuple):
            length, highest = limits
            if type(part) is not tuple or len(part) != length:
                raise WireError("a random generator's state has the wrong length")
            kind = np.uint32 if highest == _WORD else np.uint64
            return np.array([thaw(item, highest) for item in part], dtype=kind)
        if type(part) is not int or not 0 <= part <= limits:
            raise WireError("a random generator's state is out of range")
        return part

    if type(given) is not tuple or len(given) != 2 or given[0] != name:
        raise WireError("a random generator became one of another kind")
    return {"bit_generator": name, **thaw(given[1], _BIT_GENERATORS[name][1])}


# Shared objects ---------------------------------------------------------------------------------


@dataclass(slots=True)
class Thing:
    """Something that both sides know by its number.

    `kind` is a record's kind; by `digest` (see `_digest`) the copies are seen to differ; `cost` is
    the memory that the copy takes, roughly.
    """

    value: Any
    kind: int
    digest: bytes = b""
    cost: int = 0


class Heap:
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

    def stand_in_number(self, value: Any) -> int | None:
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

    def stand_in(self, number: int, description: tuple | None) -> Any:
        """Return a proxy of the peer's object; the description comes with the first mention."""
        raise WireError("proxies are not expected here")

    def by_name(self, module: str, name: str) -> Any:
        """Return what crosses by name."""
        raise WireError("names are not expected here")


def _digest(parts: list[Buffer]) -> bytes:
    """Return what tells two contents apart: of a small one itself, which takes less time."""
    if len(parts) == 1 and len(parts[0]) <= SMALL:
        return bytes(parts[0])
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()


# Encoder ----------------------------------------------------------------------------------------


def pack(value: Any, heap: Heap, forget: Iterable[int] = (), tidy: bool = False) -> list[Buffer]:
    """Return a message as buffers to be sent one after another.

    Args:
        value: what to send.
        heap: this side's; takes in what is sent for the first time.
        forget: numbers that this side uses no more.
        tidy: also forget what nothing but the heap refers to, once its changes have been sent.
    Raises:
        CannotCross: something in it cannot be sent; the heap is as before.
    """
    return Encoder(heap).message(value, list(forget), tidy)


class Encoder:
    """Writes one message."""

    def __init__(self, heap: Heap) -> None:
        self.heap = heap
        self.queue: list[int] = []  # records mentioned for the first time
        self.fresh: list[int] = []
        self.records: list[Buffer] = []
        self.written: list[tuple[int, bytes, int]] = []  # number, digest, cost
        self.count = 0  # of records

    def message(self, value: Any, forget: list[int], tidy: bool) -> list[Buffer]:
        things = self.heap.things
        try:
            unused = self.changes(tidy)
            forget += unused
            body = bytearray()
            self.value(body, value, 0)
            while self.queue:
                number = self.queue.pop()
                self.put(number, things[number], *self.content(things[number]))
            numbers = struct.pack(f"<I{len(forget)}QI", len(forget), *forget, self.count)
            parts = [numbers, *self.records, body]
            if sum(map(len, parts)) > MAX_BYTES:
                raise CannotCross(f"more than {MAX_BYTES >> 20} MiB cannot be handed over at once")
            grown = sum(cost - things[number].cost for number, _, cost in self.written)
            if self.heap.cost + grown > MAX_SHARED_BYTES and grown > 0:
                raise CannotCross(f"more than {MAX_SHARED_BYTES >> 20} MiB cannot be shared")
        except BaseException:
            for number in self.fresh:
                self.heap.drop(number)
            raise
        for number, digest, cost in self.written:
            things[number].digest = digest
            self.heap.charge(things[number], cost)
        return parts

    def changes(self, tidy: bool) -> list[int]:
        """Write the records of what has changed; return what is used no more, and forget it."""
        unused = []
        for number, thing in list(self.heap.things.items()):
            kind = thing.kind
            if kind == OBJECT:
                continue
            if kind != ARRAY or thing.value.flags.writeable:
                flags, parts = self.content(thing)
                digest = _digest(parts)
                if digest != thing.digest:
                    self.put(number, thing, flags, parts, digest)
                    continue
                del parts  # of a large array it is a view, which would count as a use
            if tidy and sys.getrefcount(thing.value) <= 2:
                unused.append(number)
        for number in unused:
            self.heap.drop(number)
        return unused

    def put(
        self, number: int, thing: Thing, flags: int, parts: list[Buffer], digest: bytes = b""
    ) -> None:
        """Write a record."""
        size = sum(map(len, parts))
        if thing.kind != OBJECT:
            items = 0 if thing.kind in (ARRAY, BYTEARRAY, GENERATOR) else len(thing.value)
            cost = size + COST_OF_ITEM * (1 + items)
            self.written.append((number, digest or _digest(parts), cost))
        self.count += 1
        self.records.append(_head.pack(number, thing.kind, flags, size))
        self.records += parts

    def content(self, thing: Thing) -> tuple[int, list[Buffer]]:
        """Return flags and content of a record; the records in it appear as numbers."""
        value, kind = thing.value, thing.kind
        if kind == ARRAY:
            return _array_content(value)
        out = bytearray()
        if kind == LIST:
            self.items(out, value, 1)
        elif kind in (DICT, ORDERED):
            self.check_hashed(value)
            out += _u32.pack(len(value))
            for key, item in list(value.items()):
                self.value(out, key, 1)
                self.value(out, item, 1)
        elif kind == SET:
            self.unordered(out, value, 1)
        elif kind == BYTEARRAY:
            out += value
        elif kind == GENERATOR:
            self.value(out, _generator_state(value), 1)
        else:
            self.value(out, self.heap.describe(value), 1)
        return 0, [out]

    def value(self, out: bytearray, value: Any, depth: int) -> None:
        """Write one value; what can change in place is written as a number."""
        kind = type(value)
        if kind is str:
            text = value.encode("utf-8", "surrogatepass")
            out += _tag_u32.pack(TEXT, len(text)) + text
        elif kind is tuple:
            self.deeper(depth)
            out.append(TUPLE)
            self.items(out, value, depth + 1)
        elif kind is np.ndarray and plain_dtype(value.dtype):
            self.shared(out, value, ARRAY)
        elif kind is float:
            out += _tag_f64.pack(FLOAT, value)
        elif kind is int:
            self.integer(out, value)
        elif value is None:
            out.append(NONE)
        elif kind is bool:
            out.append(TRUE if value else FALSE)
        elif kind is bytes:
            out += _tag_u32.pack(BYTES, len(value)) + value
        elif kind in MUTABLE:
            self.shared(out, value, MUTABLE[kind])
        elif kind in _SCALARS:
            self.scalar(out, value)
        else:
            self.rare_value(out, value, kind, depth)

    def rare_value(self, out: bytearray, value: Any, kind: type, depth: int) -> None:
        if kind is frozenset:
            self.deeper(depth)
            out.append(FROZENSET)
            self.unordered(out, value, depth + 1)
        elif kind is complex:
            out.append(COMPLEX)
            out += _two_f64.pack(value.real, value.imag)
        elif kind in (slice, range):
            self.deeper(depth)
            if kind is range and not _fits(value):
                raise CannotCross(f"a range of more than {MAX_ITEMS:,} numbers cannot cross")
            out.append(SLICE if kind is slice else RANGE)
            for part in (value.start, value.stop, value.step):
                self.value(out, part, depth + 1)
        elif value is Ellipsis:
            out.append(ELLIPSIS)
        elif value is NotImplemented:
            out.append(NOT_IMPLEMENTED)
        elif isinstance(value, np.dtype) and _DTYPE.fullmatch(value.str):
            out.append(DTYPE)
            self.name(out, value.str)
        elif isinstance(value, type) and value in _TYPE_NAMES:
            out.append(TYPE)
            self.name(out, _TYPE_NAMES[value])
        elif (number := self.heap.stand_in_number(value)) is not None:
            out += _tag_u64.pack(SHARED, number)
        elif (names := self.heap.name_of(value)) is not None:
            self.deeper(depth)
            out.append(NAMED)
            self.value(out, names[0], depth + 1)
            self.value(out, names[1], depth + 1)
        elif (
            kind is np.random.Generator
            and type(value.bit_generator).__name__ in _BIT_GENERATORS
            and (self.heap.parity == 0 or self.heap.number(value) is not None)
        ):
            self.shared(out, value, GENERATOR)
        else:
            self.shared(out, value, OBJECT)

    def shared(self, out: bytearray, value: Any, kind: int) -> None:
        """Write the number of something shared; the first time its record follows."""
        number = self.heap.number(value)
        if number is None:
            if len(self.heap.things) >= MAX_RECORDS:
                raise CannotCross("too many objects have been handed over")
            if kind == OBJECT:
                self.heap.describe(value)  # may refuse
            number = self.heap.add(value, kind)
            self.fresh.append(number)
            self.queue.append(number)
        out += _tag_u64.pack(SHARED, number)

    def items(self, out: bytearray, values: Any, depth: int) -> None:
        out += _u32.pack(len(values))
        for item in values:
            self.value(out, item, depth)

    def unordered(self, out: bytearray, values: Any, depth: int) -> None:
        """Write a set's elements in the same order on both sides."""
        self.check_hashed(values)
        encoded = []
        for item in values:
            one = bytearray()
            self.value(one, item, depth)
            encoded.append(bytes(one))
        out += _u32.pack(len(encoded))
        out += b"".join(sorted(encoded))

    def integer(self, out: bytearray, value: int) -> None:
        if -(1 << 63) <= value < 1 << 63:
            out += _tag_i64.pack(INT, value)
            return
        size = value.bit_length() // 8 + 1
        if size > MAX_INT:
            raise CannotCross(f"an int of {size} bytes is too large to be handed over")
        out += _tag_u32.pack(BIG_INT, size) + value.to_bytes(size, "little", signed=True)

    def scalar(self, out: bytearray, value: np.generic) -> None:
        dtype = value.dtype
        if not _DTYPE.fullmatch(dtype.str):
            raise CannotCross(f"a scalar of type {str(dtype)[:60]} cannot be handed over")
        data = _without_padding(value.tobytes(), dtype)
        out.append(SCALAR)
        self.name(out, dtype.str)
        out += _u32.pack(len(data)) + data

    @staticmethod
    def name(out: bytearray, text: str) -> None:
        encoded = text.encode()
        out += _u8.pack(len(encoded)) + encoded

    @staticmethod
    def deeper(depth: int) -> None:
        if depth > MAX_DEPTH:
            raise CannotCross(f"tuples nested more than {MAX_DEPTH} deep cannot be handed over")

    @staticmethod
    def check_hashed(values: Any) -> None:
        if len(values) > MAX_HASHED:
            kind = type(values).__name__
            raise CannotCross(f"a {kind} of more than {MAX_HASHED:,} elements cannot be handed over")


def _fits(numbers: range) -> bool:
    """Return whether a range is short enough to be written out."""
    return not numbers[MAX_ITEMS : MAX_ITEMS + 1]


# Decoder ----------------------------------------------------------------------------------------


def unpack(data: Buffer, heap: Heap) -> tuple[Any, list[int]]:
    """Return the value of a message, after the copies on this side have been brought up to date.

    Args:
        data: a message's bytes, of any origin.
        heap: this side's.
    Returns:
        The value, and the numbers that the sender uses no more; what they stood for has been
        dropped from the heap.
    Raises:
        WireError: the bytes are not a message; the connection has to be closed.
    """
    if len(data) > MAX_BYTES:
        raise WireError("a message is too long")
    try:
        return Decoder(memoryview(data), heap, Budget()).message()
    except WireError:
        raise
    except Exception as error:  # whatever it was, the message caused it
        raise WireError(f"a message is malformed: {type(error).__name__}") from error


@dataclass(slots=True)
class Budget:
    """What is left of a message's limits; its records share it."""

    items: int = MAX_ITEMS
    collisions: int = MAX_HASHED**2  # comparisons of keys, if all of them collide

    def take(self, count: int) -> None:
        self.items -= count
        if self.items < 0:
            raise WireError("a message has too many elements")

    def hash_all(self, keys: list) -> None:
        """Refuse keys whose dict or set would take too long to make."""
        self.collisions -= len(keys) ** 2
        if len(keys) > MAX_HASHED or self.collisions < 0:
            raise WireError("a dict or set is too large")
        if len(keys) - len(set(map(hash, keys))) > MAX_SAME_HASH:
            raise WireError("too many keys of a dict or set have the same hash")


class Decoder:
    """Reads a message, or the content of one record."""

    def __init__(self, data: memoryview, heap: Heap, budget: Budget) -> None:
        self.data, self.at, self.heap, self.budget = data, 0, heap, budget

    # Bytes and numbers. Reading beyond the end raises an error, of which `unpack` knows. ---------

    def take(self, size: int) -> memoryview:
        start, self.at = self.at, self.at + size
        if self.at > len(self.data):
            raise WireError("a message is cut short")
        return self.data[start : self.at]

    def u8(self) -> int:
        self.at += 1
        return self.data[self.at - 1]

    def u32(self) -> int:
        self.at += 4
        return _u32.unpack_from(self.data, self.at - 4)[0]

    def u64(self) -> int:
        self.at += 8
        return _u64.unpack_from(self.data, self.at - 8)[0]

    def count(self, smallest: int = 1) -> int:
        """Return a number of elements, each at least `smallest` bytes long."""
        count = self.u32()
        if count * smallest > len(self.data) - self.at:
            raise WireError("a message claims too many elements")
        self.budget.take(count)
        return count

    def name(self) -> str:
        return str(self.take(self.u8()), "ascii")

    def end(self) -> None:
        if self.at != len(self.data):
            raise WireError("bytes are left over")

    # Messages and records -----------------------------------------------------------------------

    def message(self) -> tuple[Any, list[int]]:
        forgotten = [self.u64() for _ in range(self.count(8))]
        for number in forgotten:
            self.heap.drop(number)
        pending: dict[int, tuple[Thing, memoryview] | None] = {}
        for _ in range(self.count(_head.size)):
            number, kind, flags, size = _head.unpack(self.take(_head.size))
            content = self.take(size)
            if number in pending:
                raise WireError("a record comes twice")
            thing = self.heap.things.get(number)
            if thing is None:
                thing = self.new_record(number, kind, flags, content)
                complete = kind in (ARRAY, OBJECT)
            else:
                complete = False
                if thing.kind != kind or kind == OBJECT:
                    raise WireError("a record changed its kind")
            pending[number] = None if complete else (thing, content)
        # All records are known now, so their contents can refer to each other. Nothing that was
        # known before changes until all of it has been read.
        ready = [(*one, self.read_content(*one)) for one in pending.values() if one]
        for thing, content, read in ready:
            _update(thing, read)
            thing.digest = _digest([content])
        value = self.value(0)
        self.end()
        return value, forgotten

    def new_record(self, number: int, kind: int, flags: int, content: memoryview) -> Thing | None:
        """Take in a record that is new here; containers are empty until all are known."""
        if number % 2 == self.heap.parity or not 2 <= number < 1 << 62:
            raise WireError("a record has a number that is not its sender's to give")
        if len(self.heap.things) >= MAX_RECORDS:
            raise WireError("there are too many records")
        part = Decoder(content, self.heap, self.budget)
        if kind == OBJECT:
            description = part.value(1)
            part.end()
            if type(description) is not tuple:
                raise WireError("a description is not a tuple")
            self.heap.stand_in(number, description)
            return None
        if kind == ARRAY:
            value: Any = _new_array(part.array(), flags)
        elif kind == GENERATOR:
            if self.heap.parity == 0:
                raise WireError("a submission cannot make random generators here")
            value = np.random.Generator(_BIT_GENERATORS[part.value(1)[0]][0]())
        elif kind in _EMPTY:
            value = _EMPTY[kind]()
        else:
            raise WireError("a record of an unknown kind")
        self.heap.add(value, kind, number)
        thing = self.heap.things[number]
        if kind == ARRAY:
            thing.digest = _digest([content])
        self.charge(thing, len(content), 0)
        return thing

    def read_content(self, thing: Thing, content: memoryview) -> Any:
        """Return a record's content, without changing anything yet."""
        part = Decoder(content, self.heap, self.budget)
        before = self.budget.items
        kind = thing.kind
        if kind == LIST:
            read: Any = part.items(1)
        elif kind in (DICT, ORDERED):
            pairs = [(part.value(1), part.value(1)) for _ in range(part.count(2))]
            self.budget.hash_all([key for key, _ in pairs])
            read = dict(pairs)
        elif kind == SET:
            read = part.unordered(1)
        elif kind == BYTEARRAY:
            read = part.take(len(content))
        elif kind == ARRAY:
            read = part.array()
            if read.dtype != thing.value.dtype or read.shape != thing.value.shape:
                raise WireError("an array changed its dtype or shape in place")
        else:
            name = type(thing.value.bit_generator).__name__
            read = _checked_state(part.value(1), name)
        part.end()
        self.charge(thing, len(content), before - self.budget.items)
        return read

    def charge(self, thing: Thing, size: int, items: int) -> None:
        before = thing.cost
        self.heap.charge(thing, size + COST_OF_ITEM * (1 + items))
        if self.heap.cost > MAX_SHARED_BYTES and thing.cost > before:
            raise WireError(f"more than {MAX_SHARED_BYTES >> 20} MiB are shared")

    # Values -------------------------------------------------------------------------------------

    def array(self) -> np.ndarray:
        """Return a read-only array in the message's bytes: all that are left."""
        dtype = _read_dtype(self.name())
        shape = struct.unpack(f"<{(n := self.u8())}Q", self.take(8 * n))
        return _read_numbers(self.take(len(self.data) - self.at), dtype, shape)

    def items(self, depth: int) -> list:
        return [self.value(depth) for _ in range(self.count())]

    def unordered(self, depth: int) -> set:
        items = self.items(depth)
        self.budget.hash_all(items)
        return set(items)

    def value(self, depth: int) -> Any:
        """Return the value that comes next; the usual ones are looked for first."""
        tag = self.u8()
        if tag == TEXT:
            return str(self.take(self.u32()), "utf-8", "surrogatepass")
        if tag == TUPLE:
            self.deeper(depth)
            return tuple(self.items(depth + 1))
        if tag == SHARED:
            number = self.u64()
            thing = self.heap.things.get(number)
            return thing.value if thing else self.heap.stand_in(number, None)
        if tag == NONE:
            return None
        if tag == FLOAT:
            return _f64.unpack(self.take(8))[0]
        if tag == INT:
            return _i64.unpack(self.take(8))[0]
        if tag == TRUE:
            return True
        if tag == FALSE:
            return False
        if tag == BYTES:
            return bytes(self.take(self.u32()))
        return self.rare_value(tag, depth)

    def rare_value(self, tag: int, depth: int) -> Any:
        if tag == SCALAR:
            dtype, data = _read_dtype(self.name()), self.take(self.u32())
            if not dtype.itemsize and not data:
                return dtype.type()  # empty text
            return _read_numbers(data, dtype, ())[()]
        if tag == FROZENSET:
            self.deeper(depth)
            return frozenset(self.unordered(depth + 1))
        if tag == BIG_INT:
            size = self.u32()
            if size > MAX_INT:
                raise WireError("an int is too large")
            return int.from_bytes(self.take(size), "little", signed=True)
        if tag == COMPLEX:
            return complex(*_two_f64.unpack(self.take(16)))
        if tag in (SLICE, RANGE):
            self.deeper(depth)
            parts = [self.value(depth + 1) for _ in range(3)]
            if tag == SLICE:
                return slice(*parts)
            numbers = range(*parts)
            if not _fits(numbers):
                raise WireError("a range is too long")
            self.budget.take(len(numbers))
            return numbers
        if tag == ELLIPSIS:
            return Ellipsis
        if tag == NOT_IMPLEMENTED:
            return NotImplemented
        if tag == DTYPE:
            return _read_dtype(self.name())
        if tag == TYPE:
            if (name := self.name()) not in _TYPES:
                raise WireError("an unknown type")
            return _TYPES[name]
        if tag == NAMED:
            self.deeper(depth)
            module, name = self.value(depth + 1), self.value(depth + 1)
            if type(module) is not str or type(name) is not str:
                raise WireError("a name that is not text")
            return self.heap.by_name(module, name)
        raise WireError("an unknown tag")

    @staticmethod
    def deeper(depth: int) -> None:
        if depth > MAX_DEPTH:
            raise WireError("a message is nested too deeply")


def _update(thing: Thing, read: Any) -> None:
    """Bring this side's copy up to date, in place."""
    value = thing.value
    if thing.kind == ARRAY:
        if value.flags.writeable:
            value[...] = read
    elif thing.kind == GENERATOR:
        value.bit_generator.state = read
    elif thing.kind in (LIST, BYTEARRAY):
        value[:] = read
    else:
        value.clear()
        value.update(read)
