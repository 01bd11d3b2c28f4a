"""The colour task."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils import colours
from utils.colours import COLOUR_NAMES, COLOURS_PER_CLASS, MARGIN, load_colours


def test_the_names():
    assert COLOUR_NAMES == ("red", "green", "blue")


def test_the_default_is_the_task_of_the_course():
    (x_train, t_train), (x_test, t_test) = load_colours()
    assert x_train.shape == (240, 3)
    assert t_train.shape == (240,)
    assert x_test.shape == (20, 3)
    assert t_test.shape == (20,)
    assert np.bincount(t_train).tolist() == [80, 80, 80]
    assert np.bincount(t_test).tolist() == [7, 7, 6]


@settings(max_examples=60, deadline=None)
@given(n_test=st.integers(1, 400), seed=st.integers(0, 2**64))
def test_laws(n_test, seed):
    (x_train, t_train), (x_test, t_test) = load_colours(n_test, seed)
    for x, t, n in ((x_train, t_train, 240), (x_test, t_test, n_test)):
        assert x.shape == (n, 3)
        assert x.dtype == np.int64
        assert t.shape == (n,)
        assert t.dtype == np.int64
        assert x.min() >= 0
        assert x.max() <= 255
        np.testing.assert_array_equal(t, x.argmax(axis=1))
        ranked = np.sort(x, axis=1)
        assert (ranked[:, 2] - ranked[:, 1]).min() >= MARGIN
        counts = np.bincount(t, minlength=3)
        assert counts.max() - counts.min() <= 1
    both = np.concatenate([x_train, x_test])
    assert len(np.unique(both, axis=0)) == 240 + n_test


def test_the_seed_decides():
    for one, same, other in zip(
        load_colours(), load_colours(seed=np.int64(0)), load_colours(seed=1), strict=True
    ):
        np.testing.assert_array_equal(one[0], same[0])
        np.testing.assert_array_equal(one[1], same[1])
        assert not np.array_equal(one[0], other[0])
        assert not np.array_equal(one[1], other[1])


def test_the_order_is_shuffled():
    _, t_test = load_colours()[0]
    runs = 1 + np.count_nonzero(np.diff(t_test))
    assert 120 < runs < 200  # 160 are expected; sorted labels have 3, labels in turn 240


def test_every_clear_colour_has_one_number():
    x = colours._colour(np.arange(COLOURS_PER_CLASS), 0)
    assert x.min() == 0
    assert x.max() == 255
    assert (x[:, 0] - x[:, 1:].max(axis=1)).min() == MARGIN
    assert (np.diff(x @ [1 << 16, 1 << 8, 1]) > 0).all()  # so no colour comes twice
    # and none is missing: for each largest channel, the pairs that are MARGIN or more below it
    assert len(x) == sum((largest - MARGIN + 1) ** 2 for largest in range(MARGIN, 256))


def test_the_classes_are_alike():
    numbers = np.arange(0, COLOURS_PER_CLASS, 997)
    red = colours._colour(numbers, 0)
    np.testing.assert_array_equal(colours._colour(numbers, 1), red[:, [2, 0, 1]])
    np.testing.assert_array_equal(colours._colour(numbers, 2), red[:, [1, 2, 0]])


@pytest.mark.parametrize("argument", ["n_test", "seed"])
@pytest.mark.parametrize("value", [-1, 2.0, "3", None, True, np.array([3])])
def test_numbers_must_be_whole(argument, value):
    with pytest.raises(ValueError, match=f"^{argument} is .*; it must be a whole number of at lea"):
        load_colours(**{argument: value})


def test_there_must_be_colours_and_not_more_than_there_are():
    with pytest.raises(ValueError, match=r"^n_test is 12,000,000, .* Ask for fewer"):
        load_colours(12_000_000)
    with pytest.raises(ValueError, match="Ask for fewer"):
        load_colours(10**15)
    with pytest.raises(ValueError, match="^n_test is 0; .* at least 1"):
        load_colours(0)


def test_the_task_can_be_learnt_from_240_colours():
    """A linear classifier by least squares, which cannot do better than it should."""
    (x_train, t_train), (x_test, t_test) = load_colours(n_test=3000)
    a = np.column_stack([x_train / 255, np.ones(240)])
    w = np.linalg.lstsq(a, np.eye(3)[t_train], rcond=None)[0]
    scores = np.column_stack([x_test / 255, np.ones(3000)]) @ w
    assert (scores.argmax(axis=1) == t_test).mean() > 0.97
