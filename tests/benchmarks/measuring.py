"""What all benchmarks share: how much is measured, in which order, and the tables that come out.

Two things are compared by a ratio of what they took in the same round, one right after the other,
so that whatever else the machine does weighs on both. A figure is the median of those ratios over
several rounds, with the lowest and the highest.
"""

from __future__ import annotations

import contextlib
import cProfile
import pstats
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parents[2]
UNITS = {"µs": 1e6, "ms": 1e3, "s": 1.0, "MB": 1e-6}  # for one second, or one byte


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Attributes:
        rounds: how often everything is measured; None for what suits the benchmark.
        share: of the full amount of steps, images or submissions, a number in 0..1.
    """

    rounds: int | None = None
    share: float = 1.0

    def of(self, full: int, least: int = 1) -> int:
        """Return this size's share of a full amount."""
        return max(least, round(full * self.share))

    def goal(self, goal: Goal) -> Goal | None:
        """Return the goal, which holds for the full amount, and none for a share of it."""
        return goal if self.share == 1 else None

    def rounds_or(self, usual: int) -> int:
        """Return the number of rounds: what was asked for, else the usual one."""
        return self.rounds or usual


@dataclass(frozen=True)
class Goal:
    """What a ratio should be: at least, or at most, a bound."""

    bound: float
    at_least: bool = True

    def verdict(self, ratio: float) -> str:
        """Say whether a ratio keeps to the goal, and if not, by how much it misses."""
        asked = f"{'at least' if self.at_least else 'at most'} {self.bound:g}"
        if ratio >= self.bound if self.at_least else ratio <= self.bound:
            return f"{asked}: met"
        return f"{asked}: missed by {abs(ratio / self.bound - 1):.0%}"


def at_least(bound: float) -> Goal:
    """Return the goal that a ratio is `bound` or more."""
    return Goal(bound)


def at_most(bound: float) -> Goal:
    """Return the goal that a ratio is `bound` or less."""
    return Goal(bound, at_least=False)


@dataclass(frozen=True)
class Figure:
    """A ratio of two things that were measured in turn.

    Attributes:
        first, second: what they are; the ratio is first / second.
        pairs: what both took in each round, in seconds or bytes.
        unit: in which their medians are shown, a key of `UNITS`.
        goal: what the ratio should be, if anything.
    """

    first: str
    second: str
    pairs: Sequence[tuple[float, float]]
    unit: str
    goal: Goal | None = None

    def row(self) -> list[str]:
        """Return the cells of the figure's row in a table."""
        ratios = [first / second for first, second in self.pairs]
        middle = statistics.median(ratios)
        medians = (statistics.median(column) for column in zip(*self.pairs, strict=True))
        return [
            self.first,
            self.second,
            *(f"{_short(median * UNITS[self.unit])} {self.unit}" for median in medians),
            f"**{_short(middle)}** ({_short(min(ratios))} to {_short(max(ratios))})",
            self.goal.verdict(middle) if self.goal else "",
        ]


HEADER = ("A", "B", "A takes", "B takes", "A / B (lowest to highest)", "goal")


@dataclass(frozen=True)
class Table:
    """A table with its title and what has to be said about it."""

    title: str
    rows: Sequence[Sequence[str]]
    header: Sequence[str] = HEADER
    notes: Sequence[str] = ()

    def markdown(self) -> str:
        """Return the table as Markdown that can be read as it stands."""
        rows = [list(self.header), *map(list, self.rows)]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            f"| {' | '.join(f'{c:{w}}' for c, w in zip(row, widths, strict=True))} |"
            for row in rows
        ]
        lines.insert(1, f"|{'|'.join('-' * (width + 2) for width in widths)}|")
        table = "\n".join(lines)
        return "\n\n".join([f"**{self.title}**", table, *self.notes]) + "\n"


def figures(title: str, rows: Sequence[Figure], notes: Sequence[str] = ()) -> Table:
    """Return the table of some figures."""
    return Table(title, [figure.row() for figure in rows], notes=notes)


def _short(number: float) -> str:
    """Return a number with three digits or so."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


# Measuring --------------------------------------------------------------------------------------


def in_turn(
    contenders: Mapping[str, Callable[[], float]], rounds: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Let contenders measure themselves in turn, round after round.

    Every other round goes backwards, so that nobody always comes after the same one.

    Args:
        contenders: by name; each call returns what it took, in seconds or bytes.
        rounds: how many count.
        warm_up: begin with a round that does not count.

    Returns:
        What each took, round by round.
    """
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(0 if warm_up else 1, rounds + 1):
        names = list(contenders)[:: -1 if number % 2 else 1]
        for name in names:
            say(f"round {number} of {rounds}: {name}" if number else f"warming up: {name}")
            result = contenders[name]()
            if number:
                took[name].append(result)
    say("")
    return took


def compare(
    took: Mapping[str, Sequence[float]],
    first: str,
    second: str,
    unit: str,
    goal: Goal | None = None,
) -> Figure:
    """Return the figure of two contenders of one `in_turn`."""
    return Figure(first, second, list(zip(took[first], took[second], strict=True)), unit, goal)


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def say(what: str) -> None:
    """Show on the terminal what is going on, over what was shown before."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{what[:79]}", end="", file=sys.stderr, flush=True)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let NumPy, and PyTorch if it is here, use so many threads."""
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else 0
    try:
        with threadpool_limits(count):
            if torch:
                torch.set_num_threads(count)
            yield
    finally:
        if torch:
            torch.set_num_threads(before)


# Profiles ---------------------------------------------------------------------------------------


def profiled(title: str, call: Callable[[], object], rows: int = 12, waiting: bool = True) -> Table:
    """Return the functions in which a call spends its time, by the time in themselves.

    Args:
        title: what is profiled.
        call: the same.
        rows: how many functions.
        waiting: whether the time of waiting for other processes counts.
    """
    profiler = cProfile.Profile() if waiting else cProfile.Profile(time.thread_time)
    profiler.runcall(call)
    stats = pstats.Stats(profiler)
    total = stats.total_tt
    most = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:rows]
    return Table(
        f"Profile: {title}, {total:.2f} s",
        [
            [_place(*where), f"{calls:,}", f"{own / total:.0%}", f"{whole / total:.0%}"]
            for where, (_, calls, own, whole, _) in most
        ],
        ("function", "calls", "itself", "with what it calls"),
    )


def _place(file: str, line: int, function: str) -> str:
    if file == "~":
        return f"`{function}`"
    path = Path(file)
    known = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"`{'/'.join(known.parts[-2:])}:{line} {function}`"
