"""The front door: makes the environment once, mends it after a move, and names what is wrong."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from traitlets.config import Config

from utils import __main__ as front_door
from utils.commands import lab

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
    for name in ("utils/__init__.py", "utils/__main__.py", "utils/commands/__init__.py"):
        shutil.copy(root / name, course / name)
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


@pytest.mark.parametrize(("arguments", "status"), [((), 2), (("--help",), 0), (("nonsense",), 2)])
def test_the_list_of_commands_needs_no_environment(small_course, arguments, status):
    result = call(small_course, *arguments)
    assert result.returncode == status
    for command in front_door.COMMANDS:
        assert command in result.stdout + result.stderr
    assert not (small_course / ".venv").exists()


def test_a_list_of_commands_that_nobody_reads_is_no_error(small_course):
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
def test_first_call_makes_the_environment_and_later_calls_reuse_it(small_course):
    first = call(small_course, "lab")
    assert "setting up .venv" in first.stdout, first.stderr
    link_package(small_course)
    second = call(small_course, "lab", "--flag", "a b")
    assert second.returncode == 7
    assert "[course]" not in second.stdout
    assert f"prefix {small_course / '.venv'}" in second.stdout
    assert "['--flag', 'a b']" in second.stdout


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
def test_changed_requirements_are_installed(small_course):
    call(small_course, "lab")
    link_package(small_course)
    (small_course / "requirements.txt").write_text("# still nothing\n", encoding="utf-8")
    assert "installing requirements.txt" in call(small_course, "lab").stdout


@pytest.mark.slow
def test_a_failed_installation_says_what_to_do_and_the_next_call_goes_on(small_course):
    (small_course / "requirements.txt").write_text("./no-such-package\n", encoding="utf-8")
    failed = call(small_course, "lab")
    assert failed.returncode == 1
    assert "could not be installed" in failed.stderr
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


def test_a_python_too_old_or_too_new_gets_a_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(front_door, "STAMP", tmp_path / "none.json")
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    assert front_door.main(["doctor"]) == 1
    assert "needs Python 3.11 to 3.13" in capsys.readouterr().err


def test_uv_is_used_where_there_is_one(monkeypatch):
    calls = []
    monkeypatch.setattr(front_door.shutil, "which", lambda name: f"/opt/{name}")
    monkeypatch.setattr(
        front_door.subprocess,
        "run",
        lambda command, **_: calls.append(command) or subprocess.CompletedProcess(command, 0),
    )
    front_door.create_venv()
    front_door.install()
    assert "--without-pip" in calls[0]
    assert calls[1][:3] == ["/opt/uv", "pip", "install"]


def test_requirements_have_two_bounds_and_end_with_the_course(root):
    lines = (root / "requirements.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert lines[-1] == "-e ."
    for line in lines[:-1]:
        assert "==" in line or (">=" in line and "<" in line), line


def test_what_starts_jupyterlab_and_nbgrader_waits_for_no_grammar():
    code = "import sys, jsonschema; sys.exit('lark' in sys.modules)"  # three seconds each time
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_doctor_finds_a_damaged_data_folder(monkeypatch, capsys, tmp_path):
    from utils.commands import doctor

    monkeypatch.setenv("MNIST_DIR", str(tmp_path / "nothing here"))
    assert doctor.main([]) == 1
    printed = capsys.readouterr().out
    assert "nothing here" in printed
    assert "NO" in printed


def test_doctor_is_content_with_this_machine(monkeypatch, capsys):
    from utils.commands import doctor

    monkeypatch.setenv("MNIST_DIR", "digits")
    status = doctor.main([])
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "numpy" in printed
    assert "gives digits" in printed


def test_lab_keeps_kernels_quiet_in_this_environment_only(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    lab.keep_kernels_quiet()
    config = tmp_path / "etc" / "ipython" / "ipython_kernel_config.py"
    found = Config()
    exec(config.read_text(), {"get_config": lambda: found})
    assert found.IPKernelApp.log_level == "ERROR"
    config.write_text("# somebody's own\n")
    lab.keep_kernels_quiet()
    assert config.read_text() == "# somebody's own\n"


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
