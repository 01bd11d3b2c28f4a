"""Grading: `grade` and `check` against nbgrader and Otter-Grader, on `ps1_output_layer`.

Everybody grades the same invented class on the same two processors, from the start of the command
to the end of the last process that it has started, with bytecode compiled. `nbgrader autograde` is
nbgrader as it comes, and has to give the same scores. `otter run` grades one submission a call;
two calls run at a time, and its tests are the problem set's test cells, all or nothing each.
"""

from __future__ import annotations

import ast
import copy
import functools
import json
import os
import resource
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute

from tests.benchmarks.measuring import (
    Figure,
    Goal,
    Size,
    StoodStill,
    Table,
    Took,
    at_least,
    at_most,
    compare,
    figures,
    in_turn,
    once_more,
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
START = "import sys; from utils.commands.{} import main; sys.exit(main(sys.argv[1:]))"
OURS, NBGRADER, OTTER_RUN = "grade", "nbgrader autograde", "otter run"
CHECK, VALIDATE = "check", "nbgrader validate"
JUDGE, EXECUTE, ALONE = "the judge", "nbgrader's Execute", "the cells alone"
# Seconds that each usually takes: to start and end, and for every submission.
USUAL = {OURS: (5.0, 0.1), NBGRADER: (5.0, 1.5), OTTER_RUN: (5.0, 3.0)}
# A kernel warns that it is not encrypted, each time one starts, of which a terminal would be full.
NO_WARNING = ["--IPKernelApp.log_level=ERROR"]


# Measuring commands -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall, cpu: seconds; processor time is that of all its processes.
        memory, largest: the most that its first process, and any of its processes, had, in bytes.
    """

    wall: float
    cpu: float
    memory: float
    largest: float


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


# Runs a command as the parent of all that it leaves behind, so that their time counts, too.
METER = f"""
import ctypes, os, resource, subprocess, sys, time
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:{PROCESSORS}])
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
unit = 1 if sys.platform == "darwin" else 1024
start = time.perf_counter()
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
while True:
    try:
        pid, code, used = os.wait4(-1, 0)
    except ChildProcessError:
        break
    if pid == child.pid:
        wall, status, memory = time.perf_counter() - start, code, used.ru_maxrss * unit
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(wall, used.ru_utime + used.ru_stime, memory, used.ru_maxrss * unit, flush=True)
os._exit(os.waitstatus_to_exitcode(status) & 255)
"""


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
    command = [sys.executable, "-P", "-c", START.format("grade"), NAME, "--quiet", "--force"]
    command += ["--jobs", str(PROCESSORS), "--course", str(folder)]
    return cost(OURS, command, folder, usual(OURS, len(submissions(folder))))


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


def write_autograder(folder: Path, otter: str) -> Path:
    """Let Otter make the file from which it grades, out of the test cells of the problem set."""
    (folder / "tests").mkdir()
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
    file = folder / "autograder.zip"
    command = [otter, "generate", "-t", "tests", "-o", file, "--no-environment"]
    once_more(lambda: run("otter generate", command, folder, 5))
    return file


# Two calls at a time, each with a folder of its own.
OTTER_CLASS = """
import subprocess, sys
from concurrent.futures import ThreadPoolExecutor

def grade(arguments):
    subprocess.run([sys.argv[1], "run", "-a", sys.argv[2], "-o", *arguments], check=True)

with ThreadPoolExecutor(int(sys.argv[3])) as pool:
    list(pool.map(grade, zip(sys.argv[4::2], sys.argv[5::2])))
"""


def otter_run(folder: Path, otter: str, autograder: Path, notebooks: Sequence[Path]) -> Cost:
    """Measure `otter run` on notebooks, two at a time; every one must get a result."""
    arguments: list[Path] = []
    for number, notebook in enumerate(notebooks):
        out = folder / f"out{number}"
        out.mkdir(exist_ok=True)
        (out / "results.json").unlink(missing_ok=True)
        arguments += [out, notebook]
    start = [sys.executable, "-c", OTTER_CLASS, otter, autograder, str(PROCESSORS)]
    took = cost(OTTER_RUN, [*start, *arguments], folder, usual(OTTER_RUN, len(notebooks)))
    for out in arguments[::2]:
        tests = json.loads((out / "results.json").read_text(encoding="utf-8"))["tests"]
        if not any("score" in test for test in tests):
            raise RuntimeError(f"otter run gave no score: {tests}")
    return took


# What is compared -------------------------------------------------------------------------------


def throughput(folder: Path, size: Size) -> Iterator[Table]:
    """Compare `grade` with `nbgrader autograde` and `otter run`: time, processor time, memory."""
    count = size.of(CLASS, least=2)
    ours, theirs = make_course(folder / "ours", count), make_course(folder / "theirs", count, True)
    once = make_course(folder / "one", 1)
    once_more(lambda: grade(once))  # compiles bytecode
    calls = {OURS: lambda: grade(ours), NBGRADER: lambda: autograde(theirs)}
    notes = []
    otter = executable(OTTER, "otter")
    if otter:
        autograder = write_autograder(folder, otter)
        calls[OTTER_RUN] = lambda: otter_run(folder, otter, autograder, submissions(ours))
    else:
        notes.append(f"Skipped: {OTTER.what}, for it is not installed; {INSTALL}.")
    took = in_turn(calls, size.rounds_or(3), warm_up=False)
    said = ["Times are those of one submission."]
    if not took.missing.keys() & {OURS, NBGRADER}:
        same_scores(ours, theirs)
        said.append("grade and nbgrader autograde gave the same scores.")
    if otter and not took.missing.keys() & {OURS, OTTER_RUN}:
        same_full_marks(folder, ours)
        said.append("grade and otter run gave full marks to the same students.")
    rows = []
    for name in list(calls)[1:]:
        for field, what, unit, share, goal in (
            ("wall", "time", "ms", count, size.goal(at_least(15)) if name == NBGRADER else None),
            ("cpu", "processor time", "ms", count, None),
            ("largest", "memory of the largest process", "MB", 1, None),
        ):
            row = compare(_each(took, field, share), name, OURS, unit, goal)
            rows.append(Figure(f"{name}, {what}", OURS, row.pairs, unit, goal))
    yield figures(f"A class of {count}", rows, [*notes, *took.notes, " ".join(said)])


def _each(took: Took[Cost], field: str, share: float = 1) -> dict[str, list[float]]:
    """Return one field of everybody's costs, divided by `share`."""
    return {name: [getattr(one, field) / share for one in costs] for name, costs in took.items()}


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
        results = json.loads((folder / f"out{number}" / "results.json").read_text("utf-8"))
        if sum(test.get("score", 0) for test in results["tests"]) == AUTO_SCORE:
            by_otter.add(notebook.parent.parent.name)
    if full != by_otter:
        raise AssertionError(f"grade and otter run differ on all points: {full ^ by_otter}")


def cells_alone(folder: Path, size: Size) -> Iterator[Table]:
    """Compare `grade` with the time that the cells take in one warm process, start-up apart."""
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

    def alone() -> float:
        return seconds(lambda: [execute(notebook) for notebook in notebooks])

    every, single = f"grade on {count} submissions", "grade on one submission"
    calls = {
        every: lambda: grade(course).wall,
        single: lambda: grade(one).wall,
        ALONE: alone,
    }
    took = in_turn(calls, size.rounds_or(3))
    each = [seconds / count for seconds in took[ALONE]]
    whole = [seconds / count for seconds in took[every]]
    further = [(a - b) / (count - 1) for a, b in zip(took[every], took[single], strict=False)]
    goal = size.goal(at_most(3))
    yield figures(
        f"grade and the cells alone, {count} submissions",
        [
            _pairs("a submission, start-up included", "its cells alone", whole, each, goal),
            _pairs("a further submission", "its cells alone", further, each, goal),
        ],
        [*took.notes, "The cells alone: in one warm process, without fences, notebooks in memory."],
    )


def growth(folder: Path, size: Size) -> Iterator[Table]:
    """Compare a large class with one of 30: time for a further submission, memory."""
    few, more, large = 30, 130, size.of(LARGE, least=300)
    names = {count: f"{count:,} submissions" for count in (few, more, large)}
    classes = {count: make_course(folder / f"class{count}", count) for count in names}
    calls = {names[count]: functools.partial(grade, classes[count]) for count in names}
    took = in_turn(calls, size.rounds_or(3), warm_up=False)
    wall, cpu, memory = (
        {count: costs[names[count]] for count in names}
        for costs in (_each(took, field) for field in ("wall", "cpu", "memory"))
    )
    early = [(b - a) / (more - few) for a, b in zip(wall[few], wall[more], strict=False)]
    late = [(b - a) / (large - more) for a, b in zip(wall[more], wall[large], strict=False)]
    flat = size.goal(at_most(1.15))
    each = {count: [seconds / count for seconds in cpu[count]] for count in (few, large)}
    yield figures(
        f"grade on {few} to {large:,} submissions",
        [
            _pairs(
                f"a further submission, {more} to {large:,}", f"{few} to {more}", late, early, flat
            ),
            _pairs(f"processor time each of {large:,}", f"of {few}", each[large], each[few], flat),
            _pairs(
                f"memory of the main process, {large:,}",
                f"{few}",
                memory[large],
                memory[few],
                flat,
                "MB",
            ),
        ],
        took.notes,
    )


def _pairs(
    first: str,
    second: str,
    one: Sequence[float],
    other: Sequence[float],
    goal: Goal | None,
    unit: str = "ms",
) -> Figure:
    return Figure(first, second, list(zip(one, other, strict=False)), unit, goal)


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

    def measured(call: Callable[[], None], start: float = 0.0) -> Callable[[], tuple]:
        def measure() -> tuple[float, float]:
            before = _cpu()
            call()  # starts what has to be started, which is not in the time
            begun = time.perf_counter()
            for _ in range(count):
                call()
            wall = (time.perf_counter() - begun) / count
            NURSERY.close()  # its processes are counted when it has ended
            return wall, (_cpu() - before - start) / (count + 1)

        return measure

    before = _cpu()
    NURSERY.connect()
    NURSERY.close()
    start = _cpu() - before
    calls = {
        EXECUTE: measured(by_nbgrader),
        JUDGE: measured(by_judge, start),
        ALONE: measured(lambda: execute(notebook)),
    }
    took = in_turn(calls, size.rounds_or(3))
    wall, cpu = ({name: [pair[i] for pair in took[name]] for name in calls} for i in (0, 1))
    yield figures(
        "Running the cells of one submission",
        [
            _pairs(f"{EXECUTE}, processor time", JUDGE, cpu[EXECUTE], cpu[JUDGE], at_least(15)),
            _pairs(f"{EXECUTE}, time", JUDGE, wall[EXECUTE], wall[JUDGE], None),
            _pairs(f"{JUDGE}, processor time", ALONE, cpu[JUDGE], cpu[ALONE], None),
        ],
        [
            *took.notes,
            f"Starting the judge, once for a class, takes {start * 1000:.0f} ms of processor time.",
        ],
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


def profile() -> Iterator[Table]:
    """Yield where the time goes of the main process of `grade`, and of judging in one process."""
    from utils.grading.runner import grade as grade_class

    with tempfile.TemporaryDirectory(prefix="bench-grading-") as folder:
        course = find_course(make_course(Path(folder).resolve(), CLASS))
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
