"""Points and comments: what a person gave counts before what the tests gave."""

import pytest

from utils.grading.course.scores import CellScore, HandGrade, Scores


@pytest.mark.parametrize(
    ("cell", "points", "unread"),
    [
        (CellScore(), 0, True),
        (CellScore(needs_person=False), 0, False),
        (CellScore(auto=2.0), 2, False),
        (CellScore(auto=2.0, manual=0.0), 0, False),
        (CellScore(manual=1.5, extra=0.5), 2, False),
        (CellScore(auto=2.0, extra=-0.5), 1.5, False),
    ],
)
def test_points_of_a_cell(cell, points, unread):
    assert (cell.points, cell.unread) == (points, unread)


@pytest.mark.parametrize(
    ("grade", "words"),
    [
        (HandGrade(), "no points, no comment"),
        (HandGrade(0.0), "0 points, no comment"),
        (HandGrade(2.25, "so"), "2.25 points, with comment"),
        (HandGrade(1 / 3), "0.333333333333 points, no comment"),
    ],
)
def test_what_a_person_gave_in_words(grade, words):
    assert str(grade) == words


@pytest.mark.parametrize(
    ("cells", "penalty", "score", "needs_person"),
    [
        ([], 0.0, 0, False),
        ([CellScore(2.0, needs_person=False), CellScore(1.0)], 0.5, 2.5, True),
        ([CellScore(2.0, needs_person=False)], 3.0, 0, False),
    ],
)
def test_the_score_of_a_submission(cells, penalty, score, needs_person):
    scores = Scores(dict(enumerate(cells)), penalty=penalty)
    assert (scores.score, scores.needs_person) == (score, needs_person)
