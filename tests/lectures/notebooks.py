"""The lectures as they are committed, and the cells that tests add to a copy before they run it."""

import re
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent.parent
LECTURES = sorted((ROOT / "lectures").glob("[0-9]*.ipynb"))
CLAIMS = {path.stem: path for path in Path(__file__).parent.glob("claims/*.py")}
assert CLAIMS.keys() <= {path.stem for path in LECTURES}, "claims of a lecture that is not there"
CLAIM = re.compile(r"^# %% ([a-z-]+)\n", re.MULTILINE)  # begins a cell of claims/*.py
SOLUTION = re.compile(r"<details><summary>Solution</summary>(.*?)</details>", re.DOTALL)
FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)

# The environment in which nothing is fetched from a network and a warning of ours is an error.
STRICT = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9") | {
    "PYTHONWARNINGS": ",".join(
        f"error:::{name}"
        for name in ("__main__", *("utils." + file.stem for file in (ROOT / "utils").glob("*.py")))
    )
}


@cache
def committed(path: Path) -> NotebookNode:
    """The lecture as it is in the repository."""
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in committed(path).cells if cell.cell_type == "code"]


def markdown_cells(path: Path) -> list[NotebookNode]:
    return [cell for cell in committed(path).cells if cell.cell_type == "markdown"]


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
