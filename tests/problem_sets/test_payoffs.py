"""What a set ends with, in a notebook's own kernel: figures drawn by the student's own code."""

import nbformat
import pytest
from nbclient import NotebookClient

from tests.problem_sets.grading import execute, fill, graded_cells, read, sources, stderr
from utils.drawing_pad import DrawingPad

pytestmark = pytest.mark.slow

# The cells that show something, and words that their alternative texts or prints contain.
SHOWN = {
    "ps5_two_layer_net": {
        "gradient-check": ["W1: relative error"],
        "train-it": ["accuracy on the test images 0.9"],
        "look-inside-figures": ["The loss of your network", "twelve hidden units", "misreads"],
        "draw-figure": ["Your network reads it as a 2", DrawingPad.__name__],
    },
    "ps6_backpropagation": {
        "gradient-check": ["W3: relative error"],
        "name-colours": ["accuracy on the test colours 1.00", "(233, 63, 127) is red"],
        "decision-map": ["Three maps of red against green"],
    },
}


def _shown(cell) -> str:
    return "".join(
        output.get("text", "") + output.get("data", {}).get("text/plain", "")
        for output in cell.outputs
    )


def _without_tests(notebook):
    """Leave out what takes time and is tested elsewhere."""
    tested = [i for i in graded_cells(notebook) if i.startswith("test_")]
    cells = notebook.cells
    notebook.cells = [
        c for c in cells if c.metadata.get("nbgrader", {}).get("grade_id") not in tested
    ]
    return notebook


@pytest.mark.parametrize("name", SHOWN)
def test_a_students_own_network_draws_the_figures(name, tmp_path, monkeypatch):
    """Beside an earlier set of which one function is right and another one is not."""
    monkeypatch.setenv("MNIST_DIR", "digits")
    for folder, changed in (("ps1_output_layer", {}), ("ps4_gradients", WRONG)):
        earlier = fill(read("assignments", folder), sources(read("solutions", folder)) | changed)
        (tmp_path / folder).mkdir()
        nbformat.write(earlier, tmp_path / folder / f"{folder}.ipynb")
    (tmp_path / name).mkdir()
    notebook = _without_tests(fill(read("assignments", name), sources(read("solutions", name))))
    resources = {"metadata": {"path": str(tmp_path / name)}}
    NotebookClient(notebook, timeout=300, resources=resources).execute()
    cells = {cell.id: cell for cell in notebook.cells if cell.cell_type == "code"}
    said = _shown(cells["given"])
    assert "`softmax` is your own, from ps1_output_layer." in said
    assert "`cross_entropy_error` is the course's: there is no ../ps3_loss_functions" in said
    assert "`numerical_gradient` is the course's: yours in ps4_gradients does not pass" in said
    for cell_id, parts in SHOWN[name].items():
        for part in parts:
            assert part in _shown(cells[cell_id])
    errors = [text for text in stderr(notebook) if "stand-in" not in text]
    assert errors == []


WRONG = {"numerical_gradient": "def numerical_gradient(f, x):\n    return 0 * x"}


@pytest.mark.parametrize("name", SHOWN)
def test_where_work_is_graded_nothing_is_trained(name):
    notebook = _without_tests(read("solutions", name))
    cells = {cell.id: cell for cell in execute(notebook).cells if cell.cell_type == "code"}
    for cell_id in SHOWN[name]:
        if cell_id != "gradient-check":
            assert cells[cell_id].outputs == []
    assert "is your own" not in _shown(cells["given"])
