"""Text and tables of other programs: encodings, separators, letters, and lists in sentences."""

import codecs
import os

import pytest

from utils.grading import text_files
from utils.grading.text_files import MARKS, decode, read_table


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("ü€".encode(), "ü€"),
        (b"\xef\xbb\xbfu\xcc\x88", "ü"),
        ("ü".encode("utf-16"), "ü"),
        (codecs.BOM_UTF16_BE + "ü".encode("utf-16-be"), "ü"),
        ("ab".encode("utf-16-le"), "ab"),
        ("ab".encode("utf-16-be"), "ab"),
        ("ü€".encode("cp1252"), "ü€"),
        (b"\x81", "\ufffd"),
    ],
)
def test_bytes_become_text_with_composed_letters(data, text):
    assert decode(data) == text


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("Jörg  Å", " jo\u0308rg å", True), ("STRASSE", "straße", True), ("ﬁ", "FI", True),
        ("a b", "ab", False), ("o", "ö", False), ("", "  ", True),
    ],
)  # fmt: skip
def test_names_that_differ_in_case_spaces_or_encoding_are_the_same(one, other, alike):
    assert (text_files.same(one) == text_files.same(other)) == alike


def test_of_marks_piled_on_a_letter_some_stay():
    assert text_files.without_piles("a" + "\u0301" * 99 + "b\u0301") == (
        "a" + "\u0301" * MARKS + "b\u0301"
    )
    assert text_files.plain("e\u0301") == "é"


@pytest.mark.parametrize(
    ("text", "header", "lines"),
    [
        ("", [], []),
        ("A,b  C\n1, 2 \n\n,\n3\n", ["a", "b c"], [(2, {"a": "1", "b c": "2"}), (5, {"a": "3"})]),
        ("\n\na;b\n1,5;2\n", ["a", "b"], [(4, {"a": "1,5", "b": "2"})]),
        ("sep=|\na|b\n1|2\n", ["a", "b"], [(3, {"a": "1", "b": "2"})]),
        ('a\tb\n"1\n2"\t3\n', ["a", "b"], [(3, {"a": "1\n2", "b": "3"})]),
        ("a,b\n1,2,3\n", ["a", "b"], [(2, {"a": "1", "b": "2"})]),
    ],
)
def test_a_table_is_read_whatever_its_separator(tmp_path, text, header, lines):
    (tmp_path / "a.csv").write_text(text)
    assert read_table(tmp_path / "a.csv") == (header, lines)


def test_what_is_no_table_gets_a_sentence(tmp_path, monkeypatch):
    path = tmp_path / "a.csv"
    path.write_bytes(b"a" * 64 + b"\0")
    with pytest.raises(ValueError, match="it is not text"):
        read_table(path)
    path.write_text('a\n"' + "b" * 200_000)
    with pytest.raises(ValueError, match="field larger"):
        read_table(path)
    monkeypatch.setattr(text_files, "MAX_TABLE", 1 << 10)
    with pytest.raises(ValueError, match="it has more than 0 MB"):
        read_table(path)
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("name", "like"), [("jon doe", "John Doe"), ("JOHN DOE", "John Doe"), ("xyz", ""), ("", "")]
)
def test_the_name_that_is_most_like_another(name, like):
    assert text_files.nearest(name, ["Ken Ito", "John Doe"]) == like


@pytest.mark.parametrize(
    ("names", "words"),
    [([], ""), (["a"], "a"), ("abcde", "a, b, c, d, e"), ("abcdefg", "a, b, c, d, e and 2 more")],
)
def test_a_few_names_and_how_many_more(names, words):
    assert text_files.some(names) == words


@pytest.mark.parametrize(
    ("number", "words"),
    [(1, "1 second"), (1.04, "1 second"), (0.25, "0.2 seconds"), (0.01, "0.01 seconds"),
     (30, "30 seconds"), (0, "0 seconds")],
)  # fmt: skip
def test_seconds_in_words(number, words):
    assert text_files.seconds_in_words(number) == words


def test_a_files_name_becomes_text_that_can_be_written():
    assert text_files.writable(os.fsdecode(b"a\xffb")) == "a\ufffdb"
    assert text_files.writable("é") == "é"
