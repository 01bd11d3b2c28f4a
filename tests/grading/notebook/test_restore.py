"""The course's cells are put back as handed out; what a student wrote in them is kept apart."""

import nbformat
import pytest

from utils.grading.notebook.reading import grade_id, new_cell, text_hash
from utils.grading.notebook.restore import named, put_in_order, restore
from utils.grading.notebook.source_cells import SourceCell

STUB = "def f():\n    raise NotImplementedError()"
COURSE = [
    SourceCell("setup", "code", "x = 1", grade=False, solution=False, locked=True),
    SourceCell("f", "code", STUB, grade=False, solution=True, locked=False),
    SourceCell("test_f", "code", "f()\n1.0", grade=True, solution=False, locked=True, points=1.0),
]
SETUP, WORK, TEST = ("setup", "x = 1"), ("f", "def f(): pass"), ("test_f", "f()\n1.0")
USES = "the grader uses the course's text: put your code into a cell of your own"


def handed_in(*cells):
    """Return a submission of cells: grade id, text, kind."""
    return {
        "cells": [
            new_cell(kind, text, "x", {"nbgrader": {"grade_id": name}} if name else {})
            for name, text, kind in ((*cell, "code")[:3] for cell in cells)
        ]
    }


@pytest.mark.parametrize(
    ("cells", "restored", "notes"),
    [
        ([SETUP, WORK, TEST], [SETUP, WORK, TEST], []),
        ([("setup", "x = 1  \n"), WORK, TEST], [SETUP, WORK, TEST], []),
        ([("", "x = 1"), WORK, ("", "f()\n1.0")], [SETUP, WORK, TEST], []),
        (
            [SETUP, WORK],
            [SETUP, WORK, TEST],
            ["cell `test_f` was deleted; it has been put back"],
        ),
        (
            [SETUP, WORK, ("test_f", "99.0")],
            [SETUP, WORK, TEST],
            [f"cell `test_f` was changed; {USES}"],
        ),
        (
            [("setup", "x = 2\ny = 3"), WORK, TEST],
            [("", "x = 2\ny = 3"), SETUP, WORK, TEST],
            [f"cell `setup` was changed; {USES} (what you added is read as such a cell)"],
        ),
        (
            [WORK, SETUP, ("", "z = 1"), TEST],
            [SETUP, ("", "z = 1"), WORK, TEST],
            ["cell `f` was moved; it is back in its place"],
        ),
        (
            [SETUP, ("f", STUB), WORK, TEST],
            [SETUP, ("", STUB), WORK, TEST],
            ["cell `f` was there more than once; all copies were run"],
        ),
        (
            [SETUP, ("f", WORK[1], "markdown"), TEST],
            [SETUP, WORK, TEST],
            ["cell `f` was a markdown cell; it is a code cell again"],
        ),
        (
            [SETUP, ("", f"```python\n{WORK[1]}\n```", "markdown"), TEST],
            [SETUP, ("", WORK[1]), TEST],
            [
                "a markdown cell defines `f`; it was run as code",
                "cell `f` is missing; `f` was found in another cell",
            ],
        ),
        ([SETUP, TEST], [SETUP, TEST], ["cell `f` is missing: it was deleted"]),
        (
            [SETUP, WORK, ("test_f", "y = 3", "markdown")],
            [SETUP, WORK, ("", "y = 3"), TEST],
            [
                "cell `test_f` was a markdown cell; it is a code cell again",
                f"cell `test_f` was changed; {USES} (what you added is read as such a cell)",
            ],
        ),
    ],
)
def test_cells_are_put_in_order(cells, restored, notes):
    submitted = handed_in(*cells)
    found, told = put_in_order(submitted, COURSE)
    assert [(grade_id(cell), cell["source"]) for cell in found["cells"]] == restored
    assert told == notes
    assert submitted == handed_in(*cells)  # it is left alone
    assert len({cell["id"] for cell in found["cells"]}) == len(restored)
    notebook = restore(submitted, COURSE)[0]
    assert notebook.cells[-1].metadata.nbgrader == COURSE[2].metadata()
    nbformat.validate(notebook)


def test_what_was_handed_out_earlier_is_not_the_students_change():
    submitted = handed_in(("setup", "x = 1  # an earlier text"), WORK)
    assert put_in_order(submitted, COURSE, {text_hash("x = 1  # an earlier text")})[1] == [
        "cell `test_f` was deleted; it has been put back"
    ]
    releases = [{"setup": text_hash("x = 1  # an earlier text"), "f": text_hash(STUB)}]
    assert put_in_order(submitted, COURSE, releases=releases)[1] == [
        f"cell `setup` was changed; {USES}"
    ]


def test_a_cell_without_a_grade_id_is_known_by_its_text():
    cells = handed_in(("", "f()\n1.0 "), ("", "f()\n1.0"), ("odd", "a"), ("", ""))["cells"]
    assert [name for name, _ in named(cells, COURSE)] == ["test_f", "", "odd", ""]
