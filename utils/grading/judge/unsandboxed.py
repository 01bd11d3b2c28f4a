"""Run a notebook where no sandbox is available: on Windows and macOS, for `check` alone.

The judge is this process. The student's cells still run in a separate process, so the verdict, the
time limits and the handling of endless loops are as in the grader; but that process may do
anything that its user may do.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Any, NoReturn

from utils.grading.judge import results, student_process
from utils.grading.judge.judge import Judge
from utils.grading.judge.student_client import StudentClient
from utils.grading.notebook.shell import close_shell, make_shell
from utils.grading.sandbox.config import SandboxConfig
from utils.grading.sandbox.messages import ProcessSupervisor
from utils.system import FIGURES, ROOT

SECONDS = 60  # in which a process has to connect
_START = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from utils.grading.judge import unsandboxed; unsandboxed.main()"
)


def judge(
    cells: list[dict],
    config: SandboxConfig,
    course_names: dict[str, Any] | None = None,
    plots: bool = False,
) -> dict[str, Any]:
    """Judge a submission as `ForkServer.judge` does.

    Args:
        cells, course_names: as for `Judge`.
        config: the configuration of the student process; its `sandbox` is ignored.
        plots: whether the submission will use Matplotlib.
    """
    shell = make_shell(plots)
    shell.outputs.limit = config.limits.output_bytes
    student = StudentClient(UnsandboxedProcess(config, plots), config.limits)
    try:
        found = Judge(shell, student, cells, course_names).run_cells()
    finally:
        student.end("the grading is over")
        close_shell()
    answer = json.dumps(results.truncate(results.answer_of(found, student)))
    try:
        return results.read(json.loads(answer), cells, config.limits)
    except (ValueError, KeyError) as error:
        return {"error": f"the judge's answer cannot be used: {error}"}


class UnsandboxedProcess(ProcessSupervisor):
    """Starts a student process, and ends it with all its known children.

    How long it has run or waited for a processor is unknown here: only wall time is limited.

    Args:
        config: the configuration of the process; the files are copied into its working folder.
        plots: as for `judge`.
    """

    process: subprocess.Popen
    folder: str

    def __init__(self, config: SandboxConfig, plots: bool) -> None:
        self.config, self.plots = config, plots

    def start(self) -> socket.socket:
        folder = self.folder = tempfile.mkdtemp(prefix="submission-")
        work = os.path.join(folder, "work")
        shutil.copytree(self.config.folder, work) if self.config.folder else os.mkdir(work)
        own = {
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            FIGURES: self.config.figures,
        }
        with socket.socket() as server:
            server.bind(("127.0.0.1", 0))
            server.listen()
            server.settimeout(SECONDS)
            process = self.process = subprocess.Popen(
                [sys.executable, "-I", "-c", _START, str(ROOT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd=work,
                env=os.environ | own,
                start_new_session=True,
            )
            try:
                token, limit = os.urandom(16).hex(), self.config.limits.output_bytes
                told = f"{server.getsockname()[1]} {token} {limit} {self.plots:d}\n"
                assert process.stdin is not None
                process.stdin.write(told.encode())
                process.stdin.flush()
                while True:
                    sock, _ = server.accept()
                    sock.settimeout(SECONDS)
                    with contextlib.suppress(OSError):  # some other program on this machine
                        if sock.recv(32, socket.MSG_WAITALL) == token.encode():
                            return sock
                    sock.close()
            except BaseException:
                self.end("it did not start")
                raise

    def alarm(self) -> None:
        if hasattr(signal, "SIGALRM"):
            self.process.send_signal(signal.SIGALRM)

    def end(self, why: str) -> dict[str, Any]:
        if not why:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(2)
                why = f"it ended by itself, with exit status {self.process.returncode}"
        if hasattr(os, "killpg"):
            with contextlib.suppress(OSError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
        return {"why": why or "it hung up"}


def main() -> NoReturn:
    """Run as a student process; stdin gives the port on which the judge waits."""
    port, token, limit, plots = sys.stdin.readline().split()
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as this process lives
    shell = make_shell(plots == "1")  # before the first question, which has a time limit
    sock = socket.create_connection(("127.0.0.1", int(port)), SECONDS)
    sock.sendall(token.encode())
    sock.settimeout(None)
    student_process.main(sock, shell, int(limit))
    os._exit(0)
