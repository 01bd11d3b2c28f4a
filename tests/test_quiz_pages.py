"""Quick checks as HTML: what a page without a kernel shows."""

import pytest

from tests.test_quiz_checks import COLOURS, PAIR, THIRD
from utils import quiz_pages
from utils.quiz_checks import Choice


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
