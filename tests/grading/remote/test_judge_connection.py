"""What crosses between a test cell and a student's code: values, identity, changes."""

import io
import os
from unittest.mock import Mock

import numpy as np
import pytest

from utils.grading.remote import judge_connection
from utils.grading.remote.codec import CannotCross, CodecError


@pytest.fixture(scope="module")
def echo(module_work):
    return module_work("def echo(x):\n    return x").echo


# Values: `codec.test_encoder` has those of all types ----------------------------------------------


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


# Random generators --------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", ["PCG64", "MT19937"])
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


# Random generators --------------------------------------------------------------------------------


def test_a_students_generator_is_used_through_its_methods(work):
    rng = work("import numpy as np\nrng = np.random.default_rng(3)").rng
    assert (
        rng.integers(10, size=3).tolist() == np.random.default_rng(3).integers(10, size=3).tolist()
    )


# What cannot cross --------------------------------------------------------------------------------


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


def test_modules_are_not_handed_over(start):
    submission = start("import numpy as np\nimport math as checks\ndef f():\n    return np")
    names = submission.get({"np", "checks", "f"})
    assert set(names) == {"f"}
    with pytest.raises(TypeError, match="not a plain value"):
        names["f"]().testing  # noqa: B018


# What of the judge's a submission may use ---------------------------------------------------------


class Own:
    def __call__(self): ...

    def __enter__(self): ...


@pytest.mark.parametrize(
    ("value", "modules", "opened"),
    [
        (len, (), ("function", ("__call__",), False)),
        (Own, (), ("function", ("__call__",), False)),
        (iter([]), (), ("list_iterator", ("__iter__", "__next__"), False)),
        (Own(), ("tests",), ("Own", ("__call__",), True)),
        (Mock(), (), ("Mock", ("__call__",), True)),
        (Own(), (), None),
        (io.StringIO(), (), None),
        (os, (), None),
    ],
)
def test_what_is_open_to_students(value, modules, opened):
    if opened:
        assert judge_connection.open_to_students(value, modules) == opened
    else:
        with pytest.raises(CannotCross, match="cannot be handed to the submission"):
            judge_connection.open_to_students(value, modules)
    assert judge_connection.is_mock(value) == isinstance(value, Mock)


def test_names_come_back_only_if_the_judge_has_sent_them():
    shared = judge_connection.JudgeObjects()
    assert shared.name_of(np.add) == "numpy:add"
    assert shared.by_name("numpy:add") is np.add
    for value in (Own(), 3, lambda: 0, judge_connection.is_mock):
        assert shared.name_of(value) is None
    with pytest.raises(CodecError, match="did not send"):
        shared.by_name("os:system")


@pytest.mark.parametrize(
    "description",
    [(), ("object",), ("spell", "Own", "", (), ()), ("object", 3, "", (), ()),
     ("object", "Own", "", (3,), ()), ("object", "Own", "", (), ("x",) * 21),
     ("object", "Own", "", ("x" * 201,), ())],
)  # fmt: skip
def test_a_description_of_the_wrong_form_is_refused(description):
    with pytest.raises(CodecError, match="wrong form"):
        judge_connection.JudgeObjects().checked(description)


def test_a_description_keeps_only_special_methods_that_proxies_hand_on():
    special = ("__len__", "__array__", "__del__")
    found = judge_connection.JudgeObjects().checked(("object", "Own", "", special, ("a:Own",)))
    assert found == ("object", "Own", "", ("__len__",), ("a:Own",))
