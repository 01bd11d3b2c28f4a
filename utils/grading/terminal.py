"""Print untrusted text on a terminal safely, with aligned columns.

Students' ids and messages may contain anything. East Asian characters are two columns wide and
combining accents none, so the number of characters says little about the width.
"""

from __future__ import annotations

import re
import shutil

from wcwidth import wcswidth

WIDE = 120  # columns if the width is unknown: in a pipe or a file


def columns() -> int:
    """Return the terminal's width in columns, or the environment variable `COLUMNS` if set."""
    return shutil.get_terminal_size((WIDE, 24)).columns


def clean(text: object) -> str:
    """Return text, or an error's message, as one line that is safe on a terminal.

    Use it for every text that may contain a student's words or names. Line breaks become blanks, so
    that nobody can forge lines; a question mark replaces control characters and characters that
    change the order of others.
    """
    return "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in str(text))


def width(text: str) -> int:
    """Return the width in columns of text from `clean`."""
    return max(0, wcswidth(text))


def cut(text: str, most: int) -> str:
    """Return text, shortened with an ellipsis if it is wider than `most` columns."""
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
    """Return text of several lines without terminal escape sequences, including colours."""
    return _ESCAPES.sub("", text)
