"""Right and wrong ways to write the functions of `ps2_mnist_inference`."""

from tests.problem_sets.grading import Right, Wrong

EXAMPLE = "the worked example"

TEN = "ten classes, ten columns"
EMPTY = "classes without a label"
AS_MANY = "as many labels as classes"
MANY = "many labels agree with a loop"
SQUARE = "a square result agrees, too"
DTYPES = "every integer dtype"
BYTE = "more classes than a byte holds"
SINGLE = "a single class, a single label"
LABELS = "labels unchanged, no state kept"
ANY_INTEGER = "labels of any integer dtype"
VISIBLE_LABELS = "the labels are not changed"

NO_WHITE = "an image without white"
FLOATS = "floats of the same shape"
EVERY = "every grey value"
SHAPES = "any shape"
GREYS = "black, white and grey images"
ALONE = "an image alone and in a batch"
IMAGES = "images unchanged, no state kept"
VISIBLE_IMAGES = "the images are not changed"
NO_PIXELS = "fast: no loop over the pixels"

BATCH = "a batch gives a row per image"
STAYS = "a batch of one stays a batch"
OTHER = "other sizes, another order of names"
STEEP = "large weights give no `nan`"
UNCHANGED = "network and image are not changed"
SIZES = "a network of other sizes"
ALIKE = "all sizes equal"
LARGE = "large weights, no nan"
ONE = "one image, a batch of one"
ORDER = "float32, in another order"
NOTHING = "nothing changed, no state kept"
NO_NUMBERS = "fast: no loop over single numbers"

FULL = "batches that are all full"
ONE_HOT = "one-hot labels"
CALLS = "one call for each slice"
ANY_SIZE = "any batch size"
ANY_NUMBER = "any number of images"
ONCE = "each image once, in slices"
KINDS = "one-hot labels, integers and floats"
UINT8 = "labels as uint8"
ENDS = "none right, all right"
ALL_AT_ONCE = "a batch larger than the data"
NEITHER = "images and labels are not changed"
NO_OUTPUTS = "fast: no loop over single outputs"


def _one_hot(*body: str) -> str:
    return "\n    ".join(["def to_one_hot(t, num_classes=10):", *body])


def _normalize(*body: str) -> str:
    return "\n    ".join(["def normalize_images(images):", *body])


def _predict(*body: str) -> str:
    return "\n    ".join(["def predict(network, x):", *body])


def _accuracy(*body: str) -> str:
    return "\n    ".join(["def accuracy_in_batches(predict, x, t, batch_size):", *body])


ZEROS = "y = np.zeros((len(t), num_classes))"
SET = "y[np.arange(len(t)), t] = 1"

Z1 = "z1 = sigmoid(x @ network['W1'] + network['b1'])"
Z2 = "z2 = sigmoid(z1 @ network['W2'] + network['b2'])"
A3 = "a3 = z2 @ network['W3'] + network['b3']"
Y = "return softmax(a3)"

TO_LABELS = ("if t.ndim == 2:", "    t = np.argmax(t, axis=1)")
START = "correct = 0"
LOOP = "for i in range(0, len(x), batch_size):"
ASK = "    p = np.argmax(predict(x[i:i + batch_size]), axis=1)"
COUNT = "    correct += np.sum(p == t[i:i + batch_size])"
SLICES = (*TO_LABELS, START, LOOP)
COUNTED = (*SLICES, ASK, COUNT)
RATE = "return correct / len(x)"

WRONG = {
    "to_one_hot": [
        Wrong(
            "an eleventh column",
            _one_hot("y = np.zeros((len(t), num_classes + 1))", SET, "return y"),
            TEN,
        ),
        Wrong(
            "as many columns as the largest label asks for",
            _one_hot("return np.eye(np.max(t) + 1)[t]"),
            TEN,
        ),
        Wrong("always ten classes", _one_hot("return np.eye(10)[t]"), EXAMPLE),
        Wrong("at least ten classes", _one_hot("return np.eye(max(10, num_classes))[t]"), EMPTY),
        Wrong(
            "no default",
            _one_hot(ZEROS, SET, "return y").replace("num_classes=10", "num_classes"),
            TEN,
        ),
        Wrong("a default of 9", _one_hot(ZEROS, SET, "return y").replace("=10", "=9"), TEN),
        Wrong("columns for rows", _one_hot("return np.eye(num_classes)[t].T"), EXAMPLE),
        Wrong(
            "columns for rows where the result is square",
            _one_hot("y = np.eye(num_classes)[t]", "return y.T if len(t) == num_classes else y"),
            AS_MANY,
        ),
        Wrong("sets whole rows", _one_hot(ZEROS, "y[t] = 1", "return y"), EXAMPLE),
        Wrong("sets whole columns", _one_hot(ZEROS, "y[:, t] = 1", "return y"), EXAMPLE),
        Wrong("counts from 1", _one_hot("return np.eye(num_classes)[t - 1]"), EXAMPLE),
        Wrong(
            "leaves class 0 out",
            _one_hot(ZEROS, "for n, k in enumerate(t):", "    y[n, k] = 1 if k else 0", "return y"),
            EXAMPLE,
        ),
        Wrong("zeros and ones exchanged", _one_hot("return 1 - np.eye(num_classes)[t]"), EXAMPLE),
        Wrong(
            "the label instead of 1",
            _one_hot("return np.eye(num_classes)[t] * t[:, None]"),
            EXAMPLE,
        ),
        Wrong("from the right", _one_hot("return np.eye(num_classes)[t][:, ::-1]"), EXAMPLE),
        Wrong("the first label only", _one_hot("return np.eye(num_classes)[t[0]]"), EXAMPLE),
        Wrong("sorted", _one_hot("return np.eye(num_classes)[np.sort(t)]"), EXAMPLE),
        Wrong("each class once", _one_hot("return np.eye(num_classes)[np.unique(t)]"), EXAMPLE),
        Wrong(
            "how many of each class",
            _one_hot("return np.bincount(t, minlength=num_classes)"),
            EXAMPLE,
        ),
        Wrong(
            "all up to the label",
            _one_hot("return (np.arange(num_classes) <= t[:, None]) * 1"),
            EXAMPLE,
        ),
        Wrong("a list", _one_hot("return np.eye(num_classes)[t].tolist()"), EXAMPLE),
        Wrong("a list of rows", _one_hot("return [np.eye(num_classes)[k] for k in t]"), EXAMPLE),
        Wrong("flat", _one_hot("return np.eye(num_classes)[t].ravel()"), EXAMPLE),
        Wrong("nothing returned", _one_hot("y = np.eye(num_classes)[t]"), EXAMPLE),
        Wrong("text", _one_hot("return np.eye(num_classes)[t].astype(int).astype(str)"), EXAMPLE),
        Wrong("squeezes", _one_hot("return np.squeeze(np.eye(num_classes)[t])"), TEN),
        Wrong(
            "squeezes only (N, 1)",
            _one_hot("y = np.eye(num_classes)[t]", "return y[:, 0] if num_classes == 1 else y"),
            SINGLE,
        ),
        Wrong(
            "row numbers of the labels' dtype",
            _one_hot(
                ZEROS,
                "with np.errstate(all='ignore'):",
                "    rows = np.arange(len(t)).astype(t.dtype)",
                "    y[rows % len(t), t] = 1",
                "return y",
            ),
            DTYPES,
        ),
        Wrong(
            "int64 only",
            _one_hot("assert t.dtype == np.int64", "return np.eye(num_classes)[t]"),
            DTYPES,
        ),
        Wrong(
            "places of the labels' dtype",
            _one_hot(
                "y = np.zeros(len(t) * num_classes)",
                "for n, k in enumerate(t):",
                "    y[n * num_classes + k] = 1",
                "return y.reshape(len(t), num_classes)",
            ),
            DTYPES,
        ),
        Wrong(
            "columns counted from the right",
            _one_hot("return np.eye(num_classes)[t - num_classes]"),
            ANY_INTEGER,
        ),
        Wrong(
            "sorts the labels, seen by a visible check",
            _one_hot("y = np.eye(num_classes)[t]", "t.sort()", "return y"),
            VISIBLE_LABELS,
        ),
        Wrong(
            "labels turned to int8", _one_hot("return np.eye(num_classes)[t.astype(np.int8)]"), BYTE
        ),
        Wrong(
            "column numbers as uint8",
            _one_hot(
                "return (np.arange(num_classes).astype(np.uint8) == t[:, None]).astype(float)"
            ),
            BYTE,
        ),
        Wrong(
            "a hundred labels at most",
            _one_hot("y = np.zeros((len(t), num_classes))", "t = t[:100]", SET, "return y"),
            MANY,
        ),
        Wrong("changes the labels", _one_hot(ZEROS, SET, "t -= t", "return y"), LABELS),
        Wrong(
            "the same zeros again",
            "_y = np.zeros((1000, 1000))\n\n"
            + _one_hot("y = _y[:len(t), :num_classes]", SET, "return y"),
            LABELS,
        ),
    ],
    "normalize_images": [
        Wrong("whole numbers", _normalize("return images // 255"), EXAMPLE),
        Wrong("divides by 256", _normalize("return images / 256"), EXAMPLE),
        Wrong("divides by 100", _normalize("return images / 100"), EXAMPLE),
        Wrong("divides by 254", _normalize("return images / 254"), EXAMPLE),
        Wrong("divides by the maximum", _normalize("return images / images.max()"), NO_WHITE),
        Wrong(
            "divides by each image's maximum",
            _normalize("return images / np.maximum(1, images.max(axis=-1, keepdims=True))"),
            NO_WHITE,
        ),
        Wrong(
            "from minimum to maximum",
            _normalize("a = images - images.min()", "return a / a.max()"),
            NO_WHITE,
        ),
        Wrong(
            "divides by the maximum where there is white enough",
            _normalize("top = int(images.max())", "return images / (top if top > 150 else 255)"),
            SHAPES,
        ),
        Wrong(
            "standardises",
            _normalize("return (images - images.mean()) / (images.std() + 1e-9)"),
            EXAMPLE,
        ),
        Wrong("rows of length 1", _normalize("return images / np.linalg.norm(images)"), EXAMPLE),
        Wrong("from -1 to 1", _normalize("return images / 127.5 - 1"), EXAMPLE),
        Wrong("black for white", _normalize("return 1 - images / 255"), EXAMPLE),
        Wrong("nothing done", _normalize("return images.astype(float)"), EXAMPLE),
        Wrong("multiplies", _normalize("return images * 255.0"), EXAMPLE),
        Wrong("overflows", _normalize("return images * np.uint8(2) / 510"), EXAMPLE),
        Wrong(
            "overflows on white only",
            _normalize("return (images + np.uint8(1)) / 255 - 1 / 255"),
            EXAMPLE,
        ),
        Wrong("in place", _normalize("images /= 255", "return images"), EXAMPLE),
        Wrong(
            "in place, truncated",
            _normalize("images[...] = images / 255", "return images"),
            EXAMPLE,
        ),
        Wrong("a result of uint8", _normalize("return (images / 255).astype(np.uint8)"), EXAMPLE),
        Wrong("black and white", _normalize("return (images > 127).astype(float)"), EXAMPLE),
        Wrong("rounds", _normalize("return np.round(images / 255, 2)"), EXAMPLE),
        Wrong("rounds a little", _normalize("return np.round(images / 255, 6)"), EVERY),
        Wrong("adds a small constant", _normalize("return images / 255 + 1e-7"), EVERY),
        Wrong("half precision", _normalize("return (images / 255).astype(np.float16)"), EXAMPLE),
        Wrong("two axes", _normalize("return images.reshape(len(images), -1) / 255"), EXAMPLE),
        Wrong("flattens", _normalize("return images.ravel() / 255"), NO_WHITE),
        Wrong(
            "at most two axes",
            _normalize(
                "n, d = images.shape[0], images[0].size",
                "return (images / 255).reshape((n, d) if images.ndim > 1 else n)",
            ),
            FLOATS,
        ),
        Wrong("squeezes", _normalize("return np.squeeze(images / 255)"), NO_WHITE),
        Wrong("transposes", _normalize("return images.T / 255"), NO_WHITE),
        Wrong("one axis more", _normalize("return images[..., None] / 255"), EXAMPLE),
        Wrong("the first image only", _normalize("return images[0] / 255"), EXAMPLE),
        Wrong(
            "leaves the last image as it is",
            _normalize("y = images / 255", "y[-1] = images[-1]", "return y"),
            EXAMPLE,
        ),
        Wrong("a list", _normalize("return (images / 255).tolist()"), FLOATS),
        Wrong("nothing returned", _normalize("x = images / 255"), EXAMPLE),
        Wrong("prints", _normalize("print(images / 255)"), EXAMPLE),
        Wrong("text", _normalize("return (images / 255).astype(str)"), EXAMPLE),
        Wrong("complex", _normalize("return images / (255 + 0j)"), EXAMPLE),
        Wrong(
            "images of 784 pixels only", _normalize("return images.reshape(-1, 784) / 255"), EXAMPLE
        ),
        Wrong(
            "three axes at most",
            _normalize("assert images.ndim < 4", "return images / 255"),
            FLOATS,
        ),
        Wrong(
            "takes dark images for scaled ones",
            _normalize("return images / (255 if images.max() > 1 else 1)"),
            GREYS,
        ),
        Wrong(
            "leaves black images out",
            _normalize("return images / 255 if images.any() else None"),
            GREYS,
        ),
        Wrong(
            "divides by the sum where all is one grey",
            _normalize(
                "return images / (255 if len(np.unique(images)) != 1 else int(images.sum() or 1))"
            ),
            ALONE,
        ),
        Wrong(
            "a loop over indices",
            _normalize(
                "x = np.empty(images.shape)",
                "for i in np.ndindex(images.shape):",
                "    x[i] = int(images[i]) / 255",
                "return x",
            ),
            NO_PIXELS,
        ),
        Wrong(
            "vectorize",
            "normalize_images = np.vectorize(lambda value: int(value) / 255)",
            NO_PIXELS,
        ),
        Wrong(
            "a loop over all axes",
            _normalize(
                "x = np.zeros(images.shape).reshape(-1, 1, images.shape[-1])",
                "y = images.reshape(x.shape)",
                "for n in range(x.shape[0]):",
                "    for i in range(x.shape[1]):",
                "        for k in range(x.shape[2]):",
                "            x[n, i, k] = y[n, i, k] / 255",
                "return x.reshape(images.shape)",
            ),
            NO_PIXELS,
        ),
        Wrong(
            "inverts its argument, seen by a visible check",
            _normalize("x = images / 255", "images[...] = 255 - images", "return x"),
            VISIBLE_IMAGES,
        ),
        Wrong(
            "empties its argument",
            _normalize("x = images / 255", "images[...] = 0", "return x"),
            IMAGES,
        ),
        Wrong(
            "remembers by shape",
            "_seen = {}\n" + _normalize("return _seen.setdefault(images.shape, images / 255)"),
            ALONE,
        ),
    ],
    "predict": [
        Wrong(
            "scales the image by itself",
            """def predict(network, x):
    W1, W2, W3 = network["W1"], network["W2"], network["W3"]
    b1, b2, b3 = network["b1"], network["b2"], network["b3"]
    x = x / max(1, np.abs(x).max())
    z1 = sigmoid(x @ W1 + b1)
    z2 = sigmoid(z1 @ W2 + b2)
    return softmax(z2 @ W3 + b3)""",
            SIZES,
        ),
        Wrong(
            "scores, no softmax",
            _predict(Z1, Z2, "return z2 @ network['W3'] + network['b3']"),
            EXAMPLE,
        ),
        Wrong("sigmoid at the end", _predict(Z1, Z2, A3, "return sigmoid(a3)"), EXAMPLE),
        Wrong("ReLU", _predict(Z1, Z2, A3, Y).replace("sigmoid(", "np.maximum(0, "), EXAMPLE),
        Wrong("tanh", _predict(Z1, Z2, A3, Y).replace("sigmoid(", "np.tanh("), EXAMPLE),
        Wrong(
            "softmax in every layer",
            _predict(Z1, Z2, A3, Y).replace("sigmoid(", "softmax("),
            EXAMPLE,
        ),
        Wrong("no activation in layer 1", _predict(Z1.replace("sigmoid", ""), Z2, A3, Y), EXAMPLE),
        Wrong("no activation in layer 2", _predict(Z1, Z2.replace("sigmoid", ""), A3, Y), EXAMPLE),
        Wrong("no b1", _predict("z1 = sigmoid(x @ network['W1'])", Z2, A3, Y), EXAMPLE),
        Wrong("no b2", _predict(Z1, "z2 = sigmoid(z1 @ network['W2'])", A3, Y), EXAMPLE),
        Wrong("no b3", _predict(Z1, Z2, "a3 = z2 @ network['W3']", Y), EXAMPLE),
        Wrong("b1 twice", _predict(Z1, Z2.replace("b2", "b1"), A3, Y), EXAMPLE),
        Wrong("W1 twice", _predict(Z1, Z2.replace("W2", "W1"), A3, Y), EXAMPLE),
        Wrong("subtracts b2", _predict(Z1, Z2.replace("+", "-"), A3, Y), EXAMPLE),
        Wrong("two layers", _predict(Z1, A3.replace("z2", "z1"), Y), EXAMPLE),
        Wrong(
            "no bias at all",
            _predict(
                "z1 = sigmoid(x @ network['W1'])",
                "z2 = sigmoid(z1 @ network['W2'])",
                "return softmax(z2 @ network['W3'])",
            ),
            EXAMPLE,
        ),
        Wrong("an extra sigmoid", _predict(Z1, Z2, A3, "return softmax(sigmoid(a3))"), EXAMPLE),
        Wrong("softmax twice", _predict(Z1, Z2, A3, "return softmax(softmax(a3))"), EXAMPLE),
        Wrong(
            "the transposed weights", _predict(Z1.replace("['W1']", "['W1'].T"), Z2, A3, Y), EXAMPLE
        ),
        Wrong(
            "the transposed weights where they are square",
            _predict(
                "w = network['W2']",
                "w = w.T if w.shape == network['W3'].shape else w",
                Z1,
                "z2 = sigmoid(z1 @ w + network['b2'])",
                A3,
                Y,
            ),
            ALIKE,
        ),
        Wrong(
            "weights times x",
            _predict(Z1.replace("x @ network['W1']", "network['W1'] @ x"), Z2, A3, Y),
            EXAMPLE,
        ),
        Wrong("element by element", _predict(Z1.replace("@", "*"), Z2, A3, Y), EXAMPLE),
        Wrong(
            "softmax of the whole batch",
            _predict(Z1, Z2, A3, "e = np.exp(a3 - np.max(a3))", "return e / np.sum(e)"),
            BATCH,
        ),
        Wrong(
            "softmax down the columns",
            _predict(
                Z1, Z2, A3, "e = np.exp(a3 - np.max(a3, axis=0))", "return e / np.sum(e, axis=0)"
            ),
            BATCH,
        ),
        Wrong(
            "softmax down the columns of a square",
            _predict(
                Z1,
                Z2,
                A3,
                "if a3.ndim == 2 and a3.shape[0] == a3.shape[1]:",
                "    return softmax(a3.T).T",
                Y,
            ),
            ALIKE,
        ),
        Wrong(
            "a softmax that overflows",
            _predict(Z1, Z2, A3, "e = np.exp(a3)", "return e / np.sum(e, axis=-1, keepdims=True)"),
            LARGE,
        ),
        Wrong(
            "one maximum for the batch",
            _predict(
                Z1,
                Z2,
                A3,
                "e = np.exp(a3 - np.max(a3))",
                "return e / np.sum(e, axis=-1, keepdims=True)",
            ),
            LARGE,
        ),
        Wrong(
            "a sigmoid that overflows",
            "def _sigmoid(a):\n    return np.exp(a) / (1 + np.exp(a))\n\n\n"
            + _predict(Z1, Z2, A3, Y).replace("= sigmoid", "= _sigmoid"),
            LARGE,
        ),
        Wrong(
            "the answer, not the probabilities",
            _predict(Z1, Z2, A3, "return np.argmax(a3, axis=-1)"),
            EXAMPLE,
        ),
        Wrong(
            "the largest probability",
            _predict(Z1, Z2, A3, "return softmax(a3).max(axis=-1)"),
            EXAMPLE,
        ),
        Wrong(
            "one-hot answers",
            _predict(Z1, Z2, A3, "return np.eye(a3.shape[-1])[a3.argmax(axis=-1)]"),
            EXAMPLE,
        ),
        Wrong("logarithms", _predict(Z1, Z2, A3, "return np.log(softmax(a3))"), EXAMPLE),
        Wrong("percentages", _predict(Z1, Z2, A3, "return 100 * softmax(a3)"), EXAMPLE),
        Wrong("rounds", _predict(Z1, Z2, A3, "return np.round(softmax(a3), 3)"), EXAMPLE),
        Wrong(
            "half precision", _predict(Z1, Z2, A3, "return softmax(a3).astype(np.float16)"), EXAMPLE
        ),
        Wrong("scales once more", _predict("x = x / 255", Z1, Z2, A3, Y), EXAMPLE),
        Wrong("always a batch", _predict("x = np.atleast_2d(x)", Z1, Z2, A3, Y), EXAMPLE),
        Wrong("one image only", _predict("x = x.ravel()", Z1, Z2, A3, Y), BATCH),
        Wrong(
            "the first image only", _predict("x = x if x.ndim == 1 else x[0]", Z1, Z2, A3, Y), BATCH
        ),
        Wrong("batches only", _predict("n, d = x.shape", Z1, Z2, A3, Y), EXAMPLE),
        Wrong("a list of rows", _predict(Z1, Z2, A3, "return list(softmax(a3))"), EXAMPLE),
        Wrong("squeezes", _predict(Z1, Z2, A3, "return np.squeeze(softmax(a3))"), ONE),
        Wrong(
            "a fixed number of units",
            _predict(
                "z1 = np.zeros(x.shape[:-1] + (2,))",
                "z1[...] = sigmoid(x @ network['W1'] + network['b1'])",
                Z2,
                A3,
                Y,
            ),
            SIZES,
        ),
        Wrong("784 pixels only", _predict("x = x.reshape(-1, 784)", Z1, Z2, A3, Y), EXAMPLE),
        Wrong("the trained network, always", _predict("network = trained", Z1, Z2, A3, Y), EXAMPLE),
        Wrong(
            "weights in the order they come",
            _predict(
                "W1, b1, W2, b2, W3, b3 = network.values()",
                "z1 = sigmoid(x @ W1 + b1)",
                "z2 = sigmoid(z1 @ W2 + b2)",
                "return softmax(z2 @ W3 + b3)",
            ),
            ORDER,
        ),
        Wrong(
            "loops and the math module",
            "import math\n\n\n"
            + _predict(
                "if x.ndim == 2:",
                "    return np.array([predict(network, image) for image in x])",
                "z = x.tolist()",
                "for i in '123':",
                "    W, b = network['W' + i].tolist(), network['b' + i].tolist()",
                "    a = [c + sum(u * row[j] for u, row in zip(z, W)) for j, c in enumerate(b)]",
                "    z = [0.5 + 0.5 * math.tanh(v / 2) for v in a]",
                "e = [math.exp(v - max(a)) for v in a]",
                "return np.array([v / sum(e) for v in e])",
            ),
            NO_NUMBERS,
        ),
        Wrong(
            "three nested loops",
            _predict(
                "batch = np.atleast_2d(x)",
                "for layer in '123':",
                "    W, b = network['W' + layer], network['b' + layer]",
                "    a = np.zeros((len(batch), len(b)))",
                "    for n in range(len(batch)):",
                "        for j in range(len(b)):",
                "            for i in range(len(W)):",
                "                a[n, j] += batch[n, i] * W[i, j]",
                "    a = a + b",
                "    batch = sigmoid(a)",
                "y = softmax(a)",
                "return y[0] if x.ndim == 1 else y",
            ),
            NO_NUMBERS,
        ),
        Wrong(
            "squeezes, seen by a visible check",
            _predict(Z1, Z2, A3, "y = softmax(a3)", "return y[0] if len(y) == 1 else y"),
            STAYS,
        ),
        Wrong(
            "two units in each hidden layer",
            _predict(
                "W1, b1 = network['W1'][:, :2], network['b1'][:2]",
                "z1 = sigmoid(x @ W1 + b1)",
                "z2 = sigmoid(z1 @ network['W2'][:2] + network['b2'])",
                A3,
                Y,
            ),
            SIZES,
        ),
        Wrong(
            "by place, seen by a visible check",
            _predict(
                "W1, b1, W2, b2, W3, b3 = [*network.values()]",
                "return softmax(sigmoid(sigmoid(x @ W1 + b1) @ W2 + b2) @ W3 + b3)",
            ),
            OTHER,
        ),
        Wrong(
            "scores that are cut off",
            _predict(Z1, Z2, A3, "return softmax(np.clip(a3, -50, 50))"),
            STEEP,
        ),
        Wrong(
            "takes weights out of the network",
            _predict("b = network.pop('b3')", Z1, Z2, "return softmax(z2 @ network['W3'] + b)"),
            UNCHANGED,
        ),
        Wrong(
            "centres the image in place",
            _predict("x -= 0 * x + 1", "x += 1", "x *= 1 + 1e-15", Z1, Z2, A3, Y),
            UNCHANGED,
        ),
        Wrong(
            "writes into x",
            _predict("p = x.copy()", "x[...] = 0", "x = p", Z1, Z2, A3, Y),
            UNCHANGED,
        ),
        Wrong("writes into b1", _predict(Z1, "network['b1'] += x.sum()", Z2, A3, Y), UNCHANGED),
        Wrong(
            "keeps the layers in the network",
            _predict(Z1, Z2, A3, "network['z1'] = z1", Y),
            UNCHANGED,
        ),
        Wrong(
            "writes into a batch of six",
            _predict(Z1, Z2, A3, "if len(x) == 6:", "    x[0] = 0", Y),
            NOTHING,
        ),
        Wrong(
            "the network of the first call",
            "_kept = {}\n"
            + _predict("network = _kept.setdefault(network['W1'].shape, network)", Z1, Z2, A3, Y),
            NOTHING,
        ),
        Wrong("nothing returned", _predict(Z1, Z2, A3, "softmax(a3)"), EXAMPLE),
        Wrong("all layers returned", _predict(Z1, Z2, A3, "return z1, z2, softmax(a3)"), EXAMPLE),
    ],
    "accuracy_in_batches": [
        Wrong(
            "the mean of the slices' rates",
            _accuracy(
                *TO_LABELS,
                "rates = []",
                LOOP,
                ASK,
                "    rates.append(np.mean(p == t[i:i + batch_size]))",
                "return np.mean(rates)",
            ),
            EXAMPLE,
        ),
        Wrong(
            "drops the short slice",
            _accuracy(
                *TO_LABELS,
                START,
                LOOP[:-1].replace("len(x)", "len(x) - batch_size + 1") + ":",
                ASK,
                COUNT,
                RATE,
            ),
            CALLS,
        ),
        Wrong(
            "drops the short slice, and its images from the count",
            _accuracy(
                *TO_LABELS,
                "n = len(x) // batch_size * batch_size",
                START,
                LOOP.replace("len(x)", "n"),
                ASK,
                COUNT,
                "return correct / n",
            ),
            EXAMPLE,
        ),
        Wrong(
            "divides by full slices",
            _accuracy(*COUNTED, "return correct / (-(-len(x) // batch_size) * batch_size)"),
            EXAMPLE,
        ),
        Wrong("a percentage", _accuracy(*COUNTED, "return 100 * correct / len(x)"), EXAMPLE),
        Wrong("a number of images", _accuracy(*COUNTED, "return correct"), EXAMPLE),
        Wrong("the error rate", _accuracy(*COUNTED, "return 1 - correct / len(x)"), EXAMPLE),
        Wrong("a whole number", _accuracy(*COUNTED, "return correct // len(x)"), EXAMPLE),
        Wrong("rounds", _accuracy(*COUNTED, "return round(correct / len(x), 3)"), ANY_SIZE),
        Wrong("always 10,000 images", _accuracy(*COUNTED, "return correct / 10000"), EXAMPLE),
        Wrong("text", _accuracy(*COUNTED, "return f'{correct / len(x)}'"), EXAMPLE),
        Wrong("prints", _accuracy(*COUNTED, "print(correct / len(x))"), EXAMPLE),
        Wrong(
            "all images in one call",
            _accuracy(*TO_LABELS, "return np.mean(np.argmax(predict(x), axis=1) == t)"),
            CALLS,
        ),
        Wrong(
            "one call for each image",
            _accuracy(
                *TO_LABELS,
                "p = [np.argmax(predict(x[i:i + 1])) for i in range(len(x))]",
                "return np.mean(np.array(p) == t)",
            ),
            CALLS,
        ),
        Wrong(
            "single images without their first axis",
            _accuracy(
                *TO_LABELS,
                "p = [np.argmax(predict(image)) for image in x]",
                "return np.mean(np.array(p) == t)",
            ),
            CALLS,
        ),
        Wrong(
            "two calls for each slice",
            _accuracy(*SLICES, "    predict(x[i:i + batch_size])", ASK, COUNT, RATE),
            CALLS,
        ),
        Wrong(
            "a call for everything first",
            _accuracy(*TO_LABELS, "predict(x)", START, LOOP, ASK, COUNT, RATE),
            CALLS,
        ),
        Wrong(
            "an empty slice at the end",
            _accuracy(*TO_LABELS, START, LOOP.replace("len(x)", "len(x) + 1"), ASK, COUNT, RATE),
            ONCE,
        ),
        Wrong(
            "slices that overlap",
            _accuracy(
                *SLICES,
                ASK.replace("+ batch", "+ 1 + batch"),
                COUNT.replace("+ batch", "+ 1 + batch"),
                RATE,
            ),
            CALLS,
        ),
        Wrong(
            "slices one short",
            _accuracy(
                *SLICES,
                ASK.replace("batch_size]", "batch_size - 1]"),
                COUNT.replace("batch_size]", "batch_size - 1]"),
                RATE,
            ),
            CALLS,
        ),
        Wrong(
            "the first slice only",
            _accuracy(
                *TO_LABELS,
                "i = 0",
                *(line.strip() for line in (ASK,)),
                "return np.mean(p == t[:batch_size])",
            ),
            EXAMPLE,
        ),
        Wrong("returns in the loop", _accuracy(*COUNTED, "    return correct / len(x)"), EXAMPLE),
        Wrong(
            "the last slice's rate",
            _accuracy(*SLICES, ASK, "return np.mean(p == t[i:i + batch_size])"),
            EXAMPLE,
        ),
        Wrong("slices of 100", _accuracy("batch_size = 100", *COUNTED, RATE), CALLS),
        Wrong(
            "batch_size slices",
            _accuracy(
                *TO_LABELS,
                "parts = np.array_split(np.arange(len(x)), batch_size)",
                "hits = [np.argmax(predict(x[i]), axis=1) == t[i] for i in parts if len(i)]",
                "return np.mean(np.concatenate(hits))",
            ),
            CALLS,
        ),
        Wrong(
            "equal slices, too long",
            _accuracy(
                *TO_LABELS,
                "parts = np.array_split(np.arange(len(x)), max(1, len(x) // batch_size))",
                "c = sum(np.sum(np.argmax(predict(x[i]), axis=1) == t[i]) for i in parts)",
                "return c / len(x)",
            ),
            CALLS,
        ),
        Wrong(
            "fills the short slice up",
            _accuracy(
                *SLICES,
                "    j = np.arange(i, i + batch_size) % len(x)",
                "    p = np.argmax(predict(x[j]), axis=1)",
                "    correct += np.sum((p == t[j])[:len(x) - i])",
                RATE,
            ),
            CALLS,
        ),
        Wrong(
            "random slices",
            _accuracy(
                *TO_LABELS,
                "rng = np.random.default_rng(0)",
                START,
                LOOP,
                "    j = rng.integers(len(x), size=min(batch_size, len(x) - i))",
                "    p = np.argmax(predict(x[j]), axis=1)",
                "    correct += np.sum(p == t[j])",
                RATE,
            ),
            ONCE,
        ),
        Wrong(
            "argmax down the columns",
            _accuracy(*SLICES, ASK.replace("axis=1", "axis=0"), COUNT, RATE),
            EXAMPLE,
        ),
        Wrong(
            "argmax of the whole slice",
            _accuracy(*SLICES, ASK.replace(", axis=1", ""), COUNT, RATE),
            EXAMPLE,
        ),
        Wrong("argmin", _accuracy(*SLICES, ASK.replace("argmax", "argmin"), COUNT, RATE), EXAMPLE),
        Wrong(
            "max for argmax", _accuracy(*SLICES, ASK.replace("argmax", "max"), COUNT, RATE), EXAMPLE
        ),
        Wrong(
            "without asking",
            _accuracy(*TO_LABELS, "return np.mean(np.argmax(x, axis=1) == t)"),
            EXAMPLE,
        ),
        Wrong("integer labels only", _accuracy(START, LOOP, ASK, COUNT, RATE), ONE_HOT),
        Wrong(
            "one-hot labels only",
            _accuracy(
                "t = np.argmax(t, axis=-1)",
                START,
                LOOP,
                ASK,
                "    correct += np.sum(p == t[i:i + batch_size])",
                RATE,
            ),
            EXAMPLE,
        ),
        Wrong(
            "one-hot told by its dtype",
            _accuracy(
                "if t.dtype.kind == 'f':",
                "    t = np.argmax(t, axis=1)",
                START,
                LOOP,
                ASK,
                COUNT,
                RATE,
            ),
            KINDS,
        ),
        Wrong(
            "one-hot integers only",
            _accuracy(
                "if t.ndim == 2 and t.dtype.kind in 'iu':",
                "    t = np.argmax(t, axis=1)",
                START,
                LOOP,
                ASK,
                COUNT,
                RATE,
            ),
            ONE_HOT,
        ),
        Wrong(
            "one-hot compared element by element",
            _accuracy(
                START,
                LOOP,
                "    y = predict(x[i:i + batch_size])",
                "    s = t[i:i + batch_size]",
                "    if s.ndim == 2:",
                "        correct += np.sum((y == y.max(axis=1, keepdims=True)) == s) / s.shape[1]",
                "    else:",
                "        correct += np.sum(np.argmax(y, axis=1) == s)",
                RATE,
            ),
            ONE_HOT,
        ),
        Wrong(
            "labels not sliced",
            _accuracy(*SLICES, ASK, "    correct += np.sum(p == t[:len(p)])", RATE),
            EXAMPLE,
        ),
        Wrong(
            "labels of the next slice",
            _accuracy(*TO_LABELS, "t = np.roll(t, -1)", START, LOOP, ASK, COUNT, RATE),
            EXAMPLE,
        ),
        Wrong(
            "differences of the labels",
            _accuracy(
                *SLICES,
                ASK,
                "    correct += np.sum(t[i:i + batch_size] - p.astype(t.dtype) <= 0)",
                RATE,
            ),
            ANY_SIZE,
        ),
        Wrong(
            "int64 labels only",
            _accuracy("assert t.dtype != np.uint8 or t.ndim == 2", *COUNTED, RATE),
            UINT8,
        ),
        Wrong(
            "never below a tenth", _accuracy(*COUNTED, "return max(0.1, correct / len(x))"), ENDS
        ),
        Wrong(
            "four images at least",
            _accuracy(*COUNTED, "return correct / max(4, len(x))"),
            ANY_NUMBER,
        ),
        Wrong(
            "the notebook's own predict",
            "_own = predict\n\n\n"
            + _accuracy("predict = lambda batch: _own(trained, batch)", *COUNTED, RATE),
            EXAMPLE,
        ),
        Wrong(
            "the first predict forever",
            "_kept = []\n\n\n"
            + _accuracy("_kept.append(predict)", "predict = _kept[0]", *COUNTED, RATE),
            ANY_SIZE,
        ),
        Wrong(
            "shuffles the images",
            _accuracy(
                *TO_LABELS,
                "order = np.random.default_rng(0).permutation(len(x))",
                "x[...] = x[order]",
                "t = t[order]",
                START,
                LOOP,
                ASK,
                COUNT,
                RATE,
            ),
            NOTHING,
        ),
        Wrong(
            "overwrites the labels",
            _accuracy(
                START,
                "if t.ndim == 2:",
                "    t = np.argmax(t, axis=1)",
                LOOP,
                ASK,
                COUNT,
                "t[...] = 0",
                RATE,
            ),
            NOTHING,
        ),
        Wrong(
            "divides by what fits into the slices",
            _accuracy(*COUNTED, "return correct / max(len(x), batch_size)"),
            ALL_AT_ONCE,
        ),
        Wrong(
            "turns the images round", _accuracy(*COUNTED, "x[...] = x[::-1].copy()", RATE), NEITHER
        ),
        Wrong(
            "nested loops over the outputs",
            _accuracy(
                *SLICES,
                "    y = predict(x[i:i + batch_size])",
                "    for n in range(len(y)):",
                "        place = 0",
                "        for k in range(y.shape[1]):",
                "            if y[n, k] > y[n, place]:",
                "                place = k",
                "        correct += place == t[i + n]",
                RATE,
            ),
            NO_OUTPUTS,
        ),
        Wrong(
            "gives the rows as a list",
            _accuracy(*SLICES, ASK.replace("batch_size]", "batch_size].tolist()"), COUNT, RATE),
            EXAMPLE,
        ),
    ],
}

RIGHT = {
    "to_one_hot": [
        Right(
            "element by element",
            _one_hot(ZEROS, "for n, k in enumerate(t):", "    y[n, k] = 1", "return y"),
        ),
        Right("indices of both axes", _one_hot(ZEROS, SET, "return y")),
        Right(
            "comparison, integers",
            _one_hot("return (t[:, np.newaxis] == np.arange(num_classes)).astype(int)"),
        ),
        Right("comparison, booleans", _one_hot("return np.equal.outer(t, np.arange(num_classes))")),
        Right(
            "put_along_axis",
            _one_hot(ZEROS, "np.put_along_axis(y, t[:, None].astype(int), 1, axis=1)", "return y"),
        ),
        Right(
            "rows of the identity, stacked",
            _one_hot("eye = np.eye(num_classes)", "return np.stack([eye[k] for k in t])"),
        ),
        Right(
            "take",
            _one_hot("return np.take(np.identity(num_classes, dtype=np.float32), t, axis=0)"),
        ),
        Right(
            "the labels' own dtype",
            _one_hot("y = np.zeros((t.size, num_classes), dtype=t.dtype)", SET, "return y"),
        ),
        Right(
            "flat places",
            _one_hot(
                ZEROS, "y.flat[np.arange(len(t)) * num_classes + t.astype(int)] = 1", "return y"
            ),
        ),
        Right(
            "lists",
            _one_hot(
                "return np.array([[int(k == label) for k in range(num_classes)] for label in t])"
            ),
        ),
        Right(
            "column by column",
            _one_hot("return np.array([t == k for k in range(num_classes)]).T * 1.0"),
        ),
        Right("Fortran order", _one_hot("return np.asfortranarray(np.eye(num_classes)[t])")),
        Right("other names", "def to_one_hot(labels, k=10):\n    return np.eye(k)[labels]"),
    ],
    "normalize_images": [
        Right("float32", _normalize("return images.astype(np.float32) / 255")),
        Right("a float32 divisor", _normalize("return images / np.float32(255)")),
        Right("times a factor", _normalize("return images * (1 / 255)")),
        Right("np.divide", _normalize("return np.divide(images, 255, dtype=np.float64)")),
        Right("a table of all values", _normalize("return np.linspace(0, 1, 256)[images]")),
        Right("a copy, in place", _normalize("x = images.astype(float)", "x /= 255", "return x")),
        Right(
            "a loop over images", _normalize("return np.array([image / 255.0 for image in images])")
        ),
        Right("einsum", _normalize("return np.einsum('...,->...', images, 1 / 255)")),
        Right("interpolation", _normalize("return np.interp(images, [0, 255], [0.0, 1.0])")),
        Right("extended precision", _normalize("return images.astype(np.longdouble) / 255")),
        Right("big-endian floats", _normalize("return (images / 255).astype('>f8')")),
    ],
    "predict": [
        Right(
            "biases absorbed in the weights",
            """def predict(network, x):
    one = np.ones(x.shape[:-1] + (1,))
    for i in (1, 2, 3):
        M = np.vstack([network[f"b{i}"], network[f"W{i}"]])
        x = np.concatenate([one, x], axis=-1) @ M
        if i < 3:
            x = sigmoid(x)
    return softmax(x)""",
        ),
        Right(
            "np.dot",
            _predict(
                *(
                    line.replace("x @ network['W1']", "np.dot(x, network['W1'])")
                    for line in (Z1, Z2, A3, Y)
                )
            ),
        ),
        Right(
            "einsum",
            _predict(
                "z = x",
                "for i in '123':",
                "    a = np.einsum('...d,dh->...h', z, network['W' + i]) + network['b' + i]",
                "    z = sigmoid(a)",
                "return softmax(a)",
            ),
        ),
        Right(
            "transposed",
            _predict(
                "column = lambda name: network[name][:, None]",
                "batch = np.atleast_2d(x)",
                "z1 = sigmoid(network['W1'].T @ batch.T + column('b1'))",
                "z2 = sigmoid(network['W2'].T @ z1 + column('b2'))",
                "y = softmax((network['W3'].T @ z2 + column('b3')).T)",
                "return y[0] if x.ndim == 1 else y",
            ),
        ),
        Right(
            "image by image",
            _predict(
                "if x.ndim == 2:",
                "    return np.array([predict(network, image) for image in x])",
                Z1,
                Z2,
                A3,
                Y,
            ),
        ),
        Right(
            "the bias absorbed",
            _predict(
                "z = np.asarray(x)",
                "for i in (1, 2, 3):",
                "    w = np.vstack([network[f'W{i}'], network[f'b{i}']])",
                "    a = np.concatenate([z, np.ones(z.shape[:-1] + (1,))], axis=-1) @ w",
                "    z = sigmoid(a)",
                "return softmax(a)",
            ),
        ),
        Right(
            "its own sigmoid and softmax, with warnings of overflow",
            _predict(
                "s = lambda a: 1 / (1 + np.exp(-a))",
                "z1 = s(x @ network['W1'] + network['b1'])",
                "z2 = s(z1 @ network['W2'] + network['b2'])",
                A3,
                "a3 = a3 - a3.max(axis=-1, keepdims=True)",
                "return np.exp(a3 - np.log(np.exp(a3).sum(axis=-1, keepdims=True)))",
            ),
        ),
        Right(
            "tanh for the sigmoid",
            _predict(Z1, Z2, A3, Y)
            .replace("sigmoid(", "0.5 + 0.5 * np.tanh(0.5 * (")
            .replace("['b1'])", "['b1']))")
            .replace("['b2'])", "['b2']))"),
        ),
        Right("float64 throughout", _predict("x = x.astype(np.float64)", Z1, Z2, A3, Y)),
        Right("a float32 result", _predict(Z1, Z2, A3, "return softmax(a3).astype(np.float32)")),
        Right(
            "a copy of the network",
            _predict(
                "p = {k: v.copy() for k, v in network.items()}",
                "network = p",
                "network['W1'] *= 1",
                Z1,
                Z2,
                A3,
                Y,
            ),
        ),
        Right(
            "other names",
            _predict(Z1, Z2, A3, Y)
            .replace("network", "params")
            .replace("x", "images")
            .replace("softmaimages", "softmax"),
        ),
    ],
    "accuracy_in_batches": [
        Right(
            "a weighted mean of rates",
            """def accuracy_in_batches(predict, x, t, batch_size):
    t = t.argmax(1) if t.ndim == 2 else t
    s = [slice(i, i + batch_size) for i in range(0, len(x), batch_size)]
    r = [np.mean(predict(x[k]).argmax(1) == t[k]) for k in s]
    return np.average(r, weights=[len(x[k]) for k in s])""",
        ),
        Right(
            "all answers joined",
            _accuracy(
                *TO_LABELS,
                "y = [predict(x[i:i + batch_size]) for i in range(0, len(x), batch_size)]",
                "return np.mean(np.concatenate(y).argmax(axis=1) == t)",
            ),
        ),
        Right(
            "rates with weights",
            _accuracy(
                *TO_LABELS,
                "rates, sizes = [], []",
                LOOP,
                ASK,
                "    rates.append(np.mean(p == t[i:i + batch_size]))",
                "    sizes.append(len(p))",
                "return np.average(rates, weights=sizes)",
            ),
        ),
        Right(
            "np.split",
            _accuracy(
                *TO_LABELS,
                "cuts = range(batch_size, len(x), batch_size)",
                "pairs = zip(np.split(x, cuts), np.split(t, cuts))",
                "hits = [np.count_nonzero(predict(a).argmax(1) == b) for a, b in pairs]",
                "return sum(hits) / len(t)",
            ),
        ),
        Right(
            "slices of nearly equal length",
            _accuracy(
                *TO_LABELS,
                "k = -(-len(x) // batch_size)",
                "c = 0",
                "for a, b in zip(np.array_split(x, k), np.array_split(t, k)):",
                "    c += (predict(a).argmax(axis=-1) == b).sum()",
                "return c / len(x)",
            ),
        ),
        Right(
            "while",
            _accuracy(
                "done = right = 0",
                "while done < len(x):",
                "    y = predict(x[done:done + batch_size])",
                "    for row, label in zip(y, t[done:]):",
                "        label = label if np.ndim(label) == 0 else np.argmax(label)",
                "        right += np.argmax(row) == label",
                "    done += len(y)",
                "return right / done",
            ),
        ),
        Right(
            "from the end",
            _accuracy(
                *TO_LABELS,
                START,
                "for i in reversed(range(0, len(x), batch_size)):",
                ASK,
                COUNT,
                RATE,
            ),
        ),
        Right(
            "the output at the label is the largest",
            _accuracy(
                *SLICES,
                "    y, k = predict(x[i:i + batch_size]), t[i:i + batch_size]",
                "    correct += np.sum(y[np.arange(len(y)), k] == y.max(axis=1))",
                RATE,
            ),
        ),
        Right(
            "one-hot labels throughout",
            _accuracy(
                START,
                LOOP,
                "    y, s = predict(x[i:i + batch_size]), t[i:i + batch_size]",
                "    s = s if s.ndim == 2 else np.eye(y.shape[1])[s]",
                "    correct += np.einsum('nk,nk->', np.eye(y.shape[1])[y.argmax(axis=1)], s)",
                RATE,
            ),
        ),
        Right("a NumPy scalar", _accuracy(*COUNTED, "return np.float32(correct / len(x))")),
        Right("an array without axes", _accuracy(*COUNTED, "return np.array(correct / len(x))")),
        Right(
            "a generator",
            _accuracy(
                *TO_LABELS,
                "def slices():",
                "    for i in range(0, len(x), batch_size):",
                "        yield x[i:i + batch_size], t[i:i + batch_size]",
                "hits = [hit for a, b in slices() for hit in np.argmax(predict(a), axis=1) == b]",
                "return sum(hits) / len(hits)",
            ),
        ),
        Right(
            "keyword and default",
            _accuracy(*COUNTED, RATE).replace("batch_size):", "batch_size=100):", 1),
        ),
    ],
}
