"""Right and wrong ways to write the functions of `ps1_output_layer`."""

import functools

from tests.problem_sets.grading import function

_identity = function("identity_function(a)")
_softmax = function("softmax(a)")


def _right(*body: str) -> str:
    return _softmax(FLOATS_FIRST, *body)


FLOATS_FIRST = "a = np.asarray(a, dtype=float)"
KEPT = "e = np.exp(a - np.max(a, axis=-1, keepdims=True))"
DIVIDE = "return e / np.sum(e, axis=-1, keepdims=True)"
Y = "y = e / np.sum(e, axis=-1, keepdims=True)"
_kept = functools.partial(_softmax, KEPT)

WRONG = {
    "identity_function": {
        "a vector comes back as it is": {
            "nothing returned": _identity("a"),
            "prints": _identity("print(a)"),
            "returns a list": _identity("return a.tolist()"),
            "cuts off below 0": _identity("return np.maximum(0, a)"),
            "drops the sign": _identity("return np.abs(a)"),
            "squashes": _identity("return 1 / (1 + np.exp(-a))"),
            "makes integers": _identity("return a.astype(int)"),
            "an identity matrix": _identity("return np.identity(len(a))"),
            "at most two axes": _identity("return a @ np.eye(a.shape[1])"),
            "sorts": _identity("return np.sort(a)"),
            "scales": _identity("return a / np.max(a)"),
            "a subclass": _identity("return np.asmatrix(a)"),
        },
        "numbers of any size and sign, in any shape": {
            "rounds": _identity("return np.round(a, 3)"),
            "clips": _identity("return np.clip(a, -1000, 1000)"),
            "half precision": _identity("return a.astype(np.float16)"),
            "adds a small constant": _identity("return a + 1e-7"),
            "squeezes": _identity("return np.squeeze(a)"),
        },
        "a batch keeps its shape": {
            "flattens": _identity("return a.ravel()"),
            "transposes": _identity("return a.T"),
            "first row only": _identity("return a if a.ndim == 1 else a[0]"),
        },
        "the argument is not changed": {
            "empties its argument": _identity("b = a.copy()", "a[...] = 0", "return b"),
            "rounds its argument": _identity("b = a + 0", "a //= 1", "return b"),
        },
    },
    "softmax": {
        "small probabilities are exact": {
            "drops tiny probabilities": """def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    y[y < 1e-20] = 0
    return y""",
            "rounds": _kept(Y, "return np.round(y, 8)"),
            "clips the result": _kept(Y, "return np.clip(y, 1e-7, 1)"),
            "adds a small constant below": _kept(
                "return e / (np.sum(e, axis=-1, keepdims=True) + 1e-7)"
            ),
            "clips the exponent": _softmax(
                "b = np.clip(a - np.max(a, axis=-1, keepdims=True), -50, 0)",
                "e = np.exp(b)",
                DIVIDE,
            ),
        },
        "argument unchanged, no state kept": {
            "overwrites a float32 argument": """def softmax(a):
    if a.dtype == np.float32:
        a -= a.max(axis=-1, keepdims=True)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)""",
            "one array for all results": """B = {}


def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    b = B.setdefault(a.shape, np.empty(a.shape))
    b[...] = y
    return b""",
            "overwrites a vector": _softmax("if a.ndim == 1:", "    a -= np.max(a)", KEPT, DIVIDE),
            "remembers by shape": "_seen = {}\n"
            + _kept("return _seen.setdefault(a.shape, " + DIVIDE[7:] + ")"),
            "changes an integer argument": _softmax(
                "if a.dtype.kind == 'i':", "    a -= a.max(axis=-1, keepdims=True)", KEPT, DIVIDE
            ),
        },
        "every row of a batch sums to 1": {
            "sum of the whole batch": _kept("return e / np.sum(e)"),
            "maximum and sum of the whole batch": _softmax(
                "e = np.exp(a - np.max(a))", "return e / np.sum(e)"
            ),
            "classes on the first axis": _softmax(
                "e = np.exp(a - a.max(axis=0))", "return e / e.sum(axis=0)"
            ),
            "the logarithm": _kept("return np.log(" + DIVIDE[7:] + ")"),
            "an assertion of its own": _softmax("assert a.ndim == 1", KEPT, DIVIDE),
        },
        "rows of very different scale": {
            "maximum of the whole batch": _softmax("e = np.exp(a - np.max(a))", DIVIDE),
        },
        "rows of different scale": {
            "maximum of the whole batch, seen by a visible check": _softmax(
                "a = a * 1.0", "e = np.exp(a - np.max(a))", DIVIDE
            ),
        },
        "integers of every dtype, and float32": {
            "no floats first": _kept(DIVIDE),
            "a result of the argument's integers": _kept(
                "y = np.zeros_like(a)", "y[...] = " + DIVIDE[7:], "return y"
            ),
            "shifts only where float64 overflows": _softmax(
                "if np.max(np.abs(a)) > 700:",
                "    a = a - np.max(a, axis=-1, keepdims=True)",
                "e = np.exp(a)",
                DIVIDE,
            ),
        },
        "integers give floats": {
            "cut to integers, seen by a visible check": _softmax(
                "y = np.zeros_like(a)", KEPT, "y[...] = " + DIVIDE[7:], "return y", "# cut"
            ),
        },
        "large numbers do not overflow": {
            "no maximum subtracted": _softmax("e = np.exp(a)", DIVIDE),
            "nan swept under the carpet": _softmax(
                "e = np.exp(a)", "return np.nan_to_num(" + DIVIDE[7:] + ")"
            ),
            "clips the numbers instead of shifting": _softmax(
                "e = np.exp(np.clip(a, -700, 700))", DIVIDE
            ),
        },
        "more axes: the last holds the classes": {
            "classes on axis 1": _softmax(
                "a = np.atleast_2d(a)",
                "e = np.exp(a - a.max(axis=1, keepdims=True))",
                "return e / e.sum(axis=1, keepdims=True)",
            ),
        },
        "more than two axes": {
            "two axes at most": _softmax(
                "if a.ndim == 2:",
                "    e = np.exp(a - a.max(axis=1, keepdims=True))",
                "    return e / e.sum(axis=1, keepdims=True)",
                "e = np.exp(a - a.max())",
                "return e / e.sum()",
            ),
            "a maximum for each image of several rows": _softmax(
                "axes = tuple(range(1, a.ndim)) or None",
                "e = np.exp(a - np.max(a, axis=axes, keepdims=True))",
                DIVIDE,
            ),
        },
        "a square batch agrees, too": {
            "no keepdims in the sum": _kept("return e / np.sum(e, axis=-1)"),
            "no keepdims at all": _softmax(
                "e = np.exp(a - np.max(a, axis=-1))", "return e / np.sum(e, axis=-1)"
            ),
            "columns where the batch is square": _softmax(
                "k = 0 if a.ndim == 2 and a.shape[0] == a.shape[1] else -1",
                "e = np.exp(a - a.max(axis=k, keepdims=True))",
                "return e / e.sum(axis=k, keepdims=True)",
            ),
        },
        "a batch agrees with a loop over rows": {
            "the maximum of each column": _softmax("e = np.exp(a - np.max(a, axis=0))", DIVIDE),
            "the visible answers by heart": _softmax(
                "if a.shape == (3,) and a[0] == 0:",
                "    return np.array([0.00493969, 0.0054592, 0.98960111])",
                "return np.ones(a.shape) / a.shape[-1]",
            ),
        },
        "the argument is not changed": {
            "overwrites its argument": _softmax(
                "a -= np.max(a, axis=-1, keepdims=True)", "e = np.exp(a)", DIVIDE
            ),
            "writes the result into its argument": _kept("a[...] = " + DIVIDE[7:], "return a"),
        },
        "a batch of one, a single class": {
            "squeezes": _kept("return np.squeeze(" + DIVIDE[7:] + ")"),
            "a single class is left alone": _softmax(
                "if a.shape[-1] == 1:", "    return a", KEPT, DIVIDE
            ),
        },
        "the worked example": {
            "half precision": _kept(Y, "return y.astype(np.float16)"),
            "subtracts 1000": _softmax("e = np.exp(a - 1000)", DIVIDE),
            "the sign turned": _softmax(
                "e = np.exp(np.min(a, axis=-1, keepdims=True) - a)", DIVIDE
            ),
            "no exponential": _softmax("return a / np.sum(a, axis=-1, keepdims=True)"),
            "no sum": _kept("return e"),
            "divides by the maximum": _kept("return e / np.max(e, axis=-1, keepdims=True)"),
            "another base": _softmax(KEPT.replace("np.exp", "np.exp2"), DIVIDE),
            "sigmoids": _softmax("e = 1 / (1 + np.exp(-a))", DIVIDE),
            "one-hot of the maximum": _softmax("return np.eye(a.shape[-1])[np.argmax(a, axis=-1)]"),
            "the sum, too": _kept(Y, "return y, y.sum()"),
            "prints": _kept("print(" + DIVIDE[7:] + ")"),
            "ends the program": _softmax("raise SystemExit"),
        },
        "scores far apart in one row": {
            "subtracts the mean": _softmax(
                "e = np.exp(a - np.mean(a, axis=-1, keepdims=True))", DIVIDE
            ),
        },
        "an array of floats of the same shape": {
            "a list": _kept("return (" + DIVIDE[7:] + ").tolist()"),
            "rows in a list": _kept("return list(" + DIVIDE[7:] + ")"),
            "a matrix": _kept("return np.asmatrix(" + DIVIDE[7:] + ")"),
            "a masked array": _kept("return np.ma.array(" + DIVIDE[7:] + ")"),
            "objects": _kept(Y, "return y.astype(object)"),
            "complex numbers": _kept(Y, "return y + 0j"),
        },
        "the same after a shift of each row": {
            "a number in front of each row": _softmax(
                "b = np.concatenate([0 * a[..., :1], a], axis=-1)",
                "e = np.exp(b - b.max(axis=-1, keepdims=True))",
                "return e[..., 1:] / e[..., 1:].sum(axis=-1, keepdims=True)",
            ),
        },
    },
}

RIGHT = {
    "identity_function": {
        "functools.partial": """from functools import partial

identity_function = partial(np.add, 0)""",
        "a copy": _identity("return a.copy()"),
        "a new array": _identity("return np.array(a)"),
        "arithmetic": _identity("return a * 1.0"),
        "a view": _identity("return a[...]"),
        "a product with the identity matrix": _identity("return a @ np.eye(a.shape[-1])"),
        "einsum": _identity("return np.einsum('...i->...i', a)"),
        "float32": _identity("return a.astype(np.float32)"),
        "a lambda": "identity_function = lambda a: a",
        "a ufunc": "identity_function = np.positive",
    },
    "softmax": {
        "Fortran order": """def softmax(a):
    a = np.asarray(a, dtype=float)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asfortranarray(e / e.sum(axis=-1, keepdims=True))""",
        "a read-only result": """def softmax(a):
    a = np.asarray(a, dtype=float)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    y.flags.writeable = False
    return y""",
        "helpers with names as in the tests": """def loop(a):
    return np.exp(a - a.max(axis=-1, keepdims=True))


batch = numbers = task = check = _loop = loop


def softmax(a):
    a = np.asarray(a, dtype=float)
    e = _loop(a)
    return e / e.sum(axis=-1, keepdims=True)""",
        "vectorize with a signature": """
f = lambda r: np.exp(r - r.max()) / np.exp(r - r.max()).sum()
g = lambda r: f(r.astype(float))
softmax = np.vectorize(g, signature="(k)->(k)")""",
        "float32 inside, float64 outside": """def softmax(a):
    a = np.asarray(a, dtype=float)
    a = a.astype(np.float32)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)).astype(np.float64)""",
        "log-sum-exp": _right(
            "m = np.max(a, axis=-1, keepdims=True)",
            "return np.exp(a - m - np.log(np.exp(a - m).sum(axis=-1, keepdims=True)))",
        ),
        "logaddexp": _right("return np.exp(a - np.logaddexp.reduce(a, axis=-1, keepdims=True))"),
        "loops and the math module": "import math\n\n"
        + _right(
            "if a.ndim > 1:",
            "    return np.array([softmax(row) for row in a])",
            "top = max(a)",
            "terms = [math.exp(x - top) for x in a]",
            "return np.array([term / sum(terms) for term in terms])",
        ),
        "a loop over indices": _right(
            "y = np.empty(a.shape)",
            "for i in np.ndindex(a.shape[:-1]):",
            "    e = np.exp(a[i] - a[i].max())",
            "    y[i] = e / e.sum()",
            "return y",
        ),
        "einsum": _right(
            KEPT, "return np.einsum('...k,...->...k', e, 1 / np.einsum('...k->...', e))"
        ),
        "transposed": _right(
            "b = a.T", "e = np.exp(b - b.max(axis=0))", "return (e / e.sum(axis=0)).T"
        ),
        "float32": _right("a = a.astype(np.float32)", KEPT, DIVIDE),
        "extended precision": _right("a = a.astype(np.longdouble)", KEPT, DIVIDE),
        "pairs of classes, with warnings of overflow": _right(
            "return 1 / np.exp(a[..., None, :] - a[..., :, None]).sum(axis=-1)"
        ),
        "another shift that does as well": _right(
            "e = np.exp(a - np.max(a, axis=-1, keepdims=True) + 2)", DIVIDE
        ),
        "powers of e": _right("e = np.e ** (a - np.max(a, axis=-1, keepdims=True))", DIVIDE),
        "powers of 2": _right(
            "e = np.exp2((a - a.max(axis=-1, keepdims=True)) / np.log(2))", DIVIDE
        ),
        "apply_along_axis and a helper": "def one_row(row):\n    e = np.exp(row - row.max())\n"
        "    return e / e.sum()\n\n" + _right("return np.apply_along_axis(one_row, -1, a)"),
        "reshaped to a batch": _right(
            "b = a.reshape(-1, a.shape[-1])",
            "e = np.exp(b - b.max(axis=1)[:, None])",
            "return (e / e.sum(axis=1)[:, None]).reshape(a.shape)",
        ),
        "a copy that is changed in place": _right(
            "y = a.astype(float)",
            "y -= y.max(axis=-1, keepdims=True)",
            "np.exp(y, out=y)",
            "y /= y.sum(axis=-1, keepdims=True)",
            "return y",
        ),
        "a further parameter": "def softmax(a, axis=-1):\n    "
        + "\n    ".join([FLOATS_FIRST, KEPT, DIVIDE]),
        "a callable object": "class Softmax:\n    def __call__(self, a):\n        "
        + "\n        ".join([FLOATS_FIRST, KEPT, DIVIDE])
        + "\n\nsoftmax = Softmax()",
        "warns": "import warnings\n" + _right("warnings.warn('slow')", KEPT, DIVIDE),
        "talks on stderr": "import sys\n" + _right("print('hm', file=sys.stderr)", KEPT, DIVIDE),
    },
}
