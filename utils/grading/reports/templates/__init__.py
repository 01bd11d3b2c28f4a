"""The pages' templates, filled in by Jinja2: all text is escaped unless it is marked as HTML."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any


@functools.cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # a worker needs none

    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def render(name: str, **values: Any) -> str:
    """Return a page.

    Args:
        name: the template's file.
        values: what it needs.
    """
    return _environment().get_template(name).render(values)
