"""The pictures at the top of the README: there, small, described, and taken by a command."""

import io
import re

import pytest
from PIL import Image

from utils import chromium, readme_pictures
from utils.commands import build
from utils.readme_pictures import (
    FOLDER,
    NAMES,
    PicturesError,
    _checks_box,
    _report_box,
    drawing_pad,
    figure,
    of_page,
)
from utils.system import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_begins_with_all_pictures_and_describes_each():
    shown = dict(re.findall(r"!\[([A-Z][^]]+\.)\]\(([^)]+)\)", README.partition("\n## ")[0]))
    assert sorted(shown.values()) == sorted((FOLDER / f"{name}.png").as_posix() for name in NAMES)
    assert all(len(alt.split()) >= 8 for alt in shown)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small(name):
    path = ROOT / FOLDER / f"{name}.png"
    assert path.stat().st_size < 80_000
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert 400 <= image.width <= 1400
        assert 200 <= image.height <= 1000


def test_without_chromium_a_sentence_says_what_to_do(monkeypatch, capsys):
    monkeypatch.setattr(chromium.shutil, "which", lambda name: None)
    assert build.main(["--pictures"]) == 1
    said = capsys.readouterr().err
    assert "apt-get install chromium" in said
    assert "Traceback" not in said


def test_pictures_are_built_alone(capsys):
    with pytest.raises(SystemExit):
        build.main(["--pictures", "02"])
    assert "build nothing else" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        build.main(["--pictures", "--student-edition", "students"])
    assert "give each alone" in capsys.readouterr().err


def test_the_figure_is_a_committed_one(tmp_path, monkeypatch):
    with Image.open(io.BytesIO(figure())) as image:
        assert image.width > 400
    lectures = tmp_path / "lectures"
    lectures.mkdir()
    empty = '{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'
    (lectures / "04_inference_and_batches.ipynb").write_text(empty)
    monkeypatch.setattr(readme_pictures, "ROOT", tmp_path)
    with pytest.raises(PicturesError, match="holds no figure; call"):
        figure()


@pytest.mark.browser
@pytest.mark.slow
def test_the_network_reads_what_is_drawn_on_the_pad(browser):
    with Image.open(io.BytesIO(drawing_pad(browser))) as image:
        colours = image.convert("RGB").getcolors(maxcolors=1 << 16)
    bars = sum(count for count, colour in colours if near(colour, (0, 0x72, 0xB2)))
    others = sum(count for count, colour in colours if near(colour, (0x56, 0xB4, 0xE9)))
    assert 14 * 200 * 0.5 < bars < 14 * 200, "the best bar is neither empty nor full"
    assert others > 0.1 * bars, "there is a second answer"


def near(colour, other) -> bool:
    return max(abs(a - b) for a, b in zip(colour, other, strict=True)) <= 6


@pytest.mark.browser
@pytest.mark.slow
def test_the_part_of_a_page_holds_all_of_it(browser, tmp_path):
    page = tmp_path / "page.html"
    section = '<section style="height: {}px">{}</section>'
    table = '<section id="test_softmax_visible" style="height: 200px">table</section>'
    page.write_text(f"<h1>report</h1>{section.format(300, '')}{section.format(100, 'code')}{table}")
    with Image.open(io.BytesIO(of_page(browser, page, 500, _checks_box))) as image:
        assert 300 <= image.height <= 330
    rows = "<tr><td style='height: 50px'>row</td></tr>" * 9
    page.write_text(f"<h1 style='height: 40px'>report</h1><table><tbody>{rows}</tbody></table>")
    with Image.open(io.BytesIO(of_page(browser, page, 500, _report_box))) as image:
        assert 3 * 50 < image.height < 6 * 50
