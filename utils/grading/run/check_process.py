"""The process in which `check` reads, restores and runs a notebook.

It works as in `grade`, but the course's cells are those of the released notebook, so the tests are
the visible ones. Nothing else is known here: no gradebook, no solution, no hidden test, and only
those environment variables that a submission may read. So the judge and the student process can be
forked from this one, which saves a second. Only if a student has finished a set and asks for its
hidden checks are they read from the solution, which this student is then shown anyway.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from utils.checks_format import MIME
from utils.grading.judge import grade_notebook, unsandboxed
from utils.grading.judge.fork_server import FORK_SERVER, PLOTS_FORK_SERVER, draws
from utils.grading.notebook import extra_files, reading, restore, source_cells
from utils.grading.notebook.reading import Unreadable, text_of
from utils.grading.notebook.reasons import error_of, reasons
from utils.grading.notebook.source_cells import RELEASES_FILE, SourceCell, read_releases
from utils.grading.run.limits import limits_of
from utils.grading.run.self_study import solution_path
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.system import CONFIG, ROOT, load_config, problem_sets_in

RELEASES = (  # files of earlier releases, if this copy of the course has them
    ROOT / "solutions" / RELEASES_FILE,
    ROOT / "grading" / "reports" / RELEASES_FILE,
)

Judging = Callable[[list[dict], SandboxConfig], dict[str, Any]]


class NothingToCheck(ValueError):
    """The file contains no problem set; the message says what to do."""


def main() -> None:
    """Read a request from stdin and write the answer to stdout, both as JSON."""
    asked = json.load(sys.stdin)
    try:
        answer = check_file(Path(asked["file"]), asked["sandbox"], asked["limits"], asked["hidden"])
    except Unreadable as error:
        answer = {"refused": f"is not a notebook that can be read: {error}"}
    except NothingToCheck as error:
        answer = {"refused": str(error)}
    json.dump(answer, sys.stdout)


def check_file(
    path: Path, sandboxed: bool, limits: dict[str, float] | None = None, hidden: bool = False
) -> dict[str, Any]:
    """Run a notebook with the visible tests of its problem set.

    Args:
        path: the notebook.
        sandboxed: use the sandbox of `grade` if one is available; else run without one.
        limits: replace the course's own.
        hidden: run the hidden tests, too, if the problem set's solution is here.

    Returns:
        See `check_notebook`.

    Raises:
        Unreadable: the file is not a notebook.
        NothingToCheck: it contains no cells of a problem set.
    """
    data, files = reading.read_file(path), extra_files.files_beside(path.parent)
    with contextlib.ExitStack() as stack:

        def start(plots: bool) -> tuple[str, Judging]:
            if not sandboxed:
                return "none", functools.partial(unsandboxed.judge, plots=plots)
            server = PLOTS_FORK_SERVER if plots else FORK_SERVER
            server.fork()
            stack.callback(server.close)
            return server.sandbox() or "none", server.judge

        return check_notebook(data, path.stem, files, start, limits, hidden)


def check_notebook(
    data: bytes,
    stem: str,
    files: dict[str, bytes],
    start: Callable[[bool], tuple[str, Judging]],
    limits: dict[str, Any] | None = None,
    hidden: bool = False,
) -> dict[str, Any]:
    """Run a notebook, given its bytes.

    Args:
        data: the file's bytes.
        stem: its name without the suffix.
        files: the files beside it, contents by name.
        start: a function of whether the notebook draws figures; it returns the kind of sandbox and
            the function that judges.
        limits: replace the course's own.
        hidden: see `check_file`.

    Returns:
        `problem_set`, `sandbox` (its kind, "none" for none), `notes`; `stopped`: the student's
        cells that ended in an error, each with `label` and `error`; `tests`: the test cells, each
        with `name`, `points`, `max_points`, `table`, `error`, `hidden`; `hidden`, `by_hand`: the
        points for hidden checks and from a person.

    Raises:
        Unreadable: the file is not a notebook.
        NothingToCheck: it contains no cells of a problem set.
    """
    found = reading.read(data)
    name, course, released = problem_set_of(found, stem)
    if hidden:
        course = with_hidden_tests(name, course)
    earlier = [one for path in RELEASES for one in read_releases(path, name)]
    released = released.union(*(one.values() for one in earlier))
    notebook, notes = restore.put_in_order(
        found, course, released, earlier, extra_files.documents(files)
    )
    allowed = Limits()
    if (ROOT / CONFIG).is_file():  # else only the package is installed
        allowed = limits_of(load_config(ROOT), name)
    allowed = dataclasses.replace(allowed, **limits or {})
    sandbox, judge = start(any(draws(c) for c in notebook["cells"] if c["cell_type"] == "code"))
    with extra_files.in_a_folder(files) as folder:
        config = SandboxConfig(allowed, sandbox, folder, figures="none")  # they would not be shown
        result = grade_notebook.run_cells(notebook, config, judge)
    sources = {cell.grade_id: cell.source for cell in course}
    tests = {n: t for n, t in result.tests.items() if _holds_code(sources[n])}
    notes = [
        *notes,
        *extra_files.notes_on(files),
        *result.notes,
        *reasons(notebook, course, tests),
    ]
    if stem != name:
        notes.insert(0, f"this is {name}: hand it in as `{name}.ipynb`")
    tables, stopped = {}, []
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        number += 1
        grade_id = cell["metadata"].get("nbgrader", {}).get("grade_id", "")
        if grade_id in tests:
            tables[grade_id] = _table(cell)
        elif grade_id not in result.tests and (error := error_of(cell)):
            stopped.append({"label": grade_id or str(number), "error": error})
    return {
        "problem_set": name,
        "sandbox": sandbox,
        "notes": list(dict.fromkeys(notes)),
        "stopped": stopped,
        "tests": [
            {"name": n, "table": tables.get(n, "")}
            | {key: getattr(test, key) for key in ("points", "max_points", "error", "hidden")}
            for n, test in tests.items()
        ],
        "hidden": sum(t.max_points for n, t in result.tests.items() if n not in tests),
        "by_hand": sum(cell.points for cell in course if cell.points and not cell.is_test),
    }


def _holds_code(source: str) -> bool:
    """Return whether a test cell contains code, not only the placeholder of a hidden test."""
    return any(line.strip() and not line.strip().startswith("#") for line in source.splitlines())


def _table(cell: Mapping[str, Any]) -> str:
    """Return the tables of checks that a test cell shows, as text."""
    data = (output.get("data", {}) for output in cell["outputs"])
    return "\n".join(one["text/plain"] for one in data if MIME in one)


# Which problem set ------------------------------------------------------------------------------


def problem_set_of(
    notebook: Mapping[str, Any], stem: str
) -> tuple[str, list[SourceCell], frozenset[str]]:
    """Return the problem set that a notebook belongs to.

    The grade ids of its cells identify it, or their texts where the ids are lost; a tie is decided
    by the file's name without its suffix.

    Returns:
        The problem set's name, its cells, and the hashes of all released texts.

    Raises:
        NothingToCheck: it matches none of the released problem sets.
    """
    ids = {cell["metadata"].get("nbgrader", {}).get("grade_id") for cell in notebook["cells"]}
    texts = {reading.text_hash(cell["source"]) for cell in notebook["cells"]}
    best: tuple[tuple[int, int, int, bool], str, list[SourceCell], frozenset[str]] | None = None
    for name in problem_sets_in(ROOT / "assignments"):
        try:
            released = as_handed_out(ROOT / "assignments" / name / f"{name}.ipynb")
            cells = source_cells.cells_of_notebook(released)
            hashes = source_cells.hashes_of(released)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        tests = len(ids & {cell.grade_id for cell in cells if cell.is_test})
        all_ids = len(ids & {cell.grade_id for cell in cells})
        like = (tests, all_ids, len(texts & hashes), name == stem)
        if any(like[:3]) and (best is None or like > best[0]):
            best = like, name, cells, frozenset(hashes)
    if best is None:
        raise NothingToCheck(
            "has no cell of checks of a problem set of this course; give the notebook of a problem "
            "set, such as ps1_output_layer.ipynb"
        )
    return best[1:]


def as_handed_out(path: Path) -> dict[str, Any]:
    """Return a notebook of `assignments/` as it was before a student worked in it.

    In a clone, Git has its text. Elsewhere the cells that a student has changed are returned empty,
    since their released text is unknown.
    """
    here = json.loads(path.read_text(encoding="utf-8-sig"))
    if not any(map(_is_written, here["cells"])):
        return here
    with contextlib.suppress(OSError, ValueError, subprocess.SubprocessError):
        command = ["git", "-C", str(path.parent), "show", f"HEAD:./{path.name}"]
        said = subprocess.run(command, capture_output=True, timeout=10, stdin=subprocess.DEVNULL)
        here = json.loads(said.stdout) if not said.returncode else here
    for cell in here["cells"]:
        if _is_written(cell):
            cell["source"] = ""
    return here


def _is_written(cell: Mapping[str, Any]) -> bool:
    """Return whether a student's cell no longer contains nbgrader's placeholder."""
    about = cell["metadata"].get("nbgrader") or {}
    return bool(about.get("solution")) and not re.search("YOUR (CODE|ANSWER) HERE", text_of(cell))


def with_hidden_tests(problem_set: str, released: list[SourceCell]) -> list[SourceCell]:
    """Return a problem set's cells with the hidden tests of its solution, if it is here."""
    hidden = {}
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        source = json.loads(solution_path(problem_set).read_text(encoding="utf-8-sig"))
        hidden = {c.grade_id: c.source for c in source_cells.cells_of_notebook(source) if c.is_test}
    return [
        dataclasses.replace(cell, source=hidden.get(cell.grade_id, cell.source))
        for cell in released
    ]
