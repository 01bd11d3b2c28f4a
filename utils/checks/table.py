"""The table of a task's checks: as text, as HTML, and as data for programs."""

from __future__ import annotations

import html
import re
from typing import Any

from utils.checks.failures import STATE_LABELS
from utils.checks_format import SAME_CAUSE

_LEFT = 'style="text-align: left; vertical-align: top"'


def as_text(table: dict[str, Any]) -> str:
    """Return a table as text for a terminal."""
    lines, margin = [table["headline"]], " " * 27
    if cause := table["cause"]:
        lines.append(f"  {'✗ cause':<25}{cause['what']}")
        if cause["hint"]:
            lines.append(f"{margin}Next step: {cause['hint']}")
    for check in rows(table["checks"]):
        points = f"{_earned(check):g}/{check['points']:g}"
        same = f" ({SAME_CAUSE})" if check["what"] == SAME_CAUSE else ""
        lines.append(f"  {STATE_LABELS[check['state']]:<13}  {points:>8}  {check['name']}{same}")
        if check["what"] and not same:
            lines.append(f"{margin}What happened: {check['what']}")
        if check["hint"] and check["what"]:
            lines.append(f"{margin}Hint: {check['hint']}")
    return "\n".join(lines)


def as_html(table: dict[str, Any]) -> str:
    """Return a table as HTML for a notebook."""
    parts = [f"<p><strong>{_html(table['headline'])}</strong></p>"]
    if checks := rows(table["checks"]):
        titles = ("result", "points", "check")
        head = "".join(f'<th scope="col" {_LEFT}>{text}</th>' for text in titles)
        parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
        if cause := table["cause"]:
            text = _html(cause["what"])
            if cause["hint"]:
                text += f"<br>Next step: {_html(cause['hint'])}"
            parts.append(f"<tr><td {_LEFT}>✗&nbsp;cause</td><td></td><td {_LEFT}>{text}</td></tr>")
        for check in checks:
            points = f"{_earned(check):g} / {check['points']:g}"
            state, points = (
                t.replace(" ", "&nbsp;") for t in (STATE_LABELS[check["state"]], points)
            )
            text = _html(check["name"])
            if check["what"] == SAME_CAUSE:
                text += f" ({SAME_CAUSE})"
            elif check["what"]:
                text += f"<br>What happened: {_html(check['what'])}"
            if check["hint"] and check["what"]:
                hint = _html(check["hint"])
                text += f"<details><summary>Hint:</summary>{hint}</details>"
            row = "".join(f"<td {_LEFT}>{cell}</td>" for cell in (state, points, text))
            parts.append(f"<tr>{row}</tr>")
        parts.append("</tbody></table>")
    return "".join(parts)


def rows(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the checks to list below the headline: none while the whole task is unwritten."""
    return [] if {check["state"] for check in checks} == {"unwritten"} else checks


def _earned(check: dict[str, Any]) -> float:
    return check["points"] if check["state"] == "passed" else 0


def _html(text: str) -> str:
    """Escape text for HTML and set what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))
