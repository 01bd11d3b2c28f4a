"""Puts a submitted notebook in order: the course's cells as handed out, the student's as they are.

Students delete, copy, move and edit cells, by mistake or not. What the course put there (test
cells, locked cells, points, flags) comes from the course's own record; from the submission comes
only what a student may write. So no change to a test cell has any effect, and no file can stop a
class.
"""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

MAX_FILE = 64 << 20  # bytes of a submitted notebook
MAX_CELLS = 2000
MAX_SOURCE = 1 << 20  # characters of a cell
SCHEMA_VERSION = 3  # of nbgrader's metadata

_HIDDEN = re.compile(
    r"^[ \t]*#+ BEGIN HIDDEN TESTS.*?^[ \t]*#+ END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE
)


# How a file is opened: no link is followed, no pipe is waited for. Windows knows neither.
_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")
_PLAIN_FILE = os.O_RDONLY | sum(getattr(os, name, 0) for name in _FLAGS)


class Unreadable(ValueError):
    """A submitted file that is no notebook; the message says why."""


@dataclass(frozen=True)
class SourceCell:
    """A cell as the course has it.

    Attributes:
        grade_id, cell_type, source: as in nbgrader's source notebook, hidden tests included; of a
            cell that students write, as it was handed out.
        grade, solution, locked, task, points: its flags and points.
        checksum: of the cell as it was handed out.
    """

    grade_id: str
    cell_type: str
    source: str
    grade: bool
    solution: bool
    locked: bool
    task: bool = False
    points: float = 0.0
    checksum: str = ""

    @property
    def fixed(self) -> bool:
        """Whether students cannot write in it."""
        return not self.solution

    @property
    def is_test(self) -> bool:
        """Whether its points are given by running it."""
        return self.grade and not self.solution and not self.task and self.cell_type == "code"

    @property
    def hidden(self) -> bool:
        """Whether it holds hidden tests."""
        return bool(_HIDDEN.search(self.source))

    def metadata(self) -> dict[str, Any]:
        """Return nbgrader's metadata for it."""
        found: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "grade_id": self.grade_id,
            "grade": self.grade,
            "solution": self.solution,
            "locked": self.locked,
            "task": self.task,
            "cell_type": self.cell_type,
            "checksum": self.checksum,
        }
        return found | ({"points": self.points} if self.grade or self.task else {})

    def new(self) -> NotebookNode:
        """Return it as a notebook's cell."""
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", self.grade_id)[:64]
        return new_cell(self.cell_type, self.source, name, {"nbgrader": self.metadata()})


def cells_of_gradebook(gradebook: Any, assignment: str, notebook: str) -> list[SourceCell]:
    """Return the course's cells as nbgrader's gradebook has them.

    Args:
        gradebook: a `nbgrader.api.Gradebook`.
        assignment: the problem set's name.
        notebook: the notebook's name.
    """
    found = gradebook.find_notebook(notebook, assignment)
    points = {cell.name: float(cell.max_score) for cell in (*found.grade_cells, *found.task_cells)}
    grades = {cell.name for cell in found.grade_cells}
    solutions = {cell.name for cell in found.solution_cells}
    tasks = {cell.name for cell in found.task_cells}
    return [
        SourceCell(
            grade_id=cell.name,
            cell_type=cell.cell_type,
            source=cell.source or "",
            grade=cell.name in grades,
            solution=cell.name in solutions,
            locked=bool(cell.locked),
            task=cell.name in tasks,
            points=points.get(cell.name, 0.0),
            checksum=cell.checksum or "",
        )
        for cell in found.source_cells
    ]


def cells_of_notebook(
    source: NotebookNode, released: NotebookNode | None = None
) -> list[SourceCell]:
    """Return the course's cells from its source notebook.

    Args:
        source: nbgrader's source notebook, with solutions and hidden tests.
        released: the notebook as it was handed out, for the text of the cells that students write.
    """
    handed_out = {
        cell.metadata["nbgrader"]["grade_id"]: cell
        for cell in (released.cells if released else [])
        if "nbgrader" in cell.metadata
    }
    cells = []
    for cell in source.cells:
        given = cell.metadata.get("nbgrader")
        if not given or not (
            given.get("grade") or given.get("solution") or given.get("locked") or given.get("task")
        ):
            continue
        name = given["grade_id"]
        other = handed_out.get(name)
        solution = bool(given.get("solution"))
        text = other.source if other is not None and solution else cell.source
        cells.append(
            SourceCell(
                grade_id=name,
                cell_type=cell.cell_type,
                source=text,
                grade=bool(given.get("grade")),
                solution=solution,
                locked=bool(given.get("locked")),
                task=bool(given.get("task", False)),
                points=float(given.get("points", 0)),
                checksum=other.metadata["nbgrader"].get("checksum", "")
                if other is not None
                else "",
            )
        )
    return cells


def cells_to_json(cells: Iterable[SourceCell]) -> list[dict]:
    """Return the course's cells as JSON can hold them."""
    return [asdict(cell) for cell in cells]


# Reading ----------------------------------------------------------------------------------------


def read_file(path: str | Path) -> bytes:
    """Return a submitted file's bytes.

    Raises:
        Unreadable: it is missing, a link, a folder or too large.
    """
    try:
        fd = os.open(path, _PLAIN_FILE)
    except FileNotFoundError:
        raise Unreadable("there is no such file") from None
    except OSError as error:
        if os.path.islink(path):
            raise Unreadable("it is a link to another file, not a notebook") from None
        raise Unreadable(f"it cannot be opened ({error.strerror})") from None
    try:
        about = os.fstat(fd)
        if stat.S_ISDIR(about.st_mode):
            raise Unreadable("it is a folder, not a notebook")
        if not stat.S_ISREG(about.st_mode):
            raise Unreadable("it is no ordinary file")
        if about.st_size > MAX_FILE:
            raise Unreadable(_too_large(about.st_size))
        with open(fd, "rb", closefd=False) as file:  # a folder cannot be opened so
            return file.read(min(about.st_size, MAX_FILE) + 1)  # it may grow while it is read
    finally:
        os.close(fd)


def _too_large(size: int) -> str:
    return f"it has {size / 1e6:.0f} MB, more than the {MAX_FILE / 1e6:.0f} MB that are read"


def new_cell(
    kind: str, source: str, name: str, metadata: dict[str, Any] | None = None
) -> NotebookNode:
    """Return a cell as nbformat's own functions do, which check every one against a schema."""
    cell = {"id": name, "cell_type": kind, "metadata": metadata or {}, "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return nbformat.from_dict(cell)


def read_notebook(data: bytes) -> NotebookNode:
    """Return a submitted notebook, rebuilt from nothing but its cells' texts and grade ids.

    Raises:
        Unreadable: the bytes are no notebook.
    """
    if len(data) > MAX_FILE:
        raise Unreadable(_too_large(len(data)))
    if not data.strip():
        raise Unreadable("the file is empty")
    try:
        found = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("it is not text in UTF-8, so no notebook") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"it is not valid JSON, so no notebook ({str(error)[:100]})") from None
    if not isinstance(found, dict):
        raise Unreadable("it is JSON, but no notebook")
    if isinstance(found.get("worksheets"), list):
        found = _from_version_3(found)
    cells = found.get("cells")
    if not isinstance(cells, list):
        raise Unreadable("it is JSON, but no notebook: it has no cells")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"it has {len(cells)} cells, more than the {MAX_CELLS} that are read")
    notebook = new_notebook(metadata=_kernel(found.get("metadata")))
    notebook.cells = [
        cell for number, given in enumerate(cells) if (cell := _cell(given, number)) is not None
    ]
    return notebook


def _from_version_3(found: dict) -> dict:
    try:
        return nbformat.convert(nbformat.from_dict(found), 4)
    except Exception as error:
        raise Unreadable(f"it is a notebook of an old version, and damaged ({error})") from None


def _kernel(metadata: Any) -> dict[str, Any]:
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {"kernelspec": python, "language_info": {"name": "python"}}


def _cell(given: Any, number: int) -> NotebookNode | None:
    if not isinstance(given, dict):
        return None
    source = given.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    if not isinstance(source, str):
        return None
    source = source[:MAX_SOURCE].encode("utf-8", "replace").decode()
    kind = given.get("cell_type")
    known = isinstance(kind, str) and kind in ("code", "markdown")
    cell = new_cell(kind if known else "raw", source, f"cell-{number}")
    metadata = given.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if isinstance(marks, dict) and isinstance(marks.get("grade_id"), str):
        cell.metadata["nbgrader"] = {"grade_id": marks["grade_id"]}
    if kind == "markdown" and (attachments := _attachments(given.get("attachments"))):
        cell["attachments"] = nbformat.from_dict(attachments)
    return cell


def _attachments(given: Any) -> dict[str, dict[str, str]]:
    """Return a cell's pictures by name and type; data in lines are joined, all else is left out."""
    found: dict[str, dict[str, str]] = {}
    for name, bundle in given.items() if isinstance(given, dict) else ():
        for kind, data in bundle.items() if isinstance(bundle, dict) else ():
            lines = data if isinstance(data, list) else [data]
            if all(isinstance(line, str) for line in lines):
                found.setdefault(name, {})[kind] = "".join(lines)
    return found


# Putting in order -------------------------------------------------------------------------------


def restore(
    submitted: NotebookNode, course: Sequence[SourceCell]
) -> tuple[NotebookNode, list[str]]:
    """Return a submitted notebook in order, and a note on each thing that was wrong.

    Args:
        submitted: as `read_notebook` or nbformat gives it; it is left alone.
        course: the course's cells, in order.
    """
    known = {cell.grade_id: cell for cell in course}
    notes: list[str] = []
    parts = [(_grade_id(cell), cell) for cell in submitted.cells]
    kept = _one_of_each(parts, known, notes)

    before: list[NotebookNode] = []  # cells above the first of the course's
    own: dict[str, NotebookNode] = {}
    after: dict[
        str, list[NotebookNode]
    ] = {}  # a course's cell -> the student's cells that follow it
    order: list[str] = []
    for index, (name, cell) in enumerate(parts):
        if name in known and kept[name] == index:
            own[name] = _in_shape(cell, known[name], notes)
            order.append(name)
            after[name] = []
        else:
            plain = _student_cell(cell)
            (after[order[-1]] if order else before).append(plain)

    expected = [cell.grade_id for cell in course if cell.grade_id in own]
    for name, wanted in zip(order, expected, strict=True):
        if name != wanted:
            notes.append(f"cell {name} was moved; it is back in its place")
            break
    cells = list(before)
    for cell in course:
        if cell.grade_id in own:
            cells += [own[cell.grade_id], *after[cell.grade_id]]
        elif cell.solution and not cell.grade:
            notes.append(f"cell {cell.grade_id} is missing: it was deleted")
        else:
            notes.append(f"cell {cell.grade_id} was deleted; it has been put back")
            cells.append(cell.new())
    result = new_notebook(metadata=submitted.metadata, cells=cells)
    _unique_ids(result)
    return result, notes


def _grade_id(cell: NotebookNode) -> str:
    marks = cell.metadata.get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else ""


def _one_of_each(
    parts: list[tuple[str, NotebookNode]], known: dict[str, SourceCell], notes: list[str]
) -> dict[str, int]:
    """Return which copy of each of the course's cells counts: the first with something written."""
    kept: dict[str, int] = {}
    written: set[str] = set()
    for index, (name, cell) in enumerate(parts):
        if name not in known:
            continue
        if name in kept:
            note = f"cell {name} was there more than once; all copies were run"
            if note not in notes:
                notes.append(note)
        if name not in kept or name not in written:
            kept[name] = index
        if known[name].fixed or cell.source.strip() != known[name].source.strip():
            written.add(name)
    return kept


def _in_shape(cell: NotebookNode, course: SourceCell, notes: list[str]) -> NotebookNode:
    """Return a submission's copy of one of the course's cells, with all that is the course's."""
    result = course.new()
    if cell.cell_type != course.cell_type:
        notes.append(
            f"cell {course.grade_id} was a {cell.cell_type} cell; it is {course.cell_type} again"
        )
    if course.fixed:
        if cell.source not in (course.source, without_hidden_tests(course.source)) and (
            _squeezed(cell.source) != _squeezed(without_hidden_tests(course.source))
        ):
            notes.append(f"cell {course.grade_id} was edited; the course's text is back")
    else:
        result.source = cell.source
        if course.cell_type == "markdown" and "attachments" in cell:
            result["attachments"] = cell.attachments
    return result


def _squeezed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def without_hidden_tests(source: str) -> str:
    """Return a cell's text as it is handed out."""
    return _HIDDEN.sub("", source)


def _student_cell(cell: NotebookNode) -> NotebookNode:
    plain = new_cell(cell.cell_type, cell.source, cell.get("id", "cell"))
    if "attachments" in cell:
        plain["attachments"] = cell.attachments
    return plain


def _unique_ids(notebook: NotebookNode) -> None:
    seen: set[str] = set()
    for number, cell in enumerate(notebook.cells):
        while cell.id in seen:
            cell.id = f"{cell.id[:50]}-{number}"
        seen.add(cell.id)
