"""`bench`: its names, its refusals, tables out of tiny runs, where it writes them, how it ends."""

import argparse
import contextlib
import importlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import types
import uuid
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.benchmarks import measuring
from tests.benchmarks.measuring import (
    CommandFailed,
    Figure,
    Size,
    StoodStill,
    Table,
    at_least,
    at_most,
    compare,
    figures,
    in_turn,
    once_more,
)
from utils import timing
from utils.commands import bench

START = (
    "import sys; from utils.__main__ import while_read; from utils.commands.bench import main; "
    "sys.exit(while_read(main, sys.argv[1:]))"
)


def run(root, *arguments):
    command = [sys.executable, "-P", "-c", START, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_it_lists_its_names_and_those_of_their_parts(capsys):
    assert bench.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[::2]] == [
        "training",
        "inference",
        "data",
        "grading",
        "setup",
    ]
    assert [line.strip() for line in lines[1::2]][::3] == [
        "parts: steps, accuracy",
        "parts: judge, check, throughput, cells_alone, growth",
    ]


@pytest.mark.parametrize("name", bench.BENCHMARKS)
def test_the_parts_that_it_names_are_there(name):
    benchmark = importlib.import_module(f"tests.benchmarks.{name}")
    assert list(bench.BENCHMARKS[name].parts) == list(benchmark.PARTS)
    assert callable(benchmark.profile)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "there is no benchmark 'nonsense'; there are training, inference"),
        (["--rounds", "0"], "'0' is no number of rounds"),
        (["--share", "2"], "'2' is no share"),
        (["--part", "steps"], "name it"),
        (["training", "--part", "steps", "--profile"], "leave out --part"),
        (["training", "--part", "x"], "training has the parts steps, accuracy, no 'x'"),
    ],
)
def test_it_refuses_with_a_sentence(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        bench.main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "part", "compared"),
    [
        (
            "training",
            "steps",
            ["the book's manner", "scikit-learn", "five products alone", "a step written out"],
        ),
        ("training", "accuracy", []),
        ("inference", "batches", ["ours, one by one", "ours, in batches of 10,000"]),
        ("data", "loading", ["the book's pickle", "the arrays"]),
        ("grading", "judge", ["nbgrader's Execute, time"]),
        ("grading", "check", ["nbgrader validate"]),
        ("setup", "imports", ["import numpy"]),
        ("setup", "kernels", ["a bare kernel"]),
    ],
)
def test_a_tiny_run_gives_a_table_with_ratios(root, mnist_dir, monkeypatch, name, part, compared):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    result = run(root, name, "--part", part, "--rounds", "1", "--share", "0.01")
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr  # a kernel's, each time one starts
    assert ("data: MNIST" in result.stdout) == (part in bench.BENCHMARKS[name].data)
    peer = bench.BENCHMARKS[name].runs_with
    if peer and peer.version():
        assert ("| torchvision's format" if name == "data" else "| PyTorch") in result.stdout
    elif peer:
        names_the_skipped(result.stdout)
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    verdicts = [line for line in rows if ": met" in line or "missed by" in line]
    whole = ("the arrays", "nbgrader validate")  # there is no share of them
    assert all(any(what in line for what in whole) for line in verdicts)
    for what in compared:
        ratios = [
            r for line in rows if what in line for r in re.findall(r"\*\*([\d.,]+)\*\*", line)
        ]
        assert ratios
        assert all(float(ratio.replace(",", "")) > 0 for ratio in ratios)
    if not compared:
        rates = {c[1].strip(): float(c[2]) for c in (line.split("|") for line in rows[1:])}
        assert 0.5 < rates["ours"] <= 1  # after a hundredth of the steps


WITHOUT = """
import sys
sys.modules["torch"] = None  # whoever imports it now is told that it is not there
import tests.benchmarks.peers
del sys.modules["torch"]
from tests.benchmarks.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def names_the_skipped(tables):
    """Check what tables say where PyTorch is not installed."""
    assert "Skipped: PyTorch, for it is not installed" in tables
    assert "`python3 -m utils bench --install-peers` installs it" in tables
    assert "| PyTorch" not in tables


@pytest.mark.slow
def test_a_table_names_a_peer_that_is_skipped(root, mnist_dir, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    options = ["training", "accuracy", "--rounds", "1", "--share", "0.01"]
    command = [sys.executable, "-c", WITHOUT, *options]
    result = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    tables = [json.loads(line).get("table", "") for line in result.stdout.splitlines()]
    names_the_skipped("".join(tables))


@pytest.mark.slow
def test_without_mnist_the_tables_are_those_of_the_stand_in(root, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", "digits")
    result = run(root, "data", "--part", "loading", "--rounds", "1")
    assert result.returncode == 0, result.stderr
    assert "data: the stand-in for MNIST" in result.stdout
    assert "**Warm**" in result.stdout
    assert "**Cold**" not in result.stdout
    assert "Without MNIST cold is not measured" in result.stdout


# Training ---------------------------------------------------------------------------------------


@pytest.fixture
def training(monkeypatch):
    """The benchmark with six mini-batches of noise in place of MNIST."""
    training = importlib.import_module("tests.benchmarks.training")
    rng = np.random.default_rng(0)
    x, t = rng.random((600, 784), dtype=np.float32), rng.integers(10, size=600)
    monkeypatch.setattr(training, "load_mnist", lambda: ((x, t), (x, t)))
    return training


@pytest.mark.parametrize("name", ["ours", "the book's manner", "scikit-learn"])
def test_everybody_takes_as_many_steps_as_are_asked_for(training, name):
    (x, t), _ = training.load_mnist()
    contender = training.CONTENDERS[name](x, t)
    for count in (1, 10):
        steps = []
        contender.steps(count, lambda steps=steps: steps.append(1))
        assert len(steps) == count


@pytest.mark.parametrize(("source", "goals"), [("MNIST", 1), ("digits", 0)])
def test_only_mnist_has_a_goal_for_accuracy(training, monkeypatch, source, goals):
    monkeypatch.setattr(training, "STEPS", 10)
    monkeypatch.setattr(training, "data_source", lambda: source)
    (table,) = training.reached(Size())
    assert sum("at least 0.97" in goal for _, _, goal in table.rows) == goals


def test_the_step_written_out_is_our_step(training):
    (x, t), _ = training.load_mnist()
    written, ours = training.WrittenOut(x, t), training.Ours(x, t)
    for contender in (written, ours):
        contender.steps(25, lambda: None)  # more than an epoch
    for key, value in ours.net.params.items():
        np.testing.assert_allclose(written.params[key], value, rtol=1e-3, atol=1e-5)


def test_ours_is_measured_next_to_its_limit(training):
    order = list(training.CONTENDERS)
    assert abs(order.index(training.OURS) - order.index(training.PRODUCTS)) == 1


# Peers ------------------------------------------------------------------------------------------


@pytest.fixture
def pip(tmp_path, monkeypatch):
    """Stands in for `venv` and pip: its commands, what it can install, what it has installed."""
    pip = types.SimpleNamespace(commands=[], can=set(), has=set())

    def run(command, **_):
        command = [str(part) for part in command]
        pip.commands.append(command)
        if "venv" in command:
            site = Path(command[-1]) / "lib" / "python3" / "site-packages"
            site.mkdir(parents=True, exist_ok=True)
            return subprocess.CompletedProcess(command, 0)
        if KeyboardInterrupt in pip.can:
            raise KeyboardInterrupt
        if command[-1] in pip.can:
            pip.has.add(re.match("[a-z-]+", command[-1])[0])
        return subprocess.CompletedProcess(command, int(command[-1] not in pip.can))

    monkeypatch.setattr(bench, "ROOT", tmp_path)
    monkeypatch.setattr(bench, "PEERS", tmp_path / ".venv-peers")
    monkeypatch.setattr(bench, "versions", lambda _, *asked: dict.fromkeys(pip.has & {*asked}, "1"))
    monkeypatch.setattr(bench.subprocess, "run", run)
    return pip


PEERS = (bench.PYTORCH, bench.OTTER, bench.UV)


def test_peers_leave_the_environment_of_the_course_alone(root, pip, capfd):
    assert "/.venv-peers/" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()
    pip.can = {f"{peer.package}{peer.versions[0]}" for peer in PEERS}
    assert bench.main(["--install-peers"]) == 0
    for make, install in zip(pip.commands[::2], pip.commands[1::2], strict=True):
        assert make[:-1] == [sys.executable, "-m", "venv", "--clear"]
        assert Path(make[-1]).parent == bench.PEERS
        assert Path(install[0]).is_relative_to(make[-1])  # that environment's own pip
        assert install[1:4] == ["-m", "pip", "install"]
    assert len(pip.commands) == 2 * len(PEERS)
    assert capfd.readouterr().err == ""
    bench.main(["--install-peers"])
    assert len(pip.commands) == 2 * len(PEERS)  # they are there


def test_a_peer_that_cannot_be_installed_is_named_and_leaves_nothing(pip, capfd):
    pip.can = {f"{peer.package}{peer.versions[0]}" for peer in (bench.PYTORCH, bench.UV)}
    assert bench.main(["--install-peers"]) == 1
    assert capfd.readouterr().err.strip() == "Otter-Grader could not be installed: see above"
    assert not bench.OTTER.folder.exists()
    assert bench.UV.folder.exists()


def test_where_the_small_pytorch_is_not_found_the_large_one_follows(pip, capfd):
    peer = bench.Peer("PyTorch", "torch", ("==2+cpu", "==2"), bench.PYTORCH.hint)
    pip.can = {"torch==2"}
    assert bench.install(peer)
    assert [command[-1] for command in pip.commands[1:]] == ["torch==2+cpu", "torch==2"]
    said = capfd.readouterr().out
    assert "gigabytes" in said
    assert "PIP_EXTRA_INDEX_URL" in said  # how to have the small one
    pip.can = {"torch==2+cpu"}
    assert bench.install(peer)
    assert pip.commands[-1][-1] == "torch==2+cpu"
    assert "gigabytes" not in capfd.readouterr().out


def test_ctrl_c_leaves_no_half_of_a_peer(pip):
    pip.can = {KeyboardInterrupt}
    assert bench.main(["--install-peers"]) == 130
    assert not bench.PYTORCH.folder.exists()


def test_a_program_on_the_path_is_no_peer(tmp_path, monkeypatch):
    monkeypatch.setattr(bench, "PEERS", tmp_path / "peers")
    for folder in (tmp_path, bench.UV.python.parent):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "uv").touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert bench.executable(bench.UV, "uv") == str(bench.UV.python.parent / "uv")
    (bench.UV.python.parent / "uv").unlink()
    assert bench.executable(bench.UV, "uv") is None  # the tables tell only what that would be


def test_versions_are_those_of_the_python_that_measures():
    found = bench.versions(Path(sys.executable), "numpy", "no-such-package")
    assert list(found) == ["Python", "numpy"]
    assert found["numpy"] == np.__version__
    assert bench.versions(Path("no-such-python"), "numpy") == {}


# Figures ----------------------------------------------------------------------------------------


def test_a_figure_is_the_median_of_the_ratios_of_each_round():
    figure = Figure("a", "b", [(1.0, 1.0), (8.0, 2.0), (6.0, 3.0)], "s", at_least(1.7))
    assert figure.row()[2:] == [
        "6.00 s",
        "2.00 s",
        "**2.00** (1.00 to 4.00)",
        "at least 1.7: met",
    ]
    assert figures("T", [figure]).header[4] == "A / B (lowest to highest of 3)"


@pytest.mark.parametrize(
    ("goal", "ratio", "verdict"),
    [
        (at_least(2), 1.5, "at least 2: missed by 25%"),
        (at_most(1), 1.5, "at most 1: missed by 50%"),
        (at_most(1.5), 1.5, "at most 1.5: met"),
        (at_most(2), 2.004, "at most 2: missed by 0.2%"),
        (at_most(2), 2.0001, "at most 2: missed by 0.005%"),
    ],
)
def test_a_missed_goal_says_by_how_much(goal, ratio, verdict):
    assert goal.verdict(ratio) == verdict


def test_contenders_take_turns_and_the_first_round_does_not_count():
    order = []

    def contender(name):
        def measure():
            order.append(name)
            return float(len(order))

        return measure

    took = in_turn({"a": contender("a"), "b": contender("b")}, rounds=2)
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert took == {"a": [4.0, 5.0], "b": [3.0, 6.0]}


def test_before_each_turn_there_may_be_a_rest(monkeypatch):
    turns = []
    now = itertools.count(step=0.25)  # each look at the clock
    monkeypatch.setattr(measuring.time, "perf_counter", lambda: next(now))
    contender = lambda: turns.append(next(now)) or 1.0  # noqa: E731
    in_turn({"a": contender, "b": contender}, rounds=1, rest=1.0)
    assert len(turns) == 4
    assert np.diff([0, *turns]).min() >= 1


def test_a_share_of_an_amount_is_at_least_its_least():
    assert Size(share=0.1).of(60) == 6
    assert Size(share=0.01).of(60, least=2) == 2


def test_goals_are_for_the_full_amount():
    assert Size(rounds=1).goal(at_least(15)) == at_least(15)
    assert Size(share=0.5).goal(at_least(15)) is None


def test_a_table_is_markdown():
    table = figures("T", [Figure("a", "b", [(1.0, 2.0)], "ms")], ["Skipped: c."]).markdown()
    title, rows, note = table.strip().split("\n\n")
    assert (title, note) == ("**T**", "Skipped: c.")
    assert {line.count("|") for line in rows.splitlines()} == {7}
    assert len({len(line) for line in rows.splitlines()}) == 1
    assert Table("T", [["x"]], ("h",)).markdown().splitlines()[2:] == ["| h |", "|---|", "| x |"]


def test_the_readme_keeps_a_place_for_every_part_and_profile(root, tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text(bench.README.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    parts = [
        bench.Part(name, part)
        for name, one in bench.BENCHMARKS.items()
        for part in (*one.parts, bench.PROFILE)
    ]
    for part in parts:
        bench.write(part, f"tables of {part}", readme)
        bench.write(part, f"newer tables of {part}", readme)
    text = readme.read_text(encoding="utf-8")
    for part in parts:
        assert text.count(f"tables of {part}\n") == 1  # the newer ones
        assert f"<!-- {part} -->\n\nnewer tables of {part}\n\n<!-- end of {part} -->" in text
    assert text.count("<!-- ") == 2 * len(parts)
    assert "A takes" not in text  # every table was a part's


def test_a_readme_without_that_place_is_left_alone(tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text("mine", encoding="utf-8")
    monkeypatch.setattr(bench, "README", readme)
    with pytest.raises(SystemExit, match="put them back"):
        bench.main(["training", "--write"])  # at once, not when all is measured
    assert readme.read_text(encoding="utf-8") == "mine"


def test_a_table_says_where_it_was_measured(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 4, 7}, raising=False)

    def about(part):
        python = Path(sys.executable)
        return bench.about(bench.Part("grading", part), argparse.Namespace(share=0.1), python)

    assert f"numpy {np.__version__}" in about("judge")
    assert ", 3 processors, " in about("judge")
    assert "Otter-Grader" in about("judge")
    assert "0.1 of the full amount" in about("judge")
    assert "full amount" not in about(bench.PROFILE)  # which is always whole


# What stands still or fails ---------------------------------------------------------------------


def scripted(*results):
    """Return a contender that gives these results one after the other, or raises them."""
    left = iter(results)

    def call():
        result = next(left)
        if isinstance(result, Exception):
            raise result
        return result

    return call


def test_what_stands_still_is_tried_once_more():
    assert once_more(scripted(StoodStill("it stood still"), 5.0)) == 5.0
    with pytest.raises(StoodStill, match="it stood still, twice"):
        once_more(scripted(StoodStill("it stood still"), StoodStill("it stood still")))
    with pytest.raises(CommandFailed, match="status 1"):
        once_more(scripted(CommandFailed("it ended with status 1"), 5.0))


def test_who_stands_still_twice_is_missing_from_then_on_and_the_others_go_on():
    still = StoodStill("slow stood still and was ended after 9 s")
    contenders = {
        "ours": scripted(1.0, 2.0, 3.0),
        "slow": scripted(4.0, still, still, 7.0),
        "broken": scripted(CommandFailed("broken ended with status 1"), 7.0),
    }
    took = in_turn(contenders, rounds=3, warm_up=False)
    assert took == {"ours": [1.0, 2.0, 3.0], "slow": [4.0], "broken": []}
    assert sorted(took.notes) == [
        "Missing from round 2 on: slow, because it stood still and was ended after 9 s, twice.",
        "Missing: broken, because it ended with status 1.",
    ]
    rows = [compare(took, name, "ours", "s") for name in ("slow", "broken")]
    table = figures("T", rows, took.notes).markdown()
    assert re.search(r"\| slow +\| ours \| 4.00 s +\| 1.00 s +\| \*\*4.00\*\*", table)
    assert "lowest to highest of 1)" in table
    assert re.search(r"\| broken \| ours \| +\| +\| missing +\| +\|", table)
    assert table.count("Missing") == 2
    with pytest.raises(CommandFailed, match="not one figure"):
        figures("T", rows[1:])


@pytest.fixture
def mark(monkeypatch):
    """A mark in the environment of all that is started, by which it can be found again."""
    monkeypatch.setenv("BENCH_TEST", uuid.uuid4().hex)
    yield os.environ["BENCH_TEST"]
    for process in marked(os.environ["BENCH_TEST"]):
        process.kill()


def marked(mark):
    """Return the processes with a mark, but for this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):  # it ended meanwhile, or is not ours
            if process.pid != os.getpid() and process.environ().get("BENCH_TEST") == mark:
                found.append(process)
    return found


def wait_until(what, seconds=60):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.05)


# It has a child in a session of its own, and does not end by itself.
HANG = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print("ready", flush=True)
{then}
"""


def test_a_command_that_hangs_is_ended_with_all_that_it_has_started(tmp_path, monkeypatch, mark):
    monkeypatch.setattr(measuring, "LEAST", 3.0)
    command = [sys.executable, "-c", HANG.format(then="time.sleep(600)")]
    with pytest.raises(StoodStill, match="^it stood still and was ended after 3 s$"):
        measuring.run("it", command, tmp_path, usual=0.1)
    assert not marked(mark)


def test_a_command_that_leaves_something_behind_stands_still_too(tmp_path, monkeypatch, mark):
    grading = importlib.import_module("tests.benchmarks.grading")
    monkeypatch.setattr(measuring, "LEAST", 3.0)
    with pytest.raises(StoodStill):  # its time is that of all its processes
        grading.cost("it", [sys.executable, "-c", HANG.format(then="")], tmp_path, usual=0.1)
    assert not marked(mark)


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """The part of that name, the calls it makes, and what they take in seconds or raise."""
    setup = importlib.import_module("tests.benchmarks.setup")
    took = {
        "first call, pip": 90.0,
        "first call, uv": 30.0,
        "second call, pip": 0.75,
        "second call, uv": 0.75,
        "a later call, pip": 0.5,
    }
    made = []

    def call(what, course, variables):
        made.append(what)
        if isinstance(took[what], Exception):
            raise took[what]
        if what.startswith("first call"):
            (course / ".venv").mkdir()
            (course / ".venv" / "file").write_bytes(bytes(10**6))
        return took[what]

    def copy(target):
        target.mkdir(parents=True)
        (target / "file").write_bytes(bytes(10**5))

    monkeypatch.setattr(setup, "executable", lambda peer, name: str(tmp_path / name))
    monkeypatch.setattr(setup, "_copy_course", copy)
    monkeypatch.setattr(setup, "_call", call)
    monkeypatch.setattr(setup, "run", lambda *_: None)
    return types.SimpleNamespace(measure=setup.calls, took=took, made=made)


def test_installers_take_turns_in_going_first(calls):
    first, later = calls.measure(Size(rounds=2))
    assert calls.made[:8:2] == [f"first call, {name}" for name in ("uv", "pip", "pip", "uv")]
    assert calls.made[1:8:2] == [f"second call, {name}" for name in ("uv", "pip", "pip", "uv")]
    rows = {(row[0], row[1]): row[4] for row in first.rows}
    assert rows["first call, pip", "second call, pip"] == "**120** (120 to 120)"
    assert rows["first call, pip", "first call, uv"] == "**3.00** (3.00 to 3.00)"
    assert first.rows[-1][:4] == [".venv made by pip", "the course itself", "1.00 MB", "0.10 MB"]
    assert later.rows[0][:2] == ["a later call, pip", "the command without the front door"]


def test_a_tenth_of_the_installations_is_one(calls):
    tables = list(calls.measure(Size(rounds=3, share=0.1)))
    assert "lowest to highest of 1)" in tables[0].header[4]
    assert calls.made.count("first call, pip") == 1


def test_an_installer_that_stands_still_leaves_the_figures_of_the_other(calls):
    calls.took["second call, uv"] = StoodStill("second call, uv stood still")
    first, _ = calls.measure(Size(rounds=2))
    rows = {(row[0], row[1]): row[4] for row in first.rows}
    assert rows["first call, pip", "second call, pip"] == "**120** (120 to 120)"
    assert rows["first call, pip", "first call, uv"] == "missing"
    assert rows[".venv made by pip", ".venv made by uv"] == "missing"
    assert first.notes == [
        "Missing: a new course with uv, because second call, uv stood still, twice."
    ]


def test_the_end_of_a_kernel_is_not_in_its_time(monkeypatch):
    setup = importlib.import_module("tests.benchmarks.setup")
    reply = {"content": {"status": "ok"}}
    client = types.SimpleNamespace(
        execute_interactive=lambda *_, **__: reply, stop_channels=lambda: None
    )
    clock = types.SimpleNamespace(now=0.0)
    manager = types.SimpleNamespace(shutdown_kernel=lambda now: setattr(clock, "now", 9.0))
    monkeypatch.setattr(setup.time, "perf_counter", lambda: clock.now)
    monkeypatch.setattr(setup, "start_new_kernel", lambda *_, **__: (manager, client))
    assert setup._until_ready("pass") == 0
    assert clock.now == 9  # it was ended


def test_a_command_has_more_time_for_more_work():
    grading = importlib.import_module("tests.benchmarks.grading")
    few, many = (measuring.limit(grading.usual(grading.NBGRADER, count)) for count in (1, 60))
    assert few == measuring.LEAST
    assert many > 10 * 60  # seconds, at one a submission


def test_a_command_that_writes_a_lot_is_read(tmp_path, monkeypatch):
    grading = importlib.import_module("tests.benchmarks.grading")
    monkeypatch.setattr(measuring, "LEAST", 20.0)
    for stream in ("stdout", "stderr"):  # a pipe that nobody reads is full after 64 kB
        command = [sys.executable, "-c", f"import sys; sys.{stream}.write('log' * 10**6)"]
        assert grading.cost("it", command, tmp_path, usual=0.1).wall > 0


def test_a_command_that_fails_says_why(tmp_path):
    command = [sys.executable, "-c", "import sys; print('tables'); sys.exit('no such thing')"]
    with pytest.raises(CommandFailed, match="^it ended with status 1$") as failed:
        measuring.run("it", command, tmp_path, usual=1)
    assert failed.value.said.splitlines()[1:] == ["tables", "", "no such thing"]


# How it ends ------------------------------------------------------------------------------------

# In place of the real benchmarks: what each part of grading does.
FAKE = """
import json, os, subprocess, sys, time

def tell(**message):
    print(json.dumps(message), flush=True)

def works():
    tell(doing="round 1", done=0.5)
    tell(table=f"newer table of {sys.argv[2]}")

def fails():
    works()
    tell(missing="it stood still")
    sys.exit(1)

def dies():
    os.kill(os.getpid(), 9)

def lacks():
    works()
    tell(missing="Missing: otter run")

def hangs():
    start = "import subprocess; subprocess.Popen(['sleep', '600'], start_new_session=True)"
    if sys.platform == "linux":  # elsewhere nobody finds what has lost its parent
        subprocess.run([sys.executable, "-c", start])
    subprocess.Popen(["sleep", "600"], start_new_session=True)
    open(os.path.join(os.environ["TMPDIR"], "file"), "w").close()
    time.sleep(600)

parts = dict(judge=works, check=fails, throughput=dies, cells_alone=lacks, growth=hangs)
parts |= dict(imports=works, kernels=works)
parts[sys.argv[2]]()
"""
FAKE_START = """
import signal, sys
from pathlib import Path
from utils.__main__ import while_read
from utils.commands import bench
signal.signal(signal.SIGINT, signal.default_int_handler)  # where this is a job in the background
bench.ROOT = Path.cwd()
bench.README = bench.ROOT / "tests" / "benchmarks" / "README.md"
sys.exit(while_read(bench.main, sys.argv[1:]))
"""


@pytest.fixture
def fake(tmp_path):
    """A folder with fake benchmarks, and a README that has an old table of each part."""
    folder = tmp_path / "course" / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    (folder / "__main__.py").write_text(FAKE, encoding="utf-8")
    parts = bench.BENCHMARKS["grading"].parts
    old = "\n".join(
        f"<!-- grading {p} -->\n\nolder table of {p}\n\n<!-- end of grading {p} -->" for p in parts
    )
    (folder / "README.md").write_text(old, encoding="utf-8")
    (tmp_path / "temporary").mkdir()
    return tmp_path


@contextlib.contextmanager
def start(fake, *parts, **streams):
    command = [sys.executable, "-P", "-c", FAKE_START, "grading", "--write"]
    for part in parts:
        command += ["--part", part]
    variables = {**os.environ, "TMPDIR": str(fake / "temporary")}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    with subprocess.Popen(
        command, cwd=fake / "course", env=variables, text=True, **streams
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # if it has not ended by itself


def test_a_part_that_fails_takes_nothing_from_the_others(fake):
    with start(fake, "check", "throughput", "cells_alone", "judge") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    for part in ("check", "cells_alone", "judge"):
        assert out.count(f"newer table of {part}\n") == 1  # what came is printed
    assert err.splitlines() == [
        "grading check: it stood still",
        "grading check: README.md keeps the tables that it has",
        "grading throughput: it ended with status -9",
        "grading throughput: README.md keeps the tables that it has",
        "grading cells_alone: Missing: otter run",
        f"written: {os.path.join('tests', 'benchmarks', 'README.md')}, grading cells_alone",
        f"written: {os.path.join('tests', 'benchmarks', 'README.md')}, grading judge",
    ]
    text = (fake / "course" / "tests" / "benchmarks" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"(\w+) table of (\w+)", text) == [
        ("newer", "judge"),
        ("older", "check"),
        ("older", "throughput"),
        ("newer", "cells_alone"),
        ("older", "growth"),
    ]
    assert text.count(", load ") == 2  # each part's own line of date and machine


def test_a_wrong_folder_of_mnist_is_told_and_the_rest_is_measured(fake):
    command = [sys.executable, "-P", "-c", FAKE_START, "setup"]
    command += ["--part", "kernels", "--part", "imports"]
    result = subprocess.run(
        command,
        cwd=fake / "course",
        env={**os.environ, "MNIST_DIR": str(fake / "nothing")},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("setup kernels: ")
    assert str(fake / "nothing") in line
    assert "newer table of imports" in result.stdout


def test_without_a_terminal_there_are_only_tables(fake):
    with start(fake, "judge") as process:
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err.splitlines()[0].startswith("written: ")
    title, about, table = out.strip().split("\n\n")
    assert (title, table) == ("## grading", "newer table of judge")
    assert "processors" in about


def test_a_terminal_shows_which_part_of_how_many_and_how_long(fake):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    with start(fake, "judge", "cells_alone", stderr=theirs) as process:
        out, _ = process.communicate(timeout=60)
    os.close(theirs)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert "part" not in out
    lines = re.findall(r"part (\d of \d), about \d+ min left: (\w+ \w+), round 1", shown)
    assert lines == [("1 of 2", "grading judge"), ("2 of 2", "grading cells_alone")]


def test_how_long_it_takes_is_guessed_from_how_long_it_took():
    progress = bench.Progress([bench.Part("grading", "judge")], share=0.5)
    assert progress.left(work=0, rest=600, took=0) == 300  # half of the amounts
    assert progress.left(work=300, rest=300, took=600) == pytest.approx(560, abs=5)
    assert progress.left(work=600, rest=0, took=600) == 0


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        (None, 141, ""),
        (signal.SIGINT, 130, "interrupted; what was finished until then stays\n"),
        (signal.SIGTERM, 143, ""),
    ],
    ids=["nobody reads", "Ctrl-C", "SIGTERM"],
)
def test_when_it_ends_nothing_goes_on_and_nothing_is_left(fake, mark, how, status, said):
    readme = fake / "course" / "tests" / "benchmarks" / "README.md"
    before = readme.read_bytes()
    with start(fake, "growth") as process:
        wait_until(lambda: list((fake / "temporary").glob("*/file")))
        assert len(marked(mark)) >= 3  # itself, the part, and what the part has started
        if how:
            process.send_signal(how)
        else:
            process.stdout.close()  # as `head` does
        assert process.wait(timeout=20) == status
        assert not marked(mark)
        assert process.stderr.read() == said
    assert not list((fake / "temporary").iterdir())
    assert readme.read_bytes() == before
    there = {path.name for path in readme.parent.iterdir()} - {"__pycache__"}  # kept by Python
    assert there == {"README.md", "__main__.py"}


@pytest.mark.parametrize("argument", ["--list", "--help"])
def test_text_that_nobody_reads_is_no_error(root, argument):
    command = [sys.executable, "-P", "-c", START, argument]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=root, text=True, **pipe) as process:
        process.stdout.close()
        assert process.wait(timeout=60) in (0, 141)  # argparse takes no notice
        assert process.stderr.read() == ""


# Timing -----------------------------------------------------------------------------------------


def test_time_per_image_takes_whole_batches_in_turn():
    seen = []

    def predict(batch):
        seen.append(batch.tolist())

    assert timing.time_per_image(predict, np.arange(7), 3, seconds=1e-4) > 0
    assert seen[0] == [0, 1, 2]
    assert all(batch in ([0, 1, 2], [3, 4, 5]) for batch in seen)
    assert seen[:2] == [[0, 1, 2], [3, 4, 5]] or len(seen) == 1


@pytest.mark.parametrize("n", [0, 8])
def test_time_per_image_needs_a_batch_that_fits(n):
    with pytest.raises(ValueError, match="1 to 7 images"):
        timing.time_per_image(len, np.arange(7), n)


def test_typical_time_is_the_median_in_microseconds(monkeypatch):
    ticks = iter([0.0, 1e-6, 1.0, 1.0 + 5e-6, 2.0, 2.0 + 9.0])
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))
    assert timing.typical_time(lambda: None, seconds=1) == pytest.approx(5)
