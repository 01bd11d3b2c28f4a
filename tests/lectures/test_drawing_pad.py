"""The drawing pad in a browser: digits drawn with mouse, finger and keyboard are recognised."""

from __future__ import annotations

import numpy as np
import pytest

from tests.lectures.notebooks import ROOT, about

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    about(ROOT / "lectures" / "04_inference_and_batches.ipynb"),
]


def arc(x, y, width, height, start, end):
    """Return points along an ellipse; angles in degrees, clockwise from the right."""
    angles = np.radians(np.linspace(start, end, 25))
    return [(x + width * np.cos(a), y + height * np.sin(a)) for a in angles]


# Strokes, each a list of points in 0..1 of the pad.
DIGITS = {
    0: [arc(0.5, 0.5, 0.2, 0.32, -90, 270)],
    1: [[(0.5, 0.15), (0.5, 0.85)]],
    2: [[*arc(0.5, 0.32, 0.2, 0.17, -170, 30), (0.3, 0.82), (0.74, 0.82)]],
    3: [[*arc(0.45, 0.33, 0.2, 0.17, -130, 80), *arc(0.45, 0.67, 0.23, 0.17, -80, 130)]],
    4: [[(0.36, 0.15), (0.3, 0.5), (0.7, 0.5)], [(0.66, 0.15), (0.62, 0.88)]],
    5: [[(0.7, 0.18), (0.38, 0.18), (0.35, 0.47), *arc(0.47, 0.64, 0.22, 0.19, -110, 130)]],
    6: [[(0.6, 0.12), (0.4, 0.4), *arc(0.48, 0.66, 0.17, 0.19, 180, -190)]],
    7: [[(0.28, 0.2), (0.72, 0.2), (0.46, 0.86)]],
    8: [[*arc(0.5, 0.33, 0.14, 0.16, 90, -270), *arc(0.5, 0.67, 0.17, 0.18, -90, 270)]],
    9: [[*arc(0.48, 0.34, 0.16, 0.18, 0, -360), (0.64, 0.34), (0.6, 0.86)]],
}


# How many pixels of the pad are not black.
INK = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, i) => i % 4 === 0 && value > 0).length;
}"""


@pytest.fixture
def pad(lecture):
    """The pad, wiped."""
    pad = lecture.cell("widget-pad").locator(".drawing-pad")
    pad.wait_for()
    pad.get_by_role("button", name="Clear").click()
    pad.get_by_text("Draw a digit.").wait_for()
    return pad


def best(pad) -> str:
    """Return the digit with the highest bar, empty if there is none."""
    return "".join(pad.locator(".pad-best .pad-digit").all_text_contents())


def draw(lecture, pad, strokes) -> None:
    """Draw strokes with the mouse."""
    canvas = pad.locator(".pad-canvas")
    canvas.scroll_into_view_if_needed()
    box, mouse = canvas.bounding_box(), lecture.page.mouse
    for stroke in strokes:
        points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
        mouse.move(*points[0])
        mouse.down()
        for point in points[1:]:
            mouse.move(*point)
        mouse.up()


@pytest.mark.parametrize("digit", DIGITS)
def test_a_digit_drawn_with_the_mouse_gets_the_highest_bar(lecture, pad, digit):
    draw(lecture, pad, DIGITS[digit])
    lecture.wait_until(lambda: best(pad) == str(digit))
    lecture.wait_until(lambda: pad.get_by_role("status").text_content()[17] == str(digit))
    lecture.screenshot(f"pad_{digit}", of=pad)
    percentages = [float(p.split()[0]) for p in pad.locator(".pad-percent").all_text_contents()]
    assert len(percentages) == 10
    assert sum(percentages) == pytest.approx(100, abs=0.5)
    assert max(range(10), key=percentages.__getitem__) == digit


def test_clear_empties_the_pad_and_the_bars(lecture, pad):
    draw(lecture, pad, DIGITS[3])
    lecture.wait_until(lambda: best(pad) == "3")
    pad.get_by_role("button", name="Clear").click()
    lecture.wait_until(lambda: best(pad) == "")
    assert pad.get_by_role("status").text_content() == "Draw a digit."
    assert pad.locator(".pad-canvas").evaluate(INK) == 0


def test_a_digit_can_be_drawn_with_the_keyboard(lecture, pad):
    canvas = pad.locator(".pad-canvas")
    canvas.focus()
    for key, times in {"ArrowUp": 14, " ": 1, "ArrowDown": 26}.items():
        for _ in range(times):
            canvas.press(key)
    lecture.wait_until(lambda: best(pad) == "1")
    lecture.screenshot("pad_keyboard", of=pad)
    drawn = canvas.evaluate(INK)
    canvas.press(" ")  # lift the pen
    canvas.press("ArrowRight")
    assert canvas.evaluate(INK) == drawn
    assert canvas.evaluate("canvas => document.activeElement === canvas"), "the keys went elsewhere"


def test_the_pen_is_as_wide_as_its_slider_says(lecture, pad):
    width = pad.get_by_label("Pen width")
    canvas = pad.locator(".pad-canvas")
    inks = []
    for key in ("Home", "End"):
        pad.get_by_role("button", name="Clear").click()
        width.press(key)
        draw(lecture, pad, DIGITS[1])
        inks.append(canvas.evaluate(INK))
    assert inks[1] > 3 * inks[0]
    width.fill("22")


def test_a_digit_can_be_drawn_with_a_finger(lecture, pad):
    canvas = pad.locator(".pad-canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    session = lecture.page.context.new_cdp_session(lecture.page)

    def touch(kind, *points):
        at = [
            {"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points
        ]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": at})

    touch("touchStart", (0.5, 0.15))
    for y in np.linspace(0.2, 0.85, 10):
        touch("touchMove", (0.5, y))
    touch("touchEnd")
    lecture.wait_until(lambda: best(pad) == "1")
    session.detach()
