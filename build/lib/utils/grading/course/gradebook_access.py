"""How the gradebook is opened, and what is said while another program keeps it locked."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL

from utils.grading.course.settings import CourseError
from utils.grading.terminal import clean

ADVISORY_LOCK = 0x6E626772  # of PostgreSQL, while the tables are made
LOCKED_SECONDS = 60  # how long to wait for another program that writes to the same SQLite file
SILENT_SECONDS = 1.0  # of waiting, after which something is said


def tell(sentence: str) -> None:
    """Print a sentence where it is seen at once."""
    print(clean(sentence), file=sys.stderr, flush=True)


def wait_until_free(path: Path, say: Callable[[str], None] = tell) -> None:
    """Wait until no other program writes to an SQLite gradebook.

    Args:
        path: the file; one that is not there yet is free.
        say: is given a sentence as soon as the gradebook is found in use.

    Raises:
        CourseError: it is still in use after `LOCKED_SECONDS`.
    """
    ends, said = time.monotonic() + LOCKED_SECONDS, False
    while path.exists() and _is_locked(path):
        if not said:
            say(_waiting(path))
            said = True
        if time.monotonic() > ends:
            raise CourseError(still_locked(path))
        time.sleep(0.1)  # not in SQLite's own wait, which no signal interrupts


def _is_locked(path: Path) -> bool:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")
    except sqlite3.Error as error:  # others are told when the gradebook is opened
        return is_lock_error(error)
    finally:
        connection.close()
    return False


def is_lock_error(error: object) -> bool:
    """Return whether an error says that another program has locked the gradebook."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest says more precisely which
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def still_locked(path: Path) -> str:
    """Return the sentence on a gradebook that stayed locked for too long."""
    return (
        f"{_in_use(path)}, still after {LOCKED_SECONDS} seconds. Close that program, or wait until "
        "it has finished, and run the same command again; what is graded is recorded"
    )


def _waiting(path: Path) -> str:
    return f"{_in_use(path)}; waiting for it, {LOCKED_SECONDS} seconds at most"


def _in_use(path: Path) -> str:
    return f"the gradebook {path} is in use by {' and '.join(holders(path)) or 'another program'}"


def holders(path: Path) -> list[str]:
    """Return the other programs that hold a lock on a file, as far as Linux tells."""
    found: dict[int, str] = {}
    try:
        about = path.stat()
        lines = Path("/proc/locks").read_text().splitlines()
    except OSError:
        return []
    device = f"{os.major(about.st_dev):02x}:{os.minor(about.st_dev):02x}:{about.st_ino}"
    for line in lines:  # "1: POSIX  ADVISORY  WRITE 4242 08:01:131074 1073741824 1073742335"
        fields = line.replace("->", " ").split()
        if len(fields) < 6 or fields[5] != device or not fields[4].isdigit():
            continue
        process = int(fields[4])
        if process not in (0, os.getpid()):
            found[process] = _program(process)
    return [f"{name} (process {number})" for number, name in sorted(found.items())]


def _program(process: int) -> str:
    """Return what a process runs, in a few words."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return "a program"
    words = [os.path.basename(words[0]), *(word for word in words[1:] if word)]
    shown = " ".join(words).split("\n")[0]
    return f"`{shown if len(shown) <= 60 else shown[:59] + '…'}`"


@contextlib.contextmanager
def told_while_locked(path: Path | None, say: Callable[[str], None] = tell) -> Iterator[None]:
    """Say what keeps the gradebook locked if writing to it takes long.

    Args:
        path: of an SQLite gradebook; None for another, of which nothing is said.
        say: is given the sentence, from another thread.
    """
    done = threading.Event()

    def watch() -> None:
        if not done.wait(SILENT_SECONDS) and path is not None and holders(path):
            say(_waiting(path))

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        done.set()
        watching.join()


@contextlib.contextmanager
def alone(url: URL) -> Iterator[None]:
    """Let one program at a time make the tables of a gradebook on a server."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:  # the lock ends with the connection
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": ADVISORY_LOCK})
            yield
    finally:
        engine.dispose()


@contextlib.contextmanager
def signals_put_off() -> Iterator[None]:
    """Put off Ctrl-C, in programs that are started meanwhile, too.

    For a new gradebook nbgrader calls `alembic`, which would end in a traceback.
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


def put_programs_on_path() -> None:
    """Let nbgrader find `alembic`, which it calls by name for a new gradebook."""
    beside = os.path.dirname(sys.executable)
    if beside not in os.environ.get("PATH", "").split(os.pathsep):
        os.environ["PATH"] = os.pathsep.join([beside, os.environ.get("PATH", "")])
