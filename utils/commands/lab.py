"""`lab`: open JupyterLab on the lectures."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from utils.system import ROOT, atomic_write

MARK = "# Written by the course. Changes are lost unless you delete this line."
SAVING = "--ContentsManager.pre_save_hook=utils.saved_widgets.before_saving"
KERNEL_CONFIG = """{mark}
import sys

c = get_config()
sys.path.insert(0, {root!r})
try:
    import utils.grading.notebook.extra_files  # from now on, this is `utils`
    c.InteractiveShellApp.extensions.append("utils.grading.notebook.extra_files")
except ImportError:
    pass  # the course has been moved: its next `lab` or `check` mends this
finally:
    sys.path.remove({root!r})
"""


def main(argv: list[str]) -> int:
    """Start JupyterLab with the course folder as its root; arguments go to JupyterLab."""
    command = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}"]
    if {"-h", "--help", "--help-all", "--version"} & {*argv}:
        return subprocess.run([*command, *argv], cwd=ROOT).returncode
    if getattr(os, "geteuid", lambda: 1)() == 0 and "--allow-root" not in argv:
        print(
            "JupyterLab does not run as root, since every notebook could then change this machine; "
            "start it as an ordinary user, or in a container with `lab --allow-root`",
            file=sys.stderr,
        )
        return 1
    start_page = "--LabApp.default_url=/lab/tree/lectures"
    with contextlib.suppress(OSError):  # not writable: accept questions and warnings
        ask_no_questions()
        keep_kernels_quiet()
        let_the_course_win()
    print("JupyterLab opens in your browser; Ctrl-C here ends it")
    asked: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    try:
        process = subprocess.Popen([*command, start_page, SAVING, *argv], cwd=ROOT)
        signal.signal(signal.SIGTERM, lambda *_: process.terminate())  # this also ends its kernels
        if asked:
            process.terminate()
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue  # JupyterLab asks, and ends on the second Ctrl-C
    finally:
        signal.signal(signal.SIGTERM, before)


def ask_no_questions() -> None:
    """Turn off JupyterLab's question whether it may fetch news, in this environment only."""
    config = Path(sys.prefix) / "etc" / "jupyter" / "labconfig" / "page_config.json"
    if not config.exists():
        config.parent.mkdir(parents=True, exist_ok=True)
        announcements = "@jupyterlab/apputils-extension:announcements"
        config.write_text(json.dumps({"disabledExtensions": {announcements: True}}))


def keep_kernels_quiet() -> None:
    """Let kernels of this environment log errors only.

    On its start, each kernel would warn in the terminal that its messages on this machine are
    signed but not encrypted, which is normal.
    """
    config = Path(sys.prefix) / "etc" / "ipython" / "ipython_kernel_config.py"
    if not config.exists():
        config.parent.mkdir(parents=True, exist_ok=True)
        config.write_text('c = get_config()\nc.IPKernelApp.log_level = "ERROR"\n')


def let_the_course_win() -> None:
    """Let kernels of this environment import the course's modules before a student's files.

    Jupyter looks into a notebook's folder first: a `utils.py` there would hide the course's package
    from the cells of checks.
    """
    if sys.prefix == sys.base_prefix:
        return  # not a virtual environment
    config = Path(sys.prefix) / "etc" / "ipython" / "ipython_config.py"
    wanted = KERNEL_CONFIG.format(mark=MARK, root=str(ROOT)).encode()
    found = config.read_bytes() if config.exists() else b""  # bytes, as its encoding is unknown
    if found != wanted and (not found or found.startswith(MARK.encode())):
        atomic_write(config, wanted)
