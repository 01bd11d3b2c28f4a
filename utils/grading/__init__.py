"""The grader: a submission is graded by tests that run in a process without the student's code.

Five kinds of processes work together. A module may run in several of them.

1. The **grader** itself, which alone writes to the gradebook:
   `runner` plans a run and writes its results, `cluster` starts Dask, `scratch` keeps the temporary
   files in one folder. `course` knows folders and settings, `gradebook` nbgrader's database,
   `marks` the points in it, `late` deadlines. `course_cells` brings the gradebook up to date with
   the problem set, `releases` remembers what was handed out. `steps` is the same for nbgrader's own
   commands.
   What arrives: `extract` unpacks, with `archives`; `collect` finds whose each file is, with
   `names` and `roster`; `handed_in` chooses the notebook; `tables` reads text of other programs.
   What people read: `feedback`, `report`, `page`, `outcomes` and `similarity`, with `rendering`,
   `safe_html`, `templates` and `terminal`. `lms` takes pages back to Moodle and Canvas.
   `record` is what an autograded notebook says of its own grading.
2. A **worker** of Dask: `workers`, started with `warm`. It calls `execute`, the way in for one
   submission: `reading` reads the file, `restore` puts the course's cells back, `answers` finds
   written answers in other places, `beside` takes the files beside the notebook, `source` tells
   which names a cell uses. `nursery` sends the job on, `results` reads the answer as if a student
   had written it, and `reasons` says why a task earned nothing.
3. The **fork server** of a worker (`nursery`): it imports NumPy once, reads no submission, and
   forks a supervisor for each of them. The **supervisor** (`sandbox`) starts the next two, watches
   them and ends them. It builds their sandboxes from `fences` (namespaces or Landlock), `seccomp`
   (system calls) and `cgroups` (the kernel's own memory).
4. The **judge**, in a sandbox of its own: `judge` runs the test cells, `submission` starts and asks
   the student's process, `stand_ins` are the proxies of the student's objects.
5. The **student's process**, in its sandbox: `student` runs the student's cells and answers the
   judge; `masked` names the modules that it must not import.

Judge and student's process talk over `link`, in the format of `wire` (`wire_format`, `wire_arrays`,
`wire_encode`, `wire_decode`): plain data only. `cells` runs notebook cells in both.

`check` starts one process for itself, in which `checking` takes the part of grader, worker and fork
server, with the visible tests only. Where no sandbox exists, `plain` takes the part of the
supervisor, and the judge runs in the same process. `protections` tries out the sandbox for
`doctor`, and `simulated_class` invents students for `demo` and the tests.
"""

import functools
import importlib
import importlib.util
import sys
import types
from typing import Any

# nbformat asks jsonschema for all its formats. One builds a grammar of web addresses when it is
# imported, 1.4 s in every process that reads a notebook; one knows all calendars. No notebook has
# what these would check.
for name in ("rfc3987_syntax", "isoduration"):
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def spare_imports() -> None:
    """Spare a process that grades what nbgrader imports and grading never calls.

    To be called before nbgrader is imported; where it has been, there is nothing to spare.
    """
    # nbgrader imports its web servers with itself.
    if "nbgrader" not in sys.modules:
        spec = importlib.util.find_spec("nbgrader")
        assert spec is not None
        package = sys.modules["nbgrader"] = importlib.util.module_from_spec(spec)
        vars(package)["__version__"] = importlib.import_module("nbgrader._version").__version__
    # `nbgrader.utils` imports all of setuptools, in order to unpack archives.
    name = "setuptools.archive_util"
    if name not in sys.modules and "setuptools" not in sys.modules:
        sys.modules[name] = types.ModuleType(name)
        for function in ("unpack_archive", "unpack_tarfile", "unpack_zipfile"):
            setattr(sys.modules[name], function, functools.partial(_unpack, function))


def _unpack(function: str, *arguments: Any, **named: Any) -> None:
    """Call a function of `setuptools.archive_util`, which is imported now."""
    name = "setuptools.archive_util"
    del sys.modules[name]
    getattr(importlib.import_module(name), function)(*arguments, **named)
