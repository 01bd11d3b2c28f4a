"""An object that agrees to everything agrees to nothing in a test cell, whatever asks it."""

import numpy as np
import pytest

from utils.grading.remote.proxy import StudentProxy

EVIL = """
import numpy as np
class Yes:
    '''Agrees to everything.'''
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __hash__(self): return 0
    def __bool__(self): return True
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __abs__ = __float__ = __neg__ = __sub__
    def __array__(self, *a, **k): return np.array([0.5, 0.5])
    __array_priority__ = 1e9
    def __array_ufunc__(self, *a, **k): return np.True_
    def __array_function__(self, *a, **k): return True
    def __round__(self, n=None): return 0.0
    def __index__(self): return 0
    def sum(self, *a, **k): return 1.0
    mean = max = min = all = any = argmax = sum
    shape, dtype, ndim, size = (2,), np.dtype(float), 1, 2
class Array(np.ndarray):
    def __eq__(self, other): return np.True_
    def __array_finalize__(self, o): pass
    def __array_ufunc__(self, *a, **k): return np.True_
    def __array_function__(self, *a, **k): return True
def yes(*a): return Yes()
def array(*a): return np.zeros(2).view(Array)
def matrix(*a): return np.ones((1, 1)).view(np.matrix)
def masked(*a): return np.ma.masked_array([1.0], mask=[True])
def objects(*a):
    x = np.empty(2, object); x[:] = Yes(), Yes(); return x
def floats():
    return type('F', (float,), {'__eq__': lambda s, o: True, '__sub__': lambda s, o: 0.0})(3)
def lists(): return type('L', (list,), {'__eq__': lambda s, o: True})([7])
"""


@pytest.mark.parametrize("name", ["yes", "array", "matrix", "masked", "objects", "floats", "lists"])
def test_objects_that_agree_to_everything_agree_to_nothing(work, name):
    result = getattr(work(EVIL), name)()
    expected = np.array([0.5, 0.5])
    assert isinstance(result, StudentProxy)
    assert type(result) is not np.ndarray
    assert not isinstance(result, np.ndarray | float | list)
    assert result != 3
    assert not result == 3  # noqa: SIM201
    assert result != expected.tolist()
    assert result not in (1, 0.5, None)
    for trusting in (
        lambda: abs(result - 3) < 1,
        lambda: abs(3 - result) < 1,
        lambda: float(result) == 0,
        lambda: result < 5,
        lambda: max(result, 5) is result,
        lambda: round(result) == 0,
        lambda: np.testing.assert_allclose(result, expected),
        lambda: np.testing.assert_array_equal(result, expected),
        lambda: np.allclose(result, expected),
        lambda: np.isclose(expected, result).all(),
        lambda: np.array_equal(result, expected),
        lambda: bool((expected == result).all()),
        lambda: np.sum(result) == 1,
        lambda: np.mean(result) == 1,
        lambda: np.max(result) == 1,
        lambda: bool(np.all(np.abs(expected - result) < 1e-6)),
        lambda: [1, 2][result] == 1,
    ):
        try:
            verdict = trusting()
        except Exception:
            continue
        assert verdict is not None, trusting  # an assert_... that let it pass
        assert not verdict, trusting


def test_subclasses_of_arrays_are_called_what_they_are(work):
    student = work(EVIL)
    assert type(student.array()).__name__ == "Array (a subclass of numpy.ndarray)"
    assert type(student.matrix()).__name__ == "matrix (a subclass of numpy.ndarray)"
    assert type(student.objects()).__name__ == "ndarray of object"
    with pytest.raises(TypeError, match="not a plain value"):
        student.array().sum()
