"""Right and wrong ways to write the functions of `ps2_mnist_inference`."""

import functools

from tests.problem_sets.grading import function

_one_hot = function("to_one_hot(t, num_classes=10)")
_normalize = function("normalize_images(images)")
_predict = function("predict(network, x)")
_accuracy = function("accuracy_in_batches(predict, x, t, batch_size)")

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

# What many cases begin with.
_by_label = functools.partial(_accuracy, *TO_LABELS)
_by_slice = functools.partial(_accuracy, *SLICES)
_counted = functools.partial(_accuracy, *COUNTED)
_after_z1 = functools.partial(_predict, Z1)
_filled = functools.partial(_one_hot, ZEROS)
_after_z2 = functools.partial(_after_z1, Z2)
_of_eye = functools.partial(_one_hot, "y = np.eye(num_classes)[t]")

WRONG = {
    "to_one_hot": {
        "ten classes, ten columns": {
            "an eleventh column": _one_hot(
                "y = np.zeros((len(t), num_classes + 1))", SET, "return y"
            ),
            "as many columns as the largest label asks for": _one_hot(
                "return np.eye(np.max(t) + 1)[t]"
            ),
            "no default": _filled(SET, "return y").replace("num_classes=10", "num_classes"),
            "a default of 9": _filled(SET, "return y").replace("=10", "=9"),
            "squeezes": _one_hot("return np.squeeze(np.eye(num_classes)[t])"),
        },
        "the worked example": {
            "always ten classes": _one_hot("return np.eye(10)[t]"),
            "columns for rows": _one_hot("return np.eye(num_classes)[t].T"),
            "sets whole rows": _filled("y[t] = 1", "return y"),
            "sets whole columns": _filled("y[:, t] = 1", "return y"),
            "counts from 1": _one_hot("return np.eye(num_classes)[t - 1]"),
            "leaves class 0 out": _filled(
                "for n, k in enumerate(t):", "    y[n, k] = 1 if k else 0", "return y"
            ),
            "zeros and ones exchanged": _one_hot("return 1 - np.eye(num_classes)[t]"),
            "the label instead of 1": _one_hot("return np.eye(num_classes)[t] * t[:, None]"),
            "from the right": _one_hot("return np.eye(num_classes)[t][:, ::-1]"),
            "the first label only": _one_hot("return np.eye(num_classes)[t[0]]"),
            "sorted": _one_hot("return np.eye(num_classes)[np.sort(t)]"),
            "each class once": _one_hot("return np.eye(num_classes)[np.unique(t)]"),
            "how many of each class": _one_hot("return np.bincount(t, minlength=num_classes)"),
            "all up to the label": _one_hot("return (np.arange(num_classes) <= t[:, None]) * 1"),
            "a list": _one_hot("return np.eye(num_classes)[t].tolist()"),
            "a list of rows": _one_hot("return [np.eye(num_classes)[k] for k in t]"),
            "flat": _one_hot("return np.eye(num_classes)[t].ravel()"),
            "nothing returned": _one_hot("y = np.eye(num_classes)[t]"),
            "text": _one_hot("return np.eye(num_classes)[t].astype(int).astype(str)"),
        },
        "classes without a label": {
            "at least ten classes": _one_hot("return np.eye(max(10, num_classes))[t]"),
        },
        "as many labels as classes": {
            "columns for rows where the result is square": _of_eye(
                "return y.T if len(t) == num_classes else y"
            ),
        },
        "a single class, a single label": {
            "squeezes only (N, 1)": _of_eye("return y[:, 0] if num_classes == 1 else y"),
        },
        "every integer dtype": {
            "row numbers of the labels' dtype": _filled(
                "with np.errstate(all='ignore'):",
                "    rows = np.arange(len(t)).astype(t.dtype)",
                "    y[rows % len(t), t] = 1",
                "return y",
            ),
            "int64 only": _one_hot("assert t.dtype == np.int64", "return np.eye(num_classes)[t]"),
            "places of the labels' dtype": _one_hot(
                "y = np.zeros(len(t) * num_classes)",
                "for n, k in enumerate(t):",
                "    y[n * num_classes + k] = 1",
                "return y.reshape(len(t), num_classes)",
            ),
        },
        "labels of any integer dtype": {
            "columns counted from the right": _one_hot(
                "return np.eye(num_classes)[t - num_classes]"
            ),
        },
        "the labels are not changed": {
            "sorts the labels, seen by a visible check": _of_eye("t.sort()", "return y"),
        },
        "more classes than a byte holds": {
            "labels turned to int8": _one_hot("return np.eye(num_classes)[t.astype(np.int8)]"),
            "column numbers as uint8": _one_hot(
                "return (np.arange(num_classes).astype(np.uint8) == t[:, None]).astype(float)"
            ),
        },
        "many labels agree with a loop": {
            "a hundred labels at most": _one_hot(
                "y = np.zeros((len(t), num_classes))", "t = t[:100]", SET, "return y"
            ),
        },
        "labels unchanged, no state kept": {
            "changes the labels": _filled(SET, "t -= t", "return y"),
            "the same zeros again": "_y = np.zeros((1000, 1000))\n\n"
            + _one_hot("y = _y[:len(t), :num_classes]", SET, "return y"),
        },
    },
    "normalize_images": {
        "the worked example": {
            "whole numbers": _normalize("return images // 255"),
            "divides by 256": _normalize("return images / 256"),
            "divides by 100": _normalize("return images / 100"),
            "divides by 254": _normalize("return images / 254"),
            "standardises": _normalize("return (images - images.mean()) / (images.std() + 1e-9)"),
            "rows of length 1": _normalize("return images / np.linalg.norm(images)"),
            "from -1 to 1": _normalize("return images / 127.5 - 1"),
            "black for white": _normalize("return 1 - images / 255"),
            "nothing done": _normalize("return images.astype(float)"),
            "multiplies": _normalize("return images * 255.0"),
            "overflows": _normalize("return images * np.uint8(2) / 510"),
            "overflows on white only": _normalize("return (images + np.uint8(1)) / 255 - 1 / 255"),
            "in place": _normalize("images /= 255", "return images"),
            "in place, truncated": _normalize("images[...] = images / 255", "return images"),
            "a result of uint8": _normalize("return (images / 255).astype(np.uint8)"),
            "black and white": _normalize("return (images > 127).astype(float)"),
            "rounds": _normalize("return np.round(images / 255, 2)"),
            "half precision": _normalize("return (images / 255).astype(np.float16)"),
            "two axes": _normalize("return images.reshape(len(images), -1) / 255"),
            "one axis more": _normalize("return images[..., None] / 255"),
            "the first image only": _normalize("return images[0] / 255"),
            "leaves the last image as it is": _normalize(
                "y = images / 255", "y[-1] = images[-1]", "return y"
            ),
            "nothing returned": _normalize("x = images / 255"),
            "prints": _normalize("print(images / 255)"),
            "text": _normalize("return (images / 255).astype(str)"),
            "complex": _normalize("return images / (255 + 0j)"),
            "images of 784 pixels only": _normalize("return images.reshape(-1, 784) / 255"),
        },
        "an image without white": {
            "divides by the maximum": _normalize("return images / images.max()"),
            "divides by each image's maximum": _normalize(
                "return images / np.maximum(1, images.max(axis=-1, keepdims=True))"
            ),
            "from minimum to maximum": _normalize(
                "a = images - images.min()", "return a / a.max()"
            ),
            "flattens": _normalize("return images.ravel() / 255"),
            "squeezes": _normalize("return np.squeeze(images / 255)"),
            "transposes": _normalize("return images.T / 255"),
        },
        "any shape": {
            "divides by the maximum where there is white enough": _normalize(
                "top = int(images.max())", "return images / (top if top > 150 else 255)"
            ),
        },
        "every grey value": {
            "rounds a little": _normalize("return np.round(images / 255, 6)"),
            "adds a small constant": _normalize("return images / 255 + 1e-7"),
        },
        "floats of the same shape": {
            "at most two axes": _normalize(
                "n, d = images.shape[0], images[0].size",
                "return (images / 255).reshape((n, d) if images.ndim > 1 else n)",
            ),
            "a list": _normalize("return (images / 255).tolist()"),
            "three axes at most": _normalize("assert images.ndim < 4", "return images / 255"),
        },
        "black, white and grey images": {
            "takes dark images for scaled ones": _normalize(
                "return images / (255 if images.max() > 1 else 1)"
            ),
            "leaves black images out": _normalize("return images / 255 if images.any() else None"),
        },
        "an image alone and in a batch": {
            "divides by the sum where all is one grey": _normalize(
                "return images / (255 if len(np.unique(images)) != 1 else int(images.sum() or 1))"
            ),
            "remembers by shape": "_seen = {}\n"
            + _normalize("return _seen.setdefault(images.shape, images / 255)"),
        },
        "fast: no loop over the pixels": {
            "a loop over indices": _normalize(
                "x = np.empty(images.shape)",
                "for i in np.ndindex(images.shape):",
                "    x[i] = int(images[i]) / 255",
                "return x",
            ),
            "vectorize": "normalize_images = np.vectorize(lambda value: int(value) / 255)",
            "a loop over all axes": _normalize(
                "x = np.zeros(images.shape).reshape(-1, 1, images.shape[-1])",
                "y = images.reshape(x.shape)",
                "for n in range(x.shape[0]):",
                "    for i in range(x.shape[1]):",
                "        for k in range(x.shape[2]):",
                "            x[n, i, k] = y[n, i, k] / 255",
                "return x.reshape(images.shape)",
            ),
        },
        "the images are not changed": {
            "inverts its argument, seen by a visible check": _normalize(
                "x = images / 255", "images[...] = 255 - images", "return x"
            ),
        },
        "images unchanged, no state kept": {
            "empties its argument": _normalize("x = images / 255", "images[...] = 0", "return x"),
        },
    },
    "predict": {
        "a network of other sizes": {
            "scales the image by itself": """def predict(network, x):
    W1, W2, W3 = network["W1"], network["W2"], network["W3"]
    b1, b2, b3 = network["b1"], network["b2"], network["b3"]
    x = x / max(1, np.abs(x).max())
    z1 = sigmoid(x @ W1 + b1)
    z2 = sigmoid(z1 @ W2 + b2)
    return softmax(z2 @ W3 + b3)""",
            "a fixed number of units": _predict(
                "z1 = np.zeros(x.shape[:-1] + (2,))",
                "z1[...] = sigmoid(x @ network['W1'] + network['b1'])",
                Z2,
                A3,
                Y,
            ),
            "two units in each hidden layer": _predict(
                "W1, b1 = network['W1'][:, :2], network['b1'][:2]",
                "z1 = sigmoid(x @ W1 + b1)",
                "z2 = sigmoid(z1 @ network['W2'][:2] + network['b2'])",
                A3,
                Y,
            ),
        },
        "the worked example": {
            "scores, no softmax": _after_z2("return z2 @ network['W3'] + network['b3']"),
            "sigmoid at the end": _after_z2(A3, "return sigmoid(a3)"),
            "ReLU": _after_z2(A3, Y).replace("sigmoid(", "np.maximum(0, "),
            "tanh": _after_z2(A3, Y).replace("sigmoid(", "np.tanh("),
            "softmax in every layer": _after_z2(A3, Y).replace("sigmoid(", "softmax("),
            "no activation in layer 1": _predict(Z1.replace("sigmoid", ""), Z2, A3, Y),
            "no activation in layer 2": _after_z1(Z2.replace("sigmoid", ""), A3, Y),
            "no b1": _predict("z1 = sigmoid(x @ network['W1'])", Z2, A3, Y),
            "no b2": _after_z1("z2 = sigmoid(z1 @ network['W2'])", A3, Y),
            "no b3": _after_z2("a3 = z2 @ network['W3']", Y),
            "b1 twice": _after_z1(Z2.replace("b2", "b1"), A3, Y),
            "W1 twice": _after_z1(Z2.replace("W2", "W1"), A3, Y),
            "subtracts b2": _after_z1(Z2.replace("+", "-"), A3, Y),
            "two layers": _after_z1(A3.replace("z2", "z1"), Y),
            "no bias at all": _predict(
                "z1 = sigmoid(x @ network['W1'])",
                "z2 = sigmoid(z1 @ network['W2'])",
                "return softmax(z2 @ network['W3'])",
            ),
            "an extra sigmoid": _after_z2(A3, "return softmax(sigmoid(a3))"),
            "softmax twice": _after_z2(A3, "return softmax(softmax(a3))"),
            "the transposed weights": _predict(Z1.replace("['W1']", "['W1'].T"), Z2, A3, Y),
            "weights times x": _predict(
                Z1.replace("x @ network['W1']", "network['W1'] @ x"), Z2, A3, Y
            ),
            "element by element": _predict(Z1.replace("@", "*"), Z2, A3, Y),
            "the answer, not the probabilities": _after_z2(A3, "return np.argmax(a3, axis=-1)"),
            "the largest probability": _after_z2(A3, "return softmax(a3).max(axis=-1)"),
            "one-hot answers": _after_z2(A3, "return np.eye(a3.shape[-1])[a3.argmax(axis=-1)]"),
            "logarithms": _after_z2(A3, "return np.log(softmax(a3))"),
            "percentages": _after_z2(A3, "return 100 * softmax(a3)"),
            "rounds": _after_z2(A3, "return np.round(softmax(a3), 3)"),
            "half precision": _after_z2(A3, "return softmax(a3).astype(np.float16)"),
            "scales once more": _predict("x = x / 255", Z1, Z2, A3, Y),
            "always a batch": _predict("x = np.atleast_2d(x)", Z1, Z2, A3, Y),
            "batches only": _predict("n, d = x.shape", Z1, Z2, A3, Y),
            "a list of rows": _after_z2(A3, "return list(softmax(a3))"),
            "784 pixels only": _predict("x = x.reshape(-1, 784)", Z1, Z2, A3, Y),
            "the trained network, always": _predict("network = trained", Z1, Z2, A3, Y),
            "nothing returned": _after_z2(A3, "softmax(a3)"),
            "all layers returned": _after_z2(A3, "return z1, z2, softmax(a3)"),
        },
        "all sizes equal": {
            "the transposed weights where they are square": _predict(
                "w = network['W2']",
                "w = w.T if w.shape == network['W3'].shape else w",
                Z1,
                "z2 = sigmoid(z1 @ w + network['b2'])",
                A3,
                Y,
            ),
            "softmax down the columns of a square": _after_z2(
                A3,
                "if a3.ndim == 2 and a3.shape[0] == a3.shape[1]:",
                "    return softmax(a3.T).T",
                Y,
            ),
        },
        "a batch gives a row per image": {
            "softmax of the whole batch": _after_z2(
                A3, "e = np.exp(a3 - np.max(a3))", "return e / np.sum(e)"
            ),
            "softmax down the columns": _after_z2(
                A3, "e = np.exp(a3 - np.max(a3, axis=0))", "return e / np.sum(e, axis=0)"
            ),
            "one image only": _predict("x = x.ravel()", Z1, Z2, A3, Y),
            "the first image only": _predict("x = x if x.ndim == 1 else x[0]", Z1, Z2, A3, Y),
        },
        "large weights, no nan": {
            "a softmax that overflows": _after_z2(
                A3, "e = np.exp(a3)", "return e / np.sum(e, axis=-1, keepdims=True)"
            ),
            "one maximum for the batch": _after_z2(
                A3, "e = np.exp(a3 - np.max(a3))", "return e / np.sum(e, axis=-1, keepdims=True)"
            ),
            "a sigmoid that overflows": "def _sigmoid(a):\n"
            "    return np.exp(a) / (1 + np.exp(a))\n\n\n"
            + _after_z2(A3, Y).replace("= sigmoid", "= _sigmoid"),
        },
        "one image, a batch of one": {
            "squeezes": _after_z2(A3, "return np.squeeze(softmax(a3))"),
        },
        "float32, in another order": {
            "weights in the order they come": _predict(
                "W1, b1, W2, b2, W3, b3 = network.values()",
                "z1 = sigmoid(x @ W1 + b1)",
                "z2 = sigmoid(z1 @ W2 + b2)",
                "return softmax(z2 @ W3 + b3)",
            ),
        },
        "fast: no loop over single numbers": {
            "loops and the math module": "import math\n\n\n"
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
            "three nested loops": _predict(
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
        },
        "a batch of one stays a batch": {
            "squeezes, seen by a visible check": _after_z2(
                A3, "y = softmax(a3)", "return y[0] if len(y) == 1 else y"
            ),
        },
        "other sizes, another order of names": {
            "by place, seen by a visible check": _predict(
                "W1, b1, W2, b2, W3, b3 = [*network.values()]",
                "return softmax(sigmoid(sigmoid(x @ W1 + b1) @ W2 + b2) @ W3 + b3)",
            ),
        },
        "large weights give no `nan`": {
            "scores that are cut off": _after_z2(A3, "return softmax(np.clip(a3, -50, 50))"),
        },
        "network and image are not changed": {
            "takes weights out of the network": _predict(
                "b = network.pop('b3')", Z1, Z2, "return softmax(z2 @ network['W3'] + b)"
            ),
            "centres the image in place": _predict(
                "x -= 0 * x + 1", "x += 1", "x *= 1 + 1e-15", Z1, Z2, A3, Y
            ),
            "writes into x": _predict("p = x.copy()", "x[...] = 0", "x = p", Z1, Z2, A3, Y),
            "writes into b1": _after_z1("network['b1'] += x.sum()", Z2, A3, Y),
            "keeps the layers in the network": _after_z2(A3, "network['z1'] = z1", Y),
        },
        "nothing changed, no state kept": {
            "writes into a batch of six": _after_z2(A3, "if len(x) == 6:", "    x[0] = 0", Y),
            "the network of the first call": "_kept = {}\n"
            + _predict("network = _kept.setdefault(network['W1'].shape, network)", Z1, Z2, A3, Y),
        },
    },
    "accuracy_in_batches": {
        "the worked example": {
            "the mean of the slices' rates": _by_label(
                "rates = []",
                LOOP,
                ASK,
                "    rates.append(np.mean(p == t[i:i + batch_size]))",
                "return np.mean(rates)",
            ),
            "drops the short slice, and its images from the count": _by_label(
                "n = len(x) // batch_size * batch_size",
                START,
                LOOP.replace("len(x)", "n"),
                ASK,
                COUNT,
                "return correct / n",
            ),
            "divides by full slices": _counted(
                "return correct / (-(-len(x) // batch_size) * batch_size)"
            ),
            "a percentage": _counted("return 100 * correct / len(x)"),
            "a number of images": _counted("return correct"),
            "the error rate": _counted("return 1 - correct / len(x)"),
            "a whole number": _counted("return correct // len(x)"),
            "always 10,000 images": _counted("return correct / 10000"),
            "text": _counted("return f'{correct / len(x)}'"),
            "prints": _counted("print(correct / len(x))"),
            "the first slice only": _by_label(
                "i = 0", *(line.strip() for line in (ASK,)), "return np.mean(p == t[:batch_size])"
            ),
            "returns in the loop": _counted("    return correct / len(x)"),
            "the last slice's rate": _by_slice(ASK, "return np.mean(p == t[i:i + batch_size])"),
            "argmax down the columns": _by_slice(ASK.replace("axis=1", "axis=0"), COUNT, RATE),
            "argmax of the whole slice": _by_slice(ASK.replace(", axis=1", ""), COUNT, RATE),
            "argmin": _by_slice(ASK.replace("argmax", "argmin"), COUNT, RATE),
            "max for argmax": _by_slice(ASK.replace("argmax", "max"), COUNT, RATE),
            "without asking": _by_label("return np.mean(np.argmax(x, axis=1) == t)"),
            "one-hot labels only": _accuracy(
                "t = np.argmax(t, axis=-1)",
                START,
                LOOP,
                ASK,
                "    correct += np.sum(p == t[i:i + batch_size])",
                RATE,
            ),
            "labels not sliced": _by_slice(ASK, "    correct += np.sum(p == t[:len(p)])", RATE),
            "labels of the next slice": _by_label(
                "t = np.roll(t, -1)", START, LOOP, ASK, COUNT, RATE
            ),
            "the notebook's own predict": "_own = predict\n\n\n"
            + _accuracy("predict = lambda batch: _own(trained, batch)", *COUNTED, RATE),
            "gives the rows as a list": _by_slice(
                ASK.replace("batch_size]", "batch_size].tolist()"), COUNT, RATE
            ),
        },
        "one call for each slice": {
            "drops the short slice": _by_label(
                START,
                LOOP[:-1].replace("len(x)", "len(x) - batch_size + 1") + ":",
                ASK,
                COUNT,
                RATE,
            ),
            "all images in one call": _by_label(
                "return np.mean(np.argmax(predict(x), axis=1) == t)"
            ),
            "one call for each image": _by_label(
                "p = [np.argmax(predict(x[i:i + 1])) for i in range(len(x))]",
                "return np.mean(np.array(p) == t)",
            ),
            "single images without their first axis": _by_label(
                "p = [np.argmax(predict(image)) for image in x]", "return np.mean(np.array(p) == t)"
            ),
            "two calls for each slice": _by_slice(
                "    predict(x[i:i + batch_size])", ASK, COUNT, RATE
            ),
            "a call for everything first": _by_label("predict(x)", START, LOOP, ASK, COUNT, RATE),
            "slices that overlap": _by_slice(
                ASK.replace("+ batch", "+ 1 + batch"), COUNT.replace("+ batch", "+ 1 + batch"), RATE
            ),
            "slices one short": _by_slice(
                ASK.replace("batch_size]", "batch_size - 1]"),
                COUNT.replace("batch_size]", "batch_size - 1]"),
                RATE,
            ),
            "slices of 100": _accuracy("batch_size = 100", *COUNTED, RATE),
            "batch_size slices": _by_label(
                "parts = np.array_split(np.arange(len(x)), batch_size)",
                "hits = [np.argmax(predict(x[i]), axis=1) == t[i] for i in parts if len(i)]",
                "return np.mean(np.concatenate(hits))",
            ),
            "equal slices, too long": _by_label(
                "parts = np.array_split(np.arange(len(x)), max(1, len(x) // batch_size))",
                "c = sum(np.sum(np.argmax(predict(x[i]), axis=1) == t[i]) for i in parts)",
                "return c / len(x)",
            ),
            "fills the short slice up": _by_slice(
                "    j = np.arange(i, i + batch_size) % len(x)",
                "    p = np.argmax(predict(x[j]), axis=1)",
                "    correct += np.sum((p == t[j])[:len(x) - i])",
                RATE,
            ),
        },
        "any batch size": {
            "rounds": _counted("return round(correct / len(x), 3)"),
            "differences of the labels": _by_slice(
                ASK, "    correct += np.sum(t[i:i + batch_size] - p.astype(t.dtype) <= 0)", RATE
            ),
            "the first predict forever": "_kept = []\n\n\n"
            + _accuracy("_kept.append(predict)", "predict = _kept[0]", *COUNTED, RATE),
        },
        "each image once, in slices": {
            "an empty slice at the end": _by_label(
                START, LOOP.replace("len(x)", "len(x) + 1"), ASK, COUNT, RATE
            ),
            "random slices": _by_label(
                "rng = np.random.default_rng(0)",
                START,
                LOOP,
                "    j = rng.integers(len(x), size=min(batch_size, len(x) - i))",
                "    p = np.argmax(predict(x[j]), axis=1)",
                "    correct += np.sum(p == t[j])",
                RATE,
            ),
        },
        "one-hot labels": {
            "integer labels only": _accuracy(START, LOOP, ASK, COUNT, RATE),
            "one-hot integers only": _accuracy(
                "if t.ndim == 2 and t.dtype.kind in 'iu':",
                "    t = np.argmax(t, axis=1)",
                START,
                LOOP,
                ASK,
                COUNT,
                RATE,
            ),
            "one-hot compared element by element": _accuracy(
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
        },
        "one-hot labels, integers and floats": {
            "one-hot told by its dtype": _accuracy(
                "if t.dtype.kind == 'f':",
                "    t = np.argmax(t, axis=1)",
                START,
                LOOP,
                ASK,
                COUNT,
                RATE,
            ),
        },
        "labels as uint8": {
            "int64 labels only": _accuracy(
                "assert t.dtype != np.uint8 or t.ndim == 2", *COUNTED, RATE
            ),
        },
        "none right, all right": {
            "never below a tenth": _counted("return max(0.1, correct / len(x))"),
        },
        "any number of images": {
            "four images at least": _counted("return correct / max(4, len(x))"),
        },
        "nothing changed, no state kept": {
            "shuffles the images": _by_label(
                "order = np.random.default_rng(0).permutation(len(x))",
                "x[...] = x[order]",
                "t = t[order]",
                START,
                LOOP,
                ASK,
                COUNT,
                RATE,
            ),
            "overwrites the labels": _accuracy(
                START,
                "if t.ndim == 2:",
                "    t = np.argmax(t, axis=1)",
                LOOP,
                ASK,
                COUNT,
                "t[...] = 0",
                RATE,
            ),
        },
        "a batch larger than the data": {
            "divides by what fits into the slices": _counted(
                "return correct / max(len(x), batch_size)"
            ),
        },
        "images and labels are not changed": {
            "turns the images round": _counted("x[...] = x[::-1].copy()", RATE),
        },
        "fast: no loop over single outputs": {
            "nested loops over the outputs": _by_slice(
                "    y = predict(x[i:i + batch_size])",
                "    for n in range(len(y)):",
                "        place = 0",
                "        for k in range(y.shape[1]):",
                "            if y[n, k] > y[n, place]:",
                "                place = k",
                "        correct += place == t[i + n]",
                RATE,
            ),
        },
    },
}

RIGHT = {
    "to_one_hot": {
        "element by element": _filled("for n, k in enumerate(t):", "    y[n, k] = 1", "return y"),
        "indices of both axes": _filled(SET, "return y"),
        "comparison, integers": _one_hot(
            "return (t[:, np.newaxis] == np.arange(num_classes)).astype(int)"
        ),
        "comparison, booleans": _one_hot("return np.equal.outer(t, np.arange(num_classes))"),
        "put_along_axis": _filled(
            "np.put_along_axis(y, t[:, None].astype(int), 1, axis=1)", "return y"
        ),
        "rows of the identity, stacked": _one_hot(
            "eye = np.eye(num_classes)", "return np.stack([eye[k] for k in t])"
        ),
        "take": _one_hot("return np.take(np.identity(num_classes, dtype=np.float32), t, axis=0)"),
        "the labels' own dtype": _one_hot(
            "y = np.zeros((t.size, num_classes), dtype=t.dtype)", SET, "return y"
        ),
        "flat places": _filled(
            "y.flat[np.arange(len(t)) * num_classes + t.astype(int)] = 1", "return y"
        ),
        "lists": _one_hot(
            "return np.array([[int(k == label) for k in range(num_classes)] for label in t])"
        ),
        "column by column": _one_hot(
            "return np.array([t == k for k in range(num_classes)]).T * 1.0"
        ),
        "Fortran order": _one_hot("return np.asfortranarray(np.eye(num_classes)[t])"),
        "other names": "def to_one_hot(labels, k=10):\n    return np.eye(k)[labels]",
    },
    "normalize_images": {
        "float32": _normalize("return images.astype(np.float32) / 255"),
        "a float32 divisor": _normalize("return images / np.float32(255)"),
        "times a factor": _normalize("return images * (1 / 255)"),
        "np.divide": _normalize("return np.divide(images, 255, dtype=np.float64)"),
        "a table of all values": _normalize("return np.linspace(0, 1, 256)[images]"),
        "a copy, in place": _normalize("x = images.astype(float)", "x /= 255", "return x"),
        "a loop over images": _normalize("return np.array([image / 255.0 for image in images])"),
        "einsum": _normalize("return np.einsum('...,->...', images, 1 / 255)"),
        "interpolation": _normalize("return np.interp(images, [0, 255], [0.0, 1.0])"),
        "extended precision": _normalize("return images.astype(np.longdouble) / 255"),
        "big-endian floats": _normalize("return (images / 255).astype('>f8')"),
    },
    "predict": {
        "biases absorbed in the weights": """def predict(network, x):
    one = np.ones(x.shape[:-1] + (1,))
    for i in (1, 2, 3):
        M = np.vstack([network[f"b{i}"], network[f"W{i}"]])
        x = np.concatenate([one, x], axis=-1) @ M
        if i < 3:
            x = sigmoid(x)
    return softmax(x)""",
        "np.dot": _predict(
            *(
                line.replace("x @ network['W1']", "np.dot(x, network['W1'])")
                for line in (Z1, Z2, A3, Y)
            )
        ),
        "einsum": _predict(
            "z = x",
            "for i in '123':",
            "    a = np.einsum('...d,dh->...h', z, network['W' + i]) + network['b' + i]",
            "    z = sigmoid(a)",
            "return softmax(a)",
        ),
        "transposed": _predict(
            "column = lambda name: network[name][:, None]",
            "batch = np.atleast_2d(x)",
            "z1 = sigmoid(network['W1'].T @ batch.T + column('b1'))",
            "z2 = sigmoid(network['W2'].T @ z1 + column('b2'))",
            "y = softmax((network['W3'].T @ z2 + column('b3')).T)",
            "return y[0] if x.ndim == 1 else y",
        ),
        "image by image": _predict(
            "if x.ndim == 2:",
            "    return np.array([predict(network, image) for image in x])",
            Z1,
            Z2,
            A3,
            Y,
        ),
        "the bias absorbed": _predict(
            "z = np.asarray(x)",
            "for i in (1, 2, 3):",
            "    w = np.vstack([network[f'W{i}'], network[f'b{i}']])",
            "    a = np.concatenate([z, np.ones(z.shape[:-1] + (1,))], axis=-1) @ w",
            "    z = sigmoid(a)",
            "return softmax(a)",
        ),
        "its own sigmoid and softmax, with warnings of overflow": _predict(
            "s = lambda a: 1 / (1 + np.exp(-a))",
            "z1 = s(x @ network['W1'] + network['b1'])",
            "z2 = s(z1 @ network['W2'] + network['b2'])",
            A3,
            "a3 = a3 - a3.max(axis=-1, keepdims=True)",
            "return np.exp(a3 - np.log(np.exp(a3).sum(axis=-1, keepdims=True)))",
        ),
        "tanh for the sigmoid": _after_z2(A3, Y)
        .replace("sigmoid(", "0.5 + 0.5 * np.tanh(0.5 * (")
        .replace("['b1'])", "['b1']))")
        .replace("['b2'])", "['b2']))"),
        "float64 throughout": _predict("x = x.astype(np.float64)", Z1, Z2, A3, Y),
        "a float32 result": _after_z2(A3, "return softmax(a3).astype(np.float32)"),
        "a copy of the network": _predict(
            "p = {k: v.copy() for k, v in network.items()}",
            "network = p",
            "network['W1'] *= 1",
            Z1,
            Z2,
            A3,
            Y,
        ),
        "other names": _after_z2(A3, Y)
        .replace("network", "params")
        .replace("x", "images")
        .replace("softmaimages", "softmax"),
    },
    "accuracy_in_batches": {
        "a weighted mean of rates": """def accuracy_in_batches(predict, x, t, batch_size):
    t = t.argmax(1) if t.ndim == 2 else t
    s = [slice(i, i + batch_size) for i in range(0, len(x), batch_size)]
    r = [np.mean(predict(x[k]).argmax(1) == t[k]) for k in s]
    return np.average(r, weights=[len(x[k]) for k in s])""",
        "all answers joined": _by_label(
            "y = [predict(x[i:i + batch_size]) for i in range(0, len(x), batch_size)]",
            "return np.mean(np.concatenate(y).argmax(axis=1) == t)",
        ),
        "rates with weights": _by_label(
            "rates, sizes = [], []",
            LOOP,
            ASK,
            "    rates.append(np.mean(p == t[i:i + batch_size]))",
            "    sizes.append(len(p))",
            "return np.average(rates, weights=sizes)",
        ),
        "np.split": _by_label(
            "cuts = range(batch_size, len(x), batch_size)",
            "pairs = zip(np.split(x, cuts), np.split(t, cuts))",
            "hits = [np.count_nonzero(predict(a).argmax(1) == b) for a, b in pairs]",
            "return sum(hits) / len(t)",
        ),
        "slices of nearly equal length": _by_label(
            "k = -(-len(x) // batch_size)",
            "c = 0",
            "for a, b in zip(np.array_split(x, k), np.array_split(t, k)):",
            "    c += (predict(a).argmax(axis=-1) == b).sum()",
            "return c / len(x)",
        ),
        "while": _accuracy(
            "done = right = 0",
            "while done < len(x):",
            "    y = predict(x[done:done + batch_size])",
            "    for row, label in zip(y, t[done:]):",
            "        label = label if np.ndim(label) == 0 else np.argmax(label)",
            "        right += np.argmax(row) == label",
            "    done += len(y)",
            "return right / done",
        ),
        "from the end": _by_label(
            START, "for i in reversed(range(0, len(x), batch_size)):", ASK, COUNT, RATE
        ),
        "the output at the label is the largest": _by_slice(
            "    y, k = predict(x[i:i + batch_size]), t[i:i + batch_size]",
            "    correct += np.sum(y[np.arange(len(y)), k] == y.max(axis=1))",
            RATE,
        ),
        "one-hot labels throughout": _accuracy(
            START,
            LOOP,
            "    y, s = predict(x[i:i + batch_size]), t[i:i + batch_size]",
            "    s = s if s.ndim == 2 else np.eye(y.shape[1])[s]",
            "    correct += np.einsum('nk,nk->', np.eye(y.shape[1])[y.argmax(axis=1)], s)",
            RATE,
        ),
        "a NumPy scalar": _counted("return np.float32(correct / len(x))"),
        "an array without axes": _counted("return np.array(correct / len(x))"),
        "a generator": _by_label(
            "def slices():",
            "    for i in range(0, len(x), batch_size):",
            "        yield x[i:i + batch_size], t[i:i + batch_size]",
            "hits = [hit for a, b in slices() for hit in np.argmax(predict(a), axis=1) == b]",
            "return sum(hits) / len(hits)",
        ),
        "keyword and default": _counted(RATE).replace("batch_size):", "batch_size=100):", 1),
    },
}
