"""The student process's shared objects: proxies of the test's objects, descriptions of its own."""

from __future__ import annotations

import builtins
import inspect
import linecache
import sys
import types
from typing import Any

import numpy as np

from utils.grading.notebook.shell import in_cell, text_of, type_name
from utils.grading.remote import operators
from utils.grading.remote.codec import SharedObjects
from utils.grading.remote.patches import found_at

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

# Types of the exception attributes that the judge gets, and attributes outside `__dict__`.
_PLAIN = (type(None), bool, int, float, complex, str, bytes)
_KEPT_BY_PYTHON = ("errno", "strerror", "filename", "filename2", "name", "encoding", "start", "end",
                   "reason")  # fmt: skip
MAX_ATTRIBUTES = 20


class JudgeProxy:
    """The proxy of an object that stays in the judge: a test's function or other object."""

    __slots__ = ("__weakref__", "_link", "_number")

    def __init__(self, link: Any, number: int) -> None:
        object.__setattr__(self, "_link", link)
        object.__setattr__(self, "_number", number)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") and name not in operators.OF_FUNCTIONS:
            raise AttributeError(name)
        return self._link.ask_judge("getattr", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self._link.ask_judge("setattr", self, name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the test>"


def _special(name: str) -> Any:
    def method(self: JudgeProxy, *args: Any, **kwargs: Any) -> Any:
        answer = self._link.ask_judge("special", self, name, args, tuple(kwargs.items()))
        if name == "__next__":
            if not answer:
                raise StopIteration
            return answer[0]
        return answer

    method.__name__ = name
    return method


def _bound(self: Any, owner: Any, kind: Any = None) -> Any:
    return self if owner is None else types.MethodType(self, owner)


class StudentObjects(SharedObjects):
    """The student process's shared objects."""

    link: Any  # the `StudentConnection`, which imports this module
    keeps_large = True

    def __init__(self) -> None:
        super().__init__(is_judge=False)
        self._named: dict[int, tuple[Any, str]] = {}

    def proxy_number(self, value: Any) -> int | None:
        return value._number if JudgeProxy in type(value).__mro__ else None

    def name_of(self, value: Any) -> str | None:
        known = self._named.get(id(value))
        return known[1] if known else None

    def by_name(self, name: str) -> Any:
        value = found_at(name)
        self._named[id(value)] = (value, name)
        return value

    def describe(self, value: Any) -> tuple:
        return describe(value)

    def make(self, number: int, description: tuple) -> Any:
        name, special, entry = description
        methods: dict[str, Any] = {"__slots__": ()} | {s: _special(s) for s in special}
        if name == "function":
            methods["__get__"] = _bound  # it may become a method of a student's class
            methods["__doc__"] = property(lambda self: self.__getattr__("__doc__"))
            methods["__module__"] = "__main__"
        if own := self.own_class(entry):
            methods["__class__"] = property(lambda _: own)  # for `isinstance`
        return type(name, (JudgeProxy,), methods)(self.link, number)

    def own_class(self, entry: str) -> type | None:
        """Return this side's class for the judge's "MODULE:NAME", or None."""
        module, _, name = entry.partition(":")
        names = self.link.shell.user_ns if module == "__main__" else {}
        if module != "__main__" and module in sys.modules:
            names = vars(sys.modules[module])
        found = names.get(name)
        return found if isinstance(found, type) else None


def describe(value: Any) -> tuple[str, str, str, tuple[str, ...], tuple[str, ...]]:
    """Describe an object that cannot cross: the fields of `proxy.About`."""
    kind = type(value)
    kind_name = str(type.__getattribute__(kind, "__name__"))
    special = operators.defined(kind)
    lineage = lineage_of(value if isinstance(value, type) else kind)
    what, name = "object", ""
    if isinstance(value, np.ndarray):
        if kind is np.ndarray:
            kind_name = f"ndarray of {value.dtype}"
        else:
            kind_name = f"{kind_name} (a subclass of numpy.ndarray)"
        what, special = "array", ()
    elif kind is types.ModuleType:
        what, special = "module", ()
    elif isinstance(value, type):
        what = "class"
    elif isinstance(value, types.FunctionType | types.MethodType | types.BuiltinFunctionType):
        what = "function"
        if _is_a_librarys(value):
            kind_name = operators.LIBRARY_FUNCTION
    if what in ("function", "class", "module"):
        name = str(getattr(value, "__name__", ""))
        special = tuple(s for s in special if s in operators.ACCESS)
    return what, kind_name[:200], name[:200], special, lineage


def _is_a_librarys(function: Any) -> bool:
    """Return whether a function is defined in a module other than the notebook."""
    module, name = getattr(function, "__module__", ""), getattr(function, "__name__", "")
    if not isinstance(module, str) or module == "__main__" or module not in sys.modules:
        return False
    return isinstance(name, str) and vars(sys.modules[module]).get(name) is function


def lineage_of(kind: type) -> tuple[str, ...]:
    """Return "MODULE:NAME" of a class and its bases, in the order of the MRO; at most 20."""
    found = []
    for base in kind.__mro__[:20]:
        module = type.__getattribute__(base, "__module__")
        name = str(type.__getattribute__(base, "__qualname__"))
        found.append(f"{module if isinstance(module, str) else '?'}:{name}"[:200])
    return tuple(found)


def signature(value: Any) -> str:
    """Return a callable's signature as text, or "" if it has none."""
    try:
        return str(inspect.signature(value))
    except (TypeError, ValueError):
        return ""


def inspected(target: Any, name: str) -> Any:
    """Return the result of a function of `inspect`, one of `operators.INSPECTED`."""
    if name not in operators.INSPECTED:
        raise AttributeError(name)
    found = getattr(inspect, name)(target)
    return found if isinstance(found, str | bool | tuple | None) else str(found)


def test_error(name: str, message: str) -> Any:
    """Make the exception that stands for a test's in the student's code."""
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = type(name, (Exception,), {})
    try:
        return kind(message)
    except TypeError:
        return RuntimeError(message)


def describe_error(error: BaseException) -> tuple:
    """Describe an exception for the judge.

    Returns:
        The type's name, the names of its bases, the message, the cell, the line and its text, the
        number of the judge's own exception if it came from there, its arguments (None if not all
        are plain), and its plain attributes.
    """
    bases = tuple(one.removeprefix("builtins:") for one in lineage_of(type(error)))
    cell, line, code = "", 0, ""
    trace = error.__traceback__
    while trace:
        file = trace.tb_frame.f_code.co_filename
        if in_cell(file):
            cell, line = file.removeprefix("cell "), trace.tb_lineno
            code = linecache.getline(file, trace.tb_lineno).strip()
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and type(error.lineno) is int:
        line = error.lineno if error.lineno in range(1 << 31) else line
    number = getattr(error, "test_error", 0)
    number = number if type(number) is int else 0
    where = cell[:200], line, code[:200]
    return type_name(error), bases, text_of(error), *where, number, *_parts(error)


def _parts(error: BaseException) -> tuple[tuple | None, tuple[tuple[str, Any], ...]]:
    """Return an exception's arguments (None unless all are plain) and its plain attributes."""
    try:
        args = error.args
        kept = {name: getattr(error, name) for name in _KEPT_BY_PYTHON if hasattr(error, name)}
        plain = [pair for pair in (kept | vars(error)).items() if _is_plain(pair[1])]
        is_plain = type(args) is tuple and len(args) <= MAX_ATTRIBUTES and all(map(_is_plain, args))
        return args if is_plain else None, tuple(plain[:MAX_ATTRIBUTES])
    except Exception:  # its properties are the student's
        return None, ()


def _is_plain(value: Any) -> bool:
    if type(value) is int:
        return value.bit_length() <= 1000
    return type(value) in _PLAIN and (type(value) not in (str, bytes) or len(value) <= 2000)
