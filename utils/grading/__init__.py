"""The staff side: submissions are graded by tests that run where the students' code is not.

One submission: `execute` is the way in, `steps` has the same for `nbgrader autograde`. `restore`
puts a submitted notebook in order, `nursery` forks the processes, `sandbox` fences them in. `judge`
runs the test cells; `submission` is what it knows of the student's process, `stand_ins` what its
tests hold of it. `student` runs in that process. They talk over `link`, in the format of `wire`;
`cells` runs notebook cells on both sides.

A class: `runner` plans and writes, `workers` has what a Dask worker of `cluster` does. `course` and
`gradebook` know where everything is, `course_cells` brings the gradebook up to date, `releases`
remembers what was handed out. `marks` and `record` are what is kept of a submission. What people
read is made by `feedback`, `report`, `outcomes`, `page` and `similarity`.

What comes in: `extract` (with `archives`) unpacks what a system hands out, `collect` (with `names`
and `roster`) says whose it is, `handed_in` finds the notebook, `late` reads times, `tables` reads
text of other programs. `lms` is the way back.
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
