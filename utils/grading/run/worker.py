"""Workers: they get the bytes of submissions and return results.

A task needs no shared file and no gradebook, so it can run in any process on any machine that has
the course installed. Dask distributes the tasks, and repeats a task if its worker dies, three times
by default (setting `distributed.scheduler.allowed-failures`).

A task contains several submissions, since Dask's overhead is a quarter of the time to grade one. A
worker starts none of them after a second and returns the rest, so that nobody waits behind an
endless loop. A task that kills its workers is split, to find the submission that caused it.
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

IN_FLIGHT = 2  # tasks per worker: enough to keep it busy, few enough to hold in memory
MANY = 8  # maximum submissions in a task
SECONDS = 1.0  # after which a task starts no further submission
RETRIES = 2  # for a task that raises an exception
PATIENCE = 60  # seconds to wait for a worker when there is none


@dataclass(frozen=True)
class RunConfig:
    """The settings that all submissions of a run share.

    Attributes:
        cells: the course's cells.
        limits: the limits of a submission.
        files: names and contents of the files released beside the notebook.
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
class Submission:
    """One submission.

    Attributes:
        student: the student's id.
        digest: a hash of everything that its grading depends on.
        notebook: the bytes of the submitted file.
        files: names and contents of the student's files beside it.
        unreadable: why the file could not be read, "" if it could.
        before: the result of the latest grading, if there is one.
        name: the submitted file's name in the student's folder.
        notes: sentences on the choice of the notebook.
        ask: whether a person has to look at that choice.
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
    """The result that a worker returns for one submission.

    Attributes:
        student: the student's id.
        notebook: the bytes of the executed notebook.
        page: the cells of the student's page, see `feedback.page`.
        result: the result, which is also in the notebook's metadata.
    """

    student: str
    notebook: bytes
    page: list[feedback.PageCell]
    result: GradingResult


@dataclass
class Failure:
    """A submission without a result, and the reason."""

    student: str
    why: str


@dataclass
class Progress:
    """The progress of a run.

    Attributes:
        total: number of submissions to grade in this run.
        unchanged: number of submissions graded before, with nothing to do.
        graded, unreadable, stopped: numbers of submissions in this run so far.
        failures: submissions without a result.
        notes: further sentences for staff.
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
        """Number of submissions that workers have finished in this run."""
        return self.graded + self.unreadable + len(self.failures)


# In a worker ------------------------------------------------------------------------------------


def grade_batch(config: RunConfig, submissions: Sequence[Submission]) -> list[Graded]:
    """Grade at least the first of some submissions, without writing the course's files.

    Returns:
        The results of the first submissions, as many as were started within `SECONDS`.

    Raises:
        grade_notebook.NotSandboxed: this machine has no sandbox.
    """
    ends = time.monotonic() + SECONDS
    results = [grade_submission(config, submissions[0])]
    for submission in submissions[1:]:
        if time.monotonic() > ends:
            break
        results.append(grade_submission(config, submission))
    return results


def grade_submission(config: RunConfig, submission: Submission) -> Graded:
    """Grade one submission.

    Raises:
        grade_notebook.NotSandboxed: this machine has no sandbox.
    """
    if submission.unreadable:
        notebook, result = None, GradingResult.unreadable(submission.unreadable)
    else:
        notebook, result = grade_notebook.grade_notebook(
            submission.notebook,
            config.cells,
            config.limits,
            submission.files,
            config.unsafe,
            config.released,
            config.releases,
            documents(submission.files),
            config.files,
        )
    result.notes[:0] = submission.notes
    if notebook is None:
        notebook = new_notebook(cells=[cell.new() for cell in config.cells])
        result.auto = {c.grade_id: None for c in config.cells if c.grade or c.task}
    grade_notebook.show_notes(notebook, result.notes)
    renderer = Renderer()
    page = feedback.page(notebook, submission.files, renderer)
    if renderer.lost:
        result.notes += [f"picture {name} is not shown" for name in renderer.lost[:MANY]]
        grade_notebook.show_notes(notebook, result.notes)
    result.digest, result.file, result.ask = submission.digest, submission.name, submission.ask
    _look_at_answers(result, notebook, config)
    result.compare(submission.before)
    notebook.metadata[KEY] = result.to_json()
    # Not with nbformat, which splits texts into lines and takes ten times as long.
    written = json.dumps(notebook, ensure_ascii=False, separators=(",", ":")).encode()
    return Graded(submission.student, written, page, result)


def _look_at_answers(result: GradingResult, notebook: NotebookNode, config: RunConfig) -> None:
    """Set the comments and hashes of the cells that students write."""
    for cell in notebook.cells:
        if not (is_solution(cell) or is_task(cell)):
            continue
        name = cell.metadata.nbgrader.grade_id
        untouched = compute_checksum(cell) == cell.metadata.nbgrader.get("checksum")
        untouched |= text_hash(cell.source) in {one.get(name) for one in config.releases}
        blank = result.is_graded and untouched and not is_task(cell)
        result.comments[name] = "No response." if blank else None
        result.texts[name] = hashlib.sha256(cell.source.encode()).hexdigest()[:16]


# In the main process ----------------------------------------------------------------------------


def results_from(
    config: RunConfig, submissions: Iterable[Submission], count: int, client: Any
) -> Iterator[list[Graded | Failure]]:
    """Yield results from the workers in batches, in the order in which they arrive.

    Args:
        config: the settings of all submissions.
        submissions: consumed as workers become free, so that few are in memory at a time.
        count: the number of submissions.
        client: Dask's client, see `cluster`.

    Raises:
        CourseError: no worker can run submissions, or none is left.
    """
    finished: queue.SimpleQueue = queue.SimpleQueue()
    waiting: dict[str, tuple[Any, list[Submission]]] = {}
    again: deque[list[Submission]] = deque()  # returned without a result
    submissions = iter(submissions)
    number, counted = 1, -math.inf
    try:
        while True:
            if time.monotonic() - counted > 2:  # workers come and go
                number, counted = max(1, len(client.nthreads())), time.monotonic()
            while len(waiting) < IN_FLIGHT * number:
                size = min(MANY, max(1, count // (IN_FLIGHT * number)))  # smaller at the end
                lot = again.popleft() if again else list(itertools.islice(submissions, size))
                if not lot:
                    break
                count -= len(lot)
                future = client.submit(grade_batch, config, lot, pure=False, retries=RETRIES)
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
    """Wait until a task has finished; return all finished tasks.

    Raises:
        CourseError: there has been no worker for `PATIENCE` seconds.
    """
    alone_since = None
    while True:
        try:
            found = [finished.get(timeout=1)]
            break
        except queue.Empty:  # Ctrl-C can also interrupt here
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


def _outcomes(
    future: Any, lot: list[Submission]
) -> tuple[list[Graded | Failure], list[list[Submission]]]:
    """Return a task's results, and the lots of its submissions that still have to be graded."""
    error = future.exception() if future.status == "error" else None
    results = future.result() if future.status == "finished" else []
    future.release()
    if results:
        rest = lot[len(results) :]
        return results, [rest] if rest else []
    if isinstance(error, grade_notebook.NotSandboxed):
        raise CourseError(str(error))
    if len(lot) > 1:
        return [], [[submission] for submission in lot]
    why = f"{type(error).__name__}: {error}" if error else "its task was cancelled"
    if type(error).__name__ == "KilledWorker":
        why = "its worker died again and again; is the machine short of memory?"
    return [Failure(lot[0].student, why)], []
