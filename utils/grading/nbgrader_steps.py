"""The grader as steps of nbgrader's own commands; `nbgrader_config.py` names them.

In `nbgrader autograde`, `SubmissionExporter` replaces nbconvert's reader, `RestoreCells` comes
before `ClearOutput`, `JudgedExecute` replaces `Execute`, and `SaveAutoGrades` replaces nbgrader's
own. `judge_settings` puts all of them into a configuration, with the steps of
`reports.nbgrader_pages`.
"""

from __future__ import annotations

import contextlib
import datetime
import glob
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters import Autograde
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.preprocessors import SaveAutoGrades as NbGraderSaveAutoGrades
from traitlets import Bool, Dict, Float, Integer

from utils.grading.course import lateness, releases
from utils.grading.course.notebook_choice import Chooser, HandedIn
from utils.grading.course.settings import Course, data_files, delimiters
from utils.grading.judge.grade_notebook import available_sandbox, run_with_files, show_notes
from utils.grading.notebook import reading, restore, source_cells
from utils.grading.notebook.extra_files import documents, files_beside, notes_on
from utils.grading.notebook.reading import Unreadable, read_json
from utils.grading.notebook.reasons import reasons
from utils.grading.notebook.source_cells import (
    SourceCell,
    other_kernel,
    usual_delimiters,
    with_meanings,
)
from utils.grading.reports.nbgrader_pages import use_usual_delimiters
from utils.grading.run.limits import KINDS, limits_of
from utils.grading.sandbox.config import Limits
from utils.grading.terminal import clean


class SubmissionExporter(NotebookExporter):
    """Reads a submitted file, which may contain anything, and writes a notebook.

    Raises:
        Unreadable: the file is not a notebook.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        directory = getattr(self.parent, "coursedir", None)
        if directory is not None:  # nbgrader's parsing of the time can end in a traceback
            directory.get_existing_timestamp = self._timestamp

    def _timestamp(self, folder: str) -> datetime.datetime | None:
        time, problem = lateness.read_timestamp(Path(folder))
        if problem:
            self.log.warning("%s: %s", folder, problem)
        return time

    def from_filename(
        self, filename: str, resources: dict | None = None, **kw: Any
    ) -> tuple[NotebookNode, dict[str, Any]]:
        found = chosen_for(self.parent, os.path.dirname(filename))
        resources = {**(resources or {})}
        if found is not None:
            resources[HANDED_IN] = found
        if not getattr(self.parent, "_sanitizing", True):  # the second of nbgrader's two steps
            return super().from_filename(filename, resources, **kw)
        try:
            for path in Path(filename).parent.rglob("*"):
                if path.is_symlink():  # nbgrader has copied its target, which may be any file
                    raise Unreadable(f"beside it lies {path.name}, a link to another file")
            if found is not None and found.unreadable:
                raise Unreadable(found.unreadable)
            content = reading.read_file(filename) if found is None else found.content
            notebook = restore.read_notebook(content)
        except Unreadable as error:
            raise Unreadable(
                f"{filename} cannot be read: {error}. The others are graded all the same; "
                "ask this student for the notebook again."
            ) from None
        about = {"name": Path(filename).stem, "path": os.path.dirname(filename)}
        resources["metadata"] = resources.get("metadata", {}) | about
        return self.from_notebook_node(notebook, resources, **kw)


# Which file of a folder is graded ---------------------------------------------------------------

HANDED_IN = "handed_in"  # key in `resources` for the choice of `Chooser`


def init_notebooks(converter: Autograde) -> None:
    """Find the notebooks to grade like `grade`: by their cells, not by their names.

    This replaces nbgrader's method, which looks for names only and has no setting for this.
    """
    directory = converter.coursedir
    name = directory.assignment_id
    chooser = _chooser(converter, name)
    if chooser is None or directory.notebook_id != "*":
        OWN_INIT_NOTEBOOKS(converter)
        return
    converter.assignments, converter.notebooks = {}, []
    converter.handed_in = {}
    pattern = converter._format_source(name, directory.student_id)
    for folder in sorted(glob.glob(pattern)):
        found = chooser.look(Path(folder))
        if found.name:
            converter.assignments[folder] = [os.path.join(folder, f"{name}.ipynb")]
            converter.handed_in[folder] = found
        else:
            there = f"there is no notebook of {name}, but {found.missing}"
            converter.log.warning(
                "%s: %s", clean(folder), clean(there if found.missing else "nothing was handed in")
            )
    if not converter.assignments:
        raise NbGraderException(f"there is no notebook of {name} to grade: {pattern}")


OWN_INIT_NOTEBOOKS = Autograde.init_notebooks
Autograde.init_notebooks = init_notebooks


def _chooser(converter: Autograde, problem_set: str) -> Chooser | None:
    """Return the `Chooser` of a problem set, None if the set has several notebooks."""
    directory = converter.coursedir
    try:
        with Gradebook(directory.db_url, directory.course_id) as gradebook:
            notebooks = [one.name for one in gradebook.find_assignment(problem_set).notebooks]
            if notebooks != [problem_set]:
                return None
            cells = source_cells.cells_of_gradebook(gradebook, problem_set, problem_set)
    except MissingEntry:
        return None
    course = Course(Path(directory.root), converter.config, directory.db_url, directory)
    return Chooser.of(course, problem_set, cells)


def chosen_for(converter: Any, folder: str) -> HandedIn | None:
    """Return the choice of `init_notebooks` in a folder.

    Args:
        converter: nbgrader's converter.
        folder: the submission's folder, or nbgrader's output folder for it.
    """
    directory: Any = getattr(converter, "coursedir", None)
    for place, found in getattr(converter, "handed_in", {}).items():
        names = Path(place).parts[-2:]
        made = Path(directory.format_path(directory.autograded_directory, *names))
        if os.path.normpath(folder) in (os.path.normpath(place), os.path.normpath(made)):
            return found
    return None


class RestoreCells(NbGraderPreprocessor):
    """Restores a submitted notebook before any other step of nbgrader sees it."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        names = resources["nbgrader"]
        directory = CourseDirectory(config=self.config)
        course = _course(names, directory)
        found = resources.get(HANDED_IN)
        nb, notes = restore.restore(
            nb,
            course,
            releases.texts(directory, names["assignment"]),
            releases.known(directory, names["assignment"]),
            documents(found.files if found else ()),
        )
        notes = [*(found.notes if found else ()), *notes]
        for note in notes:
            self.log.warning("%s", clean(f"{names['student']}: {note}"))
        nb.metadata["grading"] = {"notes": notes}
        return nb, resources


def _course(names: dict, directory: CourseDirectory) -> list[SourceCell]:
    """Return the course's cells of the notebook that nbgrader is processing.

    They come from the gradebook, and the data on names from the course's source notebook.
    """
    with Gradebook(names["db_url"]) as gradebook:
        cells = source_cells.cells_of_gradebook(gradebook, names["assignment"], names["notebook"])
    for kind in (directory.source_directory, directory.release_directory):
        folder = directory.format_path(kind, ".", names["assignment"])
        source = read_json(Path(folder) / f"{names['notebook']}.ipynb")
        if source.get("cells"):
            break
    cells = with_meanings(cells, source if source.get("cells") else None)
    words = delimiters(directory.config)
    return [replace(cell, source=usual_delimiters(cell.source, *words)) for cell in cells]


def _limit(name: str, words: str) -> Any:
    """Return the traitlet for a limit."""
    kind = Integer if KINDS[name] == "int" else Float
    return kind(getattr(Limits, name), help=words).tag(config=True)


class JudgedExecute(NbGraderPreprocessor):
    """Runs a submission's notebook: the student's cells in a sandbox, the tests in the judge."""

    call_seconds = _limit("call_seconds", "Wall time of one call from a test.")
    cell_seconds = _limit("cell_seconds", "Wall time of one of the student's cells.")
    call_cpu_seconds = _limit("call_cpu_seconds", "Processor time of one call from a test.")
    cell_cpu_seconds = _limit("cell_cpu_seconds", "Processor time of one of the student's cells.")
    submission_seconds = _limit("submission_seconds", "Wall time of the whole submission.")
    memory = _limit("memory", "Bytes of memory.")
    processes = _limit("processes", "Processes and threads at once.")
    files = _limit("files", "Files that it may make.")
    file_bytes = _limit("file_bytes", "Bytes that these may hold.")
    output_bytes = _limit("output_bytes", "Bytes of output kept of a cell.")
    problem_sets = Dict(
        help="Limits of single problem sets: {'ps4_gradients': {'cell_seconds': 60}}."
    ).tag(config=True)
    unsafe = Bool(False, help="Run submissions even where there is no sandbox.").tag(config=True)

    def limits(self, problem_set: str) -> Limits:
        """Return the limits of submissions to a problem set."""
        given = {name: getattr(self, name) for name in (*KINDS, "problem_sets")}
        return limits_of({"JudgedExecute": given}, problem_set)

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        names = resources["nbgrader"]
        if language := other_kernel(nb):
            raise NbGraderException(
                f"{names['assignment']}/{names['notebook']} is a notebook for {language}: the "
                "judge runs Python only. Grade it by nbgrader alone: leave out the line that "
                "turns the judge on in nbgrader_config.py"
            )
        directory = CourseDirectory(config=self.config)
        use_usual_delimiters(nb, self.config)
        course = _course(names, directory)
        files = files_beside(resources["metadata"]["path"])
        if found := resources.get(HANDED_IN):  # the notebook may be in a folder or an archive
            files = found.files | files
        ours = read_files(data_files(directory, names["assignment"]))
        notes = list(nb.metadata.pop("grading", {}).get("notes", []))
        limits = self.limits(names["assignment"])
        result = run_with_files(nb, course, limits, available_sandbox(self.unsafe), files, ours)
        resources[ASKS] = {name for name, test in result.tests.items() if test.ask}
        theirs = set(files) - set(ours)
        found = [*notes_on(theirs), *result.notes, *reasons(nb, course, result.tests)]
        for note in found:
            self.log.warning("%s", clean(f"{names['student']}: {note}"))
        show_notes(nb, [*notes, *found])
        return nb, resources


ASKS = "judge_asks"  # key in `resources` for the test cells whose points a person has to give


class SaveAutoGrades(NbGraderSaveAutoGrades):
    """Saves the points; if the judge may have lost some, the gradebook asks a person to look."""

    def _add_score(self, cell: NotebookNode, resources: dict) -> None:
        super()._add_score(cell, resources)
        name = cell.metadata["nbgrader"]["grade_id"]
        if name in resources.get(ASKS, ()):
            grade = self.gradebook.find_grade(
                name, self.notebook_id, self.assignment_id, self.student_id
            )
            grade.auto_score, grade.needs_manual_grade = None, True
            self.gradebook.db.commit()


def read_files(paths: Mapping[str, Path]) -> dict[str, bytes]:
    """Return the contents of those of the course's own files that can be read, by name."""
    found = {}
    for name, path in paths.items():
        with contextlib.suppress(Unreadable):
            found[name] = reading.read_file(path)
    return found
