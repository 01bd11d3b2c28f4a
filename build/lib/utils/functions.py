"""Activations, output functions, losses and the small helpers around them, in pure NumPy.

The last axis holds the classes, a leading axis the images. No argument is ever modified.
Integers become float64; a float32 argument gives a float32 result.

Symbols: N images, D inputs, H hidden units, K classes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def _as_float(a: ArrayLike) -> NDArray[np.floating]:
    """Return `a` as an array of floats: floats keep their dtype, all else becomes float64."""
    a = np.asarray(a)
    return a if a.dtype.kind == "f" else a.astype(np.float64)


# Activations ----------------------------------------------------------------------------------


def identity_function(a: ArrayLike) -> NDArray:
    """Return the input unchanged: the output function of regression.

    Args:
        a: numbers of any shape and dtype.

    Returns:
        The same numbers as an array, same shape and dtype (no copy is made of an array).

    Source: Deep Learning from Scratch, section 3.5.1.
    """
    return np.asarray(a)


def step(x: ArrayLike) -> NDArray[np.int64]:
    """Return 1 where x > 0 and 0 elsewhere: the abrupt activation of the perceptron.

    Args:
        x: numbers of any shape.

    Returns:
        int64 zeros and ones of the same shape.

    Source: Deep Learning from Scratch, section 3.2.2.
    """
    return (np.asarray(x) > 0).astype(np.int64)


def sigmoid(x: ArrayLike) -> NDArray[np.floating]:
    """Return the logistic sigmoid 1 / (1 + exp(-x)), element by element.

    Only exp of a number <= 0 is ever taken, so nothing overflows at either end: with
    e = exp(-|x|) this is 1 / (1 + e) for x >= 0 and the equal e / (1 + e) for x < 0.

    Args:
        x: numbers of any shape.

    Returns:
        Floats in 0..1 of the same shape.

    Source: Deep Learning from Scratch, section 3.2.4.
    """
    x = _as_float(x)
    e = np.exp(-np.abs(x))
    return np.maximum(e, x >= 0) / (1 + e)  # e is never above 1


def relu(x: ArrayLike) -> NDArray:
    """Return max(0, x), element by element.

    Args:
        x: numbers of any shape.

    Returns:
        Numbers >= 0 of the same shape and dtype.

    Source: Deep Learning from Scratch, section 3.2.7.
    """
    return np.maximum(0, x)


def softmax(a: ArrayLike) -> NDArray[np.floating]:
    """Turn scores into shares that are positive and sum to 1 along the last axis.

    y_k = exp(a_k - max(a)) / sum_i exp(a_i - max(a)). Subtracting the maximum of each row changes
    nothing, since it cancels, and keeps exp from overflowing.

    Args:
        a: scores, shape (..., K), with any number of leading axes.

    Returns:
        A new float array of the same shape; finite wherever `a` is.

    Raises:
        ValueError: `a` has no axis (a single number has nothing to compete with), or K is 0.

    Source: Deep Learning from Scratch, sections 3.5.1 and 3.5.2.
    """
    exp_a = np.exp(_shifted(a))
    return exp_a / exp_a.sum(axis=-1, keepdims=True)  # (..., K) / (..., 1) -> (..., K)


def log_softmax(a: ArrayLike) -> NDArray[np.floating]:
    """Return log(softmax(a)) without ever taking the logarithm of 0.

    log y_k = (a_k - max(a)) - log sum_i exp(a_i - max(a)). Where softmax underflows to 0 and its
    logarithm would be -inf, this stays exact.

    Args:
        a: scores, shape (..., K).

    Returns:
        Floats <= 0 of the same shape; finite wherever `a` is.

    Raises:
        ValueError: `a` has no axis, or K is 0.

    Source: Goodfellow, Bengio, Courville: Deep Learning (2016), section 4.1.
    """
    shifted = _shifted(a)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def _shifted(a: ArrayLike) -> NDArray[np.floating]:
    """Subtract the maximum of each row, so that the largest score is 0."""
    a = _as_float(a)
    if a.ndim == 0 or a.shape[-1] == 0:
        raise ValueError(f"softmax needs rows of at least one score, but got shape {a.shape}")
    return a - a.max(axis=-1, keepdims=True)  # (..., K) - (..., 1) -> (..., K)


# Labels ---------------------------------------------------------------------------------------


def to_one_hot(t: ArrayLike, num_classes: int = 10) -> NDArray[np.float64]:
    """Turn class numbers into rows with a single 1 (also called 1-of-K coding).

    Args:
        t: class numbers in 0..num_classes-1, shape (N,), any integer dtype.
        num_classes: K, the number of classes, hence the length of a row.

    Returns:
        float64 zeros and ones, shape (N, K).

    Raises:
        ValueError: a label is outside 0..num_classes-1, or `t` is not a list of integers.

    Source: Deep Learning from Scratch, section 3.6.1.
    """
    t = np.asarray(t)
    if t.ndim != 1 or (t.dtype.kind not in "iu" and t.size):
        raise ValueError(
            f"to_one_hot needs integer labels of shape (N,), but got {t.dtype} of shape {t.shape}"
        )
    return np.eye(num_classes)[check_labels(t, num_classes)]  # (K, K)[(N,)] -> (N, K)


def check_labels(t: NDArray[np.integer], num_classes: int) -> NDArray[np.int64]:
    """Return labels as int64 after making sure that each is one of the classes.

    Args:
        t: class numbers, any shape.
        num_classes: K.

    Raises:
        ValueError: a label is outside 0..num_classes-1.
    """
    if t.size and not (t.min() >= 0 and t.max() < num_classes):
        raise ValueError(
            f"labels must lie in 0..{num_classes - 1}, but they run from {t.min()} to {t.max()}"
        )
    return t.astype(np.int64)


def _as_labels(y: NDArray, t: ArrayLike) -> NDArray[np.integer]:
    """Return the class numbers of `t`, given as such or one-hot, for outputs `y` (..., K).

    Raises:
        ValueError: the shapes do not fit, or a label is not a class.
    """
    t = np.asarray(t)
    if t.shape == y.shape:
        return t.argmax(axis=-1)
    if t.shape == y.shape[:-1] and t.dtype.kind in "iub":
        return check_labels(t, y.shape[-1])
    raise ValueError(
        f"outputs of shape {y.shape} need integer labels of shape {y.shape[:-1]} or one-hot labels "
        f"of shape {y.shape}, but the labels are {t.dtype} of shape {t.shape}"
    )


def accuracy(y: ArrayLike, t: ArrayLike) -> float:
    """Return the share of rows whose largest output stands at the right class.

    Args:
        y: scores or probabilities, shape (N, K) or (K,).
        t: labels: integers of shape (N,), or one-hot of the shape of `y`.

    Returns:
        A rate in 0..1.

    Raises:
        ValueError: the shapes do not fit, a label is not a class, or there are no rows.

    Source: Deep Learning from Scratch, section 3.6.2.
    """
    y = np.asarray(y)
    if y.size == 0 or y.ndim == 0:
        raise ValueError(f"accuracy needs at least one row of outputs, but y has shape {y.shape}")
    return float(np.mean(y.argmax(axis=-1) == _as_labels(y, t)))


# Data -----------------------------------------------------------------------------------------


def normalize_images(images: ArrayLike) -> NDArray[np.float64]:
    """Scale grey values 0..255 to 0..1 by the fixed factor 1 / 255.

    Args:
        images: uint8 of any shape.

    Returns:
        float64 in 0..1 of the same shape.

    Source: Deep Learning from Scratch, section 3.6.1.
    """
    return np.asarray(images) / 255.0


def minibatch_indices(n: int, batch_size: int, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Cut the shuffled indices 0..n-1 into mini-batches that together cover each index once.

    Args:
        n: number of examples, 0 or more.
        batch_size: examples in a mini-batch, 1 or more; the last one may be short.
        rng: the random generator that shuffles.

    Returns:
        A list of int64 arrays of shape (batch_size,), the last perhaps shorter.

    Raises:
        ValueError: `n` is negative or `batch_size` is below 1.

    Source: Deep Learning from Scratch, section 4.2.3 (which draws with replacement instead).
    """
    if n < 0 or batch_size < 1:
        raise ValueError(f"needs n >= 0 and batch_size >= 1, but got n={n}, {batch_size=}")
    order = rng.permutation(n)
    return [order[start : start + batch_size] for start in range(0, n, batch_size)]


# Losses ---------------------------------------------------------------------------------------


def sum_squared_error(y: ArrayLike, t: ArrayLike) -> float:
    """Return half the sum of the squared differences over all elements.

    E = 1/2 sum_k (y_k - t_k)^2. The half cancels the 2 of the derivative, which is then y - t.

    Args:
        y: outputs of any shape.
        t: targets of the same shape.

    Returns:
        The loss, a number >= 0.

    Raises:
        ValueError: the shapes differ.

    Source: Deep Learning from Scratch, section 4.2.1.
    """
    y, t = _as_float(y), _as_float(t)
    if y.shape != t.shape:
        raise ValueError(f"outputs of shape {y.shape} and targets of shape {t.shape} must agree")
    return float(0.5 * np.sum((y - t) ** 2))


def cross_entropy_error(y: ArrayLike, t: ArrayLike) -> float:
    """Return the mean of -log of the probability that each row gives to its true class.

    E = -1/N sum_n sum_k t_nk log y_nk. A probability of 0 is raised to the smallest normal number
    of its dtype first, so the loss is large (708 in float64, 87 in float32) but finite.

    Args:
        y: probabilities, shape (N, K) or (K,) for one row.
        t: labels: integers of shape (N,), or for each row of `y` a distribution over the classes
            (one-hot is one).

    Returns:
        The loss, a number >= 0.

    Raises:
        ValueError: the shapes do not fit, a label is not a class, or there are no rows.

    Source: Deep Learning from Scratch, sections 4.2.2 and 4.2.4 (which adds 1e-7 instead).
    """
    y = _as_float(y)
    if y.size == 0 or y.ndim == 0:
        raise ValueError(f"the loss needs at least one row of outputs, but y has shape {y.shape}")
    return mean_negative_log(np.log(np.maximum(y, np.finfo(y.dtype).tiny)), t)


def mean_negative_log(log_y: NDArray[np.floating], t: ArrayLike) -> float:
    """Return -1/N sum_n sum_k t_nk log_y_nk for labels or distributions `t`.

    Args:
        log_y: logarithms of probabilities, shape (N, K) or (K,).
        t: as in `cross_entropy_error`.

    Returns:
        The loss, a number >= 0.

    Raises:
        ValueError: the shapes do not fit, or a label is not a class.
    """
    t = np.asarray(t)
    if t.shape == log_y.shape:
        return float(np.mean(np.sum(t * (0 - log_y), axis=-1)))  # 0 - 0 is 0, but -0 is -0
    labels = np.ravel(_as_labels(log_y, t))  # (N,)
    rows = log_y.reshape(-1, log_y.shape[-1])  # (N, K)
    of_labels = rows[np.arange(len(labels)), labels]  # (N, K) -> (N,)
    return float(0 - of_labels.sum() / len(labels))


def binary_cross_entropy(y: ArrayLike, t: ArrayLike) -> float:
    """Return the mean cross-entropy of a two-class output given as one probability.

    E = -1/N sum_n [t log y + (1 - t) log(1 - y)]: the two-class case of cross-entropy, and minus
    the mean log-likelihood of Bernoulli trials. Finite at y = 0 and y = 1.

    Args:
        y: probabilities of class 1, any shape.
        t: 0 or 1 (or a probability), same shape.

    Returns:
        The loss, a number >= 0.

    Raises:
        ValueError: the shapes differ, or there is not a single output.

    Source: Bishop: Pattern Recognition and Machine Learning (2006), section 4.3.2.
    """
    y, t = _as_float(y), _as_float(t)
    if y.shape != t.shape:
        raise ValueError(f"outputs of shape {y.shape} and targets of shape {t.shape} must agree")
    if y.size == 0:
        raise ValueError(f"the loss needs at least one output, but y has shape {y.shape}")
    tiny = np.finfo(y.dtype).tiny
    log_y, log_not_y = np.log(np.maximum(y, tiny)), np.log(np.maximum(1 - y, tiny))
    return float(np.mean(0 - t * log_y - (1 - t) * log_not_y))
