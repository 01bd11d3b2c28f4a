"""Grade a course's own notebooks with plain nbgrader and with the judge, and compare the points.

Both grade the release and the solution. Plain nbgrader runs them unprotected in a kernel of the
calling user: they are the course's own code.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import Execute
from nbgrader.utils import determine_grade, find_all_files, is_grade, is_solution, is_task
from traitlets.config import Config

from utils.grading.course.course_cells import released_notebooks
from utils.grading.course.settings import CourseError, course_root, data_files, delimiters
from utils.grading.judge.grade_notebook import grade_notebook
from utils.grading.judge_settings import set_limits
from utils.grading.notebook import reading, source_cells
from utils.grading.notebook.reading import Unreadable
from utils.grading.notebook.source_cells import cells_of_notebook, other_kernel, usual_delimiters
from utils.grading.run.limits import limits_of
from utils.system import CONFIG, load_config

SOURCES = ("source", "solutions")  # folders, where a course has no configuration
STOPPED = "a process was stopped: if it needs longer, raise JudgedExecute.call_seconds (JUDGE.md)"
HANDED_OUT, SOLUTION = "as handed out", "solution"


@dataclass(frozen=True)
class Difference:
    """A test cell whose points differ.

    Attributes:
        notebook: "ASSIGNMENT/NOTEBOOK".
        work: which work was graded, `HANDED_OUT` or `SOLUTION`.
        cell: the test cell.
        plain, judged: points by nbgrader and by the judge.
        why: the explanation of nbgrader or the judge.
        asks: whether the judge leaves these points to a person.
    """

    notebook: str
    work: str
    cell: str
    plain: float
    judged: float
    why: str
    asks: bool


@dataclass
class Compared:
    """The comparison of one notebook.

    Attributes:
        notebook: "ASSIGNMENT/NOTEBOOK".
        tests: number of test cells.
        differences: the test cells whose points differ.
        refused: why it was not graded, "" if it was.
    """

    notebook: str
    tests: int
    differences: list[Difference]
    refused: str = ""


def settings_of(root: Path) -> Config:
    """Return a course's settings, or settings derived from its folders if it has none.

    Raises:
        CourseError: it is not a course.
    """
    config = Config()
    set_limits(config)  # as in `use_judge`; the course's own settings override them
    if (root / CONFIG).is_file():
        config.merge(load_config(root))
    else:
        found = next((name for name in SOURCES if (root / name).is_dir()), "")
        if not found:
            raise CourseError(
                f"{root} has neither {CONFIG} nor a folder source/: give the folder of an nbgrader "
                "course"
            )
        config.CourseDirectory.source_directory = found
    config.CourseDirectory.root = str(root)
    return config


def compare(root: Path) -> Iterator[Compared]:
    """Yield the comparison of each notebook of a course.

    Raises:
        CourseError: it is not a course, or has no assignments.
        grade_notebook.NotSandboxed: there is no sandbox here.
    """
    root = course_root(root)
    config = settings_of(root)
    directory = CourseDirectory(config=config)
    top = Path(os.path.normpath(directory.format_path(directory.source_directory, ".", "x"))).parent
    found = sorted(top.glob("*/*.ipynb"))
    if not found:
        raise CourseError(f"there are no assignments in {top}: it has no folder with a notebook")
    for path in found:
        with contextlib.chdir(root):  # settings may have relative paths
            result = _compare(path, config, directory)
        yield result


def _compare(path: Path, config: Config, directory: CourseDirectory) -> Compared:
    name = f"{path.parent.name}/{path.stem}"
    try:
        source = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        return Compared(name, 0, [], f"it is not a notebook: {error}")
    if language := other_kernel(source):
        return Compared(name, 0, [], f"its kernel is {language}'s, and the judge runs Python only")
    try:
        full, released = released_notebooks(source, path, path.parent.name, config)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        return Compared(name, 0, [], f"nbgrader refuses it: {lines[-1]}")
    words = delimiters(config)
    course = [
        replace(cell, source=usual_delimiters(cell.source, *words))
        for cell in cells_of_notebook(source, full)
    ]
    try:
        limits = limits_of(config, path.parent.name)
    except ValueError as error:
        return Compared(name, 0, [], str(error))
    ours = {}
    for file, place in data_files(directory, path.parent.name).items():
        try:
            ours[file] = reading.read_file(place)
        except Unreadable as error:
            return Compared(name, 0, [], f"{file} beside it cannot be read: {error}")
    tests = [cell.grade_id for cell in course if cell.is_test]
    result = Compared(name, len(tests), [])
    hashes = frozenset(source_cells.hashes_of(released) | source_cells.hashes_of(source))
    for work, notebook in ((HANDED_OUT, full), (SOLUTION, source)):
        plain = _plain(notebook, path.parent, directory, config)
        _, judged = grade_notebook(
            nbformat.writes(notebook).encode(), course, limits, {},
            released=hashes, course_files=ours,
        )  # fmt: skip
        for cell in tests:
            points, said = plain[cell]
            test = judged.tests[cell]
            if abs(points - test.points) > 1e-9:
                why = test.ask or (f"the judge: {test.error}" if test.error else "")
                why = why or f"nbgrader: {said or 'it passed'}; the judge: it passed"
                if judged.stopped:  # a hidden test's note does not name the limit
                    met = [note for note in judged.notes if "JudgedExecute." in note]
                    why += f"; {met[0] if met else STOPPED}"
                why = " ".join(why.split())
                result.differences.append(
                    Difference(name, work, cell, points, test.points, why, bool(test.ask))
                )
    return result


def _plain(
    notebook: NotebookNode, folder: Path, directory: CourseDirectory, config: Config
) -> dict[str, tuple[float, str]]:
    """Return plain nbgrader's points and error for each test cell, by grade id."""
    notebook = copy.deepcopy(notebook)
    with tempfile.TemporaryDirectory(prefix="plain-", ignore_cleanup_errors=True) as work:
        for file in find_all_files(str(folder), [*directory.ignore, "*.ipynb"]):
            target = Path(work, Path(file).relative_to(folder))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        execute = Execute(config=config)
        execute.extra_arguments = [*execute.extra_arguments, "--log-level=40"]  # errors only
        execute.log = logging.Logger("nbgrader")
        execute.log.addHandler(logging.NullHandler())
        notebook, _ = execute.preprocess(notebook, {"metadata": {"path": work}})
    found = {}
    for cell in notebook.cells:
        if is_grade(cell) and not is_solution(cell) and not is_task(cell):
            points = determine_grade(cell, execute.log)[0] or 0.0
            errors = [o for o in cell.get("outputs", []) if o.output_type == "error"]
            said = f"{errors[-1].ename}: {errors[-1].evalue}" if errors else ""
            found[cell.metadata.nbgrader.grade_id] = float(points), said
    return found
