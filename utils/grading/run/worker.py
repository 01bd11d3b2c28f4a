"""What workers do: they take submissions' bytes and give back what became of them.

A task shares no file and no gradebook with anyone, so it may run in any process on any machine that
has the course installed. Dask hands the tasks out, and again if a worker dies: its setting
`distributed.scheduler.allowed-failures` says how often, three times by default.

A task holds several submissions, since Dask costs as much as a quarter of grading one. A worker
begins none of them after a second and hands the rest back, so that nobody waits behind an endless
loop; and a task that kills its workers is divided, to find the submission that did it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import queue
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.utils import compute_checksum, is_solution, is_task

from utils.grading.course.settings import CourseError
from utils.grading.judge import grade_notebook
from utils.grading.notebook.extra_files import documents
from utils.grading.notebook.reading import text_hash
from utils.grading.notebook.result import KEY, GradingResult
from utils.grading.notebook.source_cells import SourceCell
from utils.grading.reports import feedback
from utils.grading.reports.rendering import Renderer
from utils.grading.sandbox.config import Limits

IN_FLIGHT = 2  # tasks for every worker: enough that none waits, few enough to hold in memory
MANY = 8  # submissions of a task
SECONDS = 1.0  # after which a task begins no further submission
RETRIES = 2  # of a task that raises an exception
PATIENCE = 60  # seconds without any worker


@dataclass(frozen=True)
class RunConfig:
    """What all submissions of a run have in common.

    Attributes:
        cells: the course's cells.
        limits: what a submission may use.
        files: names and contents of what was handed out beside the notebook.
        unsafe: run submissions even where there is no sandbox.
        released, releases: see `restore.put_in_order`.
    """

    cells: list[SourceCell]
    limits: Limits
    files: dict[str, bytes] = field(default_factory=dict)
    unsafe: bool = False
    released: frozenset[str] | None = None
    releases: Sequence[Mapping[str, str]] = ()


@dataclass(frozen=True)
class Job:
    """One submission.

    Attributes:
        student: whose.
        digest: of all that its grading depends on.
        notebook: the submitted file.
        files: names and contents of the student's files beside it.
        unreadable: why the file was not even read, "" if it was.
        before: the result of the latest grading, if there is one.
        name: the submitted file's name in the student's folder.
        notes: sentences on what was handed in. ask: whether a person has to look at that.
    """

    student: str
    digest: str
    notebook: bytes
    files: dict[str, bytes] = field(default_factory=dict)
    unreadable: str = ""
    before: GradingResult | None = None
    name: str = ""
    notes: Sequence[str] = ()
    ask: bool = False


@dataclass(frozen=True)
class Graded:
    """What a worker gives back.

    Attributes:
        student: whose.
        notebook: the executed notebook's bytes.
        page: the student's page, see `feedback.page`.
        result: what became of the submission, as the notebook keeps it.
    """

    student: str
    notebook: bytes
    page: list[feedback.PageCell]
    result: GradingResult


@dataclass
class Failure:
    """A submission without an outcome, and why."""

    student: str
    why: str


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        total: submissions to grade in this run.
        unchanged: submissions that were graded before and need nothing.
        graded, unreadable, stopped: of this run, so far.
        failures: submissions without an outcome.
        notes: what else staff should know, one sentence each.
    """

    total: int = 0
    unchanged: int = 0
    graded: int = 0
    unreadable: int = 0
    stopped: int = 0
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def done(self) -> int:
        """How many submissions of this run have come back."""
        return self.graded + self.unreadable + len(self.failures)


# In a worker ------------------------------------------------------------------------------------


def grade_batch(terms: RunConfig, jobs: Sequence[Job]) -> list[Graded]:
    """Grade submissions, the first of them at least; writes nothing of the course's.

    Returns:
        A result for each of the first jobs, as many as were begun within `SECONDS`.

    Raises:
        grade_notebook.NotSandboxed: this machine has no sandbox.
    """
    ends = time.monotonic() + SECONDS
    results = [grade_job(terms, jobs[0])]
    for job in jobs[1:]:
        if time.monotonic() > ends:
            break
        results.append(grade_job(terms, job))
    return results


def grade_job(terms: RunConfig, job: Job) -> Graded:
    """Grade one submission.

    Raises:
        grade_notebook.NotSandboxed: this machine has no sandbox.
    """
    if job.unreadable:
        notebook, result = None, GradingResult.unreadable(job.unreadable)
    else:
        notebook, result = grade_notebook.grade_notebook(
            job.notebook,
            terms.cells,
            terms.limits,
            job.files,
            terms.unsafe,
            terms.released,
            terms.releases,
            documents(job.files),
            terms.files,
        )
    result.notes[:0] = job.notes
    if notebook is None:
        notebook = new_notebook(cells=[cell.new() for cell in terms.cells])
        result.auto = {c.grade_id: None for c in terms.cells if c.grade or c.task}
    grade_notebook.show_notes(notebook, result.notes)
    renderer = Renderer()
    page = feedback.page(notebook, job.files, renderer)
    if renderer.lost:
        result.notes += [f"picture {name} is not shown" for name in renderer.lost[:MANY]]
        grade_notebook.show_notes(notebook, result.notes)
    result.digest, result.file, result.ask = job.digest, job.name, job.ask
    _look_at_answers(result, notebook, terms)
    result.compare(job.before)
    notebook.metadata[KEY] = result.to_json()
    # Not by nbformat, which takes ten times as long to break it into lines.
    written = json.dumps(notebook, ensure_ascii=False, separators=(",", ":")).encode()
    return Graded(job.student, written, page, result)


def _look_at_answers(result: GradingResult, notebook: NotebookNode, terms: RunConfig) -> None:
    """Set the comments and hashes of the cells that students write."""
    for cell in notebook.cells:
        if not (is_solution(cell) or is_task(cell)):
            continue
        name = cell.metadata.nbgrader.grade_id
        untouched = compute_checksum(cell) == cell.metadata.nbgrader.get("checksum")
        untouched |= text_hash(cell.source) in {one.get(name) for one in terms.releases}
        blank = result.is_graded and untouched and not is_task(cell)
        result.comments[name] = "No response." if blank else None
        result.texts[name] = hashlib.sha256(cell.source.encode()).hexdigest()[:16]


# In the main process ----------------------------------------------------------------------------


def results_from(
    terms: RunConfig, jobs: Iterable[Job], count: int, client: Any
) -> Iterator[list[Graded | Failure]]:
    """Yield what comes back from the workers, in the order in which it comes, in batches.

    Args:
        terms: of all jobs.
        jobs: taken as workers get to them, so that few are in memory at a time.
        count: how many there are.
        client: of Dask, see `cluster`.

    Raises:
        CourseError: no worker can run submissions, or none is left.
    """
    finished: queue.SimpleQueue = queue.SimpleQueue()
    waiting: dict[str, tuple[Any, list[Job]]] = {}
    again: deque[list[Job]] = deque()  # what came back without an outcome
    jobs = iter(jobs)
    number, counted = 1, -math.inf
    try:
        while True:
            if time.monotonic() - counted > 2:  # workers come and go
                number, counted = max(1, len(client.nthreads())), time.monotonic()
            while len(waiting) < IN_FLIGHT * number:
                size = min(MANY, max(1, count // (IN_FLIGHT * number)))  # small ones at the end
                lot = again.popleft() if again else list(itertools.islice(jobs, size))
                if not lot:
                    break
                count -= len(lot)
                future = client.submit(grade_batch, terms, lot, pure=False, retries=RETRIES)
                waiting[future.key] = future, lot
                future.add_done_callback(finished.put)
            if not waiting:
                return
            for future in _some(finished, client):
                _, lot = waiting.pop(future.key)
                outcomes, rest = _outcomes(future, lot)
                again += rest
                count += sum(map(len, rest))
                if outcomes:
                    yield outcomes
    finally:
        for future, _ in waiting.values():
            future.cancel()


def _some(finished: queue.SimpleQueue, client: Any) -> list[Any]:
    """Wait for a task to finish; return it and all others that have."""
    alone_since = None
    while True:
        try:
            found = [finished.get(timeout=1)]
            break
        except queue.Empty:  # a pause that also lets Ctrl-C in
            alone_since = None if client.nthreads() else alone_since or time.monotonic()
            if alone_since and time.monotonic() - alone_since > PATIENCE:
                raise CourseError(
                    f"all workers have gone, and none came back within {PATIENCE} s; "
                    "what is graded is recorded, run again to go on"
                ) from None
    with contextlib.suppress(queue.Empty):
        while True:
            found.append(finished.get_nowait())
    return found


def _outcomes(future: Any, lot: list[Job]) -> tuple[list[Graded | Failure], list[list[Job]]]:
    """Return what became of a task's submissions, and in new lots those that are still to do."""
    error = future.exception() if future.status == "error" else None
    results = future.result() if future.status == "finished" else []
    future.release()
    if results:
        rest = lot[len(results) :]
        return results, [rest] if rest else []
    if isinstance(error, grade_notebook.NotSandboxed):
        raise CourseError(str(error))
    if len(lot) > 1:
        return [], [[job] for job in lot]
    why = f"{type(error).__name__}: {error}" if error else "its task was cancelled"
    if type(error).__name__ == "KilledWorker":
        why = "its worker died again and again; is the machine short of memory?"
    return [Failure(lot[0].student, why)], []
