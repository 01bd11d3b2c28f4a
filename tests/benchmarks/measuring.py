"""Measure several things in turn and write the ratios as Markdown tables.

Two things are compared by the ratio of what they took in the same round, one right after the other,
so that other load on the machine affects both. A figure is the median over several rounds.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import psutil
from threadpoolctl import threadpool_limits

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
UNITS = {"µs": 1e6, "ms": 1e3, "s": 1.0, "MB": 1e-6}  # factors for seconds, or for bytes


class CommandFailed(RuntimeError):
    """A command failed or hung; the message is a sentence without its full stop."""


@dataclass(frozen=True)
class Goal:
    bound: float
    at_least: bool  # else at most

    def verdict(self, ratio: float) -> str:
        """Say whether a ratio meets the goal, and by how much it misses."""
        bound = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        if ratio >= self.bound if self.at_least else ratio <= self.bound:
            return f"{bound}: met"
        percent = 100 * abs(ratio / self.bound - 1)
        return f"{bound}: missed by {percent:{'.0f' if percent >= 1 else '.1g'}}%"


@dataclass(frozen=True)
class Size:
    """How much is measured: rounds (None for the benchmark's own number) and a share in (0, 1]."""

    rounds: int | None = None
    share: float = 1.0

    def of(self, full: int, least: int = 1) -> int:
        """Return this share of a full amount, at least `least`."""
        return max(least, round(full * self.share))

    def at_least(self, bound: float) -> Goal | None:
        """Return a goal, which holds for the full amount only."""
        return Goal(bound, True) if self.share == 1 else None

    def at_most(self, bound: float) -> Goal | None:
        return Goal(bound, False) if self.share == 1 else None


@dataclass(frozen=True)
class Figure:
    """The ratio A / B of two things that were measured in turn."""

    a: str
    b: str
    took_a: Sequence[float]  # in each round, in seconds or bytes
    took_b: Sequence[float]
    unit: str = "ms"  # of the medians, a key of UNITS
    goal: Goal | None = None

    @property
    def ratios(self) -> list[float]:
        """Return A / B of the rounds that both have."""
        return [a / b for a, b in zip(self.took_a, self.took_b, strict=False)]

    def row(self) -> list[str]:
        """Return the cells of the figure's row in a table."""
        if not self.ratios:
            return [self.a, self.b, "", "", "missing", ""]
        low, middle, high = min(self.ratios), statistics.median(self.ratios), max(self.ratios)
        ratio = f"**{_short(middle)}** ({_short(low)} to {_short(high)})"
        medians = [
            f"{_short(statistics.median(took) * UNITS[self.unit])} {self.unit}"
            for took in (self.took_a, self.took_b)
        ]
        return [self.a, self.b, *medians, ratio, self.goal.verdict(middle) if self.goal else ""]


def _short(number: float) -> str:
    """Return a number with about three digits."""
    return f"{number:,.{0 if number >= 100 else 1 if number >= 10 else 2}f}"


def table(
    title: str, header: Sequence[str], rows: Sequence[Sequence[str]], notes: Sequence[str] = ()
) -> str:
    """Return a table as Markdown with aligned columns."""
    cells = [list(header), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "| " + " | ".join(f"{cell:{w}}" for cell, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
    return "\n\n".join([f"**{title}**", "\n".join(lines), *notes]) + "\n"


def figures(title: str, rows: Sequence[Figure], notes: Sequence[str] = ()) -> str:
    """Return the table of some figures; raise CommandFailed if all of them are missing."""
    rounds = max(len(row.ratios) for row in rows)
    if not rounds:
        raise CommandFailed(f"the table {title!r} has no figures; {' '.join(notes)}")
    ratio = f"A / B (lowest to highest of {rounds})"
    header = ("A", "B", "A takes", "B takes", ratio, "goal")
    return table(title, header, [row.row() for row in rows], notes)


class Took(dict[str, list[T]]):
    """What each contender took, round by round; `notes` say which one failed, and why."""

    notes: list[str]


def in_turn(
    contenders: Mapping[str, Callable[[], T]], rounds: int, warm_up: bool = True, rest: float = 0.0
) -> Took[T]:
    """Call contenders in turn, every other round in reverse order; return what they returned.

    A contender that raises `CommandFailed` is left out from then on. A warm-up round does not
    count; a single round has none before it. Before each turn the processor is kept busy for `rest`
    seconds: idle, it slows down.
    """
    took: Took[T] = Took((name, []) for name in contenders)
    took.notes = []
    left = list(contenders)
    for number in range(0 if warm_up and rounds > 1 else 1, rounds + 1):
        for name in left[:: -1 if number % 2 else 1]:
            say(f"round {number} of {rounds}: {name}")
            end = time.perf_counter() + rest
            while time.perf_counter() < end:
                pass
            try:
                result = contenders[name]()
            except CommandFailed as error:
                left.remove(name)
                took.notes.append(f"Missing from round {max(number, 1)} on: {name} ({error}).")
            else:
                if number:
                    took[name].append(result)
    return took


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def threads(count: int) -> threadpool_limits:
    """Let NumPy, and PyTorch if it is imported, use so many threads; a part has its own process."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(count)
    return threadpool_limits(count)


def run(
    what: str,
    command: Sequence[str | Path],
    folder: Path,
    limit: float,
    variables: Mapping[str, str] | None = None,
) -> str:
    """Run a command and return its stdout.

    Raises:
        CommandFailed: it took more than `limit` seconds or ended with a status other than 0.
    """
    pipe, null = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(
        command, cwd=folder, env=variables, text=True, stdin=null, stdout=pipe, stderr=pipe
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"{what} did not end within {limit:,.0f} s") from None
        finally:
            end(process)
    if process.returncode:
        said = f"{stdout}\n{stderr}".strip()[-3000:]
        raise CommandFailed(f"{what} ended with status {process.returncode}: {said}")
    return stdout


def end(process: subprocess.Popen) -> None:
    """Kill a process, if it still runs, and all processes below it."""
    if process.poll() is None:
        with contextlib.suppress(psutil.NoSuchProcess):
            below = psutil.Process(process.pid).children(recursive=True)
            process.kill()
            for child in below:
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()


def say(what: str) -> None:
    """Show on the terminal what is being measured; without a terminal, nothing."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what[:78]}", end="", file=sys.stderr, flush=True)
