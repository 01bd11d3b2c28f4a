"""`check FILE`: check your own work with the visible tests of a problem set, in a second.

The grader's own code reads your notebook, puts the course's cells back, runs it from top to bottom
as a fresh kernel would, and prints the tables of checks that the notebook shows: what passed, what
happened if not, and a hint. What counts are the course's tests, even if your copy of a test cell
was changed or deleted. Your file stays as it is.

When you are finished with a problem set of your own, --finished runs its hidden checks, too, and
then shows the course's solution of each function, the model answers with their rubric, and what to
read next.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from utils.commands import agreed, new_parser
from utils.commands.lab import let_the_course_win
from utils.grading.run import self_study
from utils.grading.terminal import clean
from utils.system import ONE_THREAD, ROOT, problem_sets_in

# Environment variables that the checking process keeps; a submission can read them all.
KNOWN = (
    "HOME", "PATH", "TZ", "LD_LIBRARY_PATH", "MPLCONFIGDIR", "XDG_CACHE_HOME", "MNIST_DIR",
    "TMPDIR", "SYSTEMROOT", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA",
)  # fmt: skip
START = (
    "import gc, sys; gc.disable(); sys.path.insert(0, sys.argv[1])\n"
    "from utils.grading.run import check_process\n"
    "check_process.main()"
)
UNSAFE = (
    "(Not sandboxed: the code in this file runs as you, with your files. Check only files that you "
    "trust.)"
)


SPOILERS = (
    "This runs the hidden checks, then shows the solutions and the model answers. Are you finished "
    "with this problem set?"
)


class Terminated(KeyboardInterrupt):
    """This process has received SIGTERM."""


class CheckFailed(RuntimeError):
    """The course's own code failed; the message says why."""


def main(argv: list[str]) -> int:
    """Print every check; return 0 if all passed, 1 if not, 2 if there is nothing to check."""
    parser = new_parser("check", __doc__)
    parser.add_argument("file", metavar="FILE", type=Path, help="your notebook")
    parser.add_argument(
        "--finished", action="store_true", help="run the hidden checks, too, and show the solutions"
    )
    parser.add_argument("--yes", action="store_true", help="with --finished: do not ask")
    asked = parser.parse_args(argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old terminal may lack the tick mark
    if not os.path.lexists(asked.file):
        name = Path(asked.file).name.removesuffix(".ipynb")
        released = ROOT / "assignments"
        sets = [one for one in problem_sets_in(released) if name in (one, one.split("_")[0])]
        likely = [Path(f"{asked.file}.ipynb"), *(released / one / f"{one}.ipynb" for one in sets)]
        meant = next((f"; did you mean {path}?" for path in likely if os.path.isfile(path)), "")
        print(clean(f"there is no file {asked.file}{meant}"), file=sys.stderr)
        return 2
    if os.path.isdir(asked.file):
        print(clean(f"{asked.file} is a folder; give the notebook in it"), file=sys.stderr)
        return 2
    with contextlib.suppress(OSError):  # the environment is not writable
        let_the_course_win()
    finished = asked.finished and self_study.has_solutions()
    try:
        if finished and not agreed(SPOILERS, asked.yes):
            print("Nothing was run, and no solution is shown.", file=sys.stderr)
            return 2
        before = signal.signal(signal.SIGTERM, _end)
        try:
            found = checked(asked.file, hidden=finished)
        finally:
            signal.signal(signal.SIGTERM, before)
    except KeyboardInterrupt as end:
        print("\ninterrupted", file=sys.stderr)
        return 143 if isinstance(end, Terminated) else 130
    except CheckFailed as error:
        print(error, file=sys.stderr)
        return 2
    if "refused" in found:
        print(clean(f"{asked.file} {found['refused']}"), file=sys.stderr)
        return 2
    passed = show(found)
    if asked.finished:
        show_solutions(found)
    self_study.remember(asked.file, found["problem_set"], found["tests"])
    if line := self_study.progress(asked.file):
        print(f"\n{line}")
    return 0 if passed else 1


def _end(number: int, frame: FrameType | None) -> None:
    raise Terminated


def checked(
    path: Path,
    sandboxed: bool | None = None,
    limits: dict[str, float] | None = None,
    hidden: bool = False,
) -> dict[str, Any]:
    """Run `check_process.check_file` in a separate process and return its result.

    Args:
        path: the notebook.
        sandboxed: see there; by default True on Linux.
        limits, hidden: see there.

    Raises:
        CheckFailed: the process gave no answer.
    """
    if sandboxed is None:
        sandboxed = sys.platform == "linux"
    given = {name: os.environ[name] for name in KNOWN if name in os.environ}
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", START, str(ROOT)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=given | ONE_THREAD | {"LANG": "C.UTF-8"},
        start_new_session=True,  # only this process handles Ctrl-C
    )
    try:
        question = {
            "file": os.path.abspath(path),
            "sandbox": sandboxed,
            "limits": limits,
            "hidden": hidden,
        }
        answer, said = process.communicate(json.dumps(question).encode())
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if process.returncode == 0:
        return json.loads(answer)
    lines = said.decode(errors="replace").strip().splitlines() or [f"status {process.returncode}"]
    raise CheckFailed(
        f"{path} was not checked, through a fault of the course's own: {clean(lines[-1])}. Please "
        "send the file to the staff of the course"
    )


def show(found: dict[str, Any]) -> bool:
    """Print the results, and return whether all checks passed."""
    if found["sandbox"] == "none":
        print(f"{UNSAFE}\n")
    for note in found["notes"]:
        print(f"Note: {clean(note)}")
    if found["notes"]:
        print()
    for cell in found["stopped"]:
        if any(cell["error"] in note for note in found["notes"]):
            continue
        print(f"cell {clean(cell['label'])} stopped: {clean(cell['error'])}\n")
    for test in found["tests"]:
        _show_test(test)
    earned = sum(test["points"] for test in found["tests"])
    total = sum(test["max_points"] for test in found["tests"])
    more = []
    if found["hidden"]:
        more.append(f"{found['hidden']:g} more points depend on hidden checks")
    if found["by_hand"]:
        more.append(f"a person gives {found['by_hand']:g}")
    rest = f" When your work is graded, {' and '.join(more)}." if more else ""
    which = "visible and the hidden" if any(t["hidden"] for t in found["tests"]) else "visible"
    print(f"{earned:g} of {total:g} points in the {which} checks.{rest}")
    return earned >= total


def show_solutions(found: dict[str, Any]) -> None:
    """Print the course's solutions and model answers, and what to read next."""
    name = found["problem_set"]
    solutions = self_study.solutions(name)
    if not solutions:
        print(
            f"\nThe hidden checks and the solutions of {name} are not in this copy of the course: "
            "ask the staff of the course."
        )
    for solution in solutions:
        own = [t for t in found["tests"] if _is_test_of(t, solution.name)]
        earned, total = (sum(t[key] for t in own) for key in ("points", "max_points"))
        what = "Solution" if solution.is_code else "Model answer and rubric"
        points = f" (yours has {earned:g} of {total:g} points)" if own else ""
        print(f"\n--- {what}: {solution.name}{points}\n\n{clean_lines(solution.text)}")
        if solution.read and earned < total:
            print(f"\nWhere to look: {clean(solution.read)}")
    if following := self_study.read_next(name):
        print(f"\nNext: {clean(following)}")


def _is_test_of(test: Mapping[str, Any], name: str) -> bool:
    return test["name"] in (f"test_{name}_visible", f"test_{name}_hidden")


def clean_lines(text: str) -> str:
    """Return a text of several lines, made safe for a terminal."""
    return "\n".join(
        line[: len(line) - len(line.lstrip(" "))] + clean(line.lstrip(" "))
        for line in text.splitlines()
    )


def _show_test(test: dict[str, Any]) -> None:
    """Print a test cell's table, or its points if it has no table or was stopped."""
    if test["table"]:
        print(clean_lines(test["table"]))
    if test["error"] or not test["table"]:
        mark = "✓" if test["points"] >= test["max_points"] else "✗"
        print(f"{mark} {test['name']}: {test['points']:g} of {test['max_points']:g} points.")
    if test["error"]:
        print(f"  the tests stopped: {clean(test['error'])}")
    print()
