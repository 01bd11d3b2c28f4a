"""The progress bar of `grade`: counts on a terminal, silence elsewhere, nothing left behind."""

import multiprocessing.forkserver
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.classroom import PS1, RIGHT, START, Classroom
from utils.commands.grade import Bar, start_early
from utils.grading.run.worker import Failure, Progress

termios = pytest.importorskip("termios", reason="needs pseudo-terminals")

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's and SQLAlchemy's own affairs
BAR = re.compile(r"(\d+)/(\d+) \[.*?, (\d+) graded, (\d+) unreadable, (\d+) stopped\]")
STEPS = (
    Progress(total=5),
    Progress(total=5, graded=2, stopped=1),
    Progress(total=5, graded=3, unreadable=1, stopped=1, failures=[Failure("ben", "no worker")]),
)


def terminal() -> tuple[int, int]:
    """Return both ends of a new pseudo-terminal: the one that a person sees, and a program's."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 120))
    return ours, theirs


def shown(terminal: int, until: str = "") -> str:
    """Return what programs write to a terminal, to the text `until` or until all have ended."""
    text = b""
    while not until or until.encode() not in text:
        try:
            new = os.read(terminal, 65536)
        except OSError:  # so Linux says that nobody can write to it any more
            break
        if not new:  # and so others do
            break
        text += new
    return text.decode()


def left(text: str) -> list[str]:
    """Return the lines that stay on the screen: after a carriage return, one is written over."""
    lines = []
    for line in text.replace("\r\n", "\n").split("\n"):
        screen = ""
        for part in line.split("\r"):
            screen = part + screen[len(part) :]
        lines.append(screen.rstrip())
    return lines


def grade(room: Classroom, *arguments: str, stopped: bool = False) -> tuple[int, str]:
    """Grade on a terminal, with Ctrl-C once there is a bar; return exit status and what it saw."""
    ours, theirs = terminal()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", START.format("grade"), PS1, "--course", str(room.root)]
        + [*room.options, *arguments],
        cwd=room.root,
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        text = shown(ours, until="0 graded") if stopped else ""
        if stopped:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
        text += shown(ours)
        return process.wait(timeout=60), text
    finally:
        os.close(ours)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def test_every_step_is_on_the_terminal_and_the_bar_goes_away(monkeypatch):
    ours, theirs = terminal()
    with open(theirs, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        with Bar(quiet=False) as bar:
            for step in STEPS:
                bar.show(step)
    text = shown(ours)
    os.close(ours)
    found = list(dict.fromkeys(BAR.findall(text)))
    assert [step[0] for step in found] == ["0", "2", "5"]  # one without an outcome counts, too
    assert found[-1] == ("5", "5", "3", "1", "1")
    assert left(text) == [""]


@pytest.mark.parametrize(("on_terminal", "quiet"), [(True, True), (False, False)])
def test_quiet_or_without_a_terminal_nothing_is_shown(monkeypatch, capfd, on_terminal, quiet):
    ours, theirs = terminal()
    with open(theirs, "w", encoding="utf-8") as stderr:
        if on_terminal:
            monkeypatch.setattr(sys, "stderr", stderr)
        with Bar(quiet) as bar:
            for step in STEPS:
                bar.show(step)
    assert shown(ours) == ""
    os.close(ours)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_class_on_a_terminal(classroom):
    for name in ("akiko", "ben", "chiara"):
        classroom.submit(name, RIGHT)
    classroom.submit("damaged", b"{")
    status, text = grade(classroom)
    assert status == 0, text
    found = BAR.findall(text)
    assert found[0] == ("0", "4", "0", "0", "0")
    assert found[-1] == ("4", "4", "3", "1", "0")
    assert [int(step[0]) for step in found] == sorted(int(step[0]) for step in found)
    assert not BAR.search("\n".join(left(text)))
    assert left(text)[0].startswith("student"), "the closing table begins where the bar was"

    status, text = grade(classroom, "--quiet", "--force")
    (line,) = text.splitlines()  # the one problem
    assert status == 0
    assert line.startswith("damaged: unreadable (")
    assert "JSON" in line
    assert grade(classroom, "--quiet", "--students", "ben") == (0, "")


@pytest.mark.slow
def test_ctrl_c_leaves_a_message_and_no_bar(classroom):
    endless = {"softmax": "def softmax(a):\n    while True:\n        pass\n"}
    for name in ("akiko", "ben", "chiara"):  # their grading is not at its end before Ctrl-C is
        classroom.submit(name, RIGHT | endless)
    status, text = grade(classroom, stopped=True)
    assert status == 130, text
    assert BAR.search(text)
    lines = [*filter(None, left(text))]
    assert len(lines) == 1, text
    (line,) = lines
    assert line.startswith("stopped; what is graded is recorded")


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="needs signal masks")
def test_ctrl_c_while_workers_start_is_not_lost(monkeypatch):
    """In the first moments, too, when processes start that Ctrl-C must not reach."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    reached = []

    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        reached.append("put off")

    monkeypatch.setattr(multiprocessing.forkserver, "ensure_running", interrupted)
    try:
        with pytest.raises(KeyboardInterrupt):
            start_early(1)
    finally:
        signal.signal(signal.SIGINT, before)
    assert reached == ["put off"]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, set())
