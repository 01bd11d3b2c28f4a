"""Wrong and right work of the tables through the real grading path: handed in, restored, judged.

Of each check the first wrong implementation that it reveals; all others are graded in this process,
in `test_problem_sets`. Tasks that do not build on each other share a submission: the first one
holds the first case of each of them, and so on. What a case is worth depends neither on its
neighbours nor on whether it runs in this process or in the sandbox.
"""

from itertools import zip_longest

import pytest

from tests.problem_sets.grading import (
    Wrong,
    check_states,
    fill,
    graded_cells,
    read,
    scores,
    sources,
    stderr,
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
        first = [task for task in table.WRONG if task not in BUILDS_ON]
        for tasks in (first, *([task] for task in table.WRONG if task in BUILDS_ON)):
            columns = (
                [*_one_for_each_check(table.WRONG[task]), *table.RIGHT[task]] for task in tasks
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
    without = {i for task, case in cases.items() if case is None for i in cells_of(task)}
    idle = {*IDLE, *without}  # the other tasks have more cases than these
    notebook.cells = [cell for i, cell in graded_cells(notebook).items() if i not in idle]
    run_notebook(notebook, order)

    points = scores(notebook)
    for task, case in cases.items():
        if case is None:
            continue
        here, states, lost = graded_here(name, task, case), {}, False
        for grade_id in cells_of(task):
            states |= check_states(notebook, grade_id)
            lost |= points[grade_id][0] < points[grade_id][1]
            if case.name not in ONLY_HERE:
                assert check_states(notebook, grade_id) == check_states(here, grade_id), case.name
                assert points[grade_id] == scores(here)[grade_id], case.name
        if isinstance(case, Wrong):
            assert states[case.revealed_by] == "failed", case.name
            assert lost, case.name
        else:
            assert set(states.values()) == {"passed"}, case.name
            assert not lost, case.name


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
