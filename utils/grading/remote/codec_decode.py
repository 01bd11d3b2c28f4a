"""The codec's decoder: it reads bytes of any origin; `codec_format` has the layout."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from utils.grading.remote.codec_arrays import (
    BIT_GENERATORS,
    checked_state,
    new_array,
    read_dtype,
    read_numbers,
)
from utils.grading.remote.codec_format import (
    ARRAY,
    BIG_INT,
    BYTEARRAY,
    BYTES,
    COMPLEX,
    COST_OF_ITEM,
    DICT,
    DTYPE,
    ELLIPSIS,
    EMPTY,
    FALSE,
    FLOAT,
    FROZENSET,
    GENERATOR,
    HEAD,
    INT,
    LIST,
    MAX_BYTES,
    MAX_DEPTH,
    MAX_HASHED,
    MAX_INT,
    MAX_ITEMS,
    MAX_RECORDS,
    MAX_SAME_HASH,
    MAX_SHARED_BYTES,
    MAX_STEPS,
    MAX_WRITTEN_OUT,
    NAMED,
    NONE,
    NOT_IMPLEMENTED,
    OBJECT,
    ORDERED,
    RANGE,
    SCALAR,
    SET,
    SHARED,
    SLICE,
    TEXT,
    TRUE,
    TUPLE,
    TYPE,
    TYPES,
    Buffer,
    CodecError,
    SharedObjects,
    Thing,
    digest_of,
    fits,
)

_u32, _u64 = struct.Struct("<I"), struct.Struct("<Q")
_i64, _f64, _two_f64 = struct.Struct("<q"), struct.Struct("<d"), struct.Struct("<dd")


def unpack(data: Buffer, shared: SharedObjects) -> tuple[Any, list[int]]:
    """Return the value of a message, after the copies on this side have been brought up to date.

    Args:
        data: a message's bytes, of any origin.
        shared: this side's.
    Returns:
        The value, and the numbers that the sender uses no more; what they stood for has been
        dropped from the shared objects.
    Raises:
        CodecError: the bytes are not a message; the connection has to be closed.
    """
    if len(data) > MAX_BYTES:
        raise CodecError("a message is too long")
    try:
        return Decoder(memoryview(data), shared, Budget()).message()
    except CodecError:
        raise
    except Exception as error:  # whatever it was, the message caused it
        raise CodecError(f"a message is malformed: {type(error).__name__}") from error


@dataclass(slots=True)
class Budget:
    """What is left of a message's limits; its records share it."""

    items: int = MAX_ITEMS
    collisions: int = MAX_HASHED**2  # comparisons of keys, if all of them collide
    steps: int = MAX_STEPS
    same_hash: int = MAX_SAME_HASH  # surplus keys of all frozensets; these nest in each other

    def take(self, count: int) -> None:
        self.items -= count
        if self.items < 0:
            raise CodecError("a message has too many elements")

    def hash_all(self, keys: list, frozen: bool = False) -> None:
        """Refuse keys whose dict or set would take too long to make.

        Args:
            keys: what is going to be hashed.
            frozen: whether in a frozenset. Such sets may be keys of others: comparisons within
                comparisons would multiply, so one limit holds for all of them together.
        """
        self.collisions -= len(keys) ** 2
        if len(keys) > MAX_HASHED or self.collisions < 0:
            raise CodecError("a dict or set is too large")
        surplus = len(keys) - len(set(map(hash, keys)))
        if frozen:
            self.same_hash -= surplus
        if surplus > MAX_SAME_HASH or self.same_hash < 0:
            raise CodecError("too many keys of a dict or set have the same hash")


class Decoder:
    """Reads a message, or the content of one record."""

    def __init__(self, data: memoryview, shared: SharedObjects, budget: Budget) -> None:
        self.data, self.at, self.shared, self.budget = data, 0, shared, budget
        self.length = len(data)
        self.parts: list[int] = []  # numbers of containers that were met

    # Bytes and numbers. Reading beyond the end raises an error, of which `unpack` knows. ---------

    def take(self, size: int) -> memoryview:
        start = self.at
        self.at = end = start + size
        if end > self.length:
            raise CodecError("a message is cut short")
        return self.data[start:end]

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
        self.at += 4
        count = _u32.unpack_from(self.data, self.at - 4)[0]
        if count:
            if count * smallest > self.length - self.at:
                raise CodecError("a message claims too many elements")
            self.budget.take(count)
        return count

    def name(self) -> str:
        return str(self.take(self.u8()), "ascii")

    def end(self) -> None:
        if self.at != self.length:
            raise CodecError("bytes are left over")

    # Messages and records -----------------------------------------------------------------------

    def message(self) -> tuple[Any, list[int]]:
        forgotten = [self.u64() for _ in range(self.count(8))]
        for number in forgotten:
            self.shared.drop(number)
        pending: dict[int, tuple[Thing, memoryview] | None] = {}
        for _ in range(self.count(HEAD.size)):
            number, kind, flags, size = HEAD.unpack(self.take(HEAD.size))
            content = self.take(size)
            if number in pending:
                raise CodecError("a record comes twice")
            thing = self.shared.things.get(number)
            if thing is None:
                thing = self.new_record(number, kind, flags, content)
                complete = kind in (ARRAY, OBJECT)
            else:
                complete = False
                if thing.kind != kind or kind == OBJECT:
                    raise CodecError("a record changed its kind")
            pending[number] = (thing, content) if thing and not complete else None
        # All records are known now, so their contents can refer to each other. Nothing that was
        # known before changes until all of it has been read.
        ready = [(*one, self.read_content(*one)) for one in pending.values() if one]
        for thing, content, read in ready:
            _update(thing, read)
            thing.digest = digest_of([content])
        if any(thing.parts for thing, _, _ in ready):
            self.write_out()
        value = self.value(0)
        self.end()
        if self.parts:
            size = sum(self.shared.things[number].written_out for number in self.parts)
            if size > MAX_WRITTEN_OUT:
                raise CodecError("a value would be endless when written out")
        return value, forgotten

    def write_out(self) -> None:
        """Refuse containers that would be endless when written out, as by a comparison.

        Those that hold others grow sweep by sweep, as far as tuples may nest.
        """
        things = self.shared.things
        nested = [thing for thing in reversed(things.values()) if thing.parts]
        for thing in nested:
            thing.written_out = thing.length
        for _ in range(MAX_DEPTH):
            grown = False
            for thing in nested:
                self.budget.steps -= len(thing.parts)
                if self.budget.steps < 0:
                    raise CodecError("containers are nested in too many ways")
                size = thing.length
                for number in thing.parts:
                    size += things[number].written_out if number in things else 0
                if size > MAX_WRITTEN_OUT:
                    raise CodecError("a container would be endless when written out")
                grown |= size != thing.written_out
                thing.written_out = size
            if not grown:
                break

    def new_record(self, number: int, kind: int, flags: int, content: memoryview) -> Thing | None:
        """Take in a record that is new here; containers are empty until all are known."""
        if number % 2 == self.shared.parity or not 2 <= number < 1 << 62:
            raise CodecError("a record has a number that is not its sender's to give")
        if len(self.shared.things) >= MAX_RECORDS:
            raise CodecError("there are too many records")
        part = Decoder(content, self.shared, self.budget)
        if kind == OBJECT:
            description = part.value(1)
            part.end()
            if type(description) is not tuple:
                raise CodecError("a description is not a tuple")
            self.shared.proxy(number, description)
            return None
        if kind == ARRAY:
            value: Any = new_array(part.array(), flags)
        elif kind == GENERATOR:
            if self.shared.parity == 0:
                raise CodecError("a submission cannot make random generators here")
            value = np.random.Generator(BIT_GENERATORS[part.value(1)[0]][0]())
        elif kind in EMPTY:
            value = EMPTY[kind]()
        else:
            raise CodecError("a record of an unknown kind")
        self.shared.add(value, kind, number)
        thing = self.shared.things[number]
        if kind == ARRAY:
            thing.digest = digest_of([content])
        self.charge(thing, len(content), 0)
        return thing

    def read_content(self, thing: Thing, content: memoryview) -> Any:
        """Return a record's content, without changing anything yet."""
        part = Decoder(content, self.shared, self.budget)
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
                raise CodecError("an array changed its dtype or shape in place")
        else:
            name = type(thing.value.bit_generator).__name__
            read = checked_state(part.value(1), name)
        part.end()
        thing.parts, thing.length = part.parts, before - self.budget.items
        thing.written_out = thing.length
        self.charge(thing, len(content), thing.length)
        return read

    def charge(self, thing: Thing, size: int, items: int) -> None:
        before = thing.cost
        self.shared.charge(thing, size + COST_OF_ITEM * (1 + items))
        if self.shared.cost > MAX_SHARED_BYTES and thing.cost > before:
            raise CodecError(f"more than {MAX_SHARED_BYTES >> 20} MiB are shared")

    # Values -------------------------------------------------------------------------------------

    def array(self) -> np.ndarray:
        """Return a read-only array in the message's bytes: all that are left."""
        dtype = read_dtype(self.name())
        shape = struct.unpack(f"<{(n := self.u8())}Q", self.take(8 * n))
        return read_numbers(self.take(self.length - self.at), dtype, shape)

    def items(self, depth: int) -> list:
        return [self.value(depth) for _ in range(self.count())]

    def unordered(self, depth: int, frozen: bool = False) -> set:
        items = self.items(depth)
        self.budget.hash_all(items, frozen)
        return set(items)

    def value(self, depth: int) -> Any:
        """Return the value that comes next; the usual ones are looked for first."""
        tag = self.data[self.at]
        self.at += 1
        if tag == TEXT:
            self.at += 4
            size = _u32.unpack_from(self.data, self.at - 4)[0]
            return str(self.take(size), "utf-8", "surrogatepass")
        if tag == TUPLE:
            if depth > MAX_DEPTH:
                self.deeper(depth)
            return tuple([self.value(depth + 1) for _ in range(self.count())])
        if tag == SHARED:
            number = self.u64()
            thing = self.shared.things.get(number)
            if thing is None:
                return self.shared.proxy(number, None)
            if thing.kind in EMPTY:
                self.parts.append(number)
            return thing.value
        if tag == NONE:
            return None
        if tag == FLOAT:
            self.at += 8
            return _f64.unpack_from(self.data, self.at - 8)[0]
        if tag == INT:
            self.at += 8
            return _i64.unpack_from(self.data, self.at - 8)[0]
        if tag == TRUE:
            return True
        if tag == FALSE:
            return False
        if tag == BYTES:
            return bytes(self.take(self.u32()))
        return self.rare_value(tag, depth)

    def rare_value(self, tag: int, depth: int) -> Any:
        if tag == SCALAR:
            dtype, data = read_dtype(self.name()), self.take(self.u32())
            if not dtype.itemsize and not data:
                return dtype.type()  # empty text
            return read_numbers(data, dtype, ())[()]
        if tag == FROZENSET:
            self.deeper(depth)
            return frozenset(self.unordered(depth + 1, frozen=True))
        if tag == BIG_INT:
            size = self.u32()
            if size > MAX_INT:
                raise CodecError("an int is too large")
            return int.from_bytes(self.take(size), "little", signed=True)
        if tag == COMPLEX:
            return complex(*_two_f64.unpack(self.take(16)))
        if tag in (SLICE, RANGE):
            self.deeper(depth)
            parts = [self.value(depth + 1) for _ in range(3)]
            if tag == SLICE:
                return slice(*parts)
            numbers = range(*parts)
            if not fits(numbers):
                raise CodecError("a range is too long")
            self.budget.take(len(numbers))
            return numbers
        if tag == ELLIPSIS:
            return Ellipsis
        if tag == NOT_IMPLEMENTED:
            return NotImplemented
        if tag == DTYPE:
            return read_dtype(self.name())
        if tag == TYPE:
            if (name := self.name()) not in TYPES:
                raise CodecError("an unknown type")
            return TYPES[name]
        if tag == NAMED:
            self.deeper(depth)
            module, name = self.value(depth + 1), self.value(depth + 1)
            if type(module) is not str or type(name) is not str:
                raise CodecError("a name that is not text")
            return self.shared.by_name(module, name)
        raise CodecError("an unknown tag")

    @staticmethod
    def deeper(depth: int) -> None:
        if depth > MAX_DEPTH:
            raise CodecError("a message is nested too deeply")


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
