"""The planted faults: each does what its sentence says, and to one network only."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from utils.faults import FAULTS, SIZES, draw_findings, examine, plant
from utils.networks import MultiLayerNet

BROKEN = [name for name in FAULTS if name != "nothing"]
EACH_NOTICED_BY = {
    "dx.T @ dout": {"gradients"},
    "dout.T @ x": {"shapes", "gradients"},
    "mean for db": {"gradients"},
    "overwrite": {"W and b"},
    "no mask": {"gradients"},
    "flip masked": {"gradients"},
    "flip all": {"gradients"},
    "no dout": {"gradients"},
    "no / N": {"gradients"},
    "loss / K": {"first loss"},
}


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close the figures that other tests left open: Matplotlib warns of more than 20."""
    plt.close("all")
    yield
    plt.close("all")


def test_there_are_ten_faults():
    assert EACH_NOTICED_BY.keys() == set(BROKEN)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_noticed_by_its_checks(name):
    verdicts = examine(name).verdicts
    assert {check for check, (ok, _) in verdicts.items() if not ok} == EACH_NOTICED_BY.get(
        name, set()
    )


@pytest.mark.parametrize("name", BROKEN)
def test_a_fault_stays_in_its_network(name):
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((6, SIZES[0])), np.arange(6) % 3
    before = MultiLayerNet(SIZES, seed=1).gradient(x, t)
    net = plant(MultiLayerNet(SIZES, seed=1), name)
    broken, loss = net.gradient(x, t), net.loss(x, t)
    after = MultiLayerNet(SIZES, seed=1)
    again = after.gradient(x, t)
    for key in before:
        np.testing.assert_array_equal(before[key], again[key])
    same = all(np.array_equal(broken[key], before[key]) for key in before)
    assert not same or name == "overwrite"
    assert (loss == after.loss(x, t)) == (name not in ("overwrite", "loss / K"))


@pytest.mark.parametrize("number", [2, 3])
def test_only_what_lies_before_a_broken_relu_is_wrong(number):
    keys = [f"{kind}{i}" for i in (1, 2, 3, 4) for kind in "Wb"]
    assert examine("no mask", number).rejected == keys[: 2 * number]


def test_one_image_hides_two_faults():
    hidden = {name for name in BROKEN if not examine(name, images=1).rejected}
    assert hidden == {"overwrite", "loss / K", "no / N", "mean for db"}


@pytest.mark.parametrize("name", FAULTS)
def test_the_figure_says_what_was_found(name):
    fig, sentence = draw_findings(name, 3, 2)
    plt.close(fig)
    assert sentence.startswith("Layer 3, 2 images: ")
    assert sentence.endswith(".")
    assert ("Every check passes." in sentence) == (name == "nothing")
    for check in ("shapes", "W and b", "first loss", "gradients"):
        failed = not examine(name, 3, 2).verdicts[check][0]
        assert (f"{check} (" in sentence) == failed
