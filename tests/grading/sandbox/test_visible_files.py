"""What a sandboxed process finds: the installation, parts of `utils`, data, a small environment."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.grading.sandbox.child import FORKS, in_a_child
from utils.grading.sandbox import visible_files
from utils.system import FIGURES, ONE_THREAD, ROOT


def test_the_installation_is_there_and_no_part_of_it_twice():
    found = visible_files.installation()
    assert all(map(os.path.lexists, found))
    assert not [a for a in found for b in found if a.startswith(f"{b}/")]
    for file in (json.__file__, os.path.realpath(sys.executable), pytest.__file__):
        assert any(file.startswith((f"{path}/", path)) for path in found)
    assert "/etc" not in found
    assert os.path.expanduser("~") not in found


@pytest.mark.parametrize(
    ("name", "is_open"),
    [
        ("checks", True), ("data", True), ("system.py", True), ("__init__.py", True),
        ("functions.py", False), ("networks.py", False), ("grading", False), ("commands", False),
    ],
)  # fmt: skip
def test_students_may_import_what_holds_no_solution(name, is_open):
    assert (ROOT / "utils" / name).exists()
    assert (str(ROOT / "utils" / name) in visible_files.open_files()) == is_open


def test_data_is_where_mnist_dir_says_and_in_the_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "mnist"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(visible_files, "_data_places", visible_files._data_places.__wrapped__)
    assert visible_files.data_folders() == {}
    (tmp_path / "mnist").mkdir()
    assert visible_files.data_folders() == {str(tmp_path / "mnist"): visible_files.MNIST}


def test_nothing_of_the_graders_environment_is_passed_on(monkeypatch):
    monkeypatch.setenv("STAFF_TOKEN", "secret")
    found = visible_files.environment("/home/x", figures="all")
    assert (found["HOME"], found["TMPDIR"], found[FIGURES]) == ("/home/x", "/home/x/tmp", "all")
    assert ONE_THREAD.items() <= found.items()
    assert not {"STAFF_TOKEN", "MNIST_DIR", "XDG_CACHE_HOME"} & found.keys()
    more = visible_files.environment("/home/x", "/m", "/c")
    assert (more["MNIST_DIR"], more["XDG_CACHE_HOME"]) == ("/m", "/c")


@FORKS
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_process_moves_to_its_working_folder_and_environment(tmp_path):
    (tmp_path / "work").mkdir()

    def moved(answer):
        os.environ["STAFF_TOKEN"] = "secret"
        visible_files.set_environment(str(tmp_path), "none")
        return [os.getcwd(), os.environ["HOME"], os.environ[FIGURES], "STAFF_TOKEN" in os.environ]

    assert in_a_child(moved) == [str(tmp_path / "work"), str(tmp_path), "none", False]


@pytest.mark.parametrize(
    ("name", "kind", "taken"),
    [("a.csv", "file", True), ("data", "folder", True), ("a.ipynb", "file", False),
     (".hidden", "folder", False), ("a.csv", "link", False)],
)  # fmt: skip
def test_notebooks_links_and_hidden_files_are_no_data(tmp_path, name, kind, taken):
    path = Path(tmp_path, name)
    {"file": path.touch, "folder": path.mkdir, "link": lambda: path.symlink_to(__file__)}[kind]()
    (entry,) = os.scandir(tmp_path)
    assert visible_files.is_data(entry) == taken
