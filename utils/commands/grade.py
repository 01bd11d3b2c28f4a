"""`grade PS`: grade all submissions of a problem set, as many at a time as there are processors.

Reads grading/submitted/STUDENT/PS/PS.ipynb; writes grading/autograded/, grading/feedback/, the
gradebook, and the report grading/reports/PS.csv and PS.html. Stop it at any moment and run it
again: what is graded and unchanged is left alone, and points and comments given by a person stay.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import gc
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from types import FrameType
from typing import TYPE_CHECKING, Any

from utils.commands import add_course, new_parser, positive
from utils.grading import spare_imports
from utils.grading.run.temporary_files import scratch
from utils.grading.sandbox.supervisor import ELSEWHERE
from utils.grading.sandbox.system_calls import LINUX
from utils.grading.terminal import clean, columns, cut, pad, width
from utils.system import garbage_collection_paused, processors

if TYPE_CHECKING:  # these take a second to import, and --help does not need them
    from utils.grading.course.settings import Course
    from utils.grading.reports.report_data import Report
    from utils.grading.run.cluster import LocalWorkers
    from utils.grading.run.worker import Progress

ROWS = 40  # of the final table; for a larger class it lists only those who need a person
SCHEMES = ("tcp", "tls", "ws", "wss", "ucx")  # of a Dask scheduler's address
LEAST = 16  # minimum columns for an id on a narrow terminal


class Terminated(KeyboardInterrupt):
    """This process has received SIGTERM."""


def main(argv: list[str]) -> int:
    """Grade; return 0 if every submission has a result."""
    started = time.monotonic()
    asked = parse(argv)
    if not LINUX and not asked.scheduler:
        print(ELSEWHERE, file=sys.stderr)
        return 1
    try:
        with scratch(), _ends_when_asked():
            return run(asked, started)
    except KeyboardInterrupt as end:
        print(
            f"\nstopped; what is graded is recorded, `grade {asked.problem_set}` goes on from here",
            file=sys.stderr,
        )
        return 143 if isinstance(end, Terminated) else 130


def run(asked: argparse.Namespace, started: float) -> int:
    """Grade with the options of the command line."""
    with contextlib.nullcontext() if asked.scheduler else start_early(asked.jobs) as local:
        return grade(asked, local, started)


def grade(asked: argparse.Namespace, local: LocalWorkers | None, started: float) -> int:
    """Grade with local workers that are starting, or with those of a scheduler."""
    spare_imports()
    if asked.unsafe:
        warn_of_unsafe(asked)
    with garbage_collection_paused():
        from utils.grading.course.lateness import ExtensionsError
        from utils.grading.course.settings import CourseError, find_course
        from utils.grading.run import runner
    try:
        with Bar(asked.quiet) as bar:
            course = find_course(asked.course, asked.db)
            progress, report = runner.grade_class(
                course,
                asked.problem_set,
                students=asked.students,
                count=asked.jobs,
                scheduler=asked.scheduler,
                force=asked.force,
                unsafe=asked.unsafe,
                watch=bar.show,
                local=local,
            )
    except (CourseError, ExtensionsError) as error:
        print(clean(error), file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder that is not writable
        print(
            f"{clean(error)}; what is graded is recorded, fix this and run "
            f"`grade {asked.problem_set}` again",
            file=sys.stderr,
        )
        return 1
    print_problems(asked, course, progress, report)
    if not asked.quiet:
        print_table(report)
        print_counts(progress, time.monotonic() - started)
        print(f"report: {course.reports / asked.problem_set}.html and .csv")
    gc.freeze()  # skips garbage collection at the end of the process
    return 1 if progress.failures else 0


UNSAFE = (
    "warning: --unsafe without a sandbox. The submissions of this run are not sandboxed: "
    "each can read and change all that you can, such as the gradebook and the hidden tests. Stop "
    "now with Ctrl-C unless you trust all of them; `python3 -m utils doctor` says what is missing."
)
UNSAFE_ELSEWHERE = (
    "warning: --unsafe. Where a worker of this scheduler has no sandbox, submissions can read and "
    "change all that the worker's user can; `python3 -m utils doctor` on that machine says more."
)


def warn_of_unsafe(asked: argparse.Namespace) -> None:
    """Print a warning about --unsafe, unless it grades here and a sandbox is available."""
    if asked.scheduler:
        print(UNSAFE_ELSEWHERE, file=sys.stderr)
        return
    with garbage_collection_paused():
        from utils.grading.judge import grade_notebook
    if grade_notebook.available_sandbox(unsafe=True) == "none":
        print(UNSAFE, file=sys.stderr)


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = new_parser("grade", __doc__)
    add_course(parser)
    parser.add_argument("--students", metavar="A,B", type=_names, help="only theirs")
    parser.add_argument(
        "--jobs", metavar="N", type=positive("processes"), help="worker processes here"
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        type=_address,
        help="a running Dask scheduler, such as tcp://host:8786",
    )
    parser.add_argument("--force", action="store_true", help="grade what is unchanged, too")
    parser.add_argument(
        "--unsafe", action="store_true", help="run submissions even without a sandbox"
    )
    parser.add_argument("--quiet", action="store_true", help="print problems only")
    return parser.parse_args(argv)


def _names(text: str) -> list[str]:
    """Parse ids as a line of CSV, so that an id with a comma can be quoted."""
    names = [name.strip() for line in csv.reader([text], skipinitialspace=True) for name in line]
    if not names or not all(names):
        raise argparse.ArgumentTypeError("give the students' ids with commas between them")
    return names


def _address(text: str) -> str:
    """Check the address of a Dask scheduler: scheme://host:port, or host:port for TCP."""
    scheme, separator, place = text.rpartition("://")
    host, _, port = place.rpartition(":")
    plain = port.isascii() and port.isdecimal() and 0 < int(port) < 2**16
    known = scheme in SCHEMES if separator else True
    if known and host and plain and not any(c.isspace() or c in "/@?#" for c in host):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is not an address of a Dask scheduler: give it as tcp://host:8786"
    )


def start_early(count: int | None = None) -> LocalWorkers:
    """Start local workers and the processes from which workers and submissions are forked.

    All of them import modules while this process continues.

    Args:
        count: number of worker processes; by default the number of processors.
    """
    from multiprocessing import forkserver, resource_tracker

    multiprocessing.set_forkserver_preload(["utils.grading.run.preload"])
    resource_tracker.ensure_running()  # else the fork server would start it and unblock Ctrl-C
    with _interrupt_put_off():  # only this process handles Ctrl-C; see also `preload`
        forkserver.ensure_running()
    with garbage_collection_paused():
        from utils.grading.judge.fork_server import FORK_SERVER
    environment = FORK_SERVER.open(os.path.join(tempfile.gettempdir(), "fork-server"))
    spare_imports()
    with garbage_collection_paused():
        from utils.grading.run.cluster import LocalWorkers
    with _interrupt_put_off():
        return LocalWorkers(count or processors(), environment)


@contextlib.contextmanager
def _interrupt_put_off() -> Iterator[None]:
    """Delay Ctrl-C until the end of this context; processes started in it block Ctrl-C."""
    came: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
        if came:
            signal.raise_signal(signal.SIGINT)


@contextlib.contextmanager
def _ends_when_asked() -> Iterator[None]:
    """Let Ctrl-C or SIGTERM end this process cleanly; ignore repeated signals."""
    asked = False

    def end(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if not asked:  # a second one would interrupt the cleanup
            asked = True
            raise Terminated if number == signal.SIGTERM else KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_IGN if asked else handler)


class Bar:
    """A progress bar with counts, as a context."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.bar: Any = None  # tqdm's bar, made on the first call of `show`

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def show(self, progress: Progress) -> None:
        """Show the progress of the run."""
        from tqdm import tqdm

        if self.bar is None:
            quiet = True if self.quiet else None  # None: only where there is a terminal
            form = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}{postfix}]"
            self.bar = tqdm(
                total=progress.total,
                disable=quiet if progress.total else True,
                leave=False,
                bar_format=form,
            )
        self.bar.update(progress.done - self.bar.n)
        self.bar.set_postfix_str(
            f"{progress.graded} graded, {progress.unreadable} unreadable, "
            f"{progress.stopped} stopped"
        )


def print_problems(
    asked: argparse.Namespace, course: Course, progress: Progress, report: Report
) -> None:
    """Print notes and problems for staff to stderr, one sentence each.

    With --quiet there is no table, so unreadable submissions are listed here, too.
    """
    problems = list(progress.notes)
    for failure in progress.failures:
        path = course.notebook("submitted", failure.student, asked.problem_set)
        problems.append(f"{failure.student}: not graded ({path}): {failure.why}")
    for row in report.rows if asked.quiet else ():
        if row.status == "unreadable" and row.student in (asked.students or [row.student]):
            path = course.notebook("submitted", row.student, asked.problem_set)
            problems.append(f"{row.student}: unreadable ({path}): {'; '.join(row.notes)}")
    for problem in problems:
        print(clean(problem), file=sys.stderr)


def print_table(report: Report) -> None:
    """Print a line for each student; in a large class, only for those who need a person."""
    rows = report.rows
    if len(rows) > ROWS:
        rows = [row for row in rows if row.why and row.why != ["written answer"]][:ROWS]
    if not rows:
        return
    wide = columns()
    ids = [cut(clean(row.student), max(LEAST, wide // 3)) for row in rows]  # one may be very long
    name = max(7, *map(width, ids))
    points = max(6, *(len(row.points_text) for row in rows))
    print(f"{'student':{name}}  {'status':10}  {'points':>{points}}  needs a person, notes")
    for row, student in zip(rows, ids, strict=True):
        score = row.points_text or "–"
        said = clean("; ".join([", ".join(row.why), *row.notes]).strip("; "))
        print(cut(f"{pad(student, name)}  {row.status:10}  {score:>{points}}  {said}", wide))


def print_counts(progress: Progress, seconds: float) -> None:
    """Print the numbers of submissions in this run, by outcome."""
    parts = [
        f"{progress.graded} graded",
        f"{progress.unreadable} unreadable",
        f"{progress.stopped} stopped",
        f"{progress.unchanged} unchanged",
    ]
    if progress.failures:
        parts.append(f"{len(progress.failures)} without an outcome")
    print(f"\n{', '.join(parts)} in {seconds:.1f} s")
