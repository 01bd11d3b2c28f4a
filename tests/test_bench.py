"""`bench`: its names, its refusals, tables out of tiny runs, and where it writes them. No times."""

import argparse
import re
import subprocess
import sys

import numpy as np
import pytest

from tests.benchmarks.measuring import Figure, Size, Table, at_least, at_most, figures, in_turn
from utils import timing
from utils.commands import bench


def run(root, *arguments):
    start = "import sys; from utils.commands.bench import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-P", "-c", start, *arguments]
    return subprocess.run(command, cwd=root, capture_output=True, text=True)


def test_it_lists_its_names(capsys):
    assert bench.main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        "training",
        "inference",
        "data",
        "grading",
        "setup",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "there is no benchmark 'nonsense'; there are training, inference"),
        (["--rounds", "0"], "'0' is no number of rounds"),
        (["--share", "2"], "'2' is no share"),
        (["--part", "steps"], "name it"),
        (["training", "--part", "steps", "--write"], "leave out"),
    ],
)
def test_it_refuses_with_a_sentence(arguments, said, capsys):
    with pytest.raises(SystemExit) as stop:
        bench.main(arguments)
    assert stop.value.code == 2
    assert said in capsys.readouterr().err


def test_it_names_the_parts_of_a_benchmark(root):
    result = run(root, "training", "--part", "nonsense")
    assert result.returncode == 1
    assert "training has the parts steps, accuracy, no 'nonsense'" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "part", "compared"),
    [
        ("training", "steps", ["the book's manner", "scikit-learn", "five products alone"]),
        ("training", "accuracy", []),
        ("inference", "batches", ["ours, one by one", "ours, in batches of 10,000"]),
        ("data", "loading", ["the book's pickle", "the arrays"]),
        ("grading", "check", ["nbgrader validate"]),
        ("setup", "imports", ["import numpy"]),
    ],
)
def test_a_tiny_run_gives_a_table_with_ratios(root, mnist_dir, monkeypatch, name, part, compared):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    result = run(root, name, "--part", part, "--rounds", "1", "--share", "0.01")
    assert result.returncode == 0, result.stderr
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


def test_the_readme_keeps_a_place_for_every_benchmark(root, tmp_path, monkeypatch):
    readme = tmp_path / "README.md"
    readme.write_text(bench.README.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(bench, "ROOT", tmp_path)
    names = [*bench.BENCHMARKS, *(f"{name} profile" for name in bench.BENCHMARKS)]
    for name in names:
        bench.write(name, f"tables of {name}", readme)
        bench.write(name, f"newer tables of {name}", readme)
    text = readme.read_text(encoding="utf-8")
    for name in names:
        assert text.count(f"tables of {name}\n") == 1  # the newer ones
        assert f"<!-- {name} -->\n\nnewer tables of {name}\n\n<!-- end of {name} -->" in text


def test_a_readme_without_that_place_is_left_alone(tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text("mine", encoding="utf-8")
    with pytest.raises(SystemExit, match="put them back"):
        bench.write("training", "tables", readme)
    assert readme.read_text(encoding="utf-8") == "mine"


def test_a_table_says_where_it_was_measured():
    said = bench.about("grading", argparse.Namespace(share=0.1))
    assert f"numpy {np.__version__}" in said
    assert "processors" in said
    assert "Otter-Grader" in said
    assert "0.1 of the full amount" in said


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
