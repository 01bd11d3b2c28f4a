"""Another teacher's course: compared by `doctor --course`, graded by nbgrader with the judge."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from tests.processes import nbgrader
from utils.commands.doctor import main
from utils.grading.run.compare import HANDED_OUT, SOLUTION, compare

pytestmark = [pytest.mark.usefixtures("sandbox"), pytest.mark.slow]

CONFIG = """c = get_config()
c.ClearSolutions.begin_solution_delimeter = "ANSWER BEGINS"
c.ClearSolutions.end_solution_delimeter = "ANSWER ENDS"
c.ClearHiddenTests.begin_test_delimeter = "SECRET BEGINS"
c.ClearHiddenTests.end_test_delimeter = "SECRET ENDS"
"""
JUDGE = "from utils.grading.judge_settings import use_judge\nuse_judge(c)\n"


def cell(name: str, source: str, **flags: Any) -> Any:
    marks = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    metadata = {"nbgrader": marks | flags | {"grade_id": name}} if flags else {}
    return new_code_cell(source, id=name, metadata=metadata)


def graded(name: str, source: str, points: float = 1) -> Any:
    return cell(name, source, grade=True, locked=True, points=points)


def notebook(*cells: Any, kernel: str = "python3", language: str = "python") -> Any:
    about = {"name": kernel, "display_name": kernel, "language": language}
    return new_notebook(cells=list(cells), metadata={"kernelspec": about})


ONE = notebook(
    cell("imports", "import itertools\nfrom tools import near"),
    cell(
        "work",
        "### ANSWER BEGINS\ndef f(x): return 2 * x\ndef load(): return open('data/x.csv').read()\n"
        "### ANSWER ENDS",
        solution=True,
    ),
    graded("test_f", "assert near(f(2), 4)\n# SECRET BEGINS\nassert near(f(987654), 1975308)\n"
    "# SECRET ENDS"),
    graded("test_load", "assert load() == '1\\n' and list(itertools.repeat(1, 2)) == [1, 1]"),
    graded("test_memory", "assert len(f([memoryview(b'ab')])) == 2"),
)  # fmt: skip
TWO = notebook(
    cell("add", "def add(a, b):\n    ### ANSWER BEGINS\n    return a + b\n    ### ANSWER ENDS",
         solution=True),
    graded("test_add", "assert add(1, 2) == 3", 2),
)  # fmt: skip


def write(path: Path, book: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(book, path)


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A course of another teacher's: two notebooks in an assignment, and files beside them."""
    ps = tmp_path / "source" / "week 1"
    write(ps / "first.ipynb", ONE)
    write(ps / "second.ipynb", TWO)
    (ps / "data").mkdir()
    (ps / "data/x.csv").write_text("1\n")
    (ps / "tools.py").write_text("def near(a, b): return abs(a - b) < 1e-9\n")
    write(tmp_path / "source/r/r.ipynb", notebook(cell("x", "1"), kernel="ir", language="R"))
    (tmp_path / "nbgrader_config.py").write_text(CONFIG)
    return tmp_path


def test_each_test_cell_whose_points_differ_is_named_with_the_reason(course, capsys):
    assert main(["--course", str(course)]) == 1
    said = capsys.readouterr().out
    assert "r/r: not graded: its kernel is R's, and the judge runs Python only" in said
    assert "week 1/first: 2 of 3 test cells get the same points" in said
    assert "test_memory, solution: 1 points by nbgrader, by the judge left to a person" in said
    assert "a memoryview cannot be handed to the submission" in said
    assert "week 1/second: 1 of 1 test cells get the same points" in said
    assert "3 notebooks with 4 test cells, of which 1 get other points by the judge" in said


def test_a_folder_without_a_configuration_is_a_course(tmp_path):
    plain = new_notebook(cells=TWO.cells, metadata=TWO.metadata)
    for one in plain.cells:
        one.source = one.source.replace("ANSWER BEGINS", "BEGIN SOLUTION").replace(
            "ANSWER ENDS", "END SOLUTION"
        )
    write(tmp_path / "source/ps1/ps1.ipynb", plain)
    (found,) = compare(tmp_path)
    assert (found.notebook, found.tests, found.differences, found.refused) == ("ps1/ps1", 1, [], "")
    assert HANDED_OUT != SOLUTION


def test_a_solution_that_is_stopped_gets_the_setting_named(tmp_path):
    answer = (
        "import time\ndef f():\n    ### BEGIN SOLUTION\n    time.sleep(1.5)\n    ### END SOLUTION"
    )
    book = notebook(cell("work", answer, solution=True), graded("test_f", "f()"))
    write(tmp_path / "source/ps1/ps1.ipynb", book)
    config = "c = get_config()\nc.CourseDirectory.source_directory = 'source'\n"
    (tmp_path / "nbgrader_config.py").write_text(f"{config}c.JudgedExecute.call_seconds = 0.5\n")
    (found,) = compare(tmp_path)
    (difference,) = [one for one in found.differences if one.work == SOLUTION]
    assert difference.why.endswith("(limit: JudgedExecute.call_seconds)")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda folder: folder / "nowhere", "there is no folder"),
        (lambda folder: write(folder / "a.ipynb", TWO) or folder / "a.ipynb", "is a file: give"),
        (lambda folder: folder, "give the folder of an nbgrader course"),
        (lambda folder: (folder / "source").mkdir() or folder, "there are no assignments"),
    ],
)
def test_what_is_no_course_is_refused_in_a_sentence(tmp_path, capsys, make, words):
    assert main(["--course", str(make(tmp_path))]) == 1
    assert words in capsys.readouterr().err


def test_nbgraders_quickstart_course_gets_the_same_points(tmp_path):
    nbgrader(tmp_path, "quickstart", "course")
    found = list(compare(tmp_path / "course"))
    assert [one.notebook for one in found] == ["ps1/problem1", "ps1/problem2"]
    assert [one.differences for one in found] == [[], []]
    assert sum(one.tests for one in found) == 4


def test_one_line_turns_the_judge_on(course):
    """Hidden source between delimiters of the course's own stays hidden; others' kernels too."""
    (course / "nbgrader_config.py").write_text(CONFIG + JUDGE)
    for name in ("week 1", "r"):
        nbgrader(course, "generate_assignment", name, "--create")
    submitted = course / "submitted/ann/week 1"
    submitted.mkdir(parents=True)
    for name, source in (("first", ONE), ("second", TWO)):
        handed_in = copy.deepcopy(source)
        for one in handed_in.cells:
            one.source = one.source.replace("2 * x", "2 * x if x < 50 else 0")
            if one.id == "test_f":
                one.source = "assert near(f(2), 4)"
        nbformat.write(handed_in, submitted / f"{name}.ipynb")
    (submitted / "tools.py").write_text("def near(a, b): return True\n")
    write(course / "submitted/ann/r/r.ipynb", notebook(cell("x", "1"), kernel="ir", language="R"))
    _, said = nbgrader(course, "autograde", "week 1")
    assert "a person has to give these points" in said
    _, refused = nbgrader(course, "autograde", "r")
    assert "is a notebook for R: the judge runs Python only" in refused
    with Gradebook(f"sqlite:///{course}/gradebook.db") as gradebook:
        scores = {
            grade.name: (grade.auto_score, bool(grade.needs_manual_grade))
            for one in gradebook.find_submission("week 1", "ann").notebooks
            for grade in one.grades
        }
    assert scores == {
        "test_f": (0.0, False),
        "test_load": (1.0, False),
        "test_memory": (None, True),
        "test_add": (2.0, False),
    }
    nbgrader(course, "generate_feedback", "week 1")
    page = (course / "feedback/ann/week 1/first.html").read_text(encoding="utf-8")
    assert "test_f" in page
    assert "987654" not in page
    assert "1975308" not in page
