"""`handgrade PS`: grade a problem set's written answers on one page, beside their rubric.

The page opens in your browser; only you on this machine can open it. It shows no names, unless you
give --names. Points and comments are written to the gradebook at once, and are kept when `grade`
runs again. Press Ctrl-C here to end; then run `grade PS`, which updates pages and report.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import signal
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from pathlib import Path

from utils.commands import add_course, new_parser
from utils.grading import spare_imports
from utils.grading.terminal import clean
from utils.system import garbage_collection_paused

PAGE = '<!DOCTYPE html><meta http-equiv="refresh" content="0;url={0}"><a href="{0}">Go on</a>\n'


def main(argv: list[str]) -> int:
    """Serve the page until Ctrl-C or SIGTERM, and return 0; 1 if there is nothing to grade."""
    asked = parse(argv)
    spare_imports()
    with garbage_collection_paused():
        from utils.grading.course.gradebook import CourseGradebook
        from utils.grading.course.lateness import ExtensionsError
        from utils.grading.course.settings import CourseError, find_course
        from utils.grading.hand_grading.answers import Answers
        from utils.grading.hand_grading.server import Server

    with contextlib.ExitStack() as stack:
        opened: list[CourseGradebook] = []

        def load() -> Answers:
            if not opened:
                opened.append(
                    stack.enter_context(CourseGradebook(find_course(asked.course, asked.db)))
                )
            return Answers(opened[0].course, opened[0], asked.problem_set)

        try:
            server = stack.enter_context(Server(load, asked.names, asked.port))
        except (CourseError, ExtensionsError, OSError) as error:
            print(clean(error), file=sys.stderr)
            return 1
        total = len(server.answers.by_key)
        print(f"{server.answers.unread()} of {total} answers to read: {server.address}")
        print("Keep the address to yourself. Ctrl-C here ends it", flush=True)
        with _ends_when_asked(), contextlib.suppress(KeyboardInterrupt):
            if not asked.no_browser:
                _open(stack, server.address)
            server.serve_forever()
        try:
            unread = server.do(load).unread()
        except (CourseError, ExtensionsError, OSError) as error:
            print(f"\n{clean(error)}", file=sys.stderr)
            unread = server.answers.unread()  # as of the last load of the page
        print(f"\nsaved {server.saved} times, {unread} of {total} answers are still to read")
        if server.saved:
            print(f"now run `grade {asked.problem_set}`: pages and report get the new points")
    return 0


def _open(stack: contextlib.ExitStack, address: str) -> None:
    """Open the page in the browser through a file: the process list would show the address."""
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="handgrade-"))
    file = Path(folder) / "open.html"
    file.write_text(PAGE.format(html.escape(address)), encoding="utf-8")
    with contextlib.suppress(webbrowser.Error):  # the address is in the terminal
        webbrowser.open(file.as_uri())


@contextlib.contextmanager
def _ends_when_asked() -> Iterator[None]:
    """Let SIGTERM end the server like Ctrl-C."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = new_parser("handgrade", __doc__)
    add_course(parser)
    parser.add_argument("--names", action="store_true", help="show whose answers they are")
    parser.add_argument("--port", metavar="N", type=_port, default=0, help="to listen to")
    parser.add_argument("--no-browser", action="store_true", help="print the address only")
    return parser.parse_args(argv)


def _port(text: str) -> int:
    if text.isascii() and text.isdecimal() and 0 < int(text) < 2**16:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 1 to 65535")
