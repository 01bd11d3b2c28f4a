"""What the student process tells the judge of its objects and exceptions."""

import functools
import math
from types import SimpleNamespace

import numpy as np
import pytest

from utils.grading.remote import student_objects
from utils.grading.remote.student_objects import JudgeProxy, StudentObjects, describe

OBJECT = "builtins:object"


class Stack(list):
    def __call__(self): ...


@pytest.mark.parametrize(
    ("value", "description"),
    [
        (np.zeros(2, object), ("array", "ndarray of object", "", ())),
        (np.ma.zeros(2), ("array", "MaskedArray (a subclass of numpy.ndarray)", "", ())),
        (math, ("module", "module", "math", ())),
        (Stack, ("class", "type", "Stack", ("__call__",))),
        (describe, ("function", "library function", "describe", ("__call__",))),
        (lambda: 0, ("function", "function", "<lambda>", ("__call__",))),
        (iter(()), ("object", "tuple_iterator", "", ("__iter__", "__next__"))),
    ],
)
def test_a_description_says_what_stays(value, description):
    assert describe(value)[:4] == description


def test_the_lineage_is_that_of_the_class():
    mine = f"{__name__}:Stack"
    assert describe(Stack())[4] == describe(Stack)[4] == (mine, "builtins:list", OBJECT)


def test_an_error_is_told_by_plain_values_only():
    error = OSError(2, "gone", "x.txt")
    error.tried, error.array, error.huge = 3, np.ones(2), 10**400
    name, bases, text, *where, number, args, kept = student_objects.describe_error(error)
    assert (name, bases[:2], where, number) == (
        "FileNotFoundError",
        (name, "OSError"),
        ["", 0, ""],
        0,
    )
    assert "gone" in text
    assert args == (2, "gone")
    assert dict(kept) == {
        "errno": 2, "strerror": "gone", "filename": "x.txt", "filename2": None, "tried": 3,
    }  # fmt: skip
    assert student_objects.describe_error(ValueError(np.ones(2)))[-2] is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ValueError", ValueError), ("SystemExit", Exception), ("print", Exception),
     ("UnicodeDecodeError", RuntimeError)],
)  # fmt: skip
def test_a_tests_exception_is_one_of_pythons_that_ends_no_more_than_a_call(name, kind):
    found = student_objects.test_error(name, "text")
    assert isinstance(found, kind)
    assert str(found) == "text"


def test_signatures_and_what_inspect_says_are_text():
    assert student_objects.signature(lambda a, *, b=2: 0) == "(a, *, b=2)"
    assert student_objects.signature(3) == ""
    assert student_objects.inspected(Stack, "isabstract") is False
    with pytest.raises(AttributeError):
        student_objects.inspected(functools, "getmembers")


def test_a_tests_object_hands_on_what_it_was_described_with():
    asked = []
    shared = StudentObjects()
    shared.link = SimpleNamespace(
        ask_judge=lambda *args: asked.append(args) or (5,),
        shell=SimpleNamespace(user_ns={"Own": Stack}),
    )
    it = shared.make(4, ("Mock", ("__len__", "__next__"), "__main__:Own"))
    assert isinstance(it, JudgeProxy)
    assert isinstance(it, Stack)
    assert (it.name, next(it), it.__len__()) == ((5,), 5, (5,))
    assert shared.proxy_number(it) == 4
    it.name = 1
    assert [args[0] for args in asked] == ["getattr", "special", "special", "setattr"]
    for call in (lambda: it._secret, lambda: it[0]):
        with pytest.raises((AttributeError, TypeError)):
            call()
    assert len(asked) == 4
