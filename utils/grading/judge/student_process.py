"""The student process: runs the cells that a student may edit, and answers the judge.

The answers come from `remote.student_connection`.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
from collections.abc import Collection

from utils.grading.notebook.extra_files import import_from_working_folder
from utils.grading.notebook.shell import CellShell
from utils.grading.remote.student_connection import StudentConnection
from utils.grading.sandbox.blocked_imports import forget_staff_modules


def main(
    sock: socket.socket, shell: CellShell, output_limit: int, modules: Collection[str] = ()
) -> None:
    """Run as a student process until the judge closes the connection.

    Args:
        sock: a socket connected to the judge.
        shell: runs the cells.
        output_limit: maximum bytes of a cell's output.
        modules: names of the modules that the course has put beside the notebook.
    """
    shell.outputs.limit = output_limit
    link = StudentConnection(sock, shell)
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and hasattr(signal, "SIGALRM"):  # Windows has none
        signal.signal(signal.SIGALRM, link.overdue)
    import_from_working_folder(modules)
    if "utils" in modules:
        for name in [name for name in sys.modules if name.partition(".")[0] == "utils"]:
            del sys.modules[name]
    else:
        forget_staff_modules()
    link.serve()
