"""Hostile submissions get the honest score and change nothing; run in an arena, see `arena.py`."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _load(name):
    """Import a file beside this one; the arena, which is a program, imports it by its name."""
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


_load("fixture_course")
hostile = _load("hostile")

# What another user changes: who owns what, who may signal whom. The rest is the same for all.
OTHERS = [
    *hostile.EXITS, *hostile.BOMBS, *hostile.READS, *hostile.WRITES, *hostile.NETWORK,
    *hostile.CHANNELS, *(case for case in hostile.JUDGES if "never ends" not in case.name),
]  # fmt: skip
FOR_OTHERS = OTHERS if os.name == "posix" and os.geteuid() == 0 else []
ARENAS = {
    ("namespaces", "root"): hostile.CASES,
    ("landlock", "root"): hostile.CASES,
    ("namespaces", "ordinary"): FOR_OTHERS,
    ("landlock", "ordinary"): FOR_OTHERS,
}


class Arena:
    """Grades hostile submissions in another process; results come in the cases' order."""

    def __init__(self, sandbox: str, user: str) -> None:
        names = [case.name for case in ARENAS[sandbox, user]]
        self.results: dict[str, dict] = {}
        self.process = subprocess.Popen(
            [sys.executable, HERE / "arena.py", sandbox, user, *names],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def result(self, name: str) -> dict:
        while name not in self.results:
            line = self.process.stdout.readline()
            if not line:
                why = self.process.stderr.read()
                if self.process.wait() and re.search(r"(unshare|mount).*not permitted", why):
                    pytest.skip(f"no arena can be made here: {why.splitlines()[-1]}")
                pytest.fail(f"the arena ended before its time: {why[-3000:]}")
            found = json.loads(line)
            if "skip" in found:
                pytest.skip(found["skip"])
            self.results[found["case"]] = found
        return self.results[name]


@pytest.fixture(scope="module")
def arenas() -> Iterator[dict[tuple[str, str], Arena]]:
    """All arenas, at work at the same time."""
    if sys.platform != "linux":
        pytest.skip("submissions are graded on Linux")
    found = {key: Arena(*key) for key, cases in ARENAS.items() if cases}
    yield found
    for arena in found.values():
        arena.process.terminate()
        arena.process.communicate()


@pytest.mark.parametrize(
    ("sandbox", "user", "case"),
    [(*key, case) for key, cases in ARENAS.items() for case in cases],
    ids=lambda value: getattr(value, "name", value),
)
def test_the_score_is_honest_and_nothing_else_happens(arenas, sandbox, user, case):
    result = arenas[sandbox, user].result(case.name)
    assert "error" not in result, result["error"]
    assert result["status"] == case.status
    assert result["score"] == case.score
    assert result["max_score"] == (12 if case.status == "graded" else None)
    if case.note:
        assert any(re.search(case.note, note) for note in result["notes"]), result["notes"]
    if case.stopped is not None and case.status == "graded":
        assert result["stopped"] == case.stopped
    assert re.fullmatch(case.errors, " ".join(result["errors"]))  # it did what it says
    assert result["got"] == []  # nothing that it must not see
    assert result["checks"] <= 5  # no table of its own
    assert result["size"] < 6_000_000  # of what is kept of its output
    assert result["honest"] == 10  # of the next submission
    assert result["changed"] == []
    assert result["left"] == {}
    assert result["temporary"] == []
    assert result["visits"] == 0
    assert result["victim"] is None
