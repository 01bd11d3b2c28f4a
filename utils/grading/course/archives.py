"""Archives that students hand in: unpacked within limits, whatever they are.

A file is taken for what its first bytes say, not for what it is called. Each member that cannot be
had costs itself and leaves a sentence; what is fine is unpacked. Nothing is written outside of the
folder that is asked for, no link or device is made, and the bytes are counted while they come.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, Self, cast

from utils.grading.text_files import plain

ENDINGS = (".tar.gz", ".tar.bz2", ".tar.xz", ".zip", ".tgz", ".tar", ".gz", ".rar", ".7z")
CHUNK = 1 << 16
LONGEST = 200  # bytes of a name
LONGEST_END = (1 << 16) + 200  # bytes in which a zip file's last records and its comment lie
LONGEST_HEADER = 1 << 14  # bytes of what a tar archive says about one member
HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
KINDS = (  # by a file's first bytes
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"Rar!", "RAR"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
)
OPEN: dict[str, Callable[..., Any]] = {
    "gzip": gzip.open,
    "bzip2": bz2.open,
    "xz": lzma.open,
    "tar": open,
}
# What operating systems and editors leave behind; nobody misses it.
RUBBISH = re.compile(
    r"(^|/)(__MACOSX|\.ipynb_checkpoints|__pycache__|\.git|\.venv)(/|$)"
    r"|(^|/)(\._[^/]*|\.DS_Store|Thumbs\.db|desktop\.ini)$"
)
# All that a damaged file has been seen to raise in `zipfile`, `tarfile` and below them.
DAMAGED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, lzma.LZMAError, zlib.error,
    EOFError, ValueError, LookupError, ArithmeticError, RuntimeError, AttributeError, TypeError,
)  # fmt: skip


class BadArchive(ValueError):
    """An archive that cannot be unpacked; the message says why."""


@dataclass
class Budget:
    """What may still be unpacked.

    Attributes:
        files, size: in all, size in bytes.
        of_file: bytes of one file.
        ratio: how many times an archive's own size, once 50 MB are exceeded.
    """

    files: int = 2000
    size: int = 512 << 20
    of_file: int = 200 << 20
    ratio: int = 100


CLASS = Budget(files=200_000, size=1 << 40, of_file=200 << 20, ratio=1 << 30)
FREE_OF_RATIO = 50 << 20


@dataclass
class Member:
    """A file in an archive: its name there and how to read it, or why it cannot be had."""

    name: str
    open: Callable[[], IO[bytes] | None] = lambda: None
    problem: str = ""


@dataclass
class Unpacked:
    """What came of an archive: the files that are there, and a sentence on each that is not."""

    files: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def ending(name: str) -> str:
    """Return a name's ending if it is an archive's, in lower case, else ""."""
    lower = name.casefold()
    return next((known for known in ENDINGS if lower.endswith(known)), "")


def without_ending(name: str) -> str:
    """Return an archive's name without its ending, nor with that of a notebook in it."""
    stem = name[: len(name) - len(ending(name))] or "archive"
    return re.sub(r"\.ipynb$", "", stem, flags=re.IGNORECASE) or "archive"


def kind_of(path: Path) -> str:
    """Return what an archive is ("zip", "tar", "gzip", "RAR", ...), "" if it is none."""
    with path.open("rb") as file:
        head = file.read(512)
    for start, kind in KINDS:
        if head.startswith(start):
            return kind
    with contextlib.suppress(*DAMAGED):
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        return "tar"
    return ""


def is_archive(path: Path) -> bool:
    """Return whether a file's name says that it is an archive, and is not only compressed data.

    A `train-images.gz` holds no files, so it stays what it is.
    """
    known = ending(path.name)
    if known != ".gz":
        return bool(known)
    try:
        return kind_of(path) != "gzip" or bool(_tar_head(path)) or _packed_notebook(path)
    except OSError:
        return False


def _tar_head(path: Path) -> bytes:
    """Return the first block of compressed data, if it is a tar archive's."""
    with contextlib.suppress(OSError, *DAMAGED), OPEN[kind_of(path)](path, "rb") as file:
        head = file.read(512)
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        return head
    return b""


def _packed_notebook(path: Path) -> bool:
    return path.name.casefold().endswith(".ipynb.gz")


def unpack(archive: Path, target: Path, budget: Budget) -> Unpacked:
    """Unpack an archive into a folder, which is made.

    Args:
        archive: the file.
        target: where its files go.
        budget: what may be unpacked; it is less afterwards.

    Raises:
        BadArchive: nothing of it can be had.
        OSError: the disk is full, or the folder may not be written.
    """
    size = archive.stat().st_size
    if not size:
        raise BadArchive("is empty (0 bytes)")
    done = Unpacked()
    taken: dict[str, int] = {}
    written = 0
    try:
        for member in _members(archive, budget):
            if RUBBISH.search(member.name):
                continue
            if budget.files <= 0:
                raise BadArchive("holds too many files; the others are left out")
            budget.files -= 1
            name, problem = clean_name(member.name)
            problem = member.problem or problem
            if not problem:
                path = target.joinpath(*_free(name, taken))
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
    except DAMAGED as error:
        if not done.files and not done.problems:
            raise BadArchive("is damaged") from error
        done.problems.append("it is damaged; what could be read of it is there")
    if not done.files and not done.problems:
        raise BadArchive("holds no files")
    return done


def _members(archive: Path, budget: Budget) -> Iterator[Member]:
    kind = kind_of(archive)
    if kind == "zip":
        yield from _zip_members(archive, budget)
    elif kind == "tar" or (kind in OPEN and _tar_head(archive)):
        yield from _tar_members(archive, kind, budget)
    elif kind == "gzip" and _packed_notebook(archive):
        yield Member(archive.name[:-3], lambda: OPEN["gzip"](archive))
    elif kind in OPEN:
        raise BadArchive("is damaged, or holds no files")
    elif kind:
        raise BadArchive(f"is a {kind} archive, which cannot be unpacked here; ask for a zip file")
    elif _has_zip_end(archive):
        yield from _zip_members(archive, budget)  # something stands before the archive
    else:
        raise BadArchive("is not an archive, whatever its name says, or it is damaged")


def _has_zip_end(archive: Path) -> bool:
    try:
        return zipfile.is_zipfile(archive)
    except (OSError, *DAMAGED):
        return False


def _count(archive: Path, budget: Budget) -> None:
    """Refuse a zip file with far more members than may be unpacked: Python reads of all at once."""
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - LONGEST_END))
        end = file.read()
    size = 0  # bytes of the list of members, as the archive's last records say
    for mark, place, form in ((b"PK\5\6", 12, "<L"), (b"PK\6\6", 40, "<Q")):
        start = end.rfind(mark)
        if 0 <= start <= len(end) - place - struct.calcsize(form):
            found = struct.unpack_from(form, end, start + place)[0]
            size = found if found != 0xFFFFFFFF else size
    if size > (4 << 20) + 300 * budget.files:
        raise BadArchive("holds too many files, or names that are too long")


def _zip_members(archive: Path, budget: Budget) -> Iterator[Member]:
    try:
        _count(archive, budget)
        bundle = zipfile.ZipFile(archive)
    except BadArchive:
        raise
    except DAMAGED:
        raise BadArchive("is damaged, or was not uploaded to its end") from None
    with bundle:
        for info in bundle.infolist():
            name = _zip_name(info)
            mode = info.external_attr >> 16
            if name.endswith("/") or info.is_dir() or stat.S_ISDIR(mode):
                continue
            if info.flag_bits & 1:
                yield Member(name, problem="is protected by a password")
            elif stat.S_IFMT(mode) not in (0, stat.S_IFREG):
                yield Member(name, problem="is a link or a device, not a file")
            else:
                yield Member(name, partial(bundle.open, info))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Return a member's name; programs that write UTF-8 do not always say so."""
    name = info.filename
    if not info.flag_bits & 0x800:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def _tar_members(archive: Path, kind: str, budget: Budget) -> Iterator[Member]:
    with OPEN[kind](archive, "rb") as stream:
        counted = cast(IO[bytes], _Counted(stream, budget.size + (16 << 20)))
        with tarfile.open(fileobj=counted, mode="r|", tarinfo=_TarInfo) as bundle:
            for info in bundle:
                if info.isdir():
                    continue
                if not info.isreg():
                    yield Member(info.name, problem="is a link or a device, not a file")
                else:
                    yield Member(info.name, partial(bundle.extractfile, info))


class _TarInfo(tarfile.TarInfo):
    """What a tar archive says about a member; refused where it would take long to read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a header, and refuse a longer text about the next member.

        Python reads such a text whole, and before 3.12 in quadratic time.
        """
        info = super().frombuf(buf, encoding, errors)
        if info.type in HEADERS and not 0 <= info.size <= LONGEST_HEADER:
            raise BadArchive("holds a file with a name that is too long; the rest is left out")
        return info


class _Counted:
    """A stream that ends with `BadArchive` when more comes than may."""

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self.stream, self.left = stream, left

    def read(self, size: int) -> bytes:
        found = self.stream.read(size)
        self.left -= len(found)
        if self.left < 0:
            raise BadArchive("unpacks to more than is allowed; the rest is left out")
        return found


def _write(member: Member, path: Path, most: int) -> tuple[str, int]:
    """Write a member to a file; return what is wrong with it, "" for nothing, and its size."""
    count = 0
    file = None
    try:
        try:
            stream = member.open()
            assert stream is not None  # only what has a problem has none
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("xb")
        except (FileExistsError, NotADirectoryError):
            return "has the name of a folder", 0
        with stream, file:
            while chunk := stream.read(CHUNK):
                count += len(chunk)
                if count > most:
                    path.unlink()
                    return f"unpacks to more than the {max(most, 0) >> 20} MB that it may", count
                file.write(chunk)
        return "", count
    except BadArchive:
        if file is not None:
            path.unlink(missing_ok=True)
        raise
    except OSError as error:
        if file is not None:
            path.unlink(missing_ok=True)
        if error.errno is None:  # of gzip, of bz2: the data are damaged
            return "is damaged", count
        raise
    except DAMAGED:
        if file is not None:
            path.unlink(missing_ok=True)
        return "is damaged", count


def clean_name(name: str) -> tuple[list[str], str]:
    """Return the parts of a member's name as they can be used, and what is wrong with it.

    A leading slash or drive is dropped. Characters that are not text become `_`, a long name loses
    its middle.
    """
    text = plain(name[:LONGEST_HEADER].encode("utf-8", "replace").decode())
    text = re.sub(r"^[A-Za-z]:/", "", text.replace("\\", "/"))
    parts = [part for part in PurePosixPath(text.lstrip("/")).parts if part not in ("", ".")]
    if ".." in parts:
        return [], "leads out of the archive, by its name"
    parts = [_short(re.sub(r"[\x00-\x1f\x7f]", "_", part)) for part in parts]
    if len(parts) > 12:
        return [], "lies in more than 12 folders within each other"
    return (parts, "") if parts else ([], "has no name")


def _short(part: str) -> str:
    """Return a name that a file may have: its middle is left out if it is too long."""
    data = part.encode()
    if len(data) <= LONGEST:
        return part
    mark = hashlib.sha256(data).hexdigest()[:8]
    head, tail = data[:100].decode(errors="ignore"), data[-80:].decode(errors="ignore")
    return f"{head}~{mark}~{tail}"


def _free(parts: list[str], taken: dict[str, int]) -> list[str]:
    """Return a name that no other member has, on disks that know no upper case, too.

    Args:
        parts: the name.
        taken: names in use, and the last number that each was given; changed.
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
    """Return a name as it can be shown: printable and not too long."""
    text = "".join(c if c.isprintable() else "?" for c in name.encode("utf-8", "replace").decode())
    return text if len(text) <= 120 else f"{text[:70]}...{text[-45:]}"


def unpack_beside(archive: Path, budget: Budget, depth: int = 3) -> list[tuple[Path, str]]:
    """Unpack an archive, and the archives in it, each into a folder beside it.

    An archive that is unpacked in full is removed; one with problems stays for a person to see.

    Args:
        archive: the file.
        budget: what may be unpacked; it is less afterwards.
        depth: how many archives may lie within each other.

    Returns:
        Each archive with a problem, and the sentence that names it.
    """
    name = shown(archive.name)
    if not depth:
        return [(archive, f"{name} lies in too many archives within each other")]
    try:
        done = unpack(archive, free_folder(archive.parent, without_ending(archive.name)), budget)
    except BadArchive as error:
        return [(archive, f"{name} {error}")]
    if not done.problems:
        archive.unlink()
    problems = [(archive, f"{name}: {problem}") for problem in done.problems[:3]]
    if len(done.problems) > 3:
        problems.append((archive, f"{name}: {len(done.problems) - 3} more files have problems"))
    for path in done.files:
        if is_archive(path):
            problems += unpack_beside(path, budget, depth - 1)
    return problems


def free_folder(parent: Path, name: str) -> Path:
    """Return a path that is not there yet, of this name if possible."""
    path, number = parent / name, 1
    while os.path.lexists(path):
        number += 1
        path = parent / f"{name} ({number})"
    return path
