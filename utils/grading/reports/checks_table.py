"""Render as HTML the tables of checks that `utils.checks` displays with its own MIME type."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from utils.checks import SAME_CAUSE
from utils.checks.table import headline, rows
from utils.grading.reports.templates import render


def valid_table(table: Any) -> dict[str, Any] | None:
    """Return a valid table of checks, or None: a student's code can display anything as one."""
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
    """Return a table as HTML: result, points, name and hint of each check."""
    return Markup(render("checks_table.html.j2", headline=headline(table), rows=rows(table)))


def lost_checks(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return name, points and hint of each failed check; those with a common cause are merged."""
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
