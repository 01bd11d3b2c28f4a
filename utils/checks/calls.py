"""Call the student's code on copies of its arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from utils.checks.context import CheckContext


def call(f: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call f on copies of its arguments, so that the caller's arrays stay as they are."""
    if CheckContext.running:
        CheckContext.running.called = f
    return f(*copied(args), **copied(kwargs))


@contextlib.contextmanager
def replaced(f: Callable, name: str, known: dict[Callable, Callable]) -> Iterator[None]:
    """In this context, let the student's f call a correct function in place of one of its own.

    So a mistake in an earlier task costs nothing in a later one. Afterwards the student's own
    function is restored, and the correct one raises RuntimeError.

    Args:
        f: the student's function under test.
        name: the name of the function that f calls, such as "numerical_gradient".
        known: the correct results: maps the first argument, one of the test's own functions, to a
            function of the second. For any other first argument the student's own is called.
    """
    lasts = True

    def right(*args: Any, **named: Any) -> Any:
        if not lasts:
            raise RuntimeError(f"this `{name}` was handed over for one check, which has ended")
        first, second = [*args, *named.values(), None, None][:2]
        if callable(first) and first in known:
            return known[first](np.array(second, dtype=float))
        return before[0](*args, **named)

    bind = getattr(type(f), "_proxy_bind", None)  # a proxy in the judge has it
    if bind is None:
        names = getattr(f, "__globals__", None) or (
            CheckContext.running.names if CheckContext.running else {}
        )

        def bind(f: Callable, name: str, *value: Any) -> tuple:
            had = (names.pop(name),) if name in names else ()
            names.update(zip([name], value, strict=False))
            return had

    before = bind(f, name, right)
    try:
        yield
    finally:
        lasts = False
        with contextlib.suppress(Exception):  # the student process may have ended
            bind(f, name, *before)


def copied(value: Any) -> Any:
    """Copy arrays, and tuples, lists and dicts that contain them; return other values unchanged.

    A copy has the memory layout of its original: transposed, or every second element of a longer
    array.
    """
    if type(value) is np.ndarray:
        return _copied_array(value)
    if type(value) in (tuple, list):
        return type(value)(copied(item) for item in value)
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value


def _copied_array(array: np.ndarray) -> np.ndarray:
    if array.flags.forc or array.ndim == 0:
        return array.copy(order="K")
    wide = np.empty((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[...] = 0
    view = wide[..., ::2]
    view[...] = array
    return view


def as_tuple(args: Any) -> tuple:
    return args if type(args) is tuple else (args,)
