"""`test`: run every test; arguments go to pytest."""

from __future__ import annotations

import subprocess
import sys

from utils.commands import ROOT


def main(argv: list[str]) -> int:
    """Run ruff, unless pytest gets arguments of its own, and pytest; return 0 if all is well."""
    lint = 0
    if not argv:
        lint = subprocess.run([sys.executable, "-m", "ruff", "check", "."], cwd=ROOT).returncode
    return subprocess.run([sys.executable, "-m", "pytest", *argv], cwd=ROOT).returncode or lint
