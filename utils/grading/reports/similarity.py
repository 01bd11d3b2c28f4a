"""Pairs of submissions that are alike: a reason to look, not a verdict.

Each submission becomes a TF-IDF vector (term frequency, inverse document frequency) of its syntax
features: what half the class has written counts little, what only two have written counts much. A
pair is listed by the cosine similarity of its vectors, and ranked by that and by the weight of what
it shares, so that two short answers that are equal do not come before long ones that are nearly so.
What the released notebook holds already does not count.

Two who solve a small task in the only usual way cannot be told from two who copied, here or by eye.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from utils.grading.course.settings import Course, CourseError
from utils.grading.notebook import restore
from utils.grading.reports.syntax_features import Features, Work, defined_names, features
from utils.grading.reports.templates import render
from utils.grading.terminal import clean
from utils.system import atomic_write

MANY = 50  # pairs on the page
LITTLE = 0.25  # cosine similarity that a pair needs to be listed

VERDICT = (
    "This is a reason to look, not a verdict. Likeness has innocent causes: a small task with one "
    "usual solution, the same lecture, the same book, work in a group where that is allowed. Read "
    "both submissions, and talk to both students, before you think of anything else."
)


@dataclass
class Pair:
    """Two submissions that are alike.

    Attributes:
        first, second: the students.
        evidence: weight of what they share: the product of their TF-IDF vectors, times the square
            of `share`.
        share: the cosine similarity of these vectors, 0 to 1.
        lines: shared lines side by side: (first student's, second student's).
    """

    first: str
    second: str
    evidence: float
    share: float
    lines: list[tuple[str, str]] = field(default_factory=list)


def rank(work: Mapping[str, Work], released: Work) -> list[Pair]:
    """Return the pairs that have much in common, the most striking first.

    Args:
        work: what the students wrote, by their ids.
        released: what the released notebook holds already.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer  # it takes a second to import
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
    evidence = linear_kernel(vectors) * cosine**2
    first, second = np.nonzero(np.triu(cosine >= LITTLE, 1))
    best = np.argsort(-evidence[first, second], kind="stable")[:MANY]
    return [
        Pair(
            names[i],
            names[j],
            float(evidence[i, j]),
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
    """Return the pairs of a problem set's submissions that have much in common.

    Raises:
        CourseError: there is nothing to compare.
    """
    path = course.released(problem_set)
    try:
        released = restore.read_notebook(restore.read_file(path))
    except restore.Unreadable as error:
        raise CourseError(
            f"what students got is needed, to leave it out, but {path} cannot be read: {error}; "
            f"run `nbgrader generate_assignment {problem_set}`"
        ) from None
    work = {}
    for student in course.students():
        try:
            data = restore.read_file(course.notebook("submitted", student, problem_set))
            work[student] = students_work(restore.read_notebook(data), released)
        except restore.Unreadable:
            continue
    if len(work) < 2:
        raise CourseError(
            f"there are no two submissions of {problem_set} in {course.submitted} that can be read "
            "and compared"
        )
    return rank(work, students_work(released, None))


def students_work(notebook: Any, released: Any | None) -> Work:
    """Return what a student wrote in a notebook: every cell that the released one does not hold.

    Args:
        notebook: as `restore.read_notebook` gives it.
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
    """Print the most striking pairs."""
    print(VERDICT + "\n")
    if not pairs:
        print("No two submissions have much in common.")
    for place, pair in enumerate(pairs, 1):
        print(
            f"{place:3}. {clean(pair.first)} and {clean(pair.second)}: {pair.share:.0%} in common, "
            f"weight {pair.evidence:.0f}"
        )


def write(course: Course, problem_set: str, pairs: Sequence[Pair]) -> Path:
    """Write the page with pairs and return where it is."""
    path = course.reports / f"{problem_set}_similarity.html"
    atomic_write(path, page(problem_set, pairs))
    return path


def page(problem_set: str, pairs: Sequence[Pair]) -> str:
    """Return the pairs as a self-contained HTML page."""
    title = f"{problem_set}: submissions that are alike"
    return render("similarity.html.j2", title=title, verdict=VERDICT, pairs=pairs)
