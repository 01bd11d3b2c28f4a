"""The three kinds of quick check: how an answer is read and judged."""

import pytest

from utils.quiz_checks import AnswerError, Choice, Number, Shape, read_number, read_shape

COLOURS = Choice(
    "sky",
    "Which colour has a clear sky if `a < b`?",
    right="blue",
    why="Short waves are scattered most.",
    wrong={"green": "That is grass.", "red": "That is the evening."},
)
THIRD = Number("third", "What is 1/3?", 1 / 3, 0.01, "Three make one.", {3.0: "Upside down."})
PAIR = Shape("pair", "Which shape?", (2, 1), "Axis 1 stays.", {(2,): "Without keepdims."})


NUMBERS = {
    0.25: ["0.25", " 0,25 ", ".25", "1/4", "25 %", "２５％", "0,250"],  # no thousands begin with 0
    -0.25: ["ー０．２５"],
    -0.001: ["-1e-3"],
    -2: ["\N{MINUS SIGN}2"],
    5.1: ["5,1", "5,1000"],
    51: ["5,100 %"],
    125: ["1,000/8"],
    1_000: ["1 000"],
    2_500: ["2,5e3"],
    5_100: ["5,100"],
    159_020: ["159,020", "１５９，０２０"],
    1_234_567.5: ["1\N{NARROW NO-BREAK SPACE}234\N{NO-BREAK SPACE}567,5"],
    -1_234_567.5: ["-1,234,567.5"],
    float("inf"): ["inf"],
    float("-inf"): ["-inf"],
}
SHAPES = {
    (2, 3): ["(2, 3)", "2, 3", "2 x 3", "2×3", "[2, 3]", "（２，３）"],
    (5,): ["(5,)", "5"],
    (): ["()"],
    (0, 3): ["(0, 3)"],
}


def readings(table: dict) -> list[tuple]:
    return [(text, value) for value, texts in table.items() for text in texts]


@pytest.mark.parametrize(("text", "value"), readings(NUMBERS))
def test_a_number_is_read_in_every_usual_spelling(text, value):
    assert read_number(text) == pytest.approx(value, rel=1e-15)


NOT_NUMBERS = {
    "words": ["", "  ", "many", "__import__()"],
    "signs": ["1/0", "1/2/3", "2..5"],
    "separators": ["1,23,456", "1,000,5", "1 00", "1 2"],
}


@pytest.mark.parametrize("text", [text for texts in NOT_NUMBERS.values() for text in texts])
def test_what_is_not_a_number_is_answered_with_an_example(text):
    with pytest.raises(AnswerError, match=r"type a number, such as 0\.25"):
        read_number(text)


@pytest.mark.parametrize(("text", "shape"), readings(SHAPES))
def test_a_shape_is_read_in_every_usual_spelling(text, shape):
    assert read_shape(text) == shape


@pytest.mark.parametrize("text", ["", " ", "two", "(2, -1)", "(2.5,)", "((2, 3))", "N, K"])
def test_what_is_not_a_shape_is_answered_with_an_example(text):
    with pytest.raises(AnswerError, match=r"type a shape, such as \(2, 3\)"):
        read_shape(text)


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


def test_a_number_is_shown_with_the_digits_that_matter():
    assert THIRD.answer_text == "0.333"
    assert Number("x", "?", 0.0, 0.02, "").answer_text == "0"
    assert Number("x", "?", 1200.0, 50, "").answer_text == "1,200"
    assert Number("x", "?", float("inf"), 0.1, "").answer_text == "inf"
