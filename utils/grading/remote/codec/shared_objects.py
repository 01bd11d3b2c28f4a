"""Shared objects: the objects that the judge and a student process both know, by number."""

from __future__ import annotations

import builtins
import hashlib
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from utils.grading.remote.codec.format import MAX_RECORDS, Buffer, CannotCross, CodecError

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

SMALL = 1 << 16  # bytes; contents below this are kept whole, larger ones as a hash
COST_OF_ITEM = 64  # bytes of memory for an element of a container, roughly


@dataclass(slots=True, eq=False)
class SharedObject:
    """An object that both sides know by number: a copy, or an object that stays here."""

    value: Any
    kind: int
    digest: bytes | None = None  # of its content in the last message
    cost: int = 0  # bytes of memory of the copy, roughly
    items: int = 0  # elements, including those of tuples in it
    parts: Sequence[SharedObject] = ()  # containers that it mentions, repeated ones each time
    written_out: int = 0  # its elements and those of all its parts


class SharedObjects:
    """The objects that one side shares with the other: copies, own objects, proxies of the peer's.

    Args:
        is_judge: whether this is the judge's side, whose numbers are even; the student's are odd.
    """

    keeps_large = False  # a plain value too large to cross stays here, as an object

    def __init__(self, is_judge: bool) -> None:
        self.is_judge = is_judge
        self.objects: dict[int, SharedObject] = {}
        self.cost = 0  # of all objects
        self.next = 2 if is_judge else 3  # number of the next object that this side shares
        self.highest = 1  # highest number that the peer has used
        self._numbers: dict[int, int] = {}  # id() of a value -> its number
        self._alive: dict[int, weakref.ref] = {}  # proxies
        self._descriptions: dict[int, tuple] = {}  # of the objects that they stand for
        self._unused: list[int] = []  # numbers of deleted proxies

    # Copies, and objects that stay here -----------------------------------------------------------

    def number(self, value: Any) -> int | None:
        """Return the number of a value, or None if it is not shared."""
        return self._numbers.get(id(value))

    def add(self, value: Any, kind: int, number: int | None = None) -> int:
        """Add a value, under this side's next number unless one is given; return the number."""
        if number is None:
            number, self.next = self.next, self.next + 2
        self.objects[number] = SharedObject(value, kind)
        self._numbers[id(value)] = number
        return number

    def drop(self, number: int) -> None:
        """Forget a value."""
        if entry := self.objects.pop(number, None):
            self._numbers.pop(id(entry.value), None)
            self.cost -= entry.cost

    def note(
        self, entry: SharedObject, content: Buffer, items: int, parts: list[SharedObject]
    ) -> None:
        """Record the content of an object that was just sent or read."""
        cost = cost_of(content, items)
        self.cost += cost - entry.cost
        entry.digest, entry.cost = digest_of(content), cost
        entry.items = entry.written_out = items
        entry.parts = parts

    # Proxies --------------------------------------------------------------------------------------

    def proxy(self, number: int, description: tuple | None) -> Any:
        """Return the proxy of a peer's object; only its first mention brings a description."""
        if (ref := self._alive.get(number)) and (value := ref()) is not None:
            return value
        if description is not None:
            description = self.checked(description)
        else:
            description = self._descriptions.get(number)
        if description is None or len(self._descriptions) >= MAX_RECORDS:
            raise CodecError("an unknown object is mentioned")
        value = self.make(number, description)
        self._descriptions[number] = description
        self.adopt(number, value)
        return value

    def adopt(self, number: int, value: Any) -> None:
        """Make another value the proxy of this number's object."""
        unused = self._unused
        self._alive[number] = weakref.ref(value, lambda _: unused.append(number))

    def unused(self) -> list[int]:
        """Return and forget the numbers of proxies deleted since the last call."""
        gone = []
        while self._unused:
            number = self._unused.pop()
            if (ref := self._alive.get(number)) and ref() is None:
                del self._alive[number], self._descriptions[number]
                gone.append(number)
        return gone

    # What depends on the side ---------------------------------------------------------------------

    def checked(self, description: tuple) -> tuple:
        """Return a description reduced to what a proxy needs, or raise CodecError."""
        return description

    def make(self, number: int, description: tuple) -> Any:
        """Return a new proxy."""
        raise CodecError("proxies are not expected here")

    def proxy_number(self, value: Any) -> int | None:
        """Return the number of the peer's object if `value` is a proxy, else None."""
        return None

    def describe(self, value: Any) -> tuple:
        """Return what the peer may know of an object that stays here, or raise CannotCross."""
        raise CannotCross(f"a {type(value).__name__[:60]} cannot be handed over")

    def name_of(self, value: Any) -> str | None:
        """Return "module:name" if `value` crosses by name."""
        return None

    def by_name(self, name: str) -> Any:
        """Return the object of this name, which may be any text."""
        raise CodecError("names are not expected here")


def digest_of(content: Buffer) -> bytes:
    """Return a hash of a content; a small content is returned itself, which is faster."""
    if len(content) < SMALL:
        return bytes(content)
    return hashlib.blake2b(content, digest_size=16).digest()


def cost_of(content: Buffer, items: int) -> int:
    """Return roughly how many bytes of memory a copy takes."""
    return len(content) + COST_OF_ITEM * (1 + items)
