"""Block the modules of `utils` that contain solutions from a student's imports."""

from __future__ import annotations

import sys
from typing import Any

# The course's own solutions, and the staff's modules.
BLOCKED = ("functions", "gradients", "layers", "networks", "training", "grading", "commands")


class BlockedImports:
    """An import finder that raises an explanation for modules that contain solutions."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        package, _, module = name.partition(".")
        if package == "utils" and module.partition(".")[0] in BLOCKED:
            raise ImportError(
                f"{name} is not there when work is graded: it holds the course's own solutions. "
                "Use the functions that you write in this notebook.",
                name=name,
            )


def forget_staff_modules() -> None:
    """Remove the blocked modules from `sys.modules`."""
    package = sys.modules.get("utils")
    for module in BLOCKED:
        _forget(f"utils.{module}")
        if hasattr(package, module):
            delattr(package, module)
    sys.meta_path.insert(0, BlockedImports())


def _forget(name: str) -> None:
    """Remove a module and its submodules from `sys.modules`.

    Looping over all of `sys.modules` would touch every name in it, and so copy much of the memory
    of a process that has just been forked.
    """
    module = sys.modules.pop(name, None)
    for part in list(vars(module)) if module else ():
        if f"{name}.{part}" in sys.modules:
            _forget(f"{name}.{part}")
