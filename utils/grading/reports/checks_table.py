"""Tables of checks, which `utils.checks` shows under its own MIME type, as HTML and as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

from utils.checks import SAME_CAUSE, STATE_LABELS
from utils.grading.reports.templates import render

CAUSE = "✗ cause"


def valid_table(table: Any) -> dict[str, Any] | None:
    """Return a table of checks if it is valid: a student's code can show anything as its type."""
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


def checks_table(table: dict[str, Any]) -> Markup:
    """Return a table as HTML: result, points, name, and what to do about it."""
    return Markup(render("checks_table.html.j2", headline=_headline(table), rows=_rows(table)))


def checks_text(table: dict[str, Any]) -> str:
    """Return a table as plain text."""
    lines = [_headline(table)]
    for _, result, _, (first, *rest) in _rows(table):
        lines += [f"  {result}  {first}", *(f"      {line}" for line in rest)]
    return "\n".join(lines)


def _headline(table: dict[str, Any]) -> str:
    """Return a table's title, with its points if the table has them."""
    headline = table.get("headline")
    if isinstance(headline, str) and headline:
        return headline
    return f"{table['task']}{', hidden checks' if table.get('hidden') else ''}"


def _rows(table: dict[str, Any]) -> Iterator[tuple[bool, str, str, list[str]]]:
    """Yield of each row whether it passed, the result, points, and lines.

    The cause that several failed checks have in common comes first.
    """
    cause = table.get("cause") or {"what": "", "hint": ""}
    step = f"Next step: {cause['hint']}" if cause["hint"] else ""
    if lines := [line for line in (cause["what"], step) if line]:
        yield False, CAUSE, "", lines
    for check in table["checks"]:
        passed = check["state"] == "passed"
        points = f"{check['points'] if passed else 0:g} / {check['points']:g}"
        yield passed, STATE_LABELS.get(check["state"], check["state"]), points, _lines(check)


def _lines(check: dict[str, Any]) -> list[str]:
    """Return a check's name, what happened, and the hint."""
    if check["state"] == "passed":
        return [check["name"]]
    if check["what"] == SAME_CAUSE:
        return [f"{check['name']} ({SAME_CAUSE})"]
    what = f"What happened: {check['what']}" if check["what"] else ""
    hint = f"Hint: {check['hint']}" if check["hint"] else ""
    return [line for line in (check["name"], what, hint) if line]


def lost_checks(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return name, points and hint of the checks that cost points; those of one cause as one."""
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
