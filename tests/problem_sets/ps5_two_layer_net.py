"""Right and wrong ways to write the tasks of `ps5_two_layer_net`."""

import functools

from tests.problem_sets.grading import Mistake, changed, function

_error = function("relative_error(a, b)")

SIZE = "size = np.linalg.norm(a) + np.linalg.norm(b)"
ZERO = "if size == 0: return 0.0"
RATIO = "return np.linalg.norm(a - b) / size"

BOOK = """
class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01, seed=None):
        rng = np.random.default_rng(seed)
        self.params = {}
        self.params["W1"] = weight_init_std * rng.standard_normal((input_size, hidden_size))
        self.params["b1"] = np.zeros(hidden_size)
        self.params["W2"] = weight_init_std * rng.standard_normal((hidden_size, output_size))
        self.params["b2"] = np.zeros(output_size)

    def predict(self, x):
        W1, b1, W2, b2 = (self.params[key] for key in ("W1", "b1", "W2", "b2"))
        a1 = np.dot(x, W1) + b1
        z1 = sigmoid(a1)
        a2 = np.dot(z1, W2) + b2
        return softmax(a2)

    def loss(self, x, t):
        y = self.predict(x)
        return cross_entropy_error(y, t)

    def accuracy(self, x, t):
        if t.ndim != 1:
            t = np.argmax(t, axis=1)
        y = np.argmax(self.predict(x), axis=1)
        return np.sum(y == t) / float(x.shape[0])

    def numerical_gradient(self, x, t):
        grads = {}
        for key in list(self.params):
            kept = self.params[key]

            def f(value):
                self.params[key] = value
                return self.loss(x, t)

            grads[key] = numerical_gradient(f, kept)
            self.params[key] = kept
        return grads

    def gradient(self, x, t):
        W1, b1, W2, b2 = (self.params[key] for key in ("W1", "b1", "W2", "b2"))
        z1 = sigmoid(np.dot(x, W1) + b1)
        y = softmax(np.dot(z1, W2) + b2)
        if t.ndim == 1:
            t = np.eye(len(b2))[t]
        dy = (y - t) / x.shape[0]
        grads = {}
        grads["W2"] = np.dot(z1.T, dy)
        grads["b2"] = np.sum(dy, axis=0)
        dz1 = np.dot(dy, W2.T)
        da1 = z1 * (1 - z1) * dz1
        grads["W1"] = np.dot(x.T, da1)
        grads["b1"] = np.sum(da1, axis=0)
        return grads
"""

_but = functools.partial(changed, BOOK)


def _with(method: str, *body: str) -> str:
    """Return `BOOK` with another body for one method, helpers of this method included."""
    head, found, tail = BOOK.partition(f"    def {method}(")
    assert found
    line, _, rest = tail.partition("\n")
    end = rest.find("\n    def ")
    rest = rest[end + 1 :] if end >= 0 else ""
    return head + found + line + "\n        " + "\n        ".join(body) + "\n\n" + rest


SOFTMAX = "return softmax(a2)"
DY = "dy = (y - t) / x.shape[0]"
CROSS = "return cross_entropy_error(y, t)"
RNG = "rng = np.random.default_rng(seed)"
INIT_END = 'self.params["b2"] = np.zeros(output_size)\n'
ONE_HOT = "if t.ndim == 1:\n            t = np.eye(len(b2))[t]"
UNPACK = 'W1, b1, W2, b2 = (self.params[key] for key in ("W1", "b1", "W2", "b2"))'

# The places in which most cases differ from the right work.
_but_loss = functools.partial(_but, CROSS)
_but_softmax = functools.partial(_but, SOFTMAX)
_but_init = functools.partial(_but, INIT_END)
_error_of_size = functools.partial(_error, SIZE)
_numerical = functools.partial(_with, "numerical_gradient")
_error_guarded = functools.partial(_error_of_size, ZERO)

WRONG = {
    "relative_error": {
        "two vectors": {
            "nothing returned": _error_of_size("np.linalg.norm(a - b) / size"),
            "absolute": _error("return np.linalg.norm(a - b)"),
            "divided by the larger one": _error(
                "size = max(np.linalg.norm(a), np.linalg.norm(b))", ZERO, RATIO
            ),
            "divided by the mean length": _error_guarded("return 2 * np.linalg.norm(a - b) / size"),
            "no square root": _error(
                "size = np.sum(a**2) + np.sum(b**2)", ZERO, "return np.sum((a - b) ** 2) / size"
            ),
            "element by element": _error(
                "return np.abs(a - b) / np.maximum(1e-12, np.abs(a) + np.abs(b))"
            ),
            "one argument twice": _error_guarded("return np.linalg.norm(a - a) / size"),
            "negative": _error_guarded("return -np.linalg.norm(a - b) / size"),
            "per cent": _error_guarded("return 100 * np.linalg.norm(a - b) / size"),
            "an array": _error_guarded("return np.array([np.linalg.norm(a - b) / size])"),
        },
        "two arrays of zeros": {
            "divided by a only": _error("return np.linalg.norm(a - b) / np.linalg.norm(a)"),
            "0 / 0": _error_of_size(RATIO),
            "1 for two zeros": _error_of_size("if size == 0: return 1.0", RATIO),
        },
        "the same when a and b are swapped": {
            "divided by the first alone": _error(
                "size = np.linalg.norm(a)", ZERO, "return np.linalg.norm(a - b) / size"
            ),
        },
        "nearly equal, and opposite": {
            "divided by the length of the sum": _error("size = np.linalg.norm(a + b)", ZERO, RATIO),
            "rounded": _error_guarded("return round(np.linalg.norm(a - b) / size, 6)"),
            "lengths subtracted": _error_guarded(
                "return abs(np.linalg.norm(a) - np.linalg.norm(b)) / size"
            ),
        },
        "two matrices": {
            "sums without squares": _error(
                "size = np.sum(a) + np.sum(b)", ZERO, "return np.abs(np.sum(a - b)) / size"
            ),
            "sums of absolute values": _error(
                "size = np.sum(np.abs(a)) + np.sum(np.abs(b))",
                ZERO,
                "return np.sum(np.abs(a - b)) / size",
            ),
            "the worst element": _error(
                "return np.max(np.abs(a - b) / np.maximum(1e-12, np.abs(a) + np.abs(b)))"
            ),
            "the mean of the elements": _error(
                "return np.mean(np.abs(a - b) / np.maximum(1e-12, np.abs(a) + np.abs(b)))"
            ),
            "largest difference over largest number": _error(
                "size = np.max(np.abs(a)) + np.max(np.abs(b))",
                ZERO,
                "return np.max(np.abs(a - b)) / size",
            ),
            "norms of columns": _error(
                "size = np.linalg.norm(a, axis=0) + np.linalg.norm(b, axis=0)",
                "return np.linalg.norm(a - b, axis=0) / np.maximum(size, 1e-12)",
            ),
        },
        "any shape": {
            "spectral norms": _error(
                "size = np.linalg.norm(a, 2) + np.linalg.norm(b, 2)",
                ZERO,
                "return np.linalg.norm(a - b, 2) / size",
            ),
            "two axes at most": _error("if a.ndim > 2: a, b = a[0], b[0]", SIZE, ZERO, RATIO),
        },
        "large and small gradients alike": {
            "a large constant below": _error(SIZE + " + 1e-2", RATIO),
        },
        "the arguments are not changed": {
            "overwrites a": _error_guarded("a -= b", "return np.linalg.norm(a) / size"),
        },
    },
    "TwoLayerNet": {
        "standard deviation of the weights": {
            "weights without the standard deviation": _but("weight_init_std * ", ""),
            "the standard deviation squared": _but("weight_init_std *", "weight_init_std**2 *"),
            "the default whatever is asked for": _but("weight_init_std *", "0.01 *"),
            "Xavier's whatever is asked for": _but("weight_init_std *", "input_size**-0.5 *"),
            "weights from 0 to 1": _but("rng.standard_normal(", "rng.random("),
            "weights from -1 to 1": _but("rng.standard_normal(", "rng.uniform(-1, 1, "),
            "small random biases": _but(
                "np.zeros(hidden_size)", "weight_init_std * rng.standard_normal(hidden_size)"
            ),
            "uniform with the same spread": _but(
                "rng.standard_normal(", "rng.uniform(-(3**0.5), 3**0.5, "
            ),
            "weights all zero": _but("rng.standard_normal(", "np.zeros("),
            "weights all equal": _but("rng.standard_normal(", "np.ones("),
            "the same weights for each unit": _but(
                "rng.standard_normal((input_size, hidden_size))",
                "rng.standard_normal((input_size, 1)) * np.ones(hidden_size)",
            ),
            "another default": _but("weight_init_std=0.01", "weight_init_std=0.1"),
            "biases of one": _but("np.zeros(hidden_size)", "np.ones(hidden_size)"),
            "biases of any size": _but("np.zeros(output_size)", "rng.standard_normal(output_size)"),
        },
        "names and shapes of the parameters": {
            "biases as a row": _but("np.zeros(hidden_size)", "np.zeros((1, hidden_size))"),
            "transposed weights": _but("(input_size, hidden_size)", "(hidden_size, input_size)"),
            "other names": _but('params["W1"]', 'params["w1"]', '("W1", "b1"', '("w1", "b1"'),
        },
        "seeds": {
            "the seed ignored": _but("default_rng(seed)", "default_rng()"),
            "one seed for all": _but("default_rng(seed)", "default_rng(0)"),
            "seed 0 is no seed": _but("default_rng(seed)", "default_rng(seed or None)"),
            "no seed is seed 0": _but(
                "default_rng(seed)", "default_rng(0 if seed is None else seed)"
            ),
        },
        "no batch kept, nothing shared": {
            "one dict for all networks": _but(
                "class TwoLayerNet:",
                "class TwoLayerNet:\n    params = {}\n",
                "self.params = {}",
                "pass",
            ),
            "the first batch's size forever": _but(
                DY, "self.n = getattr(self, 'n', len(x))\n        dy = (y - t) / self.n"
            ),
            "gradients add up": _but_init(
                INIT_END + "        self.grads = {}\n",
                'grads["b1"] = np.sum(da1, axis=0)\n',
                'grads["b1"] = np.sum(da1, axis=0)\n'
                "        for key in grads:\n"
                "            self.grads[key] = self.grads.get(key, 0) + grads[key]\n"
                "        grads = dict(self.grads)\n",
            ),
            "the first batch forever": _but(
                "def gradient(self, x, t):\n",
                "def gradient(self, x, t):\n"
                "        x, t = self.__dict__.setdefault('batch', (x, t))\n",
            ),
            "the batch of the latest loss": _but(
                "def loss(self, x, t):\n",
                "def loss(self, x, t):\n        self.batch = x, t\n",
                "def gradient(self, x, t):\n",
                "def gradient(self, x, t):\n        x, t = getattr(self, 'batch', (x, t))\n",
            ),
        },
        "the probabilities of the example": {
            "scores instead of probabilities": _but_softmax("return a2"),
            "no activation": _but("sigmoid(", "("),
            "tanh": _but("sigmoid(", "np.tanh("),
            "ReLU": _but("sigmoid(", "np.maximum(0, "),
            "sigmoid at the end": _but_softmax("return sigmoid(a2)"),
            "softmax twice": _but_softmax("return softmax(softmax(a2))"),
            "no bias in the hidden layer": _but("a1 = np.dot(x, W1) + b1", "a1 = np.dot(x, W1)"),
            "no bias at the end": _but("a2 = np.dot(z1, W2) + b2", "a2 = np.dot(z1, W2)"),
            "softmax over the whole batch": _but_softmax(
                "e = np.exp(a2 - np.max(a2))\n        return e / np.sum(e)"
            ),
            "softmax over the images": _but_softmax("return softmax(a2.T).T"),
            "probabilities rounded": _but_softmax("return np.round(softmax(a2), 3)"),
            "the first image only": _but_softmax("return softmax(a2)[0]"),
            "labels instead of probabilities": _but_softmax("return a2.argmax(axis=1)"),
        },
        "no nan for large weights": {
            "softmax without the maximum": _but_softmax(
                "e = np.exp(a2)\n        return e / e.sum(axis=1, keepdims=True)"
            ),
            "softmax with the maximum of the batch": _but_softmax(
                "e = np.exp(a2 - a2.max())\n        return e / e.sum(axis=1, keepdims=True)"
            ),
            "a sigmoid that overflows": _but(
                "z1 = sigmoid(a1)", "z1 = np.exp(a1) / (1 + np.exp(a1))"
            ),
        },
        "probabilities for all sizes": {
            "squeezed": _but_softmax("return np.squeeze(softmax(a2))"),
            "weights turned where they are square": _but(
                "a1 = np.dot(x, W1) + b1",
                "a1 = np.dot(x, W1.T if len(W1) == len(b1) > 2 else W1) + b1",
            ),
        },
        "the loss of the example": {
            "the sum over the images": _but_loss(CROSS + " * len(y)"),
            "the mean over images and classes": _but_loss(CROSS + " / y.shape[1]"),
            "no minus": _but_loss("return -cross_entropy_error(y, t)"),
            "base 2": _but_loss(CROSS + " / np.log(2)"),
            "one loss per image": _but_loss("return -np.log(y[np.arange(len(y)), t])"),
            "half the loss with half the gradient": _but_loss(
                "return cross_entropy_error(y, t) / 2", DY, DY + " / 2"
            ),
            "squared error with its own gradient": _but_loss(
                "t = t if t.ndim == 2 else np.eye(y.shape[1])[t]\n"
                "        return 0.5 * np.sum((y - t) ** 2) / len(y)",
                DY,
                "d = (y - t) / x.shape[0]\n"
                "        dy = y * (d - np.sum(d * y, axis=1, keepdims=True))",
            ),
            "one-hot labels only": _but_loss("return -np.sum(t * np.log(y)) / len(y)"),
        },
        "the loss for both kinds of labels": {
            "integer labels only": _but_loss(
                "return -np.mean(np.log(y[np.arange(len(y)), t.astype(int)]))"
            ),
            "one-hot is what has no label above 1": _but_loss(
                "return cross_entropy_error(y, t if t.max() > 1 else np.argmax(t, axis=-1))"
            ),
            "one-hot is what holds floats": _but_loss(
                "t = t.argmax(axis=1) if t.dtype == float else t\n"
                "        return -np.mean(np.log(y[np.arange(len(y)), t]))"
            ),
        },
        "the accuracy of the example": {
            "per cent": _but("np.sum(y == t)", "100 * np.sum(y == t)"),
            "a count": _but("np.sum(y == t) / float(x.shape[0])", "np.sum(y == t)"),
            "the best image of each class": _but(
                "np.argmax(self.predict(x), axis=1)", "np.argmax(self.predict(x), axis=0)"
            ),
            "accuracy for one-hot only": _but("if t.ndim != 1:", "if True:"),
            "the mean probability": _but("np.sum(y == t)", "self.predict(x).max(axis=1).sum()"),
        },
        "accuracy for both kinds of labels": {
            "errors": _but("np.sum(y == t)", "np.sum(y != t)"),
            "accuracy for integers only": _but("if t.ndim != 1:", "if False:"),
        },
        "`numerical_gradient` of the example": {
            "f ignores its argument": _numerical(
                "f = lambda W: self.loss(x, t)",
                "return {key: numerical_gradient(f, self.params[key]) for key in self.params}",
            ),
            "divided by h": _but("numerical_gradient(f, kept)", "2 * numerical_gradient(f, kept)"),
            "weights only, no biases": _but(
                "for key in list(self.params):", 'for key in ("W1", "W2"):'
            ),
        },
        "images, labels and `params` stay the same": {
            "the old parameters are not put back": _but(
                "            self.params[key] = kept\n", ""
            ),
            "there and back with rounding errors": _numerical(
                "grads, h = {}, 1e-4",
                "for key, value in self.params.items():",
                "    grads[key] = np.zeros(value.shape)",
                "    for i in np.ndindex(value.shape):",
                "        value[i] += h",
                "        ahead = self.loss(x, t)",
                "        value[i] -= 2 * h",
                "        grads[key][i] = (ahead - self.loss(x, t)) / (2 * h)",
                "        value[i] += h",
                "return grads",
            ),
            "learns by itself": _but(
                'grads["b1"] = np.sum(da1, axis=0)\n',
                'grads["b1"] = np.sum(da1, axis=0)\n'
                "        for key in grads:\n            self.params[key] -= 0.1 * grads[key]\n",
            ),
            "parameters overwritten by gradients": _but(
                'grads["b1"] = np.sum(da1, axis=0)\n',
                'grads["b1"] = np.sum(da1, axis=0)\n        self.params.update(grads)\n',
            ),
            "sorts the labels in place": _but(
                "def accuracy(self, x, t):\n", "def accuracy(self, x, t):\n        t.sort(axis=0)\n"
            ),
            "scales the images in place": _but(
                "a1 = np.dot(x, W1)", "x *= 2\n        a1 = np.dot(x / 2, W1)"
            ),
            "subtracts from one-hot labels": _but(DY, "dy = (y - t) / len(x)\n        t -= y"),
        },
        "`numerical_gradient` is accurate": {
            "only the forward difference": _numerical(
                "grads = {}",
                "for key, value in self.params.items():",
                "    grads[key] = np.zeros(value.shape)",
                "    for i in np.ndindex(value.shape):",
                "        kept = value[i]",
                "        before = self.loss(x, t)",
                "        value[i] = kept + 1e-4",
                "        grads[key][i] = (self.loss(x, t) - before) / 1e-4",
                "        value[i] = kept",
                "return grads",
            ),
            "a step of 0.1": _but(
                "numerical_gradient(f, kept)", "numerical_gradient(f, kept, 0.1)"
            ),
        },
        "two gradients, two algorithms": {
            "not numerical at all": _numerical("return self.gradient(x, t)"),
            "numerical all the time": _with("gradient", "return self.numerical_gradient(x, t)"),
        },
        "`gradient` of the example": {
            "not divided by N": _but(DY, "dy = y - t"),
            "divided by N twice": _but("da1 = z1", "da1 = 1 / x.shape[0] * z1"),
            "divided by K": _but(DY, "dy = (y - t) / y.shape[1]"),
            "the other way": _but("(y - t)", "(t - y)"),
            "the slope of softmax once more": _but(DY, "dy = (y - t) * y * (1 - y) / len(x)"),
            "no slope of the sigmoid": _but("da1 = z1 * (1 - z1) * dz1", "da1 = dz1"),
            "the sigmoid of the sigmoid": _but(
                "da1 = z1 * (1 - z1) * dz1", "da1 = sigmoid(z1) * (1 - sigmoid(z1)) * dz1"
            ),
            "ReLU's slope": _but("da1 = z1 * (1 - z1) * dz1", "da1 = (z1 > 0) * dz1"),
            "means in the biases": _but("np.sum(da1, axis=0)", "np.mean(da1, axis=0)"),
            "sums over the classes": _but("np.sum(dy, axis=0)", "np.sum(dy, axis=1)"),
            "sums over everything": _but("np.sum(dy, axis=0)", "np.sum(dy)"),
            "gradients transposed": _but("np.dot(z1.T, dy)", "np.dot(dy.T, z1)"),
            "W1 not reached": _but("np.dot(x.T, da1)", "np.zeros_like(W1)"),
            "biases instead of their gradients": _but(
                'grads["b1"] = np.sum(da1, axis=0)', 'grads["b1"] = b1'
            ),
            "other names in the dict": _but('grads["W1"] = np.dot', 'grads["dW1"] = np.dot'),
            "a tuple": _but(
                'grads["b1"] = np.sum(da1, axis=0)\n        return grads',
                'return np.dot(x.T, da1), np.sum(da1, axis=0), grads["W2"], grads["b2"]',
            ),
            "lists": _but(
                'grads["W2"] = np.dot(z1.T, dy)', 'grads["W2"] = np.dot(z1.T, dy).tolist()'
            ),
            "no return": _but("np.sum(da1, axis=0)\n        return grads", "np.sum(da1, axis=0)"),
            "gradient for one-hot only": _but(ONE_HOT, ""),
        },
        "`gradient` for all sizes": {
            "weights not transposed where square": _but(
                "W2.T)", "W2 if len(W2) == len(b2) else W2.T)"
            ),
        },
        "gradients for both kinds of labels": {
            "gradient for integers only": _but(ONE_HOT, "t = np.eye(len(b2))[t]"),
        },
        "new parameters take effect": {
            "copies of the first weights": _but_init(
                INIT_END + "        self.W1 = self.params['W1']\n",
                "np.dot(x, W1)",
                "np.dot(x, self.W1)",
            ),
            "loss and predict keep the first weights": _but_init(
                INIT_END + "        self.first = dict(self.params)\n",
                UNPACK + "\n        a1",
                UNPACK.replace("params", "first") + "\n        a1",
            ),
        },
    },
}

LOOPS = """
class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01, seed=None):
        random = np.random.RandomState(seed)
        self.params = {
            "b2": np.zeros(output_size),
            "W2": random.normal(0, weight_init_std, (hidden_size, output_size)),
            "b1": np.zeros(hidden_size),
            "W1": random.normal(0, weight_init_std, (input_size, hidden_size)),
        }

    def predict(self, x):
        return np.array([self._one(image)[1] for image in x])

    def _one(self, image):
        hidden = 1 / (1 + np.exp(-(image @ self.params["W1"] + self.params["b1"])))
        scores = hidden @ self.params["W2"] + self.params["b2"]
        e = np.exp(scores - scores.max())
        return hidden, e / e.sum()

    def _label(self, t):
        return int(t) if np.ndim(t) == 0 else int(np.argmax(t))

    def loss(self, x, t):
        total = 0.0
        for y, label in zip(self.predict(x), t):
            total -= float(np.log(y[self._label(label)]))
        return total / len(x)

    def accuracy(self, x, t):
        y = self.predict(x)
        right = [int(np.argmax(y[n])) == self._label(t[n]) for n in range(len(x))]
        return sum(right) / len(right)

    def numerical_gradient(self, x, t, h=1e-5):
        grads = {}
        for key in sorted(self.params):
            W = self.params[key]
            grads[key] = np.zeros_like(W)
            it = np.nditer(W, flags=["multi_index"])
            while not it.finished:
                i = it.multi_index
                kept = W[i]
                W[i] = kept + h
                ahead = self.loss(x, t)
                W[i] = kept - h
                grads[key][i] = (ahead - self.loss(x, t)) / (2 * h)
                W[i] = kept
                it.iternext()
        return grads

    def gradient(self, x, t):
        grads = {key: np.zeros(value.shape) for key, value in self.params.items()}
        for image, label in zip(x, t):
            hidden, y = self._one(image)
            y[self._label(label)] -= 1
            back = self.params["W2"].dot(y) * hidden * (1 - hidden)
            grads["W2"] += np.outer(hidden, y) / len(x)
            grads["b2"] += y / len(x)
            grads["W1"] += np.outer(image, back) / len(x)
            grads["b1"] += back / len(x)
        return grads
"""

COLUMNS = """
class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, weight_init_std=0.01, seed=None):
        np.random.seed(seed)
        self.params = {}
        self.params["W1"] = weight_init_std * np.random.randn(hidden_size, input_size).T
        self.params["W2"] = weight_init_std * np.random.randn(output_size, hidden_size).T
        self.params["b1"], self.params["b2"] = np.zeros(hidden_size), np.zeros(output_size)

    def _columns(self, x):
        p = self.params
        z = 1 / (1 + np.exp(-(p["W1"].T @ x.T + p["b1"][:, None])))
        a = p["W2"].T @ z + p["b2"][:, None]
        return z, a - np.logaddexp.reduce(a, axis=0)

    def predict(self, x):
        return np.exp(self._columns(x)[1]).T

    def loss(self, x, t):
        log_y = self._columns(x)[1]
        return np.asarray(-np.sum(_rows(t, len(log_y)).T * log_y) / len(x))

    def accuracy(self, x, t):
        log_y = self._columns(x)[1]
        return (log_y.argmax(axis=0) == _rows(t, len(log_y)).argmax(axis=1)).mean()

    def numerical_gradient(self, x, t):
        grads = {}
        for key in self.params:
            def f(value, key=key):
                other = object.__new__(TwoLayerNet)
                other.params = {**self.params, key: value}
                return float(other.loss(x, t))
            grads[key] = numerical_gradient(f, self.params[key], 1e-3)
        return grads

    def gradient(self, x, t):
        z, log_y = self._columns(x)
        d2 = (np.exp(log_y) - _rows(t, len(log_y)).T) / len(x)
        d1 = (self.params["W2"] @ d2) * (z - z**2)
        return dict(W1=(d1 @ x).T, b1=d1.sum(1), W2=(d2 @ z.T).T, b2=d2.sum(1), loss=0.0)


def _rows(t, k):
    return t if t.ndim == 2 else (t[:, None] == np.arange(k)).astype(float)
"""

RIGHT = {
    "relative_error": {
        "vdot": _error(
            "length = lambda v: np.sqrt(np.vdot(v, v))",
            "size = length(a) + length(b)",
            "return length(a - b) / size if size else 0",
        ),
        "loops": _error(
            "apart = size_a = size_b = 0.0",
            "for p, q in zip(a.ravel(), b.ravel()):",
            "    apart += (p - q) ** 2",
            "    size_a += p * p",
            "    size_b += q * q",
            "if size_a == size_b == 0:",
            "    return 0",
            "return apart**0.5 / (size_a**0.5 + size_b**0.5)",
        ),
        "einsum": _error(
            "n = lambda v: np.einsum('i,i->', v.ravel(), v.ravel()) ** 0.5",
            "return n(a - b) / max(n(a) + n(b), 1e-12)",
        ),
        "the math module": "import math\n"
        + _error(
            "a, b = a.ravel(), b.ravel()",
            "size = math.hypot(*a) + math.hypot(*b)",
            "return math.dist(a, b) / size if size > 0 else 0.0",
        ),
        "a tiny constant below": _error_of_size("return np.linalg.norm(a - b) / (size + 1e-15)"),
        "at least 1e-8 below": _error_of_size("return np.linalg.norm(a - b) / max(size, 1e-8)"),
        "nan made a zero": _error_of_size("return np.nan_to_num(np.linalg.norm(a - b) / size)"),
        "an array without axes": _error_guarded("return np.array(np.linalg.norm(b - a) / size)"),
        "flattened": _error("a, b = np.ravel(a), np.ravel(b)", SIZE, ZERO, RATIO),
        "equal first": _error("if np.array_equal(a, b):", "    return 0.0", SIZE, RATIO),
        "copies in extended precision": _error(
            "a, b = a.astype(np.longdouble), b.astype(np.longdouble)",
            "size = np.sqrt((a * a).sum()) + np.sqrt((b * b).sum())",
            ZERO,
            "return float(np.sqrt(((a - b) ** 2).sum()) / size)",
        ),
    },
    "TwoLayerNet": {
        "loops over single numbers": """import math


class TwoLayerNet:
    def __init__(
        self, input_size, hidden_size, output_size, weight_init_std=0.01, seed=None
    ):
        r = np.random.RandomState(seed)
        self.params = {}
        sizes = (input_size, hidden_size, output_size)
        for w, b, n, m in (("W1", "b1", *sizes[:2]), ("W2", "b2", *sizes[1:])):
            rows = [[r.normal(0, weight_init_std) for _ in range(m)] for _ in range(n)]
            self.params[w] = np.array(rows)
            self.params[b] = np.array([0.0] * m)

    def _one(self, row):
        W1, b1, W2, b2 = (self.params[k] for k in ("W1", "b1", "W2", "b2"))
        z = []
        for j in range(len(b1)):
            a = b1[j]
            for i in range(len(row)):
                a += row[i] * W1[i, j]
            z.append(1 / (1 + math.exp(-a)) if a >= 0 else math.exp(a) / (1 + math.exp(a)))
        s = []
        for k in range(len(b2)):
            a = b2[k]
            for j in range(len(z)):
                a += z[j] * W2[j, k]
            s.append(a)
        e = [math.exp(v - max(s)) for v in s]
        return z, [v / sum(e) for v in e]

    def predict(self, x):
        return np.array([self._one(row)[1] for row in x])

    def _label(self, v):
        return int(np.argmax(v)) if np.ndim(v) else int(v)

    def loss(self, x, t):
        total = 0.0
        for row, v in zip(x, t):
            total -= math.log(max(self._one(row)[1][self._label(v)], 1e-300))
        return total / len(x)

    def accuracy(self, x, t):
        n = 0
        for row, v in zip(x, t):
            y = self._one(row)[1]
            n += y.index(max(y)) == self._label(v)
        return n / len(x)

    def numerical_gradient(self, x, t):
        grads = {}
        for key, p in self.params.items():
            g = np.zeros(p.shape)
            for i in np.ndindex(p.shape):
                kept = p[i]
                p[i] = kept + 1e-4
                up = self.loss(x, t)
                p[i] = kept - 1e-4
                down = self.loss(x, t)
                p[i] = kept
                g[i] = (up - down) / 2e-4
            grads[key] = g
        return grads

    def gradient(self, x, t):
        grads = {k: np.zeros(v.shape) for k, v in self.params.items()}
        W2 = self.params["W2"]
        for row, v in zip(x, t):
            z, y = self._one(row)
            d2 = [(y[k] - (k == self._label(v))) / len(x) for k in range(len(y))]
            for k in range(len(y)):
                grads["b2"][k] += d2[k]
                for j in range(len(z)):
                    grads["W2"][j, k] += z[j] * d2[k]
            for j in range(len(z)):
                d1 = sum(d2[k] * W2[j, k] for k in range(len(y))) * z[j] * (1 - z[j])
                grads["b1"][j] += d1
                for i in range(len(row)):
                    grads["W1"][i, j] += row[i] * d1
        return grads""",
        "as in the book": BOOK,
        "loops, RandomState, names in another order": LOOPS,
        "columns, global random numbers, log-sum-exp, 0-d loss, a further entry": COLUMNS,
        "einsum": _but(
            "np.dot(x, W1)",
            "np.einsum('nd,dh->nh', x, W1)",
            "np.dot(z1.T, dy)",
            "np.einsum('nh,nk->hk', z1, dy)",
            "np.dot(dy, W2.T)",
            "np.einsum('nk,hk->nh', dy, W2)",
            "np.dot(x.T, da1)",
            "np.einsum('nd,nh->dh', x, da1)",
        ),
        "float32 weights": _but_init(
            INIT_END + "        for key, value in self.params.items():\n"
            "            self.params[key] = value.astype(np.float32)\n"
        ),
        "float32 gradients": _but(DY, DY + "\n        dy = dy.astype(np.float32)"),
        "float32 probabilities": _but_softmax(
            "return softmax(a2.astype(np.float64)).astype(np.float32)",
            "y = self.predict(x)\n",
            "y = softmax(sigmoid(x @ self.params['W1'] + self.params['b1'])"
            " @ self.params['W2'] + self.params['b2'])\n",
        ),
        "1e-7 added in the logarithm": _but_loss(
            "t = t if t.ndim == 1 else t.argmax(axis=1)\n"
            "        return -np.sum(np.log(y[np.arange(len(t)), t] + 1e-7)) / len(t)"
        ),
        "clipped in the logarithm": _but_loss(
            "t = t if t.ndim == 2 else np.eye(y.shape[1])[t]\n"
            "        return float(-(t * np.log(np.clip(y, 1e-12, 1))).sum(axis=1).mean())"
        ),
        "labels told apart by size": _but(
            ONE_HOT, "if t.size != y.size:\n            t = np.eye(len(b2))[t]"
        ),
        "subtracts at the right class": _but(
            ONE_HOT + "\n        " + DY,
            "labels = t.argmax(axis=1) if t.ndim == 2 else t\n        dy = y.copy()\n"
            "        dy[np.arange(len(x)), labels] -= 1\n        dy /= len(x)",
        ),
        "a slope of the sigmoid that is a function": "def sigmoid_grad(x):\n"
        "    return (1.0 - sigmoid(x)) * sigmoid(x)\n\n"
        + _but("da1 = z1 * (1 - z1) * dz1", "da1 = sigmoid_grad(np.dot(x, W1) + b1) * dz1"),
        "its own sigmoid that warns": _but("sigmoid(a1)", "1 / (1 + np.exp(-a1))"),
        "params is a property": _but_init(
            INIT_END + "\n    @property\n    def params(self):\n        return self._p\n",
            "self.params = {}",
            "self._p = {}",
        ),
        "attributes beside params": _but_init(
            INIT_END + "        self.sizes = input_size, hidden_size\n        self.grads = None\n"
        ),
        "a base class": "class Net:\n"
        "    def loss(self, x, t):\n"
        "        return cross_entropy_error(self.predict(x), t)\n\n"
        + _but(
            "class TwoLayerNet:",
            "class TwoLayerNet(Net):",
            "    def loss(self, x, t):\n"
            "        y = self.predict(x)\n"
            "        return cross_entropy_error(y, t)\n\n",
            "",
        ),
        "numerical in place, at each place kept and put back": _numerical(
            "grads, h = {}, 1e-4",
            "for key, value in self.params.items():",
            "    grads[key] = np.zeros(value.shape)",
            "    for i in np.ndindex(value.shape):",
            "        kept, ends = value[i], []",
            "        for sign in (1, -1):",
            "            value[i] = kept + sign * h",
            "            ends.append(self.loss(x, t))",
            "        value[i] = kept",
            "        grads[key][i] = (ends[0] - ends[1]) / (2 * h)",
            "return grads",
        ),
        "a generator handed on": _but(
            RNG,
            RNG + "\n        assert isinstance(rng, np.random.Generator)",
            "rng.standard_normal((input_size, hidden_size))",
            "rng.normal(size=(input_size, hidden_size))",
        ),
        "talks on stderr": "import sys\n"
        + _but(
            "y = self.predict(x)\n",
            "y = self.predict(x)\n        print('hm', file=sys.stderr)\n",
        ),
    },
}

MISTAKES = {
    "relative_error": {
        "rows of a matrix": Mistake(
            _error(
                "size = np.linalg.norm(a, axis=-1) + np.linalg.norm(b, axis=-1)",
                "return np.linalg.norm(a - b, axis=-1) / np.maximum(size, 1e-300)",
            ),
            says=(
                "`relative_error` returned an array, not one number",
                "number for the whole matrix",
            ),
            points=0.75,
        ),
        "0 / 0": Mistake(
            _error_of_size(RATIO),
            says=("the result contains nan", "if both norms are 0"),
            points=0.75,
        ),
    },
    "TwoLayerNet": {
        "no slope of the sigmoid": Mistake(
            _but("da1 = z1 * (1 - z1) * dz1", "da1 = dz1"),
            says=("`W2` and `b2` are right, `W1` and `b1` not", "the derivative of the sigmoid"),
            lacks=("delta 2", "Divide"),
            points=3.75,
        ),
        "not divided by N": Mistake(
            _but(DY, "dy = y - t"),
            says=("all arrays are wrong", "All four depend on delta 2"),
            lacks=("the derivative of the sigmoid",),
            points=3.75,
        ),
        "`gradient` calls the slow one": Mistake(
            _with("gradient", "return self.numerical_gradient(x, t)"),
            says=("about as slow as 20 calls of `predict`", "does it call `numerical_gradient`?"),
            lacks=("Compare the two gradients",),
            points=4.5,
        ),
        "gradient as a tuple": Mistake(
            _but(
                'grads["b1"] = np.sum(da1, axis=0)\n        return grads',
                'return np.dot(x.T, da1), np.sum(da1, axis=0), grads["W2"], grads["b2"]',
            ),
            "`gradient` returned a tuple, not a dict",
            lacks=("truth value", "ambiguous"),
            points=3.25,
        ),
        "one underscore": Mistake(
            _but("__init__", "_init_"),
            "`TwoLayerNet` has no `__init__`",
            ("two underscores on each side",),
            ("takes no arguments",),
        ),
        "a method indented too far": Mistake(
            _but("    def __init__", "    def init"),
            "`TwoLayerNet` has no `__init__`",
        ),
        "all weights zero": Mistake(
            _but("rng.standard_normal(", "np.zeros("),
            says=("all hidden units are equal", "draw random weights"),
            lacks=("Compare the two gradients",),
            points=4.0,
        ),
        "an update inside `gradient`": Mistake(
            _but(
                'grads["b1"] = np.sum(da1, axis=0)\n',
                'grads["b1"] = np.sum(da1, axis=0)\n'
                "        for key in grads:\n            self.params[key] -= 0.01 * grads[key]\n",
            ),
            says=("`gradient` has changed `params`", "No method updates `params`"),
            points=4.5,
        ),
        "one dict for all networks": Mistake(
            _but(
                "class TwoLayerNet:",
                "class TwoLayerNet:\n    params = {}\n",
                "self.params = {}",
                "pass",
            ),
            says=("a change in one network has affected another", "Make `params` in `__init__`"),
            points=4.5,
        ),
        "the seed ignored": Mistake(
            _but("default_rng(seed)", "default_rng()"),
            says=(
                "the same seed gave different weights",
                "a random generator for this network alone",
            ),
            points=4.75,
        ),
        "the standard deviation ignored": Mistake(
            _but("weight_init_std *", "0.01 *"),
            says=("the standard deviation is wrong", "multiply them by `weight_init_std`"),
            points=4.25,
        ),
        "a missing name": Mistake(
            _but('params["W1"]', 'params["w1"]', '("W1", "b1"', '("w1", "b1"'),
            'a name is missing in `params`: there is no "W1"',
            ("Compare the names", "Hint:"),
        ),
        "weights transposed": Mistake(
            _but("(input_size, hidden_size)", "(hidden_size, input_size)"),
            "`W1`: wrong shape",
            ("a row for each input", "Hint:"),
            points=0.75,
        ),
        "`f` ignores its argument": Mistake(
            _numerical(
                "f = lambda W: self.loss(x, t)",
                "return {key: numerical_gradient(f, self.params[key]) for key in self.params}",
            ),
            says=("all numbers of the gradient are 0", "Does the loss use the argument of `f`?"),
            points=4.5,
        ),
        "integer labels only": Mistake(
            _but("if t.ndim != 1:", "if False:"),
            says=("how many axes does `t` have?",),
            points=4.75,
        ),
        "no sum over the images": Mistake(
            _but("np.sum(da1, axis=0)", "da1[0]"),
            says=("`W1`, `W2` and `b2` are right, `b1` not", "the sum over the images"),
            points=4.25,
        ),
        "`self` forgotten": Mistake(
            _but("def predict(self, x):", "def predict(x):"),
            "`predict` takes 0 arguments besides `self`",
            ("Is `self` its first parameter?", "Hint:"),
            points=1.75,
        ),
        "a `raise` that was left in": Mistake(
            _but(
                "y = self.predict(x)\n        return cross",
                "y = self.predict(x)\n        raise NotImplementedError()\n        return cross",
            ),
            "Your code is there, but `raise NotImplementedError()` still stands in line 20",
            points=3.5,
        ),
    },
}
