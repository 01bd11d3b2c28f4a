"""The global names of a cell: read before they are bound, read later in functions, bound."""

import ast

import pytest

from utils.grading.notebook.global_names import GlobalNames, imported_names


@pytest.mark.parametrize(
    ("text", "read_first", "later", "bound"),
    [
        ("", "", "", ""),
        ("x = 1\ny = x", "", "", "x y"),
        ("y = x\nx = 1", "x", "", "x y"),
        ("x += y", "x y", "", "x"),
        ("x: t = y", "t y", "", "x"),
        ("x: t", "t", "", ""),
        ("x.y = z", "x z", "", ""),
        ("x = 1\ndel x\nx", "x", "", "x"),
        ("if a:\n    x = 1\nx", "a x", "", "x"),
        ("for i in r:\n    s = i\ni, s", "r s", "", "i s"),
        ("while w:\n    x = 1\nelse:\n    y = 1\nx, y", "w x y", "", "x y"),
        ("try:\n    x = 1\nexcept E as e:\n    e\nfinally:\n    z = 1\nx, z", "E x", "", "x e z"),
        ("with o as f:\n    f", "o", "", "f"),
        ("match m:\n    case [p, *q]:\n        p", "m p", "", "p q"),
        ("[i + j for i in r]\n{k: v for k, v in s}\ni", "i j r s", "", ""),
        ("(n := 3) + n", "", "", "n"),
        ("import a.b, c.d as e\nfrom f import g\na, e, g", "", "", "a e g"),
        ("def f(x: t, *a: u, k: v = 1, **b: w): pass", "t u v w", "", "f"),
        ("def f(x, y=d) -> t:\n    z = x\n    return z + h\nf", "d t", "h", "f"),
        ("h = 1\ndef f():\n    return h", "", "", "h f"),
        ("def f():\n    global g\n    g = 1", "", "", "f g"),
        ("@d\nclass A(B, key=k):\n    x = y", "d B k", "y", "A"),
        ("lambda v=w: v + u", "w", "u", ""),
        ("async def f():\n    async for i in r:\n        pass", "", "r", "f"),
    ],
)
def test_the_names_of_a_cell(text, read_first, later, bound):
    names = GlobalNames(ast.parse(text), text)
    assert names.read_first == {*read_first.split()}
    assert names.free == {*read_first.split(), *later.split()}
    assert names.bound == {*bound.split()}


@pytest.mark.parametrize(
    ("statement", "names"),
    [
        ("import a.b.c", {"a"}),
        ("import a as b, c", {"b", "c"}),
        ("from a import b as c, d", {"c", "d"}),
    ],
)
def test_what_an_import_binds(statement, names):
    assert imported_names(ast.parse(statement).body[0]) == names
