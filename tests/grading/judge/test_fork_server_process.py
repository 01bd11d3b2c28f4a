"""The configuration that a submission begins with arrives in the fork server as it was sent."""

import json
from dataclasses import asdict

import pytest

from utils.grading.judge.fork_server_process import _read_config
from utils.grading.sandbox.config import Limits, SandboxConfig

CONFIG = SandboxConfig(Limits(call_seconds=2.5, memory=1 << 20), "none", "here", modules=("a", "b"))
SENT = json.loads(json.dumps(asdict(CONFIG)))


def test_a_configuration_arrives_as_it_was_sent():
    assert _read_config(SENT) == CONFIG


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"limits": SENT["limits"] | {"memory": 0}}, ValueError),
        ({"limits": SENT["limits"] | {"memory": "1"}}, ValueError),
        ({"limits": {"hours": 1}}, TypeError),
        ({"cells": []}, TypeError),
    ],
)
def test_what_is_no_configuration_starts_nothing(change, error):
    with pytest.raises(error):
        _read_config(SENT | change)
