"""What the course is compared with, and what is said where it is not installed."""

from __future__ import annotations

import importlib
from types import ModuleType

INSTALL = "`python3 -m utils bench --install-peers` installs it"


class Package:
    """A package that may be there or not.

    Attributes:
        module: the package, None where it is not installed.
    """

    def __init__(self, name: str, what: str) -> None:
        self.what = what
        self.module: ModuleType | None = None
        try:
            self.module = importlib.import_module(name)
        except ImportError as error:
            self.why = str(error)

    def notes(self) -> list[str]:
        """Return what a table says of a peer that is not there."""
        if self.module:
            return []
        return [f"Skipped: {self.what}, for it is not installed ({self.why}); {INSTALL}."]


torch = Package("torch", "PyTorch")
