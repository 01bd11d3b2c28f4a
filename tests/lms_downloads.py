"""Zip files as Canvas and Moodle hand them out, and nbgrader's `zip_collect` in this process."""

from __future__ import annotations

import contextlib
import io
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from nbgrader.apps.zipcollectapp import ZipCollectApp

from tests.classroom import PS1, RIGHT, Classroom
from utils.grading.simulated_class import Student, write_submission


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    """Return a zip file's bytes."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return data.getvalue()


def solved(room: Classroom, folder: Path, answers: Mapping[str, str] = RIGHT) -> bytes:
    """Return a notebook with answers."""
    path = folder / "solved.ipynb"
    released = room.root / "assignments" / PS1 / f"{PS1}.ipynb"
    write_submission(Student("somebody", "", dict(answers)), released, path)
    return path.read_bytes()


def download(room: Classroom, files: Mapping[str, bytes | str], problem_set: str = PS1) -> Path:
    """Put a zip file of the class, and what else is given by name, where it belongs."""
    archive = room.root / "grading" / "downloaded" / problem_set / "archive"
    archive.mkdir(parents=True, exist_ok=True)
    (archive / "submissions.zip").write_bytes(zipped(files))
    return archive


def collect(room: Classroom, *options: str, problem_set: str = PS1) -> str:
    """Run `nbgrader zip_collect` and return what it prints on the terminal."""
    said = io.StringIO()
    before = Path.cwd()
    ZipCollectApp.clear_instance()
    os.chdir(room.root)
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            app = ZipCollectApp.instance()
            app.initialize([problem_set, *options])
            app.start()
    finally:
        os.chdir(before)
        # Else the garbage collector closes them, and with them those of the next one's log.
        ZipCollectApp.instance().close_handlers()
        ZipCollectApp.clear_instance()
    return said.getvalue()
