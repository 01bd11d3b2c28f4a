"""`doctor`: say what is installed, which data is here, and what protects the grader.

`doctor --course DIR` grades the notebooks of another nbgrader course by nbgrader and by the judge.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from packaging.requirements import Requirement

from utils.grading.sandbox import cgroups
from utils.grading.terminal import clean
from utils.mnist import cache_folder, data_source
from utils.mnist_files import MnistError
from utils.system import ROOT, processors
from utils.weights import load_weights, weights_file

GRADES = find_spec("utils.grading.sandbox_probes") is not None  # False in the student edition
Finding = tuple[bool, str, str]  # whether it is good, its name, what was found or has to be done


def main(argv: list[str]) -> int:
    """Print every finding; return 1 if something that a student needs is amiss, else 0."""
    parser = argparse.ArgumentParser(prog="python3 -m utils doctor", description=main.__doc__)
    parser.add_argument(
        "--course",
        metavar="DIR",
        help="grade the release and the solution of every notebook of an nbgrader course by "
        "nbgrader and by the judge, and name each test cell whose points differ",
    )
    options = parser.parse_args(argv)
    if options.course is not None:
        return compare_course(Path(options.course))
    amiss = 0
    sandboxes: list[str] = []
    for title, needed, findings in (
        ("Course", True, course()),
        ("Packages", True, packages()),
        ("Data", True, data()),
        *(_for_staff(sandboxes) if GRADES else ()),
    ):
        print(title)
        for good, what, found in findings:
            amiss += needed and not good
            print(f"  {'ok' if good else 'NO' if needed else '--'}  {what}: {found}")
        print()
    print(conclusion(amiss, sandboxes, _mnist()))
    return 1 if amiss else 0


def _for_staff(sandboxes: list[str]) -> Iterator[tuple[str, bool, Iterator[Finding]]]:
    yield "For the tests in a browser", False, browser()
    what = "For grading: what a submission and its judge tried just now"
    yield what, False, grading(sandboxes)


def compare_course(folder: Path) -> int:
    """Print where a course's points differ between nbgrader and the judge; return 1 if any do."""
    if not GRADES:
        print("this copy of the course is for students and has no grader", file=sys.stderr)
        return 2
    from utils.grading.course.settings import CourseError
    from utils.grading.judge.grade_notebook import NotSandboxed
    from utils.grading.run.compare import compare  # slow to import

    tests = differ = amiss = notebooks = 0
    try:
        for found in compare(folder):
            notebooks += 1
            tests += found.tests
            if found.refused:
                amiss += 1
                print(f"--  {clean(found.notebook)}: not graded: {clean(found.refused)}")
                continue
            cells = {one.cell for one in found.differences}
            differ += len(cells)
            good = "ok" if not cells else "NO"
            print(f"{good}  {clean(found.notebook)}: {found.tests - len(cells)} of {found.tests} "
                  "test cells get the same points")  # fmt: skip
            for one in found.differences:
                judged = "left to a person" if one.asks else f"{one.judged:g}"
                print(
                    f"    {clean(one.cell)}, {one.work}: {one.plain:g} points by nbgrader, by the "
                    f"judge {judged}\n        {clean(one.why)}"
                )
    except (CourseError, NotSandboxed) as error:
        print(error, file=sys.stderr)
        return 1
    print()
    print(
        f"{notebooks} notebooks with {tests} test cells, of which {differ} get other points by the "
        f"judge{'; JUDGE.md shows how to rewrite such tests' if differ else ''}."
    )
    return 1 if differ or amiss else 0


def conclusion(amiss: int, sandboxes: list[str], mnist: bool) -> str:
    """Return the last lines: problems, whether work can be graded here, whether MNIST is here.

    Args:
        amiss: number of problems.
        sandboxes: a list with the kind of sandbox available here, or [].
        mnist: whether the real images are here.
    """
    if amiss:
        lines = [f"{amiss} item(s) marked NO above need attention."]
    elif sandboxes:
        lines = ["All is well."]
    else:
        lines = ["Everything that a student needs is here."]
    if not sandboxes and GRADES:
        lines.append(
            "No sandbox is available, so `grade` runs no submissions here. The lines above "
            "say what is missing."
        )
    lines.append(
        "MNIST is present."
        if mnist
        else "MNIST is not here: the offline stand-in takes its place until it can be downloaded."
    )
    return "\n".join(lines)


def _mnist() -> bool:
    try:
        return data_source() == "MNIST"
    except MnistError:
        return False


def course() -> Iterator[Finding]:
    """Yield the course's folder, the Python version and the machine."""
    yield True, "folder", str(ROOT)
    yield os.access(ROOT, os.W_OK), "may be written", "needed for grading/ and for saving notebooks"
    yield True, "Python", f"{platform.python_version()}, {sys.executable}"
    yield True, "machine", f"{platform.system()} {platform.release()}, {processors()} processors"
    free = shutil.disk_usage(ROOT).free / 1e9
    yield free > 1, "free disk", f"{free:.0f} GB"


def packages() -> Iterator[Finding]:
    """Yield each package of requirements.txt with its installed version."""
    try:
        lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:  # only this package is installed
        names = metadata.packages_distributions().get("utils", [])
        lines = [line for name in names for line in metadata.requires(name) or []]
    for line in lines:
        if not line or line.startswith(("#", "-")):
            continue
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            yield False, requirement.name, "missing; delete .venv and call any command again"
            continue
        fits = requirement.specifier.contains(version, prereleases=True)
        wanted = "" if fits else f", but {requirement.specifier} is wanted"
        yield fits, requirement.name, version + wanted


def data() -> Iterator[Finding]:
    """Yield the source of MNIST, and whether the trained weights can be loaded."""
    yield True, "MNIST_DIR", os.environ.get("MNIST_DIR") or "not set"
    yield True, "cache", str(cache_folder())
    try:
        source = data_source()
    except MnistError as error:
        yield False, "load_mnist", str(error)
        source = "MNIST"
    else:
        what = "the real images" if source == "MNIST" else "the offline stand-in"
        yield True, "load_mnist", f"gives {source}, {what}"
    for name in dict.fromkeys((source, "MNIST", "digits")):
        try:
            load_weights(name)
        except (OSError, ValueError) as error:
            yield False, f"weights for {name}", str(error)
        else:
            yield True, f"weights for {name}", str(weights_file(name).relative_to(ROOT))


def browser() -> Iterator[Finding]:
    """Yield whether Chromium, which the browser tests need, is installed."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    yield bool(chromium), "Chromium", chromium or "not on PATH: those tests are skipped"


def grading(sandboxes: list[str]) -> Iterator[Finding]:
    """Yield the sandbox that submissions run in, and each protection with the feature behind it.

    Args:
        sandboxes: the kind of sandbox is appended if one is available.
    """
    from utils.grading.sandbox_probes import protections

    sandbox, found = protections()
    sandboxes += [sandbox] if sandbox else []
    yield (
        bool(sandbox),
        "sandbox",
        sandbox or "none: submissions are not run here unless told --unsafe",
    )
    why = cgroups.why_not() if sandbox else "no sandbox"
    yield not why, "control groups", why or "they limit what the kernel holds for a submission"
    if sandbox == "landlock":
        yield other_processes(Path("/proc/mounts").read_text(encoding="utf-8", errors="replace"))
    for protection in found:
        what = f"{protection.name} ({protection.feature})"
        yield protection.holds, what, protection.reason


def other_processes(mounts: str) -> Finding:
    """Return whether a submission under Landlock can detect other processes.

    Landlock does not restrict `os.stat`, so two submissions that run at the same time could
    communicate through their numbers of threads or open files.

    Args:
        mounts: the text of /proc/mounts.
    """
    found = re.findall(r"^\S+ /proc proc (\S+)", mounts, re.MULTILINE)
    if found and re.search(r"\bhidepid=(2|invisible)\b", found[-1]):  # the last one counts
        return True, "number of other processes", "hidden: /proc is mounted with hidepid=2"
    return (
        False,
        "number of other processes",
        "a submission can find it out by os.stat; mount /proc with hidepid=2 and grade as root",
    )


if __name__ == "__main__":  # for a package installed without this repository
    sys.exit(main(sys.argv[1:]))
