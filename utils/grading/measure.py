"""What the judge costs, next to nbgrader's own `Execute`, on the same submissions.

    python -m utils.grading.measure ps1_output_layer 20

Processor time is that of all processes, until they have gone. The two take turns, so that what else
the machine does weighs on both.
"""

from __future__ import annotations

import copy
import resource
import sys
import time
from pathlib import Path

import nbformat
from nbgrader.preprocessors import Execute

from utils.grading import execute, restore
from utils.grading.nursery import NURSERY
from utils.grading.sandbox import Limits, Order


def _cpu() -> float:
    """Return the processor time of this process and of its children that have ended."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(part.ru_utime + part.ru_stime for part in used)


def compare(problem_set: str, times: int, course: Path) -> dict[str, float]:
    """Grade a problem set's solution again and again, both ways.

    Args:
        problem_set: its name.
        times: how often.
        course: the folder with `solutions/`.
    Returns:
        Seconds for one submission: `judge` and `nbgrader` of processor time, `judge_wall` and
        `nbgrader_wall`; `start`: processor time for starting the judge's nursery, once.
    """
    source = nbformat.read(course / "solutions" / problem_set / f"{problem_set}.ipynb", 4)
    notebook, _ = restore.restore(source, restore.cells_of_notebook(source))
    execute.fence()
    NURSERY.close()
    before = _cpu()
    NURSERY.connect()
    NURSERY.close()
    start = _cpu() - before

    found = dict.fromkeys(("judge", "nbgrader", "judge_wall", "nbgrader_wall"), 0.0)
    part = min(10, times)
    for _ in range(times // part):
        for name in ("judge", "nbgrader"):
            before, begun = _cpu(), time.perf_counter()
            for _ in range(part):
                one = copy.deepcopy(notebook)
                if name == "judge":
                    execute.run_notebook(one, Order(Limits(), execute.fence()))
                else:
                    Execute().preprocess(one, {"metadata": {"path": str(course)}})
            found[f"{name}_wall"] += time.perf_counter() - begun
            NURSERY.close()  # its processes are counted when it has ended
            found[name] += _cpu() - before - (start if name == "judge" else 0.0)
    count = times // part * part
    return {name: value / count for name, value in found.items()} | {"start": start}


def main(argv: list[str]) -> int:
    """Print the comparison."""
    problem_set, times = (*argv, "20")[:2] if argv else ("ps1_output_layer", "20")
    found = compare(problem_set, int(times), Path.cwd())
    for name in ("judge", "nbgrader"):
        cpu, wall = found[name] * 1000, found[f"{name}_wall"] * 1000
        print(f"{name:>9}: {cpu:7.1f} ms of processor time, {wall:7.1f} ms of wall time")
    print(f"    ratio: {found['nbgrader'] / found['judge']:.1f} in processor time")
    print(f"  nursery: {found['start'] * 1000:.0f} ms, once")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
