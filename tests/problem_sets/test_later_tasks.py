"""A mistake in an earlier task costs nothing in a later one: `gradient_descent` of problem set 4.

The checks of `gradient_descent` replace the student's `numerical_gradient` meanwhile. The function
they put in its place must be of no use to the student's code elsewhere.
"""

import pytest

from tests.problem_sets.grading import execute, fill, read, scores, sources, submission
from tests.problem_sets.tables import cells_of
from utils.grading.judge.grade_notebook import run_notebook
from utils.grading.notebook.restore import restore
from utils.grading.notebook.source_cells import cells_of_notebook

NAME = "ps4_gradients"

WRONG_GRADIENTS = {
    "not written": "raise NotImplementedError()",
    "nothing": "return None",
    "zeros": "return np.zeros(x.shape)",
    "uphill": "return -x",
    "spoils x": "x[...] = 0\n    return x",
    "an error": "return 1 / 0",
    "values": "return f(x)",
}
CALLS = {
    "as the text says": "numerical_gradient(f, x)",
    "by name": "numerical_gradient(f=f, x=x)",
    "with a further name": "slope(f, x)",
}
THIEF = """_found = []


def numerical_gradient(f, x):
    for gradient in _found:
        try:
            return gradient(f, x)
        except Exception:
            pass
    return np.zeros(x.shape)


_own = numerical_gradient
"""

# One that kept itself would call itself until its time is up.
KEEP = "_found.extend({numerical_gradient} - {_own})"


def _descent(call: str = CALLS["as the text says"], first: str = "") -> str:
    lines = [
        "def gradient_descent(f, init_x, lr=0.01, step_num=100):",
        f"    {first}" if first else "    pass",
        "    history = [np.array(init_x)]",
        "    for _ in range(step_num):",
        "        x = history[-1]",
        f"        history.append(x - lr * {call})",
        "    return history[-1], history",
    ]
    return "\n".join(lines)


def _answers() -> list:
    found = []
    for what, body in WRONG_GRADIENTS.items():
        gradient = f"def numerical_gradient(f, x):\n    {body}"
        found.append(pytest.param(gradient, _descent(), id=what))
    gradient = "def numerical_gradient(f, x):\n    return None"
    helper = "def slope(f, x):\n    return numerical_gradient(f, x)\n\n\n"
    found.append(pytest.param(gradient, _descent(CALLS["by name"]), id="by name"))
    found.append(
        pytest.param(gradient, helper + _descent(CALLS["with a further name"]), id="helper")
    )
    return found


def _here(answers: dict[str, str]) -> dict:
    return scores(execute(submission(NAME, answers)))


def _judged(answers: dict[str, str], order) -> dict:
    solution = read("solutions", NAME)
    handed_in = fill(read("assignments", NAME), sources(solution) | answers)
    notebook, _ = restore(handed_in, cells_of_notebook(solution))
    run_notebook(notebook, order)
    return scores(notebook)


@pytest.mark.parametrize(("gradient", "descent"), _answers())
def test_a_wrong_gradient_costs_nothing_in_gradient_descent(gradient, descent):
    result = _here({"numerical_gradient": gradient, "gradient_descent": descent})
    for grade_id in cells_of("gradient_descent"):
        points, most = result[grade_id]
        assert points == most
    assert sum(result[i][0] for i in cells_of("numerical_gradient")) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("gradient", "descent"), _answers())
def test_nor_does_it_through_the_judge(gradient, descent, order):
    result = _judged({"numerical_gradient": gradient, "gradient_descent": descent}, order)
    for grade_id in cells_of("gradient_descent"):
        points, most = result[grade_id]
        assert points == most
    assert sum(result[i][0] for i in cells_of("numerical_gradient")) == 0


def test_a_right_gradient_cannot_be_kept_for_another_task():
    descent = _descent(first=KEEP)
    result = _here({"numerical_gradient": THIEF, "gradient_descent": descent})
    assert sum(result[i][0] for i in cells_of("numerical_gradient")) == 0


@pytest.mark.slow
def test_nor_can_it_be_kept_from_the_judge(order):
    descent = _descent(first=KEEP)
    result = _judged({"numerical_gradient": THIEF, "gradient_descent": descent}, order)
    assert sum(result[i][0] for i in cells_of("numerical_gradient")) == 0


def test_without_a_right_gradient_descent_earns_what_it_knows():
    solution = sources(read("solutions", NAME))
    descent = "def gradient_descent(f, init_x, lr=0.01, step_num=100):\n    return None"
    result = _here(solution | {"gradient_descent": descent})
    assert sum(result[i][0] for i in cells_of("gradient_descent")) == 0
    assert sum(result[i][0] for i in cells_of("numerical_gradient")) == 7
