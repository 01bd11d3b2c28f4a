"""All tables of right and wrong work, and what becomes of one case when it is graded here."""

import functools
import importlib
from typing import NamedTuple

from nbformat.notebooknode import NotebookNode
from nbgrader.utils import is_grade

from tests.problem_sets.grading import (
    ROOT,
    Mistake,
    Right,
    Wrong,
    execute,
    graded_cells,
    submission,
)
from utils.grading.run.release import problem_sets
from utils.grading.run.self_test import test_names as cells_of

NAMES = problem_sets(ROOT)


class Table(NamedTuple):
    """What the module of a problem set says, by task."""

    wrong: dict[str, list[Wrong]]
    right: dict[str, list[Right]]
    mistakes: dict[str, dict[str, Mistake]]  # in each task by what is wrong


def _table(name: str) -> Table:
    """Return the table of a problem set; an empty one if it has no module yet."""
    try:
        module = importlib.import_module(f"tests.problem_sets.{name}")
    except ModuleNotFoundError:
        return Table({}, {}, {})
    wrong = {
        task: [Wrong(*case, check) for check, cases in checks.items() for case in cases.items()]
        for task, checks in module.WRONG.items()
    }
    right = {task: [Right(*case) for case in cases.items()] for task, cases in module.RIGHT.items()}
    return Table(wrong, right, getattr(module, "MISTAKES", {}))


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
