"""Control groups, where available: they also count kernel memory.

A process's resource limits do not count the unread bytes of its sockets, its page tables or its
pipes, and polling /proc is too slow to catch a fast program. A control group counts all of it for
all processes of a submission together, and the kernel enforces its limit. Both versions of control
groups work. Root can usually make one; otherwise only the other limits apply.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import os
import time
from pathlib import Path

PREFIX = "submission-"
YOUNG = 3600  # seconds; the maker of a younger group may be alive, though not in this /proc
_turns = itertools.count()


class Group:
    """A control group for the processes of one submission.

    Raises:
        OSError: control groups are not available here.
    """

    def __init__(self) -> None:
        if why := why_not():
            raise OSError(why)
        number = f"{os.readlink('/proc/self')}-{next(_turns)}"
        self._folder = f"{_found()[0]}/{PREFIX}{number}"
        self._limits = (0, 0)
        self._members = -1
        os.mkdir(self._folder)
        try:
            self._members = os.open(f"{self._folder}/cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        except OSError:
            self.remove()
            raise

    def limit(self, memory: int, processes: int) -> None:
        """Limit what the processes may use together, including kernel memory.

        Args:
            memory: in bytes.
            processes: maximum number of processes and threads.
        """
        if self._limits == (memory, processes):
            return
        if not self._set("memory.max", memory):
            self._set("memory.memsw.limit_in_bytes", -1)  # the new limit must not exceed this one
            self._set("memory.limit_in_bytes", memory)
            self._set("memory.memsw.limit_in_bytes", memory)
        self._set("memory.swap.max", 0)
        self._set("pids.max", processes)
        self._limits = (memory, processes)

    def _set(self, name: str, value: int) -> bool:
        try:
            fd = os.open(f"{self._folder}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            os.write(fd, str(value).encode())
        finally:
            os.close(fd)
        return True

    def join(self) -> None:
        """Put this process and its future children into the group, if it still exists."""
        with contextlib.suppress(OSError):  # the other limits remain
            os.write(self._members, b"0")

    def exists(self) -> bool:
        """Return whether the group still exists."""
        return os.path.isdir(self._folder)

    def remove(self) -> None:
        """Remove the group, whose processes have ended."""
        if self._members >= 0:
            os.close(self._members)
            self._members = -1
        for _ in range(200):
            try:
                os.rmdir(self._folder)
            except FileNotFoundError:
                return
            except OSError:  # the kernel has not finished with the last process
                time.sleep(0.005)
            else:
                return


@functools.cache
def _found() -> tuple[str, str]:
    """Return the folder in which groups can be made ("" for none), and why there is none."""
    reasons = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        for top in _mounts("cgroup" if controllers else "cgroup2", controllers):
            for group in (Path(path), *Path(path).parents):
                folder = f"{top}{group}".rstrip("/")
                if not (why := _unfit(folder)):
                    _remove_left(folder)
                    return folder, ""
                reasons.append(why)
    return "", "; ".join(reasons) or "no control group for memory is mounted"


def why_not() -> str:
    """Return why control groups are not available, or ""."""
    try:
        return _found()[1]
    except OSError as error:
        return str(error)


def _remove_left(folder: str) -> None:
    """Remove the groups of killed fork servers, unless they contain processes.

    The empty group of a running fork server stays, too: it will be reused.
    """
    for path in Path(folder).glob(f"{PREFIX}*"):
        maker = path.name.removeprefix(PREFIX).partition("-")[0]
        with contextlib.suppress(OSError):
            if not os.path.exists(f"/proc/{maker}") and time.time() - path.stat().st_mtime > YOUNG:
                path.rmdir()


def _mounts(kind: str, controllers: str) -> list[str]:
    found = []
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, place, this, options, *_ = line.split()
        if this == kind and (not controllers or "memory" in options.split(",")):
            found.append(place)
    return found


def _unfit(folder: str) -> str:
    """Return why no group with a limit can be made in this folder, or ""."""
    child = f"{folder}/{PREFIX}try-{os.readlink('/proc/self')}"
    try:
        os.mkdir(child)
    except OSError as error:
        return str(error)
    try:
        if not os.path.exists(f"{child}/memory.limit_in_bytes"):
            if not os.path.exists(f"{child}/memory.max"):  # needs a group without processes
                Path(f"{folder}/cgroup.subtree_control").write_text("+memory +pids")
            if not os.path.exists(f"{child}/memory.max"):
                return f"{folder} has no limit of memory"
    except OSError as error:
        return str(error)
    finally:
        os.rmdir(child)
    return ""


_free: list[Group] = []


def get(memory: int, processes: int) -> Group:
    """Return a group that no other submission uses; for the arguments see `Group.limit`.

    Raises:
        OSError: control groups are not available here.
    """
    while _free and not _free[-1].exists():
        _free.pop().remove()
    group = _free.pop() if _free else Group()
    try:
        group.limit(memory, processes)
    except OSError:
        group.remove()
        raise
    return group


def give_back(group: Group) -> None:
    """Take back a group whose processes have ended."""
    _free.append(group)


def remove_all() -> None:
    """Remove the groups that this process has made."""
    while _free:
        _free.pop().remove()


def forget() -> None:
    """Drop the inherited groups after a fork: they belong to the parent process."""
    _free.clear()
