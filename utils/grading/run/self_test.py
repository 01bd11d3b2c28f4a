"""The author's test of a problem set, which `build` runs before it writes anything.

The solution has to earn all points and the release none; every test cell has to end in its points;
and each check has to fail for some wrong implementation in the table `tests/problem_sets/NAME.py`,
if there is one. Everything runs through the judge, as in `grade`.
"""

from __future__ import annotations

import copy
import dataclasses
import importlib
import re
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import zip_longest
from pathlib import Path
from typing import Any

from utils.grading.judge import unsandboxed
from utils.grading.judge.grade_notebook import NotSandboxed, available_sandbox, run_cells
from utils.grading.notebook.result import TestResult
from utils.grading.notebook.source import about as source_names
from utils.grading.notebook.source import bound_names, forgotten_points
from utils.grading.run.release import BuildError
from utils.grading.sandbox.config import Limits, SandboxConfig
from utils.system import processors

Notebook = dict[str, Any]  # decoded JSON, with the text of each cell as one string
# By the name of the check that reveals it: what is wrong, and the source.
Cases = Mapping[str, Mapping[str, str]]
Table = Mapping[str, Cases]  # by task
TABLES = "tests.problem_sets"  # a module for each problem set, with its table as WRONG


def cells_of(notebook: Notebook) -> dict[str, dict[str, Any]]:
    """Return the cells that nbgrader knows, by grade id."""
    found = ((cell["metadata"].get("nbgrader") or {}, cell) for cell in notebook["cells"])
    return {about["grade_id"]: cell for about, cell in found if about.get("grade_id")}


def is_test(cell: Mapping[str, Any]) -> bool:
    """Return whether a cell that nbgrader knows is a test cell."""
    about = cell["metadata"]["nbgrader"]
    return cell["cell_type"] == "code" and about["grade"] and not about["solution"]


def tasks_of(notebook: Notebook) -> dict[str, list[str]]:
    """Return the functions and classes to write, with the grade ids of their test cells."""
    cells = cells_of(notebook)
    return {
        task: [name for name in test_names(task) if name in cells]
        for task, cell in cells.items()
        if cell["cell_type"] == "code" and cell["metadata"]["nbgrader"]["solution"]
    }


def test_names(task: str) -> tuple[str, str]:
    """Return the grade ids of a task's test cells."""
    return f"test_{task}_visible", f"test_{task}_hidden"


def points_of(result: TestResult) -> float:
    """Return the total points of a test cell's checks; without any, its maximum points."""
    if not result.checks:
        return result.max_points
    return float(sum((Fraction(str(check["points"])) for check in result.checks), Fraction()))


class SelfTest:
    """Tests a problem set.

    Args:
        solution: its notebook, with solutions and hidden tests.
        limits: the limits of a submission.
    """

    def __init__(self, solution: Notebook, limits: Limits) -> None:
        self.solution = solution
        self.judge: Callable | None = None  # None: that of `fork_server_for`
        self.threads = processors()
        try:
            kind = available_sandbox()
        except NotSandboxed:  # the course's own code needs none
            kind, self.judge, self.threads = "none", unsandboxed.judge, 1
        self.config = SandboxConfig(limits, kind, figures="none")

    def run(self, notebook: Notebook) -> dict[str, TestResult]:
        """Run a copy of a notebook and return the result of each test cell, by grade id."""
        return run_cells(copy.deepcopy(notebook), self.config, self.judge).tests

    def time_faults(self) -> list[str]:
        """Return a sentence if the solution does not run within half of the limits of time."""
        limits = self.config.limits
        half = dataclasses.replace(
            limits,
            call_cpu_seconds=limits.call_cpu_seconds / 2,
            cell_cpu_seconds=limits.cell_cpu_seconds / 2,
        )
        config = dataclasses.replace(self.config, limits=half)
        result = run_cells(copy.deepcopy(self.solution), config, self.judge)
        advice = (
            "the solution needs more than half of the processor time of a submission; set "
            "`c.JudgedExecute.problem_sets` in nbgrader_config.py: "
        )
        return [advice + "; ".join(result.notes)] if result.stopped else []

    def forgotten(self) -> list[str]:
        """Return a sentence for each test cell that cannot give points."""
        return [
            f"{name} gives no points: {fault}"
            for name, cell in cells_of(self.solution).items()
            if is_test(cell) and (fault := forgotten_points(cell["source"]))
        ]

    def solution_faults(self, results: Mapping[str, TestResult]) -> list[str]:
        """Return a sentence for each test cell in which the solution loses points.

        Args:
            results: the solution's, from `run`.
        """
        faults = []
        for name, result in results.items():
            wrong = [f"“{c['name']}”: {c['what']}" for c in result.checks if c["state"] != "passed"]
            if result.error:
                error = self._visibly(name).error or result.error
                faults.append(f"{name} stops with the solution: {error}")
            elif wrong:
                faults.append(f"{name} fails the solution in {'; '.join(wrong)}")
            elif result.points < min(result.max_points, points_of(result)):
                faults.append(f"{name} gives the solution {result.points:g} points")
        return faults

    def _visibly(self, name: str) -> TestResult:
        """Run the solution with one hidden test made visible, to see its messages."""
        notebook = copy.deepcopy(self.solution)
        cell = cells_of(notebook)[name]
        cell["source"] = re.sub(r"(?m)^### (?:BEGIN|END) HIDDEN TESTS$", "", cell["source"])
        return self.run(notebook)[name]

    def release_faults(self, blank: Mapping[str, str]) -> list[str]:
        """Return a sentence for each test cell that gives points to the release.

        Args:
            blank: the released texts of the tasks' cells, by grade id.
        """
        notebook = copy.deepcopy(self.solution)
        for task, source in blank.items():
            cells_of(notebook)[task]["source"] = source
        return [
            f"{name} gives {result.points:g} points to work that is not begun"
            for name, result in self.run(notebook).items()
            if result.points
        ]

    def table_faults(self, results: Mapping[str, TestResult], table: Table) -> list[str]:
        """Return a sentence for each check that no wrong implementation fails.

        Args:
            results: the solution's, from `run`.
            table: wrong implementations by task.
        """
        faults = []
        for task, tests in tasks_of(self.solution).items():
            names = [check["name"] for test in tests for check in results[test].checks]
            cases = table.get(task, {})
            faults += [
                f"the table says that a check “{revealed_by}” of {task} reveals “{what}”, but "
                "there is no such check"
                for revealed_by, sources in cases.items()
                if revealed_by not in names
                for what in sources
            ]
            never = self._never_failing(task, names, cases) if cases else []
            faults += [f"no wrong implementation of {task} fails the check “{n}”" for n in never]
        return faults

    def _never_failing(self, task: str, names: list[str], cases: Cases) -> list[str]:
        """Return the checks of a task that pass in all cases; stop once every check has failed."""
        notebook = self._only(task)
        missing = set(names)
        # Try first, for each check, a case that it should reveal.
        rounds = zip_longest(*(sources.values() for sources in cases.values()))
        waiting = [source for sources in rounds for source in sources if source is not None]

        def failing(source: str) -> set[str]:
            if not missing:
                return set()
            answer = copy.deepcopy(notebook)
            cells_of(answer)[task]["source"] = source
            checks = (check for result in self.run(answer).values() for check in result.checks)
            return {check["name"] for check in checks if check["state"] == "failed"}

        with ThreadPoolExecutor(self.threads) as pool:
            for found in pool.map(failing, waiting):
                missing -= found
        return [name for name in names if name in missing]

    def _only(self, task: str) -> Notebook:
        """Return the solution with the tests of one task and only the cells that these need."""
        tests = tasks_of(self.solution)[task]
        all_tests = {test for tests in tasks_of(self.solution).values() for test in tests}
        wanted: set[str] = set()
        kept = []
        for cell in reversed(self.solution["cells"]):
            if cell["cell_type"] != "code":
                continue
            name = (cell["metadata"].get("nbgrader") or {}).get("grade_id", "")
            defines = bound_names(cell["source"]) or frozenset()
            if name in (task, *tests) or name not in all_tests and wanted & defines:
                names = source_names(name, cell["source"])
                wanted |= set(names["uses"]).difference(names["binds"])
                kept.append(cell)
        return self.solution | {"cells": kept[::-1]}


def wrong_implementations(root: Path, name: str) -> Table:
    """Return the table of a problem set's wrong implementations, {} if it has none.

    Args:
        root: the course folder.
        name: the problem set's name.

    Raises:
        BuildError: the table has another form.
    """
    path = root.joinpath(*TABLES.split("."), f"{name}.py")
    if not path.is_file():
        return {}
    sys.path.insert(0, str(root))
    try:
        table = importlib.import_module(f"{TABLES}.{name}").WRONG
    finally:
        sys.path.remove(str(root))
    of_tasks = table.values() if isinstance(table, Mapping) else [None]
    if not all(
        isinstance(cases, Mapping) and all(isinstance(one, Mapping) for one in cases.values())
        for cases in of_tasks
    ):
        raise BuildError(
            f"WRONG in {path} has to be nested: task, name of the check, what is wrong, source; "
            f"see {Path(__file__).parents[2] / 'data' / 'scaffold' / 'psN_name.py.txt'}"
        )
    return table
