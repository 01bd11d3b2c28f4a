"""A student's entries in a report besides points: names, files, and problems for a person.

Everything is read anew for every report, so a problem disappears once it is solved.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from utils.grading.course import lateness
from utils.grading.course.collect import Arrival
from utils.grading.course.notebook_choice import Chooser, kinds
from utils.grading.course.roster import Person
from utils.grading.course.scores import Scores
from utils.grading.course.settings import Course
from utils.grading.reports.report_data import Row
from utils.grading.text_files import counted, plain, writable


def add_people(people: dict[str, dict[str, str]], listed: Iterable[Person]) -> None:
    """Add the class list to the gradebook's data about people, which takes precedence."""
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


def still_there(folder: Path, file: str) -> bool:
    """Return whether a submitted file, or the archive that it was in, is in its folder."""
    name = file.partition("/")[0]
    for place in (folder, folder.parent):  # the parent: the student may have made no folder
        with contextlib.suppress(OSError):
            if os.path.lexists(place / name) or name in map(writable, os.listdir(place)):
                return True
    return False


@dataclass(frozen=True)
class Unsettled:
    """Finds problems of a submission that a person has to solve.

    Attributes:
        course, problem_set: the course and the problem set's name.
        max_points: maximum points of each graded cell, by grade id.
        chooser: finds notebooks in folders.
    """

    course: Course
    problem_set: str
    max_points: Mapping[str, float]
    chooser: Chooser

    def look(self, row: Row, scores: Scores | None, arrival: Arrival | None) -> None:
        """Add the problems to a student's row.

        Args:
            row: the row; it is changed.
            scores: the submission's scores in the gradebook, or None.
            arrival: the submission in Moodle's or Canvas's archive, or None.
        """
        folder = self.course.folder("submitted", row.student, self.problem_set)
        time, problem = lateness.read_timestamp(folder)
        if row.status == "missing":
            self._explain(row, folder, arrival)
        elif problem:
            _for_person(row, problem, "time of submission")
        if scores is not None and row.status == "graded":
            for name, cell in scores.cells.items():
                worth = self.max_points.get(name, 0.0)
                if cell.manual is not None and cell.manual > worth:
                    given = counted(cell.manual, "point")
                    said = f"a person gave {given}, but it is worth {worth:g} now"
                    _for_person(row, f"{name}: {said}", "points")
        if arrival is not None:
            for said in arrival.problems:
                if (time is None or not said.startswith("the time")) and said not in row.notes:
                    _for_person(row, said, "collection")
            if arrival.late and time is None:
                _for_person(
                    row, "Canvas says that it is late, but not when it was handed in", "late"
                )

    def _explain(self, row: Row, folder: Path, arrival: Arrival | None) -> None:
        """Add a note that explains why there is no grade."""
        found = self.chooser.look(folder)
        there = found.missing or (kinds(arrival.files) if arrival and arrival.files else "")
        if found.name:
            _for_person(row, f"not graded yet: run `grade {self.problem_set}`", "not graded yet")
        elif there:
            _for_person(
                row, f"there is no notebook of {self.problem_set}, but {there}", "no notebook"
            )
        elif arrival is None:
            row.notes.append("nothing was handed in")


def _for_person(row: Row, said: str, why: str) -> None:
    row.notes.append(said)
    row.needs_person = True
    if why not in row.why:
        row.why.append(why)
