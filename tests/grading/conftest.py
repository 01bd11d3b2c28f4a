"""Fixtures for the judge: submissions' processes, and notebooks to grade."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from utils.grading.judge.fork_server import FORK_SERVER, start_process
from utils.grading.judge.student_client import Submission
from utils.grading.sandbox import supervisor
from utils.grading.sandbox.supervisor import Limits, Order


@pytest.fixture(scope="session")
def fence() -> str:
    """The fence that stands on this machine."""
    if not supervisor.LINUX:
        pytest.skip("submissions are graded on Linux")
    found = FORK_SERVER.fence()
    if not found:
        pytest.skip(f"no fence stands here: {FORK_SERVER.why_not('namespaces')}")
    return found


@pytest.fixture
def start(fence: str) -> Iterator[Callable[..., Submission]]:
    """Starts submissions whose cells are given as texts; they end with the test."""
    begun: list[Submission] = []

    def begin(*cells: str, **limits: Any) -> Submission:
        order = Order(Limits(**limits), fence)
        submission = Submission(lambda: start_process(FORK_SERVER.connect(), order), order.limits)
        begun.append(submission)
        for number, source in enumerate(cells):
            submission.run(f"work{number or ''}", source)
        return submission

    yield begin
    for submission in begun:
        submission.end("the test is over")


@pytest.fixture
def work(start: Callable[..., Submission]) -> Callable[..., SimpleNamespace]:
    """Runs a student's cell; returns what its names stand for in a test cell."""

    def run(source: str, **limits: Any) -> SimpleNamespace:
        submission = start(source, **limits)
        return SimpleNamespace(**submission.get(submission.names()), submission=submission)

    return run


@pytest.fixture(scope="module")
def module_work(fence: str) -> Iterator[Callable[..., SimpleNamespace]]:
    """As `work`, for a whole file."""
    order = Order(Limits(), fence)
    submission = Submission(lambda: start_process(FORK_SERVER.connect(), order), order.limits)

    def run(source: str) -> SimpleNamespace:
        submission.run("work", source)
        return SimpleNamespace(**submission.get(submission.names()))

    yield run
    submission.end("the test is over")
