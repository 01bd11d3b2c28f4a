"""The packages that the course is compared with, each in an environment below `.venv-peers/`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from tests.benchmarks.measuring import ROOT

FOLDER = ROOT / ".venv-peers"
COURSE = ("numpy", "scikit-learn", "nbgrader")  # packages whose versions the tables name


@dataclass(frozen=True)
class Peer:
    """A package in an environment of its own, so that it cannot change the course's packages."""

    what: str  # its name for people
    package: str  # its name for pip
    wanted: tuple[str, ...]  # the requirements to try, in this order

    @property
    def python(self) -> Path:
        """Return its environment's Python."""
        return FOLDER / self.package / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def site(self) -> Path:
        """Return the folder of its environment's packages."""
        lib = "Lib" if os.name == "nt" else f"lib/python{'.'.join(map(str, sys.version_info[:2]))}"
        return FOLDER / self.package / lib / "site-packages"

    def version(self) -> str | None:
        """Return the installed version, None if it is not installed."""
        found = metadata.distributions(name=self.package, path=[str(self.site)])
        return next((one.version for one in found), None)

    def program(self, name: str) -> str | None:
        """Return the path of a program in the environment, None if it is not there."""
        return shutil.which(name, path=str(self.python.parent))

    @property
    def notes(self) -> list[str]:
        """Return what a table says where the peer is not installed."""
        if self.version():
            return []
        return [f"Skipped: {self.what} is not installed; `bench --install-peers` installs it."]


# On Linux the plain package brings gigabytes for graphics cards, the "+cpu" build does not.
TORCH = Peer("PyTorch", "torch", ("torch==2.13.0+cpu", "torch==2.13.0"))
OTTER = Peer("Otter-Grader", "otter-grader", ("otter-grader>=6,<8",))
UV = Peer("uv", "uv", ("uv>=0.5,<1",))
PEERS = (TORCH, OTTER, UV)
NAMES = ", ".join(peer.what for peer in PEERS)


def versions() -> str:
    """Return the versions of the course's packages and of the peers, in one line."""
    course = [f"{name} {metadata.version(name)}" for name in COURSE]
    found = [f"{peer.what} {peer.version() or '(not installed)'}" for peer in PEERS]
    return ", ".join(course + found)


def install() -> int:
    """Install the peers that are missing with venv and pip; return 1 if one is still missing."""
    for peer in PEERS:
        if not peer.version():
            print(f"installing {peer.what} into {FOLDER.name}/{peer.package}", flush=True)
            _install(peer)
        print(f"{peer.what}: {peer.version() or 'not installed, see above'}", flush=True)
    return 0 if all(peer.version() for peer in PEERS) else 1


def _install(peer: Peer) -> None:
    environment = FOLDER / peer.package
    installed = False
    try:
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment])
        pip = [peer.python, "-m", "pip", "install", "--disable-pip-version-check"]
        installed = any(subprocess.run([*pip, one]).returncode == 0 for one in peer.wanted)
        if installed:
            # The course and its packages come last, so that the peer's own versions count.
            packages = Path(str(metadata.distribution("numpy").locate_file(""))).resolve()
            (peer.site / "course.pth").write_text(f"{packages}\n{ROOT}\n", encoding="utf-8")
    except OSError as error:
        print(f"the environment could not be made: {error}", file=sys.stderr)
    finally:  # after Ctrl-C, too
        if not installed:
            shutil.rmtree(environment, ignore_errors=True)
