"""The state of the running check, in which helpers record what it calls and compares."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import Any


class CheckContext:
    """The state of a check while it runs.

    Attributes:
        running: the running check; None between two checks.
        task_name: the function or class that the student writes.
        hidden: whether the check is hidden.
        compared: what its helpers have compared: "values", "side" or both.
        containers: lists that were read as arrays.
        is_about_arrays: whether a list should cost this check.
        called: the function that was called last.
        file, names: the test cell's file name and globals.
    """

    running: CheckContext | None = None

    def __init__(self, task_name: str, hidden: bool) -> None:
        self.task_name, self.hidden = task_name, hidden
        self.compared: set[str] = set()
        self.containers: list[str] = []
        self.is_about_arrays = False
        self.called: Callable | None = None
        self.file = ""
        self.names: dict[str, Any] = {}


def looks_at(what: str) -> None:
    """Record for the running check that a helper compares "values" or a "side" property."""
    if CheckContext.running:
        CheckContext.running.compared.add(what)


@contextlib.contextmanager
def only_side() -> Iterator[None]:
    """In this context, do not record comparisons: both results are the student's."""
    check = CheckContext.running
    before = set(check.compared) if check else set()
    try:
        yield
    finally:
        if check:
            check.compared = before


def hides() -> bool:
    return bool(CheckContext.running and CheckContext.running.hidden)


def a_kind(kind: type) -> str:
    """Return a type in words; hidden checks do not show a type that the student has chosen."""
    return "something else" if hides() else f"a {kind.__name__}"


def subject_of(check: CheckContext | None = None, part: str = "") -> str:
    """Return the subject of a message in backticks: the part, or the function that was called."""
    check = check or CheckContext.running
    if part:  # hidden checks show no digits
        return "a parameter" if hides() and re.search(r"\d", part) else f"`{part}`"
    if check is None:
        return "the function"
    code, name = None, ""
    if not hasattr(type(check.called), "_proxy_bind"):  # no proxy, which is never the test's own
        code = getattr(check.called, "__code__", None)
        code = code or getattr(getattr(check.called, "__func__", None), "__code__", None)
    with contextlib.suppress(Exception):  # a proxy asks, and its process may have ended
        name = getattr(check.called, "__name__", "")
    own = type(name) is str and name.isidentifier()
    if check.hidden or not own or (code and code.co_filename == check.file):
        return f"`{check.task_name}`"
    return f"`{name[:60]}`"
