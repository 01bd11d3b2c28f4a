"""What `check` prints besides the tables: progress over all sets, and the solution of a set."""

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

PROGRESS = "progress.json"  # in grading/: the result of the last check of each problem set
_MARKERS = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)]*)\)")


def solution_path(problem_set: str) -> Path:
    """Return the path of a problem set's solution, which this copy of the course may lack."""
    return ROOT / "solutions" / problem_set / f"{problem_set}.ipynb"


def released_path(problem_set: str) -> Path:
    """Return the path of a problem set's released notebook."""
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
        is_code: whether the text is a function.
        read: where the lectures explain it, from the task's text; "" for none.
    """

    name: str
    text: str
    is_code: bool
    read: str


def solutions(problem_set: str) -> list[Solution]:
    """Return the solutions of a problem set's tasks in order, [] if they are not here."""
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
    """Return the recommendation at the end of a problem set of what to read next, or ""."""
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
    """Return the rest of the paragraph with this start on one line, links as "text (file)"."""
    found = re.search(rf"^{start}\s*(.*?)(?:\n\s*\n|\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        return ""
    line = " ".join(found[1].split())
    return _LINK.sub(lambda link: f"{link[1]} ({os.path.basename(link[2])})", line)


# Progress ---------------------------------------------------------------------------------------


def remember(path: Path, problem_set: str, tests: Sequence[Mapping[str, Any]]) -> None:
    """Remember the result of checking a problem set's notebook in `assignments/`.

    Files elsewhere are not remembered, nor is a first check without any points. Nothing happens if
    the folder is not writable.

    Args:
        path: the notebook that was checked.
        problem_set: the problem set's name.
        tests: `tests` from `check_process.check_notebook`.
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
    """Return a line on all problem sets, or "" if the notebook is not in `assignments/`.

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
    """Return the remembered results by problem set; invalid entries are ignored."""
    kinds = {"earned": int | float, "possible": int | float, "digest": str}
    return {
        name: one
        for name, one in read_json(ROOT / "grading" / PROGRESS).items()
        if isinstance(one, dict) and all(isinstance(one.get(k), kind) for k, kind in kinds.items())
    }


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:32]
