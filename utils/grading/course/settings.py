"""A course's folders, its gradebook's address, and its settings.

Everything comes from the course's `nbgrader_config.py`, so that `grade`, `report` and nbgrader's
own commands use the same files. A folder without this file, such as a semester's submissions
beside the repository, is also a course: then settings and problem sets are the repository's.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import find_all_files
from traitlets.config import Config

from utils.grading.text_files import nearest, plain, same, some, writable
from utils.system import CONFIG, ROOT, load_config, problem_sets_in

RUN_TIME = "grading"
STEPS = ("submitted", "autograded", "feedback")


class CourseError(ValueError):
    """Something is wrong with a course; the message says what to do."""


@dataclass(frozen=True)
class Course:
    """A course's folders and settings.

    Attributes:
        root: the course folder.
        config: nbgrader's settings.
        db_url: the gradebook's address.
        directory: nbgrader's own view of the folders.
    """

    root: Path
    config: Config
    db_url: str
    directory: CourseDirectory = field(repr=False, compare=False)

    @property
    def course_id(self) -> str:
        """The course's name in the gradebook; PostgreSQL requires one."""
        return self.directory.course_id or "default_course"

    def folder(self, step: str, student: str, problem_set: str) -> Path:
        """Return a submission's folder at one of nbgrader's steps ("submitted", ...)."""
        name = getattr(self.directory, f"{step}_directory")
        return Path(self.directory.format_path(name, student, problem_set))

    def notebook(self, step: str, student: str, problem_set: str) -> Path:
        """Return the path of a submission's notebook at one of nbgrader's steps."""
        return self.folder(step, student, problem_set) / f"{problem_set}.ipynb"

    def feedback(self, student: str, problem_set: str) -> Path:
        """Return the path of a student's feedback page."""
        return self.folder("feedback", student, problem_set) / f"{problem_set}.html"

    def source(self, problem_set: str) -> Path:
        """Return the problem set's source notebook, with solutions and hidden tests."""
        return self._notebook_in(self.directory.source_directory, problem_set)

    def problem_sets(self) -> list[str]:
        """Return the names of all problem sets that have a source."""
        return problem_sets_in(self.source("problem_set").parent.parent)

    def unknown(self, problem_set: str) -> str:
        """Return a sentence on a problem set that has no source, "" if it has one."""
        path = self.source(problem_set)
        exists = os.path.isfile(path)
        if exists and path.parent.name == problem_set:  # not ./ps1 nor ps1/
            return ""
        names, given = self.problem_sets(), same(problem_set).rstrip("/")
        begin = [name for name in names if given and same(name).startswith(given)]
        like = begin[0] if len(begin) == 1 else nearest(given, names)
        told = f"did you mean {like}?" if like else f"there are {some(names, 20)}" if names else ""
        missing = "" if exists else f": {path} is missing"
        return f"there is no problem set {problem_set!r}{missing}" + (f"; {told}" if told else "")

    def not_graded(self, problem_set: str) -> str:
        """Return a sentence on a problem set that is not in the gradebook."""
        return self.unknown(problem_set) or (
            f"the gradebook does not know {problem_set!r}; run `grade {problem_set}` first"
        )

    def released(self, problem_set: str) -> Path:
        """Return the path of the problem set's released notebook."""
        return self._notebook_in(self.directory.release_directory, problem_set)

    def _notebook_in(self, folder: str, problem_set: str) -> Path:
        path = self.directory.format_path(folder, ".", problem_set)
        return Path(os.path.normpath(path)) / f"{problem_set}.ipynb"

    @property
    def submitted(self) -> Path:
        """The folder with a folder for every student."""
        return self.folder("submitted", "student", "problem_set").parent.parent

    @property
    def run_time(self) -> Path:
        """The folder of the files made at run time."""
        return self.submitted.parent

    @property
    def reports(self) -> Path:
        """The folder for reports."""
        return self.run_time / "reports"

    @property
    def extensions(self) -> Path:
        """The file with the students' later deadlines."""
        return self.run_time / "extensions.csv"

    @property
    def class_list(self) -> Path:
        """The file with everyone in the class."""
        return self.run_time / "students.csv"

    @property
    def term_file(self) -> Path:
        """The file with the problem sets' weights, beside the settings."""
        return self.root / "term.toml"

    def arrivals(self, problem_set: str) -> Path:
        """Return the path of the record that `zip_collect` writes for a problem set."""
        settings = self.config.get("ZipCollectApp", Config())
        downloaded = settings.get("downloaded_directory", str(Path(RUN_TIME) / "downloaded"))
        if not (self.root / downloaded).is_dir():
            downloaded = self.run_time / "downloaded"
        return self.root / downloaded / problem_set / "collected.json"

    def students(self) -> list[str]:
        """Return the ids of all students with a folder for submissions, except `misnamed` ones."""
        return [name for name in self._folders() if writable(name) == name]

    def misnamed(self) -> list[str]:
        """Return printable names of the folders for submissions whose names are not UTF-8."""
        return [writable(name) for name in self._folders() if writable(name) != name]

    def compose_names(self, known: Collection[str]) -> list[str]:
        """Rename folders whose names have decomposed letters, as on macOS, to composed ones (NFC).

        A `ü` is then a single character, as in class lists and extensions, so that each person has
        one id.

        Args:
            known: ids in the gradebook; those with decomposed letters are kept.

        Returns:
            A sentence for each folder that cannot be renamed.
        """
        problems = []
        for name in self.students():
            if plain(name) == name or name in known:
                continue
            if (self.submitted / plain(name)).exists():
                problems.append(
                    f"two folders in {self.submitted} are called {plain(name)}, with letters that "
                    "are encoded differently: they count as two students until one is removed"
                )
                continue
            with contextlib.suppress(OSError):  # a folder that may not be changed
                (self.submitted / name).rename(self.submitted / plain(name))
        return problems

    def _folders(self) -> list[str]:
        if not self.submitted.is_dir():
            return []
        folders = (entry.name for entry in self.submitted.iterdir() if entry.is_dir())
        return sorted(name for name in folders if not name.startswith("."))

    def data_files(self, problem_set: str) -> dict[str, Path]:
        """Return the files that are handed out beside the problem set's notebook, by path."""
        return data_files(self.directory, problem_set)


def data_files(directory: CourseDirectory, problem_set: str) -> dict[str, Path]:
    """Return the files that are handed out beside a problem set's notebook, by path with `/`."""
    folder = Path(
        os.path.normpath(directory.format_path(directory.source_directory, ".", problem_set))
    )
    found = find_all_files(str(folder), [*directory.ignore, "*.ipynb"])
    return {Path(file).relative_to(folder).as_posix(): Path(file) for file in found}


def delimiters(config: Config) -> tuple[str, str]:
    """Return between which words a course's hidden tests stand."""
    given = config.get("ClearHiddenTests", {})
    return (
        str(given.get("begin_test_delimeter", "BEGIN HIDDEN TESTS")),
        str(given.get("end_test_delimeter", "END HIDDEN TESTS")),
    )


def course_root(folder: str | Path) -> Path:
    """Return a course folder's path in full.

    Raises:
        CourseError: it is not a folder.
    """
    root = Path(folder).resolve()
    if root.is_dir():
        return root
    if root.exists():
        raise CourseError(f"{root} is a file: give the folder of the course")
    raise CourseError(f"there is no folder {root}")


def find_course(folder: str | Path | None = None, db: str | None = None) -> Course:
    """Return a course.

    Args:
        folder: the course folder; the repository if there is none given.
        db: the gradebook's address, instead of the one in the settings.

    Raises:
        CourseError: there is no such folder, or the address is not valid.
    """
    root = course_root(folder) if folder else ROOT
    if (root / CONFIG).is_file():
        config = load_config(root)
    else:
        config = load_config(ROOT)
        _move(config, root)
    config.CourseDirectory.root = str(root)
    if db:
        config.CourseDirectory.db_url = _address(db)
    directory = CourseDirectory(config=config)
    return Course(root, config, directory.db_url, directory)


def _move(config: Config, root: Path) -> None:
    """Let the repository's settings speak of a folder elsewhere, with or without `grading/`."""
    bare = (root / "submitted").is_dir() and not (root / RUN_TIME / "submitted").is_dir()
    run_time = root if bare else root / RUN_TIME
    run_time.mkdir(exist_ok=True)
    for step in STEPS:
        setattr(config.CourseDirectory, f"{step}_directory", str(run_time / step))
    for what, name in (("source", "solutions"), ("release", "assignments")):
        here = next((root / one for one in (name, what) if (root / one).is_dir()), ROOT / name)
        setattr(config.CourseDirectory, f"{what}_directory", str(here))
    config.CourseDirectory.db_url = f"sqlite:///{(run_time / 'gradebook.db').as_posix()}"
    config.ExportPlugin.to = str(run_time / "grades.csv")


def _address(db: str) -> str:
    from sqlalchemy.engine import make_url  # slow to import, and a worker has no gradebook
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(db)
    except ArgumentError:
        raise CourseError(
            f"{db!r} is not an address of a gradebook; it looks like "
            "postgresql://user@host/gradebook or sqlite:////folder/gradebook.db"
        ) from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    return url.render_as_string(hide_password=False)
