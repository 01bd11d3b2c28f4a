"""The table of a task's checks: its rows, as text and as HTML for a notebook."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from utils.checks.failures import STATE_LABELS
from utils.checks_format import SAME_CAUSE

_LEFT = 'style="text-align: left; vertical-align: top"'


@dataclass
class Row:
    """A row of the table: result, points earned and possible, and the name of a check or cause.

    `details` maps labels to what happened and to the hint or next step.
    """

    passed: bool
    result: str
    points: str
    name: str
    details: dict[str, str] = field(default_factory=dict)


def headline(table: dict[str, Any]) -> str:
    """Return a table's title, with its points if the table has them."""
    title = table.get("headline")
    if isinstance(title, str) and title:
        return title
    return f"{table['task']}{', hidden checks' if table.get('hidden') else ''}"


def rows(table: dict[str, Any]) -> Iterator[Row]:
    """Yield the rows, first the common cause of several failed checks."""
    cause = table.get("cause") or {"what": "", "hint": ""}
    step = {"Next step": cause["hint"]} if cause["hint"] else {}
    if cause["what"] or step:
        yield Row(False, "✗ cause", "", cause["what"], step)
    for check in table["checks"]:
        passed = check["state"] == "passed"
        points = f"{check['points'] if passed else 0:g} / {check['points']:g}"
        row = Row(passed, STATE_LABELS.get(check["state"], check["state"]), points, check["name"])
        if check["what"] == SAME_CAUSE:
            row.name += f" ({SAME_CAUSE})"
        elif not passed:
            details = {"What happened": check["what"], "Hint": check["hint"]}
            row.details = {label: text for label, text in details.items() if text}
        yield row


def as_text(table: dict[str, Any]) -> str:
    """Return a table as text for a terminal."""
    lines = [headline(table)]
    for row in _rows_if_begun(table):
        points = row.points.replace(" ", "")
        lines.append(f"  {row.result:<13}  {points:>8}  {row.name}")
        lines += [f"{' ' * 27}{label}: {text}" for label, text in row.details.items()]
    return "\n".join(lines)


def as_html(table: dict[str, Any]) -> str:
    """Return a table as HTML for a notebook."""
    body = []
    for row in _rows_if_begun(table):
        text = _html(row.name)
        for label, detail in row.details.items():
            if label == "Hint":
                text += f"<details><summary>Hint:</summary>{_html(detail)}</details>"
            else:
                text += f"<br>{label}: {_html(detail)}"
        narrow = (words.replace(" ", "&nbsp;") for words in (row.result, row.points))
        cells = (f"<td {_LEFT}>{cell}</td>" for cell in (*narrow, text))
        body.append(f"<tr>{''.join(cells)}</tr>")
    title = f"<p><strong>{_html(headline(table))}</strong></p>"
    if not body:
        return title
    titles = ("result", "points", "check")
    head = "".join(f'<th scope="col" {_LEFT}>{text}</th>' for text in titles)
    return f"{title}<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _rows_if_begun(table: dict[str, Any]) -> list[Row]:
    """Return the rows to show to a student who works on the task: none while it is unwritten."""
    unwritten = {check["state"] for check in table["checks"]} == {"unwritten"}
    found = [] if unwritten else list(rows(table))
    for row in found:
        if "What happened" not in row.details:
            row.details.pop("Hint", None)  # of a check that has not run
    return found


def _html(text: str) -> str:
    """Escape text for HTML, with `code` elements for text between backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
