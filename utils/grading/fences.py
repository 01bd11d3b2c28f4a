"""The fences around a submission's process, made of what Linux has.

Two kinds of fence, each enough by itself; the first that works here is taken.

*namespaces*: the process has its own process tree and file system: a small one in memory, with the
Python installation and the problem set's data read-only in it and nothing else of this machine. It
shares a network (empty), a host name and shared memory with the nursery that it was forked from,
and with nobody else. Needs root or unprivileged user namespaces.

*landlock*: the process stays where it is, but the kernel lets it read the Python installation, read
and write one new folder, and nothing else; it cannot start processes, change what files are called
or owned, or signal anyone. Needs Linux 5.13.

On top of either: no new privileges, no capabilities, a list of system calls that no notebook needs
and that fail (all of networking among them), and limits on memory, processes, files and time.

What this does not protect against: faults of the kernel itself (it is the fence), and what two
submissions learn from how busy the machine is. Within *landlock* a submission can also find out
which files exist, by `os.stat`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import platform
import signal
import socket
import struct
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import utils

with contextlib.suppress(ImportError):  # elsewhere than on Linux and macOS
    import resource

if TYPE_CHECKING:
    from utils.grading.sandbox import Order

LINUX = sys.platform == "linux"

# Rooms of `utils` that a student's cells may import when they are graded.
OPEN_ROOMS = (
    "__init__",
    "checks",
    "colours",
    "drawing_pad",
    "mnist",
    "mnist_stand_in",
    "plots",
    "quiz",
    "quiz_checks",
    "weights",
    "widgets",
)
OPEN_FOLDERS = ("data",)

HOME = "/home/student"
_MNIST = f"{HOME}/.mnist"


# System calls that Python has no function for ----------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
CLONE_THREAD = 0x10000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
_PR_SET_PDEATHSIG, _PR_SET_SECCOMP = 1, 22
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT = 24, 47

# Numbers on x86_64 and aarch64; None where there is no such call.
_CALLS: dict[str, tuple[int | None, int | None]] = {
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "unshare": (272, 97), "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "bpf": (321, 280), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "io_uring_setup": (425, 425), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "kexec_load": (246, 104), "kexec_file_load": (320, 294),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "fanotify_init": (300, 262), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196), "semget": (64, 190),
    "msgget": (68, 186), "mq_open": (240, 180), "personality": (135, 92), "vhangup": (153, 58),
    "lookup_dcookie": (212, 18), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266),
}  # fmt: skip
# Within landlock, also these: it fences neither processes nor what is written about a file.
_CALLS_LANDLOCK: dict[str, tuple[int | None, int | None]] = {
    "fork": (57, None), "vfork": (58, None), "tkill": (200, 130), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469), "truncate": (76, 45),
    "inotify_init": (253, None), "inotify_init1": (294, 26), "execve": (59, 221),
    "execveat": (322, 281),
}  # fmt: skip
# Calls that may only be about the process itself: (x86_64, aarch64), which argument.
_CALLS_SELF: dict[str, tuple[int, int]] = {
    "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274),
}  # fmt: skip
_CLONE, _CLONE3, _FCNTL, _IOCTL, _PRCTL = (56, 220), (435, 435), (72, 25), (16, 29), (157, 167)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}


def _checked(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def _prctl(*args: int) -> None:
    _checked(_libc.prctl(*(ctypes.c_ulong(arg) for arg in (*args, 0, 0, 0, 0)[:5])), "prctl")


def _unshare(flags: int) -> None:
    _checked(_libc.unshare(ctypes.c_int(flags)), "unshare")


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    arguments = (
        source.encode(),
        target.encode(),
        kind.encode(),
        ctypes.c_ulong(flags),
        data.encode(),
    )
    _checked(_libc.mount(*arguments), f"mount {target}")


def _bind(source: str, target: str, device: bool = False) -> None:
    """Show a file or folder, with all that is mounted in it, read-only at another place."""
    _mount(source, target, "", MS_BIND | MS_REC)
    # struct mount_attr: set read-only, nosuid, nodev; clear nothing
    attributes = struct.pack("<QQQQ", 1 | 2 | (0 if device else 4), 0, 0, 0)
    at_fdcwd, at_recursive, mount_setattr = -100, 0x8000, 442
    _checked(
        _libc.syscall(
            ctypes.c_long(mount_setattr), ctypes.c_int(at_fdcwd), target.encode(),
            ctypes.c_uint(at_recursive), attributes, ctypes.c_size_t(len(attributes)),
        ),
        f"mount_setattr {target}",
    )  # fmt: skip


def use_large_pages() -> None:
    """Put this process's memory into large pages, as far as it fills some.

    Forking then copies one entry for what else are 512, and so does the end of what was forked.
    Needs Linux 6.1; elsewhere all stays as it is.
    """
    size, advice = 2 << 20, 25  # MADV_COLLAPSE
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, access, _, _, number, *_ = line.split(maxsplit=5)
        if access == "rw-p" and number == "0":  # of no file
            start, end = (int(address, 16) for address in addresses.split("-"))
            start, end = -(-start // size) * size, end // size * size
            if start < end:
                _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), advice)


def adopt_orphans() -> None:
    """Let what this process's children have started become its own when they end."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent() -> None:
    """Let the kernel end this process when its parent ends."""
    parent = os.getppid()
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


# What the process may see ----------------------------------------------------------------------


@functools.cache
def installation() -> list[str]:
    """Return the folders and files of the Python installation and the system's libraries.

    Of a prefix only the programs and libraries: its `etc` may hold a site's passwords.
    """
    paths = [
        "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
        "/etc/localtime", "/etc/fonts", "/usr/share/zoneinfo", "/usr/share/fonts",
    ]  # fmt: skip
    for prefix in {sys.base_prefix, sys.prefix}:
        parts = ("lib", "lib64", "pyvenv.cfg")
        paths += (os.path.join(prefix, part) for part in parts)
        if prefix not in ("/", "/usr", "/usr/local"):
            paths.append(os.path.join(prefix, "bin"))
    paths.append(os.path.realpath(sys.executable))
    paths += (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    found: list[str] = []
    for path in sorted(set(paths), key=len):
        if os.path.lexists(path) and not any(path.startswith(f"{f}/") for f in found):
            found.append(path)
    return found


@functools.cache
def open_files() -> list[str]:
    """Return the files of `utils` that a student's cells may import."""
    folder = Path(utils.__file__).resolve().parent
    compiled = folder / "__pycache__"
    paths = [folder / f"{room}.py" for room in OPEN_ROOMS]
    paths += [compiled / f"{room}.{sys.implementation.cache_tag}.pyc" for room in OPEN_ROOMS]
    paths += [folder / name for name in OPEN_FOLDERS]
    return [str(path) for path in paths if path.exists()]


@functools.cache
def _data_places() -> dict[str, str]:
    from utils.mnist import cache_folder

    given, cache = os.environ.get("MNIST_DIR", "").strip(), cache_folder()
    places = {os.path.abspath(given): _MNIST} if given else {}
    return places | {str(cache): f"{HOME}/.cache/{cache.name}"}


def data_folders() -> dict[str, str]:
    """Return where MNIST lies on this machine, and where the process finds each folder."""
    return {source: target for source, target in _data_places().items() if os.path.isdir(source)}


def environment(home: str, mnist: str = "", cache: str = "") -> dict[str, str]:
    """Return the environment of a submission's process; nothing of the grader's is in it.

    Args:
        home: its folder.
        mnist: what `MNIST_DIR` is to be.
        cache: the folder of caches, if it is not below `home`.
    """
    found = {
        "HOME": home, "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8", "PATH": "/bin",
        "TMPDIR": f"{home}/tmp", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    }  # fmt: skip
    more = {"MNIST_DIR": mnist, "XDG_CACHE_HOME": cache}
    return found | {name: value for name, value in more.items() if value}


def set_environment(home: str) -> None:
    """Replace this process's environment, and go to its working folder."""
    if home == HOME:  # in namespaces: the folders are no longer where `data_folders` looks
        given = environment(home, _MNIST if os.path.isdir(_MNIST) else "")
    else:
        places = {target: source for source, target in data_folders().items()}
        mnist = places.pop(_MNIST, "")
        given = environment(home, mnist, *(os.path.dirname(cache) for cache in places.values()))
    os.environ.clear()
    os.environ.update(given)
    os.chdir(f"{home}/work")


# Namespaces -------------------------------------------------------------------------------------

_OLD = "/.machine"  # where the machine's file system is while a process leaves it
_root = ""  # where the new file system is mounted; only this process's kin see it there
_no_root = "it has not been made"  # why there is none


def make_root(folder: str) -> None:
    """Make the file system that submissions' processes will see; called once, by the nursery.

    All of it is read-only. Each process puts its own home into it, which is in memory and has its
    limits. The nursery also leaves the machine's network, host name and shared memory: it needs
    none of them, and those that it forks are born without. An ordinary user enters a user
    namespace for this.

    Args:
        folder: an empty one; nothing is changed in it.
    """
    global _root, _no_root
    spaces = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS
    try:
        if stranger():
            _unshare(spaces)
        else:
            _enter_user_namespace(spaces, _this_process())
        _mount("none", "/", "", MS_REC | MS_PRIVATE)
        _mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        for path in installation():
            _show(path, folder)
        package = os.path.dirname(os.path.realpath(utils.__file__))
        if os.path.isdir(folder + package):  # it lies within the installation: cover it
            options = "size=1m,nr_inodes=200,mode=755"
            _mount("tmpfs", folder + package, "tmpfs", MS_NOSUID | MS_NODEV, options)
        for path in open_files():
            _show(path, folder)
        for name in ("/dev", "/etc", HOME, _OLD):
            os.makedirs(folder + name, exist_ok=True)
        for name in ("null", "zero", "full", "random", "urandom"):
            Path(f"{folder}/dev/{name}").touch()
            _bind(f"/dev/{name}", f"{folder}/dev/{name}", device=True)
        if not os.path.lexists(f"{folder}/tmp"):  # else the course lies there: it stays visible
            os.symlink(f"{HOME}/tmp", f"{folder}/tmp")
        os.symlink(f"{HOME}/tmp", f"{folder}/dev/shm")
        _mount("tmpfs", folder, "tmpfs", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)
    except OSError as error:
        _no_root = f"{type(error).__name__}: {error}"
    else:
        _root = folder


def leave_root() -> None:
    """Unmount what `make_root` has made."""
    if _root:
        _libc.umount2(_root.encode(), MNT_DETACH)


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
    _bind(path, target)


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
    _unshare(CLONE_NEWUSER | more)
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{user or NOBODY} {user} 1"),
        ("gid_map", f"{group or NOBODY} {group} 1"),
    ):
        fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=process)
        os.write(fd, text.encode())
        os.close(fd)
    os.close(process)


def new_process_tree() -> int:
    """Let the next process that this one forks be the first of a tree of its own.

    Returns:
        What `old_process_tree` needs.
    """
    if not _root:
        raise OSError(_no_root)
    tree = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    _unshare(CLONE_NEWPID)
    return tree


def old_process_tree(tree: int) -> None:
    """Let the processes that this one forks be in its own tree again.

    An ordinary user may not: the judge can start no processes once it has started a submission's.
    """
    _libc.setns(ctypes.c_int(tree), ctypes.c_int(CLONE_NEWPID))
    os.close(tree)


def enter_namespaces(order: Order, owner: int | None) -> None:
    """Give this process, the first of its tree, a file system of its own."""
    fixed = MS_NOSUID | MS_NODEV
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = _this_process()
    _unshare(CLONE_NEWNS)
    home = _root + HOME
    _mount("tmpfs", home, "tmpfs", fixed, "mode=755")
    work = f"{home}/work"
    for folder in (home, work, f"{home}/tmp", f"{home}/.cache"):
        os.makedirs(folder, exist_ok=True)
        if owner:
            os.chown(folder, owner, owner)
    for source, target in data_folders().items():
        os.makedirs(_root + target)
        _bind(source, _root + target)
    for entry in os.scandir(order.folder) if order.folder else ():
        if is_data(entry):
            target = f"{work}/{entry.name}"
            os.mkdir(target) if entry.is_dir(follow_symlinks=False) else Path(target).touch()
            _bind(entry.path, target)
    used = os.statvfs(home)
    files = used.f_files - used.f_ffree + order.limits.files
    options = f"size={order.limits.file_bytes},nr_inodes={files}"
    _mount("tmpfs", home, "tmpfs", MS_REMOUNT | fixed, options)
    _checked(_libc.pivot_root(_root.encode(), (_root + _OLD).encode()), "pivot_root")
    os.chdir("/")
    _checked(_libc.umount2(_OLD.encode(), MNT_DETACH), "umount")
    if not owner:
        _enter_user_namespace(0, process)  # in which the number of processes starts from 0


NOBODY = 65534


def stranger() -> int | None:
    """Return a user number for the process if this one may choose: nobody's on this machine.

    No other submission that runs now has the same, if there are enough numbers.
    """
    if os.geteuid() != 0:
        return None
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= 0x40000000 and first + count > 0x50000000:
            return 0x40000000 + os.getpid() % 0x10000000
        if first <= NOBODY < first + count:
            return NOBODY
    return None


def is_data(entry: os.DirEntry) -> bool:
    """Return whether an entry of a submission's folder belongs in its working folder; no links."""
    plain = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
    return plain and not entry.name.endswith(".ipynb") and not entry.name.startswith(".")


# The same for all -------------------------------------------------------------------------------


def confine(sock: socket.socket, fault: int, order: Order, owner: int | None, home: str) -> None:
    """Take from this process what a submission must not have; there is no way back.

    Args:
        sock, fault: what it keeps of its files: a socket and a pipe.
        order: what it is to be like.
        owner: the user it becomes; None: it stays who it is.
        home: its folder, if it has no file system of its own.
    """
    os.setsid()
    null = os.open("/dev/null", os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    _close_all_but(0, 1, 2, sock.fileno(), fault)
    signal.set_wakeup_fd(-1)
    _limit(order)
    _drop_privileges(owner)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # the fence sees to it that this is not taken back
    if order.fence == "landlock":
        _landlock(home)
    if order.fence != "none":
        _filter_calls(order.fence)


def _close_all_but(*keep: int) -> None:
    """Close every file descriptor but a few."""
    last = -1
    for fd in sorted(keep):
        if last + 1 < fd:  # an empty range at 0 would close all
            os.closerange(last + 1, fd)
        last = fd
    os.closerange(last + 1, 1 << 16)


def _limit(order: Order) -> None:
    limits = order.limits
    have = _address_space
    cpu = int(limits.submission_seconds * 2) + 10

    def at_most(kind: int, value: int) -> None:
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))

    at_most(resource.RLIMIT_AS, have + limits.memory)
    at_most(resource.RLIMIT_DATA, have + limits.memory)
    at_most(resource.RLIMIT_CPU, cpu)
    at_most(resource.RLIMIT_FSIZE, limits.file_bytes)
    at_most(resource.RLIMIT_NOFILE, 256)
    at_most(resource.RLIMIT_CORE, 0)
    at_most(resource.RLIMIT_MEMLOCK, 1 << 16)
    at_most(resource.RLIMIT_MSGQUEUE, 0)
    if order.fence == "namespaces":  # elsewhere it would count the grader's other processes, too
        at_most(resource.RLIMIT_NPROC, limits.processes)


def address_space() -> int:
    """Return how many bytes of addresses this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def note_address_space() -> None:
    """Remember how much this process uses, for the processes forked from it to have on top."""
    global _address_space
    _address_space = address_space()


_address_space = 0


def _drop_privileges(owner: int | None) -> None:
    """Become an ordinary user without any capability, for good."""
    if owner:
        os.setgroups([])
        os.setresgid(owner, owner, owner)
        os.setresuid(owner, owner, owner)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    header = struct.pack("<Ii", 0x20080522, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")


# Seccomp ----------------------------------------------------------------------------------------


_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_REFUSE, _MISSING = 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_NEW_SPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID
_NEW_SPACES |= CLONE_NEWNET | 0x02000000 | 0x80  # control groups, time
_SIGNAL_OWNERS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX: who gets a signal for a file
_SIGNAL_REQUESTS = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: the same


def _filter_calls(fence: str) -> None:
    """Let system calls that no notebook needs fail, from now on and for all that is started."""
    code = call_filter(fence, os.getpid() if fence == "landlock" else 0)
    program = ctypes.create_string_buffer(code)
    about = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
    where = ctypes.create_string_buffer(about)
    _prctl(_PR_SET_SECCOMP, 2, ctypes.addressof(where))


@functools.cache
def call_filter(fence: str, me: int) -> bytes:
    """Return a filter of system calls, as the kernel takes it.

    Args:
        fence: what it is a part of.
        me: the number of the process, for which alone some calls may be.
    """
    column, architecture = _ARCHITECTURES[platform.machine()]
    code: list[tuple[int, int, int, int]] = []  # operation, skip if true, skip if false, operand

    def give(result: int) -> None:
        code.append((_RETURN, 0, 0, result))

    def rule(call: int, argument: int, tests: list[tuple[int, int, bool]], result: int) -> None:
        """Give a result to a call of which an argument passes all tests, allow it if it does not.

        A test is an operation, an operand, and whether it has to be true.
        """
        code.append((_EQUAL, 0, len(tests) + 3, call))
        code.append((_LOAD, 0, 0, _ARGUMENTS + 8 * argument))
        for index, (operation, operand, wanted) in enumerate(tests):
            away = len(tests) - index  # to the line that allows
            code.append((operation, 0 if wanted else away, away if wanted else 0, operand))
        give(result)
        give(_ALLOW)

    code.append((_LOAD, 0, 0, _ARCHITECTURE))
    code.append((_EQUAL, 1, 0, architecture))
    give(_KILL)
    code.append((_LOAD, 0, 0, _NUMBER))
    if platform.machine() == "x86_64":  # a second set of numbers for the same calls
        code.append((_AT_LEAST, 0, 1, 0x40000000))
        give(_REFUSE)
    for numbers in (_CALLS | (_CALLS_LANDLOCK if fence == "landlock" else {})).values():
        if numbers[column] is not None:
            code.append((_EQUAL, 0, 1, numbers[column]))
            give(_REFUSE)
    code.append((_EQUAL, 0, 1, _CLONE3[column]))
    give(_MISSING)  # the C library then takes clone, whose flags can be seen here
    rule(_PRCTL[column], 0, [(_EQUAL, _PR_SET_PDEATHSIG, True)], _REFUSE)
    if fence == "landlock":
        rule(_CLONE[column], 0, [(_ANY_BIT, CLONE_THREAD, False)], _REFUSE)
        for name, numbers in _CALLS_SELF.items():
            zero = [] if name in ("kill", "tgkill") else [(_EQUAL, 0, False)]
            rule(numbers[column], 0, [(_EQUAL, me, False), *zero], _REFUSE)
        for call, requests in ((_FCNTL, _SIGNAL_OWNERS), (_IOCTL, _SIGNAL_REQUESTS)):
            for request in requests[:-1]:
                code.append((_EQUAL, 0, 4, call[column]))
                code.append((_LOAD, 0, 0, _ARGUMENTS + 8))
                code.append((_EQUAL, 0, 1, request))
                give(_REFUSE)
                code.append((_LOAD, 0, 0, _NUMBER))
            rule(call[column], 1, [(_EQUAL, requests[-1], True)], _REFUSE)
    else:
        rule(_CLONE[column], 0, [(_ANY_BIT, _NEW_SPACES, True)], _REFUSE)
    give(_ALLOW)

    return b"".join(struct.pack("<HBBI", *line) for line in code)


# Landlock ---------------------------------------------------------------------------------------


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has, 0 for none."""
    if not LINUX:
        return 0
    version = _libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint(1))
    return max(version, 0)


_READ, _EXECUTE, _READ_DIR = 4, 1, 8
_WRITE = 2 | 16 | 32 | 128 | 256 | 1024 | 8192 | 16384  # files, folders; no devices, sockets, pipes


def _landlock(home: str) -> None:
    """Let files be opened in the installation, and in the process's own folder, only."""
    version = landlock_version()
    if version < 1:
        raise OSError("the kernel has no Landlock")
    files = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
    network = 3 if version >= 4 else 0
    scoped = 3 if version >= 6 else 0
    attributes = struct.pack("<QQQ", files, network, scoped)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    rules = _checked(
        _libc.syscall(ctypes.c_long(444), attributes, ctypes.c_size_t(size), ctypes.c_uint(0)),
        "landlock_create_ruleset",
    )

    def allow(path: str, rights: int) -> None:
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            if not os.path.isdir(path):
                rights &= 1 | 2 | 4 | 16384
            rule = struct.pack("<Qi", rights & files, fd)
            _checked(
                _libc.syscall(ctypes.c_long(445), ctypes.c_int(rules), ctypes.c_int(1), rule, 0),
                f"landlock_add_rule {path}",
            )
            os.close(fd)

    package = os.path.dirname(os.path.realpath(utils.__file__))
    for path in installation():
        if package.startswith(f"{path}/"):
            raise OSError(
                f"{package} lies in {path}; landlock cannot hide its solutions (install with -e)"
            )
        allow(path, _READ | _EXECUTE | _READ_DIR)
    allow(package, _READ_DIR)
    for path in (*open_files(), *data_folders()):
        allow(path, _READ | _READ_DIR)
    for name in ("null", "zero", "full", "random", "urandom"):
        allow(f"/dev/{name}", _READ | 2)
    allow(home, _READ | _READ_DIR | _WRITE)
    restrict = _libc.syscall(ctypes.c_long(446), ctypes.c_int(rules), ctypes.c_uint(0))
    _checked(restrict, "landlock_restrict_self")
    os.close(rules)


@functools.cache
def readable_by_all() -> bool:
    """Return whether a stranger could read the Python installation."""
    for path in installation():
        folder = Path(path)
        for part in (folder, *folder.parents):
            if part.is_dir() and not part.stat().st_mode & 0o001:
                return False
    return True
