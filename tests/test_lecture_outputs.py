"""Building lectures: what is kept, what is refused, and that no file is ever half-written."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from utils import lecture_outputs
from utils.lecture_outputs import LectureError, build_lectures, environment, uses_mnist
from utils.saved_widgets import NO_KERNEL, WIDGET

pytestmark = pytest.mark.slow


def write(root: Path, *sources: str, name: str = "01_test.ipynb", tags: tuple = (), **of_notebook):
    """Write a lecture of code cells `cell-0`, `cell-1`, ..., each with these tags."""
    cells = [new_markdown_cell("# 01 Test", id="title")]
    for number, source in enumerate(sources):
        metadata = {"tags": list(tags), "ExecuteTime": "now", "slideshow": {"slide_type": "-"}}
        cells.append(new_code_cell(source, id=f"cell-{number}", metadata=metadata))
    path = root / "lectures" / name
    path.parent.mkdir(exist_ok=True)
    nbformat.write(new_notebook(cells=cells, metadata=of_notebook), path)
    return path


def build(root: Path, *names: str, **options) -> list[str]:
    """Build quietly and return the names of the changed lectures."""
    return [path.name for path in build_lectures(root, names, say=lambda line: None, **options)]


def outputs(path: Path) -> list:
    """Return the outputs of all cells."""
    notebook = nbformat.read(path, as_version=4)
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_a_second_build_changes_no_byte(tmp_path):
    path = write(
        tmp_path,
        "print('a', flush=True)\nprint('b')",
        "import ipywidgets\nipywidgets.IntSlider()",
        "from utils.quiz import Quiz\nQuiz('x').number('n', 'Q?', answer=1, tolerance=0, why='W')",
        "from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass\n1 + 1",
        widgets={"state": 1},
        language_info={"name": "python", "version": "3.0"},
    )
    assert build(tmp_path) == ["01_test.ipynb"]
    first = path.read_bytes()
    assert build(tmp_path) == []
    assert path.read_bytes() == first
    notebook = nbformat.read(path, as_version=4)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert notebook.metadata.language_info == {"name": "python"}
    assert all(set(c.metadata) <= {"tags", "slideshow"} for c in notebook.cells)
    shown = outputs(path)
    assert shown[0].text == "a\nb\n", "printed text is in one piece"
    assert shown[1].data == {"text/plain": NO_KERNEL}
    assert set(shown[2].data) == {"text/plain", "text/html"}, "a widget keeps its own fallback"
    assert shown[3].data == {"text/plain": "2"}
    assert len(shown) == 4, "a progress bar is not a result"
    assert WIDGET not in first.decode()


def test_only_what_changes_is_written_and_only_what_is_named_is_built(tmp_path):
    first, second = write(tmp_path, "1"), write(tmp_path, "2", name="02_other.ipynb")
    assert build(tmp_path, "02") == ["02_other.ipynb"]
    assert outputs(first) == []
    assert outputs(second)
    assert build(tmp_path) == ["01_test.ipynb"]
    with pytest.raises(LectureError, match="has a name like 07"):
        build(tmp_path, "07")


@pytest.mark.parametrize(
    ("source", "tags", "message"),
    [
        ("x = 1\n1 / 0", (), r"01_test.ipynb, cell 2 \(cell-0\): ZeroDivisionError: division"),
        ("import warnings\nwarnings.warn('old')", (), "writes to stderr"),
        ("object()", (), "shows a memory address"),
        ("import utils\nprint(utils.__file__)", (), "shows a path of this machine"),
        ("1 / 0", ("raises-exception",), "shows a traceback; catch the error"),
        ("print('x' * 600_000)", (), "more than the 500,000 allowed"),
        ("import os\nos._exit(3)", (), r"01_test.ipynb, cell 2 \(cell-0\): Kernel died"),
    ],
)
def test_a_bad_lecture_is_refused_and_left_as_it_was(tmp_path, source, tags, message):
    path = write(tmp_path, source, tags=tags)
    before = path.read_bytes()
    with pytest.raises(LectureError, match=message):
        build(tmp_path)
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_that_is_not_a_notebook_is_named(tmp_path):
    path = write(tmp_path, "1")
    path.write_text('{"cells": 3}')
    with pytest.raises(LectureError, match="01_test.ipynb: not a valid notebook"):
        build(tmp_path)


def test_an_endless_cell_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(lecture_outputs, "SECONDS_PER_CELL", 1)
    write(tmp_path, "while True: pass")
    with pytest.raises(LectureError, match=r"cell 2 \(cell-0\): ran for more than 1 s"):
        build(tmp_path)


def test_an_interruption_is_passed_on(tmp_path):
    path = write(tmp_path, "raise KeyboardInterrupt")
    before = path.read_bytes()
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path)
    assert path.read_bytes() == before


def test_a_measured_cell_keeps_its_outputs_until_it_is_edited(tmp_path):
    clock = "import time\nprint(time.perf_counter_ns())"
    path = write(tmp_path, clock, tags=("measured",))
    build(tmp_path)
    measured = outputs(path)[0].text
    assert build(tmp_path) == []
    assert outputs(path)[0].text == measured
    assert build(tmp_path, remeasure=True) == ["01_test.ipynb"]
    again = outputs(path)[0].text
    assert again != measured
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[1].source += "  # in nanoseconds"
    nbformat.write(notebook, path)
    build(tmp_path)
    assert outputs(path)[0].text != again


def test_committed_outputs_show_the_real_mnist_only(tmp_path, monkeypatch):
    write(tmp_path, "from utils.mnist import load_mnist")
    monkeypatch.setattr(lecture_outputs, "has_real_mnist", lambda env: False)
    with pytest.raises(LectureError, match="only the stand-in is here; set MNIST_DIR"):
        build(tmp_path)


def test_the_environment_is_the_same_for_everybody(tmp_path, monkeypatch):
    course, beside = tmp_path / "course", tmp_path / "shared" / "mnist"
    beside.mkdir(parents=True)
    monkeypatch.setenv("PYTHONSTARTUP", "mine.py")
    monkeypatch.setenv("MPLBACKEND", "svg")
    monkeypatch.setenv("MNIST_DIR", "digits")
    env = environment(course, tmp_path)
    assert "PYTHONSTARTUP" not in env
    assert "MPLBACKEND" not in env
    assert env["MNIST_DIR"] == str(beside)
    assert environment(course, tmp_path, stand_in=True)["MNIST_DIR"] == "digits"
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", "mine")
    assert environment(course, tmp_path)["MNIST_DIR"] == str(tmp_path / "mine")


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="for Intel and AMD")
def test_the_processor_does_not_choose_the_arithmetic(tmp_path, monkeypatch):
    monkeypatch.setenv("OPENBLAS_CORETYPE", "Nehalem")
    code = (
        "import numpy as np, threadpoolctl\n"
        "print([info['architecture'] for info in threadpoolctl.threadpool_info()])\n"
        "print(np.show_config(mode='dicts')['SIMD Extensions']['found'])"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    env = environment(tmp_path, tmp_path)
    shown = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert "['Haswell']" in shown
    assert "512" not in shown
    assert "V4" not in shown
    assert "V3" in shown or "AVX2" in shown, "but AVX2 stays"


def test_lectures_that_depend_on_the_digits_are_known(root):
    def lecture(source):
        return new_notebook(cells=[new_markdown_cell("load_mnist"), new_code_cell(source)])

    assert uses_mnist(lecture("from utils.mnist import load_mnist"))
    assert uses_mnist(lecture("from utils.weights import load_weights"))
    assert not uses_mnist(lecture("import numpy as np"))
