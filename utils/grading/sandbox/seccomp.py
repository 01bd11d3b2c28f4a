"""The system calls that a sandboxed process may make, as a seccomp filter.

Everything that is not listed here fails, including calls that later kernels add. A refused call
returns EPERM, or ENOSYS for calls added in Linux 5.1 or later: programs must work without these,
and call them to find out whether the kernel has them.

The filter also closes the channels through which two submissions could communicate. All submissions
see the same files of the Python installation, so nothing may leave a trace on a file that another
process can notice: no locks, leases or notifications, no query whether a page is in the page cache,
and no futex shared between processes. (The kernel identifies such a futex by the file and the
offset of its page, even if the page is read-only.) Sockets exist only as connected pairs.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import platform
import struct

# Kinds of processes: a student's in its own namespaces, a student's under Landlock alone, and the
# judge. The last two start no processes, and address no process but themselves.
STUDENT, STUDENT_ALONE, JUDGE = "student", "student alone", "judge"

ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}

# System call numbers on x86_64 and on aarch64; None where there is no such call.
_Numbers = dict[str, tuple[int | None, int | None]]
ALLOWED_CALLS: _Numbers = {
    "read": (0, 63), "write": (1, 64), "open": (2, None), "close": (3, 57), "stat": (4, None),
    "fstat": (5, 80), "lstat": (6, None), "poll": (7, None), "lseek": (8, 62),
    "mprotect": (10, 226), "munmap": (11, 215), "brk": (12, 214), "rt_sigaction": (13, 134),
    "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139), "pread64": (17, 67),
    "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66), "access": (21, None),
    "pipe": (22, None), "select": (23, None), "sched_yield": (24, 124), "mremap": (25, 216),
    "msync": (26, 227), "dup": (32, 23), "dup2": (33, None), "pause": (34, None),
    "nanosleep": (35, 101), "getitimer": (36, 102), "alarm": (37, None), "setitimer": (38, 103),
    "getpid": (39, 172), "shutdown": (48, 210), "getsockname": (51, 204),
    "getpeername": (52, 205), "getsockopt": (55, 209), "exit": (60, 93), "wait4": (61, 260),
    "uname": (63, 160), "fsync": (74, 82), "fdatasync": (75, 83), "ftruncate": (77, 46),
    "getdents": (78, None), "getcwd": (79, 17), "chdir": (80, 49), "fchdir": (81, 50),
    "rename": (82, None), "mkdir": (83, None), "rmdir": (84, None), "creat": (85, None),
    "link": (86, None), "unlink": (87, None), "symlink": (88, None), "readlink": (89, None),
    "umask": (95, 166), "gettimeofday": (96, 169), "getrlimit": (97, 163), "getrusage": (98, 165),
    "times": (100, 153), "getuid": (102, 174), "getgid": (104, 176), "geteuid": (107, 175),
    "getegid": (108, 177), "getppid": (110, 173), "getpgrp": (111, None), "getgroups": (115, 158),
    "getresuid": (118, 148), "getresgid": (120, 150), "capget": (125, 90),
    "rt_sigpending": (127, 136), "rt_sigtimedwait": (128, 137), "rt_sigsuspend": (130, 133),
    "sigaltstack": (131, 132), "sched_get_priority_max": (146, 125),
    "sched_get_priority_min": (147, 126), "setrlimit": (160, 164), "gettid": (186, 178),
    "time": (201, None), "arch_prctl": (158, None), "getdents64": (217, 61),
    "set_tid_address": (218, 96), "restart_syscall": (219, 128), "timer_settime": (223, 110),
    "timer_gettime": (224, 108), "timer_getoverrun": (225, 109), "timer_delete": (226, 111),
    "clock_getres": (229, 114), "exit_group": (231, 94), "epoll_create": (213, None),
    "epoll_wait": (232, None), "epoll_ctl": (233, 21), "waitid": (247, 95), "openat": (257, 56),
    "mkdirat": (258, 34), "newfstatat": (262, 79), "unlinkat": (263, 35), "renameat": (264, 38),
    "linkat": (265, 37), "symlinkat": (266, 36), "readlinkat": (267, 78), "faccessat": (269, 48),
    "pselect6": (270, 72), "ppoll": (271, 73), "set_robust_list": (273, 99),
    "epoll_pwait": (281, 22), "signalfd": (282, None), "timerfd_create": (283, 85),
    "eventfd": (284, None), "fallocate": (285, 47), "timerfd_settime": (286, 86),
    "timerfd_gettime": (287, 87), "signalfd4": (289, 74), "eventfd2": (290, 19),
    "epoll_create1": (291, 20), "dup3": (292, 24), "pipe2": (293, 59), "preadv": (295, 69),
    "pwritev": (296, 70), "getcpu": (309, 168), "renameat2": (316, 276), "getrandom": (318, 278),
    "statx": (332, 291), "rseq": (334, 293), "close_range": (436, 436), "faccessat2": (439, 439),
    "epoll_pwait2": (441, 441), "getxattr": (191, 8), "lgetxattr": (192, 9),
    "fgetxattr": (193, 10), "listxattr": (194, 11), "llistxattr": (195, 12),
    "flistxattr": (196, 13),
}  # fmt: skip
# Only for a student process in its own namespaces.
_PROCESSES: _Numbers = {
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "chmod": (90, None),
    "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "utime": (132, None),
    "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88), "truncate": (76, 45),
    "statfs": (137, 43), "fstatfs": (138, 44), "getpriority": (140, 141),
}  # fmt: skip
# Calls whose first argument is a process: in namespaces any process, since all belong to the
# submission; elsewhere only the calling process.
_OF_A_PROCESS: _Numbers = {
    "kill": (62, 129), "tgkill": (234, 131), "prlimit64": (302, 261),
    "sched_getaffinity": (204, 123), "sched_setaffinity": (203, 122),
    "sched_getscheduler": (145, 120), "sched_getparam": (143, 121), "sched_getattr": (315, 275),
    "sched_rr_get_interval": (148, 127), "getpgid": (121, 155),
    "getsid": (124, 156),
}  # fmt: skip
# Calls that are allowed or refused depending on an argument.
_DEPENDS: _Numbers = {
    "clone": (56, 220), "fcntl": (72, 25), "ioctl": (16, 29),
    "prctl": (157, 167), "futex": (202, 98), "socketpair": (53, 199), "sendto": (44, 206),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212), "mmap": (9, 222), "madvise": (28, 233), "clock_gettime": (228, 113),
    "clock_nanosleep": (230, 115), "timer_create": (222, 107),
}  # fmt: skip

_NEWER = 424  # calls since Linux 5.1 have this number or higher, the same on all architectures
_X32 = 0x40000000  # x86_64 has a second set of numbers for the same calls, starting here

# Instructions, and results.
_LOAD, _AND, _JUMP, _RETURN = 0x20, 0x54, 0x05, 0x06
_EQUAL, _AT_LEAST, _ANY_BIT = 0x15, 0x35, 0x45
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x50000
_REFUSE, _MISSING = _ERROR | errno.EPERM, _ERROR | errno.ENOSYS
_INVALID, _AGAIN, _NO_TERMINAL = (_ERROR | n for n in (errno.EINVAL, errno.EAGAIN, errno.ENOTTY))
_NOTHING_DONE = _ERROR  # the call returns 0
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # offsets in struct seccomp_data

_CLONE_THREAD = 0x10000
# New namespaces: mount, UTS, IPC, user, PID, network, cgroup, time.
_NEW_NAMESPACES = 0x20000 | 0x4000000 | 0x8000000 | 0x10000000 | 0x20000000 | 0x40000000
_NEW_NAMESPACES |= 0x02000000 | 0x80
_AF_UNIX, _SOCK_STREAM, _SOCK_FLAGS = 1, 1, 0x80000 | 0x800  # close on exec, non-blocking
_MSG_OOB = 1
_MAP_HUGETLB = 0x40000  # uses a pool that the whole machine shares
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC: no locks, leases, signals, sizes.
_FCNTL = (0, 1, 2, 3, 4, 1030)
# TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX
_IOCTL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
# PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_GET_TIMERSLACK,
# PR_GET_NO_NEW_PRIVS, PR_SET_VMA. PR_SET_PDEATHSIG is missing: it stays as the supervisor set it.
_PRCTL = (2, 3, 15, 16, 23, 30, 39, 0x53564D41)
# MADV_MERGEABLE, MADV_COLD, MADV_PAGEOUT, MADV_COLLAPSE, MADV_HWPOISON, MADV_SOFT_OFFLINE: they
# affect pages of other processes.
_MADVISE = (12, 20, 21, 25, 100, 101)
_FUTEX_PRIVATE = 128
_FUTEX_WAIT = (0, 9, 9 | 256)  # FUTEX_WAIT, FUTEX_WAIT_BITSET, the latter with FUTEX_CLOCK_REALTIME
_FUTEX_WAKE = (1, 10)
_OWN_CLOCKS = 16  # numbers from here on, and negative ones, are clocks of a process or a device

_Line = tuple[int, int, int, int]  # operation, skip if true, skip if false, operand
_ME = 0x7ACE0FFE  # a placeholder for the PID until it is known


def _argument(number: int, high: bool = False) -> _Line:
    """Load an argument's lower or upper half."""
    return _LOAD, 0, 0, _ARGUMENTS + 8 * number + 4 * high


def _give(result: int) -> list[_Line]:
    return [(_RETURN, 0, 0, result)]


def _if(test: int, operand: int, result: int) -> list[_Line]:
    return [(test, 0, 1, operand), *_give(result)]


def _one_of(argument: int, values: tuple[int, ...], result: int, otherwise: int) -> list[_Line]:
    lines = [_argument(argument)]
    for value in values:
        lines += _if(_EQUAL, value, result)
    return lines + _give(otherwise)


def _conditions(kind: str) -> dict[str, list[_Line]]:
    """Return the filter code for each call that depends on an argument, by its name."""
    alone = kind != STUDENT
    clone = [_argument(0)]
    if alone:
        clone += _if(_ANY_BIT, _CLONE_THREAD, _ALLOW) + _give(_REFUSE)
    else:
        clone += _if(_ANY_BIT, _NEW_NAMESPACES, _REFUSE) + _give(_ALLOW)
    pair = [
        *[_argument(0), (_EQUAL, 1, 0, _AF_UNIX), *_give(_REFUSE)],
        *[_argument(1), (_AND, 0, 0, ~_SOCK_FLAGS & 0xFFFFFFFF)],
        *[*_if(_EQUAL, _SOCK_STREAM, _ALLOW), *_give(_REFUSE)],
    ]
    no_address = [
        line
        for high in (False, True)
        for line in (_argument(4, high), (_EQUAL, 1, 0, 0), *_give(_REFUSE))
    ]
    urgent = [_argument(3), *_if(_ANY_BIT, _MSG_OOB, _REFUSE)]
    futex = [_argument(1), *_if(_ANY_BIT, _FUTEX_PRIVATE, _ALLOW)]
    for operation in _FUTEX_WAIT:  # a process that waits must poll
        futex += _if(_EQUAL, operation, _AGAIN)
    for operation in _FUTEX_WAKE:
        futex += _if(_EQUAL, operation, _NOTHING_DONE)
    clock = [_argument(0), *_if(_AT_LEAST, _OWN_CLOCKS, _INVALID)] if alone else []
    clock += _give(_ALLOW)
    return {
        "clone": clone,
        "fcntl": _one_of(1, _FCNTL, _ALLOW, _REFUSE),
        "ioctl": _one_of(1, _IOCTL, _ALLOW, _NO_TERMINAL),
        "prctl": _one_of(0, _PRCTL, _ALLOW, _REFUSE),
        "futex": futex + _give(_MISSING),
        "socketpair": pair,
        "sendto": urgent + no_address + _give(_ALLOW),
        "recvfrom": urgent + _give(_ALLOW),
        "recvmsg": _give(_ALLOW if kind == JUDGE else _REFUSE),  # with sockets
        "mmap": [_argument(3), *_if(_ANY_BIT, _MAP_HUGETLB, _INVALID), *_give(_ALLOW)],
        "madvise": _one_of(2, _MADVISE, _INVALID, _ALLOW),
        "clock_gettime": clock,
        "clock_nanosleep": clock,
        "timer_create": clock,
    }


def _decisions(kind: str) -> dict[str, list[_Line]]:
    """Return the filter code for each call that may be made, by its name."""
    found = dict.fromkeys(ALLOWED_CALLS, _give(_ALLOW)) | _conditions(kind)
    if kind == STUDENT:
        return found | dict.fromkeys([*_PROCESSES, *_OF_A_PROCESS], _give(_ALLOW))
    for name in _OF_A_PROCESS:
        own = (_ME,) if name in ("kill", "tgkill") else (_ME, 0)  # 0: a group of processes
        found[name] = _one_of(0, own, _ALLOW, _REFUSE)
    return found


def _search(blocks: list[tuple[int, list[_Line]]]) -> list[_Line]:
    """Return code for a binary search; a block is for numbers from its own up to the next one's."""
    if len(blocks) == 1:
        return blocks[0][1]
    middle = len(blocks) // 2
    below, above = _search(blocks[:middle]), _search(blocks[middle:])
    test = [(_AT_LEAST, 0, 1, blocks[middle][0]), (_JUMP, 0, 0, len(below))]
    return [*test, *below, *above]


@functools.cache
def call_filter(kind: str) -> bytes:
    """Return the filter in the kernel's format, with the placeholder `_ME` for the PID."""
    column, architecture = ARCHITECTURES[platform.machine()]
    numbers = ALLOWED_CALLS | _PROCESSES | _OF_A_PROCESS | _DEPENDS
    decided = {
        number: lines
        for name, lines in _decisions(kind).items()
        if (number := numbers[name][column]) is not None
    }
    blocks: list[tuple[int, list[_Line]]] = []
    for number in range(max(*decided, _NEWER) + 2):
        lines = decided.get(number) or _give(_REFUSE if number < _NEWER else _MISSING)
        if not blocks or blocks[-1][1] != lines:
            blocks.append((number, lines))
    blocks.append((_X32, _give(_REFUSE)))
    code = [
        *[(_LOAD, 0, 0, _ARCHITECTURE), (_EQUAL, 1, 0, architecture), *_give(_KILL)],
        *[(_LOAD, 0, 0, _NUMBER), *_search(blocks)],
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in code)


def install(kind: str, me: int) -> None:
    """Filter the system calls of this process and all its children, irreversibly.

    Args:
        kind: `STUDENT`, `STUDENT_ALONE` or `JUDGE`.
        me: the PID of this process, in its own namespace.

    Raises:
        OSError: the kernel refuses the filter.
    """
    code = call_filter(kind).replace(struct.pack("<I", _ME), struct.pack("<I", me))
    program = ctypes.create_string_buffer(code, len(code))
    about = struct.pack("@HP", len(code) // 8, ctypes.addressof(program))
    where = ctypes.create_string_buffer(about, len(about))
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    set_seccomp, filter_mode = 22, 2
    if prctl(set_seccomp, filter_mode, ctypes.c_void_p(ctypes.addressof(where)), 0, 0) < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {errno.errorcode.get(number, number)}")
