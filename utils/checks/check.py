"""A single check: run its body, and explain the result."""

from __future__ import annotations

import io
import sys
import warnings
from fractions import Fraction
from typing import Any

from utils.checks.context import CheckContext
from utils.checks.diagnosis import diagnose
from utils.checks.failures import HINTS, Failure, PropertyError
from utils.checks_format import SAME_CAUSE


class Check(CheckContext):
    """A check, as a context: it passes unless its body raises; warnings and stderr are silenced.

    Args:
        task_name: the function or class that the student writes.
        hidden: whether the task's checks are hidden.
        points, name, hint, hints, needs_values: see `Task.check`.

    Attributes:
        state: key of `STATE_LABELS`.
        what: what happened, "" if it passed.
        hint: what to do, "" if it passed or if the table names a common cause.
        same_cause: whether the table names a common cause for it.
    """

    def __init__(
        self,
        task_name: str,
        hidden: bool,
        points: float,
        name: str,
        hint: str,
        hints: dict[str, str],
        needs_values: bool | None,
    ) -> None:
        super().__init__(task_name, hidden)
        self.points, self.name, self.hint, self.hints = points, name, hint, hints
        self.needs_values, self.share = needs_values, Fraction(str(points))
        self.general_hint = hint
        self.failure: Failure | None = Failure("the check did not run", "error")
        self.same_cause = False

    @property
    def state(self) -> str:
        """Return the key of `STATE_LABELS`."""
        return self.failure.state if self.failure else "passed"

    @property
    def what(self) -> str:
        """What happened, "" if it passed."""
        if not self.failure:
            return ""
        if self.same_cause and not self.failure.what.startswith(SAME_CAUSE):
            return SAME_CAUSE
        return str(self.failure)

    @property
    def earned(self) -> Fraction:
        """The share if the check passed, else 0."""
        return Fraction() if self.failure else self.share

    @property
    def is_evidence(self) -> bool:
        """Whether it passed and compared values, so that side properties may count."""
        if self.failure or self.needs_values:
            return False
        return self.needs_values is False or self.compared != {"side"}

    def choose_hint(self, failure: Failure) -> str:
        """Return the hint that fits how the check failed."""
        if failure.kind in ("waits", "unwritten"):
            return ""
        if failure.hint:
            return failure.hint
        keys = [failure.part, failure.part.partition("_")[0], failure.kind]
        found = next((self.hints[key] for key in keys if key in self.hints), "")
        return found or HINTS.get(failure.kind, "") or self.general_hint or failure.next_step

    def __enter__(self) -> None:
        frame = sys._getframe(1)
        self.file, self.names = frame.f_code.co_filename, frame.f_globals
        self._warnings = warnings.catch_warnings()
        self._warnings.__enter__()
        warnings.simplefilter("ignore")
        self._streams = sys.stdout, sys.stderr
        sys.stderr = io.StringIO()
        if self.hidden:
            sys.stdout = io.StringIO()
        CheckContext.running = self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> bool:
        sys.stdout, sys.stderr = self._streams
        self._warnings.__exit__(kind, error, trace)
        try:
            return self._judge(error, trace)
        finally:
            CheckContext.running = None

    def _judge(self, error: BaseException | None, trace: Any) -> bool:
        if isinstance(error, KeyboardInterrupt):  # the stop button, or nbgrader's timeout
            return False
        if error is None:
            self.failure, self.hint = None, ""
        elif isinstance(error, PropertyError):
            what = error.what if self.hidden else str(error)
            cause = (error.kind, error.part, error.what) if error.blocks else None
            self.failure = Failure(what, error.kind, error.part, cause=cause)
        else:  # SystemExit and the like, too: they cost only this check
            self.failure = diagnose(error, trace, self)
        return True
