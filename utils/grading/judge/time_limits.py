"""Time limits: where a student's call, a student's cell and a whole submission are timed out.

A question to the student process ends by processor time, which does not pass while others use the
processors. Wall time ends what only waits. Other submissions that keep the processors busy cost
nobody points: time in which this one wanted a processor and had none does not count, up to a limit.

`student_client` asks the questions and ends the process, `remote.connection` waits for the answers,
`StudentConnection.overdue` of `remote.student_connection` stops the student's code at its line, and
`sandbox.supervisor` ends whatever is left.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import re
import time
from collections.abc import Iterator

from utils.grading.remote.judge_connection import JudgeConnection
from utils.grading.remote.student_errors import CallTimeout, OutOfTime, StudentError
from utils.grading.sandbox.config import Limits
from utils.grading.sandbox.messages import ProcessSupervisor
from utils.grading.sandbox.supervisor import OVERTIME
from utils.grading.text_files import seconds_in_words

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

MIN_OVERTIME = 0.02  # seconds
FOR_TESTS = 1 / 3  # of the submission's time, which its cells cannot use up
MAX_TRIES = 4  # calls of something that never returns; further ones are not made
SPARE = 1 / 4  # of the submission's time: what it gets for running cells again in a new process
GRACE = 0.5  # seconds in which a process whose time is up may say at which line it was


class TimeLimits:
    """The time of one submission, and what it has used of it.

    Args:
        limits: what the submission may use.

    Attributes:
        ends: when all of its time is used up, on the clock of `time.monotonic`.
        setting: which limit of `Limits` the latest question has met, "" for none.
        alarmed: how long the running question took when the process was told to stop, "" before.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.ends = time.monotonic() + limits.submission_seconds
        self.alarmed = self.setting = self.cpu_setting = ""
        self.spare = limits.submission_seconds * SPARE
        self.timeouts: dict[str, int] = {}  # how often each object has taken too long
        self.calls: dict[str, int] = {}  # how often each object was called
        self.stuck = 0  # cells that took too much processor time
        self.share = 1.0  # of its processor time that the next question gets

    @property
    def seconds_left(self) -> float:
        """How much of its time is left."""
        return self.ends - time.monotonic()

    @property
    def seconds_for_cells(self) -> float:
        """How much of its time is left for the student's cells; the rest belongs to the tests."""
        return self.seconds_left - self.limits.submission_seconds * FOR_TESTS

    def out_of_time(self) -> OutOfTime:
        """Return what is raised when the submission's time is used up."""
        self.setting = "submission_seconds"
        seconds = self.limits.submission_seconds
        verb = "is" if seconds == 1 else "are"
        return OutOfTime(f"the submission's {seconds_in_words(seconds)} {verb} used up")

    @contextlib.contextmanager
    def not_counted(self) -> Iterator[None]:
        """Give back the time that passes here, up to a limit."""
        begun = time.monotonic()
        try:
            yield
        finally:
            back = min(time.monotonic() - begun, self.spare)
            self.spare -= back
            self.ends += back

    # One question ---------------------------------------------------------------------------------

    def start_question(
        self, link: JudgeConnection, supervisor: ProcessSupervisor, seconds: float, verb: str
    ) -> None:
        """Set the time limits of the next question.

        Args:
            link, supervisor: to the process.
            seconds: how long the answer may take.
            verb: the question; only "run" has the processor time of a cell.

        Raises:
            OutOfTime: the submission has no time left.
        """
        left = self.seconds_left
        if left <= 0:
            raise self.out_of_time()
        begun, patience = time.monotonic(), min(seconds, left)
        cpu = self.limits.cell_cpu_seconds if verb == "run" else self.limits.call_cpu_seconds
        cpu, self.share = cpu * self.share, 1.0
        link.deadline = begun + min(patience, cpu)
        link.overtime = functools.partial(self.overtime, link, supervisor, begun, patience, cpu)
        self.alarmed = ""
        self.setting = f"{'cell' if verb in ('run', 'define') else 'call'}_seconds"
        if verb == "run" and seconds < self.limits.cell_seconds:  # the rest is the tests'
            self.setting = "submission_seconds"
        self.cpu_setting = f"{'cell' if verb == 'run' else 'call'}_cpu_seconds"

    def overtime(
        self,
        link: JudgeConnection,
        supervisor: ProcessSupervisor,
        begun: float,
        seconds: float,
        cpu: float,
    ) -> float:
        """Return how many seconds more a question may take that should be answered by now.

        When no time is left, the process is told so, and has a moment to say at which line it is.

        Args:
            link, supervisor: to the process.
            begun: when it was asked, on the clock of `time.monotonic`.
            seconds: how long the answer might take.
            cpu: and of that, how long it might use a processor.
        """
        if self.alarmed:
            return 0.0
        assert link.deadline is not None
        waited = supervisor.waiting_seconds(begun)
        now = time.monotonic()
        more = begun + min(seconds + waited, OVERTIME * seconds) - now
        left = cpu - supervisor.cpu_seconds(begun) if cpu < seconds else more
        if min(more, left) < MIN_OVERTIME:
            used_up = left < more
            self.alarmed = f"within {seconds_in_words(cpu if used_up else seconds)}"
            if used_up:
                self.alarmed += " of processor time"
                self.setting = self.cpu_setting
            supervisor.alarm()
            return time.monotonic() + GRACE - link.deadline
        until = now + min(more, left)
        self.ends += max(0.0, until - max(now, begun + seconds))
        return until - link.deadline

    def setting_met(self, error: BaseException) -> str:
        """Return which setting a teacher raises for more time, "" if time was not the reason."""
        is_late = isinstance(error, CallTimeout | OutOfTime) and self.setting
        return f" (limit: JudgedExecute.{self.setting})" if is_late else ""

    def exceeded(self, seconds: float, place: str) -> StudentError:
        """Return what is raised when a question has taken too long.

        Args:
            seconds: that it had.
            place: at which line it was, as the process says itself; "" if it does not.
        """
        if self.seconds_left <= 0:
            return self.out_of_time()
        taken = self.alarmed or f"within {seconds_in_words(seconds)}"
        return CallTimeout(f"no answer {taken}: it was stopped{place}")

    # What takes too long again and again ----------------------------------------------------------

    def count_call(self, about: str) -> None:
        """Count a call of something; raise `CallTimeout` if it is hopeless."""
        if self._is_hopeless(about):
            raise CallTimeout(f"none of its first {MAX_TRIES} calls ended: it is not called again")
        self.calls[about] = self.calls.get(about, 0) + 1

    def _is_hopeless(self, about: str) -> bool:
        """Return whether none of several calls of something has returned."""
        return self.timeouts.get(about, 0) >= max(MAX_TRIES, self.calls.get(about, 0))

    def call_seconds(self, about: str) -> float:
        """Return how long a call of something may take: less if it has been too slow before."""
        late, most = self.timeouts.get(about, 0), self.limits.call_seconds
        return max(most / 2**late, min(1.0, most))

    def share_call(self, about: str) -> None:
        """Give the next call less processor time if it, or a cell, has been too slow before."""
        self.share = 1 / 2 ** min(self.timeouts.get(about, 0) + self.stuck, MAX_TRIES - 1)

    def share_cell(self, source: str) -> None:
        """Give the next cell less processor time if it names what never returns."""
        names = {name.strip("`") for name in self.timeouts if self._is_hopeless(name)}
        if names and set(re.findall(r"\w+", source)) & names:
            self.share = 1 / 2 ** (MAX_TRIES - 1)

    def count_timeout(self, about: str) -> None:
        """Count a call of something that has taken too long."""
        self.timeouts[about] = self.timeouts.get(about, 0) + 1

    def count_stuck_cell(self) -> None:
        """Count a cell that has taken too long, if it was for its processor time."""
        self.stuck += "processor time" in self.alarmed
