"""A run that ends at any moment loses no recorded grade; the next run finishes the rest."""

import contextlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Base, Gradebook, get_alembic_version
from sqlalchemy import create_engine
from sqlalchemy.engine import make_url

from tests.classroom import PS1, RIGHT, Classroom
from tests.processes import comes_true, gone, survivors
from utils.grading.course import gradebook_access
from utils.grading.course.gradebook import CourseGradebook, Entry
from utils.grading.course.settings import CourseError
from utils.grading.notebook.result import GradingResult
from utils.grading.run import temporary_files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Dask's and SQLAlchemy's own affairs
]

STUDENTS = [f"student{number}" for number in range(12)]
CLAIMS = RIGHT | {"written_answer": "**a.** The other way round."}


def make(room: Classroom) -> None:
    """Hand in a class's work, and let a person grade one of them."""
    for number, name in enumerate(STUDENTS):
        wrong = {"softmax": f"def softmax(a):\n    return a * 0 + {number}\n"}
        room.submit(name, CLAIMS | (wrong if number % 3 else {}))
    room.submit("damaged", b"{")


def grades(room: Classroom) -> dict[str, list]:
    """Return all that the gradebook says about the class."""
    with Gradebook(room.course.db_url) as gradebook:
        return {
            submission.student_id: sorted(
                (grade.name, grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                for notebook in submission.notebooks
                for grade in notebook.grades
            )
            for submission in gradebook.assignment_submissions(PS1)
        }


def sound(room: Classroom) -> set[str]:
    """Check that whatever is recorded is whole, and return the students who are."""
    recorded = set()
    for name, marks in grades(room).items():
        path = room.course.notebook("autograded", name, PS1)
        pending = path.with_name(f".{PS1}.pending")
        assert path.exists() or pending.exists(), f"{name} has grades but no notebook"
        nbformat.read(path if path.exists() else pending, as_version=4)
        assert len(marks) == 5
        recorded.add(name)
    return recorded


@pytest.fixture(scope="module")
def expected(new_classroom, workers) -> dict[str, list]:
    """What an undisturbed run records."""
    room = new_classroom()
    room.workers = workers
    make(room)
    room.regrade()
    return grades(room)


def test_killed_at_random_points_and_run_again(classroom, workers, expected, monkeypatch):
    make(classroom)
    draw = random.Random(35)
    recorded: set[str] = set()
    autograded = classroom.root / "grading" / "autograded"
    for attempt in range(4):
        mark = f"KILLED_RUN={os.getpid()}-{attempt}"
        monkeypatch.setenv(*mark.split("="))
        process = classroom.start("grade", PS1, "--quiet", *classroom.options)
        # wait for the first trace of new work, then a little longer: in the middle of something
        seen = len(list(autograded.rglob("*.ipynb")))
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            if len(list(autograded.rglob(f".{PS1}.*"))) or (
                len(list(autograded.rglob("*.ipynb"))) > seen
            ):
                time.sleep(draw.uniform(0, 0.3))
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert gone(mark), f"left behind: {survivors(mark)}"
        now = sound(classroom)
        assert recorded <= now, "a recorded grade is lost"
        recorded = now
        for name in recorded:
            assert grades(classroom)[name] == expected[name]
    monkeypatch.delenv("KILLED_RUN")
    classroom.workers = workers
    progress = classroom.regrade()
    assert grades(classroom) == expected
    assert progress.graded + progress.unreadable + progress.unchanged == len(STUDENTS) + 1
    assert not list((classroom.root / "grading").rglob(".*.p*"))
    assert len(classroom.rows()) == len(STUDENTS) + 1


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_stopped_politely(classroom, workers, expected, monkeypatch, number, status):
    make(classroom)
    mark = f"STOPPED_RUN={os.getpid()}-{number}"
    monkeypatch.setenv(*mark.split("="))
    process = classroom.start("grade", PS1, *classroom.options)
    autograded = classroom.root / "grading" / "autograded"
    comes_true(lambda: list(autograded.rglob("*.ipynb")))
    for _ in range(4):  # nobody's patience is endless
        if process.poll() is None:
            os.killpg(process.pid, number)  # as a terminal does: the workers get it, too
        time.sleep(0.2)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, out + err
    assert "goes on from here" in err
    assert "Traceback" not in out + err
    assert gone(mark), f"left behind: {survivors(mark)}"
    assert sound(classroom)
    classroom.workers = workers
    assert classroom.regrade().unchanged > 0
    assert grades(classroom) == expected


def test_a_run_killed_while_the_gradebook_is_made_can_be_upgraded_by_nbgrader(classroom):
    database = Path(make_url(classroom.course.db_url).database)
    database.unlink()
    Base.metadata.create_all(create_engine(f"sqlite:///{database}"))  # nbgrader's first step
    with CourseGradebook(classroom.course):
        pass
    with closing(sqlite3.connect(database)) as connection:
        ((version,),) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    assert version == get_alembic_version()


def test_ctrl_c_while_the_gradebook_is_made(classroom):
    classroom.submit("akiko", RIGHT)
    database = Path(make_url(classroom.course.db_url).database)
    database.unlink()
    process = classroom.start("grade", PS1, *classroom.options)
    comes_true(database.exists, every=0.001)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    assert "Traceback" not in out + err
    with CourseGradebook(classroom.course) as book:
        assert not book.has(PS1)


def test_a_notebook_is_on_the_disk_before_its_grade_is_recorded(classroom, workers, monkeypatch):
    for name in ("akiko", "ben"):
        classroom.submit(name, RIGHT)
    classroom.workers = workers
    settled: set[tuple[int, int]] = set()
    sync, record = os.fsync, CourseGradebook.record

    def noted_sync(file: int) -> None:
        sync(file)
        about = os.fstat(file)
        settled.add((about.st_dev, about.st_ino))

    def checked_record(book: CourseGradebook, problem_set: str, entries, extensions):
        for entry in entries:
            folder = classroom.course.folder("autograded", entry.student, PS1)
            for path in (folder / f".{PS1}.pending", folder, folder.parent):
                about = path.stat()
                assert (about.st_dev, about.st_ino) in settled, f"{path} may be lost"
        return record(book, problem_set, entries, extensions)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(CourseGradebook, "record", checked_record)
    assert classroom.regrade().graded == 2


def test_sqlite_waits_for_the_disk(classroom, workers):
    classroom.submit("akiko", RIGHT)
    classroom.workers = workers
    classroom.regrade()
    with CourseGradebook(classroom.course) as book, book.db.bind.connect() as connection:
        full = 2
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() >= full


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name leaves room for those of sockets."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_the_next_run_removes_what_a_killed_one_left(classroom, short_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(short_path))
    mark = f"LEFT_RUN={os.getpid()}"
    monkeypatch.setenv(*mark.split("="))
    make(classroom)
    process = classroom.start("grade", PS1, "--quiet", *classroom.options)
    comes_true(lambda: list(short_path.glob("grading-*/*")))
    process.kill()
    process.communicate()
    assert gone(mark)
    assert list(short_path.iterdir()), "a killed run leaves its folder"
    for folder in short_path.iterdir():
        os.utime(folder, (0, 0))
    classroom.grade("--quiet")
    assert not list(short_path.iterdir())


def test_the_temporary_folder_may_have_a_long_name(classroom, tmp_path, monkeypatch):
    long = tmp_path / ("long" * 20)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    classroom.submit("akiko", RIGHT)
    classroom.grade("--quiet")


def test_folders_in_use_and_new_ones_are_left_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(temporary_files, "_where", lambda: str(tmp_path))
    for name in ("grading-old", "grading-used", "grading-new", "others-old"):
        (tmp_path / name).mkdir()
        if not name.endswith("new"):
            os.utime(tmp_path / name, (0, 0))
    lock = temporary_files._lock(tmp_path / "grading-used")
    temporary_files.remove_left()
    os.close(lock)
    assert {path.name for path in tmp_path.iterdir()} == {
        "grading-used", "grading-new", "others-old",
    }  # fmt: skip


HOLD = (
    "import sqlite3, sys\n"
    "held = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
    "held.execute('BEGIN IMMEDIATE')\n"
    "print('held', flush=True)\n"
    "sys.stdin.readline()\n"
    "held.execute('COMMIT')\n"
)


@contextlib.contextmanager
def locked(classroom: Classroom) -> Iterator[subprocess.Popen]:
    """Let another program lock the gradebook until it is told a line."""
    database = make_url(classroom.course.db_url).database
    command = [sys.executable, "-c", HOLD, database, "somebody's program"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def held(classroom) -> Iterator[subprocess.Popen]:
    """Another program that has locked the gradebook."""
    with locked(classroom) as process:
        yield process


def test_a_locked_gradebook_is_told_at_once_and_waited_for(classroom, held):
    classroom.submit("ann", RIGHT)
    process = classroom.start("grade", PS1, *classroom.options)
    line = process.stderr.readline()  # comes while the gradebook is locked
    assert "gradebook.db is in use by another program; waiting for it" in line
    held.stdin.write(b"\n")
    held.stdin.flush()
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert classroom.rows()["ann"]["score"] == "14"


def test_a_gradebook_that_stays_locked_gets_one_sentence(classroom, held, monkeypatch, capsys):
    monkeypatch.setattr(gradebook_access, "LOCKED_SECONDS", 0.3)
    with pytest.raises(CourseError, match="in use by .*run the same command"):
        CourseGradebook(classroom.course)
    assert capsys.readouterr().err.count("\n") == 1


def test_a_gradebook_locked_in_the_middle_of_a_run_is_told(classroom, monkeypatch, capsys):
    monkeypatch.setattr(gradebook_access, "LOCKED_SECONDS", 0.3)
    with CourseGradebook(classroom.course) as book:
        book.take_in(PS1)
        with (
            locked(classroom),
            pytest.raises(CourseError, match="what is graded is recorded"),
        ):
            book.record(PS1, [Entry("ann", GradingResult())], {})
        assert "in use by another program; waiting for it" in capsys.readouterr().err
        assert book.record(PS1, [Entry("ann", GradingResult())], {}).keys() == {"ann"}
