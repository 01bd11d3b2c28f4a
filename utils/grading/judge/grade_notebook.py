"""Grade one submission: from its bytes to the executed notebook and the outcome of each cell.

This writes none of the course's files and imports little, since every worker and every `check`
imports it. `nbgrader_steps` does the same in the steps of `nbgrader autograde`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from typing import TYPE_CHECKING, Any

from utils.grading.judge.fork_server import FORK_SERVER, fork_server_for
from utils.grading.notebook import restore, source_cells
from utils.grading.notebook.extra_files import in_a_folder, modules_in, notes_on
from utils.grading.notebook.reading import Unreadable
from utils.grading.notebook.reasons import reasons
from utils.grading.notebook.result import NOTES_ID, GradingResult, TestResult
from utils.grading.notebook.source import about
from utils.grading.notebook.source_cells import SourceCell
from utils.grading.sandbox import supervisor, system_calls
from utils.grading.sandbox.config import Limits, SandboxConfig

if TYPE_CHECKING:
    from nbformat import NotebookNode


PERSON = "a person has to give these points"


class NotSandboxed(RuntimeError):
    """Submissions are not run because no sandbox is available."""


def grade_notebook(
    submission: bytes,
    course: Sequence[SourceCell],
    limits: Limits | None = None,
    files: Mapping[str, bytes] | None = None,
    unsafe: bool = False,
    released: Collection[str] | None = None,
    releases: Sequence[Mapping[str, str]] = (),
    documents: Collection[str] = (),
    course_files: Mapping[str, bytes] | None = None,
) -> tuple[NotebookNode | None, GradingResult]:
    """Grade a submission.

    Args:
        submission: the bytes of the submitted file.
        course: the course's cells, see `source_cells.cells_of_gradebook`.
        limits: the resources that it may use.
        files: the files beside the notebook, the problem set's and the student's: contents by
            name, see `extra_files`.
        unsafe: run it even where there is no sandbox.
        released, releases, documents: see `restore.put_in_order`.
        course_files: the files that the course hands out; the judge sees only these.
    Returns:
        The executed notebook (None if the file is unreadable), and the result.
    Raises:
        NotSandboxed: there is no sandbox.
        ForkServerError: no processes can be started.
    """
    try:
        notebook = restore.read_notebook(submission)
    except Unreadable as error:
        return None, GradingResult.unreadable(error)
    notebook, notes = restore.restore(notebook, course, released, releases, documents)
    ours = course_files or {}
    result = run_with_files(
        notebook, course, limits or Limits(), available_sandbox(unsafe), files or {}, ours
    )
    result.repaired = bool(notes)
    result.notes[:0] = [*notes, *notes_on(set(files or {}) - set(ours))]
    result.notes += reasons(notebook, course, result.tests)
    show_notes(notebook, result.notes)
    return notebook, result


def available_sandbox(unsafe: bool = False) -> str:
    """Return the kind of sandbox available on this machine.

    Raises:
        NotSandboxed: there is none, and `unsafe` is False.
    """
    if not system_calls.LINUX:
        raise NotSandboxed(supervisor.ELSEWHERE)
    found = FORK_SERVER.sandbox()
    if not found and not unsafe:
        reasons = "; ".join(f"{f}: {FORK_SERVER.why_not(f)}" for f in ("namespaces", "landlock"))
        raise NotSandboxed(supervisor.NO_SANDBOX.format(reasons=reasons))
    return found or "none"


def run_with_files(
    notebook: NotebookNode,
    course: Sequence[SourceCell],
    limits: Limits,
    kind: str,
    files: Mapping[str, bytes],
    ours: Mapping[str, bytes],
) -> GradingResult:
    """Run a notebook as `run_notebook` does, with files beside it.

    Args:
        notebook: changed in place.
        course: the course's cells.
        limits: the resources that the submission may use.
        kind: the kind of sandbox, from `available_sandbox`.
        files: the student's files, by name; a file of the course with the same name replaces one.
        ours: the files that the course hands out; the judge sees only these.
    """
    with in_a_folder({**files, **ours}) as folder, in_a_folder(ours) as judges:
        config = SandboxConfig(
            limits,
            kind,
            folder,
            course_folder=judges if ours else "",
            modules=modules_in(ours),
        )
        return run_notebook(notebook, config, course)


def run_notebook(
    notebook: NotebookNode, config: SandboxConfig, course: Sequence[SourceCell] = ()
) -> GradingResult:
    """Run a restored notebook and fill in its cells' outputs; nbgrader computes the points.

    Args:
        notebook: changed in place.
        config: the configuration of the student process.
        course: the course's cells.
    """
    from nbgrader.utils import determine_grade, is_grade, is_task

    result = run_cells(notebook, config, course=course)
    for cell in notebook.cells:
        if is_grade(cell):
            name = cell.metadata.nbgrader.grade_id
            asks = name in result.tests and result.tests[name].ask
            result.auto[name] = None if asks else determine_grade(cell)[0]
        elif is_task(cell):
            result.auto[cell.metadata.nbgrader.grade_id] = None
    return result


def run_cells(
    notebook: MutableMapping[str, Any],
    config: SandboxConfig,
    judge: Callable[..., dict[str, Any]] | None = None,
    course: Sequence[SourceCell] = (),
) -> GradingResult:
    """Run a restored notebook and fill in its cells' outputs, without points.

    Args:
        notebook: changed in place; of nbformat's nodes or of plain dicts.
        config: the configuration of the student process.
        judge: a function like `ForkServer.judge`; by default that of `fork_server_for`.
        course: the course's cells, which tell what names mean in its own notebook.
    """
    cells, places = _cells(notebook)
    course_names = {
        kind: sorted({name for cell in course for name in getattr(cell, kind)})
        for kind in ("imports", "classes", "completes")
    }
    course_names["modules"] = sorted(config.modules)
    answer = (judge or fork_server_for(cells).judge)(cells, config, course_names)
    result = GradingResult(
        notes=list(answer.get("notes", [])),
        stopped=answer.get("stopped", True),
        seconds=answer.get("seconds", 0.0),
        cpu_seconds=answer.get("cpu_seconds", 0.0),
        memory_bytes=answer.get("memory_bytes", 0),
    )
    if "error" in answer:
        result.notes.append(
            f"the judge could not finish: {answer['error'].strip().splitlines()[-1]}"
        )
    for number, place in enumerate(places):
        cell = notebook["cells"][place]
        found = answer.get("cells", {}).get(str(number))
        if found is None:
            found = {"outputs": [_not_run()], "error": "not run"}
            found |= {"points": 0.0, "checks": [], "left_to_person": ""}
        cell["outputs"] = [_as(type(cell), output) for output in found["outputs"]]
        cell["execution_count"] = number + 1
        for output in cell["outputs"]:
            if "execution_count" in output:
                output["execution_count"] = number + 1
        if cells[number]["kind"] == "test":
            result.tests[cells[number]["label"]] = TestResult(
                found["points"],
                cells[number]["points"],
                found["error"],
                cells[number]["hidden"],
                found["checks"],
                found["left_to_person"],
            )
            if found["left_to_person"]:
                result.notes.append(
                    f"`{cells[number]['label']}`: {PERSON}: {found['left_to_person']}"
                )
    return result


def _as(kind: type, value: Any) -> Any:
    """Return a value with all its dicts converted to another kind, such as nbformat's nodes."""
    if isinstance(value, dict):
        return kind({key: _as(kind, item) for key, item in value.items()})
    return [_as(kind, item) for item in value] if isinstance(value, list) else value


def _not_run() -> dict[str, Any]:
    message = "this cell was not run: the judge was stopped"
    return {"output_type": "error", "ename": "NotRun", "evalue": message, "traceback": [message]}


def _cells(notebook: Mapping[str, Any]) -> tuple[list[dict], list[int]]:
    """Return the code cells in the form that `Judge` needs, and their places in the notebook."""
    cells: list[dict] = []
    places: list[int] = []
    for place, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] != "code":
            continue
        metadata = cell["metadata"].get("nbgrader", {})
        kind = "student"
        if metadata.get("grade") and not metadata.get("solution"):
            kind = "test"
        elif metadata.get("locked"):
            kind = "locked"
        label, source = metadata.get("grade_id") or str(len(cells) + 1), cell["source"]
        found = {"kind": kind, "label": label, "source": source}
        if kind != "student":
            found |= about(label, source)
        if kind == "test":
            hidden = source_cells.without_hidden_tests(source) != source
            found |= {"points": float(metadata.get("points", 0)), "hidden": hidden}
        cells.append(found)
        places.append(place)
    return cells, places


def show_notes(notebook: NotebookNode, notes: Sequence[str]) -> None:
    """Put the notes at the top of a notebook, as a Markdown cell that replaces an earlier one."""
    from nbformat.v4 import new_markdown_cell

    notebook.cells = [cell for cell in notebook.cells if cell.get("id") != NOTES_ID]
    if notes:
        lines = "\n".join(f"- {_as_text(note)}" for note in notes)
        notebook.cells.insert(
            0, new_markdown_cell(f"**Notes from grading**\n\n{lines}", id=NOTES_ID)
        )


def _as_text(note: str) -> str:
    """Escape all Markdown and HTML in a note, parts of which a student may have written."""
    text = " ".join(note.split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+-!|~$&" else c for c in text[:1000])
