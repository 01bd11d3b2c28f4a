"""What a report says of a student besides points: who they are, what arrived, what is not settled.

Each thing that a person has to look at is read anew for every report, so it is gone from the report
as soon as it is settled.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from utils.grading import late
from utils.grading.collect import Arrival
from utils.grading.course import Course
from utils.grading.handed_in import kinds
from utils.grading.marks import Marks
from utils.grading.roster import Person
from utils.grading.tables import plain

if TYPE_CHECKING:
    from utils.grading.report import Row


def add_people(people: dict[str, dict[str, str]], listed: Iterable[Person]) -> None:
    """Add the class list to what the gradebook says about people, which goes first."""
    ids = {plain(name): name for name in people}
    for person in listed:
        about = people.setdefault(ids.get(person.id, person.id), {})
        first, _, last = person.name.rpartition(" ")
        if "," in person.name:
            last, _, first = (part.strip() for part in person.name.partition(","))
        said = {
            "first_name": first,
            "last_name": last,
            "email": person.email,
            "lms_user_id": person.canvas_id,
            "name": person.name,
        }
        if about.get("first_name") or about.get("last_name"):
            said |= {"first_name": "", "last_name": ""}
        about |= {key: about.get(key) or value for key, value in said.items()}


def look_again(
    row: Row,
    course: Course,
    problem_set: str,
    marks: Marks | None,
    most: Mapping[str, float],
    arrival: Arrival | None,
) -> None:
    """Add to a student's line what is not settled, and ask a person to look at it.

    Args:
        row: the line; it is changed.
        course, problem_set: of the line.
        marks: what the gradebook says of the submission, None for nothing.
        most: points that each graded cell can earn.
        arrival: what arrived in the archive of Moodle or Canvas, None for nothing.
    """
    folder = course.folder("submitted", row.student, problem_set)
    time, problem = late.read_timestamp(folder)
    if problem:
        _ask(row, problem, "time of submission")
    for name, mark in marks.cells.items() if marks and row.status == "graded" else ():
        if mark.manual is not None and mark.manual > most.get(name, mark.manual):
            said = (
                f"{name}: a person gave {mark.manual:g} points, but it is worth {most[name]:g} now"
            )
            _ask(row, said, "points")
    if arrival is not None:
        if row.status == "missing" and not row.notes and arrival.files:
            there = kinds(arrival.files)
            _ask(row, f"there is no notebook of {problem_set}, but {there}", "no notebook")
        for said in arrival.problems:
            if time is None or not said.startswith("the time"):
                _ask(row, said, "collection")
        if arrival.late and time is None:
            _ask(row, "Canvas calls it late, but does not say when it was handed in", "late")
    if row.status == "missing" and not row.notes:
        row.notes.append("nothing was handed in")


def _ask(row: Row, said: str, why: str) -> None:
    row.notes.append(said)
    row.needs_person = True
    if why not in row.why:
        row.why.append(why)
