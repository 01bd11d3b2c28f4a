"""The helpers for properties: what passes, what fails, and that they hand over copies."""

import numpy as np
import pytest

from tests.checks.outcomes import A, fails, outcome, passes
from utils import checks


def loss(x):
    return float(np.sum(x**3))


@pytest.mark.parametrize(
    "body",
    [
        lambda: checks.gives_floats(np.copy, A, (2, 3)),
        lambda: checks.gives_floats(lambda a: a.astype(np.float32), A, (2, 3)),
        lambda: checks.finite(np.copy, A),
        lambda: checks.sums_to_one(lambda a: a / a.sum(axis=-1, keepdims=True), A),
        lambda: checks.keeps_order(np.exp, A),
        lambda: checks.agrees(lambda a: a - a.max(), A, A + 5),
        lambda: checks.row_by_row(np.exp, A),
        lambda: checks.row_by_row(lambda a: a.sum(axis=-1), A),
        lambda: checks.gradient(loss, A, 3 * A**2),
        lambda: checks.gradient(loss, A, (3 * A**2).astype(np.float32)),
        lambda: checks.gradient(loss, A.astype(int), 3 * A**2),
        lambda: checks.gradient(lambda x: 7.0, A, 0 * A),
    ],
)
def test_a_property_that_holds_passes(body):
    assert passes(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (lambda: checks.gives_floats(lambda a: a.astype(int), A, (2, 3)), ""),
        (lambda: checks.gives_floats(lambda a: a.T, A, (2, 3)), ""),
        (lambda: checks.finite(lambda a: a / 0, A), ""),
        (lambda: checks.sums_to_one(lambda a: a / a.sum(), A), "the sums are"),
        (lambda: checks.sums_to_one(lambda a: 1.0, A), ""),
        (lambda: checks.keeps_order(np.negative, A), ""),
        (lambda: checks.keeps_order(np.ravel, A), ""),
        (lambda: checks.agrees(np.copy, A, A + 5), ""),
        (lambda: checks.row_by_row(lambda a: a / a.sum(), A), ""),
        (lambda: checks.row_by_row(np.sum, A), ""),
        (lambda: checks.gradient(loss, A, 3.001 * A**2), "relative error"),
        (lambda: checks.gradient(loss, A, -3 * A**2), ""),
        (lambda: checks.gradient(loss, A, (3 * A**2).T), ""),
        (lambda: checks.gradient(loss, A, A * np.nan), ""),
        (lambda: checks.gradient(lambda x: 7.0, A, A), ""),
        (lambda: checks.gradient(lambda x: x, A, A), ""),
    ],
)
def test_a_property_that_does_not_hold_fails(body, said):
    assert said in fails(body)


def test_repeats_reveals_memory():
    seen = []

    def remembers(a):
        seen.append(a)
        return a + len(seen)

    assert passes(lambda: checks.repeats(np.exp, A, A + 1))
    fails(lambda: checks.repeats(remembers, A, A + 1))


def test_repeats_reveals_results_that_share_their_memory():
    shared = np.empty(A.shape)

    def into_the_same_array(a):
        return np.exp(a, out=shared)

    said = fails(lambda: checks.repeats(into_the_same_array, A, A + 1))
    assert "an earlier result has changed" in said


def test_leaves_alone_looks_into_every_argument():
    def safe(network, x, names):
        return network["W"] @ x

    def changes_a_weight(network, x, names):
        network["W"] *= 2

    def adds_a_weight(network, x, names):
        network["b"] = 0

    def changes_by_one_bit(network, x, names):
        x[0] = np.nextafter(x[0], 9)

    def pops(network, x, names):
        names.pop()

    for f, state in [
        (safe, "passed"),
        (changes_a_weight, "failed"),
        (adds_a_weight, "failed"),
        (changes_by_one_bit, "failed"),
        (pops, "failed"),
    ]:
        given = ({"W": A.copy()}, np.ones(3), ["W"])
        check = outcome(lambda f=f, given=given: checks.leaves_alone(f, given))
        assert check.state == state, f.__name__
        assert list(given[0]) == given[2] == ["W"]  # it worked on copies
        np.testing.assert_array_equal(given[0]["W"], A)


def test_helpers_hand_over_copies():
    def spoils(a):
        a[...] = 0
        return a

    data = A.copy()
    for check in (checks.finite, checks.sums_to_one, checks.keeps_order, checks.row_by_row):
        outcome(lambda check=check: check(spoils, data))
    outcome(lambda: checks.gives(spoils, data, data))
    outcome(lambda: checks.agrees(spoils, data, data))
    outcome(lambda: checks.repeats(spoils, data, data))
    outcome(lambda: checks.gradient(lambda x: float(spoils(x).sum()), data, 0 * A))
    np.testing.assert_array_equal(data, A)


def test_what_is_expected_is_worked_out_before_the_call():
    def spoils(a):
        a[...] = 0
        return np.zeros(a.shape)

    data = A.copy()
    assert "wrong values" in fails(lambda: checks.gives(spoils, data, np.exp))
    assert "wrong values" in fails(lambda: checks.gives(spoils, data, data))
    order = []

    def expected(a):
        order.append("expected")
        a[...] = 7  # it has a copy of its own
        return A

    def f(a):
        order.append("f")
        return a

    assert passes(lambda: checks.gives(f, data, expected))
    assert order == ["expected", "f"]
