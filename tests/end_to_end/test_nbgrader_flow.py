"""nbgrader's own flow from end to end, by its commands and in its formgrader.

generate, release, fetch, submit, collect, autograde, grade by hand in a real browser, feedback,
release and fetch feedback, export; and zip files as a learning-management system hands them out.
"""

import csv
import getpass
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests import processes
from tests.classroom import PS1, QUICK, RIGHT, ROOT, Classroom
from tests.formgrader import PATIENCE, formgrader
from utils.grading.simulated_class import Student, write_submission

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # nbgrader's and SQLAlchemy's own affairs
]

CHEAT = {
    "identity_function": "np.testing.assert_allclose = lambda *a, **k: None\n"
    + RIGHT["identity_function"],
    "softmax": "def softmax(a):\n    return a\n",
    "written_answer": "**a.** The other way round.",
}
SITE = """
c.CourseDirectory.course_id = "numpy101"
c.Exchange.root = {exchange!r}
c.Exchange.path_includes_course = False
"""


def nbgrader(folder: Path, *arguments: str) -> str:
    """Run one of nbgrader's commands in a folder and return what it said."""
    status, said = processes.nbgrader(folder, *arguments, seconds=240)
    assert status == 0, f"nbgrader {' '.join(arguments)}\n{said}"
    return said


@pytest.fixture(scope="module")
def handed_in(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site where one student has fetched the problem set, filled it in and submitted it.

    In it are the folders `staff`, `student` and `exchange`.
    """
    site = tmp_path_factory.mktemp("site")
    staff, student, exchange = (site / name for name in ("staff", "student", "exchange"))
    exchange.mkdir()
    exchange.chmod(0o777)
    shutil.copytree(ROOT / "solutions" / PS1, staff / "solutions" / PS1)
    (staff / "assignments").mkdir()
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    settings = SITE.format(exchange=str(exchange))
    (staff / "nbgrader_config.py").write_text(config + QUICK + settings, encoding="utf-8")
    student.mkdir()
    (student / "nbgrader_config.py").write_text("c = get_config()\n" + settings, encoding="utf-8")

    nbgrader(staff, "generate_assignment", PS1)
    nbgrader(staff, "release_assignment", PS1)
    nbgrader(student, "fetch_assignment", PS1)
    notebook = student / PS1 / f"{PS1}.ipynb"
    write_submission(Student(getpass.getuser(), "", CHEAT), notebook, notebook)
    nbgrader(student, "submit", PS1)
    nbgrader(staff, "collect", PS1)
    return site


@pytest.fixture
def staff(handed_in: Path, tmp_path: Path) -> Path:
    """The course folder of a site of its own, with `student` and `exchange` beside it."""
    site = shutil.copytree(handed_in, tmp_path / "site")
    for config in site.glob("*/nbgrader_config.py"):
        text = config.read_text(encoding="utf-8")
        config.write_text(text.replace(str(handed_in), str(site)), encoding="utf-8")
    return site / "staff"


def feedback_of(staff: Path) -> str:
    """Release the feedback, have the student fetch it and return the page."""
    student = staff.with_name("student")
    nbgrader(staff, "release_feedback", PS1)
    nbgrader(student, "fetch_feedback", PS1)
    (page,) = (student / PS1 / "feedback").rglob("*.html")
    return page.read_text(encoding="utf-8")


def test_from_release_to_export(staff: Path, browser):
    name = getpass.getuser()
    submitted = staff / "grading" / "submitted" / name / PS1
    assert (submitted / "timestamp.txt").is_file()
    nbgrader(staff, "autograde", PS1)
    with Gradebook(f"sqlite:///{staff}/grading/gradebook.db") as gradebook:
        submission = gradebook.find_submission(PS1, name)
        automatic = submission.score
        assert submission.needs_manual_grade
    assert 2 <= automatic < 6  # the judge is not deceived

    grade_by_hand(browser, staff, name, points="3.5", comment="Say why, too.")

    nbgrader(staff, "generate_feedback", PS1)
    text = feedback_of(staff)
    assert "Say why, too." in text
    assert f"{automatic + 3.5}" in text
    assert "&lt;th" not in text  # the tables of checks are tables
    assert "<caption>" in text
    assert "rows of very different scale" in text  # a hidden check by its name ...
    assert "scales = np.array([[900" not in text  # ... without its source
    assert "BEGIN HIDDEN TESTS" not in text

    nbgrader(staff, "export")
    with (staff / "grading" / "grades.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert float(row["score"]) == automatic + 3.5

    # and the course's own report on what nbgrader's commands did
    room = Classroom(staff)
    room.run("report", PS1)
    assert float(room.rows()[name]["score"]) == automatic + 3.5
    assert room.rows()[name]["needs_manual_grade"] == "False"


def test_feedback_can_be_released_right_after_grade(staff: Path, options):
    room = Classroom(staff, options)
    room.grade()
    assert feedback_of(staff) == room.feedback(getpass.getuser())


def grade_by_hand(browser, staff: Path, name: str, points: str, comment: str) -> None:
    """Grade the written answer in the formgrader, as a person does in a browser."""
    from playwright.sync_api import expect

    with formgrader(browser, staff, f"gradebook/{PS1}/{PS1}") as page:
        page.get_by_role("link", name="Submission #1").click()
        score = page.locator("input#written_answer")
        hidden = page.locator("input#test_softmax_hidden")
        expect(hidden).to_have_count(1, timeout=PATIENCE * 1000)
        assert page.locator("table caption").count() >= 4  # the tables of checks
        assert not [tag for tag in ("<p>", "<th", "<td", "<br>") if tag in page.inner_text("body")]
        # What is typed before the page has the grades and listens is lost.
        page.wait_for_function(
            "() => window.formgrader?.grades?.loaded && window.formgrader.comments?.loaded"
        )
        with page.expect_response(lambda r: "/api/grade/" in r.url and r.request.method == "PUT"):
            score.fill(points)
            score.press("Tab")
        field = page.locator("textarea#written_answer-comment")
        with page.expect_response(lambda r: "/api/comment/" in r.url and r.request.method == "PUT"):
            field.fill(comment)
            field.press("Tab")
    with Gradebook(f"sqlite:///{staff}/grading/gradebook.db") as gradebook:
        grade = gradebook.find_grade("written_answer", PS1, PS1, name)
        assert (grade.manual_score, grade.needs_manual_grade) == (float(points), False)


def notebooks(folder: Path) -> bytes:
    """Return a filled-in notebook's bytes."""
    released = ROOT / "assignments" / PS1 / f"{PS1}.ipynb"
    path = folder / "filled.ipynb"
    write_submission(Student("", "", RIGHT), released, path)
    return path.read_bytes()


def example_of_the_readme() -> str:
    """Return the commands that the README shows for a zip file."""
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("    nbgrader zip_collect"))
    commands = [line.strip() for line in lines[at - 2 : at + 1] if line.startswith("    ")]
    assert len(commands) == 3
    return "\n".join(commands)


def download(folder: Path, files: dict[str, bytes]) -> None:
    """Put a zip file where a browser would."""
    (folder / "Downloads").mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "Downloads" / "submissions.zip", "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)


def follow_the_readme(room: Classroom, home: Path, *options: str) -> str:
    """Run the README's commands for a zip file and return what they said."""
    commands = " ".join([example_of_the_readme(), *options])
    result = subprocess.run(
        ["bash", "-euc", commands],
        cwd=room.root,
        env={**os.environ, "HOME": str(home)},
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def imported(room: Classroom, system: str) -> list[dict[str, str]]:
    """Return the lines of the file that a system imports."""
    room.run("report", PS1, "--format", system)
    path = room.course.reports / f"{PS1}_{system}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("system", "files", "students", "column", "numbers"),
    [
        (
            "canvas",
            [
                f"doejohn_12345_67890_{PS1}.ipynb",
                f"doejohn_12346_67891_{PS1}.ipynb",
                f"suzukihana_LATE_222_333_{PS1}-1.ipynb",
                "readme_1_2_notes.txt",
            ],
            {"doejohn_canvas12345", "doejohn_canvas12346", "suzukihana_canvas222"},
            "ID",
            ["12345", "12346", "222"],
        ),
        (
            "moodle",
            [
                f"Doe, Jr._1234567_assignsubmission_file/{PS1}.ipynb",
                f"Doe, Jr._1234568_assignsubmission_file_/{PS1}.ipynb",
                f"鈴木 花_7654321_assignsubmission_file_{PS1}.ipynb",
            ],
            {"Doe, Jr._moodle1234567", "Doe, Jr._moodle1234568", "鈴木 花_moodle7654321"},
            "Identifier",
            ["Participant 1234567", "Participant 1234568", "Participant 7654321"],
        ),
    ],
)
def test_zip_files_of_a_learning_management_system_there_and_back(
    new_classroom, workers, tmp_path, system, files, students, column, numbers
):
    room = new_classroom()
    content = notebooks(tmp_path)
    download(tmp_path, {name: content if name[-6:] == ".ipynb" else b"notes" for name in files})
    said = follow_the_readme(room, tmp_path)
    assert set(room.course.students()) == students
    assert ("suzukihana_canvas222: late, says Canvas" in said) == (system == "canvas")
    assert not list(room.course.submitted.rglob("timestamp.txt"))
    room.workers = workers
    assert room.regrade().graded == 3
    told = room.rows()
    assert {told[name]["score"] for name in students} == {"14"}
    if system == "canvas":  # who handed in no notebook is in the report all the same
        assert "a text (notes.txt)" in told.pop("readme_canvas1")["notes"]
    assert told.keys() == students
    rows = imported(room, system)
    score = "Grade" if system == "moodle" else PS1
    graded = [row for row in rows if row[column] and row[score]]
    assert [(row[column], row[score]) for row in graded] == [(number, "14") for number in numbers]


def test_names_in_a_zip_file_that_a_student_chose_are_nobodys(new_classroom, tmp_path):
    """The names that a system gives go first, whatever is in a student's own files."""
    room = new_classroom()
    folder = "Thief_777_assignsubmission_file"
    stolen, inner = f"victim_12345_99_{PS1}.ipynb", tmp_path / "inner.zip"
    with zipfile.ZipFile(inner, "w") as bundle:
        bundle.writestr(stolen, b"in a zip file of one's own")
    download(
        tmp_path,
        {
            f"victim_12345_10_{PS1}.ipynb": b"first",
            f"victim_12345_11_{PS1}-1.ipynb": b"second",
            f"thief_666_50_{stolen}": b"by its name",
            "thief_666_51_work.zip": inner.read_bytes(),
            f"{folder}/{stolen}": b"in a folder",
            f"{folder}/deeper/Victim_888_assignsubmission_file_{PS1}.ipynb": b"deeper",
        },
    )
    submissions = tmp_path / "Downloads" / "submissions.zip"
    submissions.rename(submissions.with_name("CS_101_2_2026.zip"))
    archive = room.root / "grading" / "downloaded" / PS1 / "archive"
    archive.mkdir(parents=True)
    shutil.move(submissions.with_name("CS_101_2_2026.zip"), archive)
    nbgrader(room.root, "zip_collect", PS1)
    assert set(room.course.students()) == {
        "victim_canvas12345",
        "thief_canvas666",
        "Thief_moodle777",
    }
    taken = room.course.notebook("submitted", "victim_canvas12345", PS1)
    assert taken.read_bytes() == b"second"
    assert [path.name for path in taken.parent.iterdir()] == [taken.name]


def test_a_second_zip_file_takes_the_place_of_the_first_with_force(new_classroom, tmp_path):
    room = new_classroom()
    download(tmp_path, {f"doejohn_1_2_{PS1}.ipynb": b"first", f"ada_3_4_{PS1}.ipynb": b"hers"})
    follow_the_readme(room, tmp_path)
    download(tmp_path, {f"doejohn_1_5_{PS1}-1.ipynb": b"second"})
    follow_the_readme(room, tmp_path, "--force")
    content = {
        name: room.course.notebook("submitted", name, PS1).read_bytes()
        for name in room.course.students()
    }
    assert content == {"doejohn_canvas1": b"second", "ada_canvas3": b"hers"}


def test_a_site_may_have_names_of_its_own(new_classroom, tmp_path):
    room = new_classroom()
    with (room.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(
            "c.FileNameCollectorPlugin.named_regexp = (\n"
            r"    r'.*/(?P<student_id>\w+)-(?P<timestamp>[\d-]+)-(?P<file_id>\w+)\.ipynb'"
            "\n)\n"
        )
    archive = room.root / "grading" / "downloaded" / PS1 / "archive"
    archive.mkdir(parents=True)
    (archive / f"ben-2026-12-02-{PS1}.ipynb").write_bytes(b"newer")
    (archive / f"ben-2026-12-01-{PS1}.ipynb").write_bytes(b"older")
    nbgrader(room.root, "zip_collect", PS1)
    taken = room.course.notebook("submitted", "ben", PS1)
    assert taken.read_bytes() == b"newer"
    assert "2026-12-02" in (taken.parent / "timestamp.txt").read_text(encoding="utf-8")


def test_plain_autograde_and_grade_give_the_same_scores(new_classroom, workers, tmp_path):
    answers = {
        "right": RIGHT, "cheat": CHEAT, "half": {"softmax": RIGHT["softmax"]},
        "batch": {"softmax": "def softmax(a):\n    return np.exp(a) / np.exp(a).sum()\n"},
    }  # fmt: skip
    scores = []
    for by_nbgrader in (True, False):
        room = new_classroom()
        room.workers = workers
        for name, sources in answers.items():
            room.submit(name, sources)
        if by_nbgrader:
            nbgrader(room.root, "autograde", PS1)
        else:
            room.regrade()
        with Gradebook(room.course.db_url) as gradebook:
            scores.append({})
            for submission in gradebook.assignment_submissions(PS1):
                for grade in submission.notebooks[0].grades:
                    result = grade.auto_score, grade.needs_manual_grade
                    scores[-1][submission.student_id, grade.name] = result
            comments = {
                c.auto_comment for c in gradebook.notebook_submissions(PS1, PS1)[0].comments
            }
            assert comments <= {None, "No response."}
        notebook = room.autograded("batch")
        nbformat.validate(notebook)
    assert scores[0] == scores[1]
