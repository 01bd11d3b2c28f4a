"""nbgrader's own flow from end to end, by its commands and in its formgrader.

generate, release, fetch, submit, collect, autograde, grade by hand in a real browser, feedback,
release and fetch feedback, export; and zip files as a learning-management system hands them out.
"""

import csv
import getpass
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.formgrader import PATIENCE, formgrader
from tests.runner.conftest import PS1, QUICK, RIGHT, ROOT, Classroom
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
    result = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        timeout=240,
    )
    said = result.stdout + result.stderr
    assert result.returncode == 0, f"nbgrader {' '.join(arguments)}\n{said}"
    return said


@pytest.fixture
def staff(tmp_path: Path) -> Path:
    """A course folder on a site with an exchange."""
    exchange = tmp_path / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    folder = tmp_path / "staff"
    for name in ("solutions", "assignments"):
        (folder / name).mkdir(parents=True)
    shutil.copytree(ROOT / "solutions" / PS1, folder / "solutions" / PS1)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    site = SITE.format(exchange=str(exchange))
    (folder / "nbgrader_config.py").write_text(config + QUICK + site, encoding="utf-8")
    student = tmp_path / "student"
    student.mkdir()
    (student / "nbgrader_config.py").write_text("c = get_config()\n" + site, encoding="utf-8")
    return folder


def test_from_release_to_export(staff: Path, tmp_path: Path, browser):
    student, name = tmp_path / "student", getpass.getuser()
    nbgrader(staff, "generate_assignment", PS1)
    nbgrader(staff, "release_assignment", PS1)
    nbgrader(student, "fetch_assignment", PS1)
    notebook = student / PS1 / f"{PS1}.ipynb"
    write_submission(Student(name, "", CHEAT), notebook, notebook)
    nbgrader(student, "submit", PS1)
    nbgrader(staff, "collect", PS1)
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
    nbgrader(staff, "release_feedback", PS1)
    nbgrader(student, "fetch_feedback", PS1)
    (page,) = (student / PS1 / "feedback").rglob("*.html")
    text = page.read_text(encoding="utf-8")
    assert "Say why, too." in text
    assert f"{automatic + 3.5}" in text
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


def grade_by_hand(browser, staff: Path, name: str, points: str, comment: str) -> None:
    """Grade the written answer in the formgrader, as a person does in a browser."""
    from playwright.sync_api import expect

    with formgrader(browser, staff, f"gradebook/{PS1}/{PS1}") as page:
        page.get_by_role("link", name="Submission #1").click()
        score = page.locator("input#written_answer")
        hidden = page.locator("input#test_softmax_hidden")
        expect(hidden).to_have_count(1, timeout=PATIENCE * 1000)
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


@pytest.mark.parametrize(
    ("system", "files", "students"),
    [
        (
            "Canvas",
            [
                f"doejohn_12345_67890_{PS1}.ipynb",
                f"suzukihana_LATE_222_333_{PS1}-1.ipynb",
                "readme_1_2_notes.txt",
            ],
            {"doejohn", "suzukihana"},
        ),
        (
            "Moodle",
            [
                f"Doe, Jr._1234567_assignsubmission_file/{PS1}.ipynb",
                f"鈴木 花_7654321_assignsubmission_file/{PS1}.ipynb",
            ],
            {"Doe, Jr.", "鈴木 花"},
        ),
    ],
)
def test_zip_files_of_a_learning_management_system(
    new_classroom, client, tmp_path, system, files, students
):
    room = new_classroom()
    content = notebooks(tmp_path)
    (tmp_path / "Downloads").mkdir()
    with zipfile.ZipFile(tmp_path / "Downloads" / "submissions.zip", "w") as bundle:
        for file in files:
            bundle.writestr(file, content if file.endswith(".ipynb") else b"notes")
    subprocess.run(
        ["bash", "-euc", example_of_the_readme()],
        cwd=room.root,
        env={**os.environ, "HOME": str(tmp_path)},
        check=True,
        timeout=240,
    )
    assert set(room.course.students()) == students
    room.client = client
    assert room.regrade().graded == 2
    assert {row["score"] for row in room.rows().values()} == {"14"}


def test_plain_autograde_and_grade_give_the_same_scores(new_classroom, client, tmp_path):
    answers = {
        "right": RIGHT, "cheat": CHEAT, "half": {"softmax": RIGHT["softmax"]},
        "batch": {"softmax": "def softmax(a):\n    return np.exp(a) / np.exp(a).sum()\n"},
    }  # fmt: skip
    scores = []
    for by_nbgrader in (True, False):
        room = new_classroom()
        room.client = client
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
