"""The package that the course's notebooks import; `python3 -m utils` is its front door."""

import sys

# `__main__` gives advice where Python is too old; these versions cannot parse it.
if sys.version_info < (3, 7):  # noqa: UP036
    sys.exit("the course needs Python 3.11 or newer, but this is " + sys.version.split()[0])
