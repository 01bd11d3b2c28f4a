"""`bench grading`: what its meter counts, its arithmetic, and a tiny run of its longest part."""

import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.benchmarks import grading
from tests.benchmarks.grading import Cost
from tests.benchmarks.measuring import CommandFailed, Size
from utils.grading import execute
from utils.grading.nursery import NURSERY

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")

# Starts two processes of so many MB, which last for two seconds, and does not wait for them.
PARENT = """
import subprocess, sys
hold = "import time; data = b'x' * {size} * 10**6; time.sleep(2)"
for _ in range(2):
    subprocess.Popen([sys.executable, "-c", hold], start_new_session=True)
"""


# The meter --------------------------------------------------------------------------------------


@on_linux
def test_time_and_memory_are_those_of_all_processes_to_the_end_of_the_last(tmp_path):
    command = [sys.executable, "-c", PARENT.format(size=50)]
    took = grading.cost("it", command, tmp_path, usual=1)
    assert took.wall > 2
    assert 0 < took.cpu < took.wall * 2
    assert 100e6 < took.memory < 150e6
    assert took.main == 0


@on_linux
def test_memory_that_processes_share_counts_once(tmp_path):
    fork = "import os, time; data = b'x' * 10**8; os.fork(); time.sleep(2)"
    took = grading.cost("it", [sys.executable, "-c", fork], tmp_path, usual=1)
    assert 100e6 < took.memory < 150e6


@pytest.mark.parametrize(
    ("own", "below", "most"), [(0, 80, 60e6), (80, 0, 150e6)], ids=["below it", "its own"]
)
def test_memory_of_the_main_process_is_its_own(tmp_path, monkeypatch, own, below, most):
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    text = f"""
import subprocess, sys

def main(arguments):
    data = b"x" * {own} * 10**6
    subprocess.run([sys.executable, "-c", "b'x' * {below} * 10**6"], check=True)
    return int(arguments[0])
"""
    (tmp_path / "hungry.py").write_text(text, encoding="utf-8")
    took = grading.cost_of_main("it", ["hungry", "0"], tmp_path, usual=1)
    assert own * 1e6 < took.main < most
    with pytest.raises(CommandFailed, match="^it ended with status 3$"):
        grading.cost_of_main("it", ["hungry", "3"], tmp_path, usual=1)


# The arithmetic ---------------------------------------------------------------------------------


def ratios(table):
    """Return the ratio of each row by what it is about, and which rows have a verdict."""
    found = {row[0]: row[4].split("**")[1] if "**" in row[4] else row[4] for row in table.rows}
    return found, [row[0] for row in table.rows if row[5]]


@pytest.mark.parametrize("share", [0.1, 1])
def test_judging_is_measured_without_the_start(tmp_path, monkeypatch, share):
    clock = SimpleNamespace(cpu=0.0, started=False)

    def judge(notebook, order):
        clock.cpu += 1 if clock.started else 8
        clock.started = True

    def close():
        clock.cpu += 0.5 if clock.started else 0
        clock.started = False

    def spend(seconds, result=None):
        def call(*_, **named):
            clock.cpu += seconds
            return result

        return call

    by_nbgrader = SimpleNamespace(preprocess=spend(20, (SimpleNamespace(cells=[]), None)))
    monkeypatch.setattr(grading, "_cpu", lambda: clock.cpu)
    monkeypatch.setattr(grading, "NURSERY", SimpleNamespace(close=close))
    monkeypatch.setattr(grading.judged, "fence", lambda: "none")
    monkeypatch.setattr(grading.judged, "run_notebook", judge)
    monkeypatch.setattr(grading, "Execute", lambda **_: by_nbgrader)
    monkeypatch.setattr(grading, "execute", spend(0.5))
    (table,) = grading.judge(tmp_path, Size(rounds=2, share=share))
    found, verdicts = ratios(table)
    row, time = "nbgrader's Execute, processor time", "nbgrader's Execute, time"
    assert found[row] == "20.0"
    assert found["the judge, processor time"] == "2.00"
    assert time in found
    assert verdicts == ([row] if share == 1 else [])
    assert table.notes == ["Starting the judge, once for a class, takes 7500 ms of processor time."]


@pytest.fixture
def no_class(monkeypatch):
    """Courses without submissions."""
    monkeypatch.setattr(grading, "make_course", lambda folder, size, plain=False: folder)
    monkeypatch.setattr(grading, "submissions", lambda folder: [])


@pytest.mark.parametrize(("share", "large"), [(0.5, 500), (1, 1000)])
def test_growth_is_that_of_further_submissions(tmp_path, monkeypatch, no_class, share, large):
    def grade(folder):
        count = int(folder.name.removeprefix("class"))
        slow = max(count - 130, 0)
        return Cost(3 + count * 0.1 + slow * 0.1, 5 + count * 0.2, 9e9, 100e6 + count * 1e5)

    monkeypatch.setattr(grading, "grade", grade)
    (table,) = grading.growth(tmp_path, Size(rounds=2, share=share))
    found, verdicts = ratios(table)
    assert found == {
        f"a further submission, 130 to {large:,}": "2.00",
        f"a further submission, processor time, 130 to {large:,}": "1.00",
        f"memory of the main process, {large:,}": f"{(100 + large / 10) / 103:.2f}",
    }
    assert verdicts == (list(found) if share == 1 else [])


@pytest.fixture
def others(monkeypatch, no_class):
    """Contenders that take nothing: `grade`, nbgrader, and Otter, which makes no autograder."""

    def no_autograder(folder, otter):
        raise CommandFailed("otter generate ended with status 1")

    monkeypatch.setattr(grading, "grade", lambda folder: Cost(6, 6, 300e6, 100e6))
    monkeypatch.setattr(grading, "autograde", lambda folder: Cost(96, 60, 150e6))
    monkeypatch.setattr(grading, "executable", lambda peer, name: name)
    monkeypatch.setattr(grading, "write_autograder", no_autograder)
    monkeypatch.setattr(grading, "same_scores", lambda ours, theirs: None)
    return monkeypatch


def test_a_peer_that_fails_leaves_the_figures_of_the_others(tmp_path, others):
    (table,) = grading.throughput(tmp_path, Size(rounds=2))
    found, verdicts = ratios(table)
    assert found == {
        "nbgrader autograde, time": "16.0",
        "nbgrader autograde, processor time": "10.0",
        "nbgrader autograde, memory at its peak": "0.50",
        "otter run, time": "missing",
        "otter run, processor time": "missing",
        "otter run, memory at its peak": "missing",
    }
    assert verdicts == ["nbgrader autograde, time"]
    assert table.notes[0] == "Missing: otter run, because otter generate ended with status 1."
    assert "the same scores" in table.notes[-1]
    assert "the same students" not in table.notes[-1]


def test_memory_that_nobody_tells_is_left_out(tmp_path, others):
    others.setattr(grading, "grade", lambda folder: Cost(6, 6))
    (table,) = grading.throughput(tmp_path, Size(rounds=1))
    assert len(table.rows) == 4
    assert "There is no memory" in table.notes[-1]


def test_otter_run_without_a_score_has_failed(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "cost", lambda *_: Cost(1, 1))
    with pytest.raises(CommandFailed, match="otter run gave no score"):
        grading.otter_run(tmp_path, "otter", [tmp_path / "a.ipynb"])
    results = tmp_path / "out0" / "results.json"
    results.write_text('{"tests": [{"name": "it could not run"}]}', encoding="utf-8")
    with pytest.raises(CommandFailed, match="otter run gave no score") as failed:
        grading.otter_score(results.parent)
    assert "it could not run" in failed.value.said
    results.write_text('{"tests": [{"score": 1}, {}, {"score": 2.5}]}', encoding="utf-8")
    assert grading.otter_score(results.parent) == 3.5


# A tiny run --------------------------------------------------------------------------------------


@pytest.fixture
def fenced():
    """Nothing is graded where nothing fences submissions in."""
    try:
        execute.fence()
    except execute.NotFenced as error:
        pytest.skip(str(error))
    finally:
        NURSERY.close()


# Otter, where it is installed, would take most of the time.
WITHOUT_OTTER = """
import sys
from tests.benchmarks import __main__, grading
grading.executable = lambda *_: None
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_tiny_run_has_ratios_and_no_verdicts(root, fenced):
    command = [sys.executable, "-P", "-c", WITHOUT_OTTER, "grading", "throughput", "--rounds", "1"]
    result = subprocess.run(
        [*command, "--share", "0.03"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    (table,) = [m["table"] for m in map(json.loads, result.stdout.splitlines()) if "table" in m]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 3
    for row in rows:
        (ratio,) = re.findall(r"\*\*([\d.,]+)\*\*", row)
        assert float(ratio.replace(",", "")) > 0
    assert not re.search(r": met|missed by", table)
