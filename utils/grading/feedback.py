"""What a student reads after grading: a page with points and a hint for every check.

`page` makes it out of an executed notebook, and `fill` puts in what the gradebook says. Hidden
tests are shown by the names of their checks and their hints: neither their source nor a number that
they expect is on the page.
"""

from __future__ import annotations

import base64
import builtins
import functools
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution, is_task
from pygments.formatters import HtmlFormatter

from utils.checks import MARKS, MIME, SAME_CAUSE
from utils.grading import templates
from utils.grading.marks import Mark, Marks
from utils.grading.record import NOTES_ID
from utils.grading.rendering import Renderer
from utils.grading.restore import without_hidden_tests
from utils.grading.tables import plain
from utils.grading.terminal import without_escapes

Part = str | tuple[str, str]  # HTML, or what is put in later: ("points" or "comment", grade id)

HIDDEN = "# Hidden checks ran here.\n"


# Hidden tests -----------------------------------------------------------------------------------


def hide_hidden_tests(cell: NotebookNode) -> None:
    """Take from a test cell what a student must not see, in place; leave any other cell alone.

    Of a cell with hidden tests stay: the visible part of its source, the table of its checks
    without any number that they expect, its points, and the type of an error.
    """
    if cell.cell_type != "code" or not is_grade(cell) or is_solution(cell):
        return
    visible = without_hidden_tests(cell.source)
    if visible == cell.source:
        return
    cell.source = visible if visible.strip() else HIDDEN
    cell.outputs = [
        kept for output in cell.outputs if (kept := _without_secrets(output)) is not None
    ]


def _without_secrets(output: NotebookNode) -> NotebookNode | None:
    if output.output_type == "error":
        known = isinstance(getattr(builtins, output.ename, None), type)
        name = output.ename if known else "Exception"
        said = f"{name}: a hidden check stopped here"
        return NotebookNode(output_type="error", ename=name, evalue="", traceback=[said])
    data = output.get("data", {})
    if MIME in data:
        table = dict(data[MIME], hidden=True)
        if not data[MIME].get("hidden"):  # written for students: it may show what was expected
            table["checks"] = [
                check | {"what": ""} if check["state"] == "failed" else check
                for check in table["checks"]
            ]
            if table.get("cause"):
                table["cause"] = table["cause"] | {"what": "", "line": 0, "code": ""}
        made = Markup(checks_table(table))  # it needs no cleaning, see `steps.SafePage`
        shown = {"text/html": made, "text/plain": _as_text(table), MIME: table}
        return NotebookNode(output_type="display_data", data=NotebookNode(shown), metadata={})
    if output.output_type == "execute_result" and _is_number(data.get("text/plain", "")):
        return output
    return None


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", text))


# The page ---------------------------------------------------------------------------------------


def page(
    notebook: NotebookNode,
    files: Mapping[str, bytes] | None = None,
    renderer: Renderer | None = None,
) -> list[Part]:
    """Return a student's page in parts: HTML, and places for what the gradebook says.

    Args:
        notebook: executed; it is left alone.
        files: names and contents of the student's files beside it, pictures among them.
        renderer: new for this page; afterwards it knows which pictures are lost.
    """
    renderer = renderer or Renderer()
    parts: list[Part] = []
    task, about = "", About()
    for cell in notebook.cells:
        task = _heading(cell) or task
        try:
            parts += _cell(NotebookNode(cell), task, about, files or {}, renderer)
        except Exception:  # whatever a student has found must not cost the grade
            parts += _unshown(cell)
    joined: list[Part] = []
    for part in parts:  # neighbours that are HTML become one
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return [*joined, ("about", json.dumps(vars(about)))]


@dataclass
class About:
    """What the table at the top needs to know of a notebook.

    Attributes:
        titles: of graded cells by grade id: the task's title, and which part of it the cell is.
        lost: of graded cells by grade id: checks that cost points, with `name`, `points`, `hint`.
    """

    titles: dict[str, tuple[str, str]] = field(default_factory=dict)
    lost: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def _heading(cell: NotebookNode) -> str:
    """Return the title that a cell of text begins with, "" if it has none."""
    if cell.cell_type != "markdown" or is_solution(cell):
        return ""
    found = re.match(r"#{1,4} +(.{1,200})", cell.source)
    title = found[1].strip() if found else ""
    return re.sub(r" \([\d.]+ points?\)$", "", title).replace("`", "")


def _part(cell: NotebookNode) -> str:
    """Return what a graded cell is within its task."""
    if is_solution(cell) or is_task(cell):
        return "your answer"
    name = cell.metadata.nbgrader.grade_id
    return next((f"{kind} checks" for kind in ("visible", "hidden") if name.endswith(kind)), name)


def _lost(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the checks that cost points; those that have one cause as one."""
    lost = [check for check in table["checks"] if check["state"] != "passed"]
    cause = table.get("cause")
    same = [check for check in lost if cause and check["what"] == SAME_CAUSE]
    if not same and {check["state"] for check in lost} <= {"unwritten", "undefined"}:
        same = lost
    others = [
        {"name": check["name"], "points": check["points"], "hint": check["hint"] or check["what"]}
        for check in lost
        if check not in same
    ]
    if not same:
        return others
    name = "one check" if len(same) == 1 else f"{len(same)} checks"
    hint = same[0]["what"]
    if cause:
        hint = " ".join(filter(None, (_sentence(cause["what"]), cause["hint"])))
    return [{"name": name, "points": sum(check["points"] for check in same), "hint": hint}, *others]


def _sentence(text: str) -> str:
    return f"{text}." if text and text[-1] not in ".?!" else text


def _unshown(cell: NotebookNode) -> list[Part]:
    """Return what stands for a cell that cannot be shown: nothing of it, it may hide tests."""
    parts: list[Part] = ["<section><p><em>This cell cannot be shown; its points count.</em></p>"]
    if (is_grade(cell) or is_task(cell)) and (name := cell.metadata.nbgrader.get("grade_id")):
        parts += ["<p>", ("points", name), "</p>"]
    return [*parts, "</section>\n"]


def _cell(
    cell: NotebookNode,
    task: str,
    about: About,
    files: Mapping[str, bytes],
    renderer: Renderer,
) -> list[Part]:
    if cell.cell_type == "code" and "outputs" in cell:
        cell.outputs = [NotebookNode(output) for output in cell.outputs]
        hide_hidden_tests(cell)
    name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    graded, answer = bool(is_grade(cell) or is_task(cell)), bool(is_solution(cell) or is_task(cell))
    kind = "test" if graded and not answer else "answer" if answer else "plain"
    if cell.get("id") == NOTES_ID:
        kind = "notes"
    attributes = f' id="{html.escape(name)}" aria-label="{html.escape(name)}"' if name else ""
    parts: list[Part] = [f'<section class="{kind}"{attributes}>']
    if graded and name:
        about.titles[name] = task or name, _part(cell)
        title = html.escape(": ".join(filter(None, about.titles[name])))
        parts += [f'<h2 class="head">{title} (', ("points", name), ")</h2>"]
    if cell.cell_type == "markdown":
        shown = pictures(cell.source, cell.get("attachments", {}), files)
        text = f'<div class="text">{renderer.markdown(cell.source, shown)}</div>'
        parts.append(_folded(_first_words(cell), text) if kind == "plain" else text)
    elif cell.cell_type == "code":
        code = _code(cell.source, renderer) if cell.source.strip() else ""
        given = kind == "plain" and bool(name)  # the course's, and the same for all
        folded = "its tests" if kind == "test" else name if given else ""
        parts.append(_folded(folded, code) if folded and code else code)
        for output in cell.get("outputs", []):
            table = valid_table(output.get("data", {}).get(MIME)) if kind == "test" else None
            if table:
                about.lost.setdefault(name, []).extend(_lost(table))
                parts.append(checks_table(table))
            elif kind != "test" or output.output_type != "execute_result":  # the points are above
                parts.append(output_html(output, renderer, files))
    else:
        parts.append(f"<pre>{html.escape(cell.source)}</pre>")
    if answer:
        parts.append(("comment", name))
    parts.append("</section>\n")
    return parts


def _first_words(cell: NotebookNode) -> str:
    """Return what a folded text is called: its title, or the beginning of its first line."""
    line = re.sub(r"[*`>#|]+", "", cell.source.strip().split("\n", 1)[0][:200]).strip()
    return _heading(cell) or (line if len(line) <= 60 else f"{line[:59]}…")


def _folded(title: str, content: str) -> str:
    summary = html.escape(title or "text")
    return f"<details><summary>{summary}</summary>{content}</details>"


def _code(source: str, renderer: Renderer) -> str:
    return f"<pre class='code'>{renderer.code(source)}</pre>"


def output_html(
    output: NotebookNode, renderer: Renderer, files: Mapping[str, bytes] | None = None
) -> str:
    """Return a cell's output as HTML."""
    if output.output_type == "stream":
        return f'<pre class="{html.escape(output.name)}">{terminal_html(output.text)}</pre>'
    if output.output_type == "error":
        return f'<pre class="error">{terminal_html(chr(10).join(output.traceback))}</pre>'
    data = output.get("data", {})
    for kind in SHOWN:
        if kind in data:
            return _picture(kind, data[kind])
    if text := _joined(data.get("text/html", "")):
        return f'<div class="html">{renderer.html(text)}</div>'
    if text := _joined(data.get("text/markdown") or data.get("text/latex", "")):
        return f'<div class="text">{renderer.markdown(text, pictures(text, {}, files or {}))}</div>'
    return f"<pre>{terminal_html(_joined(data.get('text/plain', '')))}</pre>"


def terminal_html(text: str) -> str:
    """Return what a program printed as HTML."""
    return html.escape(without_escapes(text))


def _joined(text: str | list[str]) -> str:
    """Return a notebook's text, which may be a list of lines."""
    return text if isinstance(text, str) else "".join(text)


# Pictures ---------------------------------------------------------------------------------------

SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
ENDINGS = {
    "png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp", "svg": "svg+xml",
    "avif": "avif", "bmp": "bmp", "heic": "heic", "heif": "heif", "tif": "tiff", "tiff": "tiff",
}  # fmt: skip


def pictures(
    source: str, attachments: Mapping[str, Any], files: Mapping[str, bytes]
) -> dict[str, str]:
    """Return the pictures that a text may ask for, as `data:` addresses by name.

    Args:
        source: the text.
        attachments: of its cell.
        files: names and contents of what lies beside the notebook.
    """
    found = {}
    text = plain(unquote(source)) if files else ""
    for name, content in files.items():
        kind = ENDINGS.get(PurePath(name).suffix[1:].lower())
        if kind and plain(unquote(name)) in text:
            found[name] = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    for name, bundle in attachments.items():
        for kind, data in bundle.items():
            if kind.startswith("image/"):
                found[name] = _address(kind, data)
    return found


def _picture(kind: str, data: str | list[str]) -> str:
    address = _address(kind, data)
    if not re.fullmatch(r"data:[a-z+/]+;base64,[A-Za-z0-9+/=]+", address):
        return "<p>[a picture that cannot be shown]</p>"
    return f'<img alt="A figure that this cell shows." src="{address}">'


def _address(kind: str, data: str | list[str]) -> str:
    """Return a picture's `data:` address; within an `img` element an SVG runs nothing."""
    text = _joined(data)
    if kind == "image/svg+xml" and text.lstrip()[:1] == "<":
        text = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return f"data:{kind};base64,{''.join(text.split())}"


# Tables of checks -------------------------------------------------------------------------------


def checks_table(table: dict[str, Any]) -> str:
    """Return a table of checks as HTML: result, points, name, and what to do about it.

    Args:
        table: as `utils.checks` shows it under its own MIME type.
    """
    rows = []
    if lines := _cause_lines(table):
        said = "<br>".join(map(prose, lines))
        rows.append(f'<tr class="lost"><td>{CAUSE}</td><td></td><td>{said}</td></tr>')
    for check in table["checks"]:
        passed = check["state"] == "passed"
        said = "<br>".join(map(prose, _check_lines(check)))
        points = f"{check['points'] if passed else 0:g} / {check['points']:g}"
        mark = MARKS.get(check["state"], check["state"])
        state = "passed" if passed else "lost"
        rows.append(
            f'<tr class="{state}"><td>{html.escape(mark)}</td><td>{points}</td><td>{said}</td></tr>'
        )
    return (
        f'<table class="checks"><caption>{prose(_headline(table))}</caption><thead><tr>'
        '<th scope="col">result</th><th scope="col">points</th><th scope="col">check</th></tr>'
        f"</thead><tbody>{''.join(rows)}</tbody></table>"
    )


def valid_table(table: Any) -> dict[str, Any] | None:
    """Return a table of checks if it is one: a student's program can show anything as its type."""
    if not isinstance(table, dict) or not isinstance(table.get("task"), str):
        return None
    checks = table.get("checks")
    words = ("name", "state", "what", "hint")
    if not isinstance(checks, list) or not all(
        isinstance(check, dict)
        and all(isinstance(check.get(key), str) for key in words)
        and isinstance(check.get("points"), int | float)
        for check in checks
    ):
        return None
    cause = table.get("cause")
    if cause is not None and not (
        isinstance(cause, dict) and all(isinstance(cause.get(key), str) for key in ("what", "hint"))
    ):
        return None
    return table


CAUSE = "✗ cause"


def _headline(table: dict[str, Any]) -> str:
    """Return what a table is about, with its points if it says them."""
    headline = table.get("headline")
    if isinstance(headline, str) and headline:
        return headline
    return f"{table['task']}{', hidden checks' if table.get('hidden') else ''}"


def _cause_lines(table: dict[str, Any]) -> list[str]:
    """Return what is said once of the checks that failed for one reason, [] if none did."""
    cause = table.get("cause") or {"what": "", "hint": ""}
    step = f"Next step: {cause['hint']}" if cause["hint"] else ""
    return [line for line in (cause["what"], step) if line]


def _check_lines(check: dict[str, Any]) -> list[str]:
    """Return a check's name, what happened, and the hint."""
    if check["state"] == "passed":
        return [check["name"]]
    if check["what"] == SAME_CAUSE:
        return [f"{check['name']} ({SAME_CAUSE})"]
    what = f"What happened: {check['what']}" if check["what"] else ""
    hint = f"Hint: {check['hint']}" if check["hint"] else ""
    return [line for line in (check["name"], what, hint) if line]


def _as_text(table: dict[str, Any]) -> str:
    lines = [_headline(table)]
    if cause := _cause_lines(table):
        lines.append(f"  {CAUSE}  {cause[0]}")
        lines += [f"      {line}" for line in cause[1:]]
    for check in table["checks"]:
        name, *reasons = _check_lines(check)
        lines.append(f"  {MARKS.get(check['state'], check['state'])}  {name}")
        lines += [f"      {line}" for line in reasons]
    return "\n".join(lines)


def prose(text: str) -> str:
    """Escape text and set what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


# With what the gradebook says -------------------------------------------------------------------


def stamp(digest: str, marks: Marks, most: dict[str, float]) -> str:
    """Return what identifies a page: it changes whenever anything on the page does.

    Args:
        digest: of the graded submission.
        marks: what the gradebook says.
        most: points that each graded cell can earn.
    """
    cells = [[name, m.points, m.needs_person] for name, m in sorted(marks.cells.items())]
    known = [digest, cells, sorted(marks.comments.items()), marks.penalty, sorted(most.items())]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()


def is_current(path: Path, mark: str) -> bool:
    """Return whether a page is whole and has this stamp."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 200))
            return f"<!-- {mark} -->".encode() in file.read()
    except OSError:
        return False


def fill(
    parts: Sequence[Part],
    title: str,
    student: str,
    status: str,
    marks: Marks,
    most: dict[str, float],
    mark: str,
) -> str:
    """Return a student's page.

    Args:
        parts: from `page`.
        title: the problem set's name.
        student: whose page.
        status: "graded" or "unreadable".
        marks: what the gradebook says.
        most: points that each graded cell can earn, in the notebook's order.
        mark: from `stamp`.
    """
    nothing, renderer = Mark(), Renderer()
    body, about = [], About()
    for part in parts:
        if isinstance(part, str):
            body.append(part)
        elif part[0] == "about":
            about = About(**json.loads(part[1]))
        elif part[0] == "points":
            grade = marks.cells.get(part[1], nothing)
            body.append(_points(grade, most.get(part[1], 0.0)))
        elif comment := marks.comments.get(part[1], ""):
            text = renderer.markdown(comment)
            body.append(f'<div class="comment"><b>Comment:</b> {text}</div>')
    total = f"{marks.score:g} of {sum(most.values()):g} points"
    if status != "graded":
        total = "not graded: your file cannot be read"
    elif marks.needs_person:
        total += " so far; a person has still to read some of it"
    tasks = _tasks(about, marks, most)
    costs = any(task["lost"] for task in tasks) or marks.penalty
    return templates.render(
        "feedback.html.j2",
        title=title,
        style=Markup(_style()),
        student=student,
        total=total,
        caption="What cost points" if costs else "Points",
        tasks=tasks,
        penalty=f"{marks.penalty:g}" if marks.penalty else "",
        body=Markup("".join(body)),
        mark=mark,
    )


def _tasks(about: About, marks: Marks, most: dict[str, float]) -> list[dict[str, Any]]:
    """Return the tasks with their points and what cost some, the dearest first."""
    tasks: dict[str, list[str]] = {}
    for name in most:
        title, _ = about.titles.get(name, (name, ""))
        tasks.setdefault(title, []).append(name)
    found: list[dict[str, Any]] = []
    for title, names in tasks.items():
        lost, points, waits = [], 0.0, False
        for name in names:
            grade = marks.cells.get(name, Mark())
            points += grade.points
            if _to_come(grade):
                waits = True
                continue
            missing = most[name] - grade.points
            checks = about.lost.get(name, [])
            if abs(sum(check["points"] for check in checks) - missing) > 1e-6:
                checks = []  # a person gave other points, or the tests did not run
            if not checks and missing > 1e-6:
                checks = [{"name": "points not given", "points": missing, "hint": ""}]
            part = about.titles.get(name, ("", ""))[1]
            lost += [
                {
                    "cell": name,
                    "name": f"{part}: {check['name']}" if part else check["name"],
                    "points": f"{check['points']:g}",
                    "hint": Markup(prose(check["hint"])),
                }
                for check in checks
            ]
        total = sum(most[name] for name in names)
        shown = f"{points:g} / {total:g}"
        if waits:
            shown = f"to come, of {total:g}" if len(names) == 1 else f"{shown} so far"
        found.append({"cell": names[0], "title": title, "points": shown, "lost": lost})
    cost = {task["title"]: sum(float(one["points"]) for one in task["lost"]) for task in found}
    return sorted(found, key=lambda task: -cost[task["title"]])


def _to_come(mark: Mark) -> bool:
    return mark.needs_person and mark.manual is None and mark.auto is None


def _points(mark: Mark, most: float) -> str:
    if _to_come(mark):
        return f"to come, of {most:g}"
    return f"{mark.points:g} / {most:g}"


@functools.cache
def _style() -> str:
    dark = HtmlFormatter(style="native").get_style_defs(".code")
    code = HtmlFormatter().get_style_defs(".code")
    return f"{COLOURS}{STYLE}{code}\n@media (prefers-color-scheme:dark){{{dark}}}"


# Of all pages, for screens that are light or dark.
COLOURS = """
:root{color-scheme:light dark;--ink:#1b1b1b;--soft:#444;--paper:#fff;--shade:#f4f4f4;--line:#ddd;
--lost:#fdf0e7;--said:#e8f2f9;--link:#0b5a8a}
@media (prefers-color-scheme:dark){:root{--ink:#e8e8e8;--soft:#b9b9b9;--paper:#17191c;
--shade:#23262a;--line:#45484d;--lost:#3d2a1e;--said:#1c3040;--link:#7cc4f0}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);margin:0}
a[href]{color:var(--link)}
"""
# A table of checks has a frame and a colour at its head, which no HTML of a student's can have: see
# `safe_html.STYLES`.
STYLE = """
main{max-width:52rem;margin:0 auto;padding:1rem;overflow-wrap:anywhere}
section{margin:0 0 1rem}
.answer,.test{border-left:4px solid #0072b2;padding-left:.8rem}
.test{border-color:#999}
.notes{border:1px solid #d55e00;padding:0 .8rem}
.head{margin:.2rem 0;font-size:1.1rem}
summary{cursor:pointer;color:var(--soft)}
pre{background:var(--shade);padding:.6rem;white-space:pre-wrap;font-size:.85rem}
pre.code{background:var(--paper);border:1px solid var(--line)}
pre.error,pre.stderr{background:var(--lost)}
table{border-collapse:collapse;margin:.5rem 0}
.text,.html{overflow-x:auto;overflow-y:hidden}
.text table,.html table{display:block;overflow-x:auto;overflow-wrap:normal}
math[display=block]{overflow-x:auto;overflow-y:hidden;padding:.2rem 0}
caption{text-align:left;font-weight:600}
th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}
th,td{border-bottom:1px solid var(--line)}
.checks{border:2px solid #0072b2}
.checks caption{background:var(--said);padding:.2rem .5rem}
.checks :is(th,td):first-child{padding-left:.5rem}
.checks th,.checks td:nth-child(-n+2),.points td:last-child{white-space:nowrap}
.points td:last-child{text-align:right}
.points{width:100%}
.points tbody tr.lost td{padding-left:.8rem}
tr.lost{background:var(--lost)}
.comment{background:var(--said);padding:.4rem .8rem}
img,svg{max-width:100%}
"""
