"""Write the student edition: the course without solutions, hidden tests and files for staff."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import nbformat

from utils.__main__ import OLDEST, dotted
from utils.grading.run.limits import KINDS, limits_of
from utils.grading.run.release import BuildError, problem_sets, released_files
from utils.lecture_minutes import NOTES
from utils.student_modules import (
    DATA_FOR_STAFF,
    lab_packages,
    student_modules,
    student_packages,
)
from utils.system import CONFIG, load_config

AS_THEY_ARE = ("LICENSE", "setup.py")
README = "utils/data/student_readme.md"
FOR_STAFF = re.compile(r"(?ms)^\[tool\.(?:pytest|ruff|mypy)\b.*")  # the rest of pyproject.toml


def write_student_edition(root: Path, folder: Path) -> int:
    """Write the student edition into a new folder, completely or not at all.

    Args:
        root: the course folder.
        folder: the target; it must not exist, or be an empty folder.

    Returns:
        The number of files.

    Raises:
        BuildError: the folder is not empty or cannot be made, or there are no problem sets.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise BuildError(
            f"{folder} is not an empty folder, and nothing in it is changed; give a new one"
        )
    files = _texts(root) | _modules(root) | _lectures(root) | _assignments(root)
    folder = Path(os.path.abspath(folder))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=".student-edition-", dir=folder.parent))
        try:
            for name, content in files.items():
                path = part / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            part.chmod(0o755)
            if folder.is_dir():
                folder.rmdir()
            part.replace(folder)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise
    except OSError as error:
        raise BuildError(f"the student edition cannot be written: {error}") from None
    return len(files)


def _texts(root: Path) -> dict[str, bytes]:
    files = {name: (root / name).read_bytes() for name in AS_THEY_ARE}
    settings = (root / "pyproject.toml").read_text(encoding="utf-8")
    packages = [*student_packages(root), *lab_packages(root)]
    table = re.search(
        r"^\| lecture \|.*?(?=\n\n)", _read(root, "README.md"), re.MULTILINE | re.DOTALL
    )
    if not table:
        raise BuildError("README.md has no table of lectures, which begins with `| lecture |`")
    readme = _read(root, README).format(oldest=dotted(OLDEST), lectures=table[0])
    texts = {
        "README.md": readme,
        "pyproject.toml": FOR_STAFF.sub("", settings).rstrip() + "\n",
        "requirements.txt": "\n".join([*sorted(set(packages)), "", "-e .", ""]),
        CONFIG: _limits(root),
    }
    return files | {name: text.encode() for name, text in texts.items()}


def _read(root: Path, name: str) -> str:
    return (root / name).read_text(encoding="utf-8")


def _limits(root: Path) -> str:
    """Return settings that give `check` the same limits as `grade`."""
    config = load_config(root)
    lines = [
        '"""What a notebook may use when it is checked: the same as when it is graded."""',
        "",
        "c = get_config()  # noqa: F821",
    ]
    general = limits_of(config, "")
    lines += [f"c.JudgedExecute.{name} = {getattr(general, name)!r}" for name in KINDS]
    own: dict[str, dict[str, Any]] = {}
    for problem_set in problem_sets(root):
        special = limits_of(config, problem_set)
        values = {name: getattr(special, name) for name in KINDS}
        own[problem_set] = {n: v for n, v in values.items() if v != getattr(general, n)}
    lines.append(f"c.JudgedExecute.problem_sets = { ({n: v for n, v in own.items() if v})!r}")
    return "\n".join([*lines, ""])


def _modules(root: Path) -> dict[str, bytes]:
    data = (root / "utils" / "data").iterdir()
    paths = [*student_modules(root).values(), *(path for path in data if path.is_file())]
    names = (README.rpartition("/")[2], *DATA_FOR_STAFF)
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in paths
        if path.name not in names
    }


def _lectures(root: Path) -> dict[str, bytes]:
    """Return the lectures without their notes for the lecturer."""
    files = {}
    for path in sorted((root / "lectures").glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        kept = [cell for cell in notebook.cells if NOTES not in cell.metadata.get("tags", [])]
        content = path.read_bytes()
        if len(kept) < len(notebook.cells):
            notebook.cells = kept
            content = (nbformat.writes(notebook) + "\n").encode()
        files[f"lectures/{path.name}"] = content
    return files


def _assignments(root: Path) -> dict[str, bytes]:
    """Return the released files of the problem sets, generated from their sources."""
    names = problem_sets(root)
    if not names:
        raise BuildError(
            f"there are no problem sets in {root / 'solutions'}, so there is nothing to make a "
            "student edition of"
        )
    found = released_files(root, names)
    return {f"assignments/{path.as_posix()}": data for path, data in sorted(found.items())}
