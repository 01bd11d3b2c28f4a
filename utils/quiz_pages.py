"""The HTML and the plain text of quick checks and predictions.

In texts, `` `code` ``, ``$formula$``, ``*emphasis*`` and ``**strong emphasis**`` may be used.
"""

import html
import re
from collections.abc import Sequence

from matplotlib.figure import Figure

from utils.pictures import captioned
from utils.quiz_checks import Check, Choice


def folded(check: Check) -> str:
    """The question as HTML with its answer folded below: for pages without a kernel."""
    options = bullets(check.options if isinstance(check, Choice) else ())
    question = f"<p><b>{kind(check)}.</b> {markup(check.question)}</p>"
    return f"{question}{options}{folded_answer('Answer', check)}"


def plain(check: Check) -> str:
    """The question as plain text, without its answer."""
    options = plain_bullets(check.options if isinstance(check, Choice) else ())
    return f"{kind(check)}. {check.question}{options}"


def kind(check: Check) -> str:
    return "Quick check: find the fault" if check.diagnosis else "Quick check"


def bullets(options: Sequence[str]) -> str:
    items = "".join(f"<li>{markup(option)}</li>" for option in options)
    return f"<ul>{items}</ul>" if items else ""


def plain_bullets(options: Sequence[str]) -> str:
    return "".join(f"\n- {option}" for option in options)


def folded_answer(summary: str, check: Check) -> str:
    """The answer of a check, folded; each text is a paragraph of its own, as it was written."""
    mistakes = "".join(
        f"<li>{mark(False)} <b>{markup(answer)}</b><br>{markup(reason)}</li>"
        for answer, reason in check.mistakes
    )
    why = f"<p><b>{markup(check.answer_text)}</b></p><p>{markup(check.why)}</p>"
    return fold(summary, why + (f"<ul>{mistakes}</ul>" if mistakes else ""))


def fold(summary: str, page: str) -> str:
    return f"<details><summary>{summary}</summary>{page}</details>"


def shown_answer(answer: object) -> str:
    """What answers a prediction, as HTML: a text, a figure with its sentence, lines or a value."""
    if isinstance(answer, str) and "\n" not in answer:
        return f"<p>{markup(answer)}</p>"
    if isinstance(answer, tuple) and len(answer) == 2 and isinstance(answer[0], Figure):
        return captioned(*answer)
    return f"<pre>{html.escape(str(answer), quote=False)}</pre>"


def feedback(head: str, text: str) -> str:
    """HTML that a screen reader reads out as soon as it appears."""
    return f'<div role="alert" style="line-height: 1.5"><b>{head}</b> {text}</div>'


def mark(right: bool) -> str:
    return "\N{HEAVY CHECK MARK}" if right else "\N{HEAVY MULTIPLICATION X}"


_AS_IT_IS = re.compile(r"`([^`]+)`|\$[^$]+\$")  # code and formulas: no emphasis inside
_STRONG = re.compile(r"(?<![\w*])\*\*(?=\S)(.+?)(?<=\S)\*\*(?![\w*])", re.DOTALL)
_EMPHASIS = re.compile(r"(?<![\w*])\*(?=[^\s*])(.+?)(?<=[^\s*])\*(?![\w*])", re.DOTALL)


def markup(text: str) -> str:
    """Escape `text` for HTML and set its code and its emphasis."""
    kept: list[str] = []

    def keep(match: re.Match[str]) -> str:
        code = match[1]
        kept.append(f"<code>{code}</code>" if code else match[0])
        return f"\0{len(kept) - 1}\0"

    page = _AS_IT_IS.sub(keep, html.escape(text.replace("\0", ""), quote=False))
    page = _EMPHASIS.sub(r"<em>\1</em>", _STRONG.sub(r"<strong>\1</strong>", page))
    return re.sub(r"\0(\d+)\0", lambda match: kept[int(match[1])], page)


def without_markup(text: str) -> str:
    """Return `text` as a label shows it, which knows no markup."""
    return html.unescape(re.sub(r"<[^>]*>", "", markup(text)))
