"""The modules with solutions are not found by a student's cell, imported before or not."""

import sys
import types

import pytest

from utils.grading.sandbox import blocked_imports
from utils.grading.sandbox.blocked_imports import BlockedImports


@pytest.mark.parametrize(
    ("name", "blocked"),
    [
        ("utils.functions", True),
        ("utils.grading", True),
        ("utils.grading.run.check_process", True),
        ("utils", False),
        ("utils.checks", False),
        ("utils.functions_of_mine", False),
        ("functions", False),
        ("mine.utils.functions", False),
    ],
)
def test_only_what_holds_solutions_is_refused(name, blocked):
    if not blocked:
        assert BlockedImports().find_spec(name) is None
        return
    with pytest.raises(ImportError, match=f"^{name} is not there when work is graded") as refused:
        BlockedImports().find_spec(name)
    assert refused.value.name == name


def test_what_has_been_imported_before_is_forgotten(monkeypatch):
    names = ("utils", "utils.functions", "utils.checks", "utils.grading", "utils.grading.run")
    modules = {name: types.ModuleType(name) for name in names}
    for name, module in modules.items():
        above, _, last = name.rpartition(".")
        if above:
            setattr(modules[above], last, module)
    monkeypatch.setattr(sys, "modules", sys.modules | modules)
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    blocked_imports.forget_staff_modules()
    assert [name for name in names if name in sys.modules] == ["utils", "utils.checks"]
    assert not hasattr(modules["utils"], "functions")
    assert not hasattr(modules["utils"], "grading")
    assert isinstance(sys.meta_path[0], BlockedImports)
