"""Of two runs in one course, the second is refused until the first has ended."""

import pytest

from utils.grading.course.settings import CourseError, find_course
from utils.grading.run.course_lock import only_one


def test_a_second_run_is_refused_until_the_first_has_ended(tmp_path):
    course = find_course(tmp_path)
    course.run_time.rmdir()  # it is made
    with only_one(course):
        with (
            pytest.raises(CourseError, match=f"another run is grading in {course.run_time}; wait"),
            only_one(course),
        ):
            pass
        other = tmp_path / "other"
        other.mkdir()
        with only_one(find_course(other)):
            pass
    with only_one(course):
        pass
