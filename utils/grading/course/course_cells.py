"""Update a problem set's cells in the gradebook, even after submissions have been graded.

nbgrader refuses to add or remove a cell once something has been graded. Here the gradebook gets the
new cells in one transaction, and keeps all points and comments that a person gave.
"""

from __future__ import annotations

import contextlib
import copy
import datetime
import io
import logging
import shlex
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import (
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    MissingEntry,
    Notebook,
    SolutionCell,
    TaskCell,
)
from nbgrader.api import SourceCell as StoredCell
from nbgrader.converters import GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import SaveCells
from sqlalchemy import select
from sqlalchemy.engine import make_url
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from utils.grading.course import releases
from utils.grading.course.settings import Course, CourseError
from utils.grading.notebook.reading import read_json
from utils.grading.notebook.source_cells import (
    SourceCell,
    cells_of_gradebook,
    cells_of_notebook,
    other_kernel,
    with_meanings,
)
from utils.grading.text_files import some

HOLDERS = {  # kind of cell -> the notebook's list of such cells, and a submission's record for one
    GradeCell: ("grade_cells", (Grade,)),
    SolutionCell: ("solution_cells", (Comment,)),
    TaskCell: ("task_cells", (Grade, Comment)),
    StoredCell: ("source_cells", ()),
}


def prepared_cells(course: Course, problem_set: str) -> list[SourceCell]:
    """Return the cells of a problem set's source in the form that nbgrader records.

    Raises:
        CourseError: there is no such problem set, or nbgrader refuses its source.
    """
    path = course.source(problem_set)
    if unknown := course.unknown(problem_set):
        others = _other_notebooks(path)
        left_out = f"; {_others_left_out(problem_set, others)}" if others else ""
        raise CourseError(unknown + left_out)
    try:
        notebook = nbformat.read(path, as_version=4)
    except ValueError as error:
        raise CourseError(f"{path} is not a notebook: {error}") from None
    if language := other_kernel(notebook):
        raise CourseError(
            f"{path} is a notebook for {language}: the judge runs Python only; grade it by nbgrader"
        )
    try:
        recorded = next(released_notebooks(notebook, path, problem_set, course.config))
        return cells_of_notebook(recorded, recorded)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        raise CourseError(
            f"nbgrader refuses the problem set {problem_set!r}: {lines[-1]}; "
            f"`nbgrader generate_assignment {problem_set}` says more"
        ) from None


def released_notebooks(
    source: NotebookNode, path: Path, problem_set: str, config: Config
) -> Iterator[NotebookNode]:
    """Yield a notebook as nbgrader records it, with hidden tests, and then as it releases it.

    Args:
        source: nbgrader's source notebook; it is not changed.
        path: its path.
        problem_set: the assignment's name.
        config: nbgrader's settings.
    """
    converter = GenerateAssignment(
        coursedir=CourseDirectory(config=config), config=copy.deepcopy(config)
    )
    converter.log = logging.Logger("nbgrader")
    converter.log.addHandler(logging.NullHandler())
    names = {"assignment": problem_set, "notebook": path.stem, "student": "."}
    resources: dict[str, Any] = {"metadata": {"path": str(path.parent)}, "nbgrader": names}
    notebook, recorded = copy.deepcopy(source), False
    for step in converter.preprocessors:
        kind = import_item(step) if isinstance(step, str) else step
        if issubclass(kind, SaveCells):
            if not recorded:
                yield copy.deepcopy(notebook)
            recorded = True
        elif not recorded or kind.__module__.startswith("nbgrader."):  # others may write
            notebook, resources = kind(parent=converter).preprocess(notebook, resources)
    if not recorded:
        yield copy.deepcopy(notebook)
    yield notebook


def _other_notebooks(path: Path) -> list[str]:
    """Return the names of other notebooks with test cells in a problem set's folder."""
    return sorted(
        one.name
        for one in path.parent.glob("*.ipynb")
        if one != path and any(map(_gives_points, read_json(one).get("cells", ())))
    )


def _gives_points(cell: Any) -> bool:
    metadata = cell.get("metadata", {}) if isinstance(cell, dict) else {}
    return bool(metadata.get("nbgrader", {}).get("grade"))


def _others_left_out(problem_set: str, others: Sequence[str]) -> str:
    """Return a sentence on how to grade an assignment of several notebooks."""
    return (
        f"its folder also has {some(others)}: `grade` takes one notebook, named like its folder. "
        f"`nbgrader autograde {shlex.quote(problem_set)}` grades all of them, in the judge, too; "
        "JUDGE.md says how"
    )


def recorded(course: Course, gradebook: Gradebook, problem_set: str) -> list[SourceCell]:
    """Return a problem set's cells in the gradebook, in the order of their source.

    The list is empty if the problem set is not in the gradebook.
    """
    try:
        cells = cells_of_gradebook(gradebook, problem_set, problem_set)
    except MissingEntry:
        return []
    try:
        source = nbformat.read(course.source(problem_set), as_version=4)
    except (OSError, ValueError):
        return cells  # the gradebook alone is enough
    cells = with_meanings(cells, source)
    names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in source.cells]
    place = {name: number for number, name in enumerate(names)}
    return sorted(cells, key=lambda cell: place.get(cell.grade_id, len(place)))


def take_in(
    course: Course,
    gradebook: Gradebook,
    problem_set: str,
    writing: Callable[[], contextlib.AbstractContextManager],
) -> list[str]:
    """Record a problem set's cells; see `CourseGradebook.take_in`.

    Args:
        course: the course.
        gradebook: nbgrader's gradebook.
        problem_set: its name.
        writing: makes the context of a transaction.
    """
    want = prepared_cells(course, problem_set)
    if not recorded(course, gradebook, problem_set):
        _generate(course, problem_set)
        gradebook.db.expire_all()
    have = recorded(course, gradebook, problem_set)
    _remember(course, problem_set, have)
    notebook = gradebook.find_notebook(problem_set, problem_set)
    names = {cell.grade_id for cell in want}
    gone = [cell for cell in have if cell.grade_id not in names]
    stay = [cell for cell in gone if _graded_by_hand(gradebook.db, notebook, cell)]
    changed = differences(have, [*want, *stay])
    notes = [
        f"{problem_set}: cell {cell.grade_id} is no longer in {course.source(problem_set)}, but a "
        "person gave points or a comment for it, so it still counts; take these back in the "
        "formgrader if it is not to count"
        for cell in stay
    ]
    if others := _other_notebooks(course.source(problem_set)):
        notes.append(f"{problem_set}: {_others_left_out(problem_set, others)}")
    if not changed:
        return notes
    url, backup = make_url(course.db_url), None
    submissions = list(notebook.submissions)
    if submissions and url.get_backend_name() == "sqlite":
        backup = back_up(Path(url.database or ""))
    with writing():
        update(gradebook.db, notebook, [*want, *stay])
    _remember(course, problem_set, want)
    if submissions:
        where = f". The gradebook as it was is in {backup}" if backup else ""
        notes.insert(
            0,
            f"{problem_set} has changed since it was graded: {some(changed, 6)}. The gradebook has "
            f"the new cells, and everyone is graded again; points and comments by hand stay{where}",
        )
    return notes


def _graded_by_hand(db: Any, notebook: Notebook, cell: SourceCell) -> bool:
    """Return whether a person gave points or wrote a comment for a cell."""
    ids = [one.id for one in notebook._base_cells if one.name == cell.grade_id]
    rows = [
        row
        for holder in (Grade, Comment)
        for row in db.scalars(select(holder).where(holder.cell_id.in_(ids)))
    ]
    return any(map(_by_hand, rows))


def _remember(course: Course, problem_set: str, cells: Sequence[SourceCell]) -> None:
    """Remember the released texts, so that they do not count as a student's edits."""
    path = releases.files_of(course.directory, problem_set)[1]
    with contextlib.suppress(OSError):  # the folder is not writable
        releases.remember(path, problem_set, releases.release_of(cells))


def _generate(course: Course, problem_set: str) -> None:
    """Let nbgrader record the problem set, and discard the files that it releases."""
    config = copy.deepcopy(course.config)
    config.CourseDirectory.assignment_id = problem_set
    config.CourseDirectory.db_url = course.db_url
    config.CourseDirectory.course_id = course.course_id
    log = io.StringIO()
    with _release_folder(course) as folder:
        config.CourseDirectory.release_directory = folder
        converter = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
        converter.log = logging.Logger("nbgrader")
        converter.log.addHandler(logging.StreamHandler(log))
        try:
            converter.start()
        except NbGraderException:
            lines = log.getvalue().strip().splitlines()
            said = lines[-1] if lines else "it does not say why"
            raise CourseError(
                f"nbgrader refuses the problem set {problem_set!r}: {said}; "
                f"`nbgrader generate_assignment {problem_set}` says more"
            ) from None


@contextlib.contextmanager
def _release_folder(course: Course) -> Iterator[str]:
    """Yield an empty folder, after removing what a killed run has left in its place."""
    folder = course.run_time / ".release"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield str(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def differences(have: Sequence[SourceCell], want: Sequence[SourceCell]) -> list[str]:
    """Describe each difference between two lists of cells in a few words."""
    before = {cell.grade_id: cell for cell in have}
    after = {cell.grade_id: cell for cell in want}
    found = [f"{name} is new" for name in after if name not in before]
    found += [f"{name} is gone" for name in before if name not in after]
    for name, now in after.items():
        was = before.get(name)
        if was is None or was == now:
            continue
        if was.points != now.points:
            found.append(f"{name} is worth {now.points:g} points instead of {was.points:g}")
        elif was.source != now.source:
            found.append(f"the text of {name}")
        else:
            found.append(f"the settings of {name}")
    return found


def update(db: Any, notebook: Notebook, want: Sequence[SourceCell]) -> None:
    """Give a notebook in the gradebook the course's cells, without a commit.

    Args:
        db: the gradebook's session.
        notebook: the gradebook's record of the notebook.
        want: the new cells; records of other cells are deleted.
    """
    wanted: dict[type, dict[str, dict[str, Any]]] = {kind: {} for kind in HOLDERS}
    for cell in want:
        worth = {"max_score": cell.points, "cell_type": cell.cell_type}
        if cell.grade:
            wanted[GradeCell][cell.grade_id] = worth
        if cell.solution:
            wanted[SolutionCell][cell.grade_id] = {}
        if cell.task:
            wanted[TaskCell][cell.grade_id] = worth
        wanted[StoredCell][cell.grade_id] = {
            "cell_type": cell.cell_type,
            "locked": cell.locked,
            "source": cell.source,
            "checksum": cell.checksum,
        }
    for kind, (place, holders) in HOLDERS.items():
        have = {cell.name: cell for cell in getattr(notebook, place)}
        for name, values in wanted[kind].items():
            if name in have:
                for key, value in values.items():
                    setattr(have[name], key, value)
                continue
            made = kind(name=name, notebook=notebook, **values)
            db.add(made)
            for submitted in notebook.submissions:
                db.add_all(holder(cell=made, notebook=submitted) for holder in holders)
        for name in have.keys() - wanted[kind].keys():
            for holder in holders:
                for row in db.scalars(select(holder).where(holder.cell_id == have[name].id)):
                    db.delete(row)
            db.delete(have[name])
    db.flush()


def _by_hand(row: Grade | Comment) -> bool:
    """Return whether a person gave these points or wrote this comment."""
    if isinstance(row, Comment):
        return bool(row.manual_comment)
    return row.manual_score is not None or bool(row.extra_credit)


def back_up(path: Path) -> Path:
    """Copy an SQLite gradebook, and return the path of the copy."""
    now = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    copied = path.with_name(f"{path.stem}-before-{now}{path.suffix}")
    source, target = sqlite3.connect(path), sqlite3.connect(copied)
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return copied
