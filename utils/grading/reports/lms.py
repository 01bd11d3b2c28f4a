"""Write zip files with the students' pages for import into Canvas and Moodle.

The names in them are those that the system gave to the submissions:

    John Doe_1234567_assignsubmission_file/ps1.html    Moodle: *Upload feedback files in a zip*
    doejohn_12345_67890_ps1.html                       Canvas: *Upload submissions*
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from utils.grading.course.collect import Arrival, read_arrivals
from utils.grading.course.settings import Course
from utils.grading.course.zip_names import readings
from utils.grading.notebook.result import read_result
from utils.system import atomic_file


def write_feedback(course: Course, problem_set: str, system: str) -> list[Path]:
    """Write a zip file with the pages of all students whose notebooks came from a system.

    Args:
        course: the course.
        problem_set: the problem set's name.
        system: "canvas" or "moodle".

    Returns:
        A list with the zip file; empty if there are no such pages.
    """
    pages = {}
    for student, arrival in sorted(read_arrivals(course.arrivals(problem_set)).items()):
        page = course.feedback(student, problem_set)
        if arrival.system == system and page.is_file():
            result = read_result(course.notebook("autograded", student, problem_set))
            pages[_name(arrival, problem_set, result.file if result else "")] = page
    if not pages:
        return []
    path = course.reports / f"{problem_set}_{system}_feedback.zip"
    with atomic_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, page in pages.items():
            bundle.write(page, name)
    return [path]


def _name(arrival: Arrival, problem_set: str, graded: str) -> str:
    """Return a name for the page by which the system identifies the student."""
    if arrival.system == "moodle":
        first = next(iter(arrival.files.values()), f"{arrival.marker}/")
        between = "/" if f"{arrival.marker}/" in f"{first}/" else ""
        return f"{arrival.marker}{between}{problem_set}.html"
    within = arrival.files.get(graded) or next(iter(arrival.files.values()), "")
    for part in within.split("/"):
        if readings(part) or readings(part, folder=True):
            return f"{os.path.splitext(part)[0]}.html"
    return f"{arrival.marker}{problem_set}.html"
