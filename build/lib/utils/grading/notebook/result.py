"""The result of grading a notebook, in the one form it has from the judge to the gradebook's row.

`judge.grade_notebook` fills in what happened, `run.worker` what the gradebook needs. The autograded
notebook's metadata keep it on disk; `run.runner` and `reports` read it from there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.grading.notebook.reading import read_json

KEY = "grading_record"  # in the notebook's metadata
VERSION = 1  # of what is kept there
NOTES_ID = "grading-notes"  # of the cell that `grade_notebook.show_notes` puts at the top


@dataclass
class TestResult:
    """What became of a test cell.

    Attributes:
        points, max_points: earned, and possible.
        error: why it was not run to its end, "" if it was.
        hidden: it holds hidden tests.
        checks: of `utils.checks`: `name`, `points`, `state`, `what`, `hint` of each.
        ask: why a person has to give the points: the judge may be why they are missing.
    """

    __test__ = False  # pytest would take it for tests

    points: float
    max_points: float
    error: str = ""
    hidden: bool = False
    checks: list[dict[str, Any]] = field(default_factory=list)
    ask: str = ""


@dataclass
class GradingResult:
    """What became of a submission.

    Attributes:
        status: "graded" or "unreadable".
        notes: sentences for the person who looks at it.
        stopped: a process of it was ended before its time.
        repaired: the course's cells had been changed and were put back.
        seconds, cpu_seconds: wall time of the judge; processor time of all its processes.
        memory_bytes: largest resident set of one of its processes.
        tests: the test cells by grade id. Not kept on disk: the cells' outputs say the same.
        auto: points of each graded cell by grade id, None where a person has to give them.
        comments: automatic comment on each cell that students write, None for none.
        texts: hash of each cell that students write.
        changed: cells whose text or points are not what they were when they were last graded; a
            person who gave points for one of these is asked to look again.
        digest: of all that the grading depends on.
        file: the submitted file's name in the student's folder.
        ask: a person has to look at what was handed in.
    """

    status: str = "graded"
    notes: list[str] = field(default_factory=list)
    stopped: bool = False
    repaired: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    tests: dict[str, TestResult] = field(default_factory=dict)
    auto: dict[str, float | None] = field(default_factory=dict)
    comments: dict[str, str | None] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    digest: str = ""
    file: str = ""
    ask: bool = False

    @classmethod
    def unreadable(cls, why: object) -> GradingResult:
        """Return the result of a file that cannot be read."""
        return cls("unreadable", [f"the notebook cannot be read: {why}"])

    @property
    def is_graded(self) -> bool:
        """Whether the file could be read."""
        return self.status == "graded"

    @property
    def score(self) -> float:
        """Points without those that a person has to give."""
        return sum(points or 0.0 for points in self.auto.values())

    def compare(self, before: GradingResult | None) -> None:
        """Set `changed`, given the latest result; to all cells if there is none."""
        self.changed = sorted(
            name
            for name in self.auto.keys() | self.texts.keys()
            if before is None
            or self.auto.get(name) != before.auto.get(name)
            or self.texts.get(name) != before.texts.get(name)
        )

    def to_json(self) -> dict[str, Any]:
        """Return what a notebook's metadata keep of it."""
        kept = {name: getattr(self, name) for name in _KEPT}
        seconds = {name: round(kept[name], 4) for name in ("seconds", "cpu_seconds")}
        return {"version": VERSION} | kept | seconds

    @classmethod
    def from_json(cls, kept: Any) -> GradingResult | None:
        """Return what `to_json` has written; None if it is something else."""
        if not isinstance(kept, Mapping) or kept.get("version") != VERSION:
            return None
        if not all(_fits(kept.get(name), getattr(_EMPTY, name)) for name in _KEPT):
            return None
        return cls(**{name: kept[name] for name in _KEPT})


_EMPTY = GradingResult()
_KEPT = [one.name for one in dataclasses.fields(GradingResult) if one.name != "tests"]


def _fits(value: Any, like: object) -> bool:
    return isinstance(value, (int, float) if isinstance(like, float) else type(like))


def result_of(notebook: Mapping[str, Any]) -> GradingResult | None:
    """Return the result that an autograded notebook keeps, None if it keeps none."""
    metadata = notebook.get("metadata")
    return GradingResult.from_json(metadata.get(KEY)) if isinstance(metadata, Mapping) else None


def read_result(path: Path) -> GradingResult | None:
    """Return the result that an autograded notebook's file keeps, None if it keeps none."""
    return result_of(read_json(path))
