"""What `check` says beyond the tables: progress over all sets, and after one its solution."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.grading.notebook.reading import grade_id, read_json, text_of
from utils.system import ROOT, atomic_write, problem_sets_in

PROGRESS = "progress.json"  # in grading/: what the last check of each problem set found
_MARKERS = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")


def solution_path(problem_set: str) -> Path:
    """Return where a problem set's solution is, if this copy of the course has it."""
    return ROOT / "solutions" / problem_set / f"{problem_set}.ipynb"


def released_path(problem_set: str) -> Path:
    """Return where a problem set is as students get it."""
    return ROOT / "assignments" / problem_set / f"{problem_set}.ipynb"


def has_solutions() -> bool:
    """Return whether this copy of the course has any solutions."""
    return any((ROOT / "solutions").glob("*/*.ipynb"))


@dataclass(frozen=True)
class Solution:
    """The course's answer to one task.

    Attributes:
        name: the cell's grade id.
        text: the function, or the model answer with its rubric.
        is_code: which of the two.
        read: where the lectures explain it, as the task says; "" if it does not.
    """

    name: str
    text: str
    is_code: bool
    read: str


def solutions(problem_set: str) -> list[Solution]:
    """Return the solutions of a problem set's tasks in order, none if they are not here."""
    found, read = [], ""
    for cell in _cells(solution_path(problem_set)):
        about = cell["metadata"].get("nbgrader") or {}
        if not about.get("solution"):
            if cell["cell_type"] == "markdown":
                read = _paragraph(text_of(cell), r"\*\*Where to look:\*\*") or read
            continue
        text = _MARKERS.sub("", text_of(cell)).rstrip()
        found.append(Solution(grade_id(cell), text, cell["cell_type"] == "code", read))
        read = ""
    return found


def read_next(problem_set: str) -> str:
    """Return what a problem set says should be read after it, "" if it says nothing."""
    cells = _cells(released_path(problem_set))
    texts = (text_of(cell) for cell in cells if cell["cell_type"] == "markdown")
    said = [paragraph for text in texts if (paragraph := _paragraph(text, r"\*\*Next:\*\*"))]
    if said:
        return said[-1]
    names = problem_sets_in(ROOT / "assignments")
    following = names[names.index(problem_set) + 1 :] if problem_set in names else []
    return f"{following[0]}." if following else ""


def _cells(path: Path) -> list[dict[str, Any]]:
    cells = read_json(path).get("cells", [])
    return [cell for cell in cells if isinstance(cell.get("metadata"), dict)]


def _paragraph(text: str, start: str) -> str:
    """Return the rest of the paragraph that begins so, in one line; a link is its text and file."""
    found = re.search(rf"^{start}\s*(.*?)(?:\n\s*\n|\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        return ""
    line = " ".join(found[1].split())
    return _LINK.sub(lambda link: f"{link[1]} ({os.path.basename(link[2])})", line)


# Progress ---------------------------------------------------------------------------------------


def remember(path: Path, problem_set: str, tests: Sequence[Mapping[str, Any]]) -> None:
    """Keep what a check of a problem set's own notebook in `assignments/` found.

    Nothing is kept of a file elsewhere, nor of a notebook in which nothing is right yet. Where
    nothing may be written, nothing is remembered.

    Args:
        path: the notebook that was checked.
        problem_set: whose cells it has.
        tests: of `check_process.check_notebook`.
    """
    visible = [test for test in tests if not test["hidden"]]
    earned = sum(test["points"] for test in visible)
    with contextlib.suppress(OSError):
        own = released_path(problem_set)
        known = _known()
        if not earned and problem_set not in known or not path.samefile(own):
            return
        known[problem_set] = {
            "earned": earned,
            "possible": sum(test["max_points"] for test in visible),
            "digest": _digest(own),
        }
        text = json.dumps(known, indent=1, sort_keys=True) + "\n"
        atomic_write(ROOT / "grading" / PROGRESS, text)


def progress(path: Path) -> str:
    """Return a line on all problem sets, "" if the notebook is none of `assignments/`.

    Args:
        path: the notebook that was checked.
    """
    try:
        inside = path.resolve().is_relative_to((ROOT / "assignments").resolve())
    except OSError:
        return ""
    states = list(_states()) if inside else []
    if not states:
        return ""
    done = sum(state == "✓" for _, state in states)
    listed = ", ".join(f"{name} {state}" for name, state in states)
    return f"{done} of {len(states)} problem sets pass their visible checks: {listed}"


def _states() -> Iterator[tuple[str, str]]:
    known = _known()
    for name in problem_sets_in(ROOT / "assignments"):
        found = known.get(name)
        if found is None:
            yield name, "–"
        elif found["digest"] != _digest(released_path(name)):
            yield name, "changed since its check"
        elif found["earned"] >= found["possible"]:
            yield name, "✓"
        else:
            yield name, f"{found['earned']:g}/{found['possible']:g}"


def _known() -> dict[str, dict[str, Any]]:
    """Return what was remembered, by problem set; a damaged file is as none."""
    kinds = {"earned": int | float, "possible": int | float, "digest": str}
    return {
        name: one
        for name, one in read_json(ROOT / "grading" / PROGRESS).items()
        if isinstance(one, dict) and all(isinstance(one.get(k), kind) for k, kind in kinds.items())
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
