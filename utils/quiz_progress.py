"""Which quick checks were solved, kept in one file on the student's own machine."""

import json
import os
from pathlib import Path

from platformdirs import user_data_path


def progress_file() -> Path:
    """The file that remembers what was solved: in `$COURSE_PROGRESS_DIR` or the user's data."""
    folder = os.environ.get("COURSE_PROGRESS_DIR")
    default = user_data_path("neural-networks-in-numpy", appauthor=False)
    return (Path(folder) if folder else default) / "progress.jsonl"


class Progress:
    """Solved checks, one line of JSON each: `{"lecture": ..., "check": ..., "tries": ...}`.

    Lines are only ever added, each in one write, so two notebooks can be open at once and a damaged
    line costs itself alone. A file that cannot be read or written does not stop a lecture: what is
    solved then counts until the kernel stops, and `trouble` says why.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or progress_file()
        self.trouble = ""
        self._here: dict[tuple[str, str], int] = {}

    def solved(self, lecture: str) -> dict[str, int]:
        """The solved checks of `lecture`, each with the number of tries it took at first."""
        solved: dict[str, int] = {}
        for record in self._records():
            if record["lecture"] == lecture:
                solved.setdefault(record["check"], record["tries"])
        for (where, check), tries in self._here.items():
            if where == lecture:
                solved.setdefault(check, tries)
        return solved

    def record(self, lecture: str, check: str, tries: int) -> None:
        """Remember that `check` of `lecture` was solved after `tries` tries."""
        if check in self.solved(lecture):
            return
        self._here[lecture, check] = tries
        line = json.dumps({"lecture": lecture, "check": check, "tries": tries})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab") as file:  # a newline first: an unfinished line ends here
                file.write(f"\n{line}\n".encode())
        except OSError as error:
            reason = error.strerror or str(error)
            self.trouble = f"Progress is not kept: {self.path} cannot be written ({reason})."

    def _records(self) -> list[dict]:
        try:
            lines = self.path.read_bytes().splitlines()
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            reason = error.strerror or str(error)
            self.trouble = f"Earlier progress is not shown: {self.path} cannot be read ({reason})."
            return []
        return [record for line in lines if (record := _read_record(line))]


def _read_record(line: bytes) -> dict | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    kinds = {"lecture": str, "check": str, "tries": int}
    if not isinstance(record, dict):
        return None
    return record if all(isinstance(record.get(k), kind) for k, kind in kinds.items()) else None
