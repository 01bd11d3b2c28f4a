"""Every lecture in JupyterLab: it runs, each control moves its figure, each quick check answers."""

from __future__ import annotations

import re

import pytest

from tests.lectures.notebooks import LECTURES, about, answers

pytestmark = [pytest.mark.browser, pytest.mark.slow]
EVERY = about(*LECTURES)

# The value of each control of a figure: what a slider reads, which button is down, and so on.
VALUES = """figure => [
    ...[...figure.querySelectorAll('.noUi-handle')].map(e => e.getAttribute('aria-valuetext')),
    ...[...figure.querySelectorAll('.widget-toggle-button.mod-active')].map(e => e.textContent),
    ...[...figure.querySelectorAll('select')].map(e => e.selectedIndex),
    ...[...figure.querySelectorAll('input[type=checkbox]')].map(e => e.checked),
    ...[...figure.querySelectorAll('input:not([type=checkbox])')].map(e => e.value),
]"""
PICTURED = r"(?m)^show\(|^(\w+ = )?(LiveFigure|DrawingPad|TrainingDashboard)\(|^quiz\."
# Lectures with a figure of more than 10 inches, whose letters become too small: to become empty.
TOO_WIDE = {"03_mnist", "04_inference_and_batches"}
PICTURE = "figure => figure.querySelector('img').src"


@EVERY
def test_run_all_leaves_no_error_and_no_warning(lecture):
    outputs = [output for cell in lecture.ran.cells for output in cell.get("outputs", [])]
    assert [output.text for output in outputs if output.get("name") == "stderr"] == []
    assert [output.evalue for output in outputs if output.output_type == "error"] == []


@EVERY
def test_each_control_moves_its_figure_and_reset_sets_it_back(lecture):
    for name, figure in lecture.live_figures().items():
        figure.scroll_into_view_if_needed()
        start = figure.evaluate(VALUES)
        controls = lecture.controls(figure)
        assert controls, f"{name} has nothing to move"
        pictures = {figure.evaluate(PICTURE)}
        for move in controls:
            sentence = figure.get_by_role("status").text_content()
            move()
            status = figure.get_by_role("status")
            lecture.wait_until(lambda now=status, before=sentence: now.text_content() != before)
            pictures.add(figure.evaluate(PICTURE))
            assert "These settings fail" not in status.text_content()
            assert figure.locator("img").get_attribute("alt") == status.text_content()
        assert len(pictures) > 1, f"nothing changes the picture of {name}"
        assert figure.evaluate(VALUES) != start
        lecture.screenshot(name, of=figure)
        figure.get_by_role("button", name="Reset").click()
        lecture.wait_until(lambda f=figure, s=start: f.evaluate(VALUES) == s)


# How far the parts of an output reach to the right of it, and how much of their size pictures keep.
FIT = """output => {
    const edge = output.getBoundingClientRect().right + 1;
    const parts = [...output.querySelectorAll('*')].filter(e => !e.closest('pre'));
    const images = [...output.querySelectorAll('img')].filter(image => image.offsetWidth);
    return {
        outside: parts.filter(e => e.getBoundingClientRect().right > edge).length,
        scrolls: output.scrollWidth > output.clientWidth + 1,
        shares: images.map(image => image.offsetWidth / Number(image.getAttribute('width'))),
    };
}"""


@pytest.fixture
def small_screen(lecture):
    """The lecture on a projector of 1024 x 768, with JupyterLab's side bar open."""
    before = lecture.page.viewport_size
    lecture.page.set_viewport_size({"width": 1024, "height": 768})
    assert lecture.page.locator("#jp-left-stack").bounding_box()["width"] > 150
    yield lecture
    lecture.page.set_viewport_size(before)


@EVERY
def test_figures_and_widgets_fit_a_small_screen(small_screen):
    shown = 0
    for cell in small_screen.notebook.cells:
        if not re.search(PICTURED, cell.get("source", "")) or cell.cell_type != "code":
            continue
        shown += 1
        on_screen = small_screen.cell(cell.id)
        outputs = on_screen.locator(".jp-OutputArea-output").all()
        for output in outputs:
            fit = output.evaluate(FIT)
            assert not fit["scrolls"], cell.id
            assert not fit["outside"], cell.id
            if small_screen.name not in TOO_WIDE:
                assert all(share >= 0.6 for share in fit["shares"]), (cell.id, fit)
        if "Live" in cell.source or "Dashboard(" in cell.source or "Pad(" in cell.source:
            small_screen.screenshot(f"{cell.id}_1024x768")
    assert shown >= 4


@EVERY
def test_each_quick_check_is_answered_wrong_and_right(lecture):
    checks = answers(lecture.notebook)
    assert checks
    for cell_id, right in checks.items():
        cell = lecture.cell(cell_id)
        lecture.answer(cell, lecture.a_wrong_answer(cell, right))
        cell.get_by_text("Not yet.").wait_for()
        lecture.screenshot(f"{cell_id}_wrong", of=cell)
        lecture.answer(cell, right)
        cell.get_by_text("Right.").wait_for()
        lecture.screenshot(f"{cell_id}_right", of=cell)
    done = f"{len(checks)} of {len(checks)} quick checks of this lecture solved."
    lecture.page.get_by_text(done).wait_for()


@EVERY
def test_each_prediction_is_answered_beside_the_guess(lecture):
    for cell in lecture.notebook.cells:
        if not cell.source.startswith("quiz.predict("):
            continue
        on_screen = lecture.cell(cell.id)
        button = on_screen.get_by_role("button", name="See what happens")
        button.wait_for()
        options = on_screen.locator("label:has(input[type=radio])").all()
        if options:
            options[0].click()
        else:
            on_screen.get_by_role("textbox", name="Prediction:").fill("7")
        button.click()
        on_screen.get_by_text("Your prediction:").wait_for()
        on_screen.get_by_text("What happens:").wait_for()
        lecture.screenshot(cell.id, of=on_screen)


CHANGE_THEME = """theme =>
    window.jupyterapp.commands.execute("apputils:change-theme", { theme })"""
LOOK = """figure => {
    const image = getComputedStyle(figure.querySelector("img"));
    const colour = getComputedStyle(figure.querySelector("figcaption")).color;
    return {
        card: image.backgroundColor,
        margin: parseFloat(image.paddingLeft),
        light: colour.match(/\\d+/g).slice(0, 3).every(part => Number(part) > 150),
    };
}"""


@about(LECTURES[0])  # every figure comes from the same function
def test_figures_have_a_white_card_and_a_readable_caption_on_a_dark_page(lecture):
    first = next(cell for cell in lecture.notebook.cells if re.search("(?m)^show\\(", cell.source))
    figure = lecture.cell(first.id).locator("figure")
    lecture.page.evaluate(CHANGE_THEME, "JupyterLab Dark")
    try:
        lecture.wait_until(lambda: figure.evaluate(LOOK)["light"])
        look = figure.evaluate(LOOK)
        lecture.screenshot("dark")
    finally:
        lecture.page.evaluate(CHANGE_THEME, "JupyterLab Light")
    assert look["card"] == "rgb(255, 255, 255)"
    assert look["margin"] >= 8
