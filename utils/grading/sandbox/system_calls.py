"""System calls that the sandbox makes and for which Python has no function.

The system calls that a submission may make are in `seccomp`.
"""

from __future__ import annotations

import ctypes
import os
import signal
import struct
import sys
from pathlib import Path
from typing import Any

LINUX = sys.platform == "linux"

libc: Any = ctypes.CDLL(None, use_errno=True) if LINUX else None

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38


def checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(*args: int) -> None:
    checked(libc.prctl(*(ctypes.c_ulong(arg) for arg in (*args, 0, 0, 0, 0)[:5])), "prctl")


def unshare(flags: int) -> None:
    checked(libc.unshare(ctypes.c_int(flags)), "unshare")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = (
        source.encode(),
        target.encode(),
        kind.encode(),
        ctypes.c_ulong(flags),
        data.encode(),
    )
    checked(libc.mount(*arguments), f"mount {target}")


def bind(source: str, target: str, device: bool = False) -> None:
    """Mount a file or folder, with everything mounted in it, read-only at another path."""
    mount(source, target, "", MS_BIND | MS_REC)
    flags = 1 | 2 | (0 if device else 4)  # read-only, nosuid, nodev
    no_access_times, access_times = 0x10, 0x70
    try:  # access times would show others what has been read
        _set_mount(target, flags | no_access_times, access_times)
    except PermissionError:  # an ordinary user cannot change how access times are kept
        _set_mount(target, flags, 0)


def _set_mount(target: str, flags: int, clear: int) -> None:
    attributes = struct.pack("<QQQQ", flags, clear, 0, 0)  # struct mount_attr
    at_fdcwd, at_recursive, mount_setattr = -100, 0x8000, 442
    checked(
        libc.syscall(
            ctypes.c_long(mount_setattr), ctypes.c_int(at_fdcwd), target.encode(),
            ctypes.c_uint(at_recursive), attributes, ctypes.c_size_t(len(attributes)),
        ),
        f"mount_setattr {target}",
    )  # fmt: skip


def use_large_pages() -> None:
    """Move this process's memory into large (2 MiB) pages where it fills them.

    A fork then copies one page table entry instead of 512, and the end of the child frees one.
    Needs Linux 6.1; on others nothing changes.
    """
    size, advice = 2 << 20, 25  # MADV_COLLAPSE
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, access, _, _, number, *_ = line.split(maxsplit=5)
        if access == "rw-p" and number == "0":  # of no file
            start, end = (int(address, 16) for address in addresses.split("-"))
            start, end = -(-start // size) * size, end // size * size
            if start < end:
                libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), advice)


def adopt_orphans() -> None:
    """Make this process the parent of its descendants whose own parents have ended."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Let the kernel end this process when its parent ends."""
    parent = os.getppid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
