"""How the tests grade a submission: fast in this process, or for real by plain nbgrader.

A student's answers are sources by the grade id of the solution cell.
"""

from __future__ import annotations

import ast
import contextlib
import io
import linecache
import re
import shutil
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import nbformat
import numpy as np
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import determine_grade, is_grade, is_solution

from tests import processes
from utils import checks
from utils.system import CONFIG

ROOT = Path(__file__).resolve().parent.parent.parent
PLAIN = (
    '\nc.pop("Autograde", None)  # whatever the course puts in place of nbgrader\'s own Execute\n'
)


def function(head: str) -> Callable[..., str]:
    """Return what makes the source of a function with this head from the lines of its body."""
    return lambda *body: "\n    ".join([f"def {head}:", *body])


def changed(source: str, *pairs: str) -> str:
    """Return `source` with texts replaced: old, new, old, new, ..."""
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in source, old
        source = source.replace(old, new)
    return source


class Wrong(NamedTuple):
    """A typical wrong implementation: what is wrong, its source, the check that must reveal it."""

    name: str
    source: str
    revealed_by: str


class Right(NamedTuple):
    """An unusual right implementation, which must get every point: what is unusual, its source."""

    name: str
    source: str


class Mistake(NamedTuple):
    """A typical mistake and what the table says of it.

    Attributes:
        source: the answer.
        cause: part of the row of the common cause; "" if there is none.
        says: parts of the table.
        lacks: what must not stand in the table.
        points: what the visible cell gives.
    """

    source: str
    cause: str = ""
    says: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    points: float = 0.0


def read(folder: str, name: str, root: Path = ROOT) -> NotebookNode:
    """Return the notebook of a problem set from `solutions` or `assignments`."""
    return nbformat.read(root / folder / name / f"{name}.ipynb", as_version=4)


def graded_cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    """Return the cells that nbgrader knows, by grade id."""
    ids = ((cell.metadata.get("nbgrader", {}).get("grade_id"), cell) for cell in notebook.cells)
    return {grade_id: cell for grade_id, cell in ids if grade_id}


def fill(notebook: NotebookNode, answers: dict[str, str]) -> NotebookNode:
    """Put a student's sources into solution cells, in place, and return the notebook."""
    cells = graded_cells(notebook)
    for grade_id, source in answers.items():
        assert is_solution(cells[grade_id]), f"{grade_id} is no solution cell"
        cells[grade_id].source = source
    return notebook


def sources(notebook: NotebookNode) -> dict[str, str]:
    """Return the sources of the code cells that a student edits, by grade id."""
    cells = graded_cells(notebook).items()
    return {i: cell.source for i, cell in cells if is_solution(cell) and cell.cell_type == "code"}


def submission(name: str, answers: dict[str, str]) -> NotebookNode:
    """Return a submission with its hidden tests, as nbgrader has it before it grades.

    Tasks without an answer are solved, so that a later task may build on an earlier one.
    """
    return fill(read("solutions", name), answers)


# In this process ----------------------------------------------------------------------------


def execute(notebook: NotebookNode) -> NotebookNode:
    """Run the code cells in one namespace of this process, in place, with outputs as a kernel's."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    checks.student_cells.clear()
    checks.student_cells.update(
        (grade_id, cell.source)
        for grade_id, cell in graded_cells(notebook).items()
        if not is_grade(cell)
    )
    with np.printoptions():  # a cell may set them
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = _run_cell(cell, namespace)
    return notebook


def _run_cell(cell: NotebookNode, namespace: dict[str, Any]) -> list[NotebookNode]:
    """Return the outputs of one cell: tables, result or error, what it wrote to stderr."""
    outputs: list[NotebookNode] = []

    def display(table: checks.Task) -> None:
        data = table._repr_mimebundle_()
        data |= {"text/plain": repr(table), "text/html": table._repr_html_()}
        outputs.append(nbformat.v4.new_output("display_data", data=data))

    name = f"<cell {cell.id}>"
    linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(True), name)
    stdout, stderr = io.StringIO(), io.StringIO()
    try:
        with (
            mock.patch.object(checks.task, "display", display),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            warnings.simplefilter("default")
            tree = ast.parse(cell.source, name)
            last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
            exec(compile(tree, name, "exec"), namespace)
            if last:
                value = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
                if value is not None:
                    data = {"text/plain": repr(value)}
                    outputs.append(nbformat.v4.new_output("execute_result", data=data))
    except Exception as error:
        lines = traceback.format_exc().splitlines()
        output = {"ename": type(error).__name__, "evalue": str(error), "traceback": lines}
        outputs.append(nbformat.v4.new_output("error", **output))
    for stream, text in (("stdout", stdout.getvalue()), ("stderr", stderr.getvalue())):
        if text:
            outputs.insert(0, nbformat.v4.new_output("stream", name=stream, text=text))
    return outputs


# What came out ------------------------------------------------------------------------------


def scores(notebook: NotebookNode) -> dict[str, tuple[float | None, float]]:
    """Return (points, most points) of every graded cell by nbgrader's own rule; None: by hand."""
    cells = graded_cells(notebook).items()
    return {grade_id: determine_grade(cell) for grade_id, cell in cells if is_grade(cell)}


def check_states(notebook: NotebookNode, grade_id: str) -> dict[str, str]:
    """Return the state of every check of a test cell, by the check's name."""
    for output in graded_cells(notebook)[grade_id].outputs:
        if checks.MIME in output.get("data", {}):
            found = output.data[checks.MIME]["checks"]
            return {check["name"]: check["state"] for check in found}
    return {}


def tells_no_number(cell: NotebookNode) -> None:
    """Assert that the table of a hidden test cell holds no number in what it says of the work."""
    for output in cell.outputs:
        if checks.MIME in output.get("data", {}):
            table = output.data[checks.MIME]
            cause = [table["cause"]] if table["cause"] else []
            for said in [*table["checks"], *cause]:
                assert not re.search(r"\d", said["what"]), said


def worth(notebook: NotebookNode, grade_id: str) -> float:
    """Return what the checks of an executed test cell are worth together."""
    for output in graded_cells(notebook)[grade_id].outputs:
        if checks.MIME in output.get("data", {}):
            return sum(check["points"] for check in output.data[checks.MIME]["checks"])
    return 0.0


def stderr(notebook: NotebookNode) -> list[str]:
    """Return everything that went to stderr, and every error."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [
        output.get("text") or output.get("evalue", "")
        for output in outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


# By plain nbgrader ----------------------------------------------------------------------------


class PlainCourse:
    """A copy of the course in which nbgrader's own commands grade, with its own `Execute`.

    Args:
        folder: an empty folder for the copy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT / "solutions", folder / "solutions")
        config = (ROOT / CONFIG).read_text(encoding="utf-8")
        (folder / CONFIG).write_text(config + PLAIN, encoding="utf-8")

    def nbgrader(self, *arguments: str, cwd: Path | None = None) -> str:
        """Run an nbgrader command in the course folder, or in `cwd`, and return what it said."""
        status, said = processes.nbgrader(cwd or self.folder, *arguments)
        assert status == 0, f"nbgrader {' '.join(arguments)}\n{said}"
        return said

    def submit(self, name: str, student: str, answers: dict[str, str]) -> None:
        """Hand in the released notebook with a student's sources in its solution cells."""
        notebook = fill(read("assignments", name, self.folder), answers)
        file = self.folder / "grading" / "submitted" / student / name / f"{name}.ipynb"
        file.parent.mkdir(parents=True)
        nbformat.write(notebook, file)

    def autograded(self, name: str, student: str) -> NotebookNode:
        """Return a notebook as nbgrader graded it."""
        return read("grading/autograded/" + student, name, self.folder)
