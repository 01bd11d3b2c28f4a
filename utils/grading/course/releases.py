"""The texts that were handed out before: a submission made from an earlier release is not edited.

Of each release of a problem set, a hash of every cell's text is kept, hidden tests left out: in
`solutions/releases.json` by `build`, in `grading/reports/releases.json` by `grade` and by
nbgrader's `generate_assignment`, for which `RememberRelease` is a step.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbgrader.preprocessors import NbGraderPreprocessor

from utils.grading.notebook.reading import (
    Unreadable,
    grade_id,
    read,
    read_file,
    read_json,
    text_hash,
    text_of,
)
from utils.grading.notebook.source_cells import (
    RELEASES_FILE,
    SourceCell,
    hashes_of,
    read_releases,
    without_hidden_tests,
)
from utils.system import atomic_write

if TYPE_CHECKING:
    from nbformat import NotebookNode
    from nbgrader.coursedir import CourseDirectory

Release = Mapping[str, str]  # grade id -> hash of the text


def release_of(cells: Iterable[SourceCell]) -> dict[str, str]:
    """Return the release that the course's cells make."""
    return {cell.grade_id: text_hash(without_hidden_tests(cell.source)) for cell in cells}


def release_of_notebook(cells: Iterable[Any]) -> dict[str, str]:
    """Return the release that a notebook's cells make: those with a grade id."""
    named = {grade_id(cell): text_of(cell) for cell in cells}
    return {name: text_hash(without_hidden_tests(text)) for name, text in named.items() if name}


def remember(path: Path, problem_set: str, release: Release) -> bool:
    """Add a release to a file, unless it knows it; return whether the file was written.

    Raises:
        OSError: the file cannot be written.
    """
    found = read_json(path)
    known = found.setdefault(problem_set, [])
    if not release or release in known:
        return False
    known.append(dict(release))
    lines = []
    for name in sorted(found):  # a line for each release, so that two branches can be merged
        of_set = ",\n".join(f"  {json.dumps(one, sort_keys=True)}" for one in found[name])
        lines.append(f" {json.dumps(name)}: [\n{of_set}\n ]")
    atomic_write(path, "{\n" + ",\n".join(lines) + "\n}\n")
    return True


def files_of(directory: CourseDirectory, problem_set: str) -> tuple[Path, Path]:
    """Return the two files of a course: the one that is committed, and the one made at run time."""
    source = directory.format_path(directory.source_directory, ".", problem_set)
    submitted = directory.format_path(directory.submitted_directory, "student", problem_set)
    folders = Path(os.path.normpath(source)).parent, Path(submitted).parents[2] / "reports"
    return folders[0] / RELEASES_FILE, folders[1] / RELEASES_FILE


def known(directory: CourseDirectory, problem_set: str) -> list[dict[str, str]]:
    """Return all releases of a problem set that a course knows, the earliest first."""
    found: list[dict[str, str]] = []
    for path in files_of(directory, problem_set):
        found += [one for one in read_releases(path, problem_set) if one not in found]
    return found


def texts(directory: CourseDirectory, problem_set: str) -> frozenset[str] | None:
    """Return the hashes of all texts that were ever handed out, see `restore.put_in_order`."""
    today: set[str] = set()
    for kind in (directory.release_directory, directory.source_directory):
        path = Path(directory.format_path(kind, ".", problem_set)) / f"{problem_set}.ipynb"
        with contextlib.suppress(Unreadable):
            today |= hashes_of(read(read_file(path)))
    if not today:
        return None
    return frozenset(today.union(*(one.values() for one in known(directory, problem_set))))


class RememberRelease(NbGraderPreprocessor):
    """Keeps the hashes of what `nbgrader generate_assignment` hands out."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Remember a notebook as it is released; it is left alone."""
        directory = getattr(getattr(self.parent, "parent", None), "coursedir", None)
        if directory is not None:
            name = resources["nbgrader"]["assignment"]
            with contextlib.suppress(OSError):  # a folder that may not be written
                remember(files_of(directory, name)[1], name, release_of_notebook(nb.cells))
        return nb, resources
