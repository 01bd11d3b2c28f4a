"""The two global random generators, NumPy's and Python's, kept in step in both processes.

A test that calls `np.random.seed(0)` also means to seed the student's function. So the judge sends
the state to the student process, which answers only how many 32-bit words were drawn there, and the
judge draws as many itself: a submission cannot choose a state, from which a test might draw nothing
but zeros.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

NUMPY, PYTHON = KINDS = (0, 1)
MAX_WORDS = 5_000_000  # drawn between two states; more are not counted
_BLOCK = 624  # words in a state

State = tuple[bytes, int, float | None]  # key, position, and a cached normal number

_get: Any = np.random.get_state  # `Any`: the stubs allow a dict
_set, _bytes = np.random.set_state, np.random.bytes
_python_get, _python_set = random.getstate, random.setstate
_bits = random.getrandbits


def get_state(kind: int) -> State:
    """Return the state of one of the generators."""
    if kind == NUMPY:
        key: Any
        _, key, place, waits, waiting = _get()
        return key.tobytes(), int(place), float(waiting) if waits else None
    _, numbers, waiting = _python_get()
    *words, place = numbers
    return np.array(words, np.uint32).tobytes(), place, waiting


def set_state(kind: int, state: State) -> None:
    """Set the state of one of the generators."""
    text, place, waiting = state
    key = np.frombuffer(text, np.uint32)
    if kind == NUMPY:
        _set(("MT19937", key, place, int(waiting is not None), waiting or 0.0))
    else:
        _python_set((3, (*key.tolist(), place), waiting))


def words_between(kind: int, before: State) -> int:
    """Return how many words were drawn since a state, or -1 if that is unknown."""
    now = get_state(kind)
    if now == before:
        return 0
    other: Any = np.random.RandomState() if kind == NUMPY else random.Random()
    key, place, _ = before
    start = np.frombuffer(key, np.uint32)
    if kind == NUMPY:
        other.set_state(("MT19937", start, place, 0, 0.0))
    else:
        other.setstate((3, (*start.tolist(), place), None))
    for count in range(0, MAX_WORDS, _BLOCK):
        if kind == NUMPY:
            words, at = other.get_state()[1:3]
        else:
            *words, at = other.getstate()[1]
            words = np.array(words, np.uint32)
        if words.tobytes() == now[0] and count + now[1] >= at:
            return count + now[1] - at
        if kind == NUMPY:
            other.bytes(4 * _BLOCK)
        else:
            other.getrandbits(32 * _BLOCK)
    return -1


def advance(kind: int, words: Any) -> None:
    """Draw as many words as the student's code has drawn."""
    if type(words) is not int or not 0 < words <= MAX_WORDS:
        return
    if kind == NUMPY:
        key: Any
        place: Any
        _, key, place, _, _ = _get()
        _set(("MT19937", key, place, 0, 0.0))
        _bytes(4 * words)
    else:
        _bits(32 * words)
