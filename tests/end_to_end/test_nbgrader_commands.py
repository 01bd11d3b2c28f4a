"""`nbgrader autograde` with the judge: its verdicts, those of `grade`, and plain nbgrader's."""

import copy
import json
import os
import shutil
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute
from nbgrader.utils import determine_grade

from tests.formgrader import formgrader
from tests.grading.judge import fixture_course as fixture
from tests.processes import nbgrader
from utils.grading.course.settings import find_course
from utils.grading.judge import grade_notebook
from utils.grading.notebook import restore, source_cells
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.grading.simulated_class import (
    HOSTILE_PS1_OUTPUT_LAYER,
    PS1_OUTPUT_LAYER,
    write_submission,
)

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # nbgrader's own affairs

ROOT = Path(__file__).resolve().parents[2]
PS1 = "ps1_output_layer"
QUICK = """
c.JudgedExecute.call_seconds = 1
c.JudgedExecute.submission_seconds = 12
"""
SECRET = "only for the staff"


def twice(text: str) -> str:
    """Return a notebook with one of its test cells in it a second time."""
    notebook = json.loads(text)
    tests = [c for c in notebook["cells"] if c["metadata"].get("nbgrader", {}).get("points")]
    notebook["cells"].append(tests[0])
    return json.dumps(notebook)


def without_tests(text: str) -> str:
    notebook = json.loads(text)
    notebook["cells"] = [
        cell for cell in notebook["cells"] if not cell["metadata"].get("nbgrader", {}).get("points")
    ]
    return json.dumps(notebook)


def merged(text: str) -> str:
    """Return a notebook with all of its code in the locked cell."""
    notebook = json.loads(text)
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    written = [c for c in cells if not c["metadata"].get("nbgrader", {}).get("points")]
    cells[0]["source"] = "\n\n".join("".join(cell["source"]) for cell in written)
    keep = [cell for cell in notebook["cells"] if cell["cell_type"] != "code"]
    return json.dumps(notebook | {"cells": [cells[0], *keep]})


def without_metadata(text: str) -> str:
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        cell["metadata"] = {}
    return json.dumps(notebook)


def answered_below(text: str) -> str:
    """Return a notebook with a written answer in a new cell at its end."""
    notebook = json.loads(text)
    cell = {"cell_type": "markdown", "id": "new", "metadata": {}, "source": "a. is wrong."}
    return json.dumps(notebook | {"cells": [*notebook["cells"], cell]})


def new_schema(text: str) -> str:
    return text.replace('"schema_version": 3', '"schema_version": 99')


RIGHT = PS1_OUTPUT_LAYER[0]
DAMAGED = {
    "twice": twice,
    "without-tests": without_tests,
    "new-schema": new_schema,
    "merged": merged,
    "without-metadata": without_metadata,
    "answered-below": answered_below,
}
UNREADABLE = {
    "a-folder": "a folder",
    "a-link": "a link to another file",
    "a-link-beside": "a link to another file",
    "empty": "the file is empty",
    "half": "not valid JSON",
    "huge": "210 MB",
}


@pytest.fixture(scope="module")
def course(tmp_path_factory, sandbox) -> Path:
    """A course with a class of all sorts, graded by `nbgrader autograde`; its file `said`."""
    root = tmp_path_factory.mktemp("nbgrader") / "a course"
    for folder in ("solutions", "assignments"):
        shutil.copytree(ROOT / folder / PS1, root / folder / PS1)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(config + QUICK, encoding="utf-8")
    released = root / "assignments" / PS1 / f"{PS1}.ipynb"
    secret = root / "secret"
    secret.write_text(SECRET)

    def handed_in(name: str) -> Path:
        path = root / "grading" / "submitted" / name / PS1 / f"{PS1}.ipynb"
        path.parent.mkdir(parents=True)
        return path

    for student in (*PS1_OUTPUT_LAYER, *HOSTILE_PS1_OUTPUT_LAYER):
        if not student.cut:
            write_submission(student, released, handed_in(student.name))
    for name, damage in DAMAGED.items():
        path = handed_in(name)
        write_submission(RIGHT, released, path)
        path.write_text(damage(path.read_text(encoding="utf-8")), encoding="utf-8")
    handed_in("a-folder").mkdir()
    handed_in("a-link").symlink_to(released)
    beside = handed_in("a-link-beside")
    write_submission(RIGHT, released, beside)
    (beside.parent / "data.txt").symlink_to(secret)
    handed_in("empty").touch()
    handed_in("half").write_text(released.read_text(encoding="utf-8")[:3000], encoding="utf-8")
    with handed_in("huge").open("wb") as file:
        file.truncate(210_000_000)
    status, said = nbgrader(root, "generate_assignment", PS1, "--force")
    assert status == 0, said
    status, said = nbgrader(root, "autograde", PS1)
    assert status == 1, said  # there are files that it cannot read
    (root / "said").write_text(said, encoding="utf-8")
    return root


def scores(course: Path) -> dict[str, dict[str, float]]:
    """Return the points of each test cell by student, as the gradebook has them."""
    with Gradebook(find_course(course).db_url) as gradebook:
        return {
            submission.student_id: {
                grade.name: grade.auto_score
                for notebook in submission.notebooks
                for grade in notebook.grades
                if grade.auto_score is not None
            }
            for submission in gradebook.assignment_submissions(PS1)
        }


def test_every_honest_submission_has_the_same_score_by_our_own_path(course):
    found = scores(course)
    with Gradebook(find_course(course).db_url) as gradebook:
        cells = source_cells.cells_of_gradebook(gradebook, PS1, PS1)
    limits = Limits(call_seconds=1, submission_seconds=12)
    compared = 0
    for name in [*(student.name for student in PS1_OUTPUT_LAYER if not student.cut), *DAMAGED]:
        path = course / "grading" / "submitted" / name / PS1 / f"{PS1}.ipynb"
        _, outcome = grade_notebook.grade_notebook(path.read_bytes(), cells, limits)
        ours = {test: verdict.points for test, verdict in outcome.tests.items()}
        assert {test: found[name][test] for test in ours} == ours, name
        compared += len(ours)
    assert compared >= 4 * 30
    assert len({sum(points.values()) for points in found.values()}) > 5  # they do differ


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_notebook_gets_what_is_right(course, name):
    found = scores(course)
    answered = name in ("answered-below",)
    expected = {n: p for n, p in found[RIGHT.name].items() if not answered or n != "written_answer"}
    assert found[name] == expected
    assert sum(found[name].values()) > 0


@pytest.mark.parametrize(("name", "reason"), UNREADABLE.items())
def test_what_is_no_notebook_is_named_and_the_rest_is_graded(course, name, reason):
    said = (course / "said").read_text(encoding="utf-8")
    sentence = f"submitted/{name}/{PS1}/{PS1}.ipynb cannot be read: "
    (line,) = [line for line in said.splitlines() if sentence in line]
    assert reason in line
    assert "ask this student for the notebook again" in line
    assert not (course / "grading" / "autograded" / name / PS1).exists()


def test_the_hostile_have_earned_no_more_than_their_work_is_worth(course):
    found = scores(course)
    for student in HOSTILE_PS1_OUTPUT_LAYER:
        softmax = sum(points for test, points in found[student.name].items() if "softmax" in test)
        assert softmax <= 1.5, student.name  # what `return a` is worth: it changes no argument, ...
    for page in (course / "grading" / "autograded").rglob("*.ipynb"):
        assert SECRET not in page.read_text(encoding="utf-8")


def test_the_autograde_button_of_the_formgrader(course, browser):
    path = course / "grading" / "submitted" / "anew" / PS1 / f"{PS1}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_submission(RIGHT, course / "assignments" / PS1 / f"{PS1}.ipynb", path)
    with formgrader(browser, course, f"manage_submissions/{PS1}") as page:
        row = page.locator("tr", has=page.get_by_text("anew", exact=True))
        row.locator(".autograde a").click()
        page.get_by_text("Successfully autograded").first.wait_for()
    found = scores(course)
    assert found["anew"] == found[RIGHT.name]


# Verdicts in which plain nbgrader is wrong ------------------------------------------------------

CASES = {
    # name: (test cell, student's softmax, points of 4 by plain nbgrader, by the judge)
    "a warning on stderr costs all": (
        "import warnings\nwarnings.warn('only a word')\nassert softmax(np.zeros(2))[0] == 0.5\n4.0",
        fixture.RIGHT["softmax"], 0, 4,
    ),
    "a student's print on stderr costs all": (
        "assert softmax(np.zeros(2))[0] == 0.5\n4.0",
        fixture.RIGHT["softmax"].replace("\n", "\n    import sys; print(a, file=sys.stderr)\n", 1),
        0, 4,
    ),
    "a scalar of NumPy's counts as everything": ("np.float64(2.5)", "", 4, 2.5),
    "a result before an error counts": (
        "assert softmax(np.zeros(2))[0] == 0.5\n4.0",
        "def softmax(a):\n    get_ipython().displayhook(4.0)\n    raise ValueError", 4, 0,
    ),
    "patched assertions": (
        "np.testing.assert_allclose(softmax(np.zeros(2)), 0.5)\n4.0",
        "np.testing.assert_allclose = lambda *a, **k: None\ndef softmax(a):\n    return a", 4, 0,
    ),
    "a result that says it equals": (
        "assert softmax(np.zeros(2)) == [0.5, 0.5]\n4.0",
        "class Yes:\n    def __eq__(self, other):\n        return True\n"
        "def softmax(a):\n    return Yes()", 4, 0,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("test", "answer", "wrong", "right"), list(CASES.values()), ids=list(CASES)
)
def test_where_plain_nbgrader_is_wrong_the_judge_is_right(sandbox, test, answer, wrong, right):
    source = fixture.source_notebook(fixture.RIGHT | {"softmax": answer})
    cells = {c.metadata.nbgrader.grade_id: c for c in source.cells if "nbgrader" in c.metadata}
    cells["test_softmax_hidden"].source = test
    found = []
    for judged in (False, True):
        notebook, _ = restore.restore(copy.deepcopy(source), source_cells.cells_of_notebook(source))
        if judged:
            grade_notebook.run_notebook(notebook, SandboxConfig(Limits(), sandbox))
        else:
            Execute().preprocess(notebook, {"metadata": {"path": os.getcwd()}})
        (cell,) = [
            cell
            for cell in notebook.cells
            if cell.metadata.get("nbgrader", {}).get("grade_id") == "test_softmax_hidden"
        ]
        found.append(determine_grade(cell)[0])
    assert found == [wrong, right]
