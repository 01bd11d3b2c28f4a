"""A result of grading: what is kept of it on disk, and what of it has changed since."""

import json

import pytest

from utils.grading.notebook.result import KEY, VERSION, GradingResult, read_result, result_of

FULL = GradingResult(
    notes=["a"], stopped=True, repaired=True, seconds=1.5, cpu_seconds=0.25, memory_bytes=9,
    auto={"f": 2.0, "w": None}, comments={"w": None}, texts={"w": "hash"}, changed=["f"],
    digest="d", file="x.ipynb", ask=True,
)  # fmt: skip


def test_what_is_kept_comes_back(tmp_path):
    kept = json.loads(json.dumps(FULL.to_json()))
    assert GradingResult.from_json(kept) == FULL
    path = tmp_path / "a.ipynb"
    assert read_result(path) is None
    path.write_text(json.dumps({"metadata": {KEY: kept}}))
    assert read_result(path) == FULL
    assert GradingResult(seconds=1.23456).to_json()["seconds"] == 1.2346


@pytest.mark.parametrize(
    "change",
    [{"version": VERSION + 1}, {"notes": "a"}, {"seconds": "1"}, {"auto": None}, {"ask": 1}],
    ids=str,
)
def test_what_does_not_fit_is_no_result(change):
    kept = FULL.to_json()
    assert GradingResult.from_json(kept | change) is None
    assert GradingResult.from_json({k: v for k, v in kept.items() if k not in change}) is None
    assert result_of({"metadata": {KEY: kept | change}}) is None


@pytest.mark.parametrize("kept", [None, [], "x", {}])
def test_what_is_not_even_a_record_is_no_result(kept):
    assert GradingResult.from_json(kept) is None
    assert result_of({"metadata": kept}) is None


def test_status_and_score():
    assert (FULL.is_graded, FULL.score) == (True, 2.0)
    lost = GradingResult.unreadable(ValueError("why"))
    assert (lost.is_graded, lost.score) == (False, 0)
    assert lost.notes == ["the notebook cannot be read: why"]


@pytest.mark.parametrize(
    ("before", "changed"),
    [
        (None, ["f", "w"]),
        (GradingResult(auto={"f": 2.0, "w": None}, texts={"w": "hash"}), []),
        (GradingResult(auto={"f": 1.0, "w": None}, texts={"w": "hash"}), ["f"]),
        (GradingResult(auto={"f": 2.0, "w": None}, texts={"w": "old"}), ["w"]),
        (GradingResult(auto={"f": 2.0}, texts={"w": "hash", "gone": ""}), []),
    ],
)
def test_cells_whose_points_or_text_have_changed(before, changed):
    now = GradingResult(auto={"f": 2.0, "w": None}, texts={"w": "hash"})
    now.compare(before)
    assert now.changed == changed
