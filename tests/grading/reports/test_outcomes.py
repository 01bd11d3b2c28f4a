"""What a report says besides points: names, what arrived, what a person has to look at."""

import pytest

from utils.grading.course.collect import Arrival
from utils.grading.course.notebook_choice import Chooser
from utils.grading.course.roster import Person
from utils.grading.course.scores import CellScore, Scores
from utils.grading.course.settings import find_course
from utils.grading.notebook.source_cells import SourceCell
from utils.grading.reports.outcomes import Unsettled, add_people, still_there
from utils.grading.reports.report_data import Row

TEST = SourceCell("t", "code", "1", grade=True, solution=False, locked=True, points=2.0)
ZIP = {"a.zip": "x_1_assignsubmission_file/a.zip"}


@pytest.mark.parametrize(
    ("known", "person", "found"),
    [
        ({}, Person("a", "Ada von X", "a@b", "7"), ("Ada von", "X", "a@b", "7", "Ada von X")),
        ({}, Person("a", "X, Ada", "", ""), ("Ada", "X", "", "", "X, Ada")),
        ({}, Person("a"), ("", "", "", "", "")),
        (
            {"a": {"first_name": "A", "last_name": "", "email": "own"}},
            Person("a", "Ada X", "a@b"),
            ("A", "", "own", "", "Ada X"),
        ),
    ],
)
def test_the_gradebook_knows_better_than_the_class_list(known, person, found):
    add_people(known, [person])
    keys = ("first_name", "last_name", "email", "lms_user_id", "name")
    assert known == {"a": dict(zip(keys, found, strict=True))}


def test_a_decomposed_id_of_the_gradebook_is_the_same_person():
    people = {"u\u0308": {"email": ""}}
    add_people(people, [Person("\u00fc", email="a@b")])
    assert {name: about["email"] for name, about in people.items()} == {"u\u0308": "a@b"}


@pytest.mark.parametrize(
    ("file", "there"),
    [("a.zip/b/c.ipynb", True), ("beside.ipynb", True), ("none.zip/a", False), ("none", False)],
)
def test_a_submitted_file_is_looked_for_in_its_folder_and_beside_it(tmp_path, file, there):
    (tmp_path / "ps1").mkdir()
    (tmp_path / "ps1" / "a.zip").touch()
    (tmp_path / "beside.ipynb").touch()
    assert still_there(tmp_path / "ps1", file) == there
    assert not still_there(tmp_path / "no" / "no", file)


@pytest.mark.parametrize(
    ("files", "row", "scores", "arrival", "notes", "why"),
    [
        ({}, "missing", None, None, ["nothing was handed in"], []),
        ({}, "missing", None, Arrival("moodle", "x", "1", "x"), [], []),
        (
            {},
            "missing",
            None,
            Arrival("moodle", "x", "1", "x", ZIP, ["a.zip is damaged"]),
            ["there is no notebook of ps1, but an archive (a.zip)", "a.zip is damaged"],
            ["no notebook", "collection"],
        ),
        ({"a.pdf": ""}, "missing", None, None, ["there is no notebook of ps1, but a PDF (a.pdf)"],
         ["no notebook"]),
        ({"ps1.ipynb": "{}"}, "missing", None, None, ["not graded yet: run `grade ps1`"],
         ["not graded yet"]),
        ({"timestamp.txt": "odd"}, "graded", None, None, [...], ["time of submission"]),
        ({}, "graded", {"t": CellScore(manual=2.0)}, None, [], []),
        ({}, "graded", {"t": CellScore(manual=2.5)}, None,
         ["t: a person gave 2.5 points, but it is worth 2 now"], ["points"]),
        ({}, "graded", {"u": CellScore(manual=1.0)}, None,
         ["u: a person gave 1 point, but it is worth 0 now"], ["points"]),
        ({}, "graded", None, Arrival("canvas", "x", "1", "x", late=True),
         ["Canvas says that it is late, but not when it was handed in"], ["late"]),
    ],
)  # fmt: skip
def test_what_a_person_has_to_solve(tmp_path, files, row, scores, arrival, notes, why):
    course = find_course(tmp_path)
    folder = course.folder("submitted", "ada", "ps1")
    for name, text in files.items():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    made = Row("ada", row)
    unsettled = Unsettled(course, "ps1", {"t": 2.0}, Chooser("ps1", [TEST]))
    unsettled.look(made, None if scores is None else Scores(scores), arrival)
    assert (made.why, made.needs_person) == (why, bool(why))
    assert made.notes == notes or (notes == [...] and len(made.notes) == 1)
