"""`assignments/` is what nbgrader makes of `solutions/`, and only what is meant to be published."""

import os
import shutil
from pathlib import Path

import nbformat
import pytest

from tests.problem_sets.grading import ROOT, PlainCourse
from utils.commands.build import build_assignments, chosen, without_source
from utils.grading.notebook.source_cells import RELEASES_FILE, read_releases
from utils.grading.run.release import BuildError, problem_sets
from utils.system import CONFIG, load_config


def tree(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder by its relative path."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def course(tmp_path) -> Path:
    """A copy of the course's configuration and sources, in a folder with an awkward name."""
    course = tmp_path / "my course [講義]"
    shutil.copytree(ROOT / "solutions", course / "solutions")
    shutil.copy(ROOT / CONFIG, course)
    return course


def test_committed_assignments_are_a_fresh_build(course):
    build_assignments(course)
    assert tree(course / "assignments") == tree(ROOT / "assignments")


def test_build_repairs_what_was_edited_and_removes_what_is_left_over(course):
    build_assignments(course)
    before = tree(course / "assignments")
    name = problem_sets(course)[0]
    edited = course / "assignments" / name / f"{name}.ipynb"
    edited.write_text("{}")
    left_over = course / "assignments" / name / "old_data.csv"
    left_over.write_text("1,2")
    assert sorted(build_assignments(course)) == sorted([edited, left_over])
    assert tree(course / "assignments") == before


def test_one_problem_set_is_built_alone(course):
    build_assignments(course)
    first, second, *_ = problem_sets(course)
    edited = [course / "assignments" / name / f"{name}.ipynb" for name in (first, second)]
    for path in edited:
        path.write_text("{}")
    assert build_assignments(course, [second]) == [edited[1]]
    assert edited[0].read_text() == "{}"


def test_names_choose_problem_sets_and_lectures(course):
    (course / "lectures").mkdir()
    for name in ("01_output_layer", "02_softmax_overflow"):
        (course / "lectures" / f"{name}.ipynb").write_text("{}")
    assert chosen(course, ["ps1"]) == (["ps1_output_layer"], [])
    assert chosen(course, ["02"]) == ([], ["02_softmax_overflow.ipynb"])
    assert chosen(course, ["output_layer"]) == (["ps1_output_layer"], ["01_output_layer.ipynb"])
    assert chosen(course, []) == (problem_sets(course), sorted(os.listdir(course / "lectures")))
    with pytest.raises(BuildError, match="no lecture and no problem set has 'ps7' in its name"):
        chosen(course, ["ps1", "ps7"])


@pytest.mark.parametrize("left", ["nothing", "an empty folder", "other problem sets"])
def test_build_never_deletes_what_it_cannot_build_again(course, left):
    shutil.copytree(ROOT / "assignments", course / "assignments")
    before = tree(course / "assignments")
    first, *others = problem_sets(course)
    for name in [first] if left == "other problem sets" else [first, *others]:
        shutil.rmtree(course / "solutions" / name)
    if left == "nothing":
        shutil.rmtree(course / "solutions")
    if left == "other problem sets":
        assert build_assignments(course) == []
        assert [path.name for path in without_source(course)] == [first]
    else:
        with pytest.raises(BuildError, match="nothing is deleted"):
            build_assignments(course)
    assert tree(course / "assignments") == before


def test_build_remembers_what_was_handed_out(course):
    """By hashes, so that a submission made from an earlier release has not been edited."""
    name = problem_sets(course)[0]
    build_assignments(course)
    file = course / "solutions" / RELEASES_FILE
    *earlier, first = read_releases(file, name)
    source = course / "solutions" / name / f"{name}.ipynb"
    notebook = nbformat.read(source, as_version=4)
    cell = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade"))
    cell.source += "\n# a comment"
    nbformat.write(notebook, source)
    build_assignments(course)
    *before, after = read_releases(file, name)
    assert before == [*earlier, first]
    changed = {key for key in first if first[key] != after[key]}
    assert cell.metadata.nbgrader.grade_id in changed
    written = file.read_bytes()
    build_assignments(course)
    assert file.read_bytes() == written
    assert "import" not in file.read_text(encoding="utf-8")


def test_no_other_file_of_a_solution_is_published(course):
    build_assignments(course)
    before = tree(course / "assignments")
    name = problem_sets(course)[0]
    folder = course / "solutions" / name
    (folder / "answers.txt").write_text("42")
    (folder / "drafts").mkdir()
    (folder / "drafts" / "old.py").write_text("x = 1")
    shutil.copy(folder / f"{name}.ipynb", folder / f"{name}-Copy1.ipynb")
    assert build_assignments(course) == []
    assert tree(course / "assignments") == before


def test_a_listed_file_is_published(course):
    name = problem_sets(course)[0]
    config = (course / CONFIG).read_text(encoding="utf-8")
    empty = "PUBLISHED: dict[str, list[str]] = {"
    assert empty in config
    listed = config.replace(empty, f'{empty}"{name}": ["data.csv"], ')
    (course / CONFIG).write_text(listed, encoding="utf-8")
    (course / "solutions" / name / "data.csv").write_text("1,2")
    (course / "solutions" / name / "notes.csv").write_text("3,4")
    build_assignments(course)
    published = set(tree(course / "assignments" / name))
    assert published == {f"{name}.ipynb", "data.csv"}


def test_configuration_does_not_depend_on_the_current_folder(course, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load_config(course).CourseDirectory
    assert Path(config.root) == course
    assert config.db_url.endswith("/grading/gradebook.db")
    assert (course / "grading").is_dir()


@pytest.mark.slow
def test_nbgrader_itself_works_from_any_folder_and_publishes_the_same(tmp_path):
    course = PlainCourse(tmp_path / "a course 講義")
    name = problem_sets(course.folder)[0]
    (course.folder / "solutions" / name / "answers.txt").write_text("42")
    course.nbgrader("generate_assignment", name, "--course-dir", str(course.folder), cwd=tmp_path)
    assert tree(course.folder / "assignments" / name) == tree(ROOT / "assignments" / name)
    course.submit(name, "ada", {})
    course.nbgrader("autograde", name, "--course-dir", str(course.folder), cwd=tmp_path)
    course.nbgrader("generate_feedback", name)
    feedback = course.folder / "grading" / "feedback" / "ada" / name
    assert [file.name for file in feedback.iterdir()] == [f"{name}.html"]
    course.nbgrader("export")
    assert {path.name for path in course.folder.iterdir()} == {
        "solutions",
        "assignments",
        "grading",
        CONFIG,
    }
    assert {path.name for path in tmp_path.iterdir()} == {"a course 講義"}
