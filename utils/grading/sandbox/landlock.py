"""The sandbox of kind *landlock*: the kernel lets a process open only a few files."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import struct
from pathlib import Path

import utils
from utils.grading.sandbox import seccomp
from utils.grading.sandbox.system_calls import LINUX, checked, libc
from utils.grading.sandbox.visible_files import data_folders, installation, open_files


def landlock_version() -> int:
    """Return the kernel's Landlock version, 0 for none."""
    if not LINUX:
        return 0
    version = libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint(1))
    return max(version, 0)


_READ, _EXECUTE, _READ_DIR = 4, 1, 8
_WRITE = 2 | 16 | 32 | 128 | 256 | 1024 | 8192 | 16384  # files, folders; no devices, sockets, pipes


def restrict_files(home: str, kind: str) -> None:
    """Allow opening files only in the Python installation and in the process's own folder.

    Raises:
        OSError: the kernel has no Landlock, or `utils` is installed among what must be readable.
    """
    version = landlock_version()
    if version < 1:
        raise OSError("the kernel has no Landlock")
    files = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    network = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    attributes = struct.pack("<QQQ", files, network, scoped)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = checked(
        libc.syscall(ctypes.c_long(444), attributes, ctypes.c_size_t(size), ctypes.c_uint(0)),
        "landlock_create_ruleset",
    )

    def allow(path: str, rights: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            if not os.path.isdir(path):
                rights &= 1 | 2 | 4 | 16384
            rule = struct.pack("<Qi", rights & files, fd)
            checked(
                libc.syscall(ctypes.c_long(445), ctypes.c_int(rules), ctypes.c_int(1), rule, 0),
                f"landlock_add_rule {path}",
            )
            os.close(fd)

    package = os.path.dirname(os.path.realpath(utils.__file__))
    for path in installation():
        if kind != seccomp.JUDGE and package.startswith(f"{path}/"):
            raise OSError(
                f"{package} lies in {path}; landlock cannot hide its solutions (install with -e)"
            )
        allow(path, _READ | _EXECUTE | _READ_DIR)
    allow(package, _READ_DIR | (_READ if kind == seccomp.JUDGE else 0))
    for path in (*open_files(), *data_folders()):
        allow(path, _READ | _READ_DIR)
    for name in ("null", "zero", "full", "random", "urandom"):
        allow(f"/dev/{name}", _READ | 2)
    allow(home, _READ | _READ_DIR | (_WRITE if kind != seccomp.JUDGE else 0))
    restrict = libc.syscall(ctypes.c_long(446), ctypes.c_int(rules), ctypes.c_uint(0))
    checked(restrict, "landlock_restrict_self")
    os.close(rules)


@functools.cache
def readable_by_all() -> bool:
    """Return whether every user of this machine can read the Python installation."""
    for path in installation():
        folder = Path(path)
        for part in (folder, *folder.parents):
            if part.is_dir() and not part.stat().st_mode & 0o001:
                return False
    return True
