"""What a test cell can do with what a student's cells define."""

import copy
import functools
import inspect
import pickle
import types
from collections import OrderedDict

import numpy as np
import pytest

from utils.grading.remote import proxy


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
    student.submission.classes = frozenset({"Box"})  # so the test knows that it makes the box
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


def test_subclasses_of_arrays_are_called_what_they_are(work):
    student = work(
        "import numpy as np\nclass Array(np.ndarray): pass\n"
        "def array():\n    return np.zeros(2).view(Array)\n"
        "def matrix():\n    return np.ones((1, 1)).view(np.matrix)\n"
        "def objects():\n    return np.array([print])\n"
    )
    assert type(student.array()).__name__ == "Array (a subclass of numpy.ndarray)"
    assert type(student.matrix()).__name__ == "matrix (a subclass of numpy.ndarray)"
    assert type(student.objects()).__name__ == "ndarray of object"
    with pytest.raises(TypeError, match="not a plain value"):
        student.array().sum()


# Without a process --------------------------------------------------------------------------------


def alone(what="object", special=(), busy=False):
    """A proxy whose object no process has, and the notes that it leaves."""
    notes = []
    student = types.SimpleNamespace(modules=(), note_judge_limit=notes.append)
    link = types.SimpleNamespace(student=student, busy=busy)
    return proxy.StudentProxy(link, 3, proxy.About(what, "Own", "", special, ())), notes


def test_an_operator_shows_a_value_only_to_what_the_test_has_made():
    it, notes = alone(special=("__eq__",))
    other, _ = alone("class")
    assert [proxy.may_see(it, value) for value in (1, it, other)] == [False, True, True]
    assert it != 1  # nobody was asked
    assert len(notes) == 1
    object.__setattr__(it, "_proxy_made", True)
    assert proxy.may_see(it, 1)
    assert [proxy.is_class(value) for value in (it, other, int, 3)] == [False, True, True, False]


def test_an_error_over_a_proxy_may_be_the_judges_doing():
    def behind(code, **names):
        try:
            exec(code, {"__name__": "library", **names})
        except Exception as error:
            return proxy.judge_limit_behind(error)

    it, _ = alone()
    assert behind("x + 1", x=it) == "`<module>` of `library` cannot use <Own of the submission>"
    assert behind("x + 1", x="") == ""
    assert proxy.judge_limit_behind(proxy.JudgeLimit("why")) == "why"
    assert proxy.judge_limit_behind(ValueError("never raised")) == ""
