"""The format of a table of checks in a notebook's outputs, without importing `utils.checks`."""

MIME = "application/vnd.course-checks+json"  # the table for programs: reports read this
SAME_CAUSE = "same cause"  # the text of a check that failed for the same cause as another
