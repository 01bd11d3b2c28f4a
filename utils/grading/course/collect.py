"""Collect the files in a download from Canvas or Moodle into the students' folders.

`Collector` is a plugin of nbgrader's own `zip_collect`. It collects all files of everyone who
handed in a notebook, whatever its name. The class list identifies the student, see `roster`;
somebody who is not in it gets an id such as `doejohn_canvas12345` or `John Doe_moodle1234567`.

Everything that arrived, collected or not, is recorded in `collected.json` beside the archive's
folder: reports list everyone in it, and `lms` uses it to name the feedback files for the system.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
from collections import defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nbgrader.plugins import FileNameCollectorPlugin

from utils.grading.course import lateness, roster
from utils.grading.course.archives import JUNK, free_name
from utils.grading.course.notebook_choice import is_notebook, kinds
from utils.grading.course.roster import STUDENTS, Matcher, RosterError
from utils.grading.course.unpack import LOG, OWN_FOLDER
from utils.grading.course.zip_names import Reading, readings
from utils.grading.notebook.extra_files import SKIPPED
from utils.grading.terminal import clean
from utils.grading.text_files import plain
from utils.system import atomic_write

COLLECTED = "collected.json"
ROWS = 10  # of the summary for each kind of message


@dataclass
class Arrival:
    """One student's submission to one problem set, as it arrived.

    Attributes:
        system: "canvas" or "moodle".
        name, number: the student's name and number in that system.
        marker: the name of the student's folder in the archive, or the prefix of their file names.
        files: names in the student's folder -> names in the archive.
        problems: sentences on what could not be collected.
        late: whether Canvas marks it as late.
        time: the submission time in UTC, from a CSV file of the system; "" if unknown.
    """

    system: str
    name: str
    number: str
    marker: str
    files: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    late: bool = False
    time: str = ""


def read_arrivals(path: Path) -> dict[str, Arrival]:
    """Read what was collected for a problem set, by student; {} if there is no valid file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {student: Arrival(**about) for student, about in found["students"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


class Collector(FileNameCollectorPlugin):
    """Collects all files in a download from Canvas or Moodle.

    The outermost name in the system's format identifies the student, since the system wrote it. The
    names inside it, such as those in a student's own zip file, were chosen by the student.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.plan: dict[Path, dict[str, Any]] | None = None
        self.arrivals: dict[str, Arrival] = {}
        self.ids: dict[Reading, str] = {}
        self.news: dict[str, list[str]] = defaultdict(list)
        transfer = self.parent._transfer_files

        def transfer_and_report(data: dict[str, Any]) -> None:
            transfer(data)
            self._finish(data)

        self.parent._transfer_files = transfer_and_report

    def collect(self, submitted_file: str) -> dict[str, Any] | None:
        """Return the student and the name of a file, or None to leave it out.

        Args:
            submitted_file: a file that nbgrader has extracted from the archive.

        Returns:
            "student_id", "file_id", and "timestamp" if the time is known; and further groups of
            the site's own regular expression.
        """
        if self.plan is None:
            try:
                self.plan = self._by_site() if self.named_regexp else self._survey()
            except (RosterError, lateness.ExtensionsError) as error:
                self.parent.fail(str(error))
        return (self.plan or {}).get(Path(submitted_file))

    def _by_site(self) -> dict[Path, dict[str, Any]]:
        """Return the groups that the site's own regular expression matches in each file's name."""
        plan = {}
        for path, within in self._files():
            match = re.match(self.named_regexp, f"/{within}", re.DOTALL)
            if match and path.suffix in self.valid_ext:
                found = {name: value for name, value in match.groupdict().items() if value}
                if "student_id" in found:
                    found["student_id"] = plain(found["student_id"])
                plan[path] = found
            else:
                self.news["left out, since the name identifies nobody"].append(within)
        return plan

    def _files(self) -> list[tuple[Path, str]]:
        """Return all extracted files, with their names in the class's archive."""
        top = self._folder("extracted")
        found = []
        for path in sorted(top.rglob("*")):
            if path.is_file() and not path.is_symlink():
                found.append((path, self._within(path)))
        return [(path, name) for path, name in found if not JUNK.search(name)]

    def _within(self, path: Path) -> str:
        parts = path.relative_to(self._folder("extracted")).parts
        own = [place for place, part in enumerate(parts) if OWN_FOLDER.fullmatch(part)]
        return "/".join(parts[own[0] + 1 if own else 0 :])

    # Whose each file is -----------------------------------------------------------------------

    def _survey(self) -> dict[Path, dict[str, Any]]:
        """Return for each file to collect the student, the file's new name and the time."""
        listed, said = roster.read_listed(self._folder("archive"))
        self.news["not used"] += said
        files = [(path, within, *_outermost(within)) for path, within in self._files()]
        problems = [
            (sentence, _outermost(self._within(path))[0])
            for path, sentence in getattr(self.parent.extractor_plugin_inst, "problems", [])
        ]
        known = {f"moodle{int(n)}": row.name for row in listed for n in row.numbers if row.name and
                 row.system == "moodle" and n.isdecimal()}  # fmt: skip
        for options in [*(one[2] for one in files), *(one[1] for one in problems)]:
            if len(options) == 1:
                known[options[0].key] = options[0].name
        whose = [self._choose(options, known) for *_, options, _ in files]
        blamed = [self._choose(options, known) for _, options in problems]
        self._name_people([one for one in [*whose, *blamed] if one], listed)
        mine: dict[str, list[tuple[Path, str, Reading, str]]] = defaultdict(list)
        for (path, within, _, rest), reading in zip(files, whose, strict=True):
            if reading is not None:
                mine[self.ids[reading]].append((path, within, reading, rest or reading.rest))
            elif path.suffix.casefold() != ".csv":
                self.news["left out, since the name identifies nobody"].append(within)
        for (sentence, _), reading in zip(problems, blamed, strict=True):
            if reading is not None:
                self.arrivals[self.ids[reading]].problems.append(sentence)
                sentence = f"{self.ids[reading]}: {sentence}"
            self.news["could not be unpacked in full"].append(sentence)
        plan = {}
        for student, found in mine.items():
            names = self._name_files(student, found)
            if not any(map(is_notebook, names)):
                self.news["handed in no notebook"].append(f"{student}: {kinds(names.values())}")
                continue
            for path, name in names.items():
                plan[path] = {"student_id": student, "file_id": name}
                if self.arrivals[student].time:
                    plan[path]["timestamp"] = f"{self.arrivals[student].time} UTC"
        return plan

    def _choose(self, options: list[Reading], known: dict[str, str]) -> Reading | None:
        """Choose among several readings of a file name, or return None.

        The first one counts, since the system wrote it. But if somebody's own name contains another
        person's marker, the file belongs to the former.
        """
        shortest = min(map(len, known), default=0) - 1
        fits = [
            one
            for one in options
            if known.get(one.key, one.name) == one.name
            and (one is options[0] or one.key in known or len(one.key) >= shortest)
        ]
        if len(fits) > 1 and fits[0].key in known:
            self.news["could be two people's, so look at it"].append(
                f"{fits[0].marker}{fits[0].rest}: taken as that of {fits[-1].student}"
            )
            return fits[-1]
        best = fits or options
        return best[0] if best else None

    def _name_people(self, found: list[Reading], listed: list[roster.Listed]) -> None:
        """Give everyone an id: the class list's if they are in it."""
        people = roster.read(self._students())
        matcher = Matcher(people, listed)
        policy = lateness.LatePolicy(parent=self.parent)
        by_key = {one.key: one for one in reversed(found)}
        persons = {key: matcher.find(one) for key, one in by_key.items()}
        for key, one in by_key.items():
            person, student = persons[key], one.student
            twins = [k for k, p in persons.items() if person and p == person and k != key]
            if person and not [k for k in twins if by_key[k].system == one.system]:
                student = person.id
            elif person:
                self.news["fit one line of the class list with others"].append(
                    f"{student}: {person.id}; add canvas_id or moodle_id, or Moodle's worksheet"
                )
            elif people:
                like = matcher.like(one)
                self.news["not in the class list"].append(
                    student + (f": did you mean {like}?" if like else "")
                )
            arrival = Arrival(one.system, one.name, one.number, one.marker)
            arrival.late = any(other.late for other in found if other.key == key)
            time, problem = roster.time_of(matcher.about(one), policy.zone())
            if time:
                arrival.time = time.isoformat(" ")
            elif problem:
                arrival.problems.append(f"the time of submission is unknown: {problem}")
                self.news["time of submission unknown"].append(f"{student}: {problem}")
            elif arrival.late:
                self.news["late without a time"].append(
                    f"{student}: late, says Canvas, but not when; write the time to "
                    "timestamp.txt beside the submission if that is to cost points"
                )
            self.arrivals[student] = arrival
            self.ids |= {other: student for other in found if other.key == key}

    def _name_files(
        self, student: str, files: list[tuple[Path, str, Reading, str]]
    ) -> dict[Path, str]:
        """Return a distinct name in the student's folder for each of their files.

        Canvas names a resubmitted file `ps1-1.ipynb`, and numbers files in the order of arrival:
        the latest counts.
        """
        best: dict[str, tuple[tuple[int, ...], Path]] = {}
        for path, _, reading, rest in files:
            stem, suffix = os.path.splitext(rest)
            base = re.sub(r"-\d+$", "", stem) + suffix if reading.system == "canvas" else rest
            key = base if reading.system == "canvas" and "/" not in rest else str(path)
            rank = (reading.file, rest == base)
            if key not in best or rank > best[key][0]:
                best[key] = rank, path
        counts = {path: key for key, (_, path) in best.items()}
        names: dict[Path, str] = {}
        taken = dict.fromkeys(SKIPPED, 1)  # reserved names, which students cannot use
        for path, within, _, rest in sorted(files, key=lambda one: (one[3].count("/"), one[1])):
            if path not in counts:
                self.log.warning("%s: left out, a later one of that name counts", within)
                continue
            key = counts[path]
            parts = (rest if key == str(path) else key).split("/")
            names[path] = "/".join(free_name(parts, taken))
            self.arrivals[student].files[names[path]] = within
        return names

    # The summary ------------------------------------------------------------------------------

    def _finish(self, data: dict[str, Any]) -> None:
        """Record what was collected, and print a summary."""
        path = self._folder("archive").parent / COLLECTED
        if self.arrivals:
            kept = self._still_known(read_arrivals(path)) | self.arrivals
            students = {name: asdict(one) for name, one in kept.items()}
            text = json.dumps({"students": students}, ensure_ascii=False, indent=1)
            atomic_write(path, text + "\n")
        files = sum(len(one["file_ids"]) for one in data.values())
        lines = [f"collected: {files} files of {len(data)} students"]
        for what, news in self.news.items():
            if news:
                self.log.warning("%s: %s", what, "; ".join(news))
                lines.append(f"{what} ({len(news)}):")
                lines += [f"  {clean(one)}" for one in news[:ROWS]]
                lines += [f"  and {len(news) - ROWS} more"] if len(news) > ROWS else []
        print("\n".join(lines))
        print(f"the rest of what was said is in {path.with_name(LOG)}", file=sys.stderr)

    def _still_known(self, earlier: dict[str, Arrival]) -> dict[str, Arrival]:
        """Return the earlier arrivals, except of people who have a new id from the class list."""
        ids = {(one.system, one.number or one.marker): name for name, one in self.arrivals.items()}
        known = {}
        for name, one in earlier.items():
            now = ids.get((one.system, one.number or one.marker), name)
            if name == now or name in self.arrivals:
                known[name] = one
                continue
            old = shlex.quote(name)
            folder = shlex.quote(str(self._students().with_name("submitted") / name))
            self.news["has another id now"].append(
                f"{name} is {now}; once all problem sets are collected again, remove the old id: "
                f"rm -r {folder}; nbgrader db student remove {old} --force"
            )
        return known

    def _students(self) -> Path:
        """Return the path of the class list: beside the folder with the submissions."""
        directory = self.parent.coursedir
        submitted = directory.format_path(directory.submitted_directory, "student", "problem_set")
        return Path(submitted).parent.parent.parent / STUDENTS

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


def _outermost(within: str) -> tuple[list[Reading], str]:
    """Return all readings of the outermost name in a system's format, and the path below it."""
    parts = within.split("/")
    for place, part in enumerate(parts):
        found = readings(part, folder=place < len(parts) - 1)
        if found:
            return found, "/".join(parts[place + 1 :])
    return [], ""
