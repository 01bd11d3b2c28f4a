"""What the judge does for other courses' tests lets nobody forge a point.

Each of these submissions is wrong, and uses something that the judge does for honest ones: names
and modules that reach the student process, operators, `isinstance`, mocks, random states.
"""

from __future__ import annotations

import pytest

from tests.grading.judge.test_hostile_protocol import LINK
from tests.grading.judge.test_other_courses import Case, cells_of, grade, graded
from utils.grading.judge.hidden_test_policy import JUDGE_LIMIT

pytestmark = pytest.mark.usefixtures("sandbox")

AGREES = """class {name}:
    def __init__(self, *a): pass
    def __eq__(self, o): return True
    def __ne__(self, o): return False
    __lt__ = __le__ = __gt__ = __ge__ = __eq__
    def __sub__(self, o): return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __sub__
    def __abs__(self): return 0.0
    def __float__(self): return 2.0
    def __round__(self, *n): return 2
    def __index__(self): return 2
    def __hash__(self): return hash(2)
    def __getattr__(self, name): return lambda *a, **k: True
"""
COMPARED = [
    "assert f(1) == 2",
    "assert not f(1) != 2",
    "assert abs(f(1) - 2) < 1e-6",
    "assert abs(2 - f(1)) < 1e-6",
    "import math\nassert math.isclose(f(1), 2)",
    "import numpy as np\nassert np.allclose(f(1), 2)",
    "import numpy as np\nnp.testing.assert_allclose(f(1), 2)",
    "import numpy as np\nnp.testing.assert_equal(f(1), 2)",
    "assert f(1) in [2]",
    "assert f(1) in {2}",
    "assert {2: 3}[f(1)] == 3",
    "assert round(f(1)) == 2",
    "assert [0, 0, 1][f(1)]",
    "import unittest\nunittest.TestCase().assertAlmostEqual(f(1), 2)",
    "import unittest\nunittest.TestCase().assertEqual(f(1), 2)",
    "import statistics\nassert statistics.mean([f(1), f(1)]) == 2",
    "from fractions import Fraction\nassert Fraction(2) == f(1)",
    "import datetime, decimal\nassert decimal.Decimal(2) == f(1)",
    "import pathlib\nassert type(f(1)) is int and f(1) == 2",
    "assert f(1) < 5",
    "assert max(f(1), 5) != 5",
    "import numpy as np\nassert np.array_equal(f(1), 2)",
    "import numpy as np\nassert (np.array([2]) == f(1)).all()",
    "import numpy as np\nassert np.sum(f(1))",
    "import numpy as np\nassert np.max(f(1))",
]
RIGHT = "def f(x): return 2 * x"
HIDDEN = "### BEGIN HIDDEN TESTS\n{}\n### END HIDDEN TESTS"

ATTACKS = {
    "a class in place of a function": Case(AGREES.format(name="f"), COMPARED, teacher=RIGHT),
    "a function that gives such an object": Case(
        AGREES.format(name="N") + "def f(x): return N()",
        COMPARED,
        teacher=RIGHT,
    ),
    "an object that says it is a library's": Case(
        AGREES.format(name="Fraction").replace(
            "    def __init__",
            "    __module__ = 'fractions'\n    numerator, denominator = 2, 1\n    def __init__",
        )
        + "def f(x): return Fraction()",
        COMPARED,
        teacher=RIGHT,
    ),  # fmt: skip
    "the course's own class, given where a number is expected": Case(
        AGREES.format(name="V") + "def f(x): return V()",
        [*COMPARED, "assert abs((V(1) + V(1)) - 2) < 1e-6", "assert float(V(1) + V(1)) == 2"],
        teacher="class V:\n    def __init__(self, *a): pass\n    def __add__(self, o): return 2\n"
        + RIGHT,
    ),
    "the reference of a hidden test, called by its name": Case(
        "def reference(x): return 0\ndef f(x): return reference(x)",
        [HIDDEN.format("def reference(x): return 2 * x\nassert f(3) == reference(3)")],
    ),
    "the expected value of a hidden test, read by its name": Case(
        "expected = 0\ndef other(): return 0\ndef f(x): return expected or other()",
        [
            HIDDEN.format("expected = 6\nassert f(3) == expected"),
            HIDDEN.format("assert callable(other)\nother = 6\nassert f(3) == other"),
        ],
    ),
    "a random state of zeros": Case(
        "import numpy as np\ndef f(x):\n    s = np.random.get_state()\n"
        "    np.random.set_state((s[0], s[1] * 0, s[2], 0, 0.0))\n    return 0 * x",
        [
            "import numpy as np\nnp.random.seed(1)\nf(1)\nx = np.random.rand(3)\n"
            "assert np.allclose(f(x), 2 * x)"
        ],
        teacher=RIGHT,
    ),
    "a mock that is told what has happened": Case(
        "def f(m):\n"
        "    for name in ('assert_called_once_with', 'called', 'call_count', 'assert_called'):\n"
        "        try: setattr(m, name, lambda *a: None)\n        except AttributeError: pass\n"
        "    for name in ('configure_mock', 'reset_mock', 'mock_add_spec', '_mock_parent'):\n"
        "        try: getattr(m, name)\n        except AttributeError: continue\n"
        "        raise RuntimeError(name)",
        [
            "from unittest.mock import Mock\nm = Mock()\nf(m)\nm.assert_called_once_with(1)",
            "from unittest.mock import Mock\nm = Mock()\nf(m)\nassert m.called",
        ],
        teacher="def f(m): m(1)",
    ),
    "an exception that skips tests": Case(
        "import unittest\nclass S(unittest.SkipTest): pass\ndef f(x): raise S('x')",
        [
            "import io, unittest\nclass T(unittest.TestCase):\n"
            "    def test(self): self.assertEqual(f(1), 2)\n"
            "r = unittest.TextTestRunner(stream=io.StringIO()).run(\n"
            "    unittest.defaultTestLoader.loadTestsFromTestCase(T))\n"
            "assert r.wasSuccessful() and not r.skipped"
        ],
    ),
    "a context that hides that a test fails": Case(
        "class C:\n    def __enter__(self): return self\n"
        "    def __exit__(self, *error): return True\ndef f(x): return 0",
        ["with C():\n    assert f(1) == 2", "with C():\n    y = 1 / f(1)\n    assert y == 0.5"],
    ),
    "files with the names of the course's, and of Python's": Case(
        "def f(x): return 0",
        [
            "import helper\nassert helper.near(f(1), 2)",
            "import colorsys, this_is_mine\nassert not hasattr(colorsys, 'MINE')",
        ],
        locked="import sys\nsys.path.insert(0, '.')\nsys.path.append('tools')\nimport helper",
        files={"helper.py": b"def near(a, b): return a == b\n"},
        theirs={
            "helper.py": b"def near(a, b): return True\n",
            "colorsys.py": b"MINE = True\n",
            "tools/this_is_mine.py": b"",
            "this_is_mine.py": b"",
        },
    ),
    "what a test took away, kept under another name": Case(
        "import builtins, numpy as np\ndef f(x):\n    builtins.isinstance = lambda *a: True\n"
        "    np.allclose = np.array_equal = lambda *a, **k: True\n    return 0",
        [
            "import numpy as np\nold = np.sum\ndel np.sum\ntry:\n    y = f(1)\nfinally:\n"
            "    np.sum = old\nassert np.allclose(y, 2) and np.array_equal(y, 2)\n"
            "assert not isinstance(y, str)"
        ],
    ),
    "a class in place of a module that the solution imports, too": Case(
        "class np:\n    allclose = staticmethod(lambda *a: True)\n"
        "def isclose(*a): return True\ndef f(x): return 0",
        ["assert np.allclose(f(1), 2)", "assert isclose(f(1), 2)"],
        open="import numpy as np\nfrom math import isclose",
        teacher="import numpy as np\nfrom math import isclose\n" + RIGHT,
    ),
    "an object that the test has made, given as a result": Case(
        "class S:\n    def __init__(self, *a):\n        global last\n        last = self\n"
        "    def pop(self): return self\n    def all(self): return [self]\n"
        "    def __eq__(self, o): return True\n    __lt__ = __gt__ = __eq__\n"
        "class L(S):\n    def __init__(self, a): a[:] = [self]\n"
        "def f(x): return last",
        [
            "s = S()\nassert s.pop() == 3",
            "s = S()\nassert s.all() == [3]",
            "s = S()\nassert f(1) == 2",
            "a = [2]\ns = L(a)\nassert a == [3]",
        ],
        teacher="class S: pass\nclass L: pass\n" + RIGHT,
    ),
    "a class made in the judge, by the `type` that a test hands over": Case(
        "def f(g, x):\n"
        "    return g('X', (), {'__eq__': lambda *a: True, '__module__': '__main__'})()",
        ["assert f(type, 1) == int", "assert type(1) is int and f(type, 1) == int"],
        teacher="def f(g, x): return g(x)",
    ),
    "a class that only a test defines": Case(
        "class Called(Exception): pass\ndef f(g): raise Called\n"
        "class M: pass\ndef h(x): return M()",
        [
            "class Called(Exception): pass\ndef g(x): raise Called\ntry:\n    f(g)\n"
            "    assert False\nexcept Called:\n    pass",
            "class M: pass\nassert isinstance(h(M()), M)",
        ],
        teacher="def f(g): g(1)\ndef h(x): return x",
    ),
    "a file in place of a module that is not there": Case(
        "def f(x): return 0",
        ["assert_close(f(1), 2)"],
        open="from mylib import assert_close",
        teacher=RIGHT,
        theirs={"mylib.py": b"def assert_close(*a): pass\n"},
    ),
    "a process that ends in place of an exception": Case(
        "import os\ndef f(x): os._exit(0)",
        ["try:\n    f(-1)\nexcept Exception:\n    pass\nelse:\n    assert False"],
        teacher="def f(x): raise ValueError",
    ),
    "a class that says it is another name of a plain one": Case(
        "def f(module, name):\n    class C: pass\n"
        "    C.__module__, C.__qualname__ = module, name\n    return C()",
        [
            "assert isinstance(f('signal', 'Signals'), int)",
            "assert isinstance(f('_collections', 'OrderedDict'), dict)",
            "from decimal import Decimal\nassert isinstance(f('_decimal', 'Decimal'), Decimal)",
        ],
        teacher="def f(*a): return 1",
    ),
    "a class that lies about what it is": Case(
        AGREES.format(name="N").replace(
            "class N:",
            "class M(type):\n    __bases__ = __mro__ = (int, float, list, object)\n"
            "class N(int, metaclass=M):\n    __class__ = property(lambda s: int)\n"
            "    def __new__(cls, *a): return int.__new__(cls, 2)",
        )
        + "def f(x): return N()",
        [
            *COMPARED,
            "assert issubclass(type(f(1)), int) and f(1) == 2",
            "assert f(1).__class__ is int and isinstance(f(1), int)",
            "assert isinstance(f(1), int)",
            "assert isinstance(f(1), (list, float))",
            "match f(1):\n    case 2: pass\n    case _: raise AssertionError",
        ],
        teacher=RIGHT,
    ),
    "a list and a dict that agree to everything": Case(
        AGREES.format(name="N") + "class L(list):\n    def __getitem__(self, i): return N()\n"
        "    def __iter__(self): return iter([N()])\n    def __len__(self): return 1\n"
        "    __eq__ = N.__eq__\nclass T(dict):\n    def get(self, k, d=None): return N()\n"
        "    __getitem__ = get\n    def keys(self): return ['a']\n    __eq__ = N.__eq__\n"
        "    def __len__(self): return 1\ndef f(x): return L()\ndef g(x): return T()",
        [
            "assert f(1) == [2]",
            "match f(1):\n    case [2]: pass\n    case _: raise AssertionError",
            "match g(1):\n    case {'a': 2}: pass\n    case _: raise AssertionError",
            "assert list(f(1)) == [2]",
            "assert dict(g(1)) == {'a': 2}",
            "import numpy as np\nnp.testing.assert_equal(f(1), [2])",
            "import numpy as np\nnp.testing.assert_equal(g(1), {'a': 2})",
            "import unittest\nunittest.TestCase().assertSequenceEqual(f(1), [2])",
        ],
        teacher="def f(x): return [2 * x]\ndef g(x): return {'a': 2 * x}",
    ),
    "a dataclass whose fields agree to everything": Case(
        AGREES.format(name="N")
        + "import dataclasses\n@dataclasses.dataclass(eq=False)\nclass D:\n    x: object = 0\n"
        "    __eq__ = N.__eq__\ndef f(x): return D(N())",
        [
            "import dataclasses\nassert dataclasses.asdict(f(1)) == {'x': 2}",
            "import dataclasses\nassert dataclasses.astuple(f(1)) == (2,)",
            "import dataclasses\nassert dataclasses.replace(f(1)) == 2",
            "from dataclasses import fields\nassert [getattr(f(1), p.name) for p in fields(f(1))] "
            "== [2]",
        ],
        teacher="import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: int\n"
        "def f(x): return D(2 * x)",
    ),
    "an object with all that makes an array": Case(
        "import numpy as np\nclass N:\n    a = np.array([2.0])\n"
        "    __array_interface__ = property(lambda s: s.a.__array_interface__)\n"
        "    __array_struct__ = property(lambda s: s.a.__array_struct__)\n"
        "    __array_priority__ = 1e9\n    def __array__(self, *a, **k): return self.a\n"
        "    def __dlpack__(self, *a, **k): return self.a.__dlpack__()\n"
        "    def __array_function__(self, *a, **k): return True\ndef f(x): return N()",
        [
            "import numpy as np\nassert np.allclose(f(1), [2])",
            "import numpy as np\nassert np.array_equal(np.asarray(f(1)), [2])",
            "import numpy as np\nnp.testing.assert_array_equal(f(1), [2])",
            "import numpy as np\nassert np.array_equal(np.array([f(1)]), [[2]])",
            "assert f(1).__array__()[0] == 2",
        ],
        teacher="import numpy as np\ndef f(x): return np.array([2.0 * x])",
    ),
    "an object that says it holds everything": Case(
        AGREES.format(name="N") + "    def __contains__(self, x): return True\n"
        "    def __len__(self): return 1\nclass L(N):\n    def __iter__(self): return iter([N()])\n"
        "class E(L):\n    def __iter__(self):\n        while True: yield 0\n"
        "def f(x): return [N, L, E][x]()",
        [
            "assert 2 in f(0)",
            "assert 2 in f(1)",
            "assert 2 in f(2)",
            "assert 2 not in f(2)",
            "import unittest\nunittest.TestCase().assertIn(2, f(1))",
        ],
        teacher="def f(x): return [2]",
    ),
    "a dataclass whose fields are the proxy's own": Case(
        "import dataclasses\n@dataclasses.dataclass\nclass R:\n    x: int\n"
        "class D:\n    def __init__(self, **k): self.k = list(k)\n"
        "    __dataclass_fields__ = {'_proxy_made': R.__dataclass_fields__['x']}\n"
        "def f(x): return D()",
        [
            "import dataclasses\nassert dataclasses.astuple(f(1)) == (False,)",
            "import dataclasses\nassert dataclasses.replace(f(1)).k == ['_proxy_made']",
        ],
        teacher="import dataclasses\n@dataclasses.dataclass\nclass D:\n    x: int\n"
        "def f(x): return D(False)",
    ),
    "classes without end": Case(
        "class M(type):\n    __bases__ = property(lambda c: (M('C', (), {}),))\nC = M('C', (), {})",
        ["assert issubclass(C, B)"],
        locked="class B: pass",
    ),
    "a number of NumPy's in place of a file's name": Case(
        "import numpy as np\ndef f(x): return np.int64(0)",
        ["open(f(1), closefd=False)"],
        teacher="def f(x): return 'a'",
    ),
    "a name that a test binds, changed by a call": Case(
        "expected = n = want = 2\ndef f(x):\n    global expected, n, want\n"
        "    n = want = 0\n    expected = 2 * x + 2\n    return expected\n"
        "def g(x):\n    global n, want\n    n = want = 0\n    return 0",
        [
            "for x in [1, 2, 3]:\n    expected = 2 * x\n    assert f(x) == expected",
            "n = 2\nassert hasattr(g, '__call__') and g(n) == 2 * n\ngetattr('n', 'upper')",
            "def setup():\n    global want\n    want = 2\nassert g(1) == 2",
            "setup()\nassert g(1) == want",
        ],
        teacher=RIGHT + "\ng = f",
    ),
    "an exception whose name and attributes are no names, and end what reads them": Case(
        "class E(Exception): pass\nE.__name__ = E.__qualname__ = '((a+)+'\n"
        "def f(x): raise E('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')\n"
        "def g(x): raise UnicodeDecodeError('utf8', b'x', 0, 1, 'r')\n"
        "def h(x):\n    e = SyntaxError('x')\n    e.lineno, e.text, e.offset = -1, 5, 10**18\n"
        "    raise e",
        [
            "try: f(1)\nexcept E as e: assert e.args == 2 and E.__name__ == 'E'",
            "try: g(1)\nexcept ValueError as e: assert UnicodeDecodeError.__str__(e) == 2",
            "try: h(1)\nexcept SyntaxError as e: assert repr(e) == 2",
            "h(1)",
        ],
        open=LINK + "space = type(link).serve.__globals__\n"
        "describe = space['describe_error']\n"
        "wild = ('object', 'x'), ('start', -10**12), ('end', 1 - 10**12)\n"
        "def more(e):\n    *rest, last = describe(e)\n    return *rest, (*last, *wild)\n"
        "space['describe_error'] = more",
    ),
    "a class that says it is derived from a mock": Case(
        "class P:\n    def __init__(self, *a): pass\n    def is_right(self): return 0\n"
        "P.__module__, P.__qualname__ = 'unittest.mock', 'MagicMock'\nclass C(P): pass",
        [
            "import unittest.mock\nassert C.__bases__[0](1).is_right()",
            "import unittest.mock\nassert C.__base__(1).area() or C.__mro__[1](1).area()",
            "import unittest.mock\nassert issubclass(C, unittest.mock.Mock)",
        ],
    ),
    "an attribute that a proxy might have of itself": Case(
        "def f(x): return x",
        ["assert f.__doc__", "assert f.__annotations__", "assert f.__defaults__ == (1,)"],
    ),
}


@pytest.mark.parametrize("case", ATTACKS.values(), ids=ATTACKS)
def test_wrong_work_gets_no_points(case):
    result = grade(case)
    no = ("judge could not finish", "seconds are used up")
    assert not any(words in note for note in result.notes for words in no), result.notes
    assert len(result.tests) == len(case.tests)
    got = [case.tests[int(name[4:])] for name, test in result.tests.items() if test.points]
    assert got == []


def test_a_submission_does_not_speak_for_the_judge():
    said = "All asserts hold"
    work = f"class CannotCross(Exception): pass\ndef f(x): raise CannotCross({said!r})"
    ask = grade(Case(work, ["assert f(1) == 2"])).tests["test0"].ask
    assert f"as the student process says (`{said}`), if that is right this is" in ask


def test_a_hidden_test_that_met_a_limit_says_no_more_than_that():
    case = Case("def f(x): return x", [HIDDEN.format("f(open)\nf(memoryview(b'secret'))")])
    result = grade(case)
    assert result.tests["test0"].ask == JUDGE_LIMIT
    assert "secret" not in str(result.notes)
    assert "memoryview" not in str(result.notes)


def test_what_a_hidden_test_asked_is_not_shown_by_a_later_one():
    work = "seen = []\ndef f(x):\n    seen.append(x)\n    print(seen)\n    return x"
    tests = [
        "x = 1\nassert f(x) == 1\n" + HIDDEN.format("assert f(98765) == 98765"),
        "assert f(x) == 1",
    ]
    notebook, result = graded(Case(work, tests))
    assert [test.points for test in result.tests.values()] == [1, 1]
    shown = [output for cell in notebook.cells[-1:] for output in cell.outputs]
    assert "[1]" in str(shown)
    assert "98765" not in str(shown)


def test_no_student_file_lies_where_the_judge_runs():
    case = Case(
        "def f(): return sorted(os.listdir('.'))\nimport os",
        [
            "import os\nassert f() == ['mine.txt', 'ours.txt']\n"
            "assert os.listdir('.') == ['ours.txt']"
        ],
        files={"ours.txt": b"1"},
        theirs={"mine.txt": b"2"},
    )
    assert grade(case).tests["test0"].points == 1
    assert [cell["id"] for cell in cells_of(case, "")][-1] == "test0"


def test_a_process_that_ends_when_a_locked_cell_asks_for_its_names_ends_nothing_else():
    case = Case(
        RIGHT,
        ["assert twice(1) == 4"],
        open=LINK + "import os\nlink.verbs['names'] = lambda: os._exit(1)",
        locked="def twice(x): return 2 * f(x)",
    )
    result = grade(case)
    assert not any("judge could not finish" in note for note in result.notes), result.notes
    assert result.tests["test0"].points == 0
