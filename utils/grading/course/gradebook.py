"""nbgrader's gradebook, for `grade`, `handgrade` and the reports.

nbgrader queries and commits every single grade by itself. Here a whole class is read in three
queries, and the results of several submissions are written in one transaction: either all of them
are in the gradebook or none.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from nbgrader.preprocessors import AssignLatePenalties
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from utils.grading.course import course_cells, gradebook_access, lateness
from utils.grading.course.scores import CellScore, HandGrade, Scores
from utils.grading.course.settings import Course, CourseError, delimiters
from utils.grading.notebook.result import GradingResult
from utils.grading.notebook.source_cells import SourceCell, usual_delimiters


@dataclass
class Entry:
    """The result of a submission, to be written to the gradebook.

    Attributes:
        student: the student's id.
        result: the result of grading.
        timestamp: the submission time from `timestamp.txt`, in UTC; None if unknown.
    """

    student: str
    result: GradingResult
    timestamp: datetime.datetime | None = None


@dataclass
class Submitted:
    """The gradebook's objects for one submission; grades and comments by grade id."""

    submission: SubmittedAssignment
    notebook: SubmittedNotebook
    grades: dict[str, Grade] = field(default_factory=dict)
    comments: dict[str, Comment] = field(default_factory=dict)


class CourseGradebook:
    """A course's gradebook, as a context.

    Args:
        course: the course.

    Raises:
        CourseError: the gradebook cannot be opened.
    """

    def __init__(self, course: Course) -> None:
        self.course = course
        self.gradebook, self.path = gradebook_access.opened(course)
        self.db = self.gradebook.db
        # the plugin that nbgrader's own step would use
        step = AssignLatePenalties(config=course.config)
        self.late = step.plugin_class(config=course.config)

    def __enter__(self) -> CourseGradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self.gradebook.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Roll back if writing fails, and discard the session's cached objects.

        Raises:
            CourseError: the gradebook cannot be written.
        """
        try:
            if self.path is not None:
                gradebook_access.wait_until_free(self.path)
            yield
            self.db.commit()
        except SQLAlchemyError as error:
            self.db.rollback()
            gradebook_access.raise_if_locked(error, self.path)
            why = getattr(error, "orig", None) or error
            raise CourseError(f"the gradebook cannot be written: {why}") from None
        except BaseException:
            self.db.rollback()
            raise
        finally:
            self.db.expunge_all()

    # The course's side ------------------------------------------------------------------------

    def problem_sets(self) -> list[str]:
        """Return the names of all problem sets in the gradebook."""
        return sorted(self.db.scalars(select(Assignment.name)))

    def due_dates(self) -> dict[str, datetime.datetime | None]:
        """Return the deadline of each problem set in the gradebook, in UTC, None for none."""
        rows = self.db.execute(select(Assignment.name, Assignment.duedate))
        return {name: due for name, due in rows}  # noqa: C416 - a Row is not typed as a pair

    def has(self, problem_set: str) -> bool:
        """Return whether the gradebook knows a problem set."""
        return bool(course_cells.recorded(self.course, self.gradebook, problem_set))

    def take_in(self, problem_set: str) -> list[str]:
        """Record a problem set's cells and points from its source.

        If there are submissions already, cells are added and removed, but all points and comments
        that a person gave are kept; an SQLite gradebook is backed up first.

        Returns:
            Sentences on what has changed, none if the gradebook was up to date.

        Raises:
            CourseError: there is no such problem set, or nbgrader refuses its source.
        """
        return course_cells.take_in(self.course, self.gradebook, problem_set, self._writing)

    def cells(self, problem_set: str) -> list[SourceCell]:
        """Return the course's cells of a problem set, in the order of its source notebook."""
        words = delimiters(self.course.config)
        return [
            replace(cell, source=usual_delimiters(cell.source, *words))
            for cell in course_cells.recorded(self.course, self.gradebook, problem_set)
        ]

    # The students' side -----------------------------------------------------------------------

    def students(self) -> dict[str, dict[str, str]]:
        """Return the gradebook's data about each student, by id."""
        rows = self.db.execute(
            select(
                Student.id,
                Student.first_name,
                Student.last_name,
                Student.email,
                Student.lms_user_id,
            )
        )
        names = ("first_name", "last_name", "email", "lms_user_id")
        return {row[0]: dict(zip(names, (v or "" for v in row[1:]), strict=True)) for row in rows}

    def scores(self, problem_set: str) -> dict[str, Scores]:
        """Return the scores of each submission to a problem set, by student."""
        found: dict[str, Scores] = {}
        of_set = (Assignment.name == problem_set, Notebook.name == problem_set)

        def rows(*columns: Any, tables: Sequence[Any]) -> Iterable[Any]:
            query = (
                select(SubmittedAssignment.student_id, *columns)
                .select_from(SubmittedAssignment)
                .join(Assignment, Assignment.id == SubmittedAssignment.assignment_id)
                .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
                .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
            )
            for table in tables:
                query = query.join(table, table.notebook_id == SubmittedNotebook.id)
                query = query.join(BaseCell, BaseCell.id == table.cell_id)
            return self.db.execute(query.where(*of_set))

        times = (SubmittedAssignment.timestamp, SubmittedAssignment.extension, Assignment.duedate)
        for student, penalty, handed_in, extension, due in rows(
            SubmittedNotebook.late_submission_penalty, *times, tables=()
        ):
            seconds = 0.0
            if handed_in and due:
                deadline = due + (extension or datetime.timedelta())
                seconds = max(0.0, (handed_in - deadline).total_seconds())
            found[student] = Scores(
                penalty=penalty or 0.0, seconds_late=seconds, handed_in=handed_in
            )
        grade = (Grade.auto_score, Grade.manual_score, Grade.extra_credit, Grade.needs_manual_grade)
        for student, name, auto, manual, extra, needs in rows(
            BaseCell.name, *grade, tables=[Grade]
        ):
            found[student].cells[name] = CellScore(auto, manual, extra or 0.0, needs)
        comment = (Comment.manual_comment, Comment.auto_comment)
        for student, name, manual, auto in rows(BaseCell.name, *comment, tables=[Comment]):
            found[student].comments[name] = manual or auto or ""
            found[student].by_person[name] = manual or ""
        return found

    def record(
        self, problem_set: str, entries: Sequence[Entry], extensions: lateness.Extensions
    ) -> dict[str, Scores]:
        """Write the results of submissions, either all or none.

        Points and comments that a person gave are kept. If a person gave points for an answer that
        has changed since, the gradebook asks for a person again.

        Args:
            problem_set: its name.
            entries: the results.
            extensions: from `lateness.deadlines`.

        Returns:
            The new scores in the gradebook, by student.

        Raises:
            CourseError: the gradebook cannot be written; nothing of these entries is in it.
        """
        with self._writing():
            submissions = self._submissions(problem_set, [entry.student for entry in entries])
            return {
                entry.student: self._write(entry, submissions[entry.student], extensions)
                for entry in entries
            }

    def _submissions(self, problem_set: str, students: Sequence[str]) -> dict[str, Submitted]:
        """Return the gradebook's objects for some students; create missing ones."""
        assignment = self.gradebook.find_assignment(problem_set)
        (notebook,) = (one for one in assignment.notebooks if one.name == problem_set)
        names = {cell.id: cell.name for cell in notebook._base_cells}
        known = set(self.db.scalars(select(Student.id).where(Student.id.in_(students))))
        self.db.add_all(Student(id=name) for name in students if name not in known)
        self.db.flush()
        query = (
            select(SubmittedAssignment, SubmittedNotebook)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .where(
                SubmittedAssignment.assignment_id == assignment.id,
                SubmittedAssignment.student_id.in_(students),
                SubmittedNotebook.notebook_id == notebook.id,
            )
        )
        have = {row[0].student_id: Submitted(*row) for row in self.db.execute(query)}
        for name in students:
            if name not in have:
                submission, mine = _new_submission(assignment, notebook, name)
                self.db.add(submission)
                have[name] = Submitted(submission, mine)
        self.db.flush()
        by_notebook = {one.notebook.id: one for one in have.values()}
        for table, place in ((Grade, "grades"), (Comment, "comments")):
            for row in self.db.scalars(select(table).where(table.notebook_id.in_(by_notebook))):
                getattr(by_notebook[row.notebook_id], place)[names[row.cell_id]] = row
        return have

    def _write(self, entry: Entry, submitted: Submitted, extensions: lateness.Extensions) -> Scores:
        submitted.submission.timestamp = entry.timestamp
        scores = Scores(handed_in=entry.timestamp)
        for name, grade in submitted.grades.items():
            points = entry.result.auto.get(name)
            grade.auto_score = points
            if grade.manual_score is None:
                grade.needs_manual_grade = points is None
            elif name in entry.result.changed:
                grade.needs_manual_grade = True
            scores.cells[name] = CellScore(
                points, grade.manual_score, grade.extra_credit or 0.0, grade.needs_manual_grade
            )
        for name, comment in submitted.comments.items():
            comment.auto_comment = entry.result.comments.get(name)
            scores.comments[name] = comment.manual_comment or comment.auto_comment or ""
        self._charge_one(submitted.submission, submitted.notebook, scores, extensions)
        return scores

    def give(
        self,
        problem_set: str,
        student: str,
        cell: str,
        given: HandGrade,
        seen: HandGrade,
        extensions: lateness.Extensions,
        is_current: Callable[[], bool],
    ) -> Scores:
        """Write a person's points and comment for an answer, and update the penalty.

        Args:
            problem_set, student, cell: identify the answer.
            given: points and comment; points None for none yet.
            seen: the points and comment that the person saw before.
            extensions: from `lateness.deadlines`.
            is_current: returns whether the answer is still the one that the person has read. It is
                called while nobody else can write, so that no grading can come in between.

        Returns:
            The new scores of the submission.

        Raises:
            CourseError: the gradebook cannot be written, or the answer, its points or its comment
                have changed meanwhile; then nothing is written.
        """
        with self._writing():
            mine = self._submissions(problem_set, [student])[student]
            grade, comment = mine.grades.get(cell), mine.comments.get(cell)
            if grade is None or comment is None:
                raise CourseError(f"{problem_set} has no answer {cell} any longer; reload the page")
            now = HandGrade(grade.manual_score, comment.manual_comment or "")
            if now != seen:
                raise CourseError(
                    f"somebody else has graded this meanwhile: {now}; reload the page"
                )
            grade.manual_score = given.points
            grade.needs_manual_grade = given.points is None and grade.auto_score is None
            comment.manual_comment = given.comment or None
            self.db.flush()
            if not is_current():
                raise CourseError(
                    "the student has handed in something else meanwhile; reload the page and read "
                    "the new answer"
                )
            scores = self.scores(problem_set)[student]
            self._charge_one(mine.submission, mine.notebook, scores, extensions)
        return scores

    def charge_lateness(self, problem_set: str, extensions: lateness.Extensions) -> None:
        """Update the deadlines and penalties of all submissions to a problem set.

        Args:
            problem_set: its name.
            extensions: from `lateness.deadlines`.
        """
        assignment = self.gradebook.find_assignment(problem_set)
        if assignment.duedate is None:
            return
        scores = self.scores(problem_set)
        rows = self.db.execute(
            select(SubmittedAssignment, SubmittedNotebook)
            .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
            .join(Notebook, Notebook.id == SubmittedNotebook.notebook_id)
            .where(SubmittedAssignment.assignment_id == assignment.id, Notebook.name == problem_set)
        )
        with self._writing():
            for submission, notebook in rows:
                self._charge_one(submission, notebook, scores[submission.student_id], extensions)

    def _charge_one(
        self,
        submission: SubmittedAssignment,
        notebook: SubmittedNotebook,
        scores: Scores,
        extensions: lateness.Extensions,
    ) -> None:
        """Write a changed deadline or penalty to the gradebook, and update `scores`."""
        score, penalty = sum(cell.points for cell in scores.cells.values()), None
        if submission.assignment.duedate is not None:
            lateness.extend(submission, extensions)
            scores.seconds_late = submission.total_seconds_late
        if scores.seconds_late > 0:
            penalty = self.late.late_submission_penalty(
                submission.student_id, score, scores.seconds_late
            )
        if penalty is not None:
            penalty = min(max(penalty, 0.0), score)
        if notebook.late_submission_penalty != penalty:
            notebook.late_submission_penalty = penalty
        scores.penalty = penalty or 0.0


def _new_submission(
    assignment: Assignment, problem_set: Notebook, student: str
) -> tuple[SubmittedAssignment, SubmittedNotebook]:
    """Make a submission with empty records for all grades and comments, as nbgrader does."""
    submission = SubmittedAssignment(assignment_id=assignment.id, student_id=student)
    for notebook in assignment.notebooks:
        made = SubmittedNotebook(notebook_id=notebook.id, assignment=submission)
        for cell in (*notebook.grade_cells, *notebook.task_cells):
            Grade(cell_id=cell.id, notebook=made)
        for cell in (*notebook.solution_cells, *notebook.task_cells):
            Comment(cell_id=cell.id, notebook=made)
        if notebook is problem_set:
            mine = made
    return submission, mine
