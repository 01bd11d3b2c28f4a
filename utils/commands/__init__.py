"""One module per command of the front door, each with `main(argv) -> int`."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Callable


def new_parser(command: str, about: str) -> argparse.ArgumentParser:
    """Return a parser for a command's arguments.

    Args:
        command: the command's name.
        about: its module's docstring; the help shows the first line above the options, the rest
            below them.
    """
    first, _, rest = about.partition("\n")
    return argparse.ArgumentParser(
        prog=f"python3 -m utils {command}",
        description=first,
        epilog=rest,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def positive(what: str) -> Callable[[str], int]:
    """Return an argparse type for a whole number of `what`, 1 or more."""

    def number(text: str) -> int:
        with contextlib.suppress(ValueError):
            if int(text) >= 1:
                return int(text)
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of {what}: give 1 or more")

    return number


def add_course(parser: argparse.ArgumentParser, needed: bool = True) -> None:
    """Add the arguments of a command that works on a problem set of a course.

    Args:
        parser: the parser; it is changed.
        needed: whether a problem set is required.
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
    """Ask the user a yes-or-no question; return whether the answer is yes.

    Without a terminal, print a message and return False.

    Args:
        question: the question, with its question mark.
        yes: whether `--yes` was given; then do not ask.
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
