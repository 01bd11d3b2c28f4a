"""The sandbox of one process, made of what Linux has: for a student's process, and for the judge.

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
import functools
import itertools
import os
import signal
import struct
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import utils
from utils.grading.sandbox import seccomp
from utils.system import FIGURES

with contextlib.suppress(ImportError):  # elsewhere than on Linux and macOS
    import resource

if TYPE_CHECKING:
    from utils.grading.sandbox.config import SandboxConfig

LINUX = sys.platform == "linux"

# Modules of `utils` that a student's cells may import when they are graded.
IMPORTABLE_MODULES = (
    "__init__",
    "checks",
    "colours",
    "drawing_pad",
    "mnist",
    "mnist_stand_in",
    "payoffs",
    "plots",
    "quiz",
    "quiz_checks",
    "system",
    "weights",
    "widgets",
)
OPEN_FOLDERS = ("data",)

HOME = "/home/student"
_MNIST = f"{HOME}/.mnist"


# System calls that Python has no function for ----------------------------------------------------

_libc: Any = ctypes.CDLL(None, use_errno=True) if LINUX else None

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x4000000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_REMOUNT = 1, 2, 4, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 36, 38


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
    flags = 1 | 2 | (0 if device else 4)  # read-only, nosuid, nodev
    no_access_times, access_times = 0x10, 0x70
    try:  # what has been read is nobody else's to see
        _set_mount(target, flags | no_access_times, access_times)
    except PermissionError:  # an ordinary user must leave access times as they are
        _set_mount(target, flags, 0)


def _set_mount(target: str, flags: int, clear: int) -> None:
    attributes = struct.pack("<QQQQ", flags, clear, 0, 0)  # struct mount_attr
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
    paths = [folder / f"{module}.py" for module in IMPORTABLE_MODULES]
    paths += [
        compiled / f"{module}.{sys.implementation.cache_tag}.pyc" for module in IMPORTABLE_MODULES
    ]
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


def environment(
    home: str, mnist: str = "", cache: str = "", figures: str = "graded"
) -> dict[str, str]:
    """Return the environment of a submission's process; nothing of the grader's is in it.

    Args:
        home: its folder.
        mnist: what `MNIST_DIR` is to be.
        cache: the folder of caches, if it is not below `home`.
        figures: which of the course's figures are drawn, see `system.FIGURES`.
    """
    found = {
        "HOME": home, "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8", "PATH": "/bin",
        "TMPDIR": f"{home}/tmp", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
        FIGURES: figures,
    }  # fmt: skip
    more = {"MNIST_DIR": mnist, "XDG_CACHE_HOME": cache}
    return found | {name: value for name, value in more.items() if value}


def set_environment(home: str, figures: str) -> None:
    """Replace this process's environment, and go to its working folder."""
    mnist, cache = _MNIST if os.path.isdir(_MNIST) else "", ""
    if home != HOME:  # else in namespaces: the folders are no longer where `data_folders` looks
        places = {target: source for source, target in data_folders().items()}
        mnist = places.pop(_MNIST, "")
        cache = next((os.path.dirname(source) for source in places.values()), "")
    given = environment(home, mnist, cache, figures)
    os.environ.clear()
    os.environ.update(given)
    os.chdir(f"{home}/work")


# Namespaces -------------------------------------------------------------------------------------

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
            _unshare(spaces)
        else:
            _enter_user_namespace(spaces, _this_process())
        _mount("none", "/", "", MS_REC | MS_PRIVATE)
    except OSError as error:
        _why_not = f"{type(error).__name__}: {error}"
        return
    child = os.fork()
    if child:
        os.closerange(0, 1 << 16)
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
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
        _mount("tmpfs", folder, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
        for kind in (seccomp.STUDENT, seccomp.JUDGE):
            root = os.path.join(folder, kind)
            os.mkdir(root)
            _make_root(root, kind)
            _roots[kind] = root
        _prepare_files()
    except OSError as error:
        _why_not = f"{type(error).__name__}: {error}"


def _make_root(root: str, kind: str) -> None:
    _mount("tmpfs", root, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for path in installation():
        _show(path, root)
    package = os.path.dirname(os.path.realpath(utils.__file__))
    if kind == seccomp.JUDGE:
        _show(package, root)
    else:
        if os.path.isdir(root + package):  # it lies within the installation: cover it
            options = "size=1m,nr_inodes=200,mode=755"
            _mount("tmpfs", root + package, "tmpfs", MS_NOSUID | MS_NODEV, options)
        for path in open_files():
            _show(path, root)
    for name in ("/dev", "/etc", HOME, _OLD):
        os.makedirs(root + name, exist_ok=True)
    for name in ("null", "zero", "full", "random", "urandom"):
        Path(f"{root}/dev/{name}").touch()
        _bind(f"/dev/{name}", f"{root}/dev/{name}", device=True)
    if not os.path.lexists(f"{root}/tmp"):  # else the course lies there: it stays visible
        os.symlink(f"{HOME}/tmp", f"{root}/tmp")
    os.symlink(f"{HOME}/tmp", f"{root}/dev/shm")
    _mount("tmpfs", root, "tmpfs", MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV)


def leave_roots() -> None:
    """Unmount what `make_roots` has made."""
    for root in _roots.values():
        _libc.umount2(os.path.dirname(root).encode(), MNT_DETACH)
        return


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


def new_network() -> int:
    """Make a network namespace, without any interface, for one submission; return it open."""
    _unshare(CLONE_NEWNET)
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def enter_network(network: int) -> None:
    """Let what this process forks be in a network namespace that `new_network` has made."""
    _checked(_libc.setns(ctypes.c_int(network), ctypes.c_int(CLONE_NEWNET)), "setns")


def new_process_tree() -> int:
    """Let the next process that this one forks be the first of a tree of its own.

    Returns:
        What `old_process_tree` needs.
    """
    if _why_not:
        raise OSError(_why_not)
    tree = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    _unshare(CLONE_NEWPID)
    return tree


def old_process_tree(tree: int) -> None:
    """Let the processes that this one forks be in its own tree again."""
    _checked(_libc.setns(ctypes.c_int(tree), ctypes.c_int(CLONE_NEWPID)), "setns")
    os.close(tree)


def enter_namespaces(config: SandboxConfig, owner: int | None, kind: str) -> None:
    """Give this process, the first of its tree, a file system of its own."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = _this_process()
    entries = [e for e in os.scandir(config.folder) if is_data(e)] if config.folder else []
    if kind == seccomp.JUDGE and not entries and data_folders() == _ready_data:
        _checked(_libc.setns(ctypes.c_int(_ready_files), ctypes.c_int(CLONE_NEWNS)), "setns")
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
    _unshare(CLONE_NEWNS)
    root = _roots[kind]
    home = root + HOME
    work = f"{home}/work"
    _mount("tmpfs", home, "tmpfs", fixed, "mode=755")
    for folder in (home, work, f"{home}/tmp", f"{home}/.cache"):
        if folder != home:
            os.mkdir(folder)
        if owner:
            os.chown(folder, owner, owner)
    for source, target in data_folders().items():
        os.makedirs(root + target)
        _bind(source, root + target)
    for entry in entries:
        target = f"{work}/{entry.name}"
        os.mkdir(target) if entry.is_dir(follow_symlinks=False) else Path(target).touch()
        _bind(entry.path, target)
    if kind == seccomp.JUDGE:
        _mount("tmpfs", home, "tmpfs", MS_REMOUNT | MS_RDONLY | fixed)
    else:
        assert config is not None
        used = os.statvfs(home)
        files = used.f_files - used.f_ffree + config.limits.files
        options = f"size={config.limits.file_bytes},nr_inodes={files}"
        _mount("tmpfs", home, "tmpfs", MS_REMOUNT | fixed, options)
    _checked(_libc.pivot_root(root.encode(), (root + _OLD).encode()), "pivot_root")
    os.chdir("/")
    _checked(_libc.umount2(_OLD.encode(), MNT_DETACH), "umount")


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
_FIRST, _COUNT = 0x40000000, 0x10000000  # of the user numbers that belong to nobody
_EACH = 64  # of them for one fork server, which uses them in turn
_turns = itertools.count()


def stranger() -> int | None:
    """Return a user number for a process if this one may choose: nobody's on this machine.

    No other process that runs now has the same, if there are enough numbers.
    """
    numbers = _strangers() if os.geteuid() == 0 else None
    if numbers != _FIRST:
        return numbers
    me = int(os.readlink("/proc/self"))  # the number that the whole machine knows
    return _FIRST + (_EACH * me + next(_turns) % _EACH) % _COUNT


@functools.cache
def _strangers() -> int | None:
    """Return the first of the user numbers that root may choose from here, None for none."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _, count = map(int, line.split())
        if first <= _FIRST and first + count > _FIRST + _COUNT:
            return _FIRST
        if first <= NOBODY < first + count:
            return NOBODY
    return None


def is_data(entry: os.DirEntry) -> bool:
    """Return whether an entry of a submission's folder belongs in its working folder; no links."""
    plain = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
    return plain and not entry.name.endswith(".ipynb") and not entry.name.startswith(".")


# The same for all -------------------------------------------------------------------------------


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
        _libc.unshare(ctypes.c_int(CLONE_NEWUSER))
    _limit(config, kind, config.sandbox == "namespaces" or (owner or 0) >= _FIRST)
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    header = struct.pack("<Ii", 0x20080522, 0)
    _checked(_libc.capset(header, bytes(24)), "capset")
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)  # the filter sees to it that this is not taken back
    if config.sandbox == "landlock":
        _landlock(home, kind)
    if config.sandbox != "none":
        alone = kind == seccomp.STUDENT and config.sandbox == "landlock"
        seccomp.install(seccomp.STUDENT_ALONE if alone else kind, os.getpid())


def _close_all_but(*keep: int) -> None:
    """Close every file descriptor but a few."""
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


def address_space() -> int:
    """Return how many bytes of addresses this process uses."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def note_address_space() -> None:
    """Remember how much this process uses, for the processes forked from it to have on top."""
    global _address_space
    _address_space = address_space()


_address_space = 0


# Landlock ---------------------------------------------------------------------------------------


def landlock_version() -> int:
    """Return the version of Landlock that the kernel has, 0 for none."""
    if not LINUX:
        return 0
    version = _libc.syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint(1))
    return max(version, 0)


_READ, _EXECUTE, _READ_DIR = 4, 1, 8
_WRITE = 2 | 16 | 32 | 128 | 256 | 1024 | 8192 | 16384  # files, folders; no devices, sockets, pipes


def _landlock(home: str, kind: str) -> None:
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
