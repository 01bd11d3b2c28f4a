"""Fixtures that more than one test file uses."""

import contextlib
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.scheduler import LoadFileScheduling

# The same examples on every run and every machine, however slow: no test of ours is a lottery.
settings.register_profile("course", derandomize=True, deadline=None, database=None)
settings.load_profile("course")

ROOT = Path(__file__).resolve().parent.parent

# nbgrader calls `alembic` by name; the front door sees to that, pytest by itself does not.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

# Fixtures: a course with submissions, and the processes that run a submission.
pytest_plugins = ["tests.classroom", "tests.submission_processes"]

# What the tests of these folders share takes long to make: open lectures, graded submissions.
TOGETHER = ("tests/lectures/", "tests/problem_sets/")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Let one process run all tests of a file, or of a folder that is to stay together."""

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            folders = [folder for folder in TOGETHER if nodeid.startswith(folder)]
            return folders[0] if folders else super()._split_scope(nodeid)

    return ByFile(config, log)


@pytest.fixture(scope="session")
def root() -> Path:
    """The course folder."""
    return ROOT


@pytest.fixture(scope="session")
def mnist_dir() -> Path:
    """The four real MNIST files: `$MNIST_DIR`, or `shared/mnist` beside the course."""
    candidates = [os.environ.get("MNIST_DIR"), ROOT.parent / "shared" / "mnist"]
    for folder in candidates:
        if folder and any(Path(folder).glob("train-images-idx3-ubyte*")):
            return Path(folder).resolve()
    pytest.skip("needs the real MNIST: set MNIST_DIR to a folder with its four files")


@pytest.fixture(scope="session")
def browser():
    """The one Chromium of all tests, without a window.

    Without it the tests that need it are skipped; on a CI machine they fail.
    """
    from utils.chromium import ChromiumError, chromium

    with contextlib.ExitStack() as stack:
        try:
            browser = stack.enter_context(chromium())
        except ChromiumError as error:
            if os.environ.get("CI") == "true":
                pytest.fail(str(error))
            pytest.skip(str(error))
        yield browser
