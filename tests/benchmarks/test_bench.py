"""`bench`: the arithmetic of its figures, a tiny run of each part, its refusals, `--write`."""

import re
import sys

import numpy as np
import pytest

from tests.benchmarks import __main__ as benchmarks
from tests.benchmarks import training
from tests.benchmarks.measuring import CommandFailed, Figure, Goal, figures, in_turn, run
from utils.commands import bench

PARTS = [(n, p) for n, parts in benchmarks.PARTS.items() for p in parts if p != "calls"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "part"), PARTS)  # a part raises if the two sides differ
def test_a_tiny_run_gives_figures(mnist_dir, monkeypatch, capfd, name, part):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    assert bench.main([name, "--part", part, "--rounds", "1", "--share", "0.01"]) == 0
    out = capfd.readouterr().out
    rows = [row.split("|")[1:-1] for row in out.splitlines() if row.startswith("| ")]
    found = [re.search(r"\d\.\d{4}" if part == "accuracy" else r"\*\*.+\*\*", str(r)) for r in rows]
    assert len(list(filter(None, found))) == len(rows) - out.count("\n|--")  # all but the headers
    same = "grade and nbgrader autograde gave the same scores"
    assert (same in out) == (part == "throughput")


def test_all_learners_compute_the_same_steps():
    rng = np.random.default_rng(0)
    x, t = rng.random((600, 784), dtype=np.float32), rng.integers(10, size=600)
    (_, ours), *others = training.trained(x, t, 15)  # 2.5 epochs
    assert others
    for name, params in others:
        for key, value in ours.items():
            np.testing.assert_allclose(params[key], value, rtol=1e-3, atol=1e-5, err_msg=name)
    assert np.abs(ours["W1"] - training.new_net().params["W1"]).max() > 0.01


def test_a_figure_is_the_median_of_the_ratios_of_each_round():
    figure = Figure("a", "b", [2.0, 9.0, 4.0], [1.0, 3.0, 4.0], "s", Goal(2.5, True))
    ratio, verdict = "**2.00** (1.00 to 3.00)", "at least 2.5: missed by 20%"
    assert figure.row() == ["a", "b", "4.00 s", "3.00 s", ratio, verdict]
    assert Goal(2, False).verdict(2) == "at most 2: met"


def test_a_contender_that_fails_is_left_out_and_named():
    turns = []

    def hang():
        turns.append("hang")
        return run("it", [sys.executable, "-c", "import time; time.sleep(60)"], ".", 0.2)

    took = in_turn({"hang": hang, "work": lambda: turns.append("work") or 1.0}, 2, warm_up=False)
    assert turns == ["work", "hang", "work"]
    assert took == {"hang": [], "work": [1.0, 1.0]}
    assert took.notes == ["Missing from round 1 on: hang (it did not end within 0 s)."]
    with pytest.raises(CommandFailed, match="has no figures; Missing from round 1"):
        figures("it", [Figure("hang", "work", took["hang"], took["work"])], took.notes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nonsense"], "unknown benchmark 'nonsense'; choose from training, inference"),
        (["--rounds", "0"], "argument --rounds: '0'"),
        (["--share", "2"], "--share 2 is out of range"),
        (["--part", "steps"], "name it, too"),
        (["training", "--part", "x"], "training has the parts steps, accuracy, not 'x'"),
    ],
)
def test_it_refuses_with_a_sentence(arguments, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        bench.main(arguments)
    assert said in capsys.readouterr().err


def test_write_replaces_the_tables_of_a_part_that_succeeded(tmp_path, monkeypatch, capsys):
    readme = tmp_path / "README.md"
    text = benchmarks.README.read_text(encoding="utf-8")
    readme.write_text(text, encoding="utf-8")
    monkeypatch.setattr(benchmarks, "README", readme)
    monkeypatch.setattr(benchmarks, "measure", lambda _, part, asked: "new" * (part == "imports"))
    assert bench.main(["--write"]) == 1  # every part has its place; all the others failed
    first, last = "<!-- setup imports -->", "<!-- end of setup imports -->"
    before, after = text.partition(first)[0], text.partition(last)[2]
    assert readme.read_text(encoding="utf-8") == f"{before}{first}\n\nnew\n{last}{after}"
