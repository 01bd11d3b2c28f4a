"""What a lecture lets the reader move: figures with controls, a training run, the drawing pad.

A lecture puts a static figure before each of these, so that a page without a kernel teaches too.
"""

from __future__ import annotations

import gc
import html
import math
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar

import ipywidgets
from matplotlib.figure import Figure

from utils.drawing_pad import DrawingPad, as_mnist
from utils.plots import img
from utils.training import History

__all__ = ["DrawingPad", "LiveFigure", "TrainingDashboard", "as_mnist", "choice", "slider"]

# Figures with controls ------------------------------------------------------------------------

FIRST = object()  # as a start: the first of the values


def slider(label: str, values: Iterable, start: object = FIRST) -> ipywidgets.SelectionSlider:
    """Return a slider over a few given values.

    Args:
        label: what moves.
        values: its positions from left to right, or (text, value) pairs.
        start: the value to begin with; the first if left out.

    Raises:
        ValueError: `start` is not among the values.
    """
    return _selection(ipywidgets.SelectionSlider, label, values, start)


def choice(label: str, values: Iterable, start: object = FIRST) -> ipywidgets.ToggleButtons:
    """Return a row of buttons of which one is pressed.

    Args:
        label: what is chosen.
        values: the choices, or (text, value) pairs.
        start: the value to begin with; the first if left out.

    Raises:
        ValueError: `start` is not among the values.
    """
    return _selection(ipywidgets.ToggleButtons, label, values, start)


def _selection(kind: type, label: str, values: Iterable, start: object) -> ipywidgets.Widget:
    """Return a control whose own value is a text; `meaning` has the value for each text.

    ipywidgets takes the value None for "nothing is selected", but it is a fair value of an axis.
    """
    pairs = [value if _is_pair(value) else (str(value), value) for value in values]
    begin = [text for text, value in pairs if start is FIRST or value is start or value == start]
    if not begin:
        raise ValueError(f"{label!r} cannot start at {start!r}: it is not among its values")
    control = kind(description=label, options=[text for text, _ in pairs], value=begin[0])
    control.meaning = dict(pairs)
    return control


def _is_pair(value: object) -> bool:
    """Say whether this is (text, value), and not a value that happens to be a tuple."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def _value(control: ipywidgets.ValueWidget) -> object:
    """Return what a control stands for."""
    return control.meaning[control.value] if hasattr(control, "meaning") else control.value


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
        row = _row([*controls.values(), self.reset])
        super().__init__([row, self.figure, self.sentence])
        self.add_class("live-figure")
        self.add_class("live-figure-" + name.replace(" ", "-"))
        self._show()
        # Modules and data are here to stay. Python would look through all of them now and then to
        # find garbage, half a second in the middle of a step.
        gc.collect()
        gc.freeze()

    def _show(self) -> None:
        """Draw with the present values."""
        values = {key: _value(control) for key, control in self.controls.items()}
        figure, sentence = self._draw(**values)
        self.figure.value = img(figure, sentence)
        self.sentence.value = _spoken(sentence)

    def _redraw(self, _change: object = None) -> None:
        """Draw after a control has moved; an error is said in place, as it would go unseen."""
        try:
            self._show()
        except Exception as error:
            self.sentence.value = _spoken(f"These settings fail: {type(error).__name__}: {error}")

    def _reset(self) -> None:
        """Set all controls back and draw once."""
        if self._on_reset is not None:
            self._on_reset()
        for key, control in self.controls.items():
            control.unobserve(self._redraw, names="value")
            control.value = self._start[key]
            control.observe(self._redraw, names="value")
        self._redraw()


def _row(controls: list[ipywidgets.Widget]) -> ipywidgets.HBox:
    """Return controls side by side, wide enough for what they say."""
    for control in controls:
        if isinstance(control, ipywidgets.SelectionSlider):
            control.layout.width = "28em"
        if isinstance(control, ipywidgets.ToggleButtons):
            control.style.button_width = "auto"
        if isinstance(control, ipywidgets.ValueWidget):
            control.style.description_width = "initial"
    layout = ipywidgets.Layout(
        flex_flow="row wrap",
        align_items="flex-end",
        grid_gap="0.2em 1.2em",  # between lines, between controls
    )
    return ipywidgets.HBox(controls, layout=layout)


def _spoken(sentence: str) -> str:
    """Return a sentence as HTML that screen readers read out when it changes."""
    return f'<p role="status" style="margin: 0.3em 0">{html.escape(sentence)}</p>'


# Training to watch -----------------------------------------------------------------------------


class TrainingDashboard(ipywidgets.VBox):
    """A training run to start, to watch and to stop: progress bar, numbers, curves, a sentence.

    Training runs in a thread of its own, so that the kernel stays free for the Stop button and for
    other cells. One kernel trains one run at a time: starting a second dashboard, or making one (as
    running its cell again does), stops the run of the first.

    Args:
        run: called in the thread with `watch` and one keyword argument per control. It trains with
            `utils.training.train(..., progress=False, on_step=watch)` and returns the history.
        draw: turns a history, of no steps at first, into (figure, sentence). It is called in the
            thread, too, so its figure is a `matplotlib.figure.Figure`: pyplot is for one thread.
        name: what is trained, two or three words; tests find the dashboard by that.
        **controls: ipywidgets with a `value`, by the name of the argument of `run`. They rest while
            training runs.

    Attributes:
        history: of the latest run, as far as it has come; None before the first.
        thread: in which that run trains or has trained; None before the first.

    Raises:
        ValueError: the sentence of `draw` is none. An error of `draw` is passed on at the start;
            later it ends the run and is said below the figure, like one of `run`.

    Example:
        >>> def run(watch, lr):
        ...     net = TwoLayerNet(784, 50, 10)
        ...     return train(
        ...         net, x_train, t_train, optimizer=SGD(lr), progress=False, on_step=watch
        ...     )
        >>> dashboard = TrainingDashboard(run, draw, "digits", lr=slider("lr", [0.1, 1]))
    """

    PAUSE = 0.2  # seconds from one look at the numbers to the next, at least
    SHARE = 0.2  # of the time may go into drawing

    _lock: ClassVar = threading.RLock()  # Start, Stop and the end of a run: one after the other
    _under_way: ClassVar[_Run | None] = None  # of all dashboards

    def __init__(
        self,
        run: Callable[..., History],
        draw: Callable[[History], tuple[Figure, str]],
        name: str,
        **controls: ipywidgets.ValueWidget,
    ):
        self._train, self._draw, self.controls = run, draw, controls
        self.history: History | None = None
        self.thread: threading.Thread | None = None
        self._run = _Run()  # the latest
        self.start = ipywidgets.Button(description="Start training", button_style="primary")
        self.stop = ipywidgets.Button(description="Stop")
        self.start.on_click(lambda _: self._on_start())
        self.stop.on_click(lambda _: self._on_stop())
        self.progress, self.figure, self.sentence = (ipywidgets.HTML() for _ in range(3))
        row = _row([*controls.values(), self.start, self.stop])
        super().__init__([row, self.progress, self.figure, self.sentence])
        self.add_class("training-dashboard")
        self.add_class("training-dashboard-" + name.replace(" ", "-"))
        self._show(History())
        self._say("Nothing runs yet: choose, then press Start training.")
        self._end_what_runs("a dashboard was made anew")

    def close(self) -> None:
        """Take the dashboard away; a run of it ends after its present step."""
        self._run.stop_because = "the dashboard was closed"
        super().close()

    # In the kernel's threads: what the buttons do

    def _on_start(self) -> None:
        """Begin a run with the present settings, unless one is under way."""
        with self._lock:
            if TrainingDashboard._under_way is self._run:
                self._say("This run is still under way: press Stop before you start another.")
                return
            self._end_what_runs("another dashboard was started")
            try:
                self._run = TrainingDashboard._under_way = _Run()
                self._begin()
            except BaseException:  # the kernel was interrupted, in just this moment
                self._end_what_runs("the kernel was interrupted")
                self._rest("The start was interrupted: press Start training once more.")
                raise

    def _begin(self) -> None:
        """Show that the present run begins, and let its thread go."""
        self.history = None
        for control in self.controls.values():
            control.disabled = True
        self._show(History(), picture=False)
        self._say(f"Training with {self._settings()}.")
        values = {key: _value(control) for key, control in self.controls.items()}
        self.thread = threading.Thread(
            target=self._go_through, args=(self._run, values), daemon=True
        )
        self.thread.start()

    def _on_stop(self) -> None:
        """Ask the run to end; it looks after each step."""
        with self._lock:
            if TrainingDashboard._under_way is not self._run:
                self._say("Nothing runs, so there is nothing to stop: press Start training.")
                return
            self._run.stop_because = "you pressed Stop"
            self._say("Stopping after this step.")

    def _end_what_runs(self, why: str) -> None:
        """Ask the run of any dashboard to end, and wait for nothing."""
        with self._lock:
            if TrainingDashboard._under_way is not None:
                TrainingDashboard._under_way.stop_because = why
                TrainingDashboard._under_way = None

    # In the thread of the run

    def _go_through(self, run: _Run, values: dict) -> None:
        """Train, and say how it ended."""
        next_numbers = next_picture = began = time.monotonic()
        watched = False

        def watch(history: History) -> bool:
            nonlocal next_numbers, next_picture, watched
            watched = True
            before = time.monotonic()
            if before >= next_numbers:
                picture = before >= next_picture
                self._follow(run, history, picture=picture)
                after = time.monotonic()
                next_numbers = after + self.PAUSE
                if picture:
                    next_picture = after + (after - before) / self.SHARE
            return bool(run.stop_because)

        try:
            history = self._train(watch=watch, **values)
            if not isinstance(history, History):
                raise TypeError(f"`run` must return the History of `train`, not {history!r}")
            if history.loss and not watched:
                raise TypeError("`run` must hand on_step=watch to `train`, or nothing can be seen")
            self._follow(run, history)
            end = self._end(history, run.stop_because, time.monotonic() - began)
        except BaseException as error:  # a thread's own traceback would go unseen
            end = f"Training failed with {type(error).__name__}: {error}"
        with self._lock:
            if TrainingDashboard._under_way is run:
                TrainingDashboard._under_way = None
            if run is self._run:  # and not one that has been started since
                self._rest(end)

    def _follow(self, run: _Run, history: History, *, picture: bool = True) -> None:
        """Show how far this run has come, unless another one has been started since."""
        if run is self._run:
            self.history = history
            self._show(history, picture)

    def _end(self, history: History, stop_because: str, seconds: float) -> str:
        """Return the last sentence of a run."""
        steps = f"{len(history.loss):,} of {history.epochs * history.steps_per_epoch:,} steps"
        took = f"{steps} with {self._settings()} in {seconds:.1f} s"
        if not history.stopped:
            return f"Finished: {took}. {_accuracies(history)}"
        if history.loss and not math.isfinite(history.loss[-1]):
            return f"The loss became {history.loss[-1]} after {took}: try a smaller learning rate."
        because = f"because {stop_because}" if stop_because else "by `run` itself"
        if history.epoch[-1:] == [0]:
            return f"Stopped within the first epoch, {because}: {took}."
        return f"Stopped, {because}: {took}. {_accuracies(history)}"

    def _settings(self) -> str:
        return ", ".join(f"{c.description} {c.value}" for c in self.controls.values())

    def _rest(self, sentence: str) -> None:
        """Give the controls back, and say why."""
        for control in self.controls.values():
            control.disabled = False
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        self.sentence.value = _spoken(sentence)

    def _show(self, history: History, picture: bool = True) -> None:
        """Show how far a run has come: bar, numbers and, which takes time, curves."""
        done, total = len(history.loss), history.epochs * history.steps_per_epoch
        numbers = "no step yet"
        if done:
            epoch = math.ceil(done / history.steps_per_epoch)
            recent = sum(history.loss[-100:]) / len(history.loss[-100:])
            numbers = (
                f"step {done:,} of {total:,}, epoch {epoch} of {history.epochs}, "
                f"loss {recent:.4f}. {_accuracies(history)}"
            )
        curves = img(*self._draw(history)) if picture else self.figure.value
        self.progress.value = (
            f'<progress aria-label="Steps of training done" max="{max(1, total)}" value="{done}" '
            f'style="width: 100%; height: 1.2em"></progress><p style="margin: 0">{numbers}</p>'
        )
        self.figure.value = curves


@dataclass(eq=False)
class _Run:
    """One run of a dashboard; not empty, `stop_because` asks it to end, and says why."""

    stop_because: str = ""


def _accuracies(history: History) -> str:
    """Return the latest accuracies as a sentence."""
    if not history.epoch:
        return ""
    when = f"after epoch {history.epoch[-1]}" if history.epoch[-1] else "before training"
    on_test = f", test {history.test_accuracy[-1]:.2%}" if history.test_accuracy else ""
    return f"Accuracy {when}: training {history.train_accuracy[-1]:.2%}{on_test}."
