"""The student process's end of the connection: answers the judge's questions.

The student's code can reach everything here. A submission can overwrite this code while it runs
and so give any answer it likes, but an answer is never more than a plain value, which the test
compares.
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
    """Return arguments for `np.errstate`; modes that print or log become "warn"."""
    modes = ast.literal_eval(numpy_errors)
    known = ("ignore", "warn", "raise")
    return {name: mode if mode in known else "warn" for name, mode in modes.items()}


_NOTHING = contextlib.nullcontext()


def _is_view(result: Any, array: Any) -> bool:
    arrays = isinstance(result, np.ndarray) and isinstance(array, np.ndarray)
    return arrays and result is not array and np.may_share_memory(result, array)


class StudentConnection(Connection):
    """The student process's end of the connection.

    Args:
        sock: a socket connected to the judge.
        shell: runs the cells.
    """

    shared: StudentObjects

    def __init__(self, sock: socket.socket, shell: CellShell) -> None:
        super().__init__(sock, StudentObjects())
        self.shared.link = self
        self.shell = shell
        self.lock = threading.RLock()  # one thread at a time talks to the judge
        self.turn = threading.Condition(self.lock)  # notified when the judge asks a question
        self.unanswered = 0  # questions of the judge's
        self.is_overdue = False  # a timer tries again to stop the student's code
        self.given = set(shell.user_ns)  # names that are not the student's
        self.warned: list[tuple[str, str, int]] = []
        self.gave_view = False  # since `views` was asked, a call has returned a view of an argument
        self.patches: tuple[tuple, ...] = ()  # of modules, by the test
        self.patched: list[tuple[Any, str, tuple]] = []  # patches in force, with the old values
        self.replaced: dict[str, tuple] = {}  # names that the test has changed -> old values
        self.drawn_from: list[Any] = [None, None]  # states of the random generators, from the judge
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
        """Answer the judge until it closes the connection."""
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
        """Apply what the test has changed.

        Args:
            patches: module, name and value (none: deleted) of each change to a module, in force
                while the student's code runs.
            names: changed names of the student's, each with its value (none: deleted).
            numpy_state, python_state: of the global random generators.
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
        """Return how many words each random generator has drawn since its state was set.

        -1: unknown, or its state was not set.
        """
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
        """Stop the student's code: the judge says that the time for its question is up.

        The grader's own code is never stopped, say in the middle of a message. The judge will soon
        end this process in any case; the exception only tells it the line.

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
        """Run a cell; return its outputs as JSON and the name of its exception's type."""
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
        """Set a name, or delete it; return (old value,), or ()."""
        found = self.shell.user_ns
        had = (found.pop(name),) if name in found else ()
        found.update(zip([name], value, strict=False))
        return had

    def get(self, names: tuple[str, ...]) -> tuple[tuple[str, Any], ...]:
        """Return (name, value) for each of these names that is defined."""
        found = self.shell.user_ns
        return tuple((name, found[name]) for name in names if name in found)

    def call(self, target: Any, args: tuple, kwargs: tuple, numpy_errors: str) -> Any:
        """Call a function as if in the judge: its prints and warnings appear there.

        Args:
            target: the function.
            args, kwargs: its arguments; `kwargs` holds (name, value) pairs.
            numpy_errors: the judge's `str(np.geterr())`, or "" for the default.
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
        """Return whether a call has returned a view of an argument since this was last asked."""
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
        error.test_error = number  # if this is not caught, the judge raises its own again
        raise error


def pyplot(target: Any, name: str) -> Any:
    """Return pyplot's `gcf()`, `gca()` or `get_fignums()`, or close all figures.

    Returns None if there is no figure.
    """
    found = sys.modules.get("matplotlib.pyplot")
    if found is None or not found.get_fignums():
        return None
    if name == "close":
        found.close("all")
    return getattr(found, name)() if name in ("gcf", "gca", "get_fignums") else None
