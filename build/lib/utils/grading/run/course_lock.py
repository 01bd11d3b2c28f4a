"""No two runs write to a course's files and gradebook at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from utils.grading.course.settings import Course, CourseError
from utils.system import try_lock


@contextlib.contextmanager
def only_one(course: Course) -> Iterator[None]:
    """Hold a course's lock, so that two runs do not write at the same time.

    Raises:
        CourseError: another run holds it.
    """
    course.run_time.mkdir(parents=True, exist_ok=True)
    with open(course.run_time / ".grading.lock", "w") as lock:
        if not try_lock(lock):
            raise CourseError(
                f"another run is grading in {course.run_time}; wait until it has ended"
            )
        yield
