"""nbgrader preprocessors for pages: hide hidden tests, and remove what would run in a browser.

`HideHiddenTests` is a step of `nbgrader generate_feedback`; `SafePage` is a step of every exporter
to HTML, including the formgrader's. `judge_settings` puts both into a configuration.
"""

from __future__ import annotations

import html
import re
from typing import Any

from jinja2 import DictLoader, pass_context
from markupsafe import Markup
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets.config import Config

from utils.checks import MIME
from utils.grading.course.settings import delimiters
from utils.grading.notebook.extra_files import files_beside
from utils.grading.notebook.source_cells import usual_delimiters
from utils.grading.reports import cell_outputs
from utils.grading.reports.checks_table import checks_table, valid_table
from utils.grading.reports.hidden_tests import hide_hidden_tests
from utils.grading.reports.rendering import Renderer


def use_usual_delimiters(nb: NotebookNode, config: Config) -> None:
    """Replace a course's own delimiters of hidden tests by those that this package expects."""
    for cell in nb.cells:
        about = cell.metadata.get("nbgrader", {})
        if about.get("grade") and not about.get("solution"):
            cell.source = usual_delimiters(cell.source, *delimiters(config))


class HideHiddenTests(NbGraderPreprocessor):
    """Keeps hidden tests hidden on the pages of `nbgrader generate_feedback`."""

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        use_usual_delimiters(nb, self.config)
        return super().preprocess(nb, resources)

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict, cell_index: int
    ) -> tuple[NotebookNode, dict]:
        hide_hidden_tests(cell)
        return cell, resources


class SafePage(Preprocessor):
    """Makes nbgrader's pages safe: nothing in a submission can run code, load files or link out.

    The templates of nbgrader's formgrader and feedback insert Markdown and some metadata unescaped,
    whatever `sanitize_html` says. So only the parts of a notebook that they need are kept, and
    their filters for its text are replaced. They load MathJax from another site; formulas in MathML
    do not need it.
    """

    METADATA = (
        "schema_version", "grade_id", "grade", "solution", "locked", "task", "points", "cell_type",
        "checksum",
    )  # fmt: skip

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        self.renderer = Renderer(links=False)
        self.files: dict[str, bytes] = {}
        if self.parent is not None:
            self.parent.extra_loaders = [
                DictLoader({"mathjax.html.j2": "{% macro mathjax(url='') %}{% endmacro %}"})
            ]
            self.parent.filters = {
                "ansi2html": cell_outputs.terminal_html,
                "clean_html": self.clean_html,
                "highlight_code": self.highlight_code,
                "markdown2html": self.markdown2html,
                "strip_files_prefix": lambda text: text,  # nbconvert's is slow on many brackets
            }

    def preprocess(self, nb: NotebookNode, resources: dict) -> tuple[NotebookNode, dict]:
        self.renderer = Renderer(links=False)
        pictures = tuple(f".{ending}" for ending in cell_outputs.ENDINGS)
        self.files = files_beside(resources.get("metadata", {}).get("path", ""), pictures)
        nb.metadata = NotebookNode()
        nb.cells = [self._cell(cell) for cell in nb.cells]
        for name in ("student", "first_name", "last_name", "notebook_path"):  # of the formgrader
            if isinstance(resources.get(name), str):
                resources[name] = html.escape(resources[name])
        return nb, resources

    def _cell(self, cell: NotebookNode) -> NotebookNode:
        kept = NotebookNode(cell_type=cell.cell_type, source=cell.source, metadata=NotebookNode())
        kept.id = re.sub(r"[^a-zA-Z0-9_-]", "-", str(cell.get("id", "")))[:64] or "cell"
        about = cell.metadata.get("nbgrader", {})
        if re.fullmatch(r"[\w-]+", str(about.get("grade_id", "")), re.ASCII):
            kept.metadata.nbgrader = NotebookNode(
                {name: about[name] for name in self.METADATA if name in about}
            )
        if cell.cell_type == "markdown" and "attachments" in cell:
            kept.attachments = cell.attachments
        if cell.cell_type == "code":
            kept.execution_count = cell.get("execution_count")
            is_test = bool(about.get("grade")) and not about.get("solution")
            kept.outputs = [self._output(output, is_test) for output in cell.outputs]
        return kept

    def _output(self, output: NotebookNode, is_test: bool) -> NotebookNode:
        if output.output_type in ("stream", "error"):
            return output
        table = valid_table(output.data.get(MIME)) if is_test else None
        data = NotebookNode({"text/plain": output.data.get("text/plain", "")})
        if table:
            data |= {MIME: table, "text/html": checks_table(table)}
        elif set(output.data) - {"text/plain"}:
            data["text/html"] = cell_outputs.output_html(output, self.renderer, self.files)
        kept = NotebookNode(output_type=output.output_type, data=data, metadata=NotebookNode())
        if output.output_type == "execute_result":
            kept.execution_count = output.get("execution_count")
        return kept

    def clean_html(self, text: str) -> str:
        """Return HTML that is safe."""
        return text if isinstance(text, Markup) else self.renderer.html(str(text))

    def highlight_code(self, source: str, metadata: Any = None) -> str:
        """Return code as HTML with classes for colours."""
        return f'<div class="highlight"><pre>{self.renderer.code(source)}</pre></div>'

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        """Return Markdown as HTML that is safe."""
        attachments = context.get("cell", {}).get("attachments", {})
        return self.renderer.markdown(
            source, cell_outputs.pictures(source, attachments, self.files)
        )
