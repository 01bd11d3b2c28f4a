"""A course of its own for every test, with its settings, one problem set and quick limits."""

from __future__ import annotations

import csv
import io
import os
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import pytest

from tests import invented_class
from utils.grading.simulated_class import Student, write_submission

# Each fixture imports what it needs of the grader: this module is imported for all tests.
if TYPE_CHECKING:
    from utils.grading.course.settings import Course
    from utils.grading.run.cluster import LocalWorkers
    from utils.grading.run.worker import Progress

ROOT = Path(__file__).resolve().parents[1]
PS1 = invented_class.NAME
RIGHT = invented_class.RIGHT
HALF = {"identity_function": RIGHT["identity_function"]}
QUICK = (
    "\nc.JudgedExecute.call_seconds = 1\nc.JudgedExecute.cell_seconds = 4\n"
    "c.JudgedExecute.submission_seconds = 30\n"
)
START = "import sys; from utils.commands.{} import main; sys.exit(main(sys.argv[1:]))"


@dataclass
class Classroom:
    """A course folder with submissions, and the commands that work on it."""

    root: Path
    options: tuple[str, ...] = ()
    workers: LocalWorkers | None = None

    @property
    def course(self) -> Course:
        """The course as the commands see it."""
        from utils.grading.course.settings import find_course

        return find_course(self.root)

    def submit(self, student: str, answers: dict[str, str] | bytes, problem_set: str = PS1) -> Path:
        """Hand in a notebook: sources by grade id, or the file's bytes."""
        path = self.root / "grading" / "submitted" / student / problem_set / f"{problem_set}.ipynb"
        if isinstance(answers, bytes):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(answers)
        else:
            released = self.root / "assignments" / problem_set / f"{problem_set}.ipynb"
            write_submission(Student(student, "", answers), released, path)
        return path

    def start(self, command: str, *arguments: str) -> subprocess.Popen:
        """Start a command of the front door for this course."""
        return subprocess.Popen(
            [sys.executable, "-P", "-c", START.format(command), "--course", str(self.root)]
            + list(arguments),
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str, *arguments: str, status: int = 0) -> str:
        """Run a command to its end and return what it said."""
        process = self.start(command, *arguments)
        try:
            out, err = process.communicate(timeout=240)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        assert process.returncode == status, out + err
        assert "Traceback" not in out + err, out + err
        return out + err

    def grade(self, *arguments: str, status: int = 0) -> str:
        """Grade and return what was said."""
        return self.run("grade", PS1, *self.options, *arguments, status=status)

    def regrade(self, **arguments) -> Progress:
        """Grade in this process, with workers that several tests share."""
        from utils.grading.run import runner

        unsafe = "--unsafe" in self.options
        return runner.grade_class(self.course, PS1, local=self.workers, unsafe=unsafe, **arguments)[
            0
        ]

    def rows(self) -> dict[str, dict[str, str]]:
        """Return the lines of the report's CSV file by student."""
        text = (self.root / "grading" / "reports" / f"{PS1}.csv").read_bytes().decode("utf-8-sig")
        lines = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        return {line["student"].removeprefix("'"): line for line in lines}

    def autograded(self, student: str) -> nbformat.NotebookNode:
        """Return a student's autograded notebook."""
        return nbformat.read(self.course.notebook("autograded", student, PS1), as_version=4)

    def feedback(self, student: str) -> str:
        """Return a student's page."""
        return self.course.feedback(student, PS1).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A course folder with one problem set, the course's settings and quick limits."""
    from utils.grading.course.gradebook import CourseGradebook
    from utils.grading.course.settings import find_course

    root = tmp_path_factory.mktemp("template")
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(config + QUICK, encoding="utf-8")
    for folder in ("solutions", "assignments"):
        shutil.copytree(ROOT / folder / PS1, root / folder / PS1)
    (root / "grading" / "submitted").mkdir(parents=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy's own affair
        with CourseGradebook(find_course(root)) as book:
            book.take_in(PS1)
    return root


@pytest.fixture(scope="session")
def options() -> tuple[str, ...]:
    """What `grade` needs to run submissions on this machine, which the tests wrote themselves."""
    from utils.grading.judge import grade_notebook

    try:
        grade_notebook.available_sandbox()
    except grade_notebook.NotSandboxed:
        return ("--unsafe",)
    return ()


@pytest.fixture(scope="session")
def workers() -> Iterator[LocalWorkers]:
    """Two workers."""
    from utils.grading.run.cluster import LocalWorkers

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dask's and SQLAlchemy's own affairs
        with LocalWorkers(2) as two:
            yield two


@pytest.fixture
def classroom(new_classroom: Callable[[], Classroom]) -> Classroom:
    """A course of one problem set without submissions."""
    return new_classroom()


@pytest.fixture(scope="session")
def new_classroom(
    tmp_path_factory: pytest.TempPathFactory, template: Path, options: tuple[str, ...]
) -> Callable[[], Classroom]:
    """Makes courses of one problem set without submissions, in a path with a space."""

    def make() -> Classroom:
        root = tmp_path_factory.mktemp("classroom") / "a course"
        shutil.copytree(template, root)
        return Classroom(root, options)

    return make
