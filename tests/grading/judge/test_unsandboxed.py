"""The judge without a sandbox, in a process that goes on afterwards."""

import sys

from IPython.core.interactiveshell import InteractiveShell
from nbformat import v4

from utils.grading.judge import unsandboxed
from utils.grading.judge.grade_notebook import run_cells
from utils.grading.sandbox.config import Limits, SandboxConfig


def graded(test: str) -> str:
    """Grade a notebook whose one test has this source; return what the test's cell says."""
    answer = v4.new_code_cell("def f(x):\n    return x")
    check = v4.new_code_cell(test)
    for cell, grade_id, grade in ((answer, "f", False), (check, "test_f", True)):
        cell.metadata["nbgrader"] = {
            "grade": grade, "grade_id": grade_id, "locked": grade, "points": 1,
            "schema_version": 3, "solution": not grade, "task": False,
        }  # fmt: skip
    notebook = v4.new_notebook(cells=[answer, check])
    run_cells(notebook, SandboxConfig(Limits(), ""), unsandboxed.judge)
    return "".join(
        output.get("evalue", output.get("text", "")) for output in notebook.cells[1].outputs
    )


def test_a_notebook_leaves_no_names_and_no_shell_behind():
    streams = sys.stdin, sys.stdout, sys.stderr, sys.excepthook
    assert graded("left = f(1)\nassert left == 1") == ""
    assert not InteractiveShell.initialized()
    assert (sys.stdin, sys.stdout, sys.stderr, sys.excepthook) == streams
    assert graded("left") == "name 'left' is not defined"
