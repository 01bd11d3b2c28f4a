"""The front door: `python3 -m utils COMMAND`.

This file uses the standard library only, because it runs before anything is installed. On the first
call it makes `.venv` in the course folder and installs `requirements.txt`; it does so again if
`requirements.txt`, `pyproject.toml`, the folder or the Python version has changed. Then the command
itself, a module of `utils/commands/`, runs inside that environment.

Python 3.7 can parse this file, too, to print a message about the Python version that is needed.
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
PLAN = VENV / "course-plan.json"  # written first: the Python version of this environment
STAMP = VENV / "course-stamp.json"  # written last: the environment is complete
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
LOG = ROOT / ".venv.log"  # output of the last installation
OLDEST, NEWEST_TESTED = (3, 11), (3, 15)
SECONDS_BETWEEN_LINES = 30  # of an installation's progress, without a terminal
NOBODY_READS = 128 + 13  # exit status that shells report for programs ended by SIGPIPE

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
    if not (ROOT / "requirements.txt").is_file():  # pip has installed only the package
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

    Where `exec` is available it does not return: the command replaces this process, and so gets
    its signals and gives its exit status.
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
            continue  # the command gets Ctrl-C, too, and decides how to end


def environment_variables() -> dict[str, str]:
    """Return this process's environment variables with the programs of `.venv` first on PATH."""
    variables = dict(os.environ)
    variables["PATH"] = f"{BIN}{os.pathsep}{variables.get('PATH', '')}"
    variables["VIRTUAL_ENV"] = str(VENV)
    variables.pop("PYTHONHOME", None)
    return variables


# The environment ------------------------------------------------------------------------------


class SetupError(Exception):
    """The environment cannot be made; the message says what to do."""


def ensure_environment(argv: list[str]) -> None:
    """Make or repair `.venv` unless it is complete and up to date.

    Args:
        argv: the command and its arguments, for the advice.

    Raises:
        SetupError: `.venv` cannot be made; the message says what to do.
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
    """Return what the environment depends on: a hash of the packages, the folder, the Python."""
    return {
        "packages": hashlib.sha256((ROOT / "requirements.txt").read_bytes()).hexdigest(),
        "folder": str(ROOT),
        "python": dotted(sys.version_info),
    }


def stands(wanted: dict[str, str]) -> bool:
    """Return whether the environment is complete, for exactly these packages, folder and Python."""
    return read_json(STAMP) == wanted and PYTHON.exists()


def read_json(path: Path) -> dict[str, str]:
    """Return the JSON object in a file, {} if it is missing or incomplete."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def make_environment(wanted: dict[str, str]) -> None:
    """Update `.venv` to what is `wanted`, keeping as much of it as possible.

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
    """Make an empty virtual environment, with pip from Python's ensurepip unless there is uv.

    Raises:
        SetupError: it failed; the messages have been printed by then.
    """
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
    """Run an installer with its output in `LOG`, show the progress, and return its exit status.

    A terminal shows one line that changes; elsewhere a line is printed every half minute.
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
            if shown:  # clear the line
                print("\r" + " " * len(f"[course] {shown}"), end="\r", flush=True)
            end(process)


def progress(started: float) -> str:
    """Describe the progress of an installation begun at `started`, by its log and `.venv`."""
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
    """Wait until a process that has also received Ctrl-C has ended; kill it if it does not end."""
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    finally:  # even after a second Ctrl-C
        process.kill()
        process.wait()


def mend_paths(old_folder: str) -> None:
    """Replace the old folder by the new one in `.venv`'s scripts and import hooks."""
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


# The path in `#!PATH` may not contain spaces and has a limited length; the shell has neither limit.
# Python reads these lines as a string and continues after them.
SHELL_START = b"""#!/bin/sh
'''exec' "@PYTHON@" "$0" "$@"
' '''
"""


@contextmanager
def only_one_at_a_time() -> Iterator[None]:
    """Hold a lock beside `.venv`, so that two first calls do not write it at the same time.

    Raises:
        SetupError: the folder is not writable.
    """
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
    """Print a line of progress immediately."""
    print(f"[course] {text}", flush=True)


def while_read(command: Callable[[list[str]], int], argv: list[str]) -> int:
    """Run a command and return its exit status; 141 if its output is no longer read (`| head`).

    A command is ended when it prints then, so it has to do its work before.
    """
    try:
        try:
            return command(argv)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        return NOBODY_READS


if __name__ == "__main__":
    sys.exit(while_read(main, sys.argv[1:]))
