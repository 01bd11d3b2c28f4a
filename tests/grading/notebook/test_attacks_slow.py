"""No text, list or array of a student's keeps the grader or the judge busy for long.

Each attempt runs in a process that may use a minute of processor time and needs a few seconds.
Where every way to read a text, or every way through a list, is tried, none ends within a minute.
"""

import os
import subprocess
import sys

import pytest

from utils.system import ONE_THREAD, ROOT

SECONDS = 60
PUT_IN_ORDER = """
from utils.grading.notebook import restore
from utils.grading.notebook.reading import new_cell, new_notebook
cells = [new_cell("markdown", "```" + {blanks} + "!", "x")]
notebook, notes = restore.put_in_order(new_notebook(cells), [])
assert len(notebook["cells"]) == 1
"""
ATTEMPTS = {
    "blanks behind a fence": PUT_IN_ORDER.format(blanks="' ' * 1_000_000"),
    "tabs behind a fence": PUT_IN_ORDER.format(blanks="'\\t' * 1_000_000"),
    "a list of lists of empty arrays": """
import numpy as np
from utils import checks
value = [np.empty(0)]
for _ in range(60):
    value = [value, value]
try:
    checks.plain(value)
except checks.PropertyError as error:
    assert "not an array" in str(error)
else:
    raise AssertionError
""",
    "an array of many axes": """
import numpy as np
from utils import checks
value = np.full((2,) * 26, np.nan, np.float16)
task = checks.Task("f")
with task.check(1, "a name", "a hint"):
    checks.finite(lambda x: value, 1.0)
(check,) = task.checks
assert "nan" in check.what and len(check.what) < 500, check.what
""",
}


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on processor time")
@pytest.mark.parametrize("code", ATTEMPTS.values(), ids=ATTEMPTS)
def test_it_ends(code):
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))\n"
    done = subprocess.run(
        [sys.executable, "-c", limit + code],
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
