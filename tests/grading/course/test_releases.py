"""What was handed out before is remembered, once each, and read from both files of a course."""

import json

import pytest

from utils.grading.course import releases
from utils.grading.course.settings import find_course
from utils.grading.notebook.reading import new_cell, new_notebook, text_hash
from utils.grading.notebook.source_cells import SourceCell

HIDDEN = "1\n### BEGIN HIDDEN TESTS\n2\n### END HIDDEN TESTS\n"
ONE, TWO = {"f": "1"}, {"f": "2", "g": "3"}


def test_a_release_is_a_hash_of_each_text_without_hidden_tests():
    cells = [SourceCell("t", "code", HIDDEN, grade=True, solution=False, locked=True)]
    assert releases.release_of(cells) == {"t": text_hash("1")}
    given = [new_cell("code", [HIDDEN], "x", {"nbgrader": {"grade_id": "t"}}), {"metadata": {}}]
    assert releases.release_of_notebook(given) == {"t": text_hash("1")}


def test_a_release_is_remembered_once_and_in_a_line(tmp_path):
    path = tmp_path / "releases.json"
    steps = [("b", ONE), ("b", TWO), ("b", ONE), ("a", {}), ("a", ONE)]
    assert [releases.remember(path, *step) for step in steps] == [True, True, False, False, True]
    assert path.read_text() == (
        '{\n "a": [\n  {"f": "1"}\n ],\n "b": [\n  {"f": "1"},\n  {"f": "2", "g": "3"}\n ]\n}\n'
    )
    with pytest.raises((FileExistsError, NotADirectoryError)):
        releases.remember(path / "releases.json", "a", ONE)


def test_a_course_knows_the_releases_and_texts_of_both_files(tmp_path):
    (tmp_path / "solutions" / "ps1").mkdir(parents=True)
    (tmp_path / "grading" / "reports").mkdir(parents=True)
    directory = find_course(tmp_path).directory
    committed, run_time = releases.files_of(directory, "ps1")
    assert committed == tmp_path / "solutions" / "releases.json"
    assert run_time == tmp_path / "grading" / "reports" / "releases.json"
    assert releases.known(directory, "ps1") == []
    assert releases.texts(directory, "ps1") is None
    releases.remember(committed, "ps1", ONE)
    for one in (ONE, TWO):
        releases.remember(run_time, "ps1", one)
    assert releases.known(directory, "ps1") == [ONE, TWO]
    answer = new_cell("markdown", "a model answer", "y", {"nbgrader": {"grade_id": "answer"}})
    source = new_notebook([new_cell("code", "a", "x"), answer])
    (tmp_path / "solutions" / "ps1" / "ps1.ipynb").write_text(json.dumps(source))
    assert releases.texts(directory, "ps1") == {text_hash("a"), "1", "2", "3"}
    assert releases.known(directory, "ps2") == []
