"""Generate the released files of a problem set with nbgrader, without a gradebook."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.system import CONFIG, load_config, problem_sets_in


class BuildError(ValueError):
    """A problem set or lecture cannot be built; the message says what to do."""


def problem_sets(root: Path) -> list[str]:
    """Return the names of the problem sets: each NAME with a `solutions/NAME/NAME.ipynb`."""
    return problem_sets_in(root / "solutions")


@contextlib.contextmanager
def temporary_course(root: Path) -> Iterator[Path]:
    """Yield a temporary course folder with the configuration and the problem sets of `root`."""
    with tempfile.TemporaryDirectory(prefix="course-") as folder:
        course = Path(folder).resolve()
        shutil.copy(root / CONFIG, course)
        for name in problem_sets(root):
            source, copy = root / "solutions" / name, course / "solutions" / name
            # only the problem set's own notebook: a "-Copy1" beside it is not released
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("*.ipynb", "__pycache__"))
            shutil.copy(source / f"{name}.ipynb", copy)
        yield course


def released_files(root: Path, names: Iterable[str]) -> dict[Path, bytes]:
    """Return the released files of some problem sets, by the path below `assignments/`.

    Raises:
        BuildError: see `release`.
    """
    with temporary_course(root) as course:
        for name in names:
            release(course, name)
        return files_in(course / "assignments")


def files_in(folder: Path) -> dict[Path, bytes]:
    """Return the content of every file below a folder, by relative path, with Unix line ends."""
    return {
        path.relative_to(folder): path.read_bytes().replace(b"\r\n", b"\n")
        if path.suffix == ".ipynb"
        else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".ipynb_checkpoints" not in path.parts
    }


def release(course: Path, name: str) -> None:
    """Let nbgrader write `assignments/NAME` of a course, without a gradebook.

    Raises:
        BuildError: nbgrader refused the notebook; the log that it prints says why.
    """
    from nbgrader.converters import GenerateAssignment  # slow to import
    from nbgrader.converters.base import NbGraderException
    from nbgrader.coursedir import CourseDirectory
    from nbgrader.preprocessors import SaveCells

    config = load_config(course)
    config.CourseDirectory.assignment_id = name
    converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    converter.no_database = True
    converter.preprocessors = [p for p in converter.preprocessors if p is not SaveCells]
    converter.force = True
    try:
        converter.start()
    except NbGraderException as error:
        raise BuildError(f"nbgrader does not release {name}: {error}") from None
