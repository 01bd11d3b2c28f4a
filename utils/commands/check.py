"""`check FILE`: check your own work with the visible tests of a problem set, in a second.

Runs the notebook's cells from top to bottom as a fresh kernel would, on your machine and as you,
and prints every check: whether it passed, what happened if not, and a hint. What counts are the
course's tests, even if your copy of a test cell was changed or deleted. Nothing is written.
"""

from __future__ import annotations

import _thread
import ast
import asyncio
import builtins
import contextlib
import inspect
import io
import json
import linecache
import os
import signal
import stat
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from utils.commands import ROOT, new_parser

SECONDS = 30  # of one cell
WIDTH = 26  # of what stands before a check's name and its hint


class FileError(ValueError):
    """The file cannot be checked; the message says what to do."""


@dataclass
class Cell:
    """A code cell.

    Attributes:
        label: its grade id, or its number among the code cells.
        source: its text.
        is_test: whether it gives points.
        points: that it can give.
        changed: "" or what is said of a test cell that is not as it was handed out.
    """

    label: str
    source: str
    is_test: bool = False
    points: float = 0.0
    changed: str = ""


@dataclass
class Outcome:
    """What became of a cell: its last value, its error, the checks that it showed."""

    value: Any = None
    error: str = ""
    tasks: list[Any] = field(default_factory=list)


def main(argv: list[str]) -> int:
    """Print every check; return 0 if all passed, 1 if not, 2 if there is nothing to check."""
    parser = new_parser("check", __doc__)
    parser.add_argument("file", metavar="FILE", type=Path, help="your notebook")
    asked = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal may lack the tick
    try:
        cells = read(asked.file)
    except FileError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        passed = check(cells, asked.file)
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    return 0 if passed else 1


# Reading ----------------------------------------------------------------------------------------


def read(path: Path) -> list[Cell]:
    """Return the code cells of a notebook, with the course's own visible tests.

    Raises:
        FileError: it is no notebook, or has no tests.
    """
    found = _code_cells(path)
    cells = [
        Cell(_grade_id(cell) or str(number), _source(cell), _is_test(cell), _points(cell))
        for number, cell in enumerate(found, 1)
    ]
    _restore(cells, _released(path, {cell.label for cell in cells if cell.is_test}))
    if not any(cell.is_test for cell in cells):
        raise FileError(
            f"{path} has no cell of checks; give the notebook of a problem set, such as "
            "ps1_output_layer.ipynb"
        )
    return cells


def _code_cells(path: Path) -> list[dict[str, Any]]:
    try:
        if not stat.S_ISREG(path.stat().st_mode) and not path.is_dir():
            raise FileError(f"{path} is no ordinary file; give a notebook")  # a pipe would wait
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileError(f"there is no file {path}") from None
    except IsADirectoryError:
        raise FileError(f"{path} is a folder; give the notebook in it") from None
    except UnicodeDecodeError:
        raise FileError(f"{path} is no notebook: it is not text") from None
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}") from None
    notebook = None
    try:
        notebook = json.loads(text)
        return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    except (ValueError, TypeError, KeyError, RecursionError):
        if isinstance(notebook, dict) and "worksheets" in notebook and "cells" not in notebook:
            raise FileError(
                f"{path} is a notebook of an old version (nbformat {notebook.get('nbformat', 3)}); "
                "open it in JupyterLab and save it, which makes a new one of it"
            ) from None
        raise FileError(
            f"{path} is no notebook, or a damaged one; open it in JupyterLab and save it"
        ) from None


def _source(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(source) if isinstance(source, list) else str(source)


def _about(cell: dict[str, Any]) -> dict[str, Any]:
    return cell.get("metadata", {}).get("nbgrader", {})


def _grade_id(cell: dict[str, Any]) -> str:
    return str(_about(cell).get("grade_id", ""))


def _is_test(cell: dict[str, Any]) -> bool:
    return bool(_about(cell).get("grade")) and not _about(cell).get("solution")


def _points(cell: dict[str, Any]) -> float:
    return float(_about(cell).get("points", 0))


def _released(path: Path, tests: set[str]) -> list[dict[str, Any]]:
    """Return the released code cells of the problem set that a file belongs to, [] if of none."""
    sets = {}
    for released in sorted((ROOT / "assignments").glob("*/*.ipynb")):
        with contextlib.suppress(FileError):
            sets[released.stem] = _code_cells(released)
    if path.stem in sets:
        return sets[path.stem]
    shared = {
        name: len(tests & {_grade_id(cell) for cell in cells if _is_test(cell)})
        for name, cells in sets.items()
    }
    best = max(shared, key=shared.__getitem__, default="")
    return sets[best] if best and shared[best] else []


def _restore(cells: list[Cell], released: list[dict[str, Any]]) -> None:
    """Put the course's test cells in place of changed ones, and missing ones in their order."""
    place = 0
    for given in released:
        if not _is_test(given):
            places = [i for i, cell in enumerate(cells) if cell.label == _grade_id(given)]
            place = places[-1] + 1 if places else place
            continue
        own = Cell(_grade_id(given), _source(given), True, _points(given))
        places = [i for i, cell in enumerate(cells) if cell.label == own.label]
        if not places:
            own.changed = "this cell was missing; the course's own was run"
            cells.insert(place, own)
            place += 1
            continue
        if cells[places[-1]].source.strip() != own.source.strip():
            own.changed = "this cell had been changed; the course's own was run"
        cells[places[-1]] = own
        place = places[-1] + 1


# Running ----------------------------------------------------------------------------------------


def check(cells: list[Cell], path: Path) -> bool:
    """Run the cells, print every check, and return whether all passed."""
    os.environ.setdefault("MPLBACKEND", "Agg")  # figures open no windows
    with contextlib.suppress(OSError):
        os.chdir(path.resolve().parent)
    namespace = _namespace()
    from utils import checks

    checks.student_cells = {cell.label: cell.source for cell in cells if not cell.is_test}
    earned = total = 0.0
    for cell in cells:
        outcome = run(cell, namespace)
        if not cell.is_test:
            if outcome.error:
                print(f"cell {cell.label} stopped: {outcome.error}\n")
            continue
        if not _holds_code(cell.source):  # its tests are put in when the work is graded
            continue
        earned += show(cell, outcome)
        total += cell.points
    print(
        f"{earned:g} of {total:g} points in the visible checks. When your work is graded, hidden "
        "checks look at the same kinds of properties with other numbers."
    )
    return earned >= total


def _namespace() -> dict[str, Any]:
    """Return the names of a fresh kernel, and make the course's solutions unavailable."""
    from IPython.display import display

    from utils import checks  # noqa: F401 - imported before its neighbours are masked
    from utils.grading.masked import forget_staff_modules

    forget_staff_modules()
    return {
        "__name__": "__main__",
        "__builtins__": builtins,
        "display": display,
        "get_ipython": _Magics,
    }


def _holds_code(source: str) -> bool:
    return any(line.strip() and not line.strip().startswith("#") for line in source.splitlines())


def run(cell: Cell, namespace: dict[str, Any]) -> Outcome:
    """Run a cell; whatever it prints is not shown."""
    from utils import checks

    outcome = Outcome()
    shown, checks.display = checks.display, outcome.tasks.append
    name = f"<cell {cell.label}>"
    linecache.cache[name] = (len(cell.source), None, cell.source.splitlines(True), name)
    stdin, sys.stdin = sys.stdin, io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(),
            _stopped_in_time(cell.label),
        ):
            _Magics.namespace = namespace
            outcome.value = _execute(cell.source, name, namespace)
    except KeyboardInterrupt:
        if not _Stop.late:
            raise
        outcome.error = f"it ran for more than {SECONDS} s; does a loop never end?"
    except BaseException as error:  # SystemExit is no reason to stop, either
        outcome.error = _in_words(error, name)
    finally:
        checks.display, sys.stdin = shown, stdin
    return outcome


def _execute(source: str, name: str, namespace: dict[str, Any]) -> Any:
    """Run a cell's text and return the value of its last line, if that is an expression."""
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        tree = ast.parse(source, name)
    except SyntaxError:
        tree = ast.parse(_without_magics(source), name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    _evaluate(compile(tree, name, "exec", flags), namespace)
    if last is None:
        return None
    return _evaluate(compile(ast.Expression(last.value), name, "eval", flags), namespace)


def _evaluate(code: Any, namespace: dict[str, Any]) -> Any:
    value = eval(code, namespace)
    if code.co_flags & inspect.CO_COROUTINE:  # an `await` outside of any function
        return asyncio.run(value)
    return value


def _without_magics(source: str) -> str:
    """Return a cell's text as Python, with IPython's magics as calls."""
    from IPython.core.inputtransformer2 import TransformerManager

    return TransformerManager().transform_cell(source)


class _Magics:
    """Stands for IPython where a cell uses magics: code in them runs, all else is skipped."""

    namespace: dict[str, Any] = {}

    def run_line_magic(self, name: str, line: str, *_: Any) -> None:
        if name in ("time", "timeit"):
            exec(line, self.namespace)

    def run_cell_magic(self, name: str, line: str, body: str) -> None:
        if name in ("time", "timeit", "capture", "prun"):
            exec(body, self.namespace)

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


class _Stop:
    """Whether the running cell was stopped because it took too long."""

    late = False


@contextlib.contextmanager
def _stopped_in_time(label: str) -> Iterator[None]:
    """Interrupt a cell that takes too long, and end everything if that does not help."""

    def interrupt() -> None:
        _Stop.late = True
        _thread.interrupt_main()

    def give_up() -> None:
        said = f"cell {label} does not stop after {SECONDS} s, so the check ends here\n"
        os.write(2, said.encode())
        os._exit(1)

    # Where it is ignored, as after nohup, it would interrupt nothing.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    _Stop.late = False
    timers = [threading.Timer(SECONDS, interrupt), threading.Timer(SECONDS + 10, give_up)]
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        signal.signal(signal.SIGINT, before)


def _in_words(error: BaseException, name: str) -> str:
    """Return an exception as one line: its type, its message, and the line of the cell."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
    at = f" (line {lines[-1].lineno}: `{lines[-1].line}`)" if lines else ""
    if isinstance(error, SyntaxError) and error.filename == name:
        at = f" (line {error.lineno}: `{(error.text or '').strip()}`)"
        return f"{type(error).__name__}: {error.msg}{at}"
    if isinstance(error, NotImplementedError) and not str(error):
        return f"not written yet{at}"
    try:
        said = " ".join(str(error).split())
    except Exception:
        said = "(its message cannot be shown)"
    return f"{type(error).__name__}: {said[:300]}{at}"


# Printing ---------------------------------------------------------------------------------------


def show(cell: Cell, outcome: Outcome) -> float:
    """Print what became of a test cell, check by check, and return its points."""
    from utils.checks import MARKS

    points = _given(cell, outcome)
    mark = "✓" if points >= cell.points else "✗"
    name = outcome.tasks[0].name if outcome.tasks else cell.label
    print(f"{mark} {name}: {points:g} of {cell.points:g} points")
    if cell.changed:
        print(f"  ({cell.changed})")
    for task in outcome.tasks:
        for one in task.checks:
            worth = f"{float(one.earned):g}/{float(one.share):g}"
            print(f"  {MARKS[one.state]:<13}  {worth:>7}  {one.name}")
            if one.state != "passed":
                print(f"{'':{WIDTH}}What happened: {one.what}")
                print(f"{'':{WIDTH}}Hint: {one.hint}")
    if outcome.error:
        print(f"  the tests stopped: {outcome.error}")
    print()
    return points


def _given(cell: Cell, outcome: Outcome) -> float:
    """Return the points that a test cell gives, as nbgrader reads them."""
    if outcome.error:
        return 0.0
    if isinstance(outcome.value, int | float):
        return min(max(float(outcome.value), 0.0), cell.points)
    return cell.points
