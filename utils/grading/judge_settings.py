"""The judge in an nbgrader course: one line of its `nbgrader_config.py` turns it on.

    c = get_config()
    from utils.grading.judge_settings import use_judge; use_judge(c)

`JUDGE.md` says what a course has to know.
"""

from __future__ import annotations

from typing import Any

STEPS = "utils.grading.nbgrader_steps"
PAGES = "utils.grading.reports.nbgrader_pages"


def use_judge(c: Any) -> None:
    """Let nbgrader's commands run submissions in a sandbox, and tests where no student's code is.

    Limits of a submission can be set afterwards: `c.JudgedExecute.call_seconds = 60`.

    Args:
        c: what `get_config()` gives.
    """
    # `SubmissionExporter` reads what was handed in, `RestoreCells` goes first, `JudgedExecute`
    # takes the place of `Execute`, and `SaveAutoGrades` of nbgrader's; the rest is nbgrader's.
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
    # A student's notebook may hold HTML, and staff look at it while logged in: on the pages of the
    # formgrader and of `nbgrader generate_feedback`, nothing of it runs or loads anything.
    c.HTMLExporter.preprocessors = [f"{PAGES}.SafePage"]
    c.HTMLExporter.sanitize_html = True
    # The page that a student gets shows no hidden test's source or expected values.
    c.GenerateFeedback.preprocessors = [
        "nbgrader.preprocessors.GetGrades",
        f"{PAGES}.HideHiddenTests",
        "nbconvert.preprocessors.CSSHTMLHeaderPreprocessor",
    ]


def set_limits(c: Any) -> None:
    """Give submissions as much time as nbgrader lets a cell run; `Limits` has the rest."""
    c.JudgedExecute.call_seconds = 30
    c.JudgedExecute.cell_seconds = 30
    c.JudgedExecute.call_cpu_seconds = 30
    c.JudgedExecute.cell_cpu_seconds = 30
    c.JudgedExecute.submission_seconds = 300
