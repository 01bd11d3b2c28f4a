"""One module per command of the front door, each with `main(argv) -> int`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable


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


def positive(what: str) -> Callable[[str], int]:
    """Return a type of argument: a whole number of `what`, 1 or more."""

    def number(text: str) -> int:
        with contextlib.suppress(ValueError):
            if int(text) >= 1:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what}: give 1 or more")

    return number


def add_course(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    """Add the arguments of a command that works on a problem set of some course.

    Args:
        parser: is changed.
        needed: a problem set has to be given.
    """
    parser.add_argument(
        "problem_set",
        metavar="PS",
        nargs=None if needed else "?",
        help="for instance ps1_output_layer",
    )
    parser.add_argument("--course", metavar="DIR", help="a course folder elsewhere")
    parser.add_argument(
        "--db", metavar="URL", help="the gradebook, such as postgresql://user@host/gradebook"
    )


def agreed(question: str, yes: bool) -> bool:
    """Return whether the user agrees to what a command is about to do.

    Args:
        question: ends in a question mark.
        yes: `--yes` was given, so nobody is asked.

    Without a terminal nobody can be asked: then a sentence says so, and the answer is no.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        print(f"{question} There is no terminal to ask on: give --yes to agree", file=sys.stderr)
        return False
    try:
        return input(f"{question} [y/N] ").strip().casefold() in ("y", "yes")
    except EOFError:
        return False
