"""Right work keeps its marks, whatever else it does; and what it shows is seen."""

import subprocess
import sys
import textwrap
from dataclasses import dataclass
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from tests.grading.judge import fixture_course as fixture
from utils.grading import nbgrader_steps
from utils.grading.judge import grade_notebook
from utils.grading.judge.fork_server import FORK_SERVER, fork_server_for
from utils.grading.notebook import restore, source_cells
from utils.grading.notebook.result import GradingResult
from utils.grading.notebook.source import about
from utils.grading.sandbox.config import Limits, SandboxConfig

pytestmark = pytest.mark.usefixtures("sandbox")

SOFTMAX = fixture.RIGHT["softmax"]
DOUBLE = fixture.RIGHT["double"]


@dataclass
class Work:
    """Right work that does something else besides.

    Attributes:
        before, after: code in cells of its own, above and below the course's.
        softmax, double: in the course's cells.
        shown: what must be found in the outputs of its cells.
    """

    before: str = ""
    after: str = ""
    softmax: str = SOFTMAX
    double: str = DOUBLE
    shown: str = ""


def first(line: str) -> str:
    """Return a softmax that does something before it answers."""
    head, body = SOFTMAX.split("\n", 1)
    return f"{head}\n{textwrap.indent(line, '    ')}\n{body}"


SHIFTED = "def shifted(a):\n    return a - a.max(axis=-1, keepdims=True)"
USES_SHIFTED = """def softmax(a):
    e = np.exp(shifted(a))
    return e / e.sum(axis=-1, keepdims=True)"""

RIGHT_WORK = {
    "a warning of NumPy's": Work(before="print(np.array([1.0]) / 0)", shown="RuntimeWarning"),
    "a warning of NumPy's in the function": Work(softmax=first("np.array([1.0]) / 0")),
    "a warning of its own in the function": Work(
        softmax=first("import warnings; warnings.warn('not sure about this')")
    ),
    "prints on stderr": Work(
        before="import sys\nprint('to stderr', file=sys.stderr)", shown="to stderr"
    ),
    "prints on stderr in the function": Work(softmax=first("import sys; sys.stderr.write('x')")),
    "prints in the function": Work(softmax=first("print('softmax of', a)"), shown="softmax of"),
    "logging": Work(before="import logging\nlogging.warning('logged')", shown="logged"),
    "slow but finishing code": Work(softmax=first("import time; time.sleep(0.4)")),
    "a slow cell": Work(before="import time; time.sleep(1.5); print('slept')", shown="slept"),
    "plots": Work(
        before="import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()", shown="image/png"
    ),
    "%matplotlib inline": Work(
        before="%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        shown="image/png",
    ),
    "a plot in the function": Work(
        softmax=first("import matplotlib.pyplot as plt; plt.figure(); plt.close()")
    ),
    "%timeit": Work(after="%timeit -n 3 -r 2 softmax(np.ones(3))", shown="per loop"),
    "%%time": Work(before="%%time\nx = 1", shown="Wall time"),
    "input()": Work(
        before="try:\n    input('name? ')\nexcept EOFError:\n    print('nobody')", shown="nobody"
    ),
    "input() that is not caught": Work(before="name = input('name? ')", shown="EOFError"),
    "input() in the function": Work(softmax=first("try: input()\nexcept EOFError: pass")),
    "async cells": Work(
        before="import asyncio\nasync def slow():\n    await asyncio.sleep(0.01)\n"
        "    return 'woke'\nawait slow()",
        shown="woke",
    ),
    "extra cells": Work(before="x = 3", after="softmax(np.ones(4))", shown="0.25"),
    "a helper function above": Work(
        before=SHIFTED,
        softmax=USES_SHIFTED,
    ),
    "a helper function below": Work(
        after=SHIFTED,
        softmax=USES_SHIFTED,
    ),
    "cells run out of order in the file": Work(before="print(softmax(np.ones(2)))", shown="0.5"),
    "an import below": Work(after="import math", softmax=first("math.pi")),
    "the same name twice": Work(softmax=f"def softmax(a):\n    return a\n\n{SOFTMAX}"),
    "the same name once more below": Work(after=SOFTMAX),
    "the function's name for something else below": Work(after="softmax = 'done'"),
    "a half-finished attempt below": Work(after="def softmax(a):\n    raise NotImplementedError"),
    "a helper of the same name for each task": Work(
        softmax="def helper(a):\n    return a - a.max(axis=-1, keepdims=True)\n\n"
        "def softmax(a):\n    e = np.exp(helper(a))\n"
        "    return e / e.sum(axis=-1, keepdims=True)",
        double="def helper(x, times):\n    return x * times\n\n"
        "def double(x):\n    return helper(x, 2)",
    ),
    "settings changed below": Work(after="np.seterr(all='raise'); a = np.zeros(3)"),
    "a print of 5 MB": Work(
        before="print('begin' + 'x' * 5_000_000 + 'finish')", shown="bytes of output are left out"
    ),
    "a table": Work(before="from IPython.display import HTML\nHTML('<b>x</b>')", shown="<b>x"),
    "Markdown": Work(
        before="from IPython import display\ndisplay.Markdown('**x**')", shown="text/markdown"
    ),
    "an error in a cell of its own": Work(before="1 / 0", shown="ZeroDivisionError"),
    "a syntax error in a cell of its own": Work(before="def :", shown="SyntaxError"),
    "help": Work(before="np.ones?", shown="Return a new array"),
    "a shell command": Work(before="!pip install numpy", shown="not run here"),
    "a file of its own": Work(
        before="open('x.txt', 'w').write('1 2')\nprint(np.loadtxt('x.txt'))", shown="[1. 2.]"
    ),
    "a global seed": Work(before="np.random.seed(0)"),
    "threads": Work(
        before="from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(4) as pool: print(sum(pool.map(abs, range(-9, 0))))",
        shown="45",
    ),
    "a progress bar": Work(
        before="from tqdm import tqdm\nfor _ in tqdm(range(3)): pass", shown="3/3"
    ),
    "a progress bar for notebooks": Work(
        before="from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass"
    ),
    "a widget": Work(before="import ipywidgets\nipywidgets.interact(lambda x: x, x=(0, 3));"),
    "a doctest": Work(before="import doctest\ndoctest.testmod()", shown="TestResults"),
    "annotations from the future": Work(
        softmax="from __future__ import annotations\n" + SOFTMAX.replace("(a)", "(a: NoSuch)", 1)
    ),
    "a decorator": Work(
        softmax="import functools\n@functools.lru_cache\ndef two():\n    return 2.0\n\n" + SOFTMAX
    ),
    "a callable instance": Work(
        softmax="class Softmax:\n    def __call__(self, a):\n"
        "        e = np.exp(a - np.max(a, axis=-1, keepdims=True))\n"
        "        return e / e.sum(axis=-1, keepdims=True)\nsoftmax = Softmax()"
    ),
    "a partial": Work(
        double="from functools import partial\nimport operator\ndouble = partial(operator.mul, 2)"
    ),
    "the standard output replaced": Work(
        before="import contextlib, io\n"
        "with contextlib.redirect_stdout(io.StringIO()) as text: print('into the text')\n"
        "print(len(text.getvalue()))",
        shown="14",
    ),
    "the last value of a cell": Work(before="3 + 4", after="_ + 1", shown="8"),
}


def grade(notebook: NotebookNode, **limits: Any) -> tuple[NotebookNode, GradingResult]:
    content = nbformat.writes(notebook).encode()
    return grade_notebook.grade_notebook(content, fixture.course(), Limits(**limits))


def shown(notebook: NotebookNode) -> str:
    """Return what the cells of a notebook show, and as what."""
    parts = []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            parts += [output.get("text", ""), output.get("ename", "")]
            parts += [f"{kind}: {data}" for kind, data in output.get("data", {}).items()]
    return "\n".join(parts)


@pytest.mark.parametrize("work", RIGHT_WORK.values(), ids=RIGHT_WORK)
def test_right_work_keeps_its_marks(work):
    notebook, outcome = grade(
        fixture.submission(work.before, work.after, softmax=work.softmax, double=work.double)
    )
    found = {name: test.points for name, test in outcome.tests.items()}
    assert found == {"test_softmax_visible": 3, "test_softmax_hidden": 4, "test_double": 3}
    assert not outcome.stopped, outcome.notes
    assert not outcome.repaired
    assert work.shown in shown(notebook)


@pytest.mark.slow
def test_an_endless_loop_costs_the_checks_that_meet_it_and_no_others():
    """Twelve checks of ten seconds each would use up the submission's two minutes."""
    answers = {"softmax": "def softmax(a):\n    while True: pass"}
    limits = {"call_seconds": 3.0, "submission_seconds": 18.0}
    _, outcome = grade(fixture.submission(**answers), **limits)
    assert outcome.score == 3
    assert outcome.stopped
    late = [note.partition("no answer within ")[2] for note in outcome.notes]
    waits = [text.partition(":")[0] for text in late if text]
    assert waits == ["3 seconds", "1.5 seconds", "1 second"]  # of the first of its 4 calls, ...


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "while True: pass"),
        ("later\nwhile True: pass", "later = 1"),  # loops when it runs once more
        ("import time\ntime.sleep(2.5)", "while True: pass"),  # the first runs again, too
    ],
    ids=["a loop", "a loop when all names are there", "a slow cell above the loop"],
)
def test_a_cell_that_takes_all_its_time_costs_no_points(before, after):
    """The time of the hidden tests, which run when all cells have, is kept for them."""
    notebook = fixture.submission(before=before, after=after)
    _, outcome = grade(notebook, cell_seconds=15.0, submission_seconds=15.0)
    assert outcome.score == 10, outcome.notes
    assert outcome.stopped


@pytest.mark.parametrize("figures", ["graded", "none"])
def test_a_submission_knows_which_figures_to_draw(figures):
    cells = [{"kind": "student", "label": "a", "source": "import os\nos.environ['COURSE_FIGURES']"}]
    order = SandboxConfig(Limits(), grade_notebook.available_sandbox(), figures=figures)
    result = fork_server_for(cells).judge(cells, order)
    assert result["cells"]["0"]["outputs"][0]["data"]["text/plain"] == repr(figures)


@pytest.mark.parametrize(
    ("source", "seeds"),
    [
        ("np.random.seed(0)", True),
        ("def test():\n    from random import seed\n    seed(0)\ntest()", True),
        ("def test():\n    seed(0)\ntest()", True),  # a locked cell has imported it
        ("random.setstate(before)", True),
        ("seed = getattr(np.random, 'seed')\nseed(1)", True),
        ("def test(seed):\n    seed(0)\ntest(vars(np.random)['seed'])", True),
        ("net = make(seed=3)", False),
        ("same(lambda seed: make(seed))", False),
        ("def test():\n    for seed in (0, 1):\n        make(seed)\ntest()", False),
    ],
)
def test_an_argument_called_seed_is_no_reason_to_follow_random_generators(source, seeds):
    """To follow them takes a second question after each call."""
    assert about("test", source)["seeds"] == seeds


# What a hidden test must not tell -------------------------------------------------------------


SPY = """seen = []
def softmax(a):
    seen.append(np.array(a))
    {}
    e = np.exp(a - np.max(a, axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)"""
SECRET = "700.125"  # an input of the hidden test
SEEN = "raise ValueError(str(seen))"
LEAKS = {
    "a print below": {"after": "print(seen)"},
    "a value below": {"after": "seen"},
    "an error below": {"after": SEEN},
    "a print in another test": {"double": "double = lambda x: print(seen) or 2 * x"},
    "an error in another test": {"double": f"def double(x):\n    {SEEN}"},
    "a print in the test": {"body": "print(a)"},
    "a warning": {"body": "if a.size == 20: import warnings; warnings.warn(str(a))"},
}
ENDS = {
    "an error": "raise ValueError(str(a))",
    "the name of an error": "raise type(str(a), (Exception,), {})",
    "the name of the function": "softmax.__name__ = softmax.__qualname__ = str(a); "
    "import os; os._exit(1)",
}
LEAKS |= {what: {"body": f"if a.size == 20: {code}"} for what, code in ENDS.items()}


@pytest.mark.parametrize("what", LEAKS)
def test_a_hidden_tests_inputs_are_not_shown(what):
    cells = dict(LEAKS[what])
    spy = SPY.format(cells.pop("body", "pass"))
    notebook, outcome = grade(fixture.submission(softmax=spy, **cells))
    told = shown(notebook) + "".join(
        "".join(output.get("traceback", [])) + output.get("evalue", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    told += "".join(outcome.notes) + notebook.cells[0].source + str(outcome.tests)
    assert SECRET not in told
    assert outcome.tests["test_softmax_hidden"].points == (0 if what in ENDS else 4)


def test_a_test_may_use_what_a_hidden_one_above_it_defines():
    """It then runs where it stands, for students have no such notebook."""
    source = fixture.source_notebook(fixture.RIGHT)
    cells = {c.metadata.nbgrader.grade_id: c for c in source.cells if "nbgrader" in c.metadata}
    cells["test_double"].source = "assert double(len(hidden_input)) == 8\n3.0"
    notebook, _ = restore.restore(source, source_cells.cells_of_notebook(source))
    outcome = grade_notebook.run_notebook(
        notebook, SandboxConfig(Limits(), grade_notebook.available_sandbox())
    )
    assert outcome.tests["test_double"].points == 3


# Limits and the sandbox -------------------------------------------------------------------------


def test_limits_of_a_problem_set_stand_before_the_courses():
    step = nbgrader_steps.JudgedExecute(
        call_seconds=3.0, memory=1 << 29, problem_sets={"ps5": {"call_seconds": 60.0}}
    )
    assert step.limits("ps1") == Limits(call_seconds=3.0, memory=1 << 29)
    assert step.limits("ps5") == Limits(call_seconds=60.0, memory=1 << 29)
    step.call_cpu_seconds = 2.0
    assert step.limits("ps1").call_cpu_seconds == 2.0
    assert step.limits("ps5").call_cpu_seconds == 60.0


@pytest.mark.parametrize("value", [0, -1, "10", None, True])
def test_a_limit_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="limit call_seconds is .* must be a number above 0"):
        Limits(call_seconds=value)


def test_without_a_sandbox_nothing_is_run_unless_asked(monkeypatch):
    reasons = {"namespaces": "unshare: Operation not permitted", "landlock": "the kernel has none"}
    monkeypatch.setattr(FORK_SERVER, "_sandboxes", reasons)
    content = nbformat.writes(fixture.submission()).encode()
    with pytest.raises(grade_notebook.NotSandboxed) as refused:
        grade_notebook.grade_notebook(content, fixture.course())
    for words in (*reasons.values(), "doctor", "--unsafe"):
        assert words in str(refused.value)
    _, outcome = grade_notebook.grade_notebook(content, fixture.course(), unsafe=True)
    assert outcome.score == fixture.POINTS


def test_elsewhere_the_ways_that_work_are_named(monkeypatch):
    monkeypatch.setattr(grade_notebook.system_calls, "LINUX", False)
    with pytest.raises(grade_notebook.NotSandboxed) as refused:
        grade_notebook.available_sandbox(unsafe=True)
    for words in ("Linux machine", "Windows Subsystem for Linux", "container"):
        assert words in str(refused.value)


def test_the_rooms_can_be_imported_where_there_is_no_resource_module():
    code = (
        "import sys\nsys.modules['resource'] = sys.modules['fcntl'] = None\n"
        "from utils.grading.judge import grade_notebook\n"
        "grade_notebook.system_calls.LINUX = False\n"
        "try: grade_notebook.available_sandbox()\n"
        "except grade_notebook.NotSandboxed as error: print(error)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert "Windows Subsystem for Linux" in said.stdout
