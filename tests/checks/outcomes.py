"""One check, run: what a test of `utils.checks` starts from."""

import itertools
import linecache

import numpy as np

from utils import checks

A = np.array([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]])


def outcome(body, hidden=False) -> checks.Check:
    """Run one check with this body and return it."""
    task = checks.Task("f", hidden)
    with task.check(1, "a property", "a hint"):
        body()
    return task.checks[0]


def fails(body) -> str:
    """Return what happened in a check that must fail."""
    check = outcome(body)
    assert check.state == "failed"
    return check.what


def passes(body) -> bool:
    return outcome(body).state == "passed"


_cells = itertools.count(1)


def student(source: str, name: str = "f"):
    """Return what a student's cell defines under a name."""
    file, namespace = f"<cell {next(_cells)} of a student>", {"np": np}
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), namespace)
    return namespace[name]


def one_check(body, name="f", hidden=False, **about) -> checks.Task:
    """Return a settled task with one check that fails with this body, and one that passes."""
    task = checks.Task(name, hidden)
    with task.check(1, "a property", "general", **about):
        body()
    with task.check(1, "another", "general"):
        checks.gives(np.positive, A, A)
    task.settle()
    return task
