"""Run one benchmark, or parts of it: `python -m tests.benchmarks NAME [PART ...]`.

This is what `python3 -m utils bench` starts, for each benchmark with the Python that has its peers.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import sys
import warnings

from tests.benchmarks.measuring import Size
from utils.commands.bench import BENCHMARKS


def main(argv: list[str]) -> int:
    """Print the tables of a benchmark as Markdown, each as soon as it is there."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("parts", nargs="*", metavar="PART", help="all if left out")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--profile", action="store_true")
    asked = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # the peers' own affair
    try:
        return run(asked, parser)
    except KeyboardInterrupt:
        return 130  # `bench` says so
    except (RuntimeError, OSError, ImportError, AssertionError) as error:
        print(f"{asked.name} cannot be measured: {error}", file=sys.stderr)
        return 1


def run(asked: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Print the tables that are asked for."""
    benchmark = importlib.import_module(f"tests.benchmarks.{asked.name}")
    unknown = [part for part in asked.parts if part not in benchmark.PARTS]
    if unknown:
        parser.error(f"{asked.name} has the parts {', '.join(benchmark.PARTS)}, no {unknown[0]!r}")
    size = Size(asked.rounds, asked.share)
    tables = sys.stdout
    with contextlib.redirect_stdout(sys.stderr):  # whatever else is printed is no table
        for part in ["profile"] if asked.profile else asked.parts or benchmark.PARTS:
            found = benchmark.profile() if asked.profile else benchmark.PARTS[part](size)
            for table in found:
                print(table.markdown(), file=tables, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
