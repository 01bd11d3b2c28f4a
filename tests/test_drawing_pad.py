"""The drawing pad, without a browser (tests/lectures has the rest)."""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils import widgets
from utils.drawing_pad import filmstrip, stroke
from utils.functions import accuracy, softmax
from utils.mnist import load_mnist
from utils.networks import predict
from utils.weights import load_weights
from utils.widgets import (
    DrawingPad,
    as_mnist,
)


def centre_of_mass(image):
    """Return row and column of the centre of mass."""
    return np.array([np.average(np.arange(28), weights=image.sum(axis=axis)) for axis in (1, 0)])


def test_an_empty_pad_is_an_empty_image():
    image = as_mnist(np.zeros((280, 280), np.uint8))
    assert image.shape == (28, 28)
    assert image.dtype == np.uint8
    assert not image.any()


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


def test_a_stroke_is_as_wide_as_the_pen_and_goes_through_its_points():
    ink = stroke([(50, 100), (150, 100), (150, 200)], size=280, width=20)
    assert ink.dtype == np.uint8
    assert ink.shape == (280, 280)
    assert set(np.unique(ink)) == {0, 255}
    assert ink[100, 50] == ink[100, 100] == ink[200, 150] == 255
    assert np.flatnonzero(ink[:, 100]).tolist() == list(range(90, 111))  # y down, x to the right
    assert not ink[150:, :139].any()
    assert stroke([(10, 10), (10, 10)])[10, 10] == 255  # a dot


def test_a_filmstrip_shows_the_drawing_and_the_bars_after_each_stroke():
    asked = []

    def network(x):
        asked.append(x)
        return np.eye(10)[len(asked)]

    strokes = [[(50, 50), (50, 200)], [(200, 50), (200, 200)]]
    fig, y = filmstrip(strokes, network)
    np.testing.assert_array_equal(y, np.eye(10)[[1, 2]])
    first, second = (ax.images[0].get_array() for ax in fig.axes[:2])
    np.testing.assert_array_equal(first, stroke(strokes[0]))
    np.testing.assert_array_equal(second, np.maximum(first, stroke(strokes[1])))
    for image, drawing in zip(asked, (first, second), strict=True):
        assert image.dtype == np.float32
        np.testing.assert_allclose(255 * image, as_mnist(drawing).reshape(-1), atol=0.01)
    for row, ax in zip(y, fig.axes[2:], strict=True):
        np.testing.assert_array_equal([bar.get_height() for bar in ax.patches], row)
        assert ax.get_title() == f"{row.argmax()}: 100.0%"
    plt.close(fig)


def test_the_pad_needs_no_network():
    for name in ("drawing_pad.js", "drawing_pad.css"):
        text = (Path(widgets.__file__).parent / "data" / name).read_text(encoding="utf-8")
        assert "//cdn" not in text
        assert "http" not in text
        assert "import " not in text.replace("important", "")
        assert "@import" not in text
