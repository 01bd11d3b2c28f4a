"""The report on a term: what counts, what is dropped, and what `term.toml` may say."""

import csv
import datetime
import io
import random
import re
from fractions import Fraction
from pathlib import Path

import pytest

from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.settings import CourseError, find_course
from utils.grading.reports.report_data import Report, Row
from utils.grading.reports.term import Term, TermCell, TermStudent, settle
from utils.grading.reports.term import read as read_term
from utils.grading.reports.term_file import TermFileError, TermRules, read
from utils.grading.reports.term_report import page, to_csv

SETS = ["ps1_a", "ps2_b", "ps10_c"]


def result(percents: list[float | None], rules: TermRules) -> TermStudent:
    """Return a student with these percentages of 100 points; None is "not graded yet"."""
    student = TermStudent("a")
    for name, percent in zip(SETS, percents, strict=False):
        row = Row("a", "graded", score=percent, possible=100.0)
        student.cells[name] = TermCell("not graded yet" if percent is None else "graded", row)
    settle(student, rules, {name: rules.weight(name) for name in SETS})
    return student


@pytest.mark.parametrize(
    ("percents", "weights", "drop", "expected", "dropped"),
    [
        ([50, 70, 90], None, 0, 70.0, []),
        ([50, 70, 90], None, 1, 80.0, ["ps1_a"]),
        ([50, 70, 90], None, 5, 90.0, ["ps1_a", "ps2_b"]),
        ([50, 70, 90], {"ps1_a": 1, "ps2_b": 2, "ps10_c": 1}, 0, 70.0, []),
        ([50, 70, 90], {"ps1_a": 2, "ps2_b": 1}, 0, 56.67, []),  # ps10_c is not named
        ([50, 70, 0], {"ps1_a": 2, "ps2_b": 1, "ps10_c": 0}, 1, 70.0, ["ps1_a"]),
        ([50, 50, 90], {"ps1_a": 1, "ps2_b": 3, "ps10_c": 1}, 1, 70.0, ["ps2_b"]),  # the heavier
        ([50, None, 90], None, 0, 70.0, []),
        ([50, None, None], None, 1, 50.0, []),  # one always counts
        ([None, None, None], None, 1, None, []),
        ([100 / 3, 100 / 3, 100 / 3], None, 0, 33.33, []),
        ([89.995, 89.995, 89.995], None, 0, 90.0, []),
        ([120, 100, 80], None, 0, 100.0, []),  # with points that were added
    ],
)
def test_weights_and_dropped_sets(percents, weights, drop, expected, dropped):
    student = result(percents, TermRules(weights, drop))
    assert student.percent == expected
    assert sorted(n for n, cell in student.cells.items() if cell.dropped) == sorted(dropped)
    assert bool(student.to_come) == any(
        p is None and TermRules(weights).weight(n) for n, p in zip(SETS, percents, strict=True)
    )


def test_the_result_is_that_of_exact_fractions():
    rng = random.Random(4)
    for _ in range(300):
        scores = [rng.randrange(0, 401) for _ in SETS]
        weights = {name: rng.choice([0, 1, 2, 3]) for name in SETS[:2]} | {SETS[2]: 1}
        drop = rng.randrange(sum(weight > 0 for weight in weights.values()))
        exact = sorted(
            (Fraction(score, 4), -weights[name], name)
            for name, score in zip(SETS, scores, strict=True)
            if weights[name]
        )[drop:]
        total = sum(-weight for _, weight, _ in exact)
        expected = sum(-weight * percent for percent, weight, _ in exact) / total
        found = result([score / 4 for score in scores], TermRules(weights, drop)).percent
        assert abs(Fraction(found) - expected) <= Fraction(1, 200) + Fraction(1, 10**8)


def test_a_grade_goes_by_the_percentage_that_is_shown():
    rules = TermRules(grades={"A": 90.0, "B": 80.0, "F": 0.0})
    assert [result([p] * 3, rules).grade for p in (100, 90, 89.996, 89.99, 80, 3)] == list("AAABBF")
    assert result([50] * 3, TermRules(grades={"A": 90.0})).grade == ""


# term.toml --------------------------------------------------------------------------------------


def rules_of(tmp_path: Path, text: str | bytes) -> TermRules:
    path = tmp_path / "term.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read(path, SETS)


def test_without_the_file_all_sets_count_the_same(tmp_path):
    assert read(tmp_path / "term.toml", SETS) == TermRules()
    assert TermRules().weight("whatever") == 1.0
    assert rules_of(tmp_path, "# nothing\n") == TermRules()


TEXT = """drop_lowest = 1
[weights]
ps1_a = 1
"ps2_b" = 2.5   # counts more
[grades]
F = 0
A = 90
"1.0" = 95
"""


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"]
)  # also as Windows' Notepad saves it
def test_the_file_is_read_in_any_encoding(tmp_path, encoding):
    rules = rules_of(tmp_path, TEXT.replace("\n", "\r\n").encode(encoding))
    assert rules.weights == {"ps1_a": 1.0, "ps2_b": 2.5}
    assert rules.drop_lowest == 1
    assert [*rules.grades.items()] == [("1.0", 95.0), ("A", 90.0), ("F", 0.0)]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[weights]\nps1_a = 1,5\n", 2, "decimals with a point"),
        ("[weights]\nps1_a = 1\nps1_a = 2\n", 3, "each name once"),
        ("[weights]\nps1_a = ", 2, "decimals with a point"),
        ("[weights\nps1_a = 1\n", 1, "Write lines such as"),
        ("[weights]\nps2_b = 1\nps1_aa = 1\n", 3, "no problem set 'ps1_aa'; did you mean ps1_a?"),
        ("[weights]\nps1_a = -1\n", 2, "ps1_a is -1.*from 0 to 1000000"),
        ("[weights]\nps1_a = nan\n", 2, "give a number"),
        ("[weights]\nps1_a = inf\n", 2, "give a number"),
        ("[weights]\nps1_a = true\n", 2, "give a number"),
        ("[weights]\n\n'ps1_a' = 'two'\n", 3, "give a number"),
        ("[weights]\nps1_a = 0\n", 1, "at least one a weight above 0"),
        ("weights = 3\n", 1, r"write \[weights\] on a line of its own"),
        ("drop_lowest = 1\nweight = 1\n", 2, "'weight' has no meaning here"),
        ("[weight]\nps1_a = 1\n", 1, "'weight' has no meaning here"),
        ("drop_lowest = 1.5\n", 1, "not a number of problem sets"),
        ("drop_lowest = -1\n", 1, "not a number of problem sets"),
        ("drop_lowest = true\n", 1, "not a number of problem sets"),
        ("drop_lowest = 2\n[weights]\nps1_a = 1\nps2_b = 1\n", 1, "leaves nothing to count"),
        ("[grades]\nA = 90\nB = 90\n", 1, "two grades begin at the same percentage"),
        ("[grades]\n1.0 = 90\n", 2, "into quotes"),
        (f"[weights]\nps1_a = 1{'0' * 400}\n", 2, "give a number"),
        (f"[weights]\nps1_a = 1{'0' * 5000}\n", 2, "Write lines such as"),
        ("[grades]\nA = 1001\n", 2, "A is 1001: give a number from 0 to 1000"),
        ("[grades]\nA = 'ninety'\n", 2, "give a number"),
        ("[weights]\nA = 1\n[grades]\nA = 'x'\n", 4, "give a number"),
        ("x = " + "[" * 5000, None, "nested too deeply|Write lines"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path, text, line, words):
    with pytest.raises(TermFileError, match=words) as error:
        rules_of(tmp_path, text)
    if line:
        assert f"term.toml, line {line}: " in str(error.value)


def test_a_file_that_is_a_folder_gets_a_sentence(tmp_path):
    (tmp_path / "term.toml").mkdir()
    with pytest.raises(TermFileError, match="cannot be read"):
        read(tmp_path / "term.toml", SETS)


# The files --------------------------------------------------------------------------------------

NAMES = ["Doe, Jr.", "=1+1", "山田", "<script>alert(1)</script>", "x" * 200]


@pytest.fixture
def term() -> Term:
    rules = TermRules({"ps1_a": 1.0, "ps2_b": 1.0, "ps10_c": 2.0}, 1, {"A": 90.0, "F": 0.0})
    students, rows = [], []
    for place, name in enumerate(NAMES):
        student = TermStudent(name, name, notes=["<b>note</b>"])
        rows.append(
            Row(name, "graded", score=5.0 + place, possible=10.0, unread=2.0 * (place == 1))
        )
        rows[-1].handed_in = datetime.datetime(2026, 11, 30, 12)
        rows[-1].seconds_late = 5400.0 * (place == 2)
        student.cells = {
            "ps1_a": TermCell("graded", rows[-1]),
            "ps2_b": TermCell("missing" if place else "unreadable", Row(name)),
            "ps10_c": TermCell("not begun"),
        }
        settle(student, rules, rules.weights)
        students.append(student)
    report = Report("ps1_a", {"test_f": 10.0}, ["test_f"], rows, {})
    reports = {"ps1_a": report, "ps2_b": report, "ps10_c": None}
    return Term(rules, rules.weights, reports, students, ["do `this`"])


def test_a_csv_reader_gets_the_term_back(term):
    text = to_csv(term)
    assert text.startswith("\ufeff")
    found = list(csv.DictReader(io.StringIO(text[1:], newline=""), strict=True))
    assert [line["student"].removeprefix("'") for line in found] == NAMES
    assert [line["ps1_a_percent"] for line in found] == ["50", "60", "70", "80", "90"]
    assert [line["ps2_b_status"] for line in found] == ["unreadable", *["missing"] * 4]
    assert [line["dropped"] for line in found] == ["ps2_b"] * 5
    assert [line["term_percent"] for line in found] == ["50", "60", "70", "80", "90"]
    assert [line["grade"] for line in found] == ["F", "F", "F", "F", "A"]
    assert {line["provisional"] for line in found} == {"True"}  # ps10_c is to come
    assert found[1]["notes"] == "ps1_a: 2 points unread; ps10_c: not begun; <b>note</b>"
    assert [line["late"] for line in found] == ["", "", "ps1_a", "", ""]
    assert found[2]["ps1_a_hours_late"] == "1.5"
    assert found[0]["missing"] == ""
    assert found[1]["missing"] == "ps2_b"
    for line in found:
        assert not any(field.startswith(("=", "+", "-", "@")) for field in line.values())


def test_the_page_loads_nothing_and_escapes_what_students_chose(term, tmp_path):
    (tmp_path / "submitted").mkdir()
    text = page(term, find_course(tmp_path))
    assert "<script" not in text
    assert "<b>note" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert not re.search(r"(src|href)=\"?[a-z]+:", text)
    assert "do <code>this</code>" in text
    assert "2 of 3 problem sets count so far" in text
    # the mean of 50 to 90, the standard deviation, lowest, quartiles, highest
    for number in ("70.0", "14.1", "50.0", "60.0", "80.0", "90.0"):
        assert f'<td class="n">{number}</td>' in text


def test_grades_are_counted_of_those_who_handed_in_anything(term, tmp_path):
    (tmp_path / "submitted").mkdir()
    for name, state in (("idle", "missing"), ("waiting", "not graded yet")):
        cells = {one: TermCell("not begun") for one in term.reports}
        student = TermStudent(name, cells=cells | {"ps1_a": TermCell(state, Row(name))})
        settle(student, term.rules, term.weights)
        term.students.append(student)
    assert [one.grade for one in term.students] == [*"FFFFA", "F", ""]
    text = page(term, find_course(tmp_path))
    assert "the results and grades of 5 of 7 students" in text
    assert "1 handed in nothing; 1 handed in, but nothing counts yet" in text
    assert "Grades: A: 1, F: 4</p>" in text


@pytest.mark.parametrize(
    ("folders", "words"),
    [
        (["akiko/ps1_output_layer"], "run `python3 -m utils grade ps1_output_layer` first"),
        ([], "no student has a submission in"),
    ],
)
def test_before_anything_is_graded_the_next_command_is_named(tmp_path, folders, words):
    (tmp_path / "submitted").mkdir()
    for folder in folders:
        (tmp_path / "submitted" / folder).mkdir(parents=True)
    course = find_course(tmp_path)
    with CourseGradebook(course) as book, pytest.raises(CourseError, match=words):
        read_term(course, book)
