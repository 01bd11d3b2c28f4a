"""Set-up: the front door's first and second call, with pip and with uv; imports; kernels.

A first call makes `.venv` in a fresh copy of the course, with an empty cache of downloads, so that
the network counts. All calls are `check --help`, which itself does next to nothing.
"""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbclient import NotebookClient

from tests.benchmarks import peers
from tests.benchmarks.measuring import ROOT, Figure, Size, figures, in_turn, run, seconds

CALL = ("-m", "utils", "check", "--help")
PYTHON = getattr(sys, "_base_executable", sys.executable)  # outside of any environment
MADE = (".git", ".venv*", "grading", ".*_cache", ".hypothesis", "*.egg-info", "__pycache__")
LECTURES = ("00_shapes_and_plots", "04_inference_and_batches")
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


def kernels(folder: Path, size: Size) -> Iterator[str]:
    """Yield the time of a kernel that runs a lecture's first cell, next to a bare kernel."""
    bare, cells = "a bare kernel", {"a bare kernel": "pass"}
    for name in LECTURES:
        notebook = nbformat.read(ROOT / "lectures" / f"{name}.ipynb", as_version=4)
        first = next(cell.source for cell in notebook.cells if cell.cell_type == "code")
        cells[f"lecture {name[:2]}"] = first

    def measured(source: str) -> float:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        resources = {"metadata": {"path": str(ROOT / "lectures")}}
        return seconds(NotebookClient(notebook, timeout=60, resources=resources).execute)

    took = in_turn({n: functools.partial(measured, c) for n, c in cells.items()}, size.rounds or 5)
    rows = [Figure(name, bare, took[name], took[bare]) for name in cells if name != bare]
    title = "From the start of a kernel to its end, with a lecture's first cell"
    yield figures(title, rows, took.notes)


PARTS = {"imports": imports, "kernels": kernels, "calls": calls}
