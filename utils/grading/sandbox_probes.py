"""Test the sandbox on this machine with real attacks.

Each probe is code that a submission could contain. It runs as a student's cell, in the sandbox
available here, and attacks temporary targets made for it. The same probes run in the judge, as if a
submission had taken control of it. A protection holds if the attack fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from utils.grading.judge.fork_server import FORK_SERVER, ForkServerError, student_alone
from utils.grading.notebook.source import about
from utils.grading.sandbox import supervisor, system_calls, visible_files
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.system import ROOT

_TOOLS = """
import ctypes, json, os, socket, subprocess, sys, time
found = {{}}
def attempt(name, act):
    try:
        answer = act()
        found[name] = "" if answer is None else str(answer)
    except BaseException as error:
        found[name] = "no: " + type(error).__name__ + ": " + str(error)
def connect(family, address):
    with socket.socket(family) as s:
        s.settimeout(2)
        s.connect(address)
def write(path):
    with open(path, "a") as file:
        file.write("x")
def fill(count, size):
    for number in range(count):
        with open(str(number), "wb") as file:
            file.write(bytes(size))
def forks():
    children = []
    try:
        while len(children) < 200:
            child = os.fork()
            if child == 0:
                time.sleep(30)
                os._exit(0)
            children.append(child)
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
def trace(process):
    library = ctypes.CDLL(None, use_errno=True)
    if library.ptrace(16, process, 0, 0):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
def lock():
    import fcntl
    with open(json.__file__) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
def stay():
    if os.fork() == 0:
        os.setsid()
        ctypes.CDLL(None).prctl(15, {mark!r}.encode(), 0, 0, 0)  # its name, as others see it
        while True:
            time.sleep(1)
"""

_ATTEMPTS = """
attempt("read", lambda: open({secret!r}).read())
attempt("write", lambda: write({secret!r}))
attempt("installation", lambda: os.chmod(json.__file__, os.stat(json.__file__).st_mode))
attempt("solutions", lambda: open({solutions!r}).read()[:9])
attempt("notebooks", lambda: os.listdir({notebooks!r}))
attempt("reference", lambda: __import__("utils.functions"))
attempt("loopback", lambda: connect(socket.AF_INET, ("127.0.0.1", {port})))
attempt("abstract", lambda: connect(socket.AF_UNIX, chr(0) + {abstract!r}))
attempt("outside", lambda: connect(socket.AF_INET, ("192.0.2.1", 80)))
attempt("signal", lambda: os.kill({victim}, 15))
attempt("environment", lambda: os.environ[{variable!r}])
attempt("processes", lambda: open("/proc/{victim}/cmdline").read())
attempt("forks", forks)
attempt("memory", lambda: len(bytearray(3 * {memory})))
attempt("privileges", lambda: os.chown(".", os.getuid() + 1, -1))
attempt("trace", lambda: trace({victim}))
attempt("lock", lock)
attempt("datagrams", lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM))
attempt("session", os.setsid)
print(json.dumps(found))
"""

# Each of these may end the process, so each runs in its own.
_LAST_ATTEMPTS = {
    "many": "attempt('many', lambda: fill(100_000, 1))",
    "fill": "attempt('fill', lambda: fill(1000, 1 << 20))",
    "lasting": "attempt('lasting', stay)",
}


@dataclass(frozen=True)
class Protection:
    """Something that a submission must not be able to do.

    Attributes:
        name: what a submission cannot do if the protection holds.
        feature: the feature of the kernel that provides it.
        holds: whether the attempt has failed just now.
        reason: the result of the attempt.
    """

    name: str
    feature: str
    holds: bool
    reason: str


# Protections, with the features that provide them: in namespaces, and in Landlock if different.
_PROTECTIONS = {
    "read": ("reads no other file of this machine", "mount namespace", "Landlock"),
    "write": ("writes no other file of this machine", "mount namespace", "Landlock, seccomp"),
    "installation": ("changes nothing of the Python installation", "read-only mounts",
        "Landlock, seccomp"),
    "solutions": ("reads no solution", "mount namespace", "Landlock"),
    "reference": ("imports no solution", "mount namespace", "Landlock"),
    "loopback": ("reaches no server on this machine", "network namespace, seccomp", "seccomp"),
    "abstract": ("reaches no program by a Unix socket", "network namespace, seccomp", "seccomp"),
    "outside": ("reaches no other machine", "network namespace, seccomp", "seccomp"),
    "signal": ("signals no other process", "PID namespace", "seccomp"),
    "environment": ("sees nothing of the grader's environment", "a clean environment"),
    "processes": ("sees no other process", "PID namespace, no /proc", "Landlock"),
    "forks": ("starts few processes", "RLIMIT_NPROC", "seccomp: none at all"),
    "memory": ("uses no more memory than it may", "RLIMIT_AS"),
    "privileges": ("gains no privileges", "no_new_privs, no capabilities"),
    "trace": ("traces no other process", "PID namespace, seccomp", "seccomp, Landlock"),
    "lock": ("leaves no lock for another submission to see", "seccomp"),
    "datagrams": ("sends no datagram to another submission", "seccomp, network namespace"),
    "session": ("takes no share of the processor of its own", "seccomp: no new session"),
    "many": ("makes no more files than it may", "tmpfs with a limit", "its folder is watched"),
    "fill": ("fills no disk", "tmpfs with a limit", "its folder is watched"),
    "lasting": ("leaves no process behind", "PID namespace", "seccomp: it starts none"),
    "notebooks": ("sees no folder of the course's", "mount namespace", "Landlock"),
}  # fmt: skip


# Probes of what the judge may do, or that need to create files.
_NOT_FOR_JUDGES = ("solutions", "reference", "many", "fill", "lasting")


def protections() -> tuple[str, list[Protection]]:
    """Try every protection.

    Returns:
        The kind of sandbox available here ("" for none), and the result of each attempt, or of
        making each kind of sandbox if none is available.
    """
    if not system_calls.LINUX:
        return "", [Protection("runs in a sandbox", "Linux", False, supervisor.ELSEWHERE)]
    try:
        sandbox = FORK_SERVER.sandbox()
    except ForkServerError as error:
        return "", [Protection("runs at all", "the fork server", False, str(error))]
    if not sandbox:
        return "", [
            Protection(f"runs in a sandbox of {kind}", kind, False, FORK_SERVER.why_not(kind))
            for kind in ("namespaces", "landlock")
        ]
    found = _attempts(sandbox)
    landlock = sandbox == "landlock"
    names = {
        key: (name, features[-1 if landlock else 0])
        for key, (name, *features) in _PROTECTIONS.items()
    }
    judges = {
        f"judge {key}": (f"the judge {name}", feature)
        for key, (name, feature) in names.items()
        if key not in _NOT_FOR_JUDGES
    }
    judges["judge forks"] = ("the judge starts no process", "seccomp")
    by = "Landlock" if landlock else "read-only file system"
    judges["judge own"] = ("the judge writes no file at all", by)
    return sandbox, [
        Protection(name, feature, *_verdict(found.get(key, "")))
        for key, (name, feature) in (names | judges).items()
    ]


def _verdict(answer: str) -> tuple[bool, str]:
    if answer.startswith("no: "):
        return True, answer.removeprefix("no: ")
    return False, f"the attempt succeeded {answer}".strip()


def _attempts(sandbox: str) -> dict[str, str]:
    """Run all probes; return what they report, or what is observed from outside."""
    limits = Limits(memory=256 << 20, processes=8, files=200, file_bytes=8 << 20)
    config = SandboxConfig(limits, sandbox)
    mark = f"doctor-{os.getpid()}"[:15]
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        secret = Path(folder, "secret")
        secret.write_text("secret")
        secret.chmod(0o666)  # only the sandbox must protect it
        os.chmod(folder, 0o755)
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        local = stack.enter_context(socket.socket(socket.AF_UNIX))
        abstract = f"course-{mark}"
        local.bind(f"\0{abstract}")
        local.listen()
        victim = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
        )
        stack.callback(victim.communicate)
        names = {
            "secret": str(secret),
            "solutions": str(ROOT / "utils" / "functions.py"),
            "port": server.getsockname()[1],
            "abstract": abstract,
            "victim": victim.pid,
            "memory": limits.memory,
            "notebooks": str(ROOT / "solutions"),
            "mark": mark,
            "variable": next(iter(os.environ.keys() - visible_files.environment("").keys()), "?"),
        }
        found = _try(config, (_TOOLS + _ATTEMPTS).format(**names), "")
        for name, code in _LAST_ATTEMPTS.items():
            found |= _try(config, f"{_TOOLS.format(**names)}{code}\nprint(json.dumps(found))", name)
        judged = (_TOOLS + _ATTEMPTS).format(**names | {"memory": 2 * limits.memory})
        found |= _try_in_judge(config, judged)
        if secret.read_text() != "secret":
            found["write"] = "it is written"
        if victim.poll() is not None:
            found["signal"] = "it has ended"
    if any(_name(process) == mark for process in os.listdir("/proc") if process.isdigit()):
        found["lasting"] = "it still runs"
    elif not found.get("lasting"):
        found["lasting"] = "no: it ended with the submission"
    return found


def _try(config: SandboxConfig, code: str, name: str) -> dict[str, str]:
    """Run a cell; return what it reports, or why its process was ended."""
    with student_alone(FORK_SERVER.connect(), config) as submission:
        ran = submission.run_cell("probe", code)
    for output in ran.outputs:
        with contextlib.suppress(ValueError, KeyError):
            return json.loads(output["text"])
    return {name: f"no: {submission.why_ended}"} if submission.stopped else {}


def _try_in_judge(config: SandboxConfig, code: str) -> dict[str, str]:
    """Run a test cell; return what it reports, or that the judge did not finish."""
    last = "print(json.dumps(found))"
    code = code.replace(last, f"attempt('own', lambda: write('x'))\n{last}")
    cell = {"kind": "test", "label": "probe", "source": code, "points": 1.0, "hidden": False}
    result = FORK_SERVER.judge([cell | about("probe", code)], config)
    for output in result.get("cells", {}).get("0", {}).get("outputs", []):
        with contextlib.suppress(ValueError, KeyError):
            return {f"judge {name}": said for name, said in json.loads(output["text"]).items()}
    return {}


def _name(process: str) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/comm").read_text().strip()
    return ""
