"""Measure one part of a benchmark: `python -m tests.benchmarks NAME PART`.

This is what `python3 -m utils bench` starts, for each part with the Python that has its peers. What
it prints are messages for `bench`, one line of JSON each; see `measuring.tell`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import warnings
from collections.abc import Iterator

from tests.benchmarks import measuring
from tests.benchmarks.measuring import CommandFailed, Size, Table, tell
from utils.commands.bench import BENCHMARKS, adopt, end_below


def main(argv: list[str]) -> int:
    """Send the tables of a part, each as soon as it is there; return 1 if the part fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("name", choices=BENCHMARKS)
    parser.add_argument("part", help="or profile")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--share", type=float, default=1.0)
    asked = parser.parse_args(argv)
    adopt()
    measuring.listener = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no message
    warnings.simplefilter("ignore")  # the peers' own affair
    try:
        for table in measure(asked.name, asked.part, Size(asked.rounds, asked.share)):
            tell(table=table.markdown())
    except (KeyboardInterrupt, BrokenPipeError):
        return 130  # nobody waits for figures any more; `bench`, if it can, ends this at once
    except CommandFailed as error:
        tell(missing=f"{error}{error.said}")
        return 1
    except (RuntimeError, OSError, ImportError, AssertionError) as error:
        tell(missing=f"it cannot be measured: {error}")
        return 1
    finally:
        end_below(os.getpid())
    return 0


def measure(name: str, part: str, size: Size) -> Iterator[Table]:
    """Return the tables of a part, which are measured as they are asked for."""
    benchmark = importlib.import_module(f"tests.benchmarks.{name}")
    return benchmark.profile() if part == "profile" else benchmark.PARTS[part](size)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
