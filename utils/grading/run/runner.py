"""The runner: grades a class, and can be stopped at any moment and run again.

Workers do the grading (see `worker.py`); only this process writes. For each submission it writes,
in this order: the autograded notebook under a temporary name, with its `GradingResult`; the
gradebook; the notebook's final name; the student's page. The notebook is on the disk before the
gradebook is written, so not even a power failure leaves a grade without its notebook. If a run is
stopped in between, the next one finds the notebook and completes the other steps. A complete result
of the same submission, tests and limits is left alone.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import nbformat

from utils.grading.course import lateness, releases, roster
from utils.grading.course.gradebook import CourseGradebook, Entry
from utils.grading.course.gradebook_access import only_one
from utils.grading.course.lateness import TIMESTAMP
from utils.grading.course.notebook_choice import SECRET, Chooser, HandedIn
from utils.grading.course.scores import Scores
from utils.grading.course.settings import Course, CourseError
from utils.grading.notebook.reading import Unreadable, read_file
from utils.grading.notebook.result import VERSION, GradingResult, read_result
from utils.grading.notebook.source import forgotten_points
from utils.grading.notebook.source_cells import SourceCell
from utils.grading.reports import feedback, problem_set_report
from utils.grading.reports.report_data import Report
from utils.grading.run import worker
from utils.grading.run.cluster import LocalWorkers, workers_of
from utils.grading.run.limits import is_unsafe, limits_of
from utils.grading.run.worker import Failure, Graded, Progress, RunConfig, Submission
from utils.grading.text_files import nearest, plain
from utils.system import atomic_write, processors

BATCH = 16  # submissions in one transaction
SECONDS = 1.0  # after which a transaction is written even if it is not full


@dataclass
class SubmittedNotebook:
    """A submitted notebook as it is in its folder.

    Attributes:
        student: the student's id.
        digest: a hash of the file, the files beside it, the tests and the limits.
        handed_in: the submission time from `timestamp.txt`, in UTC.
        before: the result of the latest grading, if there is one.
    """

    student: str
    digest: str
    handed_in: datetime.datetime | None
    before: GradingResult | None = None


class Run:
    """One run over a class.

    Args:
        course: the course.
        book: its gradebook.
        problem_set: its name.
        force: grade unchanged submissions, too.
        unsafe: run submissions even where there is no sandbox.
        watch: called with the progress whenever it changes.
    """

    def __init__(
        self,
        course: Course,
        book: CourseGradebook,
        problem_set: str,
        force: bool = False,
        unsafe: bool = False,
        watch: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.course, self.book, self.problem_set = course, book, problem_set
        self.force, self.watch = force, watch
        self.progress = Progress()
        self.progress.notes += book.take_in(problem_set)
        self.cells: list[SourceCell] = book.cells(problem_set)
        self.max_points = {
            cell.grade_id: cell.points for cell in self.cells if cell.grade or cell.task
        }
        for cell in self.cells:
            if cell.is_test and (fault := forgotten_points(cell.source)):
                raise CourseError(
                    f"nothing is graded, for everybody would get full marks: {cell.grade_id} of "
                    f"{problem_set} gives no points: {fault}. Correct solutions/{problem_set}/"
                    f"{problem_set}.ipynb and grade again"
                )
        earlier = releases.known(course.directory, problem_set)
        self.chooser = Chooser.of(course, problem_set, self.cells)
        try:
            limits = limits_of(course.config, problem_set)
        except ValueError as error:
            raise CourseError(str(error)) from None
        lines = lateness.LatePolicy(config=course.config).read_lines(course.extensions)
        self.extensions = lateness.deadlines(lines)
        self.progress.notes += lateness.strays(
            course.extensions,
            lines,
            {*course.students(), *book.students(), *(p.id for p in roster.read(course.class_list))},
            {*course.problem_sets(), *book.problem_sets()},
        )
        self.config = RunConfig(
            self.cells,
            limits,
            {name: path.read_bytes() for name, path in course.data_files(problem_set).items()},
            unsafe or is_unsafe(course.config),
            releases.texts(course.directory, problem_set),
            earlier,
        )
        known = [VERSION, [*map(asdict, self.cells)], asdict(self.config.limits), earlier]
        self.common = hashlib.sha256(json.dumps(known).encode())
        for name, content in sorted(self.config.files.items()):
            self.common.update(name.encode() + b"\0" + hashlib.sha256(content).digest())

    # What there is to do ----------------------------------------------------------------------

    def plan(self, students: Collection[str] | None = None) -> list[SubmittedNotebook]:
        """Complete what an interrupted run has left, and return the submissions to grade.

        Args:
            students: ids; all students by default.

        Raises:
            CourseError: one of these students has no submission.
        """
        self.progress.notes += self.course.compose_names(self.book.students())
        found: list[SubmittedNotebook] = []
        for name in [plain(name) for name in students or ()] or self.course.students():
            submission = self._look_at(name)
            if submission:
                found.append(submission)
            elif students:
                raise CourseError(self._nothing_of(name))
        if not found:
            self.progress.notes.append(
                f"nobody has handed in {self.problem_set}: no folder in {self.course.submitted} "
                f"has a {self.problem_set}/{self.problem_set}.ipynb, nor one under another name"
            )
        for name in self.course.misnamed():
            self.progress.notes.append(
                f"{self.course.submitted}/{name} is left out: its name is not UTF-8; rename it"
            )
        self.book.charge_lateness(self.problem_set, self.extensions)
        scores = self.book.scores(self.problem_set)
        todo, entries = [], []
        for submission in found:
            name = submission.student
            pending = self._pending(name)
            result = read_result(pending)
            half_done = _is_of(result, submission) and not self.force
            if half_done:
                submission.before = result
            else:
                with contextlib.suppress(FileNotFoundError):
                    pending.unlink()
            before = submission.before
            if before is None or not half_done and (self.force or not _is_of(before, submission)):
                todo.append(submission)
                continue
            if half_done or not _agrees(before, submission, scores.get(name)):
                entries.append(Entry(name, before, submission.handed_in))
            self.progress.unchanged += 1
        for start in range(0, len(entries), BATCH):
            self._record(entries[start : start + BATCH])
        self.progress.total = len(todo)
        return todo

    def refresh_pages(self) -> None:
        """Rewrite the students' pages where the gradebook has changed."""
        for name, scores in self.book.scores(self.problem_set).items():
            path = self.course.notebook("autograded", name, self.problem_set)
            result = read_result(path)
            if not result:
                continue
            mark = feedback.stamp(result.digest, scores, self.max_points)
            if not feedback.is_current(self.course.feedback(name, self.problem_set), mark):
                files = self._look(name).files
                cells = feedback.page(nbformat.read(path, as_version=4), files)
                self._write_page(name, result, cells, scores)

    def _look(self, student: str) -> HandedIn:
        """Find a student's submission."""
        return self.chooser.look(self.course.folder("submitted", student, self.problem_set))

    def _nothing_of(self, student: str) -> str:
        """Return a sentence about a requested student who has not handed in a notebook."""
        there = self._look(student).missing
        if there:
            return f"{student}: there is no notebook to grade, but {there}"
        path = self.course.notebook("submitted", student, self.problem_set)
        like = nearest(student, self.course.students())
        meant = f"; did you mean {like}?" if like else ""
        return f"{student} has handed in nothing: there is no {path}{meant}"

    def _look_at(self, student: str) -> SubmittedNotebook | None:
        found = self._look(student)
        if not found.name:
            return None
        digest = self.common.copy()
        if found.unreadable:
            digest.update(found.unreadable.encode())
        else:
            digest.update(hashlib.sha256(found.content).digest())
        for name, content in sorted(found.files.items()):
            digest.update(os.fsencode(name) + b"\0" + hashlib.sha256(content).digest())
        digest.update(json.dumps([found.name, found.notes, found.ask]).encode())
        folder = self.course.folder("submitted", student, self.problem_set)
        before = read_result(self.course.notebook("autograded", student, self.problem_set))
        handed_in, _ = lateness.read_timestamp(folder)
        return SubmittedNotebook(student, digest.hexdigest(), handed_in, before)

    # Grading ----------------------------------------------------------------------------------

    def dispatch(self, todo: list[SubmittedNotebook], client: Any) -> None:
        """Grade submissions and write the results.

        Args:
            todo: from `plan`.
            client: Dask's client, see `cluster`.
        """
        by_name = {submission.student: submission for submission in todo}
        results: list[Graded] = []
        written = time.monotonic()
        try:
            for batch in worker.results_from(
                self.config, self._submissions(todo), len(todo), client
            ):
                self.progress.failures += [item for item in batch if isinstance(item, Failure)]
                results += [item for item in batch if isinstance(item, Graded)]
                if len(results) >= BATCH or time.monotonic() - written > SECONDS:
                    self._keep(results, by_name)
                    written = time.monotonic()
        finally:  # even after Ctrl-C, write the results that have arrived
            self._keep(results, by_name)

    def _submissions(self, todo: list[SubmittedNotebook]) -> Iterator[Submission]:
        for submission in todo:
            found = self._look(submission.student)
            if not found.name:
                found.unreadable = "it is no longer there"
            yield Submission(
                submission.student, submission.digest, found.content, found.files,
                found.unreadable, submission.before, found.name, found.notes, found.ask,
            )  # fmt: skip

    def _keep(self, results: list[Graded], submissions: dict[str, SubmittedNotebook]) -> None:
        """Write a batch of results (notebooks, gradebook, names, pages) and clear the list."""
        taken, results[:] = results[:], []
        self._write_pending(taken)
        entries = [
            Entry(one.student, one.result, submissions[one.student].handed_in) for one in taken
        ]
        scores = self._record(entries)
        for one in taken:
            self._write_page(one.student, one.result, one.page, scores[one.student])
            self.progress.graded += one.result.is_graded
            self.progress.unreadable += not one.result.is_graded
            self.progress.stopped += one.result.stopped
        self.watch(self.progress)

    def _write_pending(self, results: list[Graded]) -> None:
        """Write the notebooks durably, in parallel, since each waits for the disk.

        Raises:
            OSError: a notebook could not be written.
        """
        with ThreadPoolExecutor(BATCH) as pool:
            writes = [
                pool.submit(atomic_write, self._pending(one.student), one.notebook, durable=True)
                for one in results
            ]
        for one in writes:
            one.result()

    def _record(self, entries: list[Entry]) -> dict[str, Scores]:
        """Write to the gradebook, then give the pending notebooks their final names."""
        if not entries:
            return {}
        scores = self.book.record(self.problem_set, entries, self.extensions)
        for entry in entries:
            pending = self._pending(entry.student)
            if pending.exists():
                self._copy_files(entry.student)
                pending.replace(self.course.notebook("autograded", entry.student, self.problem_set))
        return scores

    def _pending(self, student: str) -> Path:
        folder = self.course.folder("autograded", student, self.problem_set)
        return folder / f".{self.problem_set}.pending"

    def _copy_files(self, student: str) -> None:
        """Copy the files beside the submitted notebook to the autograded one's folder."""
        source = self.course.folder("submitted", student, self.problem_set)
        target = self.course.folder("autograded", student, self.problem_set)
        files = self._look(student).files | self.config.files
        with contextlib.suppress(OSError):
            files[TIMESTAMP] = (source / TIMESTAMP).read_bytes()
        keep = {*files, f"{self.problem_set}.ipynb", self._pending(student).name}
        folders = {name.partition("/")[0] for name in files if "/" in name}
        for path in target.iterdir():
            if path.is_dir() and not path.is_symlink():
                if path.name not in folders or path.name in keep:
                    shutil.rmtree(path)
            elif path.name not in keep:
                path.unlink()
        for name, content in files.items():
            atomic_write(target / name, content)

    def _write_page(
        self, student: str, result: GradingResult, cells: list[feedback.PageCell], scores: Scores
    ) -> None:
        mark = feedback.stamp(result.digest, scores, self.max_points)
        text = feedback.fill(
            cells, self.problem_set, student, result.status, scores, self.max_points, mark
        )
        page = self.course.feedback(student, self.problem_set)
        atomic_write(page, text)
        submitted = self.course.folder("submitted", student, self.problem_set)
        for name in (TIMESTAMP, SECRET):  # `nbgrader release_feedback` needs them beside the page
            with contextlib.suppress(Unreadable):
                atomic_write(page.with_name(name), read_file(submitted / name))


def _is_of(result: GradingResult | None, submission: SubmittedNotebook) -> bool:
    """Return whether a result belongs to the current state of a submission."""
    return result is not None and result.digest == submission.digest


def _agrees(result: GradingResult, submission: SubmittedNotebook, scores: Scores | None) -> bool:
    """Return whether the gradebook agrees with the result and with `timestamp.txt`."""
    if scores is None or scores.handed_in != submission.handed_in:
        return False
    auto = result.auto
    return all(name in auto and cell.auto == auto[name] for name, cell in scores.cells.items())


def grade_class(
    course: Course,
    problem_set: str,
    students: Collection[str] | None = None,
    count: int | None = None,
    scheduler: str | None = None,
    force: bool = False,
    unsafe: bool = False,
    watch: Callable[[Progress], None] = lambda progress: None,
    local: LocalWorkers | None = None,
) -> tuple[Progress, Report]:
    """Grade the submissions of a problem set and write notebooks, pages, gradebook and report.

    Args:
        course: the course.
        problem_set: its name.
        students: ids of students; all by default.
        count: number of local worker processes.
        scheduler: address of a running Dask scheduler.
        force: grade unchanged submissions, too.
        unsafe: run submissions even where there is no sandbox.
        watch: called with the progress whenever it changes.
        local: local workers that have been started already, instead of `count` new ones.

    Raises:
        CourseError: something is wrong with the course; the message says what to do.
        lateness.ExtensionsError: the file of extensions is invalid.
    """
    with only_one(course), CourseGradebook(course) as book:
        now = Run(course, book, problem_set, force, unsafe, watch)
        todo = now.plan(students)
        watch(now.progress)
        if todo:
            with contextlib.ExitStack() as stack:
                if scheduler:
                    client = stack.enter_context(workers_of(scheduler))
                else:
                    count = min(count or processors(), len(todo))
                    client = (local or stack.enter_context(LocalWorkers(count))).client()
                now.dispatch(todo, client)
        now.refresh_pages()
        found = problem_set_report.read(course, book, problem_set)
        problem_set_report.write(course, found)
    return now.progress, found
