"""The class list, and what Moodle's and Canvas's CSV files say about people and times."""

import datetime
import unicodedata

import pytest

from utils.grading.course import roster
from utils.grading.course.roster import Listed, Matcher, Person, RosterError
from utils.grading.course.zip_names import readings


def test_a_class_list_is_read_whatever_program_wrote_it(tmp_path):
    path = tmp_path / "students.csv"
    assert roster.read(path) == []
    text = "Login;Full Name;E-Mail;Canvas ID;Group\r\nä;Ä B;a@b;12;x\r\n"
    path.write_bytes(text.encode("utf-16"))
    assert roster.read(path) == [Person("ä", "Ä B", "a@b", "12")]
    path.write_text("student_id\n1\n\n2\n")
    assert roster.read(path) == [Person("1"), Person("2")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name\nJohn\n", "there is no id"),
        ("id,name\na,A\na,B\n", "line 3: the id 'a' is there twice"),
        ("id,name\n,A\n", "line 2: the id is empty"),
        ("id,name\n../a,A\n", "cannot be an id"),
        ("id,name\n.a,A\n", "cannot be an id"),
        ("id\n" + "a\n" * 40 + "\0\n", "cannot be read: it is not text"),
    ],
)
def test_a_wrong_class_list_gets_a_sentence(tmp_path, text, said):
    (tmp_path / "students.csv").write_text(text, encoding="utf-8")
    with pytest.raises(RosterError, match=said):
        roster.read(tmp_path / "students.csv")


@pytest.mark.parametrize(
    ("name", "folder", "person"),
    [
        ("doejohn_123_4_a.ipynb", False, "jdoe"),
        ("doejohn_999_4_a.ipynb", False, None),  # has another number than the class list says
        ("itoken_5_4_a.ipynb", False, "ito"),
        ("kenito_5_4_a.ipynb", False, "ito"),
        ("ito_5_4_a.ipynb", False, "ito"),
        ("John Doe_1_assignsubmission_file", True, "jdoe"),
        ("john  DOE_1_assignsubmission_file", True, "jdoe"),
        ("Doe John_1_assignsubmission_file", True, "jdoe"),
        ("Ann Lee_1_assignsubmission_file", True, None),  # two of them
        ("Ann Lee_88_assignsubmission_file", True, "lee2"),
        (unicodedata.normalize("NFC", "Jörg Åberg") + "_1_assignsubmission_file", True, "joerg"),
        ("Somebody Else_1_assignsubmission_file", True, None),
    ],
)
def test_who_in_the_class_list_is_meant(tmp_path, name, folder, person):
    file = tmp_path / "students.csv"
    file.write_text(
        'id,name,canvas_id,moodle_id\njdoe,"Doe, John",123,\nito,Ken Ito,,\nlee1,Ann Lee,,\n'
        f"lee2,Ann Lee,,88\njoerg,{unicodedata.normalize('NFD', 'Jörg Åberg')},,\n",
        encoding="utf-8",
    )
    found = Matcher(roster.read(file)).find(readings(name, folder)[0])
    assert (found.id if found else None) == person


@pytest.mark.parametrize(
    ("row", "person"),
    [
        (Listed("moodle", {"1"}, name="Ken Ito"), "ito"),
        (Listed("moodle", {"1"}, email="K@x.org"), "ito"),
        (Listed("moodle", {"1"}, id_number="9"), "ito"),
        (Listed("moodle", {"1"}, id_number="ITO"), "ito"),
        (Listed("moodle", set(), {"somebody"}, name="Ken Ito"), "ito"),
        (Listed("moodle", {"2"}, name="Ken Ito"), None),
        (Listed("canvas", {"1"}, name="Ken Ito"), None),
    ],
)
def test_a_systems_file_says_whose_a_number_is(row, person):
    reading = readings("Somebody_01_assignsubmission_file", folder=True)[0]
    matcher = Matcher([Person("ito", "Ken Ito", "k@x.org", "", "9"), Person("doe")], [row])
    found = matcher.find(reading)
    assert (found.id if found else None) == person
    assert matcher.about(reading) == (row if person else None)


@pytest.mark.parametrize(("name", "like"), [("Jon Doe", "jdoe"), ("Xyz", ""), ("Doe Jon", "jdoe")])
def test_a_name_that_is_almost_somebodys(name, like):
    reading = readings(f"{name}_1_assignsubmission_file", folder=True)[0]
    assert Matcher([Person("jdoe", "John Doe"), Person("ito", "Ken Ito")]).like(reading) == like


def test_tables_of_the_systems_are_known_by_their_columns(tmp_path):
    (tmp_path / "a.csv").write_text(
        "Identifier,Full name,Email address,Last modified (submission)\n"
        "Participant 007,Ada Doe,a@b,-\nNobody,x,,\n"
    )
    (tmp_path / "b.CSV").write_text("user_id,name,submitted_at\n12,Ben B,2026-12-03T18:00:00Z\n")
    (tmp_path / "c.csv").write_text("a,b\n1,2\n")
    (tmp_path / "d.csv").write_bytes(b"\0" * 99)
    (tmp_path / ".e.csv").write_text("a,b\n")
    found, problems = roster.read_listed(tmp_path)
    assert found == [
        Listed("moodle", {"7"}, {"ada doe"}, "Ada Doe", "a@b"),
        Listed("canvas", {"12"}, {"benb", "bben"}, "Ben B", time="2026-12-03T18:00:00Z"),
    ]
    assert [problem.partition(" ")[0] for problem in problems] == ["c.csv", "d.csv"]
    assert roster.read_listed(tmp_path / "none") == ([], [])


@pytest.mark.parametrize(
    ("listed", "time", "problem"),
    [
        (None, None, ""),
        (Listed("moodle"), None, ""),
        (Listed("canvas", time="2026-12-03T18:00:00+09:00"), (2026, 12, 3, 9), ""),
        (Listed("moodle", time="03.12.2026"), None, "could be two dates"),
    ],
)
def test_the_time_of_a_submission(listed, time, problem):
    when, said = roster.time_of(listed, datetime.UTC)
    assert when == (time and datetime.datetime(*time))
    assert problem in said
    assert bool(problem) == bool(said)
