"""Files beside a notebook: which are taken, and where they may go."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from utils.commands import lab
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


def test_wanted_files_are_not_crowded_out_by_others(tmp_path, monkeypatch):
    monkeypatch.setattr(extra_files, "MAX_FILES", 2)
    for name in ("a.py", "b.csv", "c.csv", "photo.PNG"):
        (tmp_path / name).write_bytes(bytes(len(name)))
    assert list(extra_files.files_beside(tmp_path, (".png", ".jpg"))) == ["photo.PNG"]


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


# In a kernel of the student's own ---------------------------------------------------------------


@pytest.fixture
def environment(tmp_path, monkeypatch) -> dict[str, str]:
    """An environment whose kernels have what `lab` writes, as variables for a process."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "venv"))
    lab.let_the_course_win()
    written = tmp_path / "venv" / "etc" / "ipython" / "ipython_config.py"
    ipython = tmp_path / "ipython" / "profile_default"
    ipython.mkdir(parents=True)
    (ipython / "ipython_config.py").write_bytes(written.read_bytes())
    return {**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")}


def run_in_kernel(folder: Path, variables: dict[str, str], *cells: str) -> list[str]:
    """Run cells as Jupyter does in a notebook in this folder; return what each shows."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    nbformat.write(notebook, folder / "a.ipynb")
    command = [sys.executable, "-m", "nbconvert", "--to=notebook", "--execute", "--allow-errors"]
    subprocess.run(
        [*command, "--output=out.ipynb", "a.ipynb"],
        cwd=folder, env=variables, check=True, timeout=240, capture_output=True,
    )  # fmt: skip
    shown = []
    for cell in nbformat.read(folder / "out.ipynb", as_version=4).cells:
        outputs = (o.get("text") or o.get("evalue") or o.data["text/plain"] for o in cell.outputs)
        shown.append("\n".join(outputs))
    return shown


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_courses_modules_win_in_the_students_own_kernel(tmp_path, environment, kind):
    folder = tmp_path / "work"
    folder.mkdir()
    if kind == "file":
        (folder / "utils.py").write_text("MINE = True\n")
        (folder / "numpy.py").write_text("raise RuntimeError('mine')\n")
    else:
        (folder / "utils").mkdir()
        (folder / "utils" / "__init__.py").write_text("MINE = True\n")
    (folder / "helper.py").write_text("x = 42\n")
    first, second, third = run_in_kernel(
        folder,
        environment,
        "from utils import checks\nimport numpy as np\nprint(checks.Task, np.pi)",
        "import utils\nprint(utils.__file__)",
        "import helper\nprint(helper.x)",
    )
    assert "class 'utils.checks.task.Task'> 3.14" in first
    assert f"your {kind} `utils" in first
    assert "hides behind the course's module of that name: rename it" in first
    assert str(folder) not in second
    assert "Note" not in second
    assert third.strip() == "42"  # other modules of the student's are imported as ever


@pytest.mark.slow
def test_nothing_is_said_where_nothing_is_in_the_way(tmp_path, environment):
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "helper.py").write_text("x = 42\n")
    assert run_in_kernel(folder, environment, "import helper; print(helper.x)") == ["42\n"]


def test_somebodys_own_configuration_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    config = tmp_path / "etc" / "ipython" / "ipython_config.py"
    config.parent.mkdir(parents=True)
    config.write_text("# mine\n")
    lab.let_the_course_win()
    assert config.read_text() == "# mine\n"
    config.write_bytes(b"# m\xefne, in Latin 1\n")
    lab.let_the_course_win()
    assert config.read_bytes() == b"# m\xefne, in Latin 1\n"
    config.unlink()
    lab.let_the_course_win()
    written = config.read_text()
    config.write_text(written.replace(str(lab.ROOT), "/where/it/was"))
    lab.let_the_course_win()  # the course has moved
    assert config.read_text() == written


def test_documents_may_hold_an_answer_and_notebooks_are_none():
    names = ("a.PDF", "scans/b.heic", "c.csv", "d.py", "ps1.ipynb.txt", "ps1.IPYNB.html", "e.md")
    assert extra_files.documents(names) == ["a.PDF", "scans/b.heic", "e.md"]
