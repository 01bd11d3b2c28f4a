"""The codec under messages that no encoder writes, in processes of their own; see `codec_fuzz`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("codec_fuzz.py")


@pytest.mark.parametrize(("part", "examples"), [("bytes", 300), ("mutated", 500), ("judge", 40)])
def test_no_message_crashes_the_judge_or_takes_what_was_never_written(part, examples):
    result = subprocess.run(
        [sys.executable, PROGRAM, part, str(examples)],
        env=os.environ | {"PYTHONMALLOC": "debug", "PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert result.returncode == 0, result.stderr[-4000:]
    read, refused, answered = map(int, result.stdout.split())
    assert min(read, refused) > examples // 40  # both happen, or it would show little
    assert answered > 0 or part == "judge"
