"""Choose the notebook to grade in a student's folder, or describe what is there instead.

Students hand in `ps1 (1).ipynb`, `ps1.ipynb.json`, a folder, a zip file, two notebooks. A notebook
of the problem set is recognised by the grade ids of its cells, whatever its name and folder. The
one with the most answers counts; the others are reported to a person.
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from utils.grading.course import archives
from utils.grading.course.archive_members import BadArchive, Budget, kind_of
from utils.grading.course.archives import JUNK
from utils.grading.course.lateness import TIMESTAMP
from utils.grading.course.releases import known
from utils.grading.course.settings import Course
from utils.grading.notebook import restore
from utils.grading.notebook.extra_files import files_beside
from utils.grading.notebook.reading import (
    MAX_FILE,
    Unreadable,
    grade_id,
    read,
    read_file,
    read_json,
    text_hash,
    text_of,
)
from utils.grading.notebook.source import bound_names
from utils.grading.notebook.source_cells import SourceCell
from utils.grading.text_files import same, some, writable

SECRET = "submission_secret.txt"  # of nbgrader's exchange
LONG = 200  # characters; another problem set will not contain a text as long by chance
MAX_SEEN = 2000  # files of a folder that are looked at
KINDS = {
    ending: kind
    for kind, endings in (
        ("a notebook without this problem set's cells", ".ipynb"),
        ("a JSON file", ".json"),
        ("a PDF", ".pdf"),
        ("a Python file", ".py"),
        ("a web page", ".html .htm"),
        ("a text", ".md .txt"),
        ("a Word document", ".doc .docx"),
        ("a Pages document", ".pages"),
        ("an archive", ".zip .tgz .tar .rar .7z"),
        ("a compressed file", ".gz"),
        ("a picture", ".png .jpg .jpeg .heic"),
        ("a table", ".csv .xlsx"),
        ("a link to a web page", ".webloc .url"),
    )
    for ending in endings.split()
}
COPY = re.compile(r"\((\d+)\)|-copy(\d*)|[ _-](?:copy|kopie|コピー)[ _-]?(\d*)", re.IGNORECASE)


@dataclass
class HandedIn:
    """A student's submission.

    Attributes:
        name: the notebook's path within the folder; "" if there is none.
        content: the notebook's bytes.
        unreadable: why the notebook cannot be read, "" if it can.
        files: names and contents of the files beside the notebook.
        notes: sentences on the choice of the notebook.
        ask: whether a person has to compare notebooks.
        missing: what is there instead of a notebook, "" for nothing.
    """

    name: str = ""
    content: bytes = b""
    unreadable: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    ask: bool = False
    missing: str = ""


@dataclass
class Candidate:
    """A notebook that has cells of the problem set.

    Attributes:
        name: its path within the student's folder.
        path: the file to read.
        answers: the texts of the cells that students write, by grade id.
        texts: the texts of all cells, to recognise copies.
    """

    name: str
    path: Path
    answers: dict[str, str]
    texts: list[str]


class Chooser:
    """Chooses the notebook in students' folders.

    Args:
        problem_set: its name.
        cells: the course's cells of the problem set.
        others: grade ids of other problem sets, which cannot identify this one's notebooks.
        releases: earlier releases, see `releases.known`.
    """

    def __init__(
        self,
        problem_set: str,
        cells: Sequence[SourceCell],
        others: Collection[str] = (),
        releases: Sequence[Mapping[str, str]] = (),
    ) -> None:
        self.problem_set, self.cells = problem_set, cells
        ids = {cell.grade_id for cell in cells if cell.grade or cell.solution or cell.task}
        self.ids = ids - set(others) or ids
        self.foreign = set(others) - ids - {None, ""}
        # Long texts of test cells identify a notebook of the right name without grade ids.
        self.telling = [cell for cell in cells if cell.is_test and len(cell.source) >= LONG]
        self.asked = {
            cell.grade_id: asked
            for cell in cells
            if cell.solution and cell.cell_type == "code" and (asked := bound_names(cell.source))
        }
        self.least = min(2, len(self.ids))  # a single id, such as "answer", may occur in other sets
        self.stubs = {
            cell.grade_id: {text_hash(cell.source), *(one.get(cell.grade_id) for one in releases)}
            for cell in cells
            if not cell.fixed
        }

    @classmethod
    def of(cls, course: Course, problem_set: str, cells: Sequence[SourceCell]) -> Chooser:
        """Return a chooser that knows the course's other problem sets, too."""
        others: set[str] = set()
        for name in course.problem_sets():
            if name != problem_set:
                for cell in read_json(course.source(name)).get("cells", []):
                    others.add(cell.get("metadata", {}).get("nbgrader", {}).get("grade_id"))
        return cls(problem_set, cells, others, known(course.directory, problem_set))

    def look(self, folder: Path) -> HandedIn:
        """Find the submission in a student's folder, which need not exist."""
        found = self._look(folder)
        if found.content and self.foreign:
            with contextlib.suppress(Unreadable):
                ids = {grade_id(cell) for cell in read(found.content)["cells"]}
                if len(ids & self.foreign) > len(ids & self.ids):
                    said = f"{found.name} has the cells of another problem set"
                    found.notes.append(f"{said}: ask for the notebook of {self.problem_set}")
                    found.ask = True
        return found

    def _look(self, folder: Path) -> HandedIn:
        usual = folder / f"{self.problem_set}.ipynb"
        if folder.is_symlink():
            return HandedIn(usual.name, unreadable="its folder is a link to another folder")
        if not folder.is_dir():
            return self._look_elsewhere(folder)
        others = any(
            path != usual and (archives.is_archive(path) or is_notebook(path))
            for path in _seen(folder)
        )
        packed = usual.is_file() and not usual.is_symlink() and _is_packed(usual)
        if os.path.lexists(usual) and not packed and not others:
            return self._take(usual.name, usual, folder)
        with tempfile.TemporaryDirectory(prefix="unpacked-") as place:
            found, problems = self._candidates(folder, Path(place))
            if not found and os.path.lexists(usual):
                return self._take(usual.name, usual, folder)
            if not found:  # JupyterLab's checkpoint may be the only copy left
                left = folder / ".ipynb_checkpoints"
                for path in sorted(left.glob("*.ipynb")) if not left.is_symlink() else ():
                    if not path.is_symlink():
                        found += self._candidate(path.relative_to(folder).as_posix(), path)
            if not found:
                return HandedIn(missing=_what_is_there(folder, problems))
            best = max(found, key=self._rank)
            for one in found:  # of equal copies, prefer the one with the right name
                if one.texts == best.texts and one.name == usual.name:
                    best = one
            result = self._take(best.name, best.path, best.path.parent)
        result.notes, result.ask = self._explain(best, found)
        return result

    def _look_elsewhere(self, folder: Path) -> HandedIn:
        """Find files that a student has put beside the problem set's folder, which is missing."""
        with contextlib.suppress(OSError):
            entries = sorted(folder.parent.iterdir())
            for entry in entries:
                if same(entry.name) == same(folder.name) and entry.is_dir():
                    inside = self.look(entry) if entry.name != folder.name else HandedIn()
                    if inside.name:
                        inside.name = f"{entry.name}/{inside.name}"
                        inside.notes.append(f"it lies in a folder {entry.name}")
                    return inside
            loose = [e for e in entries if e.is_file() and not e.is_symlink()]
            found = [one for path in loose for one in self._candidate(writable(path.name), path)]
            if found:
                best = max(found, key=self._rank)
                result = self._take(best.name, best.path, folder.parent / folder.name)
                result.notes, result.ask = self._explain(best, found)
                where = f"it lies beside the folder {self.problem_set}, which is not there"
                result.notes.insert(0, f"the notebook that was graded is {best.name}: {where}")
                return result
            own = _words(self.problem_set)
            first = own.split()[0]
            start = first if any(map(str.isdigit, first)) else own  # "ps1", but not "homework"
            pattern = re.compile(re.escape(start) + r"(?!\d)")  # not ps10 for ps1
            return HandedIn(missing=kinds(e.name for e in loose if pattern.match(_words(e.name))))
        return HandedIn()

    def _take(self, name: str, path: Path, beside: Path) -> HandedIn:
        result = HandedIn(name, files=files_beside(beside))
        try:
            result.content = read_file(path)
        except Unreadable as error:
            result.unreadable = str(error)
        return result

    def _candidates(self, folder: Path, place: Path) -> tuple[list[Candidate], list[str]]:
        """Return all notebooks of the problem set, and a sentence on each bad archive."""
        found, problems, budget = [], [], Budget()
        for number, path in enumerate(_seen(folder)):
            name = writable(path.relative_to(folder).as_posix())
            if not archives.is_archive(path) and not _is_packed(path):
                found += self._candidate(name, path)
                continue
            target = place / str(number)
            try:
                problems += archives.unpack(path, target, budget).problems
            except BadArchive as error:
                problems.append(f"{archives.shown(name)} {error}")
                continue
            with contextlib.suppress(OSError):
                for inner in [*_seen(target)]:
                    if archives.is_archive(inner):
                        problems += [
                            said for _, said in archives.unpack_beside(inner, budget, depth=2)
                        ]
            for inner in _seen(target):
                within = f"{name}/{inner.relative_to(target).as_posix()}"
                found += self._candidate(within, inner)
        return found, problems

    def _candidate(self, name: str, path: Path) -> list[Candidate]:
        """Return a file as a candidate, if it is a notebook with cells of the problem set."""
        if not is_notebook(path):
            return []
        try:
            cells = read(read_file(path))["cells"]
        except Unreadable:
            return []
        texts: dict[str, str] = {}
        usual = name == f"{self.problem_set}.ipynb"
        named = restore.named(cells, self.telling if usual else ())
        if len(self.ids & {name_of_cell for name_of_cell, _ in named}) < self.least:
            return []
        for name_of_cell, cell in named:
            if task := name_of_cell or self._task_of(cell):
                texts[task] = texts.get(task, "") + text_of(cell)
        answers = {
            task: texts[task]
            for task, stubs in self.stubs.items()
            if texts.get(task, "").strip() and text_hash(texts[task]) not in stubs
        }
        return [Candidate(name, path, answers, [text_of(cell) for cell in cells])]

    def _task_of(self, cell: Mapping[str, Any]) -> str:
        """Return the task whose names a cell without a grade id defines, "" for none."""
        names = bound_names(text_of(cell)) if cell["cell_type"] == "code" else None
        return next((task for task, asked in self.asked.items() if asked <= (names or set())), "")

    def _rank(self, one: Candidate) -> tuple:
        """Return the sort key of a notebook: the most answers count, then the latest name."""
        usual = one.name == f"{self.problem_set}.ipynb"
        return len(one.answers), _copy_number(one.name), usual, -one.name.count("/"), one.name

    def _explain(self, best: Candidate, found: list[Candidate]) -> tuple[list[str], bool]:
        """Return sentences on the choice, and whether a person has to look."""
        usual, shown = f"{self.problem_set}.ipynb", archives.shown
        notes = []
        if best.name != usual:
            notes.append(f"the notebook that was graded is {shown(best.name)}, not {usual}")
        others = [one for one in found if one.texts != best.texts]
        if not others:
            return notes, False
        most = max(len(one.answers) for one in others)
        why = "has the most answers"
        if len(best.answers) == most:
            why = "has the latest name of those with the most answers"
        what = [f"{shown(one.name)} with {len(one.answers)}" for one in others]
        notes.append(
            f"{len(others) + 1} notebooks of this problem set were handed in: {shown(best.name)} "
            f"was graded, for it {why} ({len(best.answers)}); left out: {some(what)}. "
            "Look at them, and delete those that do not count"
        )
        return notes, True


def _copy_number(name: str) -> int:
    numbers = [int(next(filter(None, m.groups()), "1")[:6]) for m in COPY.finditer(name)]
    return max(numbers, default=0)


def _seen(folder: Path) -> Iterator[Path]:
    """Yield the ordinary files below a folder, a limited number of them, in order."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        here = Path(place)
        if len(here.relative_to(folder).parts) >= 12:
            folders.clear()
        for name in sorted(names):
            count += 1
            if count > MAX_SEEN:
                return
            path = here / name
            if JUNK.search(path.relative_to(folder).as_posix()):
                continue
            if here == folder and name in (TIMESTAMP, SECRET):
                continue
            if not path.is_symlink() and path.is_file():
                yield path


def _is_packed(path: Path) -> bool:
    """Return whether a file with a notebook's name is an archive."""
    if path.suffix.casefold() != ".ipynb":
        return False
    try:
        return kind_of(path) not in ("", "tar")
    except OSError:
        return False


def is_notebook(path: Path) -> bool:
    """Return whether a file is a notebook or an archive of one, by its name or its content."""
    if path.suffix.casefold() == ".ipynb":
        return True
    try:
        if not 2 <= path.stat().st_size <= MAX_FILE:
            return False
        with path.open("rb") as file:
            head = file.read(64)
            if not head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith(b"{"):
                return False
            data = (head + file.read()).replace(b"\0", b"")
    except OSError:
        return False
    return b'"nbformat"' in data and (b'"cells"' in data or b'"worksheets"' in data)


def _what_is_there(folder: Path, problems: Iterable[str]) -> str:
    names = [path.relative_to(folder).as_posix() for path in _seen(folder)]
    names += sorted(f"{entry.name}, a link" for entry in folder.iterdir() if entry.is_symlink())
    if not names:  # then even the files that editors and systems leave behind
        files = (p for p in folder.rglob("*") if p.is_file() and p.name not in (TIMESTAMP, SECRET))
        names = sorted(path.relative_to(folder).as_posix() for path in islice(files, MAX_SEEN))
    if not names:
        return ""
    return "; ".join([kinds(names), *list(problems)[:3]])


def _words(name: str) -> str:
    """Return a key that is equal for names differing only in case and what separates words."""
    return re.sub(r"[-_ ]+", " ", same(name)).strip()


def kinds(names: Iterable[str]) -> str:
    """Describe files, as part of a sentence: `a PDF (ps1.pdf), a Python file (ps1.py)`."""
    listed = []
    for name in names:
        suffix = os.path.splitext(name)[1].casefold()
        kind = KINDS.get(suffix, "a file")
        if os.path.basename(name).startswith("._"):  # AppleDouble: a file's icon and the like
            kind = "macOS's notes on a file, not the file itself"
        listed.append(f"{kind} ({archives.shown(name)})")
    return some(listed, 4)
