"""Parse dates and times as people and programs write them, in English, German and Japanese.

Nothing is guessed: a text that could mean two dates is an error.
"""

from __future__ import annotations

import datetime
import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from utils.grading.text_files import plain

END_OF_DAY = datetime.time(23, 59, 59)
_MONTHS = {
    name: number
    for names in (
        "jan feb mar apr may jun jul aug sep oct nov dec",
        "january february march april may june july august september october november december",
        "januar februar märz april mai juni juli august september oktober november dezember",
        "jan. feb. mär. apr. mai. jun. jul. aug. sept. okt. nov. dez.",
    )
    for number, name in enumerate(names.replace(".", "").split(), 1)
}
_ZONES = {"Z": 0, "UTC": 0, "GMT": 0, "JST": 9, "KST": 9, "CET": 1, "CEST": 2, "EST": -5, "EDT": -4,
          "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7}  # fmt: skip
_TIME = re.compile(
    r"(?P<before>[AP]M|午前|午後)?[ ]*(?<![\d:.])(?P<hour>\d{1,2})(?::|時)[ ]*"
    r"(?:(?P<minute>\d{1,2})(?:分|(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?))?(?![\d:])"
    r"[ ]*(?P<after>[AP]\.?M\b\.?)?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(\d{4})[ ]?([-/.年])[ ]?(\d{1,2})[ ]?(?:\2|月)[ ]?(\d{1,2})(?!\d)日?")
_YEAR_LAST = re.compile(r"(?<!\d)(\d{1,2})([-/.])(\d{1,2})\2(\d{4}|\d{2})(?!\d)")
_OFFSET = re.compile(r"(?:UTC|GMT)?[ ]?(?<=[\d\sCT])([+-])(\d{2}):?(\d{2})?$")


def parse_time(
    text: str,
    zone: datetime.tzinfo = datetime.UTC,
    alone: datetime.time = END_OF_DAY,
) -> datetime.datetime:
    """Parse a date and time; return it in UTC without `tzinfo`, as nbgrader stores it.

    Args:
        text: an unambiguous date: with the year first, or with the month's name in English or
            German; with or without a time, an offset, or the name of a time zone. Seconds or
            milliseconds since 1970 are accepted, too.
        zone: the time zone if the text names none.
        alone: the time of day if the text has none.

    Raises:
        ValueError: the text is not a date, or ambiguous; the message shows how to write one.
    """
    words = plain(text).replace("\u202f", " ").replace("\u3000", " ").replace("\u200e", "")
    words = " ".join(words.split())
    try:
        time = _epoch(words) or _written_out(words, zone, alone)
        return time.astimezone(datetime.UTC).replace(tzinfo=None)
    except (ValueError, ZoneInfoNotFoundError, OSError, OverflowError) as error:
        why = "could be two dates" if str(error) == "ambiguous" else "is not a date and time"
        shown = words if len(words) <= 60 else words[:60] + "..."
        raise ValueError(f"{shown!r} {why}; write 2026-11-30 23:59 Europe/Berlin") from None


def _epoch(words: str) -> datetime.datetime | None:
    """Parse seconds or milliseconds since 1970, for dates since September 2001; else None."""
    if not re.fullmatch(r"\d{10}(\d{3})?(\.\d+)?", words, re.ASCII):
        return None
    whole = words.partition(".")[0]
    return datetime.datetime.fromtimestamp(int(whole[:10]), datetime.UTC)


def _written_out(words: str, zone: datetime.tzinfo, alone: datetime.time) -> datetime.datetime:
    """Parse a written date and time with its zone; every part of the text must be understood."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\d)-(\d\d)-(\d\d)(?:-(\d\d)(?:-(\d+))?)?", words)
    if match:
        words = f"{match[1]} {match[2]}:{match[3]}:{match[4] or '00'}"
    match = re.fullmatch(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z)?)?", words)
    if match:
        words = "-".join(match.group(1, 2, 3))
        if match[4]:
            words += f" {match[4]}:{match[5]}:{match[6] or '00'} {match[7] or ''}".rstrip()
    words = re.sub(r"(\d{4}-\d\d-\d\d)[Tt_](?=\d)", r"\1 ", words)
    words = re.sub(r"(?<=\d)[Zz]$", " UTC", words)
    match = _OFFSET.search(words)
    if match and ":" in words[: match.start()]:
        offset = datetime.timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        zone = datetime.timezone(offset if match[1] == "+" else -offset)
        words = words[: match.start()].rstrip()
        words = re.sub(r"[ ](UTC|GMT)$", "", words)
    time, words = _take_time(words, alone)
    date, words = _take_date(words)
    rest = [word for word in re.split(r"[\s,()（）]+", words) if word]
    rest = [word for word in rest if not _WEEKDAY.fullmatch(word) and word.casefold() not in _FILL]
    if len(rest) > 1:
        raise ValueError(words)
    if rest:
        hours = _ZONES.get(rest[0].upper())
        fixed = None if hours is None else datetime.timezone(datetime.timedelta(hours=hours))
        zone = fixed or ZoneInfo(rest[0])
    return datetime.datetime.combine(date, time, zone)


_WEEKDAY = re.compile(
    r"(mon|tue|tues|wed|wednes|thu|thur|thurs|fri|sat|satur|sun)(day)?\.?"
    r"|(montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)"
    r"|(mo|di|mi|do|fr|sa|so)\.?|[月火水木金土日](曜日?)?",
    re.IGNORECASE,
)
_FILL = {"at", "um", "uhr", "den"}


def _take_time(words: str, alone: datetime.time) -> tuple[datetime.time, str]:
    """Return the time of day in a text, and the text without it."""
    found = list(_TIME.finditer(words))
    if not found:
        return alone, words
    if len(found) > 1:
        raise ValueError(words)
    (match,) = found
    hour, half = int(match["hour"]), (match["before"] or match["after"] or "").upper()
    if half:
        if not 1 <= hour <= 12 and half not in ("午前", "午後"):
            raise ValueError(words)
        hour = hour % 12 + (12 if half[:1] in "P" or half == "午後" else 0)
    part = (match["part"] or "").ljust(6, "0")[:6]
    time = datetime.time(hour, int(match["minute"] or 0), int(match["second"] or 0), int(part))
    return time, f"{words[: match.start()]} {words[match.end() :]}"


def _take_date(words: str) -> tuple[datetime.date, str]:
    """Return the date in a text, and the text without it."""
    match = _YEAR_FIRST.search(words)
    if match:
        date = datetime.date(int(match[1]), int(match[3]), int(match[4]))
        return date, f"{words[: match.start()]} {words[match.end() :]}"
    match = _YEAR_LAST.search(words)
    if match:
        first, second = int(match[1]), int(match[3])
        if len(match[4]) < 4 or (first <= 12 and second <= 12 and first != second):
            raise ValueError("ambiguous")
        day, month = (first, second) if second <= 12 else (second, first)
        return datetime.date(int(match[4]), month, day), (
            f"{words[: match.start()]} {words[match.end() :]}"
        )
    parts = re.split(r"[\s,]+", words)
    months = [place for place, word in enumerate(parts) if word.rstrip(".").casefold() in _MONTHS]
    years = [place for place, word in enumerate(parts) if re.fullmatch(r"\d{4}", word)]
    days = [
        place for place, word in enumerate(parts)
        if re.fullmatch(r"\d{1,2}(\.|st|nd|rd|th)?", word, re.IGNORECASE)
    ]  # fmt: skip
    if not (len(months) == len(years) == len(days) == 1):
        raise ValueError(words)
    day = int(re.sub(r"\D+$", "", parts[days[0]]))
    month = _MONTHS[parts[months[0]].rstrip(".").casefold()]
    date = datetime.date(int(parts[years[0]]), month, day)
    used = {months[0], years[0], days[0]}
    return date, " ".join(word for place, word in enumerate(parts) if place not in used)
