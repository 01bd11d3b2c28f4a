"""Files beside a notebook: which are taken, and where they may go."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from utils.grading.notebook import extra_files


def test_plain_files_are_taken_by_path_and_nothing_else(tmp_path):
    for name in (
        "a.py", "data/x.csv", "data/deep/y.txt", "work.ipynb", "data/other.ipynb", ".hidden",
        ".git/config", "timestamp.txt", "data/timestamp.txt", "__pycache__/a.pyc",
        "feedback/x.html", "1/2/3/4/5/in.txt", "1/2/3/4/5/6/out.txt",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "link.txt").symlink_to(tmp_path / "a.py")
    (tmp_path / "links").symlink_to(tmp_path / "data")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    found = extra_files.files_beside(tmp_path)
    assert set(found) == {
        "a.py", "data/x.csv", "data/deep/y.txt", "data/timestamp.txt", "1/2/3/4/5/in.txt",
    }  # fmt: skip
    assert all(content.decode() == name for name, content in found.items())
    assert extra_files.files_beside(tmp_path / "no such folder") == {}


def test_above_the_limits_modules_and_small_files_go_first(tmp_path, monkeypatch):
    monkeypatch.setattr(extra_files, "MAX_FILES", 3)
    monkeypatch.setattr(extra_files, "MAX_BYTES", 100)
    for name, size in (("a.bin", 99), ("b.csv", 30), ("c.csv", 20), ("z.py", 50), ("d", 1)):
        (tmp_path / name).write_bytes(bytes(size))
    assert list(extra_files.files_beside(tmp_path)) == ["z.py", "d", "c.csv"]


def test_files_go_into_their_folder_only(tmp_path):
    names = (
        "../up", "/etc/x", "a/../../up", "a//b", "", ".", "..", "a\\b", "C:x", "x\0y", "n" * 300,
        "/".join("abcdefgh"),
    )  # fmt: skip
    files = dict.fromkeys(names, b"x") | {"fine": b"1", "sub/fine": b"2", "fine/x": b"3"}
    with extra_files.in_a_folder(files) as folder:
        assert sorted(os.listdir(folder)) == ["fine", "sub"]
        assert Path(folder, "sub", "fine").read_bytes() == b"2"
        inside = folder
    assert not os.path.exists(inside)


def test_a_name_of_the_courses_is_told():
    names = ("utils.py", "numpy/core.py", "numpy/__init__.py", "random.py", "mine.py", "data.csv")
    assert extra_files.notes_on(names) == [
        "your folder `numpy` hides behind the course's module of that name: rename it",
        "your file `random.py` has the name of a module of Python's own: rename it",
        "your file `utils.py` hides behind the course's module of that name: rename it",
    ]


@pytest.mark.parametrize("module", sorted(extra_files.COURSE_MODULES - {"mpl_toolkits"}))
def test_the_courses_modules_are_found_where_they_are_installed(tmp_path, module):
    (tmp_path / f"{module}.py").write_text("raise RuntimeError('a file of the student')")
    code = (
        "import importlib.util, sys\nfrom utils.grading.notebook import extra_files\n"
        "extra_files.import_from_working_folder()\n"
        "sys.modules.pop(sys.argv[1], None)\n"
        "print(importlib.util.find_spec(sys.argv[1]).origin)"
    )
    said = subprocess.run(
        [sys.executable, "-P", "-c", code, module],
        capture_output=True, encoding="utf-8", cwd=tmp_path, check=True, timeout=120,
    )  # fmt: skip
    assert str(tmp_path) not in said.stdout
