"""A judge's answer, which the grader reads as if an attacker controlled the judge.

The judge reads every byte that a student process sends. If these bytes ever made it run the
student's code, that code would write this answer. It could then lie about its own submission, but
do nothing else: the answer is bounded, and the type, form and range of everything in it is checked.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from utils.checks_format import MIME
from utils.grading.judge.student_client import StudentClient
from utils.grading.judge.verdict import Verdict
from utils.grading.notebook.outputs import Ran, as_utf8, clean_outputs
from utils.grading.sandbox.config import Limits

MAX_BYTES = 64 << 20  # of an answer
MAX_OUTPUTS_OF_NOTEBOOK = 10_000  # each costs the grader and its pages time and memory
MAX_NOTES_READ, MAX_NOTE_READ = 200, 2000  # more than judges write; characters of one
MAX_CHECKS, MAX_WORDS = 500, 5000  # of a test cell, and characters of one of their texts
_FORM = 10  # characters counted for an output without text, each as long as JSON's longest
_LARGE = 1e12  # upper limit of seconds and of points


class Malformed(ValueError):
    """A judge's answer does not have the required form."""


def answer_of(found: Mapping[int, Ran | Verdict], student: StudentClient) -> dict[str, Any]:
    """Build a judge's answer: the outcome of each cell, by its index, and the notes."""
    return {
        "cells": {str(index): vars(result) for index, result in found.items()},
        "notes": student.notes,
        "stopped": student.stopped,
        "memory_bytes": student.memory_bytes,
    }


def truncate(result: dict[str, Any]) -> dict[str, Any]:
    """Return a judge's result without surplus outputs: too many, or too long in total.

    Points are never left out.
    """
    cells = result["cells"]
    counts = {index: len(cell["outputs"]) for index, cell in cells.items()}
    total = sum(counts.values())
    for index in sorted(counts, key=lambda index: counts[index], reverse=True):
        if total <= MAX_OUTPUTS_OF_NOTEBOOK:
            break
        _leave_out(cells[index], "many")
        total -= counts[index] - len(cells[index]["outputs"])
    least = sum(map(_least, cells.values()))
    if least < MAX_BYTES // 16:  # a character may take several bytes
        return result
    sizes = {index: len(json.dumps(cell["outputs"])) for index, cell in cells.items()}
    total = len(json.dumps(result))
    for index in sorted(sizes, key=lambda index: sizes[index], reverse=True):
        if total <= MAX_BYTES:
            break
        _leave_out(cells[index], "long")
        total -= sizes[index] - len(json.dumps(cells[index]["outputs"]))
    return result


def _leave_out(cell: dict[str, Any], too: str) -> None:
    """Remove a cell's outputs, except a test cell's result and its table of checks."""
    words = f"[the outputs of this notebook are too {too}; those of this cell are left out]\n"
    left = [
        output
        for output in cell["outputs"]
        if output["output_type"] in ("execute_result", "error") or MIME in output.get("data", {})
    ]
    told = {"output_type": "stream", "name": "stdout", "text": words}
    cell["outputs"] = [told, *left] if "points" in cell else [told]


def _least(cell: dict[str, Any]) -> int:
    """Return roughly the total number of characters in a cell's outputs of all kinds."""
    total = 0
    for output in cell["outputs"]:
        texts = [output.get("text", ""), output.get("evalue", "")]
        texts += [*output.get("traceback", ()), *output.get("data", {}).values()]
        total += _FORM + sum(len(text if type(text) is str else str(text)) for text in texts)
    return total


def read(answer: Any, cells: list[dict], limits: Limits) -> dict[str, Any]:
    """Check a judge's answer and return a clean copy.

    Args:
        answer: the decoded JSON.
        cells: the cells that the judge was asked to run.
        limits: the submission's limits.

    Raises:
        Malformed: the answer does not have the required form.
    """
    _need(isinstance(answer, dict), "it is not an object")
    if "error" in answer:
        return {"error": _text(answer["error"], 20_000) or "it gave no reason"}
    given = answer.get("cells")
    _need(isinstance(given, dict), "it has no cells")
    known = {str(index): cell for index, cell in enumerate(cells)}
    _need(given.keys() <= known.keys(), "it names unknown cells")
    # `truncate` leaves no more, except for a test with many tables.
    left = MAX_OUTPUTS_OF_NOTEBOOK + 3 * len(cells)
    for cell in given.values():
        if isinstance(cell, dict) and isinstance(outputs := cell.get("outputs"), list):
            del outputs[left:]
            left -= len(outputs)
    notes = answer.get("notes")
    _need(isinstance(notes, list), "it has no notes")
    return {
        "cells": {index: _cell(cell, known[index], limits) for index, cell in given.items()},
        "notes": [_text(note, MAX_NOTE_READ) for note in notes[:MAX_NOTES_READ]],
        "stopped": answer.get("stopped") is True,
        "seconds": _number(answer.get("seconds", 0.0)),
        "cpu_seconds": _number(answer.get("cpu_seconds", 0.0)),
        "memory_bytes": int(_number(answer.get("memory_bytes"), 2.0**62)),
    }


def _need(holds: bool, why: str) -> None:
    if not holds:
        raise Malformed(why)


def _text(value: Any, most: int) -> str:
    _need(isinstance(value, str), "a value is not text")
    return as_utf8(value[:most])


def _number(value: Any, most: float = _LARGE) -> float:
    _need(type(value) in (int, float), "a value is not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    _need(math.isfinite(number) and 0 <= number <= most, "a number is out of range")
    return number


def _cell(given: Any, cell: dict, limits: Limits) -> dict[str, Any]:
    """Check the outcome of one cell and return a clean copy."""
    _need(isinstance(given, dict), "a cell is not an object")
    outputs = given.get("outputs")
    _need(isinstance(outputs, list), "a cell has no outputs")
    error = _text(given.get("error"), MAX_WORDS)
    if cell["kind"] != "test":
        return {"outputs": _outputs(outputs, limits), "error": error}
    points = _number(given.get("points"), float(cell["points"]))
    checks = given.get("checks")
    _need(isinstance(checks, list) and len(checks) <= MAX_CHECKS, "a test has no list of checks")
    return {
        "outputs": _test_outputs(_outputs(outputs, limits), points, error),
        "points": 0.0 if error else points,
        "checks": [_check(check) for check in checks],
        "error": error,
        "left_to_person": _text(given.get("left_to_person", ""), MAX_WORDS),
    }


def _outputs(given: list, limits: Limits) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    left = limits.output_bytes
    for one in given:
        text = json.dumps([one])
        cleaned = clean_outputs(text, max(left, 0))
        if not cleaned:
            continue
        (output,) = cleaned
        left -= len(text) // 2
        if isinstance(data := one.get("data"), dict) and MIME in data:
            output["data"] = {MIME: _table(data[MIME]), **output["data"]}
        found.append(output)
    return found


def _test_outputs(outputs: list[dict], points: float, error: str) -> list[dict[str, Any]]:
    """Return a test's outputs, changed so that nbgrader reads these points from them.

    Nothing is on stderr, the points are a plain float, and there is no result besides an error.
    """
    kept = []
    for output in outputs:
        if output["output_type"] == "stream":
            output["name"] = "stdout"
        if output["output_type"] in ("stream", "display_data"):
            kept.append(output)
    if not error:
        number = {"text/plain": repr(points)}
        result = {"output_type": "execute_result", "data": number, "metadata": {}}
        return [*kept, result | {"execution_count": None}]
    errors = [output for output in outputs if output["output_type"] == "error"]
    told = {"output_type": "error", "ename": "Error", "evalue": error, "traceback": [error]}
    return [*kept, errors[-1] if errors else told]


def _table(given: Any) -> dict[str, Any]:
    _need(isinstance(given, dict), "a table of checks is not an object")
    checks, hidden_points = given.get("checks"), given.get("hidden_points")
    _need(isinstance(checks, list) and len(checks) <= MAX_CHECKS, "a table has no list of checks")
    return {
        "task": _text(given.get("task"), MAX_WORDS),
        "hidden": given.get("hidden") is True,
        "headline": _text(given.get("headline", ""), MAX_WORDS),
        "hidden_points": None if hidden_points is None else _number(hidden_points),
        "cause": _cause(given.get("cause")),
        "checks": [_check(check) for check in checks],
    }


def _cause(given: Any) -> dict[str, Any] | None:
    """Return the common cause for which several checks of a table failed, or None."""
    if given is None:
        return None
    _need(isinstance(given, dict), "a cause is not an object")
    found: dict[str, Any] = {
        name: _text(given.get(name, ""), MAX_WORDS) for name in ("what", "hint", "code")
    }
    return found | {"line": int(_number(given.get("line", 0)))}


def _check(given: Any) -> dict[str, Any]:
    """Return one check: texts, points, and whether it is hidden."""
    _need(isinstance(given, dict) and len(given) <= 20, "a check is not an object")
    found: dict[str, Any] = {}
    for name, value in given.items():
        if isinstance(value, bool) or value is None:
            found[name[:100]] = value
        elif isinstance(value, str):
            found[name[:100]] = _text(value, MAX_WORDS)
        else:
            found[name[:100]] = value if _number(value) == value else 0.0
    for name in ("name", "state", "what", "hint"):
        _need(isinstance(found.get(name), str), f"a check has no {name}")
    _need(type(found.get("points")) in (int, float), "a check has no points")
    return found
