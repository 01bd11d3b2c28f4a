"""The decoder: reads messages, any byte of which may be hostile."""

from __future__ import annotations

import builtins
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from utils.grading.remote.codec import format as fmt
from utils.grading.remote.codec.arrays import array_size, check_numbers, dtype_of, new_array
from utils.grading.remote.codec.format import CodecError
from utils.grading.remote.codec.generators import check_state, new_generator, set_state
from utils.grading.remote.codec.shared_objects import SharedObject, SharedObjects

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))


def unpack(data: fmt.Buffer, shared: SharedObjects) -> Any:
    """Read a message: update this side's copies, drop what the sender forgot, return the value.

    Raises:
        CodecError: the bytes are not a message; the connection has to be closed.
    """
    try:
        return Decoder(shared).message(memoryview(data))
    except CodecError:
        raise
    except Exception as error:  # whatever it was, the message caused it
        raise CodecError(f"a message is malformed: {type(error).__name__}") from error


class Decoder:
    """Reads one message."""

    def __init__(self, shared: SharedObjects) -> None:
        self.shared = shared
        self.items = fmt.MAX_ITEMS  # that may still follow
        self.probes = fmt.MAX_HASHED**2  # that hashing may still take if all keys collide
        self.same_hash = fmt.MAX_SAME_HASH  # keys of frozensets whose hashes may still repeat
        self.read_from(memoryview(b""))

    # Bytes ------------------------------------------------------------------------------------

    def read_from(self, data: memoryview) -> None:
        """Start reading other bytes."""
        self.data, self.at = data, 0
        self.parts: list[SharedObject] = []  # containers mentioned in these bytes

    def take(self, size: int) -> memoryview:
        start, end = self.at, self.at + size
        if end > len(self.data):
            raise CodecError("a message is cut short")
        self.at = end
        return self.data[start:end]

    def number(self, layout: struct.Struct) -> Any:
        self.at += layout.size
        return layout.unpack_from(self.data, self.at - layout.size)[0]  # raises past the end

    def sized(self) -> memoryview:
        return self.take(self.number(fmt.U32))

    def count(self) -> int:
        return self.spend(self.number(fmt.U32))

    def spend(self, items: int) -> int:
        self.items -= items
        if self.items < 0:
            raise CodecError("a message has too many elements")
        return items

    def whole(self, data: memoryview, read: Callable[[], Any]) -> Any:
        """Return the result of `read`, which must consume all of these bytes."""
        self.read_from(data)
        found = read()
        if self.at != len(data):
            raise CodecError("bytes are left over")
        return found

    # Messages and records ---------------------------------------------------------------------

    def message(self, data: memoryview) -> Any:
        shared, objects, cost = self.shared, self.shared.objects, self.shared.cost
        if len(data) > fmt.MAX_BYTES:
            raise CodecError("a message is too long")
        self.read_from(data)
        forgotten = [self.number(fmt.U64) for _ in range(self.count())]
        if shared.is_judge:
            for number in forgotten:
                if number in objects and objects[number].kind != fmt.OBJECT:
                    raise CodecError("a submission drops what is not its own")
        records: dict[int, tuple[int, int, memoryview]] = {}
        for _ in range(self.count()):
            number, kind, flags, size = fmt.HEAD.unpack(self.take(fmt.HEAD.size))
            if number in records:
                raise CodecError("a record comes twice")
            if number not in objects and (
                (number % 2 == 0) == shared.is_judge
                or not shared.highest < number <= shared.highest + fmt.NUMBERS_AHEAD
            ):
                raise CodecError("a record has a number that is not its sender's to give")
            records[number] = kind, flags, self.take(size)
        rest = data[self.at :]

        # Create the new objects first, so that any content can refer to them.
        unread = []
        for number, (kind, flags, content) in records.items():
            if number not in objects:
                self.new(number, kind, flags, content)
                if kind in (fmt.ARRAY, fmt.OBJECT):  # nothing is left to read
                    continue
            elif objects[number].kind != kind or kind == fmt.OBJECT:
                raise CodecError("a record changed its kind")
            unread.append((objects[number], content))

        ready = [(entry, self.content(entry, content)) for entry, content in unread]
        value = self.whole(rest, lambda: self.value(0))
        if cost < shared.cost > fmt.MAX_SHARED_BYTES:
            raise CodecError(f"more than {fmt.MAX_SHARED_BYTES >> 20} MiB are shared")
        self.check_written_out()
        for entry, content in ready:
            update(entry, content)
        for number in forgotten:
            shared.drop(number)
        return value

    def new(self, number: int, kind: int, flags: int, content: memoryview) -> None:
        """Create the object of a new record: an array with its numbers, a container still empty."""
        shared = self.shared
        if len(shared.objects) >= fmt.MAX_RECORDS:
            raise CodecError("there are too many records")
        shared.highest = max(shared.highest, number)
        if kind == fmt.OBJECT:
            description = self.whole(content, lambda: self.value(1))
            if type(description) is not tuple:
                raise CodecError("a description is not a tuple")
            shared.proxy(number, description)
        elif kind == fmt.ARRAY:
            shared.add(new_array(self.whole(content, self.array), flags), kind, number)
            shared.note(shared.objects[number], content, 0, [])
        elif kind == fmt.GENERATOR and not shared.is_judge:  # only the judge hands one over
            name, *numbers = self.whole(content, lambda: self.values(1))
            shared.add(new_generator(name, numbers), kind, number)
        elif kind in fmt.EMPTY:
            shared.add(fmt.EMPTY[kind](), kind, number)
        else:
            raise CodecError("a record of a kind that does not cross")

    def content(self, entry: SharedObject, data: memoryview) -> Any:
        """Return the new content of a copy, for `update`."""
        kind, left = entry.kind, self.items
        content: Any
        if kind == fmt.ARRAY:
            content = self.whole(data, self.array)
            if content.dtype != entry.value.dtype or content.shape != entry.value.shape:
                raise CodecError("an array changed its dtype or shape in place")
        elif kind == fmt.BYTEARRAY:
            content = self.whole(data, lambda: self.take(len(data)))
        else:
            content = self.whole(data, lambda: self.values(1))
            if kind == fmt.GENERATOR:
                del content[0]
                check_state(entry.value, content)
            elif kind in (fmt.STRINGS, fmt.BINARY):
                text, place = content
                if type(text) is not (str if kind == fmt.STRINGS else bytes):
                    raise CodecError("a file holds something else than text or bytes")
                if type(place) is not int or not 0 <= place <= len(text):
                    raise CodecError("a file is read at an impossible place")
            elif kind == fmt.SET:
                self.check_hashes(content)
            elif kind not in (fmt.LIST, fmt.DEQUE):
                maker = content.pop(0) if kind == fmt.DEFAULT else None
                if maker is not None and not callable(maker):
                    raise CodecError("a defaultdict cannot make what is missing")
                self.check_hashes(content[::2])
                content = maker, list(zip(content[::2], content[1::2], strict=True))
        self.shared.note(entry, data, left - self.items, self.parts)
        return content

    # Values -----------------------------------------------------------------------------------

    def values(self, depth: int) -> list:
        return [self.value(depth) for _ in range(self.count())]

    def value(self, depth: int) -> Any:
        tag = self.number(fmt.U8)
        if tag == fmt.TEXT:
            return str(self.sized(), "utf-8", "surrogatepass")
        if tag in fmt.COMPOUND:
            if depth > fmt.MAX_DEPTH:
                raise CodecError("a message is nested too deeply")
            parts = self.values(depth + 1)
            if tag == fmt.TUPLE:
                return tuple(parts)
            if tag == fmt.FROZENSET:
                self.check_hashes(parts, frozen=True)
                return frozenset(parts)
            if tag == fmt.SLICE:
                return slice(*parts)
            numbers = range(*parts)
            self.spend(len(numbers))
            return numbers
        if tag in fmt.CONSTANTS:
            return fmt.CONSTANTS[tag]
        if tag == fmt.INT:
            return self.number(fmt.I64)
        if tag == fmt.FLOAT:
            return self.number(fmt.F64)
        if tag == fmt.SHARED:
            number = self.number(fmt.U64)
            if number not in self.shared.objects:
                return self.shared.proxy(number, None)
            entry = self.shared.objects[number]
            if entry.kind in fmt.EMPTY:
                self.parts.append(entry)
            return entry.value
        if tag == fmt.SCALAR:
            return self.numbers(self.dtype(), ())[()]
        if tag == fmt.BIG_INT:
            data = self.sized()
            if len(data) > fmt.MAX_INT:
                raise CodecError("an int is too large")
            return int.from_bytes(data, "little", signed=True)
        if tag == fmt.COMPLEX:
            return complex(self.number(fmt.F64), self.number(fmt.F64))
        if tag == fmt.BYTES:
            return bytes(self.sized())
        if tag == fmt.DTYPE:
            return self.dtype()
        if tag == fmt.REBUILT:
            name, *arguments = self.values(fmt.MAX_DEPTH)
            _, make, form, _ = fmt.REBUILD[name]
            if [type(one) for one in arguments] != [{"i": int, "s": str}[kind] for kind in form]:
                raise CodecError(f"a {name} is made of something else")
            return make(*arguments)
        if tag == fmt.NAMED:
            name = str(self.sized(), "utf-8")
            return fmt.TYPES[name] if name in fmt.TYPES else self.shared.by_name(name)
        raise CodecError("an unknown tag")

    def dtype(self) -> np.dtype:
        return dtype_of(str(self.take(self.number(fmt.U8)), "ascii"))

    def array(self) -> np.ndarray:
        dtype, length = self.dtype(), self.number(fmt.U8)
        return self.numbers(dtype, struct.unpack(f"<{length}Q", self.take(8 * length)))

    def numbers(self, dtype: np.dtype, shape: tuple[int, ...]) -> np.ndarray:
        """Return a read-only array that is a view of the message's bytes."""
        size = array_size(dtype, shape)
        if size < 0:
            raise CodecError("an array is too large, or its elements have no size")
        data = self.take(size)
        if not size:
            return np.zeros(shape, dtype)
        check_numbers(data, dtype)
        return np.frombuffer(data, dtype).reshape(shape)

    # Limits on the use of values --------------------------------------------------------------

    def check_hashes(self, keys: list, frozen: bool = False) -> None:
        """Refuse keys whose dict or set would take too long to build.

        The sender can choose keys whose hashes collide, so that an insertion probes the slots of
        all earlier keys. Keys of equal hashes are also compared, and the elements of a frozenset
        may be frozensets, whose nested comparisons would multiply. So one limit holds for all
        frozensets of a message together.
        """
        self.probes -= len(keys) ** 2
        if self.probes < 0:
            raise CodecError("a dict or set is too large")
        same = len(keys) - len(set(map(hash, keys)))
        self.same_hash -= same if frozen else 0
        if same > fmt.MAX_SAME_HASH or self.same_hash < 0:
            raise CodecError("too many keys of a dict or set have the same hash")

    def check_written_out(self) -> None:
        """Refuse containers that would be endless when written out, as by `==` or `np.array`.

        A list may contain itself, or one list twice that contains another twice, and so on. Each
        message recounts all containers, whichever side has changed them: in each sweep, a
        container's count grows by the growth of its parts. There are as many sweeps as tuples may
        nest.
        """
        nested = [entry for entry in reversed(self.shared.objects.values()) if entry.parts]
        steps = fmt.MAX_STEPS
        for entry in nested:
            entry.written_out = entry.items
        for _ in range(fmt.MAX_DEPTH):
            grown = False
            for entry in nested:
                steps -= len(entry.parts)
                if steps < 0:
                    raise CodecError("containers are nested in too many ways")
                size = entry.items + sum(part.written_out for part in entry.parts)
                if size > fmt.MAX_WRITTEN_OUT:
                    raise CodecError("a container would be endless when written out")
                grown |= size != entry.written_out
                entry.written_out = size
            if not grown:
                break
        if sum(part.written_out for part in self.parts) > fmt.MAX_WRITTEN_OUT:
            raise CodecError("a value would be endless when written out")


def update(entry: SharedObject, content: Any) -> None:
    """Update this side's copy in place."""
    value, kind = entry.value, entry.kind
    if kind == fmt.ARRAY:
        if value.flags.writeable:
            value[...] = content
    elif kind == fmt.GENERATOR:
        set_state(value, content)
    elif kind in (fmt.LIST, fmt.BYTEARRAY):
        value[:] = content
    elif kind in (fmt.STRINGS, fmt.BINARY):
        text, place = content
        value.seek(0)
        value.truncate()
        value.write(text)
        value.seek(place)
    else:
        value.clear()
        if kind == fmt.DEQUE:
            value.extend(content)
        elif kind == fmt.SET:
            value.update(content)
        else:
            maker, pairs = content
            if kind == fmt.COUNTER:
                dict.update(value, pairs)  # `Counter.update` would add
            else:
                value.update(pairs)
            if kind == fmt.DEFAULT:
                value.default_factory = maker
