"""Workers: they take a submission's bytes and give back what became of it.

A task shares no file and no gradebook with anyone, so it may run in any process on any machine that
has the course installed. Dask hands the tasks out, and once more if a worker dies.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import queue
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import nbformat
from nbformat.v4 import new_notebook
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task

from utils.grading import execute, feedback
from utils.grading.course import CourseError
from utils.grading.report import RECORD, RECORD_VERSION
from utils.grading.restore import SourceCell
from utils.grading.sandbox import Limits

IN_FLIGHT = 3  # tasks for every worker: enough that none waits, few enough to hold in memory
TRIES = 3  # of a task whose worker dies
CONNECT = 15  # seconds to reach a scheduler
PATIENCE = 60  # seconds without any worker


@dataclass(frozen=True)
class Job:
    """All that a worker needs to know about a submission.

    Attributes:
        student: whose.
        digest: of all the rest.
        submission: the submitted file.
        files: names and contents of the files beside it.
        cells: the course's cells.
        limits: what the submission may use.
        unsafe: run it even if nothing fences it in.
        unreadable: why the file was not even read, "" if it was.
        before: the record of the latest grading, {} if there is none.
    """

    student: str
    digest: str
    submission: bytes
    files: dict[str, bytes]
    cells: list[dict[str, Any]]
    limits: Limits
    unsafe: bool = False
    unreadable: str = ""
    before: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    """What a worker gives back.

    Attributes:
        student, digest: the job's.
        notebook: the executed notebook's bytes.
        page: the student's page, see `feedback.page`.
        record: what became of the submission, as the notebook holds it.
    """

    student: str
    digest: str
    notebook: bytes
    page: list[feedback.Part]
    record: dict[str, Any]


@dataclass
class Failure:
    """A submission without an outcome, and why."""

    student: str
    why: str


# In a worker ------------------------------------------------------------------------------------


def work(job: Job) -> Result:
    """Grade one submission; touches no gradebook and no file.

    Raises:
        execute.NotFenced: nothing fences submissions in on this machine.
    """
    course = [SourceCell(**cell) for cell in job.cells]
    if job.unreadable:
        notebook, outcome = None, _unreadable(course, job.unreadable)
    else:
        notebook, outcome = execute.grade_notebook(
            job.submission, course, job.limits, job.files, job.unsafe
        )
    if notebook is None:
        notebook = new_notebook(cells=[cell.new() for cell in course])
        execute.show_notes(notebook, outcome.notes)
    readable = outcome.status == "graded"
    record = {
        "version": RECORD_VERSION,
        "digest": job.digest,
        "status": outcome.status,
        "notes": outcome.notes,
        "stopped": outcome.stopped,
        "repaired": outcome.repaired,
        "seconds": round(outcome.seconds, 4),
        "cpu_seconds": round(outcome.cpu_seconds, 4),
        "memory_bytes": outcome.memory_bytes,
        "auto": {},
        "comments": {},
        "texts": {},
    }
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
        if is_grade(cell):
            points, _ = determine_grade(cell)
            record["auto"][name] = points if readable else None
        elif is_task(cell):
            record["auto"][name] = None
        if is_solution(cell) or is_task(cell):
            untouched = compute_checksum(cell) == cell.metadata.nbgrader.get("checksum")
            blank = readable and untouched and not is_task(cell)
            record["comments"][name] = "No response." if blank else None
            record["texts"][name] = hashlib.sha256(cell.source.encode()).hexdigest()[:16]
    record["changed"] = _changed(job.before, record)
    notebook.metadata[RECORD] = record
    written = nbformat.v4.writes(notebook).encode()
    return Result(job.student, job.digest, written, feedback.page(notebook), record)


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return the cells whose text or points are not what they were; all if nobody knows."""
    return sorted(
        name
        for name in now["auto"].keys() | now["texts"].keys()
        if not before
        or any(before[what].get(name) != now[what].get(name) for what in ("auto", "texts"))
    )


def _unreadable(course: Sequence[SourceCell], why: str) -> execute.Outcome:
    total = sum(cell.points for cell in course)
    return execute.Outcome("unreadable", [f"the notebook cannot be read: {why}"], max_score=total)


# Workers ----------------------------------------------------------------------------------------


@contextlib.contextmanager
def workers(count: int, scheduler: str | None = None) -> Iterator[Any]:
    """Yield a Dask client with workers, and end those that were started here.

    Args:
        count: of local worker processes.
        scheduler: address of a running Dask scheduler, whose workers are used instead.

    Raises:
        CourseError: there is no scheduler at that address, or it has no workers.
    """
    import dask
    from distributed import Client, LocalCluster, Security

    if scheduler:
        try:
            client = Client(scheduler, timeout=CONNECT, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise CourseError(
                f"there is no Dask scheduler at {scheduler} ({error}); "
                "start one with `dask scheduler` and give its address, such as tcp://host:8786"
            ) from None
        with client:
            try:
                client.wait_for_workers(1, timeout=30)
            except TimeoutError:
                raise CourseError(
                    f"the scheduler at {scheduler} has no workers; start some, in the course's "
                    f"environment: dask worker {scheduler} --nthreads 1 --nworkers auto"
                ) from None
            yield client
        return
    settings = {
        # Forked from one process that has imported all of it, a worker starts in no time.
        "distributed.worker.multiprocessing-method": "forkserver",
        "distributed.scheduler.http.routes": [],  # Dask's web pages are for nobody here
        "distributed.worker.http.routes": [],
        "distributed.admin.tick.limit": "1h",  # a long pause of this process is nobody's concern
    }
    with (
        dask.config.set(settings),
        # On a machine with other users, nobody else may hand tasks to our workers.
        LocalCluster(
            n_workers=count,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            memory_limit=0,
            silence_logs=50,
            security=Security.temporary(),
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def processors() -> int:
    """Return how many processors this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(jobs: Iterable[Job], client: Any) -> Iterator[list[Result | Failure]]:
    """Yield what comes back from the workers, in the order in which it comes, in batches.

    Args:
        jobs: taken one by one, so that few are in memory at a time.
        client: from `workers`.

    Raises:
        CourseError: no worker can run submissions, or none is left.
    """
    finished: queue.SimpleQueue = queue.SimpleQueue()
    waiting: dict[str, tuple[Any, Job]] = {}
    jobs = iter(jobs)
    more, room, counted = True, 0, 0.0
    try:
        while True:
            if time.monotonic() - counted > 2:  # workers come and go
                room, counted = IN_FLIGHT * max(1, len(client.nthreads())), time.monotonic()
            while more and len(waiting) < room:
                job = next(jobs, None)
                if job is None:
                    more = False
                    break
                future = client.submit(work, job, pure=False, retries=TRIES - 1)
                waiting[future.key] = future, job
                future.add_done_callback(finished.put)
            if not waiting:
                return
            keys = [future.key for future in _some(finished, client)]
            yield [_outcome(*waiting.pop(key)) for key in keys]
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


def _outcome(future: Any, job: Job) -> Result | Failure:
    if future.status == "finished":
        result = future.result()
        future.release()
        return result
    error = future.exception() if future.status == "error" else None
    future.release()
    if isinstance(error, execute.NotFenced):
        raise CourseError(str(error))
    why = f"{type(error).__name__}: {error}" if error else "its task was cancelled"
    if type(error).__name__ == "KilledWorker":
        why = "its worker died again and again; is the machine short of memory?"
    return Failure(job.student, why)
