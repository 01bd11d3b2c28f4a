"""Lectures that use MNIST run with its stand-in, too, and so do their claims and solutions.

The other lectures show the same with any data: JupyterLab's copy holds their claims.
"""

import tempfile
from pathlib import Path

import pytest
from nbformat import NotebookNode

from tests.lectures.notebooks import (
    LECTURES,
    ROOT,
    STRICT,
    about,
    claims,
    committed,
    solutions,
    text_outputs,
    write_copy,
)
from utils.lecture_outputs import environment, execute, uses_mnist
from utils.system import FIGURES


@pytest.mark.slow
@about(*(path for path in LECTURES if uses_mnist(committed(path))))
def test_a_lecture_its_claims_and_its_solutions_run_anywhere_with_the_stand_in(path):
    """The copy lies in a folder of its own, so nothing is found by luck of the current folder.

    Figures are made, but not drawn: nobody looks at them.
    """
    with tempfile.TemporaryDirectory(prefix="another folder ") as folder:
        copy = write_copy(path, Path(folder), [*claims(path), *solutions(path)])
        env = environment(ROOT, Path(folder), stand_in=True) | STRICT | {FIGURES: "none"}
        ran = execute(copy, env, any_data=True)
    assert that_say_something(ran) >= that_say_something(committed(path))


def that_say_something(notebook: NotebookNode) -> set[str]:
    """Return the ids of cells with text below them."""
    return {cell for cell, text in text_outputs(notebook).items() if text.strip()}
