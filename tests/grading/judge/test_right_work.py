"""Right work keeps its marks, whatever else it does; and what it shows is seen."""

import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
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
        name: what.
        before, after: code in cells of its own, above and below the course's.
        answers: for the course's cells.
        shown: what must be found in the outputs of its cells.
        limits: changed for this case.
    """

    name: str
    before: str = ""
    after: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    shown: str = ""
    limits: dict[str, Any] = field(default_factory=dict)


def first(line: str) -> dict[str, str]:
    """Return a softmax that does something before it answers."""
    head, body = SOFTMAX.split("\n", 1)
    return {"softmax": f"{head}\n{textwrap.indent(line, '    ')}\n{body}"}


RIGHT_WORK = [
    Work("a warning of NumPy's", before="print(np.array([1.0]) / 0)", shown="RuntimeWarning"),
    Work("a warning of NumPy's in the function", answers=first("np.array([1.0]) / 0")),
    Work(
        "a warning of its own in the function",
        answers=first("import warnings; warnings.warn('not sure about this')"),
    ),
    Work(
        "prints on stderr",
        before="import sys\nprint('to stderr', file=sys.stderr)",
        shown="to stderr",
    ),
    Work("prints on stderr in the function", answers=first("import sys; sys.stderr.write('x')")),
    Work("prints in the function", answers=first("print('softmax of', a)"), shown="softmax of"),
    Work("logging", before="import logging\nlogging.warning('logged')", shown="logged"),
    Work("slow but finishing code", answers=first("import time; time.sleep(0.4)")),
    Work("a slow cell", before="import time; time.sleep(1.5); print('slept')", shown="slept"),
    Work(
        "plots",
        before="import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.show()",
        shown="image/png",
    ),
    Work(
        "%matplotlib inline",
        before="%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 2]);",
        shown="image/png",
    ),
    Work(
        "a plot in the function",
        answers=first("import matplotlib.pyplot as plt; plt.figure(); plt.close()"),
    ),
    Work("%timeit", after="%timeit -n 3 -r 2 softmax(np.ones(3))", shown="per loop"),
    Work("%%time", before="%%time\nx = 1", shown="Wall time"),
    Work(
        "input()", before="try:\n    input('name? ')\nexcept EOFError:\n    print('nobody')",
        shown="nobody",
    ),
    Work("input() that is not caught", before="name = input('name? ')", shown="EOFError"),
    Work("input() in the function", answers=first("try: input()\nexcept EOFError: pass")),
    Work(
        "async cells",
        before="import asyncio\nasync def slow():\n    await asyncio.sleep(0.01)\n"
        "    return 'woke'\nawait slow()",
        shown="woke",
    ),
    Work("extra cells", before="x = 3", after="softmax(np.ones(4))", shown="0.25"),
    Work(
        "a helper function above",
        before="def shifted(a):\n    return a - a.max(axis=-1, keepdims=True)",
        answers={
            "softmax": "def softmax(a):\n    e = np.exp(shifted(a))\n"
            "    return e / e.sum(axis=-1, keepdims=True)"
        },
    ),
    Work(
        "a helper function below",
        after="def shifted(a):\n    return a - a.max(axis=-1, keepdims=True)",
        answers={
            "softmax": "def softmax(a):\n    e = np.exp(shifted(a))\n"
            "    return e / e.sum(axis=-1, keepdims=True)"
        },
    ),
    Work(
        "cells run out of order in the file",
        before="print(softmax(np.ones(2)))",
        shown="0.5",
    ),
    Work("an import below", after="import math", answers=first("math.pi")),
    Work("the same name twice", answers={"softmax": f"def softmax(a):\n    return a\n\n{SOFTMAX}"}),
    Work("the same name once more below", after=SOFTMAX),
    Work("the function's name for something else below", after="softmax = 'done'"),
    Work("a half-finished attempt below", after="def softmax(a):\n    raise NotImplementedError"),
    Work(
        "a helper of the same name for each task",
        answers={
            "softmax": "def helper(a):\n    return a - a.max(axis=-1, keepdims=True)\n\n"
            "def softmax(a):\n    e = np.exp(helper(a))\n"
            "    return e / e.sum(axis=-1, keepdims=True)",
            "double": "def helper(x, times):\n    return x * times\n\n"
            "def double(x):\n    return helper(x, 2)",
        },
    ),
    Work("settings changed below", after="np.seterr(all='raise'); a = np.zeros(3)"),
    Work(
        "a print of 5 MB",
        before="print('begin' + 'x' * 5_000_000 + 'finish')",
        shown="bytes of output are left out",
    ),
    Work("a table", before="from IPython.display import HTML\nHTML('<b>x</b>')", shown="<b>x"),
    Work("Markdown", before="from IPython import display\ndisplay.Markdown('**x**')",
         shown="text/markdown"),
    Work("an error in a cell of its own", before="1 / 0", shown="ZeroDivisionError"),
    Work("a syntax error in a cell of its own", before="def :", shown="SyntaxError"),
    Work("help", before="np.ones?", shown="Return a new array"),
    Work("a shell command", before="!pip install numpy", shown="not run here"),
    Work("a file of its own", before="open('x.txt', 'w').write('1 2')\nprint(np.loadtxt('x.txt'))",
         shown="[1. 2.]"),
    Work("a global seed", before="np.random.seed(0)"),
    Work("threads", before="from concurrent.futures import ThreadPoolExecutor\n"
         "with ThreadPoolExecutor(4) as pool: print(sum(pool.map(abs, range(-9, 0))))", shown="45"),
    Work("a progress bar", before="from tqdm import tqdm\nfor _ in tqdm(range(3)): pass",
         shown="3/3"),
    Work("a progress bar for notebooks",
         before="from tqdm.auto import tqdm\nfor _ in tqdm(range(3)): pass"),
    Work("a widget", before="import ipywidgets\nipywidgets.interact(lambda x: x, x=(0, 3));"),
    Work("a doctest", before="import doctest\ndoctest.testmod()", shown="TestResults"),
    Work("annotations from the future", answers={
        "softmax": "from __future__ import annotations\n"
        + SOFTMAX.replace("(a)", "(a: NoSuch)", 1)}),
    Work("a decorator", answers={"softmax": "import functools\n@functools.lru_cache\n"
         "def two():\n    return 2.0\n\n" + SOFTMAX}),
    Work("a callable instance", answers={"softmax": "class Softmax:\n    def __call__(self, a):\n"
         "        e = np.exp(a - np.max(a, axis=-1, keepdims=True))\n"
         "        return e / e.sum(axis=-1, keepdims=True)\nsoftmax = Softmax()"}),
    Work("a partial", answers={"double": "from functools import partial\nimport operator\n"
         "double = partial(operator.mul, 2)"}),
    Work("the standard output replaced", before="import contextlib, io\n"
         "with contextlib.redirect_stdout(io.StringIO()) as text: print('into the text')\n"
         "print(len(text.getvalue()))", shown="14"),
    Work("the last value of a cell", before="3 + 4", after="_ + 1", shown="8"),
]  # fmt: skip


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


@pytest.mark.parametrize("work", RIGHT_WORK, ids=lambda work: work.name)
def test_right_work_keeps_its_marks(work):
    notebook, outcome = grade(
        fixture.submission(work.before, work.after, **work.answers), **work.limits
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
LOUD = "double = lambda x: print(seen) or 2 * x"
ODD = "if a.size == 20: {}"


@pytest.mark.parametrize(
    ("body", "double", "after"),
    [
        ("pass", fixture.RIGHT["double"], "print(seen)"),
        ("pass", fixture.RIGHT["double"], "seen"),
        ("pass", fixture.RIGHT["double"], "raise ValueError(str(seen))"),
        ("pass", LOUD, ""),
        ("pass", "def double(x):\n    raise ValueError(str(seen))", ""),
        ("print(a)", fixture.RIGHT["double"], ""),
        (ODD.format("raise ValueError(str(a))"), fixture.RIGHT["double"], ""),
        (ODD.format("raise type(str(a), (Exception,), {})"), fixture.RIGHT["double"], ""),
        (ODD.format("import warnings; warnings.warn(str(a))"), fixture.RIGHT["double"], ""),
        (
            ODD.format("softmax.__name__ = softmax.__qualname__ = str(a); import os; os._exit(1)"),
            fixture.RIGHT["double"],
            "",
        ),
    ],
    ids=[
        "a print below", "a value below", "an error below", "a print in another test",
        "an error in another test", "a print in the test", "an error", "the name of an error",
        "a warning", "the name of the function",
    ],
)  # fmt: skip
def test_a_hidden_tests_inputs_are_not_shown(body, double, after):
    answers = {"softmax": SPY.format(body), "double": double}
    notebook, outcome = grade(fixture.submission(after=after, **answers))
    told = shown(notebook) + "".join(
        "".join(output.get("traceback", [])) + output.get("evalue", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    told += "".join(outcome.notes) + notebook.cells[0].source + str(outcome.tests)
    assert SECRET not in told
    assert outcome.tests["test_softmax_hidden"].points == (
        0 if "size" in body and "warn" not in body else 4
    )


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
