"""Set-up: the front door's first, second and later calls, with pip and with uv; imports; kernels.

A first call makes `.venv` in a fresh copy of the course, with an empty cache of downloads, so that
the network counts; the second finds it there, later ones find it in the system's cache as well. All
call `check --help`, which itself does next to nothing.
"""

from __future__ import annotations

import fnmatch
import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
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
    Took,
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
SECOND = {"pip": "second call, pip", "uv": "second call, uv"}
VENV = {"pip": ".venv made by pip", "uv": ".venv made by uv"}
NEW = {"pip": "a new course with pip", "uv": "a new course with uv"}
LATER, DIRECT = "a later call, pip", "the command without the front door"
COURSE = "the course itself"
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
    """Yield the time of calls with pip and with uv, and sizes on the disk."""
    uv = executable(UV, "uv")
    notes = [] if uv else [f"Skipped: uv, for it is not installed; {INSTALL}."]
    with tempfile.TemporaryDirectory(prefix="bench-setup-") as name:
        folder = Path(name).resolve()
        new = {NEW["pip"]: functools.partial(_new_course, folder / "pip", "pip", None)}
        if uv:
            new[NEW["uv"]] = functools.partial(_new_course, folder / "uv", "uv", uv)
        rounds = size.of(size.rounds_or(3))  # of a fresh installation there is no tenth
        took = in_turn(new, rounds, warm_up=False, stage=Stage("", 0, 0.95))
        yield figures("First calls of the front door", _first_calls(took), [*notes, *took.notes])
        if NEW["pip"] not in took.missing:
            stage = Stage("later calls", 0.95, 1)
            later = in_turn(_later_calls(folder / "pip"), size.rounds_or(15), stage=stage)
            row = compare(later, LATER, DIRECT, "ms")
            yield figures("Later calls of the front door", [row], later.notes)


def _first_calls(took: Took[dict[str, float]]) -> list[Figure]:
    """Return the figures of new courses, of those rounds that have both sides of a figure."""
    rounds = [
        {what: value for new in one for what, value in new.items()}
        for one in itertools.zip_longest(*took.values(), fillvalue={})
    ]
    pairs = [(FIRST["pip"], SECOND["pip"], "s")]
    if NEW["uv"] in took:
        pairs += [(FIRST["uv"], SECOND["uv"], "s"), (FIRST["pip"], FIRST["uv"], "s")]
        pairs += [(VENV["pip"], VENV["uv"], "MB")]
    pairs += [(VENV["pip"], COURSE, "MB")]
    return [
        Figure(a, b, [(one[a], one[b]) for one in rounds if a in one and b in one], unit)
        for a, b, unit in pairs
    ]


def _new_course(folder: Path, name: str, uv: str | None) -> dict[str, float]:
    """Measure the first and the second call in a fresh copy of the course.

    Args:
        folder: for the copy, in place of an older one.
        name: of the installer.
        uv: its path; None for pip.

    Returns:
        What they took, in seconds, and the sizes on the disk, in bytes.
    """
    shutil.rmtree(folder, ignore_errors=True)
    course = folder / "course"
    _copy_course(course)
    took = {COURSE: _bytes_below(course)}
    variables = _variables(folder)
    if uv:
        (folder / "bin").mkdir()
        (folder / "bin" / Path(uv).name).symlink_to(uv)
        variables["PATH"] = f"{folder / 'bin'}{os.pathsep}{variables['PATH']}"
    for what in (FIRST[name], SECOND[name]):
        took[what] = _call(what, course, variables)
    return {**took, VENV[name]: _bytes_below(course / ".venv")}


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


def _variables(folder: Path) -> dict[str, str]:
    """Return an environment without uv, with caches below a folder."""
    path = [part for part in os.environ["PATH"].split(os.pathsep) if not _holds_uv(part)]
    caches = {"PIP_CACHE_DIR": str(folder / "pip"), "UV_CACHE_DIR": str(folder / "uv")}
    without = ("VIRTUAL_ENV", "PYTHONPATH")
    variables = {k: v for k, v in os.environ.items() if k not in without}
    return {**variables, **caches, "PATH": os.pathsep.join(path)}


def _later_calls(folder: Path) -> dict[str, Callable[[], float]]:
    """Return what measures later calls in a course with pip, with the front door and without."""
    course, variables = folder / "course", _variables(folder)
    scripts = course / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    start = "from utils.commands.check import main; main(['--help'])"
    command = [scripts / "python", "-P", "-c", start]
    direct = functools.partial(run, DIRECT, command, course, USUAL["later call"], variables)
    return {
        LATER: functools.partial(_call, LATER, course, variables),
        DIRECT: functools.partial(seconds, direct),
    }


def _bytes_below(folder: Path) -> float:
    """Return the size of all files below a folder."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return float(sum(path.stat().st_size for path in files))


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
    """Return how many seconds it takes to start a kernel and to run a cell in it, not to end it.

    Raises:
        StoodStill: the kernel does not start, or the cell does not end.
    """
    patience, where = limit(USUAL["kernel"]), str(ROOT / "lectures")
    start = time.perf_counter()
    try:
        manager, client = start_new_kernel(
            patience, "python3", cwd=where, stderr=subprocess.DEVNULL
        )
    except RuntimeError as error:
        raise StoodStill(f"its kernel did not start within {patience:g} s") from error
    try:
        reply = client.execute_interactive(source, output_hook=lambda _: None, timeout=patience)
        took = time.perf_counter() - start
        if reply["content"]["status"] != "ok":
            raise RuntimeError(reply["content"]["evalue"])
        return took
    except TimeoutError as error:
        raise StoodStill(f"its first cell did not end within {patience:g} s") from error
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


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
