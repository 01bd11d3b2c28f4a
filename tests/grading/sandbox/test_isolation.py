"""What a process loses when it is confined: files, its session, privileges, most of its limits."""

import os
from pathlib import Path

import pytest

from tests.grading.sandbox.child import FORKS, attempt, in_a_child
from utils.grading.sandbox import isolation, seccomp, system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig

pytestmark = pytest.mark.skipif(not system_calls.LINUX, reason="submissions are graded on Linux")

LIMITS = Limits(memory=256 << 20, file_bytes=1 << 20, submission_seconds=7)


@FORKS
@pytest.mark.parametrize(("kind", "times"), [(seccomp.STUDENT, 1), (seccomp.JUDGE, 4)])
def test_a_confined_process_has_its_limits_and_one_open_file(tmp_path, kind, times):
    import resource

    mine = os.open(tmp_path, os.O_RDONLY)

    def confined(keep):
        isolation.note_address_space()
        before = isolation._address_space
        isolation.confine([keep], SandboxConfig(LIMITS, "none"), None, str(tmp_path), kind)
        status = Path("/proc/self/status").read_text()
        names = ("AS", "CPU", "FSIZE", "NOFILE", "CORE", "SIGPENDING", "MSGQUEUE")
        return {
            "limits": [resource.getrlimit(getattr(resource, f"RLIMIT_{n}"))[0] for n in names],
            "before": before,
            "mine": attempt(os.fstat, mine),
            "input": os.read(0, 1).decode(),
            "session": os.getsid(0) == os.getpid(),
            "privileges": [f"{key}:\t{value}" in status for key, value in (
                ("NoNewPrivs", 1), ("CapEff", "0" * 16), ("CapPrm", "0" * 16)
            )],
        }  # fmt: skip

    found = in_a_child(confined)
    os.close(mine)
    space, *others = found["limits"]
    assert 10 << 20 < found["before"] < 1 << 46  # in bytes
    assert space == found["before"] + times * LIMITS.memory
    assert others == [24, 1 << 20, isolation.MAX_OPEN_FILES, 0, 0, 0]
    assert (found["mine"], found["input"], found["session"]) == ("OSError", "", True)
    assert found["privileges"] == [True, True, True]


@FORKS
@pytest.mark.parametrize("keep", [[], [3], [5, 9]])
def test_all_files_but_some_are_closed(keep):
    def closed(answer):
        null = os.open("/dev/null", os.O_RDONLY)
        for number in {*range(3, 12)} - {answer}:
            os.dup2(null, number)
        isolation._close_all_but(0, 1, 2, answer, *keep)
        return [answer, [n for n in range(3, 40) if n != answer and not attempt(os.fstat, n)]]

    answer, left = in_a_child(closed)
    assert left == [number for number in keep if number != answer]
