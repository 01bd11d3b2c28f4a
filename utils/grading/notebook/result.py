"""The result of grading a notebook, in the form used from the judge to the gradebook.

`judge.grade_notebook` fills in what happened, `run.worker` what the gradebook needs. It is stored
in the autograded notebook's metadata, from which `run.runner` and `reports` read it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.grading.notebook.reading import read_json

KEY = "grading_record"  # in the notebook's metadata
VERSION = 1  # of the stored format
NOTES_ID = "grading-notes"  # id of the cell that `grade_notebook.show_notes` puts at the top


@dataclass
class TestResult:
    """The result of a test cell.

    Attributes:
        points, max_points: points earned, and possible.
        error: why it did not run to its end, "" if it did.
        hidden: whether it contains hidden tests.
        checks: the checks of `utils.checks`, each with `name`, `points`, `state`, `what`, `hint`.
        ask: why a person has to give the points (the judge may have lost them), or "".
    """

    __test__ = False  # not a test class of pytest's

    points: float
    max_points: float
    error: str = ""
    hidden: bool = False
    checks: list[dict[str, Any]] = field(default_factory=list)
    ask: str = ""


@dataclass
class GradingResult:
    """The result of a submission.

    Attributes:
        status: "graded" or "unreadable".
        notes: sentences for the person who looks at it.
        stopped: whether one of its processes was ended early.
        repaired: whether course cells had been changed and were restored.
        seconds, cpu_seconds: wall time of the judge; processor time of all processes.
        memory_bytes: largest resident set of any process.
        tests: the test cells by grade id. Not stored: the cells' outputs contain the same.
        auto: points of each graded cell by grade id, None if a person has to give them.
        comments: automatic comment on each cell that students write, None for none.
        texts: hash of each cell that students write.
        changed: cells whose text or points have changed since they were last graded; if a person
            gave points for one of these, the gradebook asks for a person again.
        digest: a hash of everything that the grading depends on.
        file: the submitted file's name in the student's folder.
        ask: whether a person has to look at the choice of the file.
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
        """The points, without those that a person has to give."""
        return sum(points or 0.0 for points in self.auto.values())

    def compare(self, before: GradingResult | None) -> None:
        """Set `changed` by comparison with the previous result; without one, to all cells."""
        self.changed = sorted(
            name
            for name in self.auto.keys() | self.texts.keys()
            if before is None
            or self.auto.get(name) != before.auto.get(name)
            or self.texts.get(name) != before.texts.get(name)
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields to store in a notebook's metadata."""
        kept = {name: getattr(self, name) for name in _KEPT}
        seconds = {name: round(kept[name], 4) for name in ("seconds", "cpu_seconds")}
        return {"version": VERSION} | kept | seconds

    @classmethod
    def from_json(cls, kept: Any) -> GradingResult | None:
        """Restore a result that `to_json` returned; return None for anything else."""
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
    """Return the result stored in an autograded notebook, or None."""
    metadata = notebook.get("metadata")
    return GradingResult.from_json(metadata.get(KEY)) if isinstance(metadata, Mapping) else None


def read_result(path: Path) -> GradingResult | None:
    """Return the result stored in an autograded notebook's file, or None."""
    return result_of(read_json(path))
