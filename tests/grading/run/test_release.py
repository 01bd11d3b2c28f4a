"""What students get of a problem set: no solutions, no hidden tests, and its data."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from utils.grading.run import release
from utils.grading.run.release import BuildError
from utils.system import CONFIG, ROOT

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's own affair


@pytest.fixture
def root(tmp_path):
    """A course folder with one problem set, and what must not be released beside it."""
    folder = tmp_path / "solutions" / "ps1"
    (folder / "data").mkdir(parents=True)
    ignored = "\nc.CourseDirectory.ignore = ['__pycache__', '.ipynb_checkpoints']\n"
    (tmp_path / CONFIG).write_text((ROOT / CONFIG).read_text(encoding="utf-8") + ignored)
    for name in ("ps1-Copy1.ipynb", "data/a.csv", ".ipynb_checkpoints/x", "__pycache__/x"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"1\r\n")
    write(tmp_path, "### BEGIN SOLUTION\nf = 1\n### END SOLUTION")
    return tmp_path


def write(root: Path, text: str) -> None:
    about = {"grade_id": "f", "schema_version": 3, "solution": True, "grade": False, "task": False}
    cell = new_code_cell(text, metadata={"nbgrader": about | {"locked": False}})
    nbformat.write(new_notebook(cells=[cell]), root / "solutions" / "ps1" / "ps1.ipynb")


def test_students_get_the_notebook_without_the_solution_and_its_data(root):
    assert release.problem_sets(root) == ["ps1"]
    found = release.released_files(root, ["ps1"])
    assert found.keys() == {Path("ps1/ps1.ipynb"), Path("ps1/data/a.csv")}
    assert found[Path("ps1/data/a.csv")] == b"1\r\n"
    notebook = nbformat.reads(found[Path("ps1/ps1.ipynb")].decode(), as_version=4)
    assert notebook.cells[0].source == "# YOUR CODE HERE\nraise NotImplementedError()"
    assert not (root / "assignments").exists()
    assert not (root / "grading").exists()


def test_what_nbgrader_refuses_gets_a_sentence(root):
    write(root, "### BEGIN SOLUTION")
    with pytest.raises(BuildError, match="^nbgrader does not release ps1: "):
        release.released_files(root, ["ps1"])


def test_only_notebooks_get_unix_line_ends(tmp_path):
    for name in ("a.ipynb", "b.csv", ".ipynb_checkpoints/a.ipynb"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"1\r\n2\n")
    assert release.files_in(tmp_path) == {Path("a.ipynb"): b"1\n2\n", Path("b.csv"): b"1\r\n2\n"}
