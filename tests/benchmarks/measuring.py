"""What all benchmarks share: how much is measured, in which order, and the tables that come out.

Two things are compared by a ratio of what they took in the same round, one right after the other,
so that whatever else the machine does weighs on both. A figure is the median of those ratios over
several rounds, with the lowest and the highest. What stands still is ended and tried once more; the
second time its table says that it is missing.
"""

from __future__ import annotations

import contextlib
import cProfile
import json
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from threadpoolctl import threadpool_limits

from utils.commands.bench import end_below

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
UNITS = {"µs": 1e6, "ms": 1e3, "s": 1.0, "MB": 1e-6}  # for one second, or one byte
PATIENCE = 10  # times as long as it usually takes may a command take,
LEAST = 120.0  # and so many seconds in any case
# Seconds until the helper threads of NumPy or PyTorch are asleep: for a while after their work they
# spin, some 0.11 s were seen, and would take a processor from whoever is measured next.
ASLEEP = 0.2


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
        percent = 100 * abs(ratio / self.bound - 1)
        return f"{asked}: missed by {percent:{'.0f' if percent >= 1 else '.1g'}}%"


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
        pairs: what both took in each round, in seconds or bytes; none where one of them is missing.
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
        if not self.pairs:
            return [self.first, self.second, "", "", "missing", ""]
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


@dataclass(frozen=True)
class Table:
    """A table with its title and what has to be said about it."""

    title: str
    rows: Sequence[Sequence[str]]
    header: Sequence[str]
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
    """Return the table of some figures.

    Raises:
        CommandFailed: every one of them is missing.
    """
    rounds = max((len(row.pairs) for row in rows), default=0)
    if not rounds:
        raise CommandFailed(f"there is not one figure for the table {title!r}")
    ratio = f"A / B (lowest to highest of {rounds})"
    header = ("A", "B", "A takes", "B takes", ratio, "goal")
    return Table(title, [figure.row() for figure in rows], header, notes)


def _short(number: float) -> str:
    """Return a number with three digits or so."""
    if number >= 100:
        return f"{number:,.0f}"
    return f"{number:.1f}" if number >= 10 else f"{number:.2f}"


# Measuring --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Stage:
    """A stretch of a part's work, such as one of several calls of `in_turn`.

    Attributes:
        name: what is shown before the number of the round.
        begin, end: which shares of the part's work are done before and after it, 0..1.
    """

    name: str = ""
    begin: float = 0.0
    end: float = 1.0

    def say(self, what: str, done: float) -> None:
        """Say what goes on, when the share `done` of this stage is done."""
        say(f"{self.name}, {what}" if self.name else what, self.begin + done * self.width)

    @property
    def width(self) -> float:
        """Return the share of the part's work that this stage is."""
        return self.end - self.begin


WHOLE = Stage()


class Took(dict[str, list[T]]):
    """What each contender took, round by round.

    Attributes:
        missing: by contender, since when it has no figures, and why, as a sentence.
    """

    def __init__(self, names: Iterable[str]) -> None:
        super().__init__((name, []) for name in names)
        self.missing: dict[str, str] = {}

    @property
    def notes(self) -> list[str]:
        """Return what a table has to say about the figures that are missing."""
        return list(self.missing.values())


def in_turn(
    contenders: Mapping[str, Callable[[], T]],
    rounds: int,
    *,
    warm_up: bool = True,
    rest: float = 0.0,
    stage: Stage = WHOLE,
) -> Took[T]:
    """Let contenders measure themselves in turn, round after round.

    Every other round goes backwards, so that nobody always comes after the same one. Who stands
    still is asked once more; who fails is left out from then on.

    Args:
        contenders: by name; each call returns what it took, for instance in seconds or bytes.
        rounds: how many count.
        warm_up: begin with a round that does not count.
        rest: seconds of waiting before each turn, awake: an idle processor is slow for a while.
        stage: of the part that runs.

    Returns:
        What each took, and who is missing: their lists are shorter.
    """
    took: Took[T] = Took(contenders)
    turns = [
        (number, name)
        for number in range(0 if warm_up else 1, rounds + 1)
        for name in list(contenders)[:: -1 if number % 2 else 1]
    ]
    for turn, (number, name) in enumerate(turns):
        if name in took.missing:
            continue
        what = f"round {number} of {rounds}: {name}" if number else f"warming up: {name}"
        stage.say(what, turn / len(turns))
        end = time.perf_counter() + rest
        while time.perf_counter() < end:
            pass
        try:
            result = once_more(contenders[name])
        except CommandFailed as error:
            since = f" from round {number} on" if number > 1 else ""
            reason = str(error).replace(name, "it", 1)
            took.missing[name] = f"Missing{since}: {name}, because {reason}."
            tell(missing=f"{took.missing[name]}{error.said}")
        else:
            if number:
                took[name].append(result)
    return took


def compare(
    took: Mapping[str, Sequence[float]],
    first: str,
    second: str,
    unit: str,
    goal: Goal | None = None,
) -> Figure:
    """Return the figure of two contenders of one `in_turn`, of the rounds that both have."""
    return Figure(first, second, list(zip(took[first], took[second], strict=False)), unit, goal)


def seconds(call: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


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


# Commands ---------------------------------------------------------------------------------------


class CommandFailed(RuntimeError):
    """A command did not do what it should; the message is a sentence without its full stop.

    Args:
        message: the sentence.
        said: what it wrote, of which the end is kept.
    """

    def __init__(self, message: str, said: str = "") -> None:
        super().__init__(message)
        self.said = f"\n{said[-3000:].strip()}" if said.strip() else ""


class StoodStill(CommandFailed):
    """A command took much longer than it should, and was ended with all that it had started."""


def limit(usual: float) -> float:
    """Return the seconds that are granted to what usually takes so many."""
    return max(LEAST, PATIENCE * usual)


def run(
    what: str,
    command: Sequence[str | Path],
    folder: Path,
    usual: float,
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Args:
        what: its name for people.
        command: it and its arguments.
        folder: where it runs.
        usual: seconds that it usually takes; `limit` says how many it may take.
        variables: its environment; this process's if left out.

    Returns:
        What it wrote to stdout and stderr.

    Raises:
        StoodStill: it took too long.
        CommandFailed: it ended with a status other than 0.
    """
    with subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            stdout, stderr = process.communicate(timeout=limit(usual))
        except subprocess.TimeoutExpired:
            after = f"{limit(usual):,.3g} s"
            raise StoodStill(f"{what} stood still and was ended after {after}") from None
        finally:  # after Ctrl-C, too
            if process.poll() is None:
                end_below(process.pid)
                process.kill()
    if process.returncode:
        said = f"{stdout}\n{stderr}"
        raise CommandFailed(f"{what} ended with status {process.returncode}", said)
    return subprocess.CompletedProcess(command, 0, stdout, stderr)


def once_more(call: Callable[[], T]) -> T:
    """Return what a call returns; if it stands still, what it returns the next time.

    Raises:
        StoodStill: it stood still both times.
    """
    try:
        return call()
    except StoodStill:
        pass
    try:
        return call()
    except StoodStill as error:
        raise StoodStill(f"{error}, twice") from None


# Telling ----------------------------------------------------------------------------------------


listener: IO[str] | None = None  # `bench`, if it started this process


def tell(**message: str | float) -> None:
    """Send `bench` a message.

    Args:
        message: `table`, a table as Markdown; `doing`, what goes on, with `done`, the share of the
            part's work, 0..1; or `missing`, a sentence about figures that there will not be.
    """
    if listener:
        print(json.dumps(message), file=listener, flush=True)


def say(what: str, done: float) -> None:
    """Say what goes on, when the share `done` of the part's work is done, 0..1."""
    tell(doing=what, done=done)


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
