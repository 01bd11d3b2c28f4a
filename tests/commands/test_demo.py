"""The demo: a class is graded from release to feedback, and the table says what was wrong."""

import re
from pathlib import Path

import pytest

from utils.commands import demo
from utils.grading import simulated_class
from utils.grading.judge.grade_notebook import NotSandboxed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Dask's and SQLAlchemy's own affairs
]


def test_without_solutions_it_ends_in_a_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(demo, "ROOT", tmp_path)
    assert demo.main([]) == 1
    said = capsys.readouterr().err
    assert "a student's copy of the course has no solutions" in said
    assert str(tmp_path) in said


def run(capsys) -> tuple[dict[str, tuple[str, str]], str]:
    """Run the demo; return score or status and remark by student, and all that was printed."""
    assert demo.main([]) == 0
    printed = capsys.readouterr().out
    row = r"^(\w+) +([\d.]+|unreadable|missing)(?:/18)?  .{34} (.*)$"
    rows = re.findall(row, printed, re.MULTILINE)
    return {name: (score, remark) for name, score, remark in rows}, printed


HALF_RIGHT = "daniel emiko farid grace hiroshi ines jonas kenji lena qing rosa sven tariq uma wen"


def holds(table: dict[str, tuple[str, str]]) -> None:
    """Check what any way of grading has to find for the students in the table."""
    scores = {"14": "akiko ben olga pedro", "0": "chiara", "2": "marek noor xenia"}
    for score, names in scores.items():
        assert {table[name][0] for name in names.split() if name in table} == {score}
    assert table["akiko"][1] == "nothing wrong"
    for name in table.keys() & set(HALF_RIGHT.split()):
        assert 2 <= float(table[name][0]) < 14, name
        assert table[name][1] != "nothing wrong"


def test_the_demo_grades_its_class_and_says_what_was_wrong(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    table, printed = run(capsys)
    assert len(table) == 30
    assert table.keys() > set(HALF_RIGHT.split())
    holds(table)
    assert "no answer within 0.8 seconds" in table["noor"][1]
    assert table["yusuf"][0] == "unreadable"
    for name in ("eve", "mallory", "oscar", "trudy", "zoe"):
        assert float(table[name][0]) < 4, name
    assert "4 of the 18 points are for the written answer" in printed
    report = Path(re.search(r"report: +(.*) and", printed)[1])
    assert "30" in report.read_text(encoding="utf-8")
    assert len(list((report.parent.parent / "feedback").glob("*/*/*.html"))) == 30


def test_the_demo_runs_without_a_sandbox(capsys, monkeypatch):
    def no_sandbox() -> str:
        raise NotSandboxed("no sandbox here")

    # a few of the class, for nbgrader starts a kernel for each
    some = {"akiko", "chiara", "daniel", "noor", "olga", "yusuf"}
    students = [one for one in simulated_class.PS1_OUTPUT_LAYER if one.name in some]
    monkeypatch.setattr(simulated_class, "PS1_OUTPUT_LAYER", tuple(students))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("utils.grading.judge.grade_notebook.available_sandbox", no_sandbox)
    table, printed = run(capsys)
    assert "nbgrader grades it" in printed
    assert set(table) == some
    assert Path(re.search(r"report: +(.*) and", printed)[1]).is_file()
    holds(table)


def test_the_demo_takes_no_arguments(capsys):
    assert demo.main(["--fast"]) == 2
    assert "no arguments" in capsys.readouterr().err
