"""The shared random generators: their state goes over, a count of words comes back."""

import random

import numpy as np
import pytest

from utils.grading.remote.random_state import (
    MAX_WORDS,
    NUMPY,
    PYTHON,
    advance,
    get_state,
    set_state,
    words_between,
)

SEED = {NUMPY: np.random.seed, PYTHON: random.seed}
DRAW = {NUMPY: np.random.random, PYTHON: random.random}
NORMAL = {NUMPY: np.random.standard_normal, PYTHON: lambda: random.gauss(0, 1)}
pytestmark = pytest.mark.parametrize("kind", [NUMPY, PYTHON])


@pytest.fixture(autouse=True)
def states():
    """The generators as they were."""
    before = [get_state(NUMPY), get_state(PYTHON)]
    yield
    for kind, state in enumerate(before):
        set_state(kind, state)


def test_a_state_that_is_set_again_gives_the_same_numbers(kind):
    SEED[kind](7)
    NORMAL[kind]()  # makes two normal numbers, of which one waits
    state = get_state(kind)
    assert state[2] is not None
    drawn = [NORMAL[kind](), DRAW[kind]()]
    set_state(kind, state)
    assert [NORMAL[kind](), DRAW[kind]()] == drawn


@pytest.mark.parametrize("count", [0, 1, 311, 312, 1000])
def test_the_words_drawn_are_counted_and_drawn_again(kind, count):
    SEED[kind](7)
    before = get_state(kind)
    for _ in range(count):
        DRAW[kind]()
    words, following = words_between(kind, before), DRAW[kind]()
    assert words == 2 * count
    set_state(kind, before)
    advance(kind, words)
    assert DRAW[kind]() == following


@pytest.mark.parametrize("words", [0, -1, MAX_WORDS + 1, 2.0, True, "2", None])
def test_what_is_no_count_draws_nothing(kind, words):
    before = get_state(kind)
    advance(kind, words)
    assert get_state(kind) == before


def test_a_generator_seeded_anew_has_no_count(kind, monkeypatch):
    monkeypatch.setattr("utils.grading.remote.random_state.MAX_WORDS", 2000)
    before = get_state(kind)
    SEED[kind](7)
    assert words_between(kind, before) == -1
