"""When hidden tests run, and what a student gets to see of them.

Hidden tests run after all other cells (`Judge.run_cells`), so that everything which is shown of a
notebook comes from processes that have not seen their inputs. A hidden test that binds names which
a visible test needs runs in its place, and the student process ends after it. Each hidden test
finds the names as they were at its place in the notebook.

While one runs (`Notes.hidden`), what the student's code prints, warns of and displays is dropped.
Notes, limits and errors are then the same sentences whatever happens: the student's code could
otherwise choose its words by what the test asks, and so tell it. Of an error only that it happened
is kept, see `shown_outputs`. `reports.hidden_tests` hides source and values on pages.
"""

from __future__ import annotations

from collections.abc import Collection

from utils.grading.notebook.outputs import Output
from utils.grading.notebook.shell import error_output
from utils.grading.notebook.source import defined

ENDED = "it was ended after a hidden test"
NOTE = "the student process ended in a hidden test"  # how and where is not told
JUDGE_LIMIT = "a hidden test met a limit of the grader, which is not the submission's fault"


def shown_outputs(outputs: list[Output], failed: bool) -> list[Output]:
    """Return what is kept of a hidden test's outputs: no warning and no error, which may be theirs.

    Args:
        outputs: of the test cell.
        failed: whether it ended in an error.
    """
    kept = [
        output
        for output in outputs
        if output["output_type"] != "error" and output.get("name") != "stderr"
    ]
    return [*kept, error_output(Exception(), None, hidden=True)] if failed else kept


def is_used_below(cells: list[dict], index: int, known: Collection[str]) -> bool:
    """Return whether a test that students have needs a name that this hidden one binds.

    Args:
        cells: the submission's.
        index: of the hidden test.
        known: names that mean something in any case.
    """
    binds = set(cells[index]["binds"]) - set(known)
    return any(
        binds & (set(cell["uses"]) - set(cell["binds"]))
        for cell in cells[index + 1 :]
        if cell["kind"] == "test" and not cell["hidden"]
    )


def is_changed_below(cells: list[dict], index: int) -> bool:
    """Return whether the student's cells below may change what those above have defined."""
    students = [
        (place, defined(cell["source"]))
        for place, cell in enumerate(cells)
        if cell["kind"] == "student"
    ]
    above = {name for place, names in students if place < index for name in names or ()}
    return any(names is None or names & above for place, names in students if place > index)
