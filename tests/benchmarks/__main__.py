"""`bench [NAME ...]`: compare speed, memory and size with what people would use instead.

Nearly every figure is a ratio of two things that were measured in turn: the median of several
rounds, with the lowest and the highest. A table says by how much a goal is missed and which figures
could not be measured. All together take about an hour; see tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

from tests.benchmarks import peers
from tests.benchmarks.measuring import ROOT, CommandFailed, Size, end
from utils.commands import new_parser, positive
from utils.mnist import cache_folder
from utils.system import processors

README = ROOT / "tests" / "benchmarks" / "README.md"
QUICK = 0.1  # the share of steps, images and submissions with --quick
PARTS = {
    "training": ("steps", "accuracy"),
    "inference": ("batches",),
    "data": ("loading",),
    "grading": ("judge", "check", "throughput", "growth"),
    "setup": ("imports", "calls"),
}
WITH_TORCH = ("training", "inference", "data")  # both sides run in one process


def main(argv: list[str]) -> int:
    """Run the benchmarks; return 0 if every part succeeded, 1 if not, 130 after Ctrl-C."""
    asked = parse(argv)
    if asked.install_peers:
        return peers.install()
    parts = [(name, part) for name in asked.names for part in asked.part or PARTS[name]]
    if asked.write:
        for name, part in parts:
            _around(name, part)  # fail now rather than after an hour
    before_term = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    status = 0
    try:
        for name, part in parts:
            print(f"## {name} {part}\n", flush=True)
            tables = measure(name, part, asked)
            if not tables:
                status = 1
            elif asked.write:
                before, after = _around(name, part)
                README.write_text(f"{before}\n\n{tables}\n{after}", encoding="utf-8")
    except KeyboardInterrupt:
        print("\ninterrupted; the parts that had finished are kept", file=sys.stderr)
        return 130
    finally:
        signal.signal(signal.SIGTERM, before_term)
    return status


def parse(argv: list[str]) -> argparse.Namespace:
    """Return what the command line asks for."""
    names = "\n".join(f"  {name:10} parts: {', '.join(parts)}" for name, parts in PARTS.items())
    parser = new_parser("bench", f"{__doc__}\nNAME is one of\n{names}")
    parser.add_argument("names", nargs="*", metavar="NAME", help="all if left out")
    parser.add_argument("--part", action="append", metavar="PART", help="only this part of NAME")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, 3 rounds")
    parser.add_argument("--rounds", type=positive("rounds"), metavar="N", help="default: 3 to 25")
    parser.add_argument("--share", type=float, metavar="X", help="of all amounts, 0 to 1")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {README.name}")
    parser.add_argument("--install-peers", action="store_true", help=f"install {peers.NAMES}")
    asked = parser.parse_args(argv)
    for name in asked.names:
        if name not in PARTS:
            parser.error(f"unknown benchmark {name!r}; choose from {', '.join(PARTS)}")
    if asked.part and len(asked.names) != 1:
        parser.error("--part needs exactly one benchmark: name it, too")
    for part in asked.part or ():
        if part not in PARTS[asked.names[0]]:
            there = ", ".join(PARTS[asked.names[0]])
            parser.error(f"{asked.names[0]} has the parts {there}, not {part!r}")
    if asked.share is not None and not 0 < asked.share <= 1:
        parser.error(f"--share {asked.share:g} is out of range: give a number above 0, up to 1")
    asked.names = list(dict.fromkeys(asked.names or PARTS))
    asked.rounds = asked.rounds or (3 if asked.quick else None)
    asked.share = asked.share or (QUICK if asked.quick else 1.0)
    return asked


def measure(name: str, part: str, asked: argparse.Namespace) -> str:
    """Measure a part in a process of its own, print and return its tables; "" if it failed."""
    torch = name in WITH_TORCH and peers.TORCH.version()
    command = [str(peers.TORCH.python) if torch else sys.executable, "-m", "tests.benchmarks"]
    command += [name, part, str(asked.share), *([str(asked.rounds)] if asked.rounds else [])]
    text = _where(asked.share)
    print(text, flush=True)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, encoding="utf-8") as process:
        try:
            for line in process.stdout or ():
                print(line, end="", flush=True)
                text += line
        finally:
            end(process)
    return text if process.returncode == 0 else ""


def _where(share: float) -> str:
    """Return the line that says when and on which machine a part is measured."""
    processor = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        if found := re.search(r"^model name\s*: (.*)$", text, re.MULTILINE):
            processor = found[1]
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    less = f" A share of {share:g} of the full amount." if share < 1 else ""
    return (
        f"{datetime.date.today()}, {processor}, {processors()} processors, "
        f"{platform.system()} {platform.release()}{load}; Python {platform.python_version()}, "
        f"{peers.versions()}.{less}\n\n"
    )


def _around(name: str, part: str) -> tuple[str, str]:
    """Return the README before and after a part's tables, with the marker lines."""
    start, stop = f"<!-- {name} {part} -->", f"<!-- end of {name} {part} -->"
    before, found, rest = README.read_text(encoding="utf-8").partition(start)
    _, ends, after = rest.partition(stop)
    if not (found and ends):
        raise SystemExit(f"{README.name} lacks the lines {start} and {stop}; put them back")
    return before + start, stop + after


def main_of_part(name: str, part: str, share: str, rounds: str = "") -> str | int:
    """Print the tables of a part; whatever else is printed goes to stderr."""
    size, stdout = Size(int(rounds) if rounds else None, float(share)), sys.stdout
    warnings.simplefilter("ignore")  # the peers' own
    disk = cache_folder() if name == "data" else None  # the disk that holds the course's data
    if disk:
        disk.mkdir(parents=True, exist_ok=True)
    try:
        with contextlib.redirect_stdout(sys.stderr), tempfile.TemporaryDirectory(dir=disk) as new:
            measure = importlib.import_module(f"tests.benchmarks.{name}").PARTS[part]
            for table in measure(Path(new).resolve(), size):
                print(table, file=stdout, flush=True)
    except (CommandFailed, OSError, AssertionError) as error:
        return f"{name} {part} cannot be measured: {error}"
    return 0


if __name__ == "__main__":
    sys.exit(main_of_part(*sys.argv[1:]))
