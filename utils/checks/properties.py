"""Checks of a function's properties: f first, then its arguments, a tuple for several.

`gives` and `gradient` compare values; all others look at side properties.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from utils.checks.calls import as_tuple, call, copied
from utils.checks.context import CheckContext, looks_at, only_side
from utils.checks.values import equal, expect, in_shape, plain, show


def gives(
    f: Callable, args: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-8, part: str = ""
) -> None:
    """Check f(args) against expected values: a number for a scalar, array-like for an array.

    `expected` may be a function of the same arguments: it is called before f, on separate copies.
    """
    looks_at("values")
    if callable(expected):
        expected = expected(*copied(as_tuple(args)))
    equal(call(f, *as_tuple(args)), np.array(expected), rtol, atol, part)


def gives_floats(f: Callable, args: Any, shape: tuple[int, ...]) -> None:
    """Check that f returns a plain array of floats of this shape."""
    looks_at("side")
    if CheckContext.running:
        CheckContext.running.is_about_arrays = True
    array = in_shape(call(f, *as_tuple(args)), shape)
    what = "the result does not hold floats"
    expect(array.dtype.kind == "f", what, f"got {array.dtype.name}", "dtype")


def finite(f: Callable, args: Any) -> None:
    """Check that the result contains neither nan nor inf."""
    looks_at("side")
    array = plain(call(f, *as_tuple(args)))
    for kind, found in (("nan", np.isnan(array)), ("inf", np.isinf(array))):
        what = f"the result contains {kind}"
        expect(not found.any(), what, lambda: f"got {show(array)}", kind)


def sums_to_one(f: Callable, args: Any) -> None:
    """Check that the result sums to 1 along the last axis, within 1e-5."""
    looks_at("side")
    got = call(f, *as_tuple(args))
    array = plain(got)
    if array.ndim == 0:
        in_shape(got, (2,))
    sums = array.sum(axis=-1, dtype=np.float64)
    near = np.isclose(sums, 1, rtol=0, atol=1e-5)
    expect(near.all(), "a sum is not 1", lambda: f"the sums are {show(sums)}")


def keeps_order(f: Callable, a: np.ndarray) -> None:
    """Check that f(a) has a's shape and ranks the numbers along the last axis as a does."""
    looks_at("side")
    array = in_shape(call(f, a), a.shape)
    same = np.array_equal(np.argsort(array, axis=-1), np.argsort(a, axis=-1))
    expect(same, "the order has changed", lambda: f"{show(a)} became {show(array)}")


def agrees(f: Callable, args: Any, other: Any, rtol: float = 1e-5) -> None:
    """Check that f gives equal results for two sets of arguments, such as shifted scores."""
    looks_at("side")
    expected = plain(call(f, *as_tuple(other))).copy()
    with only_side():
        equal(call(f, *as_tuple(args)), expected, rtol)


def row_by_row(f: Callable, batch: np.ndarray) -> None:
    """Check that every row of f(batch) equals f of that row alone."""
    looks_at("side")
    whole = plain(call(f, batch)).copy()
    same = whole.shape[:1] == batch.shape[:1]
    expect(same, "wrong shape", f"got {whole.shape}", "shape")
    with only_side():
        for got, row in zip(whole, batch, strict=True):
            equal(got, plain(call(f, row)))


def repeats(f: Callable, args: Any, between: Any) -> None:
    """Check that a call on other data changes neither an earlier result nor a repeated one."""
    looks_at("side")
    first = plain(call(f, *as_tuple(args)))
    kept = copied(first)
    call(f, *as_tuple(between))
    what = "an earlier result has changed"
    expect(same_bits(first, kept), what, kind="shared")
    again = plain(call(f, *as_tuple(args)))
    same = again.shape == kept.shape and np.isclose(again, kept).all()
    expect(same, "a second call with the same arguments gave a different result", kind="shared")


def leaves_alone(f: Callable, args: Any) -> None:
    """Check that f changes none of its arguments by a single bit."""
    looks_at("side")
    kept, given = copied(as_tuple(args)), copied(as_tuple(args))
    if CheckContext.running:
        CheckContext.running.called = f
    f(*given)
    changed = [i for i, (new, old) in enumerate(zip(given, kept, strict=True), 1)
               if not same_bits(new, old)]  # fmt: skip
    which = f"argument {changed[0]}" if changed and len(kept) > 1 else ""
    expect(not changed, "an argument was changed", which, "changed")


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two values are equal in types, shapes and every bit of their arrays."""
    if type(a) is not type(b):
        return False
    if type(a) is np.ndarray:
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) in (tuple, list):
        return len(a) == len(b) and all(map(same_bits, a, b))
    if type(a) is dict:
        return list(a) == list(b) and all(same_bits(a[key], b[key]) for key in a)
    return a is b or type(a) in (bool, int, float, str) and a == b


def gradient(f: Callable, x: np.ndarray, slope: Any) -> None:
    """Check a gradient against central differences in float64.

    ||slope - numerical|| / (||slope|| + ||numerical||) must be below 1e-5; 1e-7 is typical of a
    correct gradient, 1e-2 of a wrong one.

    Args:
        f: a function of a float64 array of x's shape that returns one number.
        x: the point at which the gradient is taken; it is not changed.
        slope: the gradient under test, of x's shape.
    """
    looks_at("values")
    got = in_shape(slope, x.shape).copy()  # a later call may change an earlier result
    expect(np.isfinite(got).all(), "the gradient contains nan or inf", kind="nan")
    flat, step, off, size = x.astype(np.float64).ravel(), 1e-5, 0.0, 0.0
    for i in range(flat.size):
        ends = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[i] += sign * step
            value = plain(f(moved.reshape(x.shape)))
            what = "the loss is not one number"
            expect(value.ndim == 0, what, f"its shape is {value.shape}", "shape")
            ends.append(float(value))
        numerical = (ends[0] - ends[1]) / (2 * step)
        off += (float(got.flat[i]) - numerical) ** 2
        size += numerical**2
    error = off**0.5 / max(size**0.5 + float(np.linalg.norm(got.astype(np.float64))), 1e-12)
    expect(
        error < 1e-5,
        "the gradient differs from central differences",
        f"relative error {error:.1e}",
    )
