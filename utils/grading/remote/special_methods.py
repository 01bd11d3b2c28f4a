"""Special methods of proxies, for Python's syntax and built-in functions on a student's object."""

from __future__ import annotations

import abc
import builtins
import enum
import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from utils.grading.notebook.shell import text_of, type_name
from utils.grading.remote import operators
from utils.grading.remote.judge_limits import JudgeLimit, name_of, refuse, short
from utils.grading.remote.proxy import StudentProxy, ask_student, may_see
from utils.grading.remote.student_errors import error_like

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

MAX_LENGTH = 1 << 31  # of a student's object
MAX_SEARCHED = 10_000  # of its elements, for `in`
_np_geterr = np.geterr
_ERRORS = np.geterr()


def _special(name: str, check: Callable[[Any], bool] = lambda _: True) -> Any:
    def method(self: StudentProxy, *args: Any) -> Any:
        value = ask_student(self, "special", name, args)
        if not check(value):
            raise error_like(TypeError, f"{name} of {name_of(self)} gave {short(value)}")
        return value

    method.__name__ = name
    return method


def _of_type(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: not kinds or type(value) in kinds


def _operator(name: str) -> Any:
    def method(self: StudentProxy, *others: Any) -> Any:
        for other in others:
            if not may_see(self, other):
                refuse(
                    self,
                    f"is asked for {name} with {short(other)}, which it would be shown",
                    "Let the test make the object by its class, or compare plain values",
                )
                return NotImplemented
        return ask_student(self, "special", name, others)

    method.__name__ = name
    return method


def _numeric(name: str, *kinds: type) -> Any:
    handed_on = _special(name, _of_type(*kinds))

    def method(self: StudentProxy, *args: Any) -> Any:
        if not self._proxy_made:
            refuse(
                self,
                f"is asked for {name}, as if it were a number",
                "Let the test make the object by its class, or ask for plain numbers",
            )
            raise JudgeLimit(f"{name_of(self)} is not a number")
        return handed_on(self, *args)

    method.__name__ = name
    return method


_asked_contains = _special("__contains__", _of_type(bool))


def _contains(self: StudentProxy, value: Any) -> bool:
    """Search a student's object, without showing it a value that an operator may not show it."""
    if may_see(self, value):
        return _asked_contains(self, value)
    all_seen = "__iter__" in self._proxy_about.special
    if all_seen:
        for number, one in enumerate(self):
            if one is value or one == value:
                return True
            if number >= MAX_SEARCHED:
                all_seen = False
                break
    if (
        all_seen
        and self._proxy_about.lineage[:1]
        and self._proxy_about.lineage[0].startswith("builtins:")
    ):
        return False
    refuse(
        self,
        f"is searched for {short(value)}, which would show it what the test expects",
        "Let the test make the object by its class, or ask for a list",
    )
    if all_seen:
        return False
    raise JudgeLimit(f"{name_of(self)} is not searched")


def _call(self: StudentProxy, *args: Any, **kwargs: Any) -> Any:
    errors = _np_geterr()
    told = "" if errors == _ERRORS else str(errors)
    answer = ask_student(self, "call", args, tuple(kwargs.items()), told)
    if (
        self._proxy_about.what == "class"
        and issubclass(type(answer), StudentProxy)
        and answer._proxy_mentions == 1
        and self._proxy_origin in self._proxy_link.student.classes
    ):
        object.__setattr__(answer, "_proxy_made", True)
    return answer


def _next(self: StudentProxy) -> Any:
    match ask_student(self, "special", "__next__", ()):
        case (value,):
            return value
        case ():
            raise StopIteration
        case ((), value):  # what a generator returns
            raise StopIteration(value)
    raise error_like(TypeError, f"__next__ of {name_of(self)} gave neither a value nor its end")


def _exit(self: StudentProxy, *error: Any) -> bool:
    """Leave a student's context, which can never suppress a test's exception."""
    described = (type_name(error[1]), text_of(error[1])) if error and error[1] is not None else ()
    if ask_student(self, "special", "__exit__", described) is True and described:
        refuse(
            self,
            f"would hide a test's {described[0]}, and with it what the test finds out",
            "Let the test call `__exit__` itself, and look at what it returns",
        )
    return False


def _is_kind(verb: str) -> Any:
    def method(self: StudentProxy, value: Any) -> bool:
        if not issubclass(type(value), StudentProxy):
            return False
        return value._proxy_link.student.ask_object(verb, value, self) is True

    return method


# Attributes that every proxy has itself, but that a test may read from a student's class.
_OF_CLASSES = frozenset(
    ("__eq__", "__hash__", "__init__", "__repr__", "__str__", "__module__", "__slots__")
)


def _class_attribute(self: StudentProxy, name: str) -> Any:
    if name in _OF_CLASSES and sys._getframe(1).f_globals.get("__name__") in _ASKERS:
        found = ask_student(self, "getattr", name)
        is_proxy = issubclass(type(found), StudentProxy)
        is_objects = is_proxy and found._proxy_about.type_name == "wrapper_descriptor"
        return getattr(object, name) if is_objects else found
    if name == "__class__" and sys._getframe(1).f_globals.get("__name__") == "__main__":
        return _METACLASSES.get(self._proxy_about.type_name) or type(self)
    return object.__getattribute__(self, name)


class EitherOf(tuple):
    """The union `A | B` for `isinstance`, where some classes are the student's."""

    def __or__(self, other: Any) -> EitherOf:
        return EitherOf((*self, *(other if isinstance(other, tuple) else (other,))))

    def __ror__(self, other: Any) -> EitherOf:
        return EitherOf((other, *self))


_ASKERS = ("__main__", "inspect")
_METACLASSES = {"ABCMeta": abc.ABCMeta, "EnumType": enum.EnumMeta, "EnumMeta": enum.EnumMeta}
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
    "__contains__": _contains,
    "__iter__": _special("__iter__", lambda i: hasattr(type(i), "__next__")),
    "__enter__": _special("__enter__"),
    "__exit__": _exit,
}
HANDED_ON = frozenset((*_SPECIAL, "__eq__", "__ne__", "__hash__"))  # these in `StudentProxy`


@functools.lru_cache(512)
def proxy_type(name: str, special: tuple[str, ...], is_class: bool, pattern: Any) -> type:
    """Return a proxy type with these special methods.

    Args:
        name: the name of the type.
        special: the names of the methods.
        is_class: whether the proxies stand for classes.
        pattern: `Sequence` or `Mapping` if they match such a pattern in `match`, else None.
    """
    methods: dict[str, Any] = {s: _SPECIAL[s] for s in special if s in _SPECIAL}
    if is_class:
        methods["__getattribute__"] = _class_attribute
        methods["__or__"] = lambda self, other: EitherOf((self,)) | other
        methods["__ror__"] = lambda self, other: EitherOf((other, self))
        methods["__instancecheck__"] = _is_kind("isinstance")
        methods["__subclasscheck__"] = _is_kind("issubclass")
    own: dict[str, Any] = {"__slots__": (), "__module__": "__main__"}
    own["__doc__"] = vars(StudentProxy)["__doc__"]  # else it would be None
    made = type(name, (StudentProxy,), methods | own)
    return pattern.register(made) if pattern else made
