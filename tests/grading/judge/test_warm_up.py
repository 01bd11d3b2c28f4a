"""The small problem set of the warm-up exercises what it is there for."""

import importlib.util

import pytest

from utils.grading.judge import warm_up


@pytest.mark.parametrize("name", warm_up.PRELOAD)
def test_what_is_imported_ahead_exists(name):
    assert importlib.util.find_spec(name)


def test_its_answer_gets_all_points_but_for_the_failure():
    names = {}
    exec(warm_up._ANSWER + warm_up._TEST, names)
    assert names["test_double"]() == 6
