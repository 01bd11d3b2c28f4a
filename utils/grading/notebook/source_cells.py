"""The course's cells of a problem set, from the gradebook or from one of the course's notebooks."""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from utils.grading.notebook.reading import (
    Cell,
    as_nodes,
    new_cell,
    read_json,
    text_hash,
    text_of,
)
from utils.grading.notebook.source import bound_names, parsed

if TYPE_CHECKING:
    from nbformat import NotebookNode

RELEASES_FILE = "releases.json"  # the problem sets' releases, see `course.releases`
SCHEMA_VERSION = 3  # of nbgrader's metadata

# A single expression for both would search for the end at each beginning, and a student may write
# many of these.
_BEGIN, _END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"
_HIDDEN_BEGINS = re.compile(rf"^[ \t]*#+ {_BEGIN}", re.MULTILINE)
_HIDDEN_ENDS = re.compile(rf"^[ \t]*#+ {_END}[^\n]*\n?", re.MULTILINE)


@dataclass(frozen=True)
class SourceCell:
    """A cell in the course's version.

    Attributes:
        grade_id, cell_type, source: as in nbgrader's source notebook, including hidden tests; for a
            cell that students write, `source` is the released text.
        grade, solution, locked, task, points: nbgrader's flags and the points.
        checksum: nbgrader's checksum of the released cell.
        imports: "NAME MODULE [ATTRIBUTE]" for each import of the course's own notebook in cells
            that are neither locked nor graded; all are stored in the first cell.
        classes: names of the classes that the course's solution defines in this cell.
        completes: names of locked cells, and of these imports, that the course's solution changes
            in this cell; and built-in functions that it redefines.
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
    imports: tuple[str, ...] = field(default=(), compare=False)
    classes: tuple[str, ...] = field(default=(), compare=False)
    completes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def fixed(self) -> bool:
        """Whether students may not edit it."""
        return not self.solution

    @property
    def is_test(self) -> bool:
        """Whether running it gives its points."""
        return self.grade and not self.solution and not self.task and self.cell_type == "code"

    @property
    def hidden(self) -> bool:
        """Whether it contains hidden tests."""
        return without_hidden_tests(self.source) != self.source

    def metadata(self) -> dict[str, Any]:
        """Return its nbgrader metadata."""
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
        """Return it as a cell of a notebook, in plain dicts."""
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", self.grade_id)[:64] or "cell"
        return new_cell(self.cell_type, self.source, name, {"nbgrader": self.metadata()})

    def new(self) -> NotebookNode:
        """Return it as a cell of a notebook, for nbformat and nbgrader."""
        return as_nodes(self.cell())


def cells_of_gradebook(gradebook: Any, assignment: str, notebook: str) -> list[SourceCell]:
    """Return the course's cells from nbgrader's gradebook.

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
    """Return the course's cells from one of the course's notebooks.

    Args:
        source: nbgrader's source notebook, with solutions and hidden tests; or the released one,
            whose hidden tests are empty.
        released: the released notebook, for the texts of the cells that students write.
    """
    handed_out = {
        cell["metadata"]["nbgrader"]["grade_id"]: cell
        for cell in (released["cells"] if released else [])
        if "nbgrader" in cell["metadata"]
    }
    cells = []
    imports: list[str] = []
    locked: set[str] = set()
    for cell in source["cells"]:
        given = cell["metadata"].get("nbgrader")
        code = text_of(cell) if cell["cell_type"] == "code" else ""
        if not given or not (
            given.get("grade") or given.get("solution") or given.get("locked") or given.get("task")
        ):
            imports += imported(code)
            continue
        name = given["grade_id"]
        other = handed_out.get(name)
        solution = bool(given.get("solution"))
        text = text_of(other if other is not None and solution else cell)
        classes, changed = defined_by(code) if solution else (set[str](), set[str]())
        if given.get("locked") and not given.get("grade"):
            locked |= bound_names(code) or frozenset()
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
                classes=tuple(sorted(classes)),
                completes=tuple(
                    sorted((locked | {i.split()[0] for i in imports}) & changed | _builtins(code))
                )
                if solution
                else (),
            )
        )
    if cells:
        cells[0] = replace(cells[0], imports=tuple(imports))
    return cells


def with_meanings(
    cells: Sequence[SourceCell], source: Mapping[str, Any] | None
) -> list[SourceCell]:
    """Add the data on names to cells of the gradebook, which only a notebook contains.

    Args:
        cells: the gradebook's cells.
        source: the source notebook, or the released one; None if there is neither.
    """
    read = cells_of_notebook(source) if source else []
    known = {cell.grade_id: cell for cell in read}
    found = []
    for cell in cells:
        same = known.get(cell.grade_id, cell)
        found.append(replace(cell, classes=same.classes, completes=same.completes))
    if found and read:
        found[0] = replace(found[0], imports=read[0].imports)
    return found


def other_kernel(notebook: Mapping[str, Any]) -> str:
    """Return the language of a notebook's kernel, "" for Python."""
    metadata = notebook.get("metadata") or {}
    kernel = metadata.get("kernelspec") or {}
    language = kernel.get("language") or (metadata.get("language_info") or {}).get("name") or ""
    name = str(kernel.get("name") or "")
    if str(language).lower() in ("python", "ipython") or name.startswith(("python", "conda")):
        return ""
    known = {"ir": "R", "julia": "Julia", "bash": "Bash", "octave": "Octave", "xcpp": "C++"}
    guessed = next((what for start, what in known.items() if name.startswith(start)), "")
    return str(language) or guessed


def usual_delimiters(source: str, begin: str, end: str) -> str:
    """Replace a course's own delimiters of hidden tests by those of `without_hidden_tests`.

    As in nbgrader, any line that contains a delimiter counts as one.

    Args:
        source: the cell's text.
        begin, end: the course's own delimiters, or nbgrader's.
    """
    if not begin or not end or begin not in source:
        return source
    lines = []
    for line in source.split("\n"):
        if begin in line and not _HIDDEN_BEGINS.match(line):
            lines.append(f"### {_BEGIN}")
            lines += [] if line.strip().startswith("#") else [line]
        elif end in line and not _HIDDEN_ENDS.match(line):
            lines += [] if line.strip().startswith("#") else [line]
            lines.append(f"### {_END}")
        else:
            lines.append(line)
    return "\n".join(lines)


def imported(code: str) -> list[str]:
    """Return "NAME MODULE [ATTRIBUTE]" for each absolute import in a cell."""
    found = []
    for node in ast.walk(_tree(code)):
        if isinstance(node, ast.Import):
            for one in node.names:
                top = one.name.partition(".")[0]
                found.append(f"{one.asname} {one.name}" if one.asname else f"{top} {top}")
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [f"{one.asname or one.name} {node.module} {one.name}" for one in node.names]
    return found


def defined_by(code: str) -> tuple[set[str], set[str]]:
    """Return the classes that a solution defines, and the names that it changes.

    A name is changed if it is bound, or if one of its attributes is set: `Net.forward = forward`.
    An import at the top level does not count: solutions often repeat imports.
    """
    tree = _tree(code)
    classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
    rest = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    changed = set(bound_names(ast.unparse(ast.Module(rest, []))) or ())
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(ast.Name(name), _, ast.Store()):
                changed.add(name)
            case ast.Call(ast.Name("setattr"), [ast.Name(name), *_]):
                changed.add(name)
    return classes, changed


def _builtins(code: str) -> set[str]:
    """Return the built-in functions that a solution redefines: `def sorted(a): ...`"""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return {n.name for n in _tree(code).body if isinstance(n, kinds)} & vars(builtins).keys()


def _tree(code: str) -> ast.Module:
    """Return a cell's syntax tree, an empty one if it cannot be parsed."""
    return parsed(code) or ast.Module([], [])


def hashes_of(notebook: Mapping[str, Any]) -> set[str]:
    """Return the hashes of the texts of all cells of a released notebook.

    A cell of a submission with one of these hashes is the course's, unchanged.
    """
    return {text_hash(text_of(cell)) for cell in notebook["cells"]}


def read_releases(path: Path, problem_set: str) -> list[dict[str, str]]:
    """Return a problem set's releases in a file, the earliest first."""
    found = read_json(path).get(problem_set, [])
    return [release for release in found if isinstance(release, dict)]


def without_hidden_tests(source: str) -> str:
    """Return a cell's text without its hidden tests."""
    kept, at = [], 0
    while begin := _HIDDEN_BEGINS.search(source, at):
        end = _HIDDEN_ENDS.search(source, begin.end())
        if not end:
            break
        kept.append(source[at : begin.start()])
        at = end.end()
    return "".join(kept) + source[at:]
