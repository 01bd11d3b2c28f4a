"""Wrong and right work of the tables through the real grading path: handed in, restored, judged.

Of each check the first wrong implementation that it reveals, with the test cell of this check; all
others are graded in this process, in `test_problem_sets`. Tasks that do not build on each other
share a submission: the first one holds the first case of each of them, and so on. What a case is
worth depends neither on its neighbours nor on whether it runs in this process or in the sandbox.
"""

from itertools import zip_longest

import pytest
from nbformat.notebooknode import NotebookNode
from nbgrader.utils import is_grade

from tests.problem_sets.grading import (
    Right,
    Wrong,
    check_states,
    fill,
    graded_cells,
    read,
    scores,
    sources,
    stderr,
    tells_no_number,
)
from tests.problem_sets.tables import IDLE, NAMES, TABLES, cells_of, graded_here
from utils.grading.judge.grade_notebook import run_notebook
from utils.grading.notebook.restore import restore
from utils.grading.notebook.source_cells import cells_of_notebook
from utils.grading.sandbox.config import SandboxConfig

pytestmark = pytest.mark.slow

BUILDS_ON = {
    "gradient_descent": ("numerical_gradient",),
    "MultiLayerNet": ("ReLU", "Affine", "SoftmaxWithLoss"),
}

# These get fewer points from the judge: what they hand to a test's function cannot cross.
ONLY_HERE = ("f gets a matrix type",)


def _submissions() -> list:
    """Return (problem set, cases by task) for every submission that has to be graded."""
    found = []
    for name in NAMES:
        table = TABLES[name]
        first = [task for task in table.wrong if task not in BUILDS_ON]
        for tasks in (first, *([task] for task in table.wrong if task in BUILDS_ON)):
            columns = (
                [*_one_for_each_check(table.wrong[task]), *table.right[task]] for task in tasks
            )
            for number, row in enumerate(zip_longest(*columns), start=1):
                cases = dict(zip(tasks, row, strict=True))
                found.append(pytest.param(name, cases, id=f"{name[:3]}-{tasks[0]}-{number}"))
    return found


def _one_for_each_check(cases: list[Wrong]) -> list[Wrong]:
    return list({case.revealed_by: case for case in reversed(cases)}.values())


@pytest.mark.parametrize(("name", "cases"), _submissions())
def test_the_judge_finds_the_same_as_the_tables(name, cases, order):
    solution = read("solutions", name)
    needed = {earlier for task in cases for earlier in BUILDS_ON.get(task, ())}
    answers = {task: source for task, source in sources(solution).items() if task in needed}
    for task, case in cases.items():
        answers[task] = case.source if case else sources(solution)[task]
    handed_in = fill(read("assignments", name), answers)
    notebook, notes = restore(handed_in, cells_of_notebook(solution))
    assert notes == []
    cases = {task: case for task, case in cases.items() if case}  # some tasks have more than others
    here = {task: graded_here(name, task, case) for task, case in cases.items()}
    looked_at = {task: _looked_at(here[task], task, case) for task, case in cases.items()}
    tests = {grade_id for ids in looked_at.values() for grade_id in ids}
    notebook.cells = [
        cell
        for i, cell in graded_cells(notebook).items()
        if i not in IDLE and (i in tests or not is_grade(cell))
    ]
    run_notebook(notebook, order)

    points = scores(notebook)
    for task, case in cases.items():
        states, lost = {}, False
        for grade_id in looked_at[task]:
            states |= (found := check_states(notebook, grade_id))
            lost |= points[grade_id][0] < points[grade_id][1]
            if grade_id.endswith("_hidden"):
                tells_no_number(graded_cells(notebook)[grade_id])
            if case.name not in ONLY_HERE:
                assert found == check_states(here[task], grade_id), case.name
                assert points[grade_id] == scores(here[task])[grade_id], case.name
        if isinstance(case, Wrong):
            assert states[case.revealed_by] == "failed", case.name
            assert lost, case.name
        else:
            assert set(states.values()) == {"passed"}, case.name
            assert not lost, case.name


def _looked_at(here: NotebookNode, task: str, case: Wrong | Right) -> list[str]:
    """Return the test cells that a case is for: of wrong work the one with the check it is for."""
    cells = cells_of(task)
    if isinstance(case, Right):
        return list(cells)
    return [i for i in cells if case.revealed_by in check_states(here, i)]


def _judged(name: str, answers: dict[str, str], order: SandboxConfig):
    """Return a whole notebook, all of its cells run, as it comes back from the judge."""
    handed_in = fill(read("assignments", name), answers)
    notebook, notes = restore(handed_in, cells_of_notebook(read("solutions", name)))
    outcome = run_notebook(notebook, order)
    assert notes == outcome.notes == []
    assert stderr(notebook) == []
    return {i: result for i, result in scores(notebook).items() if i in outcome.tests}


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_gives_the_release_nothing(name, order):
    assert {points for points, _ in _judged(name, {}, order).values()} == {0}


@pytest.mark.parametrize("name", NAMES)
def test_the_judge_gives_the_solution_everything(name, order):
    result = _judged(name, sources(read("solutions", name)), order)
    assert len(result) >= 2  # a visible and a hidden cell for each function
    for points, most in result.values():
        assert points == most
