"""What holds for every lecture: it runs anywhere, its outputs are fresh, it keeps to the form."""

import html
import re
import statistics
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.lectures.notebooks import (
    FENCED,
    LECTURES,
    ROOT,
    SOLUTION,
    about,
    code_cells,
    committed,
    markdown_cells,
    text_outputs,
)
from utils.lecture_minutes import CHECK, NOTES, WIDGET, minutes, stated
from utils.lecture_outputs import LARGEST, normalised
from utils.saved_widgets import WIDGET as WIDGET_VIEW

SLIDE_TYPES = {"slide", "subslide", "fragment", "notes", "skip", ""}
PREDICTION = re.compile(r"^quiz\.predict\(", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:,\d{3})+(?!\d)|(?<![\w.])-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")

# Numbers that a lecture reports from elsewhere; its cells cannot compute them.
REPORTED = {
    # with the book's ready-made weights: accuracy, and what a whole-batch softmax does to them
    "04_inference_and_batches": {"0.9352", "0.19", "5.68", "0.2245"},
}

LONGEST = {"12_colour_classification": 50}  # minutes, where it may be more than 45

pytestmark = about(*LECTURES)


def is_notes(cell: NotebookNode) -> bool:
    return NOTES in cell.metadata.get("tags", [])


def outputs(path: Path) -> Iterator[tuple[str, NotebookNode]]:
    """Each committed output with the id of its cell."""
    for cell in code_cells(path):
        for output in cell.outputs:
            yield cell.id, output


def is_hidden(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("jupyter", {}).get("source_hidden"))


def prose(path: Path) -> str:
    """All markdown without the code in it, and without the notes for the lecturer."""
    text = "\n\n".join(cell.source for cell in markdown_cells(path) if not is_notes(cell))
    text = re.sub(r"```.*?```", " ", text, flags=re.DOTALL)
    return re.sub(r"</?(details|summary)>", " ", text)


# Running --------------------------------------------------------------------------------------


@cache
def fresh(path: Path, open_lecture) -> dict[str, str]:
    """The texts of a lecture and of its worked solutions after Run All in JupyterLab, by cell."""
    notebook = nbformat.from_dict(open_lecture(path).ran)
    return text_outputs(normalised(path, notebook, kept={}))


@pytest.mark.browser
@pytest.mark.slow
def test_the_committed_outputs_are_those_of_run_all(path, open_lecture, mnist_dir):
    now = fresh(path, open_lecture)
    before = text_outputs(committed(path))
    for cell, text in before.items():
        assert alike(text, now[cell]), (
            f"cell {cell} of {path.name} now says\n{now[cell]}\ninstead of\n{text}\n"
            "Run: python3 -m utils build"
        )


def alike(one: str, other: str) -> bool:
    """Whether two texts agree, but for the last digit that was printed of a number.

    Another processor may add up in another order, so a number may differ by one unit in its last
    digit or by 0.2 %; words may not differ.
    """
    if NUMBER.sub("#", one).split() != NUMBER.sub("#", other).split():
        return False
    pairs = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(near(a, b) for a, b in pairs)


def near(one: str, other: str) -> bool:
    a, b = as_float(one), as_float(other)
    return a == b or abs(a - b) <= max(1.01 * unit(one), 2e-3 * abs(a))


def as_float(number: str) -> float:
    return float(number.replace(",", ""))


def unit(number: str) -> float:
    """What one step in the last printed digit is worth; 0 for a small integer: it is exact."""
    mantissa, _, exponent = number.partition("e")
    if "." not in mantissa and not exponent:
        return 0
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


# What is committed ----------------------------------------------------------------------------


def test_nothing_of_a_session_is_committed(path):
    notebook = committed(path)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert path.stat().st_size < LARGEST
    for cell in notebook.cells:
        allowed = {"slideshow", "jupyter", "transient", "tags", "measured"}
        assert set(cell.metadata) <= allowed, cell.id
    for cell, output in outputs(path):
        assert output.output_type != "error", cell
        assert output.get("name") != "stderr", cell
        assert WIDGET_VIEW not in output.get("data", {}), cell


def test_every_cell_was_run_once_in_order(path):
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


def test_cells_have_names(path):
    names = [cell.id for cell in committed(path).cells]
    assert len(set(names)) == len(names)
    for name in names:
        assert re.fullmatch(r"[a-z]+(-[a-z0-9]+)*", name), f"{name!r} is not a readable cell id"


class Images(HTMLParser):
    """Collects the alternative text of each image of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.alts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list) -> None:
        if tag == "img":
            self.alts.append(dict(attrs).get("alt") or "")


def alts(page: str) -> list[str]:
    parser = Images()
    parser.feed(page)
    return parser.alts


def is_sentence(text: str) -> bool:
    return bool(re.match(r"[A-Z].*\.$", text, re.DOTALL)) and len(text.split()) >= 5


def test_every_figure_has_a_sentence_for_those_who_do_not_see_it(path):
    figures = 0
    for cell, output in outputs(path):
        data = output.get("data", {})
        for kind in data:
            if kind.startswith("image/"):
                figures += 1
                assert is_sentence(output.metadata.get(kind, {}).get("alt", "")), cell
        for alt in alts(data.get("text/html", "")):
            assert is_sentence(alt), cell
        assert not ("image/png" in data and not alts(data.get("text/html", ""))), cell
    for cell in markdown_cells(path):
        shown = re.findall(r"!\[(.*?)\]\(", cell.source) + alts(cell.source)
        assert all(is_sentence(alt) for alt in shown), cell.id
    assert figures >= 3


# The form -------------------------------------------------------------------------------------


def headings(path: Path) -> list[str]:
    """The headings of the second level, in order."""
    return re.findall(r"^## (.*)$", prose(path), flags=re.MULTILINE)


def test_the_first_screen_asks_and_surprises(path):
    cells = committed(path).cells
    number = path.stem[:2]
    assert re.match(rf"# {number} [A-Z]", cells[0].source), "the title begins with its number"
    assert re.search(r"^\*\*.*\?\*\*", cells[0].source, re.MULTILINE), "a question in bold"
    goals = next(i for i, cell in enumerate(cells) if cell.source.startswith("## "))
    first = [output for cell in cells[:goals] for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in first)
    assert len(prose_words("\n".join(c.source for c in cells[:goals] if is_text(c)))) < 200


def is_text(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown"


def test_goals_come_first_and_rewards_last(path):
    sections = headings(path)
    assert sections[0] == "What you will do, learn and need"
    last = ["Know the pitfalls by their symptoms", "Take away", "Exercises", "Sources"]
    assert [name for name in sections if name in last] == last
    assert sections[-4:] == last
    text = prose(path)
    for point in ("Do", "Learn", "Need"):
        assert f"- **{point}:** " in text
    assert text.count("**Try:**") >= 3


def test_the_stated_minutes_are_the_computed_ones(path):
    (said,) = re.findall(r"- \*\*Minutes:\*\* (\d+)\.", prose(path))
    took = minutes(committed(path))
    assert int(said) == stated(took), f"{path.name} takes {took:.1f} minutes"
    assert 30 <= int(said) <= LONGEST.get(path.stem, 45)


def test_no_output_answers_a_question_asked_just_above_it(path):
    cells = committed(path).cells
    assert sum(len(PREDICTION.findall(cell.source)) for cell in code_cells(path)) >= 3
    for cell, after in pairwise(cells):
        asks = is_text(cell) and asks_for_a_prediction(cell.source)
        if asks and after.cell_type == "code":
            assert PREDICTION.search(after.source), f"{after.id} answers what {cell.id} asks"
    for cell in code_cells(path):
        if PREDICTION.search(cell.source):
            assert is_hidden(cell), "the source of a prediction holds its answer"
            (output,) = cell.outputs
            assert output.data["text/plain"].startswith("Predict. ")
            assert "<details><summary>See what happens" in output.data["text/html"]


def asks_for_a_prediction(text: str) -> bool:
    """Whether a text ends in a request to predict what comes next."""
    last = re.sub(r"`[^`]*`", "x", re.split(r"\n\s*\n", text.strip())[-1])  # `predict` is code
    return bool(re.search(r"\b(predict|guess)\b", last, re.IGNORECASE)) and last.endswith(
        (":", "?")
    )


def test_figures_have_visible_captions(path):
    for cell, output in outputs(path):
        if "image/png" in output.get("data", {}):
            caption = re.search(r"<figcaption.*?>(.*)</figcaption>", output.data["text/html"])
            assert html.unescape(caption[1]) == output.data["text/plain"], cell


def test_a_quick_check_asks_for_a_diagnosis(path):
    checks = [cell.source for cell in code_cells(path) if CHECK.search(cell.source)]
    assert any(re.search(r"^    diagnosis=True,$", source, re.MULTILINE) for source in checks)


def test_the_last_cell_is_for_the_lecturer(path):
    *others, last = committed(path).cells
    assert is_text(last)
    assert last.id == NOTES
    assert last.source.startswith("<details><summary>Notes for the lecturer</summary>\n\n")
    assert last.source.endswith("</details>")
    for what in ("minutes", "ask", "misconception", "skip"):
        assert what in last.source.lower()
    assert is_notes(last)
    assert not any(is_notes(cell) for cell in others)


def test_the_problem_set_that_follows_is_named_with_its_tasks(path):
    (follows,) = re.findall(r"^\*\*Next:\*\*.*$", prose(path), flags=re.MULTILINE)
    assert re.search(r"\bps\d_\w+", follows)
    assert re.search(r"`\w+`", follows)
    assert "point" in follows


def test_three_quick_checks_and_their_count(path):
    cells = code_cells(path)
    checks = [cell for cell in cells if CHECK.search(cell.source)]
    assert sum(len(CHECK.findall(cell.source)) for cell in checks) == 3
    assert any(f'Quiz("{path.stem}")' in cell.source for cell in cells)
    assert len({CHECK.search(cell.source)[1] for cell in checks}) >= 2, "of several kinds"
    shown = [i for i, cell in enumerate(cells) if cell.source == "quiz.progress()"]
    assert shown
    assert shown[0] > max(cells.index(check) for check in checks)
    for check in checks:
        assert is_hidden(check), "the source of a check holds its answer"
        (output,) = check.outputs
        assert "<details>" in output.data["text/html"]
        assert re.match(r"Quick check(: find the fault)?\. ", output.data["text/plain"])


def test_each_of_at_most_two_widgets_has_a_figure_before_it(path):
    drawn, widgets = False, 0
    for cell in committed(path).cells:
        if is_text(cell):
            drawn = drawn and not cell.source.startswith("## ")  # in the same section
            continue
        if WIDGET.search(cell.source):
            widgets += 1
            assert drawn, f"no static figure before {cell.id}"
        drawn |= any(
            "<img " in output.get("data", {}).get("text/html", "") for output in cell.outputs
        )
    assert 1 <= widgets <= 2


def prose_words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z][\w'-]*", re.sub(r"\$.*?\$|`[^`]*`", " x ", text, flags=re.DOTALL))


def test_a_lecture_has_the_length_of_a_lecture(path):
    assert 1500 <= len(prose_words(prose(path))) <= 3000


def test_one_idea_a_cell(path):
    lines = [len(cell.source.splitlines()) for cell in code_cells(path)]
    assert statistics.median(lines) <= 8
    assert max(lines) <= 40
    for cell in markdown_cells(path):
        for paragraph in re.split(r"\n\s*\n", re.sub(r"(?m)^\|.*$", "", cell.source)):  # no tables
            assert len(prose_words(paragraph)) <= 120, f"a long paragraph in {cell.id}"


def test_every_exercise_has_a_folded_solution(path):
    exercises = re.findall(r"^\*\*\d\. ", prose(path), flags=re.MULTILINE)
    whole = "\n".join(cell.source for cell in markdown_cells(path) if not is_notes(cell))
    assert len(exercises) >= 3
    assert len(SOLUTION.findall(whole)) == len(exercises) == whole.count("<details>")
    assert any("assert" in code for code in FENCED.findall(whole))


def test_links_lead_somewhere(path):
    for cell in markdown_cells(path):
        for target in re.findall(r"\]\((?!#)([^)\s]+)\)", cell.source):
            if not target.startswith("https://"):
                file = (path.parent / target.partition("#")[0]).resolve()
                assert file.is_relative_to(ROOT), target
                assert file.exists(), f"{cell.id} links to {target}, which is not there"


@pytest.mark.browser
@pytest.mark.slow
def test_every_number_of_the_prose_comes_out_of_a_cell(path, open_lecture, mnist_dir):
    text = re.split(r"^## Sources$", prose(path), flags=re.MULTILINE)[0]
    text = re.sub(r"`[^`]*`|\bsections? [\d.]+( to [\d.]+)?|\d+(-\d+)+|e = 2\.7182", " ", text)
    measured = [cell for cell in code_cells(path) if "measured" in cell.metadata.get("tags", [])]
    code = "\n".join(cell.source for cell in code_cells(path))
    code += "\n".join(FENCED.findall("\n".join(cell.source for cell in markdown_cells(path))))
    came_out = "\n".join([*fresh(path, open_lecture).values(), code.replace("_", "")])
    came_out += "\n".join(o.get("text", "") for cell in measured for o in cell.outputs)
    known = {as_float(number) for number in NUMBER.findall(came_out)}
    for number in NUMBER.findall(text):
        if ("." in number or "," in number) and number not in REPORTED.get(path.stem, ()):
            assert is_backed(number, known), f"no cell of {path.name} gives {number}"


def is_backed(number: str, known: set[float]) -> bool:
    """Whether a known number, or a known rate as a percentage, is this one when rounded."""
    value = as_float(number)
    half = max(unit(number), 0) / 2 * 1.001
    return any(abs(scale * k - value) <= half for k in known for scale in (1, -1, 100))


# The talk -------------------------------------------------------------------------------------


def test_every_cell_has_its_place_in_the_talk(path):
    for cell in committed(path).cells:
        assert cell.metadata.get("slideshow", {}).get("slide_type") in SLIDE_TYPES, cell.id
        assert is_hidden(cell) == bool(cell.metadata.get("transient", {}).get("remove_source"))
        begins = re.match(r"##? (.*)", cell.source) if is_text(cell) else None
        if begins and begins[1] not in ("Exercises", "Sources"):
            assert cell.metadata.slideshow.slide_type == "slide", cell.id
