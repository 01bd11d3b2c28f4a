"""`term.toml`: the weights of problem sets, how many are dropped, and the limits of grades.

It is beside `nbgrader_config.py`:

    drop_lowest = 1                 # each student's worst problem set does not count

    [weights]                       # relative to each other
    ps1_output_layer = 1
    ps2_mnist_inference = 2

    [grades]                        # optional: the lowest percentage for each grade
    "A" = 90
    "B" = 80

Without the file all problem sets in the gradebook have the same weight, and none is dropped.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.grading.course.settings import CourseError
from utils.grading.text_files import decode, nearest

TABLES = ("drop_lowest", "weights", "grades")
MOST = {"weights": 1_000_000, "grades": 1000}


class TermFileError(CourseError):
    """The file is invalid; the message names the line and says what to do."""


@dataclass(frozen=True)
class TermRules:
    """How the result of a term is computed.

    Attributes:
        weights: by problem set; None if all have the same weight.
        drop_lowest: how many of a student's problem sets with the lowest percentage do not count.
        grades: the lowest percentage for each grade, the best grade first.
    """

    weights: dict[str, float] | None = None
    drop_lowest: int = 0
    grades: dict[str, float] = field(default_factory=dict)

    def weight(self, problem_set: str) -> float:
        """Return a problem set's weight."""
        return 1.0 if self.weights is None else self.weights.get(problem_set, 0.0)

    def grade(self, percent: float) -> str:
        """Return the grade for a result in percent, "" if there is none."""
        return next((name for name, least in self.grades.items() if percent >= least), "")


def read(path: Path, problem_sets: Collection[str]) -> TermRules:
    """Read the rules from a file, or return the default rules if there is none.

    Args:
        path: the file.
        problem_sets: the names of all problem sets in the gradebook or with a source.

    Raises:
        TermFileError: the file is invalid.
    """
    try:
        text = decode(path.read_bytes())
    except FileNotFoundError:
        return TermRules()
    except OSError as error:
        raise TermFileError(f"{path} cannot be read: {error.strerror}") from None
    try:
        found = tomllib.loads(text)
    except ValueError as error:  # also an integer of thousands of digits
        raise TermFileError(_syntax(path, text, str(error))) from None
    except RecursionError:
        raise TermFileError(f"{path} has brackets that are nested too deeply") from None
    return _Reader(path, text, problem_sets).rules(found)


def _syntax(path: Path, text: str, said: str) -> str:
    """Return the message for a line that is not valid TOML."""
    at = re.search(r"\(at line (\d+), column \d+\)", said)
    number = int(at[1]) if at else max(1, text.count("\n") + (not text.endswith("\n")))
    what = said.partition(" (at ")[0]
    return (
        f"{path}, line {number}: {what[:1].lower()}{what[1:]}. Write lines such as "
        "ps1_output_layer = 1.5 below [weights], decimals with a point, and each name once"
    )


@dataclass(frozen=True)
class _Reader:
    """Checks the content of the file, and names the line of an error."""

    path: Path
    text: str
    problem_sets: Collection[str]

    def rules(self, found: Mapping[str, Any]) -> TermRules:
        """Check the parsed file and return its rules."""
        for name in found:
            if name not in TABLES:
                self.fail(name, f"{name!r} has no meaning here; the names are {', '.join(TABLES)}")
        weights = self.numbers(found, "weights")
        grades = self.numbers(found, "grades")
        for name in weights:
            if name not in self.problem_sets:
                like = nearest(name, self.problem_sets)
                meant = f"; did you mean {like}?" if like else ""
                self.fail(name, f"there is no problem set {name!r}{meant}", "weights")
        if "weights" in found and not any(weights.values()):
            self.fail("weights", "no problem set counts: give at least one a weight above 0")
        if len(set(grades.values())) < len(grades):
            self.fail("grades", "two grades begin at the same percentage")
        drop = found.get("drop_lowest", 0)
        counted = sum(weight > 0 for weight in weights.values())
        if type(drop) is not int or drop < 0:
            self.fail("drop_lowest", f"{drop!r} is not a number of problem sets: give 0, 1, 2, ...")
        if weights and drop >= counted:
            self.fail(
                "drop_lowest",
                f"{drop} dropped of {counted} with a weight leaves nothing to count",
            )
        best_first = dict(sorted(grades.items(), key=lambda grade: -grade[1]))
        return TermRules(weights if "weights" in found else None, drop, best_first)

    def numbers(self, found: Mapping[str, Any], table: str) -> dict[str, float]:
        """Return a table of names and numbers."""
        values = found.get(table, {})
        if not isinstance(values, dict):
            self.fail(table, f"write [{table}] on a line of its own, and below it name = number")
        for name, value in values.items():
            if isinstance(value, dict):
                self.fail(name, f'put a name with a dot into quotes, such as "{name}.0"', table)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not 0 <= value <= MOST[table]
            ):
                given = repr(value)[:20]
                self.fail(name, f"{name} is {given}: give a number from 0 to {MOST[table]}", table)
        return {name: float(value) for name, value in values.items()}

    def fail(self, name: str, why: str, table: str = "") -> None:
        """Raise a TermFileError about a name in a table."""
        within, at = "", 0
        for number, line in enumerate(self.text.splitlines(), 1):
            if header := re.match(r"\s*\[+\s*[\"']?([^\]\"']*)", line):
                within = header[1].strip()
                if within == name and not table:
                    at = at or number
            elif within == table and re.match(rf"\s*[\"']?{re.escape(name)}\b[\"']?\s*[=.]", line):
                at = at or number
        where = f"{self.path}, line {at}" if at else str(self.path)
        raise TermFileError(f"{where}: {why}")
