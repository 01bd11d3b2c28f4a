"""What a name means in a test cell: the test's, the course's, or the student's."""

import math
from types import SimpleNamespace

import pytest

from utils.grading.judge.names import Names, exceptions_in
from utils.grading.remote.student_errors import StudentError, error_class


def cell(kind="test", binds=(), uses=(), words=()):
    return {"kind": kind, "binds": list(binds), "uses": list(uses), "words": list(words)}


def names_of(cells, course_names=(), namespace=(), theirs=(), modules=()):
    """The names of a notebook whose student's cells have given some their values."""
    theirs = dict(theirs)
    student = SimpleNamespace(
        modules=modules, cells=[], exceptions={}, missed_names=False, names=lambda: set(theirs),
        get=lambda names: {name: theirs[name] for name in names if name in theirs},
    )  # fmt: skip
    shell = SimpleNamespace(user_ns=dict(namespace))
    return Names(shell, student, cells, dict(course_names))


def test_a_locked_cell_is_needed_only_if_a_test_uses_it_directly_or_not():
    cells = [
        cell("locked", binds=["base"]),
        cell("locked", binds=["helper"], uses=["base"]),
        cell("locked", binds=["unused"]),
        cell("student", binds=["f"]),
        cell(uses=["helper", "f"]),
    ]
    names = names_of(cells)
    assert names.needed == {0, 1}
    assert names.own == {"base", "helper"}
    assert cells[-1]["needs"] == ["base", "f", "helper"]
    assert names_of(cells, {"completes": ["helper"]}).needed == set()


def test_a_tool_of_the_tests_is_never_the_students():
    names = names_of(
        [], {"imports": ["npt numpy.testing", "own tools", "np numpy"],
             "completes": ["npt", "own", "np", "check_shape", "_assertEqual", "Layer"]},
        modules=("tools",),
    )  # fmt: skip
    assert names.completed == {"np", "Layer"}


def test_a_name_is_the_tests_own_before_the_courses_before_the_students():
    theirs = {"own": 1, "root": 2, "math": 3, "f": 4, "len": 5}
    one = cell(uses=["own", "root", "math", "f", "len", "missing"])
    names = names_of([one], {"imports": ["root math sqrt"]}, {"own": 0}, theirs)
    names.bind_borrowed(one)
    assert names.shell.user_ns == {"own": 0, "root": math.sqrt, "math": math, "f": 4}
    assert names.borrowed == {"f": 4}
    assert names.student.missed_names
    names.shell.user_ns["f"] = "the test's"
    place = names.place(cell(uses=["f"]))
    assert (place.namespace["f"], place.borrowed, place.missed) == ("the test's", {}, False)
    assert "f" in names.own


@pytest.mark.parametrize("module", ["no_such_module", "math no_such_name"])
def test_what_the_course_cannot_import_here_is_told_and_not_the_students(module):
    one = cell(uses=["tool"])
    names = names_of([one], {"imports": [f"tool {module}"]}, theirs={"tool": 1})
    names.bind_borrowed(one)
    assert "tool" not in names.shell.user_ns
    assert "cannot be imported in the judge" in names.broken["tool"]


def test_what_the_course_completes_means_what_the_student_made_of_it():
    one = cell(uses=["math", "len"])
    names = names_of([one], {"completes": ["math", "len"]}, theirs={"math": 3, "len": 5})
    names.bind_borrowed(one)
    assert names.borrowed == {"math": 3, "len": 5}


def test_exceptions_are_found_among_the_students_names():
    student = SimpleNamespace(modules=(), exceptions={}, own_class=lambda name: None)
    own = error_class(("__main__:Own", "builtins:ValueError"), student)
    assert issubclass(own, StudentError)
    assert exceptions_in({"Own": own, "int": int, "f": len, "e": ValueError}) == {own.__name__: own}
