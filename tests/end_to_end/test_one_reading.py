"""`check` and `grade` read one notebook alike, whatever has happened to it on the way."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.problem_sets.grading import read, sources
from utils.grading.judge import grade_notebook
from utils.grading.judge.fork_server import fork_server_for
from utils.grading.notebook import source, source_cells
from utils.grading.notebook.reading import Unreadable
from utils.grading.notebook.result import GradingResult
from utils.grading.run import check_process
from utils.grading.sandbox.config import Limits

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("sandbox")]

NAMES = ("ps1_output_layer", "ps6_backpropagation")
Notebook = dict[str, Any]


def solved(name: str) -> Notebook:
    """Return the released notebook with the solution in it, as a file holds it."""
    notebook, answers = (
        json.loads(json.dumps(read("assignments", name))),
        sources(read("solutions", name)),
    )
    for cell in notebook["cells"]:
        cell["source"] = answers.get(grade_id(cell), cell["source"])
    return notebook


def grade_id(cell: Notebook) -> str | None:
    return (cell["metadata"].get("nbgrader") or {}).get("grade_id")


def marked(notebook: Notebook) -> list[Notebook]:
    return [cell for cell in notebook["cells"] if "nbgrader" in cell["metadata"]]


def code(notebook: Notebook) -> list[Notebook]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def is_solution(cell: Notebook) -> bool:
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def is_test(cell: Notebook) -> bool:
    return (grade_id(cell) or "").startswith("test_")


def is_locked(cell: Notebook) -> bool:
    return cell["metadata"].get("nbgrader", {}).get("locked", False) and not is_test(cell)


def plain(source: str, kind: str = "code") -> Notebook:
    cell = {"cell_type": kind, "metadata": {}, "source": source, "id": f"x{abs(hash(source))}"}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


# What can happen to right work without taking anything of it away -----------------------------


def merged_into_the_locked_cell(notebook: Notebook) -> None:
    """All code in the first locked cell, and nothing else left."""
    cells = code(notebook)
    first = next(cell for cell in cells if is_locked(cell))
    first["source"] = "\n\n".join(cell["source"] for cell in cells if not is_test(cell))
    notebook["cells"] = [c for c in notebook["cells"] if c["cell_type"] != "code" or c is first]


def merged_with_the_tests(notebook: Notebook) -> None:
    cells = code(notebook)
    first = next(cell for cell in cells if is_locked(cell))
    first["source"] = "\n\n".join(cell["source"] for cell in cells)
    notebook["cells"] = [c for c in notebook["cells"] if c["cell_type"] != "code" or c is first]


def merged_into_a_test_cell(notebook: Notebook) -> None:
    """Each function stands in the visible test cell below it, its own cell is gone."""
    above = ""
    for cell in code(notebook):
        if is_solution(cell):
            above = cell["source"]
        elif is_test(cell) and above:
            cell["source"], above = f"{above}\n\n{cell['source']}", ""
    notebook["cells"] = [
        c for c in notebook["cells"] if not (is_solution(c) and c["cell_type"] == "code")
    ]


def an_import_in_the_locked_cell(notebook: Notebook) -> None:
    cells = code(notebook)
    next(cell for cell in cells if is_locked(cell))["source"] += "\nimport math"
    next(c for c in cells if is_solution(c))["source"] += "\n\nassert math.pi > 3"


def locked_cells_emptied(notebook: Notebook) -> None:
    for cell in code(notebook):
        if is_locked(cell) or is_test(cell):
            cell["source"] = ""


def locked_cells_spoiled(notebook: Notebook) -> None:
    for cell in code(notebook):
        if is_locked(cell) or is_test(cell):
            cell["source"] = "def )"


def replaced_tests(notebook: Notebook) -> None:
    for cell in code(notebook):
        if is_test(cell):
            cell["source"] = "1000.0"


def locked_cells_deleted(notebook: Notebook) -> None:
    notebook["cells"] = [c for c in notebook["cells"] if not (is_locked(c) or is_test(c))]


def metadata(value: Any) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for cell in notebook["cells"]:
            cell["metadata"] = copy.deepcopy(value)

    return change


def marks(value: Any) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for cell in marked(notebook):
            cell["metadata"]["nbgrader"] = copy.deepcopy(value)

    return change


def mark(key: str, value: Any) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for cell in marked(notebook):
            cell["metadata"]["nbgrader"][key] = copy.deepcopy(value)

    return change


def without_mark(key: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for cell in marked(notebook):
            cell["metadata"]["nbgrader"].pop(key, None)

    return change


def of_all(key: str, value: Any) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for cell in notebook["cells"]:
            cell[key] = copy.deepcopy(value)

    return change


def top(key: str, value: Any) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        notebook[key] = copy.deepcopy(value)

    return change


def each_twice(notebook: Notebook) -> None:
    notebook["cells"] = [copy.deepcopy(c) for cell in notebook["cells"] for c in (cell, cell)]


def all_twice(notebook: Notebook) -> None:
    notebook["cells"] += copy.deepcopy(notebook["cells"])


def a_second_copy_not_written(notebook: Notebook) -> None:
    cells = [copy.deepcopy(c) for c in notebook["cells"] if is_solution(c)]
    for cell in cells:
        if cell["cell_type"] == "code":
            names = sorted(source.bound_names(cell["source"]))
            cell["source"] = "\n".join(
                f"def {n}(*a):\n    raise NotImplementedError()" for n in names
            )
    notebook["cells"] += cells


def reversed_cells(notebook: Notebook) -> None:
    notebook["cells"].reverse()


def first_the_tests(notebook: Notebook) -> None:
    notebook["cells"].sort(key=lambda cell: not is_test(cell))


def solutions_last(notebook: Notebook) -> None:
    notebook["cells"].sort(key=is_solution)


def kind_of_all(kind: str) -> Callable[[Notebook], None]:
    """Turn the course's cells into another kind; the student's own stay."""

    def change(notebook: Notebook) -> None:
        for cell in marked(notebook):
            cell["cell_type"] = kind
            cell.pop("outputs", None)
            cell.pop("execution_count", None)

    return change


def answers_in_further_cells(notebook: Notebook) -> None:
    released = {grade_id(c): c["source"] for c in read("assignments", name_of(notebook)).cells}
    cells = []
    for cell in notebook["cells"]:
        cells.append(cell)
        if is_solution(cell) and cell["cell_type"] == "code":
            cells.append(plain(cell["source"]))
            cell["source"] = released[grade_id(cell)]
    notebook["cells"] = cells


def answers_in_cells_of_their_own(notebook: Notebook) -> None:
    """The places for code are deleted, the code stands in new cells."""
    notebook["cells"] = [
        plain(c["source"]) if is_solution(c) and c["cell_type"] == "code" else c
        for c in notebook["cells"]
    ]


def split_cells(notebook: Notebook) -> None:
    """An editor has split each cell for code, and given both halves the same metadata."""
    cells = []
    for cell in notebook["cells"]:
        if is_solution(cell) and cell["cell_type"] == "code":
            cells.append(cell | {"source": "import numpy as np\nx = 3"})
        cells.append(cell)
    notebook["cells"] = cells


def name_of(notebook: Notebook) -> str:
    return NAMES["ReLU" in {grade_id(cell) for cell in notebook["cells"]}]


def lines(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].splitlines(keepends=True)


def windows_lines(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "\r\n")


def spaces_at_line_ends(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["source"] = cell["source"].replace("\n", "  \n") + "\n\n"


def no_ids(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        del cell["id"]
    notebook["nbformat_minor"] = 4


def version_3(notebook: Notebook) -> None:
    cells = []
    for cell in notebook.pop("cells"):
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source").splitlines(keepends=True)
        cells.append(cell)
    notebook |= {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}


def odd_cells(notebook: Notebook) -> None:
    notebook["cells"] += [None, 3, [], {}, {"cell_type": []}, {"cell_type": "code", "source": 7}]


def outputs_of_all_kinds(notebook: Notebook) -> None:
    for cell in code(notebook):
        cell["outputs"] = [{"output_type": "error"}, 3, {"data": None}]


SAME: dict[str, Callable[[Notebook], None]] = {
    "as it is": lambda notebook: None,
    "all code merged into the locked cell": merged_into_the_locked_cell,
    "all code and the tests merged into the locked cell": merged_with_the_tests,
    "code merged into the test cells": merged_into_a_test_cell,
    "an import added to the locked cell": an_import_in_the_locked_cell,
    "locked cells emptied": locked_cells_emptied,
    "locked cells spoiled": locked_cells_spoiled,
    "locked cells deleted": locked_cells_deleted,
    "tests replaced": replaced_tests,
    "metadata lost": metadata({}),
    "metadata null": metadata(None),
    "metadata a list": metadata([1]),
    "marks null": marks(None),
    "marks a text": marks("x"),
    "marks empty": marks({}),
    "grade id missing": without_mark("grade_id"),
    "grade id null": mark("grade_id", None),
    "grade id a list": mark("grade_id", ["setup"]),
    "grade id a path": mark("grade_id", "../../../etc/passwd"),
    "points a text": mark("points", "many"),
    "points endless": mark("points", 1e400),
    "grade null": mark("grade", None),
    "solution null": mark("solution", None),
    "all solutions": mark("solution", True),
    "locked missing": without_mark("locked"),
    "schema of the future": mark("schema_version", 99),
    "checksum a number": mark("checksum", 5),
    "notebook metadata null": top("metadata", None),
    "notebook metadata of another language": top("metadata", {"kernelspec": {"name": "ir"}}),
    "each cell twice": each_twice,
    "all cells twice": all_twice,
    "a second copy that is not written": a_second_copy_not_written,
    "reversed": reversed_cells,
    "tests first": first_the_tests,
    "answers last": solutions_last,
    "turned into Markdown": kind_of_all("markdown"),
    "turned into raw cells": kind_of_all("raw"),
    "turned into no kind": kind_of_all("heading"),
    "answers in further cells": answers_in_further_cells,
    "answers in cells of their own": answers_in_cells_of_their_own,
    "split": split_cells,
    "sources as lines": lines,
    "Windows line ends": windows_lines,
    "spaces at line ends": spaces_at_line_ends,
    "no cell ids": no_ids,
    "one cell id for all": of_all("id", "same"),
    "cell ids null": of_all("id", None),
    "cell ids a path": of_all("id", "../../x"),
    "version 3": version_3,
    "minor version 99": top("nbformat_minor", 99),
    "cells that are none": odd_cells,
    "outputs that are none": outputs_of_all_kinds,
    "outputs null": of_all("outputs", None),
}


def both(data: bytes, name: str, sandbox: str) -> tuple[dict[str, Any], GradingResult]:
    """Return what `check` and what `grade` say of a file."""

    def start(plots: bool) -> tuple[str, check_process.Judging]:
        return sandbox, fork_server_for([{"source": "plt" if plots else ""}]).judge

    checked = check_process.check_notebook(data, "some work", {}, start)
    released = read("assignments", name)
    course = source_cells.cells_of_notebook(read("solutions", name), released)
    hashes = frozenset(source_cells.hashes_of(released))
    _, outcome = grade_notebook.grade_notebook(data, course, Limits(), released=hashes)
    return checked, outcome


def agree(checked: dict[str, Any], outcome: GradingResult) -> None:
    """Check that both say the same of the visible tests, and of what was wrong."""
    visible = {test["name"]: test["points"] for test in checked["tests"]}
    assert visible == {n: t.points for n, t in outcome.tests.items() if not t.hidden}
    errors = {test["name"]: test["error"] for test in checked["tests"]}
    assert errors == {n: t.error for n, t in outcome.tests.items() if not t.hidden}
    repairs = [n for n in checked["notes"] if n.startswith("cell ")]
    assert repairs == [n for n in outcome.notes if n.startswith("cell ")]


# A problem set whose tasks build on each other, and whose locked cells define much.
LARGE = (
    "all code merged into the locked cell", "code merged into the test cells", "metadata lost",
    "all cells twice", "reversed", "turned into Markdown", "answers in cells of their own",
)  # fmt: skip
CASES = [(NAMES[0], change) for change in SAME] + [(NAMES[1], change) for change in LARGE]


@pytest.mark.parametrize(("name", "change"), CASES)
def test_right_work_is_right_whatever_became_of_the_notebook(name, change, sandbox):
    notebook = solved(name)
    SAME[change](notebook)
    checked, outcome = both(json.dumps(notebook).encode(), name, sandbox)
    assert checked["problem_set"] == name
    agree(checked, outcome)
    lost = {n: t.error for n, t in outcome.tests.items() if t.points < t.max_points}
    assert not lost, outcome.notes


# What takes something away ---------------------------------------------------------------------


def without_answers(notebook: Notebook) -> None:
    notebook["cells"] = [c for c in notebook["cells"] if not is_solution(c)]


def answers_as(source: str) -> Callable[[Notebook], None]:
    def change(notebook: Notebook) -> None:
        for cell in notebook["cells"]:
            if is_solution(cell) and cell["cell_type"] == "code":
                cell["source"] = source + cell["source"]

    return change


def not_written(notebook: Notebook) -> None:
    released = {grade_id(c): c["source"] for c in read("assignments", name_of(notebook)).cells}
    for cell in notebook["cells"]:
        cell["source"] = released.get(grade_id(cell), cell["source"])


def left_over(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        if is_solution(cell) and cell["cell_type"] == "code":
            head, _, body = cell["source"].partition("\n    ")
            cell["source"] = f"{head}\n    raise NotImplementedError()\n    {body}"
            if head.startswith("class"):
                cell["source"] = f"raise NotImplementedError()\n{cell['source']}"


LOST: dict[str, tuple[Callable[[Notebook], None], str]] = {
    "nothing written": (not_written, "handed out: nothing was written there"),
    "answers deleted": (without_answers, "its cell was deleted, and no other cell defines it"),
    "a syntax error": (answers_as("def f(:\n    pass\n"), "its cell ended in SyntaxError: "),
    "an error first": (answers_as("1 / 0\n"), "its cell ended in ZeroDivisionError: "),
    "a line left over": (left_over, "`raise NotImplementedError()` still stands in line "),
    "no cells at all": (lambda notebook: notebook["cells"].__delitem__(slice(1, None)), "deleted"),
}


@pytest.mark.parametrize(("change", "reason"), LOST.values(), ids=LOST)
def test_a_zero_says_why_and_both_say_the_same(change, reason, sandbox):
    name = NAMES[0]
    notebook = solved(name)
    change(notebook)
    checked, outcome = both(json.dumps(notebook).encode(), name, sandbox)
    agree(checked, outcome)
    assert outcome.score == 0
    for notes in (checked["notes"], outcome.notes):
        assert any(reason in note for note in notes), notes


# What is not a notebook ---------------------------------------------------------------------------

NONE = {
    "empty": lambda text: b"",
    "half of it": lambda text: text[: len(text) // 2],
    "trailing commas": lambda text: text.replace(b"}]", b"},]"),
    "two notebooks in one": lambda text: text + text,
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "bytes": lambda text: bytes(range(256)),
    "deep": lambda text: b"[" * 200_000 + b"]" * 200_000,
    "deep in a cell": lambda text: text.replace(b'"metadata": {', b'"x": ' + b"[" * 100_000, 1),
    "a number with many digits": lambda text: b'{"cells": [], "nbformat": ' + b"9" * 10_000 + b"}",
    "100,000 cells": lambda text: json.dumps({"cells": [{}] * 100_000}).encode(),
    "cells that are none": lambda text: b'{"cells": {"a": 1}}',
    "a list": lambda text: b"[1, 2]",
    "a text": lambda text: b'"cells"',
    "null": lambda text: b"null",
}


@pytest.mark.parametrize("damage", NONE.values(), ids=NONE)
def test_what_is_no_notebook_gets_a_sentence(damage):
    data = damage(json.dumps(solved(NAMES[0])).encode())
    with pytest.raises(Unreadable) as refused:
        check_process.check_notebook(data, NAMES[0], {}, pytest.fail)
    assert 10 < len(str(refused.value)) < 300
    _, outcome = grade_notebook.grade_notebook(data, [])
    assert outcome.status == "unreadable"
    assert str(refused.value) in outcome.notes[0]


def test_a_byte_order_mark_and_other_line_ends_change_nothing(sandbox):
    text = json.dumps(solved(NAMES[0]), indent=1).replace("\n", "\r\n")
    checked, outcome = both(b"\xef\xbb\xbf" + text.encode(), NAMES[0], sandbox)
    agree(checked, outcome)
    assert outcome.score == 14


def test_another_notebook_has_nothing_to_check():
    with pytest.raises(check_process.NothingToCheck, match="problem set"):
        check_process.check_notebook(
            json.dumps({"cells": [plain("x = 1")]}).encode(), "x", {}, pytest.fail
        )
