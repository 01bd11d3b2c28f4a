"""The checks that test cells are made of: what passes, what fails, and what a student reads."""

import itertools
import linecache
import sys
import warnings
from html.parser import HTMLParser
from unittest import mock

import numpy as np
import pytest

from utils import checks

A = np.array([[1.0, 2.0, 3.0], [6.0, 5.0, 4.0]])


def outcome(body, hidden=False) -> checks.Check:
    """Run one check with this body and return it."""
    task = checks.Task("f", hidden)
    with task.check(1, "a property", "a hint"):
        body()
    return task.checks[0]


def fails(body) -> str:
    """Return what happened in a check that must fail."""
    check = outcome(body)
    assert check.state == "failed"
    return check.what


def passes(body) -> bool:
    return outcome(body).state == "passed"


_cells = itertools.count(1)


def student(source: str, name: str = "f"):
    """Return what a student's cell defines under a name."""
    file, namespace = f"<cell {next(_cells)} of a student>", {"np": np}
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), namespace)
    return namespace[name]


# Points --------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.7, 2.5])
def test_points_are_a_plain_float_and_add_exactly(share, capsys):
    task = checks.Task("f")
    for _ in range(3):
        with task.check(share, "a property", "a hint"):
            pass
    points = task.points()
    assert type(points) is float
    assert points == round(3 * share, 9)
    assert task.earned == task.total


def test_ten_tenths_are_one(capsys):
    task = checks.Task("f")
    for _ in range(10):
        with task.check(0.1, "a property", "a hint"):
            pass
    assert task.points() == 1.0


def test_only_what_passes_counts(capsys):
    task = checks.Task("f")
    with task.check(0.5, "one", "a hint"):
        checks.gives(np.exp, 0.0, 1)
    with task.check(2, "two", "a hint"):
        checks.gives(np.exp, 0.0, 2)
    assert task.points() == 0.5
    assert "f: 0.5 of 2.5 points." in capsys.readouterr().out


# What comes out of a student's code --------------------------------------------------------------


@pytest.mark.parametrize(
    "error", [ValueError("no"), SystemExit(0), RecursionError(), GeneratorExit(), MemoryError()]
)
def test_whatever_is_raised_costs_that_check_alone(error, capsys):
    f = student("def f(a):\n    raise f.error\n")
    f.error = error
    task = checks.Task("f")
    with task.check(1, "one", "a hint"):
        checks.gives(f, A, A)
    with task.check(1, "two", "a hint"):
        checks.gives(np.positive, A, A)
    assert task.points() == 1.0
    assert task.checks[0].what.endswith("(line 2: `raise f.error`)")


def test_the_stop_button_stops():
    def f(a):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outcome(lambda: checks.gives(f, A, A))


def test_an_error_whose_message_raises_is_told_all_the_same():
    class BadError(Exception):
        def __str__(self):
            raise RuntimeError

    def f(a):
        raise BadError

    assert "its message cannot be shown" in fails(lambda: checks.gives(f, A, A))


def test_an_error_names_the_line_of_the_cell_it_came_from():
    f = student("def f(a):\n    b = a.T\n    return b @ undefined_thing\n")
    what = fails(lambda: checks.gives(f, A, A))
    assert what.startswith("`undefined_thing` is not defined in this notebook")
    assert what.endswith("(line 3: `return b @ undefined_thing`)")


def test_an_unwritten_task_is_one_calm_line(capsys):
    def f(a):
        raise NotImplementedError

    task = checks.Task("f")
    for _ in range(5):
        with task.check(1, "a property", "a hint"):
            checks.gives(f, A, A)
    assert task.points() == 0.0
    assert capsys.readouterr().out == "○ f: 0 of 5 points. Task f is not written yet.\n"


def test_an_undefined_task_is_told_once(capsys):
    task = checks.Task("f")
    for _ in range(5):
        with task.check(1, "a property", "a hint"):
            checks.gives(not_there, A, A)  # noqa: F821
    assert task.points() == 0.0
    said = capsys.readouterr().out
    assert said.count("`not_there` is not defined") == 1
    assert said.count("Run its cell first") == 1
    assert said.count("same cause") == 5


def test_a_half_written_task_shows_all_lines():
    task = checks.Task("Layer")
    with task.check(1, "forward", "a hint"):
        pass
    with task.check(1, "backward", "a hint"):
        raise NotImplementedError
    assert "○ not written" in repr(task)
    assert "✓ passed" in repr(task)


def test_warnings_and_stderr_do_not_leak(capfd):
    def f(a):
        warnings.warn("careless", stacklevel=1)
        print("complaint", file=sys.stderr)
        return np.exp(a * 1000)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert outcome(lambda: f(A)).state == "passed"
    assert capfd.readouterr() == ("", "")


def test_prints_show_in_visible_checks_only(capfd):
    def f():
        print("here")

    outcome(f)
    assert capfd.readouterr().out == "here\n"
    outcome(f, hidden=True)
    assert capfd.readouterr().out == ""


# The table -----------------------------------------------------------------------------------


def table(hidden=False) -> checks.Task:
    task = checks.Task("f", hidden)
    with task.check(1, "the sum of `a`", "Look at `np.sum`."):
        checks.gives(np.sum, A, 21)
    with task.check(0.5, "less < more", "Is it <b>bold</b>?"):
        checks.gives(np.sum, A, 12345)
    with task.check(0.5, "no error", "Read the last line."):
        student("def f():\n    raise ValueError('<script>87654</script>')")()
    return task


def test_text_names_marks_points_reasons_and_hints():
    margin = " " * 27
    assert repr(table()).splitlines() == [
        "f: 1 of 2 points.",
        "  ✓ passed            1/1  the sum of `a`",
        "  ✗ not yet         0/0.5  less < more",
        f"{margin}What happened: wrong values: got 21, expected 12345",
        f"{margin}Hint: Is it <b>bold</b>?",
        "  ✗ not yet         0/0.5  no error",
        f"{margin}What happened: stopped with ValueError: <script>87654</script>"
        " (line 2: `raise ValueError('<script>87654</script>')`)",
        f"{margin}Hint: Read the last line.",
    ]


def test_a_common_cause_is_told_once_with_its_line_and_the_next_step():
    f = student("def f(a):\n    return a @ a\n")
    task = checks.Task("f")
    for name, a in (("one", A), ("two", A[:, :2][:1])):
        with task.check(1, name, "Look at `b`."):
            checks.gives(f, a, a)
    assert repr(task).count("stopped with ValueError") == 1
    assert repr(task).count("(line 2: `return a @ a`)") == 1
    assert "Next step: Print the shapes of the arrays in that line." in repr(task)
    assert "Look at" not in repr(task) + task._repr_html_()
    data = task._repr_mimebundle_()[checks.MIME]
    assert [check["what"] for check in data["checks"]] == ["same cause"] * 2
    assert [check["hint"] for check in data["checks"]] == [""] * 2
    assert data["cause"]["line"] == 2
    assert data["cause"]["code"] == "return a @ a"


def test_html_escapes_what_students_write():
    page = table()._repr_html_()
    assert "<script>" not in page
    assert "<b>" not in page
    assert "<code>np.sum</code>" not in page  # a passed check needs no hint
    assert "the sum of <code>a</code>" in page
    assert page.count("<tr>") == 4


class Page(HTMLParser):
    """Collects what a page says, and what it is made of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.tags, self.attributes = "", set(), set()
        self.feed(page)

    def handle_data(self, data):
        self.text += f" {data} "

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}


@pytest.mark.parametrize("hidden", [False, True])
def test_plain_text_and_html_say_the_same(hidden):
    def words(text):
        found = text.replace("`", " ").replace("/", " / ").replace("\xa0", " ").split()
        return sorted(found)

    task = table(hidden)
    head = ["result", "points", "check"]
    assert words(Page(task._repr_html_()).text) == sorted(words(repr(task)) + head)


def test_the_html_needs_nothing_of_jupyters():
    page = Page(table()._repr_html_())
    tags = {"p", "strong", "table", "thead", "tbody", "tr", "th", "td", "br", "code"}
    assert page.tags <= tags | {"details", "summary"}
    assert page.attributes <= {"scope", "style"}  # no class, no script, no address
    assert "color" not in table()._repr_html_()  # so that dark themes choose it


def test_a_hidden_check_shows_no_numbers():
    task = table(hidden=True)
    shown = repr(task) + task._repr_html_() + str(task._repr_mimebundle_())
    assert "12345" not in shown
    assert "87654" not in shown
    assert "stopped with an error" in shown
    assert "Read the last line." in shown


def test_a_hidden_check_does_not_repeat_names_that_students_chose():
    tells = student(
        "def f(a):\n    raise type(f'Seen{a.sum():.0f}', (ValueError,), {})('21')\n"
        "f.__name__ = 'Seen21'"
    )
    hands_over = student("def f(a):\n    return type(f'Seen{a.sum():.0f}', (), {})()")
    chooses = student("def f(a):\n    raise [KeyError, OSError][int(a.sum()) % 2]")
    assert outcome(lambda: checks.finite(chooses, A), hidden=True).what == "stopped with an error"
    assert outcome(lambda: checks.finite(chooses, A)).what.startswith("stopped with OSError")
    assert outcome(lambda: checks.finite(tells, A), hidden=True).what == "stopped with an error"
    assert outcome(lambda: checks.finite(tells, A)).what.startswith("stopped with Seen21")
    what = outcome(lambda: checks.finite(hands_over, A), hidden=True).what
    assert what == "`f` did not return a plain array or number"
    assert fails(lambda: checks.finite(hands_over, A)) == f"{what}: it is a Seen21"


def test_programs_find_the_same():
    data = table()._repr_mimebundle_()[checks.MIME]
    assert (data["task"], data["hidden"]) == ("f", False)
    assert [check["state"] for check in data["checks"]] == ["passed", "failed", "failed"]
    assert data["checks"][1]["points"] == 0.5


def test_notebooks_get_all_three_forms(monkeypatch):
    from IPython.core.formatters import DisplayFormatter

    shown = []
    monkeypatch.setattr(checks.task, "display", lambda data, raw: shown.append(data))
    assert DisplayFormatter().format(table()) == ({}, {})  # it shows itself
    (data,) = shown
    assert set(data) == {"text/plain", "text/html", checks.MIME}
    assert data["text/plain"] == repr(table())


# Results that are no results --------------------------------------------------------------------


class Liar(np.ndarray):
    """Claims to equal everything."""

    def __eq__(self, other):
        return np.ones(self.shape, bool)

    def __array_function__(self, *args, **kwargs):
        return True


class Everything:
    """Claims to be whatever is asked for."""

    shape, dtype, ndim = (2, 3), np.dtype(float), 2

    def __array__(self, dtype=None, copy=None):
        return A

    def __eq__(self, other):
        return True


class Number(float):
    """Claims to be any number."""

    def __eq__(self, other):
        return True

    __hash__ = float.__hash__


@pytest.mark.parametrize(
    "result",
    [
        None,
        "text",
        [],
        [A.tolist(), "text"],
        (A,),
        A.view(Liar),
        A.view(np.matrix),
        np.ma.array(A),
        Everything(),
        A.astype(object),
        A.astype(complex),
        A.astype(str),
    ],
    ids=lambda result: type(result).__name__,
)
def test_only_plain_arrays_are_results(result):
    fails(lambda: checks.gives(lambda a: result, A, A))


@pytest.mark.parametrize("result", [Number(3), [3.0], np.array([3.0]), True, 3j, "3", 4])
def test_only_plain_numbers_are_numbers(result):
    fails(lambda: checks.gives(lambda a: result, A, 3.0))


@pytest.mark.parametrize("result", [3, 3.0, np.float32(3), np.int64(3), np.array(3.0)])
def test_any_kind_of_number_will_do(result):
    assert passes(lambda: checks.gives(lambda a: result, A, 3.0))


# Properties ------------------------------------------------------------------------------------


def test_shapes_do_not_broadcast():
    assert fails(lambda: checks.gives(lambda a: np.ones((1, 3)), A, np.ones((2, 3)))) == (
        "wrong shape: got (1, 3), expected (2, 3)"
    )
    fails(lambda: checks.gives(lambda a: 1.0, A, np.ones((2, 3))))
    fails(lambda: checks.gives(lambda a: np.ones(1), A, 1.0))


def test_nan_equals_nothing():
    nan = np.full((2, 3), np.nan)
    assert "nan" in fails(lambda: checks.gives(lambda a: nan, A, A))
    fails(lambda: checks.gives(lambda a: nan, A, nan))
    fails(lambda: checks.agrees(lambda a: nan, A, A))
    fails(lambda: checks.repeats(lambda a: nan, A, A))
    fails(lambda: checks.row_by_row(lambda a: a * np.nan, A))


def test_tolerance_lets_float32_pass_and_rounding_fail():
    y = np.array([0.00493969, 0.0054592, 0.98960111])
    assert passes(lambda: checks.gives(lambda a: a.astype(np.float32), y, y))
    fails(lambda: checks.gives(lambda a: a.astype(np.float16), y, y))
    fails(lambda: checks.gives(lambda a: a.round(5), y, y))


def test_arrays_by_name():
    grads = {"b": np.ones(2), "W": A, "loss": 3.0}
    assert passes(lambda: checks.equal_by_name(grads, {"W": A, "b": [1, 1]}))
    assert passes(lambda: checks.equal_by_name({"W": A + 1e-7}, {"W": A}, atol=1e-6))
    what = fails(lambda: checks.equal_by_name(grads, {"W": A, "b": [1, 2]}))
    assert what == (
        "some arrays are wrong: `W` is right, `b` not; `b`: wrong values: got [1., 1.], "
        "expected [1, 2]"
    )
    assert 'no "W1"' in fails(lambda: checks.equal_by_name(grads, {"W1": A}))
    assert "`f` returned nothing" in fails(lambda: checks.equal_by_name(None, {"W": A}))
    assert "`W` is nothing" in fails(lambda: checks.equal_by_name({"W": None}, {"W": A}))
    for result in (A, [A], 1.0):
        fails(lambda result=result: checks.equal_by_name(result, {"W": A}))


def test_a_large_difference_is_told_by_its_first_place():
    big = np.zeros((10, 10))
    off = big.copy()
    off[3, 4] = 1
    what = fails(lambda: checks.gives(lambda a: off, A, big))
    assert (
        what == "wrong values: 1 of 100 numbers, the first at index [3, 4]: got 1.0, expected 0.0"
    )


def test_floats_and_their_shape():
    assert passes(lambda: checks.gives_floats(np.copy, A, (2, 3)))
    assert passes(lambda: checks.gives_floats(lambda a: a.astype(np.float32), A, (2, 3)))
    fails(lambda: checks.gives_floats(lambda a: a.astype(int), A, (2, 3)))
    fails(lambda: checks.gives_floats(lambda a: a.T, A, (2, 3)))


def test_finite():
    assert passes(lambda: checks.finite(np.copy, A))
    fails(lambda: checks.finite(lambda a: a / 0, A))


def test_sums_to_one():
    assert passes(lambda: checks.sums_to_one(lambda a: a / a.sum(axis=-1, keepdims=True), A))
    assert passes(lambda: checks.sums_to_one(lambda a: a / a.sum(axis=0), A, axis=0))
    assert "the sums are" in fails(lambda: checks.sums_to_one(lambda a: a / a.sum(), A))
    fails(lambda: checks.sums_to_one(lambda a: 1.0, A))


def test_keeps_order():
    assert passes(lambda: checks.keeps_order(np.exp, A))
    fails(lambda: checks.keeps_order(np.negative, A))
    fails(lambda: checks.keeps_order(np.ravel, A))


def test_agrees_on_two_sets_of_arguments():
    assert passes(lambda: checks.agrees(lambda a: a - a.max(), A, A + 5))
    fails(lambda: checks.agrees(np.copy, A, A + 5))


def test_row_by_row():
    assert passes(lambda: checks.row_by_row(np.exp, A))
    assert passes(lambda: checks.row_by_row(lambda a: a.sum(axis=-1), A))
    fails(lambda: checks.row_by_row(lambda a: a / a.sum(), A))
    fails(lambda: checks.row_by_row(np.sum, A))


def test_repeats_reveals_memory():
    seen = []

    def remembers(a):
        seen.append(a)
        return a + len(seen)

    assert passes(lambda: checks.repeats(np.exp, A, A + 1))
    fails(lambda: checks.repeats(remembers, A, A + 1))


def test_repeats_reveals_results_that_share_their_memory():
    shared = np.empty(A.shape)

    def into_the_same_array(a):
        return np.exp(a, out=shared)

    said = fails(lambda: checks.repeats(into_the_same_array, A, A + 1))
    assert "an earlier result has changed" in said


def test_leaves_alone_looks_into_every_argument():
    def safe(network, x, names):
        return network["W"] @ x

    def changes_a_weight(network, x, names):
        network["W"] *= 2

    def adds_a_weight(network, x, names):
        network["b"] = 0

    def changes_by_one_bit(network, x, names):
        x[0] = np.nextafter(x[0], 9)

    def pops(network, x, names):
        names.pop()

    for f, state in [
        (safe, "passed"),
        (changes_a_weight, "failed"),
        (adds_a_weight, "failed"),
        (changes_by_one_bit, "failed"),
        (pops, "failed"),
    ]:
        given = ({"W": A.copy()}, np.ones(3), ["W"])
        check = outcome(lambda f=f, given=given: checks.leaves_alone(f, given))
        assert check.state == state, f.__name__
        assert list(given[0]) == given[2] == ["W"]  # it worked on copies
        np.testing.assert_array_equal(given[0]["W"], A)


def test_helpers_hand_over_copies():
    def spoils(a):
        a[...] = 0
        return a

    data = A.copy()
    for check in (checks.finite, checks.sums_to_one, checks.keeps_order, checks.row_by_row):
        outcome(lambda check=check: check(spoils, data))
    outcome(lambda: checks.gives(spoils, data, data))
    outcome(lambda: checks.agrees(spoils, data, data))
    outcome(lambda: checks.repeats(spoils, data, data))
    np.testing.assert_array_equal(data, A)


def loss(x):
    return float(np.sum(x**3))


def test_gradient_against_central_differences():
    assert passes(lambda: checks.gradient(loss, A, 3 * A**2))
    assert passes(lambda: checks.gradient(loss, A, (3 * A**2).astype(np.float32)))
    assert passes(lambda: checks.gradient(lambda x: 7.0, A, 0 * A))
    assert "relative error" in fails(lambda: checks.gradient(loss, A, 3.001 * A**2))
    fails(lambda: checks.gradient(loss, A, -3 * A**2))
    fails(lambda: checks.gradient(loss, A, (3 * A**2).T))
    fails(lambda: checks.gradient(loss, A, A * np.nan))
    fails(lambda: checks.gradient(lambda x: 7.0, A, A))
    fails(lambda: checks.gradient(lambda x: x, A, A))


def test_gradient_leaves_x_as_it_is():
    def spoils(x):
        x[...] = 0
        return 0.0

    data = A.copy()
    assert passes(lambda: checks.gradient(spoils, data, 0 * A))
    np.testing.assert_array_equal(data, A)


def test_gradient_of_whole_numbers_is_taken_in_floats():
    whole = A.astype(int)
    assert passes(lambda: checks.gradient(loss, whole, 3 * whole**2))


def test_expect_shows_its_detail_in_visible_checks_only():
    assert outcome(lambda: checks.expect(False, "odd", "got 3")).what == "odd: got 3"
    assert outcome(lambda: checks.expect(False, "odd", "got 3"), hidden=True).what == "odd"


class Net:
    """Something with parameters, as a network has them."""

    def __init__(self, seed=None, draw=np.random.Generator.standard_normal):
        self.params = {"W1": draw(np.random.default_rng(seed), (60, 50)), "b1": np.zeros(50)}


def test_with_params_changes_the_arrays_in_place():
    net = Net()
    kept = net.params["b1"]
    assert checks.with_params(net, {"b1": np.arange(50.0)}) is net
    np.testing.assert_array_equal(kept, np.arange(50.0))
    assert net.params["W1"].any()


def test_label_kinds_are_the_same_labels():
    t = np.array([2, 0, 1, 2])
    whole, small, rows, whole_rows = checks.label_kinds(t, 4)
    assert whole.dtype == t.dtype
    assert small.dtype == np.uint8
    for labels in (whole, small, rows.argmax(axis=1), whole_rows.argmax(axis=1)):
        np.testing.assert_array_equal(labels, t)
    assert rows.shape == whole_rows.shape == (4, 4)
    assert rows.sum() == whole_rows.sum() == 4
    assert (rows.dtype.kind, whole_rows.dtype.kind) == ("f", "i")


@pytest.mark.parametrize("seed", range(20))
def test_normal_numbers_are_taken_for_normal(seed):
    rng = np.random.default_rng(seed)
    w = 0.3 * rng.standard_normal((60, 50))
    assert passes(lambda: checks.normal(w, 0.3))
    assert passes(lambda: checks.normal(w.astype(np.float32), 0.3))


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, shape: 1.5 * rng.standard_normal(shape),
        lambda rng, shape: 0.2 + rng.standard_normal(shape),
        lambda rng, shape: rng.uniform(-(3**0.5), 3**0.5, shape),
        lambda rng, shape: rng.choice([-1.0, 1.0], shape),
        lambda rng, shape: rng.laplace(0, 0.5**0.5, shape),
        lambda rng, shape: rng.standard_normal((shape[0], 1)) * np.ones(shape),
        lambda rng, shape: np.zeros(shape),
    ],
)
def test_other_numbers_are_not_taken_for_normal(draw):
    fails(lambda: checks.normal(draw(np.random.default_rng(0), (60, 50)), 1.0))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda seed: Net(), "the same seed gave different"),
        (lambda seed: Net(0), "different seeds gave the same"),
        (lambda seed: Net(seed or 0), "without a seed"),
        (lambda seed: Net(seed or None), "the same seed gave different"),
    ],
)
def test_seeded_reveals_what_the_seed_does_not_govern(make, said):
    assert passes(lambda: checks.seeded(Net, ("W1",)))
    assert said in fails(lambda: checks.seeded(make, ("W1",)))


# Hints and causes -----------------------------------------------------------------------------


def one_check(body, name="f", hidden=False, **about) -> checks.Task:
    """Return a settled task with one check that fails with this body, and one that passes."""
    task = checks.Task(name, hidden)
    with task.check(1, "a property", "general", **about):
        body()
    with task.check(1, "another", "general"):
        checks.gives(np.positive, A, A)
    task.settle()
    return task


@pytest.mark.parametrize(
    ("got", "hint"),
    [
        (A + 1, "general"),
        (A.T, "the shape"),
        (A * np.nan, "the nan"),
        (A * np.inf, checks.HINTS["inf"]),
        (None, checks.HINTS["none"]),
        ("text", checks.HINTS["type"]),
    ],
)
def test_a_hint_is_chosen_by_how_a_check_failed(got, hint):
    def body():
        checks.gives(lambda a: got, A, A)

    assert one_check(body, shape="the shape", nan="the nan").checks[0].hint == hint


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [(("W1",), "first"), (("W1", "b1"), "both"), (("b1",), "bias"), (("b2",), "general")],
)
def test_a_hint_is_chosen_by_the_part_that_is_wrong(wrong, hint):
    right = dict.fromkeys(("W1", "b1", "W2", "b2"), A)
    got = right | dict.fromkeys(wrong, A + 1)

    def body():
        checks.equal_by_name(got, right)

    assert one_check(body, W1="first", b1="bias", W1_b1="both").checks[0].hint == hint


def test_a_part_begins_the_message():
    assert fails(lambda: checks.equal(A + 1, A, part="dW")).startswith("`dW`: wrong values: got")
    assert fails(lambda: checks.equal(A.T, A, part="dW")).startswith("`dW`: wrong shape: got")
    assert fails(lambda: checks.equal(None, A, part="dW")).startswith("`dW` is nothing (None)")
    said = outcome(lambda: checks.equal(A + 1, A, part="W1"), hidden=True).what
    assert said == "a parameter: wrong values"  # no digit


def test_what_blocks_one_check_alone_is_told_in_its_row():
    task = one_check(lambda: checks.gives(lambda a: None, A, A))
    assert task.cause is None
    assert task.checks[0].what == "`f` returned nothing (None)"


def test_what_blocks_every_check_is_told_once():
    task = checks.Task("f")
    for name in ("one", "two"):
        with task.check(1, name, "general"):
            checks.gives(student("def f(a):\n    pass"), A, A)
    task.settle()
    assert task.cause == {
        "what": "`f` returned nothing (None)",
        "hint": checks.HINTS["none"],
        "line": 0,
        "code": "",
    }
    assert [(c.what, c.hint, c.same_cause) for c in task.checks] == [("same cause", "", True)] * 2


def test_calls_that_took_too_long_have_one_cause():
    task = checks.Task("f")
    for seconds in (10, 5, 2.5):
        with task.check(1, f"after {seconds}", "general", slow="the loop"):
            student(f"def f(a):\n    raise TimeoutError('no answer within {seconds} seconds')")(A)
    task.settle()
    assert task.cause["what"].startswith("`f` ran for too long and was stopped")
    assert [check.what for check in task.checks] == ["same cause"] * 3


def test_the_visible_headline_tells_the_hidden_points():
    for points, said in ((7, "7 hidden points depend"), (1, "1 hidden point depends")):
        task = checks.Task("softmax", hidden_points=points)
        with task.check(5, "a property"):
            checks.gives(np.positive, A, A)
        assert task.headline == f"✓ softmax: 5 of 5 visible points; {said} on the contract."


CLASS = "class Layer:\n    def forward(self, x):\n        return x\n"


@pytest.mark.parametrize(
    ("source", "body", "what"),
    [
        (CLASS, lambda Layer: Layer(A), "`Layer` has no `__init__`"),
        (
            CLASS.replace("forward(self, x)", "forward(x)"),
            lambda Layer: checks.gives(Layer().forward, A, A),
            "`forward` takes 0 arguments besides `self`, and the checks call it with 1",
        ),
        (CLASS, lambda Layer: Layer().dW, "`Layer` has no attribute `dW`"),
        (CLASS, lambda Layer: Layer().params["W1"], "`Layer` has no attribute `params`"),
        (CLASS + "    params = {}", lambda Layer: Layer().params["W1"], "there is no 'W1' in the"),
        (
            CLASS + "    params = {}",
            lambda Layer: checks.with_params(Layer(), {"W1": A}),
            'a name is missing in `params`: there is no "W1"',
        ),
        (
            CLASS + "    params = {'W1': np.zeros((2, 3), dtype=int)}",
            lambda Layer: checks.with_params(Layer(), {"W1": A}),
            "`W1` does not hold floats",
        ),
    ],
)
def test_what_is_wrong_with_a_class(source, body, what):
    Layer = student(source, "Layer")
    task = one_check(lambda: body(Layer), name="Layer")
    assert what in task.checks[0].what


def test_two_underscores_are_asked_for():
    Layer = student(CLASS.replace("forward", "_init_"), "Layer")
    assert "`_init_`" in one_check(lambda: Layer(A), name="Layer").checks[0].hint


# Values and side properties --------------------------------------------------------------------


def side_and_values(f, expected, **about) -> list[str]:
    """Return the states of a check of a side property and a check of values."""
    task = checks.Task("f")
    with task.check(1, "side", **about):
        checks.leaves_alone(f, A)
    with task.check(1, "values"):
        checks.gives(f, A, expected)
    task.settle()
    return [check.state for check in task.checks]


def test_a_side_property_counts_only_with_right_values():
    assert side_and_values(np.exp, np.exp(A)) == ["passed", "passed"]
    assert side_and_values(np.exp, A) == ["failed", "failed"]
    assert side_and_values(np.exp, A, needs_values=False) == ["passed", "failed"]


@pytest.mark.parametrize(
    "body",
    [
        lambda f: checks.leaves_alone(f, A),
        lambda f: checks.finite(f, A),
        lambda f: checks.sums_to_one(lambda a: np.ones((2, 2)) / 2, A),
        lambda f: checks.keeps_order(f, A),
        lambda f: checks.agrees(f, A, A),
        lambda f: checks.row_by_row(f, A),
        lambda f: checks.repeats(f, A, A + 1),
        lambda f: checks.gives_floats(f, A, (2, 3)),
        lambda f: checks.fast(f, A, lambda: sum(range(100_000))),
    ],
)
def test_helpers_of_side_properties_are_no_evidence(body):
    task = checks.Task("f")
    with task.check(1, "side"):
        body(np.positive)
    task.settle()
    assert task.checks[0].what == checks.WAITS
    assert task.earned == 0


def test_a_list_costs_one_check_and_its_values_are_judged():
    def as_list(a):
        return (a + 1).tolist()

    for about_arrays in (False, True):
        task = checks.Task("f")
        with task.check(1, "one"):
            checks.gives(as_list, A, A + 1)
        with task.check(1, "two", about_arrays=about_arrays):
            checks.gives(as_list, A[0], A[0] + 1)
        with task.check(1, "three"):
            checks.gives(as_list, A, A)
        task.settle()
        states = ["passed", "failed"] if about_arrays else ["failed", "passed"]
        assert [check.state for check in task.checks] == [*states, "failed"]
        said = [check.what for check in task.checks[:2]]
        assert "`as_list` returned a list, not an array" in said or (
            "`f` returned a list, not an array" in said
        )


# What is expected, and the arguments -------------------------------------------------------------


def test_what_is_expected_is_worked_out_before_the_call():
    def spoils(a):
        a[...] = 0
        return np.zeros(a.shape)

    data = A.copy()
    assert "wrong values" in fails(lambda: checks.gives(spoils, data, np.exp))
    assert "wrong values" in fails(lambda: checks.gives(spoils, data, data))
    order = []

    def expected(a):
        order.append("expected")
        a[...] = 7  # it has a copy of its own
        return A

    def f(a):
        order.append("f")
        return a

    assert passes(lambda: checks.gives(f, data, expected))
    assert order == ["expected", "f"]


@pytest.mark.parametrize("array", [A, A.T, np.asfortranarray(A), A[:, ::2], A[:, 1:], A[0]])
def test_copies_keep_the_layout(array):
    copy = checks.copied(array)
    np.testing.assert_array_equal(copy, array)
    assert not np.shares_memory(copy, array)
    assert copy.flags.c_contiguous == array.flags.c_contiguous
    assert copy.flags.f_contiguous == array.flags.f_contiguous


def test_a_pair_is_told_from_a_single_value():
    assert checks.pair((A, [A]), "x", "history") == (A, [A])
    for got, said in (
        (A, "returned one array, not `(x, history)`"),
        (1.0, "returned one float, not `(x, history)`"),
        (None, "returned nothing (None)"),
        ((A, A, A), "returned the wrong number of values for `(x, history)`: 3, not 2"),
    ):
        assert said in fails(lambda got=got: checks.pair(got, "x", "history"))


def test_a_list_of_arrays():
    assert outcome(lambda: checks.arrays([A, A], "batches")).state == "passed"
    assert outcome(lambda: checks.arrays(np.array([A, A]), "batches")).state == "passed"
    assert "`batches` is nothing" in fails(lambda: checks.arrays(None, "batches"))
    assert "`batches` is a float" in fails(lambda: checks.arrays(1.0, "batches"))
    assert "`batches` is nothing" in fails(lambda: checks.arrays([A, None], "batches"))
    check = outcome(lambda: checks.arrays([A, [1, 2]], "batches"))
    assert check.containers == ["an element of `batches` is a list, not an array"]


# Speed --------------------------------------------------------------------------------------------


def test_a_list_that_takes_long_to_arrive_is_not_slow():
    def f(a):
        return [sum(range(200_000))]

    assert not outcome(lambda: checks.fast(f, A, lambda: None)).failure
    slow = outcome(lambda: checks.fast(lambda a: np.array(f(a)), A, lambda: None))
    assert slow.failure.kind == "slow"


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        ([0.1], "passed"),
        ([9.0, 9.0, 9.0, 9.0, 0.1], "passed"),  # a busy machine, and one quick call
        ([5.0] * 19 + [0.1], "passed"),  # not far from quick: more tries
        ([2.1] * 20, "failed"),
        ([9.0] * 5, "failed"),
    ],
)
def test_one_quick_call_is_fast_enough(seconds, state, monkeypatch):
    clock, left = [0.0], list(seconds)
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0])

    def f(a):
        clock[0] += left.pop(0)

    def loop():
        clock[0] += 10.0

    check = outcome(lambda: checks.fast(f, A, loop))
    assert (check.state == "passed" or check.what == checks.WAITS) == (state == "passed")
    if state == "failed":
        assert "about as slow as a loop over single numbers: " in check.what
        left[:] = [9.0] * 5
        check = outcome(lambda: checks.fast(f, A, loop, than="20 calls of `g`"))
        assert "about as slow as 20 calls of `g`" in check.what


def test_a_machine_that_lets_both_wait_costs_no_fast_function_its_points(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0])

    def wait(seconds):
        clock[0] += 10 * seconds  # ten programs share the processor

    for seconds, is_slow in ((1.5, False), (9.0, True)):
        check = outcome(
            lambda seconds=seconds: checks.fast(lambda a: wait(seconds), A, lambda: wait(10))
        )
        assert bool(check.failure and check.failure.kind == "slow") == is_slow


@pytest.mark.parametrize(
    ("seconds", "own", "is_slow"),
    [
        (3.0, 1.4, False),  # this end sends and receives for 1.4 seconds, and so does the other
        (3.0, 0.5, True),
        (5.0, 5.0, True),  # at most half of the time is for that
    ],
)
def test_the_time_for_sending_and_receiving_does_not_count(seconds, own, is_slow, monkeypatch):
    clock = {"perf_counter": 0.0, "process_time": 0.0}
    for name in clock:
        monkeypatch.setattr(checks.speed, name, lambda name=name: clock[name])

    class Proxy:
        def _thing_bind(self, name, *value):
            return ()

        def __call__(self, a):
            clock["perf_counter"] += seconds
            clock["process_time"] += own

    def loop():
        clock["perf_counter"] += 10.0

    def here(a):
        Proxy()(a)

    check = outcome(lambda: checks.fast(Proxy(), A, loop))
    assert bool(check.failure and check.failure.kind == "slow") == is_slow
    check = outcome(lambda: checks.fast(here, A, loop))  # then the time is the function's own
    assert check.failure.kind == "slow"


def test_a_loop_that_was_interrupted_lets_no_slow_function_pass(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(checks.speed, "perf_counter", lambda: clock[0])
    loops = iter([60.0] + [10.0] * 50)  # once, another program had the processor

    def wait(seconds):
        clock[0] += seconds

    check = outcome(lambda: checks.fast(lambda a: wait(6.0), A, lambda: wait(next(loops))))
    assert check.failure.kind == "slow"


# A right function in place of the student's ------------------------------------------------------


def test_a_right_function_stands_in_for_a_wrong_one_while_it_lasts():
    f = student("def slope(f, x):\n    return 7\n\n\ndef f(g, x):\n    return slope(g, x)")

    def known(x):
        return x

    def unknown(x):
        return x

    with checks.replaced(f, "slope", {known: lambda x: 2 * x}):
        np.testing.assert_array_equal(f(known, A), 2 * A)
        assert f(unknown, A) == 7  # the student's own
        kept = f.__globals__["slope"]
    assert f(known, A) == 7
    with pytest.raises(RuntimeError, match="which has ended"):
        kept(known, A)


def test_a_name_that_is_missing_is_missing_again_afterwards():
    f = student("def f(g, x):\n    return slope(g, x)")
    with checks.replaced(f, "slope", {len: lambda x: x}):
        np.testing.assert_array_equal(f(len, A), A)
    assert "slope" not in f.__globals__


# Functions from earlier problem sets --------------------------------------------------------------


def course(a):
    return np.exp(a)


def earlier_set(folder, source: str) -> None:
    """Write a notebook of an earlier problem set beside the folder where one works."""
    import nbformat

    cell = nbformat.v4.new_code_cell(source, metadata={"nbgrader": {"grade_id": "course"}})
    (folder / "ps0").mkdir()
    (folder / "now").mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), folder / "ps0" / "ps0.ipynb")


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def course(a):\n    return np.e ** a", "`course` is your own, from ps0."),
        ("def course(a):\n    return a", "the course's: yours in ps0 does not pass a short test"),
        (
            "def course(a):\n    y = np.exp(a)\n    a += 1\n    return y",
            "the course's: yours in ps0 does not pass a short test",
        ),
        ("def course(a):\n    raise NotImplementedError()", "yours in ps0 is not written yet"),
        ("def course(a:", "yours in ps0 does not pass a short test"),
        ("raise SystemExit", "yours in ps0 does not pass a short test"),
        (None, "there is no ../ps0/ps0.ipynb"),
    ],
)
def test_an_earlier_function_is_used_if_it_is_right(source, said, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checks.student_code, "kernel", lambda: object())
    if source:
        earlier_set(tmp_path, source)
    else:
        (tmp_path / "now").mkdir()
    monkeypatch.chdir(tmp_path / "now")
    f = checks.earlier("ps0", course, A)
    np.testing.assert_allclose(f(A), np.exp(A))
    assert (f is not course) == ("your own" in said)
    assert said in capsys.readouterr().out


def test_an_earlier_function_gets_what_it_calls(tmp_path, monkeypatch, capsys):
    earlier_set(tmp_path, "def course(a):\n    return power(a)")
    monkeypatch.setattr(checks.student_code, "kernel", lambda: object())
    monkeypatch.chdir(tmp_path / "now")
    assert checks.earlier("ps0", course, A) is course
    own = checks.earlier("ps0", course, A, power=np.exp)
    assert own is not course
    np.testing.assert_allclose(own(A), np.exp(A))
    assert "`course` is your own, from ps0." in capsys.readouterr().out


def test_where_work_is_graded_nothing_is_read(tmp_path, monkeypatch, capsys):
    earlier_set(tmp_path, "def course(a):\n    return np.e ** a")
    monkeypatch.chdir(tmp_path / "now")
    assert checks.earlier("ps0", course, A) is course
    assert capsys.readouterr().out == ""


def test_only_a_notebooks_own_kernel_is_one(monkeypatch):
    assert not checks.in_kernel()
    monkeypatch.setattr(checks.student_code, "kernel", lambda: object())
    assert checks.in_kernel()
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")  # by plain nbgrader
    assert not checks.in_kernel()


@pytest.mark.parametrize("got", [np.array(None), np.random.default_rng(), abs])
def test_what_is_no_list_is_named_and_stops_no_test_cell(got):
    with pytest.raises(checks.PropertyError, match="`batches` cannot be iterated over") as caught:
        checks.arrays(got, "batches")
    assert caught.value.blocks


# Another library in place of NumPy --------------------------------------------------------------

USES = "def double(a):\n    return {}(a)\n"


def of_cells(*cells: str) -> tuple:
    """Return the table of a right `double` if the student's cells are these."""
    tables = [checks.Task("double", hidden=hidden) for hidden in (False, True)]
    with mock.patch.dict(checks.student_cells, enumerate(cells), clear=True):
        for task in tables:
            for name in ("one", "two"):
                with task.check(1, name, "A hint."):
                    checks.gives(lambda a: 2 * a, np.array([1.0, 2.0]), [2.0, 4.0])
            task.settle()
    return tables[0], tables[1]


@pytest.mark.parametrize(
    ("cells", "library", "line"),
    [
        (["from scipy.special import exp2 as f\n\n" + USES.format("f")], "scipy", 1),
        (["import scipy.special\n\n" + USES.format("scipy.special.exp2")], "scipy", 1),
        (["def double(a):\n    import torch\n    return torch.tensor(a)\n"], "torch", 2),
        (["import numpy as np\nimport jax", USES.format("jax.f")], "jax", 2),
        (["import scipy as s\nf = s.f\n" + USES.format("g"), "g = lambda a: f(a)"], "scipy", 1),
        (["from sklearn import f\n", USES.format("g"), "def g(a):\n    return f(a)"], "sklearn", 1),
        (["from utils.functions import softmax as f\n", USES.format("f")], "utils.functions", 1),
        (["from utils import layers\n", USES.format("layers.f")], "utils.layers", 1),
        (["from scipy.special import exp2 as double"], "scipy", 1),
    ],
)
def test_another_library_is_told_once_and_earns_nothing(cells, library, line):
    shown, hidden = of_cells(*cells)
    assert shown.earned == hidden.earned == 0
    assert shown.cause["what"].startswith(f"This course uses NumPy only: `double` uses `{library}`")
    assert shown.cause["line"] == line
    assert f"`{library}`" in shown.cause["hint"]
    assert all(check.same_cause and not check.hint for check in shown.checks)
    assert library not in repr(hidden)
    assert hidden.cause["line"] == 0


@pytest.mark.parametrize(
    "cells",
    [
        ["import numpy as np\nimport math\n" + USES.format("math.f")],
        ["import scipy.special\nimport torch\n" + USES.format("np.f")],
        [USES.format("f"), "from scipy.special import f as theirs\nprint(theirs(1))"],
        ["def double(a):\n    torch = a\n    return torch\n", "import torch"],
        ["def double(jax):\n    return 2 * jax\n", "import jax"],
        [USES.format("2 * "), "from scipy.special import double"],
        ["import matplotlib.pyplot as plt\n" + USES.format("plt.f")],
        ["from my_helpers import f\n" + USES.format("f")],
        ["from utils import checks, plots\n" + USES.format("plots.f")],
        ["from . import torch\n" + USES.format("torch")],
        ["import torch\nan open bracket (\n" + USES.format("torch")],
        [],
    ],
)
def test_what_no_task_uses_costs_nothing(cells):
    shown, hidden = of_cells(*cells)
    assert shown.earned == hidden.earned == 2
    assert shown.cause is hidden.cause is None
