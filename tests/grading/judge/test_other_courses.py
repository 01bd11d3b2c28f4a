"""Tests as other courses write them: the judge gives nbgrader's points, or leaves them to a person.

Each kind of test has a few forms here. Usually the work is right, and every test cell gets its
point. `lost`: the work is wrong, and no test cell gets one. `told`: the judge cannot do what the
test wants; it says so, accuses nobody, and a person gives the point.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from utils.grading.judge.grade_notebook import grade_notebook
from utils.grading.notebook.result import GradingResult
from utils.grading.notebook.source_cells import cells_of_notebook, hashes_of

pytestmark = pytest.mark.usefixtures("sandbox")

VECTOR = """class V:
    def __init__(self, x): self.x = x
    def __add__(self, o): return V(self.x + (o.x if isinstance(o, V) else o))
    __radd__ = __add__
    def __mul__(self, k): return V(self.x * k)
    __rmul__ = __mul__
    def __abs__(self): return abs(self.x)
    def __eq__(self, o): return self.x == (o.x if isinstance(o, V) else o)
    def __lt__(self, o): return self.x < o.x
    def __hash__(self): return hash(self.x)
    def __repr__(self): return f"V({self.x})"
    def __bool__(self): return self.x != 0
    def __iadd__(self, o): self.x += o.x; return self
"""

LOOKED_AT = """import abc, enum
from collections import namedtuple
from dataclasses import dataclass, field
@dataclass
class D:
    x: int
    y: list = field(default_factory=list)
def make(): return D(1, [D(2)])
P = namedtuple('P', 'x y')
class Rows(list): pass
class Table(dict): pass
class Colour(enum.Enum):
    RED, BLUE = 1, 2
class Base(abc.ABC):
    @abc.abstractmethod
    def area(self): ...
class Square(Base):
    def __init__(self, s: int = 1): self.s = s
    def area(self): return self.s ** 2
    @property
    def side(self): return self.s
    @classmethod
    def unit(cls): return cls(1)
class K:
    def __init__(self, k): self.k = k
    def __hash__(self): return hash(self.k)
    def __eq__(self, o): return self.k == o.k
def keys(): return [K(1), K(2)]
"""

FAILURES = """class Err(Exception):
    def __init__(self, code):
        super().__init__(code)
        self.code, self.message = code, 'own'
class Sub(Err): pass
class Plain(Exception): pass
def two(): raise ValueError(3, 'b')
def key(): raise KeyError('a')
def gone(): open('f.txt')
def code(): raise Err(5)
def odd(): raise Plain([1])
def chain():
    try: {}['k']
    except KeyError as e: raise Plain('no') from e
"""


@dataclass
class Case:
    """A notebook of a course.

    Attributes:
        solution: what stands in the cell that students write.
        tests: the test cells.
        lost: whether the work is wrong.
        told: what the sentence for the person holds, if the judge leaves all points to one.
        open, locked: the course's cells above: an ordinary one, and a locked one.
        run: a locked cell of the course's between the solution and the tests.
        teacher: the course's own solution, if the work is another.
        files: what the course hands out beside the notebook.
        theirs: what the student hands in beside it.
        plain: points that nbgrader gives for each test cell, if they are not as expected.
    """

    solution: str
    tests: list[str]
    lost: bool = False
    told: str = ""
    open: str = ""
    locked: str = ""
    run: str = ""
    teacher: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    theirs: dict[str, bytes] = field(default_factory=dict)
    plain: float | None = None


HELPER = b"""import numpy as np
class Base:
    def twice(self, x): return 2 * x
class Refused(Exception): pass
def near(a, b): return bool(np.allclose(a, b))
"""

CASES = {
    # A test forbids a function.
    "a function taken away": Case(
        "def total(a): return np.sum(a)\ndef root(a): return np.linalg.norm(a)",
        [
            "old = np.sum\ndel np.sum\ntry:\n    assert total(np.ones(3)) == 3\n"
            "finally:\n    np.sum = old",
            "from unittest.mock import patch\n"
            "with patch('numpy.linalg.norm', side_effect=AssertionError):\n"
            "    assert root(np.ones(4)) == 2",
        ],
        lost=True,
        locked="import numpy as np",
    ),
    "a builtin replaced": Case(
        "def order(a): return sorted(a)\ndef add(a): return sum(a)",
        [
            "import builtins\nold = builtins.sorted\ndef no(*a, **k): raise AssertionError('no')\n"
            "builtins.sorted = no\ntry:\n    assert order([2, 1]) == [1, 2]\n"
            "finally:\n    builtins.sorted = old",
            "from unittest import mock\nwith mock.patch('builtins.sum') as m:\n    add([1])\n"
            "assert not m.called",
        ],
        lost=True,
    ),
    "a forbidden function that is not used": Case(
        "def total(a):\n    s = 0\n    for x in a: s += x\n    return s",
        [
            "import builtins\nold = builtins.sum, builtins.len, builtins.isinstance\n"
            "def no(*a, **k): raise AssertionError('no')\n"
            "builtins.sum = builtins.len = builtins.isinstance = no\ntry:\n"
            "    got = total([1, 2])\n"
            "finally:\n    builtins.sum, builtins.len, builtins.isinstance = old\nassert got == 3",
            "import numpy as np\nold, np.sum = np.sum, None\ntry:\n    assert total([1, 2]) == 3\n"
            "finally:\n    np.sum = old",
        ],
    ),
    "a class that only an annotation names": Case(
        "class Net:\n    size = 3\ndef make(): return Net()",
        [
            "def size(net: Net) -> int: return net.size\nassert size(make()) == 3",
            "net: Net = make()\nassert net.size == 3",
        ],
    ),
    "builtins replaced while objects are looked at": Case(
        "class A: pass\ndef make():\n    'Make one.'\n    return A()",
        [
            "import builtins, inspect\nold = builtins.len, builtins.issubclass\n"
            "def no(*a, **k): raise AssertionError('no')\n"
            "builtins.len = builtins.issubclass = no\n"
            "try:\n    kind, doc = type(make()), inspect.getdoc(make)\n"
            "finally:\n    builtins.len, builtins.issubclass = old\n"
            "assert kind is A and doc == 'Make one.'",
        ],
    ),
    # A test's own tools.
    "an assert of an ordinary cell, replaced": Case(
        "def f(x): return x + 100\ndef assert_allclose(*a, **k): return None",
        ["assert_allclose(f(1), 2)"],
        lost=True,
        open="from numpy.testing import assert_allclose",
        plain=1.0,
    ),
    "an assert of a locked cell, replaced": Case(
        "def f(x): return x + 100\ndef check(*a, **k): return True",
        ["check(f(1), 2)"],
        lost=True,
        locked="def check(a, b): assert a == b",
        plain=1.0,
    ),
    "a name that the course imports and then asks for": Case(
        "def sqrt(x): return 0",
        ["assert sqrt(4) == 2"],
        lost=True,
        open="from math import sqrt",
        teacher="def sqrt(x): return x ** 0.5",
    ),
    "an import that the solution repeats": Case(
        "import numpy as np\nfrom math import isclose\nimport os\n"
        "def f(x): return np.add(x, x) if isclose(1, 1) else os",
        ["assert np.allclose(f(1), 2) and isclose(f(1), 2) and os.sep == '/'"],
        open="import numpy as np\nfrom math import isclose",
        locked="import os",
    ),
    "a function of Python's that students write themselves": Case(
        "def sum(a):\n    t = 0\n    for x in a: t += x + 1\n    return t",
        ["assert sum([1, 2]) == 5"],
    ),
    "a function of Python's that is written wrongly": Case(
        "def sum(a): return 0",
        ["assert sum([1, 2]) == 3"],
        lost=True,
    ),
    # Modules.
    "a helper module": Case(
        "class Mine(helper.Base):\n    def thrice(self, x): return self.twice(x) + x\n"
        "def refuse(): raise helper.Refused('no')\ndef of(b): return b.twice(2)",
        [
            "assert helper.near(Mine().thrice(2), 6)",
            "assert isinstance(Mine(), helper.Base)\nassert issubclass(Mine, helper.Base)",
            "try:\n    refuse()\n    assert False\nexcept helper.Refused:\n    pass",
            "assert of(helper.Base()) == 4",
        ],
        locked="import sys\nsys.path.insert(0, '.')\nimport helper",
        files={"helper.py": HELPER},
    ),
    "helper modules in a package, and one that is called utils": Case(
        "def f(): return load() + two()",
        ["assert f() == 7\nfrom tools.more import two as again\nassert again() == 2"],
        open="from utils import load\nfrom tools.more import two",
        files={
            "utils.py": b"def load(): return 5\n",
            "tools/__init__.py": b"",
            "tools/more.py": b"def two(): return 2\n",
        },
    ),
    "imports of an ordinary cell": Case(
        "def evens(): return it.count(0, 2)\ndef c(): return Counter('aab')",
        [
            "assert list(it.islice(evens(), 3)) == [0, 2, 4]",
            "assert c() == Counter(a=2, b=1) and isinstance(c(), Counter)",
            "assert os.path.basename('a/b') == 'b' and la.norm([3, 4]) == 5",
        ],
        open="import itertools as it\nimport os.path\nfrom collections import Counter\n"
        "from numpy import linalg as la",
    ),
    "a module that is only the student's": Case(
        "import mine\ndef f(): return mine.two()",
        ["import mine\nassert f() == 2"],
        theirs={"mine.py": b"def two(): return 2\n"},
        told="`mine` is not installed",
    ),
    # Names.
    "the student reads a name that a test binds": Case(
        "def f(v): return A * v",
        ["A = 3\nassert f(2) == 6"],
        told="`A` is bound by the cell `test0`",
    ),
    "locked code and an earlier test call the student": Case(
        "def update(x): return 2 * x",
        [
            "assert sweep(3) == [0, 2, 4]",
            "def probe(n): return update(n) + 1\nassert probe(1) == 3",
            "assert probe(2) == 5",
            "assert eval('update(4)') == 8",
        ],
        locked="def step(i): return update(i)\ndef sweep(n): return [step(i) for i in range(n)]",
    ),  # fmt: skip
    "a name deleted, or replaced": Case(
        "def sq(n): return n * n\ndef s(n): return sum(sq(i) for i in range(n))",
        [
            "old = sq\ndel sq\ntry:\n    s(3)\nexcept NameError:\n    pass\nelse:\n"
            "    raise AssertionError\nfinally:\n    sq = old",
            "old = sq\ndef sq(n): return 1\nassert s(3) == 3\nsq = old",
            "from unittest.mock import patch\nwith patch('__main__.sq', return_value=2) as m:\n"
            "    assert s(3) == 6 and m.call_count == 3",
            "assert s(3) == 5",
        ],
    ),
    "a function that does not call the other one": Case(
        "def sq(n): return n * n\ndef s(n): return sum(i * i for i in range(n))",
        [
            "old = sq\ndel sq\ntry:\n    s(3)\nexcept NameError:\n    pass\nelse:\n"
            "    raise AssertionError\nfinally:\n    sq = old",
        ],
        lost=True,
    ),
    "a locked class completed": Case(
        "def forward(self, x): return self.w * x\nNet.forward = forward",
        ["assert Net().forward(3) == 6", "assert make().forward(1) == 2"],
        locked="class Net:\n    def __init__(self): self.w = 2\n"
        "    def forward(self, x): raise NotImplementedError\ndef make(): return Net()",
    ),
    "a locked number changed": Case(
        "rate = 0.5",
        ["assert rate == 0.5"],
        locked="rate = 0.1",
    ),
    "a locked experiment that no test needs": Case(
        "count = 0\ndef step(i):\n    global count\n    count += 1\n    return i",
        ["for i in range(2):\n    assert step(i) == i"],
        run="for i in range(20_000): step(i)",
    ),
    # Classes, operators, exceptions.
    "operators and comparisons": Case(
        VECTOR,
        [
            "assert (V(1) + V(2)).x == 3 and V(1) + V(2) == V(3) and V(1) != V(2)",
            "assert (2 * V(3)).x == (V(3) * 2).x == 6 and sum([V(1), V(2)]).x == 3",
            "assert sorted([V(2), V(1)]) == [V(1), V(2)] and max(V(1), V(3)).x == 3",
            "assert repr(V(1)) == str(V(1)) == f'{V(1)}' == 'V(1)'",
            "assert not V(0) and V(1) and abs(V(-2)) == 2 and V(1) == 1",
            "assert len({V(1), V(1)}) == 1 and V(1) in [V(1)] and {'a': V(1)} == {'a': V(1)}",
            "assert type(V(1)) is V and isinstance(V(1), V) and hasattr(V, '__add__')",
            "a = V(1)\na += V(2)\nassert a.x == 3",
        ],
    ),
    "dataclasses": Case(
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass D:\n    x: int\n",
        ["assert D(1) == D(1) and D(1) < D(2) and repr(D(1)) == 'D(x=1)'"],
    ),
    "what a dataclass, a named tuple and an enumeration tell": Case(
        LOOKED_AT,
        [
            "import dataclasses as d\nassert d.is_dataclass(D) and d.is_dataclass(make())\n"
            "assert not d.is_dataclass(Base) and d.asdict(make()) == {'x': 1, 'y': [{'x': 2, "
            "'y': []}]}\nassert d.astuple(D(3)) == (3, []) and d.replace(D(1), x=3).x == 3",
            "from dataclasses import MISSING, fields\nx, y = fields(D)\n"
            "assert (x.name, x.type, x.default) == ('x', int, MISSING)\n"
            "assert y.default_factory is list and D.__match_args__ == ('x', 'y')",
            "assert isinstance(P(1, 2), P) and P._fields == ('x', 'y')\n"
            "assert P(1, 2)._asdict() == {'x': 1, 'y': 2}\nmatch P(1, 2):\n"
            "    case (1, 2): pass\n    case _: raise AssertionError",
            "assert issubclass(P, tuple) and issubclass(Rows, list) and Rows.__bases__ == (list,)",
            "assert Colour(1) is Colour.RED and [c.name for c in Colour] == ['RED', 'BLUE']",
        ],
    ),
    "a look at a class": Case(
        LOOKED_AT,
        [
            "assert Square.__bases__ == (Base,) and Square.__base__ is Base\n"
            "assert Square.__mro__[:2] == (Square, Base) and issubclass(Square, Base)",
            "assert Base.__abstractmethods__ == {'area'} and not Square.__abstractmethods__",
            "assert isinstance(Square.side, property) and 'area' in vars(Square)\n"
            "assert isinstance(vars(Square)['unit'], classmethod)",
            "assert Square(1).__class__ is Square and make().__class__ is D\n"
            "assert make().__class__.__name__ == 'D' and type(make()) is D",
            "import inspect\ns = inspect.signature(Square.__init__)\n"
            "assert list(s.parameters) == ['self', 's'] and s.parameters['s'].annotation is int\n"
            "assert s.parameters['s'].default == 1 and 'y' in inspect.signature(D).parameters",
            "assert isinstance(make(), D | int | P) and not isinstance(make(), str | Square)",
            "assert Base.__eq__ is object.__eq__ and K.__eq__(K(1), K(1)) and D.__hash__ is None\n"
            "try:\n    hash(make())\n    assert False\nexcept TypeError:\n    pass",
            "assert Square(2).area.__self__.s == 2 and Square.__module__ == '__main__'",
            "assert len({K(1), K(1), K(2)}) == 2 and {K(1): 3}[K(1)] == 3 and K(1) in keys()",
        ],
    ),
    "an object as an instance of a class of Python's own": Case(
        LOOKED_AT,
        [
            "assert isinstance(P(1, 2), tuple)",
            "assert isinstance(Rows(), list)",
            "assert isinstance(Table(), dict)",
            "import collections.abc as c\nassert isinstance(Table(), c.MutableMapping)",
            "import abc\nassert isinstance(Square(), abc.ABC)",
        ],
        told="so nothing here is an instance of its class",
    ),
    "arrays that are not plain": Case(
        "def matrix(): return np.matrix([[1, 2]])\n"
        "def masked(): return np.ma.masked_array([1.0, 2.0], mask=[0, 1])\n"
        "def mixed(): return np.array([1, 'a', None], dtype=object)\n"
        "def rows(): return np.array([(1, 2.0)], dtype=[('a', int), ('b', float)])",
        [
            "assert matrix().shape == (1, 2)",
            "assert isinstance(matrix(), np.ndarray)",
            "assert np.allclose(matrix(), [[1, 2]])",
            "assert masked().sum() == 1",
            "assert mixed()[1] == 'a'",
            "assert len(mixed()) == 3",
            "assert rows()['a'][0] == 1",
        ],
        locked="import numpy as np",
        told="of the submission",
    ),
    "a set that the submission has made of objects with a hash of their own": Case(
        LOOKED_AT + "def both(): return {K(1), K(2)}\ndef table(): return {K(1): 2}",
        ["assert K(1) in both()", "assert table()[K(1)] == 2"],
        told="does not know its own hash",
    ),
    "what needs a value of its own": Case(
        LOOKED_AT,
        [
            "import json\nassert json.dumps(Rows([1])) == '[1]'",
            "import pickle\nassert pickle.loads(pickle.dumps(make())).x == 1",
            "class Other(Square):\n    def area(self): return 9\nassert Other().area() == 9",
            "match Table(a=1):\n    case {'a': 1}: pass\n    case _: raise AssertionError",
            "match make():\n    case D(x=1): pass\n    case _: raise AssertionError",
            "assert [0] + Rows([1]) == [0, 1]",
            "import unittest\nunittest.TestCase().assertListEqual(Rows([1]), [1])",
            "import abc\nassert issubclass(Square, abc.ABC)",
        ],
        told="limit of the judge",
    ),
    "an exception that ends a program, or has attributes": Case(
        "import sys\nclass Refused(Exception):\n    def __init__(self, code, why):\n"
        "        super().__init__(why)\n        self.code = code\n"
        "def leave(): sys.exit(2)\ndef no(): raise Refused(5, 'no')\n"
        "def last(): return next(iter([]))",
        [
            "try:\n    leave()\n    assert False\nexcept SystemExit as e:\n    pass",
            "try:\n    last()\n    assert False\nexcept StopIteration:\n    pass",
            "assert Refused(3, 'x').code == 3",
        ],
        told="limit of the judge",
    ),
    "a class that is not what the test asks for": Case(
        "class Base: pass\nclass Square:\n    def __init__(self): self.side = 1\n"
        "class K:\n    def __init__(self, k): self.k = k\ndef make(): return Square()",
        [
            "assert issubclass(Square, Base)",
            "assert Base in Square.__mro__",
            "import dataclasses\nassert dataclasses.is_dataclass(Square)",
            "assert isinstance(vars(Square).get('side'), property)",
            "assert make().__class__ is Base",
            "assert len({K(1), K(1)}) == 1",
        ],
        lost=True,
    ),
    "a wrong operator": Case(
        VECTOR.replace("V(self.x + (o", "V(self.x - (o"),
        ["assert V(1) + V(2) == V(3)", "assert (V(1) + V(2)).x == 3"],
        lost=True,
    ),
    "an object that is compared with a number": Case(
        "class N:\n    def __init__(self, x): self.x = x\n"
        "    def __eq__(self, o): return self.x == o\ndef f(x): return N(x)",
        ["assert f(3) == 3"],
        told="compared with 3 (int)",
    ),
    "exceptions": Case(
        "class Base(Exception): pass\nclass Neg(Base, ValueError): pass\n"
        "def root(x):\n    if x < 0: raise Neg('x')\n    return x ** .5\n"
        "def solve(): return np.linalg.solve(np.zeros((2, 2)), np.ones(2))",
        [
            "try:\n    root(-1)\n    assert False\nexcept Neg as e:\n    assert str(e) == 'x'",
            "try:\n    root(-1)\n    assert False\nexcept Base:\n    pass",
            "assert issubclass(Neg, ValueError) and issubclass(Neg, Base)",
            "try:\n    solve()\n    assert False\nexcept np.linalg.LinAlgError:\n    pass",
        ],
        locked="import numpy as np",
    ),
    "the wrong exception": Case(
        "class Neg(Exception): pass\nclass Other(Exception): pass\ndef root(x): raise Other('x')",
        ["try:\n    root(-1)\n    assert False\nexcept Neg:\n    pass"],
        lost=True,
    ),
    "a context that hides an exception": Case(
        "class Calm:\n    def __enter__(self): return self\n"
        "    def __exit__(self, t, v, tb): return t is ZeroDivisionError",
        ["with Calm():\n    1 / 0"],
        told="would hide a test's ZeroDivisionError",
    ),
    "a look at a function": Case(
        'def f(x: int) -> int:\n    """Add one."""\n    return x + 1\ndef g():\n    yield 1\n',
        [
            "import inspect\nassert 'for' not in inspect.getsource(f) and 'x + 1' in "
            "inspect.getsource(f)",
            "assert 'sum' not in f.__code__.co_names and f.__code__.co_argcount == 1",
            "assert f.__annotations__['x'] is int and f.__doc__ == 'Add one.'\n"
            "assert g.__doc__ is None",
            "import types, inspect\nassert isinstance(f, types.FunctionType)\n"
            "assert inspect.isfunction(f) and inspect.isgeneratorfunction(g)\n"
            "assert isinstance(g(), types.GeneratorType)",
        ],
    ),
    "doctest": Case(
        'def f(x):\n    """\n    >>> f(1)\n    2\n    """\n    return x + 1',
        ["import doctest\nr = doctest.testmod()\nassert r.attempted == 1 and r.failed == 0"],
        told="`doctest` would run examples",
    ),
    # Libraries.
    "objects of a library": Case(
        "def draw():\n    fig, ax = plt.subplots()\n    ax.plot([0, 1])\n    return ax\n"
        "model = Ridge()\ndef now():\n    plt.plot([0, 1])\n    plt.title('T')",
        [
            "assert isinstance(draw(), plt.Axes)",
            "assert type(model) is Ridge and isinstance(model, Ridge)",
            "plt.close('all')\nnow()\nassert plt.gca().get_title() == 'T'\n"
            "assert len(plt.gca().lines) == 1",
        ],
        locked="import matplotlib.pyplot as plt\nfrom sklearn.linear_model import Ridge",
    ),
    "axes as an argument": Case(
        "def draw(ax): ax.set_title('T')",
        ["fig, ax = plt.subplots()\ndraw(ax)\nassert ax.get_title() == 'T'"],
        locked="import matplotlib.pyplot as plt",
        told="Axes cannot be handed to the submission",
    ),
    "an object of a class that the course defines": Case(
        "def make(): return Node(3)",
        [
            "assert isinstance(make(), Node)",
            "assert type(make()) is Node",
            "assert make().__class__ is Node and make().x == 3",
        ],
        locked="class Node:\n    def __init__(self, x): self.x = x",
    ),
    "a figure of the test's own": Case(
        "def draw(): plt.plot([0, 1])",
        [
            "fig, ax = plt.subplots()\ndraw()\nassert len(ax.lines) == 1",
            "plt.figure()\ndraw()\nfound = len(plt.gca().lines)\nplt.close('all')\nassert found",
        ],
        locked="import matplotlib.pyplot as plt",
        told="the test makes a figure",
    ),
    # Arguments.
    "arguments that are rebuilt": Case(
        "def same(x): return x\ndef count(d, word): d[word] += 1\n"
        "def draw(rng): return rng.normal()\n"
        "def uniform(rng): return rng.random()\ndef write(f): f.write('more')\n"
        "def push(q): q.append(3)",
        [
            "from collections import defaultdict, Counter, deque\nd = defaultdict(int)\n"
            "count(d, 'a')\nassert d['a'] == 1 and d == {'a': 1}\nc = Counter('a')\ncount(c, 'a')\n"
            "assert c == Counter(a=2) and same(c) is c\nq = deque([1])\npush(q)\n"
            "assert list(q) == [1, 3]",
            "from fractions import Fraction\nfrom decimal import Decimal\n"
            "assert same(Fraction(1, 2)) == Fraction(1, 2) and same(Decimal('0.1')) * 10 == 1",
            "import io\nassert same(io.StringIO('ab')).read() == 'ab'\nf = io.StringIO()\n"
            "write(f)\n"
            "assert f.getvalue() == 'more'",
            "import numpy as np, random\n"
            "assert draw(np.random.RandomState(0)) == np.random.RandomState(0).normal()\n"
            "assert uniform(random.Random(1)) == random.Random(1).random()",
            "import datetime as d\nfrom pathlib import Path\n"
            "assert same(d.date(2024, 1, 2)) + d.timedelta(1) == d.date(2024, 1, 3)\n"
            "assert same(d.datetime(2024, 1, 2, 3)) == d.datetime(2024, 1, 2, 3)\n"
            "assert same(Path('a') / 'b').name == 'b'",
        ],
    ),
    "objects of the course's own classes": Case(
        "def depth(n):\n    return 0 if not isinstance(n, Node) else 1 + depth(n.next)\n"
        "def both(a, b): return (a + b).x",
        ["assert depth(Node(1, Node(2))) == 2", "assert both(Node(1), Node(2)) == 3"],
        locked="class Node:\n    def __init__(self, x, next=None): self.x, self.next = x, next\n"
        "    def __add__(self, o): return Node(self.x + o.x)",
    ),
    "random numbers of the whole process": Case(
        "import random\ndef draw(n): return np.random.rand(n)\ndef one(): return random.random()",
        [
            "np.random.seed(0)\nassert np.allclose(draw(2), [0.5488135, 0.71518937])",
            "np.random.seed(0)\ndraw(3)\na = np.random.get_state()[2]\nnp.random.seed(0)\n"
            "np.random.rand(3)\nassert a == np.random.get_state()[2]",
            "np.random.seed(1)\na = draw(1), np.random.rand(1)\nnp.random.seed(1)\n"
            "b = np.random.rand(2)\nassert a[0] == b[0] and a[1] == b[1]",
            "import random\nrandom.seed(3)\na = one(), random.random()\nrandom.seed(3)\n"
            "assert a == (random.random(), random.random())",
        ],
        locked="import numpy as np",
    ),
    "input, print and mocks": Case(
        "def ask(): return int(input())\ndef apply(f): return f(1)\ndef hi(): print('hi')\n"
        "def use(o): return o.get('x')",
        [
            "from unittest.mock import patch\nwith patch('builtins.input', return_value='3'):\n"
            "    assert ask() == 3",
            "from unittest.mock import Mock\nm = Mock(return_value=2)\n"
            "assert apply(m) == 2 and m.call_count == 1\no = Mock()\no.get.return_value = 5\n"
            "assert use(o) == 5\no.get.assert_called_once_with('x')",
            "from unittest.mock import patch\nwith patch('builtins.print') as p:\n    hi()\n"
            "p.assert_called_once_with('hi')",
            "import io, contextlib\nout = io.StringIO()\nwith contextlib.redirect_stdout(out):\n"
            "    hi()\nassert out.getvalue() == 'hi\\n'",
        ],
    ),
    # Exceptions, functions and classes, looked at from outside.
    "exceptions that are looked at": Case(
        FAILURES,
        [
            "try: two()\nexcept ValueError as e: assert e.args == (3, 'b')",
            "try: two()\nexcept ValueError as e: assert repr(e) == \"ValueError(3, 'b')\"",
            "try: two()\nexcept Exception as e: assert type(e) is e.__class__ is ValueError",
            "try: key()\nexcept KeyError as e: assert e.args[0] == 'a' and str(e) == \"'a'\"",
            "try: gone()\nexcept OSError as e: assert (e.errno, e.filename) == (2, 'f.txt')",
            "try: code()\nexcept Err as e:\n    assert (e.code, e.message) == (5, 'own')\n"
            "    assert type(e) is Err",
            "assert Plain.__bases__ == (Exception,) and Sub.__bases__ == (Err,)",
            "assert Plain.__mro__ == (Plain, Exception, BaseException, object)",
            "assert Sub.__base__ is Err and Sub.__mro__[1] is Err and type(Sub) is type",
            "assert repr(Plain('a')) == \"Plain('a')\" and Plain('a').args == ('a',)",
        ],
    ),
    "what stays of an exception": Case(
        FAILURES,
        [
            "try: chain()\nexcept Plain as e: assert isinstance(e.__cause__, KeyError)",
            "try: chain()\nexcept Plain as e: assert isinstance(e.__context__, KeyError)",
            "try: odd()\nexcept Plain as e: assert e.args == ([1],)",
        ],
        told="stays with the submission",
    ),
    "an exception and its class, asked what they have": Case(
        "class Bad(ValueError):\n    def __init__(self, items): self.items = items\n"
        "    def worst(self): return max(self.items)\n"
        "    def __str__(self): return f'bad {self.items}'\n"
        "def bad(): raise Bad([1, 2])\n"
        "def many(): raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
        [
            "try: bad()\nexcept Bad as e: assert hasattr(e, 'items')",
            "try: bad()\nexcept Bad as e: assert getattr(e, 'items', None) == [1, 2]",
            "try: bad()\nexcept Bad as e: assert 'items' in e.__dict__",
            "assert str(Bad([3])) == 'bad [3]'",
            "try: raise Bad([3])\nexcept Bad as e: assert str(e) == 'bad [3]'",
            "assert callable(Bad.worst)",
            "assert hasattr(Bad, 'worst')",
            "import inspect\nassert 'items' in inspect.signature(Bad.__init__).parameters",
            "try: many()\nexcept* ValueError: pass\nexcept* TypeError: pass",
            "try: many()\nexcept ExceptionGroup as g: assert len(g.exceptions) == 2",
        ],
        told="in the judge",
    ),
    "annotations of a signature": Case(
        "from typing import Optional\nclass A: pass\n"
        "def f(x: list[int], y: Optional[int] = None, z: 'str' = 'a') -> None: pass\n"
        "def g(a: A, b: 'int | None', c: int | None) -> tuple[int, A]: return 1, a",
        [
            "import inspect\nassert inspect.signature(f).return_annotation is None",
            "import inspect\nfrom typing import Optional\np = inspect.signature(f).parameters\n"
            "assert p['x'].annotation == list[int] and p['y'].annotation == Optional[int]\n"
            "assert p['z'].annotation == 'str' and p['y'].default is None",
            "import inspect\ns = inspect.signature(g)\np = s.parameters\n"
            "assert p['a'].annotation is A and s.return_annotation == tuple[int, A]\n"
            "assert p['b'].annotation == 'int | None' and p['c'].annotation == int | None",
        ],
    ),
    "what a generator returns": Case(
        "def one():\n    yield 1\n    return 5\ndef none(): yield from ()",
        [
            "g = one()\nnext(g)\ntry:\n    next(g)\n    assert False\n"
            "except StopIteration as e:\n    assert e.value == 5",
            "def mine(): return (yield from one())\nassert list(mine()) == [1]\n"
            "try: next(none())\nexcept StopIteration as e: assert e.value is None",
        ],
    ),
    "classes and functions that are looked at": Case(
        LOOKED_AT + "class Level(enum.IntEnum):\n    LOW = 1\n"
        "def named(f):\n    import functools\n    @functools.wraps(f)\n"
        "    def wrapper(*args): return f(*args)\n    return wrapper\n"
        "def double(x: int, y: float = 2.0) -> float: return x * y\n",
        [
            "import abc\nassert isinstance(Base, abc.ABCMeta) and Base.__class__ is abc.ABCMeta",
            "import enum\nassert isinstance(Colour, enum.EnumMeta)",
            "import enum\nassert issubclass(Level, enum.IntEnum) and issubclass(Level, int)",
            "import inspect\nassert inspect.isdatadescriptor(Square.side)\n"
            "assert inspect.isroutine(Square.area)",
            "assert Square.area.__qualname__ == 'Square.area' and Square.__qualname__ == 'Square'",
            "import inspect\nassert str(inspect.signature(double)) == "
            "'(x: int, y: float = 2.0) -> float'\n"
            "assert inspect.signature(double).return_annotation is float",
            "def mine(x):\n    'my doc'\n    return x + 1\nw = named(mine)\n"
            "assert w(1) == 2 and w.__name__ == w.__qualname__ == 'mine' and w.__doc__ == 'my doc'",
            "Square.double = lambda self: 2 * self.s\nassert Square(3).double() == 6",
            "assert 'double' in dir() and 'Square' in dir()",
        ],
    ),
    "library functions that are given back": Case(
        "import math\nimport numpy as np\ndef pick(name): return {'sqrt': math.sqrt, "
        "'sum': np.sum, 'add': np.add, 'np': np}[name]",
        [
            "import math\nassert pick('sqrt') is math.sqrt",
            "import math\nassert pick('sqrt') == math.sqrt",
            "import numpy as np\nassert pick('sum') is np.sum",
            "import numpy as np\nassert pick('add') is np.add",
            "import numpy as np\nassert pick('np') is np",
        ],
        told="is not the one that is here",
    ),
    "views of arrays": Case(
        "def rest(a): return a[1:]",
        [
            "import numpy as np\na = np.arange(3)\nassert np.shares_memory(a, rest(a))",
            "import numpy as np\na = np.arange(3)\nassert rest(a).base is a",
            "import numpy as np\na = np.arange(3)\nb = rest(a)\nb[0] = 9\nassert a[1] == 9",
            "import numpy as np\na = np.arange(3)\nb = rest(a)\nb += 9\nassert a[1] == 10",
        ],
        told="a copy in the judge",
    ),
    "numbers that are numbers of a class": Case(
        "import enum\nclass Level(enum.IntEnum):\n    LOW = 1\n",
        ["assert isinstance(Level.LOW, int)"],
        told="cannot be used as a plain value here",
    ),
    "a global name that a call changes": Case(
        "total, seen = 0, ()\ndef bump():\n    global total, seen\n    total += 1\n"
        "    seen += (total,)\n    if total == 3: raise ValueError\n",
        [
            "bump(); bump()\nassert total == 2 and seen == (1, 2)",
            "try: bump()\nexcept ValueError: pass\nassert total == 3 and seen == (1, 2, 3)",
        ],
    ),
    "a global name that a call makes, or gives another object": Case(
        "class Node:\n    def __init__(self, v, n=None): self.v, self.n = v, n\n"
        "head, last = Node(0), None\ndef push(v):\n    global head, last\n"
        "    last, head = head, Node(v, head)\n"
        "def init():\n    global board\n    board = [0, 0]\ndef move(i): board[i] = 1",
        [
            "old = head\npush(5)\nassert head.v == 5 and last.v == 0\n"
            "assert head is not old and head.n is old",
            "init()\nmove(1)\nassert board == [0, 1]",
        ],
    ),
    "a class whose base says that it is of a module that is none": Case(
        "class Base: pass\nBase.__module__ = 'isoduration'\nclass C(Base): pass",
        ["assert issubclass(C, Base) and len(C.__bases__) == 1"],
    ),
    "threads of a test": Case(
        "def square(x): return x * x\ndef apply(f, x): return f(x)",
        [
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor(4) as pool:\n"
            "    assert list(pool.map(square, range(200))) == [x * x for x in range(200)]",
            "from concurrent.futures import ThreadPoolExecutor\n"
            "with ThreadPoolExecutor(4) as pool:\n    found = list(pool.map("
            "lambda x: apply(lambda y: apply(lambda z: z + 1, y), x), range(50)))\n"
            "assert found == list(range(1, 51))",
        ],
    ),
    # What is too much, and what is elsewhere.
    "large lists and dicts": Case(
        "def mean(v): return sum(v) / len(v)\ndef squares(n): return {i: i * i for i in range(n)}",
        [
            "assert mean(xs) == 0.5 and len(xs) == 1_500_000 and xs[3] == 0.5",
            "assert len(squares(30_000)) == 30_000 and squares(30_000)[7] == 49",
        ],
        open="xs = [0.5] * 1_500_000",
    ),  # fmt: skip
    "a large list that is compared": Case(
        "def many(): return [0.5] * 1_500_000",
        ["assert many() == [0.5] * 1_500_000"],
        told="<list of the submission>",
    ),
    "a large list as an argument": Case(
        "def total(v): return sum(v)",
        ["assert total([1] * 1_500_000) == 1_500_000"],
        told="more than 1,000,000 elements",
    ),
    "files between cells": Case(
        "open('out.txt', 'w').write('done')\ndef load(p): return open(p).read()",
        [
            "assert open('out.txt').read() == 'done'",
            "with open('in.txt', 'w') as f: f.write('xyz')\nassert load('in.txt') == 'xyz'",
        ],
        told="is not in the judge",
    ),  # fmt: skip
    "data of the course's own": Case(
        "def load(p): return open(p).read()",
        ["assert load('data/x.csv') == '1\\n' == open('data/x.csv').read()"],
        files={"data/x.csv": b"1\n"},
    ),
    "a locked cell that the judge cannot run": Case(
        "def clean(d): return 1, 2",
        ["assert n == 2"],
        run="import array\nm, n = clean(array.array('d'))",
        told="`n` is bound by the locked cell",
    ),
}


def cells_of(case: Case, solution: str) -> list[dict[str, Any]]:
    """Return a case's code cells as a notebook's file has them."""

    def cell(name: str, source: str, **flags: Any) -> dict[str, Any]:
        about = {"grade": False, "solution": False, "locked": False, "schema_version": 3}
        metadata = {"nbgrader": about | flags | {"grade_id": name}} if flags else {}
        return {"id": name, "cell_type": "code", "source": source, "metadata": metadata,
                "outputs": [], "execution_count": None}  # fmt: skip

    found = [cell("open", case.open), cell("locked", case.locked, locked=True)]
    found.append(cell("work", solution, solution=True))
    if case.run:
        found.append(cell("run", case.run, locked=True))
    for number, test in enumerate(case.tests):
        found.append(cell(f"test{number}", test, grade=True, locked=True, points=1))
    return found


def grade(case: Case) -> GradingResult:
    return graded(case)[1]


def graded(case: Case) -> tuple[Any, GradingResult]:
    rest = {"metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    source = {"cells": cells_of(case, case.teacher or case.solution), **rest}
    handed_in = json.dumps({"cells": cells_of(case, case.solution), **rest}).encode()
    return grade_notebook(
        handed_in,
        cells_of_notebook(source),
        files=case.theirs,
        released=frozenset(hashes_of(source)),
        course_files=case.files,
    )


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_the_judge_gives_nbgraders_points_or_leaves_them_to_a_person(case):
    result = grade(case)
    assert not any("judge could not finish" in note for note in result.notes), result.notes
    for name, test in result.tests.items():
        if not (case.lost or case.told):
            assert (test.points, test.error, test.ask) == (1, "", ""), name
        elif case.lost:
            assert test.points == 0, name
            assert not test.ask, name
            assert result.auto[name] == 0
        else:
            assert test.points == 0, name
            assert case.told in test.ask, name
            assert "limit of the judge, not a fault of the submission" in test.ask
            assert result.auto[name] is None
            assert any(name in note and "a person has to give" in note for note in result.notes)
        assert not any("look at the cells for code" in note for note in result.notes)


def test_builtins_that_a_test_leaves_replaced_are_not_the_judges():
    """Nothing of IPython's runs afterwards: in one kernel the next cell could not even begin."""
    names = "len isinstance float min max any all enumerate sorted getattr set dict str vars zip"
    result = grade(
        Case(
            "def one(): return 1",
            [
                "import builtins\ndef no(*a, **k): raise AssertionError('no')\n"
                f"for name in {names.split()}: setattr(builtins, name, no)\nassert one() == 1"
            ],
        )
    )
    assert [test.points for test in result.tests.values()] == [1], result.notes


@pytest.mark.slow
def test_plain_nbgrader_gives_what_these_cases_say(tmp_path):
    """All cases in one kernel, as nbgrader runs a notebook."""
    cells, expected = [], []
    for number, (what, case) in enumerate(CASES.items()):
        folder = tmp_path / str(number)
        for name, content in (case.files | case.theirs).items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        folder.mkdir(exist_ok=True)
        cells.append(
            new_code_cell(
                f"%reset -f\nimport os, sys\nos.chdir({str(folder)!r})\nsys.path.insert(0, '')\n"
                "for name in ('utils', 'helper', 'tools', 'tools.more', 'mine'):\n"
                "    sys.modules.pop(name, None)\nsys.path_importer_cache.clear()\n"
                "del os, sys, name"
            )
        )
        for cell in cells_of(case, case.solution):
            cells.append(new_code_cell(cell["source"]))
            if cell["id"].startswith("test"):
                points = case.plain if case.plain is not None else float(not case.lost)
                expected.append((len(cells) - 1, f"{what}: {cell['id']}", points))
    notebook = new_notebook(cells=cells)
    NotebookClient(notebook, timeout=60, allow_errors=True, kernel_name="python3").execute()
    for place, name, points in expected:
        failed = any(output.output_type == "error" for output in notebook.cells[place].outputs)
        assert float(not failed) == points, name
