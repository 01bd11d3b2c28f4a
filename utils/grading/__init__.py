"""The grader: a submission is graded by tests that run in a process without the student's code.

Five kinds of processes work together. Between the last two cross values of known types and the
numbers of objects, never code.

    grader --Dask--> worker --socket--> fork server --fork--> judge
                                                    --fork--> student process

1. The **grader** is the main process of `grade`; of these processes it alone writes to the
   gradebook (`handgrade` and nbgrader's own commands do, too).
   `run.runner` plans a run, sends submissions to workers and records what they return;
   `run.cluster` starts Dask, and `run.temporary_files` keeps what must not be left behind.
   `course` knows the folders and settings, takes in what arrives, and holds the gradebook,
   scores and lateness. `reports` makes everything that people read; `hand_grading` serves the
   page on which a person grades written answers.
2. A **worker** of Dask, `run.worker`, started with `run.preload`. `judge.grade_notebook` grades one
   submission: `notebook.reading` reads the file, `notebook.restore` puts the course's cells back,
   `judge.fork_server.ForkServer` sends the job on, `judge.results` validates the answer as if a
   student had written it, and `notebook.reasons` says why a task earned nothing. What becomes of
   the submission is a `notebook.result.GradingResult`, from here to the gradebook and the reports.
3. The **fork server** of a worker, `judge.fork_server_process`: it imports NumPy once, does in
   `judge.warm_up` what would else take each submission's time, and reads no submission. For each
   it keeps an object, `sandbox.supervisor.Supervisor`, which starts the next two processes
   (`sandbox.process`), watches them and ends them. Their sandboxes come from
   `sandbox.namespaces` or `sandbox.landlock`, `sandbox.seccomp` (system calls) and
   `sandbox.cgroups` (kernel memory); `sandbox.visible_files` lists what they may see, and
   `sandbox.isolation` puts it all in force.
   These processes and the grader's talk over `sandbox.messages`.
4. The **judge**, in a sandbox of its own: `judge.judge` runs the test cells. `judge.names` says
   what a name means there, `judge.verdict` reads points, `judge.hidden_test_policy` says when a
   hidden test runs and what of it is shown. `judge.student_client` starts the student process and
   asks it, `judge.time_limits` says how long it may take, `judge.notes` what a person is told;
   `remote.judge_connection` is its end of the connection, on which a `remote.proxy` stands for
   each of the student's objects. `judge.effects` takes to the student process what a test changes
   besides values; `judge.patched_library` lets `inspect`, `type` and `pyplot` ask there.
5. The **student process**, in its sandbox: `judge.student_process` runs the student's cells,
   `remote.student_connection` answers the judge, and `remote.student_objects` says what crosses of
   the objects on its side; `sandbox.blocked_imports` refuses the modules that hold solutions.

Of the packages, `sandbox` starts, confines, watches and ends these last two processes, `remote` is
the connection between them with both its ends, and `judge` is what they do with it, from a
submission to its result. `notebook.shell` runs cells in both.

`check` starts one process, `run.check_process`, which is grader, worker and fork server in one and
runs the visible tests, and with `--finished` the hidden ones, too. Where no sandbox exists,
`judge.unsandboxed` replaces the supervisor, and the judge runs in the same process.

`nbgrader_steps` offers the same to nbgrader's own commands, `judge_settings` turns it on in any
nbgrader course, `run.compare` shows where points would differ there, `sandbox_probes` tries out
the sandbox for `doctor`, and `simulated_class` makes up students for `demo` and the tests. Packages
and modules are listed from the lowest: text_files, terminal; notebook; sandbox; remote; judge;
course; reports; hand_grading; run; nbgrader_steps. A package imports only packages before it.
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
