"""What counts as an array or a number, and how a wrong one is described."""

import collections
import itertools

import numpy as np
import pytest

from tests.checks.outcomes import A, fails, outcome, passes
from utils import checks


class Liar(np.ndarray):
    """Claims to equal everything."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    def __array_function__(self, *args, **kwargs):
        return True


class Everything:
    """Claims to be whatever is asked for."""

    shape, dtype, ndim = (2, 3), np.dtype(float), 2

    def __array__(self, dtype=None, copy=None):
        return A

    def __eq__(self, other):
        return True


class Number(float):
    """Claims to be any number."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        [],
        [A.tolist(), "text"],
        (A,),
        A.view(Liar),
        A.view(np.matrix),
        np.ma.array(A),
        Everything(),
        A.astype(object),
        A.astype(complex),
        A.astype(str),
    ],
    ids=lambda result: type(result).__name__,
)
def test_only_plain_arrays_are_results(result):
    fails(lambda: checks.gives(lambda a: result, A, A))


@pytest.mark.parametrize("result", [Number(3), [3.0], np.array([3.0]), True, 3j, "3", 4])
def test_only_plain_numbers_are_numbers(result):
    fails(lambda: checks.gives(lambda a: result, A, 3.0))


@pytest.mark.parametrize("result", [3, 3.0, np.float32(3), np.int64(3), np.array(3.0)])
def test_any_kind_of_number_will_do(result):
    assert passes(lambda: checks.gives(lambda a: result, A, 3.0))


def test_shapes_do_not_broadcast():
    assert fails(lambda: checks.gives(lambda a: np.ones((1, 3)), A, np.ones((2, 3)))) == (
        "wrong shape: got (1, 3), expected (2, 3)"
    )
    fails(lambda: checks.gives(lambda a: 1.0, A, np.ones((2, 3))))
    fails(lambda: checks.gives(lambda a: np.ones(1), A, 1.0))


def test_nan_equals_nothing():
    nan = np.full((2, 3), np.nan)
    assert "nan" in fails(lambda: checks.gives(lambda a: nan, A, A))
    fails(lambda: checks.gives(lambda a: nan, A, nan))
    fails(lambda: checks.agrees(lambda a: nan, A, A))
    fails(lambda: checks.repeats(lambda a: nan, A, A))
    fails(lambda: checks.row_by_row(lambda a: a * np.nan, A))


def test_tolerance_lets_float32_pass_and_rounding_fail():
    y = np.array([0.00493969, 0.0054592, 0.98960111])
    assert passes(lambda: checks.gives(lambda a: a.astype(np.float32), y, y))
    fails(lambda: checks.gives(lambda a: a.astype(np.float16), y, y))
    fails(lambda: checks.gives(lambda a: a.round(5), y, y))


def test_arrays_by_name():
    grads = {"b": np.ones(2), "W": A, "loss": 3.0}
    assert passes(lambda: checks.equal_by_name(grads, {"W": A, "b": [1, 1]}))
    assert passes(lambda: checks.equal_by_name({"W": A + 1e-7}, {"W": A}, atol=1e-6))
    what = fails(lambda: checks.equal_by_name(grads, {"W": A, "b": [1, 2]}))
    assert what == (
        "some arrays are wrong: `W` is right, `b` not; `b`: wrong values: got [1., 1.], "
        "expected [1, 2]"
    )
    assert 'no "W1"' in fails(lambda: checks.equal_by_name(grads, {"W1": A}))
    assert "`f` returned nothing" in fails(lambda: checks.equal_by_name(None, {"W": A}))
    assert "`W` is nothing" in fails(lambda: checks.equal_by_name({"W": None}, {"W": A}))
    for result in (A, [A], 1.0):
        fails(lambda result=result: checks.equal_by_name(result, {"W": A}))


def test_a_large_difference_is_told_by_its_first_place():
    big = np.zeros((10, 10))
    off = big.copy()
    off[3, 4] = 1
    what = fails(lambda: checks.gives(lambda a: off, A, big))
    assert (
        what == "wrong values: 1 of 100 numbers, the first at index [3, 4]: got 1.0, expected 0.0"
    )


def test_expect_shows_its_detail_in_visible_checks_only():
    assert outcome(lambda: checks.expect(False, "odd", "got 3")).what == "odd: got 3"
    assert outcome(lambda: checks.expect(False, "odd", "got 3"), hidden=True).what == "odd"


def test_a_part_begins_the_message():
    assert fails(lambda: checks.equal(A + 1, A, part="dW")).startswith("`dW`: wrong values: got")
    assert fails(lambda: checks.equal(A.T, A, part="dW")).startswith("`dW`: wrong shape: got")
    assert fails(lambda: checks.equal(None, A, part="dW")).startswith("`dW` is nothing (None)")
    said = outcome(lambda: checks.equal(A + 1, A, part="W1"), hidden=True).what
    assert said == "a parameter: wrong values"  # no digit


Walk = collections.namedtuple("Walk", "x history")


def test_a_pair_is_told_from_a_single_value():
    for got in ((A, [A]), [A, [A]], Walk(A, [A]), collections.deque([A, [A]])):
        assert checks.pair(got, "x", "history") == (A, [A])
    for got, said in (
        (A, "returned one array, not `(x, history)`"),
        (1.0, "returned one float, not `(x, history)`"),
        (None, "returned nothing (None)"),
        ((A, A, A), "returned the wrong number of values for `(x, history)`: 3, not 2"),
        (collections.deque([A] * 9), "wrong number of values for `(x, history)`: more than 2"),
        ((one for one in (A, [A])), "returned one generator, not `(x, history)`"),
        (itertools.repeat(A), "returned one value, not `(x, history)`"),
        (collections.OrderedDict(x=A, history=[A]), "returned one value, not `(x, history)`"),
        ({"x": A, "history": [A]}, "returned one dict, not `(x, history)`"),
        (Everything(), "returned one value, not `(x, history)`"),
    ):
        assert said in fails(lambda got=got: checks.pair(got, "x", "history"))


def test_a_list_of_arrays():
    assert outcome(lambda: checks.arrays([A, A], "batches")).state == "passed"
    assert outcome(lambda: checks.arrays(np.array([A, A]), "batches")).state == "passed"
    assert "`batches` is nothing" in fails(lambda: checks.arrays(None, "batches"))
    assert "`batches` is a float" in fails(lambda: checks.arrays(1.0, "batches"))
    assert "`batches` is nothing" in fails(lambda: checks.arrays([A, None], "batches"))
    check = outcome(lambda: checks.arrays([A, [1, 2]], "batches"))
    assert check.containers == ["an element of `batches` is a list, not an array"]


@pytest.mark.parametrize("got", [np.array(None), np.random.default_rng(), abs])
def test_what_is_not_a_list_is_named_and_stops_no_test_cell(got):
    with pytest.raises(checks.PropertyError, match="`batches` cannot be iterated over") as caught:
        checks.arrays(got, "batches")
    assert caught.value.blocks
