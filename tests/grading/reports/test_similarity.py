"""Similarity: copies come first, whatever was done to hide them."""

import re
import shutil

import pytest

from tests import invented_class
from tests.classroom import PS1, ROOT
from utils.commands.report import main as command
from utils.grading.course.settings import CourseError, find_course
from utils.grading.reports import similarity
from utils.grading.reports.similarity import rank
from utils.grading.reports.syntax_features import Work, features

RELEASED = ROOT / "assignments" / PS1 / f"{PS1}.ipynb"

SOURCE = """
def softmax(a):
    # the usual trick
    largest = np.max(a, axis=-1, keepdims=True)
    e = np.exp(a - largest)
    total = np.sum(e, axis=-1, keepdims=True)
    return e / total
"""
DISGUISED = '''
def softmax(scores):
    """My own softmax."""

    m = np.max(scores, keepdims=True,
               axis=-1)   # largest
    zaehler = np.exp(scores-m);  nenner=np.sum(zaehler, keepdims = True, axis = -1)
    return (zaehler
            / nenner)
'''
OTHER = """
def softmax(a):
    out = np.empty(a.shape)
    for i, row in enumerate(a.reshape(-1, a.shape[-1])):
        out.reshape(-1, a.shape[-1])[i] = np.exp(row) / sum(np.exp(row))
    return out
"""


def shared(a: str, b: str) -> float:
    """Return the share of the smaller one's features that the other has, too."""
    first, second = (set(features(Work([text])).counts) for text in (a, b))
    return len(first & second) / min(len(first), len(second))


def test_names_layout_comments_and_order_of_keywords_do_not_matter():
    assert shared(SOURCE, DISGUISED) == 1
    assert shared(SOURCE, OTHER) < 0.5


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("return a * b + c * d", "return d * c + b * a"),
        ("if a > b: return c", "if b < a: return c"),
        ("from numpy import exp\n    return exp(1 + a)", "return np.exp(a + 1)"),
        ("x: float = f(1.5, a)", "y = f(1.5, a)"),
        ("%matplotlib inline\n    y = f(a, 1, 2)", "y = f(a, 1, 2)"),
    ],
)
def test_the_same_said_in_another_way(one, other):
    assert shared(f"def f(a, b, c, d):\n    {one}", f"def f(w, x, y, z):\n    {turned(other)}") == 1


def turned(text: str) -> str:
    """Give the four arguments other names."""
    return re.sub(r"\b[abcd]\b", lambda match: "wxyz"["abcd".index(match[0])], text)


def test_other_numbers_and_other_functions_matter():
    assert shared("y = np.exp(x + 1)", "y = np.log(x + 1)") < 1
    assert shared("y = np.exp(x + 1)", "y = np.exp(x + 2)") < 1
    assert shared("y = (a - b) / b", "y = (a - b) / a") < 1


def test_a_cell_that_cannot_be_read_is_compared_as_far_as_it_can():
    broken = SOURCE + "\ndef unfinished(:\n    pass\n"
    assert shared(SOURCE, broken) == 1


def test_what_was_released_does_not_count():
    work = {name: Work([SOURCE]) for name in "ab"} | {"c": Work([OTHER])}
    assert rank(work, Work([SOURCE])) == []
    assert [(pair.first, pair.second) for pair in rank(work, Work())] == [("a", "b")]


def test_shared_lines_stand_side_by_side():
    (pair,) = rank({"a": Work([SOURCE]), "b": Work([DISGUISED]), "c": Work([OTHER])}, Work())
    lines = dict(pair.lines)
    assert lines["e = np.exp(a - largest)"].startswith("zaehler = np.exp(scores-m)")
    assert pair.similarity == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_ten_copies_in_a_class_of_300_come_first(tmp_path, seed, capsys):
    planted = invented_class.write(RELEASED, tmp_path / "submitted", 300, 10, seed)
    pairs = similarity.compare(find_course(tmp_path), PS1)
    assert {(pair.first, pair.second) for pair in pairs[:10]} == set(planted)
    assert pairs[9].weight > 1.5 * pairs[10].weight
    page = similarity.page(PS1, pairs)
    assert "not a verdict" in page
    assert "<script" not in page
    similarity.print_pairs(pairs[:10])
    assert "not a verdict" in capsys.readouterr().out


@pytest.mark.parametrize("others", [0, 1, 3])
def test_two_copies_are_found_in_a_class_of_few(others):
    work = {"a": Work([SOURCE]), "b": Work([DISGUISED])}
    work |= {f"other{number}": Work([OTHER]) for number in range(min(others, 1))}
    work |= {f"blank{number}": Work() for number in range(others - 1)}
    first, *rest = rank(work, Work())
    assert (first.first, first.second) == ("a", "b")
    assert first.similarity == pytest.approx(1)
    assert first.weight > 0
    assert not rest


def test_long_work_that_is_almost_equal_comes_before_short_work_that_is_equal():
    changed = SOURCE.replace("e / total", "e * (1 / total)")
    short = "def g(x):\n    return np.sqrt(x + 7)\n"
    work = {"a": Work([short]), "b": Work([short]), "c": Work([SOURCE]), "d": Work([changed])}
    pairs = rank(work, Work())
    assert [(pair.first, pair.second) for pair in pairs] == [("c", "d"), ("a", "b")]
    assert pairs[0].similarity < pairs[1].similarity == pytest.approx(1)


def test_two_students_who_share_little_are_not_a_pair():
    assert rank({"a": Work([SOURCE]), "b": Work([OTHER])}, Work()) == []


def test_ids_are_printed_and_shown_without_what_a_terminal_or_a_browser_obeys(capsys):
    pairs = rank({"\x1b[2Jevil": Work([SOURCE]), "<b>ali\u202e": Work([SOURCE])}, Work())
    similarity.print_pairs(pairs)
    said = capsys.readouterr().out
    assert "?[2Jevil" in said
    assert "<b>ali?" in said
    assert said.replace("\n", "").isprintable()
    assert "<bdi>&lt;b&gt;ali\u202e</bdi>" in similarity.page(PS1, pairs)


def test_the_command_compares_what_nobody_has_graded_yet(tmp_path, capsys):
    ((source, other),) = invented_class.write(RELEASED, tmp_path / "submitted", 5, 1)
    assert command([PS1, "--course", str(tmp_path), "--similarity"]) == 0
    said = capsys.readouterr().out
    assert f"1. {source} and {other}: " in said
    assert (tmp_path / "reports" / f"{PS1}_similarity.html").is_file()
    assert not (tmp_path / "gradebook.db").exists()


@pytest.mark.filterwarnings("ignore")  # SQLAlchemy's own affair
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([PS1], f"run `grade {PS1}` first"),
        ([PS1, "--similarity", "--format", "canvas"], f"run `grade {PS1}` first"),
        (["ps9_none", "--similarity"], "there is no problem set 'ps9_none'"),
    ],
)
def test_the_command_says_what_is_not_there_yet(tmp_path, capsys, arguments, words):
    invented_class.write(RELEASED, tmp_path / "submitted", 2)
    assert command([*arguments, "--course", str(tmp_path)]) == 1
    assert words in capsys.readouterr().err


def test_a_problem_set_without_a_release_is_to_be_released(tmp_path):
    shutil.copy(ROOT / "nbgrader_config.py", tmp_path)
    shutil.copytree(ROOT / "solutions" / PS1, tmp_path / "solutions" / PS1)
    with pytest.raises(CourseError, match=f"run `nbgrader generate_assignment {PS1}`"):
        similarity.compare(find_course(tmp_path), PS1)
    with pytest.raises(CourseError, match=f"no problem set 'ps1': .*; did you mean {PS1}"):
        similarity.compare(find_course(tmp_path), "ps1")


def test_a_class_of_one_gets_a_sentence(tmp_path):
    invented_class.write(RELEASED, tmp_path / "submitted", 1)
    with pytest.raises(CourseError, match="no two submissions"):
        similarity.compare(find_course(tmp_path), PS1)


@pytest.mark.parametrize("nested", ["x = " + "-" * 500 + "1", "x = " + "-a" * 900])
def test_an_expression_that_nests_without_end_stops_nobody(nested):
    assert shared(SOURCE, DISGUISED + nested) == 1
