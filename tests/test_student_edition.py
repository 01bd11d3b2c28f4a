"""The student edition: whole, of use by itself, and without anything that is for staff."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from utils.checks import MIME
from utils.commands import build
from utils.grading.run.release import BuildError, problem_sets
from utils.student_edition import write_student_edition
from utils.student_modules import is_for_staff, student_modules, student_packages
from utils.system import ROOT

NAMES = problem_sets(ROOT)
python = sys.executable  # while a test runs, a student's: see `students_python`
TASKS = ["identity_function", "softmax"]  # of the first problem set
START = "import sys; from utils.commands.{} import main; sys.exit(main(sys.argv[1:]))"
# The course's own functions do what the solutions do; where work is graded they are not there.
LIBRARY = {f"utils/{name}.py" for name in ("functions", "gradients", "layers", "networks")}
# What a student has not installed, and no module may need.
NOT_INSTALLED = (
    "nbgrader", "dask", "distributed", "cryptography", "latex2mathml",
    "mistune", "nh3", "psycopg", "pytest", "hypothesis", "playwright",
)  # fmt: skip


@pytest.fixture(scope="module")
def edition(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("for students") / "a course 講義"
    count = write_student_edition(ROOT, folder)
    assert count == len([path for path in folder.rglob("*") if path.is_file()])
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    return folder


def texts(folder: Path, kinds: tuple[str, ...] = ("code", "markdown")) -> dict[str, str]:
    """Return all files but those of numbers, notebooks as the texts of their cells."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file() and path.suffix not in (".npz", ".pyc"):
            text = path.read_text(encoding="utf-8")
            if path.suffix == ".ipynb":
                cells = json.loads(text)["cells"]
                text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] in kinds)
            found[path.relative_to(folder).as_posix()] = text
    return found


@pytest.fixture(scope="module", autouse=True)
def students_python(tmp_path_factory) -> Iterator[None]:
    """Let `run` start a Python of its own with our packages: `lab` writes settings into it."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=os.name == "posix")
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(folder)}))
    (packages / "ours.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    scripts = Path(sysconfig.get_path("scripts", vars={"base": str(folder)}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "python", str(scripts / "python"))
        yield


def run(folder: Path, code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess:
    """Run a student's Python with the modules of a folder, from that folder."""
    environment = os.environ | {"PYTHONPATH": str(folder), "MNIST_DIR": "digits"} | variables
    return subprocess.run(
        [python, "-P", "-c", code, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def _secret_lines() -> tuple[set[str], set[str]]:
    """Return the long lines of solutions; and those of hidden tests and model answers."""
    solutions, others = set(), set()
    # A later problem set gives functions that an earlier one asks for.
    released = "\n".join(texts(ROOT / "assignments").values())
    for name in NAMES:
        for cell in nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", as_version=4).cells:
            own = cell.metadata.get("nbgrader", {}).get("solution")
            text = cell.source
            if cell.cell_type == "code":
                text = "".join(re.findall(r"(?s)### BEGIN [A-Z ]+(.*?)### END", text))
            elif not own:
                continue
            lines = {line.strip() for line in text.splitlines()}
            kind = solutions if own and cell.cell_type == "code" else others
            kind |= {line for line in lines if len(line) > 35 and line not in released}
    return solutions, others


def test_no_solution_and_no_hidden_test_is_in_any_file(edition):
    solutions, others = _secret_lines()
    assert len(solutions) > 100
    assert len(others) > 400
    for name, text in texts(edition).items():
        own = {line.strip() for line in text.splitlines()}
        if not name.startswith("utils/checks"):  # which says the same of values
            assert own & others == set(), name
        # A lecture may show single lines: see test_lectures_leave_answers_out.
        if name not in LIBRARY and not name.startswith("lectures/"):
            assert own & solutions == set(), name
        assert "### BEGIN" not in text, name
    assert not list(edition.rglob("solutions"))


def test_problem_sets_are_the_released_ones(edition):
    assert texts(edition / "assignments") == texts(ROOT / "assignments")


def test_there_is_nothing_for_staff(edition):
    assert sorted(path.name for path in edition.iterdir()) == [
        "LICENSE",
        "README.md",
        "assignments",
        "lectures",
        "nbgrader_config.py",
        "pyproject.toml",
        "requirements.txt",
        "setup.py",
        "utils",
    ]
    commands = {path.stem for path in (edition / "utils" / "commands").glob("*.py")}
    assert commands == {"__init__", "check", "doctor", "lab"}
    folders = {path.name for path in (edition / "utils" / "grading").glob("*/")}
    assert not folders & {"course", "reports"}
    requirements = (edition / "requirements.txt").read_text(encoding="utf-8")
    for package in ("nbgrader", "dask", "pytest", "psycopg", "jupytext"):
        assert package not in requirements
    for line in ("numpy>=", "jupyterlab>=", "ipywidgets>=", "scikit-learn>=", "\n-e .\n"):
        assert line in requirements
    for name, text in texts(edition / "lectures").items():
        assert "Notes for the lecturer" not in text, name
    words = re.compile(r"solutions/|\bgrade PS|--unsafe|gradebook|Nbgrader", re.IGNORECASE)
    assert not words.search((edition / "README.md").read_text(encoding="utf-8"))


def test_the_front_door_shows_what_is_there(edition):
    said = run(edition, "from utils.__main__ import usage; print(usage())").stdout
    assert re.findall(r"^  (\w+)", said, re.MULTILINE) == ["lab", "check", "doctor"]


def test_every_module_is_there_that_another_one_or_a_notebook_imports(edition):
    imported = re.compile(r"^\s*(?:from (utils[\w.]*) import|import (utils[\w.]*))", re.MULTILINE)
    names = {a or b for text in texts(edition).values() for a, b in imported.findall(text)}
    assert len(names) > 20
    missing = {
        name
        for name in names
        if not is_for_staff(name)  # `doctor` asks first whether it is there
        and not (edition / name.replace(".", "/")).is_dir()
        and not (edition / f"{name.replace('.', '/')}.py").is_file()
    }
    assert missing == set()


def test_all_modules_can_be_imported_with_a_students_packages_only(edition):
    code = (
        f"import importlib, sys\nfor name in {NOT_INSTALLED!r}: sys.modules[name] = None\n"
        "for name in sys.argv[1:]: importlib.import_module(name)\n"
        "import utils; print(utils.__file__)"
    )
    linux = ("landlock", "seccomp", "namespaces", "cgroups", "isolation")  # they load at import
    names = [n for n in student_modules(edition) if os.name == "posix" or not n.endswith(linux)]
    result = run(edition, code, *names)
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(edition / "utils" / "__init__.py")


def test_links_lead_to_files_that_are_there(edition):
    for name, text in texts(edition, ("markdown",)).items():
        if name.endswith((".ipynb", ".md")):
            for link in re.findall(r"\]\(([^)#\s]+)", text):
                if not re.match(r"[a-z]+:", link):
                    assert (edition / name).parent.joinpath(link).exists(), (name, link)


def test_the_readme_is_a_students_with_all_lectures(edition):
    text = (edition / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^    (python3.*)$", text, re.MULTILINE) == [
        "python3 -m utils lab",
        f"python3 -m utils check assignments/{NAMES[0]}/{NAMES[0]}.ipynb",
    ]
    assert "{" not in text
    for name in NAMES:
        assert f"`{name}`" in text


@pytest.mark.slow
def test_the_commands_of_the_readme_work(edition):
    file = f"assignments/{NAMES[0]}/{NAMES[0]}.ipynb"
    result = run(edition, START.format("check"), file)
    assert "Traceback" not in result.stderr
    assert "0 of 6 points in the visible checks. When your work is graded, 8 more" in result.stdout
    assert f"0 of {len(NAMES)} problem sets pass" in result.stdout
    assert run(edition, START.format("lab"), "--allow-root", "--version").returncode == 0
    result = run(edition, START.format("doctor"))
    assert "For grading" not in result.stdout
    assert "Everything that a student needs is here." in result.stdout, result.stdout


@pytest.mark.slow
def test_a_lecture_runs(edition):
    lecture = nbformat.read(edition / "lectures" / "01_output_layer.ipynb", as_version=4)
    where = "import utils; print(utils.__file__)"
    lecture.cells.append(nbformat.v4.new_code_cell(where))
    file = edition / "lectures" / "longer.ipynb"
    nbformat.write(lecture, file)
    code = "from nbclient.cli import main; main()"
    result = run(edition, code, "lectures/longer.ipynb", "--inplace", "--timeout=120")
    cells = nbformat.read(file, as_version=4).cells
    file.unlink()
    assert result.returncode == 0, result.stderr
    assert cells[-1].outputs[0].text.strip() == str(edition / "utils" / "__init__.py")


@pytest.mark.slow
@pytest.mark.parametrize("which", ["the student edition", "the whole course"])
def test_pip_installs_what_a_student_needs(edition, tmp_path, which):
    pytest.importorskip("setuptools", minversion="77")
    source, wheels = tmp_path / "source", tmp_path / "wheels"
    if which == "the student edition":
        shutil.copytree(edition, source)
    else:
        source.mkdir()
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "utils", source / "utils", ignore=ignored)
        for name in ("setup.py", "pyproject.toml", "requirements.txt", "LICENSE"):
            shutil.copy(ROOT / name, source)
    code = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"
    wheels.mkdir()
    result = run(source, code, str(wheels), PYTHONPATH="")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Warning" not in result.stdout + result.stderr  # pip shows it in Colab
    with zipfile.ZipFile(next(wheels.iterdir())) as wheel:
        names = {name for name in wheel.namelist() if name.startswith("utils/")}
        about = next(name for name in wheel.namelist() if name.endswith("METADATA"))
        needs = re.findall(
            r"^Requires-Dist: ([\w-]+)(?!.*extra ==)", wheel.read(about).decode(), re.M
        )
        wheel.extractall(tmp_path / "installed")
    files = {path.relative_to(edition).as_posix() for path in edition.glob("utils/**/*.*")}
    if which == "the student edition":
        assert names == {name for name in files if "__pycache__" not in name}
    else:  # another course's staff installs the judge from it
        assert {"utils/checks/__init__.py", "utils/grading/judge/judge.py"} <= names
    assert sorted(needs) == sorted(re.match(r"[\w-]+", n)[0] for n in student_packages(ROOT))
    # In a notebook somewhere else, such as in Colab, the checks of a problem set work.
    shutil.copy(edition / "assignments" / NAMES[0] / f"{NAMES[0]}.ipynb", tmp_path)
    code = "from nbclient.cli import main; main()"
    file = f"{NAMES[0]}.ipynb"
    result = run(tmp_path, code, file, "--inplace", PYTHONPATH=str(tmp_path / "installed"))
    assert result.returncode == 0, result.stderr
    cells = nbformat.read(tmp_path / file, as_version=4).cells
    shown = [out.data for cell in cells for out in cell.get("outputs", []) if "data" in out]
    tables = [data["text/html"] for data in shown if MIME in data]
    assert all(task in table for task, table in zip(TASKS, tables, strict=True))
    said = run(
        tmp_path / "installed",
        "import runpy; runpy.run_module('utils', run_name='__main__')",
        "lab",
    )
    assert "only the package is installed here" in said.stderr


def test_a_folder_in_use_is_left_alone(tmp_path, capsys):
    (tmp_path / "work.txt").write_text("mine")
    assert build.main(["--student-edition", str(tmp_path)]) == 1
    assert "is not an empty folder, and nothing in it is changed" in capsys.readouterr().err
    assert build.main(["--student-edition", str(tmp_path / "work.txt")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["work.txt"]


def test_without_sources_there_is_a_sentence(tmp_path):
    course, target = tmp_path / "course", tmp_path / "target"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "utils", course / "utils", ignore=ignored)
    for name in ("README.md", "LICENSE", "setup.py", "pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, course)
    shutil.copy(ROOT / "nbgrader_config.py", course)
    with pytest.raises(BuildError, match="there are no problem sets in"):
        write_student_edition(course, target)
    assert not target.exists()


def test_it_goes_with_no_other_argument(tmp_path, capsys):
    with pytest.raises(SystemExit):
        build.main(["--student-edition", str(tmp_path / "x"), "ps1"])
    assert "give each alone" in capsys.readouterr().err


def test_check_has_the_limits_of_grade(edition):
    code = (
        "from utils.grading.run.limits import limits_of\nfrom utils.system import *\n"
        "import json, sys; print(json.dumps([vars(limits_of(load_config(ROOT), name))"
        " for name in sys.argv[1:]]))"
    )
    own = json.loads(run(edition, code, *NAMES).stdout)
    assert own == json.loads(run(ROOT, code, *NAMES).stdout)
    assert len(own) == len(NAMES)
