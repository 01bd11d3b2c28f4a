"""The modules of `utils` that a student's cells must not import: they hold the solutions."""

from __future__ import annotations

import sys
from typing import Any

# The course's own solutions, and the staff's modules.
BLOCKED = ("functions", "gradients", "layers", "networks", "training", "grading", "commands")


class BlockedImports:
    """Finds nothing, and says why, where a student's cell imports the course's own solutions."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        package, _, module = name.partition(".")
        if package == "utils" and module.partition(".")[0] in BLOCKED:
            raise ImportError(
                f"{name} is not there when work is graded: it holds the course's own solutions. "
                "Use the functions that you write in this notebook.",
                name=name,
            )


def forget_staff_modules() -> None:
    """Take the modules that students must not use out of the interpreter's table."""
    package = sys.modules.get("utils")
    for module in BLOCKED:
        _forget(f"utils.{module}")
        if hasattr(package, module):
            delattr(package, module)
    sys.meta_path.insert(0, BlockedImports())


def _forget(name: str) -> None:
    """Forget a module and what lies in it.

    To go through all of the table instead would touch every name in it, and so copy, in a process
    that has just been forked, a good part of its memory.
    """
    module = sys.modules.pop(name, None)
    for part in list(vars(module)) if module else ():
        if f"{name}.{part}" in sys.modules:
            _forget(f"{name}.{part}")
