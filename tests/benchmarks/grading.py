"""Grading: `grade` and `check` against nbgrader and Otter-Grader, on `ps1_output_layer`.

All tools grade the same simulated class on the same two processors, from the start of the command
to the end of the last process that it has started. The README beside this file says more.
"""

from __future__ import annotations

import ast
import copy
import functools
import json
import os
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbgrader.api import Gradebook
from nbgrader.preprocessors import Execute
from traitlets.config import Config, PyFileConfigLoader
from traitlets.utils.importstring import import_item

from tests import invented_class
from tests.benchmarks import peers
from tests.benchmarks.measuring import (
    ROOT,
    CommandFailed,
    Figure,
    Goal,
    Size,
    figures,
    in_turn,
    run,
    say,
    seconds,
)
from tests.problem_sets.grading import PLAIN, execute, sources, submission

NAME = invented_class.NAME
CONFIG = "nbgrader_config.py"
FULL_MARKS = 14  # points of the test cells
CLASS, LARGE = 60, 1000  # submissions
PROCESSORS = 2
OURS, NBGRADER, OTTER = "grade", "nbgrader autograde", "otter run"
CHECK, VALIDATE = "check", "nbgrader validate"
JUDGE, EXECUTE, ALONE = "the judge", "nbgrader's Execute", "the cells alone"
METER = Path(__file__).with_name("meter.py")
SELF = [sys.executable, "-P", "-m", "tests.benchmarks.grading"]


class Cost(NamedTuple):
    """What a command took: seconds, and bytes; see meter.py."""

    wall: float
    cpu: float
    memory: float
    main: float


def cost(what: str, command: Sequence[str | Path], folder: Path, limit: float = 600) -> Cost:
    """Run a command on two processors and measure it with all processes that it starts."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    variables = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    meter = [sys.executable, METER, str(PROCESSORS), *command]
    return Cost(*map(float, run(what, meter, folder, limit, variables).split()))


def of_each(costs: Sequence[Cost], field: str, count: int = 1) -> list[float]:
    """Return one field of costs, divided by the number of submissions."""
    return [getattr(one, field) / count for one in costs]


def difference(more: Sequence[Cost], fewer: Sequence[Cost], count: int) -> list[Cost]:
    """Return what each of the `count` submissions adds by which two runs differ, per round."""
    both = zip(more, fewer, strict=False)
    return [Cost(*((a - b) / count for a, b in zip(*pair, strict=True))) for pair in both]


def make_course(folder: Path, size: int, plain: bool = False) -> Path:
    """Make a course with a class's submissions; `plain` has nbgrader's own Execute."""
    say(f"making {size:,} submissions")
    for name in ("solutions", "assignments"):
        shutil.copytree(ROOT / name / NAME, folder / name / NAME)
    config = (ROOT / CONFIG).read_text(encoding="utf-8") + (PLAIN if plain else "")
    (folder / CONFIG).write_text(config, encoding="utf-8")
    released = ROOT / "assignments" / NAME / f"{NAME}.ipynb"
    invented_class.write(released, folder / "grading" / "submitted", size)
    if plain:  # the gradebook has to know the problem set
        with tempfile.TemporaryDirectory() as name:
            known = make_course(Path(name) / "course", 1)
            grade(known)
            shutil.copy(known / "grading" / "gradebook.db", folder / "grading")
    return folder


def submissions(folder: Path) -> dict[str, Path]:
    """Return the notebooks of a course's class, by student."""
    found = sorted((folder / "grading" / "submitted").glob(f"*/*/{NAME}.ipynb"))
    return {path.parent.parent.name: path for path in found}


def grade(folder: Path) -> Cost:
    """Measure `grade` on all submissions of a course."""
    start = "import sys; from utils.commands.grade import main; sys.exit(main(sys.argv[1:]))"
    options = ["--quiet", "--force", "--jobs", str(PROCESSORS), "--course", str(folder)]
    limit = 120 + len(submissions(folder))
    return cost(OURS, [sys.executable, "-P", "-c", start, NAME, *options], folder, limit)


def autograde(folder: Path) -> Cost:
    """Measure `nbgrader autograde` on all submissions of a course."""
    command = [sys.executable, "-m", "nbgrader", "autograde", NAME, "--force"]
    return cost(NBGRADER, command, folder, 120 + 15 * len(submissions(folder)))


def scores(folder: Path) -> dict[str, float]:
    """Return the score of every student in the class."""
    with Gradebook(f"sqlite:///{folder / 'grading' / 'gradebook.db'}") as book:
        found = {one.student_id: one.score for one in book.assignment_submissions(NAME)}
    return {student: found[student] for student in submissions(folder)}


# Otter-Grader -----------------------------------------------------------------------------------

OTTER_TEST = """from otter.test_files import test_case

OK_FORMAT, name, points = False, {name!r}, {points}

@test_case()
"""


def write_autograder(folder: Path, otter: str) -> None:
    """Let Otter make its autograder out of the test cells of the problem set."""
    (folder / "tests").mkdir(exist_ok=True)
    source = nbformat.read(ROOT / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
    for cell in source.cells:
        told = cell.metadata.get("nbgrader", {})
        if told.get("grade") and cell.cell_type == "code":
            name, points = told["grade_id"], told["points"]
            function = next(one for one in invented_class.RIGHT if one in name)
            last = ast.parse(cell.source).body[-1]  # the expression that gives the points
            before = textwrap.indent("\n".join(cell.source.splitlines()[: last.lineno - 1]), "    ")
            test = f"def test({function}):\n{before}\n    assert {ast.unparse(last)} == {points}\n"
            text = OTTER_TEST.format(name=name, points=points) + test
            (folder / "tests" / f"{name}.py").write_text(text, encoding="utf-8")
    options = ["-t", "tests", "-o", folder / "autograder.zip", "--no-environment"]
    run("otter generate", [otter, "generate", *options], folder, 120)


def otter_run(folder: Path, otter: str, course: Path) -> Cost:
    """Measure `otter run` on all submissions of a course, two calls at a time."""
    notebooks = submissions(course).values()
    command = [*SELF, OTTER, otter, folder, *notebooks]
    return cost(OTTER, command, folder, 120 + 30 * len(notebooks))


def _otter(otter: str, folder: str, *notebooks: str) -> None:
    def grade_one(notebook: str) -> None:
        out = Path(folder) / "otter" / Path(notebook).parent.parent.name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir(parents=True)
        command = [otter, "run", "-a", str(Path(folder) / "autograder.zip"), "-o", str(out)]
        run(OTTER, [*command, notebook], Path(folder), 300)

    with ThreadPoolExecutor(PROCESSORS) as pool:
        list(pool.map(grade_one, notebooks))


def otter_scores(folder: Path) -> dict[str, float]:
    """Return the points of every student by `otter run`."""
    found = {}
    for file in (folder / "otter").glob("*/results.json"):
        tests = json.loads(file.read_text(encoding="utf-8"))["tests"]
        found[file.parent.name] = sum(test.get("score", 0) for test in tests)
    return found


# The parts --------------------------------------------------------------------------------------


def throughput(folder: Path, size: Size) -> Iterator[str]:
    """Compare `grade` with `nbgrader autograde` and `otter run`."""
    count = size.of(CLASS, least=2)
    ours = make_course(folder / "ours", count)
    theirs = make_course(folder / "plain", count, plain=True)  # compiles bytecode, too
    calls = {OURS: lambda: grade(ours), NBGRADER: lambda: autograde(theirs)}
    notes = ["Times are those of one submission, memory is that of all processes together."]
    if otter := peers.OTTER.program("otter"):
        write_autograder(folder, otter)
        calls[OTTER] = lambda: otter_run(folder, otter, ours)
    took = in_turn(calls, size.rounds or 3, warm_up=False)
    if took[OURS] and took[NBGRADER]:
        assert scores(ours) == scores(theirs), (scores(ours), scores(theirs))
        notes.append("grade and nbgrader autograde gave the same scores.")
    if took[OURS] and took.get(OTTER):
        points = scores(ours), otter_scores(folder)
        full = [{name for name, score in one.items() if score == FULL_MARKS} for one in points]
        assert full[0] == full[1], points
        notes.append("grade and otter run gave full marks to the same students.")
    rows = []
    for name in list(calls)[1:]:
        for field, what, unit, share in (
            ("wall", "time", "ms", count),
            ("cpu", "processor time", "ms", count),
            ("memory", "memory at its peak", "MB", 1),
        ):
            both = (of_each(took[one], field, share) for one in (name, OURS))
            goal = size.at_least(15) if (name, field) == (NBGRADER, "wall") else None
            rows.append(Figure(f"{name}, {what}", OURS, *both, unit, goal))
    yield figures(f"A class of {count}", rows, [*peers.OTTER.notes, *took.notes, " ".join(notes)])


def judge(folder: Path, size: Size) -> Iterator[str]:
    """Compare running a submission's cells: the judge, nbgrader's Execute, no sandbox."""
    count, notebook = size.of(20, least=2), submission(NAME, {})

    def measured(name: str) -> Cost:
        """Return the cost of one submission, without the start of the process."""
        start = [*SELF, name, str(folder)]
        once, more = (cost(name, [*start, str(n)], folder) for n in (1, 1 + count))
        return difference([more], [once], count)[0]

    calls = {name: functools.partial(measured, name) for name in (JUDGE, EXECUTE)}
    took = in_turn(calls | {ALONE: lambda: alone([notebook] * count)}, size.rounds or 3)
    wall, cpu = ({n: of_each(took[n], field) for n in took} for field in ("wall", "cpu"))
    goal = size.at_least(15)
    rows = [
        Figure(f"{EXECUTE}, processor time", JUDGE, cpu[EXECUTE], cpu[JUDGE], goal=goal),
        Figure(f"{EXECUTE}, time", JUDGE, wall[EXECUTE], wall[JUDGE]),
        Figure(f"{JUDGE}, processor time", ALONE, cpu[JUDGE], cpu[ALONE]),
    ]
    yield figures("Running the cells of one submission", rows, took.notes)


def alone(notebooks: Sequence[nbformat.NotebookNode]) -> Cost:
    """Run the cells of notebooks in this process; return the cost of each."""
    before = time.process_time()
    wall = seconds(lambda: [execute(copy.deepcopy(notebook)) for notebook in notebooks])
    count = len(notebooks)
    return Cost(wall / count, (time.process_time() - before) / count, 0, 0)


def _run_cells(name: str, folder: str, count: str) -> None:
    """Run the cells of the solved problem set `count` times by the judge or by nbgrader."""
    names = {"assignment": NAME, "student": "someone", "notebook": NAME}
    resources: dict[str, Any] = {"nbgrader": names, "metadata": {"path": folder}}
    from utils.grading.judge.grade_notebook import available_sandbox, run_notebook  # slow to import
    from utils.grading.sandbox.config import SandboxConfig

    if name == JUDGE:  # the first step that the course's configuration gives to `autograde`
        config: Config = PyFileConfigLoader(CONFIG, str(ROOT)).load_config()
        step = import_item(config.Autograde.autograde_preprocessors[0])(config=config)
        order = SandboxConfig(step.limits(NAME), available_sandbox(step.unsafe))
    else:
        step = Execute(extra_arguments=["--IPKernelApp.log_level=ERROR"])
    for _ in range(int(count)):
        done = submission(NAME, {})
        if name == JUDGE:  # without the step's notes, for which it reads a gradebook
            run_notebook(done, order)
        else:
            done, _ = step.preprocess(done, resources)
        kinds = [one.output_type for cell in done.cells for one in cell.get("outputs", [])]
        if "error" in kinds or not kinds:
            raise CommandFailed(f"the solution failed: {done.cells}")


def check(folder: Path, size: Size) -> Iterator[str]:
    """Compare `check` with `nbgrader validate`, on a correct notebook."""
    notebook = nbformat.read(ROOT / "assignments" / NAME / f"{NAME}.ipynb", as_version=4)
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = invented_class.RIGHT.get(grade_id, cell.source)
    file = folder / f"{NAME}.ipynb"
    nbformat.write(notebook, file)

    commands = {VALIDATE: ("nbgrader", "validate"), CHECK: ("utils", "check")}
    calls = {
        name: lambda what=name, words=words: (
            cost(what, [sys.executable, "-m", *words, file], ROOT).wall
        )
        for name, words in commands.items()
    }
    took = in_turn(calls, size.rounds or 7)
    row = Figure(VALIDATE, CHECK, took[VALIDATE], took[CHECK], goal=Goal(5, True))
    yield figures("A student's own check, from start to answer", [row], took.notes)


def growth(folder: Path, size: Size) -> Iterator[str]:
    """Compare what a further submission takes in a large class, in a small one, and its cells."""
    few, more, large = size.of(30, 2), size.of(130, 6), size.of(LARGE, 12)
    classes = {n: make_course(folder / f"class{n}", n) for n in (few, more, large)}
    read = [nbformat.read(path, as_version=4) for path in submissions(classes[few]).values()]
    notebooks = [submission(NAME, sources(notebook)) for notebook in read]
    calls = {str(n): functools.partial(grade, course) for n, course in classes.items()}
    calls[ALONE] = lambda: alone(notebooks)
    took = in_turn(calls, size.rounds or 3, warm_up=False)
    small, middle, great, cells = took.values()
    early, late = difference(middle, small, more - few), difference(great, middle, large - more)
    flat, names = size.at_most(1.15), (f"submissions {more:,} to {large:,}", f"{few} to {more}")
    times, cpus = ([of_each(c, f) for c in (late, early, cells)] for f in ("wall", "cpu"))
    main = (of_each(costs, "main") for costs in (great, small))
    rows = [
        Figure(f"{names[0]}, time each", names[1], *times[:2], goal=flat),
        Figure(f"{names[0]}, processor time each", names[1], *cpus[:2], goal=flat),
        Figure(f"memory of the main process, {large:,}", f"{few}", *main, "MB", flat),
        Figure(f"{names[0]}, time each", ALONE, times[0], times[2], goal=size.at_most(3)),
        Figure(f"{names[0]}, processor time each", ALONE, cpus[0], cpus[2]),
    ]
    how = f"The cells alone run in one process, without a sandbox; grade has {PROCESSORS} workers."
    yield figures(f"grade on {few} to {large:,} submissions", rows, [*took.notes, how])


PARTS = {part.__name__: part for part in (judge, check, throughput, growth)}

if __name__ == "__main__":
    if sys.argv[1] == OTTER:
        _otter(*sys.argv[2:])
    else:
        _run_cells(*sys.argv[1:])
