"""`lab`: JupyterLab, where nothing may be written, and asked to end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from traitlets.config import Config

from tests.processes import gone, survivors
from utils.commands import lab


def test_it_keeps_kernels_quiet_in_this_environment_only(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    lab.keep_kernels_quiet()
    config = tmp_path / "etc" / "ipython" / "ipython_kernel_config.py"
    found = Config()
    exec(config.read_text(), {"get_config": lambda: found})
    assert found.IPKernelApp.log_level == "ERROR"
    config.write_text("# somebody's own\n")
    lab.keep_kernels_quiet()
    assert config.read_text() == "# somebody's own\n"


START_LAB = (
    "import sys; sys.path.insert(0, sys.argv.pop(1)); sys.prefix = sys.argv.pop(1)\n"
    "from utils.commands import lab\n"
    "sys.exit(lab.main(['--allow-root', '--no-browser', '--ServerApp.port=0',\n"
    "                   '--IdentityProvider.token=secret']))"
)


def ask(url: str, **body) -> dict:
    """Ask JupyterLab's server for something, with a body to make it."""
    request = urllib.request.Request(url, headers={"Authorization": "token secret"})
    if body:
        request.data = json.dumps(body).encode()
    for attempt in range(600):  # its address is known before it listens
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            if attempt == 599:
                raise
            time.sleep(0.1)
    raise AssertionError


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked for in /proc")
def test_it_in_a_read_only_course_ends_with_its_kernels_when_asked(root, tmp_path, monkeypatch):
    course, home = tmp_path / "a course", tmp_path / "home"
    shutil.copytree(root / "utils", course / "utils", ignore=shutil.ignore_patterns("__pycache__"))
    (course / "lectures").mkdir()
    (course / "environment").mkdir()
    home.mkdir()
    for path in [course, *course.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    monkeypatch.setenv("LAB_OF_THIS_TEST", str(os.getpid()))
    mark = f"LAB_OF_THIS_TEST={os.getpid()}"
    for name in ("HOME", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(home))
    # root may write everywhere, unless it gives that up
    as_reader = ["setpriv", "--bounding-set=-dac_override"] if os.geteuid() == 0 else []
    if as_reader and not shutil.which("setpriv"):
        pytest.skip("root cannot give up its rights here")
    environment = str(course / "environment")
    process = subprocess.Popen(
        [*as_reader, sys.executable, "-P", "-B", "-c", START_LAB, str(course), environment],
        cwd=course,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        deadline = time.monotonic() + 120
        while not (found := list(home.glob("jpserver-*.json"))) and time.monotonic() < deadline:
            assert process.poll() is None, process.stdout.read()
            time.sleep(0.1)
        url = json.loads(found[0].read_text())["url"]
        assert ask(f"{url}api/kernels", name="python3")["id"]
        assert len(survivors(mark)) >= 3  # the command, the server, the kernel
        process.send_signal(signal.SIGTERM)
        said, _ = process.communicate(timeout=120)
        assert "lab.py" not in said, said  # no traceback of ours; of a kernel that starts, perhaps
        assert gone(mark), survivors(mark)
        assert not list((course / "environment").iterdir())
    finally:
        for left in survivors(mark):
            os.kill(left, signal.SIGKILL)
        process.communicate()
        for path in [course, *course.rglob("*")]:
            path.chmod(0o755)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_it_asked_to_end_while_jupyterlab_starts_ends_it(monkeypatch, tmp_path):
    script = tmp_path / "started.py"
    script.write_text("import time; print('started', flush=True); time.sleep(300)")
    started = subprocess.Popen

    def start(command, **options):
        os.kill(os.getpid(), signal.SIGTERM)  # at the worst moment
        return started([sys.executable, str(script)], **options)

    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(lab.subprocess, "Popen", start)
    before = signal.getsignal(signal.SIGTERM)
    assert lab.main(["--allow-root"]) == -signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == before


def test_what_starts_jupyterlab_and_nbgrader_waits_for_no_grammar():
    code = "import sys, jsonschema; sys.exit('lark' in sys.modules)"  # three seconds each time
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
