"""The encoder: writes this side's values as messages."""

from __future__ import annotations

import builtins
import struct
import sys
from collections import deque
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from utils.grading.remote.codec import format as fmt
from utils.grading.remote.codec.arrays import DTYPE_TEXT, array_content, dtype_text, numbers_of
from utils.grading.remote.codec.format import CannotCross
from utils.grading.remote.codec.generators import generator_name, generator_state
from utils.grading.remote.codec.shared_objects import (
    SharedObject,
    SharedObjects,
    cost_of,
    digest_of,
)

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

_CONSTANTS = {value: bytes([tag]) for tag, value in fmt.CONSTANTS.items()}
_CONSTANT_TYPES = set(map(type, _CONSTANTS))
_COMPOUND = {kind: tag for tag, kind in fmt.COMPOUND.items()}
_MUTABLE: dict[Any, int] = {make: kind for kind, make in fmt.EMPTY.items()}
_REBUILT = {kind: name for name, (kind, *_) in fmt.REBUILD.items()}
_TYPE_NAMES = {t: name for name, t in fmt.TYPES.items()}


def pack(
    value: Any, shared: SharedObjects, forget: Iterable[int] = (), tidy: bool = False
) -> list[fmt.Buffer]:
    """Write a message, as buffers to be sent one after another.

    Args:
        value: the value to send.
        shared: the shared objects of this side; objects sent for the first time are added.
        forget: numbers that this side no longer uses.
        tidy: also forget objects that nothing else refers to, once their changes have been sent.
    Raises:
        CannotCross: something in the value cannot be sent; the shared objects are unchanged.
    """
    return Encoder(shared).message(value, list(forget), tidy)


class Encoder:
    """Writes one message."""

    def __init__(self, shared: SharedObjects) -> None:
        self.shared = shared
        self.fresh: list[int] = []  # numbers of objects mentioned for the first time
        self.records: list[fmt.Buffer] = []
        self.written: list[tuple[SharedObject, bytes, int, list[SharedObject]]] = []
        self.start_content()

    def start_content(self) -> None:
        """Reset the counts of elements and of mentioned containers for the next content."""
        self.items, self.parts = 0, list[SharedObject]()

    def message(self, value: Any, forget: list[int], tidy: bool) -> list[fmt.Buffer]:
        shared = self.shared
        try:
            unused = self.changes(tidy)
            self.start_content()
            body = self.value(value, 0)
            items = self.items
            for number in self.fresh:  # grows in the loop
                self.record(number, shared.objects[number])
            grown = 0
            for entry, content, count, _ in self.written:
                items += count
                grown += cost_of(content, count) - entry.cost
            if items > fmt.MAX_ITEMS:
                raise CannotCross(
                    f"more than {fmt.MAX_ITEMS:,} elements cannot be handed over at once"
                )
            forget += unused
            head = struct.pack(f"<I{len(forget)}QI", len(forget), *forget, len(self.written))
            message = [head, *self.records, body]
            if sum(map(len, message)) > fmt.MAX_BYTES:
                raise CannotCross(
                    f"more than {fmt.MAX_BYTES >> 20} MiB cannot be handed over at once"
                )
            if grown > 0 and shared.cost + grown > fmt.MAX_SHARED_BYTES:
                raise CannotCross(f"more than {fmt.MAX_SHARED_BYTES >> 20} MiB cannot be shared")
        except BaseException:
            shared.next -= 2 * len(self.fresh)
            for number in self.fresh:
                shared.drop(number)
            raise
        for written in self.written:
            shared.note(*written)
        for number in unused:
            shared.drop(number)
        return message

    def changes(self, tidy: bool) -> list[int]:
        """Write the records of changed objects; return the numbers of unused ones."""
        unused = []
        for number, entry in list(self.shared.objects.items()):
            if entry.kind == fmt.OBJECT or self.record(number, entry):
                continue
            if tidy and sys.getrefcount(entry.value) <= 2:
                unused.append(number)
        return unused

    def record(self, number: int, entry: SharedObject) -> bool:
        """Write a record unless the peer has the same content; return whether it was written."""
        if entry.digest is not None and entry.kind == fmt.ARRAY and not entry.value.flags.writeable:
            return False
        self.start_content()
        flags, content = self.content(entry)
        if entry.digest == digest_of(content):
            return False
        self.records += [fmt.HEAD.pack(number, entry.kind, flags, len(content)), content]
        self.written.append((entry, content, self.items, self.parts))
        return True

    def content(self, entry: SharedObject) -> tuple[int, bytes]:
        """Return the flags and the content of a record."""
        value, kind = entry.value, entry.kind
        if kind == fmt.ARRAY:
            return array_content(value)
        if kind == fmt.OBJECT:
            return 0, self.value(self.shared.describe(value), 1)
        if kind == fmt.BYTEARRAY:
            return 0, bytes(value)
        if kind == fmt.SET:
            return 0, self.values(limited(value), 1, ordered=False)
        if kind == fmt.GENERATOR:
            value = generator_state(value)
        elif kind in (fmt.STRINGS, fmt.BINARY):
            value = [value.getvalue(), value.tell()]
        elif kind not in (fmt.LIST, fmt.DEQUE):
            maker = [value.default_factory] if kind == fmt.DEFAULT else []
            value = maker + [part for pair in list(limited(value).items()) for part in pair]
        return 0, self.values(value, 1)

    def values(self, values: Collection, depth: int, ordered: bool = True) -> bytes:
        """Write several values; those of a set are sorted, so that equal sets give equal bytes."""
        self.items += len(values)
        written = [self.value(value, depth) for value in values]
        return fmt.U32.pack(len(written)) + b"".join(written if ordered else sorted(written))

    def value(self, value: Any, depth: int) -> bytes:
        """Write one value; a mutable one is written as its number."""
        kind, shared = type(value), self.shared
        if kind is str:
            return sized(fmt.TEXT, value.encode("utf-8", "surrogatepass"))
        if kind in _COMPOUND:
            if depth > fmt.MAX_DEPTH:
                raise CannotCross(
                    f"tuples nested more than {fmt.MAX_DEPTH} deep cannot be handed over"
                )
            tag = fmt.U8.pack(_COMPOUND[kind])
            if kind is tuple:
                return tag + self.values(value, depth + 1)
            if kind is frozenset:
                return tag + self.values(limited(value), depth + 1, ordered=False)
            if kind is range:
                if value[fmt.MAX_ITEMS :]:
                    return self.stays(value, f"a range of more than {fmt.MAX_ITEMS:,} numbers")
                self.items += len(value)
            return tag + self.values((value.start, value.stop, value.step), depth + 1)
        if kind in _CONSTANT_TYPES:
            return _CONSTANTS[value]
        if kind is float:
            return struct.pack("<Bd", fmt.FLOAT, value)
        if kind is complex:
            return struct.pack("<Bdd", fmt.COMPLEX, value.real, value.imag)
        if kind is bytes:
            return sized(fmt.BYTES, value)
        if kind is int:
            size = value.bit_length() // 8 + 1
            if size > fmt.MAX_INT:
                return self.stays(value, f"an int of {size} bytes")
            if size > 8:
                return sized(fmt.BIG_INT, value.to_bytes(size, "little", signed=True))
            return struct.pack("<Bq", fmt.INT, value)
        if kind in _MUTABLE:
            if getattr(value, "maxlen", None) is not None:
                raise CannotCross("a deque with a greatest length cannot be handed over")
            if getattr(value, "closed", False):
                raise CannotCross(f"a {kind.__name__} that is closed cannot be handed over")
            if shared.keeps_large and is_large(value):  # the judge may ask for its parts
                return self.mention(value, fmt.OBJECT)
            return self.mention(value, _MUTABLE[kind])
        if kind in _REBUILT:
            name = _REBUILT[kind]
            if getattr(value, "tzinfo", None) is not None or getattr(value, "fold", False):
                raise CannotCross(f"a {name} with a time zone cannot be handed over")
            return fmt.U8.pack(fmt.REBUILT) + self.values((name, *fmt.REBUILD[name][3](value)), 1)
        if kind is np.ndarray and value.itemsize and DTYPE_TEXT.fullmatch(value.dtype.str):
            return self.mention(value, fmt.ARRAY)
        if (number := shared.proxy_number(value)) is not None:
            return struct.pack("<BQ", fmt.SHARED, number)
        if kind in fmt.SCALARS:
            array = np.array(value)  # empty text becomes one character long
            if not DTYPE_TEXT.fullmatch(array.dtype.str):
                raise CannotCross(f"a scalar of type {str(array.dtype)[:60]} cannot be handed over")
            return fmt.U8.pack(fmt.SCALAR) + dtype_text(array.dtype) + numbers_of(array)
        if isinstance(value, np.dtype) and DTYPE_TEXT.fullmatch(value.str):
            return fmt.U8.pack(fmt.DTYPE) + dtype_text(value)
        known = _TYPE_NAMES.get(value) if isinstance(value, type) else None
        if (known := known or shared.name_of(value)) is not None:
            return sized(fmt.NAMED, known.encode())
        is_judges = shared.is_judge or shared.number(value) is not None
        crosses = is_judges and generator_name(value)
        return self.mention(value, fmt.GENERATOR if crosses else fmt.OBJECT)

    def mention(self, value: Any, kind: int) -> bytes:
        """Write the number of a shared object; if it is new, its record follows."""
        shared = self.shared
        number = shared.number(value)
        if number is None:
            if len(shared.objects) >= fmt.MAX_RECORDS:
                raise CannotCross("too many objects have been handed over")
            if kind == fmt.OBJECT:
                shared.describe(value)  # may raise CannotCross
            number = shared.add(value, kind)
            self.fresh.append(number)
        if kind in fmt.EMPTY:
            self.parts.append(shared.objects[number])
        return struct.pack("<BQ", fmt.SHARED, number)

    def stays(self, value: Any, what: str) -> bytes:
        """Send a plain value that is too large as an object, or refuse if this side keeps none."""
        if self.shared.keeps_large:
            return self.mention(value, fmt.OBJECT)
        raise CannotCross(f"{what} is too large to be handed over")


def is_large(value: Any) -> bool:
    """Return whether a container has more elements than may cross."""
    if isinstance(value, dict | set):
        return len(value) > fmt.MAX_HASHED
    return isinstance(value, list | deque) and len(value) > fmt.MAX_ITEMS


def limited(values: Any) -> Any:
    """Return a dict or set unchanged, or raise CannotCross if it is too large."""
    if len(values) > fmt.MAX_HASHED:
        kind = type(values).__name__
        raise CannotCross(
            f"a {kind} of more than {fmt.MAX_HASHED:,} elements cannot be handed over"
        )
    return values


def sized(tag: int, data: bytes) -> bytes:
    return struct.pack("<BI", tag, len(data)) + data
