"""Every submission ends with an outcome that a person understands, whatever was handed in, and how.

Each student here did something that real students do, as public bug reports of graders tell.
"""

import functools
import gzip
import json
import shutil
import unicodedata

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests import processes
from tests.classroom import PS1, RIGHT, ROOT, Classroom
from tests.lms_downloads import zipped
from utils.grading.course import lateness
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.judge import unsandboxed
from utils.grading.notebook import extra_files
from utils.grading.notebook.source_cells import RELEASES_FILE, read_releases
from utils.grading.run import check_process
from utils.grading.text_files import decode, read_table

PS2 = "ps2_mnist_inference"
pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's and SQLAlchemy's own affairs


def folder_of(room: Classroom, student: str):
    folder = room.course.folder("submitted", student, PS1)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def notebook(room: Classroom, answers=RIGHT) -> bytes:
    """Return a notebook with answers."""
    path = room.submit(".away", answers)
    content = path.read_bytes()
    shutil.rmtree(path.parent.parent)
    return content


def hand_in(room: Classroom, students: dict[str, dict[str, bytes]]) -> None:
    """Put files into the folders of students."""
    for student, files in students.items():
        for name, content in files.items():
            path = folder_of(room, student) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def nbgrader(room: Classroom, *arguments: str) -> str:
    """Run one of nbgrader's commands and return what it said."""
    status, said = processes.nbgrader(room.root, *arguments, seconds=600)
    assert status == 0, said
    assert "Traceback" not in said, said
    return said


def grade_all(room: Classroom, workers, **options):
    room.workers = workers
    return room.regrade(**options)


# Nobody is lost ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def lost(new_classroom, workers) -> Classroom:
    """A class in which almost nobody handed in a file of the right name in the right place."""
    room = new_classroom()
    right, untouched = notebook(room), notebook(room, {})
    half = notebook(room, {"identity_function": RIGHT["identity_function"]})
    wrong = notebook(room, RIGHT | {"softmax": "def softmax(a):\n    return a\n"})
    spaced = json.dumps(json.loads(right), indent=4).encode()
    stripped = nbformat.reads(right.decode(), as_version=4)
    for cell in stripped.cells:
        cell.metadata.pop("nbgrader", None)
    usual = f"{PS1}.ipynb"
    students = {
        "zipped": {f"{PS1}.zip": zipped({usual: right})},
        "zipped_with_folder": {"x.zip": zipped({f"ps1/{usual}": right, "__MACOSX/._x": "x"})},
        "nested": {f"{PS1}/{usual}": right},
        "json": {f"{usual}.json": right},
        "text": {f"{usual}.txt": right},
        "renamed": {"final version (2).ipynb": right},
        "other_case": {f"{PS1.upper()}.ipynb": right},
        "python": {f"{PS1}.py": b"def softmax(a): ..."},
        "pdf": {"ps1.pdf": b"%PDF-1.4"},
        "no_ids": {"my work.ipynb": nbformat.writes(stripped).encode()},
        "broken_zip": {"ps1.zip": zipped({usual: right})[:300]},
        "copy1": {usual: untouched, f"{PS1}-Copy1.ipynb": right},
        "browser": {usual: untouched, f"{PS1} (1).ipynb": right},
        "both": {usual: half, f"{PS1} (1).ipynb": right},
        "tie": {usual: right, f"{PS1}-Copy2.ipynb": wrong},
        "twice": {usual: right, f"{PS1} (1).ipynb": right, "spaced.ipynb": spaced},
        "scratch": {
            usual: right,
            "scratch.ipynb": nbformat.writes(nbformat.v4.new_notebook()).encode(),
        },
        "damaged_and_copy": {usual: right[:200], f"{PS1}-Copy1.ipynb": right},
        "checkpoint": {usual: right, f".ipynb_checkpoints/{PS1}-checkpoint.ipynb": untouched},
    }
    hand_in(room, students)
    folder_of(room, "empty")
    room.course.class_list.write_text("id;name\nnobody;Nobody Home\n", encoding="utf-8-sig")
    grade_all(room, workers)
    return room


@pytest.mark.parametrize(
    ("student", "graded"),
    [
        ("zipped", f"{PS1}.zip/{PS1}.ipynb"),
        ("zipped_with_folder", f"x.zip/ps1/{PS1}.ipynb"),
        ("nested", f"{PS1}/{PS1}.ipynb"),
        ("json", f"{PS1}.ipynb.json"),
        ("text", f"{PS1}.ipynb.txt"),
        ("renamed", "final version (2).ipynb"),
        ("other_case", f"{PS1.upper()}.ipynb"),
        ("damaged_and_copy", f"{PS1}-Copy1.ipynb"),
    ],
)
def test_one_notebook_is_graded_whatever_it_is_called(lost, student, graded):
    row = lost.rows()[student]
    assert (row["status"], row["score"]) == ("graded", "14")
    assert f"the notebook that was graded is {graded}, not {PS1}.ipynb" in row["notes"]
    assert "no longer there" not in row["notes"]
    assert graded in lost.autograded(student).cells[0].source.replace("\\", "")


@pytest.mark.parametrize(
    ("student", "there"),
    [
        ("python", f"a Python file ({PS1}.py)"),
        ("pdf", "a PDF (ps1.pdf)"),
        ("no_ids", "a notebook without this problem set's cells (my work.ipynb)"),
        ("broken_zip", "an archive (ps1.zip); ps1.zip is damaged"),
    ],
)
def test_what_is_there_instead_of_a_notebook_is_named(lost, student, there):
    row = lost.rows()[student]
    assert (row["status"], row["score"], row["needs_manual_grade"]) == ("missing", "", "True")
    assert there in row["notes"]
    assert "nothing was handed in" not in row["notes"]


@pytest.mark.parametrize("student", ["empty", "nobody"])
def test_who_handed_in_nothing_is_in_the_report(lost, student):
    row = lost.rows()[student]
    assert (row["status"], row["notes"]) == ("missing", "nothing was handed in")
    assert row["needs_manual_grade"] == "False"


@pytest.mark.parametrize(
    ("student", "score", "graded", "left"),
    [
        ("copy1", "14", f"{PS1}-Copy1.ipynb", f"{PS1}.ipynb with 0"),
        ("browser", "14", f"{PS1} (1).ipynb", f"{PS1}.ipynb with 0"),
        ("both", "14", f"{PS1} (1).ipynb", f"{PS1}.ipynb with 1"),
        ("tie", "2", f"{PS1}-Copy2.ipynb", f"{PS1}.ipynb with 2"),
    ],
)
def test_of_several_notebooks_the_one_with_most_work_is_graded(lost, student, score, graded, left):
    row = lost.rows()[student]
    assert (row["score"], row["needs_manual_grade"]) == (score, "True")
    assert f"{graded} was graded, for it has the" in row["notes"]
    assert f"left out: {left}" in row["notes"]


@pytest.mark.parametrize("student", ["twice", "scratch", "checkpoint"])
def test_a_copy_or_another_notebook_is_nobodys_concern(lost, student):
    row = lost.rows()[student]
    assert (row["score"], row["notes"]) == ("14", "")


def test_a_second_run_grades_nothing_and_one_notebook_less_settles_it(lost, workers):
    assert grade_all(lost, workers).graded == 0
    (folder_of(lost, "copy1") / f"{PS1}.ipynb").unlink()
    assert grade_all(lost, workers).graded == 1
    assert "several" not in lost.rows()["copy1"]["notes"]
    assert "notebooks of this problem set" not in lost.rows()["copy1"]["notes"]


# Times and names --------------------------------------------------------------------------------

THREE_DAYS_LATE = {
    "bom": b"\xef\xbb\xbf2026-12-03 18:00 UTC",
    "utf16": "2026-12-03 18:00:00 UTC\r\n".encode("utf-16"),
    "utf16be": b"\xfe\xff" + "2026-12-03 18:00 UTC".encode("utf-16-be"),
    "japanese": "2026年12月3日 18:00".encode(),
    "canvas": b"2026-12-03-18-00-00-000000",
    "nbgrader": b"2026-12-03 18:00:00.000000 UTC",
    "iso": b"2026-12-04T03:00:00+09:00",
    "seconds": b"1796320800",
    "moodle": b"Thursday, 3 December 2026, 6:00 PM",
    "latin": "3. Dezember 2026 18:00 ".encode("latin-1"),
}
NOT_UNDERSTOOD = {
    "german": b"03.12.2026 18:00",
    "slashes": b"03/12/2026",
    "empty": b"",
    "words": b"yesterday evening",
    "binary": b"\x80\x81\x00\xff" * 20,
}


@pytest.fixture(scope="module")
def timed(new_classroom, workers) -> Classroom:
    room = new_classroom()
    with (room.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write("\nc.LatePolicy.percent_per_day = 10\n")
    with Gradebook(room.course.db_url) as gradebook:
        gradebook.update_or_create_assignment(PS1, duedate="2026-11-30 18:00 UTC")
    for student, text in (THREE_DAYS_LATE | NOT_UNDERSTOOD).items():
        path = room.submit(student, {"identity_function": RIGHT["identity_function"]})
        (path.parent / "timestamp.txt").write_bytes(text)
    grade_all(room, workers)
    return room


@pytest.mark.parametrize("student", THREE_DAYS_LATE)
def test_a_time_in_any_encoding_and_sensible_format_is_read(timed, student):
    row = timed.rows()[student]
    assert float(row["score"]) == pytest.approx(1.4)
    assert "3.0 days late" in row["notes"]


@pytest.mark.parametrize("student", NOT_UNDERSTOOD)
def test_a_time_that_is_not_understood_is_told_and_a_person_is_asked(timed, student):
    row = timed.rows()[student]
    assert (row["score"], row["needs_manual_grade"]) == ("2", "True")
    assert "the time of submission is unknown" in row["notes"]
    assert ("could be two dates" in row["notes"]) == (student in ("german", "slashes"))


@pytest.mark.slow
def test_nbgraders_own_autograde_reads_the_same_times(timed):
    room = Classroom(timed.root)
    for student in ("utf16", "german"):
        said = nbgrader(room, "autograde", PS1, "--student", student, "--force")
        assert ("the time of submission is unknown" in said) == (student == "german")
    with Gradebook(room.course.db_url) as gradebook:
        assert gradebook.find_submission(PS1, "utf16").total_seconds_late == 3 * 86_400


def test_a_name_with_decomposed_letters_is_one_person(new_classroom, workers):
    room = new_classroom()
    name, decomposed = "Jörg Müller", unicodedata.normalize("NFD", "Jörg Müller")
    path = room.submit(decomposed, RIGHT)
    (path.parent / "timestamp.txt").write_text("2026-12-03 18:00 UTC", encoding="utf-8")
    with Gradebook(room.course.db_url) as gradebook:
        gradebook.update_or_create_assignment(PS1, duedate="2026-11-30 18:00 UTC")
    room.course.extensions.write_text(
        f"student;problem_set;new_deadline\n{decomposed};{PS1};2026-12-04\n", encoding="utf-16"
    )
    room.course.class_list.write_text(f"id,name\n{decomposed},x\n", encoding="utf-8")
    progress = grade_all(room, workers, students=[decomposed])
    assert not progress.notes
    assert {student: row["notes"] for student, row in room.rows().items()} == {name: ""}


def test_an_extension_for_somebody_who_has_not_handed_in_yet_is_not_a_mistake(
    new_classroom, workers
):
    room = new_classroom()
    room.submit("ada", RIGHT)
    room.course.class_list.write_text("id,name\nada,Ada\nben,Ben\n", encoding="utf-8")
    room.course.extensions.write_text(
        f"student,problem_set,new_deadline\nben,{PS1},2026-12-04\nbne,{PS1},2026-12-04\n",
        encoding="utf-8",
    )
    (note,) = grade_all(room, workers).notes
    assert "line 3: 'bne' is not in the gradebook" in note


def test_extensions_name_the_nearest_student_for_one_that_is_not_there(tmp_path):
    file = tmp_path / "extensions.csv"
    file.write_text("student;problem_set;new_deadline\nakiko;ps1;2026-12-01\n", encoding="utf-8")
    (note,) = lateness.strays(file, lateness.read_lines(file), {"akio", "ben"}, {"ps1"})
    assert "did you mean 'akio'?" in note


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_tables_of_other_programs_are_read(tmp_path, encoding, separator):
    text = f"ID{separator}Full  Name\r\n7{separator}Jörg\r\n\r\n"
    (tmp_path / "t.csv").write_bytes(text.encode(encoding))
    assert read_table(tmp_path / "t.csv") == (
        ["id", "full name"],
        [(2, {"id": "7", "full name": "Jörg"})],
    )
    assert decode(b"caf\xe9") == "café"


# The course changes -----------------------------------------------------------------------------


def change(room: Classroom, edit) -> None:
    """Edit the source notebook: `edit` is given its cells by grade id, and the notebook."""
    path = room.course.source(PS1)
    source = nbformat.read(path, as_version=4)
    edit(
        {c.metadata.nbgrader.grade_id: c for c in source.cells if "nbgrader" in c.metadata}, source
    )
    nbformat.write(source, path)


def change_cell(room: Classroom, name: str, edit) -> None:
    """Edit the text of one cell of the source notebook."""
    change(room, lambda cells, _: cells[name].update(source=edit(cells[name].source)))


def take_out(room: Classroom, name: str) -> None:
    change(room, lambda cells, source: source.cells.remove(cells[name]))


def new_test(cells, source) -> None:
    """Add a graded cell after the last test."""
    cell = nbformat.from_dict(cells["test_identity_function_visible"])
    added = nbformat.v4.new_code_cell(cell.source, metadata=json.loads(json.dumps(cell.metadata)))
    added.metadata.nbgrader.grade_id = "test_identity_function_again"
    added.metadata.nbgrader.points = 1
    source.cells.insert(source.cells.index(cells["written_answer"]), added)


@pytest.fixture
def changing(new_classroom, workers) -> Classroom:
    """Two are graded, one of them by hand, too."""
    room = new_classroom()
    room.submit("akiko", RIGHT | {"written_answer": "**a.** My answer."})
    room.submit("ben", RIGHT)
    grade_all(room, workers)
    with Gradebook(room.course.db_url) as gradebook:
        given = gradebook.find_grade("written_answer", PS1, PS1, "akiko")
        given.manual_score, given.needs_manual_grade = 4, False
        gradebook.find_comment("written_answer", PS1, PS1, "akiko").manual_comment = "Well done."
        gradebook.db.commit()
    return room


def by_hand(room: Classroom) -> tuple[float, str]:
    with Gradebook(room.course.db_url) as gradebook:
        return (
            gradebook.find_grade("written_answer", PS1, PS1, "akiko").manual_score,
            gradebook.find_comment("written_answer", PS1, PS1, "akiko").manual_comment,
        )


@pytest.mark.slow
@pytest.mark.parametrize("released", [False, True])
def test_a_word_of_a_visible_test_is_changed_and_no_student_is_blamed(changing, workers, released):
    before = changing.rows()
    change_cell(changing, "test_softmax_visible", "{}\n# one word more".format)
    change_cell(changing, "softmax", lambda text: text.replace("def ", "# a hint\ndef ", 1))
    if released:
        nbgrader(changing, "generate_assignment", PS1, "--force")
    progress = grade_all(changing, workers)
    assert progress.graded == 2
    assert any("has changed since it was graded" in note for note in progress.notes) != released
    after = changing.rows()
    assert {name: row["notes"] for name, row in after.items()} == {"akiko": "", "ben": ""}
    assert after["ben"] == before["ben"]
    assert by_hand(changing) == (4, "Well done.")
    assert grade_all(changing, workers).graded == 0


def test_what_a_student_changed_in_an_earlier_release_is_told(changing, workers):
    path = changing.submit("chloe", RIGHT)
    mine = nbformat.read(path, as_version=4)
    cell_of(mine.cells, "test_softmax_visible").source += "\nprint('mine')"
    nbformat.write(mine, path)
    grade_all(changing, workers)
    change_cell(changing, "setup", "{}\n#".format)
    grade_all(changing, workers)
    rows = changing.rows()
    assert "test_softmax_visible" in rows["chloe"]["notes"]
    assert "setup" not in rows["chloe"]["notes"]
    assert rows["ben"]["notes"] == ""


def test_an_untouched_cell_of_an_earlier_release_is_still_no_answer(changing, workers):
    changing.submit("dora", {})
    change_cell(changing, "softmax", "{}\n# more".format)
    grade_all(changing, workers)
    with Gradebook(changing.course.db_url) as gradebook:
        assert gradebook.find_comment("softmax", PS1, PS1, "dora").auto_comment == "No response."


def test_a_graded_cell_is_added_after_grading(changing, workers):
    released = changing.course.released(PS1).read_bytes()
    change(changing, new_test)
    progress = grade_all(changing, workers)
    assert progress.graded == 2
    said = " ".join(progress.notes)
    assert "test_identity_function_again is new" in said
    assert "generate_assignment" not in said
    assert changing.course.released(PS1).read_bytes() == released
    rows = changing.rows()
    assert rows["ben"]["test_identity_function_again"] == "1"
    assert (rows["ben"]["score"], rows["ben"]["max_score"]) == ("15", "19")
    assert rows["akiko"]["score"] == "19"
    assert {row["notes"] for row in rows.values()} == {""}
    assert by_hand(changing) == (4, "Well done.")
    assert list(changing.course.run_time.glob("gradebook-before-*.db"))
    again = grade_all(changing, workers)
    assert (again.graded, again.notes) == (0, [])


def test_a_graded_cell_is_taken_out_after_grading(changing, workers):
    change(changing, new_test)
    grade_all(changing, workers)
    take_out(changing, "test_identity_function_again")
    progress = grade_all(changing, workers)
    assert "test_identity_function_again is gone" in progress.notes[0]
    assert changing.rows()["ben"]["score"] == "14"
    assert changing.rows()["ben"]["notes"] == ""


def test_what_a_person_gave_points_for_is_not_taken_out(changing, workers):
    take_out(changing, "written_answer")
    for _ in range(2):
        progress = grade_all(changing, workers)
        (note,) = progress.notes
        assert "written_answer is no longer in" in note
        assert "still counts" in note
    assert by_hand(changing) == (4, "Well done.")
    assert changing.rows()["akiko"]["score"] == "18"


@pytest.mark.slow
@pytest.mark.parametrize("released", [False, True])
def test_points_lowered_below_a_score_by_hand_are_told(changing, workers, released):
    change(
        changing, lambda cells, source: cells["written_answer"].metadata.nbgrader.update(points=2)
    )
    if released:
        nbgrader(changing, "generate_assignment", PS1, "--force")
    progress = grade_all(changing, workers)
    if not released:
        assert "written_answer is worth 2 points instead of 4" in progress.notes[0]
    row = changing.rows()["akiko"]
    assert "written_answer: a person gave 4 points, but it is worth 2 now" in row["notes"]
    assert row["needs_manual_grade"] == "True"
    assert changing.rows()["ben"]["notes"] == ""


def test_an_earlier_release_is_remembered_by_its_hashes(changing):
    file = changing.course.reports / RELEASES_FILE
    (first,) = read_releases(file, PS1)
    change_cell(changing, "setup", lambda text: "import numpy as np  # new")
    with CourseGradebook(changing.course) as book:
        book.take_in(PS1)
    before, now = read_releases(file, PS1)
    assert before == first
    assert {name for name in now if now[name] != first[name]} == {"setup"}
    file.write_text("[]", encoding="utf-8")
    assert read_releases(file, PS1) == []


@pytest.mark.slow
def test_nbgraders_own_autograde_chooses_the_same_notebook(lost):
    room = Classroom(lost.root)
    rows = lost.rows()
    expected = {name: float(row["score"]) for name, row in rows.items() if row["score"]}
    said = nbgrader(room, "autograde", PS1, "--force")
    with Gradebook(room.course.db_url) as gradebook:
        found = {s.student_id: s.score for s in gradebook.assignment_submissions(PS1)}
    assert found == expected
    for name, row in rows.items():
        for note in row["notes"].split("; ") if row["status"] == "graded" else ():
            if "notebook" in note:
                assert f"{name}: {note}" in said
    assert f"there is no notebook of {PS1}, but a PDF (ps1.pdf)" in said


# Whatever editors, systems and students make of a file ------------------------------------------


def changed(content: bytes, change) -> bytes:
    """Return a notebook whose cells, as JSON has them, have been changed in place."""
    found = json.loads(content)
    change(found["cells"])
    return json.dumps(found).encode()


def cell_of(cells: list[dict], name: str) -> dict:
    return next(c for c in cells if c["metadata"].get("nbgrader", {}).get("grade_id") == name)


def text_cell(source: str) -> dict:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def code_cell(source: str) -> dict:
    return text_cell(source) | {"cell_type": "code", "outputs": [], "execution_count": None}


def without_metadata(cells: list[dict]) -> None:
    for cell in cells:
        cell["metadata"] = None


def in_fences(cells: list[dict]) -> None:
    cell = cell_of(cells, "softmax")
    source = "".join(cell["source"])
    cell |= {"cell_type": "markdown", "source": f"```python\n{source}\n```"}


def as_text(cells: list[dict]) -> None:
    cell_of(cells, "softmax").update(cell_type="markdown", metadata={})


@pytest.fixture(scope="module")
def odd(new_classroom, workers) -> Classroom:
    """A class whose right notebooks have been through editors, networks and archives."""
    room = new_classroom()
    for name in ("solutions", "assignments"):  # a second problem set
        shutil.copytree(ROOT / name / PS2, room.root / name / PS2)
    usual = f"{PS1}.ipynb"
    text = json.dumps(json.loads(notebook(room)))  # in ASCII
    right = text.encode()
    other = (room.root / "assignments" / PS2 / f"{PS2}.ipynb").read_bytes()
    students = {
        "utf16": {usual: text.encode("utf-16")},
        "utf16_without_mark": {usual: text.encode("utf-16-le")},
        "utf32": {usual: text.encode("utf-32")},
        "cp1252": {usual: text.replace('"cells"', '"ä": 1, "cells"', 1).encode("cp1252")},
        "cp932": {usual: text.replace('"cells"', '"日": 1, "cells"', 1).encode("cp932")},
        "zeros": {usual: right + bytes(512)},
        "zip_called_ipynb": {usual: zipped({usual: right})},
        "gzip_called_ipynb": {usual: gzip.compress(right)},
        "only_checkpoint": {f".ipynb_checkpoints/{PS1}-checkpoint.ipynb": right},
        "no_metadata": {
            usual: changed(right, without_metadata),
            f"{PS1} (1).ipynb": (room.root / "assignments" / PS1 / usual).read_bytes(),
        },
        "fences": {usual: changed(right, in_fences)},
        "as_text": {usual: changed(right, as_text)},
        "git": {usual: text.replace('"cells"', '\n<<<<<<< HEAD\n"cells"', 1).encode()},
        "web_page": {usual: b"\xef\xbb\xbf\n<!DOCTYPE html><html></html>"},
        "other_set": {usual: other},
        "document": {usual: right, "Task 3.docx": b"PK\x03\x04"},
        "photo": {usual: right, "scans/IMG_1.HEIC": b"ftypheic"},
        "data": {usual: right, "numbers.csv": b"1,2", "mine.py": b"x = 1"},
        "picture": {
            usual: changed(right, lambda cells: cells.append(text_cell("![](a.png)"))),
            "a.png": b"",
        },
        "printed": {
            usual: changed(right, lambda cells: cells.append(code_cell('print("a. is wrong")')))
        },
        "draft": {usual: right, "draft.ipynb": changed(right, without_tests)},
    }
    hand_in(room, students)
    loose = room.course.submitted / "loose" / usual
    loose.parent.mkdir()
    loose.write_bytes(right)
    capitals = room.course.submitted / "capitals" / PS1.upper() / usual
    capitals.parent.mkdir(parents=True)
    capitals.write_bytes(right)
    grade_all(room, workers)
    return room


def without_tests(cells: list[dict]) -> None:
    """Leave a draft: the student's functions, and nothing that tells a problem set."""
    cells[:] = [code_cell("".join(cell_of(cells, name)["source"])) for name in RIGHT]


@pytest.mark.parametrize(
    ("student", "note"),
    [
        ("zeros", ""),
        ("zip_called_ipynb", f"the notebook that was graded is {PS1}.ipynb/{PS1}.ipynb"),
        ("gzip_called_ipynb", f"the notebook that was graded is {PS1}.ipynb/{PS1}.ipynb"),
        ("only_checkpoint", "the notebook that was graded is .ipynb_checkpoints/"),
        ("no_metadata", f"{PS1}.ipynb was graded, for it has the most answers (2)"),
        ("fences", "cell `softmax` was a markdown cell"),
        ("as_text", "a markdown cell defines `softmax`; it was run as code"),
        ("loose", f"it lies beside the folder {PS1}"),
        ("capitals", f"it lies in a folder {PS1.upper()}"),
        ("draft", ""),
        ("data", ""),
        ("picture", "cell `written_answer` holds no answer; text in further cells"),
    ],
)
def test_right_work_has_its_points_whatever_became_of_the_file(odd, student, note):
    row = odd.rows()[student]
    assert (row["status"], row["score"]) == ("graded", "14"), row["notes"]
    assert note in row["notes"]
    assert bool(note) == bool(row["notes"])
    assert "no longer there" not in row["notes"]


@pytest.mark.parametrize(
    ("student", "note"),
    [
        ("document", "cell `written_answer` holds no answer; it may be in a file beside the"),
        ("photo", "it may be in a file beside the notebook: scans/IMG_1.HEIC"),
        ("printed", "cell `written_answer` holds no answer; text in further cells is shown there"),
    ],
)
def test_a_written_answer_elsewhere_is_shown_to_a_person(odd, student, note):
    row = odd.rows()[student]
    assert row["needs_manual_grade"] == "True"
    assert note in row["notes"]
    assert "No response." not in odd.feedback(student)


@pytest.mark.parametrize(
    ("student", "note"),
    [
        ("utf16", "it is not text in UTF-8, but in UTF-16, so not a notebook: save"),
        ("utf16_without_mark", "it is not text in UTF-8, but in UTF-16"),
        ("utf32", "it is not text in UTF-8, but in UTF-32"),
        ("cp1252", "it is not text in UTF-8, so not a notebook: save it in UTF-8"),
        ("cp932", "it is not text in UTF-8, so not a notebook: save it in UTF-8"),
        ("git", "it holds the marks of a merge that git could not finish"),
        ("web_page", "it is a web page, not a notebook"),
        ("other_set", f"{PS1}.ipynb has the cells of another problem set"),
    ],
)
def test_what_no_points_can_be_given_for_is_explained(odd, student, note):
    row = odd.rows()[student]
    assert row["status"] == ("graded" if student == "other_set" else "unreadable")
    assert row["needs_manual_grade"] == "True"
    assert note in row["notes"]


@pytest.mark.parametrize("student", ["zeros", "fences", "as_text", "document", "printed", "data"])
def test_check_reads_it_as_grade_does(odd, student):
    folder = folder_of(odd, student)
    found = check_process.check_notebook(
        (folder / f"{PS1}.ipynb").read_bytes(),
        PS1,
        extra_files.files_beside(folder),
        lambda plots: ("none", functools.partial(unsandboxed.judge, plots=plots)),
    )
    row = odd.rows()[student]
    for test in found["tests"]:
        assert test["points"] == float(row[test["name"]])
    assert "; ".join(note for note in found["notes"] if "rename" not in note) == row["notes"]


def test_a_file_that_needs_no_look_asks_nobody(odd):
    assert odd.rows()["data"]["needs_manual_grade"] == "False"
    assert odd.rows()["draft"]["needs_manual_grade"] == "False"
