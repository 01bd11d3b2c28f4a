"""How far a run over a class is."""

from __future__ import annotations

from dataclasses import dataclass, field

from utils.grading.run.worker import Failure


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        total: submissions to grade in this run.
        unchanged: submissions that were graded before and need nothing.
        graded, unreadable, stopped, need_person: of this run, so far.
        failures: submissions without an outcome.
        notes: what else staff should know, one sentence each.
    """

    total: int = 0
    unchanged: int = 0
    graded: int = 0
    unreadable: int = 0
    stopped: int = 0
    need_person: int = 0
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many submissions of this run have come back."""
        return self.graded + self.unreadable + len(self.failures)
