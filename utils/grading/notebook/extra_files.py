"""The files beside a submitted notebook, which a student process has in its working folder.

They are read with limits and copied into a new folder, for `check`, `grade` and `nbgrader
autograde` alike. A student's cells can import modules from there, as from a notebook's folder in
Jupyter; the judge imports only the course's modules.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from utils.grading.notebook.reading import Unreadable, read_file
from utils.grading.text_files import writable
from utils.system import ROOT

MAX_FILES, MAX_BYTES, MAX_DEPTH = 50, 32 << 20, 5  # number, total bytes, nested folders
MAX_LOOKED_AT = 2000  # entries of folders
SKIPPED = ("timestamp.txt", "submission_secret.txt")  # of nbgrader's exchange
DOCUMENTS = (
    ".pdf", ".doc", ".docx", ".odt", ".rtf", ".pages", ".tex", ".txt", ".md", ".html", ".htm",
    ".png", ".jpg", ".jpeg", ".heic", ".webp", ".tif", ".tiff",
)  # fmt: skip
SKIPPED_FOLDERS = ("__pycache__", "feedback")

# Modules that the course imports: a file of the same name beside a notebook is not imported.
COURSE_MODULES = frozenset(
    ("utils", "numpy", "matplotlib", "matplotlib_inline", "mpl_toolkits", "PIL", "IPython",
     "ipywidgets", "sklearn", "scipy", "platformdirs", "pooch")
)  # fmt: skip


def files_beside(folder: str | Path, endings: tuple[str, ...] = ("",)) -> dict[str, bytes]:
    """Return the contents of the plain files in a notebook's folder, by path with `/`.

    Links, notebooks and names that begin with a dot are left out. If there is more than the limits
    allow, modules take precedence over data, and small files over large ones.

    Args:
        folder: the notebook's folder.
        endings: endings of the wanted names, in lower case; by default all.
    """
    found: dict[str, bytes] = {}
    left = MAX_BYTES
    wanted = (one for one in _look(folder) if one[0].lower().endswith(endings))
    for name, path, size in sorted(wanted, key=lambda f: (f[0][-3:] != ".py", f[2], f[0])):
        if len(found) == MAX_FILES:
            break
        if size <= left:
            with contextlib.suppress(Unreadable):
                found[name] = read_file(path)[:left]
                left -= len(found[name])
    return found


def _look(folder: str | Path) -> Iterator[tuple[str, str, int]]:
    """Yield (name, path, size in bytes) of the plain files below a folder."""
    looked_at = 0
    queue = [(os.fspath(folder), "", 0)]
    while queue:
        place, above, depth = queue.pop(0)
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError:  # the folder is not readable
            continue
        for entry in entries:
            name = above + entry.name
            if entry.name.startswith(".") or name in SKIPPED or not is_plain_path(name):
                continue
            looked_at += 1
            if looked_at > MAX_LOOKED_AT:
                return
            with contextlib.suppress(OSError):
                if entry.is_dir(follow_symlinks=False):
                    if depth < MAX_DEPTH and entry.name not in SKIPPED_FOLDERS:
                        queue.append((entry.path, f"{name}/", depth + 1))
                elif entry.is_file(follow_symlinks=False) and not name.endswith(".ipynb"):
                    yield name, entry.path, entry.stat(follow_symlinks=False).st_size


def is_plain_path(name: str) -> bool:
    """Return whether a path with `/` is relative and stays below its folder, on any system."""
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
                with contextlib.suppress(OSError):  # a file and a folder have the same name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content)
        yield folder


def modules_in(files: Iterable[str]) -> tuple[str, ...]:
    """Return the names of the modules and packages that can be imported from these files."""
    tops = {name.partition("/")[0].removesuffix(".py") for name in files if name.endswith(".py")}
    return tuple(sorted(name for name in tops if name.isidentifier()))


def documents(files: Iterable[str]) -> list[str]:
    """Return those of a student's files that may contain a written answer.

    A notebook with the ending `.ipynb.txt` is not one of them.
    """
    names = ((writable(name), name.casefold()) for name in files)
    return [name for name, lower in names if lower.endswith(DOCUMENTS) and ".ipynb" not in lower]


def notes_on(files: Iterable[str]) -> list[str]:
    """Return a note on each of the student's files that an import of its name would not find."""
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
    """An import finder that prefers installed modules to files beside a notebook.

    Args:
        beside: names of the modules that the course itself has put beside its notebook.
    """

    def __init__(self, beside: Collection[str] = ()) -> None:
        self.beside = beside

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if path is not None or name not in COURSE_MODULES or name in self.beside:
            return None
        elsewhere = [place for place in sys.path if place not in ("", os.getcwd())]
        for finder in sys.meta_path:
            if finder is not self and hasattr(finder, "find_spec"):
                places = elsewhere if finder is importlib.machinery.PathFinder else None
                if spec := finder.find_spec(name, places, target):
                    return spec
        return None


def import_from_working_folder(beside: Collection[str] = ()) -> None:
    """Let this process import the modules in its working folder, like a Jupyter kernel.

    Args:
        beside: see `CourseFirst`.
    """
    sys.meta_path.insert(0, CourseFirst(beside))
    sys.path.insert(0, "")


def load_ipython_extension(shell: Any) -> None:
    """Let a student's own kernel prefer the course's modules, and print notes on conflicting files.

    IPython calls this in the kernels of `lab`, whose configuration names this module.
    """
    sys.meta_path.insert(0, CourseFirst())
    folder = os.getcwd()
    notes = [] if folder == str(ROOT) else notes_on(name for name, _, _ in _look(folder))

    def say(_: Any) -> None:
        shell.events.unregister("pre_run_cell", say)
        for note in notes:
            print(f"Note: {note}", file=sys.stderr)

    if notes:
        shell.events.register("pre_run_cell", say)  # visible in a cell's output
