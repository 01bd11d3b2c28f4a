"""Checks of a value that the student's code has returned."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from utils.checks.context import CheckContext, a_kind, hides, looks_at, subject_of
from utils.checks.failures import PropertyError

_NUMBERS = {bool, int, float, *np.sctypeDict.values()}

# A student's code may return values made to keep the judge busy.
MAX_LISTED = 1_000_000  # numbers and lists in a list that is read as an array


def expect(
    condition: object,
    what: str,
    detail: str | Callable[[], str] = "",
    kind: str = "values",
    part: str = "",
    blocks: bool = False,
) -> None:
    """Raise `PropertyError` unless the condition holds; see there for the other arguments.

    A detail that is slow to format, such as an array's numbers, may be a function that returns it.
    """
    if not condition:
        raise PropertyError(what, detail() if callable(detail) else detail, kind, part, blocks)


def plain(value: Any, part: str = "") -> np.ndarray:
    """Return a result as an array if it is a plain array of numbers or a plain number.

    A list or tuple of numbers is read as an array, too: that costs one check of the task.

    Args:
        value: the student's result.
        part: its name, such as "dW".

    Raises:
        PropertyError: it is anything else: None, text, a subclass of ndarray, objects.
    """
    kind = type(value)
    is_array = kind is np.ndarray or kind in _NUMBERS
    if is_array and (array := np.asarray(value)).dtype.kind in "biuf":
        return array
    subject, verb = subject_of(part=part), "is" if part else "returned"
    if value is None:
        raise PropertyError(f"{subject} {verb} nothing (None)", "", "none", part, blocks=True)
    if kind in (list, tuple):
        return _from_container(value, f"{subject} {verb} a {kind.__name__}, not an array", part)
    if not is_array:
        verb = "is not" if part else "did not return"
        what = f"{subject} {verb} a plain array or number"
        raise PropertyError(what, f"it is a {kind.__name__}", "type", part, blocks=True)
    what = f"{subject} {verb} an array that does not hold plain numbers"
    raise PropertyError(what, f"its dtype is {array.dtype.name}", "type", part, blocks=True)


def _from_container(value: list | tuple, what: str, part: str) -> np.ndarray:
    """Return a list of numbers as an array, and record that it was a list."""
    if _holds_numbers(value, [MAX_LISTED]):
        try:
            array = np.asarray(value)
        except (ValueError, OverflowError):
            array = None
        if array is not None and array.dtype.kind in "biuf":
            if CheckContext.running:
                CheckContext.running.containers.append(what)
            return array
    detail = f"it has {len(value)} elements" if value else "it is empty"
    raise PropertyError(what, detail, "type", part, blocks=True)


def _holds_numbers(value: Any, left: list[int]) -> bool:
    """Return whether a list contains only numbers, at most as many as are `left`.

    It may contain one list or array many times, so these count, too, even if they are empty.
    """
    left[0] -= 1
    if type(value) in (list, tuple):
        return bool(value) and left[0] >= 0 and all(_holds_numbers(item, left) for item in value)
    if type(value) is np.ndarray:
        left[0] -= value.size
        return left[0] >= 0 and value.dtype.kind in "biuf"
    return left[0] >= 0 and type(value) in _NUMBERS and not isinstance(value, np.flexible)


def in_shape(got: Any, shape: tuple[int, ...], part: str = "") -> np.ndarray:
    """Return a result as an array of this shape."""
    array = plain(got, part)
    if (array.ndim == 0) != (shape == ()):
        things = "an array", "one number"
        thing, asked = things if array.ndim else reversed(things)
        if type(got) in (list, tuple):
            thing = f"a {type(got).__name__}"
        what = f"{subject_of(part=part)} {'is' if part else 'returned'} {thing}, not {asked}"
        raise PropertyError(what, f"its shape is {array.shape}", "type", part, blocks=True)
    if array.shape != shape:
        detail = f"got {array.shape}, expected {shape}"
        if type(got) in (list, tuple):
            detail = f"got a {type(got).__name__}, as an array {array.shape}; expected {shape}"
        raise PropertyError(_of_part("wrong shape", part), detail, "shape", part)
    return array


def _of_part(what: str, part: str) -> str:
    return f"{subject_of(part=part)}: {what}" if part else what


def equal(got: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-8, part: str = "") -> None:
    """Check that a result is plain, with the expected shape and values; nan equals nothing.

    Compute the expected values before the student's code is called, from separate arrays.

    Args:
        got: the student's result.
        expected: a number, or array-like.
        rtol, atol: |got - expected| may be at most atol + rtol |expected|. By default float32
            passes and rounding to five digits fails.
        part: name of the value, such as "dW", for the message and the choice of the hint.
    """
    looks_at("values")
    expected = np.asarray(expected)
    got = in_shape(got, expected.shape, part)
    near = np.isclose(got, expected, rtol=rtol, atol=atol)
    if near.all():
        return
    for kind, found in (("nan", np.isnan(got)), ("inf", np.isinf(got) & ~np.isinf(expected))):
        if found.any():
            what = f"the result contains {kind}"
            raise PropertyError(_of_part(what, part), f"got {show(got)}", kind, part)
    what = _of_part("wrong values", part)
    raise PropertyError(what, _difference(got, expected, near), "values", part)


def equal_by_name(got: Any, expected: dict[str, Any], atol: float = 1e-8) -> None:
    """Check the arrays in a dict by name, such as gradients; additional names are allowed.

    The failure's part consists of the wrong names, such as "W1" or "W1_b1".
    """
    looks_at("values")
    subject, kind = subject_of(), type(got)
    if got is None:
        raise PropertyError(f"{subject} returned nothing (None)", "", "none", blocks=True)
    if kind in (list, tuple, str) or kind is np.ndarray or kind in _NUMBERS:
        what = f"{subject} returned {a_kind(kind)}, not a dict"
        raise PropertyError(what, "", "type", blocks=True)
    missing = [name for name in expected if name not in got]
    if missing:
        listed = ", ".join(f'"{name}"' for name in missing)
        raise PropertyError(
            "a name is missing in the dict", f"there is no {listed}", "missing", missing[0]
        )
    failures: dict[str, PropertyError] = {}
    for name, value in expected.items():
        try:
            equal(got[name], value, atol=atol, part=name)
        except PropertyError as error:
            failures[name] = error
    if not failures:
        return
    not_swapped({name: got[name] for name in failures}, expected)
    first = next(iter(failures.values()))
    right = [f"`{name}`" for name in expected if name not in failures]
    part = "_".join(failures)
    if not right:
        raise PropertyError("all arrays are wrong", str(first), first.kind, part)
    wrong = [f"`{name}`" for name in failures]
    are = "is" if len(right) == 1 else "are"
    detail = f"{_listed(right)} {are} right, {_listed(wrong)} not; {first}"
    raise PropertyError("some arrays are wrong", detail, first.kind, part)


def not_swapped(got: dict[str, Any], expected: dict[str, Any]) -> None:
    """Check that no two arrays have each other's names, before the values are looked at."""
    for name, other in itertools.combinations(got, 2):
        if _agree(got[name], expected[other]) and _agree(got[other], expected[name]):
            detail = f"`{name}` holds what belongs in `{other}`, and the reverse"
            raise PropertyError("two arrays are swapped", detail, "swapped")


def _agree(value: Any, wanted: Any) -> bool:
    """Return whether a value is an array of numbers with another's shape and values."""
    is_array = type(value) is np.ndarray and value.dtype.kind in "iuf"
    return is_array and value.shape == np.shape(wanted) and np.allclose(value, wanted)


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def pair(got: Any, *names: str) -> tuple:
    """Return the values that a function returns together, such as `x, history`.

    A named tuple is such a pair, too, as is another sequence that `x, history = ...` takes. A
    generator is not: its body would only run here, after what the check does around the call.

    Raises:
        PropertyError: it is one value, or not as many values as `names`.
    """
    subject, kind = subject_of(), type(got)
    asked = f"`({', '.join(names)})`"
    if got is None:
        raise PropertyError(f"{subject} returned nothing (None)", "", "none", blocks=True)
    values = _unpacked(got, len(names))
    if values is None:
        known = kind.__module__ in ("builtins", "numpy") and not hides()
        thing = "one array" if kind is np.ndarray else f"one {kind.__name__}"
        thing = thing if known else "one value"
        raise PropertyError(f"{subject} returned {thing}, not {asked}", "", "pair", blocks=True)
    if len(values) != len(names):
        what = f"{subject} returned the wrong number of values for {asked}"
        more = values is not got and len(values) > len(names)  # not all of them were counted
        count = f"more than {len(names)}" if more else f"{len(values)}, not {len(names)}"
        raise PropertyError(what, count, "pair", blocks=True)
    return tuple(values)


def _unpacked(got: Any, count: int) -> tuple | list | None:
    """Return the values that an object gives one after another, None if it is one value.

    Of an object of the student's, which may have no end, one more than `count` is enough.
    """
    kind = type(got)
    if kind in (tuple, list):
        return got
    if kind in (str, bytes, set, frozenset, np.ndarray) or kind in _NUMBERS:
        return None
    if hasattr(kind, "__next__") or hasattr(kind, "keys"):
        return None
    try:
        return list(itertools.islice(got, count + 1))
    except TypeError:
        return None


def arrays(got: Any, name: str) -> list[np.ndarray]:
    """Return the arrays in a list, or the rows of an array, each of which must be plain.

    Args:
        got: the student's list.
        name: its name in the text of the task.
    """
    kind = type(got)
    if got is None or kind is str or kind is dict or kind in _NUMBERS:
        thing = "nothing (None)" if got is None else a_kind(kind)
        raise PropertyError(f"`{name}` is {thing}, not a list of arrays", "", "type", blocks=True)
    try:
        items = iter(got)
    except TypeError:
        thing = f"`{name}` cannot be iterated over by a `for` loop"
        raise PropertyError(thing, "", "type", blocks=True) from None
    found = []
    for item in items:
        if type(item) in (list, tuple):
            what = f"an element of `{name}` is a {type(item).__name__}, not an array"
            found.append(_from_container(item, what, name))
        else:
            found.append(plain(item, part=name))
    return found


def _difference(got: np.ndarray, expected: np.ndarray, near: np.ndarray) -> str:
    if got.size <= 12:
        return f"got {show(got)}, expected {show(expected)}"
    at = tuple(int(i) for i in np.argwhere(~near)[0])
    values = f"got {got[at]}, expected {expected[at]}"
    return f"{(~near).sum()} of {near.size} numbers, the first at index {list(at)}: {values}"


def show(array: np.ndarray) -> str:
    if array.ndim == 0:
        return f"{array[()]:.6g}"
    if array.ndim > 2 and array.size > 12:  # the ends of every axis would be shown: 2 ** ndim, say
        return f"{show(array.ravel())} in shape {array.shape}"
    text = np.array2string(array, precision=6, threshold=12, edgeitems=2, separator=", ")
    return " ".join(text.split())
