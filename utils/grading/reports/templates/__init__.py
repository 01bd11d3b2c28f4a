"""Jinja2 templates of the pages: all text is escaped unless it is marked as HTML."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape


def render(name: str, **values: Any) -> str:
    """Render a template.

    Args:
        name: the template's file name.
        values: the variables that it uses.
    """
    return _ENVIRONMENT.get_template(name).render(values)


def prose(text: str) -> Markup:
    """Escape a text as HTML, with `code` elements for text between backticks."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_ENVIRONMENT.filters["prose"] = prose
