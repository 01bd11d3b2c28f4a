"""Random generators: a name, and the numbers of the state in NumPy's order."""

from __future__ import annotations

import builtins
import math
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from utils.grading.remote.codec.format import CodecError

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

_PCG64 = [2**128 - 1] * 2 + [1, 2**32 - 1]
_MT19937 = [2**32 - 1] * 624 + [624]
# The largest value of each number of a state. NORMAL marks a cached normal number, still to be
# drawn.
NORMAL = -1
HIGHEST: dict[str, list[int]] = {
    "PCG64": _PCG64,
    "PCG64DXSM": _PCG64,
    "SFC64": [2**64 - 1] * 4 + [1, 2**32 - 1],
    "Philox": [2**64 - 1] * 10 + [4, 1, 2**32 - 1],
    "MT19937": _MT19937,
    "RandomState": [*_MT19937, 1, NORMAL],
    "Random": [*_MT19937, NORMAL],
}


def generator_name(value: Any) -> str:
    """Return the name under which a random generator crosses, or "" if it does not."""
    kind = type(value)
    if kind is np.random.Generator:
        name = type(value.bit_generator).__name__
        return name if type(value.bit_generator) is getattr(np.random, name, None) else ""
    if kind is np.random.RandomState:
        return "RandomState" if _state(value)["bit_generator"] == "MT19937" else ""
    return "Random" if kind is random.Random else ""


def new_generator(name: Any, numbers: list) -> Any:
    """Make a random generator of this name, which may be any value, for `set_state`.

    Its seed is derived from its state's numbers: generators with equal states spawn equal children.
    """
    if name not in HIGHEST:
        raise CodecError("an unknown random generator")
    if name == "Random":
        return random.Random()
    if name == "RandomState":
        return np.random.RandomState()
    seed = np.random.SeedSequence([number for number in numbers if type(number) is int])
    return np.random.Generator(getattr(np.random, name)(seed))


def generator_state(generator: Any) -> list:
    """Return a random generator's name, followed by the numbers of its state."""
    name = generator_name(generator)
    if name == "Random":
        _, numbers, normal = generator.getstate()
        return [name, *numbers, normal]
    return [name, *_numbers(_state(generator))]


def check_state(generator: Any, numbers: list) -> None:
    """Raise CodecError for numbers that are not a valid state of this generator."""
    name = generator_name(generator)
    for number, most in zip(numbers, HIGHEST[name], strict=True):
        if most == NORMAL:
            good = type(number) is float and math.isfinite(number)
            good |= number is None and name == "Random"
        else:
            good = type(number) is int and 0 <= number <= most
        if not good:
            raise CodecError("a random generator's state is out of range")


def set_state(generator: Any, numbers: list) -> None:
    """Set a random generator's state to numbers that `check_state` has accepted."""
    kind = type(generator)
    if kind is random.Random:
        *state, normal = numbers
        generator.setstate((3, tuple(state), normal))
    else:
        state = _with_numbers(_state(generator), iter(numbers))
        if kind is np.random.RandomState:
            generator.set_state(state)
        else:
            generator.bit_generator.state = state


def _state(generator: Any) -> Any:
    if type(generator) is np.random.RandomState:
        return generator.get_state(legacy=False)
    return generator.bit_generator.state


def _numbers(state: Any) -> list:
    if isinstance(state, dict):
        return [number for part in state.values() for number in _numbers(part)]
    if isinstance(state, np.ndarray):
        return state.tolist()
    return [] if isinstance(state, str) else [state if type(state) is float else int(state)]


def _with_numbers(state: Any, numbers: Iterator) -> Any:
    if isinstance(state, dict):
        return {name: _with_numbers(part, numbers) for name, part in state.items()}
    if isinstance(state, np.ndarray):
        return np.array([next(numbers) for _ in state], state.dtype)
    return state if isinstance(state, str) else next(numbers)
