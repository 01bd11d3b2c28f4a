"""What `grade` prints: ids of any kind and length, a terminal of any width, a pipe that closes."""

import argparse
import os
import re
import subprocess
import sys

import pytest

from tests.classroom import PS1, RIGHT
from utils.commands import grade
from utils.grading.reports.report_data import Report, Row
from utils.grading.run.worker import Failure, Progress
from utils.grading.terminal import clean, columns, cut, pad, width

COMBINED = "re\u0301ne\u0301"  # as macOS writes file names
KOREAN = "\u1112\u1161\u11ab"  # one syllable, likewise
FRONT_DOOR = (
    "import sys; from pathlib import Path; from utils import __main__ as front_door\n"
    "front_door.PYTHON = Path(sys.executable)\n"
    "sys.exit(front_door.run_in_environment(sys.argv[1], sys.argv[2:]))"
)


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("", 0),
        ("abc", 3),
        ("山田", 4),
        ("ｱｲ", 2),
        ("ＡＢ", 4),
        (COMBINED, 4),
        (KOREAN, 2),
        ("…", 1),
    ],
)
def test_width_is_in_columns(text, wide):
    assert width(text) == wide
    assert width(pad(text, 9)) == 9
    assert cut(text, wide) == text


@pytest.mark.parametrize(
    ("text", "most", "kept"),
    [
        ("abcdef", 4, "abc…"),
        ("山田太郎", 5, "山田…"),
        ("山田太郎", 4, "山…"),  # half a character cannot be shown
        (COMBINED * 2, 4, "re\u0301n…"),
        ("abc", 1, "…"),
    ],
)
def test_what_is_cut_fits(text, most, kept):
    assert cut(text, most) == kept or cut(text, most).startswith(kept[:-1])
    assert width(cut(text, most)) <= most


def test_nothing_is_left_that_a_terminal_obeys():
    assert clean("\x1b[31mred\x07\u202eevil") == "?[31mred??evil"
    assert clean("two\nlines\tand\u3000more") == "two lines and more"
    assert clean("山田 é ✓") == "山田 é ✓"


def test_a_terminal_that_says_it_has_no_columns_is_as_wide_as_usual(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(os, "get_terminal_size", lambda *_: os.terminal_size((0, 0)))
    assert columns() == 120
    monkeypatch.setenv("COLUMNS", "80")
    assert columns() == 80


# The table --------------------------------------------------------------------------------------


def make(*rows: Row) -> Report:
    return Report(PS1, {"test_f": 10.0}, ["test_f"], list(rows), {})


def table(capsys, monkeypatch, wide: int, *rows: Row) -> list[str]:
    """Return the lines of the closing table on a terminal of this width."""
    monkeypatch.setenv("COLUMNS", str(wide))
    grade.print_table(make(*rows))
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("wide", [40, 80, 120])
def test_a_very_long_id_leaves_the_others_their_place(capsys, monkeypatch, wide):
    short = Row("ben", "graded", 7.0, possible=10.0, why=["stopped"])
    long = Row("x" * 250, "graded", 3.0, possible=10.0)
    _, long, other = table(capsys, monkeypatch, wide, long, short)
    assert long.startswith("x" * 10)
    assert "x…  graded" in long
    assert "7 of 10" in other
    assert max(map(width, (long, other))) <= wide
    if wide >= 80:
        assert other.endswith("stopped")


def test_points_are_of_those_that_are_possible_so_far(capsys, monkeypatch):
    rows = [
        Row("akiko", "graded", 14.0, possible=14.0, unread=4.0),
        Row("ben", "graded", 15.5, possible=18.0),
        Row("chiara", "missing"),
    ]
    _, *lines = table(capsys, monkeypatch, 100, *rows)
    points = [re.search(r"(?:graded|missing) +(.*?)  |$", line)[1] for line in lines]
    assert points == ["14 of 14; 4 unread", "15.5 of 18", "–"]


def test_columns_stand_below_each_other(capsys, monkeypatch):
    names = ("ben", "山田太郎", COMBINED, KOREAN, "\x1b[2J", "a\nb", "山" * 100)
    head, *lines = table(capsys, monkeypatch, 100, *(Row(name, "graded", 7.0) for name in names))
    where = [width(line[: line.index("graded")]) for line in lines]
    assert set(where) == {head.index("status")}
    assert not any("\x1b" in line for line in lines)
    assert len(lines) == len(names)


def test_with_quiet_submissions_that_cannot_be_read_are_problems(classroom, capsys):
    failed = Progress(failures=[Failure("ben", "its worker\x1b died")], notes=["a note"])
    rows = Row("akiko", "unreadable", notes=["the file is empty"]), Row("ben"), Row("chiara")

    def said(quiet: bool, students: list[str] | None = None) -> list[str]:
        asked = argparse.Namespace(problem_set=PS1, quiet=quiet, students=students)
        grade.print_problems(asked, classroom.course, failed, make(*rows))
        return capsys.readouterr().err.splitlines()

    note, not_graded, unreadable = said(quiet=True)
    assert note == "a note"
    assert not_graded.startswith("ben: not graded (")
    assert not_graded.endswith("its worker? died")
    assert unreadable.startswith("akiko: unreadable (")
    assert unreadable.endswith(f"{PS1}.ipynb): the file is empty")
    assert len(said(quiet=False)) == len(said(quiet=True, students=["ben"])) == 2


FORGED = "ben: 100 graded"
HOSTILE = f"\x1b[2J\x1b]0;title\x07\r\x9b31m\u202e\u2066\u2028\n{FORGED}"


def assert_only_shown(said: str) -> None:
    assert all(c.isprintable() or c == "\n" for c in said), ascii(said)
    assert not [line for line in said.splitlines() if line.strip().startswith(FORGED)]


@pytest.mark.slow
def test_no_command_prints_what_a_terminal_obeys(classroom):
    raising = {"softmax": f"def softmax(a):\n    raise ValueError({HOSTILE!r})\n"}
    classroom.submit(HOSTILE, RIGHT | raising)
    classroom.submit(f"{HOSTILE}2", b"[" + HOSTILE.encode())
    other = classroom.submit(f"{HOSTILE}3", RIGHT | {"written_answer": f"![]({HOSTILE.strip()})"})
    other.rename(other.with_name(f"{HOSTILE}.ipynb"))
    own = classroom.submit("4", RIGHT | raising)
    for command in ("grade", "report"):
        for more in ((), ("--quiet",), ("--students", f'"{HOSTILE}4"'), ("--similarity",)):
            if command == "grade" and "--similarity" in more:
                continue
            if command == "report" and more not in ((), ("--similarity",)):
                continue
            arguments = [PS1, *more, *(classroom.options if command == "grade" else ())]
            status = 1 if "--students" in more else 0
            said = classroom.run(command, *arguments, status=status)
            assert said or more == ("--quiet",)
            assert_only_shown(said)
    for path in (own, own.with_name(f"{HOSTILE}.ipynb")):
        command = [sys.executable, "-P", "-c", FRONT_DOOR, "check", str(path)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=240)
        assert result.returncode in (1, 2)
        assert_only_shown(result.stdout + result.stderr)


# Arguments --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["tcp://host:8786", "host:8786", "tls://10.0.0.1:1", "tcp://[::1]:8786"]
)
def test_addresses_of_a_scheduler(address):
    assert grade.parse([PS1, "--scheduler", address]).scheduler == address


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        *(
            ("--scheduler", value, "is not an address of a Dask scheduler: give it as tcp://host:8786")
            for value in (
                "foo", "", "tcp://host", "tcp://:8786", "host:", "host:0", "host:99999", "host:²",
                "http://host:8786", "tcp//host:8786", "://host:8786", "a host:8786",
            )
        ),
        *(
            ("--jobs", value, "is not a number of processes")
            for value in ("²", "0", "-1", "two", "")
        ),
    ],
)  # fmt: skip
def test_an_argument_of_the_wrong_form_gets_a_sentence(capsys, option, value, words):
    with pytest.raises(SystemExit) as end:
        grade.parse([PS1, f"{option}={value}"])
    assert end.value.code == 2
    assert words in capsys.readouterr().err


# A pipe that closes -----------------------------------------------------------------------------


def unread(root, *arguments: str) -> tuple[int, str]:
    """Run a command of the front door whose output nobody reads; return its status and stderr."""
    command = [sys.executable, "-P", "-c", FRONT_DOOR, *arguments]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=root, text=True, **pipe) as process:
        process.stdout.close()
        said = process.stderr.read()
        return process.wait(timeout=240), said


def test_text_that_nobody_reads_is_not_an_error(tmp_path):
    for command in ("grade", "report", "check"):
        status, said = unread(tmp_path, command, "--help")
        assert status in (0, 141)  # argparse takes no notice
        assert said == ""


@pytest.mark.slow
def test_a_class_is_graded_to_its_end_although_nobody_reads_the_table(classroom):
    for name in ("akiko", "ben", "chiara"):
        classroom.submit(name, RIGHT)
    course = ("--course", str(classroom.root))
    assert unread(classroom.root, "grade", PS1, *course, *classroom.options) == (141, "")
    assert {row["score"] for row in classroom.rows().values()} == {"14"}
    assert len(list((classroom.root / "grading" / "feedback").rglob("*.html"))) == 3
    for more in ((), ("--similarity",)):
        assert unread(classroom.root, "report", PS1, *course, *more) == (141, "")
