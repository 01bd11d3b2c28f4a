"""Copy the points of a problem set from the one place where the author sets them to all others.

The author sets the points of each check, and those of a written answer in its cell's metadata.
From these `build` fills in the points of test cells, the first lines of their sources and
`hidden_points`, the headings of tasks, and the table of points.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from utils.grading.text_files import counted

NUMBER = r"\d+(?:\.\d+)?"
HEADING = re.compile(rf"^(## Task (\d+):.*?)(?: \({NUMBER} points?\))?$", re.MULTILINE)
FIRST_LINE = re.compile(rf"^(# (?:Visible|Hidden) checks: ){NUMBER} of the {NUMBER} points?")
HIDDEN_POINTS = re.compile(rf"\bhidden_points={NUMBER}")
# The field of `Share` for each column of the table of points, by title.
COLUMNS = {"visible checks": "visible", "hidden checks": "hidden", "graded by hand": "by_hand"}


@dataclass
class Share:
    """The points of a task, or of all tasks."""

    visible: float = 0
    hidden: float = 0
    by_hand: float = 0

    @property
    def points(self) -> float:
        """The sum of all points."""
        return self.visible + self.hidden + self.by_hand


def fill(notebook: dict[str, Any], worth: Mapping[str, float]) -> None:
    """Write the points of a problem set into its notebook, in place.

    Args:
        notebook: from `solutions/`; each cell's source is one string.
        worth: the points of each test cell's checks, by grade id.
    """
    shares: dict[str, Share] = {"": Share()}  # by the number of the task
    task = ""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown" and (found := HEADING.findall(cell["source"])):
            task = found[-1][1]
        about = cell["metadata"].get("nbgrader") or {}
        if not (about.get("grade") or about.get("task")):
            continue
        name = about["grade_id"]
        if name in worth:
            about["points"] = _whole(worth[name])
            _fill_test(cell, name, worth)
        kind = _kind(name) if name in worth else "by_hand"
        share = shares.setdefault(task, Share())
        setattr(share, kind, getattr(share, kind) + about["points"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = HEADING.sub(lambda m: _heading(m, shares), cell["source"])
            cell["source"] = _table(cell["source"], shares)


def _kind(test: str) -> str:
    return "hidden" if test.endswith("_hidden") else "visible"


def _fill_test(cell: dict[str, Any], name: str, worth: Mapping[str, float]) -> None:
    stem = name.removesuffix("_visible").removesuffix("_hidden")
    hidden = worth.get(f"{stem}_hidden", 0)
    both = worth.get(f"{stem}_visible", 0) + hidden
    first = rf"\g<1>{worth[name]:g} of the {counted(both, 'point')}"
    cell["source"] = FIRST_LINE.sub(first, cell["source"])
    cell["source"] = HIDDEN_POINTS.sub(f"hidden_points={hidden:g}", cell["source"])


def _heading(found: re.Match[str], shares: Mapping[str, Share]) -> str:
    share = shares.get(found[2])
    return f"{found[1]} ({counted(share.points, 'point')})" if share else found[0]


def _table(text: str, shares: Mapping[str, Share]) -> str:
    """Fill in the table of points in a text, if it has one, and return the text."""
    lines, titles = text.split("\n"), [""]
    total = Share(*(sum(getattr(s, kind) for s in shares.values()) for kind in COLUMNS.values()))
    for place, line in enumerate(lines):
        if not line.startswith("|"):
            titles = [""]
            continue
        row = [part.strip() for part in line.strip()[1:].removesuffix("|").split("|")]
        if titles == [""]:
            titles = row if "points" in row and COLUMNS.keys() & set(row) else ["no points"]
        number = re.match(r"(\d+)\.", row[0])
        share = total if row[0] == "total" else shares.get(number[1]) if number else None
        if "points" not in titles or len(row) != len(titles) or share is None:
            continue
        values = {title: getattr(share, kind) for title, kind in COLUMNS.items()}
        row = [
            f"{values[title]:g}" if values.get(title) else "" if title in values else old
            for title, old in zip(titles, row, strict=True)
        ]
        points = f"{share.points:g}"
        row[titles.index("points")] = f"**{points}**" if share is total else points
        lines[place] = "".join(f"| {part} " if part else "| " for part in row) + "|"
    return "\n".join(lines)


def _whole(number: float) -> float:
    return int(number) if number == int(number) else number
