"""The front door: `python3 -m utils COMMAND`.

This file uses the standard library only, because it runs before anything is installed. On the first
call it makes `.venv` in the course folder and installs `requirements.txt`; later calls go straight
on, until `requirements.txt`, `pyproject.toml`, the folder or the Python version changes. Then the
command itself, a module of `utils/commands/`, runs inside that environment.

It can be read by Python 3.7, too, which gets a sentence on the Python that the course needs.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PLAN = VENV / "course-plan.json"  # written first: for which Python this folder was made
STAMP = VENV / "course-stamp.json"  # written last: the environment is whole
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOG = ROOT / ".venv.log"  # what the last installation printed
OLDEST, NEWEST_TESTED = (3, 11), (3, 15)
SECONDS_BETWEEN_LINES = 30  # of an installation's progress, where there is no terminal
NOBODY_READS = 128 + 13  # exit status: a shell says so of programs that SIGPIPE has ended

COMMANDS = {
    "demo": "grade a simulated class from release to feedback, and print the table",
    "lab": "open JupyterLab on the lectures",
    "check": "check your own work: FILE's visible tests, with hints",
    "grade": "grade all submissions of a problem set",
    "handgrade": "grade a problem set's written answers on a page, beside their rubric",
    "report": "write a problem set's report or the term's, scores for Canvas or Moodle",
    "test": "run every test; arguments go to pytest",
    "build": "write assignments/ and the outputs of lectures/ anew, or of one: build NAME",
    "new": "make the scaffold of a problem set: new ps7_name",
    "slides": "make the slides of a lecture, one folder that works offline",
    "bench": "tables of speed, size and memory against what people would use instead",
    "weights": "train the network of the inference lectures and write its weights",
    "doctor": "say what is installed, which data is here, and what protects the grader",
}
FOLDER = ROOT / "utils" / "commands"
if (FOLDER / "check.py").is_file() and not (FOLDER / "grade.py").is_file():  # student edition
    COMMANDS = {n: what for n, what in COMMANDS.items() if (FOLDER / f"{n}.py").is_file()}


def usage() -> str:
    """Return the list of commands as text."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(["usage: python3 -m utils COMMAND", "", *lines])


def main(argv: list[str]) -> int:
    """Run one command in the course's environment and return its exit status."""
    if not argv or argv[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if argv else 2
    command, *arguments = argv
    if command not in COMMANDS:
        print(f"there is no command {command!r}\n\n{usage()}", file=sys.stderr)
        return 2
    if not (ROOT / "requirements.txt").is_file():  # pip has installed the package alone
        if command == "doctor":
            return importlib.import_module("utils.commands.doctor").main(arguments)
        print(
            "only the package is installed here, for notebooks; commands but for `doctor` need the "
            "course's folder: call them there",
            file=sys.stderr,
        )
        return 1
    try:
        ensure_environment(argv)
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; the next call goes on from here", file=sys.stderr)
        return 130
    return run_in_environment(command, arguments)


def run_in_environment(command: str, arguments: list[str]) -> int:
    """Run `utils.commands.COMMAND` with the environment's Python and return its exit status.

    Where a process can become another it does not return: who ends this process, or looks at how
    it has ended, means the command.
    """
    start = (
        "import importlib, sys\n"
        "try:\n"
        "    from utils.__main__ import while_read\n"
        f"    command = importlib.import_module('utils.commands.{command}')\n"
        "    sys.exit(while_read(command.main, sys.argv[1:]))\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit('\\ninterrupted')"
    )
    process_call = [str(PYTHON), "-P", "-c", start, *arguments]
    if os.name == "posix":
        sys.stdout.flush()
        os.execve(PYTHON, process_call, environment_variables())
    process = subprocess.Popen(process_call, env=environment_variables())
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue  # Ctrl-C reaches the command too; it decides how to end


def environment_variables() -> dict[str, str]:
    """Return this process's variables with the environment's programs first on PATH."""
    variables = dict(os.environ)
    variables["PATH"] = f"{BIN}{os.pathsep}{variables.get('PATH', '')}"
    variables["VIRTUAL_ENV"] = str(VENV)
    variables.pop("PYTHONHOME", None)
    return variables


# The environment ------------------------------------------------------------------------------


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def ensure_environment(argv: list[str]) -> None:
    """Make `.venv`, or mend it, unless it stands and fits.

    Args:
        argv: the command and its arguments, for the advice.

    Raises:
        SetupError: with a sentence that says what to do.
    """
    wanted = fingerprint()
    if stands(wanted):
        return
    if sys.version_info[:2] < OLDEST:
        python_versions = importlib.import_module("utils.python_versions")
        advice = python_versions.python_advice(argv, OLDEST, NEWEST_TESTED)
        raise SetupError(
            f"the course needs Python {dotted(OLDEST)} or newer, but this is "
            f"{sys.version.split()[0]} ({sys.executable}). {advice}"
        )
    if sys.version_info[:2] > NEWEST_TESTED:
        say(
            f"Python {dotted(sys.version_info)} is newer than the newest one that the course has "
            f"been tested with, {dotted(NEWEST_TESTED)}; going on"
        )
    with only_one_at_a_time():
        if not stands(wanted):  # another process may have made it meanwhile
            make_environment(wanted)


def fingerprint() -> dict[str, str]:
    """Return what the environment depends on: the packages, the folder, the Python version."""
    return {
        "packages": hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest(),
        "folder": str(ROOT),
        "python": dotted(sys.version_info),
    }


def stands(wanted: dict[str, str]) -> bool:
    """Say whether the whole environment is there, for just these packages, folder and Python."""
    return read_json(STAMP) == wanted and PYTHON.exists()


def read_json(path: Path) -> dict[str, str]:
    """Return what the file holds, and nothing where it is missing or half-written."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def make_environment(wanted: dict[str, str]) -> None:
    """Bring `.venv` to what is `wanted`, keeping as much as fits of what is there.

    Raises:
        SetupError: the folder is read-only, or installing failed.
    """
    started = time.monotonic()
    old = read_json(STAMP)
    same_python = PYTHON.exists() and read_json(PLAN).get("python") == wanted["python"]
    moved = same_python and {**old, "folder": wanted["folder"]} == wanted and os.name != "nt"
    if moved:
        say(f"the folder has moved to {ROOT}: mending .venv (no network needed)")
        mend_paths(old["folder"])
    else:
        STAMP.unlink(missing_ok=True)
        say("setting up .venv: this takes a minute or two, once, and needs the network")
        if not same_python:
            create_venv()
            PLAN.write_text(json.dumps(wanted), encoding="utf-8")
        install()
    STAMP.write_text(json.dumps(wanted), encoding="utf-8")
    say(f"ready after {time.monotonic() - started:.0f} s")


def create_venv() -> None:
    """Make a bare virtual environment; pip comes with Python's own ensurepip."""
    without_pip = ["--without-pip"] if shutil.which("uv") else []
    command = [sys.executable, "-m", "venv", "--clear", *without_pip, str(VENV)]
    if subprocess.run(command).returncode:
        raise SetupError(
            f"{VENV} could not be made: see the lines above. On Debian and Ubuntu install the "
            f"package python{dotted(sys.version_info)}-venv"
        )


def install() -> None:
    """Install `requirements.txt` into `.venv`, with uv if there is one, else with pip.

    Raises:
        SetupError: it failed; the whole log has been printed by then.
    """
    uv = shutil.which("uv")
    if uv:
        command = [uv, "pip", "install", "--compile-bytecode", "--python", str(PYTHON)]
    else:
        command = [str(PYTHON), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    say(f"installing requirements.txt with {'uv' if uv else 'pip'}")
    if run_with_progress([*command, "-r", "requirements.txt"]):
        print(LOG.read_text(encoding="utf-8", errors="replace"), file=sys.stderr)
        untested = ""
        if sys.version_info[:2] > NEWEST_TESTED:
            untested = (
                f". Some package may not be ready for Python {dotted(sys.version_info)}: the "
                f"newest tested version is {dotted(NEWEST_TESTED)}"
            )
        raise SetupError(
            f"the packages could not be installed: see the lines above, which are also in {LOG}. "
            "Without a network, try again where there is one (once .venv stands none is needed): "
            f"the same command goes on from here{untested}"
        )


def run_with_progress(command: list[str]) -> int:
    """Run an installer, its output in `LOG`, and return its exit status; show how far it is.

    In a terminal one line changes; elsewhere there is a line now and then.
    """
    terminal = sys.stdout.isatty()
    started, shown, wait = time.time(), "", 0.2 if terminal else SECONDS_BETWEEN_LINES
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1", "NO_COLOR": "1"}
    with open(LOG, "wb") as log:
        process = subprocess.Popen(
            command,
            cwd=str(ROOT),
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            while True:
                try:
                    return process.wait(timeout=wait)
                except subprocess.TimeoutExpired:
                    line = f"{progress(started)}, {time.time() - started:.0f} s"
                if terminal:
                    print(f"\r[course] {line:<{len(shown)}}", end="", flush=True)
                    shown = line
                else:
                    say(line)
        finally:
            if shown:  # leave the terminal's line as it was
                print("\r" + " " * len(f"[course] {shown}"), end="\r", flush=True)
            end(process)


def progress(started: float) -> str:
    """Return how far the installation is that began at `started`, from its log and from `.venv`."""
    log = LOG.read_text(encoding="utf-8", errors="replace")
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(VENV)}))
    done = sum(path.stat().st_mtime >= started for path in packages.glob("*.dist-info"))
    chosen = re.search(r"^Installing collected packages: (.*)$", log, re.MULTILINE)  # by pip
    if chosen:
        return f"installed {done} of {chosen.group(1).count(',') + 1} packages"
    found = len(re.findall(r"^Collecting ", log, re.MULTILINE))
    if done:
        return f"installed {done} packages"
    return f"found {found} packages to install" if found else "looking for the packages"


def end(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has ended; after Ctrl-C, which it has received too, make it end."""
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    finally:  # a second Ctrl-C does not leave it behind
        process.kill()
        process.wait()


def mend_paths(old_folder: str) -> None:
    """Put the new folder where the old one stands in `.venv`'s scripts and import hooks."""
    old, new = f"{old_folder}/".encode(), f"{ROOT}/".encode()
    for path in [*BIN.iterdir(), *VENV.rglob("__editable__*.py"), *VENV.rglob("*.pth")]:
        if path.is_symlink() or not path.is_file() or old not in path.read_bytes():
            continue
        head, newline, body = path.read_bytes().partition(b"\n")
        if head.startswith(b"#!") and old in head:
            head, newline = SHELL_START.replace(b"@PYTHON@", bytes(PYTHON)), b""
        else:
            head = head.replace(old, new)
        path.write_bytes(head + newline + body.replace(old, new))


# A first line `#!PATH` may hold no space and only so many bytes; the shell has neither limit.
# Python reads the same lines as a string in quotes and goes on after them.
SHELL_START = b"""#!/bin/sh
'''exec' "@PYTHON@" "$0" "$@"
' '''
"""


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold a lock beside `.venv`, so that two first calls do not build over each other."""
    try:
        lock = open(ROOT / ".venv.lock", "w")  # noqa: SIM115 (closed by `with` below)
    except OSError as error:
        raise SetupError(
            f"nothing can be written in {ROOT} ({error.strerror}); copy the course to a folder "
            "where you may write"
        ) from error
    with lock:
        if not try_lock(lock):
            say("another call is setting up .venv; waiting for it")
            while not try_lock(lock):
                time.sleep(0.5)
        yield


def try_lock(file: IO[str]) -> bool:
    """Take the lock if it is free; the operating system frees it when this process ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def dotted(version: tuple[int | str, ...]) -> str:
    """Return (3, 11) as "3.11"."""
    return ".".join(map(str, version[:2]))


def say(text: str) -> None:
    """Print one line of progress at once."""
    print(f"[course] {text}", flush=True)


def while_read(command: Callable[[list[str]], int], argv: list[str]) -> int:
    """Run a command and return its exit status; 141 if nobody reads what it prints, as in `| head`.

    A command learns of it when it prints, so what it has to do it does before.
    """
    try:
        try:
            return command(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for Python's own flush
        return NOBODY_READS


if __name__ == "__main__":
    sys.exit(while_read(main, sys.argv[1:]))
