"""Runs a lecture with further cells below it: what its text and figures say, tried out."""

from pathlib import Path

import nbformat

from utils.lecture_outputs import environment, execute

ROOT = Path(__file__).resolve().parents[2]


def run_with(lecture: str, *sources: str, folder: Path) -> nbformat.NotebookNode:
    """Run a lecture, and then these cells in the same kernel; the stand-in data are enough.

    Args:
        lecture: its name, without `.ipynb`.
        sources: the text of each cell to append.
        folder: an empty one, for the copy that is run.
    Returns:
        The notebook that was run.

    Raises:
        LectureError: a cell raised.
    """
    notebook = nbformat.read(ROOT / "lectures" / f"{lecture}.ipynb", as_version=4)
    notebook.cells += [nbformat.v4.new_code_cell(source) for source in sources]
    copy = folder / f"{lecture}.ipynb"
    nbformat.write(notebook, copy)
    return execute(copy, environment(ROOT, folder, stand_in=True), any_data=True)
