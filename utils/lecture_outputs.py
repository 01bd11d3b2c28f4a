"""The outputs of the lectures, written from a clean kernel so that anyone can write them again.

Committed outputs show **real MNIST**, on every machine: from `$MNIST_DIR`, a folder `shared/mnist`
beside the course, the cache, or the download, whichever has it first. A lecture that uses MNIST is
refused if only the stand-in is available.

A measured time differs on every run. So a cell with the tag `measured` keeps its outputs as long as
its source is unchanged (its metadata contains a hash of the source); `remeasure=True` measures
again. Nothing else may depend on the clock.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode

from utils.lecture_minutes import by_section, minutes, stated
from utils.saved_widgets import WIDGET, take_out_widget
from utils.system import ONE_THREAD, atomic_write

LARGEST = 500_000  # bytes of a lecture with its outputs
SECONDS_PER_CELL = 120
STAND_IN = "digits"  # as a value of MNIST_DIR, see utils/mnist.py
KEPT_CELL_METADATA = ("tags", "slideshow", "jupyter", "transient", "measured")
PROGRESS_BAR = re.compile(r"\d+%\|.*\[\d\d:\d\d<", re.DOTALL)
UNSTABLE = {
    "a memory address": re.compile(r"\bat 0x[0-9a-f]{6,}"),
    "a path of this machine": re.compile(re.escape(str(Path(__file__).resolve().parent.parent))),
}


class LectureError(Exception):
    """A lecture cannot be built; the message names the lecture, the cell and what went wrong."""


def build_lectures(
    root: Path,
    names: Sequence[str] = (),
    *,
    remeasure: bool = False,
    say: Callable[[str], None] = lambda line: print(line, flush=True),
) -> list[Path]:
    """Execute the lectures and write their outputs, one whole file after another.

    Args:
        root: the course folder.
        names: parts of file names to build only these; all lectures if empty.
        remeasure: also replace the outputs of the cells tagged `measured`.
        say: called with each line of progress.

    Returns:
        The lectures whose file changed.

    Raises:
        LectureError: a lecture fails, or it would have to be built with the stand-in. Lectures
            written until then are complete and stay; no file is ever half-written.
    """
    paths = sorted((root / "lectures").glob("[0-9]*.ipynb"))
    paths = [path for path in paths if not names or any(name in path.name for name in names)]
    if not paths:
        raise LectureError(f"no lecture in {root / 'lectures'} has a name like {', '.join(names)}")
    changed = []
    with tempfile.TemporaryDirectory(prefix="lectures-") as scratch:
        env = environment(root, Path(scratch))
        for i, path in enumerate(paths, start=1):
            say(f"lecture {i} of {len(paths)}: {path.name}")
            built = execute(path, env, remeasure=remeasure)
            say(f"  it takes {stated(minutes(built))} minutes: {_sections(built)}")
            text = nbformat.writes(built, indent=1) + "\n"
            size = len(text.encode())
            if size > LARGEST:
                raise LectureError(
                    f"{path.name}: {size:,} bytes, more than the {LARGEST:,} allowed; "
                    "make its figures smaller or fewer"
                )
            if text != path.read_text(encoding="utf-8"):
                atomic_write(path, text)
                changed.append(path)
    return changed


def _sections(notebook: NotebookNode) -> str:
    """Return the minutes of each section of a lecture in one line."""
    return ", ".join(f"{name} {took:.1f}" for name, took in by_section(notebook))


def environment(root: Path, scratch: Path, *, stand_in: bool = False) -> dict[str, str]:
    """Return the environment variables for lectures: real MNIST, and no settings of the user's.

    Args:
        root: the course folder.
        scratch: an empty folder for the kernel's files.
        stand_in: let `load_mnist` return the stand-in instead.
    """
    env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "MPL"))}
    env |= {
        "PYTHONHASHSEED": "0",
        "IPYTHONDIR": str(scratch / "ipython"),
        "MATPLOTLIBRC": str(Path(matplotlib.get_data_path()) / "matplotlibrc"),
        "COURSE_PROGRESS_DIR": str(scratch / "progress"),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }
    env |= ONE_THREAD
    env |= same_arithmetic()
    beside: str | Path = root.resolve().parent / "shared" / "mnist"
    folders = [os.environ.get("MNIST_DIR", STAND_IN), beside]
    real = [str(Path(f).resolve()) for f in folders if f != STAND_IN and Path(f).is_dir()]
    env["MNIST_DIR"] = STAND_IN if stand_in else (real or [""])[0]
    return env


def same_arithmetic() -> dict[str, str]:
    """Return environment variables that make NumPy round alike on all 64-bit x86 processors.

    NumPy and OpenBLAS choose instructions by processor, and each kind sums in a different order.
    All of these processors since 2013 to 2015 have AVX2, so that is used and nothing newer.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return {}
    known = np.show_config(mode="dicts").get("SIMD Extensions", {})
    optional = [*known.get("found", []), *known.get("not found", [])]
    newer = [name for name in optional if name.startswith(("AVX512", "X86_V4"))]
    return {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": " ".join(newer)}


def has_real_mnist(env: dict[str, str]) -> bool:
    """Return whether `load_mnist` would give the real MNIST in this environment."""
    source = "from utils.mnist import data_source; print(data_source())"
    command = [sys.executable, "-c", source]
    result = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    return result.stdout.strip().endswith("MNIST")


def uses_mnist(notebook: NotebookNode) -> bool:
    """Return whether a lecture's outputs depend on the source of the digits."""
    code = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    return any(name in code for name in ("load_mnist", "data_source", "utils.weights"))


def execute(
    path: Path,
    env: dict[str, str],
    *,
    any_data: bool = False,
    remeasure: bool = False,
) -> NotebookNode:
    """Run a lecture from a clean kernel in its own folder and return it with normalised outputs.

    Args:
        path: the notebook; it is not changed.
        env: from `environment`.
        any_data: accept the stand-in, too.
        remeasure: do not keep the outputs of cells tagged `measured`.

    Raises:
        LectureError: the file is not a notebook, a cell fails or warns, or MNIST is missing.
    """
    try:
        committed = nbformat.read(path, as_version=4)
        nbformat.validate(committed)
    except Exception as error:
        raise LectureError(f"{path.name}: not a valid notebook: {error}") from error
    if not any_data and uses_mnist(committed) and not has_real_mnist(env):
        raise LectureError(
            f"{path.name}: committed outputs show the real MNIST, but only the stand-in is here; "
            "set MNIST_DIR to a folder with its four files, or go online once"
        )
    notebook = nbformat.from_dict(committed)
    running = ["the start of its kernel"]
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=SECONDS_PER_CELL,
        store_widget_state=False,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
        on_cell_start=lambda cell, cell_index: running.append(_name(cell_index, cell)),
    )
    try:
        client.execute(env=env, stderr=subprocess.DEVNULL)  # the kernel's own notices, not a cell's
    except (Exception, asyncio.CancelledError) as error:
        if not isinstance(error, CellTimeoutError) and _was_interrupted(client):
            raise KeyboardInterrupt from None
        raise LectureError(f"{path.name}, {running[-1]}: {_sentence(error)}") from error
    return normalised(path, notebook, {} if remeasure else _kept_outputs(committed))


def normalised(
    path: Path, notebook: NotebookNode, kept: Mapping[str, list[NotebookNode]]
) -> NotebookNode:
    """Remove from an executed notebook, in place, everything that depends on machine or time.

    Args:
        path: the lecture, for messages.
        notebook: the executed notebook.
        kept: outputs that replace those of cells tagged `measured`, by cell id.

    Raises:
        LectureError: an output is a warning, a traceback, or different in each run.
    """
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3 (ipykernel)",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    notebook.nbformat_minor = max(notebook.nbformat_minor, 5)
    for index, cell in enumerate(notebook.cells):
        where = f"{path.name}, {_name(index, cell)}"
        metadata = cell.metadata
        cell.metadata = nbformat.from_dict(
            {key: metadata[key] for key in KEPT_CELL_METADATA if key in metadata}
        )
        cell.metadata.pop("measured", None)
        if cell.cell_type != "code":
            continue
        normal = (_normal_output(where, output) for output in cell.outputs)
        cell.outputs = _joined([output for output in normal if output is not None])
        if "measured" in cell.metadata.get("tags", []):
            cell.metadata["measured"] = _hash(cell.source)
            cell.outputs = kept.get(cell.id, cell.outputs)
    return notebook


def _name(index: int, cell: NotebookNode) -> str:
    """Return the name of a cell for messages."""
    return f"cell {index + 1} ({cell.id})"


def _was_interrupted(client: NotebookClient) -> bool:
    """Return whether Ctrl-C ended the run: it may reach nbclient, or a cell's kernel, first."""
    outputs = [output for cell in client.nb.cells for output in cell.get("outputs", [])]
    in_a_cell = any(output.get("ename") == "KeyboardInterrupt" for output in outputs)
    return in_a_cell or hasattr(client, "_async_cleanup_kernel_future")


def _sentence(error: BaseException) -> str:
    """Return what ended a cell, without the traceback."""
    if isinstance(error, CellTimeoutError):
        return f"ran for more than {SECONDS_PER_CELL} s"
    if isinstance(error, CellExecutionError):
        return f"{error.ename}: {error.evalue}"
    return str(error) or type(error).__name__


def _kept_outputs(committed: NotebookNode) -> dict[str, list[NotebookNode]]:
    """Return the outputs of measured cells that have not been edited since, by cell id."""
    return {
        cell.id: cell.outputs
        for cell in committed.cells
        if cell.cell_type == "code" and cell.metadata.get("measured") == _hash(cell.source)
    }


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:16]


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Join consecutive printed text, which the kernel splits depending on the timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        if joined and output.output_type == joined[-1].output_type == "stream":
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def _normal_output(where: str, output: NotebookNode) -> NotebookNode | None:
    """Return an output without widget state, or None for one that a page cannot show.

    Raises:
        LectureError: the output is a warning, a traceback, or different in each run.
    """
    if output.get("name") == "stderr":
        raise LectureError(f"{where}: writes to stderr: {output.text.strip().splitlines()[0]}")
    if output.output_type == "error":
        raise LectureError(f"{where}: shows a traceback; catch the error and print its message")
    data = output.get("data", {})
    if WIDGET in data:
        if PROGRESS_BAR.search(data.get("text/plain", "")):
            return None
        take_out_widget(data)
    shown = "\n".join(
        [output.get("text", ""), data.get("text/plain", ""), data.get("text/html", "")]
    )
    for what, pattern in UNSTABLE.items():
        if pattern.search(shown):
            raise LectureError(f"{where}: shows {what}, which differs each time")
    return output
