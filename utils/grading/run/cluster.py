"""Dask workers: local processes, or those of a running scheduler."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread

import dask
from distributed import Client, LocalCluster, Security

from utils.grading.course.settings import CourseError

CONNECT = 15  # seconds to reach a scheduler
SETTINGS = {
    # Workers start fast when forked from one process that has imported everything.
    "distributed.worker.multiprocessing-method": "forkserver",
    "distributed.scheduler.http.routes": [],  # nobody here uses Dask's web pages
    "distributed.worker.http.routes": [],
    "distributed.worker.profile.enabled": False,  # nor its profiles
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.admin.low-level-log-length": 0,  # messages contain whole submissions
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.tick.limit": "1h",  # do not warn of a long pause of this process
}


class LocalWorkers:
    """Worker processes on this machine, as a context; they start in the background.

    The start of Dask and of its client must not be interrupted: Ctrl-C would leave a client that
    delays the end of this process by a minute. So a thread starts both, and the end of the context
    waits for it.

    Args:
        count: number of processes.
        environment: their additional environment variables.
    """

    def __init__(self, count: int, environment: dict[str, str] | None = None) -> None:
        keep_quiet()
        self._settings = dask.config.set(SETTINGS)
        thread = ThreadPoolExecutor(1)
        self._started = thread.submit(_start, count, environment or {})
        thread.shutdown(wait=False)

    def __enter__(self) -> LocalWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # its workers may have been killed
            cluster, client = self._started.result()
            with contextlib.suppress(Exception):
                client.close()
            cluster.close()
        self._settings.__exit__(None, None, None)

    def client(self) -> Client:
        """Wait for the workers and return Dask's client."""
        return self._started.result()[1]


def _start(count: int, environment: dict[str, str]) -> tuple[LocalCluster, Client]:
    cluster = LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",
        memory_limit=0,
        silence_logs=50,
        preload=["utils.grading.run.preload"],
        env=environment,
        # On a machine with other users, nobody else may hand tasks to our workers.
        security=Security.temporary(),
    )
    try:
        return cluster, Client(cluster, set_as_default=False)
    except BaseException:
        cluster.close()
        raise


class _Client(Client):
    """A client that whoever makes it closes.

    Of one that could not start, Dask's destructor waits twice as long as the start was tried, and
    then prints a traceback.
    """

    def __del__(self) -> None:
        pass


@contextlib.contextmanager
def workers_of(scheduler: str) -> Iterator[Client]:
    """Yield a client of a running Dask scheduler that has workers.

    Args:
        scheduler: its address.

    Raises:
        CourseError: there is no scheduler at that address, or it has no workers.
    """
    started: Future[Client] = Future()

    def start() -> None:
        try:
            started.set_result(_Client(scheduler, timeout=CONNECT, set_as_default=False))
        except Exception as error:
            started.set_exception(error)

    # In a daemon thread, so that the end of this process does not wait for it; see LocalWorkers.
    Thread(target=start, daemon=True).start()
    try:
        client = started.result()
    except Exception as error:
        # Dask takes the first bytes of another protocol for the length of a message.
        reason = "another program answers there" if isinstance(error, MemoryError) else error
        raise CourseError(
            f"there is no Dask scheduler at {scheduler} ({reason}); "
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


def keep_quiet() -> None:
    """Silence Dask's log in this process, which would also report the normal end of workers."""
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
