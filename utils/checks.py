"""What a test cell calls: named checks, each with a share of the points and a hint.

A test cell is a list of checks and ends in the points:

    from utils import checks

    task = checks.Task("softmax")
    with task.check(1, "two equal numbers", "Exponentials first, then divide each by their sum."):
        checks.gives(softmax, np.array([0.0, 0.0]), [0.5, 0.5])
    task.points()

A check passes unless its body raises, and whatever the student's code raises costs that check
alone. The helpers below (`gives`, `sums_to_one`, ...) take the student's function first, then its
arguments: a tuple for several, anything else for one. They hand it copies, so a function that
overwrites its argument cannot spoil the next check, and they trust only plain arrays and numbers:
an object that claims to equal everything is no result. Hidden checks name the property and the
hint, and show no numbers.
"""

from __future__ import annotations

import contextlib
import html
import io
import linecache
import os
import re
import warnings
from collections.abc import Callable
from fractions import Fraction
from types import TracebackType
from typing import Any

import numpy as np
from IPython.display import display

MIME = "application/vnd.course-checks+json"  # the same table for programs: reports read this

STOPPED = "stopped with"  # begins what is said of an exception
MARKS = {
    "passed": "✓ passed",
    "failed": "✗ not yet",
    "unwritten": "○ not written",
    "undefined": "○ not defined",
}


class PropertyError(Exception):
    """A property does not hold: what happened, and a detail that may show numbers."""

    def __init__(self, what: str, detail: str = "") -> None:
        super().__init__(f"{what}: {detail}" if detail else what)
        self.what, self.detail = what, detail


class Task:
    """The checks of one test cell and the table of what became of them.

    Notebooks show the table as HTML, a terminal as text; programs find it under the type `MIME`.

    Args:
        name: name of the task: the function or class that the student writes.
        hidden: show names and hints only, no numbers and nothing that the student's code prints.
    """

    def __init__(self, name: str, hidden: bool = False) -> None:
        self.name, self.hidden = name, hidden
        self.checks: list[Check] = []

    def check(self, points: float, name: str, hint: str) -> Check:
        """Return a check for a `with` statement.

        Args:
            points: its share of the points; shares are added without rounding errors.
            name: the property, as a student reads it.
            hint: what to look at first if it fails; code stands between backticks.
        """
        check = Check(points, name, hint, self.hidden)
        self.checks.append(check)
        return check

    def points(self) -> float:
        """Show the table and return the points of the checks that passed, as a plain float."""
        display(self)
        return float(self.earned)

    @property
    def total(self) -> Fraction:
        """The sum of all shares."""
        return sum((check.share for check in self.checks), Fraction())

    @property
    def earned(self) -> Fraction:
        """The sum of the shares of the checks that passed."""
        return sum((check.earned for check in self.checks), Fraction())

    @property
    def headline(self) -> str:
        """One line that says it all."""
        hidden = ", hidden checks" if self.hidden else ""
        start = f"{self.name}{hidden}: {_number(self.earned)} of {_number(self.total)} points."
        states = {check.state for check in self.checks}
        if states == {"passed"}:
            return f"✓ {start} All checks passed."
        if states == {"unwritten"}:
            return f"○ {start} Task {self.name} is not written yet."
        if states == {"undefined"}:
            return f"○ {start} {self.checks[0].what}: run its cell first, without an error."
        return start

    @property
    def rows(self) -> list[Check]:
        """The lines below the headline: none while the whole task is still to be written."""
        calm = {check.state for check in self.checks} <= {"unwritten", "undefined"}
        return [] if calm else self.checks

    def _reasons(self) -> list[list[str]]:
        """Return what to say below each row: nothing, or what happened and the hint."""
        reasons, told = [], set()
        for check in self.rows:
            if check.state == "passed":
                reasons.append([])
            elif check.what in told and check.what.startswith(STOPPED) and not self.hidden:
                reasons.append(["What happened: the same error as above"])
            else:
                reasons.append([f"What happened: {check.what}", f"Hint: {check.hint}"])
            told.add(check.what)
        return reasons

    def __repr__(self) -> str:
        lines = [self.headline]
        for check, reasons in zip(self.rows, self._reasons(), strict=True):
            points = f"{_number(check.earned)}/{_number(check.share)}"
            lines.append(f"  {MARKS[check.state]:<13}  {points:>7}  {check.name}")
            lines += [f"{'':26}{reason}" for reason in reasons]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        left = 'style="text-align: left; vertical-align: top"'
        parts = [f"<p><strong>{_html(self.headline)}</strong></p>"]
        if self.rows:
            head = ("result", "points", "check")
            head = "".join(f'<th scope="col" {left}>{text}</th>' for text in head)
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>")
            for check, reasons in zip(self.rows, self._reasons(), strict=True):
                points = f"{_number(check.earned)} / {_number(check.share)}"
                mark, points = (t.replace(" ", "&nbsp;") for t in (MARKS[check.state], points))
                text = "<br>".join(map(_html, [check.name, *reasons]))
                row = "".join(f"<td {left}>{cell}</td>" for cell in (mark, points, text))
                parts.append(f"<tr>{row}</tr>")
            parts.append("</tbody></table>")
        return "".join(parts)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        keys = ("name", "points", "state", "what", "hint")
        checks = [{key: getattr(check, key) for key in keys} for check in self.checks]
        return {MIME: {"task": self.name, "hidden": self.hidden, "checks": checks}}

    def _ipython_display_(self) -> None:
        """Show all three forms at once; IPython would ask for a dozen, one after another."""
        words = {"text/plain": repr(self), "text/html": self._repr_html_()}
        display(self._repr_mimebundle_() | words, raw=True)


class Check:
    """One check: its body passes unless it raises; warnings and stderr are silenced meanwhile.

    After its body, `state` is a key of `MARKS` and `what` says what happened.
    """

    def __init__(self, points: float, name: str, hint: str, hidden: bool) -> None:
        self.points, self.name, self.hint, self.hidden = points, name, hint, hidden
        self.share = Fraction(str(points))
        self.state, self.what = "failed", "the check did not run"

    @property
    def earned(self) -> Fraction:
        """The share if the check passed, else 0."""
        return self.share if self.state == "passed" else Fraction()

    def __enter__(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
            if self.hidden:
                stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
            self._quiet = stack.pop_all()

    def __exit__(self, kind: type | None, error: BaseException | None, trace: Any) -> bool:
        self._quiet.close()
        if isinstance(error, KeyboardInterrupt):  # the stop button, or nbgrader's time limit
            return False
        if error is None:
            self.state, self.what = "passed", ""
        elif isinstance(error, PropertyError):
            self.what = error.what if self.hidden else str(error)
        else:  # SystemExit and the like, too: they cost this check alone
            self.state, self.what = _what_stopped(error, trace, self.hidden)
        return True


def _what_stopped(error: BaseException, trace: TracebackType, hidden: bool) -> tuple[str, str]:
    """Return the state and the words for an exception that came out of a check's body."""
    names = {base.__name__ for base in type(error).__mro__}
    if "NotImplementedError" in names:
        return "unwritten", "not written yet"
    last = trace
    while last.tb_next:
        last = last.tb_next
    if "NameError" in names and _cell(last) == _cell(trace):  # raised by the test cell's own line
        return "undefined", f"`{getattr(error, 'name', None)}` is not defined"
    if hidden:  # the student chooses the type, depending on what a hidden check asked
        return "failed", f"{STOPPED} an exception"
    try:
        message = " ".join(str(error).split())
    except Exception:
        message = "(its message cannot be shown)"
    what = f"{STOPPED} {type(error).__name__}" + (f": {_short(message)}" if message else "")
    return "failed", what + _place(error, trace)


def _place(error: BaseException, trace: TracebackType) -> str:
    """Return " (line 3: `...`)" for the innermost line in another cell than the check's own."""
    notes = getattr(error, "__notes__", [])
    found = f" ({_short(str(notes[0]))})" if notes else ""
    step = trace
    while step := step.tb_next:
        file, number = _cell(step), step.tb_lineno
        if file != _cell(trace) and not os.path.exists(file):  # cells have names, but no files
            source = linecache.getline(file, number).strip()
            found = f" (line {number}: `{_short(source)}`)" if source else f" (line {number})"
    return found


def _cell(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _number(points: Fraction) -> str:
    return f"{float(points):g}"


def _html(text: str) -> str:
    """Escape text for HTML and set what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


# Calling the student's code ---------------------------------------------------------------------


def call(f: Callable, *args: Any, **kwargs: Any) -> Any:
    """Call f on copies of its arguments, so that the caller's arrays stay as they are."""
    return f(*copied(args), **copied(kwargs))


def copied(value: Any) -> Any:
    """Copy arrays, and the tuples, lists and dicts that hold them; hand on anything else."""
    if type(value) is np.ndarray:
        return value.copy()
    if type(value) in (tuple, list):
        return type(value)(copied(item) for item in value)
    if type(value) is dict:
        return {key: copied(item) for key, item in value.items()}
    return value


def _tuple(args: Any) -> tuple:
    return args if type(args) is tuple else (args,)


# Properties of a value --------------------------------------------------------------------------


def expect(condition: object, what: str, detail: str | Callable[[], str] = "") -> None:
    """Raise `PropertyError` unless the condition holds; hidden checks do not show `detail`.

    A detail that takes time to write, such as an array's numbers, may be a function that writes it.
    """
    if not condition:
        raise PropertyError(what, detail() if callable(detail) else detail)


_NUMBERS = {bool, int, float, *np.sctypeDict.values()}


def plain(value: Any) -> np.ndarray:
    """Return a result as an array if it is a plain array of numbers or a plain number.

    Raises:
        PropertyError: it is anything else: None, a list, a subclass of ndarray, objects.
    """
    expect(value is not None, "nothing came back (None): is there a `return`?")
    kind = type(value)
    is_plain = kind is np.ndarray or kind in _NUMBERS
    expect(is_plain, "the result is no plain NumPy array or number", f"it is a {kind.__name__}")
    array = np.asarray(value)
    numbers = array.dtype.kind in "biuf"
    expect(numbers, "the result does not hold plain numbers", f"got {array.dtype.name}")
    return array


def equal(got: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Check that a result is plain, and has the expected shape and values; nan equals nothing.

    Args:
        got: the student's result.
        expected: a number, or array-like.
        rtol, atol: |got - expected| may be atol + rtol |expected|. The default lets float32 pass
            and rounding to five digits fail.
    """
    got, expected = plain(got), np.asarray(expected)
    if got.shape != expected.shape:
        raise PropertyError("wrong shape", f"got {got.shape}, expected {expected.shape}")
    expect(not np.isnan(got).any(), "the result has nan in it", lambda: f"got {_show(got)}")
    near = np.isclose(got, expected, rtol=rtol, atol=atol)
    if not near.all():
        raise PropertyError("wrong values", _difference(got, expected, near))


def equal_by_name(
    got: Any, expected: dict[str, Any], rtol: float = 1e-5, atol: float = 1e-8
) -> None:
    """Check the arrays in a dict by name, such as gradients; more names than expected are fine."""
    expect(got is not None, "nothing came back (None): is there a `return`?")
    for name, value in expected.items():
        expect(name in got, "a name is missing in the result", f"there is no {name!r}")
        try:
            equal(got[name], value, rtol, atol)
        except PropertyError as error:
            raise PropertyError(error.what, f"in {name} {error.detail}".strip()) from None


def _difference(got: np.ndarray, expected: np.ndarray, near: np.ndarray) -> str:
    if got.size <= 12:
        return f"got {_show(got)}, expected {_show(expected)}"
    at = tuple(int(i) for i in np.argwhere(~near)[0])
    values = f"got {got[at]}, expected {expected[at]}"
    return f"{(~near).sum()} of {near.size} numbers, the first at index {list(at)}: {values}"


def _show(array: np.ndarray) -> str:
    if array.ndim == 0:
        return f"{array[()]:.6g}"
    text = np.array2string(array, precision=6, threshold=12, edgeitems=2, separator=", ")
    return " ".join(text.split())


# Properties of a function: f first, then its arguments (a tuple for several) ------------------


def gives(f: Callable, args: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Check f(args) against expected values: a number for a scalar, array-like for an array."""
    equal(call(f, *_tuple(args)), expected, rtol, atol)


def gives_floats(f: Callable, args: Any, shape: tuple[int, ...]) -> None:
    """Check that f returns a plain array of floats of this shape."""
    got = call(f, *_tuple(args))
    array = plain(got)
    expect(array.shape == shape, "wrong shape", f"got {array.shape}, expected {shape}")
    expect(array.dtype.kind == "f", "the result does not hold floats", f"got {array.dtype.name}")


def finite(f: Callable, args: Any) -> None:
    """Check that the result holds neither nan nor inf."""
    array = plain(call(f, *_tuple(args)))
    expect(array.size > 0, "the result is empty")
    whole = np.isfinite(array).all()
    expect(whole, "the result has nan or inf in it", lambda: f"got {_show(array)}")


def sums_to_one(f: Callable, args: Any, axis: int = -1) -> None:
    """Check that the result sums to 1 along an axis, within 1e-5."""
    array = plain(call(f, *_tuple(args)))
    expect(array.ndim > 0, "the result is a single number, not an array")
    expect(array.size > 0, "the result is empty")
    sums = array.sum(axis=axis, dtype=np.float64)
    near = np.isclose(sums, 1, rtol=0, atol=1e-5)
    expect(near.all(), "a sum is not 1", lambda: f"the sums are {_show(sums)}")


def keeps_order(f: Callable, a: np.ndarray) -> None:
    """Check that f(a) has a's shape and ranks the numbers along the last axis as a does."""
    array = plain(call(f, a))
    expect(array.shape == a.shape, "wrong shape", f"got {array.shape}, expected {a.shape}")
    same = np.array_equal(np.argsort(array, axis=-1), np.argsort(a, axis=-1))
    expect(same, "the order has changed", lambda: f"{_show(a)} became {_show(array)}")


def agrees(f: Callable, args: Any, other: Any, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Check that f gives the same for two sets of arguments: a shift, labels and one-hot labels."""
    first = copied(plain(call(f, *_tuple(args))))  # a later call may overwrite its result
    equal(first, plain(call(f, *_tuple(other))), rtol, atol)


def row_by_row(f: Callable, batch: np.ndarray, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    """Check that every row of f(batch) is what f gives for that row alone."""
    whole = copied(plain(call(f, batch)))  # a later call may overwrite its result
    expect(whole.shape[:1] == batch.shape[:1], "wrong shape", f"got {whole.shape}")
    for got, row in zip(whole, batch, strict=True):
        equal(got, plain(call(f, row)), rtol, atol)


def repeats(f: Callable, args: Any, between: Any) -> None:
    """Check that a call on other data in between changes neither the next result nor the first."""
    first = plain(call(f, *_tuple(args)))
    kept = copied(first)
    call(f, *_tuple(between))
    expect(same_bits(first, kept), "an earlier result has changed: make a new array each time")
    equal(call(f, *_tuple(args)), kept)


def leaves_alone(f: Callable, args: Any) -> None:
    """Check that f changes none of its arguments by a single bit."""
    given = copied(_tuple(args))
    f(*given)
    expect(same_bits(given, _tuple(args)), "an argument was changed")


def same_bits(a: Any, b: Any) -> bool:
    """Return whether two values are equal in types, shapes and every bit of their arrays."""
    if type(a) is not type(b):
        return False
    if type(a) is np.ndarray:
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) in (tuple, list):
        return len(a) == len(b) and all(map(same_bits, a, b))
    if type(a) is dict:
        return list(a) == list(b) and all(same_bits(a[key], b[key]) for key in a)
    return a is b or type(a) in (bool, int, float, str) and a == b


def gradient(f: Callable, x: np.ndarray, slope: Any, threshold: float = 1e-5) -> None:
    """Check a gradient against central differences in float64.

    Args:
        f: takes an array of x's shape and dtype float64, gives one number.
        x: where to look; it is not changed.
        slope: the gradient under test, of x's shape.
        threshold: largest |slope - numerical| / (|slope| + |numerical|) in norms; 1e-7 is typical
            of a right gradient, 1e-2 of a wrong one.
    """
    got = plain(slope)
    expect(got.shape == x.shape, "wrong shape", f"got {got.shape}, expected {x.shape}")
    expect(np.isfinite(got).all(), "the gradient has nan or inf in it")
    flat, step, off, size = x.astype(np.float64).ravel(), 1e-5, 0.0, 0.0
    for i in range(flat.size):
        ends = []
        for sign in (1, -1):
            moved = flat.copy()
            moved[i] += sign * step
            value = plain(f(moved.reshape(x.shape)))
            expect(value.ndim == 0, "the loss is not one number", f"its shape is {value.shape}")
            ends.append(float(value))
        numerical = (ends[0] - ends[1]) / (2 * step)
        off += (float(got.flat[i]) - numerical) ** 2
        size += numerical**2
    error = off**0.5 / max(size**0.5 + float(np.linalg.norm(got.astype(np.float64))), 1e-12)
    expect(error < threshold, "the gradient is not the slope", f"relative error {error:.1e}")


# Properties of a network: its weights and biases are arrays in the dict `params` ----------------


def with_params(net: Any, params: dict[str, np.ndarray]) -> Any:
    """Give a network these parameters, by changes in place as training makes them; return it."""
    own = net.params
    for name, value in params.items():
        old = plain(own[name])
        fits = np.broadcast_shapes(old.shape, np.shape(value)) == old.shape
        expect(fits, "a parameter has the wrong shape", f"{name} has {old.shape}")
        own[name] += value - old
    return net


def label_kinds(t: np.ndarray, num_classes: int) -> tuple[np.ndarray, ...]:
    """Return integer labels (N,) in all ways a loss takes them: integers, one-hot rows (N, K)."""
    rows = np.eye(num_classes)[t]
    return t, t.astype(np.uint8), rows, rows.astype(int)


def normal(weights: Any, std: float) -> None:
    """Check that weights (D, H) are normal random numbers about 0, a few thousand at least.

    Args:
        weights: of a new layer with D inputs and H units.
        std: the standard deviation they should have; theirs may be 20 % off.
    """
    w = plain(weights).astype(np.float64)
    expect(0.8 * std < w.std() < 1.2 * std, "the standard deviation is off")
    expect(abs(w.mean()) < 0.1 * std, "the mean is not near zero")
    least = min(w.std(axis=0).min(), w.std(axis=1).min())
    expect(least > 0.4 * std, "several units have the same weights")
    fourth = np.mean((w / w.std()) ** 4)  # 3 if normal, 1.8 if uniform
    expect(2.5 < fourth < 3.5, "the numbers are not from a normal distribution")


def seeded(make: Callable[[int | None], Any], names: tuple[str, ...]) -> None:
    """Check that `make(seed)` makes a network whose parameters of these names follow the seed."""
    nets = [make(seed).params for seed in (0, 0, 1, 1, None, None)]
    for name in names:
        zero, zero_again, one, one_again, none, none_again = (
            plain(params[name]) for params in nets
        )
        same = np.array_equal(zero, zero_again) and np.array_equal(one, one_again)
        expect(same, "one seed gave two sets of weights")
        differ = not np.array_equal(zero, one)
        expect(differ, "two seeds gave the same weights")
        differ = not np.array_equal(none, none_again)
        expect(differ, "without a seed the same weights came twice")
