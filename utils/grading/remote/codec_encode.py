"""The codec's encoder; `codec_format` has the layout."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from utils.grading.remote.codec_arrays import (
    BIT_GENERATORS,
    DTYPE_TEXT,
    array_content,
    generator_state,
    plain_dtype,
    without_padding,
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
    MAX_SHARED_BYTES,
    MUTABLE,
    NAMED,
    NONE,
    NOT_IMPLEMENTED,
    OBJECT,
    ORDERED,
    RANGE,
    SCALAR,
    SCALARS,
    SET,
    SHARED,
    SLICE,
    TEXT,
    TRUE,
    TUPLE,
    TYPE,
    TYPE_NAMES,
    Buffer,
    CannotCross,
    SharedObjects,
    Thing,
    digest_of,
    fits,
)

_u8, _u32 = struct.Struct("<B"), struct.Struct("<I")
_two_f64 = struct.Struct("<dd")
_tag_u32, _tag_u64, _tag_i64, _tag_f64 = map(struct.Struct, ("<BI", "<BQ", "<Bq", "<Bd"))


def pack(
    value: Any, shared: SharedObjects, forget: Iterable[int] = (), tidy: bool = False
) -> list[Buffer]:
    """Return a message as buffers to be sent one after another.

    Args:
        value: what to send.
        shared: this side's; takes in what is sent for the first time.
        forget: numbers that this side uses no more.
        tidy: also forget what only the shared objects refer to, once its changes have been sent.
    Raises:
        CannotCross: something in it cannot be sent; the shared objects are as before.
    """
    return Encoder(shared).message(value, list(forget), tidy)


class Encoder:
    """Writes one message."""

    def __init__(self, shared: SharedObjects) -> None:
        self.shared = shared
        self.queue: list[int] = []  # records mentioned for the first time
        self.fresh: list[int] = []
        self.records: list[Buffer] = []
        self.written: list[tuple[int, bytes, int]] = []  # number, digest, cost
        self.count = 0  # of records

    def message(self, value: Any, forget: list[int], tidy: bool) -> list[Buffer]:
        things = self.shared.things
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
            grown = 0
            for number, _, cost in self.written:
                grown += cost - things[number].cost
            if self.shared.cost + grown > MAX_SHARED_BYTES and grown > 0:
                raise CannotCross(f"more than {MAX_SHARED_BYTES >> 20} MiB cannot be shared")
        except BaseException:
            for number in self.fresh:
                self.shared.drop(number)
            raise
        for number, digest, cost in self.written:
            things[number].digest = digest
            self.shared.charge(things[number], cost)
        return parts

    def changes(self, tidy: bool) -> list[int]:
        """Write the records of what has changed; return what is used no more, and forget it."""
        unused = []
        for number, thing in list(self.shared.things.items()):
            kind = thing.kind
            if kind == OBJECT:
                continue
            if kind != ARRAY or thing.value.flags.writeable:
                flags, parts = self.content(thing)
                digest = digest_of(parts)
                if digest != thing.digest:
                    self.put(number, thing, flags, parts, digest)
                    continue
                del parts  # of a large array it is a view, which would count as a use
            if tidy and sys.getrefcount(thing.value) <= 2:
                unused.append(number)
        for number in unused:
            self.shared.drop(number)
        return unused

    def put(
        self, number: int, thing: Thing, flags: int, parts: list[Buffer], digest: bytes = b""
    ) -> None:
        """Write a record."""
        size = sum(map(len, parts))
        if thing.kind != OBJECT:
            items = 0 if thing.kind in (ARRAY, BYTEARRAY, GENERATOR) else len(thing.value)
            cost = size + COST_OF_ITEM * (1 + items)
            self.written.append((number, digest or digest_of(parts), cost))
        self.count += 1
        self.records.append(HEAD.pack(number, thing.kind, flags, size))
        self.records += parts

    def content(self, thing: Thing) -> tuple[int, list[Buffer]]:
        """Return flags and content of a record; the records in it appear as numbers."""
        value, kind = thing.value, thing.kind
        if kind == ARRAY:
            return array_content(value)
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
            self.value(out, generator_state(value), 1)
        else:
            self.value(out, self.shared.describe(value), 1)
        return 0, [out]

    def value(self, out: bytearray, value: Any, depth: int) -> None:
        """Write one value; what can change in place is written as a number."""
        kind = type(value)
        if kind is str:
            text = value.encode("utf-8", "surrogatepass")
            out += _tag_u32.pack(TEXT, len(text)) + text
        elif kind is tuple:
            if depth > MAX_DEPTH:
                self.deeper(depth)
            out += _tag_u32.pack(TUPLE, len(value))
            for item in value:
                self.value(out, item, depth + 1)
        elif kind is np.ndarray and plain_dtype(value.dtype):
            self.shared_value(out, value, ARRAY)
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
            self.shared_value(out, value, MUTABLE[kind])
        elif kind in SCALARS:
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
            if kind is range and not fits(value):
                raise CannotCross(f"a range of more than {MAX_ITEMS:,} numbers cannot cross")
            out.append(SLICE if kind is slice else RANGE)
            for part in (value.start, value.stop, value.step):
                self.value(out, part, depth + 1)
        elif value is Ellipsis:
            out.append(ELLIPSIS)
        elif value is NotImplemented:
            out.append(NOT_IMPLEMENTED)
        elif isinstance(value, np.dtype) and DTYPE_TEXT.fullmatch(value.str):
            out.append(DTYPE)
            self.name(out, value.str)
        elif isinstance(value, type) and value in TYPE_NAMES:
            out.append(TYPE)
            self.name(out, TYPE_NAMES[value])
        elif (number := self.shared.proxy_number(value)) is not None:
            out += _tag_u64.pack(SHARED, number)
        elif (names := self.shared.name_of(value)) is not None:
            self.deeper(depth)
            out.append(NAMED)
            self.value(out, names[0], depth + 1)
            self.value(out, names[1], depth + 1)
        elif (
            kind is np.random.Generator
            and type(value.bit_generator).__name__ in BIT_GENERATORS
            and (self.shared.parity == 0 or self.shared.number(value) is not None)
        ):
            self.shared_value(out, value, GENERATOR)
        else:
            self.shared_value(out, value, OBJECT)

    def shared_value(self, out: bytearray, value: Any, kind: int) -> None:
        """Write the number of something shared; the first time its record follows."""
        number = self.shared.number(value)
        if number is None:
            if len(self.shared.things) >= MAX_RECORDS:
                raise CannotCross("too many objects have been handed over")
            if kind == OBJECT:
                self.shared.describe(value)  # may refuse
            number = self.shared.add(value, kind)
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
        if not DTYPE_TEXT.fullmatch(dtype.str):
            raise CannotCross(f"a scalar of type {str(dtype)[:60]} cannot be handed over")
        data = without_padding(value.tobytes(), dtype)
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
            raise CannotCross(
                f"a {kind} of more than {MAX_HASHED:,} elements cannot be handed over"
            )
