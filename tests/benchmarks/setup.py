"""Set-up: the front door's first and later calls, with pip and with uv; imports; kernels.

A first call makes `.venv` in a fresh copy of the course, with an empty cache of downloads, so that
the network counts; a later call finds it there. Both call `check --help`, which itself does next to
nothing.
"""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
from jupyter_client.manager import start_new_kernel

from tests.benchmarks.measuring import (
    ROOT,
    Figure,
    Size,
    Stage,
    StoodStill,
    Table,
    compare,
    figures,
    in_turn,
    limit,
    run,
    seconds,
)
from tests.benchmarks.peers import INSTALL
from utils.commands.bench import UV, executable

CALL = ("-m", "utils", "check", "--help")
FIRST = {"pip": "first call, pip", "uv": "first call, uv"}
LATER = {"pip": "a later call, pip", "uv": "a later call, uv"}
VENV = {"pip": ".venv made by pip", "uv": ".venv made by uv"}
DIRECT, COURSE = "the command without the front door", "the course itself"
USUAL = {FIRST["pip"]: 150, FIRST["uv"]: 50, "import": 1, "later call": 1, "kernel": 4}  # seconds
MADE = (
    ".git",
    ".venv*",
    "grading",
    ".*_cache",
    ".hypothesis",
    "*.egg-info",
)  # not the course's own
LECTURES = ("00_shapes_and_plots", "04_inference_and_batches")


def calls(size: Size) -> Iterator[Table]:
    """Yield the time of first and later calls with pip and with uv, and sizes on the disk."""
    uv = executable(UV, "uv")
    installers: dict[str, str | None] = {"pip": None} | ({"uv": uv} if uv else {})
    notes = [] if uv else [f"Skipped: uv, for it is not installed; {INSTALL}."]
    rounds = size.rounds_or(2)
    found: list[dict[str, float]] = []  # of each round
    for number in range(rounds):
        stage = Stage(f"course {number + 1} of {rounds}", number / rounds, (number + 1) / rounds)
        took, missing = _new_courses(installers, max(3, size.of(9)), stage)
        found.append(took)
        notes += missing
        installers = {name: path for name, path in installers.items() if FIRST[name] in took}
    pairs = [(LATER["pip"], DIRECT, "ms"), (FIRST["pip"], LATER["pip"], "s")]
    if uv:
        pairs += [(FIRST["uv"], LATER["uv"], "s"), (FIRST["pip"], FIRST["uv"], "s")]
        pairs += [(VENV["pip"], VENV["uv"], "MB")]
    pairs += [(VENV["pip"], COURSE, "MB")]
    rows = [
        Figure(a, b, [(took[a], took[b]) for took in found if a in took and b in took], unit)
        for a, b, unit in pairs
    ]
    yield figures("The front door", rows, notes)


def _new_courses(
    installers: dict[str, str | None], rounds: int, stage: Stage
) -> tuple[dict[str, float], list[str]]:
    """Measure first and later calls in fresh copies of the course, one for each installer.

    Args:
        installers: by name; the path of uv, or None for pip.
        rounds: of later calls.
        stage: of the part.

    Returns:
        What each took, in seconds, and the sizes on the disk, in bytes; and a sentence for each
        figure that is missing.
    """
    half = stage.begin + 0.9 * stage.width  # first calls take most of the time
    stages = Stage(f"{stage.name}, new", stage.begin, half), Stage(stage.name, half, stage.end)
    there: dict[str, tuple[Path, dict[str, str]]] = {}
    with contextlib.ExitStack() as courses:

        def first_call(name: str) -> float:
            course = courses.enter_context(_fresh_course(installers[name]))
            took = _call(FIRST[name], *course)
            there[name] = course
            return took

        calls = {FIRST[name]: functools.partial(first_call, name) for name in installers}
        first = in_turn(calls, 1, warm_up=False, stage=stages[0])
        sizes = {VENV[name]: _bytes_below(course / ".venv") for name, (course, _) in there.items()}
        later = in_turn(_later_calls(there), rounds, stage=stages[1])
    times = {name: statistics.median(took) for name, took in {**first, **later}.items() if took}
    return {**times, **sizes, COURSE: _bytes_of_the_course()}, [*first.notes, *later.notes]


@contextlib.contextmanager
def _fresh_course(uv: str | None) -> Iterator[tuple[Path, dict[str, str]]]:
    """Yield a copy of the course as it is cloned, and an environment with uv or without."""
    with tempfile.TemporaryDirectory(prefix="bench-setup-") as name:
        folder = Path(name).resolve()
        _copy_course(folder / "course")
        path = [part for part in os.environ["PATH"].split(os.pathsep) if not _holds_uv(part)]
        if uv:
            (folder / "bin").mkdir()
            (folder / "bin" / Path(uv).name).symlink_to(uv)
            path.insert(0, str(folder / "bin"))
        caches = {"PIP_CACHE_DIR": str(folder / "pip"), "UV_CACHE_DIR": str(folder / "uv")}
        without = ("VIRTUAL_ENV", "PYTHONPATH")
        variables = {k: v for k, v in os.environ.items() if k not in without}
        yield folder / "course", {**variables, **caches, "PATH": os.pathsep.join(path)}


def _copy_course(target: Path) -> None:
    """Copy the course as it is cloned, without what was made in it since."""

    def ignore(folder: str, names: list[str]) -> set[str]:
        made = MADE if Path(folder) == ROOT else ("__pycache__", ".ipynb_checkpoints")
        return {name for name in names if any(fnmatch.fnmatch(name, one) for one in made)}

    shutil.copytree(ROOT, target, ignore=ignore)


def _holds_uv(folder: str) -> bool:
    return shutil.which("uv", path=folder) is not None


def _call(what: str, course: Path, variables: dict[str, str]) -> float:
    """Return how many seconds a call of the front door takes."""
    python = getattr(sys, "_base_executable", sys.executable)  # outside of any environment
    usual = USUAL.get(what, USUAL["later call"])
    return seconds(lambda: run(what, [python, *CALL], course, usual, variables))


def _later_calls(courses: dict[str, tuple[Path, dict]]) -> dict[str, Callable[[], float]]:
    """Return what measures later calls, and the same command without the front door."""
    found = {LATER[name]: functools.partial(_call, LATER[name], *courses[name]) for name in courses}
    for course, variables in list(courses.values())[:1]:
        scripts = course / ".venv" / ("Scripts" if os.name == "nt" else "bin")
        start = "from utils.commands.check import main; main(['--help'])"
        command = [scripts / "python", "-P", "-c", start]
        direct = functools.partial(run, DIRECT, command, course, USUAL["later call"], variables)
        found[DIRECT] = functools.partial(seconds, direct)
    return found


def _bytes_below(folder: Path) -> float:
    """Return the size of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return float(sum(path.stat().st_size for path in files))


def _bytes_of_the_course() -> float:
    with tempfile.TemporaryDirectory() as name:
        _copy_course(Path(name) / "course")
        return _bytes_below(Path(name))


def imports(size: Size) -> Iterator[Table]:
    """Yield the time of importing the course's functions, next to Python and NumPy alone."""
    statements = {
        "import utils.functions": "import utils.functions",
        "import numpy": "import numpy",
        "Python alone": "pass",
    }

    def measured(name: str) -> Callable[[], float]:
        command = [sys.executable, "-P", "-c", statements[name]]
        return lambda: seconds(lambda: run(name, command, ROOT, USUAL["import"]))

    took = in_turn({name: measured(name) for name in statements}, size.rounds_or(15))
    ours, numpy, alone = statements
    rows = [compare(took, ours, other, "ms") for other in (numpy, alone)]
    yield figures("From the start of Python to its end", rows, took.notes)


def kernels(size: Size) -> Iterator[Table]:
    """Yield the time until a lecture's kernel has run its first cell, next to a bare kernel."""
    cells = {"a bare kernel": "pass"}
    for name in LECTURES:
        notebook = nbformat.read(ROOT / "lectures" / f"{name}.ipynb", as_version=4)
        cells[f"lecture {name[:2]}"] = next(
            cell.source for cell in notebook.cells if cell.cell_type == "code"
        )
    took = in_turn(
        {name: lambda source=source: _until_ready(source) for name, source in cells.items()},
        size.rounds_or(5),
    )
    bare, *lectures = cells
    rows = [compare(took, name, bare, "ms") for name in lectures]
    title = "From the start of a kernel to the end of a lecture's first cell"
    yield figures(title, rows, took.notes)


def _until_ready(source: str) -> float:
    """Return how many seconds it takes to start a kernel and to run a cell in it.

    Raises:
        StoodStill: the kernel does not start, or the cell does not end.
    """
    patience = limit(USUAL["kernel"])

    def measure() -> None:
        where = str(ROOT / "lectures")
        try:
            manager, client = start_new_kernel(
                patience, "python3", cwd=where, stderr=subprocess.DEVNULL
            )
        except RuntimeError as error:
            raise StoodStill(f"its kernel did not start within {patience:g} s") from error
        try:
            reply = client.execute_interactive(source, output_hook=lambda _: None, timeout=patience)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(reply["content"]["evalue"])
        except TimeoutError as error:
            raise StoodStill(f"its first cell did not end within {patience:g} s") from error
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    return seconds(measure)


PARTS = {"imports": imports, "kernels": kernels, "calls": calls}


def profile() -> Iterator[Table]:
    """Yield the modules that importing takes longest for."""
    for module in ("utils.functions", "utils.commands.check"):
        command = [sys.executable, "-P", "-X", "importtime", "-c", f"import {module}"]
        said = run(f"import {module}", command, ROOT, USUAL["import"]).stderr
        lines = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", said)
        total = sum(int(own) for own, _, _ in lines)
        most = sorted(lines, key=lambda line: -int(line[0]))[:10]
        yield Table(
            f"Profile: import {module}, {total / 1000:.0f} ms",
            [[f"`{name}`", f"{int(own) / 1000:.1f} ms"] for own, _, name in most],
            ("module", "itself"),
        )
