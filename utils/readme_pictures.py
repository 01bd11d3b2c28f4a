"""Make the pictures at the top of the README, for `python3 -m utils build --pictures`.

Each comes from the course itself: the drawing pad while the trained network reads a digit, a
committed figure of a lecture, a table of checks and the report of the simulated class. The pages
are opened in Chromium, which the course needs only for this and for its browser tests.
"""

from __future__ import annotations

import base64
import io
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from PIL import Image

from utils import networks
from utils.chromium import chromium
from utils.drawing_pad import DrawingPad
from utils.system import ROOT
from utils.weights import load_weights

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

FOLDER = Path("lectures") / "pictures"
NAMES = ("drawing_pad", "figure", "checks", "report")
FIGURE = ("04_inference_and_batches", "linear-figure")  # lecture and cell
STUDENT = "daniel"  # of the simulated class: does not subtract the maximum
# A 4 that is nearly a 9: its strokes, each a list of points (x, y) in 0..1 of the pad.
FOUR = (((0.54, 0.15), (0.3, 0.5), (0.7, 0.5)), ((0.66, 0.15), (0.62, 0.88)))
COLOURS = 96  # in a picture of a page: text stays smooth, and the file small

# The pad's own front end, with a model that asks Python in place of a kernel.
PAD_PAGE = """<!doctype html><meta charset="utf-8">
<style>body {font-family: sans-serif; margin: 0} CSS
#pad {width: max-content; padding: 16px}</style>
<div id="pad"></div>
<script type="module">
const { default: pad } = await import("data:text/javascript;base64,SCRIPT");
const values = { size: 280, seen: null, probabilities: [], sentence: "Draw a digit." };
const handlers = {};
pad.render({ el: document.getElementById("pad"), model: {
    get: (name) => values[name],
    set: (name, value) => { values[name] = value; },
    on: (name, handler) => { handlers[name] = handler; },
    off: (name) => { delete handlers[name]; },
    save_changes: async () => {
        const ink = Array.from(new Uint8Array(values.ink.buffer), (v) => String.fromCharCode(v));
        const answer = await window.recognise(ink.join(""));
        answer.seen = new DataView(new Uint8Array(answer.seen).buffer);
        Object.assign(values, answer);
        Object.values(handlers).forEach((handler) => handler());
    },
} });
</script>"""


class PicturesError(RuntimeError):
    """The pictures cannot be made; the message says what to do."""


def write_pictures() -> list[Path]:
    """Write all pictures, in a minute, because the simulated class is graded for it.

    Returns:
        The paths of the pictures.

    Raises:
        ChromiumError: there is no Chromium. Then no file is changed.
        PicturesError: a picture cannot be made. Then no file is changed.
    """
    with chromium() as browser:
        pictures = {"drawing_pad": drawing_pad(browser), "figure": figure()}
        with graded_class() as (feedback, report):
            pictures["checks"] = of_page(browser, feedback, 640, _checks_box)
            pictures["report"] = of_page(browser, report, 860, _report_box)
    (ROOT / FOLDER).mkdir(exist_ok=True)
    paths = {name: ROOT / FOLDER / f"{name}.png" for name in NAMES}
    for name, path in paths.items():
        path.write_bytes(pictures[name])
    return list(paths.values())


def drawing_pad(browser: Browser) -> bytes:
    """Draw a 4 with the mouse on the pad's own page; the trained network answers."""
    network = load_weights("MNIST")
    pad = DrawingPad(lambda image: networks.predict(network, image))

    def recognise(ink: str) -> dict[str, Any]:
        pad.ink = ink.encode("latin-1")  # one character for each grey value
        answer = {"probabilities": pad.probabilities, "sentence": pad.sentence}
        return {**answer, "seen": list(pad.seen)}

    page = browser.new_page(viewport={"width": 1000, "height": 400})
    page.expose_function("recognise", recognise)
    script = base64.b64encode(DrawingPad._esm.encode()).decode()
    page.set_content(PAD_PAGE.replace("CSS", DrawingPad._css).replace("SCRIPT", script))
    box = page.locator(".pad-canvas").bounding_box()
    assert box is not None  # it is visible
    for stroke in FOUR:
        for i, (x, y) in enumerate(stroke):
            page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
            if i == 0:
                page.mouse.down()
        page.mouse.up()
    page.get_by_text("The network says").wait_for(timeout=20_000)
    page.wait_for_timeout(500)  # until the last piece of the stroke is read
    picture = small(page.locator("#pad").screenshot())
    page.close()
    return picture


def figure() -> bytes:
    """Return the committed figure of a lecture.

    Raises:
        PicturesError: there is no such figure.
    """
    lecture, cell_id = FIGURE
    notebook = nbformat.read(ROOT / "lectures" / f"{lecture}.ipynb", as_version=4)
    for cell in notebook.cells:
        for output in cell.get("outputs", []) if cell.id == cell_id else []:
            if "image/png" in output.get("data", {}):
                return base64.b64decode(output.data["image/png"])
    raise PicturesError(
        f"cell {cell_id} of {lecture} holds no figure; call `python3 -m utils build {lecture}`, or "
        "name another cell as FIGURE in utils/readme_pictures.py"
    )


@contextmanager
def graded_class() -> Iterator[tuple[Path, Path]]:
    """Grade the simulated class in a temporary folder; yield a student's page and the report.

    Raises:
        PicturesError: grading failed.
    """
    from utils.commands import demo
    from utils.grading.run.temporary_files import scratch

    with tempfile.TemporaryDirectory(prefix="course-pictures-") as name, scratch():
        folder = Path(name)
        print("grading the simulated class for two of the pictures, about a minute", flush=True)
        with redirect_stdout(io.StringIO()):  # the paths that it prints are temporary here
            failed = demo.run(folder, time.monotonic())
        page = f"{demo.PROBLEM_SET}.html"
        feedback = folder / "grading" / "feedback" / STUDENT / demo.PROBLEM_SET / page
        report = folder / "grading" / "reports" / page
        if failed or not (feedback.is_file() and report.is_file()):
            raise PicturesError("the simulated class was not graded; `python3 -m utils demo` helps")
        yield feedback, report


def of_page(browser: Browser, path: Path, width: int, box_of: Any) -> bytes:
    """Return a part of a page as PNG.

    Args:
        browser: the browser in which to open it.
        path: the path of the HTML file.
        width: the width of the window, in pixels.
        box_of: returns the part of an opened page: x, y, width and height in pixels.
    """
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.goto(path.resolve().as_uri())
    picture = small(page.screenshot(full_page=True, clip=box_of(page)))
    page.close()
    return picture


def _checks_box(page: Page) -> dict[str, float]:
    """Return the box of the student's softmax and the table of its visible checks."""
    table = page.locator("#test_softmax_visible")
    code = table.locator("xpath=preceding-sibling::section[1]")
    return _around(code.bounding_box(), table.bounding_box())


def _report_box(page: Page) -> dict[str, float]:
    """Return the box of the report down to the first rows of its table of checks."""
    rows = page.locator("table tbody tr")
    return _around(page.locator("h1").bounding_box(), rows.nth(2).bounding_box())


def _around(first: Any, last: Any) -> dict[str, float]:
    """Return a box that contains two others, with a margin."""
    margin = 12
    left = min(first["x"], last["x"]) - margin
    top = first["y"] - margin
    right = max(box["x"] + box["width"] for box in (first, last)) + margin
    return {
        "x": left,
        "y": top,
        "width": right - left,
        "height": last["y"] + last["height"] + margin - top,
    }


def small(data: bytes) -> bytes:
    """Return a PNG with few colours."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    few = image.quantize(COLOURS, dither=Image.Dither.NONE)
    written = io.BytesIO()
    few.save(written, format="PNG", optimize=True)
    return written.getvalue()
