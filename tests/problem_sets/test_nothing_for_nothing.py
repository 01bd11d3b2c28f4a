"""What knows nothing of a task earns nothing: constants, arguments, zeros, None, random numbers.

Every function and class of every problem set is answered by implementations that could stand in any
other problem set as well. None of them may earn a point, visible or hidden.
"""

import ast

import pytest

from tests.problem_sets.grading import Right, check_states, read, scores, sources
from tests.problem_sets.tables import NAMES, cells_of, graded_here

# Where knowing nothing is the task.
RIGHT = {
    ("identity_function", "argument a"),
    ("identity_function", "copy of a"),
}

CONSTANTS = (
    "None", "0", "0.0", "1", "1.0", "-1.0", "0.1", "0.5", "True", "False", "''", "'text'", "[]",
    "{}", "()", "np.array([])", "np.array(0.0)", "np.zeros(1)", "np.zeros((2, 3))", "np.nan",
    "np.inf", "[0.0]", "(0.0, [])", "(0.0, [0.0])", "np.random.default_rng().random()",
)  # fmt: skip

LIKE = {  # of an argument that may be anything
    "argument": "{0}",
    "copy of": "np.array({0})",
    "zeros like": "np.zeros(np.shape({0}))",
    "ones like": "np.ones(np.shape({0}))",
    "nan like": "np.full(np.shape({0}), np.nan)",
    "a tenth like": "np.full(np.shape({0}), 0.1)",
    "integers like": "np.zeros(np.shape({0}), dtype=int)",
    "shares like": "np.full(np.shape({0}), 1 / max(1, np.shape({0})[-1] if np.ndim({0}) else 1))",
    "random like": "np.random.default_rng().random(np.shape({0}))",
    "noise like": "np.random.default_rng().standard_normal(np.shape({0}))",
    "list of": "[{0}]",
    "twice": "({0}, {0})",
    "pair of": "({0}, [{0}])",
    "pair with zeros of": "(np.zeros(np.shape({0})), [np.zeros(np.shape({0}))] * 101)",
    "named": "{{key: np.zeros(np.shape({0})) for key in ('W1', 'b1', 'W2', 'b2')}}",
    "emptied": "{0}.__imul__(0)",
    "value of": "{0}(locals().get('x', locals().get('init_x')))",
}

# What has the form of a result, in which zeros follow from zeros.
FORMS = {
    "backpropagate": "{'y': np.full(t.shape, 1 / t.shape[1]), 'da2': np.zeros(t.shape), "
    "'dz1': np.zeros((len(x), len(params['b1']))), 'da1': np.zeros((len(x), len(params['b1'])))} "
    "| {key: np.zeros(value.shape) for key, value in params.items()}",
}


def _ignorant(source: str) -> dict[str, str]:
    """Return answers that keep the first lines of functions and methods and know nothing else."""
    tree = ast.parse(source)
    node = next(n for n in tree.body if isinstance(n, ast.FunctionDef | ast.ClassDef))
    constants = {f"constant {text}": text for text in CONSTANTS}
    if isinstance(node, ast.FunctionDef):
        bodies = constants | {
            f"{what} {arg.arg}": template.format(arg.arg)
            for arg in node.args.args
            for what, template in LIKE.items()
        }
        bodies |= {"the form alone": FORMS[node.name]} if node.name in FORMS else {}
        return {what: _function(node, body) for what, body in bodies.items()}
    templates = {what: text.replace("{}", "{{}}") for what, text in constants.items()} | LIKE
    return {what: _class(node, template) for what, template in templates.items()}


def _function(node: ast.FunctionDef, body: str) -> str:
    return f"def {node.name}({ast.unparse(node.args)}):\n    return {body}"


def _class(node: ast.ClassDef, template: str) -> str:
    """Return a class whose public methods return what the template makes of their argument."""
    parts = [f"class {node.name}:"]
    for method in node.body:
        if not isinstance(method, ast.FunctionDef):
            continue
        if method.name == "__init__":
            head = ast.unparse(method.args)
            parts.append(f"def __init__({head}):\n    self.params, self.dW, self.db = {{}}, 0, 0")
        elif not method.name.startswith("_"):
            names = [arg.arg for arg in method.args.args[1:]]
            parts.append(_function(method, template.format(*names or ["0.0"])))
    return "\n".join(parts).replace("\n", "\n    ")


def _cases() -> list:
    return [
        pytest.param(name, task, Right(what, source), id=f"{name[:3]}-{task}-{what}")
        for name in NAMES
        for task, solution in sources(read("solutions", name)).items()
        for what, source in _ignorant(solution).items()
        if (task, what) not in RIGHT
    ]


@pytest.mark.parametrize(("name", "task", "case"), _cases())
def test_what_knows_nothing_earns_nothing(name, task, case):
    notebook = graded_here(name, task, case)
    result = scores(notebook)
    states = {i: check_states(notebook, i) for i in cells_of(task)}
    assert {result[i][0] for i in cells_of(task)} == {0}, states
