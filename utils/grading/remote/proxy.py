"""Proxies: what a test cell holds in place of the objects that the student's cells define.

In a test cell, `softmax(x)` calls a proxy. The call sends the arguments to the student process and
brings plain values back. Whatever is not plain comes back as another proxy, whose type has the name
of the student's class.

A proxy forwards what a test asks of it by name: calls, attributes, items, iteration, length. It
never lets a student's object judge itself. Libraries cannot ask it for a method (`np.sum(p)`
would otherwise call the `sum` of an object that claims to be right), and it has no `__array__`. An
operator or a comparison is forwarded only if it shows the student's code nothing that a test
expects. This is so in two cases: between two of the student's objects (the student process could
just as well return two plain values), and between a plain value and an object that the test has
just made by calling a class that the course's own solution defines (`V(2) * 3`, `3 in V(4)`),
unless the student's code has since returned that object as a result. Otherwise the object has no
such operator and equals only itself, and a person looks at the test if it fails.

What this does not protect against:

- A test that asks a student's object about itself (`result.is_right()`) believes the answer. Tests
  should compare plain values; `checks` insists on them.
- A test that computes the expected value from an array after passing that array to the student's
  code, which may have changed it, as in any notebook. `checks` passes copies. The same holds for a
  random generator that is passed and used again, and for a returned list or array, which a later
  call may change. Objects that the test never passes are out of reach.
- A function that answers differently each time, or notices that it is being tested.
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

# Prefixes of the attributes by which a library would treat a proxy as an array.
_ARRAY = ("__array", "__cuda_array", "__dlpack")


class About(NamedTuple):
    """What the judge knows about a student's object without asking.

    Attributes:
        what: "object", "array", "module", "class" or "function".
        type_name: the name of its type.
        name: its `__name__`, "" for none.
        special: the special methods of its type.
        lineage: "MODULE:NAME" of its class and of that class's bases; of a class, its own.
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
    __array_ufunc__ = None  # NumPy leaves operators to the proxy's own methods

    def __init__(self, link: Any, number: int, about: About) -> None:
        for slot, value in (
            ("link", link), ("number", number), ("about", about), ("origin", ""), ("made", False),
            ("mentions", 0),
        ):  # fmt: skip
            object.__setattr__(self, f"_proxy_{slot}", value)

    def _proxy_bind(self, name: str, *value: Any) -> tuple:
        """Set a name in the student's notebook, or delete it; return (old value,), or ()."""
        return ask_student(self, "bind", name, *value)

    def __mro_entries__(self, bases: tuple) -> tuple:
        raise JudgeLimit(f"a class in a test cell cannot derive from {name_of(self)}")

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class that `isinstance` uses: a library's or the course's, if the judge has it.

        A test that reads `x.__class__` gets the student's class, which `isinstance` ignores.
        """
        frame = sys._getframe(1)
        asker = str(frame.f_globals.get("__name__"))
        by_name = asker == "__main__" and "__class__" in frame.f_code.co_names
        if by_name and (found := class_in_notebook(self)) is not None:
            return found
        if self._proxy_about.what == "array" and asker.startswith("utils."):
            return type(self)  # `checks` reports that it is not plain
        return claimed_class(self) or type(self)

    @property
    def __bases__(self) -> tuple[Any, ...]:
        """What `issubclass` uses: the judge's own classes where it has them.

        The student process may name any bases: a class has no value that a test compares, and one
        that claims to derive from `list` might as well do so. An *object*'s claim to be an
        instance of a plain class is not believed.
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
            if found or len(lineage) < len(self._proxy_about.lineage):  # else it would not end
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
        elif "__eq__" in self._proxy_about.special:  # as in Python: `__eq__` without `__hash__`
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
    """Ask the student process about a proxy's object, and return its answer."""
    return proxy._proxy_link.student.ask_object(verb, proxy, *args)


def is_class(value: Any) -> bool:
    """Return whether a value is a class, or the proxy of one."""
    if issubclass(type(value), StudentProxy):
        return value._proxy_about.what == "class"
    return issubclass(type(value), type)


def class_in_notebook(proxy: StudentProxy) -> Any:
    """Return an object's class (the course's own, or a proxy) if a cell defines it, else None."""
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
    """Return whether these globals belong to a module outside Python, the course and the cells."""
    name, file = names.get("__name__"), names.get("__file__")
    if not isinstance(name, str) or name.partition(".")[0] in ("__main__", "utils"):
        return False
    return isinstance(file, str) and ("site-packages" in file or "dist-packages" in file)


def _signature(text: str, names: dict[str, Any]) -> inspect.Signature:
    """Parse a signature without running anything in its text.

    Args:
        text: as the student process wrote it.
        names: the test's globals; its classes may be annotations.
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
    """Return the object that an annotation names, or its text."""
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
    """Return why the judge, not the student, may have caused a test's error; "" if it did not.

    It may have if a proxy raised the error, if a library was given a proxy, or if Python's message
    says that it cannot use a value of a proxy's type.
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


# Parts of Python's messages about a value of the wrong type or class.
_MUST_BE = ("must be a", "must refer to a class")
_FUNCTIONS = {"function", "method", "builtin_function_or_method", "type"}
