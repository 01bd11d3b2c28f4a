"""Right and wrong ways to write the tasks of `ps6_backpropagation`."""

import functools

from tests.problem_sets.grading import Mistake, changed


def _body(*lines: str) -> str:
    return "\n        ".join(lines)


PASS = "return dout * self.mask"


def _relu(forward: str, backward: str = PASS, head: str = "") -> str:
    return (
        f"class ReLU:\n{head}"
        f"    def forward(self, x):\n        {forward}\n\n"
        f"    def backward(self, dout):\n        {backward}\n"
    )


_masked = functools.partial(_body, "self.mask = x > 0")
MASK = _masked("return np.maximum(x, 0)")
_relu_back = functools.partial(_relu, MASK)
AFFINE = """
class Affine:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.x = None
        self.dW = None
        self.db = None

    def forward(self, x):
        self.x = x
        return np.dot(x, self.W) + self.b

    def backward(self, dout):
        dx = np.dot(dout, self.W.T)
        self.dW = np.dot(self.x.T, dout)
        self.db = np.sum(dout, axis=0)
        return dx
"""
_affine = functools.partial(changed, AFFINE)
OUT = "return np.dot(x, self.W) + self.b"
DX = "dx = np.dot(dout, self.W.T)"
DW = "self.dW = np.dot(self.x.T, dout)"
DB = "self.db = np.sum(dout, axis=0)"

LAST = """
class SoftmaxWithLoss:
    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        self.loss = cross_entropy_error(self.y, self.t)
        return self.loss

    def backward(self, dout=1):
        n = self.t.shape[0]
        if self.t.size == self.y.size:
            dx = (self.y - self.t) / n
        else:
            dx = self.y.copy()
            dx[np.arange(n), self.t] -= 1
            dx = dx / n
        return dx * dout
"""
_last = functools.partial(changed, LAST)
CROSS = "self.loss = cross_entropy_error(self.y, self.t)"

NET = """
class MultiLayerNet:
    def __init__(self, layer_sizes, weight_init_std=0.2, seed=None):
        rng = np.random.default_rng(seed)
        self.params = {}
        self.layers = []
        self.depth = len(layer_sizes) - 1
        for i in range(1, self.depth + 1):
            shape = layer_sizes[i - 1], layer_sizes[i]
            self.params["W" + str(i)] = weight_init_std * rng.standard_normal(shape)
            self.params["b" + str(i)] = np.zeros(shape[1])
            self.layers.append(Affine(self.params["W" + str(i)], self.params["b" + str(i)]))
            if i < self.depth:
                self.layers.append(ReLU())
        self.last = SoftmaxWithLoss()

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        y = self.predict(x)
        return self.last.forward(y, t)

    def accuracy(self, x, t):
        if t.ndim != 1:
            t = np.argmax(t, axis=1)
        y = np.argmax(self.predict(x), axis=1)
        return np.sum(y == t) / float(x.shape[0])

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last.backward(1)
        for layer in self.layers[::-1]:
            dout = layer.backward(dout)
        grads = {}
        for i in range(1, self.depth + 1):
            affine = self.layers[2 * i - 2]
            grads["W" + str(i)] = affine.dW
            grads["b" + str(i)] = affine.db
        return grads
"""
_net = functools.partial(changed, NET)
WALK = "for layer in self.layers:\n            x = layer.forward(x)"
WITH_LOSS = "return self.last.forward(y, t)"

HUNT = """
def backpropagate(x, t, params):
    a1 = x.dot(params["W1"]) + params["b1"]
    z1 = np.maximum(a1, 0)
    a2 = z1.dot(params["W2"]) + params["b2"]
    y = softmax(a2)
    da2 = (y - t) / len(x)
    dz1 = da2.dot(params["W2"].T)
    dW2 = z1.T.dot(da2)
    db2 = np.sum(da2, axis=0)
    da1 = np.where(a1 > 0, dz1, 0)
    dx = da1.dot(params["W1"].T)
    dW1 = x.T.dot(da1)
    db1 = np.sum(da1, axis=0)
    grads = {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}
    return {"y": y, "da2": da2, "dz1": dz1, "da1": da1} | grads
"""
_hunt = functools.partial(changed, HUNT)
RETURN = 'return {"y": y, "da2": da2, "dz1": dz1, "da1": da1} | grads'
RELU_BACK = "da1 = np.where(a1 > 0, dz1, 0)"
CUT_PAGE = """
def backpropagate(x, t, params):
    return page_backpropagate(x, t, {key: value.copy() for key, value in params.items()})
"""

# The places in which most cases differ from the right work.
_affine_out = functools.partial(_affine, OUT)
_affine_dx = functools.partial(_affine, DX)
_affine_dw = functools.partial(_affine, DW)
_affine_db = functools.partial(_affine, DB)
_last_loss = functools.partial(_last, CROSS)
_last_y = functools.partial(_last, "softmax(x)")
_last_one_hot = functools.partial(_last, "dx = (self.y - self.t) / n")
_last_dx = functools.partial(_last, "return dx * dout")
_hunt_y = functools.partial(_hunt, "softmax(a2)")
_net_loss = functools.partial(_net, WITH_LOSS)
_net_grads = functools.partial(_net, "        return grads")
_hunt_return = functools.partial(_hunt, "    return")
_last_forward = functools.partial(_last, "self.y = softmax(x)")
_net_depth = functools.partial(_net, "self.depth = len(layer_sizes) - 1")

WRONG = {
    "ReLU": {
        "batches of all kinds, none of them changed": {
            "one array for all results": """class ReLU:
    out = np.zeros(0)

    def forward(self, x):
        self.mask = x > 0
        if self.out.shape != x.shape:
            self.out = np.zeros(x.shape)
        self.out[...] = np.where(self.mask, x, 0)
        return self.out

    def backward(self, dout):
        return dout * self.mask""",
            "cut off at 6": _relu(_masked("return np.clip(x, 0, 6)")),
            "makes integers": _relu(_masked("return np.maximum(x, 0).astype(int)")),
            "flattens a single row": _relu(_masked("return np.squeeze(np.maximum(x, 0))")),
        },
        "forward in the example": {
            "forward hands on x": _relu(_masked("return x")),
            "the size of x": _relu(_masked("return abs(x)")),
            "a step": _relu(_masked("return self.mask * 1.0")),
            "the negative half": _relu(_body("self.mask = x < 0", "return np.minimum(x, 0)")),
            "leaky": _relu(
                _body("self.x = x", "return np.where(x > 0, x, 0.01 * x)"),
                "return np.where(self.x > 0, dout, 0.01 * dout)",
            ),
            "softplus": _relu(_masked("return np.log1p(np.exp(x))")),
            "no return": _relu("self.mask = x > 0"),
        },
        "`x` and `dout` are not changed": {
            "writes into x": _relu(_masked("x[~self.mask] = 0", "return x")),
            "writes into dout": _relu(
                _body("self.mask = x <= 0", "out = x.copy()", "out[self.mask] = 0", "return out"),
                _body("dout[self.mask] = 0", "dx = dout", "return dx"),
            ),
            "dout scaled in place": _relu_back(_body("dout *= self.mask", "return dout")),
        },
        "at exactly zero nothing passes": {
            "x >= 0": _relu(_body("self.mask = x >= 0", "return np.maximum(x, 0)")),
            "a half at zero": _relu(
                _body("self.slope = (np.sign(x) + 1) / 2", "return np.maximum(x, 0)"),
                "return dout * self.slope",
            ),
        },
        "backward in the example": {
            "flips the sign": _relu_back("return np.where(self.mask, dout, -dout)"),
            "flips every sign": _relu_back("return -dout * self.mask"),
            "hands dout on": _relu_back("return dout"),
            "ignores dout": _relu_back("return self.mask * 1.0"),
            "the mask of dout": _relu_back("return dout * (dout > 0)"),
            "both masks": _relu_back("return dout * self.mask * (dout > 0)"),
            "the mask turned round": _relu_back("return dout * ~self.mask"),
            "no backward slopes": _relu_back("return self.mask"),
        },
        "gradients of any size and sign": {
            "x times dout": _relu(
                _body("self.x = x", "return np.maximum(x, 0)"),
                "return dout * np.maximum(self.x, 0)",
            ),
            "slopes clipped": _relu_back("return np.clip(dout, -9, 9) * self.mask"),
        },
        "the latest `forward` counts": {
            "the first batch forever": _relu(
                _body("if not hasattr(self, 'mask'): self.mask = x > 0", "return np.maximum(x, 0)")
            ),
            "masks of all batches together": _relu(
                _body(
                    "old = getattr(self, 'mask', np.zeros(x.shape, bool))",
                    "self.mask = (x > 0) | (old if old.shape == x.shape else False)",
                    "return np.maximum(x, 0)",
                )
            ),
            "a stack of masks, the oldest first": _relu(
                _body(
                    "self.__dict__.setdefault('masks', []).append(x > 0)", "return np.maximum(x, 0)"
                ),
                "return dout * self.masks[0]",
            ),
        },
        "two layers share no mask": {
            "one mask for all layers": _relu(_body("ReLU.mask = x > 0", "return np.maximum(x, 0)")),
            "forgets after backward": _relu_back(
                _body("mask, self.mask = self.mask, 1", "return dout * mask")
            ),
        },
    },
    "Affine": {
        "later changes to W and b count": {
            "the weights as they were at forward": """class Affine:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x, self.before = x, self.W.copy()
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.before.T""",
            "copies of W and b": _affine(
                "self.W = W\n        self.b = b",
                "self.W = W.copy()\n        self.b = b.copy()",
            ),
            "a turned copy for the way back": _affine(
                "self.W = W\n",
                "self.W = W\n        self.WT = W.T.copy()\n",
                "self.W.T)",
                "self.WT)",
            ),
            "W under another name": _affine(
                "self.W = W\n",
                "self.W = self._W = W\n",
                OUT,
                "return np.dot(x, self._W) + self.b",
            ),
            "the bias of the beginning": _affine(
                "self.b = b\n",
                "self.b = b\n        self.first = b\n",
                OUT,
                "return np.dot(x, self.W) + self.first",
            ),
        },
        "one colour: 54.1": {
            "no bias": _affine_out("return np.dot(x, self.W)"),
            "bias subtracted": _affine_out("return np.dot(x, self.W) - self.b"),
            "squeezed": _affine_out(OUT.replace("return ", "return np.squeeze(") + ")"),
            "rounded": _affine_out(OUT.replace("return ", "return np.round(") + ")"),
        },
        "forward in the example": {
            "W x instead of x W": _affine_out("return np.dot(self.W, x) + self.b"),
            "element by element": _affine_out("return x * self.W + self.b"),
            "an activation too many": _affine_out(
                OUT.replace("return ", "return np.maximum(0, ") + ")"
            ),
        },
        "forward for all sizes": {
            "W turned where it is square": _affine_out(
                "W = self.W.T if self.W.shape[0] == self.W.shape[1] else self.W\n"
                "        return np.dot(x, W) + self.b"
            ),
        },
        "backward in the example": {
            "dx.T.dot(dout)": _affine_dw("self.dW = dx.T.dot(dout)"),
            "dW transposed": _affine_dw("self.dW = np.dot(dout.T, self.x)"),
            "dx from x": _affine_dx("dx = np.dot(self.x @ self.W, self.W.T)"),
            "dx ignores dout": _affine_dx("dx = np.ones_like(dout) @ self.W.T"),
            "dW ignores dout": _affine_dw("self.dW = self.x.T @ np.ones_like(dout)"),
            "mean in db": _affine_db("self.db = np.mean(dout, axis=0)"),
            "mean in dW": _affine_dw(DW + " / len(dout)"),
            "db along the other axis": _affine_db("self.db = np.sum(dout, axis=1)"),
            "db of everything": _affine_db("self.db = np.sum(dout)"),
            "db with two axes": _affine_db("self.db = np.sum(dout, axis=0, keepdims=True)"),
            "db is dout": _affine_db("self.db = dout"),
            "db of one": _affine_db("self.db = np.ones_like(self.b)"),
            "no dx": _affine("return dx", "return self.dW"),
            "returns all three": _affine("return dx", "return dx, self.dW, self.db"),
            "other names": _affine("self.dW", "self.grad_W"),
        },
        "nothing else is changed": {
            "slopes stored in W and b": _affine_dw(
                DW + "\n        self.W = self.dW", DB, DB + "\n        self.b = self.db"
            ),
            "slopes in W and b only": _affine(
                "self.dW = np.dot", "self.W = np.dot", "self.db = np.sum", "self.b = np.sum"
            ),
            "learns by itself": _affine_db(DB + "\n        self.W -= 0.1 * self.dW"),
            "updates first": _affine_dx(
                DW + "\n        self.W = self.W - 0.01 * self.dW\n        " + DX
            ),
        },
        "backward for all sizes": {
            "dW transposed where it is square": _affine_dw(
                DW + "\n        if self.dW.shape[0] == self.dW.shape[1]: self.dW = self.dW.T"
            ),
            "x not transposed where square": _affine_dw(
                "x = self.x if len(self.x) == self.x.shape[1] > 2 else self.x.T\n"
                "        self.dW = x @ dout"
            ),
            "W not transposed where square": _affine_dx(
                "dx = dout @ (self.W if len(self.W) == self.W.shape[1] else self.W.T)"
            ),
        },
        "gradients do not accumulate, layers share nothing": {
            "slopes add up": _affine(
                "self.dW = None\n        self.db = None",
                "self.dW = np.zeros(W.shape)\n        self.db = np.zeros(b.shape)",
                "self.dW = np.dot",
                "self.dW += np.dot",
            ),
            "x of all layers": _affine("self.x = x\n", "Affine.x = x\n", "self.x.T", "Affine.x.T"),
            "slopes of all layers": _affine(
                "        self.dW = None\n", "", "self.dW = np.dot", "Affine.dW = np.dot"
            ),
        },
        "the latest `forward` counts": {
            "the first x forever": _affine(
                "self.x = x\n", "self.x = x if self.x is None else self.x\n"
            ),
        },
        "nothing is changed": {
            "changes x": _affine_dx(
                "self.x *= 2\n        self.x /= 2\n        dout *= 0.5\n"
                "        dout += dout\n        dout += 1e-9\n        " + DX
            ),
            "adds the bias into W": _affine_out(
                "out = np.dot(x, self.W) + self.b\n        self.W += 1e-9\n        return out"
            ),
            "clips x in place": _affine(
                "self.x = x\n", "np.clip(x, -1, 1, out=x)\n        self.x = x\n"
            ),
        },
    },
    "SoftmaxWithLoss": {
        "the loss of the example": {
            "the sum over the images": _last_loss(CROSS + " * len(x)"),
            "the mean over images and classes": _last_loss(CROSS + " / x.shape[1]"),
            "no minus": _last_loss(CROSS.replace("= c", "= -c")),
            "base 2": _last_loss(CROSS + " / np.log(2)"),
            "base 10": _last_loss(CROSS + " / np.log(10)"),
            "a large constant in the logarithm": _last_loss(
                "t1 = t if t.ndim == 1 else t.argmax(axis=1)\n"
                "        self.loss = -np.mean(np.log(self.y[np.arange(len(t)), t1] + 0.01))"
            ),
            "an array of one number": _last("return self.loss", "return np.array([self.loss])"),
            "one loss per image": _last_loss("self.loss = -np.log(self.y[np.arange(len(x)), t])"),
            "returns y": _last("return self.loss", "return self.y"),
            "takes x for probabilities": _last_y("x"),
            "softmax twice": _last_y("softmax(softmax(x))"),
            "sigmoid": _last_y("1 / (1 + np.exp(-x))"),
            "squared error": _last_loss(
                "one = t if t.ndim == 2 else np.eye(x.shape[1])[t]\n"
                "        self.loss = 0.5 * np.sum((self.y - one) ** 2) / len(x)"
            ),
            "half the loss, half the slope": _last_loss(
                CROSS + " / 2", "dx * dout", "dx * dout / 2"
            ),
            "sum of the loss, sum of the slopes": _last_loss(
                CROSS + " * len(x)", "dx * dout", "dx * dout * n"
            ),
            "softmax over the batch": _last_y("np.exp(x - x.max()) / np.sum(np.exp(x - x.max()))"),
            "softmax along the images": _last_y("softmax(x.T).T"),
            "one-hot only": _last_loss("self.loss = -np.sum(t * np.log(self.y)) / len(x)"),
        },
        "large scores, rows of very different scale": {
            "no maximum subtracted": _last_y(
                "np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)"
            ),
            "the maximum of the batch": _last_y(
                "np.exp(x - x.max()) / np.sum(np.exp(x - x.max()), axis=1, keepdims=True)"
            ),
            "nan swept under the carpet": _last_y(
                "np.nan_to_num(np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True))"
            ),
        },
        "the same with one-hot labels": {
            "integers only": _last_loss(
                "self.loss = -np.mean(np.log(self.y[np.arange(len(x)), t]))"
            ),
        },
        "the loss for all sizes and labels": {
            "one-hot is what holds floats": _last(
                "self.t = t\n",
                "self.t = t.argmax(axis=1) if t.dtype == float else t\n",
                CROSS,
                "self.loss = -np.mean(np.log(self.y[np.arange(len(x)), self.t]))",
            ),
        },
        "backward in the example": {
            "y - t, not divided by N": _last("/ n", "/ 1"),
            "integer labels not divided by N": _last("dx = dx / n", "pass"),
            "divided by K": _last(
                "n = self.t.shape[0]", "n = len(self.y)", "/ n", "/ self.y.shape[1]"
            ),
            "t - y": _last_dx("return -dx * dout"),
            "y alone": _last("-= 1", "-= 0"),
            "the slope of softmax once more": _last_dx("return dx * dout * self.y * (1 - self.y)"),
            "needs dout": _last("dout=1", "dout"),
        },
        "the gradient for all sizes and labels": {
            "one-hot labels not divided by N": _last("(self.y - self.t) / n", "self.y - self.t"),
            "divided by the number of labels": _last_one_hot(
                "dx = (self.y - self.t) / self.t.size"
            ),
        },
        "times the upstream gradient": {
            "ignores dout": _last_dx("return dx"),
            "divides by dout": _last_dx("return dx / dout"),
            "adds dout": _last_dx("return dx + dout - 1"),
        },
        "`dout`, and a second call": {
            "another name for dout": _last("dout", "d"),
            "subtracts from y itself": _last("self.y.copy()", "self.y"),
            "one-hot subtracts from y itself": _last_one_hot(
                "dx = self.y\n            dx -= self.t\n            dx /= n"
            ),
        },
        "neither scores nor labels are changed": {
            "subtracts from the one-hot labels": _last_one_hot(
                "self.t -= self.y.astype(self.t.dtype)\n            dx = -self.t / n"
            ),
            "changes the scores": _last_forward(
                "x -= x.max(axis=1, keepdims=True)\n        self.y = softmax(x)"
            ),
            "softmax into the scores": _last_forward(
                "self.y = x\n        self.y[...] = softmax(x)"
            ),
        },
        "the latest `forward`, and layers that share nothing": {
            "the first labels forever": _last(
                "self.t = t\n",
                "self.t = getattr(self, 't', t)\n",
                CROSS,
                "self.loss = cross_entropy_error(self.y, t)",
            ),
            "y of all layers": _last_forward("SoftmaxWithLoss.y = softmax(x)"),
        },
    },
    "MultiLayerNet": {
        "standard deviation of the weights, and seeds": {
            "small random biases": _net(
                "np.zeros(shape[1])", "weight_init_std * rng.standard_normal(shape[1])"
            ),
            "uniform with the same spread": _net(
                "rng.standard_normal(shape)", "rng.uniform(-(3**0.5), 3**0.5, shape)"
            ),
            "all networks share params": _net(
                "    def __init__",
                "    params = {}\n\n    def __init__",
                "        self.params = {}\n",
                "",
            ),
            "the seed ignored": _net("default_rng(seed)", "default_rng()"),
            "one seed for all": _net("default_rng(seed)", "default_rng(7)"),
            "seed 0 is no seed": _net("default_rng(seed)", "default_rng(seed or None)"),
            "the deviation ignored": _net("weight_init_std * rng", "0.2 * rng"),
            "another default": _net("weight_init_std=0.2", "weight_init_std=1.2"),
            "He as a default": _net(
                "weight_init_std=0.2",
                "weight_init_std='he'",
                "weight_init_std * rng",
                "(np.sqrt(2 / shape[0]) if weight_init_std == 'he' else weight_init_std) * rng",
            ),
            "He on top": _net(
                "weight_init_std * rng", "weight_init_std * (2 / shape[0]) ** 0.5 * rng"
            ),
            "weights from 0 to 1": _net("rng.standard_normal(", "rng.random("),
            "all weights equal": _net("rng.standard_normal(", "np.ones("),
            "biases of one": _net("np.zeros(shape[1])", "np.ones(shape[1])"),
        },
        "names and shapes of the parameters": {
            "one layer too few": _net_depth("self.depth = len(layer_sizes) - 2"),
            "counted from 0": _net('"W" + str(i)', '"W" + str(i - 1)'),
            "two layers at most": _net_depth("self.depth = min(2, len(layer_sizes) - 1)"),
            "transposed weights": _net("standard_normal(shape)", "standard_normal(shape[::-1])"),
            "biases with two axes": _net("np.zeros(shape[1])", "np.zeros((1, shape[1]))"),
            "no params": _net("self.params", "self.weights"),
        },
        "scores and loss of the example": {
            "always four layers": _net_depth("self.depth = 4"),
            "a ReLU at the end": _net("if i < self.depth:", "if True:"),
            "no ReLU": _net("if i < self.depth:", "if False:", "2 * i - 2", "i - 1"),
            "sigmoid": _net(
                "ReLU()",
                "_Sigmoid()",
                "class MultiLayerNet:",
                "class _Sigmoid:\n    def forward(self, x):\n"
                "        self.y = 1 / (1 + np.exp(-x))\n        return self.y\n\n"
                "    def backward(self, dout):\n"
                "        return dout * self.y * (1 - self.y)\n\n\nclass MultiLayerNet:",
            ),
            "probabilities": _net(
                WALK + "\n        return x",
                WALK + "\n        return softmax(x)",
                "y = self.predict(x)\n        " + WITH_LOSS,
                WALK + "\n        return self.last.forward(x, t)",
            ),
            "softmax before softmax with loss": _net_loss(
                "return self.last.forward(softmax(y), t)"
            ),
            "the sum as loss": _net_loss(WITH_LOSS + " * len(x)"),
            "twice the loss, twice the slopes": _net_loss(
                "return 2 * self.last.forward(y, t)", "backward(1)", "backward(2)"
            ),
            "weight decay in loss and slopes": _net_loss(
                "extra = sum(np.sum(value**2) for value in self.params.values())\n"
                "        return self.last.forward(y, t) + 0.05 * extra",
                "= affine.dW",
                "= affine.dW + 0.1 * affine.W",
            ),
            "layers hold copies": _net(
                'Affine(self.params["W" + str(i)], self.params["b" + str(i)])',
                'Affine(self.params["W" + str(i)].copy(), self.params["b" + str(i)].copy())',
            ),
            "layers hold copies of the biases": _net(
                'self.params["b" + str(i)]))', 'self.params["b" + str(i)].copy()))'
            ),
        },
        "scores for all sizes and depths": {
            "one ReLU only": _net(
                "if i < self.depth:\n                self.layers.append(ReLU())",
                "self.layers.append(ReLU() if i == 1 < self.depth else _Same())",
                "class MultiLayerNet:",
                "class _Same:\n    def forward(self, x):\n        return x\n\n"
                "    def backward(self, dout):\n        return dout\n\n\nclass MultiLayerNet:",
            ),
        },
        "`gradient` for all sizes, depths and labels": {
            "a single ReLU for all places": _net(
                "self.layers = []",
                "self.layers = []\n        relu = ReLU()",
                "self.layers.append(ReLU())",
                "self.layers.append(relu)",
            ),
        },
        "loss and accuracy for both kinds of labels": {
            "per cent": _net("np.sum(y == t)", "100 * np.sum(y == t)"),
            "accuracy for integers only": _net("if t.ndim != 1:", "if False:"),
            "accuracy for one-hot only": _net("if t.ndim != 1:", "if True:"),
            "the best input of each class": _net(
                "np.argmax(self.predict(x), axis=1)", "np.argmax(self.predict(x), axis=0)"
            ),
        },
        "`gradient` of the example": {
            "forward order on the way back": _net("self.layers[::-1]", "self.layers"),
            "dout not handed on": _net(
                "            dout = layer.backward(dout)", "            layer.backward(dout)"
            ),
            "starts from 1": _net(
                "dout = self.last.backward(1)", "dout = np.ones_like(self.predict(x))"
            ),
            "starts from the loss": _net(
                "self.loss(x, t)\n        dout = self.last.backward(1)",
                "dout = self.last.backward(self.loss(x, t))",
            ),
            "slopes in the wrong order": _net(
                "self.layers[2 * i - 2]", "self.layers[2 * (self.depth - i)]"
            ),
            "weights only": _net('            grads["b" + str(i)] = affine.db\n', ""),
            "weights instead of slopes": _net("= affine.dW", "= affine.W"),
            "names with a d": _net('grads["W"', 'grads["dW"'),
            "a list": _net("return grads", "return list(grads.values())"),
            "no forward in gradient": _net("        self.loss(x, t)\n        dout", "        dout"),
            "shifted labels": _net(
                "self.loss(x, t)\n        dout",
                "self.loss(x, np.roll(t, 1, axis=0))\n        dout",
            ),
            "all networks share layers": _net(
                "    def __init__",
                "    layers = []\n\n    def __init__",
                "        self.layers = []\n",
                "",
            ),
        },
        "nothing changed, no batch kept, nothing shared": {
            "forward only once": _net(
                "        self.loss(x, t)\n        dout",
                "        if not hasattr(self.last, 'y'): self.loss(x, t)\n        dout",
            ),
            "learns by itself": _net_grads(
                "        for key in grads:\n"
                "            self.params[key] -= 0.1 * grads[key]\n        return grads"
            ),
            "slopes put into params": _net_grads(
                "        self.params.update(grads)\n        return grads"
            ),
            "scales x in place": _net(
                "    def predict(self, x):\n",
                "    def predict(self, x):\n        x *= 1 + 1e-12\n",
            ),
            "sorts the labels": _net(
                "    def accuracy(self, x, t):\n",
                "    def accuracy(self, x, t):\n        t.sort(axis=0)\n",
            ),
        },
    },
    "bug_hunt": {
        "the call leaves its arguments alone": {
            "the page's own code": CUT_PAGE.replace(
                "{key: value.copy() for key, value in params.items()}", "params"
            ),
            "slopes written into params": _hunt_return("    params.update(grads)\n    return"),
            "slopes written into the arrays": _hunt_return(
                "    params['W2'][...] = dW2\n    return"
            ),
            "an update inside": _hunt_return(
                "    for k in grads:\n        params[k] = params[k] - 0.1 * grads[k]\n    return"
            ),
            "subtracts from the labels": _hunt(
                "da2 = (y - t) / len(x)", "t -= y\n    da2 = -t / len(x)"
            ),
        },
        "`y` holds probabilities": {
            "the page with copies of params": CUT_PAGE,
            "softmax over the batch": _hunt_y(
                "np.exp(a2 - a2.max()) / np.sum(np.exp(a2 - a2.max()))"
            ),
            "softmax along the images": _hunt_y("softmax(a2.T).T"),
            "the slopes alone": _hunt(RETURN, "return grads"),
            "a tuple": _hunt(RETURN, "return y, da2, dz1, da1, grads"),
        },
        "large scores, rows of very different scale": {
            "no maximum": _hunt_y("np.exp(a2) / np.sum(np.exp(a2), axis=1, keepdims=True)"),
            "the maximum of the batch": _hunt_y(
                "np.exp(a2 - a2.max()) / np.sum(np.exp(a2 - a2.max()), axis=1, keepdims=True)"
            ),
        },
        "`da2` follows from `y` and `t`": {
            "not divided by N": _hunt("(y - t) / len(x)", "y - t"),
            "divided by K": _hunt("/ len(x)", "/ t.shape[1]"),
            "t - y": _hunt("(y - t)", "(t - y)"),
            "divided by N at the end": _hunt(
                "(y - t) / len(x)",
                "y - t",
                "| grads",
                "| {k: g / len(x) for k, g in grads.items()}",
            ),
        },
        "`W2` follows from `da2`": {
            "dz1.T for W2": _hunt("z1.T.dot(da2)", "dz1.T.dot(da2)"),
            "a1 for W2": _hunt("z1.T.dot(da2)", "a1.T.dot(da2)"),
            "parameters instead of slopes": _hunt("| grads", "| params"),
            "no ReLU": _hunt("np.maximum(a1, 0)", "a1"),
        },
        "`W1` follows from `da1`": {
            "dx.T for W1": _hunt("x.T.dot(da1)", "dx.T.dot(da1)"),
            "dz1 for W1": _hunt("x.T.dot(da1)", "x.T.dot(dz1)"),
        },
        "`da1` follows from `dz1`": {
            "the sign flipped": _hunt(RELU_BACK, "da1 = np.where(a1 > 0, dz1, -dz1)"),
            "a1 >= 0": _hunt(RELU_BACK, "da1 = np.where(a1 >= 0, dz1, 0)"),
            "the mask of dz1": _hunt(RELU_BACK, "da1 = np.maximum(dz1, 0)"),
            "no ReLU on the way back": _hunt(RELU_BACK, "da1 = dz1"),
        },
        "`dz1`, `b1` and `b2`": {
            "W2 overwritten before it is used": _hunt(
                '    dz1 = da2.dot(params["W2"].T)\n    dW2 = z1.T.dot(da2)',
                '    params = params | {"W2": z1.T.dot(da2)}\n    dW2 = params["W2"]\n'
                '    dz1 = da2.dot(params["W2"].T)',
            ),
            "mean in b2": _hunt("db2 = np.sum", "db2 = np.mean"),
            "mean in b1": _hunt("db1 = np.sum", "db1 = np.mean"),
        },
        "everything together, nothing changed": {
            "no bias": _hunt(' + params["b1"]', ""),
        },
    },
}

LAYERS = """
def backpropagate(x, t, params):
    first, relu, last = Affine(params["W1"], params["b1"]), ReLU(), SoftmaxWithLoss()
    second = Affine(params["W2"], params["b2"])
    last.forward(second.forward(relu.forward(first.forward(x))), t)
    found = {"da2": last.backward()}
    found["dz1"] = second.backward(found["da2"])
    found["da1"] = relu.backward(found["dz1"])
    first.backward(found["da1"])
    found["y"] = softmax(second.forward(relu.forward(first.forward(x))))
    for i, layer in (1, first), (2, second):
        found[f"W{i}"], found[f"b{i}"] = layer.dW, layer.db
    return found
"""

HUNT_LOOPS = """
def backpropagate(x, t, params):
    N, H = len(x), len(params["b1"])
    out = {key: np.zeros(value.shape) for key, value in params.items()}
    out |= {"y": np.zeros(t.shape), "da2": np.zeros(t.shape)}
    out |= {"dz1": np.zeros((N, H)), "da1": np.zeros((N, H))}
    for n in range(N):
        a1 = [
            sum(v * w for v, w in zip(x[n], params["W1"][:, h])) + params["b1"][h]
            for h in range(H)
        ]
        z1 = np.array([max(a, 0.0) for a in a1])
        a2 = z1 @ params["W2"] + params["b2"]
        e = np.exp(a2 - a2.max())
        out["y"][n] = e / e.sum()
        out["da2"][n] = (out["y"][n] - t[n]) / N
        out["dz1"][n] = params["W2"] @ out["da2"][n]
        out["da1"][n] = [s if a > 0 else 0.0 for a, s in zip(a1, out["dz1"][n])]
        out["W2"] += np.outer(z1, out["da2"][n])
        out["b2"] += out["da2"][n]
        out["W1"] += np.outer(x[n], out["da1"][n])
        out["b1"] += out["da1"][n]
    return out
"""

FUNCTIONAL_NET = """
class MultiLayerNet:
    def __init__(self, layer_sizes, weight_init_std=0.2, seed=None):
        random = np.random.RandomState(seed)
        pairs = list(zip(layer_sizes, layer_sizes[1:]))
        self.params = {}
        for i, (d, h) in reversed(list(enumerate(pairs, start=1))):
            self.params[f"b{i}"] = np.zeros(h)
            self.params[f"W{i}"] = random.normal(scale=weight_init_std, size=(d, h))

    def _build(self):
        depth = len(self.params) // 2
        layers = []
        for i in range(1, depth + 1):
            layers += [Affine(self.params[f"W{i}"], self.params[f"b{i}"]), ReLU()]
        return layers[:-1]

    def predict(self, x, layers=None):
        for layer in layers or self._build():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return SoftmaxWithLoss().forward(self.predict(x), t)

    def accuracy(self, x, t):
        return np.float32(np.mean([int(np.argmax(row)) == (label if t.ndim == 1 else label.argmax())
                                   for row, label in zip(self.predict(x), t)]))

    def gradient(self, x, t):
        layers, last = self._build(), SoftmaxWithLoss()
        last.forward(self.predict(x, layers), t)
        dout, grads = last.backward(), {}
        for i in range(len(layers) - 1, -1, -1):
            dout = layers[i].backward(dout)
            if i % 2 == 0:
                grads[f"W{i // 2 + 1}"], grads[f"b{i // 2 + 1}"] = layers[i].dW, layers[i].db
        return grads
"""

PROPERTY_NET = """
class MultiLayerNet:
    def __init__(self, layer_sizes, weight_init_std=0.2, seed=None):
        np.random.seed(seed)
        self.affines = [Affine(np.random.randn(d, h) * weight_init_std, np.zeros(h))
                        for d, h in zip(layer_sizes, layer_sizes[1:])]
        self.relus = [ReLU() for _ in self.affines[1:]]
        self.end = SoftmaxWithLoss()

    @property
    def params(self):
        found = {}
        for i, affine in enumerate(self.affines):
            found[f"W{i + 1}"], found[f"b{i + 1}"] = affine.W, affine.b
        return found

    def predict(self, x):
        for affine, relu in zip(self.affines, self.relus):
            x = relu.forward(affine.forward(x))
        return self.affines[-1].forward(x)

    def loss(self, x, t):
        return self.end.forward(self.predict(x), t)

    def accuracy(self, x, t):
        return (self.predict(x).argmax(1) == (t.argmax(1) if t.ndim == 2 else t)).mean()

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.affines[-1].backward(self.end.backward())
        for affine, relu in zip(self.affines[-2::-1], self.relus[::-1]):
            dout = affine.backward(relu.backward(dout))
        grads = {}
        for i, affine in enumerate(self.affines, start=1):
            grads.update({f"W{i}": affine.dW, f"b{i}": affine.db})
        return grads
"""

RIGHT = {
    "ReLU": {
        "backward is made by forward": """class ReLU:
    def forward(self, x):
        keep = x > 0
        self.backward = lambda dout: np.where(keep, dout, 0)
        return np.where(keep, x, 0)""",
        "as in the book, with copies": _relu(
            _body("self.mask = (x <= 0)", "out = x.copy()", "out[self.mask] = 0", "return out"),
            _body("dx = dout.copy()", "dx[self.mask] = 0", "return dx"),
        ),
        "a product with the mask": _relu(
            _body("self.m = x > 0", "return x * self.m"), "return self.m * dout"
        ),
        "the mean of x and |x|": _relu(
            _body("self.x = x.copy()", "return (x + np.abs(x)) / 2"),
            "return np.heaviside(self.x, 0.0) * dout",
        ),
        "the output as memory": _relu(
            _body("self.out = np.clip(x, 0, None)", "return self.out"),
            "return np.where(self.out > 0, dout, 0)",
        ),
        "loops": _relu(
            _body(
                "self.x = x",
                "return np.array([[max(v, 0) for v in row] for row in x.tolist()])",
            ),
            _body(
                "dx = np.zeros(dout.shape)",
                "for i in range(len(dout)):",
                "    for j in range(len(dout[i])):",
                "        if self.x[i][j] > 0:",
                "            dx[i, j] = dout[i, j]",
                "return dx",
            ),
        ),
        "float32": _relu(
            _masked("return np.maximum(x, 0).astype(np.float32)"),
            "return (dout * self.mask).astype(np.float32)",
        ),
        "einsum": _relu_back("return np.einsum('ij,ij->ij', dout, self.mask.astype(float))"),
        "callable, with a base class": "class Layer:\n    def __call__(self, x):\n"
        "        return self.forward(x)\n\n\n"
        + _relu_back(PASS).replace("class ReLU:", "class ReLU(Layer):"),
        "slots": _relu_back(PASS, "    __slots__ = ('mask',)\n\n"),
        "an __init__ and a default": _relu_back(
            PASS, "    def __init__(self):\n        self.mask = None\n\n"
        ),
        "a closure": _relu(
            _body(
                "self.backward = lambda dout: np.where(x > 0, dout, 0.0)",
                "x = x.copy()",
                "return np.where(x > 0, x, 0)",
            ),
            "raise RuntimeError('forward comes first')",
        ),
        "a masked copy": _relu(
            _body(
                "self.zero = np.flatnonzero(~(x > 0))",
                "y = np.array(x)",
                "y.flat[self.zero] = 0",
                "return y",
            ),
            _body("y = np.array(dout)", "y.flat[self.zero] = 0", "return y"),
        ),
    },
    "Affine": {
        "W and b are properties": """class Affine:
    def __init__(self, W, b):
        self.kept = {"W": W, "b": b}

    W = property(lambda self: self.kept["W"], lambda self, W: self.kept.update(W=W))
    b = property(lambda self: self.kept["b"], lambda self, b: self.kept.update(b=b))

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, dout):
        self.dW, self.db = self.x.T @ dout, dout.sum(axis=0)
        return dout @ self.W.T""",
        "as in the book": AFFINE,
        "einsum": _affine_out(
            "return np.einsum('nd,dh->nh', x, self.W) + self.b",
            DX,
            "dx = np.einsum('nh,dh->nd', dout, self.W)",
            DW,
            "self.dW = np.einsum('nd,nh->dh', self.x, dout)",
            DB,
            "self.db = np.einsum('nh->h', dout)",
        ),
        "columns": _affine_out(
            "return (self.W.T @ x.T + self.b.reshape(-1, 1)).T",
            DX,
            "dx = (self.W @ dout.T).T",
            DW,
            "self.dW = (dout.T @ self.x).T",
            DB,
            "self.db = dout.T @ np.ones(len(dout))",
        ),
        "loops over the images": _affine_out(
            "return np.array([row @ self.W + self.b for row in x])",
            DW,
            "self.dW = sum(np.outer(row, back) for row, back in zip(self.x, dout))",
            DB,
            "self.db = sum(dout)",
        ),
        "loops over single numbers": _affine_out(
            "out = np.zeros((len(x), len(self.b)))\n"
            "        for n in range(len(x)):\n            for h in range(len(self.b)):\n"
            "                total = sum(v * w for v, w in zip(x[n], self.W[:, h]))\n"
            "                out[n, h] = total + self.b[h]\n"
            "        return out"
        ),
        "the bias as a further weight": _affine_out(
            "return np.hstack([x, np.ones((len(x), 1))]) @ np.vstack([self.W, self.b])",
            DW,
            "both = np.hstack([self.x, np.ones((len(dout), 1))]).T @ dout\n"
            "        self.dW = both[:-1]",
            DB,
            "self.db = both[-1]",
        ),
        "a copy of x": _affine("self.x = x\n", "self.x = np.array(x, dtype=float)\n"),
        "float32 results": _affine_out(
            "return (x @ self.W + self.b).astype(np.float32)",
            "return dx",
            "self.dW = self.dW.astype('float32')\n        return dx.astype('float32')",
        ),
        "W and b as properties": _affine("self.W = W\n        self.b = b", "self._params = [W, b]")
        + "\n"
        "    W = property(lambda s: s._params[0], lambda s, W: s._params.__setitem__(0, W))\n"
        "    b = property(lambda s: s._params[1], lambda s, b: s._params.__setitem__(1, b))\n",
        "asarray": _affine("self.W = W\n", "self.W = np.asarray(W, dtype=float)\n"),
        "names of its own": _affine("self.x", "self.inputs"),
        "tensordot and add.reduce": _affine_dx(
            "dx = np.tensordot(dout, self.W, axes=(1, 1))",
            DW,
            "self.dW = np.tensordot(self.x, dout, axes=(0, 0))",
            DB,
            "self.db = np.add.reduce(dout)",
        ),
        "slopes into arrays that are there": _affine_dw(
            "self.dW = np.empty_like(self.W)\n        np.matmul(self.x.T, dout, out=self.dW)"
        ),
    },
    "SoftmaxWithLoss": {
        "backward is made by forward": """class SoftmaxWithLoss:
    def forward(self, x, t):
        y = softmax(x)
        h = t if t.ndim == 2 else (t[:, None] == np.arange(x.shape[1]))
        self.backward = lambda dout=1: dout * (y - h) / len(y)
        return cross_entropy_error(y, t)""",
        "as in the book, with dout": LAST,
        "log-sum-exp": _last_forward(
            "self.log_y = x - np.logaddexp.reduce(x, axis=1, keepdims=True)\n"
            "        self.y = np.exp(self.log_y)",
            CROSS,
            "one = t if t.ndim == 2 else np.eye(x.shape[1])[t]\n"
            "        self.loss = -np.sum(one * np.maximum(self.log_y, -1e300)) / len(x)",
        ),
        "1e-7 added in the logarithm": _last_loss(
            "k = t if t.ndim == 1 else t.argmax(axis=1)\n"
            "        self.loss = -np.sum(np.log(self.y[np.arange(len(x)), k] + 1e-7)) / len(x)"
        ),
        "the logarithm alone": _last_loss(
            "k = t if t.ndim == 1 else t.argmax(axis=1)\n"
            "        self.loss = np.mean([-np.log(self.y[n, k[n]]) for n in range(len(x))])"
        ),
        "the slope is ready after forward": """
class SoftmaxWithLoss:
    def forward(self, x, t):
        e = np.exp(x - x.max(axis=1)[:, np.newaxis])
        y = e / e.sum(axis=1)[:, np.newaxis]
        labels = t.argmax(axis=1) if t.ndim == 2 else t
        rows = range(x.shape[0])
        self.slope = y.copy()
        self.slope[rows, labels] -= 1
        self.slope /= len(x)
        return float(np.mean(-np.log(y[rows, labels])))

    def backward(self, dout=1.0):
        return self.slope * dout
""",
        "loops": """
import math


class SoftmaxWithLoss:
    def forward(self, x, t):
        self.rows, total = [], 0
        for row, label in zip(x, t):
            label = int(label) if np.ndim(label) == 0 else list(label).index(1)
            top = max(row)
            s = sum(math.exp(v - top) for v in row)
            self.rows.append([math.exp(v - top) / s - (k == label) for k, v in enumerate(row)])
            total += math.log(s) + top - row[label]
        return total / len(x)

    def backward(self, dout=1):
        return np.array([[dout * v / len(self.rows) for v in row] for row in self.rows])
""",
        "einsum": _last_one_hot("dx = np.einsum('nk,->nk', self.y - self.t, 1 / n)"),
        "float32": _last_y("softmax(x.astype(np.float64)).astype(np.float32)"),
        "columns": _last_y(
            "(np.exp(x.T - x.max(axis=1)) / np.exp(x.T - x.max(axis=1)).sum(axis=0)).T"
        ),
        "an array without axes": _last("return self.loss", "return np.array(self.loss)"),
        "a wider dout": _last_dx("return np.multiply(dx, np.asarray(dout, dtype=float))"),
        "labels compared": _last(
            "self.t = t\n",
            "self.t = t\n"
            "        if t.ndim == 1:\n"
            "            self.t = (t[:, None] == np.arange(x.shape[1])).astype(float)\n",
        ),
    },
    "MultiLayerNet": {
        "as in the book": NET,
        "layers made anew, RandomState, another order of names": FUNCTIONAL_NET,
        "params is a property, global random numbers": PROPERTY_NET,
        "an ordered dict": "from collections import OrderedDict\n\n"
        + _net(
            "self.params = {}",
            "self.params = OrderedDict()",
            "grads = {}",
            "grads = OrderedDict()",
        ),
        "float32 weights": _net(
            "weight_init_std * rng.standard_normal(shape)",
            "(weight_init_std * rng.standard_normal(shape)).astype(np.float32)",
        ),
        "weights handed over anew": _net(
            WALK,
            "for i, affine in enumerate(self.layers[::2], start=1):\n"
            "            affine.W, affine.b = self.params[f'W{i}'], self.params[f'b{i}']\n"
            "        " + WALK,
        ),
        "softmax with loss in the list": _net(
            "self.last = SoftmaxWithLoss()",
            "self.layers.append(SoftmaxWithLoss())",
            "for layer in self.layers:",
            "for layer in self.layers[:-1]:",
            WITH_LOSS,
            "return self.layers[-1].forward(y, t)",
            "dout = self.last.backward(1)",
            "dout = self.layers[-1].backward()",
            "self.layers[::-1]",
            "self.layers[-2::-1]",
        ),
        "recursion": _net(
            WALK + "\n        return x",
            "def go(x, layers):\n"
            "            return go(layers[0].forward(x), layers[1:]) if layers else x\n\n"
            "        return go(x, self.layers)",
        ),
        "without the layers": """
class MultiLayerNet:
    def __init__(self, layer_sizes, weight_init_std=0.2, seed=None):
        rng = np.random.default_rng(seed)
        self.L = len(layer_sizes) - 1
        self.params = {f"b{i}": np.zeros(layer_sizes[i]) for i in range(1, self.L + 1)}
        for i in range(self.L, 0, -1):
            self.params[f"W{i}"] = rng.normal(0, weight_init_std, layer_sizes[i - 1 : i + 1])

    def _all(self, x):
        zs = [x]
        for i in range(1, self.L + 1):
            a = zs[-1] @ self.params[f"W{i}"] + self.params[f"b{i}"]
            zs.append(a if i == self.L else np.maximum(a, 0))
        return zs

    def predict(self, x):
        return self._all(x)[-1]

    def loss(self, x, t):
        return cross_entropy_error(softmax(self.predict(x)), t)

    def accuracy(self, x, t):
        return np.mean(self.predict(x).argmax(-1) == (t if t.ndim == 1 else t.argmax(-1)))

    def gradient(self, x, t):
        zs, grads = self._all(x), {}
        y = softmax(zs.pop())
        d = (y - (t if t.ndim == 2 else np.eye(y.shape[1])[t])) / len(x)
        for i in range(self.L, 0, -1):
            grads[f"W{i}"], grads[f"b{i}"] = zs[-1].T @ d, d.sum(0)
            d = d @ self.params[f"W{i}"].T * (zs.pop() > 0)
        return grads
""",
    },
    "bug_hunt": {
        "image by image": """def backpropagate(x, t, params):
    N = len(x)
    p = params
    out = {k: np.zeros(p[k].shape) for k in ("W1", "b1", "W2", "b2")}
    ys, d2, d1z, d1 = [], [], [], []
    for xi, ti in zip(x, t):
        a1 = xi @ p["W1"] + p["b1"]
        z = np.maximum(a1, 0)
        a2 = z @ p["W2"] + p["b2"]
        e = np.exp(a2 - a2.max())
        y = e / e.sum()
        g = (y - ti) / N
        dz = p["W2"] @ g
        da = np.where(a1 > 0, dz, 0.0)
        out["W1"] += np.outer(xi, da)
        out["b1"] += da
        out["W2"] += np.outer(z, g)
        out["b2"] += g
        ys.append(y)
        d2.append(g)
        d1z.append(dz)
        d1.append(da)
    return {
        "y": np.array(ys),
        "da2": np.array(d2),
        "dz1": np.array(d1z),
        "da1": np.array(d1),
        **out,
    }""",
        "the page repaired": HUNT,
        "from layers": LAYERS,
        "loops": HUNT_LOOPS,
        "einsum": _hunt(
            "z1.T.dot(da2)",
            "np.einsum('nh,nk->hk', z1, da2)",
            "x.T.dot(da1)",
            "np.einsum('nd,nh->dh', x, da1)",
            'da2.dot(params["W2"].T)',
            "np.einsum('nk,hk->nh', da2, params['W2'])",
        ),
        "log-sum-exp": _hunt_y("np.exp(a2 - np.logaddexp.reduce(a2, axis=1, keepdims=True))"),
        "a mask": _hunt(RELU_BACK, "da1 = dz1 * (z1 > 0)"),
        "float32": _hunt("| grads", "| {k: g.astype('float32') for k, g in grads.items()}"),
        "further entries": _hunt("| grads", "| grads | {'dx': dx, 'a1': a1, 'loss': None}"),
        "columns": _hunt("z1.T.dot(da2)", "(da2.T @ z1).T", "x.T.dot(da1)", "(da1.T @ x).T"),
        "a copy of params that is overwritten": "def backpropagate(x, t, params):\n"
        "    params = {key: value.copy() for key, value in params.items()}\n"
        "    a1 = x @ params['W1'] + params['b1']\n"
        "    z1 = np.maximum(a1, 0)\n"
        "    y = softmax(z1 @ params['W2'] + params['b2'])\n"
        "    da2 = (y - t) / x.shape[0]\n"
        "    dz1 = da2 @ params['W2'].T\n"
        "    params['W2'], params['b2'] = z1.T @ da2, da2.sum(0)\n"
        "    da1 = dz1.copy()\n"
        "    da1[a1 <= 0] = 0\n"
        "    params['W1'], params['b1'] = x.T @ da1, da1.sum(0)\n"
        "    return dict(params, y=y, da2=da2, dz1=dz1, da1=da1)\n",
    },
}

COPIES = _affine("self.W = W\n        self.b = b", "self.W = W.copy()\n        self.b = b.copy()")
MISTAKES = {
    "ReLU": {
        "flips the sign": Mistake(
            _relu_back("return np.where(self.mask, dout, -dout)"),
            says=("Does the sign of `x` or `dout` decide?",),
            lacks=("Keep it on `self`",),
            points=1.25,
        ),
        "writes into dout": Mistake(
            _relu_back(_body("dout[~self.mask] = 0", "return dout")),
            says=("an argument was changed", "make a new array"),
            points=1.25,
        ),
        "one mask for all layers": Mistake(
            _relu(_body("ReLU.mask = x > 0", "return np.maximum(x, 0)")),
            says=("two layers share nothing", "Keep it on `self`"),
            points=1.25,
        ),
    },
    "Affine": {
        "dW from dx": Mistake(
            _affine_dw("self.dW = np.dot(dx.T, dout)"),
            says=("What happened: `dW`: wrong values", "a product of the layer's input and `dout`"),
            lacks=("`dx`: wrong", "`db`: wrong", "axis=0"),
            points=1.75,
        ),
        "db over the wrong axis": Mistake(
            _affine_db("self.db = np.sum(dout, axis=1)"),
            says=("What happened: `db`: wrong shape", "the sum over the images"),
            lacks=("`dW`: wrong",),
            points=1.75,
        ),
        "the weights not transposed": Mistake(
            _affine_dx("dx = np.dot(dout, self.W)"),
            "not aligned",
            ("Print the shapes",),
            points=1.0,
        ),
        "another name for dW": Mistake(
            _affine("self.dW", "self.grad_W"),
            "`Affine` has no attribute `dW`",
            ("Compare the names",),
            points=1.25,
        ),
        "one underscore": Mistake(
            _affine("__init__", "_init_"),
            "`Affine` has no `__init__`",
            ("two underscores on each side",),
            ("takes no arguments",),
        ),
        "copies of W and b": Mistake(
            COPIES,
            says=("later changes to W and b reach the layer", "no copies"),
            points=2.25,
        ),
        "gradients add up": Mistake(
            _affine_dw("self.dW = np.dot(self.x.T, dout) + (0 if self.dW is None else self.dW)"),
            says=("`dW`: wrong values", "it does not add to those of an earlier call"),
            points=2.25,
        ),
    },
    "SoftmaxWithLoss": {
        "not divided by N": Mistake(
            _last("(self.y - self.t) / n", "(self.y - self.t)", "dx = dx / n", "pass"),
            says=("every number is 2 times what it should be", "the loss is a mean"),
            points=1.5,
        ),
        "the other way": Mistake(
            _last_dx("return -dx * dout"),
            says=("every number is -1 times what it should be", "in which the loss grows"),
            points=1.5,
        ),
        "y in place": Mistake(
            _last("dx = self.y.copy()", "dx = self.y"),
            says=("must not change what `forward` kept",),
            points=1.5,
        ),
        "dout ignored": Mistake(
            _last_dx("return dx"),
            says=("multiply by `dout`",),
            points=1.75,
        ),
        "integer labels only": Mistake(
            _last_loss("self.loss = -np.mean(np.log(self.y[np.arange(len(t)), t]))"),
            cause="arrays used as indices must be of integer",
            says=("how many axes does `t` have?",),
            points=1.5,
        ),
    },
    "MultiLayerNet": {
        "layers with copies": Mistake(
            _net(
                'Affine(self.params["W" + str(i)], self.params["b" + str(i)])',
                'Affine(self.params["W" + str(i)].copy(), self.params["b" + str(i)].copy())',
            ),
            "an update of `params` did not reach the layers",
            ("Does `Affine` hold the arrays that are in `params`",),
            points=0.5,
        ),
        "one ReLU shared": Mistake(
            _net(
                "self.layers.append(ReLU())",
                "self.layers.append(self.relu)",
                "self.layers = []",
                "self.layers = []\n        self.relu = ReLU()",
            ),
            says=("does every hidden layer have a ReLU of its own?",),
            lacks=("central differences",),
            points=1.5,
        ),
        "a ReLU at the end": Mistake(
            _net("if i < self.depth:", "if True:"),
            says=("What comes after the last Affine layer?",),
            points=1.5,
        ),
        "all weights zero": Mistake(
            _net("rng.standard_normal(shape)", "np.zeros(shape)"),
            says=("all units are equal", "draw random weights"),
            lacks=("central differences",),
            points=1.5,
        ),
        "another default": Mistake(
            _net("weight_init_std=0.2", "weight_init_std=1.2"),
            says=("the standard deviation is wrong", "0.2 by default"),
            points=1.75,
        ),
        "class-level params": Mistake(
            _net(
                "class MultiLayerNet:",
                "class MultiLayerNet:\n    params = {}\n    layers = []\n",
                "        self.params = {}\n        self.layers = []\n",
                "",
            ),
            "mismatch in its core dimension",
            ("different seeds gave the same weights", "Hint:"),
            points=0.25,
        ),
        "an update inside `gradient`": Mistake(
            _net_grads(
                "        for key in grads:\n            self.params[key] -= 0.01 * grads[key]\n"
                "        return grads"
            ),
            says=("`gradient` has changed `params`", "leave updates to the training loop"),
            points=1.75,
        ),
        "a tuple of gradients": Mistake(
            _net_grads("        return tuple(grads.values())"),
            "`gradient` returned a tuple, not a dict",
            lacks=("ambiguous", "truth value"),
            points=1.25,
        ),
    },
    "bug_hunt": {
        "the page as it is": Mistake(
            "def backpropagate(x, t, params):\n    return page_backpropagate(x, t, params)",
            says=("a sum is not 1", "Print `params` before and after a call"),
            lacks=("axis=1", "keepdims", "/ 4", "z1.T", "np.max"),
        ),
        "the page, one bug mended": Mistake(
            _hunt("da2 = (y - t) / len(x)", "da2 = y - t"),
            says=("by how much does the loss of the whole batch change?",),
            lacks=("/ N", "len(x)"),
            points=1.5,
        ),
    },
}
