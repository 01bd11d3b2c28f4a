"""Who handed in what, by the names of the files in a zip file from Canvas or Moodle.

`Collector` is a plugin of nbgrader's own `zip_collect`. These are the names that it knows, as they
lie in the zip file:

    doejohn_12345_67890_ps1.ipynb                           Canvas: NAME_USER_FILE_...
    doejohn_LATE_12345_67890_ps1-1.ipynb                    Canvas, late and handed in again
    John Doe_1234567_assignsubmission_file/ps1.ipynb        Moodle: NAME_PARTICIPANT_...
    John Doe_1234567_assignsubmission_file_ps1.ipynb        Moodle, without folders

The student's id becomes `doejohn_canvas12345` or `John Doe_moodle1234567`: two students of one name
stay two, and `report --format canvas` and `--format moodle` find the number in the id again. It is
Canvas's own number of the user, the same in every assignment. Moodle's is the number that it calls
*Participant*, another one for each assignment.

A zip file does not say when something was handed in: the times in it are those of the download.
"""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import Any

from nbgrader.plugins import FileNameCollectorPlugin

SYSTEMS = ("canvas", "moodle")
NAMES = (  # in a path within the zip file, which begins with a slash; the outermost one counts
    r".*?/(?P<student_id>[^/]+?)(?P<late>_LATE)?_"
    r"(?:(?P<canvas>\d+)_(?P<file>\d+)_|(?P<moodle>\d+)_assignsubmission_file_?)"
    r"(?:.*/)?(?P<file_id>[^/]+?)(?:-\d+)?\.ipynb$"
)
ID = re.compile(rf"(?P<name>.+)_(?P<system>{'|'.join(SYSTEMS)})(?P<number>\d+)", re.DOTALL)


def number_of(student: str, system: str) -> str:
    """Return the number that a system has given a student, "" if the id holds none of its.

    Args:
        student: the student's id.
        system: "canvas" or "moodle".
    """
    match = ID.fullmatch(student)
    return match["number"] if match and match["system"] == system else ""


def name_of(student: str) -> str:
    """Return a student's id without the number that a system has given, the id if there is none."""
    match = ID.fullmatch(student)
    return match["name"] if match else student


class Collector(FileNameCollectorPlugin):
    """Takes in notebooks that Canvas or Moodle hands out.

    The outermost name of that kind says who handed a file in, for that one is the system's. What
    comes after it, such as files in a student's own zip file, has names that the student chose.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.named_regexp = self.named_regexp or NAMES
        self.best: dict[tuple[str | None, str | None], tuple[int, ...]] | None = None

    def collect(self, submitted_file: str) -> dict[str, Any] | None:
        """Return whose file this is and which, None if it is to be left out.

        Args:
            submitted_file: a file that nbgrader has taken out of a zip file.

        Returns:
            "student_id" and "file_id", and what else a regular expression of the site's names.
        """
        path = Path(submitted_file)
        about = self._about(path)
        if about is None:
            return None
        if self.best is None:
            self.best = self._best()
        if self._rank(path, about) < self.best[_key(about)]:
            self.log.warning("%s: left out, another one of the student's of that name counts", path)
            return None
        if about.get("late"):
            self.log.warning(
                "%s: late, says Canvas, but not when; write the time to timestamp.txt beside the "
                "submission if that is to cost points",
                about["student_id"],
            )
        return {name: value for name, value in about.items() if value is not None}

    def _about(self, path: Path) -> dict[str, Any] | None:
        """Return what a file's name says, None if it is not a notebook or says nothing."""
        if path.suffix not in self.valid_ext:
            return None
        match = re.match(self.named_regexp, self._within_zip_file(path), re.DOTALL)
        if match is None:
            return None
        about = match.groupdict()
        for system in SYSTEMS:
            if about.get(system):
                about["student_id"] += f"_{system}{int(about[system])}"
        return about

    def _best(self) -> dict[tuple[str | None, str | None], tuple[int, ...]]:
        """Return the highest rank of each student's file of each name."""
        best: dict[tuple[str | None, str | None], tuple[int, ...]] = {}
        for path in self._folder("extracted").rglob("*"):
            about = self._about(path)
            if about is not None:
                rank = self._rank(path, about)
                best[_key(about)] = max(best.get(_key(about), rank), rank)
        return best

    def _rank(self, path: Path, about: dict[str, Any]) -> tuple[int, ...]:
        """Return what makes one file count and not another that a student has given the same name.

        Canvas numbers files as they come in. Of one submission, the one without a number at its
        end counts, then the one that is not in a folder within. If it is the site that says what
        the names are, nbgrader compares the times in them.
        """
        if "file" not in about:
            return ()
        return int(about.get("file") or 0), path.stem.endswith(about["file_id"]), -len(path.parts)

    def _within_zip_file(self, path: Path) -> str:
        """Return a path in the zip file with a slash before it."""
        try:
            parts = path.relative_to(self._folder("extracted")).parts
        except ValueError:
            return f"/{path.name}"
        archive, pattern = self._folder("archive"), f"{glob.escape(parts[0])}.*"
        if len(parts) > 1 and any(file.is_file() for file in archive.glob(pattern)):
            parts = parts[1:]  # nbgrader's folder for the contents of a zip file
        return "/" + "/".join(parts)

    def _folder(self, step: str) -> Path:
        """Return the folder of a step of `zip_collect`: "archive" or "extracted"."""
        app = self.parent
        return Path(
            app.coursedir.root,
            app.collect_directory_structure.format(
                downloaded=app.downloaded_directory,
                assignment_id=app.coursedir.assignment_id,
                collect_step=getattr(app, f"{step}_directory"),
            ),
        )


def _key(about: dict[str, Any]) -> tuple[str | None, str | None]:
    return about.get("student_id"), about.get("file_id")
