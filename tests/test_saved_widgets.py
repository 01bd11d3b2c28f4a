"""A saved notebook says what to do in place of a widget whose kernel has ended."""

import asyncio
import copy
import logging
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from utils.commands.lab import SAVING
from utils.saved_widgets import NO_KERNEL, WIDGET, before_saving

VIEW = {"model_id": "a1", "version_major": 2, "version_minor": 0}
CHECK = {WIDGET: VIEW, "text/html": "<p>What?</p>", "text/plain": "What?"}
FIGURE = {WIDGET: VIEW, "text/plain": "LiveFigure(children=(HBox(...)))"}


def notebook():
    outputs = [new_output("display_data", copy.deepcopy(data)) for data in (CHECK, FIGURE)]
    outputs += [
        new_output("stream", text="printed"),
        new_output("execute_result", {"text/plain": "2"}),
    ]
    return new_notebook(cells=[new_markdown_cell("# A"), new_code_cell("x", outputs=outputs)])


def test_a_page_keeps_what_the_widget_brought_or_says_what_to_do():
    content = notebook()
    before_saving({"type": "notebook", "content": content}, path="a.ipynb")
    check, figure, printed, value = content.cells[1].outputs
    assert check.data == {"text/html": "<p>What?</p>", "text/plain": "What?"}
    assert figure.data == {"text/plain": NO_KERNEL}
    assert printed.text == "printed"
    assert value.data == {"text/plain": "2"}


@pytest.mark.parametrize(
    "model",
    [
        {"type": "file", "content": "text"},
        {"type": "notebook", "content": None},
        {"type": "notebook", "content": {}},
        {"type": "directory"},
    ],
)
def test_anything_else_is_left_alone(model):
    before = copy.deepcopy(model)
    before_saving(model)
    assert model == before


async def save(manager, content) -> None:
    await manager.save({"type": "notebook", "content": content}, "a.ipynb")
    manager.notary.store.close()  # in its thread; Python 3.13 and later warn of what is left open


def test_jupyter_calls_it_by_the_name_that_lab_gives(tmp_path):
    flag, name = SAVING.removeprefix("--").split("=")
    kind, trait = flag.split(".")
    config = Config({kind: {trait: name}})
    log = logging.getLogger("quiet")
    manager = AsyncLargeFileManager(config=config, root_dir=str(tmp_path), log=log)
    with ThreadPoolExecutor() as pool:  # in this thread a browser's loop may run
        pool.submit(asyncio.run, save(manager, notebook())).result()
    saved = (tmp_path / "a.ipynb").read_text(encoding="utf-8")
    assert WIDGET not in saved
    assert NO_KERNEL in saved
    assert nbformat.read(tmp_path / "a.ipynb", as_version=4).cells[1].outputs[0].data["text/html"]
