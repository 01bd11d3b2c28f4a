"""The sandbox of kind namespaces: a process tree, and file systems that show little."""

import os
from pathlib import Path

import pytest

from tests.grading.sandbox.child import FORKS, attempt, in_a_child
from utils.grading.sandbox import namespaces, seccomp, system_calls
from utils.system import ROOT

pytestmark = pytest.mark.skipif(not system_calls.LINUX, reason="submissions are graded on Linux")


@FORKS
def test_the_file_systems_of_students_and_judges_show_little_and_are_read_only(tmp_path):
    package, secret = ROOT / "utils", tmp_path / "secret"
    secret.touch()
    folder = tmp_path / "roots"
    folder.mkdir()

    def made(answer):
        namespaces.leave_machine()
        namespaces.make_roots(str(folder))
        if namespaces._why_not:
            return namespaces._why_not
        found = {"first": os.getpid(), "roots": sorted(os.listdir(folder))}
        for kind, root in namespaces._roots.items():
            paths = (package / "functions.py", package / "system.py", secret, "/dev/null")
            found[kind] = [os.path.exists(f"{root}{path}") for path in paths]
            found[kind].append(attempt(Path(f"{root}/new").touch))
        namespaces.leave_roots()
        return found | {"left": os.listdir(folder)}

    found = in_a_child(made)
    if isinstance(found, str):
        pytest.skip(f"there are no namespaces here: {found}")
    assert found == {
        "first": 1,
        "roots": sorted([seccomp.STUDENT, seccomp.JUDGE]),
        seccomp.STUDENT: [False, True, False, True, "OSError"],
        seccomp.JUDGE: [True, True, False, True, "OSError"],
        "left": [],
    }
    assert os.listdir(folder) == []  # out here nothing was ever mounted


def test_who_has_not_left_the_machine_makes_no_process_tree(tmp_path):
    with pytest.raises(OSError, match="the fork server has not left the machine"):
        namespaces.new_process_tree()
    namespaces.make_roots(str(tmp_path))
    assert os.listdir(tmp_path) == []


@FORKS
def test_a_childs_number_in_proc():
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(write)
        os.read(read, 1)
        os._exit(0)
    process = os.pidfd_open(child)
    assert namespaces.number_in_proc(process) == str(child)
    os.write(write, b"x")
    os.waitpid(child, 0)
    for fd in (read, write, process):
        os.close(fd)


def test_each_process_of_root_gets_a_user_of_its_own():
    users = [namespaces.stranger() for _ in range(3)]
    if os.geteuid() or users[0] in (None, namespaces.NOBODY):
        assert len(set(users)) == 1
    else:
        assert len(set(users)) == 3
        assert min(users) >= namespaces.FIRST_FREE
