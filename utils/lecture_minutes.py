"""How many minutes a lecture takes, worked out from its notebook.

It adds up the time for the text (150 words a minute), the visible code (6 seconds a line), each
figure (1 minute), each widget (2 minutes) and each quick check (1 minute). The exercises, the
sources, the notes for the lecturer and the source of closed cells do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from nbformat import NotebookNode

WORDS_PER_MINUTE = 150
SECONDS_PER_LINE = 6
MINUTES_PER_FIGURE = 1
MINUTES_PER_WIDGET = 2
MINUTES_PER_CHECK = 1
STEP = 5  # a lecture states its minutes as a multiple of this

NOTES = "lecturer-notes"  # id and tag of the cell with the notes for the lecturer
AFTER_THE_LECTURE = ("Exercises", "Sources")
CHECK = re.compile(r"^quiz\.(choice|number|shape)\(", re.MULTILINE)
WIDGET = re.compile(r"^(?:\w+ = )?(?:LiveFigure|DrawingPad|TrainingDashboard)\(", re.MULTILINE)
_NOT_WORDS = re.compile(
    r"```.*?```|<details>.*?</details>|<[^>]+>|!?\[(?=[^\]]*\]\()|(?<=\])\([^)]*\)", re.DOTALL
)
_AS_ONE_WORD = re.compile(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", re.DOTALL)
_WORD = re.compile(r"\w[\w'.,-]*")


def minutes(notebook: NotebookNode) -> float:
    """Return the minutes that a lecture takes, from its committed cells and outputs."""
    return sum(took for _, took in by_section(notebook))


def by_section(notebook: NotebookNode) -> list[tuple[str, float]]:
    """Return the title and the minutes of each section; the first has the title "First screen".

    The minutes add up to `minutes(notebook)`.
    """
    sections = [("First screen", 0.0)]
    for cell in notebook.cells:
        heading = re.match(r"## (.+)", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            sections.append((heading[1].strip(), 0.0))
        name, took = sections[-1]
        if name not in AFTER_THE_LECTURE and NOTES not in cell.metadata.get("tags", []):
            sections[-1] = (name, took + sum(_of_cell(cell)))
    return [(name, took) for name, took in sections if name not in AFTER_THE_LECTURE]


def stated(took: float) -> int:
    """Return the minutes that a lecture should state."""
    return STEP * round(took / STEP)


def _of_cell(cell: NotebookNode) -> Iterator[float]:
    """Yield the minutes that each part of a cell takes."""
    if cell.cell_type == "markdown":
        yield len(words(cell.source)) / WORDS_PER_MINUTE
        return
    if cell.cell_type != "code":
        return
    if not cell.metadata.get("jupyter", {}).get("source_hidden"):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        yield len(lines) * SECONDS_PER_LINE / 60
    yield MINUTES_PER_FIGURE * sum(_has_figure(output) for output in cell.get("outputs", []))
    yield MINUTES_PER_WIDGET * len(WIDGET.findall(cell.source))
    yield MINUTES_PER_CHECK * len(CHECK.findall(cell.source))


def _has_figure(output: NotebookNode) -> bool:
    data = output.get("data", {})
    return "image/png" in data or "<img " in data.get("text/html", "")


def words(markdown: str) -> list[str]:
    """Return the words of a text; a formula counts as one word, and so does a piece of code."""
    text = _NOT_WORDS.sub(" ", markdown)
    return _WORD.findall(_AS_ONE_WORD.sub(" x ", text))
