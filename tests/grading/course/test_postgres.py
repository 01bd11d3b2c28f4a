"""The gradebook in PostgreSQL: a real server, started for these tests."""

import os
import pwd
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from sqlalchemy import create_engine, text

from tests.classroom import PS1, RIGHT, ROOT, Classroom
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.settings import find_course
from utils.grading.run import runner
from utils.grading.run.worker import Progress

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Dask's and SQLAlchemy's own affairs
]

ON_CI = bool(os.environ.get("CI"))


def programs() -> Path | None:
    """Return the folder with PostgreSQL's server, the newest if there are several."""
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), default=None)


@pytest.fixture(scope="module")
def database(tmp_path_factory) -> Iterator[str]:
    """The address of an empty database."""
    folder = programs()
    if folder is None:
        if ON_CI:
            pytest.fail("PostgreSQL is missing; .ci/run installs it")
        pytest.skip("needs PostgreSQL's server: apt install postgresql")
    data = tmp_path_factory.mktemp("postgres")
    as_user: dict = {}
    if os.geteuid() == 0:  # the server refuses to run as root
        user = pwd.getpwnam("postgres" if _has_user("postgres") else "nobody")
        os.chown(data, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        for parent in data.parents:
            if parent.stat().st_mode & 0o001 == 0:
                parent.chmod(parent.stat().st_mode | 0o011)

    def call(program: str, *arguments: str) -> None:
        subprocess.run(
            [folder / program, *arguments], check=True, capture_output=True, cwd=data, **as_user
        )

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    call("initdb", "-D", f"{data}/db", "-U", "staff", "-A", "trust", "--no-sync", "-E", "UTF8")
    server = subprocess.Popen(
        [folder / "postgres", "-D", f"{data}/db", "-p", str(port), "-k", str(data), "-F"]
        + ["-c", "listen_addresses=127.0.0.1"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=data,
        **as_user,
    )
    try:
        deadline = time.monotonic() + 60
        ready = [folder / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
        while subprocess.run(ready).returncode and time.monotonic() < deadline:
            assert server.poll() is None, "the server has ended"
            time.sleep(0.1)
        call("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "staff", "gradebook")
        yield f"postgresql://staff@127.0.0.1:{port}/gradebook"
    finally:
        server.terminate()
        server.wait(timeout=60)


def _has_user(name: str) -> bool:
    return any(user.pw_name == name for user in pwd.getpwall())


def test_grading_into_postgresql_and_reading_it_back(classroom, workers, database):
    classroom.workers = workers
    for name in ("akiko", "=1+1", "山田"):
        classroom.submit(name, RIGHT)
    unsafe = "--unsafe" in classroom.options
    course = find_course(classroom.root, database)

    def grade() -> Progress:
        return runner.grade_class(course, PS1, local=workers, unsafe=unsafe)[0]

    assert grade().graded == 3
    address = course.db_url
    assert address.startswith("postgresql+psycopg://")
    with Gradebook(address) as gradebook:
        for name in ("akiko", "=1+1", "山田"):
            assert gradebook.find_submission(PS1, name).score == 14
        grade_ = gradebook.find_grade("written_answer", PS1, PS1, "山田")
        grade_.manual_score, grade_.needs_manual_grade = 2, False
        gradebook.db.commit()
    progress = grade()
    assert (progress.graded, progress.unchanged) == (0, 3)
    assert classroom.rows()["山田"]["score"] == "16"
    said = classroom.run("report", PS1, "--db", database)
    assert "written" in said
    assert classroom.rows()["akiko"]["score"] == "14"


def test_two_first_runs_at_once_make_one_gradebook(classroom: Classroom, database: str):
    engine = create_engine(
        database.replace("postgresql:", "postgresql+psycopg:"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE another"))
    engine.dispose()
    course = find_course(classroom.root, database.replace("/gradebook", "/another"))

    def make() -> list[str]:
        with CourseGradebook(course) as book:
            return book.problem_sets()

    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(make) for _ in range(4)]
        assert [run.result() for run in runs] == [[], [], [], []]


def test_with_the_two_lines_of_the_readme_nbgraders_commands_find_it(
    classroom: Classroom, database: str
):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = r'    (c\.CourseDirectory\.{} = ".*")$'
    both = line.format("db_url") + r"\n" + line.format("course_id")
    lines = re.search(both, readme, re.MULTILINE).groups()
    address = database.replace("postgresql:", "postgresql+psycopg:")
    with (classroom.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(
            "\n" + re.sub(r"postgresql\+psycopg://[^\"]*", address, "\n".join(lines)) + "\n"
        )
    classroom.submit("noor", RIGHT)
    classroom.grade("--quiet")
    command = [sys.executable, "-m", "nbgrader", "export", "--to", "grades.csv"]
    subprocess.run(command, cwd=classroom.root, check=True, capture_output=True)
    exported = (classroom.root / "grades.csv").read_text(encoding="utf-8")
    assert re.search(r"^ps1_output_layer,.*,noor,.*,14\.0,18\.0", exported, re.MULTILINE), exported
