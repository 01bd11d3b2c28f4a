"""Opening the gradebook, and what is said while another program keeps it locked."""

import contextlib
import sqlite3
from types import SimpleNamespace

import pytest

from utils.grading.course import gradebook_access
from utils.grading.course.settings import CourseError, find_course

pytestmark = pytest.mark.filterwarnings("ignore")  # SQLAlchemy's own affair


@pytest.fixture
def locked(tmp_path):
    """A gradebook's file that another connection has locked."""
    path = tmp_path / "gradebook.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield path


def test_a_gradebook_that_a_killed_run_has_left_gets_its_version_once(tmp_path, monkeypatch):
    monkeypatch.setattr(gradebook_access, "get_alembic_version", lambda: "abc")
    course, path = find_course(tmp_path), tmp_path / "grading" / "gradebook.db"
    with contextlib.closing(sqlite3.connect(path)) as left:
        left.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    for _ in range(2):
        book, found = gradebook_access.opened(course)
        assert (book.assignments, found) == ([], path)
        book.close()
    with contextlib.closing(sqlite3.connect(path)) as made:
        assert made.execute("SELECT version_num FROM alembic_version").fetchall() == [("abc",)]


def test_a_file_that_is_no_gradebook_gets_a_sentence_without_its_password(tmp_path):
    (tmp_path / "grading").mkdir()
    (tmp_path / "grading" / "gradebook.db").write_bytes(b"no database" * 99)
    with pytest.raises(CourseError, match="^the gradebook sqlite:///.* cannot be opened: "):
        gradebook_access.opened(find_course(tmp_path))
    course = find_course(tmp_path, "mysql+nosuch://me:secret@host/book")
    with pytest.raises(Exception, match="nosuch") as refused:
        gradebook_access.opened(course)
    assert "secret" not in str(refused.value)


def test_a_lock_is_waited_for_and_told(locked, monkeypatch, capsys):
    monkeypatch.setattr(gradebook_access, "LOCKED_SECONDS", -1)
    with pytest.raises(CourseError, match="is in use by .*, still after -1 seconds. Close that"):
        gradebook_access.wait_until_free(locked)
    assert f"the gradebook {locked} is in use by " in capsys.readouterr().err


def test_a_file_that_nobody_holds_is_free(tmp_path, capsys):
    (tmp_path / "a").touch()
    gradebook_access.wait_until_free(tmp_path / "a")
    gradebook_access.wait_until_free(tmp_path / "none")
    assert capsys.readouterr().err == ""


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path):
    course = find_course(tmp_path)
    course.run_time.rmdir()  # it is made
    refused = pytest.raises(CourseError, match=f"another run is grading in {course.run_time}; wait")
    with gradebook_access.only_one(course), refused, gradebook_access.only_one(course):
        pass
    (tmp_path / "other").mkdir()
    other = find_course(tmp_path / "other")
    with gradebook_access.only_one(course), gradebook_access.only_one(other):
        pass


@pytest.mark.parametrize(
    ("code", "raises"), [(5, True), (6, True), (5 | 2 << 8, True), (1, False), (None, False)]
)
def test_only_a_lock_is_called_one(tmp_path, code, raises):
    error = RuntimeError()
    error.orig = SimpleNamespace(sqlite_errorcode=code) if code else None
    gradebook_access.raise_if_locked(error, None)
    with pytest.raises(CourseError, match="still after") if raises else contextlib.nullcontext():
        gradebook_access.raise_if_locked(error, tmp_path / "a")
