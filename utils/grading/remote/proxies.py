"""Proxies: what a test cell holds in place of what the student's cells define.

A test cell says `softmax(x)`; there `softmax` is a proxy. Calling it sends the arguments over and
brings plain values back. Whatever is not plain comes back as another proxy, whose type has the name
of the student's class.

A proxy hands on what a test asks of it by name: calls, attributes, items, iteration, length. It
never hands on what would let it speak for itself: it equals nothing but itself, it has no
arithmetic, no order and no `__array__`, and NumPy's functions cannot ask it for a method
(`np.sum(p)` would otherwise call the `sum` of an object that claims to be right).

What this does not protect against:

- A test that asks a student's object about itself (`result.is_right()`) believes the answer. Tests
  compare plain values; `checks` insists on them.
- A test that works out what it expects from an array after it has handed that array over: the
  student's code may have changed it, as in any notebook. `checks` hands over copies. The same holds
  for a random generator that is handed over and used again, and for a list or an array that came
  back: a later call may change it. What the test never hands over cannot be reached.
- Two answers to one question. A function may answer otherwise each time, and may notice that it is
  being tested.
"""

from __future__ import annotations

import ast
import functools
import inspect
import reprlib
import socket
import sys
import types
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from utils.grading.notebook.shell import text_of, type_name
from utils.grading.remote import codec
from utils.grading.remote.codec import CannotCross, CodecError
from utils.grading.remote.connection import Connection, PeerObjects

MAX_NESTING = 40  # of questions within questions
MAX_RAISED = 100  # of a test's own exceptions, kept for the call that they came out of
MAX_LENGTH = 1 << 31  # of a student's object
_LINES = range(1 << 31)  # line numbers


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


class Submission(Protocol):
    """What a proxy needs of the submission whose object it stands for.

    Attributes:
        muted: what calls print is dropped.
        missed_names: whether the student's code raised a NameError.
    """

    muted: bool
    missed_names: bool

    def ask(self, verb: str, thing: StudentThing, *args: Any) -> Any:
        """Return the student process's answer to a question about an object."""

    def revive(self, thing: StudentThing) -> None:
        """Let a proxy of a process that has ended stand for the new process's object."""

    def show(self, shown: str) -> None:
        """Take what a call printed."""


# The student's exceptions -----------------------------------------------------------------------


class StudentError(Exception):
    """An exception that the student's code raised, or its process's end.

    Attributes:
        type_name: the student's type, such as "ZeroDivisionError".
        cell, line, code: where it was raised: cell, line in it, the line's text.
    """

    type_name, cell, line, code = "StudentError", "", 0, ""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.message = message

    def __str__(self) -> str:
        return self.message


class CallTimeout(StudentError, TimeoutError):
    """A call took too long; its process was ended."""

    type_name = "TimeoutError"


class ProcessEnded(StudentError):
    """The submission's process ended during a call."""

    type_name = "ProcessEnded"


class OutOfTime(StudentError, TimeoutError):
    """The whole submission took too long; it is not asked any more."""

    type_name = "TimeoutError"


class Lost(StudentError):
    """An object went with the process that it lived in."""

    type_name = "Lost"


# A student's exception also is an instance of the first of these that it derives from, so that a
# test may catch it. Not StopIteration, which would end the judge's own loops.
_BASES = {
    kind.__name__: kind
    for kind in (
        ArithmeticError, AssertionError, AttributeError, BufferError, EOFError, FloatingPointError,
        ImportError, IndexError, KeyError, LookupError, MemoryError, ModuleNotFoundError, NameError,
        NotImplementedError, OSError, FileNotFoundError, PermissionError, OverflowError,
        RecursionError, RuntimeError, TimeoutError, TypeError, UnboundLocalError, UnicodeError,
        ValueError, ZeroDivisionError,
    )
}  # fmt: skip

_WARNINGS = {
    kind.__name__: kind
    for kind in (
        UserWarning, DeprecationWarning, RuntimeWarning, FutureWarning, SyntaxWarning,
        ResourceWarning, PendingDeprecationWarning, np.exceptions.ComplexWarning,
        np.exceptions.VisibleDeprecationWarning, np.exceptions.RankWarning,
    )
}  # fmt: skip


@functools.lru_cache(256)
def error_type(name: str, base: type | None = None) -> type[StudentError]:
    """Return a type for a student's exceptions of this name.

    Args:
        name: as `type(error).__name__` says it.
        base: one of the built-in exceptions, which it is, too.
    """
    bases = (StudentError, base) if base else (StudentError,)
    return type(name, bases, {"type_name": name, "__module__": "__main__", "__qualname__": name})


def student_error(body: Any) -> tuple[StudentError, int]:
    """Return the exception that an answer describes, and the number of a test's own behind it."""
    match body:
        case (str(name), tuple(bases), str(message), str(cell), int(line), str(code), int(number)):
            if line not in _LINES:
                raise CodecError("an exception has an impossible line number")
        case _:
            raise CodecError("an exception has the wrong form")
    base = next((_BASES[b] for b in bases if isinstance(b, str) and b in _BASES), None)
    kind = error_type(_plain_name(name), base)
    error = kind.__new__(kind)
    StudentError.__init__(error, message[:10_000])
    error.cell, error.line, error.code = cell[:200], line, code[:200]
    if line > 0:
        error.add_note(f"line {line}" + (f": `{error.code}`" if code else ""))
    return error, number


def _plain_name(name: str) -> str:
    """Return a name fit for a type: printable and short."""
    return "".join(c if c.isprintable() else "?" for c in name[:100]) or "?"


def repeat_warnings(warned: tuple) -> None:
    """Give in this process the warnings that a call gave in the submission's."""
    for warning in warned[:20]:
        match warning:
            case (str(kind), str(text), int(line)) if line in _LINES:
                category = _WARNINGS.get(kind, UserWarning)
                warnings.warn_explicit(text[:1000], category, "submission", line)


# Proxies ----------------------------------------------------------------------------------------


class StudentThing:
    """The proxy of something that lives in the submission's process."""

    __slots__ = ("__weakref__", "_thing_about", "_thing_link", "_thing_number", "_thing_origin")

    def __init__(self, link: JudgeConnection, number: int, about: tuple) -> None:
        for slot, value in (("link", link), ("number", number), ("about", about), ("origin", "")):
            object.__setattr__(self, f"_thing_{slot}", value)

    def _thing_bind(self, name: str, *value: Any) -> tuple:
        """Give a name in the student's notebook a value, or none; return what it had, or ()."""
        return _ask(self, "bind", name, *value)

    def __mro_entries__(self, bases: tuple) -> tuple:
        raise TypeError("a class in a test cell cannot derive from a student's class")

    def __getattr__(self, name: str) -> Any:
        what, _, given, _ = self._thing_about
        if name.startswith("__") and name.endswith("__"):
            if name in ("__name__", "__qualname__") and given:
                return given
            raise AttributeError(name)
        asker = sys._getframe(1).f_globals.get("__name__", "")
        if isinstance(asker, str) and asker.partition(".")[0] in ("numpy", "matplotlib"):
            raise AttributeError(f"{asker} cannot use {self!r}: it is not a plain value")
        if what in ("array", "module"):
            raise error_type("TypeError", TypeError)(
                f"the submission handed over {self!r}, which is not a plain value"
            )
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "setattr", name, value)

    def __delattr__(self, name: str) -> None:
        _ask(self, "delattr", name)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return object.__hash__(self)

    def __repr__(self) -> str:
        _, kind, given, _ = self._thing_about
        return f"<{kind} `{given}` of the submission>" if given else f"<{kind} of the submission>"

    def __dir__(self) -> list[str]:
        names = _ask(self, "dir")
        return [name for name in names if type(name) is str] if type(names) is list else []

    def __copy__(self) -> Any:
        return _ask(self, "copy")

    def __deepcopy__(self, memo: dict) -> Any:
        return _ask(self, "deepcopy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"{self!r} cannot be pickled")

    @property
    def __signature__(self) -> inspect.Signature:
        text = _ask(self, "signature") if self._thing_about[0] in ("function", "class") else ""
        if type(text) is not str or not text:
            raise AttributeError("__signature__")
        return _signature(text[:2000])


def _ask(thing: StudentThing, verb: str, *args: Any) -> Any:
    return thing._thing_link.submission.ask(verb, thing, *args)


def _call(self: StudentThing, *args: Any, **kwargs: Any) -> Any:
    errors = np.geterr()
    return _ask(self, "call", args, tuple(kwargs.items()), "" if errors == _ERRORS else str(errors))


def _next(self: StudentThing) -> Any:
    match _ask(self, "special", "__next__", ()):
        case (value,):
            return value
        case ():
            raise StopIteration
    raise error_type("TypeError", TypeError)(
        f"__next__ of {self!r} gave neither a value nor its end"
    )


def _special(name: str, check: Callable[[Any], bool] = lambda _: True) -> Any:
    def method(self: StudentThing, *args: Any) -> Any:
        value = _ask(self, "special", name, args)
        if not check(value):
            raise error_type("TypeError", TypeError)(f"{name} of {self!r} gave {short(value)}")
        return value

    method.__name__ = name
    return method


def _is_instance(self: StudentThing, value: Any) -> bool:
    if not isinstance(value, StudentThing):
        return False
    return value._thing_link.submission.ask("isinstance", value, self) is True


_ERRORS = np.geterr()

_SPECIAL = {
    "__call__": _call,
    "__next__": _next,
    "__len__": _special("__len__", lambda n: type(n) is int and 0 <= n < MAX_LENGTH),
    "__getitem__": _special("__getitem__"),
    "__setitem__": _special("__setitem__"),
    "__delitem__": _special("__delitem__"),
    "__contains__": _special("__contains__", lambda b: type(b) is bool),
    "__iter__": _special("__iter__", lambda i: hasattr(type(i), "__next__")),
    "__enter__": _special("__enter__"),
    "__exit__": lambda self, *_: bool(_special("__exit__")(self)) and False,
}


@functools.lru_cache(512)
def _thing_type(name: str, special: tuple[str, ...], is_class: bool) -> type:
    methods: dict[str, Any] = {s: _SPECIAL[s] for s in special}
    if is_class:
        methods["__instancecheck__"] = _is_instance
    return type(name, (StudentThing,), methods | {"__slots__": ()})


def _signature(text: str) -> inspect.Signature:
    """Return a signature from its text; nothing in the text is run."""
    try:
        (function,) = ast.parse(f"def f{text}: pass").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise AttributeError("__signature__") from None  # a default value's repr need not be Python

    if not isinstance(function, ast.FunctionDef):
        raise AttributeError("__signature__")
    given = function.args

    def default(node: ast.expr | None) -> Any:
        if node is None:
            return inspect.Parameter.empty
        try:
            return ast.literal_eval(node)
        except (ValueError, TypeError, MemoryError, RecursionError):
            return Ellipsis

    P = inspect.Parameter
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + given.defaults
    kinds: list[Any] = [P.POSITIONAL_ONLY] * len(given.posonlyargs)
    kinds += [P.POSITIONAL_OR_KEYWORD] * len(given.args)
    found = [
        P(a.arg, kind, default=default(node))
        for a, kind, node in zip(plain, kinds, defaults, strict=True)
    ]
    if given.vararg:
        found.append(P(given.vararg.arg, P.VAR_POSITIONAL))
    found += [
        P(a.arg, P.KEYWORD_ONLY, default=default(node))
        for a, node in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    if given.kwarg:
        found.append(P(given.kwarg.arg, P.VAR_KEYWORD))
    try:
        return inspect.Signature(found)
    except ValueError:  # the same name twice, say
        raise AttributeError("__signature__") from None


# The judge's end of the connection --------------------------------------------------------------


class JudgeObjects(PeerObjects):
    """What the judge has in common with the submission's process."""

    link: JudgeConnection

    def __init__(self) -> None:
        super().__init__(0)
        self.sent_names: dict[str, Any] = {}

    def proxy_number(self, value: Any) -> int | None:
        if not isinstance(value, StudentThing):
            return None
        self.link.submission.revive(value)
        return value._thing_number

    def name_of(self, value: Any) -> str | None:
        """Let a library's functions and classes cross by name: the student has them, too."""
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
        name, special, _ = open_to_students(value)
        return name, special

    def checked(self, description: tuple) -> tuple:
        match description:
            case (str(what), str(kind), str(name), tuple(special)) if (
                what in _WHAT and len(special) < 20
            ):
                pass
            case _:
                raise CodecError("the description of an object has the wrong form")
        known = tuple(method for method in _SPECIAL if method in special)
        return str(what), _plain_name(kind), _plain_name(name) if name else "", known

    def make(self, number: int, description: tuple) -> Any:
        what, kind, _, special = description
        return _thing_type(kind, special, what == "class")(self.link, number, description)


_WHAT = ("object", "array", "module", "class", "function")  # what a proxy may stand for

_OPEN_SPECIAL = (
    "__call__", "__len__", "__getitem__", "__setitem__", "__delitem__", "__contains__", "__iter__",
    "__next__",
)  # fmt: skip


def open_to_students(value: Any) -> tuple[str, tuple[str, ...], bool]:
    """Return what of a judge's object a submission may use: a name, special methods, attributes.

    Functions and classes can be called, and nothing else: an attribute of a function leads to all
    that the judge knows. Objects of the test cells' own classes also have attributes.

    Raises:
        CannotCross: none of it.
    """
    kind = type(value)
    if isinstance(value, Iterator) and kind.__module__ in ("builtins", "itertools"):
        return kind.__name__, ("__iter__", "__next__"), False
    callables = types.FunctionType | types.MethodType | types.BuiltinMethodType | type
    if isinstance(value, callables | functools.partial):
        return "function", ("__call__",), False
    if kind.__module__ == "__main__":
        return kind.__name__, tuple(s for s in _OPEN_SPECIAL if hasattr(kind, s)), True
    if callable(value) and kind.__module__.partition(".")[0] in ("numpy", "utils", "functools"):
        return "function", ("__call__",), False
    raise CannotCross(
        f"{short(value)} cannot be handed to the submission: numbers, text, lists, tuples, "
        "dicts, sets, arrays, generators, functions and objects of the test's own classes can"
    )


class JudgeConnection(Connection):
    """The judge's end of the connection to one process.

    Args:
        sock: leads to the process.
        submission: whose process it is.
    """

    shared: JudgeObjects

    def __init__(self, sock: socket.socket, submission: Submission) -> None:
        super().__init__(sock, JudgeObjects())
        self.shared.link = self
        self.submission = submission
        self.depth = 0
        self.tidy = True
        self.recent: deque[Any] = deque(maxlen=2)  # keeps `net.params` for the next `net.params`
        self.raised: dict[int, BaseException] = {}
        self.verbs = {"special": self.special, "getattr": self.getattr, "setattr": self.setattr}

    def ask(self, verb: str, *args: Any) -> Any:
        if self.depth >= MAX_NESTING:
            raise error_type("RecursionError", RecursionError)(
                f"the test and the submission call each other more than {MAX_NESTING} deep"
            )
        self.depth += 1
        try:
            return super().ask(verb, *args)
        finally:
            self.depth -= 1
            if not self.depth:
                self.raised.clear()

    # What a submission may ask --------------------------------------------------------------------

    def opened(self, thing: Any) -> tuple[tuple[str, ...], bool]:
        """Return what may be asked of a thing: special methods, whether it has attributes."""
        number = self.shared.number(thing)
        if number is None or self.shared.things[number].kind != codec.OBJECT:
            raise CodecError("a question about something that was not handed over")
        _, special, attributes = open_to_students(thing)
        return special, attributes

    def special(self, thing: Any, name: str, args: tuple, kwargs: tuple) -> Any:
        """Use a special method of a thing; keyword arguments come as pairs."""
        special, _ = self.opened(thing)
        if name not in special:
            raise CodecError("a question about something that was not handed over")
        if name == "__call__":
            return thing(*args, **dict(kwargs))
        if name == "__next__":
            try:
                return (next(thing),)
            except StopIteration:
                return ()
        return getattr(thing, name)(*args, **dict(kwargs))

    def getattr(self, thing: Any, name: str) -> Any:
        """Read an attribute of an object of the test's own."""
        self._check_attribute(thing, name)
        return getattr(thing, name)

    def setattr(self, thing: Any, name: str, value: Any) -> None:
        """Set an attribute of an object of the test's own."""
        self._check_attribute(thing, name)
        setattr(thing, name, value)

    def _check_attribute(self, thing: Any, name: str) -> None:
        _, attributes = self.opened(thing)
        if not attributes or type(name) is not str or name.startswith("_"):
            raise AttributeError(f"{name} is not for the submission to see")

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
        if not self.submission.muted:
            self.submission.show(shown)
            repeat_warnings(warned)
        if good:
            if type(value) in (dict, list):
                self.recent.append(value)
            return value
        error, number = student_error(value)
        if error.type_name == "NameError":
            self.submission.missed_names = True
        if number in self.raised:
            raise self.raised[number]
        raise error
