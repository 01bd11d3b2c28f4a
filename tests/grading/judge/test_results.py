"""What a judge answers is checked as if it were a student's."""

import copy
import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.checks_format import MIME
from utils.grading.judge import results
from utils.grading.judge.results import Malformed, read, truncate
from utils.grading.sandbox.config import Limits

CELLS = [
    {"kind": "student", "label": "a", "source": ""},
    {"kind": "test", "label": "t", "source": "", "points": 3.0, "hidden": False},
]
CHECK = {"name": "n", "points": 1, "state": "passed", "what": "", "hint": "h"}
CAUSE = {"what": "it stopped", "hint": "Read on.", "line": 3, "code": "x = 1"}
TABLE = {
    "task": "t",
    "hidden": False,
    "headline": "t: 1 of 1 points.",
    "hidden_points": 2.0,
    "cause": CAUSE,
    "checks": [CHECK],
}
GOOD = {
    "cells": {
        "0": {
            "outputs": [{"output_type": "stream", "name": "stdout", "text": "x"}],
            "error": "",
        },
        "1": {
            "points": 2.0,
            "error": "",
            "checks": [CHECK | {"task": "t", "hidden": False}],
            "missed_names": False,
            "outputs": [
                {
                    "output_type": "display_data",
                    "data": {MIME: TABLE, "text/plain": "1/1"},
                    "metadata": {},
                },
                {
                    "output_type": "execute_result",
                    "data": {"text/plain": "2.0"},
                    "metadata": {},
                    "execution_count": 4,
                },
            ],
        },
    },
    "notes": ["a note"],
    "stopped": False,
    "seconds": 0.5,
    "cpu_seconds": 0.25,
    "memory_bytes": 1000,
}


def changed(*path, to):
    answer = copy.deepcopy(GOOD)
    at = answer
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = to
    return answer


def test_a_right_answer_stays_as_it_is():
    found = read(copy.deepcopy(GOOD), CELLS, Limits())
    assert found["notes"] == ["a note"]
    assert (found["stopped"], found["seconds"], found["memory_bytes"]) == (False, 0.5, 1000)
    assert found["cells"]["0"] == GOOD["cells"]["0"]
    test = found["cells"]["1"]
    assert (test["points"], test["error"]) == (2.0, "")
    assert test["checks"] == GOOD["cells"]["1"]["checks"]
    assert test["outputs"][0]["data"] == {MIME: TABLE, "text/plain": "1/1"}
    assert test["outputs"][1]["data"] == {"text/plain": "2.0"}


@pytest.mark.parametrize(
    "points", [math.nan, math.inf, -math.inf, -1, 3.5, 10**400, "3", None, True, [3], {}]
)
def test_points_are_a_number_between_0_and_the_most(points):
    with pytest.raises(Malformed):
        read(changed("cells", "1", "points", to=points), CELLS, Limits())


@pytest.mark.parametrize(
    "answer",
    [
        None,
        3,
        [],
        {},
        changed("cells", "7", to={}),
        changed("cells", "1", to=[]),
        changed("cells", to=[]),
        changed("cells", "1", "outputs", to="x"),
        changed("cells", "1", "checks", to=[5]),
        changed("cells", "1", "checks", to=[{}]),
        changed("cells", "1", "checks", to=[CHECK] * 1000),
        changed("cells", "1", "error", to=5),
        changed("cells", "1", "outputs", 0, "data", MIME, to=[]),
        changed("cells", "1", "outputs", 0, "data", MIME, "cause", to="it stopped"),
        changed("cells", "1", "outputs", 0, "data", MIME, "cause", "what", to=["it"]),
        changed("cells", "1", "outputs", 0, "data", MIME, "cause", "line", to=-1),
        changed("cells", "1", "outputs", 0, "data", MIME, "hidden_points", to="2"),
        changed("cells", "1", "outputs", 0, "data", MIME, "headline", to=5),
        changed("cells", "1", "outputs", 0, "data", MIME, "checks", to=[{"points": "9"}]),
        changed("notes", to="x"),
        changed("notes", to=[5]),
        changed("seconds", to=math.nan),
        changed("cpu_seconds", to=10**400),
        changed("memory_bytes", to=-1),
    ],
)
def test_an_answer_of_another_form_is_refused(answer):
    with pytest.raises(Malformed):
        read(answer, CELLS, Limits())


def test_what_nbgrader_reads_is_what_the_points_say():
    """nbgrader takes points from the first result, full points from none, and 0 from stderr."""
    outputs = [
        {"output_type": "stream", "name": "stderr", "text": "x"},
        {"output_type": "execute_result", "data": {"text/plain": "99"}, "metadata": {}},
    ]
    found = read(changed("cells", "1", "outputs", to=outputs), CELLS, Limits())["cells"]["1"]
    assert [output["output_type"] for output in found["outputs"]] == ["stream", "execute_result"]
    assert found["outputs"][0]["name"] == "stdout"
    assert found["outputs"][1]["data"] == {"text/plain": "2.0"}


def test_a_test_that_failed_has_an_error_and_no_points():
    found = read(changed("cells", "1", "error", to="E: no"), CELLS, Limits())["cells"]["1"]
    assert found["points"] == 0
    assert [output["output_type"] for output in found["outputs"]] == ["display_data", "error"]


def test_scripts_and_unknown_outputs_are_left_out():
    data = {"text/javascript": "x", "image/svg+xml": "<svg/>", "text/plain": "y"}
    outputs = [5, {}, {"output_type": "display_data", "data": data, "metadata": {"a": 1}}]
    found = read(changed("cells", "0", "outputs", to=outputs), CELLS, Limits())["cells"]["0"]
    assert found["outputs"] == [
        {"output_type": "display_data", "data": {"text/plain": "y"}, "metadata": {}}
    ]


def test_many_outputs_are_cut():
    outputs = [{"output_type": "stream", "name": "stdout", "text": "x" * 1000}] * 1000
    found = read(changed("cells", "0", "outputs", to=outputs), CELLS, Limits(output_bytes=10_000))
    assert len(json.dumps(found)) < 100_000  # of a million


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
PLACES = [
    ["cells"], ["cells", "0"], ["cells", "1"], ["cells", "1", "points"], ["cells", "1", "error"],
    ["cells", "1", "outputs"], ["cells", "1", "outputs", 0], ["cells", "1", "outputs", 1],
    ["cells", "1", "outputs", 0, "data"], ["cells", "1", "outputs", 0, "data", MIME],
    ["cells", "1", "outputs", 0, "data", MIME, "checks", 0, "points"],
    ["cells", "1", "checks", 0], ["cells", "1", "checks", 0, "name"], ["notes"], ["notes", 0],
    ["stopped"], ["seconds"], ["cpu_seconds"], ["memory_bytes"],
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), JSON)
def test_anything_anywhere_is_read_or_refused(path, value):
    try:
        found = read(changed(*path, to=value), CELLS, Limits())
    except Malformed:
        return
    if "error" not in found:
        assert 0 <= found["cells"].get("1", {"points": 0})["points"] <= 3
    json.dumps(found, allow_nan=False)


def test_outputs_that_are_too_long_are_left_out_and_points_stay(monkeypatch):
    monkeypatch.setattr(results, "MAX_BYTES", 20_000)
    answer = copy.deepcopy(GOOD)
    answer["cells"]["0"]["outputs"][0]["text"] = "x" * 30_000
    fitted = truncate(answer)
    assert len(json.dumps(fitted)) < 20_000
    assert "too long" in fitted["cells"]["0"]["outputs"][0]["text"]
    assert fitted["cells"]["1"] == GOOD["cells"]["1"]


def test_too_many_outputs_are_left_out(monkeypatch):
    """Each of them costs the grader time and memory, however short it is."""
    monkeypatch.setattr(results, "MAX_OUTPUTS_OF_NOTEBOOK", 100)
    answer = copy.deepcopy(GOOD)
    answer["cells"]["0"]["outputs"] *= 200
    taken = read(copy.deepcopy(answer), CELLS, Limits())["cells"]
    assert len(taken["0"]["outputs"]) == 100 + 3 * len(CELLS)
    assert taken["1"]["points"] == 2.0
    answer["cells"]["1"]["outputs"] *= 101
    fitted = truncate(answer)
    assert "too many; those of this cell are left out" in str(fitted["cells"]["0"]["outputs"])
    assert MIME in str(fitted["cells"]["1"]["outputs"])
    assert read(fitted, CELLS, Limits())["cells"]["1"]["points"] == 2.0


def test_outputs_that_fit_stay():
    assert truncate(copy.deepcopy(GOOD)) == GOOD


@pytest.mark.parametrize(
    "output",
    [
        {"output_type": "error", "ename": "E", "evalue": "", "traceback": ["\U0001f600" * 2000]},
        {"output_type": "error", "ename": "E", "evalue": "\U0001f600" * 2000, "traceback": []},
        {"output_type": "stream", "name": "stdout", "text": ""},
        {"output_type": "display_data", "data": {"text/plain": "\x01" * 2000}, "metadata": {}},
    ],
    ids=["tracebacks", "messages", "nothing", "texts"],
)
def test_outputs_of_every_kind_are_left_out_before_points_are(monkeypatch, output):
    monkeypatch.setattr(results, "MAX_BYTES", 1 << 20)
    cells = [*CELLS, *({"kind": "student", "label": str(n), "source": ""} for n in range(20))]
    answer = copy.deepcopy(GOOD)
    for number in range(2, 22):
        outputs = [copy.deepcopy(output) for _ in range(2000)]
        answer["cells"][str(number)] = {"outputs": outputs, "error": ""}
    text = json.dumps(truncate(answer))
    assert len(text) <= results.MAX_BYTES
    assert read(json.loads(text), cells, Limits())["cells"]["1"]["points"] == 2.0
