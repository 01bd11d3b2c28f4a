"""`grade`: a class is graded, nothing is graded twice, and what a person did stays."""

import json
import os
import shutil

import nbformat
import pytest
from nbgrader.api import Gradebook
from sqlalchemy.exc import OperationalError

from tests.classroom import HALF, PS1, RIGHT, Classroom
from utils.commands.grade import parse
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.settings import CourseError, find_course
from utils.grading.reports.csv_files import COLUMNS
from utils.grading.run import cluster, runner

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Dask's and SQLAlchemy's own affairs
]

LOOP = RIGHT | {"softmax": "def softmax(a):\n    while True:\n        pass\n"}
CLAIMS = RIGHT | {"written_answer": "**a.** The other way round."}
NOISY = RIGHT | {
    "softmax": "import warnings\nwarnings.warn('to stderr')\nprint('to stdout')\n"
    + RIGHT["softmax"]
}
TESTS = [
    "test_identity_function_visible",
    "test_identity_function_hidden",
    "test_softmax_visible",
    "test_softmax_hidden",
]


@pytest.fixture(scope="module")
def graded(new_classroom) -> Classroom:
    """A class with the usual and the unusual, graded once."""
    room = new_classroom()
    for name, answers in {
        "right": RIGHT,
        "half": HALF,
        "untouched": {},
        "wrote": CLAIMS,
        "noisy": NOISY,
        "loops": LOOP,
        "Doe, Jr.": RIGHT,
        "=1+1": RIGHT,
        "山田": HALF,
        "empty": b"",
        "damaged": b'{"cells": [',
    }.items():
        room.submit(name, answers)
    deleted = room.submit("deleted", RIGHT)
    notebook = nbformat.read(deleted, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if cell.id != "test-softmax-visible"]
    nbformat.write(notebook, deleted)
    folder = deleted.parent.parent.parent
    (folder / "link" / PS1).mkdir(parents=True)
    (folder / "link" / PS1 / f"{PS1}.ipynb").symlink_to(deleted)
    (folder / "absent" / PS1).mkdir(parents=True)
    (folder / "renamed" / PS1).mkdir(parents=True)
    (folder / "renamed" / PS1 / "Untitled.ipynb").write_bytes(deleted.read_bytes())
    room.said = room.grade()
    return room


def test_every_student_has_a_status_and_an_honest_score(graded):
    rows = graded.rows()
    assert {name: (row["status"], row["score"]) for name, row in rows.items()} == {
        "right": ("graded", "14"),
        "half": ("graded", "2"),
        "untouched": ("graded", "0"),
        "wrote": ("graded", "14"),
        "noisy": ("graded", "14"),
        "loops": ("graded", "2"),
        "Doe, Jr.": ("graded", "14"),
        "=1+1": ("graded", "14"),
        "山田": ("graded", "2"),
        "deleted": ("graded", "14"),
        "empty": ("unreadable", ""),
        "damaged": ("unreadable", ""),
        "link": ("unreadable", ""),
        "absent": ("missing", ""),
        "renamed": ("graded", "14"),
    }
    assert {row["max_score"] for row in rows.values()} == {"18"}
    assert {row["assignment"] for row in rows.values()} == {PS1}


def test_the_csv_file_has_the_columns_of_the_design(graded):
    more = [
        "name",
        "submitted_at",
        "hours_late",
        "late_penalty",
        "possible_so_far",
        "unread_points",
    ]
    assert list(graded.rows()["right"]) == [*COLUMNS, *TESTS, *more]
    assert [graded.rows()["right"][name] for name in TESTS] == ["1", "1", "5", "7"]
    assert [graded.rows()["empty"][name] for name in TESTS] == [""] * 4


def test_notes_say_what_was_wrong(graded):
    notes = {name: row["notes"] for name, row in graded.rows().items()}
    assert "empty" in notes["empty"]
    assert "JSON" in notes["damaged"]
    assert "link" in notes["link"]
    assert "nothing was handed in" in notes["absent"]
    assert "the notebook that was graded is Untitled.ipynb" in notes["renamed"]
    assert "test_softmax_visible" in notes["deleted"]
    assert notes["loops"]
    assert notes["right"] == notes["noisy"] == ""


def test_those_who_need_a_person_are_named(graded):
    needs = {name for name, row in graded.rows().items() if row["needs_manual_grade"] == "True"}
    assert needs == {"wrote", "empty", "damaged", "link"}


def test_the_gradebook_has_the_same_points(graded):
    with Gradebook(graded.course.db_url) as gradebook:
        for name, row in graded.rows().items():
            if row["status"] != "graded":
                continue
            submission = gradebook.find_submission(PS1, name)
            assert submission.score == float(row["score"])
            assert submission.max_score == 18
            for test in TESTS:
                assert gradebook.find_grade(test, PS1, PS1, name).auto_score == float(row[test])
        comment = gradebook.find_comment("softmax", PS1, PS1, "untouched")
        assert comment.auto_comment == "No response."
        assert gradebook.find_comment("softmax", PS1, PS1, "right").auto_comment is None
        unread = gradebook.find_grade("test_softmax_visible", PS1, PS1, "empty")
        assert unread.auto_score is None
        assert unread.needs_manual_grade


def test_autograded_notebooks_hold_outputs_and_what_became_of_them(graded):
    cells = {cell.id: cell for cell in graded.autograded("noisy").cells}
    written = [output for output in cells["softmax"].outputs if output.output_type == "stream"]
    assert {output.name for output in written} == {"stdout", "stderr"}
    notes = graded.autograded("deleted").cells[0].source
    assert "softmax" in notes
    for name in ("right", "empty"):
        nbformat.validate(graded.autograded(name))


def test_the_closing_table_names_everyone(graded):
    for name in graded.rows():
        assert name in graded.said
    assert "11 graded, 3 unreadable" in graded.said
    assert f"{PS1}.html" in graded.said


def test_nothing_else_was_written(graded):
    made = {path.name for path in (graded.root / "grading").iterdir()}
    assert made == {
        "submitted", "autograded", "feedback", "reports", "gradebook.db", ".grading.lock",
    }  # fmt: skip
    hidden = [
        path for path in (graded.root / "grading").rglob(".*") if path.name != ".grading.lock"
    ]
    assert hidden == []


@pytest.mark.parametrize("layout", ["submitted", "grading/submitted"])
def test_a_folder_with_nothing_but_submissions_is_a_course(
    tmp_path, workers, options, layout, root
):
    def of_the_repository() -> list[tuple[str, int]]:
        return [(str(path), path.stat().st_mtime_ns) for path in (root / "grading").rglob("*")]

    before = of_the_repository()
    room = Classroom(tmp_path, options, workers)
    source = root / "assignments" / PS1 / f"{PS1}.ipynb"
    target = tmp_path / layout / "akiko" / PS1 / f"{PS1}.ipynb"
    target.parent.mkdir(parents=True)
    target.write_bytes(source.read_bytes())
    assert room.regrade().graded == 1
    run_time = (tmp_path / layout).parent
    assert (run_time / "reports" / f"{PS1}.csv").is_file()
    assert (run_time / "autograded" / "akiko" / PS1 / f"{PS1}.ipynb").is_file()
    assert (run_time / "gradebook.db").is_file()
    assert of_the_repository() == before


# Again ------------------------------------------------------------------------------------------


@pytest.fixture
def again(classroom, workers) -> Classroom:
    """A class of three, graded once; a person has graded and commented on one."""
    classroom.workers = workers
    for name in ("akiko", "ben", "chiara"):
        classroom.submit(name, CLAIMS)
    classroom.regrade()
    with Gradebook(classroom.course.db_url) as gradebook:
        grade = gradebook.find_grade("written_answer", PS1, PS1, "akiko")
        grade.manual_score, grade.needs_manual_grade = 3.5, False
        gradebook.find_grade("test_softmax_hidden", PS1, PS1, "akiko").extra_credit = 1
        gradebook.find_comment("softmax", PS1, PS1, "akiko").manual_comment = "Well **done**."
        gradebook.db.commit()
    return classroom


def outcome(room: Classroom, student: str) -> tuple:
    """Return what the gradebook says about a student's written answer, and the comment."""
    with Gradebook(room.course.db_url) as gradebook:
        grade = gradebook.find_grade("written_answer", PS1, PS1, student)
        comment = gradebook.find_comment("softmax", PS1, PS1, student)
        score = gradebook.find_submission(PS1, student).score
        return grade.manual_score, grade.needs_manual_grade, comment.manual_comment, score


def times(room: Classroom) -> dict[str, int]:
    return {
        name: room.course.notebook("autograded", name, PS1).stat().st_mtime_ns
        for name in room.course.students()
    }


def test_unchanged_submissions_are_left_alone_and_pages_get_the_new_points(again):
    before = times(again)
    progress = again.regrade()
    assert (progress.graded, progress.unchanged) == (0, 3)
    assert times(again) == before
    assert outcome(again, "akiko") == (3.5, False, "Well **done**.", 18.5)
    page = again.feedback("akiko")
    assert "18.5 of 18 points" in page
    assert "Well <strong>done</strong>." in page
    assert again.rows()["akiko"]["score"] == "18.5"
    assert again.rows()["akiko"]["needs_manual_grade"] == "False"
    assert again.rows()["ben"]["needs_manual_grade"] == "True"


def test_a_changed_submission_is_regraded_and_what_a_person_did_stays(again):
    before = times(again)
    again.submit("akiko", CLAIMS | {"softmax": "def softmax(a):\n    return a\n"})
    assert again.regrade().graded == 1
    after = times(again)
    assert [name for name in after if after[name] != before[name]] == ["akiko"]
    manual, needs, comment, score = outcome(again, "akiko")
    assert (manual, comment) == (3.5, "Well **done**.")
    assert not needs  # the answer that the person read is the same
    assert score < 14


def test_a_changed_answer_is_shown_to_a_person_again(again):
    again.submit("akiko", CLAIMS | {"written_answer": "**a.** I thought again."})
    again.regrade()
    assert outcome(again, "akiko") == (3.5, True, "Well **done**.", 18.5)


def test_force_grades_everyone_and_changes_nothing(again):
    before = times(again)
    assert again.regrade(force=True).graded == 3
    assert all(times(again)[name] != before[name] for name in before)
    assert outcome(again, "akiko") == (3.5, False, "Well **done**.", 18.5)


def test_only_the_students_asked_for(again):
    for name in ("akiko", "ben", "Doe, Jr."):
        again.submit(name, RIGHT)
    assert again.regrade(students=["akiko", "Doe, Jr."]).graded == 2
    assert again.regrade().graded == 1
    assert parse([PS1, "--students", 'akiko,"Doe, Jr."']).students == ["akiko", "Doe, Jr."]


def test_changed_tests_regrade_everyone(again):
    source = again.course.source(PS1)
    notebook = nbformat.read(source, as_version=4)
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "test_softmax_visible":
            cell.source += "\n# a new comment"
    nbformat.write(notebook, source)
    progress = again.regrade()
    assert progress.graded == 3
    assert "the text of test_softmax_visible" in progress.notes[0]


def test_a_lost_gradebook_is_filled_from_the_notebooks(again):
    (again.root / "grading" / "gradebook.db").unlink()
    assert again.regrade().graded == 0
    assert outcome(again, "ben")[3] == 14


def test_a_damaged_notebook_is_made_anew(again):
    path = again.course.notebook("autograded", "ben", PS1)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert again.regrade().graded == 1
    json.loads(path.read_bytes())


def test_a_submission_with_a_file_beside_it(classroom, workers):
    classroom.workers = workers
    path = classroom.submit(
        "akiko", RIGHT | {"softmax": "print(open('mine.txt').read())\n" + RIGHT["softmax"]}
    )
    (path.parent / "mine.txt").write_text("from my own file", encoding="utf-8")
    (path.parent / "timestamp.txt").write_text("2026-11-30 12:00:00 UTC", encoding="utf-8")
    classroom.regrade()
    text = nbformat.writes(classroom.autograded("akiko"))
    assert "from my own file" in text
    beside = classroom.course.folder("autograded", "akiko", PS1)
    assert {p.name for p in beside.iterdir()} == {f"{PS1}.ipynb", "mine.txt", "timestamp.txt"}
    with Gradebook(classroom.course.db_url) as gradebook:
        assert gradebook.find_submission(PS1, "akiko").timestamp.hour == 12


# What can be wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem_set", "arguments", "words"),
    [
        ("ps9_nothing", {}, "there is no problem set 'ps9_nothing'"),
        (PS1, {"students": ["nobody"]}, "nobody has handed in nothing"),
        (PS1, {"scheduler": "tcp://127.0.0.1:9"}, "no Dask scheduler at tcp://127.0.0.1:9"),
    ],
)
def test_a_wrong_argument_gets_a_sentence(classroom, monkeypatch, problem_set, arguments, words):
    monkeypatch.setattr(cluster, "CONNECT", 2)
    classroom.submit("akiko", {})
    with pytest.raises(CourseError, match=words):
        runner.grade_class(classroom.course, problem_set, **arguments)


@pytest.mark.parametrize(
    ("db", "words"),
    [
        ("what", "not an address of a gradebook"),
        ("postgresql://nobody@127.0.0.1:9/none", "cannot be opened"),
    ],
)
def test_a_wrong_gradebook_gets_a_sentence(classroom, db, words):
    with pytest.raises(CourseError, match=words):
        runner.grade_class(find_course(classroom.root, db), PS1)


def test_a_course_that_is_not_there_gets_a_sentence(tmp_path):
    with pytest.raises(CourseError, match="there is no folder"):
        find_course(tmp_path / "nowhere")


def test_an_assignment_of_several_notebooks_gets_a_sentence(classroom):
    folder = classroom.course.source(PS1).parent
    more = folder / "second.ipynb"
    shutil.copy(folder / f"{PS1}.ipynb", more)
    classroom.submit("akiko", RIGHT)
    with CourseGradebook(classroom.course) as book:
        said = " ".join(book.take_in(PS1))
    assert "its folder also has second.ipynb" in said
    assert f"`nbgrader autograde {PS1}` grades all of them" in said
    (folder / f"{PS1}.ipynb").rename(folder / "first.ipynb")
    said = f"{PS1}.ipynb is missing; its folder also has first.ipynb, second.ipynb: "
    with pytest.raises(CourseError, match=said):
        runner.grade_class(classroom.course, PS1)


def test_a_folder_that_cannot_be_written_gets_a_sentence(classroom):
    classroom.submit("akiko", RIGHT)
    (classroom.root / "grading" / "autograded").write_text("a file where a folder should be")
    said = classroom.grade("--quiet", status=1)
    assert "autograded" in said
    assert "again" in said


def test_two_runs_at_once_are_refused(again):
    import fcntl

    with open(again.root / "grading" / ".grading.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CourseError, match="another run is grading"):
            again.regrade()


def test_a_gradebook_that_cannot_be_written_loses_nothing(again, monkeypatch):
    again.submit("dora", RIGHT)

    def broken(*_: object) -> None:
        raise OperationalError("INSERT", {}, Exception("disk full"))

    with monkeypatch.context() as patch:
        patch.setattr(CourseGradebook, "_charge_one", broken)
        with pytest.raises(CourseError, match="cannot be written: disk full"):
            again.regrade()
    assert again.regrade().graded == 0  # the notebook was there, the gradebook now is
    assert outcome(again, "dora")[3] == 14


def test_undecodable_names_and_unreadable_files_stop_nobody(classroom, workers):
    classroom.workers = workers
    for name in ("akiko", "ben"):
        classroom.submit(name, RIGHT)
    folder = classroom.course.folder("submitted", "akiko", PS1)
    (folder / os.fsdecode(b"caf\xe9.txt")).write_text("data")
    (folder / "secret.txt").write_text("data")
    (folder / "secret.txt").chmod(0)
    wrong = classroom.course.notebook("submitted", "ben", PS1)
    wrong.rename(wrong.with_name(os.fsdecode(b"caf\xe9.ipynb")))
    shutil.copytree(folder, classroom.course.submitted / os.fsdecode(b"chiara\xff") / PS1)
    notes = " ".join(classroom.regrade().notes)
    assert "is left out: its name is not UTF-8; rename it" in notes
    rows = classroom.rows()
    assert rows["akiko"]["status"] == "graded"
    assert (rows["ben"]["status"], rows["ben"]["score"]) == ("graded", "14")
    assert "the notebook that was graded is caf" in rows["ben"]["notes"]
    assert "no longer there" not in rows["ben"]["notes"]


def test_an_empty_class_is_said_to_be_empty(classroom):
    (note,) = classroom.regrade().notes
    assert note.startswith("nobody has handed in ps1_output_layer")
