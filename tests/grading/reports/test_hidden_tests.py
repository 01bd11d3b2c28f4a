"""What a student sees of a test cell with hidden tests: names, points, and the type of an error."""

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from utils.checks import MIME
from utils.grading.reports.hidden_tests import HIDDEN, hide_hidden_tests

SECRET = "### BEGIN HIDDEN TESTS\nassert f() == 41.25\n### END HIDDEN TESTS\n"


def cell(source, *outputs, make=new_code_cell, **flags):
    made = make(source, metadata={"nbgrader": {"grade": True, "solution": False} | flags})
    if outputs:
        made.outputs = [NotebookNode(output) for output in outputs]
    return made


def error(name):
    return {"output_type": "error", "ename": name, "evalue": "41.25", "traceback": ["f() == 41.25"]}


def result(text):
    return {"output_type": "execute_result", "data": {"text/plain": text}}


@pytest.mark.parametrize(
    ("source", "shown"),
    [(SECRET, HIDDEN), (f"f()\n{SECRET}2.0", "f()\n2.0"), (f"\n{SECRET}", HIDDEN)],
)
def test_the_visible_part_of_the_source_stays(source, shown):
    made = cell(source)
    hide_hidden_tests(made)
    assert made.source == shown


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        ({"output_type": "stream", "name": "stdout", "text": "41.25"}, None),
        ({"output_type": "display_data", "data": {"text/plain": "41.25"}}, None),
        (result("2.5"), "2.5"),
        (result("-2"), "-2"),
        (result("array(41.25)"), None),
        (result("1e+05"), None),
        (error("KeyError"), "KeyError: a hidden check stopped here"),
        (error("Is4125"), "Exception: a hidden check stopped here"),
        (error("print"), "Exception: a hidden check stopped here"),
    ],
)
def test_of_outputs_only_points_and_the_type_of_an_error_stay(output, shown):
    made = cell(SECRET, output)
    hide_hidden_tests(made)
    texts = [one.get("data", {}).get("text/plain") or one.traceback[0] for one in made.outputs]
    assert texts == ([shown] if shown else [])
    assert "41.25" not in str(made)


@pytest.mark.parametrize("hidden", [True, False])
def test_a_table_that_was_written_for_students_loses_what_was_expected(hidden):
    check = {"name": "a", "state": "failed", "what": "not 41.25", "hint": "Look.", "points": 1}
    cause = {"what": "not 41.25", "hint": "Look.", "line": 3, "code": "41.25"}
    table = {"task": "f", "hidden": hidden, "checks": [check], "cause": cause}
    made = cell(
        SECRET, {"output_type": "display_data", "data": {MIME: table, "text/plain": "41.25"}}
    )
    hide_hidden_tests(made)
    assert ("41.25" in str(made.outputs)) == hidden  # of hidden checks, `utils.checks` sees to it
    data = made.outputs[0].data
    assert data[MIME]["hidden"]
    assert data["text/plain"].startswith("f, hidden checks\n")
    assert "Look." in data["text/html"]
    assert table["checks"][0]["what"] == "not 41.25"  # the notebook's own is left alone


@pytest.mark.parametrize(
    "made",
    [
        cell("f() == 41.25", result("41.25")),
        cell(SECRET, result("a"), solution=True),
        cell(SECRET, result("a"), grade=False),
        cell(SECRET, make=new_markdown_cell),
    ],
)
def test_other_cells_are_left_alone(made):
    before = str(made)
    hide_hidden_tests(made)
    assert str(made) == before
