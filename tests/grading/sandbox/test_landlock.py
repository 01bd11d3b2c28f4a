"""The sandbox of kind landlock: the installation is read, one's own folder written, no more."""

import json
import os
from pathlib import Path

import pytest

from tests.grading.sandbox.child import FORKS, attempt, in_a_child
from utils.grading.sandbox import landlock, seccomp, system_calls
from utils.system import ROOT

pytestmark = pytest.mark.skipif(not system_calls.LINUX, reason="submissions are graded on Linux")


@FORKS
@pytest.mark.parametrize(
    ("kind", "home", "solutions"),
    [(seccomp.STUDENT, "", "PermissionError"), (seccomp.JUDGE, "PermissionError", "")],
)
def test_few_files_can_be_opened(tmp_path, kind, home, solutions):
    if not landlock.landlock_version():
        pytest.skip("this kernel has no Landlock")
    secret, folder = tmp_path / "secret", tmp_path / "home"
    secret.touch()
    folder.mkdir()
    (folder / "old").touch()

    def restricted(answer):
        system_calls.prctl(system_calls.PR_SET_NO_NEW_PRIVS, 1)
        landlock.restrict_files(str(folder), kind)
        return [
            attempt(secret.read_bytes),
            attempt((folder / "new").write_text, "x"),
            attempt(os.open, folder / "old", os.O_WRONLY),
            attempt((ROOT / "utils" / "functions.py").read_bytes),
            attempt((ROOT / "utils" / "system.py").read_bytes),
            attempt(Path(json.__file__).read_bytes),
            attempt(os.listdir, "/"),
        ]

    found = in_a_child(restricted)
    assert found == ["PermissionError", home, home, solutions, "", "", "PermissionError"]


def test_without_landlock_nothing_is_said_to_be_restricted(tmp_path, monkeypatch):
    monkeypatch.setattr(landlock, "LINUX", False)
    assert landlock.landlock_version() == 0
    with pytest.raises(OSError, match="the kernel has no Landlock"):
        landlock.restrict_files(str(tmp_path), seccomp.STUDENT)


@pytest.mark.parametrize(("place", "readable"), [("/usr/lib", True), ("", False), ("/none", True)])
def test_an_installation_in_a_private_folder_is_not_for_strangers(
    tmp_path, monkeypatch, place, readable
):
    tmp_path.chmod(0o750)
    monkeypatch.setattr(landlock, "installation", lambda: [place or str(tmp_path)])
    assert landlock.readable_by_all.__wrapped__() == readable
