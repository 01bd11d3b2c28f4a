"""Remove widgets from saved notebooks, since a widget exists only as long as its kernel.

JupyterLab shows "Error displaying widget: model not found" for a saved widget. So widgets are
removed before a notebook is written: by `build`, and by the JupyterLab that `lab` starts, each time
it saves. The widget's HTML for pages without a kernel stays.
"""

from __future__ import annotations

from typing import Any

WIDGET = "application/vnd.jupyter.widget-view+json"
NO_KERNEL = (
    "Controls to move appear here when you run this cell; the figure above stands in for them."
)


def take_out_widget(data: dict[str, Any]) -> None:
    """Remove a widget from the data of an output, in place; keep its HTML, or add a note."""
    if data.pop(WIDGET, None) is not None and set(data) <= {"text/plain"}:
        data["text/plain"] = NO_KERNEL


def before_saving(model: dict[str, Any], **_: object) -> None:
    """Take all widgets out of a notebook that a Jupyter server is about to save.

    Args:
        model: the model that Jupyter's contents manager passes to its `pre_save_hook`.
    """
    if model.get("type") != "notebook" or not isinstance(model.get("content"), dict):
        return
    for cell in model["content"].get("cells", []):
        for output in cell.get("outputs", []):
            if isinstance(output.get("data"), dict):
                take_out_widget(output["data"])
