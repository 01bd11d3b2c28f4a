"""Read text and tables from other programs: Excel, Moodle, Canvas, Windows Notepad.

They differ in encoding (UTF-8 with a byte order mark, UTF-16, Windows code pages), in the
separator, and in Unicode normalisation: macOS writes ü as u with a combining diaeresis. Here all of
that becomes plain text with composed letters (NFC).
"""

from __future__ import annotations

import codecs
import csv
import difflib
import functools
import os
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

MAX_TABLE = 32 << 20  # bytes of a table
MARKS = 30  # combining marks on one letter; no language uses as many


def plain(text: str) -> str:
    """Return text in NFC (composed letters), so that equal names are equal strings."""
    return unicodedata.normalize("NFC", without_piles(text))


def same(text: str) -> str:
    """Return a key that is equal for names differing only in case, spaces or normalisation."""
    return " ".join(unicodedata.normalize("NFKC", without_piles(text)).casefold().split())


def without_piles(text: str) -> str:
    """Return text with at most `MARKS` combining marks on each letter.

    Unicode normalisation, which Python's parser also applies to names, sorts the marks on a letter
    in quadratic time: a few kilobytes of marks would take minutes.
    """
    if text.isascii():
        return text
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if _is_mark(character) else 0
        if marks <= MARKS:
            kept.append(character)
    return "".join(kept)


@functools.lru_cache(maxsize=4096)
def _is_mark(character: str) -> bool:
    return unicodedata.combining(unicodedata.normalize("NFKD", character)[0]) > 0


def decode(data: bytes) -> str:
    """Decode bytes as UTF-8, UTF-16, or else the western code page of Windows."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return plain(data.decode("utf-16", "replace"))
    if b"\0" in data[:64]:  # UTF-16 without a byte order mark: every other byte of ASCII is 0
        name = "utf-16-be" if data[:1] == b"\0" else "utf-16-le"
        return plain(data.decode(name, "replace"))
    try:
        return plain(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return plain(data.decode("cp1252", "replace"))


def writable(name: str) -> str:
    """Return a file name as valid text, with bytes that are not text replaced."""
    return os.fsencode(name).decode(errors="replace")


def read_table(path: Path) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Read a CSV file; return the column names, and (line number, row) for each line.

    Names are in lower case with single spaces; the separator is detected in the first line.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not a table.
    """
    if path.stat().st_size > MAX_TABLE:
        raise ValueError(f"it has more than {MAX_TABLE >> 20} MB")
    text = decode(path.read_bytes())
    if "\0" in text:
        raise ValueError("it is not text")
    lines = text.splitlines(keepends=True)
    start = 0
    while start < len(lines) and not lines[start].strip():
        start += 1
    first = lines[start] if start < len(lines) else ""
    separator = max(",;\t", key=first.count)
    if first.casefold().startswith("sep=") and len(first.strip()) == 5:  # Excel's own line
        separator, start = first.strip()[4], start + 1
    reader = csv.reader(lines[start:], delimiter=separator, skipinitialspace=True)
    try:
        header = [same(name) for name in next(reader, [])]
        found = []
        for fields in reader:
            values = [value.strip() for value in fields]
            if any(values):
                line = dict(zip(header, values, strict=False))
                found.append((reader.line_num + start, line))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    return header, found


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the most similar of some names, "" if none is similar."""
    by_form = {same(known): known for known in names}
    found = difflib.get_close_matches(same(name), by_form, 1, 0.6)
    return by_form[found[0]] if found else ""


def some(names: Collection[str], most: int = 5) -> str:
    """Join a few names with commas, and add how many more there are."""
    shown = [*names][:most]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def counted(number: float, unit: str) -> str:
    """Return a number with its unit, such as "1 point" or "2.5 points"."""
    return f"{number:g} {unit}{'' if number == 1 else 's'}"


def seconds_in_words(number: float) -> str:
    """Return a number of seconds in words."""
    return counted(round(number, 1) or number, "second")
