"""Find pairs of similar submissions: a reason to look, not a verdict.

Each submission becomes a TF-IDF vector (term frequency, inverse document frequency) of its syntax
features: a feature shared by half the class counts little, one shared by only two students counts
a lot. A pair is listed if the cosine similarity of its vectors is high enough. Pairs are ranked by
their weight, the dot product of the vectors times the square of the similarity, so that two equal
short answers do not come before long ones that are almost equal. The content of the released
notebook does not count.

If a small task has only one usual solution, copying it cannot be detected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from utils.grading.course.settings import Course, CourseError
from utils.grading.notebook import reading, restore
from utils.grading.reports.syntax_features import Features, Work, defined_names, features
from utils.grading.reports.templates import render
from utils.grading.terminal import clean
from utils.system import atomic_write

MANY = 50  # maximum number of pairs on the page
LITTLE = 0.25  # minimum cosine similarity of a listed pair

VERDICT = (
    "This is a reason to look, not a verdict. Similarity has innocent causes: a small task with "
    "one usual solution, the same lecture, the same book, work in a group where that is allowed. "
    "Read both submissions, and talk to both students, before you draw any conclusion."
)


@dataclass
class Pair:
    """Two similar submissions.

    Attributes:
        first, second: the students.
        weight: dot product of their TF-IDF vectors times the square of `similarity`.
        similarity: cosine similarity of the vectors, 0 to 1.
        lines: shared lines side by side: (first student's, second student's).
    """

    first: str
    second: str
    weight: float
    similarity: float
    lines: list[tuple[str, str]] = field(default_factory=list)


def rank(work: Mapping[str, Work], released: Work) -> list[Pair]:
    """Return the similar pairs, the one with the highest weight first.

    Args:
        work: the students' work, by id.
        released: the content of the released notebook.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second to import
    from sklearn.metrics.pairwise import cosine_similarity, linear_kernel

    given = defined_names(released)
    known = features(released, given)
    names = sorted(work)
    found = [features(work[name], given) for name in names]
    terms = [[feature for feature in one.counts if feature not in known.counts] for one in found]
    if not any(terms):
        return []
    vectors = TfidfVectorizer(analyzer=list, norm=None).fit_transform(terms)
    cosine = cosine_similarity(vectors)  # (students, students)
    weight = linear_kernel(vectors) * cosine**2
    first, second = np.nonzero(np.triu(cosine >= LITTLE, 1))
    best = np.argsort(-weight[first, second], kind="stable")[:MANY]
    return [
        Pair(
            names[i],
            names[j],
            float(weight[i, j]),
            float(cosine[i, j]),
            _shared_lines(found[i], found[j], known),
        )
        for i, j in zip(first[best], second[best], strict=True)
    ]


def _shared_lines(first: Features, second: Features, known: Features) -> list[tuple[str, str]]:
    return [
        (line, second.lines[feature])
        for feature, line in first.lines.items()
        if feature in second.lines and feature not in known.counts and feature not in known.lines
    ]


# A course's submissions -------------------------------------------------------------------------


def compare(course: Course, problem_set: str) -> list[Pair]:
    """Return the pairs of similar submissions to a problem set.

    Raises:
        CourseError: there is nothing to compare.
    """
    path = course.released(problem_set)
    try:
        released = restore.read_notebook(reading.read_file(path))
    except reading.Unreadable as error:
        raise CourseError(
            course.unknown(problem_set)
            or f"{path}, the notebook that students got, cannot be read: {error}; "
            f"run `nbgrader generate_assignment {problem_set}`"
        ) from None
    work = {}
    for student in course.students():
        try:
            data = reading.read_file(course.notebook("submitted", student, problem_set))
            work[student] = students_work(restore.read_notebook(data), released)
        except reading.Unreadable:
            continue
    if len(work) < 2:
        raise CourseError(
            f"there are no two submissions of {problem_set} to compare in {course.submitted} that "
            "can be read"
        )
    return rank(work, students_work(released, None))


def students_work(notebook: Any, released: Any | None) -> Work:
    """Return the cells of a student's notebook that the released one does not contain.

    Args:
        notebook: from `restore.read_notebook`.
        released: the released notebook; None to get all cells.
    """
    held = {cell.source.strip() for cell in released.cells} if released else set()
    work = Work()
    for cell in notebook.cells:
        if cell.source.strip() in held:
            continue
        (work.code if cell.cell_type == "code" else work.text).append(cell.source)
    return work


# The page ---------------------------------------------------------------------------------------


def print_pairs(pairs: Sequence[Pair]) -> None:
    """Print one line for each pair."""
    print(VERDICT + "\n")
    if not pairs:
        print("No two submissions are similar.")
    for place, pair in enumerate(pairs, 1):
        print(
            f"{place:3}. {clean(pair.first)} and {clean(pair.second)}: "
            f"similarity {pair.similarity:.2f}, weight {pair.weight:.0f}"
        )


def write(course: Course, problem_set: str, pairs: Sequence[Pair]) -> Path:
    """Write the page of pairs and return its path."""
    path = course.reports / f"{problem_set}_similarity.html"
    atomic_write(path, page(problem_set, pairs))
    return path


def page(problem_set: str, pairs: Sequence[Pair]) -> str:
    """Return the pairs as a self-contained HTML page."""
    title = f"{problem_set}: similar submissions"
    return render("similarity.html.j2", title=title, verdict=VERDICT, pairs=pairs)
