"""A cell's outputs as HTML: printed text, errors, tables, pictures."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup, escape
from nbformat import NotebookNode

from utils.grading.reports.rendering import Renderer
from utils.grading.terminal import without_escapes
from utils.grading.text_files import plain

SHOWN = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
ENDINGS = {
    "png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "webp": "webp", "svg": "svg+xml",
    "avif": "avif", "bmp": "bmp", "heic": "heic", "heif": "heif", "tif": "tiff", "tiff": "tiff",
}  # fmt: skip


def output_html(
    output: NotebookNode, renderer: Renderer, files: Mapping[str, bytes] | None = None
) -> Markup:
    """Return a cell's output as HTML."""
    if output.output_type == "stream":
        return Markup('<pre class="{}">{}</pre>').format(output.name, terminal_html(output.text))
    if output.output_type == "error":
        return Markup('<pre class="error">{}</pre>').format(
            terminal_html("\n".join(output.traceback))
        )
    data = output.get("data", {})
    for kind in SHOWN:
        if kind in data:
            return _picture(kind, data[kind])
    if text := _joined(data.get("text/html", "")):
        return Markup('<div class="html">{}</div>').format(renderer.html(text))
    if text := _joined(data.get("text/markdown") or data.get("text/latex", "")):
        shown = renderer.markdown(text, pictures(text, {}, files or {}))
        return Markup('<div class="text">{}</div>').format(shown)
    return Markup("<pre>{}</pre>").format(terminal_html(_joined(data.get("text/plain", ""))))


def terminal_html(text: str) -> Markup:
    """Return printed text as HTML, without terminal escapes."""
    return escape(without_escapes(text))


def _joined(text: str | list[str]) -> str:
    """Return a notebook's text, which may be a list of lines."""
    return text if isinstance(text, str) else "".join(text)


# Pictures ---------------------------------------------------------------------------------------


def pictures(
    source: str, attachments: Mapping[str, Any], files: Mapping[str, bytes]
) -> dict[str, str]:
    """Return the pictures that a text may refer to, as `data:` URLs by name.

    Args:
        source: the text.
        attachments: its cell's attachments.
        files: names and contents of the files beside the notebook.
    """
    found = {}
    text = plain(unquote(source)) if files else ""
    for name, content in files.items():
        kind = ENDINGS.get(PurePath(name).suffix[1:].lower())
        if kind and plain(unquote(name)) in text:
            found[name] = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    for name, bundle in attachments.items():
        for kind, data in bundle.items():
            if kind.startswith("image/"):
                found[name] = _address(kind, data)
    return found


def _picture(kind: str, data: str | list[str]) -> Markup:
    address = _address(kind, data)
    if not re.fullmatch(r"data:[a-z+/]+;base64,[A-Za-z0-9+/=]+", address):
        return Markup("<p>[a picture that cannot be shown]</p>")
    return Markup('<img alt="A figure that this cell shows." src="{}">').format(address)


def _address(kind: str, data: str | list[str]) -> str:
    """Return a picture's `data:` URL; an SVG in an `img` element runs no code."""
    text = _joined(data)
    if kind == "image/svg+xml" and text.lstrip()[:1] == "<":
        text = base64.b64encode(text.encode("utf-8", "replace")).decode()
    return f"data:{kind};base64,{''.join(text.split())}"
