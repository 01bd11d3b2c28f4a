"""The data format between the judge and a submission's process: plain values, never code.

A message is one value. Numbers, text, tuples and the like travel inside it. What can be changed in
place (lists, dicts, sets, bytearrays, arrays, random generators) travels as a *record* with a
number, and so keeps its identity: both sides hold their own copy, and every message brings the
records of all copies that its sender has changed since the last one. So a change that a
submission makes to an argument is seen by the test, and the other way round. Whatever is not plain
(a function, a class, an instance) never travels: the other side learns its number and description
and makes a stand-in of them.

The bytes come from a process that may be hostile. So each length, count and depth is checked before
it is used, types of arrays come from a fixed list, nothing is looked up by name except what this
side has named first, and a message can neither replace a record by one of another kind nor claim a
number that is the reader's to give. Every fault is a `WireError`.

Layout, little-endian: count and numbers of forgotten records, count of records, each with number,
kind, flags, length and content, then the value. See `Encoder` and `Decoder` for the one-byte tags.
"""

from __future__ import annotations

import functools
import hashlib
import re
import struct
import sys
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.array_utils import byte_bounds

MAX_BYTES = 1 << 28  # of one message
MAX_DEPTH = 64  # of tuples in tuples; lists and dicts are records and nest as deep as they like
MAX_ITEMS = 2_000_000  # elements of all containers in one message
MAX_HASHED = 200_000  # elements of one dict or set: keys may be chosen to collide
MAX_RECORDS = 200_000  # alive at once
MAX_INT = 1 << 13  # bytes
MAX_DIMENSIONS = 32
SMALL = 1 << 16  # bytes of a content that may be copied

Buffer = bytes | bytearray | memoryview


class WireError(ValueError):
    """A message that no honest sender writes."""


class CannotCross(TypeError):
    """A value that cannot be handed to the other side; the message names it."""


_u8, _u32, _u64 = struct.Struct("<B"), struct.Struct("<I"), struct.Struct("<Q")
_i64, _f64, _c128 = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<dd")
_head = struct.Struct("<QBBQ")
_tagged, _mention = struct.Struct("<cI"), struct.Struct("<cQ")
_TOO_DEEP = f"tuples nested more than {MAX_DEPTH} deep cannot be handed over"

# Types that cross by name, in both directions.
_TYPES: dict[str, type] = {
    t.__name__: t
    for t in (
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        bytearray,
        list,
        tuple,
        dict,
        set,
        frozenset,
        object,
    )
}
_SCALARS = {t for t in np.sctypeDict.values() if t not in (np.object_, np.void)}
_TYPES |= {f"numpy.{t.__name__}": t for t in _SCALARS}
_TYPES["numpy.ndarray"] = np.ndarray
_TYPE_NAMES = {t: name for name, t in _TYPES.items()}

_DTYPE = re.compile(r"[<>|=](?:[biufcSU]\d{1,5}|[Mm]8(?:\[\d{0,6}[a-zA-Z]{1,7}\])?)")
_C, _F, _STRIDED, _READ_ONLY = 0, 1, 2, 4  # flags of an array's record

# The parts of a bit generator's state, with the largest value of each.
_WORD, _QUAD = (1 << 32) - 1, (1 << 64) - 1
_PCG = {"state": (1 << 128) - 1, "inc": (1 << 128) - 1}
_BIT_GENERATORS: dict[str, tuple[type, dict[str, Any]]] = {
    "PCG64": (np.random.PCG64, {"state": _PCG}),
    "PCG64DXSM": (np.random.PCG64DXSM, {"state": _PCG}),
    "SFC64": (np.random.SFC64, {"state": {"state": (4, _QUAD)}}),
    "MT19937": (np.random.MT19937, {"state": {"key": (624, _WORD), "pos": 624}}),
    "Philox": (
        np.random.Philox,
        {
            "state": {"counter": (4, _QUAD), "key": (2, _QUAD)},
            "buffer": (4, _QUAD),
            "buffer_pos": 4,
        },
    ),
}
_HALF = {"has_uint32": 1, "uinteger": _WORD}  # all but MT19937 have these, too


@functools.lru_cache(256)
def plain_dtype(dtype: np.dtype) -> bool:
    """Return whether an array of this type holds nothing but numbers, text or times."""
    return dtype.kind in "biufcSUMm" and bool(_DTYPE.fullmatch(dtype.str))


@dataclass(slots=True)
class Thing:
    """Something that both sides know by its number.

    `kind` is a record's kind; by `digest` (see `_digest`) the copies are seen to differ.
    """

    value: Any
    kind: int
    digest: bytes = b""


class Heap:
    """What one side has in common with the other: numbers and the values they stand for.

    Args:
        first: 0 for the judge, who gives even numbers; 1 for the submission, which gives odd ones.
    """

    def __init__(self, first: int) -> None:
        self.parity = first
        self.things: dict[int, Thing] = {}
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

    # Four questions whose answer depends on the side. -------------------------------------------

    def stand_in_number(self, value: Any) -> int | None:
        """Return the number of the peer's thing that `value` stands for."""
        return None

    def name_of(self, value: Any) -> tuple[str, str] | None:
        """Return module and name if `value` crosses by name."""
        return None

    def describe(self, value: Any) -> tuple:
        """Return what the peer may know of a thing that stays here.

        Raises:
            CannotCross: the peer may not even know of it.
        """
        raise CannotCross(f"{short(value)} cannot be handed over")

    def stand_in(self, number: int, description: tuple | None) -> Any:
        """Return a stand-in for the peer's thing; the description comes with the first mention."""
        raise WireError("stand-ins are not expected here")

    def by_name(self, module: str, name: str) -> Any:
        """Return what crosses by name."""
        raise WireError("names are not expected here")


def short(value: Any) -> str:
    """Return a few words that name a value: its type, and its start if it is plain."""
    kind = type(value)
    name = kind.__name__ if isinstance(kind.__name__, str) else "object"
    if kind in (int, float, complex, bool, str, bytes, tuple, list, dict):
        try:
            text = repr(value)
        except (ValueError, RecursionError):
            text = "..."
        return f"{text[:60]}{'...' if len(text) > 60 else ''} ({name})"
    named = getattr(value, "__name__", None) if not isinstance(value, np.ndarray) else None
    return f"`{named[:60]}` ({name[:60]})" if isinstance(named, str) else f"a {name[:60]}"


# Writing ----------------------------------------------------------------------------------------


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
        self.count = 0  # of records
        self.digests: dict[int, bytes] = {}  # of their contents, by their numbers

    def message(self, value: Any, forget: list[int], tidy: bool) -> list[Buffer]:
        things = self.heap.things
        try:
            forget += self.changes(tidy)
            body = bytearray()
            self.value(body, value, 0)
            while self.queue:
                number = self.queue.pop()
                self.first_record(number, things[number])
            numbers = struct.pack(f"<I{len(forget)}QI", len(forget), *forget, self.count)
            parts = [numbers, *self.records, body]
            if sum(map(len, parts)) > MAX_BYTES:
                raise CannotCross(f"more than {MAX_BYTES >> 20} MiB cannot be handed over at once")
        except BaseException:
            for number in self.fresh:
                self.heap.drop(number)
            raise
        for number, digest in self.digests.items():
            things[number].digest = digest
        return parts

    def changes(self, tidy: bool) -> list[int]:
        """Write the records of what has changed; return what is used no more, and forget it."""
        unused = []
        for number, thing in list(self.heap.things.items()):
            kind = thing.kind
            if kind == KIND_OTHER or (kind == KIND_ARRAY and not thing.value.flags.writeable):
                continue
            flags, parts = self.content(thing)
            digest = _digest(parts)
            if digest != thing.digest:
                self.digests[number] = digest
                self.put(number, kind, flags, parts)
            elif tidy:
                del parts  # of a large array it is a view, which would count as a use
                if sys.getrefcount(thing.value) <= 2:
                    unused.append(number)
        for number in unused:
            self.heap.drop(number)
        return unused

    def first_record(self, number: int, thing: Thing) -> None:
        """Write the record of what is mentioned for the first time."""
        flags, parts = self.content(thing)
        kind = thing.kind
        if kind != KIND_OTHER:
            self.digests[number] = _digest(parts)
        if kind == KIND_ARRAY and (view := self.view(thing.value)):
            kind, parts = KIND_VIEW, [view]
        self.put(number, kind, flags, parts)

    def put(self, number: int, kind: int, flags: int, parts: list[Buffer]) -> None:
        self.count += 1
        self.records.append(_head.pack(number, kind, flags, sum(map(len, parts))))
        self.records += parts

    def content(self, thing: Thing) -> tuple[int, list[Buffer]]:
        """Return flags and content of a record; the records in it appear as numbers."""
        value = thing.value
        if thing.kind == KIND_ARRAY:
            return _array(value)
        out = bytearray()
        match thing.kind:
            case 0x6C:  # l
                self.items(out, value)
            case 0x64 | 0x4F:  # d O
                out += _u32.pack(len(value))
                for key, item in list(value.items()):
                    self.value(out, key, 1)
                    self.value(out, item, 1)
            case 0x73:  # s
                self.unordered(out, value)
            case 0x42:  # B
                out += value
            case 0x67:  # g
                self.value(out, _generator_state(value), 1)
            case _:  # o
                self.value(out, self.heap.describe(value), 1)
        return 0, [out]

    def view(self, array: np.ndarray) -> bytes:
        """Return how an array lies in the memory of one that the peer knows, b"" if it does not."""
        if array.base is None or not array.size:
            return b""
        owner, (low, high) = _owner(array), byte_bounds(array)
        for number, thing in self.heap.things.items():
            known = thing.value
            if thing.kind != KIND_ARRAY or known is array or number in self.fresh:
                continue
            if not known.flags.forc or known.dtype != array.dtype or _owner(known) is not owner:
                continue
            start, end = byte_bounds(known)
            if start <= low and high <= end:
                out = _u64.pack(number) + _u64.pack(_address(array) - start)
                out += b"".join(map(_i64.pack, array.strides))
                return out + b"".join(map(_u64.pack, array.shape))
        return b""

    def items(self, out: bytearray, values: Any, depth: int = 1) -> None:
        out += _u32.pack(len(values))
        for item in values:
            self.value(out, item, depth)

    def unordered(self, out: bytearray, values: Any, depth: int = 1) -> None:
        """Write a set's elements in the same order on both sides."""
        encoded = []
        for item in values:
            one = bytearray()
            self.value(one, item, depth)
            encoded.append(bytes(one))
        out += _u32.pack(len(encoded))
        out += b"".join(sorted(encoded))

    def value(self, out: bytearray, value: Any, depth: int) -> None:
        """Write one value; what can change in place is written as a number."""
        kind = type(value)
        if kind is str:
            text = value.encode("utf-8", "surrogatepass")
            out += _tagged.pack(b"u", len(text)) + text
        elif kind is tuple:
            if depth > MAX_DEPTH:
                raise CannotCross(_TOO_DEEP)
            out += _tagged.pack(b"t", len(value))
            for item in value:
                self.value(out, item, depth + 1)
        elif kind is np.ndarray and plain_dtype(value.dtype):
            self.record(out, value, KIND_ARRAY)
        elif kind is float:
            out += b"f" + _f64.pack(value)
        elif kind is int:
            if -(1 << 63) <= value < 1 << 63:
                out += b"i" + _i64.pack(value)
            else:
                size = value.bit_length() // 8 + 1
                if size > MAX_INT:
                    raise CannotCross(f"an int of {size} bytes is too large to be handed over")
                out += _tagged.pack(b"I", size) + value.to_bytes(size, "little", signed=True)
        elif value is None:
            out += b"N"
        elif kind is bool:
            out += b"T" if value else b"F"
        elif kind is bytes:
            out += _tagged.pack(b"b", len(value)) + value
        elif kind is frozenset:
            if depth > MAX_DEPTH:
                raise CannotCross(_TOO_DEEP)
            out += b"z"
            self.unordered(out, value, depth + 1)
        elif kind in MUTABLE:
            self.record(out, value, MUTABLE[kind])
        elif kind in _SCALARS:
            dtype = value.dtype
            if not plain_dtype(dtype):
                raise CannotCross(f"a scalar of type {dtype} cannot be handed over")
            self._dtype(out, b"n", dtype)
            data = value.tobytes()
            out += _u32.pack(len(data)) + data
        elif kind is complex:
            out += b"c" + _c128.pack(value.real, value.imag)
        elif kind is slice:
            out += b":"
            for part in (value.start, value.stop, value.step):
                self.value(out, part, depth + 1)
        elif kind is range:
            out += b"r"
            for part in (value.start, value.stop, value.step):
                self.value(out, part, depth + 1)
        elif value is Ellipsis:
            out += b"."
        elif value is NotImplemented:
            out += b"!"
        elif isinstance(value, np.dtype) and plain_dtype(value):
            self._dtype(out, b"D", value)
        elif isinstance(value, type) and value in _TYPE_NAMES:
            name = _TYPE_NAMES[value].encode()
            out += b"y" + _u8.pack(len(name)) + name
        elif (number := self.heap.stand_in_number(value)) is not None:
            out += _mention.pack(b"x", number)
        elif (names := self.heap.name_of(value)) is not None:
            out += b"G"
            self.value(out, names[0], depth)
            self.value(out, names[1], depth)
        elif (
            kind is np.random.Generator
            and type(value.bit_generator).__name__ in _BIT_GENERATORS
            and (self.heap.parity == 0 or self.heap.number(value) is not None)
        ):
            self.record(out, value, KIND_GENERATOR)
        else:
            self.record(out, value, KIND_OTHER)

    def record(self, out: bytearray, value: Any, kind: int) -> None:
        number = self.heap.number(value)
        if number is None:
            if len(self.heap.things) >= MAX_RECORDS:
                raise CannotCross("too many objects have been handed over")
            if kind == KIND_OTHER:
                self.heap.describe(value)  # may refuse
            number = self.heap.add(value, kind)
            self.fresh.append(number)
            self.queue.append(number)
        out += _mention.pack(b"x", number)

    @staticmethod
    def _dtype(out: bytearray, tag: bytes, dtype: np.dtype) -> None:
        text = dtype.str.encode()
        out += tag + _u8.pack(len(text)) + text


KIND_ARRAY, KIND_GENERATOR, KIND_OTHER = 0x61, 0x67, 0x6F
KIND_VIEW = 0x76  # an array in the memory of one that is known; from then on it is an array
MUTABLE = {list: 0x6C, dict: 0x64, OrderedDict: 0x4F, set: 0x73, bytearray: 0x42}
_KINDS = {*MUTABLE.values(), KIND_ARRAY, KIND_VIEW, KIND_GENERATOR, KIND_OTHER}


def _digest(parts: list[Buffer]) -> bytes:
    """Return what tells two contents apart: of a small one itself, which takes less time."""
    if len(parts) == 1 and len(parts[0]) <= SMALL:
        return bytes(parts[0])
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        digest.update(part)
    return digest.digest()


def _array(array: np.ndarray) -> tuple[int, list[Buffer]]:
    """Return flags and content of an array: type, shape, numbers in C order."""
    if array.nbytes > MAX_BYTES:
        raise CannotCross(f"an array of {array.nbytes / 1e6:,.0f} MB cannot be handed over")
    how, shape = array.flags, array.shape
    flags = _C if how.c_contiguous else _F if how.f_contiguous else _STRIDED
    if not how.writeable:
        flags |= _READ_ONLY
    head = _type_and_shape(array.dtype.str, shape)
    if array.nbytes < SMALL or flags & 3 != _C:
        return flags, [head + array.tobytes()]
    return flags, [head, memoryview(array.view(np.uint8).reshape(-1)).cast("B")]


@functools.lru_cache(256)
def _type_and_shape(dtype: str, shape: tuple[int, ...]) -> bytes:
    text = dtype.encode()
    return struct.pack(f"<B{len(text)}sB{len(shape)}Q", len(text), text, len(shape), *shape)


def _owner(array: np.ndarray) -> Any:
    """Return what holds an array's memory."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array if array.base is None else array.base


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]


def _generator_state(generator: np.random.Generator) -> tuple:
    def freeze(part: Any) -> Any:
        if isinstance(part, dict):
            return tuple(
                (key, freeze(item)) for key, item in part.items() if key != "bit_generator"
            )
        if isinstance(part, np.ndarray):
            return tuple(int(item) for item in part)
        return int(part)

    bits = generator.bit_generator
    return type(bits).__name__, freeze(bits.state)


def _set_generator_state(generator: np.random.Generator, given: tuple) -> None:
    """Check a bit generator's state and set it: NumPy itself does not check what it is given."""

    def thaw(part: Any, limits: Any) -> Any:
        if isinstance(limits, dict):
            if type(part) is not tuple or len(part) != len(limits):
                raise WireError("a random generator's state is incomplete")
            found = {}
            for pair in part:
                if type(pair) is not tuple or len(pair) != 2 or pair[0] not in limits:
                    raise WireError("a random generator's state has unknown parts")
                found[pair[0]] = thaw(pair[1], limits[pair[0]])
            if len(found) != len(limits):
                raise WireError("a random generator's state is incomplete")
            return found
        if isinstance(limits, tuple):
            count, highest = limits
            if type(part) is not tuple or len(part) != count:
                raise WireError("a random generator's state has the wrong length")
            kind = np.uint32 if highest == _WORD else np.uint64
            return np.array([thaw(item, highest) for item in part], dtype=kind)
        if type(part) is not int or not 0 <= part <= limits:
            raise WireError("a random generator's state is out of range")
        return part

    bits = generator.bit_generator
    name = type(bits).__name__
    if type(given) is not tuple or len(given) != 2 or given[0] != name:
        raise WireError("a random generator became one of another kind")
    parts = _BIT_GENERATORS[name][1]
    limits = parts if name == "MT19937" else parts | _HALF
    bits.state = {"bit_generator": name, **thaw(given[1], limits)}


# Reading ----------------------------------------------------------------------------------------


def unpack(data: Buffer, heap: Heap) -> tuple[Any, list[int]]:
    """Return the value of a message, after the copies on this side have been brought up to date.

    Args:
        data: a message's bytes, of any origin.
        heap: this side's.
    Returns:
        The value, and the numbers that the sender uses no more; what they stood for has been
        dropped from the heap.
    Raises:
        WireError: the bytes are no message.
    """
    if len(data) > MAX_BYTES:
        raise WireError("a message is too long")
    try:
        return Decoder(memoryview(data), heap).message()
    except WireError:
        raise
    except (
        ValueError,
        TypeError,
        OverflowError,
        ArithmeticError,
        LookupError,
        struct.error,
        MemoryError,
        RecursionError,
    ) as error:
        raise WireError(f"a message is malformed: {type(error).__name__}") from error


class Decoder:
    """Reads one message."""

    def __init__(self, data: memoryview, heap: Heap) -> None:
        self.data, self.at, self.heap = data, 0, heap
        self.items_left = MAX_ITEMS

    def take(self, size: int) -> memoryview:
        if size < 0 or size > len(self.data) - self.at:
            raise WireError("a message is cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    # Reading beyond the end raises an IndexError or a struct.error, of which `unpack` knows.

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
        self.items_left -= count
        if count * smallest > len(self.data) - self.at or self.items_left < 0:
            raise WireError("a message claims too many elements")
        return count

    def message(self) -> tuple[Any, list[int]]:
        count = self.count(8)
        forgotten = list(struct.unpack(f"<{count}Q", self.take(8 * count)))
        for number in forgotten:
            self.heap.drop(number)
        contents, views = [], []
        seen = set()
        for _ in range(self.count(_head.size)):
            number, kind, flags, size = _head.unpack(self.take(_head.size))
            start = self.at
            content = self.take(size)
            if number in seen:
                raise WireError("a record comes twice")
            seen.add(number)
            thing = self.heap.things.get(number)
            new = thing is None
            if new:
                thing = self.new_record(number, kind, flags, content)
            elif thing.kind != kind or kind == KIND_OTHER:
                raise WireError("a record changed its kind")
            if kind == KIND_VIEW:
                views.append(thing)
                continue
            if kind != KIND_OTHER:
                thing.digest = _digest([content])
            if not (new and kind in (KIND_ARRAY, KIND_OTHER)):  # these are complete
                contents.append((thing, start, size))
        end = self.at
        ready = [(thing, self.read_record(thing, start, size)) for thing, start, size in contents]
        for thing, read in ready:
            _replace(thing, read)
        for thing in views:
            thing.digest = _digest(_array(thing.value)[1])
        self.at = end
        value = self.value(0)
        if self.at != len(self.data):
            raise WireError("a message has bytes left over")
        return value, forgotten

    def new_record(self, number: int, kind: int, flags: int, content: memoryview) -> Thing:
        """Take in a record that is new here; containers are empty until all are known."""
        if number % 2 == self.heap.parity or number < 2 or number >= 1 << 62:
            raise WireError("a record has a number that is not its sender's to give")
        if kind not in _KINDS or len(self.heap.things) >= MAX_RECORDS:
            raise WireError("a record of an unknown kind, or too many records")
        if kind == KIND_ARRAY:
            value: Any = _read_array(content, flags)
        elif kind == KIND_VIEW:
            value, kind = self.read_view(content), KIND_ARRAY
        elif kind == KIND_GENERATOR:
            if self.heap.parity == 0:
                raise WireError("a submission cannot make random generators here")
            name, _ = Decoder(content, self.heap).value(1)
            value = np.random.Generator(_BIT_GENERATORS[name][0]())
        elif kind == KIND_OTHER:
            description = Decoder(content, self.heap).value(1)
            if type(description) is not tuple:
                raise WireError("a thing without a description")
            value = self.heap.stand_in(number, description)
            return Thing(value, kind)  # the peer keeps it; this side keeps the stand-in as it likes
        else:
            value = next(t for t, k in MUTABLE.items() if k == kind)()
        self.heap.add(value, kind, number)
        return self.heap.things[number]

    def read_view(self, content: memoryview) -> np.ndarray:
        """Return an array in the memory of one that is here; NumPy sees to it that it fits."""
        part = Decoder(content, self.heap)
        thing, offset = self.heap.things.get(part.u64()), part.u64()
        if thing is None or thing.kind != KIND_ARRAY or not thing.value.flags.forc:
            raise WireError("an array lies in an unknown one")
        dimensions, rest = divmod(len(content) - part.at, 16)
        if rest or dimensions > MAX_DIMENSIONS:
            raise WireError("an array lies in another one in an unknown way")
        strides = tuple(_i64.unpack(part.take(8))[0] for _ in range(dimensions))
        shape = tuple(part.u64() for _ in range(dimensions))
        known = thing.value if thing.value.flags.c_contiguous else thing.value.T
        array = np.ndarray(shape, known.dtype, known, offset, strides)
        if array.nbytes > MAX_BYTES:
            raise WireError("an array is too long")
        return array

    def read_record(self, thing: Thing, start: int, size: int) -> Any:
        """Return a record's content, without changing anything yet."""
        self.at = start
        part = Decoder(self.data[start : start + size], self.heap)
        part.items_left = self.items_left
        match thing.kind:
            case 0x6C:
                read: Any = [part.value(1) for _ in range(part.count())]
            case 0x64 | 0x4F:
                count = part.count(2)
                if count > MAX_HASHED:
                    raise WireError("a dict is too large")
                read = {}
                for _ in range(count):
                    key = part.value(1)
                    read[key] = part.value(1)
            case 0x73:
                read = part.unordered(1)
            case 0x42:
                return bytes(part.data)
            case 0x61:
                return _read_array(part.data, 0)
            case _:
                read = part.value(1)
        self.items_left = part.items_left
        if part.at != size:
            raise WireError("a record has bytes left over")
        return read

    def unordered(self, depth: int) -> set:
        count = self.count()
        if count > MAX_HASHED:
            raise WireError("a set is too large")
        return {self.value(depth) for _ in range(count)}

    def value(self, depth: int) -> Any:
        at = self.at
        tag = self.data[at]
        if tag == 0x75:  # u
            self.at = at + 5
            return str(self.take(_u32.unpack_from(self.data, at + 1)[0]), "utf-8", "surrogatepass")
        self.at = at + 1
        if tag == 0x74:  # t
            self.deeper(depth)
            return tuple([self.value(depth + 1) for _ in range(self.count())])
        if tag == 0x78:  # x
            number = self.u64()
            thing = self.heap.things.get(number)
            return thing.value if thing else self.heap.stand_in(number, None)
        if tag == 0x4E:  # N
            return None
        if tag == 0x66:  # f
            self.at = at + 9
            return _f64.unpack_from(self.data, at + 1)[0]
        if tag == 0x69:  # i
            self.at = at + 9
            return _i64.unpack_from(self.data, at + 1)[0]
        return self.rare_value(tag, depth)

    def rare_value(self, tag: int, depth: int) -> Any:
        match tag:
            case 0x54:  # T
                return True
            case 0x46:  # F
                return False
            case 0x62:  # b
                return bytes(self.take(self.u32()))
            case 0x7A:  # z
                self.deeper(depth)
                return frozenset(self.unordered(depth + 1))
            case 0x6E:  # n
                dtype = self.dtype()
                return _read_numbers(self.take(self.u32()), dtype, (), _C)[()]
            case 0x49:  # I
                size = self.u32()
                if size > MAX_INT:
                    raise WireError("an int is too large")
                return int.from_bytes(self.take(size), "little", signed=True)
            case 0x63:  # c
                return complex(*_c128.unpack(self.take(16)))
            case 0x3A | 0x72:  # : r
                self.deeper(depth)
                parts = [self.value(depth + 1) for _ in range(3)]
                return slice(*parts) if tag == 0x3A else range(*parts)
            case 0x2E:  # .
                return Ellipsis
            case 0x21:  # !
                return NotImplemented
            case 0x44:  # D
                return self.dtype()
            case 0x79:  # y
                name = str(self.take(self.u8()), "ascii")
                if name not in _TYPES:
                    raise WireError("an unknown type")
                return _TYPES[name]
            case 0x47:  # G
                module, name = self.value(depth + 1), self.value(depth + 1)
                if type(module) is not str or type(name) is not str:
                    raise WireError("a name that is no text")
                return self.heap.by_name(module, name)
        raise WireError("an unknown tag")

    def deeper(self, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise WireError("a message is nested too deeply")

    def dtype(self) -> np.dtype:
        return _read_dtype(str(self.take(self.u8()), "ascii"))


@functools.lru_cache(64)
def _read_dtype(text: str) -> np.dtype:
    if not _DTYPE.fullmatch(text):
        raise WireError("an array of an unknown type")
    return np.dtype(text)


def _read_array(content: memoryview, flags: int) -> np.ndarray:
    """Return a new array that owns its memory."""
    at = 1 + content[0]
    dtype = _read_dtype(str(content[1:at], "ascii"))
    dimensions = content[at]
    if dimensions > MAX_DIMENSIONS:
        raise WireError("an array has too many dimensions")
    shape = struct.unpack_from(f"<{dimensions}Q", content, at + 1)
    array = _read_numbers(content[at + 1 + 8 * dimensions :], dtype, shape, flags)
    if flags & _READ_ONLY:
        array.flags.writeable = False
    return array


def _read_numbers(data: memoryview, dtype: np.dtype, shape: tuple, flags: int) -> np.ndarray:
    size = dtype.itemsize
    for length in shape:
        if length >= 1 << 40:
            raise WireError("an array is too long")
        size *= length
    if size != len(data):
        raise WireError("an array's shape does not fit its bytes")
    order = flags & 3
    if order == _STRIDED and shape:
        array = np.empty((*shape, 2), dtype)[..., 0]
    else:
        array = np.empty(shape, dtype, order="F" if order == _F else "C")
    if not array.size or not dtype.itemsize:
        return array
    raw = np.frombuffer(data, np.uint8)
    if dtype.kind == "b" and raw.max() > 1:
        raise WireError("a truth value is neither 0 nor 1")  # NumPy counts on it
    if dtype.kind == "U":
        letters = np.frombuffer(data, np.uint32)
        if not dtype.isnative:
            letters = letters.byteswap()
        if letters.max() > 0x10FFFF:
            raise WireError("a character is out of range")
    array[...] = np.frombuffer(data, dtype).reshape(shape)
    return array


def _replace(thing: Thing, read: Any) -> None:
    """Bring this side's copy up to date, in place."""
    value = thing.value
    if thing.kind == KIND_ARRAY:
        if value.dtype != read.dtype or value.shape != read.shape:
            raise WireError("an array changed its type or shape in place")
        if value.flags.writeable:
            value[...] = read
    elif thing.kind == KIND_GENERATOR:
        _set_generator_state(value, read)
    elif type(value) in (list, bytearray):
        value[:] = read
    else:
        value.clear()
        value.update(read)
