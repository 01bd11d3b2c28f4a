"""Running a cell: its value, its outputs as a notebook has them, its errors from its own lines."""

import pytest

from utils.grading.notebook import shell as shells
from utils.grading.notebook.source import compile_plain


@pytest.fixture(scope="module")
def shell():
    """A shell that nothing but this file's tests finds."""
    made = shells.make_shell(plots=False, shared=False)
    yield made
    made.restore_sys_module_state()


def stream(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize(
    ("source", "value", "outputs"),
    [
        ("", None, []),
        ("x = 1\nx + 1", 2, ["2"]),
        ("x = 1\nx + 1;", None, []),
        ("import sys\nprint('a')\nprint('b', file=sys.stderr)", None,
         [stream("a\n"), stream("b\n", "stderr")]),
        ("input()", None, ["EOFError"]),
        ("%pwd\n3", 3, ["3"]),
        ("!rm -r /", None, [stream("[not run here: !rm -r /]\n", "stderr")]),
        ("a = !ls\na", [], [stream("[not run here: !ls]\n", "stderr"), "[]"]),
        ("f(]", None, ["SyntaxError"]),
        ("print(1)\nget_ipython().display_pub.clear_output()\nprint(2)", None, [stream("2\n")]),
    ],
)  # fmt: skip
def test_a_cell_gives_its_value_and_outputs(shell, source, value, outputs):
    found, error = shell.run("f", source)
    shown = [
        one.get("ename") or one.get("data", {}).get("text/plain") or one
        for one in shell.outputs.take()
    ]
    assert (found, shown) == (value, outputs)
    assert (error is None) == ("Error" not in str(outputs))


@pytest.mark.parametrize("hidden", [False, True])
def test_an_error_shows_the_cells_lines_and_a_hidden_one_its_type_only(shell, hidden):
    source = "class Odd(KeyError): pass\ndef f():\n    raise Odd('secret')\nf()"
    _, error = shell.run("work", source, hidden=hidden)
    (shown,) = shell.outputs.take()
    assert shells.type_name(error) == "Odd"
    assert (shown["ename"], shown["evalue"]) == (
        ("KeyError", "") if hidden else ("Odd", "'secret'")
    )
    text = "\n".join(shown["traceback"])
    assert ("secret" in text) != hidden
    assert ("cell work, line 4, in <module>\n    f()\n" in text) != hidden
    assert ("utils" in text, "IPython" in text) == (False, False)


def test_code_that_is_compiled_before_runs_without_showing_its_value(shell):
    assert shell.run("t", "1 + 1", code=compile_plain("t", "1 + 1"), show=False) == (2, None)
    assert shell.outputs.take() == []


def test_only_definitions_are_made(shell):
    shell.define("f", "import math as m1\nprint('a')\nc1 = [1]\nd1 = c1.pop()\ndef f1(): return c1")
    assert shell.outputs.take() == []
    assert [name in shell.user_ns for name in ("m1", "c1", "d1", "f1")] == [True, True, False, True]
    with pytest.raises(ZeroDivisionError):
        shell.define("g", "def f(a=1 / 0): pass")


class NoText(Exception):
    def __str__(self):
        raise SystemExit


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("a"), "a"),
        (ValueError("a" * 4001), "a" * 4000 + " [...]"),
        (NoText(), "(its message cannot be shown)"),
    ],
)
def test_a_message_is_text_whatever_its_exception_does(error, text):
    assert shells.text_of(error) == text
    assert shells.error_output(error, None)["evalue"] == text


def test_a_long_traceback_keeps_both_ends(shell):
    shell.run("deep", "def f(n):\n    return n and 1 + f(n - 1) or 1 / 0\nf(400)")
    (shown,) = shell.outputs.take()
    assert len(shown["traceback"]) <= shells.MAX_TRACEBACK + 1
    assert shown["traceback"][-1] == "ZeroDivisionError: division by zero"


@pytest.mark.parametrize(("name", "found"), [("cell a", True), ("/cell a", False), ("cell", False)])
def test_a_cells_file_name(name, found):
    assert shells.in_cell(name) == found
