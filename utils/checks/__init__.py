"""The functions that test cells call: named checks, each with points and hints.

A test cell is a list of checks and ends in the points:

    from utils import checks

    task = checks.Task("softmax", hidden_points=7)
    check = task.check
    with check(1, "the worked example", "Exponentials first, then divide each by their sum."):
        checks.gives(softmax, np.array([0.0, 0.0]), [0.5, 0.5])
    with check(1, "the argument is not changed"):
        checks.leaves_alone(softmax, np.array([0.0, 0.0]))
    return task.points()

- A check passes unless its body raises; an exception from the student's code costs only that
  check. If several checks fail for one cause, a separate row names it once, with its line and the
  next step; the rows of those checks say "same cause".
- The hint depends on how a check failed: first by the part that is wrong (`dW="..."`), then by the
  kind of failure (`nan="..."`, see `HINTS`), else it is the check's general hint.
- A check that uses only helpers for side properties (`leaves_alone`, `finite`, ...) counts only if
  a check of the same task that compares values has passed. So code without any knowledge of the
  task earns nothing.
- A list in place of an array costs one check; the numbers in it are checked as usual.
- The helpers take the student's function first, then its arguments: a tuple for several, anything
  else for one. They pass copies, so a function that overwrites its argument does no harm, and they
  trust only plain arrays and numbers: an object that claims to equal everything is not a result.
  Expected values are computed before the student's code is called.
- Hidden checks show the property and a hint, but no numbers.

Three programs run test cells: the student's own kernel, `check`, and the judge, where the student's
objects are proxies. The latter two put the source of the student's cells into `student_cells`.
"""

from utils.checks.calls import call, copied, replaced
from utils.checks.check import Check
from utils.checks.failures import HINTS, STATE_LABELS, WAITS, Failure, PropertyError
from utils.checks.networks import label_kinds, normal, seeded, with_params
from utils.checks.own_functions import earlier
from utils.checks.properties import agrees, finite, gives, gives_floats, gradient, keeps_order
from utils.checks.properties import leaves_alone, repeats, row_by_row, same_bits, sums_to_one
from utils.checks.speed import fast, measure_student
from utils.checks.student_code import MAX_PARSED, in_kernel, student_cells
from utils.checks.task import Points, Task
from utils.checks.values import MAX_LISTED, arrays, equal, equal_by_name, expect, not_swapped
from utils.checks.values import pair, plain
from utils.checks_format import MIME, SAME_CAUSE
