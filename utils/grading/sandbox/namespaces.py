"""The sandbox of kind *namespaces*: file systems, process trees and networks of their own.

The fork server leaves the machine once and makes the file systems that students' processes and
judges see; each process that a supervisor starts then enters its own namespaces.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import utils
from utils.grading.sandbox import seccomp
from utils.grading.sandbox.system_calls import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
    MNT_DETACH,
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    PR_SET_PDEATHSIG,
    bind,
    checked,
    libc,
    mount,
    prctl,
    unshare,
)
from utils.grading.sandbox.visible_files import (
    HOME,
    data_folders,
    installation,
    is_data,
    open_files,
)

if TYPE_CHECKING:
    from utils.grading.sandbox.config import SandboxConfig

_OLD = "/.machine"  # where the machine's file system is while a process leaves it
_why_not = "the fork server has not left the machine"  # why there are no namespaces
_roots: dict[str, str] = {}  # kind of process -> where its file system is mounted; only kin see it


def leave_machine() -> None:
    """Enter new namespaces, and come back as the first process of a process tree of its own.

    To be called by the fork server before it imports much: the process that calls it stays outside
    and waits. The fork server needs neither the machine's network nor its shared memory, and those
    that it forks are born without. An ordinary user enters a user namespace for this. Where there
    are no namespaces, everything stays as it is.
    """
    global _why_not
    spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID
    try:
        if stranger() is not None:
            unshare(spaces)
        else:
            _enter_user_namespace(spaces, _this_process())
        mount("none", "/", "", MS_REC | MS_PRIVATE)
    except OSError as error:
        _why_not = f"{type(error).__name__}: {error}"
        return
    child = os.fork()
    if child:
        os.closerange(0, 1 << 16)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    _why_not = ""


def make_roots(folder: str) -> None:
    """Make the file systems that students' processes and judges will see; called once.

    All of both is read-only. Each process puts its own home into its one, which is in memory and
    has its limits.

    Args:
        folder: an empty one; nothing is changed in it.
    """
    global _why_not
    if _why_not:
        return
    try:
        mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        for kind in (seccomp.STUDENT, seccomp.JUDGE):
            root = os.path.join(folder, kind)
            os.mkdir(root)
            _make_root(root, kind)
            _roots[kind] = root
        _prepare_files()
    except OSError as error:
        _why_not = f"{type(error).__name__}: {error}"


def _make_root(root: str, kind: str) -> None:
    mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path in installation():
        _show(path, root)
    package = os.path.dirname(os.path.realpath(utils.__file__))
    if kind == seccomp.JUDGE:
        _show(package, root)
    else:
        if os.path.isdir(root + package):  # it lies within the installation: cover it
            options = "size=1m,nr_inodes=200,mode=755"
            mount("tmpfs", root + package, "tmpfs", MS_NOSUID | MS_NODEV, options)
        for path in open_files():
            _show(path, root)
    for name in ("/dev", "/etc", HOME, _OLD):
        os.makedirs(root + name, exist_ok=True)
    for name in ("null", "zero", "full", "random", "urandom"):
        Path(f"{root}/dev/{name}").touch()
        bind(f"/dev/{name}", f"{root}/dev/{name}", device=True)
    if not os.path.lexists(f"{root}/tmp"):  # else the course lies there: it stays visible
        os.symlink(f"{HOME}/tmp", f"{root}/tmp")
    os.symlink(f"{HOME}/tmp", f"{root}/dev/shm")
    mount("tmpfs", root, "tmpfs", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def leave_roots() -> None:
    """Unmount what `make_roots` has made."""
    for folder in {os.path.dirname(root) for root in _roots.values()}:
        libc.umount2(folder.encode(), MNT_DETACH)


def _show(path: str, folder: str) -> None:
    """Show one of the machine's paths at the same place in the new file system."""
    target = folder + path
    if not os.path.lexists(path) or os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), target)
        return
    if os.path.isdir(path):
        os.mkdir(target)
    else:
        Path(target).touch()
    bind(path, target)


def _this_process() -> int:
    """Open this process's folder in /proc."""
    return os.open("/proc/self", os.O_PATH | os.O_CLOEXEC)


def _enter_user_namespace(more: int, process: int) -> None:
    """Enter a user namespace in which this user is itself, and other new namespaces with it.

    Args:
        more: flags of the other namespaces.
        process: this process's folder in /proc, opened while there is a /proc; closed.
    """
    user, group = os.geteuid(), os.getegid()
    unshare(CLONE_NEWUSER | more)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user or NOBODY} {user} 1"),
        ("gid_map", f"{group or NOBODY} {group} 1"),
    ):
        fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=process)
        os.write(fd, text.encode())
        os.close(fd)
    os.close(process)


def new_network() -> int:
    """Make a network namespace, without any interface, for one submission; return it open."""
    unshare(CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_network(network: int) -> None:
    """Let what this process forks be in a network namespace that `new_network` has made."""
    checked(libc.setns(ctypes.c_int(network), ctypes.c_int(CLONE_NEWNET)), "setns")


def new_process_tree() -> int:
    """Let the next process that this one forks be the first of a tree of its own.

    Returns:
        What `old_process_tree` needs.
    """
    if _why_not:
        raise OSError(_why_not)
    tree = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    unshare(CLONE_NEWPID)
    return tree


def old_process_tree(tree: int) -> None:
    """Let the processes that this one forks be in its own tree again."""
    checked(libc.setns(ctypes.c_int(tree), ctypes.c_int(CLONE_NEWPID)), "setns")
    os.close(tree)


def enter_namespaces(config: SandboxConfig, owner: int | None, kind: str) -> None:
    """Give this process, the first of its tree, a file system of its own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = _this_process()
    entries = [e for e in os.scandir(config.folder) if is_data(e)] if config.folder else []
    if kind == seccomp.JUDGE and not entries and data_folders() == _ready_data:
        checked(libc.setns(ctypes.c_int(_ready_files), ctypes.c_int(CLONE_NEWNS)), "setns")
    else:
        _enter_files(config, entries, owner, kind)
    if not owner:
        _enter_user_namespace(0, process)  # in which the number of processes starts from 0
    else:
        os.close(process)


def _enter_files(
    config: SandboxConfig | None, entries: list[os.DirEntry], owner: int | None, kind: str
) -> None:
    """Enter a mount namespace, with the process's own home in it."""
    fixed = MS_NOSUID | MS_NODEV
    unshare(CLONE_NEWNS)
    root = _roots[kind]
    home = root + HOME
    work = f"{home}/work"
    mount("tmpfs", home, "tmpfs", fixed, "mode=755")
    for folder in (home, work, f"{home}/tmp", f"{home}/.cache"):
        if folder != home:
            os.mkdir(folder)
        if owner:
            os.chown(folder, owner, owner)
    for source, target in data_folders().items():
        os.makedirs(root + target)
        bind(source, root + target)
    for entry in entries:
        target = f"{work}/{entry.name}"
        os.mkdir(target) if entry.is_dir(follow_symlinks=False) else Path(target).touch()
        bind(entry.path, target)
    if kind == seccomp.JUDGE:
        mount("tmpfs", home, "tmpfs", MS_REMOUNT | MS_RDONLY | fixed)
    else:
        assert config is not None
        used = os.statvfs(home)
        files = used.f_files - used.f_ffree + config.limits.files
        options = f"size={config.limits.file_bytes},nr_inodes={files}"
        mount("tmpfs", home, "tmpfs", MS_REMOUNT | fixed, options)
    checked(libc.pivot_root(root.encode(), (root + _OLD).encode()), "pivot_root")
    os.chdir("/")
    checked(libc.umount2(_OLD.encode(), MNT_DETACH), "umount")


_ready_files = -1  # a mount namespace for judges whose problem set has no files
_ready_data: dict[str, str] = {}  # where MNIST lay when it was made


def _prepare_files() -> None:
    """Make the file system of most judges once: nothing in it can be written."""
    global _ready_files, _ready_data
    _ready_data = data_folders()
    (ended, end), (ready, done) = os.pipe(), os.pipe()
    child = os.fork()
    if not child:
        os.close(end)
        why = b""
        try:
            _enter_files(None, [], None, seccomp.JUDGE)
        except OSError as error:
            why = str(error).encode()
        os.write(done, why or b"ready")
        os.read(ended, 1)
        os._exit(0)
    os.close(done)
    said = os.read(ready, 1000)
    try:
        if said != b"ready":
            raise OSError(said.decode())
        process = os.pidfd_open(child)
        number = number_in_proc(process)
        os.close(process)
        _ready_files = os.open(f"/proc/{number}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        for fd in (end, ended, ready):
            os.close(fd)
        os.waitpid(child, 0)


def number_in_proc(process: int) -> str:
    """Return a child's number as /proc has it, which may be another than `fork` gives.

    Args:
        process: the child's pidfd.
    """
    with open(f"/proc/self/fdinfo/{process}") as about:
        for line in about:
            if line.startswith("Pid:"):
                return line.split()[1]
    raise OSError("/proc does not know a process that has just been started")


NOBODY = 65534
FIRST_FREE, _COUNT = 0x40000000, 0x10000000  # of the user numbers that belong to nobody
_EACH = 64  # of them for one fork server, which uses them in turn
_turns = itertools.count()


def stranger() -> int | None:
    """Return a user number for a process if this one may choose: nobody's on this machine.

    No other process that runs now has the same, if there are enough numbers.
    """
    numbers = _strangers() if os.geteuid() == 0 else None
    if numbers != FIRST_FREE:
        return numbers
    me = int(os.readlink("/proc/self"))  # the number that the whole machine knows
    return FIRST_FREE + (_EACH * me + next(_turns) % _EACH) % _COUNT


@functools.cache
def _strangers() -> int | None:
    """Return the first of the user numbers that root may choose from here, None for none."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= FIRST_FREE and first + count > FIRST_FREE + _COUNT:
            return FIRST_FREE
        if first <= NOBODY < first + count:
            return NOBODY
    return None
