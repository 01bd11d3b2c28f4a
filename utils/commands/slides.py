"""`slides`: make the slides of a lecture, one folder that works without a network.

The slides show the committed outputs: nothing is executed. Open `index.html` in a browser. Press S
for the speaker view with the notes; add ?print-pdf to the address to print all slides. A question
and its answer are on different slides. Live controls are left out, because a static figure precedes
each of them. reveal.js comes from the package sphinx-revealjs, and formulas are MathML.
"""

from __future__ import annotations

import html
import importlib.util
import math
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

from utils.commands import new_parser
from utils.grading.reports import safe_html
from utils.lecture_minutes import NOTES
from utils.saved_widgets import NO_KERNEL
from utils.system import ROOT

DATA = Path(__file__).resolve().parent.parent / "data"
REVEAL_FILES = ("LICENSE", "dist/reset.css", "dist/reveal.css", "dist/reveal.js", "plugin/notes")
FULL = 620  # maximum height of a slide's content in pixels; slides are 1280 x 720
LINE, CHARACTERS = 38, 82  # a line of text: its height in pixels, its number of characters
CODE_LINE, CODE_CHARACTERS = 30, 88
FIGURE = 430  # pixels
QUESTION = re.compile(r"(.*?)<details>\s*<summary>(.*?)</summary>(.*)</details>", re.DOTALL)
NOT_TEXT = re.compile(r"(<code>.*?</code>|<pre>.*?</pre>|<[^>]+>)", re.DOTALL)


class SlidesError(ValueError):
    """Slides cannot be made; the message says what to do."""


def main(argv: list[str]) -> int:
    """Write the slides of one lecture; return 0, or 1 if that is not possible."""
    parser = new_parser("slides", __doc__ or "")
    parser.add_argument("name", metavar="NAME", help="a part of a lecture's name, such as 02")
    parser.add_argument(
        "--to", metavar="FOLDER", type=Path, help="where to put them (lectures/slides/NAME)"
    )
    asked = parser.parse_args(argv)
    try:
        lecture = find_lecture(ROOT, asked.name)
        folder = asked.to or ROOT / "lectures" / "slides" / lecture.stem
        count = write_slides(lecture, folder)
    except SlidesError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"the slides cannot be written: {error}", file=sys.stderr)
        return 1
    print(f"{count} slides: open {folder / 'index.html'} in a browser")
    return 0


def find_lecture(root: Path, name: str) -> Path:
    """Return the only lecture whose name contains this text.

    Raises:
        SlidesError: there is none, or more than one.
    """
    lectures = sorted((root / "lectures").glob("[0-9]*.ipynb"))
    found = [path for path in lectures if name.removesuffix(".ipynb") in path.stem]
    if len(found) == 1:
        return found[0]
    names = ", ".join(path.stem for path in found or lectures)
    how_many = "more than one lecture has" if found else "no lecture has"
    raise SlidesError(f"{how_many} {name!r} in its name; give one of {names}")


def write_slides(lecture: Path, folder: Path) -> int:
    """Write the slides of a lecture into a folder and return how many there are.

    Args:
        lecture: the notebook; it is not changed.
        folder: the target, which is replaced if it contains slides.

    Raises:
        SlidesError: the notebook cannot be read, the folder contains other files, or reveal.js is
            missing.
    """
    if folder.exists() and any(folder.iterdir()) and not (folder / "reveal.js").is_dir():
        raise SlidesError(f"{folder} holds other files than slides; give another folder with --to")
    reveal = reveal_folder()
    try:
        notebook = nbformat.read(lecture, as_version=4)
    except Exception as error:
        raise SlidesError(f"{lecture.name}: not a valid notebook: {error}") from error
    stacks = stacks_of(notebook)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".slides-", dir=folder.parent) as scratch:
        new = Path(scratch) / "new"
        for name in REVEAL_FILES:
            target = new / "reveal.js" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (reveal / name).is_dir() else shutil.copyfile
            copy(reveal / name, target)
        for name in ("slides.css", "slides.js"):
            shutil.copyfile(DATA / name, new / name)
        (new / "index.html").write_text(page(stacks), encoding="utf-8")
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        new.rename(folder)
    return sum(map(len, stacks))


def reveal_folder() -> Path:
    """Return the folder of reveal.js.

    Raises:
        SlidesError: the package that brings it is not installed.
    """
    spec = importlib.util.find_spec("sphinx_revealjs")  # the package itself is not imported
    for place in (spec and spec.submodule_search_locations) or ():
        folder = Path(place) / "_static" / "revealjs"
        if all((folder / name).exists() for name in REVEAL_FILES):
            return folder
    raise SlidesError("reveal.js is missing: install the package sphinx-revealjs, version 3.2")


# What is on a slide ----------------------------------------------------------------------------


@dataclass
class Slide:
    """The content of one slide as HTML, how high it is, and what the speaker says."""

    pieces: list[str] = field(default_factory=list)
    height: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Piece:
    """A part of a slide that is not divided.

    Attributes:
        page: HTML.
        height: pixels, estimated.
        alone: it begins a new slide, since the slide before it asks what it answers.
    """

    page: str
    height: int
    alone: bool = False


def stacks_of(notebook: NotebookNode) -> list[list[Slide]]:
    """Return the slides of a lecture: a stack for each cell of the type "slide"."""
    stacks: list[list[Slide]] = []
    answer_follows = False
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type") or ""
        if kind == "skip" or NOTES in cell.metadata.get("tags", []):
            continue
        if kind == "notes" and stacks:
            stacks[-1][-1].notes.append(_markdown(cell.source))
            continue
        pieces = list(pieces_of(cell))
        if not pieces:
            continue
        if kind == "slide" or not stacks:
            stacks.append([Slide()])
        elif kind == "subslide" or answer_follows:
            stacks[-1].append(Slide())
        for piece in pieces:
            slide = stacks[-1][-1]
            if slide.pieces and (piece.alone or slide.height + piece.height > FULL):
                slide = Slide()
                stacks[-1].append(slide)
            slide.pieces.append(piece.page)
            slide.height += piece.height
        answer_follows = cell.cell_type == "markdown" and asks_for_a_prediction(cell.source)
    for cell in notebook.cells:
        if stacks and NOTES in cell.metadata.get("tags", []):
            stacks[0][0].notes.append(
                _markdown(re.sub(r"</?details>|<summary>.*?</summary>", "", cell.source))
            )
    return stacks


def asks_for_a_prediction(text: str) -> bool:
    """Return whether a text ends in a request to predict what comes next."""
    last = re.split(r"\n\s*\n", text.strip())[-1]
    return last.endswith((":", "?")) and bool(re.search(r"\b(predict|guess)\b", last.lower()))


def pieces_of(cell: NotebookNode) -> Iterator[Piece]:
    """Yield the parts of a cell that a slide shows."""
    if cell.cell_type == "markdown":
        for block in _blocks(cell.source):
            yield Piece(_markdown(block), _text_height(block))
        return
    if cell.cell_type != "code":
        return
    if not cell.metadata.get("jupyter", {}).get("source_hidden"):
        yield Piece(
            f'<pre class="code">{safe_html.code(cell.source)}</pre>', _code_height(cell.source)
        )
    for output in cell.outputs:
        yield from _output(output)


def _output(output: NotebookNode) -> Iterator[Piece]:
    data = output.get("data", {})
    text = output.get("text") or data.get("text/plain", "")
    if text == NO_KERNEL:
        return
    if "image/png" in data:
        alt = html.escape(text)
        picture = f'<img alt="{alt}" src="data:image/png;base64,{data["image/png"].strip()}">'
        caption = f"<figcaption>{html.escape(text, quote=False)}</figcaption>"
        yield Piece(f"<figure>{picture}{caption}</figure>", FIGURE + _text_height(text))
    elif question := QUESTION.fullmatch(data.get("text/html", "").strip()):
        asked, summary, answer = question.groups()
        yield Piece(_with_formulas(asked), _html_height(asked))
        page = f"<h3>{summary}</h3>{_with_formulas(answer)}"
        yield Piece(page, _html_height(answer), alone=True)
    elif "text/html" in data:
        yield Piece(_with_formulas(data["text/html"]), _html_height(data["text/html"]))
    elif text.strip():
        page = f'<pre class="output">{html.escape(text.rstrip(), quote=False)}</pre>'
        yield Piece(page, _code_height(text))


def _blocks(markdown: str) -> list[str]:
    """Return the paragraphs of a text, each heading with the paragraph that follows it."""
    blocks: list[str] = []
    fenced = False
    for block in re.split(r"\n\s*\n", markdown.strip()):
        joined = fenced or (
            blocks and blocks[-1].lstrip().startswith("#") and "\n\n" not in blocks[-1]
        )
        if joined or (blocks and blocks[-1].startswith(">") and block.startswith(">")):
            blocks[-1] += f"\n\n{block}"
        else:
            blocks.append(block)
        fenced ^= block.count("```") % 2 == 1
    return blocks


def _markdown(text: str) -> str:
    return safe_html.markdown(text, safe_html.Pictures())


def _with_formulas(page: str) -> str:
    """Return the HTML of a question with formulas as MathML and without styles on pictures."""
    parts = NOT_TEXT.split(page)
    for i in range(0, len(parts), 2):
        parts[i] = re.sub(
            r"\$([^$]+)\$", lambda found: safe_html.mathml(html.unescape(found[1])), parts[i]
        )
    return "".join(parts)


def _text_height(text: str) -> int:
    lines = 0.0
    for line in text.splitlines():
        size = 1.6 if line.startswith("#") else 1.3 if line.startswith("|") else 1
        lines += size * max(1, math.ceil(len(line) / CHARACTERS)) if line.strip() else 0.4
        lines += 1 if "$$" in line else 0
    return round(LINE * (lines + 0.4))


def _code_height(text: str) -> int:
    lines = sum(max(1, math.ceil(len(line) / CODE_CHARACTERS)) for line in text.splitlines())
    return CODE_LINE * lines + 30


def _html_height(page: str) -> int:
    blocks = re.split(r"</(?:p|li|pre|tr|figcaption)>|<br>", page)
    text = "\n".join(re.sub(r"<[^>]*>", "", block) for block in blocks)
    return _text_height(text) + FIGURE * page.count("<img ")


def page(stacks: list[list[Slide]]) -> str:
    """Return the page with all slides."""
    sections = []
    for stack in stacks:
        slides = "".join(
            f'<section><div class="content">{"".join(slide.pieces)}</div>'
            f'<aside class="notes">{"".join(slide.notes)}</aside></section>\n'
            for slide in stack
        )
        sections.append(f"<section>\n{slides}</section>\n" if len(stack) > 1 else slides)
    first = re.search(r"<h1>(.*?)</h1>", "".join(stacks[0][0].pieces)) if stacks else None
    return PAGE.format(
        title=re.sub(r"<[^>]*>", "", first[1]) if first else "Slides",
        colours=HtmlFormatter(style="default").get_style_defs(".code"),
        sections="".join(sections),
    )


PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="reveal.js/dist/reset.css">
<link rel="stylesheet" href="reveal.js/dist/reveal.css">
<link rel="stylesheet" href="slides.css">
<style>{colours}</style>
</head>
<body class="measuring">
<div class="reveal"><div class="slides">
{sections}</div></div>
<script src="reveal.js/dist/reveal.js"></script>
<script src="reveal.js/plugin/notes/notes.js"></script>
<script src="slides.js"></script>
</body>
</html>
"""
