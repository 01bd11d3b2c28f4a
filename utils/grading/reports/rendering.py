"""Render pieces of a page as HTML within a time limit, or else as plain text.

`safe_html` does the work in a process that is killed at the limit; the next piece gets a new one. A
limit in this process would not work, because a regular expression cannot be interrupted.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from utils.grading.terminal import without_escapes

PIECE_SECONDS = 3.0  # for one piece of a page
PAGE_SECONDS = 10.0  # for all pieces of a page
START_SECONDS = 60.0
KEPT = 1000  # cached pieces: most of a notebook is the same for all students
PLAIN = "This is shown as plain text, because formatting it took too long or failed."


class Renderer:
    """Renders the pieces of one page.

    Args:
        links: keep links to other sites.

    Attributes:
        lost: names of missing pictures that a text refers to.
    """

    def __init__(self, links: bool = True) -> None:
        self.links = links
        self.left = PAGE_SECONDS
        self.lost: list[str] = []

    def markdown(self, source: str, pictures: Mapping[str, str] | None = None) -> Markup:
        """Return Markdown as HTML.

        Args:
            source: the text.
            pictures: the pictures that it may show, as `data:` URLs by name.
        """
        return self._render("markdown", source, pictures) or as_text(source)

    def html(self, text: str) -> Markup:
        """Return HTML with everything removed that would run code or load files."""
        return self._render("html", text) or as_text(text)

    def code(self, source: str) -> Markup:
        """Return Python code as HTML, to be put into a `pre` element."""
        return self._render("code", source) or escape(source)

    def _render(self, kind: str, text: str, pictures: Mapping[str, str] | None = None) -> Markup:
        """Return a piece as HTML, "" if that fails or takes too long."""
        if not text.strip():
            return escape(text)
        found = {name: data for name, data in (pictures or {}).items() if data}
        key = (kind, text, self.links)
        if not found and (known := _known.get(key)):
            said = known
        else:
            _process.start()  # its start does not count towards the limit
            started = time.monotonic()
            said = _process.answer_to(
                {"kind": kind, "text": text, "found": found, "links": self.links},
                min(PIECE_SECONDS, self.left),
            )
            self.left -= time.monotonic() - started
            if said and not found:
                if len(_known) >= KEPT:
                    _known.clear()
                _known[key] = said
        self.lost += [name for name in said.get("lost", []) if name not in self.lost]
        return Markup(said.get("html", ""))


_known: dict[tuple, dict[str, Any]] = {}


def as_text(source: str) -> Markup:
    """Return a text as preformatted HTML, after a sentence that explains why."""
    text = without_escapes(source)
    return Markup("<p><em>{}</em></p><pre>{}</pre>").format(PLAIN, text)


class _Process:
    """The rendering process, started on the first request."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.child: subprocess.Popen | None = None
        self.owner = 0

    def answer_to(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Return the answer to a request, or {} if there is none within `seconds`."""
        if seconds <= 0:
            return {}
        with self.lock:
            try:
                child = self._running()
                assert child.stdin is not None
                assert child.stdout is not None
                with _ends(child, seconds):
                    child.stdin.write(json.dumps(request).encode() + b"\n")
                    child.stdin.flush()
                    return json.loads(child.stdout.readline())
            except (OSError, ValueError):  # it was killed, or cannot be started
                self.end()
                return {}

    def start(self) -> None:
        """Start the process if possible; errors are ignored."""
        with self.lock:
            try:
                self._running()
            except (OSError, ValueError):
                self.end()

    def _running(self) -> subprocess.Popen:
        if self.owner != os.getpid():  # do not use the parent's process after a fork
            self.child, self.owner = None, os.getpid()
        if self.child is None:
            self.child = subprocess.Popen(
                [sys.executable, "-P", str(Path(__file__).with_name("safe_html.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # not interrupted by Ctrl-C
            )
            assert self.child.stdout is not None
            with _ends(self.child, START_SECONDS):
                json.loads(self.child.stdout.readline())
        return self.child

    def end(self) -> None:
        """End the process, if there is one."""
        child, self.child = self.child, None
        if child is None or self.owner != os.getpid():
            return
        child.kill()
        child.wait()
        for pipe in filter(None, (child.stdin, child.stdout)):
            with contextlib.suppress(OSError):
                pipe.close()


@contextlib.contextmanager
def _ends(child: subprocess.Popen, seconds: float) -> Iterator[None]:
    """Kill a process unless the context ends within `seconds`."""
    timer = threading.Timer(seconds, child.kill)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


_process = _Process()
atexit.register(_process.end)
