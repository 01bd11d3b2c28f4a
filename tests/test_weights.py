"""The trained weights are as good as promised, load without pickle, and are written whole."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from utils import weights
from utils.commands import weights as command
from utils.mnist import load_mnist
from utils.networks import MultiLayerNet, ThreeLayerNet
from utils.weights import GOAL, load_weights, train_weights, weights_file

SHAPES = {
    "W1": (784, 50),
    "b1": (50,),
    "W2": (50, 100),
    "b2": (100,),
    "W3": (100, 10),
    "b3": (10,),
}


# What is committed --------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["MNIST", "digits"])
def test_weights_of_784_50_100_10_fit_into_a_small_file(source):
    params = load_weights(source)
    assert {key: value.shape for key, value in params.items()} == SHAPES
    assert all(value.dtype == np.float32 for value in params.values())
    assert all(np.all(np.isfinite(value)) for value in params.values())
    assert weights_file(source).stat().st_size < 180_000


def test_mnist_weights_reach_0_97(mnist_dir, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    _, (x_test, t_test) = load_mnist()
    assert ThreeLayerNet(load_weights()).accuracy(x_test, t_test) >= 0.97


def test_the_stand_ins_weights_reach_their_goal(monkeypatch):
    monkeypatch.setenv("MNIST_DIR", "digits")
    _, (x_test, t_test) = load_mnist()
    assert ThreeLayerNet(load_weights()).accuracy(x_test, t_test) >= GOAL["digits"] >= 0.95


def test_each_source_has_weights_of_its_own(mnist_dir, monkeypatch):
    chosen = {}
    for source, folder in (("MNIST", str(mnist_dir)), ("digits", "digits")):
        monkeypatch.setenv("MNIST_DIR", folder)
        chosen[source] = load_weights()["W1"]
        np.testing.assert_array_equal(chosen[source], load_weights(source)["W1"])
    assert not np.array_equal(*chosen.values())


def test_what_was_loaded_belongs_to_the_caller():
    first = load_weights("MNIST")
    first["W1"][:] = 0
    assert load_weights("MNIST")["W1"].any()


def test_loading_imports_nothing_that_a_graded_notebook_may_not():
    code = "import sys, utils.weights; print(*(m for m in sys.modules if m.startswith('utils.')))"
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(weights.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    names = ("mnist", "mnist_download", "mnist_files", "mnist_stand_in", "weights")
    assert set(result.stdout.split()) == {f"utils.{name}" for name in names}


# Damaged files ----------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path, monkeypatch):
    """An empty folder in the place of `utils/data`."""
    monkeypatch.setattr(weights, "_DATA", tmp_path)
    return tmp_path


def saved(path, **changes):
    arrays = {key: np.zeros(shape, np.float32) for key, shape in SHAPES.items()} | changes
    np.savez_compressed(path, **{key: value for key, value in arrays.items() if value is not None})


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def truncated(path):
    saved(path)
    path.write_bytes(path.read_bytes()[:-100])


def damaged(path, position):
    rng = np.random.default_rng(0)
    saved(path, W1=rng.normal(size=SHAPES["W1"]).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[position : position + 100] = bytes(100)
    path.write_bytes(content)


class Surprise:
    """What a pickle could do: call any function."""

    def __reduce__(self):
        return pytest.fail, ("a weights file has run code",)


BAD = {
    "empty": lambda path: path.write_bytes(b""),
    "a web page": lambda path: path.write_text("<html>not found</html>"),
    "truncated": truncated,
    "damaged at its start": lambda path: damaged(path, 100),
    "damaged in the middle": lambda path: damaged(path, 5000),
    "a pickle inside": lambda path: saved(path, b3=np.array([Surprise()])),
    "one array": lambda path: path.write_bytes(npy(np.zeros(3))),
    "a folder": lambda path: path.mkdir(),
    "an array too few": lambda path: saved(path, b2=None),
    "an array too many": lambda path: saved(path, b4=np.zeros(3, np.float32)),
    "another shape": lambda path: saved(path, W2=np.zeros((100, 50), np.float32)),
    "another dtype": lambda path: saved(path, W2=np.zeros((50, 100))),
}


@pytest.mark.parametrize("make", BAD.values(), ids=BAD.keys())
def test_a_bad_file_is_an_error_that_names_it_and_says_what_to_do(make, data):
    path = data / "weights_mnist.npz"
    make(path)
    with pytest.raises(ValueError, match="utils weights") as caught:
        load_weights("MNIST")
    assert str(path) in str(caught.value)


def test_a_missing_file_says_how_to_get_it_back(data):
    with pytest.raises(FileNotFoundError, match="restore it with git") as caught:
        load_weights("digits")
    assert str(data / "weights_digits.npz") in str(caught.value)


@pytest.mark.parametrize("source", ["mnist", "", "../secret"])
def test_an_unknown_source_is_refused(source):
    with pytest.raises(ValueError, match="MNIST and digits"):
        load_weights(source)


# The command that trains them ---------------------------------------------------------------------


@pytest.fixture
def easy_mnist(data, monkeypatch):
    """Ten images that anyone can tell apart, in the place of MNIST."""
    images = np.repeat(np.eye(10, dtype=np.float32), 79, axis=1)[:, :784]  # (10, 784)
    train = np.tile(images, (40, 1)), np.tile(np.arange(10), 40)
    monkeypatch.setattr(weights, "data_source", lambda: "MNIST")
    monkeypatch.setattr(command, "data_source", lambda: "MNIST")
    monkeypatch.setattr(weights, "load_mnist", lambda: (train, (images, np.arange(10))))
    return data


def test_the_command_trains_and_writes_what_load_weights_reads(easy_mnist, capsys):
    assert command.main([]) == 0
    assert [path.name for path in easy_mnist.iterdir()] == ["weights_mnist.npz"]
    assert {key: value.shape for key, value in load_weights("MNIST").items()} == SHAPES
    printed = capsys.readouterr()
    assert "test accuracy 1.0000, written to" in printed.out
    assert printed.err == ""
    first = weights_file("MNIST").read_bytes()
    train_weights(progress=False)
    assert weights_file("MNIST").read_bytes() == first


@pytest.mark.parametrize(
    ("answer", "options", "agrees"),
    [(answer, [], False) for answer in ("", "n", "nonsense", None)]
    + [("y", [], True), ("Yes ", [], True), (None, ["--yes"], True)],
)
def test_existing_weights_stay_unless_the_user_agrees(
    easy_mnist, monkeypatch, capsys, answer, options, agrees
):
    weights_file("MNIST").write_text("the old ones")
    monkeypatch.setattr("sys.stdin.isatty", lambda: answer is not None, raising=False)
    monkeypatch.setattr("builtins.input", lambda question: answer)
    assert command.main(options) == (not agrees)
    printed = capsys.readouterr()
    if agrees:
        assert load_weights("MNIST")
        return
    assert weights_file("MNIST").read_text() == "the old ones"
    assert "is left as it was" in printed.out
    assert ("give --yes to agree" in printed.err) == (answer is None)


def test_below_the_goal_nothing_is_written(easy_mnist, monkeypatch, capsys):
    monkeypatch.setitem(GOAL, "MNIST", 1.01)
    weights_file("MNIST").write_text("the old ones")
    assert command.main([]) == 1
    assert weights_file("MNIST").read_text() == "the old ones"
    assert "the goal is 1.01" in capsys.readouterr().out


def test_an_interrupt_ends_all_of_the_training_and_writes_nothing(easy_mnist, monkeypatch, capsys):
    steps = []

    def interrupt(self, x, t):
        steps.append(len(x))
        raise KeyboardInterrupt

    monkeypatch.setattr(MultiLayerNet, "loss_and_gradient", interrupt)
    assert command.main([]) == 1
    assert len(steps) == 1
    assert not list(easy_mnist.iterdir())
    assert "training was stopped" in capsys.readouterr().out


def test_the_command_takes_no_arguments(capsys):
    assert command.main(["--epochs", "3"]) == 2
    assert "MNIST_DIR" in capsys.readouterr().out
