"""Failures of checks, in words, and next steps by the kind of failure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STATE_LABELS = {
    "passed": "✓ passed",
    "failed": "✗ not yet",
    "unwritten": "○ not written",
    "undefined": "○ not defined",
}
WAITS = "this holds, but it counts only if a check of the values passes"
# Next steps by the kind of failure, for checks without their own.
HINTS = {
    "none": "End the function with `return ...`. `print` shows a value, but does not return it.",
    "container": "Convert it to an array before you return it: `np.array(...)`.",
    "type": "Return what the task asks for.",
    "pair": "Return all of them, separated by commas.",
    "missing": "Compare the names with those in the text of the task.",
    "dtype": "Compute with floats, for example with `np.array(..., dtype=float)`.",
    "nan": "`nan` comes from 0 / 0, inf / inf or inf - inf: print each step for this input.",
    "inf": "`inf` comes from an overflow or a division by 0: print each step for this input.",
    "changed": "Work on a copy: `a = a - ...` makes a new array, `a -= ...` changes the old one.",
    "shared": "Make a new array in each call, and keep nothing from one call to the next.",
    "swapped": "Compare the order and the names with those in the text of the task.",
    "slow": "Let NumPy work on whole arrays instead of looping over single numbers.",
}


class PropertyError(Exception):
    """A property does not hold.

    Args:
        what: what happened, without numbers.
        detail: more, possibly with numbers; hidden checks leave it out.
        kind: key of the hint: "values", "shape" or a key of `HINTS`.
        part: name of the part that is wrong, such as "dW", which is also a key of a hint.
        blocks: whether values cannot be checked at all, so that other checks fail for this cause.
    """

    def __init__(
        self,
        what: str,
        detail: str = "",
        kind: str = "values",
        part: str = "",
        blocks: bool = False,
    ) -> None:
        super().__init__(f"{what}: {detail}" if detail else what)
        self.what, self.detail, self.kind, self.part, self.blocks = what, detail, kind, part, blocks


@dataclass
class Failure:
    """Why a check failed.

    Attributes:
        what: what happened.
        kind, part: keys of the hint.
        hint: the next step, if the failure determines it.
        next_step: the next step if several checks failed alike and none of their hints fits.
        cause: equal for failures with a common cause; None if the cause cannot be shared.
        line, code: line number in the student's cell and its text, 0 and "" if unknown.
        state: key of `STATE_LABELS`.
    """

    what: str
    kind: str = "values"
    part: str = ""
    hint: str = ""
    next_step: str = ""
    cause: Any = None
    line: int = 0
    code: str = ""
    state: str = "failed"

    def __str__(self) -> str:
        if not self.line or f"line {self.line}" in self.what:
            return self.what
        code = f": `{short(self.code.replace('`', ' '))}`" if self.code else ""
        return f"{self.what} (line {self.line}{code})"


def short(text: str) -> str:
    return text if len(text) <= 200 else text[:199] + "…"
