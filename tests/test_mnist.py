"""The data: every way in, every way it can go wrong, and the stand-in."""

import contextlib
import gzip
import hashlib
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from utils import mnist, mnist_download, mnist_files, mnist_stand_in
from utils.mnist_files import MnistError

NOWHERE = "http://127.0.0.1:1/"  # nothing listens there
TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS = mnist.SHAPES
REAL_SHAPES = dict(mnist.SHAPES)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """A process that has just begun, on a machine with an empty cache and no network."""
    folder = tmp_path / "cache" / "course"
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(mnist, "cache_folder", lambda: folder)
    monkeypatch.setattr(mnist, "MIRRORS", (NOWHERE,))
    new_process(monkeypatch)
    return folder


def new_process(monkeypatch) -> None:
    for name, empty in (("_said", set()), ("_kept", {}), ("_kept_standin", {}), ("_no_mnist", [])):
        monkeypatch.setattr(mnist, name, empty)


@pytest.fixture
def small(monkeypatch) -> dict[str, np.ndarray]:
    """A little MNIST of 60 and 10 random images, with its checksums in place of the real ones."""
    shapes = {name: (shape[0] // 1000, *shape[1:]) for name, shape in REAL_SHAPES.items()}
    rng = np.random.default_rng(0)
    arrays = {
        name: rng.integers(256 if len(shape) > 1 else 10, size=shape, dtype=np.uint8)
        for name, shape in shapes.items()
    }
    monkeypatch.setattr(mnist, "SHAPES", shapes)
    checksums = {name: hashlib.sha256(idx(array)).hexdigest() for name, array in arrays.items()}
    monkeypatch.setattr(mnist, "CHECKSUMS", checksums)
    return arrays


def idx(array: np.ndarray) -> bytes:
    """The bytes of an IDX file, written here anew so that no mistake of the reader is shared."""
    kind = 0x801 if array.ndim == 1 else 0x803
    return np.array([kind, *array.shape], dtype=">u4").tobytes() + array.tobytes()


@pytest.fixture
def folder(small, tmp_path, monkeypatch) -> Path:
    """`$MNIST_DIR` with the little MNIST, gzipped."""
    folder = tmp_path / "given"
    folder.mkdir()
    for name, array in small.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
    monkeypatch.setenv("MNIST_DIR", str(folder))
    return folder


def assert_loaded(arrays: dict[str, np.ndarray]) -> None:
    """load_mnist gives these arrays, in this order, each image as one row."""
    loaded = itertools.chain.from_iterable(mnist.load_mnist(normalize=False))
    for found, name in zip(loaded, REAL_SHAPES, strict=True):
        rows = (-1, 784) if "images" in name else -1
        np.testing.assert_array_equal(found, arrays[name].reshape(rows))


def assert_small(small: dict[str, np.ndarray]) -> None:
    """load_mnist gives the little MNIST."""
    assert mnist.data_source() == "MNIST"
    assert_loaded(small)


def assert_standin() -> None:
    """load_mnist gives the stand-in, in the shapes of the little MNIST."""
    assert mnist.data_source() == "digits"
    assert_loaded(mnist.make_stand_in(mnist.SHAPES))


def leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part*"))


# --- the arrays -----------------------------------------------------------------------------------


@pytest.mark.parametrize("normalize", [True, False])
@pytest.mark.parametrize("flatten", [True, False])
@pytest.mark.parametrize("one_hot_label", [True, False])
def test_flags(small, folder, normalize, flatten, one_hot_label):
    (x_train, t_train), (x_test, t_test) = mnist.load_mnist(normalize, flatten, one_hot_label)
    for x, t, images, labels in (
        (x_train, t_train, small[TRAIN_IMAGES], small[TRAIN_LABELS]),
        (x_test, t_test, small[TEST_IMAGES], small[TEST_LABELS]),
    ):
        assert x.shape == ((len(images), 784) if flatten else (len(images), 1, 28, 28))
        assert x.dtype == (np.float32 if normalize else np.uint8)
        expected = images.astype(np.float32) / np.float32(255) if normalize else images
        np.testing.assert_array_equal(x.reshape(images.shape), expected)
        if one_hot_label:
            assert t.dtype == np.float32
            np.testing.assert_array_equal(t, labels[:, np.newaxis] == np.arange(10))
        else:
            assert t.dtype == np.int64
            np.testing.assert_array_equal(t, labels)
        assert all(a.flags.writeable and a.flags.c_contiguous for a in (x, t))


def test_arrays_belong_to_the_caller(small, folder):
    for flags in itertools.product([True, False], repeat=3):
        for pair in mnist.load_mnist(*flags):
            for array in pair:
                array[:] = 7
    assert_small(small)


def test_the_mathematics_and_heavy_packages_are_not_imported():
    code = (
        "import sys, utils.mnist, utils.colours\n"
        "modules = [f'utils.{m}' for m in ('functions', 'gradients', 'layers', 'networks')]\n"
        "print([m for m in modules + ['sklearn', 'pooch', 'requests', 'matplotlib']"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


# --- real MNIST -----------------------------------------------------------------------------------


def test_real_mnist(mnist_dir, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    assert mnist.data_source() == "MNIST"
    (x_train, t_train), (x_test, t_test) = mnist.load_mnist()
    assert x_train.shape == (60_000, 784)
    assert x_test.shape == (10_000, 784)
    assert t_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert t_test[:5].tolist() == [7, 2, 1, 0, 4]
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(t_train).tolist() == counts
    # the two figures by which MNIST is usually standardised
    assert x_train.mean(dtype=np.float64) == pytest.approx(0.1307, abs=5e-5)
    assert x_train.std(dtype=np.float64) == pytest.approx(0.3081, abs=5e-5)


@pytest.mark.parametrize("normalize", [True, False])
def test_memory_stays_near_the_size_of_the_arrays(mnist_dir, monkeypatch, normalize):
    monkeypatch.setenv("MNIST_DIR", str(mnist_dir))
    tracemalloc.start()
    try:
        arrays = mnist.load_mnist(normalize=normalize)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 1.15 * sum(array.nbytes for pair in arrays for array in pair)


# --- $MNIST_DIR -----------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False], ids=["gzipped", "plain"])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("dotted", [True, False], ids=["dotted", "dashed"])
def test_usual_names_with_and_without_gzip(small, tmp_path, monkeypatch, packed, ending, dotted):
    for name, array in small.items():
        data = gzip.compress(idx(array), 1) if packed else idx(array)
        (tmp_path / ((name.replace("-idx", ".idx") if dotted else name) + ending)).write_bytes(data)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    assert_small(small)


def test_a_gzip_in_several_parts(small, folder):
    data = idx(small[TRAIN_IMAGES])
    parts = gzip.compress(data[:5]) + gzip.compress(data[5:9000], 9) + gzip.compress(data[9000:])
    (folder / f"{TRAIN_IMAGES}.gz").write_bytes(parts)
    assert_small(small)


@pytest.mark.parametrize("start", ["current folder", "course folder", "home"])
def test_a_relative_folder(small, folder, monkeypatch, root, start):
    # from the course's folder: as it is set where a lecture's kernel is not
    values = {"current folder": "given", "home": "~/given"}
    value = values.get(start) or os.path.relpath(folder, root)
    monkeypatch.chdir(folder.parent if start == "current folder" else folder)
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.setenv("USERPROFILE", str(folder.parent))
    monkeypatch.setenv("MNIST_DIR", value)
    assert_small(small)


def test_digits_asks_for_the_standin(small, cache, monkeypatch, capsys):
    monkeypatch.setattr(mnist, "_fetch", None)  # no mirror is asked
    monkeypatch.setenv("MNIST_DIR", "digits")
    assert_standin()
    assert capsys.readouterr().out.count("MNIST_DIR=digits asks for it") == 1


@pytest.mark.parametrize("what", ["missing", "file", "empty"])
def test_a_folder_without_mnist(small, tmp_path, monkeypatch, what):
    path = tmp_path / "here"
    if what == "file":
        path.write_bytes(b"")
    elif what == "empty":
        path.mkdir()
    monkeypatch.setenv("MNIST_DIR", str(path))
    for call in (mnist.load_mnist, mnist.data_source):
        with pytest.raises(MnistError) as error:
            call()
        message = str(error.value)
        assert message.startswith(f"MNIST_DIR is {path}, ")
        assert "Set it to a folder with MNIST's four files" in message
        assert (TRAIN_IMAGES in message) == (what == "empty")


def test_a_relative_folder_that_is_nowhere(tmp_path, monkeypatch, root):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_DIR", "no/where")
    with pytest.raises(MnistError) as error:
        mnist.load_mnist()
    assert f"{tmp_path / 'no/where'} or {root / 'no/where'} is not a folder" in str(error.value)


def test_a_folder_that_lacks_one_file(small, folder):
    (folder / f"{TEST_LABELS}.gz").unlink()
    with pytest.raises(MnistError, match=f"lacks {TEST_LABELS}.gz. Set it to"):
        mnist.data_source()


def flipped(data: bytes, position: int) -> bytes:
    return data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :]


# For each: what becomes of the good plain bytes of a file, and what the message says about it.
DAMAGES = {
    "nothing": (lambda _: b"", "it ends after 0 bytes"),
    "half a header": (lambda data: data[:6], "it ends after 6 bytes"),
    "header only": (lambda data: data[:16], "it ends 47,040 bytes early"),
    "cut": (lambda data: data[:-1], "it ends 1 bytes early"),
    "too long": (lambda data: data + b"\0", "it does not end where it should"),
    "one bit": (lambda data: flipped(data, 4000), "its SHA-256 is not MNIST's"),
    "magic": (lambda data: b"\0\0\x09\x03" + data[4:], "it begins with 00 00 09 03 00"),
    "sides": (
        lambda data: flipped(data, 11),
        "1d 00 00 00 1c, not with 00 00 08 03 00 00 00 3c 00 00 00 1c",
    ),
    "web page": (lambda _: b"\n<!DOCTYPE html><html>", "it is a web page"),
    "gzip cut": (lambda data: gzip.compress(data)[:-30], "it cannot be unpacked"),
    "gzip cut at its checksum": (lambda data: gzip.compress(data)[:-2], "it cannot be unpacked"),
    "gzip broken": (lambda data: flipped(gzip.compress(data), 5000), "it cannot be unpacked"),
    "gzip of nonsense": (lambda data: gzip.compress(data)[:10] + b"\xff" * 99, "be unpacked"),
    "gzip of too little": (lambda data: gzip.compress(data[:-1]), "it ends 1 bytes early"),
    "gzip of too much": (lambda data: gzip.compress(data + b"\0"), "not end where it should"),
    "gzip and more": (lambda data: gzip.compress(data) + b"more", "it cannot be unpacked"),
    "gzip twice": (lambda data: gzip.compress(gzip.compress(data)), "it begins with 1f 8b"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_named(small, folder, damage):
    spoil, says = DAMAGES[damage]
    path = folder / f"{TRAIN_IMAGES}.gz"
    path.write_bytes(spoil(idx(small[TRAIN_IMAGES])))
    with pytest.raises(MnistError) as error:
        mnist.load_mnist()
    message = str(error.value)
    assert message.startswith(f"{path} cannot be used: ")
    assert says in message
    assert f"Put a fresh copy of {TRAIN_IMAGES} in its place" in message


@pytest.mark.parametrize(("a", "b"), list(itertools.combinations(REAL_SHAPES, 2)))
def test_swapped_files_are_named(small, folder, a, b):
    a_path, b_path = folder / f"{a}.gz", folder / f"{b}.gz"
    a_path.rename(folder / "c")
    b_path.rename(a_path)
    (folder / "c").rename(b_path)
    with pytest.raises(MnistError, match=f"{a}.gz cannot be used: it holds {b}; two files"):
        mnist.load_mnist()


def test_another_data_set_in_the_same_format(small, folder):
    """Fashion-MNIST has the same names, headers and sizes."""
    path = folder / f"{TEST_IMAGES}.gz"
    path.write_bytes(gzip.compress(idx(255 - small[TEST_IMAGES])))
    with pytest.raises(MnistError, match="t10k-images.*from another data set"):
        mnist.load_mnist()


def test_a_file_that_may_not_be_read(small, folder, monkeypatch):
    def refuse(path, mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(mnist_files, "open", refuse, raising=False)
    with pytest.raises(MnistError, match=r"ubyte.gz cannot be used: Permission denied\. Put"):
        mnist.load_mnist()


def test_the_error_is_caught_as_either_kind(folder):
    (folder / f"{TEST_LABELS}.gz").write_bytes(b"")
    for kind in (ValueError, OSError):
        with pytest.raises(kind):
            mnist.load_mnist()


def test_data_source_reads_no_file(folder):
    for path in folder.iterdir():
        path.write_bytes(b"")
    assert mnist.data_source() == "MNIST"


# --- mirrors --------------------------------------------------------------------------------------


@pytest.fixture
def server(small):
    """A mirror on this machine; the first part of a path says how it behaves."""
    over = threading.Event()
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            _, behaviour, file = self.path.split("/")
            data = gzip.compress(idx(small[file.removesuffix(".gz")]))
            if behaviour == "silent" or (behaviour == "late" and file.startswith("train-images")):
                over.wait(30)
                return
            if behaviour == "missing" or (behaviour == "gap" and file.startswith("train-images")):
                self.send_error(404)
                return
            body = {
                "html": b"<html>Please log in</html>",
                "corrupt": flipped(data, len(data) // 2),
                "wrong": gzip.compress(idx(255 - small[file.removesuffix(".gz")])),
                "huge": data + bytes(100_000),
                "plain": idx(small[file.removesuffix(".gz")]),
                "cut": data[: len(data) // 2],
                "stall": data[: len(data) // 2],
            }.get(behaviour, data)
            self.send_response(200)
            cut_short = behaviour in ("cut", "stall")
            self.send_header("Content-Length", str(len(data) if cut_short else len(body)))
            self.end_headers()
            self.wfile.write(body)
            if behaviour == "stall":
                self.wfile.flush()
                over.wait(30)

        def log_message(self, *args):
            pass

        def handle(self):
            with contextlib.suppress(ConnectionError):  # the other side had enough
                super().handle()

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    yield SimpleNamespace(url=f"http://127.0.0.1:{http.server_port}", asked=asked)
    over.set()
    http.shutdown()
    http.server_close()
    thread.join()


def mirrors(monkeypatch, server, *behaviours: str) -> None:
    monkeypatch.setattr(mnist, "MIRRORS", tuple(f"{server.url}/{b}/" for b in behaviours))


def test_download(small, server, cache, monkeypatch, capfd):
    mirrors(monkeypatch, server, "good", "missing")
    assert_small(small)
    assert {path.name for path in cache.iterdir()} == set(small)
    for name, array in small.items():
        assert (cache / name).read_bytes() == idx(array)
    out, err = capfd.readouterr()
    assert err == ""
    assert "Downloading MNIST (11 MB, once). To do without: MNIST_DIR=digits" in out
    assert f"{TRAIN_IMAGES}: 100%" in out
    # once only
    new_process(monkeypatch)
    server.asked.clear()
    assert_small(small)
    assert server.asked == []
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("missing", "404 Not Found"),
        ("html", "it is a web page"),
        ("corrupt", "it cannot be unpacked"),
        ("wrong", "its SHA-256 is not MNIST's"),
        ("huge", "it is too large"),
        ("cut", "the connection broke"),
        ("stall", ""),
        ("silent", "no answer in time"),
        ("late", f"{TRAIN_IMAGES}: "),
        ("gap", f"{TRAIN_IMAGES}: 404 Not Found"),
    ],
)
def test_a_bad_mirror_gives_way_to_the_next_or_to_the_standin(
    small, server, cache, monkeypatch, capsys, behaviour, reason
):
    monkeypatch.setattr(mnist, "KNOCK", 0.5)
    monkeypatch.setattr(mnist, "STALL", 0.2)
    monkeypatch.setattr(mnist, "SLOWEST", 0)
    mirrors(monkeypatch, server, behaviour)
    assert_standin()
    asked = len(server.asked)
    assert_standin()
    assert len(server.asked) == asked, "a process that failed asks no more"
    lines = capsys.readouterr().out.splitlines()
    notices = [line for line in lines if line.startswith("Not MNIST but its stand-in")]
    assert len(notices) == 1
    assert f"MNIST could not be downloaded (127.0.0.1: {reason}" in notices[0]
    new_process(monkeypatch)
    mirrors(monkeypatch, server, behaviour, "good")
    (cache / "offline").unlink(missing_ok=True)
    assert_small(small)
    assert not leftovers(cache)
    assert f"/good/{TRAIN_IMAGES}.gz" in server.asked


def test_a_machine_without_network(small, capsys):
    assert_standin()
    assert "127.0.0.1: no connection" in capsys.readouterr().out


def test_a_name_look_up_that_hangs(small, monkeypatch):
    """It may hang for half a minute; nobody waits for it."""
    monkeypatch.setattr(mnist, "KNOCK", 0.1)
    loaded, waited_for = threading.Event(), []
    done = threading.Event()

    def hang(mirror, name, progress=True):
        waited_for.append(not loaded.wait(20))
        done.set()
        raise OSError("too late")

    monkeypatch.setattr(mnist, "_fetch", hang)
    assert mnist.data_source() == "digits"
    loaded.set()
    assert done.wait(20)
    assert waited_for == [False]


def test_a_sandbox_without_threads(small, server, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert_standin()


def test_a_mirror_may_unpack(small, server, monkeypatch):
    mirrors(monkeypatch, server, "plain")
    assert_small(small)


def test_only_what_is_missing_is_downloaded(small, server, cache, monkeypatch):
    mirrors(monkeypatch, server, "good")
    cache.mkdir(parents=True)
    for name in (TRAIN_IMAGES, TEST_IMAGES):
        (cache / name).write_bytes(idx(small[name]))
    assert_small(small)
    assert not [path for path in server.asked if "images" in path]


def test_a_slow_mirror_is_given_up(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(mnist_download, "time", SimpleNamespace(monotonic=lambda: now[0]))
    received = mnist_download.Received(10_000_000, mnist.STALL, mnist.SLOWEST)
    for now[0] in (5, 9.9):
        received.write(bytes(1000))
    now[0] = 10.1
    with pytest.raises(ValueError, match="only 0 kB per second"):
        received.write(b"1")
    received = mnist_download.Received(10_000_000, mnist.STALL, mnist.SLOWEST)
    for _ in range(100):  # 100 kB a second are enough
        now[0] += 1
        received.write(bytes(100_000))


def test_one_vain_wait_is_enough_for_ten_minutes(small, server, cache, monkeypatch, capsys):
    monkeypatch.setattr(mnist, "KNOCK", 100)
    clock = itertools.count(step=2)  # every look at the clock is two seconds later
    monkeypatch.setattr(mnist, "time", SimpleNamespace(monotonic=clock.__next__, time=time.time))
    mirrors(monkeypatch, server, "missing")
    assert mnist.data_source() == "digits"
    assert (cache / "offline").exists()

    new_process(monkeypatch)
    server.asked.clear()
    mirrors(monkeypatch, server, "good")
    capsys.readouterr()
    assert mnist.data_source() == "digits"
    assert server.asked == []
    assert (
        "no mirror of MNIST answered 0 minutes ago; to try again: utils" in capsys.readouterr().out
    )
    # asked for, it asks; and from then on MNIST is here
    monkeypatch.setattr(mnist, "time", time)
    assert mnist.download_mnist() == cache
    assert_small(small)


def test_after_ten_minutes_the_mirrors_are_asked_again(small, server, cache, monkeypatch):
    cache.mkdir(parents=True)
    (cache / "offline").touch()
    then = time.time() - mnist.OFFLINE - 1
    os.utime(cache / "offline", (then, then))
    mirrors(monkeypatch, server, "good")
    assert_small(small)


def test_a_quick_failure_is_not_remembered(small, cache):
    assert mnist.data_source() == "digits"
    assert not (cache / "offline").exists()


def test_download_mnist_says_what_each_mirror_answered(small, server, monkeypatch):
    mirrors(monkeypatch, server, "missing", "html")
    with pytest.raises(MnistError) as error:
        mnist.download_mnist()
    assert str(error.value) == (
        "MNIST could not be downloaded (127.0.0.1: 404 Not Found; 127.0.0.1: it is a web page). "
        "To try again: utils.mnist.download_mnist()"
    )


# --- the cache ------------------------------------------------------------------------------------


@pytest.fixture
def filled(small, cache) -> Path:
    """A cache with the little MNIST."""
    cache.mkdir(parents=True)
    for name, array in small.items():
        (cache / name).write_bytes(idx(array))
    return cache


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_of_the_cache_is_downloaded_again(
    small, server, filled, monkeypatch, damage
):
    mirrors(monkeypatch, server, "good")
    good = idx(small[TRAIN_IMAGES])
    (filled / TRAIN_IMAGES).write_bytes(DAMAGES[damage][0](good))
    assert_small(small)
    assert (filled / TRAIN_IMAGES).read_bytes() == good


def test_a_damaged_file_of_the_cache_without_network(small, filled):
    """The lecture has begun with MNIST; it does not become something else."""
    (filled / TEST_IMAGES).write_bytes(b"")
    assert mnist.data_source() == "MNIST"
    with pytest.raises(MnistError) as error:
        mnist.load_mnist()
    assert str(filled / TEST_IMAGES) in str(error.value)
    assert "MNIST could not be downloaded (127.0.0.1: no connection)" in str(error.value)


def spoil_folder(path: Path, how: str) -> None:
    """Make a folder that cannot be made or filled, for the superuser neither."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if how == "its place is a file":
        path.write_bytes(b"")
    else:
        path.parent.rmdir()
        path.parent.symlink_to("/proc/self/fdinfo" if sys.platform == "linux" else os.devnull)


@pytest.mark.parametrize("how", ["its place is a file", "read-only"])
def test_a_cache_that_cannot_be_written(small, server, cache, monkeypatch, capsys, how):
    spoil_folder(cache, how)
    mirrors(monkeypatch, server, "good")
    assert_small(small)
    asked = len(server.asked)
    for pair in mnist.load_mnist(normalize=False):
        pair[0][:] = 0
    assert_small(small)
    assert len(server.asked) == asked, "kept for this process"
    out = capsys.readouterr().out
    assert out.count(f"{cache} cannot be written (") == 1


@pytest.mark.parametrize("how", ["its place is a file", "read-only"])
def test_the_standin_where_the_cache_cannot_be_written(small, cache, monkeypatch, capsys, how):
    spoil_folder(cache, how)
    monkeypatch.setenv("MNIST_DIR", "digits")
    expected = mnist.make_stand_in(mnist.SHAPES)[TRAIN_IMAGES]
    for again in range(3):
        (x_train, _), _ = mnist.load_mnist(normalize=False, flatten=False)
        np.testing.assert_array_equal(x_train[:, 0], expected, err_msg=f"call {again}")
        x_train[:] = 0
        monkeypatch.setattr(mnist_stand_in, "_handwrite", None)  # is not drawn twice
    assert capsys.readouterr().out.count(f"{cache} cannot be written (") == 1


def test_a_user_without_a_home(small, tmp_path, monkeypatch, capsys):
    """Then the cache's folder is "~/.cache/..." and must not be made in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(mnist, "cache_folder", lambda: Path("~/.cache/course"))
    assert_standin()
    assert list(tmp_path.iterdir()) == []
    assert "cannot be written (there is no home folder)" in capsys.readouterr().out


@pytest.mark.parametrize("moment", ["download", "write"])
def test_an_interrupt_leaves_whole_files_only(small, server, cache, monkeypatch, moment):
    mirrors(monkeypatch, server, "good")
    fetch = mnist._fetch

    def interrupt(*arguments, **_):
        if moment == "write" or TEST_IMAGES in arguments:
            raise KeyboardInterrupt
        return fetch(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(*((os, "replace") if moment == "write" else (mnist, "_fetch")), interrupt)
        with pytest.raises(KeyboardInterrupt):
            mnist.load_mnist()
    whole = set() if moment == "write" else {TRAIN_IMAGES, TRAIN_LABELS}
    assert {path.name for path in cache.iterdir()} == whole
    assert_small(small)


def test_what_a_killed_process_left_is_never_read_and_is_swept_up(
    small, server, cache, monkeypatch
):
    mirrors(monkeypatch, server, "good")
    cache.mkdir(parents=True)
    old, new = cache / f".{'a' * 16}.part", cache / f".{'b' * 16}.part"
    for path in (old, new):
        path.write_bytes(b"half")
    yesterday = time.time() - 90_000
    os.utime(old, (yesterday, yesterday))
    assert_small(small)
    assert leftovers(cache) == [new]  # another process may be at it


# --- processes of their own -----------------------------------------------------------------------

PROCESS = """
import hashlib, json, sys
from pathlib import Path
from utils import mnist
setup = json.loads(sys.argv[1])
mnist.SHAPES = {name: tuple(shape) for name, shape in setup["shapes"].items()}
mnist.CHECKSUMS = setup["checksums"]
mnist.MIRRORS = setup["mirrors"]
if setup["limit"]:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (setup["limit"], setup["limit"]))
for number in range(setup["rounds"]):
    mnist.cache_folder = lambda: Path(setup["cache"], str(number))
    for state in (mnist._kept, mnist._kept_standin, mnist._no_mnist):
        state.clear()
    arrays = mnist.load_mnist(normalize=False)
    print(hashlib.sha256(b"".join(a.tobytes() for p in arrays for a in p)).hexdigest())
"""


def start(
    cache: Path, rounds: int, mirrors: list[str], limit: int = 0, stderr: int | None = None
) -> subprocess.Popen:
    setup = {"cache": str(cache), "mirrors": mirrors, "rounds": rounds, "limit": limit}
    setup |= {"shapes": mnist.SHAPES, "checksums": mnist.CHECKSUMS}
    command = [sys.executable, "-u", "-c", PROCESS, json.dumps(setup)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True)


def digests(process: subprocess.Popen) -> tuple[list[str], str]:
    """What a process loaded in each of its rounds, and all that it printed.

    Each round has a cache of its own, so two processes meet in it.
    """
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = out.replace("\r", "\n").splitlines()
    return [line for line in lines if len(line) == 64 and set(line) <= set("0123456789abcdef")], out


def expected_digest(arrays: dict[str, np.ndarray]) -> str:
    labels = (TRAIN_LABELS, TEST_LABELS)
    data = [arrays[name].astype(np.int64 if name in labels else np.uint8) for name in REAL_SHAPES]
    return hashlib.sha256(b"".join(array.tobytes() for array in data)).hexdigest()


@pytest.fixture(params=["MNIST", "digits"])
def source(request, small, server) -> tuple[list[str], str]:
    """The mirrors that a process asks, and the digest of what it then loads."""
    if request.param == "MNIST":
        return [f"{server.url}/good/"], expected_digest(small)
    return [], expected_digest(mnist.make_stand_in(mnist.SHAPES))


def test_two_processes_that_fill_the_cache_at_once(cache, source):
    urls, expected = source
    for process in [start(cache, 5, urls) for _ in range(2)]:
        found, _ = digests(process)
        assert found == [expected] * 5
    assert not leftovers(cache)


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGINT")
def test_ctrl_c(small, cache, monkeypatch):
    """Whenever it comes, what is in the cache afterwards is whole."""
    process = start(cache, 10_000, [], stderr=subprocess.DEVNULL)
    for _ in range(3):  # what it has, and then a line a round
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT
    monkeypatch.setenv("MNIST_DIR", "digits")
    monkeypatch.setattr(mnist, "make_stand_in", None)
    files = list(cache.rglob(mnist._STANDIN))
    assert files
    for file in files:
        monkeypatch.setattr(mnist, "cache_folder", lambda folder=file.parent: folder)
        mnist.load_mnist()


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on file sizes")
def test_a_full_disk(cache, source):
    """A limit on file sizes stops a write in its midst, as a full disk does."""
    urls, expected = source
    found, out = digests(start(cache, 1, urls, limit=20_000))
    assert found == [expected]
    assert out.count("cannot be written (File too large)") == 1
    assert not leftovers(cache)
    assert all(path.stat().st_size < 20_000 for path in cache.rglob("*ubyte"))


# --- the stand-in ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def standin() -> dict[str, np.ndarray]:
    return mnist.make_stand_in(mnist.SHAPES)


def test_the_standin_is_the_same_on_every_machine(standin):
    """The trained weights for it, and the numbers in this file, hold wherever it is made."""
    digest = "b9d10f6433c7c3cb9fb799b4ef692a93ed011347f0e676e1894e3911b89bef7b"
    assert mnist._digest(standin).hex() == digest


def test_the_standin_has_all_classes_about_equally(standin):
    for name, low, high in ((TRAIN_LABELS, 5400, 6600), (TEST_LABELS, 850, 1150)):
        counts = np.bincount(standin[name])
        assert len(counts) == 10
        assert counts.min() > low
        assert counts.max() < high


def test_no_digit_is_behind_training_and_test_images(small, monkeypatch):
    monkeypatch.setattr(mnist, "SHAPES", {n: (20_000, *s[1:]) for n, s in REAL_SHAPES.items()})
    used = []

    def remember(sources, rng):
        used.append(sources)
        return np.zeros((len(sources), 28, 28), dtype=np.uint8)

    monkeypatch.setattr(mnist_stand_in, "_handwrite", remember)
    mnist.make_stand_in(mnist.SHAPES)
    used = np.concatenate(used)
    train, test = ({source.tobytes() for source in half} for half in np.split(used, 2))
    assert len(train) > 1500
    assert len(test) > 240
    assert not train & test


def test_no_two_images_of_the_standin_are_equal(standin):
    images = np.concatenate([standin[TRAIN_IMAGES], standin[TEST_IMAGES]]).reshape(70_000, -1)
    assert len({hash(image.tobytes()) for image in images}) == 70_000


def test_the_standin_is_drawn_as_mnist_is(standin):
    """About as dark, in a box of 20 x 20 pixels, the centre of mass at pixel (14, 14)."""
    images = standin[TEST_IMAGES]
    assert images.mean() / 255 == pytest.approx(0.1307, abs=0.01)
    assert images.std() / 255 == pytest.approx(0.3081, abs=0.01)
    assert images.max(axis=(1, 2)).min() > 200  # no image is nearly empty
    mass = images.sum(axis=(1, 2), dtype=np.float64)
    size = np.zeros(len(images))
    for axis in (1, 2):
        centre = images.sum(axis=axis, dtype=np.float64) @ np.arange(28) / mass
        assert np.abs(centre - 14).max() < 1
        inked = images.any(axis=axis)
        length = 28 - inked.argmax(axis=1) - inked[:, ::-1].argmax(axis=1)
        size = np.maximum(size, length)
    assert np.median(size) == 20
    assert np.isin(size, (18, 19, 20, 21, 22)).mean() > 0.99


def test_the_standin_can_be_learnt_but_not_perfectly(standin):
    """A linear least-squares classifier gets 0.85 on MNIST's test set, here it gets about 0.9."""
    x = standin[TRAIN_IMAGES][:8000].reshape(-1, 784) / np.float32(255)
    t = np.eye(10, dtype=np.float32)[standin[TRAIN_LABELS][:8000]]
    ridge = 10 * np.eye(784, dtype=np.float32)
    w = np.linalg.solve(x.T @ x + ridge, x.T @ (t - 0.1))  # (784, N) @ (N, 10) -> (784, 10)
    scores = standin[TEST_IMAGES].reshape(-1, 784) @ w
    assert 0.85 < (scores.argmax(axis=1) == standin[TEST_LABELS]).mean() < 0.97


def test_the_standin_is_cached(small, cache, monkeypatch):
    monkeypatch.setenv("MNIST_DIR", "digits")
    expected = mnist.make_stand_in(mnist.SHAPES)
    mnist.load_mnist()
    monkeypatch.setattr(mnist, "make_stand_in", None)
    assert_loaded(expected)


STANDIN_DAMAGES = {
    "empty": lambda data: b"",
    "digest cut": lambda data: data[:20],
    "cut": lambda data: data[:-1],
    "longer": lambda data: data + b"\0",
    "digest": lambda data: flipped(data, 5),
    "image": lambda data: flipped(data, 5000),
    "label": lambda data: flipped(data, len(data) - 1),
    "zeros": lambda data: bytes(len(data)),
}


@pytest.mark.parametrize("spoil", STANDIN_DAMAGES.values(), ids=STANDIN_DAMAGES)
def test_a_damaged_standin_is_made_again(small, cache, monkeypatch, spoil):
    monkeypatch.setenv("MNIST_DIR", "digits")
    mnist.load_mnist()
    path = cache / mnist._STANDIN
    good = path.read_bytes()
    path.write_bytes(spoil(good))
    assert_standin()
    assert path.read_bytes() == good


def test_everybody_may_read_what_the_cache_holds(tmp_path):
    path = tmp_path / "cache" / "numbers"
    assert mnist._store(path, b"", np.zeros(3, dtype=np.uint8))
    assert path.stat().st_mode & 0o444 == 0o444
