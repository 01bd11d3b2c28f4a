"""`type`, `open`, `inspect` and `dataclasses` in a test cell, for values and for proxies."""

import dataclasses
import inspect
import os
from types import SimpleNamespace

import numpy as np
import pytest

from utils.grading.judge.patched_library import DATACLASSES, TYPE, let_library_ask, open_by_name
from utils.grading.remote.operators import INSPECTED
from utils.grading.remote.proxy import About, StudentProxy


@dataclasses.dataclass
class Point:
    x: int


def proxy(what, answer=None):
    """A proxy of which the student process says always the same."""
    student = SimpleNamespace(modules=(), own_class=lambda name: None,
                              ask_object=lambda verb, it, *args: answer)  # fmt: skip
    about = About(what, "Own", "", (), ("__main__:Own", "builtins:object"))
    return StudentProxy(SimpleNamespace(student=student, busy=False), 3, about)


def test_type_is_pythons_for_the_tests_own_values():
    assert (TYPE(3), TYPE(int), TYPE("K", (), {}).__name__) == (int, TYPE, "K")
    assert ({type: 1}[TYPE], repr(TYPE)) == (1, "<class 'type'>")
    assert [isinstance(value, TYPE) for value in (int, 3)] == [True, False]
    assert issubclass(type(Point), TYPE)
    assert issubclass(types_made_of(TYPE), type)


def types_made_of(kind):
    class Meta(kind): ...

    return Meta


def test_type_of_a_students_object_is_what_its_process_says():
    own = proxy("class")
    assert TYPE(proxy("object", answer=own)) is own
    assert TYPE(own) is TYPE  # its class is an ordinary one
    assert TYPE(proxy("object", answer=3)) is StudentProxy  # never one of the judge's
    assert [isinstance(value, TYPE) for value in (own, proxy("object"))] == [True, False]


@pytest.mark.parametrize("number", [1, True, np.int64(1)])
def test_files_are_opened_by_their_names_only(number):
    with pytest.raises(ValueError, match="is a number"):
        open_by_name(number)
    with open_by_name(os.devnull) as file:
        assert file.read() == ""


def test_the_library_asks_the_student_process_about_proxies_alone(monkeypatch):
    for module, names in ((inspect, ("isclass", *INSPECTED)), (dataclasses, DATACLASSES)):
        for name in names:
            monkeypatch.setattr(module, name, getattr(module, name))  # as it was after the test
    let_library_ask()
    once = inspect.getsource, dataclasses.fields
    let_library_ask()
    assert (inspect.getsource, dataclasses.fields) == once
    assert inspect.getdoc(proxy("function", answer="Mine.")) == "Mine."
    assert [inspect.isclass(value) for value in (proxy("class"), proxy("object"), int, 3)] == [
        True, False, True, False,
    ]  # fmt: skip
    assert dataclasses.asdict(Point(2)) == {"x": 2}
    assert not dataclasses.is_dataclass(proxy("object", answer=3))
    assert dataclasses.is_dataclass(proxy("object", answer={}))
    assert dataclasses.asdict(proxy("object", answer={})) == {}
