"""Quick checks: small questions in a lecture, answered on the spot, with a reason for every answer.

    quiz = Quiz("02_softmax_overflow")
    quiz.choice("order", "Which class wins?", right="the largest score", why="...", wrong={...})
    quiz.number("sum", "What is the sum?", answer=1.0, tolerance=0.01, why="...", wrong={...})
    quiz.shape("rows", "What is the shape of the maximum?", answer=(3, 1), why="...", wrong={...})
    quiz.progress()

Where a kernel runs, a check is a widget. Where none runs (a web page, slides, a notebook that was
just opened) the same output holds the question and a folded answer as HTML. What was solved is
remembered in one file on the student's own machine; nothing is sent anywhere.

In questions and reasons, `` `code` `` and ``$formula$`` may be used.
"""

import html
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import ipywidgets as widgets
from IPython.display import display
from platformdirs import user_data_path

from utils.quiz_checks import (
    AnswerError,
    Check,
    Choice,
    Number,
    Shape,
    read_number,
    read_shape,
)

__all__ = [
    "AnswerError",
    "Choice",
    "Number",
    "Progress",
    "Quiz",
    "Shape",
    "read_number",
    "read_shape",
]

TRIES_BEFORE_THE_ANSWER = 2
_STYLE = """<style>
.quick-check {border-left: 4px solid #0072B2; padding-left: 1em;}
.quick-check .widget-radio-box label {height: auto; white-space: normal; line-height: 1.6;}
.quick-check .widget-radio-box input {flex-shrink: 0; margin-right: 0.5em;}
</style>"""


# --- what was solved, on this machine --------------------------------------------------------


def progress_file() -> Path:
    """The file that remembers what was solved: in `$COURSE_PROGRESS_DIR` or the user's data."""
    folder = os.environ.get("COURSE_PROGRESS_DIR")
    default = user_data_path("neural-networks-in-numpy", appauthor=False)
    return (Path(folder) if folder else default) / "progress.jsonl"


class Progress:
    """Solved checks, one line of JSON each: `{"lecture": ..., "check": ..., "tries": ...}`.

    Lines are only ever added, each in one write, so two notebooks can be open at once and a damaged
    line costs itself alone. A file that cannot be read or written is no reason to stop a lecture:
    what is solved then counts until the kernel stops, and `trouble` says why.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or progress_file()
        self.trouble = ""
        self._here: dict[tuple[str, str], int] = {}

    def solved(self, lecture: str) -> dict[str, int]:
        """The solved checks of `lecture`, each with the number of tries it took at first."""
        solved: dict[str, int] = {}
        for record in self._records():
            if record["lecture"] == lecture:
                solved.setdefault(record["check"], record["tries"])
        for (where, check), tries in self._here.items():
            if where == lecture:
                solved.setdefault(check, tries)
        return solved

    def record(self, lecture: str, check: str, tries: int) -> None:
        """Remember that `check` of `lecture` was solved after `tries` tries."""
        if check in self.solved(lecture):
            return
        self._here[lecture, check] = tries
        line = json.dumps({"lecture": lecture, "check": check, "tries": tries})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:  # a newline first: an unfinished line ends here
                file.write(f"\n{line}\n".encode())
        except OSError as error:
            reason = error.strerror or str(error)
            self.trouble = f"Progress is not kept: {self.path} cannot be written ({reason})."

    def _records(self) -> list[dict]:
        try:
            lines = self.path.read_bytes().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            reason = error.strerror or str(error)
            self.trouble = f"Earlier progress is not shown: {self.path} cannot be read ({reason})."
            return []
        return [record for line in lines if (record := _read_record(line))]


def _read_record(line: bytes) -> dict | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds = {"lecture": str, "check": str, "tries": int}
    if not isinstance(record, dict):
        return None
    return record if all(isinstance(record.get(k), kind) for k, kind in kinds.items()) else None


# --- what a lecture calls --------------------------------------------------------------------


class Quiz:
    """The quick checks of one lecture.

    Args:
        lecture: the notebook's name without `.ipynb`; progress is kept under it.
        progress: where progress is kept; by default a file in the user's data folder.
    """

    def __init__(self, lecture: str, progress: Progress | None = None) -> None:
        self.lecture = lecture
        self.record = progress or Progress()
        self.checks: dict[str, Check] = {}
        self._summaries: list[widgets.HTML] = []

    def choice(
        self, name: str, question: str, *, right: str, why: str, wrong: Mapping[str, str]
    ) -> None:
        """Ask for one option; `wrong` maps each wrong option to the reason why it is wrong."""
        self._ask(Choice(name, question, right, why, wrong))

    def number(
        self,
        name: str,
        question: str,
        *,
        answer: float,
        tolerance: float,
        why: str,
        wrong: Mapping[float, str] | None = None,
    ) -> None:
        """Ask for a number within `tolerance` of `answer`; `wrong` maps mistakes to reasons."""
        wrong = {float(value): reason for value, reason in (wrong or {}).items()}
        self._ask(Number(name, question, float(answer), float(tolerance), why, wrong))

    def shape(
        self,
        name: str,
        question: str,
        *,
        answer: tuple[int, ...],
        why: str,
        wrong: Mapping[tuple[int, ...], str] | None = None,
    ) -> None:
        """Ask for the shape of an array; `wrong` maps likely mistakes to reasons."""
        self._ask(Shape(name, question, tuple(answer), why, wrong or {}))

    def progress(self) -> None:
        """Show which checks of this lecture are solved; the list follows later answers."""
        summary = widgets.HTML(self._summary())
        self._summaries.append(summary)
        names = ", ".join(self.checks)
        text = f"Quick checks of this lecture: {names}. Run the notebook to answer them."
        show_live(summary, f"<p>{_markup(text)}</p>", text)

    def _ask(self, check: Check) -> None:
        self.checks[check.name] = check
        show_live(_CheckView(self, check).box, folded(check), plain(check))

    def _solved(self, check: Check, tries: int) -> None:
        self.record.record(self.lecture, check.name, tries)
        for summary in self._summaries:
            summary.value = self._summary()

    def _summary(self) -> str:
        solved = self.record.solved(self.lecture)
        done = sum(name in solved for name in self.checks)
        rows = "".join(
            f"<li>{_mark(True)} {html.escape(name)}, solved at try {solved[name]}</li>"
            if name in solved
            else f"<li>\N{WHITE CIRCLE} {html.escape(name)}, still open</li>"
            for name in self.checks
        )
        trouble = f"<p>{html.escape(self.record.trouble)}</p>" if self.record.trouble else ""
        return (
            f"<p><b>{done} of {len(self.checks)} quick checks of this lecture solved.</b></p>"
            f'<ul style="list-style: none">{rows}</ul>{trouble}'
        )


class _CheckView:
    """The widget of one check: question, entry, button, feedback."""

    def __init__(self, quiz: Quiz, check: Check) -> None:
        self.quiz = quiz
        self.check = check
        self.tried: list[str] = []
        self.entry = self._entry()
        button = widgets.Button(description="Check answer")
        button.on_click(self._on_check)
        self.feedback = widgets.HTMLMath()
        head = "<b>Quick check.</b> "
        if check.name in quiz.record.solved(quiz.lecture):
            head = f"<b>Quick check</b> ({_mark(True)} solved before). "
        question = widgets.HTMLMath(f"{_STYLE}<p>{head}{_markup(check.question)}</p>")
        self.box = widgets.VBox([question, self.entry, button, self.feedback])
        self.box.add_class("quick-check")

    def _entry(self) -> widgets.Widget:
        if isinstance(self.check, Choice):
            options = [(option.replace("`", ""), option) for option in self.check.options]
            layout = widgets.Layout(width="auto")
            return widgets.RadioButtons(options=options, value=None, layout=layout)
        hint = "a number" if isinstance(self.check, Number) else "a shape, such as (2, 3)"
        entry = widgets.Text(
            description="Answer:", placeholder=hint, tooltip=hint, continuous_update=False
        )
        entry.observe(self._on_check, "value")  # the Enter key
        return entry

    def _on_check(self, _event: object) -> None:
        answer = self.entry.value
        try:
            verdict = self.check.judge(answer)
        except AnswerError as error:
            self.feedback.value = _feedback("", _markup(str(error)))
            return
        if answer not in self.tried:  # the Enter key and the button may both report one answer
            self.tried.append(answer)
        if verdict.right:
            self.feedback.value = _feedback(f"{_mark(True)} Right.", _markup(verdict.text))
            self.quiz._solved(self.check, len(self.tried))
            return
        text = _markup(verdict.text)
        if len(self.tried) >= TRIES_BEFORE_THE_ANSWER:
            text += _details("Show the answer", self.check)
        self.feedback.value = _feedback(f"{_mark(False)} Not yet.", text)


def show_live(widget: widgets.Widget, html_text: str, text: str) -> None:
    """Display `widget` where a kernel answers, `html_text` where none does, else plain `text`.

    All three travel in one output: a notebook that can show the widget prefers it. Take the widget
    out of a saved notebook (as `python3 -m utils build` does), and the HTML is what remains.
    """
    bundle = widget._repr_mimebundle_()
    display({**bundle, "text/html": html_text, "text/plain": text}, raw=True)


def folded(check: Check) -> str:
    """The question as HTML with its answer folded below: for pages without a kernel."""
    options = ""
    if isinstance(check, Choice):
        items = "".join(f"<li>{_markup(option)}</li>" for option in check.options)
        options = f"<ul>{items}</ul>"
    return (
        f"<p><b>Quick check.</b> {_markup(check.question)}</p>{options}{_details('Answer', check)}"
    )


def plain(check: Check) -> str:
    """The question as plain text, without its answer."""
    options = ""
    if isinstance(check, Choice):
        options = "".join(f"\n- {option}" for option in check.options)
    return f"Quick check. {check.question}{options}"


def _details(summary: str, check: Check) -> str:
    mistakes = "".join(
        f"<li>Not {_markup(answer)}: {_markup(reason)}</li>" for answer, reason in check.mistakes
    )
    return (
        f"<details><summary>{summary}</summary>"
        f"<p><b>{_markup(check.answer_text)}</b>. {_markup(check.why)}</p>"
        f"{f'<ul>{mistakes}</ul>' if mistakes else ''}</details>"
    )


def _feedback(head: str, text: str) -> str:
    """HTML that a screen reader reads out as soon as it appears."""
    return f'<div role="alert" style="line-height: 1.5"><b>{head}</b> {text}</div>'


def _mark(right: bool) -> str:
    return "\N{HEAVY CHECK MARK}" if right else "\N{HEAVY MULTIPLICATION X}"


def _markup(text: str) -> str:
    """Escape `text` for HTML and set what stands between backticks as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text, quote=False))
