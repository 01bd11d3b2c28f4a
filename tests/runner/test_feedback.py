"""Feedback: points and hints for every check, and nothing of what is hidden."""

import re

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.problem_sets.grading import execute, read
from tests.runner.conftest import PS1, RIGHT
from tests.runner.test_report import Reader
from utils.checks import MIME
from utils.grading import feedback
from utils.grading.marks import Mark, Marks
from utils.grading.restore import without_hidden_tests
from utils.grading.steps import HideHiddenTests

SECRET = "12.34567"  # what a hidden test expects


def cell(source: str, *outputs: dict, grade_id: str = "test_f_hidden", **about) -> NotebookNode:
    marks = {"grade": True, "solution": False, "grade_id": grade_id, "points": 2} | about
    made = new_code_cell(source, metadata={"nbgrader": marks})
    made.outputs = [NotebookNode(output) for output in outputs]
    return made


def hidden(source: str) -> str:
    return f"# Hidden checks.\n### BEGIN HIDDEN TESTS\n{source}\n### END HIDDEN TESTS\n"


def filled(notebook: NotebookNode, marks: Marks | None = None, most: dict | None = None) -> str:
    parts = feedback.page(notebook)
    marks, most = marks or Marks(), most or {}
    return feedback.fill(parts, "ps0", "<b>me</b>", "graded", marks, most, "mark")


TABLE = {
    "task": "f", "hidden": True,
    "checks": [
        {"name": "rows sum to 1", "points": 1, "state": "failed", "what": "a sum is not 1",
         "hint": "Use `axis=-1`."},
        {"name": "no nan", "points": 1, "state": "passed", "what": "", "hint": "Shift."},
    ],
}  # fmt: skip


def test_a_hidden_test_is_shown_by_names_and_hints_only():
    error = new_output(
        "error", ename="AssertionError", evalue=f"{SECRET} != 0", traceback=[f"f(x) == {SECRET}"]
    )
    outputs = [
        new_output("stream", name="stdout", text=f"expected {SECRET}"),
        new_output("display_data", data={MIME: TABLE, "text/plain": f"got {SECRET}"}),
        new_output("display_data", data={"text/html": f"<p>{SECRET}</p>"}),
        new_output("execute_result", data={"text/plain": f"array([{SECRET}])"}),
        error,
    ]
    shown = cell(hidden(f"assert f(1) == {SECRET}"), *outputs)
    page = filled(new_notebook(cells=[shown]))
    assert SECRET not in page
    assert "rows sum to 1" in page
    assert "Hint: Use <code>axis=-1</code>." in page
    assert "a sum is not 1" in page
    assert "AssertionError: a hidden check stopped here" in page
    Reader(page)
    assert SECRET in str(shown)  # the notebook itself is left alone


def test_a_table_that_was_not_meant_to_be_hidden_loses_its_numbers():
    table = {
        "task": "f",
        "hidden": False,
        "checks": [TABLE["checks"][0] | {"what": f"wrong values: expected {SECRET}"}],
    }
    shown = cell(hidden("..."), new_output("display_data", data={MIME: table}))
    page = filled(new_notebook(cells=[shown]))
    assert SECRET not in page
    assert "rows sum to 1" in page


def test_an_error_of_the_students_own_type_is_not_named():
    # its name could say what the hidden test asked: class Asked12_34567(Exception)
    error = new_output("error", ename="Asked12_34567", evalue=SECRET, traceback=[SECRET])
    page = filled(new_notebook(cells=[cell(hidden("..."), error)]))
    assert "12_34567" not in page


def test_a_visible_test_is_shown_with_its_source_and_numbers():
    table = TABLE | {"hidden": False}
    shown = cell("assert f(1) == 0.25", new_output("display_data", data={MIME: table}))
    page = filled(new_notebook(cells=[shown]))
    assert "0.25" in Reader(page).text
    assert "its tests" in page


@pytest.mark.parametrize("answers", [{}, RIGHT, {"softmax": "def softmax(a):\n    return a\n"}])
def test_of_the_real_problem_set_nothing_hidden_is_shown(answers):
    notebook = read("solutions", PS1)
    visible, lines = set(), set()
    for one in notebook.cells:
        about = one.metadata.get("nbgrader", {})
        one.source = answers.get(about.get("grade_id"), one.source)
        if one.cell_type == "code":
            visible |= set(without_hidden_tests(one.source).splitlines())
            lines |= set(one.source.splitlines())
    secrets = {line.strip() for line in lines - visible}
    secrets = {line for line in secrets if len(line) > 12 and not line.startswith("with check(")}
    assert len(secrets) > 20
    text = Reader(filled(execute(notebook))).text
    assert [line for line in secrets if line in text] == []


def test_nbgraders_own_pages_hide_the_same():
    shown = cell(
        hidden(f"assert f(1) == {SECRET}"),
        new_output("stream", name="stdout", text=SECRET),
        new_output("display_data", data={MIME: TABLE, "text/html": SECRET}),
        new_output("execute_result", data={"text/plain": "1.5"}),
    )
    step = HideHiddenTests()
    notebook, _ = step.preprocess(new_notebook(cells=[shown]), {})
    (one,) = notebook.cells
    assert SECRET not in str(one)
    assert one.outputs[-1].data["text/plain"] == "1.5"
    assert "rows sum to 1" in one.outputs[0].data["text/html"]
    nbformat.validate(notebook)


# What else is on the page -------------------------------------------------------------------------


def test_points_comments_penalty_and_what_is_still_to_come():
    cells = [
        cell("f", grade_id="test_f"),
        cell("def f(): ...", grade_id="f", grade=False, solution=True),
        new_markdown_cell(
            "Because.", metadata={"nbgrader": {"grade": True, "solution": True, "grade_id": "w"}}
        ),
    ]
    marks = Marks(
        {"test_f": Mark(auto=2.0, needs_person=False), "w": Mark()},
        {"f": "A *fine* one <script>alert(1)</script>", "w": ""},
        penalty=0.5,
    )
    page = filled(new_notebook(cells=cells), marks, {"test_f": 2.0, "w": 4.0})
    text = Reader(page).text
    assert "1.5 of 6 points so far; a person has still to read some of it" in text
    assert "to come, of 4" in text
    assert "handed in late" in text
    assert "A <em>fine</em> one" in page
    assert "alert(1)" not in page
    assert "<b>me</b>" not in page


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<iframe src="//evil.example"></iframe>',
        '<img src="https://evil.example/pixel.png">',
        '<svg onload="alert(1)"></svg>',
        '<p style="background:url(https://evil.example)">x</p>',
        "<style>body{display:none}</style>",
    ],
)
def test_nothing_of_a_students_runs_or_loads(evil):
    cells = [
        new_markdown_cell(evil),
        cell("1", new_output("display_data", data={"text/html": evil}), grade=False),
        cell("1", new_output("stream", name="stdout", text=evil), grade=False),
        cell("1", new_output("display_data", data={"image/svg+xml": evil}), grade=False),
    ]
    page = filled(new_notebook(cells=cells))
    for tag, about in Reader(page).elements:
        assert tag not in ("script", "iframe", "svg", "style") or "" in about or tag == "style"
        assert not any(name.startswith("on") for name in about)
        for name in ("src", "href", "style"):
            assert "evil" not in (about.get(name) or "")
            assert "javascript" not in (about.get(name) or "")
    assert page.count("<style>") == 1


def test_pictures_and_colours_are_shown():
    pixel = "iVBORw0KGgo="
    attached = new_markdown_cell("![x](attachment:photo.png)")
    attached["attachments"] = {"photo.png": {"image/png": pixel}}
    red = new_output("stream", name="stderr", text="\x1b[31mred\x1b[0m")
    cells = [attached, cell("1", new_output("display_data", data={"image/png": pixel}), red)]
    page = filled(new_notebook(cells=cells))
    pictures = [about for tag, about in Reader(page).elements if tag == "img"]
    assert [about["src"] for about in pictures] == [f"data:image/png;base64,{pixel}"] * 2
    assert all(about["alt"] for about in pictures)
    assert "\x1b" not in page


def test_a_page_knows_whether_it_is_current(tmp_path):
    file = tmp_path / "page.html"
    marks = Marks({"f": Mark(auto=1.0, needs_person=False)})
    mark = feedback.stamp("digest", marks, {"f": 1.0})
    file.write_text(feedback.fill([], "ps0", "me", "graded", marks, {"f": 1.0}, mark))
    assert feedback.is_current(file, mark)
    marks.comments["f"] = "new"
    assert not feedback.is_current(file, feedback.stamp("digest", marks, {"f": 1.0}))
    file.write_text(file.read_text()[:-20])
    assert not feedback.is_current(file, mark)
    assert not re.search("http", feedback.fill([], "ps0", "me", "graded", Marks(), {}, mark))
