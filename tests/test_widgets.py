"""Figures with controls, without a browser (tests/lectures has the rest)."""

from __future__ import annotations

import ipywidgets
import matplotlib.pyplot as plt
import pytest

from utils.widgets import (
    LiveFigure,
    choice,
    slider,
)


def draw(**values):
    """Draw a figure that depends on the values, with a sentence that names them."""
    fig, ax = plt.subplots(figsize=(2, 1))
    ax.set_title(str(values))
    return fig, f"A figure that was drawn for {values} & nothing <else>."


def test_a_figure_follows_its_controls():
    before = plt.get_fignums()
    live = LiveFigure(draw, "a test", n=slider("n", [1, 2, 5], 2), kind=choice("kind", ["a", "b"]))
    pictures, sentences = [live.figure.value], [live.sentence.value]
    live.controls["n"].value = "5"
    live.controls["kind"].value = "b"
    pictures.append(live.figure.value)
    sentences.append(live.sentence.value)
    assert "&#x27;n&#x27;: 2, &#x27;kind&#x27;: &#x27;a&#x27;" in sentences[0]
    assert "&#x27;n&#x27;: 5, &#x27;kind&#x27;: &#x27;b&#x27;" in sentences[1]
    assert pictures[0] != pictures[1]
    assert plt.get_fignums() == before, "figures must be closed"


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
