"""How a notebook's outputs hold a table of checks, for modules that import no more of checks."""

MIME = "application/vnd.course-checks+json"  # the table for programs: reports read this
SAME_CAUSE = "same cause"  # what a check says that failed as another one did
