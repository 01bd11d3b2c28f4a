"""Remove from a test cell what a student must not see of its hidden tests."""

from __future__ import annotations

import builtins
import re

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from utils.checks import MIME
from utils.checks.table import as_text
from utils.grading.notebook.source_cells import without_hidden_tests
from utils.grading.reports.checks_table import checks_table

HIDDEN = "# Hidden checks ran here.\n"


def hide_hidden_tests(cell: NotebookNode) -> None:
    """Remove from a test cell in place what a student must not see; other cells are not changed.

    A cell with hidden tests keeps the visible part of its source, the table of its checks without
    expected numbers, its points, and the type of an error.
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
        if not data[MIME].get("hidden"):  # made for students, so it may show expected values
            table["checks"] = [
                check | {"what": ""} if check["state"] == "failed" else check
                for check in table["checks"]
            ]
            if table.get("cause"):
                table["cause"] = table["cause"] | {"what": "", "line": 0, "code": ""}
        # `Markup` marks HTML that needs no cleaning, see `nbgrader_pages.SafePage`.
        shown = {"text/html": checks_table(table), "text/plain": as_text(table), MIME: table}
        return NotebookNode(output_type="display_data", data=NotebookNode(shown), metadata={})
    if output.output_type == "execute_result" and _is_number(data.get("text/plain", "")):
        return output
    return None


def _is_number(text: str) -> bool:
    return bool(re.fullmatch(r"-?\d+(\.\d+)?", text))
