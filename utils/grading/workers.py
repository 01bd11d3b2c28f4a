"""Workers: they take submissions' bytes and give back what became of them.

A task shares no file and no gradebook with anyone, so it may run in any process on any machine that
has the course installed. Dask hands the tasks out, and once more if a worker dies.

A task holds several submissions, since Dask costs as much as a quarter of grading one. A worker
begins none of them after a second and hands the rest back, so that nobody waits behind an endless
loop; and a task that kills its workers is divided, to find the submission that did it.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import math
import os
import queue
import signal
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from nbformat.v4 import new_notebook
from nbgrader.utils import compute_checksum, determine_grade, is_grade, is_solution, is_task

from utils.grading import execute, feedback
from utils.grading.course import CourseError
from utils.grading.record import RECORD, RECORD_VERSION
from utils.grading.restore import SourceCell
from utils.grading.sandbox import Limits

IN_FLIGHT = 2  # tasks for every worker: enough that none waits, few enough to hold in memory
MANY = 8  # submissions of a task
SECONDS = 1.0  # after which a task begins no further submission
TRIES = 3  # of a task whose worker dies
CONNECT = 15  # seconds to reach a scheduler
PATIENCE = 60  # seconds without any worker


@dataclass(frozen=True)
class Terms:
    """What all submissions of a run have in common.

    Attributes:
        cells: the course's cells.
        limits: what a submission may use.
        files: names and contents of what was handed out beside the notebook.
        unsafe: run submissions even if nothing fences them in.
    """

    cells: list[SourceCell]
    limits: Limits
    files: dict[str, bytes] = field(default_factory=dict)
    unsafe: bool = False


@dataclass(frozen=True)
class Job:
    """One submission.

    Attributes:
        student: whose.
        digest: of all that its grading depends on.
        notebook: the submitted file.
        files: names and contents of the student's files beside it.
        unreadable: why the file was not even read, "" if it was.
        before: the record of the latest grading, {} if there is none.
    """

    student: str
    digest: str
    notebook: bytes
    files: dict[str, bytes] = field(default_factory=dict)
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


def work(terms: Terms, jobs: Sequence[Job]) -> list[Result]:
    """Grade submissions, the first of them at least; touches no gradebook and no file.

    Returns:
        A result for each of the first jobs, as many as were begun within `SECONDS`.

    Raises:
        execute.NotFenced: nothing fences submissions in on this machine.
    """
    ends = time.monotonic() + SECONDS
    results = [grade(terms, jobs[0])]
    for job in jobs[1:]:
        if time.monotonic() > ends:
            break
        results.append(grade(terms, job))
    return results


def grade(terms: Terms, job: Job) -> Result:
    """Grade one submission.

    Raises:
        execute.NotFenced: nothing fences submissions in on this machine.
    """
    if job.unreadable:
        notebook, outcome = None, _unreadable(terms.cells, job.unreadable)
    else:
        notebook, outcome = execute.grade_notebook(
            job.notebook, terms.cells, terms.limits, job.files | terms.files, terms.unsafe
        )
    if notebook is None:
        notebook = new_notebook(cells=[cell.new() for cell in terms.cells])
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
    # Not by nbformat, which takes ten times as long to break it into lines.
    written = json.dumps(notebook, ensure_ascii=False, separators=(",", ":")).encode()
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
def workers(
    count: int, scheduler: str | None = None, environment: dict[str, str] | None = None
) -> Iterator[Any]:
    """Yield a Dask client with workers, and end those that were started here.

    Args:
        count: of local worker processes.
        scheduler: address of a running Dask scheduler, whose workers are used instead.
        environment: what local workers have in theirs besides this process's.

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
        "distributed.worker.profile.enabled": False,  # nor its figures
        "distributed.admin.system-monitor.interval": "10s",
        "distributed.admin.low-level-log-length": 0,  # of messages, submissions and all
        "distributed.admin.tick.interval": "1s",
        "distributed.admin.tick.limit": "1h",  # a long pause of this process is nobody's concern
    }
    keep_quiet()
    with dask.config.set(settings):
        with _uninterrupted():
            cluster = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",
                memory_limit=0,
                silence_logs=50,
                preload=["utils.grading.warm"],
                env=environment or {},
                # On a machine with other users, nobody else may hand tasks to our workers.
                security=Security.temporary(),
            )
        with _closing(cluster), _closing(Client(cluster, set_as_default=False)) as client:
            yield client


@contextlib.contextmanager
def _closing(part: Any) -> Iterator[Any]:
    """Yield a part of Dask and close it, though its workers are just being killed, too."""
    try:
        yield part
    finally:
        with contextlib.suppress(Exception):
            part.close()


def keep_quiet() -> None:
    """Let Dask say nothing in this process, least of all while everything ends."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put off Ctrl-C and SIGTERM: Dask cannot be stopped in the middle of its start."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    put_off: list[int] = []

    def later(number: int, frame: Any) -> None:
        put_off.append(number)

    before = {number: signal.signal(number, later) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    for number in put_off[:1]:
        signal.raise_signal(number)


def processors() -> int:
    """Return how many processors this process may use."""
    with contextlib.suppress(AttributeError):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(
    terms: Terms, jobs: Iterable[Job], count: int, client: Any
) -> Iterator[list[Result | Failure]]:
    """Yield what comes back from the workers, in the order in which it comes, in batches.

    Args:
        terms: of all jobs.
        jobs: taken as workers get to them, so that few are in memory at a time.
        count: how many there are.
        client: from `workers`.

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
                future = client.submit(work, terms, lot, pure=False, retries=TRIES - 1)
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


def _outcomes(future: Any, lot: list[Job]) -> tuple[list[Result | Failure], list[list[Job]]]:
    """Return what became of a task's submissions, and in new lots those that are still to do."""
    error = future.exception() if future.status == "error" else None
    results = future.result() if future.status == "finished" else []
    future.release()
    if results:
        rest = lot[len(results) :]
        return results, [rest] if rest else []
    if isinstance(error, execute.NotFenced):
        raise CourseError(str(error))
    if len(lot) > 1:
        return [], [[job] for job in lot]
    why = f"{type(error).__name__}: {error}" if error else "its task was cancelled"
    if type(error).__name__ == "KilledWorker":
        why = "its worker died again and again; is the machine short of memory?"
    return [Failure(lot[0].student, why)], []
