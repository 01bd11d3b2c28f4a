"""`bench [NAME ...]`: compare speed, memory and size with what people would use instead."""

from __future__ import annotations

import importlib
import sys

from utils.system import ROOT


def main(argv: list[str]) -> int:
    """Run `tests/benchmarks` with these arguments and return its exit status."""
    sys.path.insert(0, str(ROOT))  # `python3 -m utils` removes the current folder
    try:
        benchmarks = importlib.import_module("tests.benchmarks.__main__")
    except ModuleNotFoundError as error:
        print(
            f"bench: {error}. The benchmarks are part of the course folder, not of the installed "
            "package: run `python3 -m utils bench` in a clone of the repository.",
            file=sys.stderr,
        )
        return 1
    return benchmarks.main(argv)
