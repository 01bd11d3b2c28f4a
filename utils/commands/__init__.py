"""One module per command of the front door, each with `main(argv) -> int`."""

from __future__ import annotations

import argparse
import contextlib
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


def add_course(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of a command that works on a problem set of some course."""
    parser.add_argument("problem_set", metavar="PS", help="for instance ps1_output_layer")
    parser.add_argument("--course", metavar="DIR", help="a course folder elsewhere")
    parser.add_argument(
        "--db", metavar="URL", help="the gradebook, such as postgresql://user@host/gradebook"
    )
