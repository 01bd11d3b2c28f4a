"""`zip_collect`: a bad file costs its owner and nobody else, and everyone has one id all term."""

import bz2
import gzip
import io
import json
import stat
import struct
import tarfile
import unicodedata
import zipfile

import pytest

from tests.classroom import PS1
from tests.lms_downloads import collect, download, solved, zipped
from utils.grading.course import archives
from utils.grading.course.archive_members import BadArchive, Budget
from utils.grading.course.archives import unpack
from utils.grading.course.collect import read_arrivals

pytestmark = pytest.mark.filterwarnings("ignore")  # nbgrader's and SQLAlchemy's own affairs

MB = 1 << 20
RAR = b"Rar!\x1a\x07\x01\x00" + bytes(200)
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c" + bytes(200)


@pytest.fixture
def room(new_classroom):
    return new_classroom()


def tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode=mode) as bundle:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            bundle.addfile(info, io.BytesIO(content))
    return data.getvalue()


def damaged(content: bytes) -> bytes:
    """Return a zip file in which a byte of the first member has changed."""
    place = 30 + content.index(b"ps1") - content.index(b"PK") + 40
    return content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :]


def encrypted(content: bytes) -> bytes:
    """Return a zip file whose members say that they have a password."""
    changed = bytearray(content)
    changed[6] |= 1
    changed[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(changed)


def linking(target: str = "/etc/passwd") -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as bundle:
        info = zipfile.ZipInfo(f"{PS1}.ipynb")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        bundle.writestr(info, target)
    return data.getvalue()


def of_method(content: bytes, method: int) -> bytes:
    """Return a zip file whose one member says that it is compressed by some method."""
    changed = bytearray(content)
    place = content.index(b"PK\x01\x02")
    changed[8:10] = changed[place + 10 : place + 12] = method.to_bytes(2, "little")
    return bytes(changed)


def beyond(content: bytes, offset: int = 1 << 62) -> bytes:
    """Return a zip file whose one member begins, as it says, where no file can have a byte."""
    changed, extra = bytearray(content), struct.pack("<HHQ", 1, 8, offset)
    place = content.index(b"PK\x01\x02")
    name = int.from_bytes(content[place + 28 : place + 30], "little")
    changed[place + 30 : place + 32] = len(extra).to_bytes(2, "little")
    changed[place + 42 : place + 46] = b"\xff" * 4
    changed[place + 46 + name : place + 46 + name] = extra
    end = changed.rindex(b"PK\x05\x06") + 12
    size = int.from_bytes(changed[end : end + 4], "little") + len(extra)
    changed[end : end + 4] = size.to_bytes(4, "little")
    return bytes(changed)


def claiming(size: int) -> bytes:
    """Return a tar file whose one header claims a size."""
    info = tarfile.TarInfo("a.ipynb")
    info.size = size
    return info.tobuf(tarfile.GNU_FORMAT) + bytes(1024)


DEEP = "/".join(letter * 190 for letter in "abcdefghijk")  # two of these are too long for a path
NOTEBOOK = zipped({f"ps1/{PS1}.ipynb": b"{}" * 5000})
BAD = {  # a name, its content, and what the summary says of it
    "truncated": ("ps1.zip", NOTEBOOK[: len(NOTEBOOK) // 2], "is damaged"),
    "rar": ("ps1.zip", RAR, "is a RAR archive"),
    "called rar": ("ps1.rar", RAR, "is a RAR archive"),
    "7z": ("ps1.7z", SEVEN_ZIP, "is a 7z archive"),
    "empty": ("ps1.zip", b"", "is empty"),
    "password": ("ps1.zip", encrypted(NOTEBOOK), "is protected by a password"),
    "member": ("ps1.zip", damaged(NOTEBOOK), "is damaged"),
    "tar": ("ps1.tar.gz", tarred({"a": b"1" * 9000})[:60], "is damaged"),
    "size": ("ps1.tar", claiming(1 << 62), "is damaged"),
    "short tar": ("ps1.tar.gz", b"\x1f\x8b\x08\x00", "is damaged"),
    "Deflate64": ("ps1.zip", of_method(NOTEBOOK, 9), "is compressed in a way that cannot be read"),
    "text": ("ps1.zip", b"I could not upload it, sorry", "is not an archive"),
    "no files": ("ps1.zip", zipped({}), "holds no files"),
    "folders only": ("ps1.zip", zipped({"ps1/": b""}), "holds no files"),
    "link": ("ps1.zip", linking(), "is a link"),
    "above": ("ps1.zip", zipped({"../../../evil.ipynb": b"{}"}), "leads out of the archive"),
    "offset": ("ps1.zip", beyond(NOTEBOOK), "is damaged"),
    "path": (
        "ps1.zip",
        zipped({f"{DEEP}/b.zip": zipped({f"{DEEP}/c": b"1"})}),
        "has a name that no file",
    ),
    "nested": ("ps1.zip", zipped({"a.zip": zipped({"b.zip": b"not one"})}), "is not an archive"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_archive_costs_its_owner_and_nobody_else(room, tmp_path, kind):
    name, content, why = BAD[kind]
    notebook = solved(room, tmp_path)
    download(
        room,
        {
            f"Anna Beispiel_2001_assignsubmission_file/{PS1}.ipynb": notebook,
            f"Zoe Test_2002_assignsubmission_file/{name}": content,
            f"Zz Last_2003_assignsubmission_file/{PS1}.ipynb": notebook,
        },
    )
    said = collect(room)
    assert set(room.course.students()) == {"Anna Beispiel_moodle2001", "Zz Last_moodle2003"}
    assert f"Zoe Test_moodle2002: {'b.zip' if kind in ('nested', 'path') else name}" in said
    assert why in said
    assert len(said.splitlines()) <= 8
    log = room.root / "grading" / "downloaded" / PS1 / "zip_collect.log"
    assert "Copying from" in log.read_text(encoding="utf-8")
    assert not (room.root.parent / "evil.ipynb").exists()
    assert "Zoe Test_moodle2002" in read_arrivals(room.course.arrivals(PS1))


GOOD = {  # what is in Zoe's folder; it is collected as a notebook
    "macos": {
        f"{PS1}.ipynb.zip": zipped(
            {f"{PS1}.ipynb": "NOTEBOOK", f"__MACOSX/._{PS1}.ipynb": b"\0\5\x16\7"}
        )
    },
    "compressed data": {"train-images.gz": gzip.compress(bytes(500)), f"{PS1}.ipynb": b"NOTEBOOK"},
    "bz2 of nothing": {"notes.bz2": bz2.compress(b"notes"), f"{PS1}.ipynb": b"NOTEBOOK"},
    "gz of a notebook": {f"{PS1}.ipynb.gz": gzip.compress(b"NOTEBOOK")},
    "tar.gz": {"ps1.tar.gz": tarred({f"ps1/{PS1}.ipynb": b"NOTEBOOK"})},
    "tar called zip": {"ps1.zip": tarred({f"ps1/{PS1}.ipynb": b"NOTEBOOK"}, "w")},
    "zip in a zip": {"all.zip": zipped({"ps1.zip": zipped({f"{PS1}.ipynb": "NOTEBOOK"})})},
    "absolute path": {"ps1.zip": zipped({f"/home/zoe/{PS1}.ipynb": "NOTEBOOK"})},
    "backslashes": {"ps1.zip": zipped({f"C:\\Users\\zoe\\{PS1}.ipynb": "NOTEBOOK"})},
    "long name": {"ps1.zip": zipped({f"{'x' * 300}.ipynb": "NOTEBOOK"})},
    "control characters": {"ps1.zip": zipped({"p\ns\x07.ipynb": "NOTEBOOK"})},
    "case only": {"ps1.zip": zipped({"PS1.ipynb": "NOTEBOOK", "ps1.ipynb": "NOTEBOOK"})},
    "file and folder": {"ps1.zip": zipped({"a": b"", "a/b.txt": b"", "c.ipynb": "NOTEBOOK"})},
    "data before it": {"ps1.zip": b"#!/bin/sh\n" + zipped({"c.ipynb": "NOTEBOOK"})},
}


@pytest.mark.parametrize("after", ["/", "_"])  # Moodle's download with folders, and without
@pytest.mark.parametrize("kind", GOOD)
def test_an_archive_that_can_be_unpacked_is(room, kind, after):
    download(room, {f"Zoe_7_assignsubmission_file{after}{k}": v for k, v in GOOD[kind].items()})
    collect(room)
    folder = room.course.folder("submitted", "Zoe_moodle7", PS1)
    notebooks = [path for path in folder.rglob("*.ipynb") if path.is_file()]
    assert notebooks
    assert {path.read_bytes() for path in notebooks} == {b"NOTEBOOK"}
    if kind == "compressed data":
        assert (folder / "train-images.gz").read_bytes() == GOOD[kind]["train-images.gz"]


@pytest.mark.parametrize("known", [False, True])
def test_an_archive_named_after_somebody_else_is_not_theirs(room, known):
    forged = zipped({f"{PS1}.ipynb": "FORGED"})
    files = {"Zoe_7_assignsubmission_file_Vic_8_assignsubmission_file.zip": forged}
    if known:
        files |= {f"Vic_8_assignsubmission_file_{PS1}.ipynb": "NOTEBOOK"}
    download(room, files)
    collect(room)
    found = {path: path.read_text() for path in room.course.submitted.rglob("*.ipynb")}
    assert [path.parts[-3] for path, text in found.items() if text == "FORGED"] == ["Zoe_moodle7"]
    assert ("NOTEBOOK" in found.values()) == known


def test_gzip_data_are_a_notebook_by_how_they_begin(tmp_path):
    (tmp_path / "ps1.gz").write_bytes(gzip.compress(b'\n{"cells": []}'))
    (tmp_path / "images.gz").write_bytes(gzip.compress(b"\0\0\x08\x03{"))
    assert archives.is_archive(tmp_path / "ps1.gz")
    assert not archives.is_archive(tmp_path / "images.gz")
    (path,) = archives.unpack(tmp_path / "ps1.gz", tmp_path / "there", Budget()).files
    assert path.name == "ps1.ipynb"
    assert json.loads(path.read_bytes()) == {"cells": []}


@pytest.mark.parametrize("name", ["ps1.zip", "ps1.tar.gz"])
@pytest.mark.parametrize(
    "limits", [{"of_file": MB}, {"size": 2 * MB}, {"ratio": 10}, {"files": 1}], ids=str
)
def test_a_bomb_goes_off_within_limits(tmp_path, monkeypatch, name, limits):
    monkeypatch.setattr(archives, "FREE_OF_RATIO", MB)
    files = {f"{n}.txt": bytes(3 * MB) for n in range(2)}
    if "files" in limits:
        files = {f"{n}.txt": b"small" for n in range(5)}
    made = zipped if name.endswith("zip") else tarred
    (tmp_path / name).write_bytes(made(files))
    try:
        problems = unpack(tmp_path / name, tmp_path / "out", Budget(**limits)).problems
    except BadArchive as error:
        problems = [str(error)]
    assert problems
    written = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in written) <= 3 * MB
    assert len(written) <= 1


def test_archives_within_each_other_have_an_end(tmp_path):
    content = zipped({"a.txt": b"a"})
    for _ in range(6):
        content = zipped({"deeper.zip": content})
    (tmp_path / "deeper.zip").write_bytes(content)
    ((_, said),) = archives.unpack_beside(tmp_path / "deeper.zip", Budget())
    assert "is nested in too many archives" in said


def test_a_class_whose_archive_is_damaged_gets_a_sentence(room):
    archive = download(room, {})
    (archive / "submissions.zip").write_bytes(NOTEBOOK[:50])
    said = collect(room)
    assert "submissions.zip is damaged" in said
    assert "download it again" in said


# Whose a file is --------------------------------------------------------------------------------


def ids(room) -> set[str]:
    return set(room.course.students())


@pytest.mark.parametrize("flat", [False, True])
def test_a_name_that_looks_like_anothers_is_its_owners(room, flat):
    end = f"_{PS1}.ipynb" if flat else f"/{PS1}.ipynb"
    odd = "John Doe_1234567_assignsubmission_file x"
    download(
        room,
        {
            f"John Doe_1234567_assignsubmission_file{end}": b"John's",
            f"{odd}_7654321_assignsubmission_file{end}": b"another's",
        },
    )
    collect(room)
    assert ids(room) == {"John Doe_moodle1234567", f"{odd}_moodle7654321"}
    taken = room.course.notebook("submitted", "John Doe_moodle1234567", PS1)
    assert taken.read_bytes() == b"John's"


def test_another_students_marker_in_a_name_does_not_reach_that_students_work(room):
    download(
        room,
        {
            "doe_1001_5001_ps1.ipynb": b"Doe's",
            "doe_1001_5001_ps1.ipynb_1002_6001_ps1.ipynb": b"another's",
            "eve_1003_5003_final_1_2_version.ipynb": b"Eve's",
        },
    )
    said = collect(room)
    assert ids(room) == {"doe_canvas1001", "doe_1001_5001_ps1.ipynb_canvas1002", "eve_canvas1003"}
    mine = room.course.folder("submitted", "doe_canvas1001", PS1)
    assert {path.read_bytes() for path in mine.iterdir()} == {b"Doe's"}
    assert "could be two people's" in said


def test_a_student_cannot_hand_in_a_time_of_their_own(room):
    folder = "Zoe_7_assignsubmission_file"
    download(
        room,
        {
            f"{folder}/{PS1}.ipynb": b"{}",
            f"{folder}/timestamp.txt": b"2020-01-01 00:00 UTC",
            f"{folder}/work.zip": zipped({"timestamp.txt": "2020-01-01", "b.ipynb": "{}"}),
        },
    )
    collect(room)
    submitted = room.course.folder("submitted", "Zoe_moodle7", PS1)
    assert not (submitted / "timestamp.txt").exists()
    assert (submitted / "timestamp (2).txt").exists()


def test_names_are_composed(room):
    name = unicodedata.normalize("NFD", "Jörg Müller")
    download(room, {f"{name}_7_assignsubmission_file/{PS1}.ipynb": b"{}"})
    (room.course.class_list).write_text("id,name\njmueller,Jörg Müller\n", encoding="utf-8")
    collect(room)
    assert ids(room) == {"jmueller"}


def test_somebody_without_a_notebook_is_named(room):
    download(
        room,
        {
            f"Ada_1_assignsubmission_file/{PS1}.ipynb": b"{}",
            "Ben_2_assignsubmission_file/ps1.pdf": b"%PDF",
            "Cleo_3_assignsubmission_onlinetext/onlinetext.html": b"<p>see my mail</p>",
        },
    )
    said = collect(room)
    assert ids(room) == {"Ada_moodle1"}
    assert "Ben_moodle2: a PDF (ps1.pdf)" in said
    assert "Cleo_moodle3: a web page (onlinetext.html)" in said


def test_an_archive_that_somebody_has_unpacked_already(room):
    """Safari does; then students' own archives lie beside their notebooks."""
    archive = download(room, {})
    (archive / "submissions.zip").unlink()
    (archive / f"ada_11_21_{PS1}.ipynb").write_bytes(b"{}")
    inner = zipped({f"ada_11_99_{PS1}.ipynb": b"stolen", "mine.ipynb": b"{}"})
    (archive / "eve_12_22_work.zip").write_bytes(inner)
    collect(room)
    assert ids(room) == {"ada_canvas11", "eve_canvas12"}
    ada = room.course.folder("submitted", "ada_canvas11", PS1)
    assert [path.read_bytes() for path in ada.iterdir()] == [b"{}"]
