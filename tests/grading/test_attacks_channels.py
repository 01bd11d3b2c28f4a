"""Attacks by what is handed in: files, names and texts that took minutes, or became formulas."""

import gzip
import io
import json
import struct
import tarfile
import unicodedata
import zipfile

import nbformat
import pytest
from nbformat.v4 import new_markdown_cell, new_notebook

from utils.grading.course import archives
from utils.grading.course.archive_members import LONGEST_HEADER, BadArchive, Budget
from utils.grading.course.archives import unpack
from utils.grading.notebook import reading, source
from utils.grading.reports import feedback, syntax_features
from utils.grading.text_files import plain, same

PILED = "a" + "\u0301" * 100_000 + "\u0327" * 100_000


# Text -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [plain, same])
def test_marks_piled_on_a_letter_are_not_sorted(make):
    assert 30 <= len(make(PILED)) <= 31
    assert len(make("\u0f73" * 200_000)) <= 60  # it is not a mark, and becomes two
    assert len(make("\uff9e" * 200_000 + PILED)) <= 62


@pytest.mark.parametrize("word", ["e\u0301", "o\u0323\u0302", "\u1100\u1161", "ש\u05bc\u05c1"])
def test_what_people_write_is_composed(word):
    assert plain(word * 50) == unicodedata.normalize("NFC", word * 50)


def test_marks_piled_on_a_letter_cost_no_page():
    notebook = new_notebook(cells=[new_markdown_cell(PILED), new_markdown_cell("the end")])
    cells = feedback.page(notebook, {"picture.png": b"", "ü.png": b""})
    assert "the end" in cells[-1].body
    nbformat.validate(notebook)


def test_marks_piled_on_a_name_do_not_keep_a_parser_busy():
    notebook = {"nbformat": 4, "cells": [{"cell_type": "code", "source": f"{PILED} = 1\nb = 2"}]}
    (cell,) = reading.read(json.dumps(notebook).encode())["cells"]
    assert "b" in source.bound_names(cell["source"])
    assert len(reading.read(json.dumps(notebook).encode())["cells"][0]["source"]) < 100


def test_a_cell_of_empty_lines_is_compared():
    empty = "\n" * 300_000
    work = syntax_features.Work([f"x = 1{empty}y = np.sum(a * b) + x"])
    lines = syntax_features.features(work).lines.values()
    assert "y = np.sum(a * b) + x" in lines
    assert syntax_features._parse(["%matplotlib inline\nif x:\n    !ls\ny = 1"]).body


# Archives ---------------------------------------------------------------------------------------


def header(kind: bytes, body: bytes) -> bytes:
    """Return what a tar archive says about its next member."""
    info = tarfile.TarInfo("header")
    info.type, info.size = kind, len(body)
    return info.tobuf(tarfile.USTAR_FORMAT) + body + bytes(-len(body) % 512)


def packed(path, *headers: bytes, name: str = "f"):
    info = tarfile.TarInfo(name)
    info.size = 5
    data = b"".join(headers) + info.tobuf() + b"hello".ljust(512, b"\0") + bytes(1024)
    path.write_bytes(gzip.compress(data, 1))
    return path


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"1" * 500_000 + b"\n", id="digits"),
        pytest.param(b"5 a=\n" * 150_000 + b"1" * 200_000, id="lines"),
        pytest.param(b"0 path=x\n", id="nothing"),
    ],
)
@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE])
def test_what_a_tar_archive_says_about_a_member_is_read_quickly_or_not(tmp_path, kind, body):
    with pytest.raises(BadArchive):
        unpack(packed(tmp_path / "a.tar.gz", header(kind, body)), tmp_path / "out", Budget())


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_name_of_megabytes_is_not_read(tmp_path, kind):
    archive = packed(tmp_path / "a.tar.gz", header(kind, bytes(LONGEST_HEADER + 1)))
    with pytest.raises(BadArchive, match="too long"):
        unpack(archive, tmp_path / "out", Budget())


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_and_foreign_names_in_tar_archives_are_read(tmp_path, form):
    names = ["日本語/über.ipynb", "folder/" * 5 + "x" * 150 + ".py", "plain.txt"]
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=form) as bundle:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size, info.mtime = 5, 1.5
            bundle.addfile(info, io.BytesIO(b"hello"))
    done = unpack(tmp_path / "a.tar.gz", tmp_path / "out", Budget())
    assert done.problems == []
    assert [path.relative_to(tmp_path / "out").as_posix() for path in done.files] == names
    assert {path.read_bytes() for path in done.files} == {b"hello"}


def test_a_size_in_a_pax_header_counts(tmp_path):
    info = tarfile.TarInfo("f")  # which says that it is empty
    data = header(tarfile.XHDTYPE, b"10 size=5\n") + info.tobuf() + b"hello".ljust(512, b"\0")
    last = tarfile.TarInfo("g")
    (tmp_path / "a.tar").write_bytes(data + last.tobuf() + bytes(1024))
    done = unpack(tmp_path / "a.tar", tmp_path / "out", Budget())
    assert [path.name for path in done.files] == ["f", "g"]
    assert done.files[0].read_bytes() == b"hello"


def test_a_list_of_members_without_end_is_not_read(tmp_path):
    entry = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\1\2", 20, 0, 20, 0, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0
    )
    entries = (entry + b"x") * 200_000
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 65535, 65535, len(entries), 4, 0)
    (tmp_path / "a.zip").write_bytes(b"PK\3\4" + entries + end)
    with pytest.raises(BadArchive, match="too many files"):
        unpack(tmp_path / "a.zip", tmp_path / "out", Budget())


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_get_names_of_their_own(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        for name in ["x.py", "X.PY", "x.py", "x (2).py", "x (2).py", "x.py"]:
            bundle.writestr(name, name)
    done = unpack(tmp_path / "a.zip", tmp_path / "out", Budget())
    assert done.problems == []
    assert len({path.name.casefold() for path in done.files}) == 6
    taken: dict[str, int] = {}
    names = {"/".join(archives.free_name(["x.py"], taken)) for _ in range(20_000)}
    assert len(names) == 20_000


def test_a_member_whose_name_is_piled_with_marks(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as bundle:
        for number in range(50):
            bundle.writestr(f"{number}a" + "\u0301" * 15_000 + "\u0327" * 15_000, "x")
    done = unpack(tmp_path / "a.zip", tmp_path / "out", Budget())
    assert len(done.files) == 50
