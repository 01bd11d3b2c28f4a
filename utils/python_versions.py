"""Advise which Python to call or install if the one in use is too old for the course.

Like `utils.__main__` it uses only the standard library, and Python 3.7 can parse it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys


def python_advice(argv: list[str], oldest: tuple[int, int], newest_tested: tuple[int, int]) -> str:
    """Return the sentence that names a Python the course works with, and how to call or get it."""
    quoted = subprocess.list2cmdline(argv) if os.name == "nt" else " ".join(map(shlex.quote, argv))
    arguments = f"-m utils {quoted}"
    versions = [f"3.{minor}" for minor in range(newest_tested[1], oldest[1] - 1, -1)]
    newest = versions[0]
    found = installed_python(versions)
    if found:
        return f"This machine has a newer one; call it: {found} {arguments}"
    if os.name == "nt":
        return (
            f"Install Python {newest} from https://www.python.org/downloads/windows/ and call "
            f"py -{newest} {arguments}"
        )
    if sys.platform == "darwin":
        return (
            f"Install Python {newest} from https://www.python.org/downloads/macos/ and call "
            f"python{newest} {arguments}"
        )
    packaged = packaged_python(versions)
    if packaged:
        return (
            f"Install one with `sudo apt-get install {packaged} {packaged}-venv` and call "
            f"{packaged} {arguments}"
        )
    return (
        f"Install any of {versions[-1]} to {newest}, with this system's package manager or from "
        f"https://www.python.org/downloads/source/, and call it by its version, such as "
        f"python{newest} {arguments}"
    )


def installed_python(versions: list[str]) -> str:
    """Return how to call the first of these versions that is installed, "" if none is.

    A name on PATH is not enough: pyenv also puts names of inactive versions there.
    """
    if os.name == "nt":
        listed = output_of("py", "-0")
        here = set(re.findall(r"(?<![\d.])3\.\d+", listed))
        return next((f"py -{version}" for version in versions if version in here), "")
    asked = "import sys; print(sys.version_info[:2])"
    for version in versions:
        name = f"python{version}"
        if output_of(name, "-c", asked).strip() == str(tuple(map(int, version.split(".")))):
            return name
    return ""


def packaged_python(versions: list[str]) -> str:
    """Return the first of these versions in Debian's or Ubuntu's packages, "" if none is."""
    names = set(output_of("apt-cache", "pkgnames", "python3.").split())
    return next((f"python{v}" for v in versions if f"python{v}-venv" in names), "")


def output_of(program: str, *arguments: str) -> str:
    """Return what a program prints, "" if it is missing, fails or does not end."""
    path = shutil.which(program)
    if path is None:
        return ""
    try:
        result = subprocess.run(
            [path, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "" if result.returncode else result.stdout.decode(errors="replace")
