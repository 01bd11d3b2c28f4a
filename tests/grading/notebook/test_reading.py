"""Any bytes become a notebook of plain dicts, or a sentence that says why not."""

import json
import os

import pytest

from utils.grading.notebook import reading
from utils.grading.notebook.reading import MAX_CODE, Unreadable, grade_id, new_cell, read, text_hash


def code(source, number=0):
    return new_cell("code", source, f"cell-{number}")


def notebook(*cells):
    return {"cells": [*cells]}


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        (notebook(), []),
        ({"cells": [{"cell_type": "code", "source": ["a\r\n", "b\rc", 3]}]}, [code("a\nb\nc")]),
        (notebook(None, 3, {}), [new_cell("raw", "", "cell-2")]),
        (notebook({"cell_type": [], "source": 3}), [new_cell("raw", "", "cell-0")]),
        (
            notebook(new_cell("code", "a", "x", {"nbgrader": {"grade_id": "f", "points": 9}})),
            [new_cell("code", "a", "cell-0", {"nbgrader": {"grade_id": "f"}})],
        ),
        (notebook(new_cell("code", "a", "x", {"nbgrader": {"grade_id": 3}})), [code("a")]),
        (
            notebook(new_cell("markdown", "a", "x") | {"attachments": {"p": {"i": ["b", "c"]}}}),
            [new_cell("markdown", "a", "cell-0") | {"attachments": {"p": {"i": "bc"}}}],
        ),
        (
            {"worksheets": [3, {"cells": [
                {"cell_type": "heading", "level": 2, "source": "a"},
                {"cell_type": "code", "input": ["b"]},
            ]}]},
            [new_cell("markdown", "## a", "cell-0"), code("b", 1)],
        ),
    ],
)  # fmt: skip
def test_what_is_kept_of_a_notebook(given, cells):
    assert read(json.dumps(given).encode()) == reading.new_notebook(cells)


def test_all_that_is_kept_can_be_written_as_utf_8():
    half = "\ud800"
    picture = {"attachments": {half: {half: [half]}}}
    cells = [new_cell(kind, half, half) | picture for kind in ("code", "markdown", half)]
    json.dumps(read(json.dumps(notebook(*cells)).encode()), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b" \n", "the file is empty"),
        (b"[1]", "it is JSON, but not a notebook"),
        (b'{"cells": 3}', "it has no cells"),
        (b"\xef\xbb\xbf\r\n", "the file is empty"),
        (b"{", "it is not valid JSON, so not a notebook: its end is missing"),
        (b'{"cells": [{"source": "a', "JSON.*its end is missing.*; hand in a full copy"),
        (b'{"cells": []} and more', r"JSON.*: hand in a copy that JupyterLab opens \(Extra data"),
        (b'{"cells": [],}', r"JSON.*: hand in a copy that JupyterLab opens \(.* line 1 column"),
        (
            b"import numpy as np",
            "JSON.*: it is a file of another kind; the notebook itself is needed",
        ),
        (b"[" * 100_000, "JSON.*: it is a file of another kind"),
        (b"%PDF-1.7 \xe2\xe3", "not text in UTF-8.*: it is a file of another kind"),
        (b"\0" * 5000, "it begins with bytes that are zero.*: hand in an earlier copy"),
        (b"\0" * 512 + b'{"cells": []}', "it begins with bytes that are zero"),
        (b"\xef\xbb\xbf <!DOCTYPE html>", "it is a web page"),
        (b'{\n<<<<<<< HEAD\n"cells": []', "the marks of a merge"),
        ('{"cells": []}'.encode("utf-16"), "not text in UTF-8, but in UTF-16"),
        (b'{"cells": ["\xff"]}', "it is not text in UTF-8, so not a notebook: save it in UTF-8"),
        (json.dumps({"cells": [0] * 2001}).encode(), "it has 2001 cells, more than the 2000"),
    ],
)
def test_what_is_not_a_notebook_gets_a_sentence(data, why):
    with pytest.raises(Unreadable, match=why):
        read(data)


def test_a_notebook_with_too_much_code_says_what_to_do():
    def notebook(count):
        cells = [{"cell_type": "code", "source": "#" * 500_000, "metadata": {}}] * count
        return json.dumps({"cells": cells}).encode()

    assert len(read(notebook(4))["cells"]) == 4
    with pytest.raises(Unreadable, match="put data into a file beside the notebook"):
        read(notebook(1 + MAX_CODE // 500_000))


def test_a_byte_order_mark_and_zeros_at_the_end_change_nothing():
    data = json.dumps(notebook(code("a"))).encode()
    assert read(b"\xef\xbb\xbf" + data + b"\0\0\n") == read(data)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("missing", "there is no such file"),
        ("link", "it is a link to another file"),
        ("folder", "it is a folder"),
        ("\0", "this is not a file's name"),
        ("large", "it has 67 MB, more than the 67 MB that are read; clear"),
        ("pipe", "it is not an ordinary file"),
    ],
)
def test_only_an_ordinary_file_is_read(tmp_path, name, why):
    (tmp_path / "file").write_bytes(b"{}")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    with (tmp_path / "large").open("wb") as file:
        file.truncate(reading.MAX_FILE + 1)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    elif name == "pipe":
        pytest.skip("this system has no named pipes")
    with pytest.raises(Unreadable, match=why):
        reading.read_file(tmp_path / name)
    assert reading.read_file(tmp_path / "file") == b"{}"


@pytest.mark.parametrize(
    ("content", "found"),
    [("{", {}), ("[1]", {}), ("", {}), ("[" * 99_999, {}), ('{"a": 1}', {"a": 1})],
)
def test_a_damaged_file_of_the_courses_own_is_as_none(tmp_path, content, found):
    (tmp_path / "a.json").write_text(content)
    assert reading.read_json(tmp_path / "a.json") == found
    assert reading.read_json(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    ("metadata", "name"),
    [({}, ""), ({"nbgrader": None}, ""), ({"nbgrader": {"grade_id": 3}}, ""),
     ({"nbgrader": {"grade_id": "f"}}, "f")],
)  # fmt: skip
def test_the_grade_id_of_a_cell(metadata, name):
    assert grade_id({"metadata": metadata}) == name


def test_space_at_the_ends_of_lines_is_not_part_of_a_text():
    assert text_hash("\na \n b\t\n\n") == text_hash("a\n b")
    assert text_hash("a b") != text_hash("a  b")
    assert len({text_hash(text) for text in ("", "a", "A", "\ud800")}) == 4
