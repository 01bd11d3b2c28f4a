"""`test`: check the code and run every test; with arguments, run pytest with them instead."""

from __future__ import annotations

import signal
import subprocess
import sys

from utils.system import ROOT

CHECKS = (["ruff", "check", "."], ["mypy"])
# Each process runs one file of tests at a time, in the files' order: what the tests of a file share
# is made once, and the long files do not come last.
EVERYTHING = ["-n=logical", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder"]


def main(argv: list[str]) -> int:
    """Run ruff, mypy and pytest, or pytest alone with arguments; return 0 if all succeed."""
    # A script's background job ignores SIGINT, and so would the processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = 0
    for check in () if argv else CHECKS:
        status = subprocess.run([sys.executable, "-m", *check], cwd=ROOT).returncode or status
    tests = [sys.executable, "-m", "pytest", *(argv or EVERYTHING)]
    return subprocess.run(tests, cwd=ROOT).returncode or status
