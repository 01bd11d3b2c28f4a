"""What Python's own syntax asks of a proxy: the answers are checked."""

from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from utils.grading.remote.judge_limits import JudgeLimit
from utils.grading.remote.proxy import About
from utils.grading.remote.special_methods import EitherOf, proxy_type


@pytest.fixture
def answered():
    """Makes a proxy of which the student process says always the same; and its notes."""

    def make(name, answer, what="object", made=False):
        notes = []
        student = SimpleNamespace(
            modules=(), note_judge_limit=notes.append, ask_object=lambda *question: answer
        )
        link = SimpleNamespace(student=student, busy=False)
        proxy = proxy_type("Own", (name,), what == "class", None)(
            link, 3, About(what, "Own", "", (name,), ())
        )
        object.__setattr__(proxy, "_proxy_made", made)
        return proxy, notes

    return make


@pytest.mark.parametrize(
    ("name", "use", "right", "wrong"),
    [
        ("__len__", len, 2, -1), ("__len__", len, 0, True), ("__bool__", bool, False, 0),
        ("__str__", str, "text", 3), ("__contains__", lambda p: p in p, True, 1),
        ("__bytes__", bytes, b"x", "x"), ("__iter__", iter, iter([]), []),
    ],
)  # fmt: skip
def test_an_answer_is_of_the_type_that_python_expects(answered, name, use, right, wrong):
    assert use(answered(name, right)[0]) == right
    with pytest.raises(TypeError, match=f"{name} of <Own of the submission> gave"):
        use(answered(name, wrong)[0])


def test_a_number_is_one_only_if_the_test_has_made_it(answered):
    assert float(answered("__float__", 2.5, made=True)[0]) == 2.5
    proxy, notes = answered("__float__", 2.5)
    with pytest.raises(JudgeLimit, match="not a number"):
        float(proxy)
    assert len(notes) == 1


def test_the_end_of_an_iterator(answered):
    assert next(answered("__next__", (5,))[0]) == 5
    for answer, value in (((), None), (((), 7), 7)):
        with pytest.raises(StopIteration) as end:
            next(answered("__next__", answer)[0])
        assert end.value.value == value
    with pytest.raises(TypeError, match="neither a value nor its end"):
        next(answered("__next__", 5)[0])


def test_a_context_hides_no_error_of_a_test(answered):
    proxy, notes = answered("__exit__", True)
    assert proxy.__exit__(None, None, None) is False
    assert notes == []
    assert proxy.__exit__(ValueError, ValueError("x"), None) is False
    assert len(notes) == 1


def test_classes_are_put_together_and_asked(answered):
    kind, _ = answered("__call__", True, "class")
    assert (kind | int, int | kind, str | (kind | int)) == (
        (kind, int),
        (int, kind),
        (str, kind, int),
    )
    assert type(kind | int) is EitherOf
    assert not isinstance(3, kind)  # nothing of the judge's is a student's object


def test_a_pattern_of_match_is_registered_once():
    made = proxy_type("Row", ("__len__",), False, Sequence)
    assert issubclass(made, Sequence)
    assert proxy_type("Row", ("__len__",), False, Sequence) is made
    assert not hasattr(made, "__array__")
