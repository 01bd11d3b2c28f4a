"""The rooms of `utils` that a student's cells must not import: they hold the solutions."""

from __future__ import annotations

import sys
from typing import Any

# The course's own solutions, and the staff's rooms.
MASKED = ("functions", "gradients", "layers", "networks", "training", "grading", "commands")


class Masked:
    """Finds nothing, and says why, where a student's cell imports the course's own solutions."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        package, _, room = name.partition(".")
        if package == "utils" and room.partition(".")[0] in MASKED:
            raise ImportError(
                f"{name} is not there when work is graded: it holds the course's own solutions. "
                "Use the functions that you write in this notebook.",
                name=name,
            )


def forget_staff_modules() -> None:
    """Take the rooms that students must not use out of the interpreter's table."""
    for name in list(sys.modules):
        package, _, room = name.partition(".")
        if package == "utils" and room.partition(".")[0] in MASKED:
            del sys.modules[name]
    package = sys.modules.get("utils")
    for room in MASKED:
        if hasattr(package, room):
            delattr(package, room)
    sys.meta_path.insert(0, Masked())
