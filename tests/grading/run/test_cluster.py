"""A running Dask scheduler is used as it is, and one that is not there gets a sentence."""

import logging
import re
import subprocess
import sys
import threading

import pytest
from distributed import Client, LocalCluster

from utils.grading.course.settings import CourseError
from utils.grading.run import cluster
from utils.system import ROOT

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's own affair


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "what://x"])
def test_no_scheduler_gets_a_sentence(monkeypatch, address):
    monkeypatch.setattr(cluster, "CONNECT", 0.1)
    with (
        pytest.raises(CourseError, match=f"there is no Dask scheduler at {address} .*dask sched"),
        cluster.workers_of(address),
    ):
        pass


def test_another_kind_of_server_gets_a_sentence_and_nothing_else():
    code = """
import socket, threading
from utils.grading.course.settings import CourseError
from utils.grading.run import cluster

def answer(server):
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n")

cluster.keep_quiet()
with socket.create_server(("127.0.0.1", 0)) as server:
    threading.Thread(target=answer, args=[server], daemon=True).start()
    try:
        with cluster.workers_of(f"tcp://127.0.0.1:{server.getsockname()[1]}"):
            pass
    except CourseError as error:
        print(error)
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert re.search(r"^there is no Dask scheduler at .*\(another program answers", ended.stdout)
    assert ended.stderr == ""


def test_ctrl_c_ends_the_search_for_a_scheduler_at_once():
    code = """
import os, signal, threading
from utils.grading.run import cluster

threading.Timer(1, os.kill, [os.getpid(), signal.SIGINT]).start()
with cluster.workers_of("tcp://127.0.0.1:9"):
    pass
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.stderr.endswith("KeyboardInterrupt\n")


def test_the_workers_of_a_scheduler_do_tasks():
    cluster.keep_quiet()
    assert logging.getLogger("distributed").level == logging.CRITICAL
    with (
        LocalCluster(
            1, threads_per_worker=1, processes=False, protocol="tcp", host="127.0.0.1",
            dashboard_address=None,
        ) as dask,
        cluster.workers_of(dask.scheduler_address) as client,
    ):  # fmt: skip
        assert client.submit(abs, -3).result(timeout=60) == 3


@pytest.mark.slow
def test_an_interruption_while_the_client_starts_leaves_none_open(monkeypatch):
    """Else the end of the process waits a minute for it."""
    may_start, made = threading.Event(), []

    def slow(*arguments, **options):
        assert may_start.wait(60)
        made.append(Client(*arguments, **options))
        return made[0]

    monkeypatch.setattr(cluster, "Client", slow)
    threading.Timer(0.5, may_start.set).start()
    with pytest.raises(KeyboardInterrupt), cluster.LocalWorkers(1):
        raise KeyboardInterrupt
    assert [client.status for client in made] == ["closed"]
