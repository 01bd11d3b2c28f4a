"""Tables of checks: only valid ones are shown, and what has one cause is told once."""

import pytest

from utils.checks import SAME_CAUSE
from utils.grading.reports.checks_table import checks_table, lost_checks, valid_table


def check(name="values", state="failed", what="3, not 4", hint="Add 1.", points=2):
    return {"name": name, "state": state, "what": what, "hint": hint, "points": points}


PASSED = check("shape", "passed", "", "")
CAUSE = {"what": "It stopped", "hint": "Mend it."}
SAME = check("a", "failed", SAME_CAUSE, "")


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"cause": CAUSE}, True),
        ({"cause": None, "checks": []}, True),
        ({"task": 3}, False),
        ({"checks": None}, False),
        ({"checks": [3]}, False),
        ({"checks": [check(what=None)]}, False),
        ({"checks": [check(points="2")]}, False),
        ({"cause": "x"}, False),
        ({"cause": {"what": "x"}}, False),
    ],
)
def test_what_may_be_shown_as_a_table(change, valid):
    table = {"task": "f", "checks": [check()]} | change
    assert valid_table(table) == (table if valid else None)
    assert valid_table([table]) is None


def test_a_table_as_html_has_points_and_is_escaped():
    table = {"task": "<f>", "checks": [PASSED, check("<b>")]}
    page = checks_table(table)
    assert "&lt;f&gt;" in page
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert ("2 / 2" in page, "0 / 2" in page) == (True, True)


@pytest.mark.parametrize(
    ("checks", "cause", "lost"),
    [
        ([PASSED], None, []),
        ([PASSED, check()], None, [("values", 2, "Add 1.")]),
        ([check(hint="")], None, [("values", 2, "3, not 4")]),
        (
            [SAME, SAME, check(points=1)],
            CAUSE,
            [("2 checks", 4, "It stopped. Mend it."), ("values", 1, "Add 1.")],
        ),
        ([SAME], {"what": "Why?", "hint": ""}, [("one check", 2, "Why?")]),
        (
            [check("a", "unwritten", "no f"), check("b", "undefined", "no g")],
            None,
            [("2 checks", 4, "no f")],
        ),
    ],
)
def test_checks_that_cost_points(checks, cause, lost):
    found = lost_checks({"task": "f", "checks": checks, "cause": cause})
    assert found == [dict(zip(("name", "points", "hint"), one, strict=True)) for one in lost]
