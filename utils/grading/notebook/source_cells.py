"""The course's cells of a problem set, from its gradebook or from a notebook of the course's."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.grading.notebook.reading import (
    Cell,
    Unreadable,
    as_nodes,
    new_cell,
    read,
    read_file,
    read_json,
    text_hash,
    text_of,
)

if TYPE_CHECKING:
    from nbformat import NotebookNode

RELEASES_FILE = "releases.json"  # of a problem set's releases, see `course.releases`
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


def read_releases(path: Path, problem_set: str) -> list[dict[str, str]]:
    """Return the releases of a problem set that a file knows, the earliest first."""
    found = read_json(path).get(problem_set, [])
    return [release for release in found if isinstance(release, dict)]


def cells_to_json(cells: Iterable[SourceCell]) -> list[dict]:
    """Return the course's cells as JSON can hold them."""
    return [asdict(cell) for cell in cells]


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
