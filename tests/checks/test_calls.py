"""How the student's functions are called, and replaced by right ones."""

import numpy as np
import pytest

from tests.checks.outcomes import A, student
from utils import checks


@pytest.mark.parametrize("array", [A, A.T, np.asfortranarray(A), A[:, ::2], A[:, 1:], A[0]])
def test_copies_keep_the_layout(array):
    copy = checks.copied(array)
    np.testing.assert_array_equal(copy, array)
    assert not np.shares_memory(copy, array)
    assert copy.flags.c_contiguous == array.flags.c_contiguous
    assert copy.flags.f_contiguous == array.flags.f_contiguous


def test_a_right_function_stands_in_for_a_wrong_one_while_it_lasts():
    f = student("def slope(f, x):\n    return 7\n\n\ndef f(g, x):\n    return slope(g, x)")

    def known(x):
        return x

    def unknown(x):
        return x

    with checks.replaced(f, "slope", {known: lambda x: 2 * x}):
        np.testing.assert_array_equal(f(known, A), 2 * A)
        assert f(unknown, A) == 7  # the student's own
        kept = f.__globals__["slope"]
    assert f(known, A) == 7
    with pytest.raises(RuntimeError, match="which has ended"):
        kept(known, A)


def test_a_name_that_is_missing_is_missing_again_afterwards():
    f = student("def f(g, x):\n    return slope(g, x)")
    with checks.replaced(f, "slope", {len: lambda x: x}):
        np.testing.assert_array_equal(f(len, A), A)
    assert "slope" not in f.__globals__
