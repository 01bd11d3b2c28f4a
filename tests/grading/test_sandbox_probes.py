"""What `doctor` says of a sandbox: an attempt that fails is a protection that holds."""

from types import SimpleNamespace

import pytest

from utils.grading import sandbox_probes
from utils.grading.judge.fork_server import ForkServerError
from utils.grading.sandbox import supervisor
from utils.grading.sandbox_probes import Protection


def broken():
    raise ForkServerError("it has ended")


@pytest.mark.parametrize(
    ("linux", "sandbox", "found"),
    [
        (False, broken, [Protection("runs in a sandbox", "Linux", False, supervisor.ELSEWHERE)]),
        (True, broken, [Protection("runs at all", "the fork server", False, "it has ended")]),
        (
            True,
            lambda: "",
            [
                Protection(f"runs in a sandbox of {kind}", kind, False, f"no {kind} here")
                for kind in ("namespaces", "landlock")
            ],
        ),
    ],
)
def test_without_a_sandbox_nothing_is_said_to_hold(monkeypatch, linux, sandbox, found):
    monkeypatch.setattr(sandbox_probes.system_calls, "LINUX", linux)
    server = SimpleNamespace(sandbox=sandbox, why_not=lambda kind: f"no {kind} here")
    monkeypatch.setattr(sandbox_probes, "FORK_SERVER", server)
    assert sandbox_probes.protections() == ("", found)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ("no: OSError: why", (True, "OSError: why")),
        ("no: ", (True, "")),
        ("secret", (False, "the attempt succeeded secret")),
        ("", (False, "the attempt succeeded")),
        (" no: ", (False, "the attempt succeeded  no:")),
    ],
)
def test_only_a_failed_attempt_is_a_protection(answer, verdict):
    assert sandbox_probes._verdict(answer) == verdict


def test_each_protection_is_tried():
    code = sandbox_probes._ATTEMPTS + "".join(sandbox_probes._LAST_ATTEMPTS.values())
    names = sandbox_probes._PROTECTIONS.keys()
    assert {n for n in names if f'attempt("{n}"' in code or f"attempt('{n}'" in code} == names
