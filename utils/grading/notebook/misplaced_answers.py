"""Find written answers outside the cells that are meant for them."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from typing import Any

from utils.grading.notebook.reading import MAX_SOURCE, Cell, grade_id, text_hash
from utils.grading.notebook.source import MAX_PARSED, parsed
from utils.grading.notebook.source_cells import SourceCell

MAX_ANSWERS = 20  # maximum number of further cells shown as a written answer
BESIDE = "*Nothing was written here. These files lie beside the notebook:*"
ELSEWHERE = "*Found in a further cell of the notebook:*"  # heading of such an answer


def show_answers(
    cells: list[Cell],
    known: Mapping[str, SourceCell],
    released: Collection[str],
    notes: list[str],
    documents: Collection[str] = (),
) -> None:
    """Copy text from further cells into an answer cell that is unchanged or was deleted.

    If the student has written the text elsewhere, the answer cell gets a copy, so that it no longer
    counts as "No response.", and nbgrader's formgrader asks a person to read it.

    Args:
        cells: the restored cells; answer cells are changed in place.
        known: the course's cells by grade id.
        released: see `put_in_order`.
        notes: notes are added.
        documents: names of files beside the notebook that may contain an answer.
    """
    places = [
        index
        for index, cell in enumerate(cells)
        if (course := known.get(grade_id(cell))) is not None
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
        if place in taken:  # this answer is in its cell; the text may belong to another
            free = [other for other in places if other not in taken]
            if not free:
                continue
            place = min(free, key=lambda other: abs(other - place))
        taken.add(place)
        cell = cells[place]
        text = "\n\n".join(one["source"].strip() for one in further[:MAX_ANSWERS])[:MAX_SOURCE]
        cell["source"] = f"{cell['source'].rstrip()}\n\n{ELSEWHERE}\n\n{text}"
        attachments: dict[str, Any] = dict(cell.get("attachments", {}))
        for one in further[:MAX_ANSWERS]:
            attachments |= one.get("attachments", {})
        if attachments:
            cell["attachments"] = attachments
        _note(cell, "text in further cells is shown there to the grader", notes)
    shown = "".join(cell["source"] for cell in cells if cell["cell_type"] == "markdown")
    names = [name for name in documents if name.rpartition("/")[2] not in shown][:MAX_ANSWERS]
    for place in places:
        if names and place not in taken:
            listed = "".join(f"- `{name.replace('`', '')}`\n" for name in names)
            cell = cells[place]
            cell["source"] = f"{cell['source'].rstrip()}\n\n{BESIDE}\n\n{listed}"
            _note(cell, f"it may be in a file beside the notebook: {', '.join(names[:4])}", notes)


def _note(cell: Cell, what: str, notes: list[str]) -> None:
    note = f"cell `{grade_id(cell)}` holds no answer; {what}"
    if note not in notes:
        notes.append(note)


def _is_blank(cell: Cell, known: Mapping[str, SourceCell], released: Collection[str]) -> bool:
    text = text_hash(cell["source"])
    return text in (text_hash(known[grade_id(cell)].source), text_hash("")) or text in released


def _is_text(cell: Cell) -> bool:
    """Return whether a cell contains prose rather than code."""
    source = cell["source"]
    if not source.strip():
        return False
    if cell["cell_type"] != "code":
        return True
    if len(source) > MAX_PARSED:
        return False
    if (tree := parsed(source)) is None:
        # neither a magic nor a function with a syntax error
        return not re.search(
            r"^[^\S\n]*([%!@]|def |class |import |from |return |for |while |if )|[=(]",
            source,
            re.MULTILINE,
        )
    return all(map(_only_says, tree.body)) and (bool(tree.body) or "YOUR CODE HERE" not in source)


def _only_says(statement: ast.stmt) -> bool:
    """Return whether a statement is a constant, or prints constants."""
    match statement:
        case ast.Expr(ast.Constant()):
            return True
        case ast.Expr(ast.Call(ast.Name("print"), [_, *_] as words)):
            return all(isinstance(word, ast.Constant) for word in words)
    return False
