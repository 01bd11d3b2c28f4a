"""Which file of a student's folder is the notebook to grade, and what is there if none is."""

import json

import pytest

from tests.lms_downloads import zipped
from utils.grading.course.notebook_choice import Chooser, HandedIn, is_notebook, kinds
from utils.grading.notebook.reading import new_cell, new_notebook, text_hash
from utils.grading.notebook.source_cells import SourceCell

STUB = "def f():\n    raise NotImplementedError()"
CELLS = [
    SourceCell("f", "code", STUB, grade=False, solution=True, locked=False),
    SourceCell("test_f", "code", "f()", grade=True, solution=False, locked=True, points=1.0),
]


def notebook(work, *more, names=("f", "test_f")):
    cells = [(names[0], work), (names[1], "f()"), *(("", text) for text in more)]
    about = [({"nbgrader": {"grade_id": name}} if name else {}, text) for name, text in cells]
    return json.dumps(new_notebook([new_cell("code", t, "x", a) for a, t in about])).encode()


RIGHT, EMPTY = notebook("def f(): return 1"), notebook(STUB)
OTHER = notebook("", names=("g", "test_g"))


def look(tmp_path, files, chooser=None, folder="ps1"):
    for name, content in files.items():
        (tmp_path / "ada" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "ada" / name).write_bytes(content)
    return (chooser or Chooser(folder, CELLS)).look(tmp_path / "ada" / folder)


@pytest.mark.parametrize(
    ("files", "name", "notes"),
    [
        ({"ps1/ps1.ipynb": RIGHT, "ps1/a.csv": b"1"}, "ps1.ipynb", []),
        (
            {"ps1/final.ipynb.txt": RIGHT},
            "final.ipynb.txt",
            ["the notebook that was graded is final.ipynb.txt, not ps1.ipynb"],
        ),
        ({"ps1/ps1.ipynb": RIGHT, "ps1/ps1-Copy1.ipynb": RIGHT}, "ps1.ipynb", []),
        (
            {"ps1/ps1.ipynb": EMPTY, "ps1/a.zip": zipped({"b/ps1.ipynb": RIGHT})},
            "a.zip/b/ps1.ipynb",
            ["not ps1.ipynb", "for it has the most answers (1); left out: ps1.ipynb with 0"],
        ),
        (
            {"ps1/ps1 (2).ipynb": RIGHT, "ps1/ps1 (10).ipynb": notebook("def f(): return 2")},
            "ps1 (10).ipynb",
            ["not ps1.ipynb", "has the latest name of those with the most answers (1)"],
        ),
        ({"ps1/ps1.ipynb": zipped({"x.ipynb": RIGHT})}, "ps1.ipynb/x.ipynb", ["not ps1.ipynb"]),
        ({"PS1/ps1.ipynb": RIGHT}, "PS1/ps1.ipynb", ["it lies in a folder PS1"]),
        ({"my.ipynb": RIGHT}, "my.ipynb", ["beside the folder ps1, which is not there", "not ps1"]),
        (
            {"ps1/.ipynb_checkpoints/ps1-checkpoint.ipynb": RIGHT},
            ".ipynb_checkpoints/ps1-checkpoint.ipynb",
            ["not ps1.ipynb"],
        ),
    ],
)
def test_the_notebook_with_the_most_answers_counts(tmp_path, files, name, notes):
    found = look(tmp_path, files)
    assert (found.name, found.unreadable, found.missing) == (name, "", "")
    assert found.content
    assert len(found.notes) == len(notes)
    assert all(words in note for words, note in zip(notes, found.notes, strict=True))
    assert found.ask == any("were handed in" in note for note in found.notes)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({}, HandedIn()),
        ({"ps1/timestamp.txt": b"x"}, HandedIn()),
        ({"ps1/a.pdf": b"%PDF", "ps1/b": b""}, HandedIn(missing="a PDF (a.pdf), a file (b)")),
        (
            {"ps1/x.ipynb": OTHER},
            HandedIn(missing="a notebook without this problem set's cells (x.ipynb)"),
        ),
        (
            {"ps1/w.zip": b"7z\xbc\xaf\x27\x1c"},
            HandedIn(
                missing="an archive (w.zip); w.zip is a 7z archive, "
                "which cannot be unpacked here; ask for a zip file"
            ),
        ),
        ({"ps1/ps1.ipynb": b""}, HandedIn("ps1.ipynb")),
        ({"ps1": b"1"}, HandedIn(missing="a file (ps1)")),
        (
            {"ps1.pdf": b"1", "PS1 final.zip": b"1", "ps2.pdf": b"1", "ps10.pdf": b"1"},
            HandedIn(missing="an archive (PS1 final.zip), a PDF (ps1.pdf)"),
        ),
    ],
)
def test_without_a_notebook_what_is_there_is_told(tmp_path, files, found):
    assert look(tmp_path, files) == found


def test_without_a_folder_files_named_after_the_problem_set_are_told(tmp_path):
    names = ["ps1.pdf", "ps1-output-layer.pdf", "PS1 Output Layer 2.pdf", "ps10.pdf", "output.pdf"]
    found = look(tmp_path, dict.fromkeys(names, b"1"), folder="ps1_output_layer")
    assert found.missing.count("a PDF") == 3
    assert "ps10" not in found.missing
    for folder, told in (("homework_1", True), ("homework_2", False)):
        found = look(tmp_path / folder, {"homework 1.pdf": b"1"}, folder=folder)
        assert bool(found.missing) is told


def test_another_problem_sets_notebook_and_a_link_are_told(tmp_path):
    chooser = Chooser("ps1", CELLS, others={"g", "test_g"})
    found = look(tmp_path, {"ps1/ps1.ipynb": OTHER}, chooser)
    assert found.notes == ["ps1.ipynb has the cells of another problem set: ask for the notebook "
                           "of ps1"]  # fmt: skip
    assert found.ask
    (tmp_path / "ben").mkdir()
    (tmp_path / "ben" / "ps1").symlink_to(tmp_path / "ada" / "ps1")
    linked = Chooser("ps1", CELLS).look(tmp_path / "ben" / "ps1")
    assert linked == HandedIn("ps1.ipynb", unreadable="its folder is a link to another folder")


def test_a_cell_as_an_earlier_release_had_it_is_no_answer(tmp_path):
    files = {"ps1/ps1.ipynb": notebook("def f(): pass  # to do"), "ps1/a.ipynb": RIGHT}
    releases = [{"f": text_hash("def f(): pass  # to do")}]
    assert look(tmp_path, files).name == "ps1.ipynb"
    assert look(tmp_path, files, Chooser("ps1", CELLS, (), releases)).name == "a.ipynb"


@pytest.mark.parametrize(
    ("name", "content", "is_one"),
    [
        ("a.IPYNB", b"", True),
        ("a.txt", b'\xef\xbb\xbf {"cells": [], "nbformat": 4}', True),
        ("a", '{"worksheets": [], "nbformat": 3}'.encode("utf-16"), True),
        ("a.json", b'{"cells": []}', False),
        ("a.py", b'x = {"cells": [], "nbformat": 4}', False),
        ("a", b"{", False),
    ],
)
def test_a_notebook_is_known_by_its_content(tmp_path, name, content, is_one):
    (tmp_path / name).write_bytes(content)
    assert is_notebook(tmp_path / name) == is_one
    assert not is_notebook(tmp_path / "none")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ([], ""),
        (["A.PDF"], "a PDF (A.PDF)"),
        (["a.b.py", "c"], "a Python file (a.b.py), a file (c)"),
        (["d/._a.ipynb"], "macOS's notes on a file, not the file itself (d/._a.ipynb)"),
        ("12345", "a file (1), a file (2), a file (3), a file (4) and 1 more"),
    ],
)
def test_what_files_are_in_words(names, said):
    assert kinds(names) == said
