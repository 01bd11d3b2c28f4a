"""Puts a submitted notebook in order: the course's cells as handed out, the student's as they are.

Students delete, copy, move and edit cells, by mistake or not. What the course put there (test
cells, locked cells, points, flags) comes from the course's own record; from the submission comes
only what a student may write. So no change to a test cell has any effect, and no file can stop a
class. What a student wrote in the wrong place still counts: code in a cell of the course's runs as
a cell of the student's own, and a written answer in a further cell is shown below its place.

`check`, `grade` and `nbgrader autograde` all read and restore here. Inside, notebooks and cells are
plain dicts: nbformat takes longer to import than a notebook to grade.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.grading.notebook.answers import show_answers
from utils.grading.notebook.reading import (
    Cell,
    Unreadable,
    as_nodes,
    grade_id,
    new_cell,
    new_notebook,
    read,
    read_file,
    text_hash,
    text_of,
)
from utils.grading.notebook.source import bound_names

if TYPE_CHECKING:
    from nbformat import NotebookNode

__all__ = ["Unreadable", "read", "read_file", "read_notebook", "text_hash"]

SCHEMA_VERSION = 3  # of nbgrader's metadata

# One expression for both would look for the end anew at each beginning, of which a student may have
# written many.
_HIDDEN_BEGINS = re.compile(r"^[ \t]*#+ BEGIN HIDDEN TESTS", re.MULTILINE)
_HIDDEN_ENDS = re.compile(r"^[ \t]*#+ END HIDDEN TESTS[^\n]*\n?", re.MULTILINE)


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
        return without_hidden_tests(self.source) != self.source

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

    def cell(self) -> Cell:
        """Return it as a notebook's cell."""
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", self.grade_id)[:64] or "cell"
        return new_cell(self.cell_type, self.source, name, {"nbgrader": self.metadata()})

    def new(self) -> NotebookNode:
        """Return it as a notebook's cell, for nbformat and nbgrader."""
        return as_nodes(self.cell())


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
    source: Mapping[str, Any], released: Mapping[str, Any] | None = None
) -> list[SourceCell]:
    """Return the course's cells from a notebook of the course's.

    Args:
        source: nbgrader's source notebook, with solutions and hidden tests; or the one that was
            handed out, whose hidden tests are then empty.
        released: the notebook as it was handed out, for the text of the cells that students write.
    """
    handed_out = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in (released["cells"] if released else [])
        if "nbgrader" in cell["metadata"]
    }
    cells = []
    for cell in source["cells"]:
        given = cell["metadata"].get("nbgrader")
        if not given or not (
            given.get("grade") or given.get("solution") or given.get("locked") or given.get("task")
        ):
            continue
        name = given["grade_id"]
        other = handed_out.get(name)
        solution = bool(given.get("solution"))
        text = text_of(other if other is not None and solution else cell)
        cells.append(
            SourceCell(
                grade_id=name,
                cell_type=cell["cell_type"],
                source=text,
                grade=bool(given.get("grade")),
                solution=solution,
                locked=bool(given.get("locked")),
                task=bool(given.get("task", False)),
                points=float(given.get("points", 0)),
                checksum=other["metadata"]["nbgrader"].get("checksum", "")
                if other is not None
                else "",
            )
        )
    return cells


def hashes_of(notebook: Mapping[str, Any]) -> set[str]:
    """Return the hashes of the texts of all cells of a notebook that was handed out.

    What has one of them in a submission is the course's, of this release or an earlier one.
    """
    return {text_hash(text_of(cell)) for cell in notebook["cells"]}


def released_texts(*notebooks: Path) -> frozenset[str] | None:
    """Return the hashes of the texts of all cells of some notebooks of the course's.

    Returns:
        None if none of them can be read.
    """
    found: set[str] = set()
    for path in notebooks:
        with contextlib.suppress(Unreadable):
            found |= hashes_of(read(read_file(path)))
    return frozenset(found) or None


def cells_to_json(cells: Iterable[SourceCell]) -> list[dict]:
    """Return the course's cells as JSON can hold them."""
    return [asdict(cell) for cell in cells]


def read_notebook(data: bytes) -> NotebookNode:
    """Return a submitted notebook, rebuilt from nothing but its cells' texts and grade ids.

    Raises:
        Unreadable: the bytes are no notebook.
    """
    return as_nodes(read(data))


# Putting in order -------------------------------------------------------------------------------


def restore(
    submitted: Mapping[str, Any],
    course: Sequence[SourceCell],
    released: Collection[str] | None = None,
    releases: Sequence[Mapping[str, str]] = (),
) -> tuple[NotebookNode, list[str]]:
    """Return a submitted notebook in order, and a note on each thing that was wrong.

    Args:
        submitted: as `read_notebook` or nbformat gives it; it is left alone.
        course: the course's cells, in order.
        released, releases: see `put_in_order`.
    """
    notebook, notes = put_in_order(submitted, course, released, releases)
    return as_nodes(notebook), notes


def put_in_order(
    submitted: Mapping[str, Any],
    course: Sequence[SourceCell],
    released: Collection[str] | None = None,
    releases: Sequence[Mapping[str, str]] = (),
) -> tuple[dict[str, Any], list[str]]:
    """Return what `restore` does, in plain dicts.

    Args:
        submitted: as `read` gives it; it is left alone.
        course: the course's cells, in order.
        released: hashes of the texts of all cells that were ever handed out, see `hashes_of`. A
            cell with one of these texts was not edited, whatever the course's text is today, and
            holds nobody's answer. None: nobody knows, so no further cell counts as an answer.
        releases: what was handed out before, see `releases.known`: a cell that the submission's
            release did not have was not deleted.
    """
    known = {cell.grade_id: cell for cell in course}
    notes: list[str] = []
    parts = _named(submitted["cells"], course)
    kept = _one_of_each(parts, known, notes)

    before: list[Cell] = []  # cells above the first of the course's
    own: dict[str, list[Cell]] = {}  # a course's cell, below what a student wrote in it
    after: dict[str, list[Cell]] = {}  # a course's cell -> the student's cells that follow it
    order: list[str] = []
    for index, (name, cell) in enumerate(parts):
        if name in known and kept[name] == index:
            own[name] = _in_shape(cell, known[name], released or (), notes)
            order.append(name)
            after[name] = []
        else:
            plain = _student_cell(cell)
            (after[order[-1]] if order else before).append(plain)

    expected = [cell.grade_id for cell in course if cell.grade_id in own]
    for name, wanted in zip(order, expected, strict=True):
        if name != wanted:
            notes.append(f"cell `{name}` was moved; it is back in its place")
            break
    new = known.keys() - _likeliest(parts, releases).keys() if releases else set()
    theirs = [*before, *(cell for cells in (*own.values(), *after.values()) for cell in cells)]
    cells = list(before)
    for cell in course:
        if cell.grade_id in own:
            cells += [*own[cell.grade_id], *after[cell.grade_id]]
        elif cell.solution and not cell.grade:
            if cell.grade_id not in new:
                notes.append(_missing(cell, theirs))
        else:
            if cell.grade_id not in new:
                notes.append(f"cell `{cell.grade_id}` was deleted; it has been put back")
            cells.append(cell.cell())
    if released is not None:
        show_answers(cells, known, released, notes)
    _unique_ids(cells)
    return new_notebook(cells), notes


def _likeliest(
    parts: Sequence[tuple[str, Cell]], releases: Sequence[Mapping[str, str]]
) -> Mapping[str, str]:
    """Return the release that a submission was made from: the one with which it agrees most.

    Of several, the latest counts; it is the last.
    """
    texts = {name: text_hash(without_hidden_tests(cell["source"])) for name, cell in parts if name}

    def agreement(release: Mapping[str, str]) -> int:
        same = sum(texts.get(name) == text for name, text in release.items())
        return 2 * same - len(release.keys() ^ texts.keys())

    return max(reversed(releases), key=agreement)


def _named(cells: Sequence[Cell], course: Sequence[SourceCell]) -> list[tuple[str, Cell]]:
    """Return a submission's cells with their grade ids.

    Where a cell of the course's has lost its metadata, its text tells which it is.
    """
    names = [grade_id(cell) for cell in cells]
    known = {cell.grade_id for cell in course}
    lost: dict[str, list[str]] = {}  # a text -> the course's cells that have it and are not there
    for cell in course:
        if cell.grade_id not in names and cell.source.strip():
            lost.setdefault(text_hash(without_hidden_tests(cell.source)), []).append(cell.grade_id)
    for index, cell in enumerate(cells):
        if lost and names[index] not in known and cell["source"].strip():
            found = lost.get(text_hash(cell["source"]))
            if found:
                names[index] = found.pop(0)
    return list(zip(names, cells, strict=True))


def _one_of_each(
    parts: list[tuple[str, Cell]], known: dict[str, SourceCell], notes: list[str]
) -> dict[str, int]:
    """Return which copy of each of the course's cells counts: the first with something written."""
    kept: dict[str, int] = {}
    written: set[str] = set()
    for index, (name, cell) in enumerate(parts):
        if name not in known:
            continue
        if name in kept:
            note = f"cell `{name}` was there more than once; all copies were run"
            if note not in notes:
                notes.append(note)
        if name not in kept or name not in written:
            kept[name] = index
        if known[name].fixed or cell["source"].strip() != known[name].source.strip():
            written.add(name)
    return kept


def _in_shape(
    cell: Cell, course: SourceCell, released: Collection[str], notes: list[str]
) -> list[Cell]:
    """Return a submission's copy of one of the course's cells, with all that is the course's.

    Above it stands, as a cell of the student's own, what a student wrote in a cell that is not
    for writing: it runs before the course's text, so that what both define is the course's.
    """
    result = course.cell()
    name = course.grade_id
    if cell["cell_type"] != course.cell_type:
        notes.append(
            f"cell `{name}` was a {cell['cell_type']} cell; it is a {course.cell_type} cell again"
        )
    if not course.fixed:
        result["source"] = cell["source"]
        if course.cell_type == "markdown" and "attachments" in cell:
            result["attachments"] = cell["attachments"]
        return [result]
    handed_out = without_hidden_tests(course.source)
    text = text_hash(without_hidden_tests(cell["source"]))  # the course's own notebook has them
    if text == text_hash(handed_out) or text in released:
        return [result]
    note = (
        f"cell `{name}` was changed; the grader uses the course's text: put your "
        f"{'code' if course.cell_type == 'code' else 'text'} into a cell of your own"
    )
    written = _is_written(cell["source"], handed_out, course.cell_type)
    if written:
        note += " (what you added is read as such a cell)"
    notes.append(note)
    return [*([_student_cell(cell) | {"cell_type": course.cell_type}] if written else []), result]


def _is_written(source: str, handed_out: str, kind: str) -> bool:
    """Return whether an edited text of the course's holds what a student may have wanted to add."""
    if kind != "code":
        return bool(source.strip())
    given = bound_names(handed_out) or frozenset()
    binds = bound_names(source)
    return bool(source.strip()) if binds is None else bool(binds - given)


def _bound(cells: Iterable[Cell]) -> set[str]:
    """Return the names that the student's own cells among these bind."""
    plain = (c for c in cells if c["cell_type"] == "code" and "nbgrader" not in c["metadata"])
    return {name for cell in plain for name in bound_names(cell["source"]) or ()}


def _missing(cell: SourceCell, theirs: Iterable[Cell]) -> str:
    """Return the note on a cell for code that is not there, but perhaps in another cell."""
    asked = bound_names(cell.source) or frozenset()
    if asked and asked <= _bound(theirs):
        names = ", ".join(f"`{name}`" for name in sorted(asked))
        return f"cell `{cell.grade_id}` is missing; {names} was found in another cell"
    return f"cell `{cell.grade_id}` is missing: it was deleted"


def without_hidden_tests(source: str) -> str:
    """Return a cell's text as it is handed out."""
    kept, at = [], 0
    while begin := _HIDDEN_BEGINS.search(source, at):
        end = _HIDDEN_ENDS.search(source, begin.end())
        if not end:
            break
        kept.append(source[at : begin.start()])
        at = end.end()
    return "".join(kept) + source[at:]


def _student_cell(cell: Cell) -> Cell:
    plain = new_cell(cell["cell_type"], cell["source"], cell.get("id") or "cell")
    if "attachments" in cell:
        plain["attachments"] = cell["attachments"]
    return plain


def _unique_ids(cells: list[Cell]) -> None:
    seen: set[str] = set()
    for number, cell in enumerate(cells):
        name = cell["id"]
        while cell["id"] in seen:
            cell["id"] = f"{name[:50]}-{number}"
            number += len(cells)
        seen.add(cell["id"])
