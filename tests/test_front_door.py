"""The front door: makes the environment once, mends it after a move, and names what is wrong."""

import ast
import importlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from utils import __main__ as front_door
from utils import python_versions

BARE_PYTHON = getattr(sys, "_base_executable", sys.executable)


def call(course: Path, *arguments: str, path: str = "/nonexistent", **options):
    """Run the front door of `course` with a Python that has no packages and nothing on PATH."""
    variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(
        [BARE_PYTHON, "-m", "utils", *arguments],
        cwd=course,
        env={**variables, "PATH": path, **options},
        capture_output=True,
        text=True,
        timeout=600,
    )


@pytest.fixture
def small_course(tmp_path: Path, root: Path) -> Path:
    """A course that needs no package but itself, in a path with a space and Japanese letters."""
    course = tmp_path / "a course 講義"
    (course / "utils" / "commands").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py", "python_versions.py", "commands/__init__.py"):
        shutil.copy(root / "utils" / name, course / "utils" / name)
    (course / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    (course / "utils" / "commands" / "lab.py").write_text(
        "import sys, utils.commands\n"
        "def main(argv):\n"
        "    print('prefix', sys.prefix)\n"
        "    print('arguments', argv)\n"
        "    return 7\n",
        encoding="utf-8",
    )
    return course


def link_package(course: Path) -> None:
    """Make the course importable as an editable install does: by a path file in the environment."""
    (site,) = (course / ".venv").glob("lib/python3*/site-packages")
    (site / "course.pth").write_text(f"{course}/\n", encoding="utf-8")


def test_every_command_listed_has_its_module():
    for command in front_door.COMMANDS:
        assert callable(importlib.import_module(f"utils.commands.{command}").main)


def test_every_module_is_a_command_listed(root):
    modules = {p.stem for p in (root / "utils" / "commands").glob("[a-z]*.py")}
    assert modules == set(front_door.COMMANDS)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "utils/data/student_readme.md"])
def test_the_commands_that_are_shown_can_be_pasted(root, name):
    """Each has arguments that it understands, and names a problem set that there is."""
    text = (root / name).read_text(encoding="utf-8")
    shown = re.findall(r"^    (?:for .*do )?python3 -m utils (\w+)([^;\n]*)", text, re.MULTILINE)
    assert shown
    for command, rest in shown:
        assert command in front_door.COMMANDS
        arguments = shlex.split(rest.replace("$ps", "ps1_output_layer"), comments=True)
        sets = [argument for argument in arguments if re.match(r"ps\d_", argument)]
        assert all((root / "assignments" / one).is_dir() for one in sets), sets
        if parse := getattr(importlib.import_module(f"utils.commands.{command}"), "parse", None):
            parse(arguments)


@pytest.mark.parametrize(("arguments", "status"), [((), 2), (("--help",), 0), (("nonsense",), 2)])
def test_the_list_of_commands_needs_no_environment(small_course, arguments, status):
    result = call(small_course, *arguments)
    assert result.returncode == status
    for command in front_door.COMMANDS:
        assert command in result.stdout + result.stderr
    assert not (small_course / ".venv").exists()


def test_a_list_of_commands_that_nobody_reads_is_not_an_error(small_course):
    command = [BARE_PYTHON, "-m", "utils", "--help"]
    pipe = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=small_course, text=True, **pipe) as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 141
        assert process.stderr.read() == ""


def test_it_uses_the_standard_library_only(root):
    source = (root / "utils" / "__main__.py").read_text(encoding="utf-8")
    imports = [
        line.split()[1].split(".")[0]
        for line in source.splitlines()
        if line.strip().startswith(("import ", "from "))
    ]
    assert set(imports) - {"__future__"} <= set(sys.stdlib_module_names)


@pytest.mark.slow
def test_the_first_call_makes_the_environment_and_later_calls_reuse_it(small_course):
    first = call(small_course, "lab")
    assert "setting up .venv" in first.stdout, first.stderr
    link_package(small_course)
    second = call(small_course, "lab", "--flag", "a b")
    assert second.returncode == 7
    assert "[course]" not in second.stdout
    assert f"prefix {small_course / '.venv'}" in second.stdout
    assert "['--flag', 'a b']" in second.stdout
    (small_course / "requirements.txt").write_text("# still nothing\n", encoding="utf-8")
    assert "installing requirements.txt" in call(small_course, "lab").stdout


@pytest.mark.slow
def test_a_moved_folder_is_mended_without_installing(small_course):
    call(small_course, "lab")
    link_package(small_course)
    old_bin = small_course / ".venv" / "bin"
    (old_bin / "hello").write_text(f"#!{old_bin / 'python'}\nimport sys; print(sys.prefix)\n")
    (old_bin / "hello").chmod(0o755)
    moved = small_course.rename(small_course.parent / "moved 移動 once more")
    result = call(moved, "lab")
    assert result.returncode == 7, result.stderr
    assert "has moved" in result.stdout
    assert "installing" not in result.stdout
    assert f"prefix {moved / '.venv'}" in result.stdout
    script = subprocess.run([moved / ".venv/bin/hello"], capture_output=True, text=True)
    assert script.stdout.strip() == str(moved / ".venv"), script.stderr
    assert "[course]" not in call(moved, "lab").stdout


@pytest.mark.slow
def test_a_failed_installation_says_what_to_do_and_the_next_call_goes_on(small_course):
    (small_course / "requirements.txt").write_text("./no-such-package\n", encoding="utf-8")
    failed = call(small_course, "lab")
    log = small_course / ".venv.log"
    assert failed.returncode == 1
    assert f"could not be installed: see the lines above, which are also in {log}" in failed.stderr
    assert log.read_text(encoding="utf-8").strip() in failed.stderr
    assert "no-such-package" in log.read_text(encoding="utf-8")
    assert "no-such-package" not in failed.stdout
    assert "Traceback" not in failed.stderr
    (small_course / "requirements.txt").write_text("# nothing\n", encoding="utf-8")
    made = (small_course / ".venv" / "pyvenv.cfg").stat().st_mtime_ns
    assert "ready" in call(small_course, "lab").stdout
    assert (small_course / ".venv" / "pyvenv.cfg").stat().st_mtime_ns == made


def test_an_environment_half_made_is_not_taken_for_whole(monkeypatch, tmp_path):
    monkeypatch.setattr(front_door, "STAMP", tmp_path / "stamp.json")
    wanted = front_door.fingerprint()
    front_door.STAMP.write_text(json.dumps(wanted)[:20], encoding="utf-8")
    assert not front_door.stands(wanted)


def test_another_python_version_needs_another_environment(monkeypatch):
    wanted = front_door.fingerprint()
    monkeypatch.setattr(sys, "version_info", (3, 99, 0))
    assert front_door.fingerprint() != wanted


def old_python(version: str) -> str | None:
    """Return the path of a Python that the course does not run on, None if it is not here."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for path in (shutil.which(f"python{version}"), *pyenv.glob(f"versions/{version}.*/bin/python")):
        if path and subprocess.run([path, "-c", ""], capture_output=True).returncode == 0:
            return str(path)
    return None


@pytest.mark.parametrize("version", ["2.7", "3.6", "3.7", "3.8", "3.9", "3.10"])
def test_a_python_too_old_gets_a_sentence(small_course, version):
    python = old_python(version)
    if python is None:
        pytest.skip(f"needs Python {version}")
    command = [python, "-m", "utils", "demo"]
    result = subprocess.run(command, cwd=small_course, capture_output=True, text=True)
    assert result.returncode == 1
    assert f"the course needs Python 3.11 or newer, but this is {version}" in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


def test_python_3_7_can_read_the_front_door(root):
    for name in ("__main__", "__init__", "python_versions"):
        ast.parse((root / "utils" / f"{name}.py").read_text("utf-8"), feature_version=(3, 7))


def program(folder: Path, name: str, script: str) -> None:
    """Write a shell script that can be called by its name if `folder` is on PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    (folder / name).chmod(0o755)


def refusal(monkeypatch, capsys, tmp_path: Path, *argv: str) -> str:
    """Return what Python 3.10 says, with `tmp_path`/bin alone on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(front_door, "STAMP", tmp_path / "none.json")
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert front_door.main(list(argv)) == 1
    return capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="needs shell scripts")
def test_the_refusal_names_the_newest_tested_python_that_runs(monkeypatch, capsys, tmp_path):
    program(tmp_path / "bin", "python3.16", "echo '(3, 16)'")
    program(tmp_path / "bin", "python3.15", "echo pyenv: command not found >&2; exit 127")
    program(tmp_path / "bin", "python3.13", "echo '(3, 13)'")
    program(tmp_path / "bin", "python3.12", "echo '(3, 12)'")
    said = refusal(monkeypatch, capsys, tmp_path, "check", "my work.ipynb")
    assert "needs Python 3.11 or newer" in said
    assert said.endswith("call it: python3.13 -m utils check 'my work.ipynb'\n")


@pytest.mark.skipif(sys.platform != "linux", reason="needs shell scripts and Linux's advice")
def test_the_refusal_names_a_python_that_can_be_installed(monkeypatch, capsys, tmp_path):
    said = refusal(monkeypatch, capsys, tmp_path, "demo")
    assert "Install any of 3.11 to 3.15" in said
    assert "python3.15 -m utils demo" in said
    names = "python3.10-venv\npython3.12\npython3.12-venv\npython3.14\npython3.99-venv"
    program(tmp_path / "bin", "apt-cache", f"echo '{names}'")
    said = refusal(monkeypatch, capsys, tmp_path, "demo")
    assert "`sudo apt-get install python3.12 python3.12-venv`" in said
    assert said.endswith("python3.12 -m utils demo\n")


@pytest.mark.parametrize(
    ("listed", "advice"),
    [
        (" -V:3.12 *        Python 3.12 (64-bit)\n -V:3.9   Python 3.9", "py -3.12 -m utils demo"),
        (" 3.14[-64]  *  Python 3.14.2\n 3.11[-64]  Python 3.11.9", "py -3.14 -m utils demo"),
        (" -V:3.9 *  Python 3.9", "Install Python 3.15 from https://www.python.org/"),
        ("", "py -3.15 -m utils demo"),
    ],
)
def test_the_refusal_on_windows_speaks_of_py(listed, advice):
    with pytest.MonkeyPatch.context() as patch:  # pytest itself would not work so
        patch.setattr(python_versions, "output_of", lambda *command: listed)
        patch.setattr(os, "name", "nt")
        said = python_versions.python_advice(["demo"], (3, 11), (3, 15))
    assert advice in said


@pytest.mark.slow
def test_a_python_newer_than_those_tested_is_told_and_goes_on(small_course):
    source = small_course / "utils" / "__main__.py"
    text = source.read_text(encoding="utf-8")
    tested = "NEWEST_TESTED = (3, 11), (3, 15)"
    assert tested in text
    source.write_text(text.replace(tested, "NEWEST_TESTED = (3, 5), (3, 6)"), encoding="utf-8")
    first = call(small_course, "lab")
    said = "is newer than the newest one that the course has been tested with, 3.6; going on"
    assert first.stdout.count(said) == 1, first.stderr
    link_package(small_course)
    second = call(small_course, "lab")
    assert second.returncode == 7
    assert said not in second.stdout


def test_uv_is_used_where_there_is_one(monkeypatch):
    calls = []
    monkeypatch.setattr(front_door.shutil, "which", lambda name: f"/opt/{name}")
    monkeypatch.setattr(
        front_door.subprocess,
        "run",
        lambda command, **_: calls.append(command) or subprocess.CompletedProcess(command, 0),
    )
    monkeypatch.setattr(front_door, "run_with_progress", lambda command: calls.append(command))
    front_door.create_venv()
    front_door.install()
    assert "--without-pip" in calls[0]
    assert calls[1][:3] == ["/opt/uv", "pip", "install"]


# Runs an installer as the front door does, with everything in the folder that is its argument.
INSTALL = """
import sys, time
from pathlib import Path
from utils import __main__ as front_door
from utils import python_versions
folder = Path(sys.argv[1])
front_door.LOG, front_door.VENV = folder / "log", folder
front_door.SECONDS_BETWEEN_LINES = 0.2
installer = [sys.executable, "-c", (folder / "installer.py").read_text(), str(folder)]
try:
    print("status", front_door.run_with_progress(installer), flush=True)
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
# What pip prints; it goes on as soon as the front door has shown each state.
PIP = """
import sys, sysconfig, time
from pathlib import Path
folder = Path(sys.argv[1])
packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
packages.mkdir(parents=True)
def shown(text):
    while text not in (folder / "shown").read_text():
        time.sleep(0.05)
for name in ("numpy", "scipy", "dask"):
    print("Collecting", name)
shown("found 3 packages to install")
print("Installing collected packages: numpy, scipy, dask")
(packages / "numpy-2.5.dist-info").mkdir()
shown("installed 1 of 3 packages")
"""


@pytest.mark.skipif(os.name != "posix", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("terminal", [True, False], ids=["terminal", "pipe"])
def test_an_installation_shows_its_progress_and_not_its_output(root, tmp_path, terminal):
    (tmp_path / "installer.py").write_text(PIP)
    (tmp_path / "shown").write_text("")
    reader, writer = os.openpty() if terminal else os.pipe()
    command = [sys.executable, "-c", INSTALL, str(tmp_path)]
    with subprocess.Popen(command, cwd=root, stdout=writer):
        os.close(writer)
        output = b""
        while True:
            try:
                piece = os.read(reader, 1000)
            except OSError:  # so Linux says that nobody can write to a terminal any longer
                break
            if not piece:
                break
            output += piece
            (tmp_path / "shown").write_bytes(output)
    os.close(reader)
    text = output.decode()
    assert text.replace("\r\n", "\n").endswith("status 0\n")
    assert "Collecting" not in text
    assert "Collecting dask" in (tmp_path / "log").read_text()
    if terminal:
        *states, cleared, last = text.split("\r")[1:-1]
        assert all("\n" not in state for state in states), "it is one line"
        assert cleared == " " * len(states[-1].rstrip()), "nothing of it stays"
        assert last == "status 0"
    else:
        assert "\r" not in text


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C goes to a group of processes there")
def test_ctrl_c_ends_an_installation(root, tmp_path):
    (tmp_path / "installer.py").write_text(
        "import os, sys, time; from pathlib import Path\n"
        "(Path(sys.argv[1]) / 'pid').write_text(str(os.getpid()))\n"
        "time.sleep(99)"
    )
    command = [sys.executable, "-c", INSTALL, str(tmp_path)]
    options = {"cwd": root, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **options) as process:
        while not (tmp_path / "pid").is_file() or not (tmp_path / "pid").read_text():
            assert process.poll() is None
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=60)
    assert output.decode().endswith("interrupted\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_requirements_have_two_bounds_and_end_with_the_course(root):
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert lines[-1] == "-e ."
    for line in lines[:-1]:
        assert "==" in line or (">=" in line and "<" in line), line


@pytest.mark.skipif(os.name != "posix", reason="a process cannot become another here")
def test_the_front_door_becomes_the_command_so_that_signals_reach_it():
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from pathlib import Path\n"
        "from utils import __main__ as front_door\n"
        "front_door.PYTHON = Path(sys.executable)\n"
        "front_door.run_in_environment('check', ['nothing.ipynb'])\n"
        "print('came back')"
    )
    root = Path(front_door.__file__).resolve().parents[1]
    command = [sys.executable, "-P", "-c", code, str(root)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert "there is no file nothing.ipynb" in result.stderr
    assert result.returncode == 2
    assert "came back" not in result.stdout
