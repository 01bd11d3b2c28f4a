"""Whose a file is, by the name that Canvas or Moodle gave it."""

import pytest

from utils.grading.course.zip_names import Reading, name_of, number_of, readings

MOODLE = Reading("moodle", "John Doe", "12", "ps1.ipynb", "John Doe_12_assignsubmission_file_")
CANVAS = Reading("canvas", "doejohn", "12", "ps1.ipynb", "doejohn_12_34_", 34)


@pytest.mark.parametrize(
    ("name", "folder", "found"),
    [
        ("John Doe_12_assignsubmission_file_ps1.ipynb", False, [MOODLE]),
        (
            "John Doe_12_assignsubmission_file",
            True,
            [Reading("moodle", "John Doe", "12", "", "John Doe_12_assignsubmission_file")],
        ),
        ("John Doe_12_assignsubmission_file", False, []),
        ("John Doe_12_assignsubmission_file_a", True, []),
        ("John Doe_12_assignsubmission_file_a.zip unpacked", True, [("John Doe", "12", "a.zip")]),
        ("_12_assignsubmission_file_a", False, []),
        ("John Doe_12_assignsubmission_onlinetext", True, [("John Doe", "12", "")]),
        (
            "a_1_assignsubmission_file_2_assignsubmission_file",
            True,
            [("a_1_assignsubmission_file", "2", "")],
        ),
        ("doejohn_12_34_ps1.ipynb", False, [CANVAS]),
        (
            "doejohn_LATE_12_34_a",
            False,
            [Reading("canvas", "doejohn", "12", "a", "doejohn_LATE_12_34_", 34, True)],
        ),
        ("doe_1_2_a_3_4_b", False, [("doe", "1", "a_3_4_b"), ("doe_1_2_a", "3", "b")]),
        ("_1_2_a", False, []),
        ("doe_1_a", False, []),
        ("doe_1_2_", False, []),
        ("ps1.ipynb", False, []),
        ("", True, []),
    ],
)
def test_the_ways_to_read_a_name(name, folder, found):
    given = readings(name, folder)
    short = [(one.name, one.number, one.rest) for one in given]
    assert found in (given, short)


@pytest.mark.parametrize(
    ("reading", "key", "student"),
    [
        (MOODLE, "moodle12", "John Doe_moodle12"),
        (Reading("canvas", "..a", "007", "", ""), "canvas7", "_.a_canvas7"),
    ],
)
def test_the_id_of_somebody_unknown(reading, key, student):
    assert (reading.key, reading.student) == (key, student)


@pytest.mark.parametrize(
    ("student", "name", "moodle", "canvas"),
    [
        ("John Doe_moodle12", "John Doe", "12", ""),
        ("a_canvas1_canvas23", "a_canvas1", "", "23"),
        ("jdoe", "jdoe", "", ""),
        ("_moodle12", "_moodle12", "", ""),
        ("a_moodle1x", "a_moodle1x", "", ""),
    ],
)
def test_what_an_id_says(student, name, moodle, canvas):
    assert name_of(student) == name
    assert (number_of(student, "moodle"), number_of(student, "canvas")) == (moodle, canvas)
