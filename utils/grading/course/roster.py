"""The class list, and the CSV files of Moodle and Canvas with people and submission times.

`grading/students.csv` has a line for each student:

    id,name,email,canvas_id,moodle_id
    doe,John Doe,doe@example.org,12345,

Only `id` must be filled in. The file may come from Excel: with a byte order mark, with semicolons,
with `Canvas ID` for `canvas_id`. With it, a person's submissions get the same id all term, although
Moodle numbers participants anew in each assignment.

CSV files beside the downloaded archive are read, too: Moodle's grading worksheet (names and
submission times), and for Canvas a table of submissions with a column `submitted_at`.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from utils.grading.course import dates
from utils.grading.course.settings import CourseError
from utils.grading.course.zip_names import Reading
from utils.grading.text_files import nearest, read_table, same

STUDENTS = "students.csv"
COLUMNS = ("id", "name", "email", "canvas_id", "moodle_id")
ALSO = {  # other names of a column, as `_form` returns them
    "id": ("student_id", "username", "login"),
    "name": ("full_name", "student_name", "student"),
    "email": ("email_address", "e_mail", "mail"),
    "canvas_id": ("canvas", "canvas_user_id"),
    "moodle_id": ("moodle", "moodle_user_id", "id_number", "idnumber"),
}


class RosterError(CourseError):
    """The class list is invalid; the message says what to do."""


@dataclass(frozen=True)
class Person:
    """A line of the class list."""

    id: str
    name: str = ""
    email: str = ""
    canvas_id: str = ""
    moodle_id: str = ""


@dataclass
class Listed:
    """A person's entry in a system's CSV file.

    Attributes:
        numbers, names: identify the person: numbers in the system, names, logins.
        name, email, id_number: as in the system.
        time: the submission time as in the file; "" for none.
    """

    system: str
    numbers: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    name: str = ""
    email: str = ""
    id_number: str = ""
    time: str = ""


def read(path: Path) -> list[Person]:
    """Return the class list, empty if there is no such file.

    Raises:
        RosterError: the file cannot be read, there is no column `id`, or an id is empty, occurs
            twice or cannot be a folder's name.
    """
    try:
        header, lines = read_table(path)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise RosterError(f"{path} cannot be read: {error}") from None
    forms = {_form(name): name for name in reversed(header)}
    columns = {
        ours: next(forms[form] for form in (ours, *ALSO[ours]) if form in forms)
        for ours in COLUMNS
        if forms.keys() & {ours, *ALSO[ours]}
    }
    if "id" not in columns:
        raise RosterError(
            f"{path}: the first line must name the columns, such as {','.join(COLUMNS)}; "
            "there is no id"
        )
    people: dict[str, Person] = {}
    for number, line in lines:
        person = Person(**{name: line.get(columns.get(name, ""), "") for name in COLUMNS})
        if not person.id:
            raise RosterError(f"{path}, line {number}: the id is empty")
        if re.search(r"[/\\\x00-\x1f]", person.id) or person.id.startswith("."):
            raise RosterError(
                f"{path}, line {number}: {person.id!r} cannot be an id, as it names a folder; "
                "leave out slashes and a dot at the beginning"
            )
        if person.id in people:
            raise RosterError(
                f"{path}, line {number}: the id {person.id!r} is there twice; "
                "give every student an id of their own"
            )
        people[person.id] = person
    return list(people.values())


def _form(name: str) -> str:
    """Return a column's name with `_` for everything but letters and digits."""
    return re.sub(r"[^a-z0-9]+", "_", same(name)).strip("_")


class Matcher:
    """Finds the person in the class list who handed in a file.

    Args:
        people: the class list.
        listed: the entries of the systems' CSV files.
    """

    def __init__(self, people: Sequence[Person], listed: Sequence[Listed] = ()) -> None:
        self.people, self.listed = people, listed

    def about(self, reading: Reading) -> Listed | None:
        """Return a person's entry in a system's CSV file, or None."""
        rows = [row for row in self.listed if row.system == reading.system]
        by_number = [row for row in rows if _number(reading.number) in row.numbers]
        if len(by_number) == 1:
            return by_number[0]
        named = [
            row for row in rows
            if not row.numbers and {same(reading.name), _letters(reading.name)} & row.names
        ]  # fmt: skip
        return named[0] if len(named) == 1 and not by_number else None

    def find(self, reading: Reading) -> Person | None:
        """Return the person with this name, None if there is none or more than one."""
        if reading.system == "canvas":
            ways = [lambda p: p.canvas_id and _number(p.canvas_id) == _number(reading.number)]
            names = {_letters(reading.name)}
        else:
            ways, names = [], {same(reading.name)}
        row = self.about(reading)
        if row is not None:
            ways += [
                lambda p: row.email and p.email and same(p.email) == same(row.email),
                lambda p: row.id_number and same(row.id_number) in (same(p.moodle_id), same(p.id)),
            ]
            names |= {same(row.name)} - {""}
        for way in ways:
            found = [person for person in self.people if way(person)]
            if found:
                return found[0] if len(found) == 1 else None
        found = [person for person in self.people if _names(person, reading.system) & names]
        if reading.system == "canvas":  # another number is another person
            found = [person for person in found if not person.canvas_id]
        if len(found) > 1:
            found = [p for p in found if _number(p.moodle_id) == _number(reading.number)]
        return found[0] if len(found) == 1 else None

    def like(self, reading: Reading) -> str:
        """Return the id of the person with the most similar name, "" if none is similar."""
        names: dict[str, str] = {}
        for person in self.people:
            names |= dict.fromkeys(_names(person, reading.system), person.id)
        name = same(reading.name) if reading.system == "moodle" else _letters(reading.name)
        return names.get(nearest(name, names), "")


def _number(text: str) -> str:
    return text.strip().lstrip("0") or text.strip()


def _letters(text: str) -> str:
    """Return a name as Canvas writes it in file names: letters and digits only."""
    return re.sub(r"[\W]+", "", same(text))


def _names(person: Person, system: str) -> set[str]:
    """Return the forms in which a system may write a person's name."""
    words = same(person.name.replace(",", " ")).split()
    orders = [words, [*words[-1:], *words[:-1]], [*words[1:], *words[:1]]] if words else []
    if system == "moodle":
        return {" ".join(order) for order in orders} | ({same(person.name)} if words else set())
    return {_letters(" ".join(order)) for order in orders} | {_letters(person.id)}


def read_listed(folder: Path) -> tuple[list[Listed], list[str]]:
    """Read the CSV files in a folder.

    Args:
        folder: the folder of the downloaded archive.

    Returns:
        The entries about people, and a sentence on each file that cannot be used.
    """
    found: list[Listed] = []
    problems = []
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.suffix.casefold() != ".csv" or not path.is_file() or path.name.startswith("."):
            continue
        try:
            header, lines = read_table(path)
        except (OSError, ValueError) as error:
            problems.append(f"{path.name} cannot be read: {error}")
            continue
        kind = _kind(header)
        if kind:
            found += kind(header, [line for _, line in lines])
        else:
            problems.append(
                f"{path.name} is not used: it is neither Moodle's grading worksheet nor a table "
                "with the column submitted_at"
            )
    return found, problems


def _kind(header: Sequence[str]) -> Callable[..., list[Listed]] | None:
    if _of(header, ("last modified (submission)", "abgabe)", "提出)")) and len(header) > 2:
        return _from_worksheet
    if "identifier" in header and "full name" in header:
        return _from_worksheet
    return _from_canvas if _of(header, _TIMES) else None


_TIMES = ("submitted_at", "submitted at", "submission time", "submission date")


def _of(header: Iterable[str], words: Iterable[str]) -> str:
    """Return the first column whose name contains one of these words, "" for none."""
    names = list(header)
    return next((name for word in words for name in names if word in name), "")


def _from_worksheet(header: Sequence[str], lines: Iterable[dict[str, str]]) -> list[Listed]:
    """Read Moodle's grading worksheet; its first column is `Participant 1234567`."""
    time = _of(header, ("last modified (submission)", "abgabe)", "提出)"))
    name = _of(header, ("full name", "name", "氏名"))
    email, id_number = _of(header, ("email", "e-mail", "メール")), _of(header, ("id number",))
    found = []
    for line in lines:
        number = re.search(r"(\d+)\s*$", line.get(header[0], ""), re.ASCII)
        if number:
            found.append(
                Listed(
                    "moodle",
                    {_number(number[1])},
                    {same(line.get(name, ""))} - {""},
                    line.get(name, ""),
                    line.get(email, ""),
                    line.get(id_number, ""),
                    _time(line.get(time, "")),
                )
            )
    return found


def _from_canvas(header: Sequence[str], lines: Iterable[dict[str, str]]) -> list[Listed]:
    """Read a table of Canvas submissions: a number, login or name, and `submitted_at`."""
    time = _of(header, _TIMES)
    forms = {_form(n): n for n in reversed(header)}
    numbers = [forms[n] for n in ("user_id", "canvas_id", "student_id", "id") if n in forms][:1]
    names = [
        forms[n]
        for n in ("name", "student_name", "student", "user", "user_name", "sortable_name", "login")
        if n in forms
    ]
    names += [forms[n] for n in ("login_id", "sis_login_id") if n in forms]
    found = []
    for line in lines:
        texts = [line.get(n, "") for n in names if line.get(n)]
        person = Person("", texts[0] if texts else "")
        found.append(
            Listed(
                "canvas",
                {_number(line[n]) for n in numbers if line.get(n)},
                _names(person, "canvas") - {""} | {_letters(text) for text in texts},
                person.name,
                line.get(_of(header, ("email", "e-mail")), ""),
                time=_time(line.get(time, "")),
            )
        )
    return found


def _time(text: str) -> str:
    return "" if text in ("-", "–", "—") else text


def time_of(listed: Listed | None, zone: datetime.tzinfo) -> tuple[datetime.datetime | None, str]:
    """Return a person's submission time in UTC (None if unknown), and a problem with it, or ""."""
    if listed is None or not listed.time:
        return None, ""
    try:
        return dates.parse_time(listed.time, zone), ""
    except ValueError as error:
        return None, str(error)
