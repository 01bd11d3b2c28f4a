"""The sandbox of kind *namespaces*: separate file systems, process trees and networks.

The fork server leaves the machine's namespaces once and makes the file systems that student
processes and judges see; each process that a supervisor starts then enters its own namespaces.
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
_roots: dict[str, str] = {}  # kind of process -> mount point of its file system


def leave_machine() -> None:
    """Enter new namespaces, and return in a child, the first process of a new process tree.

    The fork server calls this before it imports much: the calling process stays outside and waits.
    The fork server does not need the machine's network or its shared memory, and the processes that
    it forks never have them. An ordinary user enters a user namespace for this. Where there are no
    namespaces, nothing changes.
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
    """Make the file systems that student processes and judges will see; called once.

    Both are read-only. Each process mounts its own home in its copy: in memory, with a size limit.

    Args:
        folder: an empty folder for the mounts; nothing in it is changed.
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
        if os.path.isdir(root + package):  # it is inside the installation: cover it
            options = "size=1m,nr_inodes=200,mode=755"
            mount("tmpfs", root + package, "tmpfs", MS_NOSUID | MS_NODEV, options)
        for path in open_files():
            _show(path, root)
    for name in ("/dev", "/etc", HOME, _OLD):
        os.makedirs(root + name, exist_ok=True)
    for name in ("null", "zero", "full", "random", "urandom"):
        Path(f"{root}/dev/{name}").touch()
        bind(f"/dev/{name}", f"{root}/dev/{name}", device=True)
    if not os.path.lexists(f"{root}/tmp"):  # else the course is there, and stays visible
        os.symlink(f"{HOME}/tmp", f"{root}/tmp")
    os.symlink(f"{HOME}/tmp", f"{root}/dev/shm")
    mount("tmpfs", root, "tmpfs", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def leave_roots() -> None:
    """Unmount the file systems that `make_roots` has made."""
    for folder in {os.path.dirname(root) for root in _roots.values()}:
        libc.umount2(folder.encode(), MNT_DETACH)


def _show(path: str, folder: str) -> None:
    """Mount one of the machine's paths read-only at the same path in the new file system."""
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
    """Enter a user namespace that maps this user to itself, and other new namespaces.

    Args:
        more: flags of the other namespaces.
        process: descriptor of this process's folder in /proc, opened while there is a /proc; it is
            closed.
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
    """Make a network namespace without interfaces for one submission; return its descriptor."""
    unshare(CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_network(network: int) -> None:
    """Put this process's future children into a network namespace made by `new_network`."""
    checked(libc.setns(ctypes.c_int(network), ctypes.c_int(CLONE_NEWNET)), "setns")


def new_process_tree() -> int:
    """Make the next forked child the first process of a new PID namespace.

    Returns:
        The argument for `old_process_tree`.
    """
    if _why_not:
        raise OSError(_why_not)
    tree = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    unshare(CLONE_NEWPID)
    return tree


def old_process_tree(tree: int) -> None:
    """Fork future children into this process's own PID namespace again."""
    checked(libc.setns(ctypes.c_int(tree), ctypes.c_int(CLONE_NEWPID)), "setns")
    os.close(tree)


def enter_namespaces(config: SandboxConfig, owner: int | None, kind: str) -> None:
    """Give this process, the first of its tree, its own file system."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = _this_process()
    entries = [e for e in os.scandir(config.folder) if is_data(e)] if config.folder else []
    if kind == seccomp.JUDGE and not entries and data_folders() == _ready_data:
        checked(libc.setns(ctypes.c_int(_ready_files), ctypes.c_int(CLONE_NEWNS)), "setns")
    else:
        _enter_files(config, entries, owner, kind)
    if not owner:
        _enter_user_namespace(0, process)  # in which processes are counted from 0
    else:
        os.close(process)


def _enter_files(
    config: SandboxConfig | None, entries: list[os.DirEntry], owner: int | None, kind: str
) -> None:
    """Enter a mount namespace that contains the process's own home."""
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
_ready_data: dict[str, str] = {}  # `data_folders()` when it was made


def _prepare_files() -> None:
    """Make once the file system that most judges can share, since nothing in it is writable."""
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
    """Return a child's PID as it appears in /proc, which may differ from the one `fork` returns.

    Args:
        process: the child's pidfd.
    """
    with open(f"/proc/self/fdinfo/{process}") as about:
        for line in about:
            if line.startswith("Pid:"):
                return line.split()[1]
    raise OSError("/proc does not know a process that has just been started")


NOBODY = 65534
FIRST_FREE, _COUNT = 0x40000000, 0x10000000  # a range of unused user IDs
_EACH = 64  # user IDs for one fork server, which uses them in turn
_turns = itertools.count()


def stranger() -> int | None:
    """Return an unused user ID for a new process, or None if this process may not choose one.

    While there are enough IDs, no other running process has the same.
    """
    numbers = _strangers() if os.geteuid() == 0 else None
    if numbers != FIRST_FREE:
        return numbers
    me = int(os.readlink("/proc/self"))  # its PID in the machine's namespace
    return FIRST_FREE + (_EACH * me + next(_turns) % _EACH) % _COUNT


@functools.cache
def _strangers() -> int | None:
    """Return the first user ID of the range that root may use here, None for none."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= FIRST_FREE and first + count > FIRST_FREE + _COUNT:
            return FIRST_FREE
        if first <= NOBODY < first + count:
            return NOBODY
    return None
