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

import ast
import contextlib
import hashlib
import json
import os
import re
import stat
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

Cell = dict[str, Any]

MAX_FILE = 64 << 20  # bytes of a submitted notebook
MAX_CELLS = 2000
MAX_SOURCE = 1 << 20  # characters of a cell
MAX_ANSWERS = 20  # further cells that are shown as a written answer
SCHEMA_VERSION = 3  # of nbgrader's metadata

ELSEWHERE = "*Found in a further cell of the notebook:*"  # stands above such an answer

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

    def cell(self) -> Cell:
        """Return it as a notebook's cell."""
        name = re.sub(r"[^a-zA-Z0-9_-]", "-", self.grade_id)[:64] or "cell"
        return _new_cell(self.cell_type, self.source, name, {"nbgrader": self.metadata()})

    def new(self) -> NotebookNode:
        """Return it as a notebook's cell, for nbformat and nbgrader."""
        return _as_nodes(self.cell())


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


def text_hash(source: str) -> str:
    """Return what identifies a cell's text; space at the ends of lines does not count."""
    return hashlib.sha256(_squeezed(source).encode("utf-8", "replace")).hexdigest()[:32]


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
    except (OSError, ValueError) as error:
        if os.path.islink(path):
            raise Unreadable("it is a link to another file, not a notebook") from None
        if os.path.isdir(path):  # Windows opens no folder
            raise Unreadable("it is a folder, not a notebook") from None
        reason = getattr(error, "strerror", None) or "this is not a file's name"
        raise Unreadable(f"it cannot be opened ({reason})") from None
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
    return (
        f"it has {size / 1e6:.0f} MB, more than the {MAX_FILE / 1e6:.0f} MB that are read; clear "
        "the outputs of all cells and save it"
    )


def read_notebook(data: bytes) -> NotebookNode:
    """Return a submitted notebook, rebuilt from nothing but its cells' texts and grade ids.

    Raises:
        Unreadable: the bytes are no notebook.
    """
    return _as_nodes(read(data))


def read(data: bytes) -> dict[str, Any]:
    """Return a submitted notebook as `read_notebook` does, in plain dicts.

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
    cells = found.get("cells")
    if not isinstance(cells, list) and isinstance(found.get("worksheets"), list):
        cells = _cells_of_version_3(found["worksheets"])
    if not isinstance(cells, list):
        raise Unreadable("it is JSON, but no notebook: it has no cells")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"it has {len(cells)} cells, more than the {MAX_CELLS} that are read")
    ours = [cell for number, given in enumerate(cells) if (cell := _cell(given, number))]
    return _new_notebook(ours)


def _new_notebook(cells: list[Cell]) -> dict[str, Any]:
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _new_cell(kind: str, source: str, name: str, metadata: dict[str, Any] | None = None) -> Cell:
    cell = {"id": name, "cell_type": kind, "metadata": metadata or {}, "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell


def _as_nodes(value: Any) -> Any:
    """Return plain dicts as nbformat's, which has functions for this that check everything."""
    import nbformat

    return nbformat.from_dict(value)


def _cells_of_version_3(worksheets: list[Any]) -> list[Any]:
    """Return the cells of a notebook of 2011 to 2015, in the form of today's."""
    cells = []
    for sheet in worksheets:
        given = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in given if isinstance(given, list) else []:
            if not isinstance(cell, dict):
                continue
            kind = cell.get("cell_type")
            if kind == "code":
                cell = cell | {"source": cell.get("input", "")}
            elif kind == "heading":
                level = cell.get("level")
                marks = "#" * (level if type(level) is int and 1 <= level <= 6 else 1)
                cell = cell | {"cell_type": "markdown", "source": f"{marks} {text_of(cell)}"}
            cells.append(cell)
    return cells


def text_of(cell: Mapping[str, Any]) -> str:
    """Return a cell's text; in a file it may be a list of lines."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _cell(given: Any, number: int) -> Cell | None:
    if not isinstance(given, dict):
        return None
    source = text_of(given)[:MAX_SOURCE].encode("utf-8", "replace").decode()
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    kind = given.get("cell_type")
    known = isinstance(kind, str) and kind in ("code", "markdown")
    cell = _new_cell(kind if known else "raw", source, f"cell-{number}")
    metadata = given.get("metadata")
    marks = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if isinstance(marks, dict) and isinstance(marks.get("grade_id"), str):
        cell["metadata"]["nbgrader"] = {"grade_id": marks["grade_id"]}
    attachments = given.get("attachments")
    if kind == "markdown" and isinstance(attachments, dict) and _plain_attachments(attachments):
        cell["attachments"] = attachments
    return cell


def _plain_attachments(attachments: dict) -> bool:
    return all(
        isinstance(bundle, dict)
        and all(isinstance(m, str) and isinstance(d, str) for m, d in bundle.items())
        for bundle in attachments.values()
    )


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
    return _as_nodes(notebook), notes


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
        _show_answers(cells, known, released, notes)
    _unique_ids(cells)
    return _new_notebook(cells), notes


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


def _grade_id(cell: Mapping[str, Any]) -> str:
    marks = cell["metadata"].get("nbgrader")
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    return name if isinstance(name, str) else ""


def _named(cells: Sequence[Cell], course: Sequence[SourceCell]) -> list[tuple[str, Cell]]:
    """Return a submission's cells with their grade ids.

    Where a cell of the course's has lost its metadata, its text tells which it is.
    """
    names = [_grade_id(cell) for cell in cells]
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


def bound_names(source: str) -> frozenset[str] | None:
    """Return the names that a cell binds at its top level, None if only running it could tell."""
    lines = source.splitlines()
    plain = "\n".join("pass" if re.match(r"[%!]", line) else line for line in lines)
    try:
        body = ast.parse(plain).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    queue: list[ast.AST] = list(body)
    while queue:
        node = queue.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                names.add(node.name)
                continue  # what is bound within stays there
            case ast.Lambda():
                continue
            case ast.Import() | ast.ImportFrom():
                names |= {(a.asname or a.name).partition(".")[0] for a in node.names}
            case ast.Name(name, ast.Store()):
                names.add(name)
        queue += ast.iter_child_nodes(node)
    return frozenset(names)


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


def _squeezed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def without_hidden_tests(source: str) -> str:
    """Return a cell's text as it is handed out."""
    return _HIDDEN.sub("", source)


def _student_cell(cell: Cell) -> Cell:
    plain = _new_cell(cell["cell_type"], cell["source"], cell.get("id") or "cell")
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


# Written answers --------------------------------------------------------------------------------


def _show_answers(
    cells: list[Cell],
    known: dict[str, SourceCell],
    released: Collection[str],
    notes: list[str],
) -> None:
    """Let whoever grades a written answer see the text that stands in further cells.

    The place for an answer is as it was handed out, or was deleted, and the student has written
    text elsewhere. A copy of the text goes into the place, so it is no longer "No response.", and
    nbgrader's formgrader, too, asks a person to read it.

    Args:
        cells: in order; places for answers are changed in place.
        known: the course's cells by grade id.
        released: see `put_in_order`.
        notes: what was done is added.
    """
    places = [
        index
        for index, cell in enumerate(cells)
        if (course := known.get(_grade_id(cell))) is not None
        and course.solution
        and course.grade
        and course.cell_type == "markdown"
    ]
    if not places:
        return
    texts = {text_hash(cell.source) for cell in known.values()}
    found: dict[int, list[Cell]] = {}
    for index, cell in enumerate(cells):
        if "nbgrader" in cell["metadata"] or not _is_text(cell):
            continue
        if text_hash(cell["source"]) in texts or text_hash(cell["source"]) in released:
            continue
        above = [place for place in places if place < index]
        found.setdefault(above[-1] if above else places[0], []).append(cell)
    taken = {place for place in places if not _is_blank(cells[place], known, released)}
    for place, further in found.items():
        if place in taken:  # the answer stands in its place; perhaps this is another one's
            free = [other for other in places if other not in taken]
            if not free:
                continue
            place = min(free, key=lambda other: abs(other - place))
        cell = cells[place]
        name = _grade_id(cell)
        text = "\n\n".join(one["source"].strip() for one in further[:MAX_ANSWERS])[:MAX_SOURCE]
        cell["source"] = f"{cell['source'].rstrip()}\n\n{ELSEWHERE}\n\n{text}"
        attachments: dict[str, Any] = dict(cell.get("attachments", {}))
        for one in further[:MAX_ANSWERS]:
            attachments |= one.get("attachments", {})
        if attachments:
            cell["attachments"] = attachments
        note = f"cell `{name}` holds no answer; text in further cells is shown there to the grader"
        if note not in notes:
            notes.append(note)


def _is_blank(cell: Cell, known: dict[str, SourceCell], released: Collection[str]) -> bool:
    text = text_hash(cell["source"])
    return text in (text_hash(known[_grade_id(cell)].source), text_hash("")) or text in released


def _is_text(cell: Cell) -> bool:
    """Return whether a cell holds words, not code."""
    source = cell["source"]
    if not source.strip():
        return False
    if cell["cell_type"] != "code":
        return True
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # neither a magic nor a function with a fault in it
        return not re.search(
            r"^\s*([%!@]|def |class |import |from |return |for |while |if )|[=(]",
            source,
            re.MULTILINE,
        )
    return all(isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) for s in body) and (
        bool(body) or "YOUR CODE HERE" not in source
    )
