"""`new psN_name`: make the scaffold of a further problem set.

It has one function with its solution, its visible and hidden checks, and the table of right and
wrong implementations for the tests. It is complete: it is built at once, and all tests of problem
sets include it. Replace the example with your own tasks; `CONTRIBUTING.md` says how.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from utils.commands import new_parser
from utils.commands.build import build_assignments, try_out
from utils.grading.run.release import BuildError
from utils.system import ROOT, atomic_write

SCAFFOLD = Path(__file__).resolve().parent.parent / "data" / "scaffold"
EXAMPLE = "psN_name"  # placeholder for the problem set's name in the scaffold


def main(argv: list[str]) -> int:
    """Write the scaffold and build it; return 0, or 1 if that is not possible."""
    parser = new_parser("new", __doc__ or "")
    parser.add_argument("name", metavar="PS", type=new_name, help="such as ps7_convolution")
    name = parser.parse_args(argv).name
    try:
        written = make(ROOT, name)
        try_out(ROOT, name)
        written += build_assignments(ROOT, [name])
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in written:
        print(f"written: {path.relative_to(ROOT)}")
    print(
        f"Put your tasks in the place of the example, in solutions/{name}/{name}.ipynb and "
        f"tests/problem_sets/{name}.py. Then:\n"
        f"    python3 -m utils build {name}\n"
        f"    python3 -m utils test tests/problem_sets -k {name.partition('_')[0]}"
    )
    return 0


def new_name(text: str) -> str:
    """Check the name of a new problem set; used as a type by argparse."""
    if re.fullmatch(r"ps[0-9]+_[a-z][a-z0-9_]*", text):
        return text
    raise argparse.ArgumentTypeError(
        f"{text!r} is not a name for a problem set: give `ps`, a number, `_` and small letters, "
        "such as ps7_convolution"
    )


def make(root: Path, name: str) -> list[Path]:
    """Write the source and the table of a new problem set.

    Args:
        root: the course folder.
        name: from `new_name`.

    Returns:
        The paths of the files.

    Raises:
        BuildError: a problem set with this name or number exists.
    """
    number = name.partition("_")[0]
    for folder in (root / "solutions", root / "assignments"):
        if taken := sorted(folder.glob(f"{number}_*")):
            raise BuildError(
                f"there is {taken[0].relative_to(root)} already: choose another number"
            )
    files = {
        f"{EXAMPLE}.ipynb": root / "solutions" / name / f"{name}.ipynb",
        f"{EXAMPLE}.py.txt": root / "tests" / "problem_sets" / f"{name}.py",
    }
    for path in files.values():
        if path.exists():
            raise BuildError(f"there is {path.relative_to(root)} already: choose another number")
    for template, path in files.items():
        text = (SCAFFOLD / template).read_text(encoding="utf-8")
        atomic_write(path, text.replace(EXAMPLE, name).replace("set N:", f"set {number[2:]}:"))
    return list(files.values())
