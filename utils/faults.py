"""Faults to plant into the layers of a network, and five checks to find them with.

Lecture 11 plants them one at a time and watches which check notices. A fault changes the `backward`
of a single layer (one of them also the `forward` of the last layer) of one network; the classes of
`utils.layers` stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from utils.gradients import relative_error
from utils.networks import MultiLayerNet
from utils.plots import BLUE, VERMILLION

# What a faulty `backward` returns, from the layer, the right result and the upstream gradient.
Change = Callable[[Any, NDArray, Any], NDArray]
SIZES = (3, 5, 4, 4, 3)  # of the network that is checked: W3 is square, W2 is not
REJECTED = 1e-2  # a relative error above this is wrong


@dataclass(frozen=True)
class Fault:
    """A fault: the kind of layer, what its `backward` does instead, and a sentence about it."""

    kind: str
    change: Change
    words: str  # with {} for the number of the layer


def _dx_for_x(layer: Any, dx: NDArray, dout: Any) -> NDArray:
    layer.dW = dx.T @ dout  # x.T @ dout is right; (D, N) @ (N, H) -> (D, H) all the same
    return dx


def _transposed(layer: Any, dx: NDArray, dout: Any) -> NDArray:
    layer.dW = dout.T @ layer.x  # (H, N) @ (N, D) -> (H, D)
    return dx


def _mean(layer: Any, dx: NDArray, dout: Any) -> NDArray:
    layer.db = dout.mean(axis=0)  # the sum is right
    return dx


def _overwrite(layer: Any, dx: NDArray, dout: Any) -> NDArray:
    layer.W[...], layer.b[...] = layer.dW, layer.db  # gradients in place of parameters
    return dx


FAULTS = {
    "nothing": Fault("Affine", lambda layer, dx, dout: dx, "nothing is broken"),
    "dx.T @ dout": Fault("Affine", _dx_for_x, "Affine {} uses dx.T @ dout for dW"),
    "dout.T @ x": Fault("Affine", _transposed, "Affine {} uses dout.T @ x for dW"),
    "mean for db": Fault("Affine", _mean, "Affine {} uses the mean of dout for db"),
    "overwrite": Fault("Affine", _overwrite, "Affine {} writes its gradients over W and b"),
    "no mask": Fault("ReLU", lambda layer, dx, dout: dout, "ReLU {} returns dout unmasked"),
    "flip masked": Fault(
        "ReLU",
        lambda layer, dx, dout: np.where(layer.mask, dout, -dout),
        "ReLU {} changes the sign where it should return 0",
    ),
    "flip all": Fault("ReLU", lambda layer, dx, dout: -dout, "ReLU {} changes every sign"),
    "no dout": Fault("ReLU", lambda layer, dx, dout: 1.0 * layer.mask, "ReLU {} ignores dout"),
    "no / N": Fault(
        "loss", lambda layer, dx, dout: dx * len(dx), "the last layer does not divide by N"
    ),
    "loss / K": Fault(
        "loss",
        lambda layer, dx, dout: dx / dx.shape[1],
        "the last layer divides both the loss and its gradient by K",
    ),
}


def plant(net: MultiLayerNet, name: str, number: int = 2) -> MultiLayerNet:
    """Put a fault into a network, and return the network.

    Args:
        net: the network; only this object is changed.
        name: a key of `FAULTS`.
        number: which Affine or ReLU layer is broken, counted from 1; a fault of the last layer
            ignores it.
    """
    fault = FAULTS[name]
    places = {"Affine": 2 * number - 2, "ReLU": 2 * number - 1}
    layer: Any = net.layers[places[fault.kind]] if fault.kind in places else net.last_layer
    right = layer.backward
    layer.backward = lambda dout=1.0: fault.change(layer, right(dout), dout)
    if name == "loss / K":  # forward and backward, both too small by the same factor
        right_loss = layer.forward
        layer.forward = lambda x, t: right_loss(x, t) / x.shape[1]
    return net


@dataclass(frozen=True)
class Findings:
    """The results of four checks of a network with a fault; the fifth needs a training run."""

    wrong_shapes: list[str]  # gradients whose shape is not that of their parameter
    overwritten: list[str]  # parameters that are not what they were before the backward pass
    first_loss: float  # with small weights, so log 3 is right
    errors: dict[str, float]  # relative error of each gradient against central differences

    @property
    def rejected(self) -> list[str]:
        """Return the parameters whose gradient is wrong."""
        return [name for name, error in self.errors.items() if error > REJECTED]

    @property
    def verdicts(self) -> dict[str, tuple[bool, str]]:
        """Return for each check whether the network passes it, and the message if not."""
        first = abs(self.first_loss - np.log(SIZES[-1])) < 0.01
        return {
            "shapes": (not self.wrong_shapes, f"wrong for {_all(self.wrong_shapes)}"),
            "W and b": (not self.overwritten, "overwritten"),
            "first loss": (bool(first), f"{self.first_loss:.2f}"),
            "gradients": (not self.rejected, f"{len(self.rejected)} of {len(self.errors)} wrong"),
        }


def examine(name: str, number: int = 2, images: int = 10) -> Findings:
    """Plant a fault into a small network and check it.

    Args:
        name: a key of `FAULTS`.
        number: the layer that is broken.
        images: number of images on which the gradients are compared, 1 to 10.
    """
    rng = np.random.default_rng(3)
    x, t = rng.standard_normal((10, SIZES[0]))[:images], (np.arange(10) % 3)[:images]
    net = MultiLayerNet(SIZES, seed=1)
    for i, size in enumerate(SIZES[1:], start=1):
        net.params[f"b{i}"] = 0.3 * rng.standard_normal(size)
    plant(net, name, number)
    slow = net.numerical_gradient(x, t)
    before = {key: value.copy() for key, value in net.params.items()}
    fast = net.gradient(x, t)
    wrong = [key for key in before if fast[key].shape != before[key].shape]
    small = plant(MultiLayerNet(SIZES, weight_init_std=0.01, seed=1), name, number)
    return Findings(
        wrong_shapes=wrong,
        overwritten=[key for key in before if not np.array_equal(net.params[key], before[key])],
        first_loss=small.loss(x, t),
        errors={
            key: 1.0 if key in wrong else relative_error(fast[key], slow[key]) for key in before
        },
    )


def draw_findings(fault: str, number: int = 2, images: int = 10) -> tuple[Figure, str]:
    """Draw the relative error of each gradient, beside the verdicts; return also a sentence."""
    found = examine(fault, number, images)
    fig = plt.figure(figsize=(8.5, 3.5), layout="none")
    ax = fig.add_axes((0.07, 0.2, 0.56, 0.76))
    for i, (key, error) in enumerate(found.errors.items()):
        wrong = key in found.rejected
        style: dict[str, Any] = (
            {"color": VERMILLION, "hatch": "//", "edgecolor": "white"} if wrong else {}
        )
        ax.barh(i, max(error, 2e-13), left=1e-13, **({"color": BLUE} | style))
        if key in found.wrong_shapes:
            ax.text(2e-13, i, "wrong shape", va="center", color="white", weight="bold")
    ax.set_xscale("log")
    ax.set(xlim=(1e-13, 3), xlabel="relative error: below 1e-7 right, above 1e-2 wrong")
    ax.set_xticks([1e-12, 1e-7, 1e-2, 1], ["1e-12", "1e-7", "1e-2", "1"])
    ax.set_yticks(range(len(found.errors)), list(found.errors))
    ax.minorticks_off()
    ax.invert_yaxis()
    ax.grid(False)
    for limit in (1e-7, REJECTED):
        ax.axvline(limit, color="black", linestyle="--", linewidth=1.5)
    right = {
        "shapes": "fit",
        "W and b": "as before",
        "first loss": f"{found.first_loss:.2f}",
        "gradients": "agree",
    }
    failed = []
    for i, (check, (passes, wrong_words)) in enumerate(found.verdicts.items()):
        words = right[check] if passes else wrong_words
        mark, color = ("✓", BLUE) if passes else ("✗", VERMILLION)
        fig.text(0.66, 0.84 - 0.2 * i, f"{mark} {check}:\n    {words}", color=color, va="center")
        failed += [] if passes else [f"{check} ({words})"]
    noticed = f"Checks that fail: {_all(failed)}." if failed else "Every check passes."
    rest = f" Wrong gradients: {', '.join(found.rejected)}." if found.rejected else ""
    kind = FAULTS[fault].words.format(number)
    sentence = f"Layer {number}, {images} image{'s' * (images > 1)}: {kind}. {noticed}{rest}"
    return fig, sentence


def _all(words: list[str]) -> str:
    return " and ".join(words)
