"""Read the members of zip and tar archives of all kinds, within limits."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

LONGEST_END = (1 << 16) + 200  # bytes of a zip file's last records and its comment
LONGEST_HEADER = 1 << 14  # bytes of a tar archive's headers for one member
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
# Exceptions that `zipfile`, `tarfile` and the modules below them raise for damaged files.
DAMAGED = (
    zipfile.BadZipFile, zipfile.LargeZipFile, tarfile.TarError, lzma.LZMAError, zlib.error,
    EOFError, ValueError, LookupError, ArithmeticError, RuntimeError, AttributeError, TypeError,
)  # fmt: skip
# Errors of the system's that an archive's own numbers and names cause, not the disk: an offset that
# no file has, a path that is too long. Those of gzip and bz2 have no number.
OF_ARCHIVE = (None, errno.EINVAL, errno.EOVERFLOW, errno.EILSEQ, errno.ENAMETOOLONG)


class BadArchive(ValueError):
    """An archive that cannot be unpacked; the message says why."""


@dataclass
class Budget:
    """How much may still be unpacked.

    Attributes:
        files, size: number of files and total bytes that are left.
        of_file: maximum bytes of one file.
        ratio: maximum unpacked size relative to the archive's size, applied beyond 50 MB.
    """

    files: int = 2000
    size: int = 512 << 20
    of_file: int = 200 << 20
    ratio: int = 100


@dataclass
class Member:
    """A file in an archive: its name in it and how to read it, or why it cannot be read."""

    name: str
    open: Callable[[], IO[bytes] | None] = lambda: None
    problem: str = ""


def kind_of(path: Path) -> str:
    """Return the kind of an archive ("zip", "tar", "gzip", "RAR", ...), "" for other files."""
    with path.open("rb") as file:
        head = file.read(512)
    for start, kind in KINDS:
        if head.startswith(start):
            return kind
    with contextlib.suppress(*DAMAGED):
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        return "tar"
    return ""


def tar_head(path: Path) -> bytes:
    """Return the first block of the decompressed data if it is a tar header, else nothing."""
    with contextlib.suppress(OSError, *DAMAGED), OPEN[kind_of(path)](path, "rb") as file:
        head = file.read(512)
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
        return head
    return b""


def packed_notebook(path: Path) -> bool:
    """Return whether a gzip file is a single notebook, by its name or its first bytes."""
    if path.name.casefold().endswith((".ipynb.gz", ".ipynb")):
        return True
    with contextlib.suppress(OSError, *DAMAGED), gzip.open(path, "rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{")
    return False


def members_of(archive: Path, budget: Budget) -> Iterator[Member]:
    kind = kind_of(archive)
    if kind == "zip":
        yield from _zip_members(archive, budget)
    elif kind == "tar" or (kind in OPEN and tar_head(archive)):
        yield from _tar_members(archive, kind, budget)
    elif kind == "gzip" and packed_notebook(archive):
        name = re.sub(r"\.gz$", "", archive.name, flags=re.IGNORECASE)
        name += "" if "." in name else ".ipynb"
        yield Member(name, lambda: OPEN["gzip"](archive))
    elif kind in OPEN:
        raise BadArchive("is damaged, or holds no files")
    elif kind:
        raise BadArchive(f"is a {kind} archive, which cannot be unpacked here; ask for a zip file")
    elif _has_zip_end(archive):
        yield from _zip_members(archive, budget)  # data may precede the archive
    else:
        raise BadArchive("is not an archive, despite its name, or is damaged")


def _has_zip_end(archive: Path) -> bool:
    try:
        return zipfile.is_zipfile(archive)
    except (OSError, *DAMAGED):
        return False


def _count(archive: Path, budget: Budget) -> None:
    """Refuse a zip file with far too many members, since Python reads the whole list at once."""
    with archive.open("rb") as file:
        file.seek(max(0, archive.stat().st_size - LONGEST_END))
        end = file.read()
    size = 0  # bytes of the list of members, from the archive's last records
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
        raise BadArchive("is damaged, or its upload was incomplete") from None
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
    """Return a member's name; some programs write UTF-8 without setting the flag for it."""
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
    """A tar header; refused if reading it would take too long."""

    def _proc_member(self, bundle: tarfile.TarFile) -> tarfile.TarInfo | None:
        """Continue after a header; refuse an extended header that is too long.

        Python reads an extended header whole, and before 3.12 in quadratic time. Its source names
        this method, which every version calls, as the one to override.

        Raises:
            BadArchive: the extended header is too long.
        """
        if self.type in HEADERS and not 0 <= self.size <= LONGEST_HEADER:
            raise BadArchive("holds a file with a name that is too long; the rest is left out")
        return super()._proc_member(bundle)  # type: ignore[misc]


class _Counted:
    """A stream that raises `BadArchive` when more is read than allowed.

    `tarfile` skips a member block by block; of one whose header claims an immense size it would go
    on reading nothing at the end of the file, so the third time raises `EOFError`.
    """

    def __init__(self, stream: IO[bytes], left: int) -> None:
        self.stream, self.left, self.empty = stream, left, 0

    def read(self, size: int) -> bytes:
        found = self.stream.read(size)
        self.left -= len(found)
        self.empty += not found
        if self.empty > 2:
            raise EOFError
        if self.left < 0:
            raise BadArchive("unpacks to more than is allowed; the rest is left out")
        return found
