"""The judge's client of a submission: starts its process, asks it, ends and restarts it.

When a call does not return, the student process is ended; after that, or if it has died by itself,
the next question starts another one, in which the student's cells are run again. So a call that
never returns costs only the points that depend on it, and grading continues.
"""

from __future__ import annotations

import builtins
import contextlib
import sys
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, NoReturn

from utils.grading.judge import hidden_test_policy
from utils.grading.judge.effects import Effects
from utils.grading.judge.notes import Notes
from utils.grading.judge.time_limits import MIN_OVERTIME, TimeLimits
from utils.grading.notebook.outputs import Output, Ran, clean_outputs
from utils.grading.notebook.shell import error_output
from utils.grading.remote.codec import CannotCross, CodecError
from utils.grading.remote.connection import Ended, Late
from utils.grading.remote.judge_connection import JudgeConnection
from utils.grading.remote.proxy import StudentProxy
from utils.grading.remote.student_errors import (
    CallTimeout,
    Lost,
    OutOfTime,
    ProcessEnded,
    StudentError,
)
from utils.grading.sandbox.config import Limits
from utils.grading.sandbox.messages import ProcessSupervisor

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

OVERDUE = "Overdue"  # type of the exception with which a process says so itself
JUDGE_MAX_STARTS = 60  # processes of one submission that the judge asks for


@dataclass
class StudentClient(Notes):
    """The judge's access to the student process, or to its successor once that has ended.

    Attributes:
        supervisor: starts processes, watches and ends them.
        limits: the resources that the submission may use.
        cpu_seconds: processor time of all its processes so far.
        memory_bytes: largest resident set of any of them.
        missed_names: the student's code raised a NameError, or a test used an undefined name.
        muted: the prints and warnings of calls are dropped. The judge sets this whenever no test
            cell is running: the text would go to its stderr, and from there to a terminal.
        publish: called with each output that the student's code displays during a test.
        classes: names of the classes that the course's solution defines.
        modules: names of the course's own modules, beside the notebook.
        locked: names that locked cells bind. Honest submissions have no class that only a test
            defines.
        exceptions: the student's exception types that tests know by name.
        effects: what the tests change besides values.
    """

    supervisor: ProcessSupervisor
    limits: Limits
    cpu_seconds: float = 0.0
    memory_bytes: int = 0
    missed_names: bool = False
    muted: bool = False
    publish: Callable[[Output], None] | None = None
    classes: Collection[str] = ()
    modules: Collection[str] = ()
    locked: Collection[str] = ()
    exceptions: dict[str, type[StudentError]] = field(default_factory=dict)
    effects: Effects = field(default_factory=lambda: Effects({}, []))

    def __post_init__(self) -> None:
        self.time = TimeLimits(self.limits)
        self.link: JudgeConnection | None = None
        self.cells: list[list[str]] = []  # run so far: how ("run", "define", "skip"), label, source
        self.starts = 0
        self.why_ended = ""
        self.drew_apart = False  # the running test and the student's code have a figure each
        self.broken_off = False  # a call of the running test has had no answer

    # Processes ----------------------------------------------------------------------------------

    def ready(self) -> JudgeConnection:
        """Return the link to a process in which the cells so far have been run."""
        if self.link:
            return self.link
        if self.time.seconds_left <= 0:
            raise self.time.out_of_time()
        if self.starts >= JUDGE_MAX_STARTS:
            raise ProcessEnded(f"its process has ended {self.starts} times; no other is started")
        self.starts += 1
        try:
            sock = self.supervisor.start()
        except OSError as error:
            raise ProcessEnded(f"its process could not be started: {error}") from None
        self.link = JudgeConnection(sock, self)
        if self.cells:
            self._run_again()
        return self.link

    def rewind(self, count: int) -> None:
        """End the process and go back to the state after the first `count` cells."""
        self.end("it was ended")
        del self.cells[count:]

    def _run_again(self) -> None:
        """Run the cells so far in a fresh process, with muted output.

        If a cell now ends the process, only its definitions are used, and everything starts once
        more. Up to a limit, this does not use up the tests' time.
        """
        muted, self.muted = self.muted, True
        try:
            with self.time.not_counted():
                for cell in self.cells:
                    how, label, source = cell
                    if how == "skip":
                        continue
                    try:
                        self._ask_in_time(self.limits.cell_seconds, how, label, source)
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

    def _ask_in_time(self, seconds: float, verb: str, *args: Any) -> Any:
        """Ask the process, and end it if it takes too long or breaks the protocol."""
        link = self.link
        assert link is not None
        if link.depth:  # within another question, which limits the time
            try:
                return link.ask(verb, *args)
            except StudentError as error:
                if error.type_name == OVERDUE:  # code that catches this gets no further
                    link.deadline = time.monotonic()
                raise
        self.time.start_question(link, self.supervisor, seconds, verb)
        try:
            answer = link.ask(verb, *args)
        except Late:
            self._end_late(seconds, "")
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
            if error.type_name != OVERDUE and not self.time.alarmed:
                raise
            number, code = error.raised_line, error.raised_code
            line = f" (line {number}: `{code}`)" if number and not self.hidden else ""
            self._end_late(seconds, line)
        if self.time.alarmed:  # it ignored the alarm
            self._end_late(seconds, "")
        return answer

    def _end_late(self, seconds: float, place: str) -> NoReturn:
        """End a process that has taken too long; see `TimeLimits.exceeded`."""
        self.end("it was stopped")
        raise self.time.exceeded(seconds, place) from None

    def end(self, why: str = "") -> None:
        """End the process and all that it started.

        Args:
            why: the reason, for later error messages; "" if the process has ended by itself.
        """
        if self.link:
            self.link.close()
            self.link = None
            report = self.supervisor.end(why)
            self.cpu_seconds += report.get("cpu", 0.0)
            self.memory_bytes = max(self.memory_bytes, report.get("memory", 0))
            self.why_ended = why or report.get("why") or "it left without an answer"
            if self.hidden:  # a visible test may ask later
                self.why_ended = "it ended in a hidden test"

    # Questions ------------------------------------------------------------------------------------

    def ask_object(self, verb: str, proxy: StudentProxy, *args: Any) -> Any:
        """Ask the student process about a proxy's object.

        Raises:
            StudentError: the student's code raised it, or there is no answer.
            CannotCross: an argument cannot be sent.
        """
        about = proxy._proxy_origin
        if not about and not self.hidden:  # else the student's choice of words might tell
            about = proxy._proxy_about.name or proxy._proxy_about.type_name
        about = f"`{about}`" if about else "a call"
        try:
            self.time.count_call(about)
        except CallTimeout:
            self.broken_off = True
            raise
        with self.effects.judging():
            self.revive(proxy)
            patience = self.time.call_seconds(about)
            try:
                if changes := self.effects.changes(self.link):
                    self._ask_in_time(patience, "change", *changes)
                    self.revive(proxy)
                self.time.share_call(about)
                try:
                    return self._ask_in_time(patience, verb, proxy, *args)
                finally:
                    if self.link:
                        self._follow(patience)
            except CannotCross as error:
                self.note_judge_limit(str(error))
                raise
            except (CallTimeout, ProcessEnded, OutOfTime) as error:
                self.broken_off = True
                if isinstance(error, CallTimeout):
                    self.time.count_timeout(about)
                self.stop(self.as_note(f"{about}: {error}{self.time.setting_met(error)}"))
                raise

    def _follow(self, patience: float) -> None:
        """Apply a call's side effects here: random numbers drawn, names rebound."""
        if self.effects.seeded:
            self.effects.drawn(self._ask_in_time(patience, "drawn"))
        names = self.effects.values()
        if unbound := self.effects.unbound():
            names += tuple(unbound & self.names())
        if names:
            self.effects.renew(self._pairs(self._ask_in_time(patience, "get", names), names))

    def ask_process(self, verb: str, *args: Any) -> Any:
        """Ask the student process a question that concerns none of its objects."""
        with self.effects.judging():
            self.ready()
            try:
                return self._ask_in_time(self.limits.call_seconds, verb, None, *args)
            except CannotCross as error:
                self.note_judge_limit(str(error))
                raise

    def processor_seconds(self, since: float) -> float:
        """Return the process's processor time since a `time.monotonic`, or 0.0 if unknown."""
        return self.supervisor.cpu_seconds(since) if self.link else 0.0

    def undo_changes(self) -> None:
        """Undo the tests' changes before the student's own cells run."""
        if self.effects.forget() and self.link:
            with contextlib.suppress(StudentError):
                self._ask_in_time(self.limits.call_seconds, "change", (), ())

    def own_class(self, name: str) -> type | None:
        """Return the class of this name that a locked cell defines, or None."""
        first = name.partition(".")[0]
        found = self.effects.namespace.get(first) if first in self.locked else None
        for part in name.split(".")[1:]:
            found = vars(found).get(part) if issubclass(type(found), type) else None
        kind: Any = found  # not `isinstance`, which would ask a proxy for its class
        if not issubclass(type(kind), type) or issubclass(kind, StudentError):
            return None
        return kind if kind.__module__ == "__main__" else None

    def revive(self, proxy: StudentProxy) -> None:
        """Point a proxy at the same object in the new process if the old process has ended.

        Raises:
            Lost: the new process has no such object.
        """
        if proxy._proxy_link is self.link:
            return
        link = self.ready()
        name = proxy._proxy_origin
        new = self.get({name}).get(name) if name else None
        if not isinstance(new, StudentProxy):
            if self.why_ended == hidden_test_policy.ENDED:
                self.note_judge_limit(
                    f"{proxy!r} is used here, and was made by a test cell before this one"
                )
            raise Lost(f"{proxy!r} was lost when the student process ended: {self.why_ended}")
        for slot in ("_proxy_link", "_proxy_number", "_proxy_about"):
            object.__setattr__(proxy, slot, getattr(new, slot))
        link.shared.adopt(new._proxy_number, proxy)  # and `new` may go

    def _ask_for_names(self, about: str, verb: str, *args: Any) -> Any:
        """Ask the process; if there is no answer, note that it was stopped and raise again."""
        try:
            return self._ask_in_time(self.limits.call_seconds, verb, *args)
        except (CallTimeout, ProcessEnded, OutOfTime) as error:
            self.stop(self.as_note(f"{about}: {error}{self.time.setting_met(error)}"))
            raise

    def names(self) -> set[str]:
        """Return the names that the student's cells have defined."""
        self.ready()
        found = self._ask_for_names("names of the cells", "names")
        return {name for name in found if type(name) is str} if type(found) is tuple else set()

    def get(self, names: set[str]) -> dict[str, Any]:
        """Return the values of those names that the student's cells define, without modules."""
        if not names:
            return {}
        self.ready()
        wanted = tuple(sorted(names))
        return self._pairs(self._ask_for_names(", ".join(wanted)[:200], "get", wanted), wanted)

    def _pairs(self, pairs: Any, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the valid pairs in an answer to "get" as a dict, without modules."""
        values = {}
        for pair in pairs if type(pairs) is tuple else ():
            match pair:
                case (str(name), value) if name in names:
                    values[name] = value
                    if not isinstance(value, StudentProxy):
                        continue
                    if value._proxy_about.what == "module":
                        del values[name]
                    elif not value._proxy_origin:
                        object.__setattr__(value, "_proxy_origin", name)
        return values

    def run_cell(self, label: str, source: str, only_define: bool = False) -> Ran:
        """Run one of the student's cells.

        Args:
            label: names the cell in tracebacks and notes.
            source: the cell's code.
            only_define: run only its imports, functions, classes and constants.
        """
        how, seconds = "define" if only_define else "run", self.limits.cell_seconds
        try:
            self.ready()
            self.time.share_cell(source)
            if not only_define:
                seconds = min(seconds, max(self.time.seconds_for_cells, MIN_OVERTIME))
            answer = self._ask_in_time(seconds, how, label, source)
        except (CallTimeout, ProcessEnded) as error:
            self.cells.append(["define", label, source])
            self.time.count_stuck_cell()
            met = self.time.setting_met(error)
            self.stop(f"cell {label}: {error}{met}; of this cell only the definitions count")
            return Ran([error_output(error, None)], error.type_name)
        except StudentError as error:
            if isinstance(error, OutOfTime):
                self.stop(f"cell {label}: {error}{self.time.setting_met(error)}")
            return Ran([error_output(error, None)], error.type_name)
        self.cells.append([how, label, source])
        match answer:
            case (str(outputs), str(ended)):
                return Ran(clean_outputs(outputs, self.limits.output_bytes), ended[:200])
        return Ran([])

    def show_outputs(self, shown: str) -> None:
        """Show a call's prints and displays as if they were the test cell's own."""
        if self.muted or self.hidden or not shown:
            return
        for output in clean_outputs(shown, self.limits.output_bytes):
            if output["output_type"] == "stream":
                (sys.stderr if output["name"] == "stderr" else sys.stdout).write(output["text"])
            elif self.publish and output["output_type"] != "error":
                self.publish(output)
