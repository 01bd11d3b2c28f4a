"""Grading against nbgrader: throughput, what the cells alone take, growth, memory, `check`.

    python -m tests.benchmarks.grading [--rounds N] [--submissions N] [--large N] [NAME ...]

Every figure is a ratio of two things measured in turn in one run, the median of several rounds with
its spread. Both sides run the same submissions to `ps1_output_layer` on the same two processors,
from the start of their command to its end, with bytecode compiled.
"""

from __future__ import annotations

import argparse
import copy
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook

from tests.problem_sets.grading import PLAIN, execute
from tests.runner import invented_class
from utils.commands.build import CONFIG, ROOT
from utils.grading.course import find_course
from utils.grading.gradebook import Book
from utils.grading.restore import cells_of_notebook, restore

NAME = invented_class.NAME
PROCESSORS = 2
START = "import sys; from utils.commands.{} import main; sys.exit(main(sys.argv[1:]))"


@dataclass(frozen=True)
class Figure:
    """A ratio of two things measured in turn.

    Attributes:
        what: what is compared, the first with the second.
        ratios: of each round.
        first, second: medians, with their unit.
        goal: what the ratio has to be, such as "at least 15".
    """

    what: str
    ratios: Sequence[float]
    first: str
    second: str
    goal: str

    def __str__(self) -> str:
        low, middle, high = min(self.ratios), statistics.median(self.ratios), max(self.ratios)
        spread = f"{middle:6.2f} ({low:.2f} to {high:.2f})"
        return f"{self.what:58} {self.first:>16} {self.second:>16}  {spread:24} {self.goal}"


# Measuring --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """Wall time, processor time of all processes, and largest memory of the command's own."""

    seconds: float
    cpu: float
    megabytes: float


def run(command: Sequence[str], folder: Path) -> Cost:
    """Run a command on two processors, and wait for everything that it started."""
    read, write = os.pipe()
    os.set_inheritable(write, True)
    meter = subprocess.Popen(
        [sys.executable, "-P", "-c", METER, str(write), *command],
        cwd=folder,
        pass_fds=[write],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        },
    )
    os.close(write)
    with os.fdopen(read) as answer:
        numbers = answer.read().split()
    _, said = meter.communicate()
    if meter.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{said[-3000:]}")
    return Cost(*map(float, numbers))


# Runs a command as the parent of all that it leaves behind, so that their time counts, too.
METER = f"""
import ctypes, os, resource, subprocess, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{PROCESSORS}])
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
start = time.perf_counter()
child = subprocess.Popen(sys.argv[2:])
status = memory = None
while True:
    try:
        pid, code, used = os.wait4(-1, 0)
    except ChildProcessError:
        break
    if pid == child.pid:
        wall, status, memory = time.perf_counter() - start, code, used.ru_maxrss / 1024
used = resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(int(sys.argv[1]), f"{{wall}} {{used.ru_utime + used.ru_stime}} {{memory}}".encode())
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""


def make_course(folder: Path, size: int, plain: bool = False) -> Path:
    """Make a course with a class's submissions and a gradebook that knows the problem set."""
    for name in ("solutions", "assignments"):
        shutil.copytree(ROOT / name / NAME, folder / name / NAME)
    config = (ROOT / CONFIG).read_text(encoding="utf-8") + (PLAIN if plain else "")
    (folder / CONFIG).write_text(config, encoding="utf-8")
    submitted = folder / "grading" / "submitted"
    invented_class.write(ROOT / "assignments" / NAME / f"{NAME}.ipynb", submitted, size)
    course = find_course(folder)
    with Book(course) as book:
        book.take_in(NAME)
    return folder


def grade(folder: Path) -> Cost:
    """Measure `grade` on all submissions of a course."""
    command = [sys.executable, "-P", "-c", START.format("grade"), NAME, "--quiet", "--force"]
    return run([*command, "--jobs", str(PROCESSORS), "--course", str(folder)], folder)


def autograde(folder: Path) -> Cost:
    """Measure `nbgrader autograde`, as nbgrader comes, on all submissions of a course."""
    return run([sys.executable, "-m", "nbgrader", "autograde", NAME, "--force"], folder)


def scores(folder: Path) -> dict[str, float]:
    """Return every student's score."""
    with Gradebook(find_course(folder).db_url) as book:
        return {one.student_id: one.score for one in book.assignment_submissions(NAME)}


# What is compared -------------------------------------------------------------------------------


def throughput(folder: Path, rounds: int, submissions: int, large: int) -> list[Figure]:
    """Compare `grade` with `nbgrader autograde`: time for a class, processor time, same scores."""
    ours = make_course(folder / "ours", submissions)
    theirs = make_course(folder / "theirs", submissions, plain=True)
    one = make_course(folder / "one", 1)
    grade(one)  # compiles bytecode
    pairs = [(grade(ours), autograde(theirs)) for _ in range(rounds)]
    if scores(ours) != scores(theirs):
        different = {n: (s, scores(theirs)[n]) for n, s in scores(ours).items()}
        raise AssertionError({n: s for n, s in different.items() if s[0] != s[1]})
    wall = [(a.seconds / submissions, b.seconds / submissions) for a, b in pairs]
    cpu = [(a.cpu / submissions, b.cpu / submissions) for a, b in pairs]
    return [
        _figure(
            f"nbgrader autograde / grade, {submissions} submissions", wall, "at least 15", True
        ),
        _figure("the same, processor time", cpu, "", True),
    ]


def cells_alone(folder: Path, rounds: int, submissions: int, large: int) -> list[Figure]:
    """Compare `grade` with the time that the cells take in one warm process, start-up apart."""
    course = make_course(folder / "cells", submissions)
    one = make_course(folder / "cells-one", 1)
    source, released = (
        nbformat.read(ROOT / place / NAME / f"{NAME}.ipynb", as_version=4)
        for place in ("solutions", "assignments")
    )
    cells = cells_of_notebook(source, released)
    notebooks = [
        restore(nbformat.read(path, as_version=4), cells)[0]
        for path in sorted((course / "grading" / "submitted").glob(f"*/*/{NAME}.ipynb"))
    ]
    execute(copy.deepcopy(notebooks[0]))
    grade(one)
    whole, net = [], []
    for _ in range(rounds):
        took = grade(course).seconds
        start = grade(one).seconds
        before = time.perf_counter()
        for notebook in notebooks:
            execute(notebook)
        alone = time.perf_counter() - before
        whole.append((took / submissions, alone / submissions))
        net.append(((took - start) / (submissions - 1), alone / submissions))
    return [
        _figure(f"grade / the cells alone, {submissions} submissions", whole, "at most 3"),
        _figure("the same, start-up of grade apart", net, "at most 3"),
    ]


def growth(folder: Path, rounds: int, submissions: int, large: int) -> list[Figure]:
    """Compare a large class with one of 30: time for a further submission, memory."""
    sizes = {size: make_course(folder / f"class{size}", size) for size in (1, 30, 130, large)}
    grade(sizes[1])
    further, memory, each = [], [], []
    for _ in range(rounds):
        one, few, more, many = (grade(sizes[size]) for size in sizes)
        early = (more.seconds - few.seconds) / 100  # the 31st to the 130th
        late = (many.seconds - more.seconds) / (large - 130)
        further.append((late, early))
        each.append((many.cpu / large, few.cpu / 30))
        memory.append((many.megabytes, few.megabytes))
        del one
    return [
        _figure(f"a further submission: up to {large} / 31 to 130", further, "at most 1.15"),
        _figure(f"processor time each, {large} / 30", each, "at most 1.15"),
        _figure(f"memory of the main process, {large} / 30", memory, "about 1", unit="MB"),
    ]


def check(folder: Path, rounds: int, submissions: int, large: int) -> list[Figure]:
    """Compare a student's own `check` with `nbgrader validate`, on a right notebook."""
    source = nbformat.read(ROOT / "assignments" / NAME / f"{NAME}.ipynb", as_version=4)
    right = invented_class.RIGHT
    for cell in source.cells:
        cell.source = right.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
    file = folder / f"{NAME}.ipynb"
    nbformat.write(source, file)
    ours = [sys.executable, "-m", "utils", "check", str(file)]
    theirs = [sys.executable, "-m", "nbgrader", "validate", str(file)]
    run(ours, ROOT)
    pairs = [(run(theirs, ROOT).seconds, run(ours, ROOT).seconds) for _ in range(max(rounds, 5))]
    return [_figure("nbgrader validate / check", pairs, "at least 5")]


def _figure(
    what: str,
    pairs: Sequence[tuple[float, float]],
    goal: str,
    turned: bool = False,
    unit: str = "ms",
) -> Figure:
    """Return the figure of pairs; `turned` ones are given as (ours, theirs) and shown reversed."""
    pairs = [(b, a) for a, b in pairs] if turned else pairs
    first, second = (statistics.median(column) for column in zip(*pairs, strict=True))
    scale = 1000 if unit == "ms" else 1
    shown = [f"{value * scale:.1f} {unit}" for value in (first, second)]
    return Figure(what, [a / b for a, b in pairs], *shown, goal)


BENCHMARKS: dict[str, Callable[[Path, int, int, int], list[Figure]]] = {
    "throughput": throughput,
    "cells_alone": cells_alone,
    "growth": growth,
    "check": check,
}


def main(argv: Sequence[str]) -> int:
    """Run the benchmarks that are named, all by default, and print a line for every figure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--submissions", type=int, default=60)
    parser.add_argument("--large", type=int, default=1000)
    asked = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # SQLAlchemy's own affair
    for name in asked.names or BENCHMARKS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            sizes = asked.rounds, asked.submissions, asked.large
            for figure in BENCHMARKS[name](Path(folder), *sizes):
                print(figure, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
