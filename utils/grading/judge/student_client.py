"""A submission, as the judge sees it: a process that is started, asked, ended and started again.

When a call does not return or the process goes, the process is ended and the next question starts
another one, in which the student's cells are run once more. So a call that never returns costs
what depends on it, and grading goes on.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import re
import socket
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, NoReturn

from utils.grading.judge.effects import Effects, name_in
from utils.grading.notebook.outputs import Output, Ran, clean_outputs
from utils.grading.notebook.shell import error_output
from utils.grading.remote.codec import CannotCross, CodecError
from utils.grading.remote.connection import Ended, Late
from utils.grading.remote.judge_connection import JudgeConnection
from utils.grading.remote.judge_limits import NOT_THEIR_FAULT
from utils.grading.remote.proxy import StudentThing
from utils.grading.remote.student_errors import (
    CallTimeout,
    Lost,
    OutOfTime,
    ProcessEnded,
    StudentError,
)
from utils.grading.sandbox.config import Limits
from utils.grading.sandbox.messages import ProcessSupervisor, Supervised
from utils.grading.sandbox.supervisor import OVERTIME
from utils.grading.terminal import clean
from utils.grading.text_files import seconds_in_words

# This module's own: tests may patch what all others use.
globals()["__builtins__"] = dict(vars(builtins))

OVERDUE = "Overdue"  # type of the exception with which a process says so itself
MAX_STARTS = 60  # processes of one submission
MAX_NOTES, MAX_NOTE = 30, 1000  # how many, and characters of one
HIDDEN_NOTE = "the submission's process ended in a hidden test"  # how and where is not told
MIN_OVERTIME = 0.02  # seconds
AFTER_HIDDEN = "it was ended after a test cell that students do not have whole"
HIDDEN_LIMIT = "a hidden test met a limit of the grader, which is no fault of the submission"
MAX_LIMITS = 20  # sentences on what a test cell wanted and the judge does not do
FOR_TESTS = 1 / 3  # of the submission's time, which its cells cannot use up
MAX_TRIES = 4  # calls of something that never returns; further ones are not made
SPARE = 1 / 4  # of the submission's time: what it gets for running cells again in a new process
GRACE = 0.5  # seconds in which a process whose time is up may say at which line it was


@dataclass
class Start:
    """A process that has been started for a submission."""

    link: socket.socket  # to the process
    supervisor: ProcessSupervisor

    @classmethod
    def of(cls, supervised: Supervised) -> Start:
        """Have a process started; raise `ProcessEnded` if it cannot be."""
        try:
            return cls(supervised.start(), supervised)
        except OSError as error:
            raise ProcessEnded(f"its process could not be started: {error}") from None


@dataclass
class Submission:
    """A submission's process, or the next one.

    Attributes:
        start: starts a process.
        limits: what the submission may use.
        notes: sentences for the person who looks at it.
        stopped: a process was ended before its time.
        cpu_seconds: of all its processes so far.
        memory_bytes: largest resident set of one of them.
        missed_names: the student's code raised a NameError, or a test found no such name.
        muted: what calls print and warn of is dropped. The judge sets it whenever no test cell
            runs: the text would go to its own stderr, and from there to somebody's terminal.
        hidden: a hidden test runs: what calls print is dropped, and notes tell no more than that a
            process ended.
        publish: takes what it displays during a test.
        classes: names of classes that the course's solution defines.
        modules: names of the course's own modules, beside the notebook.
        locked: names that locked cells bind. What only a test defines no honest submission has.
        limits_met: sentences on what the running test wanted and the judge does not do.
        bound_by_tests: names that only tests bind, and by which cell; no hidden one is among them.
        exceptions: the student's exceptions that tests know by name.
        effects: what the tests change besides values.
    """

    start: Callable[[], Start]
    limits: Limits
    notes: list[str] = field(default_factory=list)
    stopped: bool = False
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    missed_names: bool = False
    muted: bool = False
    hidden: bool = False
    publish: Callable[[Output], None] | None = None
    classes: Collection[str] = ()
    modules: Collection[str] = ()
    locked: Collection[str] = ()
    limits_met: list[str] = field(default_factory=list)
    bound_by_tests: dict[str, str] = field(default_factory=dict)
    exceptions: dict[str, type[StudentError]] = field(default_factory=dict)
    effects: Effects = field(default_factory=lambda: Effects({}, []))

    def __post_init__(self) -> None:
        self.ends = time.monotonic() + self.limits.submission_seconds
        self.spare = self.limits.submission_seconds * SPARE
        self.link: JudgeConnection | None = None
        self.supervisor: ProcessSupervisor | None = None
        self.cells: list[list[str]] = []  # run so far: how ("run", "define", "skip"), label, source
        self.late: dict[str, int] = {}  # what has taken too long, and how often
        self.tries: dict[str, int] = {}  # how often each thing was called
        self.starts = 0
        self.alarmed = ""  # how long the question took when the process was told to stop
        self.stuck = 0  # cells that took too much processor time
        self.share = 1.0  # of its processor time that the next question gets
        self.why_ended = ""
        self.broken_off = False  # a call of the running test has had no answer

    @property
    def seconds_left(self) -> float:
        """How much of its time is left."""
        return self.ends - time.monotonic()

    @property
    def seconds_for_cells(self) -> float:
        """How much of its time is left for the student's cells; the rest belongs to the tests."""
        return self.seconds_left - self.limits.submission_seconds * FOR_TESTS

    # Processes ----------------------------------------------------------------------------------

    def ready(self) -> JudgeConnection:
        """Return the link to a process in which the cells so far have been run."""
        if self.link:
            return self.link
        if self.seconds_left <= 0:
            raise OutOfTime(self._out_of_time())
        if self.starts >= MAX_STARTS:
            raise ProcessEnded(f"its process has ended {self.starts} times; no other is started")
        self.starts += 1
        started = self.start()
        self.supervisor = started.supervisor
        self.link = JudgeConnection(started.link, self)
        self.link.watch = started.supervisor.too_much
        if self.cells:
            self._run_again()
        return self.link

    def rewind(self, count: int) -> None:
        """Go back to where only the first so many cells had run."""
        self.end("it was ended")
        del self.cells[count:]

    def _run_again(self) -> None:
        """Run the cells so far in a fresh process, unseen.

        A cell that ends the process, which it did not when it was run first, is cut down to its
        definitions, and everything starts once more. The time is not the tests', up to a limit.
        """
        begun = time.monotonic()
        muted, self.muted = self.muted, True
        try:
            for cell in self.cells:
                how, label, source = cell
                if how == "skip":
                    continue
                try:
                    self._ask(self.limits.cell_seconds, how, label, source)
                except (CallTimeout, ProcessEnded):
                    cell[0] = "define" if how == "run" else "skip"
                    self.ready()
                    return
                except OutOfTime:
                    raise
                except StudentError:
                    pass  # as it did the first time
        finally:
            self.muted = muted
            back = min(time.monotonic() - begun, self.spare)
            self.spare -= back
            self.ends += back

    def _ask(self, seconds: float, verb: str, *args: Any) -> Any:
        """Ask the process, and end it if it takes too long or answers what it must not."""
        link = self.link
        assert link is not None
        if link.depth:  # within another question, and its time
            try:
                return link.ask(verb, *args)
            except StudentError as error:
                if error.type_name == OVERDUE:  # whoever catches this goes no further
                    link.deadline = time.monotonic()
                raise
        left = self.seconds_left
        if left <= 0:
            raise OutOfTime(self._out_of_time())
        begun, patience = time.monotonic(), min(seconds, left)
        cpu = self.limits.cell_cpu_seconds if verb == "run" else self.limits.call_cpu_seconds
        cpu, self.share = cpu * self.share, 1.0
        link.deadline = begun + min(patience, cpu)
        link.overtime = functools.partial(self._overtime, begun, patience, cpu)
        self.alarmed = ""
        try:
            answer = link.ask(verb, *args)
        except Late:
            self._stop_late(seconds, "")
        except Ended as ended:
            self.end(str(ended))
            raise ProcessEnded(f"its process ended: {self.why_ended}") from None
        except CodecError as error:
            self.end("it was stopped")
            raise ProcessEnded(
                f"its process was stopped: {error}; code that writes only to files which it has "
                "opened does no such thing, so look at the cells for code that does"
            ) from None
        except StudentError as error:
            if error.type_name != OVERDUE and not self.alarmed:
                raise
            line = f" (line {error.line}: `{error.code}`)" if error.line and not self.hidden else ""
            self._stop_late(seconds, line)
        if self.alarmed:  # it went on all the same
            self._stop_late(seconds, "")
        return answer

    def _stop_late(self, seconds: float, place: str) -> NoReturn:
        """End a process that has taken too long.

        Args:
            seconds: that it had.
            place: at which line it was, as it says itself; "" if it does not.
        """
        self.end("it was stopped")
        if self.seconds_left <= 0:
            raise OutOfTime(self._out_of_time()) from None
        taken = self.alarmed or f"within {seconds_in_words(seconds)}"
        raise CallTimeout(f"no answer {taken}: it was stopped{place}") from None

    def _overtime(self, begun: float, seconds: float, cpu: float) -> float:
        """Return how many seconds more a question may take that should be answered by now.

        A question ends by processor time, which does not pass while others use the processors. Wall
        time ends what only waits.

        Other submissions that keep the processors busy cost nobody points: time in which this one
        wanted a processor and had none does not count, up to a limit. When no time is left, the
        process is told so, and has a moment to say at which line it is.

        Args:
            begun: when it was asked, on the clock of `time.monotonic`.
            seconds: how long the answer might take.
            cpu: and of that, how long it might use a processor.
        """
        if self.alarmed:
            return 0.0
        assert self.link is not None
        assert self.link.deadline is not None
        assert self.supervisor is not None
        waited = self.supervisor.waiting_seconds(begun)
        now = time.monotonic()
        more = begun + min(seconds + waited, OVERTIME * seconds) - now
        left = cpu - self.supervisor.cpu_seconds(begun) if cpu < seconds else more
        if min(more, left) < MIN_OVERTIME:
            used_up = left < more
            self.alarmed = f"within {seconds_in_words(cpu if used_up else seconds)}"
            self.alarmed += " of processor time" if used_up else ""
            self.supervisor.alarm()
            return time.monotonic() + GRACE - self.link.deadline
        until = now + min(more, left)
        self.ends += max(0.0, until - max(now, begun + seconds))
        return until - self.link.deadline

    def _out_of_time(self) -> str:
        seconds = self.limits.submission_seconds
        verb = "is" if seconds == 1 else "are"
        return f"the submission's {seconds_in_words(seconds)} {verb} used up"

    def end(self, why: str = "") -> None:
        """End the process and all that it started.

        Args:
            why: what the student's later questions are told; "" if the process has gone by itself.
        """
        if self.link:
            self.link.close()
            self.link = None
            assert self.supervisor is not None
            report = self.supervisor.end(why)
            self.cpu_seconds += report.get("cpu", 0.0)
            self.memory_bytes = max(self.memory_bytes, report.get("memory", 0))
            self.why_ended = why or report.get("why") or "it left without an answer"
            if self.hidden:  # a visible test may ask later
                self.why_ended = "it ended in a hidden test"

    def stop(self, text: str) -> None:
        """Note that the submission was stopped."""
        self.stopped = True
        self.note(text)

    def note(self, text: str) -> None:
        """Add a sentence for the person who looks at this submission; parts may be a student's."""
        text = clean(text[:MAX_NOTE])
        if text not in self.notes and len(self.notes) < MAX_NOTES:
            self.notes.append(text)

    # Questions ------------------------------------------------------------------------------------

    def ask(self, verb: str, thing: StudentThing, *args: Any) -> Any:
        """Ask about a thing of the submission's.

        Raises:
            StudentError: its answer, or why there is none.
            CannotCross: an argument cannot be handed over.
        """
        about = thing._thing_origin
        if not about and not self.hidden:  # else the student's choice of words might tell
            about = thing._thing_about[2] or thing._thing_about[1]
        about = f"`{about}`" if about else "a call"
        self._try(about)
        with self.effects.judging():
            return self._ask_about(about, verb, thing, *args)

    def _ask_about(self, about: str, verb: str, thing: StudentThing, *args: Any) -> Any:
        """Ask about a thing, given what to call it."""
        self.revive(thing)
        late = self.late.get(about, 0)  # what has kept us waiting so often will do so again
        patience = max(self.limits.call_seconds / 2**late, min(1.0, self.limits.call_seconds))
        try:
            if changes := self.effects.changes(self.link):
                self._ask(patience, "change", *changes)
                self.revive(thing)
            self.share = 1 / 2 ** min(late + self.stuck, MAX_TRIES - 1)
            answer = self._ask(patience, verb, thing, *args)
            if self.effects.seeded:
                self.effects.drawn(self._ask(patience, "drawn"))
            return answer
        except CannotCross as error:
            self.limit(str(error))
            raise
        except (CallTimeout, ProcessEnded, OutOfTime) as error:
            self.broken_off = True
            if isinstance(error, CallTimeout):
                self.late[about] = late + 1
            self.stop(self._as_note(f"{about}: {error}"))
            raise

    def _is_hopeless(self, about: str) -> bool:
        """Return whether none of several calls of something has returned."""
        return self.late.get(about, 0) >= max(MAX_TRIES, self.tries.get(about, 0))

    def _try(self, about: str) -> None:
        """Count a call; raise `CallTimeout` if it is hopeless."""
        if self._is_hopeless(about):
            self.broken_off = True
            raise CallTimeout(f"none of its first {MAX_TRIES} calls ended: it is not called again")
        self.tries[about] = self.tries.get(about, 0) + 1

    def ask_process(self, verb: str, *args: Any) -> Any:
        """Ask the student's process something that is about no object of its own."""
        with self.effects.judging():
            self.ready()
            try:
                return self._ask(self.limits.call_seconds, verb, None, *args)
            except CannotCross as error:
                self.limit(str(error))
                raise

    def undo_changes(self) -> None:
        """Let the student's own cells find everything as it was before the last test."""
        if self.effects.forget() and self.link:
            with contextlib.suppress(StudentError):
                self._ask(self.limits.call_seconds, "change", (), ())

    def limit(self, text: str) -> None:
        """Note something that a test wants and that works in one kernel, but not here."""
        if self.hidden:
            text = HIDDEN_LIMIT
        elif NOT_THEIR_FAULT not in text:
            text = f"{text}: {NOT_THEIR_FAULT}"
        if text not in self.limits_met and len(self.limits_met) < MAX_LIMITS:
            self.limits_met.append(text[:MAX_NOTE])

    def name_missing(self, message: str) -> str:
        """Return what to add to a NameError of the student's code, "" for nothing."""
        name = name_in(message)
        cell = self.bound_by_tests.get(name)
        if not cell:
            return ""
        text = (
            f"`{name}` is bound by the cell `{cell}`, and tests run apart from the submission: a "
            f"function has to take it as an argument"
        )
        self.limit(f"{text}; {NOT_THEIR_FAULT}")
        return "" if self.hidden else f"; {text}"

    def in_test(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which the test's own code runs, within an answer."""
        return self.effects.testing()

    def own_class(self, name: str) -> type | None:
        """Return the class of this name that a locked cell defines."""
        first = name.partition(".")[0]
        found = self.effects.namespace.get(first) if first in self.locked else None
        for part in name.split(".")[1:]:
            found = vars(found).get(part) if issubclass(type(found), type) else None
        kind: Any = found  # not `isinstance`, which would ask a proxy for its class
        if not issubclass(type(kind), type) or issubclass(kind, StudentError):
            return None
        return kind if kind.__module__ == "__main__" else None

    def _as_note(self, text: str) -> str:
        """Return a note; in hidden tests always the same, as a student chooses how it ends."""
        return HIDDEN_NOTE if self.hidden else text

    def revive(self, thing: StudentThing) -> None:
        """Make a proxy stand for its successor if its process has ended."""
        if thing._thing_link is self.link:
            return
        link = self.ready()
        name = thing._thing_origin
        new = self._get((name,)).get(name) if name else None
        if not isinstance(new, StudentThing):
            if self.why_ended == AFTER_HIDDEN:
                self.limit(f"{thing!r} is used here, and was made by a test cell before this one")
            raise Lost(f"{thing!r} was lost when the submission's process ended: {self.why_ended}")
        for slot in ("_thing_link", "_thing_number", "_thing_about"):
            object.__setattr__(thing, slot, getattr(new, slot))
        link.shared.adopt(new._thing_number, thing)  # and `new` may go

    def names(self) -> set[str]:
        """Return the names that the student's cells have defined."""
        self.ready()
        try:
            found = self._ask(self.limits.call_seconds, "names")
        except (CallTimeout, ProcessEnded, OutOfTime) as error:
            self.stop(self._as_note(f"names of the cells: {error}"))
            raise
        return {name for name in found if type(name) is str} if type(found) is tuple else set()

    def get(self, names: set[str]) -> dict[str, Any]:
        """Return what these names stand for in the student's cells, as far as they are defined.

        The student's modules are not among them.
        """
        if not names:
            return {}
        self.ready()
        values = self._get(tuple(sorted(names)))
        for name, value in values.items():
            if isinstance(value, StudentThing):
                object.__setattr__(value, "_thing_origin", name)
        return {
            name: value
            for name, value in values.items()
            if not (isinstance(value, StudentThing) and value._thing_about[0] == "module")
        }

    def _get(self, names: tuple[str, ...]) -> dict[str, Any]:
        try:
            pairs = self._ask(self.limits.call_seconds, "get", names)
        except (CallTimeout, ProcessEnded, OutOfTime) as error:
            self.stop(self._as_note(f"{', '.join(names)[:200]}: {error}"))
            raise
        values = {}
        for pair in pairs if type(pairs) is tuple else ():
            match pair:
                case (str(name), value) if name in names:
                    values[name] = value
        return values

    def run(self, label: str, source: str, only_define: bool = False) -> Ran:
        """Run one of the student's cells.

        Args:
            label: names the cell in tracebacks and notes.
            source: its text.
            only_define: run only its imports, functions, classes and constants.
        """
        how, seconds = "define" if only_define else "run", self.limits.cell_seconds
        try:
            self.ready()
            names = {name.strip("`") for name in self.late if self._is_hopeless(name)}
            if names and set(re.findall(r"\w+", source)) & names:
                self.share = 1 / 2 ** (MAX_TRIES - 1)
            if not only_define:
                seconds = min(seconds, max(self.seconds_for_cells, MIN_OVERTIME))
            answer = self._ask(seconds, how, label, source)
        except (CallTimeout, ProcessEnded) as error:
            self.cells.append(["define", label, source])
            self.stuck += "processor time" in self.alarmed
            self.stop(f"cell {label}: {error}; of this cell only the definitions count")
            return Ran([error_output(error, None)], error.type_name)
        except StudentError as error:
            if isinstance(error, OutOfTime):
                self.stop(f"cell {label}: {error}")
            return Ran([error_output(error, None)], error.type_name)
        self.cells.append([how, label, source])
        match answer:
            case (str(outputs), str(ended)):
                return Ran(clean_outputs(outputs, self.limits.output_bytes), ended[:200])
        return Ran([])

    def show(self, shown: str) -> None:
        """Show a call's prints and displays as if they were the test cell's own."""
        if self.muted or self.hidden or not shown:
            return
        for output in clean_outputs(shown, self.limits.output_bytes):
            if output["output_type"] == "stream":
                (sys.stderr if output["name"] == "stderr" else sys.stdout).write(output["text"])
            elif self.publish and output["output_type"] != "error":
                self.publish(output)
