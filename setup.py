"""With pip, this folder installs what a student needs and nothing for staff."""

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))
from utils.student_modules import student_modules, student_packages  # noqa: E402

MODULES = student_modules(ROOT)


class StudentModules(build_py):
    """Copies the modules of a package that a student needs."""

    def find_package_modules(self, package: str, package_dir: str) -> list[tuple[str, str, str]]:
        found = super().find_package_modules(package, package_dir)
        return [one for one in found if one[1] == "__init__" or f"{package}.{one[1]}" in MODULES]


setup(
    packages=[name for name, path in MODULES.items() if path.name == "__init__.py"],
    install_requires=student_packages(ROOT),
    cmdclass={"build_py": StudentModules},
)
