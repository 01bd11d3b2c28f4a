"""Figures: their alternative text, their bytes, and the style they share."""

import base64
import io
import re
import warnings

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from utils import payoffs, pictures, plots
from utils.pictures import fewer_colours
from utils.system import FIGURES

SENTENCE = "A line rises from one to three & stays <there>."


@pytest.fixture(autouse=True)
def style():
    """The course's style on an off-screen canvas, and no figure left open."""
    plt.switch_backend("agg")
    with plt.style.context(plots.STYLE):
        yield
    plt.close("all")


@pytest.fixture
def shown(monkeypatch) -> list[tuple[dict, dict]]:
    """What is displayed while a test runs: (bundle, metadata)."""
    outputs = []
    monkeypatch.setattr(
        plots, "display", lambda bundle, metadata, raw: outputs.append((bundle, metadata))
    )
    return outputs


def line():
    fig, ax = plt.subplots()
    ax.plot([1, 2, 3], label="a line")
    ax.legend()
    return fig


def test_a_figure_is_shown_once_with_its_sentence_in_every_format(shown):
    before = plt.get_fignums()
    plots.show(line(), SENTENCE)
    ((bundle, metadata),) = shown
    assert bundle["text/plain"] == SENTENCE
    assert metadata["image/png"] == {"alt": SENTENCE, "width": 768, "height": 384}
    alt = 'alt="A line rises from one to three &amp; stays &lt;there&gt;."'
    assert alt in bundle["text/html"]
    caption = ">A line rises from one to three &amp; stays &lt;there&gt;.</figcaption>"
    assert caption in bundle["text/html"]
    assert plt.get_fignums() == before  # otherwise the notebook would show it a second time


def test_page_and_png_hold_the_same_picture(shown):
    plots.show(line(), SENTENCE)
    ((bundle, _),) = shown
    page = re.search(r'src="data:image/png;base64,([^"]+)"', bundle["text/html"])[1]
    png = bundle["image/png"]
    assert base64.b64decode(page) == base64.b64decode(png)
    assert Image.open(io.BytesIO(base64.b64decode(png))).format == "PNG"


def test_the_same_figure_gives_the_same_bytes(shown):
    plots.show(line(), SENTENCE)
    plots.show(line(), SENTENCE)
    assert shown[0] == shown[1]
    assert b"Matplotlib" not in base64.b64decode(shown[0][0]["image/png"])


def test_fewer_colours_change_the_picture_hardly_and_the_bytes_much(shown):
    fig = line()
    full = pictures.png(fig)
    plots.show(fig, SENTENCE)
    small = base64.b64decode(shown[0][0]["image/png"])
    assert len(small) < 0.6 * len(full)
    before, after = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), int) for data in (full, small)
    )
    assert before.shape == after.shape
    assert np.abs(before - after).mean() < 1


def test_a_grey_stays_grey_beside_colours():
    fig, (left, right) = plt.subplots(1, 2)
    left.imshow(np.arange(256).reshape(16, 16), cmap="gray")
    right.imshow(np.arange(256).reshape(16, 16), cmap="viridis")
    data = pictures.png(fig)
    before, after = (
        np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"), int)
        for picture in (data, fewer_colours(data))
    )
    grey = (before == before[..., :1]).all(axis=-1)
    assert (after[grey] == after[grey][:, :1]).all()
    assert np.abs(after[grey] - before[grey]).max() <= 2
    assert (after[(before == 255).all(axis=-1)] == 255).all()


def test_a_figure_shrinks_to_fit_and_brings_its_own_white_card(shown):
    plots.show(line(), SENTENCE)
    for page in (shown[0][0]["text/html"], pictures.img(line(), SENTENCE)):
        style = re.search(r'<img [^>]*style="([^"]*)"', page)[1]
        for rule in ("max-width: 100%", "height: auto", "background: white", "padding: 10px"):
            assert rule in style


def test_a_guess_is_marked_and_no_guess_is_not():
    fig, axes = plt.subplots(1, 2)
    plots.mark_guess(axes[0], None)
    assert axes[0].lines[:] == []
    plots.mark_guess(axes[0], 3.0)
    plots.mark_guess(axes[1], 0.5, axis="y")
    assert list(axes[0].lines[0].get_xdata()) == [3, 3]
    assert list(axes[1].lines[0].get_ydata()) == [0.5, 0.5]
    assert all(ax.texts[0].get_text() == "your guess" for ax in axes)


@pytest.mark.parametrize(
    "alt", ["", "plot", "Loss.", "a line rises from one to three.", "A line from one to three"]
)
def test_a_caption_that_is_not_a_sentence_is_refused(alt, shown):
    with pytest.raises(ValueError, match="full sentence"):
        plots.show(line(), alt)
    assert shown == []


def test_where_nobody_looks_at_figures_there_is_their_sentence(shown, monkeypatch, capsys):
    plt.close("all")  # of other tests
    monkeypatch.setenv(FIGURES, "none")
    plots.show(line(), SENTENCE)
    assert shown == []
    assert SENTENCE in capsys.readouterr().out
    assert plt.get_fignums() == []
    with pytest.raises(ValueError, match="full sentence"):
        plots.show(line(), "plot")


def _softmax(a):
    return np.exp(a) / np.exp(a).sum(axis=-1, keepdims=True)


@pytest.mark.parametrize(
    ("wanted", "drawn"), [("", True), ("all", True), ("graded", False), ("none", False)]
)
def test_a_payoff_is_drawn_in_the_students_own_notebook(wanted, drawn, shown, monkeypatch, capsys):
    plt.close("all")  # of other tests
    if wanted:
        monkeypatch.setenv(FIGURES, wanted)
    payoffs.temperatures(_softmax, np.array([0.0, 1.0, 2.5]))
    assert len(shown) == drawn
    assert ("At a low temperature" in capsys.readouterr().out) == (not drawn)
    assert plt.get_fignums() == []


def test_a_payoff_says_which_function_it_needs(shown, capsys):
    def softmax(a):
        raise NotImplementedError

    payoffs.temperatures(softmax, np.array([0.0, 1.0]))
    assert shown == []
    assert capsys.readouterr().out == "This figure needs your softmax.\n"


def test_inside_a_widget_the_figure_has_its_sentence_too():
    plt.close("all")  # of other tests
    page = pictures.img(line(), SENTENCE)
    assert page.startswith('<img alt="A line rises')
    assert plt.get_fignums() == []


# The style ------------------------------------------------------------------------------------


def test_the_style_can_be_read_from_the_back_row_and_needs_no_font_of_the_machine():
    assert mpl.rcParams["font.family"] == ["DejaVu Sans"]
    assert min(mpl.rcParams["font.size"], mpl.rcParams["legend.fontsize"]) >= 14
    assert mpl.rcParams["lines.linewidth"] >= 2.5
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pictures.png(line())


def test_no_line_is_told_apart_by_colour_alone():
    cycle = list(mpl.rcParams["axes.prop_cycle"])
    assert len({str(style["color"]) for style in cycle}) == len(cycle)
    assert len({str(style["linestyle"]) for style in cycle}) == len(cycle)


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    rgb = np.array(mpl.colors.to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


# what a reader without one kind of cone sees: matrices of Vienot, Brettel and Mollon (1999)
PROTAN = np.array([[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]])
DEUTAN = np.array([[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]])


@pytest.mark.parametrize("vision", [PROTAN, DEUTAN], ids=["protan", "deutan"])
def test_the_first_three_colours_stay_apart_for_the_colour_blind(vision):
    colours = [style["color"] for style in mpl.rcParams["axes.prop_cycle"]][:3]
    seen = [np.clip(vision @ np.array(mpl.colors.to_rgb(c)) ** 2.2, 0, 1) for c in colours]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(seen[i] ** (1 / 2.2) - seen[j] ** (1 / 2.2)).max() > 0.15


def test_the_colours_with_a_meaning_stand_out_from_white():
    for colour in (plots.BLUE, plots.VERMILLION, plots.GREEN, plots.GREY):
        assert 1.05 / (luminance(colour) + 0.05) >= 3  # WCAG 2.2, criterion 1.4.11


# Shared drawings ------------------------------------------------------------------------------


def test_a_matrix_says_every_value_in_its_cell():
    fig, ax = plt.subplots()
    plots.draw_matrix(ax, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.9]])
    said = {tuple(map(int, t.get_position())): (t.get_text(), t.get_color()) for t in ax.texts}
    assert said[0, 0] == ("0.10", "k")
    assert said[2, 1] == ("0.90", "w")  # (column, row); light on a dark cell
    assert len(said) == 6


def test_what_is_not_finite_is_hatched_and_keeps_its_text():
    fig, ax = plt.subplots()
    plots.draw_matrix(ax, [[np.nan, 0.5]], [["nan", "half"]], row_labels=["r"])
    assert [t.get_text() for t in ax.texts] == ["nan", "half"]
    (patch,) = ax.patches
    assert patch.get_hatch()
    assert patch.get_x() == -0.5


def test_a_matrix_of_nothing_finite_can_be_drawn():
    fig, ax = plt.subplots()
    plots.draw_matrix(ax, [[np.nan, np.inf]])
    assert len(ax.patches) == 2
    assert pictures.png(fig)


def test_weights_become_blue_and_vermillion_and_zero_is_white():
    weights = np.zeros(784)
    weights[:100], weights[100:200], weights[200] = 2.0, -2.0, 0.4
    picture = plots.weight_image(weights).reshape(784, 3)
    blue, vermillion = (
        [int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in (plots.BLUE, plots.VERMILLION)
    )
    assert picture[0].tolist() == blue
    assert picture[100].tolist() == vermillion
    assert picture[783].tolist() == [255, 255, 255]
    assert np.all(picture[200] > blue), "a small weight is pale"
    assert plots.weight_image(np.zeros(784)).min() == 255


def test_grey_values_become_a_picture():
    picture = plots.grey_image(np.linspace(0, 1, 784, dtype=np.float32))
    assert picture.shape == (28, 28, 3)
    assert picture.dtype == np.uint8
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[27, 27].tolist() == [255, 255, 255]


def test_a_network_is_drawn_with_its_circles_lines_and_counts():
    fig = plots.network_figure((784, 50, 10), (6, 4, 10))
    (ax,) = fig.axes
    lines = [line for line in ax.lines if line.get_linestyle() == "-"]
    circles = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(lines) == 6 * 4 + 4 * 10
    assert [len(circle.get_xdata()) for circle in circles] == [6, 4, 10]
    said = [text.get_text() for text in ax.texts]
    assert "W1: 39,200 lines\nb1: 50 biases" in said
    assert "W2: 500 lines\nb2: 10 biases" in said
    assert said.count("⋮") == 2, "dots where circles are left out, and only there"
