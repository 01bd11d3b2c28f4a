"""The class's archive and the students' in it are unpacked; a bad one costs its owner only."""

import logging
from types import SimpleNamespace

import pytest

from tests.lms_downloads import zipped
from utils.grading.course.unpack import Extractor, log_to_file

ADA, BEN = "Ada_1_assignsubmission_file", "Ben_2_assignsubmission_file"


@pytest.mark.parametrize(
    ("archive", "extracted", "problems"),
    [
        ({"all.zip": zipped({f"{ADA}/a.ipynb": "a"})}, {f"archive-1/{ADA}/a.ipynb"}, []),
        (
            {"all.zip": zipped({f"{ADA}/w.zip": zipped({"a.ipynb": "a"}), f"{BEN}/w.zip": b"x"})},
            {f"archive-1/{ADA}/w/a.ipynb", f"archive-1/{BEN}/w.zip"},
            [f"archive-1/{BEN}/w.zip"],
        ),
        (
            {f"{ADA}_a.ipynb": b"a", "ben_2_3_w.zip": zipped({"b.ipynb": "b"})},
            {f"{ADA}_a.ipynb", "ben_2_3_w.zip unpacked/b.ipynb"},
            [],
        ),
        (
            {"1/all.zip": zipped({"a": "a"}), "2/more.zip": zipped({"b": "b"}), ".DS_Store": b""},
            {"1/archive-1/a", "2/archive-2/b"},
            [],
        ),
    ],
)
def test_everything_is_unpacked_once(tmp_path, archive, extracted, problems):
    for name, content in archive.items():
        (tmp_path / "archive" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "archive" / name).write_bytes(content)
    extractor = Extractor()
    target = tmp_path / "extracted"
    extractor.extract(str(tmp_path / "archive"), str(target))
    assert {p.relative_to(target).as_posix() for p in target.rglob("*") if p.is_file()} == extracted
    assert [p.relative_to(target).as_posix() for p, _ in extractor.problems] == problems


def test_a_class_without_an_archive_or_with_a_bad_one_is_told(tmp_path, capsys):
    archive, extracted = tmp_path / "archive", tmp_path / "extracted"
    archive.mkdir()
    extracted.mkdir()
    Extractor().extract(str(archive), str(extracted))
    assert capsys.readouterr().out.startswith(f"there is nothing in {archive}: put the zip file")
    (archive / "all.zip").write_bytes(b"PK")
    Extractor().extract(str(archive), str(extracted))
    assert capsys.readouterr().out.endswith("download it again. Nobody is collected from it.\n")


@pytest.mark.parametrize(
    ("level", "shown", "kept"), [(logging.INFO, "no\n", True), (logging.DEBUG, "yes\nno\n", False)]
)
def test_the_log_goes_to_a_file_and_errors_to_the_terminal(tmp_path, capsys, level, shown, kept):
    log = logging.Logger("test", logging.DEBUG)
    log.addHandler(logging.StreamHandler())
    log_to_file(SimpleNamespace(log=log, log_level=level), tmp_path / "a.log")
    log.info("yes")
    log.error("no")
    assert capsys.readouterr().err == shown
    assert (tmp_path / "a.log").exists() == kept
    if kept:
        assert (tmp_path / "a.log").read_text() == "INFO yes\nERROR no\n"
        log.handlers[-1].close()
