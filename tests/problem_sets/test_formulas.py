"""The formulas of the sets on the feedback page, which has no MathJax: all become MathML."""

import re

import pytest

from tests.problem_sets.grading import read
from tests.problem_sets.tables import NAMES
from utils.grading.reports.safe_html import Pictures, markdown

FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\$`])\$[^$`\n]+?\$(?!\d)", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


@pytest.mark.parametrize("name", NAMES)
def test_every_formula_is_shown_and_none_as_tex(name):
    found = 0
    for cell in read("solutions", name).cells:
        if cell.cell_type != "markdown":
            continue
        page = markdown(cell.source, Pictures())
        expected = FORMULA.findall(CODE.sub("code", cell.source))
        assert page.count("<math ") == len(expected), cell.id
        shown = re.sub(r"<(code|pre)\b.*?</\1>", "", page, flags=re.DOTALL)
        assert "$" not in shown, cell.id
        assert "\\" not in shown, cell.id
        found += len(expected)
    assert found >= 2
