"""Use the judge in any nbgrader course, with one line in its `nbgrader_config.py`.

    c = get_config()
    from utils.grading.judge_settings import use_judge; use_judge(c)

`JUDGE.md` has the details.
"""

from __future__ import annotations

from typing import Any

STEPS = "utils.grading.nbgrader_steps"
PAGES = "utils.grading.reports.nbgrader_pages"


def use_judge(c: Any) -> None:
    """Let nbgrader's commands run submissions in a sandbox and tests in a separate process.

    Limits of a submission can be set afterwards: `c.JudgedExecute.call_seconds = 60`.

    Args:
        c: the configuration from `get_config()`.
    """
    # `SubmissionExporter` reads submissions, `RestoreCells` comes first, `JudgedExecute` replaces
    # `Execute`, and `SaveAutoGrades` nbgrader's own; the rest is nbgrader's.
    c.Autograde.exporter_class = f"{STEPS}.SubmissionExporter"
    c.Autograde.sanitize_preprocessors = [
        f"{STEPS}.RestoreCells",
        "nbgrader.preprocessors.ClearOutput",
        "nbgrader.preprocessors.DeduplicateIds",
        "nbgrader.preprocessors.OverwriteKernelspec",
        "nbgrader.preprocessors.OverwriteCells",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.Autograde.autograde_preprocessors = [
        f"{STEPS}.JudgedExecute",
        "nbgrader.preprocessors.IgnorePattern",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        "nbgrader.preprocessors.LimitOutput",
        f"{STEPS}.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    set_limits(c)
    # A student's notebook may contain HTML, and staff view it while logged in: on the pages of the
    # formgrader and of `nbgrader generate_feedback`, it cannot run code or load files.
    c.HTMLExporter.preprocessors = [f"{PAGES}.SafePage"]
    c.HTMLExporter.sanitize_html = True
    # The page that a student gets shows no hidden test's source or expected values.
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.GetGrades",
        f"{PAGES}.HideHiddenTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]


def set_limits(c: Any) -> None:
    """Set the time limits to nbgrader's 30 seconds; other limits keep the defaults of `Limits`."""
    c.JudgedExecute.call_seconds = 30
    c.JudgedExecute.cell_seconds = 30
    c.JudgedExecute.call_cpu_seconds = 30
    c.JudgedExecute.cell_cpu_seconds = 30
    c.JudgedExecute.submission_seconds = 300
