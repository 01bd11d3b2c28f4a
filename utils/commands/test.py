"""`test`: check the code and run all tests; with arguments, run only pytest with them."""

from __future__ import annotations

import signal
import subprocess
import sys

from utils.system import ROOT

CHECKS = (["ruff", "check", "."], ["mypy"])
# Each process runs whole files of tests in their given order: fixtures of a file are made once, and
# long files do not come last.
EVERYTHING = ["-n=logical", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder"]


def main(argv: list[str]) -> int:
    """Run ruff, mypy and pytest, or pytest alone with arguments; return 0 if all succeed."""
    # Background jobs of a script ignore SIGINT, and so would the processes that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status = 0
    for check in () if argv else CHECKS:
        status = subprocess.run([sys.executable, "-m", *check], cwd=ROOT).returncode or status
    tests = [sys.executable, "-m", "pytest", *(argv or EVERYTHING)]
    return subprocess.run(tests, cwd=ROOT).returncode or status
