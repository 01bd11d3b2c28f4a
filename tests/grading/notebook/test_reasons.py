"""Why a task earned nothing: one sentence, the same words whatever the student's cell holds."""

import pytest

from utils.grading.notebook.reading import new_cell, new_notebook
from utils.grading.notebook.reasons import MOST, error_of, reasons
from utils.grading.notebook.result import TestResult
from utils.grading.notebook.source_cells import SourceCell

STUB = "def f():\n    raise NotImplementedError()"
COURSE = [
    SourceCell("f", "code", STUB, grade=False, solution=True, locked=False),
    SourceCell("test_f", "code", "f()", grade=True, solution=False, locked=True, points=2.0),
    SourceCell("test_g", "code", "g()", grade=True, solution=False, locked=True, points=3.0),
]


def cell(source, name="f", error=""):
    about = {"nbgrader": {"grade_id": name, "solution": True}} if name else {}
    made = new_cell("code", source, "x", about)
    if error:
        lines = ["cell f, line 2, in f"]
        made["outputs"] = [
            {"output_type": "error", "ename": "E", "evalue": error, "traceback": lines}
        ]
    return made


def check(state, what, **more):
    return {"name": "values", "state": state, "what": what, "hint": "", "points": 2} | more


@pytest.mark.parametrize(
    ("cells", "test", "said"),
    [
        ([cell(STUB)], {}, "cell `f` is as it was handed out: nothing was written there"),
        ([], {}, "0 points for `f`: its cell was deleted, and no other cell defines it"),
        (
            [cell("1\nf(0)", error="no (cell f, line 2)")],
            {},
            "0 points for `f`: its cell ended in E: no (line 2: `f(0)`)",
        ),
        (
            [cell("f = 1\n\n" + STUB)],
            {},
            "0 points for `f`: `raise NotImplementedError()` still stands in line 4 of its cell: "
            "delete it",
        ),
        ([cell("g = 1")], {}, "0 points for `f`: no cell defines `f`"),
        ([cell("f = 1", "")], {}, "0 points for `f`: none of its checks passed"),
        ([cell("f = 1")], {"error": "E: no"}, "0 points for `f`: it stopped with E: no"),
        (
            [cell("f = 1")],
            {"hidden": True, "error": "E: secret"},
            "0 points for `f`: none of its hidden checks passed",
        ),
        (
            [cell("f = 1")],
            {"checks": [check("passed", ""), check("failed", "3, not 4")]},
            "0 points for `f`: values: 3, not 4",
        ),
        (
            [cell("x\n1 / 0", "", error="no"), cell("f = 1")],
            {"checks": [check("undefined", "no f")]},
            "0 points for `f`: a cell above ended in E: no (line 2: `1 / 0`)",
        ),
    ],
)
def test_a_task_without_points_gets_one_sentence(cells, test, said):
    tests = {"test_f": TestResult(0.0, 2.0, **test), "test_g": TestResult(1.0, 3.0)}
    assert reasons(new_notebook(cells), COURSE, tests) == [said]


def test_a_test_of_no_task_is_named_and_points_need_no_reason():
    notebook = new_notebook([cell("f = 1")])
    tests = {"test_f": TestResult(0.5, 2.0), "test_g": TestResult(0.0, 3.0, "E: " + "x" * MOST)}
    said = "`test_g` earned 0 of 3 points: it stopped with E: " + "x" * (MOST - 4) + "…"
    assert reasons(notebook, COURSE, tests) == [said]
    assert reasons(notebook, COURSE, {"test_f": TestResult(0.0, 0.0)}) == []


@pytest.mark.parametrize(
    ("traceback", "line"),
    [([], ""), (["cell f, line 9"], ""), (["cell f, line 0"], ""),
     (["\x1b[1mcell f, line 2\x1b[0m", "cell f, line 1"], " (line 1: `a`)")],
)  # fmt: skip
def test_an_error_names_the_last_line_of_the_cell(traceback, line):
    made = cell("a\nb", error="no")
    made["outputs"][0]["traceback"] = traceback
    assert error_of(made) == f"E: no{line}"
    assert error_of(cell("a")) == ""
