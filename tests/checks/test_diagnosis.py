"""What is said of a failure: its cause, told once, and the hint that fits it."""

from unittest import mock

import numpy as np
import pytest

from tests.checks.outcomes import A, fails, one_check, outcome, student
from utils import checks


def test_an_error_whose_message_raises_is_told_all_the_same():
    class BadError(Exception):
        def __str__(self):
            raise RuntimeError

    def f(a):
        raise BadError

    assert "its message cannot be shown" in fails(lambda: checks.gives(f, A, A))


def test_an_error_names_the_line_of_the_cell_it_came_from():
    f = student("def f(a):\n    b = a.T\n    return b @ undefined_thing\n")
    what = fails(lambda: checks.gives(f, A, A))
    assert what.startswith("`undefined_thing` is not defined in this notebook")
    assert what.endswith("(line 3: `return b @ undefined_thing`)")


def test_a_common_cause_is_told_once_with_its_line_and_the_next_step():
    f = student("def f(a):\n    return a @ a\n")
    task = checks.Task("f")
    for name, a in (("one", A), ("two", A[:, :2][:1])):
        with task.check(1, name, "Look at `b`."):
            checks.gives(f, a, a)
    assert repr(task).count("stopped with ValueError") == 1
    assert repr(task).count("(line 2: `return a @ a`)") == 1
    assert "Next step: Print the shapes of the arrays in that line." in repr(task)
    assert "Look at" not in repr(task) + task._repr_html_()
    data = task._repr_mimebundle_()[checks.MIME]
    assert [check["what"] for check in data["checks"]] == ["same cause"] * 2
    assert [check["hint"] for check in data["checks"]] == [""] * 2
    assert data["cause"]["line"] == 2
    assert data["cause"]["code"] == "return a @ a"


def test_a_hidden_check_does_not_repeat_names_that_students_chose():
    tells = student(
        "def f(a):\n    raise type(f'Seen{a.sum():.0f}', (ValueError,), {})('21')\n"
        "f.__name__ = 'Seen21'"
    )
    hands_over = student("def f(a):\n    return type(f'Seen{a.sum():.0f}', (), {})()")
    chooses = student("def f(a):\n    raise [KeyError, OSError][int(a.sum()) % 2]")
    assert outcome(lambda: checks.finite(chooses, A), hidden=True).what == "stopped with an error"
    assert outcome(lambda: checks.finite(chooses, A)).what.startswith("stopped with OSError")
    assert outcome(lambda: checks.finite(tells, A), hidden=True).what == "stopped with an error"
    assert outcome(lambda: checks.finite(tells, A)).what.startswith("stopped with Seen21")
    what = outcome(lambda: checks.finite(hands_over, A), hidden=True).what
    assert what == "`f` did not return a plain array or number"
    assert fails(lambda: checks.finite(hands_over, A)) == f"{what}: it is a Seen21"


@pytest.mark.parametrize(
    ("got", "hint"),
    [
        (A + 1, "general"),
        (A.T, "the shape"),
        (A * np.nan, "the nan"),
        (A * np.inf, checks.HINTS["inf"]),
        (None, checks.HINTS["none"]),
        ("text", checks.HINTS["type"]),
    ],
)
def test_a_hint_is_chosen_by_how_a_check_failed(got, hint):
    def body():
        checks.gives(lambda a: got, A, A)

    assert one_check(body, shape="the shape", nan="the nan").checks[0].hint == hint


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [(("W1",), "first"), (("W1", "b1"), "both"), (("b1",), "bias"), (("b2",), "general")],
)
def test_a_hint_is_chosen_by_the_part_that_is_wrong(wrong, hint):
    right = dict.fromkeys(("W1", "b1", "W2", "b2"), A)
    got = right | dict.fromkeys(wrong, A + 1)

    def body():
        checks.equal_by_name(got, right)

    assert one_check(body, W1="first", b1="bias", W1_b1="both").checks[0].hint == hint


def test_what_blocks_one_check_alone_is_told_in_its_row():
    task = one_check(lambda: checks.gives(lambda a: None, A, A))
    assert task.cause is None
    assert task.checks[0].what == "`f` returned nothing (None)"


def test_what_blocks_every_check_is_told_once():
    task = checks.Task("f")
    for name in ("one", "two"):
        with task.check(1, name, "general"):
            checks.gives(student("def f(a):\n    pass"), A, A)
    task.settle()
    assert task.cause == {
        "what": "`f` returned nothing (None)",
        "hint": checks.HINTS["none"],
        "line": 0,
        "code": "",
    }
    assert [(c.what, c.hint, c.same_cause) for c in task.checks] == [("same cause", "", True)] * 2


def test_calls_that_took_too_long_have_one_cause():
    task = checks.Task("f")
    for seconds in (10, 5, 2.5):
        with task.check(1, f"after {seconds}", "general", slow="the loop"):
            student(f"def f(a):\n    raise TimeoutError('no answer within {seconds} seconds')")(A)
    task.settle()
    assert task.cause["what"].startswith("`f` ran for too long and was stopped")
    assert [check.what for check in task.checks] == ["same cause"] * 3


CLASS = "class Layer:\n    def forward(self, x):\n        return x\n"


@pytest.mark.parametrize(
    ("source", "body", "what"),
    [
        (CLASS, lambda Layer: Layer(A), "`Layer` has no `__init__`"),
        (
            CLASS.replace("forward(self, x)", "forward(x)"),
            lambda Layer: checks.gives(Layer().forward, A, A),
            "`forward` takes 0 arguments besides `self`, and the checks call it with 1",
        ),
        (CLASS, lambda Layer: Layer().dW, "`Layer` has no attribute `dW`"),
        (CLASS, lambda Layer: Layer().params["W1"], "`Layer` has no attribute `params`"),
        (CLASS + "    params = {}", lambda Layer: Layer().params["W1"], "there is no 'W1' in the"),
        (
            CLASS + "    params = {}",
            lambda Layer: checks.with_params(Layer(), {"W1": A}),
            'a name is missing in `params`: there is no "W1"',
        ),
        (
            CLASS + "    params = {'W1': np.zeros((2, 3), dtype=int)}",
            lambda Layer: checks.with_params(Layer(), {"W1": A}),
            "`W1` does not hold floats",
        ),
    ],
)
def test_what_is_wrong_with_a_class(source, body, what):
    Layer = student(source, "Layer")
    task = one_check(lambda: body(Layer), name="Layer")
    assert what in task.checks[0].what


def test_two_underscores_are_asked_for():
    Layer = student(CLASS.replace("forward", "_init_"), "Layer")
    assert "`_init_`" in one_check(lambda: Layer(A), name="Layer").checks[0].hint


USES = "def double(a):\n    return {}(a)\n"


def of_cells(*cells: str) -> tuple:
    """Return the table of a right `double` if the student's cells are these."""
    tables = [checks.Task("double", hidden=hidden) for hidden in (False, True)]
    with mock.patch.dict(checks.student_cells, enumerate(cells), clear=True):
        for task in tables:
            for name in ("one", "two"):
                with task.check(1, name, "A hint."):
                    checks.gives(lambda a: 2 * a, np.array([1.0, 2.0]), [2.0, 4.0])
            task.settle()
    return tables[0], tables[1]


@pytest.mark.parametrize(
    ("cells", "library", "line"),
    [
        (["from scipy.special import exp2 as f\n\n" + USES.format("f")], "scipy", 1),
        (["import scipy.special\n\n" + USES.format("scipy.special.exp2")], "scipy", 1),
        (["def double(a):\n    import torch\n    return torch.tensor(a)\n"], "torch", 2),
        (["import numpy as np\nimport jax", USES.format("jax.f")], "jax", 2),
        (["import scipy as s\nf = s.f\n" + USES.format("g"), "g = lambda a: f(a)"], "scipy", 1),
        (["from sklearn import f\n", USES.format("g"), "def g(a):\n    return f(a)"], "sklearn", 1),
        (["from utils.functions import softmax as f\n", USES.format("f")], "utils.functions", 1),
        (["from utils import layers\n", USES.format("layers.f")], "utils.layers", 1),
        (["from scipy.special import exp2 as double"], "scipy", 1),
    ],
)
def test_another_library_is_told_once_and_earns_nothing(cells, library, line):
    shown, hidden = of_cells(*cells)
    assert shown.earned == hidden.earned == 0
    assert shown.cause["what"].startswith(f"This course uses NumPy only: `double` uses `{library}`")
    assert shown.cause["line"] == line
    assert f"`{library}`" in shown.cause["hint"]
    assert all(check.same_cause and not check.hint for check in shown.checks)
    assert library not in repr(hidden)
    assert hidden.cause["line"] == 0


@pytest.mark.parametrize(
    "cells",
    [
        ["import numpy as np\nimport math\n" + USES.format("math.f")],
        ["import scipy.special\nimport torch\n" + USES.format("np.f")],
        [USES.format("f"), "from scipy.special import f as theirs\nprint(theirs(1))"],
        ["def double(a):\n    torch = a\n    return torch\n", "import torch"],
        ["def double(jax):\n    return 2 * jax\n", "import jax"],
        [USES.format("2 * "), "from scipy.special import double"],
        ["import matplotlib.pyplot as plt\n" + USES.format("plt.f")],
        ["from my_helpers import f\n" + USES.format("f")],
        ["from utils import checks, plots\n" + USES.format("plots.f")],
        ["from . import torch\n" + USES.format("torch")],
        ["import torch\nan open bracket (\n" + USES.format("torch")],
        [],
    ],
)
def test_what_no_task_uses_costs_nothing(cells):
    shown, hidden = of_cells(*cells)
    assert shown.earned == hidden.earned == 2
    assert shown.cause is hidden.cause is None
