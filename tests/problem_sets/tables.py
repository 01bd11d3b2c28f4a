"""All tables of right and wrong work, and what becomes of one case when it is graded here."""

import functools
import importlib
import types

from nbformat.notebooknode import NotebookNode
from nbgrader.utils import is_grade

from tests.problem_sets.grading import ROOT, Right, Wrong, execute, graded_cells, submission
from utils.grading.run.release import problem_sets
from utils.grading.run.self_test import test_names as cells_of

NAMES = problem_sets(ROOT)


def _table(name: str) -> types.ModuleType:
    """Return a problem set's module of tables; an empty one without a name if there is none yet."""
    try:
        return importlib.import_module(f"tests.problem_sets.{name}")
    except ModuleNotFoundError:
        nothing = types.ModuleType("")
        nothing.WRONG, nothing.RIGHT = {}, {}
        return nothing


TABLES = {name: _table(name) for name in NAMES}

IDLE = ("images", "examine")  # locked cells that no check needs: they load images, train a network


@functools.cache
def graded_here(name: str, task: str, case: Right | Wrong) -> NotebookNode:
    """Return the executed submission that gives this answer to one task and is right otherwise.

    The test cells of the other tasks and the cells to try things in are left out.
    """
    notebook = submission(name, {task: case.source})
    cells = graded_cells(notebook)
    notebook.cells = [
        cell
        for i, cell in cells.items()
        if i not in IDLE and (not is_grade(cell) or i in cells_of(task))
    ]
    return execute(notebook)
