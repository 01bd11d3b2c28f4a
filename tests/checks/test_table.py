"""The table that a student reads, as text, as HTML and as data."""

import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter

from tests.checks.outcomes import A, student
from tests.pages import Reader
from utils import checks


def table(hidden=False) -> checks.Task:
    task = checks.Task("f", hidden)
    with task.check(1, "the sum of `a`", "Look at `np.sum`."):
        checks.gives(np.sum, A, 21)
    with task.check(0.5, "less < more", "Is it <b>bold</b>?"):
        checks.gives(np.sum, A, 12345)
    with task.check(0.5, "no error", "Read the last line."):
        student("def f():\n    raise ValueError('<script>87654</script>')")()
    return task


def test_text_names_marks_points_reasons_and_hints():
    margin = " " * 27
    assert repr(table()).splitlines() == [
        "f: 1 of 2 points.",
        "  ✓ passed            1/1  the sum of `a`",
        "  ✗ not yet         0/0.5  less < more",
        f"{margin}What happened: wrong values: got 21, expected 12345",
        f"{margin}Hint: Is it <b>bold</b>?",
        "  ✗ not yet         0/0.5  no error",
        f"{margin}What happened: stopped with ValueError: <script>87654</script>"
        " (line 2: `raise ValueError('<script>87654</script>')`)",
        f"{margin}Hint: Read the last line.",
    ]


def test_html_escapes_what_students_write():
    page = table()._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<code>np.sum</code>" not in page  # a passed check needs no hint
    assert "the sum of <code>a</code>" in page
    assert page.count("<tr>") == 4


@pytest.mark.parametrize("hidden", [False, True])
def test_plain_text_and_html_say_the_same(hidden):
    def words(text):
        found = text.replace("`", " ").replace("/", " / ").replace("\xa0", " ").split()
        return sorted(found)

    task = table(hidden)
    head = ["result", "points", "check"]
    assert words(" ".join(Reader(task._repr_html_()).texts)) == sorted(words(repr(task)) + head)


def test_the_html_needs_nothing_of_jupyters():
    elements = Reader(table()._repr_html_()).elements
    tags = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "br", "code"}
    assert {tag for tag, _ in elements} <= tags | {"details", "summary"}
    assert {name for _, about in elements for name in about} <= {
        "scope",
        "style",
    }  # no class, no script, no address
    assert "color" not in table()._repr_html_()  # so that dark themes choose it


def test_a_hidden_check_shows_no_numbers():
    task = table(hidden=True)
    shown = repr(task) + task._repr_html_() + str(task._repr_mimebundle_())
    assert "12345" not in shown
    assert "87654" not in shown
    assert "stopped with an error" in shown
    assert "Read the last line." in shown


def test_notebooks_get_all_three_forms(monkeypatch):
    shown = []
    monkeypatch.setattr(checks.task, "display", lambda data, raw: shown.append(data))
    assert DisplayFormatter().format(table()) == ({}, {})  # it shows itself
    (data,) = shown
    assert set(data) == {"text/plain", "text/html", checks.MIME}
    assert data["text/plain"] == repr(table())
    found = data[checks.MIME]
    assert (found["task"], found["hidden"]) == ("f", False)
    assert [check["state"] for check in found["checks"]] == ["passed", "failed", "failed"]
    assert found["checks"][1]["points"] == 0.5
