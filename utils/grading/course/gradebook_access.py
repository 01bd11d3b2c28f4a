"""Open the gradebook, and wait while another program has it locked."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from nbgrader.api import Assignment, Gradebook, get_alembic_version
from sqlalchemy import create_engine, select, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SAWarning, SQLAlchemyError
from sqlalchemy.orm import Session

from utils.grading.course.settings import Course, CourseError
from utils.grading.terminal import clean
from utils.system import try_lock

ADVISORY_LOCK = 0x6E626772  # key of PostgreSQL's lock while the tables are created
LOCKED_SECONDS = 60  # to wait for another program that writes to the same SQLite file


@contextlib.contextmanager
def only_one(course: Course) -> Iterator[None]:
    """Hold a course's lock, so that no two runs write to its files and gradebook at once.

    Raises:
        CourseError: another run holds it.
    """
    course.run_time.mkdir(parents=True, exist_ok=True)
    with open(course.run_time / ".grading.lock", "w") as lock:
        if not try_lock(lock):
            raise CourseError(
                f"another run is grading in {course.run_time}; wait until it has ended"
            )
        yield


def opened(course: Course) -> tuple[Gradebook, Path | None]:
    """Open a course's gradebook; create it if there is none.

    Returns:
        The gradebook, and the path of its SQLite file (None for a database on a server).

    Raises:
        CourseError: it cannot be opened.
    """
    url, path = make_url(course.db_url), None
    making: contextlib.AbstractContextManager = contextlib.nullcontext()
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            making = _signals_put_off()
        wait_until_free(path)
        url = url.update_query_dict({"timeout": str(LOCKED_SECONDS)})
    elif url.get_backend_name() == "postgresql":
        making = _alone(url)
    _put_programs_on_path()
    warnings.filterwarnings("ignore", category=SAWarning)  # caused by nbgrader
    try:
        with making:
            book = Gradebook(url.render_as_string(hide_password=False), course.course_id)
            _finish_making(book.db)
    except (SQLAlchemyError, ImportError) as error:
        raise_if_locked(error, path)
        what = str(getattr(error, "orig", None) or error).strip()
        raise CourseError(
            f"the gradebook {url.render_as_string()} cannot be opened: {what}"
        ) from None
    return book, path


def _finish_making(db: Session) -> None:
    """Write the schema version to a new gradebook if nbgrader was killed before it did.

    Without it `nbgrader db upgrade` would take the gradebook for a very old one.
    """
    if db.scalars(select(Assignment.id).limit(1)).first() is None:
        table = "alembic_version (version_num VARCHAR(32) NOT NULL)"
        db.execute(text(f"CREATE TABLE IF NOT EXISTS {table}"))
        if db.execute(text("SELECT version_num FROM alembic_version")).first() is None:
            values = {"version": get_alembic_version()}
            db.execute(text("INSERT INTO alembic_version VALUES (:version)"), values)
    db.commit()


def raise_if_locked(error: Exception, path: Path | None) -> None:
    """Raise `CourseError` if another program has kept an SQLite gradebook locked for too long."""
    if path is not None and _is_lock_error(getattr(error, "orig", None)):
        raise CourseError(_still_locked(path)) from None


def wait_until_free(path: Path) -> None:
    """Wait until no other program writes to an SQLite gradebook.

    Args:
        path: the file; it need not exist.

    Raises:
        CourseError: it is still in use after `LOCKED_SECONDS`.
    """
    ends, said = time.monotonic() + LOCKED_SECONDS, ""
    while path.exists() and _is_locked(path):
        if not said:
            said = f"{_in_use(path)}; waiting for it, {LOCKED_SECONDS} seconds at most"
            print(clean(said), file=sys.stderr, flush=True)
        if time.monotonic() > ends:
            raise CourseError(_still_locked(path))
        time.sleep(0.1)  # SQLite's own waiting ignores signals


def _is_locked(path: Path) -> bool:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:  # other errors are reported on opening the gradebook
        return _is_lock_error(error)
    finally:
        connection.close()
    return False


def _is_lock_error(error: object) -> bool:
    """Return whether an error says that another program has locked the gradebook."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the other bits are an extended code
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def _in_use(path: Path) -> str:
    return f"the gradebook {path} is in use by another program"


def _still_locked(path: Path) -> str:
    """Return the message about a gradebook that stayed locked for too long."""
    return (
        f"{_in_use(path)}, still after {LOCKED_SECONDS} seconds. Close that program, or wait until "
        "it has finished, and run the same command again; what is graded is recorded"
    )


@contextlib.contextmanager
def _alone(url: URL) -> Iterator[None]:
    """Let only one program at a time create the tables of a gradebook on a server."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:  # the lock ends with the connection
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            yield
    finally:
        engine.dispose()


@contextlib.contextmanager
def _signals_put_off() -> Iterator[None]:
    """Block Ctrl-C in this context, also in programs started in it.

    For a new gradebook nbgrader runs `alembic`, which would end in a traceback.
    """
    signals = {signal.SIGINT, signal.SIGTERM}
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    else:
        yield


def _put_programs_on_path() -> None:
    """Let nbgrader find `alembic`, which it runs by name for a new gradebook."""
    beside = os.path.dirname(sys.executable)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
