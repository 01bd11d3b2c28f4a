"""Proxies: what a test cell holds in place of what the student's cells define.

A test cell says `softmax(x)`; there `softmax` is a proxy. Calling it sends the arguments over and
brings plain values back. Whatever is not plain comes back as another proxy, whose type has the name
of the student's class.

A proxy hands on what a test asks of it by name: calls, attributes, items, iteration, length. It
never hands on what would let it speak for itself. Libraries cannot ask it for a method (`np.sum(p)`
would otherwise call the `sum` of an object that claims to be right), and it has no `__array__`. An
operator or a comparison is handed on if it shows the student's code nothing that a test expects:
between two of the student's objects (whoever answers for both could as well give two plain
values), and between a plain value and an object that the test has just made itself, by calling a
class that the course's own solution defines (`V(2) * 3`, `abs(V(-1))`), and that the student's code
has not handed over since, as if it were a result. Else the object has no such
operator, equals nothing but itself, and a person looks at a test that fails.

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
import builtins
import contextlib
import functools
import inspect
import reprlib
import socket
import sys
import types
import warnings
from collections import deque
from collections.abc import Callable, Collection, Iterator
from typing import Any, Protocol

import numpy as np

from utils.grading.notebook.shell import text_of, type_name
from utils.grading.remote import codec, operators
from utils.grading.remote.codec import CannotCross, CodecError
from utils.grading.remote.connection import Connection, PeerObjects

# This module's own: tests may patch what all others use.
globals()["__builtins__"] = dict(vars(builtins))
_np_geterr = np.geterr

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
        classes: names of classes that the course's solution defines.
        modules: names of the course's own modules, which lie beside the notebook.
        exceptions: the student's exceptions that tests know by name.
    """

    muted: bool
    missed_names: bool
    classes: Collection[str]
    modules: Collection[str]
    exceptions: dict[str, type[StudentError]]

    def ask(self, verb: str, thing: StudentThing, *args: Any) -> Any:
        """Return the student process's answer to a question about an object."""

    def revive(self, thing: StudentThing) -> None:
        """Let a proxy of a process that has ended stand for the new process's object."""

    def show(self, shown: str) -> None:
        """Take what a call printed."""

    def limit(self, text: str) -> None:
        """Note something that works in one kernel and not in the judge."""

    def own_class(self, name: str) -> type | None:
        """Return the class of this name that a locked cell defines."""

    def name_missing(self, name: str) -> str:
        """Return what to add where the student's code finds no such name; "" for nothing."""

    def in_test(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the test's own code runs, within an answer."""


class JudgeLimit(TypeError):
    """Something that works in one kernel and not in the judge."""


NOT_THEIR_FAULT = "this is a limit of the judge, not a fault of the submission"


def refuse(thing: StudentThing, what: str, instead: str) -> None:
    """Note that a test wants what a proxy does not do.

    Args:
        thing: the proxy.
        what: what it does not do, after its name.
        instead: how the test could be written.
    """
    submission = thing._thing_link.submission
    submission.limit(f"{name_of(thing)} {what}: {NOT_THEIR_FAULT}. {instead}")


# The student's exceptions -----------------------------------------------------------------------


class StudentError(Exception):
    """An exception that the student's code raised, or its process's end.

    Attributes:
        type_name: the student's type, such as "ZeroDivisionError".
        cell, line, code: where it was raised: cell, line in it, the line's text.
    """

    type_name, cell, line, code = "StudentError", "", 0, ""

    def __init__(self, message: str = "") -> None:
        BaseException.__init__(self, message)  # a library's class may want other arguments
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
def error_type(
    name: str, base: type | None = None, above: tuple[str, ...] = ()
) -> type[StudentError]:
    """Return a type for a student's exceptions of this name.

    Args:
        name: as `type(error).__name__` says it.
        base: an exception of Python's, a library's or the course's, which it is, too.
        above: names of the student's own types that it derives from, the nearest first.
    """
    bases: tuple[type, ...]
    if above:
        bases = (error_type(above[0], base, above[1:]),)
    else:
        bases = (StudentError, base) if base else (StudentError,)
    named = {"type_name": name, "__module__": "__main__", "__qualname__": name}
    try:
        return type(name, bases, named)
    except TypeError:  # a base that nothing else can derive from
        return type(name, (StudentError,), named)


def error_class(
    lineage: tuple, submission: Submission | None = None, own: str = ""
) -> type[StudentError]:
    """Return the type of exceptions whose own type and bases have these names.

    Args:
        lineage: "MODULE:NAME" of each, or the name alone of Python's own.
        submission: knows the classes of the course.
        own: the type's own name, if it is not the first of these.
    """
    names: list[str] = []
    base: type | None = None
    for one in lineage[:20]:
        if not isinstance(one, str):
            continue
        name = one.rpartition(":")[2]
        base = _BASES.get(name) if ":" not in one or one.startswith("builtins:") else None
        base = base or _library_class(one, submission, Exception)
        if base or name in ("Exception", "BaseException"):
            break
        names.append(_plain_name(name.rpartition(".")[2]))
    if not names:  # one of Python's own, or a library's
        return error_type(_plain_name(own or (base.__name__ if base else "Exception")), base)
    known = submission.exceptions if submission else {}
    if names[0] in known:
        return known[names[0]]
    if own:
        names[0] = _plain_name(own)
    for place, name in enumerate(names):
        if name in known:
            parents = (known[name], *([base] if base and not issubclass(known[name], base) else []))
            return _derived(tuple(names[:place]), parents)
    return error_type(names[0], base, tuple(names[1:]))


@functools.lru_cache(256)
def _derived(names: tuple[str, ...], parents: tuple[type, ...]) -> type[StudentError]:
    """Return the first of some types, each derived from the next, and the last from others."""
    if not names:
        return parents[0]
    bases = (_derived(names[1:], parents),) if len(names) > 1 else parents
    named = {"type_name": names[0], "__module__": "__main__", "__qualname__": names[0]}
    return type(names[0], bases, named)


def student_error(body: Any, submission: Submission | None = None) -> tuple[StudentError, int]:
    """Return the exception that an answer describes, and the number of a test's own behind it."""
    match body:
        case (str(name), tuple(bases), str(message), str(cell), int(line), str(code), int(number)):
            if line not in _LINES:
                raise CodecError("an exception has an impossible line number")
        case _:
            raise CodecError("an exception has the wrong form")
    kind = error_class(bases or (name,), submission, name)
    try:
        error = kind.__new__(kind)
    except TypeError:  # a library's exception that is not made without arguments
        kind = error_type(_plain_name(name))
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


# Modules whose classes no proxy claims to be an instance of. Their values are plain and cross as
# themselves, or libraries would trust a proxy with what they compute (a data frame's `equals`).
_NEVER = frozenset(
    ("builtins", "numpy", "numbers", "fractions", "decimal", "datetime", "collections", "array",
     "io", "pathlib", "typing", "abc", "utils", "pandas", "polars", "xarray")
)  # fmt: skip
_PLAIN = {int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset}
# Modules whose exceptions no student's exception is, since they mean something to who runs tests.
_NEVER_RAISED = frozenset(
    ("builtins", "utils", "unittest", "pytest", "_pytest", "doctest", "nose", "numpy.testing",
     "IPython", "traitlets", "asyncio", "concurrent", "hypothesis")
)  # fmt: skip
# Of these Python's own: what stays with the student, and code can ask for its kind.
_KINDS = {
    "builtins:function": types.FunctionType,
    "builtins:method": types.MethodType,
    "builtins:builtin_function_or_method": types.BuiltinFunctionType,
    "builtins:generator": types.GeneratorType,
    "builtins:code": types.CodeType,
    "builtins:map": map,
    "builtins:zip": zip,
    "builtins:filter": filter,
    "builtins:enumerate": enumerate,
    "builtins:reversed": reversed,
}
# Attributes of Python's own that a test may ask for.
_ATTRIBUTES = (
    "__annotations__", "__code__", "__defaults__", "__kwdefaults__", "__dict__", "__wrapped__",
    "__closure__", "__doc__",
)  # fmt: skip


def _library_class(entry: str, submission: Submission | None, below: type = object) -> type | None:
    """Return the class that "MODULE:NAME" says, if the judge has it and a proxy may claim it."""
    module, _, name = entry.partition(":")
    top = module.partition(".")[0]
    never = _NEVER_RAISED if issubclass(below, Exception) else _NEVER
    if submission and top in submission.modules:
        never = frozenset()
    if not name:
        return None
    if top == "__main__":
        found: Any = submission.own_class(name) if submission else None
    elif top in never or module in never or module not in sys.modules:
        return None
    else:
        found = sys.modules[module]
        for part in name.split("."):
            found = vars(found).get(part) if isinstance(found, type | types.ModuleType) else None
    if not (issubclass(type(found), type) and issubclass(found, below)):
        return None
    if never and below is object and (_top(found) in never or _PLAIN & set(found.__mro__)):
        return None  # `_decimal` has the class of `decimal`; `signal.Signals` is an int
    return found


class StudentThing:
    """The proxy of something that lives in the submission's process."""

    __slots__ = (
        "__weakref__", "_thing_about", "_thing_link", "_thing_made", "_thing_mentions",
        "_thing_number", "_thing_origin",
    )  # fmt: skip
    __array_ufunc__ = None  # NumPy asks its elements nothing: the proxy's own operators do

    def __init__(self, link: JudgeConnection, number: int, about: tuple) -> None:
        for slot, value in (
            ("link", link), ("number", number), ("about", about), ("origin", ""), ("made", False),
            ("mentions", 0),
        ):  # fmt: skip
            object.__setattr__(self, f"_thing_{slot}", value)

    def _thing_bind(self, name: str, *value: Any) -> tuple:
        """Give a name in the student's notebook a value, or none; return what it had, or ()."""
        return _ask(self, "bind", name, *value)

    def __mro_entries__(self, bases: tuple) -> tuple:
        raise TypeError("a class in a test cell cannot derive from a student's class")

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """The class that `isinstance` goes by: a library's or the course's that the judge has."""
        return claimed_class(self) or type(self)

    @property
    def __bases__(self) -> tuple[type, ...]:
        """What `issubclass` goes by."""
        if self._thing_about[0] != "class":
            raise AttributeError("__bases__")
        claimed = _claimed(self)
        return (claimed or object,)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        text = _ask(self, "getattr", "__doc__")
        return text if type(text) is str else None

    def __getattr__(self, name: str) -> Any:
        what, _, given, *_ = self._thing_about
        if name.startswith("__") and name.endswith("__"):
            if name in ("__name__", "__qualname__") and given:
                return given
            if name not in _ATTRIBUTES and not (what == "class" and name in operators.ALL):
                raise AttributeError(name)
        asker = sys._getframe(1).f_globals
        if _is_a_library(asker):
            text = f"{asker['__name__']} cannot use {name_of(self)}: it is not a plain value"
            if _is_of_a_library(self):
                self._thing_link.submission.limit(f"{text}; {NOT_THEIR_FAULT}. {_ASK_FOR_PLAIN}")
            raise AttributeError(text)
        if what in ("array", "module"):
            raise error_type("TypeError", TypeError)(
                f"the submission handed over {name_of(self)}, which is not a plain value"
            )
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        _ask(self, "setattr", name, value)

    def __delattr__(self, name: str) -> None:
        _ask(self, "delattr", name)

    def __eq__(self, other: object) -> Any:
        return self is other or _compare(self, "__eq__", other)

    def __ne__(self, other: object) -> Any:
        if self is other and "__ne__" not in self._thing_about[3]:
            return not self == other
        answer = _compare(self, "__ne__", other)
        if answer is NotImplemented and "__eq__" in self._thing_about[3]:
            answer = _compare(self, "__eq__", other)
            return answer if answer is NotImplemented else not answer
        return answer

    def __hash__(self) -> int:
        if "__hash__" in self._thing_about[3] and not self._thing_link.busy:
            value = _ask(self, "special", "__hash__", ())
            if type(value) is int:
                return hash(value)
        return object.__hash__(self)

    def __repr__(self) -> str:
        return name_of(self)

    def __dir__(self) -> list[str]:
        names = _ask(self, "dir")
        return [name for name in names if type(name) is str] if type(names) is list else []

    def __copy__(self) -> Any:
        return _ask(self, "copy")

    def __deepcopy__(self, memo: dict) -> Any:
        return _ask(self, "deepcopy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError(f"{name_of(self)} cannot be pickled")

    @property
    def __signature__(self) -> inspect.Signature:
        text = _ask(self, "signature") if self._thing_about[0] in ("function", "class") else ""
        if type(text) is not str or not text:
            raise AttributeError("__signature__")
        return _signature(text[:2000])


_ASK_FOR_PLAIN = "Let the test compare numbers, text, lists or arrays that it asks for"


def name_of(thing: StudentThing) -> str:
    """Return what a proxy is called in messages; nobody is asked."""
    _, kind, given, *_ = thing._thing_about
    return f"<{kind} `{given}` of the submission>" if given else f"<{kind} of the submission>"


def _is_a_library(names: dict[str, Any]) -> bool:
    """Return whether a module with these names is neither Python's own, the course's nor a cell."""
    name, file = names.get("__name__"), names.get("__file__")
    if not isinstance(name, str) or name.partition(".")[0] in ("__main__", "utils"):
        return False
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)


def _claimed(thing: StudentThing) -> type | None:
    submission = thing._thing_link.submission
    lineage = thing._thing_about[4]
    for entry in lineage if submission.modules else _claimable(lineage):
        if found := _library_class(entry, submission):
            return found
    return None


@functools.lru_cache(512)  # `isinstance` asks for it again and again
def _claimable(lineage: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in lineage if one.partition(":")[0].partition(".")[0] not in _NEVER)


def _is_of_a_library(thing: StudentThing) -> bool:
    """Return whether an honest submission may well hand over such an object."""
    what, kind, _, _, lineage = thing._thing_about
    return what == "object" and _may_be_honest(kind, lineage)


@functools.lru_cache(512)
def _may_be_honest(kind: str, lineage: tuple[str, ...]) -> bool:
    tops = {entry.partition(":")[0].partition(".")[0] for entry in lineage[:-1]}
    return kind in ("list", "dict", "set", "deque", "range") or bool(
        tops - {"__main__", "builtins"}
    )


def claimed_class(thing: StudentThing) -> type | None:
    """Return the class that a proxy's object is an instance of as far as the judge has it."""
    what, _, _, _, lineage = thing._thing_about
    if what in ("function", "object"):
        if lineage and lineage[0] in _KINDS:
            return _KINDS[lineage[0]]
        if found := _claimed(thing):
            return found
        if _is_of_a_library(thing) and not thing._thing_link.busy:
            thing._thing_link.submission.limit(
                f"{name_of(thing)} stays with the submission, so nothing here is an instance of "
                f"its class: {NOT_THEIR_FAULT}. {_ASK_FOR_PLAIN}"
            )
    return None


def _ask(thing: StudentThing, verb: str, *args: Any) -> Any:
    return thing._thing_link.submission.ask(verb, thing, *args)


def _may_see(thing: StudentThing, other: object) -> bool:
    """Return whether an operator may show a plain value to the student's code."""
    return thing._thing_made or issubclass(type(other), StudentThing)


def _compare(self: StudentThing, name: str, other: object) -> Any:
    if name not in self._thing_about[3] or self._thing_link.busy:
        return NotImplemented
    if not _may_see(self, other):
        refuse(
            self,
            f"is compared with {short(other)}, which would show it what the test expects",
            "Let the test compare plain values, such as an attribute of the object",
        )
        return NotImplemented
    return _ask(self, "special", name, (other,))


def _operator(name: str) -> Any:
    def method(self: StudentThing, *others: Any) -> Any:
        for other in others:
            if not _may_see(self, other):
                refuse(
                    self,
                    f"is asked for {name} with {short(other)}, which it would be shown",
                    "Let the test make the object by its class, or compare plain values",
                )
                return NotImplemented
        return _ask(self, "special", name, others)

    method.__name__ = name
    return method


def _call(self: StudentThing, *args: Any, **kwargs: Any) -> Any:
    errors = _np_geterr()
    answer = _ask(
        self, "call", args, tuple(kwargs.items()), "" if errors == _ERRORS else str(errors)
    )
    if (
        self._thing_about[0] == "class"
        and issubclass(type(answer), StudentThing)
        and answer._thing_mentions == 1
        and self._thing_origin in self._thing_link.submission.classes
    ):
        object.__setattr__(answer, "_thing_made", True)
    return answer


def _next(self: StudentThing) -> Any:
    match _ask(self, "special", "__next__", ()):
        case (value,):
            return value
        case ():
            raise StopIteration
    raise error_type("TypeError", TypeError)(
        f"__next__ of {name_of(self)} gave neither a value nor its end"
    )


def _exit(self: StudentThing, *error: Any) -> bool:
    """Leave a student's context; no exception of a test is ever kept from ending it."""
    described = (type_name(error[1]), text_of(error[1])) if error and error[1] is not None else ()
    if _ask(self, "special", "__exit__", described) is True and described:
        refuse(
            self,
            f"would hide a test's {described[0]}, and with it what the test finds out",
            "Let the test call `__exit__` itself, and look at what it returns",
        )
    return False


def _special(name: str, check: Callable[[Any], bool] = lambda _: True) -> Any:
    def method(self: StudentThing, *args: Any) -> Any:
        value = _ask(self, "special", name, args)
        if not check(value):
            raise error_type("TypeError", TypeError)(
                f"{name} of {name_of(self)} gave {short(value)}"
            )
        return value

    method.__name__ = name
    return method


def _is_kind(verb: str) -> Any:
    def method(self: StudentThing, value: Any) -> bool:
        if not issubclass(type(value), StudentThing):
            return False
        return value._thing_link.submission.ask(verb, value, self) is True

    return method


_ERRORS = np.geterr()


def _of_type(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: type(value) in kinds


def _numeric(name: str, *kinds: type) -> Any:
    ask = _special(name, _of_type(*kinds)) if kinds else _special(name)

    def method(self: StudentThing, *args: Any) -> Any:
        if not self._thing_made:
            refuse(
                self,
                f"is asked for {name}, as if it were a number",
                "Let the test make the object by its class, or ask for plain numbers",
            )
            raise JudgeLimit(f"{name_of(self)} is not a number")
        return ask(self, *args)

    method.__name__ = name
    return method


_SPECIAL = {
    **{name: _operator(name) for name in (*operators.COMPARISONS[2:], *operators.ARITHMETIC)},
    **{name: _numeric(name) for name in operators.NUMERIC},
    **{name: _special(name) for name in operators.CONVERSIONS if name != "__hash__"},
    **{name: _special(name, _of_type(str)) for name in ("__repr__", "__str__", "__format__")},
    "__bool__": _special("__bool__", _of_type(bool)),
    "__int__": _numeric("__int__", int),
    "__index__": _numeric("__index__", int),
    "__float__": _numeric("__float__", float),
    "__complex__": _numeric("__complex__", complex),
    "__bytes__": _special("__bytes__", _of_type(bytes)),
    "__call__": _call,
    "__next__": _next,
    "__len__": _special("__len__", lambda n: type(n) is int and 0 <= n < MAX_LENGTH),
    "__getitem__": _special("__getitem__"),
    "__setitem__": _special("__setitem__"),
    "__delitem__": _special("__delitem__"),
    "__contains__": _special("__contains__", _of_type(bool)),
    "__iter__": _special("__iter__", lambda i: hasattr(type(i), "__next__")),
    "__enter__": _special("__enter__"),
    "__exit__": _exit,
}
_HANDED_ON = frozenset((*_SPECIAL, "__eq__", "__ne__", "__hash__"))  # these in `StudentThing`


@functools.lru_cache(512)
def _thing_type(name: str, special: tuple[str, ...], is_class: bool) -> type:
    methods: dict[str, Any] = {s: _SPECIAL[s] for s in special if s in _SPECIAL}
    if is_class:
        methods["__instancecheck__"] = _is_kind("isinstance")
        methods["__subclasscheck__"] = _is_kind("issubclass")
    own = {"__slots__": (), "__doc__": vars(StudentThing)["__doc__"]}  # else it would be None
    return type(name, (StudentThing,), methods | own)


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

    def proxy(self, number: int, description: tuple | None) -> Any:
        """Return a proxy; one that the submission names again is not the test's own any more.

        `stack.pop()` may give the stack itself, which would then be compared with a number.
        """
        thing = super().proxy(number, description)
        object.__setattr__(thing, "_thing_mentions", thing._thing_mentions + (description is None))
        object.__setattr__(thing, "_thing_made", False)
        return thing

    def proxy_number(self, value: Any) -> int | None:
        if not isinstance(value, StudentThing):
            return None
        self.link.submission.revive(value)
        return value._thing_number

    def name_of(self, value: Any) -> str | None:
        """Let a library's functions and classes cross by name: the student has them, too."""
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
        name, special, _ = open_to_students(value, self.link.submission.modules)
        kind = type(value)
        own = kind.__module__ == "__main__" or _top(kind) in self.link.submission.modules
        return name, special, f"{kind.__module__}:{kind.__qualname__}" if own else ""

    def checked(self, description: tuple) -> tuple:
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
        known = tuple(method for method in special if method in _HANDED_ON)
        return str(what), _plain_name(kind), _plain_name(name) if name else "", known, lineage

    def make(self, number: int, description: tuple) -> Any:
        what, kind, _, special, _ = description
        return _thing_type(kind, special, what == "class")(self.link, number, description)


_WHAT = ("object", "array", "module", "class", "function")  # what a proxy may stand for

MAX_LINEAGE = 20  # names of classes in a description

_OPEN_SPECIAL = frozenset(operators.ALL) - {"__enter__", "__exit__", "__eq__", "__ne__", "__hash__"}


def _top(kind: type) -> str:
    return kind.__module__.partition(".")[0] if isinstance(kind.__module__, str) else ""


def open_to_students(
    value: Any, modules: Collection[str] = ()
) -> tuple[str, tuple[str, ...], bool]:
    """Return what of a judge's object a submission may use: a name, special methods, attributes.

    Functions and classes can be called, and nothing else: an attribute of a function leads to all
    that the judge knows. Objects of the course's own classes also have attributes, and so have
    mocks, but for those with which the test asks a mock what has happened.

    Args:
        value: the object.
        modules: names of the course's own modules.

    Raises:
        CannotCross: none of it.
    """
    kind = type(value)
    if isinstance(value, Iterator) and kind.__module__ in ("builtins", "itertools"):
        return kind.__name__, ("__iter__", "__next__"), False
    callables = types.FunctionType | types.MethodType | types.BuiltinMethodType | type
    if isinstance(value, callables | functools.partial):
        return "function", ("__call__",), False
    if kind.__module__ == "__main__" or _top(kind) in modules:
        special = tuple(s for s in operators.defined(kind) if s in _OPEN_SPECIAL)
        return kind.__name__, special, True
    if is_mock(value):
        usable = ("__call__", "__getitem__", "__len__", "__iter__", "__contains__", "__next__")
        return "Mock", tuple(s for s in usable if hasattr(kind, s)), True
    if callable(value) and _top(kind) in ("numpy", "utils", "functools"):
        return "function", ("__call__",), False
    raise CannotCross(
        f"{short(value)} cannot be handed to the submission: numbers, text, lists, tuples, "
        "dicts, sets, arrays, generators, functions and objects of the course's own classes can; "
        f"{NOT_THEIR_FAULT}"
    )


def is_mock(value: Any) -> bool:
    """Return whether a value is a mock of the standard library's."""
    mocks = sys.modules.get("unittest.mock")
    return mocks is not None and isinstance(value, mocks.NonCallableMock)


@functools.cache
def _names_of_mocks() -> frozenset[str]:
    """Return the attributes by which a test sets mocks up, and asks them what has happened."""
    return frozenset(dir(sys.modules["unittest.mock"].MagicMock()))


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
        _, special, attributes = open_to_students(thing, self.submission.modules)
        return special, attributes

    def special(self, thing: Any, name: str, args: tuple, kwargs: tuple) -> Any:
        """Use a special method of a thing; keyword arguments come as pairs."""
        special, _ = self.opened(thing)
        if name not in special:
            raise CodecError("a question about something that was not handed over")
        with self.submission.in_test():
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
        with self.submission.in_test():
            return getattr(thing, name)

    def setattr(self, thing: Any, name: str, value: Any) -> None:
        """Set an attribute of an object of the test's own."""
        self._check_attribute(thing, name)
        if is_mock(thing):
            raise AttributeError(f"{name} is not for the submission to set")
        with self.submission.in_test():
            setattr(thing, name, value)

    def _check_attribute(self, thing: Any, name: str) -> None:
        _, attributes = self.opened(thing)
        if (
            not attributes
            or type(name) is not str
            or name.startswith("_")
            or is_mock(thing)
            and (name in _names_of_mocks() or name.startswith(("assert", "assret")))
        ):
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
        error, number = student_error(value, self.submission)
        if error.type_name == "NameError":
            self.submission.missed_names = True
            error.message += self.submission.name_missing(error.message)
        elif error.type_name == CannotCross.__name__ and "too many objects" not in error.message:
            said = " ".join(error.message[:200].split())  # whatever the submission says
            self.submission.limit(
                f"a call gave what cannot be handed over, as the submission's process says "
                f"(`{said}`), if that is right {NOT_THEIR_FAULT}"
            )
        if number in self.raised:
            raise self.raised[number]
        raise error
