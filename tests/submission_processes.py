"""Fixtures for the judge: submissions' processes, and notebooks to grade."""

import contextlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from utils.grading.judge.fork_server import FORK_SERVER, student_alone
from utils.grading.judge.student_client import StudentClient
from utils.grading.sandbox import system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig


@pytest.fixture(scope="session")
def sandbox() -> str:
    """The kind of sandbox that this machine offers."""
    if not system_calls.LINUX:
        pytest.skip("submissions are graded on Linux")
    found = FORK_SERVER.sandbox()
    if not found:
        pytest.skip(f"there is no sandbox here: {FORK_SERVER.why_not('namespaces')}")
    return found


@pytest.fixture(scope="module")
def order(sandbox: str) -> Iterator[SandboxConfig]:
    """What a submission may use, and the sandbox here; MNIST is its stand-in on every machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DIR", "digits")
        FORK_SERVER.close()  # it has the environment from its start
        yield SandboxConfig(Limits(), sandbox)
    FORK_SERVER.close()


@pytest.fixture
def start(sandbox: str) -> Iterator[Callable[..., StudentClient]]:
    """Starts submissions whose cells are given as texts; they end with the test."""

    def begin(*cells: str, **limits: Any) -> StudentClient:
        order = SandboxConfig(Limits(**limits), sandbox)
        submission = begun.enter_context(student_alone(FORK_SERVER.connect(), order))
        for number, source in enumerate(cells):
            submission.run_cell(f"work{number or ''}", source)
        return submission

    with contextlib.ExitStack() as begun:
        yield begin


@pytest.fixture
def work(start: Callable[..., StudentClient]) -> Callable[..., SimpleNamespace]:
    """Runs a student's cell; returns what its names stand for in a test cell."""

    def run(source: str, **limits: Any) -> SimpleNamespace:
        submission = start(source, **limits)
        return SimpleNamespace(**submission.get(submission.names()), submission=submission)

    return run


@pytest.fixture(scope="module")
def module_work(sandbox: str) -> Iterator[Callable[..., SimpleNamespace]]:
    """As `work`, for a whole file."""
    order = SandboxConfig(Limits(), sandbox)
    with student_alone(FORK_SERVER.connect(), order) as submission:

        def run(source: str) -> SimpleNamespace:
            submission.run_cell("work", source)
            return SimpleNamespace(**submission.get(submission.names()))

        yield run
