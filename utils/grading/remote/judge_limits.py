"""What works in one kernel and not in the judge, and how the judge says so."""

from __future__ import annotations

import builtins
import reprlib
from typing import Any

import numpy as np

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

NOT_THEIR_FAULT = "this is a limit of the judge, not a fault of the submission"
ASK_FOR_PLAIN = "Let the test compare numbers, text, lists or arrays that it asks for"

# A list may hold itself, or one list twice that holds another one twice, and so on: `repr` would
# take forever.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 70, 70


class JudgeLimit(TypeError):
    """Something that works in one kernel and not in the judge; the message names it."""


def refuse(proxy: Any, what: str, instead: str = ASK_FOR_PLAIN) -> None:
    """Note that a test wants what a proxy does not do.

    Args:
        proxy: the proxy.
        what: what it does not do, after its name.
        instead: how the test could be written.
    """
    student = proxy._proxy_link.student
    student.note_judge_limit(f"{name_of(proxy)} {what}: {NOT_THEIR_FAULT}. {instead}")


def name_of(proxy: Any) -> str:
    """Return what a proxy is called in messages; nobody is asked."""
    _, kind, given, *_ = proxy._proxy_about
    return f"<{kind} `{given}` of the submission>" if given else f"<{kind} of the submission>"


def short(value: Any) -> str:
    """Return a few words that name a value: its type, and its start if it is plain."""
    kind = type(value)
    name = kind.__name__ if isinstance(kind.__name__, str) else "object"
    if kind in (int, float, complex, bool, str, bytes, tuple, list, dict):
        try:
            text = _SHORT.repr(value)
        except (ValueError, RecursionError):
            text = "..."
        return f"{text[:60]}{'...' if len(text) > 60 else ''} ({name})"
    named = getattr(value, "__name__", None) if not isinstance(value, np.ndarray) else None
    return f"`{named[:60]}` ({name[:60]})" if isinstance(named, str) else f"a {name[:60]}"
