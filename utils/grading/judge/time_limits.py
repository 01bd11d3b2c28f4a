"""Time limits of a student's call, a student's cell and a whole submission.

A question to the student process is limited by processor time, which does not pass while other
processes use the processors. Wall time limits code that only waits. Other submissions that keep the
processors busy cost nobody points: time spent waiting for a processor does not count, up to a
limit.

`student_client` asks the questions and ends the process, `remote.connection` waits for the answers,
`StudentConnection.overdue` of `remote.student_connection` interrupts the student's code to learn
its line, and `sandbox.supervisor` ends processes that are left over.
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
FOR_TESTS = 1 / 3  # of the submission's time, reserved for its tests
MAX_TRIES = 4  # calls of a function that never returns, before it is no longer called
SPARE = 1 / 4  # of the submission's time, given in addition for running cells again
GRACE = 0.5  # seconds in which a process whose time is up may report its line


class TimeLimits:
    """The time of one submission, and what it has used of it.

    Args:
        limits: the resources that the submission may use.

    Attributes:
        ends: when all of its time is used up, on the clock of `time.monotonic`.
        setting: the name of the limit in `Limits` that the latest question has met, "" for none.
        alarmed: a phrase such as "within 10 seconds", set when the process was told to stop.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.ends = time.monotonic() + limits.submission_seconds
        self.alarmed = self.setting = self.cpu_setting = ""
        self.spare = limits.submission_seconds * SPARE
        self.timeouts: dict[str, int] = {}  # calls that took too long, by object
        self.calls: dict[str, int] = {}  # calls, by object
        self.stuck = 0  # cells that took too much processor time
        self.share = 1.0  # fraction of the processor time that the next question gets

    @property
    def seconds_left(self) -> float:
        """Seconds that are left for the submission."""
        return self.ends - time.monotonic()

    @property
    def seconds_for_cells(self) -> float:
        """Seconds that are left for the student's cells; the rest is reserved for the tests."""
        return self.seconds_left - self.limits.submission_seconds * FOR_TESTS

    def out_of_time(self) -> OutOfTime:
        """Return the exception to raise when the submission's time is used up."""
        self.setting = "submission_seconds"
        seconds = self.limits.submission_seconds
        verb = "is" if seconds == 1 else "are"
        return OutOfTime(f"the submission's {seconds_in_words(seconds)} {verb} used up")

    @contextlib.contextmanager
    def not_counted(self) -> Iterator[None]:
        """Do not count the time that passes in this context, up to a limit."""
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
            link, supervisor: of the process.
            seconds: wall time for the answer.
            verb: the question; only "run" gets the processor time of a cell.

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
        """Return how many more seconds an overdue question may take.

        When no time is left, the process is told so, and has a moment to report its line.

        Args:
            link, supervisor: of the process.
            begun: when it was asked, on the clock of `time.monotonic`.
            seconds: the limit of wall time for the answer.
            cpu: the limit of processor time for the answer, in seconds.
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
        """Return a hint at the setting that allows more time, or "" if time was not the reason."""
        is_late = isinstance(error, CallTimeout | OutOfTime) and self.setting
        return f" (limit: JudgedExecute.{self.setting})" if is_late else ""

    def exceeded(self, seconds: float, place: str) -> StudentError:
        """Return the exception to raise when a question has taken too long.

        Args:
            seconds: its limit of wall time.
            place: the line, as the process has reported it; "" if it has not.
        """
        if self.seconds_left <= 0:
            return self.out_of_time()
        taken = self.alarmed or f"within {seconds_in_words(seconds)}"
        return CallTimeout(f"no answer {taken}: it was stopped{place}")

    # Repeated timeouts ----------------------------------------------------------------------------

    def count_call(self, about: str) -> None:
        """Count a call; raise `CallTimeout` if its first `MAX_TRIES` calls have all timed out."""
        if self._is_hopeless(about):
            raise CallTimeout(f"none of its first {MAX_TRIES} calls ended: it is not called again")
        self.calls[about] = self.calls.get(about, 0) + 1

    def _is_hopeless(self, about: str) -> bool:
        """Return whether an object was called at least `MAX_TRIES` times and never returned."""
        return self.timeouts.get(about, 0) >= max(MAX_TRIES, self.calls.get(about, 0))

    def call_seconds(self, about: str) -> float:
        """Return the seconds for a call: half after each timeout, but not below one second."""
        late, most = self.timeouts.get(about, 0), self.limits.call_seconds
        return max(most / 2**late, min(1.0, most))

    def share_call(self, about: str) -> None:
        """Halve the next call's processor time for each earlier timeout of it or of a cell."""
        self.share = 1 / 2 ** min(self.timeouts.get(about, 0) + self.stuck, MAX_TRIES - 1)

    def share_cell(self, source: str) -> None:
        """Give the next cell less processor time if it names a function that never returns."""
        names = {name.strip("`") for name in self.timeouts if self._is_hopeless(name)}
        if names and set(re.findall(r"\w+", source)) & names:
            self.share = 1 / 2 ** (MAX_TRIES - 1)

    def count_timeout(self, about: str) -> None:
        """Count a call of an object that has taken too long."""
        self.timeouts[about] = self.timeouts.get(about, 0) + 1

    def count_stuck_cell(self) -> None:
        """Count a cell that has used too much processor time; waiting does not count."""
        self.stuck += "processor time" in self.alarmed
