"""A large invented class for `ps1_output_layer`: honest work that differs as people's does, copies.

Honest students choose, each for themselves, among the usual ways to write each step, among names
and habits, and among sentences of the written answer. A copy is an honest student's work with every
name changed, independent statements in another order, comments removed and the layout changed.
"""

from __future__ import annotations

import ast
import copy
import re
from pathlib import Path

import nbformat
import numpy as np

NAME = "ps1_output_layer"
RIGHT = {
    "identity_function": "def identity_function(a):\n    return a\n",
    "softmax": "def softmax(a):\n    a = np.asarray(a, dtype=float)\n"
    "    e = np.exp(a - np.max(a, axis=-1, keepdims=True))\n"
    "    return e / np.sum(e, axis=-1, keepdims=True)\n",
}

SHIFT = (
    "np.max({a}, axis=-1, keepdims=True)",
    "{a}.max(axis=-1, keepdims=True)",
    "np.amax({a}, -1, keepdims=True)",
    "np.expand_dims(np.max({a}, axis=-1), -1)",
    "np.max({a}, axis=-1)[..., np.newaxis]",
    "np.max({a}, axis=-1)[..., None]",
    "np.max({a})",
    "{a}.max(-1, keepdims=True)",
    "np.sort({a}, axis=-1)[..., -1:]",
    "np.maximum.reduce({a}, axis=-1, keepdims=True)",
)
SUM = tuple(
    s.replace("amax", "sum").replace("max", "sum").replace("{a}", "{e}") for s in SHIFT[:6]
) + (
    "np.exp({s}) @ np.ones(({a}.shape[-1], 1))",
    "np.add.reduce({e}, axis=-1, keepdims=True)",
)
START = (
    "{a} = np.asarray({a}, dtype=float)",
    "{a} = np.array({a}, dtype=np.float64)",
    "{a} = {a}.astype(float)",
    "{a} = {a} + 0.0",
    "assert {a}.ndim > 0",
    "if {a}.size == 0: return {a}.astype(float)",
    "{a} = np.array({a}, copy=True)",
    "if not isinstance({a}, np.ndarray): {a} = np.array({a})",
)
END = (
    "return {e} / {t}",
    "{r} = {e} / {t}\nreturn {r}",
    "return np.divide({e}, {t})",
    "{e} /= {t}\nreturn {e}",
    "return {e} * (1 / {t})",
    "return np.exp({s} - np.log({t}))",
    "{r} = np.zeros_like({e})\n{r}[...] = {e} / {t}\nreturn {r}",
    "{r} = {e} / {t}\nassert {r}.shape == {a}.shape\nreturn {r}",
)
TRIALS = (
    "print(softmax(np.array([{x}, {y}])))",
    "softmax(np.array([[{x}, {y}], [{y}, {x}]])).sum(axis=-1)",
    "trial = np.array([{x}, {y}, {z}])\nprint(softmax(trial), softmax(trial + {x}))",
    "for shift in ({x}, {y}):\n    print(shift, softmax(np.arange({z}) + shift))",
    "assert np.allclose(softmax(np.array([{x}, {y}])).sum(), 1)",
    "softmax(np.array([{x}e3, {y}e3]))",
)
IDENTITY = (
    "return a",
    "return a.copy()",
    "return np.array(a)",
    "y = a\nreturn y",
    "return a * 1",
    "return np.copy(a)",
    "return 1 * a",
    "y = np.array(a)\nreturn y",
    "return a[...]",
)
SENTENCES = tuple(
    tuple(line.strip() for line in text.strip().splitlines())
    for text in (
        """The two functions are mixed up in the claim.
        It is the other way round, identity belongs to regression.
        False: softmax is what a classifier needs at its end.
        This is wrong because a price can be larger than one.
        Wrong, softmax gives a probability for each class.
        No, since a temperature may be negative and softmax is not.""",
        """The numbers add up to 0.9 so softmax cannot have made them.
        Their sum is 0.90 but must be 1.
        Cannot be, a softmax output always sums to one.
        0.3 and 0.28 and 0.32 give 0.9 and not 1.
        I added them and got ninety percent only.
        Impossible, because we divide by the sum.""",
        """It should be rounded to 99 %.
        0.9896 is closer to 99 than to 98 percent.
        A softmax value is not the chance of being right.
        The model may be too sure of itself, one has to count on test data.
        This is a score, calibration is another question.
        Rounded correctly this is 99 percent.""",
        """At inference yes because the order stays, in training no.
        Only when we just want the argmax.
        The loss needs probabilities so it stays in training.
        The largest stays the largest, so for predicting it is not needed.
        Yes for the label and no for the loss.
        It depends: for the class only, it may go.""",
    )
)
LETTERS = re.findall(
    r"\w+",
    "a x z v logits scores inp values u w e ex exps num top expo s shifted d t total den k r out y",
)


def answers(rng: np.random.Generator) -> dict[str, str]:
    """Return one honest student's cells by grade id; `trial` is a cell of the student's own."""

    def one(choices: tuple) -> str:
        return choices[min(int(rng.geometric(0.3)) - 1, len(choices) - 1)]

    names = dict(zip("asetrm", rng.permutation(LETTERS), strict=False))
    shift, total = one(SHIFT), one(SUM)
    order = list(rng.permutation(len(SHIFT)))
    shift = SHIFT[order[0]] if rng.random() < 0.5 else shift
    lines = [line for line in START if rng.random() < 0.15]
    if rng.random() < 0.5:
        lines += ["{m} = " + shift, "{s} = {a} - {m}"]
    else:
        lines += ["{s} = {a} - " + shift]
    lines += ["{e} = np.exp({s})", "{t} = " + total, END[rng.integers(len(END))]]
    if rng.random() < 0.3:
        lines.insert(
            0, "# " + rng.choice(["first the maximum", "stable softmax", "see lecture 02"])
        )
    body = "\n".join(lines).format(**names).splitlines()
    softmax = "\n".join([f"def softmax({names['a']}):", *(f"    {line}" for line in body)])
    x, y, z = rng.integers(1, 40, 3)
    trial = "\n".join(
        TRIALS[i].format(x=x, y=y, z=z) for i in rng.permutation(len(TRIALS))[: rng.integers(1, 4)]
    )
    said = [" ".join(rng.permutation(group)[: rng.integers(1, 3)]) for group in SENTENCES]
    return {
        "identity_function": "def identity_function(a):\n    "
        + IDENTITY[rng.integers(len(IDENTITY))].replace("\n", "\n    "),
        "softmax": softmax,
        "written_answer": "\n\n".join(
            f"**{k}.** {text}" for k, text in zip("abcd", said, strict=True)
        ),
        "trial": trial,
    }


def copied(work: dict[str, str], rng: np.random.Generator) -> dict[str, str]:
    """Return somebody's work as a copier hands it in: renamed, reordered, reformatted."""
    found = dict(work)
    for key in ("identity_function", "softmax", "trial"):
        tree = _Rename(rng).visit(ast.parse(work[key]))
        for node in ast.walk(tree):
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Add):
                node.left, node.right = node.right, node.left
        if key == "trial":
            tree.body = [tree.body[i] for i in rng.permutation(len(tree.body))]
        text = ast.unparse(tree).replace("    ", "  ").replace(", ", ",")
        found[key] = "# my own work\n\n" + text.replace("\n", "\n\n", 1)
    swapped = re.split(r"(?<=\.) ", work["written_answer"])
    found["written_answer"] = " ".join(swapped).replace("because", "since").replace("**", "")
    return found


class _Rename(ast.NodeTransformer):
    """Gives everything that is bound in a cell another name, but for the functions themselves."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.names = rng, {}

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for part in ast.walk(node):
            match part:
                case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                    self.names.setdefault(name, f"v{len(self.names)}_{self.rng.integers(99)}")
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(self.names.get(node.arg, node.arg))

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.Name(self.names.get(node.id, node.id), node.ctx)


def write(
    released: Path, submitted: Path, size: int, copies: int = 0, seed: int = 0
) -> list[tuple[str, str]]:
    """Write a class's submissions.

    Args:
        released: the notebook as it was handed out.
        submitted: the folder for them.
        size: students in all.
        copies: how many of them copied from somebody.
        seed: of the class.

    Returns:
        The pairs of source and copy, each in alphabetical order.
    """
    rng = np.random.default_rng(seed)
    template = nbformat.read(released, as_version=4)
    everyone = [f"student{number:04}" for number in rng.permutation(size)]
    honest, copiers = everyone[: size - copies], everyone[size - copies :]
    work = {name: answers(rng) for name in honest}
    pairs = []
    for name, source in zip(copiers, honest, strict=False):
        work[name] = copied(work[source], rng)
        pairs.append(tuple(sorted((source, name))))
    for name, cells in work.items():
        notebook = copy.deepcopy(template)
        for cell in notebook.cells:
            grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if grade_id in cells:
                cell.source = cells[grade_id]
        notebook.cells.append(nbformat.v4.new_code_cell(cells["trial"], id="trial"))
        file = submitted / name / NAME / f"{NAME}.ipynb"
        file.parent.mkdir(parents=True)
        nbformat.write(notebook, file)
    return pairs
