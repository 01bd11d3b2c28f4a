"""Proxies: what a test cell holds in place of what the student's cells define.

A test cell says `softmax(x)`; there `softmax` is a proxy. Calling it sends the arguments over and
brings plain values back. Whatever is not plain comes back as another proxy, whose type has the name
of the student's class.

A proxy hands on what a test asks of it by name: calls, attributes, items, iteration, length. It
never hands on what would let it speak for itself. Libraries cannot ask it for a method (`np.sum(p)`
would otherwise call the `sum` of an object that claims to be right), and it has no `__array__`. An
operator or a comparison is handed on if it shows the student's code nothing that a test expects:
between two of the student's objects (their process could just as well give two plain values), and
between a plain value and an object that the test has just made itself, by calling a class that the
course's own solution defines (`V(2) * 3`, `3 in V(4)`), and that the student's code has not handed
over since, as if it were a result. Else the object has no such operator, equals nothing but itself,
and a person looks at a test that fails.

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
import inspect
import re
import sys
import typing
from typing import Any, NamedTuple

from utils.grading.remote import operators
from utils.grading.remote.codec.format import TYPES
from utils.grading.remote.judge_classes import (
    claimed_base,
    claimed_class,
    class_named,
    library_class,
    may_be_honest,
)
from utils.grading.remote.judge_limits import JudgeLimit, name_of, refuse, short
from utils.grading.remote.student_errors import error_like

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

# What a library would ask for in order to take a proxy for an array.
_ARRAY = ("__array", "__cuda_array", "__dlpack")


class About(NamedTuple):
    """What the judge knows of a student's object without asking.

    Attributes:
        what: "object", "array", "module", "class" or "function".
        type_name: of its type.
        name: its own, "" for none.
        special: the special methods of its type.
        lineage: "MODULE:NAME" of its class and of the bases of that; of a class, its own.
    """

    what: str
    type_name: str
    name: str
    special: tuple[str, ...]
    lineage: tuple[str, ...]


class StudentProxy:
    """The proxy of an object that lives in the student process."""

    __slots__ = (
        "__weakref__", "_proxy_about", "_proxy_link", "_proxy_made", "_proxy_mentions",
        "_proxy_number", "_proxy_origin",
    )  # fmt: skip
    __array_ufunc__ = None  # NumPy asks its elements nothing: the proxy's own operators do

    def __init__(self, link: Any, number: int, about: About) -> None:
        for slot, value in (
            ("link", link), ("number", number), ("about", about), ("origin", ""), ("made", False),
            ("mentions", 0),
        ):  # fmt: skip
            object.__setattr__(self, f"_proxy_{slot}", value)

    def _proxy_bind(self, name: str, *value: Any) -> tuple:
        """Give a name in the student's notebook a value, or none; return what it had, or ()."""
        return ask_student(self, "bind", name, *value)

    def __mro_entries__(self, bases: tuple) -> tuple:
        raise JudgeLimit(f"a class in a test cell cannot derive from {name_of(self)}")

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class that `isinstance` goes by: a library's or the course's that the judge has.

        For a test that reads `x.__class__` it is the student's, which `isinstance` disregards.
        """
        frame = sys._getframe(1)
        asker = str(frame.f_globals.get("__name__"))
        by_name = asker == "__main__" and "__class__" in frame.f_code.co_names
        if by_name and (found := class_in_notebook(self)) is not None:
            return found
        if self._proxy_about.what == "array" and asker.startswith("utils."):
            return type(self)  # `checks` says itself that it is not plain
        return claimed_class(self) or type(self)

    @property
    def __bases__(self) -> tuple[Any, ...]:
        """What `issubclass` goes by: the judge's own classes where it has them.

        A class has no value that a test compares: who says that it is derived from `list` could as
        well derive it. Of what is said of an object no plain class is believed.
        """
        if self._proxy_about.what != "class":
            raise AttributeError("__bases__")
        said = ask_student(self, "getattr", "__bases__")
        if type(said) is not tuple:
            said = ()
        student = self._proxy_link.student
        bases = []
        for base in filter(is_class, said):
            lineage = base._proxy_about.lineage if issubclass(type(base), StudentProxy) else ()
            found = lineage and class_named(lineage[0], student)
            if found or len(lineage) < len(self._proxy_about.lineage):  # else it has no end
                bases.append(found or base)
        return tuple(bases) or (claimed_base(self) or object,)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        text = ask_student(self, "getattr", "__doc__")
        return text if type(text) is str else None

    def __getattr__(self, name: str) -> Any:
        what, _, given, *_ = self._proxy_about
        if name.startswith("__") and name.endswith("__"):
            if name == "__name__" and given:
                return given
            if name.startswith(_ARRAY) or what != "class" and name in operators.ALL:
                raise AttributeError(name)
        asker = sys._getframe(1).f_globals
        if _is_a_library(asker):
            how = f"is not a plain value, so that {asker['__name__']} cannot use it"
            if may_be_honest(self):
                refuse(self, how)
            raise AttributeError(f"{name_of(self)} {how}")
        if what in ("array", "module"):
            if asker.get("__name__") == "__main__":
                refuse(self, f"is not a plain value, and has no `{name[:60]}` here")
            raise error_like(
                TypeError, f"the submission handed over {name_of(self)}, which is not a plain value"
            )
        return ask_student(self, "getattr", name)

    def __setattr__(self, name: str, value: Any) -> None:
        ask_student(self, "setattr", name, value)

    def __delattr__(self, name: str) -> None:
        ask_student(self, "delattr", name)

    def __eq__(self, other: object) -> Any:
        return self is other or _compare(self, "__eq__", other)

    def __ne__(self, other: object) -> Any:
        if self is other and "__ne__" not in self._proxy_about.special:
            return not self == other
        answer = _compare(self, "__ne__", other)
        if answer is NotImplemented and "__eq__" in self._proxy_about.special:
            answer = _compare(self, "__eq__", other)
            return answer if answer is NotImplemented else not answer
        return answer

    def __hash__(self) -> int:
        if "__hash__" in self._proxy_about.special:
            if self._proxy_link.busy:
                refuse(self, "is in a set, or a key of a dict, which does not know its own hash")
                return object.__hash__(self)
            value = ask_student(self, "special", "__hash__", ())
            if type(value) is int:
                return hash(value)
        elif "__eq__" in self._proxy_about.special:  # then its class has none, as any in Python
            raise TypeError(f"unhashable type: {self._proxy_about.type_name!r}")
        return object.__hash__(self)

    def __repr__(self) -> str:
        return name_of(self)

    def __dir__(self) -> list[str]:
        names = ask_student(self, "dir")
        return [name for name in names if type(name) is str] if type(names) is list else []

    def __copy__(self) -> Any:
        return ask_student(self, "copy")

    def __deepcopy__(self, memo: dict) -> Any:
        return ask_student(self, "deepcopy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise JudgeLimit(f"{name_of(self)} cannot be pickled")

    @property
    def __signature__(self) -> inspect.Signature:
        text = (
            ask_student(self, "signature")
            if self._proxy_about.what in ("function", "class")
            else ""
        )
        if type(text) is not str or not text:
            raise AttributeError("__signature__")
        return _signature(text[:2000], self._proxy_link.student.effects.namespace)


def ask_student(proxy: StudentProxy, verb: str, *args: Any) -> Any:
    """Return the student process's answer to a question about a proxy's object."""
    return proxy._proxy_link.student.ask_object(verb, proxy, *args)


def is_class(value: Any) -> bool:
    """Return whether a value is a class, or the proxy of one."""
    if issubclass(type(value), StudentProxy):
        return value._proxy_about.what == "class"
    return issubclass(type(value), type)


def class_in_notebook(proxy: StudentProxy) -> Any:
    """Return an object's class if a cell defines it: the course's own, else a proxy; or None."""
    what, *_, lineage = proxy._proxy_about
    if what != "object" or not lineage or not lineage[0].startswith("__main__:"):
        return None
    course = library_class(lineage[0], proxy._proxy_link.student)
    if course is not None:
        return course
    found = ask_student(proxy, "getattr", "__class__")
    return found if issubclass(type(found), StudentProxy) else None  # never one of the judge's


def may_see(proxy: StudentProxy, other: object) -> bool:
    """Return whether an operator may show a value to the student's code."""
    return proxy._proxy_made or issubclass(type(other), StudentProxy)


def _compare(self: StudentProxy, name: str, other: object) -> Any:
    if name not in self._proxy_about.special or self._proxy_link.busy:
        return NotImplemented
    if not may_see(self, other):
        refuse(
            self,
            f"is compared with {short(other)}, which would show it what the test expects",
            "Let the test compare plain values, such as an attribute of the object",
        )
        return NotImplemented
    return ask_student(self, "special", name, (other,))


def _is_a_library(names: dict[str, Any]) -> bool:
    """Return whether a module with these names is neither Python's own, the course's nor a cell."""
    name, file = names.get("__name__"), names.get("__file__")
    if not isinstance(name, str) or name.partition(".")[0] in ("__main__", "utils"):
        return False
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)


def _signature(text: str, names: dict[str, Any]) -> inspect.Signature:
    """Return a signature from its text; nothing in the text is run.

    Args:
        text: as the student's process wrote it.
        names: of the test; its classes may be annotations.
    """
    try:
        text = re.sub("<[^<>]*>", "...", text)  # such as `<factory>`
        (function,) = ast.parse(f"def f{text}: pass").body
        assert isinstance(function, ast.FunctionDef)
        given, P = function.args, inspect.Parameter
        plain = [*given.posonlyargs, *given.args]
        required: list[Any] = [None] * (len(plain) - len(given.defaults))
        kinds: list[Any] = [P.POSITIONAL_ONLY] * len(given.posonlyargs)
        kinds += [P.POSITIONAL_OR_KEYWORD] * len(given.args)
        named = zip(given.kwonlyargs, given.kw_defaults, strict=True)
        rows = [
            *zip(plain, kinds, required + given.defaults, strict=True),
            (given.vararg, P.VAR_POSITIONAL, None),
            *((one, P.KEYWORD_ONLY, default) for one, default in named),
            (given.kwarg, P.VAR_KEYWORD, None),
        ]
        found = [
            P(
                one.arg,
                kind,
                default=_literal(default),
                annotation=_annotation(one.annotation, names),
            )
            for one, kind, default in rows
            if one
        ]
        return inspect.Signature(found, return_annotation=_annotation(function.returns, names))
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError, AssertionError):
        raise AttributeError("__signature__") from None  # a default value's repr need not be Python


def _literal(node: ast.expr | None) -> Any:
    if node is None:
        return inspect.Parameter.empty
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return Ellipsis


_OF_TYPING = ("Optional", "Union", "Callable", "List", "Dict", "Tuple", "Set", "Iterable",
              "Iterator", "Generator", "Sequence")  # fmt: skip


def _annotation(node: ast.expr | None, names: dict[str, Any]) -> Any:
    """Return what an annotation means, or its text."""
    if node is None:
        return inspect.Parameter.empty
    text = ast.unparse(node)
    try:
        match node:
            case ast.Constant(None | str()):
                return node.value
            case ast.BinOp(left, ast.BitOr(), right):
                return _annotation(left, names) | _annotation(right, names)
            case ast.Subscript(of, index):
                name = ast.unparse(of).removeprefix("typing.")
                kind: Any = getattr(typing, name) if name in _OF_TYPING else TYPES[name]
                return kind[_annotation(index, names)]
            case ast.Tuple(parts):
                return tuple(_annotation(part, names) for part in parts)
            case ast.List(parts):
                return [_annotation(part, names) for part in parts]
    except (KeyError, TypeError):
        return text
    found = TYPES.get(text) or names.get(text.removeprefix("__main__."))
    return found if is_class(found) else text


def judge_limit_behind(error: BaseException) -> str:
    """Return why it may be the judge's doing that a test ended in this error; "" if it is not.

    Either a proxy says so; or code that is not the test's own was given one; or Python names the
    type of one as that of a value which it cannot use.
    """
    if isinstance(error, JudgeLimit):
        return str(error)
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return ""
    code, names = trace.tb_frame.f_code, trace.tb_frame.f_globals | trace.tb_frame.f_locals
    module, text = str(names.get("__name__")), str(error)[:10_000]
    used = (names[name] for name in (*code.co_varnames, *code.co_names) if name in names)
    given = [value for value in used if issubclass(type(value), StudentProxy)]
    given = [proxy for proxy in given if proxy._proxy_about.what != "function"]
    needs_own = module != "__main__" and not module.startswith("utils.checks")
    if given and (needs_own or any(words in text for words in _MUST_BE)):
        return f"`{code.co_name}` of `{module}` cannot use {name_of(given[0])}"
    if isinstance(error, TypeError):
        for kind in {kind.__name__ for kind in StudentProxy.__subclasses__()} - _FUNCTIONS:
            if f"'{kind}'" in text or f'"{kind}"' in text:
                return f"a {kind} of the submission stays there: no test can use it as a value"
    return ""


# In Python's message on a value that is not of the type, or not the class, that it needs.
_MUST_BE = ("must be a", "must refer to a class")
_FUNCTIONS = {"function", "method", "builtin_function_or_method", "type"}
