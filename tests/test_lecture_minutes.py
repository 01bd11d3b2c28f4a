"""The minutes of a lecture: what counts, and how much."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from utils.lecture_minutes import by_section, minutes, stated, words

HIDDEN = {"jupyter": {"source_hidden": True}}
PICTURE = [new_output("display_data", {"image/png": "AAAA", "text/html": "<img alt='' src=''>"})]
FOLDED_PICTURE = [new_output("display_data", {"text/html": "<details><img alt=''></details>"})]


def took(*cells) -> float:
    return minutes(new_notebook(cells=list(cells)))


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (new_markdown_cell("one two three " * 50), 1),
        (new_code_cell("x = 1\n\ny = 2\n"), 0.2),
        (new_code_cell("x = 1\ny = 2", metadata=HIDDEN), 0),
        (new_code_cell("draw()", metadata=HIDDEN, outputs=PICTURE), 1),
        (new_code_cell("quiz.predict()", metadata=HIDDEN, outputs=FOLDED_PICTURE), 1),
        (new_code_cell("quiz.shape(1)", metadata=HIDDEN), 1),
        (new_code_cell("live = LiveFigure(f)", metadata=HIDDEN), 2),
        (new_markdown_cell("word " * 300, metadata={"tags": ["lecturer-notes"]}), 0),
    ],
)
def test_each_part_takes_its_time(cell, expected):
    assert took(cell) == pytest.approx(expected)


def test_exercises_and_sources_are_not_part_of_the_lecture():
    parts = [
        new_markdown_cell("# Title " + "word " * 149),
        new_markdown_cell("## One\n" + "word " * 149),
        new_code_cell("x = 1"),
        new_markdown_cell("## Exercises\n" + "word " * 300),
        new_code_cell("x = 1", outputs=PICTURE),
        new_markdown_cell("## Sources\n" + "word " * 300),
    ]
    sections = by_section(new_notebook(cells=parts))
    assert [name for name, _ in sections] == ["First screen", "One"]
    assert [minutes for _, minutes in sections] == pytest.approx([1, 1.1])
    assert took(*parts) == pytest.approx(2.1)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("two words", 2),
        ("a `x + 1` and $a + b$ and $$\\sum_i x_i$$", 6),
        ("see [lecture 02](02_softmax_overflow.ipynb)", 3),
        ("```python\nx = 1\n```\nafter", 1),
        ("| a | b |\n|---|---|\n| 1.5 | don't |", 4),
        ("<details><summary>Solution</summary>much more</details>", 0),
    ],
)
def test_words_are_what_is_read(text, count):
    assert len(words(text)) == count


def test_minutes_are_stated_in_steps_of_five():
    assert [stated(m) for m in (42.4, 42.6, 47.4)] == [40, 45, 45]
