"""What was solved stays, and a damaged file costs only its damaged lines."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from utils.quiz_progress import Progress, progress_file


@pytest.mark.parametrize(
    "damage",
    [
        b"\xff\xfe\x00garbage",
        b"[" * 100_000,
        b'{"lecture": "02", "check": "half',
        b'{"lecture": 2, "check": "x", "tries": 1}',
        b'{"lecture": "02"}',
        b"[1, 2]\nnull\n7",
        b"",
    ],
)
def test_a_damaged_file_costs_only_the_damaged_lines(tmp_path, damage):
    path = tmp_path / "progress.jsonl"
    Progress(path).record("02", "before", 1)
    path.write_bytes(path.read_bytes() + damage)
    progress = Progress(path)
    progress.record("02", "after", 2)
    assert Progress(path).solved("02") == {"before": 1, "after": 2}
    assert progress.trouble == ""


def test_several_notebooks_at_once_lose_nothing(tmp_path):
    path = tmp_path / "progress.jsonl"
    first, second = Progress(path), Progress(path)
    first.record("02", "a", 1)
    second.record("02", "b", 1)
    first.record("02", "c", 1)
    assert first.solved("02") == second.solved("02") == {"a": 1, "b": 1, "c": 1}
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: Progress(path).record("many", f"check {i}", 1), range(200)))
    assert len(Progress(path).solved("many")) == 200
    assert all(json.loads(line) for line in path.read_bytes().split(b"\n") if line)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "progress.jsonl").mkdir()
    progress = Progress(tmp_path / "progress.jsonl")
    assert progress.solved("02") == {}
    assert "cannot be read" in progress.trouble


def test_the_place_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_PROGRESS_DIR", str(tmp_path))
    assert progress_file() == tmp_path / "progress.jsonl"
    monkeypatch.delenv("COURSE_PROGRESS_DIR")
    assert progress_file().name == "progress.jsonl"
    assert tmp_path not in progress_file().parents
