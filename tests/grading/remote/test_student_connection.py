"""What the student process does for the judge: calls, patches, names, outputs."""

import json
import math
import socket
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from utils.grading.notebook.outputs import Outputs
from utils.grading.remote.student_connection import StudentConnection


@pytest.fixture
def link():
    ours, theirs = socket.socketpair()
    shell = SimpleNamespace(user_ns={"In": []}, outputs=Outputs(1000), define=None)
    with ours, theirs:
        made = StudentConnection(ours, shell)
        shell.user_ns |= {"f": abs, "n": 1}
        yield made


def call(link, target, *args, numpy_errors="", **kwargs):
    return link.verbs["call"](target, args, tuple(kwargs.items()), numpy_errors)


def test_names_are_the_students_and_can_be_bound(link):
    assert link.names() == ("f", "n")
    assert link.get(("n", "In", "missing")) == (("n", 1), ("In", []))
    assert link.bind(None, "n", 2) == (1,)
    assert link.bind(None, "new", 3) == ()
    assert link.bind(None, "n") == (2,)
    assert link.names() == ("f", "new")


def test_prints_and_warnings_of_a_call_come_with_the_answer(link):
    def noisy(x, y=0):
        print("out")
        warnings.warn("careful", UserWarning, stacklevel=1)
        return x + y, sys.stdin.read()

    streams = sys.stdout, sys.stdin
    assert call(link, noisy, 1, y=2) == (3, "")
    assert (sys.stdout, sys.stdin) == streams
    shown, warned = link.extras()
    assert json.loads(shown) == [{"output_type": "stream", "name": "stdout", "text": "out\n"}]
    assert [(kind, text) for kind, text, _ in warned] == [("UserWarning", "careful")]
    assert link.extras() == ("", ())


def test_numpys_errors_are_treated_as_in_the_test(link):
    with pytest.raises(FloatingPointError):
        call(link, np.log, np.zeros(1), numpy_errors="{'divide': 'raise'}")
    with np.errstate(divide="ignore"):  # what the judge would print is warned of
        call(link, np.log, np.zeros(1), numpy_errors="{'divide': 'print'}")
    assert [kind for kind, *_ in link.extras()[1]] == ["RuntimeWarning"]


def test_patches_hold_during_a_call_only_and_names_until_the_next_change(link):
    link.change((("math", "sin", abs), ("math", "cos")), (("n",), ("f", len)))
    assert call(link, lambda: (math.sin(-2), hasattr(math, "cos"))) == (2, False)
    assert math.sin(0.0) == 0
    assert math.cos(0.0) == 1
    assert dict(link.get(("n", "f"))) == {"f": len}
    link.change((), ())
    assert call(link, lambda: math.sin(0)) == 0
    assert dict(link.get(("n", "f"))) == {"f": abs, "n": 1}


def test_a_view_of_an_argument_is_noticed_once(link):
    for target, gave in ((lambda x: x[1:], True), (lambda x: x, False), (np.copy, False)):
        call(link, target, np.ones(3))
        assert [link.views(None), link.views(None)] == [gave, False]


@pytest.mark.parametrize(
    ("target", "name", "args", "answer"),
    [
        ([1, 2], "__len__", (), 2), ([1, 2], "__getitem__", (1,), 2), ([], "__bool__", (), False),
        ([1], "__contains__", (1,), True), (3, "__add__", (4,), 7),
        (iter([0]), "__next__", (), (0,)),
        (iter([]), "__next__", (), ()), ((i for i in ()), "__next__", (), ()),
    ],
)  # fmt: skip
def test_special_methods(link, target, name, args, answer):
    assert link.verbs["special"](target, name, args) == answer
