"""The lectures as they are committed, and the cells that tests add to a copy before they run it."""

import html
import re
from functools import cache
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent.parent
LECTURES = sorted((ROOT / "lectures").glob("[0-9]*.ipynb"))
CLAIMS = {path.stem: path for path in Path(__file__).parent.glob("claims/*.py")}
assert CLAIMS.keys() <= {path.stem for path in LECTURES}, "claims of a lecture that is not there"
CLAIM = re.compile(r"^# %% ([a-z-]+)\n", re.MULTILINE)  # begins a cell of claims/*.py
SOLUTION = re.compile(r"<details><summary>Solution</summary>(.*?)</details>", re.DOTALL)
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)
PICTURE = re.compile(r"data:image/png;base64,[\w+/=]*")  # inside HTML
ANSWER = re.compile(r"<summary>Answer</summary><p><b>(.*?)</b>")

# The environment in which nothing is fetched from a network and a warning of ours is an error.
STRICT = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9") | {
    "PYTHONWARNINGS": ",".join(
        f"error:::{name}"
        for name in ("__main__", *("utils." + file.stem for file in (ROOT / "utils").glob("*.py")))
    )
}


def about(*lectures: Path) -> pytest.MarkDecorator:
    """Run tests once for each of these lectures, which is their parameter `path`."""
    return pytest.mark.parametrize("path", lectures, ids=lambda path: path.stem)


@cache
def committed(path: Path) -> NotebookNode:
    """The lecture as it is in the repository."""
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in committed(path).cells if cell.cell_type == "code"]


def markdown_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in committed(path).cells if cell.cell_type == "markdown"]


def said(lecture: str, pattern: str) -> tuple[str, ...]:
    """Return the groups of a sentence that a lecture must have in its text or in its checks.

    Args:
        lecture: the first two digits of its file.
        pattern: a regular expression; its spaces match any white space, and the place where two
            string literals of a cell meet matches nothing.

    Raises:
        AssertionError: the lecture does not say this, or says it more than once and differently.
    """
    (path,) = (path for path in LECTURES if path.stem.startswith(f"{lecture}_"))
    text = " ".join(" ".join(cell.source.split()) for cell in committed(path).cells)
    found = {match.groups() for match in re.finditer(pattern, text.replace('" "', ""))}
    assert len(found) == 1, f"lecture {lecture} says {pattern!r} in {len(found)} ways"
    return found.pop()


def numbers(lecture: str, pattern: str) -> list[float]:
    """Return the groups of a sentence of a lecture as numbers; see `said`."""
    return [float(group.replace(",", "")) for group in said(lecture, pattern)]


def digits(text: str) -> int:
    """Return a number that a sentence spells out, such as "eleven", or gives."""
    words = {"four": 4, "five": 5, "eleven": 11}
    return words.get(text) or int(text)


def answers(notebook: NotebookNode) -> dict[str, str]:
    """The right answer of each quick check, by the id of its cell.

    It is what a page without a kernel shows when its fold is opened.
    """
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            answer = ANSWER.search(output.get("data", {}).get("text/html", ""))
            if answer:
                found[cell.id] = html.unescape(re.sub("<[^>]*>", "", answer[1]))
    return found


def claims(path: Path) -> list[NotebookNode]:
    """Cells that try out what a lecture says: its figures at every position, and so on."""
    if path.stem not in CLAIMS:
        return []
    _, *parts = CLAIM.split(CLAIMS[path.stem].read_text(encoding="utf-8"))
    return [
        nbformat.v4.new_code_cell(code, id=f"claim-{name}")
        for name, code in zip(parts[::2], parts[1::2], strict=True)
    ]


def solutions(path: Path) -> list[NotebookNode]:
    """A cell for the code of each worked solution."""
    found = []
    for cell in markdown_cells(path):
        for solution in SOLUTION.findall(cell.source):
            code = "\n".join(FENCED.findall(solution))
            if code:
                name = f"solution-{len(found) + 1}"
                found.append(nbformat.v4.new_code_cell(code, id=name))
    return found


def write_copy(path: Path, folder: Path, more: list[NotebookNode]) -> Path:
    """Write a lecture with more cells at its end into a folder; return the new file."""
    notebook = nbformat.from_dict(committed(path))
    notebook.cells += more
    nbformat.write(notebook, folder / path.name)
    return folder / path.name


def text_outputs(notebook: NotebookNode) -> dict[str, str]:
    """Return the text that each code cell printed or showed, by cell id.

    Measured cells are left out, and so is the data of pictures.
    """
    texts = {}
    for cell in notebook.cells:
        if cell.cell_type == "code" and "measured" not in cell.metadata.get("tags", []):
            parts = [output.get("text", "") for output in cell.outputs]
            parts += [
                PICTURE.sub("", text)
                for output in cell.outputs
                for kind, text in sorted(output.get("data", {}).items())
                if kind.startswith("text/")
            ]
            texts[cell.id] = "\n".join(parts)
    return texts
