"""The report: a CSV file that opens right in a spreadsheet, and a page that opens offline."""

import csv
import datetime
import io
import re
from pathlib import Path

import numpy as np
import pytest

from tests.pages import Reader
from utils.grading.course.scores import CellScore, Scores
from utils.grading.course.settings import find_course
from utils.grading.reports import problem_set_report, report_page
from utils.grading.reports.charts import histogram
from utils.grading.reports.csv_files import COLUMNS, MORE_COLUMNS, to_canvas, to_csv, to_moodle
from utils.grading.reports.item_analysis import check_figures, common_hints
from utils.grading.reports.report_data import Report, Row, duration, in_order, number
from utils.system import atomic_write

TESTS = ["test_f_visible", "test_f_hidden"]
NAMES = ["Doe, Jr.", "=1+1", "山田", 'the "quoted"', "+49 30", "-5", "@home", "two\nlines", "＝1"]


def check(name: str, passed: bool, points: float = 1.0, state: str = "") -> dict:
    state = state or ("passed" if passed else "failed")
    return {
        "name": name, "points": points, "state": state, "what": "" if passed else "wrong values",
        "hint": f"Look at {name}: `axis=-1`.", "hidden": False,
    }  # fmt: skip


def row(student: str, *passed: bool, **fields) -> Row:
    """Return the row of a student whose visible test cell has these checks."""
    checks = [check(f"check {number}", good) for number, good in enumerate(passed)]
    points = {TESTS[0]: float(sum(passed)), TESTS[1]: 0.0, "written": None}
    known = {
        "status": "graded", "score": float(sum(passed)), "points": points,
        "checks": {TESTS[0]: checks}, "seconds": 0.05, "memory_bytes": 60 << 20,
    }  # fmt: skip
    return Row(student, **(known | fields))


def make(*rows: Row, people: dict | None = None) -> Report:
    return Report(
        "ps0", {TESTS[0]: 3.0, TESTS[1]: 2.0, "written": 4.0}, TESTS, list(rows), people or {}
    )


@pytest.fixture
def course(tmp_path: Path):
    (tmp_path / "submitted").mkdir()
    return find_course(tmp_path)


# CSV --------------------------------------------------------------------------------------------


def lines(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:], newline=""), strict=True))


def test_a_csv_reader_gets_back_what_was_written():
    text = to_csv(make(*(row(name, True, False) for name in NAMES)))
    head, *body = lines(text)
    assert head == [*COLUMNS, *TESTS, *MORE_COLUMNS]
    assert [line[0].removeprefix("'") for line in body] == NAMES
    assert {len(line) for line in body} == {len(head)}
    assert text.count("\r\n") == len(NAMES) + 1


def test_python_spreadsheets_and_importers_find_the_first_column(tmp_path):
    written = make(row("Doe, Jr.", True), row("山田", False))
    path = tmp_path / "ps0.csv"
    atomic_write(path, to_csv(written))
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # by this Excel knows UTF-8
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert [line["student"] for line in csv.DictReader(file)] == ["Doe, Jr.", "山田"]
    head, possible, *_ = csv.reader(io.StringIO(to_canvas(written), newline=""))
    # Canvas keeps the mark, and looks for these words within its first fields.
    assert "Student" in head[0]
    assert "ID" in head[1]
    assert head[2:5] == ["SIS User ID", "SIS Login ID", "Section"]
    assert "Points Possible" in possible[0]


SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫|%"
BLANKS = [
    "", " ", "\t", "\n", "\r", "\r\n", "\u3000", "\xa0", "\u2003", "\u200b", "\ufeff", "\u202e",
    "\x0b", "\x0c", "\x01", "\xad", "\u2060", " \t\u3000",
]  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("write", [to_csv, to_canvas, to_moodle])
def test_no_field_is_a_formula_whatever_a_spreadsheet_divides_at(delimiter, write):
    starts = [blank + sign for blank in BLANKS for sign in SIGNS]
    texts = [
        before + start + "1+1" + after
        for start in starts
        for before in ("", "a;", "a\t", "a\n", 'a";', "a,b;", '"', 'a;"', 'a\n"', 'a\t"', 'a,"')
        for after in ("", ";b", '"', "\n;")
    ]
    people = {text: {"first_name": text, "last_name": text, "email": text} for text in texts}
    rows = [row(text, True, notes=[text, text]) for text in texts]
    for line in csv.reader(
        io.StringIO(write(make(*rows, people=people))[1:], newline=""), delimiter=delimiter
    ):
        for field in line:
            for part in field.splitlines() or [""]:  # quotes within a field may not be seen
                inner = part.lstrip("".join(BLANKS) + ' "')
                assert inner[:1] not in set(SIGNS)


def test_other_text_is_left_alone():
    names = ["Jean-Luc", "a=b", "x; y", "50 %", "ben@home", "2 - 1", "a|b", "山田-太郎"]
    _, *body = lines(to_csv(make(*(row(name) for name in names))))
    assert [line[0] for line in body] == names


def test_numbers_stay_numbers():
    (_, line) = lines(to_csv(make(row("a", True, True, score=2.25))))
    assert line[3:6] == ["2.25", "9", "False"]
    assert [number(value) for value in (0, -0.0, 1 / 3, 100.0, 1e7)] == [
        "0", "0", "0.333333", "100", "10000000",
    ]  # fmt: skip


def test_an_unreadable_submission_has_no_points_at_all():
    unreadable = Row("a", "unreadable", needs_person=True, notes=["the file is empty"])
    (_, line) = lines(to_csv(make(unreadable)))
    assert line[:9] == ["a", "ps0", "unreadable", "", "9", "True", "the file is empty", "", ""]
    assert set(line[9:]) == {""}


def test_canvas_gets_its_columns_and_the_points_possible():
    people = {"a": {"first_name": "Ada", "last_name": "Doe, Jr.", "lms_user_id": "17"}}
    rows = row("a", True), Row("b")
    head, possible, first, second = lines(to_canvas(make(*rows, people=people)))
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "ps0"]
    assert possible == ["    Points Possible", "", "", "", "", "9"]
    assert first == ["Doe, Jr., Ada", "17", "", "a", "", "1"]
    assert second == ["b", "", "", "b", "", ""]


def test_canvas_finds_a_student_by_the_number_from_its_zip_file_or_from_the_gradebook():
    people = {
        "known_canvas12": {"first_name": "Ada", "last_name": "Doe", "lms_user_id": ""},
        "moved_canvas13": {"lms_user_id": "99"},
    }
    names = [*people, "doejohn_canvas12345", "doejohn_12345", "John Doe_moodle7"]
    _, _, *found = lines(to_canvas(make(*(row(name) for name in names), people=people)))
    assert [line[:4] for line in found] == [
        ["Doe, Ada", "12", "", ""],
        ["moved", "99", "", ""],
        ["doejohn", "12345", "", ""],
        ["doejohn_12345", "", "", "doejohn_12345"],  # such ids are not from a zip file
        ["John Doe", "", "", "John Doe_moodle7"],
    ]


def test_moodle_gets_its_worksheet_if_the_ids_come_from_its_zip_file():
    unreadable = Row("John Doe_moodle1234568", "unreadable", notes=["the file is empty"])
    rows = row("John Doe_moodle1234567", True), unreadable, row("akiko", True)
    head, *found = lines(to_moodle(make(*rows)))
    assert head[:4] == ["Identifier", "Full name", "Grade", "Last modified (grade)"]
    assert found == [
        ["Participant 1234567", "John Doe", "1", "", ""],
        ["Participant 1234568", "John Doe", "", "", "unreadable: the file is empty"],
    ]  # Moodle refuses a worksheet with somebody who is not of the assignment


def test_moodle_gets_a_user_name_and_a_grade_or_the_reason_for_none():
    people = {"a": {"first_name": "Ada", "last_name": "Doe", "email": "ada@example.org"}}
    rows = row("a", True), Row("b", "unreadable", notes=["the file is empty"])
    head, first, second = lines(to_moodle(make(*rows, people=people)))
    assert head == ["username", "firstname", "lastname", "email", "ps0", "ps0 feedback"]
    assert first == ["a", "Ada", "Doe", "ada@example.org", "1", ""]
    assert second == ["b", "", "", "", "", "unreadable: the file is empty"]


# Figures ----------------------------------------------------------------------------------------


def test_pass_rate_and_separation_of_each_check():
    # check 0 goes with the rest, check 1 against it, everyone passes check 2
    work = [(1, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1), (0, 1, 1), (0, 0, 1)]
    figures = check_figures(make(*(row(f"s{i}", *map(bool, w)) for i, w in enumerate(work))))
    by_name = {figure.name: figure for figure in figures if figure.test == TESTS[0]}
    assert [figure.share for figure in by_name.values()] == [0.5, 0.5, 1.0]
    passed = np.array(work, dtype=float)
    rest = passed.sum(axis=1) - passed[:, 0]
    assert by_name["check 0"].separation == pytest.approx(np.corrcoef(passed[:, 0], rest)[0, 1])
    assert by_name["check 2"].separation is None
    assert {figure.tried for figure in figures} == {6}


def test_a_test_cell_without_named_checks_counts_as_one_check():
    figures = check_figures(make(row("a", True, points={TESTS[0]: 3.0, TESTS[1]: 2.0})))
    assert [(f.name, f.share) for f in figures if f.test == TESTS[1]] == [(TESTS[1], 1.0)]


def test_hints_are_counted_by_students_and_the_most_common_comes_first():
    unwritten = row("d", False)
    unwritten.checks[TESTS[0]][0]["state"] = "unwritten"
    rows = row("a", False, True), row("b", False, False), row("c", True, False), unwritten
    hints = common_hints(make(*rows, row("e", False)))
    assert [(count, name) for count, _, _, name in hints] == [(3, "check 0"), (2, "check 1")]


# The page ---------------------------------------------------------------------------------------


@pytest.fixture
def classes() -> Report:
    rng = np.random.default_rng(0)
    rows = [row(f"s{i}", *(rng.random(3) < 0.6)) for i in range(40)]
    rows += [row(name, True) for name in NAMES]
    rows.append(row("<script>alert(1)</script>", False, why=["stopped"], notes=["<b>late</b>"]))
    rows += [Row("gone"), Row("bad", "unreadable", needs_person=True, why=["unreadable"])]
    return make(*rows)


def test_the_page_is_self_contained_and_escapes_what_students_chose(course, classes):
    text = report_page.page(classes, course)
    found = Reader(text)
    tags = {tag for tag, _ in found.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "b"}
    for _, attributes in found.elements:
        for name in ("src", "href", "xlink:href", "style"):
            value = attributes.get(name) or ""
            assert "//" not in value
            assert not value.startswith("javascript")
    assert "url(" not in text
    assert "@import" not in text
    assert "<script>alert(1)</script>" in found.text


def test_every_chart_has_a_sentence(course, classes):
    charts = [
        about for tag, about in Reader(report_page.page(classes, course)).elements if tag == "svg"
    ]
    assert len(charts) >= 1 + 3  # scores, a bar for each check
    for about in charts:
        assert about["role"] == "img"
        assert about["aria-label"].endswith(".")
        assert len(about["aria-label"].split()) >= 5


def test_the_page_shows_who_needs_a_person_with_links(course, classes, tmp_path):
    for step, suffix in (("autograded", "ipynb"), ("feedback", "html"), ("submitted", "ipynb")):
        file = tmp_path / step / "bad" / "ps0" / f"ps0.{suffix}"
        file.parent.mkdir(parents=True)
        file.touch()
    text = report_page.page(classes, course)
    part = text[text.index("For a person to look at (2)") : text.index("<h2>Missing")]
    links = [
        about["href"]
        for tag, about in Reader(part[part.index("<div") : part.rindex("</section>")]).elements
        if tag == "a"
    ]
    assert [(course.reports / link).resolve().exists() for link in links] == [True] * 3
    assert "stopped" in part
    assert "unreadable" in part


def test_histogram_counts_everyone_and_names_the_median():
    chart = histogram([0, 0.5, 9, 9, 8.75], 9)
    found = Reader(chart)
    bars = [about for tag, about in found.elements if tag == "rect"]
    assert len(bars) == 9
    heights = [float(about["height"]) for about in bars]
    assert heights[0] / heights[8] == pytest.approx(2 / 3, abs=0.01)
    assert "the median is 8.8 of 9 points" in found.text


def test_ids_are_set_apart_and_nothing_that_is_wide_widens_the_page(course):
    hebrew = row("\u05d0\u05d1 (1)", True, why=["stopped"])
    text = report_page.page(make(hebrew, row("x" * 200, False)), course)
    assert "<bdi>\u05d0\u05d1 (1)</bdi>" in text
    assert text.count("<bdi>") == text.count("</bdi>") == 2 * 2 + 1  # all, a person
    assert text.count('<div class="wide"><table') == text.count("<table")
    assert text.count('<div class="wide"><svg') == text.count("<figure>") == 1


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([Row("a")], "Nothing is graded yet."),
        ([row("a", points={TESTS[0]: 3.0, TESTS[1]: 2.0})], "Every check has passed"),
        ([row("a"), row("b")], "2 of 2 submissions lack points"),
        ([row("a", True)], "1 of 1 submissions lack points"),  # the hidden tests did not run
    ],
)
def test_where_no_check_has_failed_the_page_says_why(course, rows, words):
    assert words in report_page.page(make(*rows), course)
    assert words not in report_page.page(make(*rows, row("c", False)), course)


def test_a_test_cell_to_look_at_again_is_told_from_a_written_answer(course):
    notebook = course.notebook("autograded", "a", "ps0")
    notebook.parent.mkdir(parents=True)
    notebook.write_text('{"cells": []}')
    course.notebook("submitted", "a", "ps0").parent.mkdir(parents=True)

    def why(**needs: bool) -> list[str]:
        cells = {name: CellScore(1.0, 2.0, needs_person=need) for name, need in needs.items()}
        found = problem_set_report._row(course, "ps0", "a", Scores(cells), {TESTS[0]: 3.0}, TESTS)
        assert found.needs_person == any(needs.values())
        return found.why

    assert why(written=True, **{TESTS[0]: False}) == ["written answer"]
    assert why(written=False, **{TESTS[0]: True}) == ["test cell"]
    assert why(written=True, **{TESTS[0]: True}) == ["written answer", "test cell"]
    assert why(written=False) == []
    text = report_page.page(make(row("a", True, why=["written answer", "test cell"])), course)
    assert '<span class="tag answer">written answer</span>, <span class="tag">test cell' in text


@pytest.mark.parametrize("rows", [[], [Row("a")], [row("a", True, seconds=None)]])
def test_a_class_without_grades_has_a_report_too(course, rows):
    few = make(*rows)
    Reader(report_page.page(few, course))
    to_csv(few)
    to_canvas(few)
    to_moodle(few)


# What staff look for ----------------------------------------------------------------------------


def test_the_csv_file_says_lateness_time_name_and_points_possible_in_columns():
    known = {
        "name": "Ada Doe", "handed_in": datetime.datetime(2026, 11, 30, 17, 5), "possible": 5.0,
        "unread": 4.0, "seconds_late": 5400.0, "penalty": 0.5,
    }  # fmt: skip
    head, full, unknown, missing = lines(
        to_csv(make(row("a", True, **known), row("b", True, possible=9.0), Row("c")))
    )
    at = head.index("name")
    assert head[at:] == [*MORE_COLUMNS]
    assert full[at:] == ["Ada Doe", "2026-11-30T17:05:00Z", "1.5", "0.5", "5", "4"]
    assert unknown[at:] == ["", "", "", "0", "9", "0"]
    assert missing[at:] == [""] * 6


def section(text: str, title: str) -> str:
    """Return one section of a page as text, its rows on lines of their own."""
    start = text.index(f"<h2>{title}")
    return re.sub(r"<[^>]*>", " ", text[start : text.index("</section>", start)])


def test_the_page_says_what_is_possible_so_far_who_is_late_and_who_is_missing(course):
    unread = row("a", True, True, possible=5.0, unread=4.0)
    late = row("b", True, possible=9.0, seconds_late=4 * 86_400 + 600.0, penalty=5.0)
    late.handed_in = datetime.datetime(2026, 12, 4, 18, 10)
    people = {"c": {"email": "cleo@example.org"}}
    text = report_page.page(make(unread, late, Row("c", name="Cleo"), people=people), course)
    shown = section(text, "All submissions")
    assert "2 of 5; 4 unread" in shown
    assert "1 of 9 " in shown
    assert "2026-12-04 18:10" in shown
    assert "4.1 days, −5" in shown  # a fifth day has begun
    assert re.search(r"c\s+Cleo\s+cleo@example.org", section(text, r"Missing (1)"))
    assert "Compared" not in text


def test_the_page_compares_with_earlier_sets(course):
    now = make(row("a", True, possible=2.0), row("b", True, True, possible=2.0), Row("c"))
    now.earlier = [
        Report("ps1", {"t": 4.0}, ["t"], [Row("a", "graded", 4.0, possible=4.0), Row("b")], {}),
        Report("ps2", {"t": 4.0}, ["t"], [Row("a", "graded", 2.0, possible=2.0, unread=2.0)], {}),
    ]  # fmt: skip
    text = report_page.page(now, course)
    compared = section(text, "Compared with earlier problem sets").split()
    assert compared[compared.index("ps1") :][:7] == ["ps1", "1", "1", "100.0", "%", "100.0", "%"]
    assert compared[compared.index("ps0") :][:7] == ["ps0", "2", "1", "75.0", "%", "75.0", "%"]
    assert section(text, "All submissions").count("100 % ▼") == 1
    assert now.before() == {"a": 100.0}


def test_an_id_never_breaks(browser, course):
    many = make(*(row(f"student-of-the-class-{i}", False, notes=["a note " * 30], why=["stopped"])
                  for i in range(3)))  # fmt: skip
    page = browser.new_page(viewport={"width": 700, "height": 800})
    page.set_content(report_page.page(many, course))
    heights = page.eval_on_selector_all(
        "td.id bdi", "all => all.map(e => e.getClientRects().length)"
    )
    assert heights == [1] * 6
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.close()


def test_ps10_is_later_than_ps9():
    names = ["ps10_d", "ps2_b", "ps9_c", "ps1_a"]
    assert sorted(names, key=in_order) == ["ps1_a", "ps2_b", "ps9_c", "ps10_d"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(1, "1 min"), (61, "2 min"), (5400, "1.5 h"), (108_000, "30.0 h"), (108_001, "30.1 h"),
     (259_200, "3.0 days"), (259_199.999999, "3.0 days"), (345_601, "4.1 days")],
)  # fmt: skip
def test_lateness_is_rounded_up(seconds, words):
    assert duration(seconds) == words
