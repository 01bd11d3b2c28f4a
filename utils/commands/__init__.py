"""One module per command of the front door, each with `main(argv) -> int`."""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # the course folder
NOBODY_READS = 128 + 13  # exit status: a shell says so of programs that SIGPIPE has ended


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


def new_parser(command: str, about: str) -> argparse.ArgumentParser:
    """Return a parser for a command's arguments.

    Args:
        command: its name.
        about: its module's docstring; the help shows the first line above the options.
    """
    first, _, rest = about.partition("\n")
    return argparse.ArgumentParser(
        prog=f"python3 -m utils {command}",
        description=first,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_course(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that works on a problem set of some course."""
    parser.add_argument("problem_set", metavar="PS", help="for instance ps1_output_layer")
    parser.add_argument("--course", metavar="DIR", help="a course folder elsewhere")
    parser.add_argument(
        "--db", metavar="URL", help="the gradebook, such as postgresql://user@host/gradebook"
    )


@contextlib.contextmanager
def no_rubbish() -> Iterator[None]:
    """Do not look for rubbish during imports, which make none, nor ever among what they made.

    Looking took as long as a third of the imports.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
