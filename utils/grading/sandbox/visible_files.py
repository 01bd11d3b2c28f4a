"""What a sandboxed process sees: the Python installation, parts of `utils`, data, environment."""

from __future__ import annotations

import functools
import os
import sys
import sysconfig
from pathlib import Path

import utils
from utils.system import FIGURES, ONE_THREAD

# Modules and packages of `utils` that a student's cells may import when they are graded.
IMPORTABLE_MODULES = (
    "__init__",
    "checks",
    "checks_format",
    "colours",
    "controls",
    "drawing_pad",
    "mnist",
    "mnist_download",
    "mnist_files",
    "mnist_stand_in",
    "payoffs",
    "pictures",
    "plots",
    "quiz",
    "quiz_checks",
    "quiz_pages",
    "quiz_progress",
    "system",
    "weights",
    "widgets",
)
OPEN_FOLDERS = ("data",)

HOME = "/home/student"
MNIST = f"{HOME}/.mnist"


@functools.cache
def installation() -> list[str]:
    """Return the folders and files of the Python installation and the system's libraries.

    Of a prefix only programs and libraries are included: its `etc` may contain a site's passwords.
    """
    paths = [
        "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache",
        "/etc/localtime", "/etc/fonts", "/usr/share/zoneinfo", "/usr/share/fonts",
    ]  # fmt: skip
    for prefix in {sys.base_prefix, sys.prefix}:
        parts = ("lib", "lib64", "pyvenv.cfg")
        paths += (os.path.join(prefix, part) for part in parts)
        if prefix not in ("/", "/usr", "/usr/local"):
            paths.append(os.path.join(prefix, "bin"))
    paths.append(os.path.realpath(sys.executable))
    paths += (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    found: list[str] = []
    for path in sorted(set(paths), key=len):
        if os.path.lexists(path) and not any(path.startswith(f"{f}/") for f in found):
            found.append(path)
    return found


@functools.cache
def open_files() -> list[str]:
    """Return the files of `utils` that a student's cells may import."""
    folder = Path(utils.__file__).resolve().parent
    compiled = folder / "__pycache__"
    paths = [folder / f"{module}.py" for module in IMPORTABLE_MODULES]
    paths += [
        compiled / f"{module}.{sys.implementation.cache_tag}.pyc" for module in IMPORTABLE_MODULES
    ]
    paths += [folder / name for name in (*IMPORTABLE_MODULES, *OPEN_FOLDERS)]
    return [str(path) for path in paths if path.exists()]


@functools.cache
def _data_places() -> dict[str, str]:
    from utils.mnist import cache_folder

    given, cache = os.environ.get("MNIST_DIR", "").strip(), cache_folder()
    places = {os.path.abspath(given): MNIST} if given else {}
    return places | {str(cache): f"{HOME}/.cache/{cache.name}"}


def data_folders() -> dict[str, str]:
    """Return the folders with MNIST on this machine, with the path where the process sees each."""
    return {source: target for source, target in _data_places().items() if os.path.isdir(source)}


def environment(
    home: str, mnist: str = "", cache: str = "", figures: str = "graded"
) -> dict[str, str]:
    """Return the environment variables of a student process; none come from the grader's.

    Args:
        home: its home folder.
        mnist: the value of `MNIST_DIR`.
        cache: the folder of caches, if it is not below `home`.
        figures: which of the course's figures are drawn, see `system.FIGURES`.
    """
    found = {
        "HOME": home, "USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8", "PATH": "/bin",
        "TMPDIR": f"{home}/tmp", "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        FIGURES: figures,
    }  # fmt: skip
    more = {"MNIST_DIR": mnist, "XDG_CACHE_HOME": cache}
    return found | ONE_THREAD | {name: value for name, value in more.items() if value}


def set_environment(home: str, figures: str) -> None:
    """Replace this process's environment variables, and change to its working folder."""
    mnist, cache = MNIST if os.path.isdir(MNIST) else "", ""
    if home != HOME:  # without namespaces: there, `data_folders` would not find them
        places = {target: source for source, target in data_folders().items()}
        mnist = places.pop(MNIST, "")
        cache = next((os.path.dirname(source) for source in places.values()), "")
    given = environment(home, mnist, cache, figures)
    os.environ.clear()
    os.environ.update(given)
    os.chdir(f"{home}/work")


def is_data(entry: os.DirEntry) -> bool:
    """Return whether an entry of a submission's folder belongs in its working folder.

    Links, notebooks and names that begin with a dot do not.
    """
    plain = entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
    return plain and not entry.name.endswith(".ipynb") and not entry.name.startswith(".")
