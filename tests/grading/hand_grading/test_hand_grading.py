"""Grading by hand: written answers beside their rubric, on a page that only this person can use."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.classroom import HALF, PS1, RIGHT, START, Classroom
from utils.commands import handgrade
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.scores import HandGrade
from utils.grading.course.settings import CourseError
from utils.grading.hand_grading.answers import Answers, _digest
from utils.grading.hand_grading.server import ADDRESS, Server
from utils.grading.notebook.reading import read_json

CELL = "written_answer"
HOSTILE = """**a.** <script>document.title = "hacked"</script>
<img src="http://127.0.0.1:9/x.png" onerror="document.title = 'hacked'">
<img src=x onerror="document.title = 'hacked'">
<form action="save"><button>Give all points</button></form>
<a href="http://127.0.0.1:9/">the rubric</a> [another](http://127.0.0.1:9/two)
<style>.rubric { display: none }</style>
<div style="position:fixed; top:0; left:0; width:100vw; height:100vh">on top</div>
<svg onload="document.title = 'hacked'"></svg> <iframe src="http://127.0.0.1:9/"></iframe>
</article></main><textarea></textarea><meta http-equiv="refresh" content="0;url=http://127.0.0.1:9/">
"""
ANSWERS = {
    "akiko": "**a.** The other way round, said by the first.",
    "ben": "**b.** Impossible: they sum to 0.90.",
    "mallory": HOSTILE,
}


@pytest.fixture(scope="module")
def graded(new_classroom, workers) -> Classroom:
    """A class with answers to read; chiara wrote none, and dora's file cannot be read."""
    room = new_classroom()
    room.workers = workers
    for student, text in ANSWERS.items():
        room.submit(student, RIGHT | {CELL: text})
    room.submit("chiara", HALF)
    room.submit("dora", b"{")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        room.regrade()
    return room


@pytest.fixture
def room(graded, tmp_path) -> Classroom:
    """The same class, for a test that writes."""
    root = shutil.copytree(graded.root, tmp_path / "a course")
    return Classroom(root, graded.options, graded.workers)


@contextlib.contextmanager
def answers_of(room: Classroom) -> Iterator[Answers]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SQLAlchemy's own affair
        with CourseGradebook(room.course) as book:
            yield Answers(room.course, book, PS1)


def key_of(answers: Answers, student: str) -> str:
    (key,) = (key for key, one in answers.by_key.items() if one.student == student)
    return key


def recorded(room: Classroom, student: str) -> tuple[float | None, str | None, bool]:
    """Return points, comment, and whether a person is asked, as nbgrader reads them."""
    with warnings.catch_warnings(), Gradebook(room.course.db_url) as book:
        warnings.simplefilter("ignore")
        grade = book.find_grade(CELL, PS1, PS1, student)
        comment = book.find_comment(CELL, PS1, PS1, student)
        return grade.manual_score, comment.manual_comment, grade.needs_manual_grade


# What is written --------------------------------------------------------------------------------


def test_only_answers_that_a_person_has_to_read_are_shown_beside_their_rubric(graded):
    with answers_of(graded) as answers:
        assert {one.student for one in answers.by_key.values()} == set(ANSWERS)
        assert answers.unread() == 3
        (question,) = answers.questions.values()
        assert question.max_points == 4
        assert "Judge four claims" in question.text
        assert "verdict" in question.rubric
        assert "the two are swapped" in question.rubric
        assert "other way round" in question.model
        assert "other way round" not in question.rubric


def test_points_and_comment_are_in_the_gradebook_and_stay_when_the_class_is_graded_again(room):
    with answers_of(room) as answers:
        key = key_of(answers, "ben")
        assert answers.save(key, "2,5", " Say why.\r\n", HandGrade()) == HandGrade(2.5, "Say why.")
        assert answers.unread() == 2
    assert recorded(room, "ben") == (2.5, "Say why.", False)
    assert recorded(room, "akiko") == (None, None, True)
    room.regrade(force=True)
    assert recorded(room, "ben") == (2.5, "Say why.", False)
    assert room.rows()["ben"]["score"] == "16.5"
    assert room.rows()["ben"]["unread_points"] == "0"
    assert "Say why." in room.feedback("ben")


@pytest.mark.parametrize(
    "points", ["5", "-1", "4.01", "nan", "inf", "1e0", "two", "1.2.3", ".", "٣"]
)
def test_what_is_not_a_number_of_points_is_refused(room, points):
    with answers_of(room) as answers, pytest.raises(CourseError, match="give 0 to 4"):
        answers.save(key_of(answers, "ben"), points, "", HandGrade())
    assert recorded(room, "ben") == (None, None, True)


@pytest.mark.parametrize("points", ["1.23456789", "0.0000001", "2.6666666666666665", "4.0", "3"])
def test_the_page_shows_points_with_all_their_decimals(room, points):
    """What a page rounds would be saved rounded, with the next comment."""
    with serving(room) as server:
        home = f"/{server.secret}/"
        assert ask(server, f"{home}save", request_for(server, "ben", points))[0] == 200
        shown = re.findall(r'value="([^"]*)"', ask(server, home)[1])
        assert sorted(shown) == ["", "", points.removesuffix(".0")]
        assert recorded(room, "ben")[0] == float(points)


def test_two_people_do_not_overwrite_each_other(room):
    with answers_of(room) as one, answers_of(room) as other:
        one.save(key_of(one, "ben"), "3", "", HandGrade())
        with pytest.raises(CourseError, match="somebody else .*3 points, no comment; reload"):
            other.save(key_of(other, "ben"), "1", "", HandGrade())
        other.save(key_of(other, "ben"), "1", "", HandGrade(3.0))
    assert recorded(room, "ben") == (1.0, None, False)


def test_points_can_be_taken_back(room):
    with answers_of(room) as answers:
        key = key_of(answers, "ben")
        answers.save(key, "3", "so", HandGrade())
        answers.save(key, "", "", HandGrade(3.0, "so"))
        assert answers.unread() == 3
    assert recorded(room, "ben") == (None, None, True)


def test_no_points_for_an_answer_that_is_not_the_one_that_was_read(room):
    with answers_of(room) as answers:
        key = key_of(answers, "ben")
        room.submit("ben", RIGHT | {CELL: "Something else."})
        pending = room.course.folder("autograded", "ben", PS1) / f".{PS1}.pending"
        pending.write_text("{}")  # it is just being graded
        with pytest.raises(CourseError, match="handed in something else"):
            answers.save(key, "3", "", HandGrade())
        pending.unlink()
        room.regrade()
        with pytest.raises(CourseError, match="handed in something else"):
            answers.save(key, "3", "", HandGrade())
    assert recorded(room, "ben") == (None, None, True)


def test_an_answer_with_a_drawing_is_the_same_as_read_by_nbformat_and_from_the_file(tmp_path):
    """`nbformat` writes an SVG drawing as a list of lines."""
    drawing = {"a.svg": {"image/svg+xml": "PHN2Zy8+"}, "b.png": {"image/png": "iVBORw=="}}
    cell = nbformat.v4.new_markdown_cell("![](attachment:a.svg)\nb", attachments=drawing)
    path = tmp_path / "answer.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
    read = nbformat.read(path, as_version=4).cells[0]
    in_file = read_json(path)["cells"][0]
    assert in_file["attachments"]["a.svg"] == {"image/svg+xml": ["PHN2Zy8+"]}
    assert _digest(in_file) == _digest(read) == _digest(cell)


def test_a_changed_answer_is_to_be_read_again(room):
    with answers_of(room) as answers:
        answers.save(key_of(answers, "ben"), "3", "", HandGrade())
    room.submit("ben", RIGHT | {CELL: "Something else."})
    room.regrade()
    with answers_of(room) as answers:
        assert answers.unread() == 3
        answer = answers.by_key[key_of(answers, "ben")]
        assert answer.state == "changed since it was graded: look again"
        assert "Something else." in answer.body
        answers.save(key_of(answers, "ben"), "3", "", answer.grade)
        assert answers.unread() == 2


def test_the_penalty_of_late_work_follows_at_once(room):
    config = room.root / "nbgrader_config.py"
    config.write_text(config.read_text() + "\nc.LatePolicy.percent_per_day = 10\n")
    with warnings.catch_warnings(), Gradebook(room.course.db_url) as book:
        warnings.simplefilter("ignore")
        book.update_or_create_assignment(PS1, duedate="2026-11-30 18:00 UTC")
    submitted = room.course.folder("submitted", "ben", PS1)
    (submitted / "timestamp.txt").write_text("2026-12-01 12:00 UTC")
    room.regrade()
    assert float(room.rows()["ben"]["score"]) == pytest.approx(0.9 * 14)
    with answers_of(room) as answers:
        answers.save(key_of(answers, "ben"), "4", "", HandGrade())
        scores = answers.book.scores(PS1)["ben"]
    assert scores.score == pytest.approx(0.9 * 18)
    assert scores.penalty == pytest.approx(1.8)


# The server -------------------------------------------------------------------------------------


@contextlib.contextmanager
def serving(room: Classroom, names: bool = False) -> Iterator[Server]:
    """Serve the page in this process."""
    books: list[CourseGradebook] = []

    def load() -> Answers:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if not books:
                books.append(CourseGradebook(room.course))
            return Answers(room.course, books[0], PS1)

    with Server(load, names) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
            server.do(books[0].__exit__)
            server.thread.shutdown()


def ask(server: Server, path: str, body: object = None, **headers: str) -> tuple[int, str, dict]:
    """Send a request as any program can, and return status, text and headers."""
    connection = http.client.HTTPConnection(ADDRESS, server.server_port, timeout=60)
    known = {"Content-Type": "application/json"} if body is not None else {}
    known |= {name.replace("_", "-"): value for name, value in headers.items()}
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    connection.request("GET" if body is None else "POST", path, data, known)
    answer = connection.getresponse()
    said = answer.status, answer.read().decode(), dict(answer.getheaders())
    connection.close()
    return said


def request_for(server: Server, student: str, points: str = "3") -> dict:
    key = key_of(server.answers, student)
    return {
        "answer": key, "text": server.answers.by_key[key].digest, "points": points, "comment": "",
        "before": {"points": None, "comment": ""},
    }  # fmt: skip


def test_nobody_else_gets_in(room):
    with serving(room) as server:
        home = f"/{server.secret}/"
        assert ask(server, home)[0] == 200
        assert server.server_address[0] == "127.0.0.1"
        for path in (
            "/",
            "//",
            "/wrong/",
            f"/{server.secret[:-1]}/",
            f"/{server.secret}x/",
            "/[",
            "*",
        ):
            status, text, _ = ask(server, path)
            assert status == 404
            assert "written_answer" not in text
        for host in ("evil.example", f"evil.example:{server.server_port}", "127.0.0.1.evil.example",
                     "[", "", "127.0.0.1:x"):  # fmt: skip
            assert ask(server, home, Host=host)[0] == 403  # a name that leads here
        right = request_for(server, "ben")
        for origin in ("http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"):
            assert ask(server, f"{home}save", right, Origin=origin)[0] == 403
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
            assert ask(server, f"{home}save", right, Content_Type=kind)[0] == 404
        assert ask(server, "/save", right)[0] == 404
        assert recorded(room, "ben") == (None, None, True)
        origin = f"http://127.0.0.1:{server.server_port}"
        assert ask(server, f"{home}save", right, Origin=origin)[0] == 200
        assert recorded(room, "ben") == (3.0, None, False)


@pytest.mark.parametrize(
    "change",
    [
        {"answer": "no such"}, {"answer": 1}, {"answer": None}, {"text": "another"}, {"points": 3},
        {"points": "9"}, {"comment": None}, {"comment": "x" * 20_001}, {"before": None},
        {"before": {"points": "3", "comment": ""}}, {"before": {"points": True, "comment": ""}},
        {"before": {"points": None}}, {"answer": ["x"]}, {"text": {}},
    ],
)  # fmt: skip
def test_a_request_that_is_not_the_pages_gets_a_sentence_and_writes_nothing(room, change):
    with serving(room) as server:
        request = request_for(server, "ben") | change
        status, text, _ = ask(server, f"/{server.secret}/save", request)
        assert status == 409
        assert len(text.split()) > 4
    assert recorded(room, "ben") == (None, None, True)


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"3", b"[" * 10_000, b"x" * 300_000, b"null"])
def test_no_body_ends_the_server(room, body):
    with serving(room) as server:
        with contextlib.suppress(ConnectionError):  # too long: it is not read to its end
            assert ask(server, f"/{server.secret}/save", body)[0] in (409, 413)
        with socket.create_connection((ADDRESS, server.server_port)) as idle:
            idle.sendall(b"GET / HTTP/1.1\r\n")  # and never goes on
            assert ask(server, f"/{server.secret}/")[0] == 200


def test_the_page_tells_nobodys_name_unless_asked(room):
    with serving(room) as server:
        status, text, headers = ask(server, f"/{server.secret}/")
        assert status == 200
        for student in (*ANSWERS, "chiara"):
            assert student not in text
        assert text.count("<article") == 3
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    with serving(room, names=True) as server:
        text = ask(server, f"/{server.secret}/")[1]
        for student in ANSWERS:
            assert f"<bdi>{student}</bdi>" in text


def test_an_answer_too_large_for_the_page_has_one_of_its_own(room, monkeypatch):
    monkeypatch.setattr("utils.grading.hand_grading.server.SHOWN", 10)
    with serving(room) as server:
        text = ask(server, f"/{server.secret}/")[1]
        assert "sum to 0.90" not in text.partition("</aside>")[2]
        links = re.findall(r'href="(answer/[0-9a-f]+)"', text)
        assert len(links) == 3
        pages = [ask(server, f"/{server.secret}/{link}") for link in links]
        assert any("Impossible" in text for _, text, _ in pages)
        for _, text, headers in pages:
            assert "<script" not in text
            assert "script-src 'nonce-" in headers["Content-Security-Policy"]


# In a browser -----------------------------------------------------------------------------------


@pytest.mark.browser
def test_nothing_of_an_answer_runs_loads_or_covers_the_page(room, browser):
    with serving(room) as server:
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(server.address, wait_until="networkidle")
        assert "hacked" not in page.title()
        assert {urlsplit(url).netloc for url in asked} == {f"127.0.0.1:{server.server_port}"}
        assert page.locator("article form").count() == 3
        assert (
            page.locator("article .body :is(form, script, iframe, svg, a[href], style)").count()
            == 0
        )
        assert page.locator("article .body :is(input, textarea, button, meta)").count() == 0
        assert page.locator(".rubric").is_visible()
        over = "e => ['fixed', 'absolute', 'sticky'].includes(getComputedStyle(e).position)"
        assert not page.eval_on_selector_all("article .body *", f"all => all.some({over})")
        page.close()


@pytest.mark.browser
@pytest.mark.slow
def test_a_whole_class_by_the_keyboard_alone(room, browser):
    """Three answers are graded by typing only; then the command is ended with Ctrl-C."""
    command = [sys.executable, "-P", "-c", START.format("handgrade"), PS1]
    process = subprocess.Popen(
        [*command, "--course", str(room.root), "--no-browser"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        first = process.stdout.readline()
        assert first.startswith("3 of 3 answers to read: ")
        page = browser.new_page()
        page.goto(first.split()[-1])
        left = page.locator("#left")
        page.wait_for_function("document.activeElement.tagName === 'INPUT'")
        page.keyboard.type("3,5")
        page.keyboard.press("Enter")
        left.filter(has_text="2 of 3 to read").wait_for()
        page.keyboard.type("7")  # not possible: it stays, with a sentence
        page.keyboard.press("Enter")
        page.get_by_text("'7' is not a number of points: give 0 to 4").wait_for()
        page.keyboard.press("Control+a")
        page.keyboard.type("2")
        page.keyboard.press("Tab")
        page.keyboard.type("Say *why*.")
        page.keyboard.press("Control+Enter")
        left.filter(has_text="1 of 3 to read").wait_for()
        page.keyboard.press("Enter")  # nothing typed: nothing saved
        page.get_by_text("Give points first").wait_for()
        page.keyboard.type("0")
        page.keyboard.press("Enter")
        left.filter(has_text="All are read").wait_for()
        page.reload()
        left.filter(has_text="0 of 3 to read").wait_for()
        values = page.eval_on_selector_all("article input", "all => all.map(e => e.value)")
        assert values == ["3.5", "2", "0"]
        page.close()
        os.killpg(process.pid, signal.SIGINT)
        said = process.communicate(timeout=60)[0]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert process.returncode == 0
    assert f"saved 3 times, 0 of 3 answers are still to read\nnow run `grade {PS1}`" in said
    found = sorted((recorded(room, student) for student in ANSWERS), key=lambda one: one[0])
    assert found == [(0.0, None, False), (2.0, "Say *why*.", False), (3.5, None, False)]


def test_a_file_of_extensions_that_is_damaged_meanwhile_gets_a_sentence(room, monkeypatch, capsys):
    def opened(_: str) -> bool:
        room.course.extensions.write_text("student,problem_set,new_deadline\nben,ps1,tomorrow\n")
        raise KeyboardInterrupt

    with serving(room) as server:
        with pytest.raises(KeyboardInterrupt):
            opened("")
        status, said, _ = ask(server, f"/{server.secret}/")
        assert status == 500
        assert "line 2" in said
    room.course.extensions.unlink()
    monkeypatch.setattr("webbrowser.open", opened)
    assert handgrade.main([PS1, "--course", str(room.root)]) == 0
    said = capsys.readouterr()
    assert "line 2" in said.err
    assert "3 of 3 answers are still to read" in said.out


# The command ------------------------------------------------------------------------------------


def test_the_address_is_not_among_the_arguments_of_the_browser(room, monkeypatch, capsys):
    """Everybody on this machine can list the arguments of all programs."""
    seen: list[str] = []

    def opened(address: str) -> bool:
        seen.append(address)
        file = Path(urlsplit(address).path)
        seen.append(file.read_text())
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", opened)
    assert handgrade.main([PS1, "--course", str(room.root)]) == 0
    address = capsys.readouterr().out.split("\n")[0].split()[-1]
    assert seen[0].startswith("file:///")
    assert urlsplit(address).path.strip("/") not in seen[0]
    assert seen[1].count(address) == 2


def test_what_cannot_be_graded_by_hand_gets_a_sentence(room, capsys):
    main = handgrade.main
    assert main(["ps9_none", "--course", str(room.root)]) == 1
    assert "there is no problem set 'ps9_none'" in capsys.readouterr().err
    assert main([PS1, "--course", str(room.root / "nowhere")]) == 1
    assert "there is no folder" in capsys.readouterr().err
    with socket.socket() as taken:
        taken.bind((ADDRESS, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main([PS1, "--course", str(room.root), "--port", port]) == 1
        assert f"port {port} cannot be used" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main([PS1, "--port", "0"])
    assert "not a port" in capsys.readouterr().err
