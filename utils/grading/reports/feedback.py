"""The student's feedback page, with points and hints for the checks.

A worker builds the page's cells from an executed notebook with `page`; the grader adds points and
comments from the gradebook with `fill`. The page shows only the names and hints of hidden checks,
not their source or expected numbers.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution, is_task
from pygments.formatters import HtmlFormatter

from utils.checks import MIME
from utils.grading.course.scores import CellScore, Scores
from utils.grading.notebook.result import NOTES_ID
from utils.grading.reports.cell_outputs import output_html, pictures
from utils.grading.reports.checks_table import checks_table, lost_checks, valid_table
from utils.grading.reports.hidden_tests import hide_hidden_tests
from utils.grading.reports.rendering import Renderer
from utils.grading.reports.templates import render

LONGEST = 32 << 20  # characters of a page; above it, further cells that earn no points are left out


@dataclass
class PageCell:
    """A cell of a page, without points and comment.

    Attributes:
        kind: "test", "answer", "notes" or "plain".
        body: its content as HTML.
        name: its grade id, "" for none.
        task, part: for a graded cell, its task's title and its role in the task.
        lost: failed checks, with `name`, `points`, `hint`.
    """

    kind: str
    body: Markup
    name: str = ""
    task: str = ""
    part: str = ""
    lost: list[dict[str, Any]] = field(default_factory=list)


def page(
    notebook: NotebookNode,
    files: Mapping[str, bytes] | None = None,
    renderer: Renderer | None = None,
) -> list[PageCell]:
    """Return the cells of a student's page.

    Args:
        notebook: the executed notebook; it is not changed.
        files: names and contents of the student's files beside it, including pictures.
        renderer: a new one for this page; its `lost` then lists the missing pictures.
    """
    renderer = renderer or Renderer()
    cells, task, left = [], "", LONGEST
    for cell in notebook.cells:
        task = _heading(cell) or task
        try:
            made = _cell(NotebookNode(cell), task, files or {}, renderer)
        except Exception:  # an error here must not lose a student's grade
            made = _unshown(cell, task)
        if made.kind == "plain" and not made.task and made.body and len(made.body) > left:
            made.body = Markup("<p><em>Not shown: the page would be too long.</em></p>")
        left -= len(made.body)
        cells.append(made)
    return cells


def _heading(cell: NotebookNode) -> str:
    """Return the heading at the start of a Markdown cell, "" if it has none."""
    if cell.cell_type != "markdown" or is_solution(cell):
        return ""
    found = re.match(r"#{1,4} +(.{1,200})", cell.source)
    title = found[1].strip() if found else ""
    return re.sub(r" \([\d.]+ points?\)$", "", title).replace("`", "")


def _part(cell: NotebookNode) -> str:
    """Return the role of a graded cell in its task, such as "your answer"."""
    if is_solution(cell) or is_task(cell):
        return "your answer"
    name = cell.metadata.nbgrader.grade_id
    return next((f"{kind} checks" for kind in ("visible", "hidden") if name.endswith(kind)), name)


def _unshown(cell: NotebookNode, task: str) -> PageCell:
    """Return a placeholder for a cell that cannot be shown and may contain hidden tests."""
    body = Markup("<p><em>This cell cannot be shown; its points count.</em></p>")
    name = cell.metadata.nbgrader.get("grade_id", "") if is_grade(cell) or is_task(cell) else ""
    return PageCell("plain", body, name, name and (task or name), name and _part(cell))


def _cell(
    cell: NotebookNode, task: str, files: Mapping[str, bytes], renderer: Renderer
) -> PageCell:
    if cell.cell_type == "code" and "outputs" in cell:
        cell.outputs = [NotebookNode(output) for output in cell.outputs]
        hide_hidden_tests(cell)
    name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    graded, answer = bool(is_grade(cell) or is_task(cell)), bool(is_solution(cell) or is_task(cell))
    kind = "test" if graded and not answer else "answer" if answer else "plain"
    if cell.get("id") == NOTES_ID:
        kind = "notes"
    shown = PageCell(kind, Markup(), name)
    if graded and name:
        shown.task, shown.part = task or name, _part(cell)
    if cell.cell_type == "markdown":
        found = pictures(cell.source, cell.get("attachments", {}), files)
        text = Markup('<div class="text">{}</div>').format(renderer.markdown(cell.source, found))
        shown.body = _folded(_first_words(cell), text) if kind == "plain" else text
    elif cell.cell_type == "code":
        if cell.source.strip():
            code = Markup('<pre class="code">{}</pre>').format(renderer.code(cell.source))
            given = kind == "plain" and bool(name)  # the course's, the same for all
            folded = "its tests" if kind == "test" else name if given else ""
            shown.body = _folded(folded, code) if folded else code
        for output in cell.get("outputs", []):
            table = valid_table(output.get("data", {}).get(MIME)) if kind == "test" else None
            if table:
                shown.lost += lost_checks(table)
                shown.body += checks_table(table)
            elif kind != "test" or output.output_type != "execute_result":  # the points are above
                shown.body += output_html(output, renderer, files)
    else:
        shown.body = Markup("<pre>{}</pre>").format(cell.source)
    return shown


def _first_words(cell: NotebookNode) -> str:
    """Return the summary of a collapsed cell: its heading, or the beginning of its first line."""
    line = re.sub(r"[*`>#|]+", "", cell.source.strip().split("\n", 1)[0][:200]).strip()
    return _heading(cell) or (line if len(line) <= 60 else f"{line[:59]}…")


def _folded(title: str, content: Markup) -> Markup:
    folded = Markup("<details><summary>{}</summary>{}</details>")
    return folded.format(title or "text", content)


# Points and comments from the gradebook ---------------------------------------------------------


def stamp(digest: str, scores: Scores, max_points: dict[str, float]) -> str:
    """Return a hash that changes whenever anything on the page changes.

    Args:
        digest: the digest of the graded submission.
        scores: the scores in the gradebook.
        max_points: maximum points of each graded cell, by grade id.
    """
    cells = [[name, m.points, m.needs_person] for name, m in sorted(scores.cells.items())]
    known = [
        digest,
        cells,
        sorted(scores.comments.items()),
        scores.penalty,
        sorted(max_points.items()),
    ]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def is_current(path: Path, mark: str) -> bool:
    """Return whether a page is complete and has this stamp."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 200))
            return f"<!-- {mark} -->".encode() in file.read()
    except OSError:
        return False


def fill(
    cells: Sequence[PageCell],
    title: str,
    student: str,
    status: str,
    scores: Scores,
    max_points: dict[str, float],
    mark: str,
) -> str:
    """Return a student's page.

    Args:
        cells: from `page`.
        title: the problem set's name.
        student: the student's id.
        status: "graded" or "unreadable".
        scores: the scores in the gradebook.
        max_points: maximum points of each graded cell, by grade id, in the notebook's order.
        mark: from `stamp`.
    """
    renderer = Renderer()
    total = f"{scores.score:g} of {sum(max_points.values()):g} points"
    if status != "graded":
        total = "not graded: your file cannot be read"
    elif scores.needs_person:
        total += " so far; a person still has to grade some of it"
    return render(
        "feedback.html.j2",
        title=title,
        code_style=_code_style(),
        student=student,
        total=total,
        tasks=_tasks(cells, scores, max_points),
        penalty=f"{scores.penalty:g}" if scores.penalty else "",
        cells=cells,
        points=lambda name: _points(scores.cells.get(name, CellScore()), max_points.get(name, 0.0)),
        comments=scores.comments,
        markdown=renderer.markdown,
        mark=mark,
    )


def _tasks(
    cells: Sequence[PageCell], scores: Scores, max_points: dict[str, float]
) -> list[dict[str, Any]]:
    """Return the tasks with their points and failed checks, sorted by the points lost."""
    graded = {cell.name: cell for cell in cells if cell.task}
    tasks: dict[str, list[PageCell]] = {}
    for name in max_points:
        cell = graded.get(name) or PageCell("", Markup(), name, name)
        tasks.setdefault(cell.task, []).append(cell)
    found: list[dict[str, Any]] = []
    for title, members in tasks.items():
        lost, points, waits = [], 0.0, False
        for cell in members:
            grade = scores.cells.get(cell.name, CellScore())
            points += grade.points
            if grade.unread:
                waits = True
                continue
            missing = max_points[cell.name] - grade.points
            checks = cell.lost
            if abs(sum(check["points"] for check in checks) - missing) > 1e-6:
                checks = []  # a person gave other points, or the tests did not run
            if not checks and missing > 1e-6:
                checks = [{"name": "points not given", "points": missing, "hint": ""}]
            lost += [
                {
                    "cell": cell.name,
                    "name": ": ".join(filter(None, (cell.part, check["name"]))),
                    "points": f"{check['points']:g}",
                    "hint": check["hint"],
                }
                for check in checks
            ]
        total = sum(max_points[cell.name] for cell in members)
        shown = f"{points:g} / {total:g}"
        if waits:
            shown = f"to come, of {total:g}" if len(members) == 1 else f"{shown} so far"
        found.append({"cell": members[0].name, "title": title, "points": shown, "lost": lost})
    cost = {task["title"]: sum(float(one["points"]) for one in task["lost"]) for task in found}
    return sorted(found, key=lambda task: -cost[task["title"]])


def _points(cell: CellScore, max_points: float) -> str:
    if cell.unread:
        return f"to come, of {max_points:g}"
    return f"{cell.points:g} / {max_points:g}"


@functools.cache
def _code_style() -> Markup:
    dark = HtmlFormatter(style="native").get_style_defs(".code")
    code = HtmlFormatter().get_style_defs(".code")
    return Markup(f"{code}\n@media (prefers-color-scheme:dark){{{dark}}}")
