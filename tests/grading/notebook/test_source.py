"""What a cell's text tells before it is run."""

import ast

import pytest

from utils.grading.notebook import source
from utils.grading.notebook.source import about, compile_plain


@pytest.mark.parametrize(
    ("text", "value"),
    [("", None), ("a = 2\na + 1", 3), ("a = 2\na + 1 # b", 3), ("3;", None), ("3 ; # b", None)],
)
def test_plain_code_is_compiled_with_its_last_expression(text, value):
    code, last = source.unpack_code(source.pack_code(compile_plain("f", text)))
    names = {}
    exec(code, names)
    assert (eval(last, names) if last else None) == value
    assert code.co_filename == "cell f"


@pytest.mark.parametrize(
    "text",
    ["%pwd", "!ls", "f?", "f(", "await f()", "a", "from __future__ import annotations", "\0"],
)
def test_what_ipython_has_to_deal_with_is_not_compiled(text):
    assert compile_plain("f", text) is None
    assert source.pack_code(None) == ""
    assert source.unpack_code("") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("y = f(x)", {"uses": ["f", "x"], "reads": ["f", "x"], "binds": ["y"]}),
        ("def t(): return f()", {"uses": ["f"], "reads": [], "binds": ["t"]}),
        ("%timeit f(3)", {"uses": ["f", "get_ipython", "timeit"], "words": ["f", "timeit"]}),
        ("eval('f(x)')", {"words": ["f", "x"], "patches": False}),
        ("'f(x)'", {"words": []}),
        (
            "import a.b\nfrom c import d\na.x = 'e.f'",
            {"patches": True, "modules": ["a.b", "c", "e.f"]},
        ),
        ("import a", {"patches": False, "modules": []}),
        ("del a.b", {"patches": True}),
        ("np.random.seed(0)", {"seeds": True}),
        ("f(", {"uses": [], "code": ""}),
    ],
)
def test_what_a_judge_needs_to_know_of_a_cell(text, found):
    told = about("t", text)
    assert {key: told[key] for key in found} == found


@pytest.mark.parametrize(
    ("text", "bound", "defined"),
    [
        ("", "", ""),
        ("'a'\nimport a.b\ndef f(x): y = 1\nclass C: z = 1", "a f C", "a f C"),
        ("a = b = 1\nc = np.exp", "a b c", "a b c"),
        ("a = f()", "a", None),
        ("a, b = 1, 2", "a b", None),
        ("for i in r:\n    with o as f: x = 1", "i f x", None),
        ("lambda: (n := 1)", "", None),
        ("%pwd\na = 1", "a", None),
        ("f(", None, None),
        ("a = 1\n" + "#" * source.MAX_PARSED, None, None),
    ],
)
def test_names_that_a_cell_binds_and_defines(text, bound, defined):
    assert source.bound_names(text) == (None if bound is None else {*bound.split()})
    assert source.defined(text) == (None if defined is None else {*defined.split()})


@pytest.mark.parametrize(
    ("statement", "is_one"),
    [
        ("def f(): pass", True), ("import a", True), ("a = [1, (2, 'b')]", True),
        ("a = lambda: f()", True), ("a = b.c", True), ("a = f()", False), ("a.b = 1", False),
        ("a += 1", False), ("f()", False),
    ],
)  # fmt: skip
def test_definitions(statement, is_one):
    assert source.is_definition(ast.parse(statement).body[0]) == is_one


@pytest.mark.parametrize(
    ("text", "task", "fault"),
    [
        ("1 / 2", False, ""),
        ("task = checks.Task('f')\ntask.points()", True, ""),
        ("task = Task('f')", True, "never asks for their points"),
        ("task = Task('f')\np = task.points()", True, "the last line has to be `task.points()`"),
        ("def t(): return f()", False, "it never calls `t`"),
        ("Task(", False, ""),
    ],
)
def test_a_test_cell_that_cannot_give_points(text, task, fault):
    assert source.makes_task(text) == task
    assert fault in source.forgotten_points(text)
    assert bool(fault) == bool(source.forgotten_points(text))


@pytest.mark.parametrize("size", [10, source.MAX_PARSED + 1])
def test_a_long_cell_of_the_course_is_read_and_a_long_one_of_a_student_is_not(size):
    data = f"data = '{'x' * size}'\n"
    assert source.makes_task(data + "task = Task('f')")
    assert source.forgotten_points(data + "task = Task('f')\nx = 1")
    read = size == 10
    assert (source.bound_names(data) is not None) == read
    assert (source.defined(data) is not None) == read
