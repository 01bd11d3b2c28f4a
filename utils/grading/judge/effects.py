"""What a test changes besides values: modules, the student's names, random numbers.

In a single kernel a test may delete `np.sum`, mock `input`, delete the student's helper, or seed a
random generator, and the student's function sees it. Whenever a test asks the student process
something, the judge looks for such changes, sends them to that process, and undoes them in its own
modules until the test's code continues. So the judge's own code never runs with a test's patches.

A test can replace only those of the student's names that stand for functions and classes, and that
it has read before: so nothing that a hidden test defines gets into the student process by its name.
"""

from __future__ import annotations

import builtins
import importlib
import re
import sys
import threading
import types
from collections.abc import Collection, Iterable
from typing import Any

from utils.grading.notebook.outputs import NoInput
from utils.grading.remote import random_state
from utils.grading.remote.judge_connection import is_mock
from utils.grading.remote.judge_limits import NOT_THEIR_FAULT, JudgeLimit
from utils.grading.remote.patches import address_of, set_name
from utils.grading.remote.proxy import StudentProxy, is_class

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

Patch = tuple[Any, str, tuple]  # a module or class, a name in it, and (value,) or ()

# Modules whose names change while tests run even if no test changes them.
_NOT_WATCHED = frozenset(
    ("__main__", "utils", "unittest", "warnings", "IPython", "traitlets", "linecache", "inspect",
     "importlib", "ipykernel", "comm")
)  # fmt: skip
_OF_SYS = ("stdin", "argv")  # the rest of `sys` is the interpreter's
_PLAIN = (bool, int, float, complex, str, bytes, list, tuple, dict, set, frozenset, type(None))
_MISSING = object()
PATIENCE = 30.0  # seconds that one thread of a test waits for another's question


class Effects:
    """What the tests of one submission have changed.

    Args:
        namespace: the test cells' globals.
        cells: the submission's cells, as for `Judge`.
    """

    def __init__(self, namespace: dict[str, Any], cells: Collection[dict]) -> None:
        self.namespace = namespace
        self.seeded = any(cell.get("seeds") for cell in cells)
        tests = (cell["binds"] for cell in cells if cell["kind"] == "test")
        self.of_tests = frozenset(name for names in tests for name in names)
        self.running = False  # whether a test cell's own code is running
        self.lock = threading.RLock()  # held while the judge's code asks the student process
        self.names: dict[str, Any] = {}  # the student's, which the test may replace
        self.borrowed: dict[str, Any] = {}  # the student's, which the running test cell uses
        self.missing: frozenset[str] = frozenset()  # names that it uses and that were unbound
        self._kept: list[Patch] = []  # patches in force while a test's code runs
        self._known: dict[int, tuple[Any, dict[str, Any]]] = {}  # modules and their original names
        self._ids: dict[int, list[int]] = {}
        self._random: list[random_state.State | None] = [None, None]
        self._told: tuple = ()  # the link, and what was sent to its process

    # Test cells -----------------------------------------------------------------------------------

    def begin(self, cell: dict, borrowed: dict[str, Any]) -> None:
        """Prepare for a test cell.

        Args:
            cell: the test cell.
            borrowed: the student's objects that it uses, by name.
        """
        self.borrowed = borrowed
        known = {*vars(builtins), *self.namespace}
        self.missing = frozenset(cell["uses"]) - known - self.of_tests
        replaceable = {*cell["reads"], *cell["words"]}
        self.names = {
            name: value
            for name, value in borrowed.items()
            if name in replaceable
            and issubclass(type(value), StudentProxy)
            and value._proxy_about.what in ("function", "class")
        }
        if cell["patches"]:
            self._watch(cell["modules"])
        if self.seeded:
            self._random = [random_state.get_state(kind) for kind in random_state.KINDS]
        self._put_back()

    def end(self) -> None:
        """Undo the tests' changes; they return when the next test cell begins."""
        if self.running:
            self._lift()
        self.names, self.borrowed, self.missing = {}, {}, frozenset()

    def judging(self) -> Switch:
        """Undo the test's changes while the judge's own code runs."""
        return Switch(self, False)

    def testing(self) -> Switch:
        """Apply the test's changes while the test's own code runs, called from the judge's."""
        return Switch(self, True)

    def switch(self, running: bool) -> bool:
        """Switch to the test's code or to the judge's; return whether it was the test's before."""
        before = self.running
        if before and not running:
            self._lift()
        elif running and not before:
            self._put_back()
        return before

    # Modules --------------------------------------------------------------------------------------

    def _watch(self, named: Iterable[str]) -> None:
        """Remember the names in all modules that the next test cell can reach."""
        tops = {"builtins", "sys"}
        for name in named:
            parts = name.split(".")
            for end in range(1, len(parts) + 1):
                try:
                    importlib.import_module(".".join(parts[:end]))
                except Exception:  # the rest of the name is in a module, not one itself
                    break
                tops.add(parts[0])
        for value in list(self.namespace.values()):
            if type(value) is types.ModuleType:
                tops.add(value.__name__.partition(".")[0])
            elif isinstance(value, type) and isinstance(value.__module__, str):
                top = value.__module__.partition(".")[0]
                if top not in _NOT_WATCHED and top in sys.modules and top != "builtins":
                    self._remember(value)
        tops -= _NOT_WATCHED
        for name, module in list(sys.modules.items()):
            if type(module) is types.ModuleType and name.partition(".")[0] in tops:
                self._remember(module)

    def _remember(self, owner: Any) -> None:
        if id(owner) not in self._known:
            names = dict(vars(owner))
            self._known[id(owner)] = owner, names
            self._ids[id(owner)] = list(map(id, names.values()))

    def _lift(self) -> None:
        """Restore all modules, and remember what was changed."""
        self.running = False
        self._kept = []
        for key, (owner, before) in self._known.items():
            now = vars(owner)
            if list(map(id, now.values())) == self._ids[key]:
                continue
            for name in {*before, *now}:
                old, new = before.get(name, _MISSING), now.get(name, _MISSING)
                if old is not new and _is_patch(owner, name, old, new):
                    self._kept.append((owner, name, () if new is _MISSING else (new,)))
                    set_name(owner, name, *(() if old is _MISSING else (old,)))
            self._ids[key] = list(map(id, now.values()))

    def _put_back(self) -> None:
        for owner, name, value in self._kept:
            set_name(owner, name, *value)
        self.running = True

    # Messages to the student process --------------------------------------------------------------

    def changes(self, link: object) -> tuple | None:
        """Return the arguments of `StudentConnection.change`, or None if nothing has changed.

        Args:
            link: the connection to the process; a new process has been told nothing.
        """
        patches = tuple((address_of(owner), name, *value) for owner, name, value in self._kept)
        names: list[tuple] = []
        for name, borrowed in self.names.items():
            now = self.namespace.get(name, _MISSING)
            if now is _MISSING:
                names.append((name,))
            elif now is not borrowed and (callable(now) or is_mock(now)):
                names.append((name, now))
        states: list[random_state.State | None] = [None, None]
        if self.seeded:
            for kind in random_state.KINDS:
                state = random_state.get_state(kind)
                if state != self._random[kind]:
                    states[kind] = self._random[kind] = state
        changes = (patches, tuple(names))
        told = (link, *((one[:2], id(one[-1])) for one in (*patches, *names)))
        if not any(states) and (told == self._told or not any(changes) and len(self._told) <= 1):
            return None
        self._told = told
        return *changes, *states

    def values(self) -> tuple[str, ...]:
        """Return the student's names for values (no functions, no classes); calls may rebind them.

        Names that a test binds are excluded: whose a value such as `1` is cannot be told.
        """
        return tuple(
            name
            for name, value in self.borrowed.items()
            if name not in self.of_tests
            and not is_class(value)
            and not (
                issubclass(type(value), StudentProxy) and value._proxy_about.what == "function"
            )
            and self.namespace.get(name, self) is value
        )

    def unbound(self) -> set[str]:
        """Return the names that the running test cell uses and that are still unbound."""
        return {name for name in self.missing if name not in self.namespace}

    def renew(self, values: dict[str, Any]) -> None:
        """Rebind names to the values that they now have in the student process."""
        for name, value in values.items():
            self.borrowed[name] = self.namespace[name] = value

    def forget(self) -> bool:
        """Return whether the student process still has changes, which the caller must undo there.

        The student's own cells must not see a test's changes.
        """
        told, self._told = self._told, ()
        return len(told) > 1

    def drawn(self, words: Any) -> None:
        """Advance the random generators by the words that the student process has drawn."""
        if type(words) is tuple and len(words) == len(random_state.KINDS):
            for kind in random_state.KINDS:
                random_state.advance(kind, words[kind])
                self._random[kind] = random_state.get_state(kind)


class Switch:
    """A context in which the test's code runs, or the judge's.

    `contextlib` would be Python code that a test may have patched. A test may have several threads;
    the judge's code runs in one at a time.
    """

    def __init__(self, effects: Effects, running: bool) -> None:
        self.effects, self.running = effects, running

    def __enter__(self) -> None:
        if not self.running and not self.effects.lock.acquire(timeout=PATIENCE):
            raise JudgeLimit(f"two threads of a test wait for each other: {NOT_THEIR_FAULT}")
        self.before = self.effects.switch(self.running)

    def __exit__(self, *error: object) -> None:
        self.effects.switch(self.before)
        if not self.running:
            self.effects.lock.release()


def _is_patch(owner: Any, name: str, old: Any, new: Any) -> bool:
    """Return whether a changed name was changed by the test rather than by a library."""
    if owner is sys:
        return name in _OF_SYS and not isinstance(new, NoInput)
    if name.startswith("_") and not isinstance(owner, type):
        return False
    if old is _MISSING:
        return isinstance(new, types.FunctionType) and new.__module__ == "__main__" or is_mock(new)
    if new is _MISSING:
        return True
    if isinstance(new, types.ModuleType):
        return False
    return callable(old) or callable(new) or type(old) in _PLAIN and type(new) in _PLAIN


def name_in(message: str) -> str:
    """Return the name in a NameError's message, or "" if there is none."""
    found = re.search(r"name '(\w+)' is not defined", message[:500])
    return found[1] if found else ""
