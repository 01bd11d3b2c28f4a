"""Quick checks: what they say to an answer, what a page without a kernel shows, what is kept."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import ipywidgets
import matplotlib.pyplot as plt
import pytest

from utils import quiz as quiz_module
from utils import quiz_pages
from utils.plots import mark_guess
from utils.quiz import AnswerError, Choice, Number, Progress, Quiz, Shape, read_number, read_shape
from utils.quiz_progress import progress_file

COLOURS = Choice(
    "sky",
    "Which colour has a clear sky if `a < b`?",
    right="blue",
    why="Short waves are scattered most.",
    wrong={"green": "That is grass.", "red": "That is the evening."},
)
THIRD = Number("third", "What is 1/3?", 1 / 3, 0.01, "Three make one.", {3.0: "Upside down."})
PAIR = Shape("pair", "Which shape?", (2, 1), "Axis 1 stays.", {(2,): "Without keepdims."})


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


# Reading what was typed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0.25", 0.25),
        (" 0,25 ", 0.25),
        (".25", 0.25),
        ("1/4", 0.25),
        ("25 %", 0.25),
        ("-1e-3", -0.001),
        ("\N{MINUS SIGN}2", -2.0),
        ("inf", float("inf")),
        ("-inf", float("-inf")),
        ("159,020", 159_020),
        ("5,100", 5_100),
        ("-1,234,567.5", -1_234_567.5),
        ("1 000", 1_000),
        ("1\N{NARROW NO-BREAK SPACE}234\N{NO-BREAK SPACE}567,5", 1_234_567.5),
        ("5,100 %", 51),
        ("1,000/8", 125),
        ("5,1", 5.1),
        ("0,250", 0.25),  # no number in thousands begins with 0
        ("5,1000", 5.1),
        ("2,5e3", 2_500),
        ("１５９，０２０", 159_020),
        ("ー０．２５", -0.25),
        ("２５％", 0.25),
    ],
)
def test_a_number_is_read_in_every_usual_spelling(text, value):
    assert read_number(text) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "many",
        "1/0",
        "1/2/3",
        "2..5",
        "1,23,456",
        "1,000,5",
        "1 00",
        "1 2",
        "__import__()",
    ],
)
def test_what_is_not_a_number_is_answered_with_an_example(text):
    with pytest.raises(AnswerError, match=r"type a number, such as 0\.25"):
        read_number(text)


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("(2, 3)", (2, 3)),
        ("2, 3", (2, 3)),
        ("2 x 3", (2, 3)),
        ("2×3", (2, 3)),
        ("[2, 3]", (2, 3)),
        ("(5,)", (5,)),
        ("5", (5,)),
        ("()", ()),
        ("(0, 3)", (0, 3)),
        ("（２，３）", (2, 3)),
    ],
)
def test_a_shape_is_read_in_every_usual_spelling(text, shape):
    assert read_shape(text) == shape


@pytest.mark.parametrize("text", ["", " ", "two", "(2, -1)", "(2.5,)", "((2, 3))", "N, K"])
def test_what_is_not_a_shape_is_answered_with_an_example(text):
    with pytest.raises(AnswerError, match=r"type a shape, such as \(2, 3\)"):
        read_shape(text)


# Judging --------------------------------------------------------------------------------------


def test_each_option_of_a_choice_gets_its_own_reason():
    assert COLOURS.judge("blue") == (True, "Short waves are scattered most.")
    assert COLOURS.judge("green") == (False, "That is grass.")
    assert COLOURS.judge("red") == (False, "That is the evening.")
    with pytest.raises(AnswerError, match="Choose one"):
        COLOURS.judge(None)


def test_the_order_of_options_is_fixed_and_does_not_give_the_answer_away():
    wrong = {"b": "", "c": "", "d": ""}
    places = []
    for number in range(8):
        name = f"check {number}"
        check = Choice(name, "?", "a", "", wrong)
        assert sorted(check.options) == ["a", "b", "c", "d"]
        assert check.options == Choice(name, "?", "a", "", wrong).options
        places.append(check.options.index("a"))
    assert len(set(places)) > 2


def test_a_number_counts_within_its_tolerance_only():
    assert THIRD.judge("1/3").right
    assert THIRD.judge("0.33").right
    assert THIRD.judge("0.343").right
    assert not THIRD.judge("0.344").right
    assert THIRD.judge("0.5").text == "0.5 is too large."
    assert THIRD.judge("0.1").text == "0.1 is too small."
    assert THIRD.judge("3").text == "Upside down."
    assert "another kind of number" in THIRD.judge("nan").text


def test_a_wrong_number_with_a_comma_is_told_how_it_was_read():
    check = Number("parameters", "?", 4_000, 1, "", {100: "Without the layer."})
    assert check.judge("5,100").text == (
        "5,100 is too large. (The comma was read as a thousands separator: 5,100.)"
    )
    assert check.judge("5,1").text == (
        "5.1 is too small. (The comma was read as a decimal point: 5.1.)"
    )
    assert check.judge("100,0").text.startswith("Without the layer. (The comma")
    assert check.judge("4,000").right
    assert "comma" not in check.judge("5100").text


@pytest.mark.parametrize("value", [float("inf"), float("nan"), float("-inf")])
def test_a_number_may_be_infinite_or_none_at_all(value):
    check = Number("odd", "?", value, 0.01, "So it is.", {0.0: "No."})
    assert check.judge(str(value)).right
    assert not check.judge("0").right
    assert not check.judge("1e308").right


def test_a_wrong_shape_is_told_what_is_wrong_with_it():
    assert PAIR.judge("(2, 1)").right
    assert PAIR.judge("2").text == "Without keepdims."
    assert PAIR.judge("(2, 1, 1)").text == "`(2, 1, 1)` has 3 axes; the array has 2 axes."
    assert PAIR.judge("(2, 3)").text.endswith("not the length of axis 1.")
    assert PAIR.judge("(4, 3)").text.endswith("not the length of axes 0, 1.")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Choice("x", "?", "a", "", {}),
        lambda: Choice("x", "?", "a", "", {"a": ""}),
        lambda: Number("x", "?", 1.0, 0.1, "", {1.05: ""}),
        lambda: Shape("x", "?", (2,), "", {(2,): ""}),
    ],
)
def test_a_check_that_contradicts_itself_is_refused(make):
    with pytest.raises(ValueError, match="check 'x'"):
        make()


# Without a kernel -----------------------------------------------------------------------------


@pytest.mark.parametrize("check", [COLOURS, THIRD, PAIR], ids=lambda check: check.name)
def test_a_page_shows_the_question_and_folds_the_answer(check):
    before, _, after = quiz_pages.folded(check).partition("<details>")
    assert check.why not in before
    assert check.why in after
    assert after.endswith("</details>")
    for _, reason in check.mistakes:
        assert reason not in before
        assert reason in after


def test_markup_is_escaped_and_code_is_code():
    page = quiz_pages.folded(COLOURS)
    assert "<code>a &lt; b</code>" in page
    assert "a < b" not in page


@pytest.mark.parametrize(
    ("text", "page"),
    [
        ("*once* and **twice**", "<em>once</em> and <strong>twice</strong>"),
        ("**never `x *= 2`**", "<strong>never <code>x *= 2</code></strong>"),
        ("`a * b * c`, $a*b*c$", "<code>a * b * c</code>, $a*b*c$"),
        ("*`y`*, then $*$ and *$t$*", "<em><code>y</code></em>, then $*$ and <em>$t$</em>"),
        ("2 * 3 * 4, 2*3*4, x**2 and y**2", "2 * 3 * 4, 2*3*4, x**2 and y**2"),
        ("**a *b* c**", "<strong>a <em>b</em> c</strong>"),
        ("*a* < *b*", "<em>a</em> &lt; <em>b</em>"),
    ],
)
def test_emphasis_is_set_beside_code_and_formulas(text, page):
    assert quiz_pages.markup(text) == page


def test_texts_are_never_joined_into_one_sentence():
    check = Choice(
        "untrained",
        "What is wrong?",
        right="It runs 100 times.",
        why="Both halves count.",
        wrong={"Nothing, it is not trained yet.": "An untrained network guesses."},
    )
    page = quiz_pages.folded(check)
    assert "<p><b>It runs 100 times.</b></p><p>Both halves count.</p>" in page
    assert "<b>Nothing, it is not trained yet.</b><br>An untrained network" in page
    assert "Not Nothing" not in page
    assert "..</" not in page
    assert ".:" not in page


def test_a_diagnosis_says_so(quiz, shown):
    quiz.choice("why", "Accuracy is 0.10. Why?", right="a", why="b", wrong={"c": "d"})
    quiz.shape("rows", "?", answer=(1,), why="b", diagnosis=True)
    quiz.number("loss", "?", answer=1, tolerance=0, why="b", diagnosis=True)
    assert shown[0]["text/plain"].startswith("Quick check. ")
    for bundle in shown[1:]:
        assert bundle["text/plain"].startswith("Quick check: find the fault. ")
        assert "<b>Quick check: find the fault.</b>" in bundle["text/html"]
    assert "find the fault" in texts(quiz_module._CheckView(quiz, quiz.checks["loss"]).box)


def test_a_number_is_shown_with_the_digits_that_matter():
    assert THIRD.answer_text == "0.333"
    assert Number("x", "?", 0.0, 0.02, "").answer_text == "0"
    assert Number("x", "?", 1200.0, 50, "").answer_text == "1,200"
    assert Number("x", "?", float("inf"), 0.1, "").answer_text == "inf"


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


# With a kernel --------------------------------------------------------------------------------


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


# Predictions ----------------------------------------------------------------------------------


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


# Memory ---------------------------------------------------------------------------------------


def test_what_was_solved_is_there_after_a_restart(tmp_path, shown):
    path = tmp_path / "new" / "folder" / "progress.jsonl"
    Progress(path).record("02", "sky", 3)
    Progress(path).record("02", "sky", 9)  # solved again: the first time counts
    Progress(path).record("04", "pair", 1)
    assert Progress(path).solved("02") == {"sky": 3}
    again = Quiz("02", Progress(path))
    assert "solved before" in quiz_module._CheckView(again, COLOURS).box.children[0].value
    assert "solved before" not in quiz_module._CheckView(again, THIRD).box.children[0].value


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\x00garbage",
        b"[" * 100_000,
        b'{"lecture": "02", "check": "half',
        b'{"lecture": 2, "check": "x", "tries": 1}',
        b'{"lecture": "02"}',
        b"[1, 2]\nnull\n7",
        b"",
    ],
)
def test_a_damaged_file_costs_only_the_damaged_lines(tmp_path, damage):
    path = tmp_path / "progress.jsonl"
    Progress(path).record("02", "before", 1)
    path.write_bytes(path.read_bytes() + damage)
    progress = Progress(path)
    progress.record("02", "after", 2)
    assert Progress(path).solved("02") == {"before": 1, "after": 2}
    assert progress.trouble == ""


def test_several_notebooks_at_once_lose_nothing(tmp_path):
    path = tmp_path / "progress.jsonl"
    first, second = Progress(path), Progress(path)
    first.record("02", "a", 1)
    second.record("02", "b", 1)
    first.record("02", "c", 1)
    assert first.solved("02") == second.solved("02") == {"a": 1, "b": 1, "c": 1}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: Progress(path).record("many", f"check {i}", 1), range(200)))
    assert len(Progress(path).solved("many")) == 200
    assert all(json.loads(line) for line in path.read_bytes().split(b"\n") if line)


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


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "progress.jsonl").mkdir()
    progress = Progress(tmp_path / "progress.jsonl")
    assert progress.solved("02") == {}
    assert "cannot be read" in progress.trouble


def test_the_place_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS_DIR", str(tmp_path))
    assert progress_file() == tmp_path / "progress.jsonl"
    monkeypatch.delenv("COURSE_PROGRESS_DIR")
    assert progress_file().name == "progress.jsonl"
    assert tmp_path not in progress_file().parents


def test_quiz_pulls_in_none_of_the_modules_that_students_write():
    listing = "import sys, utils.quiz; print(*[m for m in sys.modules if m.startswith('utils.')])"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True)
    names = ("quiz", "quiz_checks", "quiz_pages", "quiz_progress", "pictures")
    assert set(done.stdout.split()) == {f"utils.{name}" for name in names}, done.stderr
