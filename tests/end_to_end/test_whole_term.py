"""A small term from the archives to the final table, which a second calculation checks."""

import contextlib
import csv
import datetime
import io
import json
import shutil
import statistics
import zipfile
from fractions import Fraction

import pytest
from nbgrader.api import Gradebook

from tests.classroom import Classroom
from tests.end_to_end import whole_term
from tests.lms_downloads import collect
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.hand_grading.answers import Answers
from utils.grading.run import runner
from utils.system import ROOT

SYSTEMS = {"ps1_output_layer": "canvas", "ps3_loss_functions": "moodle", "ps4_gradients": "canvas"}
WEIGHTS = {"ps1_output_layer": 1, "ps3_loss_functions": 3, "ps4_gradients": 2}
GRADES = {"A": 80, "B": 50, "F": 0}
DEADLINE = datetime.datetime(2024, 11, 4, 18)  # long ago: nobody has time left
TERM = "\n".join(
    ["drop_lowest = 1", "[weights]"]
    + [f"{name} = {weight}" for name, weight in WEIGHTS.items()]
    + ["[grades]"]
    + [f"{name} = {least}" for name, least in GRADES.items()]
)


def deadline(name: str) -> datetime.datetime:
    return DEADLINE + datetime.timedelta(weeks=2 * [*SYSTEMS].index(name))


@pytest.fixture
def room(tmp_path, options, workers) -> Classroom:
    """A course with three of the problem sets, as it is after cloning."""
    for folder in ("solutions", "assignments"):
        for name in SYSTEMS:
            shutil.copytree(ROOT / folder / name, tmp_path / folder / name)
    config = (ROOT / "nbgrader_config.py").read_text(encoding="utf-8")
    late = f"\nc.LatePolicy.percent_per_day = {whole_term.PERCENT_A_DAY}\n"
    (tmp_path / "nbgrader_config.py").write_text(config + late, encoding="utf-8")
    (tmp_path / "term.toml").write_text(TERM, encoding="utf-8")
    return Classroom(tmp_path, options, workers)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own affairs
def test_a_term(room):
    sets = {name: whole_term.ProblemSet(name) for name in SYSTEMS}
    people = whole_term.invent(8, sets)
    names = room.root / "grading" / "students.csv"
    names.parent.mkdir(exist_ok=True)
    names.write_text(whole_term.class_list(people), encoding="utf-8")
    for name, one in sets.items():
        with Gradebook(room.course.db_url) as book:
            book.update_or_create_assignment(name, duedate=f"{deadline(name)} UTC")
        take_in(room, one, people)
        grade(room, name)
        if name == [*SYSTEMS][0]:
            room.run("report", "--term")
            assert line_of(room, "s000")["provisional"] == "True"  # other sets are to come
        read_all(room, one, people)
    # One hands in again, and gets more time for another set: it is in time, and late no more.
    again = people[3].work["ps1_output_layer"] = whole_term.Work([*sets["ps1_output_layer"].tests])
    again.words, again.given = {"written_answer": "A new answer."}, {"written_answer": Fraction(3)}
    take_in(room, sets["ps1_output_layer"], people, "--force")
    people[4].work["ps4_gradients"] = whole_term.Work(["numerical_diff"], late=3000)
    take_in(room, sets["ps4_gradients"], people, "--force")
    until = deadline("ps4_gradients") + datetime.timedelta(minutes=3001)
    extensions = room.root / "grading" / "extensions.csv"
    extensions.write_text(
        f"student,problem_set,new_deadline\ns004,ps4_gradients,{until} UTC\n", encoding="utf-8"
    )
    people[4].work["ps4_gradients"].late = -1
    # The set is changed in the middle of the term: its written answer is worth more.
    source = room.course.source("ps3_loss_functions")
    content = json.loads(source.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        about = cell["metadata"].get("nbgrader", {})
        if about.get("grade_id") == "written_answer":
            about["points"] = 5
    source.write_text(json.dumps(content), encoding="utf-8")
    sets["ps3_loss_functions"].by_hand["written_answer"] = Fraction(5)
    for name in SYSTEMS:
        grade(room, name)
    read_all(room, sets["ps1_output_layer"], people)

    said = room.run("report", "--term")
    assert "term.csv" in said
    assert "does not count" not in said
    for person in people:
        line = line_of(room, person.id)
        wanted = whole_term.expected(person, sets, WEIGHTS, 1, GRADES)
        assert {key: _plain(line[key]) for key in wanted} == {k: _plain(wanted[k]) for k in wanted}
        assert line["name"].removeprefix("'") == person.name
        unsettled = any(work.is_cut for work in person.work.values())
        assert line["provisional"] == str(unsettled)
    check_statistics(room, sets, people)
    feedback_goes_back(room, people)


def _plain(text: str) -> object:
    """Return a field as a number, if it is one."""
    with contextlib.suppress(ValueError):
        return round(float(text), 5)
    return text


def take_in(room: Classroom, one: whole_term.ProblemSet, people: list, *options: str) -> None:
    """Download a set's archive with its table of times, and collect it."""
    system = SYSTEMS[one.name]
    bundle, times = whole_term.archive(system, one, people, deadline(one.name))
    folder = room.root / "grading" / "downloaded" / one.name / "archive"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "submissions.zip").write_bytes(bundle)
    (folder / "times.csv").write_text(times, encoding="utf-8")
    collect(room, *options, problem_set=one.name)


def grade(room: Classroom, name: str) -> None:
    """Grade a set, with workers that several tests share."""
    unsafe = "--unsafe" in room.options
    progress, _ = runner.grade_class(room.course, name, local=room.workers, unsafe=unsafe)
    assert not progress.failures


def read_all(room: Classroom, one: whole_term.ProblemSet, people: list) -> None:
    """Give the points for all written answers that nobody has read."""
    if not one.by_hand:
        return
    known = {person.id: person for person in people}
    with CourseGradebook(room.course) as book:
        answers = Answers(room.course, book, one.name)
        for key, answer in answers.by_key.items():
            if answer.needs_person:
                given = known[answer.student].work[one.name].given[answer.question.cell]
                answers.save(key, f"{float(given):g}", "", answer.grade)
        assert answers.unread() == 0


def line_of(room: Classroom, student: str) -> dict[str, str]:
    """Return a student's line of the term's CSV file."""
    text = (room.course.reports / "term.csv").read_bytes().decode("utf-8-sig")
    return next(
        line for line in csv.DictReader(io.StringIO(text, newline="")) if line["student"] == student
    )


def check_statistics(room: Classroom, sets: dict, people: list) -> None:
    """Compare the figures of the page with those of what was invented."""
    text = (room.course.reports / "term.html").read_text(encoding="utf-8")
    for name, one in sets.items():
        found = [
            float(100 * person.work[name].score(one) / one.points)
            for person in people
            if name in person.work and not person.work[name].is_cut
        ]
        row = text[text.index(f">{name}</a></td>") :].split("</tr>")[0]
        middle = statistics.median(found)
        for value in (statistics.fmean(found), statistics.pstdev(found), min(found), middle):
            assert f'<td class="n">{value:.1f}</td>' in row


def feedback_goes_back(room: Classroom, people: list) -> None:
    """Check the archives of pages for both systems."""
    for name, system in (("ps1_output_layer", "canvas"), ("ps3_loss_functions", "moodle")):
        room.run("report", name, "--format", system)
        path = room.course.reports / f"{name}_{system}_feedback.zip"
        with zipfile.ZipFile(path) as bundle:
            assert len(bundle.namelist()) == sum(name in person.work for person in people)
