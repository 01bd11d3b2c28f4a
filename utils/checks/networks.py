"""Properties of a network: its weights and biases are arrays in the dict `params`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from utils.checks.context import hides, looks_at
from utils.checks.failures import PropertyError
from utils.checks.values import expect, in_shape, plain


def with_params(net: Any, params: dict[str, np.ndarray]) -> Any:
    """Set a network's parameters in place, as training does; return the network."""
    own = net.params
    if type(own) in (list, tuple, str) or own is None:
        what = f"`params` is a {type(own).__name__}, not a dict"
        raise PropertyError(what, "", "type", "params", blocks=True)
    for name, value in params.items():
        if name not in own:
            what, detail = "a name is missing in `params`", f'there is no "{name}"'
            raise PropertyError(what, detail, "missing", name, blocks=True)
        try:
            got = in_shape(own[name], value.shape, name)
        except PropertyError as error:
            error.blocks = True  # no method can be judged
            raise
        what = (
            f"`{name}` does not hold floats"
            if not hides()
            else "an array in `params` does not hold floats"
        )
        expect(got.dtype.kind == "f", what, f"its dtype is {got.dtype}", "dtype", name, True)
        own[name] += value - own[name]
    return net


def label_kinds(t: np.ndarray, num_classes: int) -> tuple[np.ndarray, ...]:
    """Return integer labels (N,) in the forms that a loss accepts: integers, one-hot (N, K)."""
    rows = np.eye(num_classes)[t]
    return t, t.astype(np.uint8), rows, rows.astype(int)


def normal(weights: Any, std: float) -> None:
    """Check that weights (D, H) are drawn from a normal distribution with mean 0.

    Args:
        weights: the weights of a new layer with D inputs and H units, at least a few thousand.
        std: the expected standard deviation; 20 % off is tolerated.
    """
    looks_at("side")
    w = plain(weights).astype(np.float64)
    expect(w.std() > 0, "all weights are equal, so all units of a layer stay equal", kind="equal")
    expect(0.8 * std < w.std() < 1.2 * std, "the standard deviation is wrong", kind="std")
    expect(abs(w.mean()) < 0.1 * std, "the mean is not near zero", kind="mean")
    least = min(w.std(axis=0).min(), w.std(axis=1).min())
    expect(least > 0.4 * std, "several units have the same weights", kind="equal")
    fourth = np.mean((w / w.std()) ** 4)  # 3 if normal, 1.8 if uniform
    what = "the numbers are not from a normal distribution"
    expect(2.5 < fourth < 3.5, what, kind="distribution")


def seeded(make: Callable[[int | None], Any], names: tuple[str, ...]) -> None:
    """Check that the named parameters of the network `make(seed)` depend on the seed alone."""
    looks_at("side")
    nets = [make(seed).params for seed in (0, 0, 1, 1, None, None)]
    for name in names:
        zero, zero_again, one, one_again, none, none_again = (
            plain(params[name]) for params in nets
        )
        same = np.array_equal(zero, zero_again) and np.array_equal(one, one_again)
        expect(same, "the same seed gave different weights", kind="seed")
        differ = not np.array_equal(zero, one)
        expect(differ, "different seeds gave the same weights", kind="seed")
        differ = not np.array_equal(none, none_again)
        expect(differ, "two networks without a seed have the same weights", kind="seed")
