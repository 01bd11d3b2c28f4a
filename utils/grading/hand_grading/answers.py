"""The written answers to a problem set, with their rubrics and model answers."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from markupsafe import Markup
from nbformat import NotebookNode

from utils.grading.course import lateness
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.scores import HandGrade
from utils.grading.course.settings import Course, CourseError
from utils.grading.notebook.extra_files import files_beside
from utils.grading.notebook.reading import grade_id, read_json, text_of
from utils.grading.notebook.result import result_of
from utils.grading.reports import feedback
from utils.grading.reports.cell_outputs import pictures
from utils.grading.reports.rendering import Renderer
from utils.grading.reports.report_data import in_full, name_of_person

SECRET = secrets.token_bytes(32)  # of this process: the order cannot be derived without it
MAX_COMMENT = 20_000  # characters
DIVIDER = re.compile(r"^(?:---+|\*\*\*+)\s*$", re.MULTILINE)  # between model answer and rubric


@dataclass
class Question:
    """A cell that a person grades.

    Attributes:
        cell: its grade id.
        max_points: its maximum points.
        text: the question, as HTML.
        rubric, model: rubric and model answer from the course's solution; `model` is "" if the two
            are not separated.
    """

    cell: str
    max_points: float
    text: Markup = field(default_factory=Markup)
    rubric: Markup = field(default_factory=Markup)
    model: Markup = field(default_factory=Markup)


@dataclass
class Answer:
    """A student's answer to a question.

    Attributes:
        student, name: the student's id and name.
        question: the question.
        body: the answer as safe HTML.
        digest: a hash of the answer as it was read, see `_digest`.
        grade: the points and comment that a person has given.
        needs_person: whether the gradebook asks a person to look.
    """

    student: str
    name: str
    question: Question
    body: Markup
    digest: str
    grade: HandGrade
    needs_person: bool

    @property
    def state(self) -> str:
        """Whether it is unread, graded, or has changed since it was graded, as text."""
        if self.grade.points is None:
            return "unread"
        return "changed since it was graded: look again" if self.needs_person else "graded"


class Answers:
    """A problem set's questions and answers, in an order that reveals nothing about the students.

    Attributes:
        questions: by the grade ids of their cells.
        by_key: the answers by key, in the order of the page.

    Args:
        course: the course.
        book: its gradebook.
        problem_set: its name.

    Raises:
        CourseError: there are no answers to grade; the message says what to do.
    """

    def __init__(self, course: Course, book: CourseGradebook, problem_set: str) -> None:
        self.course, self.book, self.problem_set = course, book, problem_set
        lines = lateness.LatePolicy(config=course.config).read_lines(course.extensions)
        self.extensions = lateness.deadlines(lines)
        if not book.has(problem_set):
            raise CourseError(course.not_graded(problem_set))
        cells = [
            cell
            for cell in book.cells(problem_set)
            if cell.task or cell.grade and not cell.is_test and cell.solution
        ]
        if not cells:
            raise CourseError(f"{problem_set} has no written answers: its tests give all points")
        self.questions = {cell.grade_id: Question(cell.grade_id, cell.points) for cell in cells}
        self._read_source()
        self.by_key = {self._key(one): one for one in self._read_answers()}

    def _read_source(self) -> None:
        """Read the questions and rubrics from the problem set's source."""
        renderer, before = Renderer(links=False), ""
        source = read_json(self.course.source(self.problem_set))
        for cell in source.get("cells", []):
            question = self.questions.get(grade_id(cell))
            text = text_of(cell)
            if question is None:
                before = text if cell.get("cell_type") == "markdown" else before
                continue
            attachments = cell.get("attachments", {})
            parts = DIVIDER.split(text)
            model, rubric = "\n\n".join(parts[:-1]), parts[-1]
            if cell.get("cell_type") != "markdown":
                question.rubric = Markup("<pre>{}</pre>").format(renderer.code(text))
            else:
                found = pictures(text, attachments, {})
                question.rubric = renderer.markdown(rubric, found)
                question.model = renderer.markdown(model, found)
            question.text = renderer.markdown(before)
        for question in self.questions.values():
            if not question.rubric:
                question.rubric = Markup("<p><em>There is no rubric: {} says nothing.</em></p>")
                where = self.course.source(self.problem_set)
                question.rubric = question.rubric.format(where.name)

    def _read_answers(self) -> list[Answer]:
        people = self.book.students()
        found: list[Answer] = []
        for student, scores in self.book.scores(self.problem_set).items():
            asked = {
                name: cell
                for name, cell in scores.cells.items()
                if name in self.questions and (cell.needs_person or cell.manual is not None)
            }
            if not asked:
                continue
            path = self._path(student)
            try:
                notebook = nbformat.read(path, as_version=4)
                cells = {grade_id(cell): cell for cell in notebook.cells}
            except (OSError, ValueError, KeyError, AttributeError):
                continue  # the report says so
            result = result_of(notebook)
            if result and not result.is_graded:
                continue  # the file could not be read: these are the course's own cells
            files = files_beside(path.parent)
            for name, cell in asked.items():
                if name in cells:
                    found.append(
                        Answer(
                            student,
                            name_of_person(people.get(student, {})),
                            self.questions[name],
                            _shown(cells[name], files),
                            _digest(cells[name]),
                            HandGrade(cell.manual, scores.by_person.get(name, "")),
                            cell.needs_person,
                        )
                    )
        order = [*self.questions]
        return sorted(
            found, key=lambda one: (order.index(one.question.cell), self._hash(one.student))
        )

    def _path(self, student: str) -> Path:
        return self.course.notebook("autograded", student, self.problem_set)

    def _key(self, answer: Answer) -> str:
        """Return the page's key for an answer: a constant hash that does not reveal the student."""
        return self._hash(answer.student, answer.question.cell)

    def _hash(self, *names: str) -> str:
        text = "\0".join([self.problem_set, *names]).encode("utf-8", "replace")
        return hmac.new(SECRET, text, hashlib.sha256).hexdigest()

    def unread(self) -> int:
        """Return how many answers a person still has to look at."""
        return sum(one.needs_person for one in self.by_key.values())

    def save(self, key: str, points: str, comment: str, seen: HandGrade) -> HandGrade:
        """Write a person's points and comment into the gradebook, and return them.

        Args:
            key: the answer's key in `by_key`.
            points: the text that the person typed; "" for none yet.
            comment: Markdown for the student's page.
            seen: the points and comment that the person saw before.

        Raises:
            CourseError: points or comment are invalid, or the gradebook or answer has changed.
        """
        answer = self.by_key[key]
        given = HandGrade(_number(points, answer.question.max_points), _text(comment))
        self.book.give(
            self.problem_set,
            answer.student,
            answer.question.cell,
            given,
            seen,
            self.extensions,
            lambda: self._is_current(answer),
        )
        answer.grade, answer.needs_person = given, given.points is None
        return given

    def _is_current(self, answer: Answer) -> bool:
        """Return whether the answer on disk is still the one that was shown."""
        path = self._path(answer.student)
        if path.with_name(f".{self.problem_set}.pending").exists():  # it is being graded anew
            return False
        cells = read_json(path).get("cells", [])
        return any(
            grade_id(cell) == answer.question.cell and _digest(cell) == answer.digest
            for cell in cells
        )


def _shown(cell: NotebookNode, files: dict[str, bytes]) -> Markup:
    """Return an answer as HTML without scripts, external files or links."""
    alone = nbformat.v4.new_notebook(cells=[cell])
    return feedback.page(alone, files, Renderer(links=False))[0].body


def _digest(cell: Any) -> str:
    """Return a hash of an answer's text and pictures."""
    attachments = {  # files contain some of them as lists of lines
        name: {kind: "".join(data) for kind, data in bundle.items()}
        for name, bundle in cell.get("attachments", {}).items()
    }
    content = [text_of(cell), attachments]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _number(text: str, most: float) -> float | None:
    """Parse points that a person typed; return None for an empty text.

    Raises:
        CourseError: the text is not a number from 0 to `most`.
    """
    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        value = float(text) if re.fullmatch(r"[0-9]*\.?[0-9]*", text) else math.nan
    except ValueError:
        value = math.nan
    if not 0 <= value <= most:
        raise CourseError(f"{text[:20]!r} is not a number of points: give 0 to {in_full(most)}")
    return value


def _text(comment: str) -> str:
    text = comment.replace("\r\n", "\n").replace("\0", "").strip()
    if len(text) > MAX_COMMENT:
        raise CourseError(f"the comment has {len(text)} characters; {MAX_COMMENT} are allowed")
    return text
