"""Which of the judge's classes a student's object may claim to be an instance of."""

import json
import sys
import threading
import types
from types import SimpleNamespace
from unittest import mock

import pytest

from utils.grading.remote import judge_classes
from utils.grading.remote.proxy import About, StudentProxy


class Shape:
    """Stands for a class of a locked cell."""


STUDENT = SimpleNamespace(modules=("json",), own_class={"Shape": Shape}.get)


def proxy(kind, lineage, busy):
    """A proxy whose object no process has, and the notes that it leaves."""
    notes = []
    student = SimpleNamespace(modules=(), own_class={"Shape": Shape}.get)
    student.note_judge_limit = notes.append
    link = SimpleNamespace(student=student, busy=busy)
    return StudentProxy(link, 3, About("object", kind, "", (), lineage)), notes


@pytest.mark.parametrize(
    ("entry", "student", "found"),
    [
        ("threading:Thread", None, threading.Thread),
        ("__main__:Shape", STUDENT, Shape),
        ("__main__:Other", STUDENT, None),
        ("__main__:Shape", None, None),
        ("json.decoder:JSONDecoder", STUDENT, json.JSONDecoder),  # the course's own module
        ("threading:active_count", None, None),  # not a class
        ("threading:Thread.start", None, None),
        ("builtins:int", None, None),
        ("numpy:ndarray", None, None),
        ("_decimal:Decimal", None, None),
        ("signal:Signals", None, None),  # an int
        ("no_such_module:Thread", None, None),
        ("threading", None, None),
        ("", None, None),
    ],
)
def test_a_class_is_claimed_only_if_its_values_are_not_plain(entry, student, found):
    assert judge_classes.library_class(entry, student) is found


def test_bases_may_be_plain_but_no_mocks_and_nothing_of_the_graders():
    assert judge_classes.class_named("builtins:list", None) is list
    assert judge_classes.class_named("__main__:Shape", STUDENT) is Shape
    for entry in (
        "unittest.mock:Mock",
        "utils.grading.remote.proxy:About",
        "builtins:len",
        "nowhere:list",
    ):
        assert judge_classes.class_named(entry, None) is None
    assert mock.__name__ in sys.modules  # it is there, and refused all the same


@pytest.mark.parametrize(
    ("lineage", "kind", "found", "noted"),
    [
        (("builtins:generator", "builtins:object"), "generator", types.GeneratorType, 0),
        (("__main__:Own", "__main__:Shape", "builtins:object"), "Own", Shape, 0),
        (("__main__:Own", "__main__:Shape", "builtins:list"), "Own", Shape, 1),
        (("__main__:Own", "builtins:object"), "Own", None, 0),
        (("__main__:Own", "builtins:list", "builtins:object"), "Own", None, 1),
        (("pandas:Series", "builtins:object"), "Series", None, 1),
        ((), "Own", None, 0),
    ],
)
def test_what_an_honest_submission_may_hand_over_is_noted(lineage, kind, found, noted):
    it, notes = proxy(kind, lineage, busy=False)
    assert judge_classes.claimed_class(it) is found
    assert len(notes) == noted
    it, notes = proxy(kind, lineage, busy=True)
    assert judge_classes.claimed_class(it) is found
    assert notes == []
