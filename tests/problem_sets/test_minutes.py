"""How long a problem set takes is computed, not estimated, and is what its first cell says.

Reading takes as long as in a lecture: 150 words a minute, 6 seconds for a line of code, a minute
for a figure and two for a widget. A task takes 3 minutes to understand and 2 for each line of the
solution; a written answer takes 3 for each of its points. What is stated is a multiple of five and
within five minutes of the sum.
"""

import re

import pytest
from nbformat import NotebookNode

from tests.problem_sets.grading import read, sources
from tests.problem_sets.tables import NAMES
from utils import lecture_minutes

NOT_WORDS = re.compile(r"\$\$.*?\$\$|\$.*?\$|`[^`]*`", re.DOTALL)


def lines_of(code: str) -> int:
    """Return the number of lines with code in them, comments apart."""
    lines = [line.strip() for line in code.splitlines()]
    return sum(1 for line in lines if line and not line.startswith("#"))


def reading(notebook: NotebookNode) -> float:
    """Return the minutes that it takes to read what is open: not the folded checks."""
    text = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    words = re.findall(r"[A-Za-z][\w'-]*", NOT_WORDS.sub(" x ", "\n".join(text)))
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    code = [source for source in code if "def test_" not in source]
    shown = "\n".join(code)
    figures, widgets = len(re.findall(r"\bshow\(", shown)), shown.count("DrawingPad(")
    return (
        len(words) / lecture_minutes.WORDS_PER_MINUTE
        + lines_of(shown) * lecture_minutes.SECONDS_PER_LINE / 60
        + figures * lecture_minutes.MINUTES_PER_FIGURE
        + widgets * lecture_minutes.MINUTES_PER_WIDGET
    )


def work(solution: NotebookNode) -> float:
    """Return the minutes that it takes to write the answers."""
    code = sources(solution).values()
    inside = re.compile("### BEGIN SOLUTION(.*?)### END SOLUTION", re.DOTALL)
    lines = sum(lines_of(part) for source in code for part in inside.findall(source))
    about = [c.metadata.get("nbgrader", {}) for c in solution.cells if c.cell_type == "markdown"]
    by_hand = sum(cell.get("points") or 0 for cell in about if cell.get("grade"))
    return 3 * len(code) + 2 * lines + 3 * by_hand


@pytest.mark.parametrize("name", NAMES)
def test_the_stated_minutes_are_the_computed_ones(name):
    minutes = reading(read("assignments", name)) + work(read("solutions", name))
    title = read("solutions", name).cells[0].source
    (stated,) = re.findall(r"\*\*It takes\*\* about (\d+) minutes", title)
    assert int(stated) % 5 == 0
    assert abs(int(stated) - minutes) <= 5, f"computed: {minutes:.1f} minutes"


def test_longer_text_code_and_solutions_take_longer():
    notebook, solution = read("assignments", NAMES[0]), read("solutions", NAMES[0])
    before = reading(notebook), work(solution)
    notebook.cells[0].source += " word" * 150
    notebook.cells[2].source += "\nx = 1" * 10
    assert reading(notebook) == pytest.approx(before[0] + 2)
    cell = next(c for c in solution.cells if c.id == "softmax")
    cell.source = cell.source.replace("### END", "a = 1\n    # a comment\n    ### END")
    assert work(solution) == before[1] + 2
