"""`check`: a student's own check, with hints, without a kernel and without a gradebook."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.runner.conftest import PS1, RIGHT, ROOT, START
from utils.commands import check

RELEASED = ROOT / "assignments" / PS1 / f"{PS1}.ipynb"
BATCH = "def softmax(a):\n    e = np.exp(a - np.max(a))\n    return e / np.sum(e)\n"


def call(path: Path | str, status: int) -> str:
    """Run the command and return what it said."""
    command = [sys.executable, "-P", "-c", START.format("check"), str(path)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    said = result.stdout + result.stderr
    assert result.returncode == status, said
    assert "Traceback" not in said
    return said


def write(path: Path, answers: dict[str, str], drop: str = "") -> Path:
    """Write a filled-in notebook, without one of its cells."""
    notebook = nbformat.read(RELEASED, as_version=4)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = answers.get(name, cell.source)
    notebook.cells = [c for c in notebook.cells if not drop or c.id != drop]
    nbformat.write(notebook, path)
    return path


def names_and_hints() -> list[tuple[str, str]]:
    """Return every visible check's name and hint, from the released notebook's source."""
    found = []
    for cell in nbformat.read(RELEASED, as_version=4).cells:
        for line in cell.source.splitlines():
            if line.startswith("    with check("):
                name, hint = eval(f"[{line[15:].rstrip(':').rstrip(')')}]")[1:]
                found.append((name, hint))
    assert len(found) == 8
    return found


def test_right_work_passes_every_check(tmp_path):
    said = call(write(tmp_path / "my work.ipynb", RIGHT), status=0)
    for name, hint in names_and_hints():
        assert name in said
        assert hint not in said
    assert "6 of 6 points" in said


def test_an_empty_notebook_shows_every_check_with_its_hint():
    said = call(RELEASED, status=1)
    for name, hint in names_and_hints():
        assert name in said
        assert f"Hint: {hint}" in said
    assert "0 of 6 points" in said


def test_a_mistake_is_named_on_the_right_check(tmp_path):
    said = call(write(tmp_path / "a.ipynb", RIGHT | {"softmax": BATCH}), status=1)
    failed = [line for line in said.splitlines() if "not yet" in line]
    assert [line.split("  ")[-1].strip() for line in failed] == ["every row of a batch sums to 1"]
    assert "Hint: Sum each row" in said
    assert "4.5 of 6 points" in said


def test_an_error_names_the_cell_and_the_line(tmp_path):
    broken = "x = 1\ndef softmax(a)\n    return a\n"
    said = call(write(tmp_path / "a.ipynb", RIGHT | {"softmax": broken}), status=1)
    assert "cell softmax stopped: SyntaxError: expected ':' (line 2" in said
    assert "`softmax` is not defined" in said


def test_the_courses_own_tests_count(tmp_path):
    easy = {"test_softmax_visible": "5.0"}
    said = call(write(tmp_path / "a.ipynb", {"softmax": BATCH} | easy), status=1)
    assert "this cell had been changed; the course's own was run" in said
    assert "3.5 of 5 points" in said
    gone = write(tmp_path / "b.ipynb", RIGHT, drop="test-softmax-visible")
    said = call(gone, status=0)
    assert "this cell was missing; the course's own was run" in said
    assert "6 of 6 points" in said


def test_cells_may_use_magics_prints_figures_and_await(tmp_path):
    busy = (
        "%matplotlib inline\nimport asyncio, warnings\nimport matplotlib.pyplot as plt\n"
        "plt.plot([1, 2])\nplt.show()\nprint('much')\nwarnings.warn('loud')\n"
        "await asyncio.sleep(0)\n!ls\n"
    )
    said = call(write(tmp_path / "a.ipynb", RIGHT | {"softmax": busy + RIGHT["softmax"]}), status=0)
    assert "much" not in said
    assert "loud" not in said


def test_the_courses_solutions_cannot_be_imported(tmp_path):
    borrowed = RIGHT | {"softmax": "from utils.functions import softmax\n"}
    said = call(write(tmp_path / "a.ipynb", borrowed), status=1)
    assert "utils.functions is not there when work is graded" in said


def test_an_endless_loop_is_stopped_and_the_rest_is_checked(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(check, "SECONDS", 0.3)
    monkeypatch.setattr("utils.grading.masked.forget_staff_modules", lambda: None)
    path = write(tmp_path / "a.ipynb", RIGHT | {"identity_function": "while True:\n    pass\n"})
    monkeypatch.chdir(tmp_path)
    assert check.main([str(path)]) == 1
    said = capsys.readouterr().out
    assert "cell identity_function stopped: it ran for more than 0.3 s" in said
    assert "5 of 6 points" in said


def test_an_endless_loop_is_stopped_where_interrupts_are_ignored(tmp_path):
    path = write(tmp_path / "a.ipynb", RIGHT | {"identity_function": "while True:\n    pass\n"})
    start = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); "
        "from utils.commands import check; check.SECONDS = 0.3; sys.exit(check.main(sys.argv[1:]))"
    )
    command = [sys.executable, "-P", "-c", start, path]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert "identity_function stopped: it ran for more than 0.3 s" in result.stdout
    assert "5 of 6 points" in result.stdout
    assert result.returncode == 1


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no file"),
        (b"", "is no notebook"),
        (b"\xff\xfe", "is no notebook: it is not text"),
        (b"[1, 2]", "is no notebook"),
        (json.dumps({"cells": []}).encode(), "has no cell of checks"),
        (b'{"nbformat": 3, "worksheets": []}', "of an old version (nbformat 3); open it"),
    ],
)
def test_a_wrong_file_gets_a_sentence(tmp_path, content, words):
    path = tmp_path / "notes.ipynb"
    if content is not None:
        path.write_bytes(content)
    assert words in call(path, status=2)
    assert "is a folder" in call(tmp_path, status=2)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "notes.ipynb")
    assert "is no ordinary file" in call(tmp_path / "notes.ipynb", status=2)


def test_it_starts_without_nbgrader_and_jupyter(tmp_path):
    path = write(tmp_path / "a.ipynb", RIGHT)
    code = (
        "import sys; from utils.commands.check import main; main(sys.argv[1:]); print('HEAVY', "
        "*{'nbgrader', 'nbformat', 'matplotlib', 'jupyter_client'} & set(sys.modules))"
    )
    command = [sys.executable, "-P", "-c", code, str(path)]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True)
    assert result.stdout.rstrip().endswith("HEAVY")
