"""`bench`: its names, its refusals, tables out of tiny runs, where it writes them, how it ends."""

import argparse
import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import time
import uuid

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
        ("training", "steps", ["the book's manner", "scikit-learn", "five products alone"]),
        ("training", "accuracy", []),
        ("inference", "batches", ["ours, one by one", "ours, in batches of 10,000"]),
        ("data", "loading", ["the book's pickle", "the arrays"]),
        ("grading", "judge", ["nbgrader's Execute, time"]),
        ("grading", "check", ["nbgrader validate"]),
        ("setup", "imports", ["import numpy"]),
    ],
)
def test_a_tiny_run_gives_a_table_with_ratios(root, mnist_dir, monkeypatch, name, part, compared):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    result = run(root, name, "--part", part, "--rounds", "1", "--share", "0.01")
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr  # a kernel's, each time one starts
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    for what in compared:
        ratios = [
            r for line in rows if what in line for r in re.findall(r"\*\*([\d.,]+)\*\*", line)
        ]
        assert ratios
        assert all(float(ratio.replace(",", "")) > 0 for ratio in ratios)
    if not compared:
        rates = {c[1].strip(): float(c[2]) for c in (line.split("|") for line in rows[1:])}
        assert 0.5 < rates["ours"] <= 1  # after a hundredth of the steps


def test_a_peer_that_is_not_there_is_named_as_skipped(monkeypatch):
    from tests.benchmarks.peers import Peer

    peer = Peer("no_such_package", "Nobody")
    assert peer.module is None
    (note,) = peer.notes()
    assert note.startswith("Skipped: Nobody")
    assert "--install-peers" in note


def test_peers_leave_the_environment_of_the_course_alone(root):
    for peer in (bench.PYTORCH, bench.OTTER, bench.UV):
        assert peer.folder.parent == root / ".venv-peers"
    assert "/.venv-peers/" in (root / ".gitignore").read_text(encoding="utf-8").splitlines()


# Figures ----------------------------------------------------------------------------------------


def test_a_figure_is_the_median_of_the_ratios_of_each_round():
    figure = Figure("a", "b", [(1.0, 1.0), (8.0, 2.0), (6.0, 3.0)], "s", at_least(1.7))
    assert figure.row()[2:] == [
        "6.00 s",
        "2.00 s",
        "**2.00** (1.00 to 4.00)",
        "at least 1.7: met",
    ]


@pytest.mark.parametrize(
    ("goal", "verdict"),
    [
        (at_least(2), "at least 2: missed by 25%"),
        (at_most(1), "at most 1: missed by 50%"),
        (at_most(1.5), "at most 1.5: met"),
    ],
)
def test_a_missed_goal_says_by_how_much(goal, verdict):
    assert goal.verdict(1.5) == verdict


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


def test_a_table_says_where_it_was_measured():
    said = bench.about("grading", argparse.Namespace(share=0.1))
    assert f"numpy {np.__version__}" in said
    assert "processors" in said
    assert "Otter-Grader" in said
    assert "0.1 of the full amount" in said


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


def test_an_installer_that_stands_still_leaves_the_figures_of_the_other(tmp_path, monkeypatch):
    setup = importlib.import_module("tests.benchmarks.setup")

    def call(what, course, variables):
        if what == "first call, uv":
            raise StoodStill(f"{what} stood still")
        return {"first call, pip": 90.0, "a later call, pip": 0.5}[what]

    monkeypatch.setattr(setup, "executable", lambda peer, name: str(tmp_path / name))
    monkeypatch.setattr(setup, "_fresh_course", lambda uv: contextlib.nullcontext((tmp_path, {})))
    monkeypatch.setattr(setup, "_call", call)
    monkeypatch.setattr(setup, "run", lambda *_: None)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "file").write_bytes(bytes(10**6))
    (table,) = setup.calls(Size(rounds=2))
    rows = {(row[0], row[1]): row[4] for row in table.rows}
    assert rows["first call, pip", "a later call, pip"] == "**180** (180 to 180)"
    assert rows["first call, pip", "first call, uv"] == "missing"
    assert rows[".venv made by pip", ".venv made by uv"] == "missing"
    assert table.rows[-1][:3] == [".venv made by pip", "the course itself", "1.00 MB"]
    assert table.notes == ["Missing: first call, uv, because it stood still, twice."]


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
    assert sorted(path.name for path in readme.parent.iterdir()) == ["README.md", "__main__.py"]


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
