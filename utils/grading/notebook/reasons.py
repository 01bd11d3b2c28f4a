"""Explain in a sentence each why tasks earned no points.

A table of checks says why a check did not pass. This module also recognises that a cell was
deleted, was left unchanged, or ended in an error before the tests began.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from utils.grading.notebook.reading import Cell, grade_id, text_hash
from utils.grading.notebook.result import TestResult
from utils.grading.notebook.source import MAX_PARSED, about, bound_names, parsed
from utils.grading.notebook.source_cells import SourceCell

MOST = 200  # characters of a student's words in one reason


def reasons(
    notebook: Mapping[str, Any], course: Sequence[SourceCell], tests: Mapping[str, TestResult]
) -> list[str]:
    """Return a sentence for every task, and for every other test cell, without any points.

    Args:
        notebook: the restored and executed notebook.
        course: the course's cells.
        tests: the results of the test cells, see `GradingResult`.
    """
    zero = {name for name, test in tests.items() if test.points == 0 < test.max_points}
    if not zero:
        return []
    own = {name: cell for cell in notebook["cells"] if (name := grade_id(cell))}
    uses = {c.grade_id: set(about(c.grade_id, c.source)["uses"]) for c in course if c.is_test}
    untouched, found, told = [], [], set()
    for task in course:
        if not task.solution or task.grade or task.cell_type != "code":
            continue
        asked = bound_names(task.source) or frozenset()
        related = {name for name in tests if not asked.isdisjoint(uses.get(name, ()))}
        if not related or not related <= zero:
            continue
        told |= related
        cell = own.get(task.grade_id)
        if cell is not None and text_hash(cell["source"]) == text_hash(task.source):
            untouched.append(task.grade_id)
        else:
            found.append(_of_task(task, asked, cell, notebook, [tests[n] for n in sorted(related)]))
    if untouched:
        names = ", ".join(f"`{name}`" for name in untouched)
        are = "cells {} are as they were" if len(untouched) > 1 else "cell {} is as it was"
        found.insert(0, f"{are.format(names)} handed out: nothing was written there")
    for name in sorted(zero - told):
        found.append(f"`{name}` earned 0 of {tests[name].max_points:g} points: {_why(tests[name])}")
    return found


def _of_task(
    task: SourceCell,
    asked: frozenset[str],
    cell: Cell | None,
    notebook: Mapping[str, Any],
    tests: list[TestResult],
) -> str:
    """Return why a task whose cell was changed earned no points."""
    names = ", ".join(f"`{name}`" for name in sorted(asked))
    if cell is None:
        own = (c for c in _student_cells(notebook) if not grade_id(c))
        others = [c for c in own if not asked.isdisjoint(_names(c))]
        if not others:
            return f"0 points for {names}: its cell was deleted, and no other cell defines it"
        cell = others[-1]
    if error := error_of(cell):
        return f"0 points for {names}: its cell ended in {error}"
    if line := _left_over(cell["source"]):
        return (
            f"0 points for {names}: `raise NotImplementedError()` still stands in line {line} of "
            "its cell: delete it"
        )
    if not asked <= (bound := {n for c in _student_cells(notebook) for n in _names(c)}):
        lost = ", ".join(f"`{name}`" for name in sorted(asked - bound))
        return f"0 points for {names}: no cell defines {lost}"
    undefined = any(check["state"] == "undefined" for test in tests for check in test.checks)
    if undefined and (broken := next(filter(error_of, _student_cells(notebook)), None)):
        return f"0 points for {names}: a cell above ended in {error_of(broken)}"
    visible = [test for test in tests if not test.hidden]
    return f"0 points for {names}: {_why((visible or tests)[0])}"


def _why(test: TestResult) -> str:
    if test.hidden:  # how it ended would reveal more
        return "none of its hidden checks passed"
    if test.error:
        return f"it stopped with {_short(test.error)}"
    for check in test.checks:
        if check["state"] != "passed":
            told_once = check.get("same_cause") and check["hint"]
            return _short(check["what"] if told_once else f"{check['name']}: {check['what']}")
    return "none of its checks passed"


def _student_cells(notebook: Mapping[str, Any]) -> Iterator[Cell]:
    for cell in notebook["cells"]:
        metadata = cell["metadata"].get("nbgrader", {})
        if cell["cell_type"] == "code" and (not metadata or metadata.get("solution")):
            yield cell


def _names(cell: Cell) -> frozenset[str]:
    return bound_names(cell["source"]) or frozenset()


def error_of(cell: Cell) -> str:
    """Return the error that ended a cell, with its line, or ""."""
    for output in cell.get("outputs", ()):
        if output["output_type"] == "error":
            said = f"{output['ename']}: {output['evalue']}".removesuffix(": ")
            said = re.sub(r" \(cell [^()]*, line \d+\)$", "", said)  # of a syntax error
            return _short(said) + _line(cell["source"], output["traceback"])
    return ""


def _line(source: str, traceback: Sequence[str]) -> str:
    """Return " (line 3: `...`)" for the last line of the cell that a traceback names."""
    lines = source.splitlines()
    text = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(traceback))
    numbers = [int(number) for number in re.findall(r"\bcell \S+, line (\d{1,7})\b", text)]
    if not numbers or not 1 <= numbers[-1] <= len(lines):
        return ""
    return f" (line {numbers[-1]}: `{_short(lines[numbers[-1] - 1].strip())}`)"


def _left_over(source: str) -> int:
    """Return the line number of a `raise NotImplementedError`, 0 if there is none."""
    for node in ast.walk(parsed(source, MAX_PARSED) or ast.Module([], [])):
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if isinstance(raised, ast.Name) and raised.id == "NotImplementedError":
                return node.lineno
    return 0


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= MOST else text[: MOST - 1] + "…"
