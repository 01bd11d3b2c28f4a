"""The judge's end of the connection to a student process, and what that process may use."""

from __future__ import annotations

import builtins
import functools
import socket
import sys
import types
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from utils.grading.notebook.shell import text_of, type_name
from utils.grading.remote import codec, operators
from utils.grading.remote.codec import CannotCross, CodecError, SharedObjects
from utils.grading.remote.connection import Connection
from utils.grading.remote.judge_classes import top
from utils.grading.remote.judge_limits import NOT_THEIR_FAULT, refuse, short
from utils.grading.remote.proxy import About, StudentProxy
from utils.grading.remote.special_methods import HANDED_ON, proxy_type
from utils.grading.remote.student_errors import (
    NEVER_RAISED,
    error_like,
    plain_name,
    repeat_warnings,
    student_error,
)

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

MAX_NESTING = 40  # of questions within questions
MAX_RAISED = 100  # a test's own exceptions, kept until the outermost call returns
MAX_LINEAGE = 20  # names of classes in a description
_WHAT = ("object", "array", "module", "class", "function")  # what a proxy may stand for
# Types of library functions; a test may check whether it gets the judge's own (`f is np.sum`).
_OF_LIBRARIES = (operators.LIBRARY_FUNCTION, "ufunc", "_ArrayFunctionDispatcher")
_PATTERNS = {
    "builtins:list": Sequence, "builtins:tuple": Sequence, "builtins:dict": Mapping,
}  # fmt: skip
_OPEN_SPECIAL = frozenset(operators.ALL) - {"__enter__", "__exit__", "__eq__", "__ne__", "__hash__"}

_about = functools.lru_cache(512)(About)  # many objects of one class are described alike


class JudgeObjects(SharedObjects):
    """The judge's shared objects."""

    link: JudgeConnection

    def __init__(self) -> None:
        super().__init__(is_judge=True)
        self.sent_names: dict[str, Any] = {}

    def proxy(self, number: int, description: tuple | None) -> Any:
        """Return a proxy, which no longer counts as the test's own if it is mentioned again.

        `stack.pop()` may return the stack itself, which would then be compared with a number.
        """
        found = super().proxy(number, description)
        object.__setattr__(found, "_proxy_mentions", found._proxy_mentions + (description is None))
        object.__setattr__(found, "_proxy_made", False)
        return found

    def proxy_number(self, value: Any) -> int | None:
        if not isinstance(value, StudentProxy):
            return None
        self.link.student.revive(value)
        return value._proxy_number

    def name_of(self, value: Any) -> str | None:
        """Return the name of a library's function or class: the student process has it, too."""
        value = getattr(type(value), "crosses_as", value)
        if isinstance(value, np.ufunc):
            module, name = "numpy", value.__name__
        elif isinstance(value, types.FunctionType | types.BuiltinFunctionType | type) or (
            type(value).__module__ == "numpy" and callable(value)
        ):
            module = getattr(value, "__module__", None) or ""
            name = getattr(value, "__qualname__", "") or getattr(value, "__name__", "")
        else:
            return None
        if module.partition(".")[0] in ("", "utils", "__main__") or module not in sys.modules:
            return None
        found: Any = sys.modules[module]
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is not value:
            return None
        self.sent_names[f"{module}:{name}"] = value
        return f"{module}:{name}"

    def by_name(self, name: str) -> Any:
        if name not in self.sent_names:
            raise CodecError("a name that the judge did not send")
        return self.sent_names[name]

    def describe(self, value: Any) -> tuple:
        name, special, _ = open_to_students(value, self.link.student.modules)
        kind = type(value)
        own = kind.__module__ == "__main__" or top(kind.__module__) in self.link.student.modules
        return name, special, f"{kind.__module__}:{kind.__qualname__}" if own else ""

    def checked(self, description: tuple) -> About:
        match description:
            case (str(what), str(kind), str(name), tuple(special), tuple(lineage)) if (
                what in _WHAT
                and len(special) <= len(operators.ALL)
                and len(lineage) <= MAX_LINEAGE
                and all(type(one) is str and len(one) <= 200 for one in (*special, *lineage))
            ):
                pass
            case _:
                raise CodecError("the description of an object has the wrong form")
        known = tuple(method for method in special if method in HANDED_ON)
        name = plain_name(name) if name else ""
        return _about(str(what), plain_name(kind), name, known, lineage)

    def make(self, number: int, description: Any) -> Any:
        what, kind, _, special, lineage = description
        patterns = [_PATTERNS[one] for one in lineage if what == "object" and one in _PATTERNS]
        made = proxy_type(kind, special, what == "class", next(iter(patterns), None))
        proxy = made(self.link, number, description)
        if what == "module" or kind in _OF_LIBRARIES:
            refuse(proxy, "stays with the submission, and is not the one that is here")
        return proxy


def open_to_students(
    value: Any, modules: Collection[str] = ()
) -> tuple[str, tuple[str, ...], bool]:
    """Return what a submission may use of a judge's object: type name, special methods, attributes.

    Functions and classes can only be called: an attribute of a function leads to everything that
    the judge knows. Objects of the course's own classes and mocks also have attributes, except
    those with which a test asks a mock how it was called.

    Args:
        value: the object.
        modules: names of the course's own modules.

    Returns:
        The name of its type, its special methods, and whether attributes may be read and set.

    Raises:
        CannotCross: a submission may not have the object at all.
    """
    kind = type(value)
    if isinstance(value, Iterator) and kind.__module__ in ("builtins", "itertools"):
        return kind.__name__, ("__iter__", "__next__"), False
    callables = types.FunctionType | types.MethodType | types.BuiltinMethodType | type
    if isinstance(value, callables | functools.partial):
        return "function", ("__call__",), False
    if kind.__module__ == "__main__" or top(kind.__module__) in modules:
        special = tuple(s for s in operators.defined(kind) if s in _OPEN_SPECIAL)
        return kind.__name__, special, True
    if is_mock(value):
        usable = ("__call__", "__getitem__", "__len__", "__iter__", "__contains__", "__next__")
        return "Mock", tuple(s for s in usable if hasattr(kind, s)), True
    if callable(value) and top(kind.__module__) in ("numpy", "utils", "functools"):
        return "function", ("__call__",), False
    raise CannotCross(
        f"{short(value)} cannot be handed to the submission: numbers, text, lists, tuples, "
        "dicts, sets, arrays, generators, functions and objects of the course's own classes can; "
        f"{NOT_THEIR_FAULT}"
    )


def is_mock(value: Any) -> bool:
    """Return whether a value is a mock of `unittest.mock`."""
    mocks = sys.modules.get("unittest.mock")
    return mocks is not None and isinstance(value, mocks.NonCallableMock)


@functools.cache
def _names_of_mocks() -> frozenset[str]:
    """Return the attributes with which a test configures a mock and asks how it was called."""
    return frozenset(dir(sys.modules["unittest.mock"].MagicMock()))


class JudgeConnection(Connection):
    """The judge's end of the connection to one process.

    Args:
        sock: a socket connected to the process.
        student: the `judge.student_client.StudentClient` that started the process.
    """

    shared: JudgeObjects

    def __init__(self, sock: socket.socket, student: Any) -> None:
        super().__init__(sock, JudgeObjects())
        self.shared.link = self
        self.student = student
        self.depth = 0
        self.tidy = True
        self.recent: deque[Any] = deque(maxlen=2)  # keeps `net.params` for the next `net.params`
        self.raised: dict[int, BaseException] = {}
        self.verbs = {"special": self.special, "getattr": self.getattr, "setattr": self.setattr}

    def ask(self, verb: str, *args: Any) -> Any:
        if self.depth >= MAX_NESTING:
            raise error_like(
                RecursionError,
                f"the test and the submission call each other more than {MAX_NESTING} deep",
            )
        self.depth += 1
        try:
            return super().ask(verb, *args)
        finally:
            self.depth -= 1
            if not self.depth:
                self.raised.clear()

    # What a submission may ask --------------------------------------------------------------------

    def opened(self, target: Any) -> tuple[tuple[str, ...], bool]:
        """Return an object's usable special methods, and whether its attributes are usable."""
        number = self.shared.number(target)
        if number is None or self.shared.objects[number].kind != codec.OBJECT:
            raise CodecError("a question about something that was not handed over")
        _, special, attributes = open_to_students(target, self.student.modules)
        return special, attributes

    def special(self, target: Any, name: str, args: tuple, kwargs: tuple) -> Any:
        """Call a special method of an object; `kwargs` holds (name, value) pairs."""
        special, _ = self.opened(target)
        if name not in special:
            raise CodecError("a question about something that was not handed over")
        with self.student.effects.testing():
            if name == "__call__":
                return target(*args, **dict(kwargs))
            if name == "__next__":
                try:
                    return (next(target),)
                except StopIteration:
                    return ()
            return getattr(target, name)(*args, **dict(kwargs))

    def getattr(self, target: Any, name: str) -> Any:
        """Read an attribute of one of the test's objects."""
        self._check_attribute(target, name)
        with self.student.effects.testing():
            return getattr(target, name)

    def setattr(self, target: Any, name: str, value: Any) -> None:
        """Set an attribute of one of the test's objects."""
        self._check_attribute(target, name)
        if is_mock(target):
            raise AttributeError(f"the submission may not set {name}")
        with self.student.effects.testing():
            setattr(target, name, value)

    def _check_attribute(self, target: Any, name: str) -> None:
        _, attributes = self.opened(target)
        if isinstance(target, types.FunctionType) and name in operators.OF_FUNCTIONS:
            return
        if (
            not attributes
            or type(name) is not str
            or name.startswith("_")
            or is_mock(target)
            and (name in _names_of_mocks() or name.startswith(("assert", "assret")))
        ):
            raise AttributeError(f"the submission may not read {name}")

    # Answers --------------------------------------------------------------------------------------

    def failure(self, error: BaseException) -> tuple:
        if not isinstance(error, Exception):
            raise error
        number = 0
        if len(self.raised) < MAX_RAISED:
            number = len(self.raised) + 1
            self.raised[number] = error
        return type_name(error), text_of(error), number

    def answer(self, good: bool, body: tuple) -> Any:
        if len(body) != 3:
            raise CodecError("an answer has the wrong form")
        value, shown, warned = body
        if type(shown) is not str or type(warned) is not tuple:
            raise CodecError("an answer has the wrong form")
        if not self.student.muted:
            self.student.show_outputs(shown)
            repeat_warnings(warned)
        if good:
            if type(value) in (dict, list):
                self.recent.append(value)
            return value
        error, number = student_error(value, self.student)
        if error.type_name == "NameError":
            self.student.missed_names = True
            error.raised_message += self.student.name_missing(error.raised_message)
        elif error.type_name == CannotCross.__name__ and "too many objects" not in str(error):
            said = " ".join(str(error)[:200].split())  # whatever the submission says
            self.student.note_judge_limit(
                f"a call gave what cannot be handed over, as the student process says "
                f"(`{said}`), if that is right {NOT_THEIR_FAULT}"
            )
        if number in self.raised:
            raise self.raised[number]
        if error.type_name == "ExceptionGroup" or (
            error.type_name in NEVER_RAISED and _is_named_by_test(error.type_name)
        ):
            self.student.note_judge_limit(
                f"a {error.type_name} of a submission cannot be caught by its class in the judge; "
                f"{NOT_THEIR_FAULT}"
            )
        raise error


def _is_named_by_test(name: str) -> bool:
    """Return whether the code of a running test cell contains this name."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame:
        if frame.f_globals.get("__name__") == "__main__" and name in frame.f_code.co_names:
            return True
        frame = frame.f_back
    return False
