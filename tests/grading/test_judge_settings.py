"""One line turns the judge on in any nbgrader course."""

import pytest
from traitlets.config import Config
from traitlets.utils.importstring import import_item

from utils.grading.judge_settings import use_judge
from utils.grading.run.limits import limits_of


def test_another_course_has_as_much_processor_time_as_time():
    config = Config()
    use_judge(config)
    limits = limits_of(config, "ps1")
    assert limits.call_cpu_seconds == limits.call_seconds == 30
    assert limits.cell_cpu_seconds == limits.cell_seconds == 30


@pytest.mark.parametrize(
    ("section", "setting", "first"),
    [
        ("Autograde", "sanitize_preprocessors", "RestoreCells"),
        ("Autograde", "autograde_preprocessors", "JudgedExecute"),
        ("HTMLExporter", "preprocessors", "SafePage"),
        ("GenerateFeedback", "preprocessors", "GetGrades"),
    ],
)
def test_every_step_that_is_named_is_there(section, setting, first):
    config = Config()
    use_judge(config)
    steps = [import_item(name) for name in config[section][setting]]
    assert steps[0].__name__ == first
    assert import_item(config.Autograde.exporter_class).__name__ == "SubmissionExporter"
