"""The controls of live figures: a slider, a row of buttons, and their layout."""

from __future__ import annotations

import html
from collections.abc import Iterable

import ipywidgets

FIRST = object()  # as a start: the first of the values


def slider(label: str, values: Iterable, start: object = FIRST) -> ipywidgets.SelectionSlider:
    """Return a slider over a few given values.

    Args:
        label: what moves.
        values: its positions from left to right, or (text, value) pairs.
        start: the value to begin with; the first if left out.

    Raises:
        ValueError: `start` is not among the values.
    """
    return _selection(ipywidgets.SelectionSlider, label, values, start)


def choice(label: str, values: Iterable, start: object = FIRST) -> ipywidgets.ToggleButtons:
    """Return a row of buttons, one of which is pressed.

    Args:
        label: what is chosen.
        values: the choices, or (text, value) pairs.
        start: the value to begin with; the first if left out.

    Raises:
        ValueError: `start` is not among the values.
    """
    return _selection(ipywidgets.ToggleButtons, label, values, start)


def _selection(kind: type, label: str, values: Iterable, start: object) -> ipywidgets.Widget:
    """Return a control whose own value is a text; `meaning` maps each text to the real value.

    ipywidgets uses None for "nothing is selected", but None is also a valid value of an axis.
    """
    pairs = [value if _is_pair(value) else (str(value), value) for value in values]
    begin = [text for text, value in pairs if start is FIRST or value is start or value == start]
    if not begin:
        raise ValueError(f"{label!r} cannot start at {start!r}: it is not among its values")
    control = kind(description=label, options=[text for text, _ in pairs], value=begin[0])
    control.meaning = dict(pairs)
    return control


def _is_pair(value: object) -> bool:
    """Return whether this is (text, value) rather than a value that is a tuple."""
    return isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str)


def value_of(control: ipywidgets.ValueWidget) -> object:
    """Return the value that is selected in a control."""
    return control.meaning[control.value] if hasattr(control, "meaning") else control.value


def row(controls: list[ipywidgets.Widget]) -> ipywidgets.HBox:
    """Return controls side by side, wide enough for their texts."""
    for control in controls:
        if isinstance(control, ipywidgets.SelectionSlider):
            control.layout.width = "28em"
        if isinstance(control, ipywidgets.ToggleButtons):
            control.style.button_width = "auto"
        if isinstance(control, ipywidgets.ValueWidget):
            control.style.description_width = "initial"
    layout = ipywidgets.Layout(
        flex_flow="row wrap",
        align_items="flex-end",
        grid_gap="0.2em 1.2em",  # between lines, between controls
    )
    return ipywidgets.HBox(controls, layout=layout)


def spoken(sentence: str) -> str:
    """Return a sentence as HTML that screen readers read out when it changes."""
    return f'<p role="status" style="margin: 0.3em 0">{html.escape(sentence)}</p>'
