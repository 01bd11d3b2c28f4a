"""The files beside a submitted notebook: what a submission's process finds in its working folder.

They are read with limits and copied into a new folder, for `check`, `grade` and `nbgrader
autograde` alike. A student's cells import modules from there, as from the folder of a notebook in
Jupyter; the judge never does.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

MAX_FILES, MAX_BYTES, MAX_DEPTH = 50, 32 << 20, 5  # of all files; folders in each other
MAX_LOOKED_AT = 2000  # entries of folders
SKIPPED = ("timestamp.txt", "submission_secret.txt")  # of nbgrader's exchange
SKIPPED_FOLDERS = ("__pycache__", "feedback")

# What the course itself imports: a file of the same name beside a notebook is not imported.
COURSE_MODULES = frozenset(
    ("utils", "numpy", "matplotlib", "matplotlib_inline", "mpl_toolkits", "PIL", "IPython",
     "ipywidgets", "sklearn", "scipy", "platformdirs", "pooch")
)  # fmt: skip


def files_beside(folder: str | Path) -> dict[str, bytes]:
    """Return what lies in the folder of a notebook, by path with `/`: plain files up to a limit.

    Links, notebooks and names that begin with a dot are left out.
    """
    found: dict[str, bytes] = {}
    left, looked_at = MAX_BYTES, 0
    queue = [(os.fspath(folder), "", 0)]
    while queue:
        place, above, depth = queue.pop(0)
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:  # a folder that may not be read
            continue
        for entry in entries[:MAX_LOOKED_AT]:
            looked_at += 1
            name = above + entry.name
            if entry.name.startswith(".") or not is_plain_path(name) or looked_at > MAX_LOOKED_AT:
                continue
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    if depth < MAX_DEPTH and entry.name not in SKIPPED_FOLDERS:
                        queue.append((entry.path, f"{name}/", depth + 1))
                    continue
                plain = entry.is_file(follow_symlinks=False) and name not in SKIPPED
                size = entry.stat(follow_symlinks=False).st_size
                if not plain or entry.name.endswith(".ipynb") or size > left:
                    continue
                if len(found) == MAX_FILES:
                    return found
                content = Path(entry.path).read_bytes()[:left]
                found[name] = content
                left -= len(content)
    return found


def is_plain_path(name: str) -> bool:
    """Return whether a path with `/` leads down from a folder, wherever that is."""
    parts = name.split("/")
    odd = any(part in ("", ".", "..") or len(os.fsencode(part)) > 255 for part in parts)
    return not odd and not any(c in name for c in "\\:\0") and len(parts) <= MAX_DEPTH + 1


@contextlib.contextmanager
def in_a_folder(files: Mapping[str, bytes]) -> Iterator[str]:
    """Yield a new folder with these files in it; it is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="data-", ignore_cleanup_errors=True) as folder:
        for name, content in files.items():
            if is_plain_path(name):
                path = Path(folder, *name.split("/"))
                with contextlib.suppress(OSError):  # a file and a folder of one name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
        yield folder


def notes_on(files: Iterable[str]) -> list[str]:
    """Return a note on each file of the student's that is not what an import finds."""
    notes: dict[str, str] = {}
    for name in sorted(files):
        top, _, below = name.partition("/")
        module = top if below else top.removesuffix(".py")
        if not name.endswith(".py"):
            continue
        what = f"your {'folder' if below else 'file'} `{top}`"
        if module in COURSE_MODULES:
            notes[module] = f"{what} hides behind the course's module of that name: rename it"
        elif module in sys.stdlib_module_names:
            notes[module] = f"{what} has the name of a module of Python's own: rename it"
    return list(notes.values())


class CourseFirst:
    """Finds the modules that the course needs where they are installed, not beside a notebook."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if path is not None or name not in COURSE_MODULES:
            return None
        elsewhere = [place for place in sys.path if place not in ("", os.getcwd())]
        return importlib.machinery.PathFinder.find_spec(name, elsewhere, target)


def import_from_working_folder() -> None:
    """Let this process import the modules in its working folder, as a kernel of Jupyter does."""
    sys.meta_path.insert(0, CourseFirst())
    sys.path.insert(0, "")
