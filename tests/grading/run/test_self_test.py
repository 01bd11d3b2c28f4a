"""The author's test of a problem set, its points, and test cells that forget theirs."""

import copy
import sys
import types
from pathlib import Path

import nbformat
import pytest

from tests.grading.judge import fixture_course as fixture
from utils.commands import build
from utils.commands.new import SCAFFOLD, make
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.settings import CourseError, find_course
from utils.grading.judge.fork_server import FORK_SERVER
from utils.grading.judge.grade_notebook import grade_notebook
from utils.grading.notebook.source import forgotten_points
from utils.grading.notebook.source_cells import cells_of_notebook
from utils.grading.run import check_process, points, runner
from utils.grading.run.release import BuildError
from utils.grading.run.self_test import SelfTest, cells_of, wrong_implementations
from utils.grading.sandbox.config import Limits
from utils.system import CONFIG, ROOT

NAME = "ps7_centring"
VISIBLE, HIDDEN = "test_centre_columns_visible", "test_centre_columns_hidden"
GOOD = """def test_f():
    from utils import checks

    task = checks.Task("f")
    with task.check(1, "it is there"):
        checks.call(f)
    return task.points()


test_f()"""
FORGOTTEN = {
    "no points": GOOD.replace("    return task.points()\n", ""),
    "not returned": GOOD.replace("return task.points()", "task.points()"),
    "never called": GOOD.replace("\ntest_f()", ""),
    "result kept": GOOD.replace("\ntest_f()", "\nresult = test_f()"),
    "within": GOOD.replace(
        "    return task.points()", "    def g():\n        return task.points()"
    ),
    "imported": GOOD.replace("checks.Task", "Task").replace("return task.points()", "return None"),
    "plain, never called": "def test_f():\n    assert f() == 1",
}
FINE = {
    "as usual": GOOD,
    "no function": "from utils import checks\ntask = checks.Task('f')\ntask.points()",
    "added": "from utils import checks\na, b = checks.Task('f'), checks.Task('g')\n"
    "a.points() + b.points()",
    "kept in a name": "from utils import checks\ntask = checks.Task('f')\nx = task.points()\nx",
    "asserts": "assert f() == 1",
    "a number": "assert f() == 1\n2.5",
    "a magic": "%matplotlib inline\nassert f() == 1",
    "to be added": "# Hidden checks: 1 of the 2 points.",
}


@pytest.mark.parametrize("what", FORGOTTEN)
def test_a_test_cell_that_cannot_give_points_is_found(what):
    assert forgotten_points(FORGOTTEN[what])


@pytest.mark.parametrize("what", FINE)
def test_a_test_cell_that_may_give_points_is_left_alone(what):
    assert forgotten_points(FINE[what]) == ""


@pytest.fixture
def course(tmp_path) -> Path:
    """A course folder whose only problem set is the scaffold."""
    (tmp_path / CONFIG).write_bytes((ROOT / CONFIG).read_bytes())
    make(tmp_path, NAME)
    return tmp_path


@pytest.fixture
def source(course) -> Path:
    return course / "solutions" / NAME / f"{NAME}.ipynb"


def scaffold() -> nbformat.NotebookNode:
    return nbformat.read(SCAFFOLD / "psN_name.ipynb", as_version=4)


def changed(grade_id: str, old: str, new: str) -> nbformat.NotebookNode:
    """Return the scaffold with another text in one cell."""
    notebook = scaffold()
    cell = cells_of(notebook)[grade_id]
    assert old in cell["source"]
    cell["source"] = cell["source"].replace(old, new)
    return notebook


@pytest.mark.parametrize("what", [what for what in FORGOTTEN if what != "plain, never called"])
def test_the_judge_never_gives_full_marks_for_forgotten_points(what, sandbox):
    forgets = FORGOTTEN[what].replace("checks.call(f)", "checks.call(softmax, np.ones(2))")
    if "return None" in forgets:
        forgets = forgets.replace(
            "import checks", "import checks\n    from utils.checks import Task"
        )
    course = fixture.course(forgets.replace("Task('f')", "Task('softmax')"))
    handed_in = nbformat.writes(fixture.submission()).encode()
    _, result = grade_notebook(handed_in, course)
    found = result.tests[fixture.FIRST_TEST]
    assert found.points == result.auto[fixture.FIRST_TEST] == 0
    assert "gives no points" in found.error
    assert any("a fault of the test and not of the submission" in note for note in result.notes)
    assert sum(test.points for test in result.tests.values()) == fixture.POINTS - 3


def test_check_says_so_too(sandbox, monkeypatch):
    released = changed(VISIBLE, "    return task.points()\n", "")
    cells = cells_of_notebook(released)
    monkeypatch.setattr(check_process, "problem_set_of", lambda *_: (NAME, cells, frozenset()))
    handed_in = nbformat.writes(released).encode()
    found = check_process.check_notebook(
        handed_in, NAME, {}, lambda plots: (sandbox, FORK_SERVER.judge)
    )
    (visible,) = (test for test in found["tests"] if test["name"] == VISIBLE)
    assert visible["points"] == 0
    assert "gives no points" in visible["error"]


@pytest.mark.filterwarnings("ignore")  # SQLAlchemy's own affair
def test_grade_refuses_a_set_whose_test_forgets_its_points(course, source):
    nbformat.write(changed(HIDDEN, "    return task.points()\n", ""), source)
    with CourseGradebook(find_course(course)) as book:
        expected = f"nothing is graded.*{HIDDEN} of {NAME} gives no points.*task.points"
        with pytest.raises(CourseError, match=expected):
            runner.Run(find_course(course), book, NAME)
        nbformat.write(scaffold(), source)
        assert runner.Run(find_course(course), book, NAME).max_points[HIDDEN] == 3


def self_test(notebook: nbformat.NotebookNode) -> tuple[SelfTest, dict]:
    test = SelfTest(notebook, Limits())
    return test, test.run(notebook)


def test_the_scaffold_is_right_in_every_way(course, source):
    before = source.read_bytes()
    assert build.try_out(course, NAME) is None
    assert source.read_bytes() == before
    notebook = build.read_source(source)
    test, results = self_test(notebook)
    assert test.forgotten() == test.solution_faults(results) == []
    assert {name: result.points for name, result in results.items()} == {VISIBLE: 2, HIDDEN: 3}
    assert test.release_faults(build.blank_answers(notebook)) == []
    assert "raise NotImplementedError" in build.blank_answers(notebook)["centre_columns"]
    assert test.table_faults(results, wrong_implementations(course, NAME)) == []
    assert test.table_faults(results, {}) == []


def test_a_table_of_another_form_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "tests" / "problem_sets"
    folder.mkdir(parents=True)
    (folder / "ps8_x.py").touch()
    for table in ([], {"f": [("none", "pass", "a check")]}, {"f": {"a check": ["pass"]}}):
        module = types.SimpleNamespace(WRONG=table)
        monkeypatch.setitem(sys.modules, "tests.problem_sets.ps8_x", module)
        with pytest.raises(
            BuildError, match=r"ps8_x\.py has to be nested: task, name of the check"
        ):
            wrong_implementations(tmp_path, "ps8_x")


def test_a_wrong_solution_is_named_with_its_checks():
    test, results = self_test(changed("centre_columns", "axis=0", "axis=1, keepdims=True"))
    first, second = test.solution_faults(results)
    assert first.startswith(f"{VISIBLE} fails the solution in “the worked example”")
    assert second.startswith(HIDDEN)
    assert "“a square batch agrees, too”" in second


def test_a_test_that_stops_is_named_with_its_error():
    test, results = self_test(changed(HIDDEN, "default_rng(7)", "default_rng(x)"))
    (fault,) = test.solution_faults(results)
    assert fault.startswith(f"{HIDDEN} stops with the solution: NameError")


def test_points_for_nothing_are_named():
    notebook = changed(VISIBLE, "checks.gives(centre_columns, x, y)", "checks.equal(x, x)")
    test, results = self_test(notebook)
    assert test.solution_faults(results) == []
    faults = test.release_faults(build.blank_answers(notebook))
    assert faults == [f"{VISIBLE} gives 1 points to work that is not begun"]


def test_a_check_that_cannot_fail_is_named():
    idle = "    with check(0.5, 'always'):\n        pass\n    return task.points()"
    test, results = self_test(changed(HIDDEN, "    return task.points()", idle))
    wrong = {
        "always": {"none": "def centre_columns(x):\n    return 0 * x"},
        "no": {"adds": "def centre_columns(x):\n    x += 1\n    return x"},
    }
    faults = test.table_faults(results, {"centre_columns": wrong})
    assert "no wrong implementation of centre_columns fails the check “always”" in faults
    assert any("“no” of centre_columns reveals “adds”, but there is no such" in f for f in faults)
    assert not any("the worked example" in fault for fault in faults)


@pytest.mark.parametrize("damage", ["forgotten", "wrong", "no notebook"])
def test_build_writes_nothing_of_a_set_that_is_not_right(course, source, damage):
    if damage == "no notebook":
        source.write_text("{")
    else:
        old, new = {
            "forgotten": (VISIBLE, ("    return task.points()\n", "")),
            "wrong": ("centre_columns", ("axis=0", "axis=None")),
        }[damage]
        nbformat.write(changed(old, *new), source)
    before = source.read_bytes()
    expected = {
        "forgotten": f"(?s)not built.*{VISIBLE} gives no points",
        "wrong": f"(?s)not built.*{HIDDEN} fails the solution",
        "no notebook": "is not a notebook that can be read",
    }
    with pytest.raises(BuildError, match=expected[damage]):
        build.try_out(course, NAME)
    assert source.read_bytes() == before


# Points -----------------------------------------------------------------------------------------


def test_points_stand_in_the_checks_and_build_writes_them_everywhere_else(course, source):
    notebook = changed(HIDDEN, "check(\n        1,\n", "check(\n        2.25,\n")
    nbformat.write(notebook, source)
    assert build.try_out(course, NAME) == source
    text = "\n".join(cell.source for cell in build.read_source(source).cells)
    about = cells_of(build.read_source(source))[HIDDEN]["metadata"]["nbgrader"]
    assert about["points"] == 4.25
    assert "| 1. `centre_columns` | 2 | 4.25 | 6.25 |\n| total | 2 | 4.25 | **6.25** |" in text
    assert "## Task 1: Write `centre_columns` (6.25 points)" in text
    assert "# Visible checks: 2 of the 6.25 points." in text
    assert "# Hidden checks: 4.25 of the 6.25 points. Nothing to do here" in text
    assert 'checks.Task("centre_columns", hidden_points=4.25)' in text


def test_what_a_person_gives_is_counted_and_other_tables_stay():
    notebook = scaffold()
    table = (
        "| task | visible checks | hidden checks | graded by hand | points |\n|---|---|---|---|---|"
    )
    rows = "| 1. `f` | 9 | 9 | | 9 |\n| 2. Why? | | | | |\n| total |||||"
    notebook.cells[1].source = f"{table}\n{rows}"
    other = "| n | points |\n|---|---|\n| 1. | 7 |"
    notebook.cells.insert(3, nbformat.v4.new_markdown_cell(f"## Task 2: Why?\n\n{other}"))
    marks = {"grade": True, "solution": True, "locked": False, "task": False, "points": 1}
    answer = nbformat.v4.new_markdown_cell("Because.")
    answer.metadata["nbgrader"] = marks | {"grade_id": "why", "schema_version": 3}
    notebook.cells.insert(4, answer)
    points.fill(notebook, {VISIBLE: 1, HIDDEN: 0})
    assert notebook.cells[1].source == (
        f"{table}\n| 1. `f` | 1 | | | 1 |\n| 2. Why? | | | 1 | 1 |\n| total | 1 | | 1 | **2** |"
    )
    assert notebook.cells[3].source == f"## Task 2: Why? (1 point)\n\n{other}"
    again = copy.deepcopy(notebook)
    points.fill(again, {VISIBLE: 1, HIDDEN: 0})
    assert again == notebook
