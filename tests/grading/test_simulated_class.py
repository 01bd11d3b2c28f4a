"""Invented students: each hands in a notebook, and none answers a cell that is not there."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from utils.grading import simulated_class
from utils.grading.simulated_class import Student, write_submission
from utils.system import ROOT


@pytest.fixture
def released(tmp_path):
    cells = [new_code_cell("stub", metadata={"nbgrader": {"grade_id": n}}) for n in ("f", "g")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "ps1.ipynb")
    return tmp_path / "ps1.ipynb"


def test_answers_go_into_their_cells_and_others_stay(tmp_path, released):
    path = tmp_path / "ada" / "ps1" / "ps1.ipynb"
    write_submission(Student("ada", "", {"f": "def f(): 'é'"}), released, path)
    notebook = nbformat.read(path, as_version=4)
    assert [cell.source for cell in notebook.cells] == ["def f(): 'é'", "stub"]
    whole = path.read_bytes()
    write_submission(Student("ada", "", {"f": "def f(): 'é'"}, cut=True), released, path)
    assert whole.startswith(path.read_bytes())
    assert 0 < len(path.read_bytes()) < len(whole)


def test_an_answer_to_a_cell_that_is_not_there_is_refused(tmp_path, released):
    with pytest.raises(ValueError, match="has no cell 'h' for ada's answer"):
        write_submission(Student("ada", "", {"h": ""}), released, tmp_path / "a.ipynb")


def test_every_student_can_hand_in(tmp_path):
    everyone = (
        *simulated_class.PS1_OUTPUT_LAYER,
        *simulated_class.HOSTILE_PS1_OUTPUT_LAYER,
    )
    assert len({student.name for student in everyone}) == len(everyone)
    given = ROOT / "assignments" / "ps1_output_layer" / "ps1_output_layer.ipynb"
    for student in everyone:
        write_submission(student, given, tmp_path / "a.ipynb")
        assert student.story
