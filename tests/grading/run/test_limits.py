"""What a submission may use: the problem set's limits, then the course's, then ours."""

import re

import pytest
from traitlets.config import Config

from utils.grading.run.limits import is_unsafe, limits_of
from utils.grading.sandbox.config import Limits
from utils.system import ROOT, load_config


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"memory": "1G"}, "the limit memory of ps1 is '1G'; it has to be a whole number above 0"),
        ({"memory": 1e9}, "a whole number above 0"),
        ({"cell_seconds": 0}, "a number above 0"),
        ({"cell_seconds": True}, "a number above 0"),
        ({"problem_sets": {"ps1": {"seconds": 3}}}, "an unknown limit 'seconds'"),
    ],
)
def test_an_invalid_limit_gets_a_sentence(settings, said):
    with pytest.raises(ValueError, match=f"^nbgrader_config.py: .*{re.escape(said)}"):
        limits_of(Config({"JudgedExecute": settings}), "ps1")


def test_limits_are_those_of_the_problem_set_then_the_courses_then_ours():
    config = Config()
    assert limits_of(config, "ps1") == Limits()
    config.JudgedExecute.call_seconds = 2
    config.JudgedExecute.problem_sets.update({"ps1": {"cell_seconds": 60}})  # kept for later
    assert limits_of(config, "ps1") == Limits(call_seconds=2, cell_seconds=60)
    assert limits_of(config, "ps2") == Limits(call_seconds=2)
    assert not is_unsafe(config)
    config.JudgedExecute.unsafe = True
    assert is_unsafe(config)


@pytest.mark.parametrize(
    ("of_course", "of_set", "seconds"),
    [
        ({}, {"call_seconds": 60}, 10),  # the course has set no processor time
        ({"call_cpu_seconds": 5}, {"call_seconds": 60}, 60),
        ({"call_cpu_seconds": 5}, {"call_seconds": 60, "call_cpu_seconds": 7}, 7),
        ({"call_cpu_seconds": 5}, {"call_seconds": 4}, 5),
        ({"call_cpu_seconds": 5}, {"cell_seconds": 60}, 5),
    ],
)
def test_more_wall_time_of_a_problem_set_is_more_processor_time(of_course, of_set, seconds):
    settings = {"JudgedExecute": of_course | {"problem_sets": {"ps1": of_set}}}
    assert limits_of(settings, "ps1").call_cpu_seconds == seconds


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "solutions").glob("ps*/")))
def test_the_courses_limits_are_far_below_the_wall_time(name):
    limits = limits_of(load_config(ROOT), name)
    assert limits.call_cpu_seconds <= limits.call_seconds / 5
    assert limits.cell_cpu_seconds <= limits.cell_seconds / 3
