"""The helpers for networks: parameters, labels, and numbers drawn at random."""

import numpy as np
import pytest

from tests.checks.outcomes import fails, passes
from utils import checks


class Net:
    """Something with parameters, as a network has them."""

    def __init__(self, seed=None, draw=np.random.Generator.standard_normal):
        self.params = {"W1": draw(np.random.default_rng(seed), (60, 50)), "b1": np.zeros(50)}


def test_with_params_changes_the_arrays_in_place():
    net = Net()
    kept = net.params["b1"]
    assert checks.with_params(net, {"b1": np.arange(50.0)}) is net
    np.testing.assert_array_equal(kept, np.arange(50.0))
    assert net.params["W1"].any()


def test_label_kinds_are_the_same_labels():
    t = np.array([2, 0, 1, 2])
    whole, small, rows, whole_rows = checks.label_kinds(t, 4)
    assert whole.dtype == t.dtype
    assert small.dtype == np.uint8
    for labels in (whole, small, rows.argmax(axis=1), whole_rows.argmax(axis=1)):
        np.testing.assert_array_equal(labels, t)
    assert rows.shape == whole_rows.shape == (4, 4)
    assert rows.sum() == whole_rows.sum() == 4
    assert (rows.dtype.kind, whole_rows.dtype.kind) == ("f", "i")


@pytest.mark.parametrize("seed", range(20))
def test_normal_numbers_are_taken_for_normal(seed):
    rng = np.random.default_rng(seed)
    w = 0.3 * rng.standard_normal((60, 50))
    assert passes(lambda: checks.normal(w, 0.3))
    assert passes(lambda: checks.normal(w.astype(np.float32), 0.3))


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: 1.5 * rng.standard_normal(shape),
        lambda rng, shape: 0.2 + rng.standard_normal(shape),
        lambda rng, shape: rng.uniform(-(3**0.5), 3**0.5, shape),
        lambda rng, shape: rng.choice([-1.0, 1.0], shape),
        lambda rng, shape: rng.laplace(0, 0.5**0.5, shape),
        lambda rng, shape: rng.standard_normal((shape[0], 1)) * np.ones(shape),
        lambda rng, shape: np.zeros(shape),
    ],
)
def test_other_numbers_are_not_taken_for_normal(draw):
    fails(lambda: checks.normal(draw(np.random.default_rng(0), (60, 50)), 1.0))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda seed: Net(), "the same seed gave different"),
        (lambda seed: Net(0), "different seeds gave the same"),
        (lambda seed: Net(seed or 0), "without a seed"),
        (lambda seed: Net(seed or None), "the same seed gave different"),
    ],
)
def test_seeded_reveals_what_the_seed_does_not_govern(make, said):
    assert passes(lambda: checks.seeded(Net, ("W1",)))
    assert said in fails(lambda: checks.seeded(make, ("W1",)))
