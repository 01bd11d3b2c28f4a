"""Where a course keeps what, with settings of its own and without."""

import os
import unicodedata

import pytest
from traitlets.config import Config

from utils.grading.course import settings
from utils.grading.course.settings import CourseError, find_course
from utils.system import ROOT

PLAIN, DECOMPOSED = "Jörg", unicodedata.normalize("NFD", "Jörg")


def test_the_folders_of_a_course_elsewhere(tmp_path):
    course = find_course(tmp_path)
    places = {
        course.notebook("submitted", "ada", "ps1"): "grading/submitted/ada/ps1/ps1.ipynb",
        course.folder("autograded", "ada", "ps1"): "grading/autograded/ada/ps1",
        course.feedback("ada", "ps1"): "grading/feedback/ada/ps1/ps1.html",
        course.submitted: "grading/submitted",
        course.reports: "grading/reports",
        course.extensions: "grading/extensions.csv",
        course.class_list: "grading/students.csv",
        course.arrivals("ps1"): "grading/downloaded/ps1/collected.json",
        course.term_file: "term.toml",
    }
    assert {str(path.relative_to(tmp_path)) for path in places} == set(places.values())
    assert course.db_url == f"sqlite:///{tmp_path}/grading/gradebook.db"
    assert course.source("ps1") == ROOT / "solutions" / "ps1" / "ps1.ipynb"
    assert course.released("ps1") == ROOT / "assignments" / "ps1" / "ps1.ipynb"
    assert course.course_id


@pytest.mark.parametrize(
    ("made", "run_time", "source"),
    [
        ("submitted", ".", None),
        ("grading/submitted", "grading", None),
        ("solutions", "grading", "solutions"),
        ("source", "grading", "source"),
    ],
)
def test_what_a_folder_holds_tells_where_the_rest_is(tmp_path, made, run_time, source):
    (tmp_path / made).mkdir(parents=True)
    course = find_course(tmp_path)
    assert course.run_time == tmp_path / run_time
    above = course.source("ps1").parents[1]
    assert above == (tmp_path / source if source else ROOT / "solutions")


@pytest.mark.parametrize(
    ("db", "url"),
    [
        ("postgres://me:pw@host/book", "postgresql+psycopg://me:pw@host/book"),
        ("postgresql://host/book", "postgresql+psycopg://host/book"),
        ("sqlite:////x/y.db", "sqlite:////x/y.db"),
    ],
)
def test_an_address_of_a_gradebook(tmp_path, db, url):
    assert find_course(tmp_path, db).db_url == url


@pytest.mark.parametrize(
    ("folder", "db", "why"),
    [
        ("none", None, "there is no folder .*none"),
        ("file", None, "is a file: give the folder"),
        ("", "what", "'what' is not an address of a gradebook; it looks like"),
    ],
)
def test_what_is_no_course_gets_a_sentence(tmp_path, folder, db, why):
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match=why):
        find_course(tmp_path / folder, db)


def test_students_are_the_folders_whose_names_are_text(tmp_path):
    course = find_course(tmp_path)
    assert course.students() == course.misnamed() == []
    names = (b"ben", b"ada", b".hidden", b"b\xff")
    for name in names:
        os.makedirs(os.fsencode(course.submitted) + b"/" + name)
    (course.submitted / "file").touch()
    assert (course.students(), course.misnamed()) == (["ada", "ben"], ["b\ufffd"])


@pytest.mark.parametrize(
    ("names", "known", "students", "problems"),
    [
        ([DECOMPOSED], [], [PLAIN], 0),
        ([DECOMPOSED], [DECOMPOSED], [DECOMPOSED], 0),
        ([DECOMPOSED, PLAIN], [], [DECOMPOSED, PLAIN], 1),
        ([PLAIN], [], [PLAIN], 0),
    ],
)
def test_decomposed_names_become_composed_ones(tmp_path, names, known, students, problems):
    course = find_course(tmp_path)
    for name in names:
        (course.submitted / name).mkdir(parents=True, exist_ok=True)
    if len(set(course.students())) < len(names):
        pytest.skip("for this file system both names are one")
    assert len(course.compose_names(known)) == problems
    assert course.students() == sorted(students)


def test_files_beside_the_source_are_handed_out_but_for_notebooks(tmp_path):
    folder = tmp_path / "solutions" / "ps1"
    for name in ("ps1.ipynb", "a.csv", "data/b.txt", "data/c.ipynb"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    course = find_course(tmp_path)
    assert course.data_files("ps1") == {
        "a.csv": folder / "a.csv", "data/b.txt": folder / "data" / "b.txt",
    }  # fmt: skip
    assert course.problem_sets() == ["ps1"]


def test_hidden_tests_stand_between_the_courses_words_or_nbgraders():
    assert settings.delimiters(Config()) == ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
    config = Config({"ClearHiddenTests": {"begin_test_delimeter": "SECRET"}})
    assert settings.delimiters(config) == ("SECRET", "END HIDDEN TESTS")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("ps1_shapes", ""),
        ("ps1", "is missing; did you mean ps1_shapes?"),
        ("PS1_Shapes/", "is missing; did you mean ps1_shapes?"),
        ("./ps1_shapes", "no problem set './ps1_shapes'; did you mean ps1_shapes?"),
        ("x" * 300, "is missing; there are ps1_shapes, ps2_losses"),
        ("ps2_lsoses", "is missing; did you mean ps2_losses?"),
        ("ps", "is missing; there are ps1_shapes, ps2_losses"),
        ("", "is missing; there are ps1_shapes, ps2_losses"),
    ],
)
def test_a_mistyped_problem_set_is_told_which_is_meant(tmp_path, given, told):
    for name in ("ps1_shapes", "ps2_losses"):
        (tmp_path / "solutions" / name).mkdir(parents=True)
        (tmp_path / "solutions" / name / f"{name}.ipynb").touch()
    course = find_course(tmp_path)
    assert course.unknown(given).endswith(told)
    assert course.unknown(given).startswith("there is no problem set" if told else "")
    if told:
        assert course.not_graded(given) == course.unknown(given)
    else:
        assert course.not_graded(given).endswith("run `grade ps1_shapes` first")
