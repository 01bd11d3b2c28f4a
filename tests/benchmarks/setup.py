"""Set-up: the front door's first and second call, with pip and with uv; imports.

A first call makes `.venv` in a fresh copy of the course, with an empty cache of downloads, so that
the network counts. All calls are `check --help`.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.measuring import ROOT, Figure, Size, figures, in_turn, run, seconds

CALL = ("-m", "utils", "check", "--help")
PYTHON = getattr(sys, "_base_executable", sys.executable)  # outside of any environment
MADE = (".git", ".venv*", "grading", ".*_cache", ".hypothesis", "*.egg-info", "__pycache__")
FIRST, SECOND, VENV, COURSE = "first call", "second call", ".venv", "the course itself"


def calls(folder: Path, size: Size) -> Iterator[str]:
    """Yield the time of the first two calls with pip and with uv, and sizes on the disk."""
    uv = peers.UV.program("uv")
    calls = {"pip": None, "uv": uv} if uv else {"pip": None}
    new = {name: functools.partial(new_course, folder / name, uv) for name, uv in calls.items()}
    took = in_turn(new, size.of(size.rounds or 3), warm_up=False)
    rows = []
    for a, b, unit in (
        ((FIRST, "pip"), (SECOND, "pip"), "s"),
        ((FIRST, "uv"), (SECOND, "uv"), "s"),
        ((FIRST, "pip"), (FIRST, "uv"), "s"),
        ((VENV, "pip"), (VENV, "uv"), "MB"),
        ((VENV, "pip"), (COURSE, "pip"), "MB"),
    ):
        if a[1] in took and b[1] in took:
            both = ([one[what] for one in took[name]] for what, name in (a, b))
            rows.append(Figure(", ".join(a), ", ".join(b), *both, unit))
    yield figures("First calls of the front door", rows, peers.UV.notes + took.notes)


def new_course(folder: Path, uv: str | None) -> dict[str, float]:
    """Measure the first and the second call in a fresh copy of the course.

    Returns:
        What they took, in seconds, and the sizes on the disk, in bytes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    course = folder / "course"
    shutil.copytree(ROOT, course, ignore=shutil.ignore_patterns(*MADE))
    path = [p for p in os.environ["PATH"].split(os.pathsep) if not shutil.which("uv", path=p)]
    variables = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH")}
    variables |= {"PIP_CACHE_DIR": str(folder / "pip"), "UV_CACHE_DIR": str(folder / "cache")}
    if uv:
        (folder / "bin").mkdir()
        (folder / "bin" / Path(uv).name).symlink_to(uv)
        path.insert(0, str(folder / "bin"))
    variables["PATH"] = os.pathsep.join(path)
    took: dict[str, float] = {COURSE: bytes_below(course)}
    for what in (FIRST, SECOND):
        call = functools.partial(run, what, [PYTHON, *CALL], course, 1200, variables)
        took[what] = seconds(call)
    return {**took, VENV: bytes_below(course / ".venv")}


def bytes_below(folder: Path) -> int:
    """Return the size of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files)


def imports(folder: Path, size: Size) -> Iterator[str]:
    """Yield the time of importing the course's functions, next to NumPy and Python alone."""
    ours, numpy, alone = "import utils.functions", "import numpy", "Python alone"
    statements = {ours: ours, numpy: numpy, alone: "pass"}
    commands = {name: [sys.executable, "-c", code] for name, code in statements.items()}
    calls = {
        name: functools.partial(seconds, functools.partial(run, name, command, ROOT, 60))
        for name, command in commands.items()
    }
    took = in_turn(calls, size.rounds or 15)
    rows = [Figure(ours, other, took[ours], took[other]) for other in (numpy, alone)]
    yield figures("From the start of Python to its end", rows, took.notes)


PARTS = {"imports": imports, "calls": calls}
