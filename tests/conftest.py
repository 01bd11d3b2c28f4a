"""Fixtures that more than one test file uses."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run and every machine, however slow: no test of ours is a lottery.
settings.register_profile("course", derandomize=True, deadline=None, database=None)
settings.load_profile("course")

ROOT = Path(__file__).resolve().parent.parent

# nbgrader calls `alembic` by name; the front door sees to that, pytest by itself does not.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])


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
