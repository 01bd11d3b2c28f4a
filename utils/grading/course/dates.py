"""Read dates and times: those of ISO 8601, and a few forms in which people and programs write them.

Nothing is guessed: a text that two forms read as different dates is an error.
"""

from __future__ import annotations

import contextlib
import datetime
import re
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from utils.grading.text_files import plain

END_OF_DAY = datetime.time(23, 59, 59)
_DATES = (
    "%Y-%m-%d", "%d-%m-%Y", "%m-%d-%Y", "%d-%m-%y", "%m-%d-%y", "%y-%m-%d",
    "%d %B %Y", "%B %d %Y", "%d %b %Y", "%b %d %Y",
)  # fmt: skip
_TIMES = ("%H:%M", "%H:%M:%S", "%I:%M %p")
_MONTHS = {  # that English calls otherwise
    "Januar": "January", "Februar": "February", "März": "March", "Mai": "May", "Juni": "June",
    "Juli": "July", "Oktober": "October", "Dezember": "December",
}  # fmt: skip


def parse_time(
    text: str,
    zone: datetime.tzinfo = datetime.UTC,
    alone: datetime.time = END_OF_DAY,
) -> datetime.datetime:
    """Return a date and time in UTC, without a time zone as nbgrader has it.

    Args:
        text: a date in which nothing has to be guessed: with the year first, or with the month's
            name in English or German; with or without a time, an offset, or the name of a time
            zone. Seconds since 1970 are taken, too.
        zone: where the text says none.
        alone: the time of a date without one.

    Raises:
        ValueError: it is none, or could be two; the message shows how to write one.
    """
    words = " ".join(plain(text).replace("\u200e", "").split())
    try:
        found = {
            (time if time.tzinfo else time.replace(tzinfo=zone)).astimezone(datetime.UTC)
            for time in _readings(words, alone)
        }
    except (ValueError, KeyError, OSError, OverflowError):  # no such time zone or number
        found = set()
    if len(found) == 1:
        return found.pop().replace(tzinfo=None)
    why = "could be two dates" if found else "is not a date and time"
    shown = words if len(words) <= 60 else words[:60] + "..."
    raise ValueError(f"{shown!r} {why}; write 2026-11-30 23:59 Europe/Berlin")


def _readings(words: str, alone: datetime.time) -> Iterator[datetime.datetime]:
    """Yield what a text says in each of the forms, with a time zone where it names one."""
    if re.fullmatch(r"\d{10}(\d{3})?(\.\d+)?", words, re.ASCII):  # milliseconds, too
        yield datetime.datetime.fromtimestamp(int(words[:10]), datetime.UTC)
    elif named := re.search(r"(?<=[\dMm]) ?(Z|UTC|[A-Za-z]+(/[\w+-]+)+)$", words):
        zone = datetime.UTC if named[1] == "Z" else ZoneInfo(named[1])
        for time in _readings(words[: named.start()], alone):
            yield time if time.tzinfo else time.replace(tzinfo=zone)
    else:
        # nbgrader's exchange has hyphens only, and people put a space before an offset
        words = re.sub(r"^(\S{10})-(\d\d)-(\d\d)-(\d\d)(-\d+)?$", r"\1 \2:\3:\4", words)
        words = re.sub(r"(:\d\d) (?=[+-]\d\d)", r"\1", words)
        with contextlib.suppress(ValueError):
            yield datetime.datetime.combine(datetime.date.fromisoformat(words), alone)
            return
        with contextlib.suppress(ValueError):
            yield datetime.datetime.fromisoformat(words)
            return
        yield from _written_out(words, alone)


def _written_out(words: str, alone: datetime.time) -> Iterator[datetime.datetime]:
    """Yield what a text says in the forms that are not of ISO 8601."""
    words = re.sub(r"^[^\W\d]+, ", "", words)  # the day of the week
    words = re.sub(r"^(\d+)[./年] ?(\d+)[./月] ?(\d+)日?", r"\1-\2-\3", words)
    words = re.sub(r"[^\W\d]+", lambda word: _MONTHS.get(word[0], word[0]), words)
    words = re.sub(r"[.,] ", " ", words)
    for date in _DATES:
        for time in ("", *_TIMES):
            with contextlib.suppress(ValueError):
                found = datetime.datetime.strptime(words, f"{date} {time}".strip())
                yield found if time else datetime.datetime.combine(found, alone)
