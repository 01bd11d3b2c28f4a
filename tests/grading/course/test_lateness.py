"""Late submissions: deadlines of single students, and what a late day costs."""

import datetime

import pytest
from nbgrader.api import Gradebook
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config

from tests.classroom import PS1, RIGHT
from utils.grading.course import lateness
from utils.grading.course.dates import parse_time
from utils.grading.course.gradebook import CourseGradebook
from utils.grading.course.lateness import ExtensionsError, LatePolicy, deadlines, read_lines

DUE = datetime.datetime(2026, 11, 30, 12)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-30", (2026, 11, 30, 23, 59, 59)),
        ("2026-11-30 00:00", (2026, 11, 30, 0, 0)),
        ("2026-11-30 23:59", (2026, 11, 30, 23, 59)),
        ("2026-11-30 23:59 Asia/Tokyo", (2026, 11, 30, 14, 59)),
        ("2026-11-30T23:59+01:00", (2026, 11, 30, 22, 59)),
    ],
)
def test_dates_are_read_as_utc(text, utc):
    assert parse_time(text) == datetime.datetime(*utc)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-11-30", (2026, 12, 1, 4, 59, 59)),
        ("2026-11-30 Asia/Tokyo", (2026, 11, 30, 14, 59, 59)),
        ("2026-11-30 12:00", (2026, 11, 30, 17, 0)),
        ("2026-11-30 12:00 Asia/Tokyo", (2026, 11, 30, 3, 0)),
        ("2026-11-30T12:00Z", (2026, 11, 30, 12, 0)),
    ],
)
def test_a_date_alone_is_until_the_end_of_the_day_in_the_courses_zone(tmp_path, text, utc):
    file = tmp_path / "extensions.csv"
    file.write_text(f"student,problem_set,new_deadline\na,b,{text}\n", encoding="utf-8")
    policy = LatePolicy(config=Config(LatePolicy={"time_zone": "America/New_York"}))
    assert deadlines(policy.read_lines(file)) == {("a", "b"): datetime.datetime(*utc)}


@pytest.mark.parametrize("zone", ["Atlantis/Capital", "", "../UTC"])
def test_a_wrong_zone_in_the_settings_gets_a_sentence(tmp_path, zone):
    policy = LatePolicy(config=Config(LatePolicy={"time_zone": zone}))
    with pytest.raises(ExtensionsError, match="time_zone is .* write one such as Europe/Berlin"):
        policy.read_lines(tmp_path / "none.csv")


def test_lines_from_which_nothing_follows_are_named(tmp_path):
    file = tmp_path / "extensions.csv"
    file.write_text(
        "student,problem_set,new_deadline\nben,ps1,2026-12-01\nbne,ps1,2026-12-01\n"
        "\nben,ps11,2026-12-01\n",
        encoding="utf-8",
    )
    first, second = lateness.strays(file, read_lines(file), {"ben"}, {"ps1"})
    assert first.startswith(f"{file}, line 3: 'bne' is not in the gradebook")
    assert second.startswith(f"{file}, line 5: there is no problem set 'ps11'")
    assert lateness.strays(file, read_lines(tmp_path / "none.csv"), (), ()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("student,problem_set\na,b\n", "there is no new_deadline"),
        ("student,problem_set,new_deadline\na,b,\n", "line 2: a field is empty"),
        ("student,problem_set,new_deadline\na,b,tomorrow\n", "line 2: 'tomorrow' is not a date"),
        ("student,problem_set,new_deadline\na,b\n", "line 2: a field is empty"),
    ],
)
def test_a_wrong_file_gets_a_sentence_with_the_line(tmp_path, text, words):
    file = tmp_path / "extensions.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ExtensionsError, match=words):
        read_lines(file)


@pytest.mark.parametrize(
    ("hours", "settings", "penalty"),
    [
        (1, {}, None),
        (1, {"percent_per_day": 10}, 1.0),
        (25, {"percent_per_day": 10}, 2.0),
        (2000, {"percent_per_day": 10}, 10),
        (0.1, {"percent_per_day": 10, "grace_minutes": 10}, None),
        (49, {"days_accepted": 2}, 10),
    ],
)
def test_what_a_late_day_costs(hours, settings, penalty):
    policy = LatePolicy(config=Config(LatePolicy=settings))
    assert policy.late_submission_penalty("a", 10.0, hours * 3600) == penalty


@pytest.fixture
def late_class(classroom, workers):
    """Three hand in 30 hours late: one has an extension, one has half of what is needed."""
    classroom.workers = workers
    with (classroom.root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write("\nc.LatePolicy.percent_per_day = 10\n")
    for name in ("late", "extended", "half"):
        path = classroom.submit(name, RIGHT)
        (path.parent / "timestamp.txt").write_text("2026-12-01 18:00:00 UTC", encoding="utf-8")
    classroom.course.extensions.write_text(
        "student,problem_set,new_deadline\n"
        f"extended,{PS1},2026-12-02\nhalf,{PS1},2026-12-01 12:00\n",
        encoding="utf-8",
    )
    with Gradebook(classroom.course.db_url) as gradebook:
        gradebook.update_or_create_assignment(PS1, duedate=DUE)
    return classroom


def penalties(room) -> dict[str, float]:
    with CourseGradebook(room.course) as book:
        return {name: scores.penalty for name, scores in book.scores(PS1).items()}


EXPECTED = {"late": 2.8, "extended": 0, "half": 1.4}  # of 14 points: two days, none, one


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's and SQLAlchemy's own affairs
def test_grade_gives_the_penalties_and_a_later_extension_takes_them_back(late_class):
    late_class.regrade()
    assert penalties(late_class) == pytest.approx(EXPECTED)
    rows = late_class.rows()
    assert {name: float(row["score"]) for name, row in rows.items()} == pytest.approx(
        {name: 14 - penalty for name, penalty in EXPECTED.items()}
    )
    assert rows["late"]["notes"] == "30.0 h late, 2.8 points less"
    assert rows["extended"]["notes"] == ""
    assert "handed in late" in late_class.feedback("late")
    with late_class.course.extensions.open("a", encoding="utf-8") as file:
        file.write(f"late,{PS1},2026-12-02\n")
    progress = late_class.regrade()
    assert (progress.graded, progress.unchanged) == (0, 3)
    assert penalties(late_class)["late"] == 0
    assert "handed in late" not in late_class.feedback("late")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's and SQLAlchemy's own affairs
@pytest.mark.parametrize("left", ["a header", "no file"])
def test_a_line_taken_out_is_taken_back_and_nbgraders_own_extension_stays(late_class, left):
    late_class.regrade()
    with Gradebook(late_class.course.db_url) as gradebook:
        gradebook.grant_extension(PS1, "late", hours=20)
    file = late_class.course.extensions
    if left == "no file":
        file.unlink()
    else:
        file.write_text("student,problem_set,new_deadline\n", encoding="utf-8")
    progress = late_class.regrade()
    assert (progress.graded, progress.unchanged) == (0, 3)
    assert penalties(late_class) == pytest.approx({"late": 1.4, "extended": 2.8, "half": 2.8})
    with Gradebook(late_class.course.db_url) as gradebook:
        given = {s.student_id: s.extension for s in gradebook.assignment_submissions(PS1)}
    assert given == {"late": datetime.timedelta(hours=20), "extended": None, "half": None}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's and SQLAlchemy's own affairs
def test_a_time_written_after_grading_counts_from_the_next_grade_on(late_class):
    """As it is after `zip_collect`, which writes none."""
    file = late_class.course.folder("submitted", "late", PS1) / "timestamp.txt"
    file.unlink()
    late_class.regrade()
    assert penalties(late_class)["late"] == 0
    file.write_text("2026-12-01 18:00 UTC", encoding="utf-8")
    progress = late_class.regrade()
    assert (progress.graded, progress.unchanged) == (0, 3)
    assert penalties(late_class)["late"] == pytest.approx(2.8)
    assert "handed in late" in late_class.feedback("late")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Dask's and SQLAlchemy's own affairs
def test_grade_says_which_lines_of_the_file_nobody_needs(late_class):
    with late_class.course.extensions.open("a", encoding="utf-8") as file:
        file.write(f"hafl,{PS1},2026-12-02\nhalf,ps9_nothing,2026-12-02\n")
    unknown, nothing = late_class.regrade().notes
    assert "extensions.csv, line 4: 'hafl'" in unknown
    assert "extensions.csv, line 5: there is no problem set 'ps9_nothing'" in nothing
    assert penalties(late_class) == pytest.approx(EXPECTED)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # SQLAlchemy's own affair
def test_nbgraders_own_step_gives_the_same_penalties(late_class):
    late_class.regrade()
    with CourseGradebook(late_class.course) as book:
        for notebook in book.gradebook.notebook_submissions(PS1, PS1):
            notebook.late_submission_penalty = None
            notebook.assignment.extension = None
        book.db.commit()
    for name in EXPECTED:
        about = {
            "notebook": PS1, "assignment": PS1, "student": name,
            "db_url": late_class.course.db_url,
        }  # fmt: skip
        step = AssignLatePenalties(config=late_class.course.config)
        step.preprocess(late_class.autograded(name), {"nbgrader": about})
    assert penalties(late_class) == pytest.approx(EXPECTED)
    assert lateness.COLUMNS == ("student", "problem_set", "new_deadline")
