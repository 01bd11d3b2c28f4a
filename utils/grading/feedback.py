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
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import unquote

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution, is_task
from pygments.formatters import HtmlFormatter

from utils.checks import MARKS, MIME
from utils.grading.marks import Mark, Marks
from utils.grading.record import NOTES_ID
from utils.grading.rendering import Renderer
from utils.grading.restore import without_hidden_tests
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
        shown = {"text/html": checks_table(table), "text/plain": _as_text(table), MIME: table}
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
    for cell in notebook.cells:
        try:
            parts += _cell(NotebookNode(cell), files or {}, renderer)
        except Exception:  # whatever a student has found must not cost the grade
            parts += _unshown(cell)
    joined: list[Part] = []
    for part in parts:  # neighbours that are HTML become one
        if joined and isinstance(part, str) and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return joined


def _unshown(cell: NotebookNode) -> list[Part]:
    """Return what stands for a cell that cannot be shown: nothing of it, it may hide tests."""
    parts: list[Part] = ["<section><p><em>This cell cannot be shown; its points count.</em></p>"]
    if (is_grade(cell) or is_task(cell)) and (name := cell.metadata.nbgrader.get("grade_id")):
        parts += ["<p>", ("points", name), "</p>"]
    return [*parts, "</section>\n"]


def _cell(cell: NotebookNode, files: Mapping[str, bytes], renderer: Renderer) -> list[Part]:
    if cell.cell_type == "code" and "outputs" in cell:
        cell.outputs = [NotebookNode(output) for output in cell.outputs]
        hide_hidden_tests(cell)
    name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
    graded, answer = bool(is_grade(cell) or is_task(cell)), bool(is_solution(cell) or is_task(cell))
    kind = "test" if graded and not answer else "answer" if answer else "plain"
    if cell.get("id") == NOTES_ID:
        kind = "notes"
    parts: list[Part] = [f'<section class="{kind}"']
    if name:
        parts += [f' id="{html.escape(name)}" aria-label="{html.escape(name)}"']
    parts.append(">")
    if graded and name:
        parts += [f'<p class="head"><code>{html.escape(name)}</code> ', ("points", name), "</p>"]
    if cell.cell_type == "markdown":
        shown = pictures(cell.source, cell.get("attachments", {}), files)
        parts.append(f'<div class="text">{renderer.markdown(cell.source, shown)}</div>')
    elif cell.cell_type == "code":
        if kind == "test":
            code = _code(cell.source, renderer)
            parts.append(f"<details><summary>its tests</summary>{code}</details>")
        elif cell.source.strip():
            parts.append(_code(cell.source, renderer))
        for output in cell.get("outputs", []):
            if kind != "test":
                parts.append(output_html(output, renderer, files))
            elif output.output_type != "execute_result":  # the points stand above
                table = valid_table(output.get("data", {}).get(MIME))
                parts.append(checks_table(table) if table else output_html(output, renderer, files))
    else:
        parts.append(f"<pre>{html.escape(cell.source)}</pre>")
    if answer:
        parts.append(("comment", name))
    parts.append("</section>\n")
    return parts


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
    text = unicodedata.normalize("NFC", unquote(source)) if files else ""
    for name, content in files.items():
        kind = ENDINGS.get(PurePath(name).suffix[1:].lower())
        if kind and unicodedata.normalize("NFC", unquote(name)) in text:
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
    hidden = ", hidden checks" if table.get("hidden") else ""
    rows = []
    for check in table["checks"]:
        passed = check["state"] == "passed"
        reasons = []
        if not passed:
            if check["what"]:
                reasons.append(f"What happened: {check['what']}")
            reasons.append(f"Hint: {check['hint']}")
        said = "<br>".join(prose(text) for text in [check["name"], *reasons])
        points = f"{check['points'] if passed else 0:g} / {check['points']:g}"
        mark = MARKS.get(check["state"], check["state"])
        state = "passed" if passed else "lost"
        rows.append(
            f'<tr class="{state}"><td>{html.escape(mark)}</td><td>{points}</td><td>{said}</td></tr>'
        )
    return (
        f'<table class="checks"><caption>{prose(str(table["task"]))}{hidden}</caption><thead><tr>'
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
    return table


def _as_text(table: dict[str, Any]) -> str:
    lines = [f"{table['task']}, hidden checks"]
    for check in table["checks"]:
        lines.append(f"  {MARKS.get(check['state'], check['state'])}  {check['name']}")
        if check["state"] != "passed":
            lines.append(f"      Hint: {check['hint']}")
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
    body = []
    for part in parts:
        if isinstance(part, str):
            body.append(part)
        elif part[0] == "points":
            grade = marks.cells.get(part[1], nothing)
            body.append(_points(grade, most.get(part[1], 0.0)))
        elif comment := marks.comments.get(part[1], ""):
            text = renderer.markdown(comment)
            body.append(f'<div class="comment"><b>Comment:</b> {text}</div>')
    rows = "".join(
        f'<tr><td><a href="#{html.escape(name)}">{html.escape(name)}</a></td>'
        f"<td>{_points(marks.cells.get(name, nothing), points)}</td></tr>"
        for name, points in most.items()
    )
    if marks.penalty:
        rows += f"<tr><td>handed in late</td><td>−{marks.penalty:g}</td></tr>"
    total = f"{marks.score:g} of {sum(most.values()):g} points"
    if status != "graded":
        total = "not graded: your file cannot be read"
    elif marks.needs_person:
        total += " so far; a person has still to read some of it"
    text = "".join(body)
    name = html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_style()}</style></head><body><main><header><h1>{name}</h1>"
        f"<p>{html.escape(student)}: <strong>{total}</strong></p><table class='points'><thead><tr>"
        '<th scope="col">part</th><th scope="col">points</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></header>\n{text}</main></body></html>\n<!-- {mark} -->\n"
    )


def _points(mark: Mark, most: float) -> str:
    if mark.needs_person and mark.manual is None and mark.auto is None:
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
a{color:var(--link)}
"""
STYLE = """
main{max-width:52rem;margin:0 auto;padding:1rem}
section{margin:0 0 1rem}
.answer{border-left:4px solid #0072b2;padding-left:.8rem}
.test{border-left:4px solid #999;padding-left:.8rem}
.notes{border:1px solid #d55e00;padding:0 .8rem}
.head{margin:0;color:var(--soft)}
pre{background:var(--shade);padding:.6rem;overflow-x:auto;white-space:pre-wrap;font-size:.85rem}
pre.code{background:var(--paper);border:1px solid var(--line)}
pre.error,pre.stderr{background:var(--lost)}
table{border-collapse:collapse;margin:.5rem 0}
caption{text-align:left;font-weight:600}
th,td{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0}
th,td{border-bottom:1px solid var(--line)}
td:first-child{white-space:nowrap}
tr.lost{background:var(--lost)}
.comment{background:var(--said);padding:.4rem .8rem}
img,svg{max-width:100%}
"""
