"""The student process's end of the connection: answers the judge's questions.

Everything here is within the student's reach. A submission can overwrite this code while it runs
and so give any answer it likes, but an answer is only ever a plain value, and the judge compares
it.
"""

from __future__ import annotations

import ast
import builtins
import contextlib
import copy
import io
import json
import os
import signal
import socket
import sys
import threading
import types
import warnings
from typing import Any

import numpy as np

from utils.grading.notebook.outputs import Stream
from utils.grading.notebook.shell import CellShell, Overdue, in_cell, text_of, type_name
from utils.grading.remote import random_state
from utils.grading.remote.codec import CannotCross, CodecError
from utils.grading.remote.connection import Connection, Ended
from utils.grading.remote.patches import found_at, set_name
from utils.grading.remote.student_objects import (
    StudentObjects,
    describe_error,
    inspected,
    signature,
    test_error,
)

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

MAX_WARNINGS = 20  # of one call
LOOK = 0.05  # seconds until the next try to stop the student's code
_OWN_FOLDER = os.path.dirname(os.path.dirname(__file__)) + os.sep


def _modes(numpy_errors: str) -> dict[str, Any]:
    """Return what `np.errstate` takes; what the judge would print or log is warned of here."""
    modes = ast.literal_eval(numpy_errors)
    known = ("ignore", "warn", "raise")
    return {name: mode if mode in known else "warn" for name, mode in modes.items()}


_NOTHING = contextlib.nullcontext()


def _is_view(result: Any, array: Any) -> bool:
    arrays = isinstance(result, np.ndarray) and isinstance(array, np.ndarray)
    return arrays and result is not array and np.may_share_memory(result, array)


class StudentConnection(Connection):
    """The submission's end of the connection.

    Args:
        sock: leads to the judge.
        shell: runs the cells.
    """

    shared: StudentObjects

    def __init__(self, sock: socket.socket, shell: CellShell) -> None:
        super().__init__(sock, StudentObjects())
        self.shared.link = self
        self.shell = shell
        self.lock = threading.RLock()  # one thread at a time talks to the judge
        self.turn = threading.Condition(self.lock)  # a question of the judge's has come
        self.unanswered = 0  # questions of the judge's
        self.is_overdue = False  # a timer tries again to stop the student's code
        self.given = set(shell.user_ns)  # names that are not the student's
        self.warned: list[tuple[str, str, int]] = []
        self.gave_view = False  # a call has given a view of an argument since `views` was asked
        self.patches: tuple[tuple, ...] = ()  # of modules, by the test
        self.patched: list[tuple[Any, str, tuple]] = []  # what is in force, and what was there
        self.replaced: dict[str, tuple] = {}  # names that the test has changed, and what they had
        self.drawn_from: list[Any] = [None, None]  # states of the random generators as told
        verbs: dict[str, Any] = {
            "run": self.run_cell,
            "define": shell.define,
            "names": self.names,
            "bind": self.bind,
            "get": self.get,
            "change": self.change,
            "drawn": self.drawn,
            "call": self.call,
        }
        asked: dict[str, Any] = {
            "getattr": lambda target, name: getattr(target, name),
            "setattr": setattr,
            "delattr": delattr,
            "special": self.special,
            "isinstance": isinstance,
            "issubclass": issubclass,
            "signature": signature,
            "dir": lambda target: [name for name in dir(target) if isinstance(name, str)],
            "copy": copy.copy,
            "deepcopy": copy.deepcopy,
            "inspect": inspected,
            "pyplot": pyplot,
            "views": self.views,
        }
        as_asked = {name: self._as_the_test_has_it(one) for name, one in asked.items()}
        self.verbs = verbs | as_asked

    def serve(self) -> None:
        """Answer the judge until it hangs up."""
        with contextlib.suppress(Ended, CodecError, CannotCross):
            while True:
                with self.lock:
                    question = self.receive()
                self.reply(*question)

    def reply(self, verb: str, token: bytes, args: tuple) -> None:
        with self.turn:
            self.unanswered += 1
            self.turn.notify_all()
        super().reply(verb, token, args)

    def send(self, verb: str, token: bytes, body: tuple) -> None:
        with self.lock:
            super().send(verb, token, body)
            if verb in ("done", "failed"):
                self.unanswered -= 1
                if self.is_overdue and not self.unanswered:
                    self.is_overdue = False
                    signal.setitimer(signal.ITIMER_REAL, 0)

    def ask_judge(self, verb: str, *args: Any) -> Any:
        """Ask the judge something; any thread may, but only while the judge waits for an answer."""
        with self.turn:
            self.turn.wait_for(lambda: self.unanswered)
            in_force = bool(self.patched)
            self._lift()
            try:
                return self.ask(verb, *args)
            finally:
                if in_force:
                    self._put_in_force()

    # What the test changes besides values ---------------------------------------------------------

    def change(
        self, patches: tuple, names: tuple, numpy_state: Any = None, python_state: Any = None
    ) -> None:
        """Take over what the test has changed.

        Args:
            patches: module, name and value (none: deleted) of each change to a module; from now on
                they hold while the student's code runs.
            names: of the student's: each with its value, or none.
            numpy_state, python_state: of the random generators that all code shares.
        """
        self.patches = patches
        for name, had in self.replaced.items():
            self.bind(None, name, *had)
        self.replaced = {name: self.bind(None, name, *value) for name, *value in names}
        for kind, state in enumerate((numpy_state, python_state)):
            if state is not None:
                random_state.set_state(kind, state)
                self.drawn_from[kind] = random_state.get_state(kind)

    def drawn(self) -> tuple[int, ...]:
        """Return how many words each random generator has given since it was told its state."""
        found = []
        for kind, before in enumerate(self.drawn_from):
            count = random_state.words_between(kind, before) if before is not None else -1
            if count > 0:
                self.drawn_from[kind] = random_state.get_state(kind)
            found.append(count)
        return tuple(found)

    def _as_the_test_has_it(self, answer: Any) -> Any:
        def patched(*args: Any, **named: Any) -> Any:
            if not self.patches:
                return answer(*args, **named)
            before = bool(self.patched)
            self._put_in_force()
            try:
                return answer(*args, **named)
            finally:
                self._lift()
                if before:
                    self._put_in_force()

        return patched

    def _put_in_force(self) -> None:
        self._lift()
        owners = [found_at(module) for module, *_ in self.patches]  # before anything is patched
        for owner, (_, name, *value) in zip(owners, self.patches, strict=True):
            had = (vars(owner)[name],) if name in vars(owner) else ()
            self.patched.append((owner, name, had))
            set_name(owner, name, *value)

    def _lift(self) -> None:
        while self.patched:
            owner, name, had = self.patched.pop()
            set_name(owner, name, *had)

    # What the judge asks --------------------------------------------------------------------------

    def overdue(self, number: int, frame: types.FrameType | None) -> None:
        """Stop the student's code, for the judge says that the time of its question is up.

        Nothing of the grader's is stopped, such as half a message. The judge ends this process
        soon, whatever it does; the exception only tells it the line.

        Raises:
            Overdue: in the student's code.
        """
        if not self.unanswered:
            return
        while frame and not in_cell(frame.f_code.co_filename):
            if frame.f_code.co_filename.startswith(_OWN_FOLDER):
                self.is_overdue = True
                signal.setitimer(signal.ITIMER_REAL, LOOK)
                return
            frame = frame.f_back
        raise Overdue

    def run_cell(self, label: str, source: str) -> tuple[str, str]:
        """Run a cell; return its outputs as JSON, and the type of its exception."""
        _, error = self.shell.run(label, source)
        if isinstance(error, Overdue):
            raise error
        outputs = self.shell.outputs.take()
        return json.dumps(outputs, default=str), type_name(error) if error else ""

    def names(self) -> tuple[str, ...]:
        """Return the names that the student's cells have defined."""
        return tuple(
            name
            for name in list(self.shell.user_ns)
            if type(name) is str and name not in self.given
        )

    def bind(self, target: Any, name: str, *value: Any) -> tuple:
        """Give a name a value, or none; return the value that it had, or ()."""
        found = self.shell.user_ns
        had = (found.pop(name),) if name in found else ()
        found.update(zip([name], value, strict=False))
        return had

    def get(self, names: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
        """Return those of these names that are defined, with what they stand for."""
        found = self.shell.user_ns
        return tuple((name, found[name]) for name in names if name in found)

    def call(self, target: Any, args: tuple, kwargs: tuple, numpy_errors: str) -> Any:
        """Call something as if in the judge's process: its prints and warnings appear there.

        Args:
            target, args, kwargs: what to call, and with what.
            numpy_errors: `str(np.geterr())` there, "" if it is as it was.
        """
        run = self._as_the_test_has_it(target)
        streams = sys.stdout, sys.stderr, sys.stdin
        sys.stdout, sys.stderr = (
            Stream("stdout", self.shell.outputs),
            Stream("stderr", self.shell.outputs),
        )
        if not any(name == "stdin" for _, name, *_ in self.patches):
            sys.stdin = io.StringIO()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                with np.errstate(**_modes(numpy_errors)) if numpy_errors else _NOTHING:
                    result = run(*args, **dict(kwargs))
                self.gave_view |= any(_is_view(result, one) for one in args)
                return result
            finally:
                sys.stdout, sys.stderr, sys.stdin = streams
                for warning in caught[:MAX_WARNINGS]:
                    said = warning.message
                    text = said if isinstance(said, str) else text_of(said)
                    self.warned.append((warning.category.__name__, text, warning.lineno))

    def views(self, target: Any) -> bool:
        """Return whether a call has given a view of one of its arguments since this was asked."""
        gave, self.gave_view = self.gave_view, False
        return gave

    def special(self, target: Any, name: str, args: tuple) -> Any:
        match name:
            case "__len__":
                return len(target)
            case "__getitem__":
                return target[args[0]]
            case "__setitem__":
                target[args[0]] = args[1]
            case "__delitem__":
                del target[args[0]]
            case "__contains__":
                return args[0] in target
            case "__iter__":
                return iter(target)
            case "__next__":
                try:
                    return (next(target),)
                except StopIteration as end:
                    return () if end.value is None else ((), end.value)
            case "__enter__":
                return type(target).__enter__(target)
            case "__exit__":
                error = test_error(*args) if args else None
                kind = type(error) if args else None
                return bool(type(target).__exit__(target, kind, error, None))
            case "__bool__":
                return bool(target)
            case _:
                return getattr(type(target), name)(target, *args)
        return None

    # Answers --------------------------------------------------------------------------------------

    def extras(self) -> tuple[str, tuple]:
        shown, warned = self.shell.outputs.take(), tuple(self.warned)
        self.warned.clear()
        return json.dumps(shown, default=str) if shown else "", warned

    def success(self, value: Any) -> tuple:
        return value, *self.extras()

    def failure(self, error: BaseException) -> tuple:
        return describe_error(error), *self.extras()

    def answer(self, good: bool, body: tuple) -> Any:
        if good:
            return body[0]
        name, message, number = body
        error = test_error(name, message)
        error.test_error = number  # the judge raises its own exception again if this one gets out
        raise error


def pyplot(target: Any, name: str) -> Any:
    """Return the current figure or axes, or the numbers of all figures; close them all."""
    found = sys.modules.get("matplotlib.pyplot")
    if found is None or not found.get_fignums():
        return None
    if name == "close":
        found.close("all")
    return getattr(found, name)() if name in ("gcf", "gca", "get_fignums") else None
