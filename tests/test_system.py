"""Files are written whole or not at all, and one process at a time holds a lock."""

import os
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from utils.system import DAY, atomic_file, atomic_write, try_lock


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_bytes_and_text_are_written_as_they_are_in_a_new_folder(tmp_path):
    atomic_write(tmp_path / "a" / "b" / "data", b"\0\xff", durable=True)
    atomic_write(tmp_path / "a" / "text", "ü\r\n\n")
    assert (tmp_path / "a" / "b" / "data").read_bytes() == b"\0\xff"
    assert (tmp_path / "a" / "text").read_bytes() == b"\xc3\xbc\r\n\n"


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    for name in ("x" * 255, "日" * 85):
        atomic_write(tmp_path / name, b"1")
        assert files(tmp_path)[name] == b"1"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_the_mode_stays_and_a_new_file_gets_the_usual_one(tmp_path):
    path, usual = tmp_path / "file", tmp_path / "usual"
    usual.write_bytes(b"")
    atomic_write(path, b"1")
    assert path.stat().st_mode == usual.stat().st_mode
    path.chmod(0o640)
    atomic_write(path, b"2")
    assert path.stat().st_mode & 0o777 == 0o640
    path.chmod(0o400)
    with atomic_file(path) as file:
        (part,) = set(tmp_path.iterdir()) - {path, usual}
        assert part.stat().st_mode & 0o777 == 0o400  # before anything is in it
    with atomic_file(path, mode=0o604) as file:
        file.write(b"3")
    assert path.stat().st_mode & 0o777 == 0o604
    assert path.read_bytes() == b"3"


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ValueError])
def test_after_an_error_the_old_file_is_there_and_nothing_else(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def interrupted() -> None:
        with atomic_file(path) as file:
            file.write(b"new")
            file.flush()
            assert path.read_bytes() == b"old"
            raise error

    with pytest.raises(error):
        interrupted()
    assert files(tmp_path) == {"file": b"old"}
    with pytest.raises(TypeError):
        atomic_write(path, 5)
    with pytest.raises(UnicodeEncodeError):
        atomic_write(path, "\ud800")
    assert files(tmp_path) == {"file": b"old"}


def test_a_folder_in_the_place_of_the_file_leaves_nothing_behind(tmp_path):
    (tmp_path / "file" / "within").mkdir(parents=True)
    with pytest.raises((IsADirectoryError, PermissionError)):
        atomic_write(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_link_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path):
    (tmp_path / "other").write_bytes(b"other")
    try:
        (tmp_path / "file").symlink_to("other")
    except OSError:
        pytest.skip("this user may not make links")
    atomic_write(tmp_path / "file", b"new")
    assert files(tmp_path) == {"file": b"new", "other": b"other"}


def test_readers_and_writers_at_once_see_whole_files(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([number]) * 100_000 for number in range(4)]
    atomic_write(path, contents[0])
    threads = [
        threading.Thread(target=lambda data=data: [atomic_write(path, data) for _ in range(20)])
        for data in contents
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert path.read_bytes() in contents
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def start(code: str, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], stdout=subprocess.PIPE
    )


def test_what_a_killed_process_leaves_is_deleted_a_day_later(tmp_path):
    path = tmp_path / "file"
    code = """
        import sys, time
        from pathlib import Path
        from utils.system import atomic_file
        with atomic_file(Path(sys.argv[1])) as file:
            print("writing", flush=True)
            time.sleep(60)
    """
    with start(code, str(path)) as process:
        assert process.stdout.readline().split() == [b"writing"]
        process.kill()
    (left,) = tmp_path.iterdir()
    others = {tmp_path / name for name in ("x.part", ".x.part", f".{'a' * 16}.parts")}
    for other in others:
        other.write_bytes(b"somebody else's")
    atomic_write(path, b"new")
    assert left.exists()  # its process may be at it still
    for one in (left, *others):
        os.utime(one, (time.time() - DAY - 60,) * 2)
    atomic_write(path, b"newer")
    assert set(tmp_path.iterdir()) == {path, *others}


def test_a_lock_is_held_by_one_process_until_it_ends(tmp_path):
    path = tmp_path / "lock"
    code = """
        import sys, time
        from utils.system import try_lock
        file = open(sys.argv[1], "w")
        print(try_lock(file), flush=True)
        time.sleep(60)
    """
    with start(code, str(path)) as process, path.open("w") as file:
        assert process.stdout.readline().split() == [b"True"]
        assert not try_lock(file)
        process.kill()
        process.wait()
        assert try_lock(file)
        with start(code, str(path)) as other:
            assert other.stdout.readline().split() == [b"False"]
            other.kill()
    with path.open("w") as file:
        assert try_lock(file.fileno())


@pytest.mark.skipif(not hasattr(os, "O_DIRECTORY"), reason="only files can be locked here")
def test_a_folder_can_be_locked(tmp_path):
    first, second = (os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY) for _ in range(2))
    assert try_lock(first)
    assert not try_lock(second)
    os.close(first)
    assert try_lock(second)
    os.close(second)
