"""What a lecture lets the reader move: figures with controls, a training run, the drawing pad.

A lecture puts a static figure before each of these, so that a page without a kernel teaches too.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import ipywidgets
from matplotlib.figure import Figure

from utils.controls import choice, row, slider, spoken, value_of
from utils.drawing_pad import DrawingPad, as_mnist
from utils.pictures import img

if TYPE_CHECKING:
    from utils.training_dashboard import TrainingDashboard, training_figure

__all__ = [
    "DrawingPad",
    "LiveFigure",
    "TrainingDashboard",
    "as_mnist",
    "choice",
    "slider",
    "training_figure",
]


def __getattr__(name: str) -> Any:
    """Import what trains only when it is asked for: where work is graded, `training` is blocked."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from utils import training_dashboard

    return getattr(training_dashboard, name)


class LiveFigure(ipywidgets.VBox):
    """A figure drawn anew when one of its controls moves, and a sentence that says what it shows.

    The sentence stands below the figure, is its alternative text, and is read out by a screen
    reader when it changes. "Reset" sets all controls back. Every control is an ipywidget, so it
    can be reached with Tab and moved with the arrow keys.

    Args:
        draw: called with one keyword argument per control; returns (figure, sentence), a full
            sentence. It should answer within 0.2 s. The figure is closed afterwards.
        name: what this figure is about, two or three words; tests find it by that.
        on_reset: called before the controls are set back, for a `draw` that remembers.
        **controls: ipywidgets with a `value`, by the name of the argument of `draw`.

    Raises:
        ValueError: the sentence is none. An error of `draw` is passed on at the start; later it is
            said below the figure, which stays as it was.

    Example:
        >>> def draw(power):
        ...     figure, axes = plt.subplots()
        ...     axes.plot(np.arange(5) ** power)
        ...     return figure, f"The curve of x to the power of {power}."
        >>> widget = LiveFigure(draw, "powers", power=slider("power", [1, 2, 3]))
    """

    def __init__(
        self,
        draw: Callable[..., tuple[Figure, str]],
        name: str,
        *,
        on_reset: Callable[[], None] | None = None,
        **controls: ipywidgets.ValueWidget,
    ):
        self._draw, self._on_reset, self.controls = draw, on_reset, controls
        self._start = {key: control.value for key, control in controls.items()}
        self.figure = ipywidgets.HTML()
        self.sentence = ipywidgets.HTML()
        self.reset = ipywidgets.Button(description="Reset", tooltip="Set all controls back")
        self.reset.on_click(lambda _: self._reset())
        for control in controls.values():
            control.observe(self._redraw, names="value")
        top = row([*controls.values(), self.reset])
        super().__init__([top, self.figure, self.sentence])
        self.add_class("live-figure")
        self.add_class("live-figure-" + name.replace(" ", "-"))
        self._show()
        # Modules and data are here to stay. Python would look through all of them now and then to
        # find garbage, half a second in the middle of a step.
        gc.collect()
        gc.freeze()

    def _show(self) -> None:
        values = {key: value_of(control) for key, control in self.controls.items()}
        figure, sentence = self._draw(**values)
        self.figure.value = img(figure, sentence)
        self.sentence.value = spoken(sentence)

    def _redraw(self, _change: object = None) -> None:
        """Draw after a control has moved; an error is said in place, as it would go unseen."""
        try:
            self._show()
        except Exception as error:
            self.sentence.value = spoken(f"These settings fail: {type(error).__name__}: {error}")

    def _reset(self) -> None:
        if self._on_reset is not None:
            self._on_reset()
        for key, control in self.controls.items():
            control.unobserve(self._redraw, names="value")
            control.value = self._start[key]
            control.observe(self._redraw, names="value")
        self._redraw()
