"""What `check` says beyond the tables: progress over all sets, and after one its solution."""

import json
import shutil

import pytest

from tests.classroom import PS1, ROOT
from utils.grading.notebook.reading import new_cell, new_notebook
from utils.grading.run import self_study
from utils.grading.run.self_study import Solution


def test_progress_over_the_problem_sets(tmp_path, monkeypatch):
    for name in (PS1, "ps2_mnist_inference"):
        shutil.copytree(ROOT / "assignments" / name, tmp_path / "assignments" / name)
    monkeypatch.setattr(self_study, "ROOT", tmp_path)
    own = tmp_path / "assignments" / PS1 / f"{PS1}.ipynb"
    tests = [
        {"name": "a", "points": 3.5, "max_points": 5.0, "hidden": False},
        {"name": "b", "points": 0.0, "max_points": 9.0, "hidden": True},
    ]
    line = "of 2 problem sets pass their visible checks: ps1_output_layer"
    assert self_study.progress(own) == f"0 {line} –, ps2_mnist_inference –"
    self_study.remember(own, PS1, tests)
    assert self_study.progress(own) == f"0 {line} 3.5/5, ps2_mnist_inference –"
    tests[0]["points"] = 5.0
    self_study.remember(own, PS1, tests)
    assert self_study.progress(own) == f"1 {line} ✓, ps2_mnist_inference –"
    own.write_text(own.read_text(encoding="utf-8") + " ", encoding="utf-8")
    assert self_study.progress(own) == f"0 {line} changed since its check, ps2_mnist_inference –"
    elsewhere = tmp_path / "a.ipynb"
    elsewhere.write_bytes(own.read_bytes())
    kept = (tmp_path / "grading" / "progress.json").read_bytes()
    tests[0]["points"] = 1.0
    self_study.remember(elsewhere, PS1, tests)
    assert (tmp_path / "grading" / "progress.json").read_bytes() == kept
    assert self_study.progress(elsewhere) == ""


@pytest.mark.parametrize(
    "content", ["", "[]", '{"ps1_output_layer": 3}', "{", '{"x": {"earned": []}}']
)
def test_a_damaged_progress_file_is_as_none(tmp_path, monkeypatch, content):
    shutil.copytree(ROOT / "assignments" / PS1, tmp_path / "assignments" / PS1)
    (tmp_path / "grading").mkdir()
    (tmp_path / "grading" / "progress.json").write_text(content)
    monkeypatch.setattr(self_study, "ROOT", tmp_path)
    own = tmp_path / "assignments" / PS1 / f"{PS1}.ipynb"
    assert self_study.progress(own).startswith("0 of 1")


def test_solutions_stand_beside_where_the_lectures_explain_them(tmp_path, monkeypatch):
    monkeypatch.setattr(self_study, "ROOT", tmp_path)
    assert self_study.solutions("ps1") == []
    assert not self_study.has_solutions()
    path = self_study.solution_path("ps1")
    path.parent.mkdir(parents=True)
    cells = [
        new_cell("markdown", "**Where to look:** [L 2](../lectures/02.ipynb),\nnow\n\nx", "a"),
        new_cell("code", "### BEGIN SOLUTION\nf = 1\n### END SOLUTION\n", "b",
                 {"nbgrader": {"grade_id": "f", "solution": True}}),
        new_cell("markdown", "Because.", "c",
                 {"nbgrader": {"grade_id": "w", "solution": True, "grade": True}}),
    ]  # fmt: skip
    path.write_text(json.dumps(new_notebook(cells)))
    assert self_study.has_solutions()
    assert self_study.solutions("ps1") == [
        Solution("f", "f = 1", True, "L 2 (02.ipynb), now"),
        Solution("w", "Because.", False, ""),
    ]


@pytest.mark.parametrize(
    ("problem_set", "text", "following"),
    [("ps1", "**Next:** *read*\nmore", "*read* more"), ("ps1", "", "ps2."), ("ps2", "", ""),
     ("ps9", "", "")],
)  # fmt: skip
def test_what_comes_next_is_what_the_set_says_or_the_following_one(
    tmp_path, monkeypatch, problem_set, text, following
):
    monkeypatch.setattr(self_study, "ROOT", tmp_path)
    for name in ("ps1", "ps2"):
        path = self_study.released_path(name)
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(new_notebook([new_cell("markdown", text, "a")])))
    assert self_study.read_next(problem_set) == following
