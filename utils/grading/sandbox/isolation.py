"""Build the sandbox of a student process or of the judge from Linux's security features.

There are two kinds, each sufficient by itself; the first that works on this machine is used.

*namespaces*: the process has its own process tree, network and file system. The file system is
small: the Python installation and the data of the problem set, read-only, a student's home folder
in memory, and nothing else of this machine. A submission's judge and its student processes share a
network namespace without any interface, in which they cannot open a socket. Needs root or
unprivileged user namespaces.

*landlock*: the process stays in the machine's namespaces, but the kernel lets it read the Python
installation, read and write one new folder (the judge: none), and nothing else; it cannot start
processes, rename files, change their owners, or send signals. Needs Linux 5.13.

Both also have: an ordinary user, no new privileges, no capabilities, a list of the system calls
that a notebook needs (see `seccomp`; networking is not among them), and limits on memory,
processes, files and time. Where the supervisor can make control groups, they also limit the memory
that the kernel uses on a process's behalf (see `cgroups`).

The judge differs: it sees all of `utils`, and the files of the problem set. It cannot write any
file or start any process.

What this does not protect against: bugs in the kernel, which enforces the sandbox, and information
that two submissions exchange through the load of the machine: how long a read, a call or a page
takes, or which numbers the kernel gives to new processes, pipes and sockets. The access time of a
file in the installation changes when it is read for the first time in a day; mounts made by root
record no access times, an ordinary user's behave like the machine's. In *landlock* a submission can
also find out with `os.stat` which files exist, when they were changed, which processes there are
and how many threads and open files these have; so two that run at the same time can communicate,
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

with contextlib.suppress(ImportError):  # not on Windows
    import resource

if TYPE_CHECKING:
    from utils.grading.sandbox.config import SandboxConfig


def confine(
    keep: list[int], config: SandboxConfig, owner: int | None, home: str, kind: str
) -> None:
    """Restrict this process irreversibly.

    Args:
        keep: file descriptors that stay open.
        config: its configuration.
        owner: the user ID to switch to; None: keep the user.
        home: its folder, if it has no file system of its own.
        kind: `seccomp.STUDENT` or `seccomp.JUDGE`.
    """
    os.setsid()  # its own processor share where the kernel schedules by session
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    _close_all_but(0, 1, 2, *keep)
    signal.set_wakeup_fd(-1)
    if owner:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    if owner == NOBODY:  # other processes may have this user, too: count from 0
        libc.unshare(ctypes.c_int(CLONE_NEWUSER))
    _limit(config, kind, config.sandbox == "namespaces" or (owner or 0) >= FIRST_FREE)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    header = struct.pack("<Ii", 0x20080522, 0)
    checked(libc.capset(header, bytes(24)), "capset")
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # the filter makes this permanent
    if config.sandbox == "landlock":
        landlock.restrict_files(home, kind)
    if config.sandbox != "none":
        alone = kind == seccomp.STUDENT and config.sandbox == "landlock"
        seccomp.install(seccomp.STUDENT_ALONE if alone else kind, os.getpid())


def _close_all_but(*keep: int) -> None:
    last = -1
    for fd in sorted(keep):
        if last + 1 < fd:  # an empty range at 0 would close everything
            os.closerange(last + 1, fd)
        last = fd
    os.closerange(last + 1, 1 << 16)


def _limit(config: SandboxConfig, kind: str, own_count: bool) -> None:
    """Set the limits of this process and of its children.

    Args:
        config: its configuration.
        kind: the judge may use more memory, since it also has the tests' data.
        own_count: whether its user's processes are counted separately from all others.
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
    at_most(resource.RLIMIT_SIGPENDING, 0)  # counted per user, and includes timers
    at_most(resource.RLIMIT_CORE, 0)
    at_most(resource.RLIMIT_MEMLOCK, 1 << 16)
    at_most(resource.RLIMIT_MSGQUEUE, 0)
    if own_count:
        at_most(resource.RLIMIT_NPROC, limits.processes)


# Few enough to bound the kernel's memory for them (a socket's unread bytes, say).
MAX_OPEN_FILES = 64


def note_address_space() -> None:
    """Remember the size of this process's address space, to add it to the limits of its forks."""
    global _address_space
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    _address_space = pages * resource.getpagesize()


_address_space = 0
