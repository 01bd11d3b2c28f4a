"""Headless Chromium, for the browser tests and the pictures of the README."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


class ChromiumError(RuntimeError):
    """Chromium cannot be started; the message says what to do."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start Chromium, and end it afterwards.

    Raises:
        ChromiumError: Chromium or the package that controls it is missing.
    """
    program = next((path for path in map(shutil.which, PROGRAMS) if path), None)
    if program is None:
        raise ChromiumError(
            "this needs Chromium, which is not on this machine: install it (on Debian and Ubuntu, "
            "apt-get install chromium) and call this again"
        )
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise ChromiumError(
            f"this needs the package playwright of requirements.txt ({error}): call "
            "`python3 -m utils doctor`, and then this again"
        ) from error
    with sync_playwright() as playwright:
        as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *as_root])
        try:
            yield browser
        finally:
            browser.close()
