"""A student's functions from earlier problem sets."""

import nbformat
import numpy as np
import pytest

from tests.checks.outcomes import A
from utils import checks


def course(a):
    return np.exp(a)


def earlier_set(folder, source: str) -> None:
    """Write a notebook of an earlier problem set beside the folder where one works."""
    cell = nbformat.v4.new_code_cell(source, metadata={"nbgrader": {"grade_id": "course"}})
    (folder / "ps0").mkdir()
    (folder / "now").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "ps0" / "ps0.ipynb")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def course(a):\n    return np.e ** a", "`course` is your own, from ps0."),
        ("def course(a):\n    return a", "the course's: yours in ps0 does not pass a short test"),
        (
            "def course(a):\n    y = np.exp(a)\n    a += 1\n    return y",
            "the course's: yours in ps0 does not pass a short test",
        ),
        ("def course(a):\n    raise NotImplementedError()", "yours in ps0 is not written yet"),
        ("def course(a:", "yours in ps0 does not pass a short test"),
        ("raise SystemExit", "yours in ps0 does not pass a short test"),
        (None, "there is no ../ps0/ps0.ipynb"),
    ],
)
def test_an_earlier_function_is_used_if_it_is_right(source, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checks.student_code, "kernel", lambda: object())
    if source:
        earlier_set(tmp_path, source)
    else:
        (tmp_path / "now").mkdir()
    monkeypatch.chdir(tmp_path / "now")
    f = checks.earlier("ps0", course, A)
    np.testing.assert_allclose(f(A), np.exp(A))
    assert (f is not course) == ("your own" in said)
    assert said in capsys.readouterr().out


def test_an_earlier_function_gets_what_it_calls(tmp_path, monkeypatch, capsys):
    earlier_set(tmp_path, "def course(a):\n    return power(a)")
    monkeypatch.setattr(checks.student_code, "kernel", lambda: object())
    monkeypatch.chdir(tmp_path / "now")
    assert checks.earlier("ps0", course, A) is course
    own = checks.earlier("ps0", course, A, power=np.exp)
    assert own is not course
    np.testing.assert_allclose(own(A), np.exp(A))
    assert "`course` is your own, from ps0." in capsys.readouterr().out


def test_where_work_is_graded_nothing_is_read(tmp_path, monkeypatch, capsys):
    earlier_set(tmp_path, "def course(a):\n    return np.e ** a")
    monkeypatch.chdir(tmp_path / "now")
    assert checks.earlier("ps0", course, A) is course
    assert capsys.readouterr().out == ""


def test_only_a_notebooks_own_kernel_is_one(monkeypatch):
    assert not checks.in_kernel()
    monkeypatch.setattr(checks.student_code, "kernel", lambda: object())
    assert checks.in_kernel()
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")  # by plain nbgrader
    assert not checks.in_kernel()
