"""Each solution with one thing changed loses a point: the checks see every part of it.

The mutants are made by a program: each operator, constant, comparison, `axis`, `.T` and statement
of a solution is changed in turn. A mutant that does the same as the solution is listed with why.
"""

import ast
import copy

import pytest

from tests.problem_sets.grading import Right, read, scores, sources
from tests.problem_sets.tables import NAMES, cells_of, graded_here

PAIRS = "for i, (n_in, n_out) in enumerate(zip(layer_sizes[:-1], layer_sizes[1:]"

# Mutants that do what the contract asks, and why: by task, what is left of the changed line.
EQUIVALENT = {
    ("numerical_diff", "h = 0.0002"): "any small step will do",
    ("numerical_diff", "h = 5e-05"): "any small step will do",
    ("numerical_gradient", "h = 0.0002"): "any small step will do",
    ("numerical_gradient", "h = 5e-05"): "any small step will do",
    ("cross_entropy_error", "y = y.reshape(-2, y.shape[-1])"): "NumPy works out a negative size",
    ("cross_entropy_error", "return -np.mean(np.log(np.maximum(p, 2e-07)))"): "tiny enough, too",
    ("cross_entropy_error", "return -np.mean(np.log(np.maximum(p, 5e-08)))"): "tiny enough, too",
    ("gradient_descent", "x = np.array(init_x)"): "the start holds floats already",
    ("numerical_gradient", "gradient = np.ones(x.shape)"): "every element is overwritten",
    ("MultiLayerNet", f"{PAIRS}), 1):"): "both slices have the same length",
    ("MultiLayerNet", f"{PAIRS}, strict=False), 1):"): "both slices have the same length",
}

OPERATORS = {
    ast.Add: (ast.Sub,),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Div, ast.Add),
    ast.Div: (ast.Mult, ast.FloorDiv),
    ast.MatMult: (ast.Mult,),
    ast.Pow: (ast.Mult,),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
NAMES_OF_FUNCTIONS = {"max": "min", "min": "max", "sum": "mean", "mean": "sum", "zeros": "ones"}


def _changes(node: ast.AST):
    """Yield functions that change a node in place, one way each."""
    if isinstance(node, ast.BinOp | ast.AugAssign):
        for kind in OPERATORS.get(type(node.op), ()):
            yield lambda n, kind=kind: setattr(n, "op", kind())
    if isinstance(node, ast.Compare):
        for kind in OPERATORS.get(type(node.ops[0]), ()):
            yield lambda n, kind=kind: n.ops.__setitem__(0, kind())
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield lambda n: setattr(n, "op", ast.UAdd())
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        values = (node.value * 2, node.value / 2) if node.value else (1,)
        for value in (*values, node.value + 1):
            value = int(value) if type(node.value) is int and value == int(value) else value
            yield lambda n, value=value: setattr(n, "value", value)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield lambda n: setattr(n, "value", not n.value)
    if isinstance(node, ast.Call) and node.keywords:
        for i in range(len(node.keywords)):
            yield lambda n, i=i: n.keywords.pop(i)
    if isinstance(node, ast.Attribute):
        if node.attr == "T":
            yield lambda n: setattr(n, "attr", "real")  # the array itself, as it is
        if node.attr in NAMES_OF_FUNCTIONS:
            yield lambda n: setattr(n, "attr", NAMES_OF_FUNCTIONS[n.attr])


def _mutants(source: str) -> list[tuple[str, str]]:
    """Return the changed line and the source of every mutant of a solution."""
    tree, found = ast.parse(source), []
    original = ast.unparse(tree)
    nodes = list(ast.walk(tree))
    skipped = {id(n) for node in nodes for n in _head_and_text(node)}

    def add(changed: ast.AST) -> None:
        text = ast.unparse(ast.fix_missing_locations(changed))
        before, after = original.splitlines(), text.splitlines()
        if text != original:
            lines = [b for a, b in zip(before, after, strict=False) if a != b]
            found.append((lines[0].strip() if lines else after[-1].strip(), text))

    for index, node in enumerate(nodes):
        if id(node) in skipped:
            continue
        for change in _changes(node):
            changed = copy.deepcopy(tree)
            change(list(ast.walk(changed))[index])
            add(changed)
        statements = getattr(node, "body", None)  # of a conditional expression it is no list
        for place in range(len(statements) if isinstance(statements, list) else 0):
            changed = copy.deepcopy(tree)
            body = list(ast.walk(changed))[index].body
            statement = body[place]
            if isinstance(node, ast.Module) or isinstance(statement, ast.FunctionDef):
                continue
            if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                continue
            body[place] = ast.Pass()
            add(changed)
    return found


def _head_and_text(node: ast.AST) -> list[ast.AST]:
    """Return the nodes of a docstring."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return [node, node.value]
    return []


def _cases() -> list:
    return [
        pytest.param(
            name, task, line, Right(f"mutant {line}", text), id=f"{name[:3]}-{task}-{line}"
        )
        for name in NAMES
        for task, source in sources(read("solutions", name)).items()
        for line, text in _mutants(source)
    ]


@pytest.mark.parametrize(("name", "task", "line", "case"), _cases())
def test_a_mutant_of_the_solution_loses_points(name, task, line, case):
    notebook = graded_here(name, task, case)
    result = [scores(notebook)[i] for i in cells_of(task)]
    loses = any(points < most for points, most in result)
    assert loses != ((task, line) in EQUIVALENT), case.source
