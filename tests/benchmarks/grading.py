"""Grading: `grade` and `check` against nbgrader and Otter-Grader, on `ps1_output_layer`.

Everybody grades the same invented class on the same two processors, from the start of the command
to the end of the last process that it has started, with bytecode compiled. `nbgrader autograde` is
nbgrader as it comes, and has to give the same scores. `otter run` grades one submission a call;
two calls run at a time, and its tests are the problem set's test cells, all or nothing each.
"""

from __future__ import annotations

import ast
import collections
import copy
import dataclasses
import functools
import json
import os
import re
import resource
import shutil
import statistics
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute

from tests.benchmarks.measuring import (
    CommandFailed,
    Figure,
    Goal,
    Size,
    Stage,
    StoodStill,
    Table,
    at_least,
    at_most,
    compare,
    figures,
    in_turn,
    profiled,
    run,
    say,
    seconds,
)
from tests.benchmarks.peers import INSTALL
from tests.problem_sets.grading import PLAIN, execute
from tests.runner import invented_class
from utils.commands.bench import OTTER, executable
from utils.commands.build import CONFIG, ROOT
from utils.grading import execute as judged
from utils.grading.course import find_course
from utils.grading.gradebook import Book
from utils.grading.nursery import NURSERY
from utils.grading.restore import cells_of_notebook, restore
from utils.grading.sandbox import Limits, Order

NAME = invented_class.NAME
AUTO_SCORE = 14  # points of its test cells; nobody has read the written answers
CLASS, LARGE = 60, 1000  # submissions
PROCESSORS = 2
OURS, NBGRADER, OTTER_RUN = "grade", "nbgrader autograde", "otter run"
AUTOGRADER = "autograder.zip"
CHECK, VALIDATE = "check", "nbgrader validate"
JUDGE, EXECUTE, ALONE = "the judge", "nbgrader's Execute", "the cells alone"
# Seconds that each usually takes: to start and end, and for every submission.
USUAL = {OURS: (5.0, 0.1), NBGRADER: (5.0, 1.5), OTTER_RUN: (5.0, 3.0)}
# A kernel warns that it is not encrypted, each time one starts, of which a terminal would be full.
NO_WARNING = ["--IPKernelApp.log_level=ERROR"]


# Measuring commands -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What something took.

    Attributes:
        wall, cpu: seconds, to the end of the last process; processor time is that of all processes.
        memory: the most that all processes had at the same time, in bytes, where what they share
            counts once; 0 where the system does not tell.
        main: the most that the main process alone had, in bytes; 0 if it was not asked for.
    """

    wall: float
    cpu: float
    memory: float = 0.0
    main: float = 0.0


def cost(what: str, command: Sequence[str | Path], folder: Path, usual: float) -> Cost:
    """Run a command on two processors, and wait for everything that it started.

    Args:
        what: its name for people.
        command: it and its arguments.
        folder: where it runs.
        usual: seconds that it usually takes.

    Raises:
        CommandFailed: it failed, or it stood still.
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    meter = [sys.executable, "-P", "-c", METER, *command]
    done = run(what, meter, folder, usual, {**os.environ, "PATH": path})
    return Cost(*map(float, done.stdout.split()))


# Runs a command as the parent of all that it leaves behind, so that their time counts, too. To look
# at their memory takes at most a thirtieth of one processor's time; a short peak may escape it.
METER = f"""
import contextlib, ctypes, os, resource, subprocess, sys, threading, time
import psutil

def pss(process):
    with contextlib.suppress(psutil.Error):  # it has ended, or may not be looked into
        return getattr(process.memory_full_info(), "pss", 0)
    return 0

def watch():
    global memory
    while True:
        begun = time.perf_counter()
        memory = max(memory, sum(map(pss, psutil.Process().children(recursive=True))))
        time.sleep(max(0.2, 30 * (time.perf_counter() - begun)))

memory = 0
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{PROCESSORS}])
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
threading.Thread(target=watch, daemon=True).start()
with contextlib.suppress(ChildProcessError):  # there is none any more
    while True:
        pid, code = os.wait()
        if pid == child.pid:
            status = code
wall = time.perf_counter() - start
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, memory, flush=True)
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""

# Runs a command of the course, and writes at its end the most memory that its process has had: a
# parent is told only the most that a process, or any of those below it, has had.
MAIN = """
import importlib, resource, sys
from pathlib import Path

file, module, *arguments = sys.argv[1:]
status = importlib.import_module(module).main(arguments)
Path(file).write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
sys.exit(status)
"""
UNIT = 1 if sys.platform == "darwin" else 1024  # bytes, of what it writes


def cost_of_main(what: str, command: Sequence[str], folder: Path, usual: float) -> Cost:
    """Run a command of the course, which is a module and its arguments; see `cost`."""
    file = folder / "memory"
    took = cost(what, [sys.executable, "-P", "-c", MAIN, file, *command], folder, usual)
    return dataclasses.replace(took, main=float(file.read_text(encoding="utf-8")) * UNIT)


def make_course(folder: Path, size: int, plain: bool = False) -> Path:
    """Make a course with a class's submissions and a gradebook that knows the problem set."""
    for name in ("solutions", "assignments"):
        shutil.copytree(ROOT / name / NAME, folder / name / NAME)
    say(f"inventing {size:,} submissions", 0)
    config = (ROOT / CONFIG).read_text(encoding="utf-8") + (PLAIN if plain else "")
    (folder / CONFIG).write_text(config, encoding="utf-8")
    submitted = folder / "grading" / "submitted"
    invented_class.write(ROOT / "assignments" / NAME / f"{NAME}.ipynb", submitted, size)
    course = find_course(folder)
    with Book(course) as book:
        book.take_in(NAME)
    return folder


def submissions(folder: Path) -> list[Path]:
    """Return the notebooks of a course's class."""
    return sorted((folder / "grading" / "submitted").glob(f"*/*/{NAME}.ipynb"))


def grade(folder: Path) -> Cost:
    """Measure `grade` on all submissions of a course."""
    command = ["utils.commands.grade", *arguments(folder)]
    return cost_of_main(OURS, command, folder, usual(OURS, len(submissions(folder))))


def arguments(folder: Path) -> list[str]:
    """Return those with which `grade` grades all submissions of a course."""
    return [NAME, "--quiet", "--force", "--jobs", str(PROCESSORS), "--course", str(folder)]


def autograde(folder: Path) -> Cost:
    """Measure `nbgrader autograde`, as nbgrader comes, on all submissions of a course."""
    command = [sys.executable, "-m", "nbgrader", "autograde", NAME, "--force"]
    return cost(NBGRADER, command, folder, usual(NBGRADER, len(submissions(folder))))


def usual(name: str, count: int) -> float:
    """Return the seconds that grading so many submissions usually takes."""
    start, each = USUAL[name]
    return start + count * each


def scores(folder: Path) -> dict[str, float]:
    """Return every student's score."""
    with Gradebook(find_course(folder).db_url) as book:
        return {one.student_id: one.score for one in book.assignment_submissions(NAME)}


# Otter-Grader -----------------------------------------------------------------------------------


OTTER_TEST = """
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = {points}


@test_case()
def test({function}):
{before}
    assert {last} == {points}
"""


def write_autograder(folder: Path, otter: str) -> None:
    """Let Otter make the file from which it grades, out of the test cells of the problem set.

    Raises:
        CommandFailed: it does not.
    """
    (folder / "tests").mkdir(exist_ok=True)
    source = nbformat.read(ROOT / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
    for cell in source.cells:
        told = cell.metadata.get("nbgrader", {})
        if told.get("grade") and cell.cell_type == "code":
            name = told["grade_id"]
            last = ast.parse(cell.source).body[-1]  # the points
            before = "\n".join(cell.source.splitlines()[: last.lineno - 1])
            text = OTTER_TEST.format(
                name=name,
                points=told["points"],
                function=next(one for one in invented_class.RIGHT if one in name),
                before=textwrap.indent(before, "    "),
                last=ast.unparse(last),
            )
            (folder / "tests" / f"{name}.py").write_text(text, encoding="utf-8")
    command = [otter, "generate", "-t", "tests", "-o", folder / AUTOGRADER, "--no-environment"]
    cost("otter generate", command, folder, 5)


# Two calls at a time, each with a folder of its own.
OTTER_CLASS = """
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor

def grade(arguments):
    subprocess.run([sys.argv[1], "run", "-a", sys.argv[2], "-o", *arguments], check=True)

with ThreadPoolExecutor(int(sys.argv[3])) as pool:
    list(pool.map(grade, zip(sys.argv[4::2], sys.argv[5::2])))
"""


def otter_run(folder: Path, otter: str, notebooks: Sequence[Path]) -> Cost:
    """Measure `otter run` on notebooks, two at a time.

    Raises:
        CommandFailed: it failed, or one of them got no result.
    """
    outs = [folder / f"out{number}" for number in range(len(notebooks))]
    for out in outs:
        out.mkdir(exist_ok=True)
        (out / "results.json").unlink(missing_ok=True)
    pairs = [path for pair in zip(outs, notebooks, strict=True) for path in pair]
    start = [sys.executable, "-c", OTTER_CLASS, otter, folder / AUTOGRADER, str(PROCESSORS)]
    took = cost(OTTER_RUN, [*start, *pairs], folder, usual(OTTER_RUN, len(notebooks)))
    for out in outs:
        otter_score(out)
    return took


def otter_score(out: Path) -> float:
    """Return the points that `otter run` gave.

    Raises:
        CommandFailed: it gave none.
    """
    file = out / "results.json"
    found = json.loads(file.read_text(encoding="utf-8"))["tests"] if file.is_file() else []
    scores = [test["score"] for test in found if "score" in test]
    if not scores:
        raise CommandFailed(f"{OTTER_RUN} gave no score", json.dumps(found))
    return sum(scores)


# What is compared -------------------------------------------------------------------------------


def throughput(folder: Path, size: Size) -> Iterator[Table]:
    """Compare `grade` with `nbgrader autograde` and `otter run`: time, processor time, memory."""
    count = size.of(CLASS, least=2)
    one, ours = make_course(folder / "one", 1), make_course(folder / "ours", count)
    plain, theirs = (make_course(folder / f"plain{n}", n, plain=True) for n in (1, count))
    first = {OURS: lambda: grade(one), NBGRADER: lambda: autograde(plain)}
    calls = {OURS: lambda: grade(ours), NBGRADER: lambda: autograde(theirs)}
    notes = []

    def first_by_otter() -> Cost:
        write_autograder(folder, otter)
        return otter_run(folder, otter, submissions(one))

    if otter := executable(OTTER, "otter"):
        first[OTTER_RUN] = first_by_otter
        calls[OTTER_RUN] = lambda: otter_run(folder, otter, submissions(ours))
    else:
        notes.append(f"Skipped: {OTTER.what}, for it is not installed; {INSTALL}.")
    stage = Stage("a class of one", 0, 0.03)  # compiles bytecode
    missing = in_turn(first, 1, warm_up=False, stage=stage).missing
    there = {name: call for name, call in calls.items() if name not in missing}
    took = in_turn(there, size.rounds_or(3), warm_up=False, stage=Stage("", stage.end))
    missing |= took.missing
    said = ["Times are those of one submission, memory is that of all processes together."]
    if not missing.keys() & {OURS, NBGRADER}:
        same_scores(ours, theirs)
        said.append("grade and nbgrader autograde gave the same scores.")
    if otter and not missing.keys() & {OURS, OTTER_RUN}:
        same_full_marks(folder, ours)
        said.append("grade and otter run gave full marks to the same students.")
    fields = [("wall", "time", "ms", count), ("cpu", "processor time", "ms", count)]
    if all(one.memory for costs in took.values() for one in costs):
        fields.append(("memory", "memory at its peak", "MB", 1))
    else:
        said.append("There is no memory, for this system does not tell what processes share.")
    rows = []
    for name in list(calls)[1:]:
        for field, what, unit, share in fields:
            each = [_each(took.get(one, []), field, share) for one in (name, OURS)]
            goal = size.goal(at_least(15)) if (name, field) == (NBGRADER, "wall") else None
            rows.append(_pairs(f"{name}, {what}", OURS, *each, goal, unit))
    yield figures(f"A class of {count}", rows, [*notes, *missing.values(), " ".join(said)])


def _each(costs: Sequence[Cost | Judged], field: str, share: float = 1) -> list[float]:
    """Return one field of costs, divided by `share`."""
    return [getattr(one, field) / share for one in costs]


def _further(field: str, more: Sequence[Cost], fewer: Sequence[Cost], count: int) -> list[float]:
    """Return one field of the cost of each of the `count` by which two classes differ."""
    pairs = zip(_each(more, field), _each(fewer, field), strict=False)
    return [(a - b) / count for a, b in pairs]


def same_scores(ours: Path, theirs: Path) -> None:
    """Make sure that both sides gave every student the same score."""
    a, b = scores(ours), scores(theirs)
    different = {name: (a.get(name), b.get(name)) for name in a | b if a.get(name) != b.get(name)}
    if different:
        raise AssertionError(f"grade and nbgrader autograde differ: {different}")


def same_full_marks(folder: Path, ours: Path) -> None:
    """Make sure that `otter run` and `grade` found the same students to have all points."""
    full = {name for name, score in scores(ours).items() if score == AUTO_SCORE}
    by_otter = set()
    for number, notebook in enumerate(submissions(ours)):
        if otter_score(folder / f"out{number}") == AUTO_SCORE:
            by_otter.add(notebook.parent.parent.name)
    if full != by_otter:
        raise AssertionError(f"grade and otter run differ on all points: {full ^ by_otter}")


def cells_alone(folder: Path, size: Size) -> Iterator[Table]:
    """Compare `grade` with what the cells take in one warm process, start-up apart."""
    count = size.of(CLASS, least=3)
    course, one = make_course(folder / "cells", count), make_course(folder / "cells-one", 1)
    source, released = (
        nbformat.read(ROOT / place / NAME / f"{NAME}.ipynb", as_version=4)
        for place in ("solutions", "assignments")
    )
    cells = cells_of_notebook(source, released)
    notebooks = [
        restore(nbformat.read(path, as_version=4), cells)[0] for path in submissions(course)
    ]

    def alone() -> Cost:
        before = _cpu()
        wall = seconds(lambda: [execute(notebook) for notebook in notebooks])
        return Cost(wall, _cpu() - before)

    every, single = f"grade on {count} submissions", "grade on one submission"
    calls = {every: lambda: grade(course), single: lambda: grade(one), ALONE: alone}
    took = in_turn(calls, size.rounds_or(3))
    cells_wall, cells_cpu = (_each(took[ALONE], field, count) for field in ("wall", "cpu"))
    whole = _each(took[every], "wall", count)
    wall, cpu = (_further(field, took[every], took[single], count - 1) for field in ("wall", "cpu"))
    goal = size.goal(at_most(3))
    yield figures(
        f"grade and the cells alone, {count} submissions",
        [
            _pairs("a submission, start-up included", "its cells alone", whole, cells_wall, goal),
            _pairs("a further submission", "its cells alone", wall, cells_wall, goal),
            _pairs("a further submission, processor time", "its cells alone", cpu, cells_cpu, None),
        ],
        [
            *took.notes,
            "The cells alone: in one warm process, without fences, notebooks in memory; grade has "
            f"{PROCESSORS} workers on {PROCESSORS} processors, so that only processor time "
            "compares the work.",
        ],
    )


def growth(folder: Path, size: Size) -> Iterator[Table]:
    """Compare what a further submission takes in a large class and in a small one; memory."""
    few, more, large = 30, 130, size.of(LARGE, least=300)
    names = {count: f"{count:,} submissions" for count in (few, more, large)}
    classes = {count: make_course(folder / f"class{count}", count) for count in names}
    calls = {names[count]: functools.partial(grade, classes[count]) for count in names}
    took = in_turn(calls, size.rounds_or(3), warm_up=False)
    small, middle, great = (took[name] for name in names.values())
    flat = size.goal(at_most(1.15))
    rows = [
        _pairs(
            f"{what}, {more} to {large:,}",
            f"{few} to {more}",
            _further(field, great, middle, large - more),
            _further(field, middle, small, more - few),
            flat,
        )
        for field, what in (
            ("wall", "a further submission"),
            ("cpu", "a further submission, processor time"),
        )
    ]
    main = (_each(costs, "main") for costs in (great, small))
    rows.append(_pairs(f"memory of the main process, {large:,}", f"{few}", *main, flat, "MB"))
    yield figures(f"grade on {few} to {large:,} submissions", rows, took.notes)


def _pairs(
    first: str,
    second: str,
    one: Sequence[float],
    other: Sequence[float],
    goal: Goal | None,
    unit: str = "ms",
) -> Figure:
    return Figure(first, second, list(zip(one, other, strict=False)), unit, goal)


class Judged(NamedTuple):
    """What running a submission's cells took, in seconds.

    Attributes:
        wall, cpu: of one submission, when all is started.
        start: processor time of starting it, and ending it, once for all.
    """

    wall: float
    cpu: float
    start: float


def judge(folder: Path, size: Size) -> Iterator[Table]:
    """Compare the step that runs a submission: the judge, nbgrader's own `Execute`, no judge."""
    count = size.of(20, least=2)
    source = nbformat.read(ROOT / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
    notebook, _ = restore(source, cells_of_notebook(source))
    fence = judged.fence()

    def by_judge() -> None:
        judged.run_notebook(copy.deepcopy(notebook), Order(Limits(), fence))

    def by_nbgrader() -> None:
        where = {"metadata": {"path": str(folder)}}
        try:
            done, _ = Execute(extra_arguments=NO_WARNING).preprocess(copy.deepcopy(notebook), where)
        except RuntimeError as error:  # the kernel does not start, or has died
            raise StoodStill(str(error)) from error
        outputs = [output for cell in done.cells for output in cell.get("outputs", [])]
        if any(output.get("ename") == "CellTimeoutError" for output in outputs):
            raise StoodStill("a cell stood still in nbgrader's kernel")

    def cpu_of(call: Callable[[], None], times: int) -> tuple[float, list[float]]:
        """Return the processor time of so many calls, and how long each took."""
        before = _cpu()
        walls = [seconds(call) for _ in range(times)]
        NURSERY.close()  # its processes are counted when it has ended
        return _cpu() - before, walls

    def measured(call: Callable[[], None]) -> Callable[[], Judged]:
        def measure() -> Judged:
            once, _ = cpu_of(call, 1)  # starts what has to be started, which is not in the figures
            whole, walls = cpu_of(call, 1 + count)
            each = (whole - once) / count
            return Judged(statistics.mean(walls[1:]), each, once - each)

        return measure

    calls = {
        EXECUTE: measured(by_nbgrader),
        JUDGE: measured(by_judge),
        ALONE: measured(lambda: execute(notebook)),
    }
    took = in_turn(calls, size.rounds_or(3))
    wall, cpu = ({name: _each(took[name], field) for name in calls} for field in ("wall", "cpu"))
    goal = size.goal(at_least(15))
    notes = took.notes
    if took[JUDGE]:
        start = f"{statistics.median(_each(took[JUDGE], 'start')) * 1000:.0f} ms of processor time"
        notes.append(f"Starting the judge, once for a class, takes {start}.")
    yield figures(
        "Running the cells of one submission",
        [
            _pairs(f"{EXECUTE}, processor time", JUDGE, cpu[EXECUTE], cpu[JUDGE], goal),
            _pairs(f"{EXECUTE}, time", JUDGE, wall[EXECUTE], wall[JUDGE], None),
            _pairs(f"{JUDGE}, processor time", ALONE, cpu[JUDGE], cpu[ALONE], None),
        ],
        notes,
    )


def _cpu() -> float:
    """Return the processor time of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in used)


def check(folder: Path, size: Size) -> Iterator[Table]:
    """Compare a student's own `check` with `nbgrader validate`, on a right notebook."""
    file = right_notebook(folder)

    def call(name: str, seconds: float, *arguments: str) -> Callable[[], float]:
        command = [sys.executable, "-m", *arguments, file]
        return lambda: cost(name, command, ROOT, seconds).wall

    calls = {
        VALIDATE: call(VALIDATE, 5, "nbgrader", "validate"),
        CHECK: call(CHECK, 1, "utils", "check"),
    }
    took = in_turn(calls, size.rounds_or(7))
    row = compare(took, VALIDATE, CHECK, "ms", at_least(5))
    yield figures("A student's own check, from start to answer", [row], took.notes)


def right_notebook(folder: Path) -> Path:
    """Write the problem set with right answers."""
    notebook = nbformat.read(ROOT / "assignments" / NAME / f"{NAME}.ipynb", as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = invented_class.RIGHT.get(grade_id, cell.source)
    file = folder / f"{NAME}.ipynb"
    nbformat.write(notebook, file)
    return file


def _in_a_folder(
    part: Callable[[Path, Size], Iterator[Table]],
) -> Callable[[Size], Iterator[Table]]:
    def measure(size: Size) -> Iterator[Table]:
        with tempfile.TemporaryDirectory(prefix="bench-grading-") as folder:
            yield from part(Path(folder).resolve(), size)

    return measure


PARTS = {
    part.__name__: _in_a_folder(part) for part in (judge, check, throughput, cells_alone, growth)
}


# `-X importtime` is for the main process alone: those that it starts have the options it has left.
IMPORTING = """
import sys
sys._xoptions.clear()
from utils.commands.grade import main
sys.exit(main(sys.argv[1:]))
"""


def imported(folder: Path) -> Table:
    """Return the packages whose import takes the main process of `grade` longest."""
    course = make_course(folder, 1)
    grade(course)  # compiles bytecode
    command = [sys.executable, "-P", "-X", "importtime", "-c", IMPORTING, *arguments(course)]
    said = run(OURS, command, course, usual(OURS, 1)).stderr
    packages: dict[str, list[int]] = collections.defaultdict(list)
    for own, name in re.findall(r"import time:\s+(\d+) \|\s+\d+ \|\s+(\w+)", said):
        known = name in sys.stdlib_module_names
        packages["Python's own" if known else f"`{name}`"].append(int(own))
    total = sum(map(sum, packages.values()))
    most = sorted(packages.items(), key=lambda item: -sum(item[1]))[:10]
    return Table(
        f"Profile: what the main process of grade imports, {total / 1e6:.2f} s",
        [[name, f"{len(own):,}", f"{sum(own) / 1000:.0f} ms"] for name, own in most],
        ("package", "modules", "time"),
    )


def profile() -> Iterator[Table]:
    """Yield where the time goes of the main process of `grade`, and of judging in one process."""
    from utils.grading.runner import grade as grade_class

    with tempfile.TemporaryDirectory(prefix="bench-grading-") as name:
        folder = Path(name).resolve()
        yield imported(folder / "one")
        course = find_course(make_course(folder / "class", CLASS))
        yield profiled(
            f"the main process of grade, {CLASS} submissions",
            lambda: grade_class(course, NAME, count=PROCESSORS),
            rows=16,
            waiting=False,
        )
    source = nbformat.read(ROOT / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
    notebook, _ = restore(source, cells_of_notebook(source))
    order = Order(Limits(), judged.fence())
    judged.run_notebook(copy.deepcopy(notebook), order)
    yield profiled(
        "the judge's side of 20 submissions",
        lambda: [judged.run_notebook(copy.deepcopy(notebook), order) for _ in range(20)],
        rows=16,
        waiting=False,
    )
    NURSERY.close()
