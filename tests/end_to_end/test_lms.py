"""A term on Moodle and Canvas: one person is one student, and everything finds its way back."""

import csv
import gzip
import io
import json
import os
import re
import subprocess
import zipfile

import pytest
from nbgrader.api import Gradebook

from tests.classroom import PS1, RIGHT, ROOT, Classroom
from tests.lms_downloads import collect, download, solved, zipped
from utils.grading.course import roster
from utils.grading.course.collect import read_arrivals
from utils.grading.course.zip_names import readings

pytestmark = pytest.mark.filterwarnings("ignore")  # Dask's and SQLAlchemy's own affairs

SETS = sorted(path.name for path in (ROOT / "assignments").iterdir())
NAMES = [
    f"{first} {last}"
    for first in ("Ada", "Jörg", "花子", "Miguel", "Zoë", "Olu")
    for last in ("Müller", "Suzuki", "de la Cruz", "O'Brien", "Nguyen", "Åberg", "Haddad", "Doe",
                 "Van Dam", "Ito")
]  # fmt: skip
WORKSHEET = (
    "Identifier", "Full name", "Email address", "Status", "Grade", "Maximum grade",
    "Last modified (submission)", "Last modified (grade)",
)  # fmt: skip


def class_list(room: Classroom) -> None:
    """Write the class list as Excel does in Germany."""
    lines = ["ID;Name;E-Mail;Canvas ID;Moodle ID"]
    lines += [f"s{n:02};{name};s{n:02}@x.org;{7000 + n};" for n, name in enumerate(NAMES)]
    room.course.class_list.write_bytes("\r\n".join(lines).encode("utf-8-sig"))


def imported(room: Classroom, system: str) -> tuple[list[dict[str, str]], list[str]]:
    """Return what `report --format` writes: the CSV file's lines, the names in the zip file."""
    room.run("report", PS1, "--format", system)
    path = room.course.reports / f"{PS1}_{system}.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    feedback = room.course.reports / f"{PS1}_{system}_feedback.zip"
    if not feedback.exists():
        return lines, []
    with zipfile.ZipFile(feedback) as bundle:
        assert all(b"<html" in bundle.read(name) for name in bundle.namelist())
        return lines, bundle.namelist()


@pytest.mark.parametrize("by", ["name", "worksheet"])
def test_a_term_of_six_sets_through_moodle_gives_60_students(new_classroom, by):
    room = new_classroom()
    class_list(room)
    for number, problem_set in enumerate(SETS):
        participants = {name: 100_000 * (number + 1) + 7 * n for n, name in enumerate(NAMES)}
        shown = {name: name if by == "name" else f"Participant {n}"
                 for n, name in enumerate(NAMES)}  # fmt: skip
        folders = {n: f"{shown[n]}_{participants[n]}_assignsubmission_file" for n in NAMES}
        files = {f"{folder}/{problem_set}.ipynb": "{}" for folder in folders.values()}
        archive = download(room, files, problem_set)
        if by == "worksheet":
            table = io.StringIO()
            csv.writer(table).writerows(
                [
                    WORKSHEET,
                    *(
                        [f"Participant {p}", shown[name], f"s{n:02}@x.org", "", "", "", "-", "-"]
                        for n, (name, p) in enumerate(participants.items())
                    ),
                ]
            )
            (archive / "Grades.csv").write_text(table.getvalue(), encoding="utf-8-sig")
        said = collect(room, problem_set=problem_set)
        assert "collected: 60 files of 60 students" in said
        assert "class list" not in said
    assert set(room.course.students()) == {f"s{n:02}" for n in range(60)}
    for name in SETS:
        assert len(read_arrivals(room.course.arrivals(name))) == 60


def test_scores_and_pages_go_back_to_moodle(new_classroom, workers, tmp_path):
    room = new_classroom()
    room.workers = workers
    room.course.class_list.write_text("id,name\njdoe,John Doe\nada,Ada\nzoe,Zoe\n", "utf-8")
    notebook = solved(room, tmp_path)
    other = download(room, {"Ada_9_assignsubmission_file/x.ipynb": notebook}, SETS[1])
    assert other.is_dir()
    collect(room, problem_set=SETS[1])
    archive = download(
        room,
        {
            f"John Doe_1234567_assignsubmission_file/{PS1}.ipynb": notebook,
            f"Zoe_1234568_assignsubmission_file_{PS1}.ipynb": notebook,
            "Jon Do_1234569_assignsubmission_file/ps1.pdf": b"%PDF",
        },
    )
    table = (
        "Identifier,Full name,Email address,Last modified (submission)\n"
        'Participant 1234567,John Doe,,"Thursday, 3 December 2026, 6:00 PM"\n'
        "Participant 1234568,Zoe,,03.12.2026\n"
        "Participant 1234569,Jon Do,,-\n"
    )
    (archive / "Grades-ps1.csv").write_text(table, encoding="utf-8")
    said = collect(room)
    assert "Jon Do_moodle1234569: did you mean jdoe?" in said
    assert "zoe: '03.12.2026' could be two dates" in said
    room.regrade()
    rows = room.rows()
    assert {name: row["status"] for name, row in rows.items()} == {
        "Jon Do_moodle1234569": "missing", "ada": "missing", "jdoe": "graded", "zoe": "graded",
    }  # fmt: skip
    assert "a PDF (ps1.pdf)" in rows["Jon Do_moodle1234569"]["notes"]
    assert "could be two dates" in rows["zoe"]["notes"]
    assert rows["zoe"]["needs_manual_grade"] == "True"
    assert "time" not in rows["jdoe"]["notes"]
    with Gradebook(room.course.db_url) as gradebook:
        when = gradebook.find_submission(PS1, "jdoe").timestamp
        assert when.isoformat() == "2026-12-03T18:00:00"
    lines, pages = imported(room, "moodle")
    assert [(line["Identifier"], line["Full name"], line["Grade"]) for line in lines] == [
        ("Participant 1234569", "Jon Do", ""),
        ("Participant 1234567", "John Doe", "14"),
        ("Participant 1234568", "Zoe", "14"),
    ]
    assert pages == [
        f"John Doe_1234567_assignsubmission_file/{PS1}.html",
        f"Zoe_1234568_assignsubmission_file_{PS1}.html",
    ]
    for page in pages:  # Moodle finds the participant in them
        assert readings(page.split("/")[0], folder="/" in page)


def test_scores_and_pages_go_back_to_canvas(new_classroom, workers, tmp_path):
    room = new_classroom()
    room.workers = workers
    room.course.class_list.write_text("id,name,Canvas ID\njdoe,John Doe,123\n", encoding="utf-8")
    notebook = solved(room, tmp_path)
    archive = download(
        room,
        {
            f"doejohn_LATE_123_456_{PS1}-1.ipynb": notebook,
            f"suzukihana_124_457_{PS1}.ipynb": notebook,
            "itoken_LATE_125_458_my.ipynb": notebook,
        },
    )
    times = "user_id,name,submitted_at\n123,John Doe,2026-12-03T18:00:00Z\n"
    (archive / "submissions.csv").write_text(times, encoding="utf-8")
    said = collect(room)
    assert "itoken_canvas125: late, says Canvas" in said
    assert "jdoe: late" not in said
    room.regrade()
    rows = room.rows()
    assert "Canvas says that it is late" in rows["itoken_canvas125"]["notes"]
    assert "late" not in rows["jdoe"]["notes"]
    lines, pages = imported(room, "canvas")
    assert {line["ID"]: line[PS1] for line in lines[1:]} == {"123": "14", "124": "14", "125": "14"}
    assert pages == [
        "itoken_LATE_125_458_my.html",
        f"doejohn_LATE_123_456_{PS1}-1.html",
        f"suzukihana_124_457_{PS1}.html",
    ]


def test_a_wrong_class_list_ends_grading_and_collecting(classroom):
    classroom.course.class_list.write_text("name\nJohn\n", encoding="utf-8")
    classroom.submit("a", RIGHT)
    assert "there is no id" in classroom.grade(status=1)
    download(classroom, {f"A_1_assignsubmission_file/{PS1}.ipynb": b"{}"})
    with pytest.raises(SystemExit):
        collect(classroom)


# A class of sixty, of whom half do something odd ------------------------------------------------


def oddities(right: bytes) -> dict[str, dict[str, bytes]]:
    """Return what thirty students hand in, by what it is."""
    released = json.loads(right)
    stripped = json.loads(right)
    for cell in stripped["cells"]:
        cell["metadata"] = {}
    usual = f"{PS1}.ipynb"
    return {
        "renamed": {"final.ipynb": right},
        "browser": {f"{PS1} (3).ipynb": right},
        "copy": {f"{PS1}-Copy1.ipynb": right},
        "json": {f"{usual}.json": right},
        "text": {f"{usual}.txt": right},
        "zip": {"work.zip": zipped({usual: right})},
        "macos zip": {f"{usual}.zip": zipped({usual: right, f"__MACOSX/._{usual}": "x"})},
        "folder in zip": {"work.zip": zipped({f"a/b/{usual}": right})},
        "zip in zip": {"work.zip": zipped({"in.zip": zipped({usual: right})})},
        "bom": {usual: b"\xef\xbb\xbf" + right},
        "indented": {usual: json.dumps(released, indent=8).encode()},
        "crlf": {usual: json.dumps(released, indent=1).replace("\n", "\r\n").encode()},
        "two": {usual: right, "old.ipynb": right.replace(b"np.max", b"np.amax")},
        "with data": {usual: right, "train-images.gz": gzip.compress(b"data")},
        "with picture": {usual: right, "scan.png": b"\x89PNG"},
        "stripped": {"mine.ipynb": json.dumps(stripped).encode()},
        "pdf": {"ps1.pdf": b"%PDF"},
        "html": {f"{PS1}.html": b"<html>"},
        "python": {f"{PS1}.py": b"import numpy"},
        "word": {"ps1.docx": zipped({"word/document.xml": "<w/>"})},
        "link": {"colab.url": b"[InternetShortcut]"},
        "truncated zip": {"w.zip": zipped({usual: right})[:400]},
        "rar": {"w.zip": b"Rar!\x1a\x07\x01\x00" + bytes(90)},
        "7z": {"w.7z": b"7z\xbc\xaf\x27\x1c" + bytes(90)},
        "empty zip": {"w.zip": b""},
        "empty file": {usual: b""},
        "half": {usual: right[: len(right) // 2]},
        "not a notebook": {usual: b'{"a": 1}'},
        "bomb": {"w.zip": zipped({"zeros.bin": bytes(201 << 20)})},
        "other set": {"ps.ipynb": (ROOT / f"assignments/{SETS[3]}/{SETS[3]}.ipynb").read_bytes()},
    }


LOST = {  # what has no grade
    "stripped", "pdf", "html", "python", "word", "link", "truncated zip", "rar", "7z", "empty zip",
    "empty file", "half", "not a notebook", "bomb", "other set",
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("system", ["canvas", "moodle"])
def test_a_class_of_60_with_thirty_oddities(new_classroom, workers, tmp_path, system):
    room = new_classroom()
    room.workers = workers
    class_list(room)
    right = solved(room, tmp_path)
    odd = oddities(right)
    assert len(odd) == 30
    handed_in = {}
    what = {}
    for n, name in enumerate(NAMES):
        student = f"s{n:02}"
        kind, files = [*odd.items()][n] if n < 30 else ("usual", {f"{PS1}.ipynb": right})
        what[student] = kind
        for place, (file, content) in enumerate(files.items()):
            letters = "".join(filter(str.isalnum, name.casefold()))
            handed_in[
                f"{letters}_{7000 + n}_{9000 + 2 * n + place}_{file}"
                if system == "canvas"
                else f"{name}_{40_000 + n}_assignsubmission_file/{file}"
            ] = content
    download(room, handed_in)
    said = collect(room)
    assert len(said.splitlines()) < 40
    assert {path for path in room.course.students() if path not in what} == set()
    room.regrade()
    rows = room.rows()
    assert rows.keys() == what.keys()
    for student, kind in what.items():
        row = rows[student]
        if kind in LOST:
            assert row["status"] in ("missing", "unreadable"), (kind, row)
            assert row["notes"] not in ("", "nothing was handed in"), (kind, row)
            assert row["needs_manual_grade"] == "True", (kind, row)
        else:
            assert (row["status"], row["score"]) == ("graded", "14"), (kind, row)


def test_somebody_whom_the_class_list_names_later_is_one_student(new_classroom):
    room = new_classroom()
    room.course.class_list.write_text("id,name,canvas_id\nada,Ada Doe,1\n", encoding="utf-8")
    download(room, {f"doeada_1_2_{PS1}.ipynb": "{}", f"doejohn_3_4_{PS1}.ipynb": "{}"})
    assert "not in the class list (1):\n  doejohn_canvas3" in collect(room)
    with room.course.class_list.open("a", encoding="utf-8") as file:
        file.write("john,John Doe,3\n")
    said = collect(room, "--force")
    assert "doejohn_canvas3 is john; once all problem sets are collected again" in said
    assert read_arrivals(room.course.arrivals(PS1)).keys() == {"ada", "john"}
    (command,) = re.findall(r"remove the old id: (rm -r .*?);", said)
    subprocess.run(["bash", "-euc", command], check=True, timeout=60)
    assert room.course.students() == ["ada", "john"]
    assert "old id" not in collect(room, "--force")


def test_the_readmes_command_makes_a_table_of_times_from_what_canvas_answers(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (python3 -c .*?times\.csv)$", readme, re.MULTILINE | re.DOTALL)
    answer = [
        {"user_id": 7001, "submitted_at": "2026-11-30T17:00:00Z", "body": None},
        {"user_id": 7002, "submitted_at": None},
    ]
    (tmp_path / "Downloads").mkdir()
    (tmp_path / "Downloads" / "submissions.json").write_text(json.dumps(answer))
    folder = tmp_path / "grading" / "downloaded" / PS1 / "archive"
    folder.mkdir(parents=True)
    home = os.environ | {"HOME": str(tmp_path)}
    subprocess.run(["bash", "-euc", command], cwd=tmp_path, env=home, check=True, timeout=60)
    listed, problems = roster.read_listed(folder)
    assert problems == []
    assert [(one.numbers, one.time) for one in listed] == [
        ({"7001"}, "2026-11-30T17:00:00Z"), ({"7002"}, ""),
    ]  # fmt: skip
