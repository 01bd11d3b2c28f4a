"""Points and comments in the gradebook."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field


@dataclass
class CellScore:
    """One graded cell of one submission.

    Attributes:
        auto: points from the tests, None if a person has to give them.
        manual: points from a person, None for none.
        extra: bonus points from a person.
        needs_person: whether the gradebook asks a person to look.
    """

    auto: float | None = None
    manual: float | None = None
    extra: float = 0.0
    needs_person: bool = True

    @property
    def points(self) -> float:
        """The points that count: a person's, else the tests', plus bonus points."""
        given = self.auto if self.manual is None else self.manual
        return (given or 0.0) + self.extra

    @property
    def unread(self) -> bool:
        """Whether a person still has to give the points."""
        return self.needs_person and self.manual is None and self.auto is None


@dataclass(frozen=True)
class HandGrade:
    """Points and comment that a person gives for an answer; points None for none yet."""

    points: float | None = None
    comment: str = ""

    def __str__(self) -> str:
        points = "no points" if self.points is None else f"{self.points:.12g} points"
        return f"{points}, {'with' if self.comment else 'no'} comment"


@dataclass
class Scores:
    """The gradebook's data on one student's submission.

    Attributes:
        cells: the graded cells by grade id.
        comments: comments by grade id: a person's, else the automatic one, else "".
        by_person: a person's comments by grade id, "" for none.
        penalty: points lost for lateness.
        seconds_late: seconds after the student's own deadline.
        handed_in: the submission time in UTC; None if unknown.
    """

    cells: dict[str, CellScore] = field(default_factory=dict)
    comments: dict[str, str] = field(default_factory=dict)
    by_person: dict[str, str] = field(default_factory=dict)
    penalty: float = 0.0
    seconds_late: float = 0.0
    handed_in: datetime.datetime | None = None

    @property
    def score(self) -> float:
        """The points of all cells, less the penalty."""
        return max(0.0, sum(cell.points for cell in self.cells.values()) - self.penalty)

    @property
    def needs_person(self) -> bool:
        """Whether a person has to look at any cell."""
        return any(cell.needs_person for cell in self.cells.values())
