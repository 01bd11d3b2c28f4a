"""What an autograded notebook says of its own grading, besides its cells."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RECORD = "grading_record"  # the metadata that say what became of the submission
RECORD_VERSION = 1
NOTES_ID = "grading-notes"  # of the cell that `grade_notebook.show_notes` puts at the top


def read_record(path: Path) -> dict[str, Any]:
    """Return what an autograded notebook says became of the submission, {} if it says nothing."""
    return record_of(read_json(path))


def read_json(path: Path) -> dict[str, Any]:
    """Return a notebook's JSON, {} if the file is missing or damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def record_of(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return what a notebook says became of the submission, {} if it says nothing."""
    record = notebook.get("metadata", {}).get(RECORD, {})
    return record if record.get("version") == RECORD_VERSION else {}
