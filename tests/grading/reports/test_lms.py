"""Zip files of pages, under the names by which Canvas and Moodle find the student again."""

import json
import zipfile

import pytest

from utils.grading.course.settings import find_course
from utils.grading.notebook.result import KEY, GradingResult
from utils.grading.reports.lms import write_feedback

FOLDER = "Ada_1_assignsubmission_file"
MOODLE = {"system": "moodle", "name": "Ada", "number": "1", "marker": FOLDER}
CANVAS = {"system": "canvas", "name": "ada", "number": "1", "marker": "ada_1_2_"}


@pytest.mark.parametrize(
    ("arrival", "graded", "name"),
    [
        (MOODLE | {"files": {"ps1.ipynb": f"{FOLDER}/ps1.ipynb"}}, "", f"{FOLDER}/ps1.html"),
        (MOODLE, "", f"{FOLDER}/ps1.html"),
        (
            MOODLE | {"marker": f"{FOLDER}_", "files": {"a.ipynb": f"{FOLDER}_a.ipynb"}},
            "",
            f"{FOLDER}_ps1.html",
        ),
        (CANVAS | {"files": {"a.ipynb": "ada_1_2_a.ipynb"}}, "", "ada_1_2_a.html"),
        (
            CANVAS
            | {"files": {"a.ipynb": "ada_1_2_a.ipynb", "b.ipynb": "x/ada_1_3_b.zip/b.ipynb"}},
            "b.ipynb",
            "ada_1_3_b.html",
        ),
        (CANVAS, "", "ada_1_2_ps1.html"),
    ],
)
def test_a_page_is_called_as_its_submission(tmp_path, arrival, graded, name):
    course = find_course(tmp_path)
    path = course.arrivals("ps1")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({"students": {"ada": arrival, "ben": arrival}}))
    assert write_feedback(course, "ps1", arrival["system"]) == []  # nobody has a page
    page, notebook = course.feedback("ada", "ps1"), course.notebook("autograded", "ada", "ps1")
    for file, text in (
        (page, "<html>"),
        (notebook, json.dumps({"metadata": {KEY: GradingResult(file=graded).to_json()}})),
    ):
        file.parent.mkdir(parents=True)
        file.write_text(text)
    (found,) = write_feedback(course, "ps1", arrival["system"])
    assert found == course.reports / f"ps1_{arrival['system']}_feedback.zip"
    with zipfile.ZipFile(found) as bundle:
        assert {one: bundle.read(one) for one in bundle.namelist()} == {name: b"<html>"}
    other = {"moodle": "canvas", "canvas": "moodle"}[arrival["system"]]
    assert write_feedback(course, "ps1", other) == []
