"""Restore a submitted notebook: the course's cells as released, the student's as they are.

Students delete, copy, move and edit cells, by mistake or on purpose. The course's parts (test
cells, locked cells, points, flags) are taken from the course's own record; from the submission come
only the parts that a student may write. So no change to a test cell has any effect, and no file can
stop the grading of a class. Work in the wrong place still counts: code in one of the course's cells
runs as a separate cell of the student's, and a written answer in a further cell is copied into its
answer cell.

`check`, `grade` and `nbgrader autograde` all read and restore here. Internally, notebooks and cells
are plain dicts: importing nbformat takes longer than grading a notebook.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from utils.grading.notebook.misplaced_answers import show_answers
from utils.grading.notebook.reading import (
    Cell,
    as_nodes,
    grade_id,
    new_cell,
    new_notebook,
    read,
    text_hash,
)
from utils.grading.notebook.source import bound_names
from utils.grading.notebook.source_cells import SourceCell, without_hidden_tests

if TYPE_CHECKING:
    from nbformat import NotebookNode

_FENCE = "```"


def read_notebook(data: bytes) -> NotebookNode:
    """Return a submitted notebook, rebuilt from its cells' types, texts, grade ids and attachments.

    Raises:
        Unreadable: the bytes are not a notebook.
    """
    return as_nodes(read(data))


# Restoring --------------------------------------------------------------------------------------


def restore(
    submitted: Mapping[str, Any],
    course: Sequence[SourceCell],
    released: Collection[str] | None = None,
    releases: Sequence[Mapping[str, str]] = (),
    documents: Collection[str] = (),
) -> tuple[NotebookNode, list[str]]:
    """Return the restored notebook, and a note on each repair.

    Args:
        submitted: from `read_notebook` or nbformat; it is not changed.
        course: the course's cells, in order.
        released, releases, documents: see `put_in_order`.
    """
    notebook, notes = put_in_order(submitted, course, released, releases, documents)
    return as_nodes(notebook), notes


def put_in_order(
    submitted: Mapping[str, Any],
    course: Sequence[SourceCell],
    released: Collection[str] | None = None,
    releases: Sequence[Mapping[str, str]] = (),
    documents: Collection[str] = (),
) -> tuple[dict[str, Any], list[str]]:
    """Restore a notebook like `restore`, in plain dicts.

    Args:
        submitted: from `read`; it is not changed.
        course: the course's cells, in order.
        released: hashes of the texts of all cells ever released, see `hashes_of`. A cell with one
            of these texts was not edited, whatever the course's current text is, and contains no
            answer. None: unknown, so no further cell counts as an answer.
        releases: earlier releases, see `releases.known`: a cell missing from the submission's
            release does not count as deleted.
        documents: names of files beside the notebook that may contain a written answer, see
            `extra_files.documents`.
    """
    known = {cell.grade_id: cell for cell in course}
    notes: list[str] = []
    parts = _as_code(named(submitted["cells"], course), known, notes)
    kept = _one_of_each(parts, known, notes)

    before: list[Cell] = []  # cells above the course's first cell
    own: dict[str, list[Cell]] = {}  # a course's cell, after the code that a student wrote in it
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
    for wanted_cell in course:
        name = wanted_cell.grade_id
        if name in own:
            cells += [*own[name], *after[name]]
        elif wanted_cell.solution and not wanted_cell.grade:
            if name not in new:
                notes.append(_missing(wanted_cell, theirs))
        else:
            if name not in new:
                notes.append(f"cell `{name}` was deleted; it has been put back")
            cells.append(wanted_cell.cell())
    if released is not None:
        show_answers(cells, known, released, notes, documents)
    _unique_ids(cells)
    return new_notebook(cells), notes


def _likeliest(
    parts: Sequence[tuple[str, Cell]], releases: Sequence[Mapping[str, str]]
) -> Mapping[str, str]:
    """Return the release that a submission was most likely made from: the one it agrees with most.

    In a tie, the latest release counts, which is the last.
    """
    texts = {name: text_hash(without_hidden_tests(cell["source"])) for name, cell in parts if name}

    def agreement(release: Mapping[str, str]) -> int:
        same = sum(texts.get(name) == text for name, text in release.items())
        return 2 * same - len(release.keys() ^ texts.keys())

    return max(reversed(releases), key=agreement)


def named(cells: Sequence[Cell], course: Sequence[SourceCell]) -> list[tuple[str, Cell]]:
    """Return a submission's cells with their grade ids.

    A course's cell that has lost its metadata is recognised by its text.
    """
    names = [grade_id(cell) for cell in cells]
    known = {cell.grade_id for cell in course}
    lost: dict[str, list[str]] = {}  # a text -> the missing course cells that have it
    for one in course:
        if one.grade_id not in names and one.source.strip():
            lost.setdefault(text_hash(without_hidden_tests(one.source)), []).append(one.grade_id)
    for index, cell in enumerate(cells):
        if lost and names[index] not in known and cell["source"].strip():
            found = lost.get(text_hash(cell["source"]))
            if found:
                names[index] = found.pop(0)
    return list(zip(names, cells, strict=True))


def _as_code(
    parts: list[tuple[str, Cell]], known: Mapping[str, SourceCell], notes: list[str]
) -> list[tuple[str, Cell]]:
    """Return the cells, converting to code those of another type that define a task's names.

    Such a cell has lost its grade id, or its code is in a fenced Markdown block.
    """
    there = {name for name, _ in parts}
    lost = {
        name: asked
        for name, cell in known.items()
        if cell.solution and cell.cell_type == "code" and name not in there
        if (asked := bound_names(cell.source))
    }
    changed = []
    for name, cell in parts:
        if cell["cell_type"] == "code":
            changed.append((name, cell))
            continue
        fenced = _fenced(cell["source"])
        code = cell["source"] if fenced is None else fenced
        course = known.get(name)
        if course is not None:
            if fenced is not None and course.solution and course.cell_type == "code":
                cell = cell | {"source": code}
        elif any(asked <= (bound_names(code) or frozenset()) for asked in lost.values()):
            found = ", ".join(f"`{n}`" for n in sorted(bound_names(code) or ()))
            notes.append(f"a {cell['cell_type']} cell defines {found}; it was run as code")
            cell = new_cell("code", code, cell.get("id") or "cell")
        changed.append((name, cell))
    return changed


def _fenced(source: str) -> str | None:
    """Return the content of a fenced Markdown block if the text is nothing else, else None.

    A regular expression would backtrack over blanks that can match several of its parts.
    """
    head, newline, rest = source.strip().partition("\n")
    if not (newline and head.startswith(_FENCE) and rest.endswith(_FENCE)):
        return None
    language = head.removeprefix(_FENCE).strip(" \t")
    if not re.fullmatch(r"\w*", language):
        return None
    return rest.removesuffix(_FENCE).removesuffix("\n")


def _one_of_each(
    parts: list[tuple[str, Cell]], known: dict[str, SourceCell], notes: list[str]
) -> dict[str, int]:
    """Return the index of the copy that counts for each course cell: the first that was edited."""
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
    """Return a submission's copy of a course cell with the course's parts restored.

    If a student wrote in a cell that is not meant for it, their text comes before it as a cell of
    its own: it runs before the course's text, so that the course's definitions win.
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
    text = text_hash(without_hidden_tests(cell["source"]))  # as in the course's own notebook
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
    return [*([_student_cell(cell, course.cell_type)] if written else []), result]


def _is_written(source: str, handed_out: str, kind: str) -> bool:
    """Return whether an edited text of the course's may contain a student's addition."""
    if kind != "code":
        return bool(source.strip())
    given = bound_names(handed_out) or frozenset()
    binds = bound_names(source)
    return bool(source.strip()) if binds is None else bool(binds - given)


def _bound(cells: Iterable[Cell]) -> set[str]:
    """Return the names that the student's own code cells among these bind."""
    plain = (c for c in cells if c["cell_type"] == "code" and "nbgrader" not in c["metadata"])
    return {name for cell in plain for name in bound_names(cell["source"]) or ()}


def _missing(cell: SourceCell, theirs: Iterable[Cell]) -> str:
    """Return the note on a missing code cell, whose code may be in another cell."""
    asked = bound_names(cell.source) or frozenset()
    if asked and asked <= _bound(theirs):
        names = ", ".join(f"`{name}`" for name in sorted(asked))
        return f"cell `{cell.grade_id}` is missing; {names} was found in another cell"
    return f"cell `{cell.grade_id}` is missing: it was deleted"


def _student_cell(cell: Cell, kind: str = "") -> Cell:
    """Return a cell as one of the student's own, of another kind if one is given."""
    plain = new_cell(kind or cell["cell_type"], cell["source"], cell.get("id") or "cell")
    if "attachments" in cell and plain["cell_type"] == "markdown":
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
