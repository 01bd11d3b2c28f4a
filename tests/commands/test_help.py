"""`--help` of each command says what the command is for, to anybody."""

import subprocess
import sys

import pytest

from utils.system import ROOT

COMMANDS = sorted(path.stem for path in (ROOT / "utils" / "commands").glob("[a-z]*.py"))


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "test"])
def test_help_is_printed(command):
    done = subprocess.run(
        [sys.executable, "-m", "utils", command, "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "--help" in done.stdout
    assert "Traceback" not in done.stderr
