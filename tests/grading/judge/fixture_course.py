"""A small problem set to grade in tests: 10 points by tests, 2 by a person."""

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from utils.grading.notebook.source_cells import SourceCell, cells_of_notebook

POINTS = 10.0  # by tests
FIRST_TEST = "test_softmax_visible"

RIGHT = {
    "softmax": """def softmax(a):
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)""",
    "double": """def double(x):
    return 2 * x""",
    "answer": "Because it subtracts the maximum.",
}

STUBS = {
    "softmax": "def softmax(a):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "double": "def double(x):\n    # YOUR CODE HERE\n    raise NotImplementedError()",
    "answer": "YOUR ANSWER HERE",
}

_VISIBLE = """from utils import checks

task = checks.Task("softmax")
with task.check(1, "two equal numbers", "Divide by the sum."):
    checks.gives(softmax, np.array([0.0, 0.0]), [0.5, 0.5])
with task.check(1, "rows sum to 1", "Sum along the last axis."):
    checks.sums_to_one(softmax, np.arange(12.0).reshape(3, 4))
with task.check(1, "the argument stays as it is", "Make a copy."):
    checks.leaves_alone(softmax, np.arange(3.0))
    checks.sums_to_one(softmax, np.arange(3.0))
task.points()"""

_HIDDEN = """### BEGIN HIDDEN TESTS
def secret_softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)

hidden_input = np.linspace(-700.125, 900.25, 20).reshape(4, 5)
hidden_expected = secret_softmax(hidden_input)
np.testing.assert_allclose(softmax(hidden_input.copy()), hidden_expected, rtol=1e-6)
assert isinstance(softmax(hidden_input.copy()), np.ndarray)
assert abs(float(np.sum(softmax(np.array([1.0, 2.0])))) - 1) < 1e-9
4.0
### END HIDDEN TESTS"""

_DOUBLE = """from utils import checks

task = checks.Task("double")
with task.check(1, "a number", "Multiply."):
    checks.gives(double, 4.0, 8.0)
with task.check(2, "an array", "Multiply."):
    checks.gives(double, np.arange(3.0), [0.0, 2.0, 4.0])
task.points()"""


def _marked(source: str, name: str, kind: str = "code", **flags: object) -> NotebookNode:
    make = new_code_cell if kind == "code" else new_markdown_cell
    marks = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    metadata = {"nbgrader": marks | {"grade_id": name} | flags}
    return make(source, id=name.replace("_", "-"), metadata=metadata)


def source_notebook(answers: dict[str, str] | None = None) -> NotebookNode:
    """Return the problem set with hidden tests, and with some answers in it."""
    text = STUBS | (answers or {})
    return new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language":
        "python"}}, cells=[
            new_markdown_cell("# A problem set", id="title"),
            _marked("import numpy as np", "setup", locked=True),
            _marked(text["softmax"], "softmax", solution=True),
            _marked(_VISIBLE, "test_softmax_visible", grade=True, locked=True, points=3),
            _marked(_HIDDEN, "test_softmax_hidden", grade=True, locked=True, points=4),
            _marked(text["double"], "double", solution=True),
            _marked(_DOUBLE, "test_double", grade=True, locked=True, points=3),
            _marked(text["answer"], "answer", "markdown", grade=True, solution=True, points=2),
        ],
    )  # fmt: skip


def submission(before: str = "", after: str = "", **answers: str) -> NotebookNode:
    """Return what a student hands in: right but for some cells, with code in cells of its own.

    Args:
        before: a cell below the imports.
        after: a cell at the end.
        answers: instead of the right ones.
    """
    notebook = source_notebook(RIGHT | answers)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "test_softmax_hidden":
            cell.source = ""
    if before:
        notebook.cells.insert(2, new_code_cell(before, id="before"))
    if after:
        notebook.cells.append(new_code_cell(after, id="after"))
    return notebook


def course(first_test: str = "") -> list[SourceCell]:
    """Return the course's cells.

    Args:
        first_test: instead of the first test cell.
    """
    source = source_notebook()
    for cell in source.cells:
        if first_test and cell.metadata.get("nbgrader", {}).get("grade_id") == FIRST_TEST:
            cell.source = first_test
    return cells_of_notebook(source, source)
