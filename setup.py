"""With pip, this folder installs what a student needs; pyproject.toml says the rest."""

import sys
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
from utils.student_modules import student_packages  # noqa: E402

setup(install_requires=student_packages(ROOT))
