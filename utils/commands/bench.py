"""`bench [NAME ...]`: tables of speed, size and memory against what people would use instead.

Nearly every figure is a ratio of two things measured in turn in one run: the median of several
rounds, with the lowest and the highest. A table says where a goal is missed, and by how much, and
which figures are missing because something stood still. All of it takes about an hour on a quiet
machine. The latest tables are in tests/benchmarks/README.md, each with its own date and machine.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import datetime
import json
import os
import platform
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import psutil

from utils.commands import ROOT, positive, processors
from utils.mnist import MnistError, cache_folder, data_source

README = ROOT / "tests" / "benchmarks" / "README.md"
PEERS = ROOT / ".venv-peers"
QUICK = 0.1  # of the steps, images, submissions and installations
COURSE = ("numpy", "scikit-learn", "nbgrader")  # packages whose version is told with the figures
PROFILE = "profile"  # what is measured in place of a benchmark's parts by --profile
INTERRUPTED = 128 + 2  # exit status, after the signal's number


@dataclass(frozen=True)
class Peer:
    """What the course is compared with, in an environment of its own below `.venv-peers/`.

    Attributes:
        what: its name for people.
        package: its name for pip.
        versions: which ones will do, as pip wants them, those first that are tried first.
        hint: what to say before the others are tried.
    """

    what: str
    package: str
    versions: tuple[str, ...]
    hint: str = ""

    @property
    def folder(self) -> Path:
        """Return where its environment is."""
        return PEERS / self.package

    @property
    def python(self) -> Path:
        """Return its environment's Python."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def version(self) -> str | None:
        """Return the version that is installed, None if there is none."""
        return versions(self.python, self.package).get(self.package)


# On Linux the plain package brings gigabytes for graphics cards; what ends in +cpu does not.
PYTORCH = Peer(
    "PyTorch",
    "torch",
    ("==2.13.0+cpu", "==2.13.0") if sys.platform == "linux" else ("==2.13.0",),
    "The plain package of PyTorch follows, which runs on the processor, too, but brings gigabytes "
    "for graphics cards. The small one is in an index of PyTorch's own, which its installation "
    "page names (choose pip, CPU): to have that, press Ctrl-C, put the index into "
    "PIP_EXTRA_INDEX_URL and call this again.",
)
OTTER = Peer("Otter-Grader", "otter-grader", (">=6,<8",))
UV = Peer("uv", "uv", (">=0.5,<1",))


@dataclass(frozen=True)
class Benchmark:
    """A module of `tests/benchmarks/`.

    Attributes:
        what: what the course is compared with.
        parts: by name, the seconds that all of it usually takes on a quiet machine.
        peers: whose versions are told with the figures.
        runs_with: the peer in whose environment it runs if it is there: both in one process.
        data: the parts that load the images, MNIST or the stand-in.
        disk: whether its temporary files have to be on the disk where the images are kept.
    """

    what: str
    parts: Mapping[str, float]
    peers: tuple[Peer, ...] = ()
    runs_with: Peer | None = None
    data: Collection[str] = ()
    disk: bool = False


BENCHMARKS = {
    "training": Benchmark(
        "a plain float64 version, PyTorch, scikit-learn, the matrix products alone",
        {"steps": 60, "accuracy": 45},
        (PYTORCH,),
        PYTORCH,
        data=("steps", "accuracy", PROFILE),
    ),
    "inference": Benchmark(
        "one by one and in batches: PyTorch, the matrix products alone",
        {"batches": 130},
        (PYTORCH,),
        PYTORCH,
        data=("batches", PROFILE),
    ),
    "data": Benchmark(
        "a pickle, torchvision's format",
        {"loading": 50},
        (PYTORCH,),
        PYTORCH,
        data=("loading", PROFILE),
        disk=True,
    ),
    "grading": Benchmark(
        "nbgrader, Otter-Grader, the cells alone; a class that grows",
        {"judge": 95, "check": 30, "throughput": 1600, "cells_alone": 55, "growth": 420},
        (OTTER,),
    ),
    "setup": Benchmark(
        "first, second and later calls, with pip and with uv; imports; kernels",
        {"imports": 10, "kernels": 40, "calls": 540},
        (UV,),
        data=("kernels",),
    ),
}


@dataclass(frozen=True)
class Part:
    """A part of a benchmark, or its profile: what a process of its own measures."""

    benchmark: str
    name: str

    def __str__(self) -> str:
        return f"{self.benchmark} {self.name}"

    @property
    def usual(self) -> float:
        """Return the seconds that all of it usually takes on a quiet machine."""
        return BENCHMARKS[self.benchmark].parts.get(self.name, 20)


def main(argv: list[str]) -> int:
    """Run the benchmarks that are asked for.

    Returns:
        0 if there is every figure, 1 if some are missing, 130 after Ctrl-C. Nothing that was
        started goes on, not after SIGTERM and SIGHUP or behind a closed pipe either.
    """
    try:
        return _main(argv)
    except KeyboardInterrupt:
        print("interrupted; what was finished until then stays", file=sys.stderr)
        return INTERRUPTED


def _main(argv: list[str]) -> int:
    asked = parse(argv)
    if asked.list:
        for name, one in BENCHMARKS.items():
            print(f"{name:10} {one.what}\n{'':10} parts: {', '.join(one.parts)}")
        return 0
    if asked.install_peers:
        return install_peers()
    every = (
        Part(name, part)
        for name in asked.names or BENCHMARKS
        for part in ([PROFILE] if asked.profile else asked.part or BENCHMARKS[name].parts)
    )
    parts = list(dict.fromkeys(every))
    if asked.write:
        for part in parts:  # rather now than after an hour
            _around(part, README)
    adopt()
    for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):
        if signal.getsignal(number) is signal.SIG_DFL:  # and not ignored, as after nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))
    progress, whole = Progress(parts, asked.share or 1), True
    for part, before in zip(parts, [None, *parts], strict=False):
        if not before or part.benchmark != before.benchmark:
            print(f"## {part.benchmark}\n", flush=True)
        tables, all_there = run(part, asked, progress)
        whole = whole and all_there
        if asked.write and tables:
            write(part, tables, README)
        elif asked.write:
            print(f"{part}: {README.name} keeps the tables that it has", file=sys.stderr)
    return 0 if whole else 1


def parse(argv: list[str]) -> argparse.Namespace:
    """Return what was asked for on the command line."""
    names = "\n".join(f"  {name:10} {one.what}" for name, one in BENCHMARKS.items())
    parser = argparse.ArgumentParser(
        prog="python3 -m utils bench",
        description=__doc__.partition("\n")[0],
        epilog=f"{__doc__.partition(chr(10))[2].strip()}\n\nNAME is one of\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", type=_name, metavar="NAME", help="all if left out")
    parser.add_argument("--list", action="store_true", help="print the names, and those of parts")
    parser.add_argument(
        "--part", action="append", default=[], metavar="PART", help="of one benchmark, only this"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, 3 rounds")
    parser.add_argument(
        "--rounds", type=positive("rounds"), metavar="N", help="how often all is measured"
    )
    parser.add_argument("--share", type=_share, metavar="X", help="of all amounts, 0 to 1")
    parser.add_argument("--profile", action="store_true", help="say where the time goes instead")
    parser.add_argument(
        "--write", action="store_true", help="put the tables into tests/benchmarks/README.md"
    )
    parser.add_argument(
        "--install-peers",
        action="store_true",
        help=f"install {', '.join(peer.what for peer in (PYTORCH, OTTER, UV))} into .venv-peers",
    )
    asked = parser.parse_args(argv)
    if asked.part and len(asked.names) != 1:
        parser.error("--part is for one benchmark: name it, too")
    if asked.part and asked.profile:
        parser.error("--profile is of a whole benchmark; leave out --part")
    for part in asked.part:
        if part not in BENCHMARKS[asked.names[0]].parts:
            there = ", ".join(BENCHMARKS[asked.names[0]].parts)
            parser.error(f"{asked.names[0]} has the parts {there}, no {part!r}")
    if asked.quick:
        asked.rounds = asked.rounds or 3
        asked.share = asked.share or QUICK
    return asked


def _name(text: str) -> str:
    if text not in BENCHMARKS:
        raise argparse.ArgumentTypeError(
            f"there is no benchmark {text!r}; there are {', '.join(BENCHMARKS)}"
        )
    return text


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no share: give a number above 0, up to 1")


# Running ----------------------------------------------------------------------------------------


def run(part: Part, asked: argparse.Namespace, progress: Progress) -> tuple[str, bool]:
    """Measure a part in a process of its own and print its tables as they come.

    Returns:
        Where it was measured, and its tables, as Markdown, empty if the part failed; and whether
        every figure is there. What is missing has been said on stderr.
    """
    peer = BENCHMARKS[part.benchmark].runs_with
    python = peer.python if peer and peer.version() else Path(sys.executable)
    try:
        where = about(part, asked, python)
    except MnistError as error:
        print(f"{part}: {error}", file=sys.stderr)
        return "", False
    command = [str(python), "-m", "tests.benchmarks", part.benchmark, part.name]
    command += ["--rounds", str(asked.rounds)] if asked.rounds else []
    command += ["--share", str(asked.share)] if asked.share else []
    tables, whole = "", True
    progress.show(part, "starting", 0)
    disk = cache_folder() if BENCHMARKS[part.benchmark].disk else None
    with started(command, disk) as process:
        for message in messages(process):
            if "doing" in message:
                progress.show(part, message["doing"], message["done"])
                continue
            progress.clear()
            if "table" in message:
                new = message["table"] if tables else f"{where}\n\n{message['table']}"
                print(new, flush=True)
                tables += f"{new}\n"
            else:
                print(f"{part}: {message['missing']}", file=sys.stderr)
                whole = False
    progress.clear()
    if process.returncode == 0:
        return tables, whole
    if whole:  # it had no time for a sentence
        print(f"{part}: it ended with status {process.returncode}", file=sys.stderr)
    return "", False


@contextlib.contextmanager
def started(command: Sequence[str], disk: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """Start a part; whatever happens then, end it with all that it has started, and its files.

    It has a session of its own, so that Ctrl-C reaches only this process, and a folder of its own
    for temporary files, which goes with it.

    Args:
        command: what is started.
        disk: a folder on the disk where its temporary files have to be; None for any.
    """
    if disk:
        disk.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(
        prefix="bench-", dir=disk, ignore_cleanup_errors=True
    ) as folder:
        try:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                env={**os.environ, "TMPDIR": folder, "JUPYTER_RUNTIME_DIR": folder},
                start_new_session=True,
            )
            with process.stdout:
                yield process
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(60)
        except BaseException:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)  # nothing disturbs the end
            raise
        finally:
            end_below(os.getpid())


def messages(process: subprocess.Popen[bytes]) -> Iterator[dict]:
    """Yield what a part tells, see `measuring.tell`, as long as somebody reads what we print.

    Raises:
        BrokenPipeError: nobody does any more.
    """
    if not hasattr(select, "poll"):  # Windows
        yield from map(json.loads, process.stdout)
        return
    news = select.poll()
    news.register(process.stdout, select.POLLIN)
    news.register(sys.stdout, 0)  # that the other end is closed is always told
    line = b""
    while True:
        ready = dict(news.poll())
        if ready.get(sys.stdout.fileno()):
            raise BrokenPipeError
        read = os.read(process.stdout.fileno(), 1 << 16)
        if not read:
            return
        *lines, line = (line + read).split(b"\n")
        yield from map(json.loads, lines)


def adopt() -> None:
    """Let what loses its parent below this process become its child, where that can be had."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def end_below(pid: int) -> None:
    """End all processes that a process has started, and that those have started."""
    give_up = time.monotonic() + 10
    while (below := _below(pid)) and time.monotonic() < give_up:
        for one in below:
            with contextlib.suppress(psutil.Error):
                one.kill()
        time.sleep(0.02)  # while one was ended, another may have been started


def _below(pid: int) -> list[psutil.Process]:
    """Return all processes below a process that have not ended."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):  # it ends just now
                if one.status() != psutil.STATUS_ZOMBIE:
                    found.append(one)
    return found


class Progress:
    """A line on the terminal: which part of how many, how long all will still take, what goes on.

    Without a terminal there is none. How long it will take is what it usually takes, times how
    much longer than usual it took until now.

    Args:
        parts: all that will be measured.
        share: of the full amounts.
    """

    def __init__(self, parts: Sequence[Part], share: float) -> None:
        self.parts, self.share, self.begun = parts, share, time.monotonic()

    def show(self, part: Part, what: str, done: float) -> None:
        """Show what goes on when the share `done` of a part's work is done."""
        if not sys.stderr.isatty():
            return
        number, usual = self.parts.index(part), [one.usual for one in self.parts]
        work = sum(usual[:number]) + done * usual[number]
        left = self.left(work, sum(usual) - work, time.monotonic() - self.begun) / 60
        minutes = f"about {max(left, 1):.0f} min left"
        line = f"part {number + 1} of {len(usual)}, {minutes}: {part}, {what}"
        columns = shutil.get_terminal_size().columns
        print(f"\r\x1b[K{line[: columns - 1]}", end="", file=sys.stderr, flush=True)

    def left(self, work: float, rest: float, took: float) -> float:
        """Return how many seconds it will still take.

        Args:
            work: what is done, in seconds that it usually takes.
            rest: what is not, likewise.
            took: seconds that it really took.
        """
        usual = 30  # seconds of work that are taken to have gone as expected
        return rest * (took + usual * self.share) / (work + usual)

    def clear(self) -> None:
        """Clear the line."""
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def about(part: Part, asked: argparse.Namespace, python: Path) -> str:
    """Return when, on what, with which versions and on which data a Python measures a part.

    Raises:
        MnistError: `$MNIST_DIR` is not a folder with the four files.
    """
    benchmark = BENCHMARKS[part.benchmark]
    here = versions(python, *COURSE, *(peer.package for peer in benchmark.peers))
    told = [f"{name} {here[name]}" for name in ("Python", *COURSE)]
    for peer in benchmark.peers:
        version = here.get(peer.package) if peer == benchmark.runs_with else peer.version()
        told.append(f"{peer.what} {version or '(not installed)'}")
    if part.name in benchmark.data:
        told.append(f"data: {'MNIST' if data_source() == 'MNIST' else 'the stand-in for MNIST'}")
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    partly = asked.share and part.name != PROFILE  # a profile is always whole
    less = f" A share of {asked.share:g} of the full amount." if partly else ""
    return (
        f"{datetime.date.today()}, {processor()}, {processors()} processors, "
        f"{platform.system()} {platform.release()}{load}; {', '.join(told)}.{less}"
    )


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def write(part: Part, tables: str, readme: Path) -> None:
    """Put a part's tables where the README of the benchmarks keeps them, in place of older ones.

    Raises:
        SystemExit: that place is lost; the file is as it was.
    """
    from utils.lecture_outputs import replace  # slow to import

    before, after = _around(part, readme)
    replace(readme, f"{before}\n\n{tables.strip()}\n\n{after}")
    print(f"written: {readme.relative_to(ROOT)}, {part}", file=sys.stderr)


def _around(part: Part, readme: Path) -> tuple[str, str]:
    """Return what stands before a part's tables, and what after them, with their marks."""
    start, end = f"<!-- {part} -->", f"<!-- end of {part} -->"
    before, found, rest = readme.read_text(encoding="utf-8").partition(start)
    _, ends, after = rest.partition(end)
    if not (found and ends):
        raise SystemExit(f"{readme.name} has lost the lines {start} and {end}; put them back")
    return f"{before}{start}", f"{end}{after}"


# Peers ------------------------------------------------------------------------------------------


ASK = """
import json, platform, sys
from importlib.metadata import PackageNotFoundError, version
found = {"Python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = version(name)
    except PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def versions(python: Path, *packages: str) -> dict[str, str]:
    """Return the versions of some Python, and of those packages that it has."""
    try:
        found = subprocess.run([python, "-c", ASK, *packages], capture_output=True, text=True)
    except OSError:
        return {}
    return json.loads(found.stdout or "{}")


def install_peers() -> int:
    """Install the peers that are not there yet; return 1 if one could not be had."""
    failed = []
    for peer in (PYTORCH, OTTER, UV):
        print(f"{peer.what}: {peer.version() or install(peer) or 'not installed'}", flush=True)
        if not peer.version():
            failed.append(peer)
    for peer in failed:
        print(f"\n{peer.what} could not be installed: see above", file=sys.stderr)
    return 1 if failed else 0


def install(peer: Peer) -> str | None:
    """Make the peer's environment, which sees the course and its packages, and install it.

    Each has its own, so that it can change neither the course's packages nor another peer's.

    Returns:
        The version; None if it could not be installed.
    """
    print(f"installing {peer.what} into {peer.folder.relative_to(ROOT)}", flush=True)
    environment = [sys.executable, "-m", "venv", "--clear", peer.folder]
    pip = [peer.python, "-m", "pip", "install", "--disable-pip-version-check"]
    made = False
    try:
        if subprocess.run(environment).returncode == 0:
            _let_it_see_the_course(peer)
            for number, wanted in enumerate(peer.versions):
                if number:
                    print(f"\n{peer.hint}\n", flush=True)
                made = subprocess.run([*pip, f"{peer.package}{wanted}"]).returncode == 0
                if made:
                    break
    finally:  # after Ctrl-C, too
        if not made:
            shutil.rmtree(peer.folder, ignore_errors=True)
    return peer.version()


def _let_it_see_the_course(peer: Peer) -> None:
    """Add the course's packages, last: where the peer needs another version it has its own."""
    course = Path(metadata.distribution("numpy").locate_file("")).resolve()
    (site,) = {
        *peer.folder.glob("lib/python*/site-packages"),
        *peer.folder.glob("Lib/site-packages"),
    }
    relative = os.path.relpath(course, peer.folder)
    (site / "course.pth").write_text(
        "import os, site, sys; "
        f"site.addsitedir(os.path.normpath(os.path.join(sys.prefix, {relative!r})))\n",
        encoding="utf-8",
    )


def executable(peer: Peer, name: str) -> str | None:
    """Return the path of a program in a peer's environment, None if it is not there."""
    return shutil.which(name, path=str(peer.python.parent))
