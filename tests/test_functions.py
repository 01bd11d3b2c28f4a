"""The functions obey their laws for every input, and agree with SciPy and scikit-learn."""

import inspect

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.metrics
import sklearn.preprocessing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from utils import functions
from utils.functions import (
    accuracy,
    binary_cross_entropy,
    cross_entropy_error,
    identity_function,
    log_softmax,
    minibatch_indices,
    normalize_images,
    relu,
    sigmoid,
    softmax,
    step,
    sum_squared_error,
    to_one_hot,
)

SHAPES = hnp.array_shapes(min_dims=1, max_dims=4, max_side=5)


def numbers(low, high, shapes=SHAPES, dtype=np.float64):
    """Arrays of floats between two limits."""
    width = np.dtype(dtype).itemsize * 8
    return hnp.arrays(dtype, shapes, elements=st.floats(low, high, width=width))


scores = numbers(-1000, 1000)


@st.composite
def outputs_and_labels(draw):
    """Probabilities (N, K) with 2 classes or more, and labels (N,)."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(2, 6))
    a = draw(numbers(-20, 20, (n, k)))
    return softmax(a), draw(hnp.arrays(np.int64, n, elements=st.integers(0, k - 1)))


def read_only(a):
    a = np.array(a)
    a.setflags(write=False)
    return a


# What holds for all of them -----------------------------------------------------------------------

X = [[-2.0, 0.0, 0.5], [3.0, -0.1, 1.0]]
P = [[0.2, 0.7, 0.1], [0.25, 0.5, 0.25]]
CALLS = {
    "identity_function": (identity_function, X),
    "step": (step, X),
    "sigmoid": (sigmoid, X),
    "relu": (relu, X),
    "softmax": (softmax, X),
    "log_softmax": (log_softmax, X),
    "sum_squared_error": (sum_squared_error, X, P),
    "cross_entropy_error": (cross_entropy_error, P, [1, 2]),
    "cross_entropy_error, one-hot": (cross_entropy_error, P, [[0, 1, 0], [0, 0, 1]]),
    "binary_cross_entropy": (binary_cross_entropy, P, [[0, 1, 0], [1, 1, 0]]),
    "accuracy": (accuracy, X, [2, 0]),
    "accuracy, one-hot": (accuracy, X, [[0, 0, 1], [0, 1, 0]]),
    "to_one_hot": (to_one_hot, [3, 9, 0]),
    "normalize_images": (normalize_images, [[0, 255], [127, 1]]),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


@each_call
def test_arguments_stay_as_they_are_and_results_are_new(call):
    function, *arguments = call
    arrays = [read_only(a) for a in arguments]  # writing into one would raise
    result = function(*arrays)
    for given_list, array in zip(arguments, arrays, strict=True):
        np.testing.assert_array_equal(array, given_list)
        if function is not identity_function:
            assert not np.shares_memory(result, array)


@each_call
def test_lists_do_as_well_as_arrays(call):
    function, *arguments = call
    expected = function(*map(np.array, arguments))
    np.testing.assert_array_equal(function(*arguments), expected)
    assert type(function(*arguments)) is type(expected)


@pytest.mark.parametrize("function", [sigmoid, softmax, log_softmax, relu, identity_function])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_keep_their_dtype(function, dtype):
    assert function(np.array(X, dtype)).dtype == dtype


@pytest.mark.parametrize("function", [sigmoid, softmax, log_softmax])
@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, bool])
def test_integers_are_computed_as_float64(function, dtype):
    a = np.array([[1, 0, 1], [0, 0, 1]], dtype)
    result = function(a)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, function(a.astype(np.float64)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name", [n for n in CALLS if "entropy" in n or "error" in n or "accu" in n]
)
def test_losses_and_rates_are_plain_floats(name, dtype):
    function, y, t = CALLS[name]
    assert type(function(np.array(y, dtype), t)) is float
    assert function(np.array(y, dtype), t) == pytest.approx(function(y, t), rel=1e-5)


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("identity_function", "a"),
        ("softmax", "a"),
        ("to_one_hot", "t, num_classes=10"),
        ("normalize_images", "images"),
        ("sum_squared_error", "y, t"),
        ("cross_entropy_error", "y, t"),
        ("minibatch_indices", "n, batch_size, rng"),
    ],
)
def test_names_and_arguments_are_those_of_the_problem_sets(name, signature):
    parameters = inspect.signature(getattr(functions, name)).parameters.values()
    bare = [p.replace(annotation=p.empty) for p in parameters]
    assert str(inspect.Signature(bare)) == f"({signature})"


RNG = np.random.default_rng()
WRONG = {
    softmax: {
        "of a number": ([3.0], "()"),
        "of empty rows": ([np.zeros((2, 0))], "(2,0)"),
    },
    log_softmax: {"of a number": ([3.0], "()")},
    cross_entropy_error: {
        "one-hot labels of 11 classes": ([np.ones((2, 10)), np.ones((2, 11))], "(2,10) (2,11)"),
        "too few labels": ([np.ones((5, 3)), [0, 1]], "(5,3) (2,)"),
        "no row": ([np.ones((0, 3)), []], "(0,3)"),
        "a number for an output": ([0.5, 0], "()"),
        "label 10 of 10": ([np.ones((1, 10)), [10]], "0..9 10"),
        "label -1": ([np.ones((2, 3)), [0, -1]], "0..2 -1"),
    },
    accuracy: {
        "labels as a column": ([np.ones((5, 3)), np.zeros((5, 1), int)], "(5,3) (5,1)"),
        "labels that are floats": ([np.ones((2, 3)), [0.0, 1.0]], "(2,3) (2,) float64"),
        "one row, many labels": ([[0.1, 0.9], [0, 1, 1]], "(2,) (3,)"),
        "no row": ([np.ones((0, 3)), []], "(0,3)"),
        "label 10 of 10": ([np.ones((1, 10)), [10]], "0..9 10"),
    },
    to_one_hot: {
        "label -1": ([[-1, 2]], "0..9 -1"),
        "label 3 of 3": ([[3], 3], "0..2 3"),
        "floats": ([[1.0, 2.0]], "float64 (2,)"),
        "one-hot": ([[[0, 1]]], "(1,2)"),
    },
    sum_squared_error: {"would broadcast": ([np.ones((2, 3)), np.ones(3)], "(2,3) (3,)")},
    binary_cross_entropy: {
        "would broadcast": ([np.ones((4, 1)), np.ones(4)], "(4,1) (4,)"),
        "no output": ([[], []], "(0,)"),
    },
    minibatch_indices: {
        "batches of nothing": ([5, 0, RNG], "batch_size=0"),
        "fewer than no images": ([-1, 5, RNG], "n=-1"),
    },
}


@pytest.mark.parametrize(
    ("function", "case"), [(function, case) for function in WRONG for case in WRONG[function]]
)
def test_what_does_not_fit_is_a_value_error_that_names_it(function, case):
    arguments, named = WRONG[function][case]
    with pytest.raises(ValueError, match=" ") as caught:
        function(*arguments)
    for part in named.split():
        assert part in str(caught.value).replace(", ", ",")


# Activations --------------------------------------------------------------------------------------


@given(numbers(-1e300, 1e300))
def test_sigmoid_is_stable_at_both_ends_symmetric_and_scipys(x):
    y = sigmoid(x)
    np.testing.assert_allclose(y, scipy.special.expit(x), rtol=1e-14)
    np.testing.assert_allclose(sigmoid(-x), 1 - y, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_keeps_its_digits_far_below_zero(dtype):
    x = np.linspace(-80, 80, 321, dtype=dtype)
    np.testing.assert_allclose(
        sigmoid(x), scipy.special.expit(x), rtol=4 * np.finfo(dtype).eps
    )  # 1 - sigmoid(-x) or a clip would be 0 or too large at -80, where the value is 1.8e-35
    np.testing.assert_array_equal(sigmoid(np.array([-np.inf, 0, np.inf], dtype)), [0, 0.5, 1])


@given(numbers(-1e6, 1e6))
def test_step_and_relu_split_the_line_at_zero(x):
    assert step(x).dtype == np.int64
    np.testing.assert_array_equal(step(x), np.heaviside(x, 0))
    np.testing.assert_array_equal(relu(x), x * step(x))
    np.testing.assert_array_equal(relu(x) - relu(-x), x)


def test_identity_function_changes_nothing():
    for a in (3, 2.5, [1, 2], np.float32([[1, 2]]), np.zeros((2, 0, 3))):
        np.testing.assert_array_equal(identity_function(a), a)
        assert identity_function(a).dtype == np.asarray(a).dtype


# Softmax ------------------------------------------------------------------------------------------


@given(scores)
def test_softmax_gives_shares_that_sum_to_one_in_each_row(a):
    y = softmax(a)
    assert y.shape == a.shape
    assert np.all((y >= 0) & (y <= 1))
    np.testing.assert_allclose(y.sum(axis=-1), 1, rtol=1e-14)


@given(scores, st.floats(-1000, 1000))
def test_softmax_is_unchanged_by_a_shift(a, shift):
    np.testing.assert_allclose(softmax(a + shift), softmax(a), rtol=1e-11, atol=1e-300)


@given(scores)
def test_softmax_agrees_with_scipy_for_any_number_of_leading_axes(a):
    np.testing.assert_allclose(softmax(a), scipy.special.softmax(a, axis=-1), rtol=1e-12)
    np.testing.assert_allclose(
        log_softmax(a), scipy.special.log_softmax(a, axis=-1), rtol=1e-12, atol=1e-12
    )


@given(numbers(-1000, 1000, dtype=np.float32))
def test_softmax_holds_in_float32_too(a):
    assert softmax(a).dtype == log_softmax(a).dtype == np.float32
    exact = softmax(a.astype(np.float64))
    np.testing.assert_allclose(
        softmax(a), exact, rtol=3e-4, atol=1e-37
    )  # of 1000, digits end at 6e-5
    assert np.all(np.isfinite(log_softmax(a)))


def test_each_row_is_shifted_by_its_own_maximum():
    a = np.array([[1000, 999, 998], [-1000, -1001, -1002], [2e-3, 1e-3, 0], [1e300, 0, -1e300]])
    y = softmax(a)
    for row, shares in zip(a, y, strict=True):
        np.testing.assert_array_equal(shares, softmax(row))
    np.testing.assert_allclose(y[0], y[1], rtol=1e-15)  # one maximum for all: 0 / 0 in row two
    np.testing.assert_array_equal(y[3], [1, 0, 0])


def test_the_axis_is_the_last_whatever_the_layout_in_memory():
    a = np.random.default_rng(0).normal(size=(4, 4))  # square: a wrong axis has the right shape
    for view in (a.T, a[::-1], a[:, ::2], np.asfortranarray(a)):
        expected = np.exp(view) / np.array([[row.sum()] for row in np.exp(view)])
        np.testing.assert_allclose(softmax(view), expected, rtol=1e-14)


def test_softmax_of_the_hands_on_example():
    y = softmax([0, 0.1, 5.3])
    np.testing.assert_allclose(y, [0.00493969, 0.0054592, 0.98960111], atol=5e-9)
    assert f"{y[2]:.0%}" == "99%"


def test_a_share_is_exactly_zero_only_by_underflow():
    assert softmax([0.0, -700.0])[1] > 0
    assert softmax([0.0, -800.0])[1] == 0
    assert log_softmax([0.0, -800.0])[1] == -800


def test_two_classes_are_a_sigmoid():
    a = np.linspace(-30, 30, 61)
    logits = np.stack([np.zeros_like(a), a], axis=1)  # (61,), (61,) -> (61, 2)
    np.testing.assert_allclose(softmax(logits)[:, 1], sigmoid(a), rtol=1e-14)


# Labels and data ----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.uint64, np.int64])
def test_one_hot_rows_are_those_of_scikit_learn(dtype):
    t = np.array([9, 0, 2, 2, 7], dtype)
    rows = to_one_hot(t)
    assert rows.shape == (5, 10)  # as many columns as classes: the label 2 has 10 elements, not 11
    assert rows.dtype == np.float64
    binarizer = sklearn.preprocessing.LabelBinarizer().fit(range(10))
    np.testing.assert_array_equal(rows, binarizer.transform(t))
    np.testing.assert_array_equal(rows.argmax(axis=1), t)


def test_one_hot_of_nothing_and_of_other_numbers_of_classes():
    assert to_one_hot([]).shape == (0, 10)
    assert to_one_hot(np.zeros(0, int), 3).shape == (0, 3)
    np.testing.assert_array_equal(to_one_hot([1, 0], num_classes=2), [[0, 1], [1, 0]])


def test_one_hot_rows_are_not_views_of_one_another():
    rows = to_one_hot([1, 1], 3)
    rows[0] = 5
    np.testing.assert_array_equal(rows[1], [0, 1, 0])


@given(outputs_and_labels())
def test_accuracy_is_scikit_learns_and_takes_both_kinds_of_labels(case):
    y, t = case
    rate = accuracy(y, t)
    assert type(rate) is float
    assert rate == pytest.approx(sklearn.metrics.accuracy_score(t, y.argmax(axis=1)))
    assert rate == accuracy(y, to_one_hot(t, y.shape[1]))
    assert rate == pytest.approx(np.mean([accuracy(y[i], t[i]) for i in range(len(t))]))


def test_labels_may_have_any_integer_dtype():
    y = softmax(np.eye(4))
    for dtype in (np.int8, np.uint8, np.uint64, np.int64):
        t = np.arange(4).astype(dtype)
        assert accuracy(y, t) == 1
        assert cross_entropy_error(y, t) == cross_entropy_error(y, np.arange(4))


@pytest.mark.parametrize("shape", [(), (3,), (2, 784), (2, 1, 28, 28), (0, 28, 28)])
def test_images_are_scaled_by_a_fixed_factor(shape):
    images = np.full(shape, 51, np.uint8)  # the largest grey here is 51, and yet 255 counts
    result = normalize_images(images)
    assert result.shape == shape
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, np.full(shape, 0.2))
    np.testing.assert_array_equal(normalize_images(np.uint8([0, 255])), [0, 1])


@given(st.integers(0, 300), st.integers(1, 120), st.integers(0, 2**32))
def test_minibatches_cover_each_index_once(n, batch_size, seed):
    batches = minibatch_indices(n, batch_size, np.random.default_rng(seed))
    lengths = [len(batch) for batch in batches]
    full, rest = divmod(n, batch_size)
    assert lengths == [batch_size] * full + [rest] * (rest > 0)
    np.testing.assert_array_equal(np.sort(np.concatenate([*batches, []])), np.arange(n))
    again = minibatch_indices(n, batch_size, np.random.default_rng(seed))
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))


def test_minibatches_are_shuffled_anew_by_the_given_generator():
    rng = np.random.default_rng(0)
    first, second = (np.concatenate(minibatch_indices(1000, 100, rng)) for _ in range(2))
    assert np.mean(first == np.arange(1000)) < 0.05
    assert np.mean(first == second) < 0.05
    assert first.dtype.kind == "i"


# Losses -------------------------------------------------------------------------------------------


@given(outputs_and_labels())
def test_cross_entropy_is_scikit_learns_log_loss(case):
    y, t = case
    expected = sklearn.metrics.log_loss(t, y, labels=range(y.shape[1]))
    assert cross_entropy_error(y, t) == pytest.approx(expected, rel=1e-12, abs=1e-12)


@given(outputs_and_labels())
def test_labels_and_one_hot_have_the_same_cross_entropy(case):
    y, t = case
    for dtype in (np.float64, np.float32, np.uint8, bool):
        one_hot = to_one_hot(t, y.shape[1]).astype(dtype)
        assert cross_entropy_error(y, one_hot) == pytest.approx(cross_entropy_error(y, t))


@given(outputs_and_labels())
def test_the_loss_is_a_mean_over_rows(case):
    y, t = case
    rows = [cross_entropy_error(y[i], t[i]) for i in range(len(t))]
    assert cross_entropy_error(y, t) == pytest.approx(np.mean(rows))
    twice = cross_entropy_error(np.concatenate([y, y]), np.concatenate([t, t]))
    assert twice == pytest.approx(cross_entropy_error(y, t))


@given(numbers(-20, 20, (4, 5)), numbers(-20, 20, (4, 5)))
def test_cross_entropy_of_distributions_is_least_where_they_agree(a, b):
    y, t = softmax(a), softmax(b)
    loss = cross_entropy_error(y, t)
    assert loss == pytest.approx(-scipy.special.xlogy(t, y).sum() / 4)
    entropy = np.mean(scipy.stats.entropy(t, axis=1))
    assert cross_entropy_error(t, t) == pytest.approx(entropy)
    assert loss >= entropy - 1e-12


@pytest.mark.parametrize(("dtype", "largest"), [(np.float64, 708.4), (np.float32, 87.34)])
@pytest.mark.parametrize("t", [[1], [[0, 1, 0]], [[0.0, 1.0, 0.0]]])
def test_a_true_class_of_probability_zero_costs_much_but_not_infinitely(dtype, largest, t):
    loss = cross_entropy_error(np.array([[1, 0, 0]], dtype), t)
    assert loss == pytest.approx(largest, rel=1e-3)


def test_small_probabilities_are_not_drowned_by_a_constant():
    for p in (1e-9, 1e-20, 1e-300):  # log(y + 1e-7) is 16.1 for all of them
        assert cross_entropy_error([1 - p, p], 1) == pytest.approx(-np.log(p), rel=1e-12)


@pytest.mark.parametrize("t", [0, [1, 0], [1.0, 0.0]])
def test_a_perfect_answer_costs_zero_and_not_minus_zero(t):
    assert str(cross_entropy_error([1.0, 0.0], t)) == "0.0"
    assert str(binary_cross_entropy([1.0, 0.0], [1, 0])) == "0.0"


def test_a_loss_of_nan_is_not_hidden():
    assert np.isnan(cross_entropy_error([np.nan, 0.5], 0))


@given(numbers(-20, 20, 6), hnp.arrays(np.int64, 6, elements=st.integers(0, 1)))
def test_binary_cross_entropy_is_the_case_of_two_classes(a, t):
    y = sigmoid(a)
    two = np.stack([1 - y, y], axis=1)  # (6,), (6,) -> (6, 2)
    loss = binary_cross_entropy(y, t)
    assert loss == pytest.approx(cross_entropy_error(two, t), abs=1e-12)
    expected = sklearn.metrics.log_loss(t, two, labels=[0, 1])
    assert loss == pytest.approx(expected, abs=1e-12)


def test_binary_cross_entropy_is_finite_where_it_is_surely_wrong():
    assert 700 < binary_cross_entropy([0.0, 1.0], [1, 0]) < 710
    assert 87 < binary_cross_entropy(np.float32([0, 1]), [1, 0]) < 88


@given(st.data(), SHAPES)
def test_squared_error_is_half_the_sum_over_all_elements(data, shape):
    y, t = data.draw(numbers(-100, 100, shape)), data.draw(numbers(-100, 100, shape))
    expected = sum((a - b) ** 2 for a, b in zip(y.flat, t.flat, strict=True)) / 2
    assert sum_squared_error(y, t) == pytest.approx(expected)


def test_squared_error_does_not_wrap_small_integers():
    assert sum_squared_error(np.uint8([1, 200]), np.uint8([2, 0])) == (1 + 200**2) / 2
