"""Notes on a submission for a person, and what they must not reveal."""

from __future__ import annotations

import builtins
from dataclasses import dataclass, field

from utils.grading.judge import hidden_test_policy
from utils.grading.judge.effects import name_in
from utils.grading.remote.judge_limits import NOT_THEIR_FAULT
from utils.grading.terminal import clean

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

MAX_NOTES, MAX_NOTE = 30, 1000  # how many, and characters of one
MAX_JUDGE_LIMITS = 20  # sentences on limits of the judge that a test cell met


@dataclass(kw_only=True)
class Notes:
    """The notes on a submission.

    Attributes:
        notes: sentences for the person who looks at the submission.
        stopped: whether a process was ended early.
        hidden: whether a hidden test is running: the prints of calls are dropped, and notes say
            only that a process ended.
        judge_limits_met: sentences on limits of the judge that the running test met.
        bound_by_tests: names that only visible tests bind, with the label of the cell.
    """

    notes: list[str] = field(default_factory=list)
    stopped: bool = False
    hidden: bool = False
    judge_limits_met: list[str] = field(default_factory=list)
    bound_by_tests: dict[str, str] = field(default_factory=dict)

    def stop(self, text: str) -> None:
        """Note that the submission was stopped."""
        self.stopped = True
        self.note(text)

    def note(self, text: str) -> None:
        """Add a cleaned and shortened sentence, parts of which a student may have written."""
        text = clean(text[:MAX_NOTE])
        if text not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    def note_judge_limit(self, text: str) -> None:
        """Note that a test needs something that works in a single kernel but not here."""
        if self.hidden:
            text = hidden_test_policy.JUDGE_LIMIT
        elif NOT_THEIR_FAULT not in text:
            text = f"{text}: {NOT_THEIR_FAULT}"
        if text not in self.judge_limits_met and len(self.judge_limits_met) < MAX_JUDGE_LIMITS:
            self.judge_limits_met.append(text[:MAX_NOTE])

    def name_missing(self, message: str) -> str:
        """Explain a NameError of the student's code if a test binds the name; else return ""."""
        name = name_in(message)
        cell = self.bound_by_tests.get(name)
        if not cell:
            return ""
        text = (
            f"`{name}` is bound by the cell `{cell}`, and tests run apart from the submission: a "
            f"function has to take it as an argument"
        )
        self.note_judge_limit(f"{text}; {NOT_THEIR_FAULT}")
        return "" if self.hidden else f"; {text}"

    def as_note(self, text: str) -> str:
        """Return a note; in hidden tests a fixed text, since the student could choose the note."""
        return hidden_test_policy.NOTE if self.hidden else text
