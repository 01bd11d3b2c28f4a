"""The three kinds of quick check, a choice, a number and a shape, and how an answer is judged.

`utils.quiz` shows them. Texts may hold the markup named there.
"""

import math
import random
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple


class Verdict(NamedTuple):
    """What a check says about one answer: is it right, and why (markup, see the module)."""

    right: bool
    text: str


class AnswerError(ValueError):
    """What was typed cannot be read as an answer; the message says what can."""


@dataclass(frozen=True)
class Choice:
    """One right option among wrong ones, each wrong one with the reason why it is wrong."""

    name: str
    question: str
    right: str
    why: str
    wrong: Mapping[str, str]
    diagnosis: bool = False

    def __post_init__(self) -> None:
        _require(self.wrong, f"check {self.name!r}: a choice needs at least one wrong option")
        _require(self.right not in self.wrong, f"check {self.name!r}: right option is also wrong")

    @property
    def options(self) -> list[str]:
        """All options in an order that depends on the check's name only."""
        options = [self.right, *self.wrong]
        random.Random(self.name).shuffle(options)
        return options

    def judge(self, answer: str | None) -> Verdict:
        """Say whether `answer`, the text of an option, is right; raises AnswerError for None."""
        if answer is None:
            raise AnswerError("Choose one of the options first.")
        if answer == self.right:
            return Verdict(True, self.why)
        return Verdict(False, self.wrong[answer])

    @property
    def answer_text(self) -> str:
        return self.right

    @property
    def mistakes(self) -> list[tuple[str, str]]:
        """The wrong answers that were foreseen, as text, each with its reason."""
        return [(option, self.wrong[option]) for option in self.options if option != self.right]


@dataclass(frozen=True)
class Number:
    """A number within `tolerance` of `answer`; `wrong` maps likely mistakes to reasons."""

    name: str
    question: str
    answer: float
    tolerance: float
    why: str
    wrong: Mapping[float, str] = field(default_factory=dict)
    diagnosis: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for value in self.wrong:
            _require(
                not self._is_near(value, self.answer),
                f"check {self.name!r}: the wrong answer {value} is within the tolerance",
            )

    def judge(self, answer: str) -> Verdict:
        """Judge typed text such as `0.25`, `1/4`, `25 %`, `1e-3` or `inf`; raises AnswerError."""
        value = read_number(answer)
        if self._is_near(value, self.answer):
            return Verdict(True, self.why)
        reason = self._reason(value)
        return Verdict(False, f"{reason} {note}" if (note := comma_note(answer)) else reason)

    def _reason(self, value: float) -> str:
        for mistake, reason in self.wrong.items():
            if self._is_near(value, mistake):
                return reason
        if not (math.isfinite(value) and math.isfinite(self.answer)):
            return f"{shown(value)} is another kind of number than the answer."
        direction = "large" if value > self.answer else "small"
        return f"{shown(value)} is too {direction}."

    def _is_near(self, value: float, target: float) -> bool:
        if math.isfinite(value) and math.isfinite(target):
            return abs(value - target) <= self.tolerance
        return value == target or (math.isnan(value) and math.isnan(target))

    @property
    def answer_text(self) -> str:
        return _short(self.answer, self.tolerance)

    @property
    def mistakes(self) -> list[tuple[str, str]]:
        return [(_short(value, self.tolerance), reason) for value, reason in self.wrong.items()]


@dataclass(frozen=True)
class Shape:
    """The shape of an array, typed as a tuple; `wrong` maps likely mistakes to reasons."""

    name: str
    question: str
    answer: tuple[int, ...]
    why: str
    wrong: Mapping[tuple[int, ...], str] = field(default_factory=dict)
    diagnosis: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _require(self.answer not in self.wrong, f"check {self.name!r}: right shape is also wrong")

    def judge(self, answer: str) -> Verdict:
        """Judge typed text such as `(2, 3)`, `2 x 3`, `5` or `()`; raises AnswerError."""
        shape = read_shape(answer)
        if shape == self.answer:
            return Verdict(True, self.why)
        if shape in self.wrong:
            return Verdict(False, self.wrong[shape])
        if len(shape) != len(self.answer):
            return Verdict(
                False,
                f"`{shape}` has {_axes(len(shape))}; the array has {_axes(len(self.answer))}.",
            )
        pairs = zip(shape, self.answer, strict=True)
        wrong_axes = [str(i) for i, (got, want) in enumerate(pairs) if got != want]
        which = "axis " + wrong_axes[0] if len(wrong_axes) == 1 else "axes " + ", ".join(wrong_axes)
        return Verdict(False, f"The number of axes is right, but not the length of {which}.")

    @property
    def answer_text(self) -> str:
        return f"`{self.answer}`"

    @property
    def mistakes(self) -> list[tuple[str, str]]:
        return [(f"`{shape}`", reason) for shape, reason in self.wrong.items()]


Check = Choice | Number | Shape


def read_number(text: str) -> float:
    """Read what somebody types for a number; raises AnswerError.

    `0.25`, `1/4`, `25 %`, `1e-3`, `inf` and `nan` are read, also in full-width characters.
    Thousands may be set apart, as in `159,020` or `1 000`. A comma that does not set thousands
    apart is a decimal comma, as in `5,1`.
    """
    cleaned = _plain_characters(text)
    percent = cleaned.endswith("%")
    numerator, slash, denominator = cleaned.removesuffix("%").strip().partition("/")
    try:
        value = _part(numerator) / (_part(denominator) if slash else 1.0)
    except (ValueError, ZeroDivisionError):
        raise AnswerError(
            "Please type a number, such as 0.25, 1/4, 1e-3 or inf. Thousands may be written as "
            "5,100 or 5 100."
        ) from None
    return value / 100 if percent else value


def comma_note(text: str) -> str:
    """Say how a comma in a typed number was read; "" if there is none."""
    cleaned = _plain_characters(text)
    if "," not in cleaned:
        return ""
    value = shown(read_number(text))
    if _THOUSANDS.search(cleaned):
        return f"(The comma was read as a thousands separator: {value}.)"
    return f"(The comma was read as a decimal point: {value}.)"


# 5,100 and 1,234,567.8, but not 0,250 or 12,34
_THOUSANDS = re.compile(r"(?<![\d.,])[1-9]\d{0,2}(?:,\d{3})+(?![\d,])")
_SPACED = re.compile(r"(?<![\d.,] )(?<![\d.,])[1-9]\d{0,2}(?: \d{3})+(?!\d)(?! \d)")
_MINUS = str.maketrans(
    dict.fromkeys("\N{MINUS SIGN}\N{EN DASH}\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}", "-")
)


def _plain_characters(text: str) -> str:
    """Return text with full-width characters and the kinds of space and minus made plain."""
    return " ".join(unicodedata.normalize("NFKC", text).split()).lower().translate(_MINUS)


def _part(text: str) -> float:
    """Read a number without percent and fraction; raises ValueError."""
    text = _SPACED.sub(lambda match: match[0].replace(" ", ""), text.strip())
    if _THOUSANDS.search(text):
        text = text.replace(",", "")
    return float(text.replace(",", "."))


def shown(value: float) -> str:
    """Return a number as the lectures print it: `5,100`, `0.25`."""
    return f"{value:,.10g}"


def read_shape(text: str) -> tuple[int, ...]:
    """Read `(2, 3)`, `2, 3`, `2 x 3`, `(5,)`, `5` or `()` as a shape; raises AnswerError."""
    cleaned = unicodedata.normalize("NFKC", text).lower()  # full-width digits, too
    inside = re.fullmatch(r"\s*[(\[]?([\d\s,x×*]*)[)\]]?\s*", cleaned)
    if inside is None or not text.strip():
        raise AnswerError("Please type a shape, such as (2, 3), (5,) or ().")
    return tuple(int(length) for length in re.findall(r"\d+", inside[1]))


def _short(value: float, tolerance: float) -> str:
    """`value` with the digits that matter at this tolerance."""
    if not math.isfinite(value) or tolerance <= 0:
        return shown(value)
    decimals = max(0, 1 - math.floor(math.log10(tolerance)))
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _axes(count: int) -> str:
    return "1 axis" if count == 1 else f"{count} axes"


def _require(condition: object, message: str) -> None:
    if not condition:
        raise ValueError(message)
