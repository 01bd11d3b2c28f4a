"""Unpack archives that students hand in, within limits.

The first bytes of a file decide its format, not its name. A member that cannot be unpacked is
reported in a sentence; all others are unpacked. Nothing is written outside the target folder, no
link or device is created, and bytes are counted as they are unpacked.
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from utils.grading.course.archive_members import (
    DAMAGED,
    LONGEST_HEADER,
    OF_ARCHIVE,
    BadArchive,
    Budget,
    Member,
    kind_of,
    members_of,
    packed_notebook,
    tar_head,
)
from utils.grading.text_files import plain

ENDINGS = (".tar.gz", ".tar.bz2", ".tar.xz", ".zip", ".tgz", ".tar", ".gz", ".rar", ".7z")
CHUNK = 1 << 16
LONGEST = 200  # bytes of a name
# Files that operating systems and editors leave behind.
JUNK = re.compile(
    r"(^|/)(__MACOSX|\.ipynb_checkpoints|__pycache__|\.git|\.venv)(/|$)"
    r"|(^|/)(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$"
)
CLASS = Budget(files=200_000, size=1 << 40, of_file=200 << 20, ratio=1 << 30)
FREE_OF_RATIO = 50 << 20


@dataclass
class Unpacked:
    """The result of unpacking: the unpacked files, and a sentence on each other member."""

    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def ending(name: str) -> str:
    """Return a file name's ending in lower case if it is an archive's, else ""."""
    lower = name.casefold()
    return next((known for known in ENDINGS if lower.endswith(known)), "")


def without_ending(name: str) -> str:
    """Return an archive's name without its ending and without `.ipynb` before it."""
    stem = name[: len(name) - len(ending(name))] or "archive"
    return re.sub(r"\.ipynb$", "", stem, flags=re.IGNORECASE) or "archive"


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive by its name, and more than compressed data.

    A `train-images.gz` contains no files, so it is left as it is.
    """
    known = ending(path.name)
    if known != ".gz":
        return bool(known)
    try:
        return kind_of(path) != "gzip" or bool(tar_head(path)) or packed_notebook(path)
    except OSError:
        return False


def unpack(archive: Path, target: Path, budget: Budget) -> Unpacked:
    """Unpack an archive into a new folder.

    Args:
        archive: the file.
        target: the folder.
        budget: how much may be unpacked; what was used is subtracted.

    Raises:
        BadArchive: nothing in it can be read.
        OSError: the disk is full, or the folder is not writable.
    """
    size = archive.stat().st_size
    if not size:
        raise BadArchive("is empty (0 bytes)")
    done = Unpacked()
    taken: dict[str, int] = {}
    written = 0
    try:
        for member in members_of(archive, budget):
            if JUNK.search(member.name):
                continue
            if budget.files <= 0:
                raise BadArchive("holds too many files; the others are left out")
            budget.files -= 1
            name, problem = clean_name(member.name)
            problem = member.problem or problem
            if not problem:
                path = target.joinpath(*free_name(name, taken))
                allowed = max(FREE_OF_RATIO, size * budget.ratio)
                most = min(budget.of_file, budget.size, allowed - written)
                problem, count = _write(member, path, most)
                written += count
                budget.size -= count
                if not problem:
                    done.files.append(path)
            if problem:
                done.problems.append(f"{shown(member.name)} in it {problem}")
    except BadArchive as error:
        if not done.files and not done.problems:
            raise
        done.problems.append(f"it {error}")
    except (OSError, *DAMAGED) as error:
        if isinstance(error, OSError) and error.errno not in OF_ARCHIVE:
            raise
        if not done.files and not done.problems:
            raise BadArchive("is damaged") from error
        done.problems.append("it is damaged; what could be read of it is there")
    if not done.files and not done.problems:
        raise BadArchive("holds no files")
    return done


def _write(member: Member, path: Path, most: int) -> tuple[str, int]:
    """Write a member to a file; return a problem, or "", and the number of bytes unpacked."""
    count, file, whole = 0, None, False
    try:
        try:
            stream = member.open()
            assert stream is not None  # only a member with a problem has none
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("xb")
        except (FileExistsError, NotADirectoryError):
            return "has the name of a folder", 0
        with stream, file:
            while chunk := stream.read(CHUNK):
                count += len(chunk)
                if count > most:
                    return f"unpacks to more than the {max(most, 0) >> 20} MB that it may", count
                file.write(chunk)
        whole = True
        return "", count
    except BadArchive:
        raise
    except OSError as error:
        if error.errno not in OF_ARCHIVE:
            raise
        return ("has a name that no file can have here" if error.filename else "is damaged"), count
    except DAMAGED as error:
        if isinstance(error, NotImplementedError):  # Deflate64 of Windows, Zstandard
            return "is compressed in a way that cannot be read here; ask for a zip file", count
        return "is damaged", count
    finally:
        if file is not None and not whole:
            path.unlink(missing_ok=True)


def clean_name(name: str) -> tuple[list[str], str]:
    """Return the usable parts of a member's path, and the problem with it, or "".

    A leading slash or drive is dropped. Control characters become `_`, and the middle of a long
    name is left out.
    """
    text = plain(name[:LONGEST_HEADER].encode("utf-8", "replace").decode())
    text = re.sub(r"^[A-Za-z]:/", "", text.replace("\\", "/"))
    parts = [part for part in PurePosixPath(text.lstrip("/")).parts if part not in ("", ".")]
    if ".." in parts:
        return [], "has a name that leads out of the archive"
    parts = [_short(re.sub(r"[\x00-\x1f\x7f]", "_", part)) for part in parts]
    if len(parts) > 12:
        return [], "is nested more than 12 folders deep"
    return (parts, "") if parts else ([], "has no name")


def _short(part: str) -> str:
    """Return a name with its middle left out if it is too long for a file."""
    data = part.encode()
    if len(data) <= LONGEST:
        return part
    mark = hashlib.sha256(data).hexdigest()[:8]
    head, tail = data[:100].decode(errors="ignore"), data[-80:].decode(errors="ignore")
    return f"{head}~{mark}~{tail}"


def free_name(parts: list[str], taken: dict[str, int]) -> list[str]:
    """Return a name that no other member has, even on a case-insensitive disk.

    Args:
        parts: the name.
        taken: names in use, with the last number appended to each; updated.
    """
    *folders, name = parts
    stem, suffix = os.path.splitext(name)
    first = key = "/".join(parts).casefold()
    number = taken.get(first, 1)
    while key in taken:
        number += 1
        name = f"{stem} ({number}){suffix}"
        key = "/".join([*folders, name]).casefold()
    taken[first] = number
    taken.setdefault(key, 1)
    return [*folders, name]


def shown(name: str) -> str:
    """Return a name for a message: printable and at most 120 characters."""
    text = "".join(c if c.isprintable() else "?" for c in name.encode("utf-8", "replace").decode())
    return text if len(text) <= 120 else f"{text[:70]}...{text[-45:]}"


def unpack_beside(
    archive: Path, budget: Budget, folder: str = "", depth: int = 3
) -> list[tuple[Path, str]]:
    """Unpack an archive, and the archives in it, each into a folder beside it.

    An archive that is unpacked in full is removed; one with problems stays for a person to see.

    Args:
        archive: the file.
        budget: how much may be unpacked; what was used is subtracted.
        folder: the folder's name; by default the archive's name without its ending.
        depth: how deeply archives may be nested.

    Returns:
        Each archive with a problem, and the sentence that names it.
    """
    name = shown(archive.name)
    if not depth:
        return [(archive, f"{name} is nested in too many archives")]
    try:
        target = free_folder(archive.parent, folder or without_ending(archive.name))
        done = unpack(archive, target, budget)
    except BadArchive as error:
        return [(archive, f"{name} {error}")]
    if not done.problems:
        archive.unlink()
    problems = [(archive, f"{name}: {problem}") for problem in done.problems[:3]]
    if len(done.problems) > 3:
        problems.append((archive, f"{name}: {len(done.problems) - 3} more files have problems"))
    for path in done.files:
        if is_archive(path):
            problems += unpack_beside(path, budget, depth=depth - 1)
    return problems


def free_folder(parent: Path, name: str) -> Path:
    """Return a path that does not exist yet, with this name if possible."""
    path, number = parent / name, 1
    while os.path.lexists(path):
        number += 1
        path = parent / f"{name} ({number})"
    return path
