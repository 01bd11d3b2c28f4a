"""The figures in the last cell of a problem set, made with the student's own functions.

Matplotlib is imported only when a figure is drawn: that takes longer than everything else in most
submissions, and grading does not need these figures.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from utils.system import figures_wanted, left_out

_TEMPERATURES = "At a low temperature one class takes all; at a high one all are alike."


def temperatures(softmax: Callable, scores: NDArray) -> None:
    """Draw what softmax makes of scores divided by a temperature.

    Args:
        softmax: the student's function.
        scores: shape (K,), one for each class.
    """
    values = np.geomspace(0.1, 20, 200)  # (200,)
    try:
        y = softmax(scores / values[:, np.newaxis])  # (K,) / (200, 1) -> (200, K)
    except NotImplementedError:
        print("This figure needs your softmax.")
        return
    if figures_wanted() != "all":
        print(left_out(_TEMPERATURES))
        return

    import matplotlib.pyplot as plt

    from utils import plots

    with plt.style.context(plots.STYLE):
        fig, ax = plt.subplots()
        for k, score in enumerate(scores):
            ax.plot(values, y[:, k], label=f"class {k}, score {score:g}")
        ax.axvline(1, color=plots.GREY, linewidth=1)
        ax.set_xscale("log")
        ax.set_xticks([0.1, 1, 10], ["0.1", "1", "10"])
        ax.set(xlabel="temperature $T$", ylabel="probability", ylim=(0, 1))
        ax.legend()
        plots.show(fig, _TEMPERATURES)
