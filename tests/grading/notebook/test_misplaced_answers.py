"""A written answer reaches a person wherever it stands; nothing else is taken for one."""

import json
from dataclasses import replace

import pytest
from nbgrader.utils import compute_checksum, determine_grade

from utils.grading.notebook.misplaced_answers import BESIDE, ELSEWHERE
from utils.grading.notebook.reading import as_nodes, grade_id, new_cell, new_notebook, read
from utils.grading.notebook.restore import put_in_order
from utils.grading.notebook.source_cells import SourceCell, hashes_of

ANSWER, PLACE = "a. is wrong: softmax is for classification.", "YOUR ANSWER HERE"
PICTURE = {"x.png": {"image/png": "iVBORw0KGgo="}}
QUESTION, EMPTY = ("markdown", "What?", "question"), ("markdown", PLACE, "answer")
COURSE = [
    SourceCell("question", "markdown", "What?", grade=False, solution=False, locked=True),
    SourceCell("answer", "markdown", PLACE, grade=True, solution=True, locked=False, points=4.0),
]
COURSE[1] = replace(COURSE[1], checksum=compute_checksum(COURSE[1].new()))
OTHER = replace(COURSE[1], grade_id="other")


def in_order(*given, course=COURSE, documents=()):
    """Return the cells in order by grade id, and the notes, of (kind, text, grade id, pictures)."""
    cells = []
    for kind, text, name, pictures in ((*cell, "", {})[:4] for cell in given):
        about = {"nbgrader": {"grade_id": name}} if name else {}
        cells.append(new_cell(kind, text, "x", about) | {"attachments": pictures})
    released = hashes_of(new_notebook([cell.cell() for cell in course]))
    data = read(json.dumps({"cells": cells}).encode())
    found, notes = put_in_order(data, course, released, documents=documents)
    return {grade_id(cell): cell for cell in found["cells"]}, notes


def by_hand(cell):
    """Return what nbgrader gives a written answer by itself: None if a person has to."""
    return determine_grade(as_nodes(cell))[0]


@pytest.mark.parametrize(
    "cells",
    [
        [QUESTION, EMPTY, ("markdown", ANSWER)],
        [QUESTION, ("markdown", ANSWER), EMPTY],
        [("markdown", ANSWER), QUESTION, EMPTY],
        [QUESTION, EMPTY, ("raw", ANSWER)],
        [QUESTION, EMPTY, ("code", f"# {ANSWER}")],
        [QUESTION, EMPTY, ("code", ANSWER)],
        [QUESTION, EMPTY, ("code", f"print({ANSWER!r})\n'so'")],
        [("markdown", f"What?\n\n{ANSWER}", "question"), EMPTY],
        [QUESTION, ("markdown", "", "answer"), ("markdown", ANSWER)],
        [QUESTION, ("markdown", ANSWER)],
        [("markdown", "What?"), ("markdown", ANSWER)],
    ],
)
def test_an_answer_that_stands_elsewhere_is_shown_in_its_place(cells):
    found, notes = in_order(*cells)
    assert ELSEWHERE in found["answer"]["source"]
    assert ANSWER in found["answer"]["source"]
    assert by_hand(found["answer"]) is None
    assert "cell `answer` holds no answer; text in further cells is shown there to the grader" in (
        notes
    )


def test_an_answer_in_several_cells_is_shown_with_its_pictures():
    further = [("markdown", ANSWER, "", PICTURE), ("raw", "b. is right, too.")]
    found, _ = in_order(QUESTION, EMPTY, *further)
    text = f"{PLACE}\n\n{ELSEWHERE}\n\n{ANSWER}\n\nb. is right, too."
    assert found["answer"]["source"] == text
    assert found["answer"]["attachments"] == PICTURE


@pytest.mark.parametrize("kind", ["markdown", "code"])
def test_an_answer_in_its_place_is_left_as_it_is(kind):
    found, notes = in_order(QUESTION, (kind, "Mine.", "answer"), ("markdown", ANSWER))
    assert found["answer"]["source"] == "Mine."
    assert by_hand(found["answer"]) is None
    assert not any("no answer" in note for note in notes)


def test_text_below_an_answer_goes_to_the_nearest_place_without_one():
    cells = [("markdown", "Mine.", "answer"), ("markdown", ANSWER), ("markdown", PLACE, "other")]
    found, _ = in_order(QUESTION, *cells, course=[*COURSE, OTHER])
    assert found["answer"]["source"] == "Mine."
    assert found["other"]["source"].endswith(ANSWER)


@pytest.mark.parametrize(
    "cell",
    [
        ("markdown", ""), ("raw", "  \n"), ("markdown", f"{PLACE}  "), ("markdown", "What?"),
        ("code", "x = 1\nx + 1"), ("code", "def f(:"), ("code", "%timeit x = 3"),
        ("code", "print()"), ("code", "# YOUR CODE HERE"),
    ],
)  # fmt: skip
def test_code_and_what_was_handed_out_is_no_answer(cell):
    found, notes = in_order(QUESTION, EMPTY, cell)
    assert (found["answer"]["source"], by_hand(found["answer"]), notes) == (PLACE, 0, [])


def test_files_beside_the_notebook_are_named_unless_a_text_shows_them():
    found, notes = in_order(QUESTION, EMPTY, documents=("a/scan.pdf", "b`.png"))
    assert found["answer"]["source"] == f"{PLACE}\n\n{BESIDE}\n\n- `a/scan.pdf`\n- `b.png`\n"
    assert notes == [
        "cell `answer` holds no answer; it may be in a file beside the notebook: a/scan.pdf, b`.png"
    ]
    shown = ("markdown", "![](scan.pdf)", "answer")
    assert in_order(QUESTION, shown, documents=("a/scan.pdf",))[0]["answer"]["source"] == shown[1]
