"""Whose a file is, by the name that Canvas or Moodle gave it.

    doejohn_12345_67890_ps1.ipynb                           Canvas: NAME_USER_FILE_...
    doejohn_LATE_12345_67890_ps1-1.ipynb                    Canvas, late and handed in again
    John Doe_1234567_assignsubmission_file/ps1.ipynb        Moodle: NAME_PARTICIPANT_...
    John Doe_1234567_assignsubmission_file_ps1.ipynb        Moodle, without folders

Students choose parts of these: what follows, and sometimes their own name. So a name may be read in
more than one way, and all of them are given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

SYSTEMS = ("canvas", "moodle")
UNPACKED = " unpacked"  # ends the name of the folder of an archive that somebody handed in
ID = re.compile(
    rf"(?P<name>.+)_(?P<system>{'|'.join(SYSTEMS)})(?P<number>\d+)", re.DOTALL | re.ASCII
)
_MOODLE = re.compile(r"_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)(?=_|$)", re.ASCII)
_CANVAS = re.compile(r"(?P<late>_LATE)?_(?P<number>\d+)_(?=(?P<file>\d+)_(?=.))", re.ASCII)


@dataclass(frozen=True)
class Reading:
    """One way to read a name.

    Attributes:
        system: "canvas" or "moodle".
        name: the person's, as the system writes it.
        number: the person's: Canvas's own of the user, or Moodle's of the participant.
        rest: the file's name as the student chose it; "" for a folder.
        marker: the name up to where `rest` begins.
        file: Canvas's number of the file, which grows with time; 0 for Moodle.
        late: whether Canvas calls it late.
    """

    system: str
    name: str
    number: str
    rest: str
    marker: str
    file: int = 0
    late: bool = False

    @property
    def key(self) -> str:
        """The system and the number."""
        return f"{self.system}{int(self.number)}"

    @property
    def student(self) -> str:
        """The id of a student of whom no more is known; it can be a folder's name."""
        return f"{re.sub(r'^[.]', '_', self.name)}_{self.key}"


def readings(name: str, folder: bool = False) -> list[Reading]:
    """Return all ways to read a file's or a folder's name, the first marker's before others.

    Args:
        name: one part of a path.
        folder: whether it is a folder's. Moodle's end with the marker, and a student chooses
            nothing in it but their own name. One that was an archive is read as the archive is.
    """
    if folder and name.endswith(UNPACKED):
        name, folder = name.removesuffix(UNPACKED), False
    found = []
    for match in _MOODLE.finditer(name):
        rest = name[match.end() :]
        person = name[: match.start()]
        if not person or (folder and rest not in ("", "_")):
            continue
        if not folder and rest in ("", "_"):
            continue
        marker = name if folder else name[: match.end() + 1]
        found.append(Reading("moodle", person, match["number"], rest[1:], marker))
    if found:
        return found[-1:] if folder else found
    for match in _CANVAS.finditer(name):
        if match.start():
            end = match.end() + len(match["file"]) + 1
            found.append(
                Reading(
                    "canvas",
                    name[: match.start()],
                    match["number"],
                    name[end:],
                    name[:end],
                    int(match["file"]),
                    bool(match["late"]),
                )
            )
    return found


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
