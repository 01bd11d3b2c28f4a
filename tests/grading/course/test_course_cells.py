"""A problem set's cells in the gradebook: new ones come in, what a person gave stays."""

import contextlib
import sqlite3
from dataclasses import replace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.api import Gradebook

from utils.grading.course import course_cells
from utils.grading.course.settings import CourseError, find_course
from utils.grading.notebook.source_cells import SourceCell, read_releases

pytestmark = pytest.mark.filterwarnings("ignore")  # SQLAlchemy's own affair

WORK = "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION"
STUB = "def f():\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def cell(name, text, points=None):
    about = {"grade_id": name, "schema_version": 3, "task": False}
    about |= {"grade": points is not None, "locked": points is not None, "solution": points is None}
    about |= {"points": points} if points is not None else {}
    return new_code_cell(text, metadata={"nbgrader": about})


@pytest.fixture
def course(tmp_path):
    """A course whose problem set ps1 has a task and a test cell."""
    (tmp_path / "solutions" / "ps1").mkdir(parents=True)
    made = find_course(tmp_path)
    write(made, cell("f", WORK), cell("test_f", "f()\n1", 2))
    return made


def write(course, *cells, **metadata):
    nbformat.write(new_notebook(cells=cells, metadata=metadata), course.source("ps1"))


def test_cells_are_those_that_nbgrader_would_record(course):
    work, test = course_cells.prepared_cells(course, "ps1")
    assert (work.grade_id, work.source, work.solution, work.grade) == ("f", STUB, True, False)
    assert (test.grade_id, test.points, test.locked) == ("test_f", 2.0, True)
    assert test.checksum


def test_a_source_that_cannot_be_taken_gets_a_sentence(course):
    source = course.source("ps1")
    with pytest.raises(
        CourseError, match="no problem set 'ps2': .* is missing; did you mean ps1.$"
    ):
        course_cells.prepared_cells(course, "ps2")
    write(course, cell("f", "### BEGIN SOLUTION"))
    with pytest.raises(CourseError, match="nbgrader refuses the problem set 'ps1': "):
        course_cells.prepared_cells(course, "ps1")
    write(course, kernelspec={"name": "ir", "display_name": "R", "language": "R"})
    with pytest.raises(CourseError, match="is a notebook for R: the judge runs Python only"):
        course_cells.prepared_cells(course, "ps1")
    source.write_text("{")
    with pytest.raises(CourseError, match="is not a notebook"):
        course_cells.prepared_cells(course, "ps1")
    source.unlink()
    nbformat.write(new_notebook(cells=[cell("t", "1", 1)]), source.with_name("part.ipynb"))
    with pytest.raises(CourseError, match="its folder also has part.ipynb: `grade` takes one"):
        course_cells.prepared_cells(course, "ps1")


TEST = SourceCell("t", "code", "1", grade=True, solution=False, locked=True, points=2.0)


@pytest.mark.parametrize(
    ("have", "want", "found"),
    [
        ([], [], []),
        ([TEST], [TEST], []),
        ([], [TEST], ["t is new"]),
        ([TEST], [], ["t is gone"]),
        ([TEST], [replace(TEST, points=0.5)], ["t is worth 0.5 points instead of 2"]),
        ([TEST], [replace(TEST, source="2")], ["the text of t"]),
        ([TEST], [replace(TEST, locked=False)], ["the settings of t"]),
        ([TEST], [replace(TEST, classes=("Net",))], []),
    ],
)
def test_what_has_changed_is_told(have, want, found):
    assert course_cells.differences(have, want) == found


def test_a_changed_problem_set_is_taken_in_and_points_by_hand_stay(course):
    with contextlib.closing(sqlite3.connect(course.run_time / "gradebook.db")) as new:
        new.execute("CREATE TABLE alembic_version (version_num)")  # else nbgrader starts a program
    with Gradebook(course.db_url) as gradebook:

        def take_in():
            @contextlib.contextmanager
            def writing():
                yield
                gradebook.db.commit()

            return course_cells.take_in(course, gradebook, "ps1", writing)

        assert course_cells.recorded(course, gradebook, "ps1") == []
        assert take_in() == take_in() == []
        gradebook.add_student("ada")
        gradebook.add_submission("ps1", "ada")
        gradebook.find_grade("test_f", "ps1", "ps1", "ada").manual_score = 1.5
        gradebook.db.commit()
        write(course, cell("g", WORK), cell("f", WORK), cell("test_f", "f()\n1", 3))
        (said,) = take_in()
        assert said.startswith(
            "ps1 has changed since it was graded: g is new, test_f is worth 3 points instead of 2. "
        )
        names = [one.grade_id for one in course_cells.recorded(course, gradebook, "ps1")]
        assert names == ["g", "f", "test_f"]
        assert gradebook.find_grade("test_f", "ps1", "ps1", "ada").manual_score == 1.5
        assert gradebook.find_comment("g", "ps1", "ps1", "ada").comment is None
        write(course, cell("f", WORK))
        changed, kept = take_in()
        assert "g is gone" in changed
        assert kept.startswith("ps1: cell test_f is no longer in ")
        assert {one.name for one in gradebook.find_notebook("ps1", "ps1").source_cells} == {
            "f", "test_f",
        }  # fmt: skip
    assert len(list(course.run_time.glob("gradebook-before-*.db"))) >= 1
    assert len(read_releases(course.reports / "releases.json", "ps1")) == 3
