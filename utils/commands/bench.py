"""`bench [NAME ...]`: tables of speed, size and memory against what people would use instead.

Every figure is a ratio of two things measured in turn in one run: the median of several rounds,
with the lowest and the highest. A table says where a goal is missed, and by how much. All of it
takes about half an hour on a quiet machine. The latest tables are in tests/benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from utils.mnist import data_source

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "tests" / "benchmarks" / "README.md"
PEERS = ROOT / ".venv-peers"
QUICK = 0.1  # of the steps, images and submissions
COURSE = ("numpy", "scikit-learn", "nbgrader")  # packages whose version is told with the figures


@dataclass(frozen=True)
class Peer:
    """What the course is compared with, in an environment of its own below `.venv-peers/`.

    Attributes:
        what: its name for people.
        package: its name for pip.
        versions: which ones will do, as pip wants it.
        hint: what to do where pip does not find it.
    """

    what: str
    package: str
    versions: str
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
        ask = f"from importlib.metadata import version; print(version({self.package!r}))"
        try:
            found = subprocess.run([self.python, "-c", ask], capture_output=True, text=True)
        except OSError:
            return None
        return found.stdout.strip() or None


# On Linux the plain package brings gigabytes for graphics cards; what ends in +cpu does not.
LOCAL = "+cpu" if sys.platform == "linux" else ""
PYTORCH = Peer(
    "PyTorch",
    "torch",
    f"==2.13.0{LOCAL}",
    "For Linux, PyTorch keeps its builds without CUDA in an index of their own: its installation "
    "page names it (choose pip, CPU). Put it into PIP_EXTRA_INDEX_URL and call this again.",
)
OTTER = Peer("Otter-Grader", "otter-grader", ">=6,<8")
UV = Peer("uv", "uv", ">=0.5,<1")


@dataclass(frozen=True)
class Benchmark:
    """A module of `tests/benchmarks/`.

    Attributes:
        what: what the course is compared with.
        peers: whose versions are told with the figures.
        runs_with: the peer in whose environment it runs if it is there: both in one process.
        data: whether it loads the images, MNIST or the stand-in.
    """

    what: str
    peers: tuple[Peer, ...] = ()
    runs_with: Peer | None = None
    data: bool = False


BENCHMARKS = {
    "training": Benchmark(
        "a plain float64 version, PyTorch, scikit-learn, the matrix products alone",
        (PYTORCH,),
        PYTORCH,
        True,
    ),
    "inference": Benchmark(
        "one by one and in batches: PyTorch, the matrix products alone",
        (PYTORCH,),
        PYTORCH,
        True,
    ),
    "data": Benchmark("a pickle, torchvision's format", (PYTORCH,), PYTORCH, True),
    "grading": Benchmark("nbgrader, Otter-Grader, the cells alone; a class that grows", (OTTER,)),
    "setup": Benchmark("first and later calls, with pip and with uv; imports; kernels", (UV,)),
}


def main(argv: list[str]) -> int:
    """Run the benchmarks that are asked for; return 0 if each gave its tables."""
    asked = parse(argv)
    if asked.list:
        print("\n".join(f"{name:10} {one.what}" for name, one in BENCHMARKS.items()))
        return 0
    if asked.install_peers:
        return install_peers()
    failed = []
    for name in asked.names or BENCHMARKS:
        print(f"## {name}\n", flush=True)
        tables = run(name, asked)
        if tables is None:
            failed.append(name)
        elif asked.write:
            write(f"{name} profile" if asked.profile else name, tables, README)
    if failed:
        print(f"no figures for {', '.join(failed)}: see the lines above", file=sys.stderr)
    return 1 if failed else 0


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
    parser.add_argument("--list", action="store_true", help="print the names")
    parser.add_argument(
        "--part", action="append", default=[], metavar="PART", help="of one benchmark, only this"
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of everything, 3 rounds")
    parser.add_argument("--rounds", type=_positive, metavar="N", help="how often all is measured")
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
    if asked.write and asked.part:
        parser.error("--write keeps all tables of a benchmark; leave out --part")
    if asked.part and len(asked.names) != 1:
        parser.error("--part is for one benchmark: name it, too")
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


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rounds")
    return int(text)


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text!r} is no share: give a number above 0, up to 1")


# Running ----------------------------------------------------------------------------------------


def run(name: str, asked: argparse.Namespace) -> str | None:
    """Run a benchmark in a process of its own and print what it says as it comes.

    Returns:
        Where it was measured, and its tables, as Markdown; None if it failed.
    """
    peer = BENCHMARKS[name].runs_with
    python = peer.python if peer and peer.version() else sys.executable
    command = [str(python), "-m", "tests.benchmarks", name, *asked.part]
    command += ["--rounds", str(asked.rounds)] if asked.rounds else []
    command += ["--share", str(asked.share)] if asked.share else []
    command += ["--profile"] if asked.profile else []
    lines = [f"{about(name, asked)}\n", "\n"]
    print(lines[0], flush=True)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            lines.append(line)
    return "".join(lines) if process.returncode == 0 else None


def about(name: str, asked: argparse.Namespace) -> str:
    """Return when, on what and with which versions figures are measured."""
    versions = [f"Python {platform.python_version()}"]
    versions += [f"{package} {metadata.version(package)}" for package in COURSE]
    for peer in BENCHMARKS[name].peers:
        versions.append(f"{peer.what} {peer.version() or '(not installed)'}")
    load = f", load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    versions += [f"data: {data_source()}"] if BENCHMARKS[name].data else []
    less = f" A share of {asked.share:g} of the full amount." if asked.share else ""
    return (
        f"{datetime.date.today()}, {processor()}, {os.cpu_count()} processors, "
        f"{platform.system()} {platform.release()}{load}; {', '.join(versions)}.{less}"
    )


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def write(name: str, tables: str, readme: Path) -> None:
    """Put tables where the README of the benchmarks keeps those of this name."""
    text = readme.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, found, rest = text.partition(start)
    _, ends, after = rest.partition(end)
    if not (found and ends):
        raise SystemExit(f"{readme} has lost the lines {start.strip()} and {end}; put them back")
    new = f"{before}{start}\n{tables.strip()}\n\n{end}{after}"
    half_written = readme.with_suffix(".part")
    half_written.write_text(new, encoding="utf-8")
    os.replace(half_written, readme)
    print(f"written: {readme.relative_to(ROOT)}")


# Peers ------------------------------------------------------------------------------------------


def install_peers() -> int:
    """Install the peers that are not there yet; return 1 if one could not be had."""
    failed = []
    for peer in (PYTORCH, OTTER, UV):
        print(f"{peer.what}: {peer.version() or install(peer) or 'not installed'}", flush=True)
        if not peer.version():
            failed.append(peer)
    for peer in failed:
        print(f"\n{peer.what} could not be installed: see above. {peer.hint}", file=sys.stderr)
    return 1 if failed else 0


def install(peer: Peer) -> str | None:
    """Make the peer's environment, which sees the course and its packages, and install it.

    Each has its own, so that it can change neither the course's packages nor another peer's.

    Returns:
        The version; None if it could not be installed.
    """
    print(f"installing {peer.what} into {peer.folder.relative_to(ROOT)}", flush=True)
    course = Path(metadata.distribution("numpy").locate_file("")).resolve()
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", peer.folder]).returncode == 0
    if made:
        (site,) = {
            *peer.folder.glob("lib/python*/site-packages"),
            *peer.folder.glob("Lib/site-packages"),
        }
        # added last: where the peer needs another version of a package it has its own
        relative = os.path.relpath(course, peer.folder)
        (site / "course.pth").write_text(
            "import os, site, sys; "
            f"site.addsitedir(os.path.normpath(os.path.join(sys.prefix, {relative!r})))\n",
            encoding="utf-8",
        )
        pip = [peer.python, "-m", "pip", "install", "--disable-pip-version-check"]
        made = subprocess.run([*pip, f"{peer.package}{peer.versions}"]).returncode == 0
    if not made:
        shutil.rmtree(peer.folder, ignore_errors=True)
    return peer.version()


def executable(peer: Peer, name: str) -> str | None:
    """Return the path of a peer's program, None if it is neither there nor on PATH."""
    return shutil.which(name, path=str(peer.python.parent)) or shutil.which(name)
