"""Which of the judge's classes `isinstance` and `except` see in a student's object."""

from __future__ import annotations

import builtins
import functools
import sys
import types
from typing import Any

from utils.grading.remote.judge_limits import refuse

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

# Modules whose classes no proxy claims to be an instance of: either their values are plain and
# cross as such, or libraries would trust a proxy's answers (a data frame's `equals`).
_NEVER = frozenset(
    ("builtins", "numpy", "numbers", "fractions", "decimal", "datetime", "collections", "array",
     "io", "pathlib", "typing", "abc", "utils", "pandas", "polars", "xarray")
)  # fmt: skip
_PLAIN = {int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset}
_PLAIN_NAMES = frozenset(f"builtins:{kind.__name__}" for kind in _PLAIN)
# Modules whose exceptions no student's exception derives from: they mean something to test runners.
_NEVER_RAISED = frozenset(
    ("builtins", "utils", "unittest", "pytest", "_pytest", "doctest", "nose", "numpy.testing",
     "IPython", "traitlets", "asyncio", "concurrent", "hypothesis")
)  # fmt: skip
# Modules whose classes may not be bases of a student's class: a mock agrees to everything.
_NEVER_BASES = ("utils", "unittest.mock")
# Built-in types of objects that never cross, whose type a test may still check.
_KINDS = {
    "builtins:function": types.FunctionType,
    "builtins:method": types.MethodType,
    "builtins:builtin_function_or_method": types.BuiltinFunctionType,
    "builtins:generator": types.GeneratorType,
    "builtins:code": types.CodeType,
    "builtins:property": property,
    "builtins:classmethod": classmethod,
    "builtins:staticmethod": staticmethod,
    "builtins:map": map,
    "builtins:zip": zip,
    "builtins:filter": filter,
    "builtins:enumerate": enumerate,
    "builtins:reversed": reversed,
}


def top(module: Any) -> str:
    """Return the first part of a module's name, which may be any value."""
    return module.partition(".")[0] if isinstance(module, str) else ""


def library_class(entry: str, student: Any, below: type = object) -> type | None:
    """Return the class named "MODULE:NAME", if the judge has it and a proxy may claim it."""
    module, _, name = entry.partition(":")
    first = top(module)
    never = _NEVER_RAISED if issubclass(below, Exception) else _NEVER
    if student and first in student.modules:
        never = frozenset()
    if not name:
        return None
    if first == "__main__":
        found: Any = student.own_class(name) if student else None
    elif first in never or module in never or module not in sys.modules:
        return None
    else:
        found = sys.modules[module]
        for part in name.split("."):
            found = vars(found).get(part) if isinstance(found, type | types.ModuleType) else None
    if not (issubclass(type(found), type) and issubclass(found, below)):
        return None
    # `_decimal` has the class of `decimal`; `signal.Signals` is an int
    is_plain = top(found.__module__) in never or _PLAIN & set(found.__mro__)
    return None if never and below is object and is_plain else found


def class_named(entry: str, student: Any) -> type | None:
    """Return the judge's own class named "MODULE:NAME", or None."""
    module, _, name = entry.partition(":")
    if module == "__main__":
        return library_class(entry, student)
    if module.startswith(_NEVER_BASES):
        return None
    found = getattr(sys.modules.get(module), "__dict__", {}).get(name)
    return found if issubclass(type(found), type) else None


def claimed_class(proxy: Any) -> type | None:
    """Return the judge's class that `isinstance` sees in a proxy's object, or None."""
    what, _, _, _, lineage = proxy._proxy_about
    if what in ("function", "object"):
        if lineage and lineage[0] in _KINDS:
            return _KINDS[lineage[0]]
        if found := claimed_base(proxy):
            if _PLAIN_NAMES.intersection(lineage) and not proxy._proxy_link.busy:
                refuse(proxy, "stays with the submission: it cannot be used as a plain value here")
            return found
    if may_be_honest(proxy) and not proxy._proxy_link.busy:
        refuse(proxy, "stays with the submission, so nothing here is an instance of its class")
    return None


def claimed_base(proxy: Any) -> type | None:
    """Return the first class in a proxy's lineage that `library_class` accepts, or None."""
    student, lineage = proxy._proxy_link.student, proxy._proxy_about.lineage
    for entry in lineage if student.modules else _claimable(lineage):
        if found := library_class(entry, student):
            return found
    return None


@functools.lru_cache(512)  # `isinstance` asks for it again and again
def _claimable(lineage: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(one for one in lineage if top(one.partition(":")[0]) not in _NEVER)


def may_be_honest(proxy: Any) -> bool:
    """Return whether an honest submission might well return such an object.

    It might if the object is of a library's class or of a class derived from a built-in one, is too
    large to cross, or is an array that is not plain.
    """
    what, kind, _, _, lineage = proxy._proxy_about
    return what == "array" or what == "object" and _may_be_honest(kind, lineage)


@functools.lru_cache(512)
def _may_be_honest(kind: str, lineage: tuple[str, ...]) -> bool:
    tops = {top(entry.partition(":")[0]) for entry in lineage[:-1]}
    is_derived = tops == {"__main__", "builtins"}
    is_large = kind in ("list", "dict", "set", "deque", "range")
    return is_derived or is_large or not tops <= {"__main__", "builtins"}
