"""Unpacks what Canvas or Moodle hands out, and what students put into it, for `zip_collect`.

`Extractor` is a plugin of nbgrader's. Each archive in `archive/` gets a folder of its own in
`extracted/`; archives of students in it are unpacked, too. What cannot be unpacked stays as it is
and gets a sentence. The sentences of nbgrader's log go to a file, a summary goes to the terminal.
"""

from __future__ import annotations

import logging
import re
import shutil
from pathlib import Path
from typing import Any

from nbgrader.plugins import ExtractorPlugin

from utils.grading.course import archives
from utils.grading.course.archive_members import BadArchive, Budget
from utils.grading.course.archives import CLASS
from utils.grading.course.zip_names import UNPACKED, readings
from utils.grading.text_files import plain

LOG = "zip_collect.log"
OWN_FOLDER = re.compile(r"archive-\d+")  # of an archive of the whole class, in `extracted/`


class Extractor(ExtractorPlugin):
    """Unpacks archives within limits; a bad one costs nobody but its owner.

    Attributes:
        problems: the file in `extracted/` and a sentence, for each that could not be unpacked.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.problems: list[tuple[Path, str]] = []
        if self.parent is not None:
            archive = Path(self.parent._format_collect_path(self.parent.archive_directory))
            if archive.is_dir():  # else nbgrader's own log says that it is not there
                log_to_file(self.parent, archive.parent / LOG)

    def extract(self, archive_path: str, extracted_path: str) -> None:
        """Unpack or copy everything in `archive/` to `extracted/`.

        Args:
            archive_path, extracted_path: the two folders.
        """
        archive, extracted = Path(archive_path), Path(extracted_path)
        files = [
            path
            for path in sorted(archive.rglob("*"))
            if path.is_file() and not archives.JUNK.search(path.relative_to(archive).as_posix())
        ]
        # Somebody has unpacked the class's archive already: then these are students' archives.
        single = any(readings(path.name) and not archives.ending(path.name) for path in files)
        number = 0
        for path in files:
            folder = extracted / path.parent.relative_to(archive)
            if archives.is_archive(path) and not (single and readings(path.name)):
                number += 1
                self._unpack(path, folder / f"archive-{number}")
            else:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, folder / plain(path.name))
        if not files:
            print(f"there is nothing in {archive}: put the zip file of Canvas or Moodle there")
        self._unpack_students(extracted)

    def _unpack(self, path: Path, target: Path) -> None:
        self.log.info("Unpacking %s to %s", path, target)
        try:
            done = archives.unpack(path, target, Budget(**vars(CLASS)))
        except BadArchive as error:
            print(f"{path.name} {error}; download it again. Nobody is collected from it.")
            return
        for problem in done.problems:
            name = problem.partition(" in it ")[0]
            self.problems.append((target / name, f"{problem.replace(' in it ', ' ', 1)}"))

    def _unpack_students(self, extracted: Path) -> None:
        """Unpack students' archives; what each may take is for all of theirs together."""
        budgets: dict[tuple[str, ...], Budget] = {}
        for path in sorted(extracted.rglob("*")):
            if path.is_symlink() or not path.is_file() or not archives.is_archive(path):
                continue
            parts = path.relative_to(extracted).parts
            named = [
                bool(readings(part, place < len(parts) - 1)) for place, part in enumerate(parts)
            ]
            owner = parts[: named.index(True) + 1] if True in named else parts
            budget = budgets.setdefault(owner, Budget())
            is_owners = owner == parts  # so its name says whose it is, and that of its folder, too
            folder = path.name + UNPACKED if is_owners else ""
            self.problems += archives.unpack_beside(path, budget, folder)


def log_to_file(app: Any, path: Path) -> None:
    """Let nbgrader's log go to a file, and only its errors to the terminal."""
    logger = app.log
    if int(app.log_level) <= logging.DEBUG:
        return  # who asks for --debug wants to see it all
    found: logging.Logger | None = logger if isinstance(logger, logging.Logger) else logger.logger
    while found:
        for handler in found.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.setLevel(logging.ERROR)
        found = found.parent if found.propagate else None
    handler = logging.FileHandler(path, mode="w", encoding="utf-8", errors="replace")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    (logger if isinstance(logger, logging.Logger) else logger.logger).addHandler(handler)
