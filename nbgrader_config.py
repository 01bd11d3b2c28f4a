"""How nbgrader finds this course, from whichever folder it is started.

`nbgrader` reads this file when it runs in the course folder, or with `--course-dir`. The exchange
(course id, folders shared with students) belongs to the site: set it in the site's own
`nbgrader_config.py`, for instance in /etc/jupyter.
"""

import contextlib
import os
from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader provides it

ROOT = Path(__file__).resolve().parent
RUN_TIME = "grading"  # made at run time, ignored by git

# Files beside the notebook that students get, too. Whatever else lies in solutions/psN stays there.
PUBLISHED: dict[str, list[str]] = {}

# Folders: solutions/psN -> assignments/psN -> grading/submitted/STUDENT/psN -> ...
c.CourseDirectory.root = str(ROOT)
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "assignments"
for step in ("submitted", "autograded", "feedback", "solution", "source_with_tests"):
    setattr(c.CourseDirectory, f"{step}_directory", os.path.join(RUN_TIME, step))

with contextlib.suppress(OSError):  # students may only be allowed to read the course folder
    (ROOT / RUN_TIME).mkdir(exist_ok=True)  # SQLite makes its file, but not the folder
c.CourseDirectory.db_url = f"sqlite:///{(ROOT / RUN_TIME / 'gradebook.db').as_posix()}"

c.ExportPlugin.to = str(ROOT / RUN_TIME / "grades.csv")  # where `nbgrader export` writes

# nbgrader would publish every file of solutions/psN, and hand it out with the feedback again.
c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback"] + sorted(
    {
        entry.name
        for folder in (ROOT / "solutions").glob("*/")
        for entry in folder.iterdir()
        if entry.suffix != ".ipynb" and entry.name not in PUBLISHED.get(folder.name, [])
    }
)

# Grading by nbgrader itself: a deleted test cell comes back, a cell that hangs is stopped.
c.OverwriteCells.add_missing_cells = True
c.OverwriteCells.missing_cell_notification = (
    "The cell {cell_id} was missing in the submission. It was put back for grading.\n\n"
)
SECONDS = 30
TOO_LONG = f"This cell ran for more than {SECONDS} seconds and was stopped: does a loop never end?"
c.Execute.timeout = SECONDS
c.Execute.interrupt_on_timeout = True
c.Execute.error_on_timeout = {
    "ename": "CellTimeoutError",
    "evalue": TOO_LONG,
    "traceback": [TOO_LONG],
}

# --- The judge (utils/grading): tests run where the student's code is not -------------------------
# Another course needs no more than these two lines: see JUDGE.md. `nbgrader validate` has no judge.
from utils.grading.judge_settings import use_judge  # noqa: E402

use_judge(c)

# What a submission may use: seconds, bytes. These are the course's defaults, ...
c.JudgedExecute.call_seconds = 10  # one call from a test
c.JudgedExecute.cell_seconds = 30  # one cell of the student's
c.JudgedExecute.call_cpu_seconds = 2  # the same in processor time, which ends endless loops
c.JudgedExecute.cell_cpu_seconds = 10
c.JudgedExecute.submission_seconds = 120
c.JudgedExecute.memory = 1 << 30
c.JudgedExecute.processes = 16  # threads count, too
c.JudgedExecute.files = 1000
c.JudgedExecute.file_bytes = 64 << 20
c.JudgedExecute.output_bytes = 1 << 20  # kept of a cell's output, from its head and its tail
# ... and what single problem sets need instead: {"ps5_two_layer_net": {"cell_seconds": 60}}.
c.JudgedExecute.problem_sets = {
    "ps1_output_layer": {"call_cpu_seconds": 0.8, "cell_cpu_seconds": 4},
}

# A submission made from an earlier release has not been edited: what is handed out is remembered.
c.GenerateAssignment.preprocessors.append("utils.grading.course.releases.RememberRelease")

# --- After grading -------------------------------------------------------------------------------
# What a late day costs; the deadline is the problem set's due date in the gradebook. Single
# students' later deadlines: a CSV file with the columns student, problem_set, new_deadline. A date
# without a time is until the end of that day.
c.AssignLatePenalties.plugin_class = "utils.grading.course.lateness.LatePolicy"
c.LatePolicy.percent_per_day = 0  # of the score, for every day begun
c.LatePolicy.grace_minutes = 10
c.LatePolicy.extensions = str(ROOT / RUN_TIME / "extensions.csv")
c.LatePolicy.time_zone = "UTC"  # of deadlines in that file that name none, such as Europe/Berlin

# `nbgrader zip_collect PS` takes in what lies in grading/downloaded/PS/archive: the zip file that
# Canvas or Moodle hands out. By the names of its files, such as
#     doejohn_LATE_123_456_ps1_output_layer-1.ipynb
#     John Doe_123_assignsubmission_file/ps1_output_layer.ipynb
# students get the ids doejohn_canvas123 and John Doe_moodle123, or those of grading/students.csv.
# For another system, give `c.FileNameCollectorPlugin.named_regexp` the groups `student_id` and
# `file_id`; it is matched with a file's path in the zip file and a slash before it.
c.ZipCollectApp.downloaded_directory = os.path.join(RUN_TIME, "downloaded")
c.ZipCollectApp.extractor_plugin = "utils.grading.course.unpack.Extractor"
c.ZipCollectApp.collector_plugin = "utils.grading.course.collect.Collector"
