"""Figures with controls and the drawing pad, without a browser (tests/browser has the rest)."""

from __future__ import annotations

from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import widgets
from utils.functions import accuracy, softmax
from utils.mnist import load_mnist
from utils.networks import predict
from utils.weights import load_weights
from utils.widgets import DrawingPad, LiveFigure, as_mnist, choice, slider

# Figures with controls ------------------------------------------------------------------------


def draw(**values):
    """Draw a figure that depends on the values, with a sentence that names them."""
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.set_title(str(values))
    return fig, f"A figure that was drawn for {values} & nothing <else>."


def test_a_figure_follows_its_controls():
    live = LiveFigure(draw, "a test", n=slider("n", [1, 2, 5], 2), kind=choice("kind", ["a", "b"]))
    pictures, sentences = [live.figure.value], [live.sentence.value]
    live.controls["n"].value = "5"
    live.controls["kind"].value = "b"
    pictures.append(live.figure.value)
    sentences.append(live.sentence.value)
    assert "&#x27;n&#x27;: 2, &#x27;kind&#x27;: &#x27;a&#x27;" in sentences[0]
    assert "&#x27;n&#x27;: 5, &#x27;kind&#x27;: &#x27;b&#x27;" in sentences[1]
    assert pictures[0] != pictures[1]
    assert plt.get_fignums() == [], "figures must be closed"


def test_the_sentence_is_the_alternative_text_and_no_markup():
    live = LiveFigure(draw, "a test", n=slider("n", [1, 2]))
    assert "&amp; nothing &lt;else&gt;." in live.sentence.value
    assert "&amp; nothing &lt;else&gt;." in live.figure.value.split("src=")[0]
    assert 'role="status"' in live.sentence.value


def test_reset_sets_all_controls_back_and_draws_once():
    drawn, forgotten = [], []

    def count(**values):
        drawn.append(values)
        return draw(**values)

    controls = {"n": slider("n", [1, 2, 5], 2), "on": ipywidgets.Checkbox(value=False)}
    live = LiveFigure(count, "a test", on_reset=lambda: forgotten.append(1), **controls)
    controls["n"].value, controls["on"].value = "5", True
    drawn.clear()
    live.reset.click()
    assert drawn == [{"n": 2, "on": False}]
    assert forgotten == [1]
    controls["n"].value = "1"
    assert drawn[-1] == {"n": 1, "on": False}, "controls still work after a reset"


def test_an_error_is_said_in_place_and_the_picture_stays():
    def fails_at_two(n):
        if n == 2:
            raise ZeroDivisionError("n is <two>")
        return draw(n=n)

    live = LiveFigure(fails_at_two, "a test", n=slider("n", [1, 2]))
    before = live.figure.value
    live.controls["n"].value = "2"
    assert "ZeroDivisionError: n is &lt;two&gt;" in live.sentence.value
    assert live.figure.value == before
    live.controls["n"].value = "1"
    assert "fail" not in live.sentence.value


def test_an_error_at_the_start_is_raised():
    def fails(n):
        raise ZeroDivisionError("always")

    with pytest.raises(ZeroDivisionError, match="always"):
        LiveFigure(fails, "a test", n=slider("n", [1, 2]))
    with pytest.raises(ValueError, match="must be a full sentence"):
        LiveFigure(lambda n: (plt.figure(), "no"), "a test", n=slider("n", [1, 2]))
    plt.close("all")


def test_a_tuple_is_a_value_too():
    control = choice("shape", [(3, 1), (4,), ("none", ())], (4,))
    seen = []
    LiveFigure(lambda shape: seen.append(shape) or draw(shape=shape), "a test", shape=control)
    control.index = 0
    control.index = 2
    assert seen == [(4,), (3, 1), ()]


def test_none_is_a_value_like_any_other():
    control = choice("axis", [("None", None), ("0", 0), ("-1", -1)], None)
    seen = []
    live = LiveFigure(lambda axis: seen.append(axis) or draw(axis=axis), "a test", axis=control)
    control.index = 2  # as the browser sets it
    control.index = 0
    live.reset.click()
    assert seen == [None, -1, None, None]
    assert control.index == 0


@pytest.mark.parametrize("make", [slider, choice])
def test_a_control_starts_where_it_should(make):
    assert make("n", [1, 2, 3]).value == "1"
    assert make("n", [1, 2, 3], 3).value == "3"
    assert make("n", [("one", 1), ("two", 2)], 2).value == "two"
    assert make("n", [True, False], False).value == "False"
    with pytest.raises(ValueError, match="'n' cannot start at 7"):
        make("n", [1, 2, 3], 7)


# The drawing pad ------------------------------------------------------------------------------


def centre_of_mass(image):
    """Return row and column of the centre of mass."""
    return np.array([np.average(np.arange(28), weights=image.sum(axis=axis)) for axis in (1, 0)])


def test_an_empty_pad_is_an_empty_image():
    image = as_mnist(np.zeros((280, 280), np.uint8))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert not image.any()


def test_a_bar_is_scaled_to_20_pixels_and_centred():
    ink = np.zeros((280, 280), np.uint8)
    ink[30:130, 200:220] = 255  # 100 x 20 -> 20 x 4
    image = as_mnist(ink)
    rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
    assert (len(rows), len(columns)) == (20, 4)
    assert image.max() == 255
    np.testing.assert_allclose(centre_of_mass(image), 14, atol=0.51)


@given(
    top=st.integers(0, 130),
    left=st.integers(0, 130),
    scale=st.sampled_from([1, 2, 3]),
    seed=st.integers(0, 9),
)
def test_neither_place_nor_size_of_a_drawing_matters(top, left, scale, seed):
    shape = np.random.default_rng(seed).integers(1, 256, size=(40, 30))
    large = np.kron(shape, np.ones((scale, scale), int))
    ink = np.zeros((280, 280))
    ink[top : top + 40 * scale, left : left + 30 * scale] = large
    image = as_mnist(ink)
    np.testing.assert_allclose(image, as_mnist(shape), atol=1)  # rounded
    assert np.flatnonzero(image.any(axis=1)).size == 20
    np.testing.assert_allclose(centre_of_mass(image), 14, atol=0.51)


@pytest.mark.parametrize("width", [1, 2, 7, 280])
def test_lines_of_any_width_come_out(width):
    ink = np.zeros((280, 280), np.uint8)
    ink[:, :width] = 200
    image = as_mnist(ink)
    assert image.max() == 200
    assert np.flatnonzero(image.any(axis=1)).size == 20


def test_the_heavy_end_may_not_push_a_drawing_out():
    ink = np.zeros((280, 280), np.uint8)
    ink[0, 0] = ink[279, 279] = 1
    ink[250:, 250:] = 255
    image = as_mnist(ink)
    assert image[:20, :20].any()
    assert image.sum() > 255 * 2


@pytest.mark.slow
def test_enlarged_digits_in_a_corner_are_read_as_well_as_before(mnist_dir, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    x, t = (part[:1000] for part in load_mnist()[1])
    network, rng = load_weights("MNIST"), np.random.default_rng(0)
    again = np.zeros_like(x)
    for i, image in enumerate(x):
        scale = rng.integers(3, 9)
        top, left = rng.integers(0, 281 - 28 * scale, size=2)
        ink = np.zeros((280, 280))
        large = np.kron(image.reshape(28, 28), np.ones((scale, scale)))
        ink[top : top + 28 * scale, left : left + 28 * scale] = large
        again[i] = as_mnist(255 * ink).reshape(-1) / 255
    assert accuracy(predict(network, again), t) > accuracy(predict(network, x), t) - 0.01


def test_the_pad_asks_the_network_and_says_what_it_answers():
    asked = []

    def network(image):
        asked.append(image)
        return softmax(np.arange(10.0))

    pad = DrawingPad(network)
    ink = np.zeros((280, 280), np.uint8)
    ink[50:200, 100:120] = 255
    pad.set_state({"ink": memoryview(ink.tobytes())})  # as the browser sends it
    (image,) = asked
    assert image.shape == (784,)
    assert image.dtype == np.float32
    assert image.max() == 1
    np.testing.assert_array_equal(np.frombuffer(pad.seen, np.uint8), as_mnist(ink).reshape(-1))
    assert np.isclose(sum(pad.probabilities), 1)
    assert pad.sentence == "The network says 9 (63.2%), then 8 (23.3%)."
    pad.set_state({"ink": memoryview(bytes(280 * 280))})
    assert (pad.seen, pad.probabilities, pad.sentence) == (b"", [], "Draw a digit.")
    assert len(asked) == 1, "an empty pad is not a digit"


def test_the_pad_needs_no_network():
    for name in ("drawing_pad.js", "drawing_pad.css"):
        text = (Path(widgets.__file__).parent / "data" / name).read_text(encoding="utf-8")
        assert "//cdn" not in text
        assert "http" not in text
        assert "import " not in text.replace("important", "")
        assert "@import" not in text
