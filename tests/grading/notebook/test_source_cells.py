"""The course's cells: their flags, and what the course's own notebook tells of names."""

import pytest

from utils.grading.notebook import source_cells
from utils.grading.notebook.reading import new_cell, new_notebook, text_hash
from utils.grading.notebook.source_cells import SourceCell, without_hidden_tests

HIDDEN = "### BEGIN HIDDEN TESTS\nassert f() == 1\n### END HIDDEN TESTS\n"
TEST = SourceCell("t f", "code", f"f()\n{HIDDEN}1", True, False, True, points=2.0, checksum="c")


def cell(text, name="", kind="code", **flags):
    return new_cell(kind, text, "x", {"nbgrader": {"grade_id": name, **flags}} if name else {})


@pytest.mark.parametrize(
    ("kind", "flags", "fixed", "is_test"),
    [
        ("code", "grade", True, True),
        ("code", "solution", False, False),
        ("code", "locked", True, False),
        ("code", "grade solution", False, False),
        ("code", "grade task", True, False),
        ("markdown", "grade", True, False),
    ],
)
def test_the_kinds_of_cells(kind, flags, fixed, is_test):
    given = {name: name in flags.split() for name in ("grade", "solution", "locked", "task")}
    made = SourceCell("f", kind, "x", **given, points=3.0)
    assert (made.fixed, made.is_test, made.hidden) == (fixed, is_test, False)
    assert ("points" in made.metadata()) == (given["grade"] or given["task"])


def test_a_cell_as_a_notebook_has_it():
    made = TEST.new()
    assert (made.id, made.cell_type, made.source) == ("t-f", "code", f"f()\n{HIDDEN}1")
    assert made.metadata.nbgrader == {
        "schema_version": 3, "grade_id": "t f", "grade": True, "solution": False, "locked": True,
        "task": False, "cell_type": "code", "checksum": "c", "points": 2.0,
    }  # fmt: skip
    assert TEST.hidden


SOURCE = new_notebook(
    [
        cell("import numpy as np\nfrom a.b import c"),
        cell("def given(): pass", "setup", locked=True),
        cell("class Net: pass\ngiven.x = 1\nnp = 2\ndef sorted(): pass", "f", solution=True),
        cell(f"f()\n{HIDDEN}1", "test_f", grade=True, locked=True, points=2),
        cell("no flags", "plain", grade=False),
    ]
)


def test_cells_of_a_notebook():
    released = new_notebook([cell("stub", "f", solution=True, checksum="c")])
    setup, work, test = source_cells.cells_of_notebook(SOURCE, released)
    assert setup.imports == ("np numpy", "c a.b c")
    assert (work.source, work.checksum, work.classes) == ("stub", "c", ("Net",))
    assert work.completes == ("given", "np", "sorted")
    assert (test.points, test.is_test, test.hidden, test.completes) == (2.0, True, True, ())
    assert source_cells.cells_of_notebook(SOURCE)[1].source.startswith("class Net")
    bare = [SourceCell("setup", "code", "", False, False, True)]
    assert source_cells.with_meanings(bare, SOURCE)[0].imports == setup.imports
    assert source_cells.with_meanings(bare, None) == bare


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({}, ""),
        ({"metadata": None}, ""),
        ({"metadata": {"kernelspec": {"name": "python3", "language": "python"}}}, ""),
        ({"metadata": {"kernelspec": {"name": "conda-env-py"}}}, ""),
        ({"metadata": {"kernelspec": {"name": "ir"}}}, "R"),
        ({"metadata": {"language_info": {"name": "julia"}}}, "julia"),
        ({"metadata": {"kernelspec": {"name": "own"}}}, ""),
    ],
)
def test_another_kernels_language(metadata, language):
    assert source_cells.other_kernel(metadata) == language


@pytest.mark.parametrize(
    ("text", "usual"),
    [
        ("a\n# SECRET\nb\n# OPEN\nc", "a\n### BEGIN HIDDEN TESTS\nb\n### END HIDDEN TESTS\nc"),
        ("SECRET = 1\nOPEN = 2", "### BEGIN HIDDEN TESTS\nSECRET = 1\nOPEN = 2\n"
         "### END HIDDEN TESTS"),
        ("a # OPEN", "a # OPEN"),
    ],
)  # fmt: skip
def test_a_courses_own_delimiters_become_the_usual_ones(text, usual):
    assert source_cells.usual_delimiters(text, "SECRET", "OPEN") == usual
    assert source_cells.usual_delimiters(HIDDEN, "BEGIN HIDDEN TESTS", "END HIDDEN TESTS") == HIDDEN
    assert source_cells.usual_delimiters(text, "", "OPEN") == text


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("import a.b, c.d as e", ["a a", "e c.d"]),
        ("from a.b import c, d as e", ["c a.b c", "e a.b d"]),
        ("from . import a\nfrom .b import c", []),
        ("%pwd\n!ls\nimport a", ["a a"]),
        ("import (", []),
    ],
)
def test_imports_of_a_cell(code, found):
    assert source_cells.imported(code) == found


@pytest.mark.parametrize(
    ("code", "classes", "changed"),
    [
        ("import a\nclass C:\n    def f(self): self.x = 1", "C", "C self"),
        ("Net.forward = f\nsetattr(Other, 'x', 1)\nb = 2", "", "Net Other b"),
        ("C(", "", ""),
    ],
)
def test_what_a_solution_defines_and_changes(code, classes, changed):
    assert source_cells.defined_by(code) == ({*classes.split()}, {*changed.split()})


def test_texts_and_releases_that_were_handed_out(tmp_path):
    notebook = new_notebook([cell("a"), cell(["b\n", "c"])])
    assert source_cells.hashes_of(notebook) == {text_hash("a"), text_hash("b\nc")}
    (tmp_path / "releases.json").write_text('{"ps1": [{"f": "1"}, 3]}')
    assert source_cells.read_releases(tmp_path / "releases.json", "ps1") == [{"f": "1"}]
    assert source_cells.read_releases(tmp_path / "releases.json", "ps2") == []


def test_hidden_tests_are_found_in_one_pass():
    begin, end = "  ## BEGIN HIDDEN TESTS x\n", "\t# END HIDDEN TESTS y\n"
    assert without_hidden_tests(f"a\n{begin}b\n{begin}{end}c\n") == "a\nc\n"
    assert without_hidden_tests(f"a\n{begin}b") == f"a\n{begin}b"
    assert without_hidden_tests(f"{end}a\n{begin}{end}{begin}{end}b") == f"{end}a\nb"
    many = begin * 40_000  # would be looked through once for each
    assert without_hidden_tests(many) == many
    assert without_hidden_tests(many + end + "a") == "a"
