"""`report PS`: write a problem set's report from what is graded; `report --term`: the term's.

Without options, write grading/reports/PS.csv and PS.html like `grade`, including points given by
hand since. With --term, write grading/reports/term.csv and term.html: all students by all problem
sets, with the weights, the dropped sets and the grades of `term.toml`, see README.md. With
--format, write the scores for import into a learning-management system, PS_canvas.csv or
PS_moodle.csv, and a zip file for upload with the pages of the students whose submissions
`zip_collect` got from that system. With --similarity, write a page with pairs of similar
submissions, PS_similarity.html: a reason to look, not a verdict. It needs no grades, only the
submissions.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from utils.commands import add_course, new_parser
from utils.grading import spare_imports
from utils.grading.terminal import clean
from utils.system import atomic_write, garbage_collection_paused


def main(argv: list[str]) -> int:
    """Write the requested files, print their paths, and return 0."""
    asked = parse(argv)
    spare_imports()
    with garbage_collection_paused():
        from utils.grading.course.gradebook import CourseGradebook
        from utils.grading.course.lateness import ExtensionsError
        from utils.grading.course.settings import CourseError, find_course
        from utils.grading.reports import (
            csv_files,
            lms,
            problem_set_report,
            similarity,
            term,
            term_report,
        )

    pairs: list[similarity.Pair] | None = None
    written: list[Path] = []
    try:
        course = find_course(asked.course, asked.db)
        if asked.term:
            with CourseGradebook(course) as book:
                found_term = term.read(course, book)
            for note in found_term.notes:
                print(clean(note), file=sys.stderr)
            written += term_report.write(course, found_term)
        if asked.similarity:
            pairs = similarity.compare(course, asked.problem_set)
            written.append(similarity.write(course, asked.problem_set, pairs))
        if asked.format or not (asked.similarity or asked.term):
            with CourseGradebook(course) as book:
                if not book.has(asked.problem_set):
                    raise CourseError(course.not_graded(asked.problem_set))
                found = problem_set_report.read(course, book, asked.problem_set)
            if asked.format:
                path = course.reports / f"{asked.problem_set}_{asked.format}.csv"
                atomic_write(path, csv_files.FORMATS[asked.format](found))
                written += [path, *lms.write_feedback(course, asked.problem_set, asked.format)]
            else:
                written += problem_set_report.write(course, found)
    except (CourseError, ExtensionsError, OSError) as error:
        print(clean(error), file=sys.stderr)
        return 1
    if pairs is not None:
        similarity.print_pairs(pairs[:10])
    for path in written:
        print(f"written: {clean(path)}")
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line."""
    parser = new_parser("report", __doc__)
    add_course(parser, needed=False)
    parser.add_argument("--term", action="store_true", help="all problem sets, in place of PS")
    parser.add_argument("--format", choices=("canvas", "moodle"), help="scores for a system")
    parser.add_argument(
        "--similarity", action="store_true", help="pairs that are alike; needs no grades"
    )
    asked = parser.parse_args(argv)
    if asked.term and (asked.problem_set or asked.format or asked.similarity):
        parser.error("--term takes no problem set, --format or --similarity")
    if not asked.term and not asked.problem_set:
        parser.error("name a problem set, for instance ps1_output_layer, or give --term")
    return asked
