"""The grader: a submission is graded by tests that run in a process without the student's code.

Five kinds of processes work together. The last two exchange values of known types and the numbers
of objects, never code.

    grader --Dask--> worker --socket--> fork server --fork--> judge
                                                    --fork--> student process

1. The **grader** is the main process of `grade` and the only one of the five that writes to the
   gradebook (so do `handgrade` and nbgrader's own commands).
   `run.runner` plans a run, sends submissions to workers and records the results;
   `run.cluster` starts Dask, and `run.temporary_files` removes temporary files afterwards.
   `course` knows the folders and settings, collects submissions, and handles the gradebook,
   scores and lateness. `reports` writes everything that people read; `hand_grading` serves the
   page on which a person grades written answers.
2. A **worker** of Dask, `run.worker`, started with `run.preload`. `judge.grade_notebook` grades one
   submission: `notebook.reading` reads the file, `notebook.restore` puts the course's cells back,
   `judge.fork_server.ForkServer` passes the submission on, `judge.results` validates the answer as
   if a student had written it, and `notebook.reasons` says why a task earned nothing. The outcome
   is a `notebook.result.GradingResult`, which the gradebook and the reports read.
3. The **fork server** of a worker, `judge.fork_server_process`: it imports NumPy once, does the
   work that all submissions have in common (`judge.warm_up`), and reads no submission. For each
   submission it has a `sandbox.supervisor.Supervisor`, which starts the next two processes
   (`sandbox.process`), watches them and ends them. Their sandboxes come from
   `sandbox.namespaces` or `sandbox.landlock`, `sandbox.seccomp` (system calls) and
   `sandbox.cgroups` (kernel memory); `sandbox.visible_files` lists what they may see, and
   `sandbox.isolation` applies it all.
   These processes talk to each other and to the grader over `sandbox.messages`.
4. The **judge**, in its own sandbox: `judge.judge` runs the test cells. `judge.names` resolves
   the names in them, `judge.verdict` reads points, `judge.hidden_test_policy` decides when a
   hidden test runs and what is shown of it. `judge.student_client` starts the student process and
   asks it, `judge.time_limits` limits its time, `judge.notes` collects notes for a person;
   `remote.judge_connection` is the judge's end of the connection, and a `remote.proxy` stands for
   each of the student's objects. `judge.effects` applies to the student process what a test changes
   besides values; `judge.patched_library` lets `inspect`, `type` and `pyplot` ask there.
5. The **student process**, in its sandbox: `judge.student_process` runs the student's cells,
   `remote.student_connection` answers the judge, and `remote.student_objects` describes the
   objects on its side; `sandbox.blocked_imports` blocks the modules that contain solutions.

The package `sandbox` starts, confines, watches and ends these last two processes, `remote` is
the connection between them with both its ends, and `judge` uses it to turn a submission into a
result. `notebook.shell` runs cells in both.

`check` starts one process, `run.check_process`, which is grader, worker and fork server in one and
runs the visible tests (with `--finished` the hidden ones, too). Where no sandbox exists,
`judge.unsandboxed` replaces the supervisor, and the judge runs in the same process.

`nbgrader_steps` provides the same to nbgrader's own commands, `judge_settings` enables it in any
nbgrader course, `run.compare` shows where points would differ there, `sandbox_probes` tests
the sandbox for `doctor`, and `simulated_class` makes up students for `demo` and the tests. The
packages and modules, lowest first: text_files, terminal; notebook; sandbox; remote; judge;
course; reports; hand_grading; run; nbgrader_steps. A package imports only packages before it.
"""

import functools
import importlib
import importlib.util
import sys
import types
from typing import Any

# nbformat loads all of jsonschema's format checkers. One builds a grammar of web addresses on
# import, 1.4 s in every process that reads a notebook; one handles durations. No notebook
# contains anything that these would check.
for name in ("rfc3987_syntax", "isoduration"):
    sys.modules.setdefault(name, None)  # type: ignore[arg-type]


def spare_imports() -> None:
    """Keep nbgrader from importing modules that grading never calls.

    Call this before nbgrader is imported; afterwards it has no effect.
    """
    # `import nbgrader` also imports its web servers.
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
    """Import `setuptools.archive_util` now, and call a function of it."""
    name = "setuptools.archive_util"
    del sys.modules[name]
    getattr(importlib.import_module(name), function)(*arguments, **named)
