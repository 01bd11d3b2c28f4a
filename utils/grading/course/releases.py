"""Earlier releases, so that a submission made from one does not count as edited.

For each release of a problem set, a hash of every cell's text without hidden tests is kept: by
`build` in `solutions/releases.json`, by `grade` and nbgrader's `generate_assignment` (through the
step `RememberRelease`) in `grading/reports/releases.json`.
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
    Cell,
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
    """Return the release of the course's cells."""
    return {cell.grade_id: text_hash(without_hidden_tests(cell.source)) for cell in cells}


def release_of_notebook(cells: Iterable[Any]) -> dict[str, str]:
    """Return the release of a notebook's cells; those without a grade id are ignored."""
    named = {grade_id(cell): text_of(cell) for cell in cells}
    return {name: text_hash(without_hidden_tests(text)) for name, text in named.items() if name}


def remember(path: Path, problem_set: str, release: Release) -> bool:
    """Add a release to a file unless it is in it; return whether the file was written.

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
    """Return a course's two files of releases: the committed one, and the one made at run time."""
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
    """Return the hashes of all texts ever released, see `restore.put_in_order`; None if unknown.

    Of the course's own notebook, only cells without a grade id count: others may be model answers.
    """
    notebooks: list[list[Cell]] = []
    for kind in (directory.release_directory, directory.source_directory):
        path = Path(directory.format_path(kind, ".", problem_set)) / f"{problem_set}.ipynb"
        with contextlib.suppress(Unreadable):
            cells = read(read_file(path))["cells"]
            is_source = kind == directory.source_directory
            notebooks.append([cell for cell in cells if not (is_source and grade_id(cell))])
    if not notebooks:
        return None
    earlier = (one.values() for one in known(directory, problem_set))
    return frozenset(hashes_of({"cells": sum(notebooks, [])}).union(*earlier))


class RememberRelease(NbGraderPreprocessor):
    """Remembers the hashes of the cells that `nbgrader generate_assignment` releases."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        """Remember a notebook as it is released, without changing it."""
        directory = getattr(getattr(self.parent, "parent", None), "coursedir", None)
        if directory is not None:
            name = resources["nbgrader"]["assignment"]
            with contextlib.suppress(OSError):  # the folder is not writable
                remember(files_of(directory, name)[1], name, release_of_notebook(nb.cells))
        return nb, resources
