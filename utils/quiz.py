"""Questions in a lecture, answered on the spot: quick checks and predictions.

    quiz = Quiz("02_softmax_overflow")
    quiz.choice("order", "Which class wins?", right="the largest score", why="...", wrong={...})
    quiz.number("sum", "What is the sum?", answer=1.0, tolerance=0.01, why="...", wrong={...})
    quiz.shape("rows", "What is the shape of the maximum?", answer=(3, 1), why="...", wrong={...})
    quiz.progress()

A **quick check** is judged, with a reason for every answer. With `diagnosis=True` a choice asks
what is wrong, given a symptom. What was solved is remembered in one file on the student's own
machine; nothing is sent anywhere.

A **prediction** is not judged. The reader commits to a guess, then sees what happens:

    quiz.predict("nan", "How many are nan?", answer=f"{count} of 10,000.", why="...")
    quiz.predict("wins", "Which wins?", options=["the first", "the last"], answer=(fig, "A ... ."))
    quiz.predict("peak", "At which x is the peak?", answer=draw)  # draw(guess) -> (fig, "A ... .")

`answer` is a text, a figure with its sentence, printed lines or any other value (shown as Python
prints it), or a function of the guess that returns one of these. The guess is a number, with
`options` the text of one, and None on a page; `utils.plots.mark_guess(ax, guess)` draws it. So the
cell that computes the answer prints nothing, and the prediction that follows it shows what it
computed.

Where a kernel runs, a question is a widget. Where none runs (a web page, slides, a notebook that
was just opened) the same output holds the question and the folded answer as HTML.

In texts, `` `code` ``, ``$formula$``, ``*emphasis*`` and ``**strong emphasis**`` may be used.
"""

import html
from collections.abc import Callable, Mapping, Sequence

import ipywidgets as widgets
from IPython.display import display

from utils.quiz_checks import (
    AnswerError,
    Check,
    Choice,
    Number,
    Shape,
    read_number,
    shown,
)
from utils.quiz_pages import (
    bullets,
    feedback,
    fold,
    folded,
    folded_answer,
    kind,
    mark,
    markup,
    plain,
    plain_bullets,
    shown_answer,
    without_markup,
)
from utils.quiz_progress import Progress

TRIES_BEFORE_THE_ANSWER = 2
_STYLE = """<style>
.quick-check {border-left: 4px solid #0072B2; padding-left: 1em;}
.quick-check .widget-radio-box {height: auto; margin-bottom: 0.3em;}
.quick-check .widget-radio-box label {height: auto; white-space: normal; line-height: 1.6;}
.quick-check .widget-radio-box input {flex-shrink: 0; margin-right: 0.5em;}
</style>"""


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
        self,
        name: str,
        question: str,
        *,
        right: str,
        why: str,
        wrong: Mapping[str, str],
        diagnosis: bool = False,
    ) -> None:
        """Ask for one option; `wrong` maps each wrong option to the reason why it is wrong."""
        self._ask(Choice(name, question, right, why, wrong, diagnosis))

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

    def predict(
        self,
        name: str,
        question: str,
        *,
        answer: object,
        why: str = "",
        options: Sequence[str] = (),
    ) -> None:
        """Ask for a prediction, then show what happens and the guess beside it.

        Args:
            name: what the prediction is about, one or two words.
            question: what the reader is to predict.
            answer: what answers it, see the head of this module.
            why: what explains it, shown below the answer.
            options: the texts to choose from; without them the reader types a number.

        Raises:
            ValueError: the sentence of a figure is not a sentence.
        """
        prediction = _Prediction(name, question, answer, why, tuple(options))
        answer_page = fold("See what happens", prediction.show(None))
        page = f"{prediction.question_html}{bullets(prediction.options)}{answer_page}"
        show_live(_PredictionView(prediction).box, page, prediction.plain)

    def progress(self) -> None:
        """Show which checks of this lecture are solved; the list follows later answers."""
        summary = widgets.HTML(self._summary())
        self._summaries.append(summary)
        names = ", ".join(self.checks)
        text = f"Quick checks of this lecture: {names}. Run the notebook to answer them."
        show_live(summary, f"<p>{markup(text)}</p>", text)

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
            f"<li>{mark(True)} {html.escape(name)}, solved at try {solved[name]}</li>"
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
        head = f"<b>{kind(check)}.</b> "
        if check.name in quiz.record.solved(quiz.lecture):
            head = f"<b>{kind(check)}</b> ({mark(True)} solved before). "
        question = widgets.HTMLMath(f"{_STYLE}<p>{head}{markup(check.question)}</p>")
        self.box = widgets.VBox([question, self.entry, button, self.feedback])
        self.box.add_class("quick-check")

    def _entry(self) -> widgets.Widget:
        if isinstance(self.check, Choice):
            return _radio_buttons(self.check.options)
        hint = "a number" if isinstance(self.check, Number) else "a shape, such as (2, 3)"
        return _text_field("Answer:", hint, self._on_check)

    def _on_check(self, _event: object) -> None:
        answer = self.entry.value
        try:
            verdict = self.check.judge(answer)
        except AnswerError as error:
            self.feedback.value = feedback("", markup(str(error)))
            return
        if answer not in self.tried:  # the Enter key and the button may both report one answer
            self.tried.append(answer)
        if verdict.right:
            self.feedback.value = feedback(f"{mark(True)} Right.", markup(verdict.text))
            self.quiz._solved(self.check, len(self.tried))
            return
        text = markup(verdict.text)
        if len(self.tried) >= TRIES_BEFORE_THE_ANSWER:
            text += folded_answer("Show the answer", self.check)
        self.feedback.value = feedback(f"{mark(False)} Not yet.", text)


class _Prediction:
    """A question that is not judged, and what answers it."""

    def __init__(
        self, name: str, question: str, answer: object, why: str, options: tuple[str, ...]
    ) -> None:
        self.name, self.question, self.why, self.options = name, question, why, options
        self._answer = answer
        # a figure can be drawn once only, so what does not depend on the guess is made now
        self._fixed = "" if callable(answer) else shown_answer(answer)

    @property
    def question_html(self) -> str:
        return f"<p><b>Predict.</b> {markup(self.question)}</p>"

    @property
    def plain(self) -> str:
        return f"Predict. {self.question}{plain_bullets(self.options)}"

    def show(self, guess: float | str | None) -> str:
        """Return the answer as HTML, for this guess; None if there is nobody to guess."""
        answer = shown_answer(self._answer(guess)) if callable(self._answer) else self._fixed
        why = f"<p>{markup(self.why)}</p>" if self.why else ""
        if guess is None:
            return f"{answer}{why}"
        said = markup(guess) if isinstance(guess, str) else shown(guess)
        return f"<p><b>Your prediction:</b> {said}</p><p><b>What happens:</b></p>{answer}{why}"


class _PredictionView:
    """The widget of one prediction: question, entry, button, and then what happens."""

    def __init__(self, prediction: _Prediction) -> None:
        self.prediction = prediction
        button = widgets.Button(description="See what happens")
        button.on_click(self._on_guess)
        if prediction.options:
            self.entry = _radio_buttons(prediction.options)
        else:
            self.entry = _text_field("Prediction:", "a number", self._on_guess)
        self.answer = widgets.HTMLMath()
        self.box = widgets.VBox(
            [
                widgets.HTMLMath(f"{_STYLE}{prediction.question_html}"),
                self.entry,
                button,
                self.answer,
            ]
        )
        self.box.add_class("quick-check")
        self.box.add_class("prediction")

    def _on_guess(self, _event: object) -> None:
        typed = self.entry.value
        try:
            if typed is None or not typed.strip():
                raise AnswerError("Make a prediction first: a wrong one costs nothing.")
            guess = typed if self.prediction.options else read_number(typed)
        except AnswerError as error:
            self.answer.value = feedback("", markup(str(error)))
            return
        try:
            text = self.prediction.show(guess)
        except Exception as error:  # it would go unseen in a widget's callback
            text = f"This prediction cannot be shown: {type(error).__name__}: {error}."
            text = f"<p>{html.escape(text)} Try another one, or run the cells above again.</p>"
        self.answer.value = feedback("", text)


def _radio_buttons(options: Sequence[str]) -> widgets.RadioButtons:
    """Return buttons for these texts, none of them pressed."""
    labels = [(without_markup(option), option) for option in options]
    return widgets.RadioButtons(options=labels, value=None, layout=widgets.Layout(width="auto"))


def _text_field(description: str, hint: str, on_enter: Callable[[object], None]) -> widgets.Text:
    """Return a field to type into; the Enter key does the same as the button."""
    entry = widgets.Text(
        description=description, placeholder=hint, tooltip=hint, continuous_update=False
    )
    entry.observe(on_enter, "value")
    return entry


def show_live(widget: widgets.Widget, html_text: str, text: str) -> None:
    """Display `widget` where a kernel answers, `html_text` where none does, else plain `text`.

    All three travel in one output: a notebook that can show the widget prefers it. Take the widget
    out of a saved notebook (as `python3 -m utils build` does), and the HTML is what remains.
    """
    bundle = widget._repr_mimebundle_()
    display({**bundle, "text/html": html_text, "text/plain": text}, raw=True)
