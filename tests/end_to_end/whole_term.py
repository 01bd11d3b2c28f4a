"""A term that is invented from its end: what everybody hands in, when, and what a person gives.

From it come the archives of Canvas and Moodle, and the result of everybody's term, worked out from
what was invented and nothing that the grader says.
"""

from __future__ import annotations

import datetime
import math
import random
import re
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import nbformat

from tests.lms_downloads import zipped

ROOT = Path(__file__).resolve().parents[2]
GRACE, PERCENT_A_DAY = 10, 10  # minutes, and what a late day costs
FIRST = ("Ada", "Zoë", "Jean-Luc", "=Ken", "李", "Nils", "Mary Ann", "O'Hara", "Anna", "Björn")
LAST = ("Doe, Jr.", "Müller", "Sato", "Ito", "da Silva", "Nguyen", "Kowalski", "Smith", "Öz", "Lee")
_MARKERS = re.compile(r"^[ \t]*### (?:BEGIN|END) SOLUTION[ \t]*\n?", re.MULTILINE)


class ProblemSet:
    """A problem set: its solution by task, and its points.

    Attributes:
        name: of the set.
        solved: source of the solution cells by grade id; those that a person grades not among them.
        tests: points of its test cells, by the task that they test.
        by_hand: points of the answers that a person grades, by grade id.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        source = nbformat.read(ROOT / "solutions" / name / f"{name}.ipynb", as_version=4)
        self.solved: dict[str, str] = {}
        self.tests: dict[str, Fraction] = {}
        self.by_hand: dict[str, Fraction] = {}
        for cell in source.cells:
            about = cell.metadata.get("nbgrader", {})
            points, grade_id = Fraction(about.get("points", 0)), about.get("grade_id", "")
            if about.get("solution") and about.get("grade"):
                self.by_hand[grade_id] = points
            elif about.get("solution"):
                self.solved[grade_id] = _MARKERS.sub("", cell.source)
            elif about.get("grade"):
                task = re.fullmatch(r"test_(\w+)_(?:visible|hidden)", grade_id)[1]
                self.tests[task] = self.tests.get(task, Fraction()) + points

    @property
    def points(self) -> Fraction:
        """All that can be earned."""
        return sum((*self.tests.values(), *self.by_hand.values()), Fraction())


@dataclass
class Work:
    """What one student hands in to one set.

    Attributes:
        tasks: that are solved; the others are as they were released.
        words: of the answers that a person grades, by grade id; none where nothing was written.
        given: points of a person for these.
        late: minutes after the student's deadline, negative for in time.
        is_cut: the file is broken off in the middle.
    """

    tasks: list[str]
    words: dict[str, str] = field(default_factory=dict)
    given: dict[str, Fraction] = field(default_factory=dict)
    late: int = -60
    is_cut: bool = False

    def score(self, problem_set: ProblemSet) -> Fraction:
        """The points, less what being late costs."""
        points = sum((problem_set.tests[task] for task in self.tasks), Fraction())
        points += sum(self.given.values(), Fraction())
        days = math.ceil(Fraction(self.late - GRACE, 1440)) if self.late > GRACE else 0
        return points - min(points, points * days * PERCENT_A_DAY / 100)


@dataclass
class Person:
    """A student: with the numbers by which Canvas and Moodle know them."""

    id: str
    name: str
    canvas: int
    work: dict[str, Work] = field(
        default_factory=dict
    )  # by problem set; missing ones are not in it


def invent(count: int, sets: dict[str, ProblemSet], seed: int = 3) -> list[Person]:
    """Return a class: the first never hands in anything, the second nothing but a broken file."""
    rng = random.Random(seed)
    people = []
    for i in range(count):
        name = f"{FIRST[i % 10]} {LAST[i // 10 % 10]}"
        person = Person(f"s{i:03}", name, 7000 + i)
        people.append(person)
        for one in sets.values():
            if i == 0 or i > 2 and rng.random() < 0.1:
                continue
            person.work[one.name] = invent_work(one, rng)
            person.work[one.name].is_cut = i == 1 or i > 4 and rng.random() < 0.03
    return people


def invent_work(problem_set: ProblemSet, rng: random.Random) -> Work:
    """Return what somebody hands in: whole tasks are solved or untouched."""
    late = rng.choice([5, 11, 600, 1441, 1451, 3000, 9000]) if rng.random() < 0.2 else -60
    work = Work([task for task in problem_set.tests if rng.random() < 0.7], late=late)
    for name, points in problem_set.by_hand.items():
        if rng.random() < 0.8:
            work.words[name] = f"**a.** An answer of {rng.randrange(10**9)} words."
            work.given[name] = Fraction(rng.randrange(int(2 * points) + 1), 2)
    return work


def notebook(problem_set: ProblemSet, work: Work) -> bytes:
    """Return the file that somebody hands in."""
    name = problem_set.name
    released = nbformat.read(ROOT / "assignments" / name / f"{name}.ipynb", as_version=4)
    for cell in released.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in work.tasks:
            cell.source = problem_set.solved[grade_id]
        elif grade_id in work.words:
            cell.source = work.words[grade_id]
    data = nbformat.writes(released).encode()
    return data[: len(data) // 2] if work.is_cut else data


def archive(
    system: str, problem_set: ProblemSet, people: list[Person], deadline: datetime.datetime
) -> tuple[bytes, str]:
    """Return the zip file of everyone's work as a system hands it out, and its table of times.

    Moodle gives everybody a new number in each assignment.
    """
    name, files, lines = problem_set.name, {}, []
    for i, person in enumerate(people):
        work = person.work.get(name)
        handed_in = deadline + datetime.timedelta(minutes=work.late) if work else None
        if system == "canvas":
            login = re.sub(r"\W+", "", person.name).lower()
            late = "_LATE" if work and work.late > 0 else ""
            path = f"{login}{late}_{person.canvas}_{900 + i}_{name}.ipynb"
            lines += [f"{person.canvas},{handed_in:%Y-%m-%dT%H:%M:%SZ}"] if work else []
        else:
            number = 1_000_000 + 1000 * sum(map(ord, name)) + i
            path = f"{person.name}_{number}_assignsubmission_file/{name}.ipynb"
            time = f"{handed_in:%A, %d %B %Y, %I:%M %p}" if handed_in else "-"
            lines.append(f'Participant {number},"{person.name}",Submitted,"{time}"')
        if work:
            files[path] = notebook(problem_set, work)
    head = {
        "canvas": "user_id,submitted_at",
        "moodle": "Identifier,Full name,Status,Last modified (submission)",
    }[system]
    return zipped(files), "\n".join([head, *lines]) + "\n"


def class_list(people: list[Person]) -> str:
    """Return `students.csv`."""
    lines = [f'{one.id},"{one.name}",{one.id}@example.org,{one.canvas},' for one in people]
    return "\n".join(["id,name,email,canvas_id,moodle_id", *lines]) + "\n"


def expected(
    person: Person,
    sets: dict[str, ProblemSet],
    weights: dict[str, int],
    drop: int,
    grades: dict[str, int],
) -> dict[str, str]:
    """Return a student's line of the term's CSV file, from what was invented."""
    line: dict[str, str] = {}
    percents: dict[str, Fraction] = {}
    for name, one in sets.items():
        work = person.work.get(name)
        percents[name] = Fraction()
        if work is None:
            line[f"{name}_status"], line[f"{name}_score"] = "missing", ""
        elif work.is_cut:
            line[f"{name}_status"], line[f"{name}_score"] = "unreadable", ""
        else:
            score = work.score(one)
            percents[name] = 100 * score / one.points
            line[f"{name}_status"], line[f"{name}_score"] = "graded", f"{float(score):.6f}"
        line[f"{name}_percent"] = f"{float(percents[name]):.6f}"
        late = Fraction(max(0, work.late), 60) if work else None
        line[f"{name}_hours_late"] = "" if late is None else f"{float(late):.6f}"
    # Which selection of sets is counted is found by trying all: the one without the lowest.
    by_percent = sorted(percents, key=lambda name: (percents[name], -weights[name]))
    counted = by_percent[drop:]
    total = sum(weights[name] for name in counted)
    result = sum((weights[name] * percents[name] for name in counted), Fraction()) / total
    rounded = math.floor(result * 100 + Fraction(1, 2))
    line["term_percent"] = f"{rounded / 100:.6f}"
    line["dropped"] = "; ".join(name for name in sets if name not in counted)
    line["missing"] = "; ".join(name for name in sets if name not in person.work)
    line["late"] = "; ".join(n for n in sets if n in person.work and person.work[n].late > 0)
    line["grade"] = next((g for g, least in grades.items() if rounded >= 100 * least), "")
    return line
