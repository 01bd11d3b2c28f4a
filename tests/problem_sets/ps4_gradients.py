"""Right and wrong ways to write the functions of `ps4_gradients`."""

import functools

from tests.problem_sets.grading import function

_diff = function("numerical_diff(f, x)")
_gradient = function("numerical_gradient(f, x)")
_descent = function("gradient_descent(f, init_x, lr=0.01, step_num=100)")

H = "h = 1e-4"
COPY = "x = np.array(x, dtype=float)"
ZEROS = "g = np.zeros(x.shape)"
INDICES = "for i in np.ndindex(x.shape):"
MOVE = (
    "    kept = x[i]",
    "    x[i] = kept + h",
    "    a = f(x)",
    "    x[i] = kept - h",
    "    b = f(x)",
)
BACK = "    x[i] = kept"
SLOPE = "    g[i] = (a - b) / (2 * h)"
RETURN = "return g"
SETUP = (H, COPY, ZEROS, INDICES)
MOVED = (*SETUP, *MOVE, BACK)
REST = (*MOVE, BACK, SLOPE, RETURN)
LOOPED = (INDICES, *REST)

BEGIN = ("x = init_x.copy()", "history = [x.copy()]")
STEPS = "for _ in range(step_num):"
GO = "    x = x - lr * numerical_gradient(f, x)"
KEEP = "    history.append(x)"
WALK = (*BEGIN, STEPS, GO, KEEP)
STEPPING = (*BEGIN, STEPS)
PAIR = "return x, history"

# What many cases begin with.
_gradient_h = functools.partial(_gradient, H)
_diff_h = functools.partial(_diff, H)
_set_up = functools.partial(_gradient, *SETUP)
_stepping = functools.partial(_descent, *STEPPING)
_begun = functools.partial(_descent, *BEGIN)
_copied = functools.partial(_descent, "x = init_x.copy()")
_gradient_of_copy = functools.partial(_gradient_h, COPY)

WRONG = {
    "numerical_diff": {
        "a curved function": {
            "forward": _diff_h("return (f(x + h) - f(x)) / h"),
            "backward": _diff_h("return (f(x) - f(x - h)) / h"),
            "twice the step to one side": _diff_h("return (f(x + 2 * h) - f(x)) / (2 * h)"),
            "unequal steps": _diff_h("return (f(x + 2 * h) - f(x - h)) / (3 * h)"),
            "too large a step": _diff("h = 0.1", "return (f(x + h) - f(x - h)) / (2 * h)"),
            "a step of 1": _diff("return (f(x + 1) - f(x - 1)) / 2"),
            "the derivative of one function": _diff("return 0.02 * x + 0.1"),
        },
        "the same step to both sides": {
            "forward, a tiny step": _diff("h = 1e-7", "return (f(x + h) - f(x)) / h"),
            "backward, a tiny step": _diff("h = 1e-8", "return (f(x) - f(x - h)) / h"),
            "a step in proportion to x": _diff(
                "h = 1e-4 * x", "return (f(x + h) - f(x - h)) / (2 * h)"
            ),
            "remembers by x": "_seen = {}\n\n\n"
            + _diff_h("return _seen.setdefault(x, (f(x + h) - f(x - h)) / (2 * h))"),
            "a complex step": _diff("return f(x + 1e-20j).imag / 1e-20"),
        },
        "the worked example": {
            "divides by h": _diff_h("return (f(x + h) - f(x - h)) / h"),
            "no brackets below": _diff_h("return (f(x + h) - f(x - h)) / 2 * h"),
            "no brackets above": _diff_h("return f(x + h) - f(x - h) / (2 * h)"),
            "not divided": _diff_h("return f(x + h) - f(x - h)"),
            "the sign turned": _diff_h("return (f(x - h) - f(x + h)) / (2 * h)"),
            "a sum": _diff_h("return (f(x + h) + f(x - h)) / (2 * h)"),
            "half a step, divided by two": _diff_h(
                "return (f(x + h / 2) - f(x - h / 2)) / (2 * h)"
            ),
            "the second derivative": _diff_h("return (f(x + h) - 2 * f(x) + f(x - h)) / h**2"),
            "far too small a step": _diff("h = 1e-50", "return (f(x + h) - f(x - h)) / (2 * h)"),
            "in single precision": _diff(
                "x, h = np.float32(x), np.float32(1e-4)", "return (f(x + h) - f(x - h)) / (2 * h)"
            ),
            "whole numbers": _diff_h("return (f(x + h) - f(x - h)) // (2 * h)"),
            "the value, not the slope": _diff("return f(x)"),
            "the tangent": _diff_h(
                "d = (f(x + h) - f(x - h)) / (2 * h)", "return lambda t: f(x) + d * (t - x)"
            ),
            "nothing returned": _diff_h("(f(x + h) - f(x - h)) / (2 * h)"),
            "prints": _diff_h("print((f(x + h) - f(x - h)) / (2 * h))"),
            "an array with an axis": _diff_h("return np.array([(f(x + h) - f(x - h)) / (2 * h)])"),
            "a tuple": _diff_h("return (f(x + h) - f(x - h)) / (2 * h), h"),
            "text": _diff_h("return f'{(f(x + h) - f(x - h)) / (2 * h)}'"),
            "never zero": _diff_h("return (f(x + h) - f(x - h)) / (2 * h) + 1e-3"),
        },
        "a step that is neither too large nor too small": {
            "too small a step": _diff("h = 1e-13", "return (f(x + h) - f(x - h)) / (2 * h)"),
            "a large step": _diff("h = 0.01", "return (f(x + h) - f(x - h)) / (2 * h)"),
        },
        "other functions, other points": {
            "x as an integer": _diff_h("x = int(x)", "return (f(x + h) - f(x - h)) / (2 * h)"),
            "the absolute value": _diff_h("return abs(f(x + h) - f(x - h)) / (2 * h)"),
            "never negative places": _diff_h(
                "x = abs(x)", "return (f(x + h) - f(x - h)) / (2 * h)"
            ),
            "rounds": _diff_h("return round((f(x + h) - f(x - h)) / (2 * h), 3)"),
            "the power rule for all": _diff("return 3 * x**2 if f(2.0) == 8 else 0.02 * x + 0.1"),
        },
        "integer x, no state kept": {
            "floats only": _diff_h(
                "assert type(x) is not int", "return (f(x + h) - f(x - h)) / (2 * h)"
            ),
        },
    },
    "numerical_gradient": {
        "the central difference": {
            "forward": _set_up(
                "    kept, b = x[i], f(x)",
                "    x[i] = kept + h",
                "    g[i] = (f(x) - b) / h",
                BACK,
                RETURN,
            ),
            "backward": _set_up(
                "    kept, b = x[i], f(x)",
                "    x[i] = kept - h",
                "    g[i] = (b - f(x)) / h",
                BACK,
                RETURN,
            ),
            "forward, a tiny step": _gradient(
                "h = 1e-7",
                COPY,
                ZEROS,
                INDICES,
                "    kept, b = x[i], f(x)",
                "    x[i] = kept + h",
                "    g[i] = (f(x) - b) / h",
                BACK,
                RETURN,
            ),
            "too large a step": _gradient("h = 0.1", COPY, ZEROS, *LOOPED),
            "a large step": _gradient("h = 0.01", COPY, ZEROS, *LOOPED),
        },
        "the worked example": {
            "divides by h": _gradient(*MOVED, "    g[i] = (a - b) / h", RETURN),
            "no brackets below": _gradient(*MOVED, "    g[i] = (a - b) / 2 * h", RETURN),
            "downhill": _gradient(*MOVED, "    g[i] = (b - a) / (2 * h)", RETURN),
            "of length 1": _gradient(*MOVED, SLOPE, "return g / (np.sqrt(np.sum(g**2)) + 1e-12)"),
            "its length": _gradient(*MOVED, SLOPE, "return np.sqrt(np.sum(g**2))"),
            "far too small a step": _gradient("h = 1e-50", COPY, ZEROS, *LOOPED),
            "too small a step": _gradient("h = 1e-12", COPY, ZEROS, *LOOPED),
            "in single precision": _gradient_h("x = x.astype(np.float32)", ZEROS, *LOOPED),
            "a step in proportion to x": _gradient(
                COPY, ZEROS, INDICES, "    h = 1e-4 * x[i]", *REST
            ),
            "all elements at once": _gradient_of_copy(
                "g = (f(x + h) - f(x - h)) / (2 * h)", "return g * np.ones(x.shape)"
            ),
            "one number": _gradient_of_copy("return (f(x + h) - f(x - h)) / (2 * h)"),
            "f gets a list": _set_up(
                *(line.replace("f(x)", "f(list(x) if x.ndim == 1 else x)") for line in MOVE),
                BACK,
                SLOPE,
                RETURN,
            ),
            "leaves the last element out": _gradient_of_copy(
                ZEROS, "for i in list(np.ndindex(x.shape))[:-1]:", *REST
            ),
            "moves a copy that f does not see": _gradient_h(
                ZEROS,
                INDICES,
                "    y = x.copy()",
                "    y[i] += h",
                "    a = f(x)",
                "    y[i] -= 2 * h",
                "    b = f(x)",
                SLOPE,
                RETURN,
            ),
            "a gradient that lives on": "_g = {}\n\n\n"
            + _gradient_of_copy(
                "g = _g.setdefault(x.shape, np.zeros(x.shape))",
                INDICES,
                *MOVE,
                BACK,
                "    g[i] += (a - b) / (2 * h)",
                RETURN,
            ),
            "remembers by shape": "_seen = {}\n\n\n"
            + _gradient(*MOVED, SLOPE, "return _seen.setdefault(x.shape, g)"),
            "empties its argument and returns zeros": _gradient(
                "x[...] = 0", "return np.zeros(x.shape)"
            ),
            "returns in the loop": _gradient(*MOVED, SLOPE, "    return g"),
            "nothing returned": _gradient(*MOVED, SLOPE),
        },
        "elements that depend on each other": {
            "does not put back": _set_up(*MOVE, SLOPE, RETURN),
            "puts back h too little": _set_up(*MOVE, "    x[i] += h / 2", SLOPE, RETURN),
            "each element as an array": _set_up(
                "    e = np.array([x[i]])", "    g[i] = (f(e + h) - f(e - h)) / (2 * h)", RETURN
            ),
        },
        "f is called with arrays of x's shape": {
            "each element alone": _set_up(
                "    g[i] = (f(x[i] + h) - f(x[i] - h)) / (2 * h)", RETURN
            ),
            "row by row": _gradient_of_copy(
                ZEROS,
                "if x.ndim > 1:",
                "    for k in range(len(x)):",
                "        g[k] = numerical_gradient(f, x[k])",
                "    return g",
                *LOOPED,
            ),
            "f gets a flat array": _gradient_h(
                "s = x.shape",
                "x = np.array(x, dtype=float).ravel()",
                ZEROS,
                INDICES,
                *MOVE,
                BACK,
                SLOPE,
                "return g.reshape(s)",
            ),
            "f gets a row more": _set_up(
                *(line.replace("f(x)", "f(x[None])") for line in MOVE), BACK, SLOPE, RETURN
            ),
            "f gets a column": _set_up(
                *(line.replace("f(x)", "f(x.T)") for line in MOVE), BACK, SLOPE, RETURN
            ),
            "f gets a matrix type": _set_up(
                *(line.replace("f(x)", "f(np.asmatrix(x) if x.ndim == 2 else x)") for line in MOVE),
                BACK,
                SLOPE,
                RETURN,
            ),
        },
        "a matrix gives a matrix": {
            "vectors only": _gradient_of_copy(ZEROS, "for i in range(x.size):", *REST),
            "the first axis only": _gradient_of_copy(
                ZEROS,
                "for i in range(len(x)):",
                "    kept = x[i].copy()",
                *MOVE[1:],
                BACK,
                SLOPE,
                RETURN,
            ),
            "flattens": _gradient(*MOVED, SLOPE, "return g.ravel()"),
            "transposed": _gradient(*MOVED, SLOPE, "return g.T"),
            "the diagonal only": _gradient_of_copy(
                ZEROS, "for i in zip(*(range(n) for n in x.shape)):", *REST
            ),
            "the gradient of one function": _gradient("return 2.0 * x"),
            "a matrix type": _gradient(
                *MOVED, SLOPE, "return np.asmatrix(g) if g.ndim == 2 else g"
            ),
        },
        "any number of axes": {
            "two axes at most": _gradient_of_copy(
                ZEROS,
                "pairs = [(k, j) for k in range(len(x)) for j in range(np.size(x[0]))]",
                "for i in pairs if x.ndim > 1 else range(len(x)):",
                *REST,
            ),
            "one axis or more": _gradient_h(
                "x = np.array(x, dtype=float, ndmin=1)", ZEROS, *LOOPED
            ),
            "rounds": _gradient(*MOVED, SLOPE, "return np.round(g, 2)"),
        },
        "a square matrix": {
            "transposed where it is square": _gradient(
                *MOVED, SLOPE, "return g.T if x.ndim == 2 and len(x) == x.shape[1] else g"
            ),
        },
        "integers give floats": {
            "integers stay integers": _gradient_h("x = x.copy()", ZEROS, *LOOPED),
            "a gradient of x's dtype": _gradient_h("g = np.zeros_like(x)", COPY, *LOOPED),
            "integers after all": _gradient_h(
                "d = x.dtype", COPY, ZEROS, INDICES, *MOVE, BACK, SLOPE, "return g.astype(d)"
            ),
            "rounds to integers": _gradient_h(
                "d = x.dtype",
                COPY,
                ZEROS,
                INDICES,
                *MOVE,
                BACK,
                SLOPE,
                "return np.round(g).astype(int) if d.kind == 'i' else g",
            ),
            "a list": _gradient(*MOVED, SLOPE, "return g.tolist()"),
        },
        "integers of any dtype and shape": {
            "int64 to floats only": _gradient_h(
                "x = x.astype(float) if x.dtype == np.int64 else x.copy()", ZEROS, *LOOPED
            ),
            "unsigned differences": _gradient(
                "x, h = x.copy(), (1e-4 if x.dtype.kind != 'u' else 1)", ZEROS, *LOOPED
            ),
        },
        "x is not changed": {
            "adds and subtracts in x": _gradient_h(
                ZEROS,
                INDICES,
                "    x[i] += h",
                "    a = f(x)",
                "    x[i] -= 2 * h",
                "    b = f(x)",
                "    x[i] += h",
                SLOPE,
                RETURN,
            ),
            "leaves the last move in x": _gradient_h(
                ZEROS,
                INDICES,
                *MOVE,
                "    x[i] = kept if i != (0,) * x.ndim else b * 0 + kept + h",
                SLOPE,
                RETURN,
            ),
            "x becomes the gradient": _gradient_h(
                "y, x = x, np.array(x, dtype=float)",
                ZEROS,
                INDICES,
                *MOVE,
                BACK,
                SLOPE,
                "y[...] = g",
                RETURN,
            ),
            "-0.0 becomes 0.0": _gradient("x += 0.0", H, "x = x.copy()", ZEROS, *LOOPED),
        },
        "x stays the same, bit for bit": {
            "rounds x": _gradient_h(
                "if x.dtype.kind == 'f' and x.size > 9:",
                "    x[...] = np.round(x, 12)",
                COPY,
                ZEROS,
                *LOOPED,
            ),
        },
        "views of an array, no state kept": {
            "moves a flat copy of a view": _gradient_h(
                "x = x.astype(float)",
                ZEROS,
                "flat, out = x.reshape(-1), g.reshape(-1)",
                "for i in range(x.size):",
                "    kept = flat[i]",
                "    flat[i] = kept + h",
                "    a = f(x)",
                "    flat[i] = kept - h",
                "    out[i] = (a - f(x)) / (2 * h)",
                "    flat[i] = kept",
                RETURN,
            ),
            "the same array for every result": "_g = {}\n\n\n"
            + _gradient_of_copy("g = _g.setdefault(x.shape, np.zeros(x.shape))", *LOOPED),
        },
    },
    "gradient_descent": {
        "a long valley": {
            "one coordinate after the other": """
def gradient_descent(f, init_x, lr=0.01, step_num=100):
    x = init_x.astype(float)
    h = [x]
    for _ in range(step_num):
        x = x.copy()
        for i in np.ndindex(x.shape):
            x[i] -= lr * numerical_gradient(f, x)[i]
        h.append(x)
    return x, h""",
            "step_num before lr": _descent(*WALK, PAIR).replace(
                "lr=0.01, step_num=100", "step_num=100, lr=0.01"
            ),
        },
        "history from the start to x": {
            "points as lists": _descent(*WALK, "return x, [point.tolist() for point in history]"),
            "the start is missing": _descent(
                "x, history = init_x.copy(), []", STEPS, GO, KEEP, PAIR
            ),
            "the last is missing": _descent(
                "x, history = init_x.copy(), []", STEPS, "    history.append(x)", GO, PAIR
            ),
            "the start twice, the last not": _stepping(KEEP, GO, PAIR),
            "one array many times": _copied(
                "history = [x]", STEPS, "    x -= lr * numerical_gradient(f, x)", KEEP, PAIR
            ),
            "the start follows": _copied(
                "history = [x]",
                STEPS,
                "    x -= lr * numerical_gradient(f, x)",
                "    history.append(x.copy())",
                PAIR,
            ),
            "values, not points": _copied(
                "history = [f(x)]", STEPS, GO, "    history.append(f(x))", PAIR
            ),
            "gradients, not points": _copied(
                "history = [x.copy()]",
                STEPS,
                GO,
                "    history.append(numerical_gradient(f, x))",
                PAIR,
            ),
            "every second point": _descent(*WALK, "return x, history[::2]"),
            "first coordinates only": _descent(*WALK, "return x, [point[0] for point in history]"),
            "backwards": _descent(*WALK, "return x, history[::-1]"),
            "a history that lives on": _copied(
                "history.append(x.copy())", STEPS, GO, KEEP, PAIR
            ).replace("=100", "=100, history=[]"),
        },
        "one step": {
            "uphill": _stepping(GO.replace("x - lr", "x + lr"), KEEP, PAIR),
            "no learning rate": _stepping(GO.replace("lr * ", ""), KEEP, PAIR),
            "always 0.01": _descent("lr = 0.01", *WALK, PAIR),
            "always 100 steps": _descent("step_num = 100", *WALK, PAIR),
            "steps of equal length": _stepping(
                "    g = numerical_gradient(f, x)",
                "    x = x - lr * g / (np.sqrt(np.sum(g**2)) + 1e-12)",
                KEEP,
                PAIR,
            ),
            "only the sign": _stepping(
                "    x = x - lr * np.sign(numerical_gradient(f, x))", KEEP, PAIR
            ),
            "f for its gradient": _stepping("    x = x - lr * f(x)", KEEP, PAIR),
            "twice the step": _stepping(
                "    x = x - 2 * lr * numerical_gradient(f, x)", KEEP, PAIR
            ),
            "one step too few": _begun("for _ in range(step_num - 1):", GO, KEEP, PAIR),
            "one step too many": _begun("for _ in range(step_num + 1):", GO, KEEP, PAIR),
            "no history": _descent(*WALK, "return x"),
            "a generator of the two": _descent(*WALK, "yield x", "yield history"),
            "history only": _descent(*WALK, "return history"),
            "the other way round": _descent(*WALK, "return history, x"),
            "three things": _descent(*WALK, "return x, history, f(x)"),
            "nothing returned": _descent(*WALK),
            "one coordinate after the other": _begun(
                "for k in range(step_num):",
                "    g = numerical_gradient(f, x)",
                "    x = x - lr * g * (np.arange(x.size).reshape(x.shape) == k % x.size)",
                KEEP,
                PAIR,
            ),
            "whole numbers": _stepping(
                "    x = (x - lr * numerical_gradient(f, x)).astype(int)", KEEP, PAIR
            ),
        },
        "lr and step_num left out": {
            "other defaults": _descent(*WALK, PAIR).replace("0.01", "0.1"),
            "fewer steps by default": _descent(*WALK, PAIR).replace("=100", "=10"),
            "no defaults": _descent(*WALK, PAIR).replace("=0.01", "").replace("=100", ""),
        },
        "a hundred steps": {
            "the gradient of the start for ever": _begun(
                "g = numerical_gradient(f, x)", STEPS, "    x = x - lr * g", KEEP, PAIR
            ),
            "always from the start": _stepping(
                "    x = init_x - lr * numerical_gradient(f, x)", KEEP, PAIR
            ),
            "the gradient of the start, always from where it is": _stepping(
                "    x = x - lr * numerical_gradient(f, init_x)", KEEP, PAIR
            ),
            "momentum": _begun(
                "v = 0 * x",
                STEPS,
                "    v = 0.9 * v - lr * numerical_gradient(f, x)",
                "    x = x + v",
                KEEP,
                PAIR,
            ),
            "returns in the loop": _descent(*WALK, "    return x, history"),
        },
        "each point on the way": {
            "a learning rate that falls": _begun(
                "for k in range(step_num):", GO.replace("lr", "lr / (1 + k)"), KEEP, PAIR
            ),
            "rounded points": _descent(*WALK, "return x, np.round(history, 1)"),
        },
        "a learning rate that is too large": {
            "steps bounded": _stepping(
                "    x = x - np.clip(lr * numerical_gradient(f, x), -1, 1)", KEEP, PAIR
            ),
            "stops where it goes uphill": _stepping(
                "    y = x - lr * numerical_gradient(f, x)",
                "    if f(y) > f(x):",
                "        break",
                "    x = y",
                KEEP,
                PAIR,
            ),
            "never goes uphill": _stepping(
                "    y = x - lr * numerical_gradient(f, x)",
                "    x = y if f(y) <= f(x) else x",
                KEEP,
                PAIR,
            ),
            "the best point, not the last": _descent(*WALK, "return min(history, key=f), history"),
        },
        "zero steps, and steps of length zero": {
            "one step always": _begun("for _ in range(max(1, step_num)):", GO, KEEP, PAIR),
            "stops where the gradient is small": _stepping(
                "    g = numerical_gradient(f, x)",
                "    if np.sum(g**2) < 1e-12:",
                "        break",
                "    x = x - lr * g",
                KEEP,
                PAIR,
            ),
        },
        "the start is not changed": {
            "walks in init_x": _descent(
                "x = init_x",
                "history = [x.copy()]",
                STEPS,
                "    x -= lr * numerical_gradient(f, x)",
                "    history.append(x.copy())",
                PAIR,
            ),
            "puts the last point into init_x": _descent(*WALK, "init_x[...] = x", PAIR),
        },
        "arguments unchanged, no state kept": {
            "walks in a matrix": _descent(
                "x = init_x if init_x.ndim > 1 else init_x.copy()",
                "history = [x.copy()]",
                STEPS,
                "    x -= lr * numerical_gradient(f, x)",
                "    history.append(x.copy())",
                PAIR,
            ),
        },
        "a gradient that changes": {
            "two numbers only": _copied(
                "history = [x.copy()]",
                STEPS,
                "    g = numerical_gradient(f, x)",
                "    x = np.array([x[0] - lr * g[0], x[1] - lr * g[1]])",
                KEEP,
                PAIR,
            ),
        },
        "a matrix as the start": {
            "flattens": _descent(*WALK, "return x.ravel(), [point.ravel() for point in history]"),
        },
    },
}

RIGHT = {
    "numerical_diff": {
        "another step": _diff("h = 1e-5", "return (f(x + h) - f(x - h)) / (2 * h)"),
        "a step of 1e-3": _diff("h = 1e-3", "return (f(x + h) - f(x - h)) / (2 * h)"),
        "a step of 1e-6": _diff("h = 1e-6", "return (f(x + h) - f(x - h)) / (2 * h)"),
        "the root of eps": _diff(
            "h = np.sqrt(np.finfo(float).eps)", "return (f(x + h) - f(x - h)) / (2 * h)"
        ),
        "the cube root of eps": _diff(
            "h = np.cbrt(np.finfo(float).eps)", "return (f(x + h) - f(x - h)) / (2 * h)"
        ),
        "a step that grows with x": _diff(
            "h = 1e-5 * max(1, abs(x))", "return (f(x + h) - f(x - h)) / (2 * h)"
        ),
        "half a step to each side": _diff_h("return (f(x + h / 2) - f(x - h / 2)) / h"),
        "the mean of forward and backward": _diff_h(
            "return ((f(x + h) - f(x)) / h + (f(x) - f(x - h)) / h) / 2"
        ),
        "the distance that is left after rounding": _diff_h(
            "a, b = x + h, x - h", "return (f(a) - f(b)) / (a - b)"
        ),
        "five points": _diff(
            "h = 1e-3",
            "return (8 * (f(x + h) - f(x - h)) - f(x + 2 * h) + f(x - 2 * h)) / (12 * h)",
        ),
        "two steps, extrapolated": _diff(
            "d = lambda h: (f(x + h) - f(x - h)) / (2 * h)",
            "return (4 * d(5e-4) - d(1e-3)) / 3",
        ),
        "a further parameter": _diff("return (f(x + h) - f(x - h)) / (2 * h)").replace(
            "x):", "x, h=1e-4):", 1
        ),
        "np.gradient": _diff(
            "return np.gradient([float(f(x + k * 1e-4)) for k in (-1, 0, 1)], 1e-4)[1]"
        ),
        "an array without axes": _diff_h("return np.array((f(x + h) - f(x - h)) / (2 * h))"),
        "a float": _diff_h("return float((f(x + h) - f(x - h)) / (2 * h))"),
        "f gets float64 numbers": _diff(
            "x, h = np.float64(x), 1e-4", "return (f(x + h) - f(x - h)) / (2 * h)"
        ),
        "a lambda": "numerical_diff = lambda f, x: (f(x + 1e-4) - f(x - 1e-4)) / 2e-4",
    },
    "numerical_gradient": {
        "the book's nditer": _gradient_h(
            "x = x.astype(float)",
            "g = np.zeros_like(x)",
            "it = np.nditer(x, flags=['multi_index'], op_flags=['readwrite'])",
            "while not it.finished:",
            "    i = it.multi_index",
            *MOVE,
            BACK,
            SLOPE,
            "    it.iternext()",
            RETURN,
        ),
        "in x itself, put back": _gradient_h(
            "if x.dtype.kind != 'f':", "    x = x.astype(float)", ZEROS, *LOOPED
        ),
        "a copy for each call": _set_up(
            "    p, m = x.copy(), x.copy()",
            "    p[i] += h",
            "    m[i] -= h",
            "    g[i] = (f(p) - f(m)) / (2 * h)",
            RETURN,
        ),
        "unit vectors": _gradient_of_copy(
            "e = h * np.eye(x.size).reshape(-1, *x.shape)",
            "g = [(f(x + d) - f(x - d)) / (2 * h) for d in e]",
            "return np.array(g).reshape(x.shape)",
        ),
        "flat places": _gradient_h(
            "x = np.array(x, dtype=float, order='C')",
            "g = np.empty(x.shape)",
            "for k in range(x.size):",
            "    kept = x.flat[k]",
            "    x.flat[k] = kept + h",
            "    a = f(x)",
            "    x.flat[k] = kept - h",
            "    g.flat[k] = (a - f(x)) / (2 * h)",
            "    x.flat[k] = kept",
            RETURN,
        ),
        "a flat view of a copy in C order": _gradient_h(
            "x = np.array(x, dtype=float, order='C')",
            "flat, out = x.reshape(-1), []",
            "for k in range(x.size):",
            "    kept = flat[k]",
            "    flat[k] = kept + h",
            "    a = f(x)",
            "    flat[k] = kept - h",
            "    out.append((a - f(x)) / (2 * h))",
            "    flat[k] = kept",
            "return np.reshape(out, x.shape)",
        ),
        "ndenumerate": _gradient_of_copy(
            ZEROS, "for i, kept in np.ndenumerate(x.copy()):", *MOVE[1:], BACK, SLOPE, RETURN
        ),
        "unravel_index": _gradient_of_copy(
            ZEROS, "for k in range(x.size):", "    i = np.unravel_index(k, x.shape)", *REST
        ),
        "itertools": "import itertools\n\n\n"
        + _gradient_of_copy(ZEROS, "for i in itertools.product(*map(range, x.shape)):", *REST),
        "numerical_diff for each element": _gradient(
            COPY,
            "def along(i):",
            "    def g(v):",
            "        y = x.copy()",
            "        y[i] = v",
            "        return f(y)",
            "    return g",
            "g = [numerical_diff(along(i), x[i]) for i in np.ndindex(x.shape)]",
            "return np.array(g).reshape(x.shape)",
        ),
        "a step of 1e-6": _gradient("h = 1e-6", COPY, ZEROS, *LOOPED),
        "a step of 1e-3": _gradient("h = 1e-3", COPY, ZEROS, *LOOPED),
        "the root of eps": _gradient("h = np.sqrt(np.finfo(float).eps)", COPY, ZEROS, *LOOPED),
        "five points": _gradient(
            "h = 1e-3",
            COPY,
            ZEROS,
            INDICES,
            "    e = np.zeros(x.shape)",
            "    e[i] = h",
            "    g[i] = (8 * (f(x + e) - f(x - e)) - f(x + 2 * e) + f(x - 2 * e)) / (12 * h)",
            RETURN,
        ),
        "a float32 result": _gradient(*MOVED, SLOPE, "return g.astype(np.float32)"),
        "Fortran order": _gradient_h(
            "x = np.array(x, dtype=float, order='F')", "g = np.zeros(x.shape, order='F')", *LOOPED
        ),
        "with a further parameter": _gradient(COPY, ZEROS, *LOOPED).replace(
            "x):", "x, h=1e-4):", 1
        ),
    },
    "gradient_descent": {
        "itertools.accumulate": """def gradient_descent(f, init_x, lr=0.01, step_num=100):
    from itertools import accumulate

    h = list(
        accumulate(
            range(step_num),
            lambda x, _: x - lr * numerical_gradient(f, x),
            initial=init_x.astype(float),
        )
    )
    return h[-1], h""",
        "in place, with copies": _copied(
            "history = [x.copy()]",
            STEPS,
            "    x -= lr * numerical_gradient(f, x)",
            "    history.append(x.copy())",
            PAIR,
        ),
        "one array of points": _descent(
            "history = np.empty((step_num + 1,) + init_x.shape)",
            "history[0] = init_x",
            "for k in range(step_num):",
            "    history[k + 1] = history[k] - lr * numerical_gradient(f, history[k])",
            "return history[-1], history",
        ),
        "stacked": _descent(*WALK, "return x, np.stack(history)"),
        "a tuple of points": _descent(*WALK, "return x, tuple(history)"),
        "a list for the pair": _descent(*WALK, "return [x.copy(), history]"),
        "a named tuple": (
            "from collections import namedtuple\nWalk = namedtuple('Walk', 'x history')\n"
            + _descent(*WALK, "return Walk(x, history)")
        ),
        "init_x itself as the first": _descent(
            "x, history = init_x, [init_x]", STEPS, GO, KEEP, PAIR
        ),
        "append before the step": _descent(
            "x, history = np.array(init_x, dtype=float), []",
            STEPS,
            "    history.append(x)",
            GO,
            "history.append(x)",
            PAIR,
        ),
        "while": _descent(
            "history = [np.copy(init_x)]",
            "while len(history) <= step_num:",
            "    x = history[-1]",
            "    history.append(x + -lr * numerical_gradient(f, x))",
            "return history[-1], history",
        ),
        "by recursion": _descent(
            "x = np.array(init_x)",
            "if step_num == 0:",
            "    return x, [x]",
            "x1 = x - lr * numerical_gradient(f, x)",
            "last, rest = gradient_descent(f, x1, lr, step_num - 1)",
            "return last, [x] + rest",
        ),
        "accumulate": "from itertools import accumulate\n\n\n"
        + _descent(
            "step = lambda x, _: x - lr * numerical_gradient(f, x)",
            "history = list(accumulate(range(step_num), step, initial=init_x.copy()))",
            "return history[-1], history",
        ),
        "a gradient of its own": _descent(
            "def slope(x):",
            "    h, e = 1e-5, np.eye(x.size).reshape(-1, *x.shape)",
            "    d = [(f(x + h * u) - f(x - h * u)) / (2 * h) for u in e]",
            "    return np.reshape(d, x.shape)",
            "x, history = init_x, [init_x.copy()]",
            STEPS,
            "    x = x - lr * slope(x)",
            KEEP,
            PAIR,
        ),
        "a forward difference of its own": _descent(
            "def slope(x):",
            "    h, e = 1e-6, np.eye(x.size).reshape(-1, *x.shape)",
            "    return np.reshape([(f(x + h * u) - f(x)) / h for u in e], x.shape)",
            "x, history = init_x, [init_x.copy()]",
            STEPS,
            "    x = x - lr * slope(x)",
            KEEP,
            PAIR,
        ),
        "a dequeue": "from collections import deque\n\n\n"
        + _descent(
            "x = np.array(init_x)",
            "history = deque([x])",
            STEPS,
            GO,
            KEEP,
            "return x, list(history)",
        ),
        "a further parameter": _stepping(
            GO, "    if verbose:", "        print(x)", KEEP, PAIR
        ).replace("=100", "=100, verbose=False"),
    },
}
