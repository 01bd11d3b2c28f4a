"""Turn a student's text into HTML that runs no code, loads no files and opens no page by itself.

It runs in a separate process, see `rendering`: a parser of Markdown or HTML can take minutes on
some texts, and the caller must be able to kill it. So it imports nothing from the course.

Markdown may contain HTML, so the finished HTML is cleaned, not the text. Then formulas become
MathML; they are rebuilt from a list of allowed elements and attributes, because the library that
converts TeX lets HTML and links through.
"""

from __future__ import annotations

import html
import json
import re
import secrets
import sys
import unicodedata
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import mistune
import nh3
from latex2mathml.converter import convert_to_element
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers.python import PythonLexer

LONGEST = 300_000  # characters of a text that is rendered
LONGEST_FORMULA = 2_000
MEMORY = 1 << 30  # bytes that this process may use

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl",
    "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd",
    "li", "ol", "p", "pre", "s", "small", "span", "strong", "sub", "summary", "sup", "table",
    "tbody", "td", "tfoot", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "*": {"title", "align", "style"},
    "a": {"href"},
    "img": {"src", "alt"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
STYLES = {"text-align", "vertical-align", "font-weight"}
PICTURES = ("png", "jpeg", "gif", "webp", "avif", "bmp", "svg+xml")  # formats that browsers show
_PICTURE = re.compile(
    rf"data:image/({'|'.join(map(re.escape, PICTURES))});base64,[A-Za-z0-9+/=\s]+"
)
_LINK = re.compile(r"(https?://|mailto:|#)", re.IGNORECASE)


# Pictures ---------------------------------------------------------------------------------------


class Pictures:
    """The pictures that a text may show, and the names of those that are missing.

    Args:
        found: the pictures, as `data:` URLs by name.
    """

    def __init__(self, found: Mapping[str, str] | None = None) -> None:
        self.found = {_plain(name): address for name, address in (found or {}).items()}
        self.lost: list[str] = []

    def address(self, source: str) -> str | None:
        """Return the `data:` URL of a picture, None if it cannot be shown."""
        if _PICTURE.fullmatch(source):
            return source
        address = self.found.get(_name(source), "")
        if _PICTURE.fullmatch(address):
            return address
        if _shown(source) not in self.lost:
            self.lost.append(_shown(source))
        return None

    def why_not(self, source: str) -> str:
        """Return the reason why `address` returns None for a picture."""
        if _name(source) in self.found or source.startswith("data:"):
            return "browsers do not show pictures of this kind"
        if re.match(r"(https?:)?//", source):
            return "pictures from other sites are not loaded"
        return "it is not in the notebook"


def _name(source: str) -> str:
    """Return the name of the picture that a text refers to."""
    return _plain(unquote(source).removeprefix("attachment:").removeprefix("./"))


def _shown(source: str) -> str:
    """Return a picture's name for a message."""
    return "a picture within the text" if source.startswith("data:") else _name(source)[:100]


def _plain(name: str) -> str:
    """Return a file name normalised for comparison."""
    return unicodedata.normalize("NFC", unquote(name))


# HTML -------------------------------------------------------------------------------------------


def clean(text: str, pictures: Pictures, links: bool = True, mark: str = "\0") -> str:
    """Return HTML without anything that runs code, loads files, or conflicts with the page.

    Args:
        text: any HTML.
        pictures: the pictures that it may show.
        links: keep links to other sites.
        mark: a placeholder for formulas; attributes that contain it are dropped.
    """

    def keep(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return pictures.address(value)
        if name == "href":
            return value if links and _LINK.match(value) else None
        if name == "style" and re.search(r"[\\@(]", value):
            return None
        return None if mark in value else value

    return nh3.clean(
        text,
        tags=TAGS,
        clean_content_tags={"script", "style", "title", "textarea", "template", "noscript"},
        attributes=ATTRIBUTES,
        attribute_filter=keep,
        url_schemes={"http", "https", "mailto", "data", "attachment"},
        filter_style_properties=STYLES,
    )


def code(source: str) -> str:
    """Return Python code as HTML with classes for colours."""
    return highlight(source, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True))


# Markdown ---------------------------------------------------------------------------------------


class _Renderer(mistune.HTMLRenderer):
    """Renders Markdown as HTML that still has to be cleaned, with placeholders for formulas."""

    def __init__(self, pictures: Pictures, links: bool) -> None:
        super().__init__(escape=False, allow_harmful_protocols=True)  # `clean` comes after it
        self.pictures, self.links = pictures, links
        self.mark = f"formula{secrets.token_hex(8)}n"
        self.formulas: list[str] = []

    def image(self, text: str, url: str, title: str | None = None) -> str:
        source = html.unescape(url)
        if self.pictures.address(source) is None:
            why = self.pictures.why_not(source)
            return f"<em>[picture {html.escape(_shown(source))} is not shown: {why}]</em>"
        return super().image(text, url, title)

    def link(self, text: str, url: str, title: str | None = None) -> str:
        if not self.links and _LINK.match(url):
            return f"{text} ({html.escape(html.unescape(url))})"
        return super().link(text, url, title)

    def inline_math(self, tex: str) -> str:
        return self._set_aside(tex, block=False)

    def block_math(self, tex: str) -> str:
        return f"<div>{self._set_aside(tex, block=True)}</div>\n"

    def _set_aside(self, tex: str, block: bool) -> str:
        self.formulas.append(mathml(tex, block))
        return f"{self.mark}{len(self.formulas) - 1}."


def _environments(markdown: mistune.Markdown) -> None:
    """Add TeX environments without dollar signs to Markdown, as in Jupyter."""

    def parse(block: Any, match: re.Match[str], state: Any) -> int | None:
        end = f"\\end{{{match['environment']}}}"
        stop = state.src.find(end, match.end())
        if stop < 0:
            return None
        stop += len(end)
        state.append_token({"type": "block_math", "raw": state.src[match.start() : stop]})
        return stop

    pattern = r"^ {0,3}\\begin\{(?P<environment>[a-z]{1,20}\*?)\}"
    markdown.block.register("tex_environment", pattern, parse, before="list")


def markdown(source: str, pictures: Pictures, links: bool = True) -> str:
    """Return Markdown as clean HTML, with formulas as MathML."""
    renderer = _Renderer(pictures, links)
    plugins: list[Any] = ["table", "strikethrough", "math", _environments]
    text = mistune.create_markdown(renderer=renderer, plugins=plugins)(source)
    text = clean(str(text), pictures, links, renderer.mark)
    return re.sub(rf"{renderer.mark}(\d+)\.", lambda found: renderer.formulas[int(found[1])], text)


# Formulas ---------------------------------------------------------------------------------------

_CHILDREN = {
    "mfrac": 2, "mroot": 2, "msub": 2, "msup": 2, "msubsup": 3,
    "munder": 2, "mover": 2, "munderover": 3,
}  # fmt: skip
_MATHML = {
    *_CHILDREN, "mrow", "mi", "mn", "mo", "mtext", "msqrt", "mtable", "mtr", "mtd", "mspace",
    "mstyle", "mpadded",
}  # fmt: skip
_VALUES = {
    "accent", "columnalign", "columnspacing", "displaystyle", "fence", "form", "linebreak",
    "linethickness", "mathvariant", "maxsize", "minsize", "rowspacing", "scriptlevel", "stretchy",
    "width",
}  # fmt: skip
_BEGIN = re.compile(r"\\(begin|end)\{(?:align|aligned|eqnarray|equation|gather|gathered)\*?\}")


def mathml(tex: str, block: bool = False) -> str:
    """Return a formula as MathML, or as TeX if any part of it cannot be converted."""
    try:
        if len(tex) > LONGEST_FORMULA:
            raise ValueError("too long")
        root = convert_to_element(_BEGIN.sub(r"\\\1{align*}", tex.strip()))
        inner = "".join(_element(child) for child in root)
    except Exception:  # the library raises many types
        tag = "pre" if block else "code"
        return f"<{tag}>{html.escape(tex)}</{tag}>"
    return f'<math display="{"block" if block else "inline"}">{inner}</math>'


def _element(element: ET.Element) -> str:
    """Return a MathML element as text.

    Raises:
        ValueError: it contains an element or a text that is not allowed.
    """
    tag, text = element.tag, html.unescape(element.text or "")
    if tag not in _MATHML or len(element) != _CHILDREN.get(tag, len(element)):
        raise ValueError(tag)
    if tag != "mtext" and (text.startswith("\\") and len(text) > 1 or text == "&"):
        raise ValueError(text)
    attributes = "".join(
        f' {name}="{value}"'
        for name, value in element.items()
        if name in _VALUES and re.fullmatch(r"[a-z0-9 .%-]{1,40}", value)
    )
    return f"<{tag}{attributes}>{html.escape(text)}{''.join(map(_element, element))}</{tag}>"


# The process ------------------------------------------------------------------------------------


def answer(kind: str, text: str, found: Mapping[str, str], links: bool) -> dict[str, Any]:
    """Return a piece of a page as HTML, and the names of missing pictures."""
    if len(text) > LONGEST:
        raise ValueError("too long")
    pictures = Pictures(found)
    if kind == "code":
        return {"html": code(text), "lost": []}
    made = markdown(text, pictures, links) if kind == "markdown" else clean(text, pictures, links)
    return {"html": made, "lost": pictures.lost}


def main() -> None:
    """Answer requests, one line of JSON each, until the input ends."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    except (ImportError, ValueError, OSError):  # not available everywhere
        pass
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin.buffer:
        try:
            said = answer(**json.loads(line))
        except Exception:  # also RecursionError, MemoryError: the text is shown unrendered
            said = {}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
