"""A place where hostile submissions are graded and a hole cannot hurt the machine.

    python arena.py SANDBOX USER [CASE ...]

It runs in PID, mount and IPC namespaces of its own. All of the file system is read-only there, but
for a new /tmp and copies-on-write of the Python installation and the repository, which tell whether
anything was written to them. In it there is a course with a gradebook, solutions and others' work,
and things to attack: a process, servers, a secret. After each case the arena looks at all of them
and grades an honest submission. It prints a line of JSON for each case.

SANDBOX is "namespaces" or "landlock"; USER is "root" or "ordinary".
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
sys.path[:0] = [str(HERE), str(REPOSITORY)]

from utils.grading.sandbox import system_calls as calls  # noqa: E402
from utils.grading.sandbox.system_calls import mount  # noqa: E402

TOP = Path("/tmp/arena")
SECRET = "SECRET-OF-THE-STAFF"
ORDINARY = 12345
NEEDED = (sys.base_prefix, sys.prefix, str(REPOSITORY))
KEPT = {Path(path).parts[2] for path in NEEDED if path.startswith("/tmp/")}  # of the old /tmp


def enter(user: str) -> None:
    """Go to the arena: come back as its first process, of that user."""
    root, group = os.geteuid() == 0, os.getegid()
    me = os.geteuid()
    spaces = calls.CLONE_NEWNS | calls.CLONE_NEWPID | calls.CLONE_NEWIPC
    calls.unshare(spaces | (0 if root else calls.CLONE_NEWUSER))
    if not root:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {me} 1")
        Path("/proc/self/gid_map").write_text(f"0 {group} 1")
    child = os.fork()
    if child:
        signal.signal(signal.SIGTERM, lambda *_: os.kill(child, signal.SIGKILL))
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    calls.prctl(calls.PR_SET_PDEATHSIG, signal.SIGKILL)
    mount("none", "/", "", calls.MS_PRIVATE | calls.MS_REC)
    calls._set_mount("/", calls.MS_RDONLY, 0)
    hidden = {path: os.open(path, os.O_PATH) for path in NEEDED if path.startswith("/tmp/")}
    mount("tmpfs", "/tmp", "tmpfs", 0, "size=2g,mode=1777")
    mount("proc", "/proc", "proc", 0)
    for path, descriptor in hidden.items():  # what is needed of the old /tmp, in the new one
        os.makedirs(path, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", path, "", calls.MS_BIND | calls.MS_REC)
        os.close(descriptor)
    if root and user == "ordinary":  # the way to the interpreter may lead through root's own folder
        shown = {p for p in NEEDED if p.startswith("/root/")}
        for path in shown:
            (TOP / "keep" / path.strip("/")).mkdir(parents=True)
            mount(path, str(TOP / "keep" / path.strip("/")), "", calls.MS_BIND | calls.MS_REC)
        mount("tmpfs", "/root", "tmpfs", 0, "mode=755")
        for path in shown:
            os.makedirs(path)
            mount(str(TOP / "keep" / path.strip("/")), path, "", calls.MS_BIND | calls.MS_REC)
    for number, path in enumerate(set(NEEDED)):
        upper, work = TOP / f"upper{number}", TOP / f"work{number}"
        for folder in (upper, work):
            folder.mkdir(parents=True)
            folder.chmod(0o777)
        with contextlib.suppress(OSError):
            mount("overlay", path, "overlay", 0, f"lowerdir={path},upperdir={upper},workdir={work}")
    TOP.chmod(0o777)
    if root and user == "ordinary":
        os.setgroups([])
        os.setresgid(ORDINARY, ORDINARY, ORDINARY)
        os.setresuid(ORDINARY, ORDINARY, ORDINARY)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))


class Arena:
    """The course in the arena, and what there is to attack."""

    def __init__(self) -> None:
        home = TOP / "home"
        os.environ |= {
            "HOME": str(home),
            "STAFF_TOKEN": SECRET,
            "XDG_CACHE_HOME": str(home / ".cache"),
        }
        os.environ.pop("MNIST_DIR", None)
        self.course = TOP / "course"
        for folder in ("solutions/ps0_fixture", "grading/submitted/other/ps0_fixture"):
            (self.course / folder).mkdir(parents=True)
        home.mkdir()
        import fixture_course
        import nbformat

        solutions = self.course / "solutions/ps0_fixture/ps0_fixture.ipynb"
        nbformat.write(fixture_course.source_notebook(fixture_course.RIGHT), solutions)
        other = self.course / "grading/submitted/other/ps0_fixture/ps0_fixture.ipynb"
        nbformat.write(fixture_course.submission(), other)
        gradebook = self.course / "grading/gradebook.db"
        with contextlib.closing(sqlite3.connect(gradebook)) as book:
            book.execute("create table student (id text, first_name text)")
            book.execute("create table grade (student text, auto_score real)")
            book.execute("insert into student values ('other', ?)", [SECRET])
            book.execute("insert into grade values ('other', 1.0)")
            book.commit()
        secret = TOP / "secret"
        secret.write_text(SECRET)
        for path in (secret, gradebook, solutions, other):
            path.chmod(0o666)
        self.victim = subprocess.Popen(["/bin/sleep", "100000"], start_new_session=True)
        self.visits = 0
        abstract = f"arena-{os.urandom(8).hex()}"
        self.servers = [
            self.listen(socket.AF_INET, ("127.0.0.1", 0)),
            self.listen(socket.AF_UNIX, str(TOP / "socket")),
            self.listen(socket.AF_UNIX, f"\0{abstract}"),
        ]
        from utils.grading.judge.fork_server import FORK_SERVER

        FORK_SERVER.connect()
        self.names = {
            "course": self.course, "solutions": solutions, "other": other, "gradebook": gradebook,
            "secret": secret, "repository": REPOSITORY, "home": home, "unix": TOP / "socket",
            "abstract": abstract, "victim": self.victim.pid, "arena": os.getpid(),
            "fork-server": FORK_SERVER._process.pid, "port": self.servers[0].getsockname()[1],
        }  # fmt: skip
        self.usual = set(os.listdir("/tmp"))
        self.expected = {int(name) for name in os.listdir("/proc") if name.isdigit()}

    def listen(self, family: int, address: object) -> socket.socket:
        server = socket.socket(family)
        server.bind(address)
        server.listen()

        def count() -> None:
            while True:
                server.accept()[0].close()
                self.visits += 1

        threading.Thread(target=count, daemon=True).start()
        return server

    def fill_in(self, text: str) -> str:
        """Replace `@name@` in a hostile text."""
        for name, value in self.names.items():
            text = text.replace(f"@{name}@", str(value))
        return text

    def state(self) -> dict[str, str]:
        """Return a digest of every file that a submission might change."""
        found = {}
        places = [self.course, TOP / "secret", TOP / "home", *TOP.glob("upper*")]
        for place in places:
            for path in [place, *place.rglob("*")]:
                about = path.lstat()
                data = path.read_bytes() if path.is_file() else b""
                if path.suffix == ".pyc" or "__pycache__" in str(path):
                    continue
                text = f"{about.st_mode} {about.st_uid} {about.st_mtime_ns if data else ''} "
                if "upper" in str(path) and path.is_dir():
                    text = ""
                found[str(path)] = text + hashlib.sha1(data, usedforsecurity=False).hexdigest()
        return found

    def processes(self) -> dict[int, str]:
        """Return the processes that do not belong here."""
        found = {}
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) not in self.expected:
                with contextlib.suppress(OSError):
                    state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
                    if state != "Z":
                        found[int(name)] = Path(f"/proc/{name}/cmdline").read_text()[:100]
        return found

    def left(self) -> dict[int, str]:
        """Return the processes that have not gone after a while."""
        for _ in range(100):
            if not (found := self.processes()):
                break
            time.sleep(0.02)
        return found

    def temporary(self) -> set[str]:
        """Return what lies in /tmp that did not before, and has not gone after a while."""
        for _ in range(100):
            if not (found := set(os.listdir("/tmp")) - self.usual - KEPT):
                break
            time.sleep(0.02)
        return found


def possible(cell: Any) -> float:
    """Return the points that a cell can earn."""
    return cell.metadata.get("nbgrader", {}).get("points", 0)


def main(sandbox: str, user: str, wanted: list[str]) -> None:
    """Grade hostile submissions; print what became of each."""
    enter(user)
    arena = Arena()
    import fixture_course
    import hostile
    import nbformat

    from utils.grading.judge import grade_notebook
    from utils.grading.judge.fork_server import FORK_SERVER
    from utils.grading.sandbox.config import Limits

    if why := FORK_SERVER.why_not(sandbox):
        print(json.dumps({"skip": why}), flush=True)
        return
    FORK_SERVER._sandboxes["namespaces"] = "" if sandbox == "namespaces" else "not in this test"
    course = fixture_course.course()
    honest = nbformat.writes(fixture_course.submission()).encode()
    before = arena.state()
    for case in hostile.CASES:
        if wanted and case.name not in wanted:
            continue
        result: dict[str, object] = {"case": case.name}
        start = time.monotonic()
        try:
            case.before, case.after = arena.fill_in(case.before), arena.fill_in(case.after)
            cells = course
            if case.judge:
                cells = fixture_course.course(arena.fill_in(case.judge))
            case.answers = {name: arena.fill_in(text) for name, text in case.answers.items()}
            limits = Limits(**{"call_seconds": 5.0, "submission_seconds": 60.0} | case.limits)
            notebook, outcome = grade_notebook.grade_notebook(case.file(), cells, limits)
            shown = json.dumps(notebook.cells if notebook else [])
            printed = "".join(
                output.get("text", "")
                for cell in (notebook.cells if notebook else [])
                for output in cell.get("outputs", [])
            )
            result |= {
                "status": outcome.status,
                "score": outcome.score,
                "max_score": notebook and sum(map(possible, notebook.cells)),
                "notes": outcome.notes,
                "stopped": outcome.stopped,
                "checks": sum(len(test.checks) for test in outcome.tests.values()),
                "errors": [
                    output["ename"]
                    for cell in (notebook.cells if notebook else [])
                    if not cell.metadata.get("nbgrader", {}).get("grade")
                    for output in cell.get("outputs", [])
                    if output["output_type"] == "error"
                ],
                "got": re.findall(rf"{hostile.MARK}.{{0,100}}", printed),
                "size": len(shown),
                "memory": outcome.memory_bytes,
            }
            if os.environ.get("ARENA_SHOW"):
                result["shown"] = shown[:5000]
        except BaseException:
            result["error"] = traceback.format_exc()
        result["seconds"] = round(time.monotonic() - start, 2)
        _, after = grade_notebook.grade_notebook(honest, course, Limits())
        state = arena.state()
        result |= {
            "honest": after.score,
            "changed": [p for p in before.keys() | state.keys() if before.get(p) != state.get(p)],
            "left": arena.left(),
            "temporary": sorted(arena.temporary()),
            "visits": arena.visits,
            "victim": arena.victim.poll(),
        }
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
