"""The training dashboard in a browser: start, watch, stop, start again, by mouse and by keyboard.

No test here asserts a time: how long a run takes is the machine's business.
"""

from __future__ import annotations

import re

import pytest

from tests.lectures.notebooks import ROOT, about

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    about(ROOT / "lectures" / "09_training.ipynb"),
]

A_WHOLE_RUN = 600_000  # milliseconds; a quiet machine takes a few seconds
PICTURE = "board => board.querySelector('img').src"


@pytest.fixture
def board(lecture):
    """The dashboard, at rest."""
    board = lecture.cell("dashboard").locator(".training-dashboard")
    board.locator("img").wait_for()
    stop = board.get_by_role("button", name="Stop")
    if board.locator("progress").count() and "Training with" in said(board):
        stop.click()
    lecture.wait_until(lambda: not is_running(board))
    return board


def said(board) -> str:
    return board.get_by_role("status").text_content()


def is_running(board) -> bool:
    return said(board).startswith(("Training with", "Stopping"))


def steps(board) -> int:
    """Return how many steps the progress bar shows."""
    return int(board.get_by_role("progressbar").get_attribute("value"))


def wait_for_steps(lecture, board, more_than: int) -> None:
    lecture.wait_until(lambda: more_than < steps(board) < 25_000)


def choose(board, batch_size: str) -> None:
    board.get_by_role("button", name=batch_size, exact=True).click()
    chosen = re.compile(f"^{batch_size}$")
    board.locator(".widget-toggle-button.mod-active", has_text=chosen).wait_for()


def start_the_longest_run(lecture, board) -> None:
    """Start a run of 25,000 steps, in batches of 10, and wait for a step of it."""
    choose(board, "10")
    board.get_by_role("button", name="Start training").click()
    wait_for_a_step(lecture, board)


def wait_for_a_step(lecture, board) -> None:
    """Wait until the run that has just been started has taken a step."""
    lecture.wait_until(lambda: said(board).startswith("Training with hidden units"))
    wait_for_steps(lecture, board, 0)


def test_run_all_starts_no_training(lecture, board):
    assert said(board).startswith("Nothing runs yet")
    assert steps(board) == 0
    assert board.get_by_text("no step yet").is_visible()


def test_every_part_has_a_name(board):
    for name in ("hidden units", "learning rate"):
        assert board.get_by_text(name, exact=True).count() == 1
    assert board.get_by_text("batch size", exact=True).is_visible()
    assert board.get_by_role("progressbar", name="Steps of training done").count() == 1
    for name in ("Start training", "Stop"):
        assert board.get_by_role("button", name=name).is_enabled()
    assert len(board.locator("img").get_attribute("alt").split()) > 5


def test_a_run_is_started_watched_and_stopped_early(lecture, board):
    empty = board.evaluate(PICTURE)
    start_the_longest_run(lecture, board)
    assert said(board).startswith("Training with hidden units 50")
    first, picture = steps(board), board.evaluate(PICTURE)
    wait_for_steps(lecture, board, first)
    lecture.wait_until(lambda: board.evaluate(PICTURE) not in (empty, picture))
    board.get_by_role("button", name="Start training").click()
    lecture.wait_until(lambda: "still under way" in said(board))
    lecture.screenshot("dashboard_running", of=board)
    board.get_by_role("button", name="Stop").click()
    lecture.wait_until(lambda: said(board).startswith("Stopped"))
    assert "because you pressed Stop" in said(board)
    stopped_at = steps(board)
    assert first < stopped_at < 25_000
    lecture.screenshot("dashboard_stopped", of=board)
    board.get_by_role("button", name="Stop").click()
    lecture.wait_until(lambda: said(board).startswith("Nothing runs"))
    assert steps(board) == stopped_at, "it went on in secret"


def test_other_cells_run_while_training_runs(lecture, board):
    pad = lecture.cell("pad").locator(".drawing-pad")
    for _ in range(5):  # on a busy machine training may end before the line is drawn
        start_the_longest_run(lecture, board)
        draw_a_line(lecture, pad)
        answered_meanwhile = is_running(board)
        pad.get_by_role("button", name="Clear").click()
        board.get_by_role("button", name="Stop").click()
        lecture.wait_until(lambda: not is_running(board))
        if answered_meanwhile:
            return
    pytest.fail("the pad answered only after the end of training")


def draw_a_line(lecture, pad, slant: float = 0.0) -> None:
    """Draw a line on the pad and wait for what the network says of it.

    An upright one is a 1; no digit slants to the left.
    """
    pad.wait_for()
    canvas = pad.locator(".pad-canvas")
    canvas.scroll_into_view_if_needed()
    box, mouse = canvas.bounding_box(), lecture.page.mouse
    mouse.move(box["x"] + (0.5 - slant) * box["width"], box["y"] + 0.15 * box["height"])
    mouse.down()
    mouse.move(box["x"] + (0.5 + slant) * box["width"], box["y"] + 0.85 * box["height"], steps=10)
    mouse.up()
    pad.get_by_text("The network says").wait_for()


def percentages(pad) -> list[str]:
    return pad.locator(".pad-percent").all_text_contents()


def test_the_pad_asks_the_network_that_was_trained_last(lecture, board):
    pad = lecture.cell("pad").locator(".drawing-pad")
    draw_a_line(lecture, pad, slant=0.35)
    first = percentages(pad)
    pad.get_by_role("button", name="Clear").click()
    board.scroll_into_view_if_needed()
    start_the_longest_run(lecture, board)  # with other batches: another network
    board.get_by_role("button", name="Stop").click()
    lecture.wait_until(lambda: said(board).startswith("Stopped"))
    draw_a_line(lecture, pad, slant=0.35)
    assert percentages(pad) != first
    lecture.screenshot("own_digit", of=pad)
    pad.get_by_role("button", name="Clear").click()


def test_all_of_it_by_keyboard(lecture, board):
    keyboard = lecture.page.keyboard
    choose(board, "10")
    board.locator(".noUi-handle").first.focus()
    before = board.locator(".noUi-handle").first.get_attribute("aria-valuetext")
    keyboard.press("ArrowLeft")
    handle = board.locator(".noUi-handle").first
    lecture.wait_until(lambda: handle.get_attribute("aria-valuetext") != before)
    reached = []
    for _ in range(8):  # sliders, toggles, both buttons
        keyboard.press("Tab")
        reached.append(lecture.page.evaluate("() => document.activeElement.textContent.trim()"))
        if reached[-1] == "Start training":
            break
    assert reached[-1] == "Start training", reached
    keyboard.press("Enter")
    wait_for_a_step(lecture, board)
    keyboard.press("Tab")
    assert lecture.page.evaluate("() => document.activeElement.textContent.trim()") == "Stop"
    keyboard.press("Enter")
    lecture.wait_until(lambda: said(board).startswith("Stopped"))


def test_an_interrupted_kernel_leaves_the_run_and_its_stop_button_alone(lecture, board):
    start_the_longest_run(lecture, board)
    lecture.page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    wait_for_steps(lecture, board, steps(board))
    wait_for_steps(lecture, board, steps(board))
    board.get_by_role("button", name="Stop").click()
    lecture.wait_until(lambda: said(board).startswith("Stopped"))


def test_running_the_cell_again_ends_the_run_and_gives_a_dashboard_at_rest(lecture, board):
    start_the_longest_run(lecture, board)
    lecture.cell("dashboard").locator(".jp-InputArea-editor").click()
    lecture.page.keyboard.press("Control+Enter")
    lecture.wait_until(lambda: board.count() == 1 and said(board).startswith("Nothing runs yet"))
    assert steps(board) == 0
    start_the_longest_run(lecture, board)
    board.get_by_role("button", name="Stop").click()
    lecture.wait_until(lambda: said(board).startswith("Stopped"))


def test_a_whole_run_comes_to_its_end(lecture, board):
    choose(board, "1000")
    board.get_by_role("button", name="Start training").click()
    board.get_by_text(re.compile("^Finished: 250 of 250 steps")).wait_for(timeout=A_WHOLE_RUN)
    assert steps(board) == 250
    assert board.get_by_text("step 250 of 250, epoch 5 of 5").is_visible()
    rates = [float(rate) for rate in re.findall(r"([\d.]+)%", said(board))]
    assert len(rates) == 2
    assert min(rates) > 50
    alt = board.locator("img").get_attribute("alt")
    assert "After 250 of 250 steps" in alt
    assert re.search(r"It reads the six digits as \d, \d, \d, \d, \d, \d\.", alt)
    lecture.screenshot("dashboard_finished", of=board)
    # what a thread prints or raises does not turn up in the notebook
    cell = lecture.cell("dashboard")
    assert cell.locator(".jp-OutputArea-output").count() == 1
