"""A cell's outputs: collected while it runs, and cleaned when a submission reports them."""

from __future__ import annotations

import builtins
import io
import json
import re
from collections import deque
from dataclasses import dataclass
from typing import Any

# Builtins of its own: see `utils.grading.remote`.
globals()["__builtins__"] = dict(vars(builtins))

Output = dict[str, Any]

MAX_OUTPUTS_OF_CELL = 5000


@dataclass
class Ran:
    """The result of running a cell."""

    outputs: list[Output]
    error: str = ""  # type of the exception that ended it


class Outputs:
    """The outputs of the running cell so far: their head and tail, up to a limit.

    Args:
        limit: bytes to keep, half of them for the head.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.start()

    def start(self) -> None:
        """Discard all outputs."""
        self.head: list[Output] = []
        self.tail: deque[tuple[int, Output]] = deque()
        self.head_size = self.tail_size = self.lost = 0
        self.clear_next = False

    def write(self, name: str, text: str) -> None:
        """Add text that was written to `stdout` or `stderr`."""
        self._clear_if_asked()
        room = self.limit // 2 - self.head_size
        if not self.tail and room > 0:
            _append(self.head, {"output_type": "stream", "name": name, "text": text[:room]})
            self.head_size += min(len(text), room)
            text = text[room:]
        if text:
            self._keep_last({"output_type": "stream", "name": name, "text": text}, len(text))

    def add(self, output: Output) -> None:
        """Add an output other than text."""
        self._clear_if_asked()
        size = len(json.dumps(output, default=str))
        if size > self.limit // 2:
            kinds = ", ".join(output.get("data", {})) or output["output_type"]
            self.write("stdout", f"[an output of {size:,} bytes is left out: {kinds}]\n")
        elif not self.tail and self.head_size + size <= self.limit // 2:
            self.head.append(output)
            self.head_size += size
        else:
            self._keep_last(output, size)

    def update(self, display_id: str, data: dict, metadata: dict) -> None:
        """Change an earlier display with this id."""
        for output in (*self.head, *(output for _, output in self.tail)):
            if output.get("transient") == display_id:
                output["data"], output["metadata"] = data, metadata

    def clear(self, wait: bool) -> None:
        """Discard all outputs, now or when the next one arrives (`wait`)."""
        self.start()
        self.clear_next = wait

    def _clear_if_asked(self) -> None:
        if self.clear_next:
            self.start()

    def _keep_last(self, output: Output, size: int) -> None:
        room = self.limit // 2
        if output["output_type"] == "stream" and size > room:
            output["text"] = output["text"][-room:]
            self.lost += size - room
            size = room
        if self.tail:
            before, last = self.tail[-1]
            if before + size <= 4096 and _continues(last, output):
                last["text"] += output["text"]
                self.tail[-1] = (before + size, last)
                output = {}
        if output:
            self.tail.append((size, output))
        self.tail_size += size
        while self.tail_size > room:
            gone, _ = self.tail.popleft()
            self.tail_size -= gone
            self.lost += gone

    def take(self) -> list[Output]:
        """Return all outputs and discard them."""
        if self.lost:
            note = f"\n[... {self.lost:,} bytes of output are left out ...]\n"
            self.head.append({"output_type": "stream", "name": "stdout", "text": note})
        merged: list[Output] = []
        for output in (*self.head, *(output for _, output in self.tail)):
            output.pop("transient", None)
            _append(merged, output)
        self.start()
        return merged


def _continues(last: Output, output: Output) -> bool:
    """Return whether both outputs are text of the same stream."""
    streams = last["output_type"] == output["output_type"] == "stream"
    return streams and last["name"] == output["name"]


def _append(outputs: list[Output], output: Output) -> None:
    """Append an output; join text with preceding text of the same stream."""
    if outputs and _continues(outputs[-1], output):
        outputs[-1]["text"] += output["text"]
    else:
        outputs.append(output)


class Stream(io.TextIOBase):
    """`sys.stdout` or `sys.stderr` of a running cell."""

    encoding = "utf-8"
    errors = "replace"

    def __init__(self, name: str, outputs: Outputs) -> None:
        self.name, self.outputs = f"<{name}>", outputs
        self._kind = name

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() needs a str, not {type(text).__name__}")
        if text:
            self.outputs.write(self._kind, str(text))
        return len(text)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False


class NoInput(io.StringIO):
    """`sys.stdin` of a running cell: there is no input."""


_MIMES = re.compile(r"text/(plain|html|markdown|latex)|image/(png|jpeg|gif)|application/json")


def clean_outputs(text: str, limit: int) -> list[Output]:
    """Convert outputs that a submission reports into valid outputs of a notebook.

    Invalid outputs, those that a browser would run (scripts, SVG) and those that programs read,
    such as a table of checks, are left out.

    Args:
        text: the outputs as JSON.
        limit: bytes of outputs to keep; an honest submission does not exceed it.
    """
    if len(text) > 16 * limit + 10_000:  # JSON needs up to twelve per character
        return []
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        return []
    outputs: list[Output] = []
    left = 2 * limit
    for one in given[:MAX_OUTPUTS_OF_CELL] if isinstance(given, list) else []:
        match one:
            case {"output_type": "stream", "name": "stdout" | "stderr" as name, "text": str(words)}:
                words = as_utf8(words[:left])
                output = {"output_type": "stream", "name": name, "text": words}
                size = len(words)
            case {
                "output_type": "error", "ename": str(name), "evalue": str(value),
                "traceback": list(lines),
            }:  # fmt: skip
                lines = [as_utf8(line[:2000]) for line in lines[:200] if isinstance(line, str)]
                output = {
                    "output_type": "error",
                    "ename": as_utf8(name[:200]),
                    "evalue": as_utf8(value[:5000]),
                    "traceback": lines,
                }
                size = sum(map(len, lines)) + len(output["ename"]) + len(output["evalue"])
            case {"output_type": "display_data" | "execute_result" as kind, "data": dict(data)}:
                kept = {
                    mime: as_utf8(item)
                    for mime, item in data.items()
                    if isinstance(item, str) and _MIMES.fullmatch(mime)
                }
                output = {"output_type": kind, "data": kept, "metadata": {}}
                if kind == "execute_result":
                    output["execution_count"] = None
                size = sum(map(len, kept.values()))
            case _:
                continue
        if size <= left:
            outputs.append(output)
            left -= size
    return outputs


def as_utf8(text: str) -> str:
    """Replace characters that cannot be written as UTF-8."""
    return text.encode("utf-8", "replace").decode()
