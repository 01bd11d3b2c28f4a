"""Set-up: the front door's first and later calls, with pip and with uv; imports; kernels.

A first call makes `.venv` in a fresh copy of the course, with an empty cache of downloads, so that
the network counts; a later call finds it there. Both call `check --help`, which itself does next to
nothing.
"""

from __future__ import annotations

import contextlib
import fnmatch
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
    Table,
    compare,
    figures,
    in_turn,
    say,
    seconds,
)
from tests.benchmarks.peers import INSTALL
from utils.commands.bench import UV, executable

CALL = ("-m", "utils", "check", "--help")
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
    installers = {"pip": None} | ({"uv": uv} if uv else {})
    notes = [] if uv else [f"Skipped: uv, for it is not installed; {INSTALL}."]
    first: dict[str, list[float]] = {name: [] for name in installers}
    disk: dict[str, list[float]] = {name: [] for name in installers}
    later: dict[str, list[float]] = {name: [] for name in (*installers, "direct")}
    rounds = size.rounds_or(2)
    for number in range(1, rounds + 1):
        with contextlib.ExitStack() as stack:
            courses = {}
            for name, program in installers.items():
                say(f"round {number} of {rounds}: first call with {name}")
                courses[name] = stack.enter_context(_fresh_course(program))
                first[name].append(_call(*courses[name]))
                disk[name].append(_bytes_below(courses[name][0] / ".venv"))
            took = in_turn(_later_calls(courses), max(3, size.of(9)))
            for name, times in took.items():
                later[name].append(statistics.median(times))
    rows = [
        _pairs("a later call", "the command without the front door", later["pip"], later["direct"])
    ]
    rows.append(_pairs("first call, pip", "a later call", first["pip"], later["pip"], "s"))
    if uv:
        rows.append(_pairs("first call, uv", "a later call", first["uv"], later["uv"], "s"))
        rows.append(_pairs("first call, pip", "first call, uv", first["pip"], first["uv"], "s"))
        rows.append(_pairs(".venv made by pip", ".venv made by uv", disk["pip"], disk["uv"], "MB"))
    own = [float(_bytes_of_the_course())] * rounds
    rows.append(_pairs(".venv made by pip", "the course itself", disk["pip"], own, "MB"))
    yield figures("The front door", rows, notes)


def _pairs(first: str, second: str, one: list, other: list, unit: str = "ms") -> Figure:
    return Figure(first, second, list(zip(one, other, strict=True)), unit)


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


def _call(course: Path, variables: dict[str, str]) -> float:
    """Return how long a call of the front door takes."""
    python = getattr(sys, "_base_executable", sys.executable)  # outside of any environment
    return seconds(lambda: _run([python, *CALL], course, variables))


def _run(command: list[str | Path], folder: Path, variables: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if done.returncode:
        said = f"{done.stdout[-1000:]}\n{done.stderr[-2000:]}"
        raise RuntimeError(f"{' '.join(map(str, command))}\n{said}")
    return done.stderr


def _later_calls(courses: dict[str, tuple[Path, dict]]) -> dict[str, Callable[[], float]]:
    """Return what measures later calls, and the same command without the front door."""
    found: dict[str, Callable[[], float]] = {
        name: lambda course=course: _call(*course) for name, course in courses.items()
    }
    course, variables = courses["pip"]
    scripts = course / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    start = "from utils.commands.check import main; main(['--help'])"
    direct = [scripts / "python", "-P", "-c", start]
    return found | {"direct": lambda: seconds(lambda: _run(direct, course, variables))}


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

    def measured(statement: str) -> Callable[[], float]:
        command = [sys.executable, "-P", "-c", statement]
        return lambda: seconds(lambda: _run(command, ROOT))

    took = in_turn({name: measured(text) for name, text in statements.items()}, size.rounds_or(15))
    ours, numpy, alone = statements
    rows = [compare(took, ours, other, "ms") for other in (numpy, alone)]
    yield figures("From the start of Python to its end", rows)


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
    yield figures("From the start of a kernel to the end of a lecture's first cell", rows)


def _until_ready(source: str) -> float:
    def run() -> None:
        manager, client = start_new_kernel(
            kernel_name="python3", cwd=str(ROOT / "lectures"), stderr=subprocess.DEVNULL
        )
        try:
            reply = client.execute_interactive(source, output_hook=lambda _: None)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(reply["content"]["evalue"])
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)

    return seconds(run)


PARTS = {"imports": imports, "kernels": kernels, "calls": calls}


def profile() -> Iterator[Table]:
    """Yield the modules that importing takes longest for."""
    for module in ("utils.functions", "utils.commands.check"):
        command = [sys.executable, "-P", "-X", "importtime", "-c", f"import {module}"]
        lines = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", _run(command, ROOT))
        total = sum(int(own) for own, _, _ in lines)
        most = sorted(lines, key=lambda line: -int(line[0]))[:10]
        yield Table(
            f"Profile: import {module}, {total / 1000:.0f} ms",
            [[f"`{name}`", f"{int(own) / 1000:.1f} ms"] for own, _, name in most],
            ("module", "itself"),
        )
