"""Lectures in a real browser: one JupyterLab, in one page, for all tests.

A test gets a `Lecture`: an open notebook whose cells have all been run, and after them the worked
solutions of its exercises; before these the claims of a lecture that does without MNIST, as it is
run nowhere else. The course's own files are never touched, for JupyterLab works on a copy of
`lectures/` in a temporary folder. Screenshots are taken if `$SCREENSHOTS` names a folder.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from tests.lectures.notebooks import LECTURES, STRICT, claims, committed, solutions, write_copy
from tests.servers import free_port, wait_for
from utils.lecture_outputs import STAND_IN, environment, uses_mnist

PATIENCE = 60_000  # milliseconds until a page counts as broken, on a busy machine
SECONDS_TO_RUN = 400  # of a whole lecture, with every other test running beside it


@pytest.fixture(scope="session")
def lab(browser, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a JupyterLab that is started as `python3 -m utils lab` does it."""
    folder = tmp_path_factory.mktemp("course")
    (folder / "lectures").mkdir()
    for path in LECTURES:
        more = [] if uses_mnist(committed(path)) else claims(path)
        write_copy(path, folder / "lectures", [*more, *solutions(path)])
    _write_setting(folder / "settings", "apputils", "notification", {"fetchNews": "false"})
    # All cells are in the page at once. Else it takes those far from the screen when it has time,
    # and on a busy machine a test waits for them in vain.
    _write_setting(folder / "settings", "notebook", "tracker", {"windowingMode": "none"})
    port, token = free_port(), secrets.token_hex()
    arguments = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        "--LabApp.expose_app_in_browser=True",  # so that tests can ask which cells have run
        f"--IdentityProvider.token={token}",
    ]
    start = (
        "import sys; from pathlib import Path; from utils.commands import lab; "
        f"lab.ROOT = Path({str(folder)!r}); sys.exit(lab.main({arguments!r}))"
    )
    env = environment(root, folder) | STRICT
    env["MNIST_DIR"] = env["MNIST_DIR"] or STAND_IN  # no download: it would not be a test of ours
    env["JUPYTER_CONFIG_DIR"] = str(folder / "config")
    for what in ("settings", "workspaces"):
        env[f"JUPYTERLAB_{what.upper()}_DIR"] = str(folder / what)
    with (folder / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            [sys.executable, "-c", start], env=env, stdout=log, stderr=log, start_new_session=True
        )
        try:
            wait_for(server, f"http://127.0.0.1:{port}/api?token={token}", 60, folder / "lab.log")
            yield f"http://127.0.0.1:{port}/lab?token={token}"
        finally:
            _end(server, f"http://127.0.0.1:{port}/api/shutdown?token={token}")


def _write_setting(folder: Path, extension: str, plugin: str, values: dict) -> None:
    """Write what a user of JupyterLab would have chosen."""
    file = folder / "@jupyterlab" / f"{extension}-extension" / f"{plugin}.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(values))


def _end(server: subprocess.Popen, address: str) -> None:
    """Ask JupyterLab to shut down with its kernels; insist if it does not."""
    try:
        urllib.request.urlopen(urllib.request.Request(address, method="POST"), timeout=10).close()
        server.wait(timeout=20)
    except (urllib.error.URLError, ConnectionError, TimeoutError, subprocess.TimeoutExpired):
        server.kill()
        server.wait()


@dataclass
class Lecture:
    """A lecture that is open in JupyterLab and has been run from top to bottom."""

    name: str
    page: object  # of playwright
    notebook: NotebookNode  # as it is in the repository
    ran: NotebookNode  # as JupyterLab has it after the run, with the solutions below

    def cell(self, cell_id: str):
        """Return the cell with this id, scrolled into view."""
        ids = [cell.id for cell in self.notebook.cells]
        cell = self.page.locator(".jp-Notebook .jp-Cell").nth(ids.index(cell_id))
        cell.scroll_into_view_if_needed()
        return cell

    def screenshot(self, what: str, of=None) -> None:
        """Keep a picture of a part of the page, or of the page, if somebody wants to see it."""
        if folder := os.environ.get("SCREENSHOTS"):
            (self.page if of is None else of).screenshot(path=f"{folder}/{self.name}_{what}.png")

    def live_figures(self) -> dict[str, object]:
        """Return every figure with controls, by its name."""
        found = {}
        for cell in self.notebook.cells:
            if cell.cell_type != "code" or not re.search(
                r"(?m)^(\w+ = )?LiveFigure\(", cell.source
            ):
                continue
            figure = self.cell(cell.id).locator(".live-figure")
            figure.locator("img").wait_for()
            figure.scroll_into_view_if_needed()
            for row in figure.locator(".widget-toggle-buttons").all():
                row.locator(".mod-active").wait_for()
            classes = figure.get_attribute("class").split()
            found[next(c for c in classes if c.startswith("live-figure-"))] = figure
        return found

    def controls(self, figure) -> list[Callable[[], None]]:
        """Return for each control of a figure what moves it to another value."""
        moves: list[Callable[[], None]] = []
        for handle in figure.locator(".noUi-handle").all():
            at_the_start = handle.get_attribute("aria-valuenow") == handle.get_attribute(
                "aria-valuemin"
            )
            moves.append(partial(handle.press, "ArrowRight" if at_the_start else "ArrowLeft"))
        for row in figure.locator(".widget-toggle-buttons").all():
            up = row.locator(".widget-toggle-button:not(.mod-active)").first
            moves.append(up.element_handle().click)
        for menu in figure.locator("select").all():
            other = 0 if menu.evaluate("menu => menu.selectedIndex") else 1
            moves.append(partial(menu.select_option, index=other))
        for box in figure.locator("input[type=checkbox]").all():
            moves.append(box.click)
        return moves

    def wait_until(self, true: Callable[[], bool]) -> None:
        """Look again and again, up to PATIENCE, whether something has become true."""
        deadline = time.monotonic() + PATIENCE / 1000
        while not true():
            assert time.monotonic() < deadline, "waited in vain"
            self.page.wait_for_timeout(20)

    def a_wrong_answer(self, cell, right: str) -> str:
        """Return an answer to a quick check that is not the right one."""
        cell.locator(".quick-check button").wait_for()
        options = [label.text_content().strip() for label in self._options(cell)]
        if options:
            return next(option for option in options if option != right)
        return "(7, 7, 7)" if right.startswith("(") else "-12345"

    def answer(self, cell, answer: str) -> None:
        """Choose or type an answer to a quick check and press its button."""
        options = {label.text_content().strip(): label for label in self._options(cell)}
        if options:
            options[answer].click()
        else:
            cell.get_by_role("textbox", name="Answer:").fill(answer)
        cell.get_by_role("button", name="Check answer").click()

    def _options(self, cell) -> list:
        """Return the labels of the options of a quick check, none unless it is a choice."""
        return cell.locator("label:has(input[type=radio])").all()


@pytest.fixture(scope="session")
def open_lecture(browser, lab: str) -> Callable[[Path], Lecture]:
    """A function that opens a lecture, runs all its cells and returns it; one is open at a time."""
    page = browser.new_page(viewport={"width": 1300, "height": 900})
    page.set_default_timeout(PATIENCE)
    page.goto(lab)
    page.locator("#jp-left-stack").wait_for()
    now: list[Lecture] = []

    def open_(path: Path) -> Lecture:
        if not now or now[0].name != path.stem:
            now.clear()
            page.evaluate(OPEN, f"lectures/{path.name}")
            page.wait_for_function(IS_OPEN, arg=f"lectures/{path.name}")
            now.append(Lecture(path.stem, page, committed(path), _run_all(page)))
        return now[0]

    return open_


@pytest.fixture
def lecture(path: Path, open_lecture: Callable[[Path], Lecture]) -> Lecture:
    """The lecture of a test with a parameter `path`, after Run All."""
    return open_lecture(path)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring together what is about the same lecture, so that each is opened once."""
    places = [i for i, item in enumerate(items) if item.path.is_relative_to(Path(__file__).parent)]
    about = sorted((items[i] for i in places), key=_lecture_of)
    for i, item in zip(places, about, strict=True):
        items[i] = item


def _lecture_of(item: pytest.Item) -> str:
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    return parameters["path"].stem if "path" in parameters else ""


# End the kernel of the lecture that is open, open another, and close what was open, unsaved.
OPEN = """async path => {
    const { commands, shell } = window.jupyterapp;
    const before = Array.from(shell.widgets("main"));
    await Promise.all(before.map(widget => widget.sessionContext?.shutdown()));
    await commands.execute("docmanager:open", { path });
    before.forEach(widget => widget.dispose());
}"""
IS_OPEN = "path => window.jupyterapp.shell.currentWidget?.context?.path === path"

# Edit > Clear Outputs of All Cells, then Run > Run All Cells, as soon as there is a kernel.
RUN_ALL = """async () => {
    const { commands, shell } = window.jupyterapp;
    await shell.currentWidget.sessionContext.ready;
    await commands.execute("notebook:clear-all-cell-outputs");
    commands.execute("notebook:run-all-cells");
}"""

# What the notebook knows of its cells.
STATE = """() => {
    const model = window.jupyterapp.shell.currentWidget.content.model;
    const cells = Array.from(model.cells).filter(cell => cell.type === "code");
    const outputs = cells.flatMap(cell => Array.from({ length: cell.outputs.length },
        (_, i) => cell.outputs.get(i)));
    return {
        waiting: cells.filter(cell => cell.executionCount === null).length,
        failed: outputs.some(output => output.type === "error"),
    };
}"""
NOTEBOOK = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"


def _run_all(page) -> NotebookNode:
    """Clear all outputs, so that none is taken for a fresh one, run all cells, wait for the last.

    Returns:
        The notebook as it is then, or as soon as a cell has failed.
    """
    page.locator(".jp-Notebook .jp-Cell").first.wait_for()
    page.evaluate(RUN_ALL)
    deadline = time.monotonic() + SECONDS_TO_RUN
    while time.monotonic() < deadline:
        state = page.evaluate(STATE)
        if state["failed"] or not state["waiting"]:
            return nbformat.from_dict(page.evaluate(NOTEBOOK))
        page.wait_for_timeout(500)
    pytest.fail(f"{state['waiting']} cells have still not run after {SECONDS_TO_RUN} s")
