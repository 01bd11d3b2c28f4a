"""What a test changes is lifted while the judge works, and told to the student process once."""

import builtins
import math
import random
import sys
from unittest.mock import Mock

import pytest

from utils.grading.judge.effects import Effects, name_in
from utils.grading.remote import random_state

CELL = {"kind": "test", "binds": ["own"], "uses": [], "reads": [], "words": [], "patches": True,
        "modules": ["math"]}  # fmt: skip


@pytest.fixture
def effects():
    made = Effects({"math": math}, [CELL])
    made.begin(CELL, {})
    yield made
    made.end()


def test_a_patch_holds_only_while_the_tests_code_runs(effects):
    sin, cos = math.sin, math.cos
    math.sin = abs
    del math.cos
    with effects.judging():
        assert (math.sin, math.cos) == (sin, cos)
        with effects.testing():
            assert (math.sin, hasattr(math, "cos")) == (abs, False)
        assert set(effects.changes("link")[0]) == {("math", "sin", abs), ("math", "cos")}
        assert effects.changes("link") is None  # it knows
        assert effects.changes("next link") is not None
    assert math.sin is abs
    effects.end()
    assert (math.sin, math.cos) == (sin, cos)
    assert effects.forget()
    assert not effects.forget()
    effects.begin(CELL, {})  # the next cell finds what the last one left
    assert math.sin is abs
    math.sin, math.cos = sin, cos


def test_only_what_a_test_means_is_a_patch(effects, monkeypatch):
    monkeypatch.setattr(builtins, "input", Mock())
    monkeypatch.setattr(math, "_private", Mock(), raising=False)
    monkeypatch.setattr(math, "number", 1, raising=False)
    monkeypatch.setattr(sys, "argv", ["x"])
    monkeypatch.setattr(sys, "maxsize", 1)
    with effects.judging():
        told = {change[:2] for change in effects.changes("link")[0]}
        assert told == {("builtins", "input"), ("sys", "argv")}


def test_values_are_the_students_and_no_tests():
    namespace = {"x": [1], "own": 2, "changed": 3}
    effects = Effects(namespace, [CELL])
    theirs = {"x": namespace["x"], "own": 2, "changed": 4, "K": int}
    effects.begin(CELL | {"uses": ["later", "own", "x", "len"]}, theirs)
    assert effects.values() == ("x",)
    assert effects.unbound() == {"later"}
    effects.renew({"x": 5})
    assert (namespace["x"], effects.values()) == (5, ("x",))
    effects.end()


def test_random_numbers_are_followed():
    before = [random_state.get_state(kind) for kind in random_state.KINDS]
    effects = Effects({}, [CELL | {"seeds": True}])
    effects.begin(CELL | {"patches": False}, {})
    assert effects.changes("link") is None
    random.seed(1)
    assert effects.changes("link")[2:] == (None, random_state.get_state(random_state.PYTHON))
    effects.drawn((-1, 2))
    assert effects.changes("link") is None
    drawn = random.random()
    random.seed(1)
    assert [random.random(), random.random()][1] == drawn
    effects.end()
    for kind, state in enumerate(before):
        random_state.set_state(kind, state)


@pytest.mark.parametrize(
    ("message", "name"),
    [("name 'x_1' is not defined", "x_1"), ("name 'x y' is not defined", ""), ("", ""),
     (" " * 500 + "name 'x' is not defined", "")],
)  # fmt: skip
def test_the_name_in_a_message(message, name):
    assert name_in(message) == name
