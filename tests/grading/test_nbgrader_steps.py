"""The grader's steps in nbgrader's commands: what they read, and the limits they set."""

import json
from types import SimpleNamespace

import pytest
from traitlets.config import Config

from utils.grading import nbgrader_steps
from utils.grading.course.notebook_choice import HandedIn
from utils.grading.course.settings import find_course
from utils.grading.nbgrader_steps import JudgedExecute, SubmissionExporter
from utils.grading.notebook.reading import Unreadable, new_cell, new_notebook
from utils.grading.sandbox.config import Limits

pytestmark = pytest.mark.filterwarnings("ignore")  # nbconvert's own affair


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({}, Limits()),
        ({"cell_seconds": 5.0, "memory": 9}, Limits(cell_seconds=5.0, memory=9)),
        ({"problem_sets": {"ps1": {"files": 2}, "ps2": {"files": 3}}}, Limits(files=2)),
    ],
)
def test_limits_are_those_of_the_configuration(settings, limits):
    step = JudgedExecute(config=Config({"JudgedExecute": settings}))
    assert step.limits("ps1") == limits
    assert not step.unsafe


def test_a_submission_is_read_whatever_it_is(tmp_path):
    path = tmp_path / "ps1.ipynb"
    path.write_text(json.dumps(new_notebook([new_cell("code", "a\r\nb", "x")])))
    text, resources = SubmissionExporter().from_filename(str(path))
    assert json.loads(text)["cells"][0]["source"] in ("a\nb", ["a\n", "b"])
    assert resources["metadata"] == {"name": "ps1", "path": str(tmp_path)}
    path.write_text("{")
    with pytest.raises(Unreadable, match=r"ps1.ipynb cannot be read: it is not valid JSON.*again"):
        SubmissionExporter().from_filename(str(path))
    (tmp_path / "link").symlink_to("ps1.ipynb")
    with pytest.raises(Unreadable, match="beside it lies link, a link to another file"):
        SubmissionExporter().from_filename(str(path))


def test_what_was_chosen_is_found_for_a_submission_and_its_copy(tmp_path):
    directory = find_course(tmp_path).directory
    chosen = HandedIn("a.ipynb")
    submitted = directory.format_path(directory.submitted_directory, "ada", "ps1")
    converter = SimpleNamespace(coursedir=directory, handed_in={submitted: chosen})
    copied = directory.format_path(directory.autograded_directory, "ada", "ps1")
    for folder in (submitted, f"{copied}/", submitted.replace("/ada/", "/./ada/")):
        assert nbgrader_steps.chosen_for(converter, folder) is chosen
    for folder in (submitted.replace("ada", "ben"), str(tmp_path)):
        assert nbgrader_steps.chosen_for(converter, folder) is None
    assert nbgrader_steps.chosen_for(None, submitted) is None


def test_the_courses_files_are_read_as_far_as_they_can_be(tmp_path):
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / "link").symlink_to("a.csv")
    paths = {name: tmp_path / name for name in ("a.csv", "link", "none", "")}
    assert nbgrader_steps.read_files(paths) == {"a.csv": b"1"}
