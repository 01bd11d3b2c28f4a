"""Text from elsewhere on a terminal: nothing in it is obeyed, and columns stand below each other.

Students' ids and messages may hold anything. East Asian characters are two columns wide, accents
that are characters of their own none, so the number of characters says little about the width.
"""

from __future__ import annotations

import re
import shutil

from wcwidth import wcswidth

WIDE = 120  # columns where nobody says how many there are: behind a pipe, in a file


def columns() -> int:
    """Return how wide the terminal is, or `COLUMNS` if that is set."""
    return shutil.get_terminal_size((WIDE, 24)).columns


def clean(text: object) -> str:
    """Return text, or what an error says, as one line that a terminal only shows.

    Every text that may hold a student's words or names goes through it. Line breaks become blanks,
    so that nobody writes lines of their own; a question mark stands for what a terminal would obey
    and for characters that change the order of others.
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in str(text))


def width(text: str) -> int:
    """Return how many columns a terminal needs for text from `clean`."""
    return max(0, wcswidth(text))


def cut(text: str, most: int) -> str:
    """Return text, or its beginning and an ellipsis where it needs more columns than `most`."""
    if width(text) <= most:
        return text
    low, high = 0, len(text)
    while low < high:  # the longest beginning that leaves a column for the ellipsis
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width(text[:middle]) < most else (low, middle - 1)
    return text[:low] + "…"


def pad(text: str, wide: int) -> str:
    """Return text padded with spaces to `wide` columns."""
    return text + " " * (wide - width(text))


_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, movements of the cursor
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # with a text
    r"|\x1b[ -/]*[0-~]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
)


def without_escapes(text: str) -> str:
    """Return text of several lines without what a terminal would obey, colours among it."""
    return _ESCAPES.sub("", text)
