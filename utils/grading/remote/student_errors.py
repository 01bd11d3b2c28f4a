"""The exceptions and warnings of a student's code, as they appear in the judge."""

from __future__ import annotations

import builtins
import contextlib
import functools
import sys
import warnings
from typing import Any, NoReturn

import numpy as np

from utils.grading.remote.codec import CodecError
from utils.grading.remote.judge_classes import library_class
from utils.grading.remote.judge_limits import JudgeLimit

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

_LINES = range(1 << 31)  # line numbers
_SCALARS = (type(None), bool, int, float, complex, str, bytes)  # values of attributes
# Exceptions that would end more than a call: no student's exception has such a type in the judge.
NEVER_RAISED = ("StopIteration", "StopAsyncIteration", "SystemExit", "KeyboardInterrupt",
                "GeneratorExit", "BaseException", "BaseExceptionGroup")  # fmt: skip


class ErrorType(type):
    """The metaclass of students' exceptions; it hides `StudentError` from tests."""

    @property
    def __mro__(cls) -> tuple[type, ...]:
        found = type.__dict__["__mro__"].__get__(cls)
        return tuple(kind for kind in found if kind is not StudentError or cls is kind)

    @property
    def __bases__(cls) -> tuple[type, ...]:  # type: ignore[override]
        found = type.__dict__["__bases__"].__get__(cls)
        return tuple(kind for kind in found if kind is not StudentError) or (Exception,)

    @property
    def __base__(cls) -> type:
        return cls.__bases__[0]


def _hidden(name: str) -> Any:
    """Return a property for an attribute of BaseException that test cells cannot read.

    Its value in the judge is not the student's.
    """
    own = vars(BaseException)[name]

    def get(self: StudentError) -> Any:
        return self._stays(name) if _asked_by_test() else own.__get__(self)

    return property(get, own.__set__)


def _asked_by_test() -> bool:
    return sys._getframe(2).f_globals.get("__name__") == "__main__"


_NOT_CARRIED = ("__cause__", "__context__")


class StudentError(Exception, metaclass=ErrorType):
    """An exception raised by the student's code, or the end of the student process.

    Attributes:
        type_name: name of the student's type, such as "ZeroDivisionError".
        raised_message: its text; a student's exception may have its own attribute `message`.
        raised_cell, raised_line, raised_code: the cell, the line in it, and the line's text.
        args_known: whether `args` are those of the student's exception.
    """

    type_name, raised_cell, raised_line, raised_code = "StudentError", "", 0, ""
    raised_message = ""
    args_known = True
    __cause__, __context__ = map(_hidden, _NOT_CARRIED)

    def __init__(self, *args: Any, **named: Any) -> None:
        BaseException.__init__(self, *args)  # a library's class may want other arguments
        self.raised_message = str(args[0] if len(args) == 1 else args or "")

    @property
    def args(self) -> tuple:  # type: ignore[override]
        if not self.args_known and _asked_by_test():
            self._stays("args")
        return vars(BaseException)["args"].__get__(self)

    def __getattr__(self, name: str) -> Any:
        if _asked_by_test() and (not name.startswith("_") or name in _NOT_CARRIED):
            self._stays(name)
        raise AttributeError(name)

    def _stays(self, name: str) -> NoReturn:
        raise NoAttribute(f"`{name[:60]}` of a {type(self).__name__} stays with the submission")

    def __str__(self) -> str:
        return self.raised_message


class NoAttribute(JudgeLimit, AttributeError):
    """A test asks for an attribute of a student's exception that the judge does not have."""


class CallTimeout(StudentError, TimeoutError):
    """A call took too long; its process was ended."""

    type_name = "TimeoutError"


class ProcessEnded(StudentError):
    """The student process ended during a call."""

    type_name = "ProcessEnded"


class OutOfTime(StudentError, TimeoutError):
    """The whole submission took too long; it is no longer asked."""

    type_name = "TimeoutError"


class Lost(StudentError):
    """An object was lost when its process ended."""

    type_name = "Lost"


# A student's exception is also an instance of the first of these that it derives from, so that a
# test can catch it. StopIteration is excluded: it would end the judge's own loops.
_BASES = {
    name: kind
    for name, kind in vars(builtins).items()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and not issubclass(kind, StopIteration | StopAsyncIteration | Warning)
}
_WARNINGS = {
    kind.__name__: kind
    for kind in (*vars(builtins).values(), *vars(np.exceptions).values())
    if isinstance(kind, type) and issubclass(kind, Warning)
}


@functools.lru_cache(256)
def _error_type(names: tuple[str, ...], parents: tuple[type, ...]) -> type[StudentError]:
    """Make a type for each name, each derived from the next, the last from `parents`.

    Returns:
        The type of the first name.
    """
    if len(names) > 1:
        parents = (_error_type(names[1:], parents),)
    named: dict[str, Any] = {
        "type_name": names[0], "__module__": "__main__", "__qualname__": names[0],
    }  # fmt: skip
    if parents[0] is StudentError and names[0] == parents[-1].__name__:  # a built-in type
        named["__class__"] = property(lambda _: parents[-1])
    make: Any = ErrorType
    try:
        return make(names[0], parents, named)
    except TypeError:  # a base that nothing else can derive from
        return make(names[0], (StudentError,), named)


def error_like(base: type, message: str) -> StudentError:
    """Return a student's exception that is also of a built-in type."""
    return _error_type((base.__name__,), (StudentError, base))(message)


def error_class(lineage: tuple, student: Any = None, own: str = "") -> type[StudentError]:
    """Return a type for a student's exceptions whose type and bases have these names.

    If one of the bases is an exception of Python, a library or the course, it derives from that.

    Args:
        lineage: "MODULE:NAME" of the type and its bases; for a built-in one, its name alone.
        student: the `StudentClient`, which knows the classes of the course.
        own: the type's name, if it differs from the first of these.
    """
    names: list[str] = []
    base: type | None = None
    for one in lineage[:20]:
        if not isinstance(one, str):
            continue
        name = one.rpartition(":")[2]
        base = _BASES.get(name) if ":" not in one or one.startswith("builtins:") else None
        base = base or library_class(one, student, Exception)
        if base or name in ("Exception", "BaseException"):
            break
        names.append(plain_name(name.rpartition(".")[2]))
    parents: tuple[type, ...] = (StudentError, base) if base else (StudentError,)
    if not names:  # a built-in type, or a library's
        name = own or (base.__name__ if base else "Exception")
        return _error_type((plain_name(name),), parents)
    known = student.exceptions if student else {}
    if names[0] in known:
        return known[names[0]]
    if own:
        names[0] = plain_name(own)
    for place, name in enumerate(names):
        if name in known:
            parents = (known[name], *([base] if base and not issubclass(known[name], base) else []))
            del names[place:]
            break
    return _error_type(tuple(names), parents) if names else parents[0]


def student_error(body: Any, student: Any = None) -> tuple[StudentError, int]:
    """Return the exception that an answer describes, and its number if it was the test's own.

    Raises:
        CodecError: the answer does not have the form that `describe_error` gives it.
    """
    match body:
        case (
            str(name), tuple(bases), str(message), str(cell), int(line), str(code), int(number),
            (tuple() | None) as args, tuple(attributes),
        ):  # fmt: skip
            if line not in _LINES:
                raise CodecError("an exception has an impossible line number")
        case _:
            raise CodecError("an exception has the wrong form")
    kind = error_class(bases or (name,), student, name)
    try:
        error = kind.__new__(kind)
    except TypeError:  # a library's exception that needs arguments
        kind = _error_type((plain_name(name),), (StudentError,))
        error = kind.__new__(kind)
    StudentError.__init__(error, message[:10_000])
    for attribute in attributes:
        match attribute:
            case (str(key), value) if (
                type(value) in _SCALARS
                and key.isidentifier()
                and not key.startswith("_")
                and key not in _OWN
                and not (key == "object" and isinstance(error, UnicodeError))
            ):
                with contextlib.suppress(TypeError, ValueError, AttributeError):
                    BaseException.__setattr__(error, key, value)
    error.args_known = args is not None and all(type(one) in _SCALARS for one in args)
    if error.args_known:
        vars(BaseException)["args"].__set__(error, args)
    error.raised_cell, error.raised_line, error.raised_code = cell[:200], line, code[:200]
    if line > 0:
        error.add_note(f"line {line}" + (f": `{error.raised_code}`" if code else ""))
    return error, number


# Attributes that the student cannot set. `object` of a UnicodeError is another: Python would read
# its bytes at `start`, unchecked.
_OWN = frozenset(dir(StudentError("")))


def plain_name(name: str) -> str:
    """Return a name that is printable, not empty, and at most 100 characters long."""
    return "".join(c if c.isprintable() else "?" for c in name[:100]) or "?"


def repeat_warnings(warned: tuple) -> None:
    """Issue here the warnings that a call gave in the student process."""
    for warning in warned[:20]:
        match warning:
            case (str(kind), str(text), int(line)) if line in _LINES:
                category = _WARNINGS.get(kind, UserWarning)
                warnings.warn_explicit(text[:1000], category, "submission", line)
