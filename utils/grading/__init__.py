"""The staff side: submissions are graded by tests that run where the students' code is not.

`execute` is the way in: `grade_notebook`, and the steps for `nbgrader autograde`. `restore` puts a
submitted notebook in order, `nursery` forks the processes, `sandbox` fences them in. `judge` runs
the test cells; `submission` is what it knows of the student's process, `stand_ins` what its tests
hold of it. `student` runs in that process. They talk over `link`, in the format of `wire`; `cells`
runs notebook cells on both sides.
"""

import sys

# nbformat asks jsonschema for its formats, and one of these builds a grammar of web addresses when
# it is imported: 1.4 s in every process that reads a notebook. No notebook has what it would check.
sys.modules.setdefault("rfc3987_syntax", None)
