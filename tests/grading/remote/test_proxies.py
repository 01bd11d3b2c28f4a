"""What a test cell can do with what a student's cells define."""

import copy
import functools
import inspect
import pickle
import types
from collections import OrderedDict

import numpy as np
import pytest

from utils.grading.remote.codec import CannotCross
from utils.grading.remote.proxies import (
    CallTimeout,
    Lost,
    OutOfTime,
    ProcessEnded,
    StudentError,
    StudentThing,
)


def same(a, b):
    """Equal in type, bits and, for arrays, shape."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray | np.generic):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b or (a != a and b != b)


# Values -------------------------------------------------------------------------------------------

NUMBERS = "?bhilqBHILQefdgFDG"
VALUES = [
    None, True, False, 0, -1, 2**63 - 1, -(2**63), 2**63, -(2**200), 10**300, 1.5, -0.0,
    float("inf"), float("-inf"), float("nan"), 5e-324, 3 + 4j, "", "h\u00e9 \u2713 \U0001f600",
    "a\x00b", b"", b"\x00\xff", [], [1, [2, [3]]], (), (1, (2,)), {}, {"a": {1: [2]}, (1, 2): None,
    3: "x"}, set(), {1, "a", (2, 3)}, frozenset({1, frozenset({2})}), bytearray(b"ab"), range(1, 9,
    2), slice(None, 3), slice(1, None, -1), Ellipsis, NotImplemented, np.float32(1.5),
    np.float64(-0.0), np.int8(-3), np.uint64(2**64 - 1), np.bool_(True), np.complex64(1 + 2j),
    np.str_("x"), np.bytes_(b"x"), np.datetime64("2024-01-02"), np.timedelta64(5, "s"),
    np.longdouble(1) / 3, np.dtype("f4"), np.dtype(">i2"), np.float32, np.ndarray, int,
    OrderedDict(a=1, b=[2]),
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)  # sets have no order
def test_a_value_goes_and_comes_back_as_it_was(echo, value):
    assert same(echo(value), value)


@pytest.fixture(scope="module")
def echo(module_work):
    return module_work("def echo(x):\n    return x").echo


@pytest.mark.parametrize("code", NUMBERS)
@pytest.mark.parametrize(
    "make",
    [
        lambda t: np.arange(12).astype(t).reshape(3, 4),
        lambda t: np.asfortranarray(np.arange(12).astype(t).reshape(3, 4)),
        lambda t: np.arange(24).astype(t).reshape(4, 6)[::2, ::-3],
        lambda t: np.arange(24).astype(t).reshape(2, 3, 4).transpose(1, 2, 0),
        lambda t: np.array(1).astype(t),
        lambda t: np.empty((0, 3), t),
        lambda t: np.ones(3, t).astype(np.dtype(t).newbyteorder()),
        lambda t: np.broadcast_to(np.array(1, t), (2, 3)),
    ],
    ids=["C", "Fortran", "strided", "transposed", "0-d", "empty", "byte order", "broadcast"],
)
def test_arrays_keep_type_shape_and_numbers(echo, code, make):
    array = make(code)
    before = array.copy()
    copied = echo(array.copy())
    assert same(copied, before)
    assert same(echo((array,))[0], before)


@pytest.mark.parametrize("array", [np.array(["a", "\U0001f600x"]), np.array([b"a", b"xyz"]),
                                   np.array(["2024-01-01", "NaT"], "M8[D]"),
                                   np.array([1, 2], "m8[s]")])  # fmt: skip
def test_arrays_of_text_and_times_cross(echo, array):
    assert same(echo(array), array)


def test_special_floats_keep_their_bits(echo):
    array = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324])
    array.view(np.uint64)[0] |= 12345  # a NaN with a payload
    assert same(echo(array.copy()), array)


def test_an_array_of_50_megabytes_goes_and_comes_back_changed(work):
    double = work("def double(x):\n    x *= 2\n    return x + 1").double
    x = np.arange(50_000_000 // 8, dtype=float)
    y = double(x)
    assert x[-1] == 2 * (x.size - 1)
    np.testing.assert_array_equal(y, x + 1)


def test_memory_order_is_seen_by_the_student(work):
    student = work(
        "def order(x):\n    return x.flags.c_contiguous, x.flags.f_contiguous, x.flags.writeable\n"
    )
    assert student.order(np.ones((2, 3))) == (True, False, True)
    assert student.order(np.ones((2, 3), order="F")) == (False, True, True)
    assert student.order(np.ones((4, 6))[::2, ::2]) == (False, False, True)
    fixed = np.ones(3)
    fixed.flags.writeable = False
    assert student.order(fixed) == (True, True, False)


# Identity -----------------------------------------------------------------------------------------


def test_the_same_object_comes_back(echo):
    for value in ([1], {"a": 1}, {1}, np.ones(3), np.random.default_rng(0)):
        assert echo(value) is value


def test_a_copy_comes_back_as_another_object(work):
    student = work("import copy\ndef duplicate(x):\n    return copy.copy(x)")
    for value in ([1], {"a": 1}, np.ones(3)):
        assert student.duplicate(value) is not value


def test_one_array_twice_is_one_array(work):
    student = work("def same(a, b):\n    return a is b")
    x = np.ones(3)
    assert student.same(x, x) is True
    assert student.same([x], x) is False
    assert student.same(x, x.copy()) is False


def test_a_part_of_an_argument_is_an_array_of_its_own(work):
    student = work("def rows(x):\n    return x[1:, ::2]\ndef itself(x):\n    return x")
    x = np.arange(12.0).reshape(3, 4)
    rows = student.rows(x)
    np.testing.assert_array_equal(rows, x[1:, ::2])
    assert not np.shares_memory(rows, x)
    assert student.itself(x) is x


def test_what_is_written_into_a_part_of_an_argument_arrives_in_the_argument(work):
    student = work(
        "import numpy as np\n"
        "def double_row(row):\n    row *= 2\n"
        "def add_by_nditer(x):\n"
        "    with np.nditer(x, op_flags=['readwrite']) as it:\n"
        "        for item in it:\n            item[...] = item + 1\n"
        "def flat_gradient(f, x, h=1e-4):\n"
        "    flat, g = x.reshape(-1), np.zeros(x.size)\n"
        "    for i in range(flat.size):\n"
        "        old = flat[i]\n"
        "        flat[i] = old + h; up = f(x)\n"
        "        flat[i] = old - h; down = f(x)\n"
        "        flat[i] = old; g[i] = (up - down) / (2 * h)\n"
        "    return g.reshape(x.shape)\n"
        "def by_rows(f, x):\n"
        "    return np.array([flat_gradient(f, row) for row in x])\n"
    )
    x = np.arange(12.0).reshape(3, 4)
    student.double_row(x[1])
    np.testing.assert_array_equal(x[1], [8, 10, 12, 14])
    student.double_row(x[:, 0])
    student.double_row(x[::2, ::-2])
    np.testing.assert_array_equal(x, [[0, 2, 2, 6], [16, 10, 12, 14], [16, 18, 10, 22]])
    student.add_by_nditer(x.T[1:])
    np.testing.assert_array_equal(x[0], [0, 3, 3, 7])
    before = x.copy()
    # The student hands views of an argument to the test's function, which looks at the argument.
    gradient = student.flat_gradient(lambda point: float((point**2).sum()), x)
    np.testing.assert_allclose(gradient, 2 * x, rtol=1e-6)
    gradient = student.by_rows(lambda row: float((x**2).sum()), x)
    np.testing.assert_allclose(gradient, 2 * x, rtol=1e-6)
    np.testing.assert_allclose(x, before)


def test_overlapping_arguments_are_two_arrays_that_stay_in_step(work):
    student = work(
        "def change(x, row):\n    x[0] += 1\n"
        "class Keep:\n    def __init__(self, x):\n        self.x, self.row = x, x[0]\n"
        "    def sums(self):\n        return float(self.x.sum()), float(self.row.sum())\n"
    )
    x = np.zeros((2, 3))
    student.change(x, x[0])
    np.testing.assert_array_equal(x, [[1, 1, 1], [0, 0, 0]])
    keep = student.Keep(x)
    x[0] = 5
    assert keep.sums() == (15, 15)  # the student's view lies in the student's copy
    row = keep.row
    keep.x[0, 0] = 0
    assert keep.sums() == (10, 10)
    np.testing.assert_array_equal(row, [0, 5, 5])


def test_cyclic_values_cross(echo):
    ring = [1]
    ring.append(ring)
    back = echo({"ring": ring})["ring"]
    assert back is ring


def test_deep_lists_cross_and_deep_tuples_say_that_they_cannot(echo):
    deep = []
    for _ in range(5000):
        deep = [deep]
    assert echo(deep) is deep
    tuples = ()
    for _ in range(100):
        tuples = (tuples,)
    with pytest.raises(CannotCross, match="nested more than"):
        echo(tuples)


# Changes ------------------------------------------------------------------------------------------


def test_changed_arguments_are_seen_changed(work):
    student = work(
        "def change(a, l, d, s, b):\n"
        "    a[0] = 9; l.append(a); d['k'] = l; d.pop('old'); s.add(3); b[0] = 65\n"
    )
    a, things, d, s, b = np.zeros(2), [1], {"old": 0, "x": np.ones(2)}, {1}, bytearray(b"xyz")
    inner = d["x"]
    student.change(a, things, d, s, b)
    assert a[0] == 9
    assert things[0] == 1
    assert things[1] is a
    assert list(d) == ["x", "k"]
    assert d["k"] is things
    assert d["x"] is inner
    assert s == {1, 3}
    assert b == b"Ayz"


def test_changed_slices_of_strided_arguments_are_seen(work):
    student = work("def change(x):\n    x[0] = -1")
    base = np.arange(12.0).reshape(3, 4)
    student.change(base[:, ::2])
    np.testing.assert_array_equal(base[0], [-1, 1, -1, 3])


def test_an_object_sees_what_happens_later_to_arrays_it_was_given(work):
    student = work(
        "class Affine:\n"
        "    def __init__(self, W, b):\n        self.W, self.b = W, b\n"
        "    def forward(self, x):\n        self.x = x; return x @ self.W + self.b\n"
        "    def backward(self, dout):\n"
        "        self.dW = self.x.T @ dout; self.db = dout.sum(0); return dout @ self.W.T\n"
    )
    W, b, x = np.ones((2, 3)), np.zeros(3), np.ones((4, 2))
    layer = student.Affine(W, b)
    np.testing.assert_array_equal(layer.forward(x), np.full((4, 3), 2))
    W *= 3
    b[0] = 1
    np.testing.assert_array_equal(layer.forward(x)[0], [7, 6, 6])
    assert layer.W is W
    layer.W = np.zeros((2, 3))
    np.testing.assert_array_equal(layer.forward(x)[0], [1, 0, 0])
    layer.backward(np.ones((4, 3)))
    np.testing.assert_array_equal(layer.dW, np.full((2, 3), 4))


def test_parameters_of_a_network_can_be_read_set_and_nudged(work):
    student = work(
        "import numpy as np\n"
        "class Net:\n"
        "    def __init__(self):\n"
        "        self.params = {'W1': np.ones((2, 2)), 'b1': np.zeros(2)}\n"
        "    def loss(self):\n        return float((self.params['W1'] ** 2).sum())\n"
    )
    net = student.Net()
    assert net.loss() == 4
    net.params["W1"][0, 0] += 1
    assert net.loss() == 7
    net.params["W1"] -= 1
    assert net.loss() == 1
    net.params["W1"] = np.full((2, 2), 5.0)
    assert net.loss() == 100
    net.params = {"W1": np.zeros((2, 2))}
    assert net.loss() == 0
    assert net.params is net.params
    del net.params["W1"]
    with pytest.raises(KeyError):
        net.loss()


def test_a_change_through_a_name_that_is_gone_is_not_lost(work):
    net = work(
        "class Net:\n"
        "    def __init__(self):\n        self.params = {'W': 0, 'b': [0]}\n"
        "    def sum(self):\n        return self.params['W'] + self.params['b'][0]\n"
    ).Net()
    many = [[i] for i in range(100)]  # so many shared lists that unused ones are given up
    net.many = many
    for i in range(1, 20):
        net.params["W"] = i
        net.params["b"][0] = 100 * i
        assert net.sum() == 101 * i


def test_a_read_only_argument_stays_as_it_is(work):
    student = work(
        "def write(x):\n    x[0] = 1\ndef force(x):\n    x.flags.writeable = True; x[0] = 1"
    )
    x = np.zeros(2)
    x.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        student.write(x)
    student.force(x)
    assert x[0] == 0


def test_a_list_that_the_test_changes_is_changed_for_the_student(work):
    student = work(
        "class Keep:\n"
        "    def __init__(self, x):\n        self.x = x\n"
        "    def get(self):\n        return list(self.x)"
    )
    things = [1]
    keep = student.Keep(things)
    things += [2, 3]
    assert keep.get() == [1, 2, 3]


# Functions ----------------------------------------------------------------------------------------


def test_keyword_arguments_defaults_and_stars(work):
    student = work("def f(a, b=2, *args, c=3, **kwargs):\n    return a, b, args, c, kwargs")
    assert student.f(1) == (1, 2, (), 3, {})
    assert student.f(1, 4, 5, 6, c=7, d=8) == (1, 4, (5, 6), 7, {"d": 8})
    with pytest.raises(TypeError, match="missing 1 required"):
        student.f()


def test_lambdas_partials_builtins_and_bound_methods(work):
    student = work(
        "import functools, math\nadd = lambda a, b=1: a + b\ntwice = functools.partial(add, b=2)\n"
        "root = math.sqrt\nupper = 'abc'.upper\n"
    )
    assert student.add(1) == 2
    assert student.twice(1) == 3
    assert student.root(9.0) == 3
    assert student.upper() == "ABC"
    assert functools.partial(student.add, 5)(b=6) == 11
    assert callable(student.twice)


def test_signatures_and_names_can_be_looked_at(work):
    student = work(
        "class C:\n    def __init__(self, n, k=3): pass\ndef f(a, /, b=2, *c, d=None, **e): pass"
    )
    assert str(inspect.signature(student.f)) == "(a, /, b=2, *c, d=None, **e)"
    assert str(inspect.signature(student.C)) == "(n, k=3)"
    assert student.f.__name__ == "f"
    assert student.C.__name__ == "C"
    assert type(student.f).__name__ == "function"


def test_callbacks_both_ways_and_nested(work):
    student = work(
        "def numerical_gradient(f, x, h=1e-4):\n"
        "    import numpy as np\n"
        "    g = np.zeros_like(x)\n"
        "    for i in np.ndindex(x.shape):\n"
        "        old = x[i]\n"
        "        x[i] = old + h; up = f(x)\n"
        "        x[i] = old - h; down = f(x)\n"
        "        x[i] = old; g[i] = (up - down) / (2 * h)\n"
        "    return g\n"
        "def square_sum(x):\n    return float((x ** 2).sum())\n"
        "def apply(f, *args):\n    return f(*args)\n"
    )
    x = np.arange(6.0).reshape(2, 3)
    before = x.copy()
    seen = []

    def f(point):
        assert point is x
        seen.append(point.copy())
        return float(np.sum(point**2))

    np.testing.assert_allclose(student.numerical_gradient(f, x), 2 * x, atol=1e-6)
    assert len(seen) == 12
    assert x.tobytes() == before.tobytes()
    np.testing.assert_allclose(student.numerical_gradient(student.square_sum, x), 2 * x, atol=1e-6)
    np.testing.assert_allclose(
        student.apply(student.numerical_gradient, lambda p: student.square_sum(p) + f(p), x),
        4 * x,
        atol=1e-5,
    )
    assert student.apply(lambda g: g(lambda v: v + 1, 3), lambda h, v: student.apply(h, v)) == 4


def test_library_functions_cross_by_name(work):
    student = work("import numpy as np\ndef is_it(f, name):\n    return f is getattr(np, name)\n"
                   "def apply(f, x):\n    return f(x)\ndef keep(f):\n    return [f]")  # fmt: skip
    for name in ("exp", "sum", "tanh", "mean", "asarray"):
        assert student.is_it(getattr(np, name), name) is True
    assert student.apply(np.linalg.norm, np.array([3.0, 4.0])) == 5
    assert student.apply(max, [1, 3]) == 3
    assert student.keep(np.exp)[0] is np.exp


def test_two_sides_calling_each_other_for_ever_end_in_an_error(work):
    student = work("def ping(f):\n    return f()")

    def pong():
        return student.ping(pong)

    with pytest.raises(RecursionError, match="call each other"):
        student.ping(pong)
    assert student.ping(lambda: 5) == 5


def test_generators_are_iterated_over(work):
    student = work(
        "def batches(n):\n    for i in range(n):\n        yield list(range(i))\n"
        "def take(it):\n    return [x for x in it]\n"
    )
    assert [len(b) for b in student.batches(4)] == [0, 1, 2, 3]
    two = student.batches(2)
    assert next(two) == []
    assert next(two) == [0]
    with pytest.raises(StopIteration):
        next(two)
    assert next(two, "end") == "end"
    assert student.take(i * i for i in range(4)) == [0, 1, 4, 9]
    assert student.take(iter([1, 2])) == [1, 2]
    assert student.take(student.batches(2)) == [[], [0]]


# Classes and objects ------------------------------------------------------------------------------


def test_classes_and_instances(work):
    student = work(
        "class Base:\n    kind = 'base'\n    @classmethod\n    def make(cls, n):\n"
        "        return cls(n)\n"
        "    @staticmethod\n    def double(n):\n        return 2 * n\n"
        "class Box(Base):\n    def __init__(self, n):\n        self.n = n\n"
        "    @property\n    def square(self):\n        return self.n ** 2\n"
        "    def __len__(self):\n        return self.n\n"
        "    def __getitem__(self, i):\n        return i * self.n\n"
        "    def __contains__(self, i):\n        return i == self.n\n"
        "    def __call__(self, x):\n        return x + self.n\n"
        "    def __enter__(self):\n        return self\n    def __exit__(self, *a):\n"
        "        self.n = 0\n"
    )
    box = student.Box(3)
    assert type(box).__name__ == "Box"
    assert isinstance(box, student.Box)
    assert isinstance(box, student.Base)
    assert not isinstance(3, student.Box)
    assert not isinstance(box, np.ndarray)
    assert isinstance(student.Box.make(2), student.Box)
    assert (box.n, box.square, box.kind, student.Box.double(4), student.Base.kind) == (
        3,
        9,
        "base",
        8,
        "base",
    )
    assert (len(box), box[5], 3 in box, 4 in box, box(1)) == (3, 15, True, False, 4)
    with box as inside:
        assert inside is box
    assert box.n == 0
    box.n = 7
    assert box.square == 49
    box.extra = [1]
    assert box.extra == [1]
    del box.extra
    assert not hasattr(box, "extra")
    assert getattr(box, "extra", None) is None
    assert callable(box.make)
    assert "square" in dir(box)
    with pytest.raises(AttributeError):
        box.square = 3
    method = box.__class__
    assert method is type(box)


def test_ordinary_objects_are_not_callable_or_iterable(work):
    student = work("class Plain: pass\nplain = Plain()")
    assert not callable(student.plain)
    with pytest.raises(TypeError):
        iter(student.plain)
    with pytest.raises(TypeError):
        len(student.plain)
    with pytest.raises(TypeError, match="derive"):
        types.new_class("Sub", (student.Plain,))


def test_objects_can_be_copied_but_not_pickled(work):
    student = work("class C:\n    def __init__(self):\n        self.x = [1]\nc = C()")
    deep, flat = copy.deepcopy(student.c), copy.copy(student.c)
    student.c.x.append(2)
    assert deep.x == [1]
    assert flat.x == [1, 2]
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(student.c)


def test_dataclasses_named_tuples_and_mappings(work):
    student = work(
        "from collections import namedtuple, defaultdict, OrderedDict\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass D:\n    a: int\n    b: float = 2.0\n"
        "P = namedtuple('P', 'x y')\np = P(1, 2)\nd = defaultdict(list, a=[1])\n"
        "o = OrderedDict(W=1)\n"
    )
    assert (student.D(1).a, student.D(1, b=3).b) == (1, 3)
    x, y = student.p
    assert (x, y, student.p.y, student.p[0], len(student.p)) == (1, 2, 2, 1, 2)
    assert student.d["a"] == [1]
    assert list(student.d.items()) == [("a", [1])]
    assert dict(student.o) == {"W": 1}
    assert isinstance(student.o, OrderedDict)


def test_objects_of_the_tests_own_are_used_by_the_student(work):
    student = work(
        "def use(net, x):\n    net.calls = net.calls + 1\n"
        "    return net.predict(x), net.params['W'], net[2], len(net)\n"
        "def look(net):\n    return net._secret\n"
        "def globals_of(f):\n    return f.__globals__\n"
        "def code_of(f):\n    return f.func_code\n"
    )
    kind = type(
        "Net",
        (),
        {
            "__module__": "__main__",
            "calls": 0,
            "params": {"W": 5},
            "_secret": 1,
            "predict": lambda self, x: x + 1,
            "__getitem__": lambda self, i: i * 10,
            "__len__": lambda self: 4,
        },
    )
    net = kind()
    assert student.use(net, 1) == (2, 5, 20, 4)
    assert net.calls == 1
    for name, thing in (("look", net), ("globals_of", lambda: 0), ("code_of", lambda: 0)):
        with pytest.raises(AttributeError):
            getattr(student, name)(thing)


# Exceptions ---------------------------------------------------------------------------------------


def test_exceptions_carry_type_message_and_line(work):
    student = work("def f(x):\n    y = 1\n    return y / x\nclass Odd(ValueError): pass\n"
                   "def g():\n    raise Odd('strange', 3)")  # fmt: skip
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        student.f(0)
    error = caught.value
    assert isinstance(error, StudentError)
    assert (error.type_name, error.line, error.cell, error.code) == (
        "ZeroDivisionError", 3, "work", "return y / x",
    )  # fmt: skip
    assert error.__notes__ == ["line 3: `return y / x`"]
    with pytest.raises(ValueError, match="strange") as caught:
        student.g()
    assert type(caught.value).__name__ == "Odd"


@pytest.mark.parametrize(
    "statement",
    ["raise SystemExit(0)", "raise KeyboardInterrupt", "raise GeneratorExit", "raise StopIteration",
     "raise BaseException('b')", "exit()", "quit()", "raise StopAsyncIteration",
     "raise type('Evil', (BaseException,), {'__str__': lambda s: 1 / 0})"],
)  # fmt: skip
def test_no_exception_of_a_student_ends_more_than_a_check(work, statement):
    student = work(f"def f():\n    {statement}\ndef g():\n    return 1")
    with pytest.raises(Exception) as caught:  # noqa: PT011
        student.f()
    assert isinstance(caught.value, StudentError)
    assert not isinstance(caught.value, StopIteration)
    assert student.g() == 1


def test_names_of_exceptions_may_be_anything(work):
    student = work("def f():\n    raise type('\\x00\\ud800' * 500, (Exception,), {})('\\ud800')")
    with pytest.raises(StudentError) as caught:
        student.f()
    assert len(type(caught.value).__name__) <= 100


def test_a_tests_own_exception_comes_back_as_itself(work):
    student = work("def apply(f):\n    return f()\ndef tame(f):\n    try:\n        f()\n"
                   "    except ValueError as e:\n"
                   "        return str(e)")  # fmt: skip
    mine = ValueError("from the test")

    def fail():
        raise mine

    with pytest.raises(ValueError, match="from the test") as caught:
        student.apply(fail)
    assert caught.value is mine
    assert student.tame(fail) == "from the test"


def test_warnings_appear_where_the_call_is(work):
    student = work("import numpy as np, warnings\ndef f(x):\n    return np.exp(x)\n"
                   "def g():\n    warnings.warn('hm', DeprecationWarning)")  # fmt: skip
    with pytest.warns(RuntimeWarning, match="overflow"):
        assert student.f(np.array([1000.0]))[0] == np.inf
    with pytest.warns(DeprecationWarning, match="hm"):
        student.g()
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        student.f(np.array([1000.0]))
    with np.errstate(over="ignore"):
        student.f(np.array([1000.0]))


def test_prints_appear_where_the_call_is(work, capsys):
    student = work(
        "import sys\ndef f():\n    print('out'); print('err', file=sys.stderr); return input()"
    )
    with pytest.raises(EOFError):
        student.f()
    assert capsys.readouterr() == ("out\n", "err\n")


# Random generators --------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_generators_go_on_where_the_student_left_them(work, bits):
    student = work("import numpy as np\ndef draw(rng, n):\n"
                   "    assert isinstance(rng, np.random.Generator)\n"
                   "    return rng.permutation(n)")  # fmt: skip
    ours, theirs = (np.random.Generator(getattr(np.random, bits)(7)) for _ in range(2))
    for n in (5, 10, 3):
        np.testing.assert_array_equal(student.draw(theirs, n), ours.permutation(n))
    assert ours.random() == theirs.random()
    ours.normal(), theirs.normal()
    np.testing.assert_array_equal(student.draw(theirs, 8), ours.permutation(8))


def test_a_students_generator_is_used_through_its_methods(work):
    rng = work("import numpy as np\nrng = np.random.default_rng(3)").rng
    assert (
        rng.integers(10, size=3).tolist() == np.random.default_rng(3).integers(10, size=3).tolist()
    )


# What cannot cross, and what must not be trusted --------------------------------------------------


def test_what_cannot_cross_is_named(work, tmp_path):
    student = work("def f(*a, **k):\n    return 1")
    with (tmp_path / "x").open("w") as file:
        for value, words in (
            (file, "TextIOWrapper"),
            (np, "module"),
            (np.array([object()]), "ndarray"),
            (np.zeros(2, "i4,f8"), "ndarray"),
            (np.ones((1, 1)).view(np.matrix), "matrix"),
            (10**30_000, "an int of"),
        ):
            with pytest.raises(CannotCross, match=words):
                student.f(value)
            with pytest.raises(CannotCross, match=words):
                student.f({"x": [value]})
    assert student.f(1, x=2) == 1  # the link is as before


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
    assert isinstance(result, StudentThing)
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


def test_modules_are_not_handed_over(start):
    submission = start("import numpy as np\nimport math as checks\ndef f():\n    return np")
    names = submission.get({"np", "checks", "f"})
    assert set(names) == {"f"}
    with pytest.raises(TypeError, match="not a plain value"):
        names["f"]().testing  # noqa: B018


# Processes that end -------------------------------------------------------------------------------


def test_a_call_that_never_returns_costs_itself_only(work):
    student = work(
        "import os\ncount = 0\ndef loop():\n    while True:\n        try:\n            pass\n"
        "        except BaseException:\n            pass\n"
        "def leave():\n    os._exit(3)\ndef f(x):\n    global count\n    count += 1\n"
        "    return x, count\n"
        "class C:\n    def m(self):\n        return 1\n",
        call_seconds=0.5,
    )
    thing = student.C()
    assert student.f(1) == (1, 1)
    with pytest.raises(CallTimeout, match=r"no answer within 0\.5 seconds"):
        student.loop()
    assert student.f(2) == (2, 1)  # a fresh process
    with pytest.raises(Lost, match="was lost"):
        thing.m()
    with pytest.raises(ProcessEnded, match="exit status 3"):
        student.leave()
    assert student.f(3) == (3, 1)
    assert student.C().m() == 1
    assert [note.partition(":")[0] for note in student.submission.notes] == ["`loop`", "`leave`"]
    assert student.submission.stopped


def test_one_second_is_one_second(work):
    student = work("def loop():\n    while True: pass\n", call_seconds=1, submission_seconds=1)
    with pytest.raises(OutOfTime, match="the submission's 1 second is used up"):
        student.loop()
    student = work("def loop():\n    while True: pass\n", call_seconds=1, submission_seconds=30)
    with pytest.raises(CallTimeout, match="no answer within 1 second: it was stopped"):
        student.loop()


def test_an_answer_to_nothing_is_named_with_what_to_do(work):
    student = work("def f():\n    return 1\n")
    link = student.submission.link
    send = link.send
    link.send = lambda verb, token, args: send(verb, bytes(8), args)  # the answer repeats this
    with pytest.raises(ProcessEnded, match="in answer to 'call' fits no question; .* look at"):
        student.f()


def test_a_cell_that_never_ends_still_defines(start):
    submission = start(
        "def f():\n    return 1\nK = 3\nwhile True: pass\ndef g():\n    return K",
        "def h():\n    return f() + 1",
        cell_seconds=0.5,
    )
    names = submission.get({"f", "g", "h"})
    assert (names["f"](), names["g"](), names["h"]()) == (1, 3, 2)
    assert "only the definitions count" in submission.notes[0]


def test_the_submissions_time_is_shared_by_all_calls(work):
    student = work("def loop():\n    while True: pass", call_seconds=0.4, submission_seconds=1.5)
    import time

    begin = time.monotonic()
    for _ in range(20):
        with pytest.raises(TimeoutError):
            student.loop()
    assert time.monotonic() - begin < 10  # not a measurement: 20 calls would be more


def test_a_callback_that_catches_everything_does_not_hide_the_end(work):
    student = work(
        "import time\ndef f(g):\n    return g()\ndef slow():\n    time.sleep(60)", call_seconds=0.5
    )

    def g():
        try:
            student.slow()
        except Exception:
            return 5
        return 6

    with pytest.raises(StudentError):
        student.f(g)
    assert student.f(lambda: 7) == 7


def test_threads_of_the_student_may_call_back(work):
    student = work(
        "import threading\ndef f(g):\n    found = []\n"
        "    ts = [threading.Thread(target=lambda i=i: found.append(g(i))) for i in range(4)]\n"
        "    [t.start() for t in ts]; [t.join() for t in ts]\n    return sorted(found)\n"
        "def later(g):\n"
        "    threading.Thread(target=lambda: [g(i) for i in range(50)]).start()\n"
        "    return 'started'\n"
    )
    assert student.f(lambda i: i * i) == [0, 1, 4, 9]
    seen = []
    assert student.later(seen.append) == "started"
    assert student.f(lambda i: i) == [0, 1, 2, 3]
