"""The slides of a lecture: they need no network, they fit, and no answer is beside its question."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.lectures.notebooks import LECTURES, about, code_cells, committed
from utils.commands import slides
from utils.commands.slides import SlidesError, find_lecture, stacks_of, write_slides
from utils.lecture_minutes import NOTES
from utils.saved_widgets import NO_KERNEL

# Of every slide that can be shown: where it is, what it says, and what reaches over its edge.
SHOWN = """() => {
    const found = [];
    for (const section of Reveal.getSlides()) {
        const { h, v } = Reveal.getIndices(section);
        Reveal.slide(h, v ?? 0);
        const parts = [...section.querySelectorAll(".content, .content *")];
        const boxes = parts.map(part => part.getBoundingClientRect());
        found.push({
            place: `${h}/${v}`,
            text: section.innerText,
            zoom: Number(section.querySelector(".content").style.zoom),
            height: section.querySelector(".content").getBoundingClientRect().height,
            over: boxes.filter(b => b.right > 1281 || b.bottom > 721 || b.left < -1 || b.top < -1)
                .length,
            shown: Reveal.getCurrentSlide() === section,
            pictures: [...section.querySelectorAll("img")].filter(i => i.naturalWidth > 0 && i.alt)
                .length,
            formulas: section.querySelectorAll("math").length,
        });
    }
    return found;
}"""


@pytest.fixture(scope="module")
def folder_of(tmp_path_factory):
    """A function from a lecture to the folder with its slides."""
    made: dict[Path, Path] = {}

    def folder(path: Path) -> Path:
        if path not in made:
            made[path] = tmp_path_factory.mktemp("slides") / "a folder 講義"
            write_slides(path, made[path])
        return made[path]

    return folder


@pytest.mark.browser
@pytest.mark.slow
@about(*LECTURES)
def test_every_slide_fits_and_none_needs_a_network(path, folder_of, browser):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    requests, errors = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) * (message.type == "error"))
    page.goto((folder_of(path) / "index.html").as_uri())
    page.wait_for_selector("body[data-ready=yes]")
    found = page.evaluate(SHOWN)
    page.close()
    assert errors == []
    assert all(url.startswith(("file://", "data:")) for url in requests)
    assert len(found) >= 15
    for slide in found:
        assert slide["shown"]
        assert slide["height"] > 10, slide["place"]
        assert slide["over"] == 0, slide
        assert slide["zoom"] >= 0.6, (slide["place"], slide["zoom"], "text too small to read")
    figures = [o for cell in told(path) for o in cell.outputs if "image/png" in o.get("data", {})]
    assert sum(slide["pictures"] for slide in found) >= len(figures) >= 3


def told(path: Path) -> list:
    """The code cells of a lecture that are on slides."""
    cells = code_cells(path)
    return [cell for cell in cells if cell.metadata.slideshow.slide_type not in ("skip", "notes")]


@about(*LECTURES)
def test_no_slide_shows_an_answer_with_its_question(path):
    every = [slide for stack in stacks_of(committed(path)) for slide in stack]
    whole = "\n".join("".join(slide.pieces) for slide in every)
    assert "<details>" not in whole
    assert NO_KERNEL not in html.unescape(whole)
    assert "quiz." not in re.sub(r"<[^>]*>", "", whole)
    asked = 0
    for slide in every:
        page = "".join(slide.pieces)
        if re.search(r"<b>(Quick check|Predict)", page):
            asked += 1
            assert "<h3>Answer</h3>" not in page
            assert "<h3>See what happens</h3>" not in page
    assert asked >= 3
    assert len(re.findall("<h3>(?:Answer|See what happens)</h3>", whole)) == asked


@about(*LECTURES)
def test_what_is_only_said_is_in_the_speakers_notes(path):
    every = [slide for stack in stacks_of(committed(path)) for slide in stack]
    cells = committed(path).cells
    spoken = sum(cell.metadata.slideshow.slide_type == "notes" for cell in cells)
    assert sum(len(slide.notes) for slide in every) >= spoken
    if any(NOTES in cell.metadata.get("tags", []) for cell in cells):
        assert "minutes" in "".join(every[0].notes).lower()


# Small lectures -------------------------------------------------------------------------------


def cell(source: str, kind: str = "", **metadata):
    metadata = {"slideshow": {"slide_type": kind}, **metadata}
    return new_markdown_cell(source, metadata=metadata)


def contents(*cells) -> list[list[str]]:
    """The text of each slide, by stack."""
    stacks = stacks_of(new_notebook(cells=list(cells)))
    return [[re.sub(r"<[^>]*>", "", "".join(s.pieces)).strip() for s in st] for st in stacks]


def test_slides_begin_where_the_notebook_says():
    assert contents(
        cell("# A", "slide"),
        cell("one"),
        cell("two", "subslide"),
        cell("left out", "skip"),
        cell("said", "notes"),
        cell("## B", "slide"),
    ) == [["A\none", "two"], ["B"]]


def test_what_is_too_much_for_a_slide_goes_to_the_next():
    ((first, *others),) = contents(cell("# A\n\n" + "\n\n".join(["word " * 60] * 12), "slide"))
    assert first.startswith("A")
    assert len(others) >= 2
    assert " ".join([first, *others]).count("word") == 720


def test_a_question_is_followed_by_a_slide_with_its_answer():
    page = "<p>What is $x^2$?</p><details><summary>Answer</summary><p>`$4`: four.</p></details>"
    output = new_output("display_data", {"text/html": page, "text/plain": "What?"})
    hidden = {"slideshow": {"slide_type": ""}, "jupyter": {"source_hidden": True}}
    check = new_code_cell("quiz.number()", metadata=hidden, outputs=[output])
    (slide, answer), *rest = stacks_of(new_notebook(cells=[check]))
    assert not rest
    assert "<math" in slide.pieces[0]
    assert "four" not in "".join(slide.pieces)
    assert "four" in "".join(answer.pieces)


def test_the_output_after_a_request_to_predict_is_on_the_next_slide():
    code = new_code_cell("1 + 1", outputs=[new_output("execute_result", {"text/plain": "2"})])
    code.metadata.slideshow = {"slide_type": ""}
    asked, seen = contents(cell("**Predict:** what is it?", "slide"), code)[0]
    assert "2" not in asked
    assert seen.endswith("2")


def test_notes_for_the_lecturer_are_the_notes_of_the_first_slide():
    note = "<details><summary>Notes for the lecturer</summary>\n\n**Minutes** 3\n\n</details>"
    cells = [cell("# A", "slide"), cell("## B", "slide"), cell(note, "notes", tags=[NOTES])]
    first, second = (stack[0] for stack in stacks_of(new_notebook(cells=cells)))
    assert "<strong>Minutes</strong> 3" in "".join(first.notes)
    assert second.notes == []
    assert "Minutes" not in "".join([*first.pieces, *second.pieces])


# The command ----------------------------------------------------------------------------------


@pytest.fixture
def lecture(tmp_path) -> Path:
    path = tmp_path / "lectures" / "01_test.ipynb"
    path.parent.mkdir()
    slides.nbformat.write(new_notebook(cells=[cell("# 01 A & B", "slide")]), path)
    return path


def files(folder: Path) -> Iterator[str]:
    return (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_slides_are_written_again_over_slides_and_over_nothing_else(lecture, tmp_path):
    folder = tmp_path / "talks" / "one"
    assert write_slides(lecture, folder) == 1
    (folder / "index.html").write_text("old")
    assert write_slides(lecture, folder) == 1
    assert "<title>01 A &amp; B</title>" in (folder / "index.html").read_text(encoding="utf-8")
    assert {"index.html", "slides.css", "slides.js", "reveal.js/LICENSE"} <= set(files(folder))
    assert [path.name for path in folder.parent.iterdir()] == ["one"]
    other = tmp_path / "holiday"
    other.mkdir()
    (other / "photo.jpg").write_text("precious")
    with pytest.raises(SlidesError, match="other files than slides"):
        write_slides(lecture, other)
    assert list(files(other)) == ["photo.jpg"]


def test_a_lecture_is_found_by_a_part_of_its_name_or_the_names_are_listed(lecture, tmp_path):
    assert find_lecture(tmp_path, "01") == lecture
    assert find_lecture(tmp_path, "test.ipynb") == lecture
    with pytest.raises(SlidesError, match="no lecture has '07' in its name; give one of 01_test"):
        find_lecture(tmp_path, "07")
    lecture.with_name("02_test.ipynb").write_bytes(lecture.read_bytes())
    with pytest.raises(SlidesError, match="more than one lecture has 'test'"):
        find_lecture(tmp_path, "test")


def test_bad_input_ends_with_a_sentence(lecture, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(slides, "ROOT", tmp_path)
    assert slides.main(["01"]) == 0
    assert "1 slides: open" in capsys.readouterr().out
    lecture.write_text('{"cells": 3}')
    assert slides.main(["01"]) == 1
    assert "not a valid notebook" in capsys.readouterr().err
    monkeypatch.setattr(slides.importlib.util, "find_spec", lambda name: None)
    assert slides.main(["01"]) == 1
    assert "install the package sphinx-revealjs" in capsys.readouterr().err
