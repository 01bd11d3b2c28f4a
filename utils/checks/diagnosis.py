"""Explain an exception from a check in a sentence, with a next step."""

from __future__ import annotations

import ast
import difflib
import functools
import linecache
import os
import re
import types
from types import TracebackType

import numpy as np

from utils.checks.context import CheckContext, subject_of
from utils.checks.failures import HINTS, Failure, short
from utils.checks.student_code import (
    defined_in,
    has_code_beside,
    is_written,
    missing_module,
    student_cells,
    student_sources,
    unused_parameters,
)

_OWN_FOLDER = os.path.dirname(__file__) + os.sep


def diagnose(error: BaseException, trace: TracebackType, check: CheckContext) -> Failure:
    """Explain to the student an exception from a check's body."""
    names = {base.__name__ for base in type(error).__mro__}
    line, code, source = _place(error, trace)
    if "NotImplementedError" in names:
        failure = _unwritten(check, line, source)
    elif "NameError" in names and not line and _is_own(trace):
        failure = _undefined(getattr(error, "name", None) or check.task_name, check)
    else:
        failure = _stopped(error, names, trace, bool(line), check)
    failure.line, failure.code = failure.line or line, failure.code or code
    if not check.hidden:
        if failure.cause is None and failure.state == "failed":
            failure.cause = (type(error).__name__, failure.line, failure.what if not line else "")
        return failure
    # The student could choose numbers or names in the text to reveal what a hidden check asked.
    if failure.state == "failed" and failure.kind != "left over":
        failure = Failure("stopped with an error", "error", next_step=HIDDEN_ERROR, cause="error")
    failure.line, failure.code = 0, ""
    return failure


HIDDEN_ERROR = (
    "Make the visible checks pass first. If they do, call your code with other shapes, dtypes and "
    "sizes that the text of the task allows."
)


def _is_own(trace: TracebackType) -> bool:
    """Return whether an exception was raised in the test cell itself."""
    last = trace
    while last.tb_next:
        last = last.tb_next
    return _cell(last) == _cell(trace)


def _is_called_back(trace: TracebackType, check: CheckContext) -> bool:
    """Return whether the student's code called a function of the test cell, which raised."""
    files: list[str] = []
    step: TracebackType | None = trace
    while step and (step := step.tb_next):
        files.append(_cell(step))
    between = [
        i for i, file in enumerate(files) if file != check.file and not file.startswith(_OWN_FOLDER)
    ]
    return bool(between) and check.file in files[between[0] :]


def _stopped(
    error: BaseException, names: set[str], trace: TracebackType, placed: bool, check: CheckContext
) -> Failure:
    """Explain an exception that the student's code raised."""
    try:
        message = short(" ".join(str(error).split()))
    except Exception:
        message = "(its message cannot be shown)"
    is_called_back = "test_" in message and "<locals>" in message or _is_called_back(trace, check)
    message = _without_internals(message)
    name, subject = type(error).__name__, subject_of(check)
    what = f"stopped with {name}" + (f": {message}" if message else "")
    hint = ""
    if is_called_back:
        what = (
            f"{subject} called a function that the checks passed to it, which stopped with {name}"
        )
        what += f": {message}" if message else ""
        hint = "Call it as the text of the task does, with arguments of the same kind and shape."
    elif "UnboundLocalError" in names:
        hint = "Assign the variable on every path that leads to that line."
    elif "NameError" in names:
        missing = getattr(error, "name", None) or _first(r"name '(\w+)'", message) or "a name"
        what = f"`{missing}` is not defined in this notebook"
        hint = "Was its cell deleted, or not run? Restart the kernel and run all cells."
        if hasattr(np, missing):
            hint = f"Write `np.{missing}`."
    elif "ImportError" in names and "utils." not in message:
        module = _first(r"[Nn]o module named '([\w.]+)'", message)
        what = "This course uses NumPy only" + (f": there is no `{module}`" if module else "")
        hint = f"Delete the line that imports `{module}`, and use `np`." if module else ""
    elif "RecursionError" in names:
        what = f"{subject} calls itself endlessly"
        hint = "A function that calls itself needs a case in which it does not."
    elif "MemoryError" in names:
        hint = "Which array is that large? Print the shapes in that line."
    elif "TimeoutError" in names:
        what = f"{subject} ran for too long and was stopped"  # how long differs from call to call
        hint = "Is there a loop that never ends? Does its condition ever become false?"
        return Failure(what, "slow", hint=hint, cause="time")
    elif "TypeError" in names and (found := _arguments(message, subject, placed)):
        what, hint = found
        return Failure(what, "error", hint=hint, cause="arguments")
    elif "AttributeError" in names and not placed:
        owner = _first(r"'(\w+)' object", message) or check.task_name
        missing = getattr(error, "name", None) or _first(r"attribute '(\w+)'", message)
        what, hint = f"`{owner}` has no attribute `{missing}`", HINTS["missing"]
    elif "KeyError" in names and not placed:
        what, hint = f"there is no {message} in the dict", HINTS["missing"]
    elif not placed and not _from_student(error):
        what = f"the check cannot use what {subject} returned: {name}: {message}"
        hint = HINTS["type"]
    cause = None if placed else (name, what)
    sure, next_step = _by_message(message)
    hint = hint or sure
    failure = Failure(what, "error", hint=hint, next_step=next_step, cause=cause)
    unused = unused_parameters(check.task_name)
    if unused and not hint:
        failure.hint = f"`{check.task_name}` never uses its argument `{unused[0]}`: use it."
    return failure


# Next steps by patterns in an exception's message, valid for any check.
_BY_MESSAGE = {
    "is not callable": "What stands before the brackets is not a function. Does a variable have "
    "the name of a function, or is an operator missing?",
    "'NoneType'": "Something in that line is None: a function without `return` gives nothing back, "
    "nor do `print` and `shuffle`.",
    "object has no attribute": "What stands before the dot is not what you expect: print its type. "
    "Is `self.` missing where the attribute should be made?",
    "[Cc]annot cast": "An operation such as `/=` keeps the dtype of its array, and an array of "
    "integers cannot hold the result. Make a new array.",
    "<U|'str'": "Text, such as a key of a dict, stands where an array is expected.",
}
_SHAPES = "shape|broadcast|dimension|axis|axes|size|index"


def _by_message(message: str) -> tuple[str, str]:
    """Return two next steps: one that is certain, or "", and one in case no check has a hint."""
    for pattern, step in _BY_MESSAGE.items():
        if re.search(pattern, message):
            return step, step
    if re.search(_SHAPES, message):
        return "", "Print the shapes of the arrays in that line."
    return "", "Read the message, and run that line alone in a new cell."


def _arguments(message: str, subject: str, placed: bool) -> tuple[str, str] | None:
    """Explain a call with the wrong arguments; return None for other errors."""
    if "takes no arguments" in message:
        what = "`{}` has no `__init__`".format(_first(r"(\w+)\(\)", message))
        return (
            what,
            "The name has two underscores on each side: `__init__`. Did you write `_init_`?",
        )
    if placed or not re.search(r"\(\) (takes|missing|got)", message):
        return None
    keep = "Keep the first line, `def ...`, as it was given."
    if found := re.search(r"(\S+)\(\) takes (\d+) positional arguments? but (\d+)", message):
        name, takes, given = found.group(1), int(found.group(2)), int(found.group(3))
        besides = ""
        if "." in name:  # a method: Python counts the object, too
            takes, given, besides = takes - 1, given - 1, " besides `self`"
            keep += " Is `self` its first parameter?"
        plural = "argument" if takes == 1 else "arguments"
        return (
            f"{subject} takes {takes} {plural}{besides}, and the checks call it with {given}",
            keep,
        )
    if missing := _first(r"argument: '(\w+)'", message):
        return f"{subject} asks for `{missing}`, which the checks do not pass", keep
    if unknown := _first(r"keyword argument '(\w+)'", message):
        return f"{subject} has no parameter `{unknown}`", keep
    return f"{subject} cannot be called as the text of the task says: {message}", keep


def _without_internals(message: str) -> str:
    """Return a message without the names of a test's own functions."""
    message = re.sub(r"[\w.]*<(lambda|locals)>[\w.<>]*(\(\))?", "the function", message)
    return re.sub(r"\btest_\w+\b(\(\))?", "the function", message)


def _unwritten(check: CheckContext, line: int, source: str) -> Failure:
    """Explain `raise NotImplementedError()`: nothing is written, or the line is left over."""
    task = check.task_name
    if source and line and has_code_beside(source, line):
        where = "its cell" if check.hidden else f"line {line}"
        what = f"Your code is there, but `raise NotImplementedError()` still stands in {where}"
        return Failure(f"{what}: delete it.", "left over", cause="left over")
    elsewhere = [text for text in student_sources() if text != source and is_written(text, task)]
    if elsewhere:
        what = (
            f"You have written `{task}` in another cell, but the cell of the task still holds "
            f"`raise NotImplementedError()` and defines `{task}` again"
        )
        hint = "Move your code into the cell of the task, and delete that line."
        return Failure(what, "left over", hint=hint, cause="left over")
    return Failure("not written yet", "unwritten", state="unwritten")


def _undefined(name: str, check: CheckContext) -> Failure:
    """Explain why a name that the checks call is not defined."""
    say = functools.partial(Failure, kind="error", cause=("undefined", name), state="undefined")
    plainly = say(f"`{name}` is not defined", hint="Run its cell first, and fix any error there.")
    if check.hidden:
        return plainly
    defines = rf"(?m)^[^\S\n]*(?:def|class)\s+{re.escape(name)}\b|^{re.escape(name)}\s*="
    cells = [text for text in student_sources() if re.search(defines, text)]
    for source in cells[-1:]:
        try:
            tree = ast.parse(source)
        except SyntaxError as error:
            if re.search(r"(?m)^[^\S\n]*[%!?]", source):
                break
            what = f"The cell of `{name}` is not valid Python: {error.msg}"
            hint = "Fix that line, then run the cell again."
            if "U+FF" in error.msg or "U+3000" in error.msg:
                hint = "It is a full-width character: type it again in half-width mode (半角)."
            code = (error.text or "").strip()
            return say(what, hint=hint, line=error.lineno or 0, code=code)
        except (ValueError, MemoryError, RecursionError):
            break
        for node in ast.walk(tree):
            module = missing_module(node)
            if isinstance(node, ast.stmt) and module and "utils" not in module:
                what = f"This course uses NumPy only: there is no `{module}`"
                hint = f"Delete the line that imports `{module}`, and use `np`."
                code = source.splitlines()[node.lineno - 1].strip()
                return say(what, hint=hint, line=node.lineno, code=code)
        what = f"`{name}` is not defined: its cell stopped with an error, or was not run"
        hint = "Run its cell and read the message below it; the last line names the error."
        return say(what, hint=hint)
    own = student_cells.get(name, "")
    others = defined_in(own) or difflib.get_close_matches(name, _defined(check), 3, 0.5)
    others += [other for other in _defined(check) if name in other and other not in others]
    if others:
        where = "This cell" if own else "This notebook"
        listed = ", ".join(f"`{other}`" for other in others[:3])
        what = f"{where} defines {listed}; the checks call `{name}`."
        hint = f"Keep the given name: `{name}`."
        return say(what, hint=hint)
    return plainly


def _defined(check: CheckContext) -> list[str]:
    """Return the functions and classes that the student's cells define."""
    names = [name for source in student_sources() for name in defined_in(source)]
    if not names:
        kinds = types.FunctionType | type
        own = [(key, value) for key, value in check.names.items() if isinstance(value, kinds)]
        names = [key for key, value in own if value.__module__ == "__main__"]
    return [name for name in dict.fromkeys(reversed(names)) if not name.startswith("test_")]


def _place(error: BaseException, trace: TracebackType) -> tuple[int, str, str]:
    """Return line number, line and source of the student's cell; 0, "" and "" if unknown."""
    found = (0, "", "")
    if _from_student(error):
        label = getattr(error, "raised_cell", "")
        source = student_cells.get(label, "") if type(label) is str else ""
        number, code = getattr(error, "raised_line", 0), getattr(error, "raised_code", "")
        if type(number) is int and type(code) is str and 0 < number < 100_000:
            found = number, short(code), source
    step: TracebackType | None = trace
    while step and (step := step.tb_next):
        file = _cell(step)
        if file != _cell(trace) and not os.path.exists(file) and not file.startswith("<frozen"):
            lines = linecache.getlines(file)  # cells have names, but no files
            number = step.tb_lineno
            code = lines[number - 1].strip() if 0 < number <= len(lines) else ""
            found = number, code, "".join(lines)
    return found


def _from_student(error: BaseException) -> bool:
    """Return whether this exception comes from the student process, through the judge."""
    return hasattr(type(error), "raised_cell")


def _cell(trace: TracebackType) -> str:
    return trace.tb_frame.f_code.co_filename


def _first(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found.group(1) if found else ""
