"""Right and wrong ways to write the functions of `ps1_output_layer`."""

from tests.problem_sets.grading import Right, Wrong

VECTOR = "a vector comes back as it is"
BATCH = "a batch keeps its shape"
ANY = "numbers of any size and sign, in any shape"
UNCHANGED = "the argument is not changed"
INTEGERS = "integers give floats"

EXAMPLE = "the worked example"
SUMS = "every row of a batch sums to 1"
LARGE = "large numbers do not overflow"
FLOATS = "an array of floats of the same shape"
ROWS = "a batch agrees with a loop over rows"
SQUARE = "a square batch agrees, too"
SCALES = "rows of very different scale"
AXES = "more than two axes"
VISIBLE_AXES = "more axes: the last holds the classes"
VISIBLE_SCALES = "rows of different scale"
FAR = "scores far apart in one row"
ONE = "a batch of one, a single class"
TYPES = "integers of every dtype, and float32"
SMALL = "small probabilities are exact"
SHIFT = "the same after a shift of each row"
MEMORY = "argument unchanged, no state kept"


def _identity(*body: str) -> str:
    return "\n    ".join(["def identity_function(a):", *body])


def _softmax(*body: str) -> str:
    return "\n    ".join(["def softmax(a):", *body])


def _right(*body: str) -> str:
    return _softmax(FLOATS_FIRST, *body)


FLOATS_FIRST = "a = np.asarray(a, dtype=float)"
KEPT = "e = np.exp(a - np.max(a, axis=-1, keepdims=True))"
DIVIDE = "return e / np.sum(e, axis=-1, keepdims=True)"
Y = "y = e / np.sum(e, axis=-1, keepdims=True)"

WRONG = {
    "identity_function": [
        Wrong("nothing returned", _identity("a"), VECTOR),
        Wrong("prints", _identity("print(a)"), VECTOR),
        Wrong("returns a list", _identity("return a.tolist()"), VECTOR),
        Wrong("cuts off below 0", _identity("return np.maximum(0, a)"), VECTOR),
        Wrong("drops the sign", _identity("return np.abs(a)"), VECTOR),
        Wrong("squashes", _identity("return 1 / (1 + np.exp(-a))"), VECTOR),
        Wrong("makes integers", _identity("return a.astype(int)"), VECTOR),
        Wrong("rounds", _identity("return np.round(a, 3)"), ANY),
        Wrong("clips", _identity("return np.clip(a, -1000, 1000)"), ANY),
        Wrong("half precision", _identity("return a.astype(np.float16)"), ANY),
        Wrong("adds a small constant", _identity("return a + 1e-7"), ANY),
        Wrong("an identity matrix", _identity("return np.identity(len(a))"), VECTOR),
        Wrong("flattens", _identity("return a.ravel()"), BATCH),
        Wrong("transposes", _identity("return a.T"), BATCH),
        Wrong("first row only", _identity("return a if a.ndim == 1 else a[0]"), BATCH),
        Wrong("at most two axes", _identity("return a @ np.eye(a.shape[1])"), VECTOR),
        Wrong("squeezes", _identity("return np.squeeze(a)"), ANY),
        Wrong("sorts", _identity("return np.sort(a)"), VECTOR),
        Wrong("scales", _identity("return a / np.max(a)"), VECTOR),
        Wrong("a subclass", _identity("return np.asmatrix(a)"), VECTOR),
        Wrong(
            "empties its argument", _identity("b = a.copy()", "a[...] = 0", "return b"), UNCHANGED
        ),
        Wrong("rounds its argument", _identity("b = a + 0", "a //= 1", "return b"), UNCHANGED),
    ],
    "softmax": [
        Wrong(
            "drops tiny probabilities",
            """def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    y[y < 1e-20] = 0
    return y""",
            SMALL,
        ),
        Wrong(
            "overwrites a float32 argument",
            """def softmax(a):
    if a.dtype == np.float32:
        a -= a.max(axis=-1, keepdims=True)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)""",
            MEMORY,
        ),
        Wrong(
            "one array for all results",
            """B = {}


def softmax(a):
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    b = B.setdefault(a.shape, np.empty(a.shape))
    b[...] = y
    return b""",
            MEMORY,
        ),
        Wrong("sum of the whole batch", _softmax(KEPT, "return e / np.sum(e)"), SUMS),
        Wrong(
            "maximum and sum of the whole batch",
            _softmax("e = np.exp(a - np.max(a))", "return e / np.sum(e)"),
            SUMS,
        ),
        Wrong("maximum of the whole batch", _softmax("e = np.exp(a - np.max(a))", DIVIDE), SCALES),
        Wrong(
            "maximum of the whole batch, seen by a visible check",
            _softmax("a = a * 1.0", "e = np.exp(a - np.max(a))", DIVIDE),
            VISIBLE_SCALES,
        ),
        Wrong("no floats first", _softmax(KEPT, DIVIDE), TYPES),
        Wrong(
            "cut to integers, seen by a visible check",
            _softmax("y = np.zeros_like(a)", KEPT, "y[...] = " + DIVIDE[7:], "return y", "# cut"),
            INTEGERS,
        ),
        Wrong("no maximum subtracted", _softmax("e = np.exp(a)", DIVIDE), LARGE),
        Wrong(
            "nan swept under the carpet",
            _softmax("e = np.exp(a)", "return np.nan_to_num(" + DIVIDE[7:] + ")"),
            LARGE,
        ),
        Wrong(
            "classes on the first axis",
            _softmax("e = np.exp(a - a.max(axis=0))", "return e / e.sum(axis=0)"),
            SUMS,
        ),
        Wrong(
            "classes on axis 1",
            _softmax(
                "a = np.atleast_2d(a)",
                "e = np.exp(a - a.max(axis=1, keepdims=True))",
                "return e / e.sum(axis=1, keepdims=True)",
            ),
            VISIBLE_AXES,
        ),
        Wrong(
            "two axes at most",
            _softmax(
                "if a.ndim == 2:",
                "    e = np.exp(a - a.max(axis=1, keepdims=True))",
                "    return e / e.sum(axis=1, keepdims=True)",
                "e = np.exp(a - a.max())",
                "return e / e.sum()",
            ),
            AXES,
        ),
        Wrong("no keepdims in the sum", _softmax(KEPT, "return e / np.sum(e, axis=-1)"), SQUARE),
        Wrong(
            "no keepdims at all",
            _softmax("e = np.exp(a - np.max(a, axis=-1))", "return e / np.sum(e, axis=-1)"),
            SQUARE,
        ),
        Wrong(
            "columns where the batch is square",
            _softmax(
                "k = 0 if a.ndim == 2 and a.shape[0] == a.shape[1] else -1",
                "e = np.exp(a - a.max(axis=k, keepdims=True))",
                "return e / e.sum(axis=k, keepdims=True)",
            ),
            SQUARE,
        ),
        Wrong(
            "the maximum of each column",
            _softmax("e = np.exp(a - np.max(a, axis=0))", DIVIDE),
            ROWS,
        ),
        Wrong(
            "a maximum for each image of several rows",
            _softmax(
                "axes = tuple(range(1, a.ndim)) or None",
                "e = np.exp(a - np.max(a, axis=axes, keepdims=True))",
                DIVIDE,
            ),
            AXES,
        ),
        Wrong(
            "overwrites a vector",
            _softmax("if a.ndim == 1:", "    a -= np.max(a)", KEPT, DIVIDE),
            MEMORY,
        ),
        Wrong(
            "overwrites its argument",
            _softmax("a -= np.max(a, axis=-1, keepdims=True)", "e = np.exp(a)", DIVIDE),
            UNCHANGED,
        ),
        Wrong(
            "writes the result into its argument",
            _softmax(KEPT, "a[...] = " + DIVIDE[7:], "return a"),
            UNCHANGED,
        ),
        Wrong(
            "a result of the argument's integers",
            _softmax(KEPT, "y = np.zeros_like(a)", "y[...] = " + DIVIDE[7:], "return y"),
            TYPES,
        ),
        Wrong(
            "shifts only where float64 overflows",
            _softmax(
                "if np.max(np.abs(a)) > 700:",
                "    a = a - np.max(a, axis=-1, keepdims=True)",
                "e = np.exp(a)",
                DIVIDE,
            ),
            TYPES,
        ),
        Wrong("squeezes", _softmax(KEPT, "return np.squeeze(" + DIVIDE[7:] + ")"), ONE),
        Wrong(
            "a single class is left alone",
            _softmax("if a.shape[-1] == 1:", "    return a", KEPT, DIVIDE),
            ONE,
        ),
        Wrong("rounds", _softmax(KEPT, Y, "return np.round(y, 8)"), SMALL),
        Wrong("clips the result", _softmax(KEPT, Y, "return np.clip(y, 1e-7, 1)"), SMALL),
        Wrong(
            "adds a small constant below",
            _softmax(KEPT, "return e / (np.sum(e, axis=-1, keepdims=True) + 1e-7)"),
            SMALL,
        ),
        Wrong(
            "clips the exponent",
            _softmax(
                "b = np.clip(a - np.max(a, axis=-1, keepdims=True), -50, 0)",
                "e = np.exp(b)",
                DIVIDE,
            ),
            SMALL,
        ),
        Wrong(
            "clips the numbers instead of shifting",
            _softmax("e = np.exp(np.clip(a, -700, 700))", DIVIDE),
            LARGE,
        ),
        Wrong("half precision", _softmax(KEPT, Y, "return y.astype(np.float16)"), EXAMPLE),
        Wrong(
            "subtracts the mean",
            _softmax("e = np.exp(a - np.mean(a, axis=-1, keepdims=True))", DIVIDE),
            FAR,
        ),
        Wrong("subtracts 1000", _softmax("e = np.exp(a - 1000)", DIVIDE), EXAMPLE),
        Wrong("the logarithm", _softmax(KEPT, "return np.log(" + DIVIDE[7:] + ")"), SUMS),
        Wrong(
            "the sign turned",
            _softmax("e = np.exp(np.min(a, axis=-1, keepdims=True) - a)", DIVIDE),
            EXAMPLE,
        ),
        Wrong("no exponential", _softmax("return a / np.sum(a, axis=-1, keepdims=True)"), EXAMPLE),
        Wrong("no sum", _softmax(KEPT, "return e"), EXAMPLE),
        Wrong(
            "divides by the maximum",
            _softmax(KEPT, "return e / np.max(e, axis=-1, keepdims=True)"),
            EXAMPLE,
        ),
        Wrong("another base", _softmax(KEPT.replace("np.exp", "np.exp2"), DIVIDE), EXAMPLE),
        Wrong("sigmoids", _softmax("e = 1 / (1 + np.exp(-a))", DIVIDE), EXAMPLE),
        Wrong(
            "one-hot of the maximum",
            _softmax("return np.eye(a.shape[-1])[np.argmax(a, axis=-1)]"),
            EXAMPLE,
        ),
        Wrong("a list", _softmax(KEPT, "return (" + DIVIDE[7:] + ").tolist()"), FLOATS),
        Wrong("rows in a list", _softmax(KEPT, "return list(" + DIVIDE[7:] + ")"), FLOATS),
        Wrong("a matrix", _softmax(KEPT, "return np.asmatrix(" + DIVIDE[7:] + ")"), FLOATS),
        Wrong("a masked array", _softmax(KEPT, "return np.ma.array(" + DIVIDE[7:] + ")"), FLOATS),
        Wrong("objects", _softmax(KEPT, Y, "return y.astype(object)"), FLOATS),
        Wrong("complex numbers", _softmax(KEPT, Y, "return y + 0j"), FLOATS),
        Wrong("the sum, too", _softmax(KEPT, Y, "return y, y.sum()"), EXAMPLE),
        Wrong("prints", _softmax(KEPT, "print(" + DIVIDE[7:] + ")"), EXAMPLE),
        Wrong("an assertion of its own", _softmax("assert a.ndim == 1", KEPT, DIVIDE), SUMS),
        Wrong("ends the program", _softmax("raise SystemExit"), EXAMPLE),
        Wrong(
            "the visible answers by heart",
            _softmax(
                "if a.shape == (3,) and a[0] == 0:",
                "    return np.array([0.00493969, 0.0054592, 0.98960111])",
                "return np.ones(a.shape) / a.shape[-1]",
            ),
            ROWS,
        ),
        Wrong(
            "remembers by shape",
            "_seen = {}\n" + _softmax(KEPT, "return _seen.setdefault(a.shape, " + DIVIDE[7:] + ")"),
            MEMORY,
        ),
        Wrong(
            "changes an integer argument",
            _softmax(
                "if a.dtype.kind == 'i':", "    a -= a.max(axis=-1, keepdims=True)", KEPT, DIVIDE
            ),
            MEMORY,
        ),
        Wrong(
            "a number in front of each row",
            _softmax(
                "b = np.concatenate([0 * a[..., :1], a], axis=-1)",
                "e = np.exp(b - b.max(axis=-1, keepdims=True))",
                "return e[..., 1:] / e[..., 1:].sum(axis=-1, keepdims=True)",
            ),
            SHIFT,
        ),
    ],
}

RIGHT = {
    "identity_function": [
        Right(
            "functools.partial",
            """from functools import partial

identity_function = partial(np.add, 0)""",
        ),
        Right("a copy", _identity("return a.copy()")),
        Right("a new array", _identity("return np.array(a)")),
        Right("arithmetic", _identity("return a * 1.0")),
        Right("a view", _identity("return a[...]")),
        Right("a product with the identity matrix", _identity("return a @ np.eye(a.shape[-1])")),
        Right("einsum", _identity("return np.einsum('...i->...i', a)")),
        Right("float32", _identity("return a.astype(np.float32)")),
        Right("a lambda", "identity_function = lambda a: a"),
        Right("a ufunc", "identity_function = np.positive"),
    ],
    "softmax": [
        Right(
            "Fortran order",
            """def softmax(a):
    a = np.asarray(a, dtype=float)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return np.asfortranarray(e / e.sum(axis=-1, keepdims=True))""",
        ),
        Right(
            "a read-only result",
            """def softmax(a):
    a = np.asarray(a, dtype=float)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    y = e / e.sum(axis=-1, keepdims=True)
    y.flags.writeable = False
    return y""",
        ),
        Right(
            "helpers with names as in the tests",
            """def loop(a):
    return np.exp(a - a.max(axis=-1, keepdims=True))


batch = numbers = task = check = _loop = loop


def softmax(a):
    a = np.asarray(a, dtype=float)
    e = _loop(a)
    return e / e.sum(axis=-1, keepdims=True)""",
        ),
        Right(
            "vectorize with a signature",
            """f = lambda r: np.exp(r - r.max()) / np.exp(r - r.max()).sum()
g = lambda r: f(r.astype(float))
softmax = np.vectorize(g, signature="(k)->(k)")""",
        ),
        Right(
            "float32 inside, float64 outside",
            """def softmax(a):
    a = np.asarray(a, dtype=float)
    a = a.astype(np.float32)
    e = np.exp(a - a.max(axis=-1, keepdims=True))
    return (e / e.sum(axis=-1, keepdims=True)).astype(np.float64)""",
        ),
        Right(
            "log-sum-exp",
            _right(
                "m = np.max(a, axis=-1, keepdims=True)",
                "return np.exp(a - m - np.log(np.exp(a - m).sum(axis=-1, keepdims=True)))",
            ),
        ),
        Right(
            "logaddexp", _right("return np.exp(a - np.logaddexp.reduce(a, axis=-1, keepdims=True))")
        ),
        Right(
            "loops and the math module",
            "import math\n\n"
            + _right(
                "if a.ndim > 1:",
                "    return np.array([softmax(row) for row in a])",
                "top = max(a)",
                "terms = [math.exp(x - top) for x in a]",
                "return np.array([term / sum(terms) for term in terms])",
            ),
        ),
        Right(
            "a loop over indices",
            _right(
                "y = np.empty(a.shape)",
                "for i in np.ndindex(a.shape[:-1]):",
                "    e = np.exp(a[i] - a[i].max())",
                "    y[i] = e / e.sum()",
                "return y",
            ),
        ),
        Right(
            "einsum",
            _right(KEPT, "return np.einsum('...k,...->...k', e, 1 / np.einsum('...k->...', e))"),
        ),
        Right(
            "transposed",
            _right("b = a.T", "e = np.exp(b - b.max(axis=0))", "return (e / e.sum(axis=0)).T"),
        ),
        Right("float32", _right("a = a.astype(np.float32)", KEPT, DIVIDE)),
        Right("extended precision", _right("a = a.astype(np.longdouble)", KEPT, DIVIDE)),
        Right(
            "pairs of classes, with warnings of overflow",
            _right("return 1 / np.exp(a[..., None, :] - a[..., :, None]).sum(axis=-1)"),
        ),
        Right(
            "another shift that does as well",
            _right("e = np.exp(a - np.max(a, axis=-1, keepdims=True) + 2)", DIVIDE),
        ),
        Right("powers of e", _right("e = np.e ** (a - np.max(a, axis=-1, keepdims=True))", DIVIDE)),
        Right(
            "powers of 2",
            _right("e = np.exp2((a - a.max(axis=-1, keepdims=True)) / np.log(2))", DIVIDE),
        ),
        Right(
            "apply_along_axis and a helper",
            "def one_row(row):\n    e = np.exp(row - row.max())\n    return e / e.sum()\n\n"
            + _right("return np.apply_along_axis(one_row, -1, a)"),
        ),
        Right(
            "reshaped to a batch",
            _right(
                "b = a.reshape(-1, a.shape[-1])",
                "e = np.exp(b - b.max(axis=1)[:, None])",
                "return (e / e.sum(axis=1)[:, None]).reshape(a.shape)",
            ),
        ),
        Right(
            "a copy that is changed in place",
            _right(
                "y = a.astype(float)",
                "y -= y.max(axis=-1, keepdims=True)",
                "np.exp(y, out=y)",
                "y /= y.sum(axis=-1, keepdims=True)",
                "return y",
            ),
        ),
        Right(
            "a further parameter",
            "def softmax(a, axis=-1):\n    " + "\n    ".join([FLOATS_FIRST, KEPT, DIVIDE]),
        ),
        Right(
            "a callable object",
            "class Softmax:\n    def __call__(self, a):\n        "
            + "\n        ".join([FLOATS_FIRST, KEPT, DIVIDE])
            + "\n\nsoftmax = Softmax()",
        ),
        Right("warns", "import warnings\n" + _right("warnings.warn('slow')", KEPT, DIVIDE)),
        Right(
            "talks on stderr", "import sys\n" + _right("print('hm', file=sys.stderr)", KEPT, DIVIDE)
        ),
    ],
}
