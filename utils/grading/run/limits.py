"""Read a submission's limits from the course's settings, without importing nbgrader (slow)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from utils.grading.sandbox.config import Limits

KINDS = {field.name: field.type for field in dataclasses.fields(Limits)}  # "int" or "float"


def limits_of(config: Mapping[str, Any], problem_set: str) -> Limits:
    """Return the limits of a problem set's submissions.

    If a problem set raises only the wall time of a call or of a cell, the processor time is raised
    with it: otherwise code that computes could not use the additional time.

    Args:
        config: from `load_config`; the settings are those of `JudgedExecute`.
        problem_set: its name.

    Raises:
        ValueError: a limit is not a number above 0; the message says which.
    """
    given = _settings(config)
    own = _plain(given["problem_sets"]).get(problem_set, {}) if "problem_sets" in given else {}
    values = {name: given[name] for name in KINDS if name in given} | own
    for name, value in values.items():
        if name not in KINDS:
            raise ValueError(
                f"nbgrader_config.py: {problem_set} has an unknown limit {name!r}; "
                f"the limits are {', '.join(KINDS)}"
            )
        whole = KINDS[name] == "int"
        numbers = int if whole else int | float
        if isinstance(value, bool) or not isinstance(value, numbers) or not value > 0:
            raise ValueError(
                f"nbgrader_config.py: the limit {name} of {problem_set} is {value!r}; it has to be "
                f"a {'whole ' if whole else ''}number above 0"
            )
    limits = Limits(**values)
    for what in ("call", "cell"):
        wall, cpu = f"{what}_seconds", f"{what}_cpu_seconds"
        is_set = getattr(limits, cpu) != getattr(Limits(), cpu)  # by the course
        if wall in own and cpu not in own and is_set and getattr(limits, cpu) < own[wall]:
            limits = dataclasses.replace(limits, **{cpu: getattr(limits, wall)})
    return limits


def is_unsafe(config: Mapping[str, Any]) -> bool:
    """Return whether the settings allow running submissions without a sandbox."""
    given = _settings(config)
    return "unsafe" in given and bool(given["unsafe"])


def _settings(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return config.get("JudgedExecute", {})


def _plain(value: Any) -> dict[str, Any]:
    """Return a dict, also from `c.X.problem_sets.update(...)`, which traitlets evaluates lazily."""
    return value.get_value({}) if hasattr(value, "get_value") else dict(value)
