"""Numerical derivatives, gradient descent, and how close two gradients are.

Everything here computes in float64: a difference of two nearly equal float32 numbers is mostly
rounding error. No argument is ever modified.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray


def numerical_diff(f: Callable, x: ArrayLike, h: float = 1e-4) -> NDArray[np.float64] | float:
    """Return the slope of `f` at `x` by the central difference.

    (f(x + h) - f(x - h)) / 2h. Its error falls with h^2, that of the forward difference only with
    h; below about h = 1e-5 rounding takes over.

    Args:
        f: a function of one number (or, element by element, of an array).
        x: where; a number, or an array of any shape for as many slopes at once.
        h: half the distance between the two points.

    Returns:
        The slope, of the shape that `f` returns.

    Source: Deep Learning from Scratch, section 4.3.1.
    """
    x = np.asarray(x, dtype=np.float64)[()]
    return (f(x + h) - f(x - h)) / (2 * h)


def numerical_gradient(
    f: Callable[[NDArray], float], x: ArrayLike, h: float = 1e-4
) -> NDArray[np.float64]:
    """Return the gradient of `f` at `x`: one central difference for each element of `x`.

    Args:
        f: a function of an array of the shape of `x` that returns one number. It must use its
            argument, not a variable from outside.
        x: where; numbers of any shape. `f` sees copies, so `x` stays as it is.
        h: half the distance between the two points of a difference.

    Returns:
        float64 partial derivatives, of the shape of `x`.

    Raises:
        ValueError: `f` returns something other than one number, such as an array or None.

    Source: Deep Learning from Scratch, section 4.4.
    """
    x = np.asarray(x, dtype=np.float64)
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        ahead, behind = x.copy(), x.copy()
        ahead[index] += h
        behind[index] -= h
        gradient[index] = (_one_number(f(ahead)) - _one_number(f(behind))) / (2 * h)
    return gradient


def _one_number(value: ArrayLike) -> float:
    """Return `value` as a float, or say that a gradient needs a function with one result."""
    value = np.asarray(value)
    if value.size != 1 or value.dtype.kind not in "fiub":
        raise ValueError(
            f"a gradient needs f to return one number, but f returned {value.dtype} of shape "
            f"{value.shape} (a mean, a sum or the return itself may be missing)"
        )
    return float(value.item())


def gradient_descent(
    f: Callable[[NDArray], float], init_x: ArrayLike, lr: float = 0.01, step_num: int = 100
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Walk downhill from `init_x`: step_num times x <- x - lr * gradient of f at x.

    The gradient points where `f` grows fastest, hence the minus.

    Args:
        f: a function of an array that returns one number.
        init_x: the start, numbers of any shape; it is not modified.
        lr: learning rate, the length of a step relative to the gradient.
        step_num: number of steps, 0 or more.

    Returns:
        `(x, history)`: the last point, float64 of the shape of `init_x`, and all points on the way,
        shape (step_num + 1, *x.shape); history[0] is the start and history[-1] equals x.

    Raises:
        ValueError: `step_num` is negative, or `f` returns something other than one number.

    Source: Deep Learning from Scratch, section 4.4.1.
    """
    if step_num < 0:
        raise ValueError(f"step_num must be 0 or more, but it is {step_num}")
    history = [np.array(init_x, dtype=np.float64)]
    for _ in range(step_num):
        x = history[-1]
        history.append(x - lr * numerical_gradient(f, x))
    return history[-1].copy(), np.stack(history)


def relative_error(a: ArrayLike, b: ArrayLike) -> float:
    """Return how far two gradients are apart, relative to their size: ||a - b|| / (||a|| + ||b||).

    In float64, below 1e-7 two ways of computing a gradient agree; above 1e-2 one of them is wrong.

    Args:
        a: numbers of any shape.
        b: numbers of the same shape.

    Returns:
        A number in 0..1; 0 when both are all zeros. nan when either holds a nan.

    Raises:
        ValueError: the shapes differ.

    Source: Stanford CS231n notes, "Gradient checks" (there element by element).
    """
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if a.shape != b.shape:
        raise ValueError(f"arrays of shape {a.shape} and {b.shape} cannot be compared")
    # hypot, because the squares of a norm underflow for gradients that have all but vanished
    size = math.hypot(*a.ravel()) + math.hypot(*b.ravel())
    return math.hypot(*(a - b).ravel()) / size if size != 0 else 0.0
