"""Numerical derivatives, descent and the relative error keep their contracts and their laws."""

import inspect

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from utils import gradients
from utils.gradients import gradient_descent, numerical_diff, numerical_gradient, relative_error

SHAPES = [(), (1,), (4,), (2, 3), (3, 3), (2, 1, 3), (0,)]
small = st.floats(-100, 100)


def sum_of_squares(x):
    return np.sum(x**2)


@pytest.mark.parametrize(
    ("name", "signature"),
    [
        ("numerical_diff", "f, x, h=0.0001"),
        ("numerical_gradient", "f, x, h=0.0001"),
        ("gradient_descent", "f, init_x, lr=0.01, step_num=100"),
        ("relative_error", "a, b"),
    ],
)
def test_names_and_arguments_are_those_of_the_problem_sets(name, signature):
    parameters = inspect.signature(getattr(gradients, name)).parameters.values()
    bare = [p.replace(annotation=p.empty) for p in parameters]
    assert str(inspect.Signature(bare)) == f"({signature})"


# numerical_diff -----------------------------------------------------------------------------------


@given(small, small, small, small)
def test_the_slope_of_a_parabola_is_exact(a, b, c, x):
    slope = numerical_diff(lambda x: a * x**2 + b * x + c, x)
    assert slope == pytest.approx(2 * a * x + b, rel=1e-6, abs=1e-4)  # abs: rounding over 2h


def test_the_difference_is_central():
    h = 1e-4
    central = abs(numerical_diff(np.sin, 1.0) - np.cos(1))
    forward = abs((np.sin(1 + h) - np.sin(1)) / h - np.cos(1))
    assert central == pytest.approx(9e-10, rel=0.05)
    assert forward == pytest.approx(4.2e-5, rel=0.05)
    wide = [abs(numerical_diff(np.sin, 1.0, h) - np.cos(1)) for h in (1e-2, 1e-1)]
    assert wide[1] / wide[0] == pytest.approx(100, rel=0.01)  # falls with the square of h


def test_whole_numbers_and_arrays_have_slopes_too():
    assert numerical_diff(lambda x: x**3, 2) == pytest.approx(12, abs=1e-6)
    x = np.array([[1, 2], [3, 4]])
    x.setflags(write=False)
    np.testing.assert_allclose(numerical_diff(np.square, x), 2.0 * x, rtol=1e-8)
    np.testing.assert_allclose(numerical_diff(np.square, [1, 2, 3]), [2, 4, 6], rtol=1e-8)
    np.testing.assert_allclose(numerical_diff(np.exp, np.float32(3)), np.exp(3), rtol=1e-7)


# numerical_gradient -------------------------------------------------------------------------------


@given(hnp.arrays(np.float64, (3, 3), elements=small), hnp.arrays(np.float64, 3, elements=small))
def test_the_gradient_of_a_quadratic_form(A, x):
    gradient = numerical_gradient(lambda x: x @ A @ x, x)
    np.testing.assert_allclose(gradient, (A + A.T) @ x, rtol=1e-6, atol=1e-3)


@given(hnp.arrays(np.float64, 4, elements=st.floats(-2, 2)))
def test_the_gradient_agrees_with_scipys(x):
    gradient = numerical_gradient(scipy.optimize.rosen, x)
    np.testing.assert_allclose(gradient, scipy.optimize.rosen_der(x), rtol=1e-6, atol=1e-4)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.uint8])
def test_the_gradient_has_the_shape_of_x_and_floats(shape, dtype):
    x = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    gradient = numerical_gradient(sum_of_squares, x)
    assert type(gradient) is np.ndarray
    assert gradient.dtype == np.float64
    np.testing.assert_allclose(gradient, 2 * x.astype(float), atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_f_sees_arrays_of_the_shape_of_x_and_x_stays_bit_identical(shape):
    x = np.random.default_rng(0).normal(size=shape) * 1e8  # x + h - h would not be x again
    before = x.tobytes()
    x.setflags(write=False)
    seen = []

    def f(a):
        seen.append(a)
        return a.sum()

    gradient = numerical_gradient(f, x)
    assert x.tobytes() == before
    assert {a.shape for a in seen} <= {shape}
    assert len(seen) == 2 * x.size
    assert not any(np.shares_memory(a, b) for a in seen for b in (x, gradient))


def test_an_f_that_writes_into_its_argument_does_no_harm():
    def f(a):
        result = sum_of_squares(a)
        a[:] = 0
        return result

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(numerical_gradient(f, x), [2, 4, 6])
    np.testing.assert_array_equal(x, [1, 2, 3])


def test_any_layout_in_memory_will_do():
    x = np.arange(6.0).reshape(2, 3)
    weights = np.arange(6.0).reshape(3, 2) + 1
    np.testing.assert_allclose(numerical_gradient(lambda a: (a * weights).sum(), x.T), weights)


@pytest.mark.parametrize("kind", [float, np.float32, np.array, lambda v: np.array([v]), int])
def test_one_number_may_come_in_any_wrapping(kind):
    gradient = numerical_gradient(lambda x: kind(1000 * x[0]), [3.0], h=1)
    np.testing.assert_allclose(gradient, [1000])


@pytest.mark.parametrize(
    ("f", "named"),
    [(lambda x: x**2, "(3,)"), (lambda x: None, "return"), (lambda x: "1.0", "one number")],
    ids=["no sum", "no return", "text"],
)
def test_an_f_that_does_not_return_one_number_is_named(f, named):
    for attempt in (numerical_gradient, gradient_descent):
        with pytest.raises(ValueError, match="f to return one number") as caught:
            attempt(f, [1.0, 2.0, 3.0])
        assert named in str(caught.value)


# gradient_descent ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("step_num", [0, 1, 7])
def test_descent_keeps_its_whole_way(shape, step_num):
    start = np.random.default_rng(1).normal(size=shape)
    start.setflags(write=False)
    x, history = gradient_descent(sum_of_squares, start, lr=0.1, step_num=step_num)
    assert history.shape == (step_num + 1, *shape)
    assert x.shape == shape
    assert not np.shares_memory(x, history)
    assert not np.shares_memory(history, start)
    np.testing.assert_array_equal(history[0], start)
    np.testing.assert_array_equal(history[-1], x)
    for n, point in enumerate(history):  # each step takes 2 * 0.1 of x away
        np.testing.assert_allclose(point, 0.8**n * start, rtol=1e-6)


def test_a_start_of_whole_numbers_is_not_truncated():
    x, history = gradient_descent(sum_of_squares, np.array([-3, 4]), lr=0.1, step_num=100)
    assert x.dtype == history.dtype == np.float64
    np.testing.assert_allclose(x, 0, atol=1e-8)


def test_a_negative_number_of_steps_is_refused():
    with pytest.raises(ValueError, match="step_num must be 0 or more, but it is -1"):
        gradient_descent(sum_of_squares, [1.0], step_num=-1)


# relative_error -----------------------------------------------------------------------------------

pairs = st.tuples(
    hnp.arrays(np.float64, (2, 3), elements=st.floats(-1e3, 1e3)),
    hnp.arrays(np.float64, (2, 3), elements=st.floats(-1e3, 1e3)),
)


@given(pairs)
def test_relative_error_is_a_symmetric_rate(pair):
    a, b = pair
    error = relative_error(a, b)
    assert type(error) is float
    assert 0 <= error <= 1 + 1e-15
    assert error == relative_error(b, a)
    assert error == pytest.approx(relative_error(a.T, b.T), rel=1e-15)
    assert (error == 0) == np.array_equal(a, b)
    assert relative_error(a, a) == 0


@given(pairs, st.integers(-500, 500))
def test_relative_error_does_not_depend_on_the_scale(pair, exponent):
    a, b = (np.round(v) for v in pair)
    scaled = relative_error(a * 2.0**exponent, b * 2.0**exponent)
    assert scaled == pytest.approx(relative_error(a, b), rel=1e-12)


def test_relative_error_of_cases_worked_by_hand():
    assert relative_error(1.0, 3.0) == 0.5
    assert relative_error([3, 0], [0, 4]) == pytest.approx(5 / 7)
    assert relative_error([1e-200, 0], [-1e-200, 0]) == 1
    assert relative_error([1.0, 2.0], [-1.0, -2.0]) == 1
    assert relative_error(np.zeros((2, 2)), np.zeros((2, 2))) == 0
    assert relative_error([], []) == 0
    assert np.isnan(relative_error([np.nan, 1], [0, 1]))


def test_relative_error_computes_in_float64():
    a = np.float32([1, 2, 3])
    assert 0 < relative_error(a, a.astype(np.float64) + 1e-9) < 1e-9
    assert relative_error(np.uint8([200]), np.uint8([250])) == pytest.approx(50 / 450)


@pytest.mark.parametrize(("a", "b"), [((2, 3), (3,)), ((3,), (1, 3)), ((2,), ())])
def test_relative_error_compares_no_different_shapes(a, b):
    with pytest.raises(ValueError, match="shape") as caught:
        relative_error(np.ones(a), np.ones(b))
    assert str(a) in str(caught.value)
    assert str(b) in str(caught.value)
