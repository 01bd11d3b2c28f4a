"""A cell's outputs as HTML: text is escaped, and of pictures only their bytes are shown."""

import base64

import pytest
from nbformat import NotebookNode

from utils.grading.reports.cell_outputs import output_html, pictures, terminal_html
from utils.grading.reports.rendering import Renderer

PNG = base64.b64encode(b"png").decode()
SVG = base64.b64encode(b"<svg/>").decode()
LOST = "<p>[a picture that cannot be shown]</p>"


def address(kind, data=PNG):
    return f"data:image/{kind};base64,{data}"


def image(source):
    return f'<img alt="A figure that this cell shows." src="{source}">'


def display(**data):
    return {
        "output_type": "display_data",
        "data": {k.replace("_", "/"): v for k, v in data.items()},
    }


@pytest.mark.parametrize(
    ("output", "html"),
    [
        (
            {"output_type": "stream", "name": "stderr", "text": "\x1b[31m<b>"},
            '<pre class="stderr">&lt;b&gt;</pre>',
        ),
        (
            {"output_type": "error", "traceback": ["\x1b[1ma", "<b>"]},
            '<pre class="error">a\n&lt;b&gt;</pre>',
        ),
        (display(text_plain=["a", "<"]), "<pre>a&lt;</pre>"),
        (display(), "<pre></pre>"),
        (display(text_plain="a", image_png=[PNG, "\n"]), image(address("png"))),
        (display(image_jpeg='x" onerror="alert(1)'), LOST),
        (display(image_png=""), LOST),
        (
            {"output_type": "display_data", "data": {"image/svg+xml": ["<svg", "/>"]}},
            image(address("svg+xml", SVG)),
        ),
        (display(text_html="<b>a</b><script>b</script>"), '<div class="html"><b>a</b></div>'),
        (display(text_markdown="*a*"), '<div class="text"><p><em>a</em></p>\n</div>'),
    ],
)
def test_an_output_as_html(output, html):
    assert output_html(NotebookNode(output), Renderer()) == html


@pytest.mark.parametrize(
    ("text", "html"), [("", ""), ("a\x1b]0;title\x07b\x00", "ab"), ("<&>\n", "&lt;&amp;&gt;\n")]
)
def test_what_a_program_printed(text, html):
    assert terminal_html(text) == html


@pytest.mark.parametrize(
    ("source", "attachments", "files", "found"),
    [
        ("![](a.png)", {}, {"a.png": b"png", "b.png": b"x"}, {"a.png": address("png")}),
        ("![](a%20b.SVG)", {}, {"a b.SVG": b"<svg/>"}, {"a b.SVG": address("svg+xml", SVG)}),
        ("a.py a.html", {}, {"a.py": b"", "a.html": b""}, {}),
        ("", {"a": {"image/png": PNG, "text/html": "<b>"}}, {}, {"a": address("png")}),
        ("a.png", {"a.png": {"image/gif": PNG}}, {"a.png": b"x"}, {"a.png": address("gif")}),
        ("", {"a": {"text/html": "<b>"}}, {}, {}),
    ],
)  # fmt: skip
def test_pictures_that_a_text_may_refer_to(source, attachments, files, found):
    assert pictures(source, attachments, files) == found
