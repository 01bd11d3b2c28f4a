"""Quick checks and predictions in a kernel: what they say to an answer."""

import re
import subprocess
import sys

import ipywidgets
import matplotlib.pyplot as plt
import pytest

from tests.test_quiz_checks import COLOURS, PAIR, THIRD
from utils import quiz as quiz_module
from utils.plots import mark_guess
from utils.quiz import Quiz
from utils.quiz_progress import Progress


@pytest.fixture(autouse=True)
def off_screen():
    plt.switch_backend("agg")


@pytest.fixture
def shown(monkeypatch) -> list[dict]:
    """The mime bundles that are displayed while a test runs."""
    bundles = []
    monkeypatch.setattr(quiz_module, "display", lambda bundle, raw: bundles.append(bundle))
    return bundles


@pytest.fixture
def quiz(tmp_path, shown) -> Quiz:
    return Quiz("02_softmax_overflow", Progress(tmp_path / "progress.jsonl"))


def test_a_diagnosis_says_so(quiz, shown):
    quiz.choice("why", "Accuracy is 0.10. Why?", right="a", why="b", wrong={"c": "d"})
    quiz.choice("loss", "?", right="a", why="b", wrong={"c": "d"}, diagnosis=True)
    assert shown[0]["text/plain"].startswith("Quick check. ")
    assert shown[1]["text/plain"].startswith("Quick check: find the fault. ")
    assert "<b>Quick check: find the fault.</b>" in shown[1]["text/html"]
    assert "find the fault" in texts(quiz_module._CheckView(quiz, quiz.checks["loss"]).box)


def test_one_output_carries_widget_page_and_text(quiz, shown):
    quiz.shape("pair", "Which shape?", answer=(2, 1), why="Axis 1 stays.")
    (bundle,) = shown
    assert set(bundle) == {
        "application/vnd.jupyter.widget-view+json",
        "text/html",
        "text/plain",
    }
    assert bundle["text/plain"] == "Quick check. Which shape?"
    assert "(2, 1)" not in bundle["text/plain"]


def view(quiz: Quiz, check) -> tuple:
    """The check's widgets: entry, button, feedback."""
    quiz.checks[check.name] = check
    _, entry, button, feedback = quiz_module._CheckView(quiz, check).box.children
    return entry, button, feedback


def texts(widget) -> str:
    """All that a widget and its children say."""
    own = " ".join(str(getattr(widget, name, "")) for name in ("value", "description", "tooltip"))
    return own + " ".join(texts(child) for child in getattr(widget, "children", ()))


@pytest.mark.parametrize("check", [COLOURS, THIRD, PAIR], ids=lambda check: check.name)
def test_the_widget_gives_nothing_away_before_an_answer(quiz, check):
    said = texts(quiz_module._CheckView(quiz, check).box)
    assert check.question.split("`")[0] in said
    assert check.why not in said
    assert all(reason not in said for _, reason in check.mistakes)


def test_a_choice_is_answered_wrong_then_right(quiz):
    entry, button, feedback = view(quiz, COLOURS)
    button.click()
    assert "Choose one of the options first." in feedback.value
    entry.value = "green"
    button.click()
    assert "Not yet." in feedback.value
    assert "That is grass." in feedback.value
    assert quiz.record.solved(quiz.lecture) == {}
    entry.value = "blue"
    button.click()
    assert "Right." in feedback.value
    assert "Short waves" in feedback.value
    assert quiz.record.solved(quiz.lecture) == {"sky": 2}


def test_enter_is_enough_and_the_button_does_not_count_the_same_try_again(quiz):
    entry, button, feedback = view(quiz, THIRD)
    entry.value = "3"  # what the Enter key does
    assert "Upside down." in feedback.value
    button.click()
    entry.value = "nothing"
    assert "type a number" in feedback.value
    entry.value = "1/3"
    assert "Right." in feedback.value
    assert quiz.record.solved(quiz.lecture) == {"third": 2}


def test_the_answer_is_offered_after_two_wrong_tries_not_before(quiz):
    entry, _, feedback = view(quiz, PAIR)
    entry.value = "2"
    assert "Show the answer" not in feedback.value
    entry.value = "(3, 1)"
    assert "Show the answer" in feedback.value
    assert "<code>(2, 1)</code>" in feedback.value


def test_every_control_has_a_label(quiz):
    for check in (COLOURS, THIRD, PAIR):
        entry, button, _ = view(quiz, check)
        assert button.description == "Check answer"
        if isinstance(entry, ipywidgets.Text):
            assert entry.description == "Answer:"
        else:
            assert set(entry._options_labels) == {"blue", "green", "red"}


def test_feedback_is_read_out_and_does_not_lean_on_colour(quiz):
    entry, _, feedback = view(quiz, THIRD)
    entry.value = "1/3"
    assert 'role="alert"' in feedback.value
    assert "color" not in feedback.value


def test_progress_follows_the_answers(quiz, shown):
    quiz.number("third", "?", answer=1 / 3, tolerance=0.01, why="")
    quiz.shape("pair", "?", answer=(2, 1), why="")
    quiz.progress()
    assert "third, pair" in shown[-1]["text/plain"]
    (summary,) = quiz._summaries
    assert "0 of 2 quick checks" in summary.value
    entry, *_ = view(quiz, quiz.checks["pair"])
    entry.value = "2 x 1"
    assert "1 of 2 quick checks" in summary.value
    assert "pair, solved at try 1" in summary.value
    assert "third, still open" in summary.value


def prediction(monkeypatch, quiz: Quiz, *arguments, **options) -> tuple:
    """What `quiz.predict` shows on a page, and its entry, button and answer in a kernel."""
    live = []
    monkeypatch.setattr(
        quiz_module, "show_live", lambda box, page, text: live.append((box, page, text))
    )
    quiz.predict(*arguments, **options)
    ((box, page, text),) = live
    _, entry, button, answer = box.children
    return page, text, entry, button, answer


def test_a_page_folds_what_answers_a_prediction(monkeypatch, quiz):
    page, text, *_ = prediction(
        monkeypatch,
        quiz,
        "lengths",
        "How many are **left** in `x`?",
        answer="Four are left.",
        why="One each.",
    )
    before, fold, after = page.partition("<details>")
    assert fold
    assert "How many are <strong>left</strong> in <code>x</code>?" in before
    assert "Four are left." not in before
    assert "<p>Four are left.</p><p>One each.</p>" in after
    assert text == "Predict. How many are **left** in `x`?"


def test_a_guess_stands_beside_what_happens(monkeypatch, quiz):
    _, _, entry, button, answer = prediction(
        monkeypatch, quiz, "lengths", "How many?", answer="Four are left.", why="One each."
    )
    button.click()
    assert "Make a prediction first" in answer.value
    entry.value = "many"
    assert "type a number" in answer.value
    assert "Four are left." not in answer.value
    entry.value = "1,000"
    assert "<b>Your prediction:</b> 1,000" in answer.value
    assert answer.value.index("1,000") < answer.value.index("Four are left.")
    assert "One each." in answer.value
    assert 'role="alert"' in answer.value


def test_a_prediction_may_be_a_choice(monkeypatch, quiz):
    options = ["the *first*", "the `last`"]
    page, text, entry, button, answer = prediction(
        monkeypatch, quiz, "wins", "Which?", answer="The last.", options=options
    )
    assert page.index("<li>the <em>first</em></li>") < page.index("<details>")
    assert text.endswith("\n- the *first*\n- the `last`")
    assert entry._options_labels == ("the first", "the last")
    button.click()
    assert "The last." not in answer.value
    entry.value = "the *first*"
    assert "The last." not in answer.value, "choosing is not answering yet"
    button.click()
    assert "<b>Your prediction:</b> the <em>first</em>" in answer.value
    assert "The last." in answer.value


def test_a_function_answers_with_the_guess_in_its_figure(monkeypatch, quiz):
    plt.close("all")  # of other tests
    guesses = []

    def draw(guess):
        guesses.append(guess)
        fig, ax = plt.subplots()
        mark_guess(ax, guess)
        return fig, "The line rises from one to three."

    page, _, entry, _, answer = prediction(monkeypatch, quiz, "peak", "At which x?", answer=draw)
    assert guesses == [None]
    assert page.index("<details>") < page.index("<figure") < page.index("<figcaption")
    entry.value = "0.5"
    assert guesses == [None, 0.5]
    assert "<figcaption" in answer.value
    assert plt.get_fignums() == []
    pictures = [re.search('base64,([^"]+)', text)[1] for text in (page, answer.value)]
    assert pictures[0] != pictures[1]


def test_a_figure_or_any_value_may_answer_again_and_again(monkeypatch, quiz):
    fig, _ = plt.subplots()
    sentence = "The axes hold nothing at all."
    for given, seen in (
        ((fig, sentence), sentence),
        ([1, (2, "<")], "<pre>[1, (2, '&lt;')]</pre>"),
    ):
        page, _, entry, _, answer = prediction(monkeypatch, quiz, "x", "?", answer=given)
        assert seen in page
        for guess in ("1", "2"):
            entry.value = guess
            assert f"</b> {guess}</p>" in answer.value
            assert seen in answer.value


def test_what_cannot_answer_says_so_at_once_or_below_the_question(monkeypatch, quiz):
    with pytest.raises(ValueError, match="full sentence"):
        quiz.predict("x", "?", answer=(plt.figure(), "No"))
    plt.close("all")
    _, _, entry, _, answer = prediction(
        monkeypatch, quiz, "x", "?", answer=lambda guess: str(1 if guess is None else 1 / guess)
    )
    entry.value = "0"
    assert "ZeroDivisionError" in answer.value
    assert "Try another one" in answer.value


def test_what_was_solved_is_there_after_a_restart(tmp_path, shown):
    path = tmp_path / "new" / "folder" / "progress.jsonl"
    Progress(path).record("02", "sky", 3)
    Progress(path).record("02", "sky", 9)  # solved again: the first time counts
    Progress(path).record("04", "pair", 1)
    assert Progress(path).solved("02") == {"sky": 3}
    again = Quiz("02", Progress(path))
    assert "solved before" in quiz_module._CheckView(again, COLOURS).box.children[0].value
    assert "solved before" not in quiz_module._CheckView(again, THIRD).box.children[0].value


def test_a_place_that_cannot_be_written_is_named_and_stops_nothing(tmp_path, shown):
    (tmp_path / "file").write_text("in the way")
    path = tmp_path / "file" / "progress.jsonl"
    quiz = Quiz("02", Progress(path))
    quiz.shape("pair", "?", answer=(2, 1), why="Axis 1 stays.")
    quiz.progress()
    entry, _, feedback = view(quiz, quiz.checks["pair"])
    entry.value = "2 x 1"
    assert "Right." in feedback.value
    assert "1 of 1 quick checks" in quiz._summaries[0].value  # for as long as the kernel runs
    assert "Progress is not kept" in quiz._summaries[0].value
    assert str(path) in quiz.record.trouble


def test_quiz_pulls_in_none_of_the_modules_that_students_write():
    listing = "import sys, utils.quiz; print(*[m for m in sys.modules if m.startswith('utils.')])"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True)
    names = ("quiz", "quiz_checks", "quiz_pages", "quiz_progress", "pictures")
    assert set(done.stdout.split()) == {f"utils.{name}" for name in names}, done.stderr
