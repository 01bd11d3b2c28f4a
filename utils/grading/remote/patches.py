"""Name and set what a test patches, in both processes: a name of a module or of a class."""

from __future__ import annotations

import builtins
import importlib
from typing import Any

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))


def address_of(owner: Any) -> str:
    """Return "MODULE" or "MODULE:CLASS" for a module or class."""
    if isinstance(owner, type):
        return f"{owner.__module__}:{owner.__qualname__}"
    return owner.__name__


def found_at(address: str) -> Any:
    """Import a module and return it, or the object in it, from "MODULE" or "MODULE:NAME"."""
    module, _, path = address.partition(":")
    found: Any = importlib.import_module(module)
    for part in filter(None, path.split(".")):
        found = getattr(found, part)
    return found


def set_name(owner: Any, name: str, *value: Any) -> None:
    """Set a name of a module or class; without a value, delete the name."""
    if value:
        setattr(owner, name, value[0])
    elif name in vars(owner):
        delattr(owner, name)
