"""`new`: a scaffold that is right at once, and that every test of the problem sets takes in."""

import os
import shutil
import subprocess
import sys

import pytest

from utils.commands import new
from utils.grading.run.release import BuildError
from utils.system import CONFIG, ROOT

NAME = "ps7_centring"
START = "import sys; from utils.commands.{} import main; sys.exit(main(sys.argv[1:]))"
TESTS = (  # those that run every problem set
    "test_problem_sets",
    "test_mutants",
    "test_nothing_for_nothing",
    "test_minutes",
    "test_formulas",
    "test_through_the_judge",
)
CHOSEN = "ps7 and not nbgrader and not written_answers and not finds_the_same"  # these are slow


@pytest.mark.slow
def test_every_test_takes_a_new_problem_set_in(tmp_path):
    course = tmp_path / "a course"
    for folder in ("utils", "tests", "solutions", "assignments", "lectures"):  # texts name sections
        ignored = shutil.ignore_patterns("__pycache__", "slides")
        shutil.copytree(ROOT / folder, course / folder, ignore=ignored)
    for name in (CONFIG, "pyproject.toml"):
        shutil.copy(ROOT / name, course)
    environment = os.environ | {"PYTHONPATH": str(course)}

    def run(*arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, *arguments],
            cwd=course,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    said = run("-P", "-c", START.format("new"), NAME)
    assert "the solution passes all 8 checks, and each fails for some wrong implementation" in said
    for path in (f"solutions/{NAME}/{NAME}.ipynb", f"assignments/{NAME}/{NAME}.ipynb"):
        assert f"written: {path}" in said
    files = [f"tests/problem_sets/{name}.py" for name in TESTS]
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", CHOSEN, *files)
    assert " passed" in said
    assert "failed" not in said
    run("-m", "ruff", "check", "--no-cache", f"solutions/{NAME}", f"tests/problem_sets/{NAME}.py")
    # And without its table nothing breaks at collection: one test says what to write.
    (course / "tests" / "problem_sets" / f"{NAME}.py").unlink()
    said = run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", "--collect-only", "tests/problem_sets"
    )
    assert "ten_wrong_and_four_right_ways[ps7_centring]" in said


@pytest.mark.parametrize(
    "name", ["", "7", "ps_x", "ps7", "ps7_", "ps7_X", "ps7_a/b", "../ps7_a", "ps7-a"]
)
def test_other_names_are_refused_with_an_example(name, capsys):
    with pytest.raises(SystemExit) as ended:
        new.main([name])
    assert ended.value.code == 2
    assert "such as ps7_convolution" in capsys.readouterr().err


def test_a_number_is_used_once(tmp_path):
    new.make(tmp_path, NAME)
    with pytest.raises(BuildError, match="solutions/ps7_centring already: choose another number"):
        new.make(tmp_path, "ps7_other")
    assert [path.name for path in (tmp_path / "solutions").iterdir()] == [NAME]
    assert len(new.make(tmp_path, "ps70_other")) == 2


def test_the_scaffold_bears_the_name_and_number_of_the_set(tmp_path):
    source, table = new.make(tmp_path, NAME)
    text = source.read_text(encoding="utf-8") + table.read_text(encoding="utf-8")
    assert "# Problem set 7: " in text
    assert text.count(NAME) == 2
    assert new.EXAMPLE not in text
