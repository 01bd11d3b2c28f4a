"""Read a submitted file: any bytes become a notebook in plain dicts, or a reason why not.

Only the cells' types, texts, grade ids and attachments are kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.grading.notebook.outputs import as_utf8
from utils.grading.text_files import without_piles

Cell = dict[str, Any]

MAX_FILE = 64 << 20  # bytes of a submitted notebook
MAX_CELLS = 2000
MAX_SOURCE = 1 << 20  # characters of a cell
MAX_CODE = 2 << 20  # characters of all code cells, which are parsed

# Flags to open a file: do not follow links, do not wait for pipes. Windows has neither.
_FLAGS = ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")
_PLAIN_FILE = os.O_RDONLY | sum(getattr(os, name, 0) for name in _FLAGS)


class Unreadable(ValueError):
    """A submitted file is not a notebook; the message says why."""


def read_file(path: str | Path) -> bytes:
    """Return a submitted file's bytes.

    Raises:
        Unreadable: the file is missing, not an ordinary file, or too large.
    """
    try:
        fd = os.open(path, _PLAIN_FILE)
    except FileNotFoundError:
        raise Unreadable("there is no such file") from None
    except (OSError, ValueError) as error:
        if os.path.islink(path):
            raise Unreadable(
                "it is a link to another file, not a notebook; the file itself is needed"
            ) from None
        if os.path.isdir(path):  # Windows cannot open a folder
            raise Unreadable("it is a folder, not a notebook") from None
        reason = getattr(error, "strerror", None) or "this is not a file's name"
        raise Unreadable(f"it cannot be opened ({reason})") from None
    try:
        about = os.fstat(fd)
        if stat.S_ISDIR(about.st_mode):
            raise Unreadable("it is a folder, not a notebook")
        if not stat.S_ISREG(about.st_mode):
            raise Unreadable("it is not an ordinary file")
        if about.st_size > MAX_FILE:
            raise Unreadable(_too_large(about.st_size))
        with open(fd, "rb", closefd=False) as file:  # a folder would raise an error here
            return file.read(min(about.st_size, MAX_FILE) + 1)  # it may grow meanwhile
    finally:
        os.close(fd)


def _too_large(size: int) -> str:
    return (
        f"it has {size / 1e6:.0f} MB, more than the {MAX_FILE / 1e6:.0f} MB that are read; clear "
        "the outputs of all cells and save it"
    )


def read_json(path: Path) -> dict[str, Any]:
    """Return the JSON object in one of the course's own files, {} if it is missing or damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read(data: bytes) -> dict[str, Any]:
    """Return a submitted notebook in plain dicts.

    Raises:
        Unreadable: the bytes are not a notebook.
    """
    if len(data) > MAX_FILE:
        raise Unreadable(_too_large(len(data)))
    if not data.removeprefix(b"\xef\xbb\xbf").strip():
        raise Unreadable("the file is empty")
    found = _parse(data)
    if not isinstance(found, dict):
        raise Unreadable("it is JSON, but not a notebook")
    cells = found.get("cells")
    if not isinstance(cells, list) and isinstance(found.get("worksheets"), list):
        cells = _cells_of_version_3(found["worksheets"])
    if not isinstance(cells, list):
        raise Unreadable("it is JSON, but not a notebook: it has no cells")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"it has {len(cells)} cells, more than the {MAX_CELLS} that are read")
    ours = [cell for number, given in enumerate(cells) if (cell := _cell(given, number))]
    code = sum(len(cell["source"]) for cell in ours if cell["cell_type"] == "code")
    if code > MAX_CODE:
        raise Unreadable(
            f"its cells of code have {code:,} characters, more than the {MAX_CODE:,} that are "
            "read; put data into a file beside the notebook"
        )
    return new_notebook(ours)


def _parse(data: bytes) -> Any:
    """Parse JSON.

    Raises:
        Unreadable: the bytes are not JSON in UTF-8.
    """
    if data.startswith(b"\0\0\0\0"):  # as no encoding of text begins
        raise Unreadable(
            "it begins with bytes that are zero, as when saving or copying did not finish: "
            "hand in an earlier copy"
        )
    encoding = json.detect_encoding(data)
    if not encoding.startswith("utf-8"):
        found = encoding[:6].upper()
        raise Unreadable(
            f"it is not text in UTF-8, but in {found}, so not a notebook: save it in UTF-8"
        )
    # a copy over a network may end in bytes that are 0
    data = data.removeprefix(b"\xef\xbb\xbf").strip(b"\0 \r\n\t")
    is_cut = not data.endswith(b"}")
    try:
        return json.loads(data.decode())
    except UnicodeDecodeError:
        wrong, advice = "it is not text in UTF-8", "save it in UTF-8"
    except (ValueError, RecursionError) as error:
        is_cut &= getattr(error, "msg", "") != "Extra data"
        wrong, advice = (
            "it is not valid JSON",
            f"hand in a copy that JupyterLab opens ({str(error)[:100]})",
        )
    if data[:4096].lower().startswith((b"<!doctype", b"<html")):
        raise Unreadable("it is a web page, not a notebook: download the notebook itself")
    if re.search(rb"^(<<<<<<<|>>>>>>>) ", data, re.MULTILINE):
        raise Unreadable(
            "it holds the marks of a merge that git could not finish (<<<<<<<): choose one of the "
            "two versions at each, or hand in an earlier one"
        )
    if not data.startswith(b"{"):
        advice = "it is a file of another kind; the notebook itself is needed"
    elif is_cut:
        advice = "its end is missing, as when saving or copying did not finish; hand in a full copy"
    raise Unreadable(f"{wrong}, so not a notebook: {advice}")


def new_notebook(cells: list[Cell]) -> dict[str, Any]:
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": python, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def new_cell(kind: str, source: str, name: str, metadata: dict[str, Any] | None = None) -> Cell:
    cell: Cell = {"id": name, "cell_type": kind, "metadata": metadata or {}, "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell


def as_nodes(value: Any) -> Any:
    """Convert plain dicts to nbformat's nodes."""
    import nbformat

    return nbformat.from_dict(value)


def _cells_of_version_3(worksheets: list[Any]) -> list[Any]:
    """Return the cells of a notebook in format 3 (2011 to 2015), converted to format 4."""
    cells = []
    for sheet in worksheets:
        given = sheet.get("cells") if isinstance(sheet, dict) else None
        for cell in given if isinstance(given, list) else []:
            if not isinstance(cell, dict):
                continue
            kind = cell.get("cell_type")
            if kind == "code":
                cell = cell | {"source": cell.get("input", "")}
            elif kind == "heading":
                level = cell.get("level")
                marks = "#" * (level if type(level) is int and 1 <= level <= 6 else 1)
                cell = cell | {"cell_type": "markdown", "source": f"{marks} {text_of(cell)}"}
            cells.append(cell)
    return cells


def text_of(cell: Mapping[str, Any]) -> str:
    """Return a cell's text, which may be a list of lines in a file."""
    source = cell.get("source", "")
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""


def _cell(given: Any, number: int) -> Cell | None:
    if not isinstance(given, dict):
        return None
    source = as_utf8(text_of(given)[:MAX_SOURCE])
    source = without_piles(source.replace("\r\n", "\n").replace("\r", "\n"))
    kind = given.get("cell_type")
    if not isinstance(kind, str) or kind not in ("code", "markdown"):
        kind = "raw"
    cell = new_cell(kind, source, f"cell-{number}")
    metadata = given.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    if isinstance(about, dict) and isinstance(about.get("grade_id"), str):
        cell["metadata"]["nbgrader"] = {"grade_id": about["grade_id"]}
    if kind == "markdown" and (attachments := _attachments(given.get("attachments"))):
        cell["attachments"] = attachments
    return cell


def _attachments(given: Any) -> dict[str, dict[str, str]]:
    """Return a cell's pictures by name and MIME type, without invalid ones; join lists of lines."""
    found: dict[str, dict[str, str]] = {}
    for name, bundle in given.items() if isinstance(given, dict) else ():
        for kind, data in bundle.items() if isinstance(bundle, dict) else ():
            lines = data if isinstance(data, list) else [data]
            if all(isinstance(line, str) for line in lines):
                found.setdefault(as_utf8(name), {})[as_utf8(kind)] = as_utf8("".join(lines))
    return found


def grade_id(cell: Mapping[str, Any]) -> str:
    """Return a cell's grade id, "" if it has none."""
    about = cell["metadata"].get("nbgrader")
    name = about.get("grade_id") if isinstance(about, dict) else None
    return name if isinstance(name, str) else ""


def text_hash(source: str) -> str:
    """Return a hash of a cell's text, ignoring spaces at the ends of lines."""
    text = "\n".join(line.rstrip() for line in source.strip().splitlines())
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
