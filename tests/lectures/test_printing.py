"""The README's command that prints the slides of a lecture as a PDF file."""

import os
import re
import shlex
import shutil
import subprocess

import pytest

from utils.chromium import PROGRAMS
from utils.commands import slides
from utils.system import ROOT

CHROMIUM = next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium")
def test_the_readmes_command_prints_every_slide(tmp_path):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^    (chromium --headless.*?\?print-pdf\")$", readme, re.M | re.S)
    name = re.search(r"lectures/slides/(\w+)/", command)[1]
    folder = tmp_path / "lectures" / "slides" / name
    count = slides.write_slides(slides.find_lecture(ROOT, name), folder)
    words = shlex.split(command.replace("$PWD", str(tmp_path)).replace("\\\n", " "))
    as_root = ["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
    home = {**os.environ, "HOME": str(tmp_path)}
    for _ in range(3):  # Chromium's clock runs on while a busy machine loads the page
        subprocess.run(
            [CHROMIUM, *as_root, *words[1:]],
            cwd=tmp_path,
            env=home,
            capture_output=True,
            check=True,
            timeout=240,
        )
        (file,) = tmp_path.glob("*.pdf")
        pages = len(re.findall(rb"/Type\s*/Page\b", file.read_bytes()))
        if pages == count:
            break
    assert pages == count
