"""Report what works in a single kernel but not in the judge."""

from __future__ import annotations

import builtins
import reprlib
from typing import Any

import numpy as np

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

NOT_THEIR_FAULT = "this is a limit of the judge, not a fault of the submission"
ASK_FOR_PLAIN = "Let the test compare numbers, text, lists or arrays that it asks for"

# A list may contain itself, or one list twice that contains another twice, and so on: `repr`
# would take forever.
_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 70, 70


class JudgeLimit(TypeError):
    """Something works in a single kernel but not in the judge; the message says what."""


def refuse(proxy: Any, what: str, instead: str = ASK_FOR_PLAIN) -> None:
    """Note that a test needs something that a proxy does not do.

    Args:
        proxy: the proxy.
        what: the rest of the sentence that begins with the proxy's name.
        instead: how to write the test instead.
    """
    student = proxy._proxy_link.student
    student.note_judge_limit(f"{name_of(proxy)} {what}: {NOT_THEIR_FAULT}. {instead}")


def name_of(proxy: Any) -> str:
    """Return the name of a proxy for messages, without asking the student process."""
    _, kind, given, *_ = proxy._proxy_about
    return f"<{kind} `{given}` of the submission>" if given else f"<{kind} of the submission>"


def short(value: Any) -> str:
    """Describe a value in at most about 70 characters: its type, and if it is plain its `repr`."""
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
