"""Right and wrong ways to write the functions of `ps3_loss_functions`."""

import functools

from tests.problem_sets.grading import function

_squared = function("sum_squared_error(y, t)")
_entropy = function("cross_entropy_error(y, t)")
_batches = function("minibatch_indices(n, batch_size, rng)")

# From the book: both kinds of labels, then one image as a batch of one, then the true classes.
AS_BATCH = ("if y.ndim == 1:", "    y, t = y.reshape(1, -1), t.reshape(1, -1)")
TO_LABELS = ("if t.size == y.size:", "    t = np.argmax(t, axis=1)")
N = "n = len(y)"
PICK = "p = y[np.arange(n), t.reshape(-1)]"
LABELLED = (*AS_BATCH, *TO_LABELS, N)
PICKED = (*LABELLED, PICK)
MEAN = "return -np.sum(np.log(p + 1e-7)) / n"
ORDER = "order = rng.permutation(n)"
CUT = "return [order[i:i + batch_size] for i in range(0, n, batch_size)]"

# What many cases begin with.
_shuffled = functools.partial(_batches, ORDER)
_picked = functools.partial(_entropy, *PICKED)
_as_batch = functools.partial(_entropy, *AS_BATCH)

WRONG = {
    "sum_squared_error": {
        "the worked example": {
            "no half": _squared("return np.sum((y - t) ** 2)"),
            "the mean": _squared("return 0.5 * np.mean((y - t) ** 2)"),
            "the mean, no half": _squared("return np.mean((y - t) ** 2)"),
            "the root": _squared("return np.sqrt(np.sum((y - t) ** 2))"),
            "half of the root": _squared("return 0.5 * np.linalg.norm(y - t)"),
            "no square": _squared("return 0.5 * np.sum(y - t)"),
            "the absolute value": _squared("return 0.5 * np.sum(np.abs(y - t))"),
            "the square of the sum": _squared("return 0.5 * np.sum(y - t) ** 2"),
            "the difference of squares": _squared("return 0.5 * np.sum(y**2 - t**2)"),
            "a sum for a difference": _squared("return 0.5 * np.sum((y + t) ** 2)"),
            "only a part squared": _squared("return 0.5 * np.sum(y - t**2)"),
            "the sign turned": _squared("return -0.5 * np.sum((y - t) ** 2)"),
            "the largest only": _squared("return 0.5 * np.max((y - t) ** 2)"),
            "the true class only": _squared("return 0.5 * np.sum(t * (y - t) ** 2)"),
            "cross-entropy": _squared("return -np.sum(t * np.log(y + 1e-7))"),
            "each element": _squared("return 0.5 * (y - t) ** 2"),
            "whole numbers": _squared("return np.sum((y - t) ** 2) // 2"),
            "int for a half": _squared("return int(0.5) * np.sum((y - t) ** 2)"),
            "in half precision": _squared("d = (y - t).astype('e')", "return (d * d).sum() / 2"),
            "integers": _squared("return 0.5 * np.sum((y - t).astype(int) ** 2)"),
            "nothing returned": _squared("0.5 * np.sum((y - t) ** 2)"),
            "prints": _squared("print(0.5 * np.sum((y - t) ** 2))"),
            "an array with an axis": _squared("return np.array([0.5 * np.sum((y - t) ** 2)])"),
            "keepdims": _squared("return 0.5 * np.sum((y - t) ** 2, keepdims=True)"),
            "a list": _squared("return [0.5 * np.sum((y - t) ** 2)]"),
            "changes the targets": _squared("t *= -1.0", "t += y", "return 0.5 * np.sum(t**2)"),
            "ends the program": _squared("raise SystemExit"),
        },
        "large and small differences": {
            "rounds": _squared("return round(0.5 * np.sum((y - t) ** 2), 4)"),
            "rounds to ten digits": _squared("return round(0.5 * np.sum((y - t) ** 2), 10)"),
            "a small constant": _squared("return 0.5 * np.sum((y - t) ** 2) + 1e-9"),
            "clips": _squared("return 0.5 * np.sum(np.clip(y - t, -9, 9) ** 2)"),
        },
        "a batch gives one number": {
            "one number per row": _squared("return 0.5 * np.sum((y - t) ** 2, axis=-1)"),
            "columns": _squared("return 0.5 * np.sum((y - t) ** 2, axis=0)"),
            "the mean over a batch": _squared(
                "n = len(y) if y.ndim > 1 else 1", "return 0.5 * np.sum((y - t) ** 2) / n"
            ),
            "a product of matrices": _squared("d = y - t", "return 0.5 * np.dot(d, d.T)"),
            "one axis only": _squared(
                "return 0.5 * sum((y[k] - t[k]) ** 2 for k in range(len(y)))"
            ),
            "adds up over calls": "_e = [0]\n\n\n"
            + _squared("_e[0] += 0.5 * np.sum((y - t) ** 2)", "return _e[0]"),
        },
        "any shape": {
            "the trace, for two axes": _squared(
                "d = np.atleast_2d(y - t)", "return 0.5 * np.trace(d @ d.T)"
            ),
            "two axes only": _squared("return 0.5 * ((y - t) ** 2).sum(axis=-1).sum(axis=-1)"),
            "two axes at most": _squared(
                "d = (y - t) ** 2", "return 0.5 * (d.sum() if d.ndim < 3 else d[0].sum())"
            ),
            "ten classes only": _squared(
                "d = (y - t).reshape(-1, 10)", "return 0.5 * np.sum(d**2)"
            ),
        },
        "a batch of one, a single unit": {
            "leaves a single unit out": _squared(
                "return 0.5 * np.sum((y - t) ** 2) * (y.shape[-1] > 1)"
            ),
            "squeezes a batch of one": _squared(
                "if y.shape[0] == 1:",
                "    return 0.5 * (y[0] - t[0]) ** 2",
                "return 0.5 * np.sum((y - t) ** 2)",
            ),
            "remembers by shape": "_seen = {}\n\n\n"
            + _squared("return _seen.setdefault(y.shape, 0.5 * np.sum((y - t) ** 2))"),
        },
        "arguments unchanged, no state kept": {
            "in place": _squared("y -= t", "return 0.5 * np.sum(y**2)"),
            "empties the targets": _squared(
                "e = 0.5 * np.sum((y - t) ** 2)", "t[...] = 0", "return e"
            ),
        },
    },
    "cross_entropy_error": {
        "the lower the probability, the higher the loss": {
            "never above 10": """def cross_entropy_error(y, t):
    if y.ndim == 1:
        y = y.reshape(1, -1)
        t = t.reshape(1, -1) if t.size == y.size else t.reshape(-1)
    if t.ndim == 2:
        t = t.argmax(axis=1)
    p = y[np.arange(len(y)), t]
    return min(10.0, -np.mean(np.log(p + 1e-7)))""",
            "the sum of it swept, too": _picked(
                "return np.nan_to_num(-np.mean(np.log(p)), posinf=0.0)"
            ),
            "zeros left out": _picked("return -np.sum(np.log(np.where(p > 0, p, 1))) / n"),
            "zeros set to 0.01": _picked("return -np.mean(np.log(np.where(p > 0, p, 0.01)))"),
            "zeros set to a half": _picked("return -np.mean(np.log(np.where(p > 0, p, 0.5)))"),
            "remembers by shape": "_seen = {}\n\n\n"
            + _entropy(
                "shape = y.shape",
                *PICKED,
                "return _seen.setdefault(shape, -np.mean(np.log(p + 1e-7)))",
            ),
        },
        "the worked example": {
            "no mean": _picked("return -np.sum(np.log(p + 1e-7))"),
            "the mean over all elements": _as_batch(
                "t = t if t.size == y.size else np.eye(y.shape[1])[t]",
                "t = t.reshape(y.shape)",
                "return -np.mean(t * np.log(y + 1e-7))",
            ),
            "no minus": _picked("return np.mean(np.log(p + 1e-7))"),
            "logarithm to base 10": _picked("return -np.mean(np.log10(p + 1e-7))"),
            "logarithm to base 2": _picked("return -np.mean(np.log2(p + 1e-7))"),
            "log of 1 + y": _picked("return -np.mean(np.log1p(p))"),
            "the logarithm of the mean": _picked("return -np.log(np.mean(p) + 1e-7)"),
            "the mean of 1 - p": _picked("return np.mean(1 - p)"),
            "divides by K": _picked("return -np.sum(np.log(p + 1e-7)) / y.shape[1]"),
            "a loss for each image": _picked("return -np.log(p + 1e-7)"),
            "an array with an axis": _picked("return np.array([-np.mean(np.log(p + 1e-7))])"),
            "text": _picked("return str(-np.mean(np.log(p + 1e-7)))"),
            "nothing returned": _picked("e = -np.mean(np.log(p + 1e-7))"),
            "the classes that are wrong, too": _as_batch(
                "t = t if t.size == y.size else np.eye(y.shape[1])[t]",
                "t = t.reshape(y.shape)",
                "a = t * np.log(y + 1e-7) + (1 - t) * np.log(1 - y + 1e-7)",
                "return -np.sum(a) / len(y)",
            ),
            "the labels under the logarithm": _as_batch(
                "t = t if t.size == y.size else np.eye(y.shape[1])[t]",
                "t = t.reshape(y.shape)",
                "return -np.sum(y * np.log(t + 1e-7)) / len(y)",
            ),
            "squares": _entropy("return 0.5 * np.sum((y - t) ** 2)"),
            "softmax first": _entropy(
                "y = np.exp(y) / np.exp(y).sum(axis=-1, keepdims=True)", *PICKED, MEAN
            ),
            "the entropy of y": _entropy(
                "return -np.sum(y * np.log(y + 1e-7)) / (len(y) if y.ndim > 1 else 1)"
            ),
            "the largest probability": _entropy("return -np.mean(np.log(y.max(axis=-1) + 1e-7))"),
            "rounds": _picked("return round(-np.mean(np.log(p + 1e-7)), 2)"),
            "integer labels only": _entropy("y = np.atleast_2d(y)", N, PICK, MEAN),
            "rows for elements": _as_batch(
                *TO_LABELS, "return -np.mean(np.log(y[t.reshape(-1) % len(y)] + 1e-7))"
            ),
            "all rows, all labels": _as_batch(
                *TO_LABELS, "return -np.mean(np.log(y[:, t.reshape(-1)] + 1e-7))"
            ),
            "argmax down the columns": _as_batch(
                "if t.size == y.size:", "    t = np.argmax(t, axis=0)[:len(y)]", N, PICK, MEAN
            ),
            "adds 0.01": _picked("return -np.mean(np.log(p + 1e-2))"),
            "adds 0.001": _picked("return -np.mean(np.log(p + 1e-3))"),
        },
        "one image: `y` of shape `(K,)`": {
            "half the sum": _picked("return -0.5 * np.sum(np.log(p + 1e-7))"),
            "batches only": _entropy(
                *TO_LABELS, N, "return -np.mean(np.log(y[np.arange(n), t] + 1e-7))"
            ),
            "N is the length of y": _entropy(
                "t = t if t.ndim == y.ndim else np.eye(y.shape[-1])[t]",
                "return -np.sum(t * np.log(y + 1e-7)) / y.shape[0]",
            ),
            "one-hot labels of one image taken for integers": _entropy(
                "if t.ndim == 2:",
                "    t = np.argmax(t, axis=1)",
                "y = np.atleast_2d(y)",
                "return -np.mean(np.log(y[np.arange(len(y)), t] + 1e-7))",
            ),
            "squeezes a batch of one": _entropy(
                "y, t = np.squeeze(y), np.squeeze(t)",
                *TO_LABELS,
                N,
                "return -np.mean(np.log(y[np.arange(n), t] + 1e-7))",
            ),
        },
        "integer labels give the same": {
            "one-hot labels only": _entropy(
                "return -np.sum(t * np.log(y + 1e-7)) / (len(y) if y.ndim > 1 else 1)"
            ),
            "one-hot labels only, broadcast": _entropy(
                "y = np.atleast_2d(y)",
                "return -np.sum(t.reshape(len(y), -1) * np.log(y + 1e-7)) / len(y)",
            ),
            "adds up over calls": "_e = [0]\n\n\n"
            + _picked("_e[0] += -np.mean(np.log(p + 1e-7))", "return _e[0]"),
        },
        "one image, a batch of one": {
            "one image with a one-hot label only": _entropy(
                "if y.ndim == 1:",
                "    return -np.sum(t * np.log(y + 1e-7))",
                *TO_LABELS,
                N,
                PICK,
                MEAN,
            ),
        },
        "as many images as classes": {
            "a column for each image of a square": _entropy(
                *LABELLED, "if y.shape[0] == y.shape[1]:", "    y = y.T", PICK, MEAN
            ),
            "one-hot told by the length of t": _as_batch(
                "if t.shape[-1] == y.shape[1]:",
                "    t = np.argmax(np.atleast_2d(t), axis=1)",
                N,
                PICK,
                MEAN,
            ),
        },
        "finite where `y` is 0": {
            "no tiny number": _picked("return -np.mean(np.log(p))"),
            "no tiny number, one-hot": _entropy(
                "t = t if t.ndim == y.ndim else np.eye(y.shape[-1])[t]",
                "return -np.sum(t * np.log(y)) / (len(y) if y.ndim > 1 else 1)",
            ),
            "a tiny number outside the logarithm": _picked("return -np.mean(np.log(p) + 1e-7)"),
            "a tiny number for integer labels only": _entropy(
                "if t.ndim == y.ndim:",
                "    return -np.sum(t * np.log(y)) / (len(y) if y.ndim > 1 else 1)",
                "y = np.atleast_2d(y)",
                N,
                PICK,
                MEAN,
            ),
        },
        "all zeros, and float32": {
            "nan and inf swept under the carpet": _picked(
                "return -np.mean(np.nan_to_num(np.log(p)))"
            ),
            "too tiny for float32": _picked("return -np.mean(np.log(p + 1e-300))"),
            "too tiny for float32, clipped": _picked(
                "return -np.mean(np.log(np.clip(p, 1e-200, None)))"
            ),
        },
        "small probabilities": {
            "never below 0.05": _picked("return -np.mean(np.log(np.maximum(p, 0.05)))"),
            "never below 0.001": _picked("return -np.mean(np.log(np.maximum(p, 1e-3)))"),
        },
        "a zero at another class adds nothing": {
            "zeros elsewhere cost something": _picked(
                "return -np.mean(np.log(p + 1e-7)) + 0.01 * np.mean(y == 0)"
            ),
        },
        "labels of any dtype": {
            "one-hot told by its dtype": _as_batch(
                "if t.dtype.kind == 'f':", "    t = np.argmax(t, axis=1)", N, PICK, MEAN
            ),
            "one-hot float64 only": _as_batch(
                "if t.dtype == float:", "    t = np.argmax(t, axis=1)", N, PICK, MEAN
            ),
            "places of the labels' dtype": _entropy(
                *LABELLED,
                "k = y.shape[1]",
                "p = np.array([y.ravel()[i * k + j] for i, j in enumerate(t.reshape(-1))])",
                MEAN,
            ),
            "int64 labels only": _entropy(
                "assert t.dtype in (np.int64, np.float64)", *PICKED, MEAN
            ),
        },
        "float32 probabilities": {
            "float64 only": _entropy("assert y.dtype == np.float64 or not y.any()", *PICKED, MEAN),
        },
        "a batch agrees with a loop": {
            "ten classes at most three": _entropy(*LABELLED, "t = np.minimum(t, 2)", PICK, MEAN),
        },
        "arguments unchanged, no state kept": {
            "adds in place": _entropy("y += 1e-7", *PICKED, "return -np.mean(np.log(p))"),
            "raises zeros in place": _entropy(
                "y[y == 0] = 1e-7", *PICKED, "return -np.mean(np.log(p))"
            ),
            "changes the labels": _entropy(
                "keep = t.copy() if t.ndim else t",
                "if t.ndim:",
                "    t[...] = 0",
                "t = keep",
                *PICKED,
                MEAN,
            ),
        },
    },
    "minibatch_indices": {
        "shuffled by `rng`": {
            "not shuffled": _batches("order = np.arange(n)", CUT),
            "backwards": _batches("order = np.arange(n)[::-1]", CUT),
            "NumPy's shared state": _batches("order = np.random.permutation(n)", CUT),
            "a generator of its own": _batches(
                "order = np.random.default_rng().permutation(n)", CUT
            ),
            "a fixed seed": _batches("rng = np.random.default_rng(0)", ORDER, CUT),
            "a fixed seed for the shared state": _batches(
                "np.random.seed(0)", "order = np.random.permutation(n)", CUT
            ),
            "Python's random": "import random\n\n\n"
            + _batches("order = np.array(random.sample(range(n), n))", CUT),
            "remembers the first shuffle": "_kept = {}\n\n\n"
            + _batches("order = _kept.setdefault(n, rng.permutation(n))", CUT),
            "a seed of its own for each n": _batches(
                "order = np.random.default_rng(n).permutation(n)", CUT
            ),
        },
        "a second call shuffles anew": {
            "a copy of the generator": "import copy\n\n\n"
            + _batches("order = copy.deepcopy(rng).permutation(n)", CUT),
        },
        "each index once": {
            "draws with replacement": _batches("order = rng.integers(0, n, size=n)", CUT),
            "draws each batch": _batches(
                "sizes = [min(batch_size, n - i) for i in range(0, n, batch_size)]",
                "return [rng.choice(n, size, replace=False) for size in sizes]",
            ),
            "counts from 1": _batches("order = 1 + rng.permutation(n)", CUT),
            "collects over calls": _shuffled(
                "for i in range(0, n, batch_size):",
                "    out.append(order[i:i + batch_size])",
                "return out",
            ).replace("rng)", "rng, out=[])", 1),
            "the same array again and again": _shuffled(
                "buffer = np.empty(batch_size, dtype=int)",
                "for i in range(0, n, batch_size):",
                "    piece = order[i:i + batch_size]",
                "    buffer[:len(piece)] = piece",
                "    yield buffer[:len(piece)]",
            ),
        },
        "ten indices, four at a time": {
            "one batch only": _batches("return [rng.choice(n, batch_size, replace=False)]"),
            "drops the rest": _shuffled(
                "starts = range(0, n - batch_size + 1, batch_size)",
                "return [order[i:i + batch_size] for i in starts]",
            ),
            "drops the rest by counting": _shuffled(
                "k = n // batch_size",
                "return [order[i * batch_size:(i + 1) * batch_size] for i in range(k)]",
            ),
            "fills the rest up": _shuffled(
                "order = np.concatenate([order, order[:-n % batch_size]])",
                "return order.reshape(-1, batch_size)",
            ),
            "batch_size batches": _shuffled("return np.array_split(order, batch_size)"),
            "batches of nearly equal size": _shuffled(
                "return np.array_split(order, -(-n // batch_size))"
            ),
            "the short batch first": _shuffled(
                "k = n % batch_size",
                "return [b for b in np.split(order, range(k, n, batch_size)) if len(b)]",
            ),
            "forgets the last": _batches("order = rng.permutation(n - 1)", CUT),
            "overlapping batches": _shuffled(
                "return [order[i:i + batch_size + 1] for i in range(0, n, batch_size)]"
            ),
            "single indices": _shuffled("return order"),
            "all in one": _shuffled("return [order]"),
            "lists of numbers": _shuffled(
                "return [order[i:i + batch_size].tolist() for i in range(0, n, batch_size)]"
            ),
            "masks": _shuffled(
                "every = np.arange(n)",
                "starts = range(0, n, batch_size)",
                "return [np.isin(every, order[i:i + batch_size]) for i in starts]",
            ),
            "the first batch only": _shuffled("return [order[:batch_size]]"),
            "nothing returned": _shuffled(
                "batches = np.split(order, range(batch_size, n, batch_size))"
            ),
        },
        "only the last may be short, none empty": {
            "an empty batch at the end": _shuffled(
                "return [order[i:i + batch_size] for i in range(0, n + 1, batch_size)]"
            ),
            "an empty batch where it fits": _shuffled(
                "return np.split(order, range(batch_size, n + 1, batch_size))"
            ),
            "shuffled batches": _shuffled(
                "batches = [order[i:i + batch_size] for i in range(0, n, batch_size)]",
                "rng.shuffle(batches)",
                "return batches",
            ),
            "floats": _shuffled("order = order.astype(float)", CUT),
            "columns": _batches("order = rng.permutation(n)[:, None]", CUT),
            "never a batch of all": _batches(
                "batch_size = min(batch_size, max(1, n - 1))", ORDER, CUT
            ),
        },
        "neighbours are separated": {
            "batches in another order only": _batches(
                "order = np.arange(n)",
                "k = n // batch_size",
                "starts = np.append(rng.permutation(k), [k] * (n % batch_size > 0)) * batch_size",
                "return [order[i:i + batch_size] for i in starts]",
            ),
            "shuffled inside the batches only": _batches(
                "starts = range(0, n, batch_size)",
                "return [rng.permutation(np.arange(i, min(n, i + batch_size))) for i in starts]",
            ),
            "turned round": _batches("order = np.roll(np.arange(n), rng.integers(n))", CUT),
            "the same examples stay together": _batches(
                "order = np.concatenate([np.arange(k, n, 10) for k in range(10)])",
                "starts = range(0, n, batch_size)",
                "return [rng.permutation(order[i:i + batch_size]) for i in starts]",
            ),
        },
        "each index once, in each call": {
            "a hundred at most": _batches(
                "order = rng.permutation(min(n, 100))", "n = min(n, 100)", CUT
            ),
        },
        "the same seed, the same batches": {
            "mixes in the shared state": _batches(
                "order = rng.permutation(n)", "np.random.shuffle(order)", CUT
            ),
        },
    },
}

RIGHT = {
    "sum_squared_error": {
        "einsum": _squared("d = (y - t).ravel()", "return 0.5 * np.einsum('i,i->', d, d)"),
        "a product of vectors": _squared("d = np.ravel(y - t)", "return d @ d / 2"),
        "the norm": _squared("return np.linalg.norm(y - t) ** 2 / 2"),
        "a loop": _squared("return sum((a - b) ** 2 for a, b in zip(y.flat, t.flat)) / 2"),
        "math": "import math\n\n\n" + _squared("return math.dist(y.ravel(), t.ravel()) ** 2 / 2"),
        "vdot": _squared("return np.vdot(y - t, y - t) * 0.5"),
        "multiplied out": _squared("return 0.5 * np.sum(y * y - 2 * y * t + t * t)"),
        "an array without axes": _squared("return np.array(np.sum(np.square(y - t)) / 2)"),
        "a float": _squared("return float(np.sum(np.power(t - y, 2)) / 2)"),
        "float32": _squared("return np.float32(0.5 * np.sum((y - t) ** 2))"),
        "axis by axis": _squared(
            "e = (y - t) ** 2", "while np.ndim(e):", "    e = e.sum(axis=-1)", "return e / 2"
        ),
        "tensordot": _squared("d = y - t", "return np.tensordot(d, d, axes=d.ndim) / 2"),
        "a lambda": "sum_squared_error = lambda y, t: ((y - t) ** 2).sum() / 2",
        "complex numbers on the way": _squared("return 0.5 * np.sum(np.abs((y - t) * 1j) ** 2)"),
    },
    "cross_entropy_error": {
        "the book": _picked(MEAN),
        "one-hot throughout": _entropy(
            "y = np.atleast_2d(y)",
            "if np.size(t) != y.size:",
            "    t = np.eye(y.shape[1])[np.atleast_1d(t)]",
            "return -np.sum(t.reshape(y.shape) * np.log(y + 1e-7)) / len(y)",
        ),
        "einsum": _entropy(
            "y = np.atleast_2d(y)",
            "if np.ndim(t) < 2 and np.size(t) != y.size:",
            "    t = np.eye(y.shape[1])[np.atleast_1d(t)]",
            "t = np.reshape(t, y.shape)",
            "return -np.einsum('nk,nk->', t, np.log(np.maximum(y, 1e-15))) / len(y)",
        ),
        "clipped at both ends": _picked("return -np.log(np.clip(p, 1e-7, 1 - 1e-7)).mean()"),
        "the smallest number of the dtype": _picked(
            "return -np.mean(np.log(np.maximum(p, np.finfo(p.dtype).tiny)))"
        ),
        "1e-12 in float64": _entropy(
            "y = y.astype(np.float64)", *PICKED, "return np.mean(-np.log(p + 1e-12))"
        ),
        "1e-300 in float64": _entropy(
            "y = y.astype(np.float64)", *PICKED, "return np.mean(-np.log(p + 1e-300))"
        ),
        "1e-6 added": _picked("return -np.mean(np.log(p + 1e-6))"),
        "a loop and the math module": "import math\n\n\n"
        + _entropy(
            "if y.ndim == 1:",
            "    y, t = y[None], np.asarray(t)[None]",
            "total = 0.0",
            "for row, label in zip(y, t):",
            "    k = label if np.ndim(label) == 0 else list(label).index(1)",
            "    total -= math.log(max(float(row[k]), 1e-7))",
            "return total / len(y)",
        ),
        "take_along_axis": _entropy(
            "k = np.argmax(t, axis=-1) if np.ndim(t) == y.ndim else np.asarray(t)",
            "p = np.take_along_axis(y, k.astype(int)[..., None], axis=-1)",
            "return -np.mean(np.log(p + 1e-8))",
        ),
        "the sum of y times one-hot": _entropy(
            "if np.ndim(t) < y.ndim:",
            "    t = np.arange(y.shape[-1]) == np.asarray(t)[..., None]",
            "return -np.mean(np.log(np.sum(y * t, axis=-1) + 1e-7))",
        ),
        "one image by a call of itself": _entropy(
            "if y.ndim == 1:",
            "    return cross_entropy_error(y[None, :], np.asarray(t)[None])",
            "if t.ndim == 2:",
            "    t = t.argmax(axis=1)",
            "return -np.log(y[range(len(y)), t] + 1e-7).sum() / len(t)",
        ),
        "a float32 result": _picked("return np.float32(-np.mean(np.log(p + 1e-7)))"),
        "a float": _picked("return float(-np.mean(np.log(p + 1e-7)))"),
        "an array without axes": _picked("return np.array(-np.mean(np.log(p + 1e-7)))"),
        "logarithms of another base": _picked("return -np.mean(np.log2(p + 1e-7)) * np.log(2)"),
        "logarithms first, with warnings": _picked("return np.mean(np.minimum(-np.log(p), 100))"),
        "by columns": _entropy(*LABELLED, "p = y.T[t.reshape(-1), np.arange(n)]", MEAN),
    },
    "minibatch_indices": {
        "a generator": _shuffled(
            "for i in range(0, n, batch_size):", "    yield order[i:i + batch_size]"
        ),
        "a generator that shuffles when it starts": _batches(
            "def cut(order):",
            "    while len(order):",
            "        yield order[:batch_size]",
            "        order = order[batch_size:]",
            "return cut(rng.permutation(n))",
        ),
        "a tuple": _shuffled("return tuple(np.split(order, range(batch_size, n, batch_size)))"),
        "shuffle in place": _batches("order = np.arange(n)", "rng.shuffle(order)", CUT),
        "choice without replacement": _batches("order = rng.choice(n, size=n, replace=False)", CUT),
        "sorting random numbers": _batches("order = np.argsort(rng.random(n))", CUT),
        "permuted": _batches("order = rng.permuted(np.arange(n))", CUT),
        "a child of rng": _batches("order = rng.spawn(1)[0].permutation(n)", CUT),
        "a legacy generator, seeded by rng": _batches(
            "order = np.random.RandomState(rng.integers(2**31)).permutation(n)", CUT
        ),
        "the shared state, seeded by rng": _batches(
            "np.random.seed(rng.integers(2**31))", "order = np.random.permutation(n)", CUT
        ),
        "Python's random, seeded by rng": "import random\n\n\n"
        + _batches(
            "order = list(range(n))",
            "random.Random(int(rng.integers(2**62))).shuffle(order)",
            "order = np.array(order)",
            CUT,
        ),
        "int32": _batches("order = rng.permutation(n).astype(np.int32)", CUT),
        "unsigned": _batches("order = rng.permutation(n).astype(np.uint16)", CUT),
        "a table where it fits": _shuffled(
            "if n % batch_size == 0:", "    return order.reshape(-1, batch_size)", CUT
        ),
        "copies of the pieces": _shuffled(
            "return [np.array(order[i:i + batch_size]) for i in range(0, n, batch_size)]"
        ),
        "from the end": _batches(
            "order = list(rng.permutation(n))",
            "out = []",
            "while order:",
            "    out.append(np.array(order[-batch_size:]))",
            "    del order[-batch_size:]",
            "return out",
        ),
        "Fisher and Yates": _batches(
            "order = np.arange(n)",
            "for i in range(n - 1, 0, -1):",
            "    j = rng.integers(i + 1)",
            "    order[[i, j]] = order[[j, i]]",
            CUT,
        ),
        "an array of objects": _shuffled(
            "out = np.empty(-(-n // batch_size), dtype=object)",
            "for k in range(len(out)):",
            "    out[k] = order[k * batch_size:(k + 1) * batch_size]",
            "return list(out)",
        ),
        "iter": _shuffled("return iter(np.split(order, np.arange(batch_size, n, batch_size)))"),
    },
}
