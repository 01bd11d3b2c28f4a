"""Limits are numbers above 0."""

import pytest

from utils.grading.sandbox.config import Limits


@pytest.mark.parametrize("value", [0, -1, "1", None, True, float("nan")])
def test_a_limit_is_a_number_above_0(value):
    with pytest.raises(ValueError, match="^limit memory is .*; it must be a number above 0$"):
        Limits(memory=value)
    assert Limits(call_seconds=0.5).call_seconds == 0.5
