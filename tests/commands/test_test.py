"""`test`: what it runs is what the pre-commit hooks run."""

import re

from utils.commands.test import CHECKS


def test_the_hooks_run_the_same_programs(root):
    config = (root / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    entries = re.findall(r"(?m)^ +entry: (.+)$", config)
    for program, *arguments in CHECKS:
        command = f".venv/bin/python -m {' '.join([program, *arguments])}".removesuffix(" .")
        assert any(f"{entry} ".startswith(f"{command} ") for entry in entries), command
