"""Feedback: points and hints for every check, and nothing of what is hidden."""

import base64
import re

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.classroom import PS1, RIGHT
from tests.pages import Reader
from tests.problem_sets.grading import execute, read
from utils.checks import MIME
from utils.grading.course.scores import CellScore, Scores
from utils.grading.notebook.source_cells import without_hidden_tests
from utils.grading.reports import feedback, rendering
from utils.grading.reports.nbgrader_pages import HideHiddenTests
from utils.grading.reports.rendering import Renderer

SECRET = "12.34567"  # what a hidden test expects
PIXEL = "iVBORw0KGgo="
SHOWN = f"data:image/png;base64,{PIXEL}"


def cell(source: str, *outputs: dict, grade_id: str = "test_f_hidden", **about) -> NotebookNode:
    metadata = {"grade": True, "solution": False, "grade_id": grade_id, "points": 2} | about
    made = new_code_cell(source, metadata={"nbgrader": metadata})
    made.outputs = [NotebookNode(output) for output in outputs]
    return made


def hidden(source: str) -> str:
    return f"# Hidden checks.\n### BEGIN HIDDEN TESTS\n{source}\n### END HIDDEN TESTS\n"


def filled(
    notebook: NotebookNode, scores: Scores | None = None, max_points: dict | None = None
) -> str:
    scores, max_points = scores or Scores(), max_points or {}
    return feedback.fill(
        feedback.page(notebook), "ps0", "<b>me</b>", "graded", scores, max_points, "mark"
    )


TABLE = {
    "task": "f", "hidden": True,
    "checks": [
        {"name": "rows sum to 1", "points": 1, "state": "failed", "what": "a sum is not 1",
         "hint": "Use `axis=-1`."},
        {"name": "no nan", "points": 1, "state": "passed", "what": "", "hint": "Shift."},
    ],
}  # fmt: skip


def test_a_hidden_test_is_shown_by_names_and_hints_only():
    error = new_output(
        "error", ename="AssertionError", evalue=f"{SECRET} != 0", traceback=[f"f(x) == {SECRET}"]
    )
    outputs = [
        new_output("stream", name="stdout", text=f"expected {SECRET}"),
        new_output("display_data", data={MIME: TABLE, "text/plain": f"got {SECRET}"}),
        new_output("display_data", data={"text/html": f"<p>{SECRET}</p>"}),
        new_output("execute_result", data={"text/plain": f"array([{SECRET}])"}),
        error,
    ]
    shown = cell(hidden(f"assert f(1) == {SECRET}"), *outputs)
    page = filled(new_notebook(cells=[shown]))
    assert SECRET not in page
    assert "rows sum to 1" in page
    assert "Hint: Use <code>axis=-1</code>." in page
    assert "a sum is not 1" in page
    assert "AssertionError: a hidden check stopped here" in page
    Reader(page)
    assert SECRET in str(shown)  # the notebook itself is left alone


def test_a_visible_test_is_shown_with_its_source_and_numbers():
    table = TABLE | {"hidden": False}
    shown = cell("assert f(1) == 0.25", new_output("display_data", data={MIME: table}))
    page = filled(new_notebook(cells=[shown]))
    assert "0.25" in Reader(page).text
    assert "its tests" in page


@pytest.mark.parametrize("answers", [{}, RIGHT, {"softmax": "def softmax(a):\n    return a\n"}])
def test_of_the_real_problem_set_nothing_hidden_is_shown(answers):
    notebook = read("solutions", PS1)
    visible, lines = set(), set()
    for one in notebook.cells:
        about = one.metadata.get("nbgrader", {})
        one.source = answers.get(about.get("grade_id"), one.source)
        if one.cell_type == "code":
            visible |= set(without_hidden_tests(one.source).splitlines())
            lines |= set(one.source.splitlines())
    secrets = {line.strip() for line in lines - visible}
    secrets = {line for line in secrets if len(line) > 12 and not line.startswith("with check(")}
    assert len(secrets) > 20
    text = Reader(filled(execute(notebook))).text
    assert [line for line in secrets if line in text] == []


def test_nbgraders_own_pages_hide_the_same():
    shown = cell(
        hidden(f"assert f(1) == {SECRET}"),
        new_output("stream", name="stdout", text=SECRET),
        new_output("display_data", data={MIME: TABLE, "text/html": SECRET}),
        new_output("execute_result", data={"text/plain": "1.5"}),
    )
    step = HideHiddenTests()
    notebook, _ = step.preprocess(new_notebook(cells=[shown]), {})
    (one,) = notebook.cells
    assert SECRET not in str(one)
    assert one.outputs[-1].data["text/plain"] == "1.5"
    assert "rows sum to 1" in one.outputs[0].data["text/html"]
    nbformat.validate(notebook)


# What else is on the page -------------------------------------------------------------------------


def test_what_cost_points_comes_first_by_the_titles_of_the_tasks():
    table = TABLE | {"hidden": False}
    unwritten = {
        "task": "g",
        "checks": [check | {"state": "unwritten", "what": "not written yet"} for check in
                   TABLE["checks"]],
    }  # fmt: skip
    cells = [
        new_markdown_cell("# The set\n\n[lecture](../../lectures/01.ipynb) [site](https://a.org)"),
        new_markdown_cell("## Task 1: Write `e` (1 point)\n\nText."),
        cell("1", grade_id="test_e_visible"),
        new_markdown_cell("## Task 2: Write <b>`f` (2 points)\n\nText."),
        cell("1", new_output("display_data", data={MIME: table}), grade_id="test_f_visible"),
        new_markdown_cell("## Task 3: Write `g` (2 points)\n\nText."),
        cell("1", new_output("display_data", data={MIME: unwritten}), grade_id="test_g_hidden"),
    ]
    points = {"test_e_visible": 1.0, "test_f_visible": 1.0, "test_g_hidden": 0.0}
    scores = Scores(
        {name: CellScore(auto=value, needs_person=False) for name, value in points.items()}
    )
    max_points = {"test_e_visible": 1.0, "test_f_visible": 2.0, "test_g_hidden": 2.0}
    page = filled(new_notebook(cells=cells), scores, max_points)
    head, _, rest = page.partition("</header>")
    reader = Reader(f"{head}</header></main></body></html>")
    assert head.count("<table") == 1
    places = [reader.text.index(words) for words in (
        "What cost points", "Task 3: Write g", "hidden checks: 2 checks", "not written yet",
        "Task 2: Write <b>f", "visible checks: rows sum to 1", "Use ", "Task 1: Write e",
    )]  # fmt: skip
    assert places == sorted(places)
    links = [about["href"] for tag, about in reader.elements if tag == "a"]
    assert links == [f"#{name}" for name in (
        "test_g_hidden", "test_g_hidden", "test_f_visible", "test_f_visible", "test_e_visible",
    )]  # fmt: skip
    assert all(f'id="{link[1:]}"' in rest for link in links)
    assert "test_f_visible" not in Reader(page).text  # no grade id is shown
    assert "<details><summary>The set</summary>" in rest
    other = [
        about.get("href")
        for tag, about in Reader(f"<html><body><main>{rest}").elements
        if tag == "a"
    ]
    assert other == [None, "https://a.org"]


CAUSED = {
    "task": "f", "hidden": False, "headline": "f: 0 of 3 visible points; 4 hidden points depend",
    "hidden_points": 4,
    "cause": {"what": "`f` returned nothing (None)", "hint": "End with `return`.", "line": 2,
              "code": "print(a)"},
    "checks": [
        {"name": name, "points": 1, "state": "failed", "what": "same cause", "hint": "",
         "same_cause": True} for name in ("the example", "the batch")
    ] + [{"name": "the shape", "points": 1, "state": "failed", "what": "it differs", "hint": ""}],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["display_data", "execute_result"])
def test_a_common_cause_is_told_once_and_no_hint_is_empty(kind):
    output = new_output(kind, data={MIME: CAUSED, "text/plain": "0.0"})
    notebook = new_notebook(cells=[cell("1", output, grade_id="test_f_visible")])
    scores = Scores({"test_f_visible": CellScore(auto=0.0, needs_person=False)})
    head, _, rest = filled(notebook, scores, {"test_f_visible": 3.0}).partition("</header>")
    assert head.count("<code>f</code> returned nothing (None). End with <code>return</code>.") == 1
    assert "visible checks: 2 checks" in head
    assert "visible checks: the shape" in head
    assert rest.count("returned nothing (None)") == 1
    assert "Next step: End with <code>return</code>." in rest
    assert rest.count("(same cause)") == 2
    assert "f: 0 of 3 visible points; 4 hidden points depend" in rest
    assert "Hint:" not in rest


@pytest.mark.parametrize(
    ("output", "kept"),
    [
        (
            {MIME: CAUSED | {"checks": [TABLE["checks"][0] | {"what": f"expected {SECRET}"}]}},
            "rows sum to 1",
        ),
        (
            {MIME: CAUSED | {"cause": CAUSED["cause"] | {"what": SECRET, "code": SECRET}}},
            "Next step: End with <code>return</code>.",
        ),
        ("class Asked12_34567(Exception)", "a hidden check stopped here"),
    ],
    ids=["table", "cause", "error of the student's own type"],
)
def test_a_hidden_test_shows_no_numbers_even_where_it_was_meant_to(output, kept):
    if isinstance(output, dict):
        shown = new_output("display_data", data=output)
    else:
        shown = new_output("error", ename="Asked12_34567", evalue=SECRET, traceback=[SECRET])
    page = filled(new_notebook(cells=[cell(hidden("..."), shown)]))
    assert SECRET not in page
    assert "12_34567" not in page
    assert kept in page


def test_points_that_a_person_gave_are_not_explained_by_checks():
    shown = cell("1", new_output("display_data", data={MIME: TABLE}), grade_id="test_f")
    scores = Scores({"test_f": CellScore(auto=1.0, manual=0.5, needs_person=False)})
    head = filled(new_notebook(cells=[shown]), scores, {"test_f": 2.0}).partition("</header>")[0]
    assert "points not given" in head
    assert "−1.5" in head
    assert "rows sum to 1" not in head


def test_points_comments_penalty_and_what_is_still_to_come():
    cells = [
        cell("f", grade_id="test_f"),
        cell("def f(): ...", grade_id="f", grade=False, solution=True),
        new_markdown_cell(
            "Because.", metadata={"nbgrader": {"grade": True, "solution": True, "grade_id": "w"}}
        ),
    ]
    scores = Scores(
        {"test_f": CellScore(auto=2.0, needs_person=False), "w": CellScore()},
        {"f": "A *fine* one <script>alert(1)</script>", "w": ""},
        penalty=0.5,
    )
    page = filled(new_notebook(cells=cells), scores, {"test_f": 2.0, "w": 4.0})
    text = Reader(page).text
    assert "1.5 of 6 points so far; a person still has to grade some of it" in text
    assert "to come, of 4" in text
    assert "handed in late" in text
    assert "A <em>fine</em> one" in page
    assert "alert(1)" not in page
    assert "<b>me</b>" not in page


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        '<a href="javascript:alert(1)">x</a>',
        '<iframe src="//evil.example"></iframe>',
        '<img src="https://evil.example/pixel.png">',
        '<svg onload="alert(1)"></svg>',
        '<p style="background:url(https://evil.example)">x</p>',
        "<style>body{display:none}</style>",
    ],
)
def test_nothing_of_a_students_runs_or_loads(evil):
    cells = [
        new_markdown_cell(evil),
        cell("1", new_output("display_data", data={"text/html": evil}), grade=False),
        cell("1", new_output("stream", name="stdout", text=evil), grade=False),
        cell("1", new_output("display_data", data={"image/svg+xml": evil}), grade=False),
    ]
    page = filled(new_notebook(cells=cells))
    for tag, about in Reader(page).elements:
        assert tag not in ("script", "iframe", "svg", "style") or "" in about or tag == "style"
        assert not any(name.startswith("on") for name in about)
        for name in ("src", "href", "style"):
            assert "evil" not in (about.get(name) or "")
            assert "javascript" not in (about.get(name) or "")
    assert page.count("<style>") == 1


def test_pictures_and_colours_are_shown():
    attached = new_markdown_cell("![x](attachment:photo.png)")
    attached["attachments"] = {"photo.png": {"image/png": PIXEL}}
    red = new_output("stream", name="stderr", text="\x1b[31mred\x1b[0m")
    cells = [attached, cell("1", new_output("display_data", data={"image/png": PIXEL}), red)]
    page = filled(new_notebook(cells=cells))
    pictures = [about for tag, about in Reader(page).elements if tag == "img"]
    assert [about["src"] for about in pictures] == [SHOWN] * 2
    assert all(about["alt"] for about in pictures)
    assert "\x1b" not in page


@pytest.mark.parametrize(
    ("link", "name"),
    [
        ("attachment:my%20scan.png", "my scan.png"),
        ("attachment:L%C3%B6sung.png", "L\u00f6sung.png"),
        ("attachment:L%C3%B6sung.png", "Lo\u0308sung.png"),  # as macOS writes names
        ("attachment:L%C3%B6sung.png", "L%C3%B6sung.png"),
        ("attachment:100%.png", "100%.png"),
    ],
)
def test_a_picture_is_found_however_its_name_is_written(link, name):
    for source in (f"![x]({link})", f'<img src="{link}">'):
        shown = new_markdown_cell(source)
        shown["attachments"] = {name: {"image/png": PIXEL}}
        page = filled(new_notebook(cells=[shown]))
        assert [about.get("src") for tag, about in Reader(page).elements if tag == "img"] == [SHOWN]


@pytest.mark.parametrize("kind", ["png", "jpeg", "gif", "webp", "svg+xml"])
def test_pictures_of_all_usual_kinds_are_shown(kind):
    shown = new_markdown_cell("![x](attachment:x)")
    svg = '<svg xmlns="http://www.w3.org/2000/svg"></svg>'
    shown["attachments"] = {"x": {f"image/{kind}": svg if "svg" in kind else PIXEL}}
    page = filled(new_notebook(cells=[shown]))
    (about,) = (about for tag, about in Reader(page).elements if tag == "img")
    assert about["src"].startswith(f"data:image/{kind};base64,")


def test_a_picture_beside_the_notebook_is_shown():
    (shown,) = feedback.page(
        new_notebook(cells=[new_markdown_cell("![x](my%20photo.PNG) ![y](./my%20photo.PNG)")]),
        {"my photo.PNG": base64.b64decode(PIXEL), "secret.txt": b"not asked for"},
    )
    assert shown.body.count(SHOWN) == 2


@pytest.mark.parametrize(
    ("link", "attachments", "name", "why"),
    [
        ("attachment:image.png", {}, "image.png", "it is not in the notebook"),
        ("image.png", {}, "image.png", "it is not in the notebook"),
        ("../../other/image.png", {}, "../../other/image.png", "it is not in the notebook"),
        ("https://example.org/x.png", {}, "https://example.org/x.png", "are not loaded"),
        ("attachment:x.heic", {"x.heic": {"image/heic": PIXEL}}, "x.heic", "of this kind"),
        ("attachment:x.png", {"x.png": {"image/png": '"><b>'}}, "x.png", "of this kind"),
        ("attachment:x.png", {"x.png": {}}, "x.png", "it is not in the notebook"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_named_with_the_reason(link, attachments, name, why):
    shown = new_markdown_cell(f"Before ![x]({link}) after")
    shown["attachments"] = attachments
    renderer = Renderer()
    text = Reader(feedback.page(new_notebook(cells=[shown]), None, renderer)[0].body).text
    assert f"picture {name} is not shown" in text
    assert why in text
    assert "Before" in text
    assert "after" in text
    assert renderer.lost == [name]


# Rendering that takes long or fails ---------------------------------------------------------------

SLOW = {
    "open elements": "<div>" * 55_000,
    "links": "[a](" * 70_000,
    "dollars": "$$a" * 90_000,
    "environments": "\\begin{a}\n" * 30_000,
    "a long text": "x " * 200_000,
    "brackets": "[" * 250_000,
}


@pytest.mark.slow
@pytest.mark.parametrize("source", SLOW.values(), ids=SLOW)
def test_a_text_that_takes_long_is_shown_as_plain_text_and_the_next_as_usual(source, monkeypatch):
    monkeypatch.setattr(rendering, "PIECE_SECONDS", 0.5)  # on a fast machine, too, they take longer
    cells = [new_markdown_cell(text) for text in (source, "*emphasis*")]
    page = "".join(one.body for one in feedback.page(new_notebook(cells=cells)))
    assert rendering.PLAIN in page
    assert page.count(rendering.PLAIN) == 1
    assert "<em>emphasis</em>" in page
    assert source.strip()[:50] in Reader(page).text


@pytest.mark.slow
def test_a_page_of_many_slow_texts_comes_to_an_end(monkeypatch):
    monkeypatch.setattr(rendering, "PIECE_SECONDS", 0.5)
    monkeypatch.setattr(rendering, "PAGE_SECONDS", 2.0)
    monkeypatch.setattr(feedback, "LONGEST", 1 << 30)
    cells = [new_markdown_cell(f"{number}" + SLOW["links"]) for number in range(200)]
    shown = feedback.page(new_notebook(cells=cells))
    assert [one.body.count(rendering.PLAIN) for one in shown] == [1] * 200


def test_a_page_that_would_be_too_long_leaves_out_what_earns_no_points(monkeypatch):
    monkeypatch.setattr(feedback, "LONGEST", 2000)
    texts = [new_markdown_cell(f"text {number} " + "*a* " * 100) for number in range(9)]
    cells = [*texts, new_markdown_cell("the last"), cell("answer = 1", solution=True), cell("1.0")]
    bodies = [one.body for one in feedback.page(new_notebook(cells=cells))]
    assert ["Not shown" in body for body in bodies] == [False] + [True] * 8 + [False] * 3
    assert sum(map(len, bodies)) < 4000


def test_without_a_process_that_renders_all_is_plain_text(monkeypatch, tmp_path):
    monkeypatch.setattr(rendering, "_process", rendering._Process())
    monkeypatch.setattr(rendering, "_known", {})
    monkeypatch.setattr(rendering.sys, "executable", str(tmp_path / "gone"))
    cells = [new_markdown_cell("**b** <script>"), cell("print(1) < 2", grade=False)]
    text = Reader(filled(new_notebook(cells=cells))).text
    assert "**b** <script>" in text
    assert "print(1) < 2" in text


def test_a_renderer_that_dies_is_started_again(monkeypatch):
    assert "<em>" in Renderer().markdown("*before*")
    rendering._process.child.kill()
    assert rendering.PLAIN in Renderer().markdown("*meanwhile*")
    assert "<em>" in Renderer().markdown("*after*")


def test_a_cell_that_cannot_be_shown_keeps_its_points_and_its_secrets(monkeypatch):
    monkeypatch.setattr(feedback, "hide_hidden_tests", lambda cell: 1 / 0)
    cells = [cell(hidden(SECRET)), new_markdown_cell("fine")]
    scores = Scores({"test_f_hidden": CellScore(auto=2.0, needs_person=False)})
    page = filled(new_notebook(cells=cells), scores, {"test_f_hidden": 2.0})
    assert SECRET not in page
    text = Reader(page).text
    assert "This cell cannot be shown; its points count." in text
    assert text.count("2 / 2") == 2  # in the table, and where the cell would be
    assert page.count('href="#test_f_hidden"') == page.count('id="test_f_hidden"') == 1
    assert "fine" in text


@pytest.mark.parametrize(
    "table",
    [5, "x", [], {}, {"task": "f"}, {"task": "f", "checks": 5}, {"task": "f", "checks": [5]},
     {"task": 1, "checks": []}, {"task": "f", "checks": [{"name": "x"}]},
     TABLE | {"cause": "x"}, TABLE | {"cause": {"what": "x"}}],
)  # fmt: skip
def test_a_malformed_table_of_checks_is_not_shown_as_one(table):
    for grade in (True, False):
        shown = cell("1", new_output("display_data", data={MIME: table, "text/plain": "plain"}))
        shown.metadata.nbgrader.grade = grade
        assert "plain" in Reader(filled(new_notebook(cells=[shown]))).text


def test_a_students_cell_shows_no_table_of_checks():
    forged = TABLE | {"checks": [TABLE["checks"][1]]}
    output = new_output("display_data", data={MIME: forged, "text/plain": "plain"})
    page = filled(new_notebook(cells=[cell("1", output, grade=False, solution=True)]))
    assert 'class="checks"' not in page


def test_a_students_table_does_not_look_like_a_table_of_checks():
    table = new_output("display_data", data={MIME: TABLE})
    ours = filled(new_notebook(cells=[cell("1", table)]))
    style = ours.partition("</style>")[0]
    assert re.search(r"^\.checks\{border:", style, re.MULTILINE)
    assert '<table class="checks">' in ours
    forged = '<table class="checks" style="border: 2px solid #0072b2; background: #e8f2f9"><tr><td>'
    output = new_output("display_data", data={"text/html": f"{forged}all of it is right"})
    page = filled(new_notebook(cells=[cell("1", output, grade=False, solution=True)]))
    body = page.partition("</style>")[2]
    assert "all of it is right" in body
    assert 'class="checks"' not in body
    assert not re.search(r"style=\"[^\"]*(border|background)", body)


# Formulas -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tex", "parts"),
    [
        (r"\frac{\partial L}{\partial W}", ["<mfrac>", "∂"]),
        (r"a < b", ["&lt;"]),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", ["<mtable>", "<mtr>"]),
        (r"\begin{cases}1&x>0\\0&x\le0\end{cases}", ["<mtable>", "≤"]),
        (r"\begin{aligned}a&=b\\c&=d\end{aligned}", ["<mtable", "<mtd"]),
        (r"\text{<script>alert(1)</script>}", ["&lt;script&gt;"]),
        (r"\href{javascript:alert(1)}{x}", ["<mi>x</mi>"]),
        (r"\style{background:url(//evil)}{x}", ["<mi>x</mi>"]),
    ],
)
def test_a_formula_is_mathml(tex, parts):
    for text in (f"so ${tex}$ it is", f"$$\n{tex}\n$$"):
        page = Renderer().markdown(text)
        assert "<math display=" in page
        assert all(part in page for part in parts)
        assert not re.search(r"<script|javascript| style=|href=|evil", page)


@pytest.mark.parametrize(
    "tex",
    [r"\frac{1", r"x^", r"\unknown{x}", r"{" * 500, r"\left(" * 400, "a" * 3000, r"\begin{x}"],
)
def test_tex_that_cannot_be_read_is_shown_as_it_is(tex):
    page = Renderer().markdown(f"so ${tex}$ it is *well*")
    assert tex in Reader(page).text
    assert "<em>well</em>" in page
    assert "<math" not in page


def test_a_price_is_not_a_formula():
    assert "<math" not in Renderer().markdown("It costs \\$5, or `$x$`.")


def test_a_page_knows_whether_it_is_current(tmp_path):
    file = tmp_path / "page.html"
    scores = Scores({"f": CellScore(auto=1.0, needs_person=False)})
    mark = feedback.stamp("digest", scores, {"f": 1.0})
    file.write_text(feedback.fill([], "ps0", "me", "graded", scores, {"f": 1.0}, mark))
    assert feedback.is_current(file, mark)
    scores.comments["f"] = "new"
    assert not feedback.is_current(file, feedback.stamp("digest", scores, {"f": 1.0}))
    file.write_text(file.read_text()[:-20])
    assert not feedback.is_current(file, mark)
    assert not re.search("http", feedback.fill([], "ps0", "me", "graded", Scores(), {}, mark))
