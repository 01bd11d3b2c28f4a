"""`demo`: the main job from end to end, on a simulated class in a temporary course.

Releases a problem set, hands in the work of thirty invented students (right answers, typical
mistakes, accidents, attacks on the grader), grades it, and writes feedback and a report.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from utils.commands import new_parser
from utils.commands.grade import start_early
from utils.grading.run.release import release
from utils.grading.run.temporary_files import scratch
from utils.grading.terminal import clean, columns, cut
from utils.system import CONFIG, ROOT, load_config

if TYPE_CHECKING:  # these take a second to import
    from utils.grading.course.settings import Course
    from utils.grading.reports.report_data import Report, Row
    from utils.grading.run.cluster import LocalWorkers
    from utils.grading.simulated_class import Student

PROBLEM_SET = "ps1_output_layer"
SOURCE = Path("solutions") / PROBLEM_SET / f"{PROBLEM_SET}.ipynb"
# Short limits, since the simulated class contains an endless loop.
LIMITS = """
c.JudgedExecute.call_seconds = 1
c.JudgedExecute.cell_seconds = 4
c.JudgedExecute.submission_seconds = 30
c.Execute.timeout = 5
c.NbGraderAPI.logfile = ""
"""


def main(argv: list[str]) -> int:
    """Release, submit, grade, report; return 0 if every submission has a result."""
    _, unknown = new_parser("demo", __doc__ or "").parse_known_args(argv)
    if unknown:
        print("demo takes no arguments", file=sys.stderr)
        return 2
    source = ROOT / SOURCE
    if not source.is_file():
        print(
            f"demo grades a class, and for that it needs {source}, which is not here: a student's "
            "copy of the course has no solutions; run demo in the course's own folder",
            file=sys.stderr,
        )
        return 1
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="course-demo-"))
    try:
        with scratch():
            return run(folder, started)
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        print("\ninterrupted; the temporary course is deleted", file=sys.stderr)
        return 130


def run(folder: Path, started: float) -> int:
    """Run the demo in an empty folder, and print the table and the paths of the results."""
    sandboxed = is_sandboxed()
    with start_early() if sandboxed else contextlib.nullcontext() as local:
        return grade_class(folder, local, started)


def grade_class(folder: Path, local: LocalWorkers | None, started: float) -> int:
    """Run the demo with starting workers, or with nbgrader's own grading if there are none."""
    from utils.grading.course.settings import find_course
    from utils.grading.simulated_class import (
        HOSTILE_PS1_OUTPUT_LAYER,
        PS1_OUTPUT_LAYER,
        write_submission,
    )

    print(f"releasing {PROBLEM_SET} in {folder}")
    make_course(folder)
    course = find_course(folder)
    students = PS1_OUTPUT_LAYER + (HOSTILE_PS1_OUTPUT_LAYER if local else ())
    for student in students:
        target = course.notebook("submitted", student.name, PROBLEM_SET)
        write_submission(student, course.released(PROBLEM_SET), target)
    hostile = f", {len(HOSTILE_PS1_OUTPUT_LAYER)} of them hostile" if local else ""
    print(f"grading a simulated class of {len(students)}{hostile}")
    failures, report = grade(course, local) if local else grade_by_nbgrader(course, students)
    print_table(report, students)
    print(f"\n{by_hand(report)}")
    print(f"{len(students)} submissions in {time.monotonic() - started:.0f} s")
    print(f"report:   {course.reports / PROBLEM_SET}.html and .csv")
    print(f"feedback: {folder / 'grading' / 'feedback'} (a temporary folder, yours to delete)")
    return 1 if failures else 0


def is_sandboxed() -> bool:
    """Return whether submissions can be sandboxed on this machine; if not, print why."""
    from utils.grading.judge.grade_notebook import NotSandboxed, available_sandbox

    try:
        available_sandbox()
    except NotSandboxed as error:
        print(f"{error}\nThe simulated class without its attacks is harmless: nbgrader grades it.")
        return False
    return True


def make_course(folder: Path) -> None:
    """Make a course folder with the settings of this one and a released problem set."""
    settings = (ROOT / CONFIG).read_text(encoding="utf-8")
    (folder / CONFIG).write_text(settings + LIMITS, encoding="utf-8")
    (folder / SOURCE).parent.mkdir(parents=True)
    shutil.copy(ROOT / SOURCE, folder / SOURCE)
    release(folder, PROBLEM_SET)


def grade(course: Course, local: LocalWorkers) -> tuple[int, Report]:
    """Grade like `grade`; return the number of submissions without a result, and the report."""
    from utils.commands.grade import Bar
    from utils.grading.run import runner

    with Bar(quiet=False) as bar:
        progress, report = runner.grade_class(course, PROBLEM_SET, watch=bar.show, local=local)
    for failure in progress.failures:
        print(clean(f"{failure.student}: not graded: {failure.why}"), file=sys.stderr)
    return len(progress.failures), report


def grade_by_nbgrader(course: Course, students: tuple[Student, ...]) -> tuple[int, Report]:
    """Grade with nbgrader's own `Execute`, student by student."""
    from nbgrader.apps import NbGraderAPI
    from nbgrader.coursedir import CourseDirectory
    from tqdm import tqdm

    from utils.grading.course.gradebook import CourseGradebook
    from utils.grading.reports import problem_set_report

    config = load_config(course.root)
    del config["Autograde"]
    api = NbGraderAPI(CourseDirectory(config=config), config=config)
    with CourseGradebook(course) as book:
        book.take_in(PROBLEM_SET)
    for student in tqdm(students, unit="student", leave=False, disable=None):
        api.autograde(PROBLEM_SET, student.name)
        api.generate_feedback(PROBLEM_SET, student.name)
    with CourseGradebook(course) as book:
        found = problem_set_report.read(course, book, PROBLEM_SET)
    problem_set_report.write(course, found)
    return 0, found


def print_table(report: Report, students: tuple[Student, ...]) -> None:
    """Print for each student the score, what the student did and the first problem found."""
    from utils.grading.reports.report_data import number

    rows = {row.student: row for row in report.rows}
    print(f"\n{'student':9} {'score':>10}  {'did':34} what the grader says")
    for student in students:
        row = rows[student.name]
        points = row.status
        if row.score is not None:
            points = f"{number(row.score)}/{number(report.max_score)}"
        said = clean(remark(row) or "nothing wrong")
        print(cut(f"{student.name:9} {points:>10}  {student.story:34} {said}", columns()))


def by_hand(report: Report) -> str:
    """Return a sentence on the points that a person gives."""
    from utils.grading.reports.report_data import number

    points = report.max_score - sum(report.max_points[test] for test in report.tests)
    return (
        f"{number(points)} of the {number(report.max_score)} points are for the written answer, "
        f"which a person grades; the tests give up to {number(report.max_score - points)}."
    )


def remark(row: Row) -> str:
    """Return the first problem with a submission, and the number of others."""
    wrong = list(row.notes) if row.score is None or "stopped" in row.why else []
    for checks in row.checks.values():
        wrong += [f"{c['name']}: {c['what']}" for c in checks if c["state"] != "passed"]
    if not wrong:
        return ""
    return wrong[0] + (f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else "")
