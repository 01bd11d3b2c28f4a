"""What a student reads after a typical mistake: the cause once, with its line and the next step.

Each mistake is made in this process, through the judge, and some of them in a notebook's kernel.
"""

import re
from collections.abc import Collection

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.utils import is_grade

from tests.problem_sets.grading import (
    ROOT,
    Mistake,
    execute,
    fill,
    function,
    graded_cells,
    read,
    scores,
    sources,
    stderr,
    submission,
    tells_no_number,
)
from tests.problem_sets.tables import IDLE, TABLES, cells_of
from utils import checks
from utils.grading.judge.grade_notebook import run_notebook
from utils.grading.notebook.restore import restore
from utils.grading.notebook.source_cells import cells_of_notebook

PS1 = "ps1_output_layer"
SHIFT = "e = np.exp(a - np.max(a, axis=-1, keepdims=True))"
Y = "e / np.sum(e, axis=-1, keepdims=True)"

_softmax = function("softmax(a)")

_descent = function("gradient_descent(f, init_x, lr=0.01, step_num=100)")

_gradient = function("numerical_gradient(f, x)")
_one_hot = function("to_one_hot(t, num_classes=10)")
_normalize = function("normalize_images(images)")
_predict = function("predict(network, x)")


def _accuracy(asks: str, result: str = "right / len(x)", end: str = "len(x)") -> str:
    return "\n    ".join(
        [
            "def accuracy_in_batches(predict, x, t, batch_size):",
            "t = np.argmax(t, axis=1) if t.ndim == 2 else t",
            "right = 0",
            f"for i in range(0, {end}, batch_size):",
            f"    y = {asks}",
            "    right += np.sum(np.argmax(y, axis=1) == t[i:i + batch_size])",
            f"return {result}",
        ]
    )


LAYERS = ("z = sigmoid(x @ network['W1'] + network['b1'])",
          "z = sigmoid(z @ network['W2'] + network['b2'])",
          "a = z @ network['W3'] + network['b3']")  # fmt: skip
SLICE = "predict(x[i:i + batch_size])"

_squared = function("sum_squared_error(y, t)")
_entropy = function("cross_entropy_error(y, t)")
_batches = function("minibatch_indices(n, batch_size, rng)")
AS_BATCH = (
    "t = np.argmax(t, axis=-1) if np.shape(t) == y.shape else t",
    "y = np.atleast_2d(y)",
)
CUT = "return [order[i:i + batch_size] for i in range(0, n, batch_size)]"

MISTAKES = {
    "softmax": {
        "another name": Mistake(
            f"def stable_softmax(a):\n    {SHIFT}\n    return {Y}",
            "This cell defines `stable_softmax`; the checks call `softmax`.",
            lacks=("run its cell",),
        ),
        "a `raise` that was left in": Mistake(
            _softmax(SHIFT, f"y = {Y}", "", "", "raise NotImplementedError()", "return y"),
            "Your code is there, but `raise NotImplementedError()` still stands in line 6: "
            "delete it.",
            lacks=("not written yet",),
        ),
        "a list": Mistake(
            _softmax("a = np.asarray(a, dtype=float)", SHIFT, f"return ({Y}).tolist()"),
            says=("`softmax` returned a list, not an array", "`np.array(...)`"),
            points=4.75,
        ),
        "print instead of return": Mistake(
            _softmax(SHIFT, f"print({Y})"),
            "`softmax` returned nothing (None)",
            ("`return ...`",),
            ("exp(a)",),
        ),
        "a name of a deleted cell": Mistake(
            _softmax(SHIFT.replace("(a -", "(scale * a -"), f"return {Y}"),
            "`scale` is not defined in this notebook (line 2:",
            ("was its cell deleted", "Restart the kernel and run all cells"),
        ),
        "np forgotten": Mistake(
            _softmax("e = exp(a)", f"return {Y}"),
            "`exp` is not defined in this notebook (line 2:",
            ("Write `np.exp`.",),
        ),
        "an open bracket": Mistake(
            _softmax(SHIFT, f"return ({Y}"),
            "'(' was never closed (line 3:",
        ),
        "a full-width bracket": Mistake(
            _softmax(SHIFT, "return e / np.sum（e, axis=-1, keepdims=True）"),
            "(line 3:",
            ("full-width", "半角"),
        ),
        "another library": Mistake(
            f"import torch\n\n\n{_softmax(SHIFT, f'return {Y}')}",
            "This course uses NumPy only: there is no `torch` (line 1: `import torch`)",
        ),
        "SciPy's function": Mistake(
            "from scipy.special import softmax as theirs\n\n\n"
            + _softmax("return theirs(np.asarray(a, dtype=float), axis=-1)"),
            "This course uses NumPy only: `softmax` uses `scipy` (line 1: `from scipy",
            ("Delete the line that imports `scipy`",),
        ),
        "another library inside": Mistake(
            _softmax("import torch", SHIFT, f"return {Y}"),
            "This course uses NumPy only: there is no `torch` (line 2: `import torch`)",
        ),
        "calls itself": Mistake(
            _softmax("return softmax(a)"),
            "`softmax` calls itself endlessly (line 2:",
        ),
        "one parameter more": Mistake(
            f"def softmax(a, axis):\n    {SHIFT}\n    return {Y}",
            "`softmax` asks for `axis`, which the checks do not pass",
            lacks=("positional",),
        ),
        "no parameter": Mistake(
            "def softmax():\n    return np.ones(3) / 3",
            "`softmax` takes 0 arguments, and the checks call it with 1",
        ),
        "a constant": Mistake(
            _softmax("return 0.0"),
            "`softmax` returned one number, not an array",
            ("never uses its argument `a`",),
        ),
        "text": Mistake(
            _softmax("return 'y'"),
            "`softmax` did not return a plain array or number: it is a str",
        ),
        "the sum, too": Mistake(
            _softmax(SHIFT, f"y = {Y}", "return y, y.sum()"),
            "`softmax` returned a tuple, not an array",
        ),
        "no maximum": Mistake(
            _softmax("e = np.exp(a)", f"return {Y}"),
            says=("the result contains nan", "shift the row before you take exponentials"),
            points=3.75,
        ),
        "no keepdims": Mistake(
            _softmax("e = np.exp(a - np.max(a, axis=-1))", "return e / np.sum(e, axis=-1)"),
            "operands could not be broadcast together",
            ("(line 2: `e = np.exp(a - np.max(a, axis=-1))`)",),
            points=1.75,
        ),
        "overwrites": Mistake(
            _softmax("a -= np.max(a, axis=-1, keepdims=True)", "e = np.exp(a)", f"return {Y}"),
            says=("an argument was changed", "`a -= ...` changes the old one"),
            points=4.5,
        ),
        "an array called": Mistake(
            _softmax("sum = np.sum(np.exp(a), -1, keepdims=True)", "return np.exp(a) / sum(a)"),
            "'numpy.ndarray' object is not callable (line 3",
            ("Does a variable have the name of a function",),
        ),
    },
    "to_one_hot": {
        "scikit-learn's encoder": Mistake(
            _one_hot(
                "from sklearn.preprocessing import label_binarize as encode",
                "return encode(t, classes=range(num_classes))",
            ),
            "This course uses NumPy only: `to_one_hot` uses `sklearn` (line 2: `from sklearn",
            ("Delete the line that imports `sklearn`",),
        ),
        "an eleventh column": Mistake(
            _one_hot(
                "y = np.zeros((len(t), num_classes + 1))", "y[np.arange(len(t)), t] = 1", "return y"
            ),
            says=("got (1, 11), expected (1, 10)", "the digits 0 to 9 are ten classes"),
        ),
        "no default": Mistake(
            "def to_one_hot(t, num_classes):\n    return np.eye(num_classes)[t]",
            "`to_one_hot` asks for `num_classes`, which the checks do not pass",
            ("as it was given",),
            ("positional",),
            points=1.5,
        ),
        "rows as a list": Mistake(
            _one_hot(
                "return [[1 if k == label else 0 for k in range(num_classes)] for label in t]"
            ),
            says=("`to_one_hot` returned a list, not an array", "`np.array(...)`"),
            points=1.5,
        ),
        "labels off by one": Mistake(
            _one_hot("return np.eye(num_classes)[t - 1]"),
            says=("In which column is its 1?", "stopped with IndexError"),
        ),
    },
    "gradient_descent": {
        "x without the history": Mistake(
            _descent(
                "x = init_x.copy()",
                "for _ in range(step_num):",
                "    x = x - lr * numerical_gradient(f, x)",
                "return x",
            ),
            "`gradient_descent` returned one array, not `(x, history)`",
            lacks=("iterable", "<locals>"),
        ),
        "only the float": Mistake(
            _descent("return float(np.sum(init_x))"),
            "`gradient_descent` returned one float, not `(x, history)`",
            lacks=("iterable", "<locals>"),
        ),
        "one array many times": Mistake(
            _descent(
                "x = init_x.copy()",
                "history = [x]",
                "for _ in range(step_num):",
                "    x -= lr * numerical_gradient(f, x)",
                "    history.append(x)",
                "return x, history",
            ),
            "all points of `history` are the last point",
            ("holds one array many times",),
            points=1.25,
        ),
        "names of the parameters changed": Mistake(
            "def gradient_descent(f, init_x, rate=0.01, steps=100):\n    return init_x, [init_x]",
            "`gradient_descent` has no parameter `lr`",
            says=("Hint:",),
            lacks=("unexpected keyword", "<locals>"),
        ),
        "history first": Mistake(
            _descent(
                "history = [np.array(init_x)]",
                "for _ in range(step_num):",
                "    history.append(history[-1] - lr * numerical_gradient(f, history[-1]))",
                "return history, history[-1]",
            ),
            "`gradient_descent` returned `(history, x)`, not `(x, history)`",
            ("Compare the order",),
        ),
        "the gradient of the start": Mistake(
            _descent(
                "history = [np.array(init_x)]",
                "for _ in range(step_num):",
                "    history.append(history[-1] - lr * numerical_gradient(f, init_x))",
                "return history[-1], history",
            ),
            says=("Compute the gradient again at each point.",),
            lacks=("Keep the `def` line",),
            points=1.25,
        ),
    },
    "numerical_gradient": {
        "not put back": Mistake(
            _gradient(
                "h, g, y = 1e-4, np.zeros(x.shape), x.astype(float)",
                "for i in np.ndindex(x.shape):",
                "    kept = y[i]",
                "    y[i] = kept + h",
                "    a = f(y)",
                "    y[i] = kept - h",
                "    g[i] = (a - f(y)) / (2 * h)",
                "    y[i] = kept",
                "    if x.dtype == float:",
                "        x[i] = x[i] + h - h",
                "return g",
            ),
            says=("an argument was changed", "is different after the call"),
            points=2.5,
        ),
    },
    "numerical_diff": {
        "f with one argument too many": Mistake(
            "def numerical_diff(f, x):\n    return (f(x + 1e-4, 0) - f(x - 1e-4, 0)) / 2e-4",
            "`numerical_diff` called a function that the checks passed to it, which stopped "
            "with TypeError: the function takes 1 positional argument but 2 were given",
            ("Call it as the text of the task does",),
            ("<locals>", "test_", "<lambda>"),
        ),
        "a quotient without brackets": Mistake(
            "def numerical_diff(f, x):\n    return f(x + 1e-4) - f(x - 1e-4) / 2e-4",
            says=("what is divided by that?",),
            lacks=("Do not round",),
        ),
    },
    "normalize_images": {
        "whole numbers": Mistake(
            _normalize("return images // 255"),
            "the result does not hold floats: its dtype is uint8",
            ("do not round down",),
        ),
        "into the old array": Mistake(
            _normalize("images[...] = images / 255", "return images"),
            "the result does not hold floats: its dtype is uint8",
            ("Make a new array of floats", "an argument was changed", "Hint:"),
        ),
        "an array of bytes divided in place": Mistake(
            _normalize("images /= 255", "return images"),
            "Cannot cast ufunc 'divide' output",
            ("(line 2: `images /= 255`)",),
        ),
        "pixel by pixel": Mistake(
            _normalize(
                "x = np.zeros(images.shape)",
                "for i in np.ndindex(images.shape):",
                "    x[i] = images[i] / 255",
                "return x",
            ),
            says=("`normalize_images` is about as slow as a loop over single numbers",),
            points=1.25,
        ),
        "divided in place": Mistake(
            _normalize("images /= 255", "return images"),
            "Cannot cast ufunc 'divide'",
            ("keeps the dtype of its array",),
        ),
    },
    "predict": {
        "the weights of another cell": Mistake(
            _predict(*LAYERS, "return softmax(a)").replace("network[", "trained["),
            "(line 2: `z = sigmoid(x @ trained['W1'] + trained['b1'])`)",
            ("`predict` never uses its argument `network`: use it.",),
        ),
        "no softmax": Mistake(
            _predict(*LAYERS, "return a"),
            "the outputs for an image do not sum to 1",
            ("What does the last layer apply, and on which axis?",),
            ("expected",),
        ),
        "a sum over the batch": Mistake(
            _predict(
                *LAYERS, "e = np.exp(a - np.max(a, axis=-1, keepdims=True))", "return e / np.sum(e)"
            ),
            "the outputs for an image do not sum to 1",
            ("What does the last layer apply, and on which axis?",),
            ("expected",),
            points=1.25,
        ),
        "an exponential that overflows": Mistake(
            _predict(*LAYERS, "e = np.exp(a)", "return e / np.sum(e, axis=-1, keepdims=True)"),
            says=("the result contains nan", "do not overflow: use them"),
            points=1.75,
        ),
        "three nested loops": Mistake(
            _predict(
                "z = np.atleast_2d(x)",
                "for layer in '123':",
                "    W, b = network['W' + layer], network['b' + layer]",
                "    a = np.tile(b, (len(z), 1))",
                "    for n in range(len(z)):",
                "        for j in range(len(b)):",
                "            for i in range(len(W)):",
                "                a[n, j] += z[n, i] * W[i, j]",
                "    z = sigmoid(a)",
                "return softmax(a)[0] if x.ndim == 1 else softmax(a)",
            ),
            says=("`predict` is about as slow as a loop over single numbers", "One matrix product"),
            points=1.75,
        ),
        "the names of a dict": Mistake(
            _predict(
                "W1, b1, W2, b2, W3, b3 = network",
                "z = sigmoid(sigmoid(x @ W1 + b1) @ W2 + b2)",
                "return softmax(z @ W3 + b3)",
            ),
            "stopped with UFuncTypeError",
            ("Text, such as a key of a dict, stands where an array is expected.",),
        ),
    },
    "accuracy_in_batches": {
        "predict with two arguments": Mistake(
            _accuracy("predict(trained, x[i:i + batch_size])"),
            "`accuracy_in_batches` called a function that the checks passed to it, which stopped "
            "with TypeError: the function takes 1 positional argument but 2 were given",
            ("Call it as the text of the task does",),
            ("test_", "outputs()", "<lambda>"),
        ),
        "predict with one image": Mistake(
            _accuracy("np.array([predict(image) for image in x[i:i + batch_size]])"),
            "`predict` takes a slice of `x`, an array of shape (n, D)",
            ("Call it as the text of the task does",),
            ("test_", "<lambda>"),
        ),
        "the number of right answers": Mistake(
            _accuracy(SLICE, "right"),
            "the result is above 1, so it is not a rate",
            ("Divide the number of right answers by the number of images.",),
        ),
        "an empty slice": Mistake(
            _accuracy(SLICE, end="len(x) + 1"),
            says=("`predict` got an empty slice", "no slice begins at N"),
            points=2.0,
        ),
        "image by image": Mistake(
            _accuracy("np.array([predict(row[None])[0] for row in x[i:i + batch_size]])"),
            says=("the number of calls to `predict` is wrong", "one call takes all 500 images"),
            points=1.75,
        ),
    },
    "sum_squared_error": {
        "no sum": Mistake(
            _squared("return 0.5 * (y - t) ** 2"),
            "`sum_squared_error` returned an array, not one number",
            ("The result is one number: add up all squares.",),
        ),
        "one number in a list": Mistake(
            _squared("return [0.5 * np.sum((y - t) ** 2)]"),
            "`sum_squared_error` returned a list, not one number",
            ("The result is one number: add up all squares.",),
        ),
    },
    "cross_entropy_error": {
        "a large number under the logarithm": Mistake(
            _entropy(
                *AS_BATCH,
                "return -np.mean(np.log(y[np.arange(len(y)), t] + 0.01))",
            ),
            "the loss is slightly off",
            ("Use 1e-7", "is too low", "Hint:"),
            ("the row to use", "N is 1"),
        ),
        "y in place": Mistake(
            _entropy(
                "y += 1e-7",
                *AS_BATCH,
                "return -np.mean(np.log(y[np.arange(len(y)), t]))",
            ),
            says=("an argument was changed", "Do not modify `y` or `t` in place."),
            points=3.5,
        ),
        "a loss for each image": Mistake(
            _entropy(
                *AS_BATCH,
                "return -np.log(y[np.arange(len(y)), t] + 1e-7)",
            ),
            "`cross_entropy_error` returned an array, not one number",
            ("The result is one number: the mean over the images.",),
        ),
        "no tiny number": Mistake(
            _entropy(
                *AS_BATCH,
                "return -np.mean(np.log(y[np.arange(len(y)), t]))",
            ),
            says=("the result contains inf", "must stay slightly above 0"),
            points=3.0,
        ),
        "batches only": Mistake(
            _entropy(
                "t = np.argmax(t, axis=1) if t.size == y.size else t",
                "return -np.mean(np.log(y[np.arange(len(y)), t] + 1e-7))",
            ),
            says=("`(K,)`", "Can you turn it into a batch of one"),
            points=3.25,
        ),
        "a loss that is negative": Mistake(
            _entropy("return np.mean(np.sum(t * np.log(y + 1e-7), axis=-1))"),
            "operands could not be broadcast together",
            ("the loss is negative", "The loss is never below 0.", "Hint:"),
            ("tiny number too large",),
        ),
    },
    "minibatch_indices": {
        "an empty batch": Mistake(
            _batches(
                "order = rng.permutation(n)",
                "return [order[i:i + batch_size] for i in range(0, n + 1, batch_size)]",
            ),
            says=("a batch is empty", "None may begin at n"),
            points=1.0,
        ),
        "a seed of its own": Mistake(
            _batches(
                "order = np.random.default_rng(0).permutation(n)",
                CUT,
            ),
            says=("the same batches", "use the `rng` that it gets"),
            points=1.0,
        ),
        "nothing cut": Mistake(
            _batches("return rng.permutation(n)"),
            "a batch is not an array with one axis",
            ("not a single number", "never uses its argument `batch_size`"),
        ),
        "indices that are floats": Mistake(
            _batches(
                "order = rng.permutation(n) / 1",
                CUT,
            ),
            "a batch does not hold integers",
            ("Indices are integers",),
        ),
        "batches that are lists": Mistake(
            _batches(
                "order = rng.permutation(n)",
                "return [order[i:i + batch_size].tolist() for i in range(0, n, batch_size)]",
            ),
            says=("an element of `batches` is a list, not an array", "each must be an array"),
            points=1.0,
        ),
        "batches that are not returned": Mistake(
            _batches("batches = np.array_split(rng.permutation(n), n // batch_size)"),
            "`minibatch_indices` returned nothing (None)",
            ("`return ...`",),
        ),
        "what shuffle returns": Mistake(
            _batches(
                "order = rng.shuffle(np.arange(n))",
                CUT,
            ),
            "'NoneType' object is not subscriptable (line 3",
            ("Something in that line is None",),
        ),
    },
    "Affine": {
        "two gradients swapped": Mistake(
            "class Affine:\n    def __init__(self, W, b):\n        self.W, self.b = W, b\n\n"
            "    def forward(self, x):\n        self.x = x\n        return x @ self.W + self.b\n\n"
            "    def backward(self, dout):\n        self.dW = dout.sum(axis=0)\n"
            "        self.db = self.x.T @ dout\n"
            "        return dout @ self.W.T",
            says=("`dW` holds what belongs in `db`, and the reverse",),
            lacks=("wrong shape",),
            points=1.75,
        ),
    },
}
for table in TABLES.values():
    for task, mistakes in table.mistakes.items():
        MISTAKES.setdefault(task, {}).update(mistakes)
PROBLEM_SETS = {task: name for name, table in TABLES.items() for task in table.wrong}
CASES = [
    pytest.param(task, mistake, id=f"{task}-{name}")
    for task, mistakes in MISTAKES.items()
    for name, mistake in mistakes.items()
]


def _look(task: str, mistake: Mistake, notebook) -> None:
    """Check what the table of the visible test cell says."""
    grade_id, hidden_id = cells_of(task)
    cell = graded_cells(notebook)[grade_id]
    bundles = [output.data for output in cell.outputs if checks.MIME in output.get("data", {})]
    (bundle,) = bundles
    table, text = bundle[checks.MIME], bundle["text/plain"]
    for page in [bundle["text/html"]] if text[:1].isdigit() else [text]:
        words = re.sub(r"</?code>", "`", page).replace("&#x27;", "'").replace("&nbsp;", " ")
        for part in (mistake.cause, *mistake.says):
            assert part.lower() in words.lower()
        for part in (*mistake.lacks, "<locals>", "First make"):
            assert part not in words
        if mistake.cause and "Hint:" not in mistake.says:  # one next step is enough
            assert "Hint:" not in words
    if mistake.cause:
        assert mistake.cause in table["cause"]["what"]
        assert any(check["same_cause"] for check in table["checks"])
        for check in table["checks"]:
            if check["same_cause"]:
                assert check["what"].startswith("same cause")
                assert check["hint"] == ""
    else:
        assert table["cause"] is None
    assert scores(notebook)[grade_id][0] == mistake.points
    if hidden := graded_cells(notebook).get(hidden_id):
        tells_no_number(hidden)


def _only_needed(notebook, mistake: Mistake, tests: Collection[str]):
    """Leave figures and all other tests out of a notebook, in place."""
    idle = {*IDLE} - ({"images"} if "trained" in mistake.source else set())
    notebook.cells = [
        cell
        for i, cell in graded_cells(notebook).items()
        if i not in idle and (not is_grade(cell) or i in tests)
    ]
    return notebook


@pytest.mark.parametrize(("task", "mistake"), CASES)
def test_a_mistake_is_named_here(task, mistake):
    notebook = submission(PROBLEM_SETS[task], {task: mistake.source})
    _look(task, mistake, execute(_only_needed(notebook, mistake, cells_of(task))))


@pytest.fixture(autouse=True, scope="module")
def _stand_in():
    """Let every machine train on the same images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNIST_DIR", "digits")
        yield


@pytest.mark.slow
@pytest.mark.parametrize(("task", "mistake"), CASES)
def test_a_mistake_is_named_by_the_judge(task, mistake, order):
    solution = read("solutions", PROBLEM_SETS[task])
    answers = sources(solution) | {task: mistake.source}
    handed_in = fill(read("assignments", PROBLEM_SETS[task]), answers)
    notebook, _ = restore(handed_in, cells_of_notebook(solution))
    run_notebook(_only_needed(notebook, mistake, cells_of(task)[:1]), order)
    _look(task, mistake, notebook)


# A notebook's own kernel ------------------------------------------------------------------------


def _in_a_kernel(name: str, answers: dict[str, str], keep: set[str]):
    """Return a released notebook with these answers, run by a kernel as a student does it."""
    notebook = fill(read("assignments", name), answers)
    cells = {i: cell for i, cell in graded_cells(notebook).items() if i in keep}
    notebook.cells = list(cells.values())
    resources = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=120, allow_errors=True, resources=resources).execute()
    return notebook


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["another name", "a `raise` that was left in", "an open bracket", "another library", "a list"],
)
def test_a_mistake_is_named_in_the_students_kernel(name):
    mistake = MISTAKES["softmax"][name]
    cells = {"setup", "softmax", cells_of("softmax")[0]}
    notebook = _in_a_kernel(PS1, {"softmax": mistake.source}, cells)
    here = mistake._replace(cause=mistake.cause.replace("This cell", "This notebook"))
    _look("softmax", here, notebook)


@pytest.mark.slow
def test_a_notebook_shows_the_table_and_no_number_below_it():
    answers = sources(read("solutions", PS1))
    grade_id = "test_softmax_visible"
    notebook = _in_a_kernel(PS1, answers, {"setup", "softmax", grade_id})
    cell = graded_cells(notebook)[grade_id]
    (output,) = cell.outputs
    assert output.output_type == "execute_result"
    assert output.data["text/plain"] == "5.0"  # what nbgrader reads
    assert (
        "5 of 5 visible points; 7 hidden points depend on the contract"
        in (output.data["text/html"])
    )
    assert output.data[checks.MIME]["headline"].startswith("✓ softmax: 5 of 5 visible points; 7")
    assert scores(notebook)[grade_id] == (5, 5)
    assert stderr(notebook) == []


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", "task.points()", "return 3.0", "return None"])
def test_a_test_cell_without_points_is_an_error_in_a_kernel(end):
    source = (
        "def test():\n    from utils import checks\n    task = checks.Task('f')\n"
        f"    with task.check(1, 'a property'):\n        pass\n    {end}\n\n\ntest()"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    resources = {"metadata": {"path": str(ROOT)}}
    NotebookClient(notebook, timeout=120, allow_errors=True, resources=resources).execute()
    (error,) = [o for o in notebook.cells[0].outputs if o.output_type == "error"]
    assert "gives no points" in error.evalue
