"""On macOS and Windows: `grade` says where it runs, everything else works."""

import json
import os
import re
import subprocess
import sys

import pytest

from tests.classroom import PS1, ROOT

# What is not there: modules, functions and constants that only Linux or Unix has. The libraries
# under the course are imported first, they have builds of their own for each system.
ELSEWHERE = """
import json, sys, os
import nbgrader.api, nbgrader.apps, scipy.sparse, IPython.display, distributed, tqdm
system, commands = sys.argv[1], json.loads(sys.argv[2])
for name in ("resource", "fcntl", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_DIRECTORY", "fork", "memfd_create",
             "pidfd_open", "sched_getaffinity", "getuid"):
    if system == "win32" or name in ("memfd_create", "pidfd_open", "sched_getaffinity"):
        delattr(os, name)
sys.platform = system
"""
RUN = """
from importlib import import_module
for command, *arguments in commands:
    print("status", import_module("utils.commands." + command).main(arguments))
"""


def call(
    system: str, *commands: list[str], extra: str = "", **variables: str
) -> subprocess.CompletedProcess:
    """Run commands as if on another system, after some extra code, with variables set."""
    code = ELSEWHERE + extra + RUN
    return subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", code, system, json.dumps(commands)],
        capture_output=True,
        encoding="utf-8",
        timeout=240,
        cwd=ROOT,
        env=os.environ | variables,
    )


@pytest.mark.slow
@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_grade_says_where_it_runs_and_check_and_report_work(system, classroom, workers):
    classroom.submit("akiko", {})
    classroom.workers = workers
    classroom.regrade()
    released = ROOT / "assignments" / PS1 / f"{PS1}.ipynb"
    course = [PS1, "--course", str(classroom.root)]
    done = call(system, ["grade", *course], ["check", str(released)], ["report", *course])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Submissions are graded on Linux")
    _, grade, checked, check, reported, report, _ = re.split(r"status (\d)\n", done.stdout)
    assert (grade, check, report) == ("1", "1", "0"), done.stderr
    assert "0 of" in checked
    assert "written:" in reported


@pytest.mark.slow
@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_the_demo_begins_and_says_who_grades(system, tmp_path):
    old = tmp_path / "grading-old"
    old.mkdir()
    os.utime(old, (0, 0))
    stop = "\nfrom utils.commands import demo\ndemo.make_course = lambda folder: sys.exit(7)\n"
    begun = call(system, ["demo"], extra=stop, TMPDIR=str(tmp_path))
    assert begun.returncode == 7, begun.stderr
    assert begun.stdout.startswith("Submissions are graded on Linux")
    assert "nbgrader grades it" in begun.stdout
