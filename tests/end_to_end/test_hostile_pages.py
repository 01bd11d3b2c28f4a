"""Hostile submissions on every page, in Chromium: nothing runs, nothing loads, nothing leads away.

Four pages show what a student wrote: the formgrader's, that of `nbgrader generate_feedback`, the
course's own feedback page, and the report. The notebook is graded by `grade`; then what the judge
would not let through is written into the autograded notebook, as another grader might have left it.
"""

import json
import re
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

from tests.classroom import PS1, RIGHT, Classroom
from tests.end_to_end.test_nbgrader_flow import nbgrader
from tests.formgrader import PATIENCE, formgrader
from tests.grading.reports.test_feedback import SLOW
from utils.grading.reports.rendering import PLAIN

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.filterwarnings("ignore"),  # nbgrader's and SQLAlchemy's own affairs
]

EVIL = "http://evil.example/"
HIT = "window.hit('here')"
MARKUP = [
    f"<script>{HIT}</script>",
    f"<SCRIPT/x>{HIT}</SCRIPT>",
    f"<scr<script>ipt>{HIT}</scr</script>ipt>",
    f'<script src="{EVIL}s.js"></script>',
    f'<img src=x onerror="{HIT}">',
    f'<img src="{EVIL}pixel.png">',
    f'<img srcset="{EVIL}set.png 1x" src="">',
    f'<p><img src="x" alt="` onerror={HIT} `"></p>',
    f'<a href="javascript:{HIT}" autofocus onfocus="{HIT}">click</a>',
    f'<a href="java&#10;script:{HIT}">click</a>',
    f'<a href="data:text/html,<script>{HIT}</script>">click</a>',
    f"[click](javascript:{HIT})",
    f"![x](javascript:{HIT})",
    f'[click](#x "onmouseover={HIT}")',
    f'<svg onload="{HIT}"><script>{HIT}</script></svg>',
    f'<svg><a xlink:href="javascript:{HIT}"><text>x</text></a>'
    f'<image href="{EVIL}svg.png"/><use href="{EVIL}use.svg#a"/></svg>',
    f'<svg><style><img src=x onerror="{HIT}"></style></svg>',
    f'<math><mtext><table><mglyph><style><img src=x onerror="{HIT}">',
    f'<math><annotation-xml encoding="text/html"><img src=x onerror="{HIT}"></annotation-xml>',
    f'<math href="javascript:{HIT}"><mi>x</mi></math>',
    f'<style>@import "{EVIL}i.css"; body {{ background: url({EVIL}bg.png) }}</style>',
    f'<p style="background: url({EVIL}style.png)">x</p>',
    f'<p style="position: fixed; inset: 0; background-image: url(\'{EVIL}fixed.png\')">x</p>',
    f'<link rel="stylesheet" href="{EVIL}l.css"><link rel="prefetch" href="{EVIL}p">',
    f'<iframe srcdoc="<script>parent.hit(1)</script>"></iframe><iframe src="{EVIL}f"></iframe>',
    f'<object data="{EVIL}o"></object><embed src="{EVIL}e">',
    f'<form action="{EVIL}form" id="f"><input autofocus onfocus="{HIT}"><button>Go</button></form>',
    f'<button formaction="javascript:{HIT}">Go</button><isindex action="{EVIL}">',
    f'<base href="{EVIL}"><meta http-equiv="refresh" content="0;url={EVIL}refresh">',
    f'<video autoplay src="{EVIL}v.mp4" onerror="{HIT}"></video><audio src="{EVIL}a.mp3"></audio>',
    f'<details open ontoggle="{HIT}">x</details><marquee onstart="{HIT}">x</marquee>',
    f'<body onload="{HIT}" background="{EVIL}b.png"><table background="{EVIL}t.png"><td>x',
    f'<img name="formgrader" id="submission_id"><a id="base_url" href="{EVIL}">x</a>',
    f"```mermaid\ngraph TD; A[\"<img src=x onerror='{HIT}'>\"]; click A href \"{EVIL}m\"\n```",
    f"```<img src=x onerror={HIT}>\nx\n```",
    f"$\\href{{javascript:{HIT}}}{{x}}$ $\\text{{<img src=x onerror={HIT}>}}$",
    f'$$\\style{{background:url({EVIL}tex.png)}}{{x}} \\class{{a" onclick="{HIT}}}{{y}}$$',
    f"$\\unicode[x' onerror='{HIT}]{{x1F600}}$ $\\require{{html}}\\includegraphics{{{EVIL}}}$",
    f'![$x$"<img src=x onerror={HIT}>]({EVIL}alt.png "$y$")',
    f"<noscript><p title=\"</noscript><img src=x onerror={HIT}>\"></noscript>",
    f"<template><img src=x onerror={HIT}></template><textarea></textarea><img src=x onerror={HIT}>",
    f"<!--><img src=x onerror={HIT}>-->",
    f"</pre></div></section></main><script>{HIT}</script>",
    f"[ref]: javascript:{HIT}\n\n[ref] <javascript:{HIT}> <{EVIL}auto>",
]  # fmt: skip
SVG = f'<svg xmlns="http://www.w3.org/2000/svg"><script>{HIT}</script><image href="{EVIL}i"/></svg>'
BUNDLES = [
    {"text/html": f"<script>{HIT}</script><img src=x onerror={HIT}>"},
    {"text/html": [f"<img src='{EVIL}lines.png'", f" onerror={HIT}>"]},
    {"image/svg+xml": SVG},
    {"application/javascript": HIT},
    {"text/javascript": HIT},
    {"text/latex": f"$x$</div><script>{HIT}</script>"},
    {"text/markdown": f"<img src=x onerror={HIT}> [x](javascript:{HIT})"},
    {"text/vnd.mermaid": f"graph TD</pre><script>{HIT}</script>"},
    {"image/png": f'AAAA" onerror="{HIT}'},
    {"image/jpeg": [f'AAAA"><script>{HIT}</script>']},
    {"application/pdf": "AAAA"},
    {"application/vnd.jupyter.widget-view+json": {"model_id": f"</script><script>{HIT}</script>"}},
    {"application/vnd.course-checks+json": {"checks": 5, "task": f"<script>{HIT}</script>"}},
    {"application/vnd.course-checks+json": {
        "task": f"<script>{HIT}</script>",
        "checks": [{"name": f"<img src=x onerror={HIT}>", "state": f"<script>{HIT}</script>",
                    "what": f"`<script>{HIT}</script>`", "hint": "x", "points": 1}],
    }},
    {"text/plain": f"<script>{HIT}</script>\x1b]8;;javascript:{HIT}\x07x"},
]  # fmt: skip
NAMES = ["<img src=x onerror=hit(1)>", "'\"><svg onload=hit(2)>", "plain"]
HOSTILE = NAMES[::2]  # whose notebooks are hostile as well


def hostile_notebook(room: Classroom, student: str) -> None:
    """Hand in a notebook that tries everything a student's file can."""
    path = room.submit(student, RIGHT | {"written_answer": "\n\n".join(MARKUP)})
    notebook = nbformat.read(path, as_version=4)
    notebook.cells += [new_markdown_cell(text) for text in MARKUP]
    notebook.cells += [
        new_code_cell(f"# <script>{HIT}</script>\nprint({text!r})") for text in MARKUP[:6]
    ]
    show = "from IPython.display import display\n"
    notebook.cells += [new_code_cell(f"{show}display({bundle!r}, raw=True)") for bundle in BUNDLES]
    notebook.cells += [
        new_code_cell(f"raise ValueError({MARKUP[0]!r} + '\\x1b[31m' + {MARKUP[4]!r})"),
        new_raw_cell(MARKUP[0], metadata={"raw_mimetype": "text/html"}),
    ]
    notebook.metadata["title"] = f"</title><script>{HIT}</script>"
    path.write_text(json.dumps(notebook), encoding="utf-8")


def worsen(path: Path) -> None:
    """Write into an autograded notebook what other graders than ours leave in."""
    notebook = nbformat.read(path, as_version=4)
    tag = f"<script>{HIT}</script>"
    notebook.metadata |= {
        "title": tag,
        "kernelspec": {"display_name": tag, "name": tag, "language": tag},
        "language_info": {"name": tag, "pygments_lexer": "html"},
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {}, "x": tag}},
    }
    for bundle in BUNDLES:
        hurt = {"width": f"1 onerror={HIT}", "alt": tag}
        about = {kind: hurt | {"isolated": True} for kind in bundle}
        cell = new_code_cell("x", metadata={"tags": [f'"><script>{HIT}</script>'], "alt": tag})
        cell.outputs = [
            new_output("display_data", data=bundle, metadata=about | hurt),
            new_output("execute_result", data=bundle, metadata=about),
            new_output("stream", name="stdout", text=tag + "\x1b[31m" + tag),
            new_output("error", ename=tag, evalue=tag, traceback=[tag, "\x1b[31m" + tag]),
        ]
        cell.outputs[0]["svg_filename"] = f"x' onerror='{HIT}"
        notebook.cells.append(cell)
    marks = {"grade": False, "solution": True, "schema_version": 3, "comment": tag, "locked": False}
    marks["grade_id"] = f'"><script>{HIT}</script>'
    notebook.cells.append(new_markdown_cell(MARKUP[4], metadata={"nbgrader": marks}))
    picture = new_markdown_cell("![x](attachment:x.svg) ![y](attachment:y.png)")
    picture["attachments"] = {
        "x.svg": {"image/svg+xml": SVG}, "y.png": {"image/png": f'A" onerror="{HIT}'},
    }  # fmt: skip
    notebook.cells += [picture, new_raw_cell(tag, metadata={"raw_mimetype": "text/html"})]
    path.write_text(json.dumps(notebook), encoding="utf-8")


def slow_notebook(room: Classroom, student: str) -> None:
    """Hand in right work whose texts take minutes to format, with a picture that is missing."""
    path = room.submit(student, RIGHT | {"written_answer": "![image.png](attachment:image.png)"})
    notebook = nbformat.read(path, as_version=4)
    notebook.cells += [new_markdown_cell(text) for text in SLOW.values()]
    notebook.cells += [new_code_cell("x = '" + "(" * 100_000 + "'")]
    show = "from IPython.display import HTML, Markdown, display\n"
    notebook.cells += [
        new_code_cell(f"{show}display({kind}({text[:10]!r} * {len(text) // 10}))")
        for kind in ("HTML", "Markdown")
        for text in SLOW.values()
    ]
    notebook.cells += [
        new_code_cell(f"{show}display(Markdown('![x](attachment:other.png)'))"),
        new_code_cell("print('\\x1b[31mred' * 50_000)"),
        new_markdown_cell("The *last* cell."),
    ]
    path.write_text(json.dumps(notebook), encoding="utf-8")


class Watch:
    """Opens pages and keeps what a page does that it must not."""

    def __init__(self, page, home: str = "file:") -> None:
        self.page, self.home, self.seen = page, home, []
        page.set_default_timeout(PATIENCE * 1000)
        page.expose_function("hit", lambda *_: self.seen.append("a script ran"))
        page.on("dialog", lambda dialog: (self.seen.append("a dialog"), dialog.dismiss()))
        page.on("request", lambda request: self.note(request.url))
        page.on("popup", lambda popup: self.seen.append("a window"))

    def note(self, address: str) -> None:
        if not address.startswith((self.home, "data:")) or "evil" in address.split("?")[0]:
            self.seen.append(f"asked for {address}")

    def use(self) -> None:
        """Use the page as a reader would who clicks on everything a student wrote."""
        before = self.page.url.split("#")[0]
        self.page.evaluate(
            """() => {
                document.querySelectorAll('details').forEach(one => one.open = true);
                document.querySelectorAll(':is(.text_cell_render, .output_area, section) *')
                    .forEach(one => {
                        for (const kind of ['mouseover', 'focus', 'pointerdown'])
                            one.dispatchEvent(new Event(kind, {bubbles: true}));
                        const link = one.tagName === 'A' && !/^https?:/.test(one.href);
                        if (link && !document.URL.includes('/reports/')) one.click();
                        if (one.tagName === 'BUTTON' && one.formAction) one.click();
                    });
            }"""
        )
        self.page.wait_for_timeout(500)
        assert self.page.url.split("#")[0] == before
        assert self.seen == []


@pytest.fixture(scope="module")
def room(new_classroom, options) -> Classroom:
    """A graded class of students with hostile names, and notebooks that are hostile or slow."""
    room = new_classroom()
    for name in HOSTILE:
        hostile_notebook(room, name)
    room.submit(NAMES[1], RIGHT)
    slow_notebook(room, "slow")
    room.grade()
    return room


def test_the_courses_own_pages(room, browser):
    for path in [
        *(room.course.feedback(name, PS1) for name in NAMES),
        room.course.reports / f"{PS1}.html",
    ]:
        page = browser.new_page()
        watch = Watch(page)
        page.goto(path.as_uri())
        watch.use()
        page.close()
    assert {row["status"] for row in room.rows().values()} == {"graded"}
    assert {row["score"] for row in room.rows().values()} == {"14"}


@pytest.mark.parametrize("name", ["plain", "slow"])
def test_the_feedback_page_fits_every_screen(room, browser, name):
    context = browser.new_context(offline=True)
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    page.goto(room.course.feedback(name, PS1).as_uri())
    assert page.locator("details[open]").count() == 0  # the text of the assignment is folded
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    for width in (390, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        paper, ink = page.evaluate(
            "['backgroundColor', 'color'].map(key => getComputedStyle(document.body)[key])"
        )
        assert ("255, 255, 255" in paper) == (scheme == "light")
        assert paper != ink
    context.close()


def test_text_that_cannot_be_formatted_in_time_costs_no_grade(room, browser):
    row = room.rows()["slow"]
    assert row["status"] == "graded"
    assert row["score"] == "14"
    assert "picture image.png is not shown" in row["notes"]
    own = room.feedback("slow")
    nbgrader(room.root, "generate_feedback", PS1, "--student", "slow", "--force")
    theirs = room.course.feedback("slow", PS1).read_text(encoding="utf-8")
    assert "Student's answer" in theirs  # it is nbgrader's page
    for text in (theirs, own):
        page = browser.new_page()
        page.set_default_timeout(PATIENCE * 1000)
        page.set_content(text, wait_until="load")
        assert page.get_by_text(PLAIN).count() > 2
        assert page.get_by_text("picture image.png is not shown").count() >= 1
        assert page.locator("table th[scope=col]").count() > 3  # the checks
        assert page.get_by_text(re.compile(r"The \*?last\*? cell\.")).count() >= 1
        page.close()


def test_the_pages_of_generate_feedback(room, browser):
    worsen(room.course.notebook("autograded", "plain", PS1))
    nbgrader(room.root, "generate_feedback", PS1, "--student", "plain", "--force")
    path = room.course.feedback("plain", PS1)
    assert "Student's answer" in path.read_text(encoding="utf-8")  # it is nbgrader's page
    page = browser.new_page()
    watch = Watch(page)
    page.goto(path.as_uri())
    watch.use()
    assert page.locator("table th[scope=col]").count() > 3  # the checks, as a table
    assert page.get_by_text("<th").count() == 0
    assert page.locator("math").count() > 5
    page.close()


def test_the_formgrader(room, browser):
    worsen(room.course.notebook("autograded", NAMES[0], PS1))
    with formgrader(browser, room.root, f"gradebook/{PS1}/{PS1}") as page:
        home = page.url.split("/formgrader")[0]
        watch = Watch(page, home)
        page.reload()
        page.get_by_role("link", name="Submission #1").wait_for()
        watch.use()
        submissions = page.locator("a[href*='/submissions/']")
        addresses = [link.get_attribute("href") for link in submissions.all()]
        assert len(set(addresses)) == len(NAMES) + 1
        for address in sorted(set(addresses)):
            page.goto(home + address.removeprefix(home))
            page.locator("input#written_answer").wait_for(timeout=PATIENCE * 1000)
            page.wait_for_function("() => window.formgrader?.grades?.loaded")
            page.evaluate("toggle_name(true)")
            assert page.locator("table th[scope=col]").count() > 3
            assert page.get_by_text("<th").count() == 0
            watch.use()
        for other in ("manage_submissions/" + PS1, "manage_students", "gradebook"):
            page.goto(f"{home}/formgrader/{other}")
            page.locator("table tbody tr").first.wait_for(timeout=PATIENCE * 1000)
            watch.use()
