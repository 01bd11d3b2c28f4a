"""`test`: run every test, on all processors; arguments go to pytest in place of that."""

from __future__ import annotations

import signal
import subprocess
import sys

from utils.commands import ROOT

# A file of tests at a time for each process, in their order: what the tests of a file share is made
# once, and the long files are not the last.
EVERYTHING = ["-n=logical", "--maxprocesses=4", "--dist=loadfile", "--no-loadscope-reorder"]


def main(argv: list[str]) -> int:
    """Run ruff, unless pytest gets arguments of its own, and pytest; return 0 if all is well."""
    # Ignored, as in a script's background, it would not reach those whom tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    lint = 0
    if not argv:
        lint = subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=ROOT).returncode
    tests = [sys.executable, "-m", "pytest", *(argv or EVERYTHING)]
    return subprocess.run(tests, cwd=ROOT).returncode or lint
