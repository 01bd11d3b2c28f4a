"""When hidden tests run, and what a student gets to see of them.

Hidden tests run after all other cells (`Judge.run_cells`), so that all outputs shown in a notebook
come from processes that have not seen the hidden tests' inputs. A hidden test that binds names
which a visible test needs runs where it stands, and the student process ends after it. Each hidden
test finds the names as they were at its place in the notebook.

While one runs (`Notes.hidden`), the prints, warnings and displays of the student's code are
dropped. Notes, limits and errors then have a fixed text: otherwise the student's code could choose
its words by what the test asks, and so reveal it. Only the fact of an error is kept, see
`shown_outputs`. `reports.hidden_tests` hides source and values on pages.
"""

from __future__ import annotations

from collections.abc import Collection

from utils.grading.notebook.outputs import Output
from utils.grading.notebook.shell import error_output
from utils.grading.notebook.source import defined

ENDED = "it was ended after a hidden test"
NOTE = "the student process ended in a hidden test"  # without how and where
JUDGE_LIMIT = "a hidden test met a limit of the grader, which is not the submission's fault"


def shown_outputs(outputs: list[Output], failed: bool) -> list[Output]:
    """Return a hidden test's outputs without warnings and errors, whose text a student may choose.

    Args:
        outputs: the test cell's outputs.
        failed: whether it ended in an error.
    """
    kept = [
        output
        for output in outputs
        if output["output_type"] != "error" and output.get("name") != "stderr"
    ]
    return [*kept, error_output(Exception(), None, hidden=True)] if failed else kept


def is_used_below(cells: list[dict], index: int, known: Collection[str]) -> bool:
    """Return whether a visible test below needs a name that this hidden test binds.

    Args:
        cells: the submission's cells.
        index: the hidden test's index.
        known: names that are bound in any case.
    """
    binds = set(cells[index]["binds"]) - set(known)
    return any(
        binds & (set(cell["uses"]) - set(cell["binds"]))
        for cell in cells[index + 1 :]
        if cell["kind"] == "test" and not cell["hidden"]
    )


def is_changed_below(cells: list[dict], index: int) -> bool:
    """Return whether the student's cells below may redefine what those above define."""
    students = [
        (place, defined(cell["source"]))
        for place, cell in enumerate(cells)
        if cell["kind"] == "student"
    ]
    above = {name for place, names in students if place < index for name in names or ()}
    return any(names is None or names & above for place, names in students if place > index)
