"""Imports go in one direction, so that a module can be read without those that use it."""

import ast
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# The parts of the grader, from the lowest. A part imports only parts that stand before it.
GRADER = (
    "text_files",
    "terminal",
    "notebook",
    "sandbox",
    "remote",
    "judge",
    "course",
    "reports",
    "hand_grading",
    "run",
    "nbgrader_steps",
)
# Folders of the grader whose modules have tests beside them; "" for the modules in none.
TESTED = (
    "",
    "course",
    "hand_grading",
    "notebook",
    "remote",
    "remote/codec",
    "reports",
    "run",
    "sandbox",
)
# The mathematics: NumPy only, but for a progress bar and the number of BLAS threads.
MATHEMATICS = ("functions", "gradients", "layers", "networks", "training")
HELPERS = {"training": ("tqdm", "threadpoolctl")}


def imported(path: Path) -> set[str]:
    """Return the modules of `utils` that a file imports, and the top names of all others."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if in_utils(name) else str(node.module))
    return {name if name.startswith("utils") else name.partition(".")[0] for name in found}


def in_utils(name: str) -> bool:
    """Return whether a dotted name is a module or package of this repository."""
    path = ROOT / name.replace(".", "/")
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


IMPORTS = {
    path.relative_to(ROOT)
    .with_suffix("")
    .as_posix()
    .replace("/", ".")
    .removesuffix(".__init__"): imported(path)
    for path in (ROOT / "utils").rglob("*.py")
}


def part(name: str) -> str:
    """Return the part of the grader to which a module belongs, "" for none."""
    return name.removeprefix("utils.grading.").partition(".")[0] if "utils.grading." in name else ""


@pytest.mark.parametrize("name", sorted(name for name in IMPORTS if part(name) in GRADER))
def test_a_part_of_the_grader_imports_only_what_is_below_it(name):
    above = GRADER[GRADER.index(part(name)) + 1 :]
    assert not {other for other in IMPORTS[name] if part(other) in above}


@pytest.mark.parametrize("name", sorted(name for name in IMPORTS if "utils.grading" in name))
def test_the_grader_imports_no_command(name):
    assert not {other for other in IMPORTS[name] if other.startswith("utils.commands")}


def test_no_modules_import_each_other():
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path[path.index(name) :], name))
        if name not in done:
            for other in sorted(IMPORTS.get(name, set()) - {name}):
                visit(other, (*path, name))
            done.add(name)

    for name in IMPORTS:
        visit(name, ())


@pytest.mark.parametrize("name", MATHEMATICS)
def test_the_mathematics_needs_numpy_only(name):
    others = {other for other in IMPORTS[f"utils.{name}"] if not other.startswith("utils")}
    assert others - sys.stdlib_module_names <= {"numpy", *HELPERS.get(name, ())}


def test_every_part_is_listed():
    folder = ROOT / "utils" / "grading"
    packages = {path.name for path in folder.iterdir() if (path / "__init__.py").is_file()}
    assert packages <= set(GRADER)


@pytest.mark.parametrize("folder", TESTED)
def test_each_module_of_the_grader_has_tests_beside_it(folder):
    """A developer who changes a module finds its tests in the same folder, below `tests/`."""
    modules = (ROOT / "utils" / "grading" / folder).glob("*.py")
    tests = (ROOT / "tests" / "grading" / folder).glob("test_*.py")
    package = f"utils.grading.{folder}".rstrip(".").replace("/", ".")
    names = {f"{package}.{path.stem}" for path in modules if path.stem != "__init__"}
    assert names
    assert names - {name for path in tests for name in imported(path)} == set()


def test_the_guides_name_modules_that_are_there():
    guide = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = "".join(re.findall(r"^\|.*$", guide, re.MULTILINE))
    files = {f"utils/grading/{name}" for name in re.findall(r"`([\w/.]+\.py)`", table)}
    processes = (ROOT / "utils" / "grading" / "__init__.py").read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{'|'.join(GRADER)})\.\w+)", processes)
    files |= {f"utils/grading/{name.replace('.', '/')}.py" for name in named}
    assert len(files) > 30
    assert {n for n in files if not (ROOT / n).exists() and not (ROOT / n[:-3]).is_dir()} == set()
