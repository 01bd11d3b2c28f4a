"""The sandbox of one process, made of what Linux has: for a student process, and for the judge.

There are two kinds, each enough by itself; the first that works here is taken.

*namespaces*: the process has a process tree, a network and a file system of its own. The file
system is small: the Python installation and the data of the problem set, read-only, a student's
home folder in memory, and nothing else of this machine. A submission's judge and student's
processes share a network namespace without any interface, in which they can make no socket. Needs
root or unprivileged user namespaces.

*landlock*: the process stays where it is, but the kernel lets it read the Python installation, read
and write one new folder (the judge: none), and nothing else; it cannot start processes, change what
files are called or owned, or signal anyone. Needs Linux 5.13.

On top of either: an ordinary user, no new privileges, no capabilities, a list of the system calls
that a notebook needs (see `seccomp`; networking is not among them), and limits on memory,
processes, files and time. Where the supervisor may make control groups, they limit the memory that
the kernel uses on a process's behalf, too (see `cgroups`).

The judge differs: it sees all of `utils`, and the files of the problem set. It finds no file that
it could write, and it starts no process.

What this does not protect against: faults of the kernel itself, which is the sandbox, and what two
submissions learn from how busy the machine is: how long a read, a call or a page takes, or which
numbers the kernel gives to new processes, pipes and sockets. A file of the installation that nobody
has read for a day changes its access time when it is read; mounts made by root are without access
times, an ordinary user's keep what the machine's have. Within *landlock* a submission can also find
out, by `os.stat`, which files exist, when they were changed, which processes there are and how many
threads and open files these have; so two that run at the same time can tell each other something,
unless /proc is mounted with `hidepid=2` and root grades.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from utils.grading.sandbox import landlock, seccomp
from utils.grading.sandbox.namespaces import FIRST_FREE, NOBODY
from utils.grading.sandbox.system_calls import (
    CLONE_NEWUSER,
    PR_SET_NO_NEW_PRIVS,
    PR_SET_PDEATHSIG,
    checked,
    libc,
    prctl,
)

with contextlib.suppress(ImportError):  # elsewhere than on Linux and macOS
    import resource

if TYPE_CHECKING:
    from utils.grading.sandbox.config import SandboxConfig


def confine(
    keep: list[int], config: SandboxConfig, owner: int | None, home: str, kind: str
) -> None:
    """Take from this process what it must not have; there is no way back.

    Args:
        keep: its open files that stay open.
        config: what it is to be like.
        owner: the user it becomes; None: it stays who it is.
        home: its folder, if it has no file system of its own.
        kind: `seccomp.STUDENT` or `seccomp.JUDGE`.
    """
    os.setsid()  # its own share of the processor where the kernel groups by session
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    _close_all_but(0, 1, 2, *keep)
    signal.set_wakeup_fd(-1)
    if owner:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    if owner == NOBODY:  # whom others may be, too: let the number of processes start from 0
        libc.unshare(ctypes.c_int(CLONE_NEWUSER))
    _limit(config, kind, config.sandbox == "namespaces" or (owner or 0) >= FIRST_FREE)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = struct.pack("<Ii", 0x20080522, 0)
    checked(libc.capset(header, bytes(24)), "capset")
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # the filter sees to it that this is not taken back
    if config.sandbox == "landlock":
        landlock.restrict_files(home, kind)
    if config.sandbox != "none":
        alone = kind == seccomp.STUDENT and config.sandbox == "landlock"
        seccomp.install(seccomp.STUDENT_ALONE if alone else kind, os.getpid())


def _close_all_but(*keep: int) -> None:
    last = -1
    for fd in sorted(keep):
        if last + 1 < fd:  # an empty range at 0 would close all
            os.closerange(last + 1, fd)
        last = fd
    os.closerange(last + 1, 1 << 16)


def _limit(config: SandboxConfig, kind: str, own_count: bool) -> None:
    """Set the limits of this process and of those that it starts.

    Args:
        config: what it is to be like.
        kind: the judge may use more memory, since it holds the tests' data, too.
        own_count: nobody else's processes are counted with its own.
    """
    limits = config.limits
    addresses = _address_space + limits.memory * (4 if kind == seccomp.JUDGE else 1)

    def at_most(kind: int, value: int) -> None:
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))

    at_most(resource.RLIMIT_AS, addresses)
    at_most(resource.RLIMIT_DATA, addresses)
    at_most(resource.RLIMIT_CPU, int(limits.submission_seconds * 2) + 10)
    at_most(resource.RLIMIT_FSIZE, limits.file_bytes)
    at_most(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    at_most(resource.RLIMIT_SIGPENDING, 0)  # counted for all processes of a user; timers, too
    at_most(resource.RLIMIT_CORE, 0)
    at_most(resource.RLIMIT_MEMLOCK, 1 << 16)
    at_most(resource.RLIMIT_MSGQUEUE, 0)
    if own_count:
        at_most(resource.RLIMIT_NPROC, limits.processes)


# Few enough that what the kernel holds for them (a socket's unread bytes, say) stays small.
MAX_OPEN_FILES = 64


def note_address_space() -> None:
    """Remember how many bytes this process uses, for those forked from it to have on top."""
    global _address_space
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _address_space = pages * resource.getpagesize()


_address_space = 0
