"""The training dashboard, without a browser (tests/lectures has the rest)."""

from __future__ import annotations

import threading

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.figure import Figure

from utils.networks import TwoLayerNet
from utils.plots import weight_image
from utils.training import SGD, History, train
from utils.widgets import (
    TrainingDashboard,
    choice,
    slider,
    training_figure,
)

X = np.random.default_rng(0).normal(size=(40, 4))


T = X[:, :3].argmax(axis=1)


PATIENCE = 60  # seconds until a thread counts as stuck


class Gate:
    """A training run whose steps wait for the test: `let_pass(n)`, or `open` for all of them."""

    def __init__(self, **options):
        self.options = {"epochs": 3, "batch_size": 10, **options}  # 12 steps of 4 an epoch
        self.steps = threading.Semaphore(0)
        self.at_the_gate = threading.Semaphore(0)
        self.open = False
        self.nets = []

    def run(self, watch, hidden=5, lr=0.1):
        net = TwoLayerNet(4, hidden, 3, seed=0)
        self.nets.append(net)

        def on_step(history):
            stop = watch(history)
            self.at_the_gate.release()
            if not self.open:
                assert self.steps.acquire(timeout=PATIENCE)
            return stop or watch(history)

        return train(
            net, X, T, X, T, optimizer=SGD(lr), progress=False, on_step=on_step, **self.options
        )

    def wait_for_a_step(self):
        assert self.at_the_gate.acquire(timeout=PATIENCE)

    def let_all_pass(self):
        self.open = True
        self.steps.release(100)


def draw_history(history):
    """Draw a history with a sentence of its number of steps."""
    figure = Figure(figsize=(2, 1))
    figure.subplots().plot(history.loss)
    return figure, f"The loss of {len(history.loss)} steps of training."


def board(run, draw=draw_history, **controls):
    controls = controls or {"hidden": slider("hidden units", [5, 8]), "lr": slider("rate", [0.1])}
    return TrainingDashboard(run, draw, "a test", **controls)


def ended(dashboard):
    """Wait for the end of a run; return its last sentence, without markup."""
    dashboard.thread.join(PATIENCE)
    assert not dashboard.thread.is_alive()
    return said(dashboard)


def said(dashboard):
    return dashboard.sentence.value.partition(">")[2].removesuffix("</p>")


def test_nothing_runs_before_start_and_there_is_an_empty_picture():
    gate = Gate()
    dashboard = board(gate.run)
    assert gate.nets == []
    assert dashboard.thread is dashboard.history is None
    assert said(dashboard) == "Nothing runs yet: choose, then press Start training."
    assert "The loss of 0 steps" in dashboard.figure.value
    assert 'value="0"' in dashboard.progress.value
    dashboard.stop.click()
    assert said(dashboard).startswith("Nothing runs, so there is nothing to stop")


def test_a_whole_run_is_that_of_train_and_says_so():
    plt.close("all")  # of other tests
    gate = Gate()
    gate.open = True
    dashboard = board(gate.run)
    dashboard.controls["hidden"].value = "8"
    dashboard.start.click()
    end = ended(dashboard)
    assert end.startswith("Finished: 12 of 12 steps with hidden units 8, rate 0.1 in ")
    same = TwoLayerNet(4, 8, 3, seed=0)
    history = train(same, X, T, X, T, epochs=3, batch_size=10, optimizer=SGD(0.1), progress=False)
    assert dashboard.history == history
    np.testing.assert_array_equal(gate.nets[0].params["W1"], same.params["W1"])
    rate = f"{history.train_accuracy[-1]:.2%}"
    assert end.endswith(f"Accuracy after epoch 3: training {rate}, test {rate}.")
    assert 'max="12" value="12"' in dashboard.progress.value
    assert f"step 12 of 12, epoch 3 of 3, loss {np.mean(history.loss):.4f}." in (
        dashboard.progress.value
    )
    assert "The loss of 12 steps" in dashboard.figure.value
    assert plt.get_fignums() == []


def test_validation_accuracy_is_told_between_training_and_test():
    def run(watch, lr):
        data = {"validation": (X[:7], T[:7]), "epochs": 1, "progress": False}
        return train(TwoLayerNet(4, 5, 3, seed=0), X, T, X, T, **data, on_step=watch)

    dashboard = board(run, lr=slider("rate", [0.1]))
    dashboard.start.click()
    history = (ended(dashboard), dashboard.history)[1]
    rates = history.train_accuracy, history.validation_accuracy, history.test_accuracy
    told = [f"{rate[-1]:.2%}" for rate in rates]
    assert said(dashboard).endswith(f"training {told[0]}, validation {told[1]}, test {told[2]}.")


def test_the_figure_of_a_run_shows_curves_weights_and_answers():
    digits = np.zeros((6, 784), np.float32)
    digits[:, 400:430] = 1
    net = TwoLayerNet(784, 8, 10, seed=0)
    empty, sentence = training_figure(History(), net, digits)
    assert sentence.startswith("Three empty panels")
    assert not empty.axes[2].images
    history = History([2.5, 2.0], [0, 1], [0.1, 0.5], [], False, 2, 1, [0.2, 0.4])
    figure, sentence = training_figure(history, net, digits)
    assert "After 2 of 2 steps the loss is 2.25" in sentence
    assert "0.500 on training images and 0.400 on validation images" in sentence
    says = net.predict(digits).argmax(axis=1)
    assert sentence.endswith(f"the six digits as {', '.join(map(str, says))}.")
    left, right, strip = figure.axes
    np.testing.assert_allclose(left.lines[1].get_ydata(), history.loss)
    assert [list(line.get_ydata()) for line in right.lines] == [[0.1, 0.5], [0.2, 0.4]]
    (picture,) = strip.images
    pixels = picture.get_array()
    for unit in range(6):
        shown = pixels[:, 32 * unit : 32 * unit + 28]
        np.testing.assert_array_equal(shown, weight_image(net.params["W1"][:, unit]))
    np.testing.assert_array_equal(pixels[:, 200:228, 0], 255 * digits[0].reshape(28, 28))
    titles = [text.get_text() for text in strip.texts]
    assert titles == [f"unit {unit}" for unit in range(6)] + [f"says {digit}" for digit in says]


def test_the_figure_of_a_run_with_two_hidden_units_or_without_a_network():
    net = TwoLayerNet(784, 2, 10, seed=0)
    history = History([2.3], [0], [0.1], [], False, 1, 1, [0.1])
    figure, _ = training_figure(history, net, np.zeros((6, 784)))
    assert len(figure.axes[2].texts) == 8
    figure, sentence = training_figure(history)
    assert not figure.axes[2].images
    assert "six digits" not in sentence


def test_numbers_move_and_controls_rest_while_training_runs():
    gate = Gate()
    dashboard = board(gate.run)
    dashboard.PAUSE, dashboard.SHARE = 0, np.inf  # a picture at each step
    dashboard.start.click()
    seen = []
    for _ in range(3):
        gate.wait_for_a_step()
        seen.append(dashboard.progress.value)
        assert all(control.disabled for control in dashboard.controls.values())
        assert said(dashboard) == "Training with hidden units 5, rate 0.1."
        gate.steps.release()
    assert [f"step {n} of 12, epoch 1 of 3" in page for n, page in enumerate(seen, 1)] == [True] * 3
    assert "Accuracy before training" in seen[0]
    gate.let_all_pass()
    ended(dashboard)
    assert not any(control.disabled for control in dashboard.controls.values())


def test_pictures_wait_where_drawing_would_take_too_much_of_the_time():
    gate = Gate()
    dashboard = board(gate.run)
    dashboard.PAUSE, dashboard.SHARE = 0, 1e-9
    dashboard.start.click()
    for _ in range(3):
        gate.wait_for_a_step()
        gate.steps.release()
    gate.wait_for_a_step()
    assert "The loss of 1 steps" in dashboard.figure.value
    assert "step 1 of 12" not in dashboard.progress.value
    gate.let_all_pass()
    ended(dashboard)
    assert "The loss of 12 steps" in dashboard.figure.value


def test_stop_ends_the_run_early_and_it_can_be_started_again():
    gate = Gate()
    dashboard = board(gate.run)
    dashboard.start.click()
    gate.wait_for_a_step()
    gate.steps.release(6)
    for _ in range(6):
        gate.wait_for_a_step()
    dashboard.stop.click()
    assert said(dashboard) == "Stopping after this step."
    gate.let_all_pass()
    end = ended(dashboard)
    assert end.startswith("Stopped, because you pressed Stop: 7 of 12 steps with ")
    assert "Accuracy after epoch 1:" in end
    assert dashboard.history.stopped
    assert len(dashboard.history.loss) == 7
    dashboard.start.click()
    assert ended(dashboard).startswith("Finished: 12 of 12 steps")


def test_a_second_start_changes_nothing():
    gate = Gate()
    dashboard = board(gate.run)
    dashboard.start.click()
    gate.wait_for_a_step()
    thread = dashboard.thread
    dashboard.start.click()
    assert said(dashboard) == "This run is still under way: press Stop before you start another."
    assert dashboard.thread is thread
    gate.let_all_pass()
    assert ended(dashboard).startswith("Finished: 12 of 12 steps")
    assert len(gate.nets) == 1


def test_one_run_at_a_time():
    gates = [Gate(), Gate()]
    first, second = (board(gate.run) for gate in gates)
    first.start.click()
    gates[0].wait_for_a_step()
    second.start.click()
    gates[1].wait_for_a_step()
    first.stop.click()
    assert said(first).startswith("Nothing runs")
    gates[0].let_all_pass()
    assert "because another dashboard was started: 1 of 12 steps" in ended(first)
    third = board(Gate().run)
    gates[1].let_all_pass()
    assert "because a dashboard was made anew: 1 of 12 steps" in ended(second)
    assert said(third).startswith("Nothing runs yet")


def test_a_run_that_has_to_go_leaves_the_next_one_alone():
    gates = [Gate(), Gate()]
    first, second = (board(gate.run) for gate in gates)
    first.start.click()
    gates[0].wait_for_a_step()
    old = first.thread
    second.start.click()
    first.start.click()  # before its first run has noticed
    gates[0].wait_for_a_step()
    assert first.thread is not old
    gates[0].let_all_pass()
    gates[1].let_all_pass()
    old.join(PATIENCE)
    assert ended(first).startswith("Finished: 12 of 12 steps")
    ended(second)
    assert len(first.history.loss) == 12


def test_closing_ends_the_run():
    gate = Gate()
    dashboard = board(gate.run)
    dashboard.start.click()
    gate.wait_for_a_step()
    dashboard.close()
    gate.let_all_pass()
    assert "because the dashboard was closed: 1 of 12 steps" in ended(dashboard)
    again = board(Gate(epochs=0).run)
    again.start.click()
    assert ended(again).startswith("Finished: 0 of 0 steps")


def test_a_start_shows_no_steps_of_the_run_before():
    gate, may_begin = Gate(), threading.Event()
    gate.open = True

    def run(**values):
        assert may_begin.wait(PATIENCE)
        return gate.run(**values)

    dashboard = board(run)
    for _ in range(2):
        may_begin.clear()
        dashboard.start.click()
        assert 'value="0"' in dashboard.progress.value
        assert "no step yet" in dashboard.progress.value
        may_begin.set()
        ended(dashboard)
        assert 'max="12" value="12"' in dashboard.progress.value


@pytest.mark.parametrize("started", [False, True], ids=["before", "after"])
def test_an_interrupt_while_a_run_starts_leaves_a_dashboard_at_rest(monkeypatch, started):
    gate = Gate()
    dashboard = board(gate.run)
    start = threading.Thread.start

    def interrupted(thread):
        if started:
            start(thread)
            gate.wait_for_a_step()
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", interrupted)
        with pytest.raises(KeyboardInterrupt):
            dashboard.start.click()
    assert said(dashboard) == "The start was interrupted: press Start training once more."
    assert not any(control.disabled for control in dashboard.controls.values())
    gate.let_all_pass()
    if started:
        assert "because the kernel was interrupted: 1 of 12 steps" in ended(dashboard)
    dashboard.start.click()
    assert ended(dashboard).startswith("Finished: 12 of 12 steps")


def no_history(watch, rate):
    return "done"


def not_watched(watch, rate):
    return train(TwoLayerNet(4, 5, 3), X, T, epochs=1, progress=False)


def failing(watch, rate):
    raise ZeroDivisionError("at <step> 1")


@pytest.mark.parametrize(
    ("run", "sentence"),
    [
        (failing, "Training failed with ZeroDivisionError: at &lt;step&gt; 1"),
        (no_history, "must return the History of `train`, not &#x27;done&#x27;"),
        (not_watched, "must hand on_step=watch to `train`"),
    ],
)
def test_what_goes_wrong_is_said_in_place_and_can_be_tried_again(run, sentence):
    dashboard = board(run, rate=slider("rate", [1, 2]))
    for _ in range(2):
        dashboard.start.click()
        assert sentence in ended(dashboard)
        assert not dashboard.controls["rate"].disabled


def test_a_loss_of_nan_is_said_with_what_to_do(capsys):
    gate = Gate()
    gate.open = True
    dashboard = board(gate.run, lr=choice("rate", [1e308]))
    dashboard.start.click()
    end = ended(dashboard)
    assert end.startswith("The loss became ")
    assert end.endswith(": try a smaller learning rate.")
    assert capsys.readouterr().err == ""


def test_a_picture_that_fails_is_said_too():
    def draw(history):
        assert not history.loss, "cannot draw a loss"
        return draw_history(history)

    dashboard = board(Gate().run, draw)
    dashboard.start.click()
    assert ended(dashboard).startswith("Training failed with AssertionError: cannot draw a loss")
    with pytest.raises(ValueError, match="must be a full sentence"):
        board(Gate().run, lambda history: (Figure(), "no"))


def test_a_run_may_stop_itself():
    def run(watch, hidden, lr):
        net = TwoLayerNet(4, hidden, 3)
        watch_once = lambda history: watch(history) or len(history.loss) == 3  # noqa: E731
        return train(net, X, T, batch_size=10, progress=False, on_step=watch_once)

    dashboard = board(run)
    dashboard.start.click()
    assert ended(dashboard).startswith("Stopped within the first epoch, by `run` itself: 3 of 40")
