"""`check` and `grade` read one notebook alike, whatever has happened to it on the way."""

import copy
import itertools
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
Change = Callable[[Notebook], object]


def solved(name: str) -> Notebook:
    """Return the released notebook with the solution in it, as a file holds it."""
    notebook = json.loads(json.dumps(read("assignments", name)))
    answers = sources(read("solutions", name))
    for cell in notebook["cells"]:
        cell["source"] = answers.get(grade_id(cell), cell["source"])
    return notebook


def grade_id(cell: Notebook) -> str | None:
    return (cell["metadata"].get("nbgrader") or {}).get("grade_id")


def is_code(cell: Notebook) -> bool:
    return cell["cell_type"] == "code"


def is_marked(cell: Notebook) -> bool:
    return "nbgrader" in cell["metadata"]


def is_solution(cell: Notebook) -> bool:
    return cell["metadata"].get("nbgrader", {}).get("solution", False)


def is_answer(cell: Notebook) -> bool:
    return is_code(cell) and is_solution(cell)


def is_test(cell: Notebook) -> bool:
    return (grade_id(cell) or "").startswith("test_")


def is_locked(cell: Notebook) -> bool:
    return cell["metadata"].get("nbgrader", {}).get("locked", False) and not is_test(cell)


def is_given(cell: Notebook) -> bool:
    return is_code(cell) and (is_locked(cell) or is_test(cell))


def plain(source: str, kind: str = "code") -> Notebook:
    cell = {"cell_type": kind, "metadata": {}, "source": source, "id": f"x{abs(hash(source))}"}
    return cell | ({"outputs": [], "execution_count": None} if kind == "code" else {})


def code(notebook: Notebook) -> list[Notebook]:
    return [cell for cell in notebook["cells"] if is_code(cell)]


def each(which: Callable[[Notebook], bool] | None, edit: Callable[[Notebook], Any]) -> Change:
    """Return what edits each cell for which `which` is true; None: each cell."""

    def change(notebook: Notebook) -> None:
        for cell in filter(which or (lambda cell: True), notebook["cells"]):
            edit(cell)

    return change


def having(which: Callable[[Notebook], bool] | None = None, **values: Any) -> Change:
    """Return what gives these cells such values."""
    return each(which, lambda cell: cell.update(copy.deepcopy(values)))


def mark(**values: Any) -> Change:
    return each(is_marked, lambda c: c["metadata"]["nbgrader"].update(copy.deepcopy(values)))


def without_mark(key: str) -> Change:
    return each(is_marked, lambda cell: cell["metadata"]["nbgrader"].pop(key, None))


def marks(value: Any) -> Change:
    return each(is_marked, lambda c: c["metadata"].update(nbgrader=copy.deepcopy(value)))


def rewritten(edit: Callable[[str], Any], which: Callable | None = None) -> Change:
    """Return what makes another source of the source of each of these cells."""
    return each(which, lambda cell: cell.update(source=edit(cell["source"])))


def replaced(make: Callable[[Notebook], list[Notebook]]) -> Change:
    """Return what puts the cells that `make` gives in the place of each answer."""

    def change(notebook: Notebook) -> None:
        cells = ((make(c) if is_answer(c) else [c]) for c in notebook["cells"])
        notebook["cells"] = [*itertools.chain.from_iterable(cells)]

    return change


def without(which: Callable[[Notebook], bool]) -> Change:
    return lambda notebook: notebook.update(cells=[c for c in notebook["cells"] if not which(c)])


# What can happen to right work without taking anything of it away -----------------------------


def merged_into_the_locked_cell(tests: bool) -> Change:
    """Put all code in the first locked cell, with or without the tests; leave no other."""

    def change(notebook: Notebook) -> None:
        cells = code(notebook)
        first = next(cell for cell in cells if is_locked(cell))
        first["source"] = "\n\n".join(c["source"] for c in cells if tests or not is_test(c))
        without(lambda cell: is_code(cell) and cell is not first)(notebook)

    return change


def merged_into_a_test_cell(notebook: Notebook) -> None:
    """Each function stands in the visible test cell below it, its own cell is gone."""
    above = ""
    for cell in code(notebook):
        if is_solution(cell):
            above = cell["source"]
        elif is_test(cell) and above:
            cell["source"], above = f"{above}\n\n{cell['source']}", ""
    without(is_answer)(notebook)


def an_import_in_the_locked_cell(notebook: Notebook) -> None:
    cells = code(notebook)
    next(cell for cell in cells if is_locked(cell))["source"] += "\nimport math"
    next(c for c in cells if is_solution(c))["source"] += "\n\nassert math.pi > 3"


def each_twice(notebook: Notebook) -> None:
    notebook["cells"] = [copy.deepcopy(c) for cell in notebook["cells"] for c in (cell, cell)]


def all_twice(notebook: Notebook) -> None:
    notebook["cells"] += copy.deepcopy(notebook["cells"])


def a_second_copy_not_written(notebook: Notebook) -> None:
    cells = [copy.deepcopy(c) for c in notebook["cells"] if is_solution(c)]
    for cell in filter(is_code, cells):
        names = sorted(source.bound_names(cell["source"]))
        cell["source"] = "\n".join(f"def {n}(*a):\n    raise NotImplementedError()" for n in names)
    notebook["cells"] += cells


def kind_of_all(kind: str) -> Change:
    """Turn the course's cells into another kind; the student's own stay."""

    def edit(cell: Notebook) -> None:
        cell["cell_type"] = kind
        cell.pop("outputs", None)
        cell.pop("execution_count", None)

    return each(is_marked, edit)


def released_sources(notebook: Notebook) -> dict[str, str]:
    name = NAMES["ReLU" in {grade_id(cell) for cell in notebook["cells"]}]
    return {grade_id(cell): cell["source"] for cell in read("assignments", name).cells}


def answers_in_further_cells(notebook: Notebook) -> None:
    released = released_sources(notebook)
    replaced(lambda c: [c | {"source": released[grade_id(c)]}, plain(c["source"])])(notebook)


def no_ids(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        del cell["id"]
    notebook["nbformat_minor"] = 4


def version_3(notebook: Notebook) -> None:
    cells = notebook.pop("cells")
    for cell in filter(is_code, cells):
        cell["input"] = cell.pop("source").splitlines(keepends=True)
    notebook |= {"nbformat": 3, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}


def odd_cells(notebook: Notebook) -> None:
    notebook["cells"] += [None, 3, [], {}, {"cell_type": []}, {"cell_type": "code", "source": 7}]


# An editor has split each cell for code, and given both halves the same metadata.
split = replaced(lambda cell: [cell | {"source": "import numpy as np\nx = 3"}, cell])
ODD_OUTPUTS = [{"output_type": "error"}, 3, {"data": None}]
SAME: dict[str, Change] = {
    "as it is": lambda notebook: None,
    "all code merged into the locked cell": merged_into_the_locked_cell(tests=False),
    "all code and the tests merged into the locked cell": merged_into_the_locked_cell(tests=True),
    "code merged into the test cells": merged_into_a_test_cell,
    "an import added to the locked cell": an_import_in_the_locked_cell,
    "locked cells emptied": having(is_given, source=""),
    "locked cells spoiled": having(is_given, source="def )"),
    "locked cells deleted": without(lambda cell: is_locked(cell) or is_test(cell)),
    "tests replaced": having(lambda c: is_code(c) and is_test(c), source="1000.0"),
    "metadata lost": having(metadata={}),
    "metadata null": having(metadata=None),
    "metadata a list": having(metadata=[1]),
    "marks null": marks(None),
    "marks a text": marks("x"),
    "marks empty": marks({}),
    "grade id missing": without_mark("grade_id"),
    "grade id null": mark(grade_id=None),
    "grade id a list": mark(grade_id=["setup"]),
    "grade id a path": mark(grade_id="../../../etc/passwd"),
    "points a text": mark(points="many"),
    "points endless": mark(points=1e400),
    "grade null": mark(grade=None),
    "solution null": mark(solution=None),
    "all solutions": mark(solution=True),
    "locked missing": without_mark("locked"),
    "schema of the future": mark(schema_version=99),
    "checksum a number": mark(checksum=5),
    "notebook metadata null": lambda notebook: notebook.update(metadata=None),
    "notebook metadata of another language": lambda notebook: notebook.update(
        metadata={"kernelspec": {"name": "ir"}}
    ),
    "each cell twice": each_twice,
    "all cells twice": all_twice,
    "a second copy that is not written": a_second_copy_not_written,
    "reversed": lambda notebook: notebook["cells"].reverse(),
    "tests first": lambda notebook: notebook["cells"].sort(key=lambda cell: not is_test(cell)),
    "answers last": lambda notebook: notebook["cells"].sort(key=is_solution),
    "turned into Markdown": kind_of_all("markdown"),
    "turned into raw cells": kind_of_all("raw"),
    "turned into no kind": kind_of_all("heading"),
    "answers in further cells": answers_in_further_cells,
    "answers in cells of their own": replaced(lambda cell: [plain(cell["source"])]),
    "split": split,
    "sources as lines": rewritten(lambda text: text.splitlines(keepends=True)),
    "Windows line ends": rewritten(lambda text: text.replace("\n", "\r\n")),
    "spaces at line ends": rewritten(lambda text: text.replace("\n", "  \n") + "\n\n"),
    "no cell ids": no_ids,
    "one cell id for all": having(id="same"),
    "cell ids null": having(id=None),
    "cell ids a path": having(id="../../x"),
    "version 3": version_3,
    "minor version 99": lambda notebook: notebook.update(nbformat_minor=99),
    "cells that are none": odd_cells,
    "outputs that are none": having(is_code, outputs=ODD_OUTPUTS),
    "outputs null": having(outputs=None),
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


def not_written(notebook: Notebook) -> None:
    released = released_sources(notebook)
    for cell in notebook["cells"]:
        cell["source"] = released.get(grade_id(cell), cell["source"])


def with_a_line_left_over(answer: str) -> str:
    head, _, body = answer.partition("\n    ")
    left = f"{head}\n    raise NotImplementedError()\n    {body}"
    return f"raise NotImplementedError()\n{left}" if head.startswith("class") else left


LOST: dict[str, tuple[Change, str]] = {
    "nothing written": (not_written, "handed out: nothing was written there"),
    "answers deleted": (without(is_solution), "its cell was deleted, and no other cell defines it"),
    "a syntax error": (
        rewritten("def f(:\n    pass\n{}".format, is_answer),
        "its cell ended in SyntaxError: ",
    ),
    "an error first": (
        rewritten("1 / 0\n{}".format, is_answer),
        "its cell ended in ZeroDivisionError: ",
    ),
    "a line left over": (
        rewritten(with_a_line_left_over, is_answer),
        "`raise NotImplementedError()` still stands in line ",
    ),
    "no cells at all": (lambda notebook: notebook.update(cells=notebook["cells"][:1]), "deleted"),
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
