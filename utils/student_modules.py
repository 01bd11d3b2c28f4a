"""Find the modules of this package that a student needs, by their imports, and their dependencies.

The student edition consists of these modules, and pip installs these packages. `setup.py` imports
this module before anything is installed, so it uses the standard library only.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

COMMANDS = ("check", "doctor", "lab")
FOR_STAFF = (  # left out although directly in utils/, or imported by `doctor`
    "utils.chromium",
    "utils.lecture_minutes",
    "utils.lecture_outputs",
    "utils.readme_pictures",
    "utils.student_edition",
    "utils.grading.course",
    "utils.grading.reports",
    "utils.grading.run.compare",
    "utils.grading.sandbox_probes",
)
DATA_FOR_STAFF = ("scaffold", "slides.css", "slides.js")  # in utils/data/
# Packages that `lab` needs although no module imports them; then packages whose module has another
# name.
FOR_LAB = ("jupyter", "jupyterlab", "jsonschema")
MODULE_NAMES = {"scikit-learn": "sklearn"}
_NAME = re.compile(r"\butils(?:\.\w+)+")
_IMPORT = re.compile(r"\bfrom (utils(?:\.\w+)*) import ([\w, ]+)")


def student_modules(root: Path) -> dict[str, Path]:
    """Return the files of the modules that a student needs, by the modules' names.

    These are the modules directly in `utils/`, three commands, and whatever these import.

    Args:
        root: the course folder.
    """
    waiting = [f"utils.commands.{name}" for name in COMMANDS]
    for path in (root / "utils").rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        if parts[1] not in ("commands", "grading", "data"):
            waiting.append(".".join(parts))
    found: dict[str, Path] = {}
    while waiting:
        name = waiting.pop().removesuffix(".__init__")
        path = root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in found or is_for_staff(name) or not path.is_file():
            continue  # the name may be that of an object in a module
        found[name] = path
        waiting += [name.rpartition(".")[0], *_imported(path)]
    return dict(sorted(found.items()))


def is_for_staff(name: str) -> bool:
    """Return whether a module is left out, even if another one imports it."""
    return any(name == other or name.startswith(f"{other}.") for other in FOR_STAFF)


def student_packages(root: Path) -> list[str]:
    """Return the lines of `requirements.txt` for the packages that a student's modules import.

    Args:
        root: the course folder.
    """
    imported = {
        name.partition(".")[0]
        for path in student_modules(root).values()
        for name in _imported(path)
    } - {"nbgrader"}  # `check` does not run the modules that import it
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = ((re.match(r"[\w-]+", line), line) for line in lines)
    packages = ((found[0], line) for found, line in named if found)
    return [
        line
        for name, line in packages
        if MODULE_NAMES.get(name, name.replace("-", "_")) in imported
    ]


def lab_packages(root: Path) -> list[str]:
    """Return the lines of `requirements.txt` for JupyterLab.

    Args:
        root: the course folder.
    """
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if re.match(rf"(?:{'|'.join(FOR_LAB)})\b", line)]


def _imported(path: Path) -> Iterator[str]:
    """Yield the names that a module may import, also in functions and code for other processes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names):
                yield from (name.name for name in names)
            case ast.ImportFrom(str(module), names, 0):
                yield module
                yield from (f"{module}.{name.name}" for name in names)
            case ast.Constant(str(text)):
                for module, names in _IMPORT.findall(text):
                    yield from (f"{module}.{name.strip()}" for name in names.split(","))
                for name in _NAME.findall(text) if "\n" not in text else ():
                    yield from (name, name.rpartition(".")[0])
