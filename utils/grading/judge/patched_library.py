"""Library functions patched in the judge, so that a test can use them on a student's object.

`type` and functions of `inspect` and `dataclasses` inspect an object's internals, which a proxy
does not have: here they ask the student process. So do `pyplot`'s functions for the current figure,
which is there. `open` refuses the judge's file descriptors, and `doctest` refuses to run examples
that a student has written. Only the judge process is patched.
"""

from __future__ import annotations

import builtins
import contextlib
import dataclasses
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

from utils.grading.remote.codec import CannotCross
from utils.grading.remote.judge_classes import claimed_class
from utils.grading.remote.judge_limits import NOT_THEIR_FAULT, JudgeLimit
from utils.grading.remote.operators import INSPECTED
from utils.grading.remote.proxy import StudentProxy, ask_student, class_in_notebook
from utils.grading.remote.student_errors import ErrorType, StudentError

if TYPE_CHECKING:
    from utils.grading.judge.student_client import StudentClient

# Builtins of its own: see `utils.grading.remote`. `builtins.open` is what a test has made of it.
globals()["__builtins__"] = dict(vars(builtins))

DREW_APART = (
    "the test makes a figure, and the submission draws on one in its own process: "
    f"{NOT_THEIR_FAULT}. Let the student's function make the figure, and take `plt.gca()` after it"
)
_TYPE = ("builtins:type",)  # the lineage of `type`
DATACLASSES = ("is_dataclass", "fields", "asdict", "astuple", "replace")
PYPLOT = ("gcf", "gca", "get_fignums", "close")


def _is_proxy(value: Any) -> bool:
    return issubclass(type(value), StudentProxy)


class TypeOf:
    """`type` in a test cell: `type(x) is Ridge` holds for a student's `Ridge`, too."""

    __name__ = __qualname__ = "type"
    crosses_as = type  # else a student could have classes made in the judge

    def __call__(self, *args: Any, **named: Any) -> Any:
        if len(args) == 1 and not named and _is_proxy(args[0]):
            proxy = args[0]
            what, *_, lineage = proxy._proxy_about
            if what == "class":
                own = ask_student(proxy, "getattr", "__class__")
                return own if _is_proxy(own) and own._proxy_about.lineage[:1] != _TYPE else self
            own = class_in_notebook(proxy)
            if own is not None and not (_is_proxy(own) and own._proxy_about.lineage[:1] == _TYPE):
                return own
            found = claimed_class(proxy)
            if found is None:
                return type(proxy)
            first = f"{found.__module__}:{found.__qualname__}"
            return found if what == "function" or lineage[:1] == (first,) else type(proxy)
        found = type(*args, **named)
        if len(args) == 1 and issubclass(found, StudentError):
            return args[0].__class__  # a built-in type, or the student's
        return self if found in (type, ErrorType) else found

    def __instancecheck__(self, value: Any) -> bool:
        if _is_proxy(value):
            return value._proxy_about.what == "class"
        return isinstance(value, type)

    def __subclasscheck__(self, kind: Any) -> bool:
        return issubclass(kind, type)

    def __mro_entries__(self, bases: tuple) -> tuple:
        return (type,)

    def __eq__(self, other: object) -> bool:
        return other is self or other is type

    def __hash__(self) -> int:
        return hash(type)

    def __getattr__(self, name: str) -> Any:
        return getattr(type, name)

    def __repr__(self) -> str:
        return repr(type)


TYPE = TypeOf()


def open_by_name(file: Any, *args: Any, **named: Any) -> Any:
    """Open a file like `open`, but not by file descriptor.

    A test may open what a student's function returns (`open(save(), "w")`): an integer would be one
    of the judge's file descriptors, such as the socket for its verdict.

    Raises:
        ValueError: `file` is an integer.
    """
    if hasattr(type(file), "__index__"):  # NumPy's integers, too
        raise ValueError(f"a test opens files by their names, and {file!r} is a number")
    return builtins.open(file, *args, **named)


def let_library_ask() -> None:
    """Let functions of `inspect` and `dataclasses` ask the student process about its objects."""
    for module, names, answer in (
        (inspect, ("isclass", *INSPECTED), _inspected),
        (dataclasses, DATACLASSES, _of_dataclass),
    ):
        for name in names:
            original = getattr(module, name)
            if not hasattr(original, "asks_students"):
                setattr(module, name, _asking(original, name, answer))


def _asking(original: Any, name: str, answer: Any) -> Any:
    """Wrap a library function: `answer` handles proxies, `original` all other values."""

    @functools.wraps(original)
    def asking(proxy: Any, *args: Any, **named: Any) -> Any:
        if not _is_proxy(proxy):
            return original(proxy, *args, **named)
        found = answer(name, proxy, *args, **named)
        return original(proxy, *args, **named) if found is NotImplemented else found

    asking.asks_students = True  # type: ignore[attr-defined]
    return asking


def _inspected(name: str, proxy: StudentProxy, *args: Any, **named: Any) -> Any:
    """Answer for a function of `inspect`."""
    return (
        proxy._proxy_about.what == "class"
        if name == "isclass"
        else ask_student(proxy, "inspect", name)
    )


def _of_dataclass(name: str, proxy: StudentProxy, *args: Any, **named: Any) -> Any:
    """Answer for a function of `dataclasses`; `NotImplemented` if it is not a dataclass."""
    if name == "is_dataclass" or not _is_dataclass(proxy):
        return _is_dataclass(proxy) if name == "is_dataclass" else NotImplemented
    match name:
        case "fields":
            return _fields(proxy)
        case "asdict":
            return _unfolded(proxy, *args, **named)
        case "astuple":
            make: Any = [*args, *named.values(), tuple][0]
            return _unfolded(proxy, lambda pairs: make([value for _, value in pairs]))
    given = {
        one.name: ask_student(proxy, "getattr", one.name) for one in _fields(proxy) if one.init
    }
    return TYPE(proxy)(**given | named)


def _is_dataclass(proxy: Any) -> bool:
    return type(getattr(proxy, "__dataclass_fields__", None)) is dict


_MISSING = type(dataclasses.MISSING).__name__  # renamed in Python 3.15


def _fields(proxy: Any) -> tuple[dataclasses.Field, ...]:
    """Return the fields of a student's dataclass as the judge's own `Field` objects."""
    found = []
    for name, theirs in proxy.__dataclass_fields__.items():
        own = str(name).startswith("_proxy_")  # a proxy's own attributes are not fields
        if own or theirs._field_type.name != "_FIELD":
            continue
        given = {}
        for key in ("default", "default_factory", "init", "repr", "compare"):
            value = getattr(theirs, key)
            if not (_is_proxy(value) and value._proxy_about.type_name == _MISSING):
                given[key] = value
        made: Any = dataclasses.field(**given)
        made.name, made.type = name, theirs.type
        found.append(made)
    return tuple(found)


def _unfolded(value: Any, dict_factory: Any = dict) -> Any:
    """Apply the factory to the fields of a student's dataclass, recursively (`asdict`)."""
    if _is_proxy(value) and _is_dataclass(value):
        # The student chose the names: `getattr` could find an attribute of the proxy itself.
        pairs = [(one.name, ask_student(value, "getattr", one.name)) for one in _fields(value)]
        return dict_factory([(name, _unfolded(part, dict_factory)) for name, part in pairs])
    if type(value) in (list, tuple):
        return type(value)(_unfolded(part, dict_factory) for part in value)
    if type(value) is dict:
        return {key: _unfolded(part, dict_factory) for key, part in value.items()}
    return value


def let_doctest_refuse(student: StudentClient) -> None:
    """Make `doctest` refuse to run examples in a student's docstrings."""
    import doctest

    def refuse(*args: Any, **named: Any) -> Any:
        text = (
            "`doctest` would run examples that a student can write, in the judge: "
            f"{NOT_THEIR_FAULT}. Let the test call the function, and compare what it returns"
        )
        student.note_judge_limit(text)
        raise JudgeLimit(text)

    for name in ("testmod", "run_docstring_examples", "DocTestFinder"):
        setattr(doctest, name, refuse)


def notice_figures(student: StudentClient) -> None:
    """Note it if a test has made a figure, but the student's code has drawn on another one.

    Call this before figures are closed.
    """
    figures: Any = sys.modules.get("matplotlib._pylab_helpers")
    if figures is not None and figures.Gcf.figs and student.link and not student.drew_apart:
        with contextlib.suppress(StudentError, CannotCross):
            student.drew_apart = bool(student.ask_process("pyplot", "get_fignums"))


def gave_view(student: StudentClient) -> bool:
    """Return whether a call has returned a view of an argument, which the judge gets as a copy."""
    with contextlib.suppress(StudentError, CannotCross):
        return student.link is not None and student.ask_process("views") is True
    return False


def let_pyplot_ask(student: StudentClient) -> None:
    """Let `plt.gca()` and the like find the student's figures if the test has drawn nothing.

    Args:
        student: the client of the process with the figures.
    """
    plt: Any = sys.modules.get("matplotlib.pyplot")
    if plt is None or getattr(plt.gcf, "asks_students", False) is student:
        return
    originals = {
        name: getattr(getattr(plt, name), "__wrapped__", getattr(plt, name)) for name in PYPLOT
    }

    def asking(name: str) -> Any:
        original = originals[name]

        @functools.wraps(original)
        def asking_first(*args: Any, **named: Any) -> Any:
            if student.effects.running:
                if name == "close":
                    notice_figures(student)
                if name == "close" and args in ((), ("all",)):
                    student.ask_process("pyplot", name)
                elif name != "close" and not args and not originals["get_fignums"]():
                    found = student.ask_process("pyplot", name)
                    if found is not None:
                        return found
            return original(*args, **named)

        asking_first.asks_students = student  # type: ignore[attr-defined]
        return asking_first

    for name in PYPLOT:
        setattr(plt, name, asking(name))
