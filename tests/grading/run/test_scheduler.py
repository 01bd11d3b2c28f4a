"""A Dask scheduler and workers elsewhere: the same result, and a dead worker costs nothing."""

import os
import signal
import subprocess
import sys

import pytest
from distributed import Client

from tests.classroom import PS1, RIGHT
from tests.processes import comes_true

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Dask's and SQLAlchemy's own affairs
]


@pytest.fixture
def scheduler(tmp_path):
    """The address of a scheduler, and its two workers' processes in a folder of their own."""
    port_file = tmp_path / "scheduler.json"
    run = [sys.executable, "-P", "-m", "distributed.cli."]
    command = [*run[:-1], f"{run[-1]}dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    quiet = {"cwd": tmp_path, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    processes = [
        subprocess.Popen([*command, "--no-dashboard", "--scheduler-file", str(port_file)], **quiet)
    ]
    comes_true(port_file.exists, seconds=60, every=0.05)
    for _ in range(2):
        command = [*run[:-1], f"{run[-1]}dask_worker", "--scheduler-file", str(port_file)]
        options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1"]
        processes.append(subprocess.Popen([*command, *options], **quiet))
    try:
        with Client(scheduler_file=str(port_file), set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
            yield client.scheduler.address, processes[1:]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def test_a_worker_killed_in_the_middle_costs_nothing(classroom, scheduler):
    address, (first, _) = scheduler
    students = [f"student{number}" for number in range(16)]
    for name in students:
        classroom.submit(name, RIGHT)
    process = classroom.start("grade", PS1, "--scheduler", address, *classroom.options)
    autograded = classroom.root / "grading" / "autograded"
    comes_true(lambda: list(autograded.rglob("*.ipynb")))
    os.kill(first.pid, signal.SIGKILL)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, out + err
    assert "16 graded, 0 unreadable" in out
    assert {row["score"] for row in classroom.rows().values()} == {"14"}
    assert set(classroom.rows()) == set(students)
