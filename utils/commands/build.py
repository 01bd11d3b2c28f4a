"""`python3 -m utils build`: regenerate the generated files of the course.

Each problem set is tested first: the solution has to earn all points, the release none, and each
check has to fail for some wrong implementation; otherwise nothing of the set is written. The points
of its checks are filled into its texts. Then nbgrader itself generates `assignments/` from
`solutions/`, in a temporary course and without a gradebook, so that nothing else changes and two
builds give the same bytes. The outputs of `lectures/` come from a clean kernel, see
`utils/lecture_outputs.py`. With --pictures only the pictures of the README are written, see
`utils/readme_pictures.py`.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat

from utils.grading.run.release import BuildError, files_in, problem_sets, released_files
from utils.system import ROOT, atomic_write, load_config


def main(argv: list[str]) -> int:
    """Write and list the files that have changed; return 0, or 1 if something cannot be built."""
    parser = argparse.ArgumentParser(prog="python3 -m utils build", description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="build only lectures and problem sets with one of these in their name",
    )
    parser.add_argument(
        "--remeasure", action="store_true", help="also replace the figures of measured times"
    )
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="write the pictures at the top of the README, and nothing else (needs Chromium)",
    )
    parser.add_argument(
        "--student-edition",
        metavar="FOLDER",
        type=Path,
        help="write the course without solutions, hidden tests and what is for staff there",
    )
    asked = parser.parse_args(argv)
    alone = bool(asked.pictures) + bool(asked.student_edition)
    if alone > 1 or alone and (asked.names or asked.remeasure):
        parser.error("--pictures and --student-edition build nothing else: give each alone")
    from utils.chromium import ChromiumError
    from utils.lecture_outputs import LectureError  # slow to import, and the next
    from utils.readme_pictures import PicturesError

    try:
        if asked.pictures:
            build_pictures()
        elif asked.student_edition:
            student_edition(asked.student_edition)
        else:
            build_course(asked.names, remeasure=asked.remeasure)
    except (BuildError, ChromiumError, LectureError, PicturesError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: every file is whole, old or new; build again", file=sys.stderr)
        return 130
    return 0


def build_course(names: Sequence[str], *, remeasure: bool) -> None:
    """Build the problem sets and lectures whose names contain one of these parts, or all."""
    from utils.lecture_outputs import build_lectures

    sets, lectures = chosen(ROOT, names)
    if sets or not names:
        filled = [path for name in sets if (path := try_out(ROOT, name))]
        _report("assignments", filled + build_assignments(ROOT, sets))
    if not names:
        for path in without_source(ROOT):
            print(f"left alone: {path} has no source in solutions/")
    if lectures or not names:
        _report("lectures", build_lectures(ROOT, lectures, remeasure=remeasure))


def build_pictures() -> None:
    """Write the pictures of the README, and list them."""
    from utils.readme_pictures import write_pictures  # slow to import

    for path in write_pictures():
        print(f"written: {path.relative_to(ROOT)}, {path.stat().st_size / 1000:.0f} kB")


def student_edition(folder: Path) -> None:
    """Write the student edition into a new folder."""
    from utils.student_edition import write_student_edition  # it imports this module

    print(f"written: {folder}, {write_student_edition(ROOT, folder)} files")


def _report(what: str, changed: list[Path]) -> None:
    for path in changed:
        print(f"written: {path.relative_to(ROOT)}")
    print(f"{what}: {len(changed) or 'no'} files changed")


def chosen(root: Path, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the problem sets and the lectures whose names contain one of these parts, or all.

    Raises:
        BuildError: a part occurs in no name.
    """
    sets = problem_sets(root)
    lectures = sorted(path.name for path in (root / "lectures").glob("[0-9]*.ipynb"))
    for name in names:
        if not any(name in known for known in [*sets, *lectures]):
            raise BuildError(
                f"no lecture and no problem set has {name!r} in its name; there are "
                f"{', '.join([*lectures, *sets])}"
            )

    def is_meant(known: str) -> bool:
        return not names or any(name in known for name in names)

    return list(filter(is_meant, sets)), list(filter(is_meant, lectures))


def try_out(root: Path, name: str) -> Path | None:
    """Test a problem set as its author would, and fill its points into its texts.

    Args:
        root: the course folder.
        name: the problem set's name.

    Returns:
        The path of the source if its points were rewritten, None if they were up to date.

    Raises:
        BuildError: a test failed; nothing is written.
    """
    from utils.grading.run import points, self_test  # slow to import
    from utils.grading.run.limits import limits_of

    started = time.monotonic()
    path = root / "solutions" / name / f"{name}.ipynb"
    notebook = read_source(path)
    test = self_test.SelfTest(notebook, limits_of(load_config(root), name))
    table = self_test.wrong_implementations(root, name)
    faults = test.forgotten()
    if not faults:
        results = test.run(notebook)
        faults = test.solution_faults(results)
        worth = {i: self_test.points_of(result) for i, result in results.items()}
    if not faults:
        faults = test.release_faults(blank_answers(notebook)) + test.table_faults(results, table)
        faults += test.time_faults()
    if faults:
        listed = "\n".join(f"- {fault}" for fault in faults)
        raise BuildError(f"{name} is not built, and nothing of it is written:\n{listed}")
    checks = sum(len(result.checks) for result in results.values())
    fails = (
        "and each fails for some wrong implementation"
        if table
        else (f"but there is no table of wrong implementations, tests/problem_sets/{name}.py")
    )
    seconds = time.monotonic() - started
    print(f"{name}: the solution passes all {checks} checks, {fails} ({seconds:.0f} s)", flush=True)
    before = nbformat.writes(notebook)
    points.fill(notebook, worth)
    after = nbformat.writes(notebook)
    if after == before:
        return None
    atomic_write(path, after + "\n")
    return path


def read_source(path: Path) -> nbformat.NotebookNode:
    """Read a notebook of `solutions/`.

    Raises:
        BuildError: the file is not a notebook.
    """
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:  # including invalid JSON and invalid notebooks
        raise BuildError(f"{path} is not a notebook that can be read: {error}") from None


def blank_answers(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """Return the released texts of the cells that students write, by grade id."""
    from nbgrader.preprocessors import ClearSolutions  # slow to import

    clear = ClearSolutions(enforce_metadata=False)
    released, _ = clear.preprocess(copy.deepcopy(notebook), {})
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in released.cells
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution")
    }


def build_assignments(root: Path, only: Sequence[str] = ()) -> list[Path]:
    """Generate `assignments/` from `solutions/`, and remember the releases.

    A problem set in `assignments/` without a source is left alone: it could not be built again.

    Args:
        root: the course folder.
        only: names of the problem sets to build, all if empty.

    Returns:
        The files that were written or removed, [] if all were up to date.

    Raises:
        BuildError: there are no sources.
    """
    target = root / "assignments"
    names = [name for name in problem_sets(root) if not only or name in only]
    if not names:
        raise BuildError(
            f"there are no problem sets in {root / 'solutions'}, so nothing is built and nothing "
            "is deleted; get the course's folder with solutions/, which students do not have"
        )
    fresh = released_files(root, names)
    old = {path: data for path, data in files_in(target).items() if path.parts[0] in names}
    _remember(root, names, old, fresh)
    changed = [
        path for path in sorted(fresh.keys() | old.keys()) if fresh.get(path) != old.get(path)
    ]
    for path in changed:
        if path in fresh:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(fresh[path])
        else:
            (target / path).unlink()
    return [target / path for path in changed]


def without_source(root: Path) -> list[Path]:
    """Return the problem sets in `assignments/` that cannot be built: they have no source."""
    names = problem_sets(root)
    return sorted(path for path in (root / "assignments").glob("*/") if path.name not in names)


def _remember(
    root: Path, names: list[str], old: dict[Path, bytes], fresh: dict[Path, bytes]
) -> None:
    """Add the hashes of the old and the new release to the file of releases."""
    from utils.grading.course import releases  # slow to import, and it needs the course's settings
    from utils.grading.notebook.source_cells import RELEASES_FILE

    path = root / "solutions" / RELEASES_FILE
    for name in names:
        for files in (old, fresh):
            content = files.get(Path(name, f"{name}.ipynb"))
            if content is None:
                continue
            with contextlib.suppress(ValueError):  # a damaged notebook
                cells = json.loads(content).get("cells", [])
                releases.remember(path, name, releases.release_of_notebook(cells))
