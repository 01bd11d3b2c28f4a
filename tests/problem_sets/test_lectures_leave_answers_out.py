"""No lecture prints a function or class that a problem set asks for: not by name, not by body.

A lecture builds a relative of it (Leaky ReLU, log-softmax), or leaves the last step out.
"""

import ast
import copy
import functools

import pytest

from tests.lectures.notebooks import FENCED, LECTURES, about, code_cells, markdown_cells
from tests.problem_sets.grading import Right, read, scores, sources
from tests.problem_sets.tables import NAMES, cells_of, graded_here

Definition = ast.FunctionDef | ast.ClassDef


def _definitions(source: str) -> list[Definition]:
    return [node for node in ast.walk(ast.parse(source)) if isinstance(node, Definition)]


class _Plain(ast.NodeTransformer):
    """Makes code alike that differs in names, docstrings, notation and type hints only."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}

    def _number(self, name: str) -> str:
        return self.names.setdefault(name, f"n{len(self.names)}")

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._without_text(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return self._without_text(node)

    def _without_text(self, node: Definition) -> ast.AST:
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return ast.arg(self._number(node.arg))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return ast.Name("np" if node.id == "numpy" else self._number(node.id))

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        is_own = isinstance(node.value, ast.Name) and node.value.id == "self"
        return ast.Attribute(
            self.visit(node.value), self._number(node.attr) if is_own else node.attr
        )

    def visit_Call(self, node: ast.Call) -> ast.AST:
        match node:
            case ast.Call(ast.Attribute(ast.Name("np"), "dot" | "matmul"), [a, b], []):
                return self.visit(ast.BinOp(a, ast.MatMult(), b))
            case ast.Call(ast.Attribute(a, "dot"), [b], []):
                return self.visit(ast.BinOp(a, ast.MatMult(), b))
            case ast.Call(
                ast.Attribute(ast.Name("np"), "sum" | "max" | "mean" as name), [a, *more]
            ):
                method = ast.Attribute(a, name)
                return self.generic_visit(ast.Call(method, more, node.keywords))
        return self.generic_visit(node)


def _body(node: Definition) -> str:
    """Return what a function or class does, as text that is equal for equal work."""
    plain = _Plain().visit(copy.deepcopy(node))
    plain.name = "it"
    if isinstance(plain, ast.FunctionDef):
        plain.args.defaults = []
    return ast.dump(plain)


@functools.cache
def _asked() -> tuple[set[str], dict[str, str]]:
    """Return the names that the problem sets ask for, and by body the functions that they hold."""
    names, bodies = set(), {}
    for name in NAMES:
        for source in sources(read("solutions", name)).values():
            top = [node for node in ast.parse(source).body if isinstance(node, Definition)]
            names |= {node.name for node in top}
            for node in _definitions(source):
                if _is_work(node):
                    bodies[_body(node)] = node.name
    return names, bodies


def _is_work(node: Definition) -> bool:
    """Say whether a definition holds more than one plain `return` or assignment of arguments."""
    return sum(isinstance(n, ast.BinOp | ast.Call | ast.Compare) for n in ast.walk(node)) >= 2


def _is_call(node: ast.AST) -> bool:
    """Whether a definition does no more than call a function of the course."""
    match node:
        case ast.FunctionDef(body=[ast.Return(value=ast.Call(func=ast.Attribute()))]):
            return not any(isinstance(part, ast.BinOp | ast.Compare) for part in ast.walk(node))
    return False


def _printed(source: str) -> list[str]:
    """Return the definitions of a cell that answer a problem set, by name or by body."""
    names, bodies = _asked()
    return [
        node.name
        for node in _definitions(source)
        if (node.name in names and not _is_call(node)) or (_is_work(node) and _body(node) in bodies)
    ]


def _cells(path) -> list[str]:
    fenced = [code for cell in markdown_cells(path) for code in FENCED.findall(cell.source)]
    return [cell.source for cell in code_cells(path)] + fenced


@about(*LECTURES)
def test_a_lecture_prints_nothing_that_a_problem_set_asks_for(path):
    printed = {name for source in _cells(path) for name in _printed(source)}
    assert printed == set()


def _answers(path) -> list[tuple[str, str, str, str]]:
    """Return what may be handed in as an answer: problem set, task, name in the lecture, source.

    These are a lecture's functions that take as many arguments as a task, and its classes with the
    same methods; not what calls the function asked for, and would call itself under its name.
    """
    found = []
    for source in _cells(path):
        for node in ast.parse(source).body:
            if not isinstance(node, Definition):
                continue
            for problem_set in NAMES:
                for task, solution in sources(read("solutions", problem_set)).items():
                    wanted = [n for n in ast.parse(solution).body if isinstance(n, Definition)][-1]
                    used = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                    if _fits(node, wanted) and wanted.name not in used:
                        answer = copy.deepcopy(node)
                        answer.name = wanted.name
                        found.append((problem_set, task, node.name, ast.unparse(answer)))
    return found


def _fits(node: Definition, wanted: Definition) -> bool:
    """Say whether a definition can be called as the one that a task asks for."""
    if type(node) is not type(wanted):
        return False
    if isinstance(node, ast.FunctionDef):
        most = len(node.args.args)
        return most - len(node.args.defaults) <= len(wanted.args.args) <= most
    own, asked = (
        {n.name: n for n in c.body if isinstance(n, ast.FunctionDef)} for c in (node, wanted)
    )
    return own.keys() >= asked.keys() and all(_fits(own[name], asked[name]) for name in asked)


@pytest.mark.slow
@about(*LECTURES)
def test_nothing_in_a_lecture_can_be_handed_in(path):
    """Under the name that is asked for it would earn less than three quarters of the points."""
    for problem_set, task, name, source in _answers(path):
        result = scores(graded_here(problem_set, task, Right(name, source)))
        earned, most = (sum(result[grade_id][k] for grade_id in cells_of(task)) for k in (0, 1))
        assert earned < most * 3 / 4, f"{name} earns {earned} of {most} in {task}"


AFFINE = """
class Dense:
    def __init__(self, weights, biases):
        self.weights = weights
        self.biases = biases

    def forward(self, batch):
        self.batch = batch
        return np.dot(batch, self.weights) + self.biases

    def backward(self, above):
        '''Go back.'''
        self.slopes = self.batch.T.dot(above)
        self.sums = np.sum(above, axis=0)
        return above @ self.weights.T
"""
LINEAR = AFFINE.replace(" + self.biases", "").replace(
    "        self.sums = np.sum(above, axis=0)\n", ""
)
BOWL = """
def half_of_squares(output, target):
    return 0.5 * np.sum((output - target) ** 2)
"""


@pytest.mark.parametrize(
    ("source", "printed"),
    [
        (AFFINE, ["forward", "backward"]),
        (LINEAR, []),
        (BOWL, ["half_of_squares"]),
        (BOWL.replace("0.5 * ", ""), []),
        ("def softmax(a):\n    return softmax_of(a)", ["softmax"]),
    ],
    ids=["renamed layer", "without bias", "renamed function", "another function", "a name"],
)
def test_an_answer_is_recognised_by_name_and_by_body(source, printed):
    assert set(_printed(source)) >= set(printed)
    assert bool(_printed(source)) == bool(printed)
