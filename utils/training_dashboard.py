"""A training run to start, to watch and to stop, and the figure that it draws."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import ipywidgets
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from utils.controls import row, spoken, value_of
from utils.networks import MultiLayerNet
from utils.pictures import img
from utils.plots import BLUE, GREY, VERMILLION, grey_image, weight_image
from utils.training import History


class TrainingDashboard(ipywidgets.VBox):
    """A training run to start, watch and stop: progress bar, numbers, curves, a sentence.

    Training runs in a separate thread, so that the kernel stays free for the Stop button and for
    other cells. A kernel trains one run at a time: starting or making a second dashboard (as
    running its cell again does) stops the run of the first.

    Args:
        run: called in the thread with `watch` and one keyword argument per control. It trains with
            `utils.training.train(..., progress=False, on_step=watch)` and returns the history.
        draw: turns a history, of no steps at first, into (figure, sentence). It is called in the
            thread, too, so its figure is a `matplotlib.figure.Figure`: pyplot is for one thread.
        name: what is trained, two or three words; tests find the dashboard by that.
        **controls: ipywidgets with a `value`, by the name of the argument of `run`. They are
            disabled while training runs.

    Attributes:
        history: the history of the latest run so far; None before the first.
        thread: the thread of that run; None before the first.

    Raises:
        ValueError: the sentence of `draw` is not a sentence. An error of `draw` is raised at the
            start; later it ends the run and is shown below the figure, like an error of `run`.

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
        top = row([*controls.values(), self.start, self.stop])
        super().__init__([top, self.progress, self.figure, self.sentence])
        self.add_class("training-dashboard")
        self.add_class("training-dashboard-" + name.replace(" ", "-"))
        self._show(History())
        self._say("Nothing runs yet: choose, then press Start training.")
        self._end_what_runs("a dashboard was made anew")

    def close(self) -> None:
        """Remove the dashboard; its run ends after the current step."""
        self._run.stop_because = "the dashboard was closed"
        super().close()

    # In the kernel's threads: actions of the buttons

    def _on_start(self) -> None:
        """Start a run with the current settings, unless one is under way."""
        with self._lock:
            if TrainingDashboard._under_way is self._run:
                self._say("This run is still under way: press Stop before you start another.")
                return
            self._end_what_runs("another dashboard was started")
            try:
                self._run = TrainingDashboard._under_way = _Run()
                self._begin()
            except BaseException:  # the kernel was interrupted at this moment
                self._end_what_runs("the kernel was interrupted")
                self._rest("The start was interrupted: press Start training once more.")
                raise

    def _begin(self) -> None:
        """Show that the current run starts, and start its thread."""
        self.history = None
        for control in self.controls.values():
            control.disabled = True
        self._show(History(), picture=False)
        self._say(f"Training with {self._settings()}.")
        values = {key: value_of(control) for key, control in self.controls.items()}
        self.thread = threading.Thread(
            target=self._go_through, args=(self._run, values), daemon=True
        )
        self.thread.start()

    def _on_stop(self) -> None:
        """Ask the run to end; it checks after each step."""
        with self._lock:
            if TrainingDashboard._under_way is not self._run:
                self._say("Nothing runs, so there is nothing to stop: press Start training.")
                return
            self._run.stop_because = "you pressed Stop"
            self._say("Stopping after this step.")

    def _end_what_runs(self, why: str) -> None:
        """Ask the run of any dashboard to end, without waiting."""
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
        """Show the progress of this run, unless another one has been started since."""
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
        """Enable the controls, and show a sentence."""
        for control in self.controls.values():
            control.disabled = False
        self._say(sentence)

    def _say(self, sentence: str) -> None:
        self.sentence.value = spoken(sentence)

    def _show(self, history: History, picture: bool = True) -> None:
        """Show the progress of a run: bar, numbers and, with `picture`, the curves (slow)."""
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
    """One run of a dashboard; a non-empty `stop_because` asks it to end, and is the reason."""

    stop_because: str = ""


def _accuracies(history: History) -> str:
    if not history.epoch:
        return ""
    when = f"after epoch {history.epoch[-1]}" if history.epoch[-1] else "before training"
    rates = {
        "training": history.train_accuracy,
        "validation": history.validation_accuracy,
        "test": history.test_accuracy,
    }
    return f"Accuracy {when}: " + ", ".join(f"{k} {r[-1]:.2%}" for k, r in rates.items() if r) + "."


def training_figure(
    history: History, net: MultiLayerNet | None = None, digits: NDArray | None = None
) -> tuple[Figure, str]:
    """Draw a training run: the loss, the accuracies, and what the network has become.

    The strip below the curves shows the weights of the first hidden units as images and what the
    network says of some digits. It may be called in a thread.

    Args:
        history: of the run so far; without a step all panels are empty.
        net: the network in training, with inputs of 28 x 28 pixels.
        digits: images of shape (6, 784), in 0..1.

    Returns:
        The figure and a sentence with its numbers.
    """
    per_epoch, n = max(1, history.steps_per_epoch), len(history.loss)
    fig = Figure(figsize=(8.5, 4.2))
    fig.set_layout_engine("none")  # laid out by hand: draws in half the time
    left, right = (fig.add_axes((x, 0.43, 0.41, 0.5)) for x in (0.06, 0.57))
    width = max(1, n // 200)  # steps whose mean is one point of the curve
    loss = np.reshape(history.loss[: n - n % width], (-1, width)).mean(axis=1)
    with np.errstate(over="ignore"):
        top = np.clip(1.05 * max(history.loss, default=0), 2.6, 12)
    left.axhline(np.log(10), color=GREY, linestyle="--", linewidth=1.5, label="ln 10")
    left.plot((np.arange(len(loss)) + 0.5) * width / per_epoch, loss, "-", color=BLUE, label="loss")
    left.set(title="loss", ylim=(0, top if np.isfinite(top) else 12))
    rates = {"training": history.train_accuracy, "validation": history.validation_accuracy}
    for (name, values), mark in zip(rates.items(), ("o-", "s--"), strict=True):
        color = VERMILLION if name == "training" else BLUE
        right.plot(history.epoch[: len(values)], values, mark, color=color, label=name)
    latest = {name: values[-1] for name, values in rates.items() if values}
    far = min(latest.values()) if n and latest else 0
    right.set(title="accuracy", ylim=(0.8 if far > 0.85 else 0, 1.005))
    for ax in (left, right):
        ax.set(xlabel="epochs", xlim=(0, max(1, history.epochs)))
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.legend(loc="center right" if ax is left else "lower right")
    strip = fig.add_axes((0.01, 0, 0.98, 0.22))
    strip.axis("off")
    if not n:
        return fig, "Three empty panels wait for a run: loss, accuracy, weights and digits."
    on = " and ".join(f"{rate:.3f} on {name} images" for name, rate in latest.items())
    sentence = (
        f"After {n:,} of {per_epoch * history.epochs:,} steps the loss is "
        f"{np.mean(history.loss[-100:]):.2f}; the accuracy after epoch {history.epoch[-1]} is {on}."
    )
    if net is not None and digits is not None:
        says = net.predict(digits).argmax(axis=-1)  # (6, K) -> (6,)
        _draw_inside(strip, net.params["W1"], digits, says)
        sentence += f" It reads the six digits as {', '.join(map(str, says))}."
    return fig, sentence


def _draw_inside(ax: Axes, W1: NDArray, digits: NDArray, says: NDArray) -> None:
    """Draw columns of W1 as images, blue for positive weights, and digits, in one row of pictures.

    A single image for all of them, since each further pair of axes would take 10 ms.
    """
    units = min(6, W1.shape[1])
    strip = np.full((28, 32 * (units + len(digits)) + 8, 3), 255, np.uint8)
    titles = [f"unit {unit}" for unit in range(units)] + [f"says {digit}" for digit in says]
    pictures = [
        *(weight_image(W1[:, unit]) for unit in range(units)),
        *(grey_image(digit) for digit in digits),
    ]
    for i, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
        start = 32 * i + (8 if i >= units else 0)
        strip[:, start : start + 28] = picture
        ax.text(start + 13.5, -3, title, ha="center", va="bottom", size=11)
    ax.imshow(strip, interpolation="nearest")
